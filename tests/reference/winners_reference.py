"""Who wins, from plain counts: one comparison at a time, no bit tricks."""

import numpy as np


def cluster_winners(counts, cluster_size, n_clusters):
    """Mask of all units that share the maximum of their cluster; a maximum of 0 has no winner."""
    won = np.zeros(len(counts), bool)
    for j in range(n_clusters):
        cluster = slice(j * cluster_size, (j + 1) * cluster_size)
        best = counts[cluster].max(initial=0)
        if best > 0:
            won[cluster] = counts[cluster] == best
    return won


def global_max(counts):
    """Largest count and the mask of the units that have it (nobody when it is 0)."""
    best = int(counts.max(initial=0))
    return best, (counts == best) & (best > 0)


def top_k(counts, k):
    """Mask of all units that reach the k-th best count, ties kept."""
    if k <= 0 or len(counts) == 0:
        return np.zeros(len(counts), bool)
    return counts >= np.sort(counts)[::-1][min(k, len(counts)) - 1]


def must_and_may(counts, k):
    """For exactly k: the units that must win (above the border) and those tied at it."""
    if k <= 0 or len(counts) == 0:
        return np.zeros(len(counts), bool), np.zeros(len(counts), bool)
    border = np.sort(counts)[::-1][min(k, len(counts)) - 1]
    return counts > border, counts == border


def exactly_k(counts, k, keys):
    """Mask of the k best units; of those tied at the border the ones with the smallest keys (one per unit)."""
    must, may = must_and_may(counts, k)
    tied = np.flatnonzero(may)
    drawn = tied[np.argsort(keys[tied])][: max(min(k, len(counts)) - must.sum(), 0)]
    must[drawn] = True
    return must


def all_active(dense, rows):
    """Mask of the units that every one of the rows reaches; nobody without rows."""
    if len(rows) == 0:
        return np.zeros(dense.shape[1], bool)
    return dense[rows].all(axis=0)


def tie_key(seed, item, unit, purpose=1):
    """The keyed random number of one tied unit: SplitMix64 of (seed, item, unit, purpose), in plain integers."""
    k = _mix(seed)
    for part in (item, unit, purpose):
        k = _mix(k ^ part)
    return k


def _mix(x):
    every_bit = (1 << 64) - 1
    z = (x + 0x9E3779B97F4A7C15) & every_bit
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & every_bit
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & every_bit
    return z ^ z >> 31
