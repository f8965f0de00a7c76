"""Streams: rows and sparse codes written while a run goes on, in bounded memory, closed into one HDF5 file.

While the run goes on, data go to a log beside the target, ``<name>.part``. `StreamWriter.close` turns it into the
sealed HDF5 file at the target and removes it. So the target is always whole, and a killed process leaves a log that
`read_stream` and `read_codes` read up to its last whole block.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.files.atomic import cannot_write
from sdrsim.files.streamfile import CodeStream, LogSize, read_codes, read_stream, seal_log
from sdrsim.files.streamlog import LogWriter
from sdrsim.files.table import Table

__all__ = ["CodeStream", "StreamWriter", "read_codes", "read_stream"]

_CODE_ROOM = 16  # active units buffered for each row of the chunk


class StreamWriter:
    """Write rows and codes to a file while a run goes on; holds at most `chunk` of them in memory.

    Parameters
    ----------
    path : str or path
        The HDF5 file that `close` makes. Until then the data are in the log ``<path>.part``.
    columns : mapping of str to dtype
        Names and types of the columns: bool, int, float, or text of a fixed width (``"U16"``). May be empty.
    chunk : int
        Rows (or codes) buffered before they are written; also the HDF5 chunk.
    units, descriptions : mapping of str to str, optional
        As of a `Table`.

    Raises
    ------
    ParameterError
        A column that cannot be stored.
    FileFormatError
        The log cannot be written there.

    Notes
    -----
    In a ``with`` block that ends by an exception the log stays as it is and no HDF5 file is made.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "monitor.h5"
    >>> with StreamWriter(path, {"tick": "int64", "familiarity": "float64"}) as stream:
    ...     stream.append(tick=0, familiarity=0.25)
    ...     stream.append(tick=[1, 2], familiarity=[0.5, 1.0])
    ...     stream.append_code(2, [3, 17, 40])
    >>> read_stream(path)["familiarity"].tolist(), read_codes(path).indices.tolist()
    ([0.25, 0.5, 1.0], [3, 17, 40])
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        columns: Mapping[str, DTypeLike],
        chunk: int = 4096,
        *,
        units: Mapping[str, str] | None = None,
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(chunk, bool) or not isinstance(chunk, (int, np.integer)) or chunk < 1:
            raise ParameterError("chunk", got=repr(chunk), expected="a whole number, at least 1")
        self.path, self.chunk = Path(path), int(chunk)
        self._columns = {name: np.empty(self.chunk, _dtype(name, kind)) for name, kind in columns.items()}
        notes = Table({name: column[:0] for name, column in self._columns.items()}, units, descriptions)
        self._n_rows = 0
        self._written = LogSize(0, 0, 0)
        self._ticks: list[int] = []
        self._codes: list[NDArray[np.int32]] = []
        self._n_indices = 0
        if self.path.is_dir():
            raise cannot_write(path, IsADirectoryError(21, os.strerror(21)))
        self.log_path = self.path.with_name(self.path.name + ".part")
        self._log: LogWriter | None = LogWriter(self.log_path)
        dtypes = {name: column.dtype.str for name, column in self._columns.items()}
        header = {"columns": dtypes, "units": notes.units, "descriptions": notes.descriptions}
        self._log.write(b"H", json.dumps(header).encode())

    def append(self, **values: ArrayLike) -> None:
        """Add rows: a scalar or 1-D array for every column; arrays of one length, scalars stand for every row.

        Raises
        ------
        ParameterError
            A column missing or unknown, different lengths, or a value that does not fit the column's type.
        FileFormatError
            The disk refuses; what was recorded before is kept in the log.
        """
        self._open_log()
        if values.keys() != self._columns.keys():
            got, expected = ", ".join(values) or "nothing", ", ".join(self._columns) or "no column"
            raise ParameterError("values of a stream", got=got, expected=expected)
        fitted = {name: _fitted(name, value, self._columns[name].dtype) for name, value in values.items()}
        lengths = {len(array) for array in fitted.values() if array.ndim}
        if len(lengths) > 1:
            raise ParameterError("values of a stream", got=f"lengths {sorted(lengths)}", expected="one length")
        n = lengths.pop() if lengths else int(bool(fitted))
        rows = {name: np.broadcast_to(array, n) for name, array in fitted.items()}
        done = 0
        while done < n:
            if self._n_rows == self.chunk:
                self._flush_rows()
            step = min(n - done, self.chunk - self._n_rows)
            for name, column in self._columns.items():
                column[self._n_rows : self._n_rows + step] = rows[name][done : done + step]
            self._n_rows, done = self._n_rows + step, done + step

    def append_code(self, tick: int, indices: ArrayLike) -> None:
        """Add one sparse code: its tick and the indices of its active units (any number, also none).

        Raises
        ------
        ParameterError
            A tick that is no whole number, or indices that are no 1-D array of ints in 0 .. 2**31 - 1.
        FileFormatError
            The disk refuses; what was recorded before is kept in the log.
        """
        self._open_log()
        if (
            isinstance(tick, (bool, np.bool_))
            or not isinstance(tick, (int, np.integer))
            or not -(2**63) <= tick < 2**63
        ):
            raise ParameterError("tick of a code", got=repr(tick), expected="a whole number")
        units = np.asarray(indices)
        units = units.astype(np.int64) if units.size == 0 else units
        if (
            units.ndim != 1
            or units.dtype.kind not in "iu"
            or (units.size and not 0 <= units.min() <= units.max() < 2**31)
        ):
            got = f"dtype {units.dtype}, shape {units.shape}"
            raise ParameterError("indices of a code", got=got, expected="1-D ints in 0 .. 2**31 - 1")
        if len(self._ticks) >= self.chunk or self._n_indices + len(units) > _CODE_ROOM * self.chunk:
            self._flush_codes()
        self._ticks.append(int(tick))
        self._codes.append(units.astype(np.int32))
        self._n_indices += len(units)

    def flush(self) -> None:
        """Write what is buffered to the log, where it survives the end of the process."""
        self._open_log()
        self._flush_rows()
        self._flush_codes()

    def _open_log(self) -> LogWriter:
        if self._log is None:
            raise FileFormatError(f"stream {self.path}", got="a write after close", do="open a new stream")
        return self._log

    def _flush_rows(self) -> None:
        if self._n_rows:
            parts = [column[: self._n_rows].tobytes() for column in self._columns.values()]
            self._open_log().write(b"T", np.int64(self._n_rows).tobytes(), *parts)
            self._written = self._written._replace(n_rows=self._written.n_rows + self._n_rows)
            self._n_rows = 0

    def _flush_codes(self) -> None:
        if self._ticks:
            lengths = np.array([len(code) for code in self._codes], np.int64)
            n, ticks = np.int64(len(lengths)).tobytes(), np.array(self._ticks, np.int64)
            parts = (ticks.tobytes(), lengths.tobytes(), np.concatenate(self._codes).tobytes())
            self._open_log().write(b"C", n, *parts)
            n_rows, n_codes, n_indices = self._written
            self._written = LogSize(n_rows, n_codes + len(self._ticks), n_indices + self._n_indices)
            self._ticks, self._codes, self._n_indices = [], [], 0

    def close(self) -> None:
        """Write the HDF5 file and remove the log; a second call does nothing.

        Raises
        ------
        FileFormatError
            The file cannot be written; the log is kept, and an older file at the path is untouched.
        """
        if self._log is None:
            return
        self.flush()
        self._log.close()
        self._log = None
        try:
            seal_log(self.log_path, self.path, self._written, self.chunk)
        except FileFormatError as error:
            do = f"what was recorded is in {self.log_path}: read_stream reads it"
            raise FileFormatError(error.what, got=error.got, expected=error.expected, do=do) from error
        with suppress(OSError):
            self.log_path.unlink()

    def __enter__(self) -> "StreamWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif self._log is not None:
            with suppress(FileFormatError):  # the exception of the block is the one to tell
                self.flush()
            self._log.close()
            self._log = None

    def __repr__(self) -> str:
        state = "open" if self._log is not None else "closed"
        return f"StreamWriter({self.path}, {state}, columns {', '.join(self._columns) or 'none'})"


