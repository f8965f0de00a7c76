"""KanervaMemory against a slow twin in NumPy, its activation and reads against theory, its ledger, what it refuses."""

import numpy as np
import pytest
from laws.memory_laws import check_memory_laws

from sdrsim import SDR, Network, Simulator
from sdrsim.errors import CodeError, ParameterError
from sdrsim.models.hebbian import KanervaMemory, theory

SHAPES = [(70, 200, 30), (64, 100, 27), (5, 8, 1), (130, 300, 55), (16, 20, 0), (16, 20, 16)]


def words(n, n_units, seed, p=0.5):
    return np.random.default_rng(seed).random((n, n_units)) < p


def twin(addresses, radius, stored, cues, max_iterations):
    """Counters, answers, reads: with whole matrices and no packing."""
    near = lambda x: (addresses != x).sum(axis=1) <= radius  # noqa: E731
    counters = np.zeros(addresses.shape, np.int64)
    for x in stored:
        counters[near(x)] += np.where(x, 1, -1)
    answers, reads = [], []
    for x in cues:
        n_done = 0
        for _ in range(max_iterations):
            n_done += 1
            sums, before = counters[near(x)].sum(axis=0), x
            x = np.where(sums == 0, x, sums > 0)
            if (x == before).all():
                break
        answers.append(x)
        reads.append(n_done)
    return counters, np.array(answers), np.array(reads)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("p", [0.5, 0.2])
def test_it_equals_its_twin_bit_for_bit(shape, p):
    n_units, _, radius = shape
    memory, x = KanervaMemory(*shape, seed=3), words(25, n_units, 1, p)
    cues = np.concatenate([x ^ words(25, n_units, 2, 0.15), words(10, n_units, 4, p)])
    memory.store(x)
    for most in (1, 2, 20):
        counters, answers, reads = twin(memory.addresses(), radius, x, cues, most)
        found = memory.recall(cues, max_iterations=most)
        assert found.codes == SDR.from_dense(answers)
        np.testing.assert_array_equal(found.iterations, reads)
        np.testing.assert_array_equal(memory.counters(), counters)
    again = memory.recall(found.codes, max_iterations=1)
    assert (found.converged == (again.codes.dense() == found.codes.dense()).all(axis=1)).all()


def test_the_laws_where_words_are_dense():
    x = words(12, 100, 5)
    make = lambda: KanervaMemory(100, 400, 44, seed=2)  # noqa: E731
    check_memory_laws(make, SDR.from_dense(x), SDR.from_dense(x ^ words(12, 100, 6, 0.1)))


