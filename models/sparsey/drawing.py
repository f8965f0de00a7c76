"""The picture of a hierarchy: its levels as planes over the frame, with the aperture of one mac of each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sdrsim.models.sparsey.sheet import Sheet
    from sdrsim.models.sparsey.wiring import Tiling

__all__ = ["draw_hierarchy"]

Span = tuple[NDArray[np.float64], NDArray[np.float64]]  # where cells begin and end along a side of the frame, 0 .. 1


def draw_hierarchy(
    ax: Any, input_shape: tuple[int, int], tilings: "Sequence[Tiling]", sheets: "Sequence[Sheet]"
) -> Any:
    """Draw the levels on a given matplotlib axis, lowest at the bottom, and return the axis.

    A dot is a mac, above the middle of what it sees; the shaded patch is the aperture of the middle mac of the level
    above, which the two lines lead to.
    """
    rows, columns = input_shape
    depth = 0.4 * min(max(rows / columns, 0.4), 1.6)
    gap = depth + 0.3
    across, down = _pixels(columns), _pixels(rows)
    _patch(ax, 0, depth, (0, 1), (0, 1), color="0.6", alpha=0.25)
    _label(ax, 0, depth, f"{rows} x {columns} pixels")
    for i, (tiling, sheet) in enumerate(zip(tilings, sheets)):
        seen_across, seen_down = _seen(across, tiling, 1), _seen(down, tiling, 0)
        across, down = _cells(seen_across), _cells(seen_down)
        z, color = (i + 1) * gap, f"C{i % 10}"
        r, c = (n // 2 for n in tiling.grid)
        x, y = (seen_across[0][c], seen_across[1][c]), (seen_down[0][r], seen_down[1][r])
        _patch(ax, i * gap, depth, x, y, color=color, alpha=0.5)
        _patch(ax, z, depth, (0, 1), (0, 1), color=color, alpha=0.12)
        top = _place(sum(x) / 2, sum(y) / 2, z, depth)
        for corner in (_place(x[0], y[1], i * gap, depth), _place(x[1], y[1], i * gap, depth)):
            ax.plot([top[0], corner[0]], [top[1], corner[1]], color=color, linewidth=0.8, alpha=0.7)
        macs_x, macs_y = _place(*np.meshgrid(_middle(seen_across), _middle(seen_down)), z, depth)
        size = min(5.0, max(0.5, 40 / max(tiling.grid)))
        ax.plot(macs_x.ravel(), macs_y.ravel(), linestyle="none", marker="o", markersize=size, color=color)
        p, plural = sheet.params, "s" * (sheet.n_macs != 1)
        _label(ax, z, depth, f"L{i}: {tiling.grid[0]} x {tiling.grid[1]} mac{plural}, Q {p.n_cms} x K {p.n_cells}")
    ax.set_xlim(-0.05, 1.05 + depth)
    ax.set_ylim(-0.1, len(sheets) * gap + depth + 0.2)
    ax.set_axis_off()
    return ax


def _place(x: Any, y: Any, z: float, depth: float) -> tuple[Any, Any]:
    """A point of the plane at height z, seen at an angle; y runs down the rows of the frame, towards the viewer."""
    return x + depth * (1 - y), z + depth * (1 - y)


def _patch(ax: Any, z: float, depth: float, x: Any, y: Any, **style: Any) -> None:
    corners_x, corners_y = np.array([x[0], x[1], x[1], x[0]]), np.array([y[0], y[0], y[1], y[1]])
    ax.fill(*_place(corners_x, corners_y, z, depth), linewidth=0, **style)


def _label(ax: Any, z: float, depth: float, text: str) -> None:
    ax.text(*_place(0.0, -0.06, z, depth), text, fontsize=8, va="bottom")


def _pixels(n: int) -> Span:
    return np.arange(n) / n, np.arange(1, n + 1) / n


def _seen(source: Span, tiling: "Tiling", axis: int) -> Span:
    starts = (tiling.row_starts, tiling.column_starts)[axis]
    return source[0][starts], source[1][starts + tiling.aperture[axis] - 1]


def _middle(span: Span) -> NDArray[np.float64]:
    return (span[0] + span[1]) / 2


def _cells(seen: Span) -> Span:
    """Macs as cells of the next source: around the middle of what they see, as wide as their spacing at most."""
    middle = _middle(seen)
    half = min(0.08, float(np.diff(middle).min()) / 2) if len(middle) > 1 else 0.08
    return middle - half, middle + half
