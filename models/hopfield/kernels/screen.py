"""A copy of the patterns in one byte a coordinate, and what it proves: which panels need not be scored in full.

Pattern i is ``scale[i] * q_i`` up to a rest e_i, query x is ``unit * y`` up to a rest e, with q_i whole numbers within
127, y within 2**15, unit a power of 2. Their score is ``scale[i] unit <q_i, y>``, a sum without rounding, up to
``|e_i| |x| + scale[i] |q_i| |e|`` on either side (Cauchy-Schwarz). Scores are floats: a chain of n fused multiply-adds
is off by at most ``n u / (1 - n u)`` times the sum of the sizes of its terms, u = 2**-24 (Higham 2002, section 3.1);
``rest[i]`` holds that and the rounding of the bound itself, so that each bound, as computed, holds for the score as
computed. What follows, times a scale of 0 or more, plus a bias, is the same on both sides and rounds monotonically.

Lower bounds give a floor as scores do; patterns whose upper bound is not above the last floor have no weight. The
others, and the second best, are scored as ever, panel by panel: no bit differs from a full pass.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.simd_pairs import make_pair_tile
from sdrsim.kernels.simd_panels import append_above, largest, two_largest
from sdrsim.models.hopfield.kernels.panels import BLOCK, LANES, SIDE, Query, pack_query, score_one
from sdrsim.models.hopfield.kernels.scan import (
    CAP,
    LEVEL,
    NEAREST,
    ROOM,
    ROOT,
    TILE,
    WIDE,
    Asked,
    Lists,
    Store,
    below,
    longer,
    raised,
    take,
)

Floats = NDArray[np.float32]

_tile_8x2, _tile_8x1 = make_pair_tile(SIDE, 2), make_pair_tile(SIDE, 1)
_tile_1x4, _tile_1x1 = make_pair_tile(1, 4), make_pair_tile(1, 1)
_U = 2.0**-24
_MORE = 1.0 + 1e-6  # float64 results, and a few roundings to float32
_LEAST = 1e-36  # of a length: below, a float32 has too few digits
_MOST = 1e34  # of a length: sums could overflow
_TINY = 2.0**-149  # what a float32 operation may lose below the smallest normal number
_LENGTH = 4096  # room of a list of bounds at first


class Screen(NamedTuple):
    """The copy.

    cells : (n_panels, n_pairs, 16, 2) int8
    scale, rest, size : (16 * n_panels,) float32; of the copy, of what it leaves out, of the copy again (as a length)
    """

    cells: NDArray[np.int8]
    scale: Floats
    rest: Floats
    size: Floats


class Digits(NamedTuple):
    """One query in whole numbers.

    pairs : (n_pairs, 2) int16 and places : (n_pairs,) int32; of pairs that are not both 0
    n : how many; unit : value of 1; length, rest : of the query, of what the numbers leave out
    """

    pairs: NDArray[np.int16]
    places: NDArray[np.int32]
    n: NDArray[np.int64]
    unit: Floats
    length: Floats
    rest: Floats


class Bounds(NamedTuple):
    """Patterns that can matter, of each query, by their bounds; fields as in `Lists`.

    uppers, lowers, places : (n_queries, room)
    counts, caps, tops, seconds, floors : (n_queries,), the last three of lower bounds
    levels : (n_queries,), what upper bounds must be above (LEVEL)
    """

    uppers: Floats
    lowers: Floats
    places: NDArray[np.int32]
    counts: NDArray[np.int64]
    caps: NDArray[np.int64]
    tops: Floats
    seconds: Floats
    floors: Floats
    levels: Floats


# ---- copies ---------------------------------------------------------------------------------------------------------


@compiled
def put_screen(screen: Screen, n: int, rows: Floats) -> None:
    """Write the copies of patterns behind the first n."""
    d = rows.shape[1]
    steps = (BLOCK + (d + BLOCK - 1) // BLOCK + 8) * _U  # 8: the few operations that make a bound of a sum
    slack = steps / (1.0 - steps)
    for i in range(len(rows)):
        p, lane = divmod(n + i, LANES)
        most = np.float32(0)
        for k in range(d):
            most = max(most, abs(rows[i, k]))
        scale = np.float32(most / np.float32(127))
        step = np.float64(scale)
        left = own = whole = 0.0
        for k in range(d):
            x = np.float64(rows[i, k])
            q = min(max(np.rint(x / step), -127.0), 127.0) if step > 0 else 0.0
            screen.cells[p, k // 2, lane, k % 2] = np.int8(q)
            left += (x - step * q) ** 2
            own += (step * q) ** 2
            whole += x * x
        screen.scale[n + i] = scale
        screen.rest[n + i] = max((np.sqrt(left) + slack * (np.sqrt(own) + np.sqrt(whole))) * _MORE, _LEAST)
        screen.size[n + i] = max(np.sqrt(own) * _MORE, _LEAST)


@compiled
def no_digits(n: int, d: int) -> Digits:
    """Room for n queries."""
    half, floats = (d + 1) // 2, np.empty((3, n), np.float32)
    pairs, places = np.zeros((n, half, 2), np.int16), np.empty((n, half), np.int32)
    return Digits(pairs, places, np.zeros(n, np.int64), floats[0], floats[1], floats[2])


@compiled
def put_digits(x: Floats, dense: bool, q: int, out: Digits) -> None:
    """A query in whole numbers, as large as int16 and int32 sums with bytes allow; with `dense` all pairs, in place."""
    d, most, total, square = len(x), 0.0, 0.0, 0.0
    for k in range(d):
        size = abs(np.float64(x[k]))
        most, total, square = max(most, size), total + size, square + size * size
    unit = 2.0**-120
    while most > 32000.0 * unit or total > 1.6e7 * unit:
        unit *= 2.0
    n, left = 0, 0.0
    for k in range(0, d, 2):
        some = dense
        for side in range(min(2, d - k)):
            value = np.float64(x[k + side])
            whole = np.rint(value / unit)
            left += (value - unit * whole) ** 2
            out.pairs[q, n, side] = np.int16(whole)
            some |= value != 0
        if d - k == 1:
            out.pairs[q, n, 1] = 0
        if some:
            out.places[q, n] = k // 2
            n += 1
    out.n[q], out.unit[q] = n, unit
    out.length[q], out.rest[q] = max(np.sqrt(square) * _MORE, _LEAST), max(np.sqrt(left) * _MORE, _LEAST)


# ---- bounds ---------------------------------------------------------------------------------------------------------


@inlined
def _sums_alone(screen: Screen, first: int, n_panels: int, digits: Digits, q: int, out: NDArray[np.int32]) -> None:
    stride, p = screen.cells.strides[0], 0
    base, pairs, places = screen.cells.ctypes.data, digits.pairs[q].ctypes.data, digits.places[q].ctypes.data
    while p < n_panels:
        here = np.uint64(base) + np.uint64((first + p) * stride)
        to = np.uint64(out.ctypes.data) + np.uint64(4 * LANES * p)
        if n_panels - p >= 4:
            _tile_1x4(here, stride, pairs, digits.n[q], places, to, 0)
            p += 4
        else:
            _tile_1x1(here, stride, pairs, digits.n[q], places, to, 0)
            p += 1


@inlined
def _sums_together(
    screen: Screen,
    first: int,
    n_panels: int,
    packed: NDArray[np.int16],
    places: NDArray[np.int32],
    out: NDArray[np.int32],
) -> None:
    """Pairs packed as ``packed[group, pair, query, 2]``."""
    stride, row = screen.cells.strides[0], out.strides[0]
    for p in range(0, n_panels, 2):
        here = np.uint64(screen.cells.ctypes.data) + np.uint64((first + p) * stride)
        for g in range(len(packed)):
            pairs = np.uint64(packed.ctypes.data) + np.uint64(g * packed.strides[0])
            to = np.uint64(out.ctypes.data) + np.uint64(g * SIDE * row + 4 * LANES * p)
            if n_panels - p >= 2:
                _tile_8x2(here, stride, pairs, len(places), places.ctypes.data, to, row)
            else:
                _tile_8x1(here, stride, pairs, len(places), places.ctypes.data, to, row)


@inlined
def _note(
    store: Store,
    screen: Screen,
    asked: Asked,
    first: int,
    n_panels: int,
    sums: NDArray[np.int32],
    digits: Digits,
    bounds: Bounds,
    q: int,
    both: Floats,
) -> None:
    """Put the bounds of a tile that can matter on a query's list; ``both[2, WIDE]`` is room for them."""
    begin, n, uppers, lowers = first * LANES, n_panels * LANES, both[0], both[1]
    n_real = min(n, store.n - begin)
    unit, length, rest = digits.unit[q], digits.length[q], digits.rest[q]
    tiny = np.float32((2 * store.panels.shape[1] + 8) * _TINY)
    scale, left, size = screen.scale[begin : begin + n], screen.rest[begin : begin + n], screen.size[begin : begin + n]
    for i in range(n):
        middle = np.float32(sums[i]) * unit * scale[i]
        off = left[i] * length + size[i] * rest + tiny
        uppers[i], lowers[i] = middle + off, middle - off
    if len(store.scale):
        for i in range(n_real):
            uppers[i] *= store.scale[begin + i]
            lowers[i] *= store.scale[begin + i]
    if len(store.bias):
        for i in range(n_real):
            uppers[i] += store.bias[begin + i]
            lowers[i] += store.bias[begin + i]
    uppers[n_real:n], lowers[n_real:n] = -np.inf, -np.inf
    top: np.float32 = largest(np.float32(-np.inf), lowers.ctypes.data, n_panels)
    if top > bounds.seconds[q]:
        if top > bounds.tops[q]:
            bounds.tops[q], bounds.seconds[q] = two_largest(bounds.tops[q], lowers.ctypes.data, n_panels)
        else:
            bounds.seconds[q] = top
        if asked.n_keep == 0 and asked.mode in (ROOT, NEAREST):  # the second best is scored for the margin
            wanted = min(np.float64(bounds.tops[q]) - (asked.mode == ROOT), np.float64(bounds.seconds[q]))
            bounds.floors[q] = max(bounds.floors[q], below(wanted, bounds.floors))
    had = bounds.counts[q]
    bounds.counts[q] = append_above(
        bounds.floors[q],
        uppers.ctypes.data,
        n_panels,
        begin,
        bounds.uppers[q].ctypes.data,
        bounds.places[q].ctypes.data,
        had,
    )
    for i in range(had, bounds.counts[q]):
        bounds.lowers[q, i] = lowers[bounds.places[q, i] - begin]
    if bounds.counts[q] > bounds.caps[q]:
        _thin(asked, bounds, q)


