"""Sparse Hopfield retrieval, one thread, against NumPy and torch with entmax, and against what no code can beat.

Limits: for one query, a sum of all patterns that reads as fast as one thread can; for 64, NumPy's float32 product of
queries and patterns alone. Patterns are normal numbers, beta is 1 / sqrt(d). Queries are unrelated to the patterns (the
most patterns with weight), or stored patterns with noise. The peers hold the patterns as rows, made outside the clock:
all scores, then weights by sorting (alpha 1.5, 2) or 24 halvings, then the mean of all patterns.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from benchmarks.hopfield_entmax import N_HALVINGS, TORCH, halved, sorted_2, sorted_15
from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from sdrsim import patterns, stream
from sdrsim.kernels.simd import _at, _int
from sdrsim.models.hopfield import SparseHopfield

Rows = NDArray[Any]
VECTOR, STREAMS = ir.VectorType(ir.FloatType(), 16), 4
NUMPY = {1.5: "NumPy, sort", 2.0: "NumPy, sort", 1.3: "NumPy, 24 halvings"}


# ---- limit ----------------------------------------------------------------------------------------------------------


def _sum_codegen(context, b, signature, args):
    """Sums of 16 lanes of four stretches side by side, 128 bytes of each a step."""
    address, n_steps, apart = args
    slots = [[cgutils.alloca_once(b, VECTOR) for _ in range(2)] for _ in range(STREAMS)]
    for slot in (slot for side in slots for slot in side):
        b.store(ir.Constant(VECTOR, [0.0] * 16), slot)
    with cgutils.for_range(b, n_steps) as step:
        here = b.add(address, b.mul(step.index, _int(128)))
        for s, side in enumerate(slots):
            for c, slot in enumerate(side):
                start = b.add(here, b.mul(apart, _int(s)))
                b.store(b.fadd(b.load(slot), b.load(_at(b, start, _int(64 * c), VECTOR), align=4)), slot)
    total = ir.Constant(VECTOR, [0.0] * 16)
    for slot in (slot for side in slots for slot in side):
        total = b.fadd(total, b.load(slot))
    lanes = [b.extract_element(total, ir.Constant(ir.IntType(32), i)) for i in range(16)]
    while len(lanes) > 1:
        lanes = [b.fadd(x, y) for x, y in zip(lanes[::2], lanes[1::2])]
    return lanes[0]


@intrinsic
def _sum(typingctx, address, n_steps, apart):
    return types.float32(types.uintp, types.intp, types.intp), _sum_codegen


@numba.njit(nogil=True)
def read_all(cells):
    """Sum of a flat float32 array of a multiple of 128 numbers, by the fastest of the ways tried: in four stretches."""
    n_steps = len(cells) // 128
    return _sum(cells.ctypes.data, n_steps, n_steps * 128)


# ---- peers ----------------------------------------------------------------------------------------------------------


def numpy_recall(rows: Rows, x: Rows, beta: float, alpha: float) -> Rows:
    """One step."""
    scores = x @ rows.T
    scores *= beta
    weights = {1.5: sorted_15, 2.0: sorted_2}.get(alpha, lambda z: halved(z, alpha))(scores)
    return np.asarray(weights.astype(np.float32, copy=False) @ rows)


def torch_recall(rows: Rows, x: Rows, beta: float, alpha: float) -> Callable[[], Any] | None:
    """One step on one thread, or None where the packages are not installed."""
    try:
        import entmax as package
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    y, q = torch.from_numpy(rows), torch.from_numpy(x)
    named = {1.5: package.entmax15, 2.0: package.sparsemax}

    def call() -> Any:
        with torch.no_grad():
            scores = (q @ y.T) * beta
            made = named[alpha](scores, 1) if alpha in named else package.entmax_bisect(scores, alpha, 1, N_HALVINGS)
            return made @ y

    return call


# ---- one step -------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """One size; `goals` are time over limit: must, aim."""

    d: int
    n: int
    alpha: float
    n_queries: int
    goals: tuple[float, float] | None = None
    near: bool = False
    torch_ratio: float = 2.0

    @property
    def name(self) -> str:
        """For the table."""
        kind = "noisy patterns" if self.near else "unrelated"
        many = "1 query" if self.n_queries == 1 else f"{self.n_queries} queries"
        return f"alpha {self.alpha:g}, {self.n:,} patterns of {self.d}, {many}, {kind}"


LARGE = (
    Case(784, 100_000, 1.5, 1, (1.25, 1.06)),
    Case(784, 100_000, 1.5, 1, (1.25, 1.06), near=True),
    Case(784, 100_000, 2.0, 1, (1.25, 1.06)),
    Case(784, 100_000, 1.3, 1, (2.0, 1.3)),
    Case(784, 100_000, 1.5, 64, (1.25, 1.05)),
)
CASES = (
    Case(64, 100_000, 1.5, 1, (1.5, 1.2)),
    Case(64, 100_000, 2.0, 1, (1.5, 1.2)),
    Case(64, 100_000, 1.3, 1, (3.0, 2.0)),
    Case(784, 10_000, 1.5, 1),
    Case(64, 10_000, 1.5, 1),
    Case(64, 10_000, 1.3, 1),
    Case(64, 1_000, 1.5, 1, torch_ratio=15.0),
    Case(784, 10_000, 1.5, 64, (1.25, 1.05)),
    Case(784, 10_000, 1.3, 64, (1.25, 1.05)),
    Case(64, 10_000, 1.5, 64, (2.2, 1.6)),
    Case(64, 10_000, 1.5, 64, (2.2, 1.6), near=True),
    Case(64, 10_000, 2.0, 64, (2.2, 1.6)),
    Case(64, 10_000, 1.3, 64, (6.0, 3.0)),
    Case(64, 1_000, 1.5, 64, torch_ratio=15.0),
)


def drawn(n: int, d: int, n_queries: int, near: bool) -> tuple[Rows, Rows]:
    """(patterns, queries)."""
    rows = stream(0, "patterns").standard_normal((n, d), np.float32)
    x = stream(0, "queries").standard_normal((n_queries, d), np.float32)
    return rows, rows[:n_queries] + x / 2 if near else x


def retrieval(bench: Bench) -> Iterator[Row]:
    """One step of recall; with a screen; later steps; queries of few active units."""
    for case in CASES if bench.quick else (*LARGE, *CASES):
        yield from one_step(bench, case)
    yield from screened(bench)
    yield from later_steps(bench)
    yield from few_units(bench)
    yield from few_numbers(bench)


def one_step(bench: Bench, case: Case) -> Iterator[Row]:
    """Ours, both peers and the limit of one size."""
    rows, x = drawn(case.n, case.d, case.n_queries, case.near)
    memory = SparseHopfield(alpha=case.alpha)
    memory.store(rows)
    beta, flat = float(memory.beta or 0), whole_steps(memory)
    runners: dict[str, Callable[[], Any]] = {
        "ours": lambda: memory.recall(x),
        "peer": lambda: numpy_recall(rows, x, beta, case.alpha),
        "limit": (lambda: read_all(flat)) if case.n_queries == 1 else (lambda: x @ rows.T),
    }
    torch_call = torch_recall(rows, x, beta, case.alpha)
    if torch_call is not None:
        runners["torch"] = torch_call
    states = runners["ours"]().states
    for peer in ("peer", "torch"):
        if peer in runners:
            assert np.abs(states - np.asarray(runners[peer]())).max() < 1e-4
    t = bench.medians(runners, per=len(x))
    goals = () if case.goals is None else bounds(*case.goals)
    yield Row(case.name, NUMPY[case.alpha], t["ours"], t["peer"], t["limit"], (*goals, Goal("ratio", 2)))
    if "torch" in t:
        yield Row(case.name, TORCH, t["ours"], t["torch"], t["limit"], (Goal("ratio", case.torch_ratio),))


def bounds(must: float, aim: float) -> tuple[Goal, Goal]:
    """Time over limit as shares of the limit."""
    return Goal("limit", round(1 / must, 3)), Goal("limit", round(1 / aim, 3), "aim")


def whole_steps(memory: SparseHopfield) -> Rows:
    """The patterns as they lie, flat, cut to what `read_all` takes."""
    assert memory.bank is not None
    flat = memory.bank.panels.reshape(-1)
    return flat[: len(flat) // 128 * 128]


SCREENED = (
    Case(784, 100_000, 1.5, 1, (0.7, 0.5)),
    Case(784, 100_000, 1.5, 1, (0.7, 0.5), near=True),
    Case(784, 100_000, 2.0, 1),
    Case(784, 100_000, 1.3, 1),
    Case(784, 100_000, 1.5, 8),
    Case(784, 100_000, 1.5, 64),
)
SCREENED_SMALL = (Case(64, 100_000, 1.5, 1), Case(64, 100_000, 1.3, 1), Case(784, 10_000, 1.5, 1))


def screened(bench: Bench) -> Iterator[Row]:
    """With a screen against without; the limit reads the float32 patterns once."""
    for case in SCREENED_SMALL if bench.quick else (*SCREENED, *SCREENED_SMALL):
        yield _screened(bench, case)


def _screened(bench: Bench, case: Case) -> Row:
    rows, x = drawn(case.n, case.d, case.n_queries, case.near)
    plain, memory = SparseHopfield(alpha=case.alpha), SparseHopfield(alpha=case.alpha, screen=True)
    plain.store(rows)
    memory.store(rows)
    flat, found, expected = whole_steps(plain), memory.recall(x), plain.recall(x)
    assert np.array_equal(found.states, expected.states)
    assert np.array_equal(found.weights, expected.weights)
    full = found.traffic.get("patterns", "retrieve", "sums") / (case.n * case.n_queries)
    t = bench.medians(
        {"ours": lambda: memory.recall(x), "peer": lambda: plain.recall(x), "limit": lambda: read_all(flat)},
        per=case.n_queries,
    )
    goals = () if case.goals is None else bounds(*case.goals)
    name = f"{case.name}, screen, {100 * full:.2g} % read in full"
    return Row(name, "without the screen", t["ours"], t["peer"], t["limit"], goals)


# ---- more than a step, less than a query ----------------------------------------------------------------------------


def later_steps(bench: Bench) -> Iterator[Row]:
    """Steps after the first, from noisy patterns to a fixed point, against the first; the goal where its list holds."""
    for d, n in ((784, 10_000), (64, 100_000)) if bench.quick else ((784, 10_000), (784, 100_000), (64, 100_000)):
        yield _later(bench, d, n)


def _later(bench: Bench, d: int, n: int) -> Row:
    rows, x = drawn(n, d, 1, near=True)
    memory = SparseHopfield()
    memory.store(rows)
    one, whole = memory.recall(x), memory.recall(x, max_steps=10)
    assert np.array_equal(whole.states, rows[:1])
    more = 100 * (whole.traffic.total("words_read") / one.traffic.total("words_read") - 1)
    t = bench.medians({"one": lambda: memory.recall(x), "all": lambda: memory.recall(x, max_steps=10)})
    name = f"steps 2 to {int(whole.iterations[0])}, {n:,} patterns of {d}, noisy pattern, {more:.2g} % of the words"
    goals = (Goal("slowdown", 0.05),) if more < 50 else ()
    return Row(name, "the first step", max(t["all"] - t["one"], 0.0), t["one"], goals=goals)


def few_units(bench: Bench) -> Iterator[Row]:
    """Codes: bytes read, and time, follow the active units of a query."""
    n, d, k = 20_000, 1024, 20
    codes = patterns.random_sparse(n, size=d, k=k, seed=0)
    memory = SparseHopfield(beta=1.0)
    memory.store(codes)
    cue, dense = codes[:1], stream(0, "queries").standard_normal((1, d), np.float32)
    r = memory.recall(cue)
    assert r.codes == cue
    assert r.traffic.total("words_read") == k * -(-n // 64) + len(r.weights) * k // 2  # bits, then units of patterns
    full = SparseHopfield(beta=1.0)
    full.store(codes.dense().astype(np.float32))
    part = whole_steps(full)[: n * k // 32 // 128 * 128]  # as many bytes
    t = bench.medians(
        {"ours": lambda: memory.recall(cue), "peer": lambda: full.recall(dense), "limit": lambda: read_all(part)}
    )
    name = f"{n:,} codes of {d}, {k} active units in the query"
    yield Row(name, "a query with all units", t["ours"], t["peer"], t["limit"], (Goal("ratio", d / k / 4),))


def few_numbers(bench: Bench) -> Iterator[Row]:
    """Queries with few coordinates other than 0: bytes read, and time, follow them."""
    n, d, k = 20_000, 1024, 20
    codes = patterns.random_sparse(n, size=d, k=k, seed=0).dense().astype(np.float32)
    memory = SparseHopfield(beta=1.0)
    memory.store(codes)
    cue, dense = codes[:1], stream(0, "queries").standard_normal((1, d), np.float32)
    r = memory.recall(cue)
    assert np.array_equal(r.states > 0.5, cue > 0.5)
    assert r.traffic.total("words_read") == n * k * 4 // 8 + len(r.weights) * d * 4 // 8
    part = whole_steps(memory)[: n * k // 128 * 128]
    t = bench.medians(
        {"ours": lambda: memory.recall(cue), "peer": lambda: memory.recall(dense), "limit": lambda: read_all(part)}
    )
    name = f"{n:,} patterns of {d}, {k} coordinates of the query other than 0"
    yield Row(name, "a query without zeros", t["ours"], t["peer"], t["limit"], (Goal("ratio", d / k / 4),))
