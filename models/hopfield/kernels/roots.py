"""Roots of sparse maps: tau with sum (z_i - tau)_+^r = 1, from a list of scaled scores; and the weights that follow.

Scores z are scaled so that the window below their maximum `top` has width 1: a score at or below top - 1 has weight 0.
The root t is kept relative to top, in [-1, -n^(-1/r)], where it has all its digits whatever the scores.

r >= 1: f(t) = (sum (z - top - t)_+^r)^(1/r) - 1 is convex and falls: Newton's steps from the left never pass the root,
and the root of some of the scores never passes that of all (p-norm form of Newton's method; derived here).

r < 1: the slope is infinite where a score enters. A score z_j is in the support exactly when the sum at t = z_j is
below 1, which halves the list like a search for a median. Then, with v the weight of the least score of the support,
the sum of ((z_i - z_j) + v^(1/r))^r is convex in v with a slope of at least 1 (each term is a norm of two numbers), and
Newton's steps in v from above never pass the root (derived here).

The last steps start from a rounded t and run over the support alone, in list order, so that the bits of a root depend
neither on scores without weight nor on the way it was found.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.powers import Reals, Scores, extremes, keep_above, sums, weights

_MOST = 200  # steps; convergence needs about 6
_COARSE, _FINE = 1e-8, 4e-16  # steps in units of the root, before and after rounding
_SPLIT = 2.0**17 + 1.0  # rounds to 36 bits (Veltkamp)
_ULP = 1.2e-16  # of a number: added to it, the next one
_TIE = 5e-324  # the least number: u = z - z_j + this is above 0 for z = z_j too


@compiled
def _step(whole: float, slope: float, r: float) -> float:
    """Newton's step of the p-norm: (F - F^(1 - 1/r)) / G of F = sum u^r, G = sum u^(r - 1)."""
    if r == 1.0:
        return (whole - 1.0) / slope
    if r == 2.0:
        return (whole - np.sqrt(whole)) / slope
    return -whole * np.expm1(-np.log(whole) / r) / slope


@compiled
def tighten(z: Scores, n: int, top: float, t: float, r: float) -> float:
    """A step from `t`, at or left of the root, that does not pass the root; `t` itself at the root."""
    if r < 1.0:
        return max(t, solve(z, n, top, r) - 2.0**-52)  # the root may lie on a score, which is not to be passed
    whole, slope, _ = sums(z, n, top, 1.0, t, r - 1.0)
    return max(t, t + _step(whole, slope, r)) if whole > 1.0 else t


@compiled
def solve(z: Scores, n: int, top: float, r: float) -> float:
    """The root, relative to `top`, from all n scores."""
    kept = np.empty(n + 8)
    n_kept = keep_above(z, n, top, 1.0, -1.0, kept)
    if r < 1.0:
        return low_root(kept, n_kept, top, 1.0, r)[0]
    return root(kept, n_kept, top, 1.0, r)[0]


@compiled
def root(kept: Reals, n: int, top: float, scale: float, r: float) -> tuple[float, int]:
    """(root, scores left) for r >= 1 of `scale` times n scores in the window; those without weight leave the list."""
    t, coarse = -1.0, True
    if n <= 1:
        return t, n
    for _ in range(_MOST):
        whole, slope, count = sums(kept, n, top, scale, t, r - 1.0)
        step = _step(whole, slope, r)
        if not coarse and (r >= 2.0 or step <= -_FINE * t):
            new = t + step
            return max(-1.0, new + _ULP * new) if new - t > step else new, n  # rounded down: no score loses its weight
        if coarse and step <= -_COARSE * t:
            coarse = False
            split = _SPLIT * (t + step)
            t = max(-1.0, (split - (split - (t + step))) * (1.0 + 2.0**-35))
            n = keep_above(kept, n, top, scale, t, kept)
            continue
        if 4 * count < 3 * n:
            n = keep_above(kept, n, top, scale, t, kept)
        t += step
    return t, n


@compiled
def low_root(kept: Reals, n: int, top: float, scale: float, r: float) -> tuple[float, float, float]:
    """(root, least score of the support, its weight) for r < 1, as `root`."""
    held, open_ = np.empty(n + 8), np.empty(n + 8)
    least = top
    n_held = keep_above(kept, n, least, 1.0, -_TIE, held)
    n_open = keep_above(kept, n, least, -1.0, 0.0, open_)
    if n_held == 1 and n_open > 0:  # the second best is in the window: (scale (top - second))^r < 1, without rounding
        least = extremes(open_, n_open)[0]
        n_held += keep_above(open_, n_open, least, 1.0, -_TIE, held[n_held:])
        n_open = keep_above(open_, n_open, least, -1.0, 0.0, open_)
    while n_open > 0:
        a, b, c = open_[0], open_[n_open // 2], open_[n_open - 1]
        pivot = max(min(a, b), min(max(a, b), c))
        whole = sums(held, n_held, pivot, scale, 0.0, r - 1.0)[0] + sums(open_, n_open, pivot, scale, 0.0, r - 1.0)[0]
        if whole < 1.0:
            least = pivot
            n_held += keep_above(open_, n_open, pivot, 1.0, -_TIE, held[n_held:])
            n_open = keep_above(open_, n_open, pivot, -1.0, 0.0, open_)
        else:
            n_open = keep_above(open_, n_open, pivot, 1.0, 0.0, open_)
    n_support = n_held
    n_above = keep_above(kept, n, least, 1.0, 0.0, held)
    v, n_tied = 1.0 / n_support, n_support - n_above
    for _ in range(_MOST if n_above > 0 else 0):
        u = v ** (1.0 / r)
        whole, slope, _ = sums(held, n_above, least, scale, -u, r - 1.0)
        new = v - (whole + n_tied * v - 1.0) / (n_tied + slope * u / v)
        if not 0.0 < new < v:
            break
        v = new
    return scale * (least - top) - v ** (1.0 / r), least, v


@compiled
def share(z: Scores, n: int, top: float, r: float, w: float, out: NDArray[np.float64]) -> None:
    """Weights of the n scores into `out`, from their own root, summing to 1.

    For r < 1 from the least score of the support and its weight: a root in one double would not show weights that are
    powers of small differences from it.
    """
    if r >= 1.0:
        weigh(z, n, top, solve(z, n, top, r), w, out)
        return
    kept = np.empty(n + 8)
    n_kept = keep_above(z, n, top, 1.0, -1.0, kept)
    _, least, tied = low_root(kept, n_kept, top, 1.0, r)
    t = -(tied ** (1.0 / r))
    total = weights(kept, n_kept, least, 1.0, t, w, tied, 1.0, kept)
    weights(z, n, least, 1.0, t, w, tied, total, out)


@compiled
def weigh(z: Scores, n: int, top: float, tau: float, w: float, out: NDArray[np.float64]) -> int:
    """Weights of the n scores into `out`, summing to 1; how many are above 0."""
    weights(z, n, top, 1.0, tau, w, 0.0, 1.0, out)
    held = np.empty(n + 8)
    n_support = keep_above(out, n, 0.0, 1.0, 0.0, held)
    total = sums(held, n_support, 0.0, 1.0, 0.0, 0.0)[0]
    for i in range(n):
        out[i] /= total
    return n_support
