"""Rows that come and go: what memories of given room load and write back, from a trace or from a law of popularity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.traffic import PHASES
from sdrsim.errors import ParameterError
from sdrsim.hardware.levels import Level
from sdrsim.hardware.pages import base_addresses, page_activates, row_addresses
from sdrsim.hardware.reuse import Profile, profile
from sdrsim.hardware.reuse_laws import che_hit_rate, zipf_popularity
from sdrsim.hardware.runs import Part, Run

__all__ = ["Cached", "by_popularity", "by_trace", "pages_opened", "touches"]

Ints = NDArray[np.int64]
_MOST_ROWS = 10_000_000


@dataclass(frozen=True)
class Cached:
    """Loads and write-backs in rows of each array, phase and memory, ``(n_tensors, n_phases, n_rooms)``.

    ``dirty_bytes`` (n_rooms,): changed on the chip and still there at the end. ``writes`` (n_tensors, n_phases): rows
    listed as written; 0 where nothing is listed.
    """

    loads: Ints
    write_backs: Ints
    dirty_bytes: Ints
    writes: Ints


def touches(part: Part, row_words: int) -> int:
    """Rows touched, without a trace: those read, or as many as the words written fill."""
    return max(part.counts["rows_read"], ceil(part.counts["words_written"] / row_words) if row_words else 0)


def by_trace(run: Run, row_bytes: Mapping[str, int], rooms: Sequence[int]) -> Cached:
    """From the accesses of the arrays named, in the order of the run: one pass for all rooms, exact."""
    some = _selected(run, row_bytes)
    shape = (len(run.tensors), len(PHASES), len(rooms))
    made = _profile(run, row_bytes).curve(rooms, writes=some.trace["write"], groups=some.groups)
    loads, backs = np.zeros((2, shape[0] * shape[1], shape[2]), np.int64)
    loads[: len(made.loads)], backs[: len(made.loads)] = made.loads, made.write_backs
    writes = np.bincount(some.groups[some.trace["write"]], minlength=shape[0] * shape[1])
    return Cached(loads.reshape(shape), backs.reshape(shape), made.dirty_bytes.sum(axis=0), writes.reshape(shape[:2]))


def pages_opened(run: Run, row_bytes: Mapping[str, int], room: int, far: Level, policy: str) -> Ints:
    """Pages of the DRAM opened for rows that a memory of `room` bytes does not hold, ``(n_tensors, n_phases)``.

    Arrays lie behind one another, rows as `row_addresses` puts them; fetches in the order of the run.
    """
    some, shape = _selected(run, row_bytes), (len(run.tensors), len(PHASES))
    missed = _profile(run, row_bytes).missed(room) if room > 0 else slice(None)
    key = (*row_bytes.items(), far.dram)
    if key not in run.kept:
        own = np.array([row_bytes.get(name, 0) for name in run.tensors], np.int64)
        bases = base_addresses([tensor.n_rows for tensor in run.tensors.values()], own, dram=far)
        run.kept[key] = row_addresses(bases[some.trace["tensor"]], some.trace["row"], some.sizes, dram=far)
    starts, sizes, groups = (array[missed] for array in (run.kept[key], some.sizes, some.groups))
    return page_activates(starts, sizes, groups, shape[0] * shape[1], dram=far, policy=policy).reshape(shape)


class Selected(NamedTuple):
    """Accesses of some arrays: the trace, groups (array and phase), bytes of the rows."""

    trace: NDArray[Any]
    groups: Ints
    sizes: Ints


def _selected(run: Run, row_bytes: Mapping[str, int]) -> Selected:
    """Kept by the run: the same for any room, card and price."""
    key = tuple(row_bytes.items())
    known: Selected | None = run.kept.get(key)
    if known is not None:
        return known
    if run.trace is None:
        raise ParameterError("trace", got="none", expected="the accesses of the run", do="recall(..., trace=True)")
    size_of = np.array([row_bytes.get(name, -1) for name in run.tensors], np.int64)
    trace = run.trace[size_of[run.trace["tensor"]] >= 0]
    tensor = trace["tensor"].astype(np.int64)
    made = Selected(trace, tensor * len(PHASES) + trace["phase"], size_of[tensor])
    run.kept[key] = made
    return made


def _profile(run: Run, row_bytes: Mapping[str, int]) -> Profile:
    """Distances of these accesses; kept by the run as well, and not formed where nothing stays on the chip."""
    key = (*row_bytes.items(), "distances")
    known: Profile | None = run.kept.get(key)
    if known is None:
        some = _selected(run, row_bytes)
        ids = (some.trace["tensor"].astype(np.int64) << 40) | some.trace["row"]
        known = run.kept[key] = profile(ids, some.sizes)
    return known


def by_popularity(run: Run, row_bytes: Mapping[str, int], rooms: Sequence[int], alpha: float) -> Cached:
    """From a law: rows of all the arrays named drawn independently, uniformly (0) or by a Zipf law; expected values.

    First touches are left out, as the law knows no begin. A row changed is written back whenever it left.
    """
    names = list(run.tensors)
    n_rows = sum(run.tensors[name].n_rows for name in row_bytes)
    n_bytes = sum(run.tensors[name].n_rows * size for name, size in row_bytes.items())
    held = np.array([min(room / max(1, n_bytes), 1.0) for room in rooms])
    if alpha == 0:
        missed = 1 - held
    elif n_rows > _MOST_ROWS:
        raise ParameterError("popularity", got=f"{n_rows:,} rows", expected=f"at most {_MOST_ROWS:,} for a Zipf law")
    else:
        missed = 1 - che_hit_rate(zipf_popularity(n_rows, alpha), held * n_rows)
    loads, backs = np.zeros((2, len(names), len(PHASES), len(rooms)), np.int64)
    for part in run.parts:
        if part.projection in row_bytes:
            n = touches(part, ceil(row_bytes[part.projection] / 8))
            where = names.index(part.projection), PHASES.index(part.phase)
            loads[where] = np.round(n * missed)
            if part.counts["words_written"]:
                backs[where] = loads[where]
    return Cached(loads, backs, np.zeros(len(rooms), np.int64), np.zeros((len(names), len(PHASES)), np.int64))
