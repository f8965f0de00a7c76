"""Willshaw's network: density, wrong units, error of one step, thresholds for cues with wrong units, capacity.

Patterns are random, exactly k of N units. What one unit receives is exact (the Willshaw-Palm form, as a chain without
cancellation: `coverage`); that several units are independent of each other is an approximation wherever a probability
of an exact answer is given.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, logs, none_of, real, together, whole
from sdrsim.models.hebbian.theory.coverage import at_least
from sdrsim.models.hebbian.theory.density import willshaw_density

__all__ = [
    "ThresholdErrors",
    "willshaw_capacity",
    "willshaw_error",
    "willshaw_false_positives",
    "willshaw_threshold_errors",
]


def willshaw_false_positives(
    n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike, exact: bool = True
) -> Reals:
    """Expected number of wrong units in one step from `n_cue` genuine units with the threshold at `n_cue`.

    ``(N - k) p01``; textbook (Willshaw, Buneman & Longuet-Higgins 1969; Palm 1980): ``p01 = p1**a``; exact (after
    Knoblauch, Palm & Sommer 2010, for patterns of exactly k units; derived here for the network without self-links):
    ``p01 = sum_s (-1)**s C(a, s) (1 - (k / N) (1 - B_s))**(M - 1)`` with
    ``B_s = prod_{i<s} (N - k - i) / (N - 1 - i)``. Nothing is approximate in the exact form: expectations add up
    whether units are independent or not.

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M, patterns stored, the one asked for among them (0 counts as 1).
    n_units : int or array, 2 or more
        N.
    n_active : int or array, 0 .. n_units
        k.
    n_cue : int or array, 0 .. n_active
        a, units of the pattern that the cue has.
    exact : bool
        False: the textbook form, links taken for independent.

    Returns
    -------
    float64, of the shape of all arguments together

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast; cues of more than 1000 units in the exact form.

    Examples
    --------
    >>> willshaw_false_positives([10_000, 20_000], 2048, 11, 6).round(3).tolist()
    [0.369, 10.127]
    >>> willshaw_false_positives([10_000, 20_000], 2048, 11, 6, exact=False).round(3).tolist()
    [0.308, 9.44]
    """
    m, n, k, a = _cued(n_patterns, n_units, n_active, n_cue)
    return given((n - k) * _fully_linked(m, n, k, a, exact))


def willshaw_error(
    n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike, exact: bool = True
) -> Reals:
    """Probability that one step does not give the pattern exactly: ``1 - (1 - p01)**(N - k)``.

    Arguments and p01 as in `willshaw_false_positives`: genuine units in the cue only, threshold at `n_cue` (so none
    of the pattern's units is missed). That the wrong units are independent of each other is an approximation in both
    forms.

    Examples
    --------
    >>> (1 - willshaw_error([5000, 10_000, 15_000], 2048, 11, 6)).round(4).tolist()
    [0.9896, 0.6915, 0.0678]
    """
    m, n, k, a = _cued(n_patterns, n_units, n_active, n_cue)
    return given(none_of(n - k, _fully_linked(m, n, k, a, exact)))


class ThresholdErrors(NamedTuple):
    """What a threshold does to a cue with wrong units.

    misses : expected number of the pattern's units below the threshold
    false_positives : expected number of other units at or above it
    error : probability that the answer is not exactly the pattern, units taken for independent
    """

    misses: Reals
    false_positives: Reals
    error: Reals


def willshaw_threshold_errors(
    n_patterns: ArrayLike,
    n_units: ArrayLike,
    n_active: ArrayLike,
    n_cue: ArrayLike,
    n_inserted: ArrayLike = 0,
    threshold: ArrayLike | None = None,
    memory_effect: ArrayLike = 1,
) -> ThresholdErrors:
    """Errors of one step from a cue of genuine and wrong units: a unit is on when its score reaches the threshold.

    The score of a unit is `memory_effect` if it is in the cue, and 1 for each cue unit linked to it. Four kinds of
    unit: the pattern's, in the cue (``a - 1`` sure links, the inserted units by chance) or not (a sure links);
    others, in the cue or not (all links by chance). The law of each score over random patterns is exact (the chain of
    `coverage`); so are the expected misses and false positives.

    Parameters
    ----------
    n_patterns, n_units, n_active, n_cue : int or array
        M, N, k and a, as in `willshaw_false_positives`.
    n_inserted : int or array, 0 .. n_units - n_active
        Units of the cue outside the pattern, chosen at random.
    threshold : float or array, optional
        None: `n_cue`.
    memory_effect : float or array, 0 or more
        What a unit of the cue adds to its own score.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast; cues of more than 1000 units.

    Examples
    --------
    >>> e = willshaw_threshold_errors(10_000, 2048, 11, n_cue=9, n_inserted=2, threshold=[8, 9, 10])
    >>> e.misses.round(3).tolist(), e.false_positives.round(2).tolist()
    ([0.0, 0.0, 6.516], [1.77, 0.19, 0.01])
    """
    m, n, k, a = _cued(n_patterns, n_units, n_active, n_cue)
    wanted = a if threshold is None else real("threshold", threshold, -np.inf, np.inf, ends="none")
    m, n, k, a, b, wanted, effect = together(
        n_patterns=m,
        n_units=n,
        n_active=k,
        n_cue=a,
        n_inserted=whole("n_inserted", n_inserted),
        threshold=wanted,
        memory_effect=real("memory_effect", memory_effect, 0.0, np.inf, ends="low"),
    )
    above_none("n_inserted", b, "n_units - n_active", n - k)
    loads, one = np.maximum(m - 1, 0), np.ones_like(n)

    def reach(n_cue_units: Reals, score: Reals) -> Reals:
        return at_least(loads, n, one, k, np.maximum(n_cue_units, 0), score)

    lost_in, lost_out = 1 - reach(b, wanted - (a - 1) - effect), 1 - reach(b, wanted - a)
    wrong_in, wrong_out = reach(a + b - 1, wanted - effect), reach(a + b, wanted)
    misses = a * lost_in + (k - a) * lost_out
    false = b * wrong_in + (n - k - b) * wrong_out
    kept = logs(a, lost_in) + logs(k - a, lost_out) + logs(b, wrong_in) + logs(n - k - b, wrong_out)
    return ThresholdErrors(given(misses), given(false), given(-np.expm1(kept)))


def willshaw_capacity(n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike, epsilon: ArrayLike) -> Reals:
    """Patterns that can be stored when ``epsilon * k`` wrong units are expected: ``ln(1 - p1) / ln(1 - k**2 / N**2)``.

    ``p1 = (epsilon k / (N - k))**(1 / a)`` is the density that gives so many wrong units, links taken for independent
    (Knoblauch, Palm & Sommer 2010, with the densities of two populations, k**2 / N**2). Infinite where no density does.

    Parameters
    ----------
    n_units : int or array, 2 or more
        N.
    n_active : int or array, 1 .. n_units - 1
        k.
    n_cue : int or array, 1 .. n_active
        a, units of the pattern that the cue has; the threshold is a.
    epsilon : float or array, above 0
        Wrong units allowed, for each active one.

    Returns
    -------
    float64
        Not rounded.

    Raises
    ------
    ParameterError
        Counts or `epsilon` out of range; shapes that do not broadcast.

    Examples
    --------
    >>> willshaw_capacity(2048, 11, n_cue=[11, 6], epsilon=.01).round().tolist()
    [18248.0, 7494.0]
    """
    n, k, a, eps = together(
        n_units=whole("n_units", n_units, 2),
        n_active=whole("n_active", n_active, 1),
        n_cue=whole("n_cue", n_cue, 1),
        epsilon=real("epsilon", epsilon, 0.0, np.inf, ends="none"),
    )
    above_none("n_active", k, "n_units - 1", n - 1)
    above_none("n_cue", a, "n_active", k)
    with np.errstate(divide="ignore"):
        p1 = np.minimum(eps * k / (n - k), 1.0) ** (1 / a)
        return given(np.log1p(-p1) / np.log1p(-(k**2) / n**2))


def _cued(n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike) -> list[Reals]:
    """(M, N, k, a), checked and broadcast."""
    m, n, k, a = together(
        n_patterns=whole("n_patterns", n_patterns),
        n_units=whole("n_units", n_units, 2),
        n_active=whole("n_active", n_active),
        n_cue=whole("n_cue", n_cue),
    )
    above_none("n_active", k, "n_units", n)
    above_none("n_cue", a, "n_active", k)
    return [m, n, k, a]


def _fully_linked(m: Reals, n: Reals, k: Reals, a: Reals, exact: bool) -> Reals:
    """p01, probability that a wrong unit is linked to all a units of the cue."""
    if not exact:
        return np.asarray(willshaw_density(m, n, k) ** a)
    return at_least(np.maximum(m - 1, 0), n, np.ones_like(n), k, a, a)
