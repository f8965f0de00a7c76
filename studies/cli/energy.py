"""`sdrsim energy`: what a recorded run costs on a card, from the counters in its file; nothing is simulated again."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdrsim.errors import CapacityError, ParameterError
from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json, ResultFile
from sdrsim.studies.cli.report import emit, lines

if TYPE_CHECKING:
    from sdrsim.hardware.report import Report
    from sdrsim.hardware.runs import Run

__all__ = ["command", "in_whole_bytes"]

_SWEEP = [1 << power for power in range(13, 27)]  # 8 KiB .. 64 MiB
Policy = Annotated[str, typer.Option("--policy", help="auto, cache, pin, stream or off_chip, for every array.")]
Popularity = Annotated[
    str | None,
    typer.Option("--popularity", metavar="LAW", help="A cache without a trace: uniform, or a Zipf exponent."),
]


@guarded
def command(
    file: ResultFile,
    card: Annotated[str, typer.Option("--card", metavar="NAME|FILE.toml", help="sdrsim cards list.")] = "cmos45_ddr4",
    on_chip: Annotated[
        str | None,
        typer.Option("--on-chip", metavar="SIZE", help="Memory on the chip: 64KiB, 1MiB, 0; the card's own."),
    ] = None,
    phase: Annotated[str | None, typer.Option("--phase", help="retrieve, learn, settle, decay or io alone.")] = None,
    items: Annotated[int | None, typer.Option("--items", metavar="N", help="Items of the run: energy of one.")] = None,
    policy: Policy = "auto",
    popularity: Popularity = None,
    sweep: Annotated[bool, typer.Option("--sweep", help="Capacities from 8 KiB to 64 MiB, and a figure.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="NAME", help="Path of the sweep's figures without ending.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Energy, time and bytes of a recorded run, on and off the chip, by role; with range, grades, what is left out."""
    from sdrsim.hardware import Placement, estimate
    from sdrsim.hardware.runs import as_run

    run = as_run(file)
    law = popularity if popularity in (None, "uniform") else _number("--popularity", str(popularity))
    options: dict[str, Any] = {"policy": policy, "popularity": law}
    if sweep:
        if on_chip is not None:
            raise ParameterError("--on-chip", got=f"{on_chip} with --sweep", expected="one of them")
        _sweep(run, card, options, phase, items, out or file.with_name(f"{file.stem}-energy"), as_json)
        return
    size = None if on_chip is None else in_whole_bytes(on_chip)
    report = estimate(run, card, Placement(on_chip_bytes=size, **options), phase=phase, n_items=items)
    if as_json:
        emit(_record(report) | {"table": list(report.table(("phase", "projection", "role", "level")).rows())})
        return
    print(f"{report!r}\n")
    print(_table(report))


def _sweep(
    run: "Run", card: str, options: dict[str, Any], phase: str | None, items: int | None, out: Path, as_json: bool
) -> None:
    from sdrsim.files.table import Table
    from sdrsim.hardware import Placement, compare
    from sdrsim.studies.plotting import DOUBLE_COLUMN, energy, save, subplots

    some, found, small = run if phase is None else run.only(phase), [], []
    for size in _SWEEP:
        place = Placement(on_chip_bytes=size, **options)
        try:
            found.append(compare({run.name or "run": {"traffic": some, "n_items": items or 1}}, [card], [place]))
        except CapacityError as error:  # too small for this card, or for a pin
            small.append((size, error))
    if not found:
        raise small[-1][1]
    table, parts = Table.concat(found), Table.concat(one.parts for one in found)
    figure, axes = subplots(1, 1, (DOUBLE_COLUMN[0], 4.2))
    energy(axes, parts, bars=("on_chip_bytes",))
    axes.set_title(f"{run.name} on {table['card'][0]}" + (f", {phase}" if phase else ""))
    files = save(figure, out, table=table)
    if as_json:
        emit({"sweep": list(table.rows()), "parts": list(parts.rows()), "files": [str(path) for path in files]})
        return
    head = ("on chip", "energy", "low", "high", "static", "bytes on chip", "bytes off chip", "time ns")
    names = ("pj", "low_pj", "high_pj", "static_pj")
    rows = [
        (
            _size(row["on_chip_bytes"]),
            *(_energy(row[name], table.units["pj"]) for name in names),
            f"{row['on_chip_bytes_moved']:,.0f}",
            f"{row['off_chip_bytes_moved']:,.0f}",
            f"{row['time_ns']:,.0f}" if row["time_ns"] else "-",
        )
        for row in table.rows()
    ]
    print(lines(head, rows, right=head))
    last = found[-1].reports[-1]
    if small:
        print(f" left out, too small: {', '.join(_size(size) for size, _ in small)} ({small[0][1].what})")
    print("\n".join(["", f" weakest grade {last.weakest_grade}", *_said(last), *(f" wrote {path}" for path in files)]))


