"""SparseyClassifier: scikit-learn's protocol, pieces, later classes, files, refusals; digits, raw pixels beside."""

import copy
import pickle
from itertools import pairwise

import numpy as np
import pytest
from reference.sparsey_nets import equal, same, state_of

from sdrsim import SDR, patterns, stream
from sdrsim.errors import CodeError, FileFormatError, ParameterError, SdrsimError
from sdrsim.files import load_dataset
from sdrsim.models.sparsey import Hierarchy, Level, Mac, MacParams, SparseyClassifier
from sdrsim.models.sparsey.readout import KINDS, Readout

DIGITS = load_dataset("digits8")
X, Y = DIGITS.images, DIGITS.labels
SMALL = {"image_shape": (8, 8), "aperture": 4, "stride": 2, "n_cms": 4, "n_cells": 8, "threshold": 7}


def small(**changes):
    return SparseyClassifier(**{**SMALL, **changes})


def knows(clf):
    """All that a fitted classifier knows."""
    return [*state_of(clf.hierarchy), clf._readout.state()]


# ---- learning ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readout", KINDS)
def test_it_is_a_level_and_a_readout(readout):
    """Features from one pass, then a relabelling pass by recognition."""
    clf = small(readout=readout, epochs=2, seed=6, match="jaccard", unit_cap=0.3, g_minus=0.1, pi_u_minus=2)
    level = Level(
        aperture=(4, 4), stride=(2, 2), n_cms=4, n_cells=8, match="jaccard", unit_cap=0.3, g_minus=0.1, pi_u_minus=2
    )
    h = Hierarchy((8, 8), [level], seed=6)
    frames = X[:200] > 7
    h.learn(frames)
    codes = h.recognise(frames).sdr[0]
    out = Readout(9 * 32, 9 * 4, 8, readout, smoothing=clf.smoothing, rate=clf.rate, epochs=2, seed=6).fit(
        codes, Y[:200]
    )
    assert clf.fit(X[:200], Y[:200]) is clf
    assert equal(state_of(clf.hierarchy), state_of(h))
    probes = h.recognise(X[200:400] > 7).sdr[0]
    assert clf.transform(X[200:400]) == probes
    assert np.array_equal(clf.decision_function(X[200:400]), out.scores(probes))
    assert np.array_equal(clf.predict(X[200:400]), out.predict(probes))
    assert clf.score(X[200:400], Y[200:400]) == (out.predict(probes) == Y[200:400]).mean()
    assert clf.classes_.tolist() == list(range(10))


def test_answers_change_nothing():
    clf = small().fit(X[:100], Y[:100])
    before = knows(clf)
    clf.predict(X[100:200])
    clf.score(X[100:200], Y[100:200])
    clf.transform(X[100:200])
    clf.decision_function(X[100:200])
    assert equal(before, knows(clf))


@pytest.mark.parametrize("readout", ["counts", "linear"])
def test_same_seed_same_bits_on_any_threads(readout):
    first, again, threads = (small(readout=readout, seed=3, n_threads=n).fit(X[:150], Y[:150]) for n in (1, 1, 3))
    scores = first.decision_function(X[150:300])
    assert np.array_equal(scores, again.decision_function(X[150:300]))
    assert np.array_equal(scores, threads.decision_function(X[150:300]))
    other = small(readout=readout, seed=4).fit(X[:150], Y[:150])
    assert not np.array_equal(scores, other.decision_function(X[150:300]))


@pytest.mark.parametrize("cuts", [(60,), (1, 2, 90), (30, 60, 90, 110)])
def test_pieces_give_the_features_of_the_whole(cuts):
    whole, parts = small().fit(X[:120], Y[:120]), small()
    edges = [0, *cuts, 120]
    for a, b in pairwise(edges):
        assert parts.partial_fit(X[a:b], Y[a:b]) is parts
    assert equal(state_of(parts.hierarchy), state_of(whole.hierarchy))
    assert parts.transform(X[120:240]) == whole.transform(X[120:240])
    assert parts.score(X[:120], Y[:120]) > 0.5


def test_fit_begins_anew():
    clf = small().fit(X[:80], Y[:80])
    clf.fit(X[80:200], Y[80:200])
    assert equal(knows(clf), knows(small().fit(X[80:200], Y[80:200])))
    once = small().partial_fit(X[:80], Y[:80], classes=range(10))
    assert equal(knows(once), knows(small().fit(X[:80], Y[:80])))


