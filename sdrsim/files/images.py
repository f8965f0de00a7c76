"""Labelled image sets in MNIST's forms: an npz file with four keys, or four IDX files."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import DataError
from sdrsim.files.idx import load_idx

__all__ = ["KEYS", "Parts", "find_parts", "read_parts"]

KEYS = ("x_train", "y_train", "x_test", "y_test")
_STEMS = {
    "x_train": ("train-images", "idx3-ubyte"),
    "y_train": ("train-labels", "idx1-ubyte"),
    "x_test": ("t10k-images", "idx3-ubyte"),
    "y_test": ("t10k-labels", "idx1-ubyte"),
}


class Parts(NamedTuple):
    """Where a set was found: its file or folder, and the IDX file of each key (empty for an npz file)."""

    source: Path
    files: Mapping[str, Path]


def find_parts(place: Path, folders: Iterable[str], archives: Iterable[str]) -> Parts | None:
    """The first form of a set at `place`.

    Parameters
    ----------
    place : Path
        An npz file, any one of the IDX files, or a folder.
    folders : iterable of str
        Folders below `place` to look in, "" for itself.
    archives : iterable of str
        Names of npz files to accept in each of them, before IDX files.

    Raises
    ------
    DataError
        `place` is a file of neither form.
    """
    if place.is_file():
        return _from_file(place)
    for folder in folders:
        for archive in archives:
            if (place / folder / archive).is_file():
                return Parts(place / folder / archive, {})
        if files := _idx_files(place / folder):
            return Parts(place / folder, files)
    return None


def _from_file(place: Path) -> Parts:
    try:
        with open(place, "rb") as file:
            start = file.read(4)
    except OSError as error:
        raise DataError(str(place), got=(error.strerror or str(error)).lower(), expected="a file to read") from error
    if start.startswith(b"PK"):
        return Parts(place, {})
    for key in KEYS:
        if place.name in _idx_names(key):
            return Parts(place.parent, {**_idx_files(place.parent), key: place})
    expected = "an npz file, or one of the IDX files under its usual name (train-images-idx3-ubyte, ...)"
    raise DataError(str(place), got=f"a file that begins with {start!r}", expected=expected, do="check the path")


def _idx_names(key: str) -> tuple[str, ...]:
    stem, kind = _STEMS[key]
    return f"{stem}-{kind}", f"{stem}.{kind}", f"{stem}-{kind}.gz", f"{stem}.{kind}.gz"


def _idx_files(folder: Path) -> dict[str, Path]:
    found = {}
    for key in KEYS:
        present = [folder / name for name in _idx_names(key) if (folder / name).is_file()]
        if present:
            found[key] = present[0]
    return found


def read_parts(parts: Parts) -> list[NDArray[Any] | None]:
    """Arrays of a set in the order of `KEYS`; None for a missing test part.

    Raises
    ------
    DataError
        A damaged file, a missing training part, images and labels that do not go together.
    """
    if parts.files:
        arrays = {key: load_idx(file) for key, file in parts.files.items()}
    else:
        arrays = _read_npz(parts.source)
    for images, labels in (KEYS[:2], KEYS[2:]):
        present = [key for key in (images, labels) if key in arrays]
        if len(present) == 1 or (images == "x_train" and not present):
            missing = next(key for key in (images, labels) if key not in present)
            hint = f" ({'-'.join(_STEMS[missing])})" if parts.files else ""
            do = "put the missing part beside the others"
            raise DataError(str(parts.source), got=f"no {missing}{hint}", expected=f"{images} and {labels}", do=do)
        if present:
            _check_pair(parts, images, labels, arrays)
    return [arrays.get(key) for key in KEYS]


def _check_pair(parts: Parts, images: str, labels: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    x, y = arrays[images], arrays[labels]
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y):
        where = ", ".join(str(parts.files.get(key, parts.source)) for key in (images, labels) if parts.files)
        got = f"{images} of shape {x.shape}, {labels} of shape {y.shape}"
        raise DataError(where or str(parts.source), got=got, expected="images (n, rows, columns) and n labels")


def _read_npz(path: Path) -> dict[str, NDArray[Any]]:
    if not is_zipfile(path):
        do, expected = "get the file again", "a whole npz file"
        raise DataError(str(path), got=f"{_size(path)} without an end record", expected=expected, do=do)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in KEYS if key in archive.files}
    except Exception as error:  # a damaged archive can fail anywhere in zipfile, zlib and NumPy's header parser
        got, expected = f"damaged content ({error})", f"arrays {', '.join(KEYS)}"
        raise DataError(str(path), got=got, expected=expected, do="get the file again") from error


def _size(path: Path) -> str:
    return f"{os.path.getsize(path):,} bytes"
