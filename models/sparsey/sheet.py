"""Sheet: one level of macs on one memory, as a field of the engine. A single `Mac` is a sheet of one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.traffic import COUNTERS, TRACE, Tensor, Traffic
from sdrsim.errors import FileFormatError, NetworkError
from sdrsim.models.sparsey.kernels.layout import FALLBACKS, N_STATS, WRITES
from sdrsim.models.sparsey.kernels.sheet import Reach, Recording, Wiring, run_frames
from sdrsim.models.sparsey.params import MacParams
from sdrsim.models.sparsey.rules import make_memory, make_rule, memory_bytes, row_words

__all__ = ["Events", "Sheet"]

KERNEL_COUNTERS = tuple(COUNTERS)[:FALLBACKS]
TALLIES = ("n_stored", "n_writes", "n_fallbacks", "n_active_stored")


class Events(NamedTuple):
    """What a sheet did with some frames: only active macs appear.

    For frame i: macs ``mac[indptr[i]:indptr[i + 1]]`` (rising), ``winners`` (n_events, n_cms) int16, ``familiarity`` G.
    """

    indptr: NDArray[np.int64]
    mac: NDArray[np.int32]
    winners: NDArray[np.int16]
    familiarity: NDArray[np.float64]
    traffic: Traffic

    def codes(self, n_macs: int, n_cells: int) -> SDR:
        """(n_frames) codes over ``n_macs * n_cms * n_cells`` units; unit = (mac * n_cms + cm) * n_cells + cell."""
        n_cms = self.winners.shape[1]
        cms = self.mac[:, None] * np.int32(n_cms) + np.arange(n_cms, dtype=np.int32)
        units = (cms * np.int32(n_cells) + self.winners).astype(np.int32).reshape(-1)
        return SDR._trusted(units, self.indptr * n_cms, n_macs * n_cms * n_cells)

    def dense(self, n_macs: int) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
        """Winners (n_frames, n_macs, n_cms) int16, -1 where silent, and G (n_frames, n_macs), 0 where silent."""
        n = len(self.indptr) - 1
        frame = np.repeat(np.arange(n), np.diff(self.indptr))
        winners = np.full((n, n_macs, self.winners.shape[1]), -1, np.int16)
        familiarity = np.zeros((n, n_macs), np.float64)
        winners[frame, self.mac] = self.winners
        familiarity[frame, self.mac] = self.familiarity
        return winners, familiarity


class Sheet:
    """`n_macs` equal macs, each with its own afferent matrix, over a source of pixels or of the cells of lower macs.

    Memory is taken on first use (`allocate`), so that a network can tell its size before it exists.
    As a field of the engine: port "U"; with `learning` on, frames that arrive are stored, else recognised.

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
        self.source_size = (len(wiring.indptr) - 1) * wiring.block_size
        if self.n_macs * params.n_units >= 2**31 or self.source_size >= 2**31:
            raise NetworkError(
                name, got=f"{self.n_macs} macs of {params.n_units} units", expected="fewer than 2**31 units"
            )
        self.size = self.n_macs * params.n_units
        self.ports = {"U": self.source_size}
        self.learning = False
        self._clear()

    def _clear(self) -> None:
        self._memory: Any = None
        self.n_stored = self.n_writes = self.n_fallbacks = self.n_active_stored = 0
        self.traffic = Traffic()
        self._pending: SDR | None = None
        self._scalars: dict[str, float] = {}

    def reset(self) -> None:
        """Forget everything."""
        self._clear()

    # ---- size ---------------------------------------------------------------------------------------------------

    @property
    def n_synapses(self) -> int:
        """Connected afferents times units (padding not counted)."""
        return self.n_macs * self.params.n_inputs * self.params.n_units

    @property
    def n_bytes(self) -> int:
        """Bytes of the memory, whether taken yet or not."""
        return memory_bytes(self.params, self.n_macs) + 16 * self.n_macs

    def allocate(self) -> None:
        """Take the memory now."""
        if self._memory is None:
            self._memory = make_memory(self.params, self.n_macs)
            self._reach = self._new_reach()

    def _new_reach(self) -> Reach:
        n = self.n_macs
        return Reach(np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n, np.int64))

    # ---- work ---------------------------------------------------------------------------------------------------

    def run(
        self, codes: SDR, learn: bool, first: int, seed: int | None = None, trace: bool = False, n_threads: int = 1
    ) -> Events:
        """Run frames through the sheet; frame i draws with key (seed, first + i). The one door to the kernels.

        Recognition may be spread over threads by frames; learning is one frame after another.
        """
        self.allocate()
        key_seed = self.seed if seed is None else checked_seed(seed)
        if learn or n_threads <= 1 or len(codes) < 2 * n_threads:
            parts = [self._run_part(codes, learn, first, key_seed, trace, self._reach)]
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
        self, codes: SDR, learn: bool, first: int, seed: int, trace: bool, reach: Reach
    ) -> tuple[Recording, NDArray[np.int64]]:
        stats = np.zeros(N_STATS, np.int64)
        keys = (np.uint64(seed), np.int64(first))
        bounds, offsets, units = self._bounds, codes.indptr, codes.indices
        made = run_frames(
            self._rule, self._memory, self._wiring, reach, bounds, offsets, units, keys, learn, trace, stats
        )
        return made, stats

    def _run_parts(
        self, codes: SDR, first: int, seed: int, trace: bool, n_threads: int
    ) -> list[tuple[Recording, NDArray[np.int64]]]:
        from concurrent.futures import ThreadPoolExecutor

        cuts = np.linspace(0, len(codes), n_threads + 1).astype(int)
        with ThreadPoolExecutor(n_threads) as pool:
            jobs = [
                pool.submit(self._run_part, codes[a:b], False, first + int(a), seed, trace, self._new_reach())
                for a, b in zip(cuts[:-1], cuts[1:])
            ]
            return [job.result() for job in jobs]

    def _ledger(self, made: Recording, n_in: int, stats: NDArray[np.int64], learn: bool, trace: bool) -> Traffic:
        """The kernels' counters as traffic: sums under 'retrieve', the write of learning under 'learn'."""
        traffic = Traffic(tensors={self.name: Tensor(self.n_macs * self.params.n_inputs, 8 * row_words(self.params))})
        phase = "learn" if learn else "retrieve"
        traffic.vector(self.name, phase)[: len(KERNEL_COUNTERS)] += stats[: len(KERNEL_COUNTERS)]
        bits_out = made.winners.size * address_bits(self.size)
        traffic.add(self.name, phase, code_bits=n_in * address_bits(self.source_size) + bits_out)
        if trace:
            accesses = made.accesses
            steps = np.zeros(len(accesses), TRACE)
            steps["write"] = accesses < 0
            steps["row"] = np.where(accesses < 0, -1 - accesses, accesses)
            traffic.trace = steps
        return traffic

    # ---- as a field of the engine ---------------------------------------------------------------------------------

    def receive(self, port: str, code: SDR, tick: int) -> None:
        """Take this tick's input (one item); several codes of one tick are united."""
        if port != "U":
            raise NetworkError("port of a Sparsey level", got=port, expected="U")
        code = as_sdr(code, self.source_size, what=f"code for {self.name}")
        if self._pending is not None:
            code = SDR.from_indices([np.union1d(self._pending.indices, code.indices)], self.source_size)
        self._pending = code

    def step(self, tick: int) -> SDR | None:
        """Run the frame that arrived and give the code of the active macs; None when no mac was active."""
        if self._pending is None:
            return None
        code, self._pending = self._pending, None
        events = self.run(code, self.learning, tick)
        if not len(events.mac):
            self._scalars = {"familiarity": 0.0, "n_active_macs": 0.0}
            return None
        self._scalars = {"familiarity": float(events.familiarity.mean()), "n_active_macs": float(len(events.mac))}
        self.last = events
        return events.codes(self.n_macs, self.params.n_cells)

    def scalars(self) -> dict[str, float]:
        """Mean G of the active macs, and their number, at the last step."""
        return dict(self._scalars)

    def state(self) -> dict[str, Any]:
        """All that a checkpoint needs (see `restore`)."""
        self.allocate()
        m = self._memory
        state: dict[str, Any] = {
            "words": np.asarray(m.words[:-1]),
            "n_set": m.n_set,
            "closed": m.closed,
            "ratchet": m.ratchet,
            "learning": self.learning,
        }
        state.update({name: getattr(self, name) for name in TALLIES})
        state["pending"] = None if self._pending is None else self._pending.indices
        return state

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of a sheet of the same geometry; refused whole when a shape differs."""
        self.allocate()
        fresh = make_memory(self.params, self.n_macs)
        targets = {"words": fresh.words[:-1], "n_set": fresh.n_set, "closed": fresh.closed, "ratchet": fresh.ratchet}
        for name, target in targets.items():
            if np.shape(state[name]) != target.shape:
                raise FileFormatError(
                    f"state of {self.name}", got=f"{name} {np.shape(state[name])}", expected=target.shape
                )
            target[...] = state[name]
        self._memory = fresh
        self.learning = bool(state["learning"])
        for name in TALLIES:
            setattr(self, name, int(state[name]))
        pending = state["pending"]
        self._pending = None if pending is None else SDR.from_indices([pending], self.source_size)

    # ---- reading the memory ---------------------------------------------------------------------------------------

    @property
    def share_set(self) -> float:
        """Share of the weights that are set."""
        return 0.0 if self._memory is None else float(self._memory.n_set.sum() / self.n_synapses)

    @property
    def share_closed(self) -> float:
        """Share of the units that take no more weights (full or frozen)."""
        return 0.0 if self._memory is None else float(self._memory.closed.sum() / (self.n_macs * self.params.n_units))


def joined(parts: Sequence[Recording]) -> Recording:
    """Recordings of consecutive frames as one."""
    ends = np.cumsum([0, *(part.indptr[-1] for part in parts)])
    indptr = np.concatenate([[0], *(part.indptr[1:] + end for part, end in zip(parts, ends))]).astype(np.int64)
    rest = [np.concatenate([part[i] for part in parts]) for i in range(1, len(Recording._fields))]
    return Recording(indptr, *rest)


def address_bits(size: int) -> int:
    """Bits of one unit's address: ceil(log2 size), at least 1."""
    return max(1, (size - 1).bit_length())
