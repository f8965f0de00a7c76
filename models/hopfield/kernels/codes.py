"""Overlaps of a query with packed codes, one row of bits a unit; and the list of the patterns that can matter.

A code of c units reads c rows of M bits and adds them up (carry-save): overlaps are whole numbers. Dot product, cosine,
squared and L1 distance are functions of the overlap and the two activities. Where they are one function for all
patterns, patterns of equal overlap have equal scores, and their numbers alone tell which overlaps have weight: level
z_v has weight exactly if ``sum over u > v of n_u (z_u - z_v)^r < 1`` (from the root equation of entmax; derived here).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.sums import address_rows, expand_planes, far_row_planes, is_far, planes_for, row_planes
from sdrsim.models.hopfield.kernels.finish import second_best
from sdrsim.models.hopfield.kernels.scan import ALL, BEST, LEVEL, NEAREST, ROOT, Asked, Lists

Words = NDArray[np.uint64]
Counts = NDArray[np.uint16]
Floats = NDArray[np.float64]

DOT, COSINE, L2, L1 = range(4)
CHUNK = 512  # patterns of a block of words
_SURE = 1e-9  # levels that miss weight by less are listed; the root decides


class Codes(NamedTuple):
    """What is stored.

    rows : uint64 (d + 1, capacity / 64), as `bits.bit_matrix` makes it: bit m of row u: unit u is active in pattern m
    n : patterns
    starts, units : int64 (n + 1,), int32: active units of pattern m, ``units[starts[m]:starts[m + 1]]``
    even : all have equally many
    value_starts, value_units : as starts, units, of the values; of the patterns where there are none
    hetero : whether there are values
    """

    rows: Words
    n: int
    starts: NDArray[np.int64]
    units: NDArray[np.int32]
    even: bool
    value_starts: NDArray[np.int64]
    value_units: NDArray[np.int32]
    hetero: bool


class Rule(NamedTuple):
    """How overlaps become scaled scores, and these weights; see `scan.Asked` and `finish.weigh_lists`.

    kind : DOT, COSINE, L2 or L1
    factor : of a similarity
    asked : with gain 1, n_keep 0
    keeps : whether lists serve later steps too: then they reach below what has weight
    """

    kind: int
    factor: float
    asked: Asked
    weight_power: float
    null: bool
    keeps: bool


class State(NamedTuple):
    """A sparse vector over the units: a code, or a mean of codes.

    values : float64 (d,), 0 where it is not active
    units : int32 (d,), the first ``n[0]``; none twice
    n : int64 (1,); below 0: nothing was ever put in
    """

    values: Floats
    units: NDArray[np.int32]
    n: NDArray[np.int64]


class Work(NamedTuple):
    """Scratch of a recall.

    table, planes : for sums of rows
    counts, more : uint16, 64 for each word of a row
    reals : float64, as many
    read : int32: the units whose rows were read last
    """

    table: Words
    planes: Words
    counts: Counts
    more: Counts
    reals: Floats
    read: NDArray[np.int32]


@compiled
def put_codes(rows: Words, first: int, indptr: NDArray[np.int64], units: NDArray[np.int32]) -> None:
    """Write patterns behind the first ones."""
    for i in range(len(indptr) - 1):
        m = np.uint64(first + i)
        bit, word = np.uint64(1) << (m & np.uint64(63)), m >> np.uint64(6)
        for at in range(indptr[i], indptr[i + 1]):
            rows[units[at], word] |= bit


@compiled
def empty_state(d: int) -> State:
    """A state that holds nothing."""
    return State(np.zeros(d), np.empty(d, np.int32), np.full(1, -1))


@compiled
def make_work(codes: Codes, most_units: int) -> Work:
    """Scratch for sums of up to `most_units` rows."""
    n_chunks = (codes.n + CHUNK - 1) // CHUNK
    table, planes = np.empty(most_units + 64, np.uint64), np.empty(n_chunks * planes_for(most_units) * 8, np.uint64)
    n = n_chunks * CHUNK
    counts, more = np.empty(n, np.uint16), np.empty(n, np.uint16)
    return Work(table, planes, counts, more, np.empty(n), np.empty(most_units, np.int32))


@compiled
def set_code(state: State, units: NDArray[np.int32]) -> None:
    """Make it the code with these units."""
    for i in range(max(state.n[0], 0)):
        state.values[state.units[i]] = 0.0
    for i in range(len(units)):
        state.units[i] = units[i]
        state.values[units[i]] = 1.0
    state.n[0] = len(units)


@compiled
def is_code(state: State) -> bool:
    """Whether all its values are 1."""
    n_ones = 0
    for i in range(state.n[0]):
        n_ones += state.values[state.units[i]] == 1.0
    return n_ones == state.n[0]


# ---- overlaps -------------------------------------------------------------------------------------------------------


@compiled
def _sum_rows(codes: Codes, units: NDArray[np.int32], work: Work, out: Counts) -> None:
    n_words, n = (codes.n + 63) // 64, len(units)
    if n == 0:
        out[:] = 0
        return
    n_groups, n_planes = address_rows(codes.rows, 0, units, work.table), planes_for(n)
    n_chunks = (n_words + 7) // 8
    planes = work.planes[: n_chunks * n_planes * 8].reshape((n_chunks, n_planes, 8))
    if is_far(codes.rows, n):
        far_row_planes(work.table, n_groups, n_planes, planes)
    else:
        row_planes(work.table, n_groups, n_planes, planes)
    expand_planes(planes, n_words, out)


@compiled
def _changes(state: State, held: State, read: NDArray[np.int32]) -> tuple[int, int]:
    """Units that became active, then those that ceased to be, into `read`, and their numbers; -1, -1: no fewer."""
    n, n_plus = state.n[0], 0
    if held.n[0] < 0:
        return -1, -1
    for i in range(n):
        if held.values[state.units[i]] == 0.0:
            read[n_plus] = state.units[i]
            n_plus += 1
    n_minus = held.n[0] - (n - n_plus)
    if n_plus + n_minus >= n:
        return -1, -1
    at = n_plus
    for i in range(held.n[0]):
        if state.values[held.units[i]] == 0.0:
            read[at] = held.units[i]
            at += 1
    return n_plus, at - n_plus


@compiled
def count(codes: Codes, state: State, held: State, work: Work) -> tuple[int, bool]:
    """Overlaps of a code with all patterns into ``work.counts``; rows read, and whether only those that changed.

    held : the code whose overlaps stand there; takes over `state`
    """
    n, m = state.n[0], 64 * ((codes.n + 63) // 64)
    n_plus, n_minus = _changes(state, held, work.read)
    set_code(held, state.units[:n])
    if n_plus < 0:
        work.read[:n] = state.units[:n]
        _sum_rows(codes, work.read[:n], work, work.counts)
        return n, False
    if n_plus > 0:
        _sum_rows(codes, work.read[:n_plus], work, work.more)
        for i in range(m):
            work.counts[i] += work.more[i]
    if n_minus > 0:
        _sum_rows(codes, work.read[n_plus : n_plus + n_minus], work, work.more)
        for i in range(m):
            work.counts[i] -= work.more[i]
    return n_plus + n_minus, True


@compiled
def weigh_rows(codes: Codes, state: State, work: Work) -> int:
    """Overlaps of a mean of codes with all patterns into ``work.reals``; rows read."""
    out = work.reals
    work.read[: state.n[0]] = state.units[: state.n[0]]
    n_words, n = (codes.n + 63) // 64, state.n[0]
    for first in range(0, n_words, 8):
        n_here = min(8, n_words - first)
        here = out[64 * first : 64 * (first + n_here)]
        here[:] = 0.0
        for i in range(n):
            row, w = codes.rows[state.units[i]], state.values[state.units[i]]
            for k in range(n_here):
                word = row[first + k]
                some = here[64 * k : 64 * k + 64]
                for bit in range(64):
                    some[bit] += w if (word >> np.uint64(bit)) & np.uint64(1) else 0.0
    return n


@compiled
def overlap_with(codes: Codes, state: State, m: int) -> float:
    """Overlap of a state with one pattern, by the pattern's own units."""
    total = 0.0
    for at in range(codes.starts[m], codes.starts[m + 1]):
        total += state.values[codes.units[at]]
    return total


