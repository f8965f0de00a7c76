"""Start-up as a user meets it: wall time of whole processes, the interpreter's own start included."""

import sys
import tempfile
from collections.abc import Iterator

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row

PROGRAM = "from sdrsim.studies.cli.main import main; main()"


def startup(bench: Bench) -> Iterator[Row]:
    """Import, help, and (not with --quick) a demo whose compiled code is cached."""
    python = [sys.executable, "-c"]
    bare = f"(python alone: {1e3 * bench.wall([*python, 'pass']):.0f} ms)"
    yield Row("import sdrsim", bare, bench.wall([*python, "import sdrsim"]), goals=(Goal("seconds", 0.3),))
    yield Row("sdrsim --help", bare, bench.wall([*python, PROGRAM, "--help"]), goals=(Goal("seconds", 0.3),))
    if bench.quick:
        return
    with tempfile.TemporaryDirectory() as folder:
        bench.wall([*python, PROGRAM, "demo"], 1, cwd=folder)  # fills the cache of compiled code
        demo = bench.wall([*python, PROGRAM, "demo"], 3, cwd=folder)
    yield Row("sdrsim demo, compiled code cached", bare, demo, goals=(Goal("seconds", 15),))
