"""Recall of queries from packed codes: passes over rows of bits, means of codes, later steps that follow changes.

From x to x' no overlap rises by more than ``R = sum (x' - x)_+``. So a pattern not listed at x can have weight at x'
only if the floor of the list, raised by R, is above the best score at x' less 1 (derived here). While none can, the
listed patterns are scored again, from the best old score down, by their own units, and no row is read. Else all
overlaps are formed anew: by the rows of the units that changed, added and taken off, where x' is a code that differs
from the one counted last by fewer units than it has.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.codes import (
    COSINE,
    DOT,
    Codes,
    Floats,
    Rule,
    State,
    Work,
    count,
    empty_state,
    gain_of,
    is_code,
    list_each,
    list_levels,
    make_work,
    overlap_with,
    score,
    set_code,
    weigh_rows,
)
from sdrsim.models.hopfield.kernels.finish import drop_weightless, second_best, weigh_lists
from sdrsim.models.hopfield.kernels.panels import Cells
from sdrsim.models.hopfield.kernels.scan import LEVEL, ROOT, Asked, Lists

_MOST_KEPT = 1024
Ints = NDArray[np.int64]
Units = NDArray[np.int32]


class Asking(NamedTuple):
    """Queries, and how they are to be answered.

    indptr, units : active units of query q, ``units[indptr[q]:indptr[q + 1]]``
    max_steps : steps at most
    near : distance of two states that counts as none
    level : units above it are on in the code of an answer
    most : the most units that the state of a step can have
    keep_log : whether accesses are to be listed
    """

    indptr: Ints
    units: Units
    max_steps: int
    near: float
    level: float
    most: int
    keep_log: bool


class Ends(NamedTuple):
    """How the recall of each query went, all (n,); see `Recalled`.

    passes : passes over all patterns; changes : those by changed units; rows : rows of bits read
    rescored, rescored_units : patterns scored again, their units; weighed, weighed_units : patterns combined
    """

    iterations: Ints
    converged: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    passes: Ints
    changes: Ints
    rows: Ints
    rescored: Ints
    rescored_units: Ints
    weighed: Ints
    weighed_units: Ints
    margins: Floats


class Pass(NamedTuple):
    """What the last pass over all patterns left.

    lists : of one query; best score first in `old`
    reference : the state it was made with
    gain, shared : float64 (1,); see `codes.score`
    """

    old: Lists
    reference: State
    gain: Floats
    shared: Floats


class Answers(NamedTuple):
    """Answers of all queries side by side: offsets (n + 1,), entries."""

    support: Ints
    places: Units
    weights: Floats
    codes: Ints
    units: Units
    log: Ints


@compiled
def _lists(room: int) -> Lists:
    one = np.zeros(1, np.int64)
    levels = np.zeros((3, 1))
    return Lists(np.empty((1, room)), np.empty((1, room), np.int32), one, one.copy(), levels[0], levels[1], levels[2])


@compiled
def _keep(lists: Lists, state: State, gain: float, shared: float, kept: Pass) -> None:
    """Keep a list, best score first, and the state it was made with."""
    n, old, reference = lists.counts[0], kept.old, kept.reference
    order = np.argsort(-lists.values[0, :n], kind="mergesort")
    for i in range(n):
        old.values[0, i], old.places[0, i] = lists.values[0, order[i]], lists.places[0, order[i]]
    old.counts[0], old.floors[0], old.tops[0] = n, lists.floors[0], lists.tops[0]
    set_code(reference, state.units[: state.n[0]])
    for i in range(state.n[0]):
        reference.values[state.units[i]] = state.values[state.units[i]]
    kept.gain[0], kept.shared[0] = gain, shared


@compiled
def _list_again(codes: Codes, rule: Rule, state: State, kept: Pass, lists: Lists) -> int:
    """Scores of the listed patterns that can matter, best old one first; how many; -1: others can matter too.

    The second best score is the second of these, or what no other is above.
    """
    gain, shared = gain_of(rule, state)
    old, rise, ratio, top, n, rest = kept.old, 0.0, 1.0, -np.inf, 0, -np.inf
    if kept.gain[0] == 0.0:
        return -1
    for i in range(state.n[0]):
        u = state.units[i]
        rise += max(0.0, state.values[u] - kept.reference.values[u])
    if rule.kind == COSINE:  # all patterns have the same activity
        ratio = gain / kept.gain[0]
        rise *= score(COSINE, gain, 0.0, 1.0, codes.starts[1] - codes.starts[0])
    elif rule.kind == DOT:
        rise *= gain
    else:
        rise = gain * (2.0 * rise - shared + kept.shared[0])
    rise += 1e-9 * (1.0 + abs(rise) + abs(ratio * old.tops[0]))  # sums are rounded
    window = 1.0 if rule.asked.mode == ROOT else 0.0
    values, places = lists.values[0], lists.places[0]
    for i in range(old.counts[0]):
        if ratio * old.values[0, i] + rise < top - window:
            rest = ratio * old.values[0, i] + rise
            break
        m = old.places[0, i]
        n_active = codes.starts[m + 1] - codes.starts[m]
        values[n], places[n] = score(rule.kind, gain, shared, overlap_with(codes, state, m), n_active), m
        top, n = max(top, values[n]), n + 1
    if ratio * old.floors[0] + rise >= top - window:
        return -1
    lists.counts[0], lists.caps[0], lists.tops[0], lists.floors[0] = n, n, top, -np.inf
    if old.floors[0] > -np.inf:
        rest = max(rest, ratio * old.floors[0] + rise)
    lists.seconds[0] = max(second_best(lists, 0), rest)
    return n


@compiled
def _in_order(lists: Lists) -> None:
    n = lists.counts[0]
    order = np.argsort(lists.places[0, :n])
    lists.values[0, :n], lists.places[0, :n] = lists.values[0, :n][order], lists.places[0, :n][order]


@compiled
def _list_all(codes: Codes, rule: Rule, state: State, held: State, work: Work, lists: Lists) -> tuple[int, bool]:
    """List from a pass over all patterns; rows read, and whether only those of changed units."""
    gain, shared = gain_of(rule, state)
    if rule.asked.mode == LEVEL:
        lists.floors[0] = -2.0
    if not is_code(state):
        n_rows = weigh_rows(codes, state, work)
        list_each(codes, rule, gain, shared, work.reals, work.reals, lists)
        return n_rows, False
    n_rows, changed = count(codes, state, held, work)
    if rule.kind == DOT or codes.even:
        list_levels(codes, rule, gain, shared, work.counts, lists)
    else:
        list_each(codes, rule, gain, shared, work.counts, work.reals, lists)
    return n_rows, changed


@compiled
def _mean(codes: Codes, lists: Lists, weights: Floats, out: Cells, state: State) -> int:
    """The weighted mean of the listed patterns, or of their values, into a state, rounded as `out` (which takes it) is;
    units gone over.
    """
    set_code(state, state.units[:0])
    n, n_gone = 0, 0
    for i in range(lists.counts[0]):
        m, w = lists.places[0, i], weights[i]
        for at in range(codes.value_starts[m], codes.value_starts[m + 1]):
            u = codes.value_units[at]
            if state.values[u] == 0.0:
                state.units[n] = u
                n += 1
            state.values[u] += w
            n_gone += 1
    state.n[0] = n
    for i in range(n):
        u = state.units[i]
        out[u] = state.values[u]
        state.values[u] = out[u]
    return n_gone


@compiled
def _distance(a: State, b: State) -> float:
    total = 0.0
    for i in range(a.n[0]):
        u = a.units[i]
        total += (a.values[u] - b.values[u]) ** 2
    for i in range(b.n[0]):
        u = b.units[i]
        if a.values[u] == 0.0:
            total += b.values[u] ** 2
    return np.sqrt(total)


@compiled
def _grown(out: NDArray[np.generic], n: int, n_more: int) -> NDArray[np.generic]:
    """The same with room for more."""
    if n + n_more <= len(out):
        return out
    bigger = np.empty(max(2 * len(out), n + n_more), out.dtype)
    bigger[:n] = out[:n]
    return bigger


class Room(NamedTuple):
    """Scratch of one query at a time; `held`: the code whose overlaps stand in ``work.counts``."""

    work: Work
    lists: Lists
    shares: Floats
    kept: Pass
    held: State


@compiled
def _make_room(codes: Codes, asking: Asking, d: int) -> Room:
    n, one = codes.n + 1, np.zeros(1)
    kept = Pass(_lists(n if asking.max_steps > 1 else 1), empty_state(d), one, one.copy())
    return Room(make_work(codes, asking.most), _lists(n), np.empty((1, n)), kept, empty_state(d))


@compiled
def _empty(state: State) -> None:
    set_code(state, state.units[:0])
    state.n[0] = -1


@compiled
def _find(codes: Codes, rule: Rule, last: bool, state: State, room: Room, ends: Ends, q: int) -> tuple[int, int]:
    """List what can matter: (patterns scored again, rows read), one of them -1."""
    lists, kept = room.lists, room.kept
    again = rule.keeps and (rule.kind != COSINE or codes.even)
    if again and kept.reference.n[0] >= 0:
        n = _list_again(codes, rule, state, kept, lists)
        if n >= 0:
            ends.rescored[q] += n
            for i in range(n):
                m = lists.places[0, i]
                ends.rescored_units[q] += codes.starts[m + 1] - codes.starts[m]
            return n, -1
    n_rows, changed = _list_all(codes, rule, state, room.held, room.work, lists)
    ends.passes[q] += 1
    ends.rows[q] += n_rows
    ends.changes[q] += changed
    _empty(kept.reference)
    if again and not last and lists.counts[0] <= max(_MOST_KEPT, codes.n // 20):
        gain, shared = gain_of(rule, state)
        _keep(lists, state, gain, shared, kept)
    return -1, n_rows


@compiled
def _logged(log: Ints, n: int, entries: Units, is_pattern: int) -> Ints:
    """Row u of the bits as 2 u, the units of pattern m as 2 m + 1."""
    log = _grown(log, n, len(entries))
    for i in range(len(entries)):
        log[n + i] = 2 * np.int64(entries[i]) + is_pattern
    return log


@compiled
def _begin(units: Units, state: State, room: Room) -> None:
    """A new query: nothing counted, nothing kept."""
    set_code(state, units)
    _empty(room.held)
    _empty(room.kept.reference)


@compiled
def _weigh(codes: Codes, rule: Rule, room: Room) -> float:
    """Weights of the list, what has none off it; the margin."""
    asked, lists = rule.asked, room.lists
    plain = Asked(asked.mode, asked.power, asked.k, 0, 1.0, 1.0)
    weigh_lists(plain, rule.weight_power, np.zeros(1 if rule.null else 0), lists, room.shares)
    margin = lists.tops[0] - lists.seconds[0]
    drop_weightless(lists, room.shares)
    return margin if codes.n > 1 else np.inf


@compiled
def _move(codes: Codes, stays: bool, room: Room, out: Cells, state: State, new: State) -> int:
    """The next state into `new` and `out`; without any weight it is the old one, if it `stays`. Units gone over."""
    for i in range(0 if codes.hetero else state.n[0]):
        out[state.units[i]] = 0
    if room.lists.counts[0] > 0 or not stays:
        return _mean(codes, room.lists, room.shares[0], out, new)
    set_code(new, state.units[: state.n[0]])
    for i in range(state.n[0]):
        u = state.units[i]
        out[u] = new.values[u] = state.values[u]
    return 0


@compiled
def _on(state: State, level: float) -> Units:
    """Its units above a level, rising."""
    units = state.units[: state.n[0]]
    some, n = np.empty(len(units), np.int32), 0
    for u in units:
        if state.values[u] > level:
            some[n] = u
            n += 1
    return np.sort(some[:n])


@compiled
def answer(codes: Codes, rule: Rule, asking: Asking, ends: Ends, states: Cells) -> Answers:
    """Answer all queries; `states` takes their last states (of values: means), and must be 0."""
    n, d = len(states), max(states.shape[1], codes.rows.shape[0] - 1)
    support, places, weights = np.zeros(n + 1, np.int64), np.empty(64, np.int32), np.empty(64)
    marks, units, log, n_log = np.zeros(n + 1, np.int64), np.empty(64, np.int32), np.empty(64, np.int64), 0
    room, state, new = _make_room(codes, asking, d), empty_state(d), empty_state(d)
    lists = room.lists
    for q in range(n):
        _begin(asking.units[asking.indptr[q] : asking.indptr[q + 1]], state, room)
        alone, n_listed = -1, 0
        for step in range(asking.max_steps):
            n_again, n_rows = _find(codes, rule, step + 1 == asking.max_steps, state, room, ends, q)
            if asking.keep_log:
                read = room.work.read[:n_rows] if n_again < 0 else lists.places[0, :n_again]
                log = _logged(log, n_log, read, n_again >= 0)
                n_log += len(read)
            if n_again >= 0:
                _in_order(lists)
            ends.margins[q] = _weigh(codes, rule, room)
            n_listed = lists.counts[0]
            if asking.keep_log:
                log = _logged(log, n_log, lists.places[0, :n_listed], 1)
                n_log += n_listed
            ends.weighed[q] += n_listed
            ends.weighed_units[q] += _move(
                codes, rule.asked.mode == LEVEL and not codes.hetero, room, states[q], state, new
            )
            ends.iterations[q] += 1
            ends.converged[q] = not codes.hetero and _distance(new, state) <= asking.near
            state, new = new, state
            single = lists.places[0, 0] if n_listed == 1 else -1
            ends.certified[q] = ends.converged[q] and single >= 0 and single == alone
            alone = single
            if ends.converged[q]:
                break
        at, on, end = support[q], _on(state, asking.level), marks[q]
        places, weights = _grown(places, at, n_listed), _grown(weights, at, n_listed)
        places[at : at + n_listed], weights[at : at + n_listed] = lists.places[0, :n_listed], room.shares[0, :n_listed]
        units = _grown(units, end, len(on))
        units[end : end + len(on)] = on
        support[q + 1], marks[q + 1] = at + n_listed, end + len(on)
    return Answers(support, places[: support[n]], weights[: support[n]], marks, units[: marks[n]], log[:n_log])
