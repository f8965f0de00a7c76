"""One recall: queries in portions through the kernels, or through functions of the user's; what it cost."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic, trace_of
from sdrsim.models.hopfield.bank import Bank, screen_bytes
from sdrsim.models.hopfield.kernels.finish import answer_lists, flat_lists
from sdrsim.models.hopfield.kernels.panels import LANES, mean_of_patterns, mean_of_rows
from sdrsim.models.hopfield.kernels.scan import ALL, LEVEL, ROOM, ROOT, Asked, Lists, Store, scan
from sdrsim.models.hopfield.kernels.screen import sift
from sdrsim.models.hopfield.kernels.settle import Ends, kept_lists, later_steps
from sdrsim.models.hopfield.maps import entmax, normmax
from sdrsim.models.hopfield.recalled import Recalled
from sdrsim.models.hopfield.scoring import own_weights, similarities

__all__ = ["Found", "retrieve"]

PORTION = 64  # queries that share a pass
PATTERNS = "patterns"
KEPT = 128  # patterns listed for later steps, at least
_LENGTH = 4096  # room of a list at first

Rows = NDArray[Any]


class Part(NamedTuple):
    """Weights of some queries, end to end: query ``which[i]`` has ``places[indptr[i]:indptr[i + 1]]``."""

    which: NDArray[np.int64]
    indptr: NDArray[np.int64]
    places: NDArray[np.int32]
    weights: NDArray[np.float64]


@dataclass
class Found:
    """What a recall found; see `Recalled`.

    parts : what has weight; of a query that is in several, the last counts
    reads : with a trace, what was read: (query, tensor, patterns), in the order of each query
    """

    bank: Bank
    states: NDArray[Any]
    ends: Ends
    parts: list[Part] = field(default_factory=list)
    reads: list[tuple[int, str, NDArray[np.int64]]] | None = None
    path: str = "compiled"

    def count(self, traffic: Traffic, name: str, bits: int) -> None:
        """What it moved, into a ledger, with the trace: each query's passes in turn, then the patterns it combined."""
        bank, e, n = self.bank, self.ends, len(self.states)
        scored, rescored, weighed, cells = (int(a.sum()) for a in (e.scored, e.rescored, e.weighed, e.cells))
        own = weighed if bank.values is None else 0
        traffic.add(
            name,
            "retrieve",
            rows_read=scored + rescored + own,
            words_read=int((e.cells * bank.itemsize + 7 >> 3).sum()) + (rescored + own) * bank.words,
            synops=cells + (rescored + own) * bank.d,
            sums=scored + rescored,
            compares=scored + rescored,
            code_bits=bits * n * (bank.d + (bank.v or bank.d)),
        )
        if bank.values is not None:
            words = weighed * bank.value_words
            traffic.add("values", "retrieve", rows_read=weighed, words_read=words, synops=weighed * bank.v)
        if bank.screened:
            sums = int(e.screened.sum())
            words = int((e.bytes + 7 >> 3).sum())
            traffic.add(
                "screen",
                "retrieve",
                rows_read=sums,
                words_read=words,
                synops=int(e.bytes.sum()) - sums * screen_bytes(0),
                sums=sums,
                compares=sums,
            )
        if self.reads is not None:
            traffic.trace = self._trace(list(traffic.tensors))

    def _trace(self, tensors: list[str]) -> NDArray[Any]:
        reads = list(self.reads or [])
        for q, (part, i) in enumerate(self._last()):
            reads.append((q, tensors[0], part.places[part.indptr[i] : part.indptr[i + 1]].astype(np.int64)))
        parts = [trace_of(np.zeros(0, np.int64), "retrieve")]
        for _, name, rows in sorted(reads, key=lambda read: read[0]):  # stable: each query's in their order
            steps = trace_of(rows, "retrieve")
            steps["tensor"] = tensors.index(name)
            parts.append(steps)
        return np.concatenate(parts)

    def _last(self) -> list[tuple[Part, int]]:
        """Where the weights of each query stand."""
        found: dict[int, tuple[Part, int]] = {}
        for part in self.parts:
            found |= {int(q): (part, i) for i, q in enumerate(part.which)}
        return [found[q] for q in range(len(self.states))]

    def weighed(self) -> Part:
        """The weights of all queries, in their order."""
        n, parts = len(self.states), self.parts
        if len(parts) == 1:
            return parts[0]
        ranges = [(part, part.indptr[i], part.indptr[i + 1]) for part, i in self._last()]
        indptr = np.zeros(n + 1, np.int64)
        np.cumsum([end - begin for _, begin, end in ranges], out=indptr[1:])
        places = [np.zeros(0, np.int32), *(part.places[begin:end] for part, begin, end in ranges)]
        weights = [np.zeros(0), *(part.weights[begin:end] for part, begin, end in ranges)]
        return Part(np.arange(n), indptr, np.concatenate(places), np.concatenate(weights))

    def recalled(self, codes: SDR | None, traffic: Traffic) -> Recalled:
        """The answer for the user."""
        e, part = self.ends, self.weighed()
        return Recalled(
            states=self.states,
            codes=codes,
            support=SDR._trusted(part.places, part.indptr, self.bank.n),
            weights=part.weights,
            margin=e.margins,
            iterations=e.iterations,
            converged=e.converged,
            certified=e.certified,
            n_rescored=e.rescored,
            traffic=traffic,
            path=self.path,
        )


