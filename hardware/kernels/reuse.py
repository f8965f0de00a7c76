"""Stack distances of a row trace: how many other rows, or bytes of them, were touched since the last touch of a row.

Mattson et al. 1970 (IBM Systems Journal 9:78) with a tree of partial sums (Bennett & Kruskal 1975, IBM J. Res. Dev.
19:353). Each row holds one place on a line of time, the place of its last touch; the distance is what lies behind it.
The line has room for a few places per row and is closed up when it is full, so work and memory follow the number of
rows. Places of rows of one size are bits: the tree sums blocks of 512 of them and stays in the nearest cache.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import ALL_BITS, LOW_6, ONE, ZERO, popcount
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import mix

Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]
Words = NDArray[np.uint64]

ROOM = 4  # places per row; at the end of the line the rows close up: one row moved per ROOM - 1 touches
WORDS, PLACES = 8, 8  # of a block of the tree: 512 bits, or 8 sizes; one cache line each
_FIRST_SLOTS = 1024


@compiled
def number_rows(row_ids: Words, numbers: Numbers) -> int:
    """Number the distinct ids in the order of their first touch; returns how many there are. Hash table, half empty."""
    table = np.zeros((_FIRST_SLOTS, 2), np.uint64)  # id, number + 1
    n = 0
    for i in range(len(row_ids)):
        slot = _slot(table, row_ids[i])
        if table[slot, 1] == ZERO:
            n += 1
            table[slot, 0], table[slot, 1] = row_ids[i], np.uint64(n)
            if 2 * n >= len(table):
                table = _grown(table)
            numbers[i] = n - 1
        else:
            numbers[i] = np.int64(table[slot, 1]) - 1
    return n


@compiled
def _slot(table: Words, row_id: np.uint64) -> int:
    last = np.uint64(len(table) - 1)
    slot = mix(row_id) & last
    while table[slot, 1] != ZERO and table[slot, 0] != row_id:
        slot = (slot + ONE) & last
    return np.int64(slot)


@compiled
def _grown(table: Words) -> Words:
    larger = np.zeros((4 * len(table), 2), np.uint64)
    for old in range(len(table)):
        if table[old, 1] != ZERO:
            slot = _slot(larger, table[old, 0])
            larger[slot, 0], larger[slot, 1] = table[old, 0], table[old, 1]
    return larger


@compiled
def keep_sampled(row_ids: Words, key: np.uint64, limit: np.uint64, kept: Ints) -> int:
    """Places of the touches whose row the hash of (key, id) keeps, into `kept`; returns how many."""
    n = 0
    for i in range(len(row_ids)):
        kept[n] = i
        n += np.int64(mix(mix(row_ids[i]) ^ key) < limit)
    return n


@compiled
def row_distances(numbers: Numbers, n_rows: int, out: Ints) -> None:
    """out[i] = rows touched since the last touch of row ``numbers[i]``, it left out; -1 at its first."""
    n_blocks = (ROOM * n_rows + 64 * WORDS) // (64 * WORDS)
    bits = np.zeros(n_blocks * WORDS, np.uint64)
    tree = np.zeros(n_blocks + 1, np.int64)
    owner = np.empty(64 * len(bits), np.int32)
    last = np.full(n_rows, -1, np.int64)
    now = n_live = 0
    for i in range(len(numbers)):
        if now == len(owner):
            now = _close_up_bits(bits, tree, owner, last)
        row = numbers[i]
        place = last[row]
        if place < 0:
            out[i] = -1
            n_live += 1
        else:
            out[i] = n_live - _rank(bits, tree, place)
            bits[place >> 6] &= ~(ONE << (np.uint64(place) & LOW_6))
            _add(tree, place // (64 * WORDS), -1)
        bits[now >> 6] |= ONE << (np.uint64(now) & LOW_6)
        _add(tree, now // (64 * WORDS), 1)
        owner[now] = row
        last[row] = now
        now += 1


@compiled
def _rank(bits: Words, tree: Ints, place: int) -> int:
    """Rows whose place is not behind `place`."""
    word = place >> 6
    total = _before(tree, word // WORDS)
    for w in range(word - word % WORDS, word):
        total += np.int64(popcount(bits[w]))
    return total + np.int64(popcount(bits[word] & (ALL_BITS >> (LOW_6 - (np.uint64(place) & LOW_6)))))


@compiled
def _before(tree: Ints, block: int) -> int:
    """Sum of the blocks before `block` (Fenwick 1994)."""
    total = 0
    while block > 0:
        total += tree[block]
        block &= block - 1
    return total


@compiled
def _add(tree: Ints, block: int, value: int) -> None:
    node = block + 1
    while node < len(tree):
        tree[node] += value
        node += node & -node


@compiled
def _close_up_bits(bits: Words, tree: Ints, owner: Numbers, last: Ints) -> int:
    """Move the rows to the first places, in their order; returns the first free place."""
    now = 0
    for place in range(len(owner)):
        if (bits[place >> 6] >> (np.uint64(place) & LOW_6)) & ONE != ZERO:
            row = owner[place]
            owner[now] = row
            last[row] = now
            now += 1
    bits[:] = ZERO
    bits[: now >> 6] = ALL_BITS
    if now & 63:
        bits[now >> 6] = (ONE << (np.uint64(now) & LOW_6)) - ONE
    tree[:] = 0
    for block in range(len(bits) // WORDS):
        _add(tree, block, min(max(now - block * 64 * WORDS, 0), 64 * WORDS))
    return now


@compiled
def byte_distances(numbers: Numbers, sizes: Ints, out: Ints) -> None:
    """As `row_distances`, in bytes: row r has ``sizes[r]``; its own are left out."""
    n_blocks = (ROOM * len(sizes) + PLACES) // PLACES
    held = np.zeros(n_blocks * PLACES, np.int64)
    tree = np.zeros(n_blocks + 1, np.int64)
    owner = np.empty(len(held), np.int32)
    last = np.full(len(sizes), -1, np.int64)
    now = live = 0
    for i in range(len(numbers)):
        if now == len(owner):
            now = _close_up_bytes(held, tree, owner, last, sizes)
        row = numbers[i]
        place = last[row]
        if place < 0:
            out[i] = -1
            live += sizes[row]
        else:
            block = place // PLACES
            total = _before(tree, block)
            for p in range(block * PLACES, place + 1):
                total += held[p]
            out[i] = live - total
            held[place] = 0
            owner[place] = -1
            _add(tree, block, -sizes[row])
        held[now] = sizes[row]
        _add(tree, now // PLACES, sizes[row])
        owner[now] = row
        last[row] = now
        now += 1


@compiled
def _close_up_bytes(held: Ints, tree: Ints, owner: Numbers, last: Ints, sizes: Ints) -> int:
    now = 0
    for place in range(len(owner)):
        if owner[place] >= 0:
            row = owner[place]
            owner[now] = row
            held[now] = sizes[row]
            last[row] = now
            now += 1
    held[now:] = 0
    tree[:] = 0
    for place in range(now):
        tree[place // PLACES + 1] += held[place]
    for node in range(1, len(tree)):
        above = node + (node & -node)
        if above < len(tree):
            tree[above] += tree[node]
    return now


@compiled
def curve(
    numbers: Numbers,
    distances: Ints,
    sizes: Ints,
    writes: NDArray[np.bool_],
    groups: Numbers,
    capacities: Ints,
    loads: NDArray[np.int64],
    write_backs: NDArray[np.int64],
    dirty: NDArray[np.int64],
) -> None:
    """What an LRU memory of each of the rising `capacities` loads, writes back, and holds unwritten at the end.

    The tables are (2, n_groups, n_capacities + 1), rows and bytes, filled with zeros: differences along the last axis,
    to be summed. A written row is dirty in all capacities; a touch that misses below capacity k writes it back there,
    and it stays dirty in k and above (Thompson & Smith 1989, ACM Trans. Computer Systems 7:78).
    """
    n_rows, n_sizes = len(sizes), len(capacities)
    lowest = np.full(n_rows, n_sizes, np.int32)  # the smallest capacity in which the row is dirty
    writer = np.zeros(n_rows, np.int32)  # group of its last write
    for i in range(len(numbers)):
        row = numbers[i]
        k = n_sizes
        if distances[i] >= 0:
            k = np.searchsorted(capacities, distances[i] + sizes[row])
        _range(loads, groups[i], 0, k, sizes[row])
        if lowest[row] < k:
            _range(write_backs, writer[row], lowest[row], k, sizes[row])
            lowest[row] = k
        if writes[i]:
            lowest[row] = 0
            writer[row] = groups[i]
    deep = 0
    seen = np.zeros(n_rows, np.bool_)
    for i in range(len(numbers) - 1, -1, -1):
        row = numbers[i]
        if not seen[row]:
            seen[row] = True
            deep += sizes[row]
            k = np.searchsorted(capacities, deep)
            if lowest[row] < k:
                _range(write_backs, writer[row], lowest[row], k, sizes[row])
            _range(dirty, writer[row], max(k, lowest[row]), n_sizes, sizes[row])


@compiled
def _range(table: NDArray[np.int64], group: int, low: int, high: int, size: int) -> None:
    """Count one row of `size` bytes for capacities low .. high - 1."""
    table[0, group, low] += 1
    table[0, group, high] -= 1
    table[1, group, low] += size
    table[1, group, high] -= size
