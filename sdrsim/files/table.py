"""A table: equal-length columns with unit and description; what monitors, scans and result files hand out."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError, SdrsimError, did_you_mean
from sdrsim.files.atomic import atomic_write

__all__ = ["Table"]

_KINDS = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str"}
_HEAD, _TAIL, _CELL = 12, 6, 48


class Table:
    """Named columns of one length: int, float, bool or str.

    A table does not change: the columns are read-only copies, every method returns a new table.

    Parameters
    ----------
    columns : mapping of str to array_like, each 1-D
        Names must be non-empty and hold no ``/`` (they become HDF5 names). None among numbers becomes NaN.
    units, descriptions : mapping of str to str, optional
        For any of the columns; a column without an entry has none.

    Raises
    ------
    ParameterError
        Columns of different lengths, not 1-D, of another type, or a unit for a column that is not there.

    Examples
    --------
    >>> t = Table({"load": [100, 200], "error": [0.0, 0.0125]}, units={"load": "items"})
    >>> t
     load   error
    items
      100       0
      200  0.0125
    >>> t.where(load=200)["error"].tolist(), len(t), t.columns
    ([0.0125], 2, ('load', 'error'))
    """

    def __init__(
        self,
        columns: Mapping[str, ArrayLike],
        units: Mapping[str, str] | None = None,
        descriptions: Mapping[str, str] | None = None,
    ) -> None:
        self._columns = {_checked_name(name): _column(name, values) for name, values in columns.items()}
        lengths = {name: len(column) for name, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            got = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise ParameterError("table columns", got=f"lengths {got}", expected="one length")
        self.units = self._notes("units", units)
        self.descriptions = self._notes("descriptions", descriptions)

    def _notes(self, what: str, notes: Mapping[str, str] | None) -> dict[str, str]:
        for name in notes or {}:
            self._require(name, f"{what} of a table")
        return {name: str(text) for name, text in (notes or {}).items() if text}

    def _require(self, name: str, what: str = "column") -> str:
        if name in self._columns:
            return name
        expected = ", ".join(self.columns) or "no column at all"
        raise ParameterError(what, got=repr(name), expected=expected, do=did_you_mean(name, self.columns))

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[Mapping[str, Any]],
        units: Mapping[str, str] | None = None,
        descriptions: Mapping[str, str] | None = None,
    ) -> "Table":
        """A table from dicts with the same keys, one a row; None becomes NaN in a column of numbers."""
        listed = list(rows)
        names = list(listed[0]) if listed else []
        for i, row in enumerate(listed):
            if set(row) != set(names):
                raise ParameterError(f"row {i}", got=", ".join(row), expected=", ".join(names))
        return cls({name: [row[name] for row in listed] for name in names}, units, descriptions)

    @classmethod
    def from_structured(cls, array: NDArray[Any]) -> "Table":
        """A table from a 1-D structured array: one column a field."""
        if array.dtype.names is None or array.ndim != 1:
            raise ParameterError("structured array", got=f"{array.dtype}, {array.ndim}-D", expected="1-D with fields")
        return cls({name: array[name] for name in array.dtype.names})

    @classmethod
    def concat(cls, tables: Iterable["Table"]) -> "Table":
        """Rows of several tables one under the other; the columns, their kinds and units must agree.

        Raises
        ------
        ParameterError
            Different columns, numbers meeting text, or different units.
        """
        parts = [t for t in tables if t.columns]
        if not parts:
            return cls({})
        first = parts[0]
        units, descriptions = dict(first.units), dict(first.descriptions)
        for part in parts[1:]:
            if set(part.columns) != set(first.columns):
                raise ParameterError("tables to join", got=", ".join(part.columns), expected=", ".join(first.columns))
            for name, unit in part.units.items():
                if units.setdefault(name, unit) != unit:
                    raise ParameterError(f"unit of {name!r}", got=unit, expected=units[name])
            descriptions = {**part.descriptions, **descriptions}
        return cls({name: _joined(name, [p[name] for p in parts]) for name in first.columns}, units, descriptions)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(self._columns)

    def keys(self) -> tuple[str, ...]:
        """Names of the columns: with it, ``dict(table)`` gives the arrays by name."""
        return self.columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[self._require(name)]

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def take(self, rows: ArrayLike | slice) -> "Table":
        """The rows at these places: indices, a bool mask of length ``len(self)``, or a slice."""
        if isinstance(rows, slice):
            where: Any = rows
        else:
            where = np.asarray(rows)
            where = where.astype(np.intp) if where.size == 0 else where
        try:
            chosen = {name: column[where] for name, column in self._columns.items()}
        except IndexError as error:
            raise ParameterError("rows", got=str(error), expected=f"indices below {len(self)} or a mask") from None
        return Table(chosen, self.units, self.descriptions)

    def select(self, *names: str) -> "Table":
        """A table of these columns, in this order."""
        return Table(
            {name: self[name] for name in names},
            {name: self.units[name] for name in names if name in self.units},
            {name: self.descriptions[name] for name in names if name in self.descriptions},
        )

    def with_columns(self, /, **columns: Any) -> "Table":
        """The table with these columns put in, at its end where they are new; one value stands in every row.

        Examples
        --------
        >>> Table({"k": [1, 2]}).with_columns(phase="learn", n=[3, 4])["phase"].tolist()
        ['learn', 'learn']
        """
        filled = {name: np.full(len(self), v) if np.ndim(v) == 0 else v for name, v in columns.items()}
        notes = ({k: v for k, v in d.items() if k not in columns} for d in (self.units, self.descriptions))
        return Table({**self._columns, **filled}, *notes)

    def where(self, /, **conditions: Any) -> "Table":
        """The rows whose columns have these values; a list, tuple, set or array means *any of these*.

        Examples
        --------
        >>> t = Table({"k": [1, 2, 3, 2], "kind": ["a", "b", "a", "a"]})
        >>> t.where(kind="a", k=[2, 3])["k"].tolist()
        [3, 2]
        """
        mask = np.ones(len(self), np.bool_)
        for name, value in conditions.items():
            column = self[name]
            many = isinstance(value, (list, tuple, set, frozenset, np.ndarray))
            wanted = np.asarray(list(value) if many else [value])
            if len(self) and wanted.size and (wanted.dtype.kind == "U") != (column.dtype.kind == "U"):
                got, expected = repr(value), f"{_KINDS[column.dtype.kind]} as in the column"
                raise ParameterError(f"where {name}", got=got, expected=expected)
            mask &= np.isin(column, wanted)
        return self.take(mask)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dict of Python values a row."""
        names = self.columns
        for values in zip(*(column.tolist() for column in self._columns.values())):
            yield dict(zip(names, values))

    def to_csv(self, path: str | Path) -> Path:
        """Write comma-separated text (UTF-8, names in the first line, numbers at full precision); whole or not at all.

        Raises
        ------
        FileFormatError
            The file cannot be written.
        """
        target = Path(path)
        with atomic_write(target) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            writer.writerows(zip(*(column.tolist() for column in self._columns.values())))
        return target

    def to_pandas(self) -> Any:
        """A pandas DataFrame with units and descriptions in ``.attrs``.

        Raises
        ------
        SdrsimError
            pandas is not installed.
        """
        try:
            pandas = import_module("pandas")
        except ImportError:
            raise SdrsimError("to_pandas", got="no pandas here", do="pip install pandas, or use to_csv()") from None
        frame = pandas.DataFrame({name: column.copy() for name, column in self._columns.items()})
        frame.attrs.update(units=dict(self.units), descriptions=dict(self.descriptions))
        return frame

    def __eq__(self, other: object) -> bool:
        """Same names in the same order, same values (NaN equals NaN), same units and descriptions."""
        if not isinstance(other, Table):
            return NotImplemented
        notes = (self.units, self.descriptions) == (other.units, other.descriptions)
        return notes and self.columns == other.columns and all(_same(self[n], other[n]) for n in self.columns)

    __hash__ = None  # type: ignore[assignment]

    def _cells(self, limit: int) -> list[list[str]]:
        """Text of every column: name, unit, then the values, with one row of dots where rows were left out."""
        n = len(self)
        shown = list(range(n)) if n <= limit else [*range(_HEAD), -1, *range(n - _TAIL, n)]
        cells = []
        for name, column in self._columns.items():
            body = ["..." if i < 0 else _text(column[i]) for i in shown]
            cells.append([name, self.units.get(name, ""), *body])
        return cells

    def __repr__(self) -> str:
        if not self._columns:
            return "Table(no columns)"
        lines = []
        for cells, column in zip(self._cells(_HEAD + _TAIL), self._columns.values()):
            width = max(map(len, cells))
            lines.append([c.ljust(width) if column.dtype.kind == "U" else c.rjust(width) for c in cells])
        text = ["  ".join(parts).rstrip() for parts in zip(*lines)]
        if not self.units:
            del text[1]
        if len(self) > _HEAD + _TAIL or not len(self):
            text.append(f"({len(self):,} rows)")
        return "\n".join(text)

    def _repr_html_(self) -> str:
        head, body = [], []
        for name in self.columns:
            unit = f"<br><small>{escape(self.units[name])}</small>" if name in self.units else ""
            head.append(f'<th title="{escape(self.descriptions.get(name, ""))}">{escape(name)}{unit}</th>')
        for row in zip(*(cells[2:] for cells in self._cells(_HEAD + _TAIL))):
            body.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
        rows = f"<caption>{len(self):,} rows</caption>"
        return f"<table>{rows}<thead><tr>{''.join(head)}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _checked_name(name: Any) -> str:
    if not isinstance(name, str) or not name or "/" in name or "\0" in name or name == ".":
        raise ParameterError("column name", got=repr(name), expected="text without '/'")
    return str(name)


