"""Synaptic failure: each link of an active unit fails in a volley with a probability of its own.

Which links fail is drawn by the gaps between failures, geometric under a fixed probability: as many random numbers as
failures, and one more.
"""

import math

import numpy as np

from sdrsim.kernels.bits import LOW_6, ONE, ZERO, Words, count_bits, popcount
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import key, unit


@compiled
def thin_row(row: Words, own: int, p: float, seed: np.uint64, item: int, volley: int, out: Words) -> int:
    """Copy a row to `out` (whole chunks) with each link off with probability `p`; returns the random numbers drawn.

    The bit of the unit itself is no link and stays. Draw n of unit i in a volley has the key
    ``(seed, item, volley, i * 2**32 + n)``.
    """
    n_words = len(row)
    out[:n_words] = row
    out[n_words:] = ZERO
    out[own >> 6] &= ~(ONE << (np.uint64(own) & LOW_6))
    n_links = count_bits(out)
    n_draws, position, passed, word = 0, -1, 0, 0
    here, held = out[0], int(np.int64(popcount(out[0])))  # the word we stand in, as it was
    if p >= 1.0:
        out[:] = ZERO
    else:
        log_stay = math.log1p(-p)
        while True:
            draw = (own << 32) + n_draws
            gap = math.log(1.0 - unit(key(seed, item, volley, draw))) / log_stay
            n_draws += 1
            if gap >= n_links - position - 1:  # asked of the float: a tiny p gives gaps that no whole number holds
                break
            position += 1 + int(gap)
            while passed + held <= position:
                passed += held
                word += 1
                here, held = out[word], int(np.int64(popcount(out[word])))
            bits = here
            for _ in range(position - passed):
                bits &= bits - ONE
            out[word] &= ~(bits & (~bits + ONE))
    out[own >> 6] |= ONE << (np.uint64(own) & LOW_6)
    return n_draws
