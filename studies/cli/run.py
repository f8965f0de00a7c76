"""`sdrsim run`: one study, one HDF5 file, its figure, its checks."""

from pathlib import Path
from typing import Annotated, Any

import typer

from sdrsim.files.result import Result, read_result
from sdrsim.studies.cli.guard import CHECK_FAILED, guarded
from sdrsim.studies.cli.options import DataDir, Debug, Json, Quick, Seed, StudyFile, data_folder
from sdrsim.studies.cli.progress import reporter
from sdrsim.studies.cli.report import check_lines, emit
from sdrsim.studies.cli.settings import read_request, settings
from sdrsim.studies.study import Check, checks_from, draw_result, merged, run_study

__all__ = ["command"]


@guarded
def command(
    study: Annotated[
        str, typer.Argument(metavar="NAME|FILE.toml|FILE.py", help="See `sdrsim studies`.", show_default=False)
    ],
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A parameter; a.b=c for a nested one. Repeat."),
    ] = None,
    seed: Seed = None,
    quick: Quick = False,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results, or FILE.h5.")] = Path(
        "results"
    ),
    no_figure: Annotated[bool, typer.Option("--no-figure", help="Only the result file.")] = False,
    study_file: StudyFile = None,
    data_dir: DataDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run one study: write one HDF5 file with tables, parameters, seed, checks and provenance, and draw its figure.

    A TOML file has the keys study, seed and [params]. The more specific wins: defaults, --quick, the TOML file, --set.
    """
    request = read_request(study, study_file)
    chosen = request.study
    changes = merged(request.params, settings(change or [], chosen.params_type))
    params = chosen.params(changes, quick=quick)
    number = seed if seed is not None else request.seed or 0
    with data_folder(data_dir), reporter(chosen.name) as progress:
        path = run_study(chosen, params, number, out, progress)
    files = [path, *([] if no_figure else draw_result(path, study=chosen))]
    result = read_result(path)
    checks = checks_from(result.checks)
    if as_json:
        emit(record(result, checks, files))
    else:
        _say(result, checks, files)
    if any(check.verdict == "FAILS" for check in checks):
        raise typer.Exit(CHECK_FAILED)


def record(result: Result, checks: list[Check], files: list[Path]) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "study": result.study,
        "params": result.params,
        "seed": result.seed,
        "checks": [check.record() for check in checks],
        "files": [str(file) for file in files],
        "wall_s": result.wall_s,
    }


def _say(result: Result, checks: list[Check], files: list[Path]) -> None:
    print(f"{result.study}: {result.title} (seed {result.seed}, {result.wall_s:.1f} s)\n")
    if checks:
        print(check_lines(checks) + "\n")
    for file in files:
        print(f"wrote {file}")
