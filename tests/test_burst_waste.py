"""The study of burst waste: runs quickly, judges itself, and can fail; rows fetched in five ways."""

import numpy as np
import pytest

from sdrsim.files import Table, read_result
from sdrsim.hardware.dram import dram
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import burst_waste as study_module
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("burst-waste")
    return read_result(run_study(study, study.params(quick=True), 3, tmp_path_factory.mktemp("waste")))


def test_it_judges_itself_well(result):
    found = checks_from(result.checks)
    assert [c.name for c in found if not c.ok] == []
    names = {c.name for c in found}
    assert {"DDR4, one byte alone: pJ", "DDR4, streamed: pJ a bit"} <= names
    for device in study_module.DEVICES:
        assert f"{device}: estimate off the formula" in names
    assert all(c.source for c in found)


def failing(result, **columns):
    tables = dict(result.tables)
    old = {c: np.array(tables["waste"][c]) for c in tables["waste"].columns}
    tables["waste"] = Table(old | {c: change(old) for c, change in columns.items()})
    return [c.name for c in study_module.checks(tables) if not c.ok]


def test_numbers_that_are_off_are_refused(result):
    off = failing(result, core_pj=lambda t: 1.02 * t["core_pj"])
    assert {"DDR4, one byte alone: pJ", "DDR4, streamed: pJ a bit", "HBM2, apart: off the formula"} <= set(off)
    assert failing(result, estimated=lambda t: 1.001 * t["estimated"]) == [
        f"{device}: estimate off the formula" for device in study_module.DEVICES
    ]
    assert len(failing(result, useful=lambda t: 0.99 * t["useful"])) == 3
    off = failing(result, bursts_a_row=lambda t: np.ceil(t["row_bytes"] / 64))
    assert "DDR4, unaligned: bursts of a row, worst |z|" in off


def test_a_byte_alone_and_a_byte_of_a_stream(result):
    t = result.tables["waste"].where(device="DDR4")
    alone, streamed = (t.where(way=way)["core_pj"] for way in ("apart", "streamed"))
    assert round(float(alone[0]), 1) == 797.8
    assert np.round(streamed, 1).tolist() == [5.8] * len(streamed)


@pytest.mark.parametrize("device", ["DDR4-2400", "LPDDR4-2400", "HBM2"])
@pytest.mark.parametrize("row_bytes", [1, 64, 200, 1024, 20_000])
def test_aligned_rows_begin_at_a_burst_and_cross_no_page_they_need_not(device, row_bytes):
    d, rng = dram(device), np.random.default_rng(0)
    starts = study_module._aligned(rng, 1 << 26, row_bytes, d, 500)
    assert not (starts % d.burst_bytes).any()
    pages = (starts + row_bytes - 1) // d.page_bytes - starts // d.page_bytes + 1
    assert set(pages.tolist()) == {-(-row_bytes // d.page_bytes)}
    assert starts.min() >= 0
    assert (starts + row_bytes).max() <= 1 << 26


def test_order_saves_pages_and_no_bursts(result):
    t = result.tables["waste"].where(device="HBM2", row_bytes=64)
    of = {row["way"]: row for row in t.rows()}
    assert of["in order, open"]["n_bursts"] == of["apart"]["n_bursts"] == 2000
    assert of["in order, open"]["n_activates"] == 2000 * 64 // 1024
    assert of["in order, closed"]["n_activates"] == of["apart"]["n_activates"] == 2000


def test_the_same_seed_draws_the_same_rows():
    params, d = study_module.StudyParams(n_rows=100), dram("DDR4-2400")
    made = [study_module._followed(params, d, "unaligned", 100, seed) for seed in (1, 1, 2)]
    assert made[0] == made[1]
    assert made[0] != made[2]
