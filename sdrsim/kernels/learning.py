"""Binary Hebbian learning: OR a code of units into the rows of the active inputs of a bit matrix.

Two forms do the same: `or_rows` runs over whole rows and vectorises, `or_words` touches only the words that hold a bit
of the code, one by one. A word costs two to four times as much there (measured: the two meet where the code has
between 0.25 and 0.5 of the row's words), so `learn` takes the list when the code has fewer than a third of them.

Every touched word is read, OR-ed and written, also when nothing changes: testing first saves nothing where the outcome
is foreseeable and costs up to twice the time where it is not (measured). So words written = words read, and a
traffic ledger that counts them tells what happened; words put back as they were (silent stores) are counted beside
them. Each function returns (bits newly set, words read and written, silent ones of these); rows may repeat, which
changes nothing but the numbers of words.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Indices, Words, popcount
from sdrsim.kernels.jit import compiled

Offsets = NDArray[np.int64]

_6 = np.uint64(6)


@compiled
def or_rows(matrix: Words, rows: Indices, mask_words: Words) -> tuple[int, int, int]:
    """OR the packed code `mask_words` (n_words,) into the given rows; returns bits newly set, words touched, silent."""
    n_new, n_silent, n_words = ZERO, ZERO, len(mask_words)
    for r in range(len(rows)):
        row = matrix[np.uint64(rows[r])]
        for i in range(n_words):
            old = row[i]
            new = old | mask_words[i]
            row[i] = new
            n_new += popcount(new ^ old)
            n_silent += ONE if new == old else ZERO
    return int(np.int64(n_new)), len(rows) * n_words, int(np.int64(n_silent))


@compiled
def or_words(matrix: Words, rows: Indices, word_index: Indices, word_mask: Words) -> tuple[int, int, int]:
    """OR a code given as a list of words (see `code_words`) into the rows; returns as `or_rows` does."""
    n_new, n_silent, n_rows, n_list = ZERO, ZERO, len(rows), len(word_index)
    whole = n_rows - n_rows % 4
    for r in range(0, whole, 4):  # four rows for one reading of the list
        a, b, c, d = rows[r], rows[r + 1], rows[r + 2], rows[r + 3]
        for i in range(n_list):
            word, mask = word_index[i], word_mask[i]
            new_a, silent_a = _or_word(matrix, a, word, mask)
            new_b, silent_b = _or_word(matrix, b, word, mask)
            new_c, silent_c = _or_word(matrix, c, word, mask)
            new_d, silent_d = _or_word(matrix, d, word, mask)
            n_new += new_a + new_b + new_c + new_d
            n_silent += silent_a + silent_b + silent_c + silent_d
    for r in range(whole, n_rows):
        for i in range(n_list):
            new_a, silent_a = _or_word(matrix, rows[r], word_index[i], word_mask[i])
            n_new += new_a
            n_silent += silent_a
    return int(np.int64(n_new)), n_rows * n_list, int(np.int64(n_silent))


@compiled
def _or_word(matrix: Words, row: int, word: int, mask: np.uint64) -> tuple[np.uint64, np.uint64]:
    old = matrix[np.uint64(row), np.uint64(word)]
    new = old | mask
    matrix[np.uint64(row), np.uint64(word)] = new
    return popcount(new ^ old), ONE if new == old else ZERO


@compiled
def code_words(active_units: Indices, word_index: Indices, word_mask: Words) -> int:
    """List the words of a sorted code: their places and bits. Returns how many (at most one per unit)."""
    n = 0
    for unit in active_units:
        u = np.uint64(unit)
        word, bit = np.int32(u >> _6), ONE << (u & LOW_6)
        if n > 0 and word_index[n - 1] == word:
            word_mask[n - 1] |= bit
        else:
            word_index[n] = word
            word_mask[n] = bit
            n += 1
    return n


@compiled
def learn(matrix: Words, rows: Indices, active_units: Indices) -> tuple[int, int, int]:
    """Set the bits (row, unit) of all pairs, the cheaper way; returns bits newly set, words touched, silent.

    `matrix` (.., n_words) as `bits.bit_matrix` makes it, `rows` any order, `active_units` sorted.
    """
    n_words = matrix.shape[1]
    n_list = min(len(active_units), n_words)
    word_index = np.empty(n_list, np.int32)
    word_mask = np.empty(n_list, np.uint64)
    n = code_words(active_units, word_index, word_mask)
    if 3 * n < n_words:
        return or_words(matrix, rows, word_index[:n], word_mask[:n])
    mask_words = np.zeros(n_words, np.uint64)
    for i in range(n):
        mask_words[word_index[i]] = word_mask[i]
    return or_rows(matrix, rows, mask_words)


@compiled
def learn_items(
    matrix: Words, pre_indptr: Offsets, pre: Indices, post_indptr: Offsets, post: Indices, n_new: Offsets
) -> tuple[int, int]:
    """`learn` many items in one call, both sides given as (indptr, indices) of a code with one entry per item.

    The bits each item newly set go to `n_new` (n_items,), in the order of the items; returns the words read and written
    by all, and the silent ones of these.
    """
    n_touched, n_silent = 0, 0
    for m in range(len(n_new)):
        rows, units = pre[pre_indptr[m] : pre_indptr[m + 1]], post[post_indptr[m] : post_indptr[m + 1]]
        n_new[m], touched, silent = learn(matrix, rows, units)
        n_touched += touched
        n_silent += silent
    return n_touched, n_silent