# ---- scores ---------------------------------------------------------------------------------------------------------


@compiled
def gain_of(rule: Rule, state: State) -> tuple[float, float]:
    """(factor of an overlap's score, what all distances have in common): see `score`."""
    total = 0.0
    for i in range(state.n[0]):
        v = state.values[state.units[i]]
        total += v if rule.kind == L1 else v * v
    if rule.kind == COSINE:
        return (rule.factor / np.sqrt(total) if total > 0 else 0.0), 0.0
    return rule.factor, total if rule.kind != DOT else 0.0


@inlined
def score(kind: int, gain: float, shared: float, overlap: float, n_active: int) -> float:
    """Scaled score of a pattern of `n_active` units."""
    if kind == DOT:
        return gain * overlap
    if kind == COSINE:
        return gain * overlap / np.sqrt(np.float64(n_active)) if n_active > 0 else 0.0
    return gain * (2.0 * overlap - n_active - shared)


# ---- lists ----------------------------------------------------------------------------------------------------------


@compiled
def _numbers(counts: Counts, n: int, low: int, top: int, found: NDArray[np.int64]) -> None:
    """How many counts equal v, for v = low .. top (their maximum), into found[v]."""
    if top - low < 6:
        for v in range(low, top + 1):
            level, some = np.uint16(v), 0
            for i in range(n):
                some += counts[i] == level
            found[v] = some
        return
    parts = np.zeros((4, top + 1), np.int64)
    for i in range(0, n - 3, 4):
        parts[0, counts[i]] += 1
        parts[1, counts[i + 1]] += 1
        parts[2, counts[i + 2]] += 1
        parts[3, counts[i + 3]] += 1
    for i in range(n - n % 4, n):
        parts[0, counts[i]] += 1
    for v in range(low, top + 1):
        found[v] = parts[0, v] + parts[1, v] + parts[2, v] + parts[3, v]


