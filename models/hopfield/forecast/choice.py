"""Choices made on held-out windows: what is tried, how much it gains, and whether that is more than chance."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.models.hopfield.forecast.windows import Real

__all__ = ["Gain", "gain_of", "gate_for", "per_window"]


class Gain(NamedTuple):
    """How much a candidate lowers the squared error below that of the base, mean over held-out windows.

    mean : float
    error : float, standard error of the mean over blocks of windows; inf with fewer than two blocks
    """

    mean: float
    error: float

    @property
    def is_clear(self) -> bool:
        """Whether the gain is more than its standard error: else the simpler forecast, the base, is kept (the
        one-standard-error rule of Breiman et al. 1984).
        """
        return self.mean > self.error


def gain_of(gains: Real, block: int) -> Gain:
    """Mean gain of windows in order of time.

    Neighbouring windows share most of their hours, so the standard error is taken over the means of blocks of `block`
    windows; a last block of less than half that length joins the one before.

    Parameters
    ----------
    gains : float64 (n,)
    block : int
    """
    n_blocks = max(1, round(len(gains) / block))
    if n_blocks < 2:
        return Gain(float(gains.mean()), float("inf"))
    edges = np.append(np.arange(n_blocks) * block, len(gains))
    means = np.array([gains[a:b].mean() for a, b in pairwise(edges)])
    return Gain(float(gains.mean()), float(means.std(ddof=1) / np.sqrt(n_blocks)))


def per_window(a: Real, b: Real) -> Real:
    """Products of two blocks (n, horizon, n_channels), mean over steps and channels: (n,)."""
    means: NDArray[np.float64] = np.einsum("nhc,nhc->n", a, b) / (a.shape[1] * a.shape[2])
    return means


def gate_for(missed: Real, found: Real) -> float:
    """The g in 0 .. 1 with the least squared error of ``missed - g found``, from products of each window."""
    total = float(found.sum())
    return min(max(float(missed.sum()) / total, 0.0), 1.0) if total > 0 else 0.0
