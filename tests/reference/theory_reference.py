"""Slow twins of the theory: alternating sums in fractions, usage mixtures, and plain simulations with dense arrays."""

from collections.abc import Iterator
from fractions import Fraction
from math import comb

import numpy as np
from scipy import stats

__all__ = [
    "block_q_by_usage",
    "cliques",
    "exact_score_law",
    "forgetting_networks",
    "kanerva_reads",
    "presented_links",
    "sets_of_patterns",
    "willshaw_q",
]


# ---- alternating sums, without rounding ---------------------------------------------------------------------------


def missed(n_clusters: int, cluster_size: int, order: int, s: int) -> Fraction:
    """B_s: a message that uses a unit misses s given units of other clusters."""
    total = Fraction(0)
    for t in range(min(s, order - 1) + 1):
        if order - 1 - t <= n_clusters - 1 - s:
            ways = Fraction(comb(s, t) * comb(n_clusters - 1 - s, order - 1 - t), comb(n_clusters - 1, order - 1))
            total += ways * (1 - Fraction(1, cluster_size)) ** t
    return total


def exact_score_law(n_messages: int, n_clusters: int, cluster_size: int, order: int, n_cue: int) -> list[Fraction]:
    """P(exactly j of n_cue cue units are linked to a unit by n_messages random messages), inclusion and exclusion."""
    used = Fraction(order, n_clusters * cluster_size)
    none = [
        (1 - used * (1 - missed(n_clusters, cluster_size, order, s))) ** n_messages for s in range(n_cue + 1)
    ]  # none of s given ones
    return [
        comb(n_cue, j) * sum((-1) ** i * comb(j, i) * none[n_cue - j + i] for i in range(j + 1))
        for j in range(n_cue + 1)
    ]


def willshaw_q(n_messages: int, n_units: int, n_active: int, n_cue: int) -> Fraction:
    """p01 with B_s as a product over the units missed."""
    total = Fraction(0)
    for s in range(n_cue + 1):
        b = Fraction(1)
        for i in range(s):
            b *= Fraction(n_units - n_active - i, n_units - 1 - i)
        total += (-1) ** s * comb(n_cue, s) * (1 - Fraction(n_active, n_units) * (1 - b)) ** n_messages
    return total


def block_q_by_usage(n_messages: int, cluster_size: int, n_cue: int) -> float:
    """The same for block cliques as a sum over the usage of the unit: all terms positive."""
    r = np.arange(n_messages + 1)
    linked = 1 - (1 - 1 / cluster_size) ** r
    return float(np.sum(stats.binom.pmf(r, n_messages, 1 / cluster_size) * linked**n_cue))


# ---- simulations --------------------------------------------------------------------------------------------------


def sets_of_patterns(n_sets: int, m: int, n: int, k: int, generator: np.random.Generator) -> Iterator[np.ndarray]:
    """`n_sets` times m random patterns of k of n units, (m, n) float32 of 0 and 1."""
    for _ in range(n_sets):
        x = np.zeros((m, n), np.float32)
        np.put_along_axis(x, np.argsort(generator.random((m, n)), axis=1)[:, :k], 1, axis=1)
        yield x


def cliques(
    n_sets: int, m: int, n_clusters: int, cluster_size: int, order: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """`n_sets` times m random messages on `order` of the clusters, (m, units)."""
    for _ in range(n_sets):
        x = np.zeros((m, n_clusters, cluster_size), np.float32)
        used = np.argsort(generator.random((m, n_clusters)), axis=1)[:, :order]
        x[np.arange(m)[:, None], used, generator.integers(0, cluster_size, (m, order))] = 1
        yield x.reshape(m, -1)


def forgetting_networks(
    x: np.ndarray, p_forget: float, n_networks: int, generator: np.random.Generator
) -> Iterator[np.ndarray]:
    """Symmetric links (units, units) after the patterns of x, each store preceded by clearing; one order, new draws."""
    n = x.shape[1]
    for _ in range(n_networks):
        w = np.zeros((n, n), np.bool_)
        for item in x:
            cleared = np.triu(generator.random((n, n)) < p_forget, 1)
            w &= ~(cleared | cleared.T)
            on = np.flatnonzero(item)
            w[np.ix_(on, on)] = True
            np.fill_diagonal(w, False)
        yield w


def presented_links(
    x: np.ndarray,
    order: np.ndarray,
    consolidation: int,
    p_erase: float,
    p_insert: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Consolidated links after noisy presentations of x in the given order."""
    chance = np.where(x > 0, 1 - p_erase, p_insert)
    u = (generator.random((len(order), x.shape[1])) < chance[order]).astype(np.float32)
    counts = u.T @ u
    np.fill_diagonal(counts, 0)
    return counts >= consolidation


def kanerva_reads(
    n_memories: int,
    t: int,
    n_locations: int,
    n_bits: int,
    radius: int,
    distance: int,
    autoassociative: bool,
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Pattern 0 of each memory, read at a distance: sums times the stored bits, flipped bits, (n_memories, n_bits)."""
    sums, flips = np.empty((n_memories, n_bits)), np.zeros((n_memories, n_bits), np.bool_)
    for i in range(n_memories):
        signs = [generator.integers(0, 2, (m, n_bits)) * 2.0 - 1 for m in (n_locations, t, t)]
        locations, addresses = signs[:2]
        data = addresses if autoassociative else signs[2]
        flips[i, generator.permutation(n_bits)[:distance]] = True
        cue = np.where(flips[i], -1, 1) * addresses[0]
        written = (n_bits - addresses @ locations.T) / 2 <= radius
        read = (n_bits - locations @ cue) / 2 <= radius
        sums[i] = ((written & read).sum(axis=1) @ data) * data[0]
    return sums, flips