def _column(name: str, values: ArrayLike) -> NDArray[Any]:
    """A read-only 1-D copy of one of the four kinds."""
    try:
        array = np.array(values)
    except (ValueError, TypeError, OverflowError) as error:
        raise ParameterError(f"column {name!r}", got=str(error), expected="one value a row") from None
    if array.ndim != 1:
        raise ParameterError(f"column {name!r}", got=f"{array.ndim} dimensions", expected="1-D")
    given: Sequence[Any] = [] if isinstance(values, np.ndarray) and array.dtype != object else list(_listed(values))
    if given and all(isinstance(v, (int, np.integer)) for v in given) and array.dtype.kind == "f":
        array = np.array(given, np.uint64)  # NumPy makes floats of ints on both sides of 2**63
    if array.dtype == object:
        array = _unboxed(name, given)
    if array.dtype.kind == "U" and not all(isinstance(v, str) for v in given):
        raise ParameterError(f"column {name!r}", got="text mixed with other values", expected="only text, or no text")
    if array.dtype.kind not in _KINDS or (array.dtype.kind == "f" and array.dtype.itemsize > 8):
        raise ParameterError(
            f"column {name!r}", got=f"dtype {array.dtype}", expected="int, float (<= 64 bit), bool, str"
        )
    array = array.astype(array.dtype.newbyteorder("="))
    array.flags.writeable = False
    return array


