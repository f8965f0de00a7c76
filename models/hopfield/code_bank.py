"""CodeBank: stored codes as rows of bits, one row a unit, and as lists of their active units."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import TRACE, Tensor, Traffic, address_bits, phase_place
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

    n, d : patterns, units of one
    norm : largest norm of a pattern
    """

    values = None
    v = 0

    def __init__(self, params: HopfieldParams, d: int) -> None:
        self.similarity: Any = params.similarity
        self.n, self.d, self.dtype = 0, d, np.dtype(params.dtype)
        self._rows = bit_matrix(d, 0)
        self._starts, self._units = np.zeros(1, np.int64), np.zeros(0, np.int32)
        self._least, self._most = MOST_ACTIVE, 0  # active units of a pattern

    # ---- sizes ------------------------------------------------------------------------------------------------------

    @property
    def n_cells(self) -> int:
        """Bits stored."""
        return self.n * self.d

    @property
    def n_active(self) -> int:
        """Active units of all patterns together."""
        return int(self._starts[self.n])

    @property
    def n_bytes(self) -> int:
        """Bytes of the rows of bits and the lists of units."""
        return self.bytes_for(self.d, self.n, self.n_active)

    @property
    def row_words(self) -> int:
        """64-bit words of a row."""
        return -(-self.n // 64)

    @staticmethod
    def bytes_for(d: int, n: int, n_active: int) -> int:
        """Bytes that n codes over d units with `n_active` active units together take."""
        return 8 * d * -(-n // 64) + 8 * n + 4 * n_active

    def room_for(self, codes: SDR) -> int:
        """Bytes it will take, at most, with these codes more."""
        n, n_active = self.n + len(codes), self.n_active + len(codes.indices)
        grows = n > 64 * self._rows.shape[1] or n_active > len(self._units) or n >= len(self._starts)
        return 2 * self.bytes_for(self.d, n, n_active) + 512 * self.d if grows else 0

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

    def append(self, codes: SDR) -> None:
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
        return Codes(self._rows, self.n, self._starts[: self.n + 1], self._units, self._least == self._most)

    # ---- ledger and files -------------------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """What stands behind the counters: rows of bits ('patterns'), lists of units ('units')."""
        return {
            "patterns": Tensor(self.d, 8 * self.row_words, "weight", True),
            "units": Tensor(self.n, 4 * self._most, "weight", True, "int32"),
        }

    def count_store(self, traffic: Traffic, first: int, trace: bool) -> None:
        """Into the ledger: what writing patterns `first` .. moved: a word for each bit set, and the lists of units."""
        starts = self._starts[first : self.n + 1]
        lengths, bits = np.diff(starts), address_bits(self.d)
        n_set = int(starts[-1] - starts[0])
        traffic.add("patterns", "learn", words_read=n_set, words_written=n_set, code_bits=n_set * bits)
        traffic.add("units", "learn", words_written=int((-(-lengths // 2)).sum()))
        if trace:
            steps = np.zeros(n_set + len(lengths), TRACE)
            steps["write"], steps["phase"] = True, phase_place("learn")
            ends = np.cumsum(lengths + 1) - 1  # a pattern's bits, then its list
            is_list = np.zeros(len(steps), np.bool_)
            is_list[ends] = True
            steps["tensor"][ends], steps["row"][ends] = 1, np.arange(first, self.n)
            steps["row"][~is_list] = self._units[starts[0] : starts[-1]]
            traffic.trace = steps

    def kept(self) -> dict[str, NDArray[Any]]:
        """What a file keeps."""
        starts, units = self._starts[: self.n + 1].copy(), self._units[: self.n_active].copy()
        return {"size": np.array([self.d]), "starts": starts, "units": units}

    @classmethod
    def of(cls, params: HopfieldParams, kept: Mapping[str, Any]) -> Self:
        """From what a file kept."""
        made = cls(params, int(kept["size"][0]))
        made.append(SDR(kept["units"], kept["starts"], made.d))
        return made


def _longer(array: NDArray[Any], n_held: int, n: int) -> NDArray[Any]:
    if n <= len(array):
        return array
    made = np.zeros(max(n, 2 * len(array)), array.dtype)
    made[:n_held] = array[:n_held]
    return made
