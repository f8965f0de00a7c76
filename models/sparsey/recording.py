"""What frames through a sheet gave: only active macs appear; as codes, as dense arrays, as traffic."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import COUNTERS, Traffic
from sdrsim.models.sparsey.kernels.layout import FALLBACKS
from sdrsim.models.sparsey.kernels.sheet import Recording

__all__ = ["Events", "joined"]

KERNEL_COUNTERS = tuple(COUNTERS)[:FALLBACKS]


class Events(NamedTuple):
    """What a sheet did with some frames: only active macs appear.

    For frame i: macs ``mac[indptr[i]:indptr[i + 1]]`` (rising), ``winners`` (n_events, n_cms) int16, ``familiarity`` G.
    """

    indptr: NDArray[np.int64]
    mac: NDArray[np.int32]
    winners: NDArray[np.int16]
    familiarity: NDArray[np.float64]
    traffic: Traffic

    def codes(self, n_macs: int, n_cells: int) -> SDR:
        """(n_frames) codes over ``n_macs * n_cms * n_cells`` units; unit = (mac * n_cms + cm) * n_cells + cell."""
        n_cms = self.winners.shape[1]
        first = np.arange(0, n_cms * n_cells, n_cells, dtype=np.int32)  # first unit of each CM
        units = self.winners + first
        if n_macs > 1:
            units += self.mac[:, None] * np.int32(n_cms * n_cells)
        return SDR._trusted(units.reshape(-1), self.indptr * n_cms, n_macs * n_cms * n_cells)

    def dense(self, n_macs: int) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
        """Winners (n_frames, n_macs, n_cms) int16, -1 where silent, and G (n_frames, n_macs), 0 where silent."""
        n = len(self.indptr) - 1
        frame = np.repeat(np.arange(n), np.diff(self.indptr))
        winners = np.full((n, n_macs, self.winners.shape[1]), -1, np.int16)
        familiarity = np.zeros((n, n_macs), np.float64)
        winners[frame, self.mac] = self.winners
        familiarity[frame, self.mac] = self.familiarity
        return winners, familiarity


def joined(parts: Sequence[Recording]) -> Recording:
    """Recordings of consecutive frames as one."""
    ends = np.cumsum([0, *(part.indptr[-1] for part in parts)])
    indptr = np.concatenate([[0], *(part.indptr[1:] + end for part, end in zip(parts, ends))]).astype(np.int64)
    rest = [np.concatenate([part[i] for part in parts]) for i in range(1, len(Recording._fields))]
    return Recording(indptr, *rest)
