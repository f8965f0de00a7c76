"""Network: named fields and the projections between them; says what it needs before anything is taken."""

from collections.abc import Iterator, Mapping
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from sdrsim.engine.capacity import available_bytes, bytes_text, resident_bytes
from sdrsim.engine.fields import MemoryField
from sdrsim.engine.projections import Projection
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.errors import CapacityError, NetworkError, ParameterError

if TYPE_CHECKING:
    from networkx import MultiDiGraph

__all__ = ["Network"]

_NEEDED = ("receive", "step", "state", "restore", "n_bytes", "traffic")


class Network:
    """Fields and projections.

    Parameters
    ----------
    seed : int
        Every field that wants one (see `Field.bind`) gets a seed of its own, keyed by its name.
    tick_ms : float
        What one tick stands for, in milliseconds; a label for axes and result files.

    Examples
    --------
    >>> from sdrsim.engine.fields import Relay
    >>> net = Network(seed=1)
    >>> retina, relay = net.add("retina", Relay(64)), net.add("relay", Relay(64, p_erase=0.1))
    >>> net.connect("retina", "relay", delay=2)
    Projection(retina->relay:U, delay 2)
    >>> net
    Network(2 fields, 1 projection, 1.8 KiB)
    """

    def __init__(self, seed: int = 0, tick_ms: float = 1.0) -> None:
        self.seed = checked_seed(seed)
        if isinstance(tick_ms, bool) or not isinstance(tick_ms, (int, float, np.number)) or not 0 < tick_ms < np.inf:
            raise ParameterError("tick_ms", got=repr(tick_ms), expected="a number of milliseconds above 0")
        self.tick_ms = float(tick_ms)
        self._fields: dict[str, Any] = {}
        self._known: dict[int, str] = {}  # identity of a field (of the memory in it) -> name
        self._projections: dict[str, Projection] = {}
        self._direct: dict[str, list[str]] = {}  # zero-delay targets of each field
        self.version = 0

    # ---- building -----------------------------------------------------------------------------------------------

    def add(self, name: str, field: Any) -> Any:
        """Put a field into the network.

        Parameters
        ----------
        name : str
            Not empty, without "/".
        field : Field, or Memory
            A memory (`store`, `recall`) that is no field itself is wrapped into a `MemoryField`, ports "cue", "learn".

        Returns
        -------
        The field (the wrapped one, if it was wrapped).

        Raises
        ------
        NetworkError
            Name taken or unusable, something missing in the field, or a field that is in the network already.
        """
        if not isinstance(name, str) or not name or "/" in name:
            raise NetworkError("name of a field", got=repr(name), expected="text, not empty, without '/'")
        if name in self._fields:
            raise NetworkError(
                "name of a field", got=repr(name), expected="one not taken yet", do="choose another name"
            )
        made = field
        is_field = hasattr(field, "receive") and hasattr(field, "step")
        if not is_field and hasattr(field, "store") and hasattr(field, "recall"):
            made = MemoryField(field)
        missing = [member for member in _NEEDED if not hasattr(made, member)]
        if missing:
            raise NetworkError(f"field {name!r}", got=f"no {', '.join(missing)}", expected=", ".join(_NEEDED))
        twin = self._known.get(id(getattr(made, "memory", made)))
        if twin is not None:
            raise NetworkError(f"field {name!r}", got=f"the same object as {twin!r}", do="make a second one")
        if hasattr(made, "bind"):
            made.bind(name, subseed(self.seed, name))
        self._fields[name] = made
        self._known[id(getattr(made, "memory", made))] = name
        self.version += 1
        return made

    def connect(
        self,
        a: str,
        b: str,
        port: str = "U",
        delay: int = 1,
        *,
        rf: Any = None,
        synapses: Any = None,
        select: Any = None,
        rule: Any = None,
        name: str | None = None,
    ) -> Projection:
        """Send what field `a` emits to a port of field `b`.

        Parameters
        ----------
        a, b : str
            Names of fields; the same twice for a recurrent projection.
        port : str
            A port of `b`.
        delay : int
            Ticks from emission to arrival. 0: `b` stands above `a` and steps later in the same tick.
        rf, synapses, select, rule
            See `Projection`: receptive fields, synapses in between, how they decide, how they learn.
        name : str or None
            None: ``a->b:port``, numbered from the second one on.

        Raises
        ------
        NetworkError
            Unknown field or port, sizes that do not meet, a delay that is no whole number, or a circle of zero delay.
        """
        for field in (a, b):
            self._require(field)
        chosen = name if name is not None else self._free_name(f"{a}->{b}:{port}")
        if not isinstance(chosen, str) or not chosen or "/" in chosen or chosen in self._projections:
            raise NetworkError("name of a projection", got=repr(name), expected="text without '/', not taken yet")
        made = Projection(chosen, a, b, port, delay, rf=rf, synapses=synapses, select=select, rule=rule)
        self._check_sizes(made)
        if made.delay == 0:
            self._refuse_circle(a, b)
            self._direct.setdefault(a, []).append(b)
        self._projections[chosen] = made
        self.version += 1
        return made

    def _free_name(self, stem: str) -> str:
        if stem not in self._projections:
            return stem
        return next(name for i in range(2, 2**31) if (name := f"{stem}#{i}") not in self._projections)

    def _require(self, name: str) -> Any:
        if not isinstance(name, str) or name not in self._fields:
            known = list(self._fields)
            listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise NetworkError(
                "field", got=repr(name), expected=f"one of {listed}" if known else "a field added before"
            )
        return self._fields[name]

    def port_size(self, field: str, port: str) -> int | None:
        """Units a port expects; None when the field does not say.

        Raises
        ------
        NetworkError
            Unknown field, or a port the field does not have.
        """
        ports = getattr(self._require(field), "ports", None)
        if ports is None:
            return None
        if port not in ports:
            raise NetworkError(f"port of {field!r}", got=repr(port), expected=f"one of {', '.join(map(repr, ports))}")
        size = ports[port] if isinstance(ports, Mapping) else None
        return None if size is None else int(size)

    def _check_sizes(self, p: Projection) -> None:
        wanted = self.port_size(p.target, p.port)
        width = getattr(self._fields[p.source], "size", None)
        if p.rf is not None:
            if width is not None and int(p.rf.max()) >= width:
                raise NetworkError(f"rf of {p.name}", got=f"source unit {p.rf.max()}", expected=f"-1 .. {width - 1}")
            width = len(p.rf)
        if p.synapses is not None:
            if width is not None and p.synapses.n_pre != width:
                raise NetworkError(f"synapses of {p.name}", got=f"{p.synapses.n_pre} inputs", expected=f"{width}")
            width = p.synapses.n_post
            emitted = getattr(self._fields[p.target], "size", None)
            if p.rule is not None and emitted is not None and emitted != width:
                got = f"{width} units, but {p.target!r} emits codes over {emitted}"
                raise NetworkError(f"rule of {p.name}", got=got, expected="synapses onto the units that are emitted")
        if width is not None and wanted is not None and width != wanted:
            raise NetworkError(
                p.name,
                got=f"codes over {width} units",
                expected=f"{wanted} units",
                do="pass rf= to say which unit feeds which",
            )

    def _refuse_circle(self, a: str, b: str) -> None:
        """Is there a way from b to a over zero-delay projections?"""
        came_from: dict[str, str] = {b: a}
        stack = [b]
        while stack:
            at = stack.pop()
            if at == a:
                way = [a]
                while (at := came_from[at]) != a:
                    way.append(at)
                circle = " -> ".join([a, *reversed(way)])
                raise NetworkError(
                    "circle of zero delay", got=circle, do="give one of its projections a delay of 1 or more"
                )
            for target in self._direct.get(at, ()):
                if target not in came_from:
                    came_from[target] = at
                    stack.append(target)

    # ---- reading ------------------------------------------------------------------------------------------------

    @property
    def fields(self) -> Mapping[str, Any]:
        """The fields by name, in the order they were added (read-only)."""
        return MappingProxyType(self._fields)

    @property
    def projections(self) -> Mapping[str, Projection]:
        """The projections by name, in the order they were made (read-only)."""
        return MappingProxyType(self._projections)

    @property
    def stores(self) -> dict[str, Any]:
        """The synapse stores, each once, by the first projection that has it."""
        found: dict[int, tuple[str, Any]] = {}
        for p in self._projections.values():
            if p.synapses is not None:
                found.setdefault(id(p.synapses), (p.name, p.synapses))
        return dict(found.values())

    def __getitem__(self, name: str) -> Any:
        return self._require(name)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def ranks(self) -> dict[str, int]:
        """Height of each field: the longest way to it over zero-delay projections."""
        ranks = dict.fromkeys(self._fields, 0)
        n_below = dict.fromkeys(self._fields, 0)
        for targets in self._direct.values():
            for target in targets:
                n_below[target] += 1
        ready = [name for name, n in n_below.items() if not n]
        for name in ready:  # grows while it is walked
            for target in self._direct.get(name, ()):
                ranks[target] = max(ranks[target], ranks[name] + 1)
                n_below[target] -= 1
                if not n_below[target]:
                    ready.append(target)
        return ranks

    # ---- size ---------------------------------------------------------------------------------------------------

    @property
    def n_bytes(self) -> int:
        """Bytes of all fields, synapses and receptive fields, and an estimate for the codes under way."""
        parts = sum(int(part.n_bytes) for part in self._parts())
        return parts + sum(map(self._other_bytes, self._projections.values()))

    def _parts(self) -> list[Any]:
        return [*self._fields.values(), *self.stores.values()]

    def _other_bytes(self, p: Projection) -> int:
        return p.rf_bytes + p.queue_bytes(getattr(self._fields[p.source], "size", None))

    def check_fits(self, available: int | None = None) -> None:
        """Refuse what cannot fit into physical memory.

        Parameters
        ----------
        available : int or None
            Bytes for the whole network; None: what the system says is free, plus what its fields hold already.

        Raises
        ------
        CapacityError
            With both numbers.
        """
        needed = self.n_bytes
        if available is None:
            held = sum(int(f.n_bytes) for f in self._fields.values() if not hasattr(f, "allocate"))
            available = available_bytes() + min(held, resident_bytes())
        if needed > available:
            raise CapacityError(
                "network",
                got=f"a need of {needed:,} bytes ({bytes_text(needed)})",
                expected=f"at most the {available:,} bytes available ({bytes_text(available)})",
                do="make fields smaller or fewer, or use a machine with more memory",
            )

    def allocate(self) -> None:
        """Take the memory of all fields and synapses that have not taken it yet; call `check_fits` before."""
        for part in self._parts():
            if hasattr(part, "allocate"):
                part.allocate()

    def reset(self) -> None:
        """Have all fields and synapses forget.

        Raises
        ------
        NetworkError
            A field or a synapse store without ``reset()``; then nothing was reset.
        """
        for part in self._parts():
            if not hasattr(part, "reset"):
                raise NetworkError(f"reset of {type(part).__name__}", got="no reset()", do="give it one, or build anew")
        for part in self._parts():
            part.reset()

    # ---- showing ------------------------------------------------------------------------------------------------

    def to_networkx(self) -> "MultiDiGraph":
        """A MultiDiGraph: nodes with size, n_bytes, kind, rank; edges, keyed by name, with port, delay, n_bytes."""
        from networkx import MultiDiGraph

        graph = MultiDiGraph(seed=self.seed, tick_ms=self.tick_ms)
        ranks = self.ranks()
        for name, field in self._fields.items():
            size, kind = getattr(field, "size", None), type(getattr(field, "memory", field)).__name__
            graph.add_node(name, size=size, n_bytes=int(field.n_bytes), kind=kind, rank=ranks[name])
        for p in self._projections.values():
            graph.add_edge(p.source, p.target, key=p.name, port=p.port, delay=p.delay, n_bytes=p.n_bytes)
        return graph

    def draw(self, ax: Any) -> Any:
        """Draw fields and projections, inputs at the bottom, on a matplotlib axis; returns the axis."""
        from sdrsim.engine.drawing import draw_network

        return draw_network(self, ax)

    def __repr__(self) -> str:
        n, m = len(self._fields), len(self._projections)
        return f"Network({n} field{'s' * (n != 1)}, {m} projection{'s' * (m != 1)}, {bytes_text(self.n_bytes)})"

    def _repr_html_(self) -> str:
        rows = [
            f"<tr><td>{escape(name)}</td><td>{escape(repr(field))}</td><td>{bytes_text(int(field.n_bytes))}</td></tr>"
            for name, field in list(self._fields.items())[:50]
        ]
        more = f"<tr><td colspan=3>and {len(self) - 50} more</td></tr>" if len(self) > 50 else ""
        head = "<tr><th>field</th><th>what</th><th>memory</th></tr>"
        return f"<table><caption>{escape(repr(self))}</caption>{head}{''.join(rows)}{more}</table>"
