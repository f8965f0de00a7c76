"""What all Hebbian memories share: lazy arrays, seed, counts, ledger, files, display; and what a call gives back."""

import copy
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import check_room
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.saved import SavedMemory
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.errors import FileFormatError
from sdrsim.measures.bits import Information, information

__all__ = ["Arrays", "HebbianMemory", "Recalled", "Stored"]

Arrays = dict[str, NDArray[Any]]


class Stored(NamedTuple):
    """What a store moved and changed.

    n_items : items stored by this call
    n_new : synapses newly set (binary memories), or changed (graded ones)
    traffic : counters of this call under phase 'learn', and the access trace when one was asked for
    """

    n_items: int
    n_new: int
    traffic: Traffic

    def __repr__(self) -> str:
        return f"Stored({self.n_items:,} items, {self.n_new:,} synapses newly set)"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


@dataclass(frozen=True, repr=False)
class Recalled:
    """What a memory answered to n cues.

    codes : SDR, one code a cue, in the space of what was stored
    iterations : (n,) int64, volleys carried out, the one that only confirmed included
    converged : (n,) bool, whether the code repeated itself (or a clique was reached under ``stop="clique"``)
    traffic : counters of this call under phase 'retrieve', and the access trace when one was asked for
    messages : (n, n_clusters) int16 of a clique memory, else None: unit in its cluster, -1 where none or several won
    path : 'compiled', or 'portable' where a NumPy function of one's own or a rarer rule ran
    """

    codes: SDR
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    traffic: Traffic
    messages: NDArray[np.int16] | None = None
    path: str = "compiled"

    def __repr__(self) -> str:
        n = len(self.codes)
        settled = f"{int(self.converged.sum())} of {n} converged" if n else "no items"
        return f"Recalled({self.codes!r}; {settled}; {self.path})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


class HebbianMemory(SavedMemory):
    """Base of the Hebbian memories; `size` units in, `size` units out.

    The constructor takes the fields of `params` and `seed`. Arrays are taken on first use (`allocate`), after a
    check that they fit, so that a network can tell its size before it exists. A family member says how its arrays are
    made (`_empty`), how many bytes they need (`_array_bytes`), which views of them files keep (`_kept`), and which
    whole numbers belong to its state (`_tallies`).
    """

    kind = "hebbian memory"
    tensor: ClassVar[str] = "W"
    """Name of its weights in the traffic ledger."""
    _tallies: ClassVar[tuple[str, ...]] = ("n_stored",)

    def __init__(self, params: Params, size: int, seed: int) -> None:
        self.params, self.size, self.seed = params, int(size), checked_seed(seed)
        self._clear()

    def _clear(self) -> None:
        self._taken: Arrays | None = None
        for name in self._tallies:
            setattr(self, name, 0)
        self.n_stored = 0
        self.traffic = Traffic()

    def reset(self) -> None:
        """Forget everything; counters and draws start again."""
        self._clear()

    # ---- arrays ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def _empty(self) -> Arrays:
        """The arrays of an empty memory, as the kernels want them."""

    @abstractmethod
    def _array_bytes(self) -> int:
        """Bytes `_empty` will take."""

    def _kept(self, arrays: Arrays) -> Arrays:
        """Views of what was learned: what files keep."""
        return arrays

    def _filled(self, arrays: Arrays) -> None:
        """Called when `_kept` was filled from a file or a copy: form what follows from it."""

    @abstractmethod
    def _tensor(self) -> Tensor:
        """Shape of the weights, for the ledger."""

    @property
    @abstractmethod
    def n_synapses(self) -> int:
        """Synapses the memory has room for."""

    @property
    def n_bytes(self) -> int:
        """Bytes of the arrays, whether taken yet or not."""
        return self._array_bytes()

    @property
    def is_allocated(self) -> bool:
        """Whether the arrays are taken."""
        return self._taken is not None

    def allocate(self) -> None:
        """Take the arrays now, or CapacityError with both numbers of bytes."""
        if self._taken is None:
            check_room(f"{type(self).__name__}", self.n_bytes, do="use fewer units")
            self._taken = self._empty()

    @property
    def _arrays(self) -> Arrays:
        self.allocate()
        assert self._taken is not None
        return self._taken

    def _new_traffic(self) -> Traffic:
        """An empty ledger of one call that knows the weights."""
        return Traffic(tensors={self.tensor: self._tensor()})

    def information(self, codes: Any, truth: Any, cues: Any = None) -> Information:
        """Bits per pattern and per synapse that recall gave back: `measures.information` for this memory and load.

        With `cues`, what these already told is taken off.
        """
        stored = self.n_stored or None
        return information(codes, truth, self.n_synapses, n_stored=stored, cues=cues, size=self.size)

    # ---- files ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Parameters, seed and memory, copied: all that `restore` and `from_state` need."""
        return {
            **self._identity(),
            "tallies": {name: int(getattr(self, name)) for name in dict.fromkeys(("n_stored", *self._tallies))},
            "arrays": {name: array.copy() for name, array in self._kept(self._arrays).items()},
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
        fresh = self._empty()
        for name, target in self._kept(fresh).items():
            if np.shape(state["arrays"][name]) != target.shape:
                got = f"{name} {np.shape(state['arrays'][name])}"
                raise FileFormatError(f"state of {type(self).__name__}", got=got, expected=target.shape)
            target[...] = state["arrays"][name]
        self._filled(fresh)
        self._taken = fresh
        for name, value in state["tallies"].items():
            setattr(self, name, int(value))
        self.traffic = traffic_from_state(state["traffic"])

    def __getstate__(self) -> dict[str, Any]:
        """For copy and pickle: kernels want their arrays aligned, so the copy takes its own."""
        kept = None if self._taken is None else {k: np.array(v) for k, v in self._kept(self._taken).items()}
        return {**self.__dict__, "_taken": kept, "_scratch": [], "traffic": copy.deepcopy(self.traffic)}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self.__dict__.update({**kept, "_taken": None})
        if kept["_taken"] is not None:
            fresh = self._empty()
            for name, target in self._kept(fresh).items():
                target[...] = kept["_taken"][name]
            self._filled(fresh)
            self._taken = fresh

    def _about(self) -> str:
        """What its repr says between the name and the bytes."""
        return f"{self.size:,} units"

    def __repr__(self) -> str:
        load = f"{self.n_stored:,} items stored"
        return f"{type(self).__name__}({self._about()}; {load}, {bytes_text(self.n_bytes)})"
