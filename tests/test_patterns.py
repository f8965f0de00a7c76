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
from sdrsim.errors import CapacityError, CodeError, ParameterError, SdrsimError

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


# ---- twins: every generator, item by item -------------------------------------------------------------------------


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


# ---- laws ---------------------------------------------------------------------------------------------------------

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


# ---- distributions ------------------------------------------------------------------------------------------------


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


# ---- images -------------------------------------------------------------------------------------------------------


def test_binarise_is_strictly_above_and_row_major():
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    s = patterns.binarise(images, 7)
    assert s == SDR.from_dense(images.reshape(2, 6) > 7)
    assert patterns.binarise(images.reshape(2, 6), 7) == s
    assert patterns.binarise(images, 7.5) == s
    assert patterns.binarise(images.astype(float), np.float32(7)) == s
    assert patterns.binarise(images > 7, 0) == s


def test_binarise_takes_a_threshold_per_pixel():
    images = np.arange(12).reshape(2, 2, 3)
    level = np.array([[0, 9, 9], [9, 3, 9]])
    assert np.array_equal(patterns.binarise(images, level).dense(), (images > level).reshape(2, 6))


@pytest.mark.parametrize(("fraction", "height", "width"), [(0, 0, 0), (0.25, 6, 4), (0.1, 4, 3), (1, 12, 8)])
def test_occlusion_covers_one_rectangle_inside_each_image(fraction, height, width):
    images = np.full((40, 12, 8), 200, np.uint8)
    made = patterns.occlude(images, fraction, seed=3, value=9)
    assert made.dtype == np.uint8
    assert (images == 200).all()
    covered = made == 9
    assert (covered.any(axis=2).sum(axis=1) == height).all()
    assert (covered.any(axis=1).sum(axis=1) == width).all()
    assert (covered.sum(axis=(1, 2)) == height * width).all()
    assert np.array_equal(patterns.occlude(images[:5], fraction, seed=3, value=9), made[:5])
    assert np.array_equal(patterns.occlude(images[5:], fraction, seed=3, value=9, first_item=5), made[5:])


def test_occlusion_is_placed_uniformly():
    made = patterns.occlude(np.ones((12_000, 6, 5)), 0.25, seed=1)  # 3 x 2 in 6 x 5: 4 x 4 places
    hidden = made == 0
    rows, columns = hidden.any(axis=2).argmax(axis=1), hidden.any(axis=1).argmax(axis=1)
    assert stats.chisquare(np.bincount(rows * 4 + columns, minlength=16)).pvalue > LEVEL


@pytest.mark.parametrize(
    ("side", "part"),
    [
        ("left", np.s_[:, :2]),
        ("right", np.s_[:, 6:]),
        ("top", np.s_[:3]),
        ("bottom", np.s_[9:]),
    ],
)
def test_occlusion_of_a_side(side, part):
    image = np.random.default_rng(0).random((12, 8))
    made = patterns.occlude(image, 0.25, side=side, value=-1)
    want = image.copy()
    want[part] = -1
    assert np.array_equal(made, want)
    assert np.array_equal(patterns.occlude(image[None], 0.25, 9, side=side, value=-1)[0], want)


@pytest.mark.parametrize("dtype", [bool, np.int16, np.float32])
def test_occlusion_keeps_the_dtype(dtype):
    assert patterns.occlude(np.ones((1, 2, 2), np.float32), 1, value=np.float64(0.1))[0, 0, 0] == np.float32(0.1)
    made = patterns.occlude(np.ones((3, 8, 8), dtype), 0.5)
    assert made.dtype == dtype
    assert made.sum() == 3 * (64 - 36)


# ---- what is refused ----------------------------------------------------------------------------------------------

