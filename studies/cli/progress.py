"""How far a run is: bars on a terminal, log lines elsewhere, both on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from sdrsim.studies.study import Progress

__all__ = ["reporter"]

_EVERY_S = 10.0


@contextmanager
def reporter(name: str) -> Iterator[Progress]:
    """A progress callback for a run called `name`."""
    if sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _Lines(name)


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def progress(done: int, total: int, what: str) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)  # type: ignore[arg-type]

        yield progress


class _Lines:
    """A line when a part begins, when it ends, and every ten seconds between."""

    def __init__(self, name: str) -> None:
        self._name, self._what, self._said, self._began = name, "", 0.0, monotonic()

    def __call__(self, done: int, total: int, what: str) -> None:
        now = monotonic()
        if what == self._what and done < total and now - self._said < _EVERY_S:
            return
        self._what, self._said = what, now
        print(f"{self._name}: {what} {done}/{total} ({now - self._began:.0f} s)", file=sys.stderr, flush=True)
