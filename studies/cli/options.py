"""Options and arguments that several commands share, each said once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from sdrsim.errors import DataError

__all__ = ["DataDir", "Debug", "Json", "Quick", "ResultFile", "Seed", "StudyFile", "data_folder"]

ResultFile = Annotated[Path, typer.Argument(metavar="FILE.h5", help="A result file.", show_default=False)]
StudyFile = Annotated[
    Path | None, typer.Option("--study", metavar="FILE.py", help="The study, where it is a file of your own.")
]
Quick = Annotated[
    bool, typer.Option("--quick", help="The study's small settings: seconds, checks with wider intervals.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Where data sets lie, instead of SDRSIM_DATA.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", metavar="N", help="0 .. 2**64 - 1; 0 unless a file says otherwise.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@contextmanager
def data_folder(path: Path | None) -> Iterator[None]:
    """Inside, `path` stands for SDRSIM_DATA: studies load data sets by name and need not know of the option."""
    if path is None:
        yield
        return
    if not path.is_dir():
        raise DataError("--data-dir", got=f"{path}: no such folder", expected="a folder with data sets")
    before = os.environ.get("SDRSIM_DATA")
    os.environ["SDRSIM_DATA"] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SDRSIM_DATA"]
        else:
            os.environ["SDRSIM_DATA"] = before
