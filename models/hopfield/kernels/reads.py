"""A list of what a recall read, in order: rows of (query, kind, place), the first of which holds their number."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled

Ints = NDArray[np.int64]

ALL_PATTERNS, ALL_COPIES, PANEL, PATTERN, VALUE = range(5)
"""All patterns; all their copies in bytes; the patterns of a panel; one pattern; one value."""


@compiled
def new_log(wanted: bool) -> Ints:
    """An empty list, or one that nothing is put on."""
    return np.zeros((64 if wanted else 0, 3), np.int64)


@compiled
def note(log: Ints, query: int, kind: int, places: NDArray[np.int32]) -> Ints:
    """Put accesses of one kind on the list; the same list, or a longer one."""
    if len(log) == 0:
        return log
    n = log[0, 0] + 1
    if n + len(places) > len(log):
        longer = np.zeros((max(2 * len(log), n + len(places)), 3), np.int64)
        longer[:n] = log[:n]
        log = longer
    for i in range(len(places)):
        log[n + i, 0], log[n + i, 1], log[n + i, 2] = query, kind, places[i]
    log[0, 0] += len(places)
    return log


__all__ = ["ALL_COPIES", "ALL_PATTERNS", "PANEL", "PATTERN", "VALUE", "new_log", "note"]
