"""Fields: what a population must offer to live in a network, and three that come with the engine."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.memory import Memory, Recall, Stored
from sdrsim.engine.noise import noisy
from sdrsim.engine.rebuild import class_name, own_class
from sdrsim.engine.seeds import stream
from sdrsim.engine.states import codes_from_state, codes_state, traffic_from_state, traffic_state
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import FileFormatError, NetworkError, ParameterError

__all__ = ["Field", "MemoryField", "Relay", "united"]


@runtime_checkable
class Field(Protocol):
    """A population that receives codes on named ports and may emit one code per tick.

    These five methods and two attributes are all that is needed. A field may also have

    * ``size``: units of the codes it emits; ``ports``: mapping port -> units expected (None: any). Both are checked
      when projections are made, and ``ports`` refuses unknown ports;
    * ``bind(name, seed)``: told at ``Network.add`` its name and a seed of its own, to key draws by (seed, tick);
    * ``allocate()``: takes the memory; called once the whole network is known to fit (`n_bytes` is asked before);
    * ``next_tick(tick)``: the next tick at which it wants to be stepped without input, or None; asked with -1 at the
      start and after each step. The last answer counts;
    * ``scalars()``: dict of floats for "scalar" monitors;
    * ``tracing`` and ``take_trace()``, for "trace" monitors, which set ``tracing`` to True: from then on ``step`` notes
      the rows it reads and writes, in order. ``take_trace()``, asked after every step, hands over what was noted since
      it was last asked, and forgets it: a `Traffic` with ``tensors`` and ``trace``, or None. Traceable synapses
      have both too, and are asked after every sum and every learning;
    * ``reset()``: as new, for ``Simulator.reset``;
    * ``from_state(state)``, a class method, so that a checkpoint can be opened without the network (sdrsim's own only).
    """

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Take in a code of one item; several may come to one port in one tick."""

    def step(self, tick: int) -> SDR | None:
        """Called once per tick in which something arrived, after all of it arrived; the code to emit, or None."""

    def state(self) -> Mapping[str, Any]:
        """All that a later step depends on, received codes included: nested dict of arrays and scalars."""

    def restore(self, state: Any) -> None:
        """Take over what `state` gave."""

    @property
    def n_bytes(self) -> int:
        """Bytes of its arrays, known before they are taken."""

    @property
    def traffic(self) -> Traffic:
        """Running total of what it moved and computed."""


def united(a: SDR | None, b: SDR) -> SDR:
    """The units active in either of two codes of one item.

    Examples
    --------
    >>> united(SDR.from_indices([[1, 4]], 8), SDR.from_indices([[0, 4]], 8)).indices.tolist()
    [0, 1, 4]
    """
    if a is None:
        return b
    flat = np.union1d(a.indices, as_sdr(b, a.size, what="codes of one tick").indices)
    return SDR._trusted(flat, np.array([0, len(flat)]), a.size)


class Relay:
    """Emits what it receives, all codes of a tick united, with noise if asked for: an input layer, or a noisy channel.

    Parameters
    ----------
    size : int
        Units.
    p_erase, p_insert : float in 0..1
        Chance of an active unit to be lost, of a silent one to be added; drawn per (seed, name, tick).
    seed : int or None
        None: the network gives one when the field is added.

    Raises
    ------
    ParameterError
        A probability outside 0..1.

    Examples
    --------
    >>> relay = Relay(8)
    >>> relay.receive("U", SDR.from_indices([[2, 5]], 8), tick=0)
    >>> relay.step(0).indices.tolist()
    [2, 5]
    """

    n_bytes = 0

    def __init__(self, size: int, p_erase: float = 0.0, p_insert: float = 0.0, seed: int | None = None) -> None:
        self.size = SDR.from_indices([[]], size).size
        for name, p in (("p_erase", p_erase), ("p_insert", p_insert)):
            if not isinstance(p, (int, float, np.number)) or not 0 <= p <= 1:
                raise ParameterError(name, got=repr(p), expected="a probability, 0..1")
        self.p_erase, self.p_insert, self.seed = float(p_erase), float(p_insert), seed
        self.ports = {"U": self.size}
        self._pending: SDR | None = None
        self.traffic = Traffic()

    def bind(self, name: str, seed: int) -> None:
        """Take the seed of the network when none was given."""
        if self.seed is None:
            self.seed = seed

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Unite the code with what came before in this tick."""
        self._pending = united(self._pending, code)

    def step(self, tick: int) -> SDR | None:
        """What came, with noise."""
        code, self._pending = self._pending, None
        if code is None or not (self.p_erase or self.p_insert):
            return code
        made = noisy(code, self.p_erase, self.p_insert, stream(self.seed or 0, f"noise {tick}"))
        n_changed = len(made.indices) + len(code.indices) - 2 * int(made.overlap(code)[0])
        self.traffic.add("noise", "io", random_numbers=2 + n_changed)
        return made

    def reset(self) -> None:
        """Nothing received, nothing counted."""
        self._pending = None
        self.traffic = Traffic()

    def state(self) -> dict[str, Any]:
        """Sizes, noise, seed, and what came in this tick."""
        return {
            "size": self.size,
            "p_erase": self.p_erase,
            "p_insert": self.p_insert,
            "seed": self.seed,
            "pending": codes_state([self._pending]),
            "traffic": traffic_state(self.traffic),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of a relay of the same size and noise."""
        for name in ("size", "p_erase", "p_insert"):
            if state[name] != getattr(self, name):
                raise FileFormatError("state of a relay", got=f"{name} {state[name]}", expected=getattr(self, name))
        self.seed, self.traffic = state["seed"], traffic_from_state(state["traffic"])
        (self._pending,) = codes_from_state(state["pending"])

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A relay as it was."""
        made = cls(state["size"], state["p_erase"], state["p_insert"], state["seed"])
        made.restore(state)
        return made

    def __repr__(self) -> str:
        noise = f", p_erase={self.p_erase:g}, p_insert={self.p_insert:g}" if self.p_erase or self.p_insert else ""
        return f"Relay({self.size} units{noise})"


class MemoryField:
    """An associative memory as a field: codes on port "cue" are recalled and emitted, codes on port "learn" are stored.

    In one tick what is to be learned is stored first. The cue of tick t is item t of the memory's random draws, so that
    the answer depends on neither order nor batches. `Network.add` wraps a memory by itself.

    Parameters
    ----------
    memory : Memory
        Its recall must give codes.
    size : int or None
        Units of cues and answers; None: the memory's ``size``, ``n_inputs`` or ``n_units``, if it (or its params) says.
    **options
        Passed to every recall, say ``max_iterations=1``.
    """

    def __init__(self, memory: Memory, size: int | None = None, **options: Any) -> None:
        self.memory, self.options = memory, options
        self.size = size if size is not None else _size_of(memory)
        self.ports: dict[str, int | None] = {"cue": self.size, "learn": self.size}
        self._pending: dict[str, SDR | None] = {"cue": None, "learn": None}
        self.tracing = False
        self._moved: Traffic | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory."""
        return int(self.memory.n_bytes)

    @property
    def traffic(self) -> Traffic:
        """The memory's running total."""
        return self.memory.traffic

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Unite the code with what came to the same port in this tick."""
        if port not in self._pending:
            raise NetworkError("port of a memory", got=repr(port), expected="'cue' or 'learn'")
        self._pending[port] = united(self._pending[port], code)

    def step(self, tick: int) -> SDR | None:
        """Store, then recall; the recalled code, None without a cue."""
        cue, lesson = self._pending["cue"], self._pending["learn"]
        self._pending = {"cue": None, "learn": None}
        traced: dict[str, Any] = {"trace": True} if self.tracing else {}
        self._moved = None
        if lesson is not None:
            self._keep(self.memory.store(lesson, **traced))
        if cue is None:
            return None
        answer = self.memory.recall(cue, first_item=tick, **{**self.options, **traced})
        self._keep(answer)
        codes = getattr(answer, "codes", None)
        if codes is None:
            kind = type(self.memory).__name__
            raise NetworkError(f"recall of {kind}", got="an answer without codes", do="store codes, not real values")
        return as_sdr(codes, self.size, what="recalled codes")

    def _keep(self, made: Stored | Recall) -> None:
        if not self.tracing:
            return
        if made.traffic.trace is None:
            kind = type(self.memory).__name__
            raise NetworkError(f"trace of {kind}", got="traffic without a trace", do="do not monitor it")
        self._moved = made.traffic if self._moved is None else self._moved + made.traffic

    def take_trace(self) -> Traffic | None:
        """What the last step moved, with its trace, if `tracing` was on; None when it was asked already."""
        moved, self._moved = self._moved, None
        return moved

    def reset(self) -> None:
        """Forget everything."""
        self.memory.reset()
        self._pending = {"cue": None, "learn": None}

    def state(self) -> dict[str, Any]:
        """The memory, by its own ``state()`` or else as the bytes of its file, and what came in this tick."""
        made: dict[str, Any] = {
            "memory_class": class_name(self.memory),
            "size": self.size,
            "options": {k: v for k, v in self.options.items() if v is None or isinstance(v, (bool, int, float, str))},
            "n_options": len(self.options),
            "pending": codes_state([self._pending["cue"], self._pending["learn"]]),
        }
        if hasattr(self.memory, "state") and hasattr(self.memory, "restore"):
            made["memory"] = self.memory.state()
        else:
            made["file"] = _file_bytes(self.memory)
        return made

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of a memory of the same class; one without ``restore`` is replaced by the one loaded."""
        if state["memory_class"] != class_name(self.memory):
            raise FileFormatError("state of a memory", got=state["memory_class"], expected=class_name(self.memory))
        pending = codes_from_state(state["pending"])
        if "memory" in state:
            self.memory.restore(state["memory"])  # type: ignore[attr-defined]
        else:
            self.memory = _memory_from_bytes(type(self.memory), state["file"])
        self._pending = {"cue": pending[0], "learn": pending[1]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A memory field as it was, when the memory is one of sdrsim's."""
        kind: Any = own_class(state["memory_class"])
        if len(state["options"]) != state["n_options"]:
            raise NetworkError("options of a recall", got="options a file cannot keep", do="pass net= to restore")
        if "memory" in state and hasattr(kind, "from_state"):
            memory = kind.from_state(state["memory"])
        elif "file" in state:
            memory = _memory_from_bytes(kind, state["file"])
        else:
            raise NetworkError(kind.__name__, got="no from_state", do="pass net= to restore")
        made = cls(memory, state["size"], **state["options"])
        made.restore(state)
        return made

    def __repr__(self) -> str:
        return f"MemoryField({self.memory!r})"


def _size_of(memory: Any) -> int | None:
    for owner in (memory, getattr(memory, "params", None)):
        for name in ("size", "n_inputs", "n_units"):
            found = getattr(owner, name, None)
            if isinstance(found, (int, np.integer)):
                return int(found)
    return None


def _file_bytes(memory: Memory) -> np.ndarray[Any, np.dtype[np.uint8]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.h5"
        memory.save(path)
        return np.frombuffer(path.read_bytes(), np.uint8)


def _memory_from_bytes(kind: Any, data: np.ndarray[Any, np.dtype[np.uint8]]) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.h5"
        path.write_bytes(data.tobytes())
        return kind.load(path)
