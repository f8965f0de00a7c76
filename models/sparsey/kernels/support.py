"""Sums, local support V and familiarity G of one mac (Rinkus 2014, eqs 2, 3, 4, 7, 8; docs/models/sparsey.md)."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.sums import address_rows, planes_for, row_counts
from sdrsim.models.sparsey.kernels.layout import COSINE, FRACTION, LANES, Memory, Rule, Work


@inlined
def value_of_count(rule: Rule, count: int, n_active: int) -> float:
    """Eqs 3, 4 for match 'fraction': V of a unit that `count` of the active inputs reach."""
    divisor = rule.pi_floor if rule.pi_floor > 0.0 else float(n_active)
    u = min(1.0, count / divisor)
    return u if rule.exponent == 1.0 else u**rule.exponent


@inlined
def measure(rule: Rule, memory: Memory, mac: int, active: NDArray[np.int32], work: Work) -> float:
    """Eqs 2, 3, 4, 7, 8: counts and support of every cell, the best of each CM, and G (returned)."""
    n_words = memory.words.shape[1]
    n_groups = address_rows(memory.words, mac * rule.n_inputs, active, work.table)
    row_counts(work.table, n_groups, planes_for(len(active)), work.planes, n_words, work.counts)
    total = 0.0
    if rule.match == FRACTION:
        for q in range(0, rule.n_lanes, LANES):
            cells, out = work.counts.ctypes.data + 2 * q, work.best_count.ctypes.data + 2 * q
            simd.column_max_u16(cells, rule.n_cells, 2 * rule.n_lanes, out)
        if rule.pi_floor == 0.0 and rule.exponent == 1.0:
            n_best = 0
            for q in range(rule.n_cms):
                n_best += np.int64(work.best_count[q])
            return n_best / (rule.n_cms * len(active))
        for q in range(rule.n_cms):
            total += value_of_count(rule, work.best_count[q], len(active))
        return total / rule.n_cms
    match_cells(rule.match, rule.exponent, work.counts, memory.n_set[mac], len(active), work.support)
    for q in range(0, rule.n_lanes, LANES):
        cells, out = work.support.ctypes.data + 4 * q, work.best.ctypes.data + 4 * q
        simd.column_max_f32(cells, rule.n_cells, 4 * rule.n_lanes, out)
    for q in range(rule.n_cms):
        total += float(work.best[q])
    return total / rule.n_cms


@compiled
def match_cells(
    match: int,
    exponent: float,
    counts: NDArray[np.uint16],
    n_set: NDArray[np.int32],
    n_active: int,
    v: NDArray[np.float32],
) -> None:
    """V of every cell: cosine ``o / sqrt(A s)`` or Jaccard ``o / (A + s - o)`` to the power lambda, float32, 0 where
    nothing is set.
    """
    a = np.float32(n_active)
    if match == COSINE:
        for i in range(len(n_set)):
            v[i] = np.float32(counts[i]) / np.sqrt(a * np.float32(max(n_set[i], 1)))
    else:
        for i in range(len(n_set)):
            o = np.float32(counts[i])
            v[i] = o / (a + np.float32(n_set[i]) - o)
    if exponent != 1.0:
        for i in range(len(n_set)):
            v[i] = np.float32(v[i] ** exponent)
