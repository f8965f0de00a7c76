"""AmariMemory: counted Hebbian learning, or a learning rule of one's own."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_serializer

from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params, own_name
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.base import Arrays, Stored
from sdrsim.models.hebbian.counting import MOST_COUNTS, GradedParams
from sdrsim.models.hebbian.graded import GradedMemory
from sdrsim.models.hebbian.kernels.graded import GradedNet

__all__ = ["AmariMemory", "AmariParams"]

_NO_COUNTS = np.zeros((0, 0), np.uint8)
LearningRule = Callable[[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]], Any]


class AmariParams(GradedParams):
    """Parameters of an `AmariMemory`; see there."""

    cap: Annotated[int, Field(ge=1, lt=2**31, strict=True)] | None = None
    rule: Literal["hebb"] | Callable[..., Any] = "hebb"

    @field_serializer("rule")
    def _named(self, rule: Any) -> str:
        return str(own_name(rule))


class AmariMemory(GradedMemory):
    """Autoassociative memory of counts: ``W_ij <- W_ij + x_i x_j``, no unit linked to itself.

    The plain additive Hebbian rule on 0/1 units, with local competition when there are clusters.

    Parameters
    ----------
    n_units : int or None
        N. None: ``n_clusters * cluster_size``.
    n_active : int or None
        k, active units of every item; None: items of any activity.
    n_clusters, cluster_size : int, or both None
        Units in clusters, one after another; none linked to a unit of its own cluster.
    cap : int or None
        Counts stay at this value: 1 is clipped Hebbian learning, 255 keeps a byte a synapse.
    rule : 'hebb', or callable ``f(pre, post, rows) -> rows``
        A rule of one's own gets the active units of an item (twice, int32 ``(k,)``) and their rows of weights, float32
        ``(k, n_units)``, and returns new ones of this shape, finite. Links inside a cluster stay 0. Compiled by numba
        it runs in the kernel.
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
    Amari 1989, Neural Networks 2:451. Storing touches the k (k - 1) pairs of an item; a cue costs one read of the rows
    of its active units. Counts have one byte, and two or four as soon as one of them reaches the end of its type
    (`count_type`); a rule of one's own has four-byte weights. Recall by default: 'wta' with clusters, else 'gwsta' with
    ``k = n_active``, else Amari's threshold, all active units (`WillshawMemory` does the same); memory effect 1.
    A score of 0 or less wins under a threshold alone.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.models.hebbian import AmariMemory
    >>> x = patterns.random_sparse(500, size=2048, k=11, seed=0)
    >>> m = AmariMemory(n_units=2048, n_active=11, seed=0)
    >>> stored = m.store(x)
    >>> m.recall(patterns.erase(x, .3, seed=1)).codes == x, m
    (True, AmariMemory(2,048 units, 11 active, uint8 counts; 500 items stored, 4.0 MiB))

    Weights that saturate softly:

    >>> import numpy as np
    >>> def soft(pre, post, rows):
    ...     rows[:, post] += .5 * (1 - rows[:, post])
    ...     return rows
    >>> own = AmariMemory(n_units=2048, n_active=11, rule=soft)
    >>> stored = own.store(x)
    >>> own.recall(patterns.erase(x, .3, seed=1)).codes == x
    True
    """

    kind = "hebbian amari"
    _counts_links = True
    _counts_units = False

    def __init__(
        self,
        n_units: int | None = None,
        n_active: int | None = None,
        *,
        n_clusters: int | None = None,
        cluster_size: int | None = None,
        cap: int | None = None,
        rule: Literal["hebb"] | LearningRule = "hebb",
        seed: int = 0,
    ) -> None:
        size: dict[str, Any] = {"n_units": n_units, "n_clusters": n_clusters, "cluster_size": cluster_size}
        params = AmariParams(**size, n_active=n_active, cap=cap, rule=rule)
        if cap is not None and callable(rule):
            raise ParameterError("cap", got=repr(cap), expected="None with a rule of one's own")
        self._rule: Any = params.rule if callable(params.rule) else None
        self.cap = params.cap
        if params.cap is not None:
            self._cap = params.cap
        super().__init__(params, seed)

    @classmethod
    def _params_type(cls) -> type[Params]:
        return AmariParams

    def _clear(self) -> None:
        super()._clear()
        if self._cap < 2**31 - 1:  # a type that holds the cap from the start, so it never widens
            self.widenings = next(i for i, most in enumerate(MOST_COUNTS) if self._cap <= most)

    # ---- a rule of one's own --------------------------------------------------------------------------------------

    def _array_bytes(self) -> int:
        return 4 * self.size * self.size if self._rule else super()._array_bytes()

    def _empty(self) -> Arrays:
        return {"weights": np.zeros((self.size, self.size), np.float32)} if self._rule else super()._empty()

    def _count_tensor(self) -> tuple[str, Tensor]:
        return ("W", Tensor(self.size, 4 * self.size, element="float32")) if self._rule else super()._count_tensor()

    def _net(self) -> GradedNet:
        return self._net_of(_NO_COUNTS, reals=self._arrays["weights"]) if self._rule else super()._net()

    def store(self, x: Any, trace: bool = False) -> Stored:
        if not self._rule:
            return super().store(x, trace)
        codes = self._checked_items(x)
        weights, units = self._arrays["weights"], np.unique(codes.indices)
        held = weights[units]
        try:
            n_changed = self._learn(weights, codes)
        except BaseException:  # also what the rule itself raises: nothing is stored then
            weights[units] = held
            raise
        words = len(codes.indices) * -(-4 * self.size // 8)
        part = Traffic(tensors=self._store_tensors())
        self._count_store(part, codes, len(codes.indices) * self.size, (words,), trace)
        return self._stored(codes, n_changed, part, trace)

    def _learn(self, weights: NDArray[np.float32], codes: SDR) -> int:
        """Apply the rule item after item; returns the weights changed."""
        from sdrsim.models.hebbian.kernels.own import WRONG, is_jitted, store_own

        if is_jitted(self._rule):
            n_changed, bad = store_own(self._rule, weights, self._group, (codes.indptr, codes.indices))
            if bad != WRONG:
                shape = (int(codes.n_active[bad]), self.size)
                raise ParameterError(f"rule: rows of item {bad}", expected=f"finite, of shape {shape}")
            return int(n_changed)
        n_changed, group = 0, np.arange(self.size) // self._group
        for i, item in enumerate(codes):
            units = item.indices.astype(np.int32)
            old = weights[units]
            new = np.asarray(self._rule(units, units.copy(), old.copy()))
            if new.shape != old.shape or new.dtype.kind not in "iufb" or not np.isfinite(new).all():
                got = f"{new.dtype} of shape {new.shape}" if new.shape != old.shape else f"{new.dtype}, not all finite"
                raise ParameterError(f"rule: rows of item {i}", got=got, expected=f"finite numbers, {old.shape}")
            made = np.where(group[units][:, None] == group[None, :], old, new.astype(np.float32))
            n_changed += int(np.count_nonzero(made != old))
            weights[units] = made
        return n_changed

    def weights(self) -> NDArray[np.float64]:
        return self._arrays["weights"].astype(np.float64) if self._rule else super().weights()

    def _about(self) -> str:
        kind = "a rule of its own, float32 weights" if self._rule else f"{self.count_type} counts"
        return f"{super()._about()}, {kind}" + ("" if self.cap is None else f" up to {self.cap}")
