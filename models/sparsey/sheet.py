"""Sheet: one level of macs on one memory, as a field of the engine. A single `Mac` is a sheet of one."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import check_room, checked_count
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.fields import united
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.states import codes_from_state, codes_state, traffic_from_state, traffic_state
from sdrsim.engine.traffic import Tensor, Traffic, address_bits, trace_of
from sdrsim.errors import CodeError, FileFormatError, NetworkError
from sdrsim.models.sparsey.kernels.layout import FALLBACKS, N_STATS, WORDS_SILENT, WRITES, Memory, Work, make_work
from sdrsim.models.sparsey.kernels.sheet import Reach, Recording, Wiring, run_frames
from sdrsim.models.sparsey.params import MacParams
from sdrsim.models.sparsey.recording import KERNEL_COUNTERS, Events, joined
from sdrsim.models.sparsey.rules import make_memory, make_rule, memory_bytes, row_words

__all__ = ["Sheet"]

MOST_ACTIVE = 2**16 - 1  # active inputs of a mac: counts are uint16
TALLIES = ("n_stored", "n_writes", "n_fallbacks", "n_active_stored")


class Sheet:
    """`n_macs` equal macs, each with its own afferent matrix, over a source of pixels or of the cells of lower macs.

    Memory is taken on first use (`allocate`), so that a network can tell its size before it exists.
    As a field of the engine: port "U"; with `learning` on, frames that arrive are stored, else recognised; draws are
    keyed by the tick. ``Simulator.reset`` calls `reset`, which forgets all that was learned.

    Parameters
    ----------
    params : MacParams, with ``n_inputs = n_slots * block_size``
    wiring : Wiring
        Source block -> (mac, slot).
    n_macs : int
    block_cms : int
        CMs of each source mac; 1 over pixels.
    seed : int
        Keys every draw: (seed, frame, mac, CM).
    name : str
        Name of the weights in the traffic ledger.
    """

    def __init__(
        self, params: MacParams, wiring: Wiring, n_macs: int, *, block_cms: int = 1, seed: int = 0, name: str = "U"
    ) -> None:
        self.params, self.n_macs, self.seed, self.name = params, int(n_macs), checked_seed(seed), name
        self._wiring, self._block_cms = wiring, block_cms
        n_slots = params.n_inputs // wiring.block_size
        self._rule = make_rule(params, n_slots, block_cms)
        self._bounds = (params.floor_features(n_slots), float(params.ceiling_features(n_slots)))
        hears_all = not len(wiring.mac)
        self.source_size = params.n_inputs if hears_all else (len(wiring.indptr) - 1) * wiring.block_size
        if self.n_macs * params.n_units >= 2**31 or self.source_size >= 2**31:
            raise NetworkError(
                name, got=f"{self.n_macs} macs of {params.n_units} units", expected="fewer than 2**31 units"
            )
        self.size = self.n_macs * params.n_units
        self.ports = {"U": self.source_size}
        self.learning = self.tracing = False
        self._clear()

    def _clear(self) -> None:
        self._memory: Any = None
        self._scratch: list[tuple[Reach, Work]] = []
        self.n_stored = self.n_writes = self.n_fallbacks = self.n_active_stored = 0
        self.traffic = Traffic()
        self._pending: SDR | None = None
        self._moved: Traffic | None = None
        self._scalars = {"familiarity": math.nan, "n_active_macs": 0.0}

    def reset(self) -> None:
        """Forget everything but whether it is `learning` or `tracing`."""
        self._clear()

    # ---- size ---------------------------------------------------------------------------------------------------

    @property
    def n_synapses(self) -> int:
        """Connected afferents times units (padding not counted)."""
        return self.n_macs * self.params.n_inputs * self.params.n_units

    @property
    def n_bytes(self) -> int:
        """Bytes of memory, scratch and wiring, whether taken yet or not."""
        wiring = self._wiring.indptr.nbytes + self._wiring.mac.nbytes + self._wiring.slot.nbytes
        return memory_bytes(self.params, self.n_macs) + 16 * self.n_macs + wiring

    def allocate(self) -> None:
        """Take the memory now."""
        if self._memory is None:
            self._memory = self._empty_memory()
            self._scratch = [self._new_scratch()]

    @property
    def is_allocated(self) -> bool:
        """Whether the memory is taken."""
        return self._memory is not None

    def _empty_memory(self) -> Memory:
        check_room(f"memory of {self.name}", self.n_bytes)
        return make_memory(self.params, self._rule, self.n_macs)

    def _filled_memory(self, kept: Mapping[str, Any]) -> Memory:
        """An empty memory (its rows aligned as the kernels want them) with what `_kept` gave."""
        fresh = self._empty_memory()
        for name, target in _kept(fresh).items():
            if np.shape(kept[name]) != target.shape:
                raise FileFormatError(
                    f"state of {self.name}", got=f"{name} {np.shape(kept[name])}", expected=target.shape
                )
            target[...] = kept[name]
        return fresh

    def _new_scratch(self) -> tuple[Reach, Work]:
        n = self.n_macs
        reach = Reach(np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n, np.int64))
        return reach, make_work(self._rule, row_words(self.params))

    # ---- work ---------------------------------------------------------------------------------------------------

    def run(
        self, codes: SDR, learn: bool, first: int, seed: int | None = None, trace: bool = False, n_threads: int = 1
    ) -> Events:
        """Run frames through the sheet; frame i draws with key (seed, first + i). The one door to the kernels.

        Recognition may be spread over threads by frames; learning is one frame after another.
        """
        key_seed = self.seed if seed is None else checked_seed(seed)
        first = checked_count("first_item", first, 0, 2**62 - 1)
        n_threads = checked_count("n_threads", n_threads, 1, 2**16)
        if self.params.n_inputs > MOST_ACTIVE and len(codes) and codes.n_active.max() > MOST_ACTIVE:
            raise CodeError(
                f"code for {self.name}", got=f"{codes.n_active.max()} active units", expected=f"at most {MOST_ACTIVE}"
            )
        self.allocate()
        if learn or n_threads <= 1 or len(codes) < 2 * n_threads:
            parts = [self._run_part(codes, learn, first, key_seed, trace)]
        else:
            parts = self._run_parts(codes, first, key_seed, trace, n_threads)
        made = parts[0][0] if len(parts) == 1 else joined([part for part, _ in parts])
        stats = np.sum([s for _, s in parts], axis=0)
        if learn:
            self.n_stored += len(codes)
            self.n_writes += int(stats[WRITES])
            self.n_fallbacks += int(stats[FALLBACKS])
            self.n_active_stored += len(codes.indices)
        traffic = self._ledger(made, len(codes.indices), stats, learn, trace)
        self.traffic += traffic.without_trace()
        return Events(made.indptr, made.mac, made.winners, made.familiarity, traffic)

    def _run_part(
        self, codes: SDR, learn: bool, first: int, seed: int, trace: bool
    ) -> tuple[Recording, NDArray[np.int64]]:
        try:
            reach, work = self._scratch.pop()  # atomic: threads, ours or the user's, never share one
        except IndexError:
            reach, work = self._new_scratch()
        stats = np.zeros(N_STATS, np.int64)
        keys = (np.uint64(seed), np.int64(first))
        bounds, offsets, units = self._bounds, codes.indptr, codes.indices
        made = run_frames(
            self._rule, self._memory, self._wiring, reach, work, bounds, offsets, units, keys, learn, trace, stats
        )
        self._scratch.append((reach, work))
        return made, stats

    def _run_parts(
        self, codes: SDR, first: int, seed: int, trace: bool, n_threads: int
    ) -> list[tuple[Recording, NDArray[np.int64]]]:
        from concurrent.futures import ThreadPoolExecutor

        cuts = np.linspace(0, len(codes), n_threads + 1).astype(int)
        with ThreadPoolExecutor(n_threads) as pool:
            jobs = [
                pool.submit(self._run_part, codes[a:b], False, first + int(a), seed, trace) for a, b in pairwise(cuts)
            ]
            return [job.result() for job in jobs]

    def _ledger(self, made: Recording, n_in: int, stats: NDArray[np.int64], learn: bool, trace: bool) -> Traffic:
        """The kernels' counters as traffic: all under 'learn' where items were stored, else under 'retrieve'."""
        traffic = Traffic(tensors={self.name: Tensor(self.n_macs * self.params.n_inputs, 8 * row_words(self.params))})
        phase = "learn" if learn else "retrieve"
        traffic.vector(self.name, phase)[: len(KERNEL_COUNTERS)] += stats[: len(KERNEL_COUNTERS)]
        bits = n_in * address_bits(self.source_size) + made.winners.size * address_bits(self.size)
        traffic.add(self.name, phase, code_bits=bits, words_silent=int(stats[WORDS_SILENT]))
        if trace:
            traffic.trace = trace_of(made.accesses, phase)
        return traffic

    # ---- as a field of the engine ---------------------------------------------------------------------------------

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Take this tick's input (one item); several codes of one tick are united."""
        if port != "U":
            raise NetworkError("port of a Sparsey level", got=repr(port), expected="'U'")
        self._pending = united(self._pending, as_sdr(code, self.source_size, what=f"code for {self.name}"))

    def step(self, tick: int) -> SDR | None:
        """Run the frame that arrived and give the code of the active macs; None when no mac was active."""
        if self._pending is None:
            return None
        code, self._pending = self._pending, None
        events = self.run(code, self.learning, tick, trace=self.tracing)
        self._moved = events.traffic if self.tracing else None
        n = len(events.mac)
        self._scalars = {"familiarity": float(events.familiarity.mean()) if n else math.nan, "n_active_macs": float(n)}
        return events.codes(self.n_macs, self.params.n_cells) if n else None

    def take_trace(self) -> Traffic | None:
        """What the last step moved, with its trace, if `tracing` was on; None when it was asked already."""
        moved, self._moved = self._moved, None
        return moved

    def scalars(self) -> dict[str, float]:
        """Mean G of the active macs (NaN when there was none), and their number, at the last step."""
        return dict(self._scalars)

    def state(self) -> dict[str, Any]:
        """Geometry and memory, copied: all that `restore` and `from_state` need."""
        self.allocate()
        w = self._wiring
        return {
            "params": None if callable(self.params.psi) else self.params.to_json(),
            "geometry": {"n_macs": self.n_macs, "block_cms": self._block_cms, "seed": self.seed, "name": self.name},
            "wiring": {"indptr": w.indptr, "mac": w.mac, "slot": w.slot, "block_size": w.block_size},
            "memory": {name: array.copy() for name, array in _kept(self._memory).items()},
            "tallies": {name: getattr(self, name) for name in TALLIES},
            "learning": self.learning,
            "scalars": self.scalars(),
            "pending": codes_state([self._pending]),
            "traffic": traffic_state(self.traffic),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the memory of a sheet like this one; refused whole when parameters, wiring or seed differ.

        Raises
        ------
        FileFormatError
            With what differs.
        """
        self._check_same(state)
        self._memory, self._scratch = self._filled_memory(state["memory"]), [self._new_scratch()]
        for name in TALLIES:
            setattr(self, name, int(state["tallies"][name]))
        self.learning = bool(state["learning"])
        self._scalars = {name: float(value) for name, value in state["scalars"].items()}
        (self._pending,) = codes_from_state(state["pending"])
        self.traffic = traffic_from_state(state["traffic"])

    def _check_same(self, state: Mapping[str, Any]) -> None:
        mine = {"n_macs": self.n_macs, "block_cms": self._block_cms, "seed": self.seed, "name": self.name}
        for name, value in mine.items():
            if state["geometry"][name] != value:
                got = f"{name} {state['geometry'][name]!r}"
                raise FileFormatError(f"state of {self.name}", got=got, expected=f"{value!r}, as in this one")
        saved = None if state["params"] is None else MacParams.from_json(state["params"])
        own = None if callable(self.params.psi) else self.params
        if saved != own:
            raise FileFormatError(f"state of {self.name}", got=f"other parameters, {saved!r}", expected=f"{own!r}")
        for name, value in self._wiring._asdict().items():
            if not np.array_equal(state["wiring"][name], value):
                raise FileFormatError(f"state of {self.name}", got="another wiring", expected="the same apertures")

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle. Scratch stays behind; the rows of the copy must be aligned anew."""
        memory = None if self._memory is None else _kept(self._memory)
        return {**self.__dict__, "_memory": memory, "_scratch": []}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update({**kept, "_memory": None})
        if kept["_memory"] is not None:
            self._memory, self._scratch = self._filled_memory(kept["_memory"]), [self._new_scratch()]

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A sheet from `state`, without the network it stood in."""
        if state["params"] is None:
            raise FileFormatError("state of a Sparsey level", got="your own psi", do="build it again, then restore()")
        params, g, w = MacParams.from_json(state["params"]), state["geometry"], state["wiring"]
        indptr, mac, slot = (np.ascontiguousarray(w[n]) for n in ("indptr", "mac", "slot"))
        wiring = Wiring(indptr, mac, slot, int(w["block_size"]))
        made = cls._of(params, wiring, g)
        made.restore(state)
        return made

    @classmethod
    def _of(cls, params: MacParams, wiring: Wiring, g: Mapping[str, Any]) -> Self:
        return cls(params, wiring, g["n_macs"], block_cms=g["block_cms"], seed=g["seed"], name=g["name"])

    # ---- reading the memory ---------------------------------------------------------------------------------------

    @property
    def share_set(self) -> float:
        """Share of the weights that are set."""
        return 0.0 if self._memory is None else float(self._memory.n_set.sum() / self.n_synapses)

    @property
    def share_closed(self) -> float:
        """Share of the units that take no more weights (full or frozen)."""
        return 0.0 if self._memory is None else float(self._memory.closed.sum() / (self.n_macs * self.params.n_units))

    def __repr__(self) -> str:
        p, plural = self.params, "s" * (self.n_macs != 1)
        return (
            f"Sheet({self.name}: {self.n_macs:,} mac{plural} of Q {p.n_cms} x K {p.n_cells}, "
            f"{self.n_stored:,} frames stored, "
            f"{100 * self.share_set:.1f} % of {self.n_synapses:,} weights set, {bytes_text(self.n_bytes)})"
        )

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def _kept(memory: Memory) -> dict[str, NDArray[Any]]:
    """What of a memory was learned (views)."""
    return {"words": memory.words[:-1], "n_set": memory.n_set, "closed": memory.closed, "ratchet": memory.ratchet}