@compiled
def _thin(asked: Asked, bounds: Bounds, q: int) -> None:
    """Raise a floor by the lower bounds, drop what has its upper bound at or below; never the second best pattern."""
    uppers, lowers, places, n = bounds.uppers[q], bounds.lowers[q], bounds.places[q], bounds.counts[q]
    start = np.float64(bounds.levels[q] if asked.mode == LEVEL else bounds.floors[q])
    wanted = min(raised(asked, lowers, n, bounds.tops[q], start), np.float64(bounds.seconds[q]))
    floor = max(bounds.floors[q], below(wanted, bounds.floors))
    kept = 0
    for i in range(n):
        uppers[kept], lowers[kept], places[kept] = uppers[i], lowers[i], places[i]
        kept += uppers[i] > floor
    bounds.floors[q], bounds.counts[q] = floor, kept
    bounds.caps[q] = max(CAP, 2 * kept)


@compiled
def _bound(store: Store, screen: Screen, asked: Asked, digits: Digits, bounds: Bounds, first: int) -> int:
    """Bounds of the queries from a panel on; where a list has no room left, or -1."""
    n, n_panels = len(bounds.counts), (store.n + LANES - 1) // LANES
    n_groups, n_pairs = (n + SIDE - 1) // SIDE if n > 1 else 0, screen.cells.shape[1]
    packed = np.zeros((n_groups, n_pairs, SIDE, 2), np.int16)
    for q in range(n if n > 1 else 0):
        packed[q // SIDE, :, q % SIDE] = digits.pairs[q]
    sums, both = np.empty((max(n_groups * SIDE, 1), WIDE), np.int32), np.empty((2, WIDE), np.float32)
    for p in range(first, n_panels, TILE):
        if bounds.counts.max() > bounds.uppers.shape[1] - ROOM:
            return p
        wide = min(TILE, n_panels - p)
        if n > 1:
            _sums_together(screen, p, wide, packed, digits.places[0], sums)
        else:
            _sums_alone(screen, p, wide, digits, 0, sums[0])
        for q in range(n):
            if digits.length[q] < _MOST:
                _note(store, screen, asked, p, wide, sums[q], digits, bounds, q, both)
    return -1


@compiled
def _longer(store: Store, bounds: Bounds) -> Bounds:
    n, room = bounds.uppers.shape
    room = min(4 * room, store.n + ROOM)
    made, places = np.empty((2, n, room), np.float32), np.empty((n, room), np.int32)
    for q in range(n):
        count = bounds.counts[q]
        made[0, q, :count], made[1, q, :count] = bounds.uppers[q, :count], bounds.lowers[q, :count]
        places[q, :count] = bounds.places[q, :count]
    b = bounds
    return Bounds(made[0], made[1], places, b.counts, b.caps, b.tops, b.seconds, b.floors, b.levels)


# ---- scores ---------------------------------------------------------------------------------------------------------


@compiled
def _score(
    store: Store, x: Floats, asked: Asked, wanted: NDArray[np.uint8], lists: Lists, q: int, first: int
) -> tuple[int, int]:
    """List the scores of one query with the panels wanted, from one on; (where the list has no room left, or -1; how
    many patterns were scored).
    """
    d, n_panels, scores = len(x), (store.n + LANES - 1) // LANES, np.empty((1, WIDE), x.dtype)
    query = Query(np.empty(d, x.dtype), np.empty(d, np.int32), np.empty((d + BLOCK - 1) // BLOCK + 1, np.int64))
    pack_query(x, False, query)
    p, n_scored, most = first, 0, lists.values.shape[1] - ROOM
    while p < n_panels:
        if not wanted[p]:
            p += 1
            continue
        if lists.counts[q] > most:
            return p, n_scored
        wide = 1
        while p + wide < n_panels and wide < TILE and wanted[p + wide]:
            wide += 1
        score_one(store.panels, p, wide, query, False, scores[0])
        take(store, asked, p, wide, scores, 0, lists, q)
        n_scored += min(wide * LANES, store.n - p * LANES)
        p += wide
    return -1, n_scored


@compiled
def _candidates(asked: Asked, digits: Digits, bounds: Bounds, q: int, wanted: NDArray[np.uint8]) -> None:
    """Which panels have a pattern that can matter; all, where sums could overflow."""
    wanted[:] = 0
    if digits.length[q] >= _MOST:
        wanted[:] = 1
    for _ in range(4):  # to the root, nearly
        _thin(asked, bounds, q)
    for i in range(bounds.counts[q]):
        wanted[bounds.places[q, i] // LANES] = 1


@compiled
def sift(
    store: Store,
    screen: Screen,
    x: NDArray[Any],
    asked: Asked,
    lists: Lists,
    scored: NDArray[np.int64],
    wanted: NDArray[np.uint8],
) -> Lists:
    """As `scan`, but patterns are scored in full only where their bounds do not rule them out.

    scored : (n,), filled: patterns scored in full; wanted : (n or 1, n_panels), filled: their panels
    """
    n, d = x.shape
    n_used = 0
    for q in range(n):
        for k in range(d):
            n_used += x[q, k] != 0
    wide = 1 if n < 4 or 4 * n_used < n * d else n
    digits, floats, whole = no_digits(wide, d), np.empty((4, wide), np.float32), np.zeros((2, wide), np.int64)
    made, places = np.empty((2, wide, _LENGTH), np.float32), np.empty((wide, _LENGTH), np.int32)
    bounds = Bounds(made[0], made[1], places, whole[0], whole[1], floats[0], floats[1], floats[2], floats[3])
    lists.counts[:], lists.caps[:], lists.tops[:], lists.seconds[:] = 0, CAP, -np.inf, -np.inf
    for begin in range(0, n, wide):
        for q in range(wide):
            put_digits(x[begin + q], wide > 1, q, digits)
            bounds.counts[q], bounds.caps[q], bounds.levels[q] = 0, CAP, lists.floors[begin + q]
            bounds.tops[q], bounds.seconds[q], bounds.floors[q] = -np.inf, -np.inf, -np.inf
        first = _bound(store, screen, asked, digits, bounds, 0)
        while first >= 0:
            bounds = _longer(store, bounds)
            first = _bound(store, screen, asked, digits, bounds, first)
        for q in range(wide):
            own = wanted[min(begin + q, len(wanted) - 1)]
            _candidates(asked, digits, bounds, q, own)
            if asked.mode != LEVEL:
                lists.floors[begin + q] = bounds.floors[q]
            first, scored[begin + q] = _score(store, x[begin + q], asked, own, lists, begin + q, 0)
            while first >= 0:
                lists = longer(store, lists)
                first, n_more = _score(store, x[begin + q], asked, own, lists, begin + q, first)
                scored[begin + q] += n_more
    return lists


__all__ = ["Screen", "no_digits", "put_digits", "put_screen", "sift"]
