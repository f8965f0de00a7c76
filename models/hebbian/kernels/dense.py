"""Winners on dense scores: the best of clusters, the k best, all above a border; ties kept or drawn."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.random import TIE, key
from sdrsim.models.hebbian.kernels.net import DRAWS

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Floats = NDArray[np.float64]


@inlined
def maximum(scores: Floats, first: int, end: int) -> float:
    """The best of scores first .. end - 1, in four strands: one comparison need not wait for the other."""
    m0 = m1 = m2 = m3 = -np.inf
    while first + 4 <= end:
        m0 = scores[first] if scores[first] > m0 else m0
        m1 = scores[first + 1] if scores[first + 1] > m1 else m1
        m2 = scores[first + 2] if scores[first + 2] > m2 else m2
        m3 = scores[first + 3] if scores[first + 3] > m3 else m3
        first += 4
    while first < end:
        m0 = scores[first] if scores[first] > m0 else m0
        first += 1
    m0, m2 = m1 if m1 > m0 else m0, m3 if m3 > m2 else m2
    return m2 if m2 > m0 else m0


@compiled
def best_of_clusters(
    scores: Floats, size: int, least: float, one: bool, seed: np.uint64, item: int, new: Ints, counts: Offsets
) -> int:
    """The best of each cluster above `least`, all ties or `one` of them, drawn; returns how many."""
    n = 0
    for first in range(0, len(scores), size):
        best = maximum(scores, first, first + size)
        if not best > least:
            continue
        begin = n
        for j in range(first, first + size):
            if scores[j] == best:
                new[n] = j
                n += 1
        if one and n > begin + 1:
            counts[DRAWS] += n - begin
            for i in range(begin + 1, n):
                if key(seed, item, new[i], TIE) < key(seed, item, new[begin], TIE):
                    new[begin] = new[i]
            n = begin + 1
    return n


@compiled
def kth_best(scores: Floats, least: float, best: Floats) -> float:
    """The k-th best score, k = len(best); `least` where not so many are above it."""
    k = len(best)
    best[:] = least  # a heap, smallest first
    for j in range(len(scores)):
        value = scores[j]
        if value > best[0]:
            place, child = 0, 1
            while child < k:
                if child + 1 < k and best[child + 1] < best[child]:
                    child += 1
                if not best[child] < value:
                    break
                best[place] = best[child]
                place, child = child, 2 * child + 1
            best[place] = value
    return best[0]


@compiled
def at_or_above(scores: Floats, border: float, least: float, new: Ints) -> int:
    """Units with a score of at least `border` and above `least`."""
    n = 0
    for j in range(len(scores)):
        if scores[j] >= border and scores[j] > least:
            new[n] = j
            n += 1
    return n


@compiled
def draw_among_ties(
    scores: Floats, border: float, k: int, seed: np.uint64, item: int, new: Ints, n: int, counts: Offsets
) -> int:
    """Of `n` winners, those at the border drawn until `k` are left."""
    ties = new[:n][scores[new[:n]] == border]
    keys = np.empty(len(ties), np.uint64)
    for i in range(len(ties)):
        keys[i] = key(seed, item, ties[i], TIE)
    counts[DRAWS] += len(ties)
    n_kept = k - (n - len(ties))
    last = np.sort(keys)[n_kept - 1]
    left, tie = 0, 0
    for i in range(n):
        keep = True
        if scores[new[i]] == border:
            keep = keys[tie] <= last
            tie += 1
        if keep:
            new[left] = new[i]
            left += 1
    return left
