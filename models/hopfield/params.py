"""HopfieldParams: what a `SparseHopfield` is, validated and frozen."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_serializer, model_validator

from sdrsim.engine.params import Params

__all__ = ["HopfieldParams", "SEPARATIONS", "SIMILARITIES"]

SIMILARITIES = ("dot", "cosine", "l2", "l1")
SEPARATIONS = ("entmax", "normmax", "softmax1", "topk", "epanechnikov")


class HopfieldParams(Params):
    """Parameters of a `SparseHopfield`; see there."""

    beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    alpha: Annotated[float, Field(ge=1, allow_inf_nan=True)] = 1.5
    similarity: Literal["dot", "cosine", "l2", "l1"] | Callable[..., Any] = "dot"
    separation: Literal["entmax", "normmax", "softmax1", "topk", "epanechnikov"] | Callable[..., Any] = "entmax"
    k: Annotated[int, Field(ge=1, strict=True)] | None = None
    dtype: Literal["float32", "float64"] = "float32"

    @field_serializer("similarity", "separation")
    def _named(self, rule: Any) -> str:
        return rule if isinstance(rule, str) else f"own: {getattr(rule, '__qualname__', type(rule).__name__)}"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if math.isnan(self.alpha):
            raise ValueError("alpha is not a number")
        if (self.separation == "topk") != (self.k is not None):
            raise ValueError("k goes with separation='topk', and only with it")
        if self.separation == "epanechnikov" and self.similarity != "l2":
            raise ValueError("separation='epanechnikov' goes with similarity='l2'")
        return self
