"""Winner-take-all on bit planes against plain comparisons of plain counts."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reference import winners_reference as reference
from reference.bits_reference import planes_of
from scipy.stats import chi2

from sdrsim.kernels import bits, portable, winners

quick = settings(max_examples=40, deadline=None)
KINDS = ("binomial", "zero", "top", "equal", "ends", "any")


def draw_counts(kind, n_units, n_planes, seed):
    """Counts of a shape that hurts: silent, saturated, all tied, only extremes, sparse, anything."""
    rng = np.random.default_rng(seed)
    top = (1 << n_planes) - 1
    counts = {
        "binomial": lambda: rng.binomial(top, 0.1, n_units),
        "zero": lambda: np.zeros(n_units, int),
        "top": lambda: np.full(n_units, top),
        "equal": lambda: np.full(n_units, rng.integers(0, top + 1)),
        "ends": lambda: rng.choice([0, top], n_units),
        "any": lambda: rng.integers(0, top + 1, n_units),
    }[kind]()
    return counts, planes_of(counts, n_planes, garbage=rng)


def dirty(n_units):
    """An output array that still holds the winners of another time, one word longer than it has to be."""
    return np.full(bits.n_words(n_units) + 1, 0x0123456789ABCDEF, np.uint64)


def mask_of(out, n_units):
    """The winners as bools, after a look that nobody beyond the last unit has won."""
    everything = bits.unpack_rows(out, 64 * len(out))
    assert not everything[n_units:].any()
    return everything[:n_units]


cases = {
    "kind": st.sampled_from(KINDS),
    "n_planes": st.integers(1, 9),
    "seed": st.integers(0, 2**32),
}


@given(
    size=st.sampled_from([1, 2, 3, 7, 8, 16, 20, 31, 32, 33, 63, 64, 65, 100, 127, 128, 200, 512, 700]),
    n=st.integers(0, 9),
    **cases,
)
@example(size=64, n=0, kind="top", n_planes=7, seed=0)
@example(size=0, n=5, kind="top", n_planes=7, seed=0)
@example(size=21, n=97, kind="any", n_planes=4, seed=1)
@example(size=64, n=17, kind="any", n_planes=4, seed=1)
@settings(max_examples=80, deadline=None)
def test_cluster_winners(size, n, kind, n_planes, seed):
    n_units = size * n
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    out = dirty(n_units)
    n_winners = winners.cluster_winners(planes, size, n, out)
    expected = reference.cluster_winners(counts, size, n)
    np.testing.assert_array_equal(mask_of(out, n_units), expected)
    assert n_winners == expected.sum()


@given(size=st.sampled_from([1, 2, 4, 8, 16, 32, 64, 128, 256, 512]), n=st.integers(0, 20), **cases)
@quick
def test_vector_and_portable_cluster_winners_agree(size, n, kind, n_planes, seed):
    n_units = size * n
    _, planes = draw_counts(kind, n_units, n_planes, seed)
    vector, plain = dirty(n_units), np.zeros(bits.n_words(n_units) + 1, np.uint64)
    winners.cluster_winners(planes, size, n, vector)
    twin = winners._winners_in_windows if size <= 64 else winners._winners_across
    twin(planes, size, n, plain)
    np.testing.assert_array_equal(vector, plain)


@given(n_units=st.integers(0, 1100), **cases)
@quick
def test_global_max(n_units, kind, n_planes, seed):
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    out = dirty(n_units)
    best, expected = reference.global_max(counts)
    assert winners.global_max(planes, n_units, out) == best
    np.testing.assert_array_equal(mask_of(out, n_units), expected)


@given(n_units=st.integers(0, 1100), k=st.integers(-1, 1200), **cases)
@example(n_units=513, k=512, kind="binomial", n_planes=6, seed=3)
@example(n_units=513, k=513, kind="binomial", n_planes=6, seed=3)
@example(n_units=100, k=0, kind="top", n_planes=6, seed=3)
@example(n_units=100, k=1, kind="top", n_planes=1, seed=3)
@quick
def test_top_k_keeps_all_ties(n_units, k, kind, n_planes, seed):
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    out = dirty(n_units)
    n_kept = winners.top_k(planes, n_units, k, out)
    expected = reference.top_k(counts, k)
    np.testing.assert_array_equal(mask_of(out, n_units), expected)
    assert n_kept == expected.sum()


@given(n_units=st.integers(1, 700), k=st.integers(1, 700), **cases)
@quick
def test_kth_best_names_the_border(n_units, k, kind, n_planes, seed):
    k = min(k, n_units)
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    must, may = reference.must_and_may(counts, k)
    for kth_best in (winners.kth_best, portable.kth_best):
        above, equal = (np.full_like(winners.whole_chunks(n_units), 0xFEDCBA9876543210) for _ in range(2))
        value, need = kth_best(planes, n_units, k, above, equal)
        assert value == np.sort(counts)[::-1][k - 1]
        assert need == k - must.sum()
        np.testing.assert_array_equal(mask_of(above, n_units), must)
        np.testing.assert_array_equal(mask_of(equal, n_units), may)


@given(n_units=st.integers(0, 400), k=st.integers(-1, 450), item=st.integers(0, 2**40), **cases)
@quick
def test_exactly_k_takes_the_smallest_keys_of_the_tied(n_units, k, item, kind, n_planes, seed):
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    out = dirty(n_units)
    n_drawn = winners.exactly_k(planes, n_units, k, np.uint64(seed), item, out)
    keys = np.array([reference.tie_key(seed, item, u) for u in range(n_units)], np.uint64)
    won = mask_of(out, n_units)
    np.testing.assert_array_equal(won, reference.exactly_k(counts, k, keys))
    assert won.sum() == min(max(k, 0), n_units)
    must, may = reference.must_and_may(counts, k)
    needs_a_draw = 0 < k < n_units and must.sum() + may.sum() > k
    assert n_drawn == (may.sum() if needs_a_draw else 0)


def test_a_draw_is_uniform_over_subsets():
    """2 of 6 tied units: 15 subsets, 6,000 items, chi-square at a false-alarm level of 1e-6."""
    candidates = np.array([0b1011000001, 0b11], np.uint64)
    n_items, seen = 6000, {}
    for item in range(n_items):
        out = np.zeros(2, np.uint64)
        assert winners.draw_units(candidates, 2, np.uint64(7), item, out) == 6
        seen[tuple(out.tolist())] = seen.get(tuple(out.tolist()), 0) + 1
    expected = n_items / 15
    statistic = sum((n - expected) ** 2 / expected for n in seen.values()) + (15 - len(seen)) * expected
    assert statistic < chi2.isf(1e-6, 14)


@given(st.integers(0, 2**63), st.integers(0, 100), st.integers(0, 2**20 - 1), st.integers(1, 19))
@quick
def test_a_draw_depends_on_no_other_candidate(seed, item, candidates, n):
    """Taking a loser out of the candidates changes nothing; drawing one more keeps those already drawn."""
    pool = np.array([candidates], np.uint64)
    out, more, fewer = (np.zeros(1, np.uint64) for _ in range(3))
    winners.draw_units(pool, n, np.uint64(seed), item, out)
    winners.draw_units(pool, n + 1, np.uint64(seed), item, more)
    assert out[0] & ~more[0] == 0
    losers = int(pool[0] & ~out[0])
    winners.draw_units(np.array([candidates & ~(losers & -losers)], np.uint64), n, np.uint64(seed), item, fewer)
    assert fewer[0] == out[0]
    assert winners.draw_units(pool, 0, np.uint64(seed), item, out) == 0


@given(n_units=st.integers(0, 1100), threshold=st.integers(-2, 600), **cases)
@quick
def test_at_least(n_units, threshold, kind, n_planes, seed):
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    out = dirty(n_units)
    n = winners.at_least(planes, n_units, threshold, out)
    np.testing.assert_array_equal(mask_of(out, n_units), counts >= threshold)
    assert n == (counts >= threshold).sum()


@given(st.integers(0, 14), st.integers(0, 2**32), st.sampled_from([1, 64, 100, 700]))
@quick
def test_all_active_is_a_threshold_at_the_number_of_rows(n_rows, seed, n_units):
    rng = np.random.default_rng(seed)
    dense = rng.random((9, n_units)) < 0.9
    rows = rng.integers(0, 9, n_rows).astype(np.int32)  # rows may repeat
    out = np.full(bits.n_words(n_units), 99, np.uint64)
    n = winners.all_active(bits.pack_rows(dense), rows, out)
    expected = reference.all_active(dense, rows)
    np.testing.assert_array_equal(mask_of(out, n_units), expected)
    assert n == expected.sum()


def test_all_active_over_rows_longer_than_a_tile():
    rng = np.random.default_rng(1)
    dense = rng.random((11, 64 * 700)) < 0.9
    rows = np.array([3, 1, 4, 5, 9, 2, 6], np.int32)
    out = np.empty(700, np.uint64)
    winners.all_active(bits.pack_rows(dense), rows, out)
    np.testing.assert_array_equal(mask_of(out, 64 * 700), dense[rows].all(axis=0))


@given(
    n_units=st.integers(0, 1100),
    kind=st.sampled_from(KINDS),
    width=st.sampled_from(
        [(np.uint8, 8), (np.uint8, 3), (np.uint16, 11), (np.uint16, 16), (np.int32, 7), (np.int32, 18)]
    ),
    seed=st.integers(0, 2**32),
)
@quick
def test_unpacked_counts(n_units, kind, width, seed):
    dtype, n_planes = width
    counts, planes = draw_counts(kind, n_units, n_planes, seed)
    out = np.full(n_units + 3, 77, dtype)
    winners.planes_to_counts(planes, n_units, out[:n_units])
    np.testing.assert_array_equal(out[:n_units], counts)
    assert (out[n_units:] == 77).all()


@pytest.mark.parametrize("size", [32, 64, 256])
def test_a_silent_cluster_beside_an_active_one(size):
    counts = np.zeros(4 * size, int)
    counts[[size, 3 * size - 1]] = 1, 6  # clusters 1 and 2 speak, 0 and 3 are silent
    out = dirty(4 * size)
    assert winners.cluster_winners(planes_of(counts, 4), size, 4, out) == 2
    np.testing.assert_array_equal(np.flatnonzero(mask_of(out, 4 * size)), [size, 3 * size - 1])
