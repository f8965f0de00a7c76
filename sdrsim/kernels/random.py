"""Counter-based random numbers: every draw is a pure function of its key, so order, batches and threads cannot matter.

The mixer is SplitMix64's finaliser (Steele, Lea, Flood 2014, OOPSLA, "Fast splittable pseudorandom number generators");
a key of four numbers is mixed one after another. `tests/test_random.py` tests uniformity and neighbouring keys.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled

# Purposes, the last part of a mac's key: 4 * q + purpose. Soft draws are those of recognition.
DRAW, TIE, WIRING, SOFT_DRAW = 0, 1, 2, 3

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_TO_UNIT = 2.0**-53


@compiled
def mix(x: np.uint64) -> np.uint64:
    """SplitMix64 of one uint64 (wrapping)."""
    z = np.uint64(x) + _GOLDEN  # without the cast a plain int would be summed as float64
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@compiled
def key(seed: np.uint64, a: int, b: int, c: int) -> np.uint64:
    """Key of (seed, a, b, c): ``mix(mix(mix(mix(seed) ^ a) ^ b) ^ c)``."""
    return mix(mix(mix(mix(np.uint64(seed)) ^ np.uint64(a)) ^ np.uint64(b)) ^ np.uint64(c))


@compiled
def unit(k: np.uint64) -> float:
    """A key as a float64 in [0, 1): its upper 53 bits."""
    return float(np.uint64(k) >> _S11) * _TO_UNIT


@compiled
def below(k: np.uint64, n: int) -> int:
    """A key as a whole number 0 .. n - 1: floor(u * n)."""
    return int(unit(k) * n)


@compiled
def sample_sorted(seed: np.uint64, item: int, population: int, out: NDArray[np.int32]) -> None:
    """Fill `out` with distinct numbers below `population`, rising, uniform over all subsets; keyed by (seed, item).

    Floyd's algorithm (Bentley & Floyd 1987, CACM 30:9) on a sorted list: O(k^2) moves of neighbouring
    words, no O(population) work.
    """
    for n, j in enumerate(range(population - len(out), population)):
        candidate = below(key(seed, item, j, 0), j + 1)
        place = int(np.searchsorted(out[:n], candidate))
        if place < n and out[place] == candidate:
            candidate = j
            place = n
        for i in range(n, place, -1):
            out[i] = out[i - 1]
        out[place] = candidate


@compiled
def uniforms(seed: np.uint64, a: int, b: int, out: NDArray[np.float64]) -> None:
    """out[c] = the uniform of key (seed, a, b, c)."""
    base = mix(mix(mix(np.uint64(seed)) ^ np.uint64(a)) ^ np.uint64(b))
    for c in range(len(out)):
        out[c] = unit(mix(base ^ np.uint64(c)))
