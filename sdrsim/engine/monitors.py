"""Monitors: what a field emitted, measured or moved, kept in bounded memory or streamed to a file."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.events import Event
from sdrsim.engine.states import codes_from_state, codes_state
from sdrsim.engine.traffic import COUNTERS
from sdrsim.errors import FileFormatError, NetworkError, ParameterError
from sdrsim.files.table import Table

__all__ = ["ABOUT", "KINDS", "LIMIT", "Monitor"]

KINDS = ("code", "scalar", "traffic", "event", "trace")
LIMIT = 100_000
_EVENT_COLUMNS = ("serial", "n_active", "projection")
ABOUT = {
    "tick": "tick of the record",
    "n_active": "active units",
    "serial": "running number of the event",
    "projection": "place of the projection in Network.projections, -1 from outside",
    "tensor": "place of the tensor in Simulator.traffic.tensors",
    "row": "row of the tensor",
    "write": "written (read, changed, put back), else read",
    "phase": "place of the phase: retrieve, learn, settle, decay, io",
    **COUNTERS,
}
Record = tuple[int, Any]  # tick, and the code's indices or the values of the columns


class Monitor:
    """Records of one field; made by ``Simulator.monitor``.

    Parameters
    ----------
    name : str
        The field.
    source : Field
        The field itself.
    kind : "code", "scalar", "traffic" or "event"
        What it emitted; what its ``scalars()`` says after a step; what its counters rose by since the last record;
        what was delivered to it. For "trace" see `TraceMonitor`.
    every : int
        Only ticks that are a multiple of it.
    limit : int or None
        Records kept. In memory the newest are (None: 100,000); in a file the first (None: all). `n_dropped` tells how
        many were not.
    file : path or None
        Stream the records to this HDF5 file instead (see `sdrsim.files.streams`); it is whole after `close`.

    Raises
    ------
    NetworkError
        "scalar" of a field without ``scalars()``.
    ParameterError
        Unknown kind, `every` or `limit` below 1.
    FileFormatError
        The file cannot be written.
    """

    most = LIMIT

    def __init__(
        self,
        name: str,
        source: Any,
        kind: str,
        every: int = 1,
        limit: int | None = None,
        file: Any = None,
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        if kind not in KINDS:
            raise ParameterError("monitor", got=repr(kind), expected=" or ".join(map(repr, KINDS)))
        for what, n in (("every", every), ("limit", limit)):
            if n is not None and (isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1):
                raise ParameterError(what, got=repr(n), expected="a whole number, at least 1")
        self.field, self.kind, self.every = name, kind, int(every)
        self.file = None if file is None else Path(file)
        self.limit = int(limit) if limit is not None else (self.most if file is None else None)
        self._source, self.size = source, getattr(source, "size", None)
        self._columns = self._columns_of(source) if columns is None else list(columns)
        self._earlier: list[tuple[Path, int]] = []  # files of the run before a checkpoint, records that count
        self.clear()

    def _columns_of(self, source: Any) -> list[str]:
        if self.kind == "scalar":
            if not hasattr(source, "scalars"):
                got, do = "a field without scalars()", "monitor 'code' or 'traffic'"
                raise NetworkError(f"scalars of {self.field!r}", got=got, do=do)
            return list(source.scalars())
        return list({"traffic": tuple(COUNTERS), "event": _EVENT_COLUMNS}.get(self.kind, ()))

    def clear(self) -> None:
        """No records, traffic counted from here on; a file begins anew."""
        self.n_records = self.n_dropped = 0
        self._base = totals_of(self._source) if self.kind == "traffic" else np.zeros(0, np.int64)
        self._empty()
        self._earlier.clear()
        self._writer: Any = None
        if self.file is not None and (self.kind == "code" or self._columns):
            self._open()

    def _empty(self) -> None:
        self._ring: deque[Record] = deque(maxlen=self.limit if self.file is None else 0)

    # ---- recording (called by the simulator) --------------------------------------------------------------------

    def stepped(self, tick: int, code: SDR | None) -> None:
        """The field was stepped and emitted `code`."""
        if tick % self.every:
            return
        if self.kind == "code":
            if code is not None:
                self.size = code.size
                self._record(tick, code.indices.copy())  # a copy: the view may hold on to a large array
        elif self.kind == "scalar":
            self._record(tick, self._scalars(self._source.scalars()))
        elif self.kind == "traffic":
            totals = totals_of(self._source)
            self._record(tick, tuple((totals - self._base).tolist()))
            self._base = totals

    def delivered(self, event: Event, projection: int) -> None:
        """An event with a code was delivered to the field."""
        if event.tick % self.every == 0 and event.code is not None:
            self._record(event.tick, (event.serial, len(event.code.indices), projection))

    def _scalars(self, values: Mapping[str, float]) -> tuple[float, ...]:
        new = [name for name in values if name not in self._columns]
        if new and self._writer is not None:
            got = f"new names {', '.join(new)}"
            raise NetworkError(
                f"scalars of {self.field!r}", got=got, expected=f"{', '.join(self._columns)}, as in the file"
            )
        self._columns += new
        return tuple(float(values.get(name, np.nan)) for name in self._columns)

    def _record(self, tick: int, values: Any) -> None:
        if self.file is None:
            self.n_dropped += len(self._ring) == self.limit
            self._ring.append((tick, values))
        elif self.limit is not None and self.n_records >= self.limit:
            self.n_dropped += 1
            return
        else:
            if self._writer is None:
                self._open()
            if self.kind == "code":
                self._writer.append_code(tick, values)
            else:
                self._writer.append(tick=tick, **dict(zip(self._columns, values)))
        self.n_records += 1

    def _open(self) -> None:
        from sdrsim.files.streams import StreamWriter

        columns = self._dtypes()
        about = {name: text for name, text in ABOUT.items() if name in columns}
        assert self.file is not None
        self._writer = StreamWriter(self.file, columns, descriptions=about)

    def _dtypes(self) -> dict[str, str]:
        kind = "f8" if self.kind == "scalar" else "i8"
        return {} if self.kind == "code" else {"tick": "i8", **dict.fromkeys(self._columns, kind)}

    def close(self) -> None:
        """Close the file, which makes it whole; nothing to do for a monitor in memory."""
        if self._writer is not None:
            self._writer.close()

    # ---- reading ------------------------------------------------------------------------------------------------

    @property
    def ticks(self) -> NDArray[np.int64]:
        """(n,) int64: the ticks of the records."""
        if self.file is None:
            return np.array([tick for tick, _ in self._ring], np.int64)
        if self.kind == "code":
            return np.concatenate([np.zeros(0, np.int64), *(part[0] for part in self._code_parts())])
        return np.asarray(self.table["tick"], np.int64)

    @property
    def codes(self) -> SDR:
        """The recorded codes, item i at ``ticks[i]``.

        Raises
        ------
        NetworkError
            Not a "code" monitor, or nothing recorded of a field that does not say its size.
        """
        if self.kind != "code" or self.size is None:
            got = "nothing recorded yet" if self.kind == "code" else f"a {self.kind!r} monitor"
            raise NetworkError(f"codes of {self.field!r}", got=got, expected="a 'code' monitor with records")
        if self.file is None:
            parts = [indices for _, indices in self._ring]
            lengths = [len(part) for part in parts]
            flat = np.concatenate([np.zeros(0, np.int32), *parts])
        else:
            found = list(self._code_parts())
            lengths = [n for _, indptr, _ in found for n in np.diff(indptr).tolist()]
            flat = np.concatenate([np.zeros(0, np.int32), *(indices for _, _, indices in found)])
        return SDR(flat, np.cumsum([0, *lengths]), self.size)

    @property
    def trace(self) -> NDArray[Any]:
        """(n,) of dtype `TRACE`: the recorded accesses of a "trace" monitor.

        Raises
        ------
        NetworkError
            Another kind of monitor.
        """
        got = f"a {self.kind!r} monitor"
        raise NetworkError(f"trace of {self.field!r}", got=got, expected="a 'trace' monitor")

    @property
    def table(self) -> Table:
        """Column tick, then n_active of codes, the scalars, the counters, serial, n_active, projection of events, or
        tensor, row, write of accesses.
        """
        if self.kind == "code":
            columns: dict[str, Any] = {"tick": self.ticks}
            columns["n_active"] = self.codes.n_active if len(columns["tick"]) else np.zeros(0, np.int64)
        elif self.file is None:
            rows = self._rows()
            columns = {"tick": self.ticks, **{name: rows[:, j] for j, name in enumerate(self._columns)}}
        else:
            return Table.concat(self._table_parts())
        return Table(columns, descriptions={k: v for k, v in ABOUT.items() if k in columns})

    def _rows(self) -> NDArray[Any]:
        """(n, columns); a column that came later is NaN before."""
        width = len(self._columns)
        rows = [values + (np.nan,) * (width - len(values)) for _, values in self._ring]
        return np.array(rows, np.float64 if self.kind == "scalar" else np.int64).reshape(len(rows), width)

    def _files(self) -> list[tuple[Path, int]]:
        n_earlier = sum(n for _, n in self._earlier)
        if self._writer is None:
            return list(self._earlier)
        if self._writer.log_path.exists():
            self._writer.flush()
        return [*self._earlier, (self._writer.path, self.n_records - n_earlier)]

    def _table_parts(self) -> list[Table]:
        from sdrsim.files.streams import read_stream

        found = [(read_stream(_whole_or_log(path)), path, n) for path, n in self._files()]
        return [table.take(slice(0, _enough(len(table), n, path))) for table, path, n in found]

    def _code_parts(self) -> list[tuple[NDArray[Any], NDArray[Any], NDArray[Any]]]:
        from sdrsim.files.streams import read_codes

        found = [(read_codes(_whole_or_log(path)), path, n) for path, n in self._files()]
        cut = [(s, _enough(len(s.ticks), n, path)) for s, path, n in found]
        return [(s.ticks[:n], s.indptr[: n + 1], s.indices[: s.indptr[n]]) for s, n in cut]

    def __repr__(self) -> str:
        where = "" if self.file is None else f", in {self.file}"
        dropped = f", {self.n_dropped:,} dropped" if self.n_dropped else ""
        return f"Monitor({self.field!r}, {self.kind!r}, {self.n_records:,} records{dropped}{where})"

    # ---- keeping ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Settings and records; of a streamed one the files and how much of each counts."""
        files = self._files() if self.file is not None else []
        return {
            "field": self.field,
            "kind": self.kind,
            "every": self.every,
            "limit": self.limit,
            "file": None if self.file is None else str(self.file),
            "files": [str(path.absolute()) for path, _ in files],
            "file_records": [n for _, n in files],
            "size": self.size,
            "columns": list(self._columns),
            "n_records": self.n_records,
            "n_dropped": self.n_dropped,
            "since": totals_of(self._source) - self._base if self.kind == "traffic" else self._base,
            **(self._kept() if self.file is None else {}),
        }

    def _kept(self) -> dict[str, Any]:
        """The records in memory."""
        if self.kind == "code":
            return {"ticks": self.ticks, "codes": codes_state(list(self.codes) if self._ring else [])}
        return {"ticks": self.ticks, "rows": self._rows()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], source: Any) -> Self:
        """The monitor as it was. A streamed one goes on in a new file beside the old; reading gives both."""
        file = None if state["file"] is None else _free_path(Path(state["file"]))
        made = cls._again(state, source, file)
        made.size, made.n_records, made.n_dropped = state["size"], state["n_records"], state["n_dropped"]
        made._earlier = [(Path(path), n) for path, n in zip(state["files"], state["file_records"]) if n]
        if made.kind == "traffic":
            made._base = totals_of(source) - state["since"]
        if made.file is None:
            made._take_over(state)
        return made

    @classmethod
    def _again(cls, state: Mapping[str, Any], source: Any, file: Path | None) -> Self:
        """A new one of the same settings."""
        settings = state["kind"], state["every"], state["limit"], file
        return cls(state["field"], source, *settings, columns=state["columns"])

    def _take_over(self, kept: Mapping[str, Any]) -> None:
        """What `_kept` gave."""
        if self.kind == "code":
            values: Any = [c.indices for c in codes_from_state(kept["codes"]) if c is not None]
        else:
            values = map(tuple, kept["rows"].tolist())
        self._ring.extend(zip(kept["ticks"].tolist(), values))


def totals_of(field: Any) -> NDArray[np.int64]:
    """The counters of a field, summed over projections and phases, in the order of `COUNTERS`."""
    return sum(field.traffic.counts.values(), np.zeros(len(COUNTERS), np.int64))


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _whole_or_log(path: Path) -> Path:
    """Where a stream is: its log while it is open (a file at the path is an older one then), else the file."""
    return _log(path) if _log(path).exists() else path


def _enough(n_found: int, n: int, path: Path) -> int:
    if n_found < n:
        raise FileFormatError(f"stream {path}", got=f"{n_found:,} records", expected=f"the {n:,} there were")
    return n


def _free_path(path: Path) -> Path:
    """``name.2.h5``, or ``name.3.h5``, ...: the first with neither a file nor a log."""
    head, _, tail = path.stem.rpartition(".")
    stem = head if tail.isdecimal() and head else path.stem
    names = (path.with_name(f"{stem}.{i}{path.suffix}") for i in range(2, 2**31))
    return next(p for p in names if not p.exists() and not _log(p).exists())
