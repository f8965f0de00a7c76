"""One pass over the patterns: scores, and of each query the list of those that can matter.

A score at or below a floor has no weight: `top - 1` at first, then the root of the scores listed so far, which is never
above that of all. Lists grow until a cap, are tightened and thinned, and go on. What is left is exact: nothing that has
weight was ever dropped.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.simd_panels import append_above, largest, two_largest
from sdrsim.models.hopfield.kernels.panels import (
    BLOCK,
    LANES,
    PARTS,
    SIDE,
    Cells,
    Query,
    pack_queries,
    pack_query,
    score_many,
    score_one,
    score_parts,
)
from sdrsim.models.hopfield.kernels.roots import tighten

ROOT, NEAREST, BEST, ALL, LEVEL = range(5)
"""What has weight: scores above a root; the largest; the k best; all; all above a fixed level."""

TILE = 12  # panels scored before lists are looked at
WIDE = TILE * LANES
ROOM = (PARTS + 1) * WIDE
"""Scores that may come onto a list before it is looked at again."""
CAP = 512


class Store(NamedTuple):
    """What is stored, and how a sum over coordinates becomes a scaled score ``(sum * gain) * scale[i] + bias[i]``.

    panels : (n_panels, n_dims, 16)
    n : patterns
    scale, bias : (n,) or (0,): none
    distance : whether the sum is minus the L1 distance
    """

    panels: Cells
    n: int
    scale: Cells
    bias: Cells
    distance: bool


class Asked(NamedTuple):
    """What is to be listed.

    mode : ROOT, NEAREST, BEST, ALL or LEVEL
    power : root power (ROOT)
    k : how many (BEST)
    n_keep : list at least so many of the best, for later steps
    gain : factor of all sums; 1 where the query was scaled before
    heat : factor of scores under softmax; 1 where they were scaled before
    """

    mode: int
    power: float
    k: int
    n_keep: int
    gain: float
    heat: float


class Lists(NamedTuple):
    """Scores that can matter, of each query.

    values, places : (n_queries, room), float and int32
    counts, caps : (n_queries,) int64
    tops, seconds : (n_queries,) largest and second largest score, listed or not; or what the second is not above
    floors : (n_queries,) every score not listed is at or below it
    """

    values: Cells
    places: NDArray[np.int32]
    counts: NDArray[np.int64]
    caps: NDArray[np.int64]
    tops: Cells
    seconds: Cells
    floors: Cells


@inlined
def below(level: float, like: Cells) -> np.float32:
    """The largest number of the kind of `like` below a level: rounding must not drop what lies on it."""
    kind = like.dtype.type
    return np.nextafter(kind(level), kind(-np.inf))


@compiled
def thin(values: Cells, places: NDArray[np.int32], n: int, floor: float) -> int:
    """Drop what is at or below the floor, in order."""
    kept = 0
    for i in range(n):
        v = values[i]
        values[kept], places[kept] = v, places[i]
        kept += v > floor
    return kept


@compiled
def kth(values: Cells, n: int, k: int) -> float:
    """The k-th largest of n >= k values."""
    return np.partition(values[:n], n - k)[n - k]


@compiled
def _above(values: Cells, n: int, level: float) -> int:
    """How many of n values are above a level."""
    n_above = 0
    for i in range(n):
        n_above += values[i] > level
    return n_above


@compiled
def _level(values: Cells, n: int, k: int, top: float) -> float:
    """A level that at least k of n values are above, and not many more; -inf where there is none."""
    low = np.float64(top)
    for i in range(n):
        low = min(low, np.float64(values[i]))
    if _above(values, n, low) < k:
        return -np.inf
    high = np.float64(top)
    for _ in range(12):
        middle = 0.5 * (low + high)
        n_above = _above(values, n, middle)
        if n_above >= k:
            low = middle
            if n_above <= 2 * k:
                break
        else:
            high = middle
    return low


@compiled
def raised(asked: Asked, values: Cells, n: int, top: float, floor: float) -> float:
    """A higher floor, by what a list of scores (or of what they are not below) tells; or a lower one, that is none."""
    if asked.mode == ROOT:
        wanted = top + tighten(values, n, top, max(floor - top, -1.0), asked.power)
    elif asked.mode == NEAREST:
        wanted = np.float64(top)
    elif asked.mode == BEST:
        wanted = np.float64(kth(values, n, asked.k)) if n >= asked.k else -np.inf
    else:
        wanted = floor
    if asked.n_keep > 0 and _above(values, n, wanted) < asked.n_keep:
        wanted = _level(values, n, asked.n_keep, top)
    return wanted


@compiled
def thin_list(asked: Asked, lists: Lists, q: int) -> None:
    """Raise a query's floor by what its list tells, and drop what falls below."""
    values, places, n = lists.values[q], lists.places[q], lists.counts[q]
    wanted = raised(asked, values, n, lists.tops[q], np.float64(lists.floors[q]))
    lists.floors[q] = max(lists.floors[q], below(wanted, lists.floors))
    lists.counts[q] = thin(values, places, n, lists.floors[q])
    lists.caps[q] = max(_least_cap(asked), 2 * lists.counts[q])


