"""Dendritic sums: how many active inputs reach each unit, by carry-save bit planes over packed rows.

A matrix holds one packed row per input (unit c in bit ``c % 64`` of word ``c // 64``). The active rows are added up in
bit planes, 512 units at a time: one read of the active rows, nothing else. Rows in the cache are taken two chunks at a
time with all planes in registers (`row_planes`). Rows from further away come slower than they can be added, and what
counts is how they are asked for (`far_row_planes`): four chunks of every row in turn, or, where rows are long, a few
rows at a time along a tile with the planes in the first-level cache.

Rows are named by address: `address_rows` builds the table once per query and pads it with the zero row that every
matrix of `bits.bit_matrix` ends with. Such a matrix may be over-read by 8 words, so rows need no padding to 512 units.
`dendritic_counts` takes any matrix.
"""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sdrsim.kernels import simd_sums
from sdrsim.kernels.jit import compiled, inlined

Words = NDArray[np.uint64]

GROUP = simd_sums.GROUP
PLANES = (4, 7, 10, 16)  # plane counts there is code for: up to 15, 127, 1023, 65535 active rows
CACHED_BYTES = 1 << 20  # rows of a batch that stay in a second-level cache; decides about speed alone
_P0, _P1, _P2, _P3 = PLANES
_MOST = (1 << _P3) - 1
_LONG = 64  # chunks (4 KB) of a row from which on tiles are faster than four chunks at a time
_TILE = 128  # chunks (8 KB) of a tile

_count_a, _count_b, _count_c, _count_d = (simd_sums.make_row_counter(p, 1) for p in PLANES)
_count2_a, _count2_b, _count2_c = (simd_sums.make_row_counter(p, 2) for p in PLANES[:3])
_count4_b, _count4_c = (simd_sums.make_row_counter(p, 4) for p in PLANES[1:3])
_tile_b, _tile_c, _tile_d = (simd_sums.make_tile_counter(p) for p in PLANES[1:])
_expand_a, _expand_b, _expand_c, _expand_d = (simd_sums.make_expander(p) for p in PLANES)
_bytes_a, _bytes_b, _bytes_c = (simd_sums.make_expander(p, simd_sums.I8) for p in PLANES[:3])


@inlined
def planes_for(n_active: int) -> int:
    """The smallest plane count that holds `n_active` without a carry out of the top."""
    if n_active < 1 << _P0:
        return _P0
    if n_active < 1 << _P1:
        return _P1
    if n_active < 1 << _P2:
        return _P2
    return _P3


@inlined
def address_rows(matrix: Words, first_row: int, active: NDArray[np.int32], table: Words) -> int:
    """Addresses of rows ``first_row + active`` into `table`, padded to whole groups with the zero row; returns the
    groups.
    """
    base, stride = np.uint64(matrix.ctypes.data), np.uint64(matrix.strides[0])
    n = len(active)
    n_groups = (n + GROUP - 1) // GROUP
    for i in range(n):
        table[i] = base + np.uint64(first_row + active[i]) * stride
    for i in range(n, n_groups * GROUP):
        table[i] = base + np.uint64(matrix.shape[0] - 1) * stride
    return n_groups


# ---- bit planes of one query ----------------------------------------------------------------------------------------


@inlined
def row_planes(table: Words, n_groups: int, n_planes: int, planes: Words) -> None:
    """Sum the rows of an address table into bit planes, uint64 (n_chunks, n_planes, 8)."""
    _near(table.ctypes.data, n_groups, n_planes, 0, planes.shape[0], planes.ctypes.data)


@compiled
def far_row_planes(table: Words, n_groups: int, n_planes: int, planes: Words) -> None:
    """`row_planes` for rows that are not in the cache: the same planes."""
    _far(table.ctypes.data, n_groups, n_planes, planes.shape[0], planes.ctypes.data)