X = patterns.random_sparse(4, 40, 5, seed=0)
NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patterns.random_sparse(-1, 10, 2, 0), "n: got -1; expected 0 or more"),
        (lambda: patterns.random_sparse(2.0, 10, 2, 0), "n: got 2.0; expected a whole number"),
        (lambda: patterns.random_sparse(True, 10, 2, 0), "n: got True"),
        (lambda: patterns.random_sparse(2, 0, 0, 0), "size: got 0; expected 1 or more"),
        (lambda: patterns.random_sparse(2, 2**31, 2, 0), r"size: got 2147483648; expected 1 .. 2\*\*31 - 1"),
        (lambda: patterns.random_sparse(2, 10, 11, 0), "k: got 11; expected at most size = 10"),
        (lambda: patterns.random_sparse(2, 10, -1, 0), "k: got -1"),
        (lambda: patterns.random_sparse(2, 10, 2, -1), "seed: got -1"),
        (lambda: patterns.random_sparse(2, 10, 2, 0.5), "seed: got 0.5"),
        (lambda: patterns.random_sparse(2, 10, 2, 0, first_item=-1), "first_item: got -1"),
        (lambda: patterns.random_sparse(2, 10, 2, 0, first_item=2**62), "first_item"),
        (lambda: patterns.random_block(2, 0, 4, 0), "n_clusters: got 0; expected 1 or more"),
        (lambda: patterns.random_block(2, 4, 0, 0), "cluster_size: got 0"),
        (lambda: patterns.random_block(2, 2**16, 2**16, 0), r"n_clusters \* cluster_size"),
        (lambda: patterns.correlated(2, 10, 2, 0, 0.5, 0), "n_prototypes: got 0"),
        (lambda: patterns.correlated(2, 10, 2, 3, 1.5, 0), "overlap: got 1.5; expected 0 .. 1"),
        (
            lambda: patterns.correlated(2, 10, 8, 3, 0, 0),
            "overlap: got 0: 8 units outside a prototype; expected at most",
        ),
        (lambda: patterns.correlated(2, 10, 11, 3, 1, 0), "k: got 11"),
        (lambda: patterns.erase(X, -0.1, 0), "fraction: got -0.1; expected 0 .. 1"),
        (lambda: patterns.erase(X, NAN, 0), "fraction: got nan"),
        (lambda: patterns.erase(X, "half", 0), "fraction: got 'half'; expected a number"),
        (lambda: patterns.erase(X, 0.5, None), "seed"),
        (lambda: patterns.insert(X, 1.1, 0), "p: got 1.1"),
        (lambda: patterns.insert(X, True, 0), "p: got True"),
        (lambda: patterns.move_units(X, 2, 0), "fraction: got 2.0"),
        (lambda: patterns.occlude(np.ones((2, 4, 4)), 1.2), "fraction: got 1.2"),
        (lambda: patterns.occlude(np.ones((2, 4, 4)), 0.2, -1), "seed"),
        (lambda: patterns.occlude(np.ones((2, 4, 4)), 0.2, side="middle"), "side: got 'middle'; expected left, right"),
        (
            lambda: patterns.occlude(np.ones((2, 4, 4), np.uint8), 0.2, value=0.5),
            "value: got 0.5; expected one value of dtype",
        ),
        (lambda: patterns.occlude(np.ones((2, 4, 4), np.uint8), 0.2, value=-1), "value"),
        (lambda: patterns.occlude(np.ones((2, 4, 4), np.uint8), 0.2, value=[1, 2]), "value"),
        (lambda: patterns.occlude(np.ones((2, 4, 4), np.uint8), 0.2, value="x"), "value"),
        (lambda: patterns.binarise(np.ones((2, 4, 4)), NAN), "threshold: got nan"),
        (lambda: patterns.binarise(np.ones((2, 4, 4)), "high"), "threshold"),
        (lambda: patterns.binarise(np.ones((2, 4, 4)), np.ones((3, 3))), r"threshold: got shape \(3, 3\)"),
    ],
)
def test_bad_parameters_are_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: patterns.erase([[1, 2]], 0.5, 0), "no size"),
        (lambda: patterns.erase([[1, 2]], 0.5, 0, size=2), "got 2; expected 0 .. 1"),
        (lambda: patterns.erase([[1, 1]], 0.5, 0, size=9), "an index twice"),
        (lambda: patterns.erase(X, 0.5, 0, size=9), "codes over 40 units; expected 9"),
        (lambda: patterns.insert(np.full((2, 5), NAN), 0.5, 0), "NaN"),
        (lambda: patterns.insert(np.full((2, 5), 7, np.uint8), 0.5, 0), "binarise"),
        (lambda: patterns.move_units(np.zeros((2, 3, 4)), 0.5, 0), "clip: got dtype float64"),
        (lambda: patterns.move_units(np.full((2, 3, 4), 9, np.uint8), 0.5, 0), "binarise"),
        (
            lambda: patterns.move_units(np.ones((2, 10), bool), 0.1, 0),
            "item 0: got 10 of 10 units active.*lower fraction",
        ),
        (lambda: patterns.occlude(np.ones(4), 0.2), r"images: got shape \(4,\)"),
        (lambda: patterns.occlude(np.full((2, 4, 4), NAN), 0.2), "images: got NaN"),
        (lambda: patterns.occlude(np.array([["a", "b"]]), 0.2), "images: got dtype"),
        (lambda: patterns.binarise(np.ones(4), 0), "images: got shape"),
        (lambda: patterns.binarise(np.array([[1.0, NAN]]), 0), "images: got NaN"),
        (lambda: patterns.binarise(None, 0), "images: got dtype object"),
        (lambda: patterns.binarise([np.ones((2, 2)), np.ones((3, 2))], 0), "images"),
    ],
)
def test_bad_codes_and_images_are_refused(call, message):
    with pytest.raises(CodeError, match=message):
        call()


def test_more_than_memory_is_refused_with_the_number_of_bytes():
    with pytest.raises(CapacityError, match="40,000,000,000,000,000 bytes"):
        patterns.random_sparse(10**15, 100, 10, 0)


def test_all_refusals_are_of_one_family():
    with pytest.raises(SdrsimError):
        patterns.random_sparse(1, 10, 11, 0)
