"""Rates and recall against dense formulas and scipy; intervals against their stated coverage; bad codes refused."""

import dataclasses
import pickle
from math import isnan, nan
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference.coverage_reference import TRIALS, holds_often_enough
from scipy import stats

from sdrsim import SDR, measures, patterns
from sdrsim.errors import CodeError, ParameterError
from sdrsim.measures import Rate

laws = settings(max_examples=50, deadline=None)


@st.composite
def pairs(draw):
    """Two bool arrays (n, size), often alike."""
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    truth = draw(arrays(np.bool_, shape))
    wrong = draw(arrays(np.bool_, shape)) & draw(arrays(np.bool_, (shape[0], 1)))
    return truth ^ wrong, truth


# ---- Rate and spread -----------------------------------------------------------------------------------------------


@laws
@given(st.integers(1, 10**6), st.data(), st.floats(0.5, 0.999))
def test_wilson_interval_equals_scipy(n, data, confidence):
    hits = data.draw(st.integers(0, n))
    rate = Rate.of(hits, n, confidence)
    want = stats.binomtest(hits, n).proportion_ci(confidence, "wilson")
    assert (rate.value, rate.n) == (hits / n, n)
    assert rate.low == pytest.approx(want.low, abs=1e-9)
    assert rate.high == pytest.approx(want.high, abs=1e-9)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1


def test_rate_behaves_like_its_value():
    low, high = Rate.of(1, 10), Rate.of(3, 10)
    assert float(low) == 0.1
    assert low < high
    assert low <= 0.1 <= high
    assert high > low
    assert high >= 0.3
    assert f"{high:.2f}" == "0.30"
    assert f"{high}" == repr(high) == "0.3 [0.1078, 0.6032] n=10"
    assert np.mean([float(r) for r in (low, high)]) == pytest.approx(0.2)
    assert np.asarray([low, high], float).tolist() == [0.1, 0.3]
    assert low == Rate.of(1, 10) != high
    assert pickle.loads(pickle.dumps(low)) == low
    assert "0.3" in high._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        low.value = 2


def test_rate_of_no_trials_knows_nothing():
    rate = Rate.of(0, 0)
    assert isnan(rate.value)
    assert (rate.n, rate.low, rate.high) == (0, 0, 1)


@laws
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.floats(0.5, 0.99))
def test_spread_equals_students_interval(values, confidence):
    rate = measures.spread(values, confidence=confidence)
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    half = stats.t.ppf(0.5 + confidence / 2, len(values) - 1) * error
    assert rate.value == pytest.approx(np.mean(values))
    assert (rate.low, rate.high) == pytest.approx((rate.value - half, rate.value + half), abs=1e-9)
    assert rate.n == len(values)


def test_spread_takes_rates_and_gives_the_wider_interval():
    tight, apart = [0.100, 0.101, 0.099], [0.02, 0.10, 0.18]
    rates = [Rate.of(round(1000 * v), 1000) for v in tight]
    alone = measures.spread(tight)
    assert measures.spread(rates) == alone
    wilson = Rate.of(300, 3000)
    both = measures.spread(tight, n_trials=3000)
    assert (both.low, both.high) == pytest.approx((wilson.low, wilson.high))
    assert both.high - both.low > alone.high - alone.low
    wide = measures.spread(apart, n_trials=3000)
    assert wide.high == measures.spread(apart).high > wilson.high
    assert wide.low == 0


def test_spread_of_one_network_has_no_interval():
    rate = measures.spread([0.25])
    assert (rate.value, rate.n) == (0.25, 1)
    assert isnan(rate.low)
    assert isnan(rate.high)
    assert repr(rate) == "0.25 n=1"
    counted = measures.spread([0.25], n_trials=400)
    assert (counted.low, counted.high) == pytest.approx((Rate.of(100, 400).low, Rate.of(100, 400).high))


# ---- recall --------------------------------------------------------------------------------------------------------


