"""The study of crossbar against SRAM: prices on both sides, the crossing, arrays touched, checks that can fail."""

import numpy as np
import pytest

from sdrsim.files import read_result
from sdrsim.hardware import Card
from sdrsim.hardware.sram import sram
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import crossbar_sram as study
from sdrsim.studies.study import load_study, run_study


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    found = load_study("crossbar-sram")
    return read_result(run_study(found, found.params(quick=True), 5, tmp_path_factory.mktemp("study")))


def test_it_is_judged_well(result):
    checks = checks_from(result.checks)
    assert [c.name for c in checks if c.verdict != "ok"] == []
    assert len(checks) >= 6


@pytest.mark.parametrize(("capacity", "port"), [(8 << 10, 64), (1 << 20, 1024), (2 << 20, 64)])
def test_an_sram_reads_words_and_adds(capacity, port):
    n, active = 1024, 5
    card = study._sram(capacity, port)
    low, pj, high = study._adding(study._priced(study._event(capacity * 8 // n, n, active), card))
    by_hand = active * (
        n / port * sram(capacity, port, 32).e_read.value + n * Card.load("crossbar").op("add_int8").value
    )
    assert pj == pytest.approx(by_hand, rel=1e-12)
    assert low < pj < high


def test_a_crossbar_converts_every_column_once():
    pj = [study._adding(study._priced(study._event(256, 512, s), study._crossbar()))[1] for s in (1, 2, 3)]
    assert pj[2] - pj[1] == pytest.approx(pj[1] - pj[0])
    assert pj[1] - pj[0] == pytest.approx(0.42 + 512 * 0.003)
    cheap = study._adding(study._priced(study._event(256, 512, 1), study._crossbar(0.065)))[1]
    assert pj[0] - cheap == pytest.approx(512 * (1.67 - 0.065))


def test_at_the_crossing_both_cost_the_same():
    analog, digital, n = study._crossbar(), study._sram(256 << 10, 64), 1024
    s = study._crossing(analog, digital, 64, n)
    below, above = int(s), int(s) + 1
    costs = [
        [study._adding(study._priced(study._event(2048, n, rows), card))[1] for card in (analog, digital)]
        for rows in (below, above)
    ]
    assert costs[0][0] > costs[0][1]
    assert costs[1][0] < costs[1][1]


def test_an_sram_that_never_loses():
    free = study._sram(8 << 10, 64).replace({"compute.add_int8": 0.0, "sram.e_read": 1e-6})
    assert study._crossing(study._crossbar(), free, 64, 1024) == np.inf


def test_arrays_touched():
    assert study._touched(4096, 1) == pytest.approx(1)
    assert study._touched(4096, 4096) == 32
    assert study._touched(200, 1) == pytest.approx(1)
    rng = np.random.default_rng(0)
    drawn = [len(np.unique(rng.choice(1000, 12, replace=False) // 128)) for _ in range(4000)]
    assert np.mean(drawn) == pytest.approx(study._touched(1000, 12), abs=4 * np.std(drawn) / np.sqrt(4000))


def test_spread_over_arrays_the_advantage_waits(result):
    t = result.tables["memory"]
    one, many, digital = (t[f"{name}_pj_per_synop"] for name in ("one_array", "many_arrays", "sram"))
    assert (many >= one).all()
    assert np.ptp(digital) < 1e-9 * digital[0]
    few = t["active"] == 8
    assert one[few][0] < digital[few][0] < many[few][0]


@pytest.mark.parametrize(
    ("table", "column", "change", "said"),
    [
        ("read", "pj", lambda v: v * 1.01, "crossbar: the estimate against the formula of the card, worst"),
        ("read", "pj_per_synop", lambda v: v[::-1], "crossbar: energy an operation falls with rows"),
        ("crossing", "crossing", lambda v: v + 1, "crossings away from theory"),
        ("crossing", "theory", lambda v: v * 0.3, "least rows at which a crossbar wins"),
        ("memory", "arrays", lambda v: v * 0.8, "arrays that a cue touches, worst |z|"),
        ("memory", "many_arrays_pj_per_synop", lambda v: v * 0.5, "many arrays over one, least"),
    ],
)
def test_checks_can_fail(result, table, column, change, said):
    tables = dict(result.tables)
    tables[table] = tables[table].with_columns(**{column: change(np.array(tables[table][column]))})
    assert said in [c.name for c in study.checks(tables) if c.verdict == "FAILS"]


def test_drawn(result):
    with plotting.house():
        figure = load_study("crossbar-sram").draw(result.tables)
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)
