"""Kernels against NumPy: dendritic sums, learning, winners; 8,192 inputs onto 8,192 units."""

from collections.abc import Iterator

import numpy as np

from benchmarks import twins
from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from benchmarks.touch import touch_batch
from sdrsim.kernels import bits
from sdrsim.kernels import learning as hebb
from sdrsim.kernels import sums as kernel
from sdrsim.kernels import winners as wta

N, N_ACTIVE, DENSITY = 8192, 64, 0.12
BYTES, DEFAULT = "NumPy take + sum, uint8 accumulators", "NumPy take + sum, default accumulators"


def codes(n_items: int, n_active: int, n_units: int, seed: int) -> list[np.ndarray]:
    """Sorted random codes of `n_active` of `n_units` units."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.choice(n_units, n_active, replace=False)).astype(np.int32) for _ in range(n_items)]


def flat(items: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(indptr, indices) as an SDR holds them."""
    return np.cumsum([0, *map(len, items)]).astype(np.int64), np.concatenate(items)


# ---- sums -----------------------------------------------------------------------------------------------------------


def sums(bench: Bench) -> Iterator[Row]:
    """Batches of queries, one call each; then one query a call."""
    dense = (np.random.default_rng(0).random((N, N)) < DENSITY).view(np.uint8)
    matrix = bits.pack_rows(dense)
    yield from batch_sums(bench, dense, matrix, codes(16, N_ACTIVE, 1024, 1), "16 queries over 1,024 rows", 50)
    yield from batch_sums(bench, dense, matrix, codes(128, N_ACTIVE, N, 2), "128 queries over all rows", 30)
    yield from single_sums(bench, dense, matrix, codes(16, N_ACTIVE, 1024, 1))


