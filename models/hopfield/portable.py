"""Recall through functions of the user's: all scores, all weights, by NumPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.models.hopfield.bank import Bank
from sdrsim.models.hopfield.kernels import asks, reads
from sdrsim.models.hopfield.kernels.steps import Answers, Ends, Part
from sdrsim.models.hopfield.maps import entmax, normmax
from sdrsim.models.hopfield.scoring import own_weights, similarities

__all__ = ["answer_by_rules"]


def answer_by_rules(memory: Any, bank: Bank, x: NDArray[Any], max_steps: int, trace: bool) -> Answers:
    """As the kernels answer, query by query, so that bits do not depend on the batch."""
    n = len(x)
    whole, flags = np.zeros((3, n), np.int64), np.zeros((2, n), np.bool_)
    tally = np.zeros(asks.N_TALLIES, np.int64)
    ends = Ends(whole[0], whole[1], whole[2], flags[0], flags[1], np.zeros(n), tally)
    ends.single[:], ends.tally[asks.N_QUERIES] = -1, n
    states = np.empty((n, bank.v or bank.d), bank.dtype)
    places: list[NDArray[np.int32]] = [np.zeros(0, np.int32)] * n
    weights: list[NDArray[np.float64]] = [np.zeros(0)] * n
    log, left, now = [np.zeros((1, 3), np.int64)], np.arange(n), x
    for _ in range(max_steps):
        if not len(left):
            break
        for q, w in zip(left, _step(memory, bank, left, now, states, ends)):
            places[q] = np.flatnonzero(w).astype(np.int32)
            weights[q] = w[places[q]]
            single = int(places[q][0]) if len(places[q]) == 1 else -1
            ends.certified[q] = ends.converged[q] and 0 <= single == ends.single[q]
            ends.single[q] = single
            ends.tally[asks.WEIGHED] += len(places[q])
            kind = reads.PATTERN if bank.values is None else reads.VALUE
            log += [np.array([[q, reads.ALL_PATTERNS, 0]]), np.array([[q, kind, i] for i in places[q]]).reshape(-1, 3)]
        left, now = left[~ends.converged[left]], states
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum([len(p) for p in places], dtype=np.int64)])
    part = Part(indptr, np.concatenate([np.zeros(0, np.int32), *places]), np.concatenate([np.zeros(0), *weights]))
    listed = np.concatenate(log) if trace else np.zeros((0, 3), np.int64)
    if trace:
        listed[0, 0] = len(listed) - 1
    return Answers(False, states, part, ends, listed)


def _step(
    memory: Any, bank: Bank, left: NDArray[np.int64], now: NDArray[Any], states: NDArray[Any], ends: Ends
) -> NDArray[np.float64]:
    """One step of the queries `left`; their weights, dense."""
    rows, n = bank.rows(0, bank.n), len(left)
    scores = similarities(bank.similarity, now[left], rows) * memory.beta
    weights = _weights(memory.params, scores)
    kept = (rows if bank.values is None else bank.values[: bank.n]).astype(np.float64)
    made = np.stack([w @ kept for w in weights]).astype(bank.dtype)
    ranked = np.sort(scores, axis=1)
    ends.margins[left] = ranked[:, -1] - ranked[:, -2] if bank.n > 1 else np.inf
    ends.iterations[left] += 1
    ends.tally[[asks.SCORED, asks.CELLS]] += n * bank.n, n * bank.n * bank.d
    ends.tally[asks.WORDS] += n * (bank.n * bank.d * bank.itemsize + 7 >> 3)
    if bank.values is None:
        moved = made.astype(np.float64) - now[left]
        ends.converged[left] = np.sqrt(np.einsum("ij,ij->i", moved, moved)) <= 1e-6 * bank.norm
    states[left] = made
    return weights


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
