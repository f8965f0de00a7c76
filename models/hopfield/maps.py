"""Sparse maps from scores to weights, entmax and normmax, with their gradients, entropies and conjugates.

``entmax(z) = argmax over the simplex of <p, z> + H(p)`` with the Tsallis entropy
``H(p) = (1 - sum p**a) / (a (a - 1))`` (Peters, Niculae & Martins 2019; Correia, Niculae & Martins 2019): softmax at
a = 1, sparsemax (Martins & Astudillo 2016) at 2, the nearest at infinity. ``normmax`` has the a-norm in the place of
the entropy (Santos, Niculae, McNamee & Martins 2024).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.checks import is_real
from sdrsim.errors import ParameterError

__all__ = [
    "conjugate",
    "entmax",
    "entmax_alpha_gradient",
    "entmax_backward",
    "entmax_jacobian",
    "normmax",
    "tsallis_entropy",
]

Reals = NDArray[Any]
"""float32 or float64."""
_NEAR = 1 / 64  # alpha - 1 below which powers are formed from log1p
_STEEP = 1e300  # slopes are no larger, so that sums of them are numbers


def entmax(scores: ArrayLike, alpha: float = 1.5) -> Reals:
    """Weights ``[(alpha - 1) z - tau]_+ ** (1 / (alpha - 1))`` of scores z, tau such that each row sums to 1.

    Parameters
    ----------
    scores : real, (m,) or (n, m)
        Finite; each row is treated alone. float32 gives float32; anything else is treated, and given back, as float64.
    alpha : float, 1 or more
        1: softmax. 2: sparsemax. Infinity: all weight on the largest score; equal ones share it. The larger, the
        fewer weights are above 0; a score ``1 / (alpha - 1)`` or more below the largest gets none.

    Returns
    -------
    float32 or float64, of the shape of `scores`
        Equal scores get exactly equal weights.

    Raises
    ------
    ParameterError
        Scores that are not finite numbers, of more than two dimensions, or rows of none; alpha below 1 or NaN.

    Notes
    -----
    Peters, Niculae & Martins 2019; alpha between the named ones: Correia, Niculae & Martins 2019. The root tau is found
    by Newton's method on the p-norm of the part of the scores that can have weight.

    Examples
    --------
    >>> from sdrsim.models.hopfield import entmax
    >>> entmax([1.0, 0.5, -2.0]).round(4), entmax([1.0, 0.5, -2.0], alpha=2), entmax([3.0, 0.5], alpha=1.5)
    (array([0.674, 0.326, 0.   ]), array([0.75, 0.25, 0.  ]), array([1., 0.]))
    """
    a = checked_alpha(alpha)
    return _mapped(scores, a, a - 1.0, 1.0 / (a - 1.0) if a > 1 else math.inf)


def normmax(scores: ArrayLike, alpha: float = 2.0) -> Reals:
    """Weights ``argmax over the simplex of <p, z> - norm(p)``, the alpha-norm: proportional to
    ``[z - tau]_+ ** (1 / (alpha - 1))`` with ``sum [z - tau]_+ ** (alpha / (alpha - 1)) = 1``.

    Parameters
    ----------
    scores : real, (m,) or (n, m)
        As for `entmax`.
    alpha : float, 1 or more
        The larger, the more alike are the weights above 0; infinity: all alike. 1: all weight on the largest score,
        shared by equal ones. A score 1 or more below the largest gets none, whatever alpha.

    Returns
    -------
    float32 or float64, of the shape of `scores`

    Raises
    ------
    ParameterError
        As for `entmax`.

    Notes
    -----
    Santos, Niculae, McNamee & Martins 2024.

    Examples
    --------
    >>> from sdrsim.models.hopfield import normmax
    >>> normmax([1.0, 0.5, -2.0]).round(4), normmax([1.0, 0.5, -2.0], alpha=float("inf")), normmax([2.0, 1.0])
    (array([0.689, 0.311, 0.   ]), array([0.5, 0.5, 0. ]), array([1., 0.]))
    """
    a = checked_alpha(alpha)
    if a == 1:
        return _mapped(scores, math.inf, math.inf, 0.0)
    w = 1.0 / (a - 1.0)
    return _mapped(scores, a, 1.0, w, 1.0 + w)


def checked_alpha(alpha: Any) -> float:
    """1 or more, infinity included, or ParameterError."""
    if not is_real(alpha) or not alpha >= 1:
        raise ParameterError("alpha", got=repr(alpha), expected="a number, 1 or more; infinity for the nearest")
    return float(alpha)


def checked_rows(what: str, values: ArrayLike) -> tuple[Reals, tuple[int, ...]]:
    """Rows as float32 or float64 (n, m), and the shape given; whether they are finite is left to who reads them."""
    expected = "finite numbers, (m,) or (n, m), m at least 1"
    try:
        array = np.asarray(values)
    except ValueError:
        raise ParameterError(what, got="a ragged list", expected=expected) from None
    if array.dtype.kind not in "iuf":
        raise ParameterError(what, got=f"an array of {array.dtype}", expected=expected)
    if array.ndim not in (1, 2) or array.shape[-1] == 0:
        raise ParameterError(what, got=f"shape {array.shape}", expected=expected)
    single = array.dtype in (np.float16, np.float32)
    rows = np.ascontiguousarray(array, np.float32 if single else np.float64)
    return rows.reshape(-1, array.shape[-1]), array.shape


def _mapped(scores: ArrayLike, alpha: float, scale: float, w: float, r: float | None = None) -> Reals:
    from sdrsim.models.hopfield.kernels.maps import map_rows, near_rows, nearest_rows

    rows, shape = checked_rows("scores", scores)
    out = np.empty_like(rows)
    if math.isinf(scale):
        bad = nearest_rows(rows, out)
    elif r is None and scale < _NEAR:
        bad = near_rows(rows, scale, out)
    else:
        bad = map_rows(rows, scale, w if r is None else r, w, out)
    if bad >= 0:
        row = rows[bad]
        at = int(np.argmin(np.isfinite(row)))
        raise ParameterError(f"scores of row {bad}", got=f"{row[at]} at place {at}", expected="finite numbers")
    return out.reshape(shape)


# ---- gradients ----------------------------------------------------------------------------------------------------


def _weights(p: ArrayLike) -> tuple[Reals, tuple[int, ...]]:
    weights, shape = checked_rows("p", p)
    good = (weights >= 0) & (weights < math.inf)
    if not good.all():
        raise ParameterError("p", got=f"{weights[~good][0]:g}", expected="finite, 0 or more")
    return weights, shape


def _pair(p: ArrayLike, dy: ArrayLike) -> tuple[Reals, Reals, tuple[int, ...]]:
    weights, shape = _weights(p)
    given, other = checked_rows("dy", dy)
    if shape != other:
        raise ParameterError("dy", got=f"shape {other}", expected=f"that of p, {shape}")
    if not np.isfinite(given).all():
        raise ParameterError("dy", got="NaN or infinity", expected="finite numbers")
    return weights, given, shape


def _slopes(p: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """``g = p ** (2 - alpha)`` where p > 0, else 0; 0 everywhere at infinity, where weights are constant."""
    if math.isinf(alpha):
        return np.zeros_like(p)
    held = p > 0
    with np.errstate(over="ignore"):
        return np.where(held, np.minimum(np.where(held, p, 1.0) ** (2.0 - alpha), _STEEP), 0.0)


def entmax_backward(p: ArrayLike, dy: ArrayLike, alpha: float = 1.5) -> Reals:
    """Gradient with respect to the scores, from that with respect to the weights: ``dz = g (dy - <g, dy> / sum g)``.

    Parameters
    ----------
    p : real, (m,) or (n, m)
        Weights, ``entmax(scores, alpha)``.
    dy : real, of the shape of p
        Gradient of a loss with respect to p.
    alpha : float, 1 or more
        The one p was made with. At infinity weights do not move: 0.

    Returns
    -------
    float32 or float64 as p, of the shape of p

    Raises
    ------
    ParameterError
        Shapes that differ, weights below 0; otherwise as for `entmax`.

    Notes
    -----
    ``g = p ** (2 - alpha)`` on the support, else 0 (Peters, Niculae & Martins 2019).

    Examples
    --------
    >>> from sdrsim.models.hopfield.maps import entmax, entmax_backward
    >>> entmax_backward(entmax([1.0, 0.5, -2.0], alpha=2), [1.0, 0.0, 0.0], alpha=2)
    array([ 0.5, -0.5,  0. ])
    """
    a = checked_alpha(alpha)
    weights, given, shape = _pair(p, dy)
    g = _slopes(weights.astype(np.float64), a)
    total = np.maximum(g.sum(1, keepdims=True), np.finfo(float).tiny)
    mean = (g * given).sum(1, keepdims=True) / total
    dz: Reals = 0.0 + g * (given - mean)  # 0.0 +: no -0.0
    return dz.astype(weights.dtype).reshape(shape)


def entmax_alpha_gradient(p: ArrayLike, dy: ArrayLike, alpha: float = 1.5) -> NDArray[np.float64]:
    """Derivative of ``<dy, entmax(scores, alpha)>`` with respect to alpha, one number a row.

    Parameters
    ----------
    p, dy : real, (m,) or (n, m)
        As for `entmax_backward`.
    alpha : float, above 1, finite

    Returns
    -------
    float64, (n,), or a number for one row

    Raises
    ------
    ParameterError
        alpha of 1, where weights have no derivative from both sides, or infinite; otherwise as for `entmax_backward`.

    Notes
    -----
    Correia, Niculae & Martins 2019: with ``S = p log p`` and ``ghat = g / sum g``, the sum of
    ``dy [(p - ghat) / (a - 1)**2 - (S - ghat sum S) / (a - 1)]``. Here it is written without the differences that
    cancel near 1: with ``l = log p`` and ``R = (exp(-(a - 1) l) - 1 + (a - 1) l) / (a - 1)**2``, overlined their means
    weighted by p, the bracket is ``-p [R - R' + (a - 1) (l R' - R l')] / (1 - (a - 1) l' + (a - 1)**2 R')`` (derived
    here).

    Examples
    --------
    >>> from sdrsim.models.hopfield.maps import entmax, entmax_alpha_gradient
    >>> print(entmax_alpha_gradient(entmax([1.0, 0.5], 1.5), [1.0, 0.0], 1.5).round(4))
    0.1239
    """
    a = checked_alpha(alpha)
    if a == 1 or math.isinf(a):
        raise ParameterError("alpha", got=f"{a:g}", expected="finite and above 1: no derivative there")
    weights, given, shape = _pair(p, dy)
    e, q = a - 1.0, weights.astype(np.float64)
    logs = np.log(np.where(q > 0, q, 1.0))
    x = -e * logs
    rest = logs**2 * _second_rest(x)
    log_mean, rest_mean = ((q * y).sum(1, keepdims=True) for y in (logs, rest))
    norm = 1.0 - e * log_mean + e * e * rest_mean
    change = -q / norm * (rest - rest_mean + e * (logs * rest_mean - rest * log_mean))
    # outside the support g is 0, and so is the change
    result: NDArray[np.float64] = (np.where(q > 0, change, 0.0) * given).sum(1)
    return result if len(shape) == 2 else result[0]


def _second_rest(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(exp(x) - 1 - x) / x**2``."""
    small = np.abs(x) < 0.25
    series = np.full_like(x, 1.0 / 2)
    term = np.full_like(x, 1.0 / 2)
    y = np.where(small, x, 0.0)
    for k in range(3, 15):
        term = term * y / k
        series = series + term
    y = np.where(small, 1.0, x)
    return np.where(small, series, (np.expm1(y) - y) / (y * y))