def test_classes_that_come_later():
    few, rest = Y < 5, Y >= 5
    clf = small(readout="counts").fit(X[few][:200], Y[few][:200])
    assert clf.classes_.tolist() == [0, 1, 2, 3, 4]
    assert clf.decision_function(X[:3]).shape == (3, 5)
    before = clf.score(X[few][200:400], Y[few][200:400])
    clf.partial_fit(X[rest][:200], Y[rest][:200])
    assert clf.classes_.tolist() == list(range(10))
    assert clf.decision_function(X[:3]).shape == (3, 10)
    assert clf.score(X[rest][200:400], Y[rest][200:400]) > 0.5
    assert clf.score(X[few][200:400], Y[few][200:400]) > before - 0.3, "the old ones are not forgotten"
    far = Y[:50].astype(int) * 1000 - 5000
    assert set(small().fit(X[:50], far).predict(X[:50])) <= set(far)


def test_forms_of_images_and_labels():
    clf = small().fit(X[:80], Y[:80])
    expected = clf.predict(X[80:90])
    for form in (
        X[80:90].astype(np.int64),
        X[80:90].astype(np.float32),
        X[80:90].tolist(),
        np.asfortranarray(X[80:90]),
    ):
        assert np.array_equal(clf.predict(form), expected)
    other = small().fit(X[:80].astype(float), Y[:80].astype(np.uint8).tolist())
    assert equal(knows(other), knows(clf))
    assert small(threshold=7.5).fit(X[:80], Y[:80]).predict(X[80:90]).tolist() == expected.tolist()
    assert clf.predict(X[:0]).shape == (0,)
    assert clf.decision_function(X[:0]).shape == (0, 10)


def test_blank_images_get_the_prior():
    clf = small(readout="counts").fit(X[:81], np.r_[Y[:80], 4])
    assert clf.predict(np.zeros((2, 8, 8), np.uint8)).tolist() == [np.bincount(np.r_[Y[:80], 4]).argmax()] * 2


# ---- the protocol --------------------------------------------------------------------------------------------------


def test_arguments():
    clf = small(n_cells=16, readout="counts")
    values = clf.get_params()
    assert values["n_cells"] == 16
    assert values["image_shape"] == (8, 8)
    assert SparseyClassifier(**values).get_params() == values == clf.get_params(deep=False)
    clf.fit(X[:50], Y[:50])
    assert clf.set_params() is clf
    assert clf.classes_.tolist() == list(range(10)), "nothing set, nothing forgotten"
    with pytest.raises(ParameterError, match="apperture: got an unknown name"):
        clf.set_params(n_cells=32, apperture=3)
    assert clf.get_params() == values, "refused whole"
    assert clf.predict(X[:5]).shape == (5,)
    assert clf.set_params(n_cells=32) is clf
    assert clf.n_cells == 32
    assert not hasattr(clf, "classes_"), "what was learned with other arguments is forgotten"


def test_before_it_is_fitted():
    clf = small()
    assert not hasattr(clf, "classes_")
    assert clf.hierarchy.n_frames == 0
    for verb in (clf.predict, clf.transform, clf.decision_function, lambda x: clf.score(x, Y[:5]), clf.save):
        with pytest.raises(ParameterError, match="fit it first"):
            verb(X[:5])


def test_it_says_what_it_is():
    clf = small()
    assert "nothing learned" in repr(clf)
    assert "Q 4 x K 8" in repr(clf)
    assert "70 images learned" in repr(clf.fit(X[:70], Y[:70]))
    assert clf._repr_html_().startswith("<code>SparseyClassifier(image_shape=(8, 8)")


def test_scikit_learn_clones_validates_and_searches():
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import GridSearchCV, cross_val_score
    from sklearn.utils.validation import check_is_fitted

    clf = small(epochs=2).fit(X[:50], Y[:50])
    check_is_fitted(clf)
    twin = base.clone(clf)
    assert twin.get_params() == clf.get_params()
    assert not hasattr(twin, "classes_")
    with pytest.raises(Exception, match="not fitted"):
        check_is_fitted(twin)
    assert base.is_classifier(clf)
    found = cross_val_score(small(), X[:300], Y[:300], cv=3)
    assert found.shape == (3,)
    assert found.min() > 0.5
    from sklearn.model_selection import StratifiedKFold

    train, test = next(iter(StratifiedKFold(3).split(X[:300], Y[:300])))
    assert found[0] == small().fit(X[train], Y[train]).score(X[test], Y[test])
    search = GridSearchCV(small(), {"n_cells": [2, 16], "readout": ["counts"]}, cv=2).fit(X[:200], Y[:200])
    assert search.best_params_["n_cells"] == 16
    assert search.predict(X[:5]).shape == (5,)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["deepcopy", "pickle"])
