"""What a spiking twin needs beside Brian2: its synapses, thresholds that make units compete, the record of a run."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import check_room
from sdrsim.engine.codes import SDR
from sdrsim.kernels.bits import unpack_rows
from sdrsim.kernels.random import TIE, key
from sdrsim.models.hebbian.asking import Asked
from sdrsim.models.hebbian.binary import BinaryMemory
from sdrsim.models.hebbian.selection import select_scores

__all__ = ["ANY", "Course", "SpikingRun", "firing_thresholds", "summary", "synapse_pairs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pair = tuple[Ints, Ints]

ANY = float(np.finfo(np.float64).tiny)
"""The least potential: whoever got any input reaches it."""

_SYNAPSE_BYTES = 80  # of Brian2 while it makes one
_BORDERS = {
    "wta": "best",
    "gwta": "best",
    "wsta": "k-th",
    "gwsta": "k-th",
    "kwta": "k-th",
    "gkwta": "k-th distinct",
    "lko": "last but one",
    "glko": "last but one",
}


@dataclass(frozen=True, repr=False)
class SpikingRun:
    """What a twin did with n cues.

    volleys : list of SDR
        Spikes of all items in each volley; the first is the cue as it arrived.
    codes, iterations, converged
        As `Recalled`: the volley at which each item first repeated itself, else the last.
    n_transmitted : (n, n_volleys) int64
        Events that recurrent synapses delivered after each volley but the last.
    failures : list of n lists
        (pre, post) of the links of active units that failed after each volley but the last: what ``recall(...,
        failures=)`` plays again.
    n_erased, n_inserted : (n,) int64
        Units of the cue that did not arrive; units that came from the noise.
    """

    volleys: list[SDR]
    codes: SDR
    iterations: Ints
    converged: NDArray[np.bool_]
    n_transmitted: Ints
    failures: list[list[Pair]]
    n_erased: Ints
    n_inserted: Ints

    def __repr__(self) -> str:
        return f"SpikingRun({self.codes!r}; {len(self.volleys)} volleys, {int(self.n_transmitted.sum()):,} events)"


@dataclass
class Course:
    """A run while it goes on. Step 0 of an item: its cue arrives; step s: volley s - 1."""

    asked: Asked | None  # None: the cue alone spikes
    n_volleys: int
    key: int
    first: int
    p_insert: float
    item: int = 0
    step: int = 0
    spikes: list[list[Ints]] = field(default_factory=list)
    sent: list[list[int]] = field(default_factory=list)
    failures: list[list[Pair]] = field(default_factory=list)


def summary(codes: SDR, course: Course) -> SpikingRun:
    """The record of a finished run as codes."""
    n, size, n_volleys = len(codes), codes.size, course.n_volleys
    iterations, converged = np.full(n, n_volleys - 1, np.int64), np.zeros(n, np.bool_)
    n_erased, n_inserted = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for i, volleys in enumerate(course.spikes):
        repeats = [v for v in range(1, n_volleys) if np.array_equal(volleys[v - 1], volleys[v])]
        if repeats:
            iterations[i], converged[i] = repeats[0], True
        asked_for = codes.indices[codes.indptr[i] : codes.indptr[i + 1]]
        n_kept = int(np.isin(volleys[0], asked_for).sum())
        n_erased[i], n_inserted[i] = len(asked_for) - n_kept, len(volleys[0]) - n_kept
    return SpikingRun(
        [SDR.from_indices([volleys[v] for volleys in course.spikes], size) for v in range(n_volleys)],
        SDR.from_indices([volleys[int(v)] for volleys, v in zip(course.spikes, iterations)], size),
        iterations,
        converged,
        np.array(course.sent, np.int64).reshape(n, n_volleys - 1),
        course.failures,
        n_erased,
        n_inserted,
    )


def firing_thresholds(
    v: Floats, fired: NDArray[np.bool_], asked: Asked, shape: tuple[int, int], seed: int, item: int
) -> Floats:
    """The potential each unit must reach to be among the winners.

    Parameters
    ----------
    v : float64 (n_units,)
        Potentials: the scores.
    fired : bool (n_units,)
        Spikes of the volley before.
    asked
    shape : (n_clusters, cluster_size)
    seed, item
        Key the ties that 'kwta' draws.
    """
    how, k = asked.select, asked.k or 1
    if not isinstance(how, str):
        return np.where(select_scores(v[None], fired[None], how)[0], v, np.inf)
    out = np.empty_like(v)
    if how == "threshold":
        n_active = int(fired.sum())
        out[:] = asked.threshold if asked.threshold is not None else n_active or np.inf
    elif how in ("wta", "wsta", "lko"):
        for first in range(0, len(v), shape[1]):
            cluster = slice(first, first + shape[1])
            out[cluster] = _border(v[cluster], _BORDERS[how], k)
    else:
        out[:] = _border(v, _BORDERS[how], k)
    n_over = int((v >= out).sum()) - k
    if how == "kwta" and n_over > 0:
        tied = np.flatnonzero(v == out)
        ranks = np.array([int(key(np.uint64(seed), item, int(u), TIE)) for u in tied], np.uint64)
        out[tied[np.argsort(ranks)[len(tied) - n_over :]]] = np.inf
    return out


def _border(v: Floats, which: str, k: int) -> float:
    """The lowest potential that wins one competition; nobody wins without input."""
    if which == "best":
        border = v.max()
    elif which == "k-th":
        place = len(v) - min(k, len(v))
        border = np.partition(v, place)[place]
    else:
        levels = np.unique(v[v > 0])
        place = max(0, len(levels) - k) if which == "k-th distinct" else min(1, len(levels) - 1)
        border = levels[place] if len(levels) else np.inf
    return float(max(border, ANY))


def synapse_pairs(memory: BinaryMemory, links: Any, plastic: bool) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pre and post of the synapses, ordered by pre: the links, or all pairs of units that can be linked."""
    n, (n_clusters, cluster_size) = memory.size, memory._shape
    if not plastic:
        check_room("synapses of the twin", _SYNAPSE_BYTES * links.nnz, do="use a memory with fewer links")
        return np.repeat(np.arange(n, dtype=np.int32), np.diff(links.indptr)), links.indices.astype(np.int32)
    check_room("synapses of the twin", _SYNAPSE_BYTES * n * n, do="use fewer units")
    can = unpack_rows(memory._arrays["physical"][:-1], n) if "physical" in memory._arrays else np.ones((n, n), np.bool_)
    cluster = np.arange(n) // cluster_size if n_clusters else np.arange(n)
    pre, post = np.nonzero(can & (cluster[:, None] != cluster))
    return pre.astype(np.int32), post.astype(np.int32)
