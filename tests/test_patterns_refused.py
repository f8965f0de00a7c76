"""Images covered and cut at a threshold; what all generators refuse."""

import numpy as np
import pytest
from scipy import stats

from sdrsim import SDR, patterns
from sdrsim.errors import CapacityError, CodeError, ParameterError, SdrsimError

LEVEL = 1e-4  # of false alarms; the seeds are fixed


# ---- images --------------------------------------------------------------------------------------------------------


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


# ---- what is refused -----------------------------------------------------------------------------------------------

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