def test_copies(copied):
    clf = small().fit(X[:60], Y[:60])
    other = copied(clf)
    before = knows(clf)
    other.partial_fit(X[60:120], Y[60:120])
    assert equal(before, knows(clf))
    assert equal(knows(clf.partial_fit(X[60:120], Y[60:120])), knows(other))


# ---- files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("readout", KINDS)
def test_a_saved_one_goes_on_bit_for_bit(readout, tmp_path):
    clf = small(readout=readout, unit_cap=None, seed=2**64 - 1).fit(X[:60], Y[:60])
    other = SparseyClassifier.load(clf.save(tmp_path / "clf.h5"))
    assert other.get_params() == clf.get_params()
    assert equal(knows(clf), knows(other))
    assert np.array_equal(clf.decision_function(X[60:99]), other.decision_function(X[60:99]))
    for each in (clf, other):
        each.partial_fit(X[100:150], Y[100:150])
    assert equal(knows(clf), knows(other))
    assert repr(clf) == repr(other)


def test_numpy_arguments_are_saved(tmp_path):
    clf = small(n_cells=np.int64(8), threshold=np.float32(7), seed=np.uint64(3)).fit(X[:60], Y[:60])
    other = SparseyClassifier.load(clf.save(tmp_path / "clf.h5"))
    assert np.array_equal(clf.predict(X[60:99]), other.predict(X[60:99]))


def test_foreign_files_are_refused(tmp_path):
    Mac(MacParams(n_inputs=8)).save(tmp_path / "mac.h5")
    with pytest.raises(FileFormatError, match="sparsey mac"):
        SparseyClassifier.load(tmp_path / "mac.h5")


# ---- refusals ------------------------------------------------------------------------------------------------------

BAD_IMAGES = {
    "rows missing": (X[:5, :7], r"images: got shape \(5, 7, 8\); expected \(n, 8, 8\)"),
    "flat": (X[:5].reshape(5, -1), "images: got shape"),
    "one image": (X[0], "images: got shape"),
    "nothing": (None, "images: got shape"),
    "of several shapes": ([[1], [1, 2]], "several shapes"),
    "NaN": (np.full((5, 8, 8), np.nan), "images: got NaN"),
    "bool": (X[:5] > 7, "images: got bool"),
    "text": (np.full((5, 8, 8), "a"), "images: got <U1"),
    "complex": (X[:5].astype(complex), "images: got complex128"),
}
BAD_LABELS = {
    "too few": (Y[:4], "labels: got .* of shape .4,.; expected 5 whole numbers"),
    "floats": (Y[:5].astype(float), "labels: got float64"),
    "text": (list("abcde"), "labels: got <U1"),
    "bool": (Y[:5] > 3, "labels: got bool"),
    "two axes": (Y[:5, None], "labels"),
    "nothing": (None, "labels"),
}
BAD_ARGUMENTS = [
    ({"image_shape": (8, 8, 1)}, "image_shape"),
    ({"image_shape": 8}, "image_shape"),
    ({"image_shape": (8.0, 8)}, "image_shape"),
    ({"aperture": 9}, "aperture"),
    ({"aperture": 2.5}, "aperture"),
    ({"stride": 0}, "stride"),
    ({"n_cms": 0}, "n_cms"),
    ({"n_cells": 1}, "n_cells"),
    ({"match": "dot"}, "match"),
    ({"unit_cap": 1.5}, "unit_cap"),
    ({"threshold": "7"}, "threshold"),
    ({"threshold": float("nan")}, "threshold"),
    ({"threshold": None}, "threshold"),
    ({"readout": "svm"}, "readout"),
    ({"epochs": 0}, "epochs"),
    ({"seed": -1}, "seed"),
    ({"g_minus": 1.0}, "g_minus"),
    ({"pi_u_minus": 17}, "pi_u_minus"),
    ({"smoothing": 0}, "smoothing"),
    ({"rate": "fast"}, "rate"),
    ({"n_threads": 0}, "n_threads"),
]


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_refused_images_change_nothing(case):
    clf = small().fit(X[:60], Y[:60])
    before = knows(clf)
    images, what = BAD_IMAGES[case]
    verbs = [lambda x: clf.fit(x, Y[:5]), lambda x: clf.partial_fit(x, Y[:5]), lambda x: clf.score(x, Y[:5])]
    for verb in (*verbs, clf.predict, clf.transform, clf.decision_function):
        with pytest.raises(CodeError, match=what):
            verb(images)
    assert equal(before, knows(clf))


