"""What a run moved and computed: exact int64 counters per projection and phase, and an optional access trace."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table

__all__ = ["COUNTERS", "PHASES", "TRACE", "Tensor", "Traffic", "address_bits", "phase_place", "trace_of"]

COUNTERS: Mapping[str, str] = {
    "rows_read": "rows of a weight matrix read for a sum",
    "words_read": "64-bit words of weights read",
    "words_written": "64-bit words of weights written (read-modify-write; the read is in words_read)",
    "synops": "synaptic operations: active inputs times the units they reach",
    "sums": "dendritic sums formed, one per unit",
    "compares": "comparisons of a winner-take-all or threshold",
    "random_numbers": "random numbers drawn",
    "code_bits": "bits of codes moved in and out, as active-unit addresses",
    "words_silent": "64-bit words written as they were: silent stores, which words_written holds too",
}
PHASES = ("retrieve", "learn", "settle", "decay", "io")
_PLACE = {name: i for i, name in enumerate(COUNTERS)}
TRACE = np.dtype(
    {
        "names": ["tensor", "row", "write", "phase"],
        "formats": [np.int32, np.int64, np.bool_, np.uint8],
        "offsets": [8, 0, 12, 13],
        "itemsize": 16,  # a row and a word with the rest: two stores an access
    }
)
"""One access, in the order of the run: tensor (place in `Traffic.tensors`), row, read or write, phase (in `PHASES`)."""


class Tensor(NamedTuple):
    """A stored array behind a projection: what the hardware model must place.

    Parameters
    ----------
    n_rows, row_bytes : int
    role : {'weight', 'activation', 'state', 'control'}
    grows : bool
        A list of patterns, a bit for each: it may have more or longer rows in one ledger than in another; the larger
        numbers stand.
    element : str
        'bit', or the dtype of one element: 'uint8', 'float32', ...
    arithmetic : {'add', 'mac', 'popcount'}
        What a synaptic operation does with an element: added where the input is a code, multiplied first where it is a
        number; rows of bits that are compared word by word are counted in words.
    """

    n_rows: int
    row_bytes: int
    role: str = "weight"
    grows: bool = False
    element: str = "bit"
    arithmetic: str = "add"

    @property
    def element_bits(self) -> int:
        """Bits of one element."""
        return 1 if self.element == "bit" else 8 * np.dtype(self.element).itemsize


class Traffic:
    """Counters per (projection, phase), the tensors behind them, and the trace when one was asked for.

    Two traffics add up; the running total of a memory is the sum of its calls.

    Parameters
    ----------
    counts : dict of (projection, phase) to int64 array (len(COUNTERS),)
    tensors : dict of str to Tensor
    trace : array of dtype `TRACE`, or None

    Examples
    --------
    >>> t = Traffic()
    >>> t.add("U", "retrieve", rows_read=10, words_read=80)
    >>> (t + t).get("U", "retrieve", "words_read"), t.total("rows_read")
    (160, 10)
    """

    def __init__(
        self,
        counts: dict[tuple[str, str], NDArray[np.int64]] | None = None,
        tensors: dict[str, Tensor] | None = None,
        trace: NDArray[Any] | None = None,
    ) -> None:
        self.counts = {} if counts is None else counts
        self.tensors = {} if tensors is None else tensors
        self._parts: list[NDArray[Any]] = [] if trace is None else [trace]

    @property
    def trace(self) -> NDArray[Any] | None:
        """The accesses in the order of the run, dtype `TRACE`; None when none was asked for."""
        if len(self._parts) > 1:  # joined when read: adding up many traces costs their length, not its square
            self._parts = [np.concatenate(self._parts, dtype=TRACE)]  # else packed anew
        return self._parts[0] if self._parts else None

    @trace.setter
    def trace(self, trace: NDArray[Any] | None) -> None:
        self._parts = [] if trace is None else [trace]

    def vector(self, projection: str, phase: str) -> NDArray[np.int64]:
        """The counters of one (projection, phase) in the order of `COUNTERS`, writable: kernels add to it."""
        found = self.counts.get((projection, phase))
        if found is None:
            _check_phase(phase)
            found = self.counts[projection, phase] = np.zeros(len(COUNTERS), np.int64)
        return found

    def add(self, projection: str, phase: str, **counts: int) -> None:
        """Add to named counters of one (projection, phase)."""
        for name, value in counts.items():
            if name not in _PLACE or type(value) is not int:  # the fast way; a recall of many small items adds often
                _check_count(name, value)
        vector = self.vector(projection, phase)
        for name, value in counts.items():
            vector[_PLACE[name]] += value

    def get(self, projection: str, phase: str, counter: str) -> int:
        """One counter; 0 where nothing was counted."""
        place, vector = _place(counter), self.counts.get((projection, _check_phase(phase)))
        return 0 if vector is None else int(vector[place])

    def total(self, counter: str, phase: str | None = None) -> int:
        """One counter over all projections, of one phase or of all."""
        place, phases = _place(counter), PHASES if phase is None else (_check_phase(phase),)
        return sum(int(v[place]) for (_, p), v in self.counts.items() if p in phases)

    def __iadd__(self, other: "Traffic") -> "Traffic":
        self._adopt(other.tensors)
        for where, vector in other.counts.items():
            own = self.counts.get(where)
            if own is None:
                own = self.vector(*where)
            own += vector  # in place: a kernel may hold it
        if other.trace is not None:
            moved = other.trace.copy()
            if other.tensors:
                place = {name: i for i, name in enumerate(self.tensors)}
                moved["tensor"] = np.array([place[name] for name in other.tensors], np.int32)[moved["tensor"]]
            self._parts.append(moved)
        return self

    def __add__(self, other: "Traffic") -> "Traffic":
        total = Traffic()
        total += self
        total += other
        return total

    def __eq__(self, other: object) -> bool:
        """The same counts, tensors and trace."""
        if not isinstance(other, Traffic):
            return NotImplemented
        return (
            self.counts.keys() == other.counts.keys()
            and all(np.array_equal(v, other.counts[where]) for where, v in self.counts.items())
            and self.tensors == other.tensors
            and (other.trace is None if self.trace is None else _same_trace(self.trace, other.trace))
        )

    def without_trace(self) -> "Traffic":
        """The counters alone: what a running total keeps."""
        return Traffic(self.counts, self.tensors)

    def prefixed(self, name: str) -> "Traffic":
        """The same traffic with every projection called ``name/projection``: a field's share of a network."""
        return Traffic(
            {(f"{name}/{p}", phase): v.copy() for (p, phase), v in self.counts.items()},
            {f"{name}/{t}": tensor for t, tensor in self.tensors.items()},
            self.trace,
        )

    def _adopt(self, tensors: Mapping[str, Tensor]) -> None:
        joined = {}
        for name, tensor in tensors.items():
            own = self.tensors.get(name, tensor)
            if own is not tensor and own != tensor and own.grows and tensor.grows:
                n_rows, row_bytes = max(own.n_rows, tensor.n_rows), max(own.row_bytes, tensor.row_bytes)
                own, tensor = (t._replace(n_rows=n_rows, row_bytes=row_bytes) for t in (own, tensor))
            joined[name] = own
            if own != tensor:
                raise ParameterError(
                    f"tensor {name!r}",
                    got=tensor,
                    expected=self.tensors[name],
                    do="name the two memories apart: prefixed()",
                )
        self.tensors.update(joined)

    def __iter__(self) -> Iterator[tuple[str, str, dict[str, int]]]:
        for (projection, phase), vector in self.counts.items():
            yield projection, phase, {name: int(value) for name, value in zip(COUNTERS, vector)}

    def table(self) -> Table:
        """One row per (projection, phase), one column per counter."""
        rows = list(self)
        columns: dict[str, Any] = {
            "projection": np.array([r[0] for r in rows], dtype=np.str_),
            "phase": np.array([r[1] for r in rows], dtype=np.str_),
        }
        tensors = [self.tensors.get(r[0], Tensor(0, 0, "")) for r in rows]
        for name in COUNTERS:
            columns[name] = np.array([r[2][name] for r in rows], np.int64)
        columns["tensor_rows"] = np.array([t.n_rows for t in tensors], np.int64)
        columns["row_bytes"] = np.array([t.row_bytes for t in tensors], np.int64)
        for name in ("role", "element", "arithmetic"):
            columns[name] = np.array([getattr(t, name) for t in tensors], dtype=np.str_)
        columns["grows"] = np.array([t.grows for t in tensors], np.bool_)
        counted = dict.fromkeys(("words_read", "words_written", "words_silent"), "words of 64 bits")
        about = {**COUNTERS, "tensor_rows": "rows of the tensor behind the projection", "row_bytes": "bytes of one row"}
        return Table(columns, units={"row_bytes": "bytes", **counted}, descriptions=about)

    def __repr__(self) -> str:
        parts = [f"{name} {self.total(name):,}" for name in ("rows_read", "words_read", "words_written", "synops")]
        trace = "" if self.trace is None else f", trace of {len(self.trace):,} accesses"
        return f"Traffic({', '.join(parts)}{trace})"

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _same_trace(a: NDArray[Any], b: NDArray[Any] | None) -> bool:
    return b is not None and np.array_equal(a, b)


