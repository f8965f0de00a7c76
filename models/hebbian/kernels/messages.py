"""Codes of cliques as messages: the value in each cluster."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled


@compiled
def values_of(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    cluster_of: NDArray[np.int32],
    cluster_size: int,
    out: NDArray[np.int16],
) -> None:
    """out (n, n_clusters): the only active unit of a cluster, as its place there; -1 where there is none or several."""
    out[:] = -1
    for m in range(len(out)):
        last = -1
        for a in range(indptr[m], indptr[m + 1]):
            cluster = cluster_of[indices[a]]
            out[m, cluster] = -1 if cluster == last else indices[a] - cluster * cluster_size
            last = cluster
