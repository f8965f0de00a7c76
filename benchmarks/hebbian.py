"""Binary Hebbian memories: batches of 512 cues through `recall`, one thread, against NumPy, SciPy and torch.

The peers get the whole batch and their matrices converted once, outside the clock; torch appears where it is installed.
Willshaw ratios come with the one to *packed* NumPy, which reads the same bytes.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Bench, Runner
from benchmarks.rows import Goal, Row
from benchmarks.touch import touch_batch
from sdrsim import patterns
from sdrsim.engine.codes import SDR
from sdrsim.kernels.sums import aligned
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory

BATCH = 512
FLOAT, INT8 = "NumPy float32, the same algorithm", "torch int8, one matrix product alone"
PACKED, SPARSE = "NumPy AND of the packed rows", "SciPy CSR product, threshold"


def cues_of(x: SDR, n_kept: int, seed: int) -> SDR:
    """The first BATCH items with `n_kept` active units left, drawn."""
    rng = np.random.default_rng(seed)
    return SDR.from_indices([rng.permuted(item.indices)[:n_kept] for item in x[:BATCH]], x.size)


# ---- cliques --------------------------------------------------------------------------------------------------------


def cliques(bench: Bench) -> Iterator[Row]:
    """Recall with half of the clusters erased; storing."""
    for n_clusters, cluster_size, n_stored, n_kept, goal in ((8, 256, 10_000, 4, 700), (100, 64, 2_000, 50, 400)):
        memory = CliqueMemory(n_clusters, cluster_size)
        x = patterns.random_block(n_stored, n_clusters, cluster_size, seed=0)
        memory.store(x)
        cues, name = cues_of(x, n_kept, 1), f"{n_clusters} x {cluster_size}, {n_stored:,} messages, {n_kept} known"
        links = memory.links().toarray().astype(np.float32)
        few = n_clusters == 8
        yield from clique_recall(bench, memory, cues, links, "sum_of_max", name, (goal, 1000 if few else None), few)
        yield from clique_recall(bench, memory, cues, links, "sum_of_sum", name, (30, 150), False)
    yield from clique_store(bench)


def clique_recall(
    bench: Bench,
    memory: CliqueMemory,
    cues: SDR,
    links: np.ndarray,
    rule: str,
    name: str,
    bounds: tuple[float, float | None],
    with_goal: bool,
) -> Iterator[Row]:
    """One rule, until nothing changes (up to 5 volleys, 4 under sum of sum)."""
    n_volleys = 5 if rule == "sum_of_max" else 4
    dense, erased = cues.dense().astype(np.float32), rule == "sum_of_max"
    runners: dict[str, Callable[[], Any]] = {
        "ours": lambda: memory.recall(cues, rule=rule, max_iterations=n_volleys),
        FLOAT: lambda: clique_twin(links, dense, memory, rule, n_volleys, erased),
    }
    ours, twin = (runner() for runner in runners.values())
    assert np.array_equal(ours.codes.dense(), twin > 0)
    runners |= int8_product(links, dense)
    t = bench.medians(runners, per=len(cues))
    goals = (Goal("ratio", bounds[0]),) + ((Goal("ratio", bounds[1], "aim"),) if bounds[1] else ())
    yield Row(f"cliques {name}, {rule}", FLOAT, t["ours"], t[FLOAT], goals=goals)
    if INT8 in t:
        yield Row(f"cliques {name}, {rule}", INT8, t["ours"], t[INT8], goals=(Goal("ratio", 40),) if with_goal else ())


def clique_twin(
    links: np.ndarray, x: np.ndarray, memory: CliqueMemory, rule: str, n_volleys: int, fill: bool
) -> np.ndarray:
    """Both rules with memory effect 1 and wta, on float32 matrices, the batch at once."""
    shape = (len(x), memory.n_clusters, memory.cluster_size)
    if fill:
        x = x.reshape(shape).copy()
        x[x.sum(axis=2) == 0] = 1
        x = x.reshape(len(x), -1)
    for _ in range(n_volleys):
        if rule == "sum_of_sum":
            scores = x @ links + x
        else:
            scores = x.copy()
            for first in range(0, memory.size, memory.cluster_size):
                part = slice(first, first + memory.cluster_size)
                scores += x[:, part] @ links[part] > 0
        scores = scores.reshape(shape)
        best = scores.max(axis=2, keepdims=True)
        new = ((scores == best) & (best > 0)).reshape(x.shape).astype(np.float32)
        if np.array_equal(new, x):
            break
        x = new
    return x


def int8_product(links: np.ndarray, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    """torch's int8 matrix product of the batch, and nothing else; empty where torch is not installed."""
    try:
        import torch
    except ImportError:
        return {}
    torch.set_num_threads(1)
    a, b = torch.from_numpy(x.astype(np.int8)), torch.from_numpy(links.astype(np.int8)).contiguous()
    return {INT8: lambda: torch._int_mm(a, b)}