def batch_sums(
    bench: Bench, dense: np.ndarray, matrix: np.ndarray, queries: list[np.ndarray], where: str, goal: float
) -> Iterator[Row]:
    """Planes and counts of both widths, against both forms of take-and-sum, with the read limit of the same rows."""
    n, (indptr, indices) = len(queries), flat(queries)
    planes = kernel.aligned((n, N // 512, kernel.planes_for(N_ACTIVE), 8), np.uint64)
    narrow, wide = (kernel.aligned((n, N), dtype) for dtype in (np.uint8, np.uint16))
    xor = kernel.aligned((n, N // 64), np.uint64)
    runners = {
        "planes": lambda: kernel.sum_planes_batch(matrix, indptr, indices, planes),
        "uint8": lambda: kernel.sum_counts_batch(matrix, indptr, indices, narrow),
        "uint16": lambda: kernel.sum_counts_batch(matrix, indptr, indices, wide),
        "touch": lambda: touch_batch(matrix, indptr, indices, xor),
        BYTES: lambda: twins.take_and_sum_bytes(dense, queries),
        DEFAULT: lambda: twins.take_and_sum(dense, queries),
    }
    expected = np.array([call() for call in runners.values()][-1])
    assert np.array_equal(narrow, expected)
    assert np.array_equal(wide, expected)
    assert np.array_equal(from_planes(planes), expected)
    assert np.array_equal(bits.unpack_rows(xor, N), expected & 1)
    t = bench.medians(runners, per=n)
    for made, what in (("planes", "bit planes out"), ("uint8", "uint8 counts out"), ("uint16", "uint16 counts out")):
        bound = Goal("ratio", goal if made == "planes" else 18)
        goals = (bound, Goal("limit", 0.8)) if made == "planes" else (bound,)
        for peer in (BYTES, DEFAULT):
            yield Row(f"sum of 64 rows, {where}, {what}", peer, t[made], t[peer], t["touch"], goals)


def from_planes(planes: np.ndarray) -> np.ndarray:
    """Counts (n, n_units) of bit planes (n, n_chunks, n_planes, 8)."""
    n, n_chunks, n_planes, _ = planes.shape
    ones = [bits.unpack_rows(planes[:, :, p].reshape(n, -1), 512 * n_chunks).astype(int) for p in range(n_planes)]
    return sum(one << p for p, one in enumerate(ones))


def single_sums(bench: Bench, dense: np.ndarray, matrix: np.ndarray, queries: list[np.ndarray]) -> Iterator[Row]:
    """One query a call, int32 counts of any packed matrix: what a projection between two fields calls."""
    words, packed = matrix[:-1], "NumPy unpackbits + sum of the packed rows"
    runners = {
        "ours": lambda: [kernel.dendritic_counts(words, rows, N) for rows in queries],
        packed: lambda: twins.unpack_and_sum(words, queries, N),
        BYTES: lambda: twins.take_and_sum_bytes(dense, queries),
    }
    ours, *others = [call() for call in runners.values()]
    assert all(np.array_equal(ours, other) for other in others)
    t = bench.medians(runners, per=len(queries))
    for peer in (packed, BYTES):
        yield Row("sum of 64 rows, one call a query, int32 counts out", peer, t["ours"], t[peer])


# ---- learning -------------------------------------------------------------------------------------------------------


def learning(bench: Bench) -> Iterator[Row]:
    """A binary Hebbian matrix takes 64 pairs of codes."""
    n = 64
    by_pairs, by_words = "NumPy W[np.ix_(pre, post)] = 1, uint8", "NumPy OR of packed words"
    for n_pre, n_post in ((64, 64), (100, 70), (256, 256)):
        pre, post = codes(n, n_pre, N, 3), codes(n, n_post, N, 4)
        matrix, words, dense = (
            bits.bit_matrix(N, N // 64),
            np.zeros((N, N // 64), np.uint64),
            np.zeros((N, N), np.uint8),
        )
        given, n_new = (*flat(pre), *flat(post)), np.zeros(n, np.int64)
        runners = {
            "ours": lambda m=matrix, g=given, out=n_new: hebb.learn_items(m, *g, out),
            by_pairs: lambda w=dense, a=pre, b=post: twins.set_pairs(w, a, b),
            by_words: lambda w=words, a=pre, b=post: twins.or_words(w, a, b),
        }
        for call in runners.values():
            call()
        assert n_new.sum() == dense.sum(dtype=np.int64)
        assert np.array_equal(matrix[:-1], words)
        assert np.array_equal(bits.unpack_rows(words, N), dense.view(bool))
        t = bench.medians(runners, per=n)
        for peer in (by_pairs, by_words):
            yield Row(f"learn {n_pre} x {n_post} pairs", peer, t["ours"], t[peer])


# ---- winners --------------------------------------------------------------------------------------------------------


def winners(bench: Bench) -> Iterator[Row]:
    """Winner-take-all on the planes, one call from Python, against the same on uint8 counts."""
    counts = np.random.default_rng(5).binomial(N_ACTIVE, DENSITY, N).astype(np.uint8)
    planes, out = planes_of(counts), np.zeros(N // 64, np.uint64)
    for size in (16, 64, 100):
        used = N // size * size
        runners = {
            "ours": lambda size=size: wta.cluster_winners(planes, size, N // size, out),
            "numpy": lambda size=size, used=used: twins.cluster_winners(counts[:used], size),
        }
        expected = [call() for call in runners.values()][-1]
        assert np.array_equal(bits.unpack_rows(out, used), expected)
        t = bench.medians(runners)
        yield Row(f"winners of clusters of {size}, {N:,} units", "NumPy max, ==", t["ours"], t["numpy"])
    for k in (64, 655):
        runners = {
            "ours": lambda k=k: wta.top_k(planes, N, k, out),
            "numpy": lambda k=k: twins.top_k(counts, k),
        }
        expected = [call() for call in runners.values()][-1]
        assert np.array_equal(bits.unpack_rows(out, N), expected)
        t = bench.medians(runners)
        yield Row(f"the {k} best of {N:,} units, ties kept", "NumPy partition, >=", t["ours"], t["numpy"])


def planes_of(counts: np.ndarray) -> np.ndarray:
    """Bit planes (n_chunks, n_planes, 8) of counts."""
    rows = [bits.pack_rows((counts >> p & 1)[None])[0] for p in range(kernel.planes_for(N_ACTIVE))]
    return np.ascontiguousarray(np.stack(rows).reshape(len(rows), -1, 8).transpose(1, 0, 2))
