"""What the binary Hopfield networks share: states of -1 and 1 as codes, lazy arrays, settling, ledger, files."""

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import check_room, checked_count
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.params import Params
from sdrsim.engine.saved import SavedMemory
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import Tensor, Traffic, address_bits, trace_of
from sdrsim.errors import FileFormatError
from sdrsim.models.hopfield.kernels.classical import N_COMPARES, N_DRAWN, N_FLIPS, N_SUMS, Asked

__all__ = ["Arrays", "BinaryNetwork", "Settled", "Stored", "as_spins", "spin_codes"]

Arrays = dict[str, NDArray[Any]]


class Stored(NamedTuple):
    """What a store moved and changed.

    n_items : items stored by this call
    n_new : synapses changed, counted item by item
    traffic : counters of this call under phase 'learn', and the access trace when one was asked for
    """

    n_items: int
    n_new: int
    traffic: Traffic

    def __repr__(self) -> str:
        return f"Stored({self.n_items:,} items, {self.n_new:,} changes of synapses)"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


@dataclass(frozen=True, repr=False)
class Settled:
    """Where n cues settled.

    codes : SDR, one code a cue: the units at 1
    iterations : (n,) int64, steps carried out, the one that only confirmed included
    converged : (n,) bool, whether no unit wanted to flip any more
    n_flips : (n,) int64, flips on the way
    traffic : counters of this call under phase 'retrieve', and the access trace when one was asked for
    """

    codes: SDR
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    n_flips: NDArray[np.int64]
    traffic: Traffic

    @property
    def spins(self) -> NDArray[np.int8]:
        """(n, n_units) int8: the same as -1 and 1."""
        return as_spins(self.codes)

    def __repr__(self) -> str:
        n = len(self.codes)
        settled = f"{int(self.converged.sum())} of {n} converged" if n else "no items"
        return f"Settled({self.codes!r}; {settled})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def as_spins(codes: SDR) -> NDArray[np.int8]:
    """(n, size) int8: active units 1, silent ones -1."""
    made = np.full((len(codes), codes.size), -1, np.int8)
    made[codes.dense()] = 1
    return made


def spin_codes(x: Any, size: int, what: str) -> SDR:
    """Codes as `as_sdr` takes them, or numbers of -1 and 1 alone, ``(n, size)`` or ``(size,)``: 1 is active."""
    is_full = isinstance(x, np.ndarray) and x.dtype.kind in "if" and x.ndim in (1, 2) and x.shape[-1] == size > 1
    if is_full and (np.abs(x) == 1).all():  # no list of active units: one would be there twice
        return SDR.from_dense(x > 0)
    return as_sdr(x, size, what=what)


