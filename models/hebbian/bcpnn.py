"""BCPNNMemory: weights are logarithms of probabilities, from counts or from traces that fade."""

import math
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.models.hebbian.base import Arrays
from sdrsim.models.hebbian.counting import COUNT_TYPES, MOST_COUNTS, GradedParams
from sdrsim.models.hebbian.graded import GradedMemory
from sdrsim.models.hebbian.kernels.counting import NONE, ONE_NAT, form_logs, store_logs
from sdrsim.models.hebbian.kernels.graded import Affine, GradedNet

__all__ = ["BCPNNMemory", "BCPNNParams"]

_SPAN = 300.0  # nats by which traces may grow before they are brought down: far inside of float64
_TRACE_TYPE = np.dtype(np.float64)
_MOST_ROWS = 32  # rows of logarithms whose sum fits 32 bits: none is more than 2 ln(2^31) nats above the floor


class BCPNNParams(GradedParams):
    """Parameters of a `BCPNNMemory`; see there."""

    n_clusters: Annotated[int, Field(ge=1, le=2**24, strict=True)]
    cluster_size: Annotated[int, Field(ge=1, le=2**24, strict=True)]
    kappa: Annotated[float, Field(gt=0, lt=1, strict=True)] | None = None


class BCPNNMemory(GradedMemory):
    """Autoassociative Bayesian confidence propagation network: ``W_ij = ln(P_ij / (P_i P_j))``, bias ``b_j = ln P_j``.

    One unit of each cluster (module, hypercolumn) wins, the one with the largest ``b_j + sum_i x_i W_ij``; no unit is
    linked inside its cluster.

    Parameters
    ----------
    n_clusters, cluster_size : int
        Clusters and units of each. ``cluster_size=1``: no clusters, the `n_active` best of all units win.
    n_active : int or None
        k, active units of every item; None: items of any activity.
    kappa : float in 0 .. 1, or None
        None: P_ij and P_i are means over all items, from counts. Else items fade: one that came n items ago weighs
        ``(1 - kappa)^n``, and the means are over these weights, so that what came long ago is forgotten.
    seed : int
        Keys the draws of ties.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CodeError
        Bad parameters or codes; a refused call changes nothing.
    sdrsim.errors.CapacityError
        More bytes than are free, on first use or when counts must widen.

    Notes
    -----
    Lansner & Ekeberg 1989, Int. J. Neural Syst. 1:77; Sandberg, Lansner, Petersson & Ekeberg 2002, Network 13:179
    (traces). With n the number of items, or the sum of their weights (`n_effective`, at most 1 / kappa), and
    ``e = 1 / (n + 1)``: ``P_i = max(C_i / n, e)``, ``P_ij = max(C_ij / n, e^2)`` (the floors of Lansner's ptBCPNN).
    With kappa -> 0 the traces become the counts, and both memories the same.

    Storing touches the k (k - 1) pairs of an item. Traces do not fade one by one: later items weigh more instead, which
    after division by the sum of weights is the same; the rows are brought down once in 300 / kappa items. Beside each
    trace stands its logarithm, renewed when the trace changes, and the number of items enters at recall, as one number
    for all rows. Logarithms stand on a grid of 2^-20 nats, about the precision of float32: sums are exact, whatever
    their order.

    The best unit of a cluster wins whatever the sign of its score, also without any active unit (the most frequent
    unit, by its bias); before anything is stored nothing wins. Recall by default: 'argmax', with ``cluster_size=1``
    'gwsta'; memory effect 0.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import BCPNNMemory
    >>> x = patterns.random_block(500, n_clusters=32, cluster_size=32, seed=0)
    >>> b = BCPNNMemory(n_clusters=32, cluster_size=32, seed=0)
    >>> stored = b.store(x)
    >>> b.recall(patterns.erase(x, .5, seed=1)).codes == x, b
    (True, BCPNNMemory(32 clusters of 32, uint8 counts; 500 items stored, 5.0 MiB))
    """

    kind = "hebbian bcpnn"
    _count_names: ClassVar[tuple[str, ...]] = ("counts", "counts16", "counts32")

    def __init__(
        self,
        n_clusters: int,
        cluster_size: int,
        n_active: int | None = None,
        *,
        kappa: float | None = None,
        n_units: int | None = None,
        seed: int = 0,
    ) -> None:
        size: dict[str, Any] = {"n_clusters": n_clusters, "cluster_size": cluster_size, "n_units": n_units}
        params = BCPNNParams(**size, n_active=n_active, kappa=kappa)
        self.kappa = params.kappa
        self._rate = 0.0 if params.kappa is None else -math.log1p(-params.kappa)
        super().__init__(params, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return BCPNNParams

    # ---- arrays ---------------------------------------------------------------------------------------------------

    @property
    def count_type(self) -> "np.dtype[Any]":
        """Type of a count now (uint8, uint16, int32), or of a trace (float64)."""
        return COUNT_TYPES[self.widenings] if self.kappa is None else _TRACE_TYPE

    def _array_bytes(self) -> int:
        return super()._array_bytes() + 4 * self.size * self.size

    def _empty(self) -> Arrays:
        return super()._empty() | {"logs": np.full((self.size, self.size), NONE, np.int32)}

    def _kept(self, arrays: Arrays) -> Arrays:
        return {name: arrays[name] for name in ("counts", "usage")}

    def _filled(self, arrays: Arrays) -> None:
        form_logs(arrays["counts"], arrays["logs"])

    def _count_tensor(self) -> tuple[str, Tensor]:
        name = self._count_names[self.widenings] if self.kappa is None else "traces"
        return name, Tensor(self.size, self.size * self.count_type.itemsize, element=self.count_type.name)

    def _read_tensor(self) -> tuple[str, Tensor]:
        return "W", Tensor(self.size, 4 * self.size, element="float32")

    def _store_tensors(self) -> dict[str, Tensor]:
        return dict([self._count_tensor(), self._read_tensor()]) | {"usage": self._usage_tensor()}

    # ---- storing --------------------------------------------------------------------------------------------------

    def _spans(self, n: int) -> int:
        """How often traces have been brought down when item n (from 1) is stored."""
        return int(self._rate * n // _SPAN)

    def _write(self, codes: SDR, start: int, part: Traffic) -> tuple[int, bool, int, int, tuple[int, ...]]:
        n = self.n_stored + start
        spans, end = self._spans(n + 1), len(codes)
        if spans > self._spans(n):
            self._bring_down(spans - self._spans(n), part)
        if self._spans(self.n_stored + end) > spans:
            end = int((spans + 1) * _SPAN / self._rate) - self.n_stored
            while self._spans(self.n_stored + end) > spans:
                end -= 1
            while self._spans(self.n_stored + end + 1) == spans:
                end += 1
        fading = (self._rate, spans * _SPAN, self.n_stored + 1)
        most = float(MOST_COUNTS[self.widenings]) if self.kappa is None else math.inf
        done, full, n_pairs, n_words, n_log_words = store_logs(
            self._three(), self._group, (codes.indptr, codes.indices), (start, end), fading, most, 1.0
        )
        return done, full, n_pairs, n_pairs, (n_words, n_log_words)

    def _unwrite(self, codes: SDR) -> None:
        called = (codes.indptr, codes.indices)
        store_logs(self._three(), self._group, called, (0, len(codes)), (0.0, 0.0, 0), math.inf, -1.0)

    def _three(self) -> tuple[Any, Any, Any]:
        return self._arrays["counts"], self._arrays["logs"], self._arrays["usage"]

    def _bring_down(self, spans: int, part: Traffic) -> None:
        """Divide all traces: a span of growth begins anew."""
        traces, logs, usage = self._three()
        factor = math.exp(-spans * _SPAN)
        traces *= factor
        usage *= factor
        form_logs(traces, logs)
        n, words = self.size, self.size * self.size
        part.add(self._count_tensor()[0], "decay", rows_read=n, words_read=words, words_written=words)
        part.add("W", "decay", words_written=n * -(-4 * n // 8))
        part.add("usage", "decay", rows_read=1, words_read=n, words_written=n)

    # ---- recall ---------------------------------------------------------------------------------------------------

    @property
    def n_effective(self) -> float:
        """Sum of the weights of the items, the latest at 1: n_stored, or at most 1 / kappa."""
        if self.kappa is None:
            return float(self.n_stored)
        return -math.expm1(-self._rate * self.n_stored) / self.kappa

    def _numbers(self) -> tuple[NDArray[np.float64], int, int]:
        """Biases in nats, on the grid; and on the grid of the rows: the logarithm of n, and the floor of e^2 n."""
        n = max(self.n_effective, 1e-300)
        grown = self._rate * self.n_stored - self._spans(self.n_stored) * _SPAN
        least = -math.log1p(self.n_effective)
        with np.errstate(divide="ignore"):
            own = np.log(self._arrays["usage"]) - (grown + math.log(n))
        biases = np.rint(np.maximum(own, least) * ONE_NAT) / ONE_NAT
        whole = round((grown + math.log(n)) * ONE_NAT)
        return biases, whole, whole + round(2 * least * ONE_NAT)

    def _net(self) -> GradedNet:
        biases, whole, floor = self._numbers()
        affine = Affine(1 / ONE_NAT, (0.0, (floor - whole) / ONE_NAT, -1.0), (1.0, -1.0, 0.0))
        return self._net_of(
            self._arrays["logs"],
            unit_in=biases,
            unit_out=biases,
            affine=affine,
            floor=floor,
            block=_MOST_ROWS,
            has_prior=True,
        )

    def weights(self) -> NDArray[np.float64]:
        """The weights in nats (n_units, n_units), formed to be looked at; 0 inside a cluster."""
        biases, whole, floor = self._numbers()
        joint = (np.maximum(self._arrays["logs"], floor).astype(np.float64) - whole) / ONE_NAT
        return self._blocked(joint - biases[:, None] - biases[None, :])

    def biases(self) -> NDArray[np.float64]:
        """The biases in nats (n_units,)."""
        return self._numbers()[0]

    def _about(self) -> str:
        kind = f"{self.count_type} counts" if self.kappa is None else f"traces of kappa {self.kappa:g}"
        return f"{super()._about()}, {kind}"