def phase_place(phase: str) -> int:
    """The number that stands for a phase in a trace."""
    return PHASES.index(_check_phase(phase))


def _check_phase(phase: str) -> str:
    if phase not in PHASES:
        raise ParameterError("phase", got=repr(phase), expected=", ".join(PHASES))
    return phase


def _check_count(name: str, value: Any) -> None:
    _place(name)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ParameterError(f"traffic counter {name}", got=repr(value), expected="a whole number")


def _place(counter: str) -> int:
    if counter not in _PLACE:
        raise ParameterError("traffic counter", got=repr(counter), expected=", ".join(COUNTERS))
    return _PLACE[counter]


def address_bits(size: int) -> int:
    """Bits of one unit's address: ceil(log2 size), at least 1."""
    return max(1, (size - 1).bit_length())


def trace_of(accesses: NDArray[np.int64], phase: str) -> NDArray[Any]:
    """The kernels' accesses (row read r as r, written as -1 - r) as a trace of the first tensor, all of one phase."""
    steps = np.empty(len(accesses), TRACE)
    if sys.byteorder == "big":
        steps["tensor"], steps["phase"], steps["write"] = 0, phase_place(phase), accesses < 0
        steps["row"] = accesses ^ (accesses >> 63)
        return steps
    words, written = steps.view(np.int64).reshape(-1, 2), accesses >> 63  # all bits set where written
    np.bitwise_xor(accesses, written, out=words[:, 0])  # -1 - a where a is negative
    np.subtract(phase_place(phase) << 40, written << 32, out=words[:, 1])
    return steps
