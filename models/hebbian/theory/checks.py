"""What the formulas share: checked numbers that broadcast, and logarithms that know their limits."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError

__all__ = ["Reals", "above_none", "given", "logs", "none_of", "one_of", "real", "share", "together", "whole"]

Reals = NDArray[np.float64]
"""float64 array; a NumPy float where all arguments were single numbers."""

_LARGEST = 2**53  # whole numbers beyond are not exact in float64


def _numbers(name: str, value: ArrayLike, expected: str) -> Reals:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ParameterError(name, got="a ragged list", expected=expected) from None
    if array.dtype.kind not in "iuf":
        got = repr(value) if array.ndim == 0 else f"an array of {array.dtype}"
        raise ParameterError(name, got=got, expected=expected)
    return array.astype(np.float64)


def _refuse(name: str, array: Reals, bad: NDArray[np.bool_], expected: str, do: str | None = None) -> None:
    if np.any(bad):
        raise ParameterError(name, got=f"{array[bad].flat[0]:g}", expected=expected, do=do)


def whole(name: str, value: ArrayLike, least: int = 0) -> Reals:
    """Whole numbers of at least `least`, as float64, or ParameterError."""
    expected = f"whole numbers, {least} or more"
    array = _numbers(name, value, expected)
    _refuse(name, array, ~((array >= least) & (array <= _LARGEST)), expected)
    _refuse(name, array, array != np.rint(array), expected, "round it first")
    return array


def real(name: str, value: ArrayLike, low: float, high: float, *, ends: str = "both") -> Reals:
    """Numbers low .. high, or ParameterError; `ends` says which ends are allowed: both, low, high, none."""
    left_out = {"both": "", "low": f", {high:g} left out", "high": f", {low:g} left out", "none": ", ends left out"}
    expected = f"numbers in {low:g} .. {high:g}{left_out[ends]}"
    array = _numbers(name, value, expected)
    above = array >= low if ends in ("both", "low") else array > low
    below = array <= high if ends in ("both", "high") else array < high
    _refuse(name, array, ~(above & below), expected)
    return array


def share(name: str, value: ArrayLike) -> Reals:
    """Numbers 0 .. 1, or ParameterError."""
    return real(name, value, 0.0, 1.0)


def above_none(name: str, value: Reals | float, limit_name: str, limit: Reals | float) -> None:
    """Refuse values above their limit."""
    values, limits = together(**{name: value, limit_name: limit})
    if np.any(values > limits):
        at = np.argmax(values > limits)
        raise ParameterError(name, got=f"{values.flat[at]:g}", expected=f"at most {limit_name} = {limits.flat[at]:g}")


def together(**arrays: Any) -> list[Reals]:
    """The arrays broadcast to one shape, or ParameterError with their shapes."""
    try:
        return list(np.broadcast_arrays(*arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {np.shape(a)}" for name, a in arrays.items() if np.ndim(a))
        raise ParameterError("shapes", got=shapes, expected="shapes that broadcast to one") from None


def given(array: Any) -> Reals:
    """An array as it is; one of no dimensions as a NumPy float."""
    return np.asarray(array, np.float64)[()]


def one_of(name: str, value: Any, known: tuple[str, ...]) -> str:
    """One of the known names, or ParameterError."""
    if value not in known:
        raise ParameterError(name, got=repr(value), expected=" or ".join(repr(k) for k in known))
    return str(value)


def logs(n: Reals, p: Reals) -> Reals:
    """``n log(1 - p)``, nothing where n is 0 whatever p, -inf where p is 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(n == 0, 0.0, n * np.log1p(-np.minimum(p, 1.0)))


def none_of(n: Reals, p: Reals) -> Reals:
    """Probability that at least one of n independent events of probability p happens: ``1 - (1 - p)**n``, small values
    kept to all their digits.
    """
    return 0.0 - np.expm1(logs(n, p))
