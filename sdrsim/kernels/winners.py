"""Winner-take-all on the bit planes of dendritic sums: no count is ever unpacked to find who wins.

`planes` is uint64 (n_chunks, n_planes, 8): bit b of word w of plane p in chunk c is bit p of the count of unit
``512 * c + 64 * w + b``. Bits of units beyond the last one may be anything; they never win. Winners come out as packed
words (unit c in bit ``c % 64`` of word ``c // 64``): `out_words` must hold all units and is overwritten whole.

The maximum of a set of units is found from the top plane down: those that have the bit stay, unless none has it. What
is left at the end are all units that share the maximum. The k-th best count is found the same way, counting as we go.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd_winners
from sdrsim.kernels.bits import (
    ALL_BITS,
    LOW_6,
    ONE,
    ZERO,
    Indices,
    Words,
    count_bits,
    fill_units,
    low_bits,
    popcount,
    unpack_indices,
)
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import TIE, key

_6, _255 = np.uint64(6), np.uint64(255)
_TILE = 512  # words of a row per pass of the AND: 4 KB, so that the result stays in the first-level cache
_SPREAD = np.array([sum((byte >> bit & 1) << 8 * bit for bit in range(8)) for byte in range(256)], np.uint64)

_narrow_fields, _narrow_1, _narrow_2, _narrow_4, _narrow_8 = (
    simd_winners.make_narrower(span) for span in (0, 1, 2, 4, 8)
)


@compiled
def cluster_winners(planes: Words, cluster_size: int, n_clusters: int, out_words: Words) -> int:
    """All units that share the maximum of their cluster; a maximum of 0 has no winner. Returns the number of winners.

    Units are cluster-major: cluster j holds units ``j * cluster_size ... (j + 1) * cluster_size - 1``.
    """
    out_words[:] = ZERO
    if n_clusters <= 0 or cluster_size <= 0:
        return 0
    if 512 % cluster_size == 0:
        _winners_in_chunks(planes, cluster_size, n_clusters, out_words)
    elif cluster_size < 64:
        _winners_in_windows(planes, cluster_size, n_clusters, out_words)
    else:
        _winners_across(planes, cluster_size, n_clusters, out_words)
    return count_bits(out_words)


@compiled
def _winners_in_chunks(planes: Words, size: int, n_clusters: int, out_words: Words) -> None:
    """Clusters whose size is a power of two up to 512, eight words at a time. Twins: the two functions that follow."""
    n_units, n_planes = n_clusters * size, planes.shape[1]
    n_chunks = (n_units + 511) // 512
    masks = np.empty(8 * n_chunks, np.uint64)
    fill_units(n_units, masks)
    top = ZERO
    for f in range(64 // size):
        top |= ONE << np.uint64(f * size + size - 1)
    at, to, shift = planes.ctypes.data, masks.ctypes.data, np.uint64(size - 1)
    if size < 64:
        _narrow_fields(at, n_planes, n_chunks, to, top, shift)
    elif size == 64:
        _narrow_1(at, n_planes, n_chunks, to, top, shift)
    elif size == 128:
        _narrow_2(at, n_planes, n_chunks, to, top, shift)
    elif size == 256:
        _narrow_4(at, n_planes, n_chunks, to, top, shift)
    else:
        _narrow_8(at, n_planes, n_chunks, to, top, shift)
    for i in range((n_units + 63) // 64):
        out_words[i] = masks[i]


@compiled
def _fill_fields(word: np.uint64, top: np.uint64, low: np.uint64, shift: np.uint64) -> np.uint64:
    """All ones in each field of a word that holds a one. `top`: the highest bit of each field; `low`: the others."""
    hit = (((word & low) + low) | word) & top  # the addition carries into the top bit, and never further
    return (hit - (hit >> shift)) | hit


@compiled
def _winners_in_windows(planes: Words, size: int, n_clusters: int, out_words: Words) -> None:
    """Clusters up to 64: as many whole ones as a word holds are cut out of the bit stream and treated together."""
    per_window = 64 // size
    top = ZERO
    for f in range(per_window):
        top |= ONE << np.uint64(f * size + size - 1)
    low, shift = low_bits(per_window * size) & ~top, np.uint64(size - 1)
    last = n_clusters * size - 1 >> 6
    for j in range(0, n_clusters, per_window):
        first = j * size
        n_bits = min(per_window, n_clusters - j) * size
        i, s = first >> 6, np.uint64(first & 63)
        k = min(i + 1, last)
        mask, some = low_bits(n_bits), ZERO
        for p in range(planes.shape[1] - 1, -1, -1):
            plane = planes[i >> 3, p, i & 7] >> s
            if s != ZERO:
                plane |= planes[k >> 3, p, k & 7] << ONE << (LOW_6 - s)
            kept = mask & plane
            mask = kept | (mask & ~_fill_fields(kept, top, low, shift))
            some |= kept
        mask &= _fill_fields(some, top, low, shift)
        out_words[i] |= mask << s
        out_words[k] |= mask >> ONE >> (LOW_6 - s)


@compiled
def _winners_across(planes: Words, size: int, n_clusters: int, out_words: Words) -> None:
    """Clusters above 64, which begin and end anywhere; two may share a word."""
    masks = np.empty(size // 64 + 2, np.uint64)
    for j in range(n_clusters):
        first, end = j * size, (j + 1) * size
        i, n = first >> 6, (end - 1 >> 6) - (first >> 6) + 1
        masks[:n] = ALL_BITS
        masks[0] = ~low_bits(first & 63)
        masks[n - 1] &= low_bits(end - 64 * (i + n - 1))
        if _narrow(planes, i, masks[:n]):
            for w in range(n):
                out_words[i + w] |= masks[w]


@compiled
def _narrow(planes: Words, first_word: int, masks: Words) -> bool:
    """Narrow `masks` (words from `first_word` on) to the units that share the maximum; False when that is 0."""
    won = False
    for p in range(planes.shape[1] - 1, -1, -1):
        some = ZERO
        for w in range(len(masks)):
            i = first_word + w
            some |= masks[w] & planes[i >> 3, p, i & 7]
        if some != ZERO:
            won = True
            for w in range(len(masks)):
                i = first_word + w
                masks[w] &= planes[i >> 3, p, i & 7]
    return won


@compiled
def global_max(planes: Words, n_units: int, out_words: Words) -> int:
    """The largest count, and all units that have it; none when it is 0."""
    fill_units(n_units, out_words)
    masks = out_words[: (n_units + 63) // 64]
    best = 0
    for p in range(planes.shape[1] - 1, -1, -1):
        some = ZERO
        for i in range(len(masks)):
            some |= masks[i] & planes[i >> 3, p, i & 7]
        if some != ZERO:
            best |= 1 << p
            for i in range(len(masks)):
                masks[i] &= planes[i >> 3, p, i & 7]
    if best == 0:
        out_words[:] = ZERO
    return best


@compiled
def kth_best(planes: Words, n_units: int, k: int, above: Words, equal: Words) -> tuple[int, int]:
    """The k-th best count: units above it, units equal to it, its value, and how many of the equal ones make k.

    For 1 <= k <= n_units. `above` and `equal` are packed words in whole chunks (`whole_chunks`), overwritten.
    """
    fill_units(n_units, equal)
    above[:] = ZERO
    n_planes, n_chunks = planes.shape[1], (n_units + 511) // 512
    from_, same, better = planes.ctypes.data, equal.ctypes.data, above.ctypes.data
    need, value, top = k, 0, n_planes - 1
    n_high = 0
    for i in range((n_units + 63) // 64):
        n_high += int(np.int64(popcount(equal[i] & planes[i >> 3, top, i & 7])))
    for p in range(top, -1, -1):
        flip = ZERO
        if n_high >= need:
            value |= 1 << p
        else:
            need -= n_high
            flip = ALL_BITS
        n_high = simd_winners.settle(from_, n_planes, n_chunks, p, max(p - 1, 0), flip, same, better)
    return value, need


@compiled
def whole_chunks(n_units: int) -> Words:
    """Packed words for `n_units` units, up to a whole number of chunks of 512 (not cleared)."""
    return np.empty(8 * ((n_units + 511) // 512), np.uint64)


@compiled
def top_k(planes: Words, n_units: int, k: int, out_words: Words) -> int:
    """All units whose count reaches the k-th best one, ties kept; returns how many there are (0 for k <= 0).

    The k-th best count may be 0: then every unit is kept. ``at_least(planes, n_units, 1, ...)`` tells the silent ones.
    """
    out_words[:] = ZERO
    if k <= 0 or n_units <= 0:
        return 0
    if k >= n_units:
        fill_units(n_units, out_words)
        return n_units
    above, equal = whole_chunks(n_units), whole_chunks(n_units)
    kth_best(planes, n_units, k, above, equal)
    n = ZERO
    for i in range((n_units + 63) // 64):
        out_words[i] = above[i] | equal[i]
        n += popcount(out_words[i])
    return int(np.int64(n))


@compiled
def exactly_k(planes: Words, n_units: int, k: int, seed: np.uint64, item: int, out_words: Words) -> int:
    """The min(k, n_units) best units, ties at the border drawn with equal chances; returns the random numbers drawn.

    The draw is keyed by (seed, item, unit, TIE): each tied unit has its own number and the smallest win.
    """
    out_words[:] = ZERO
    if k <= 0 or n_units <= 0:
        return 0
    if k >= n_units:
        fill_units(n_units, out_words)
        return 0
    above, equal = whole_chunks(n_units), whole_chunks(n_units)
    _, need = kth_best(planes, n_units, k, above, equal)
    for i in range((n_units + 63) // 64):
        out_words[i] = above[i]
    return draw_units(equal, need, seed, item, out_words)


@compiled
def draw_units(candidates: Words, n: int, seed: np.uint64, item: int, out_words: Words) -> int:
    """Add `n` of the candidates to `out_words`, every subset equally likely; returns the random numbers drawn.

    One number per candidate, key (seed, item, unit, TIE); no two units share a key, since the mixer is one to one.
    """
    total = count_bits(candidates)
    if n >= total:
        for i in range(len(candidates)):
            out_words[i] |= candidates[i]
        return 0
    if n <= 0:
        return 0
    units = np.empty(total, np.int32)
    unpack_indices(candidates, units)
    keys = np.empty(total, np.uint64)
    for i in range(total):
        keys[i] = key(seed, item, units[i], TIE)
    _smallest_first(keys, units, n)
    for i in range(n):
        u = np.uint64(units[i])
        out_words[u >> _6] |= ONE << (u & LOW_6)
    return total


@compiled
def _smallest_first(keys: Words, units: Indices, n: int) -> None:
    """Reorder both arrays so that the `n` smallest keys stand first: split by one bit after another, from the top."""
    start, end, bit = 0, len(keys), LOW_6
    while start < n < end:
        split = start
        for i in range(start, end):
            if not keys[i] >> bit & ONE:
                keys[split], keys[i] = keys[i], keys[split]
                units[split], units[i] = units[i], units[split]
                split += 1
        if split > n:
            end = split
        else:
            start = split
        bit -= ONE


@compiled
def at_least(planes: Words, n_units: int, threshold: int, out_words: Words) -> int:
    """All units whose count is >= threshold; returns how many there are."""
    out_words[:] = ZERO
    n_planes = planes.shape[1]
    if threshold >= 1 << n_planes:
        return 0
    n = ZERO
    for i in range((n_units + 63) // 64):
        c, w = i >> 3, i & 7
        reached = ALL_BITS  # so far equal, and equal is enough
        for p in range(n_planes):  # from the lowest bit up: a higher bit overrules
            if threshold > 0 and threshold >> p & 1:
                reached &= planes[c, p, w]
            else:
                reached |= planes[c, p, w]
        reached &= low_bits(n_units - 64 * i)
        out_words[i] = reached
        n += popcount(reached)
    return int(np.int64(n))


@compiled
def all_active(matrix: Words, rows: Indices, out_words: Words) -> int:
    """AND of the rows: units reached by every one of them (a threshold at the number of rows); returns how many.

    No rows: nobody wins. `out_words` has the words of a row.
    """
    n_rows, n_words = len(rows), len(out_words)
    if n_rows == 0:
        out_words[:] = ZERO
        return 0
    out_words[:] = matrix[rows[0]]
    for start in range(0, n_words, _TILE):
        end = min(start + _TILE, n_words)
        for r in range(1, n_rows, 4):  # past the last row: that row again, which changes nothing
            a, b = rows[r], rows[min(r + 1, n_rows - 1)]
            c, d = rows[min(r + 2, n_rows - 1)], rows[min(r + 3, n_rows - 1)]
            for i in range(start, end):
                out_words[i] &= matrix[a, i] & matrix[b, i] & matrix[c, i] & matrix[d, i]
    return count_bits(out_words)


@compiled
def planes_to_counts(planes: Words, n_units: int, out: NDArray[np.integer]) -> None:
    """Counts of units 0 .. n_units - 1 as uint8, uint16 or int32, whichever `out` is (it must hold the largest count).

    Portable: a byte of a plane is spread over eight byte lanes by a table. `sums.expand_planes` is the fast form.
    """
    for p in range(0, planes.shape[1], 8):  # eight planes fill a byte lane
        top = min(p + 8, planes.shape[1]) - 1
        for first in range(0, n_units, 8):
            c, w, shift = first >> 9, first >> 6 & 7, np.uint64(first & 63)
            lanes = ZERO
            for q in range(top, p - 1, -1):
                lanes = (lanes << ONE) | _SPREAD[(planes[c, q, w] >> shift) & _255]
            if p == 0 and first + 8 <= n_units:
                for u in range(8):
                    out[first + u] = lanes >> np.uint64(8 * u) & _255
            else:
                for u in range(min(8, n_units - first)):
                    count = np.int64(lanes >> np.uint64(8 * u) & _255) << p
                    out[first + u] = count if p == 0 else out[first + u] + count
