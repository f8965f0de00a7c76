"""Scores of patterns in panels, as plain sums; and the list of those above a floor."""

import numpy as np

BLOCK = 128


def panels_of(rows):
    """(n_panels, d, 16) of patterns (n, d), missing ones 0."""
    n, d = rows.shape
    padded = np.zeros((-(-n // 16) * 16, d), rows.dtype)
    padded[:n] = rows
    return np.ascontiguousarray(padded.reshape(-1, 16, d).transpose(0, 2, 1))


def scores(rows, x, distance=False):
    """float64 dot products of each query with each pattern, or minus L1 distances."""
    rows, x = rows.astype(np.float64), x.astype(np.float64)
    if distance:
        return -np.abs(x[:, None] - rows).sum(axis=2)
    return x @ rows.T


def chain(pattern, x):
    """A score in float32 by exact fused steps: every product and sum rounded once, in blocks of 128."""
    total = np.float32(0)
    for start in range(0, len(x), BLOCK):
        part = np.float32(0)
        for a, b in zip(pattern[start : start + BLOCK], x[start : start + BLOCK]):
            part = np.float32(np.longdouble(a) * np.longdouble(b) + np.longdouble(part))
        total = np.float32(total + part)
    return total


def above(scores, floor):
    places = np.flatnonzero(scores > floor)
    return scores[places], places