def _listed(values: Any) -> Iterable[Any]:
    return values if isinstance(values, Iterable) else [values]


def _unboxed(name: str, given: Sequence[Any]) -> NDArray[Any]:
    """An array from Python objects: all text, or numbers with None for NaN."""
    if all(isinstance(v, str) for v in given):
        return np.array(given, np.str_)
    filled = np.array([np.nan if v is None else v for v in given])
    if filled.dtype.kind in "biuf":
        return filled
    kinds = sorted({type(v).__name__ for v in given})
    raise ParameterError(
        f"column {name!r}", got=f"values of type {', '.join(kinds)}", expected="numbers, bools or text"
    )


def _joined(name: str, parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    parts = [part for part in parts if len(part)] or parts[:1]  # a column without rows has no say in the kind
    kinds = {"number" if part.dtype.kind in "iuf" else _KINDS[part.dtype.kind] for part in parts}
    if len(kinds) > 1:
        raise ParameterError(f"column {name!r} of tables to join", got=" and ".join(sorted(kinds)), expected="one kind")
    return np.concatenate(parts)


def _same(a: NDArray[Any], b: NDArray[Any]) -> bool:
    if _KINDS[a.dtype.kind] != _KINDS[b.dtype.kind]:
        return False
    return np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _text(value: Any) -> str:
    """One cell: four significant digits for floats, text cut to a width."""
    if isinstance(value, np.floating):
        size = abs(float(value))
        if not np.isfinite(size) or size == 0 or not 1e-3 <= size < 1e6:
            return f"{value:.4g}"
        return f"{value:.0f}" if size >= 1e4 else f"{value:.4g}"
    text = str(value).replace("\n", " ")
    return text if len(text) <= _CELL else text[: _CELL - 3] + "..."
