"""The study of sparse against dense reading: runs quickly, judges itself, and can fail; energies of rows by hand."""

import numpy as np
import pytest

from sdrsim.files import Table, read_result
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import sparse_dense_crossover as study_module
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("sparse-dense-crossover")
    return read_result(run_study(study, study.params(quick=True), 3, tmp_path_factory.mktemp("crossover")))


def test_it_judges_itself_well(result):
    found = checks_from(result.checks)
    assert [c.name for c in found if not c.ok] == []
    names = {c.name for c in found}
    for place in ("SRAM", "DRAM core", "DRAM, all"):
        assert f"{place}, event: crossing of the run" in names
    assert {"SRAM: crossing by the formula", "DRAM core: crossing by the formula"} <= names
    assert all(c.source for c in found)


def failing(result, name, **columns):
    tables = dict(result.tables)
    old = {c: np.array(tables[name][c]) for c in tables[name].columns}
    tables[name] = Table(old | {c: change(old) for c, change in columns.items()})
    return [c.name for c in study_module.checks(tables) if not c.ok]


def test_numbers_that_are_off_are_refused(result):
    assert "SRAM: e_event_pj" in failing(result, "rows", e_event_pj=lambda t: 1.02 * t["e_event_pj"])
    off = failing(result, "crossing", crossing=lambda t: t["crossing"] - 0.03)
    assert {"SRAM, event: crossing of the run", "DRAM core, event: crossing of the run"} <= set(off)
    lost = failing(result, "energy", pj=lambda t: np.where(t["layout"] == "event", 0.9 * t["pj"], t["pj"]))
    assert "SRAM, event: energy off rows times that of one" in lost


def test_energies_of_a_row_by_hand(result):
    rows = {(r["place"], r["layout"]): r for r in result.tables["rows"].rows()}
    sram = rows["SRAM", "event"]
    assert sram["e_dense_pj"] == pytest.approx(754 + 1024 * 0.03, rel=1e-3)
    assert sram["e_event_pj"] == pytest.approx(16 * 93.52 + 1024 * 0.03 + 111)
    dram = rows["DRAM core", "event"]
    assert dram["e_dense_pj"] == pytest.approx(2 * 2932.224 + 3450.144 / 64)
    assert dram["e_event_pj"] == pytest.approx(2 * 2932.224 + 3450.144)
    assert rows["DRAM, all", "event"]["e_event_pj"] == pytest.approx(dram["e_event_pj"] + 10240 + 30.72 + 111)


def test_lists_save_words_in_sram_and_no_burst_in_dram(result):
    rows = {(r["place"], r["layout"]): r for r in result.tables["rows"].rows()}
    assert rows["SRAM", "CSR"]["e_event_pj"] < 0.6 * rows["SRAM", "event"]["e_event_pj"]
    assert rows["DRAM core", "CSR"]["e_event_pj"] == rows["DRAM core", "event"]["e_event_pj"]
    assert rows["DRAM core", "CSR"]["theory"] == 1.0  # what words alone would promise


def test_a_shorter_list_fits_one_burst():
    params = study_module.StudyParams(density=0.02)
    assert study_module.list_row(params) == (20, 28)
    core = study_module.places()[1]
    event, as_list = study_module._rows(params, core)
    assert as_list["e_event_pj"] == pytest.approx(event["e_event_pj"] - 2932.224)
    assert as_list["theory_words"] == pytest.approx(5918.357 / 6382.368, rel=1e-5)


def test_where_lines_cross():
    x = np.array([0.0, 0.5, 1.0])
    assert study_module._zero(x, np.array([-1.0, -0.5, 1.5])) == pytest.approx(0.625)
    assert np.isnan(study_module._zero(x, np.array([-1.0, -0.5, -0.1])))
