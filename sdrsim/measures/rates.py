"""Rate: a measured value with the number behind it and its interval; Wilson, clustered and Student intervals."""

from dataclasses import dataclass
from math import nan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError

__all__ = ["Rate", "spread"]


@dataclass(frozen=True, repr=False)
class Rate:
    """A measured value, the number of trials behind it, and the ends of its interval (95 % unless asked otherwise).

    ``float(rate)`` is the value; rates are ordered by value among each other and with numbers; a format such as
    ``f"{rate:.3f}"`` applies to the value. An interval that cannot be known is NaN at both ends.

    Parameters
    ----------
    value : float
    n : int
        Trials: items, units, pairs of codes or networks, as the measure says.
    low, high : float

    Examples
    --------
    >>> from sdrsim.measures import Rate
    >>> r = Rate.of(5, 200)
    >>> r
    0.025 [0.01072, 0.05718] n=200
    >>> float(r), r < .03, f"{r:.3f}"
    (0.025, True, '0.025')
    """

    value: float
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, n_hits: int, n: int, confidence: float = 0.95) -> "Rate":
        """The share `n_hits` of `n` independent trials with the score interval of Wilson 1927 (JASA 22:209).

        No trials: NaN between 0 and 1.
        """
        if not 0 <= n_hits <= n:
            raise ParameterError("n_hits", got=n_hits, expected=f"0 .. n = {n}")
        value = n_hits / n if n else nan
        return cls(value, int(n), *wilson(value, n, confidence))

    def __float__(self) -> float:
        return float(self.value)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else repr(self)

    def __lt__(self, other: Any) -> bool:
        return float(self) < float(other)

    def __le__(self, other: Any) -> bool:
        return float(self) <= float(other)

    def __gt__(self, other: Any) -> bool:
        return float(self) > float(other)

    def __ge__(self, other: Any) -> bool:
        return float(self) >= float(other)

    def __repr__(self) -> str:
        known = not np.isnan(self.low) and not np.isnan(self.high)
        return f"{self.value:.4g}{f' [{self.low:.4g}, {self.high:.4g}]' if known else ''} n={self.n}"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def spread(values: ArrayLike, n_trials: int | None = None, confidence: float = 0.95) -> Rate:
    """Mean over networks (seeds) with the Student t interval over them.

    Parameters
    ----------
    values : (n_networks,) array_like of float or Rate
        One value per network, not NaN.
    n_trials : int, optional
        Only for shares: trials in all networks together. Then the Wilson interval of that many trials is formed too,
        the wider of the two is given, and the interval is kept inside 0 .. 1.
    confidence : float, above 0 and below 1

    Returns
    -------
    Rate, with `n` the number of networks; the interval of a single network is NaN unless `n_trials` is given.

    Raises
    ------
    ParameterError
        No values, NaN, or values outside 0 .. 1 together with `n_trials`.

    Examples
    --------
    >>> from sdrsim import measures
    >>> measures.spread([.10, .12, .11, .09])
    0.105 [0.08446, 0.1255] n=4
    >>> measures.spread([0, 0, 0], n_trials=3000)
    0 [0, 0.001279] n=3
    """
    numbers = numbers_of("values", values)
    n, value = len(numbers), float(numbers.mean())
    low, high = student(numbers, confidence)
    if n_trials is not None:
        if not (isinstance(n_trials, (int, np.integer)) and n_trials >= 1):
            raise ParameterError("n_trials", got=repr(n_trials), expected="1 or more")
        if numbers.min() < 0 or numbers.max() > 1:
            raise ParameterError("values", got=f"{numbers.min()} .. {numbers.max()}", expected="shares in 0 .. 1")
        score = wilson(value, int(n_trials), confidence)
        low, high = score if not high - low > score[1] - score[0] else (max(low, 0.0), min(high, 1.0))
    return Rate(value, n, low, high)


# ---- intervals ----------------------------------------------------------------------------------------------------


def normal_quantile(confidence: Any) -> float:
    """z of a two-sided interval; 1.959964 at 95 %."""
    if isinstance(confidence, (bool, np.bool_)) or not isinstance(confidence, (int, float, np.number)):
        raise ParameterError("confidence", got=repr(confidence), expected="a number between 0 and 1")
    if not 0 < float(confidence) < 1:
        raise ParameterError("confidence", got=float(confidence), expected="above 0 and below 1")
    return NormalDist().inv_cdf(0.5 + float(confidence) / 2)


def student_quantile(n: int, confidence: float) -> float:
    """t of a two-sided interval with n - 1 degrees of freedom."""
    from scipy.special import stdtrit

    normal_quantile(confidence)
    return float(stdtrit(n - 1, 0.5 + confidence / 2))


def wilson(value: float, n: float, confidence: float) -> tuple[float, float]:
    """Score interval of a share; `n` may be an effective number."""
    z = normal_quantile(confidence)
    if n <= 0:
        return 0.0, 1.0
    middle = value + z * z / (2 * n)
    half = z * sqrt(value * (1 - value) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # at 0 and 1 the outer end is the value itself; rounding must not put it beside
    low = 0.0 if value == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if value == 1 else min(1.0, (middle + half) / scale)
    return low, high


def student(numbers: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    """Student interval of a mean; NaN at both ends for one number."""
    normal_quantile(confidence)
    n = len(numbers)
    if n < 2:
        return nan, nan
    half = student_quantile(n, confidence) * float(numbers.std(ddof=1)) / sqrt(n)
    mean = float(numbers.mean())
    return mean - half, mean + half


def clustered(hits: NDArray[np.int64], trials: NDArray[np.int64], confidence: float) -> Rate:
    """Share of all hits in all trials, where trials of one item hang together.

    Wilson's interval with the effective number of trials n / d; the design effect d >= 1 is the variance of the ratio
    over items against that of independent trials (Cochran 1977, Sampling techniques, eq. 6.13; Korn & Graubard 1998).
    """
    n, n_items = int(trials.sum()), len(trials)
    if n == 0:
        return Rate(nan, 0, *wilson(nan, 0, confidence))
    value = float(hits.sum() / n)
    effect = 1.0
    if n_items > 1 and 0 < value < 1:
        variance = float(np.sum((hits - value * trials) ** 2)) * n_items / (n_items - 1) / n**2
        effect = max(1.0, variance / (value * (1 - value) / n))
    return Rate(value, n, *wilson(value, n / effect, confidence))


def numbers_of(name: str, values: Any) -> NDArray[np.float64]:
    """A flat float64 array without NaN, not empty."""
    try:
        listed = values if isinstance(values, np.ndarray) else [float(v) for v in values]
        numbers = np.asarray(listed, np.float64).reshape(-1)
    except (TypeError, ValueError):
        raise ParameterError(name, got=f"{type(values).__name__}", expected="a flat list of numbers") from None
    if not numbers.size:
        raise ParameterError(name, got="no values", expected="at least one")
    if np.isnan(numbers).any():
        raise ParameterError(name, got="NaN", expected="numbers", do="leave missing values out")
    return numbers
