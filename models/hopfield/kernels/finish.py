"""From a list of scores to weights: the root from the list, the support in the order of the patterns."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.roots import share
from sdrsim.models.hopfield.kernels.scan import LEVEL, NEAREST, ROOT, Asked, Lists, thin_list

Reals = NDArray[np.float64]


@compiled
def weigh_lists(asked: Asked, weight_power: float, nulls: Reals, lists: Lists, out: Reals) -> None:
    """Weights of each query's list into ``out[q, :counts[q]]``, what has none taken off the list; each sums to 1.

    ROOT: powers of the distance to the root. NEAREST, LEVEL: equal shares. BEST, ALL: softmax; where there are `nulls`
    (n,), over one more score of each query, that has no pattern (the weights then sum to less than 1).
    """
    for q in range(len(out)):
        if lists.counts[q] == 0:
            continue
        thin_list(asked, lists, q)
        values, n, top = lists.values[q], lists.counts[q], np.float64(lists.tops[q])
        weights = out[q]
        if asked.mode == ROOT:
            share(values, n, top, asked.power, weight_power, weights)
        elif asked.mode == NEAREST:
            for i in range(n):
                weights[i] = 1.0 if values[i] >= top else 0.0
            _share(weights, n, 0.0)
        elif asked.mode == LEVEL:
            weights[:n] = 1.0
            _share(weights, n, 0.0)
        else:
            null = nulls[q] if len(nulls) else -np.inf
            peak = max(top, null)
            for i in range(n):
                weights[i] = np.exp(asked.heat * (np.float64(values[i]) - peak))
            _share(weights, n, np.exp(asked.heat * (null - peak)))


@compiled
def _share(weights: NDArray[np.float64], n: int, rest: float) -> None:
    total = rest
    for i in range(n):
        total += weights[i]
    for i in range(n):
        weights[i] /= total


@compiled
def drop_weightless(lists: Lists, weights: NDArray[np.float64]) -> None:
    """Keep only what has weight, in order."""
    for q in range(len(weights)):
        kept = 0
        for i in range(lists.counts[q]):
            if weights[q, i] > 0:
                weights[q, kept] = weights[q, i]
                lists.places[q, kept], lists.values[q, kept] = lists.places[q, i], lists.values[q, i]
                kept += 1
        lists.counts[q] = kept


@compiled
def second_best(lists: Lists, q: int) -> float:
    """The second largest score of a list."""
    best = second = -np.inf
    for i in range(lists.counts[q]):
        v = np.float64(lists.values[q, i])
        if v > best:
            best, second = v, best
        elif v > second:
            second = v
    return second


@compiled
def flat_lists(
    lists: Lists, weights: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float64]]:
    """(indptr, places, weights) of all lists, end to end."""
    n = len(lists.counts)
    indptr = np.zeros(n + 1, np.int64)
    for q in range(n):
        indptr[q + 1] = indptr[q] + lists.counts[q]
    places, shares = np.empty(indptr[n], np.int32), np.empty(indptr[n])
    for q in range(n):
        places[indptr[q] : indptr[q + 1]] = lists.places[q, : lists.counts[q]]
        shares[indptr[q] : indptr[q + 1]] = weights[q, : lists.counts[q]]
    return indptr, places, shares


__all__ = ["drop_weightless", "flat_lists", "second_best", "weigh_lists"]