def _said(report: "Report") -> list[str]:
    return [f" assumed: {text}" for text in report.notes] + [f" not counted: {text}" for text in report.not_counted]


def _table(report: "Report") -> str:
    unit = report.energy_unit.lower()
    head = ("phase", "array", "role", "level", "bytes", "useful", "energy", "low", "high")
    rows = [
        (
            row["phase"] or "-",
            row["projection"] or "-",
            row["role"],
            row["level"],
            f"{row['bytes']:,}",
            f"{row['useful_bytes'] / row['bytes']:.0%}" if row["bytes"] else "-",
            *(_energy(row[name], report.energy_unit) for name in (unit, f"low_{unit}", f"high_{unit}")),
        )
        for row in report.table(("phase", "projection", "role", "level")).rows()
    ]
    return lines(head, rows, right=("bytes", "useful", "energy", "low", "high"))


def _record(report: "Report") -> dict[str, Any]:
    return {
        "card": report.card.name,
        "node_nm": report.card.node_nm,
        "placement": repr(report.placement),
        "energy_unit": report.energy_unit,
        "total": report.total_pj,
        "low": report.low_pj,
        "high": report.high_pj,
        "split": report.split(),
        "time_ns": report.time_ns,
        "edp": report.edp,
        "per_synop": report.pj_per_synop(),
        "per_synop_with_static": report.pj_per_synop(static=True),
        "per_item": report.pj_per_item,
        "bytes_on_chip": report.bytes_moved(True),
        "bytes_off_chip": report.bytes_moved(False),
        "useful_fraction": report.useful_fraction(),
        "weakest_grade": report.weakest_grade,
        "assumed": list(report.notes),
        "not_counted": list(report.not_counted),
    }


def in_whole_bytes(text: str) -> int:
    """A size in words: ``64KiB``, ``1 MiB``, ``2MB``, ``0``.

    Raises
    ------
    sdrsim.errors.ParameterError
        No size, a negative one, or no whole number of bytes.

    Examples
    --------
    >>> in_whole_bytes("64KiB"), in_whole_bytes("1.5 MiB"), in_whole_bytes("4096")
    (65536, 1572864, 4096)
    """
    from sdrsim.hardware.quantity import conversion

    found = re.fullmatch(r"\s*([0-9.]+)\s*([A-Za-z]*)\s*", text)
    if found is None:
        raise ParameterError("--on-chip", got=repr(text), expected="a size like 64KiB, 1MiB or 0")
    size = _number("--on-chip", found[1]) * conversion(found[2] or "B", "B")
    if size != int(size):
        raise ParameterError("--on-chip", got=repr(text), expected="a whole number of bytes")
    return int(size)


def _number(what: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ParameterError(what, got=repr(text), expected="a number") from None


def _size(n: int) -> str:
    from sdrsim.hardware.levels import in_bytes

    return in_bytes(int(n))


def _energy(value: float, unit: str) -> str:
    from sdrsim.hardware.report import in_energy

    return in_energy(value, unit)
