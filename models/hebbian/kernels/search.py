"""After recall: a clique inside an ambiguous answer, or a draw among its units.

Sum of max can settle on a *bogus fixed point*: an ensemble in which every unit is reached by all clusters, but only a
part of which is a clique (Yao, Gripon & Rabbat 2013, arXiv:1308.6003). The search for that part is ours: depth first,
the cluster with the fewest candidates first, candidates narrowed by the row of each unit that is tried.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import below, key
from sdrsim.models.hebbian.kernels.net import Net

Ints = NDArray[np.int32]
MOST_TRIES = 100_000  # rows read in one search


@compiled
def find_clique(net: Net, units: Ints, out: Ints) -> tuple[int, int]:
    """Look for cliques with one unit in each cluster that `units` (sorted) stand in.

    Returns (0, 1 or 2 cliques found, rows read); the first one found goes to `out` (n_clusters,), rising. The search
    stops at the second, or after MOST_TRIES rows (then it counts as two: not unique).
    """
    starts, n_used = np.empty(net.n_clusters + 1, np.int32), 0
    for a in range(len(units)):
        if a == 0 or net.cluster_of[units[a]] != net.cluster_of[units[a - 1]]:
            starts[n_used] = a
            n_used += 1
    starts[n_used] = len(units)
    order = np.argsort(starts[1 : n_used + 1] - starts[:n_used])
    n_words = net.rows.shape[1]
    left, chosen, place = (
        np.zeros((n_used + 1, n_words), np.uint64),
        np.zeros(n_used, np.int32),
        np.zeros(n_used, np.int32),
    )
    for u in units:
        left[0, u >> 6] |= ONE << (np.uint64(u) & LOW_6)
    depth, n_found, n_rows = 0, 0, 0
    place[0] = starts[order[0]]
    while depth >= 0:
        cluster = order[depth]
        if place[depth] == starts[cluster + 1]:
            depth -= 1
            continue
        unit = units[place[depth]]
        place[depth] += 1
        if left[depth, unit >> 6] >> (np.uint64(unit) & LOW_6) & ONE == ZERO:
            continue
        n_rows += 1
        if n_rows > MOST_TRIES:
            return 2, n_rows
        chosen[depth] = unit
        if depth == n_used - 1:
            n_found += 1
            if n_found == 2:
                return 2, n_rows
            out[:n_used] = np.sort(chosen)
            continue
        row = net.rows[unit]
        for i in range(n_words):
            left[depth + 1, i] = left[depth, i] & row[i]
        depth += 1
        place[depth] = starts[order[depth]]
    return n_found, n_rows


@compiled
def draw_units(
    net: Net, indptr: NDArray[np.int64], indices: Ints, seed: np.uint64, first: int
) -> tuple[NDArray[np.int64], Ints, int]:
    """Keep one unit of each cluster, drawn by (seed, item, cluster); returns the codes and the number of draws."""
    out_indptr, out, n, n_draws = np.zeros_like(indptr), np.empty_like(indices), 0, 0
    for m in range(len(indptr) - 1):
        a = indptr[m]
        while a < indptr[m + 1]:
            b = a + 1
            while b < indptr[m + 1] and net.cluster_of[indices[b]] == net.cluster_of[indices[a]]:
                b += 1
            chosen = a
            if b - a > 1:
                chosen = a + below(key(seed, first + m, net.cluster_of[indices[a]], 0), b - a)
                n_draws += 1
            out[n] = indices[chosen]
            n += 1
            a = b
        out_indptr[m + 1] = n
    return out_indptr, out[:n].copy(), n_draws
