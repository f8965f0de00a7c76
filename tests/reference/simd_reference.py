"""What the vector code computes, slow and obvious: NumPy and plain Python on (n_cells, n_lanes) arrays and
dense rows.
"""

import numpy as np


def counts(dense, rows):
    """(n_units,) how many of the named rows of a dense 0/1 matrix are on at each unit."""
    return np.asarray(dense)[np.asarray(rows, np.int64)].sum(axis=0, dtype=np.int64)


def column_max(cells):
    return np.maximum(cells.max(axis=0), 0).astype(cells.dtype)


def column_ties(cells, floor):
    """(how many cells of each column reach the floor, the last k that does or 0)."""
    reached = [[k for k, cell in enumerate(column) if cell >= least] for column, least in zip(cells.T, floor)]
    return [len(r) for r in reached], [r[-1] if r else 0 for r in reached]


def running_sums(column):
    """float32, one cell after another."""
    sums, total = [], np.float32(0)
    for cell in column:
        total = np.float32(total + cell)
        sums.append(total)
    return sums


def column_total(cells):
    """(sum of each column, the last k whose cell is positive or -1)."""
    positive = [[k for k, cell in enumerate(column) if cell > 0] for column in cells.T]
    return [running_sums(column)[-1] for column in cells.T], [p[-1] if p else -1 for p in positive]


def column_pick(cells, level):
    return [sum(s <= height for s in running_sums(column)) for column, height in zip(cells.T, level)]


def interpolate(curve, values, scale, shift, top, offset, gain):
    """float32 at every step; NumPy's arrays round each product and each sum."""
    place = np.clip(values * np.float32(scale) + np.float32(shift), np.float32(0), np.float32(top))
    left = place.astype(np.int64)
    share = place - left.astype(np.float32)
    return np.float32(offset) + np.float32(gain) * (curve[left] + share * (curve[left + 1] - curve[left]))