@inlined
def _least_cap(asked: Asked) -> int:
    """Floors follow the best score, or rise only when a list is thinned."""
    return CAP if asked.n_keep == 0 else 4 * asked.n_keep


@compiled
def new_lists(n: int, room: int, like: Cells) -> Lists:
    """Empty lists of n queries."""
    values, places = np.empty((n, room), like.dtype), np.empty((n, room), np.int32)
    whole, levels = np.zeros((2, n), np.int64), np.empty((3, n), like.dtype)
    return Lists(values, places, whole[0], whole[1], levels[0], levels[1], levels[2])


@inlined
def take(store: Store, asked: Asked, first: int, n_panels: int, scores: Cells, row: int, lists: Lists, q: int) -> None:
    """Put the scores of a tile, a row of them, that can matter on a query's list."""
    begin, n = first * LANES, n_panels * LANES
    here = np.uint64(scores.ctypes.data) + np.uint64(row * scores.strides[0])
    if asked.gain != 1.0:
        for i in range(n):
            scores[row, i] *= asked.gain
    n_real = min(n, store.n - begin)
    if len(store.scale):
        for i in range(n_real):
            scores[row, i] *= store.scale[begin + i]
    if len(store.bias):
        for i in range(n_real):
            scores[row, i] += store.bias[begin + i]
    for i in range(n_real, n):
        scores[row, i] = -np.inf
    top: np.float32 = largest(lists.tops.dtype.type(-np.inf), here, n_panels)
    if top > lists.tops[q]:
        lists.tops[q], lists.seconds[q] = two_largest(lists.tops[q], here, n_panels)
        if asked.mode == ROOT and asked.n_keep == 0:
            lists.floors[q] = max(lists.floors[q], below(np.float64(top) - 1.0, lists.floors))
        elif asked.mode == NEAREST and asked.n_keep == 0:
            lists.floors[q] = below(np.float64(top), lists.floors)
    elif top > lists.seconds[q]:
        lists.seconds[q] = top
    if top <= lists.floors[q]:
        return
    values = np.uint64(lists.values.ctypes.data) + np.uint64(q * lists.values.strides[0])
    places = np.uint64(lists.places.ctypes.data) + np.uint64(q * lists.places.strides[0])
    lists.counts[q] = append_above(lists.floors[q], here, n_panels, begin, values, places, lists.counts[q])
    if lists.counts[q] > lists.caps[q] and asked.mode != ALL:
        thin_list(asked, lists, q)


@inlined
def _is_plain(store: Store, asked: Asked) -> bool:
    """Whether sums are scores as they come."""
    return asked.gain == 1.0 and len(store.scale) == 0 and len(store.bias) == 0


@inlined
def _glance(
    here: np.uint64,
    n_panels: int,
    first: int,
    floor: np.float32,
    second: np.float32,
    values: np.uint64,
    places: np.uint64,
    n: int,
) -> int:
    """`take` of most tiles, in numbers and addresses alone: a tuple of arrays costs ten times as much to look into.

    The new length of the list; -1: not done, for a score is above the second best.
    """
    top: np.float32 = largest(floor, here, n_panels)
    if top <= floor and floor <= second:
        return n
    if largest(second, here, n_panels) > second:
        return -1
    return append_above(floor, here, n_panels, first * LANES, values, places, n)


@compiled
def scan(store: Store, x: Cells, asked: Asked, lists: Lists) -> Lists:
    """List the scores that can matter of each query: the same lists, or longer ones where their room was too small.

    x : (n, n_dims), scaled. Lists have room for `ROOM` at least; for LEVEL the caller sets the floors.
    """
    n, d = x.shape
    lists.counts[:], lists.caps[:] = 0, _least_cap(asked)
    lists.tops[:], lists.seconds[:] = -np.inf, -np.inf
    if asked.mode != LEVEL:
        lists.floors[:] = -np.inf
    n_used = n * d
    if not store.distance:
        n_used = 0
        for q in range(n):
            for k in range(d):
                n_used += x[q, k] != 0
    alone, q, first = n < 4 or 4 * n_used < n * d, 0, 0
    while True:
        if alone:
            q, first = _scan_one_by_one(store, x, asked, lists, q, first)
        else:
            first = _scan_together(store, x, asked, lists, first)
        if first < 0:
            return lists
        lists = longer(store, lists)


