"""What the kernels take: constants, a mac's numbers, a sheet's state, scratch of one thread.

Cells lie transposed: cell k of CM q stands at ``k * n_lanes + q`` with ``n_lanes`` = n_cms padded to a multiple of 16,
so that maxima, sums and draws over k run down the columns of 16 CMs at a time. Padding lanes carry no weights and are
left out of G, draws and writes. The rows of mac m are rows ``m * n_inputs ...`` of one bit matrix.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd, simd_draw
from sdrsim.kernels.borrow import borrowed
from sdrsim.kernels.jit import compiled

FRACTION, COSINE, JACCARD = 0, 1, 2
RICHARDS, RICHARDS_INSIDE, LOGISTIC, CORE, DEMO, SPARSEYPY, TABULATED = 0, 1, 2, 3, 4, 5, 6
LANES = simd.LANES
STEPS = 4096  # intervals of the table V -> psi where V is not a fraction of a whole number
SHAPE_INPUTS = 1024  # most inputs for which the shape of eq 10 is tabulated for every active count
G_STEPS = 256  # intervals of G in the table of a user's psi(v, g)
ROWS_READ, WORDS_READ, WORDS_WRITTEN, SYNOPS, SUMS, COMPARES, RANDOM_NUMBERS = 0, 1, 2, 3, 4, 5, 6
FALLBACKS, WRITES = 7, 8  # CMs in which no unit could take the item; items written
WORDS_SILENT, N_STATS = 9, 10


class Rule(NamedTuple):
    """The numbers of a mac's code selection, as the kernels take them; `params.MacParams` documents each."""

    n_cms: int
    n_cells: int
    n_lanes: int
    n_inputs: int
    match: int
    pi_floor: float  # divisor of U under norm 'pi_min'; 0: the active count
    exponent: float
    g_minus: float
    gamma: float
    chi: float
    psi: int
    shape: tuple[float, float, float, float]
    soft: bool  # recognition draws as learning does
    close_at: int  # a unit closes when it has this many set weights
    cap: bool  # a closed unit wins only on an exact match (unit_cap); else it only stops writing (freeze_u)
    learn_below: float  # learn only if G is below


class Memory(NamedTuple):
    """What a sheet of macs has learned, and two tables it shares with all sheets of the same numbers."""

    words: NDArray[np.uint64]  # (n_macs * n_inputs + 1, n_words), last row zero
    n_set: NDArray[np.int32]  # (n_macs, n_cells * n_lanes): set weights per unit
    closed: NDArray[np.uint8]  # the same shape: 1 where a unit is full or frozen
    ratchet: NDArray[np.float64]  # (n_macs, 2): highest G so far and steps made, for psi 'core'
    curve: NDArray[np.float32]  # (1, STEPS + 2): shape of eq 10 over its argument; (G_STEPS + 1, ...): a user's psi
    shapes: NDArray[np.float32]  # (n_inputs + 1, n_inputs + 1): shape of eq 10 by (active count, count), or empty


class Work(NamedTuple):
    """Scratch of one thread; `mask` is zero between calls."""

    table: NDArray[np.uint64]
    planes: NDArray[np.uint64]
    counts: NDArray[np.uint16]
    support: NDArray[np.float32]
    psi: NDArray[np.float32]
    open_psi: NDArray[np.float32]
    by_count: NDArray[np.float32]
    curve: NDArray[np.float32]
    best_count: NDArray[np.uint16]
    best: NDArray[np.float32]
    level: NDArray[np.float32]
    total: NDArray[np.float32]
    n_ties: NDArray[np.int32]
    last: NDArray[np.int32]
    mask: NDArray[np.uint64]


@compiled
def borrow_memory(m: Memory) -> Memory:
    """The memory, uncounted: see `sdrsim.kernels.borrow`."""
    return Memory(
        borrowed(m.words),
        borrowed(m.n_set),
        borrowed(m.closed),
        borrowed(m.ratchet),
        borrowed(m.curve),
        borrowed(m.shapes),
    )


@compiled
def borrow_work(w: Work) -> Work:
    """The scratch, uncounted: see `sdrsim.kernels.borrow`."""
    return Work(
        borrowed(w.table),
        borrowed(w.planes),
        borrowed(w.counts),
        borrowed(w.support),
        borrowed(w.psi),
        borrowed(w.open_psi),
        borrowed(w.by_count),
        borrowed(w.curve),
        borrowed(w.best_count),
        borrowed(w.best),
        borrowed(w.level),
        borrowed(w.total),
        borrowed(w.n_ties),
        borrowed(w.last),
        borrowed(w.mask),
    )


@compiled
def make_work(rule: Rule, n_words: int) -> Work:
    """Scratch for macs of this geometry."""
    n_chunks = (n_words + 7) // 8
    cells, lanes = n_chunks * 512, rule.n_lanes
    return Work(
        np.empty(rule.n_inputs + 8, np.uint64),
        np.empty(n_chunks * 16 * 8, np.uint64),
        np.empty(cells, np.uint16),
        np.empty(cells, np.float32),
        np.empty(cells, np.float32),
        np.empty(cells, np.float32),
        np.empty(max(rule.n_inputs + 1, simd_draw.TABLE), np.float32),
        np.empty(STEPS + 2 if rule.psi == TABULATED else 0, np.float32),
        np.empty(lanes, np.uint16),
        np.empty(lanes, np.float32),
        np.empty(lanes, np.float32),
        np.empty(lanes, np.float32),
        np.empty(lanes, np.int32),
        np.empty(lanes, np.int32),
        np.zeros(n_chunks * 8, np.uint64),
    )
