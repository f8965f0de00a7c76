"""What a stream's log becomes: sealed into an HDF5 file piece by piece, or read back as it is."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import FileFormatError
from sdrsim.files.arrays import get_array, get_table
from sdrsim.files.sealed import damaged, open_sealed, write_sealed
from sdrsim.files.streamlog import is_log, read_log
from sdrsim.files.table import Table

__all__ = ["CodeStream", "LogSize", "read_codes", "read_stream", "seal_log"]

SCHEMA_VERSION = 1


class CodeStream(NamedTuple):
    """Codes in the order they came: code ``i`` at ``ticks[i]``, its units ``indices[indptr[i]:indptr[i + 1]]``.

    ticks int64 (n,), indptr int64 (n + 1,), indices int32.
    """

    ticks: NDArray[np.int64]
    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]


class LogSize(NamedTuple):
    """How much a log holds."""

    n_rows: int
    n_codes: int
    n_indices: int


def read_stream(path: str | os.PathLike[str]) -> Table:
    """The rows of a stream: of a closed one, or of the log that a stopped or killed run left.

    Raises
    ------
    FileFormatError
        No such file (the message names the log when there is one), damaged, foreign or of an unknown schema.
    """
    if not is_log(path):
        _point_to_log(path)
        with open_sealed(path, "stream", SCHEMA_VERSION) as file:
            return get_table(file["rows"])
    header, *blocks = read_log(Path(path))
    about = _header(path, header[1])
    parts = [_rows(about["columns"], payload) for kind, payload in blocks if kind == b"T"]
    columns = {name: _joined(kind, (part[name] for part in parts)) for name, kind in about["columns"].items()}
    return Table(columns, about["units"], about["descriptions"])


def read_codes(path: str | os.PathLike[str]) -> CodeStream:
    """The codes of a stream; files and errors as of `read_stream`."""
    if not is_log(path):
        _point_to_log(path)
        with open_sealed(path, "stream", SCHEMA_VERSION) as file:
            return CodeStream(*(get_array(file["codes"][name]) for name in CodeStream._fields))
    parts = [_codes(payload) for kind, payload in read_log(Path(path)) if kind == b"C"]
    ticks, lengths, indices = (_joined(kind, (p[i] for p in parts)) for i, kind in enumerate(("<i8", "<i8", "<i4")))
    return CodeStream(ticks, _indptr(lengths), indices)


def _point_to_log(path: str | os.PathLike[str]) -> None:
    log = Path(f"{os.fspath(path)}.part")
    if not Path(path).exists() and is_log(log):
        do = f"pass {log} to read what was recorded"
        raise FileFormatError(os.fspath(path), got="no such file, but the log of a run that did not end", do=do)


def _joined(kind: str, parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0, kind), *parts])


def _indptr(lengths: NDArray[np.int64], before: int = 0) -> NDArray[np.int64]:
    indptr = np.full(len(lengths) + 1, before, np.int64)
    indptr[1:] += np.cumsum(lengths)
    return indptr


def _header(path: str | os.PathLike[str], payload: bytes) -> Mapping[str, Mapping[str, str]]:
    try:
        about: Mapping[str, Mapping[str, str]] = json.loads(payload)
        _ = [np.dtype(kind) for kind in about["columns"].values()], about["units"], about["descriptions"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise damaged(path, f"a header that does not fit its schema ({error})", "columns and their types") from error
    return about


def _rows(dtypes: Mapping[str, str], payload: bytes) -> dict[str, NDArray[Any]]:
    n, place, out = int(np.frombuffer(payload, "<i8", 1)[0]), 8, {}
    for name, kind in dtypes.items():
        out[name] = np.frombuffer(payload, kind, n, place)
        place += out[name].nbytes
    return out


def _codes(payload: bytes) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32]]:
    n = int(np.frombuffer(payload, "<i8", 1)[0])
    ticks, lengths = np.frombuffer(payload, "<i8", n, 8), np.frombuffer(payload, "<i8", n, 8 + 8 * n)
    return ticks, lengths, np.frombuffer(payload, "<i4", -1, 8 + 16 * n)


def _size(log: Path) -> LogSize:
    n_rows = n_codes = n_indices = 0
    for kind, payload in read_log(log):
        if kind == b"T":
            n_rows += int(np.frombuffer(payload, "<i8", 1)[0])
        elif kind == b"C":
            ticks, _, indices = _codes(payload)
            n_codes, n_indices = n_codes + len(ticks), n_indices + len(indices)
    return LogSize(n_rows, n_codes, n_indices)


def seal_log(log: Path, target: Path, size: LogSize, chunk: int) -> None:
    """Write the HDF5 file of a log, one block in memory at a time.

    Raises
    ------
    FileFormatError
        The log does not hold what was written to it (`size`), or the file cannot be written.
    """
    if (found := _size(log)) != size:
        raise damaged(log, str(found), str(size), "keep other programs from writing to the log")
    with write_sealed(target, "stream", SCHEMA_VERSION) as out:
        blocks = read_log(log)
        about = _header(log, next(blocks)[1])
        rows = _row_datasets(out.file, about, size.n_rows, chunk)
        codes = out.file.create_group("codes")
        for name, n in (("ticks", size.n_codes), ("indptr", size.n_codes + 1), ("indices", size.n_indices)):
            _dataset(codes, name, "<i4" if name == "indices" else "<i8", n, chunk)
        at = at_code = at_index = 0
        for kind, payload in blocks:
            if kind == b"T":
                block = _rows(about["columns"], payload)
                n = len(next(iter(block.values())))
                for name, values in block.items():
                    rows[name][at : at + n] = _as_utf8(values, rows[name]) if values.dtype.kind == "U" else values
                at += n
            else:
                ticks, lengths, indices = _codes(payload)
                codes["ticks"][at_code : at_code + len(ticks)] = ticks
                codes["indptr"][at_code : at_code + len(ticks) + 1] = _indptr(lengths, at_index)
                codes["indices"][at_index : at_index + len(indices)] = indices
                at_code, at_index = at_code + len(ticks), at_index + len(indices)
            out.check()


def _as_utf8(values: NDArray[Any], dataset: h5py.Dataset) -> NDArray[Any]:
    return np.char.encode(values, "utf-8").astype(dataset.dtype)


def _row_datasets(
    file: h5py.File, about: Mapping[str, Mapping[str, str]], n_rows: int, chunk: int
) -> dict[str, h5py.Dataset]:
    """The empty table of a stream, laid out as `put_table` lays out a whole one."""
    group = file.create_group("rows", track_order=True)
    group.attrs["n_rows"] = n_rows
    made = {}
    for name, kind in about["columns"].items():
        made[name] = _dataset(group, name, kind, n_rows, chunk)
        for key, notes in (("unit", about["units"]), ("description", about["descriptions"])):
            if name in notes:
                made[name].attrs[key] = notes[name]
    return made


def _dataset(group: h5py.Group, name: str, kind: str, n: int, chunk: int) -> h5py.Dataset:
    dtype: Any = np.dtype(kind)
    if dtype.kind == "U":
        dtype = h5py.string_dtype("utf-8", dtype.itemsize)  # 4 bytes a character, the most UTF-8 needs
    options = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": (min(n, chunk),)} if n else {}
    dataset = group.create_dataset(name, (n,), dtype, **options)
    if np.dtype(kind).kind == "U":
        dataset.attrs["characters"] = np.dtype(kind).itemsize // 4
    return dataset
