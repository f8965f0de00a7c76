"""entmax of rows of scores, one thread: against NumPy by sorting, NumPy by bisection, and torch with entmax if there.

Peers: the sort of Martins & Astudillo 2016 (alpha 2) and Peters, Niculae & Martins 2019 (1.5) on the whole batch, and
24 halvings, which float32 needs, for any alpha. Torch and entmax are taken when they can be imported. The limit copies
the scores: no code reads them and writes weights in less.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from sdrsim import stream
from sdrsim.models.hopfield.kernels.roots import solve
from sdrsim.models.hopfield.maps import entmax

SORT, BISECTION, TORCH = "NumPy, sort", "NumPy, 24 halvings", "torch and entmax"
N_HALVINGS = 24

Rows = NDArray[Any]


def sorted_15(scores: Rows) -> Rows:
    """alpha 1.5 by sorting."""
    z = (scores - scores.max(1, keepdims=True)) / 2
    by_size = -np.sort(-z, axis=1)
    k = np.arange(1, z.shape[1] + 1)
    mean, square = by_size.cumsum(1) / k, (by_size * by_size).cumsum(1) / k
    tau = mean - np.sqrt(np.maximum(0, (1 - k * (square - mean * mean)) / k))
    n_held = (tau <= by_size).sum(1)
    return np.asarray(np.maximum(z - np.take_along_axis(tau, n_held[:, None] - 1, 1), 0) ** 2)


def sorted_2(scores: Rows) -> Rows:
    """alpha 2 by sorting."""
    z = scores - scores.max(1, keepdims=True)
    by_size = -np.sort(-z, axis=1)
    k = np.arange(1, z.shape[1] + 1)
    tau = (by_size.cumsum(1) - 1) / k
    n_held = (tau < by_size).sum(1)
    return np.asarray(np.maximum(z - np.take_along_axis(tau, n_held[:, None] - 1, 1), 0))


def halved(scores: Rows, alpha: float) -> Rows:
    """Any alpha by bisection."""
    z, q = (alpha - 1) * (scores - scores.max(1, keepdims=True)), 1 / (alpha - 1)
    low = np.full((len(z), 1), -1.0, z.dtype)
    width = -(z.shape[1] ** (1 - alpha)) - low
    for _ in range(N_HALVINGS):
        width = width / 2
        total = (np.maximum(z - (low + width), 0) ** q).sum(1, keepdims=True)
        low = np.where(total >= 1, low + width, low)
    p = np.maximum(z - low, 0) ** q
    return np.asarray(p / p.sum(1, keepdims=True))


def torch_peer(scores: Rows, alpha: float) -> Callable[[], Any] | None:
    """The entmax package on one thread, or None where it is not installed."""
    try:
        import entmax as package
        import torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    z = torch.from_numpy(scores)
    named = {1.0: lambda: torch.softmax(z, 1), 1.5: lambda: package.entmax15(z), 2.0: lambda: package.sparsemax(z)}

    def call() -> Any:
        with torch.no_grad():
            return named[alpha]() if alpha in named else package.entmax_bisect(z, alpha, n_iter=N_HALVINGS)

    return call


def softened(scores: Rows) -> Rows:
    """alpha 1."""
    p = np.exp(scores - scores.max(1, keepdims=True))
    return np.asarray(p / p.sum(1, keepdims=True))


PEERS: dict[float, tuple[str, Callable[[Rows], Rows], float]] = {  # alpha -> peer, and the least ratio it must give
    1.0: ("NumPy, exp", softened, 1.0),
    1.5: (SORT, sorted_15, 10.0),
    2.0: (SORT, sorted_2, 10.0),
}


def entmaxes(bench: Bench) -> Iterator[Row]:
    """Batches of rows of 100 and 10,000 normal scores; one row of a million; the root of a short list."""
    shapes = ((64, 10_000),) if bench.quick else ((1000, 100), (64, 10_000), (1, 1_000_000))
    for n, m in shapes:
        scores = stream(0, "entmax").standard_normal((n, m))
        for alpha in (1.0, 1.1, 1.3, 1.5, 1.7, 2.0, 3.0):
            yield from _rows(bench, scores, alpha)
    yield from _rows(bench, stream(0, "entmax").standard_normal((64, 10_000)).astype(np.float32), 1.5)
    yield from _roots(bench)


def _rows(bench: Bench, scores: Rows, alpha: float) -> Iterator[Row]:
    name, peer, least = PEERS.get(alpha, (BISECTION, lambda z: halved(z, alpha), 20.0))
    ours, out, torch_call = entmax(scores, alpha), np.empty_like(scores), torch_peer(scores, alpha)
    bound = 1e-5 if alpha <= 2 else 2 * 2.0 ** (-N_HALVINGS / (alpha - 1))  # 24 halvings leave 6e-8 in tau
    assert np.abs(ours - peer(scores)).max() < bound
    runners: dict[str, Callable[[], Any]] = {
        "ours": lambda: entmax(scores, alpha),
        "peer": lambda: peer(scores),
        "limit": lambda: np.copyto(out, scores),
    }
    if torch_call is not None:
        assert np.abs(ours - torch_call().numpy()).max() < bound
        runners["torch"] = torch_call
    t = bench.medians(runners, per=len(scores))
    width = f"{np.count_nonzero(ours) / len(scores):,.0f} weights above 0"
    what = f"entmax, alpha {alpha:g}, {len(scores):,} x {scores.shape[1]:,} {scores.dtype}, {width}"
    goals = (Goal("ratio", least, "aim"),) if scores.shape[1] == 10_000 else (Goal("ratio", 1),)
    yield Row(what, name, t["ours"], t["peer"], t["limit"], goals=goals)
    if torch_call is not None:
        yield Row(what, TORCH, t["ours"], t["torch"], t["limit"], goals=(Goal("ratio", 1),))


def _roots(bench: Bench) -> Iterator[Row]:
    """tau of the list a retrieval is left with; repeated inside a kernel, as retrieval calls it from one."""
    from numba import njit

    @njit
    def repeated(z: Rows, r: float, n_times: int) -> float:
        total = 0.0
        for _ in range(n_times):
            total += solve(z, len(z), 0.0, r)
        return total

    n_times = 100
    for n in (30, 300, 3000):
        z = -stream(0, "roots").random(n)
        z -= z.max()
        for alpha in (1.3, 1.5, 3.0):
            r = 1 / (alpha - 1)
            t = bench.medians(
                {
                    "ours": lambda z=z, r=r: repeated(z, r, n_times),
                    "peer": lambda z=z, r=r: [_halved_root(z, r) for _ in range(n_times)],
                },
                per=n_times,
            )
            yield Row(f"root of {n:,} scores, alpha {alpha:g}", "NumPy, 60 halvings", t["ours"], t["peer"])


def _halved_root(z: Rows, r: float) -> float:
    low, width = -1.0, 1.0
    for _ in range(60):
        width /= 2
        u = z - (low + width)
        low += width if (u[u > 0] ** r).sum() >= 1 else 0.0
    return low
