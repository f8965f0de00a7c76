"""Frame time follows activity, not size: 100,000 macs of which 10 are active, against those 10 alone."""

from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Bench
from benchmarks.rows import Goal, Row
from sdrsim import Simulator
from sdrsim.models.sparsey import Hierarchy, Level

N_ACTIVE, N_FRAMES, SIDE = 10, 200, 4
PLACES = np.linspace(0, 99_999, N_ACTIVE).astype(int)  # the active macs among the many


class Strip:
    """A network of rows x columns macs, apertures of 4 x 4 pixels side by side, and frames for some of the macs."""

    def __init__(self, rows: int, columns: int, macs: np.ndarray, patterns: np.ndarray) -> None:
        level = Level(aperture=(SIDE, SIDE), stride=(SIDE, SIDE), n_cms=4, n_cells=4)
        self.hierarchy = Hierarchy(input_shape=(SIDE * rows, SIDE * columns), levels=[level])
        self.simulator = Simulator(self.hierarchy.network())
        self.frames = [self.units(macs, columns, pattern) for pattern in patterns]

    @staticmethod
    def units(macs: np.ndarray, columns: int, pattern: np.ndarray) -> np.ndarray:
        """Active pixels (1, k) of one frame: `pattern` (n_macs, 4, 4) put where the macs look."""
        mac, row, column = np.nonzero(pattern)
        rows, across = SIDE * (macs[mac] // columns) + row, SIDE * (macs[mac] % columns) + column
        return np.sort(rows * SIDE * columns + across)[None].astype(np.int32)

    def run(self, frames: list[np.ndarray]) -> None:
        """Schedule frames, one a tick, and run them."""
        start = self.simulator.tick
        for i, frame in enumerate(frames):
            self.simulator.schedule("L0", frame, at=start + i)
        self.simulator.run(until=start + len(frames))


def frames(bench: Bench) -> Iterator[Row]:
    """Frames scheduled and run through the engine, recognition; both networks have learned one frame before."""
    patterns = np.random.default_rng(6).random((N_FRAMES, N_ACTIVE, SIDE, SIDE)) < 0.4
    patterns[:, :, 0, 0] = True
    many = Strip(250, 400, PLACES, patterns)
    few = Strip(1, N_ACTIVE, np.arange(N_ACTIVE), patterns)
    for net in (many, few):
        sheet = net.hierarchy.sheets[0]
        sheet.learning = True
        net.run(net.frames[:1])
        sheet.learning = False
        net.run(net.frames[:1])
        assert sheet.scalars() == {"familiarity": 1.0, "n_active_macs": N_ACTIVE}  # the ten know the frame
    t = bench.medians({"many": lambda: many.run(many.frames), "few": lambda: few.run(few.frames)}, per=N_FRAMES)
    what, goals = "frame of 100,000 macs, 10 of them active", (Goal("slowdown", 2),)
    yield Row(what, "those 10 macs alone", t["many"], t["few"], goals=goals)
