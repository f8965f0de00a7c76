"""Access traces: which row of which tensor was read or written at which tick, in the order of the run."""

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.monitors import ABOUT, Monitor
from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import TRACE, Tensor, Traffic
from sdrsim.errors import NetworkError
from sdrsim.files.table import Table

__all__ = ["MOST_ACCESSES", "TraceMonitor", "Tracer"]

MOST_ACCESSES = 1_000_000
AT_ONCE = 8192  # accesses that wait before they are put into columns
_COLUMNS = TRACE.names or ()
Columns = Mapping[str, NDArray[Any]]
ACCESS = {"tick": np.dtype(np.int64), **{name: TRACE[name] for name in _COLUMNS}}


class TraceMonitor(Monitor):
    """Accesses of fields and of the synapses of projections; made by ``Simulator.monitor(name, "trace")``.

    One record is one access. Column ``tensor`` is the place in ``Simulator.traffic.tensors``, so that traffic and trace
    go into a result file together: ``write_result(..., traffic=sim.traffic, trace=monitor.trace)``.

    Parameters
    ----------
    names : sequence of str
        Fields and projections; of several, one trace in the order of the run.
    tensors : mapping of str to Tensor
        What the simulator knows by now: kept, not copied.
    every, limit, file
        As of a `Monitor`; the bound in memory is 1,000,000 accesses (22 bytes each) where `limit` is None.
    """

    most = MOST_ACCESSES

    def __init__(
        self,
        names: Sequence[str],
        tensors: Mapping[str, Tensor],
        every: int = 1,
        limit: int | None = None,
        file: Any = None,
    ) -> None:
        self.names = list(names)
        self._tensors = tensors
        super().__init__(", ".join(self.names), None, "trace", every, limit, file, columns=_COLUMNS)

    def _empty(self) -> None:
        self._accesses = Newest(self.limit or 0)
        self._waiting: list[tuple[int, NDArray[np.int32], NDArray[Any]]] = []
        self._n_waiting = 0

    def _dtypes(self) -> dict[str, str]:
        return {name: kind.str for name, kind in ACCESS.items()}

    def accessed(self, tick: int, places: NDArray[np.int32], trace: NDArray[Any]) -> None:
        """Something was read or written (called by the simulator); `places` of the tensors that `trace` counts."""
        if tick % self.every:
            return
        n = len(trace)
        if self.limit is not None and self.n_records + n > self.limit:
            if self.file is None:
                self.n_dropped = self.n_records + n - self.limit
            else:
                n = self.limit - self.n_records
                self.n_dropped += len(trace) - n
                trace = trace[:n]
        if n:
            self.n_records += n
            self._waiting.append((tick, places, trace))
            self._n_waiting += n
            if self._n_waiting >= AT_ONCE:
                self._settle()

    def _settle(self) -> None:
        """Put what waits where it belongs: many steps at once, as one alone costs as much as a thousand accesses."""
        if not self._waiting:
            return
        ticks, places, traces = zip(*self._waiting)
        self._waiting, self._n_waiting = [], 0
        lengths = [len(trace) for trace in traces]
        columns = {name: np.concatenate([trace[name] for trace in traces]) for name in ("row", "write", "phase")}
        columns["tick"] = np.repeat(np.array(ticks, np.int64), lengths)
        if max(map(len, places)) == 1:
            columns["tensor"] = np.repeat(np.concatenate(places), lengths)
        else:
            starts = np.cumsum([0, *map(len, places[:-1])])
            within = np.concatenate([trace["tensor"] for trace in traces])
            columns["tensor"] = np.concatenate(places)[within + np.repeat(starts, lengths)]
        if self.file is None:
            self._accesses.append(columns)
        else:
            self._writer.append(**columns)

    def close(self) -> None:
        """Close the file, which makes it whole; nothing to do for a monitor in memory."""
        self._settle()
        super().close()

    def _files(self) -> list[tuple[Path, int]]:
        self._settle()
        return super()._files()

    @property
    def tensors(self) -> dict[str, Tensor]:
        """What column ``tensor`` counts: the tensors the simulator has seen accessed, ``field/tensor``, in order."""
        return dict(self._tensors)

    @property
    def ticks(self) -> NDArray[np.int64]:
        """(n,) int64: the tick of each access."""
        return np.asarray(self._columns_kept()["tick"], np.int64)

    @property
    def trace(self) -> NDArray[Any]:
        """(n,) of dtype `TRACE`: the accesses, as ``write_result(trace=)`` takes them."""
        columns = self._columns_kept()
        made = np.empty(len(columns["tick"]), TRACE)
        for name in _COLUMNS:
            made[name] = columns[name]
        return made

    @property
    def table(self) -> Table:
        """Columns tick, tensor, row, write, phase; one row per access."""
        columns = self._columns_kept()
        return Table(columns, descriptions={name: ABOUT[name] for name in columns})

    def _columns_kept(self) -> dict[str, NDArray[Any]]:
        if self.file is None:
            self._settle()
            return self._accesses.columns()
        parts = self._table_parts()
        return {name: np.concatenate([np.zeros(0, kind), *(t[name] for t in parts)]) for name, kind in ACCESS.items()}

    def _kept(self) -> dict[str, Any]:
        return {"accesses": self._columns_kept()}

    def _take_over(self, kept: Mapping[str, Any]) -> None:
        self._accesses.append(kept["accesses"])

    def state(self) -> dict[str, Any]:
        """Settings and records."""
        return {**super().state(), "names": self.names}

    @classmethod
    def _again(cls, state: Mapping[str, Any], source: Any, file: Path | None) -> Self:
        return cls(state["names"], source, state["every"], state["limit"], file)


