"""What the studies of sparse Hopfield retrieval share: pictures to store, and whether digits are at hand."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import DataError
from sdrsim.files.datasets import load_dataset
from sdrsim.files.table import Table

__all__ = ["digits", "sources", "strokes"]

Reals = NDArray[np.float64]
_SIDE, _POINTS, _BATCH = 28, 24, 500


def strokes(n: int, rng: np.random.Generator) -> Reals:
    """Pictures of 28 x 28 pixels in [0, 1], (n, 784): two or three bent strokes of a pen, drawn at random.

    A stand-in for handwritten digits, ours: about as many dark pixels, norms that differ as much from picture to
    picture, but no classes.
    """
    return np.concatenate([np.zeros((0, _SIDE**2)), *(_some(min(_BATCH, n - i), rng) for i in range(0, n, _BATCH))])


def _some(n: int, rng: np.random.Generator) -> Reals:
    ends = rng.uniform(4, _SIDE - 5, (n, 3, 3, 2))  # picture, stroke, point of the curve, place
    t = np.linspace(0, 1, _POINTS)[:, None]
    basis = np.concatenate([(1 - t) ** 2, 2 * t * (1 - t), t**2], axis=1)
    path = np.einsum("pk,nskx->nspx", basis, ends)
    width = rng.uniform(0.8, 1.3, (n, 1, 1, 1))
    pixel = np.arange(_SIDE)
    column = np.exp(-(((path[..., :1] - pixel) / width) ** 2))
    row = np.exp(-(((path[..., 1:] - pixel) / width) ** 2))
    ink = np.einsum("nspy,nspx->nsyx", row, column)  # dwelling points add
    ink[rng.random(n) < 0.5, 2] = 0.0  # two strokes, or three
    return np.asarray(np.clip(1.6 * ink.sum(axis=1), 0, 1).reshape(n, -1))


def digits() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pixels of MNIST: training and test pictures, (60,000, 784) and (10,000, 784), 0 .. 255."""
    d = load_dataset("mnist")
    flat = [part.reshape(part.shape[0], -1) for part in (np.asarray(d.images), np.asarray(d.test_images))]
    return flat[0], flat[1]


def sources(wanted: Iterable[str]) -> tuple[list[str], Table]:
    """Which of the data sets wanted are there ('synthetic' always), and a table that says which are not, and why."""
    there: list[str] = []
    rows: list[dict[str, Any]] = []
    for name in wanted:
        why = ""
        if name != "synthetic":
            try:
                load_dataset(name)
            except DataError as error:
                if not str(error.got).startswith("not found"):  # damaged: an error, not a reason to go on without
                    raise
                why = str(error)
        rows.append({"data": name, "used": not why, "why_not": why or "-"})
        there += [] if why else [name]
    return there, Table.from_rows(rows)
