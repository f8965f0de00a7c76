"""Codes kept as bits: overlaps, lists and later steps against slow twins and against panels of numbers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.memory_laws import check_memory_laws

from sdrsim import SDR, patterns
from sdrsim.errors import CodeError, ParameterError, SdrsimError
from sdrsim.kernels.bits import unpack_rows
from sdrsim.models.hopfield import SparseHopfield, entmax, normmax
from sdrsim.models.hopfield.code_bank import CodeBank
from sdrsim.models.hopfield.kernels import codes as kernels
from sdrsim.models.hopfield.params import HopfieldParams

SEPARATIONS = {
    "softmax": {"alpha": 1.0},
    "1.2": {"alpha": 1.2},
    "1.5": {},
    "sparsemax": {"alpha": 2.0},
    "3": {"alpha": 3.0},
    "nearest": {"alpha": float("inf")},
    "normmax 1": {"separation": "normmax", "alpha": 1.0},
    "normmax": {"separation": "normmax", "alpha": 1.7},
    "normmax inf": {"separation": "normmax", "alpha": float("inf")},
    "softmax1": {"separation": "softmax1"},
    "top 1": {"separation": "topk", "k": 1},
    "top 5": {"separation": "topk", "k": 5},
    "top all": {"separation": "topk", "k": 10**6},
    "epanechnikov": {"separation": "epanechnikov"},
}
SIMILARITIES = ("dot", "cosine", "l2", "l1")
CASES = [(sim, sep) for sim in SIMILARITIES for sep in SEPARATIONS if sep != "epanechnikov" or sim == "l2"]


def even(n, d, seed=0):
    return patterns.random_sparse(n, size=d, k=max(1, min(6, d // 4)), seed=seed)


def ragged(n, d, seed=0):
    """Of all activities, silent ones and equal ones among them."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, d)) < rng.uniform(0.0, 0.25, (n, 1))
    if n > 3:
        x[1], x[2] = False, x[3]
    return SDR.from_dense(x)


def cues_of(x, n=9, seed=0):
    """Stored patterns with units lost and added, and an empty cue."""
    rng = np.random.default_rng(seed + 100)
    cues = x[: min(n, len(x))].dense() & (rng.random((min(n, len(x)), x.size)) < 0.7)
    cues |= rng.random(cues.shape) < 1 / x.size
    return SDR.from_dense(np.concatenate([cues, np.zeros((1, x.size), bool)]))


def twin_scores(kind, x, y):
    s = x @ y.T
    if kind == "cosine":
        norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
        return np.divide(s, norms, out=np.zeros_like(s), where=norms > 0)
    if kind == "l2":
        return 2 * s - (x**2).sum(axis=1)[:, None] - (y**2).sum(axis=1)
    return -np.abs(x[:, None] - y).sum(axis=2) if kind == "l1" else s


def twin(h, x, y, max_steps):
    """The formulas, step by step, in float64; scores rounded to 1e-11 so that ties are ties.

    Last, which queries have a border of the support that rounding cannot move: no tie between sums of real numbers.
    """
    p, now, weights = h.params, x.astype(float), np.zeros((len(x), len(y)))
    near, moving = 1e-6 * np.linalg.norm(y, axis=1).max(), np.ones(len(x), bool)
    steps, converged, clear = np.zeros(len(x), int), np.zeros(len(x), bool), np.ones(len(x), bool)
    for _ in range(max_steps):
        z = np.round(h.beta * twin_scores(p.similarity, now, y), 11)
        k = min(p.k or 1, len(y)) if p.separation == "topk" or p.alpha in (1, np.inf) else 0
        if k and "softmax" not in p.separation and (p.separation, p.alpha) not in (("entmax", 1), ("normmax", np.inf)):
            ties = (z > np.sort(z, axis=1)[:, -k][:, None] - 1e-9).sum(axis=1) > k
            clear &= ~(moving & ties & ((now != 0) & (now != 1)).any(axis=1))
        if p.separation == "normmax":
            w = normmax(z, p.alpha)
        elif p.separation == "softmax1":
            w = entmax(np.pad(z, ((0, 0), (0, 1))), 1.0)[:, :-1]
        elif p.separation == "topk":
            w = np.where(z >= np.sort(z, axis=1)[:, -min(p.k, len(y))][:, None], np.exp(z - z.max(1)[:, None]), 0)
            w /= w.sum(axis=1, keepdims=True)
        elif p.separation == "epanechnikov":
            w = (z > -2).astype(float)
            w /= np.maximum(w.sum(axis=1, keepdims=True), 1)
        else:
            w = entmax(z, p.alpha)
        new = np.where(w.any(axis=1, keepdims=True), w @ y, now)
        weights[moving], steps[moving] = w[moving], steps[moving] + 1
        converged = np.where(moving, np.linalg.norm(new - now, axis=1) <= near, converged)
        now = np.where(moving[:, None], new, now)
        moving &= ~converged
    return now, weights, steps, converged, clear


