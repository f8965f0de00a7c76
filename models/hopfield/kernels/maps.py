"""Sparse maps of whole rows of scores: entmax and normmax of every row of a matrix."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.roots import solve, weigh


@compiled
def map_rows(scores: NDArray[Any], scale: float, r: float, w: float, out: NDArray[Any]) -> int:
    """Weights of every row into `out`; the first row that is not finite, or -1.

    `scale` makes the window below a row's maximum 1 wide; r is the power of the root, w that of the weights.
    """
    n_rows, m = scores.shape
    listed, places, weights = np.empty(m), np.empty(m, np.int64), np.empty(m)
    for row in range(n_rows):
        top = scores[row, 0]
        for i in range(m):
            if not np.isfinite(scores[row, i]):
                return row
            top = max(top, scores[row, i])
        n = 0
        for i in range(m):
            out[row, i] = 0.0
            z = scale * (np.float64(scores[row, i]) - top)
            listed[n], places[n] = z, i
            n += z > -1.0
        tau = solve(listed, n, 0.0, r)
        weigh(listed, n, 0.0, tau, w, weights)
        for k in range(n):
            out[row, places[k]] = weights[k]
    return -1


@compiled
def soft_rows(scores: NDArray[Any], out: NDArray[Any]) -> int:
    """Softmax of every row into `out`; the first row that is not finite, or -1."""
    n_rows, m = scores.shape
    weights = np.empty(m)
    for row in range(n_rows):
        top = scores[row, 0]
        for i in range(m):
            if not np.isfinite(scores[row, i]):
                return row
            top = max(top, scores[row, i])
        total = 0.0
        for i in range(m):
            weights[i] = np.exp(np.float64(scores[row, i]) - top)
            total += weights[i]
        for i in range(m):
            out[row, i] = weights[i] / total
    return -1


@compiled
def nearest_rows(scores: NDArray[Any], out: NDArray[Any]) -> int:
    """1 shared by the maxima of every row into `out`; the first row that is not finite, or -1."""
    n_rows, m = scores.shape
    for row in range(n_rows):
        top, n_tied = scores[row, 0], 0
        for i in range(m):
            if not np.isfinite(scores[row, i]):
                return row
            if scores[row, i] > top:
                top, n_tied = scores[row, i], 0
            n_tied += scores[row, i] == top
        for i in range(m):
            out[row, i] = 1.0 / n_tied if scores[row, i] == top else 0.0
    return -1
