"""One pass over the patterns: scores, and of each query the list of those that can matter.

A score at or below a floor has no weight: `top - 1` at first, then the root of the scores listed so far, which is never
above that of all. Lists grow until a cap, are tightened and thinned, and go on. What is left is exact: nothing that has
weight was ever dropped.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.simd_panels import append_above, largest
from sdrsim.models.hopfield.kernels.panels import (
    BLOCK,
    LANES,
    SIDE,
    Cells,
    Query,
    pack_queries,
    pack_query,
    score_many,
    score_one,
)
from sdrsim.models.hopfield.kernels.roots import tighten

ROOT, NEAREST, BEST, ALL, LEVEL = range(5)
"""What has weight: scores above a root; the largest; the k best; all; all above a fixed level."""

_TILE = 12  # panels scored before lists are looked at
_CAP = 512


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
    """

    mode: int
    power: float
    k: int
    n_keep: int
    gain: float


class Lists(NamedTuple):
    """Scores that can matter, of each query.

    values, places : (n_queries, room), float and int32
    counts, caps : (n_queries,) int64
    tops : (n_queries,) largest score; second : the second largest (equal to it on ties)
    floors : (n_queries,) every score not listed is at or below it
    """

    values: Cells
    places: NDArray[np.int32]
    counts: NDArray[np.int64]
    caps: NDArray[np.int64]
    tops: Cells
    floors: Cells


@inlined
def _below(level: float, like: np.float32) -> np.float32:
    """The largest number of the kind of `like` below a level: rounding must not drop what lies on it."""
    x = type_as(level, like)
    return np.nextafter(x, type_as(-np.inf, like))


@inlined
def type_as(x: float, like: np.float32) -> np.float32:
    """x in the kind of `like`."""
    pair = np.empty(1, np.asarray(like).dtype)
    pair[0] = x
    return pair[0]


@compiled
def _thin(values: Cells, places: NDArray[np.int32], n: int, floor: float) -> int:
    """Drop what is at or below the floor, in order."""
    kept = 0
    for i in range(n):
        v = values[i]
        values[kept], places[kept] = v, places[i]
        kept += v > floor
    return kept


@compiled
def _kth(values: Cells, n: int, k: int) -> float:
    """The k-th largest of n >= k values."""
    return np.partition(values[:n], n - k)[n - k]


@compiled
def thin_list(asked: Asked, lists: Lists, q: int) -> None:
    """Raise a query's floor by what its list tells, and drop what falls below."""
    values, places, n = lists.values[q], lists.places[q], lists.counts[q]
    top, floor = lists.tops[q], np.float64(lists.floors[q])
    if asked.mode == ROOT:
        wanted = top + tighten(values, n, top, max(floor - top, -1.0), asked.power)
    elif asked.mode == NEAREST:
        wanted = np.float64(top)
    elif asked.mode == BEST:
        wanted = np.float64(_kth(values, n, asked.k)) if n >= asked.k else -np.inf
    else:
        wanted = floor
    if asked.n_keep > 0:
        wanted = min(wanted, np.float64(_kth(values, n, asked.n_keep)) if n >= asked.n_keep else -np.inf)
    lists.floors[q] = max(lists.floors[q], _below(wanted, lists.floors[q]))
    lists.counts[q] = _thin(values, places, n, lists.floors[q])
    lists.caps[q] = max(_CAP, 2 * lists.counts[q])


@inlined
def _take(store: Store, asked: Asked, first: int, n_panels: int, scores: Cells, lists: Lists, q: int) -> None:
    """Put the scores of a tile that can matter on a query's list."""
    begin, n = first * LANES, n_panels * LANES
    if asked.gain != 1.0:
        for i in range(n):
            scores[i] *= asked.gain
    n_real = min(n, store.n - begin)
    if len(store.scale):
        for i in range(n_real):
            scores[i] *= store.scale[begin + i]
    if len(store.bias):
        for i in range(n_real):
            scores[i] += store.bias[begin + i]
    scores[n_real:n] = -np.inf
    lists.tops[q] = largest(lists.tops[q], scores.ctypes.data, n_panels)
    if asked.mode == ROOT and asked.n_keep == 0:
        lists.floors[q] = max(lists.floors[q], _below(np.float64(lists.tops[q]) - 1.0, lists.floors[q]))
    elif asked.mode == NEAREST and asked.n_keep == 0:
        lists.floors[q] = _below(np.float64(lists.tops[q]), lists.floors[q])
    values, places = lists.values[q], lists.places[q]
    lists.counts[q] = append_above(
        lists.floors[q], scores.ctypes.data, n_panels, begin, values.ctypes.data, places.ctypes.data, lists.counts[q]
    )
    if lists.counts[q] > lists.caps[q] and asked.mode != ALL:
        thin_list(asked, lists, q)


@compiled
def scan(store: Store, x: Cells, asked: Asked, lists: Lists) -> int:
    """List the scores that can matter of each query; how many coordinates counted (those that are 0 do not).

    x : (n, n_dims), scaled. Lists have room for all patterns and one more tile; for LEVEL the caller sets the floors.
    """
    n, d = x.shape
    lists.counts[:], lists.caps[:] = 0, _CAP
    lists.tops[:] = -np.inf
    if asked.mode != LEVEL:
        lists.floors[:] = -np.inf
    keep_zeros = store.distance
    n_used = n * d
    if not keep_zeros:
        n_used = 0
        for q in range(n):
            for k in range(d):
                n_used += x[q, k] != 0
    if n < 4 or 4 * n_used < n * d:
        _scan_one_by_one(store, x, keep_zeros, asked, lists)
    else:
        _scan_together(store, x, asked, lists)
    return n_used


@compiled
def _scan_one_by_one(store: Store, x: Cells, keep_zeros: bool, asked: Asked, lists: Lists) -> None:
    d = x.shape[1]
    query = Query(np.empty(d, x.dtype), np.empty(d, np.int32), np.empty((d + BLOCK - 1) // BLOCK + 1, np.int64))
    scores, n_panels = np.empty(_TILE * LANES, x.dtype), (store.n + LANES - 1) // LANES
    for q in range(len(x)):
        pack_query(x[q], keep_zeros, query)
        for first in range(0, n_panels, _TILE):
            wide = min(_TILE, n_panels - first)
            score_one(store.panels, first, wide, query, store.distance, scores)
            _take(store, asked, first, wide, scores, lists, q)


@compiled
def _scan_together(store: Store, x: Cells, asked: Asked, lists: Lists) -> None:
    n_groups, n_panels = (len(x) + SIDE - 1) // SIDE, (store.n + LANES - 1) // LANES
    packed = np.empty((n_groups, x.shape[1], SIDE), x.dtype)
    pack_queries(x, packed)
    scores = np.empty((n_groups * SIDE, _TILE * LANES), x.dtype)
    for first in range(0, n_panels, _TILE):
        wide = min(_TILE, n_panels - first)
        score_many(store.panels, first, wide, packed, store.distance, scores)
        for q in range(len(x)):
            _take(store, asked, first, wide, scores[q], lists, q)