@compiled
def longer(store: Store, lists: Lists) -> Lists:
    """The same lists with four times the room; never more than all patterns take."""
    n, room = lists.values.shape
    room = min(4 * room, store.n + ROOM)
    values, places = np.empty((n, room), lists.values.dtype), np.empty((n, room), np.int32)
    for q in range(n):
        values[q, : lists.counts[q]] = lists.values[q, : lists.counts[q]]
        places[q, : lists.counts[q]] = lists.places[q, : lists.counts[q]]
    return Lists(values, places, lists.counts, lists.caps, lists.tops, lists.seconds, lists.floors)


@compiled
def _scan_one_by_one(store: Store, x: Cells, asked: Asked, lists: Lists, q: int, first: int) -> tuple[int, int]:
    """From a query and a panel (of the first part) on; where a list has no room left, or (number of queries, -1)."""
    d, n_panels = x.shape[1], (store.n + LANES - 1) // LANES
    query = Query(np.empty(d, x.dtype), np.empty(d, np.int32), np.empty((d + BLOCK - 1) // BLOCK + 1, np.int64))
    scores, part, most = np.empty((PARTS, WIDE), x.dtype), n_panels // PARTS, lists.values.shape[1] - ROOM
    counts, caps, floors, seconds, plain = (
        lists.counts,
        lists.caps,
        lists.floors,
        lists.seconds,
        _is_plain(store, asked),
    )
    n_full, here, stride = store.n // LANES, np.uint64(scores.ctypes.data), scores.strides[0]
    for r in range(q, len(x)):
        pack_query(x[r], store.distance, query)
        values = np.uint64(lists.values.ctypes.data) + np.uint64(r * lists.values.strides[0])
        places = np.uint64(lists.places.ctypes.data) + np.uint64(r * lists.places.strides[0])
        for p in range(first if r == q else 0, part, TILE):
            if lists.counts[r] > most:
                return r, p
            wide = min(TILE, part - p)
            score_parts(store.panels, p, wide, part, query, store.distance, scores)
            for s in range(PARTS):
                begin, n = s * part + p, -1
                if plain and begin + wide <= n_full:
                    row = here + np.uint64(s * stride)
                    n = _glance(row, wide, begin, floors[r], seconds[r], values, places, counts[r])
                if n < 0:
                    take(store, asked, begin, wide, scores, s, lists, r)
                    continue
                counts[r] = n
                if n > caps[r] and asked.mode != ALL:
                    thin_list(asked, lists, r)
        begin = PARTS * part
        if n_panels > begin:
            score_one(store.panels, begin, n_panels - begin, query, store.distance, scores[0])
            take(store, asked, begin, n_panels - begin, scores, 0, lists, r)
        _in_order(lists, r, max(part, 1) * LANES)
    return len(x), -1


@compiled
def _in_order(lists: Lists, q: int, part: int) -> None:
    """Parts of so many patterns, which came in turns, one after another: places rise again."""
    n = lists.counts[q]
    values, places, at = lists.values[q, :n].copy(), lists.places[q, :n].copy(), 0
    for s in range(PARTS + 1):
        for i in range(n):
            if min(places[i] // part, PARTS) == s:
                lists.values[q, at], lists.places[q, at] = values[i], places[i]
                at += 1


@compiled
def _scan_together(store: Store, x: Cells, asked: Asked, lists: Lists, first: int) -> int:
    """From a panel on; where a list has no room left, or -1."""
    n_groups, n_panels = (len(x) + SIDE - 1) // SIDE, (store.n + LANES - 1) // LANES
    packed = np.empty((n_groups, x.shape[1], SIDE), x.dtype)
    pack_queries(x, packed)
    scores = np.empty((n_groups * SIDE, WIDE), x.dtype)
    counts, caps, floors, seconds, plain = (
        lists.counts,
        lists.caps,
        lists.floors,
        lists.seconds,
        _is_plain(store, asked),
    )
    here, stride = np.uint64(scores.ctypes.data), scores.strides[0]
    values, value_stride = np.uint64(lists.values.ctypes.data), lists.values.strides[0]
    places, place_stride = np.uint64(lists.places.ctypes.data), lists.places.strides[0]
    for p in range(first, n_panels, TILE):
        if lists.counts.max() > lists.values.shape[1] - ROOM:
            return p
        wide = min(TILE, n_panels - p)
        score_many(store.panels, p, wide, packed, store.distance, scores)
        for q in range(len(x)):
            n = -1
            if plain and p + wide <= store.n // LANES:
                row, to = here + np.uint64(q * stride), values + np.uint64(q * value_stride)
                at = places + np.uint64(q * place_stride)
                n = _glance(row, wide, p, floors[q], seconds[q], to, at, counts[q])
            if n < 0:
                take(store, asked, p, wide, scores, q, lists, q)
                continue
            counts[q] = n
            if n > caps[q] and asked.mode != ALL:
                thin_list(asked, lists, q)
    return -1
