"""Rules of one's own that are compiled themselves: they run inside a kernel.

These kernels are compiled in each process, for each function; a cache on disk would grow with every run and never hit.
"""

from typing import Any

import numba
import numpy as np
from numba.core.registry import CPUDispatcher
from numpy.typing import NDArray

from sdrsim.models.hebbian.kernels.graded import note_reads, room_for, score_state, sum_state
from sdrsim.models.hebbian.kernels.net import COMPARES

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
WRONG = -1


def is_jitted(function: Any) -> bool:
    """Whether a function is one of numba's."""
    return isinstance(function, CPUDispatcher)


def _recall_own(select, net, work, cues, memory_effect, max_iterations, trace, counts):  # type: ignore[no-untyped-def]
    """As `recall_graded`, with winners from ``select(scores, active) -> mask``; `WRONG` volleys of an item whose mask
    has not one place a unit.
    """
    indptr, indices = cues
    n_items = len(indptr) - 1
    out_indptr, out = np.zeros(n_items + 1, np.int64), np.empty(max(len(indices), 1024), np.int32)
    volleys, converged = np.zeros(n_items, np.int64), np.zeros(n_items, np.bool_)
    log, n_log = np.empty(1024, np.int64), 0
    for i in range(n_items):
        n = indptr[i + 1] - indptr[i]
        x = np.zeros(net.n_units, np.bool_)
        work.active[:n] = indices[indptr[i] : indptr[i + 1]]
        x[work.active[:n]] = True
        while volleys[i] < max_iterations and not converged[i]:
            volleys[i] += 1
            mask = np.zeros(net.n_units, np.bool_)
            if not net.is_empty and (n > 0 or net.has_prior):
                sum_state(net, work, n, (-1, -1), counts)
                score_state(net, work, n, memory_effect, counts)
                if trace:
                    log = room_for(log, n_log, n + 1)
                    n_log = note_reads(net, work, n, (-1, -1), False, log, n_log)
                counts[COMPARES] += net.n_units
                mask = select(work.scores.copy(), x.copy())
                if len(mask) != net.n_units:
                    volleys[i] = WRONG
                    return out_indptr, out, volleys, converged, log
            n, same = 0, True
            for j in range(net.n_units):
                same &= mask[j] == x[j]
                x[j] = mask[j]
                if mask[j]:
                    work.active[n] = j
                    n += 1
            converged[i] = same
        here = out_indptr[i]
        out = room_for(out, here, n)
        out[here : here + n] = work.active[:n]
        out_indptr[i + 1] = here + n
    return out_indptr, out[: out_indptr[n_items]], volleys, converged, log[:n_log]


def _store_own(rule, weights, cluster_size, codes):  # type: ignore[no-untyped-def]
    """Change rows by ``rule(pre, post, rows) -> rows``, item after item; returns (weights changed, the item whose rows
    have a wrong shape or are not finite, or `WRONG` = none).
    """
    indptr, indices = codes
    n_changed = 0
    for m in range(len(indptr) - 1):
        units = indices[indptr[m] : indptr[m + 1]].copy()
        new = rule(units, units.copy(), weights[units])
        if new.shape[0] != len(units) or new.shape[1] != weights.shape[1]:
            return n_changed, m
        for a in range(len(units)):
            row, cluster = weights[units[a]], units[a] // cluster_size
            for j in range(len(row)):
                value = np.float32(new[a, j])
                if not np.isfinite(value):
                    return n_changed, m
                if j // cluster_size != cluster and value != row[j]:
                    row[j] = value
                    n_changed += 1
    return n_changed, WRONG


_uncached = numba.njit(nogil=True, error_model="numpy")
recall_own, store_own = _uncached(_recall_own), _uncached(_store_own)
