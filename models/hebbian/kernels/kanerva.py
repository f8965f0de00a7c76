"""Kanerva's memory: hard locations near a word are activated; their counters are written, or summed and read."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words, low_bits, pack_indices, popcount, unpack_indices
from sdrsim.kernels.growing import room_for
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import key

Indices = NDArray[np.int32]
Offsets = NDArray[np.int64]

LIMIT = 32767  # counters stay within -LIMIT .. LIMIT


class Hard(NamedTuple):
    """The hard locations: (n_locations, n_words) addresses, (n_locations, n_units) counters, largest distance."""

    addresses: Words
    counters: NDArray[np.int16]
    radius: int


@compiled
def draw_addresses(n_units: int, seed: np.uint64, out: Words) -> None:
    """Fair bits: word w of location l is the key ``(seed, l, w, 0)``, cut off at the last unit."""
    for place in range(out.shape[0]):
        for w in range(out.shape[1]):
            out[place, w] = key(seed, place, w, 0) & low_bits(n_units - 64 * w)


@compiled
def activate(addresses: Words, word: Words, radius: int, out: Indices) -> int:
    """Write the locations within `radius` of the word, rising, to `out` (room for all); returns how many."""
    n = 0
    for place in range(addresses.shape[0]):
        distance = ZERO
        for w in range(addresses.shape[1]):
            distance += popcount(addresses[place, w] ^ word[w])
        out[n] = place  # written always: a branch could not be foretold
        n += 1 if np.int64(distance) <= radius else 0
    return n


@compiled
def count_activated(addresses: Words, radius: int, indptr: Offsets, indices: Indices) -> Offsets:
    """Locations that each word activates."""
    word, active = np.empty(addresses.shape[1], np.uint64), np.empty(addresses.shape[0], np.int32)
    out = np.empty(len(indptr) - 1, np.int64)
    for m in range(len(out)):
        pack_indices(indices[indptr[m] : indptr[m + 1]], word)
        out[m] = activate(addresses, word, radius, active)
    return out


@compiled
def store_words(hard: Hard, indptr: Offsets, indices: Indices, trace: bool) -> tuple[int, int, Offsets]:
    """Add +1 for each bit that is on and -1 for each that is off, at the locations the word activates.

    Returns counters changed, rows written, and the accesses: address row l as l, counter row l as n_locations + l.
    """
    n_locations, n_units = hard.counters.shape
    word, active = np.empty(hard.addresses.shape[1], np.uint64), np.empty(n_locations, np.int32)
    step, log = np.empty(n_units, np.int32), np.empty(0, np.int64)
    n_changed, n_rows, n_log = 0, 0, 0
    for m in range(len(indptr) - 1):
        units = indices[indptr[m] : indptr[m + 1]]
        pack_indices(units, word)
        step[:] = -1
        for u in units:
            step[u] = 1
        n = activate(hard.addresses, word, hard.radius, active)
        for a in range(n):
            row = hard.counters[active[a]]
            for i in range(n_units):
                old = np.int32(row[i])
                new = min(max(old + step[i], np.int32(-LIMIT)), np.int32(LIMIT))
                row[i] = new
                n_changed += 1 if new != old else 0
        n_rows += n
        if trace:
            log = room_for(log, n_log, n_locations + 2 * n)
            n_log = _log_scan(log, n_log, n_locations)
            for a in range(n):
                log[n_log] = n_locations + active[a]
                log[n_log + 1] = -1 - log[n_log]
                n_log += 2
    return n_changed, n_rows, log[:n_log]


@compiled
def recall_words(
    hard: Hard, indptr: Offsets, indices: Indices, max_iterations: int, trace: bool
) -> tuple[Offsets, Indices, Offsets, NDArray[np.bool_], int, Offsets]:
    """Read at the word, then at the answer, until it repeats itself.

    Returns offsets and units of the answers, reads of each cue, whether it settled, counter rows read, accesses.
    """
    n_locations, n_units = hard.counters.shape
    n_cues, n_words_row = len(indptr) - 1, hard.addresses.shape[1]
    word, answer = np.empty(n_words_row, np.uint64), np.empty(n_words_row, np.uint64)
    active, sums = np.empty(n_locations, np.int32), np.empty(n_units, np.int64)
    out_ptr, out, found = np.zeros(n_cues + 1, np.int64), np.empty(0, np.int32), np.empty(n_units, np.int32)
    n_reads, settled, log = np.zeros(n_cues, np.int64), np.zeros(n_cues, np.bool_), np.empty(0, np.int64)
    n_rows, n_log = 0, 0
    for m in range(n_cues):
        pack_indices(indices[indptr[m] : indptr[m + 1]], word)
        while n_reads[m] < max_iterations and not settled[m]:
            n = activate(hard.addresses, word, hard.radius, active)
            sum_rows(hard.counters, active[:n], sums)
            signs_of(sums, word, answer)
            settled[m] = np.all(answer == word)
            word[:] = answer
            n_reads[m] += 1
            n_rows += n
            if trace:
                log = room_for(log, n_log, n_locations + n)
                n_log = _log_scan(log, n_log, n_locations)
                for a in range(n):
                    log[n_log + a] = n_locations + active[a]
                n_log += n
        n_on = unpack_indices(word, found)
        first, out_ptr[m + 1] = out_ptr[m], out_ptr[m] + n_on
        out = room_for(out, first, n_on)
        out[first : first + n_on] = found[:n_on]
    return out_ptr, out[: out_ptr[n_cues]], n_reads, settled, n_rows, log[:n_log]


@compiled
def sum_rows(counters: NDArray[np.int16], active: Indices, out: NDArray[np.int64]) -> None:
    """Sum the counters of the active locations, bit by bit."""
    out[:] = 0
    for place in active:
        row = counters[place]
        for i in range(len(out)):
            out[i] += row[i]


@compiled
def signs_of(sums: NDArray[np.int64], word: Words, out: Words) -> None:
    """On where the sum is above 0, off below; a sum of 0 keeps the bit of the word that reads."""
    out[:] = ZERO
    for i in range(len(sums)):
        place = np.uint64(i) & LOW_6
        kept = (word[i >> 6] >> place) & ONE
        bit = kept if sums[i] == 0 else np.uint64(sums[i] > 0)
        out[i >> 6] |= bit << place


@compiled
def _log_scan(log: Offsets, n: int, n_locations: int) -> int:
    for place in range(n_locations):
        log[n + place] = place
    return n + n_locations
