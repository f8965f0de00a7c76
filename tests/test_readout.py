"""Class read-outs against slow twins: counts, formulas, the delta rule; classes that come later; refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.readout_reference import CountingReadout, LinearReadout

from sdrsim import SDR
from sdrsim.errors import CodeError, FileFormatError, ParameterError
from sdrsim.models.sparsey.readout import KINDS, Readout

N_CMS, N_CELLS = 5, 4
N_UNITS = N_CMS * N_CELLS


def winners(n, seed=0, p_silent=0.2):
    """Codes of one cell per CM, some CMs silent, the first item altogether; as lists of units."""
    rng = np.random.default_rng(seed)
    items = [
        [q * N_CELLS + int(rng.integers(N_CELLS)) for q in range(N_CMS) if rng.random() > p_silent] for _ in range(n)
    ]
    return [[], *items[1:]]


def labelled(n, classes=(-3, 2, 7), seed=0):
    items = winners(n, seed)
    y = np.random.default_rng(seed + 1).choice(classes, n)
    return items, SDR.from_indices(items, N_UNITS), y


def readout(kind, **options):
    return Readout(N_UNITS, N_CMS, N_CELLS, kind, **options)


# ---- against the twins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["binary", "hebb_count", "counts"])
@pytest.mark.parametrize("smoothing", [0.5, 1e-3, 20.0])
def test_counting_readouts(kind, smoothing):
    items, codes, y = labelled(60)
    probes = winners(30, seed=9)
    twin = CountingReadout(N_CELLS, smoothing).fit(items, y.tolist())
    made = readout(kind, smoothing=smoothing).fit(codes, y)
    found, expected = made.scores(SDR.from_indices(probes, N_UNITS)), twin.scores(kind, probes)
    assert made.classes.tolist() == sorted(twin.items) == [-3, 2, 7]
    assert made.n_seen.tolist() == [twin.items[c] for c in (-3, 2, 7)]
    if kind == "counts":  # N_CMS + 1 terms of at most log(60 + 20 * 4) each, summed in float32
        assert np.abs(found - expected).max() < 2 * (N_CMS + 1) ** 2 * np.log(140 / min(smoothing, 1)) * 2.0**-24
    else:
        assert np.array_equal(found, expected)
        assert made.predict(SDR.from_indices(probes, N_UNITS)).tolist() == [
            (-3, 2, 7)[c] for c in expected.argmax(axis=1)
        ]


@given(
    kind=st.sampled_from(["binary", "hebb_count", "counts"]),
    n=st.integers(1, 25),
    cut=st.integers(0, 25),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_counts_add_up_over_any_split(kind, n, cut, seed):
    _, codes, y = labelled(n, classes=(0, 1, 40), seed=seed)
    whole, parts = readout(kind).fit(codes, y), readout(kind)
    for part in (slice(0, min(cut, n)), slice(min(cut, n), n)):
        parts.fit(codes[part], y[part])
    assert parts.classes.tolist() == whole.classes.tolist() == np.unique(y).tolist()
    assert np.array_equal(parts.n_seen, whole.n_seen)
    assert np.array_equal(parts.scores(codes), whole.scores(codes))


@pytest.mark.parametrize("options", [{}, {"epochs": 3}, {"rate": 0.5, "seed": 8, "epochs": 2}])
@pytest.mark.parametrize("n_classes", [2, 16, 17])
def test_the_delta_rule(options, n_classes):
    options = {"rate": 4.0, "epochs": 1, **options}
    first = labelled(40, classes=tuple(range(n_classes)))
    more = labelled(30, classes=tuple(range(n_classes + 2)), seed=5)
    twin, made = LinearReadout(N_CMS, **options), readout("linear", **options)
    for items, codes, y in (first, more):
        twin.fit(items, y.tolist())
        made.fit(codes, y)
    probes = winners(25, seed=9)
    expected = twin.scores(probes)
    assert np.ptp(expected) > 1, "something was learned"
    n_sums = 70 * options["epochs"] * (N_CMS + 1)  # in float32, each off by at most 2**-24 of itself
    off = made.scores(SDR.from_indices(probes, N_UNITS)) - expected
    assert np.abs(off).max() < n_sums * 2.0**-24 * np.abs(expected).max()


def test_one_step_by_hand():
    made = readout("linear", rate=3.0).fit([[0, 7]], [4]).fit([[0, 9]], [6])
    # the first step: one class alone is certain, nothing moves; the second: both at 1/2
    step = 3.0 / N_CMS / 2
    assert made.scores([[0]]).tolist() == [[pytest.approx(-2 * step), pytest.approx(2 * step)]]
    assert made.scores([[1]]).tolist() == [[pytest.approx(-step), pytest.approx(step)]], "the bias alone"
    assert made.scores([[9]]).tolist() == [[pytest.approx(-2 * step), pytest.approx(2 * step)]]
    assert made.scores([[7]]).tolist() == [[pytest.approx(-step), pytest.approx(step)]]


def test_log_counts_by_hand():
    made = Readout(4, 2, 2, "counts", smoothing=0.5).fit([[0, 2], [0, 3], [1, 3], [1]], [5, 5, 7, 7])
    for units, five, seven in (
        ([0, 2], [2.5 / 3, 1.5 / 3], [0.5 / 3, 0.5 / 2]),
        ([3], [1.5 / 3], [1.5 / 2]),
        ([], [], []),
    ):
        expected = [np.log(0.5) + np.sum(np.log(part)) for part in (five, seven)]
        assert made.scores([units])[0].tolist() == pytest.approx(expected, abs=1e-6)


# ---- what it does --------------------------------------------------------------------------------------------------


def templates(n, seed=0, n_classes=4):
    """Codes around one template a class, each CM off with probability 1/4."""
    rng = np.random.default_rng(seed)
    prototypes, y = np.arange(n_classes)[:, None] * np.ones(N_CMS, int), rng.integers(n_classes, size=n)
    cells = np.where(rng.random((n, N_CMS)) < 0.25, rng.integers(N_CELLS, size=(n, N_CMS)), prototypes[y] % N_CELLS)
    return SDR.from_indices(np.arange(N_CMS) * N_CELLS + cells, N_UNITS), y


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_a_plain_task(kind):
    codes, y = templates(12)
    probes, truth = templates(400, seed=1)
    made = readout(kind).fit(codes, y)
    assert (made.predict(probes) == truth).mean() > 0.8


@pytest.mark.parametrize("epochs", [1, 3])
def test_sorted_labels_are_learned_too(epochs):
    codes, y = templates(400)
    order = np.argsort(y, kind="stable")
    made = readout("linear", epochs=epochs).fit(codes[order], y[order])
    probes, truth = templates(400, seed=1)
    assert (made.predict(probes) == truth).mean() > 0.9


def test_the_prior_decides_where_nothing_is_active():
    made = readout("counts").fit(SDR.from_indices([[0], [1], [2]], N_UNITS), [3, 9, 9])
    assert made.predict([[]]).tolist() == [9]
    assert made.scores([[]])[0].tolist() == pytest.approx(np.log([1 / 3, 2 / 3]), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_ties_go_to_the_lower_class(kind):
    made = readout(kind).fit(SDR.from_indices([[], []], N_UNITS), [8, -2])
    if kind == "linear":  # the bias has moved towards the last
        made._bias[:] = 0
    assert made.predict([[3], []]).tolist() == [-2, -2]


def test_smoothing():
    """Little smoothing trusts the counts; much smoothing leaves the prior."""
    codes, y = labelled(60)[1:]
    spans = [np.ptp(readout("counts", smoothing=a).fit(codes, y).scores(codes), axis=1).mean() for a in (0.01, 1, 1e6)]
    assert spans[0] > spans[1] > spans[2]
    prior = np.log(np.bincount(np.searchsorted([-3, 2, 7], y)) / 60)
    flat = readout("counts", smoothing=1e9).fit(codes, y).scores(codes)
    assert np.allclose(flat - flat[:, :1], prior - prior[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_that_come_later(kind):
    _, codes, y = labelled(30, classes=(10, 30))
    made = readout(kind).fit(codes, y)
    before = made.scores(codes)
    made.fit(SDR.from_indices([[]], N_UNITS), [20])
    assert made.classes.tolist() == [10, 20, 30]
    after = made.scores(codes)
    shift = after[:, [0, 2]] - before
    if kind in ("binary", "hebb_count"):
        assert not shift.any()
        assert not after[:, 1].any()
    elif kind == "counts":  # the prior alone has changed
        assert np.allclose(shift, np.log(30 / 31), rtol=0, atol=1e-5)
    else:  # one step of the bias
        assert np.allclose(shift, shift[0], rtol=0, atol=1e-5)
        assert (shift < 0).all()
        assert np.ptp(after[:, 1]) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bits(kind):
    _, codes, y = labelled(50)
    first, again = (readout(kind, seed=3, epochs=2).fit(codes, y).scores(codes) for _ in range(2))
    assert np.array_equal(first, again)
    other = readout(kind, seed=4, epochs=2).fit(codes, y).scores(codes)
    assert np.array_equal(first, other) == (kind != "linear")


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_goes_on(kind):
    _, codes, y = labelled(50)
    whole, cut, other = (readout(kind, epochs=2) for _ in range(3))
    whole.fit(codes[:30], y[:30])
    cut.fit(codes[:30], y[:30])
    other.restore(cut.state())
    for made in (whole, other):
        made.fit(codes[30:], y[30:])
    assert np.array_equal(whole.scores(codes), other.scores(codes))
    assert len(cut.scores(codes)) == 50
    assert cut.n_seen.sum() == 30, "the state was copied"
    new = readout(kind)
    new.restore(readout(kind).state())
    assert new.fit(codes, y).classes.tolist() == [-3, 2, 7]


def test_no_items():
    made = readout("counts")
    assert made.fit(SDR.from_indices([], N_UNITS), np.zeros(0, int)).classes.tolist() == []
    made.fit(SDR.from_indices([[0]], N_UNITS), [1])
    assert made.scores(SDR.from_indices([], N_UNITS)).shape == (0, 1)
    assert made.predict(SDR.from_indices([], N_UNITS)).tolist() == []


# ---- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"kind": "svm"}, "readout: got 'svm'"),
        ({"smoothing": 0}, "smoothing"),
        ({"smoothing": "a"}, "smoothing"),
        ({"smoothing": float("inf")}, "smoothing"),
        ({"rate": -1}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"n_units": 0}, "n_units"),
        ({"n_units": 19}, "n_units: got 19; expected a multiple of n_cells, 4"),
        ({"n_groups": 0}, "n_groups"),
        ({"n_groups": 21}, "n_groups"),
        ({"n_cells": 0}, "n_cells"),
    ],
)
def test_bad_arguments(arguments, what):
    with pytest.raises(ParameterError, match=what):
        Readout(**{"n_units": N_UNITS, "n_groups": N_CMS, "n_cells": N_CELLS, **arguments})


CODES = SDR.from_indices([[0], [5]], N_UNITS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("codes", "labels", "what"),
    [
        (CODES, [1], "labels: got int64 of shape"),
        (CODES, [[1], [2]], "labels"),
        (CODES, [1.0, 2.0], "labels: got float64"),
        (CODES, ["a", "b"], "labels"),
        (CODES, [True, False], "labels: got bool"),
        (CODES, [[1], [1, 2]], "labels: got lists of several lengths"),
        (CODES, None, "labels"),
        (SDR.from_indices([[0], [5]], N_UNITS + 4), [1, 2], "24 units; expected 20"),
        (SDR.from_indices([[0], [5]], N_UNITS - 4), [1, 2], "16 units; expected 20"),
        ([[0], [20]], [1, 2], "index: got 20"),
        (np.full((2, N_UNITS), np.nan), [1, 2], "NaN"),
    ],
)
def test_refused_items_change_nothing(kind, codes, labels, what):
    made = readout(kind).fit(*labelled(20)[1:])
    before = made.state()
    with pytest.raises(CodeError, match=what):
        made.fit(codes, labels)
    if not what.startswith("labels"):
        for verb in (made.scores, made.predict):
            with pytest.raises(CodeError, match=what):
                verb(codes)
    after = made.state()
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_nothing_learned_yet():
    for verb in ("scores", "predict"):
        with pytest.raises(ParameterError, match="no classes yet"):
            getattr(readout("linear"), verb)(CODES)


@pytest.mark.parametrize(("kind", "other"), [("linear", "counts"), ("binary", "linear")])
def test_states_of_other_readouts_are_refused(kind, other):
    made = readout(kind).fit(*labelled(20)[1:])
    with pytest.raises(FileFormatError, match="state of a read-out"):
        readout(other).restore(made.state())
    with pytest.raises(FileFormatError, match="state of a read-out"):
        Readout(N_UNITS * 2, N_CMS, N_CELLS, kind).restore(made.state())