def dense_weights(r):
    w = np.zeros((len(r.support), r.support.size))
    w[np.repeat(np.arange(len(w)), r.support.n_active), r.support.indices] = r.weights
    return w


@pytest.mark.parametrize("max_steps", [1, 2, 6])
@pytest.mark.parametrize("make", [even, ragged])
@pytest.mark.parametrize(("similarity", "separation"), CASES)
def test_recall_is_the_formula(similarity, separation, make, max_steps):
    for n, d, beta in ((1, 5, 0.3), (60, 40, 0.37), (60, 40, 1.7), (700, 150, 0.9)):
        x = make(n, d)
        h = SparseHopfield(beta=beta, similarity=similarity, dtype="float64", **SEPARATIONS[separation])
        h.store(x)
        cues = cues_of(x)
        r = h.recall(cues, max_steps=max_steps, threshold=0.4711)
        states, weights, steps, converged, clear = twin(h, cues.dense(), x.dense().astype(float), max_steps)
        assert clear.mean() > (0.5 if separation != "top 5" else 0.1)
        found, weights = dense_weights(r)[clear], weights[clear]
        np.testing.assert_allclose(r.states[clear], states[clear], atol=1e-7)
        np.testing.assert_allclose(found, weights, atol=1e-7)
        sure = (weights == 0) | (weights > 1e-7)  # a weight of next to nothing may be rounded away
        np.testing.assert_array_equal((found > 0)[sure], (weights > 0)[sure])
        np.testing.assert_array_equal(r.iterations[clear], steps[clear])
        np.testing.assert_array_equal(r.converged[clear], converged[clear])
        assert r.codes == SDR.from_dense(r.states > 0.4711)
        assert (r.weights > 0).all()
        assert not r.certified[(r.support.n_active != 1) | ~r.converged | (r.iterations < 2)].any()


@pytest.mark.parametrize("max_steps", [1, 5])
@pytest.mark.parametrize(
    ("similarity", "beta"), [("dot", None), ("dot", 0.41), ("dot", 2.3), ("cosine", 9.1), ("l2", 0.31), ("l1", 1.13)]
)
@pytest.mark.parametrize("separation", ["softmax", "1.2", "1.5", "sparsemax", "3", "normmax", "normmax inf"])
def test_bits_answer_as_numbers_do(separation, similarity, beta, max_steps):
    """The same memory in panels of float32: codes and support equal, states to rounding."""
    if beta is None and separation == "normmax inf":
        return  # the border of the support lies at a tie
    x = patterns.random_sparse(2000, size=400, k=9, seed=3)
    cues = patterns.move_units(x[:40], 0.3, seed=1)
    bits, numbers = (SparseHopfield(beta=beta, similarity=similarity, **SEPARATIONS[separation]) for _ in range(2))
    bits.store(x)
    numbers.store(x.dense().astype(np.float32))
    a = bits.recall(cues, max_steps=max_steps, threshold=0.4711)
    b = numbers.recall(cues.dense().astype(np.float32), max_steps=max_steps)
    assert isinstance(bits.bank, CodeBank)
    assert a.support == b.support
    assert a.codes == SDR.from_dense(b.states > 0.4711)
    np.testing.assert_allclose(a.states, b.states, atol=2e-5)
    np.testing.assert_allclose(a.weights, b.weights, atol=2e-5)
    known = (a.support.n_active > 1) | (max_steps == 1)  # later steps may leave the second best out
    np.testing.assert_allclose(a.margin[known], b.margin[known], rtol=1e-4, atol=1e-5)
    assert a.states.dtype == np.float32
    np.testing.assert_allclose(bits.scores(cues), numbers.scores(cues.dense().astype(np.float32)))
    if similarity == "dot" and separation != "normmax" and separation != "normmax inf":
        np.testing.assert_allclose(bits.energy(a.states), numbers.energy(a.states))


