"""Later steps of a recall: on the lists of the last full pass, as long as they provably hold all that can matter.

A pass from query x listed the patterns above a floor. At x' the score of pattern i has moved by at most
``|xi_i| * |x' - x|`` (Cauchy-Schwarz; norms as patterns are scored). So a pattern can have weight only if its old
score, or the floor where it was not listed, plus this is above the new best less 1. Listed patterns are scored again
from the best old score down, then unlisted ones from the largest norm down, until no later one can matter.
(Derived here.)
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.models.hopfield.kernels.finish import drop_weightless, second_best, weigh_lists
from sdrsim.models.hopfield.kernels.panels import (
    BLOCK,
    LANES,
    Cells,
    Query,
    mean_of_patterns,
    pack_query,
    score_one,
)
from sdrsim.models.hopfield.kernels.scan import ROOM, Asked, Lists, Store, scan


class Ends(NamedTuple):
    """How the recall of each query went; see `Recalled`.

    passes : later full passes over the patterns; scored : patterns scored in passes; cells : numbers read for it
    screened : patterns whose copies in bytes were; bytes : bytes read for it
    weighed : patterns combined, over all steps; margins : scaled
    """

    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    rescored: NDArray[np.int64]
    passes: NDArray[np.int64]
    scored: NDArray[np.int64]
    cells: NDArray[np.int64]
    screened: NDArray[np.int64]
    bytes: NDArray[np.int64]
    weighed: NDArray[np.int64]
    margins: NDArray[np.float64]


class Reach(NamedTuple):
    """How far scores can move: norms (M,) of the patterns as they are scored, and their order from the largest down."""

    norms: NDArray[np.float64]
    order: NDArray[np.int64]


@compiled
def copy_list(lists: Lists, q: int, old: Lists) -> None:
    """Keep a query's list, best score first."""
    n = lists.counts[q]
    order = np.argsort(-lists.values[q, :n], kind="mergesort")
    for i in range(n):
        old.values[0, i], old.places[0, i] = lists.values[q, order[i]], lists.places[q, order[i]]
    old.counts[0], old.floors[0], old.tops[0] = n, lists.floors[q], lists.tops[q]


