"""Forgetting: the palimpsest. Before an item is stored, each link is cleared with a small probability."""

import math

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import key, unit
from sdrsim.models.hebbian.kernels.net import Net
from sdrsim.models.hebbian.kernels.store import store_items


@compiled
def forget(net: Net, p: float, seed: np.uint64, item: int) -> tuple[int, int, int]:
    """Clear each link (with the one that points back) with probability `p`; returns (links cleared, words, draws).

    Gaps between the pairs that are struck, linked or not, are geometric: as many draws as pairs struck, and one more.
    Draw n of an item has the key ``(seed, item, 0, n)``.
    """
    if p <= 0.0:
        return 0, 0, 0
    n_pairs = net.n_units * (net.n_units - 1) // 2
    log_stay = math.log1p(-p) if p < 1.0 else -math.inf
    pair, n_gone, n_words, n_draws = -1, 0, 0, 0
    while True:
        gap = math.log(1.0 - unit(key(seed, item, 0, n_draws))) / log_stay
        n_draws += 1
        if gap >= n_pairs - pair - 1:  # asked of the float: a tiny p gives gaps that no whole number holds
            return n_gone, n_words, n_draws
        pair += 1 + int(gap)
        j = int((1.0 + math.sqrt(8.0 * pair + 1.0)) / 2.0)  # pair = j (j - 1) / 2 + i with i < j
        while j * (j - 1) // 2 > pair:
            j -= 1
        while j * (j + 1) // 2 <= pair:
            j += 1
        i = pair - j * (j - 1) // 2
        n_gone += _cut(net.rows, i, j) + _cut(net.rows, j, i)
        n_words += 2


@compiled
def _cut(rows: Words, a: int, b: int) -> int:
    mask = ONE << (np.uint64(b) & LOW_6)
    old = rows[a, b >> 6]
    rows[a, b >> 6] = old & ~mask
    return 1 if old & mask != ZERO else 0


@compiled
def store_forgetting(
    net: Net,
    physical: Words,
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    p: float,
    seed: np.uint64,
    first: int,
) -> tuple[int, int, int, int, int, int]:
    """Forget, then store, item after item; returns links set, words touched, silent, links cleared, words cut, draws.

    A cut touches one link: of the words cut, as many are written as they were as links were not there.
    """
    n_new, n_touched, n_silent, n_gone, n_cut, n_draws = 0, 0, 0, 0, 0, 0
    for m in range(len(indptr) - 1):
        gone, cut, draws = forget(net, p, seed, first + m)
        new, touched, silent = store_items(net, physical, indptr[m : m + 2], indices)
        n_new, n_touched, n_silent = n_new + new, n_touched + touched, n_silent + silent
        n_gone, n_cut, n_draws = n_gone + gone, n_cut + cut, n_draws + draws
    return n_new, n_touched, n_silent, n_gone, n_cut, n_draws
