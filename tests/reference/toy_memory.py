"""A small auto-associative memory that keeps the memory protocol: clipped Hebb, threshold at the cue, noise."""

from types import SimpleNamespace

import numpy as np

from sdrsim import SDR, stream
from sdrsim.engine.codes import as_sdr
from sdrsim.engine.noise import noisy
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.synapses import BinarySynapses
from sdrsim.engine.traffic import TRACE, Traffic
from sdrsim.files.state import load_state, save_state


class ToyMemory:
    """Recall: units with at least `share` of the cue's units behind them, then noise keyed by (seed, item)."""

    def __init__(self, n_units: int, share: float = 1.0, p_noise: float = 0.0, seed: int = 0) -> None:
        self.params = {"n_units": n_units, "share": share, "p_noise": p_noise, "seed": seed}
        self.n_units, self.share, self.p_noise, self.seed = n_units, share, p_noise, checked_seed(seed)
        self.synapses = BinarySynapses(n_units, n_units)
        self.reset()

    def reset(self) -> None:
        self.n_stored = 0
        self.synapses.reset()

    @property
    def n_synapses(self) -> int:
        return self.n_units**2

    @property
    def n_bytes(self) -> int:
        return self.synapses.n_bytes

    @property
    def traffic(self) -> Traffic:
        return self.synapses.traffic

    def _since(self, before: Traffic, trace: bool, x: SDR, write: bool) -> Traffic:
        made = Traffic({key: vector.copy() for key, vector in self.traffic.counts.items()}, dict(self.traffic.tensors))
        for key, vector in before.counts.items():
            made.counts[key] -= vector
        if trace:
            made.trace = np.zeros(len(x.indices), TRACE)
            made.trace["row"], made.trace["write"] = x.indices, write
        return made

    def store(self, x, *, trace: bool = False):
        x, before = as_sdr(x, self.n_units, what="x"), self.traffic + Traffic()
        for item in x:
            self.synapses.learn(item, item)
            self.n_stored += 1
        return SimpleNamespace(traffic=self._since(before, trace, x, True))

    def recall(self, cues, *, trace: bool = False, first_item: int = 0, seed: int | None = None):
        cues, before = as_sdr(cues, self.n_units, what="cues"), self.traffic + Traffic()
        key, found = self.seed if seed is None else seed, []
        for item, cue in enumerate(cues, first_item):
            sums = self.synapses.sums(cue)
            code = SDR.from_dense(sums >= max(1, self.share * len(cue.indices)))
            found.append(noisy(code, self.p_noise, self.p_noise / 10, stream(key, f"item {item}")).indices)
        codes = SDR.from_indices(found, self.n_units)
        return SimpleNamespace(codes=codes, traffic=self._since(before, trace, cues, False))

    def save(self, path):
        state = {"params": self.params, "n_stored": self.n_stored, "synapses": self.synapses.state()}
        return save_state(path, "toy", state)

    @classmethod
    def load(cls, path):
        state = load_state(path, "toy")
        made = cls(**state["params"])
        made.n_stored = state["n_stored"]
        made.synapses.restore(state["synapses"])
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_units} units, {self.n_stored} stored)"

    def _repr_html_(self) -> str:
        return repr(self)
