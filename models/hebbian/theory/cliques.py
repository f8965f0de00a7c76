"""Clique networks: error of one step of recall, information, capacity, acceptance of random messages.

The error of a message is that of one step of sum-of-sum recall from a cue whose units are all genuine: the message is
lost when a unit outside it is linked to all units of the cue. How likely one unit does so is exact here
(`exact=True`: the usage of the unit correlates its links, the Willshaw-Palm effect) or ``d**k``, links taken for
independent (`exact=False`, the textbook form). That several units are independent of each other is an approximation
in both. Messages are drawn with replacement; near-twins are part of the exact form.
"""

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, none_of, real, together, whole
from sdrsim.models.hebbian.theory.coverage import at_least
from sdrsim.models.hebbian.theory.density import clique_density, sparse_clique_density

__all__ = [
    "clique_acceptance",
    "clique_capacity",
    "clique_entropy",
    "clique_error",
    "clique_false_positives",
    "clique_resource",
    "sparse_clique_acceptance",
    "sparse_clique_capacity",
    "sparse_clique_entropy",
    "sparse_clique_error",
    "sparse_clique_false_positives",
    "sparse_clique_good_order",
    "sparse_clique_resource",
]


# ---- error of recall ----------------------------------------------------------------------------------------------


def clique_error(
    n_patterns: ArrayLike, order: ArrayLike, cluster_size: ArrayLike, n_erased: ArrayLike, exact: bool = True
) -> Reals:
    """Probability that one step does not recall a message exactly: block cliques, some clusters erased.

    ``P = 1 - (1 - q)**((l - 1) c_e)``; textbook (Gripon & Berrou 2011): ``q = d**(c - c_e)``; exact for one unit
    (derived here): ``q = E[(1 - (1 - 1/l)**R)**(c - c_e)]`` with R, the messages that use the unit,
    binomial of M - 1 and 1/l. Units are taken for independent in both.

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M, messages stored, the one asked for among them (0 counts as 1).
    order : int or array, 2 or more
        c, clusters.
    cluster_size : int or array, 1 or more
        l, units of a cluster.
    n_erased : int or array, 0 .. order
        c_e, clusters the cue says nothing about.
    exact : bool
        False: the textbook form.

    Returns
    -------
    float64, of the shape of all arguments together

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast; cues of more than 1000 units in the exact form.

    Examples
    --------
    >>> clique_error([5000, 10_000, 15_000], order=8, cluster_size=256, n_erased=4).round(4).tolist()
    [0.0378, 0.3711, 0.8554]
    >>> clique_error([5000, 10_000, 15_000], order=8, cluster_size=256, n_erased=4, exact=False).round(4).tolist()
    [0.0293, 0.3358, 0.8327]
    """
    m, chi, size, c, e = _block(n_patterns, order, cluster_size, n_erased)
    return given(none_of(e * (size - 1), _linked_to_all(m, chi, size, c, c - e, exact)))


def clique_false_positives(
    n_patterns: ArrayLike, order: ArrayLike, cluster_size: ArrayLike, n_erased: ArrayLike, exact: bool = True
) -> Reals:
    """Expected number of units outside the message that are linked to the whole cue: ``(l - 1) c_e q``.

    Arguments, q and sources as in `clique_error`. With ``exact=True`` nothing is approximate here: expectations add up
    whether units are independent or not.

    Examples
    --------
    >>> round(float(clique_false_positives(10_000, order=8, cluster_size=256, n_erased=4)), 3)
    0.464
    """
    m, chi, size, c, e = _block(n_patterns, order, cluster_size, n_erased)
    return given(e * (size - 1) * _linked_to_all(m, chi, size, c, c - e, exact))


def sparse_clique_error(
    n_patterns: ArrayLike,
    n_clusters: ArrayLike,
    cluster_size: ArrayLike,
    order: ArrayLike,
    n_erased: ArrayLike,
    blind: bool = True,
    exact: bool = True,
) -> Reals:
    """Probability that one step does not recall a message exactly: sparse cliques, some units erased.

    ``P = 1 - (1 - q)**n`` with n candidates: ``e (l - 1)`` when the clusters of the message are known (guided),
    ``e (l - 1) + (chi - c) l`` when they are not (blind; scores compared over all clusters). Textbook (Aliabadi,
    Berrou, Gripon & Jiang 2014): ``q = d**(c - e)``. Exact for one unit (derived here): the chance that the M - 1
    other messages link it to all k = c - e units of the cue,
    ``sum_s (-1)**s C(k, s) (1 - u (1 - B_s))**(M - 1)`` with ``u = c / (chi l)`` and
    ``B_s = sum_t C(s, t) C(chi - 1 - s, c - 1 - t) / C(chi - 1, c - 1) (1 - 1/l)**t``, computed as a chain without
    cancellation. Units are taken for independent in both.

    Parameters
    ----------
    n_patterns : int or array, 0 or more
        M, messages stored, the one asked for among them (0 counts as 1).
    n_clusters : int or array, 2 or more
        chi.
    cluster_size : int or array, 1 or more
        l.
    order : int or array, 0 .. n_clusters
        c, units of a message.
    n_erased : int or array, 0 .. order
        e, units of the message that the cue lacks.
    blind : bool
        Whether the clusters of the message are unknown.
    exact : bool
        False: the textbook form.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast; cues of more than 1000 units in the exact form.

    Examples
    --------
    >>> blind = sparse_clique_error([90_009, 130_008], 100, 64, order=12, n_erased=3)
    >>> blind.round(5).tolist()
    [0.02903, 0.35577]
    """
    m, chi, size, c, e = _sparse(n_patterns, n_clusters, cluster_size, order, n_erased)
    return given(none_of(_candidates(chi, size, c, e, blind), _linked_to_all(m, chi, size, c, c - e, exact)))


