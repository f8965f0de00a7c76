"""What a memory forecaster chooses: sharpness and gate on validation, or a mixing matrix by cross-fitting."""

from collections.abc import Callable
from itertools import pairwise, product
from typing import NamedTuple

import numpy as np

from sdrsim.models.hopfield.forecast.choice import Gain, gain_of, gate_for, per_window
from sdrsim.models.hopfield.forecast.ridge import solved
from sdrsim.models.hopfield.forecast.rows import Rows, WindowMemory, keys_of, values_of
from sdrsim.models.hopfield.forecast.windows import Real, chunks, through

__all__ = [
    "BETAS",
    "BETAS_MIXED",
    "NO_GAIN",
    "NO_MIXING",
    "Choice",
    "Grid",
    "Parts",
    "choose_gate",
    "choose_mixing",
]

BETAS = (0.1, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0)
BETAS_MIXED = (0.5, 1.0, 2.0)  # a matrix can also scale, so sharpness matters less
RIDGES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
N_JUDGED = 600  # held-out windows a choice is made on, evenly over the series
N_FOLDS = 4  # parts of the training series, each retrieved for from the others
N_TUNED = 2000  # training windows the mixing matrix is fitted on

NO_GAIN = Gain(float("nan"), float("nan"))
NO_MIXING = np.zeros((0, 0))


class Grid(NamedTuple):
    """What is tried: sharpnesses, exponents; and the gate, None when it is chosen too."""

    betas: tuple[float, ...]
    alphas: tuple[float, ...]
    gate: float | None

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to choose."""
        return len(self.betas) == len(self.alphas) == 1 and self.gate is not None


class Choice(NamedTuple):
    """What was chosen on held-out windows, and what it gains there."""

    beta: float
    alpha: float
    gate: float
    gain: Gain


class Parts(NamedTuple):
    """Rows to remember, and held-out windows to judge by: their keys and what the base missed of their futures.

    keys : float32 (n_channels, n, window); values : float32 (n_channels, n, horizon)
    judged : float32 (n_channels, m, window); missed : float64 (m, horizon, n_channels)
    block : int, judged windows that share hours
    """

    keys: Rows
    values: Rows
    judged: Rows
    missed: Real
    block: int

    @classmethod
    def of(cls, learning: tuple[Real, Real], held: tuple[Real, Real], base: Callable[[Real], Real]) -> "Parts":
        """From windows and futures to learn from, and such to judge by; of the latter at most `N_JUDGED`."""
        stride = -(-len(held[0]) // N_JUDGED)
        past, future = held[0][::stride], held[1][::stride]
        missed = values_of(past, future, base).transpose(1, 2, 0).astype(np.float64)
        block = -(-max(past.shape[1], future.shape[1]) // stride)
        return cls(keys_of(learning[0]), values_of(*learning, base), keys_of(past), missed, block)

    def remembered(self, beta: float, alpha: float) -> WindowMemory:
        """A memory of all rows."""
        memory = WindowMemory(len(self.keys), beta, alpha)
        memory.store(self.keys, self.values)
        return memory


def choose_gate(parts: Parts, grid: Grid) -> Choice:
    """The sharpness, exponent and gate with the least squared error on the judged windows.

    With a gate to choose, it is the best one for each sharpness and exponent, and 0 unless the gain is clear.
    """
    best: Choice | None = None
    for alpha in grid.alphas:
        memory = parts.remembered(1.0, alpha)
        for beta in grid.betas:
            found = memory.recall(parts.judged, beta)
            hits, squares = per_window(parts.missed, found), per_window(found, found)
            gate = gate_for(hits, squares) if grid.gate is None else grid.gate
            gain = gain_of(2 * gate * hits - gate * gate * squares, parts.block)
            if best is None or gain.mean > best.gain.mean:
                best = Choice(beta, alpha, gate, gain)
    assert best is not None
    return best if grid.gate is not None or best.gain.is_clear else best._replace(gate=0.0)


def choose_mixing(parts: Parts, grid: Grid) -> tuple[Choice, Real]:
    """A matrix over the retrieved values instead of a gate.

    Fitted by ridge regression, shared by the channels, on training windows of one part of the series at a time, whose
    values are retrieved from the other parts (none that shares an hour with it). Sharpness, exponent and penalty are
    those with the least squared error on the judged windows; no matrix (gate 0) unless the gain is clear.
    """
    best, kept = None, NO_MIXING
    for beta, alpha in product(grid.betas, grid.alphas):
        gram, cross = _crossed(parts, beta, alpha)
        found = parts.remembered(beta, alpha).recall(parts.judged)
        for mixing in solved(gram, cross, RIDGES):
            off = through(found, mixing)
            gain = gain_of(2 * per_window(parts.missed, off) - per_window(off, off), parts.block)
            if best is None or gain.mean > best.gain.mean:
                best, kept = Choice(beta, alpha, 1.0, gain), mixing
    assert best is not None
    return (best, kept) if best.gain.is_clear else (best._replace(gate=0.0), NO_MIXING)


def _crossed(parts: Parts, beta: float, alpha: float) -> tuple[Real, Real]:
    """Products of retrieved values with each other and with the true ones, each retrieved from other parts."""
    keys, values = parts.keys, parts.values
    n, horizon = keys.shape[1], values.shape[2]
    gap, stride, edges = keys.shape[2] + horizon, -(-n // N_TUNED), np.linspace(0, n, N_FOLDS + 1).astype(int)
    gram, cross, n_rows = np.zeros((horizon, horizon)), np.zeros((horizon, horizon)), 0
    for start, end in pairwise(edges):
        memory = WindowMemory(len(keys), beta, alpha)
        for rows in (slice(0, max(start - gap, 0)), slice(end + gap, n)):
            memory.store(keys[:, rows], values[:, rows])
        if not memory.n_stored:
            continue
        for part in chunks(end - start, 256 * stride):
            asked = slice(start + part.start, start + part.stop, stride)
            found = memory.recall(keys[:, asked]).transpose(0, 2, 1).reshape(-1, horizon)
            true = values[:, asked].transpose(1, 0, 2).reshape(-1, horizon)
            gram += found.T @ found
            cross += found.T @ true
            n_rows += len(found)
    return gram / max(n_rows, 1), cross / max(n_rows, 1)
