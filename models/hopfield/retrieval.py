"""One recall: queries in portions through the kernels, or through functions of the user's; what it cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic, trace_of
from sdrsim.models.hopfield.bank import Bank
from sdrsim.models.hopfield.kernels.finish import drop_weightless, second_best, weigh_lists
from sdrsim.models.hopfield.kernels.panels import LANES, mean_of_patterns, mean_of_rows
from sdrsim.models.hopfield.kernels.scan import LEVEL, ROOT, Lists, scan
from sdrsim.models.hopfield.kernels.settle import Ends, later_steps
from sdrsim.models.hopfield.maps import entmax, normmax
from sdrsim.models.hopfield.recalled import Recalled
from sdrsim.models.hopfield.scoring import Rule, own_weights, similarities

__all__ = ["Found", "retrieve"]

PORTION = 64  # queries that share a pass
KEPT = 128  # patterns listed for later steps, at least
_TILE_ROOM = 12 * LANES


@dataclass
class Found:
    """What a recall found, query by query; see `Recalled`."""

    bank: Bank
    states: NDArray[Any]
    ends: Ends
    places: list[NDArray[np.int32]]
    weights: list[NDArray[np.float64]]
    path: str = "compiled"

    def count(self, traffic: Traffic, name: str, bits: int, trace: bool) -> None:
        """What it moved, into a ledger, and the trace: each query's passes in turn, then the patterns it combined."""
        bank, e, n = self.bank, self.ends, len(self.states)
        passes, rescored, weighed = (int(a.sum()) for a in (e.passes, e.rescored, e.weighed))
        own = weighed if bank.values is None else 0
        cells = e.used * bank.n  # numbers read by the passes of each query
        traffic.add(
            name,
            "retrieve",
            rows_read=passes * bank.n + rescored + own,
            words_read=int((-(-cells * bank.itemsize // 8)).sum()) + (rescored + own) * bank.words,
            synops=int(cells.sum()) + (rescored + own) * bank.d,
            sums=passes * bank.n + rescored,
            compares=passes * bank.n + rescored,
            code_bits=bits * n * (bank.d + (bank.v or bank.d)),
        )
        if bank.values is not None:
            traffic.add("values", "retrieve", rows_read=weighed, words_read=weighed * bank.value_words)
            traffic.add("values", "retrieve", synops=weighed * bank.v)
        if trace:
            traffic.trace = trace_of(self._accesses())

    def _accesses(self) -> NDArray[np.int64]:
        every, parts = np.arange(self.bank.n, dtype=np.int64), [np.zeros(0, np.int64)]
        for q, support in enumerate(self.places):
            parts += [every] * int(self.ends.passes[q]) + [support.astype(np.int64)]
        return np.concatenate(parts)

    def recalled(self, codes: SDR | None, traffic: Traffic) -> Recalled:
        """The answer for the user."""
        counts = [0, *(len(p) for p in self.places)]
        flat = np.concatenate([np.zeros(0, np.int32), *self.places]).astype(np.int32)
        e = self.ends
        return Recalled(
            states=self.states,
            codes=codes,
            support=SDR(flat, np.cumsum(counts), self.bank.n),
            weights=np.concatenate([np.zeros(0), *self.weights]),
            margin=e.margins,
            iterations=e.iterations,
            converged=e.converged,
            certified=e.certified,
            n_rescored=e.rescored,
            traffic=traffic,
            path=self.path,
        )


def retrieve(memory: Any, bank: Bank, x: NDArray[Any], max_steps: int) -> Found:
    """Recall of queries x (n, d) of the memory's kind of float."""
    n = len(x)
    whole = [np.zeros(n, np.int64) for _ in range(5)]
    ends = Ends._make([whole[0], np.zeros(n, np.bool_), np.zeros(n, np.bool_), *whole[1:], np.zeros(n)])
    none: list[Any] = [np.zeros(0, np.int32)] * n
    found = Found(bank, x.copy() if bank.values is None else np.empty((n, bank.v), bank.dtype), ends, none, list(none))
    if memory._rule is None or callable(memory.params.similarity):
        found.path = "portable"
    for first in range(0, n, PORTION):
        left = np.arange(first, min(first + PORTION, n))
        for step in range(max_steps):
            more = (
                _by_rules(memory, found, x, left)
                if found.path == "portable"
                else _compiled(memory, found, x, left, max_steps)
            )
            left = left[more]
            if not len(left) or step + 1 == max_steps:
                break
    if memory._rule is not None:
        ends.margins[:] /= memory._rule.factor
    return found


def _arrived(found: Found, left: NDArray[np.int64], made: NDArray[Any]) -> NDArray[np.bool_]:
    """Take over the states of one step; which of them still move."""
    bank, e = found.bank, found.ends
    e.iterations[left] += 1
    if bank.values is not None:
        found.states[left] = made
        return np.zeros(len(left), np.bool_)
    moved = np.linalg.norm(made.astype(np.float64) - found.states[left], axis=1)
    found.states[left] = made
    e.converged[left] = moved <= 1e-6 * bank.norm
    return ~e.converged[left]


def _by_rules(memory: Any, found: Found, x: NDArray[Any], left: NDArray[np.int64]) -> NDArray[np.bool_]:
    """One step through functions of the user's: all scores, all weights."""
    bank, e, rows = found.bank, found.ends, found.bank.rows(0, found.bank.n)
    now = found.states[left] if bank.values is None else x[left]
    scores = similarities(bank.similarity, now, rows) * memory.beta
    weights = _weights(memory.params, scores)
    kept = rows if bank.values is None else bank.values[: bank.n]
    made = np.stack([w @ kept.astype(np.float64) for w in weights]).astype(bank.dtype)  # row by row: bits of any batch
    ranked = np.sort(scores, axis=1)
    e.margins[left] = ranked[:, -1] - ranked[:, -2] if bank.n > 1 else np.inf
    e.passes[left] += 1
    e.used[left] += bank.d
    for q, w in zip(left, weights):
        found.places[q] = np.flatnonzero(w).astype(np.int32)
        found.weights[q] = w[w > 0]
        e.weighed[q] += len(found.weights[q])
    return _arrived(found, left, made)


def _weights(params: Any, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (n, M) of beta times scores, dense."""
    if callable(params.separation):
        return own_weights(params.separation, scores)
    if params.separation == "entmax":
        return np.asarray(entmax(scores, params.alpha), np.float64)
    if params.separation == "normmax":
        return np.asarray(normmax(scores, params.alpha), np.float64)
    if params.separation == "softmax1":
        return np.asarray(entmax(np.pad(scores, ((0, 0), (0, 1))), 1.0), np.float64)[:, :-1]
    k = min(params.k, scores.shape[1])
    border = np.sort(scores, axis=1)[:, -k]
    weights = np.where(scores >= border[:, None], np.exp(scores - scores.max(axis=1, keepdims=True)), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float64)


# ---- compiled -----------------------------------------------------------------------------------------------------


def _scaled(memory: Any, bank: Bank, rule: Rule, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64], float]:
    """Queries as the kernels take them, the factor each was multiplied by, and the factor of sums."""
    kind, factor = bank.similarity, float(memory.beta) * rule.factor
    if kind == "l1":
        return x, np.ones(len(x)), factor
    gains = np.full(len(x), 2 * factor if kind == "l2" else factor)
    if kind == "cosine":
        norms = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
        gains = np.divide(factor, norms, out=np.zeros_like(norms), where=norms > 0)
    return (x * gains[:, None]).astype(x.dtype), gains, 1.0


def _lists(bank: Bank, n: int) -> Lists:
    room, whole = bank.n + _TILE_ROOM, np.zeros(n, np.int64)
    values, places = np.empty((n, room), bank.dtype), np.empty((n, room), np.int32)
    return Lists(values, places, whole, whole.copy(), np.zeros(n, bank.dtype), np.zeros(n, bank.dtype))


def _compiled(memory: Any, found: Found, x: NDArray[Any], left: NDArray[np.int64], max_steps: int) -> NDArray[np.bool_]:
    """One step of the queries `left`; all steps at once where lists can be used again. Which go on."""
    bank, rule, e, n = found.bank, memory._rule, found.ends, len(left)
    now = found.states[left] if bank.values is None else x[left]
    z, gains, gain = _scaled(memory, bank, rule, now)
    store, lists = bank.store(float(memory.beta) * rule.factor), _lists(bank, n)
    quick = rule.mode == ROOT and bank.similarity in ("dot", "l2") and max_steps > 1
    if rule.mode == LEVEL:
        lists.floors[:] = -2 + memory.beta * np.einsum("ij,ij->i", now, now, dtype=np.float64)
    scan(store, z, rule.asked(gain, KEPT if quick else 0), lists)
    e.passes[left] += 1
    e.used[left] += bank.d if store.distance else np.count_nonzero(z, axis=1)
    kept = Lists._make(a.copy() for a in lists) if quick else lists
    weights, made = np.empty(lists.values.shape), np.empty((n, bank.v or bank.d), bank.dtype)
    weigh_lists(rule.asked(gain, 0), rule.weight_power, rule.null, lists, weights)
    for i, q in enumerate(left):
        e.margins[q] = float(lists.tops[i]) - second_best(lists, i, rule.mode == ROOT)
    drop_weightless(lists, weights)
    if bank.values is not None:
        mean_of_rows(bank.values, lists.places, weights, lists.counts, made)
    else:
        mean_of_patterns(bank.panels, lists.places, weights, lists.counts, made)
        made[lists.counts == 0] = now[lists.counts == 0]
    e.weighed[left] += lists.counts
    more = _arrived(found, left, made)
    if quick and more.any():
        _settle(memory, found, left, (store, gains, z, kept, lists, weights), max_steps)
        more[:] = False
    for i, q in enumerate(left):
        found.places[q] = lists.places[i, : lists.counts[i]].copy()
        found.weights[q] = weights[i, : lists.counts[i]].copy()
    return more


def _settle(memory: Any, found: Found, left: NDArray[np.int64], first: tuple[Any, ...], max_steps: int) -> None:
    """Later steps, on the lists of the first."""
    bank, rule = found.bank, memory._rule
    store, gains, z, kept, lists, weights = first
    states, ends = found.states[left], Ends._make(a[left] for a in found.ends)
    asked = rule.asked(1.0, KEPT)
    later_steps(store, asked, rule.weight_power, gains, bank.reach, z, kept, lists, states, weights, max_steps, ends)
    found.states[left] = states
    for whole, part in zip(found.ends, ends):
        whole[left] = part