@compiled
def _near(table: int, n_groups: int, n_planes: int, first: int, n_chunks: int, out: int) -> None:
    """Chunks first .. n_chunks - 1, two at a time; `table` and `out` are addresses."""
    n, rest = (n_chunks - first) // 2, (n_chunks - first) % 2
    if n_planes == _P0:
        _count2_a(table, n_groups, first, n, out)
        _count_a(table, n_groups, n_chunks - rest, rest, out)
    elif n_planes == _P1:
        _count2_b(table, n_groups, first, n, out)
        _count_b(table, n_groups, n_chunks - rest, rest, out)
    elif n_planes == _P2:
        _count2_c(table, n_groups, first, n, out)
        _count_c(table, n_groups, n_chunks - rest, rest, out)
    else:
        _count_d(table, n_groups, first, n_chunks - first, out)


@compiled
def _far(table: int, n_groups: int, n_planes: int, n_chunks: int, out: int) -> None:
    """All chunks: four at a time, or in tiles where rows are long; `table` and `out` are addresses."""
    if n_planes == _P0:
        _near(table, n_groups, n_planes, 0, n_chunks, out)
    elif n_planes == _P3 or n_chunks >= _LONG:
        for c in range(0, n_chunks, _TILE):
            n = min(_TILE, n_chunks - c)
            if n_planes == _P1:
                _tile_b(table, n_groups, c, n, out)
            elif n_planes == _P2:
                _tile_c(table, n_groups, c, n, out)
            else:
                _tile_d(table, n_groups, c, n, out)
    else:
        n = n_chunks // 4
        if n_planes == _P1:
            _count4_b(table, n_groups, 0, n, out)
        else:
            _count4_c(table, n_groups, 0, n, out)
        _near(table, n_groups, n_planes, 4 * n, n_chunks, out)


# ---- counts of one query --------------------------------------------------------------------------------------------


@inlined
def expand_planes(planes: Words, n_words: int, counts: NDArray[np.unsignedinteger]) -> None:
    """Bit planes (n_chunks, n_planes, 8) to uint16 or uint8 counts, 64 for each of `n_words` words.

    As uint8 no count may be above 255.
    """
    n_planes, size = planes.shape[1], counts.itemsize
    for c in range(planes.shape[0]):
        here, out = planes.ctypes.data + c * 64 * n_planes, counts.ctypes.data + c * 512 * size
        n = min(8, n_words - 8 * c)
        if size == 1:
            if n_planes == _P0:
                _bytes_a(here, n, out)
            elif n_planes == _P1:
                _bytes_b(here, n, out)
            else:
                _bytes_c(here, n, out)
        elif n_planes == _P0:
            _expand_a(here, n, out)
        elif n_planes == _P1:
            _expand_b(here, n, out)
        elif n_planes == _P2:
            _expand_c(here, n, out)
        else:
            _expand_d(here, n, out)


@inlined
def row_counts(
    table: Words, n_groups: int, n_planes: int, planes: Words, n_words: int, counts: NDArray[np.unsignedinteger]
) -> None:
    """Sum the rows of an address table into counts; `planes` is scratch for (n_chunks, n_planes, 8)."""
    n_chunks = (n_words + 7) // 8
    view = planes[: n_chunks * n_planes * 8].reshape((n_chunks, n_planes, 8))
    row_planes(table, n_groups, n_planes, view)
    expand_planes(view, n_words, counts)


@compiled
def dendritic_counts(words: Words, rows: NDArray[np.int32], n_units: int) -> NDArray[np.int32]:
    """(n_units,) int32: how many of the named rows of any packed matrix (n_rows, n_words) have each bit set.

    Rows may repeat. Nothing is read beyond the matrix, and it needs no row of zeros.

    Raises
    ------
    ValueError
        A row that is not there, more units than bits, words of a row not side by side.
    """
    n_words = words.shape[1]
    if n_units > 64 * n_words or (n_words > 1 and words.strides[1] != 8):
        raise ValueError("packed rows: expected contiguous words that hold all units")
    for r in rows:
        if r < 0 or r >= words.shape[0]:
            raise ValueError("row outside the matrix")
    counts = np.zeros(n_units, np.int32)
    n_chunks, n = (n_words + 7) // 8, min(len(rows), _MOST)
    table, planes = np.empty(n + GROUP, np.uint64), np.empty(n_chunks * planes_for(n) * 8, np.uint64)
    zeros, ends = np.zeros(8 * n_chunks, np.uint64), np.zeros((n if n_words % 8 else 0, 8), np.uint64)
    for start in range(0, len(rows), _MOST):
        _add_counts(words, rows[start : start + _MOST], table, zeros, ends, planes, counts)
    return counts