def clique_store(bench: Bench) -> Iterator[Row]:
    """10,000 messages of 8 clusters into an empty memory, one call."""
    messages = CliqueMemory(8, 256).to_messages(patterns.random_block(10_000, 8, 256, seed=0))
    offsets = np.arange(0, 2048, 256)

    def fresh() -> CliqueMemory:
        memory = CliqueMemory(8, 256)
        memory.allocate()
        return memory

    def numpy_store(links: np.ndarray) -> None:
        units = messages + offsets
        links[units[:, :, None], units[:, None, :]] = 1

    peer = "NumPy W[units, units] = 1, uint8, all messages at once"
    runners = {
        "ours": Runner(lambda memory: memory.store(messages), fresh),
        peer: Runner(numpy_store, lambda: np.zeros((2048, 2048), np.uint8)),
    }
    memory, links = fresh(), np.zeros((2048, 2048), np.uint8)
    memory.store(messages)
    numpy_store(links)
    np.fill_diagonal(links, 0)
    assert np.array_equal(memory.links().toarray(), links)
    t = bench.medians(runners, per=len(messages))
    yield Row("cliques 8 x 256, store a message", peer, t["ours"], t[peer], goals=(Goal("seconds", 1e-6),))


# ---- Willshaw -------------------------------------------------------------------------------------------------------


def willshaw(bench: Bench) -> Iterator[Row]:
    """One step of recall with half cues."""
    yield from willshaw_recall(bench, 8192, 40, 15_500, with_sparse=True)
    if not bench.quick:  # half a gigabyte
        yield from willshaw_recall(bench, 65_536, 64, 350_000, with_sparse=False)


def willshaw_recall(bench: Bench, n_units: int, n_active: int, n_stored: int, with_sparse: bool) -> Iterator[Row]:
    """Ours against the AND of packed rows in NumPy, the read limit of these rows, and (small) SciPy."""
    memory = WillshawMemory(n_units, n_active)
    x = patterns.random_sparse(n_stored, n_units, n_active, seed=0)
    memory.store(x)
    cues = cues_of(x, n_active // 2, 1)
    rows = memory._arrays["rows"]
    xor = aligned((BATCH, n_units // 64), np.uint64)
    runners: dict[str, Callable[[], Any]] = {
        "ours": lambda: memory.recall(cues, max_iterations=1),
        PACKED: lambda: packed_and(rows, cues),
        "touch": lambda: touch_batch(rows, cues.indptr, cues.indices, xor),
    }
    if with_sparse:
        links = memory.links().astype(np.float32)
        matrix = cues.to_csr().astype(np.float32)
        runners[SPARSE] = lambda: (matrix @ links).data >= n_active // 2
    ours = runners["ours"]()
    twin = packed_and(rows, cues)
    assert np.array_equal(ours.codes.packed(), twin)
    t = bench.medians(runners, per=BATCH)
    name = f"Willshaw {n_units:,}, {n_active} active, {n_stored:,} items, half cues, one step"
    if with_sparse:
        yield Row(name, PACKED, t["ours"], t[PACKED], t["touch"], (Goal("ratio", 3), Goal("ratio", 4, "aim")))
        yield Row(name, SPARSE, t["ours"], t[SPARSE], goals=(Goal("ratio", 100),))
    else:
        goals = (Goal("ratio", 1.7), Goal("ratio", 2.2, "aim"), Goal("limit", 0.8))
        yield Row(name, PACKED, t["ours"], t[PACKED], t["touch"], goals)


def packed_and(rows: np.ndarray, cues: SDR) -> np.ndarray:
    """Units linked to all active ones: the AND of their rows, in which each unit has its own bit."""
    out = np.empty((len(cues), rows.shape[1]), np.uint64)
    for i in range(len(cues)):
        np.bitwise_and.reduce(rows[cues.indices[cues.indptr[i] : cues.indptr[i + 1]]], axis=0, out=out[i])
    return out
