"""Graded Hebbian memories: sums of whole rows of numbers, one affine step, winners; volley after volley.

The weights are never formed. What an active unit i tells a unit j of another cluster c (without clusters: another unit)
is a number in row i and one of each unit, and the score of j is

    scale * sum_i d_ij + a_c + b_c v_j + gamma x_j,    d_ij = max(rows_ij - floor, 0),

where a_c and b_c are linear in how many these active units are and in the sum of their u_i (`Affine`). Sums are of
whole numbers and exact, so that the rows of the units that switched may be added and taken off instead.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hebbian.kernels.dense import at_or_above, best_of_clusters, draw_among_ties, kth_best, maximum
from sdrsim.models.hebbian.kernels.net import ALL, COMPARES, GWSTA, GWTA, KWTA, READ, ROWS, SUMS, SYNOPS, WTA

ONE_EACH = 6  # one winner in each cluster, ties drawn: a selection beside those of `net`
N_BIAS, N_COUNTS = 7, 8  # counters behind those of the ledger: reads of the vector of the units
_ZERO = np.int32(0)

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Floats = NDArray[np.float64]


class Affine(NamedTuple):
    """From sums to scores: ``a_c = alpha . (1, m, T)``, ``b_c = beta . (1, m, T)`` with m active units, T of them."""

    scale: float
    alpha: tuple[float, float, float]
    beta: tuple[float, float, float]


class GradedNet(NamedTuple):
    """The memory. Without clusters each unit is a cluster of its own."""

    rows: NDArray[np.integer]  # (n_units, n_units)
    reals: NDArray[np.float32]  # (n_units, n_units) weights of a rule of one's own, else empty
    unit_in: Floats  # (n_units,) u, or empty: then the sums are the scores
    unit_out: Floats  # (n_units,) v
    affine: Affine
    n_units: int
    cluster_size: int
    floor: int
    block: int  # rows whose sum fits 32 bits
    row_words: int  # 64-bit words of a row
    has_prior: bool  # whether units may win when nothing is active
    is_empty: bool  # nothing stored: nothing wins


class GradedRule(NamedTuple):
    """What a recall does; scores must exceed `least` to win, but for a threshold."""

    select: int
    k: int
    threshold: float
    least: float
    memory_effect: float
    max_iterations: int


class GradedWork(NamedTuple):
    """Scratch of one thread."""

    acc: NDArray[np.uint32]  # (n_units,)
    total: Floats
    scores: Floats
    held: Floats  # (n_clusters,) active units
    mass: Floats  # (n_clusters,) sum of their u
    active: Ints  # (n_units,) lists, sorted
    new: Ints
    gone: Ints
    come: Ints
    best: Floats  # (k,) heap


@compiled
def make_graded_work(n_units: int, n_clusters: int, k: int) -> GradedWork:
    """Scratch for recalls."""
    return GradedWork(
        np.zeros(n_units, np.uint32),
        np.zeros(n_units, np.float64),
        np.zeros(n_units, np.float64),
        np.zeros(n_clusters, np.float64),
        np.zeros(n_clusters, np.float64),
        np.zeros(n_units, np.int32),
        np.zeros(n_units, np.int32),
        np.zeros(n_units, np.int32),
        np.zeros(n_units, np.int32),
        np.zeros(k, np.float64),
    )


# ---- sums -----------------------------------------------------------------------------------------------------------


@compiled
def add_rows(rows: NDArray[np.integer], units: Ints, first: int, end: int, floor: int, acc: NDArray[np.uint32]) -> None:
    """Add ``max(row - floor, 0)`` of units first .. end - 1 of a list; four rows at a time."""
    low = np.int32(floor)
    while first + 4 <= end:
        r0, r1, r2, r3 = rows[units[first]], rows[units[first + 1]], rows[units[first + 2]], rows[units[first + 3]]
        for j in range(len(acc)):
            left = np.uint32(max(r0[j] - low, _ZERO)) + np.uint32(max(r1[j] - low, _ZERO))
            acc[j] += left + np.uint32(max(r2[j] - low, _ZERO)) + np.uint32(max(r3[j] - low, _ZERO))
        first += 4
    while first < end:
        row = rows[units[first]]
        for j in range(len(acc)):
            acc[j] += np.uint32(max(row[j] - low, _ZERO))
        first += 1


@compiled
def add_units(net: GradedNet, work: GradedWork, units: Ints, n: int, sign: float, counts: Offsets) -> None:
    """Add the rows of the first `n` units of a list to the totals, or take them off."""
    total, acc, done = work.total, work.acc, 0
    if len(net.reals):
        for a in range(n):  # sums of rounded numbers depend on the order: that of the list
            row = net.reals[units[a]]
            for j in range(len(total)):
                total[j] += row[j]
    else:
        while done < n:
            end = min(n, done + net.block)
            acc[:] = 0
            add_rows(net.rows, units, done, end, net.floor, acc)
            for j in range(len(total)):
                total[j] += sign * acc[j]
            done = end
    counts[ROWS] += n
    counts[READ] += n * net.row_words
    counts[SYNOPS] += n * net.n_units


@compiled
def sum_state(net: GradedNet, work: GradedWork, n: int, changes: tuple[int, int], counts: Offsets) -> bool:
    """Totals of the `n` active units: anew, or by what has gone and come; returns whether by that."""
    n_gone, n_come = changes
    by_changes = n_gone >= 0 and n_gone + n_come < n and len(net.reals) == 0
    if by_changes:
        add_units(net, work, work.gone, n_gone, -1.0, counts)
        add_units(net, work, work.come, n_come, 1.0, counts)
    else:
        work.total[:] = 0.0
        add_units(net, work, work.active, n, 1.0, counts)
    counts[SUMS] += net.n_units
    return by_changes


@compiled
def score_state(net: GradedNet, work: GradedWork, n: int, memory_effect: float, counts: Offsets) -> None:
    """Scores of all units from their totals."""
    scores, total, active, size = work.scores, work.total, work.active, net.cluster_size
    if len(net.unit_in) == 0:
        scores[:] = total
    else:
        counts[N_BIAS] += 1
        a, b, s, v = net.affine.alpha, net.affine.beta, net.affine.scale, net.unit_out
        whole = 0.0
        for i in range(n):
            whole += net.unit_in[active[i]]
        if size == 1:
            a_c, b_c = a[0] + a[1] * n + a[2] * whole, b[0] + b[1] * n + b[2] * whole
            for j in range(len(scores)):
                scores[j] = s * total[j] + a_c + b_c * v[j]
            for i in range(n):
                j, m = active[i], n - 1.0
                rest = whole - net.unit_in[j]
                a_c, b_c = a[0] + a[1] * m + a[2] * rest, b[0] + b[1] * m + b[2] * rest
                scores[j] = s * total[j] + a_c + b_c * v[j]
        else:
            work.held[:], work.mass[:] = 0.0, 0.0
            for i in range(n):
                work.held[active[i] // size] += 1.0
                work.mass[active[i] // size] += net.unit_in[active[i]]
            for c in range(len(work.held)):
                m, rest = n - work.held[c], whole - work.mass[c]
                a_c, b_c = a[0] + a[1] * m + a[2] * rest, b[0] + b[1] * m + b[2] * rest
                for j in range(c * size, (c + 1) * size):
                    scores[j] = s * total[j] + a_c + b_c * v[j]
    if memory_effect != 0.0:
        for i in range(n):
            scores[active[i]] += memory_effect


# ---- recall ---------------------------------------------------------------------------------------------------------


@compiled
def select_units(
    net: GradedNet, rule: GradedRule, work: GradedWork, n: int, seed: np.uint64, item: int, counts: Offsets
) -> int:
    """Winners into `work.new`, sorted; returns how many."""
    scores, new, low = work.scores, work.new, -np.inf
    counts[COMPARES] += net.n_units
    if rule.select == WTA or rule.select == ONE_EACH:
        one = rule.select == ONE_EACH
        return best_of_clusters(scores, net.cluster_size, rule.least, one, seed, item, new, counts)
    if rule.select == GWTA:
        return at_or_above(scores, maximum(scores, 0, len(scores)), rule.least, new)
    if rule.select == GWSTA or rule.select == KWTA:
        border = kth_best(scores, rule.least, work.best)
        n_new = at_or_above(scores, border, rule.least, new)
        if rule.select == KWTA and n_new > rule.k:
            n_new = draw_among_ties(scores, border, rule.k, seed, item, new, n_new, counts)
        return n_new
    return at_or_above(scores, float(n) if rule.select == ALL else rule.threshold, low, new)


@compiled
def compare_lists(work: GradedWork, n: int, n_new: int) -> tuple[int, int]:
    """What has gone and what has come, into the lists of the scratch."""
    active, new = work.active, work.new
    a, b, n_gone, n_come = 0, 0, 0, 0
    while a < n or b < n_new:
        if b == n_new or (a < n and active[a] < new[b]):
            work.gone[n_gone] = active[a]
            n_gone += 1
            a += 1
        elif a == n or new[b] < active[a]:
            work.come[n_come] = new[b]
            n_come += 1
            b += 1
        else:
            a += 1
            b += 1
    return n_gone, n_come


@compiled
def room_for(array: NDArray[np.integer], n: int, more: int) -> NDArray[np.integer]:
    """The array, or a longer one with its first `n` entries, so that `more` fit behind them."""
    if n + more <= len(array):
        return array
    grown = np.empty(max(2 * len(array), n + more), array.dtype)
    grown[:n] = array[:n]
    return grown


@compiled
def note_reads(
    net: GradedNet, work: GradedWork, n: int, changes: tuple[int, int], by_changes: bool, log: Offsets, n_log: int
) -> int:
    """Rows read by a volley, in order, into a log with room; the vector of the units counts as row n_units."""
    if by_changes:
        log[n_log : n_log + changes[0]] = work.gone[: changes[0]]
        n_log += changes[0]
        log[n_log : n_log + changes[1]] = work.come[: changes[1]]
        n_log += changes[1]
    else:
        log[n_log : n_log + n] = work.active[:n]
        n_log += n
    if len(net.unit_in):
        log[n_log] = net.n_units
        n_log += 1
    return n_log


@compiled
def recall_graded(
    net: GradedNet,
    rule: GradedRule,
    work: GradedWork,
    cues: tuple[Offsets, Ints],
    seed: np.uint64,
    first: int,
    trace: bool,
    counts: Offsets,
) -> tuple[Offsets, Ints, Offsets, NDArray[np.bool_], Offsets]:
    """Recall many items; an item's answer depends on its cue and its number alone.

    Parameters
    ----------
    net, rule
    work : from `make_graded_work`, of this thread alone
    cues : (indptr, indices)
    seed : of the ties
    first : number of the first item
    trace : list the rows read
    counts : int64 (N_COUNTS,), added to

    Returns
    -------
    indptr, indices of the answers; volleys (n,); converged (n,); rows read, in order
    """
    indptr, indices = cues
    n_items = len(indptr) - 1
    out_indptr, out = np.zeros(n_items + 1, np.int64), np.empty(max(len(indices), 1024), np.int32)
    volleys, converged = np.zeros(n_items, np.int64), np.zeros(n_items, np.bool_)
    log, n_log = np.empty(1024, np.int64), 0
    for i in range(n_items):
        n, changes = indptr[i + 1] - indptr[i], (-1, -1)
        work.active[:n] = indices[indptr[i] : indptr[i + 1]]
        while volleys[i] < rule.max_iterations and not converged[i]:
            volleys[i] += 1
            n_new = 0
            if not net.is_empty and (n > 0 or net.has_prior):
                by_changes = sum_state(net, work, n, changes, counts)
                score_state(net, work, n, rule.memory_effect, counts)
                if trace:
                    log = room_for(log, n_log, n + 1)
                    n_log = note_reads(net, work, n, changes, by_changes, log, n_log)
                n_new = select_units(net, rule, work, n, seed, first + i, counts)
            changes = compare_lists(work, n, n_new)
            converged[i] = changes[0] + changes[1] == 0
            work.active[:n_new] = work.new[:n_new]
            n = n_new
        here = out_indptr[i]
        out = room_for(out, here, n)
        out[here : here + n] = work.active[:n]
        out_indptr[i + 1] = here + n
    return out_indptr, out[: out_indptr[n_items]], volleys, converged, log[:n_log]


@compiled
def scores_of(net: GradedNet, work: GradedWork, units: Ints, memory_effect: float, counts: Offsets) -> None:
    """Scores of one state into `work.scores`."""
    work.active[: len(units)] = units
    sum_state(net, work, len(units), (-1, -1), counts)
    score_state(net, work, len(units), memory_effect, counts)
