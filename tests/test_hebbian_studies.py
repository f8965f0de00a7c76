"""The studies of the Hebbian memories: each runs quickly, judges itself, draws from its file, and can fail."""

import numpy as np
import pytest

from sdrsim.files import read_result
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.study import load_study, run_study, study_names

STUDIES = [name for name in study_names() if not name.startswith("sparsey") and name != "rule-benchmark"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Quick result files, each run when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("studies"), {}

    def file(name):
        if name not in made:
            study = load_study(name)
            if why := study.missing():
                pytest.skip(why)
            made[name] = run_study(study, study.params(quick=True), 1, folder)
        return made[name]

    return file


@pytest.mark.parametrize("name", STUDIES)
def test_a_quick_run_is_judged_well(name, files):
    result = read_result(files(name))
    checks = checks_from(result.checks)
    assert len(checks) >= 2
    assert [c.name for c in checks if c.verdict == "FAILS"] == []
    assert all(c.source for c in checks)


@pytest.mark.parametrize("name", STUDIES)
def test_its_figure_is_drawn_from_the_file(name, files, tmp_path):
    result, study = read_result(files(name)), load_study(name)
    with plotting.house():
        figure = study.draw(result.tables)
    assert sum(bool(ax.get_xlabel() and ax.get_ylabel()) for ax in figure.axes) >= 2
    made = plotting.save(figure, tmp_path / name, result.tables)
    assert all(path.stat().st_size > 10 for path in made)


@pytest.mark.parametrize("name", STUDIES)
def test_other_tables_are_judged_otherwise(name, files):
    """Every measured column that is not a key, moved away (shares stay shares): some check must say no."""
    result, study = read_result(files(name)), load_study(name)
    tables = {}
    for key, table in dict(result.tables).items():
        columns = {c: np.array(table[c]) for c in table.columns}
        for c, values in columns.items():
            if values.dtype.kind == "f" and not c.startswith(("theory", "p_", "load", "fraction")):
                shares = np.nanmin(values, initial=0) >= 0 and np.nanmax(values, initial=0) <= 1
                columns[c] = 1 - values[::-1] if shares else values[::-1] * 3.7 + 0.31
            elif c in ("erased", "inserted"):  # counts beside the number of trials
                columns[c] = values[::-1]
        tables[key] = type(table)(columns)
    assert any(c.verdict == "FAILS" for c in study.checks(tables))
