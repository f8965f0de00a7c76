"""Duals: the pseudo-inverse of keys, grown key by key."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import check_room
from sdrsim.engine.traffic import Tensor, Traffic, trace_of

__all__ = ["Duals"]

Reals = NDArray[np.float64]
_DEPENDENT = 1e-12  # share of a key's squared length outside of the span at which it counts as inside


class Duals:
    """Keys K (n, d), their duals D (n, d) with ``D = (K^+)^T``, and a value for each.

    ``D x`` are the coordinates of x in the keys: of key m itself 1 at m and 0 elsewhere, while the keys are linearly
    independent; those of least squares and least length else. Greville 1960 (SIAM Review 2:15): a new key k with
    coordinates ``a = D k`` leaves ``c = k - K^T a`` outside of the span; its dual is ``b = c / |c|^2``, or inside of
    the span ``b = D^T a / (1 + |a|^2)``; all others lose ``a_i b``. Coordinates are found in two passes, the second on
    what rounding left outside.

    n, d : keys, coordinates of one
    """

    def __init__(self, d: int) -> None:
        self.n, self.d = 0, d
        self._keys, self._duals, self._values = (np.zeros((0, d)) for _ in range(3))

    @classmethod
    def of(cls, keys: Reals, duals: Reals, values: Reals) -> Self:
        """From what a file kept."""
        made = cls(keys.shape[1])
        made.n = len(keys)
        made._keys, made._duals, made._values = (np.array(a, np.float64) for a in (keys, duals, values))
        return made

    @property
    def keys(self) -> Reals:
        """(n, d) view."""
        return self._keys[: self.n]

    @property
    def duals(self) -> Reals:
        """(n, d) view."""
        return self._duals[: self.n]

    @property
    def values(self) -> Reals:
        """(n, d) view."""
        return self._values[: self.n]

    @property
    def n_bytes(self) -> int:
        """Bytes of the three."""
        return 3 * 8 * self.n * self.d

    def scaled(self) -> Reals:
        """The duals times the mean squared length of the keys: scores are those of dot products in size."""
        return np.asarray(self.duals * (np.einsum("ij,ij->", self.keys, self.keys) / max(1, self.n)))

    def append(self, keys: Reals, values: Reals, traffic: Traffic, trace: bool) -> None:
        """Add keys one after another, and count it."""
        end = self.n + len(keys)
        if end > len(self._keys):
            room = max(end, 2 * len(self._keys))
            check_room("duals", 3 * 8 * room * self.d, do="store fewer frames, or without pseudo_inverse")
            for name in ("_keys", "_duals", "_values"):
                wider = np.zeros((room, self.d))
                wider[: self.n] = getattr(self, name)[: self.n]
                setattr(self, name, wider)
        first = self.n
        for k, value in zip(keys, values):
            self._add(k)
            self._values[self.n - 1] = value
        n_new, n_old, words = self.n - first, sum(range(first, self.n)), self.d
        for name in ("keys", "duals", "successors"):
            traffic.tensors[name] = Tensor(self.n, 8 * self.d, "weight", True, "float64", "mac")
            traffic.add(name, "learn", words_written=n_new * words)
        for name, n_read in (("keys", 2 * n_old), ("duals", 3 * n_old)):  # two passes over both; then duals change
            traffic.add(name, "learn", rows_read=n_read, words_read=n_read * words, synops=n_read * self.d)
        traffic.add("duals", "learn", words_written=n_old * words)
        traffic.add("keys", "learn", code_bits=64 * n_new * self.d)
        if trace:
            traffic.trace = _accesses(first, self.n)

    def _add(self, k: Reals) -> None:
        n, keys, duals = self.n, self._keys[: self.n], self._duals[: self.n]
        a = duals @ k
        outside = k - keys.T @ a
        more = duals @ outside
        outside -= keys.T @ more
        a += more
        length = float(outside @ outside)
        if length > _DEPENDENT * float(k @ k):
            b = outside / length
        else:
            b = duals.T @ a / (1.0 + float(a @ a))
        duals -= np.outer(a, b)
        self._keys[n], self._duals[n] = k, b
        self.n += 1


def _accesses(first: int, end: int) -> NDArray[Any]:
    """Every access of adding keys `first` .. `end` - 1: keys are tensor 0, duals 1, successors 2."""
    parts = [np.zeros((0, 2), np.int64)]
    for n in range(first, end):
        rows = np.arange(n)
        passes = [_of(1, rows), _of(0, rows)] * 2
        changed = np.stack([_of(1, rows), _of(1, -1 - rows)], axis=1).reshape(-1, 2)
        parts += [*passes, changed, *(_of(t, np.array([-1 - n])) for t in (0, 1, 2))]
    flat = np.concatenate(parts)
    steps = trace_of(flat[:, 1], "learn")
    steps["tensor"] = flat[:, 0]
    return steps


def _of(tensor: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.stack([np.full(len(rows), tensor), rows], axis=1)
