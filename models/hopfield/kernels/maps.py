"""Sparse maps of whole rows of scores: entmax and normmax of every row of a matrix.

Each row is read three times: its maximum, the scores that can have weight (a list the root is found from), the weights.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.powers import (
    Reals,
    extremes,
    keep_above,
    near_sums,
    near_weights,
    weights,
)
from sdrsim.models.hopfield.kernels.roots import low_root, root

_MOST = 100


@compiled
def map_rows(scores: NDArray[Any], scale: float, r: float, w: float, out: NDArray[Any]) -> int:
    """Weights of every row into `out`; the first row that is not finite, or -1.

    `scale` makes the window below a row's maximum 1 wide; r is the power of the root, w that of the weights.
    """
    n_rows, m = scores.shape
    kept = np.empty(m + 8)
    for row in range(n_rows):
        top, finite = extremes(scores[row], m)
        if not finite:
            return row
        n = keep_above(scores[row], m, top, scale, -1.0, kept)
        if r < 1.0:
            _, least, tied = low_root(kept, n, top, scale, r)
            t = -(tied ** (1.0 / r))
            total = weights(kept, n, least, scale, t, w, tied, 1.0, kept)
            weights(scores[row], m, least, scale, t, w, tied, total, out[row])
        else:
            t, n = root(kept, n, top, scale, r)
            total = weights(kept, n, top, scale, t, w, 0.0, 1.0, kept)
            weights(scores[row], m, top, scale, t, w, 0.0, total, out[row])
    return -1


@compiled
def near_rows(scores: NDArray[Any], scale: float, out: NDArray[Any]) -> int:
    """As `map_rows` for entmax of a small scale, alpha - 1, down to 0, softmax.

    ``p = (1 + scale (z - top - c)) ** (1 / scale)`` goes to ``exp(z - top - c)`` as the scale goes to 0, and Newton's
    step of the p-norm to ``c += log(sum p)``.
    """
    n_rows, m = scores.shape
    kept = np.empty(m + 8)
    for row in range(n_rows):
        top, finite = extremes(scores[row], m)
        if not finite:
            return row
        c, n = 0.0, m
        if scale > 0.0:
            n = keep_above(scores[row], m, top, scale, -1.0, kept)
            c = _near_root(kept, n, top, scale)
            total = near_weights(kept, n, top, scale, c, 1.0, kept)
        else:
            total = near_weights(scores[row], m, top, scale, c, 1.0, kept)
        if n == m:
            for i in range(m):
                out[row, i] = kept[i] / total
        else:
            near_weights(scores[row], m, top, scale, c, total, out[row])
    return -1


@compiled
def _near_root(kept: Reals, n: int, top: float, scale: float) -> float:
    c = 0.0
    for _ in range(_MOST):
        whole, slope = near_sums(kept, n, top, scale, c)
        step = -whole * np.expm1(-scale * np.log(whole)) / (scale * slope)
        c += step
        if step <= 1e-8:
            break
    return c


@compiled
def nearest_rows(scores: NDArray[Any], out: NDArray[Any]) -> int:
    """1 shared by the maxima of every row into `out`; the first row that is not finite, or -1."""
    n_rows, m = scores.shape
    kept = np.empty(m + 8)
    for row in range(n_rows):
        top, finite = extremes(scores[row], m)
        if not finite:
            return row
        n = m - keep_above(scores[row], m, top, -1.0, 0.0, kept)
        share = 1.0 / n
        for i in range(m):
            out[row, i] = share if scores[row, i] == top else 0.0
    return -1
