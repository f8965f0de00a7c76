"""Synapses between two fields: binary ones in packed rows, and sums that follow only the units that switched."""

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import TRACE, Tensor, Traffic, phase_place
from sdrsim.errors import CodeError, FileFormatError, ParameterError

__all__ = ["BinarySynapses", "DeltaSums", "SynapseStore"]

Counts = NDArray[np.int32]
Units = NDArray[np.int32]


@runtime_checkable
class SynapseStore(Protocol):
    """What a projection needs of a store of synapses: ``n_pre`` rows, one per input, over ``n_post`` units."""

    n_pre: int
    n_post: int

    @property
    def traffic(self) -> Traffic:
        """Running total of what it moved and computed."""

    @property
    def n_bytes(self) -> int:
        """Bytes of its arrays, known before they are taken."""

    def sums(self, code: SDR) -> Counts:
        """(n_post,) int: active inputs with a synapse, per unit."""

    def learn(self, pre: Any, post: Any) -> None:
        """Hebb's rule: a synapse from every active input to every active unit."""

    def rows(self, pre: Units) -> NDArray[np.bool_]:
        """(k, n_post) bool: the rows of some inputs."""

    def write(self, pre: Units, rows: NDArray[np.bool_]) -> None:
        """Replace the rows of some inputs."""


