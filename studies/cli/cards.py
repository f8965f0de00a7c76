"""`sdrsim cards`: the technologies that energies are priced with, every number with its source and grade."""

from typing import Annotated, Any

import typer

from sdrsim.files.table import Table
from sdrsim.hardware.card import Card
from sdrsim.hardware.quantity import GRADES
from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json
from sdrsim.studies.cli.report import emit, lines

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME|FILE.toml", help="A card, or a file of yours.", show_default=False)]
File = Annotated[str, typer.Argument(metavar="FILE.toml", help="A card of yours.", show_default=False)]


@app.callback()
def _cards() -> None:
    """Hardware cards: which there are, what they hold, whether one of yours is complete."""


@app.command("list")
@guarded
def list_command(as_json: Json = False, debug: Debug = False) -> None:
    """Name, node, memories and weakest grade of every card that comes with sdrsim."""
    cards = [Card.load(name) for name in Card.names()]
    if as_json:
        emit({"cards": [_summary(card) for card in cards]})
        return
    head = ("card", "node", "prices", "on chip", "off chip", "weakest", "what")
    print(lines(head, [_row(card) for card in cards], right=("node",)))
    print("\ngrades: A computed or measured with the named tool, B read in the named source, C not checked or assumed")


@app.command("show")
@guarded
def show_command(name: Name, as_json: Json = False, debug: Debug = False) -> None:
    """Every number of a card, with unit, range, node, grade and source."""
    card = Card.load(name)
    if as_json:
        emit(_summary(card) | {"note": card.note, "numbers": _records(card.table())})
        return
    print(f"{card!r}\n{card.title}{f' ({card.note})' if card.note else ''}\n")
    print(_numbers(card))


@app.command("check")
@guarded
def check_command(file: File, as_json: Json = False, debug: Debug = False) -> None:
    """Read a card of yours: grades, mixed nodes, numbers nobody checked; exit 2 with the place where it is wrong."""
    card = Card.load(file if file.endswith(".toml") else f"{file}.toml")
    record = _summary(card) | _findings(card)
    if as_json:
        emit(record)
        return
    print(f"{card!r}\n")
    grades = ", ".join(f"{n} {grade}" for grade, n in record["grades"].items())
    print(f"{record['n_numbers']} numbers, each with unit, source and grade: {grades}")
    if len(card.nodes) > 1:
        print(f"nodes: {', '.join(f'{node:g}' for node in card.nodes)} nm; nothing is scaled from one to another")
    if record["unverified"]:
        print(f"not verified: {', '.join(record['unverified'])}")
    if record["operations_missing"]:
        print(f"operations without a price: {', '.join(record['operations_missing'])}")
    if record["unknown"]:
        print(f"not known, left out of energies and times: {', '.join(record['unknown'])}")


@app.command("template")
@guarded
def template_command(debug: Debug = False) -> None:
    """Print a commented card to fill in: sdrsim cards template > my_card.toml."""
    print(Card.template(), end="")


def _summary(card: Card) -> dict[str, Any]:
    return {
        "name": card.name,
        "title": card.title,
        "node_nm": card.node_nm,
        "nodes_nm": card.nodes,
        "basis": card.basis,
        "energy_unit": card.energy_unit,
        "on_chip": [repr(level) for level in card.on_chip],
        "off_chip": [repr(level) for level in card.off_chip],
        "n_operations": len(card.compute),
        "weakest_grade": card.weakest_grade,
    }


def _row(card: Card) -> tuple[Any, ...]:
    node = "-" if card.node_nm is None else f"{card.node_nm:g} nm"
    memories = (", ".join(map(repr, levels)) or "-" for levels in (card.on_chip, card.off_chip))
    return (card.name, node, card.basis, *memories, card.weakest_grade, card.title)


def _findings(card: Card) -> dict[str, Any]:
    numbers = card.quantities()
    grades = {grade: sum(q.grade == grade for q in numbers.values()) for grade in GRADES}
    return {
        "n_numbers": len(numbers),
        "grades": {grade: n for grade, n in grades.items() if n},
        "unverified": [path for path, q in numbers.items() if not q.verified],
        "operations_missing": card.missing_operations(),
        "unknown": card.unknown_numbers(),
    }


def _records(table: Table) -> list[dict[str, Any]]:
    columns = {name: table[name].tolist() for name in table.columns}
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def _numbers(card: Card) -> str:
    """All numbers; a range only where there is one."""
    rows = []
    for path, q in card.quantities().items():
        span = "" if q.low == q.high else f"{q.low:.4g} .. {q.high:.4g}"
        node = "" if q.node_nm is None else f"{q.node_nm:g}"
        source = f"{q.source} ({q.note})" if q.note else q.source
        source += "".join(f"; also {other.value:.6g} [{other.grade}]: {other.source}" for other in q.alternatives)
        rows.append((path, f"{q.value:.6g}", q.unit, span, node, q.grade, source))
    return lines(("number", "value", "unit", "range", "nm", "grade", "source"), rows, right=("value", "nm"))
