"""``python -m benchmarks``: run the suites, print the table, write benchmarks/results/."""

import argparse
import os
import sys
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"  # before NumPy is imported

HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and run; 0, also when a goal is missed: times depend on the machine."""
    from benchmarks.measure import Bench
    from benchmarks.report import as_text, write
    from benchmarks.suites import SUITES

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=SUITES,
        metavar="NAME",
        help=f"one suite of {', '.join(SUITES)}; again for more",
    )
    parser.add_argument("--quick", action="store_true", help="3 short samples of each; not for numbers to be quoted")
    parser.add_argument("--write", action="store_true", help="write BENCHMARKS.md too (all suites, not --quick)")
    given = parser.parse_args(arguments)
    if given.write and (given.only or given.quick):
        parser.error("--write is for the whole table: leave --only and --quick out")
    bench = Bench(3, 0.005, quick=True) if given.quick else Bench()
    results = {}
    for name in given.only or SUITES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = list(SUITES[name](bench))
    print(as_text([row for rows in results.values() for row in rows]))
    for path in write(results, bench, HERE / "results", HERE / "BENCHMARKS.md" if given.write else None):
        print(path.relative_to(HERE.parent), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
