"""Recall: the U weights read backwards, from a code to the inputs it was stored with."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.growing import room_for
from sdrsim.kernels.jit import compiled
from sdrsim.models.sparsey.kernels.layout import Rule


@compiled
def support_of_inputs(
    rule: Rule, words: NDArray[np.uint64], winners: NDArray[np.int16], support: NDArray[np.int32]
) -> None:
    """How many winners have each input's weight set; (n_inputs,) int32 of a mac that stands first in `words`."""
    for j in range(rule.n_inputs):
        row, n = words[j], np.int64(0)
        for q in range(rule.n_cms):
            i = winners[q] * rule.n_lanes + q
            n += np.int64((row[i >> 6] >> np.uint64(i & 63)) & np.uint64(1))
        support[j] = n


@compiled
def read_back(
    rule: Rule, words: NDArray[np.uint64], winners: NDArray[np.int16], floor: int, k: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Inputs with support >= `floor`, or the `k` best (k > 0), for each code; CSR offsets and sorted indices."""
    n = len(winners)
    indptr, found = np.zeros(n + 1, np.int64), np.empty(1024, np.int32)
    support = np.empty(rule.n_inputs, np.int32)
    at_least = np.empty(rule.n_cms + 2, np.int64)
    n_found = 0
    for i in range(n):
        if winners[i, 0] >= 0:
            support_of_inputs(rule, words, winners[i], support)
            least, spare = floor, rule.n_inputs
            if k > 0:
                least, spare = cut_at(support, rule.n_cms, k, at_least)
            found = room_for(found, n_found, rule.n_inputs)
            for j in range(rule.n_inputs):
                if support[j] < least or (support[j] == least and k > 0 and spare == 0):
                    continue
                if support[j] == least and k > 0:
                    spare -= 1
                found[n_found] = j
                n_found += 1
        indptr[i + 1] = n_found
    return indptr, found[:n_found].copy()


@compiled
def cut_at(support: NDArray[np.int32], n_cms: int, k: int, at_least: NDArray[np.int64]) -> tuple[int, int]:
    """The lowest support among the k best (never 0), and how many inputs of just that support fit."""
    at_least[:] = 0
    for s in support:
        at_least[s] += 1
    for s in range(n_cms - 1, -1, -1):
        at_least[s] += at_least[s + 1]
    least = n_cms
    while least > 1 and at_least[least] < k:
        least -= 1
    return least, k - at_least[least + 1]
