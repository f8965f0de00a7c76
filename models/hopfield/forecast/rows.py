"""Windows as keys and what followed them as values, in one sparse Hopfield memory a channel."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sdrsim.models.hopfield.forecast.windows import Real, chunks
from sdrsim.models.hopfield.memory import SparseHopfield

__all__ = ["WindowMemory", "keys_of", "mean_of", "values_of"]

Rows = NDArray[np.float32]
Base = Callable[[Real], Real]


def keys_of(windows: Real) -> Rows:
    """Windows (n, window, n_channels) as keys (n_channels, n, window): the mean taken off, unit length.

    A window that never moves has the key 0, which is as near to all others.
    """
    out = np.empty((windows.shape[2], len(windows), windows.shape[1]), np.float32)
    for c in range(len(out)):
        moves = windows[:, :, c] - windows[:, :, c].mean(axis=1, keepdims=True)
        length = np.sqrt(np.square(moves).sum(axis=1, keepdims=True))
        moves *= np.where(length > 1e-12, 1 / np.maximum(length, 1e-12), 0.0)
        out[c] = moves
    return out


def mean_of(windows: Real) -> Real:
    """The mean of each window (n, 1, n_channels): what a memory alone adds its values to."""
    mean: Real = windows.mean(axis=1, keepdims=True)
    return mean


def values_of(windows: Real, futures: Real, base: Base) -> Rows:
    """Futures less what `base` says of their windows, (n_channels, n, horizon)."""
    out = np.empty((windows.shape[2], len(windows), futures.shape[1]), np.float32)
    for part in chunks(len(windows), 256):
        out[:, part] = (futures[part] - base(windows[part])).transpose(2, 0, 1)
    return out


class WindowMemory:
    """One `SparseHopfield` a channel; its keys are windows, its values residuals.

    Parameters
    ----------
    n_channels : int
    beta, alpha : float
        Of the memories.
    """

    def __init__(self, n_channels: int, beta: float, alpha: float) -> None:
        self.beta, self.alpha = beta, alpha
        self.channels = [SparseHopfield(beta=beta, alpha=alpha, dtype="float32") for _ in range(n_channels)]

    @property
    def n_stored(self) -> int:
        """Rows in each channel's memory."""
        return int(self.channels[0].n_stored)

    def store(self, keys: Rows, values: Rows) -> None:
        """Add rows: keys (n_channels, n, window), values (n_channels, n, horizon)."""
        if keys.shape[1]:
            for memory, k, v in zip(self.channels, keys, values):
                memory.store(np.ascontiguousarray(k), values=np.ascontiguousarray(v))

    def recall(self, keys: Rows, beta: float | None = None) -> Real:
        """Retrieved values (n, horizon, n_channels) of keys (n_channels, n, window).

        Another `beta` than the memory's costs no second memory: a score is linear in its query, so the query is scaled.
        """
        times = np.float32(1.0 if beta is None else beta / self.beta)
        found = [memory.recall(k * times).states for memory, k in zip(self.channels, keys)]
        return np.stack(found, axis=2).astype(np.float64)
