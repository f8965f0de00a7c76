"""Sparse Hopfield layers for torch: exact entmax forward, closed-form gradients backward, alpha learned in (1, 2).

Needs torch, ``pip install "sdrsim[torch]"``; without it this module can be imported, and whatever is made from it says
so. Generalised sparse Hopfield layers (GSH) of STanHop (Wu, Hu, Li, Chen & Liu 2024), in the names of the paper: in the
code released with it the class called pooling has learned *memories*, which is `GSHLayer` here. Random draws are
torch's: call ``torch.manual_seed`` first.
"""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from sdrsim.engine.checks import checked_count, checked_name, checked_real
from sdrsim.errors import ParameterError, SdrsimError
from sdrsim.models.hopfield import tensors
from sdrsim.models.hopfield.maps import checked_alpha, entmax, entmax_alpha_gradient, entmax_backward

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GSH", "GSHLayer", "GSHPooling", "STanHopBlock", "entmax_function"]


class _Absent:
    """Stands for torch's classes where torch is not installed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise SdrsimError("sdrsim.models.hopfield.torch_layer", got="no torch here", do='pip install "sdrsim[torch]"')


try:
    import torch
    from torch.autograd import Function
    from torch.nn import GELU, Dropout, LayerNorm, Linear, Module, Parameter, Sequential
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    Function = Module = _Absent  # type: ignore[misc,assignment,unused-ignore]
    torch = None  # type: ignore[assignment,unused-ignore]

_FAR = -1e30  # the score of what is masked: finite, and without weight at every alpha


# ---- entmax -------------------------------------------------------------------------------------------------------


def _by_alpha(function: Any, alphas: Any, *rows: Any, out: Any) -> Any:
    """`out` filled with ``function(*rows, alpha)``, rows of one alpha at a time."""
    values = np.unique(alphas)
    for a in values:
        at = slice(None) if len(values) == 1 else np.flatnonzero(alphas == a)
        out[at] = function(*(r[at] for r in rows), float(a))
    return torch.from_numpy(out)


def _right_of_one(p: Any, dy: Any, alpha: float) -> Any:
    return entmax_alpha_gradient(p, dy, max(alpha, math.nextafter(1.0, 2.0)))


def _backward(ctx: Any, dy: Any) -> tuple[Any, Any]:
    if torch.is_grad_enabled():  # what is given back has no graph: second derivatives would lack a part, unseen
        raise SdrsimError("entmax_function", got="create_graph=True", expected="first derivatives alone")
    p, alpha = (t.detach() for t in ctx.saved_tensors)
    rows, given = (t.reshape(-1, p.shape[-1]).numpy() for t in (p, dy))
    alphas = alpha.numpy().ravel()
    d_scores = d_alpha = None
    if ctx.needs_input_grad[0]:
        d_scores = _by_alpha(entmax_backward, alphas, rows, given, out=np.empty_like(rows)).reshape(p.shape)
    if ctx.needs_input_grad[1]:
        d_alpha = _by_alpha(_right_of_one, alphas, rows, given, out=np.empty(len(rows))).reshape(alpha.shape)
    return d_scores, d_alpha


class _Entmax(Function):  # type: ignore[misc,unused-ignore]
    @staticmethod
    def forward(ctx: Any, scores: Any, alpha: Any) -> Any:
        """Scores (..., m), alpha (..., 1) in float64."""
        rows = scores.detach().reshape(-1, scores.shape[-1]).numpy()
        weights = _by_alpha(entmax, alpha.detach().numpy().ravel(), rows, out=np.empty_like(rows)).reshape(scores.shape)
        ctx.save_for_backward(weights, alpha)
        return weights

    backward = staticmethod(_backward)


def entmax_function(scores: "Tensor", alpha: "Tensor | float" = 1.5) -> "Tensor":
    """Weights `entmax` of the last axis of the scores, differentiable by scores and alpha.

    Parameters
    ----------
    scores : Tensor, (..., m), on the CPU
        Finite. float64 is treated as such, float32 as such, float16 and bfloat16 by way of float32.
    alpha : float, or Tensor that broadcasts to (..., 1); 1 or more
        A tensor may require a gradient; one of several values has one alpha for each row, head or item.

    Returns
    -------
    Tensor, of the shape and dtype of the scores

    Raises
    ------
    SdrsimError
        torch is not installed; second derivatives (``create_graph=True``).
    ParameterError
        Scores on another device, not real, sparse, or not finite; rows of none; alpha below 1, NaN, complex, or of a
        shape that does not broadcast. In the backward pass: gradients that are not finite; the derivative by an
        infinite alpha.

    Notes
    -----
    The solver of `sdrsim.models.hopfield.entmax` forward; backward the closed forms on the support,
    `entmax_backward` (Peters, Niculae & Martins 2019) and `entmax_alpha_gradient` (Correia, Niculae & Martins 2019);
    at alpha of exactly 1 the derivative from the right.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> scores = torch.tensor([1.0, 0.5, -2.0], requires_grad=True)  # doctest: +SKIP
    >>> p = entmax_function(scores, alpha=2.0)  # doctest: +SKIP
    >>> p[0].backward()  # doctest: +SKIP
    >>> p.tolist(), scores.grad.tolist()  # doctest: +SKIP
    ([0.75, 0.25, 0.0], [0.5, -0.5, 0.0])
    """
    if torch is None:
        _Absent()
    if not isinstance(alpha, torch.Tensor):
        alpha = torch.tensor(checked_alpha(alpha), dtype=torch.float64)
    alphas = tensors.checked_alphas(alpha, (*tensors.checked_scores(scores, torch.Tensor).shape[:-1], 1))
    exact = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return _Entmax.apply(exact, alphas).to(scores.dtype)  # type: ignore[no-any-return,no-untyped-call,unused-ignore]


# ---- layers -------------------------------------------------------------------------------------------------------


class GSH(Module):  # type: ignore[misc,unused-ignore]
    """Retrieval of queries from a memory, both given: ``entmax(beta Q K') V W_O`` with ``Q = R W_Q``, ``K = Y W_K``.

    The values are the projected keys, projected once more, ``V = K W_V``, so that a pattern is stored once and its
    value follows from its key.

    Parameters
    ----------
    d_model : int
        Width of queries R, memories Y and results.
    n_heads : int
    d_head : int or None
        Width of one head; None: ``d_model / n_heads``.
    alpha : 'learned' | 'per_head' | float, 1 or more
        Learned: ``1 + sigmoid(w)`` within (1, 2), w drawn from a standard normal, one for the layer or one a head.
    beta : float or None
        Scale of the scores; None: ``1 / sqrt(d_head)``.
    dropout : float, 0 .. 1 (1 excluded)
        Of the weights, while training.
    mix : bool
        Merge heads as the released code does, positions of one head side by side, which interleaves positions: for
        comparison with it.
    own_values : bool
        ``V = Y W_V`` instead, as in attention.

    Attributes
    ----------
    alpha : Tensor, () or (n_heads, 1, 1), float64; or float
    n_heads, d_head, beta, mix, own_values

    Raises
    ------
    SdrsimError
        torch is not installed.
    ParameterError
        Parameters outside their range; a width that heads do not divide.

    Notes
    -----
    Wu, Hu, Li, Chen & Liu 2024. Computed in float64, a learned alpha stays above 1 down to w = -36.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> layer = GSH(d_model=8, n_heads=2, alpha=2.0)  # doctest: +SKIP
    >>> layer(torch.zeros(5, 3, 8), torch.ones(5, 7, 8)).shape  # doctest: +SKIP
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int = 4,
        *,
        d_head: int | None = None,
        alpha: float | str = "learned",
        beta: float | None = None,
        dropout: float = 0.0,
        mix: bool = False,
        own_values: bool = False,
    ) -> None:
        super().__init__()
        self.d_model = checked_count("d_model", d_model, 1, 2**31)
        self.n_heads = checked_count("n_heads", n_heads, 1, 2**31)
        if d_head is None and d_model % n_heads:
            raise ParameterError(
                "n_heads", got=f"{n_heads}", expected=f"a divisor of d_model, {d_model}", do="or d_head="
            )
        self.d_head = d_model // n_heads if d_head is None else checked_count("d_head", d_head, 1, 2**31)
        self.beta = 1 / math.sqrt(self.d_head) if beta is None else checked_real("beta", beta, np.finfo(float).tiny)
        self.mix, self.own_values = (tensors.checked_switch(*one) for one in (("mix", mix), ("own_values", own_values)))
        self.fixed_alpha: float | None = None
        if isinstance(alpha, str):
            checked_name("alpha", alpha, ("learned", "per_head"), also="a number, 1 or more")
            self.alpha_logit = Parameter(torch.randn(() if alpha == "learned" else (self.n_heads, 1, 1)))
        else:
            self.fixed_alpha = checked_alpha(alpha)
        self.dropout = Dropout(checked_real("dropout", dropout, 0.0, math.nextafter(1.0, 0.0)))
        width = self.n_heads * self.d_head
        self.to_queries = Linear(self.d_model, width)
        self.to_keys = Linear(self.d_model, width)
        self.to_values = Linear(self.d_model if self.own_values else width, width)
        self.to_result = Linear(width, self.d_model)

    @property
    def alpha(self) -> "Tensor | float":
        """The one in use."""
        if self.fixed_alpha is not None:
            return self.fixed_alpha
        return 1.0 + torch.sigmoid(self.alpha_logit.double())  # type: ignore[no-any-return,unused-ignore]

    def forward(self, queries: "Tensor", memory: "Tensor", mask: "Tensor | None" = None) -> "Tensor":
        """What the memory gives for each query.

        Parameters
        ----------
        queries : Tensor, (..., n_queries, d_model)
        memory : Tensor, (..., n_stored, d_model)
            Leading axes broadcast.
        mask : bool Tensor, (..., n_stored), or None
            True where a pattern may be retrieved; at least one a row.

        Returns
        -------
        Tensor, (..., n_queries, d_model)

        Raises
        ------
        ParameterError
            Other widths, dtypes or devices; an empty memory; leading axes or a mask that do not broadcast; not finite.
        """
        keys, scores = self._scores(queries, memory, mask)
        weights = self.dropout(self._weights(scores, keys))
        heads = weights @ self._heads(self.to_values(memory if self.own_values else keys))
        n_queries = heads.shape[-2]
        merged = heads if self.mix else heads.transpose(-3, -2)
        result = merged.reshape(*heads.shape[:-3], n_queries, self.n_heads * self.d_head)
        return self.to_result(result)  # type: ignore[no-any-return,unused-ignore]

    def weights(self, queries: "Tensor", memory: "Tensor", mask: "Tensor | None" = None) -> "Tensor":
        """Weights of the stored patterns, before dropout: (..., n_heads, n_queries, n_stored)."""
        keys, scores = self._scores(queries, memory, mask)
        return self._weights(scores, keys)  # type: ignore[no-any-return,unused-ignore]

    def _heads(self, rows: Any) -> Any:
        return rows.unflatten(-1, (self.n_heads, self.d_head)).transpose(-3, -2)

    def _scores(self, queries: Any, memory: Any, mask: Any) -> tuple[Any, Any]:
        """Projected keys, and beta times their products with the projected queries, masked."""
        width = self.to_queries.weight
        axes = tensors.leading(queries, memory, width)
        if mask is not None:
            tensors.checked_mask(mask, axes, memory.shape[-2], width)
        keys = tensors.projected("memory", self.to_keys, memory)
        rows = tensors.projected("queries", self.to_queries, queries)
        scores = self._heads(rows) @ self._heads(keys).transpose(-2, -1) * self.beta
        tensors.refuse_wild(scores, queries=queries, memory=memory)
        if mask is not None:
            scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
            scores = scores.masked_fill(~mask[..., None, None, :], _FAR)
        return keys, scores

    def _weights(self, scores: Any, keys: Any) -> Any:
        return entmax_function(scores, self.alpha).to(keys.dtype)


