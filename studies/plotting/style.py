"""The house style: sizes, colours, a context that holds matplotlib to it, and figures made in it without pyplot."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import matplotlib
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

__all__ = [
    "DOUBLE_COLUMN",
    "MARKERS",
    "PALETTE",
    "SHADES",
    "SINGLE_COLUMN",
    "dress",
    "figure",
    "house",
    "housed",
    "looks",
    "mosaic",
    "subplots",
]

SINGLE_COLUMN = (3.5, 2.6)
"""Width and height in inches of a figure over one printed column."""
DOUBLE_COLUMN = (7.2, 3.6)
"""Width and height in inches of a figure over the whole page."""
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours (2008), told apart by the colour-blind; the order in which series take them."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
"""Markers in the order of the colours, one set longer: a grey copy still tells the series apart."""
SHADES = LinearSegmentedColormap.from_list("sdrsim_shades", ["#ffffff", "#9ecae1", "#0072B2", "#08306b"])
"""From white (nothing) to dark blue (all): for matrices that start at zero."""

_USED: WeakKeyDictionary[Axes, int] = WeakKeyDictionary()
_F = TypeVar("_F", bound=Callable[..., Any])


@cache
def _settings() -> dict[str, Any]:
    path = Path(__file__).with_name("house.mplstyle")
    return dict(matplotlib.rc_params_from_file(path, use_default_template=False))  # type: ignore[arg-type]


def house() -> AbstractContextManager[None]:
    """A context in which matplotlib draws in the house style; the settings before it come back after it.

    Examples
    --------
    >>> with house():
    ...     fig = figure()
    >>> fig.get_size_inches().tolist()
    [3.5, 2.6]
    """
    return matplotlib.rc_context(_settings())  # type: ignore[arg-type]


def figure(size: tuple[float, float] = SINGLE_COLUMN) -> Figure:
    """An empty figure of `size` inches in the house style, laid out so that nothing is cut off; needs no display."""
    with house():
        return Figure(figsize=size)


def mosaic(layout: Any, size: tuple[float, float] = DOUBLE_COLUMN, **more: Any) -> tuple[Figure, dict[str, Axes]]:
    """A figure and its axes by name, as ``Figure.subplot_mosaic`` lays them out, in the house style without pyplot.

    Parameters
    ----------
    layout : list of rows of names; a name that stands in several places spans them
    size : (width, height) in inches
    **more
        For ``Figure.subplot_mosaic``: ``width_ratios``, ``height_ratios`` and so on.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : dict of name to Axes
    """
    with house():
        fig = Figure(figsize=size)
        return fig, fig.subplot_mosaic(layout, **more)


def subplots(
    rows: int = 1, columns: int = 1, size: tuple[float, float] = SINGLE_COLUMN, **more: Any
) -> tuple[Figure, Any]:
    """A figure and its axes, as ``pyplot.subplots`` gives them, in the house style and without pyplot.

    Parameters
    ----------
    rows, columns : int
    size : (width, height) in inches
    **more
        For ``Figure.subplots``: ``sharex``, ``width_ratios``, ``squeeze`` and so on.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : one Axes, or an array of them
    """
    with house():
        fig = Figure(figsize=size)
        return fig, fig.subplots(rows, columns, **more)


def dress(ax: Axes) -> Axes:
    """Give an axis made elsewhere the house look: sizes of text, thin lines, no box."""
    s = _settings()
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for spine in ax.spines.values():
        spine.set_linewidth(s["axes.linewidth"])
        spine.set_edgecolor(s["axes.edgecolor"])
    for name in ("x", "y"):
        for which in ("major", "minor"):
            size, width = s[f"{name}tick.{which}.size"], s[f"{name}tick.{which}.width"]
            ax.tick_params(axis=name, which=which, size=size, width=width, labelsize=s[f"{name}tick.labelsize"])
    for text in (ax.xaxis.label, ax.yaxis.label):
        text.set_fontsize(s["axes.labelsize"])
    for place in ("left", "center", "right"):
        if ax.get_title(loc=place):
            ax.set_title(ax.get_title(loc=place), loc=place, fontsize=s["axes.titlesize"])
    ax.set_axisbelow(True)
    return ax


def looks(ax: Axes, n: int) -> list[tuple[str, str]]:
    """Colour and marker of the next `n` series of an axis: later calls on the same axis go on where the last ended."""
    first = _USED.get(ax, 0)
    _USED[ax] = first + n
    return [(PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]) for i in range(first, first + n)]


def housed(function: _F) -> _F:
    """Draw in the house style, on whatever axis comes: the wrapper of every plotting function."""

    @wraps(function)
    def drawn(ax: Axes, *args: Any, **kwargs: Any) -> Axes:
        with house():
            dress(ax)
            function(ax, *args, **kwargs)
        return ax

    return drawn  # type: ignore[return-value]