@compiled
def _add_counts(
    words: Words,
    rows: NDArray[np.int32],
    table: Words,
    zeros: Words,
    ends: Words,
    scratch: Words,
    counts: NDArray[np.int32],
) -> None:
    """Add the sums of at most 65535 rows. Where the last words of a row fill no chunk they are copied into `ends`.

    Scratch is handed in, since an array whose address alone is used would be freed before its time.
    """
    n, n_words = len(rows), words.shape[1]
    n_planes, n_chunks, whole = planes_for(n), (n_words + 7) // 8, n_words // 8
    planes = scratch[: n_chunks * n_planes * 8].reshape((n_chunks, n_planes, 8))
    base, stride, n_groups = np.uint64(words.ctypes.data), np.uint64(words.strides[0]), (n + GROUP - 1) // GROUP
    for i in range(n):
        table[i] = base + np.uint64(rows[i]) * stride
    table[n : n_groups * GROUP] = np.uint64(zeros.ctypes.data)
    if is_far(words, n):
        far_row_planes(table, n_groups, n_planes, planes[:whole])
    else:
        row_planes(table, n_groups, n_planes, planes[:whole])
    if whole < n_chunks:
        for i in range(n):
            ends[i, : n_words - 8 * whole] = words[rows[i], 8 * whole :]
            table[i] = np.uint64(ends.ctypes.data) + np.uint64(64 * i)
        row_planes(table, n_groups, n_planes, planes[whole:])
    some = np.empty(512, np.uint16)
    for c in range(n_chunks):
        expand_planes(planes[c : c + 1], min(8, n_words - 8 * c), some)
        here = counts[512 * c : 512 * (c + 1)]
        for i in range(len(here)):
            here[i] += some[i]


# ---- many queries in one call ---------------------------------------------------------------------------------------