class GSHPooling(Module):  # type: ignore[misc,unused-ignore]
    """Learned queries, the input is the memory: any number of patterns in, `n_queries` out.

    Parameters
    ----------
    d_model : int
    n_queries : int
    n_heads : int
    **options
        As of `GSH`.

    Notes
    -----
    GSHPooling of the paper (Wu, Hu, Li, Chen & Liu 2024); queries start standard normal.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> GSHPooling(d_model=8, n_queries=2)(torch.ones(5, 7, 8)).shape  # doctest: +SKIP
    torch.Size([5, 2, 8])
    """

    def __init__(self, d_model: int, n_queries: int = 1, n_heads: int = 4, **options: Any) -> None:
        super().__init__()
        self.retrieval = GSH(d_model, n_heads, **options)
        self.queries = Parameter(torch.randn(checked_count("n_queries", n_queries, 1, 2**31), d_model))

    def forward(self, memory: "Tensor", mask: "Tensor | None" = None) -> "Tensor":
        """(..., n_stored, d_model), and a mask as of `GSH.forward`, to (..., n_queries, d_model)."""
        return self.retrieval(self.queries, memory, mask)  # type: ignore[no-any-return,unused-ignore]


class GSHLayer(Module):  # type: ignore[misc,unused-ignore]
    """Learned memory, the input are the queries: each is answered from `n_patterns` learned patterns.

    Parameters
    ----------
    d_model : int
    n_patterns : int
    n_heads : int
    **options
        As of `GSH`.

    Notes
    -----
    GSHLayer of the paper (Wu, Hu, Li, Chen & Liu 2024), called pooling in the code released with it, with 10
    patterns; they start standard normal.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> GSHLayer(d_model=8, n_patterns=10)(torch.ones(5, 7, 8)).shape  # doctest: +SKIP
    torch.Size([5, 7, 8])
    """

    def __init__(self, d_model: int, n_patterns: int = 10, n_heads: int = 4, **options: Any) -> None:
        super().__init__()
        self.retrieval = GSH(d_model, n_heads, **options)
        self.patterns = Parameter(torch.randn(checked_count("n_patterns", n_patterns, 1, 2**31), d_model))

    def forward(self, queries: "Tensor") -> "Tensor":
        """(..., n_queries, d_model) to the same shape."""
        return self.retrieval(queries, self.patterns)  # type: ignore[no-any-return,unused-ignore]


