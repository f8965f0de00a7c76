"""Selection on dense scores: the portable path, all rules, in NumPy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.kernels.random import TIE, key

__all__ = ["SELECTIONS", "activity_scores", "norm_scores", "select_scores", "usage_scores"]

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

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
_GRID = 2.0**32  # equal sums of fractions differ in their last bits; on a grid they are equal again


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
    """Winners (n, n_units) of scores (n, n_units); a score of 0 or less wins under a threshold alone."""
    n, n_units = scores.shape
    if callable(how):
        return np.array([_own(how, s, a) for s, a in zip(scores, active)], np.bool_).reshape(n, n_units)
    if how == "threshold":
        return np.asarray(scores >= threshold)
    positive = scores > 0
    if how in ("wta", "wsta", "lko"):
        assert n_clusters is not None and cluster_size is not None
        shape = (n * n_clusters, cluster_size)
        won = _global(scores.reshape(shape), positive.reshape(shape), {"wta": "gwta", "wsta": "gwsta"}.get(how, how), k)
        return won.reshape(n, n_units)
    if how == "kwta":
        rows = [_exactly(s, p, k or 0, seed, first_item + i) for i, (s, p) in enumerate(zip(scores, positive))]
        return np.array(rows, np.bool_).reshape(n, n_units)
    return _global(scores, positive, how, k)


def _global(scores: NDArray[Any], positive: Bools, how: str, k: int | None) -> Bools:
    low = np.where(positive, scores, -np.inf)
    if how == "gwta":
        return np.asarray(positive & (low == low.max(axis=1, keepdims=True)))
    if how == "gwsta":
        place = low.shape[1] - min(k or 1, low.shape[1])
        border = np.partition(low, place, axis=1)[:, place][:, None]
        return np.asarray(positive & (low >= border))
    if how == "gkwta":
        borders = [np.unique(row[p])[-(k or 1) :] for row, p in zip(scores, positive)]
        border = np.array([b[0] if len(b) else np.inf for b in borders])
        return np.asarray(positive & (scores >= border[:, None]))
    high = np.where(positive, scores, np.inf)
    least = high.min(axis=1, keepdims=True)
    alike = least == low.max(axis=1, keepdims=True)
    return np.asarray(positive & ((scores > least) | alike))


def _exactly(scores: NDArray[Any], positive: Bools, k: int, seed: int, item: int) -> Bools:
    units = np.flatnonzero(positive)
    if len(units) <= k:
        return positive
    ranks = np.array([int(key(np.uint64(seed), item, int(u), TIE)) for u in units], np.uint64)
    order = units[np.lexsort((ranks, -scores[units]))]
    won = np.zeros(len(scores), np.bool_)
    won[order[:k]] = True
    return won


def _own(how: Callable[..., Any], scores: NDArray[Any], active: Bools) -> Bools:
    mask = np.asarray(how(scores.copy(), active.copy()))
    if mask.shape != scores.shape or mask.dtype != np.bool_:
        got = f"{mask.dtype} of shape {mask.shape}"
        raise ParameterError("select: your own function", got=got, expected=f"a bool mask of shape {scores.shape}")
    return mask


def norm_scores(links: NDArray[Any], held: NDArray[Any]) -> Floats:
    """Links (n, n_clusters, n_units) over the active units (n, n_clusters) of each cluster, summed over clusters."""
    shares = (links / np.maximum(held, 1)[:, :, None]).sum(axis=1)
    return np.asarray(np.rint(shares * _GRID) / _GRID)


def activity_scores(s: Floats, a: Floats) -> Floats:
    """Score over active physical inputs, s / a; 0 where there is none (Buckingham & Willshaw 1993)."""
    return np.asarray(np.divide(s, a, out=np.zeros(np.shape(s)), where=a > 0))


def usage_scores(s: Floats, a: Floats, usage: NDArray[Any], share: float, rho: float) -> Floats:
    """Log-likelihood ratio of genuine against spurious, raised to be above 0 (0: impossible).

    ``s ln[(rho + (1 - rho) p) / p] + (a - s) ln[(1 - rho) / (1 - p)]`` with ``p = 1 - (1 - f)**R``.
    """
    p = np.clip(-np.expm1(usage * np.log1p(-min(share, 1 - 1e-12))), 1e-12, 1 - 1e-12)
    hit = np.log((rho + (1 - rho) * p) / p)
    with np.errstate(divide="ignore", invalid="ignore"):
        miss = np.log((1 - rho) / (1 - p))
        llr = s * hit + np.where(a > s, (a - s) * miss, 0.0)
    llr = np.where((a > 0) & np.isfinite(llr), llr, -np.inf)
    finite = np.where(np.isfinite(llr), llr, np.inf).min(axis=-1, keepdims=True)
    return np.asarray(np.where(np.isfinite(llr), llr - np.where(np.isfinite(finite), finite, 0) + 1.0, 0.0))
