"""Laws of sparse Hopfield retrieval: on random and on constructed cases, to the ulp where they are exact."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim.errors import ParameterError
from sdrsim.models.hopfield import theory
from sdrsim.models.hopfield.maps import conjugate, entmax, normmax, tsallis_entropy

ALPHAS = [1.0, 1.2, 1.5, 2.0, 3.0, 10.0]
cases = st.tuples(st.integers(0, 10**6), st.sampled_from(ALPHAS))


def drawn(seed):
    """Patterns, beta, a state: of various sizes and scales."""
    rng = np.random.default_rng(seed)
    m, d = int(rng.integers(2, 20)), int(rng.integers(1, 12))
    x = rng.standard_normal((m, d)) * rng.choice([0.3, 1.0, 3.0])
    return x, float(rng.choice([0.1, 0.5, 2.0])), x[0] + rng.choice([0.0, 0.1, 1.0]) * rng.standard_normal(d)


def step(x, beta, state, alpha):
    return entmax(beta * (x @ state), alpha) @ x


def energy(x, beta, state, alpha):
    const = theory.largest_entropy(len(x), alpha) / beta + (np.linalg.norm(x, axis=1) ** 2).max() / 2
    return -conjugate(beta * (x @ state), alpha) / beta + state @ state / 2 + const


# ---- margins ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.1, 1.5, 1.8, 2.0, 3.0, 10.0, 1e6])
def test_margins_are_where_weights_become_one(alpha):
    margin = theory.entmax_margin(alpha)
    assert math.isclose(margin * (alpha - 1), 1, rel_tol=1e-15)
    assert np.array_equal(entmax([0.0, -margin * (1 + 1e-15)], alpha), [1, 0])
    assert entmax([0.0, -margin * (1 - 1e-15)], alpha)[1] > 0
    assert theory.normmax_margin(alpha) == 1
    assert np.array_equal(normmax([1.0, 0.0], alpha), [1, 0])
    assert normmax([1.0, 2.0**-52], alpha)[1] > 0


def test_margins_at_the_ends():
    assert theory.entmax_margin(1) == math.inf
    assert theory.entmax_margin(math.inf) == 0
    assert theory.normmax_margin(1) == 0


@pytest.mark.parametrize("alpha", [1.1, 1.5, 2.0, 3.0])
def test_roots_lie_between_their_bounds_and_reach_both(alpha):
    rng = np.random.default_rng(0)
    for n in (1, 2, 30):
        low, high = theory.root_bounds(n, alpha)
        for z in (np.zeros(n), np.where(np.arange(n) == 0, 0.0, -100.0), rng.standard_normal(n), rng.random(n)):
            tau = -((entmax(z, alpha).max()) ** (alpha - 1))
            assert low <= tau <= high * (1 - 1e-14)
        assert math.isclose(-((entmax(np.zeros(n), alpha).max()) ** (alpha - 1)), high, rel_tol=1e-14)


@pytest.mark.parametrize("alpha", [*ALPHAS, math.inf])
def test_largest_entropy_is_that_of_equal_weights(alpha):
    for n in (1, 2, 17):
        most = theory.largest_entropy(n, alpha)
        assert math.isclose(most, tsallis_entropy(np.full(n, 1 / n), alpha), rel_tol=1e-13, abs_tol=1e-15)
        assert math.isclose(most, conjugate(np.zeros(n), alpha), rel_tol=1e-13, abs_tol=1e-15)


# ---- fixed points and exact retrieval -----------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0, 4.0])
def test_fixed_points_to_the_ulp(alpha):
    """Two patterns of whole numbers and a beta such that the separation times beta (a - 1) lies some ulp around 1."""
    x = np.array([[4.0, 0.0, 1.0], [1.0, 2.0, 1.0]])
    separation = theory.separations(x)[0]
    assert separation == 12
    beta = 1 / (separation * (alpha - 1))
    for n_ulps in range(-6, 7):
        b = beta
        for _ in range(abs(n_ulps)):
            b = np.nextafter(b, math.inf if n_ulps > 0 else 0)
        scores = b * (x @ x[0])
        lead = Fraction(scores[0]) - Fraction(scores[1])
        exact = np.array_equal(entmax(scores - scores[0], alpha), [1, 0])
        if Fraction(scores[0] - scores[1]) == lead:  # else the difference itself is rounded
            assert exact == (lead * (Fraction(alpha) - 1) >= 1)


@given(cases)
def test_exact_retrieval_from_within_the_radius(case):
    seed, alpha = case
    x, beta, _ = drawn(seed)
    rng, m = np.random.default_rng(seed + 1), np.linalg.norm(x, axis=1).max()
    separations = theory.separations(x)
    radii = theory.exact_retrieval_radius(separations, beta, alpha, m)
    fixed = separations >= theory.exact_retrieval_separation(beta, alpha)
    np.testing.assert_array_equal(np.isnan(radii), ~fixed)
    for mu in np.flatnonzero(fixed):
        way = rng.standard_normal(x.shape[1])
        state = x[mu] + way / np.linalg.norm(way) * radii[mu] * (1 - 1e-9)
        assert separations[mu] >= theory.exact_retrieval_separation(beta, alpha, m, radii[mu]) * (1 - 1e-12)
        np.testing.assert_array_equal(step(x, beta, state, alpha), x[mu])


def test_the_radius_is_reached():
    """Opposite patterns of one norm: no larger radius would do."""
    x, beta, alpha = np.array([[2.0, 0.0], [-2.0, 0.0]]), 0.5, 2.0
    radius = theory.exact_retrieval_radius(theory.separations(x)[0], beta, alpha, 2.0)
    assert radius == 1.5
    assert np.array_equal(step(x, beta, x[0] - [radius, 0], alpha), x[0])
    assert not np.array_equal(step(x, beta, x[0] - [radius + 1e-9, 0], alpha), x[0])


@given(cases)
def test_error_stays_below_its_bound(case):
    seed, alpha = case
    x, beta, state = drawn(seed)
    m, overlaps = np.linalg.norm(x, axis=1).max(), x @ state
    made = step(x, beta, state, alpha)
    for mu in range(len(x)):
        lead = overlaps[mu] - np.delete(overlaps, mu).max()
        bound = theory.error_bound(lead, len(x), beta, m)
        assert np.linalg.norm(made - x[mu]) <= bound * (1 + 1e-12) + 1e-12


@given(cases)
def test_energy_falls_by_at_least_half_the_square_of_the_step(case):
    seed, alpha = case
    x, beta, state = drawn(seed)
    states = [state]
    for _ in range(6):
        states.append(step(x, beta, states[-1], alpha))
    energies = np.array([energy(x, beta, s, alpha) for s in states])
    least = theory.least_energy_drop(np.array(states[:-1]), np.array(states[1:]))
    slack = 1e-12 * (1 + np.abs(energies).max())
    assert np.all(energies[:-1] - energies[1:] >= least - slack)
    assert np.all(energies >= -slack)


# ---- patterns -----------------------------------------------------------------------------------------------------


def test_separations_and_radius_against_all_pairs():
    x = np.random.default_rng(0).standard_normal((1500, 5))  # more than one block
    scores = x @ x.T
    own = np.diag(scores).copy()
    np.fill_diagonal(scores, -np.inf)
    np.testing.assert_allclose(theory.separations(x), own - scores.max(1), rtol=1e-12, atol=1e-12)
    part = x[:200]
    gaps = np.linalg.norm(part[:, None] - part[None], axis=2)
    assert math.isclose(theory.storage_radius(part), gaps[gaps > 0].min() / 2, rel_tol=1e-12)
    assert theory.storage_radius(np.concatenate([x, x[:1]])) == 0
    assert math.isclose(theory.storage_radius(1e6 + np.array([[0.0], [1e-3], [1.0]])), 5e-4, rel_tol=1e-6)


# ---- refused input ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: theory.entmax_margin(0.9),
        lambda: theory.normmax_margin(math.nan),
        lambda: theory.root_bounds(0, 1.5),
        lambda: theory.root_bounds(2.5, 1.5),
        lambda: theory.root_bounds(5, 1),
        lambda: theory.root_bounds(5, math.inf),
        lambda: theory.largest_entropy(0, 2),
        lambda: theory.separations([[1.0, 2.0]]),
        lambda: theory.separations([1.0, 2.0]),
        lambda: theory.separations([[1.0], [math.nan]]),
        lambda: theory.storage_radius([["a"], ["b"]]),
        lambda: theory.exact_retrieval_separation(0, 1.5),
        lambda: theory.exact_retrieval_separation(math.inf, 1.5),
        lambda: theory.exact_retrieval_separation(1, 1.5, -1.0),
        lambda: theory.exact_retrieval_separation(1, 1.5, 1.0, -0.1),
        lambda: theory.exact_retrieval_radius(1.0, 1.0, 1.5, 0.0),
        lambda: theory.error_bound(1.0, 1, 1.0, 1.0),
        lambda: theory.error_bound(math.nan, 2, 1.0, 1.0),
        lambda: theory.least_energy_drop([1.0, 2.0], [1.0]),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ParameterError):
        call()