def test_addresses_are_fair_and_follow_the_seed():
    a = KanervaMemory(100, 5000, 40, seed=1).addresses()
    assert abs(a.mean() - 0.5) < 4 * 0.5 / np.sqrt(a.size)
    assert np.abs(a.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(len(a))
    assert np.abs(np.corrcoef(a.T) - np.eye(100)).max() < 5.5 / np.sqrt(len(a))
    np.testing.assert_array_equal(a, KanervaMemory(100, 5000, 40, seed=1).addresses())
    np.testing.assert_array_equal(a[:70], KanervaMemory(100, 70, 9, seed=1).addresses())  # each has its own key
    assert (a != KanervaMemory(100, 5000, 40, seed=2).addresses()).mean() > 0.45


@pytest.mark.parametrize(("n_units", "radius"), [(1000, 470), (256, 115), (64, 26)])
def test_as_many_locations_are_activated_as_theory_says(n_units, radius):
    n, n_words = 10_000, 60
    memory, p = KanervaMemory(n_units, n, radius, seed=7), float(theory.kanerva_activation(n_units, radius))
    counts = memory.activated(words(n_words, n_units, 8))
    assert memory.expected_activated == pytest.approx(n * p)
    assert abs(counts.mean() - n * p) < 4 * np.sqrt(n * p * (1 - p) / n_words)
    other = float(theory.kanerva_activation(n_units, radius - 1))  # the test would see one step of the radius
    assert n * (p - other) > 8 * np.sqrt(n * p * (1 - p) / n_words)


def test_a_read_errs_as_theory_says():
    rows = []
    for seed in range(8):
        memory, x = KanervaMemory(256, 5000, 109, seed=seed), words(120, 256, 20 + seed)
        memory.store(x)
        flips = np.random.default_rng(seed).random(x.shape).argsort(axis=1) < 40
        rows.append((memory.recall(x ^ flips, max_iterations=1).codes.dense() != x).mean())
    error = np.std(rows, ddof=1) / np.sqrt(len(rows))
    assert abs(np.mean(rows) - memory.expected_error(40)) < 5 * error + 0.002
    assert 0.02 < np.mean(rows) < 0.4


def test_its_ledger_counts_rows_of_addresses_and_counters():
    memory, x = KanervaMemory(70, 200, 30, seed=3), words(6, 70, 1)
    n = int(memory.activated(x).sum())
    stored = memory.store(x, trace=True)
    get = stored.traffic.get
    assert stored.n_new == 70 * n
    assert get("A", "learn", "rows_read") == get("A", "learn", "compares") == 6 * 200
    assert get("A", "learn", "words_read") == 6 * 200 * 2
    assert get("W", "learn", "rows_read") == n
    assert get("W", "learn", "words_written") == n * 18  # 140 bytes
    assert (stored.traffic.tensors["A"].row_bytes, stored.traffic.tensors["W"].row_bytes) == (16, 140)
    steps = stored.traffic.trace
    assert [
        int(((steps["tensor"] == t) & (steps["write"] == w)).sum()) for t, w in [(0, 0), (0, 1), (1, 0), (1, 1)]
    ] == [
        1200,
        0,
        n,
        n,
    ]
    near = np.flatnonzero((memory.addresses() != x[0]).sum(axis=1) <= 30)
    first = steps[: 200 + 2 * len(near)]
    assert first["row"].tolist() == [*range(200), *np.repeat(near, 2)]
    found = memory.recall(x, trace=True)
    n_reads = int(found.iterations.sum())
    assert found.traffic.get("A", "retrieve", "rows_read") == 200 * n_reads
    assert found.traffic.get("W", "retrieve", "rows_read") == int((found.traffic.trace["tensor"] == 1).sum())
    assert not found.traffic.trace["write"].any()


def test_counters_stay_within_their_type():
    memory = KanervaMemory(4, 3, 4, seed=0)
    many = SDR.from_indices([[0, 1]] * 32767, 4)
    memory.store(many)
    assert memory.store(many[:5]).n_new == 0
    np.testing.assert_array_equal(memory.counters(), [[32767, 32767, -32767, -32767]] * 3)
    assert memory.store(SDR.from_indices([[2]], 4)).n_new == 9
    assert memory.recall([[3]]).codes == SDR.from_indices([[0, 1]], 4)


def test_a_read_of_nothing_keeps_the_word():
    memory, x = KanervaMemory(50, 20, 25, seed=0), words(5, 50, 1)
    found = memory.recall(x)
    assert found.codes == SDR.from_dense(x)
    assert found.converged.all()
    assert memory.expected_error(10) == 0.2
    assert len(memory.recall(np.zeros((0, 50), bool)).codes) == 0


def test_as_a_field_it_answers_as_it_does_alone():
    memory, alone, x = KanervaMemory(256, 5000, 107, seed=1), KanervaMemory(256, 5000, 107, seed=1), words(20, 256, 2)
    cues = SDR.from_dense(x ^ words(20, 256, 3, 0.08))
    net = Network(seed=0)
    net.add("memory", memory)
    sim = Simulator(net)
    for i, code in enumerate(SDR.from_dense(x)):
        sim.schedule("memory", code, at=i, port="learn")
        sim.schedule("memory", cues[i], at=20 + i, port="cue")
    seen = sim.monitor("memory", "code")
    sim.run()
    alone.store(x)
    assert seen.codes == alone.recall(cues).codes == SDR.from_dense(x)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"radius": 11}, "radius"),
        ({"radius": -1}, "radius"),
        ({"radius": 2.0}, "radius"),
        ({"n_units": 0}, "n_units"),
        ({"n_locations": 0}, "n_locations"),
        ({"n_locations": 2**31}, "n_locations"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_parameters_are_refused(change, word):
    with pytest.raises(ParameterError, match=word):
        KanervaMemory(**{"n_units": 10, "n_locations": 5, "radius": 3} | change)


def test_bad_calls_are_refused():
    memory = KanervaMemory(10, 5, 3)
    for bad in ({"max_iterations": 0}, {"max_iterations": True}, {"first_item": -1}, {"seed": "a"}):
        with pytest.raises(ParameterError):
            memory.recall([[1]], **bad)
    for distance in (-1, 11, 1.0):
        with pytest.raises(ParameterError, match="distance"):
            memory.expected_error(distance)
    for bad in ([[10]], [[1, 1]], np.full((1, 10), np.nan), np.zeros((1, 11), bool)):
        with pytest.raises(CodeError):
            memory.store(bad)
    assert memory.n_stored == 0
    assert memory.traffic.total("rows_read") == 0
