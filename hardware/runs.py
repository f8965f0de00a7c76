"""A run as the hardware model sees it: counters per projection and phase, the arrays behind them, the trace."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.traffic import COUNTERS, PHASES, TRACE, Tensor, Traffic
from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.files.table import Table

__all__ = ["Part", "Run", "as_run"]


class Part(NamedTuple):
    """What one projection did in one phase: its counters by name, and its array."""

    projection: str
    phase: str
    counts: Mapping[str, int]
    tensor: Tensor

    @property
    def element_bits(self) -> int:
        """Bits of an element as simulated."""
        return self.tensor.element_bits

    @property
    def row_elements(self) -> int:
        """Elements of one row."""
        return 8 * self.tensor.row_bytes // self.element_bits


@dataclass(frozen=True)
class Run:
    """Parts of a run, its arrays in the order the trace counts them, and the trace (dtype `TRACE`) if one was kept."""

    parts: tuple[Part, ...]
    tensors: Mapping[str, Tensor]
    trace: NDArray[Any] | None = None
    name: str = ""
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)  # what passes over the trace found

    @property
    def phases(self) -> tuple[str, ...]:
        """Phases in which something was counted, in their usual order."""
        seen = {part.phase for part in self.parts}
        return tuple(phase for phase in PHASES if phase in seen)

    def only(self, phase: str) -> "Run":
        """One phase: its counters and its accesses.

        Raises
        ------
        sdrsim.errors.ParameterError
            An unknown phase, or one in which nothing was counted.
        """
        if phase not in PHASES:
            raise ParameterError("phase", got=repr(phase), expected=", ".join(PHASES))
        parts = tuple(part for part in self.parts if part.phase == phase)
        if not parts:
            raise ParameterError("phase", got=f"{phase!r}: nothing was counted in it", expected=", ".join(self.phases))
        trace = None if self.trace is None else self.trace[self.trace["phase"] == PHASES.index(phase)]
        return Run(parts, self.tensors, trace, self.name)

    def total(self, counter: str) -> int:
        """One counter over all parts."""
        return sum(part.counts[counter] for part in self.parts)


def as_run(source: Any) -> Run:
    """The run behind a traffic, a result, or a result file.

    Parameters
    ----------
    source : Traffic, an object with ``traffic`` (a recall, a memory, a simulator), a Result, a path, or a Run
        A path is that of a file by `write_result`.

    Raises
    ------
    sdrsim.errors.ParameterError
        Something else; counters without arrays; a trace that does not list all that was counted.
    sdrsim.errors.FileFormatError
        A file without counters.

    Examples
    --------
    >>> t = Traffic(tensors={"U": Tensor(144, 32)})
    >>> t.add("U", "retrieve", rows_read=10, words_read=40, synops=2560)
    >>> as_run(t).parts[0].row_elements
    256
    """
    if isinstance(source, Run):
        return source
    if isinstance(source, (str, PathLike)):
        from sdrsim.files.result import read_result

        return as_run(read_result(Path(source)))
    traffic = source if isinstance(source, Traffic) else getattr(source, "traffic", None)
    if isinstance(traffic, Traffic):
        return _checked(_of_traffic(traffic))
    if isinstance(traffic, Table):
        return _checked(_of_result(source, traffic))
    if hasattr(source, "provenance"):
        path = str(source.path)
        raise FileFormatError(path, got="no traffic in it", expected="counters", do="write_result(..., traffic=...)")
    expected = "a Traffic, what has one (a recall, a memory), or a result file"
    raise ParameterError("run", got=type(source).__name__, expected=expected)


def _of_traffic(traffic: Traffic) -> Run:
    nothing = Tensor(0, 0, "")
    parts = [
        Part(projection, phase, counts, traffic.tensors.get(projection, nothing))
        for projection, phase, counts in traffic
        if any(counts.values())
    ]
    return Run(tuple(parts), dict(traffic.tensors), traffic.trace)


def _of_result(result: Any, table: Table) -> Run:
    """From the tables of a result file; columns that an older or foreign file lacks are said."""
    where = str(result.path)
    parts, tensors = [], {}
    for row in _rows(table, where, ("projection", "phase", "tensor_rows")):
        tensor = _tensor(row, row["tensor_rows"])
        counts = {name: int(row.get(name, 0)) for name in COUNTERS}
        tensors[row["projection"]] = tensor
        if any(counts.values()):
            parts.append(Part(row["projection"], row["phase"], counts, tensor))
    if not parts:
        raise FileFormatError(where, got="no counter above 0", expected="the traffic of a run")
    if result.tensors is not None:
        tensors = {row["name"]: _tensor(row, row["n_rows"]) for row in _rows(result.tensors, where, ("name", "n_rows"))}
    trace = result.trace
    columns = None if trace is None else {name: trace.dtype[name] for name in trace.dtype.names or ()}
    known = columns == {name: TRACE[name] for name in TRACE.names or ()}  # whatever lies between them in memory
    if trace is not None and (result.tensors is None or not known):
        got = "a trace without its arrays" if known else f"a trace of {trace.dtype.names}"
        raise FileFormatError(where, got=got, expected=f"columns {', '.join(TRACE.names or ())}, and tensors")
    return Run(tuple(parts), tensors, trace, Path(where).stem)


def _rows(table: Table, where: str, needed: tuple[str, ...]) -> list[dict[str, Any]]:
    lost = [name for name in (*needed, "row_bytes", "role") if name not in table.columns]
    if lost:
        raise FileFormatError(where, got=f"no column {', '.join(lost)}", expected="the traffic of a run by sdrsim")
    return list(table.rows())


def _tensor(row: Mapping[str, Any], n_rows: Any) -> Tensor:
    element, arithmetic = row.get("element") or "bit", row.get("arithmetic") or "add"
    role, grows = str(row["role"]), bool(row.get("grows", False))
    return Tensor(int(n_rows), int(row["row_bytes"]), role, grows, str(element), str(arithmetic))


def _checked(run: Run) -> Run:
    if not run.parts:
        raise ParameterError("run", got="no counter above 0", expected="the traffic of a run")
    if run.trace is None:
        return run
    names = list(run.tensors)
    if len(run.trace) and not 0 <= run.trace["tensor"].min() <= run.trace["tensor"].max() < len(names):
        raise ParameterError("trace", got="accesses of unknown arrays", expected=f"arrays 0 .. {len(names) - 1}")
    n_rows = np.array([tensor.n_rows for tensor in run.tensors.values()], np.int64)
    wrong = (run.trace["row"] < 0) | (run.trace["row"] >= n_rows[run.trace["tensor"]])
    if len(run.trace) and (wrong.any() or run.trace["phase"].max() >= len(PHASES)):
        at = run.trace[np.argmax(wrong | (run.trace["phase"] >= len(PHASES)))]
        got = f"phase {at['phase']}, row {at['row']}"
        expected = f"rows 0 .. {n_rows[at['tensor']] - 1} and phases 0 .. {len(PHASES) - 1}"
        raise ParameterError(f"trace of {names[at['tensor']]!r}", got=got, expected=expected)
    listed = _reads(run.trace, len(names))
    for part in run.parts:
        if part.projection in run.tensors:
            n = int(listed[names.index(part.projection), PHASES.index(part.phase)])
            if n != part.counts["rows_read"]:
                raise ParameterError(
                    f"trace of {part.projection!r} in phase {part.phase!r}",
                    got=f"{n:,} rows read",
                    expected=f"{part.counts['rows_read']:,}, as counted",
                    do="trace the whole run, without limit= and every=, or leave the trace out",
                )
    return run


def _reads(trace: NDArray[Any], n_tensors: int) -> NDArray[np.int64]:
    """(n_tensors, phases): reads listed."""
    place = trace["tensor"].astype(np.int64) * len(PHASES) + trace["phase"]
    n = np.bincount(place[~trace["write"]], minlength=n_tensors * len(PHASES))
    return n.reshape(n_tensors, len(PHASES))
