"""Fields for tests of the engine, written as a user would: five methods, `n_bytes`, `traffic`."""

import numpy as np

from sdrsim import SDR, stream
from sdrsim.engine.noise import noisy
from sdrsim.engine.states import codes_from_state, codes_state
from sdrsim.engine.traffic import TRACE, Tensor, Traffic


def counts(traffic):
    """The counters that are not 0."""
    return {key: vector.tolist() for key, vector in traffic.counts.items() if vector.any()}


class Own:
    """Emits the union of what came; keeps a log of its calls; at tick t it touches row t, written at odd ticks."""

    n_bytes, tracing, touched = 0, False, None

    def __init__(self, size=16):
        self.size, self.ports = size, {"U": size}
        self.traffic, self.inbox, self.log = Traffic(), [], []

    def receive(self, port, code, tick):
        self.log.append(("receive", tick, port, code.indices.tolist()))
        self.inbox.append(code)

    def step(self, tick):
        self.log.append(("step", tick))
        units = sorted({u for code in self.inbox for u in code.indices.tolist()})
        self.inbox = []
        self.traffic.add("own", "retrieve", synops=len(units))
        if self.tracing:
            self.touched = Traffic(
                tensors={"own": Tensor(99, 8)}, trace=np.array([(0, tick, tick % 2, tick % 2)], TRACE)
            )
        return self.emit(SDR.from_indices([units], self.size), tick)

    def take_trace(self):
        touched, self.touched = self.touched, None
        return touched

    def emit(self, code, tick):
        return code

    def state(self):
        return {"inbox": codes_state(self.inbox)}

    def restore(self, state):
        self.inbox = codes_from_state(state["inbox"])


class DelayLine(Own):
    """Gives each code back `length` ticks later, waking itself up."""

    def __init__(self, size=16, length=3):
        super().__init__(size)
        self.length, self.line = length, {}

    def emit(self, code, tick):
        if len(code.indices):
            self.line[tick + self.length] = code
        return self.line.pop(tick, None)

    def next_tick(self, tick):
        return min((t for t in self.line if t > tick), default=None)

    def state(self):
        return {**super().state(), "due": list(self.line), "line": codes_state(list(self.line.values()))}

    def restore(self, state):
        super().restore(state)
        self.line = dict(zip(state["due"], codes_from_state(state["line"])))


class NoisyRelay(Own):
    """Noise keyed by (seed, name, tick): the same whatever happens elsewhere."""

    def __init__(self, size=16, p_erase=0.3, p_insert=0.1):
        super().__init__(size)
        self.p_erase, self.p_insert, self.n_emitted = p_erase, p_insert, 0

    def bind(self, name, seed):
        self.name, self.seed = name, seed

    def emit(self, code, tick):
        made = noisy(code, self.p_erase, self.p_insert, stream(self.seed, f"{self.name} {tick}"))
        self.n_emitted += len(made.indices)
        return made

    def scalars(self):
        return {"n_emitted": float(self.n_emitted), "tenth": self.n_emitted / 10}

    def state(self):
        return {**super().state(), "n_emitted": self.n_emitted}

    def restore(self, state):
        super().restore(state)
        self.n_emitted = state["n_emitted"]

    def reset(self):
        self.traffic, self.inbox, self.log, self.n_emitted = Traffic(), [], [], 0


class Counter(Own):
    """Counts its steps, emits the count as a unit, acts on every `period`-th tick by itself."""

    def __init__(self, size=16, period=2):
        super().__init__(size)
        self.period, self.n = period, 0

    def emit(self, code, tick):
        self.n += 1
        return SDR.from_indices([[self.n % self.size]], self.size)

    def next_tick(self, tick):
        return (tick // self.period + 1) * self.period

    def state(self):
        return {**super().state(), "n": self.n}

    def restore(self, state):
        super().restore(state)
        self.n = state["n"]
