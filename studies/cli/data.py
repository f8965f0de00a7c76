"""`sdrsim data`: which data sets there are and where they lie."""

import typer

from sdrsim.errors import DataError
from sdrsim.files.datasets import data_folders, dataset_names, load_dataset
from sdrsim.studies.cli.guard import BAD_INPUT, guarded
from sdrsim.studies.cli.options import DataDir, Debug, Json, data_folder
from sdrsim.studies.cli.report import emit, lines

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _data() -> None:
    """Data sets: which there are and where they lie."""


@app.command("list")
@guarded
def list_command(data_dir: DataDir = None, as_json: Json = False, debug: Debug = False) -> None:
    """Name, place and licence of every data set; each one found is checked to be what its name says."""
    with data_folder(data_dir):
        folders = [str(folder) for folder in data_folders()]
        records = [_record(name) for name in dataset_names()]
    if as_json:
        emit({"folders": folders, "datasets": records})
    else:
        rows = [(r["name"], r["found"] or r["problem"], r["licence"] or "-") for r in records]
        print(f"looked in: {', '.join(folders) or 'no folder (SDRSIM_DATA is not set)'}\n")
        print(lines(("data set", "found", "licence"), rows))
    if any(r["damaged"] for r in records):
        raise typer.Exit(BAD_INPUT)


def _record(name: str) -> dict[str, str | bool | None]:
    try:
        found = load_dataset(name)
    except DataError as error:
        absent = str(error.got).startswith("not found")
        problem = "not found" if absent else str(error)
        return {"name": name, "found": None, "licence": None, "problem": problem, "damaged": not absent}
    return {"name": name, "found": found.source, "licence": found.licence, "problem": None, "damaged": False}
