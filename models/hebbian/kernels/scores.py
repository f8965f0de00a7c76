"""Links that transmit in one volley, counted unit by unit: for the portable path."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.bits import ONE, ZERO, popcount
from sdrsim.kernels.jit import compiled
from sdrsim.models.hebbian.kernels.failures import thin_row
from sdrsim.models.hebbian.kernels.net import Net, chunks_of


@compiled
def volley_counts(
    net: Net,
    active: NDArray[np.int32],
    group_of: NDArray[np.int32],
    p_syn: float,
    seed: np.uint64,
    item: int,
    volley: int,
    out: NDArray[np.int64],
) -> int:
    """Add to ``out[g, j]`` the links to unit j from active units of group g that do not fail; returns the draws."""
    row, n_draws = np.zeros(8 * chunks_of(net.n_units), np.uint64), 0
    for a in range(len(active)):
        unit = active[a]
        if p_syn > 0.0:
            n_draws += thin_row(net.rows[unit], unit, p_syn, seed, item, volley, row)
        else:
            row[: net.rows.shape[1]] = net.rows[unit]
        for i in range(net.rows.shape[1]):
            word = row[i]
            while word != ZERO:
                lowest = word & (~word + ONE)
                out[group_of[a], 64 * i + np.int64(popcount(lowest - ONE))] += 1
                word ^= lowest
        out[group_of[a], unit] -= 1  # its own bit is no link
    return n_draws