def entmax_jacobian(p: ArrayLike, alpha: float = 1.5) -> NDArray[np.float64]:
    """Derivatives of the weights with respect to the scores: ``diag(g) - g g' / sum g``.

    Parameters
    ----------
    p : real, (m,) or (n, m)
        Weights, ``entmax(scores, alpha)``.
    alpha : float, 1 or more

    Returns
    -------
    float64, (m, m) or (n, m, m)
        Symmetric; rows sum to 0. 0 where one score has all the weight.

    Raises
    ------
    ParameterError
        As for `entmax`.

    Examples
    --------
    >>> from sdrsim.models.hopfield.maps import entmax, entmax_jacobian
    >>> entmax_jacobian(entmax([1.0, 0.5, -2.0], alpha=2), alpha=2)
    array([[ 0.5, -0.5,  0. ],
           [-0.5,  0.5,  0. ],
           [ 0. ,  0. ,  0. ]])
    """
    a = checked_alpha(alpha)
    weights, shape = _weights(p)
    g = _slopes(weights.astype(np.float64), a)
    share = g / np.maximum(g.sum(1, keepdims=True), np.finfo(float).tiny)
    diagonal = g[:, :, None] * np.eye(g.shape[1])
    jacobian: NDArray[np.float64] = 0.0 + diagonal - g[:, :, None] * share[:, None, :]  # 0.0 +: no -0.0
    return jacobian if len(shape) == 2 else jacobian[0]


