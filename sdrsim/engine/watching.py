"""Who watches what of a run: its monitors, and the parts of the network that are traced for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from sdrsim.engine.monitors import Monitor
from sdrsim.engine.network import Network
from sdrsim.engine.traces import TraceMonitor, Tracer
from sdrsim.errors import NetworkError

__all__ = ["Watch"]


class Watch:
    """The monitors of one simulator.

    Attributes
    ----------
    monitors : list of Monitor, in the order they were made
    stepped, delivered : dict of field name to list of Monitor
        Those that want to know that the field was stepped, or what was delivered to it.
    tracer : Tracer or None
        None before the first "trace" monitor, so that a run without one pays nothing.
    """

    def __init__(self, net: Network) -> None:
        self._net, self._stores = net, net.stores
        self.monitors: list[Monitor] = []
        self.stepped: dict[str, list[Monitor]] = {name: [] for name in net}
        self.delivered: dict[str, list[Monitor]] = {name: [] for name in net}
        self.tracer: Tracer | None = None
        for part in (*net.fields.values(), *self._stores.values()):
            if getattr(part, "tracing", False):
                part.tracing = False  # left on by a simulator before

    def add(self, name: Any, kind: str, every: int, limit: int | None, file: Any) -> Monitor:
        """A new monitor (see `Simulator.monitor`)."""
        made: Monitor
        if kind == "trace":
            names = [name] if isinstance(name, str) or not isinstance(name, Sequence) else list(name)
            if not names:
                raise NetworkError("trace", got="no names", expected="fields, or projections with synapses")
            for one in names:
                self._traceable(one)
            tracer = self.tracer or Tracer()
            made = TraceMonitor(names, tracer.tensors, every, limit, file)
            self.tracer = tracer
        else:
            made = Monitor(name, self._net[name], kind, every, limit, file)
        self._join(made)
        return made

    def _join(self, monitor: Monitor) -> None:
        self.monitors.append(monitor)
        if isinstance(monitor, TraceMonitor):
            assert self.tracer is not None
            for name in monitor.names:
                self.tracer.watch(*self._traceable(name), monitor)
        else:
            (self.delivered if monitor.kind == "event" else self.stepped)[monitor.field].append(monitor)

    def _traceable(self, name: Any) -> tuple[str, Any]:
        """What of the network is traced under a name, and how `Simulator.traffic` calls it."""
        projection = self._net.projections.get(name) if isinstance(name, str) and name not in self._net else None
        if projection is None:
            owner, part = name, self._net[name]
        elif projection.synapses is None:
            raise NetworkError(f"trace of {name!r}", got="a projection without synapses", do="monitor its target")
        else:
            part = projection.synapses
            owner = next(owner for owner, store in self._stores.items() if store is part)
        if not hasattr(part, "take_trace"):
            got, expected = f"a {type(part).__name__} without take_trace()", "one that can be traced: see Field"
            raise NetworkError(f"trace of {name!r}", got=got, expected=expected)
        return owner, part

    def clear(self) -> None:
        """No records."""
        if self.tracer is not None:
            self.tracer.clear()
        for monitor in self.monitors:
            monitor.clear()

    def state(self) -> dict[str, Any]:
        """All monitors, and the order of the tensors traced."""
        return {
            "tracer": None if self.tracer is None else self.tracer.state(),
            "monitors": {str(i): monitor.state() for i, monitor in enumerate(self.monitors)},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Monitors as they were, of a simulator that has none yet."""
        if state["tracer"] is not None:
            self.tracer = Tracer()
            self.tracer.restore(state["tracer"])
        for i in range(len(state["monitors"])):
            kept = state["monitors"][str(i)]
            if self.tracer is not None and kept["kind"] == "trace":
                self._join(TraceMonitor.from_state(kept, self.tracer.tensors))
            else:
                self._join(Monitor.from_state(kept, self._net[kept["field"]]))
