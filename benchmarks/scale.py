"""``python -m benchmarks.scale``: one Willshaw memory as large as a machine's memory, against theory; writes SCALE.md.

The patterns are never kept: they are drawn from their keys when they are stored, and drawn again when they are asked
for. Half of each of 10,000 stored patterns is shown; one step at Willshaw's threshold answers.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.report import machine
from sdrsim import measures, patterns
from sdrsim.engine.capacity import available_bytes, bytes_text
from sdrsim.models.hebbian import WillshawMemory, theory
from sdrsim.models.hebbian.kernels.store import store_by_rows

HERE = Path(__file__).parent
QUERIES_A_CALL = 500


def run(n_units: int, n_active: int, n_stored: int, n_queries: int, n_a_call: int, seed: int = 0) -> dict[str, str]:
    """Store, ask, compare; the rows of the table."""
    memory = WillshawMemory(n_units, n_active, seed=seed)
    facts = {
        "units, active units": f"{n_units:,}, {n_active}",
        "memory, told before it is taken": f"{memory.n_bytes:,} bytes ({bytes_text(memory.n_bytes)})",
        "free at that time": bytes_text(available_bytes()),
    }
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), file=sys.stderr, flush=True)
    warm_up()
    memory.allocate()
    drawn_s = stored_s = 0.0
    for first in range(0, n_stored, n_a_call):
        began = time.thread_time()
        x = patterns.random_sparse(min(n_a_call, n_stored - first), n_units, n_active, seed=seed, first_item=first)
        drawn_s += time.thread_time() - began
        began = time.thread_time()
        memory.store(x)
        stored_s += time.thread_time() - began
        print(f"{memory.n_stored:,} stored, {stored_s:.0f} s", file=sys.stderr, flush=True)
    facts |= {
        "patterns stored": f"{memory.n_stored:,}",
        "CPU time of storing": f"{stored_s:.0f} s: {n_stored / stored_s / 1e6:.2f} million patterns a second "
        f"(calls of {n_a_call:,}; {drawn_s:.0f} s more to draw them)",
        "links set; density": f"{memory.n_links:,}; {memory.density:.5f} (theory "
        f"{float(theory.willshaw_density(n_stored, n_units, n_active)):.5f})",
    }
    return facts | ask(memory, n_stored, n_queries, seed)


def warm_up() -> None:
    """Compile before the clock runs."""
    small = WillshawMemory(512, 8)
    x = patterns.random_sparse(64, 512, 8, seed=0)
    small.store(x)
    store_by_rows(small._net, x.indptr, x.indices)
    small.recall(x, select="threshold")


def ask(memory: WillshawMemory, n_stored: int, n_queries: int, seed: int) -> dict[str, str]:
    """Half cues of distinct patterns spread over all that is stored."""
    n_units, n_active = memory.size, memory.n_active or 0
    n_blocks = n_queries // QUERIES_A_CALL
    false, wrong, asked_s = [], 0, 0.0
    for block in range(n_blocks):
        first = block * (n_stored // n_blocks)
        x = patterns.random_sparse(QUERIES_A_CALL, n_units, n_active, seed=seed, first_item=first)
        cues = patterns.erase(x, 0.5, seed=seed, first_item=first)
        began = time.thread_time()
        found = memory.recall(cues, select="threshold")
        asked_s += time.thread_time() - began
        assert (found.codes.overlap(x) == n_active).all()  # a stored pattern is never missed
        false.append(found.codes.n_active - n_active)
        wrong += int((false[-1] > 0).sum())
    counts = np.concatenate(false)
    n_cue = n_active - int(np.rint(0.5 * n_active))
    expected = float(theory.willshaw_false_positives(n_stored, n_units, n_active, n_cue))
    error = float(theory.willshaw_error(n_stored, n_units, n_active, n_cue))
    sem = counts.std(ddof=1) / np.sqrt(len(counts))
    rate = measures.Rate.of(wrong, len(counts))
    se = np.sqrt(error * (1 - error) / len(counts))
    per_query = asked_s / len(counts)
    return {
        "queries": f"{len(counts):,} half cues ({n_cue} of {n_active} units), one step",
        "CPU time of a query": f"{1e6 * per_query:.1f} us: {1 / per_query:,.0f} a second, "
        f"{n_cue * n_units / 8 / per_query / 1e9:.1f} GB/s of rows read",
        "false positives a query": f"{counts.mean():.4f} (theory {expected:.4f}, "
        f"{(counts.mean() - expected) / sem:+.2f} standard errors)",
        "patterns not recalled exactly": f"{rate.value:.4f} [{rate.low:.4f}, {rate.high:.4f}] (theory {error:.4f}, "
        f"{(rate.value - error) / se:+.2f} standard errors)",
    }


def main() -> int:
    """Run and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--n-units", type=int, default=262_144)
    parser.add_argument("--n-active", type=int, default=18)
    parser.add_argument("--n-stored", type=int, default=50_000_000)
    parser.add_argument("--n-queries", type=int, default=10_000)
    parser.add_argument("--n-a-call", type=int, default=5_000_000, help="patterns stored in one call")
    given = parser.parse_args()
    facts = run(given.n_units, given.n_active, given.n_stored, given.n_queries, given.n_a_call)
    lines = ["# A Willshaw memory of a machine's size", "", "Written by `python -m benchmarks.scale`.", ""]
    lines += [f"* {name.replace('_', ' ')}: {value}" for name, value in machine().items()]
    lines += ["", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
    print("\n".join(lines))
    (HERE / "SCALE.md").write_text("\n".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
