"""HopfieldParams: what a `SparseHopfield` is, validated and frozen."""

import math
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_serializer, model_validator

from sdrsim.engine.params import Params, own_name

__all__ = ["HopfieldParams", "SEPARATIONS", "SIMILARITIES", "SOFTMAX_WITHIN"]

SIMILARITIES = ("dot", "cosine", "l2", "l1")
SOFTMAX_WITHIN = 1e-9
"""alpha - 1 below which entmax is softmax: nothing has weight 0 then that a float could show."""
SEPARATIONS = ("entmax", "normmax", "softmax1", "topk", "epanechnikov")


class HopfieldParams(Params):
    """Parameters of a `SparseHopfield`; see there."""

    beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    alpha: Annotated[float, Field(ge=1, allow_inf_nan=True)] = 1.5
    similarity: Literal["dot", "cosine", "l2", "l1"] | Callable[..., Any] = "dot"
    separation: Literal["entmax", "normmax", "softmax1", "topk", "epanechnikov"] | Callable[..., Any] = "entmax"
    k: Annotated[int, Field(ge=1, strict=True)] | None = None
    dtype: Literal["float32", "float64"] = "float32"
    screen: Annotated[bool, Field(strict=True)] = False

    @field_serializer("similarity", "separation")
    def _named(self, rule: Any) -> str:
        return str(own_name(rule))

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if math.isnan(self.alpha):
            raise ValueError("alpha is not a number")
        if (self.separation == "topk") != (self.k is not None):
            raise ValueError("k goes with separation='topk', and only with it")
        if self.separation == "epanechnikov" and self.similarity != "l2":
            raise ValueError("separation='epanechnikov' goes with similarity='l2'")
        if self.screen:
            self._check_screen()
        return self

    def _check_screen(self) -> None:
        if self.similarity not in ("dot", "cosine", "l2"):
            raise ValueError("screen=True goes with similarity 'dot', 'cosine' or 'l2': others have no bound")
        if self.dtype != "float32":
            raise ValueError("screen=True goes with dtype='float32'")
        dense = self.separation == "entmax" and self.alpha - 1 < SOFTMAX_WITHIN
        if callable(self.separation) or self.separation == "softmax1" or dense:
            raise ValueError("screen=True goes with sparse weights: under softmax, or a rule of one's own, all count")