class STanHopBlock(Module):  # type: ignore[misc,unused-ignore]
    """One block of STanHop on patches of several series: retrieval along time, then across series.

    Parameters
    ----------
    d_model : int
        Width of an embedded patch.
    n_heads : int
    d_ff : int or None
        Width inside the two perceptrons; None: ``2 * d_model``.
    n_patterns : int
        Learned patterns of the series axis.
    **options
        As of `GSH`, of all three retrievals; `dropout` also of what is added to the residuals.

    Notes
    -----
    Wu, Hu, Li, Chen & Liu 2024, with LN layer norms: along time ``x = LN(x + GSH(x, x))``, ``x = LN(x + MLP(x))``;
    across series ``x = LN(u + v)``, ``u = GSHLayer(x)``, ``v = GSH(x, x)``, ``x = LN(x + MLP(x))``: what is added to is
    u, not the input. One block, not the forecaster; no published accuracy is claimed for it.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> STanHopBlock(d_model=8)(torch.ones(2, 3, 5, 8)).shape  # doctest: +SKIP
    torch.Size([2, 3, 5, 8])
    """

    def __init__(
        self, d_model: int, n_heads: int = 4, *, d_ff: int | None = None, n_patterns: int = 10, **options: Any
    ) -> None:
        super().__init__()
        self.along_time = GSH(d_model, n_heads, **options)
        self.learned_series = GSHLayer(d_model, n_patterns, n_heads, **options)
        self.across_series = GSH(d_model, n_heads, **options)
        width = 2 * d_model if d_ff is None else checked_count("d_ff", d_ff, 1, 2**31)
        self.time_perceptron, self.series_perceptron = (
            Sequential(Linear(d_model, width), GELU(), Linear(width, d_model)) for _ in range(2)
        )
        self.norms = torch.nn.ModuleList(LayerNorm(d_model) for _ in range(4))
        self.dropout = Dropout(options.get("dropout", 0.0))

    def forward(self, patches: "Tensor") -> "Tensor":
        """(batch, series, patches, d_model) to the same shape."""
        x: Any = tensors.checked_rows("patches", patches, self.along_time.to_queries.weight, 3)
        drop, norms = self.dropout, self.norms
        x = norms[0](x + drop(self.along_time(x, x)))
        x = norms[1](x + drop(self.time_perceptron(x)))
        x = x.transpose(-3, -2)
        x = norms[2](self.learned_series(x) + drop(self.across_series(x, x)))
        x = norms[3](x + drop(self.series_perceptron(x)))
        return x.transpose(-3, -2)  # type: ignore[no-any-return,unused-ignore]
