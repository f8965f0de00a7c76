"""Scores at a new query from the lists of an earlier pass, as long as they provably hold all that can matter.

A pass from query x listed the patterns above a floor. At x' the score of pattern i has moved by at most
``|xi_i| * |x' - x|`` (Cauchy-Schwarz; norms as patterns are scored). So a pattern can have weight only if its old
score, or the floor where it was not listed, plus this is above the new best less 1. The best of the listed patterns is
scored first, then the others, then unlisted ones, where such a bound does not rule them out. What it rules out is not
above the bound, which makes the second best known, or known not to be above. (Derived here.)

What is kept of a pass depends on the query alone: the best patterns, `KEPT` or as many as have weight.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled, inlined
from sdrsim.models.hopfield.kernels.finish import second_best
from sdrsim.models.hopfield.kernels.panels import LANES, Cells, Query, score_one
from sdrsim.models.hopfield.kernels.scan import Lists, Store, below, kth, thin

KEPT = 32  # patterns listed for later steps, at least
_SHARE = 20  # of the patterns one part in so many is scored again one by one; where more could matter, a pass is made


class Reach(NamedTuple):
    """How far scores can move: norms (M,) of the patterns as they are scored, and their order from the largest down."""

    norms: NDArray[np.float64]
    order: NDArray[np.int64]


@inlined
def most_again(n: int) -> int:
    """How many of n patterns are scored again at most."""
    return max(KEPT, n // _SHARE)


@compiled
def keep(lists: Lists, row: int, kept: Lists, q: int) -> Lists:
    """Copy a list to row q of `kept`; the same lists, or longer ones where need be."""
    n, room = lists.counts[row], kept.values.shape[1]
    if n > room:
        n_all, wide = len(kept.counts), max(n, 2 * room)
        values, places = np.empty((n_all, wide), kept.values.dtype), np.empty((n_all, wide), np.int32)
        values[:, :room], places[:, :room] = kept.values, kept.places
        kept = Lists(values, places, kept.counts, kept.caps, kept.tops, kept.seconds, kept.floors)
    kept.values[q, :n], kept.places[q, :n] = lists.values[row, :n], lists.places[row, :n]
    kept.counts[q], kept.tops[q], kept.floors[q] = n, lists.tops[row], lists.floors[row]
    return kept


@compiled
def prune(store: Store, kept: Lists, q: int, n_weighed: int) -> None:
    """Keep the best, and those that tie with the last of them: the same patterns whatever way the pass took; none where
    they are too many to be scored again.
    """
    n, n_kept = kept.counts[q], max(KEPT, n_weighed)
    if n_kept > most_again(store.n):
        kept.counts[q] = 0
        return
    if n < n_kept or n == store.n:
        return
    kept.floors[q] = below(kth(kept.values[q], n, n_kept), kept.floors)
    kept.counts[q] = thin(kept.values[q], kept.places[q], n, kept.floors[q])


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
def _first_below(reach: Reach, norm: float) -> int:
    """How many patterns have a larger norm."""
    low, high = 0, len(reach.order)
    while low < high:
        middle = (low + high) // 2
        if reach.norms[reach.order[middle]] > norm:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def list_again(
    store: Store, query: Query, moved: float, slack: float, reach: Reach, kept: Lists, q: int, new: Lists
) -> int:
    """Scores at a new query into `new`, in the order of the patterns; how many; -1: too many would be needed.

    moved : distance of the scaled queries; slack : for rounding; `new` has room for `most_again`
    """
    panel, n_old = np.empty(LANES, store.panels.dtype), kept.counts[q]
    if n_old == 0:
        return -1
    old, listed, values, places = kept.values[q], kept.places[q, :n_old], new.values[0], new.places[0]
    best = np.argmax(old[:n_old])
    first = _score_again(store, query, listed[best], panel)
    top, n, rest, largest = np.float64(first), 0, -np.inf, reach.norms[reach.order[0]]
    floor, n_more, n_wanted = np.float64(kept.floors[q]) + slack, 0, 0
    if floor + moved * largest > top - 1.0:
        n_more = _first_below(reach, (top - 1.0 - floor) / moved) if moved > 0 else len(reach.order)
    for i in range(n_old):
        n_wanted += np.float64(old[i]) + slack + moved * reach.norms[listed[i]] > top - 1.0
    if n_wanted + n_more >= most_again(len(reach.order)):
        return -1
    for i in range(n_old):
        place = listed[i]
        bound = np.float64(old[i]) + slack + moved * reach.norms[place]
        if i != best and bound <= top - 1.0:
            rest = max(rest, bound)
            continue
        values[n], places[n] = first if i == best else _score_again(store, query, place, panel), place
        top, n = max(top, np.float64(values[n])), n + 1
    if n_more < len(reach.order):
        rest = max(rest, floor + moved * reach.norms[reach.order[n_more]])
    if n_more > 0:
        for place in reach.order[:n_more]:
            at = np.searchsorted(listed, place)
            if at == n_old or listed[at] != place:
                values[n], places[n] = _score_again(store, query, place, panel), place
                top, n = max(top, np.float64(values[n])), n + 1
        order = np.argsort(places[:n])
        values[:n], places[:n] = values[:n][order], places[:n][order]
    new.counts[0], new.caps[0], new.tops[0], new.floors[0] = n, n, top, -np.inf
    new.seconds[0] = max(second_best(new, 0), rest)
    return n


__all__ = ["KEPT", "Reach", "keep", "list_again", "most_again", "prune"]
