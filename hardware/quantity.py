"""A number that knows its unit, its node, where it comes from, and how far it can be trusted."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, Self, get_args

from sdrsim.errors import ParameterError, did_you_mean

__all__ = ["GRADES", "Grade", "Quantity", "conversion", "scaled_logic", "weakest"]

Grade = Literal["A", "B", "C", "user"]
GRADES: tuple[Grade, ...] = get_args(Grade)
"""A: computed or measured with the named tool. B: read in a published source. C: recalled, assumed, or carried beyond
what was computed. user: put in by the user. The last is the weakest."""

_SCALES = [
    {"fJ": 1e-3, "pJ": 1.0, "nJ": 1e3, "uJ": 1e6, "mJ": 1e9, "J": 1e12},
    {"RF": 1.0},  # energies relative to one access of a register file
    {"ps": 1e-3, "ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9},
    {"uW": 1e-6, "mW": 1e-3, "W": 1.0},
    {"B": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30, "kB": 1e3, "MB": 1e6, "GB": 1e9},
    {"B/s": 1.0, "MB/s": 1e6, "GB/s": 1e9, "TB/s": 1e12},
    {"op/s": 1.0, "Gop/s": 1e9, "Top/s": 1e12},
    {"mm2": 1.0},
    {"mm": 1.0},
]
_PER = ("bit", "bit/mm", "word", "op", "event", "hop", "transfer", "command", "step")


@dataclass(frozen=True)
class Quantity:
    """A number with unit, source and grade, and the range of what else it may be.

    Parameters
    ----------
    value : float
        What is used.
    unit : str
        ``pJ/op``, ``pJ/bit``, ``ns``, ``W``, ``GB/s``, ``MiB``, ...; `conversion` knows them all.
    source : str
        Where the number was read or how it was made.
    grade : {'A', 'B', 'C', 'user'}
        See `GRADES`.
    node_nm, vdd : float or None
        Technology and supply it belongs to.
    bounds : (low, high) or None
        Range around the value.
    alternatives : tuple of Quantity
        What other sources say of the same thing; `low` and `high` reach over them.
    note : str

    Raises
    ------
    sdrsim.errors.ParameterError
        No source, no unit or one that is not known, an unknown grade, a number that is not finite.

    Examples
    --------
    >>> add = Quantity(0.03, "pJ/op", "Horowitz, ISSCC 2014", "B", node_nm=45)
    >>> add, add.verified, add.to("fJ/op").value
    (0.03 pJ/op [B, 45 nm; Horowitz, ISSCC 2014], True, 30.0)
    >>> 4 * add + add.replaced(0.05)
    0.17 pJ/op [user, 45 nm; Horowitz, ISSCC 2014 + user]
    """

    value: float
    unit: str
    source: str
    grade: Grade
    node_nm: float | None = None
    vdd: float | None = None
    bounds: tuple[float, float] | None = None
    alternatives: tuple["Quantity", ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        numbers = [self.value, *(self.bounds or ())]
        if not all(isinstance(n, (int, float)) and not isinstance(n, bool) and isfinite(n) for n in numbers):
            raise ParameterError("value", got=repr(self.bounds or self.value), expected="a finite number")
        for what, text in (("unit", self.unit), ("source", self.source)):
            if not isinstance(text, str) or not text.strip():
                raise ParameterError(what, got="none", expected=f"a {what}: a number without one is not taken")
        if self.grade not in GRADES:
            raise ParameterError("grade", got=repr(self.grade), expected=", ".join(GRADES))
        if self.bounds and not self.bounds[0] <= self.value <= self.bounds[1]:
            raise ParameterError("bounds", got=self.bounds, expected=f"a range round {self.value}")
        for what, number in (("node_nm", self.node_nm), ("vdd", self.vdd)):
            if number is not None and not (isfinite(number) and number > 0):
                raise ParameterError(what, got=number, expected="above 0")
        for other in (self, *self.alternatives):
            conversion(other.unit, self.unit)

    @property
    def low(self) -> float:
        """The smallest that its bounds and other sources leave possible, in its own unit."""
        others = (q.low * conversion(q.unit, self.unit) for q in self.alternatives)
        return min(self.value, *(self.bounds or ()), *others, self.value)

    @property
    def high(self) -> float:
        """The largest."""
        others = (q.high * conversion(q.unit, self.unit) for q in self.alternatives)
        return max(self.value, *(self.bounds or ()), *others, self.value)

    @property
    def verified(self) -> bool:
        """Whether it was computed, or read in its source: grade A or B."""
        return self.grade in ("A", "B")

    def to(self, unit: str) -> Self:
        """In another unit of the same kind."""
        factor = conversion(self.unit, unit)
        bounds = None if self.bounds is None else (self.bounds[0] * factor, self.bounds[1] * factor)
        others = tuple(q.to(unit) for q in self.alternatives)
        return replace(self, value=self.value * factor, unit=unit, bounds=bounds, alternatives=others)

    def replaced(self, value: float, source: str = "user") -> Self:
        """The same thing with a number of the user's: grade 'user', no range, the rest kept."""
        return replace(self, value=value, source=source, grade="user", bounds=None, alternatives=(), note="")

    def lowered(self, why: str) -> Self:
        """Grade C, and `why` in the note: a number carried beyond what its source covers."""
        note = f"{self.note}; {why}" if self.note else why
        return replace(self, grade=weakest([self.grade, "C"]), note=note)

    def __float__(self) -> float:
        return float(self.value)

    def __mul__(self, factor: float) -> Self:
        if not isinstance(factor, (int, float)):
            return NotImplemented
        bounds = None if self.bounds is None else (self.bounds[0] * factor, self.bounds[1] * factor)
        others = tuple(q * factor for q in self.alternatives)
        return replace(self, value=self.value * factor, bounds=bounds, alternatives=others)

    __rmul__ = __mul__

    def __add__(self, other: "Quantity") -> "Quantity":
        if not isinstance(other, Quantity):
            return NotImplemented
        that = other.to(self.unit)
        low, value, high = self.low + that.low, self.value + that.value, self.high + that.high
        return Quantity(
            value,
            self.unit,
            _joined(" + ", self.source, that.source),
            weakest([self.grade, that.grade]),
            self.node_nm if self.node_nm == that.node_nm else None,
            self.vdd if self.vdd == that.vdd else None,
            (low, high) if low < high else None,
            (),
            _joined("; ", self.note, that.note),
        )

    def __repr__(self) -> str:
        span = "" if self.low == self.high else f" ({self.low:.4g} .. {self.high:.4g})"
        node = "" if self.node_nm is None else f", {self.node_nm:g} nm"
        return f"{self.value:.6g} {self.unit}{span} [{self.grade}{node}; {self.source}]"


