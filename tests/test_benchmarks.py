"""The benchmarks: how they measure, the table, the register, twins that compute what they stand for. No times."""

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))  # `benchmarks` stands beside the tests and is not installed

from benchmarks import kernels, mac, twins
from benchmarks.__main__ import main
from benchmarks.measure import Bench, Runner
from benchmarks.report import as_json, as_markdown, as_text, seconds
from benchmarks.rows import Goal, Row
from benchmarks.suites import SUITES
from benchmarks.touch import touch_batch
from sdrsim.engine.codes import SDR
from sdrsim.kernels import bits, sums, winners
from sdrsim.kernels.random import DRAW, TIE, key, unit
from sdrsim.models.sparsey import Mac, MacParams


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# ---- measuring -----------------------------------------------------------------------------------------------------


def test_alternatives_take_turns_and_each_is_warmed_before_it_is_timed():
    calls = []
    runners = {"a": lambda: calls.append("a"), "b": Runner(lambda state: calls.append(state), lambda: "b")}
    medians = Bench(n_samples=3, sample_s=1e-9).medians(runners, per=2)
    assert set(medians) == {"a", "b"}
    assert all(t >= 0 for t in medians.values())
    assert "".join(calls[-12:]) == "aabb" * 3  # one call to warm, one to time, in turn


def test_a_program_that_fails_is_no_measurement():
    with pytest.raises(Exception, match="exit status 3"):
        Bench(1).wall([sys.executable, "-c", "raise SystemExit(3)"])


# ---- rows and report -----------------------------------------------------------------------------------------------


def test_goals_have_a_direction():
    row = Row("what", "peer", ours_s=2.0, peer_s=50.0, limit_s=1.0)
    assert Goal("ratio", 25).met(row)
    assert not Goal("ratio", 25.1).met(row)
    assert Goal("limit", 0.5).met(row)
    assert not Goal("limit", 0.51).met(row)
    assert Goal("seconds", 2).met(row)
    assert not Goal("seconds", 1.9).met(row)
    assert Goal("slowdown", 0.04).met(row)
    assert not Goal("slowdown", 0.03).met(row)
    assert row.highest_ratio == 50
    assert math.isnan(Row("what", "nobody", 1.0).value("ratio"))


@pytest.mark.parametrize(
    ("value", "text"), [(2.5, "2.5 s"), (0.0123, "12.3 ms"), (4e-6, "4 us"), (5e-7, "500 ns"), (None, "-")]
)
def test_times_are_written_with_a_unit(value, text):
    assert seconds(value) == text


def test_the_report_says_what_was_missed():
    goals = (Goal("ratio", 50), Goal("ratio", 10, "aim"))
    results = {"suite": [Row("sum", "NumPy", 1e-6, 20e-6, 5e-7, goals), Row("start", "-", 0.02)]}
    line = as_text(results["suite"]).splitlines()[1]
    assert "20x" in line
    assert "must >= 50x; aim >= 10x" in line
    assert line.endswith("NO; yes")
    page = as_markdown(results, Bench())
    assert "## suite" in page
    assert "| sum | NumPy | 1 us | 20 us | 20x | 50 % | 40x |" in page
    kept = json.loads(as_json(results, Bench()))
    assert kept["suites"]["suite"][0]["goals"] == [
        {"goal": "must >= 50x", "met": False},
        {"goal": "aim >= 10x", "met": True},
    ]
    assert kept["suites"]["suite"][1]["ratio"] is None
    assert kept["machine"]["threads"] == 1


@pytest.mark.parametrize("arguments", [["--only", "nothing"], ["--write", "--quick"], ["--write", "--only", "sums"]])
def test_the_command_line_refuses(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_every_suite_is_a_function_with_a_sentence():
    assert {"sums", "learning", "winners", "mac", "frames", "startup"} <= set(SUITES)
    assert all(suite.__doc__ for suite in SUITES.values())


# ---- twins ---------------------------------------------------------------------------------------------------------


def test_sum_twins_and_the_touch(rng):
    dense = (rng.random((30, 2048)) < 0.3).view(np.uint8)
    matrix, queries = bits.pack_rows(dense), [np.array([0, 3, 29], np.int32), np.arange(30, dtype=np.int32)]
    expected = [dense[rows].astype(int).sum(axis=0) for rows in queries]
    assert np.array_equal(twins.take_and_sum(dense, queries), expected)
    assert np.array_equal(twins.take_and_sum_bytes(dense, queries), expected)
    assert np.array_equal(twins.unpack_and_sum(matrix[:-1], queries, 2048), expected)
    xor = np.zeros((2, 32), np.uint64)
    touch_batch(matrix, *kernels.flat(queries), xor)
    assert np.array_equal(bits.unpack_rows(xor, 2048), np.array(expected) % 2)
    planes = sums.aligned((2, 4, 7, 8), np.uint64)
    sums.sum_planes_batch(matrix, *kernels.flat(queries), planes)
    assert np.array_equal(kernels.from_planes(planes), expected)


def test_learning_twins(rng):
    pre, post = kernels.codes(3, 5, 40, 1), kernels.codes(3, 7, 200, 2)
    dense, words = np.zeros((40, 200), np.uint8), np.zeros((40, 4), np.uint64)
    twins.set_pairs(dense, pre, post)
    twins.or_words(words, pre, post)
    assert dense.sum() == len({(i, j) for a, b in zip(pre, post) for i in a for j in b})
    assert np.array_equal(bits.unpack_rows(words, 200), dense)


def test_winner_twins(rng):
    counts = rng.integers(0, 6, 8192).astype(np.uint8)
    planes, out = kernels.planes_of(counts), np.zeros(128, np.uint64)
    winners.cluster_winners(planes, 64, 128, out)
    assert np.array_equal(bits.unpack_rows(out, 8192), twins.cluster_winners(counts, 64))
    winners.top_k(planes, 8192, 100, out)
    assert np.array_equal(bits.unpack_rows(out, 8192), twins.top_k(counts, 100))


def test_the_twin_draws_the_numbers_of_the_mac():
    u = twins.uniforms(7, 3, 5, TIE)
    assert u.shape == (3, 5)
    for item in range(3):
        for cm in range(5):
            assert u[item, cm] == unit(np.uint64(key(np.uint64(7), item, 0, 4 * cm + TIE)))


@pytest.mark.parametrize("twin_of", [twins.MacTwin, twins.PlainMacTwin])
def test_mac_twins_store_and_recognise_as_the_mac_does(rng, twin_of):
    params = MacParams(n_inputs=60, n_cms=9, n_cells=5)
    items = [np.sort(rng.choice(60, n, replace=False)).astype(np.int32) for n in rng.integers(5, 20, 12)]
    codes, ours, twin = SDR.from_indices(items, 60), Mac(params, seed=mac.SEED), twin_of(params)
    stored = ours.store(codes)
    winner, familiarity = twin.store(items, twins.uniforms(mac.SEED, 12, 9, DRAW))
    assert np.array_equal(stored.winners, winner)
    assert np.allclose(stored.familiarity, familiarity, rtol=1e-12)
    assert twin.weights.sum() == round(ours.share_set * ours.n_synapses)
    known = ours.recognise(codes)
    winner, familiarity = twin.recognise(items, twins.uniforms(mac.SEED, 12, 9, TIE))
    assert np.array_equal(known.winners, winner)
    assert np.allclose(known.familiarity, familiarity, rtol=1e-12)
