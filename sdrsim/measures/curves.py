"""Curves: where one crosses a line (capacity), and whether it is flat (no_slope)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table
from sdrsim.measures.rates import Rate, numbers_of, student_quantile

__all__ = ["NoSlope", "capacity", "no_slope"]

Floats = NDArray[np.float64]


def capacity(
    table: Table | Mapping[str, Any],
    x: str,
    y: str,
    at: float,
    by: str | Sequence[str] | None = None,
    *,
    seed: str = "seed",
    confidence: float = 0.95,
) -> Any:
    """The largest `x` up to which the mean of `y` stays at or below `at`.

    Rows of equal x are averaged; the mean curve is joined by straight lines, and its first crossing is the capacity.
    Not reached within the loads given: infinity (low end: the largest load). Exceeded at the smallest load: minus
    infinity (high end: that load).

    The interval is the jackknife over seeds (Efron & Stein 1981, Ann. Statist. 9:586): the capacity again without each
    seed in turn, standard error ``sqrt((n - 1) / n * sum((c_i - mean(c))^2))``, times Student's t. Where one of
    these is infinite, the smallest and largest of them stand instead. NaN without a `seed` column or with one seed.

    Parameters
    ----------
    table : Table, or mapping of names to columns
    x, y : str
        Columns of loads and of errors (or any score that rises with the load).
    at : float
    by : str or sequence of str, optional
        Columns that name groups, each with its own curve.
    seed : str
        The column that tells networks apart.
    confidence : float

    Returns
    -------
    Rate with `n` the number of seeds; with `by` a Table of the groups with capacity, low, high, n_seeds

    Raises
    ------
    ParameterError
        An unknown column, NaN, no rows.

    Examples
    --------
    >>> from sdrsim import measures
    >>> t = dict(load=[1, 2, 3, 1, 2, 3], error=[0, .1, .3, 0, .1, .5], seed=[0, 0, 0, 1, 1, 1])
    >>> measures.capacity(t, x="load", y="error", at=.2).value.__round__(3)
    2.333
    """
    names = [by] if isinstance(by, str) else list(by or ())
    loads, errors = numbers_of(x, _column(table, x)), numbers_of(y, _column(table, y))
    (level,) = numbers_of("at", [at])
    seeds = np.asarray(_column(table, seed)) if seed in _names(table) else np.zeros(len(loads), np.int64)
    groups = [np.asarray(_column(table, name)) for name in names]
    for name, column in zip([y, seed, *names], [errors, seeds, *groups]):
        if len(column) != len(loads):
            raise ParameterError(f"column {name!r}", got=f"{len(column)} rows", expected=f"{len(loads)}, as {x!r}")
    if not names:
        return _with_interval(loads, errors, seeds, level, confidence)
    found: dict[tuple[Any, ...], Rate] = {}
    keys = list(zip(*(column.tolist() for column in groups)))
    for key in dict.fromkeys(keys):
        rows = np.array([k == key for k in keys])
        found[key] = _with_interval(loads[rows], errors[rows], seeds[rows], level, confidence)
    columns: dict[str, Any] = {name: [key[i] for key in found] for i, name in enumerate(names)}
    rates = list(found.values())
    columns |= {"capacity": [r.value for r in rates], "low": [r.low for r in rates], "high": [r.high for r in rates]}
    unit = getattr(table, "units", {}).get(x, "")
    about = f"largest {x} with mean {y} <= {level:g}"
    return Table(
        columns | {"n_seeds": [r.n for r in rates]},
        units=dict.fromkeys(("capacity", "low", "high"), unit),
        descriptions={"capacity": about},
    )


def _with_interval(loads: Floats, errors: Floats, seeds: NDArray[Any], level: float, confidence: float) -> Rate:
    value, names = _crossing(loads, errors, level), np.unique(seeds)
    n = len(names)
    if not isfinite(value):
        return Rate(value, n, *((float(loads.max()), inf) if value > 0 else (-inf, float(loads.min()))))
    if n < 2:
        return Rate(value, n, nan, nan)
    without = np.array([_crossing(loads[seeds != s], errors[seeds != s], level) for s in names])
    if not np.isfinite(without).all():
        return Rate(value, n, float(without.min()), float(without.max()))
    error = sqrt((n - 1) / n * float(np.sum((without - without.mean()) ** 2)))
    half = student_quantile(n, confidence) * error
    return Rate(value, n, value - half, value + half)


def _crossing(loads: Floats, errors: Floats, level: float) -> float:
    xs, place = np.unique(loads, return_inverse=True)
    means = np.bincount(place, errors) / np.bincount(place)
    over = np.flatnonzero(means > level)
    if not over.size:
        return inf
    i = int(over[0])
    if i == 0:
        return -inf
    return float(xs[i - 1] + (level - means[i - 1]) / (means[i] - means[i - 1]) * (xs[i] - xs[i - 1]))


def _names(table: Any) -> list[str]:
    return list(table.columns if hasattr(table, "columns") else table)


def _column(table: Any, name: str) -> Any:
    if name not in _names(table):
        raise ParameterError(
            "column", got=repr(name), expected=", ".join(map(str, _names(table))) or "no column at all"
        )
    return table[name]


@dataclass(frozen=True)
class NoSlope:
    """Relative change over the range of x, its interval, and the margin it is held against; true when inside."""

    relative_change: float
    low: float
    high: float
    margin: float
    n: int

    @property
    def ok(self) -> bool:
        """The whole interval lies inside -margin .. margin."""
        return bool(-self.margin <= self.low and self.high <= self.margin)

    def __bool__(self) -> bool:
        return self.ok

    def __float__(self) -> float:
        return self.relative_change

    def __repr__(self) -> str:
        verdict = "inside" if self.ok else "not inside"
        change = f"{self.relative_change:+.2%} [{self.low:+.2%}, {self.high:+.2%}]"
        return f"NoSlope({change} over the range, {verdict} ±{self.margin:.2%}, n={self.n})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


def no_slope(x: ArrayLike, y: ArrayLike, margin: float = 0.05, confidence: float = 0.95) -> NoSlope:
    """Is y flat over the range of x? Yes when the interval of its relative change lies inside the margin.

    Least squares of y on x; the relative change is ``slope * (max x - min x) / mean(y)``, its interval Student's with
    n - 2 degrees of freedom, mean and range taken as known. A large p value would not do: a noisy measurement has one.

    Parameters
    ----------
    x, y : array_like of float, equally many, at least three, not NaN
    margin : float, above 0
        .05 allows a change of 5 % of the mean over the whole range.
    confidence : float

    Raises
    ------
    ParameterError
        Too few points, all x equal, mean of y zero, NaN, margin not above 0.

    Examples
    --------
    >>> from sdrsim import measures
    >>> flat = measures.no_slope([0, 1, 2, 3, 4], [10.0, 10.1, 9.9, 10.0, 10.0])
    >>> flat.ok, flat
    (True, NoSlope(-0.40% [-3.60%, +2.80%] over the range, inside ±5.00%, n=5))
    """
    a, b = numbers_of("x", x), numbers_of("y", y)
    (limit,) = numbers_of("margin", [margin])
    n = len(a)
    if n != len(b) or n < 3:
        raise ParameterError("x and y", got=f"{n} and {len(b)} values", expected="equally many, at least three")
    if limit <= 0:
        raise ParameterError("margin", got=float(limit), expected="above 0")
    width, mean = float(np.ptp(a)), float(b.mean())
    if width == 0 or mean == 0 or not (isfinite(width) and isfinite(mean)):
        got = f"a range of x of {width:g} and a mean of y of {mean:g}"
        raise ParameterError("x and y", got=got, expected="neither zero nor infinite")
    centred = a - a.mean()
    square = float(centred @ centred)
    slope = float(centred @ b) / square
    rest = b - mean - slope * centred
    half = student_quantile(n - 1, confidence) * sqrt(float(rest @ rest) / (n - 2) / square)
    scale = width / mean
    low, high = sorted(((slope - half) * scale, (slope + half) * scale))
    return NoSlope(slope * scale, low, high, float(limit), n)