@inlined
def _score_again(store: Store, query: Query, place: int, panel: Cells) -> np.float32:
    """The score of one pattern, by the same chain as in a pass."""
    score_one(store.panels, place // LANES, 1, query, False, panel)
    z = panel[place % LANES]
    if len(store.scale):
        z *= store.scale[place]
    if len(store.bias):
        z += store.bias[place]
    return z


@compiled
def list_again(
    store: Store, query: Query, moved: float, slack: float, reach: Reach, most: int, old: Lists, new: Lists
) -> int:
    """Scores at a new query into `new`, in the order of the patterns; how many; -1: more than `most` would be needed.

    moved : distance of the scaled queries; slack : for rounding
    """
    panel = np.empty(LANES, store.panels.dtype)
    top, n, largest = -np.inf, 0, reach.norms[reach.order[0]]
    values, places = new.values[0], new.places[0]
    for i in range(old.counts[0]):
        was, place = np.float64(old.values[0, i]) + slack, old.places[0, i]
        if was + moved * largest <= top - 1.0:
            break
        if was + moved * reach.norms[place] > top - 1.0:
            values[n], places[n] = _score_again(store, query, place, panel), place
            top, n = max(top, np.float64(values[n])), n + 1
    floor, listed = np.float64(old.floors[0]) + slack, old.places[0, : old.counts[0]]
    if floor + moved * largest > top - 1.0:
        listed = np.sort(listed)
        for place in reach.order:
            if floor + moved * reach.norms[place] <= top - 1.0:
                break
            at = np.searchsorted(listed, place)
            if at < len(listed) and listed[at] == place:
                continue
            if n >= most:
                return -1
            values[n], places[n] = _score_again(store, query, place, panel), place
            top, n = max(top, np.float64(values[n])), n + 1
    order = np.argsort(places[:n])
    values[:n], places[:n] = values[:n][order], places[:n][order]
    new.counts[0], new.caps[0], new.tops[0], new.floors[0] = n, n, top, -np.inf
    return n


@compiled
def _room(room: int, like: Cells) -> Lists:
    """An empty list of one query."""
    one, low = np.zeros(1, np.int64), np.empty(1, like.dtype)
    return Lists(np.empty((1, room), like.dtype), np.empty((1, room), np.int32), one, one.copy(), low, low.copy())


@compiled
def kept_lists(lists: Lists) -> Lists:
    """A copy of the lists, no longer than they are."""
    room = lists.counts.max()
    values, places = lists.values[:, :room].copy(), lists.places[:, :room].copy()
    return Lists(values, places, lists.counts.copy(), lists.caps.copy(), lists.tops.copy(), lists.floors.copy())


@compiled
def _wider(support: Lists, weights: NDArray[np.float64], room: int) -> tuple[Lists, NDArray[np.float64]]:
    """The same with room for as many in each row."""
    n, had = weights.shape
    values, places = np.empty((n, room), support.values.dtype), np.empty((n, room), np.int32)
    wide = np.empty((n, room))
    values[:, :had], places[:, :had], wide[:, :had] = support.values, support.places, weights
    return Lists(values, places, support.counts, support.caps, support.tops, support.floors), wide


@compiled
def _distance(a: Cells, b: Cells) -> float:
    total = 0.0
    for k in range(len(a)):
        total += (np.float64(a[k]) - np.float64(b[k])) ** 2
    return np.sqrt(total)


@compiled
def later_steps(
    store: Store,
    asked: Asked,
    weight_power: float,
    gains: NDArray[np.float64],
    reach: Reach,
    x: Cells,
    kept: Lists,
    support: Lists,
    states: Cells,
    weights: NDArray[np.float64],
    max_steps: int,
    ends: Ends,
) -> tuple[Lists, NDArray[np.float64]]:
    """Steps 2 .. max_steps of each query that still moves, on its own; (support, weights), longer where need be.

    gains : (n,) factor from a state to a scaled query; x : scaled queries of the first pass; reach : see above
    kept : lists of the first pass, with what it left out known by their floors
    support, states, weights : of the first step; of the last when done
    """
    d, room = x.shape[1], store.n + ROOM
    query = Query(np.empty(d, x.dtype), np.empty(d, np.int32), np.empty((d + BLOCK - 1) // BLOCK + 1, np.int64))
    old, new, reference = _room(room, x), _room(room, x), np.empty(d, x.dtype)
    state, share, ends_at = np.empty((1, d), x.dtype), np.empty((1, room)), np.zeros(2, np.int64)
    largest, no_null = reach.norms[reach.order[0]], np.empty(0)
    plain = Asked(asked.mode, asked.power, asked.k, 0, asked.gain, 1.0)
    for q in range(len(x)):
        if ends.converged[q]:
            continue
        copy_list(kept, q, old)
        reference[:] = x[q]
        for _ in range(1, max_steps):
            scaled = np.empty(d, x.dtype)
            for k in range(d):
                scaled[k] = np.float64(states[q, k]) * gains[q]
            n_used = pack_query(scaled, False, query)
            moved = _distance(scaled, reference)
            slack = 1e-5 * (1.0 + moved * largest + abs(np.float64(old.tops[0])))  # scores are rounded
            n = list_again(store, query, moved, slack, reach, len(reach.order) // 20, old, new)
            if n < 0:
                new = scan(store, scaled.reshape((1, d)), asked, new)
                copy_list(new, 0, old)
                reference[:] = scaled
                ends.passes[q] += 1
                ends.scored[q] += store.n
                ends.cells[q] += n_used * store.n
            else:
                ends.rescored[q] += n
            weigh_lists(plain, weight_power, no_null, new, share)
            ends.margins[q] = np.float64(new.tops[0]) - second_best(new, 0, True)
            drop_weightless(new, share)
            kept_n = new.counts[0]
            ends_at[1] = kept_n
            mean_of_patterns(store.panels, ends_at, new.places[0, :kept_n], share[0, :kept_n], state)
            if kept_n > support.values.shape[1]:
                support, weights = _wider(support, weights, kept_n)
            alone = kept_n == 1 and support.counts[q] == 1 and new.places[0, 0] == support.places[q, 0]
            far = _distance(state[0], states[q])
            states[q], support.counts[q] = state[0], kept_n
            support.places[q, :kept_n], weights[q, :kept_n] = new.places[0, :kept_n], share[0, :kept_n]
            ends.iterations[q] += 1
            ends.weighed[q] += kept_n
            if far <= 1e-6 * largest:
                ends.converged[q], ends.certified[q] = True, alone
                break
    return support, weights
