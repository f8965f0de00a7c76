"""Packed bits, slow and obvious: one unit at a time."""

import numpy as np


def pack(dense):
    """Rows of 0/1 (n, n_units) to uint64 (n, n_words): unit c in bit c % 64 of word c // 64."""
    dense = np.asarray(dense)
    n, n_units = dense.shape
    rows = [[0] * ((n_units + 63) // 64) for _ in range(n)]
    for r in range(n):
        for c in range(n_units):
            rows[r][c // 64] |= int(bool(dense[r, c])) << c % 64
    return np.array(rows, np.uint64).reshape(n, (n_units + 63) // 64)


def unpack(words, n_units):
    """uint64 (n, n_words) to bool (n, n_units)."""
    dense = np.zeros((len(words), n_units), bool)
    for r, row in enumerate(words):
        for c in range(n_units):
            dense[r, c] = int(row[c // 64]) >> c % 64 & 1
    return dense


def planes_of(counts, n_planes, garbage=None):
    """Counts (n_units,) to bit planes (n_chunks, n_planes, 8); units beyond the last take the bits of `garbage`."""
    counts = np.asarray(counts)
    n_chunks = max(1, (len(counts) + 511) // 512)
    everything = np.zeros(512 * n_chunks, np.int64)
    if garbage is not None:
        everything[:] = garbage.integers(0, 1 << n_planes, len(everything))
    everything[: len(counts)] = counts
    planes = np.zeros((n_chunks, n_planes, 8), np.uint64)
    for c in range(n_chunks):
        for p in range(n_planes):
            planes[c, p] = pack((everything[512 * c : 512 * (c + 1)] >> p & 1).reshape(8, 64))[:, 0]
    return planes