LAWFUL = [("dot", "1.5"), ("dot", "softmax"), ("cosine", "nearest"), ("l2", "epanechnikov"), ("l1", "top 5")]


@pytest.mark.parametrize("max_steps", [1, 4])
@pytest.mark.parametrize("make", [even, ragged])
@pytest.mark.parametrize(("similarity", "separation"), LAWFUL)
def test_memory_laws(similarity, separation, make, max_steps):
    x = make(40, 70)
    check_memory_laws(
        lambda: SparseHopfield(beta=0.8, similarity=similarity, **SEPARATIONS[separation]),
        x,
        cues_of(x),
        max_steps=max_steps,
    )


# ---- what is read ---------------------------------------------------------------------------------------------------


def test_bytes_follow_active_units():
    n, d, k = 5000, 2000, 12
    x = patterns.random_sparse(n, size=d, k=k, seed=0)
    h, numbers = SparseHopfield(beta=1.0), SparseHopfield(beta=1.0)
    stored = h.store(x).traffic
    numbers.store(x.dense().astype(np.float32))
    assert stored.get("patterns", "learn", "words_written") == n * k
    assert stored.get("units", "learn", "words_written") == n * k // 2
    for n_active in (2, 6, 12):
        cue = SDR.from_indices([x[5].indices[:n_active]], d)
        r, wide = h.recall(cue), numbers.recall(cue.dense().astype(np.float32))
        weighed = len(r.weights)
        assert r.traffic.get("patterns", "retrieve", "rows_read") == n_active
        assert r.traffic.get("patterns", "retrieve", "words_read") == n_active * -(-n // 64)
        assert r.traffic.get("patterns", "retrieve", "synops") == n_active * n
        assert r.traffic.get("units", "retrieve", "rows_read") == weighed
        assert r.traffic.get("units", "retrieve", "words_read") == weighed * k // 2
        assert r.traffic.get("patterns", "retrieve", "code_bits") == 11 * (n_active + len(r.codes.indices))
        assert r.support == wide.support
        assert wide.traffic.total("words_read") > 30 * r.traffic.total("words_read")
    assert h.n_bytes == 8 * d * -(-n // 64) + 8 * n + 4 * n * k
    assert h.n_bytes < numbers.n_bytes / 25


def test_later_steps_read_lists_alone():
    x = patterns.random_sparse(5000, size=2000, k=12, seed=0)
    h = SparseHopfield(beta=1.0)
    h.store(x)
    cues = patterns.erase(x[:30], 0.5, seed=1)
    one, many = h.recall(cues), h.recall(cues, max_steps=10)
    assert many.certified.all()
    assert (many.iterations == 2).all()
    assert (many.n_rescored > 0).all()
    assert many.traffic.get("patterns", "retrieve", "rows_read") == one.traffic.get("patterns", "retrieve", "rows_read")
    assert many.traffic.total("words_read") < 1.05 * one.traffic.total("words_read")
    assert many.codes == x[:30]


def test_changed_units_alone_are_read_where_lists_do_not_serve():
    """The best pattern of each step, no list kept: a full pass, then the units in which pattern and cue differ."""
    x = patterns.random_sparse(3000, size=1000, k=10, seed=0)
    h = SparseHopfield(separation="topk", k=1)
    h.store(x)
    cues = patterns.move_units(x[:20], 0.2, seed=1)
    r = h.recall(cues, max_steps=5)
    assert r.codes == x[:20]
    assert (r.iterations == 2).all()
    moved = r.traffic
    assert moved.get("patterns", "retrieve", "rows_read") == 20 * (10 + 4)  # two units lost, two new ones
    assert moved.get("patterns", "retrieve", "sums") == 2 * 20 * 3000
    few = patterns.erase(x[:20], 0.7, seed=1)  # three units left: seven changed, of ten
    assert h.recall(few, max_steps=5).traffic.get("patterns", "retrieve", "rows_read") == 20 * (3 + 7)
    none = SDR.from_indices([[]], 1000)
    with_nothing = h.recall(none, max_steps=1)
    assert len(with_nothing.weights) == 3000, "all tie"


def test_the_trace_is_what_was_counted():
    for make, max_steps, more in ((even, 1, {}), (even, 5, {}), (ragged, 5, {"separation": "topk", "k": 1})):
        x = make(300, 60)
        h = SparseHopfield(beta=0.7, **more)
        stored = h.store(x, trace=True).traffic
        bits = stored.trace[stored.trace["tensor"] == 0]
        assert bits["row"].tolist() == x.indices.tolist()
        assert stored.trace["write"].all()
        assert stored.trace["row"][stored.trace["tensor"] == 1].tolist() == list(range(300))
        assert list(stored.tensors) == ["patterns", "units"]
        assert (stored.tensors["patterns"].n_rows, stored.tensors["units"].n_rows) == (60, 300)
        moved = h.recall(cues_of(x), trace=True, max_steps=max_steps).traffic
        assert not moved.trace["write"].any()
        for i, name in enumerate(("patterns", "units")):
            steps = moved.trace[moved.trace["tensor"] == i]
            assert len(steps) == moved.get(name, "retrieve", "rows_read")
            assert steps["row"].max(initial=0) < moved.tensors[name].n_rows
        first = moved.trace["row"][: len(cues_of(x)[0].indices)]
        assert sorted(first) == cues_of(x)[0].indices.tolist()


def test_ledgers_of_a_growing_memory_add_up():
    x, h = even(2000, 64), SparseHopfield()
    for end in (3, 70, 700, 2000):
        h.store(x[h.n_stored : end])
        h.recall(x[:2])
    assert h.traffic.tensors["patterns"].row_bytes == 8 * -(-2000 // 64)
    assert h.traffic.tensors["units"].n_rows == 2000


# ---- the bank -------------------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 90), st.lists(st.integers(0, 700), min_size=1, max_size=6), st.integers(0, 2**30))
def test_a_bank_holds_what_was_put_in(d, parts, seed):
    rng = np.random.default_rng(seed)
    x = SDR.from_dense(rng.random((sum(parts), d)) < rng.uniform(0, 0.5))
    bank, first = CodeBank(HopfieldParams(), d), 0
    for n in parts:
        room, before = bank.room_for(x[first : first + n]), bank._rows.nbytes + bank._units.nbytes
        bank.append(x[first : first + n])
        assert bank._rows.nbytes + bank._units.nbytes <= max(room, before) + 8192
        first += n
        assert bank.n == first
        assert bank.n_bytes == CodeBank.bytes_for(d, first, int(x[:first].n_active.sum()))
    assert bank.codes == x
    np.testing.assert_array_equal(unpack_rows(bank._rows[:-1], bank.n).T, x.dense())
    assert not bank._rows[-1].any()
    np.testing.assert_array_equal(bank.rows(0, bank.n), x.dense())
    again = CodeBank.of(HopfieldParams(), bank.kept())
    assert again.codes == x
    assert (again.n_bytes, again.norm) == (bank.n_bytes, bank.norm)
    assert bank.norm == np.sqrt(x.n_active.max(initial=0))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 1300), st.integers(1, 300), st.integers(0, 2**30))
def test_overlaps_are_those_of_dense_rows(n, d, seed):
    """From scratch, by changed units, and of means."""
    rng = np.random.default_rng(seed)
    x = SDR.from_dense(rng.random((n, d)) < 0.2)
    bank = CodeBank(HopfieldParams(), d)
    bank.append(x)
    view, y = bank.view(), x.dense().astype(float)
    work = kernels.make_work(view, d)
    state, held = kernels.empty_state(d), kernels.empty_state(d)
    code = rng.random(d) < 0.4
    for _ in range(6):
        kernels.set_code(state, np.flatnonzero(code).astype(np.int32))
        assert kernels.is_code(state)
        last = held.values > 0
        n_rows, changed = kernels.count(view, state, held, work)
        np.testing.assert_array_equal(work.counts[:n], y @ code)
        np.testing.assert_array_equal(held.values, code)
        if changed:
            assert set(work.read[:n_rows]) == set(np.flatnonzero(code != last))
            assert n_rows < code.sum()
        else:
            assert n_rows == code.sum()
        code = code ^ (rng.random(d) < rng.choice([0.0, 0.05, 0.6]))
    values = rng.random(state.n[0])
    state.values[state.units[: state.n[0]]] = values
    assert kernels.weigh_rows(view, state, work) == state.n[0]
    np.testing.assert_allclose(work.reals[:n], y @ state.values, atol=1e-12)
    m = int(rng.integers(n))
    np.testing.assert_allclose(kernels.overlap_with(view, state, m), y[m] @ state.values, atol=1e-12)


def test_many_units_and_many_patterns():
    """More than 255 active units, rows of more than one tile."""
    rng = np.random.default_rng(0)
    x = SDR.from_dense(rng.random((40_000, 600)) < 0.6)
    h = SparseHopfield(alpha=float("inf"), similarity="l2")
    h.store(x[:11_111])
    h.store(x[11_111:])
    cues = patterns.move_units(x[:5], 0.2, seed=1)
    r = h.recall(cues)
    best = twin_scores("l2", cues.dense().astype(float), x.dense().astype(float)).argmax(axis=1)
    assert r.support.indices.tolist() == best.tolist() == list(range(5))
    rest = int((x[0].dense() & cues[0].dense()).sum())
    assert rest > 255
    np.testing.assert_array_equal(h.scores(cues[:1])[0, 0], 2 * rest - x.n_active[0] - cues.n_active[0])


def test_saved_as_units(tmp_path):
    x, h = ragged(200, 5000), SparseHopfield(beta=0.9)
    h.store(x)
    path = h.save(tmp_path / "memory.h5")
    assert path.stat().st_size < 8 * len(x.indices) + 60_000  # 4 MB as numbers
    again = SparseHopfield.load(path)
    assert again.stores_codes
    assert again.recall(x[:7]).weights.tolist() == h.recall(x[:7]).weights.tolist()
    assert again.bank.codes == x


def test_what_is_refused():
    h = SparseHopfield()
    with pytest.raises(CodeError, match=r"65,536 active units"):
        h.store(SDR.from_indices([range(65_536)], 70_000))
    assert h.bank is None
    h.store(SDR.from_indices([range(65_535)], 70_000))
    with pytest.raises(CodeError, match="queries"):
        h.recall(SDR.from_indices([range(65_536)], 70_000))
    assert h.recall(SDR.from_indices([range(10)], 70_000)).support.indices.tolist() == [0]
    for wrong in (np.zeros((1, 70_000)), SDR.from_indices([[1]], 9), [[70_000]]):
        with pytest.raises(SdrsimError):
            h.store(wrong)
        with pytest.raises(SdrsimError):
            h.recall(wrong)
    with pytest.raises(ParameterError, match="values"):
        h.store(SDR.from_indices([[1]], 70_000), np.zeros((1, 2)))
    assert h.n_stored == 1
    empty = SparseHopfield()
    empty.store(SDR.from_indices([], 9))
    with pytest.raises(ParameterError, match="nothing stored"):
        empty.recall(SDR.from_indices([[1]], 9))


def test_functions_of_ones_own_get_numbers():
    x = even(50, 60)
    h = SparseHopfield(separation=lambda z: entmax(z, 1.5), beta=0.7)
    h.store(x)
    assert not isinstance(h.bank, CodeBank)
    plain = SparseHopfield(beta=0.7)
    plain.store(x)
    a, b = h.recall(x[:9]), plain.recall(x[:9])
    assert a.codes == b.codes
    assert a.support == b.support
