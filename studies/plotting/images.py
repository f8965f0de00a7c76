"""Pictures made of images: strips of frames, weights as receptive fields, confusion matrices."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.studies.plotting.columns import Columns, column
from sdrsim.studies.plotting.style import SHADES, housed

__all__ = ["confusion", "filmstrip", "weights"]


@housed
def filmstrip(ax: Axes, strips: Any, labels: Sequence[str] | None = None, n_frames: int | None = 16) -> Axes:
    """Rows of frames under one another: a clip and its replay, images and what a memory called back.

    Parameters
    ----------
    ax : matplotlib axis
    strips : array ``(T, rows, columns)``, or a sequence of such arrays
        bool or numbers; each strip is scaled to its own range. Strips may differ in length and in size of frame.
    labels : sequence of str or None
        One a strip, at its left.
    n_frames : int or None
        The first so many frames of each; None: all.

    Returns
    -------
    The axis.

    Raises
    ------
    ParameterError
        No strip, not three dimensions, or labels that do not fit.
    """
    arrays = [np.asarray(strips)] if isinstance(strips, np.ndarray) and strips.ndim == 3 else [*map(np.asarray, strips)]
    if not arrays or any(a.ndim != 3 or not a.size for a in arrays):
        got = ", ".join(str(a.shape) for a in arrays) or "nothing"
        raise ParameterError("strips", got=got, expected="arrays (frames, rows, columns)")
    if labels is not None and len(labels) != len(arrays):
        raise ParameterError("labels", got=f"{len(labels)}", expected=f"{len(arrays)}, one a strip")
    arrays = [_scaled(a[:n_frames]) for a in arrays]
    rows = [_grid(a, len(a)) for a in arrays]
    gap = max(1, round(0.06 * max(len(r) for r in rows)))
    width = max(r.shape[1] for r in rows)
    tops = np.cumsum([0, *(len(r) + gap for r in rows)])
    canvas = np.full((int(tops[-1]) - gap, width), np.nan)
    for top, row in zip(tops, rows):
        canvas[top : top + len(row), : row.shape[1]] = row
    ax.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, aspect="equal")
    frames = [r for top, a in zip(tops, arrays) for r in _outlines(a, int(top))]
    ax.add_collection(PatchCollection(frames, facecolor="none", edgecolor="0.7", lw=0.4))
    middles = [float(top + (len(row) - 1) / 2) for top, row in zip(tops, rows)]
    ax.set_yticks(middles if labels is not None else [], list(labels) if labels is not None else None)
    return _bare(ax)


@housed
def weights(
    ax: Axes, matrix: Any, shape: tuple[int, int] | None = None, n_columns: int | None = None, bar: bool = False
) -> Axes:
    """A weight matrix as it is, or its rows as receptive fields side by side.

    Parameters
    ----------
    ax : matplotlib axis
    matrix : (n_units, n_inputs) bool or numbers
    shape : (rows, columns) or None
        The input's own shape: each row is drawn as one image, framed, on a grid. None: the matrix itself.
    n_columns : int or None
        Fields in a row of the grid; None: nearly a square.
    bar : bool
        Draw a colour bar.

    Returns
    -------
    The axis.

    Raises
    ------
    ParameterError
        Not two dimensions, or a shape that does not hold `n_inputs` values.
    """
    values = np.asarray(matrix, np.float64)
    if values.ndim != 2 or not values.size:
        raise ParameterError("weights", got=f"shape {values.shape}", expected="(n_units, n_inputs)")
    signed = bool(np.nanmin(values) < 0)
    most = float(np.nanmax(np.abs(values))) or 1.0
    if shape is not None:
        if shape[0] * shape[1] != values.shape[1]:
            raise ParameterError("shape", got=shape, expected=f"{values.shape[1]} inputs in all")
        across = n_columns or int(np.ceil(np.sqrt(len(values) * shape[0] / shape[1])))
        values = _grid(values.reshape(-1, *shape), min(across, len(values)))
    look = {"cmap": "RdBu_r", "vmin": -most, "vmax": most} if signed else {"cmap": SHADES, "vmin": 0, "vmax": most}
    image = ax.imshow(values, aspect="auto" if shape is None else "equal", **look)  # type: ignore[arg-type]
    if bar:
        ax.get_figure(root=True).colorbar(image, ax=ax, shrink=0.8, label="weight")  # type: ignore[union-attr]
    if shape is not None:
        ax.set_facecolor("0.75")
        ax.set_yticks([])
        return _bare(ax)
    ax.set_xlabel(ax.get_xlabel() or "input")
    ax.set_ylabel(ax.get_ylabel() or "unit")
    return ax


@housed
def confusion(
    ax: Axes, truth: Any, predicted: Any = None, table: Columns | None = None, labels: Sequence[str] | None = None
) -> Axes:
    """What was taken for what: rows are the truth, shaded by their share, with the counts written in.

    Parameters
    ----------
    ax : matplotlib axis
    truth, predicted : (n,) labels, or names of columns of `table`
        `predicted` None: `truth` is the square matrix of counts itself.
    table : Table or mapping of columns, or None
    labels : sequence of str or None
        Names of the classes; None: the labels themselves, in order.

    Returns
    -------
    The axis.

    Raises
    ------
    ParameterError
        Different lengths, no item, a matrix that is not square, or labels that do not fit.
    """
    if table is not None:
        truth, predicted = column(table, truth), column(table, predicted)
    counts, found = _counts(truth, predicted)
    names = list(labels) if labels is not None else found
    if len(names) != len(counts):
        raise ParameterError("labels", got=len(names), expected=f"{len(counts)}, one a class")
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(share, cmap=SHADES, vmin=0, vmax=1, aspect="equal")
    if len(counts) <= 30:
        size = min(6.5, 65 / len(counts))
        for i, j in np.argwhere(counts):
            shade = "white" if share[i, j] > 0.5 else "0.15"
            ax.text(j, i, f"{counts[i, j]:.0f}", ha="center", va="center", color=shade, fontsize=size)
    ax.set_xticks(range(len(counts)), names)
    ax.set_yticks(range(len(counts)), names)
    ax.tick_params(length=0)
    ax.set_xlabel(ax.get_xlabel() or "predicted")
    ax.set_ylabel(ax.get_ylabel() or "true")
    for spine in ax.spines.values():
        spine.set_visible(True)
    return ax


def _counts(truth: Any, predicted: Any) -> tuple[NDArray[np.float64], list[str]]:
    true = np.asarray(truth)
    if predicted is None:
        if true.ndim != 2 or true.shape[0] != true.shape[1] or not true.size:
            raise ParameterError("confusion matrix", got=f"shape {true.shape}", expected="a square matrix of counts")
        return true.astype(np.float64), [str(i) for i in range(len(true))]
    said = np.asarray(predicted)
    if true.shape != said.shape or true.ndim != 1 or not true.size:
        raise ParameterError("labels to compare", got=f"{true.shape} and {said.shape}", expected="(n,) twice, n > 0")
    classes, place = np.unique(np.concatenate([true, said]), return_inverse=True)
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (place[: len(true)], place[len(true) :]), 1)
    return counts, [str(c) for c in classes]


def _scaled(frames: NDArray[Any]) -> NDArray[np.float64]:
    values = frames.astype(np.float64)
    low, high = min(float(np.nanmin(values)), 0.0), float(np.nanmax(values))
    return (values - low) / (high - low) if high > low else values - low


def _gap(height: int, width: int) -> int:
    return max(1, round(0.06 * max(height, width)))


def _outlines(frames: NDArray[np.float64], top: int) -> list[Rectangle]:
    """The border of every frame of a strip: a sparse picture has none of its own."""
    n, height, width = frames.shape
    step = width + _gap(height, width)
    return [Rectangle((i * step - 0.5, top - 0.5), width, height) for i in range(n)]


def _grid(images: NDArray[np.float64], across: int) -> NDArray[np.float64]:
    """Images on a grid of `across` columns, parted by NaN."""
    n, height, width = images.shape
    gap = _gap(height, width)
    down = -(-n // across)
    canvas = np.full((down * (height + gap) - gap, across * (width + gap) - gap), np.nan)
    for i, image in enumerate(images):
        top, left = i // across * (height + gap), i % across * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas


def _bare(ax: Axes) -> Axes:
    """No time axis, no frame around it: the pictures stand alone."""
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax
