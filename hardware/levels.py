"""The places a number can lie in, near to far, and the mesh between cores: what a card is made of."""

from dataclasses import dataclass, replace
from typing import Any, Self, get_args

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.dram import Dram
from sdrsim.hardware.quantity import Quantity
from sdrsim.hardware.sram import Cell, sram

__all__ = ["CARD_UNITS", "KINDS", "LEVEL_UNITS", "MESH_UNITS", "RATES", "Level", "Mesh"]

KINDS = ("reg", "sram", "edram", "cim", "nvm", "dram")
LEVEL_UNITS = {
    "e_read": "pJ/word",
    "e_write": "pJ/word",
    "t_access": "ns",
    "leakage": "W",
    "bandwidth": "GB/s",
    "e_act": "pJ/command",
    "e_rd": "pJ/command",
    "e_wr": "pJ/command",
    "e_io": "pJ/bit",
    "standby_active": "W",
    "standby_precharged": "W",
    "refresh": "W",
}
"""The numbers of a level, each in the unit it is kept in."""
MESH_UNITS = {"e_inject": "pJ/transfer", "e_hop_x": "pJ/hop", "e_hop_y": "pJ/hop", "t_hop_x": "ns", "t_hop_y": "ns"}
RATES = ("op_rate", "bandwidth")
"""The numbers that times are divided by."""
CARD_UNITS = {"op_rate": "Gop/s", "barrier": "ns", "static_power": "W"}
_SRAM_NUMBERS = ("e_read", "e_write", "t_access", "leakage")
_LAYOUT = ("capacity_bytes", "word_bits", "n_banks", "ports")


