"""Density of the links, and how much it varies from one set of random messages to the next."""

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, logs, none_of, together, whole

__all__ = [
    "clique_density",
    "clique_density_deviation",
    "sparse_clique_density",
    "sparse_clique_density_deviation",
    "willshaw_density",
    "willshaw_density_deviation",
]


def clique_density(n_patterns: ArrayLike, cluster_size: ArrayLike) -> Reals:
    """Expected density of a block clique network: ``d = 1 - (1 - 1/l**2)**M`` (Gripon & Berrou 2011).

    Exact for M random messages, drawn with replacement, one unit of every cluster each. Density counts links between
    clusters only.

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M, messages.
    cluster_size : int or array, 1 or more
        l, units of a cluster.

    Raises
    ------
    ParameterError
        Negative or broken counts; shapes that do not broadcast.

    Examples
    --------
    >>> clique_density([5000, 15000], cluster_size=256).round(4).tolist()
    [0.0735, 0.2046]
    """
    m, size = together(n_patterns=whole("n_patterns", n_patterns), cluster_size=whole("cluster_size", cluster_size, 1))
    return given(none_of(m, 1.0 / size**2))


def sparse_clique_density(
    n_patterns: ArrayLike, n_clusters: ArrayLike, cluster_size: ArrayLike, order: ArrayLike
) -> Reals:
    """Expected density of a sparse clique network: ``1 - (1 - c (c - 1) / (chi (chi - 1) l**2))**M``.

    Exact for M random messages that use c of chi clusters and one unit of each (Aliabadi, Berrou, Gripon & Jiang 2014).

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M, messages.
    n_clusters : int or array, 2 or more
        chi.
    cluster_size : int or array, 1 or more
        l.
    order : int or array, 0 .. n_clusters
        c, units of a message.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> round(float(sparse_clique_density(130_008, n_clusters=100, cluster_size=64, order=12)), 4)
    0.3451
    """
    m, chi, size, c = _net(n_patterns, n_clusters, cluster_size, order)
    return given(none_of(m, c * (c - 1) / (chi * (chi - 1) * size**2)))


def willshaw_density(n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike) -> Reals:
    """Expected density of Willshaw's network: ``p1 = 1 - (1 - k (k - 1) / (N (N - 1)))**M``.

    Exact for M random patterns of exactly k of N units, links between different units (Willshaw, Buneman &
    Longuet-Higgins 1969, who have k**2 / N**2: a matrix of two populations).

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M.
    n_units : int or array, 2 or more
        N.
    n_active : int or array, 0 .. n_units
        k.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> willshaw_density([5000, 15000], 2048, 11).round(4).tolist()
    [0.123, 0.3254]
    """
    m, n, k = _units(n_patterns, n_units, n_active)
    return given(none_of(m, k * (k - 1) / (n * (n - 1))))


def clique_density_deviation(
    n_patterns: ArrayLike, order: ArrayLike, cluster_size: ArrayLike, exact: bool = True
) -> Reals:
    """Standard deviation of the link density of a block clique network, over random sets of messages.

    The variance of a number of links is the sum of the covariances of all pairs of links. Two links are set by the
    same message with probability ``1/l**3`` when they share a unit and lie between three clusters, never when they lie
    between the same two clusters, independently when they share no cluster. With p the probability that a message sets
    a link and p2 that it sets both, the covariance is ``(1 - 2p + p2)**M - (1 - p)**(2M)``. Exact (derived here).

    ``exact=False`` takes the pairs of clusters for independent, each with the occupancy variance of M balls in l**2
    boxes, ``l**2 (exp(-x) - (1 + x) exp(-2x))`` with ``x = M / l**2``: nearly the same, since what the links of three
    clusters have in common cancels to first order.

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M.
    order : int or array, 2 or more
        c, clusters (and units of a message).
    cluster_size : int or array, 1 or more
        l.
    exact : bool

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> f"{clique_density_deviation(15_000, order=8, cluster_size=256):.1e}"
    '1.0e-04'
    """
    m, c, size, _ = _net(n_patterns, order, cluster_size, order)
    if exact:
        return given(_deviation(m, c, size, c))
    x = m / size**2
    empty = np.exp(-x) * (-np.expm1(-x)) - x * np.exp(-2 * x)  # exp(-x) - (1 + x) exp(-2x)
    return given(np.sqrt(np.maximum(empty, 0.0) / (size**2 * c * (c - 1) / 2)))


