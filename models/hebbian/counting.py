"""Counting pairs of active units: arrays, storing and ledger of the graded memories; counts widen when they must."""

from typing import Annotated, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sdrsim.engine.checks import check_room
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.params import Params
from sdrsim.engine.traffic import Tensor, Traffic, address_bits, trace_of
from sdrsim.errors import CapacityError, CodeError
from sdrsim.models.hebbian.base import Arrays, HebbianMemory, Stored
from sdrsim.models.hebbian.kernels.counting import store_counts

__all__ = ["CountingMemory", "GradedParams"]

COUNT_TYPES = (np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.int32))
MOST_COUNTS = tuple(int(np.iinfo(kind).max) for kind in (np.uint8, np.uint16, np.int32))
_MOST_STORED = 2**31 - 1  # no count rises above the items stored
NO_UNITS = np.zeros(0, np.float64)

Units = Annotated[int, Field(ge=1, le=2**24, strict=True)]


class GradedParams(Params):
    """Units of a graded memory, with clusters or without; see `AmariMemory`."""

    n_units: Units | None = None
    n_active: Annotated[int, Field(ge=1, strict=True)] | None = None
    n_clusters: Units | None = None
    cluster_size: Units | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        both = self.n_clusters is not None and self.cluster_size is not None
        if not both and (self.n_clusters is not None or self.cluster_size is not None):
            raise ValueError("n_clusters and cluster_size together")
        if not both and self.n_units is None:
            raise ValueError("n_units, or n_clusters and cluster_size")
        if both and self.n_units not in (None, self.size):
            raise ValueError(f"n_units = n_clusters * cluster_size = {self.size}, got {self.n_units}")
        if self.size > 2**24:
            raise ValueError(f"at most {2**24} units, got {self.size}")
        if self.n_active is not None and self.n_active > self.size:
            raise ValueError(f"n_active of at most the {self.size} units, got {self.n_active}")
        return self

    @property
    def size(self) -> int:
        """Units."""
        if self.n_clusters is not None and self.cluster_size is not None:
            return self.n_clusters * self.cluster_size
        return self.n_units or 0


