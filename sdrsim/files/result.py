"""The result file: tables, parameters, seed, traffic, trace, checks, provenance in one sealed HDF5 file."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import h5py
import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.files.arrays import get_array, get_table, get_text, put_array, put_table, put_text
from sdrsim.files.provenance import provenance
from sdrsim.files.sealed import open_sealed, write_sealed
from sdrsim.files.table import Table

__all__ = ["SCHEMA_VERSION", "HasTable", "Result", "read_result", "write_result"]

SCHEMA_VERSION = 1
_TEXTS = ("params", "seed", "study", "title", "wall_s", "provenance")


@runtime_checkable
class HasTable(Protocol):
    """Anything that can say itself as a table: traffic, recall results, monitors."""

    def table(self) -> Table: ...


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What a result file holds.

    Attributes
    ----------
    path : pathlib.Path
    tables : dict of str to Table
    params : dict
        Parameters as plain JSON values.
    seed : int, list of int or None
    traffic : Table or None
        One row per (projection, phase).
    trace : structured ndarray or None
        One row per access, in order.
    tensors : Table or None
        The arrays behind the trace: row ``i`` describes the accesses whose ``tensor`` is ``i``.
    checks : Table or None
    study, title : str or None
    wall_s : float or None
        Run time in seconds.
    provenance : dict
    schema_version : int
    """

    path: Path
    tables: dict[str, Table]
    params: dict[str, Any]
    seed: int | list[int] | None
    traffic: Table | None
    trace: NDArray[Any] | None
    tensors: Table | None
    checks: Table | None
    study: str | None
    title: str | None
    wall_s: float | None
    provenance: dict[str, Any]
    schema_version: int

    def _lines(self) -> list[tuple[str, str]]:
        versions = self.provenance.get("versions", {})
        lines = [("file", str(self.path)), ("study", self.study or "-"), ("seed", str(self.seed))]
        lines += [(f"table {name}", f"{len(t):,} rows: {', '.join(t.columns)}") for name, t in self.tables.items()]
        if self.traffic is not None:
            lines.append(("traffic", f"{len(self.traffic):,} rows"))
        if self.trace is not None:
            lines.append(("trace", f"{len(self.trace):,} accesses"))
        if self.checks is not None:
            lines.append(("checks", f"{len(self.checks):,}"))
        return [*lines, ("written", f"{self.provenance.get('time_utc')} by sdrsim {versions.get('sdrsim')}")]

    def __repr__(self) -> str:
        head = f"Result of {self.title or self.study or 'a script'}"
        return "\n".join([head, *(f"  {name}: {text}" for name, text in self._lines())])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(n)}</td><td>{escape(t)}</td></tr>" for n, t in self._lines())
        return f"<table><caption>{escape(self.title or 'Result')}</caption>{rows}</table>"


def write_result(
    path: str | os.PathLike[str],
    tables: Mapping[str, Any],
    params: Any,
    seed: Any,
    traffic: Any = None,
    trace: NDArray[Any] | None = None,
    *,
    study: str | None = None,
    title: str | None = None,
    checks: Any = None,
    wall_s: float | None = None,
) -> Path:
    """Write a result file, whole or not at all. Any script gets the same file a study writes.

    Parameters
    ----------
    path : str or path
    tables : mapping of str to Table
        Or to a mapping of columns, a 1-D structured array, or an object with a ``table()`` method.
    params : mapping of JSON values, or an object with ``model_dump(mode="json")``
        NumPy scalars and arrays become numbers and lists.
    seed : int in 0 .. 2**64 - 1, a sequence of them, or None
    traffic : Table or object with ``table()``, optional
        Its ``trace`` is stored too when `trace` is None, and its ``tensors`` when there is a trace.
    trace : structured ndarray, 1-D, optional
    study, title : str, optional
    checks : as one of `tables`, optional
    wall_s : float, optional
        Run time in seconds.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ParameterError
        A table, parameter or seed that cannot be stored; nothing is written.
    FileFormatError
        The file cannot be written; an older file at `path` is untouched.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "scan.h5"
    >>> _ = write_result(path, {"curve": {"load": [10, 20], "error": [0.0, 0.1]}}, {"n_units": 64}, seed=3)
    >>> result = read_result(path)
    >>> result.tables["curve"]["load"].tolist(), result.params, result.seed
    ([10, 20], {'n_units': 64}, 3)
    """
    made = _named_tables(tables)
    extra, trace = _extra_tables(traffic, checks, trace)
    about: dict[str, Any] = {"params": _plain_params(params), "seed": _plain_seed(seed), "study": study, "title": title}
    about |= {"wall_s": None if wall_s is None else float(wall_s), "provenance": provenance()}
    _write(path, {name: json.dumps(value) for name, value in about.items()}, extra, made, trace)
    return Path(path)


