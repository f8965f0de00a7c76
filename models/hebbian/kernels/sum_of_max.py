"""Recall under the rule sum of max: every cluster that reaches a unit counts once, however many of its units do.

Erased clusters begin with all units on. Units are not listed while all or one of a cluster are active: the OR of the
rows of a whole cluster is a row of its own (`Net.groups`). The winners are looked for by AND first; while clusters only
lose units, the rows of those that lost none need not be read again.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, popcount
from sdrsim.kernels.borrow import borrowed
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import and_rows, both, moved, or_rows, row_address, same
from sdrsim.kernels.sums import is_far, planes_for
from sdrsim.models.hebbian.kernels.failures import thin_row
from sdrsim.models.hebbian.kernels.items import between, grown, is_clique, list_units, n_clusters_of, start
from sdrsim.models.hebbian.kernels.net import (
    ALL,
    COMPARES,
    DRAWS,
    N_READS,
    NOT_TRIED,
    REPEATED,
    SUMS,
    TRIED,
    WON,
    WTA,
    Answers,
    Counts,
    Ints,
    Keys,
    Net,
    Offsets,
    Rule,
    Seeds,
    Work,
    borrow_net,
    borrow_work,
    chunks_of,
    note_row,
    note_rows,
)
from sdrsim.models.hebbian.kernels.planes import add_self, planes_view, select_winners, sum_table


@inlined
def hold_cue(net: Net, rule: Rule, work: Work, cue: Ints) -> None:
    """Active units of each cluster of a cue. Erased clusters may begin with all units on: `held` knows, `x` not yet."""
    work.held[:] = 0
    for unit in cue:
        work.held[net.cluster_of[unit]] += 1
        work.unit[net.cluster_of[unit]] = unit
    if rule.fill_erased:
        for cluster in range(net.n_clusters):
            erased = (work.held[cluster] == 0) & work.may[cluster]
            work.held[cluster] += np.int32(erased) * net.cluster_size
            work.unit[cluster] = cluster * net.cluster_size if erased else work.unit[cluster]  # where size is 1


@inlined
def max_winners(net: Net, rule: Rule, work: Work, known: bool, far: bool, counts: Counts) -> tuple[int, int]:
    """Put the units reached by all clusters into `work.new`; NOT_TRIED, TRIED, or WON: they are the winners (of wta).
    REPEATED: they are, and nothing has changed.

    `known`: `all_linked` holds the volley before; only clusters that are `fresh` must be read. Afterwards none is. The
    second number is that of the units in `work.new`, which are listed.
    """
    if rule.gamma < 1 or rule.select != WTA:
        return NOT_TRIED, 0
    if not known:
        work.fresh[:] = True
    n_rows, n_active, n_others = 0, 0, 0
    for cluster in range(net.n_clusters):  # without branches: which cluster must be read nobody could foretell
        held, fresh = work.held[cluster], work.fresh[cluster]
        whole = (held == net.cluster_size) & (held > 1)
        alone = held == 1
        own, group = row_address(net.rows, work.unit[cluster]), row_address(net.groups, cluster)
        work.table[n_rows] = own ^ (np.uint64(whole) * (own ^ group))
        work.unread[n_rows] = work.unit[cluster] + np.int64(whole) * (net.n_units + cluster - work.unit[cluster])
        n_active += np.int64(held > 0)
        n_rows += np.int64(fresh & (alone | whole))
        n_others += np.int64(fresh & (held > 1) & ~whole)
    note_rows(net, work, work.unread, n_rows, counts)
    if n_others > 0:
        for cluster in range(net.n_clusters):
            if work.fresh[cluster] and 1 < work.held[cluster] < net.cluster_size:
                work.table[n_rows] = _joined_rows(net, work, cluster, far, counts)
                n_rows += 1
    work.fresh[:] = False
    if n_active == 0:
        return NOT_TRIED, 0
    and_rows(work.table, n_rows, chunks_of(net.n_units), work.all_linked, far, known)
    both(work.all_linked, work.valid, chunks_of(net.n_units), work.new)
    if known and same(work.new, work.x, chunks_of(net.n_units)):
        return REPEATED, 0
    n = list_units(net, work.new, work)
    return (WON, n) if n_clusters_of(net, work, n) == work.n_may[0] else (TRIED, n)


@inlined
def max_scores(net: Net, rule: Rule, work: Work, keys: Keys, far: bool, counts: Counts) -> int:
    """Planes of the number of clusters that reach a unit, ``+ gamma x``; returns the number of planes."""
    n_planes = planes_for(net.n_clusters + max(0, rule.gamma - 1))
    planes, n_rows = planes_view(net, work, n_planes), 0
    for cluster in range(net.n_clusters):
        if work.held[cluster] > 0:
            if rule.p_syn > 0.0:
                work.table[n_rows] = _thinned_rows(net, rule, work, cluster, keys, counts)
            elif work.held[cluster] == net.cluster_size:
                work.table[n_rows] = row_address(net.groups, cluster)
                note_row(net, work, net.n_units + cluster, counts)
            else:
                work.table[n_rows] = _joined_rows(net, work, cluster, far, counts)
            n_rows += 1
    sum_table(net, work, n_rows, planes, far)
    add_self(planes, work.x, rule.gamma)
    counts[SUMS] += net.n_units
    return n_planes


@inlined
def _joined_rows(net: Net, work: Work, cluster: int, far: bool, counts: Counts) -> np.uint64:
    """Address of the OR of the rows of a cluster's active units."""
    table, n, out = work.table[net.n_clusters :], 0, work.some[cluster]
    first, end = cluster * net.cluster_size, (cluster + 1) * net.cluster_size
    for i in range(first >> 6, (end + 63) >> 6):
        word = work.x[i] & between(i, first, end)
        while word != ZERO:
            unit = 64 * i + int(np.int64(popcount((word & (~word + ONE)) - ONE)))
            word &= word - ONE
            note_row(net, work, unit, counts)
            table[n] = row_address(net.rows, unit)
            n += 1
    if n == 1:
        return table[0]
    or_rows(table, n, chunks_of(net.n_units), out, far, False)
    return row_address(work.some, cluster)