def _joined(between: str, *texts: str) -> str:
    return between.join(dict.fromkeys(text for text in texts if text))


def conversion(unit: str, into: str) -> float:
    """Factor from one unit to another of the same kind.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown unit, or units of different kinds.

    Examples
    --------
    >>> conversion("nJ/command", "pJ/command"), conversion("MiB", "B")
    (1000.0, 1048576.0)
    """
    (kind, per, scale), (other_kind, other_per, other_scale) = _parts(unit), _parts(into)
    if (kind, per) != (other_kind, other_per):
        raise ParameterError("unit", got=repr(unit), expected=f"a unit like {into!r}")
    return scale / other_scale


def _parts(unit: str) -> tuple[int, str, float]:
    """Kind, per what, size."""
    for kind, scales in enumerate(_SCALES):
        if unit in scales:
            return kind, "", scales[unit]
    head, _, per = unit.partition("/")
    for kind, scales in enumerate(_SCALES[:4]):
        if head in scales and per in _PER:
            return kind, per, scales[head]
    known = [*(u for scales in _SCALES for u in scales), *(f"pJ/{per}" for per in _PER)]
    raise ParameterError("unit", got=repr(unit), expected="a known unit", do=did_you_mean(unit, known))


def weakest(grades: Iterable[str]) -> Grade:
    """The weakest of some grades; A of none.

    Examples
    --------
    >>> weakest(["A", "C", "B"])
    'C'
    """
    return GRADES[max((GRADES.index(g) for g in grades), default=0)]


def scaled_logic(quantity: Quantity, node_nm: float, vdd: float | None = None) -> Quantity:
    """An energy of logic carried to another node: ``E * (node / node_ref) * (V / V_ref)**2``, capacitance as the node.

    Nothing in this package does it by itself. Without both supplies the voltage stays out of it. Grade C.

    Raises
    ------
    sdrsim.errors.ParameterError
        A quantity without a node.

    Examples
    --------
    >>> scaled_logic(Quantity(0.9, "pJ/op", "Horowitz, ISSCC 2014", "B", node_nm=45, vdd=.9), 22.5, .6)
    0.2 pJ/op [C, 22.5 nm; Horowitz, ISSCC 2014]
    """
    if quantity.node_nm is None:
        raise ParameterError("node_nm", got=f"none for {quantity!r}", expected="the node the number belongs to")
    factor = node_nm / quantity.node_nm
    why = f"scaled from {quantity.node_nm:g} nm as the node"
    if vdd is not None and quantity.vdd is not None:
        factor *= (vdd / quantity.vdd) ** 2
        why += f" and the supply squared, from {quantity.vdd:g} V"
    return replace((quantity * factor).lowered(why), node_nm=node_nm, vdd=vdd)
