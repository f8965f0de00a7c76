"""One volley under the rule sum of sum: every active unit counts. Scores come as bit planes, or the winners at once.

`sum_scores` forms the scores of all units. Where the best score there can be is reached, the winners are the units
linked to everything that is active: `sum_winners` looks for these first, by AND, and says whether they are the answer.
The AND is kept from volley to volley: as long as units only join, rows of those active before need not be read again.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words, low_bits, unpack_indices
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import and_rows, both, filled, moved, row_address
from sdrsim.kernels.sums import GROUP, far_row_planes, planes_for, row_planes
from sdrsim.models.hebbian.kernels.failures import thin_row
from sdrsim.models.hebbian.kernels.net import (
    ALL,
    DRAWS,
    GWSTA,
    SUMS,
    WTA,
    Net,
    Rule,
    Work,
    chunks_of,
    note_row,
    note_rows,
)

Counts = NDArray[np.int64]
Keys = tuple[np.uint64, int, int]
"""Seed of the failures, item, volley."""
NOT_TRIED, TRIED, WON = 0, 1, 2


# ---- scores -------------------------------------------------------------------------------------------------------


@inlined
def sum_scores(net: Net, rule: Rule, work: Work, n: int, keys: Keys, far: bool, noted: bool, counts: Counts) -> int:
    """Planes of ``links + gamma x`` (sum of sum) for the `n` active units; returns the number of planes.

    `noted`: the reads of this volley are counted already.
    """
    n_planes = planes_for(n + max(0, rule.gamma - 1))
    planes = planes_view(net, work, n_planes)
    if rule.p_syn > 0.0:
        planes[:] = ZERO
        for i in range(n):
            unit = work.active[i]
            counts[DRAWS] += thin_row(net.rows[unit], unit, rule.p_syn, keys[0], keys[1], keys[2], work.some[0])
            add_word_row(planes, work.some[0], 0)
            note_row(net, work, unit, counts)
    else:
        for i in range(n):
            work.table[i] = row_address(net.rows, work.active[i])
        if not noted:
            note_rows(net, work, work.active, n, counts)
        sum_table(net, work, n, planes, far)
    add_self(planes, work.x, rule.gamma)
    counts[SUMS] += net.n_units
    return n_planes


@inlined
def planes_view(net: Net, work: Work, n_planes: int) -> Words:
    """The scratch for planes as (n_chunks, n_planes, 8)."""
    n_chunks = chunks_of(net.n_units)
    return work.planes[: 8 * n_chunks * n_planes].reshape((n_chunks, n_planes, 8))


@inlined
def sum_table(net: Net, work: Work, n: int, planes: Words, far: bool) -> None:
    n_groups = (n + GROUP - 1) // GROUP
    zero = row_address(net.rows, net.n_units)
    for i in range(n, n_groups * GROUP):
        work.table[i] = zero
    if far:
        far_row_planes(work.table, n_groups, planes.shape[1], planes)
    else:
        row_planes(work.table, n_groups, planes.shape[1], planes)


@compiled
def add_word_row(planes: Words, words: Words, first_plane: int) -> None:
    """Add 2**first_plane to the score of each unit of a packed row (whole chunks)."""
    for c in range(planes.shape[0]):
        for w in range(8):
            carry = words[8 * c + w]
            for p in range(first_plane, planes.shape[1]):
                held = planes[c, p, w]
                planes[c, p, w] = held ^ carry
                carry &= held


@compiled
def add_self(planes: Words, x: Words, gamma: int) -> None:
    """From scores under memory effect 1, which the rows themselves bring, to those under `gamma`."""
    if gamma == 0:
        for c in range(planes.shape[0]):
            for w in range(8):
                borrow = x[8 * c + w]
                for p in range(planes.shape[1]):
                    held = planes[c, p, w]
                    planes[c, p, w] = held ^ borrow
                    borrow &= ~held
    for p in range(planes.shape[1]):
        if gamma - 1 >> p & 1 and gamma > 1:
            add_word_row(planes, x, p)


# ---- winners at once ----------------------------------------------------------------------------------------------


@inlined
def sum_winners(net: Net, rule: Rule, work: Work, n: int, known: bool, far: bool, counts: Counts) -> tuple[int, int]:
    """Put the units linked to all active ones into `work.new`; NOT_TRIED, TRIED, or WON: they are the winners.

    `known`: `all_linked` holds the units linked to all of `covered`; after TRIED and WON it does for `x`, and the
    reads of the volley are counted, each row once. With WON the second number is that of the winners, which are listed.
    """
    if n == 0 or rule.gamma < 1 or (rule.select != WTA and rule.gamma != 1):
        return NOT_TRIED, n
    if rule.select == WTA:
        if n_clusters_of(net, work, n) < n:  # two in one cluster: no unit is linked to all
            return NOT_TRIED, n
    elif rule.select != ALL and rule.select != GWSTA:
        return NOT_TRIED, n
    n_rows, n_chunks = 0, chunks_of(net.n_units)
    known = known and _is_within(work.covered, work.x)
    if not known:
        filled(work.covered, n_chunks, ZERO)
    for i in range(n):
        unit = work.active[i]
        work.table[n_rows] = row_address(net.rows, unit)
        work.unread[n_rows] = unit
        n_rows += 0 if _has(work.covered, unit) else 1
    note_rows(net, work, work.unread, n_rows, counts)
    and_rows(work.table, n_rows, n_chunks, work.all_linked, far, known)
    both(work.all_linked, work.valid, n_chunks, work.new)
    m = list_units(net, work.new, work)
    if rule.select == WTA:
        won = n_clusters_of(net, work, m) == work.n_may[0]
    else:
        won = rule.select == ALL or m >= rule.k
    if not won:
        list_units(net, work.x, work)
        if n_rows < n:  # all rows are needed after all
            for i in range(n):
                if _has(work.covered, work.active[i]):
                    note_row(net, work, work.active[i], counts)
    moved(work.x, work.covered, n_chunks)
    return (WON, m) if won else (TRIED, n)


@inlined
def _has(words: Words, unit: int) -> bool:
    return words[unit >> 6] >> (np.uint64(unit) & LOW_6) & ONE != ZERO


@inlined
def n_clusters_of(net: Net, work: Work, n: int) -> int:
    """Clusters that the listed units stand in."""
    n_clusters, last = 0, -1
    for i in range(n):
        cluster = net.cluster_of[work.active[i]]
        n_clusters += 1 if cluster != last else 0
        last = cluster
    return n_clusters


@inlined
def _is_within(inner: Words, outer: Words) -> bool:
    left = ZERO
    for i in range(len(inner)):
        left |= inner[i] & ~outer[i]
    return left == ZERO


@inlined
def between(word: int, first: int, end: int) -> np.uint64:
    """Bits of a word that belong to units first .. end - 1."""
    return low_bits(end - 64 * word) & ~low_bits(first - 64 * word)


@inlined
def list_units(net: Net, words: Words, work: Work) -> int:
    """List the units of `x` or `new` in `work.active`; returns how many."""
    return unpack_indices(words[: (net.n_units + 63) // 64], work.active)


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
