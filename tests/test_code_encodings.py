"""The study of encodings: it holds quickly, whatever the seed and sizes; each of its checks can fail."""

import numpy as np
import pytest

from sdrsim.files import read_result
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import code_encodings as module
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("code-encodings")
    return read_result(run_study(study, study.params(quick=True), 1, tmp_path_factory.mktemp("encodings")))


def test_a_quick_run_holds(result):
    checks = checks_from(result.checks)
    assert len(checks) == 11
    assert [c.name for c in checks if c.verdict != "ok"] == []
    t = result.tables["activity"]
    assert len(t) == 100 * len(np.unique(t["p_active"]))


def test_other_sizes_and_seeds_hold(tmp_path):
    study = load_study("code-encodings")
    changes = {
        "n_units": 100,
        "activities": [0.05, 0.14, 0.6],
        "n_modules": 3,
        "module_sizes": [2, 7],
        "sizes": [3, 50],
    }
    for seed in (2, 3):
        found = read_result(run_study(study, study.params(changes, quick=True), seed, tmp_path / f"{seed}"))
        assert [c.name for c in checks_from(found.checks) if c.verdict != "ok"] == []


def test_the_figure_comes_from_the_tables(result, tmp_path):
    with plotting.house():
        figure = module.draw(result.tables)
    assert [ax.get_xlabel() for ax in figure.axes] == ["activity", "cells of a module", "units"]
    assert all(path.stat().st_size > 10 for path in plotting.save(figure, tmp_path / "e", result.tables))


CHANGES = [
    ("activity", "aer", lambda v: v * 1.1, "addresses: mean bits, worst |t|"),
    ("activity", "shortest", lambda v: v * 0.9, "shortest: mean bits, worst |t|"),
    ("activity", "shortest", lambda v: v + 1, "shortest over the shorter, largest"),
    ("activity", "shortest", lambda v: v * 0.5, "bits above the information, least"),
    ("activity", "as_addresses", lambda v: 1 - v, "codes sent against the law"),
    ("limit", "limit", lambda v: v + 1, "addresses shorter up to: distance from the formula, units"),
    ("modules", "block", lambda v: v + 1, "a block code saves: distance from the formula, bits"),
    ("modules", "block", lambda v: v + 100, "a block code saves at least, bits"),
    ("modules", "block", lambda v: v - 8, "block code: bits above the information, a module, least"),
    ("modules", "block", lambda v: v + 16, "block code: bits above the information, a module, most"),
    ("modules", "auto", lambda v: v - 1, "blocks: shortest over the shorter, largest"),
]


@pytest.mark.parametrize(("table", "column", "change", "name"), CHANGES, ids=[c[-1] for c in CHANGES])
def test_every_check_can_fail(result, table, column, change, name):
    t = result.tables[table]
    columns = {c: np.array(t[c]) for c in t.columns}
    columns[column] = change(columns[column])
    found = module.checks({**result.tables, table: type(t)(columns)})
    assert {c.name: c.verdict for c in found}[name] == "FAILS"
