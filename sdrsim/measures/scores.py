"""Scores: how well they tell two kinds apart, and how well two of them agree in rank."""

from math import nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.errors import ParameterError
from sdrsim.measures.rates import Rate, normal_quantile, numbers_of

__all__ = ["auc", "rank_correlation"]


def auc(positive_scores: ArrayLike, negative_scores: ArrayLike, confidence: float = 0.95) -> Rate:
    """Area under the ROC curve: the probability that a positive scores above a negative, ties counting half.

    The Mann-Whitney statistic over n+ n-. Interval: all areas A with ``|measured - A| <= z sqrt(var(A))``, as Wilson
    does for shares, with the variance of Hanley & McNeil 1982 (Radiology 143:29):
    ``var(A) = [A(1 - A) + (n+ - 1)(A/(2 - A) - A^2) + (n- - 1)(2A^2/(1 + A) - A^2)] / (n+ n-)``.
    It does not collapse at an area of 1.

    Parameters
    ----------
    positive_scores, negative_scores : array_like of float, any shape, not NaN
    confidence : float

    Returns
    -------
    Rate, `n` the number of scores

    Raises
    ------
    ParameterError
        No scores, NaN.

    Examples
    --------
    >>> from sdrsim import measures
    >>> measures.auc([.9, .8, .7], [.1, .2, .7])
    0.9444 [0.4485, 0.9968] n=6
    """
    high, low = np.sort(numbers_of("positive_scores", positive_scores)), numbers_of("negative_scores", negative_scores)
    n_high, n_low = len(high), len(low)
    above = n_high - np.searchsorted(high, low, side="right")
    equal = n_high - np.searchsorted(high, low, side="left") - above
    area = (float(above.sum()) + 0.5 * float(equal.sum())) / (n_high * n_low)
    z = normal_quantile(confidence)

    def beyond(a: float) -> bool:
        first, second = a / (2 - a) - a * a, 2 * a * a / (1 + a) - a * a
        variance = (a * (1 - a) + (n_high - 1) * first + (n_low - 1) * second) / (n_high * n_low)
        return (area - a) ** 2 > z * z * max(variance, 0.0)

    return Rate(area, n_high + n_low, _end(beyond, area, 0.0), _end(beyond, area, 1.0))


def _end(beyond: Any, inside: float, outside: float) -> float:
    """Where the interval ends on the way from `inside` to `outside`, by bisection."""
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (inside, middle) if beyond(middle) else (middle, outside)
    return outside if inside != outside else inside


def rank_correlation(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Rate:
    """Spearman's rank correlation, ties at their mean rank.

    Interval by Fisher's z with variance ``(1 + r^2 / 2) / (n - 3)`` (Bonett & Wright 2000, Psychometrika 65:23).

    Parameters
    ----------
    x, y : array_like of float, equally many, not NaN
    confidence : float

    Returns
    -------
    Rate, `n` the number of pairs; the interval is NaN below 4 pairs.

    Raises
    ------
    ParameterError
        Different lengths, NaN, fewer than two pairs, or all values of one side equal.

    Examples
    --------
    >>> from sdrsim import measures
    >>> measures.rank_correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5]).value.__round__(3)
    0.8
    """
    from scipy.stats import spearmanr

    a, b = numbers_of("x", x), numbers_of("y", y)
    n = len(a)
    if n != len(b) or n < 2:
        raise ParameterError("x and y", got=f"{n} and {len(b)} values", expected="equally many, at least two")
    for name, values in (("x", a), ("y", b)):
        if values.min() == values.max():
            raise ParameterError(name, got=f"{n} equal values", expected="values that can be ranked")
    r = float(spearmanr(a, b).statistic)
    z = normal_quantile(confidence)
    if n < 4:
        return Rate(r, n, nan, nan)
    if abs(r) >= 1 - 1e-12:  # arctanh is infinite there; so is the certainty of Fisher's z
        return Rate(r, n, r, r)
    half = z * sqrt((1 + r * r / 2) / (n - 3))
    return Rate(r, n, float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half)))