def retrieve(memory: Any, bank: Bank, x: NDArray[Any], max_steps: int, trace: bool = False) -> Found:
    """Recall of queries x (n, d) of the memory's kind of float."""
    n = len(x)
    counts, flags = np.zeros((8, n), np.int64), np.zeros((2, n), np.bool_)
    ends = Ends._make([counts[0], flags[0], flags[1], *counts[1:], np.zeros(n)])
    found = Found(bank, x.copy() if bank.values is None else np.empty((n, bank.v), bank.dtype), ends)
    if trace:
        found.reads = []
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
            if step + 1 == max_steps or not more.any():
                break
            left = left[more]
    if memory._rule is not None:
        ends.margins[:] *= memory.beta if memory._rule.ranks else 1 / memory._rule.factor
    return found


def _arrived(found: Found, left: NDArray[np.int64], made: NDArray[Any]) -> NDArray[np.bool_]:
    """Take over the states of one step; which of them still move."""
    bank, e = found.bank, found.ends
    e.iterations[left] += 1
    if bank.values is not None:
        found.states[left] = made
        return np.zeros(len(left), np.bool_)
    moved = made.astype(np.float64) - found.states[left]
    found.states[left] = made
    still = np.sqrt(np.einsum("ij,ij->i", moved, moved)) <= 1e-6 * bank.norm
    e.converged[left] = still
    return np.asarray(~still)


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
    _passed(found, left, bank.d)
    which, places = np.nonzero(weights)
    indptr = np.searchsorted(which, np.arange(len(left) + 1))
    found.parts.append(Part(left, indptr, places.astype(np.int32), weights[which, places]))
    e.weighed[left] += np.diff(indptr)
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


def _factor(memory: Any) -> float:
    """Of similarities; 1 where only their order counts: rounded products of equal scores may differ."""
    return 1.0 if memory._rule.ranks else float(memory.beta) * memory._rule.factor


def _scaled(memory: Any, bank: Bank, x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.float64], float]:
    """Queries as the kernels take them, the factor each was multiplied by, and the factor of sums."""
    kind, factor = bank.similarity, _factor(memory)
    if kind == "l1":
        return x, np.ones(len(x)), factor
    gains = np.full(len(x), 2 * factor if kind == "l2" else factor)
    if kind == "cosine":
        norms = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
        gains = np.divide(factor, norms, out=np.zeros_like(norms), where=norms > 0)
    return (x * gains[:, None]).astype(x.dtype), gains, 1.0


_SPARE: dict[np.dtype[Any], list[tuple[Rows, Rows, Rows]]] = {}
"""Arrays of lists for the next call: fresh memory costs a page fault every 4 KB."""


def _lists(arrays: tuple[Rows, Rows, Rows], n: int) -> Lists:
    """Empty lists of n queries."""
    values, places, _ = arrays
    whole, levels = np.zeros((2, n), np.int64), np.zeros((2, n), values.dtype)
    return Lists(values[:n], places[:n], whole[0], whole[1], levels[0], levels[1])


def _arrays(dtype: np.dtype[Any], n: int, room: int) -> tuple[Rows, Rows, Rows]:
    """Scores, places, weights."""
    return np.empty((n, room), dtype), np.empty((n, room), np.int32), np.empty((n, room))


def _passed(found: Found, left: NDArray[np.int64], used: Any) -> None:
    """Count a full pass of queries `left`, of whose coordinates `used` counted."""
    bank, e = found.bank, found.ends
    e.scored[left] += bank.n
    e.cells[left] += used * bank.n
    if found.reads is not None:
        every = np.arange(bank.n, dtype=np.int64)
        found.reads += [(int(q), PATTERNS, every) for q in left]


