"""Draws for whole batches of sparse codes: compiled loops in which item i depends on (seed, i) alone.

Only + - * / and integer mixing are used, so the same seed gives the same codes on every machine.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import below, key, mix, sample_sorted, unit

SHORT = 24  # up to this many units a sorted list beats marks and a sort
MARKS = 1 << 26  # above this population marks would cost more memory than they save time
_BLOCK_MEAN = 10.0  # binomial counts are summed over blocks of this mean: (1 - p)^m stays far from underflow


@compiled
def marks_for(population: int, n: int) -> NDArray[np.bool_]:
    """Scratch for `choose`: all False; empty where the sorted list is to be used."""
    return np.zeros(population if n > SHORT and population <= MARKS else 0, np.bool_)


@compiled
def choose(seed: np.uint64, item: int, population: int, out: NDArray[np.int32], marks: NDArray[np.bool_]) -> None:
    """The subset of `sample_sorted`, for long lists found through marks: O(k log k) instead of O(k^2)."""
    n = len(out)
    if len(marks) < population or n <= SHORT:
        sample_sorted(seed, item, population, out)
        return
    for place in range(n):
        last = population - n + place
        candidate = below(key(seed, item, last, 0), last + 1)
        if marks[candidate]:
            candidate = last
        marks[candidate] = True
        out[place] = candidate
    for place in range(n):
        marks[out[place]] = False
    out.sort()


@compiled
def sparse_codes(seed: np.uint64, first: int, population: int, out: NDArray[np.int32]) -> None:
    """out (n, k): k of `population` units per item, rising, uniform over all subsets."""
    marks = marks_for(population, out.shape[1])
    for i in range(len(out)):
        choose(seed, first + i, population, out[i], marks)


@compiled
def digits(seed: np.uint64, first: int, bounds: NDArray[np.int64], out: NDArray[np.int32]) -> None:
    """out (n, c): column c uniform over 0 .. bounds[c] - 1."""
    for i in range(len(out)):
        for c in range(len(bounds)):
            out[i, c] = below(key(seed, first + i, c, 0), bounds[c])


@compiled
def silent_units(active: NDArray[np.int32], ranks: NDArray[np.int32]) -> None:
    """Turn rising ranks among the silent units into unit numbers, in place."""
    n_passed = 0
    for i in range(len(ranks)):
        while n_passed < len(active) and active[n_passed] <= ranks[i] + n_passed:
            n_passed += 1
        ranks[i] += n_passed


@compiled
def merge(a: NDArray[np.int32], b: NDArray[np.int32], out: NDArray[np.int32]) -> None:
    """Two rising lists without a common unit, as one."""
    i, j = 0, 0
    for place in range(len(out)):
        if j == len(b) or (i < len(a) and a[i] < b[j]):
            out[place] = a[i]
            i += 1
        else:
            out[place] = b[j]
            j += 1


@compiled
def keep_units(seed: np.uint64, item: int, active: NDArray[np.int32], out: NDArray[np.int32]) -> None:
    """The ``len(out)`` units of `active` with the largest keys (seed, item, unit): uniform, nested in its size."""
    n_gone = len(active) - len(out)
    if n_gone == 0:
        out[:] = active
        return
    base = mix(mix(np.uint64(seed)) ^ np.uint64(item))
    keys = np.empty(len(active), np.uint64)
    for a in range(len(active)):
        keys[a] = mix(mix(base ^ np.uint64(active[a])))
    limit = np.sort(keys)[n_gone - 1]
    place = 0
    for a in range(len(active)):
        if keys[a] <= limit and n_gone > 0:
            n_gone -= 1
        else:
            out[place] = active[a]
            place += 1


@compiled
def erased(
    seed: np.uint64,
    first: int,
    indices: NDArray[np.int32],
    indptr: NDArray[np.int64],
    kept: NDArray[np.int64],
    out: NDArray[np.int32],
) -> None:
    """out, offsets `kept`: of each item the units that stay."""
    for i in range(len(indptr) - 1):
        keep_units(seed, first + i, indices[indptr[i] : indptr[i + 1]], out[kept[i] : kept[i + 1]])


@compiled
def binomial(seed: np.uint64, item: int, n: int, p: float) -> int:
    """Binomial(n, p) count by inversion, summed over blocks of mean 10; O(1 + n p)."""
    if p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    block = n if n * p <= _BLOCK_MEAN else max(1, int(_BLOCK_MEAN / p))
    total, left, b = 0, n, 0
    while left > 0:
        m = min(block, left)
        probability, square, power = 1.0, 1.0 - p, m
        while power:
            if power & 1:
                probability *= square
            square *= square
            power >>= 1
        u = unit(key(seed, item, b, 1))
        count, below_it = 0, probability
        while u >= below_it and count < m:
            count += 1
            probability *= (m - count + 1) / count * (p / (1.0 - p))
            below_it += probability
        total += count
        left -= m
        b += 1
    return total


@compiled
def binomials(seed: np.uint64, first: int, n: NDArray[np.int64], p: float, out: NDArray[np.int64]) -> None:
    """out[i] ~ Binomial(n[i], p)."""
    for i in range(len(n)):
        out[i] = binomial(seed, first + i, n[i], p)


@compiled
def refilled(
    seed: np.uint64,
    first: int,
    size: int,
    indices: NDArray[np.int32],
    indptr: NDArray[np.int64],
    stay: NDArray[np.int32],
    kept: NDArray[np.int64],
    filled: NDArray[np.int64],
    out: NDArray[np.int32],
) -> None:
    """out, offsets `filled`: the units that stay, joined by uniform ones that were silent in the item as it came."""
    longest = 0
    for i in range(len(indptr) - 1):
        longest = max(longest, filled[i + 1] - filled[i] - kept[i + 1] + kept[i])
    marks = marks_for(size, longest)
    fresh = np.empty(longest, np.int32)
    for i in range(len(indptr) - 1):
        active, old = indices[indptr[i] : indptr[i + 1]], stay[kept[i] : kept[i + 1]]
        new = fresh[: filled[i + 1] - filled[i] - len(old)]
        choose(seed, first + i, size - len(active), new, marks)
        silent_units(active, new)
        merge(old, new, out[filled[i] : filled[i + 1]])
