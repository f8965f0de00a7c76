"""The study of rooflines: bounds of memories, rows shared by batches, networks and the ridge, checks that fail."""

import numpy as np
import pytest

from sdrsim.engine.traffic import Traffic
from sdrsim.files import read_result
from sdrsim.hardware import Card
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import roofline as study
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    found = load_study("roofline")
    return read_result(run_study(found, found.params(quick=True), 5, tmp_path_factory.mktemp("study")))


def test_it_is_judged_well(result):
    checks = checks_from(result.checks)
    assert [c.name for c in checks if c.verdict != "ok"] == []
    assert {"published", "theory", "law"} == {c.kind for c in checks}


def test_points(result):
    t = result.tables["points"]
    assert len(t) == 2 * (25 + 9 + 2)
    one = t.where(name="Willshaw", batch=1, machine="as it is")
    assert (one["intensity"] * one["bits"]).tolist() == [8, 8, 8], "rows are whole bursts"
    for bits in (1, 4, 8):
        rows = t.where(name="Willshaw", bits=bits, machine="as it is")
        assert rows["intensity"].tolist() == sorted(rows["intensity"])
    nets = t.where(kind="network", machine="as it is")
    assert nets["intensity"].min() > 8, "every network above every binary memory asked for one item"
    wide = t.where(machine="more lanes")
    assert np.array_equal(wide["intensity"], t.where(machine="as it is")["intensity"])


def test_rows_of_a_batch_are_counted_from_the_trace(result):
    t = result.tables["shared"]
    single = t.where(batch=1)
    assert (single["n_distinct"] == single["n_read"]).all()
    assert (t["n_distinct"] <= np.minimum(t["n_read"], t["n_rows"])).all()
    assert t.where(batch=256)["n_distinct"].sum() < t.where(batch=16)["n_distinct"].sum() < single["n_distinct"].sum()


def test_batched_traffic_keeps_the_work():
    params = study.StudyParams(**{**study.QUICK, "batches": (1, 8)})
    whole, shared = study._willshaw(params, 3)
    assert isinstance(whole, Traffic)
    for batch in (1, 8):
        made = study._batched(whole, shared, batch)
        assert made.total("synops") == whole.total("synops")
        assert made.total("rows_read") == shared.where(batch=batch)["n_distinct"].sum()
    assert study._batched(whole, shared, 1) == whole


def test_more_lanes_have_more_ports():
    card = study._widened(Card.load("cmos45_ddr4"), 640)
    assert (card.op_rate.value, card.level("core").ports, card.level("dram").ports) == (640, 10, 1)


@pytest.mark.parametrize(
    ("table", "column", "change", "said"),
    [
        ("points", "intensity", lambda v: v * 1.001, "memories: operations / byte over 8 B / b"),
        ("points", "intensity", lambda v: v * 0.999, "memories: operations / byte against the rows counted, worst"),
        ("points", "attained", lambda v: v * 1.01, "attained over the roof"),
        ("shared", "n_distinct", lambda v: v * 9 // 10, "batch 256: distinct rows, |z|"),
        (
            "elements",
            "netscope",
            lambda v: v * 1.2,
            "AlexNet, SqueezeNext, MobileNet v1, ShuffleNet v2 over the ridge of a P100",
        ),
        ("elements", "ridge", lambda v: v * 2, "ridge of a P100, MACs / element"),
    ],
)
def test_checks_can_fail(result, table, column, change, said):
    tables = dict(result.tables)
    tables[table] = tables[table].with_columns(**{column: change(np.array(tables[table][column]))})
    assert said in [c.name for c in study.checks(tables) if c.verdict == "FAILS"]


def test_drawn(result):
    with plotting.house():
        figure = load_study("roofline").draw(result.tables)
    assert len(figure.axes) == 3
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)


def test_the_same_seed_gives_the_same_tables(tmp_path):
    found = load_study("roofline")
    params = found.params({"n_units": 512, "n_batches": 3, "batches": (1, 4)}, quick=True)
    first, second = (read_result(run_study(found, params, 2, tmp_path / n)).tables for n in "ab")
    assert all(first[name] == second[name] for name in ("points", "shared", "elements"))
