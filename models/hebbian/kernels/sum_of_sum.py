"""Recall under the rule sum of sum: every active unit counts. Scores come as bit planes, or the winners at once.

`sum_scores` forms the scores of all units. Where the best score there can be is reached, the winners are the units
linked to everything that is active: `sum_winners` looks for these first, by AND, and says whether they are the answer.
The AND is kept from volley to volley: as long as units only join, rows of those active before need not be read again.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words
from sdrsim.kernels.borrow import borrowed
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import and_rows, both, filled, moved, row_address, same
from sdrsim.kernels.sums import is_far, planes_for
from sdrsim.models.hebbian.kernels.failures import thin_row
from sdrsim.models.hebbian.kernels.items import grown, is_clique, list_units, n_clusters_of, start
from sdrsim.models.hebbian.kernels.net import (
    ALL,
    COMPARES,
    DRAWS,
    GWSTA,
    MOST_ACTIVE,
    N_READS,
    NOT_TRIED,
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
from sdrsim.models.hebbian.kernels.planes import add_self, add_word_row, planes_view, select_winners, sum_table


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
    m = n if same(work.new, work.x, n_chunks) else list_units(net, work.new, work)
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
def _is_within(inner: Words, outer: Words) -> bool:
    left = ZERO
    for i in range(len(inner)):
        left |= inner[i] & ~outer[i]
    return left == ZERO


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


@compiled
def recall_by_sum(
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
    net, work, guides, counts = borrow_net(net), borrow_work(work), borrowed(guides), borrowed(counts)
    n, far = len(indptr) - 1, is_far(net.rows, indptr[-1] - indptr[0])
    out_indptr, out = np.zeros(n + 1, np.int64), np.empty(max(len(indices), 1024), np.int32)
    volleys, converged = np.zeros(n, np.int64), np.zeros(n, np.bool_)
    log, n_log, most = np.empty(1024, np.int64), 0, 0
    for i in range(n):
        m = start(net, work, indices[indptr[i] : indptr[i + 1]], guides, i)
        order, here = orders[i if len(orders) > 1 else 0], out_indptr[i]
        counts[N_READS] = 0
        m, volleys[i], converged[i] = sum_item(net, rule, work, m, order, seeds, first + i, far, counts)
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
