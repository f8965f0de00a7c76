"""The technology tables of the package: CSV files in which every number has a unit, a source and a grade."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sdrsim.errors import FileFormatError, ParameterError, did_you_mean
from sdrsim.hardware.quantity import Quantity

__all__ = ["Row", "arithmetic", "event", "read_table", "table_names", "table_rows"]

_FOLDER = Path(__file__).parent / "tables"
_TEXTS = {"unit", "per", "source", "grade", "note", "item", "chip", "event", "device", "kind", "series", "conflict"}
_GRADES = ("A", "B", "C")
Row = dict[str, Any]


def table_names() -> tuple[str, ...]:
    """Names of the tables.

    Examples
    --------
    >>> table_names()
    ('arithmetic_energy', 'dram', 'dram_currents', 'neuromorphic_events', 'sram_cacti')
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.csv")))


@cache
def table_rows(name: str) -> tuple[Row, ...]:
    """The rows of one of `table_names`, as `read_table` gives them. Do not change them.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown table.
    """
    if name not in table_names():
        do = did_you_mean(name, table_names())
        raise ParameterError("table", got=repr(name), expected=", ".join(table_names()), do=do)
    return tuple(read_table(_FOLDER / f"{name}.csv"))


def read_table(path: str | Path) -> list[Row]:
    """The rows of a table: numbers as float (None where empty), the rest as text, ``verified`` from the grade.

    Lines that begin with ``#`` are for readers.

    Raises
    ------
    sdrsim.errors.FileFormatError
        A row with a number and without unit or source, an unknown grade, text where a number belongs.
    """
    rows = []
    with Path(path).open(encoding="utf-8", newline="") as file:
        lines = ((i, line) for i, line in enumerate(file, 1) if not line.startswith("#"))
        for number, record in _records(lines):
            rows.append(_checked(record, f"{Path(path).name} line {number}"))
    return rows


def _records(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Row]]:
    head: list[str] = []
    for number, line in lines:
        cells = next(csv.reader([line]))
        if not head:
            head = cells
        elif len(cells) != len(head):
            raise FileFormatError(f"line {number}", got=f"{len(cells)} cells", expected=f"{len(head)}")
        else:
            yield number, dict(zip(head, cells))


def _checked(record: Row, where: str) -> Row:
    row: Row = {}
    for name, cell in record.items():
        if name in _TEXTS:
            row[name] = cell.strip()
            continue
        try:
            row[name] = float(cell) if cell.strip() else None
        except ValueError:
            raise FileFormatError(f"{where}, {name}", got=repr(cell), expected="a number, or nothing") from None
    if any(isinstance(value, float) for value in row.values()):
        for what in ("unit", "source"):
            if not row.get(what):
                raise FileFormatError(where, got=f"numbers without {what}", expected=f"a {what} for every number")
    if row.get("grade") not in _GRADES:
        raise FileFormatError(f"{where}, grade", got=repr(row.get("grade")), expected="A, B or C")
    row["verified"] = row["grade"] != "C"
    return row


def arithmetic(item: str, node_nm: float | None = None) -> Quantity:
    """An energy of ``arithmetic_energy``; at one node, or the only one there is.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown item, or one that is not known at this node, or known at several and none named.

    Examples
    --------
    >>> arithmetic("add_int8", 45)
    0.03 pJ/op [B, 45 nm; Horowitz, ISSCC 2014]
    >>> arithmetic("sram_1MB", 45).unit, arithmetic("wire_full_swing").high
    ('pJ/word', 0.2)
    """
    rows = _known("item", item, table_rows("arithmetic_energy"), "item")
    found = [row for row in rows if node_nm is None or row["node_nm"] == node_nm]
    if len(found) != 1:
        nodes = ", ".join("none" if row["node_nm"] is None else f"{row['node_nm']:g}" for row in rows)
        raise ParameterError("node_nm", got=f"{node_nm} for {item}", expected=f"one of {nodes}")
    return _quantity(found[0], _unit(found[0]))


def event(chip: str, name: str) -> Quantity:
    """An energy (time, power) of ``neuromorphic_events``: the first source, what others say as alternatives.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown chip or event, or one whose number was never published.

    Examples
    --------
    >>> event("SpiNNaker1", "synop")
    13300 pJ/event (45 .. 1.33e+04) [A, 130 nm; KerasSpiking energy table]
    """
    rows = _known("chip", chip, table_rows("neuromorphic_events"), "chip")
    rows = _known("event", name, rows, "event")
    if rows[0]["value"] is None:
        raise ParameterError(f"{name} of {chip}", got=rows[0]["source"], expected="a published number")
    first, *others = (_quantity(row, row["unit"] + ("/event" if row["unit"].endswith("J") else "")) for row in rows)
    return Quantity(
        first.value,
        first.unit,
        first.source,
        first.grade,
        first.node_nm,
        bounds=first.bounds,
        alternatives=tuple(others),
        note=first.note,
    )


def _known(what: str, name: str, rows: Any, column: str) -> list[Row]:
    found = [row for row in rows if row[column] == name]
    if not found:
        names = list(dict.fromkeys(row[column] for row in rows))
        raise ParameterError(what, got=repr(name), expected=", ".join(names), do=did_you_mean(name, names))
    return found


def _quantity(row: Row, unit: str) -> Quantity:
    value, high = row["value"], row.get("value_hi")
    bounds = None if high is None else (value, high)
    return Quantity(
        value, unit, row["source"], row["grade"], row["node_nm"], row.get("vdd_V"), bounds, note=row.get("note", "")
    )


_PER = {"64-bit access": "word", "16-bit access": "word", "bit*mm": "bit/mm", "op": "op", "transfer": "transfer"}


def _unit(row: Row) -> str:
    head = "RF" if row["unit"].startswith("relative") else row["unit"]
    return f"{head}/{_PER.get(row['per'], 'event')}"
