"""BinaryHopfield: the network of 1982, by Hebb's rule, by the pseudo-inverse, or by a rule of one's own."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_serializer

from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params, own_name
from sdrsim.engine.traffic import Tensor, Traffic, address_bits, trace_of
from sdrsim.errors import CapacityError, ParameterError
from sdrsim.models.hopfield.classical_base import Arrays, BinaryNetwork, Stored, as_spins, spin_codes
from sdrsim.models.hopfield.classical_dense import DenseAssociativeMemory, DenseParams
from sdrsim.models.hopfield.kernels.classical import Asked, Coupled, fields_of, project, settle

__all__ = ["BinaryHopfield", "BinaryParams", "DenseAssociativeMemory", "DenseParams"]

_CHUNK = 2**12  # items whose products are summed at once: exact in float32
_SPANNED = 1e-10  # share of a pattern's squared length outside of the span at which it counts as inside
LearningRule = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], Any]


class BinaryParams(Params):
    """Parameters of a `BinaryHopfield`; see there."""

    n_units: Annotated[int, Field(ge=1, le=2**16, strict=True)]
    rule: Literal["hebb", "pseudo_inverse"] | Callable[..., Any] = "hebb"
    update: Literal["async", "sync"] = "async"

    @field_serializer("rule")
    def _named(self, rule: Any) -> str:
        return str(own_name(rule))


class BinaryHopfield(BinaryNetwork):
    """Hopfield network of units at -1 and 1, no unit linked to itself.

    A unit flips when its field ``h_i = sum_j W_ij x_j`` is against it, and keeps its state at a field of 0. Codes go in
    and come out as elsewhere: an active unit is at 1, a silent one at -1.

    Parameters
    ----------
    n_units : int
        N, up to 2**16. Weights take 4 bytes each (Hebb's rule), or 8, on first use.
    rule : 'hebb', 'pseudo_inverse', or callable ``f(pre, post, rows) -> rows``
        'hebb': ``W = sum x x^T``, whole numbers and exact. 'pseudo_inverse': the projector on the span of the patterns,
        every one of which is then a fixed point. A rule of one's own gets one item at -1 and 1, float64 ``(n_units,)``,
        twice, and all weights, float64 ``(n_units, n_units)``, and returns new ones, finite; links of a unit to itself
        are set to 0.
    update : 'async' or 'sync'
        One unit after another, in an order drawn for each (seed, item, step); or all at once.
    seed : int
        Keys the orders.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters or codes; a refused call changes nothing.
    sdrsim.errors.CapacityError
        More bytes than are free, on first use; more items than 32-bit fields hold.

    Notes
    -----
    Hopfield 1982, PNAS 79:2554. The energy ``E = -1/2 sum_ij W_ij x_i x_j`` falls with every flip of 'async' while W is
    symmetric, as it is under both named rules. Under 'sync' two states may alternate (`converged` is then False).
    Random patterns and Hebb's rule: retrieval breaks down at about 0.138 N items (Amit, Gutfreund & Sompolinsky 1985,
    Phys. Rev. Lett. 55:1530). Pseudo-inverse: Personnaz, Guyon & Dreyfus 1986, Phys. Rev. A 34:4217, without
    self-coupling (Kanter & Sompolinsky 1987, Phys. Rev. A 35:380); patterns come in one by one, each adding to the
    projector what lies outside of its span so far. A field of the size of rounding counts as 0.

    A flip reads one row of weights and moves all fields by it; a cue is reached from the silent state by flips too. So
    sparse cues are cheap, and a recall costs its flips, besides one look at all fields per step.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield import BinaryHopfield
    >>> x = np.random.default_rng(0).random((20, 400)) < .5
    >>> m = BinaryHopfield(n_units=400, seed=0)
    >>> stored = m.store(x)
    >>> cues = x.copy()
    >>> cues[:, :80] = False  # a fifth is silent
    >>> r = m.recall(cues)
    >>> bool((r.codes.dense() != x).mean() < .01), bool(r.converged.all()), m
    (True, True, BinaryHopfield(400 units, hebb, async; 20 items stored, 626.6 KiB))

    Storkey's rule (1997), as one of one's own:

    >>> def storkey(pre, post, rows):
    ...     h = rows @ pre / len(pre)
    ...     return rows + np.outer(post, pre) - np.outer(post, h) - np.outer(h, pre)
    >>> own = BinaryHopfield(n_units=400, rule=storkey)
    >>> stored = own.store(x)
    >>> own.recall(cues).codes == m.recall(cues).codes
    True
    """

    kind = "hopfield binary"

    def __init__(
        self,
        n_units: int,
        rule: Literal["hebb", "pseudo_inverse"] | LearningRule = "hebb",
        update: Literal["async", "sync"] = "async",
        seed: int = 0,
    ) -> None:
        params = BinaryParams(n_units=n_units, rule=rule, update=update)
        self.n_units, self._rule = params.n_units, params.rule
        super().__init__(params, params.n_units, params.update, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return BinaryParams

    # ---- arrays ---------------------------------------------------------------------------------------------------

    @property
    def _item_bytes(self) -> int:
        return 4 if self._rule == "hebb" else 8

    def _array_bytes(self) -> int:
        n_vectors = 2 if self._rule == "pseudo_inverse" else 1
        return self._item_bytes * self.size * (self.size + n_vectors) + 8

    def _empty(self, n_stored: int) -> Arrays:
        kind = np.int32 if self._rule == "hebb" else np.float64
        made: Arrays = {"weights": np.zeros((self.size, self.size), kind), "rest": np.zeros(self.size, kind)}
        made["tie"] = np.zeros(1)
        return made | {"own": np.zeros(self.size)} if self._rule == "pseudo_inverse" else made

    def _kept(self, arrays: Arrays) -> Arrays:
        return {name: array for name, array in arrays.items() if name not in ("rest", "tie")}

    def _fill(self, arrays: Arrays, kept: Mapping[str, NDArray[Any]]) -> None:
        for name in self._kept(arrays):
            arrays[name][...] = kept[name]
        self._refresh(arrays)

    def _refresh(self, arrays: Arrays) -> None:
        """Form what follows from the weights."""
        weights = arrays["weights"]
        np.fill_diagonal(weights, 0)
        np.negative(weights.sum(axis=0, dtype=weights.dtype), out=arrays["rest"])
        if weights.dtype != np.int32:  # what rounding can add up to over n_units flips
            largest = np.abs(weights).sum(axis=1).max() + arrays.get("own", np.zeros(1)).max()
            arrays["tie"][0] = 4 * self.size * np.finfo(np.float64).eps * largest

    def _tensor(self) -> tuple[str, Tensor]:
        kind = "int32" if self._rule == "hebb" else "float64"
        # the last row: fields of the silent state
        return "W", Tensor(self.size + 1, self._item_bytes * self.size, element=kind)

    @property
    def n_synapses(self) -> int:
        """Links between two units, either way."""
        return self.size * (self.size - 1)

    def _net(self) -> Coupled:
        weights, rest = self._arrays["weights"], self._arrays["rest"]
        return Coupled(weights, rest, float(self._arrays["tie"][0]))

    # ---- storing --------------------------------------------------------------------------------------------------

    def store(self, x: Any, trace: bool = False) -> Stored:
        """Store items one after another.

        Parameters
        ----------
        x : codes over `n_units`, or arrays of -1 and 1
        trace : bool
            List every row read and written, in order.

        Returns
        -------
        Stored
        """
        codes = spin_codes(x, self.size, "x")
        n_changed = self._learn(codes)
        self.n_stored += len(codes)
        self._refresh(self._arrays)
        (name, tensor), n = self._tensor(), len(codes) * self.size
        traffic, words = Traffic(tensors={name: tensor}), n * -(-tensor.row_bytes // 8)
        bits = len(codes.indices) * address_bits(self.size)
        moved = {"rows_read": n, "words_read": words, "words_written": words, "synops": n * self.size}
        traffic.add(name, "learn", **moved, code_bits=bits)
        if trace:
            rows = np.arange(self.size, dtype=np.int64)
            traffic.trace = trace_of(np.tile(np.stack([rows, -1 - rows], axis=1).ravel(), len(codes)), "learn")
        self.traffic += traffic.without_trace()
        return Stored(len(codes), n_changed, traffic)

    def _learn(self, codes: SDR) -> int:
        """Change the weights; the changes."""
        if callable(self._rule):
            return self._learn_own(codes)
        weights = self._arrays["weights"]
        if self._rule == "pseudo_inverse":
            own, least = self._arrays["own"], _SPANNED * self.size
            n_added = sum(project(weights, own, x.astype(np.float64), least) for x in as_spins(codes))
            return int(n_added) * self.n_synapses
        if (self.n_stored + len(codes)) * self.size >= 2**31:
            most = (2**31 - 1) // self.size
            raise CapacityError("items", got=self.n_stored + len(codes), expected=f"at most {most:,}, in 32-bit fields")
        for start in range(0, len(codes), _CHUNK):
            x = as_spins(codes[start : start + _CHUNK]).astype(np.float32)
            np.add(weights, (x.T @ x).astype(np.int32), out=weights)
        return len(codes) * self.n_synapses

    def _learn_own(self, codes: SDR) -> int:
        assert callable(self._rule)
        weights, n_changed = self._arrays["weights"].copy(), 0
        for i, x in enumerate(as_spins(codes).astype(np.float64)):
            new = np.asarray(self._rule(x, x.copy(), weights.copy()))
            if new.shape != weights.shape or new.dtype.kind not in "iufb" or not np.isfinite(new).all():
                got = f"{new.dtype} of shape {new.shape}" if new.shape != weights.shape else "not all finite numbers"
                raise ParameterError(f"rule: rows of item {i}", got=got, expected=f"finite, {weights.shape}")
            new = new.astype(np.float64)
            np.fill_diagonal(new, 0)
            n_changed += int(np.count_nonzero(new != weights))
            weights = new
        self._arrays["weights"][...] = weights
        return n_changed

    # ---- recall ---------------------------------------------------------------------------------------------------

    def _settled(self, cues: SDR, asked: Asked) -> tuple[Any, ...]:
        return settle(self._net(), asked, cues.indptr, cues.indices)

    def _count_reads(self, cues: SDR, tallies: NDArray[np.int64]) -> dict[str, int]:
        n = self._events(cues, tallies) + len(cues)  # a row for each flip, and the silent state's for each cue
        words = -(-self._tensor()[1].row_bytes // 8)
        return {"rows_read": n, "words_read": n * words, "synops": n * self.size}

    # ---- looking --------------------------------------------------------------------------------------------------

    def weights(self) -> NDArray[Any]:
        """(n_units, n_units): a copy of the weights, int32 under Hebb's rule, else float64; 0 on the diagonal."""
        return self._arrays["weights"].copy()

    def fields(self, codes: Any) -> NDArray[Any]:
        """(n, n_units): the field of every unit in every state, in the type of the weights."""
        return self._fields(spin_codes(codes, self.size, "codes"))

    def _fields(self, codes: SDR) -> NDArray[Any]:
        net = self._net()
        out = np.empty((len(codes), self.size), net.rest.dtype)
        fields_of(net, codes.indptr, codes.indices, out)
        return out

    def is_stable(self, codes: Any) -> NDArray[np.bool_]:
        """(n,) bool: whether no unit of a state has its field against it."""
        states = spin_codes(codes, self.size, "codes")
        return np.asarray((as_spins(states) * self._fields(states) >= -self._net().tie).all(axis=1))

    def _energies(self, codes: SDR) -> NDArray[np.float64]:
        signed = as_spins(codes) * self._fields(codes)
        return np.asarray(-0.5 * signed.sum(axis=1, dtype=np.int64 if signed.dtype.kind == "i" else None))

    def _about(self) -> str:
        rule = self._rule if isinstance(self._rule, str) else "a rule of its own"
        return f"{self.size:,} units, {rule}, {self.update}"
