"""DelayedRecall: the same recall when spikes take time, unit by unit, as events of a network."""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.fields import united
from sdrsim.engine.rebuild import class_name, own_class
from sdrsim.engine.states import codes_from_state, codes_state, traffic_from_state, traffic_state
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import FileFormatError, NetworkError, ParameterError
from sdrsim.models.hebbian.asking import checked_request
from sdrsim.models.hebbian.binary import BinaryMemory
from sdrsim.models.hebbian.kernels.scores import volley_counts
from sdrsim.models.hebbian.selection import select_scores

__all__ = ["DelayedRecall"]


class DelayedRecall:
    """A Willshaw or clique memory as a field in which every spike arrives after the delay of its unit.

    A cue starts a volley: each active unit's spike arrives `delays` ticks later and is added to the scores of the units
    it is linked to. At the end of a window of `window` ticks the winners are selected; they are the next volley. The
    code is emitted when it repeats itself, or after `max_iterations` windows. A spike that comes after the end of its
    window counts in the one it falls into. With a window no shorter than the longest delay, the codes are those of the
    memory's own `recall` (sum of sum).

    Parameters
    ----------
    memory : WillshawMemory or CliqueMemory
    window : int, 1 or more
        Ticks between selections.
    delays : int, or int array (n_units,), 1 or more
        Ticks a unit's spike takes.
    select, k, memory_effect, max_iterations
        As in the memory's `recall`; `select` None: 'gwsta' (Willshaw), 'wta' (cliques).

    Raises
    ------
    ParameterError
        Delays or windows below 1; options that `recall` would refuse.

    Examples
    --------
    >>> from sdrsim import Network, Simulator, patterns
    >>> from sdrsim.models.hebbian import DelayedRecall, WillshawMemory
    >>> x = patterns.random_sparse(50, size=200, k=5, seed=0)
    >>> m = WillshawMemory(200, 5)
    >>> stored = m.store(x)
    >>> net = Network()
    >>> field = net.add("memory", DelayedRecall(m, window=4, delays=np.arange(200) % 4 + 1))
    >>> sim = Simulator(net)
    >>> seen = sim.monitor("memory", "code")
    >>> sim.schedule("memory", patterns.erase(x[:1], 0.4, seed=1), at=0, port="cue")
    >>> sim.run()
    >>> seen.codes == x[:1]
    True
    """

    def __init__(
        self,
        memory: BinaryMemory,
        window: int,
        delays: Any = 1,
        *,
        select: str | Callable[..., Any] | None = None,
        k: int | None = None,
        memory_effect: int = 1,
        max_iterations: int = 10,
    ) -> None:
        if not isinstance(memory, BinaryMemory):
            raise ParameterError("memory", got=type(memory).__name__, expected="a WillshawMemory or CliqueMemory")
        n_clusters = memory._shape[0]
        self.memory, self.size, self.ports = memory, memory.size, {"cue": memory.size}
        self.window = checked_count("window", window, 1, 2**31)
        values = np.broadcast_to(np.asarray(delays), (memory.size,))
        if values.dtype.kind not in "iu" or values.min() < 1:
            raise ParameterError("delays", got=repr(delays), expected="whole numbers of ticks, 1 or more")
        self.delays = values.astype(np.int64)
        order = getattr(memory, "order", None) or getattr(memory, "n_active", None)
        self._asked = checked_request(
            size=memory.size,
            n_clusters=n_clusters,
            rule="sum_of_sum",
            select=("wta" if n_clusters else "gwsta") if select is None else select,
            k=k,
            default_k=order,
            threshold=None,
            memory_effect=memory_effect,
            max_iterations=max_iterations,
            stop="fixed",
            p_syn=0.0,
        )
        self._options = {"select": select, "k": k, "memory_effect": memory_effect, "max_iterations": max_iterations}
        self.traffic = Traffic()
        self._clear()

    def _clear(self) -> None:
        self._cue: SDR | None = None
        self._x: SDR | None = None  # what is active; None: at rest
        self._end, self._volley, self._item = -1, 0, 0
        self._arrivals: dict[int, list[int]] = {}
        self._scores: NDArray[np.int64] = np.zeros((1, self.size), np.int64)
        self._ended: dict[str, float] = {"iterations": 0.0, "converged": 0.0}

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory, the delays and the scores."""
        return self.memory.n_bytes + self.delays.nbytes + 8 * self.size

    def allocate(self) -> None:
        """Take the memory."""
        self.memory.allocate()

    # ---- field ----------------------------------------------------------------------------------------------------

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Take a cue; it starts anew, whatever was going on."""
        if port != "cue":
            raise NetworkError("port of a delayed recall", got=repr(port), expected="'cue'")
        self._cue = united(self._cue, as_sdr(code, self.size, what="cue"))

    def step(self, tick: int) -> SDR | None:
        """Spikes that arrive now, and at the end of a window the selection; the code when it is final."""
        if self._cue is not None:
            code, ended = self._cue, self._ended
            self._clear()
            self._item, self._ended = tick, ended
            self._fire(code, tick)
        arrived = self._arrivals.pop(tick, [])
        if arrived:
            self._add(np.array(sorted(arrived), np.int32))
        if self._x is None or tick != self._end:
            return None
        return self._select(self._x, tick)

    def _fire(self, code: SDR, tick: int) -> None:
        """A volley begins: its spikes are under way."""
        self._x, self._end = code, tick + self.window
        for unit, delay in zip(code.indices.tolist(), self.delays[code.indices].tolist()):
            self._arrivals.setdefault(tick + delay, []).append(unit)

    def _add(self, units: NDArray[np.int32]) -> None:
        """Spikes of some units reach the units they are linked to."""
        net = self.memory._net
        volley_counts(net, units, np.zeros(len(units), np.int32), 0.0, np.uint64(0), 0, 0, self._scores)
        n, words = len(units), net.rows.shape[1]
        counted = Traffic(tensors={self.memory.tensor: self.memory._tensor()})
        counted.add(self.memory.tensor, "retrieve", rows_read=n, words_read=n * words, synops=n * self.size)
        self.traffic += counted

    def _select(self, x: SDR, tick: int) -> SDR | None:
        asked, active = self._asked, x.dense()
        scores = self._scores + asked.memory_effect * active
        won = select_scores(
            scores,
            active,
            asked.select,
            k=asked.k,
            threshold=len(x.indices),
            n_clusters=self.memory._shape[0] or None,
            cluster_size=self.memory._shape[1] or None,
            seed=self.memory.seed,
            first_item=self._item,
        )
        self.traffic.add(self.memory.tensor, "retrieve", sums=self.size, compares=self.size)
        new, self._volley = SDR.from_dense(won), self._volley + 1
        self._scores[:] = 0
        if new == x or self._volley == asked.max_iterations:
            self._ended = {"iterations": float(self._volley), "converged": float(new == x)}
            self._x, self._end = None, -1
            self._arrivals.clear()
            return new
        self._fire(new, tick)
        return None

    def next_tick(self, tick: int) -> int | None:
        """The next arrival or the end of the window."""
        wanted = [*self._arrivals, *([self._end] if self._x is not None else [])]
        return min(wanted) if wanted else None

    def scalars(self) -> dict[str, float]:
        """Windows of the last recall that ended, and whether its code had repeated itself."""
        return dict(self._ended)

    def reset(self) -> None:
        """At rest, and the memory forgets."""
        self.memory.reset()
        self.traffic = Traffic()
        self._clear()

    def state(self) -> dict[str, Any]:
        """The memory, and all that is under way."""
        ticks = sorted(self._arrivals)
        own = callable(self._options["select"])
        return {
            "memory_class": class_name(self.memory),
            "window": self.window,
            "delays": self.delays.copy(),
            "options": {} if own else dict(self._options),
            "is_own": own,
            "traffic": traffic_state(self.traffic),
            "memory": self.memory.state(),
            "codes": codes_state([self._cue, self._x]),
            "clock": [self._end, self._volley, self._item],
            "ticks": [tick for tick in ticks for _ in self._arrivals[tick]],
            "units": [unit for tick in ticks for unit in self._arrivals[tick]],
            "scores": self._scores.copy(),
            "ended": dict(self._ended),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of a field like this one."""
        same = state["window"] == self.window and np.array_equal(state["delays"], self.delays)
        if not same or state["memory_class"] != class_name(self.memory):
            raise FileFormatError("state of a delayed recall", got="another memory, window or delays")
        self.traffic = traffic_from_state(state["traffic"])
        self.memory.restore(state["memory"])
        self._cue, self._x = codes_from_state(state["codes"])
        self._end, self._volley, self._item = (int(n) for n in state["clock"])
        self._arrivals = {}
        for tick, unit in zip(state["ticks"], state["units"]):
            self._arrivals.setdefault(int(tick), []).append(int(unit))
        self._scores[:] = state["scores"]
        self._ended = {name: float(value) for name, value in state["ended"].items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A field as it was."""
        if state["is_own"]:
            raise FileFormatError("state of a delayed recall", got="your own select", do="pass net= to restore")
        memory: Any = own_class(state["memory_class"])
        made = cls(memory.from_state(state["memory"]), state["window"], state["delays"], **state["options"])
        made.restore(state)
        return made

    def __repr__(self) -> str:
        low, high = self.delays.min(), self.delays.max()
        return f"DelayedRecall({self.memory!r}, window {self.window}, delays {low} .. {high} ticks)"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"
