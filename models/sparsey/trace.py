"""Trace: what a hierarchy did with some frames, as codes, familiarity, novelty, traffic, and as a table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.sparsey.recording import Events
from sdrsim.models.sparsey.sheet import Sheet

__all__ = ["Trace"]


class Trace:
    """What a hierarchy did with T frames; level 0 is the lowest level of macs.

    Attributes
    ----------
    codes : list of (T, n_macs, n_cms) int16, winners, -1 where a mac was silent; made on demand
    familiarity : list of (T, n_macs) float64, G, 0 where silent
    novelty : (T, n_levels) float64, 1 - mean G of the active macs; NaN where none was active
    sdr : list of SDR, the codes as the levels above read them: unit (mac * n_cms + cm) * n_cells + cell
    events : list of Events, active macs alone: what to read of levels of very many macs
    traffic : Traffic
    """

    def __init__(self, events: Sequence[Events], sheets: Sequence[Sheet]) -> None:
        self.events = list(events)
        self._shapes = [(sheet.n_macs, sheet.params.n_cells) for sheet in sheets]
        self._dense: dict[int, tuple[NDArray[np.int16], NDArray[np.float64]]] = {}
        self.traffic = Traffic()
        for part in self.events:
            self.traffic += part.traffic

    def __len__(self) -> int:
        return len(self.events[0].indptr) - 1

    def _level(self, level: int) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
        if level not in self._dense:
            self._dense[level] = self.events[level].dense(self._shapes[level][0])
        return self._dense[level]

    @property
    def codes(self) -> list[NDArray[np.int16]]:
        """Winners per level."""
        return [self._level(i)[0] for i in range(len(self.events))]

    @property
    def familiarity(self) -> list[NDArray[np.float64]]:
        """G per level."""
        return [self._level(i)[1] for i in range(len(self.events))]

    @property
    def sdr(self) -> list[SDR]:
        """Codes per level over all its units."""
        return [e.codes(n_macs, n_cells) for e, (n_macs, n_cells) in zip(self.events, self._shapes)]

    @property
    def novelty(self) -> NDArray[np.float64]:
        """1 - mean G of the active macs, per frame and level."""
        out = np.full((len(self), len(self.events)), np.nan)
        for level, part in enumerate(self.events):
            n = np.diff(part.indptr)
            frame = np.repeat(np.arange(len(self)), n)
            total = np.bincount(frame, weights=part.familiarity, minlength=len(self))
            np.divide(total, n, out=out[:, level], where=n > 0)
        return 1.0 - out

    def table(self) -> Table:
        """One row per frame and level: active macs, novelty."""
        n, levels = len(self), len(self.events)
        columns = {
            "frame": np.repeat(np.arange(n), levels),
            "level": np.tile(np.arange(levels), n),
            "n_active_macs": np.stack([np.diff(e.indptr) for e in self.events], axis=1).reshape(-1),
            "novelty": self.novelty.reshape(-1),
        }
        about = {
            "level": "0 is the lowest level of macs",
            "novelty": "1 - mean familiarity G of the active macs; NaN where none was active",
        }
        return Table(columns, descriptions=about)

    def __repr__(self) -> str:
        active = [round(float(np.diff(e.indptr).mean()), 1) if len(self) else 0.0 for e in self.events]
        n, levels = len(self), len(self.events)
        return f"Trace({n} frame{'s' * (n != 1)}, {levels} level{'s' * (levels != 1)}, active macs per frame {active})"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"
