"""The screen: answers to the last bit as without it, bounds that hold, what it reads, its limits."""

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws.memory_laws import check_memory_laws

from sdrsim import patterns
from sdrsim.errors import SdrsimError
from sdrsim.kernels.simd_pairs import make_pair_tile
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.hopfield.kernels.screen import Screen, no_digits, put_digits, put_screen

RULES = {
    "1.1": {"alpha": 1.1},
    "1.3": {"alpha": 1.3},
    "1.5": {"alpha": 1.5},
    "2": {"alpha": 2.0},
    "4": {"alpha": 4.0},
    "nearest": {"alpha": float("inf")},
    "normmax": {"separation": "normmax", "alpha": 2.0},
    "topk": {"separation": "topk", "k": 3},
}
SIMILARITIES = {"dot": {}, "cosine": {"similarity": "cosine", "beta": 5.0}, "l2": {"similarity": "l2"}}


def rows(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def both(y, x, max_steps=1, **options):
    """Recalls with and without, and that they are the same."""
    found = []
    for screen in (True, False):
        h = SparseHopfield(screen=screen, **options)
        h.store(y)
        found.append(h.recall(x, max_steps=max_steps))
    a, b = found
    for name in ("states", "weights", "margin", "iterations", "converged", "certified"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    np.testing.assert_array_equal(a.support.indices, b.support.indices)
    np.testing.assert_array_equal(a.support.indptr, b.support.indptr)
    return a, b


def put(y):
    n_panels = -(-len(y) // 16)
    cells = np.zeros((n_panels, (y.shape[1] + 1) // 2, 16, 2), np.int8)
    screen = Screen(cells, *(np.zeros(16 * n_panels, np.float32) for _ in range(3)))
    put_screen(screen, 0, y)
    return screen


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n_queries", [1, 9])
def test_no_bit_changes(rule, similarity, n_queries):
    y, x = rows(3000, 60), rows(n_queries, 60, seed=1)
    x[:, :5] += y[:n_queries, :5]
    both(y, x, **{**SIMILARITIES[similarity], **RULES[rule]})


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(list(RULES)),
    st.sampled_from(list(SIMILARITIES)),
    st.integers(1, 700),
    st.integers(1, 300),
    st.sampled_from([1, 3, 4, 70]),
    st.floats(-30, 30),
    st.floats(-6, 1),
    st.sampled_from([1, 4]),
    st.booleans(),
    st.integers(0, 2**30),
)
def test_no_bit_changes_with_ties_zeros_and_any_size(rule, similarity, n, d, many, size, power, steps, whole, seed):
    rng = np.random.default_rng(seed)
    y, x = rows(n, d, seed), rows(many, d, seed + 1)
    if whole:
        y, x = np.rint(y), np.rint(x)  # copies without a rest, ties
    y[rng.random(n) < 0.2] = 0
    y[rng.random(n) < 0.2] = y[rng.integers(n)]
    x[rng.random(many) < 0.2] = 0
    x[rng.random(x.shape) < rng.random()] = 0
    y *= np.float32(10.0**size)
    x *= np.float32(10.0**power)
    if RULES[rule].get("k", 0) > n:
        return
    beta = min(max(10.0 ** -(size + power) / d**0.5, 1e-30), 1e30)
    both(y, x, steps, **{**SIMILARITIES[similarity], **RULES[rule], "beta": beta})


def test_compact_support():
    y = rows(2000, 30)
    x = y[:20] + 0.2 * rows(20, 30, seed=1)
    _, r = both(y, x, separation="epanechnikov", similarity="l2", beta=0.1)
    assert 20 <= len(r.weights) < 2000


def copies(screen, n, d):
    """The copies, pattern by pattern."""
    return screen.cells.transpose(0, 2, 1, 3).reshape(-1, screen.cells.shape[1] * 2)[:n, :d]


def digits_of(x, dense=True):
    digits = no_digits(1, len(x))
    put_digits(x, dense, 0, digits)
    return digits


@settings(max_examples=100, deadline=None)
@given(
    st.integers(1, 60), st.integers(1, 400), st.floats(-36, 36), st.floats(-36, 33), st.booleans(), st.integers(0, 999)
)
def test_no_bound_is_crossed(n, d, size, power, sparse, seed):
    """Scores as they are computed between the bounds as they are computed, which are not far apart."""
    if size + power > 33:
        return
    rng = np.random.default_rng(seed)
    y = (rows(n, d, seed) * 10.0**size).astype(np.float32)
    x = (rows(1, d, seed + 1)[0] * 10.0**power).astype(np.float32)
    if sparse:
        y[rng.random(y.shape) < 0.9] = 0
        x[rng.random(d) < 0.5] = 0
    screen, digits = put(y), digits_of(x)
    sums = copies(screen, n, d).astype(np.int64) @ digits.pairs[0].reshape(-1)[:d].astype(np.int64)
    assert abs(sums).max() < 2**31
    middle = sums.astype(np.float32) * digits.unit[0] * screen.scale[:n]
    tiny = np.float32((2 * d + 8) * 2.0**-149)
    off = screen.rest[:n] * digits.length[0] + screen.size[:n] * digits.rest[0] + tiny
    scores = np.array([chain(x, row) for row in y], np.float32)
    assert (middle - off <= scores).all()
    assert (scores <= middle + off).all()
    width = np.linalg.norm(y.astype(np.float64), axis=1) * np.linalg.norm(x.astype(np.float64)) * d**0.5 / 200
    if min(size, power, size + power) > -25:
        assert (off <= width + 1e-30 * 10.0 ** max(size, power, 0)).all()


def chain(x, y):
    """A float32 sum in the order of the kernels."""
    total = np.float32(0)
    with np.errstate(over="ignore", under="ignore"):
        for start in range(0, len(x), 128):
            part = np.float32(0)
            for a, b in zip(x[start : start + 128], y[start : start + 128]):
                part = np.float32(np.float64(a) * np.float64(b) + np.float64(part))
            total = np.float32(total + part)
    return total


def test_copies():
    y = np.array([[1.0, -0.5, 0.25], [0, 0, 0], [254, 2, -1]], np.float32)
    screen = put(y)
    assert copies(screen, 3, 3).tolist() == [[127, -64, 32], [0, 0, 0], [127, 1, 0]]
    np.testing.assert_allclose(screen.scale[:3], [1 / 127, 0, 2])
    assert screen.rest[1] < 1e-30
    np.testing.assert_allclose(screen.rest[2], 1.0, rtol=1e-2)  # only -1 is not a multiple of 2
    assert screen.rest[2] > 1.0
    np.testing.assert_allclose(screen.size[2], np.hypot(254, 2), rtol=1e-5)


def test_digits():
    x = np.array([0, 0, 1.5, 0, -3, 0.1, 0], np.float32)
    digits = digits_of(x, dense=False)
    assert digits.places[0, : digits.n[0]].tolist() == [1, 2]
    np.testing.assert_allclose(digits.pairs[0, :2].reshape(-1) * digits.unit[0], x[2:6], atol=1e-4)
    left = x[2:6] - digits.pairs[0, :2].reshape(-1) * digits.unit[0].astype(np.float64)
    np.testing.assert_allclose(digits.rest[0], np.linalg.norm(left), rtol=1e-5)
    assert digits_of(x).n[0] == 4
    many = digits_of(np.ones(100_000, np.float32))
    assert 1e6 < abs(many.pairs[0].astype(np.int64)).sum() < 1.7e7  # 127 of them fit int32


_tiles = {(1, 4): make_pair_tile(1, 4), (8, 2): make_pair_tile(8, 2)}


@pytest.mark.parametrize("shape", _tiles)
def test_sums_of_pairs(shape):
    n_queries, n_panels = shape
    tile, rng = _tiles[shape], np.random.default_rng(0)

    @numba.njit
    def call(cells, pairs, places, out):
        size, n = cells.strides[0], len(places)
        tile(cells.ctypes.data, size, pairs.ctypes.data, n, places.ctypes.data, out.ctypes.data, out.strides[0])

    cells = rng.integers(-127, 128, (n_panels, 20, 16, 2)).astype(np.int8)
    places = np.array([0, 3, 19], np.int32)
    pairs = rng.integers(-32000, 32001, (3, n_queries, 2)).astype(np.int16)
    out = np.full((n_queries, 16 * n_panels), 7, np.int32)
    call(cells, pairs, places, out)
    expected = np.einsum("pjlk,jqk->qpl", cells[:, places].astype(np.int64), pairs.astype(np.int64))
    np.testing.assert_array_equal(out, expected.reshape(n_queries, -1))


def test_sums_that_could_overflow_leave_nothing_out():
    y = rows(400, 20)
    a, _ = both(y * np.float32(1e-30), rows(1, 20, seed=1) * np.float32(1e36), beta=1e-2)
    assert a.traffic.get("patterns", "retrieve", "rows_read") == 400 + len(a.weights)


# ---- what it reads ---------------------------------------------------------------------------------------------------


def test_reads_few_patterns_in_full():
    y, x = rows(20_000, 200), rows(3, 200, seed=1)
    a, b = both(y, x)
    t, plain = a.traffic, b.traffic
    n_full = t.get("patterns", "retrieve", "rows_read") - len(a.weights)
    assert t.get("screen", "retrieve", "rows_read") == 3 * 20_000
    assert t.get("screen", "retrieve", "words_read") == 3 * 20_000 * (200 + 12) // 8
    assert t.get("screen", "retrieve", "synops") == 3 * 20_000 * 200
    assert n_full == t.get("patterns", "retrieve", "sums")
    assert n_full < 0.1 * 3 * 20_000
    assert t.get("patterns", "retrieve", "words_read") == (n_full + len(a.weights)) * 100
    assert plain.get("screen", "retrieve", "words_read") == 0
    assert t.total("words_read") < 0.37 * plain.total("words_read")
    assert plain.total("rows_read") == 3 * 20_000 + len(b.weights)


def test_only_panels_that_can_matter_are_read():
    y = np.zeros((1000, 8), np.float32)
    y[:, 1] = 1
    y[[500, 900], 0] = 9
    a, _ = both(y, np.eye(1, 8, dtype=np.float32), beta=1.0)
    assert a.support.indices.tolist() == [500, 900]
    assert a.traffic.get("patterns", "retrieve", "sums") == 2 * 16


def test_zeros_of_a_query_are_not_read_in_the_copies_either():
    y, x = rows(320, 50), np.zeros((1, 50), np.float32)
    x[0, [3, 17, 16]] = 1
    a, _ = both(y, x)
    assert a.traffic.get("screen", "retrieve", "synops") == 320 * 4  # in pairs
    assert a.traffic.get("screen", "retrieve", "words_read") == 320 * (4 + 12) // 8


def test_trace_is_what_was_read():
    y, x = rows(1000, 40), rows(5, 40, seed=1)
    h = SparseHopfield(screen=True)
    stored, r = h.store(y, trace=True), h.recall(x, trace=True)
    names, trace = list(r.traffic.tensors), r.traffic.trace
    for i, name in enumerate(names):
        assert (trace["tensor"] == i).sum() == r.traffic.get(name, "retrieve", "rows_read")
        assert (stored.traffic.trace["tensor"] == i).sum() == 1000
    assert names == ["patterns", "screen"]


def test_bytes_count_the_copy():
    sizes = []
    for screen in (False, True):
        h = SparseHopfield(screen=screen)
        h.store(rows(100, 50))
        sizes.append(h.n_bytes)
    assert sizes[1] - sizes[0] == 112 * (50 + 12)


# ---- as a memory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"similarity": "l2"}, {"similarity": "cosine", "beta": 4.0}])
def test_memory_laws(options):
    y = rows(40, 11)
    check_memory_laws(lambda: SparseHopfield(screen=True, **options), y, y[:9] + 0.3 * rows(9, 11, 2), max_steps=3)


def test_memory_laws_of_codes():
    x = patterns.random_sparse(30, size=64, k=6, seed=0)
    check_memory_laws(lambda: SparseHopfield(beta=1.0, screen=True), x, patterns.erase(x[:8], 0.3, seed=1))


def test_values():
    y, v = rows(300, 8), rows(300, 3, seed=1)
    found = []
    for screen in (True, False):
        h = SparseHopfield(beta=20.0, similarity="l2", screen=screen)
        h.store(y[:100], v[:100])
        h.store(y[100:], v[100:])
        found.append(h.recall(y[:20]).states)
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"similarity": "l1"},
        {"similarity": lambda q, p: q @ p.T},
        {"dtype": "float64"},
        {"alpha": 1.0},
        {"separation": "softmax1"},
        {"separation": lambda s: s},
        {"screen": 1},
    ],
)
def test_refused(wrong):
    with pytest.raises(SdrsimError, match="screen"):
        SparseHopfield(**{"screen": True, **wrong})
