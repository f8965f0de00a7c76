"""What a torch layer is given, checked before anything is done; no torch is imported, the tensors bring it along."""

from typing import Any

import numpy as np

from sdrsim.errors import ParameterError

__all__ = [
    "checked_alphas",
    "checked_mask",
    "checked_rows",
    "checked_scores",
    "checked_switch",
    "leading",
    "projected",
    "refuse_wild",
]


def checked_scores(scores: Any, tensor: type) -> Any:
    """Dense real scores on the CPU, rows of at least one; `tensor` is torch's class."""
    is_tensor = isinstance(scores, tensor)
    if not is_tensor or not scores.is_floating_point() or not scores.ndim or not scores.shape[-1] or scores.is_sparse:
        got = f"{scores.dtype} {tuple(scores.shape)}" if is_tensor else type(scores).__name__
        got = f"sparse {got}" if is_tensor and scores.is_sparse else got
        raise ParameterError("scores", got=got, expected="a tensor of real numbers on the CPU, (..., m), m at least 1")
    return _on_cpu("scores", scores)


def checked_alphas(alpha: Any, rows: tuple[int, ...]) -> Any:
    """A real tensor on the CPU, in float64, one alpha for each of the rows."""
    if alpha.is_complex():
        raise ParameterError("alpha", got=f"{alpha.dtype}", expected="a real number, 1 or more")
    try:
        return _on_cpu("alpha", alpha).double().expand(rows)
    except RuntimeError:
        got, expected = f"shape {tuple(alpha.shape)}", f"one that broadcasts to {rows}"
        raise ParameterError("alpha", got=got, expected=expected) from None


def _on_cpu(what: str, x: Any) -> Any:
    if x.device.type != "cpu":
        raise ParameterError(what, got=f"a tensor on {x.device}", expected="one on the CPU", do="call .cpu()")
    return x


def checked_switch(what: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise ParameterError(what, got=repr(value), expected="True or False")
    return bool(value)


def checked_rows(what: str, x: Any, like: Any, n_axes: int = 2) -> Any:
    """A tensor of real rows as wide as those of `like`, a parameter of the layer, and on its device.

    Parameters
    ----------
    what : str
    x : Tensor, of `n_axes` axes or more
    like : Parameter, (..., width)
    n_axes : int

    Raises
    ------
    ParameterError
        Something else.
    """
    width = like.shape[-1]
    expected = f"(..., {'series, ' if n_axes == 3 else ''}n, {width})"
    if not isinstance(x, type(like.data)):
        raise ParameterError(what, got=type(x).__name__, expected=f"a tensor {expected}", do="call torch.as_tensor")
    if x.ndim < n_axes or x.shape[-1] != width:
        raise ParameterError(what, got=f"shape {tuple(x.shape)}", expected=expected)
    if not x.is_floating_point():
        raise ParameterError(what, got=f"{x.dtype}", expected="a tensor of real numbers", do=f"call .to({like.dtype})")
    if x.device != like.device:
        got, expected = f"a tensor on {x.device}", f"one on {like.device}, as the layer"
        raise ParameterError(what, got=got, expected=expected, do=f'call .to("{like.device}")')
    return x


def projected(what: str, linear: Any, x: Any) -> Any:
    """Rows through a linear map; autocast may take other dtypes than the map's, so these are asked for afterwards."""
    try:
        return linear(x)
    except RuntimeError as error:
        if x.dtype == linear.weight.dtype:
            raise
        expected, do = f"{linear.weight.dtype}, as the layer", f"call .to({linear.weight.dtype})"
        raise ParameterError(what, got=f"{x.dtype}", expected=expected, do=do) from error


def leading(queries: Any, memory: Any, like: Any) -> tuple[int, ...]:
    """The axes before the rows, both together, of queries and a memory that is not empty, both as `checked_rows` wants
    them; or ParameterError.
    """
    checked_rows("queries", queries, like)
    checked_rows("memory", memory, like)
    if not memory.shape[-2]:
        raise ParameterError("memory", got=f"shape {tuple(memory.shape)}", expected="at least one pattern")
    return _together("memory", memory.shape[:-2], queries.shape[:-2], "those of the queries")


def checked_mask(mask: Any, axes: tuple[int, ...], n_stored: int, like: Any) -> Any:
    """A bool tensor that broadcasts to (*axes, n_stored) with at least one True in every row; or ParameterError."""
    expected = "bool, in every row one that is True"
    if not isinstance(mask, type(like.data)):
        raise ParameterError("mask", got=type(mask).__name__, expected=f"a tensor of {expected}")
    if str(mask.dtype) != "torch.bool":
        raise ParameterError("mask", got=f"{mask.dtype}", expected=expected)
    if not mask.ndim or mask.shape[-1] != n_stored:
        raise ParameterError("mask", got=f"shape {tuple(mask.shape)}", expected=f"(..., {n_stored}), one a pattern")
    _together("mask", mask.shape[:-1], axes, "those of queries and memory")
    if mask.device != like.device:
        raise ParameterError("mask", got=f"a tensor on {mask.device}", expected=f"one on {like.device}, as the layer")
    if not mask.any(-1).all():
        raise ParameterError("mask", got="a row without", expected=expected)
    return mask


def refuse_wild(scores: Any, **given: Any) -> None:
    """ParameterError when scores are NaN or infinite, naming what they were made from when that is so already."""
    if scores.isfinite().all():
        return
    for what, x in given.items():
        if not x.isfinite().all():
            raise ParameterError(what, got="NaN or infinity", expected="finite numbers")
    do = "check the layer's weights, or scale what it is given"
    raise ParameterError("scores", got="NaN or infinity", expected="finite numbers", do=do)


def _together(what: str, mine: Any, others: Any, whose: str) -> tuple[int, ...]:
    try:
        return tuple(np.broadcast_shapes(tuple(mine), tuple(others)))
    except ValueError:
        got, expected = f"leading axes {tuple(mine)}", f"ones that broadcast with {tuple(others)}, {whose}"
        raise ParameterError(what, got=got, expected=expected) from None
