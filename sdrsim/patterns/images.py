"""Images on their way to codes: covered in part, and cut at a threshold."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.errors import CodeError, ParameterError
from sdrsim.kernels import draws
from sdrsim.patterns.checks import image_array, key_of, room, share, whole

__all__ = ["binarise", "occlude"]

_SIDES = ("left", "right", "top", "bottom")


def occlude(
    images: Any,
    fraction: float = 0.25,
    seed: int = 0,
    *,
    side: str | None = None,
    value: float = 0,
    first_item: int = 0,
) -> NDArray[Any]:
    """Cover a rectangle of each image with one grey value.

    Parameters
    ----------
    images : (n, rows, columns) numeric or bool array, or one image (rows, columns)
    fraction : float, 0 .. 1
        Share of the image to cover. Without `side`, both edges of the rectangle are ``sqrt(fraction)`` of the image's,
        rounded to whole pixels.
    seed : int
        Places the rectangle, uniformly over all places inside the image. Not used with `side`.
    side : {"left", "right", "top", "bottom"}, optional
        Cover a strip along this side instead.
    value : float
        What covered pixels become; must be a value of the images' dtype.
    first_item : int
        Number of the first image, when a batch was cut.

    Returns
    -------
    Array of the same shape and dtype; the images themselves stay as they are.

    Raises
    ------
    ParameterError, CodeError

    Examples
    --------
    >>> from sdrsim import patterns
    >>> import numpy as np
    >>> patterns.occlude(np.ones((1, 2, 4), int), .5, side="left").tolist()
    [[[0, 0, 1, 1], [0, 0, 1, 1]]]
    >>> int(patterns.occlude(np.ones((3, 10, 10), int), .25, seed=1).sum())
    225
    """
    fraction, first = share("fraction", fraction), whole("first_item", first_item)
    array = image_array(images)
    if array.ndim not in (2, 3):
        raise CodeError("images", got=f"shape {array.shape}", expected="(n, rows, columns) or (rows, columns)")
    if side is not None and side not in _SIDES:
        raise ParameterError("side", got=repr(side), expected=", ".join(_SIDES) + " or None")
    number = np.asarray(value)
    if number.shape or number.dtype.kind not in "biuf" or np.isnan(number):
        raise ParameterError("value", got=repr(value), expected=f"one value of dtype {array.dtype}")
    fill = number.astype(array.dtype)
    if array.dtype.kind != "f" and fill != number:
        raise ParameterError("value", got=repr(value), expected=f"one value of dtype {array.dtype}")
    out = np.array(array[None] if array.ndim == 2 else array)
    lengths = np.array(out.shape[1:])
    edge = np.sqrt(fraction)
    down, across = {None: (edge, edge), "top": (fraction, 1), "bottom": (fraction, 1)}.get(side, (1, fraction))
    covered = np.rint(lengths * (down, across)).astype(np.int64)
    starts = room(len(out), 2)
    starts[:] = lengths - covered if side in ("right", "bottom") else 0
    if side is None:
        draws.digits(key_of(seed, "occlude"), first, lengths - covered + 1, starts)
    rows, columns = (
        (np.arange(length) >= start[:, None]) & (np.arange(length) < start[:, None] + cover)
        for length, start, cover in zip(lengths, starts.T, covered)
    )
    out[rows[:, :, None] & columns[:, None, :]] = fill
    return out.reshape(array.shape)


def binarise(images: Any, threshold: float | NDArray[Any]) -> SDR:
    """Codes of the pixels above `threshold`.

    Parameters
    ----------
    images : (n, rows, columns) or (n, size) numeric array
        A two-dimensional array is `n` flat items; pass ``image[None]`` for one image.
    threshold : float, or array that broadcasts against one image
        A pixel is on when it is greater.

    Returns
    -------
    SDR over rows * columns units, unit = row * columns + column

    Raises
    ------
    CodeError, ParameterError
        NaN among pixels or thresholds, an array that is no stack of images.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> import numpy as np
    >>> patterns.binarise(np.array([[[0, 9], [3, 8]]]), threshold=3).indices.tolist()
    [1, 3]
    """
    array = image_array(images)
    if array.ndim < 2:
        raise CodeError("images", got=f"shape {array.shape}", expected="(n, rows, columns) or (n, size)")
    level = np.asarray(threshold)
    if level.dtype.kind not in "biuf" or np.isnan(level).any():
        raise ParameterError("threshold", got=repr(threshold), expected="a number, or numbers per pixel; no NaN")
    try:
        level = np.broadcast_to(level, array.shape[1:])
    except ValueError:
        expected = f"one number, or shape {array.shape[1:]}"
        raise ParameterError("threshold", got=f"shape {level.shape}", expected=expected) from None
    return SDR.from_dense((array > level).reshape(len(array), prod(array.shape[1:])))
