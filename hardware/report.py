"""What a run costs on a chip: energy, time, bytes by place and role, with range, grades and what is left out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from math import nan
from typing import Any, NamedTuple

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.files.table import Table
from sdrsim.hardware.card import Card
from sdrsim.hardware.counting import Counted
from sdrsim.hardware.levels import in_bytes
from sdrsim.hardware.moves import ROLES, Move
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.pricing import Priced, Times, peak_operations, steps_of, time_ends, times
from sdrsim.hardware.quantity import Grade, weakest
from sdrsim.hardware.runs import Run

__all__ = ["KEYS", "Report", "Roofline", "in_energy"]

KEYS = ("phase", "projection", "role", "level", "on_chip", "what", "number")


class Roofline(NamedTuple):
    """Where a run stands under the roof of its machine.

    ``intensity`` operations a byte across the chip's border (infinite where none crosses it), ``peak`` operations/s,
    ``bandwidth`` bytes/s, ``ridge`` the intensity where both meet, ``roof`` operations/s that can be had, ``bound``
    'compute', 'memory' or 'unknown'. NaN: the card does not say.
    """

    intensity: float
    peak: float
    bandwidth: float
    ridge: float
    roof: float
    bound: str


@dataclass(frozen=True)
class Report:
    """The cost of a run; made by `estimate`.

    Attributes
    ----------
    card : Card
        As asked for; ``chip.card`` is the one cut to the placement.
    placement : Placement
    entries : tuple of Priced
    counted : Counted
    times : Times
    n_items : int or None

    Notes
    -----
    Energies are in ``energy_unit``: pJ, but for cards in units of their own (``RF``). Totals are sums of the entries;
    what is on the chip and what is off it, and all roles, add up to them. `low_pj` and `high_pj` take every number at
    the low or high end of its range at once, those of time included: bounds, not an interval of confidence.
    """

    card: Card
    placement: Placement
    run: Run = field(repr=False)
    entries: tuple[Priced, ...] = field(repr=False)
    counted: Counted = field(repr=False)
    times: Times = field(repr=False)
    n_items: int | None = None

    # ---- totals ---------------------------------------------------------------------------------------------------

    @property
    def total_pj(self) -> float:
        """Energy, nominal."""
        return sum(sum(roles.values()) for roles in self.split().values())

    @property
    def low_pj(self) -> float:
        """Energy with every number at its low end."""
        return self.bounds()[0]

    @property
    def high_pj(self) -> float:
        """Energy with every number at its high end."""
        return self.bounds()[2]

    def bounds(self, static: bool = True, time: bool = True) -> tuple[float, float, float]:
        """Energy with every number low, nominal, high; with or without what leaks and idles, and with or without the
        range of the time in which it does.
        """
        moved = [e for e in self.entries if e.move.role != "static"]
        idle = [e for e in self.entries if e.move.role == "static"] if static else []
        fast, slow = (end / self.time_ns for end in self.time_range_ns) if time and self.time_ns else (1.0, 1.0)
        low = sum(e.low for e in moved) + fast * sum(e.low for e in idle)
        high = sum(e.high for e in moved) + slow * sum(e.high for e in idle)
        return low, sum(e.nominal for e in moved) + sum(e.nominal for e in idle), high

    @property
    def dynamic_pj(self) -> float:
        """Energy without what leaks and idles."""
        return self.bounds(static=False)[1]

    @property
    def static_pj(self) -> float:
        """Energy of leakage, standby and refresh over the time of the run."""
        return sum(e.nominal for e in self.entries if e.move.role == "static")

    @property
    def time_ns(self) -> float:
        """Time of the run."""
        return self.times.total

    @cached_property
    def time_range_ns(self) -> tuple[float, float]:
        """Time with every access, bandwidth and rate at its fast end, and at its slow end."""
        ends = time_ends(self.counted.chip.card)
        fast, slow = (self.time_at({path: end[i] for path, end in ends.items()}) for i in (0, 1))
        return fast, slow

    def time_at(self, values: Mapping[str, float]) -> float:
        """Time in ns with these numbers, by their paths, in the place of the card's."""
        return times(self.counted.ledger, self.counted.chip, self.placement, steps_of(self.n_items), values).total

    @property
    def power_w(self) -> float:
        """Energy over time; NaN where no time is known."""
        return self.total_pj / self.time_ns * 1e-3 if self.time_ns else nan

    @property
    def edp(self) -> float:
        """Energy times time, pJ ns."""
        return self.total_pj * self.time_ns

    @property
    def ed2p(self) -> float:
        """Energy times time squared, pJ ns^2."""
        return self.total_pj * self.time_ns**2

    @property
    def synops(self) -> int:
        """Synaptic operations of the run."""
        return self.run.total("synops")

    def pj_per_synop(self, static: bool = False) -> float:
        """Energy a synaptic operation, with or without static energy; NaN where there were none."""
        energy = self.total_pj if static else self.dynamic_pj
        return energy / self.synops if self.synops else nan

    @property
    def pj_per_item(self) -> float:
        """Energy an item; NaN where `n_items` was not given."""
        return self.total_pj / self.n_items if self.n_items else nan

    @property
    def energy_unit(self) -> str:
        """pJ, or the card's own unit."""
        return self.card.energy_unit

    # ---- parts ----------------------------------------------------------------------------------------------------

    def split(self) -> dict[str, dict[str, float]]:
        """Nominal energy on and off the chip, by role; all roles are named, sums are `total_pj`."""
        found = {place: dict.fromkeys(ROLES, 0.0) for place in ("on_chip", "off_chip")}
        for entry in self.entries:
            found["on_chip" if entry.move.on_chip else "off_chip"][entry.move.role] += entry.nominal
        return found

    def bytes_moved(self, on_chip: bool, role: str | None = None) -> int:
        """Bytes read and written on or off the chip, of one role or all; exact."""
        if role is not None and role not in ROLES:
            raise ParameterError("role", got=repr(role), expected=", ".join(ROLES), do=did_you_mean(str(role), ROLES))
        return sum(m.n_bytes for m in self.counted.ledger if m.on_chip == on_chip and (role is None or m.role == role))

    def table(self, by: Sequence[str] = ("level", "role", "phase")) -> Table:
        """Counts, bytes and energy, summed over what `by` does not name.

        Parameters
        ----------
        by : sequence of str
            Any of ``phase``, ``projection``, ``role``, ``level``, ``on_chip``, ``what``, ``number``.
        """
        if unknown := [name for name in by if name not in KEYS]:
            raise ParameterError("by", got=repr(unknown[0]), expected=", ".join(KEYS))
        sums: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0, 0, 0, 0.0, 0.0, 0.0])
        for move, n, energies in self._rows():
            values = (n, move.n_bytes, move.useful_bytes, *energies)
            key = tuple(getattr(move, name) for name in by)
            sums[key] = [a + b for a, b in zip(sums[key], values)]
        columns: dict[str, Any] = {name: [key[i] for key in sums] for i, name in enumerate(by)}
        unit = self.energy_unit.lower()
        kinds = ("n", "bytes", "useful_bytes", f"{unit}", f"low_{unit}", f"high_{unit}")
        for i, name in enumerate(kinds):
            whole = i in (1, 2)
            columns[name] = [int(v[i]) if whole else float(v[i]) for v in sums.values()]
        units = {"bytes": "bytes", "useful_bytes": "bytes"} | dict.fromkeys(kinds[3:], self.energy_unit)
        about = {"n": "accesses, operations, commands, or W ns / 1000 of static power"}
        return Table(columns, units=units, descriptions=about)

    def _rows(self) -> Iterable[tuple[Move, float, tuple[float, float, float]]]:
        """Entries with their prices, and those moves that cost nothing on this card."""
        by_move = {e.move: e for e in self.entries}
        for move in self.counted.ledger:
            entry = by_move.get(move)
            yield move, move.n, (entry.nominal, entry.low, entry.high) if entry else (0.0, 0.0, 0.0)
        for entry in self.entries:
            if entry.move.role == "static":
                yield entry.move, entry.n, (entry.nominal, entry.low, entry.high)

    def useful_fraction(self, tensor: str | None = None) -> float:
        """Share of the bytes moved off the chip that were asked for, of one array or all; NaN where none moved."""
        known = {*self.run.tensors, *(m.projection for m in self.counted.ledger)}
        if tensor is not None and tensor not in known:
            raise ParameterError("tensor", got=repr(tensor), expected=", ".join(sorted(known)))
        found = [
            m for m in self.counted.ledger if not m.on_chip and (tensor is None or m.projection == tensor) and m.n_bytes
        ]
        moved = sum(m.n_bytes for m in found)
        return sum(m.useful_bytes for m in found) / moved if moved else nan

    def roofline(self) -> Roofline:
        """Operations a byte across the chip's border, against what the card can do."""
        n_ops = sum(m.n for m in self.counted.ledger if m.role == "compute")
        n_bytes = self.bytes_moved(on_chip=False)
        intensity = n_ops / n_bytes if n_bytes else float("inf")
        far, peak = self.counted.chip.far, peak_operations(self.counted.chip.card) or nan
        width = far.bandwidth.value * 1e9 if far is not None and far.bandwidth is not None else nan
        roof = peak if not n_bytes else min(peak, intensity * width)
        bound = "unknown" if roof != roof else "compute" if roof == peak else "memory"
        return Roofline(intensity, peak, width, peak / width, roof, bound)

    # ---- what must be said ----------------------------------------------------------------------------------------

    @cached_property
    def weakest_grade(self) -> Grade:
        """The weakest grade of the numbers that were used."""
        return weakest(e.grade for e in self.entries)

    @cached_property
    def nodes(self) -> tuple[float, ...]:
        """Nodes, in nm, of the numbers that were used."""
        numbers = self.counted.chip.card.quantities()
        found = {numbers[e.move.number].node_nm for e in self.entries}
        return tuple(sorted(node for node in found if node is not None))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed."""
        mixed = [f"numbers of {', '.join(f'{n:g}' for n in self.nodes)} nm together: nothing was scaled"]
        own = [f"changed by the user: {', '.join(self.card.changed)}"] if self.card.changed else []
        return (*self.counted.notes, *(mixed if len(self.nodes) > 1 else ()), *own)

    @property
    def not_counted(self) -> tuple[str, ...]:
        """What stayed out of the totals."""
        unknown = self.times.unknown
        lost = [f"time of {', '.join(unknown)}: not on this card"] if unknown else []
        return (*self.counted.not_counted, *lost)

    def _lines(self) -> list[tuple[str, str]]:
        unit, split = self.energy_unit, self.split()
        chip = self.counted.chip
        node = "" if self.card.node_nm is None else f", {self.card.node_nm:g} nm"
        memories = ", ".join(repr(level) for level in chip.near) or "no memory"
        lines = [
            (
                "machine",
                f"{self.card.title}{node}: {memories} | {chip.far!r}"
                if chip.far
                else f"{self.card.title}{node}: {memories}",
            ),
            (
                "energy",
                f"{in_energy(self.total_pj, unit)} ({in_energy(self.low_pj, unit)} .. {in_energy(self.high_pj, unit)})",
            ),
        ]
        for place, roles in split.items():
            shown = ", ".join(f"{role} {in_energy(v, unit)}" for role, v in roles.items() if v)
            lines.append((place.replace("_", " "), f"{in_energy(sum(roles.values()), unit)}: {shown or 'nothing'}"))
        moved = f"{in_bytes(self.bytes_moved(True))} on the chip, {in_bytes(self.bytes_moved(False))} off it"
        time = f"{_in_time(self.time_ns)}, {self.power_w:.4g} W" if self.time_ns else "not known"
        lines += [("moved", moved), ("time", time)]
        if self.n_items:
            each = self.dynamic_pj / self.n_items, self.total_pj / self.n_items
            lines.append(("an item", f"{in_energy(each[0], unit)} (with static {in_energy(each[1], unit)})"))
        if self.synops:
            a, b = self.pj_per_synop(), self.pj_per_synop(static=True)
            lines.append(("a synaptic operation", f"{a:.4g} {unit} (with static {b:.4g})"))
        lines.append(("weakest grade", self.weakest_grade))
        lines += [("assumed", text) for text in self.notes] + [("not counted", text) for text in self.not_counted]
        return lines

    def __repr__(self) -> str:
        return "\n".join([f"Report on {self.card.name}", *(f"  {name}: {text}" for name, text in self._lines())])

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{escape(n)}</td><td>{escape(t)}</td></tr>" for n, t in self._lines())
        return f"<table><caption>Report on {escape(self.card.name)}</caption>{rows}</table>"


def in_energy(value: float, unit: str) -> str:
    """An energy for people.

    Examples
    --------
    >>> in_energy(1234.5, "pJ"), in_energy(1234.5, "RF")
    ('1.234 nJ', '1234 RF')
    """
    if unit != "pJ":
        return f"{value:.4g} {unit}"
    return _scaled(value, (("J", 1e12), ("mJ", 1e9), ("uJ", 1e6), ("nJ", 1e3), ("pJ", 1.0)))


def _in_time(ns: float) -> str:
    return _scaled(ns, (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0)))


def _scaled(value: float, scales: Sequence[tuple[str, float]]) -> str:
    unit, factor = next(((u, f) for u, f in scales if abs(value) >= f), scales[-1])
    return f"{value / factor:.4g} {unit}"
