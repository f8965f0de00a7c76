"""New codes: uniform k of n, one unit per cluster, scattered round prototypes."""

import numpy as np

from sdrsim.engine.codes import SDR
from sdrsim.errors import ParameterError
from sdrsim.kernels import draws
from sdrsim.patterns.checks import at_most, code_size, key_of, rectangular, redrawn, room, share, whole

__all__ = ["correlated", "random_block", "random_sparse"]


def random_sparse(n: int, size: int, k: int, seed: int, *, first_item: int = 0) -> SDR:
    """`n` codes of exactly `k` active units, uniform over all subsets of `size` units.

    Parameters
    ----------
    n : int, 0 or more
        Items.
    size, k : int
        Units, and how many of them are active.
    seed : int, 0 .. 2**64 - 1
    first_item : int
        Number of the first item in the stream.

    Raises
    ------
    ParameterError
        Counts that are negative or no whole numbers, ``k > size``, a bad seed.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> x = patterns.random_sparse(1000, size=256, k=8, seed=1)
    >>> x
    SDR(1000 items over 256 units, 8.0 active on average)
    >>> x[:10] == patterns.random_sparse(10, size=256, k=8, seed=1)
    True
    """
    n, size, k, first = whole("n", n), code_size(size), whole("k", k), whole("first_item", first_item)
    at_most("k", k, size, "size")
    out = room(n, k)
    draws.sparse_codes(key_of(seed, "random_sparse"), first, size, out)
    return rectangular(out, size)


def random_block(n: int, n_clusters: int, cluster_size: int, seed: int, *, first_item: int = 0) -> SDR:
    """`n` block codes: one active unit per cluster, uniform; unit = cluster * cluster_size + value.

    Parameters
    ----------
    n : int, 0 or more
    n_clusters, cluster_size : int, 1 or more
    seed : int
    first_item : int
        Number of the first item in the stream.

    Raises
    ------
    ParameterError
        Counts out of range, a bad seed.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> x = patterns.random_block(3, n_clusters=4, cluster_size=10, seed=0)
    >>> (x.indices.reshape(3, 4) // 10).tolist()
    [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3]]
    """
    n, first = whole("n", n), whole("first_item", first_item)
    n_clusters, cluster_size = whole("n_clusters", n_clusters, 1), whole("cluster_size", cluster_size, 1)
    size = code_size(n_clusters * cluster_size, "n_clusters * cluster_size")
    out = room(n, n_clusters)
    draws.digits(key_of(seed, "random_block"), first, np.full(n_clusters, cluster_size, np.int64), out)
    out += np.arange(0, size, cluster_size, dtype=np.int32)
    return rectangular(out, size)


def correlated(n: int, size: int, k: int, n_prototypes: int, overlap: float, seed: int, *, first_item: int = 0) -> SDR:
    """`n` codes of `k` active units that scatter round random prototypes.

    Item i belongs to prototype ``i % n_prototypes``. It keeps ``round(overlap * k)`` of the prototype's active units,
    uniformly chosen, and has the rest outside the prototype, uniformly: so it meets its prototype in exactly that many
    units. Two items of one prototype share about ``overlap**2 * k``. The prototypes themselves are the first items at
    ``overlap=1``.

    Parameters
    ----------
    n, size, k : int
        Items, units, active units per item.
    n_prototypes : int, 1 or more
    overlap : float, 0 .. 1
        Share of an item's active units that are its prototype's.
    seed : int
    first_item : int
        Number of the first item in the stream.

    Raises
    ------
    ParameterError
        Counts out of range, `overlap` outside 0 .. 1, too few units outside a prototype.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> prototypes = patterns.correlated(5, size=200, k=10, n_prototypes=5, overlap=1, seed=3)
    >>> x = patterns.correlated(50, size=200, k=10, n_prototypes=5, overlap=.7, seed=3)
    >>> set(x[2::5].overlap(prototypes[2]).tolist())
    {7}
    """
    n, size, k, first = whole("n", n), code_size(size), whole("k", k), whole("first_item", first_item)
    n_prototypes = whole("n_prototypes", n_prototypes, 1)
    at_most("k", k, size, "size")
    n_kept = int(np.rint(share("overlap", overlap) * k))
    if k - n_kept > size - k:
        got = f"{overlap}: {k - n_kept} units outside a prototype"
        raise ParameterError("overlap", got=got, expected=f"at most size - k = {size - k} outside")
    prototypes = room(n_prototypes, k)
    draws.sparse_codes(key_of(seed, "correlated.prototype"), 0, size, prototypes)
    came = rectangular(prototypes[(first + np.arange(n)) % n_prototypes], size)
    kept = np.arange(n + 1, dtype=np.int64) * n_kept
    return redrawn(came, kept, seed, "correlated", first)
