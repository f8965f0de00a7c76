"""Cards as TOML files: read, checked line by line, refused with the place and the nearest name that is known."""

import tomllib
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sdrsim.errors import FileFormatError, ParameterError, did_you_mean
from sdrsim.hardware.dram import dram
from sdrsim.hardware.levels import CARD_UNITS, LEVEL_UNITS, MESH_UNITS, Level, Mesh
from sdrsim.hardware.quantity import Quantity, conversion

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sdrsim.hardware.card import Card

__all__ = ["number_and_unit", "read_card"]

_CardType = TypeVar("_CardType", bound="Card")
_QUANTITY = ("value", "low", "high", "unit", "node_nm", "vdd", "source", "grade", "note", "alternatives")
_TEXTS = ("title", "note", "basis", "energy_unit")
_LEVEL = ("name", "kind", "on_chip", "capacity", "word_bits", "n_banks", "ports")
_MODEL = ("model", "node_nm", "monolithic", "cell", "device", "note")
_MESH = ("width", "height", "cores_per_tile", "flit_bits", "header_bits")
_GRADES = ("A", "B", "C")


def read_card(path: Path, kind: type[_CardType]) -> _CardType:
    """The card of a file, named as the file is."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise FileFormatError(f"card {path}", got=error.strerror or str(error), expected="a TOML file") from None
    except ValueError as error:
        raise FileFormatError(f"card {path}", got=f"not TOML: {error}", expected="see Card.template()") from None
    return _card(content, path, kind)


def _card(content: dict[str, Any], path: Path, kind: type[_CardType]) -> _CardType:
    where = path.name
    _known(content, [*_TEXTS, "node_nm", "levels", "compute", "mesh", *CARD_UNITS], where)
    unit = content.get("energy_unit", "pJ")
    values: dict[str, Any] = {name: _of(str, content, name, where) for name in _TEXTS if name in content}
    if not values.get("title"):
        raise FileFormatError(f"{where}, title", got="none", expected="what the card stands for, in one line")
    if "node_nm" in content:
        values["node_nm"] = float(_of((int, float), content, "node_nm", where))
    values |= _quantities(content, CARD_UNITS, unit, where)
    compute = _of(dict, content, "compute", where) if "compute" in content else {}
    values["compute"] = {n: _quantity(q, f"{where}, compute.{n}", f"{unit}/op", unit) for n, q in compute.items()}
    levels = _of(list, content, "levels", where) if "levels" in content else []
    values["levels"] = tuple(_level(table, i, unit, where) for i, table in enumerate(levels))
    if "mesh" in content:
        values["mesh"] = _mesh(_of(dict, content, "mesh", where), unit, f"{where}, mesh")
    with _placed(where):
        return kind(name=path.stem, **values)


def _level(table: Any, i: int, unit: str, where: str) -> Level:
    if not isinstance(table, dict):
        raise FileFormatError(f"{where}, levels", got=repr(table), expected="[[levels]] tables")
    where = f"{where}, level {table.get('name', i)}"
    _known(table, [*_LEVEL, *_MODEL, *LEVEL_UNITS], where)
    for what in ("name", "kind", "on_chip"):
        if what not in table:
            raise FileFormatError(f"{where}, {what}", got="none", expected="name, kind and on_chip of every level")
    values: dict[str, Any] = {
        what: _of(bool if what in ("on_chip", "monolithic") else str, table, what, where)
        for what in ("name", "kind", "on_chip", "monolithic", "cell", "note")
        if what in table
    }
    values |= {what: _of(int, table, what, where) for what in ("word_bits", "n_banks", "ports") if what in table}
    if "capacity" in table:
        values["capacity_bytes"] = _capacity(table["capacity"], f"{where}, capacity")
    numbers: dict[str, Any] = _quantities(table, LEVEL_UNITS, unit, where)
    with _placed(where):
        if "model" in table:
            return _sram_level(table, values, numbers, where)
        if "device" in table:
            device = dram(_of(str, table, "device", where))
            names = ("e_act", "e_rd", "e_wr", "standby_active", "standby_precharged", "refresh", "bandwidth")
            return Level(**values, **({name: getattr(device, name) for name in names} | numbers), dram=device)
        return Level(**values, **numbers)


def _sram_level(table: dict[str, Any], values: dict[str, Any], numbers: dict[str, Any], where: str) -> Level:
    for what in ("capacity", "node_nm"):
        if what not in table:
            raise FileFormatError(f"{where}, {what}", got="none", expected=f"a {what} for the model")
    if values["kind"] != "sram":
        raise FileFormatError(f"{where}, model", got=f"kind {values['kind']}", expected="kind sram")
    values = {k: v for k, v in values.items() if k != "kind"}
    node = float(_of((int, float), table, "node_nm", where))
    return Level.of_sram(values.pop("name"), model=_of(str, table, "model", where), node_nm=node, **values, **numbers)


def _mesh(table: dict[str, Any], unit: str, where: str) -> Mesh:
    _known(table, [*_MESH, *MESH_UNITS], where)
    numbers: dict[str, Any] = _quantities(table, MESH_UNITS, unit, where)
    for what in ("e_inject", "e_hop_x", "e_hop_y"):
        if what not in numbers:
            raise FileFormatError(f"{where}.{what}", got="none", expected="e_inject, e_hop_x and e_hop_y")
    with _placed(where):
        return Mesh(**numbers, **{what: _of(int, table, what, where) for what in _MESH if what in table})


def _quantities(table: dict[str, Any], units: dict[str, str], energy: str, where: str) -> dict[str, Quantity]:
    return {
        name: _quantity(table[name], f"{where}, {name}", unit.replace("pJ", energy), energy)
        for name, unit in units.items()
        if name in table
    }


def _quantity(table: Any, where: str, unit: str, energy: str) -> Quantity:
    """A number in the unit this place is kept in; its other sources take unit and node from it where they name none."""
    if not isinstance(table, dict):
        expected = "{ value = ..., unit = ..., source = ..., grade = ... }"
        raise FileFormatError(where, got=repr(table), expected=expected)
    _known(table, _QUANTITY, where)
    for what in ("value", "unit", "source", "grade"):
        if table.get(what) in (None, ""):
            raise FileFormatError(
                f"{where}, {what}", got="none", expected="value, unit, source and grade of every number"
            )
    if table["grade"] not in _GRADES:
        raise FileFormatError(f"{where}, grade", got=repr(table["grade"]), expected=", ".join(_GRADES))
    value = _of((int, float), table, "value", where)
    low, high = (_of((int, float), table, what, where) if what in table else value for what in ("low", "high"))
    if min(value, low, high) < 0:
        raise FileFormatError(f"{where}, value", got=min(value, low, high), expected="0 or more")
    inherited = {what: table[what] for what in ("unit", "node_nm") if what in table}
    others = table.get("alternatives", [])
    alternatives = tuple(
        _quantity(
            inherited | other if isinstance(other, dict) else other, f"{where}, alternative {i + 1}", unit, energy
        )
        for i, other in enumerate(others)
    )
    with _placed(where):
        found = Quantity(
            float(value),
            _of(str, table, "unit", where),
            _of(str, table, "source", where),
            table["grade"],
            _optional(table, "node_nm", where),
            _optional(table, "vdd", where),
            None if low == value == high else (float(low), float(high)),
            note=table.get("note", ""),
        ).to(unit)
        return replace(found, alternatives=alternatives)


def _optional(table: dict[str, Any], what: str, where: str) -> float | None:
    return float(_of((int, float), table, what, where)) if what in table else None


def _capacity(given: Any, where: str) -> int:
    """Bytes: a whole number, or a text with unit."""
    n = given if isinstance(given, int) and not isinstance(given, bool) else None
    if isinstance(given, str):
        with _placed(where):
            amount = number_and_unit("capacity", given, "B")
        n = int(amount) if amount == int(amount) else None
    if n is None or n < 1:
        raise FileFormatError(where, got=repr(given), expected='a whole number of bytes above 0, or "64 KiB"')
    return n


def number_and_unit(what: str, text: str, unit: str) -> float:
    """The number of a text like ``"25 fJ/op"``, in `unit`.

    Examples
    --------
    >>> number_and_unit("capacity", "64 KiB", "B")
    65536.0
    """
    number, _, own = text.strip().partition(" ")
    try:
        value = float(number)
    except ValueError:
        raise ParameterError(what, got=repr(text), expected=f"a number and a unit, as '1 {unit}'") from None
    return value * conversion(own.strip() or unit, unit)


def _known(table: dict[str, Any], names: Iterable[str], where: str) -> None:
    known = list(names)
    for name in table:
        if name not in known:
            raise FileFormatError(
                f"{where}, {name}", got="an unknown name", expected=", ".join(known), do=did_you_mean(name, known)
            )


def _of(kind: Any, table: dict[str, Any], what: str, where: str) -> Any:
    value = table[what]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        expected = " or ".join(k.__name__ for k in (kind if isinstance(kind, tuple) else (kind,)))
        raise FileFormatError(f"{where}, {what}", got=repr(value), expected=expected)
    return value


@contextmanager
def _placed(where: str) -> "Iterator[None]":
    """What a part refuses, with the place in the file."""
    try:
        yield
    except ParameterError as error:
        raise FileFormatError(f"{where}, {error.what}", got=error.got, expected=error.expected, do=error.do) from None
