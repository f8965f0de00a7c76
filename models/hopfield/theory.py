"""Laws of sparse Hopfield retrieval: margins, exact retrieval, bounds of the support and of the error.

One step is ``T(x) = X' p`` with patterns X (M, d), ``p = entmax(beta X x, alpha)``; m is the largest norm of a pattern.
All laws here follow from the definition of entmax (each derivation is in the docstring); they hold for every input and
need no randomness. Capacity formulas of the literature are not among them: those are statements about random patterns.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.checks import checked_count, checked_real, is_real
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.maps import checked_alpha

__all__ = [
    "entmax_margin",
    "error_bound",
    "exact_retrieval_radius",
    "exact_retrieval_separation",
    "largest_entropy",
    "least_energy_drop",
    "normmax_margin",
    "root_bounds",
    "separations",
    "storage_radius",
]

Reals = NDArray[np.float64]
"""float64 array; a NumPy float where all arguments were single numbers."""

_BLOCK = 1024  # patterns compared with all others at a time


def _beta(beta: Any) -> float:
    if not is_real(beta) or not 0 < beta < math.inf:
        raise ParameterError("beta", got=repr(beta), expected="a finite number above 0")
    return float(beta)


def _reals(what: str, values: ArrayLike) -> Reals:
    array = np.asarray(values)
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ParameterError(what, got=f"an array of {array.dtype}, or not all finite", expected="finite numbers")
    return array.astype(np.float64)


def _patterns(patterns: ArrayLike) -> Reals:
    x = _reals("patterns", patterns)
    if x.ndim != 2 or len(x) < 2:
        raise ParameterError("patterns", got=f"shape {x.shape}", expected="(M, d), at least 2 patterns")
    return x


# ---- margins ------------------------------------------------------------------------------------------------------


def entmax_margin(alpha: float) -> float:
    """The lead of the largest score over the second from which on it has all the weight: ``1 / (alpha - 1)``.

    ``entmax(z, alpha)`` is a unit vector if and only if the lead is at least this. With all weight on one score,
    ``(a - 1) z - tau = 1`` there, and the others have none exactly when theirs is 0 or less (Blondel, Martins &
    Niculae 2020). The same number is the width of the window below the largest score outside which no score has weight.

    Parameters
    ----------
    alpha : float, 1 or more

    Returns
    -------
    float
        In units of the scores. Infinite at 1: softmax never has a weight of 0. 0 at infinity: any lead, but not a tie.

    Raises
    ------
    ParameterError
        alpha below 1 or NaN.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import entmax_margin
    >>> entmax_margin(1.5), entmax_margin(2), entmax_margin(1)
    (2.0, 1.0, inf)
    """
    a = checked_alpha(alpha)
    return math.inf if a == 1 else 1.0 / (a - 1.0)


def normmax_margin(alpha: float) -> float:
    """As `entmax_margin` for ``normmax``: 1 whatever alpha (Santos, Niculae, McNamee & Martins 2024); 0 at 1.

    The root equation has ``u = 1`` for a single score, and u of the others is 0 or less from a lead of 1 on. At 1 the
    norm is the same for all weights: any lead takes everything, a tie is shared.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import normmax_margin
    >>> normmax_margin(2), normmax_margin(5)
    (1.0, 1.0)
    """
    return 1.0 if checked_alpha(alpha) > 1 else 0.0


def root_bounds(n_scores: int, alpha: float) -> tuple[float, float]:
    """Bounds of the root tau of entmax less the largest scaled score: ``-1 <= tau - (a - 1) max z <= -n**(1 - a)``.

    The lower one is reached by a single weight, the upper one by n equal scores: each weight ``u**(1 / (a - 1))`` is at
    most that of the largest score, so that this one is at least 1 / n; and it is at most 1.

    Parameters
    ----------
    n_scores : int, 1 or more
    alpha : float, above 1, finite

    Returns
    -------
    (float, float)

    Raises
    ------
    ParameterError
        n_scores or alpha out of range.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import root_bounds
    >>> root_bounds(100, 1.5)
    (-1.0, -0.1)
    """
    n, a = checked_count("n_scores", n_scores, 1, 2**62), checked_alpha(alpha)
    if a == 1 or math.isinf(a):
        raise ParameterError("alpha", got=f"{a:g}", expected="above 1, finite")
    return -1.0, -(float(n) ** (1.0 - a))


def largest_entropy(n: int, alpha: float) -> float:
    """Tsallis entropy of n equal weights, the largest there is: ``(1 - n**(1 - a)) / (a (a - 1))``; ``log n`` at 1.

    Also the conjugate of n equal scores of 0, which is in the constant of the energy.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import largest_entropy
    >>> largest_entropy(4, 2), round(largest_entropy(4, 1), 4)
    (0.375, 1.3863)
    """
    a, log_n = checked_alpha(alpha), math.log(checked_count("n", n, 1, 2**62))
    if math.isinf(a):
        return 0.0
    return log_n if a == 1 else -math.expm1(-(a - 1.0) * log_n) / (a * (a - 1.0))


# ---- patterns -----------------------------------------------------------------------------------------------------


def separations(patterns: ArrayLike) -> Reals:
    """How much more each pattern overlaps with itself than with any other: ``<x, x> - max <x, y>``, y the others.

    Parameters
    ----------
    patterns : real, (M, d), M at least 2

    Returns
    -------
    float64, (M,)
        Below 0 where another pattern scores higher. A pattern is a fixed point, with all weight on itself, if and only
        if this is at least ``entmax_margin(alpha) / beta``.

    Raises
    ------
    ParameterError
        Patterns that are not finite, or fewer than two.

    Notes
    -----
    The separation of Ramsauer et al. 2020. Takes ``M**2 d`` multiplications.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import separations
    >>> separations([[2.0, 0.0], [1.0, 1.0]])
    array([2., 0.])
    """
    x = _patterns(patterns)
    own, best = np.einsum("ij,ij->i", x, x), np.empty(len(x))
    for start in range(0, len(x), _BLOCK):
        scores = x[start : start + _BLOCK] @ x.T
        rows = np.arange(len(scores))
        scores[rows, start + rows] = -np.inf
        best[start : start + len(rows)] = scores.max(1)
    return np.asarray(own - best)


def storage_radius(patterns: ArrayLike) -> float:
    """Half the smallest distance between two patterns: balls of this radius around them do not overlap.

    A pattern counts as stored when all states in its ball go to one fixed point in it (Ramsauer et al. 2020): a
    definition, not a promise.

    Parameters
    ----------
    patterns : real, (M, d), M at least 2

    Returns
    -------
    float
        0 where two patterns are equal.

    Raises
    ------
    ParameterError
        As for `separations`.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import storage_radius
    >>> storage_radius([[0.0, 0.0], [3.0, 4.0], [9.0, 9.0]])
    2.5
    """
    x = _patterns(patterns)
    x = x - x.mean(0)  # the same distances from smaller numbers
    squares, least = np.einsum("ij,ij->i", x, x), math.inf
    for start in range(0, len(x), _BLOCK):
        part = slice(start, start + _BLOCK)
        gaps = squares[part, None] + squares[None, :] - 2.0 * (x[part] @ x.T)
        rows = np.arange(len(gaps))
        gaps[rows, start + rows] = np.inf
        nearest = gaps.argmin(1)  # of each pattern; its distance anew, without the difference of large numbers
        least = min(least, float(np.linalg.norm(x[part] - x[nearest], axis=1).min()))
    return least / 2.0


# ---- retrieval ----------------------------------------------------------------------------------------------------


def exact_retrieval_separation(beta: float, alpha: float, largest_norm: float = 0.0, distance: float = 0.0) -> float:
    """Separation from which on one step returns a pattern exactly, from any state at most `distance` from it:
    ``1 / (beta (alpha - 1)) + 2 m distance``.

    The scores of the pattern and of another change by at most ``m distance`` each (Cauchy-Schwarz), and the lead that
    is left is the margin (derived here). At a distance of 0 the condition is also necessary: the pattern is a fixed
    point with all weight on itself if and only if its separation is at least this.

    Parameters
    ----------
    beta : float, above 0
    alpha : float, 1 or more
    largest_norm : float, 0 or more
        m.
    distance : float, 0 or more

    Returns
    -------
    float
        To be compared with `separations`; infinite at alpha = 1.

    Raises
    ------
    ParameterError
        Numbers out of range.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import exact_retrieval_separation
    >>> exact_retrieval_separation(beta=0.5, alpha=1.5), exact_retrieval_separation(0.5, 2, 3.0, distance=0.1)
    (4.0, 2.6)
    """
    m, eps = checked_real("largest_norm", largest_norm, 0.0), checked_real("distance", distance, 0.0)
    return entmax_margin(alpha) / _beta(beta) + 2.0 * m * eps


def exact_retrieval_radius(separation: ArrayLike, beta: float, alpha: float, largest_norm: float) -> Reals:
    """Distance from a pattern within which one step returns it exactly, from its separation.

    The inverse of `exact_retrieval_separation`: ``(separation - 1 / (beta (alpha - 1))) / (2 m)``.

    Parameters
    ----------
    separation : real, any shape
        Of `separations`.
    beta, alpha, largest_norm
        As there; largest_norm above 0.

    Returns
    -------
    float64, of the shape of `separation`
        NaN where the pattern is no fixed point with all weight on itself.

    Raises
    ------
    ParameterError
        Numbers out of range.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import exact_retrieval_radius
    >>> exact_retrieval_radius([5.0, 3.0], beta=0.5, alpha=1.5, largest_norm=2.0)
    array([0.25,  nan])
    """
    m = checked_real("largest_norm", largest_norm, np.finfo(float).tiny)
    spare = _reals("separation", separation) - entmax_margin(alpha) / _beta(beta)
    return np.asarray(np.where(spare >= 0, np.maximum(spare, 0.0) / (2.0 * m), np.nan))[()]


def error_bound(lead: ArrayLike, n_patterns: int, beta: float, largest_norm: float) -> Reals:
    """Upper bound of ``norm(T(x) - pattern)`` for every alpha: ``2 m (M - 1) exp(-beta lead)``.

    A weight is at most ``[1 - (a - 1) g]_+ ** (1 / (a - 1)) <= exp(-g)`` where its score is g below that of the
    pattern; where one is above, the bound exceeds 2 m, which no error does.

    Parameters
    ----------
    lead : real, any shape
        ``<pattern, x> - max <other, x>``: of overlaps with the state, not yet times beta.
    n_patterns : int, 2 or more
        M.
    beta : float, above 0
    largest_norm : float, 0 or more
        m.

    Returns
    -------
    float64, of the shape of `lead`

    Raises
    ------
    ParameterError
        Numbers out of range.

    Notes
    -----
    For softmax: Ramsauer et al. 2020. That it holds for every alpha of 1 or more is derived here.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import error_bound
    >>> error_bound([0.0, 20.0], n_patterns=11, beta=1.0, largest_norm=1.0).round(10)
    array([2.00e+01, 4.12e-08])
    """
    n, m = checked_count("n_patterns", n_patterns, 2, 2**62), checked_real("largest_norm", largest_norm, 0.0)
    with np.errstate(over="ignore"):
        return np.asarray(2.0 * m * (n - 1) * np.exp(-_beta(beta) * _reals("lead", lead)))[()]


def least_energy_drop(states: ArrayLike, next_states: ArrayLike) -> Reals:
    """Least fall of the energy in one step: ``norm(next - state)**2 / 2``, per state.

    The energy ``-conjugate(beta X x) / beta + <x, x> / 2`` is a convex function taken from a quadratic of curvature 1;
    a step goes to the minimum of that quadratic less the tangent of the convex one, which lies above the energy. So
    energies never rise, and steps go to 0 (concave-convex procedure: Yuille & Rangarajan 2003; the drop derived here).

    Parameters
    ----------
    states, next_states : real, (d,) or (n, d)

    Returns
    -------
    float64, (n,), or a number for one state

    Raises
    ------
    ParameterError
        States that are not finite, or shapes that differ.

    Examples
    --------
    >>> from sdrsim.models.hopfield.theory import least_energy_drop
    >>> print(least_energy_drop([1.0, 0.0], [0.0, 2.0]))
    2.5
    """
    x, y = _reals("states", states), _reals("next_states", next_states)
    if x.shape != y.shape or x.ndim not in (1, 2):
        raise ParameterError("next_states", got=f"shape {y.shape}", expected=f"that of states, {x.shape}")
    return np.asarray(0.5 * ((y - x) ** 2).sum(-1))[()]
