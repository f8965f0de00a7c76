"""One volley under the rule sum of sum: every active unit counts. Scores come as bit planes, or the winners at once.

`sum_scores` forms the scores of all units. Where the best score there can be is reached, the winners are the units
linked to everything that is active: `sum_winners` looks for these first, by AND, and says whether they are the answer.
The AND is kept from volley to volley: as long as units only join, rows of those active before need not be read again.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import ALL_BITS, LOW_6, ONE, ZERO, Words, count_bits, low_bits, popcount, unpack_indices
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import and_rows, row_address
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
def sum_winners(net: Net, rule: Rule, work: Work, n: int, known: bool, far: bool, counts: Counts) -> int:
    """Put the units linked to all active ones into `work.new`; NOT_TRIED, TRIED, or WON: they are the winners.

    `known`: `all_linked` holds the units linked to all of `covered`; after TRIED and WON it does for `x`, and the
    reads of the volley are counted, each row once.
    """
    if n == 0 or rule.gamma < 1 or (rule.select != WTA and rule.gamma != 1):
        return NOT_TRIED
    if rule.select == WTA:
        if shares_cluster(net, work, n):
            return NOT_TRIED
    elif rule.select != ALL and rule.select != GWSTA:
        return NOT_TRIED
    n_rows = 0
    if not (known and _is_within(work.covered, work.x)):
        work.all_linked[:] = ALL_BITS
        work.covered[:] = ZERO
    for i in range(n):
        unit = work.active[i]
        work.table[n_rows] = row_address(net.rows, unit)
        work.unread[n_rows] = unit
        n_rows += 0 if _has(work.covered, unit) else 1
    note_rows(net, work, work.unread, n_rows, counts)
    and_rows(work.table, n_rows, chunks_of(net.n_units), work.all_linked, far)
    for i in range(len(work.new)):
        work.new[i] = work.all_linked[i] & work.valid[i]
    if rule.select == WTA:
        won = count_winners(net, work)
    else:
        won = rule.select == ALL or count_bits(work.new) >= rule.k
    if not won and n_rows < n:  # all rows are needed after all
        for i in range(n):
            if _has(work.covered, work.active[i]):
                note_row(net, work, work.active[i], counts)
    work.covered[:] = work.x
    return WON if won else TRIED


@inlined
def _has(words: Words, unit: int) -> bool:
    return words[unit >> 6] >> (np.uint64(unit) & LOW_6) & ONE != ZERO


@inlined
def shares_cluster(net: Net, work: Work, n: int) -> bool:
    """Whether two active units stand in one cluster: then no unit is linked to all."""
    last = -1
    for i in range(n):
        cluster = net.cluster_of[work.active[i]]
        if cluster == last:
            return True
        last = cluster
    return False


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
def count_winners(net: Net, work: Work) -> bool:
    """How many winners each cluster has, and one of them, to `work`; whether each cluster that may win has one."""
    size, complete = net.cluster_size, True
    whole = size & 63 == 0
    for cluster in range(net.n_clusters):
        first, end, n, winner = cluster * size, (cluster + 1) * size, ZERO, -1
        for i in range(first >> 6, (end + 63) >> 6):
            word = work.new[i] if whole else work.new[i] & between(i, first, end)
            n += popcount(word)
            here = 64 * i + np.int64(popcount((word & (~word + ONE)) - ONE))  # without a branch nobody could foretell
            winner = here if word != ZERO else winner
        work.won[cluster], work.winner[cluster] = np.int32(n), winner
        complete &= n != ZERO or not work.may[cluster]
    return complete


@inlined
def active_units(net: Net, work: Work) -> int:
    """List the units of `x`; returns how many."""
    return unpack_indices(work.x[: (net.n_units + 63) // 64], work.active)


@compiled
def is_clique(net: Net, work: Work, n: int, order: int) -> bool:
    """Whether the active units are a clique: `order` of them, one a cluster, all linked to each other."""
    if n != order or (net.n_clusters > 0 and shares_cluster(net, work, n)):
        return False
    for i in range(n):
        row = net.rows[work.active[i]]
        for j in range(n):
            unit = work.active[j]
            if row[unit >> 6] >> (np.uint64(unit) & LOW_6) & ONE == ZERO:
                return False
    return True
