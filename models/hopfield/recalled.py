"""What a sparse Hopfield memory gives back."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic

__all__ = ["Recalled", "Stored"]


class Stored(NamedTuple):
    """What a store moved.

    n_items : patterns stored by this call
    traffic : counters of this call under phase 'learn', and the access trace when one was asked for
    """

    n_items: int
    traffic: Traffic

    def __repr__(self) -> str:
        return f"Stored({self.n_items:,} patterns)"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


class Parts(Protocol):
    """What is made only when it is asked for."""

    def support(self) -> SDR:
        """Patterns with weight."""

    def codes(self, states: NDArray[Any]) -> SDR | None:
        """Units on, where codes were stored."""

    def traffic(self) -> Traffic:
        """Counters, and the trace."""


@dataclass(frozen=True, repr=False, eq=False)
class Recalled:
    """What a memory answered to n queries.

    states : float array (n, d), or (n, v) where values were stored: weighted means of patterns (values)
    codes : SDR, where codes were stored: units whose mean is above the threshold of the call; else None
    support : SDR over the stored patterns: those with weight
    weights : float64 (n_support_total,), along ``support.indices``; of each query they sum to 1 (softmax1: less)
    margin : float (n,), beta times the distance of the best score from the second best, at the last step; infinite
        with one pattern. It may be larger than this where a later step left out patterns that provably have no weight
    iterations : int64 (n,), steps made, the one that only confirmed included
    converged : bool (n,), the state repeated itself (to 1e-6 of the largest norm)
    certified : bool (n,), a fixed point: one pattern alone has weight, and at this pattern it has again
    n_rescored : int64 (n,), patterns scored in later steps
    traffic : counters of this call under phase 'retrieve', and the access trace when one was asked for
    path : 'compiled', or 'portable' where a function of one's own ran
    """

    states: NDArray[Any]
    weights: NDArray[np.float64]
    margin: NDArray[np.float64]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    certified: NDArray[np.bool_]
    n_rescored: NDArray[np.int64]
    path: str
    _parts: Parts

    @cached_property
    def codes(self) -> SDR | None:
        """Units on, where codes were stored."""
        return self._parts.codes(self.states)

    @cached_property
    def support(self) -> SDR:
        """Patterns with weight."""
        return self._parts.support()

    @cached_property
    def traffic(self) -> Traffic:
        """Counters of this call, and the trace."""
        return self._parts.traffic()

    def __repr__(self) -> str:
        n = len(self.iterations)
        mean = len(self.weights) / n if n else 0.0
        return f"Recalled({n:,} queries; {mean:.3g} patterns with weight on average; {self.path})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"