# ---- entropy and conjugate ----------------------------------------------------------------------------------------


def tsallis_entropy(p: ArrayLike, alpha: float = 1.5) -> NDArray[np.float64]:
    """``H(p) = (1 - sum p**a) / (a (a - 1))``; ``-sum p log p`` at 1; 0 at infinity. One number a row.

    Parameters
    ----------
    p : real, (m,) or (n, m)
        Weights: 0 or more, rows that sum to 1.
    alpha : float, 1 or more

    Returns
    -------
    float64, (n,), or a number for one row
        0 .. ``(1 - m**(1 - a)) / (a (a - 1))``, the value at equal weights.

    Raises
    ------
    ParameterError
        Weights below 0; otherwise as for `entmax`.

    Notes
    -----
    Tsallis 1988, in the scaling of Peters, Niculae & Martins 2019. Computed as
    ``sum p (1 - p**(a - 1)) / (a (a - 1))``, which is equal on the simplex and keeps its digits near 1.

    Examples
    --------
    >>> from sdrsim.models.hopfield.maps import tsallis_entropy
    >>> print(tsallis_entropy([0.5, 0.5], alpha=2), tsallis_entropy([0.5, 0.5], alpha=1).round(4))
    0.25 0.6931
    """
    a = checked_alpha(alpha)
    rows, shape = _weights(p)
    h = _entropies(rows.astype(np.float64), a)
    return h if len(shape) == 2 else h[0]


