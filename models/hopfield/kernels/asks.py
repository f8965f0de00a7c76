"""A full pass of some queries: scaled as the kernels take them, listed, counted, noted."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.jit import compiled
from sdrsim.models.hopfield.kernels.again import Reach
from sdrsim.models.hopfield.kernels.codes import COSINE, L1, L2, Rule
from sdrsim.models.hopfield.kernels.panels import LANES, Cells
from sdrsim.models.hopfield.kernels.reads import ALL_COPIES, ALL_PATTERNS, PANEL, note
from sdrsim.models.hopfield.kernels.scan import LEVEL, Asked, Lists, Store, scan
from sdrsim.models.hopfield.kernels.screen import Screen, sift

Reals = NDArray[np.float64]
Ints = NDArray[np.int64]

N_TALLIES = 9
SCORED, CELLS, WORDS, RESCORED, WEIGHED, COPIES, COPY_BYTES, COPY_WORDS, N_QUERIES = range(N_TALLIES)
"""Patterns scored in passes, numbers and 64-bit words read for it; scored again; combined; copies in bytes, bytes and
words read for it; queries."""


class Held(NamedTuple):
    """What is stored; `screen`, `values` are None where there are none."""

    store: Store
    screen: Screen | None
    reach: Reach
    values: Cells | None


@compiled
def scale(rule: Rule, x: Cells, out: Cells) -> float:
    """A query as the kernels take it; its factor."""
    gain, square = rule.factor * (2.0 if rule.kind == L2 else 1.0), 0.0
    if rule.kind == L1:
        gain = 1.0
    if rule.kind == COSINE:
        for k in range(len(x)):
            square += np.float64(x[k]) * np.float64(x[k])
        gain = gain / np.sqrt(square) if square > 0 else 0.0
    for k in range(len(x)):
        out[k] = np.float64(x[k]) * gain
    return gain


@compiled
def _own(rule: Rule, x: Cells) -> float:
    """What scaled scores of a query leave out of its squared distances."""
    total = 0.0
    if rule.kind == L2:
        for k in range(len(x)):
            total += np.float64(x[k]) * np.float64(x[k])
    return rule.factor * total


@compiled
def _pass(
    store: Store, screen: Screen | None, asked: Asked, z: Cells, lists: Lists, wanted: NDArray[np.uint8], tally: Ints
) -> Lists:
    """List what can matter of scaled queries; counted. `wanted` takes the panels read, where there is a screen."""
    n, d = z.shape
    scored = np.full(n, store.n)
    if screen is None:
        lists = scan(store, z, asked, lists)
    else:
        lists = sift(store, screen, z, asked, lists, scored, wanted)
    for q in range(n):
        n_used, n_pairs = 0, 0
        for k in range(0, d, 2):
            low, high = z[q, k] != 0, k + 1 < d and z[q, k + 1] != 0
            n_used += low + high
            n_pairs += low or high
        n_read = (d if store.distance else n_used) * scored[q]
        tally[SCORED] += scored[q]
        tally[CELLS] += n_read
        tally[WORDS] += (n_read * z.itemsize + 7) >> 3
        if screen is not None:
            n_bytes = (2 * n_pairs + 12) * store.n
            tally[COPIES] += store.n
            tally[COPY_BYTES] += n_bytes
            tally[COPY_WORDS] += (n_bytes + 7) >> 3
    return lists


@compiled
def ask(
    held: Held,
    rule: Rule,
    asked: Asked,
    which: Ints,
    now: Cells,
    z: Cells,
    lists: Lists,
    nulls: Reals,
    tally: Ints,
    first: int,
    log: Ints,
) -> tuple[Lists, Ints]:
    """A pass of queries `which` of a portion at states `now`: scaled into z, listed, counted, noted."""
    n, n_panels = len(which), (held.store.n + LANES - 1) // LANES
    for i in range(n):
        x = now[which[i]]
        scale(rule, x, z[i])
        if asked.mode == LEVEL:
            lists.floors[i] = _own(rule, x) - 2.0
        elif rule.null:
            nulls[i] = _own(rule, x)
    wanted = np.empty((n if len(log) else 1, n_panels if held.screen is not None else 0), np.uint8)
    lists = _pass(held.store, held.screen, asked, z, lists, wanted, tally)
    if len(log):
        none = np.zeros(1, np.int32)
        for i in range(n):
            if held.screen is None:
                log = note(log, first + which[i], ALL_PATTERNS, none)
                continue
            log = note(log, first + which[i], ALL_COPIES, none)
            log = note(log, first + which[i], PANEL, np.flatnonzero(wanted[i]).astype(np.int32))
    return lists, log


__all__ = [
    "CELLS",
    "COPIES",
    "COPY_BYTES",
    "COPY_WORDS",
    "N_QUERIES",
    "N_TALLIES",
    "RESCORED",
    "SCORED",
    "WEIGHED",
    "WORDS",
    "Held",
    "ask",
    "scale",
]
