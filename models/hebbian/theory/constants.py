"""Constants of the limit of many units, patterns of about log N active ones; and yardsticks.

Convergence in N is logarithmic: at any size one can simulate, the formulas for that size are the ones to test, and
these are lines to draw. Binary memories store ``M = alpha N**2 / c**2`` patterns of ``c = kappa ln N`` units (clique
networks with ``c = kappa ln l``: ``M = alpha l**2``), cf. Gripon, Heusel, Löwe & Vermet 2016; the constants are
derived here.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, given, real, together, whole

__all__ = [
    "AUTO_BITS_PER_SYNAPSE",
    "BINARY_BITS_PER_SYNAPSE",
    "GRADED_BITS_PER_SYNAPSE",
    "amari_alpha",
    "hopfield_patterns",
    "load_at",
    "tsodyks_feigelman_patterns",
    "willshaw_alpha",
]

BINARY_BITS_PER_SYNAPSE = float(np.log(2))
"""ln 2 = 0.693, Willshaw's network between two populations, half the links set (Willshaw et al. 1969; Palm 1980)."""

AUTO_BITS_PER_SYNAPSE = float(np.log(2) / 4)
"""(ln 2) / 4 = 0.173 per ordered pair, completion in one population (Palm 1980; Knoblauch & Palm 2020)."""

GRADED_BITS_PER_SYNAPSE = float(1 / (2 * np.log(2)))
"""1 / (2 ln 2) = 0.721, graded weights, the covariance rule (Palm & Sommer 1992)."""


def willshaw_alpha(fraction_known: ArrayLike = 1.0, kappa: ArrayLike = 1.0) -> Reals:
    """Critical alpha of binary links, Willshaw's network and cliques alike: ``-ln(1 - exp(-1 / (rho kappa)))``.

    With density ``d = 1 - exp(-alpha)`` and rho c units known, ``N d**(rho c)`` wrong units are expected; they vanish
    with growing N while ``d < exp(-1 / (rho kappa))``.

    Parameters
    ----------
    fraction_known : float or array, above 0, up to 1
        rho, share of the pattern in the cue; 1: a stored pattern is stable.
    kappa : float or array, above 0
        c / ln N.

    Examples
    --------
    >>> willshaw_alpha([1, .5]).round(4).tolist()
    [0.4587, 0.1454]
    """
    rho, kappa = _known(fraction_known, kappa)
    return given(-np.log1p(-np.exp(-1 / (rho * kappa))))


def amari_alpha(fraction_known: ArrayLike = 1.0, kappa: ArrayLike = 1.0) -> Reals:
    """Critical alpha of counted links (Amari 1989): the root below 1 of ``alpha - ln alpha = 1 + 1 / (rho kappa)``.

    A wrong unit receives Poisson(alpha rho c) counts from the cue; it reaches the threshold rho c with probability
    about ``exp(-rho c (alpha - 1 - ln alpha))``, which N units must not undo. The root is that of Lambert's function,
    ``alpha = -W(-exp(-1 - 1 / (rho kappa)))``. Smaller than `willshaw_alpha`: at this sparsity clipping helps.

    Parameters
    ----------
    fraction_known, kappa : float or array
        As in `willshaw_alpha`.

    Examples
    --------
    >>> round(float(amari_alpha()), 4)
    0.1586
    """
    from scipy.special import lambertw

    rho, kappa = _known(fraction_known, kappa)
    return given(-lambertw(-np.exp(-1 - 1 / (rho * kappa))).real)


def tsodyks_feigelman_patterns(n_units: ArrayLike, activity: ArrayLike) -> Reals:
    """Patterns of the covariance rule for small activity: ``N / (2 f |ln f|)`` (Tsodyks & Feigel'man 1988).

    The constant that goes with 1 / (2 ln 2) bits per synapse (Palm & Sommer 1992).

    Parameters
    ----------
    n_units : int or array, 1 or more
        N.
    activity : float or array, 0 .. 1, ends left out
        f, share of active units.

    Examples
    --------
    >>> round(float(tsodyks_feigelman_patterns(1000, activity=.02)))
    6391
    """
    n, f = together(n_units=whole("n_units", n_units, 1), activity=real("activity", activity, 0.0, 1.0, ends="none"))
    return given(n / (2 * f * -np.log(f)))


def hopfield_patterns(n_units: ArrayLike) -> Reals:
    """Patterns of half active units that Hopfield's network keeps without error, about: ``N / (2 ln N)``.

    McEliece, Posner, Rodemich & Venkatesh 1987: most patterns are fixed points.

    Parameters
    ----------
    n_units : int or array, 2 or more
        N.

    Examples
    --------
    >>> round(float(hopfield_patterns(2048)))
    134
    """
    n = whole("n_units", n_units, 2)
    return given(n / (2 * np.log(n)))


def load_at(curve: Any, level: float, most: int = 2**40) -> int:
    """The smallest number of patterns at which a curve that grows with it reaches a level: where a theory line crosses.

    Parameters
    ----------
    curve : callable, int -> number
        Such as ``lambda m: clique_error(m, 8, 256, 4)``; must not fall.
    level : float
    most : int, 1 .. 2**53
        Loads searched; `most` when the level is not reached before.

    Examples
    --------
    >>> from sdrsim.models.hebbian import theory
    >>> load_at(lambda m: theory.clique_error(m, order=8, cluster_size=256, n_erased=4), .5)
    11198
    """
    goal = float(real("level", level, -np.inf, np.inf, ends="none"))
    low, high = -1, 1
    last = int(whole("most", most, 1))
    while high < last and float(curve(high)) < goal:
        low, high = high, min(2 * high, last)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if float(curve(middle)) < goal else (low, middle)
    return high


def _known(fraction_known: ArrayLike, kappa: ArrayLike) -> list[Reals]:
    return together(
        fraction_known=real("fraction_known", fraction_known, 0.0, 1.0, ends="high"),
        kappa=real("kappa", kappa, 0.0, np.inf, ends="none"),
    )
