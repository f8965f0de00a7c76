"""Patterns in panels of 16: writing them, scoring a tile of them, reading the weighted mean of some back.

``panels[p, k, lane]`` is coordinate k of pattern ``16 p + lane``. A score sums over k in blocks of 128, each one chain
of fused multiply-adds from 0, block after block: in the same order for one query and for many, so that the bits are
the same; and coordinates of a query that are 0 add nothing, so that leaving them out changes no bit and saves their
columns.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.simd_panels import make_tile, turn_panel

Cells = NDArray[np.float32] | NDArray[np.float64]

LANES = 16
BLOCK = 128  # coordinates of a chain
SIDE = 8  # queries of a packed tile
PARTS = 4  # of the patterns, read side by side for a query alone: memory gives more to several streams than to one

_tile_8x3, _tile_8x1 = make_tile(SIDE, 3), make_tile(SIDE, 1)
_tile_1x4, _tile_1x1 = make_tile(1, 4), make_tile(1, 1)
_some_1x4, _some_1x1 = make_tile(1, 4, indexed=True), make_tile(1, 1, indexed=True)
_away_8x3, _away_8x1 = make_tile(SIDE, 3, distance=True), make_tile(SIDE, 1, distance=True)
_away_1x4, _away_1x1 = make_tile(1, 4, distance=True), make_tile(1, 1, distance=True)
_far, _far_some = make_tile(1, PARTS, far=True), make_tile(1, PARTS, indexed=True, far=True)
_far_away = make_tile(1, PARTS, distance=True, far=True)
_NOWHERE = np.uint64(0)
_FEW = 2  # uses of a panel that do not pay for turning it


class Query(NamedTuple):
    """One query, its coordinates other than 0 side by side.

    values : (n_dims,) of which the first ``starts[-1]`` count
    places : (n_dims,) int32, their k
    starts : (n_blocks + 1,) int64, where each block of 128 k begins among them
    """

    values: Cells
    places: NDArray[np.int32]
    starts: NDArray[np.int64]


@compiled
def put_patterns(panels: Cells, n: int, rows: Cells) -> None:
    """Write patterns behind the first n."""
    for i in range(len(rows)):
        p, lane = divmod(n + i, LANES)
        for k in range(rows.shape[1]):
            panels[p, k, lane] = rows[i, k]


@compiled
def get_patterns(panels: Cells, first: int, out: Cells) -> None:
    """Copy patterns from `first` on to the rows of `out`."""
    for i in range(len(out)):
        p, lane = divmod(first + i, LANES)
        for k in range(out.shape[1]):
            out[i, k] = panels[p, k, lane]


@compiled
def pack_query(x: Cells, keep_zeros: bool, query: Query) -> int:
    """Fill `query` from its coordinates; how many of them count."""
    n = 0
    for k in range(len(x)):
        if k % BLOCK == 0:
            query.starts[k // BLOCK] = n
        if keep_zeros or x[k] != 0:
            query.values[n], query.places[n] = x[k], k
            n += 1
    query.starts[(len(x) + BLOCK - 1) // BLOCK] = n
    return n


@compiled
def pack_queries(x: Cells, packed: Cells) -> None:
    """Queries side by side in eights, ``packed[group, k, query]``; those missing in the last group are 0."""
    for g in range(len(packed)):
        for k in range(x.shape[1]):
            for q in range(SIDE):
                i = g * SIDE + q
                packed[g, k, q] = x[i, k] if i < len(x) else 0


@inlined
def score_one(panels: Cells, first: int, n_panels: int, query: Query, distance: bool, out: Cells) -> None:
    """Scores of one query with `n_panels` panels into ``out[16 * n_panels]``: dot product, or minus the L1 distance."""
    one, cell = query.values[0], panels[0, 0, 0]
    stride, size = panels.strides[0], out.itemsize
    out[: LANES * n_panels] = 0
    base = np.uint64(panels.ctypes.data) + np.uint64(first * stride)
    x, places, target = query.values.ctypes.data, query.places.ctypes.data, np.uint64(out.ctypes.data)
    p = 0
    while p < n_panels:
        wide = n_panels - p >= 4
        for block in range(len(query.starts) - 1):
            begin, end = query.starts[block], query.starts[block + 1]
            rows = min(BLOCK, panels.shape[1] - block * BLOCK)
            here = base + np.uint64(p * stride)
            source, to = np.uint64(x) + np.uint64(begin * size), target + np.uint64(p * LANES * size)
            if distance:
                start = here + np.uint64(block * BLOCK * panels.strides[1])
                if wide:
                    _away_1x4(one, cell, start, stride, source, rows, _NOWHERE, to, 0)
                else:
                    _away_1x1(one, cell, start, stride, source, rows, _NOWHERE, to, 0)
            elif end - begin == rows:
                start = here + np.uint64(block * BLOCK * panels.strides[1])
                if wide:
                    _tile_1x4(one, cell, start, stride, source, rows, _NOWHERE, to, 0)
                else:
                    _tile_1x1(one, cell, start, stride, source, rows, _NOWHERE, to, 0)
            elif end > begin:
                which = np.uint64(places) + np.uint64(begin * 4)
                if wide:
                    _some_1x4(one, cell, here, stride, source, end - begin, which, to, 0)
                else:
                    _some_1x1(one, cell, here, stride, source, end - begin, which, to, 0)
        p += 4 if wide else 1


@inlined
def score_parts(panels: Cells, first: int, n_panels: int, part: int, query: Query, distance: bool, out: Cells) -> None:
    """Scores of one query with `n_panels` panels of each of four parts of `part` panels, into ``out[part, >= 16 *
    n_panels]``, as `score_one` gives them.
    """
    one, cell = query.values[0], panels[0, 0, 0]
    stride, size, row = panels.strides[0], out.itemsize, out.strides[0]
    out[:, : LANES * n_panels] = 0
    x, places, target = query.values.ctypes.data, query.places.ctypes.data, np.uint64(out.ctypes.data)
    for p in range(n_panels):
        here = np.uint64(panels.ctypes.data) + np.uint64((first + p) * stride)
        to = target + np.uint64(p * LANES * size)
        for block in range(len(query.starts) - 1):
            begin, end = query.starts[block], query.starts[block + 1]
            rows = min(BLOCK, panels.shape[1] - block * BLOCK)
            source, start = np.uint64(x) + np.uint64(begin * size), here + np.uint64(block * BLOCK * panels.strides[1])
            if distance:
                _far_away(one, cell, start, part * stride, source, rows, _NOWHERE, to, row)
            elif end - begin == rows:
                _far(one, cell, start, part * stride, source, rows, _NOWHERE, to, row)
            elif end > begin:
                which = np.uint64(places) + np.uint64(begin * 4)
                _far_some(one, cell, here, part * stride, source, end - begin, which, to, row)


@inlined
def score_many(panels: Cells, first: int, n_panels: int, packed: Cells, distance: bool, out: Cells) -> None:
    """Scores of packed queries with `n_panels` panels into ``out[8 * n_groups, >= 16 * n_panels]``."""
    one, cell = packed[0, 0, 0], panels[0, 0, 0]
    stride, row, size = panels.strides[0], out.strides[0], out.itemsize
    out[:, : LANES * n_panels] = 0
    base, x = np.uint64(panels.ctypes.data) + np.uint64(first * stride), np.uint64(packed.ctypes.data)
    target = np.uint64(out.ctypes.data)
    p = 0
    while p < n_panels:
        wide = n_panels - p >= 3
        for k in range(0, panels.shape[1], BLOCK):  # 24 KB of panels stay in the first-level cache for all queries
            n = min(BLOCK, panels.shape[1] - k)
            here = base + np.uint64(p * stride + k * panels.strides[1])
            for g in range(len(packed)):
                source = x + np.uint64(g * packed.strides[0] + k * packed.strides[1])
                to = target + np.uint64(g * SIDE * row + p * LANES * size)
                if distance:
                    if wide:
                        _away_8x3(one, cell, here, stride, source, n, _NOWHERE, to, row)
                    else:
                        _away_8x1(one, cell, here, stride, source, n, _NOWHERE, to, row)
                elif wide:
                    _tile_8x3(one, cell, here, stride, source, n, _NOWHERE, to, row)
                else:
                    _tile_8x1(one, cell, here, stride, source, n, _NOWHERE, to, row)
        p += 3 if wide else 1


@compiled
def _by_panel(places: NDArray[np.int32], n_panels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(begin of each panel's uses, the uses): places ordered by panel, else as they come."""
    begins, uses = np.zeros(n_panels + 1, np.int64), np.empty(len(places), np.int64)
    for place in places:
        begins[place // LANES + 1] += 1
    for p in range(n_panels):
        begins[p + 1] += begins[p]
    at = begins.copy()
    for i in range(len(places)):
        p = places[i] // LANES
        uses[at[p]] = i
        at[p] += 1
    return begins, uses


@compiled
def mean_of_patterns(
    panels: Cells, indptr: NDArray[np.int64], places: NDArray[np.int32], weights: NDArray[np.float64], out: Cells
) -> None:
    """out[q] = weighted sum of patterns ``places[indptr[q]:indptr[q + 1]]``, rising; float64 sums, in this order.

    Where panels are used often, panel by panel for all queries, and turned into rows first, which add faster.
    """
    n, d = len(out), panels.shape[1]
    total = np.zeros((n, d))
    if len(places) > _FEW * len(panels):
        _add_by_panel(panels, indptr, places, weights, total)
    else:
        for q in range(n):
            for i in range(indptr[q], indptr[q + 1]):
                w, panel, lane = weights[i], panels[places[i] // LANES], places[i] % LANES
                for k in range(d):
                    total[q, k] += w * np.float64(panel[k, lane])
    for q in range(n):
        for k in range(d):
            out[q, k] = total[q, k]


@compiled
def _add_by_panel(
    panels: Cells,
    indptr: NDArray[np.int64],
    places: NDArray[np.int32],
    weights: NDArray[np.float64],
    total: NDArray[np.float64],
) -> None:
    n, d = total.shape
    rows, owner = np.empty((LANES, d), panels.dtype), np.empty(len(places), np.int32)
    begins, uses = _by_panel(places, len(panels))
    for q in range(n):
        owner[indptr[q] : indptr[q + 1]] = q
    for p in range(len(panels)):
        few = begins[p + 1] - begins[p] <= _FEW
        if not few:
            _turn(panels, p, rows)
        for j in range(begins[p], begins[p + 1]):
            i = uses[j]
            sums, w, lane = total[owner[i]], weights[i], places[i] % LANES
            if few:
                for k in range(d):
                    sums[k] += w * np.float64(panels[p, k, lane])
            else:
                row = rows[lane]
                for k in range(d):
                    sums[k] += w * np.float64(row[k])


@inlined
def _turn(panels: Cells, p: int, rows: Cells) -> None:
    n_groups = panels.shape[1] // LANES
    turn_panel(panels[0, 0, 0], panels[p].ctypes.data, n_groups, rows.ctypes.data, rows.strides[0])
    for k in range(n_groups * LANES, panels.shape[1]):
        for lane in range(LANES):
            rows[lane, k] = panels[p, k, lane]


@compiled
def mean_of_rows(
    values: Cells, indptr: NDArray[np.int64], places: NDArray[np.int32], weights: NDArray[np.float64], out: Cells
) -> None:
    """As `mean_of_patterns`, of values kept as rows."""
    total = np.empty(values.shape[1])
    for q in range(len(out)):
        total[:] = 0.0
        for i in range(indptr[q], indptr[q + 1]):
            row, w = values[places[i]], weights[i]
            for k in range(len(total)):
                total[k] += w * np.float64(row[k])
        for k in range(len(total)):
            out[q, k] = total[k]
