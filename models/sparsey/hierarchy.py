"""Hierarchy: levels of macs over images, each level one field of the engine; only active macs cost work."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import CodeError, ParameterError
from sdrsim.files.state import load_state, save_state
from sdrsim.files.table import Table
from sdrsim.models.sparsey.params import CodeSelection, MacParams
from sdrsim.models.sparsey.recording import Events
from sdrsim.models.sparsey.sheet import Sheet
from sdrsim.models.sparsey.wiring import Tiling, tile, wire

if TYPE_CHECKING:
    from sdrsim.engine.network import Network

__all__ = ["Hierarchy", "Level", "Trace"]

Count = Annotated[int, Field(ge=1)]


class Level(CodeSelection):
    """One level: where its macs look, and how each selects codes (`CodeSelection`).

    Parameters
    ----------
    aperture : (rows, columns)
        What each mac sees of the source: pixels, or macs of the level below.
    grid : (rows, columns) or None
        Macs, spread evenly from edge to edge. Give this or `stride`.
    stride : (rows, columns) or None
        Step between apertures; floor((n - p) / s) + 1 macs a side.
    """

    aperture: tuple[Count, Count]
    grid: tuple[Count, Count] | None = None
    stride: tuple[Count, Count] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.grid is None) == (self.stride is None):
            raise ValueError(f"either grid or stride, got grid={self.grid} and stride={self.stride}")
        return self

    def mac_params(self, n_inputs: int) -> MacParams:
        """The parameters of each of its macs."""
        own = {n: getattr(self, n) for n in self.model_fields_set if n not in ("aperture", "grid", "stride")}
        return MacParams(n_inputs=n_inputs, **own)


class Trace:
    """What a hierarchy did with T frames; level 0 is the lowest level of macs.

    Attributes
    ----------
    codes : list of (T, n_macs, n_cms) int16, winners, -1 where a mac was silent; made on demand
    familiarity : list of (T, n_macs) float64, G, 0 where silent
    novelty : (T, n_levels) float64, 1 - mean G of the active macs; NaN where none was active
    sdr : list of SDR, the codes as the levels above read them
    traffic : Traffic
    """

    def __init__(self, events: Sequence[Events], sheets: Sequence[Sheet]) -> None:
        self.events = list(events)
        self._sheets = list(sheets)
        self._dense: dict[int, tuple[NDArray[np.int16], NDArray[np.float64]]] = {}
        self.traffic = Traffic()
        for part in self.events:
            self.traffic += part.traffic

    def __len__(self) -> int:
        return len(self.events[0].indptr) - 1

    def _level(self, level: int) -> tuple[NDArray[np.int16], NDArray[np.float64]]:
        if level not in self._dense:
            self._dense[level] = self.events[level].dense(self._sheets[level].n_macs)
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
        return [e.codes(s.n_macs, s.params.n_cells) for e, s in zip(self.events, self._sheets)]

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
        """One row per frame and level: active macs, mean familiarity, novelty."""
        n, levels = len(self), len(self.events)
        novelty = self.novelty
        columns = {
            "frame": np.repeat(np.arange(n), levels),
            "level": np.tile(np.arange(levels), n),
            "n_active_macs": np.stack([np.diff(e.indptr) for e in self.events], axis=1).reshape(-1),
            "novelty": novelty.reshape(-1),
        }
        return Table(columns, descriptions={"novelty": "1 - mean familiarity G of the active macs"})

    def __repr__(self) -> str:
        active = [round(float(np.diff(e.indptr).mean()), 1) if len(self) else 0.0 for e in self.events]
        return f"Trace({len(self)} frames, {len(self.events)} levels, active macs per frame {active})"


class Hierarchy:
    """Stacked levels of macs over binary frames: spatial memory, each frame an item of its own.

    Parameters
    ----------
    input_shape : (rows, columns)
    levels : list of Level, lowest first
    seed : int

    Examples
    --------
    >>> import numpy as np
    >>> frames = np.random.default_rng(0).random((3, 12, 12)) < 0.3
    >>> h = Hierarchy(input_shape=(12, 12), levels=[Level(aperture=(6, 6), grid=(2, 2), n_cms=4, n_cells=8),
    ...                                             Level(aperture=(2, 2), grid=(1, 1), n_cms=8, n_cells=8)])
    >>> learned = h.learn(frames)
    >>> [c.shape for c in learned.codes]
    [(3, 4, 4), (3, 1, 8)]
    """

    def __init__(self, input_shape: tuple[int, int], levels: Sequence[Level], seed: int = 0) -> None:
        if len(input_shape) != 2 or min(input_shape) < 1:
            raise ParameterError("input_shape", got=input_shape, expected="(rows, columns)")
        if not levels or any(not isinstance(level, Level) for level in levels):
            raise ParameterError("levels", got=levels, expected="one Level or more, lowest first")
        self.input_shape = (int(input_shape[0]), int(input_shape[1]))
        self.level_params, self.seed = list(levels), checked_seed(seed)
        self.sheets: list[Sheet] = []
        self.tilings: list[Tiling] = []
        source, block_size, block_cms = self.input_shape, 1, 1
        for i, level in enumerate(levels):
            tiling = tile(source, level.aperture, level.grid, level.stride)
            params = level.mac_params(tiling.n_slots * block_size)
            wiring = wire(tiling, block_size)
            name, key = f"L{i}.U", subseed(self.seed, f"level {i}")
            self.sheets.append(Sheet(params, wiring, tiling.n_macs, block_cms=block_cms, seed=key, name=name))
            self.tilings.append(tiling)
            source, block_size, block_cms = tiling.grid, params.n_units, params.n_cms
        self.n_frames = 0

    # ---- work -------------------------------------------------------------------------------------------------

    def learn(self, frames: Any, trace: bool = False) -> Trace:
        """Learn frames, each in one presentation, all levels in one pass; level n + 1 learns the new codes of
        level n.
        """
        codes = self._codes(frames)
        made = self._run(codes, learn=True, first=self.n_frames, trace=trace)
        self.n_frames += len(codes)
        return made

    def recognise(self, frames: Any, trace: bool = False, *, first_item: int = 0, n_threads: int = 1) -> Trace:
        """Codes and familiarity of frames, without changing the memory."""
        return self._run(self._codes(frames), learn=False, first=first_item, trace=trace, n_threads=n_threads)

    def _run(self, codes: SDR, learn: bool, first: int, trace: bool, n_threads: int = 1) -> Trace:
        events = []
        for sheet in self.sheets:
            part = sheet.run(codes, learn, first, trace=trace, n_threads=n_threads)
            codes = part.codes(sheet.n_macs, sheet.params.n_cells)
            events.append(part)
        return Trace(events, self.sheets)

    def _codes(self, frames: Any) -> SDR:
        size = self.input_shape[0] * self.input_shape[1]
        if isinstance(frames, SDR):
            return as_sdr(frames, size, what="frames")
        if isinstance(frames, Iterable) and not isinstance(frames, (np.ndarray, list, tuple)):
            frames = list(frames)
        array = np.asarray(frames)
        if array.ndim == 2:
            array = array[None]
        if array.ndim != 3 or array.shape[1:] != self.input_shape:
            raise CodeError(
                "frames", got=f"shape {array.shape}", expected=f"(T, {self.input_shape[0]}, {self.input_shape[1]})"
            )
        return as_sdr(array.reshape(len(array), size), size, what="frames")

    def reset(self) -> None:
        """Forget everything."""
        for sheet in self.sheets:
            sheet.reset()
        self.n_frames = 0

    # ---- what it is ---------------------------------------------------------------------------------------------

    @property
    def n_weights(self) -> int:
        """Weights of all levels."""
        return sum(sheet.n_synapses for sheet in self.sheets)

    @property
    def n_bytes(self) -> int:
        """Bytes of all levels, told before they are taken."""
        return sum(sheet.n_bytes for sheet in self.sheets)

    @property
    def traffic(self) -> Traffic:
        """Running total of all levels."""
        total = Traffic()
        for sheet in self.sheets:
            total += sheet.traffic
        return total

    @property
    def params(self) -> dict[str, Any]:
        """What it was built from, for files."""
        return {
            "input_shape": list(self.input_shape),
            "levels": [level.model_dump(mode="json") for level in self.level_params],
        }

    def network(self) -> "Network":
        """The same levels as fields ``L0``, ``L1`` ... of an engine network, joined without delay; memory is shared."""
        from sdrsim.engine.network import Network

        net = Network(seed=self.seed)
        for i, sheet in enumerate(self.sheets):
            net.add(f"L{i}", sheet)
            if i:
                net.connect(f"L{i - 1}", f"L{i}", port="U", delay=0)
        return net

    def draw(self, ax: Any) -> Any:
        """Draw the grids and apertures on a given axis: each level a row, a point per mac, a bar as wide as its
        aperture.
        """
        n = len(self.sheets)
        width = float(self.input_shape[1])
        left = np.arange(self.input_shape[1]) / width
        right = left + 1 / width
        ax.plot([0, 1], [0, 0], color="0.6", linewidth=6, solid_capstyle="butt")
        for i, tiling in enumerate(self.tilings):
            starts = tiling.column_starts
            left, right = left[starts], right[starts + tiling.aperture[1] - 1]
            for a, b in zip(left, right):
                ax.plot([a, b], [i + 1, i + 1], color=f"C{i}", alpha=0.35, linewidth=6, solid_capstyle="butt")
                ax.plot([(a + b) / 2], [i + 1], marker="o", markersize=3, color=f"C{i}")
            s = self.sheets[i]
            text = f"L{i}: {tiling.grid[0]} x {tiling.grid[1]} macs, Q {s.params.n_cms} x K {s.params.n_cells}"
            ax.annotate(text, (1.02, i + 1), va="center", fontsize=7)
        ax.annotate(f"{self.input_shape[0]} x {self.input_shape[1]} pixels", (1.02, 0), va="center", fontsize=7)
        ax.set_xlim(-0.02, 1.02)
        ax.set_ylim(-0.5, n + 0.5)
        ax.set_yticks([])
        ax.set_xlabel("columns of the frame")
        return ax

    def save(self, path: str | Path) -> Path:
        """Write parameters, seed and all memories to an HDF5 checkpoint."""
        if any(callable(level.psi) for level in self.level_params):
            raise ParameterError(
                "psi", got="your own function", expected="a named form", do="functions are not kept in files"
            )
        state = {
            "input_shape": list(self.input_shape),
            "levels": [level.to_json() for level in self.level_params],
            "seed": self.seed,
            "n_frames": self.n_frames,
            "sheets": {f"L{i}": sheet.state() for i, sheet in enumerate(self.sheets)},
        }
        return save_state(path, "sparsey hierarchy", state)

    @classmethod
    def load(cls, path: str | Path) -> "Hierarchy":
        """A hierarchy from `save`; continues exactly where the saved one stood."""
        state = load_state(path, "sparsey hierarchy")
        shape = (int(state["input_shape"][0]), int(state["input_shape"][1]))
        made = cls(shape, [Level.from_json(text) for text in state["levels"]], seed=state["seed"])
        for i, sheet in enumerate(made.sheets):
            sheet.restore(state["sheets"][f"L{i}"])
        made.n_frames = int(state["n_frames"])
        return made

    def __repr__(self) -> str:
        rows, columns = self.input_shape
        lines = [f"Hierarchy over {rows} x {columns} pixels, {self.n_weights:,} weights, {self.n_bytes:,} bytes"]
        for i, (sheet, tiling) in enumerate(zip(self.sheets, self.tilings)):
            p, (grid, aperture) = sheet.params, (tiling.grid, tiling.aperture)
            lines.append(
                f"  L{i}: {grid[0]} x {grid[1]} macs, Q {p.n_cms} x K {p.n_cells}, "
                f"aperture {aperture[0]} x {aperture[1]}, {sheet.n_synapses:,} weights "
                f"({100 * sheet.share_set:.1f} % set), {sheet.n_bytes:,} bytes"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{self!r}</pre>"
