"""Second stage of an estimate: prices, time, and what leaks while it passes."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sdrsim.hardware.card import Card
from sdrsim.hardware.chip import Chip
from sdrsim.hardware.levels import RATES, Level
from sdrsim.hardware.moves import Ledger, Move
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.quantity import Grade, Quantity

__all__ = ["GRADE_SPREAD", "Priced", "Times", "priced", "span", "time_ends", "times"]

GRADE_SPREAD: dict[Grade, float] = {"A": 1.1, "B": 1.25, "C": 2.0, "user": 1.0}
"""Factor to either side of a number that has no range of its own, by its grade: an assumption of this project."""
_PJ_PER_W_NS = 1e3
_STATIC = ("leakage", "standby_active", "refresh")
_TIMES = (*RATES, "t_access", "barrier")


class Priced(NamedTuple):
    """An entry of the ledger with its energy, in the energy unit of the card: low, nominal, high; and the grade."""

    move: Move
    low: float
    nominal: float
    high: float
    grade: Grade
    n: float


class Times(NamedTuple):
    """Nanoseconds of compute, each memory, the barrier; ``total`` as they overlap; what the card has no number for."""

    compute: float
    levels: dict[str, float]
    barrier: float
    total: float
    unknown: tuple[str, ...]


def span(quantity: Quantity) -> tuple[float, float, float]:
    """Low, nominal, high: its own range, or what its grade leaves open.

    Examples
    --------
    >>> span(Quantity(2.0, "pJ/op", "assumed", "C")), span(Quantity(2.0, "pJ/op", "a paper", "B", bounds=(1., 3.)))
    ((1.0, 2.0, 4.0), (1.0, 2.0, 3.0))
    """
    if quantity.low < quantity.high:
        return quantity.low, quantity.value, quantity.high
    factor = GRADE_SPREAD[quantity.grade]
    return quantity.value / factor, quantity.value, quantity.value * factor


def priced(ledger: Ledger, chip: Chip, t_total_ns: float, placement: Placement) -> Iterator[Priced]:
    """Every entry with its energy, then what leaked and idled in `t_total_ns`; numbers of 0 are left out."""
    numbers = chip.card.quantities()
    for move in ledger:
        quantity = numbers[move.number]
        if quantity.high > 0:
            yield _entry(move, quantity, move.n)
    for level, name in _powers(chip):
        path = f"{level.name}.{name}"
        gated = 1 - placement.gated_fraction if level.on_chip else 1.0
        move = Move("", "", "static", level.name, level.on_chip, name.replace("_", " "), path, 0)
        yield _entry(move, numbers[path], t_total_ns * _PJ_PER_W_NS * gated)
    if chip.card.static_power is not None:
        move = Move("", "", "static", "chip", True, "static power", "static_power", 0)
        yield _entry(move, chip.card.static_power, t_total_ns * _PJ_PER_W_NS)


def _entry(move: Move, quantity: Quantity, n: float) -> Priced:
    low, nominal, high = (n * value for value in span(quantity))
    return Priced(move, low, nominal, high, quantity.grade, n)


def _powers(chip: Chip) -> Iterator[tuple[Level, str]]:
    for level in (*chip.near, *((chip.far,) if chip.far else ())):
        for name in _STATIC:
            if getattr(level, name) is not None:
                yield level, name


def times(
    ledger: Ledger, chip: Chip, placement: Placement, n_steps: int, values: Mapping[str, float] | None = None
) -> Times:
    """How long it takes: accesses over banks and ports, bytes over bandwidth, operations over their rate.

    Parameters
    ----------
    values : dict of str to float, optional
        Path -> a number to take in the place of the card's.

    Notes
    -----
    ``t_level = max(bytes / bandwidth, accesses t_access / (banks ports))``, ``t_compute = operations / rate``;
    their maximum where they overlap, else their sum; and a barrier a step. Unknown numbers count as no time.
    """
    numbers = {path: quantity.value for path, quantity in chip.card.quantities().items()} | dict(values or {})
    unknown = []
    n_ops = sum(m.n for m in ledger if m.role == "compute" or m.number == "compute.adc")  # cells and inputs at once
    compute = 0.0
    if "op_rate" in numbers:
        compute = n_ops / numbers["op_rate"]  # operations over Gop/s are ns
    elif n_ops:
        unknown.append("op_rate")
    levels = {}
    for level in (*chip.near, *((chip.far,) if chip.far else ())):
        found = [m for m in ledger if m.level == level.name and m.role != "compute"]
        if found:
            t, lost = _level_time(level, found, placement, numbers)
            levels[level.name] = t
            unknown += [f"{level.name}.{name}" for name in lost]
    barrier = numbers.get("barrier", 0.0) * n_steps
    parts = [compute, *levels.values()]
    busy = max(parts) if placement.overlap == "full" else sum(parts)
    return Times(compute, levels, barrier, busy + barrier, tuple(unknown))


def _level_time(
    level: Level, moves: list[Move], placement: Placement, numbers: Mapping[str, float]
) -> tuple[float, list[str]]:
    n_bytes = sum(m.n_bytes for m in moves)
    n = sum(m.n for m in moves if m.n_bytes)
    found, lost = [], []
    if not level.on_chip and placement.dram_time == "latency" and level.dram is not None:
        opened = sum(m.n for m in moves if m.what == "activate")
        state = "closed" if placement.page_policy == "closed" else "conflict"
        hits = max(0, n - opened)
        return hits * level.dram.latency_ns("hit") + opened * level.dram.latency_ns(state), []
    width, access = numbers.get(f"{level.name}.bandwidth"), numbers.get(f"{level.name}.t_access")
    if width is not None:
        found.append(n_bytes / width)
    if level.on_chip and access is not None:
        found.append(n * access / (level.n_banks * level.ports))
    if not found and n:
        lost.append("bandwidth" if not level.on_chip else "t_access")
    return max(found, default=0.0), lost


def time_ends(card: Card) -> dict[str, tuple[float, float]]:
    """Path -> the value that takes least time and the one that takes most, for every number of time."""
    found = {}
    for path, quantity in card.quantities().items():
        name = path.rpartition(".")[2]
        if name in _TIMES:
            low, _, high = span(quantity)
            found[path] = (high, low) if name in RATES else (low, high)
    return found


def peak_operations(card: Card) -> float | None:
    """Operations a second of the whole chip; None: not known."""
    return None if card.op_rate is None else card.op_rate.value * 1e9


def steps_of(n_items: int | None) -> int:
    """Time steps of a run: one an item where that is known, else one."""
    return n_items or 1
