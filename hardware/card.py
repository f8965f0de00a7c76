"""A card: one technology as data, every number with its unit, source and grade; shipped, of the user's, or changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.files.table import Table
from sdrsim.hardware.levels import CARD_UNITS, LEVEL_UNITS, MESH_UNITS, RATES, Level, Mesh
from sdrsim.hardware.quantity import Grade, Quantity, scaled_logic, weakest

__all__ = ["Card"]

_LAYOUT = ("capacity_bytes", "word_bits", "ports", "n_banks", "cell", "monolithic")
_FOLDER = Path(__file__).parent / "cards"
_TEMPLATE = "template"
_BASES = ("access", "event")
_ADDS_AND_MULTIPLIES = ("add_int8", "add_int32", "mul_int8", "mac_int8", "and_popcnt_64")
_SELECTION = ("compare", "rng", "exp_lut", "neuron_update")


@dataclass(frozen=True)
class Card:
    """One technology: memories near to far, prices of operations, the mesh; `Card.load` makes one.

    Parameters
    ----------
    name, title : str
    levels : tuple of Level
        Near to far; those on the chip come first.
    compute : dict of str to Quantity
        pJ/op of each operation.
    mesh : Mesh or None
    basis : {'access', 'event'}
        What the numbers price: words and bursts moved, or whole events (a synaptic operation with its memory access),
        as chips publish them.
    energy_unit : {'pJ', 'RF'}
        RF: relative to one access of a register file.
    node_nm : float or None
        The node the card stands for; single numbers may belong to another one, see `nodes`.
    op_rate, barrier, static_power : Quantity or None
        Gop/s of the whole chip; ns at the end of a time step; W while it is on.
    note : str
    changed : tuple of str
        What `replace` has put in.

    Raises
    ------
    sdrsim.errors.ParameterError
        Levels of one name, or one on the chip behind one off it; an unknown basis.

    Examples
    --------
    >>> card = Card.load("cmos45_ddr4")
    >>> card
    Card(cmos45_ddr4, 45 nm: core 64 KiB sram, global 1 MiB sram | dram 8 GiB DDR4-2400_8Gb_x8; 14 operations;
         weakest C)
    >>> card.op("add_int8"), card.level("dram").e_io.value
    (0.03 pJ/op [B, 45 nm; Horowitz, ISSCC 2014], 10.0)
    >>> mine = card.replace(e_io=6.5, add_int8="25 fJ/op")
    >>> mine.level("dram").e_io.value, mine.op("add_int8").value, mine.weakest_grade, mine.changed
    (6.5, 0.025, 'user', ('dram.e_io', 'compute.add_int8'))
    """

    name: str
    title: str
    levels: tuple[Level, ...] = ()
    compute: Mapping[str, Quantity] = field(default_factory=dict)
    mesh: Mesh | None = None
    basis: str = "access"
    energy_unit: str = "pJ"
    node_nm: float | None = None
    op_rate: Quantity | None = None
    barrier: Quantity | None = None
    static_power: Quantity | None = None
    note: str = ""
    changed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "compute", MappingProxyType(dict(self.compute)))
        if self.basis not in _BASES:
            raise ParameterError("basis", got=repr(self.basis), expected=" or ".join(_BASES))
        if self.energy_unit not in ("pJ", "RF"):
            raise ParameterError("energy_unit", got=repr(self.energy_unit), expected="pJ or RF")
        names = [level.name for level in self.levels]
        if len(set(names)) < len(names) or set(names) & {"compute", "mesh"}:
            raise ParameterError("levels", got=", ".join(names), expected="a name of its own for each")
        on_chip = [level.on_chip for level in self.levels]
        if on_chip != sorted(on_chip, reverse=True):
            raise ParameterError("levels", got=", ".join(names), expected="near to far: those on the chip first")
        for path, quantity in self.quantities().items():
            if quantity.low < 0:
                raise ParameterError(path, got=quantity.low, expected="0 or more")
            if path.rpartition(".")[2] in RATES and not quantity.low > 0:
                raise ParameterError(path, got=f"{quantity.low:g}", expected="above 0: times are divided by it")

    @staticmethod
    def names() -> tuple[str, ...]:
        """The cards that come with the package."""
        return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml") if path.stem != _TEMPLATE))

    @staticmethod
    def template() -> str:
        """A commented card, as text, to be filled in and loaded by its path."""
        return (_FOLDER / f"{_TEMPLATE}.toml").read_text(encoding="utf-8")

    @classmethod
    def load(cls, card: str | Path) -> Self:
        """A card by its name, or from a TOML file.

        Parameters
        ----------
        card : str or Path
            One of `names`, or a path (a Path, or text that ends in ``.toml``).

        Raises
        ------
        sdrsim.errors.ParameterError
            An unknown name.
        sdrsim.errors.FileFormatError
            A file that cannot be read, or that holds a number without unit, source or grade, a negative capacity, a
            name that is not known.
        """
        from sdrsim.hardware.card_file import read_card

        if isinstance(card, Path) or str(card).endswith(".toml"):
            return read_card(Path(card), cls)
        if card not in cls.names():
            do = did_you_mean(card, cls.names()) or "a file of your own: a path that ends in .toml"
            raise ParameterError("card", got=repr(card), expected=", ".join(cls.names()), do=do)
        return read_card(_FOLDER / f"{card}.toml", cls)

    def level(self, name: str) -> Level:
        """A memory by its name.

        Raises
        ------
        sdrsim.errors.ParameterError
            No such level.
        """
        found = {level.name: level for level in self.levels}
        if name not in found:
            raise ParameterError("level", got=repr(name), expected=", ".join(found), do=did_you_mean(name, found))
        return found[name]

    @property
    def on_chip(self) -> tuple[Level, ...]:
        """The memories on the chip, near to far."""
        return tuple(level for level in self.levels if level.on_chip)

    @property
    def off_chip(self) -> tuple[Level, ...]:
        """The memories off the chip, near to far."""
        return tuple(level for level in self.levels if not level.on_chip)

    def op(self, name: str) -> Quantity:
        """Energy of an operation.

        Raises
        ------
        sdrsim.errors.ParameterError
            The card has no such operation.
        """
        if name not in self.compute:
            expected, do = ", ".join(self.compute), did_you_mean(name, self.compute)
            raise ParameterError(f"operation of {self.name}", got=repr(name), expected=expected, do=do)
        return self.compute[name]

    def quantities(self) -> dict[str, Quantity]:
        """Every number by its path: ``compute.add_int8``, ``dram.e_io``, ``mesh.e_hop_x``, ``op_rate``."""
        found = {name: q for name in CARD_UNITS if (q := getattr(self, name)) is not None}
        found |= {f"compute.{name}": q for name, q in self.compute.items()}
        for level in self.levels:
            found |= {f"{level.name}.{name}": q for name, q in level.quantities().items()}
        if self.mesh is not None:
            found |= {f"mesh.{name}": q for name, q in self.mesh.quantities().items()}
        return found

    @property
    def weakest_grade(self) -> Grade:
        """The weakest grade of all its numbers."""
        return weakest(q.grade for q in self.quantities().values())

    @property
    def nodes(self) -> tuple[float, ...]:
        """The nodes its numbers belong to, in nm, rising. More than one: nothing was scaled from one to the other."""
        return tuple(sorted({q.node_nm for q in self.quantities().values() if q.node_nm is not None}))

    def missing_operations(self) -> list[str]:
        """Operations that runs count with and this card has no price for."""
        wanted = [*_ADDS_AND_MULTIPLIES, *_SELECTION]
        if self.basis == "event":
            wanted = ["synop"] if "soma_update" in self.compute else ["synop", "neuron_update"]
        return [name for name in wanted if name not in self.compute]

    def unknown_numbers(self) -> list[str]:
        """Paths of times, powers and bandwidths that this card leaves open: they stay out of what is priced."""
        found = ["op_rate"] if self.op_rate is None else []
        for level in self.levels:
            wanted = ("bandwidth",) if level.kind == "dram" else ("t_access", "leakage")
            found += [f"{level.name}.{name}" for name in wanted if getattr(level, name) is None]
        return found

    def replace(self, values: Mapping[str, Any] | None = None, /, **numbers: Any) -> Self:
        """A card with other numbers; each carries grade 'user' and no range.

        Parameters
        ----------
        values, numbers
            Path, or its last part where only one path ends so, to a number in the unit of the one it replaces, a text
            (``"25 fJ/op"``), or a Quantity. Also ``LEVEL.capacity_bytes``, ``word_bits``, ``ports``, ``n_banks``,
            ``cell``, ``monolithic``: a model then gives the numbers of that level anew, those put in here excepted.
            An operation that the card does not have yet: ``compute.NAME``.

        Raises
        ------
        sdrsim.errors.ParameterError
            A path that is not there or fits several, a value that is no number or of another unit.

        Examples
        --------
        >>> card = Card.load("cmos45_ddr4").replace({"global.capacity_bytes": 8 << 20, "compute.add_int4": .02})
        >>> card.level("global").capacity_bytes, card.op("add_int4").grade
        (8388608, 'user')
        """
        if values is not None and not isinstance(values, Mapping):
            raise ParameterError("values", got=repr(values), expected="a dict of path to number, or name=number")
        given = {self._path(key): value for key, value in {**(values or {}), **numbers}.items()}
        layout = {path: value for path, value in given.items() if path.partition(".")[2] in _LAYOUT}
        card = self
        for path, value in layout.items():
            card = card._with_layout(path, value)
        for path, value in given.items():
            if path not in layout:
                card = card._with_number(path, value)
        return replace(card, changed=tuple(dict.fromkeys([*self.changed, *given])))

    def scale_logic(self, node_nm: float, vdd: float | None = None) -> Self:
        """A card whose operations are carried to another node, grade C; see `scaled_logic`. Never done by itself."""
        return replace(self, compute={name: scaled_logic(q, node_nm, vdd) for name, q in self.compute.items()})

    def crossbar_read(self, n_rows: int, n_columns: int) -> Quantity:
        """Energy of summing `n_rows` active rows in an analog crossbar.

        ``n_rows e_dac + n_columns (n_rows e_cell + e_adc)``: one conversion a column for all rows together.

        Raises
        ------
        sdrsim.errors.ParameterError
            A card without dac, adc and cell_read.

        Examples
        --------
        >>> card = Card.load("crossbar")
        >>> one, many = card.crossbar_read(1, 1024), card.crossbar_read(64, 1024)
        >>> round(one.value / 1024, 2), round(many.value / 64 / 1024, 3)
        (1.67, 0.03)
        """
        if n_rows < 0 or n_columns < 0:
            raise ParameterError("n_rows, n_columns", got=f"{n_rows}, {n_columns}", expected="0 or more")
        read = self.op("cell_read") * (n_rows * n_columns)
        return self.op("dac") * n_rows + read + self.op("adc") * n_columns

    def table(self) -> Table:
        """All numbers with unit, range, node, source and grade, one a row."""
        found = self.quantities()
        numbers = list(found.values())
        return Table(
            {
                "number": list(found),
                "value": [float(q.value) for q in numbers],
                "low": [float(q.low) for q in numbers],
                "high": [float(q.high) for q in numbers],
                "unit": [q.unit for q in numbers],
                "node": [np.nan if q.node_nm is None else q.node_nm for q in numbers],
                "grade": [q.grade for q in numbers],
                "verified": [q.verified for q in numbers],
                "source": [q.source for q in numbers],
                "note": [q.note for q in numbers],
            },
            units={"node": "nm"},
        )

    def unit(self, unit: str) -> str:
        """A unit with pJ in it, in the energy unit of this card."""
        return unit.replace("pJ", self.energy_unit)

    def _units(self) -> dict[str, str]:
        """Path -> unit of every number that this card has or could have."""
        units = dict(CARD_UNITS) | {f"compute.{name}": "pJ/op" for name in self.compute}
        for level in self.levels:
            units |= {f"{level.name}.{name}": unit for name, unit in LEVEL_UNITS.items()}
        if self.mesh is not None:
            units |= {f"mesh.{name}": unit for name, unit in MESH_UNITS.items()}
        return {path: self.unit(unit) for path, unit in units.items()}

    def _path(self, key: str) -> str:
        if not isinstance(key, str):
            raise ParameterError(f"number of {self.name}", got=repr(key), expected="a path as text")
        known = [*self._units(), *(f"{level.name}.{name}" for level in self.levels for name in _LAYOUT)]
        if key in known or (key.startswith("compute.") and key != "compute."):
            return key
        there = self.quantities()
        ends = [path for path in known if path.rpartition(".")[2] == key]
        ends = [path for path in ends if path in there] or ends
        if len(ends) == 1:
            return ends[0]
        if ends:
            raise ParameterError(f"number of {self.name}", got=repr(key), expected=f"one of {', '.join(ends)}")
        names = [*known, *(path.rpartition(".")[2] for path in known)]
        raise ParameterError(
            f"number of {self.name}", got=repr(key), do=did_you_mean(key, names), expected="a known path"
        )

    def _with_layout(self, path: str, value: Any) -> Self:
        name, _, what = path.rpartition(".")
        level = self.level(name)
        if what in ("ports", "n_banks"):
            value = _whole(path, value)
        elif what == "monolithic" and not isinstance(value, bool):
            raise ParameterError(path, got=repr(value), expected="True or False")
        if what in ("capacity_bytes", "word_bits"):
            new = level.resized(**{what: _whole(path, value)})
        elif what in ("cell", "monolithic") and level.model is not None:
            told = {k: q for k, q in level.quantities().items() if q.grade == "user"}
            rest = {f: getattr(level, f) for f in ("on_chip", "word_bits", "bandwidth", "ports", "note")}
            rest |= {"monolithic": level.monolithic, "cell": level.cell, what: value}
            if level.capacity_bytes is None or level.node_nm is None:
                raise ParameterError(path, got=repr(value), expected="a level with a capacity and a node")
            size, node = level.capacity_bytes, level.node_nm
            new = Level.of_sram(name, model=level.model, capacity_bytes=size, node_nm=node, **(rest | told))
        else:
            new = replace(level, **{what: value})
        return replace(self, levels=tuple(new if one is level else one for one in self.levels))

    def _with_number(self, path: str, value: Any) -> Self:
        old, unit = self.quantities().get(path), self._units().get(path, self.unit("pJ/op"))
        number = _number(path, value, unit, old)
        if number.grade == "user":
            number = replace(number, node_nm=self.node_nm)  # the user's own number stands for the card's node
        changed: dict[str, Any] = {path.rpartition(".")[2]: number}
        place = path.rpartition(".")[0]
        if place == "compute":
            return replace(self, compute={**self.compute, **changed})
        if place == "mesh" and self.mesh is not None:
            return replace(self, mesh=replace(self.mesh, **changed))
        if not place:
            return replace(self, **changed)
        level = replace(self.level(place), **changed)
        return replace(self, levels=tuple(level if one.name == place else one for one in self.levels))

    def __repr__(self) -> str:
        node = "" if self.node_nm is None else f", {self.node_nm:g} nm"
        near, far = (", ".join(map(repr, levels)) for levels in (self.on_chip, self.off_chip))
        parts = [
            " | ".join(part for part in (near, far) if part),
            f"{len(self.compute)} operation{'s' * (len(self.compute) != 1)}",
        ]
        if self.basis == "event":
            parts.append("priced by the event")
        if self.changed:
            parts.append(f"{len(self.changed)} replaced")
        return f"Card({self.name}{node}: {'; '.join(part for part in parts if part)}; weakest {self.weakest_grade})"


def _whole(what: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ParameterError(what, got=repr(value), expected="a whole number")
    return int(value)


def _number(path: str, value: Any, unit: str, old: Quantity | None) -> Quantity:
    source = "user"
    if isinstance(value, Quantity):
        value, unit, source = value.to(unit).value, unit, value.source
    elif isinstance(value, str):
        from sdrsim.hardware.card_file import number_and_unit

        value = number_and_unit(path, value, unit)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        try:
            value = float(value)
        except (TypeError, ValueError):
            raise ParameterError(path, got=repr(value), expected=f"a number in {unit}") from None
    if old is None:
        return Quantity(float(value), unit, source, "user")
    return old.replaced(float(value), source)
