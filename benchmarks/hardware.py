"""Stack distances of row traces, one thread: seconds a touch, against an ordered dictionary run for one capacity alone.

One pass of ours answers for all capacities. A tenth as many rows as touches; times a touch grow with the logarithm of
the rows, and once more where the tables of the rows leave the caches.
"""

from collections import OrderedDict
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from sdrsim import stream
from sdrsim.hardware.reuse import miss_curve, sampled_miss_curve, stack_distances, traffic_curve
from sdrsim.hardware.reuse_laws import zipf_popularity

DICTIONARY, EXACT = "OrderedDict, one capacity", "all rows"
LARGEST = 10_000_000
SECONDS_A_TOUCH = 6 / LARGEST


def reuse(bench: Bench) -> Iterator[Row]:
    """Uniform and Zipf traces of 10^5 to 10^7 touches; write-backs and bytes; a sampled trace."""
    for n in (10**4, 10**5) if bench.quick else (10**5, 10**6, LARGEST):
        for kind in ("uniform", "Zipf 0.8"):
            yield from distances(bench, n, kind)
    yield from curves(bench, 10**5 if bench.quick else 10**6)


def touches(n: int, kind: str) -> np.ndarray:
    """`n` touches of ``n / 10`` rows, ids scattered over 64 bits."""
    n_rows, rng = n // 10, stream(0, f"{kind} {n}")
    popularity = zipf_popularity(n_rows, 0.8)
    rows = rng.integers(n_rows, size=n) if kind == "uniform" else rng.choice(n_rows, size=n, p=popularity)
    return stream(1, "ids").integers(2**63, size=n_rows)[rows]


def dictionary_misses(ids: list[int], capacity: int) -> int:
    """The peer: misses of one capacity."""
    held: OrderedDict[int, None] = OrderedDict()
    misses = 0
    for row in ids:
        if row in held:
            held.move_to_end(row)
        else:
            misses += 1
            held[row] = None
            if len(held) > capacity:
                held.popitem(last=False)
    return misses


def distances(bench: Bench, n: int, kind: str) -> Iterator[Row]:
    """The distances of a trace."""
    ids, capacity = touches(n, kind), n // 40
    what = f"stack distances, {n:,} touches of {n // 10:,} rows, {kind}"
    if n == LARGEST:
        found = stack_distances(ids)
        assert np.count_nonzero((found < 0) | (found >= capacity)) == miss_curve(ids, [capacity])[0]
        t = bench.medians({"ours": lambda: stack_distances(ids)}, per=n)
        yield Row(what, "-", t["ours"], goals=(Goal("seconds", SECONDS_A_TOUCH),))
        return
    listed = ids.tolist()
    assert miss_curve(ids, [capacity])[0] == dictionary_misses(listed, capacity)
    runners = {"ours": lambda: stack_distances(ids), "peer": lambda: dictionary_misses(listed, capacity)}
    t = bench.medians(runners, per=n)
    yield Row(what, DICTIONARY, t["ours"], t["peer"], goals=(Goal("ratio", 1), Goal("seconds", SECONDS_A_TOUCH)))


def curves(bench: Bench, n: int) -> Iterator[Row]:
    """24 capacities with write-backs, rows of one size and of several; a hundredth of the rows against all of them."""
    ids, capacities = touches(n, "Zipf 0.8"), 2 ** np.arange(24)
    writes = stream(2, "writes").random(n) < 0.3
    several = 64 * (1 + ids % 8)
    exact, sampled = miss_curve(ids, capacities), sampled_miss_curve(ids, capacities, rate=0.01)
    resolved = capacities >= n // 64  # some hundred of the rows kept
    assert np.allclose(sampled.misses[resolved], exact[resolved], rtol=0.25)
    runners = {
        "one": lambda: traffic_curve(ids, capacities, 64, writes=writes),
        "several": lambda: traffic_curve(ids, capacities, several, writes=writes),
        "plain": lambda: miss_curve(ids, capacities),
        "sampled": lambda: sampled_miss_curve(ids, capacities, rate=0.01),
    }
    t = bench.medians(runners, per=n)
    what = f"{n:,} touches, 24 capacities"
    yield Row(f"loads and write-backs, {what}, rows of one size", "-", t["one"])
    yield Row(f"loads and write-backs, {what}, rows of 8 sizes", "-", t["several"])
    yield Row(f"misses, {what}, 1 % of the rows", EXACT, t["sampled"], t["plain"], goals=(Goal("ratio", 2),))