def aligned(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeroed array whose first entry lies on a 64-byte boundary: vectors written to it cross no cache line.

    Results of the batches may lie anywhere; here they are written up to 7 % faster (measured).

    Examples
    --------
    >>> aligned((3, 128), np.uint8).ctypes.data % 64
    0
    """
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.zeros(n_bytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


@compiled
def is_far(matrix: Words, n_rows: int) -> bool:
    """Whether so many rows of a matrix will come from beyond the second-level cache."""
    return min(n_rows, matrix.shape[0]) * 8 * matrix.shape[1] > CACHED_BYTES


@compiled
def _longest(matrix: Words, indptr: NDArray[np.int64], indices: NDArray[np.int32], n_queries: int) -> int:
    """Most active inputs of a query, after a check that every one of them names a row."""
    if len(indptr) != n_queries + 1 or indptr[0] < 0 or indptr[-1] > len(indices):
        raise ValueError("queries: expected n + 1 offsets into the indices, and n results")
    if matrix.strides[1] != 8 and matrix.shape[1] > 1:
        raise ValueError("packed rows: expected contiguous words")
    longest, largest = 0, np.uint32(0)
    for q in range(n_queries):
        if indptr[q + 1] < indptr[q]:
            raise ValueError("queries: expected rising offsets")
        longest = max(longest, indptr[q + 1] - indptr[q])
    some = indices[indptr[0] : indptr[-1]]
    for i in range(len(some)):
        index = np.uint32(some[i])  # a negative one becomes a large one
        largest = index if index > largest else largest
    if len(some) > 0 and largest >= matrix.shape[0] - 1:
        raise ValueError("index outside the matrix (its last row is the row of zeros)")
    return longest


@compiled
def sum_planes_batch(matrix: Words, indptr: NDArray[np.int64], indices: NDArray[np.int32], planes: Words) -> None:
    """Dendritic sums of many queries as bit planes.

    Parameters
    ----------
    matrix : uint64 (n_inputs + 1, n_words), as `bits.bit_matrix` makes it
    indptr, indices : int64 (n + 1,), int32
        Active inputs of query q: ``indices[indptr[q]:indptr[q + 1]]`` (what an SDR holds).
    planes : uint64 (n, n_chunks, n_planes, 8)
        Takes the result (best made by `aligned`): ``n_chunks = ceil(n_words / 8)``, `n_planes` one of `PLANES` and
        enough for the largest sum. Bits of units beyond the last one are whatever stands behind the row.

    Raises
    ------
    ValueError
        Shapes that do not fit, too few planes, an index without a row; nothing was written.
    """
    longest = _longest(matrix, indptr, indices, planes.shape[0])
    n_chunks, n_planes = planes.shape[1], planes.shape[2]
    if n_chunks != (matrix.shape[1] + 7) // 8 or planes.shape[3] != 8 or not planes.flags.c_contiguous:
        raise ValueError("planes: expected a contiguous array (n, n_chunks, n_planes, 8)")
    if planes_for(1 << n_planes - 1) != n_planes or longest >= 1 << n_planes:
        raise ValueError("planes: expected one of PLANES, enough for the largest sum")
    far = is_far(matrix, indptr[-1] - indptr[0])
    table = np.empty(longest + GROUP, np.uint64)
    tab, out, step = table.ctypes.data, planes.ctypes.data, 64 * n_planes * n_chunks
    for q in range(len(planes)):
        n_groups = address_rows(matrix, 0, indices[indptr[q] : indptr[q + 1]], table)
        if far:
            _far(tab, n_groups, n_planes, n_chunks, out + q * step)
        else:
            _near(tab, n_groups, n_planes, 0, n_chunks, out + q * step)


@compiled
def sum_counts_batch(
    matrix: Words, indptr: NDArray[np.int64], indices: NDArray[np.int32], counts: NDArray[np.unsignedinteger]
) -> None:
    """Dendritic sums of many queries as counts.

    Parameters
    ----------
    matrix, indptr, indices
        As `sum_planes_batch` takes them.
    counts : uint16 or uint8 (n, 64 n_words)
        Takes the result; uint8, the faster, holds sums of up to 255 active inputs, uint16 up to 65535.

    Raises
    ------
    ValueError
        Shapes that do not fit, too many active inputs, an index without a row; nothing was written.
    """
    longest, n_words = _longest(matrix, indptr, indices, counts.shape[0]), matrix.shape[1]
    if counts.shape[1] != 64 * n_words or counts.itemsize > 2 or not counts.flags.c_contiguous:
        raise ValueError("counts: expected a contiguous uint8 or uint16 array (n, 64 n_words)")
    if longest >= 1 << 8 * counts.itemsize:
        raise ValueError("counts: too many active inputs for the type")
    n_chunks, far = (n_words + 7) // 8, is_far(matrix, indptr[-1] - indptr[0])
    table, scratch = np.empty(longest + GROUP, np.uint64), np.empty(n_chunks * planes_for(longest) * 8, np.uint64)
    for q in range(len(counts)):
        active = indices[indptr[q] : indptr[q + 1]]
        n_groups, n_planes = address_rows(matrix, 0, active, table), planes_for(len(active))
        planes = scratch[: n_chunks * n_planes * 8].reshape((n_chunks, n_planes, 8))
        if far:
            far_row_planes(table, n_groups, n_planes, planes)
        else:
            row_planes(table, n_groups, n_planes, planes)
        expand_planes(planes, n_words, counts[q])
