"""entmax and normmax: against many digits; margins to the ulp; laws; gradients; refused input; kernels."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from reference.entmax_reference import exact_map, power_sums

from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.kernels import powers
from sdrsim.models.hopfield.kernels.maps import map_rows
from sdrsim.models.hopfield.kernels.roots import solve, tighten, weigh
from sdrsim.models.hopfield.maps import (
    conjugate,
    entmax,
    entmax_alpha_gradient,
    entmax_backward,
    entmax_jacobian,
    normmax,
    tsallis_entropy,
)

EPS = np.finfo(np.float64).eps
INF = float("inf")
ALPHAS = (1.01, 1.015, 1.05, 1.1, 1.2, 1.25, 1.3, 4 / 3, 1.5, 1.7, 1.9, 2.0)
LARGE = (2.01, 2.5, 3.0, 5.0, 7.5, 10.0)
NEAR_ONE = (1 + 2**-52, 1 + 1e-12, 1 + 1e-7, 1.0001, 1.001, 1.009)


def draws(n, sigma, seed=0):
    z = np.random.default_rng(seed).standard_normal(n) * sigma
    return z - z.max()


def floats(values):
    return np.array([float(v) for v in values])


# ---- accuracy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [*NEAR_ONE, *ALPHAS])
def test_up_to_two_agrees_with_many_digits(alpha):
    for seed, (n, sigma) in enumerate([(1, 1), (2, 1), (5, 0.1), (19, 1), (19, 4), (40, 2)]):
        z = draws(n, sigma, seed)
        expected, _ = exact_map(z, alpha)
        np.testing.assert_allclose(entmax(z, alpha), floats(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("alpha", LARGE)
def test_beyond_two_same_support_and_root(alpha):
    """Weights too, to 1e-12: the least of the support is found as a weight, not as a difference."""
    for seed, (n, sigma) in enumerate([(2, 0.1), (5, 0.1), (19, 0.3), (19, 0.01), (40, 1)]):
        z = draws(n, sigma, seed)
        expected, tau = exact_map(z, alpha)
        p = entmax(z, alpha)
        np.testing.assert_array_equal(p > 0, floats(expected) > 0)
        np.testing.assert_allclose(p, floats(expected), rtol=0, atol=1e-12)
        root = solve((alpha - 1) * z, n, 0.0, 1 / (alpha - 1))
        assert abs(root / tau - 1) < 1e-12


@pytest.mark.parametrize("alpha", [1.5, 2.0, 3.0, 10.0])
def test_a_million_scores_of_few_values(alpha):
    """Groups of equal scores: exact by multiplicity. At alpha = 10 the root is 1e-54."""
    rng = np.random.default_rng(3)
    same = np.zeros(10**6)
    root = solve(same, len(same), 0.0, 1 / (alpha - 1))
    assert abs(root / -(mpmath.mpf(10) ** (6 - 6 * mpmath.mpf(alpha))) - 1) < 1e-12
    np.testing.assert_allclose(entmax(same, alpha), 1e-6, rtol=1e-12)
    values = np.array([0.0, -1e-9, -2e-6, -0.01, -0.3])
    z = rng.choice(values, 10**6)
    p = entmax(z, alpha)
    few, tau = _exact_groups(z, alpha)
    assert np.all(np.isin(z, list(few)))
    for value, weight in few.items():
        here = p[z == value]
        assert np.all(here == here[0])
        assert abs(here[0] - float(weight)) <= 1e-12 * max(float(weight), 1e-6)
    assert abs(solve((alpha - 1) * z, len(z), 0.0, 1 / (alpha - 1)) / tau - 1) < 1e-12


def _exact_groups(z, alpha):
    values, first = np.unique(z, return_index=True)
    weights, tau = exact_map(z, alpha, at=first)
    return dict(zip(values.tolist(), weights)), tau


@pytest.mark.parametrize("alpha", [1.01, 1.3, 1.5, 2.0, 4.0])
def test_scores_of_ten_thousand(alpha):
    """Not max-shifted: rounding of the scores' differences alone, 4 eps (a - 1) max|z| times the local slope."""
    for seed in range(3):
        z = 1e4 + draws(20, 0.3, seed)
        expected, _ = exact_map(z, alpha)
        p, exact = entmax(z, alpha), floats(expected)
        held = exact > 0
        slope = (exact[held] ** (2 - alpha) / (alpha - 1)).max()
        error = 1e-12 + 4 * EPS * (alpha - 1) * 1e4 * slope
        np.testing.assert_allclose(p, exact, rtol=0, atol=error)
        np.testing.assert_array_equal(entmax(z - 1e4, alpha).round(9), p.round(9))


