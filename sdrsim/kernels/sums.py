"""Dendritic sums: how many active inputs reach each unit, by carry-save bit planes over packed rows.

A matrix holds one packed row per input (unit c in bit ``c % 64`` of word ``c // 64``). The active rows are added up in
bit planes, 512 units at a time, in registers. `kernels.md`-style cost: one read of the active rows, nothing else.

Rows are named by address: `address_rows` builds the table once per query and pads it with the zero row that every
matrix of `bits.bit_matrix` ends with. Such a matrix may be over-read by 8 words, so rows need no padding to 512 units.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd
from sdrsim.kernels.jit import compiled

Words = NDArray[np.uint64]

GROUP = simd.GROUP
PLANES = (4, 7, 10, 16)  # plane counts there is code for: up to 15, 127, 1023, 65535 active rows
_P0, _P1, _P2, _P3 = PLANES

_count_a, _count_b, _count_c, _count_d = (simd.make_row_counter(p, 1) for p in PLANES)
_count2_a, _count2_b, _count2_c = (simd.make_row_counter(p, 2) for p in PLANES[:3])
_expand_a, _expand_b, _expand_c, _expand_d = (simd.make_expander(p) for p in PLANES)


@compiled
def planes_for(n_active: int) -> int:
    """The smallest plane count that holds `n_active` without a carry out of the top."""
    if n_active < 1 << _P0:
        return _P0
    if n_active < 1 << _P1:
        return _P1
    if n_active < 1 << _P2:
        return _P2
    return _P3


@compiled
def address_rows(matrix: Words, first_row: int, active: NDArray[np.int32], table: Words) -> int:
    """Addresses of rows ``first_row + active`` into `table`, then the zero row up to whole groups; returns groups."""
    base, stride = np.uint64(matrix.ctypes.data), np.uint64(matrix.strides[0])
    n = len(active)
    n_groups = (n + GROUP - 1) // GROUP
    for i in range(n):
        table[i] = base + np.uint64(first_row + active[i]) * stride
    for i in range(n, n_groups * GROUP):
        table[i] = base + np.uint64(matrix.shape[0] - 1) * stride
    return n_groups


@compiled
def row_planes(table: Words, n_groups: int, n_planes: int, planes: Words) -> None:
    """Sum the rows of an address table into bit planes, uint64 (n_chunks, n_planes, 8)."""
    tab, out, step = table.ctypes.data, planes.ctypes.data, 64 * n_planes
    n_chunks = planes.shape[0]
    c = 0
    if n_planes == _P0:
        while c + 2 <= n_chunks:
            _count2_a(tab, n_groups, c * 64, out + c * step)
            c += 2
        if c < n_chunks:
            _count_a(tab, n_groups, c * 64, out + c * step)
    elif n_planes == _P1:
        while c + 2 <= n_chunks:
            _count2_b(tab, n_groups, c * 64, out + c * step)
            c += 2
        if c < n_chunks:
            _count_b(tab, n_groups, c * 64, out + c * step)
    elif n_planes == _P2:
        while c + 2 <= n_chunks:
            _count2_c(tab, n_groups, c * 64, out + c * step)
            c += 2
        if c < n_chunks:
            _count_c(tab, n_groups, c * 64, out + c * step)
    else:
        for c in range(n_chunks):
            _count_d(tab, n_groups, c * 64, out + c * step)


@compiled
def expand_planes(planes: Words, n_words: int, counts: NDArray[np.uint16]) -> None:
    """Bit planes (n_chunks, n_planes, 8) to uint16 counts, 64 for each of `n_words` words."""
    n_planes = planes.shape[1]
    for c in range(planes.shape[0]):
        here, out = planes.ctypes.data + c * 64 * n_planes, counts.ctypes.data + c * 1024
        n = min(8, n_words - 8 * c)
        if n_planes == _P0:
            _expand_a(here, n, out)
        elif n_planes == _P1:
            _expand_b(here, n, out)
        elif n_planes == _P2:
            _expand_c(here, n, out)
        else:
            _expand_d(here, n, out)


@compiled
def row_counts(
    table: Words, n_groups: int, n_planes: int, planes: Words, n_words: int, counts: NDArray[np.uint16]
) -> None:
    """Sum the rows of an address table into uint16 counts; `planes` is scratch for (n_chunks, n_planes, 8)."""
    n_chunks = (n_words + 7) // 8
    view = planes[: n_chunks * n_planes * 8].reshape((n_chunks, n_planes, 8))
    row_planes(table, n_groups, n_planes, view)
    expand_planes(view, n_words, counts)
