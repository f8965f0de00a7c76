"""Start-up as a user meets it: wall time of whole processes, the interpreter's own start included."""

import os
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row

BARE = "python -c pass"


def startup(bench: Bench) -> Iterator[Row]:
    """Import, help, and (not with --quick) a demo whose compiled code is cached."""
    python = [sys.executable, "-c"]
    run = [sys.executable, "-c", "from sdrsim.studies.cli.main import main; main()"]
    bare = bench.wall([*python, "pass"])
    yield Row("import sdrsim", BARE, bench.wall([*python, "import sdrsim"]), bare, goals=(Goal("seconds", 0.3),))
    yield Row("sdrsim --help", BARE, bench.wall([*run, "--help"]), bare, goals=(Goal("seconds", 0.3),))
    if bench.quick:
        return
    with tempfile.TemporaryDirectory() as folder:
        bench.wall([*run, "demo"], 1, cwd=folder, env=dict(os.environ))  # fills the cache
        demo = bench.wall([*run, "demo"], 3, cwd=folder)
    yield Row("sdrsim demo, compiled code cached", BARE, demo, bare, goals=(Goal("seconds", 15),))
