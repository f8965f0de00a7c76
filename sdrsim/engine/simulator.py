"""Simulator: takes events in their order and visits only the fields they reach."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from sdrsim.engine import checkpoint
from sdrsim.engine.codes import SDR
from sdrsim.engine.events import Event, EventQueue
from sdrsim.engine.monitors import Monitor
from sdrsim.engine.network import Network
from sdrsim.engine.nodes import Node, make_nodes
from sdrsim.engine.projections import Projection
from sdrsim.engine.synapses import one_code
from sdrsim.engine.traffic import Traffic
from sdrsim.engine.watching import Watch
from sdrsim.errors import NetworkError, ParameterError

__all__ = ["Simulator"]


class Simulator:
    """Runs a network, event by event.

    The order is (tick, rank, serial): earlier ticks first; inside a tick lower fields first (`Network.ranks`); then in
    the order the events were made. A field steps once per tick, after everything of that tick has arrived, and what it
    emits arrives `delay` ticks later. An emitted code without active units is no event. Only fields that events reach
    are visited, so silent ones cost nothing.

    Parameters
    ----------
    net : Network
        Not to be changed afterwards.
    available : int or None
        Bytes the network may need; None: what the machine has.

    Raises
    ------
    CapacityError
        The network cannot fit; nothing was allocated.

    Examples
    --------
    >>> from sdrsim.engine.fields import Relay
    >>> net = Network()
    >>> a, b = net.add("a", Relay(64)), net.add("b", Relay(64))
    >>> _ = net.connect("a", "b", delay=3)
    >>> sim = Simulator(net)
    >>> seen = sim.monitor("b", "code")
    >>> sim.schedule("a", [[1, 5]], at=2)
    >>> sim.run(until=10)
    >>> seen.ticks.tolist(), seen.codes.indices.tolist(), sim.tick
    ([5], [1, 5], 10)
    """

    def __init__(self, net: Network, *, available: int | None = None) -> None:
        net.check_fits(available)
        net.allocate()
        self.net, self._version = net, net.version
        self._watch = Watch(net)
        self._nodes = make_nodes(net, self._watch)
        self._routes = dict(net.projections)
        self._place = {name: i for i, name in enumerate(net.projections)}
        self._stores = net.stores
        self._queue = EventQueue()
        self._begin()

    def _begin(self) -> None:
        for route in self._routes.values():
            route.clear()
        self._carried: dict[str, Traffic] = {}  # counted before a checkpoint by fields that do not keep it themselves
        self._queue.clear()
        self._pending: dict[str, Node] = {}
        self._open = (0, 0)  # the least (tick, rank) an event may still have
        self._failed: str | None = None
        for node in self._nodes.values():
            if node.next_tick is not None:
                self._ask(node, -1)

    # ---- events -------------------------------------------------------------------------------------------------

    @property
    def tick(self) -> int:
        """The first tick that is not over: the one being worked on, or the next one."""
        return self._open[0]

    @property
    def n_events(self) -> int:
        """Events that wait."""
        return len(self._queue)

    def schedule(self, name: str, code: Any, at: int | None = None, port: str | None = None) -> None:
        """Have a code arrive at a field from outside.

        Parameters
        ----------
        name : str
            A field.
        code : SDR, bool or 0/1 uint8 array, or active indices, of one item
        at : int or None
            The tick; None: the first that is not over.
        port : str or None
            None: the only port, or "U", or the first.

        Raises
        ------
        NetworkError
            Unknown field or port, a tick that is over, or (inside a tick, with `step`) a field whose turn is over.
        CodeError
            Not one code over the units the port expects.
        """
        self._check_usable()
        tick = self.tick if at is None else at
        if isinstance(tick, (bool, np.bool_)) or not isinstance(tick, (int, np.integer)) or not 0 <= tick < 2**62:
            raise NetworkError("at", got=repr(at), expected="a tick: a whole number, 0 .. 2**62 - 1")
        chosen = self._default_port(name) if port is None else port
        size = self.net.port_size(name, chosen)
        made = one_code(code, size, f"code for {name!r}")
        rank = self._nodes[name].rank
        if (tick, rank) < self._open:
            do = f"schedule it at {self.tick + (tick >= self.tick)} or later"
            raise NetworkError("at", got=f"{tick}, whose turn for {name!r} is over", expected=f">= {self.tick}", do=do)
        self._queue.push(int(tick), rank, name, chosen, made, self._outside(name, chosen).name)

    def _outside(self, field: str, port: str) -> Projection:
        """The way from outside to a port."""
        name = f"->{field}:{port}"
        if name not in self._routes:
            self._routes[name] = Projection(name, "", field, port, 0)
        return self._routes[name]

    def _default_port(self, name: str) -> str:
        ports = getattr(self.net[name], "ports", None)
        return "U" if not ports or "U" in ports else next(iter(ports))

    def peek(self) -> Event | None:
        """The next event, left in place; None when there is none."""
        return self._queue.head()

    def step(self) -> Event | None:
        """Take one event. After the last one of its tick and rank, the fields of that rank step.

        Stepping through gives what `run` gives.

        Returns
        -------
        Event or None
            The event taken; None when there was none.
        """
        self._check_usable()
        event = self._queue.head()
        if event is not None:
            self._advance()
        return event

    def run(self, until: int | None = None) -> None:
        """Take all events before tick `until`; it is the next tick then, also when the events end earlier.

        Parameters
        ----------
        until : int or None
            None: until no event is left, which a network that keeps itself going never reaches.

        Raises
        ------
        ParameterError
            `until` is no whole number, or is in the past.
        """
        self._check_usable()
        if until is not None:
            if isinstance(until, (bool, np.bool_)) or not isinstance(until, (int, np.integer)) or until < self.tick:
                raise ParameterError("until", got=repr(until), expected=f"a tick >= {self.tick}, where the run stands")
            until = int(until)
        head, advance = self._queue.head, self._advance
        while (event := head()) is not None and (until is None or event.tick < until):
            advance()
        if until is not None and until > self.tick:
            self._open = (until, 0)

    def _check_usable(self) -> None:
        if self._failed is not None:
            do = "reset(), or restore a checkpoint"
            raise NetworkError("simulator", got=f"a run that stopped inside {self._failed}", do=do)
        if self.net.version != self._version:
            raise NetworkError("network", got="changes after the simulator was made", do="make a new Simulator(net)")

    def _advance(self) -> None:
        """Deliver the next event; step the fields of its rank when nothing more of this tick can reach them."""
        queue = self._queue
        event = queue.pop()
        tick, rank = event.tick, event.rank
        self._open = (tick, rank)
        node = self._nodes[event.field]
        try:
            if event.code is None:
                self._pending[node.name] = node
            else:
                self._deliver(event, node, event.code)
            head = queue.head()
            if head is None or head.tick != tick or head.rank != rank:
                while self._pending:
                    node = self._pending.pop(next(iter(self._pending)))
                    self._visit(node, tick)
                head = queue.head()
                self._open = (tick, rank + 1) if head is not None and head.tick == tick else (tick + 1, 0)
        except BaseException as error:
            self._failed = f"field {node.name!r} at tick {tick}"
            error.add_note(f"in {self._failed}")
            raise

    def _deliver(self, event: Event, node: Node, code: SDR) -> None:
        route = self._routes[event.source]
        route.count(code)
        for monitor in node.listeners:
            monitor.delivered(event, self._place.get(event.source, -1))
        if route.synapses is not None:
            code = route.arrive(code, event.tick)
            if self._watch.tracer is not None:
                self._watch.tracer.take(route.synapses, event.tick)
            if not len(code.indices):
                return
        node.field.receive(event.port, code, event.tick)
        self._pending[node.name] = node

    def _visit(self, node: Node, tick: int) -> None:
        code = node.field.step(tick)
        if self._watch.tracer is not None:
            self._watch.tracer.take(node.field, tick)
        if code is not None:
            if type(code) is not SDR or len(code.indptr) != 2 or code.size != (node.size or code.size):
                code = one_code(code, node.size, f"code emitted by {node.name!r}")
            for plastic in node.plastic:
                plastic.learn(code, tick)
                if self._watch.tracer is not None:
                    self._watch.tracer.take(plastic.synapses, tick)
            if node.fan is not None:
                for p, sent in node.fan(code):
                    self._queue.push(tick + p.delay, self._nodes[p.target].rank, p.target, p.port, sent, p.name)
        for monitor in node.monitors:
            monitor.stepped(tick, code)
        if node.next_tick is not None:
            self._ask(node, tick)

    def _ask(self, node: Node, tick: int) -> None:
        wanted = node.next_tick(tick)  # type: ignore[misc]
        if wanted is not None and not tick < wanted:
            raise NetworkError(f"next_tick of {node.name!r}", got=wanted, expected=f"a tick after {tick}, or None")
        self._queue.wake(None if wanted is None else int(wanted), node.rank, node.name)

    # ---- watching -----------------------------------------------------------------------------------------------

    def monitor(
        self, name: str | Sequence[str], kind: str, every: int = 1, limit: int | None = None, file: Any = None
    ) -> Monitor:
        """Record what a field does from here on.

        Parameters
        ----------
        name : str
            A field; of kind "trace" also a projection with synapses, or a list of both.
        kind : "code", "scalar", "traffic", "event" or "trace"
        every, limit, file
            See `Monitor`: ticks recorded, records kept, a file to stream to.

        Raises
        ------
        NetworkError
            Unknown field, "scalar" of a field without ``scalars()``, "trace" of one without ``take_trace()``.
        ParameterError, FileFormatError
            See `Monitor`.
        """
        self._check_usable()
        return self._watch.add(name, kind, every, limit, file)

    @property
    def monitors(self) -> list[Monitor]:
        """The monitors, in the order they were made."""
        return list(self._watch.monitors)

    @property
    def traffic(self) -> Traffic:
        """Of fields (``field/projection``), synapses (``projection/synapses``), codes moved (``projection``)."""
        tracer = self._watch.tracer
        total = Traffic() if tracer is None else Traffic(tensors=dict(tracer.tensors))  # in the order of the traces
        shares = [route.traffic for route in self._routes.values()]
        shares += [store.traffic.prefixed(name) for name, store in self._stores.items()]
        for name, node in self._nodes.items():
            own = node.field.traffic
            carried = self._carried.get(name)
            shares.append((own if carried is None else carried + own).prefixed(name))
        for share in shares:  # names are all different: no need to add
            total.counts.update({where: vector.copy() for where, vector in share.counts.items()})
            total.tensors.update(share.tensors)
        return total

    # ---- keeping ------------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Back to tick 0 as new: fields and synapses forget, no events, no records, no counts.

        Raises
        ------
        NetworkError
            A field or a synapse store without ``reset()``; then nothing was reset.
        """
        self.net.reset()
        self._watch.clear()
        self._begin()

    def checkpoint(self, path: Any) -> Any:
        """Write all that the rest of the run depends on, whole or not at all: a split run equals the whole run.

        Returns
        -------
        pathlib.Path

        Raises
        ------
        FileFormatError
            The file cannot be written.
        """
        self._check_usable()
        state = {
            "network": checkpoint.network_state(self.net, self._carried),
            "inputs": checkpoint.inputs_state(self._routes.values()),
            "open": list(self._open),
            "queue": self._queue.state(),
            "pending": list(self._pending),
            "watch": self._watch.state(),
        }
        return checkpoint.save_simulator(state, path)

    @classmethod
    def restore(cls, path: Any, net: Network | None = None) -> Self:
        """The simulator as it was at `checkpoint`.

        Parameters
        ----------
        path : path
        net : Network or None
            A network built like the one that was saved; its fields take over the saved states. None: it is built from
            the file, which is possible when all fields are sdrsim's own and no rule is a function.

        Raises
        ------
        FileFormatError
            Missing, damaged, foreign file.
        NetworkError
            `net` is built differently, or is needed and not given. `net` is unchanged then.
        """
        state = checkpoint.read_simulator(path)
        if net is None:
            net = checkpoint.rebuilt_network(state["network"])
        else:
            checkpoint.check_same(net, state["network"])
        made = cls(net)
        made._take_over(state)
        return made

    def _take_over(self, state: Mapping[str, Any]) -> None:
        self._carried = checkpoint.restore_network(self.net, state["network"])
        for field, port, counted in checkpoint.inputs_from_state(state["inputs"]):
            self._outside(field, port).traffic = counted
        self._queue.restore(state["queue"])
        tick, rank = state["open"]
        self._open = (tick, rank)
        self._pending = {name: self._nodes[name] for name in state["pending"]}
        self._watch.restore(state["watch"])

    def close(self) -> None:
        """Close the files of streamed monitors, which makes them whole."""
        for monitor in self.monitors:
            monitor.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Simulator({self.net!r}, tick {self.tick}, {self.n_events} events waiting)"

    def _repr_html_(self) -> str:
        return f"<p>tick {self.tick}, {self.n_events} events waiting</p>{self.net._repr_html_()}"
