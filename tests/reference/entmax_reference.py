"""Slow twins: entmax and normmax in many digits, by bisection, from the definition; power sums in plain NumPy."""

import mpmath
import numpy as np


def exact_map(scores, alpha, kind="entmax", at=None):
    """(weights of the scores, or of those named, tau relative to the scaled maximum) as mpf; alpha above 1, finite.

    A weight v is u = v**(alpha - 1) above tau: with a large alpha u has many leading zeros, and needs as many digits.
    """
    digits = int(40 + 20 * max(1.0, alpha))
    with mpmath.workdps(digits):
        a = mpmath.mpf(float(alpha))
        scale, w = (a - 1 if kind == "entmax" else mpmath.mpf(1)), 1 / (a - 1)
        r = w if kind == "entmax" else a * w
        top = mpmath.mpf(float(np.max(scores)))
        values, counts = np.unique(np.asarray(scores, np.float64), return_counts=True)
        z = [(scale * (mpmath.mpf(float(v)) - top), int(c)) for v, c in zip(values, counts)]
        z = [(v, c) for v, c in z if v > -1]

        def excess(t):
            return sum(c * (v - t) ** r for v, c in z if v > t) - 1

        tau = _root(excess, z, r, digits)
        held = {float(v): (scale * (mpmath.mpf(float(v)) - top) - tau) for v in values}
        weight = {v: (u**w if u > 0 else mpmath.mpf(0)) for v, u in held.items()}
        total = sum(c * weight[float(v)] for v, c in zip(values, counts))
        asked = np.asarray(scores, np.float64) if at is None else np.asarray(scores, np.float64)[at]
        return [weight[float(s)] / total for s in asked], tau


def _root(excess, z, r, digits):
    """Bisection in log(-t): all digits of a small root, and no assumption on slopes."""
    n = sum(c for _, c in z)
    low, high = mpmath.mpf(0), -mpmath.log(n) / r  # log(-t) at t = -1 and at the root of n equal scores
    for _ in range(int(3.4 * digits) + 10):
        middle = (low + high) / 2
        if excess(-mpmath.exp(middle)) >= 0:
            low = middle
        else:
            high = middle
    return -mpmath.exp(low)


def power_sums(z, top, scale, t, s):
    """(sum of u**(s + 1), sum of u**s, how many u are above 0), float64, and each power."""
    u = scale * (np.asarray(z, np.float64) - top) - t
    power = np.where(u > 0, np.where(u > 0, u, 1.0) ** s, 0.0)
    return (np.maximum(u, 0) * power).sum(), power.sum(), int((u > 0).sum()), power
