"""Storing in graded memories: counts of pairs of active units, traces that fade, and the logarithms BCPNN recalls by.

Only the pairs of an item are touched; the type of a count says how far it can go, and the caller widens it in time.
"""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled

ONE_NAT = 2**20  # steps of the grid that logarithms stand on: sums are exact, and rounding is that of float32
NONE = -(2**30)  # stands for the logarithm of 0; no logarithm of a float64 comes near it

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Floats = NDArray[np.float64]
Codes = tuple[Offsets, Ints]
"""(indptr, indices), as an SDR holds them."""


@compiled
def store_counts(
    rows: NDArray[np.integer],
    usage: Floats,
    cluster_size: int,
    codes: Codes,
    span: tuple[int, int],
    bounds: tuple[int, int],
    step: int,
) -> tuple[int, bool, int, int, int]:
    """Count the pairs of active units of different clusters, item after item.

    Parameters
    ----------
    rows : (n_units, n_units) counts, written
    usage : (n_units,) items of each unit, written; or empty
    cluster_size : 1 without clusters
    codes
    span : first item, and the one behind the last
    bounds : no count rises above the first; the item that brings one to the second is the last
    step : 1, or -1 to take the items off again

    Returns
    -------
    the item to go on with; whether a count reached its bound; pairs; counts changed; 64-bit words read and written
    """
    indptr, indices = codes
    per_word = 8 // rows.itemsize
    n_pairs, n_changed, n_words = 0, 0, 0
    for m in range(span[0], span[1]):
        units, full = indices[indptr[m] : indptr[m + 1]], False
        clusters = units // cluster_size
        for a in range(len(units)):
            row, last = rows[units[a]], -1
            for b in range(len(units)):
                if clusters[a] == clusters[b]:
                    continue
                if units[b] // per_word != last:
                    last = units[b] // per_word
                    n_words += 1
                n_pairs += 1
                value = np.int64(row[units[b]])
                if value < bounds[0]:
                    row[units[b]] = value + step
                    n_changed += 1
                    full |= value + step == bounds[1]
            if len(usage):
                usage[units[a]] += step
        if full:
            return m + 1, True, n_pairs, n_changed, n_words
    return span[1], False, n_pairs, n_changed, n_words


@compiled
def log_of(value: float) -> int:
    """A logarithm on the grid; NONE for 0."""
    return NONE if value <= 0.0 else int(np.rint(np.log(value) * ONE_NAT))


@compiled
def form_logs(traces: NDArray[np.generic], logs: Ints) -> None:
    """The logarithms of all traces or counts."""
    for i in range(traces.shape[0]):
        for j in range(traces.shape[1]):
            logs[i, j] = log_of(float(traces[i, j]))


@compiled
def store_logs(
    arrays: tuple[NDArray[np.generic], Ints, Floats],
    cluster_size: int,
    codes: Codes,
    span: tuple[int, int],
    fading: tuple[float, float, int],
    most: float,
    sign: float,
) -> tuple[int, bool, int, int, int]:
    """As `store_counts`, keeping the logarithms up to date.

    Instead of fading all traces, each item weighs more than the one before: nothing but the pairs of the item changes.

    Parameters
    ----------
    arrays : (traces or counts, their logarithms, usage), written
    cluster_size, codes, span
    fading : (rate, base, n): item m weighs ``exp(rate * (n + m) - base)``
    most : the item that brings a trace to this is the last
    sign : 1, or -1 to take the items off again

    Returns
    -------
    the item to go on with; whether a trace reached its bound; pairs; words of traces, and of logarithms
    """
    traces, logs, usage = arrays
    indptr, indices = codes
    per_word, last_log = 8 // traces.itemsize, -1
    n_pairs, n_words, n_log_words = 0, 0, 0
    for m in range(span[0], span[1]):
        units, full = indices[indptr[m] : indptr[m + 1]], False
        clusters = units // cluster_size
        weight = sign * np.exp(fading[0] * (fading[2] + m) - fading[1])
        for a in range(len(units)):
            row, log_row, last, last_log = traces[units[a]], logs[units[a]], -1, -1
            for b in range(len(units)):
                if clusters[a] == clusters[b]:
                    continue
                j = units[b]
                if j // per_word != last:
                    last = j // per_word
                    n_words += 1
                if j // 2 != last_log:
                    last_log = j // 2
                    n_log_words += 1
                value = float(row[j]) + weight
                row[j] = value
                log_row[j] = log_of(value)
                n_pairs += 1
                full |= value >= most
            usage[units[a]] += weight
        if full:
            return m + 1, True, n_pairs, n_words, n_log_words
    return span[1], False, n_pairs, n_words, n_log_words
