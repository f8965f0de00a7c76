"""Slow twins of the binary Hopfield networks: whole matrices, energies from their definition, exact numbers."""

import numpy as np
from reference.random_reference import below, key, mix

from sdrsim.engine.seeds import subseed


def hebb(x):
    """x (M, n) of -1 and 1: the sum of the outer products, 0 on the diagonal."""
    w = sum(np.outer(p, p) for p in x.astype(int))
    return w - np.diag(np.diag(w))


def projector(x):
    """The projector on the span of the patterns, 0 on the diagonal."""
    w = np.linalg.pinv(x.astype(float)) @ x
    return w - np.diag(np.diag(w))


def order(seed, item, step, n):
    """Fisher and Yates, place p by a key of its own."""
    base = key(subseed(seed, "order"), item, step, 0)  # checked below to be the same chain of mixes
    chain = mix(mix(mix(subseed(seed, "order")) ^ item) ^ step)
    assert base == mix(chain ^ 0)
    made = list(range(n))
    for p in range(n - 1, 0, -1):
        other = below(mix(chain ^ p), p + 1)
        made[p], made[other] = made[other], made[p]
    return made


def settle(gain, x, *, seed, item, max_steps, together):
    """One state (n,) settles: a unit flips where ``gain(x, i)``, the energy its flip would cost, is below 0.

    Returns the state, steps, whether nothing flipped in the last, flips, and the states on the way.
    """
    x, n, n_flips, way = np.array(x, int), len(x), 0, []
    for step in range(max_steps):
        if together:
            flips = [i for i in range(n) if gain(x, i) < 0]
            x[flips] *= -1
        else:
            flips = []
            for i in order(seed, item, step, n):
                if gain(x, i) < 0:
                    x[i] *= -1
                    flips.append(i)
                    way.append(x.copy())
        n_flips += len(flips)
        if not flips:
            return x, step + 1, True, n_flips, way
    return x, max_steps, False, n_flips, way


def gain_of_weights(w, tie=0):
    """Energy of a flip under ``E = -1/2 x W x``; one within `tie` counts as 0."""

    def gain(x, i):
        cost = 2 * x[i] * (w[i] @ x)
        return cost if abs(cost) > tie else 0

    return gain


def gain_of_patterns(patterns, f, share=0):
    """Energy of a flip under ``E = -sum F``, both sides summed from F(z) with exact numbers.

    One of at most `share` of ``sum max(|F(z) - F(z - 2)|, |F(z) - F(z + 2)|)`` counts as 0.
    """

    def gain(x, i):
        y = x.copy()
        y[i] *= -1
        before, after = ([int(z) for z in patterns.astype(int) @ s] for s in (x, y))
        cost = sum(f(z) for z in before) - sum(f(z) for z in after)
        size = sum(max(abs(f(z) - f(z - 2)), abs(f(z) - f(z + 2))) for z in before)
        return cost if abs(cost) > share * size else 0

    return gain


def overlap_at(load):
    """Overlap m of a retrieval state with its pattern (Amit, Gutfreund & Sompolinsky 1985, no noise); 0 beyond it.

    m = erf(y) at the largest root of ``y (sqrt(2 load) + 2 / sqrt(pi) exp(-y^2)) = erf(y)``.
    """
    from scipy.special import erf

    y = np.linspace(0.5, 6, 200_001)
    left = y * (np.sqrt(2 * load) + 2 / np.sqrt(np.pi) * np.exp(-(y**2))) < erf(y)
    return float(erf(y[np.flatnonzero(left)[-1]])) if left.any() else 0.0
