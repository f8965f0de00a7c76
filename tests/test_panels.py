"""Panels: vector code against plain sums, the same bits for one query and many; lists; means of patterns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import panels_reference as reference

from sdrsim.kernels import simd_panels
from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels import panels as P
from sdrsim.models.hopfield.kernels import scan as S
from sdrsim.models.hopfield.kernels.roots import solve


@compiled
def one_query(panels, x, keep_zeros, distance, out):
    d = panels.shape[1]
    query = P.Query(np.empty(d, x.dtype), np.empty(d, np.int32), np.empty((d + 127) // 128 + 1, np.int64))
    n = P.pack_query(x, keep_zeros, query)
    P.score_one(panels, 0, len(panels), query, distance, out)
    return n


@compiled
def many_queries(panels, x, distance, out):
    packed = np.empty(((len(x) + 7) // 8, x.shape[1], 8), x.dtype)
    P.pack_queries(x, packed)
    P.score_many(panels, 0, len(panels), packed, distance, out)


@compiled
def append(floor, scores, first, values, places, n):
    return simd_panels.append_above(
        floor, scores.ctypes.data, len(scores) // 16, first, values.ctypes.data, places.ctypes.data, n
    )


@compiled
def top(floor, scores):
    return simd_panels.largest(floor, scores.ctypes.data, len(scores) // 16)


@compiled
def top_two(floor, scores):
    return simd_panels.two_largest(floor, scores.ctypes.data, len(scores) // 16)


sizes = st.tuples(st.integers(1, 90), st.integers(1, 300), st.integers(1, 11))


@settings(max_examples=30, deadline=None)
@given(sizes, st.sampled_from(["float32", "float64"]), st.booleans(), st.floats(0, 1), st.integers(0, 2**30))
def test_scores(shape, kind, distance, share, seed):
    """Right to rounding; bit for bit the same alone, in a batch, and with zeros left out."""
    (n, d, n_queries), rng = shape, np.random.default_rng(seed)
    rows, x = rng.standard_normal((n, d)).astype(kind), rng.standard_normal((n_queries, d)).astype(kind)
    x[rng.random(x.shape) < share] = 0
    panels = np.zeros((-(-n // 16), d, 16), kind)
    P.put_patterns(panels, 0, rows)
    np.testing.assert_array_equal(panels, reference.panels_of(rows))
    batch = np.empty((-(-n_queries // 8) * 8, 16 * len(panels)), kind)
    many_queries(panels, x, distance, batch)
    alone = np.empty(16 * len(panels), kind)
    for q in range(n_queries):
        used = one_query(panels, x[q], distance, distance, alone)
        assert used == (d if distance else np.count_nonzero(x[q]))
        np.testing.assert_array_equal(alone, batch[q])
    expected = reference.scores(rows, x, distance)
    np.testing.assert_allclose(batch[:n_queries, :n], expected, atol=(1e-5 if kind == "float32" else 1e-13) * d)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_the_two_largest(kind):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = rng.integers(-9, 9, 16 * (1 + seed % 5)).astype(kind)
        for floor in (-np.inf, -3, 8, 20):
            high, low = np.sort(scores)[[-1, -2]]
            assert top_two(np.dtype(kind).type(floor), scores) == (
                max(high, floor),
                floor if floor >= high else max(low, floor),
            )


def test_a_score_is_one_chain():
    rng = np.random.default_rng(3)
    rows, x = rng.standard_normal((5, 300)).astype(np.float32), rng.standard_normal((9, 300)).astype(np.float32)
    out = np.empty((16, 16), np.float32)
    many_queries(reference.panels_of(rows), x, False, out)
    for q in range(9):
        assert [reference.chain(row, x[q]) for row in rows] == out[q, :5].tolist()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.floats(-3, 3), st.sampled_from([np.float32, np.float64]), st.integers(0, 2**30))
def test_lists(n_groups, floor, kind, seed):
    scores = np.round(np.random.default_rng(seed).standard_normal(16 * n_groups), 1).astype(kind)
    values, places = np.zeros(16 * n_groups + 3, kind), np.zeros(16 * n_groups + 3, np.int32)
    n = append(kind(floor), scores, 32, values, places, 3)
    expected, where = reference.above(scores, kind(floor))
    np.testing.assert_array_equal(values[3:n], expected)
    np.testing.assert_array_equal(places[3:n], where + 32)
    assert top(kind(floor), scores) == max(kind(floor), scores.max())


@pytest.mark.parametrize("alpha", [1.05, 1.3, 1.5, 2.0, 3.0, 10.0])
@pytest.mark.parametrize(("n", "n_queries"), [(1, 1), (17, 3), (5000, 1), (5000, 6)])
@pytest.mark.parametrize("order", ["random", "rising", "equal"])
def test_nothing_with_weight_is_dropped(alpha, n, n_queries, order):
    rng = np.random.default_rng(n)
    rows, x = rng.standard_normal((n, 20)), rng.standard_normal((n_queries, 20)) * (alpha - 1)
    if order == "rising":
        rows = rows[np.argsort(rows @ x[0])]
    if order == "equal":
        rows[:] = rows[0]
    none = np.zeros(0)
    store = S.Store(reference.panels_of(rows), n, none, none, False)
    lists = S.new_lists(n_queries, n + 200, x)
    lists = S.scan(store, x, S.Asked(S.ROOT, 1 / (alpha - 1), 0, 0, 1.0, 1.0), lists)
    z = reference.scores(rows, x)
    ranked = np.sort(z, axis=1)
    np.testing.assert_allclose(lists.tops, ranked[:, -1], atol=1e-13)
    np.testing.assert_allclose(lists.seconds, ranked[:, -2] if n > 1 else -np.inf, atol=1e-13)
    for q in range(n_queries):
        tau = z[q].max() + solve(z[q], n, z[q].max(), 1 / (alpha - 1))
        listed = lists.places[q, : lists.counts[q]]
        assert np.isin(np.flatnonzero(z[q] > tau + 1e-12), listed).all()
        assert (np.diff(listed) > 0).all()
        np.testing.assert_allclose(lists.values[q, : lists.counts[q]], z[q, listed], atol=1e-13)


@pytest.mark.parametrize("n_support", [1, 3, 60])
def test_means(n_support):
    rng = np.random.default_rng(n_support)
    rows, n_queries = rng.standard_normal((200, 33)), 7
    counts = np.full(n_queries, n_support)
    counts[2] = 0
    indptr = np.concatenate([[0], np.cumsum(counts)])
    places = np.concatenate([np.sort(rng.choice(200, n, replace=False)) for n in counts]).astype(np.int32)
    weights = rng.random(len(places))
    together, apart = np.empty((n_queries, 33)), np.empty((n_queries, 33))
    P.mean_of_patterns(reference.panels_of(rows), indptr, places, weights, together)
    P.mean_of_rows(rows, indptr, places, weights, apart)
    np.testing.assert_array_equal(together, apart)
    for q in range(n_queries):
        own, alone = slice(indptr[q], indptr[q + 1]), np.empty((1, 33))
        P.mean_of_patterns(reference.panels_of(rows), np.array([0, counts[q]]), places[own], weights[own], alone)
        np.testing.assert_array_equal(alone[0], together[q])
        expected = weights[own] @ rows[places[own]]
        np.testing.assert_allclose(together[q], expected, atol=1e-12)
