"""What a plotting function is handed, as plain arrays: columns of a table or mapping, labels, groups with intervals."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.errors import CodeError, ParameterError, did_you_mean
from sdrsim.files.table import Table
from sdrsim.measures import spread

__all__ = ["Columns", "Series", "as_codes", "column", "label", "series"]

Columns = Table | Mapping[str, ArrayLike]
_LABEL = 40


class Series(NamedTuple):
    """One line of a curve: points, their 95 % interval (NaN where there is none) and the theory at the points."""

    name: str
    x: NDArray[Any]
    y: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    theory: NDArray[np.float64] | None


def column(data: Columns, name: str) -> NDArray[Any]:
    """One column as an array, or ParameterError with the nearest names."""
    if name in data:
        return np.asarray(data[name])
    names = list(data.keys())
    expected = ", ".join(names) or "a column"
    raise ParameterError("column to plot", got=repr(name), expected=expected, do=did_you_mean(name, names))


def label(data: Columns, name: str) -> str:
    """Axis label of a column: its description where that is short, else its name in words; and the unit."""
    words, unit = name.removeprefix("n_").replace("_", " "), ""
    if isinstance(data, Table):
        unit, description = data.units.get(name, ""), data.descriptions.get(name, "")
        words = description if description and len(description) <= _LABEL else words
    return f"{words} ({unit})" if unit else words


def series(data: Columns, x: str, y: str, by: str | Sequence[str] | None, theory: str | None) -> list[Series]:
    """The rows grouped into lines by the columns `by` and into points by `x`: mean of `y` and its 95 % interval.

    Several rows at one point are repeats (seeds, networks): the interval is Student's over them. Columns ``<y>_low``
    and ``<y>_high`` are intervals of single rows; with ``<y>_n`` trials behind each row, the repeats are also taken as
    one share of all trials, and the wider of the two intervals is given (`sdrsim.measures.spread`).
    """
    xs, ys = column(data, x), column(data, y).astype(np.float64)
    keys = [column(data, name) for name in ([by] if isinstance(by, str) else by or [])]
    names = [" ".join(str(k[i]) for k in keys) for i in range(len(xs))]
    whole = {part: np.asarray(data[part], np.float64) for part in (f"{y}_low", f"{y}_high", f"{y}_n") if part in data}
    lines = column(data, theory).astype(np.float64) if theory else None
    out = []
    for name in dict.fromkeys(names):
        mine = np.array([n == name for n in names]) & np.isfinite(ys)
        places = np.unique(xs[mine])
        points = [np.flatnonzero(mine & (xs == place)) for place in places]
        bands = np.array([_interval(y, ys, whole, rows) for rows in points]).reshape(-1, 2)
        mean = np.array([ys[rows].mean() for rows in points])
        line = None if lines is None else np.array([lines[rows].mean() for rows in points])
        out.append(Series(name, places, mean, bands[:, 0], bands[:, 1], line))
    return out


def _interval(
    y: str, ys: NDArray[np.float64], whole: Mapping[str, NDArray[np.float64]], rows: NDArray[np.intp]
) -> tuple[float, float]:
    """95 % interval of one point from the rows behind it, or NaN twice."""
    rated = f"{y}_low" in whole and f"{y}_high" in whole
    if len(rows) == 1:
        return (whole[f"{y}_low"][rows[0]], whole[f"{y}_high"][rows[0]]) if rated else (np.nan, np.nan)
    share = rated and f"{y}_n" in whole and ys[rows].min() >= 0 and ys[rows].max() <= 1
    n_trials = int(whole[f"{y}_n"][rows].sum()) if share else None
    rate = spread(ys[rows], n_trials)
    return rate.low, rate.high


def evaluated(
    theory: Callable[[Any], Any], x: NDArray[Any], log: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A theory given as a function, over a fine grid on the range of the points."""
    low, high = float(np.min(x)), float(np.max(x))
    grid = np.geomspace(low, high, 200) if log and low > 0 else np.linspace(low, high, 200)
    return grid, np.asarray(theory(grid), np.float64)


def as_codes(codes: Any) -> SDR:
    """Codes to draw, as an SDR.

    int16 arrays ``(n, n_cms)`` or ``(n, n_macs, n_cms)`` are winners as the macs give them, -1 silent: the unit is
    ``cm * n_cells + cell`` with `n_cells` the largest winner + 1. Everything else is a code as elsewhere; plain active
    indices run over the largest index + 1 units.
    """
    array = None if isinstance(codes, SDR) or hasattr(codes, "tocsr") else np.asarray(codes)
    if array is None or array.dtype.kind not in "iu" or array.dtype == np.uint8:
        return as_sdr(codes if array is None else array)
    if array.dtype != np.int16:
        return as_sdr(codes, size=int(array.max(initial=0)) + 1)
    if array.ndim not in (2, 3):
        raise CodeError("winners to draw", got=f"shape {array.shape}", expected="(n, n_cms) or (n, n_macs, n_cms)")
    winners = array.reshape(len(array), -1).astype(np.int64)
    n_cells = max(int(winners.max(initial=0)) + 1, 1)
    units = winners + np.arange(winners.shape[1]) * n_cells
    return SDR.from_indices([row[w >= 0] for row, w in zip(units, winners)], size=max(winners.shape[1], 1) * n_cells)
