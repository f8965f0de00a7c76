"""On-chip SRAM of any size, port width and node: lines between runs of CACTI 7, banks with a wire between them.

Energies are those of one access of `word_bits`. Between grid points the energy is a straight line in logarithms; beyond
the grid the last line goes on, and the result is of grade C and says so.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from math import ceil, exp, log, sqrt
from typing import Literal, NamedTuple

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.quantity import Quantity
from sdrsim.hardware.tables import Row, arithmetic, table_rows

__all__ = ["BANK_BYTES", "SRAM_MODELS", "Sram", "log_log", "power_law", "sram"]

BANK_BYTES = 1 << 20
SRAM_MODELS = {"cacti": None, "horowitz": 45, "tpuv4i": 7}
"""Name -> the one node it has points of (None: 7 to 90 nm)."""

Cell = Literal["lstp", "hp"]
_HP_LEAKAGE = 100.0  # an assumption: high-performance cells against low-standby-power ones
_LEAST_NODE, _MOST_NODE, _LEAST_GRID_NODE = 7, 90, 22
_POINTS = {"sram_8KB": 8 << 10, "sram_32KB": 32 << 10, "sram_1MB": 1 << 20}


class Sram(NamedTuple):
    """One SRAM: what an access, a second and a square millimetre of it cost."""

    capacity_bytes: int
    word_bits: int
    node_nm: float
    n_banks: int
    cell: Cell
    e_read: Quantity
    e_write: Quantity
    t_access: Quantity
    leakage: Quantity
    area: Quantity


def sram(
    capacity_bytes: int,
    word_bits: int = 64,
    node_nm: float = 45,
    *,
    model: str = "cacti",
    monolithic: bool = False,
    bank_bytes: int = BANK_BYTES,
    cell: Cell = "lstp",
) -> Sram:
    """Energies, access time, leakage and area of an SRAM.

    Parameters
    ----------
    capacity_bytes : int
    word_bits : int
        Width of the port: bits of one access.
    node_nm : float
        7 to 90; below 22 by the square root of the node (grade C, the published 7 nm points as upper bound).
    model : {'cacti', 'horowitz', 'tpuv4i'}
        Where read and write energies come from; the last two are three published points at 45 and 7 nm.
    monolithic : bool
        One bank whatever its size. Otherwise banks of `bank_bytes`, and a wire of ``sqrt(area / 2)`` to the one asked.
    bank_bytes : int
    cell : {'lstp', 'hp'}
        Leakage of low-standby-power cells as CACTI gives it, or 100 times that (an assumption, grade C).

    Returns
    -------
    Sram
        ``e_read``, ``e_write`` pJ/word; ``t_access`` ns; ``leakage`` W; ``area`` mm2.

    Raises
    ------
    sdrsim.errors.ParameterError
        A size or width below 1, a node that the model does not have, an unknown model or cell.

    Notes
    -----
    A port of another width than 64 bits multiplies by what it does at 1 MB and 45 nm, reads and writes alike: computed
    there, an assumption elsewhere. Leakage and area were computed at 16 MB and follow the size. The wire costs 0.08
    pJ/bit/mm (0.08 to 0.2); the time it takes is not in `t_access`.

    Examples
    --------
    >>> sram(8 << 10).e_read
    6.14 pJ/word [A, 45 nm; CACTI 7 (via hwcomponents-cacti 1.0.40); itrs-lstp; 300 K; leakage-optimised]
    >>> large, whole = sram(16 << 20), sram(16 << 20, monolithic=True)
    >>> large.n_banks, round(large.e_read.value), round(whole.e_read.value)
    (16, 118, 351)
    >>> sram(4 << 10).e_read.grade, sram(4 << 10).e_read.note
    ('C', 'beyond the sizes computed, 8 KiB to 16 MiB')
    """
    _checked(capacity_bytes, word_bits, node_nm, model, bank_bytes, cell)
    bank = capacity_bytes if monolithic else min(capacity_bytes, bank_bytes)
    n_banks = ceil(capacity_bytes / bank)
    area = _silicon("area_mm2", capacity_bytes, node_nm, "mm2")
    reads, writes = (_access(what, bank, word_bits, node_nm, model) for what in ("read_pj", "write_pj"))
    if n_banks > 1:
        wire = _wire(area, word_bits, node_nm)
        reads, writes = reads + wire, writes + wire
    leakage = _silicon("leak_mw", capacity_bytes, node_nm, "mW").to("W")
    if cell == "hp":
        leakage = (leakage * _HP_LEAKAGE).lowered(f"high-performance cells taken as {_HP_LEAKAGE:g} times lstp")
    t_access = _grid("access_ns", bank, node_nm, "ns")
    return Sram(capacity_bytes, word_bits, node_nm, n_banks, cell, reads, writes, t_access, leakage, area)


def _checked(capacity_bytes: int, word_bits: int, node_nm: float, model: str, bank_bytes: int, cell: str) -> None:
    for what, n in (("capacity_bytes", capacity_bytes), ("word_bits", word_bits), ("bank_bytes", bank_bytes)):
        if not n >= 1:
            raise ParameterError(what, got=n, expected="at least 1")
    if model not in SRAM_MODELS:
        raise ParameterError(
            "model", got=repr(model), expected=", ".join(SRAM_MODELS), do=did_you_mean(model, SRAM_MODELS)
        )
    if cell not in ("lstp", "hp"):
        raise ParameterError("cell", got=repr(cell), expected="lstp or hp")
    if not _LEAST_NODE <= node_nm <= _MOST_NODE:
        raise ParameterError("node_nm", got=node_nm, expected=f"{_LEAST_NODE} to {_MOST_NODE}")
    if SRAM_MODELS[model] not in (None, node_nm):
        raise ParameterError("node_nm", got=node_nm, expected=f"{SRAM_MODELS[model]}, the node of {model}")


def _access(what: str, size: int, word_bits: int, node_nm: float, model: str) -> Quantity:
    """Energy of one access of a bank."""
    if model == "cacti":
        found = _grid(what, size, node_nm, "pJ/word")
        if node_nm < _LEAST_GRID_NODE:
            found = _bounded(found, _towards_tpuv4i(found, what, size, node_nm))
    else:
        found = _published(model, size)
        if what == "write_pj":
            found = found.lowered("a write taken as a read")
        if model == "tpuv4i":
            found = _bounded(found, _grid(what, size, node_nm, "pJ/word").value)
    if word_bits == 64:
        return found
    widths = [(row["port_bits"], row["read_pj"]) for row in _rows("port_sweep")]
    full: float = next(
        row["read_pj"] for row in _rows("size_grid") if (row["node_nm"], row["size_bytes"]) == (45, BANK_BYTES)
    )
    energy, outside = log_log(word_bits, sorted([*widths, (64, full)]))
    found *= energy / full
    if outside:
        return found.lowered("beyond the port widths computed, 8 to 1024 bits")
    if (what, size, node_nm, model) == ("read_pj", BANK_BYTES, 45, "cacti"):
        return found
    return found.lowered(f"port of {word_bits} bits as for reads at 1 MiB, 45 nm")


def _grid(what: str, size: int, node_nm: float, unit: str) -> Quantity:
    """A column of the CACTI table at 64 bits, between its sizes and nodes."""
    source = _rows("size_grid")[0]["source"]
    curves = _curves(what)
    node = max(node_nm, _LEAST_GRID_NODE)
    values, outside = [], False
    for known in _round(node, list(curves)):
        value, beyond = log_log(size, curves[known])
        values.append((known, value))
        outside |= beyond
    value, off_nodes = log_log(node, values)
    if unit != "ns":
        value *= sqrt(min(node_nm / _LEAST_GRID_NODE, 1))
    found = Quantity(value, unit, source, "A", node_nm)
    if outside:
        found = found.lowered("beyond the sizes computed, 8 KiB to 16 MiB")
    elif len(values) > 1 or all(size != x for x, _ in curves[values[0][0]]):
        found = replace(found, note="interpolated")
    if off_nodes:
        found = found.lowered("access times were computed at 45 and 22 nm")
    if node_nm < _LEAST_GRID_NODE:
        how = "as at 22 nm" if unit == "ns" else "22 nm times the square root of the node"
        found = found.lowered(f"below 22 nm: {how}")
    return found


def _silicon(what: str, size: int, node_nm: float, unit: str) -> Quantity:
    """Area and leakage: computed at one size, proportional to the bytes."""
    (computed,) = {row["size_bytes"] for row in _rows("size_grid") if row[what] is not None}
    node = max(node_nm, _LEAST_GRID_NODE)
    points = sorted((row["node_nm"], row[what]) for row in _rows("size_grid") if row[what] is not None)
    value, _ = log_log(node, points)
    found = Quantity(value * size / computed, unit, _rows("size_grid")[0]["source"], "A", node)
    if size != computed:
        found = found.lowered("in proportion to the size, from 16 MiB")
    return found if node == node_nm else found.lowered("of 22 nm, the smallest node computed")


def _published(model: str, size: int) -> Quantity:
    """Three published points; read and write are not told apart."""
    points = [(bytes_, arithmetic(item, SRAM_MODELS[model])) for item, bytes_ in _POINTS.items()]
    value, outside = log_log(size, [(x, q.value) for x, q in points])
    any_point = points[0][1]
    found = Quantity(value, "pJ/word", any_point.source, any_point.grade, any_point.node_nm, any_point.vdd)
    return found.lowered("beyond the sizes published, 8 KiB to 1 MiB") if outside else found


def _towards_tpuv4i(found: Quantity, what: str, size: int, node_nm: float) -> float:
    """The pessimistic side below 22 nm: a line from CACTI at 22 nm to the published points at 7 nm."""
    at_22 = _grid(what, size, _LEAST_GRID_NODE, found.unit).value
    return log_log(node_nm, [(_LEAST_NODE, _published("tpuv4i", size).value), (_LEAST_GRID_NODE, at_22)])[0]


def _bounded(found: Quantity, other: float) -> Quantity:
    low, high = sorted([found.value, other])
    return replace(found, bounds=(low, high))


def _wire(area: Quantity, word_bits: int, node_nm: float) -> Quantity:
    """Energy to carry a word over half the diagonal of the square: e_wire * sqrt(area / 2) a bit."""
    per_mm = arithmetic("wire_full_swing")
    moved = per_mm * (sqrt(area.value / 2) * word_bits)
    low_high = moved.bounds or (moved.value, moved.value)
    note = f"banks joined by {sqrt(area.value / 2):.2f} mm of wire"
    return Quantity(moved.value, "pJ/word", moved.source, "C", node_nm, None, low_high, (), note)


@cache
def _rows(series: str) -> tuple[Row, ...]:
    return tuple(row for row in table_rows("sram_cacti") if row["series"] == series)


@cache
def _curves(what: str) -> dict[float, list[tuple[float, float]]]:
    """Node -> points (bytes, value), rising."""
    curves: dict[float, list[tuple[float, float]]] = {}
    for row in _rows("size_grid"):
        if row[what] is not None:
            curves.setdefault(row["node_nm"], []).append((row["size_bytes"], row[what]))
    return {node: sorted(curves[node]) for node in sorted(curves)}


def _round(node: float, known: Sequence[float]) -> list[float]:
    """The node itself, or the two known ones it lies between (the last two, beyond them)."""
    if node in known:
        return [node]
    place = min(max(bisect_left(known, node), 1), len(known) - 1)
    return list(known[place - 1 : place + 1])


def log_log(x: float, points: Iterable[tuple[float, float]]) -> tuple[float, bool]:
    """Value at `x` on straight lines in logarithms through rising points; and whether `x` lies beyond them.

    Examples
    --------
    >>> log_log(4, [(1, 10), (16, 40)]), log_log(16, [(1, 10), (4, 20)])
    ((20.0, False), (40.0, True))
    """
    known = list(points)
    xs = [px for px, _ in known]
    outside = not xs[0] <= x <= xs[-1]
    if x in xs:
        return float(known[xs.index(x)][1]), outside
    if len(known) == 1:
        return float(known[0][1]), outside
    place = min(max(bisect_left(xs, x), 1), len(xs) - 1)
    (x0, y0), (x1, y1) = known[place - 1 : place + 1]
    share = log(x / x0) / log(x1 / x0)
    return y0 * exp(share * log(y1 / y0)), outside


def power_law(node_nm: float, what: Literal["read_pj", "write_pj"] = "read_pj") -> tuple[float, float, float]:
    """Least-squares ``E = c * KiB**p`` through the grid of one node: c in pJ, p, and the largest relative error.

    The exponent is about one half: the wires of a square array.

    Examples
    --------
    >>> c, p, error = power_law(45)
    >>> round(c, 3), round(p, 3), round(error, 2)
    (2.471, 0.521, 0.19)
    """
    points = [(log(size / 1024), log(energy)) for size, energy in _curves(what)[node_nm]]
    mx, my = (sum(axis) / len(points) for axis in zip(*points))
    p = sum((x - mx) * (y - my) for x, y in points) / sum((x - mx) ** 2 for x, _ in points)
    c = my - p * mx
    return exp(c), p, max(abs(exp(c + p * x - y) - 1) for x, y in points)
