"""`sdrsim info`: what a bug report needs to say."""

import os
from importlib import import_module, metadata
from typing import Any

from sdrsim.errors import DataError
from sdrsim.files.datasets import cache_folder, data_folders
from sdrsim.files.provenance import provenance
from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json
from sdrsim.studies.cli.report import emit, lines

__all__ = ["command"]

_PACKAGES = ("llvmlite", "networkx", "matplotlib", "pydantic", "typer", "brian2", "scikit-learn")


@guarded
def command(as_json: Json = False, debug: Debug = False) -> None:
    """Versions, processor, threads, and the folders for compiled code and data."""
    record = _record()
    if as_json:
        emit(record)
        return
    for part, values in record.items():
        print(lines((part, ""), [(name, "-" if value is None else value) for name, value in values.items()]) + "\n")


def _record() -> dict[str, dict[str, Any]]:
    about = provenance()
    versions = about["versions"] | {name: _version(name) for name in _PACKAGES}
    config = vars(import_module("numba.core.config"))
    threads = {"numba threads": config["NUMBA_NUM_THREADS"], "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS")}
    git = about["git"] or {}
    folders = {
        "compiled code": config["CACHE_DIR"] or "__pycache__ beside each module",
        "data": _data(),
        "data cache": str(cache_folder()),
    }
    return {"versions": versions, "machine": about["machine"] | threads, "folders": folders, "git": git}


def _data() -> str:
    try:
        return ", ".join(str(folder) for folder in data_folders()) or "none (SDRSIM_DATA is not set)"
    except DataError as error:
        return str(error)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
