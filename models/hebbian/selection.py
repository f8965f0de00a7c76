"""Selection on dense scores: who wins a volley, all rules, in NumPy; and the scores that only this path knows."""

from collections.abc import Callable, Mapping
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_name
from sdrsim.errors import ParameterError
from sdrsim.kernels.bits import pack_rows, unpack_rows
from sdrsim.kernels.winners import draw_units

__all__ = ["NEED_CLUSTERS", "NEED_K", "SELECTIONS", "activity_scores", "norm_scores", "select_scores", "usage_scores"]

SELECTIONS: Mapping[str, str] = {
    "wta": "the best of each cluster",
    "gwta": "the best of all",
    "kwta": "exactly k, ties at the border drawn",
    "gkwta": "the k best distinct scores",
    "wsta": "in each cluster all that reach its k-th best",
    "gwsta": "all that reach the k-th best",
    "lko": "in each cluster all but the worst, unless all are equal",
    "glko": "all but the worst, unless all are equal",
    "threshold": "all that reach the threshold",
}
"""Names of the rules, and whom they keep. Ties are kept, except by kwta; a score of 0 wins under a threshold alone."""
NEED_CLUSTERS = ("wta", "wsta", "lko")
NEED_K = ("kwta", "gkwta", "wsta", "gwsta")

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_GLOBAL = {"wta": "gwta", "wsta": "gwsta", "lko": "glko"}
_GRID = 32  # bits behind the point of a sum of fractions
_LEAST_P = 1e-12  # a chance is kept this far from 0 and 1, so that its logarithm is a number


def select_scores(
    scores: NDArray[Any],
    active: Bools,
    how: str | Callable[..., Any],
    *,
    k: int | None = None,
    threshold: float | None = None,
    n_clusters: int | None = None,
    cluster_size: int | None = None,
    seed: int = 0,
    first_item: int = 0,
) -> Bools:
    """Winners of a batch of scores.

    Parameters
    ----------
    scores : numbers (n, n_units)
        A score of 0 or less wins under a threshold alone.
    active : bool (n, n_units)
        What was active before; only functions of one's own look at it.
    how : str or callable
        One of `SELECTIONS`, or ``f(scores, active) -> bool mask``, called item by item with copies (n_units,).
    k : int, 1 or more
        For 'kwta', 'gkwta', 'wsta', 'gwsta'; may exceed the number of units.
    threshold : float
        For 'threshold'.
    n_clusters, cluster_size : int
        For 'wta', 'wsta', 'lko'; unit = cluster * cluster_size + place.
    seed, first_item : int
        Of two units tied at the border of 'kwta' the one with the smaller key (seed, item, unit) wins.

    Returns
    -------
    bool (n, n_units)

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown rule, or one without what it needs; a function whose answer is no bool mask.

    Examples
    --------
    >>> scores, nobody = np.array([[3, 0, 2, 3, 2, 1]]), np.zeros((1, 6), bool)
    >>> [np.flatnonzero(select_scores(scores, nobody, how, k=3)).tolist() for how in ("gwta", "gwsta", "gkwta", "glko")]
    [[0, 3], [0, 2, 3, 4], [0, 2, 3, 4, 5], [0, 2, 3, 4]]
    """
    n, n_units = scores.shape
    if callable(how):
        return np.array([_own(how, s, a) for s, a in zip(scores, active)], np.bool_).reshape(n, n_units)
    checked_name("select", how, SELECTIONS, "a function f(scores, active) -> bool mask")
    if how == "threshold":
        if threshold is None:
            raise ParameterError("threshold", got="None", expected="a number, as select='threshold' needs")
        return np.asarray(scores >= threshold)
    if how in NEED_K and (k is None or k < 1):
        raise ParameterError("k", got=repr(k), expected=f"a whole number, 1 or more, as select={how!r} needs")
    low = np.where(scores > 0, scores, -np.inf)
    if how == "kwta":
        rows = [_exactly(row, k or 1, seed, first_item + i) for i, row in enumerate(low)]
        return np.array(rows, np.bool_).reshape(n, n_units)
    if how in NEED_CLUSTERS:
        if n_clusters is None or cluster_size is None:
            raise ParameterError("select", got=repr(how), expected="a rule without clusters", do="give their number")
        return _winners(low.reshape(n * n_clusters, cluster_size), _GLOBAL[how], k or 1).reshape(n, n_units)
    return _winners(low, how, k or 1)


def _winners(low: Floats, how: str, k: int) -> Bools:
    """By a rule for all units, row by row; -inf where a unit cannot win."""
    some = low > -np.inf
    if how == "gwta":
        border = low.max(axis=1, keepdims=True)
    elif how == "gwsta":
        border = _kth_best(low, k)[:, None]
    elif how == "gkwta":
        border = np.array([np.unique(row)[-k:].min() for row in low]).reshape(-1, 1)
    else:
        least = np.where(some, low, np.inf).min(axis=1, keepdims=True)
        return np.asarray(some & ((low > least) | (least == low.max(axis=1, keepdims=True))))
    return np.asarray(some & (low >= border))


