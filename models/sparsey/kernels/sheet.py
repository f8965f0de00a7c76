"""Frames over a sheet of macs: only macs that active inputs reach are visited (docs/models/sparsey.md)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.borrow import borrowed
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.random import mix
from sdrsim.models.sparsey.kernels.layout import (
    COMPARES,
    CORE,
    FALLBACKS,
    RANDOM_NUMBERS,
    ROWS_READ,
    SUMS,
    SYNOPS,
    WORDS_READ,
    Memory,
    Rule,
    Work,
    borrow_memory,
    borrow_work,
)
from sdrsim.models.sparsey.kernels.likelihood import likelihood_by_count, likelihoods
from sdrsim.models.sparsey.kernels.support import measure
from sdrsim.models.sparsey.kernels.winners import counts_suffice, draw_winners, max_winners
from sdrsim.models.sparsey.kernels.writing import write


class Wiring(NamedTuple):
    """Who hears whom: source block b feeds slot ``slot[e]`` of mac ``mac[e]`` for e in ``indptr[b]:indptr[b + 1]``.

    A block is one pixel, or all cells of one lower mac; a mac's input row is ``slot * block_size + place in the
    block``. Empty `mac` and `slot`: one mac hears every pixel in order.
    """

    indptr: NDArray[np.int64]
    mac: NDArray[np.int32]
    slot: NDArray[np.int32]
    block_size: int


class Reach(NamedTuple):
    """Per-mac scratch that a call leaves as it found it: zero. Kept by the sheet so that a frame costs no O(macs)
    work.
    """

    n_inputs: NDArray[np.int32]
    n_blocks: NDArray[np.int32]
    start: NDArray[np.int64]


class Recording(NamedTuple):
    """What came out: for frame i the macs ``mac[indptr[i]:indptr[i + 1]]`` (rising), their winners and G; accesses if
    traced.
    """

    indptr: NDArray[np.int64]
    mac: NDArray[np.int32]
    winners: NDArray[np.int16]
    familiarity: NDArray[np.float64]
    accesses: NDArray[np.int64]  # row read r as r, row written as -1 - r, in order


@inlined
def step(
    rule: Rule,
    memory: Memory,
    mac: int,
    active: NDArray[np.int32],
    base: np.uint64,
    learn: bool,
    work: Work,
    winners: NDArray[np.int16],
    stats: NDArray[np.int64],
) -> tuple[float, bool]:
    """One item through one mac: winners and G; with `learn`, the write too. Returns (G, whether weights were
    written).
    """
    n_units, n_active = rule.n_cms * rule.n_cells, len(active)
    g = measure(rule, memory, mac, active, work)
    stats[ROWS_READ] += n_active
    stats[WORDS_READ] += n_active * memory.words.shape[1]
    stats[SYNOPS] += n_active * n_units
    stats[SUMS] += n_units
    stats[COMPARES] += n_units
    if not learn and not rule.soft:
        stats[RANDOM_NUMBERS] += max_winners(rule, n_active, base, work, winners)
        return g, False
    if learn and rule.psi == CORE and g > max(memory.ratchet[mac, 0], 0.3):
        memory.ratchet[mac, 0] = g
        memory.ratchet[mac, 1] = min(100.0, memory.ratchet[mac, 1] + 1.0)
    if counts_suffice(rule, learn):
        likelihood_by_count(rule, memory, mac, g, n_active, work)
    else:
        likelihoods(rule, memory, mac, g, n_active, work)
    fallbacks = draw_winners(rule, memory, mac, n_active, base, learn, work, winners)
    stats[RANDOM_NUMBERS] += rule.n_cms
    stats[FALLBACKS] += fallbacks
    wrote = learn and g < rule.learn_below and write(rule, memory, mac, active, work, winners, stats)
    return g, wrote


@inlined
def gather_inputs(
    wiring: Wiring, units: NDArray[np.int32], reach: Reach, touched: NDArray[np.int32], rows: NDArray[np.int32]
) -> int:
    """Sort a frame's active units by the macs they reach: mac m's input rows are ``rows[start[m]:start[m] +
    n_inputs[m]]``.

    Returns the number of macs touched, listed rising in `touched`. Cost: active units times the macs that hear each.
    """
    size, n_touched, last = wiring.block_size, 0, np.int64(-1)
    if len(wiring.mac) == 0:
        return take_all(len(units), reach, touched)
    for unit_ in units:
        block = block_of(unit_, size)
        for e in range(wiring.indptr[block], wiring.indptr[block + 1]):
            m = wiring.mac[e]
            if reach.n_inputs[m] == 0:
                touched[n_touched] = m
                n_touched += 1
            reach.n_inputs[m] += 1
            if block != last:
                reach.n_blocks[m] += 1
        last = block
    touched[:n_touched].sort()
    place = 0
    for t in range(n_touched):
        m = touched[t]
        reach.start[m] = place
        place += reach.n_inputs[m]
        reach.n_inputs[m] = 0
    for unit_ in units:
        block = block_of(unit_, size)
        inside = unit_ - block * size
        for e in range(wiring.indptr[block], wiring.indptr[block + 1]):
            m = wiring.mac[e]
            rows[reach.start[m] + reach.n_inputs[m]] = wiring.slot[e] * size + inside
            reach.n_inputs[m] += 1
    return n_touched


@inlined
def block_of(unit_: int, size: int) -> int:
    """Source block of a unit; unsigned, and without the division where blocks are pixels: it would cost more than the
    rest.
    """
    if size == 1:
        return np.int64(unit_)
    return np.int64(np.uint64(unit_) // np.uint64(size))


@inlined
def take_all(n: int, reach: Reach, touched: NDArray[np.int32]) -> int:
    """One mac that hears every input in order: its rows are the active units themselves."""
    touched[0] = 0
    reach.n_inputs[0], reach.n_blocks[0], reach.start[0] = n, n, 0
    return 1 if n > 0 else 0


@compiled
def count_events(wiring: Wiring, units: NDArray[np.int32]) -> int:
    """How many (input, mac) events the active units make."""
    if len(wiring.mac) == 0:
        return len(units)
    n = 0
    for unit_ in units:
        block = block_of(unit_, wiring.block_size)
        n += wiring.indptr[block + 1] - wiring.indptr[block]
    return n


@compiled
def run_frames(
    rule: Rule,
    memory: Memory,
    wiring: Wiring,
    reach: Reach,
    work: Work,
    bounds: tuple[float, float],
    indptr: NDArray[np.int64],
    units: NDArray[np.int32],
    keys: tuple[np.uint64, np.int64],
    learn: bool,
    traced: bool,
    stats: NDArray[np.int64],
) -> Recording:
    """Run every frame through every mac that has pi_minus .. pi_plus active features (eq 1); `keys` = (seed, first
    frame).
    """
    n_frames = len(indptr) - 1
    memory, work, units, stats = borrow_memory(memory), borrow_work(work), borrowed(units), borrowed(stats)
    reach = Reach(borrowed(reach.n_inputs), borrowed(reach.n_blocks), borrowed(reach.start))
    wiring = Wiring(borrowed(wiring.indptr), borrowed(wiring.mac), borrowed(wiring.slot), wiring.block_size)
    out_ptr = np.zeros(n_frames + 1, np.int64)
    room, n_out = 16, 0
    for i in range(n_frames):
        room = max(room, count_events(wiring, units[indptr[i] : indptr[i + 1]]))
    touched, rows = np.empty(room, np.int32), np.empty(room, np.int32)
    macs = np.empty(max(16, n_frames), np.int32)
    winners = np.empty((len(macs), rule.n_cms), np.int16)
    familiarity = np.empty(len(macs), np.float64)
    out = borrowed(winners)  # its owner is read at the end
    accesses, n_accesses = np.empty(1024 if traced else 0, np.int64), 0
    seed = mix(keys[0])
    for i in range(n_frames):
        frame_key = mix(seed ^ np.uint64(keys[1] + i))
        frame = units[indptr[i] : indptr[i + 1]]
        n_touched = gather_inputs(wiring, frame, reach, touched, rows)
        inputs = frame if len(wiring.mac) == 0 else rows
        if n_out + n_touched > len(macs):
            size = 2 * (n_out + n_touched)
            macs, winners, familiarity = grown(macs, size), grown_rows(winners, size), grown(familiarity, size)
            out = borrowed(winners)
        for t in range(n_touched):
            m = touched[t]
            n_active, n_features = reach.n_inputs[m], reach.n_blocks[m]
            reach.n_inputs[m] = 0
            reach.n_blocks[m] = 0
            if n_features < bounds[0] or n_features > bounds[1]:
                continue
            active = inputs[reach.start[m] : reach.start[m] + n_active]
            base = mix(frame_key ^ np.uint64(m))
            g, wrote = step(rule, memory, m, active, base, learn, work, out[n_out], stats)
            macs[n_out] = m
            familiarity[n_out] = g
            n_out += 1
            if traced:
                if n_accesses + 2 * n_active > len(accesses):
                    accesses = grown(accesses, 2 * (n_accesses + 2 * n_active))
                for j in active:
                    accesses[n_accesses] = m * rule.n_inputs + j
                    n_accesses += 1
                if wrote:
                    for j in active:
                        accesses[n_accesses] = -1 - (m * rule.n_inputs + j)
                        n_accesses += 1
        out_ptr[i + 1] = n_out
    return Recording(
        out_ptr, macs[:n_out].copy(), winners[:n_out].copy(), familiarity[:n_out].copy(), accesses[:n_accesses].copy()
    )


@compiled
def grown(array, size):  # type: ignore[no-untyped-def]
    """A longer copy."""
    longer = np.empty(size, array.dtype)
    longer[: len(array)] = array
    return longer


@compiled
def grown_rows(array, size):  # type: ignore[no-untyped-def]
    """A copy with more rows."""
    longer = np.empty((size, array.shape[1]), array.dtype)
    longer[: len(array)] = array
    return longer
