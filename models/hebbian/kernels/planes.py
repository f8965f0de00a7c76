"""Scores as bit planes: how they are summed, what an active unit adds to its own, and who wins on them."""

import numpy as np

from sdrsim.kernels.bits import ZERO, Words
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import row_address
from sdrsim.kernels.sums import GROUP, far_row_planes, row_planes
from sdrsim.kernels.winners import at_least, cluster_winners, exactly_k, global_max, top_k
from sdrsim.models.hebbian.kernels.net import (
    ALL,
    COMPARES,
    DRAWS,
    GWSTA,
    GWTA,
    KWTA,
    WTA,
    Counts,
    Net,
    Rule,
    Work,
    chunks_of,
)


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