def _sifted(found: Found, left: NDArray[np.int64], store: Store, z: Rows, asked: Asked, lists: Lists) -> Lists:
    """A pass over the copies in bytes, and over what they do not rule out; counted."""
    bank, e, n = found.bank, found.ends, len(left)
    wanted, scored = np.empty((n if found.reads is not None else 1, len(bank.panels)), np.uint8), np.empty(n, np.int64)
    lists = sift(store, bank.screen, z, asked, lists, scored, wanted)
    pairs = np.add.reduceat(z != 0, np.arange(0, bank.d, 2), axis=1).astype(bool).sum(axis=1)
    e.scored[left] += scored
    e.cells[left] += (z != 0).sum(axis=1) * scored
    e.screened[left] += bank.n
    e.bytes[left] += (2 * pairs + screen_bytes(0)) * bank.n
    if found.reads is not None:
        every = np.arange(bank.n, dtype=np.int64)
        for q, panels in zip(left, wanted):
            in_full = every[np.repeat(panels, LANES)[: bank.n] > 0]
            found.reads += [(int(q), "screen", every), (int(q), PATTERNS, in_full)]
    return lists


def _compiled(memory: Any, found: Found, x: NDArray[Any], left: NDArray[np.int64], max_steps: int) -> NDArray[np.bool_]:
    """One step of the queries `left`; all steps at once where lists can be used again. Which go on."""
    spare = _SPARE.setdefault(found.bank.dtype, [])
    if memory._rule.mode == ALL:
        return _step(memory, found, x, left, max_steps, _arrays(found.bank.dtype, len(left), found.bank.n + ROOM))
    try:
        arrays = spare.pop()
    except IndexError:  # none yet, or other threads have them
        arrays = _arrays(found.bank.dtype, PORTION, _LENGTH)
    more = _step(memory, found, x, left, max_steps, arrays)
    spare.append(arrays)
    return more


def _step(
    memory: Any,
    found: Found,
    x: NDArray[Any],
    left: NDArray[np.int64],
    max_steps: int,
    arrays: tuple[Rows, Rows, Rows],
) -> NDArray[np.bool_]:
    bank, rule, e, n = found.bank, memory._rule, found.ends, len(left)
    now = found.states[left] if bank.values is None else x[left]
    z, gains, gain = _scaled(memory, bank, now)
    store, heat = bank.store(_factor(memory)), float(memory.beta) if rule.ranks else 1.0
    lists = _lists(arrays, n)
    quick = rule.mode == ROOT and bank.similarity in ("dot", "l2") and max_steps > 1
    nulls = np.zeros(n if rule.null else 0)
    if rule.mode == LEVEL or (rule.null and bank.similarity == "l2"):  # scores are without the query's own square
        own = memory.beta * np.einsum("ij,ij->i", now, now, dtype=np.float64)
        lists.floors[:], nulls = (own - 2, nulls) if rule.mode == LEVEL else (lists.floors, own)
    asked = rule.asked(gain, KEPT if quick else 0)
    if bank.screened:
        lists = _sifted(found, left, store, z, asked, lists)
    else:
        lists = scan(store, z, asked, lists)
        _passed(found, left, bank.d if store.distance else (z != 0).sum(axis=1))
    kept = kept_lists(lists) if quick else lists
    room = lists.values.shape[1]
    weights = arrays[2][:n] if arrays[2].shape[1] == room else np.empty((n, room))
    margins, made = np.empty(n), np.empty((n, bank.v or bank.d), bank.dtype)
    part = Part(left, *answer_lists(rule.asked(gain, 0, heat), rule.weight_power, nulls, lists, weights, margins))
    if bank.values is not None:
        mean_of_rows(bank.values, *part[1:], made)
    else:
        mean_of_patterns(bank.panels, *part[1:], made)
        if rule.mode == LEVEL and not lists.counts.all():
            made[lists.counts == 0] = now[lists.counts == 0]
    e.margins[left] = margins
    e.weighed[left] += lists.counts
    more = _arrived(found, left, made)
    if quick and more.any():
        part = _settle(memory, found, left, (store, gains, z, kept, lists, weights), max_steps)
        more[:] = False
    found.parts.append(part)
    return more


def _settle(memory: Any, found: Found, left: NDArray[np.int64], first: tuple[Any, ...], max_steps: int) -> Part:
    """Later steps, on the lists of the first; of queries side by side."""
    bank, rule, span = found.bank, memory._rule, slice(left[0], left[-1] + 1)
    store, gains, z, kept, lists, weights = first
    states, ends = found.states[span], Ends._make(a[span] for a in found.ends)
    asked = rule.asked(1.0, KEPT)
    support, weights = later_steps(
        store, asked, rule.weight_power, gains, bank.reach, z, kept, lists, states, weights, max_steps, ends
    )
    if found.reads is not None:
        every = np.arange(bank.n, dtype=np.int64)
        for q, n_more in zip(left, ends.passes):
            found.reads += [(int(q), PATTERNS, every)] * int(n_more)
    return Part(left, *flat_lists(support, weights))
