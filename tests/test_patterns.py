"""Generators of codes and cues: equal to slow twins, exact in number, nested, uniform; bad input refused.

Statistical tests are refused at LEVEL; the seeds are fixed.
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import random_reference as ref
from scipy import stats

from sdrsim import SDR, patterns

LEVEL = 1e-4
laws = settings(max_examples=40, deadline=None)
SEEDS = st.integers(0, 2**64 - 1)
FRACTIONS = st.floats(0, 1) | st.sampled_from([0.0, 0.25, 0.5, 1.0])


def lists(codes):
    return [item.indices.tolist() for item in codes]


@st.composite
def codes(draw, room_to_move=False):
    size = draw(st.integers(1, 130))
    most = size // 2 if room_to_move else size
    n_active = draw(st.lists(st.integers(0, most), max_size=5))
    made = [draw(st.permutations(range(size)))[:k] for k in n_active]
    return SDR.from_indices([np.array(m, np.int64) for m in made], size)


def well_formed(s):
    SDR(s.indices, s.indptr, s.size)
    assert s.indices.dtype == np.int32
    assert s.indptr.dtype == np.int64
    assert not s.indices.flags.writeable


# ---- twins: every generator, item by item --------------------------------------------------------------------------


@laws
@given(st.integers(0, 4), st.integers(1, 150), SEEDS, st.integers(0, 2**40), st.data())
def test_random_sparse_equals_its_twin(n, size, seed, first, data):
    k = data.draw(st.integers(0, size))
    made = patterns.random_sparse(n, size, k, seed, first_item=first)
    well_formed(made)
    assert lists(made) == ref.random_sparse(range(first, first + n), size, k, seed)


@laws
@given(st.integers(0, 4), st.integers(1, 20), st.integers(1, 300), SEEDS, st.integers(0, 2**40))
def test_random_block_equals_its_twin(n, n_clusters, cluster_size, seed, first):
    made = patterns.random_block(n, n_clusters, cluster_size, seed, first_item=first)
    well_formed(made)
    assert made.size == n_clusters * cluster_size
    assert lists(made) == ref.random_block(range(first, first + n), n_clusters, cluster_size, seed)


@laws
@given(st.integers(0, 6), st.integers(2, 90), st.integers(1, 4), FRACTIONS, SEEDS, st.integers(0, 99), st.data())
def test_correlated_equals_its_twin(n, size, n_prototypes, overlap, seed, first, data):
    k = data.draw(st.integers(0, size // 2))
    made = patterns.correlated(n, size, k, n_prototypes, overlap, seed, first_item=first)
    well_formed(made)
    assert lists(made) == ref.correlated(range(first, first + n), size, k, n_prototypes, overlap, seed)


@laws
@given(codes(), FRACTIONS, SEEDS, st.integers(0, 2**40))
def test_erase_equals_its_twin(x, fraction, seed, first):
    made = patterns.erase(x, fraction, seed, first_item=first)
    well_formed(made)
    assert lists(made) == ref.erase(lists(x), fraction, seed, first)


@laws
@given(codes(), FRACTIONS, SEEDS, st.integers(0, 2**40))
def test_insert_equals_its_twin(x, p, seed, first):
    made = patterns.insert(x, p, seed, first_item=first)
    well_formed(made)
    assert lists(made) == ref.insert(lists(x), x.size, p, seed, first)


@laws
@given(codes(room_to_move=True), FRACTIONS, SEEDS, st.integers(0, 2**40))
def test_move_units_equals_its_twin(x, fraction, seed, first):
    made = patterns.move_units(x, fraction, seed, first_item=first)
    well_formed(made)
    assert lists(made) == ref.move_units(lists(x), x.size, fraction, seed, first)


# ---- laws ----------------------------------------------------------------------------------------------------------

GENERATORS = {
    "random_sparse": lambda n, **k: patterns.random_sparse(n, 300, 40, 5, **k),
    "random_block": lambda n, **k: patterns.random_block(n, 6, 50, 5, **k),
    "correlated": lambda n, **k: patterns.correlated(n, 300, 12, 4, 0.7, 5, **k),
}
BASE = patterns.random_sparse(60, 300, 12, seed=8)
NOISE = {
    "erase": lambda x, **k: patterns.erase(x, 0.3, 5, **k),
    "insert": lambda x, **k: patterns.insert(x, 0.02, 5, **k),
    "move_units": lambda x, **k: patterns.move_units(x, 0.4, 5, **k),
}


@pytest.mark.parametrize("make", GENERATORS.values(), ids=GENERATORS)
def test_first_items_are_the_same_for_any_n(make):
    whole = make(50)
    assert whole[:7] == make(7)
    assert whole[7:] == make(43, first_item=7)
    assert len(make(0)) == 0


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_noise_on_an_item_does_not_depend_on_the_batch(noise):
    whole = noise(BASE)
    assert whole[:7] == noise(BASE[:7])
    assert whole[7:] == noise(BASE[7:], first_item=7)
    assert whole == noise(BASE)
    assert len(noise(BASE[:0])) == 0


def test_seeds_and_functions_draw_apart():
    made = [patterns.random_sparse(20, 100, 5, seed=s) for s in range(3)]
    made.append(patterns.correlated(20, 100, 5, n_prototypes=20, overlap=1, seed=0))
    assert all(a != b for a, b in combinations(made, 2))
    # erased and moved units are not the same ones: their keys differ by name
    kept, moved = patterns.erase(BASE, 0.5, seed=5), patterns.move_units(BASE, 0.5, seed=5)
    assert (kept.overlap(moved) < 6).any()


@laws
@given(codes(), FRACTIONS, FRACTIONS, SEEDS)
def test_erase_removes_the_stated_number_and_is_nested(x, a, b, seed):
    low, high = (patterns.erase(x, f, seed) for f in sorted((a, b)))
    assert low.n_active.tolist() == [k - round(min(a, b) * k) for k in x.n_active.tolist()]
    assert low.overlap(x).tolist() == low.n_active.tolist()
    assert high.overlap(low).tolist() == high.n_active.tolist()


@laws
@given(codes(), st.floats(0, 1), SEEDS)
def test_insert_only_adds(x, p, seed):
    y = patterns.insert(x, p, seed)
    assert y.overlap(x).tolist() == x.n_active.tolist()
    assert patterns.insert(x, 0, seed) == x
    assert patterns.insert(x, 1, seed).n_active.tolist() == [x.size] * len(x)


@laws
@given(codes(room_to_move=True), FRACTIONS, SEEDS)
def test_move_units_keeps_the_number(x, fraction, seed):
    y = patterns.move_units(x, fraction, seed)
    assert y.n_active.tolist() == x.n_active.tolist()
    assert y.overlap(x).tolist() == [k - round(fraction * k) for k in x.n_active.tolist()]


@laws
@given(st.integers(1, 30), st.integers(1, 5), FRACTIONS, SEEDS)
def test_correlated_items_keep_their_share_of_one_prototype(n, n_prototypes, overlap, seed):
    prototypes = patterns.correlated(n_prototypes, 80, 11, n_prototypes, 1, seed)
    x = patterns.correlated(n, 80, 11, n_prototypes, overlap, seed)
    assert set(x.n_active.tolist()) == {11}
    mine = prototypes[np.arange(n) % n_prototypes]
    assert set(x.overlap(mine).tolist()) == {round(overlap * 11)}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
def test_every_form_of_codes_gives_the_same(noise):
    want = noise(BASE)
    assert noise(BASE.dense()) == want
    assert noise(BASE.dense().astype(np.uint8)) == want
    assert noise(BASE.to_csr()) == want
    assert noise(BASE.indices.reshape(60, 12), size=300) == want
    assert noise(BASE.indices.reshape(60, 12)[:, ::-1], size=300) == want
    assert noise([item.indices for item in BASE], size=300) == want


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
@pytest.mark.parametrize("dtype", [bool, np.uint8])
def test_clips_come_back_in_their_shape(noise, dtype):
    clip = BASE.dense().reshape(60, 20, 15).astype(dtype)
    before = clip.copy()
    made = noise(clip)
    assert (made.shape, made.dtype) == (clip.shape, clip.dtype)
    assert np.array_equal(made.reshape(60, 300), noise(BASE).dense())
    assert np.array_equal(clip, before)
    made[0, 0, 0] = 1  # the caller's own


def test_marks_and_lists_agree_on_long_items():
    """Above 24 units the compiled loop takes another way; items beside it must not notice."""
    for k in (24, 25, 150):
        assert lists(patterns.random_sparse(3, 200, k, seed=2)) == ref.random_sparse(range(3), 200, k, 2)


# ---- distributions -------------------------------------------------------------------------------------------------


def chi2_of_counts(counts, n_items, p):
    """Units drawn without repeat: variance p (1 - p) N / (N - 1) round a fixed sum, N - 1 degrees of freedom."""
    size = len(counts)
    score = ((counts - n_items * p) ** 2).sum() / (n_items * p * (1 - p)) * (size - 1) / size
    return stats.chi2.sf(score, size - 1)


def test_erased_units_are_uniform_over_subsets():
    x = SDR.from_indices(np.tile([3, 10, 11, 40, 99, 7], (20_000, 1)), 100)
    left = patterns.erase(x, 0.5, seed=3).indices.reshape(-1, 3)
    place = {subset: i for i, subset in enumerate(combinations([3, 7, 10, 11, 40, 99], 3))}
    seen = np.bincount([place[tuple(row)] for row in left.tolist()], minlength=20)
    assert stats.chisquare(seen).pvalue > LEVEL


def test_moved_units_arrive_uniformly_in_the_silent_places():
    n = 20_000
    x = SDR.from_indices(np.tile([0, 3, 4, 9, 29], (n, 1)), 30)
    y = patterns.move_units(x, 0.4, seed=3)
    counts = y.dense().sum(axis=0)
    silent = np.setdiff1d(np.arange(30), [0, 3, 4, 9, 29])
    assert chi2_of_counts(counts[silent], n, 2 / 25) > LEVEL
    assert chi2_of_counts(counts[[0, 3, 4, 9, 29]], n, 3 / 5) > LEVEL


def test_inserted_units_are_independent_coin_flips():
    n, p = 4000, 0.03
    x = patterns.random_sparse(n, 200, 20, seed=1)
    y = patterns.insert(x, p, seed=2)
    added = y.n_active - x.n_active
    assert stats.binomtest(int(added.sum()), n * 180, p).pvalue > LEVEL
    low, high = 0, 14
    seen = np.bincount(np.clip(added, low, high), minlength=high + 1)
    law = stats.binom.pmf(np.arange(high + 1), 180, p)
    law[high] = stats.binom.sf(high - 1, 180, p)
    assert stats.chisquare(seen, law / law.sum() * n).pvalue > LEVEL
    silent = ~x.dense()
    per_unit = (y.dense() & silent).sum(axis=0)
    score = ((per_unit - p * silent.sum(axis=0)) ** 2 / (p * (1 - p) * silent.sum(axis=0))).sum()
    assert stats.chi2.sf(score, 200) > LEVEL


def test_block_values_are_uniform_and_independent_between_clusters():
    x = patterns.random_block(20_000, 4, 10, seed=4).indices.reshape(-1, 4) % 10
    for a, b in combinations(range(4), 2):
        assert stats.chisquare(np.bincount(x[:, a] * 10 + x[:, b], minlength=100)).pvalue > LEVEL
    assert stats.chisquare(np.bincount(x[:-1:2, 0] * 10 + x[1::2, 0], minlength=100)).pvalue > LEVEL


def test_codes_of_neighbouring_seeds_overlap_by_chance_alone():
    n, size, k = 20_000, 400, 20
    both = patterns.random_sparse(n, size, k, seed=1).overlap(patterns.random_sparse(n, size, k, seed=2))
    law = stats.hypergeom.pmf(np.arange(6), size, k, k)
    law[5] = stats.hypergeom.sf(4, size, k, k)
    assert stats.chisquare(np.bincount(np.minimum(both, 5), minlength=6), law * n).pvalue > LEVEL