@pytest.mark.parametrize("alpha", [1.0, 1.001, *ALPHAS, 3.0, INF])
def test_float32_in_and_out(alpha):
    z = np.random.default_rng(1).standard_normal((7, 33)).astype(np.float32)
    p = entmax(z, alpha)
    assert p.dtype == np.float32
    np.testing.assert_allclose(p, entmax(z.astype(np.float64), alpha), rtol=0, atol=1e-6)


@pytest.mark.parametrize("alpha", [1.1, 1.5, 2.0, 3.0, 8.0])
def test_normmax_agrees_with_many_digits(alpha):
    for seed, (n, sigma) in enumerate([(1, 1), (2, 0.3), (19, 1), (19, 0.1)]):
        z = draws(n, sigma, seed)
        expected, _ = exact_map(z, alpha, "normmax")
        np.testing.assert_allclose(normmax(z, alpha), floats(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("m", [1, 2, 7, 8, 9, 31, 32, 33, 1000, 10**5, 10**6])
def test_any_size_solves_its_equation(m):
    """On the support p**(a - 1) and (a - 1) z differ by one number; outside, (a - 1) z is at most that."""
    z = np.random.default_rng(m).standard_normal(m)
    for alpha in (1.1, 1.5, 1.7, 2.0, 3.0):
        p = entmax(z, alpha)
        held = p > 0
        tau = (alpha - 1) * z[held] - p[held] ** (alpha - 1)
        assert abs(p.sum() - 1) < 1e-12
        # a weight of some p has an error of eps p, its power one of eps p**(a - 1)
        np.testing.assert_allclose(tau, tau[np.argmax(p[held])], rtol=0, atol=1e-13)
        assert not np.any((alpha - 1) * z[~held] > tau.max() + 1e-13)


def test_named_members():
    z = np.random.default_rng(0).standard_normal((50, 20)) * 2
    shifted = np.exp(z - z.max(1, keepdims=True))
    np.testing.assert_allclose(entmax(z, 1), shifted / shifted.sum(1, keepdims=True), rtol=1e-14)
    by_size = -np.sort(-z, 1)
    k = np.arange(1, 21)
    tau = (by_size.cumsum(1) - 1) / k
    n_held = (by_size > tau).sum(1)
    sparse = np.maximum(z - tau[np.arange(50), n_held - 1][:, None], 0)
    np.testing.assert_allclose(entmax(z, 2), sparse, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(entmax(z, INF), z == z.max(1, keepdims=True))
    np.testing.assert_array_equal(entmax(z, 1e300), entmax(z, INF))
    np.testing.assert_array_equal(normmax(z, 1), entmax(z, INF))
    np.testing.assert_allclose(normmax(z, INF), (sparse > 0) / n_held[:, None], rtol=1e-15)


def test_no_jump_between_neighbouring_alphas():
    """Where the way of computing changes: log1p to powers, powers to multiplications, Newton to the search."""
    z = draws(30, 1, 5)
    for alpha in (1.0, 1 + 1 / 64, 1.5, 2.0):
        below, above = (entmax(z, alpha + step) for step in ((0.0, 1e-13) if alpha == 1 else (-1e-13, 1e-13)))
        np.testing.assert_allclose(below, above, rtol=0, atol=1e-12)


# ---- ties, margins, support ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, 1.001, 1.1, 1.5, 1.7, 2.0, 3.0, 30.0, 1000.0, 1e300, INF])
def test_equal_scores_share_equally(alpha):
    for n, n_tied in ((2, 2), (9, 3), (40, 17)):
        z = np.concatenate([np.full(n_tied, 0.3), 0.3 - 1.0 - np.arange(n - n_tied)])
        z = np.random.default_rng(n).permutation(z)
        for f in (entmax, normmax):
            p = f(z, alpha)
            for value in np.unique(z):
                assert len(np.unique(p[z == value])) == 1
            if alpha >= 2:
                np.testing.assert_allclose(p[z == 0.3], 1 / n_tied, rtol=1e-14)


def moved(x, n_ulps):
    for _ in range(abs(n_ulps)):
        x = np.nextafter(x, INF if n_ulps > 0 else -INF)
    return float(x)


@pytest.mark.parametrize("alpha", [1.06, 1.1, 1.3, 1.5, 1.6, 1.8, 1.95, 2.0, 2.01, 3.0, 4.0, 7.3, 10.0, 17.3])
def test_one_weight_exactly_from_the_margin_on(alpha):
    """A unit vector if and only if (a - 1) lead >= 1, by fractions, at leads a few ulp around it."""
    for n_ulps in range(-9, 10):
        lead = moved(1 / (alpha - 1), n_ulps)
        met = (Fraction(alpha) - 1) * Fraction(lead) >= 1
        p = entmax([0.0, -lead, -lead - 1, -lead], alpha)
        assert np.array_equal(p, [1, 0, 0, 0]) == met
        assert np.all(p[[1, 3]] == 0) == met
        lead = moved(1.0, n_ulps)
        q = normmax([-lead, 0.0, -2.0, -lead], alpha)
        assert np.array_equal(q, [0, 1, 0, 0]) == (lead >= 1)


def test_softmax_is_never_exact():
    assert np.all(entmax([0.0, -700.0], 1) > 0)


scores = st.lists(st.integers(-(2**12), 2**12), min_size=1, max_size=40).map(lambda v: np.array(v) / 2.0**10)
alphas = st.one_of(st.sampled_from([1.0, 4 / 3, 1.5, 2.0, INF]), st.floats(1, 12))


@given(scores, alphas)
def test_laws_of_a_row(z, alpha):
    for f, width in ((entmax, INF if alpha == 1 else 1 / (alpha - 1)), (normmax, 1.0)):
        p = f(z, alpha)
        assert abs(p.sum() - 1) < 1e-12
        assert np.all(p >= 0)
        assert not np.any(p[z < z.max() - width * (1 + 1e-15)])
        order = np.argsort(z, kind="stable")
        assert np.all(np.diff(p[order]) >= 0)
        assert np.array_equal(f(z + 64.0, alpha), p)  # these sums are exact
        assert np.array_equal(f(np.stack([z, z[::-1]]), alpha)[0], p)


@given(scores, alphas, st.randoms(use_true_random=False))
def test_permuted_scores_give_permuted_weights(z, alpha, random):
    order = np.array(random.sample(range(len(z)), len(z)))
    for f in (entmax, normmax):
        np.testing.assert_allclose(f(z[order], alpha), f(z, alpha)[order], rtol=1e-12, atol=0)


@given(scores, alphas, st.data())
def test_a_raised_score_loses_no_weight(z, alpha, data):
    i = data.draw(st.integers(0, len(z) - 1))
    higher = z.copy()
    higher[i] += data.draw(st.integers(1, 1000)) / 2.0**10
    p, q = entmax(z, alpha), entmax(higher, alpha)
    assert q[i] >= p[i] - 1e-15
    others = np.arange(len(z)) != i
    assert np.all(q[others] <= p[others] + 1e-15)


# ---- gradients, entropy, conjugate --------------------------------------------------------------------------------


def smooth_case(seed, alpha, m=7):
    """Scores whose support does not change nearby: weights outside are far from entering, those inside far from 0."""
    rng = np.random.default_rng(seed)
    z, dy = rng.standard_normal(m), rng.standard_normal(m)
    p = entmax(z, alpha)
    if alpha > 1:
        held = p > 0
        tau = ((alpha - 1) * z[held] - p[held] ** (alpha - 1)).mean()
        assume(np.all(np.abs((alpha - 1) * z - tau) > 0.02))
    return z, dy, p


def central(f, x, h):
    """Derivative to the fourth order in h."""
    return (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)


@given(st.integers(0, 10**6), st.sampled_from([1.0, 1.01, 1.2, 1.5, 1.8, 2.0, 2.5]))
def test_backward_against_differences(seed, alpha):
    z, dy, p = smooth_case(seed, alpha)
    steps = np.eye(len(z))
    expected = np.array([central(lambda t, s=s: dy @ entmax(z + t * s, alpha), 0.0, 1e-3) for s in steps])
    dz = entmax_backward(p, dy, alpha)
    np.testing.assert_allclose(dz, expected, rtol=1e-6, atol=1e-6 * np.abs(dz).max())
    np.testing.assert_allclose(dz, entmax_jacobian(p, alpha) @ dy, rtol=1e-12, atol=1e-14)
    assert abs(dz.sum()) < 1e-13 * max(1.0, np.abs(dz).max())


@given(st.integers(0, 10**6), st.sampled_from([1.02, 1.2, 1.5, 1.8, 2.0, 2.5]))
def test_alpha_gradient_against_differences(seed, alpha):
    z, dy, p = smooth_case(seed, alpha)
    expected = central(lambda a: dy @ entmax(z, a), alpha, 1e-3)
    size = np.abs(entmax(z, alpha + 1e-3) - p).max() / 1e-3
    assert abs(entmax_alpha_gradient(p, dy, alpha) - expected) <= 1e-6 * size + 1e-12


def test_alpha_gradient_is_the_published_one_and_keeps_its_digits_near_one():
    rng = np.random.default_rng(2)
    z, dy = rng.standard_normal((5, 9)), rng.standard_normal((5, 9))
    alpha = 1.3
    p = entmax(z, alpha)
    g = np.where(p > 0, np.where(p > 0, p, 1) ** (2 - alpha), 0)
    share, s = g / g.sum(1, keepdims=True), p * np.log(np.where(p > 0, p, 1))
    e = alpha - 1
    published = (dy * ((p - share) / e**2 - (s - share * s.sum(1, keepdims=True)) / e)).sum(1)
    np.testing.assert_allclose(entmax_alpha_gradient(p, dy, alpha), published, rtol=1e-11)
    p = entmax(z, 1)
    logs = np.log(p)
    limit = (-0.5 * dy * p * (logs**2 - (p * logs**2).sum(1, keepdims=True))).sum(1)
    np.testing.assert_allclose(entmax_alpha_gradient(entmax(z, 1 + 1e-9), dy, 1 + 1e-9), limit, rtol=1e-7)


def test_gradients_of_batches_and_constants():
    rng = np.random.default_rng(4)
    z, dy = rng.standard_normal((6, 11)).astype(np.float32), rng.standard_normal((6, 11)).astype(np.float32)
    p = entmax(z, 1.5)
    whole = entmax_backward(p, dy, 1.5)
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(whole, np.stack([entmax_backward(*pair, 1.5) for pair in zip(p, dy)]))
    assert entmax_jacobian(p, 1.5).shape == (6, 11, 11)
    np.testing.assert_allclose(entmax_jacobian(p, 1.5), entmax_jacobian(p, 1.5).transpose(0, 2, 1))
    one = entmax([5.0, 1.0], 2)
    assert not entmax_jacobian(one, 2).any()
    assert not entmax_backward(one, [1.0, -3.0], 2).any()
    assert not entmax_backward([0.5, 0.5], [1.0, -3.0], INF).any()
    assert np.isfinite(entmax_backward([1 - 1e-8, 1e-8], [1.0, -3.0], 50.0)).all()  # a slope of 1e384


@given(scores, st.sampled_from([1.0, 1.0001, 1.3, 1.5, 2.0, 4.0, INF]))
def test_conjugate_between_its_bounds(z, alpha):
    n = len(z)
    uniform = tsallis_entropy(np.full(n, 1 / n), alpha)
    value = conjugate(z, alpha)
    assert z.max() - 1e-14 <= value <= z.max() + uniform + 1e-13
    assert value >= z.mean() + uniform - 1e-13  # the value at equal weights
    assert abs(conjugate(z + 3, alpha) - value - 3) < 1e-13


@given(st.integers(0, 10**6), st.sampled_from([1.0, 1.05, 1.5, 2.0, 3.0]))
def test_gradient_of_the_conjugate_is_the_map(seed, alpha):
    z, _, p = smooth_case(seed, alpha)
    slope = np.array([central(lambda t, s=s: conjugate(z + t * s, alpha), 0.0, 1e-3) for s in np.eye(len(z))])
    np.testing.assert_allclose(slope, p, rtol=0, atol=1e-9)


def test_entropy_and_conjugate_of_named_members():
    z = np.random.default_rng(6).standard_normal((8, 5))
    p = entmax(z, 1)
    np.testing.assert_allclose(tsallis_entropy(p, 1), -(p * np.log(p)).sum(1), rtol=1e-14)
    np.testing.assert_allclose(conjugate(z, 1), np.log(np.exp(z).sum(1)), rtol=1e-13)
    np.testing.assert_array_equal(conjugate(z, INF), z.max(1))
    p = entmax(z, 2)
    np.testing.assert_allclose(tsallis_entropy(p, 2), (1 - (p**2).sum(1)) / 2, rtol=0, atol=1e-15)
    np.testing.assert_allclose(tsallis_entropy(p, 1 + 1e-9), tsallis_entropy(p, 1), rtol=1e-8)
    for alpha in (1.0, 1.5, 2.0, 4.0):  # the largest entropy is that of equal weights
        assert np.all(tsallis_entropy(entmax(z, alpha), alpha) <= tsallis_entropy(np.full(5, 0.2), alpha))


# ---- refused input ------------------------------------------------------------------------------------------------

BAD_SCORES = {
    "NaN": [1.0, math.nan],
    "infinite": [1.0, INF],
    "minus infinite, ninth": [0.0] * 8 + [-INF],
    "empty": [],
    "rows of none": np.zeros((3, 0)),
    "a number": 1.0,
    "three dimensions": np.zeros((2, 2, 2)),
    "text": ["a", "b"],
    "bool": [True, False],
    "complex": [1j, 2.0],
    "objects": [None, 1.0],
    "ragged": [[1.0], [1.0, 2.0]],
}


@pytest.mark.parametrize("bad", BAD_SCORES.values(), ids=BAD_SCORES)
@pytest.mark.parametrize("alpha", [1, 1.001, 1.5, 3, INF])
def test_bad_scores_are_refused(bad, alpha):
    for f in (entmax, normmax, conjugate):
        with pytest.raises(ParameterError, match="scores"):
            f(bad, alpha)


@pytest.mark.parametrize("alpha", [0.999, 0, -1, math.nan, -INF, "1.5", None, True, 1.5j, [1.5]])
def test_bad_alpha_is_refused(alpha):
    z = [1.0, 2.0]
    for call in (entmax, normmax, conjugate, tsallis_entropy, entmax_jacobian):
        with pytest.raises(ParameterError, match="alpha"):
            call(z, alpha)
    for call in (entmax_backward, entmax_alpha_gradient):
        with pytest.raises(ParameterError, match="alpha"):
            call(z, z, alpha)


def test_other_refusals():
    with pytest.raises(ParameterError, match="alpha"):
        entmax_alpha_gradient([0.5, 0.5], [1.0, 2.0], 1)
    with pytest.raises(ParameterError, match="dy"):
        entmax_backward([0.5, 0.5], [1.0, 2.0, 3.0], 1.5)
    for call in (
        tsallis_entropy,
        entmax_jacobian,
        lambda p: entmax_backward(p, p),
        lambda p: entmax_alpha_gradient(p, p),
    ):
        for p in ([-0.5, 1.5], [math.nan, 1.0], [INF, 0.0]):
            with pytest.raises(ParameterError, match="p: got"):
                call(p)
    with pytest.raises(ParameterError, match="dy: got NaN"):
        entmax_backward([0.5, 0.5], [1.0, math.nan])
    with pytest.raises(ParameterError, match="row 1: got nan at place 2"):
        entmax([[0.0, 1.0, 2.0], [0.0, 1.0, math.nan]])


def test_kinds_and_layouts():
    z = np.arange(12).reshape(3, 4)
    assert entmax(z).dtype == np.float64
    assert entmax(z.astype(np.float16)).dtype == np.float32
    np.testing.assert_array_equal(entmax(np.asfortranarray(z)), entmax(z))
    np.testing.assert_array_equal(entmax(z[:, ::2]), entmax(z[:, ::2].copy()))
    assert entmax(np.zeros((0, 4))).shape == (0, 4)
    given_ = np.array([3.0, 1.0])
    entmax(given_)
    np.testing.assert_array_equal(given_, [3.0, 1.0])
    np.testing.assert_array_equal(entmax([1e308, -1e308], 1.5), [1.0, 0.0])
    np.testing.assert_array_equal(entmax([-1e300, -2e300], 1.0), [1.0, 0.0])


# ---- kernels ------------------------------------------------------------------------------------------------------

POWERS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 9.0, 12.0, 0.1, 1 / 0.3, 2.7, 13.0, 49.0, -0.5]


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("s", POWERS)
def test_sums_and_weights_against_the_twin(s, kind):
    rng = np.random.default_rng(0)  # a scale of 1/2: the product is exact, fused or not
    for n in (*range(1, 20), 31, 32, 33, 100):
        z = (-1.2 * rng.random(n)).astype(kind)
        whole, slope, count, power = power_sums(z, -0.01, 0.5, -0.4, s)
        got = powers.sums(z, n, -0.01, 0.5, -0.4, s)
        np.testing.assert_allclose(got[:2], (whole, slope), rtol=1e-13)
        assert got[2] == count
        out = np.full(n + 1, 7.0)
        total = powers.weights(z, n, -0.01, 0.5, -0.4, s, 0.0, 2.0, out)
        np.testing.assert_allclose(out[:n], power / 2, rtol=1e-13, atol=1e-300)
        assert out[n] == 7.0  # nothing written beyond
        np.testing.assert_allclose(total, slope, rtol=1e-13)
        kept = np.empty(n + 8)
        n_kept = powers.keep_above(z, n, -0.01, 0.5, -0.4, kept)
        u = 0.5 * (z.astype(np.float64) + 0.01) + 0.4
        np.testing.assert_array_equal(kept[:n_kept], z[u > 0])
        below = np.empty(n + 8)
        n_below = powers.keep_above(z, n, -0.5, -1.0, 0.0, below)
        np.testing.assert_array_equal(below[:n_below], z[z < -0.5])


@pytest.mark.parametrize("s", [0.1, 0.111, 1 / 0.3, 9.01, 17.0, 100.0, 900.0, -0.9])
def test_powers_to_the_last_digits(s):
    rng = np.random.default_rng(7)
    u = np.concatenate(
        [rng.random(300), 1 - 1e-3 * rng.random(100), 10 ** (-100 * rng.random(100)), [1.0, 0.5, 2**-0.5]]
    )
    out = np.empty_like(u)
    powers.weights(u, len(u), 0.0, 1.0, 0.0, s, 0.0, 1.0, out)
    with mpmath.workdps(40):
        exact = [mpmath.mpf(float(x)) ** mpmath.mpf(s) for x in u]
        errors = [abs(mpmath.mpf(float(o)) / e - 1) for o, e in zip(out, exact) if e > 1e-300]
    assert max(errors) < (2e-15 if s >= 100 else 3e-16)
    assert np.all(out[[float(e) < 1e-310 for e in exact]] == 0)


def test_near_powers_and_exponentials():
    x = -np.concatenate([[0.0], np.logspace(-18, 2.9, 200)])
    out = np.empty_like(x)
    for scale in (0.0, 1e-300, 1e-16, 1e-9, 1e-4, 1 / 64):
        powers.near_weights(x, len(x), 0.0, scale, 0.0, 1.0, out)
        with mpmath.workdps(60):
            e = mpmath.mpf(scale)
            inside = [1 + e * mpmath.mpf(float(v)) for v in x]
            exact = (
                [
                    mpmath.exp(float(v)) if scale == 0 else (u ** (1 / e) if u > 0 else mpmath.mpf(0))
                    for v, u in zip(x, inside)
                ]
                if scale != 1e-300
                else [mpmath.exp(float(v)) for v in x]
            )
            worst = max(abs(mpmath.mpf(float(o)) - w) for o, w in zip(out, exact))
        assert worst < 1e-15


@pytest.mark.parametrize("alpha", [1.05, 1.1, 1.3, 1.5, 1.7, 2.0, 2.5, 5.0])
def test_tighten_never_passes_the_root_of_more_scores(alpha):
    rng, r = np.random.default_rng(8), 1 / (alpha - 1)
    for n in (1, 2, 9, 40, 300):
        z = (alpha - 1) * draws(n, 1, n)
        some = np.sort(rng.choice(n, max(1, n // 3), replace=False))
        part = z[some]
        whole_root = exact_float_root(np.append(part, z), r) if n < 50 else solve(z, n, 0.0, r)
        full = solve(np.concatenate([part, z]), len(part) + n, 0.0, r)
        assert abs(full - whole_root) < 1e-12 or n >= 50
        t = -1.0
        for _ in range(60):
            new = tighten(part, len(part), 0.0, t, r)
            assert t <= new <= max(full, -1.0) + 1e-15
            t = new


def exact_float_root(z, r):
    low, high = -1.0, 0.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        u = z - middle
        low, high = (middle, high) if (u[u > 0] ** r).sum() >= 1 else (low, middle)
    return low


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [1.05, 1.3, 1.5, 1.8, 2.0, 3.0])
def test_scores_without_weight_change_no_bit(alpha, kind):
    rng, r = np.random.default_rng(9), 1 / (alpha - 1)
    for _ in range(60):
        n = int(rng.integers(2, 200))
        z = ((alpha - 1) * draws(n, rng.choice([0.3, 1, 3]), n)).astype(kind)
        tau = solve(z, n, 0.0, r)
        out = np.empty(n)
        n_support = weigh(z, n, 0.0, tau, r, out)
        assert n_support == np.count_nonzero(out)
        assert abs(out.sum() - 1) < 1e-14
        part = z[(out > 0) | (rng.random(n) < 0.3)]
        assert solve(part, len(part), 0.0, r) == tau
        again = np.empty(len(part))
        weigh(part, len(part), 0.0, tau, r, again)
        np.testing.assert_array_equal(again[again > 0], out[out > 0])


STEPS = [(1, 1.1, 1, 10000, 9985, 4), (1, 1.3, 2, 2748, 218, 6), (1, 1.5, 3, 280, 29, 6), (1, 2.0, 5, 20, 5, 5)]
STEPS += [(4, 1.5, 8, 9, 6, 4)]


@pytest.mark.parametrize(("sigma", "alpha", "draw", "n_candidates", "n_support", "n_steps"), STEPS)
def test_step_counts(sigma, alpha, draw, n_candidates, n_support, n_steps):
    """Candidates, support, and steps of the p-norm Newton method until they are below 1e-7."""
    rng = np.random.default_rng(0)
    z = [rng.standard_normal(10_000) for _ in range(draw)][-1] * sigma * (alpha - 1)
    top, r = z.max(), 1 / (alpha - 1)
    assert np.count_nonzero(z > top - 1) == n_candidates
    t, steps = -1.0, 0
    while True:
        new = tighten(z, len(z), top, t, r)
        steps += 1
        if new - t < 1e-7:
            break
        t = new
    assert np.count_nonzero(z - top > solve(z, len(z), top, r)) == n_support
    assert abs(steps - n_steps) <= 1


def test_rows_report_the_first_that_is_not_finite():
    z = np.zeros((4, 9))
    z[2, 8] = np.nan
    assert map_rows(z, 0.5, 2.0, 2.0, np.empty_like(z)) == 2
