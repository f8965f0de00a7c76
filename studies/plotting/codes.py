"""Pictures of sparse codes: which units are active when, and how much the codes share."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sdrsim.errors import CodeError
from sdrsim.studies.plotting.columns import as_codes
from sdrsim.studies.plotting.style import PALETTE, SHADES, housed

__all__ = ["overlap_matrix", "raster"]

_RASTERIZE = 20_000  # more dots than this make a vector file slow to open: they are stored as pixels
_MOST = 5_000


@housed
def raster(ax: Axes, codes: Any, color: str = PALETTE[0]) -> Axes:
    """Active units against time or item: a dot for each.

    Parameters
    ----------
    ax : matplotlib axis
    codes : SDR, bool ``(n, size)``, int ``(n, k)`` of active units, or int16 winners
        Winners are ``(n, n_cms)`` or ``(n, n_macs, n_cms)``, -1 silent, drawn at unit ``cm * n_cells + cell``.
    color : str

    Returns
    -------
    The axis.
    """
    sdr = as_codes(codes)
    items = np.repeat(np.arange(len(sdr)), sdr.n_active)
    ax.set_xlim(-0.5, max(len(sdr), 1) - 0.5)
    ax.set_ylim(-0.5, sdr.size - 0.5)
    box = ax.get_window_extent().transformed(ax.get_figure(root=True).dpi_scale_trans.inverted())  # type: ignore[union-attr]
    # In points, a cell of the grid; never so small that a lone unit is lost, never so large that dots turn into bars.
    width = float(np.clip(0.8 * 72 * box.width / max(len(sdr), 1), 1.1, 8))
    height = float(np.clip(0.9 * 72 * box.height / sdr.size, 1.1, 5))
    dot = [(-width, -height), (width, -height), (width, height), (-width, height)]
    look = {"s": max(width, height) ** 2, "marker": dot, "color": color, "lw": 0}
    ax.scatter(items, sdr.indices, rasterized=len(items) > _RASTERIZE, **look)  # type: ignore[arg-type]
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
    ax.set_xlabel(ax.get_xlabel() or "item")
    ax.set_ylabel(ax.get_ylabel() or "unit")
    return ax


@housed
def overlap_matrix(ax: Axes, codes: Any, other: Any = None, share: bool = True, bar: bool = True) -> Axes:
    """How many units each code of one set shares with each code of another (or of the same).

    Parameters
    ----------
    ax : matplotlib axis
    codes, other : codes as for `raster`
        Rows and columns; `other` None: the same codes on both.
    share : bool
        True: as a share of the active units of the row's code, 0 to 1. False: counts.
    bar : bool
        Draw a colour bar.

    Returns
    -------
    The axis.

    Raises
    ------
    CodeError
        Codes over different numbers of units, or more than 5,000 of them.
    """
    rows = as_codes(codes)
    columns = rows if other is None else as_codes(other)
    if rows.size != columns.size:
        raise CodeError("codes to compare", got=f"{rows.size} and {columns.size} units", expected="equal numbers")
    if max(len(rows), len(columns)) > _MOST:
        got = f"{len(rows):,} x {len(columns):,} codes"
        raise CodeError("overlap matrix", got=got, expected=f"at most {_MOST:,}", do="draw a part: codes[:1000]")
    common = (rows.to_csr().astype(np.int32) @ columns.to_csr().astype(np.int32).T).toarray().astype(np.float64)
    if share:
        common /= np.maximum(rows.n_active, 1)[:, None]
    image = ax.imshow(common, cmap=SHADES, vmin=0, vmax=1 if share else max(common.max(initial=0), 1), aspect="equal")
    if bar:
        words = "share of active units in common" if share else "units in common"
        ax.get_figure(root=True).colorbar(image, ax=ax, shrink=0.8, label=words)  # type: ignore[union-attr]
    ax.set_xlabel(ax.get_xlabel() or "code")
    ax.set_ylabel(ax.get_ylabel() or "code")
    return ax