def _kth_best(low: Floats, k: int) -> Floats:
    place = low.shape[-1] - min(k, low.shape[-1])
    return np.asarray(np.partition(low, place, axis=-1)[..., place])


def _exactly(low: Floats, k: int, seed: int, item: int) -> Bools:
    some = low > -np.inf
    if np.count_nonzero(some) <= k:
        return np.asarray(some)
    border = _kth_best(low, k)
    above = pack_rows((low > border)[None])[0]
    draw_units(pack_rows((low == border)[None])[0], k - int((low > border).sum()), np.uint64(seed), item, above)
    return np.asarray(unpack_rows(above, len(low)))


def _own(how: Callable[..., Any], scores: NDArray[Any], active: Bools) -> Bools:
    mask = np.asarray(how(scores.copy(), active.copy()))
    if mask.shape != scores.shape or mask.dtype != np.bool_:
        got = f"{mask.dtype} of shape {mask.shape}"
        raise ParameterError("select: your own function", got=got, expected=f"a bool mask of shape {scores.shape}")
    return mask


# ---- scores -------------------------------------------------------------------------------------------------------


def norm_scores(links: NDArray[Any], held: NDArray[Any]) -> Floats:
    """Sum over clusters of the links from a cluster over its active units: sum of sum, normalised.

    Parameters
    ----------
    links : int (n, n_clusters, n_units)
        Active units of each cluster that are linked to a unit.
    held : int (n, n_clusters)
        Active units of each cluster; one without any adds nothing.

    Returns
    -------
    float64 (n, n_units), whole multiples of 2**-32
        Rounded sums of thirds and halves that are equal would differ in their last bits, by the order of their terms,
        and ties would be lost. So numerators are added over a common denominator, as whole numbers, and only the
        sum is cut to the grid: equal sums are equal, and stay so when a whole number is added. Different ones stay
        different while the common denominator is below 2**32.
    """
    out = np.empty((links.shape[0], links.shape[2]))
    for i, (counts, n_active) in enumerate(zip(links, np.maximum(held, 1).astype(np.int64))):
        below = lcm(*np.unique(n_active).tolist())
        fits = below * len(n_active) < 2**31
        whole: Any = np.int64 if fits else object  # Python's whole numbers have no end
        over = (below // n_active.astype(whole))[:, None]
        above = (counts.astype(whole) * over).sum(axis=0)
        out[i] = ((above << _GRID) // below if fits else above * 2**_GRID // below).astype(np.float64)
    return out / 2.0**_GRID


def activity_scores(s: Floats, a: Floats) -> Floats:
    """Links over active physical inputs, s / a; 0 where there is none (Buckingham & Willshaw 1993)."""
    return np.asarray(np.divide(s, a, out=np.zeros(np.shape(s)), where=a > 0))


def usage_scores(s: Floats, a: Floats, usage: NDArray[Any], share: float, rho: float, own: Any = 0.0) -> Floats:
    """How much likelier a unit is genuine than spurious, from its links and how often it was used.

    The logarithm of the ratio of Binomial(a, rho + (1 - rho) p) to Binomial(a, p) at s,
    ``s ln[(rho + (1 - rho) p) / p] + (a - s) ln(1 - rho)`` with ``p = 1 - (1 - f)**R`` (after Buckingham & Willshaw
    1993; Graham & Willshaw 1995). Raised by one number an item, so that ranks stay and all that can win are above 0.

    Parameters
    ----------
    s, a : float64 (n, n_units)
        Links from active units, and active physical inputs.
    usage : int (n_units,)
        R, stored items that use a unit.
    share : float
        f, mean share of active units in an item.
    rho : float, 0 .. 1
        Share of the cue that is genuine. 1: a unit that misses any link is out.
    own : float64 (n, n_units)
        Support of a unit for itself: so many links to a unit of mean usage. (Counted among its own links it would speak
        loudest for units that no item uses.)

    Returns
    -------
    float64 (n, n_units), 1 or more; 0 for units without any support and for those that are out
    """
    used = np.append(usage, np.mean(usage))
    p = np.clip(-np.expm1(used * np.log1p(-min(share, 1 - _LEAST_P))), _LEAST_P, 1 - _LEAST_P)
    hit = np.log1p(rho * (1 - p) / p)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = s * hit[:-1] + own * hit[-1] + np.where(a > s, (a - s) * np.log1p(-rho), 0.0)
    can = (s + own > 0) & (ratio > -np.inf)
    least = np.where(can, ratio, np.inf).min(axis=-1, keepdims=True)
    return np.asarray(np.where(can, ratio - np.where(can.any(axis=-1, keepdims=True), least, 0.0) + 1.0, 0.0))
