"""Memories that count: wrong units of Amari's rule, signal-to-noise ratios of Amari's and the covariance rule."""

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, none_of, real, together, whole
from sdrsim.models.hebbian.theory.coverage import adding_step, hits, use_probability, walked

__all__ = [
    "amari_error",
    "amari_false_positives",
    "amari_signal_to_noise",
    "covariance_signal_to_noise",
    "signal_to_noise_error",
]


def amari_false_positives(
    n_patterns: ArrayLike,
    n_units: ArrayLike,
    n_active: ArrayLike,
    n_cue: ArrayLike,
    threshold: ArrayLike | None = None,
) -> Reals:
    """Expected number of wrong units of Amari's memory in one step from `n_cue` genuine units.

    Weights are counts, ``C_ij = sum over patterns of x_i x_j`` (Amari 1989). A wrong unit used by R ~ Binomial(M - 1,
    k / N) other patterns receives the sum of R overlaps of the cue with patterns that use it, each hypergeometric.
    Exact for random patterns of exactly k units: no sign alternates, the law is that of a walk.

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M, the pattern asked for among them.
    n_units : int or array, 2 or more
        N.
    n_active : int or array, 0 .. n_units
        k.
    n_cue : int or array, 0 .. n_active
        a.
    threshold : int or array, 0 or more, optional
        Score a unit needs. None: `n_cue`, which no unit of the pattern misses.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> amari_false_positives([5000, 10_000], 2048, 11, n_cue=11).round(4).tolist()
    [0.0022, 0.6476]
    """
    m, n, k, a, wanted = _walk(n_patterns, n_units, n_active, n_cue, threshold)
    return given((n - k) * _reaches(m, n, k, a, wanted))


def amari_error(
    n_patterns: ArrayLike,
    n_units: ArrayLike,
    n_active: ArrayLike,
    n_cue: ArrayLike,
) -> Reals:
    """Probability that one step of Amari's memory with the threshold at `n_cue` gives any wrong unit.

    Arguments and law of a unit as in `amari_false_positives`; that units are independent of each other is an
    approximation.

    Examples
    --------
    >>> amari_error([5000, 10_000], 2048, 11, n_cue=11).round(4).tolist()
    [0.0022, 0.4768]
    """
    m, n, k, a, wanted = _walk(n_patterns, n_units, n_active, n_cue, None)
    return given(none_of(n - k, _reaches(m, n, k, a, wanted)))


def amari_signal_to_noise(n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike) -> Reals:
    """Signal-to-noise ratio of counted Hebb: squared difference of the mean scores over their variance.

    A unit of the pattern outside the cue and one outside the pattern differ by a in the mean; the variance is that of
    the M - 1 other patterns, each adding ``x_j H``, H its overlap with the cue. Exact moments for random patterns of
    exactly k units (definition: Dayan & Willshaw 1991).

    Parameters
    ----------
    n_patterns, n_units, n_active, n_cue : int or array
        M, N, k and a. Infinite for a single pattern.

    Examples
    --------
    >>> round(float(amari_signal_to_noise(1775, 1024, 32, n_cue=31)), 2)
    9.97
    """
    m, n, k, a, _ = _walk(n_patterns, n_units, n_active, n_cue, None)
    f = k / n
    mean, square = _overlap_moments(n - 1, k - 1, a)
    variance = np.maximum(m - 1, 0) * (f * square - (f * mean) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return given(np.where(a == 0, 0.0, a**2 / variance))


def covariance_signal_to_noise(
    n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike
) -> Reals:
    """Signal-to-noise ratio of the covariance rule ``sum (x_i - f)(x_j - f)``, about ``a / (M f**2)``.

    The means differ by ``a (1 - f)``; every other pattern adds ``(x_j - f)(H - a f)``, H its overlap with the cue.
    Exact moments for random patterns of exactly k units (definition and the linear rule of the highest ratio: Dayan &
    Willshaw 1991). BCPNN's weights tend to the same ratio for many sparse patterns, being linear in the counts there.

    Parameters
    ----------
    n_patterns, n_units, n_active, n_cue : int or array
        M, N, k and a. Infinite for a single pattern.

    Examples
    --------
    >>> round(float(covariance_signal_to_noise(1775, 1024, 32, n_cue=31)), 2)
    18.96
    """
    m, n, k, a, _ = _walk(n_patterns, n_units, n_active, n_cue, None)
    f = k / n
    first, second = np.zeros_like(f), np.zeros_like(f)
    for p, x, marked in ((f, 1 - f, k - 1), (1 - f, -f, k)):
        mean, square = _overlap_moments(n - 1, marked, a)
        first = first + p * x * (mean - a * f)
        second = second + p * x**2 * (square - 2 * a * f * mean + (a * f) ** 2)
    variance = np.maximum(m - 1, 0) * (second - first**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return given(np.where(a == 0, 0.0, (a * (1 - f)) ** 2 / variance))


def signal_to_noise_error(signal_to_noise: ArrayLike) -> Reals:
    """Error of one unit at the threshold half-way between the means, scores taken for normal: ``Phi(-sqrt(snr) / 2)``.

    Parameters
    ----------
    signal_to_noise : float or array, 0 or more
        Squared difference of the means over the variance.

    Examples
    --------
    >>> signal_to_noise_error([0, 16, 36]).round(4).tolist()
    [0.5, 0.0228, 0.0013]
    """
    from scipy.special import ndtr

    return given(ndtr(-np.sqrt(real("signal_to_noise", signal_to_noise, 0.0, np.inf)) / 2))


def _walk(
    n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike, n_cue: ArrayLike, threshold: ArrayLike | None
) -> list[Reals]:
    """(M, N, k, a, threshold), checked and broadcast."""
    a = whole("n_cue", n_cue)
    m, n, k, a, wanted = together(
        n_patterns=whole("n_patterns", n_patterns),
        n_units=whole("n_units", n_units, 2),
        n_active=whole("n_active", n_active),
        n_cue=a,
        threshold=a if threshold is None else whole("threshold", threshold),
    )
    above_none("n_active", k, "n_units", n)
    above_none("n_cue", a, "n_active", k)
    return [m, n, k, a, wanted]


def _reaches(m: Reals, n: Reals, k: Reals, a: Reals, wanted: Reals) -> Reals:
    """Probability that a wrong unit's score reaches the threshold."""
    keys = np.stack([np.ravel(x) for x in (n, k, np.minimum(a, n - 1), wanted)]).astype(np.int64)
    loads = np.ravel(np.maximum(m - 1, 0)).astype(np.int64)
    out = np.zeros(keys.shape[1])
    memories, which = np.unique(keys, axis=1, return_inverse=True)
    for i, (units, active, cue, score) in enumerate(memories.T.tolist()):
        here = np.flatnonzero(which.ravel() == i)
        step = adding_step(hits(units, 1, active, cue), use_probability(units, 1, active), score)
        out[here] = walked(np.eye(1, score + 1)[0], step, loads[here])[:, -1]
    return np.minimum(out, 1.0).reshape(m.shape)


def _overlap_moments(n: Reals, marked: Reals, drawn: Reals) -> tuple[Reals, Reals]:
    """Mean and mean square of a hypergeometric overlap."""
    mean = drawn * marked / n
    with np.errstate(divide="ignore", invalid="ignore"):
        pairs = np.where(n > 1, drawn * (drawn - 1) * marked * (marked - 1) / (n * (n - 1)), 0.0)
    return mean, mean + pairs
