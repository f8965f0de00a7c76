"""The study of compact networks: the printed range, its laws on changed tables, memories, the footprint, the figure."""

import numpy as np
import pytest

from sdrsim.files import read_result
from sdrsim.hardware import cnn
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import ramifications as study
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    found = load_study("ramifications")
    return read_result(run_study(found, found.params(quick=True), 5, tmp_path_factory.mktemp("study")))


def failing(tables):
    return [c.name for c in study.checks(tables) if c.verdict == "FAILS"]


def changed(result, table, column, change):
    tables = dict(result.tables)
    tables[table] = tables[table].with_columns(**{column: change(np.array(tables[table][column]))})
    return tables


def test_all_networks_are_judged_well(result):
    checks = checks_from(result.checks)
    assert [c.name for c in checks if c.verdict != "ok"] == []
    assert {"published", "prototype", "law", "theory"} == {c.kind for c in checks}
    assert sorted(result.tables["ratio"]["network"]) == list(cnn.names())
    assert len(result.tables["bytes"]) == 2 * len(cnn.names())


def test_only_netscope_gives_both_ends_of_the_range(result):
    t = result.tables["ratio"]
    for convention in cnn.CONVENTIONS:
        ends = [round(float(t.where(network=n)[f"{convention}_per_parameter"][0]), 1) for n in study.PRINTED]
        assert (ends == list(study.PRINTED.values())) == (convention == "netscope")


@pytest.mark.parametrize(
    ("table", "column", "change", "said"),
    [
        ("ratio", "netscope", lambda v: v + (v == 17_806_032) * 1, "activations of 1.0-G-SqNxt-23"),
        ("ratio", "netscope", lambda v: v * 2, "activations / parameters of Inception v3"),
        ("ratio", "parameters", lambda v: v + 1, "parameters of VGG-16"),
        ("ratio", "intensity", lambda v: v[::-1], "fewer parameters, lower intensity"),
        ("energy", "pj", lambda v: v * 1.001, "energy by place and role against the total, worst"),
        ("bytes", "weights_off", lambda v: v - 1, "weights off the chip less the model, worst (bytes)"),
        ("bytes", "activations_off", lambda v: v * 0 + 1, "activations off the chip less the image, least (bytes)"),
        ("bytes", "low_pj", lambda v: v * 9, "low <= nominal <= high"),
        ("bytes", "dynamic_pj", lambda v: np.sort(v), "cmos45_ddr4: smaller model, more energy"),
        ("memories", "codes_per_weight", lambda v: v * 100, "codes / weights of the memories, largest"),
    ],
)
def test_checks_can_fail(result, table, column, change, said):
    if column == "dynamic_pj":
        tables = dict(result.tables)
        tables["bytes"] = tables["bytes"].with_columns(dynamic_pj=tables["bytes"]["model"] * 1.0)
    else:
        tables = changed(result, table, column, change)
    assert said in failing(tables)


def test_the_footprint_is_solved_from_two_ends(result):
    t = result.tables["footprint"]
    for name, factor in study.FOOTPRINT.items():
        assert t.where(network=name)["factor"][0] == pytest.approx(factor, rel=1e-12)
    assert t["batch"][0] == pytest.approx(5.2, abs=0.1)
    assert t["fixed_bytes"][0] == pytest.approx(852e6, rel=0.01)
    assert "illustration" in t.descriptions["factor"]


def test_memories_count_what_they_moved(result):
    t = result.tables["memories"]
    assert t["memory"].tolist() == ["Sparsey", "Willshaw", "Hopfield"]
    units = 1024
    assert t.where(memory="Willshaw")["weight_bits"][0] == units * units
    assert (t["all_per_weight"] < 0.2).all()
    assert (t["code_bits"] > 0).all()


def test_a_few_networks_alone(tmp_path):
    found = load_study("ramifications")
    params = found.params({"networks": ["nin", "alexnet"], "cards": ["horowitz45", "cmos45_ddr4"]}, quick=True)
    tables = read_result(run_study(found, params, 1, tmp_path)).tables
    assert failing(tables) == []
    assert len(tables["footprint"]) == 0
    with plotting.house():
        assert len(found.draw(tables).axes) == 4
