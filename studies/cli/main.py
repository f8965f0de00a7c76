"""`sdrsim`: the table of commands, and the program that imports only the one asked for."""

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer

from sdrsim import __version__
from sdrsim.errors import SdrsimWarning
from sdrsim.studies.cli import guard

__all__ = ["COMMANDS", "main"]


class Command(NamedTuple):
    """Where a command lives (a module with `command`, or `app` with commands of its own), and its line of help."""

    module: str
    help: str


COMMANDS = {
    "demo": Command("sdrsim.studies.cli.demo", "Store and recall real digits: a table, a result file, a figure."),
    "studies": Command("sdrsim.studies.cli.studies_cmd", "List the studies, or say what one of them has to set."),
    "run": Command("sdrsim.studies.cli.run", "Run one study: one HDF5 file and a figure."),
    "figure": Command("sdrsim.studies.cli.figure", "Draw the figure of a result file again: SVG, PDF, PNG, CSV."),
    "show": Command("sdrsim.studies.cli.show", "Say what a result file holds."),
    "rerun": Command("sdrsim.studies.cli.rerun", "Run a result file's study again and compare, bit for bit."),
    "verify": Command("sdrsim.studies.cli.verify", "All checks of all studies; exit 1 when one fails."),
    "energy": Command("sdrsim.studies.cli.energy", "Price a recorded run again on any card, without simulating."),
    "data": Command("sdrsim.studies.cli.data", "Data sets: which there are and where they lie."),
    "cards": Command("sdrsim.studies.cli.cards", "Hardware cards: technologies, every number with source and grade."),
    "info": Command("sdrsim.studies.cli.info", "Versions, processor, threads, folders."),
}
_EPILOG = "Exit codes: 0 done, 1 a check failed, 2 bad input, 70 internal error, 130 interrupted."


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program on `arguments` (None: the process's own); ends in SystemExit with the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    wanted = next((a for a in given if not a.startswith("-")), None)
    shown = warnings.showwarning
    warnings.showwarning = _show_warning
    guard.debugging = "--debug" in given
    try:
        guard.guarded(_app)(wanted)(given, prog_name="sdrsim")
    except typer.Exit as end:
        raise SystemExit(end.exit_code) from None
    finally:
        warnings.showwarning = shown


def _app(wanted: str | None) -> typer.Typer:
    """The program with the wanted command loaded; of the others only the name and the help."""
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        epilog=_EPILOG,
    )
    app.callback()(_root)
    for name, (module, help_text) in COMMANDS.items():
        loaded = import_module(module) if name == wanted else None
        if hasattr(loaded, "app"):
            app.add_typer(loaded.app, name=name, help=help_text)  # type: ignore[union-attr]
        else:
            function: Callable[..., Any] = loaded.command if loaded is not None else _not_loaded
            app.command(name, help=None if loaded is not None else help_text)(function)
    return app


def _version(asked: bool) -> None:
    if asked:
        print(f"sdrsim {__version__}")
        raise typer.Exit


def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Simulate sparse associative memories; reproduce published results, with every number checked."""


def _not_loaded() -> None:
    raise AssertionError("a command that was not asked for ran")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """sdrsim's own warnings in one line, for readers; others with their place, for programmers."""
    own = issubclass(category, SdrsimWarning)
    text = (
        f"sdrsim: warning: {message}" if own else warnings.formatwarning(message, category, filename, lineno).rstrip()
    )
    print(text, file=sys.stderr)
