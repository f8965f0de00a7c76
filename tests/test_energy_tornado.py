"""The study of sensitivity: runs quickly, judges itself, and can fail; numbers that act by time."""

import numpy as np
import pytest

from sdrsim.errors import ParameterError
from sdrsim.files import Table, read_result
from sdrsim.hardware import Card
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import energy_tornado as study_module
from sdrsim.studies.published._hardware import MEMORIES
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("energy-tornado")
    return read_result(run_study(study, study.params(quick=True), 3, tmp_path_factory.mktemp("tornado")))


def test_it_judges_itself_well(result):
    found = checks_from(result.checks)
    assert [c.name for c in found if not c.ok] == []
    names = {c.name for c in found}
    assert {"sum rule, low end", "sum rule, high end", "ends priced anew off the formula"} <= names
    assert {f"{memory}, rows outside: rank of the DRAM interface" for memory in MEMORIES} <= names
    assert all(c.source for c in found)


def failing(result, name, **columns):
    tables = dict(result.tables)
    old = {c: np.array(tables[name][c]) for c in tables[name].columns}
    tables[name] = Table(old | {c: change(old) for c, change in columns.items()})
    return [c.name for c in study_module.checks(tables) if not c.ok]


def test_numbers_that_are_off_are_refused(result):
    off = failing(result, "swing", low_pj=lambda t: 2 * t["nominal_pj"] - t["low_pj"])
    assert {"ends of prices round the nominal", "ends priced anew off the formula"} <= set(off)
    assert failing(result, "sums", sum_low_pj=lambda t: 1.001 * t["sum_low_pj"]) == ["sum rule, low end"]
    assert failing(result, "sums", nominal_pj=lambda t: 2 * t["high_pj"]) == ["bounds round the nominal"]
    narrow = failing(
        result,
        "swing",
        **{
            end: lambda t, end=end: np.where(t["number"] == "dram.e_io", t["nominal_pj"], t[end])
            for end in ("low_pj", "high_pj")
        },
    )
    assert sum("rank of the DRAM interface" in name for name in narrow) == 3


def test_every_unsure_price_that_was_used_is_moved(result):
    t, card = result.tables["swing"].where(memory="Willshaw", place="outside"), Card.load("cmos45_ddr4")
    moved = dict(zip(t["number"].tolist(), t["grade"].tolist()))
    assert {"dram.e_io", "compute.add_int8", "compute.neuron_update"} <= set(moved)
    for path in ("dram.e_io", "compute.add_int8"):
        assert moved[path] == card.quantities()[path].grade
    low, high = (t[end][t["number"] == "dram.e_io"][0] for end in ("low_pj", "high_pj"))
    nominal = t["nominal_pj"][0]
    assert high - nominal == pytest.approx(2 * (nominal - low))  # 5 and 20 round 10 pJ/bit


@pytest.mark.parametrize("name", ["energy-tornado", "energy-capacity"])
@pytest.mark.parametrize("card", ["eyeriss_relative", "crossbar", "loihi_sanafe"])
def test_a_card_of_other_units_or_without_dram_is_refused(name, card):
    study = load_study(name)
    with pytest.raises(ParameterError, match="in pJ with a memory off the chip"):
        study.run(study.params({"card": card}, quick=True), 0, lambda *_: None)


def test_numbers_of_time_act_the_other_way_round(result):
    t = result.tables["swing"].where(number="op_rate")
    assert len(t)
    assert (t["low_pj"] >= t["nominal_pj"]).all()  # slower arithmetic: DRAM idles for longer
    assert np.allclose(t["formula_low_pj"], t["low_pj"], rtol=1e-12)
    assert np.allclose(t["formula_high_pj"], t["high_pj"], rtol=1e-12)
