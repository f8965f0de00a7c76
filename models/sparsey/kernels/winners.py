"""One winner per CM: the draw while learning, the arg max in recognition (Rinkus 2014, eqs 11, 12)."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import DRAW, TIE, mix, unit
from sdrsim.models.sparsey.kernels.layout import FRACTION, LANES, Memory, Rule, Work


@compiled
def is_exact(match: int, count: int, n_active: int, n_set: int) -> bool:
    """Exact match: all active inputs are set, and under cosine and Jaccard no others."""
    return count == n_active and (match == FRACTION or count == n_set)


@compiled
def draw_scalar(psi: NDArray[np.float32], q: int, n_lanes: int, n_cells: int, u: float) -> int:
    """One CM's draw, cell by cell, in the same order and precision as the vector code."""
    total = np.float32(0.0)
    for k in range(n_cells):
        total += psi[k * n_lanes + q]
    level, running = np.float32(u * total), np.float32(0.0)
    for k in range(n_cells):
        running += psi[k * n_lanes + q]
        if running > level:
            return k
    return n_cells - 1


@compiled
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
    """Eqs 11, 12: one winner per CM from psi. Returns the CMs that fell back to units that cannot take the item."""
    n, n_lanes, psi = rule.n_cells * rule.n_lanes, rule.n_lanes, work.psi
    if learn and rule.cap:
        psi, closed, n_set = work.open_psi, memory.closed[mac], memory.n_set[mac]
        for i in range(n):
            psi[i] = work.psi[i]
            if closed[i] != 0 and not is_exact(rule.match, work.counts[i], n_active, n_set[i]):
                psi[i] = np.float32(0.0)
    column = 4 * n_lanes
    for q in range(0, n_lanes, LANES):
        simd.column_total(
            psi.ctypes.data + 4 * q, rule.n_cells, column, work.total.ctypes.data + 4 * q, work.last.ctypes.data + 4 * q
        )
    for q in range(n_lanes):
        work.level[q] = np.float32(unit(mix(base ^ np.uint64(4 * q + DRAW))) * work.total[q])
    for q in range(0, n_lanes, LANES):
        simd.column_pick(
            psi.ctypes.data + 4 * q,
            rule.n_cells,
            column,
            work.level.ctypes.data + 4 * q,
            work.n_ties.ctypes.data + 4 * q,
        )
    n_fallbacks = 0
    for q in range(rule.n_cms):
        if work.last[q] >= 0:
            winners[q] = np.int16(min(work.n_ties[q], work.last[q]))
        else:
            winners[q] = np.int16(
                draw_scalar(work.psi, q, n_lanes, rule.n_cells, unit(mix(base ^ np.uint64(4 * q + DRAW))))
            )
            n_fallbacks += 1
    return n_fallbacks


@compiled
def max_winners(rule: Rule, n_active: int, base: np.uint64, work: Work, winners: NDArray[np.int16]) -> int:
    """Arg max of V per CM, ties broken uniformly by key. Returns the random numbers used."""
    n_lanes, n_draws, fraction = rule.n_lanes, 0, rule.match == FRACTION
    if fraction and rule.pi_floor > 0.0:
        ceiling = np.ceil(rule.pi_floor)
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
