"""The table: aligned text, Markdown, JSON."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.measure import Bench
from benchmarks.rows import Row

__all__ = ["as_json", "as_markdown", "as_text", "machine", "write"]

HEAD = ("what", "against", "ours", "peer", "ratio", "of limit", "ratio at limit", "goal", "met")
READING = """\
Ours and peer: medians per query, item, call or frame. Ratio: peer / ours. The read limit is the time to XOR the very
rows a sum adds, with 512-bit loads, in the same run; *of limit*: limit / ours; *ratio at limit*: peer / limit, the most
that code reading these rows query by query can reach here. A goal above it is out of reach on this machine.

Single thread, CPU time of the thread, medians of {n_samples} samples taken in turn, each after one untimed call; NumPy
and BLAS on one thread; start-up rows are wall time of whole processes. Results are compared before times are taken. A
call is what the user's call is: Python dispatch, checks, and whatever the library allocates are included. Batches of
sums write into arrays that stand ready, NumPy allocates its own. NumPy's take-and-sum stands in two forms: with uint8
accumulators, the hardest peer, and with those NumPy takes by itself. The mac's twins know the numbers for draws and
ties before the clock starts; the memory stands empty when learning starts; 'psi by count' looks the likelihood up in a
table per item, 'as they stand' computes it for every cell.
"""


def machine() -> dict[str, Any]:
    """What the times depend on."""
    import llvmlite
    import numba
    import numpy

    import sdrsim

    return {
        "processor": _processor(),
        "caches": _caches(),
        "n_cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "numba": numba.__version__,
        "llvmlite": llvmlite.__version__,
        "sdrsim": sdrsim.__version__,
        "threads": 1,
        "date": date.today().isoformat(),
    }


def _processor() -> str:
    """Model as the system names it, with the widest vector instructions."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = {line.split(":")[0].strip(): line.split(":", 1)[1].strip() for line in lines if ":" in line}
    flags = found.get("flags", "").split()
    vectors = next((name for name in ("avx512f", "avx2", "sse2") if name in flags), "no x86 vectors known")
    family = f"family {found.get('cpu family')} model {found.get('model')}"
    return f"{found.get('model name', platform.machine())} ({family}, {vectors})"


def _caches() -> str:
    """Sizes of the first core's caches."""
    sizes = []
    for index in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((index / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            sizes.append(f"L{level} {size}")
    return ", ".join(sizes) or "unknown"


def seconds(value: float | None) -> str:
    """Three digits with a unit."""
    if value is None:
        return "-"
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value * 1e9:.3g} ns"


def cells(row: Row) -> tuple[str, ...]:
    """A row as text."""
    goals = [(str(goal), "yes" if goal.met(row) else "NO") for goal in row.goals]
    return (
        row.what,
        row.peer,
        seconds(row.ours_s),
        seconds(row.peer_s),
        "-" if row.peer_s is None else f"{row.value('ratio'):.3g}x",
        "-" if row.limit_s is None else f"{100 * row.value('limit'):.0f} %",
        "-" if row.highest_ratio is None else f"{row.highest_ratio:.3g}x",
        "; ".join(goal for goal, _ in goals) or "-",
        "; ".join(met for _, met in goals) or "-",
    )


def as_text(rows: Sequence[Row]) -> str:
    """Aligned columns."""
    table = [HEAD, *map(cells, rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths)).rstrip() for line in table)


def as_markdown(results: Mapping[str, Sequence[Row]], bench: Bench) -> str:
    """The table with the machine and how to read it."""
    facts = machine()
    lines = ["# Benchmarks", "", "Written by `python -m benchmarks --write`.", ""]
    lines += [f"* {name.replace('_', ' ')}: {value}" for name, value in facts.items()]
    lines += ["", READING.format(n_samples=bench.n_samples)]
    for name, rows in results.items():
        lines += [f"## {name}", "", _line(HEAD), _line(["---"] * len(HEAD)), *(_line(cells(row)) for row in rows), ""]
    return "\n".join(lines)


def _line(texts: Sequence[str]) -> str:
    return "| " + " | ".join(texts) + " |"


def as_json(results: Mapping[str, Sequence[Row]], bench: Bench) -> str:
    """The same for programs; times in microseconds."""
    suites = {name: [row.as_dict() for row in rows] for name, rows in results.items()}
    return json.dumps({"machine": machine(), "n_samples": bench.n_samples, "suites": suites}, indent=1)


def write(results: Mapping[str, Sequence[Row]], bench: Bench, folder: Path, markdown: Path | None = None) -> list[Path]:
    """bench.json and BENCH.md into `folder`, and the Markdown to another place too; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {folder / "bench.json": as_json(results, bench), folder / "BENCH.md": as_markdown(results, bench)}
    if markdown is not None:
        texts[markdown] = texts[folder / "BENCH.md"]
    for path, text in texts.items():
        path.write_text(text + ("" if text.endswith("\n") else "\n"), encoding="utf-8")
    return list(texts)