def _entropies(p: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    if math.isinf(alpha):
        return np.zeros(len(p))
    e, logs = alpha - 1.0, np.log(np.where(p > 0, p, 1.0))
    terms = p * (logs if e == 0 else np.expm1(e * logs) / e)
    return np.asarray(0.0 - terms.sum(1) / alpha)


def conjugate(scores: ArrayLike, alpha: float = 1.5) -> NDArray[np.float64]:
    """Largest value over the simplex of ``<p, z> + H(p)``; log sum exp at 1, the maximum at infinity. One number a row.

    Parameters
    ----------
    scores : real, (m,) or (n, m)
        As for `entmax`.
    alpha : float, 1 or more

    Returns
    -------
    float64, (n,), or a number for one row
        Its gradient is ``entmax(scores, alpha)`` (Danskin).

    Raises
    ------
    ParameterError
        As for `entmax`.

    Notes
    -----
    The conjugate of the negative entropy (Blondel, Martins & Niculae 2020). Convex; between the maximum and the maximum
    plus the entropy of equal weights.

    Examples
    --------
    >>> from sdrsim.models.hopfield.maps import conjugate
    >>> print(conjugate([1.0, 0.5, -2.0], alpha=2), conjugate([0.0, 0.0], alpha=1).round(4))
    1.0625 0.6931
    """
    a = checked_alpha(alpha)
    rows, shape = checked_rows("scores", scores)
    z = rows.astype(np.float64)
    p = entmax(z, a)
    top = z.max(1, keepdims=True)
    below = np.where(p > 0, z - top, 0.0)
    value = np.asarray(top[:, 0] + ((p * below).sum(1) + _entropies(p, a)))
    return value if len(shape) == 2 else value[0]
