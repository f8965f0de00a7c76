"""Presentations to the noisy Hebbian learner: input, recurrence, energy limit, consolidation; one call takes many.

Work follows what happens: active units, their links, and noise by its number of changes.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words, popcount
from sdrsim.kernels.draws import binomial, choose, marks_for, merge, silent_units
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import TIE, key, unit
from sdrsim.models.hebbian.kernels.failures import thin_row

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Floats = NDArray[np.float64]

NO_LIMIT, SPIKES, LOCAL, BUDGET = 0, 1, 2, 3
ORDER, ERASE, INSERT, FAIL, TIES, DECAY = 0, 1, 2, 3, 4, 5  # seeds
N_LINKS, N_TRUE, N_SPIKES, N_EVENTS, N_ACTIVE, N_RIGHT, N_LOGGED = 0, 1, 2, 3, 4, 5, 6
ROWS, TOUCHED, DRAWS, SUMS, COMPARES, N_COUNTED = 0, 1, 2, 3, 4, 5
MOST = np.uint8(255)


class Growth(NamedTuple):
    """What is learned. `rows` hold consolidated links and each unit's own bit, `ideal` those of the ideal memory."""

    rows: Words
    counts: NDArray[np.uint8]  # (n_units, n_units), above the diagonal
    ideal: Words


class Habit(NamedTuple):
    """How it learns; see `LearnerParams`."""

    p_erase: float
    p_insert: float
    p_syn: float
    p_decay: float
    consolidation: int
    limit: int
    n_spikes: int
    e_spike: float
    e_synapse: float
    e_max: float
    drive: float
    theta_recruit: float  # above 1: nobody is recruited
    recurrence: bool
    n_iterations: int
    fresh_noise: bool
    cluster_size: int


@compiled
def has_bit(rows: Words, i: int, j: int) -> bool:
    """Whether bit j of row i is set."""
    return rows[i, j >> 6] >> (np.uint64(j) & LOW_6) & ONE != ZERO


@compiled
def noisy_input(habit: Habit, message: Ints, n_units: int, seeds: Words, item: int, out: Ints, counted: Offsets) -> int:
    """The message as it is read: units erased, others inserted, by count, then place; returns the active units."""
    kept = np.empty(len(message), np.int32)
    n = 0
    for i in range(len(message)):
        kept[n] = message[i]
        n += 1 if unit(key(seeds[ERASE], item, message[i], 0)) >= habit.p_erase else 0
    n_silent = n_units - len(message)
    n_new = binomial(seeds[INSERT], item, n_silent, habit.p_insert)
    counted[DRAWS] += len(message) + 1 + n_new
    fresh = np.empty(n_new, np.int32)
    choose(seeds[INSERT], item, n_silent, fresh, marks_for(n_silent, n_new))
    silent_units(message, fresh)
    merge(kept[:n], fresh, out[: n + n_new])
    return n + n_new


