"""Recall, belief and saturation of a mac against the twin and plain counting; refused calls."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.sparsey_reference import ReferenceMac, plain_weights

from sdrsim import SDR, patterns
from sdrsim.errors import CapacityError, CodeError, ParameterError, SaturationWarning, SdrsimError
from sdrsim.models.sparsey import Mac, MacParams

quietly = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")


def standard(**changes):
    return MacParams(**{"n_inputs": 60, "n_cms": 10, "n_cells": 6, **changes})


def filled(n_items=12, **changes):
    mac = Mac(standard(**changes), seed=1)
    mac.store(patterns.random_sparse(n_items, 60, 9, seed=5))
    return mac


def twin_of(mac):
    twin = ReferenceMac(mac.params, seed=mac.seed)
    twin.weights = plain_weights(mac)[0].copy()
    return twin


# ---- recall ------------------------------------------------------------------------------------------------------


@quietly
@given(
    n_cms=st.sampled_from([1, 5, 10, 16, 17]),
    n_items=st.integers(1, 40),
    threshold=st.sampled_from([1e-9, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0]),
    k=st.one_of(st.none(), st.integers(1, 60)),
    match=st.sampled_from(["fraction", "cosine"]),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=50, deadline=None)
def test_recall_reads_the_weights_backwards(n_cms, n_items, threshold, k, match, seed):
    mac = Mac(standard(n_cms=n_cms, match=match, pi_u_minus=2), seed=seed)
    mac.store(patterns.random_sparse(n_items, 60, 9, seed=seed))
    items = [np.zeros(0, int), np.arange(60), *(c.indices for c in patterns.random_sparse(6, 60, 5, seed=seed))]
    cues, twin = SDR.from_indices(items, 60), twin_of(mac)
    r = mac.recall(cues, threshold=threshold, k=k)
    seen = mac.recognise(cues)
    assert np.array_equal(r.winners, seen.winners)
    assert np.array_equal(r.familiarity, seen.familiarity)
    for i, step in enumerate(twin.recognise(items)):
        expected = twin.read_back(step.winners, threshold, k)
        assert r.codes[i].indices.tolist() == expected.tolist()
    assert r.codes.size == 60


def test_a_lone_item_comes_back_whole_and_an_empty_memory_gives_nothing():
    x = patterns.random_sparse(1, 60, 9, seed=5)
    mac = filled(n_items=1)
    for options in ({}, {"threshold": 1.0}, {"k": 9}, {"k": 60}):
        assert mac.recall(patterns.erase(x, 0.5, seed=0), **options).codes == x
    assert mac.recall(x, k=4).codes.indices.tolist() == x.indices[:4].tolist()  # equals: the lower index first
    empty = Mac(standard(), seed=0).recall(x, threshold=1e-9)
    assert empty.codes.n_active.tolist() == [0]
    assert (empty.iterations.tolist(), empty.converged.tolist()) == ([1], [True])


def test_the_backward_read_is_counted():
    mac = filled()
    cues = SDR.from_indices([[1, 2, 3], [], [4, 5]], 60)
    forward = mac.recognise(cues, trace=True).traffic
    both = mac.recall(cues, trace=True).traffic
    n_read = 2 * 60  # every row for each code that there is
    assert both.get("U", "retrieve", "rows_read") == forward.total("rows_read") + n_read
    assert both.get("U", "retrieve", "synops") == forward.total("synops") + n_read * 10
    assert both.total("words_written") == 0
    rows = both.trace["row"].tolist()
    assert len(rows) == both.total("rows_read")
    assert sorted(rows) == sorted([1, 2, 3, 4, 5, *range(60), *range(60)])
    assert not both.trace["write"].any()


# ---- belief ------------------------------------------------------------------------------------------------------


def test_likelihoods_are_shares_of_common_winners():
    mac = filled()
    x = patterns.random_sparse(12, 60, 9, seed=5)
    book = mac.recognise(x)
    cues = SDR.from_indices([*(c.indices for c in patterns.erase(x, 0.4, seed=1)), []], 60)
    seen = mac.recognise(cues)
    belief = mac.likelihoods(cues, book.winners)
    assert belief.shape == (13, 12)
    for i in range(13):
        for j in range(12):
            common = sum(a == b and a >= 0 for a, b in zip(seen.winners[i], book.winners[j]))
            assert belief[i, j] == pytest.approx(common / 10, abs=1e-15)
    assert np.array_equal(belief, mac.likelihoods(cues, book.codes))
    assert (belief[12] == 0).all()
    silent = np.full((1, 10), -1)
    assert (mac.likelihoods(cues, silent) == 0).all()
    assert mac.likelihoods(cues, book.winners[:0]).shape == (13, 0)


# ---- saturation --------------------------------------------------------------------------------------------------


@quietly
def test_saturation_is_what_the_twin_counts():
    mac = Mac(standard(unit_cap=0.3, n_cells=3), seed=1)
    items = [c.indices for c in patterns.random_sparse(40, 60, 9, seed=5)]
    twin = ReferenceMac(mac.params, seed=1)
    mac.store(SDR.from_indices(items, 60))
    twin.store(items)
    probes = patterns.random_sparse(20, 60, 9, seed=99)
    full = mac.saturation(probes)
    assert full.share_set == pytest.approx(twin.weights.mean(), abs=1e-15)
    assert full.share_closed == twin.closed.mean()
    assert full.n_fallbacks == twin.n_fallbacks > 0
    expected = np.mean([s.g for s in twin.recognise([p.indices for p in probes])])
    assert full.novel_familiarity == pytest.approx(expected, rel=1e-12)


def test_saturation_is_announced_when_it_comes_and_not_before():
    x = patterns.random_sparse(300, 60, 20, seed=5)
    mac = Mac(standard(freeze_u=None), seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", SaturationWarning)
        mac.store(x[:2])
        assert not mac.saturation().alarm
    with pytest.warns(SaturationWarning, match="familiarity"):
        mac.store(x[2:])
    assert mac.saturation().alarm
    assert mac.saturation() == mac.saturation()


def test_looking_at_saturation_changes_nothing():
    a, b = filled(), filled()
    a.saturation()
    assert a.traffic == b.traffic
    x = patterns.random_sparse(3, 60, 9, seed=6)
    assert np.array_equal(a.store(x).winners, b.store(x).winners)
    Mac(standard(), seed=0).saturation()  # an empty one can be asked, too


# ---- refused calls -----------------------------------------------------------------------------------------------

BAD_CODES = [
    np.zeros((2, 59), bool),
    np.zeros((2, 61), bool),
    np.zeros((2, 2, 60), bool),
    np.full((2, 60), np.nan),
    np.full((2, 60), 0.5),
    np.full((2, 60), 2, np.uint8),
    np.array([[1, -1]]),
    np.array([[1, 60]]),
    np.array([[7, 7]]),
    np.ones((2, 60), int),
    [[1, 2], [3, 60]],
    [[0.5]],
    SDR.from_indices([[1]], 61),
    None,
    "codes",
    7.5,
]


def picture(mac):
    state = mac.state()
    return {**{k: v.tobytes() for k, v in state["memory"].items()}, **state["tallies"]}, mac.traffic + mac.traffic


@pytest.mark.parametrize("bad", BAD_CODES, ids=lambda b: f"{type(b).__name__} {str(b)[:20]!r}")
def test_bad_codes_are_refused_and_change_nothing(bad):
    mac = filled()
    before = picture(mac)
    book = np.zeros((1, 10), int)
    for call in (mac.store, mac.recognise, mac.recall, mac.saturation, lambda x: mac.likelihoods(x, book)):
        if bad is None and call == mac.saturation:
            continue  # None asks for probes of its own
        with pytest.raises(CodeError) as error:
            call(bad)
        assert error.value.got is not None
        assert picture(mac) == before


@pytest.mark.parametrize(
    "options",
    [
        *({"k": k} for k in (0, -1, 61, True, 1.5, "3")),
        *({"threshold": t} for t in (0, -0.1, 1.01, float("nan"), True, "high", None)),
        *({"first_item": i} for i in (-1, True, 0.5, 2**64, "0")),
        *({"seed": s} for s in (-1, 2**64, True, 1.5, "0")),
    ],
    ids=str,
)
def test_bad_options_of_recall_are_refused(options):
    mac = filled()
    before = picture(mac)
    with pytest.raises(SdrsimError):
        mac.recall([[1, 2]], **options)
    if not options.keys() & {"k", "threshold"}:
        with pytest.raises(SdrsimError):
            mac.recognise([[1, 2]], **options)
    assert picture(mac) == before


@pytest.mark.parametrize("n_threads", [0, -1, True, 1.5, "2"])
def test_bad_numbers_of_threads_are_refused(n_threads):
    with pytest.raises(ParameterError, match="n_threads"):
        filled().recognise([[1, 2]] * 5, n_threads=n_threads)


@pytest.mark.parametrize(
    "book",
    [
        np.zeros((2, 9), int),
        np.zeros((2, 10)),
        np.full((2, 10), 6),
        np.full((2, 10), -2),
        np.zeros(10, int),
        SDR.from_indices([list(range(10))], 60),
        SDR.from_indices([[0, 6]], 60),
        SDR.from_indices([[0]], 61),
        None,
    ],
    ids=lambda b: str(b)[:40],
)
def test_bad_codebooks_are_refused(book):
    with pytest.raises(CodeError, match="codebook"):
        filled().likelihoods([[1, 2]], book)


@quietly
def test_more_active_inputs_than_a_count_holds_are_refused():
    """Counts are 16 bits; 65,535 active inputs are counted right, one more is refused rather than lost."""
    mac = Mac(MacParams(n_inputs=70_000, n_cms=1, n_cells=2), seed=0)
    most = SDR.from_indices([np.arange(65_535)], 70_000)
    mac.store(most)
    assert mac.recognise(most).familiarity[0] == 1
    before = picture(mac)
    with pytest.raises(CodeError, match="65536"):
        mac.store(SDR.from_indices([np.arange(65_536)], 70_000))
    assert picture(mac) == before


def test_a_memory_that_cannot_fit_is_refused_before_it_is_taken():
    mac = Mac(MacParams(n_inputs=2**31 - 1, n_cms=4096, n_cells=4096), seed=0)
    assert mac.n_bytes > 2**50
    with pytest.raises(CapacityError, match="memory"):
        mac.store([[1, 2]])


def test_a_mac_wants_its_parameters_and_a_seed():
    for wrong in (None, {"n_inputs": 3}, 144):
        with pytest.raises(ParameterError, match="MacParams"):
            Mac(wrong)
    for seed in (-1, 2**64, True, 1.5, None, "0"):
        with pytest.raises(ParameterError, match="seed"):
            Mac(standard(), seed=seed)


def test_a_mac_whose_units_have_all_closed_warns():
    """It can learn no more, though random items look novel to it."""
    x = patterns.random_sparse(32, 60, 6, seed=3)
    mac = Mac(MacParams(n_inputs=60, n_cms=4, n_cells=2, freeze_u=0.2), seed=0)
    with pytest.warns(SaturationWarning, match="take no more weights|familiarity"):
        mac.store(x)
    assert mac.share_closed > 0.9
    assert mac.saturation().alarm


def test_one_call_that_fills_the_mac_warns_too():
    """The alarm listens to the last items of a call, not to their mean: the first ones were novel."""
    x = patterns.random_sparse(130, 144, 12, seed=5)
    mac = Mac(MacParams(n_inputs=144, freeze_u=None), seed=0)
    with pytest.warns(SaturationWarning, match="familiarity"):
        mac.store(x)
    assert mac.saturation().novel_familiarity > 0.7
