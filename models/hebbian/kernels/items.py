"""One item of a batch: how it begins, which units are active, whether they are a clique, and where its answer goes."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import ALL_BITS, LOW_6, ONE, ZERO, Words, fill_units, low_bits, unpack_indices
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import filled
from sdrsim.models.hebbian.kernels.net import Ints, Net, Work, chunks_of

_6 = np.uint64(6)


@inlined
def start(net: Net, work: Work, cue: Ints, guides: NDArray[np.bool_], i: int) -> int:
    """`x`, its list, and the units that may win, of item i of a batch; returns the active units of the cue."""
    filled(work.x, chunks_of(net.n_units), ZERO)
    for a in range(len(cue)):
        u = np.uint64(cue[a])
        work.x[u >> _6] |= ONE << (u & LOW_6)
        work.active[a] = cue[a]
    if i == 0 and len(guides) == 0:
        fill_units(net.n_units, work.valid)
        work.may[:] = True
        work.n_may[0] = net.n_clusters
    elif len(guides):
        work.valid[:] = ZERO
        work.n_may[0] = 0
        for cluster in range(net.n_clusters):
            work.may[cluster] = guides[i, cluster]
            work.n_may[0] += 1 if guides[i, cluster] else 0
            if guides[i, cluster]:
                fill_cluster(net, cluster, work.valid)
    return len(cue)


@inlined
def fill_cluster(net: Net, cluster: int, words: Words) -> None:
    """Set the bits of all units of a cluster."""
    first, end = cluster * net.cluster_size, (cluster + 1) * net.cluster_size
    if net.cluster_size & 63 == 0:
        for i in range(first >> 6, end >> 6):
            words[i] = ALL_BITS
    else:
        for i in range(first >> 6, (end + 63) >> 6):
            words[i] |= between(i, first, end)


@inlined
def between(word: int, first: int, end: int) -> np.uint64:
    """Bits of a word that belong to units first .. end - 1."""
    return low_bits(end - 64 * word) & ~low_bits(first - 64 * word)


@inlined
def list_units(net: Net, words: Words, work: Work) -> int:
    """List the units of `x` or `new` in `work.active`; returns how many."""
    return unpack_indices(words[: (net.n_units + 63) // 64], work.active)


@inlined
def n_clusters_of(net: Net, work: Work, n: int) -> int:
    """Clusters that the listed units stand in."""
    n_clusters, last = 0, -1
    for i in range(n):
        cluster = net.cluster_of[work.active[i]]
        n_clusters += 1 if cluster != last else 0
        last = cluster
    return n_clusters


@compiled
def is_clique(net: Net, work: Work, n: int, order: int) -> bool:
    """Whether the active units are a clique: `order` of them, one a cluster, all linked to each other."""
    if n != order or (net.n_clusters > 0 and n_clusters_of(net, work, n) < n):
        return False
    for i in range(n):
        row = net.rows[work.active[i]]
        for j in range(n):
            unit = work.active[j]
            if row[unit >> 6] >> (np.uint64(unit) & LOW_6) & ONE == ZERO:
                return False
    return True


@compiled
def grown(held: NDArray[np.integer], n: int, least: int) -> NDArray[np.integer]:
    """A longer array that begins with the first `n` of this one and has room for `least`."""
    longer = np.empty(max(least, 2 * len(held)), held.dtype)
    longer[:n] = held[:n]
    return longer