def sparse_clique_false_positives(
    n_patterns: ArrayLike,
    n_clusters: ArrayLike,
    cluster_size: ArrayLike,
    order: ArrayLike,
    n_erased: ArrayLike,
    blind: bool = True,
    exact: bool = True,
) -> Reals:
    """Expected number of candidates outside the message that are linked to the whole cue.

    Arguments, candidates and q as in `sparse_clique_error`; with ``exact=True`` nothing is approximate here.

    Examples
    --------
    >>> round(float(sparse_clique_false_positives(130_008, 100, 64, order=12, n_erased=3)), 4)
    0.4397
    """
    m, chi, size, c, e = _sparse(n_patterns, n_clusters, cluster_size, order, n_erased)
    return given(_candidates(chi, size, c, e, blind) * _linked_to_all(m, chi, size, c, c - e, exact))


# ---- information and capacity -------------------------------------------------------------------------------------


def clique_entropy(order: ArrayLike, cluster_size: ArrayLike) -> Reals:
    """Bits of a message, ``c log2 l``: all messages equally likely (Gripon & Berrou 2011).

    Parameters
    ----------
    order, cluster_size : int or array
        c and l.

    Examples
    --------
    >>> float(clique_entropy(order=8, cluster_size=256))
    64.0
    """
    c, size = _order_and_size(order, cluster_size)
    return given(c * np.log2(size))


def clique_resource(order: ArrayLike, cluster_size: ArrayLike) -> Reals:
    """Binary links between clusters, each counted once: ``c (c - 1) l**2 / 2``.

    Examples
    --------
    >>> int(clique_resource(order=8, cluster_size=256))
    1835008
    """
    c, size = _order_and_size(order, cluster_size)
    return given(c * (c - 1) * size**2 / 2)


def clique_capacity(order: ArrayLike, cluster_size: ArrayLike) -> Reals:
    """Messages whose bits equal the number of links (efficiency 1): ``(c - 1) l**2 / (2 log2 l)``.

    Gripon & Berrou 2011. An upper yardstick, not a number of messages that can be recalled; infinite for clusters of
    one unit, whose messages carry no bits.

    Parameters
    ----------
    order, cluster_size : int or array
        c and l.

    Examples
    --------
    >>> clique_capacity(order=[8, 4], cluster_size=[256, 512]).round().tolist()
    [28672.0, 43691.0]
    """
    c, size = _order_and_size(order, cluster_size)
    with np.errstate(divide="ignore"):
        return given((c - 1) * size**2 / (2 * np.log2(size)))


def sparse_clique_entropy(n_clusters: ArrayLike, cluster_size: ArrayLike, order: ArrayLike) -> Reals:
    """Bits of a sparse message, ``log2 C(chi, c) + c log2 l`` (Aliabadi, Berrou, Gripon & Jiang 2014).

    Parameters
    ----------
    n_clusters, cluster_size, order : int or array
        chi, l and c.

    Examples
    --------
    >>> round(float(sparse_clique_entropy(100, 64, order=12)), 2)
    121.9
    """
    from scipy.special import gammaln

    _, chi, size, c, _ = _sparse(0, n_clusters, cluster_size, order, 0)
    subsets = gammaln(chi + 1) - gammaln(c + 1) - gammaln(chi - c + 1)
    return given(subsets / np.log(2) + c * np.log2(size))


def sparse_clique_resource(n_clusters: ArrayLike, cluster_size: ArrayLike) -> Reals:
    """Binary links between clusters, each counted once: ``chi (chi - 1) l**2 / 2``.

    Examples
    --------
    >>> int(sparse_clique_resource(100, 64))
    20275200
    """
    return clique_resource(n_clusters, cluster_size)


def sparse_clique_capacity(n_clusters: ArrayLike, cluster_size: ArrayLike, order: ArrayLike) -> Reals:
    """Messages whose bits equal the number of links: `sparse_clique_resource` over `sparse_clique_entropy`.

    Examples
    --------
    >>> round(float(sparse_clique_capacity(100, 64, order=12)))
    166327
    """
    bits = sparse_clique_entropy(n_clusters, cluster_size, order)
    with np.errstate(divide="ignore"):
        return given(sparse_clique_resource(n_clusters, cluster_size) / bits)


