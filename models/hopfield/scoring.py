"""How patterns, queries and rules become what the kernels take: scaled scores, what is listed, which powers."""

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.kernels.scan import ALL, BEST, LEVEL, NEAREST, ROOT, Asked
from sdrsim.models.hopfield.params import SOFTMAX_WITHIN, HopfieldParams

__all__ = ["Rule", "own_weights", "rule_of", "similarities"]


class Rule(NamedTuple):
    """A separation, for the kernels.

    factor : what beta times a score is multiplied by to be a scaled score
    mode, power, weight_power, k, null : see `kernels.scan.Asked` and `kernels.finish.weigh_lists`
    """

    factor: float
    mode: int
    power: float = 0.0
    weight_power: float = 1.0
    k: int = 0
    null: bool = False

    @property
    def ranks(self) -> bool:
        """Whether which patterns have weight is a matter of order alone, ties included."""
        return self.mode in (NEAREST, BEST)

    def asked(self, gain: float, n_keep: int, heat: float = 1.0) -> Asked:
        """What a pass is asked for."""
        n_keep = n_keep if self.mode == ROOT else 0
        return Asked(self.mode, float(self.power), self.k, n_keep, float(gain), float(heat))


def rule_of(params: HopfieldParams) -> Rule:
    """The rule of a separation by name."""
    a = params.alpha
    if params.separation == "topk":
        return Rule(1.0, BEST, k=params.k or 1)
    if params.separation == "softmax1":
        return Rule(1.0, ALL, null=True)
    if params.separation == "epanechnikov":
        return Rule(1.0, LEVEL)
    if params.separation == "normmax":
        if a == 1:
            return Rule(1.0, NEAREST)
        if math.isinf(a):
            return Rule(1.0, ROOT, power=1.0, weight_power=0.0)
        return Rule(1.0, ROOT, power=a / (a - 1), weight_power=1 / (a - 1))
    if math.isinf(a):
        return Rule(1.0, NEAREST)
    if a - 1 < SOFTMAX_WITHIN:
        return Rule(1.0, ALL)
    return Rule(a - 1, ROOT, power=1 / (a - 1), weight_power=1 / (a - 1))


def similarities(kind: Any, queries: NDArray[Any], patterns: NDArray[Any]) -> NDArray[np.float64]:
    """Scores (n, M) in float64, as they are defined; of a function of one's own, what it gives, checked."""
    if callable(kind):
        return _own(kind, queries, patterns)
    x, y = queries.astype(np.float64), patterns.astype(np.float64)
    if kind == "l1":
        return np.stack([-np.abs(y - row).sum(axis=1) for row in x]) if len(x) else np.zeros((0, len(y)))
    if kind == "l2":
        return np.stack([-((y - row) ** 2).sum(axis=1) for row in x]) if len(x) else np.zeros((0, len(y)))
    scores: NDArray[np.float64] = x @ y.T
    if kind == "cosine":
        norms = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)
        scores = np.divide(scores, norms, out=np.zeros_like(scores), where=norms > 0)
    return scores


def _own(rule: Any, *arrays: NDArray[Any]) -> NDArray[np.float64]:
    """What a rule of the user's gives for (n, ..) and (M, ..) arrays, or for (n, M) scores: finite (n, M)."""
    shape = (len(arrays[0]), len(arrays[-1])) if len(arrays) == 2 else arrays[0].shape
    made = np.asarray(rule(*arrays))
    name = getattr(rule, "__qualname__", type(rule).__name__)
    if made.shape != shape or made.dtype.kind not in "fiub" or not np.isfinite(made).all():
        raise ParameterError(
            f"rule {name}", got=f"{made.dtype} of shape {made.shape}", expected=f"finite numbers {shape}"
        )
    return made.astype(np.float64)


def own_weights(rule: Any, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (n, M) of a separation of the user's: 0 or more."""
    weights = _own(rule, scores)
    if (weights < 0).any():
        name = getattr(rule, "__qualname__", type(rule).__name__)
        raise ParameterError(f"rule {name}", got="weights below 0", expected="0 or more")
    return weights
