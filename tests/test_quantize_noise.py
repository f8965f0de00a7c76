"""From analogue noise to insertions and erasures: printed values, the analogue model simulated, limits, refused input.

Simulations: 400,000 units each, within 3 standard errors; seeds are fixed.
"""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sdrsim.errors import ParameterError
from sdrsim.models.hebbian import quantize_noise

TRIALS = 400_000
laws = settings(max_examples=50, deadline=None)


def analogue(s, p_syn, w, interference, generator):
    """Inputs of units that should be on, and of units that should be off."""
    sent = generator.binomial(s, 1 - p_syn, TRIALS)
    return sent * w + interference(TRIALS), interference(TRIALS)


def within_3_se(hits, p):
    error = np.sqrt(p * (1 - p) / len(hits))
    assert abs(hits.mean() - p) <= 3 * error, f"{hits.mean():.5g}, expected {p:.5g} +- {error:.1g}"


def test_printed_values():
    """S = 20, q = .7, w = 1, sigma = 2.5: thresholds 6, 8, 10."""
    rates = quantize_noise(20, 0.3, 1, 0, 2.5, [6, 8, 10])
    assert [f"{p:.1e}" for p in rates.p_erase[:2]] == ["6.7e-03", "3.2e-02"]
    assert rates.p_erase[2] == pytest.approx(0.108, abs=5e-4)
    assert [f"{p:.1e}" for p in rates.p_insert] == ["8.2e-03", "6.9e-04", "3.2e-05"]


@pytest.mark.parametrize("threshold", [6, 8, 10])
def test_the_analogue_model_many_afferents(threshold):
    """The exact form within its statistics; the normal form within .002 more, which is what it leaves out here."""
    generator = np.random.default_rng(threshold)
    on, off = analogue(20, 0.3, 1, lambda n: generator.normal(0, 2.5, n), generator)
    exact = quantize_noise(20, 0.3, 1, 0, 2.5, threshold, exact=True)
    within_3_se(on < threshold, exact.p_erase)
    within_3_se(off >= threshold, exact.p_insert)
    normal = quantize_noise(20, 0.3, 1, 0, 2.5, threshold)
    assert abs(normal.p_erase - exact.p_erase) < 0.002
    assert normal.p_insert == exact.p_insert


def test_the_analogue_model_few_afferents():
    """Three strong afferents: the exact form fits, the normal one is found out."""
    generator = np.random.default_rng(1)
    on, off = analogue(3, 0.2, 2.0, lambda n: generator.normal(0.5, 0.4, n), generator)
    exact = quantize_noise(3, 0.2, 2.0, 0.5, 0.4, 3.0, exact=True)
    within_3_se(on < 3.0, exact.p_erase)
    within_3_se(off >= 3.0, exact.p_insert)
    normal = quantize_noise(3, 0.2, 2.0, 0.5, 0.4, 3.0)
    error = np.sqrt(exact.p_erase * (1 - exact.p_erase) / TRIALS)
    assert abs(normal.p_erase - exact.p_erase) > 20 * error


@pytest.mark.parametrize("threshold", [0.3, 2.0, 3.0, 4.5])
def test_the_analogue_model_with_poisson_interference(threshold):
    """Events of size .5, two on average: mean 1, variance .5. Thresholds on and off the values the input can take."""
    generator = np.random.default_rng(2)
    on, off = analogue(4, 0.25, 1.0, lambda n: 0.5 * generator.poisson(2.0, n), generator)
    rates = quantize_noise(4, 0.25, 1.0, 1.0, np.sqrt(0.5), threshold, exact=True, interference="poisson")
    within_3_se(on < threshold, rates.p_erase)
    within_3_se(off >= threshold, rates.p_insert)


def test_many_poisson_events_are_normal():
    poisson = quantize_noise(10, 0.3, 1.0, 4000.0, 2.0, [4005.0, 4007.0], exact=True, interference="poisson")
    normal = quantize_noise(10, 0.3, 1.0, 4000.0, 2.0, [4005.0, 4007.0], exact=True)
    np.testing.assert_allclose(poisson.p_erase, normal.p_erase, rtol=0.01)
    np.testing.assert_allclose(poisson.p_insert, normal.p_insert, rtol=0.01)