def sparse_clique_density_deviation(
    n_patterns: ArrayLike, n_clusters: ArrayLike, cluster_size: ArrayLike, order: ArrayLike
) -> Reals:
    """Standard deviation of the link density of a sparse clique network, over random sets of messages.

    Exact (derived here): the sum of covariances of `clique_density_deviation` for messages that use c of chi
    clusters. Links that share no cluster compete for the units of a message, so they vary against each other.

    Parameters
    ----------
    n_patterns, n_clusters, cluster_size, order : int or array
        As in `sparse_clique_density`.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> block = sparse_clique_density_deviation(15_000, n_clusters=8, cluster_size=256, order=8)
    >>> bool(abs(block / clique_density_deviation(15_000, 8, 256) - 1) < 1e-9)
    True
    """
    return given(_deviation(*_net(n_patterns, n_clusters, cluster_size, order)))


def willshaw_density_deviation(n_patterns: ArrayLike, n_units: ArrayLike, n_active: ArrayLike) -> Reals:
    """Standard deviation of the link density of Willshaw's network, over random sets of patterns.

    Exact (derived here): the sum of covariances of `clique_density_deviation` with clusters of one unit.

    Parameters
    ----------
    n_patterns, n_units, n_active : int or array
        As in `willshaw_density`.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> f"{willshaw_density_deviation(15_000, 2048, 11):.1e}"
    '1.4e-04'
    """
    m, n, k = _units(n_patterns, n_units, n_active)
    return given(_deviation(m, n, np.ones_like(n), k))


def _net(*shape: ArrayLike) -> list[Reals]:
    """(M, chi, l, c), checked and broadcast."""
    names, least = ("n_patterns", "n_clusters", "cluster_size", "order"), (0, 2, 1, 0)
    checked = {name: whole(name, value, low) for name, value, low in zip(names, shape, least)}
    m, chi, size, c = together(**checked)
    above_none("order", c, "n_clusters", chi)
    return [m, chi, size, c]


def _units(*shape: ArrayLike) -> list[Reals]:
    """(M, N, k), checked and broadcast."""
    names, least = ("n_patterns", "n_units", "n_active"), (0, 2, 0)
    m, n, k = together(**{name: whole(name, value, low) for name, value, low in zip(names, shape, least)})
    above_none("n_active", k, "n_units", n)
    return [m, n, k]


def _deviation(m: Reals, chi: Reals, size: Reals, c: Reals) -> Reals:
    """Standard deviation of the density over M random messages on c of chi clusters of l units."""
    p = c * (c - 1) / (chi * (chi - 1) * size**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        shared = np.where(chi > 2, p * (c - 2) / ((chi - 2) * size), 0.0)  # one unit in common, three clusters
        apart = np.where(chi > 3, shared * (c - 3) / ((chi - 3) * size), 0.0)  # four clusters
    n_links = chi * (chi - 1) / 2 * size**2
    n_same = size**2 - 1  # other links between the same two clusters
    n_shared, n_near = 2 * (chi - 2) * size, 2 * (chi - 2) * (size**2 - size)
    n_apart = (chi - 2) * (chi - 3) / 2 * size**2
    never = _covariance(m, p, np.zeros_like(p))
    each = np.exp(logs(m, p)) * none_of(m, p) + (n_same + n_near) * never
    each += n_shared * _covariance(m, p, shared) + n_apart * _covariance(m, p, apart)
    return np.asarray(np.sqrt(np.maximum(each, 0.0) / n_links))


def _covariance(m: Reals, p: Reals, both: Reals) -> Reals:
    """Of two links being absent after M messages that set each with p and the two together with `both`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (both - p**2) / (1 - p) ** 2
        value = np.exp(2 * logs(m, p)) * np.expm1(logs(m, -ratio))
    return np.where((m == 0) | (p >= 1), 0.0, value)
