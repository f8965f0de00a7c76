"""LRU memories written out: an ordered dictionary that drops its oldest row; misses, write-backs, distances."""

from collections import OrderedDict


def lru(row_ids, capacity, sizes=None, writes=None):
    """(loads, write-backs, dirty at the end) as lists of row ids; rows of several bytes leave until the new one fits.

    A row larger than the memory empties it and passes through; a write to it goes out at once, when it is next asked
    for or at the end of the trace.
    """
    held, loads, write_backs = OrderedDict(), [], []
    for i, row in enumerate(row_ids):
        size = 1 if sizes is None else sizes[i]
        if row in held:
            held.move_to_end(row)
        else:
            loads.append(row)
            held[row] = [size, False]
        held[row][1] |= writes is not None and bool(writes[i])
        while sum(s for s, _ in held.values()) > capacity:
            gone, (_, changed) = held.popitem(last=False)
            if changed:
                write_backs.append(gone)
    return loads, write_backs, [row for row, (_, changed) in held.items() if changed]


def distances(row_ids, sizes=None):
    """Rows, or bytes, between two touches of a row, by looking; -1 at the first."""
    found, n = [], [1] * len(row_ids) if sizes is None else sizes
    for i, row in enumerate(row_ids):
        before = [j for j in range(i) if row_ids[j] == row]
        between = {row_ids[j]: n[j] for j in range(before[-1] + 1, i)} if before else {}
        found.append(sum(between.values()) if before else -1)
    return found