@laws
@given(pairs())
def test_errors_equal_the_dense_formulas(pair):
    codes, truth = pair
    a, b = SDR.from_dense(codes), SDR.from_dense(truth)
    wrong = int((codes != truth).any(axis=1).sum())
    assert measures.exact_error(a, b) == Rate.of(wrong, len(truth))
    bits = measures.bit_error(a, b)
    for rate, failed, among in ((bits.miss, truth & ~codes, truth), (bits.false_alarm, codes & ~truth, ~truth)):
        assert rate.n == among.sum()
        if rate.n:
            assert rate.value == pytest.approx(failed.sum() / among.sum())
            assert 0 <= rate.low <= rate.value <= rate.high <= 1
        else:
            assert isnan(rate.value)
    shares = [x.sum() / y.sum() if y.any() else 1.0 for x, y in zip(codes & truth, codes | truth)]
    overlap = measures.overlap(a, b)
    assert overlap.value == pytest.approx(np.mean(shares))
    assert overlap.n == len(truth)
    if len(truth) > 1:
        student = measures.spread(shares)
        assert (overlap.low, overlap.high) == pytest.approx((max(student.low, 0), min(student.high, 1)))


@pytest.mark.parametrize("measure", [measures.exact_error, measures.bit_error, measures.overlap])
def test_every_form_of_codes_gives_the_same(measure):
    b = patterns.random_sparse(30, 60, 5, seed=1)
    a = patterns.erase(b[:], 0.4, seed=1)
    want = measure(a, b)
    indices = b.indices.reshape(30, 5)
    assert measure(a.dense(), b.dense()) == want
    assert measure(a.dense().astype(np.uint8), indices) == want
    assert measure(a.to_csr(), indices) == want
    assert measure([item.indices for item in a], indices, size=60) == want
    assert measure([item.indices for item in a], b) == want


def test_confidence_widens_every_interval():
    b = patterns.random_sparse(50, 100, 8, seed=1)
    a = patterns.move_units(b, 0.3, seed=1)
    a = SDR.from_dense(np.where(np.arange(50)[:, None] % 2, a.dense(), b.dense()))
    x, y = np.arange(20.0), np.random.default_rng(0).random(20)
    for measure, one, two in [
        (measures.exact_error, a, b),
        (measures.overlap, a, b),
        (measures.code_match, a, b),
        (lambda p, q, confidence: measures.bit_error(p, q, confidence=confidence).miss, a, b),
        (measures.auc, x, x - 2),
        (measures.rank_correlation, x, y),
        (measures.no_slope, x, 1 + y),
    ]:
        narrow, wide = (measure(one, two, confidence=c) for c in (0.8, 0.99))
        assert wide.low < narrow.low < narrow.high < wide.high
        for bad in (0, 1, 1.5, nan, "x", True):
            with pytest.raises(ParameterError, match="confidence"):
                measure(one, two, confidence=bad)


def test_units_that_fail_together_count_as_items():
    """Whole items lost: the design effect leaves n_items - 1 independent trials (of n_items * k units)."""
    truth = patterns.random_sparse(40, 100, 10, seed=1)
    codes = SDR.from_dense(truth.dense() & (np.arange(40) % 4 > 0)[:, None])
    miss = measures.bit_error(codes, truth).miss
    want = stats.binomtest(10, 40).proportion_ci(method="wilson")
    assert (miss.value, miss.n) == (0.25, 400)
    assert want.high - want.low < miss.high - miss.low < 1.03 * (want.high - want.low)


@pytest.mark.parametrize("together", [False, True])
def test_bit_error_interval_holds_the_truth(together):
    generator = np.random.default_rng(3)
    truth = SDR.from_indices(np.tile(np.arange(10), (60, 1)), 50)
    hits = []
    for _ in range(TRIALS):
        p = np.where(generator.random((60, 1)) < 0.5, 0.1, 0.5) if together else 0.3
        codes = truth.dense() & (generator.random((60, 50)) >= p)
        miss = measures.bit_error(codes, truth).miss
        hits.append(miss.low <= 0.3 <= miss.high)
    assert holds_often_enough(hits)