@dataclass(frozen=True)
class Level:
    """One memory of a card.

    Parameters
    ----------
    name : str
    kind : {'reg', 'sram', 'edram', 'cim', 'nvm', 'dram'}
    on_chip : bool
    capacity_bytes : int or None
        None: as much as is asked for.
    word_bits : int
        Bits of one access that `e_read` and `e_write` price.
    e_read, e_write : Quantity or None
        pJ/word; None for a DRAM that is priced by its commands, and for crossbars.
    t_access, leakage, bandwidth : Quantity or None
        ns of one access; W; GB/s of the whole level. None: not known.
    e_act, e_rd, e_wr : Quantity or None
        DRAM, pJ/command: opening a page, reading and writing a burst.
    e_io : Quantity or None
        DRAM, pJ/bit: the interface. A DRAM must say it.
    standby_active, standby_precharged, refresh : Quantity or None
        DRAM, W.
    n_banks, ports : int
    model : str or None
        SRAM: the model (`sdrsim.hardware.sram.SRAM_MODELS`) that gives the numbers of any size.
    node_nm : float or None
        Node of the model.
    monolithic : bool
        One bank whatever the size.
    cell : {'lstp', 'hp'}
        SRAM cells whose leakage is meant.
    dram : Dram or None
        The device, with its page, burst and times.
    note : str
    """

    name: str
    kind: str
    on_chip: bool
    capacity_bytes: int | None = None
    word_bits: int = 64
    e_read: Quantity | None = None
    e_write: Quantity | None = None
    t_access: Quantity | None = None
    leakage: Quantity | None = None
    bandwidth: Quantity | None = None
    e_act: Quantity | None = None
    e_rd: Quantity | None = None
    e_wr: Quantity | None = None
    e_io: Quantity | None = None
    standby_active: Quantity | None = None
    standby_precharged: Quantity | None = None
    refresh: Quantity | None = None
    n_banks: int = 1
    ports: int = 1
    model: str | None = None
    node_nm: float | None = None
    monolithic: bool = False
    cell: Cell = "lstp"
    dram: Dram | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ParameterError(
                "kind", got=repr(self.kind), expected=", ".join(KINDS), do=did_you_mean(self.kind, KINDS)
            )
        for what in _LAYOUT:
            n = getattr(self, what)
            if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < 1):
                raise ParameterError(f"{what} of level {self.name}", got=n, expected="a whole number from 1 on")
        if self.cell not in get_args(Cell):
            raise ParameterError("cell", got=repr(self.cell), expected="lstp or hp")
        if self.kind == "dram":
            self._require("e_io", "a DRAM names its interface: pJ/bit, 0 only where another number holds it")
        if self.e_act is not None:
            for what in ("e_rd", "e_wr"):
                self._require(what, "pJ/command, as e_act")
        elif self.kind != "cim":
            for what in ("e_read", "e_write"):
                self._require(what, "pJ/word, or a model (SRAM) or device (DRAM) that gives it")

    def _require(self, what: str, expected: str) -> None:
        if getattr(self, what) is None:
            raise ParameterError(f"{what} of level {self.name}", got="none", expected=expected)

    @classmethod
    def of_sram(
        cls,
        name: str,
        *,
        model: str,
        capacity_bytes: int,
        node_nm: float,
        word_bits: int = 64,
        monolithic: bool = False,
        cell: Cell = "lstp",
        **others: Any,
    ) -> Self:
        """An SRAM whose numbers a model gives; those named in `others` are kept as they are.

        Examples
        --------
        >>> level = Level.of_sram("core", model="cacti", capacity_bytes=8 << 10, node_nm=45)
        >>> level.e_read.value, level.resized(1 << 20).e_read.value, level.resized(word_bits=128).e_read.grade
        (6.14, 93.52, 'C')
        """
        own = {"on_chip": True} | _model_numbers(model, capacity_bytes, word_bits, node_nm, monolithic, cell) | others
        return cls(
            name,
            "sram",
            capacity_bytes=capacity_bytes,
            word_bits=word_bits,
            model=model,
            node_nm=node_nm,
            monolithic=monolithic,
            cell=cell,
            **own,
        )

    def resized(self, capacity_bytes: int | None = None, word_bits: int | None = None) -> Self:
        """The level with another capacity or port.

        A model gives its numbers anew, the user's own stay. Without one the numbers stay and are marked as those of
        another size (grade C); off chip only the capacity changes.

        Raises
        ------
        sdrsim.errors.ParameterError
            A size below 1; another word where no model knows its price.
        """
        size, width = capacity_bytes or self.capacity_bytes, word_bits or self.word_bits
        for what, n in (("capacity_bytes", capacity_bytes), ("word_bits", word_bits)):
            if n is not None and n < 1:
                raise ParameterError(f"{what} of level {self.name}", got=n, expected="a whole number from 1 on")
        if (size, width) == (self.capacity_bytes, self.word_bits):
            return self
        if self.model is not None and size is not None and self.node_nm is not None:
            found = _model_numbers(self.model, size, width, self.node_nm, self.monolithic, self.cell)
            own = [k for k in _SRAM_NUMBERS if (q := getattr(self, k)) is not None and q.grade == "user"]
            kept = {k: v for k, v in found.items() if k not in own}
            return replace(self, capacity_bytes=size, word_bits=width, **kept)
        if width != self.word_bits:
            expected = f"{self.word_bits}, the word its energies belong to"
            raise ParameterError(f"word_bits of level {self.name}", got=width, expected=expected)
        if not self.on_chip or self.kind == "reg":
            return replace(self, capacity_bytes=size)
        numbers = {k: q.lowered("of another capacity") for k in _SRAM_NUMBERS if (q := getattr(self, k)) is not None}
        return replace(self, capacity_bytes=size, **numbers)

    @property
    def burst_bytes(self) -> int:
        """Bytes that move together: a burst of the DRAM device, or a word."""
        return self.dram.burst_bytes if self.dram is not None else -(-self.word_bits // 8)

    @property
    def page_bytes(self) -> int | None:
        """Bytes of an open page; None where pages play no part."""
        return None if self.dram is None else self.dram.page_bytes

    def quantities(self) -> dict[str, Quantity]:
        """Its numbers by name, those that are known."""
        return {name: q for name in LEVEL_UNITS if (q := getattr(self, name)) is not None}

    def __repr__(self) -> str:
        size = "" if self.capacity_bytes is None else f" {in_bytes(self.capacity_bytes)}"
        what = self.dram.device if self.dram is not None else self.kind
        return f"{self.name}{size} {what}"


def _model_numbers(
    model: str, capacity_bytes: int, word_bits: int, node_nm: float, monolithic: bool, cell: Cell
) -> dict[str, Any]:
    s = sram(capacity_bytes, word_bits, node_nm, model=model, monolithic=monolithic, cell=cell)
    return {**{name: getattr(s, name) for name in _SRAM_NUMBERS}, "n_banks": s.n_banks}


@dataclass(frozen=True)
class Mesh:
    """A mesh of tiles with dimension-ordered routing, along x first; energies are those of one flit.

    Parameters
    ----------
    width, height : int or None
        Tiles; None: as many as are asked for.
    cores_per_tile : int
    flit_bits, header_bits : int
        Bits that travel together; bits of a packet that are no payload.
    e_inject : Quantity
        pJ/transfer, a message into the mesh.
    e_hop_x, e_hop_y : Quantity
        pJ/hop.
    t_hop_x, t_hop_y : Quantity or None
        ns.
    """

    e_inject: Quantity
    e_hop_x: Quantity
    e_hop_y: Quantity
    t_hop_x: Quantity | None = None
    t_hop_y: Quantity | None = None
    width: int | None = None
    height: int | None = None
    cores_per_tile: int = 1
    flit_bits: int = 32
    header_bits: int = 8

    def __post_init__(self) -> None:
        least = {"width": 1, "height": 1, "cores_per_tile": 1, "flit_bits": 1, "header_bits": 0}
        for what, low in least.items():
            n = getattr(self, what)
            if n is not None and (isinstance(n, bool) or not isinstance(n, int) or n < low):
                raise ParameterError(f"{what} of the mesh", got=n, expected=f"a whole number from {low} on")

    def quantities(self) -> dict[str, Quantity]:
        """Its numbers by name, those that are known."""
        return {name: q for name in MESH_UNITS if (q := getattr(self, name)) is not None}

    def __repr__(self) -> str:
        size = f"{self.width} x {self.height} tiles" if self.width and self.height else "tiles"
        return f"mesh of {size}, {self.cores_per_tile} cores each"


def in_bytes(n: int) -> str:
    """A size for people, in powers of two.

    Examples
    --------
    >>> in_bytes(65536), in_bytes(3 << 29), in_bytes(1000)
    ('64 KiB', '1.5 GiB', '1,000 B')
    """
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if n >= 1 << power:
            return f"{n / (1 << power):.4g} {unit}"
    return f"{n:,} B"