class BinarySynapses:
    """Binary synapses, one packed row per input: unit c stands in bit ``c % 64`` of word ``c // 64``.

    The memory is taken at the first use, so that `n_bytes` can be told before. With `tracing` on, the rows read and
    written are noted until `take_trace` hands them over.

    Parameters
    ----------
    n_pre, n_post : int
        Inputs and units.

    Raises
    ------
    ParameterError
        A size below 1.

    Examples
    --------
    >>> s = BinarySynapses(8, 4)
    >>> s.learn([[0, 3]], [[1, 2]])
    >>> s.sums([[0, 3, 5]]).tolist(), s.density
    ([0, 2, 2, 0], 0.125)
    """

    def __init__(self, n_pre: int, n_post: int) -> None:
        for name, n in (("n_pre", n_pre), ("n_post", n_post)):
            if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n < 2**31:
                raise ParameterError(name, got=repr(n), expected="a whole number, 1 .. 2**31 - 1")
        self.n_pre, self.n_post = int(n_pre), int(n_post)
        self.n_words = -(-self.n_post // 64)
        self.version, self.tracing = 0, False
        self.reset()

    def reset(self) -> None:
        """No synapse, nothing counted, nothing noted."""
        self._matrix: NDArray[np.uint64] | None = None
        self._noted: list[NDArray[Any]] = []
        self.version += 1  # never goes back: whoever kept sums must notice
        self.traffic = Traffic(tensors={"synapses": Tensor(self.n_pre, 8 * self.n_words)})

    def allocate(self) -> None:
        """Take the memory now."""
        self._rows()

    def _rows(self) -> NDArray[np.uint64]:
        """(n_pre + 1, n_words), a row of zeros last: as the kernels want it."""
        if self._matrix is None:
            from sdrsim.kernels.bits import bit_matrix

            self._matrix = bit_matrix(self.n_pre, self.n_words)
        return self._matrix

    @property
    def words(self) -> NDArray[np.uint64]:
        """(n_pre, n_words) uint64, the packed rows. After writing to them yourself, raise `version`."""
        return self._rows()[:-1]

    @property
    def n_bytes(self) -> int:
        """Bytes of the rows, and of the row of zeros behind them, whether taken yet or not."""
        return 8 * (self.n_pre + 1) * self.n_words

    @property
    def density(self) -> float:
        """Share of the synapses that exist."""
        return 0.0 if self._matrix is None else int(np.bitwise_count(self._matrix).sum()) / (self.n_pre * self.n_post)

    # ---- retrieving ---------------------------------------------------------------------------------------------

    def sums(self, code: Any) -> Counts:
        """(n_post,) int32: active inputs with a synapse, per unit.

        Raises
        ------
        CodeError
            Not one code over `n_pre` units.
        """
        active = one_code(code, self.n_pre, "code").indices
        self.traffic.add("synapses", "retrieve", sums=self.n_post)
        return self.row_sums(active)

    def row_sums(self, active: Units) -> Counts:
        """The sum of some rows, counted as read."""
        from sdrsim.kernels.sums import dendritic_counts

        n = len(active)
        self.traffic.add("synapses", "retrieve", rows_read=n, words_read=n * self.n_words, synops=n * self.n_post)
        if self.tracing:
            self._note(active, write=False)
        counts: Counts = dendritic_counts(self.words, active, self.n_post)
        return counts

    def rows(self, pre: Units) -> NDArray[np.bool_]:
        """(k, n_post) bool: the rows of some inputs."""
        from sdrsim.kernels.bits import unpack_rows

        return unpack_rows(self.words[pre], self.n_post)

    # ---- learning -----------------------------------------------------------------------------------------------

    def learn(self, pre: Any, post: Any) -> None:
        """A synapse from every active input to every active unit (Hebb's rule, clipped at 1).

        Words are counted as they are touched: those that hold an active unit, or whole rows where these are a third
        of them or more, which is faster.

        Raises
        ------
        CodeError
            Not one code over `n_pre` and one over `n_post` units; then nothing is learned.
        """
        from sdrsim.kernels.learning import learn

        inputs, units = one_code(pre, self.n_pre, "pre").indices, one_code(post, self.n_post, "post").indices
        _, n_words, n_silent = learn(self.words, inputs, units)
        self._changed(inputs, n_words, n_silent, len(inputs) * len(units))

    def write(self, pre: Units, rows: NDArray[np.bool_]) -> None:
        """Replace the rows of some inputs by ``rows``, bool (k, n_post)."""
        rows = np.asarray(rows)
        if rows.dtype != np.bool_ or rows.shape != (len(pre), self.n_post):
            expected = f"bool of shape {(len(pre), self.n_post)}"
            raise CodeError("rows to write", got=f"{rows.dtype} of shape {rows.shape}", expected=expected)
        from sdrsim.kernels.bits import pack_rows

        new = pack_rows(rows)[:-1]
        n_silent = int(np.count_nonzero(self.words[pre] == new))
        self.words[pre] = new
        self._changed(pre, len(pre) * self.n_words, n_silent, rows.size)

    def _changed(self, inputs: Units, n_words: int, n_silent: int, synops: int) -> None:
        self.version += 1
        counts = {"words_read": n_words, "words_written": n_words, "words_silent": n_silent, "synops": synops}
        self.traffic.add("synapses", "learn", rows_read=len(inputs), **counts)
        if self.tracing:
            self._note(inputs, write=True)

    # ---- tracing ------------------------------------------------------------------------------------------------

    def _note(self, rows: Units, write: bool) -> None:
        part = np.zeros(len(rows), TRACE)
        part["row"], part["write"], part["phase"] = rows, write, phase_place("learn" if write else "retrieve")
        self._noted.append(part)

    def take_trace(self) -> Traffic | None:
        """The rows noted since the last call: read for a sum, or written (one access: read, changed, put back)."""
        if not self._noted:
            return None
        noted, self._noted = self._noted, []
        return Traffic(tensors=dict(self.traffic.tensors), trace=np.concatenate(noted))

    # ---- keeping ------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Sizes, rows and counters."""
        return {
            "n_pre": self.n_pre,
            "n_post": self.n_post,
            "words": self.words.copy(),
            "traffic": traffic_state(self.traffic),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a state of synapses of the same sizes."""
        sizes = (state["n_pre"], state["n_post"])
        if sizes != (self.n_pre, self.n_post) or np.shape(state["words"]) != (self.n_pre, self.n_words):
            raise FileFormatError("state of synapses", got=f"sizes {sizes}", expected=(self.n_pre, self.n_post))
        self._matrix = None
        self.words[:] = state["words"]
        self.version += 1
        self.traffic = traffic_from_state(state["traffic"])

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Synapses as they were."""
        made = cls(state["n_pre"], state["n_post"])
        made.restore(state)
        return made

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_pre} -> {self.n_post}, density {self.density:.3g})"


