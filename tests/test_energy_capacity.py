"""The study of energy against on-chip capacity: runs quickly, judges itself, and can fail; its closed form."""

import numpy as np
import pytest

from sdrsim.files import Table, read_result
from sdrsim.hardware.sram import sram
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import energy_capacity as study_module
from sdrsim.studies.published._hardware import MEMORIES
from sdrsim.studies.study import load_study, run_study

CLOSED = [f"{kib} KiB: uJ an event {place} the chip" for kib in study_module.CLOSED_FORM for place in ("on", "off")]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("energy-capacity")
    return read_result(run_study(study, study.params(quick=True), 3, tmp_path_factory.mktemp("capacity")))


def test_it_judges_itself_well(result):
    found = checks_from(result.checks)
    assert [c.name for c in found if not c.ok] == []
    names = {c.name for c in found}
    assert set(CLOSED) <= names
    assert sum("hit rate" in name for name in names) == 14
    for memory in ("uniform", "Zipf", *MEMORIES):
        assert f"{memory}: capacities at which off-chip bytes rise" in names
    assert all(c.source for c in found)


def failing(result, name, **columns):
    tables = dict(result.tables)
    old = {c: np.array(tables[name][c]) for c in tables[name].columns}
    tables[name] = Table(old | {c: change(old) for c, change in columns.items()})
    return [c.name for c in study_module.checks(tables) if not c.ok]


def test_numbers_that_are_off_are_refused(result):
    assert failing(result, "closed_form", on_chip_uj=lambda t: 1.03 * t["on_chip_uj"]) == CLOSED[::2]
    lost = failing(result, "hits", hits=lambda t: t["hits"] * 9 // 10)
    assert "uniform rows, 8192 KiB: hit rate" in lost
    rising = failing(result, "total", off_chip_bytes=lambda t: t["off_chip_bytes"][::-1])
    assert "uniform: capacities at which off-chip bytes rise" in rising
    one_more = failing(result, "limits", moved_with_none=lambda t: t["moved_with_none"] + 64)
    assert len(one_more) == 5
    lost = failing(result, "energy", pj=lambda t: np.where(t["role"] == "weight", 0.0, t["pj"]))
    assert lost == ["parts over totals"]


@pytest.mark.parametrize("kib", [64, 1024, 16384, 32768])
def test_the_closed_form_by_hand(kib):
    """From the numbers of the SRAM and of DDR4-2400 themselves."""
    hit = kib / 32768
    on = 64 * 256 * sram(kib << 10, 64, 45, monolithic=True).e_read.value * (1 + 0.9 * (1 - hit))
    off = (1 - hit) * 64 * (3450.144 + 32 * 2932.224 + 16384 * 10)
    row = study_module._closed_form(kib << 10)
    assert row["on_chip_uj"] == pytest.approx(on * 1e-6, rel=1e-6)
    assert row["off_chip_uj"] == pytest.approx(off * 1e-6, rel=1e-6, abs=1e-12)


def test_more_room_saves_traffic_and_every_access_costs_more(result):
    t = result.tables["energy"].where(memory="uniform", role="weight")
    outside, inside = (t.where(on_chip=place)["pj"] for place in (False, True))
    assert outside[-1] < 0.5 * outside[0]  # of 500 events half the rows were touched before
    assert inside[-1] > inside[4]  # 64 MiB against 128 KiB, for fewer fills


def test_its_figure_has_a_panel_a_memory(result):
    figure = study_module.draw(result.tables)
    assert len(figure.axes) == 6
    assert all(ax.get_xlabel() and ax.get_ylabel() and ax.get_title() for ax in figure.axes)
