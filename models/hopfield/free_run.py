"""What storing sequences gives back, and a free run: as it goes on, and as it is handed out."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_real
from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.inputs import given

__all__ = ["THRESHOLD", "FreeRun", "Running", "StoredSequences"]

THRESHOLD = 0.5  # of codes: units whose mean is above it are on


class StoredSequences(NamedTuple):
    """What a store moved.

    n_items : sequences begun by this call
    n_frames : frames stored
    traffic : counters of this call under phase 'learn', and the access trace when one was asked for
    """

    n_items: int
    n_frames: int
    traffic: Traffic

    def __repr__(self) -> str:
        return f"StoredSequences({self.n_items:,} sequences, {self.n_frames:,} frames)"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


@dataclass(frozen=True, repr=False)
class FreeRun:
    """What followed n cues.

    states : float array (n, n_steps, d), or (n_steps, d) for one cue of shape (d,): means of the successors, after the
        activation
    codes : SDR of n * n_steps items, one cue's after another's, where codes were stored; else None
    support : SDR over the stored links, an item for each of these steps: those with weight
    weights : float64 (n_support_total,), along ``support.indices``
    margin : float (n, n_steps), beta times the lead of the best score, as `SparseHopfield.recall` gives it
    iterations : int64 (n,), steps carried out: a state that is its own successor is not asked again
    converged : bool (n,), whether it came to such a state
    traffic : counters of this call under phase 'retrieve', and the access trace when one was asked for
    path : 'compiled', or 'portable' where a function of one's own ran
    """

    states: NDArray[Any]
    codes: SDR | None
    support: SDR
    weights: NDArray[np.float64]
    margin: NDArray[np.float64]
    iterations: NDArray[np.int64]
    converged: NDArray[np.bool_]
    traffic: Traffic
    path: str = "compiled"

    def length(self, truth: Any, tolerance: float = 1e-6) -> NDArray[np.int64]:
        """(n,) int64: frames that are right before the first that is wrong.

        Parameters
        ----------
        truth : real (n, n_steps, d) or (n_steps, d); or codes, n * n_steps items
            What should have followed.
        tolerance : float, 0 or more
            Largest distance of a right frame from its truth, in norms of the truth. Codes must be equal.

        Raises
        ------
        ParameterError
            Another number of frames.
        """
        limit = checked_real("tolerance", tolerance, 0.0)
        wide = self.states.reshape(len(self.iterations), -1, self.states.shape[-1])
        want = given("truth", _flat(truth), wide.shape[2], None if self.codes is None else True)
        n_frames = wide.shape[0] * wide.shape[1]
        if len(want.rows) != n_frames:
            raise ParameterError("truth", got=f"{len(want.rows)} frames", expected=f"{n_frames}")
        if self.codes is not None and want.codes is not None:
            right = (self.codes.dense() == want.codes.dense()).all(axis=1)
        else:
            rows = want.rows.astype(np.float64)
            away = np.linalg.norm(wide.reshape(rows.shape) - rows, axis=1)
            right = away <= limit * np.linalg.norm(rows, axis=1)
        return np.asarray(np.cumprod(right.reshape(wide.shape[:2]), axis=1).sum(axis=1))

    def __repr__(self) -> str:
        n = len(self.iterations)
        steps = self.margin.shape[1]
        mean = len(self.weights) / max(1, n * steps)
        return f"FreeRun({n:,} cues, {steps:,} steps; {mean:.3g} links with weight on average; {self.path})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def _flat(x: Any) -> Any:
    return x.reshape(-1, x.shape[-1]) if isinstance(x, np.ndarray) and x.ndim == 3 else x


class Running:
    """A free run as it goes on; a query that has come to rest keeps its last answer."""

    def __init__(self, x: NDArray[Any], n_steps: int) -> None:
        n = len(x)
        self.now, self.traffic, self.path = x.copy(), Traffic(), "compiled"
        self.states = np.empty((n, n_steps, x.shape[1]), x.dtype)
        self.margin, self.iterations = np.empty((n, n_steps)), np.zeros(n, np.int64)
        self.converged = np.zeros(n, np.bool_)
        self.places: list[list[NDArray[np.int32]]] = [[] for _ in range(n)]
        self.weights: list[list[NDArray[np.float64]]] = [[] for _ in range(n)]

    def take(self, left: NDArray[np.int64], step: int, found: Any, made: NDArray[Any]) -> NDArray[np.int64]:
        """Note one step; those that still move."""
        self.path = found.path
        self.traffic += found.traffic
        self.states[left, step:] = made[:, None]
        self.margin[left, step:] = found.margin[:, None]
        self.iterations[left] += 1
        offsets = found.support.indptr
        for i, q in enumerate(left):
            part = slice(offsets[i], offsets[i + 1])
            self.places[q].append(found.support.indices[part])
            self.weights[q].append(found.weights[part])
        still: NDArray[np.bool_] = (made == self.now[left]).all(axis=1)
        self.converged[left] = still
        self.now[left] = made
        return np.asarray(left[~still])

    def finished(self, n_links: int, one: bool, as_codes: bool) -> FreeRun:
        """As the user gets it."""
        n, n_steps = self.margin.shape
        places, weights = [np.zeros(0, np.int32)], [np.zeros(0)]
        for p, w in zip(self.places, self.weights):
            for step in range(n_steps):
                at = min(step, len(p) - 1)
                places.append(p[at])
                weights.append(w[at])
        indptr = np.cumsum([0, *(len(p) for p in places[1:])])
        flat = self.states.reshape(n * n_steps, -1)
        return FreeRun(
            states=self.states[0] if one else self.states,
            codes=SDR.from_dense(flat > THRESHOLD) if as_codes else None,
            support=SDR(np.concatenate(places), indptr, n_links),
            weights=np.concatenate(weights),
            margin=self.margin,
            iterations=self.iterations,
            converged=self.converged,
            traffic=self.traffic,
            path=self.path,
        )