class DeltaSums:
    """A synapse store that keeps the sums of the last code and adds or subtracts only the units that switched.

    Exact (the sums are integers), and fewer rows are read whenever fewer units switched than are active; otherwise, and
    after the synapses changed, the sums are formed anew. The counters show the rows really read. It saves time where
    the active rows are some megabytes; below that, finding out what switched costs more.

    Parameters
    ----------
    synapses : BinarySynapses

    Examples
    --------
    >>> s = DeltaSums(BinarySynapses(100, 4))
    >>> s.learn([range(50)], [[1, 2]])
    >>> s.sums([range(20, 60)]).tolist(), s.sums([range(21, 61)]).tolist()
    ([0, 30, 30, 0], [0, 29, 29, 0])
    >>> s.traffic.get("synapses", "retrieve", "rows_read")
    42
    """

    def __init__(self, synapses: BinarySynapses) -> None:
        self.synapses = synapses
        self.n_pre, self.n_post = synapses.n_pre, synapses.n_post
        self._forget()

    def _forget(self) -> None:
        self._active: Units | None = None
        self._version = -1
        self._sums: Counts = np.zeros(0, np.int32)

    @property
    def traffic(self) -> Traffic:
        """The counters of the synapses."""
        return self.synapses.traffic

    @property
    def n_bytes(self) -> int:
        """Bytes of the synapses and of the sums kept."""
        return self.synapses.n_bytes + 4 * self.n_post

    @property
    def density(self) -> float:
        """Share of the synapses that exist."""
        return self.synapses.density

    def allocate(self) -> None:
        """Take the memory now."""
        self.synapses.allocate()

    @property
    def tracing(self) -> bool:
        """Whether the synapses note what is read and written."""
        return self.synapses.tracing

    @tracing.setter
    def tracing(self, on: bool) -> None:
        self.synapses.tracing = on

    def take_trace(self) -> Traffic | None:
        """What the synapses noted."""
        return self.synapses.take_trace()

    def sums(self, code: Any) -> Counts:
        """(n_post,) int32: active inputs with a synapse, per unit."""
        active = one_code(code, self.n_pre, "code").indices
        known = self._active if self._version == self.synapses.version else None
        if known is not None:
            gone, come = _only_in(known, active), _only_in(active, known)
        if known is None or len(gone) + len(come) >= len(active):
            self._sums = self.synapses.row_sums(active)
        else:
            self._sums = self._sums + self.synapses.row_sums(come) - self.synapses.row_sums(gone)
        self.traffic.add("synapses", "retrieve", sums=self.n_post)
        self._active, self._version = active, self.synapses.version
        return self._sums.copy()

    def learn(self, pre: Any, post: Any) -> None:
        """As the synapses do; the next sums are formed anew."""
        self.synapses.learn(pre, post)

    def rows(self, pre: Units) -> NDArray[np.bool_]:
        """(k, n_post) bool: the rows of some inputs."""
        return self.synapses.rows(pre)

    def write(self, pre: Units, rows: NDArray[np.bool_]) -> None:
        """Replace the rows of some inputs."""
        self.synapses.write(pre, rows)

    def reset(self) -> None:
        """No synapse, nothing counted, no sums kept."""
        self.synapses.reset()
        self._forget()

    def state(self) -> dict[str, Any]:
        """The synapses, the last code and its sums."""
        known = self._active is not None and self._version == self.synapses.version
        active = np.zeros(0, np.int32) if self._active is None else self._active
        kept = {"known": known, "active": active, "sums": self._sums}
        return {"synapses": self.synapses.state(), "kept": kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.synapses.restore(state["synapses"])
        kept = state["kept"]
        self._active = np.array(kept["active"], np.int32) if kept["known"] else None
        self._sums, self._version = np.array(kept["sums"], np.int32), self.synapses.version

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """As it was."""
        made = cls(BinarySynapses.from_state(state["synapses"]))
        made.restore(state)
        return made

    def __repr__(self) -> str:
        return f"DeltaSums({self.synapses!r})"


def one_code(code: Any, size: int | None, what: str) -> SDR:
    """`code` as an SDR of one item over `size` units, or CodeError."""
    made = as_sdr(code, size, what=what)
    if len(made) != 1:
        raise CodeError(what, got=f"{len(made)} items", expected="one item", do="take one: x[i]")
    return made


def _only_in(a: Units, b: Units) -> Units:
    """Those of sorted `a` that are not in sorted `b`."""
    if not len(b):
        return a
    place = np.searchsorted(b, a)
    place[place == len(b)] = 0
    found: Units = a[b[place] != a]
    return found