def test_without_interference_only_afferents_count():
    """Reaching the threshold is enough, also where .1 is added three times."""
    for s, needed in ((5, 3), (7, 6)):
        rates = quantize_noise(s, 0.25, 0.1, 0, 0, needed * 0.1, exact=True)
        assert rates.p_erase == pytest.approx(stats.binom.cdf(needed - 1, s, 0.75))
        assert rates.p_insert == 0
    assert quantize_noise(5, 0.25, 0.1, 0, 0, 0.3, exact=True).p_erase == pytest.approx(stats.binom.cdf(2, 5, 0.75))
    assert quantize_noise(5, 0, 1, 0, 0, [4, 5, 5.1]).p_erase.tolist() == [0, 0, 1]
    assert quantize_noise(0, 0.5, 1, 0, 0, [-1, 0, 1]).p_insert.tolist() == [1, 1, 0]


def test_exact_form_written_out():
    s, q, w, mu, sd, theta = 4, 0.6, 1.5, 0.2, 0.7, 2.5
    expected = sum(comb(s, n) * q**n * (1 - q) ** (s - n) * stats.norm.cdf((theta - n * w - mu) / sd) for n in range(5))
    assert quantize_noise(s, 1 - q, w, mu, sd, theta, exact=True).p_erase == pytest.approx(expected, rel=1e-12)


@laws
@given(
    st.integers(0, 30),
    st.floats(0, 1),
    st.floats(0, 3),
    st.floats(-2, 5),
    st.floats(0, 3),
    st.floats(-5, 40),
    st.booleans(),
)
def test_laws(s, p_syn, w, mean, sd, theta, exact):
    """Probabilities; a higher threshold erases more and inserts less; more failures erase more."""
    here = quantize_noise(s, p_syn, w, mean, sd, [theta, theta + 0.5], exact)
    assert ((here.p_erase >= 0) & (here.p_erase <= 1) & (here.p_insert >= 0) & (here.p_insert <= 1)).all()
    assert here.p_erase[1] >= here.p_erase[0] - 1e-12
    assert here.p_insert[1] <= here.p_insert[0]
    assert (here.p_erase <= 1 - here.p_insert + 1e-12).all() or not exact  # a signal never lowers the input
    if exact:
        worse = quantize_noise(s, p_syn + (1 - p_syn) / 2, w, mean, sd, theta, exact)
        assert worse.p_erase >= here.p_erase[0] - 1e-12
    silent = quantize_noise(s, 1.0, w, mean, sd, theta, exact)
    assert silent.p_erase == pytest.approx(1 - silent.p_insert)


def test_broadcasting_and_tails():
    rates = quantize_noise([[5], [20]], 0.3, 1, 0, [1.0, 2.0, 3.0], 4, exact=True)
    assert rates.p_erase.shape == rates.p_insert.shape == (2, 3)
    one = quantize_noise(20, 0.3, 1, 0, 2.0, 4, exact=True)
    assert isinstance(one.p_erase, float)
    assert one == (rates.p_erase[1, 1], rates.p_insert[1, 1])
    far = quantize_noise(20, 0.3, 1, 0, 1, 30)
    assert far.p_insert == pytest.approx(stats.norm.sf(30), rel=1e-9)  # 5e-198, not 0
    p = quantize_noise(2, 0.3, 1, 1, 1, 40, exact=True, interference="poisson").p_insert
    assert p == pytest.approx(stats.poisson.sf(39, 1), rel=1e-9)


@pytest.mark.parametrize(
    "change",
    [
        {"n_afferents": -1},
        {"n_afferents": 2.5},
        {"p_syn": 1.1},
        {"p_syn": -0.1},
        {"p_syn": "often"},
        {"weight": -1},
        {"weight": np.inf},
        {"mean": np.nan},
        {"sd": -1},
        {"threshold": np.inf},
        {"threshold": [1, 2, 3], "mean": [1, 2]},
        {"interference": "uniform"},
        {"interference": "poisson"},
        {"interference": "poisson", "exact": True, "mean": 0},
        {"interference": "poisson", "exact": True, "sd": 0},
    ],
)
def test_bad_input_is_refused(change):
    fine = {"n_afferents": 20, "p_syn": 0.3, "weight": 1, "mean": 1, "sd": 2.5, "threshold": 8}
    quantize_noise(**fine)
    with pytest.raises(ParameterError, match=r"got .*expected"):
        quantize_noise(**{**fine, **change})