class CountingMemory(HebbianMemory):
    """Base of `GradedMemory`: counts of the pairs of active units, and how often each unit was active."""

    _tallies = ("n_stored", "widenings")
    _count_names: ClassVar[tuple[str, ...]] = ("W", "W16", "W32")
    _counts_units: ClassVar[bool] = True
    _cap: int = _MOST_STORED
    widenings: int

    def __init__(self, params: Any, seed: int) -> None:
        self.n_units, self.n_active = params.size, params.n_active
        self.n_clusters, self.cluster_size = params.n_clusters, params.cluster_size
        self._group = params.cluster_size or 1
        super().__init__(params, params.size, seed)

    # ---- arrays ---------------------------------------------------------------------------------------------------

    @property
    def count_type(self) -> "np.dtype[Any]":
        """Type of a count now: uint8, then uint16, then int32."""
        return COUNT_TYPES[self.widenings]

    @property
    def n_synapses(self) -> int:
        """Ordered pairs of different units, with clusters: of units of different clusters."""
        return self.size * (self.size - self._group)

    def _array_bytes(self) -> int:
        return self.size * self.size * self.count_type.itemsize + (8 * self.size if self._counts_units else 0)

    def _empty(self) -> Arrays:
        arrays: Arrays = {"counts": np.zeros((self.size, self.size), self.count_type)}
        if self._counts_units:
            arrays["usage"] = np.zeros(self.size, np.float64)
        return arrays

    def _count_tensor(self) -> tuple[str, Tensor]:
        """Name and shape of the counts: another array after widening."""
        return self._count_names[self.widenings], Tensor(
            self.size, self.size * self.count_type.itemsize, element=self.count_type.name
        )

    def _tensor(self) -> Tensor:
        return self._read_tensor()[1]

    def _read_tensor(self) -> tuple[str, Tensor]:
        """Name and shape of what recall reads."""
        return self._count_tensor()

    def _usage_tensor(self) -> Tensor:
        return Tensor(1, 8 * self.size, element="float64")

    def _store_tensors(self) -> dict[str, Tensor]:
        """What storing reads and writes, in the order of its accesses."""
        made = dict([self._count_tensor()])
        return made | {"usage": self._usage_tensor()} if self._counts_units else made

    def restore(self, state: Any) -> None:
        held, self.widenings = self.widenings, int(state["tallies"]["widenings"])
        try:
            super().restore(state)
        except BaseException:
            self.widenings = held
            raise

    # ---- storing --------------------------------------------------------------------------------------------------

    def store(self, x: Any, trace: bool = False) -> Stored:
        """Store items one after another.

        Parameters
        ----------
        x : codes over `n_units` (SDR, bool or 0/1 uint8 ``(n, n_units)``, indices ``(n, k)``, CSR), or one item
            Each of `n_active` active units, when that is given. Units of one cluster are not linked to each other.
        trace : bool
            List every row read and written, in order.

        Returns
        -------
        Stored
            `n_new` counts the changes of synapses (ordered pairs of units).
        """
        codes = self._checked_items(x)
        traffic, n_changed, done, width = Traffic(), 0, 0, self.widenings
        try:
            while done < len(codes):
                start, part = done, Traffic(tensors=self._store_tensors())
                done, full, n_pairs, n, words = self._write(codes, start, part)
                n_changed += n
                self._count_store(part, codes[start:done], n_pairs, words, trace)
                traffic += part
                if full:
                    traffic += self._widen(trace)
        except CapacityError:
            self._undo(codes[:done], width)
            raise
        return self._stored(codes, n_changed, traffic, trace)

    def _write(self, codes: SDR, start: int, part: Traffic) -> tuple[int, bool, int, int, tuple[int, ...]]:
        """Store from item `start` on, until a count has to be widened: the item to go on with, whether so, pairs,
        changes, and words of each tensor.
        """
        arrays, called = self._arrays, (codes.indptr, codes.indices)
        top = MOST_COUNTS[self.widenings]
        usage = arrays.get("usage", NO_UNITS)
        bounds = (self._cap, top if self._cap > top else -1)
        done, full, n_pairs, n_changed, n_words = store_counts(
            arrays["counts"], usage, self._group, called, (start, len(codes)), bounds, 1
        )
        return done, full, n_pairs, n_changed, (n_words,)

    def _unwrite(self, codes: SDR) -> None:
        """Take off counts again."""
        arrays, called = self._arrays, (codes.indptr, codes.indices)
        usage = arrays.get("usage", NO_UNITS)
        store_counts(arrays["counts"], usage, self._group, called, (0, len(codes)), (_MOST_STORED, -1), -1)

    def _undo(self, codes: SDR, widenings: int) -> None:
        """Back to what was there before `codes` were stored: there was no room to widen the counts."""
        self._unwrite(codes)
        if self.widenings != widenings:
            self.widenings = widenings
            self._arrays["counts"] = self._arrays["counts"].astype(self.count_type)

    def _widen(self, trace: bool) -> Traffic:
        """Counts of the next type, or CapacityError; every row is read and written."""
        n, made = self.size, Traffic(tensors=dict([self._count_tensor()]))
        check_room(f"{type(self).__name__}: wider counts", n * n * COUNT_TYPES[self.widenings + 1].itemsize)
        for add in ({"rows_read": n}, {}):
            name, tensor = self._count_tensor()
            words = n * -(-tensor.row_bytes // 8)
            made.add(name, "learn", **add, **{"words_read" if add else "words_written": words})
            if add:
                self.widenings += 1
                self._arrays["counts"] = self._arrays["counts"].astype(self.count_type)
                made.tensors |= dict([self._count_tensor()])
        if trace:
            rows = np.arange(n, dtype=np.int64)
            made.trace = trace_of(np.concatenate([rows, -1 - rows]), "learn")
            made.trace["tensor"][n:] = 1
        return made

    def _checked_items(self, x: Any) -> SDR:
        codes = as_sdr(x, self.size, what="x")
        if self.n_active is not None and len(codes) and np.any(codes.n_active != self.n_active):
            bad = int(np.argmax(codes.n_active != self.n_active))
            raise CodeError(
                f"x: item {bad}",
                got=f"{codes.n_active[bad]} active units",
                expected=f"{self.n_active}",
                do="n_active=None takes items of any activity",
            )
        if self.n_stored + len(codes) > _MOST_STORED:
            raise CapacityError("x", got=f"{self.n_stored + len(codes):,} items", expected=f"at most {_MOST_STORED:,}")
        return codes

    def _count_store(self, part: Traffic, codes: SDR, n_pairs: int, words: tuple[int, ...], trace: bool) -> None:
        """Count what one stretch of items read and wrote: the counts, what is kept beside them, the units' usage."""
        n_in, names = len(codes.indices), list(part.tensors)
        bits = n_in * address_bits(self.size)
        part.add(
            names[0],
            "learn",
            rows_read=n_in,
            words_read=words[0],
            words_written=words[0],
            synops=n_pairs,
            code_bits=bits,
        )
        for name, n in zip(names[1:], words[1:]):
            part.add(name, "learn", words_written=n)
        if self._counts_units:
            part.add("usage", "learn", rows_read=len(codes), words_read=n_in, words_written=n_in)
        if trace:
            part.trace = self._store_trace(codes, len(words))

    def _store_trace(self, codes: SDR, n_written: int) -> NDArray[Any]:
        """Unit by unit: the row of counts read, that row and those kept beside it written; then the usage."""
        rows = codes.indices.astype(np.int64)
        accesses = np.stack([rows] + [-1 - rows] * n_written, axis=1)
        tensors = np.broadcast_to([0, *range(n_written)], accesses.shape)
        flat, which = accesses.reshape(-1), tensors.reshape(-1)
        if self._counts_units:
            ends = np.repeat(codes.indptr[1:] * accesses.shape[1], 2)
            flat = np.insert(flat, ends, np.tile([0, -1], len(codes)))
            which = np.insert(which, ends, n_written)
        made = trace_of(flat, "learn")
        made["tensor"] = which
        return made

    def _stored(self, codes: SDR, n_changed: int, traffic: Traffic, trace: bool) -> Stored:
        if trace and traffic.trace is None:
            traffic.trace = trace_of(np.zeros(0, np.int64), "learn")
        self.n_stored += len(codes)
        self.traffic += traffic.without_trace()
        return Stored(len(codes), n_changed, traffic)
