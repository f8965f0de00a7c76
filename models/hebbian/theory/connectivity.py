"""Willshaw's network with partial connectivity: what units receive, and which unit is likelier to be the pattern's.

After Buckingham & Willshaw 1993 (Network 4:441) and Graham & Willshaw 1995. A unit has physical connections from a
share Z of the others. It sees `n_inputs` = a active ones of a cue, of which a share rho is genuine. Its own usage, R
patterns, decides how often an accidental link is set. Links of one unit are independent given its usage: exact for
patterns in which every unit is on independently with probability f, close for patterns of exactly k units.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, none_of, share, together, whole
from sdrsim.models.hebbian.theory.coverage import covering_step, hits, thinning_step, use_probability, walked

__all__ = ["UnitSums", "accidental_link", "high_sum_pmf", "log_likelihood_ratio", "low_sum_pmf", "unit_sums"]


def accidental_link(usage: ArrayLike, activity: ArrayLike) -> Reals:
    """Probability that other patterns have set a link onto a unit: ``1 - (1 - f)**R`` (Buckingham & Willshaw 1993).

    Parameters
    ----------
    usage : int or array, 0 or more
        R, stored patterns that use the unit.
    activity : float or array, 0 .. 1
        f, share of active units in a pattern.

    Examples
    --------
    >>> accidental_link([0, 10, 100], activity=.01).round(4).tolist()
    [0.0, 0.0956, 0.634]
    """
    r, f = together(usage=whole("usage", usage), activity=share("activity", activity))
    return given(none_of(r, f))


def low_sum_pmf(score: ArrayLike, n_inputs: ArrayLike, usage: ArrayLike, activity: ArrayLike) -> Reals:
    """Probability that a unit outside the pattern receives `score` of its `n_inputs` active inputs: Binomial(a, p).

    Parameters
    ----------
    score : int or array, 0 .. n_inputs
        s, inputs whose link is set.
    n_inputs : int or array, 0 or more
        a, active physical inputs.
    usage, activity
        As in `accidental_link`, which gives p.

    Examples
    --------
    >>> low_sum_pmf([0, 1, 2], n_inputs=2, usage=10, activity=.01).round(4).tolist()
    [0.8179, 0.173, 0.0091]
    """
    s, a, p = _sums(score, n_inputs, accidental_link(usage, activity))
    return given(_binomial(s, a, p))


def high_sum_pmf(
    score: ArrayLike, n_inputs: ArrayLike, usage: ArrayLike, activity: ArrayLike, fraction_genuine: ArrayLike
) -> Reals:
    """Probability that a unit of the pattern receives `score` of its `n_inputs` inputs: Binomial(a, rho + (1 - rho) p).

    Parameters
    ----------
    score, n_inputs, usage, activity
        As in `low_sum_pmf`.
    fraction_genuine : float or array, 0 .. 1
        rho, share of the cue that belongs to the pattern.

    Examples
    --------
    >>> high_sum_pmf([8, 9, 10], n_inputs=10, usage=50, activity=.01, fraction_genuine=.8).round(3).tolist()
    [0.235, 0.379, 0.275]
    """
    p, rho = together(
        accidental=accidental_link(usage, activity), fraction_genuine=share("fraction_genuine", fraction_genuine)
    )
    s, a, high = _sums(score, n_inputs, rho + (1 - rho) * p)
    return given(_binomial(s, a, high))


def log_likelihood_ratio(
    score: ArrayLike, n_inputs: ArrayLike, usage: ArrayLike, activity: ArrayLike, fraction_genuine: ArrayLike
) -> Reals:
    """How much likelier a sum is for a unit of the pattern than for another, as a logarithm.

    ``LLR = s ln((rho + (1 - rho) p) / p) + (a - s) ln(1 - rho)``, the second term being that of
    ``(1 - rho)(1 - p) / (1 - p)``: the usage-corrected score (after Buckingham & Willshaw 1993; Graham & Willshaw
    1995). Minus infinity where a whole cue (rho = 1) misses a link: such a unit is out, whatever else. Plus infinity
    where a unit that no other pattern uses receives anything.

    Parameters
    ----------
    score, n_inputs, usage, activity, fraction_genuine
        As in `high_sum_pmf`.

    Examples
    --------
    >>> log_likelihood_ratio([8, 8, 9], 10, usage=[50, 100, 100], activity=.01, fraction_genuine=.8).round(2).tolist()
    [3.18, -0.18, 1.81]
    >>> float(log_likelihood_ratio(9, 10, usage=50, activity=.01, fraction_genuine=1))
    -inf
    """
    p, rho = together(
        accidental=accidental_link(usage, activity), fraction_genuine=share("fraction_genuine", fraction_genuine)
    )
    s, a, p, rho = together(**dict(zip("sapr", [*_sums(score, n_inputs, p), rho])))
    if np.shape(rho) != np.shape(s):
        rho = np.broadcast_to(rho, np.shape(s))
    with np.errstate(divide="ignore", invalid="ignore"):
        for_hits = np.where(s == 0, 0.0, s * np.log1p(rho * (1 - p) / p))
        for_misses = np.where(a == s, 0.0, (a - s) * np.log1p(-rho))
        for_hits = np.where((p == 0) & (rho == 0), 0.0, for_hits)
        return given(np.where(np.isneginf(for_misses), -np.inf, for_hits + for_misses))


class UnitSums(NamedTuple):
    """Laws of what a unit outside the cue receives, each (n_cue + n_inserted + 1,).

    low : of a unit outside the pattern
    high : of a unit of the pattern
    """

    low: Reals
    high: Reals


def unit_sums(
    n_patterns: int, n_units: int, n_active: int, n_cue: int, n_inserted: int = 0, connectivity: float = 1.0
) -> UnitSums:
    """What units receive from a cue, over all usages and wirings: what one fixed threshold has to tell apart.

    Exact for random patterns of exactly k units: the law of the links that other patterns set is that of the full
    network (derived here, see `coverage`); of those, each is physically there with probability Z. A unit of the
    pattern has Binomial(a, Z) links from the genuine part of the cue besides.

    Parameters
    ----------
    n_patterns, n_units, n_active : int
        M, N, k.
    n_cue, n_inserted : int
        Units of the pattern in the cue, and random ones from outside it.
    connectivity : float, 0 .. 1
        Z, probability that a connection physically exists.

    Raises
    ------
    ParameterError
        Counts or `connectivity` out of range.

    Examples
    --------
    >>> sums = unit_sums(10_000, 2048, 11, n_cue=10, connectivity=.6)
    >>> sums.low[5:].sum().round(4).item(), sums.high[5:].sum().round(4).item()
    (0.0076, 0.8338)
    """
    names, least = ("n_patterns", "n_units", "n_active", "n_cue", "n_inserted"), (0, 2, 1, 0, 0)
    values = (n_patterns, n_units, n_active, n_cue, n_inserted)
    m, n, k, a, b = (int(whole(name, value, low)) for name, value, low in zip(names, values, least))
    above_none("n_active", k, "n_units - 1", n - 1)
    above_none("n_cue", a, "n_active", k)
    above_none("n_inserted", b, "n_units - n_active - 1", n - k - 1)
    z, others = float(share("connectivity", connectivity)), np.array([max(m - 1, 0)])

    def by_chance(n_links: int) -> Reals:
        step = covering_step(hits(n, 1, k, n_links), use_probability(n, 1, k))
        return np.asarray(walked(np.eye(1, n_links + 1)[0], step, others)[0] @ thinning_step(n_links, 1 - z))

    return UnitSums(by_chance(a + b), np.convolve(thinning_step(a, 1 - z)[a], by_chance(b)))


def _sums(score: ArrayLike, n_inputs: ArrayLike, p: Reals) -> list[Reals]:
    s, a, p = together(score=whole("score", score), n_inputs=whole("n_inputs", n_inputs), usage=p)
    above_none("score", s, "n_inputs", a)
    return [s, a, p]


def _binomial(s: Reals, a: Reals, p: Reals) -> Reals:
    from scipy.special import gammaln, xlog1py, xlogy

    log = gammaln(a + 1) - gammaln(s + 1) - gammaln(a - s + 1) + xlogy(s, p) + xlog1py(a - s, -p)
    return np.asarray(np.exp(log))
