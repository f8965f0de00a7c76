"""Recall: volley after volley, until the code repeats itself, a clique is reached, or the iterations are used up.

One compiled call takes a whole batch; an item's answer depends on its cue and its number alone.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import ALL_BITS, LOW_6, ONE, ZERO, Words, fill_units
from sdrsim.kernels.borrow import borrowed
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import filled, moved
from sdrsim.kernels.sums import is_far
from sdrsim.kernels.winners import at_least, cluster_winners, exactly_k, global_max, top_k
from sdrsim.models.hebbian.kernels.maxvolley import fill_whole, hold_winners, max_scores, max_winners
from sdrsim.models.hebbian.kernels.net import (
    ALL,
    COMPARES,
    DRAWS,
    GWSTA,
    GWTA,
    KWTA,
    MOST_ACTIVE,
    N_READS,
    SUMS,
    WTA,
    Net,
    Rule,
    Work,
    borrow_net,
    borrow_work,
    chunks_of,
)
from sdrsim.models.hebbian.kernels.volley import (
    NOT_TRIED,
    TRIED,
    WON,
    Counts,
    between,
    is_clique,
    list_units,
    planes_view,
    sum_scores,
    sum_winners,
)

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
_6 = np.uint64(6)
Seeds = tuple[np.uint64, np.uint64]
"""Of the ties, of the failures."""


@compiled
def select_winners(
    net: Net, rule: Rule, work: Work, n_active: int, n_planes: int, seed: np.uint64, item: int, counts: Counts
) -> None:
    """The winners on the planes, into `work.new`; a score of 0 wins under a threshold alone."""
    planes, n_units = planes_view(net, work, n_planes), net.n_units
    counts[COMPARES] += n_units
    if rule.select == WTA:
        cluster_winners(planes, net.cluster_size, net.n_clusters, work.new)
        for i in range(len(work.new)):
            work.new[i] &= work.valid[i]
        return
    for c in range(planes.shape[0]):  # units that may not win score 0
        for p in range(n_planes):
            for w in range(8):
                planes[c, p, w] &= work.valid[8 * c + w]
    if rule.select == GWTA:
        global_max(planes, n_units, work.new)
    elif rule.select == GWSTA:
        if at_least(planes, n_units, 1, work.new) > rule.k:
            top_k(planes, n_units, rule.k, work.new)
    elif rule.select == KWTA:
        if at_least(planes, n_units, 1, work.new) > rule.k:
            counts[DRAWS] += exactly_k(planes, n_units, rule.k, seed, item, work.new)
    else:
        least = n_active if rule.select == ALL else rule.threshold
        at_least(planes, n_units, least, work.new)
        for i in range(len(work.new)):  # a threshold of 0 lets them in again
            work.new[i] &= work.valid[i]
        if rule.select == ALL and n_active == 0:
            work.new[:] = ZERO


@inlined
def start(net: Net, rule: Rule, work: Work, cue: Ints, guides: NDArray[np.bool_], i: int) -> int:
    """`x`, its list, and the units that may win, of item i of a batch; returns the active units of the cue.

    Sum of max may begin with erased clusters all on: `held` knows, `x` does not yet (`fill_whole`).
    """
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
    if rule.sum_of_max:
        work.held[:] = 0
        for unit in cue:
            work.held[net.cluster_of[unit]] += 1
            work.unit[net.cluster_of[unit]] = unit
        if rule.fill_erased:
            for cluster in range(net.n_clusters):
                erased = (work.held[cluster] == 0) & work.may[cluster]
                work.held[cluster] += np.int32(erased) * net.cluster_size
                work.unit[cluster] = cluster * net.cluster_size if erased else work.unit[cluster]  # where size is 1
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
def sum_item(
    net: Net, rule: Rule, work: Work, n: int, order: int, seeds: Seeds, item: int, far: bool, counts: Counts
) -> tuple[int, int, bool]:
    """Sum of sum from the `n` units of `work.active` on; returns active units, volleys, whether it converged."""
    known = False
    plain = rule.p_syn == 0.0
    for volley in range(rule.max_iterations):
        if n > MOST_ACTIVE:
            return n, volley, False
        tried, m = sum_winners(net, rule, work, n, known, far, counts) if plain else (NOT_TRIED, n)
        known |= tried != NOT_TRIED
        if tried == WON:
            counts[SUMS] += net.n_units
            counts[COMPARES] += net.n_units
        else:
            keys = (seeds[1], item, volley)
            n_planes = sum_scores(net, rule, work, n, keys, far, tried == TRIED, counts)
            select_winners(net, rule, work, n, n_planes, seeds[0], item, counts)
            m = list_units(net, work.new, work)
        n, repeats = m, not moved(work.new, work.x, chunks_of(net.n_units))
        if rule.stop_at_clique:
            if is_clique(net, work, n, order):
                return n, volley + 1, True
            if repeats and plain:
                return n, volley + 1, False
        elif repeats:
            return n, volley + 1, True
    return n, rule.max_iterations, False


@inlined
def max_item(
    net: Net, rule: Rule, work: Work, order: int, seeds: Seeds, item: int, far: bool, counts: Counts
) -> tuple[int, int, bool]:
    """Sum of max from `work.x` and `work.held` on; returns what `sum_item` does."""
    known, n = False, 0
    plain = rule.p_syn == 0.0
    for volley in range(rule.max_iterations):
        keys = (seeds[1], item, volley)
        tried, n = max_winners(net, rule, work, known, far, counts) if plain else (NOT_TRIED, 0)
        if tried == WON:  # then units only left their clusters, unless a cluster is lost that may not win
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
def log_reads(log: Offsets, n: int, reads: Offsets) -> Offsets:
    """Append to a log that holds `n`; grown where needed."""
    while n + len(reads) > len(log):
        grown = np.empty(2 * len(log), np.int64)
        grown[:n] = log[:n]
        log = grown
    log[n : n + len(reads)] = reads
    return log


@compiled
def recall_batch(
    net: Net,
    rule: Rule,
    work: Work,
    orders: Offsets,
    cues: tuple[Offsets, Ints],
    guides: NDArray[np.bool_],
    seeds: Seeds,
    first: int,
    counts: Counts,
) -> tuple[Offsets, Ints, Offsets, NDArray[np.bool_], Offsets]:
    """Recall many items.

    Parameters
    ----------
    net, rule
    work : from `make_work`, of this thread alone
    orders : int64 (n,) or (1,)
        Units of the clique that `stop_at_clique` waits for.
    cues : (indptr, indices)
    guides : bool (n, n_clusters) or (0, 0)
        Clusters of each item, where they are known.
    seeds
    first : number of the first item
    counts : int64 (N_COUNTS,), added to; N_READS becomes the most reads of an item

    Returns
    -------
    indptr, indices of the answers; volleys (n,); converged (n,); rows read, in order
    """
    indptr: Offsets = borrowed(cues[0])
    indices: Ints = borrowed(cues[1])
    net, work, guides, counts, n = (
        borrow_net(net),
        borrow_work(work),
        borrowed(guides),
        borrowed(counts),
        len(indptr) - 1,
    )
    far = is_far(net.rows, indptr[n] - indptr[0])
    out_indptr, out = np.zeros(n + 1, np.int64), np.empty(max(len(indices), 1024), np.int32)
    volleys, converged = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    log, n_log, most = np.empty(1024, np.int64), 0, 0
    work.valid[:] = ZERO
    for i in range(n):
        item, m = first + i, start(net, rule, work, indices[indptr[i] : indptr[i + 1]], guides, i)
        order = orders[i if len(orders) > 1 else 0]
        counts[N_READS] = 0
        if rule.sum_of_max:
            m, volleys[i], converged[i] = max_item(net, rule, work, order, seeds, item, far, counts)
        else:
            m, volleys[i], converged[i] = sum_item(net, rule, work, m, order, seeds, item, far, counts)
        if len(work.reads):
            most = max(most, counts[N_READS])
            some = work.reads[: min(counts[N_READS], len(work.reads))]
            log, n_log = log_reads(log, n_log, some), n_log + len(some)
        here = out_indptr[i]
        while here + m > len(out):
            grown = np.empty(2 * len(out), np.int32)
            grown[:here] = out[:here]
            out = grown
        for a in range(m):
            out[here + a] = work.active[a]
        out_indptr[i + 1] = here + m
    counts[N_READS] = most
    return out_indptr, out[: out_indptr[n]], volleys, converged, log[:n_log]
