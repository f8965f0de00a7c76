"""How a binary Hebbian memory lies in memory, what a recall is asked to do, and the scratch it works in.

Row i of `rows` holds the links of unit i, one bit a unit, and its own bit: that bit is always set. So the sum of the
rows of the active units is ``links + x``, the score under memory effect 1, and the AND of them is the set of units
linked to all active units but themselves. Row k of `groups` is the OR of the rows of all units of cluster k.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import Words
from sdrsim.kernels.borrow import borrowed
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.rows import ROW_GROUP
from sdrsim.kernels.sums import GROUP, planes_for

# Selections of the compiled path.
WTA, GWTA, GWSTA, KWTA, THRESHOLD, ALL = 0, 1, 2, 3, 4, 5
# Counters, in the order of the traffic ledger; the last counts the entries of `Work.reads`.
ROWS, READ, WRITTEN, SYNOPS, SUMS, COMPARES, DRAWS, N_READS, N_COUNTS = 0, 1, 2, 3, 4, 5, 6, 7, 8
MOST_ACTIVE = 2**15 - 1  # active units of a volley: counts, with the memory effect in them, have 16 bits


NOT_TRIED, TRIED, WON, REPEATED = 0, 1, 2, 3  # what looking for winners by AND came to

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Counts = NDArray[np.int64]
Keys = tuple[np.uint64, int, int]
"""Seed of the failures, item, volley."""
Seeds = tuple[np.uint64, np.uint64]
"""Of the ties, of the failures."""
Answers = tuple[Offsets, Ints, Offsets, NDArray[np.bool_], Offsets]
"""indptr and indices of the answers; volleys (n,); converged (n,); rows read, in order."""


class Net(NamedTuple):
    """The memory: matrices as `bits.bit_matrix` makes them; without clusters `n_clusters` is 0."""

    rows: Words
    groups: Words
    cluster_of: NDArray[np.int32]  # (n_units,), or empty
    n_units: int
    n_clusters: int
    cluster_size: int


class Rule(NamedTuple):
    """What a recall does. `k` and `threshold` as the selection needs them, `gamma` the memory effect."""

    select: int
    k: int
    threshold: int
    gamma: int
    max_iterations: int
    stop_at_clique: bool
    p_syn: float
    fill_erased: bool  # sum of max: erased clusters begin with all units on


class Work(NamedTuple):
    """Scratch of one thread. Words come in whole chunks of 8, so that vectors may write them."""

    x: Words  # what is active
    new: Words  # what won
    all_linked: Words  # units linked to all of `covered`
    covered: Words
    valid: Words  # the units that may win: all, or those of an item's clusters
    table: Words  # addresses of rows
    planes: Words
    some: Words  # (n_clusters + 2, n_words): ORs of the rows of a cluster; the last but one is a row after failures
    active: NDArray[np.int32]  # the units of `x` (sum of sum)
    may: NDArray[np.bool_]  # (n_clusters,): may units of this cluster win?
    n_may: NDArray[np.int64]  # (1,): clusters whose units may win
    held: NDArray[np.int32]  # (n_clusters,): its active units (sum of max)
    unit: NDArray[np.int32]  # (n_clusters,): its active unit, where it has one
    won: NDArray[np.int32]  # (n_clusters,): its winners
    fresh: NDArray[np.bool_]  # (n_clusters,): must its row still be taken into `all_linked`?
    unread: NDArray[np.int32]  # rows behind the first entries of `table`
    reads: NDArray[np.int64]  # rows read for this item, when they are traced; no more than fit


@compiled
def chunks_of(n_units: int) -> int:
    """Chunks of 512 units."""
    return (n_units + 511) // 512


@compiled
def make_work(net: Net, n_reads: int) -> Work:
    """Scratch for recalls from a memory, with room to trace so many reads of an item (0: no trace)."""
    n_words = 8 * chunks_of(net.n_units)
    longest = min(net.n_units, MOST_ACTIVE) + net.n_clusters
    return Work(
        np.zeros(n_words, np.uint64),
        np.zeros(n_words, np.uint64),
        np.zeros(n_words, np.uint64),
        np.zeros(n_words, np.uint64),
        np.zeros(n_words, np.uint64),
        np.zeros(longest + GROUP + ROW_GROUP, np.uint64),
        np.zeros(n_words * planes_for(2 * MOST_ACTIVE), np.uint64),
        np.zeros((net.n_clusters + 2, n_words), np.uint64),
        np.zeros(net.n_units, np.int32),
        np.zeros(net.n_clusters, np.bool_),
        np.zeros(1, np.int64),
        np.zeros(net.n_clusters, np.int32),
        np.zeros(net.n_clusters, np.int32),
        np.zeros(net.n_clusters, np.int32),
        np.zeros(net.n_clusters, np.bool_),
        np.zeros(net.n_units + net.n_clusters + 1, np.int32),
        np.zeros(n_reads, np.int64),
    )


@inlined
def borrow_net(net: Net) -> Net:
    """The same memory without reference counts, which would cost more than a small volley: the caller holds it."""
    return Net(
        borrowed(net.rows),
        borrowed(net.groups),
        borrowed(net.cluster_of),
        net.n_units,
        net.n_clusters,
        net.cluster_size,
    )


@inlined
def borrow_work(work: Work) -> Work:
    """The same scratch without reference counts."""
    return Work(
        borrowed(work.x),
        borrowed(work.new),
        borrowed(work.all_linked),
        borrowed(work.covered),
        borrowed(work.valid),
        borrowed(work.table),
        borrowed(work.planes),
        borrowed(work.some),
        borrowed(work.active),
        borrowed(work.may),
        borrowed(work.n_may),
        borrowed(work.held),
        borrowed(work.unit),
        borrowed(work.won),
        borrowed(work.fresh),
        borrowed(work.unread),
        borrowed(work.reads),
    )


@inlined
def note_rows(net: Net, work: Work, rows: NDArray[np.integer], n: int, counts: NDArray[np.int64]) -> None:
    """`note_row` of the first `n` of a list."""
    if len(work.reads):
        for i in range(n):
            if counts[N_READS] + i < len(work.reads):
                work.reads[counts[N_READS] + i] = rows[i]
    counts[ROWS] += n
    counts[READ] += n * net.rows.shape[1]
    counts[SYNOPS] += n * net.n_units
    counts[N_READS] += n


@inlined
def note_row(net: Net, work: Work, row: int, counts: NDArray[np.int64]) -> None:
    """Count one row read by a volley (row n_units + k: the OR of cluster k), and trace it."""
    counts[ROWS] += 1
    counts[READ] += net.rows.shape[1]
    counts[SYNOPS] += net.n_units
    if counts[N_READS] < len(work.reads):
        work.reads[counts[N_READS]] = row
    counts[N_READS] += 1
