"""Slow twin of the graded memories: dense weights from their formulas, one item and one unit after another."""

from fractions import Fraction
from math import exp, inf, log

import numpy as np

from sdrsim.kernels.random import TIE, key


def indicators(items, size):
    """Items (n, size) of 0 and 1."""
    x = np.zeros((len(items), size), np.int64)
    for row, units in zip(x, items):
        row[list(units)] = 1
    return x


def blocked(weights, cluster_size):
    """Nothing from a unit to itself, or to a unit of its own cluster."""
    for i in range(len(weights)):
        for j in range(len(weights)):
            if i // cluster_size == j // cluster_size:
                weights[i, j] = 0
    return weights


def amari_weights(x, cluster_size, cap=None):
    counts = blocked(x.T @ x, cluster_size)
    return counts if cap is None else np.minimum(counts, cap)


def covariance_weights(x, cluster_size, f=None):
    """Sums of products of deviations, as exact fractions; f None: mean over items and units; 'unit': over items."""
    n, size = x.shape
    if f == "unit":
        mean = [Fraction(int(c), n) for c in x.sum(axis=0)]
    else:
        mean = [Fraction(int(x.sum()), n * size) if f is None else Fraction(f)] * size
    out = np.zeros((size, size), object)
    for item in x:
        away = np.array([Fraction(int(v)) - m for v, m in zip(item, mean)])
        out = out + np.outer(away, away)
    return blocked(out, cluster_size)


def bcpnn_weights(x, cluster_size, kappa=None):
    """Weights and biases: means over items, each weighing (1 - kappa)^age."""
    n = len(x)
    share = np.array([1.0 if kappa is None else (1 - kappa) ** (n - 1 - i) for i in range(n)])
    total = share.sum()
    e = 1 / (total + 1)
    one = np.maximum((share[:, None] * x).sum(axis=0) / total, e)
    two = np.maximum(np.einsum("n,ni,nj->ij", share, x, x) / total, e * e)
    return blocked(np.log(two) - np.log(one)[:, None] - np.log(one)[None, :], cluster_size), np.log(one)


def leaky_trace(x, kappa):
    """P_ij as it is usually stepped: fading at every item, divided by how much of it has been filled."""
    p, filled = np.zeros((x.shape[1], x.shape[1])), 0.0
    for item in x:
        p = (1 - kappa) * p + kappa * np.outer(item, item)
        filled = (1 - kappa) * filled + kappa
    return p / filled


def drawn_first(units, seed, item):
    """Units in the order in which ties are drawn."""
    return sorted(units, key=lambda u: int(key(np.uint64(seed), item, int(u), TIE)))


def select(scores, how, *, k, threshold, least, cluster_size, seed, item):
    """Winners of one item, sorted."""
    size = len(scores)
    can = [j for j in range(size) if scores[j] > least]
    if how == "threshold":
        return [j for j in range(size) if scores[j] >= threshold]
    if how in ("wta", "argmax"):
        won = []
        for first in range(0, size, cluster_size):
            here = [j for j in can if first <= j < first + cluster_size]
            best = [j for j in here if scores[j] == max(scores[i] for i in here)]
            won += best if how == "wta" else drawn_first(best, seed, item)[:1]
        return won
    if not can:
        return []
    ranked = sorted((scores[j] for j in can), reverse=True)
    if how == "gwta":
        return [j for j in can if scores[j] == ranked[0]]
    border = ranked[min(k, len(ranked)) - 1]
    won = [j for j in can if scores[j] >= border]
    if how == "gwsta":
        return won
    if how == "gkwta":
        return [j for j in can if scores[j] in sorted(set(ranked), reverse=True)[:k]]
    if how == "glko":
        return [j for j in can if scores[j] > ranked[-1]] or can
    assert how == "kwta"
    ties = drawn_first([j for j in won if scores[j] == border], seed, item)
    above = [j for j in won if scores[j] > border]
    return sorted(above + ties[: max(0, k - len(above))])


def recall(weights, cue, how, *, bias=None, memory_effect=0, max_iterations=10, threshold=None, least=-inf, **more):
    """(units, volleys, converged) of one item; without bias nothing wins where nothing is active."""
    active = sorted(cue)
    for volley in range(1, max_iterations + 1):
        new = []
        if active or bias is not None:
            scores = [0 if bias is None else bias[j] for j in range(len(weights))]
            for j in range(len(weights)):
                for i in active:
                    scores[j] = scores[j] + weights[i, j]
                if j in active:
                    scores[j] = scores[j] + memory_effect
            new = select(scores, how, threshold=len(active) if threshold is None else threshold, least=least, **more)
        if new == active:
            return active, volley, True
        active = new
    return active, max_iterations, False


def forgotten_share(kappa, age):
    """Weight of an item so many items ago."""
    return exp(age * log(1 - kappa))
