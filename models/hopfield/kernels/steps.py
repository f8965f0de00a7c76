"""A recall in one call: all queries, all steps, portions of queries that share a pass.

A step lists what can matter, by a pass over all patterns or from the lists of the last one (`again`), weighs the list
and combines what has weight. All queries of a portion whose lists do not hold at a step share one more pass.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.growing import room_for
from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.again import KEPT, keep, list_again, most_again, prune
from sdrsim.models.hopfield.kernels.asks import N_QUERIES, N_TALLIES, RESCORED, WEIGHED, Held, ask, scale
from sdrsim.models.hopfield.kernels.codes import Rule
from sdrsim.models.hopfield.kernels.finish import drop_weightless, flat_lists, weigh_lists
from sdrsim.models.hopfield.kernels.panels import (
    BLOCK,
    Cells,
    Query,
    mean_of_patterns,
    mean_of_rows,
    pack_query,
)
from sdrsim.models.hopfield.kernels.powers import extremes
from sdrsim.models.hopfield.kernels.reads import PATTERN, VALUE, new_log, note
from sdrsim.models.hopfield.kernels.scan import ALL, LEVEL, ROOM, Asked, Lists, Store, new_lists

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]

PORTION = 64  # queries that share a pass
LENGTH = 2048  # room of a list at first


class Asking(NamedTuple):
    """How queries are to be answered.

    max_steps : steps at most
    near : distance of two states that counts as none
    lead : factor of a difference of two scaled scores in a margin
    keep_log : whether accesses are to be listed
    """

    max_steps: int
    near: float
    lead: float
    keep_log: bool


class Ends(NamedTuple):
    """How the recall of each query went, all (n,), see `Recalled`; and `tally` of all, int64.

    single : the pattern that alone has weight, or -1
    """

    iterations: Ints
    rescored: Ints
    single: Ints
    converged: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    margins: Reals
    tally: Ints


class Room(NamedTuple):
    """Scratch of a portion.

    z : (n, d) scaled queries of the last pass of each; kept : its lists
    lists : of a pass; one : of one query scored again
    """

    z: Cells
    kept: Lists
    lists: Lists
    one: Lists


class Part(NamedTuple):
    """Weights of some queries, end to end: query i has ``places[indptr[i]:indptr[i + 1]]``."""

    indptr: Ints
    places: NDArray[np.int32]
    weights: Reals


class Answers(NamedTuple):
    """bad : whether a number was not finite, and nothing was done; log : accesses, see `reads`."""

    bad: bool
    states: Cells
    part: Part
    ends: Ends
    log: Ints


@compiled
def _distance(a: Cells, b: Cells) -> float:
    total = 0.0
    for k in range(len(a)):
        total += (np.float64(a[k]) - np.float64(b[k])) ** 2
    return np.sqrt(total)


@compiled
def _finish(
    store: Store,
    values: Cells | None,
    rule: Rule,
    asking: Asking,
    which: Ints,
    lists: Lists,
    nulls: Reals,
    now: Cells,
    out: Cells,
    ends: Ends,
) -> Part:
    """The states of queries `which` of a portion, in turn those of the lists, into `out`; what has weight.

    now : states they are asked at
    """
    n, asked = len(which), rule.asked
    weights = np.empty((n, max(lists.counts.max(), 1)))
    weigh_lists(asked, rule.weight_power, nulls, lists, weights)
    drop_weightless(lists, weights)
    part = Part(*flat_lists(lists, weights))
    made = np.empty((n, out.shape[1]), out.dtype)
    if values is None:
        mean_of_patterns(store.panels, part.indptr, part.places, part.weights, made)
    else:
        mean_of_rows(values, part.indptr, part.places, part.weights, made)
    for i in range(n):
        q = which[i]
        ends.margins[q] = (np.float64(lists.tops[i]) - np.float64(lists.seconds[i])) * asking.lead
        ends.iterations[q] += 1
        ends.tally[WEIGHED] += lists.counts[i]
        if values is None:
            if asked.mode == LEVEL and lists.counts[i] == 0:
                made[i] = now[q]
            ends.converged[q] = _distance(made[i], now[q]) <= asking.near
        single = np.int64(part.places[part.indptr[i]]) if lists.counts[i] == 1 else -1
        ends.certified[q] = ends.converged[q] and single >= 0 and single == ends.single[q]
        ends.single[q] = single
        out[q] = made[i]
    return part


@compiled
def _joined(old: Part, which: Ints, new: Part) -> Part:
    """The weights of all queries of a portion; of those in `which` the new ones."""
    n = len(old.indptr) - 1
    source = np.full(n, -1)
    for i in range(len(which)):
        source[which[i]] = i
    indptr = np.zeros(n + 1, np.int64)
    for q in range(n):
        i = source[q]
        count = old.indptr[q + 1] - old.indptr[q] if i < 0 else new.indptr[i + 1] - new.indptr[i]
        indptr[q + 1] = indptr[q] + count
    places, weights = np.empty(indptr[n], np.int32), np.empty(indptr[n])
    for q in range(n):
        i, begin, end = source[q], indptr[q], indptr[q + 1]
        if i < 0:
            places[begin:end] = old.places[old.indptr[q] : old.indptr[q + 1]]
            weights[begin:end] = old.weights[old.indptr[q] : old.indptr[q + 1]]
        else:
            places[begin:end] = new.places[new.indptr[i] : new.indptr[i + 1]]
            weights[begin:end] = new.weights[new.indptr[i] : new.indptr[i + 1]]
    return Part(indptr, places, weights)


@compiled
def _noted(values: Cells | None, which: Ints, part: Part, first: int, log: Ints) -> Ints:
    """The list of accesses, with what a step combined."""
    for i in range(len(which) if len(log) else 0):
        places = part.places[part.indptr[i] : part.indptr[i + 1]]
        log = note(log, first + which[i], PATTERN if values is None else VALUE, places)
    return log


@compiled
def _once_more(
    held: Held, rule: Rule, asking: Asking, room: Room, q: int, out: Cells, ends: Ends, first: int, log: Ints
) -> tuple[bool, Part, Ints]:
    """A step of one query from the lists of its last pass; whether they hold."""
    d, nothing = out.shape[1], np.empty(0)
    query = Query(np.empty(d, out.dtype), np.empty(d, np.int32), np.empty((d + BLOCK - 1) // BLOCK + 1, np.int64))
    scaled, which = np.empty(d, out.dtype), np.full(1, q)
    scale(rule, out[q], scaled)
    pack_query(scaled, False, query)
    moved, kept, one = _distance(scaled, room.z[q]), room.kept, room.one
    largest = held.reach.norms[held.reach.order[0]]
    slack = 1e-5 * (1.0 + moved * largest + abs(np.float64(kept.tops[q])))  # scores are rounded
    n = list_again(held.store, query, moved, slack, held.reach, kept, q, one)
    if n < 0:
        return False, Part(np.zeros(1, np.int64), np.empty(0, np.int32), nothing), log
    ends.rescored[q] += n
    ends.tally[RESCORED] += n
    log = note(log, first + q, PATTERN, one.places[0, :n])
    part = _finish(held.store, held.values, rule, asking, which, one, nothing, out, out, ends)
    return True, part, _noted(held.values, which, part, first, log)


@compiled
def _moving(which: Ints, ends: Ends) -> Ints:
    """Those of the queries that have not come to rest."""
    left, n = np.empty(len(which), np.int64), 0
    for q in which:
        left[n] = q
        n += not ends.converged[q]
    return left[:n]


@compiled
def _some(lists: Lists, n: int) -> Lists:
    """The first n of the lists."""
    values, places = lists.values[:n], lists.places[:n]
    levels = lists.tops[:n], lists.seconds[:n], lists.floors[:n]
    return Lists(values, places, lists.counts[:n], lists.caps[:n], levels[0], levels[1], levels[2])


@compiled
def _step(
    held: Held,
    rule: Rule,
    asking: Asking,
    asked: Asked,
    room: Room,
    left: Ints,
    out: Cells,
    ends: Ends,
    part: Part,
    first: int,
    log: Ints,
) -> tuple[Part, Lists, Ints]:
    """A later step of the queries `left` of a portion; (what has weight, lists kept, accesses)."""
    kept, todo, n_todo = room.kept, np.empty(len(left), np.int64), 0
    for q in left:
        holds = False
        if asked.n_keep > 0:
            holds, new, log = _once_more(held, rule, asking, room, q, out, ends, first, log)
            if holds:
                part = _joined(part, np.full(1, q), new)
        todo[n_todo] = q
        n_todo += not holds
    if n_todo == 0:
        return part, kept, log
    todo, nulls = todo[:n_todo], np.zeros(n_todo if rule.null else 0)
    z, lists = np.empty((n_todo, out.shape[1]), out.dtype), _some(room.lists, n_todo)
    lists, log = ask(held, rule, asked, todo, out, z, lists, nulls, ends.tally, first, log)
    for i in range(n_todo if asked.n_keep > 0 else 0):
        room.z[todo[i]] = z[i]
        kept = keep(lists, i, kept, todo[i])
    new = _finish(held.store, held.values, rule, asking, todo, lists, nulls, out, out, ends)
    for i in range(n_todo if asked.n_keep > 0 else 0):
        prune(held.store, kept, todo[i], lists.counts[i])
    return _joined(part, todo, new), kept, _noted(held.values, todo, new, first, log)


@compiled
def _portion(
    held: Held, rule: Rule, asking: Asking, x: Cells, out: Cells, ends: Ends, first: int, log: Ints
) -> tuple[Part, Ints]:
    """All steps of some queries, the first of them number `first`: states into `out`; what has weight, accesses."""
    n, a, every = len(x), rule.asked, np.arange(len(x))
    keeps = rule.keeps and asking.max_steps > 1
    asked = Asked(a.mode, a.power, a.k, KEPT if keeps else 0, a.gain, a.heat)
    lists = new_lists(n, held.store.n + ROOM if a.mode == ALL else min(held.store.n + ROOM, LENGTH), x)
    z, nulls = np.empty(x.shape, x.dtype), np.zeros(n if rule.null else 0)
    lists, log = ask(held, rule, asked, every, x, z, lists, nulls, ends.tally, first, log)
    kept = new_lists(n if keeps else 0, lists.counts.max(), x)
    for q in range(n if keeps else 0):
        kept = keep(lists, q, kept, q)
    part = _finish(held.store, held.values, rule, asking, every, lists, nulls, x, out, ends)
    for q in range(n if keeps else 0):
        prune(held.store, kept, q, lists.counts[q])
    log = _noted(held.values, every, part, first, log)
    left = _moving(every, ends)
    for _ in range(1, asking.max_steps):
        if len(left) == 0:
            break
        room = Room(z, kept, lists, new_lists(1, most_again(held.store.n) + 1, x))
        part, kept, log = _step(held, rule, asking, asked, room, left, out, ends, part, first, log)
        left = _moving(left, ends)
    return part, log


@compiled
def _new_ends(n: int) -> Ends:
    whole, flags = np.zeros((3, n), np.int64), np.zeros((2, n), np.bool_)
    whole[2] = -1
    return Ends(whole[0], whole[1], whole[2], flags[0], flags[1], np.empty(n), np.zeros(N_TALLIES, np.int64))


@compiled
def _ends_of(ends: Ends, i: int, j: int) -> Ends:
    whole = ends.iterations[i:j], ends.rescored[i:j], ends.single[i:j]
    return Ends(whole[0], whole[1], whole[2], ends.converged[i:j], ends.certified[i:j], ends.margins[i:j], ends.tally)


@compiled
def answer(held: Held, rule: Rule, asking: Asking, x: Cells, width: int) -> Answers:
    """Answer queries x (n, d) with states (n, width)."""
    n, ends, log = len(x), _new_ends(len(x)), new_log(asking.keep_log)
    ends.tally[N_QUERIES] = n
    states, bad = np.empty((n, width), x.dtype), False
    for q in range(n):
        bad |= not extremes(x[q], x.shape[1])[1]
    indptr, places, weights = np.zeros(n + 1, np.int64), np.empty(0, np.int32), np.empty(0)
    for i in range(0, n if not bad else 0, PORTION):
        j = min(i + PORTION, n)
        part, log = _portion(held, rule, asking, x[i:j], states[i:j], _ends_of(ends, i, j), i, log)
        if n <= PORTION:
            return Answers(False, states, part, ends, log)
        begin, more = indptr[i], part.indptr[j - i]
        indptr[i + 1 : j + 1] = begin + part.indptr[1:]
        places, weights = room_for(places, begin, more), room_for(weights, begin, more)
        places[begin : begin + more], weights[begin : begin + more] = part.places, part.weights
    whole = Part(indptr, places[: indptr[n]].copy(), weights[: indptr[n]].copy())
    return Answers(bad, states, whole, ends, log)
