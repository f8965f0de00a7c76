"""Graded Hebbian memories: batches of 512 cues through `recall`, one thread, against NumPy's float32 matrix product.

The peer gets the batch as a float32 matrix and the weights converted once, outside the clock; per volley it forms one
product (BLAS) of the items that still change, and takes the winners. It sums in another order and rounds: a winner may
differ where its own scores are as good as equal.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from sdrsim import patterns, stream
from sdrsim.engine.codes import SDR
from sdrsim.models.hebbian import AmariMemory, BCPNNMemory, CovarianceMemory

BATCH = 512
ARGMAX, PARTITION = "NumPy float32 product, argmax", "NumPy float32 product, partition"
_EQUAL = 1e-3  # scores of up to some hundreds in float32, summed in any order

Twin = Callable[[], np.ndarray]


def flipped(x: SDR, cluster_size: int, seed: int) -> SDR:
    """The first BATCH items, one cluster of each with another unit."""
    rng, values = stream(seed, "flip"), x[:BATCH].indices.reshape(BATCH, -1) % cluster_size
    row, which = np.arange(BATCH), rng.integers(0, values.shape[1], BATCH)
    values[row, which] = (values[row, which] + rng.integers(1, cluster_size, BATCH)) % cluster_size
    return SDR.from_indices(values + np.arange(values.shape[1]) * cluster_size, x.size)


def recalls(bench: Bench) -> Iterator[Row]:
    """BCPNN, covariance and counts in 32 clusters of 32 (one step, then up to 15); counts of 11 of 2,048 units."""
    for n_clusters, n_stored in ((32, 1775),) if bench.quick else ((32, 1775), (96, 12_000)):
        shape, x = (n_clusters, 32), patterns.random_block(n_stored, n_clusters, 32, seed=0)
        memories: dict[str, Any] = {
            "BCPNN": BCPNNMemory(*shape),
            "covariance": CovarianceMemory(n_clusters=n_clusters, cluster_size=32),
            "Amari": AmariMemory(n_clusters=n_clusters, cluster_size=32),
        }
        for name, memory in memories.items():
            memory.store(x)
            for n_volleys in (1, 15):
                what = f"{name} {n_clusters} x 32, {n_stored:,} items, 1 cluster flipped, {n_volleys} volleys at most"
                yield from clustered(bench, memory, flipped(x, 32, 1), n_volleys, what)
    yield from unclustered(bench, 2048, 11, 2000)
    if not bench.quick:
        yield from unclustered(bench, 8192, 40, 15_000)


def clustered(bench: Bench, memory: Any, cues: SDR, n_volleys: int, what: str) -> Iterator[Row]:
    """One winner a cluster."""
    weights = memory.weights().astype(np.float32)
    bias = memory.biases().astype(np.float32) if isinstance(memory, BCPNNMemory) else np.float32(0)
    x, shape = cues.dense().astype(np.float32), (-1, memory.n_clusters, memory.cluster_size)

    def twin() -> np.ndarray:
        now, left = x.copy(), np.arange(len(x))
        for _ in range(n_volleys):
            best = (now[left] @ weights + bias).reshape(shape).argmax(axis=2)
            new = np.zeros((len(left), x.shape[1]), np.float32)
            np.put_along_axis(new.reshape(shape), best[:, :, None], 1, axis=2)
            changed = (new != now[left]).any(axis=1)
            now[left], left = new, left[changed]
            if not len(left):
                break
        return now

    def ours() -> Any:
        return memory.recall(cues, select="argmax", memory_effect=0, max_iterations=n_volleys)

    compare_winners(memory, cues, weights, bias, shape)
    t = bench.medians({"ours": ours, "twin": twin}, per=len(cues))
    yield Row(what, ARGMAX, t["ours"], t["twin"], goals=(Goal("ratio", 1),))


def compare_winners(memory: Any, cues: SDR, weights: np.ndarray, bias: Any, shape: tuple[int, ...]) -> None:
    """After one volley: our winner has the best score of its cluster, within what float32 can tell."""
    scores = (cues.dense().astype(np.float32) @ weights + bias).reshape(shape)
    found = memory.recall(cues, select="argmax", memory_effect=0, max_iterations=1).codes.dense().reshape(shape)
    assert (found.sum(axis=2) == 1).all()
    assert np.abs(scores[found].reshape(found.shape[:2]) - scores.max(axis=2)).max() < _EQUAL


def unclustered(bench: Bench, n_units: int, n_active: int, n_stored: int) -> Iterator[Row]:
    """All that reach the k-th best, half cues, one volley: whole numbers, so the same codes."""
    memory, x = AmariMemory(n_units, n_active), patterns.random_sparse(n_stored, n_units, n_active, seed=0)
    memory.store(x)
    cues = patterns.erase(x[:BATCH], 0.5, seed=1)
    weights, dense = memory.weights().astype(np.float32), cues.dense().astype(np.float32)

    def twin() -> np.ndarray:
        scores = dense @ weights
        border = np.partition(scores, n_units - n_active, axis=1)[:, n_units - n_active]
        return (scores >= border[:, None]) & (scores > 0)

    def ours() -> Any:
        return memory.recall(cues, memory_effect=0, max_iterations=1)

    assert np.array_equal(ours().codes.dense(), twin())
    t = bench.medians({"ours": ours, "twin": twin}, per=len(cues))
    what = f"Amari {n_units:,}, {n_active} active, {n_stored:,} items, half cues, one volley"
    yield Row(what, PARTITION, t["ours"], t["twin"], goals=(Goal("ratio", 1),))
