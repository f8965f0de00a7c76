"""Receptive fields: which pixels, or which macs below, feed which mac."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import check_room, checked_pair
from sdrsim.errors import ParameterError
from sdrsim.models.sparsey.kernels.sheet import Wiring

WIRING_BYTES = 40  # a connection while it is being wired: source, place in order, mac and slot twice; 8 are kept

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


def tile(
    source: tuple[int, int],
    aperture: tuple[int, int],
    grid: tuple[int, int] | None = None,
    stride: tuple[int, int] | None = None,
) -> Tiling:
    """Lay apertures over a source of (rows, columns): a given grid is spread evenly from edge to edge (one mac stands
    in the middle); a given stride fills it.

    With a stride s on a side of length n an aperture p gives floor((n - p) / s) + 1 macs.

    Raises
    ------
    ParameterError
        An aperture larger than the source, sizes that are no whole numbers above 0, both of grid and stride or neither.
    """
    if (grid is None) == (stride is None):
        raise ParameterError("tiling", got=f"grid={grid}, stride={stride}", expected="one of the two")
    source, aperture = checked_pair("source", source), checked_pair("aperture", aperture)
    count = checked_pair("grid", grid) if grid is not None else (0, 0)
    step = checked_pair("stride", stride) if stride is not None else (0, 0)
    starts = []
    for axis, name in enumerate(("rows", "columns")):
        n, p = source[axis], aperture[axis]
        if p > n:
            raise ParameterError(f"aperture ({name})", got=p, expected=f"1 .. {n}, the {name} of its source")
        starts.append(np.arange(0, n - p + 1, step[axis]) if step[axis] else spread(n - p, count[axis]))
    return Tiling(source, (len(starts[0]), len(starts[1])), aperture, starts[0], starts[1])


def spread(last: int, n: int) -> NDArray[np.int64]:
    """`n` starts spread evenly over 0 .. last, halves rounded up; in whole numbers, so that no machine rounds another
    way.
    """
    if n == 1:
        return np.array([(last + 1) // 2], np.int64)
    return (2 * last * np.arange(n, dtype=np.int64) + n - 1) // (2 * (n - 1))


def wire(tiling: Tiling, block_size: int = 1) -> Wiring:
    """The tiling turned round: for each source cell the macs (and their slots) that hear it.

    Raises
    ------
    CapacityError
        More connections than memory holds.
    """
    n_connections, n_cells = tiling.n_macs * tiling.n_slots, tiling.source[0] * tiling.source[1]
    check_room(f"wiring of {tiling.n_macs:,} macs", WIRING_BYTES * n_connections + 24 * n_cells)
    rows = tiling.row_starts[:, None] + np.arange(tiling.aperture[0])
    columns = tiling.column_starts[:, None] + np.arange(tiling.aperture[1])
    source = (rows[:, None, :, None] * tiling.source[1] + columns[None, :, None, :]).reshape(-1)
    mac = np.repeat(np.arange(tiling.n_macs, dtype=np.int32), tiling.n_slots)
    slot = np.tile(np.arange(tiling.n_slots, dtype=np.int32), tiling.n_macs)
    order = np.argsort(source, kind="stable")
    indptr = np.zeros(tiling.source[0] * tiling.source[1] + 1, np.int64)
    np.cumsum(np.bincount(source, minlength=len(indptr) - 1), out=indptr[1:])
    return Wiring(indptr, mac[order], slot[order], block_size)


def full_wiring() -> Wiring:
    """One mac that hears every input in order: no lists, however many inputs there are."""
    none = np.zeros(0, np.int32)
    return Wiring(np.zeros(1, np.int64), none, none, 1)