@compiled
def _weightless(levels: Floats, numbers: NDArray[np.int64], v: int, top: int, power: float) -> bool:
    """Whether level v, below `top`, is outside of the support."""
    total = 0.0
    for u in range(v + 1, top + 1):
        if numbers[u] > 0:
            total += numbers[u] * (levels[u] - levels[v]) ** power
            if total >= 1.0 + _SURE:
                return True
    return False


@compiled
def _lowest(asked: Asked, levels: Floats, counts: Counts, n: int, top: int, floor: float) -> int:
    """The lowest overlap that can have weight; top + 1: none."""
    if asked.mode == ALL:
        return 0
    v = low = top
    if asked.mode == LEVEL:
        v = top + 1
        while v > 0 and levels[v - 1] > floor:
            v -= 1
        return v
    if asked.mode == NEAREST:
        return top
    if asked.mode == ROOT:
        while low > 0 and levels[low - 1] > levels[top] - 1.0:
            low -= 1
    numbers, listed = np.zeros(top + 1, np.int64), 0
    _numbers(counts, n, 0 if asked.mode == BEST else low, top, numbers)
    for v in range(top, low - 1 if asked.mode == ROOT else -1, -1):
        if asked.mode == BEST and listed >= asked.k:
            return v + 1
        if asked.mode == ROOT and _weightless(levels, numbers, v, top, asked.power):
            return v + 1
        listed += numbers[v]
    return v


@compiled
def _second(counts: Counts, n: int, top: np.uint16) -> np.uint16:
    """The second largest of n counts; 0 of one."""
    second, n_top = np.uint16(0), 0
    for i in range(n):
        n_top += counts[i] == top
        second = max(second, counts[i] if counts[i] < top else np.uint16(0))
    return top if n_top > 1 else second


@compiled
def list_levels(codes: Codes, rule: Rule, gain: float, shared: float, counts: Counts, lists: Lists) -> None:
    """List by overlap, where the score is one function of it."""
    n, top = codes.n, np.uint16(0)
    for i in range(n):
        top = max(top, counts[i])
    n_active = codes.starts[1] - codes.starts[0]
    levels = np.empty(top + 2)
    for v in range(top + 2):
        levels[v] = score(rule.kind, gain, shared, np.float64(v), n_active)
    lowest = _lowest(rule.asked, levels, counts, n, int(top), lists.floors[0])
    if rule.keeps:
        lowest = min(max(lowest - 1, 0), (int(top) + 1) // 2)
    found, level = 0, np.uint16(lowest)
    values, places = lists.values[0], lists.places[0]
    for first in range(0, n, 64):
        last, best = min(first + 64, n), np.uint16(0)
        for i in range(first, last):
            best = max(best, counts[i])
        if best >= level:
            for i in range(first, last):
                if counts[i] >= level:
                    values[found], places[found] = levels[counts[i]], i
                    found += 1
    lists.counts[0], lists.caps[0] = found, found
    lists.tops[0] = levels[top]
    lists.seconds[0] = second_best(lists, 0) if found > 1 else levels[_second(counts, n, top)]
    if rule.asked.mode != LEVEL:
        lists.floors[0] = levels[lowest - 1] if lowest > 0 else -np.inf


@compiled
def list_each(
    codes: Codes, rule: Rule, gain: float, shared: float, overlaps: Counts | Floats, scores: Floats, lists: Lists
) -> None:
    """List by score, pattern by pattern; `scores` takes them, and may be `overlaps`."""
    n, top, asked = codes.n, -np.inf, rule.asked
    for m in range(n):
        n_active = codes.starts[m + 1] - codes.starts[m]
        scores[m] = score(rule.kind, gain, shared, np.float64(overlaps[m]), n_active)
    for m in range(n):
        top = max(top, scores[m])
    floor, below = -np.inf, (1.0 if rule.kind == DOT else 2.0) * gain if rule.keeps else 0.0
    if asked.mode == LEVEL:
        floor = lists.floors[0]
    elif asked.mode == ROOT:
        floor = np.nextafter(top - 1.0 - below, -np.inf)
    elif asked.mode == NEAREST:
        floor = np.nextafter(top - below, -np.inf)
    elif asked.mode == BEST and asked.k < n:
        floor = np.nextafter(np.partition(scores[:n], n - asked.k)[n - asked.k], -np.inf)
    found, values, places = 0, lists.values[0], lists.places[0]
    for m in range(n):
        if scores[m] > floor:
            values[found], places[found] = scores[m], m
            found += 1
    lists.counts[0], lists.caps[0], lists.tops[0], lists.floors[0] = found, found, top, floor
    if found > 1:
        lists.seconds[0] = second_best(lists, 0)
        return
    second, n_top = -np.inf, 0
    for m in range(n):
        n_top += scores[m] == top
        second = max(second, scores[m] if scores[m] < top else -np.inf)
    lists.seconds[0] = top if n_top > 1 else second
