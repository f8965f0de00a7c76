"""What the ledger costs: recalls of all families with an access trace against the same recalls without one, and the
share of a recall that its counters take.

Kernels always count, so that there is no run without counters to compare with. Their share is bounded from above: the
additions that the kernels make (six counters a volley of an item, none a row), timed alone in a compiled loop that
nothing hides, and the building and adding up of the traffic in Python, timed alone. The peer is the run less that time.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from sdrsim import patterns, stream
from sdrsim.engine.traffic import Traffic
from sdrsim.kernels.jit import compiled
from sdrsim.models.hebbian import BCPNNMemory, CliqueMemory, WillshawMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.sparsey import Mac, MacParams

BATCH = 512
PLAIN, LESS = "the same without a trace", "the same less its counters"
_A_VOLLEY = 6


@compiled
def increments(counts: np.ndarray, n: int) -> None:
    """`n` additions to counters in memory, one after another."""
    for i in range(n):
        counts[i & 7] += i


def ledger(bench: Bench) -> Iterator[Row]:
    """Traced and counted recalls of five memories, 512 cues a call."""
    for what, memory, cues, options in _memories(bench.quick):
        yield from costs(bench, what, memory, cues, options)


def _memories(quick: bool) -> Iterator[tuple[str, Any, Any, dict[str, Any]]]:
    n = 1000 if quick else 8000
    x = patterns.random_sparse(n, 8192, 16, seed=0)
    yield "Willshaw 8,192", *_stored(WillshawMemory(8192, 16), x, 0.5), {}
    x = patterns.random_block(n, 8, 256, seed=0)
    yield "cliques 8 x 256", *_stored(CliqueMemory(8, 256), x, 0.5), {"rule": "sum_of_max"}
    x = patterns.random_block(1000, 32, 32, seed=0)
    yield "BCPNN 32 x 32", *_stored(BCPNNMemory(32, 32), x, 0.1), {}
    x = patterns.random_sparse(BATCH, 784, 100, seed=0)
    yield "mac 70 x 24", *_stored(Mac(MacParams(n_inputs=784, n_cms=70, n_cells=24)), x, 0.1), {}
    reals = stream(0, "patterns").standard_normal((n, 784)).astype(np.float32)
    hopfield = SparseHopfield(beta=0.05)
    hopfield.store(reals)
    noise = stream(1, "noise").standard_normal((BATCH, 784)).astype(np.float32)
    yield f"sparse Hopfield, {n:,} of 784", hopfield, reals[:BATCH] + 0.3 * noise, {}
    codes = patterns.random_sparse(n, 2048, 16, seed=0)
    yield f"sparse Hopfield, {n:,} codes", *_stored(SparseHopfield(beta=4.0), codes, 0.5), {}


def _stored(memory: Any, x: Any, fraction: float) -> tuple[Any, Any]:
    memory.store(x)
    return memory, patterns.erase(x[:BATCH], fraction, seed=1)


def costs(bench: Bench, what: str, memory: Any, cues: Any, options: dict[str, Any]) -> Iterator[Row]:
    """A row for the trace, one for the counters."""
    traced, plain = memory.recall(cues, trace=True, **options), memory.recall(cues, **options)
    assert traced.traffic.without_trace() == plain.traffic
    n_volleys = int(np.sum(getattr(plain, "iterations", len(cues))))
    n = _A_VOLLEY * n_volleys
    counts, total = np.zeros(8, np.int64), Traffic()

    def books() -> None:
        made = Traffic(tensors=dict(plain.traffic.tensors))
        for projection, phase in plain.traffic.counts:
            made.vector(projection, phase)[:] += 1
            made.add(projection, phase, code_bits=1)
        total.__iadd__(made.without_trace())

    t = bench.medians(
        {
            "plain": lambda: memory.recall(cues, **options),
            "traced": lambda: memory.recall(cues, trace=True, **options),
            "increments": lambda: increments(counts, n),
            "books": books,
        },
        per=len(cues),
    )
    n_accesses = len(traced.traffic.trace)
    yield Row(
        f"trace, {what}, {n_accesses / len(cues):,.0f} rows a cue", PLAIN, t["traced"], t["plain"], goals=(_TRACED,)
    )
    rest = t["plain"] - t["increments"] - t["books"]
    yield Row(f"counters, {what}", LESS, t["plain"], rest, goals=(_COUNTED,))


_TRACED, _COUNTED = Goal("slowdown", 1.3), Goal("slowdown", 1.03)
