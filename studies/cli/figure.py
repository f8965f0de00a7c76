"""`sdrsim figure`: draw a result again, from its file alone."""

from pathlib import Path
from typing import Annotated

import typer

from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json, ResultFile, StudyFile
from sdrsim.studies.cli.report import emit
from sdrsim.studies.study import draw_result, study_from_file

__all__ = ["command"]


@guarded
def command(
    file: ResultFile,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="NAME", help="Path of the figures without ending; beside the file.")
    ] = None,
    study_file: StudyFile = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw the figure of a result file again, from the file alone: SVG, PDF, PNG, and the plotted numbers as CSV."""
    files = draw_result(file, out, study_from_file(study_file) if study_file else None)
    if as_json:
        emit({"files": [str(path) for path in files]})
        return
    for path in files:
        print(f"wrote {path}")
