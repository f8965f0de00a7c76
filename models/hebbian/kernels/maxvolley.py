"""One volley under the rule sum of max: every cluster that reaches a unit counts once, however many of its units do.

Erased clusters begin with all units on. Units are not listed while all or one of a cluster are active: the OR of the
rows of a whole cluster is a row of its own (`Net.groups`). The winners are looked for by AND first; while clusters only
lose units, the rows of those that lost none need not be read again.
"""

import numpy as np

from sdrsim.kernels.bits import ALL_BITS, ONE, ZERO, popcount
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import and_rows, or_rows, row_address
from sdrsim.kernels.sums import planes_for
from sdrsim.models.hebbian.kernels.failures import thin_row
from sdrsim.models.hebbian.kernels.net import DRAWS, SUMS, WTA, Net, Rule, Work, chunks_of, note_row
from sdrsim.models.hebbian.kernels.volley import (
    NOT_TRIED,
    TRIED,
    WON,
    Counts,
    Keys,
    add_self,
    between,
    count_winners,
    planes_view,
    sum_table,
)


@inlined
def max_winners(net: Net, rule: Rule, work: Work, known: bool, keys: Keys, far: bool, counts: Counts) -> int:
    """Put the units reached by all clusters into `work.new`; NOT_TRIED, TRIED, or WON: they are the winners (of wta).

    `known`: `all_linked` holds the volley before; only clusters that are `fresh` must be read. Afterwards none is.
    """
    if rule.gamma < 1 or rule.select != WTA:
        return NOT_TRIED
    if not known:
        work.all_linked[:] = ALL_BITS
    n_rows, n_active = 0, 0
    for cluster in range(net.n_clusters):
        if work.held[cluster] > 0:
            n_active += 1
            if work.fresh[cluster] or not known:
                if work.held[cluster] == 1:
                    work.table[n_rows] = row_address(net.rows, work.unit[cluster])
                    note_row(net, work, work.unit[cluster], counts)
                elif work.held[cluster] == net.cluster_size:
                    work.table[n_rows] = row_address(net.groups, cluster)
                    note_row(net, work, net.n_units + cluster, counts)
                else:
                    work.table[n_rows] = _cluster_row(net, rule, work, cluster, keys, far, counts)
                n_rows += 1
        work.fresh[cluster] = False
    if n_active == 0:
        return NOT_TRIED
    and_rows(work.table, n_rows, chunks_of(net.n_units), work.all_linked, far)
    for i in range(len(work.new)):
        work.new[i] = work.all_linked[i] & work.valid[i]
    return WON if count_winners(net, work) else TRIED


@inlined
def max_scores(net: Net, rule: Rule, work: Work, keys: Keys, far: bool, counts: Counts) -> int:
    """Planes of the number of clusters that reach a unit, ``+ gamma x``; returns the number of planes."""
    n_planes = planes_for(net.n_clusters + max(0, rule.gamma - 1))
    planes, n_rows = planes_view(net, work, n_planes), 0
    for cluster in range(net.n_clusters):
        if work.held[cluster] > 0:
            work.table[n_rows] = _cluster_row(net, rule, work, cluster, keys, far, counts)
            n_rows += 1
    sum_table(net, work, n_rows, planes, far)
    add_self(planes, work.x, rule.gamma)
    counts[SUMS] += net.n_units
    return n_planes


@compiled
def _cluster_row(net: Net, rule: Rule, work: Work, cluster: int, keys: Keys, far: bool, counts: Counts) -> np.uint64:
    """Address of the OR of the rows of a cluster's active units."""
    if work.held[cluster] == net.cluster_size and rule.p_syn == 0.0:  # net.groups is the OR of rows without failures
        note_row(net, work, net.n_units + cluster, counts)
        return row_address(net.groups, cluster)
    out, row, n = work.some[cluster], work.some[net.n_clusters], 0
    if rule.p_syn > 0.0:
        out[:] = ZERO
    first, end = cluster * net.cluster_size, (cluster + 1) * net.cluster_size
    table = work.table[net.n_clusters :]
    for i in range(first >> 6, (end + 63) >> 6):
        word = work.x[i] & between(i, first, end)
        while word != ZERO:
            lowest = word & (~word + ONE)
            unit = 64 * i + np.int64(popcount(lowest - ONE))
            word ^= lowest
            note_row(net, work, unit, counts)
            if rule.p_syn > 0.0:
                counts[DRAWS] += thin_row(net.rows[unit], unit, rule.p_syn, keys[0], keys[1], keys[2], row)
                for w in range(len(out)):
                    out[w] |= row[w]
            else:
                table[n] = row_address(net.rows, unit)
            n += 1
    if rule.p_syn == 0.0:
        if n == 1:
            return table[0]
        out[:] = ZERO
        or_rows(table, n, chunks_of(net.n_units), out, far)
    return row_address(work.some, cluster)


@inlined
def update_held(net: Net, work: Work) -> None:
    """The winners of each cluster become its active units; it is fresh when their number changed."""
    for cluster in range(net.n_clusters):
        work.fresh[cluster] |= work.won[cluster] != work.held[cluster]
        work.held[cluster] = work.won[cluster]
        work.unit[cluster] = work.winner[cluster]
