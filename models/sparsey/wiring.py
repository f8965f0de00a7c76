"""Receptive fields: which pixels, or which macs below, feed which mac."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.models.sparsey.kernels.sheet import Wiring

__all__ = ["Tiling", "full_wiring", "tile", "wire"]


class Tiling(NamedTuple):
    """Rectangular apertures over a grid: mac (r, c) sees ``aperture`` cells from (row_starts[r], column_starts[c])."""

    source: tuple[int, int]
    grid: tuple[int, int]
    aperture: tuple[int, int]
    row_starts: NDArray[np.int64]
    column_starts: NDArray[np.int64]

    @property
    def n_macs(self) -> int:
        """Macs on the grid."""
        return self.grid[0] * self.grid[1]

    @property
    def n_slots(self) -> int:
        """Source cells each mac sees."""
        return self.aperture[0] * self.aperture[1]

    @property
    def starts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First source row, and first source column, of the apertures along each axis of the grid."""
        return self.row_starts, self.column_starts


def tile(
    source: tuple[int, int],
    aperture: tuple[int, int],
    grid: tuple[int, int] | None = None,
    stride: tuple[int, int] | None = None,
) -> Tiling:
    """Lay apertures over a source of (rows, columns): a given grid is spread evenly edge to edge; a given stride fills
    it.

    With a stride s on a side of length n an aperture p gives floor((n - p) / s) + 1 macs.
    """
    if (grid is None) == (stride is None):
        raise ParameterError("tiling", got=f"grid={grid}, stride={stride}", expected="one of the two")
    starts = []
    for axis, name in enumerate(("rows", "columns")):
        n, p = source[axis], aperture[axis]
        if not 1 <= p <= n:
            raise ParameterError(f"aperture ({name})", got=p, expected=f"1 .. {n}")
        if grid is not None:
            if grid[axis] < 1:
                raise ParameterError(f"grid ({name})", got=grid[axis], expected="at least 1")
            starts.append(np.floor(np.linspace(0, n - p, grid[axis]) + 0.5).astype(np.int64))
        elif stride is not None:
            if stride[axis] < 1:
                raise ParameterError(f"stride ({name})", got=stride[axis], expected="at least 1")
            starts.append(np.arange(0, n - p + 1, stride[axis]))
    return Tiling(source, (len(starts[0]), len(starts[1])), aperture, starts[0], starts[1])


def wire(tiling: Tiling, block_size: int = 1) -> Wiring:
    """The tiling turned round: for each source cell the macs (and their slots) that hear it."""
    rows = tiling.row_starts[:, None] + np.arange(tiling.aperture[0])
    columns = tiling.column_starts[:, None] + np.arange(tiling.aperture[1])
    source = (rows[:, None, :, None] * tiling.source[1] + columns[None, :, None, :]).reshape(-1)
    mac = np.repeat(np.arange(tiling.n_macs, dtype=np.int32), tiling.n_slots)
    slot = np.tile(np.arange(tiling.n_slots, dtype=np.int32), tiling.n_macs)
    order = np.argsort(source, kind="stable")
    indptr = np.zeros(tiling.source[0] * tiling.source[1] + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=len(indptr) - 1), out=indptr[1:])
    return Wiring(indptr, mac[order], slot[order], block_size)


def full_wiring(n_inputs: int) -> Wiring:
    """One mac that hears every input."""
    none = np.zeros(0, np.int32)
    return Wiring(np.arange(n_inputs + 1, dtype=np.int64), none, none, 1)