class BinaryNetwork(SavedMemory):
    """Base of the binary networks of `size` units.

    The constructor takes the fields of `params` and `seed`. Arrays are taken on first use, after a check that they fit.
    A member says how its arrays are made (`_empty`), their bytes (`_array_bytes`), what files keep of them (`_kept`),
    how items settle (`_settled`), and the names and shapes of what is read (`_tensor`).
    """

    kind = "binary hopfield network"

    def __init__(self, params: Params, size: int, update: str, seed: int) -> None:
        self.params, self.size, self.update, self.seed = params, int(size), update, checked_seed(seed)
        self._clear()

    def _clear(self) -> None:
        self._taken: Arrays | None = None
        self.n_stored = 0
        self.traffic = Traffic()

    def reset(self) -> None:
        """Forget everything; counters and draws start again."""
        self._clear()

    # ---- arrays ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def _empty(self, n_stored: int) -> Arrays:
        """Arrays for so many items, with nothing in them."""

    @abstractmethod
    def _array_bytes(self) -> int:
        """Bytes of the arrays as they are, or would be when taken."""

    @abstractmethod
    def _kept(self, arrays: Arrays) -> Arrays:
        """What files keep, under names; arrays of `_empty`, or copies of a part of them."""

    @abstractmethod
    def _fill(self, arrays: Arrays, kept: Mapping[str, NDArray[Any]]) -> None:
        """The reverse of `_kept`, and what follows from it."""

    @abstractmethod
    def _tensor(self) -> tuple[str, Tensor]:
        """Name and shape of what recall reads now."""

    @property
    @abstractmethod
    def n_synapses(self) -> int:
        """Synapses the memory has room for."""

    @property
    def n_bytes(self) -> int:
        """Bytes of the arrays, whether taken yet or not."""
        return self._array_bytes()

    def allocate(self) -> None:
        """Take the arrays now, or CapacityError with both numbers of bytes."""
        if self._taken is None:
            check_room(type(self).__name__, self.n_bytes, do="use fewer units")
            self._taken = self._empty(self.n_stored)

    @property
    def _arrays(self) -> Arrays:
        self.allocate()
        assert self._taken is not None
        return self._taken

    # ---- recall ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def _settled(self, cues: SDR, asked: Asked) -> tuple[Any, ...]:
        """What the kernel gives: indptr, indices, steps, converged, flips, tallies, log."""

    @abstractmethod
    def _count_reads(self, cues: SDR, tallies: NDArray[np.int64]) -> dict[str, int]:
        """rows_read, words_read and synops of a recall."""

    def recall(
        self,
        cues: Any,
        trace: bool = False,
        *,
        max_steps: int = 100,
        first_item: int = 0,
        seed: int | None = None,
    ) -> Settled:
        """Let the network settle from every cue.

        Parameters
        ----------
        cues : codes over `n_units`, or arrays of -1 and 1
        trace : bool
            List every row read, in order.
        max_steps : int
            Steps at most. A step asks every unit once: one after another in a drawn order, or all at once.
        first_item, seed
            Number of the first cue; another seed for the orders of this call.

        Returns
        -------
        Settled
        """
        codes = spin_codes(cues, self.size, "cues")
        most = checked_count("max_steps", max_steps, 1, 2**31 - 1)
        first = checked_count("first_item", first_item, 0, 2**62 - 1)
        key = np.uint64(subseed(self.seed if seed is None else checked_seed(seed), "order"))
        asked = Asked(key, first, most, self.update == "sync", bool(trace))
        indptr, indices, steps, converged, flips, tallies, log = self._settled(codes, asked)
        answers = SDR._trusted(indices, indptr, self.size)
        (name, tensor), bits = self._tensor(), address_bits(self.size)
        traffic = Traffic(tensors={name: tensor})
        traffic.add(
            name,
            "retrieve",
            **self._count_reads(codes, tallies),
            sums=int(tallies[N_SUMS]),
            compares=int(tallies[N_COMPARES]),
            random_numbers=int(tallies[N_DRAWN]),
            code_bits=(len(codes.indices) + len(indices)) * bits,
        )
        if trace:
            traffic.trace = trace_of(log, "retrieve")
        self.traffic += traffic.without_trace()
        return Settled(answers, steps, converged, flips, traffic)

    @staticmethod
    def _events(cues: SDR, tallies: NDArray[np.int64]) -> int:
        """Flips, those that lead from the silent state to the cues included."""
        return len(cues.indices) + int(tallies[N_FLIPS])

    def energy(self, codes: Any) -> NDArray[np.float64]:
        """(n,) float64: energy of states. A look: not counted as traffic."""
        return self._energies(spin_codes(codes, self.size, "codes"))

    @abstractmethod
    def _energies(self, codes: SDR) -> NDArray[np.float64]:
        """As `energy`."""

    # ---- files ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Parameters, seed and memory, copied: all that `restore` and `from_state` need."""
        return {
            **self._identity(),
            "n_stored": self.n_stored,
            "arrays": {name: np.array(array) for name, array in self._kept(self._arrays).items()},
            "traffic": traffic_state(self.traffic),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the memory of one like this; refused whole when parameters, seed or shapes differ.

        Raises
        ------
        FileFormatError
            With what differs.
        """
        self._check_identity(state)
        n_stored = int(state["n_stored"])
        fresh = self._empty(n_stored)
        held, self.n_stored = self.n_stored, n_stored
        try:
            for name, like in self._kept(fresh).items():
                if np.shape(state["arrays"][name]) != like.shape:
                    got = f"{name} {np.shape(state['arrays'][name])}"
                    raise FileFormatError(f"state of {type(self).__name__}", got=got, expected=like.shape)
            self._fill(fresh, state["arrays"])
        except BaseException:
            self.n_stored = held
            raise
        self._taken, self.traffic = fresh, traffic_from_state(state["traffic"])

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: the copy takes arrays of its own."""
        return {**self.__dict__, "_taken": copy.deepcopy(self._taken), "traffic": copy.deepcopy(self.traffic)}

    def _about(self) -> str:
        """What its repr says between the name and the load."""
        return f"{self.size:,} units"

    def __repr__(self) -> str:
        load = f"{self.n_stored:,} items stored"
        return f"{type(self).__name__}({self._about()}; {load}, {bytes_text(self.n_bytes)})"