@compiled
def recurrent_support(
    growth: Growth, habit: Habit, x: Ints, seeds: Words, item: int, support: Ints, touched: Ints, counted: Offsets
) -> tuple[int, int]:
    """Add up consolidated links from the active units; (units touched, links that transmitted)."""
    n_words, n_touched, n_events = growth.rows.shape[1], 0, 0
    row = np.zeros(8 * ((n_words + 7) // 8), np.uint64)
    for a in range(len(x)):
        own = x[a]
        if habit.p_syn > 0.0:
            counted[DRAWS] += thin_row(growth.rows[own], own, habit.p_syn, seeds[FAIL], item, 0, row)
        else:
            row[:n_words] = growth.rows[own]
        counted[ROWS] += 1
        row[own >> 6] &= ~(ONE << (np.uint64(own) & LOW_6))
        for i in range(n_words):
            word = row[i]
            while word != ZERO:
                j = 64 * i + np.int64(popcount((word & (~word + ONE)) - ONE))
                word &= word - ONE
                if support[j] == 0:
                    touched[n_touched] = j
                    n_touched += 1
                support[j] += 1
                n_events += 1
    return n_touched, n_events


@compiled
def rank(units: Ints, drive: Floats, seed: np.uint64, item: int) -> None:
    """Sort units by falling drive, ties by keyed draws: in place, by insertion, for some tens of units."""
    ties = np.empty(len(units), np.uint64)
    for a in range(len(units)):
        ties[a] = key(seed, item, units[a], TIE)
    for a in range(1, len(units)):
        u, d, t, place = units[a], drive[a], ties[a], a
        while place > 0 and (drive[place - 1] < d or (drive[place - 1] == d and ties[place - 1] > t)):
            units[place], drive[place], ties[place] = units[place - 1], drive[place - 1], ties[place - 1]
            place -= 1
        units[place], drive[place], ties[place] = u, d, t


@compiled
def limited(growth: Growth, habit: Habit, units: Ints, drive: Floats, seeds: Words, item: int, out: Ints) -> int:
    """The units that may fire under the energy limit, sorted by number; returns how many."""
    n = 0
    if habit.limit != NO_LIMIT:
        rank(units, drive, seeds[TIES], item)
    if habit.limit == NO_LIMIT or habit.limit == SPIKES:
        n = len(units) if habit.limit == NO_LIMIT else min(habit.n_spikes, len(units))
        out[:n] = units[:n]
    elif habit.limit == LOCAL:
        for a in range(len(units)):
            free = True
            for b in range(n):
                free &= out[b] // habit.cluster_size != units[a] // habit.cluster_size
            if free:
                out[n] = units[a]
                n += 1
    else:
        spent = 0.0
        for a in range(len(units)):
            spent += habit.e_spike + habit.e_synapse * (count_row(growth.rows, units[a]) - 1)
            if spent > habit.e_max:
                break
            out[n] = units[a]
            n += 1
    out[:n].sort()
    return n


@compiled
def count_row(rows: Words, i: int) -> int:
    """Set bits of a row."""
    total = ZERO
    for w in range(rows.shape[1]):
        total += popcount(rows[i, w])
    return int(np.int64(total))


@compiled
def consolidate(growth: Growth, habit: Habit, x: Ints, seeds: Words, item: int, log: Offsets, counted: Offsets) -> None:
    """Counted Hebbian learning on the pairs of `x`; a counter that reaches the threshold becomes a link for good."""
    for a in range(len(x)):
        for b in range(a + 1, len(x)):
            i, j = x[a], x[b]
            counted[TOUCHED] += 1
            if has_bit(growth.rows, i, j):
                continue
            if growth.counts[i, j] < MOST:
                growth.counts[i, j] += 1
            if growth.counts[i, j] >= habit.consolidation:
                growth.rows[i, j >> 6] |= ONE << (np.uint64(j) & LOW_6)
                growth.rows[j, i >> 6] |= ONE << (np.uint64(i) & LOW_6)
                log[N_LINKS] += 1
                log[N_TRUE] += 1 if has_bit(growth.ideal, i, j) else 0
    if habit.p_decay > 0.0:
        for a in range(len(x)):
            decay(growth, habit, x, x[a], seeds[DECAY], item, counted)


@compiled
def decay(growth: Growth, habit: Habit, x: Ints, i: int, seed: np.uint64, item: int, counted: Offsets) -> None:
    """Counters between unit i and silent ones fall by one with their probability; links stay."""
    n_units = len(growth.counts)
    log_stay = math.log1p(-habit.p_decay) if habit.p_decay < 1.0 else -math.inf
    j, n = -1, 0
    while True:
        gap = math.log(1.0 - unit(key(seed, item, i, n))) / log_stay
        n += 1
        if gap >= n_units - j - 1:
            break
        j += 1 + int(gap)
        low, high = min(i, j), max(i, j)
        place = np.searchsorted(x, j)
        is_active = place < len(x) and x[place] == j
        if not is_active and growth.counts[low, high] > 0 and not has_bit(growth.rows, low, high):
            growth.counts[low, high] -= 1
    counted[DRAWS] += n


@compiled
def shared(a: Ints, b: Ints) -> int:
    """Units in both of two sorted lists."""
    n, j = 0, 0
    for i in range(len(a)):
        while j < len(b) and b[j] < a[i]:
            j += 1
        n += 1 if j < len(b) and b[j] == a[i] else 0
    return n


@compiled
def present(
    growth: Growth,
    habit: Habit,
    messages: tuple[Offsets, Ints],
    which: Offsets,
    first: int,
    seeds: Words,
    totals: Offsets,
    log: Offsets,
    counted: Offsets,
) -> None:
    """Present messages one after another.

    Parameters
    ----------
    growth, habit
    messages : (indptr, indices)
    which : int64 (n,), the message of each presentation
    first : number of the first presentation
    seeds : uint64 (6,)
    totals : int64 (N_LOGGED,), links and true links so far
    log : int64 (n, N_LOGGED), what stands after each presentation (links), or happened in it
    counted : int64 (N_COUNTED,), added to
    """
    n_units = len(growth.counts)
    u, x = np.empty(n_units, np.int32), np.empty(n_units, np.int32)
    support, touched = np.zeros(n_units, np.int32), np.empty(n_units, np.int32)
    units, drive = np.empty(n_units, np.int32), np.empty(n_units, np.float64)
    for p in range(len(which)):
        message = messages[1][messages[0][which[p]] : messages[0][which[p] + 1]]
        t = first + p
        n_in = noisy_input(habit, message, n_units, seeds, t * habit.n_iterations, u, counted)
        n = n_in
        x[:n] = u[:n]
        for iteration in range(habit.n_iterations if habit.recurrence else 1):
            item = t * habit.n_iterations + iteration
            if iteration > 0 and habit.fresh_noise:
                n_in = noisy_input(habit, message, n_units, seeds, item, u, counted)
            n_touched, n_events = 0, 0
            if habit.recurrence:
                n_touched, n_events = recurrent_support(growth, habit, x[:n], seeds, item, support, touched, counted)
            least, n_able = max(2.0, habit.theta_recruit * n), 0
            for a in range(n_in):
                units[n_able], drive[n_able] = u[a], habit.drive + support[u[a]]
                support[u[a]] = 0
                n_able += 1
            for a in range(n_touched):
                j = touched[a]
                if support[j] > 0 and habit.theta_recruit <= 1.0 and support[j] >= least:
                    units[n_able], drive[n_able] = j, float(support[j])
                    n_able += 1
                support[j] = 0
            counted[SUMS] += n_able
            counted[COMPARES] += n_able
            log[p, N_EVENTS] += n_events
            n = limited(growth, habit, units[:n_able], drive[:n_able], seeds, item, x)
            log[p, N_SPIKES] += n
        consolidate(growth, habit, x[:n], seeds, t, totals, counted)
        log[p, N_LINKS], log[p, N_TRUE] = totals[N_LINKS], totals[N_TRUE]
        log[p, N_ACTIVE], log[p, N_RIGHT] = n, shared(x[:n], message)
