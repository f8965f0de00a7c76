"""Class read-outs on sparse codes: counts, sums of weights over the active units, the softmax delta rule."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled


@compiled
def count_classes(
    indptr: NDArray[np.int64], units: NDArray[np.int32], labels: NDArray[np.int64], counts: NDArray[np.int64]
) -> None:
    """counts[unit, class] += 1 for every active unit of every item."""
    for i in range(len(labels)):
        for e in range(indptr[i], indptr[i + 1]):
            counts[units[e], labels[i]] += 1


@compiled
def class_scores(
    indptr: NDArray[np.int64],
    units: NDArray[np.int32],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    scores: NDArray[np.float32],
) -> None:
    """scores[i] = bias + sum of the weight rows of item i's active units, float32 in rising unit order."""
    n_classes = weights.shape[1]
    for i in range(len(indptr) - 1):
        row = scores[i]
        row[:] = bias
        for e in range(indptr[i], indptr[i + 1]):
            add_row(row, weights[units[e]], n_classes)


@compiled
def add_row(total: NDArray[np.float32], row: NDArray[np.float32], n: int) -> None:
    """total += row."""
    for c in range(n):
        total[c] += row[c]


@compiled
def delta_rule(
    indptr: NDArray[np.int64],
    units: NDArray[np.int32],
    labels: NDArray[np.int64],
    order: NDArray[np.int64],
    weights: NDArray[np.float32],
    bias: NDArray[np.float32],
    rate: float,
    n_classes: int,
) -> None:
    """One pass of softmax regression by the delta rule: w[i, c] += rate * ([c = y] - p_c) for every active unit i.

    Columns of `weights` beyond `n_classes` are padding and stay zero.
    """
    step = np.zeros(weights.shape[1], np.float32)
    score = np.empty(weights.shape[1], np.float32)
    for i in order:
        score[:] = bias
        for e in range(indptr[i], indptr[i + 1]):
            add_row(score, weights[units[e]], len(score))
        top = score[:n_classes].max()
        total = 0.0
        for c in range(n_classes):
            total += np.exp(np.float64(score[c] - top))
        for c in range(n_classes):
            p = np.exp(np.float64(score[c] - top)) / total
            step[c] = np.float32(rate * ((1.0 if c == labels[i] else 0.0) - p))
        for e in range(indptr[i], indptr[i + 1]):
            add_row(weights[units[e]], step, len(step))
        add_row(bias, step, len(step))
