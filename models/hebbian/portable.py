"""Recall volley by volley in NumPy, on scores that are formed by the kernels: for rules of one's own and rarer ones."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.seeds import subseed
from sdrsim.models.hebbian.asking import Asked
from sdrsim.models.hebbian.kernels.net import COMPARES, DRAWS, N_COUNTS, READ, ROWS, SUMS, SYNOPS
from sdrsim.models.hebbian.kernels.scores import volley_counts
from sdrsim.models.hebbian.selection import activity_scores, norm_scores, select_scores, usage_scores

if TYPE_CHECKING:
    from sdrsim.models.hebbian.binary import BinaryMemory

__all__ = ["recall_portable"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def recall_portable(
    memory: "BinaryMemory", cues: SDR, asked: Asked, orders: Ints, guides: Bools, first: int, seed: int
) -> tuple[SDR, Ints, Bools, Ints, Ints]:
    """Codes, volleys, converged, counters and rows read: what the kernels' `recall_batch` gives."""
    n = len(cues)
    x, may = cues.dense().copy(), _may_win(memory, guides, n)
    if asked.rule == "sum_of_max" and asked.fill_erased:
        n_clusters, size = memory._shape
        blocks = x.reshape(n, n_clusters, size)
        blocks[~blocks.any(axis=2) & may.reshape(n, n_clusters, size)[:, :, 0]] = True
    counts, log = np.zeros(N_COUNTS, np.int64), []
    volleys, converged, open_ = np.zeros(n, np.int64), np.zeros(n, np.bool_), np.arange(n)
    for volley in range(asked.max_iterations):
        if not len(open_):
            break
        new = np.zeros_like(x)
        for i in open_:  # item by item: what is active differs, and scores of a batch would not fit
            scores, rows = _scores(memory, x[i], asked, seed, first + int(i), volley, counts)
            log.append(rows)
            won = select_scores(
                np.where(may[i], scores, 0)[None],
                x[i][None],
                asked.select,
                k=asked.k,
                threshold=asked.threshold if asked.threshold is not None else int(x[i].sum()),
                n_clusters=memory._shape[0] or None,
                cluster_size=memory._shape[1] or None,
                seed=seed,
                first_item=first + int(i),
            )[0]
            if asked.select == "threshold" and asked.threshold is None and not x[i].any():
                won[:] = False
            new[i] = won & may[i]
            counts[COMPARES] += memory.size
        repeats = (new[open_] == x[open_]).all(axis=1)
        x[open_] = new[open_]
        volleys[open_] = volley + 1
        if asked.stop == "clique":
            done = np.array([memory._is_clique(x[i], int(orders[i % len(orders)])) for i in open_], np.bool_)
            converged[open_] = done
            done |= repeats & (asked.p_syn == 0.0) & (asked.failures is None)
        else:
            done = repeats
            converged[open_] = repeats
        open_ = open_[~done]
    return SDR.from_dense(x), volleys, converged, counts, np.concatenate([np.zeros(0, np.int64), *log])


def _may_win(memory: "BinaryMemory", guides: Bools, n: int) -> Bools:
    if not len(guides):
        return np.ones((n, memory.size), np.bool_)
    return np.repeat(guides, memory._shape[1], axis=1)


def _scores(
    memory: "BinaryMemory", x: Bools, asked: Asked, seed: int, item: int, volley: int, counts: Ints
) -> tuple[NDArray[np.float64], Ints]:
    """Scores of one item's volley (n_units,), and the rows read for them."""
    active = np.flatnonzero(x).astype(np.int32)
    links = _links(memory, active, asked, seed, item, volley, counts)  # (n_groups, n_units)
    counts[ROWS] += len(active)
    counts[READ] += len(active) * memory._arrays["rows"].shape[1]
    counts[SYNOPS] += len(active) * memory.size
    counts[SUMS] += memory.size
    own = asked.memory_effect * x.astype(np.float64)
    if asked.correction is not None:
        reach = _physical(memory, active)
        s = links.sum(axis=0).astype(np.float64)
        if asked.correction == "activity":
            scores = activity_scores((s + own)[None], (reach + own)[None])[0]
        else:
            usage, share = memory._arrays["usage"], memory._mean_activity()
            rho = 1.0 if asked.rho is None else asked.rho
            scores = usage_scores(s[None], reach[None], usage, share, rho, own[None])[0]
        return scores, active.astype(np.int64)
    if asked.rule == "sum_of_max":
        scores = (links > 0).sum(axis=0) + own
    elif asked.rule == "sum_of_sum_norm":
        held = x.reshape(memory._shape).sum(axis=1)
        scores = norm_scores(links[None], held[None])[0] + own
    else:
        scores = links.sum(axis=0) + own
    return scores, active.astype(np.int64)


def _links(
    memory: "BinaryMemory", active: NDArray[np.int32], asked: Asked, seed: int, item: int, volley: int, counts: Ints
) -> Ints:
    """Links that transmitted to each unit, (n_clusters, n_units) by the cluster they came from, or (1, n_units)."""
    n_groups = memory._shape[0] if asked.rule != "sum_of_sum" else 1
    group_of = memory._arrays["cluster_of"][active] if n_groups > 1 else np.zeros(len(active), np.int32)
    out = np.zeros((max(n_groups, 1), memory.size), np.int64)
    key = np.uint64(subseed(seed, "synaptic failure"))
    counts[DRAWS] += volley_counts(memory._net, active, group_of, asked.p_syn, key, item, volley, out)
    if asked.failures is not None and volley < len(asked.failures):
        pre, post = asked.failures[volley]
        place = np.full(memory.size, -1)
        place[active] = group_of
        rows = memory._arrays["rows"]
        linked = (rows[pre, post >> 6] >> (post & 63).astype(np.uint64)) & np.uint64(1) != 0
        sent = (place[pre] >= 0) & linked & (pre != post)
        np.subtract.at(out, (place[pre[sent]], post[sent]), 1)
    return out


def _physical(memory: "BinaryMemory", active: NDArray[np.int32]) -> NDArray[np.float64]:
    """Active physical inputs of each unit."""
    from sdrsim.kernels.sums import dendritic_counts

    if "physical" not in memory._arrays:
        reach = np.full(memory.size, float(len(active)))
        reach[active] -= 1
        return reach
    return dendritic_counts(memory._arrays["physical"], active, memory.size).astype(np.float64)
