"""CovarianceMemory: centred Hebbian learning, from counts."""

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.params import Params
from sdrsim.models.hebbian.counting import GradedParams
from sdrsim.models.hebbian.graded import GradedMemory
from sdrsim.models.hebbian.kernels.graded import Affine, GradedNet

__all__ = ["CovarianceMemory", "CovarianceParams"]

Share = Annotated[float, Field(ge=0, le=1, strict=True, allow_inf_nan=False)]


class CovarianceParams(GradedParams):
    """Parameters of a `CovarianceMemory`; see there."""

    mean_activity: Share | Literal["unit"] | None = None


class CovarianceMemory(GradedMemory):
    """Autoassociative memory of covariances: ``W_ij = sum (x_i - f)(x_j - f)`` over the items, f the mean activity.

    Parameters
    ----------
    n_units, n_active, n_clusters, cluster_size
        As for `AmariMemory`.
    mean_activity : float in 0 .. 1, 'unit', or None
        f. None: the mean of all units and items so far, so that weights follow it; 'unit': each unit's own mean, which
        makes W the sample covariance times the number of items.
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
    Tsodyks & Feigel'man 1988, Europhys. Lett. 6:101. With C_ij the items in which i and j were active together, C_i
    those of i, and P all of them,

        ``W_ij = C_ij - f (C_i + C_j) + P f^2``      ('unit': ``C_ij - C_i C_j / P``),

    exactly, for whatever f. So storing counts k (k - 1) pairs and k units and changes nothing else, and recall sums the
    rows of counts and corrects each score once: for A active units outside of j's cluster,
    ``s_j = sum_A C_ij - f sum_A C_i - |A| f C_j + |A| P f^2``. Scores have both signs: the best wins whatever its sign,
    and 'threshold' wants a number. Recall by default: 'argmax' with clusters, else 'gwsta' with ``k = n_active``;
    memory effect 0.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import CovarianceMemory
    >>> x = patterns.random_sparse(500, size=1024, k=20, seed=0)
    >>> m = CovarianceMemory(n_units=1024, n_active=20, seed=0)
    >>> stored = m.store(x)
    >>> m.recall(patterns.erase(x, .3, seed=1)).codes == x, m
    (True, CovarianceMemory(1,024 units, 20 active, uint8 counts; 500 items stored, 1.0 MiB))
    """

    kind = "hebbian covariance"

    def __init__(
        self,
        n_units: int | None = None,
        n_active: int | None = None,
        *,
        n_clusters: int | None = None,
        cluster_size: int | None = None,
        mean_activity: float | Literal["unit"] | None = None,
        seed: int = 0,
    ) -> None:
        size: dict[str, Any] = {"n_units": n_units, "n_clusters": n_clusters, "cluster_size": cluster_size}
        params = CovarianceParams(**size, n_active=n_active, mean_activity=mean_activity)
        self._given = params.mean_activity
        super().__init__(params, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return CovarianceParams

    @property
    def mean_activity(self) -> float:
        """f: the one given, or the mean of all units and items so far."""
        if isinstance(self._given, float):
            return self._given
        return float(self._arrays["usage"].sum()) / (self.size * max(1, self.n_stored))

    def _affine(self) -> Affine:
        n = max(1, self.n_stored)
        if self._given == "unit":
            return Affine(1.0, (0.0, 0.0, 0.0), (0.0, 0.0, -1.0 / n))
        f = self.mean_activity
        return Affine(1.0, (0.0, n * f * f, -f), (0.0, -f, 0.0))

    def _net(self) -> GradedNet:
        usage = self._arrays["usage"]
        return self._net_of(self._arrays["counts"], unit_in=usage, unit_out=usage, affine=self._affine())

    def weights(self) -> NDArray[np.float64]:
        counts, usage, n = super().weights(), self._arrays["usage"], max(1, self.n_stored)
        if self._given == "unit":
            return self._blocked(counts - np.outer(usage, usage) / n)
        f = self.mean_activity
        return self._blocked(counts - f * (usage[:, None] + usage[None, :]) + n * f * f)

    def _about(self) -> str:
        return f"{super()._about()}, {self.count_type} counts"