@pytest.mark.parametrize("case", BAD_LABELS)
def test_refused_labels_change_nothing(case):
    clf = small().fit(X[:60], Y[:60])
    before = knows(clf)
    labels, what = BAD_LABELS[case]
    for verb in (clf.fit, clf.partial_fit, clf.score):
        with pytest.raises(CodeError, match=what):
            verb(X[:5], labels)
    with pytest.raises(CodeError, match="images: got none"):
        clf.fit(X[:0], Y[:0])
    assert equal(before, knows(clf))


@pytest.mark.parametrize(("changes", "what"), BAD_ARGUMENTS, ids=str)
def test_bad_arguments_are_found_before_anything_is_learned(changes, what):
    clf = small(**changes)
    with pytest.raises(SdrsimError, match=what):
        clf.fit(X[:60], Y[:60])
    assert not hasattr(clf, "classes_")
    fitted = small().fit(X[:60], Y[:60])
    before = knows(fitted)
    for name, value in changes.items():
        setattr(fitted, name, value)
    with pytest.raises(SdrsimError, match=what):
        fitted.fit(X[60:99], Y[60:99])
    assert equal(before, knows(fitted))


# ---- accuracy ------------------------------------------------------------------------------------------------------


def test_digits_beside_the_raw_pixels():
    """1,000 digits shown once, the other 797 tested, one seed.

    Five seeds gave .897 by counts (pixels: .821) and .898 by four linear passes (pixels: .871). The floors are three
    standard errors of a share of 797 below: .897 - 3 * .0108, .898 - 3 * .0107.
    """
    clf = {}
    for readout, epochs in (("counts", 1), ("linear", 4)):
        clf[readout] = SparseyClassifier((8, 8), 4, 1, 8, 64, unit_cap=0.4, threshold=7, readout=readout, epochs=epochs)
        clf[readout].fit(X[:1000], Y[:1000])
    pixels = patterns.binarise(X, 7)
    raw = Readout(64, 30, 64, "counts").fit(pixels[:1000], Y[:1000])
    on_pixels = (raw.predict(pixels[1000:]) == Y[1000:]).mean()
    found = {readout: made.score(X[1000:], Y[1000:]) for readout, made in clf.items()}
    assert found["counts"] > on_pixels + 0.03
    assert found["counts"] > 0.864
    assert found["linear"] > 0.865


@pytest.mark.data
def test_mnist_200_per_class(data_file):
    """2,000 digits shown once (drawn from the first 50,000), read out on the last 10,000 training images."""
    data_file("mnist/mnist.npz")
    mnist = load_dataset("mnist")
    x, y = mnist.images, mnist.labels
    draws = stream(0, "200 per class")
    chosen = np.concatenate([draws.choice(np.flatnonzero(y[:50000] == c), 200, replace=False) for c in range(10)])
    draws.shuffle(chosen)
    options = {"aperture": 11, "stride": 2, "n_cms": 8, "n_cells": 64, "unit_cap": 0.4, "n_threads": 2}
    counts = SparseyClassifier(readout="counts", **options).fit(x[chosen], y[chosen])
    codes = counts.transform(x[50000:])
    assert (counts._readout.predict(codes) == y[50000:]).mean() >= 0.89
    sheet = counts.hierarchy.sheets[0]
    linear = Readout(sheet.size, 81 * 8, 64, "linear", epochs=20).fit(counts.transform(x[chosen]), y[chosen])
    assert (linear.predict(codes) == y[50000:]).mean() >= 0.93
    assert isinstance(codes, SDR)
    assert same(counts.hierarchy.recognise(x[:5] > 127), counts.hierarchy.recognise(x[:5] > 127, n_threads=2))
