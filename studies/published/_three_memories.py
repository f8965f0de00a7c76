"""The network of the study three-memories, and the gates that let lessons through."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from sdrsim.engine.codes import SDR
from sdrsim.engine.fields import MemoryField, Relay, united
from sdrsim.engine.network import Network
from sdrsim.engine.simulator import Simulator
from sdrsim.engine.states import codes_from_state, codes_state
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import NetworkError
from sdrsim.models.hebbian import CliqueMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.hopfield.field import PatternField
from sdrsim.models.sparsey import Hierarchy, Level

__all__ = ["N_BANDS", "N_CELLS", "ON_TIME", "Gate", "ask", "build", "teach"]

N_BANDS, N_CMS, N_CELLS = 5, 4, 256
N_CLUSTERS = N_BANDS * N_CMS
ON_TIME = 3  # ticks from the eye to the answers


class Gate:
    """A field that lets codes on port "U" through in ticks in which something comes to port "open"."""

    n_bytes = 0

    def __init__(self, size: int) -> None:
        self.size, self.ports = size, {"U": size, "open": None}
        self.traffic = Traffic()
        self.reset()

    def reset(self) -> None:
        """Nothing received."""
        self._code: SDR | None = None
        self._is_open = False

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Take a code, or a spike that opens the gate for this tick."""
        if port == "open":
            self._is_open = True
        elif port == "U":
            self._code = united(self._code, code)
        else:
            raise NetworkError("port of a gate", got=repr(port), expected="'U' or 'open'")

    def step(self, tick: int) -> SDR | None:
        """The code, when the gate is open."""
        code = self._code if self._is_open else None
        self.reset()
        return code

    def state(self) -> dict[str, Any]:
        """Size, and what came in this tick."""
        return {"size": self.size, "code": codes_state([self._code]), "is_open": self._is_open}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state."""
        (self._code,), self._is_open = codes_from_state(state["code"]), bool(state["is_open"])

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A gate as it was."""
        made = cls(state["size"])
        made.restore(state)
        return made


def build(n_digits: int, seed: int) -> Network:
    """Eye, level, cliques, names; the control over pixels; a teacher and its gates."""
    level = Level(
        aperture=(4, 8), grid=(N_BANDS, 1), n_cms=N_CMS, n_cells=N_CELLS, match="cosine", unit_cap=0.05, g_minus=0.5
    )
    net = Network(seed)
    net.add("eye", Relay(64))
    net.add("teacher", Relay(1))
    n_units = net.add("level", Hierarchy((8, 8), [level], seed=seed).sheets[0]).size
    net.add("cliques", MemoryField(CliqueMemory(N_CLUSTERS, N_CELLS, seed=seed)))
    net.add("names", PatternField(SparseHopfield(beta=2.0, alpha=1.5), n_digits, n_units=n_units))
    nearest = SparseHopfield(alpha=np.inf, similarity="cosine")
    net.add("pixels", PatternField(nearest, n_digits, n_units=64))
    net["level"].learning = True
    net.connect("eye", "level", delay=1)
    for source, target, delay in (("level", "cliques", 1), ("cliques", "names", 1), ("eye", "pixels", ON_TIME)):
        size, gate = net[source].size, f"to {target}"
        net.add(gate, Gate(size))
        net.connect(source, target, port="cue", delay=delay)
        net.connect(source, gate, delay=delay)
        net.connect("teacher", gate, port="open", delay={"cliques": 2}.get(target, ON_TIME))
        net.connect(gate, target, port="learn", delay=0)
    return net


def teach(sim: Simulator, digits: SDR, start: int = 0) -> None:
    """Schedule lessons: a digit and a spike of the teacher, a tick each."""
    for tick, digit in enumerate(digits, start):
        sim.schedule("eye", digit, at=tick)
        sim.schedule("teacher", [[0]], at=tick)


def ask(sim: Simulator, cues: SDR, start: int) -> None:
    """Schedule cues, one a tick."""
    for tick, cue in enumerate(cues, start):
        sim.schedule("eye", cue, at=tick)
