"""Partial connectivity: which links can exist at all."""

import math

import numpy as np

from sdrsim.kernels.bits import LOW_6, ONE, Words
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import key, unit


@compiled
def wire_physical(rows: Words, n_units: int, p: float, seed: np.uint64) -> None:
    """Each ordered pair of units is connected with probability `p`, drawn by the gaps between the rarer kind.

    Draw n of unit i has the key ``(seed, i, 0, n)``. No unit is connected to itself.
    """
    rare = min(p, 1.0 - p)
    log_stay = math.log1p(-rare)
    for u in range(n_units):
        row = rows[u]
        n, place = 0, -1
        if p > 0.5:
            for v in range(n_units):
                row[v >> 6] |= ONE << (np.uint64(v) & LOW_6)
        while rare > 0.0:
            gap = math.log(1.0 - unit(key(seed, u, 0, n))) / log_stay
            n += 1
            if gap >= n_units - place - 1:  # asked of the float: a tiny p gives gaps that no whole number holds
                break
            place += 1 + int(gap)
            row[place >> 6] ^= ONE << (np.uint64(place) & LOW_6)
        row[u >> 6] &= ~(ONE << (np.uint64(u) & LOW_6))
