"""Lines: a measured curve with its interval and its theory, and traces over time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table
from sdrsim.studies.plotting.columns import Columns, Series, column, evaluated, label, series
from sdrsim.studies.plotting.style import housed, looks

__all__ = ["curve", "trace"]

_STYLES = ("-", "--", ":", "-.")
_GREY = "0.35"
_THEORY = "_theory"  # the underscore keeps such lines out of matplotlib's own legends


@housed
def curve(
    ax: Axes,
    table: Columns,
    x: str,
    y: str,
    by: str | Sequence[str] | None = None,
    theory: str | Callable[[Any], Any] | None = None,
    name: str | None = None,
) -> Axes:
    """A measured quantity against a parameter, with its 95 % interval and, as a line, what theory says.

    Several rows at the same `x` are repeats over seeds or networks: their mean is drawn, and Student's interval over
    them. Columns ``<y>_low``, ``<y>_high`` hold the interval of single rows; with ``<y>_n``, trials, the interval of a
    share of all trials is formed too and the wider of the two drawn. With a theory the measurement is drawn as points
    with bars and the theory as a line; without one, as a line in its band.

    Parameters
    ----------
    ax : matplotlib axis
    table : Table or mapping of columns
    x, y : str
        Columns. Rows whose `y` is not finite are left out.
    by : str, sequence of str or None
        One line for each value of these columns.
    theory : str, callable or None
        A column of the expected `y`, or a function of `x` (drawn over a fine grid).
    name : str or None
        Name of the line in the legend, where `by` gives none.

    Returns
    -------
    The axis.

    Raises
    ------
    ParameterError
        A column that is not there (with the nearest names).

    Examples
    --------
    >>> from sdrsim.studies import plotting
    >>> fig, ax = plotting.subplots()
    >>> rows = {"load": [1, 1, 2, 2], "error": [.1, .12, .2, .24], "expected": [.1, .1, .2, .2]}
    >>> len(plotting.curve(ax, rows, x="load", y="error", theory="expected").lines)
    2
    """
    lines = series(table, x, y, by, theory if isinstance(theory, str) else None)
    for line, (colour, marker) in zip(lines, looks(ax, len(lines))):
        title = line.name or name or ("measured" if theory is not None else None)
        _draw(ax, line, {"color": colour, "marker": marker, "label": title}, with_theory=theory is not None)
    if callable(theory) and (places := [line.x for line in lines if len(line.x)]):
        grid = evaluated(theory, np.concatenate(places), ax.get_xscale() == "log")
        ax.plot(*grid, color=_GREY, lw=1, zorder=1.5, label=_THEORY)
    ax.set_xlabel(ax.get_xlabel() or label(table, x))
    ax.set_ylabel(ax.get_ylabel() or label(table, y))
    _legend(ax)
    return ax


def _draw(ax: Axes, line: Series, look: dict[str, Any], with_theory: bool) -> None:
    known, colour = np.isfinite(line.low) & np.isfinite(line.high), look["color"]
    if not with_theory:
        if known.any():
            ax.fill_between(line.x, line.low, line.high, where=known.tolist(), color=colour, alpha=0.2, lw=0)
        ax.plot(line.x, line.y, **look)
        return
    if line.theory is not None:
        ax.plot(line.x, line.theory, color=colour, lw=1, zorder=1.5, label=_THEORY)
    if known.any():
        ax.vlines(line.x[known], line.low[known], line.high[known], color=colour, lw=0.8)
    ax.plot(line.x, line.y, ls="", **look)


def _legend(ax: Axes) -> None:
    """Entries of the measured lines, and one for the theory: in its colour where it has one, else grey."""
    handles, names = ax.get_legend_handles_labels()
    colours = {str(line.get_color()) for line in ax.lines if line.get_label() == _THEORY}
    if colours:
        handles.append(Line2D([], [], color=colours.pop() if len(colours) == 1 else _GREY, lw=1))
        names.append("theory")
    if handles:
        ax.legend(handles, names)


@housed
def trace(ax: Axes, runs: Any, attribute: str | None = None, x: Any = None) -> Axes:
    """A quantity over time: one colour a run, one line style a level.

    Parameters
    ----------
    ax : matplotlib axis
    runs : mapping of str to run, one run, or Table
        A run is an array ``(T,)`` or ``(T, levels)``, or an object that has one under `attribute`. A table, or a
        mapping that has the column `attribute`, is one run.
    attribute : str or None
        Name of the quantity; labels the axis.
    x : (T,) array or None
        Places on the time axis; None: the number of the frame.

    Returns
    -------
    The axis.

    Raises
    ------
    ParameterError
        A run without the attribute, or of more than two dimensions.
    """
    several = isinstance(runs, Mapping) and attribute not in runs
    named: Mapping[str, Any] = runs if several else {"": runs}
    n_levels = 1
    for (name, run), (colour, _) in zip(named.items(), looks(ax, len(named))):
        values = _values(name, run, attribute)
        n_levels = max(n_levels, values.shape[1])
        places = np.arange(len(values)) if x is None else np.asarray(x)[: len(values)]
        for level in range(values.shape[1]):
            style = _STYLES[level % len(_STYLES)]
            ax.plot(places, values[:, level], ls=style, color=colour, label=name if name and not level else None)
    ax.set_xlabel(ax.get_xlabel() or "frame")
    if attribute:
        words = label(runs, attribute) if isinstance(runs, Table) else attribute.replace("_", " ")
        ax.set_ylabel(ax.get_ylabel() or words)
    handles, names = ax.get_legend_handles_labels()
    if n_levels > 1:
        for level in range(n_levels):
            handles.append(Line2D([], [], color=_GREY, ls=_STYLES[level % len(_STYLES)]))
            names.append(f"level {level}")
    if x is None:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
    if handles:
        ax.legend(handles, names, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _values(name: str, run: Any, attribute: str | None) -> NDArray[Any]:
    """(T, levels) float array of one run."""
    if attribute is not None and hasattr(run, attribute):
        run = getattr(run, attribute)
    elif attribute is not None and isinstance(run, (Table, Mapping)):
        run = column(run, attribute)
    try:
        values = np.asarray(run, np.float64)
    except (TypeError, ValueError):
        what = f"run {name!r}" if name else "run to trace"
        raise ParameterError(what, got=type(run).__name__, expected=f"an array, or one as .{attribute}") from None
    if values.ndim not in (1, 2):
        raise ParameterError(f"run {name!r}", got=f"shape {values.shape}", expected="(T,) or (T, levels)")
    return values.reshape(len(values), -1)
