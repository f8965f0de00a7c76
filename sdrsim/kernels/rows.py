"""AND and OR of many packed rows: who is reached by all of them, who by any.

Rows are named by address, as in `sums.address_rows`: one table per query, rows of several matrices side by side. Rows
in the cache are combined in registers, four chunks of 512 units at a time; rows from further away a few at a time along
a tile, so that they are read as they lie.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd_rows
from sdrsim.kernels.bits import ZERO
from sdrsim.kernels.jit import compiled, inlined

Words = NDArray[np.uint64]

ROW_GROUP = simd_rows.ROW_GROUP
_TILE = 64  # chunks (4 KB) of a tile: the result stays in the first-level cache

_and_1, _and_4, _and_along = (simd_rows.make_combiner("and", n_side) for n_side in (1, 4, 0))
_or_1, _or_4, _or_along = (simd_rows.make_combiner("or", n_side) for n_side in (1, 4, 0))


@inlined
def row_address(matrix: Words, row: int) -> np.uint64:
    """Address of a row of a matrix of packed rows."""
    return np.uint64(matrix.ctypes.data) + np.uint64(row) * np.uint64(matrix.strides[0])


@inlined
def both(a: Words, b: Words, n_chunks: int, out: Words) -> None:
    """out = a & b, in whole chunks: a loop over a few words costs more in checks than in work."""
    simd_rows.and_words(a.ctypes.data, b.ctypes.data, out.ctypes.data, n_chunks)


@inlined
def moved(source: Words, target: Words, n_chunks: int) -> bool:
    """Copy whole chunks; whether anything changed."""
    return simd_rows.move_words(source.ctypes.data, target.ctypes.data, n_chunks) != ZERO


@inlined
def same(a: Words, b: Words, n_chunks: int) -> bool:
    """Whether whole chunks are equal."""
    return simd_rows.differ_words(a.ctypes.data, b.ctypes.data, n_chunks) == ZERO


@inlined
def filled(target: Words, n_chunks: int, word: np.uint64) -> None:
    """Fill whole chunks with a word."""
    simd_rows.fill_words(target.ctypes.data, n_chunks, word)


@inlined
def pad_table(table: Words, n: int) -> int:
    """Repeat the last of `n` addresses up to a whole group, which changes no AND and no OR; returns the groups."""
    n_groups = (n + ROW_GROUP - 1) // ROW_GROUP
    for i in range(n, n_groups * ROW_GROUP):
        table[i] = table[n - 1]
    return n_groups


@inlined
def and_rows(table: Words, n_rows: int, n_chunks: int, out: Words, far: bool, keep: bool) -> None:
    """AND of the rows of an address table (with room for `ROW_GROUP` more), in whole chunks of 8 words.

    With `keep`, what stands in `out` takes part; no rows at all: all ones.
    """
    tab, to, n_groups, held = table.ctypes.data, out.ctypes.data, pad_table(table, n_rows), 1 if keep else 0
    if far:
        for c in range(0, n_chunks, _TILE):
            _and_along(tab, n_groups, c, min(_TILE, n_chunks - c), to, held)
    else:
        _and_4(tab, n_groups, 0, n_chunks // 4, to, held)
        _and_1(tab, n_groups, n_chunks - n_chunks % 4, n_chunks % 4, to, held)


@compiled
def or_rows(table: Words, n_rows: int, n_chunks: int, out: Words, far: bool, keep: bool) -> None:
    """OR of the rows of an address table, as `and_rows`; no rows at all: zeros."""
    tab, to, n_groups, held = table.ctypes.data, out.ctypes.data, pad_table(table, n_rows), 1 if keep else 0
    if far:
        for c in range(0, n_chunks, _TILE):
            _or_along(tab, n_groups, c, min(_TILE, n_chunks - c), to, held)
    else:
        _or_4(tab, n_groups, 0, n_chunks // 4, to, held)
        _or_1(tab, n_groups, n_chunks - n_chunks % 4, n_chunks % 4, to, held)