def _write(
    path: str | os.PathLike[str],
    texts: Mapping[str, str],
    extra: Mapping[str, Table],
    tables: Mapping[str, Table],
    trace: NDArray[Any] | None,
) -> None:
    with write_sealed(path, "result", SCHEMA_VERSION) as out:
        for name, text in texts.items():
            put_text(out.file, name, text)
        for name, table in extra.items():
            put_table(out.file, name, table)
        group = out.file.create_group("tables", track_order=True)
        for name, table in tables.items():
            put_table(group, name, table)
            out.check()
        if trace is not None:
            put_array(out.file, "trace", trace)


def read_result(path: str | os.PathLike[str]) -> Result:
    """Read a result file.

    Raises
    ------
    FileFormatError
        No such file, or one that is damaged, foreign or of an unknown schema version.
    """
    with open_sealed(path, "result", SCHEMA_VERSION) as file:
        about: dict[str, Any] = {name: json.loads(get_text(file, name)) for name in _TEXTS}
        extra: dict[str, Any] = {name: _table_or_none(file, name) for name in ("traffic", "tensors", "checks")}
        tables = {name: get_table(group) for name, group in file["tables"].items()}
        trace = get_array(file["trace"]) if "trace" in file else None
        version = int(file.attrs["schema_version"])
    return Result(path=Path(path), tables=tables, trace=trace, schema_version=version, **about, **extra)


def _table_or_none(file: h5py.File, name: str) -> Table | None:
    return get_table(file[name]) if name in file else None


def _named_tables(tables: Any) -> dict[str, Table]:
    if not isinstance(tables, Mapping):
        raise ParameterError("tables", got=type(tables).__name__, expected="a mapping of names to tables")
    for name in tables:
        if not isinstance(name, str) or not name or "/" in name or "\0" in name or name == ".":
            raise ParameterError("table name", got=repr(name), expected="text without '/'")
    return {name: _as_table(f"table {name!r}", value) for name, value in tables.items()}


def _extra_tables(traffic: Any, checks: Any, trace: Any) -> tuple[dict[str, Table], NDArray[Any] | None]:
    """The tables beside the named ones, and the trace: the given one, or the one the traffic holds."""
    parts = {"traffic": traffic, "checks": checks}
    extra = {name: _as_table(name, value) for name, value in parts.items() if value is not None}
    trace = getattr(traffic, "trace", None) if trace is None else trace
    if trace is not None and getattr(traffic, "tensors", None):
        extra["tensors"] = _tensor_table(traffic.tensors)
    return extra, None if trace is None else _checked_trace(trace)


def _as_table(what: str, value: Any) -> Table:
    if isinstance(value, Table):
        return value
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        return Table.from_structured(value)
    if isinstance(value, Mapping):
        return Table(value)
    table = getattr(value, "table", None)  # a method of traffic and traces, an attribute of monitors
    table = table() if callable(table) else table
    if isinstance(table, Table):
        return table
    expected = "a Table, a mapping of columns, a structured array, or an object with table()"
    raise ParameterError(what, got=type(value).__name__, expected=expected)


def _tensor_table(tensors: Mapping[str, Any]) -> Table:
    """Name and numbers of the arrays a trace refers to, in the order it counts them."""
    rows = [{"name": name, **tensor._asdict()} for name, tensor in tensors.items()]
    return Table.from_rows(rows, units={"row_bytes": "bytes"} if "row_bytes" in rows[0] else None)


def _checked_trace(trace: Any) -> NDArray[Any]:
    array = np.asarray(trace)
    if array.dtype.names is None or array.ndim != 1:
        raise ParameterError("trace", got=f"dtype {array.dtype}, {array.ndim}-D", expected="a 1-D structured array")
    return array


def _plain_seed(seed: Any) -> int | list[int] | None:
    if seed is None:
        return None
    if isinstance(seed, (list, tuple, range, np.ndarray)):
        return [_one_seed(one) for one in seed]
    return _one_seed(seed)


def _one_seed(seed: Any) -> int:
    whole = isinstance(seed, (int, np.integer)) and not isinstance(seed, bool)
    if not whole or not 0 <= int(seed) < 2**64:
        raise ParameterError("seed", got=repr(seed), expected="a whole number in 0 .. 2**64 - 1, several, or None")
    return int(seed)


def _plain_params(params: Any) -> dict[str, Any]:
    if hasattr(params, "model_dump"):
        params = params.model_dump(mode="json")
    if not isinstance(params, Mapping):
        raise ParameterError("params", got=type(params).__name__, expected="a mapping, or an object with model_dump()")
    return {_key(key, "params"): _plain(value, f"params[{key!r}]") for key, value in params.items()}


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ParameterError(where, got=f"key {key!r}", expected="keys of text")
    return key


def _plain(value: Any, where: str) -> Any:
    """A value as JSON has it: NumPy numbers and arrays as numbers and lists, models as mappings."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json")
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU":
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(inner, f"{where}[{key!r}]") for key, inner in value.items()}
    if isinstance(value, (list, tuple, range)):
        return [_plain(inner, f"{where}[{i}]") for i, inner in enumerate(value)]
    expected = "numbers, text, bools, None, lists and mappings of these"
    raise ParameterError(where, got=f"a value of type {type(value).__name__}", expected=expected)