def test_code_match_counts_the_winners_of_the_truth():
    truth = np.array([[3, 1, 0, -1], [2, 2, -1, -1], [-1, -1, -1, -1]], np.int16)
    codes = np.array([[3, 1, 5, 7], [2, -1, -1, 0], [1, 1, 1, 1]], np.int16)
    rate = measures.code_match(codes, truth)
    assert (rate.value, rate.n) == (3 / 5, 5)
    assert measures.code_match(truth, truth).value == 1
    nothing = measures.code_match(codes, np.full_like(codes, -1))
    assert isnan(nothing.value)
    assert (nothing.n, nothing.low, nothing.high) == (0, 0, 1)


@laws
@given(
    arrays(np.int16, (3, 2, 4), elements=st.integers(-1, 5)), arrays(np.int16, (3, 2, 4), elements=st.integers(-1, 5))
)
def test_code_match_of_winners_equals_that_of_their_codes(a, b):
    def as_codes(winners):
        dense = np.zeros((3, 8, 6), bool)
        items, cms = np.nonzero(winners.reshape(3, 8) >= 0)
        dense[items, cms, winners.reshape(3, 8)[items, cms]] = True
        return SDR.from_dense(dense.reshape(3, 48))

    one, two = measures.code_match(a, b), measures.code_match(as_codes(a), as_codes(b))
    assert one.n == two.n == (b >= 0).sum()
    if one.n:
        assert one == two


def test_code_match_of_results_and_levels():
    a, b = np.array([[1, 2], [3, 4]]), np.array([[1, 2], [3, 0]])
    result, other = (SimpleNamespace(codes=[x, x[:, None, :].repeat(3, axis=1)]) for x in (a, b))
    levels = measures.code_match(result, other)
    assert [r.value for r in levels] == [0.75, 0.75]
    assert [r.n for r in levels] == [4, 12]
    x = patterns.random_sparse(5, 30, 4, seed=0)
    assert measures.code_match(SimpleNamespace(codes=x), SimpleNamespace(codes=x)).value == 1
    assert measures.code_match(SimpleNamespace(codes=x), x.dense()).value == 1
    assert measures.code_match([[1, 2], [3, 4]], [[1, 2], [3, 0]]).value == 0.75
    assert measures.code_match([1, 2, 3, 0], [1, 2, 3, 4]) == Rate.of(3, 4)


# ---- what is refused -----------------------------------------------------------------------------------------------

X = patterns.random_sparse(3, 20, 4, seed=0)
LEVELS = [np.zeros((2, 3), int)] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measures.exact_error(X, X[:2]), "codes: got 3 items; expected 2, as in truth"),
        (lambda: measures.bit_error(X[:0], X[:0]), "codes: got no items"),
        (lambda: measures.overlap(X, patterns.random_sparse(3, 21, 4, seed=0)), "truth: got codes over 21 units"),
        (lambda: measures.exact_error([[1]], [[1]]), "no size"),
        (lambda: measures.exact_error(X, [[1], [2], [40]]), "truth: index: got 40"),
        (lambda: measures.exact_error(np.full((3, 20), nan), X), "NaN"),
        (lambda: measures.information(X, X, cues=X[:1]), "got 1 items"),
        (lambda: measures.code_match(np.zeros((2, 3), int), np.zeros((3, 3), int)), r"winners: got shape \(2, 3\)"),
        (lambda: measures.code_match(np.array([-2]), np.array([1])), "codes: got winner -2"),
        (lambda: measures.code_match(np.array([1.0]), np.array([1])), "codes: got float64"),
        (lambda: measures.code_match(LEVELS, LEVELS[:1]), "codes: got 2 levels; expected 1"),
        (lambda: measures.code_match(X, X[:2]), "got 3 items"),
        (lambda: measures.code_match(None, X), "codes"),
    ],
)
def test_bad_codes_are_refused(call, message):
    with pytest.raises(CodeError, match=message):
        call()