@compiled
def _thinned_rows(net: Net, rule: Rule, work: Work, cluster: int, keys: Keys, counts: Counts) -> np.uint64:
    """As `_joined_rows`, of rows in which links have failed."""
    out, row = work.some[cluster], work.some[net.n_clusters]
    out[:] = ZERO
    for unit in range(cluster * net.cluster_size, (cluster + 1) * net.cluster_size):
        if work.x[unit >> 6] >> (np.uint64(unit) & LOW_6) & ONE != ZERO:
            note_row(net, work, unit, counts)
            counts[DRAWS] += thin_row(net.rows[unit], unit, rule.p_syn, keys[0], keys[1], keys[2], row)
            for w in range(len(out)):
                out[w] |= row[w]
    return row_address(work.some, cluster)


@inlined
def hold_winners(net: Net, work: Work, n: int) -> tuple[int, int]:
    """The listed winners become the active units of their clusters; how many clusters changed, and how many were lost.

    A cluster is fresh when its number of units changed.
    """
    n_changed, n_lost = 0, 0
    work.won[:] = 0
    for i in range(n):
        cluster = net.cluster_of[work.active[i]]
        work.won[cluster] += 1
        work.unit[cluster] = work.active[i]
    for cluster in range(net.n_clusters):
        held, won = work.held[cluster], work.won[cluster]
        n_changed += np.int64(won != held)
        n_lost += np.int64((won == 0) & (held > 0))
        work.fresh[cluster] |= won != held
        work.held[cluster] = won
    return n_changed, n_lost


