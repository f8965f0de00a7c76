"""SequenceMemory: each pattern calls up the one that followed it; a free run replays a sequence."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import field_serializer, model_validator

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.checks import checked_count
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params, own_name
from sdrsim.engine.saved import SavedMemory
from sdrsim.engine.seeds import checked_seed
from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.bank import Bank
from sdrsim.models.hopfield.duals import Duals
from sdrsim.models.hopfield.free_run import THRESHOLD, FreeRun, Running, StoredSequences
from sdrsim.models.hopfield.inputs import given
from sdrsim.models.hopfield.memory import SparseHopfield
from sdrsim.models.hopfield.params import HopfieldParams

__all__ = ["FreeRun", "SequenceMemory", "SequenceParams", "StoredSequences"]

_NAMES = ("beta", "alpha", "similarity", "separation", "k", "dtype", "pseudo_inverse", "activation")


class SequenceParams(HopfieldParams):
    """Parameters of a `SequenceMemory`; see there."""

    pseudo_inverse: bool = False
    activation: Literal["sign"] | Callable[..., Any] | None = None

    @field_serializer("activation")
    def _activation_named(self, rule: Any) -> str | None:
        return rule if rule is None else str(own_name(rule))

    @model_validator(mode="after")
    def _dual(self) -> Self:
        if self.pseudo_inverse and self.similarity != "dot":
            raise ValueError("pseudo_inverse=True goes with similarity='dot'")
        return self


def _is_frame(part: Any) -> bool:
    """Whether the first thing in a list is a frame, not a sequence of them."""
    return not isinstance(part, SDR) and not hasattr(part, "tocsr") and np.ndim(part) < 2


def _codes(rows: NDArray[Any]) -> SDR:
    return SDR.from_dense(rows > THRESHOLD)


class SequenceMemory(SavedMemory):
    """Memory of sequences: ``x(t + 1) = sum_i p_i next_i``, ``p = entmax(beta <key_i, x(t)>)``.

    Every frame is a key whose value is the frame after it. The last frame of a sequence is its own successor: a free
    run stays there; or the first is, and it goes round.

    Parameters
    ----------
    beta, alpha, similarity, separation, k, dtype
        As for `SparseHopfield`.
    pseudo_inverse : bool
        Scores through the inverse of the overlaps of the keys, ``s = G^+ K x``: 1 for the key itself, 0 for all
        others, as long as the keys are linearly independent, however alike they are. Times the mean squared norm of
        the keys, so that beta means what it does without. Only with 'dot'. For up to d keys: of M > d keys each leads
        by about d / M of that at most, which is soon less than without.
    activation : None, 'sign', or callable ``f(states (n, d)) -> states (n, d)``
        What a step ends with. 'sign' is for frames of -1 and 1 (0 is 1). Codes need none: units above 1/2 are on.
    seed : int
        Kept; nothing is drawn.

    Raises
    ------
    ParameterError
        Bad parameters; frames or cues that are not finite numbers, or of another width; an empty memory asked.
        A refused call changes nothing.
    CapacityError
        More bytes than are free.

    Notes
    -----
    Chaudhry, Zavatone-Veth, Krotov & Pehlevan 2023, Long Sequence Hopfield Memory (NeurIPS): asymmetric dense memory
    with power or exponential separation, and the pseudo-inverse on overlaps; here with entmax. While every key leads
    by ``1 / (beta (alpha - 1))`` at its own frame (`theory.separations`), a free run is exact to the last bit for any
    length. The duals of the pseudo-inverse are built key by key (Greville 1960), in float64.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield import SequenceMemory
    >>> x = np.random.default_rng(0).standard_normal((200, 64))
    >>> m = SequenceMemory(beta=1.0)
    >>> stored = m.store(x)
    >>> run = m.recall(x[0] + .1, n_steps=199)
    >>> run.states.shape, run.length(x[1:]).tolist(), m
    ((199, 64), [199], SequenceMemory(alpha 1.5, beta 1; 1 sequence, 200 frames of 64, 105.6 KiB))
    """

    kind = "sequence memory"
    params: SequenceParams

    def __init__(
        self,
        beta: float | None = None,
        alpha: float = 1.5,
        *,
        separation: Literal["entmax", "normmax", "softmax1", "topk", "epanechnikov"] | Callable[..., Any] = "entmax",
        similarity: Literal["dot", "cosine", "l2", "l1"] | Callable[..., Any] = "dot",
        k: int | None = None,
        pseudo_inverse: bool = False,
        activation: Literal["sign"] | Callable[..., Any] | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        seed: int = 0,
    ) -> None:
        self.params = SequenceParams(
            beta=beta,
            alpha=alpha,
            similarity=similarity,
            separation=separation,
            k=k,
            dtype=dtype,
            pseudo_inverse=pseudo_inverse,
            activation=activation,
        )
        self.seed = checked_seed(seed)
        self._clear()

    def _clear(self) -> None:
        self._links = self._new_links()
        self._duals: Duals | None = None
        self._first: NDArray[Any] | None = None  # of the sequence that goes on
        self._last: NDArray[Any] | None = None
        self.stores_codes = False
        self.n_stored = 0
        self.n_frames = 0
        self.traffic = Traffic()

    def _new_links(self) -> SparseHopfield:
        p = self.params
        kept = {name: getattr(p, name) for name in HopfieldParams.model_fields}
        return SparseHopfield(**kept, seed=self.seed)

    def reset(self) -> None:
        """Forget everything; counters start again."""
        self._clear()

    # ---- sizes ------------------------------------------------------------------------------------------------------

    @property
    def d(self) -> int | None:
        """Coordinates of a frame; None before the first."""
        return len(self._last) if self._last is not None else self._links.d if self._duals is None else self._duals.d

    @property
    def size(self) -> int | None:
        """Units of its codes, where codes were stored; None else."""
        return self.d if self.stores_codes else None

    @property
    def n_links(self) -> int:
        """Keys with a successor: frames whose next is known."""
        return self._links.n_stored if self._duals is None else self._duals.n

    @property
    def n_synapses(self) -> int:
        """Stored numbers: keys and their successors; duals beside them under the pseudo-inverse."""
        return self.n_links * (self.d or 0) * (2 if self._duals is None else 3)

    @property
    def n_bytes(self) -> int:
        """Bytes of what is stored."""
        held = 0 if self._last is None else 2 * self._last.nbytes
        if self._duals is None:
            return held + self._links.n_bytes
        packed = Bank.bytes_for(self.params, self._duals.keys, self._duals.d)  # as recall reads them
        return held + self._duals.n_bytes + packed

    @property
    def keys(self) -> NDArray[Any]:
        """(n_links, d) copy of the keys."""
        if self._duals is not None:
            return self._duals.keys.copy()
        return self._links.patterns if self._links.n_stored else np.zeros((0, self.d or 0), self.params.dtype)

    # ---- storing ----------------------------------------------------------------------------------------------------

    def store(self, sequences: Any, trace: bool = False, *, cyclic: bool = False, end: bool = True) -> StoredSequences:
        """Store a sequence, or several one after another; no link leads from one to the next.

        Parameters
        ----------
        sequences : real (T, d), or codes of T items; or several: (n, T, d), or a list of sequences
            Codes are an SDR, bool, or SciPy CSR.
        trace : bool
            Keep every access, in order.
        cyclic : bool
            The last frame leads to the first; else to itself.
        end : bool
            False: the (last) sequence goes on with the next call, whose first frame follows.
        """
        rows, codes = self._checked(sequences)
        n_frames, traffic = sum(map(len, rows)), Traffic()
        begun, kept = 0, (self._first, self._last)
        keys, values = [], []
        for i, frames in enumerate(rows):
            if self._last is None and len(frames):
                self._first, begun = frames[0], begun + 1
            chain = frames if self._last is None else np.concatenate([self._last[None], frames])
            if not len(chain):
                continue
            keys.append(chain[:-1])
            values.append(chain[1:])
            self._last = chain[-1]
            if end or i + 1 < len(rows):
                assert self._first is not None
                keys.append(chain[-1:])
                values.append((self._first if cyclic else chain[-1])[None])
                self._first = self._last = None
        try:
            if keys:
                self._link(np.concatenate(keys), np.concatenate(values), codes, traffic, trace)
        except BaseException:
            self._first, self._last = kept
            raise
        if rows and not self.n_frames:
            self.stores_codes = codes
        self.n_stored += begun
        self.n_frames += n_frames
        self.traffic += traffic.without_trace()
        return StoredSequences(begun, n_frames, traffic)

    def _checked(self, sequences: Any) -> tuple[list[NDArray[Any]], bool]:
        """The sequences as lists of frames of the memory's kind of float, all checked; whether they are codes."""
        is_list = isinstance(sequences, (list, tuple)) and not any(_is_frame(part) for part in sequences[:1])
        several = is_list or (isinstance(sequences, np.ndarray) and sequences.ndim == 3)
        d, codes = self.d, self.stores_codes if self.n_frames else None
        rows = []
        for part in sequences if several else [sequences]:
            x = given("sequences", part, d, codes)
            d, codes = x.rows.shape[1], x.codes is not None
            rows.append(np.array(x.rows, self.params.dtype))
        return rows, bool(codes)

    def _link(self, keys: NDArray[Any], values: NDArray[Any], codes: bool, traffic: Traffic, trace: bool) -> None:
        if not self.params.pseudo_inverse:
            if len(keys):
                as_bits = codes and self.params.activation is None  # frames stay codes
                of, to = (_codes(keys), _codes(values)) if as_bits else (keys, values)
                traffic += self._links.store(of, to, trace).traffic
            return
        if self._duals is None:
            self._duals = Duals(keys.shape[1])
        self._duals.append(keys.astype(np.float64), values.astype(np.float64), traffic, trace)
        self._links = self._new_links()

    def _ready(self) -> SparseHopfield:
        """The links as recall wants them."""
        if self._duals is not None and self._duals.n and not self._links.n_stored:
            self._links.store(self._duals.scaled().astype(self.params.dtype), self._duals.values)
        if not self._links.n_stored:
            raise ParameterError("memory", got="no link stored", expected="sequences", do="store some first")
        return self._links

    # ---- recall -----------------------------------------------------------------------------------------------------

    def recall(
        self, cues: Any, trace: bool = False, *, n_steps: int = 1, first_item: int = 0, seed: int | None = None
    ) -> FreeRun:
        """Run freely from cues: each answer is the next cue.

        Parameters
        ----------
        cues : as the frames: (n, d), or one of (d,)
        trace : bool
            Keep every access, in order.
        n_steps : int, 1 or more
            Frames to give for each cue. The cue itself is not among them.
        first_item, seed
            Of the memory protocol; nothing is drawn.

        Returns
        -------
        FreeRun
        """
        links = self._ready()
        x = given("cues", cues, self.d, self.stores_codes)
        n_steps = checked_count("n_steps", n_steps, 1, 2**31 - 1)
        checked_count("first_item", first_item, 0, 2**63 - 1)
        if seed is not None:
            checked_seed(seed)
        run = Running(x.rows.astype(self.params.dtype, copy=False), n_steps)
        left = np.arange(len(x.rows))
        for step in range(n_steps):
            if not len(left):
                break
            now = run.now[left]
            found = links.recall(_codes(now) if links.stores_codes else now, trace=trace)
            left = run.take(left, step, found, self._activated(found.states))
        self.traffic += run.traffic.without_trace()
        one = not self.stores_codes and np.ndim(cues) == 1
        return run.finished(self._links.n_stored, one, self.stores_codes)

    def _activated(self, states: NDArray[Any]) -> NDArray[Any]:
        rule = self.params.activation
        if self.stores_codes:
            states = (states > THRESHOLD).astype(states.dtype)
        if rule is None:
            return states
        if rule == "sign":
            return np.where(states < 0, -1, 1).astype(states.dtype)
        assert callable(rule)
        made = np.asarray(rule(states.copy()))
        if made.shape != states.shape or made.dtype.kind not in "fiub" or not np.isfinite(made).all():
            got = f"{made.dtype} of shape {made.shape}"
            raise ParameterError("activation", got=got, expected=f"finite numbers {states.shape}")
        return made.astype(states.dtype)

    def scores(self, cues: Any) -> NDArray[np.float64]:
        """(n, n_links) float64: similarities of cues with the keys, without beta; through the pseudo-inverse if asked.

        A look: not counted as traffic.
        """
        links, x = self._ready(), given("cues", cues, self.d, self.stores_codes)
        return np.asarray(links.scores(x.codes if links.stores_codes else x.rows), np.float64)

    # ---- files ------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Parameters and links, copied."""
        d = self._duals
        links = self._links if d is None else self._new_links()
        held = {} if d is None else {"duals": d.duals.copy(), "keys": d.keys.copy(), "values": d.values.copy()}
        if self._last is not None and self._first is not None:
            held |= {"first": self._first.copy(), "last": self._last.copy()}
        return {
            **self._identity(),
            "stores_codes": self.stores_codes,
            "n_stored": self.n_stored,
            "n_frames": self.n_frames,
            "arrays": held,
            "links": {name: part for name, part in links.state().items() if name != "traffic"},
            "traffic": traffic_state(self.traffic),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the memory of one like this; refused whole when parameters or seed differ."""
        self._check_identity(state)
        links, arrays = self._new_links(), state["arrays"]
        links.restore({**state["links"], "traffic": traffic_state(Traffic())})
        self._clear()
        self._links = links
        if "duals" in arrays:
            self._duals = Duals.of(arrays["keys"], arrays["duals"], arrays["values"])
        self._first, self._last = arrays.get("first"), arrays.get("last")
        self.stores_codes = bool(state["stores_codes"])
        self.n_stored, self.n_frames = int(state["n_stored"]), int(state["n_frames"])
        self.traffic = traffic_from_state(state["traffic"])

    @classmethod
    def _params_type(cls) -> type[Params]:
        return SequenceParams

    @classmethod
    def _arguments(cls, params: Params) -> dict[str, Any]:
        return {name: getattr(params, name) for name in _NAMES}

    def __repr__(self) -> str:
        rule, _, _ = repr(self._links).partition(";")
        rule = rule.partition("(")[2] + (", pseudo-inverse" if self.params.pseudo_inverse else "")
        one = "" if self.n_stored == 1 else "s"
        load = f"{self.n_stored:,} sequence{one}, {self.n_frames:,} frames of {self.d}" if self.n_frames else "empty"
        return f"SequenceMemory({rule}; {load}, {bytes_text(self.n_bytes)})"
