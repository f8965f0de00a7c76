"""One-shot Hebbian learning of binary links.

A code sets the bit (i, j) for all pairs of its active units. Two ways do the same: item by item, or, for a large batch
into a matrix that no cache holds, row by row: the items that hold a unit are listed first, and each row is then filled
while it is near (`store_by_rows`). Both count what the items ask for, one after another, not how it was arranged.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words, count_bits, popcount
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.learning import code_words
from sdrsim.models.hebbian.kernels.net import Net

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
_6 = np.uint64(6)


@compiled
def store_items(net: Net, physical: Words, indptr: Offsets, indices: Ints) -> tuple[int, int, int]:
    """Store codes one after another; returns (links newly set, words read and written, words written as they were).

    `physical` (n_units + 1, n_words) holds the links that can exist, or is empty: then all can.
    """
    n_new, n_touched, n_silent, longest = 0, 0, 0, 0
    for m in range(len(indptr) - 1):
        longest = max(longest, indptr[m + 1] - indptr[m])
    places, masks = np.empty(longest, np.int32), np.empty(longest, np.uint64)
    for m in range(len(indptr) - 1):
        units = indices[indptr[m] : indptr[m + 1]]
        n_list = code_words(units, places, masks)
        if len(physical):
            new, silent = _store_physical(net.rows, physical, units, places[:n_list], masks[:n_list])
        else:
            new, silent = _store_code(net.rows, units, places[:n_list], masks[:n_list])
        n_new += new
        n_silent += silent
        n_touched += len(units) * n_list
        if net.n_clusters:
            for u in units:
                group = net.groups[net.cluster_of[u]]
                for i in range(n_list):
                    group[places[i]] |= masks[i]
    return n_new, n_touched, n_silent


@compiled
def store_traced(
    net: Net, physical: Words, indptr: Offsets, indices: Ints, changed: NDArray[np.bool_]
) -> tuple[int, int, int]:
    """As `store_items`; `changed` (n_active,) tells of every row of every item whether it was changed."""
    n_new, n_touched, n_silent = 0, 0, 0
    places, masks = np.empty(len(indices), np.int32), np.empty(len(indices), np.uint64)
    for m in range(len(indptr) - 1):
        n_list = code_words(indices[indptr[m] : indptr[m + 1]], places, masks)
        for a in range(indptr[m], indptr[m + 1]):
            unit = indices[a : a + 1]
            if len(physical):
                new, silent = _store_physical(net.rows, physical, unit, places[:n_list], masks[:n_list])
            else:
                new, silent = _store_code(net.rows, unit, places[:n_list], masks[:n_list])
            changed[a] = new > 0
            n_new, n_silent, n_touched = n_new + new, n_silent + silent, n_touched + n_list
            if net.n_clusters:
                group = net.groups[net.cluster_of[unit[0]]]
                for i in range(n_list):
                    group[places[i]] |= masks[i]
    return n_new, n_touched, n_silent


@compiled
def _store_code(rows: Words, units: Ints, places: Ints, masks: Words) -> tuple[int, int]:
    n_new, n_silent = ZERO, ZERO
    for u in units:
        row = rows[u]
        for i in range(len(places)):
            old = row[places[i]]
            new = old | masks[i]
            row[places[i]] = new
            n_new += popcount(new ^ old)
            n_silent += ONE if new == old else ZERO
    return int(np.int64(n_new)), int(np.int64(n_silent))


@compiled
def _store_physical(rows: Words, physical: Words, units: Ints, places: Ints, masks: Words) -> tuple[int, int]:
    n_new, n_silent = ZERO, ZERO
    for u in units:
        row, can = rows[u], physical[u]
        for i in range(len(places)):
            old = row[places[i]]
            new = old | (masks[i] & can[places[i]])
            row[places[i]] = new
            n_new += popcount(new ^ old)
            n_silent += ONE if new == old else ZERO
    return int(np.int64(n_new)), int(np.int64(n_silent))


@compiled
def store_by_rows(net: Net, indptr: Offsets, indices: Ints) -> tuple[int, int, int]:
    """As `store_items`, row after row, for a memory without clusters in which all links can exist.

    A word is changed once for each new bit, but for those that come with another one into the same word: only words
    that hold several bits of a code have to be looked at.
    """
    n_items = len(indptr) - 1
    starts = np.zeros(net.n_units + 1, np.int64)
    n_touched = 0
    for m in range(n_items):
        n_list, last = 0, -1
        for a in range(indptr[m], indptr[m + 1]):
            starts[indices[a] + 1] += 1
            if indices[a] >> 6 != last:
                n_list += 1
                last = indices[a] >> 6
        n_touched += n_list * (indptr[m + 1] - indptr[m])
    for u in range(net.n_units):
        starts[u + 1] += starts[u]
    items, places = np.empty(len(indices), np.int32), starts[:-1].copy()
    for m in range(n_items):
        for a in range(indptr[m], indptr[m + 1]):
            items[places[indices[a]]] = m
            places[indices[a]] += 1
    units, heads = _lone_first(indptr, indices)
    n_new, n_further = 0, 0
    for u in range(net.n_units):
        row = net.rows[u]
        n_new -= count_bits(row)
        for a in range(starts[u], starts[u + 1]):
            head, stop = heads[items[a]], indptr[items[a] + 1]
            for b in range(indptr[items[a]], head):
                v = np.uint64(units[b])
                row[v >> _6] |= ONE << (v & LOW_6)
            while head < stop:
                word, mask = np.uint64(units[head]) >> _6, ZERO
                while head < stop and np.uint64(units[head]) >> _6 == word:
                    mask |= ONE << (np.uint64(units[head]) & LOW_6)
                    head += 1
                fresh = int(np.int64(popcount(mask & ~row[word])))
                row[word] |= mask
                n_further += fresh - 1 if fresh > 1 else 0
        n_new += count_bits(row)
    return n_new, n_touched, n_touched - (n_new - n_further)


@compiled
def _lone_first(indptr: Offsets, indices: Ints) -> tuple[Ints, Offsets]:
    """The units of each code, first those that are alone in their word, and where the others begin."""
    units, heads = np.empty(len(indices), np.int32), np.empty(len(indptr) - 1, np.int64)
    for m in range(len(indptr) - 1):
        front, back = indptr[m], indptr[m + 1]
        for a in range(indptr[m + 1] - 1, indptr[m] - 1, -1):
            word = indices[a] >> 6
            before = a > indptr[m] and indices[a - 1] >> 6 == word
            if before or (a + 1 < indptr[m + 1] and indices[a + 1] >> 6 == word):
                back -= 1
                units[back] = indices[a]
            else:
                units[front] = indices[a]
                front += 1
        heads[m] = front
    return units, heads


@compiled
def gather_groups(net: Net) -> None:
    """Form the OR of each cluster's rows anew: after links were cleared, or set from outside."""
    for cluster in range(net.n_clusters):
        group = net.groups[cluster]
        group[:] = ZERO
        for u in range(cluster * net.cluster_size, (cluster + 1) * net.cluster_size):
            row = net.rows[u]
            for i in range(len(group)):
                group[i] |= row[i]


@compiled
def set_own_bits(net: Net) -> None:
    """The bit of each unit in its own row, and of a cluster's units in the row of the cluster."""
    for u in range(net.n_units):
        mask = ONE << (np.uint64(u) & LOW_6)
        net.rows[u, u >> 6] |= mask
        if net.n_clusters:
            net.groups[net.cluster_of[u], u >> 6] |= mask
