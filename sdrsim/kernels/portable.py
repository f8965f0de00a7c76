"""The vector code of the `simd` files once more as plain loops over arrays: the same results bit for bit, on any CPU.

Nothing is faster here. These are what a reader compares the intrinsics with, and what stands in for them where LLVM
cannot build them. Cells lie transposed, (n_cells, n_lanes): cell k of column q in ``cells[k, q]``; any number of lanes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import ALL_BITS, ZERO, fill_units, popcount
from sdrsim.kernels.jit import compiled

Words = NDArray[np.uint64]
Floats = NDArray[np.float32]


@compiled
def row_planes(matrix: Words, rows: NDArray[np.int64], planes: Words) -> None:
    """Sum packed rows into bit planes (n_chunks, n_planes, 8): a counter per bit, one row after another.

    A carry out of the top plane is lost. Words of the last chunk beyond the row's end are left 0.
    """
    planes[:] = np.uint64(0)
    for r in rows:
        for w in range(matrix.shape[1]):
            carry = matrix[r, w]
            for p in range(planes.shape[1]):
                held = planes[w // 8, p, w % 8]
                planes[w // 8, p, w % 8] = held ^ carry
                carry &= held


@compiled
def or_rows(matrix: Words, rows: NDArray[np.int64], mask: Words) -> int:
    """OR a packed row into each of the named rows; returns how many words changed.

    The mask may be longer than a row, with zeros there.
    """
    n_changed = 0
    for r in rows:
        for w in range(matrix.shape[1]):
            n_changed += mask[w] & ~matrix[r, w] != np.uint64(0)
            matrix[r, w] |= mask[w]
    return n_changed


@compiled
def expand(planes: Words, n_words: int, counts: NDArray[np.unsignedinteger]) -> None:
    """Bit planes (n_planes, 8) of one chunk to counts (uint8, uint16), 64 for each of `n_words` words."""
    for i in range(64 * n_words):
        total, place = np.uint64(0), np.uint64(i % 64)
        for p in range(planes.shape[0]):
            total |= ((planes[p, i // 64] >> place) & np.uint64(1)) << np.uint64(p)
        counts[i] = total


@compiled
def column_max(cells: NDArray[Any], out: NDArray[Any]) -> None:
    """Largest cell of each column, at least 0; uint16 or float32."""
    for q in range(cells.shape[1]):
        out[q] = 0
        for k in range(cells.shape[0]):
            if cells[k, q] > out[q]:
                out[q] = cells[k, q]


@compiled
def column_ties(cells: NDArray[Any], floor: NDArray[Any], n_ties: NDArray[np.int32], last: NDArray[np.int32]) -> None:
    """How many cells of each column reach its floor, and the last k that does (0: none); uint16 or float32."""
    for q in range(cells.shape[1]):
        n_ties[q], last[q] = 0, 0
        for k in range(cells.shape[0]):
            if cells[k, q] >= floor[q]:
                n_ties[q] += 1
                last[q] = k


@compiled
def column_total(cells: Floats, total: Floats, last: NDArray[np.int32]) -> None:
    """Sum of each column in float32 and rising k, and the last k whose cell is > 0 (-1: none)."""
    for q in range(cells.shape[1]):
        amount, last[q] = np.float32(0.0), -1
        for k in range(cells.shape[0]):
            amount += cells[k, q]
            if cells[k, q] > np.float32(0.0):
                last[q] = k
        total[q] = amount


@compiled
def column_pick(cells: Floats, level: Floats, out: NDArray[np.int32]) -> None:
    """How many running sums (float32, rising k) of each column are <= its level: the winner of a draw there."""
    for q in range(cells.shape[1]):
        running, out[q] = np.float32(0.0), 0
        for k in range(cells.shape[0]):
            running += cells[k, q]
            if running <= level[q]:
                out[q] += 1


@compiled
def gather(table: Floats, places: NDArray[np.uint16], out: Floats) -> None:
    """out[i] = table[places[i]]."""
    for i in range(len(places)):
        out[i] = table[places[i]]


@compiled
def interpolate(
    curve: Floats,
    values: Floats,
    scale: np.float32,
    shift: np.float32,
    top: np.float32,
    offset: np.float32,
    gain: np.float32,
    out: Floats,
) -> None:
    """out = offset + gain * curve at ``values * scale + shift`` held in 0 .. top, linear between the top + 2 points."""
    for i in range(len(values)):
        product = values[i] * scale
        place = min(max(product + shift, np.float32(0.0)), top)
        left = np.int64(place)
        slope = (place - np.float32(left)) * (curve[left + 1] - curve[left])
        out[i] = offset + gain * (curve[left] + slope)


@compiled
def kth_best(planes: Words, n_units: int, k: int, above: Words, equal: Words) -> tuple[int, int]:
    """The k-th best count as `winners.kth_best` finds it: (value, how many of the equal ones make k)."""
    fill_units(n_units, equal)
    above[:] = ZERO
    need, value = k, 0
    for p in range(planes.shape[1] - 1, -1, -1):
        n_high = ZERO
        for i in range((n_units + 63) // 64):
            n_high += popcount(equal[i] & planes[i >> 3, p, i & 7])
        flip = ZERO if int(np.int64(n_high)) >= need else ALL_BITS
        if flip == ZERO:
            value |= 1 << p
        else:
            need -= int(np.int64(n_high))
        for i in range((n_units + 63) // 64):
            plane = planes[i >> 3, p, i & 7]
            above[i] |= equal[i] & plane & flip
            equal[i] &= plane ^ flip
    return value, need


@compiled
def running_sums(
    table: Floats, counts: NDArray[np.uint16], running: Floats, total: Floats, last: NDArray[np.int32]
) -> None:
    """running[k, q] = sum of table[counts[0 .. k, q]] in float32; the total of each column, and the last k above 0
    (-1: none).
    """
    for q in range(counts.shape[1]):
        amount, last[q] = np.float32(0.0), -1
        for k in range(counts.shape[0]):
            value = table[counts[k, q]]
            amount += value
            running[k, q] = amount
            if value > np.float32(0.0):
                last[q] = k
        total[q] = amount


@compiled
def rank(running: Floats, level: Floats, out: NDArray[np.int32]) -> None:
    """How many running sums of each column are <= its level."""
    for q in range(running.shape[1]):
        out[q] = 0
        for k in range(running.shape[0]):
            out[q] += running[k, q] <= level[q]


@compiled
def and_rows(matrix: Words, rows: NDArray[np.int64], out: Words) -> None:
    """AND packed rows into what stands in `out`."""
    for r in rows:
        for w in range(matrix.shape[1]):
            out[w] &= matrix[r, w]


@compiled
def join_rows(matrix: Words, rows: NDArray[np.int64], out: Words) -> None:
    """OR packed rows into what stands in `out`."""
    for r in rows:
        for w in range(matrix.shape[1]):
            out[w] |= matrix[r, w]
