"""CodeBank: stored codes as rows of bits, one row a unit, and as lists of their active units."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import TRACE, Tensor, Traffic, address_bits, phase_place, trace_of
from sdrsim.errors import CodeError
from sdrsim.kernels.bits import bit_matrix
from sdrsim.models.hopfield.kernels.codes import CHUNK, Codes, put_codes
from sdrsim.models.hopfield.params import HopfieldParams

__all__ = ["MOST_ACTIVE", "CodeBank"]

MOST_ACTIVE = 2**16 - 1
"""Active units of a code: overlaps are uint16."""


class CodeBank:
    """Codes that grow by appending; room doubles.

    A query of c active units reads c rows of one bit a pattern; a pattern that has weight is read by its own units.

    n, d, v : patterns, units of one, units of a value (0: none)
    norm : largest norm of a pattern
    """

    values: bool | None
    """True with values, None without."""

    def __init__(self, params: HopfieldParams, d: int, v: int = 0) -> None:
        self.similarity: Any = params.similarity
        self.v, self.values = v, True if v else None
        self._value_starts, self._value_units = np.zeros(1, np.int64), np.zeros(0, np.int32)
        self.n, self.d, self.dtype = 0, d, np.dtype(params.dtype)
        self._rows = bit_matrix(d, 0)
        self._starts, self._units = np.zeros(1, np.int64), np.zeros(0, np.int32)
        self._least, self._most = MOST_ACTIVE, 0  # active units of a pattern

    # ---- sizes ------------------------------------------------------------------------------------------------------

    @property
    def n_cells(self) -> int:
        """Bits stored."""
        return self.n * (self.d + self.v)

    @property
    def n_active(self) -> int:
        """Active units of all patterns together."""
        return int(self._starts[self.n])

    @property
    def n_bytes(self) -> int:
        """Bytes of the rows of bits and the lists of units."""
        return self.bytes_for(self.d, self.n, self.n_active) + self._value_bytes(self.n, self._n_value_units)

    @property
    def _n_value_units(self) -> int:
        return int(self._value_starts[self.n]) if self.v else 0

    def _value_bytes(self, n: int, n_units: int) -> int:
        return 8 * n + 4 * n_units if self.v else 0

    @property
    def row_words(self) -> int:
        """64-bit words of a row."""
        return -(-self.n // 64)

    @staticmethod
    def bytes_for(d: int, n: int, n_active: int) -> int:
        """Bytes that n codes over d units with `n_active` active units together take."""
        return 8 * d * -(-n // 64) + 8 * n + 4 * n_active

    def room_for(self, codes: SDR, values: SDR | None = None) -> int:
        """Bytes it will take, at most, with these codes more."""
        n, n_active = self.n + len(codes), self.n_active + len(codes.indices)
        grows = n > 64 * self._rows.shape[1] or n_active > len(self._units) or n >= len(self._starts)
        more = 0 if values is None else 2 * self._value_bytes(n, self._n_value_units + len(values.indices))
        return more + (2 * self.bytes_for(self.d, n, n_active) + 512 * self.d if grows else 0)

    @property
    def norm(self) -> float:
        """Largest norm of a pattern."""
        return float(np.sqrt(self._most))

    # ---- patterns ---------------------------------------------------------------------------------------------------

    def check(self, what: str, codes: SDR) -> None:
        """Refuse codes of too many active units."""
        most = int(codes.n_active.max(initial=0))
        if most > MOST_ACTIVE:
            raise CodeError(what, got=f"{most:,} active units", expected=f"at most {MOST_ACTIVE:,}")

    def append(self, codes: SDR, values: SDR | None = None) -> None:
        """Add patterns."""
        n, n_active = self.n + len(codes), self.n_active + len(codes.indices)
        if n > 64 * self._rows.shape[1]:
            wide = bit_matrix(self.d, CHUNK // 64 * -(-max(n, 128 * self._rows.shape[1]) // CHUNK))
            wide[:, : self._rows.shape[1]] = self._rows
            self._rows = wide
        self._starts = _longer(self._starts, self.n + 1, n + 1)
        self._units = _longer(self._units, self.n_active, n_active)
        put_codes(self._rows, self.n, codes.indptr, codes.indices)
        self._units[self.n_active : n_active] = codes.indices
        self._starts[self.n + 1 : n + 1] = self.n_active + codes.indptr[1:]
        if values is not None:
            had = self._n_value_units
            self._value_starts = _longer(self._value_starts, self.n + 1, n + 1)
            self._value_units = _longer(self._value_units, had, had + len(values.indices))
            self._value_units[had : had + len(values.indices)] = values.indices
            self._value_starts[self.n + 1 : n + 1] = had + values.indptr[1:]
        lengths = codes.n_active
        self._least = int(lengths.min(initial=self._least))
        self._most = int(lengths.max(initial=self._most))
        self.n = n

    @property
    def codes(self) -> SDR:
        """The patterns."""
        return SDR(self._units[: self.n_active], self._starts[: self.n + 1], self.d)

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Patterns first .. last - 1 as numbers 0 and 1."""
        return self.codes[first:last].dense().astype(self.dtype)

    def view(self) -> Codes:
        """For the kernels."""
        starts = self._starts[: self.n + 1]
        lists = (self._value_starts[: self.n + 1], self._value_units) if self.v else (starts, self._units)
        return Codes(self._rows, self.n, starts, self._units, self._least == self._most, *lists, bool(self.v))

    # ---- ledger and files -------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """What stands behind the counters: rows of bits ('patterns'), lists of units ('units')."""
        found = {
            "patterns": Tensor(self.d, 8 * self.row_words, "weight", True),
            "units": Tensor(self.n, 4 * self._most, "weight", True, "int32"),
        }
        if self.v:
            most = int(np.diff(self._value_starts[: self.n + 1]).max(initial=0))
            found["values"] = Tensor(self.n, 4 * most, "weight", True, "int32")
        return found

    def count_store(self, traffic: Traffic, first: int, trace: bool) -> None:
        """Into the ledger: what writing patterns `first` .. moved: a word for each bit set, and the lists of units."""
        starts = self._starts[first : self.n + 1]
        lengths, bits = np.diff(starts), address_bits(self.d)
        n_set = int(starts[-1] - starts[0])
        traffic.add("patterns", "learn", words_read=n_set, words_written=n_set, code_bits=n_set * bits)
        traffic.add("units", "learn", words_written=int((-(-lengths // 2)).sum()))
        if self.v:
            of_values = np.diff(self._value_starts[first : self.n + 1])
            bits_of_values = int(of_values.sum()) * address_bits(self.v)
            words = int((-(-of_values // 2)).sum())
            traffic.add("values", "learn", words_written=words, code_bits=bits_of_values)
        if trace:
            steps = np.zeros(n_set + len(lengths), TRACE)
            steps["write"], steps["phase"] = True, phase_place("learn")
            ends = np.cumsum(lengths + 1) - 1  # a pattern's bits, then its list
            is_list = np.zeros(len(steps), np.bool_)
            is_list[ends] = True
            steps["tensor"][ends], steps["row"][ends] = 1, np.arange(first, self.n)
            steps["row"][~is_list] = self._units[starts[0] : starts[-1]]
            traffic.trace = steps if not self.v else np.concatenate([steps, self._value_writes(first)])

    def _value_writes(self, first: int) -> NDArray[Any]:
        steps = trace_of(-1 - np.arange(first, self.n, dtype=np.int64), "learn")
        steps["tensor"] = 2
        return steps

    def kept(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        starts, units = self._starts[: self.n + 1].copy(), self._units[: self.n_active].copy()
        found = {"size": np.array([self.d]), "starts": starts, "units": units}
        if self.v:
            found["value_size"] = np.array([self.v])
            found["value_starts"] = self._value_starts[: self.n + 1].copy()
            found["value_units"] = self._value_units[: self._n_value_units].copy()
        return found

    @classmethod
    def of(cls, params: HopfieldParams, kept: Mapping[str, Any]) -> Self:
        """From what a file kept."""
        v = int(kept["value_size"][0]) if "value_size" in kept else 0
        made = cls(params, int(kept["size"][0]), v)
        values = SDR(kept["value_units"], kept["value_starts"], v) if v else None
        made.append(SDR(kept["units"], kept["starts"], made.d), values)
        return made


def _longer(array: NDArray[Any], n_held: int, n: int) -> NDArray[Any]:
    if n <= len(array):
        return array
    made = np.zeros(max(n, 2 * len(array)), array.dtype)
    made[:n_held] = array[:n_held]
    return made
