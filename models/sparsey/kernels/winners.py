"""One winner per CM: the draw while learning, the arg max in recognition (Rinkus 2014, eqs 11, 12)."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd, simd_draw
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.random import DRAW, SOFT_DRAW, TIE, mix, unit
from sdrsim.models.sparsey.kernels.layout import FRACTION, LANES, TABULATED, Memory, Rule, Work


@compiled
def mask_closed(
    match: int,
    counts: NDArray[np.uint16],
    n_active: int,
    n_set: NDArray[np.int32],
    closed: NDArray[np.uint8],
    psi: NDArray[np.float32],
    out: NDArray[np.float32],
) -> None:
    """psi with 0 for closed units that do not match exactly: all active inputs set, and under cosine and Jaccard no
    others.

    Bitwise logic, no branches: the loop runs in vectors.
    """
    any_size = match == FRACTION
    for i in range(len(n_set)):
        exact = (counts[i] == n_active) & (any_size | (n_set[i] == n_active))
        out[i] = psi[i] if exact | (closed[i] == 0) else np.float32(0.0)


@compiled
def draw_lanes(rule: Rule, psi: NDArray[np.float32], key: np.uint64, work: Work) -> None:
    """Draw in every CM, keyed by ``key ^ 4 q``: `work.n_ties` becomes the cell (n_cells at most), `work.last` the last
    cell with psi > 0, or -1.
    """
    column = 4 * rule.n_lanes
    for q in range(0, rule.n_lanes, LANES):
        cells, at = psi.ctypes.data + 4 * q, 4 * q
        simd.column_total(cells, rule.n_cells, column, work.total.ctypes.data + at, work.last.ctypes.data + at)
    for q in range(rule.n_lanes):
        work.level[q] = np.float32(unit(mix(key ^ np.uint64(4 * q))) * work.total[q])
    for q in range(0, rule.n_lanes, LANES):
        cells, at = psi.ctypes.data + 4 * q, 4 * q
        simd.column_pick(cells, rule.n_cells, column, work.level.ctypes.data + at, work.n_ties.ctypes.data + at)


@inlined
def counts_suffice(rule: Rule, learn: bool) -> bool:
    """Whether psi of a cell follows from its count alone: then the draw needs `work.by_count` alone."""
    return rule.match == FRACTION and rule.psi != TABULATED and not (learn and rule.cap)


@inlined
def draw_by_count(rule: Rule, key: np.uint64, work: Work) -> None:
    """`draw_lanes` straight from `work.by_count`; `work.psi` takes the running sums."""
    top = np.uint16(0)
    for q in range(rule.n_lanes):
        top = max(top, work.best_count[q])
    table, counts, running = work.by_count.ctypes.data, work.counts.ctypes.data, work.psi.ctypes.data
    total, last, n_groups = work.total.ctypes.data, work.last.ctypes.data, rule.n_lanes // LANES
    if top < 32:
        simd_draw.running_32(table, counts, rule.n_cells, n_groups, running, total, last)
    elif top < 64:
        simd_draw.running_64(table, counts, rule.n_cells, n_groups, running, total, last)
    elif top < 128:
        simd_draw.running_128(table, counts, rule.n_cells, n_groups, running, total, last)
    else:
        simd_draw.running_by_gather(table, counts, rule.n_cells, n_groups, running, total, last)
    for q in range(rule.n_lanes):
        work.level[q] = np.float32(unit(mix(key ^ np.uint64(4 * q))) * work.total[q])
    simd_draw.rank(running, work.level.ctypes.data, rule.n_cells, n_groups, work.n_ties.ctypes.data)


@inlined
def drawn(rule: Rule, key: np.uint64, work: Work, q: int) -> int:
    """Winner of CM q after `draw_lanes`. A CM in which no psi is above 0 (a user's form may do that) takes any cell
    alike.
    """
    if work.last[q] >= 0:
        return min(work.n_ties[q], work.last[q])
    return int(unit(mix(key ^ np.uint64(4 * q))) * rule.n_cells)


@inlined
def draw_winners(
    rule: Rule,
    memory: Memory,
    mac: int,
    n_active: int,
    base: np.uint64,
    learn: bool,
    work: Work,
    winners: NDArray[np.int16],
) -> int:
    """Eqs 11, 12: one winner per CM from psi. Returns the CMs that fell back to units that cannot take the item.

    Recognition draws other numbers than learning did: else a novel item would get the code of the item stored in its
    place.
    """
    key = base ^ np.uint64(DRAW if learn else SOFT_DRAW)
    if counts_suffice(rule, learn):
        draw_by_count(rule, key, work)
        for q in range(rule.n_cms):
            winners[q] = np.int16(drawn(rule, key, work, q))
        return 0
    if not (learn and rule.cap):
        draw_lanes(rule, work.psi, key, work)
        for q in range(rule.n_cms):
            winners[q] = np.int16(drawn(rule, key, work, q))
        return 0
    n_set, closed = memory.n_set[mac], memory.closed[mac]
    mask_closed(rule.match, work.counts, n_active, n_set, closed, work.psi, work.open_psi)
    draw_lanes(rule, work.open_psi, key, work)
    n_without = 0
    for q in range(rule.n_cms):
        winners[q] = np.int16(min(work.n_ties[q], work.last[q]))
        n_without += winners[q] < 0
    if n_without == 0:
        return 0
    draw_lanes(rule, work.psi, key, work)
    n_fallbacks = 0
    for q in range(rule.n_cms):
        if winners[q] < 0:
            winners[q] = np.int16(drawn(rule, key, work, q))
            n_fallbacks += closed[winners[q] * rule.n_lanes + q]
    return n_fallbacks


@inlined
def max_winners(rule: Rule, n_active: int, base: np.uint64, work: Work, winners: NDArray[np.int16]) -> int:
    """Arg max of V per CM, ties broken uniformly by key. Returns the random numbers used."""
    n_lanes, n_draws, fraction = rule.n_lanes, 0, rule.match == FRACTION
    if fraction and (rule.pi_floor > 0.0 or rule.exponent == 0.0):  # where V stops growing with the count
        ceiling = np.ceil(rule.pi_floor) if rule.exponent > 0.0 else 0.0
        for q in range(n_lanes):
            work.best_count[q] = np.uint16(min(float(work.best_count[q]), ceiling))
    for q in range(0, n_lanes, LANES):
        ties, last = work.n_ties.ctypes.data + 4 * q, work.last.ctypes.data + 4 * q
        if fraction:
            cells, best = work.counts.ctypes.data + 2 * q, work.best_count.ctypes.data + 2 * q
            simd.column_ties_u16(cells, rule.n_cells, 2 * n_lanes, best, ties, last)
        else:
            cells, best = work.support.ctypes.data + 4 * q, work.best.ctypes.data + 4 * q
            simd.column_ties_f32(cells, rule.n_cells, 4 * n_lanes, best, ties, last)
    for q in range(rule.n_cms):
        winners[q] = np.int16(work.last[q])
        if work.n_ties[q] > 1:
            n_draws += 1
            left = int(unit(mix(base ^ np.uint64(4 * q + TIE))) * work.n_ties[q])
            for k in range(rule.n_cells):
                i = k * n_lanes + q
                reaches = work.counts[i] >= work.best_count[q] if fraction else work.support[i] >= work.best[q]
                if reaches:
                    if left == 0:
                        winners[q] = np.int16(k)
                        break
                    left -= 1
    return n_draws