def sparse_clique_good_order(
    n_clusters: ArrayLike, cluster_size: ArrayLike, fraction_erased: ArrayLike, error: ArrayLike
) -> Reals:
    """Units a message should have, about: ``c = ln(chi l / P_err) / (2 (1 - e/c))`` (Aliabadi et al. 2014).

    Parameters
    ----------
    n_clusters, cluster_size : int or array
        chi and l.
    fraction_erased : float or array, 0 .. 1, 1 left out
        e / c, share of a message that the cue lacks.
    error : float or array, 0 .. 1, 0 left out
        P_err, error that is allowed.

    Returns
    -------
    float64
        Not rounded.

    Examples
    --------
    >>> round(float(sparse_clique_good_order(100, 64, fraction_erased=.25, error=.01)), 1)
    8.9
    """
    chi, size, lost, wrong = together(
        n_clusters=whole("n_clusters", n_clusters, 2),
        cluster_size=whole("cluster_size", cluster_size, 1),
        fraction_erased=real("fraction_erased", fraction_erased, 0.0, 1.0, ends="low"),
        error=real("error", error, 0.0, 1.0, ends="high"),
    )
    return given(np.log(chi * size / wrong) / (2 * (1 - lost)))


def clique_acceptance(n_patterns: ArrayLike, order: ArrayLike, cluster_size: ArrayLike) -> Reals:
    """Probability that a random message is taken for a stored one (all its links are there): ``d**(c (c - 1) / 2)``.

    Gripon & Berrou 2011, the network as a classifier. Links are taken for independent; random messages that happen to
    be stored, about ``M / l**c``, are not told apart.

    Parameters
    ----------
    n_patterns, order, cluster_size : int or array
        M, c and l.

    Examples
    --------
    >>> f"{clique_acceptance(28_672, order=8, cluster_size=256):.1e}"
    '2.4e-13'
    """
    m, _, size, c, _ = _block(n_patterns, order, cluster_size, 0)
    return given(clique_density(m, size) ** (c * (c - 1) / 2))


def sparse_clique_acceptance(
    n_patterns: ArrayLike, n_clusters: ArrayLike, cluster_size: ArrayLike, order: ArrayLike
) -> Reals:
    """Probability that a random sparse message is taken for a stored one: ``d**(c (c - 1) / 2)``, links independent.

    Clusters of one unit: that of Willshaw's network.

    Examples
    --------
    >>> f"{sparse_clique_acceptance(130_008, 100, 64, order=12):.1e}"
    '3.2e-31'
    """
    m, chi, size, c, _ = _sparse(n_patterns, n_clusters, cluster_size, order, 0)
    return given(sparse_clique_density(m, chi, size, c) ** (c * (c - 1) / 2))


# ---- shared -------------------------------------------------------------------------------------------------------


def _order_and_size(order: ArrayLike, cluster_size: ArrayLike) -> list[Reals]:
    return together(order=whole("order", order, 2), cluster_size=whole("cluster_size", cluster_size, 1))


def _block(n_patterns: ArrayLike, order: ArrayLike, cluster_size: ArrayLike, n_erased: ArrayLike) -> list[Reals]:
    """(M, chi, l, c, e) with chi = c, checked and broadcast."""
    m, c, size, e = together(
        n_patterns=whole("n_patterns", n_patterns),
        order=whole("order", order, 2),
        cluster_size=whole("cluster_size", cluster_size, 1),
        n_erased=whole("n_erased", n_erased),
    )
    above_none("n_erased", e, "order", c)
    return [m, c, size, c, e]


def _sparse(
    n_patterns: ArrayLike, n_clusters: ArrayLike, cluster_size: ArrayLike, order: ArrayLike, n_erased: ArrayLike
) -> list[Reals]:
    """(M, chi, l, c, e), checked and broadcast."""
    m, chi, size, c, e = together(
        n_patterns=whole("n_patterns", n_patterns),
        n_clusters=whole("n_clusters", n_clusters, 2),
        cluster_size=whole("cluster_size", cluster_size, 1),
        order=whole("order", order),
        n_erased=whole("n_erased", n_erased),
    )
    above_none("order", c, "n_clusters", chi)
    above_none("n_erased", e, "order", c)
    return [m, chi, size, c, e]


def _candidates(chi: Reals, size: Reals, c: Reals, e: Reals, blind: bool) -> Reals:
    """Units outside the message that compete with it."""
    return e * (size - 1) + ((chi - c) * size if blind else 0.0)


def _linked_to_all(m: Reals, chi: Reals, size: Reals, c: Reals, k: Reals, exact: bool) -> Reals:
    """q, probability that a unit outside the message is linked to all k units of the cue."""
    if not exact:
        return np.asarray(sparse_clique_density(m, chi, size, c) ** k)
    return at_least(np.maximum(m - 1, 0), chi, size, c, k, k)