@inlined
def fill_whole(net: Net, work: Work) -> None:
    """Set the bits of clusters of which all units are active, which `start` left out."""
    for cluster in range(net.n_clusters):
        if work.held[cluster] == net.cluster_size:
            for unit in range(cluster * net.cluster_size, (cluster + 1) * net.cluster_size):
                work.x[unit >> 6] |= ONE << (np.uint64(unit) & LOW_6)


@inlined
def max_item(
    net: Net, rule: Rule, work: Work, order: int, seeds: Seeds, item: int, far: bool, counts: Counts
) -> tuple[int, int, bool]:
    """Sum of max from `work.x` and `work.held` on; returns what `sum_item` does."""
    known, n = False, 0
    plain = rule.p_syn == 0.0
    for volley in range(rule.max_iterations):
        keys = (seeds[1], item, volley)
        tried, m = max_winners(net, rule, work, known, far, counts) if plain else (NOT_TRIED, 0)
        n = n if tried == REPEATED else m  # then the units that are listed are those of the volley before
        repeats = tried == REPEATED
        if repeats:
            counts[SUMS] += net.n_units
            counts[COMPARES] += net.n_units
        elif tried == WON:  # then units only left their clusters, unless a cluster is lost that may not win
            counts[SUMS] += net.n_units
            counts[COMPARES] += net.n_units
            n_changed, n_lost = hold_winners(net, work, n)
            known, repeats = n_lost == 0, n_changed == 0
            moved(work.new, work.x, chunks_of(net.n_units))
        else:
            if volley == 0:
                fill_whole(net, work)
            n_planes = max_scores(net, rule, work, keys, far, counts)
            n = list_units(net, work.x, work) if rule.select == ALL else 0
            select_winners(net, rule, work, n, n_planes, seeds[0], item, counts)
            n = list_units(net, work.new, work)
            hold_winners(net, work, n)
            known, repeats = False, not moved(work.new, work.x, chunks_of(net.n_units))
        if rule.stop_at_clique:
            if is_clique(net, work, n, order):
                return n, volley + 1, True
            if repeats and plain:
                return n, volley + 1, False
        elif repeats:
            return n, volley + 1, True
    return n, rule.max_iterations, False


@compiled
def recall_by_max(
    net: Net,
    rule: Rule,
    work: Work,
    orders: Offsets,
    cues: tuple[Offsets, Ints],
    guides: NDArray[np.bool_],
    seeds: Seeds,
    first: int,
    counts: Counts,
) -> Answers:
    """As `recall_by_sum`, under sum of max."""
    indptr: Offsets = borrowed(cues[0])
    indices: Ints = borrowed(cues[1])
    net, work, guides, counts = borrow_net(net), borrow_work(work), borrowed(guides), borrowed(counts)
    n, far = len(indptr) - 1, is_far(net.rows, indptr[-1] - indptr[0])
    out_indptr, out = np.zeros(n + 1, np.int64), np.empty(max(len(indices), 1024), np.int32)
    volleys, converged = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    log, n_log, most = np.empty(1024, np.int64), 0, 0
    for i in range(n):
        m = start(net, work, indices[indptr[i] : indptr[i + 1]], guides, i)
        hold_cue(net, rule, work, work.active[:m])
        order, here = orders[i if len(orders) > 1 else 0], out_indptr[i]
        counts[N_READS] = 0
        m, volleys[i], converged[i] = max_item(net, rule, work, order, seeds, first + i, far, counts)
        if here + m > len(out):
            out = grown(out, here, here + m)
        for a in range(m):
            out[here + a] = work.active[a]
        out_indptr[i + 1] = here + m
        if len(work.reads):
            most, m = max(most, counts[N_READS]), min(counts[N_READS], len(work.reads))
            if n_log + m > len(log):
                log = grown(log, n_log, n_log + m)
            for a in range(m):
                log[n_log + a] = work.reads[a]
            n_log += m
    counts[N_READS] = most
    return out_indptr, out[: out_indptr[n]], volleys, converged, log[:n_log]
