"""Bit matrices: how packed rows lie in memory, and the ways in and out of them.

Unit c of a row stands in bit ``c % 64`` of word ``c // 64``; bits at and beyond the last unit are zero. A matrix made
by `bit_matrix` ends with one row of zeros, with which tables of row addresses are padded to whole groups, and with
`SLACK_WORDS` words more: kernels may read that far past the end of any row, and write back what they read there.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.kernels.jit import compiled

Words = NDArray[np.uint64]
Indices = NDArray[np.int32]

SLACK_WORDS = 8
_ALIGNMENT = 64  # bytes: one cache line, one 512-bit vector

ZERO, ONE, ALL_BITS = np.uint64(0), np.uint64(1), np.uint64(0xFFFFFFFFFFFFFFFF)
LOW_6 = np.uint64(63)
_TWO, _FOUR, _56 = np.uint64(2), np.uint64(4), np.uint64(56)
_PAIRS, _NIBBLES = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
_BYTES, _EVERY_BYTE = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(0x0101010101010101)


def n_words(n_units: int) -> int:
    """64-bit words that hold `n_units` bits.

    Examples
    --------
    >>> n_words(0), n_words(64), n_words(65)
    (0, 1, 2)
    """
    return (n_units + 63) // 64


def bit_matrix(n_rows: int, n_words: int) -> Words:
    """Zeroed bit matrix of `n_rows` rows, with the row of zeros behind them.

    Parameters
    ----------
    n_rows, n_words : int
        Rows that can be written, and 64-bit words in each.

    Returns
    -------
    uint64 array (n_rows + 1, n_words)
        C-contiguous, first word on a 64-byte boundary, with `SLACK_WORDS` zero words after the end. Keep the last row
        zero. A row lies on a 64-byte boundary when `n_words` is a multiple of 8.

    Raises
    ------
    ValueError
        A negative size.

    Examples
    --------
    >>> bit_matrix(10, 3).shape
    (11, 3)
    """
    if n_rows < 0 or n_words < 0:
        raise ValueError(f"bit matrix of {n_rows} rows of {n_words} words: sizes must be >= 0")
    size = (n_rows + 1) * n_words
    flat = np.zeros(8 * (size + SLACK_WORDS) + _ALIGNMENT, np.uint8)
    start = -flat.ctypes.data % _ALIGNMENT
    words: Words = flat[start : start + 8 * (size + SLACK_WORDS)].view(np.uint64)
    return words[:size].reshape(n_rows + 1, n_words)


def pack_rows(dense: ArrayLike) -> Words:
    """Bit matrix with the rows of a dense array.

    Parameters
    ----------
    dense : bool or 0/1 array (n, n_units)
        Anything not zero is a one.

    Returns
    -------
    uint64 array (n + 1, n_words)
        As `bit_matrix` makes it: the row of zeros stands last.

    Examples
    --------
    >>> pack_rows([[1, 0, 1]]).tolist()
    [[5], [0]]
    """
    rows = np.asarray(dense, dtype=np.bool_)
    n, n_units = rows.shape
    matrix = bit_matrix(n, n_words(n_units))
    packed = np.packbits(rows, axis=1, bitorder="little")
    padded = np.zeros((n, 8 * matrix.shape[1]), np.uint8)
    padded[:, : packed.shape[1]] = packed
    matrix[:n] = padded.view("<u8").reshape(n, matrix.shape[1])
    return matrix


def unpack_rows(words: Words, n_units: int) -> NDArray[np.bool_]:
    """Dense bool array of packed words.

    Parameters
    ----------
    words : uint64 array (..., n_words)
        One packed row or many; of a bit matrix pass ``matrix[:-1]`` to leave the row of zeros out.
    n_units : int
        Units to unpack, at most 64 n_words.

    Returns
    -------
    bool array (..., n_units)

    Examples
    --------
    >>> unpack_rows(np.array([5], np.uint64), 4).tolist()
    [True, False, True, False]
    """
    as_bytes = np.ascontiguousarray(words, dtype="<u8").view(np.uint8)
    return np.unpackbits(as_bytes, axis=-1, count=n_units, bitorder="little").view(np.bool_)


@compiled
def popcount(word: np.uint64) -> np.uint64:
    """Ones in a word. LLVM knows the form and puts the machine's own instruction, also for vectors, in its place."""
    x = word - ((word >> ONE) & _PAIRS)
    x = (x & _NIBBLES) + ((x >> _TWO) & _NIBBLES)
    x = (x + (x >> _FOUR)) & _BYTES
    return (x * _EVERY_BYTE) >> _56


@compiled
def count_bits(words: Words) -> int:
    """Ones in a 1-D array of words."""
    total = ZERO
    for i in range(len(words)):
        total += popcount(words[i])
    return int(np.int64(total))


@compiled
def low_bits(n: int) -> np.uint64:
    """Word with the lowest `n` bits set (n <= 0: none; n >= 64: all)."""
    if n <= 0:
        return ZERO
    if n >= 64:
        return ALL_BITS
    return (ONE << np.uint64(n)) - ONE


@compiled
def fill_units(n_units: int, out_words: Words) -> None:
    """Set the bits of units 0 .. n_units - 1 and clear all others of `out_words`."""
    for i in range(len(out_words)):
        out_words[i] = low_bits(n_units - 64 * i)


@compiled
def pack_indices(active_units: Indices, out_words: Words) -> None:
    """Set the bits of the active units and clear all others of `out_words`."""
    out_words[:] = ZERO
    for unit in active_units:
        u = np.uint64(unit)
        out_words[u // np.uint64(64)] |= ONE << (u & LOW_6)


@compiled
def unpack_indices(words: Words, out: Indices) -> int:
    """Write the units whose bits are set, rising, to `out` (which must be long enough); returns how many.

    Words that hold none are passed over without a branch each: in sparse codes nobody could foretell it.
    """
    n = 0
    for first in range(0, len(words), 64):
        some = words[first : first + 64]
        held = ZERO
        for i in range(len(some)):
            held |= np.uint64(some[i] != ZERO) << np.uint64(i)
        while held != ZERO:
            i = np.int64(popcount((held & (~held + ONE)) - ONE))
            held &= held - ONE
            word = some[i]
            while True:
                out[n] = 64 * (first + i) + np.int64(popcount((word & (~word + ONE)) - ONE))
                n += 1
                word &= word - ONE
                if word == ZERO:
                    break
    return n


def density(matrix: Words, n_units: int) -> float:
    """Share of ones among the bits of a bit matrix that belong to units, the row of zeros left out.

    Parameters
    ----------
    matrix : uint64 array (n_rows + 1, n_words)
        As `bit_matrix` makes it.
    n_units : int
        Units per row.

    Returns
    -------
    float
        0 for a matrix without units.

    Examples
    --------
    >>> density(pack_rows([[1, 0, 1, 0], [1, 0, 0, 0]]), 4)
    0.375
    """
    n_synapses = (matrix.shape[0] - 1) * n_units
    return count_bits(matrix.reshape(-1)) / n_synapses if n_synapses else 0.0
