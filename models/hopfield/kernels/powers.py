"""Sums and weights of powers over lists of scores: the vector code of `simd_powers`, chosen by the exponent.

A score z counts where ``u = scale (z - top) - t`` is above 0. Scores are float32 or float64, sums float64. Exponents
within rounding of a whole or half number are that number, by multiplications.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd_powers as simd
from sdrsim.kernels.jit import compiled

Scores = NDArray[np.float32] | NDArray[np.float64]
Reals = NDArray[np.float64]

MOST_HALVES = 24  # exponents up to 12 by multiplications: up to 12 roundings
_SAME = 4e-15  # of 1 / (alpha - 1) for alpha = 1.1, 1.2, ...: rounded twice


@compiled
def halves_of(s: float) -> int:
    """2 s where s is 0, 1/2, .. 12 up to rounding, else -1."""
    whole = np.rint(2.0 * s)
    if 0.0 <= whole <= MOST_HALVES and abs(2.0 * s - whole) <= _SAME * (1.0 + s):
        return np.int64(whole)
    return -1


@compiled
def sums(z: Scores, n: int, top: float, scale: float, t: float, s: float) -> tuple[float, float, int]:
    """(sum of u**(s + 1), sum of u**s, how many u are above 0) over the first n scores."""
    halves = halves_of(s)
    if halves < 0:
        whole, slope, count = simd.sums_any(z[0], z.ctypes.data, n, top, scale, t, s, 0)
    elif halves % 2 == 0:
        whole, slope, count = simd.sums_whole(z[0], z.ctypes.data, n, top, scale, t, s, halves // 2)
    else:
        whole, slope, count = simd.sums_half(z[0], z.ctypes.data, n, top, scale, t, s, halves // 2)
    return whole, slope, np.int64(count)


@compiled
def near_sums(z: Scores, n: int, top: float, scale: float, c: float) -> tuple[float, float]:
    """(sum of u**q, sum of u**(q - 1)) with ``u = 1 + scale (z - top - c)``, ``q = 1 / scale`` large."""
    whole, slope, _ = simd.sums_near(z[0], z.ctypes.data, n, top, scale, c, 1.0 / scale, 0)
    return whole, slope


@compiled
def weights(
    z: Scores, n: int, top: float, scale: float, t: float, s: float, tied: float, norm: float, out: NDArray[Any]
) -> float:
    """``out = u**s / norm``; the sum of u**s. `tied` above 0 is the power of scores equal to `top`."""
    halves, zero = halves_of(s), out.dtype.type(0)
    if halves < 0:
        return simd.weights_any(z[0], zero, z.ctypes.data, n, top, scale, t, s, 0, tied, norm, out.ctypes.data)
    if halves % 2 == 0:
        return simd.weights_whole(
            z[0], zero, z.ctypes.data, n, top, scale, t, s, halves // 2, tied, norm, out.ctypes.data
        )
    return simd.weights_half(z[0], zero, z.ctypes.data, n, top, scale, t, s, halves // 2, tied, norm, out.ctypes.data)


@compiled
def near_weights(z: Scores, n: int, top: float, scale: float, c: float, norm: float, out: NDArray[Any]) -> float:
    """``out = u**q / norm`` as in `near_sums`, or ``exp(z - top) / norm`` at a scale of 0; the sum before division."""
    zero = out.dtype.type(0)
    if scale == 0.0:
        return simd.weights_exp(z[0], zero, z.ctypes.data, n, top, 1.0, 0.0, 0.0, 0, 0.0, norm, out.ctypes.data)
    q = 1.0 / scale
    return simd.weights_near(z[0], zero, z.ctypes.data, n, top, scale, c, q, 0, 0.0, norm, out.ctypes.data)


@compiled
def keep_above(z: Scores, n: int, top: float, scale: float, t: float, out: Reals) -> int:
    """The scores with u above 0, in order, into `out` (room for n + 8; may be z); how many."""
    return simd.keep_above(z[0], z.ctypes.data, n, top, scale, t, out.ctypes.data)


@compiled
def extremes(z: Scores, n: int) -> tuple[float, bool]:
    """(the largest of n scores, whether all are finite)."""
    found: tuple[float, float] = simd.extremes(z[0], z.ctypes.data, n)
    return found[0], found[1] == 0.0
