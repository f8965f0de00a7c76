"""Bank: the stored patterns in panels, with what their similarity needs, and values beside them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.traffic import Traffic, trace_of
from sdrsim.kernels.sums import aligned
from sdrsim.models.hopfield.kernels.again import Reach
from sdrsim.models.hopfield.kernels.asks import Held
from sdrsim.models.hopfield.kernels.panels import LANES, get_patterns, put_patterns
from sdrsim.models.hopfield.kernels.scan import Store
from sdrsim.models.hopfield.kernels.screen import Screen, put_screen
from sdrsim.models.hopfield.ledger import screen_bytes
from sdrsim.models.hopfield.params import HopfieldParams

__all__ = ["Bank", "screen_bytes"]

_NO_REACH = Reach(np.zeros(0), np.zeros(0, np.int64))


class Bank:
    """Patterns that grow by appending; room doubles.

    n, d, v : patterns, coordinates of one, columns of the values (0: none)
    norm : largest norm of a pattern
    screen : copies in one byte a coordinate, with two numbers each; of length 0 where none are wanted
    """

    def __init__(self, params: HopfieldParams, d: int, v: int = 0) -> None:
        self.similarity: Any = params.similarity
        self.n, self.d, self.v, self.dtype = 0, d, v, np.dtype(params.dtype)
        self.panels = np.zeros((0, d, LANES), self.dtype)
        self.values: NDArray[Any] | None = np.zeros((0, v), self.dtype) if v else None
        self.squares = np.zeros(0, np.float64)
        self.screened = params.screen
        self.screen = _screen(0, d if params.screen else 0)
        self._reach: Reach | None = None
        self._norm = 0.0
        self.ruled: Any = None  # what its memory asks of the kernels, once it did
        self._held: dict[bool, tuple[float, int, Held]] = {}

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return int(self.dtype.itemsize)

    @property
    def words(self) -> int:
        """64-bit words of a pattern."""
        return -(-self.d * self.itemsize // 8)

    @property
    def value_words(self) -> int:
        """64-bit words of a value."""
        return -(-self.v * self.itemsize // 8)

    @property
    def n_cells(self) -> int:
        """Numbers stored."""
        return self.n * (self.d + self.v)

    @property
    def n_bytes(self) -> int:
        """Bytes of the patterns in whole panels, the values, the norms, and the screen."""
        return _bytes(self.n, self.d, self.v, self.itemsize, self.screened)

    def room_for(self, n: int) -> int:
        """Bytes it will take, at most, with n more."""
        if self.n + n <= LANES * len(self.panels):
            return 0
        return 2 * _bytes(self.n + n, self.d, self.v, self.itemsize, self.screened)

    @staticmethod
    def bytes_for(params: HopfieldParams, rows: NDArray[Any], v: int) -> int:
        """Bytes a new bank with these rows takes."""
        return _bytes(len(rows), rows.shape[1], v, np.dtype(params.dtype).itemsize, params.screen)

    def append(self, rows: NDArray[Any], values: NDArray[Any] | None) -> None:
        """Add patterns."""
        end = self.n + len(rows)
        if end > LANES * len(self.panels):
            n_panels = max(-(-end // LANES), 2 * len(self.panels) if self.n else 0)
            panels = aligned((n_panels, self.d, LANES), self.dtype)
            panels[: len(self.panels)] = self.panels
            self.panels = panels
            if self.values is not None:
                held = np.zeros((LANES * n_panels, self.v), self.dtype)
                held[: self.n] = self.values[: self.n]
                self.values = held
            if self.screened:
                wider = _screen(n_panels, self.d)
                pairs: list[tuple[NDArray[Any], NDArray[Any]]] = list(zip(wider, self.screen))
                for new, old in pairs:
                    new[: len(old)] = old
                self.screen = wider
        packed = np.ascontiguousarray(rows, self.dtype)
        put_patterns(self.panels, self.n, packed)
        if self.screened:
            put_screen(self.screen, self.n, packed)
        if self.values is not None and values is not None:
            self.values[self.n : end] = values
        x = rows.astype(np.float64, copy=False)
        new = np.einsum("ij,ij->i", x, x)
        self.squares = np.concatenate([self.squares, new])
        self._norm = max(self._norm, float(np.sqrt(new.max(initial=0.0))))
        self.n = end

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Copy of patterns first .. last - 1."""
        out = np.empty((last - first, self.d), self.dtype)
        get_patterns(self.panels, first, out)
        return out

    @property
    def norm(self) -> float:
        """Largest norm of a pattern."""
        return self._norm

    @property
    def reach(self) -> Reach:
        """Norms of the patterns as they are scored, and their order; kept until more is appended."""
        if self._reach is None or len(self._reach.norms) != self.n:
            norms = np.sqrt(self.squares)
            self._reach = Reach(norms, np.argsort(-norms, kind="stable"))
        return self._reach

    def held(self, factor: float, with_reach: bool) -> Held:
        """For the kernels; `factor` is what turns a similarity into a scaled score. Kept until either changes."""
        made = self._held.get(with_reach)
        if made is None or made[0] != factor or made[1] != self.n:
            held = Held(
                self._store(factor),
                self.screen if self.screened else None,
                self.reach if with_reach else _NO_REACH,
                self.values,
            )
            made = self._held[with_reach] = factor, self.n, held
        return made[2]

    def _store(self, factor: float) -> Store:
        none = np.zeros(0, self.dtype)
        scale, bias = none, none
        if self.similarity == "cosine":
            norms = np.sqrt(self.squares)
            scale = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0).astype(self.dtype)
        if self.similarity == "l2":
            bias = (-factor * self.squares).astype(self.dtype)
        return Store(self.panels, self.n, scale, bias, self.similarity == "l1")

    def count_store(self, traffic: Traffic, first: int, trace: bool) -> None:
        """Into the ledger: what writing patterns `first` .. moved."""
        n = self.n - first
        traffic.add("patterns", "learn", words_written=n * self.words, code_bits=8 * n * self.d * self.itemsize)
        if self.values is not None:
            traffic.add("values", "learn", words_written=n * self.value_words)
        if self.screened:
            traffic.add("screen", "learn", words_written=n * -(-screen_bytes(self.d) // 8))
        if trace:
            written = -1 - np.arange(first, self.n, dtype=np.int64)
            traffic.trace = trace_of(written, "learn")
            steps = traffic.trace
            for name in [*traffic.tensors][1:]:  # values, copies
                more = steps.copy()
                more["tensor"] = list(traffic.tensors).index(name)
                traffic.trace = np.concatenate([traffic.trace, more])


def _screen(n_panels: int, d: int) -> Screen:
    cells = aligned((n_panels, (d + 1) // 2, LANES, 2), np.int8)
    return Screen(cells, *(np.zeros(LANES * n_panels, np.float32) for _ in range(3)))


def _bytes(n: int, d: int, v: int, itemsize: int, screened: bool) -> int:
    return -(-n // LANES) * LANES * ((d + v) * itemsize + (screen_bytes(d) if screened else 0)) + 8 * n