def _dtype(name: str, kind: DTypeLike) -> np.dtype[Any]:
    """The little-endian dtype of a column, or ParameterError."""
    expected = "bool, int, float, or text of a width such as 'U16'"
    try:
        dtype = np.dtype(kind)
    except TypeError as error:
        raise ParameterError(f"column {name!r}", got=str(error), expected=expected) from None
    if dtype.kind not in "biufU" or not dtype.itemsize or (dtype.kind == "f" and dtype.itemsize > 8):
        raise ParameterError(f"column {name!r}", got=f"dtype {dtype}", expected=expected)
    return dtype.newbyteorder("<")


def _fitted(name: str, value: ArrayLike, dtype: np.dtype[Any]) -> NDArray[Any]:
    """A scalar or 1-D array as the column's type, if that loses nothing but the precision of a float."""
    array = np.asarray(value)
    if array.size == 0:
        array = array.astype(dtype)
    ranks = {"b": 0, "u": 1, "i": 1, "f": 2, "U": 3}
    mixed = array.dtype.kind not in ranks or ranks[array.dtype.kind] > ranks[dtype.kind]
    if mixed or array.ndim > 1 or (dtype.kind == "U") != (array.dtype.kind == "U"):
        got = f"dtype {array.dtype}, {array.ndim}-D"
        raise ParameterError(f"value of {name!r}", got=got, expected=f"{dtype}, a scalar or 1-D")
    with np.errstate(over="ignore"):
        fitted = array.astype(dtype)
    if dtype.kind in "iuU" and not np.array_equal(fitted, array):
        raise ParameterError(f"value of {name!r}", got=f"one that does not fit {dtype}", expected="a wider column")
    return fitted
