"""The learning law: every active input onto every open winner, once (docs/models/sparsey.md)."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd
from sdrsim.kernels.jit import inlined
from sdrsim.models.sparsey.kernels.layout import WORDS_READ, WORDS_SILENT, WORDS_WRITTEN, WRITES, Memory, Rule, Work


@inlined
def or_mask(words: NDArray[np.uint64], first_row: int, active: NDArray[np.int32], work: Work) -> tuple[int, int]:
    """OR `work.mask` into the active rows (their addresses stand in `work.table`) and clear it; returns words
    touched a row, and how many words of all rows changed.

    By a list of words when few of them hold a bit of the code, else whole rows at a time.
    """
    n_words, n_used, n_changed, mask = words.shape[1], 0, 0, work.mask
    for w in range(n_words):
        n_used += mask[w] != 0
    if 8 * n_used < n_words:
        places = np.flatnonzero(mask)
        for a in range(len(active)):
            for w in places:
                old = words[first_row + active[a], w]
                words[first_row + active[a], w] = old | mask[w]
                n_changed += old | mask[w] != old
    else:
        n_used = n_words
        n_changed = simd.or_rows(work.table.ctypes.data, len(active), len(mask) // 8, mask.ctypes.data)
    mask[:] = np.uint64(0)
    return n_used, n_changed


@inlined
def write(
    rule: Rule,
    memory: Memory,
    mac: int,
    active: NDArray[np.int32],
    work: Work,
    winners: NDArray[np.int16],
    stats: NDArray[np.int64],
) -> bool:
    """Learning: set the weight of every active input onto every open winner; True if any weight was new.

    A winner that `o` of the A active inputs already reach gains exactly A - o weights, so nothing has to be counted
    row by row, and an item whose winners know it is not written at all. Words that hold new weights in some rows only
    are written as they were in the others (silent stores).
    """
    n_set, closed, mask, n_active = memory.n_set[mac], memory.closed[mac], work.mask, len(active)
    n_new = np.int64(0)
    for q in range(rule.n_cms):
        i = winners[q] * rule.n_lanes + q
        gain = n_active - np.int64(work.counts[i])
        if gain > 0 and closed[i] == 0:
            n_set[i] += gain
            n_new += gain
            if n_set[i] >= rule.close_at:
                closed[i] = 1
            mask[i >> 6] |= np.uint64(1) << np.uint64(i & 63)
    if n_new == 0:
        return False
    n_words, n_changed = or_mask(memory.words, mac * rule.n_inputs, active, work)
    stats[WRITES] += 1
    stats[WORDS_READ] += n_words * n_active
    stats[WORDS_WRITTEN] += n_words * n_active
    stats[WORDS_SILENT] += n_words * n_active - n_changed
    return True