class Tracer:
    """Hands what traced parts of a network accessed to the monitors that watch them.

    `tensors` names them as ``Simulator.traffic`` does, in the order in which they were first accessed.
    """

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._watched: dict[int, tuple[str, Any, list[TraceMonitor]]] = {}
        self._known: dict[int, tuple[list[str], NDArray[np.int32]]] = {}  # names and places of a part's tensors

    def watch(self, name: str, part: Any, monitor: TraceMonitor) -> None:
        """Switch the tracing of a part on, for a monitor."""
        part.tracing = True
        monitors = self._watched.setdefault(id(part), (name, part, []))[2]
        if monitor not in monitors:  # under two names, say of two projections over the same synapses
            monitors.append(monitor)

    def take(self, part: Any, tick: int) -> None:
        """Hand over what a part has accessed since it was last asked.

        Raises
        ------
        NetworkError
            Its tracing was switched off, or it gave no trace.
        """
        found = self._watched.get(id(part))
        if found is None:
            return
        name, _, monitors = found
        if not part.tracing:
            raise NetworkError(f"trace of {name!r}", got="tracing switched off", do="run one simulator of a network")
        moved = part.take_trace()
        if moved is None:
            return
        trace = moved.trace
        if trace is None:
            raise NetworkError(f"trace of {name!r}", got="traffic without a trace", do="do not monitor it")
        names, places = self._known.get(id(part), (None, None))
        if places is None or names != list(moved.tensors):
            places = self._placed(name, moved.tensors)
            self._known[id(part)] = list(moved.tensors), places
        for monitor in monitors:
            monitor.accessed(tick, places, trace)

    def _placed(self, name: str, tensors: Mapping[str, Tensor]) -> NDArray[np.int32]:
        for tensor, shape in tensors.items():
            self.tensors.setdefault(f"{name}/{tensor}", shape)
        places = {full: i for i, full in enumerate(self.tensors)}
        return np.array([places[f"{name}/{tensor}"] for tensor in tensors], np.int32)

    def clear(self) -> None:
        """No tensors, nothing accessed; who is watched stays."""
        self.tensors.clear()
        self._known.clear()
        for _, part, _ in self._watched.values():
            part.take_trace()

    def state(self) -> dict[str, Any]:
        """The tensors in their order."""
        return traffic_state(Traffic(tensors=self.tensors))

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.tensors.update(traffic_from_state(state).tensors)


class Newest:
    """The newest accesses, at most `limit`, in blocks of columns: the oldest block goes when the rest is enough."""

    def __init__(self, limit: int) -> None:
        self.limit, self._blocks, self._n = limit, deque[Columns](), 0

    def __len__(self) -> int:
        return min(self._n, self.limit)

    def append(self, block: Columns) -> None:
        """Take a block over; it is not copied."""
        self._blocks.append(block)
        self._n += len(block["tick"])
        while self._n - (n := len(self._blocks[0]["tick"])) >= self.limit:
            self._blocks.popleft()
            self._n -= n

    def columns(self) -> dict[str, NDArray[Any]]:
        """The accesses kept, oldest first."""
        start = self._n - len(self)
        return {
            name: np.concatenate([np.zeros(0, kind), *(block[name] for block in self._blocks)])[start:]
            for name, kind in ACCESS.items()
        }
