"""Dendritic sums, slow and obvious: dense rows picked and added, bit planes put together bit by bit."""

import numpy as np
from reference.bits_reference import unpack


def counts(dense, rows):
    """(n_units,) how many of the named rows of a dense 0/1 matrix are on at each unit."""
    total = np.zeros(np.asarray(dense).shape[1], np.int64)
    for r in rows:
        total += dense[r]
    return total


def counts_batch(dense, queries):
    """(n_queries, n_units) for a list of rows per query."""
    return np.array([counts(dense, rows) for rows in queries]).reshape(len(queries), np.asarray(dense).shape[1])


def of_planes(planes, n_units):
    """Bit planes (n_chunks, n_planes, 8) to (n_units,) counts."""
    total = np.zeros(n_units, np.int64)
    for p in range(planes.shape[1]):
        total += unpack(np.ascontiguousarray(planes[:, p]).reshape(1, -1), n_units)[0].astype(np.int64) << p
    return total
