"""Hierarchy: levels of macs over images, each level one field of the engine; only active macs cost work."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator, model_validator

from sdrsim.engine.checks import check_room, checked_pair
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import CodeError, ParameterError
from sdrsim.files.state import load_state, save_state
from sdrsim.models.sparsey.drawing import draw_hierarchy
from sdrsim.models.sparsey.params import CodeSelection, MacParams
from sdrsim.models.sparsey.sheet import MOST_ACTIVE, Sheet
from sdrsim.models.sparsey.trace import Trace
from sdrsim.models.sparsey.wiring import Tiling, tile, wire

if TYPE_CHECKING:
    from sdrsim.engine.network import Network

__all__ = ["Hierarchy", "Level", "Trace"]

Count = Annotated[int, Field(ge=1, strict=True)]


class Level(CodeSelection):
    """One level: where its macs look, and how each selects codes (`CodeSelection`).

    Parameters
    ----------
    aperture : (rows, columns)
        What each mac sees of the source: pixels, or macs of the level below.
    grid : (rows, columns) or None
        Macs, spread evenly from edge to edge (one mac stands in the middle). Give this or `stride`.
    stride : (rows, columns) or None
        Step between apertures; floor((n - p) / s) + 1 macs a side.
    **others
        See `CodeSelection`. Above the lowest level `pi_u_minus` and `pi_u_plus` count active macs.

    Examples
    --------
    >>> Level(aperture=(4, 4), stride=(2, 2), n_cms=8, n_cells=16, preset="features").match
    'cosine'
    """

    aperture: tuple[Count, Count]
    grid: tuple[Count, Count] | None = None
    stride: tuple[Count, Count] | None = None

    @field_validator("aperture", "grid", "stride", mode="before")
    @classmethod
    def _plain_pair(cls, value: Any) -> Any:
        """NumPy's whole numbers as Python's."""
        if isinstance(value, (tuple, list, np.ndarray)):
            return tuple(n.item() if isinstance(n, np.generic) else n for n in value)
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.grid is None) == (self.stride is None):
            got = f"grid={self.grid}, stride={self.stride}"
            raise ParameterError("Level", got=got, expected="one of the two", do="grid counts macs, stride steps")
        return self

    def mac_params(self, n_inputs: int) -> MacParams:
        """The parameters of each of its macs."""
        own = {n: getattr(self, n) for n in self.model_fields_set if n not in ("aperture", "grid", "stride")}
        return MacParams(n_inputs=n_inputs, **own)


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
        self.input_shape, self.seed = checked_pair("input_shape", input_shape), checked_seed(seed)
        self.level_params = list(levels) if isinstance(levels, Iterable) and not isinstance(levels, Level) else []
        if not self.level_params or any(not isinstance(level, Level) for level in self.level_params):
            raise ParameterError("levels", got=repr(levels), expected="a list of one Level or more, lowest first")
        self.sheets: list[Sheet] = []
        self.tilings: list[Tiling] = []
        source, block_size, block_cms = self.input_shape, 1, 1
        for i, level in enumerate(self.level_params):
            tiling = tile(source, level.aperture, level.grid, level.stride)
            params = level.mac_params(tiling.n_slots * block_size)
            _check_answers(i, params, tiling.n_slots, block_cms)
            wiring = wire(tiling, block_size)
            name, key = f"L{i}.U", self._level_seed(i, self.seed)
            self.sheets.append(Sheet(params, wiring, tiling.n_macs, block_cms=block_cms, seed=key, name=name))
            self.tilings.append(tiling)
            source, block_size, block_cms = tiling.grid, params.n_units, params.n_cms

    def _level_seed(self, level: int, seed: int) -> int:
        return subseed(seed, f"level {level}")

    # ---- work -------------------------------------------------------------------------------------------------

    def learn(self, frames: Any, trace: bool = False) -> Trace:
        """Learn frames, each in one presentation, all levels in one pass; level n + 1 learns the new codes of
        level n.

        Parameters
        ----------
        frames : (T, rows, columns) bool or 0/1 uint8, one frame (rows, columns), an iterable of frames, or codes over
            rows * columns pixels (SDR, CSR)
        trace : bool
            Record every row read and written, in order.

        Raises
        ------
        CodeError
            Frames of another shape or type; nothing was learned.
        CapacityError
            The levels do not fit into memory; nothing was taken.
        """
        codes = self._codes(frames)
        return self._run(codes, learn=True, first=self.n_frames, trace=trace)

    def recognise(
        self, frames: Any, trace: bool = False, *, first_item: int = 0, seed: int | None = None, n_threads: int = 1
    ) -> Trace:
        """Codes and familiarity of frames, without changing the memory.

        Ties (and all winners under ``winner='draw'``) are drawn by (seed, first_item + place in the call).

        Parameters
        ----------
        frames, trace
            As in `learn`.
        first_item : int
            Number of the first frame: a clip cut in two gives the same bits when the second call passes it.
        seed : int or None
            None: the hierarchy's; another one draws anew.
        n_threads : int
            Threads the frames are spread over; results do not depend on it.
        """
        codes = self._codes(frames)
        return self._run(codes, learn=False, first=first_item, trace=trace, seed=seed, n_threads=n_threads)

    def _run(
        self, codes: SDR, learn: bool, first: int, trace: bool, seed: int | None = None, n_threads: int = 1
    ) -> Trace:
        self.allocate()  # all levels, before any learns
        base, events = None if seed is None else checked_seed(seed), []
        for i, sheet in enumerate(self.sheets):
            key = None if base is None else self._level_seed(i, base)
            part = sheet.run(codes, learn, first, seed=key, trace=trace, n_threads=n_threads)
            codes = part.codes(sheet.n_macs, sheet.params.n_cells)
            events.append(part)
        return Trace(events, self.sheets)

    def _codes(self, frames: Any) -> SDR:
        rows, columns = self.input_shape
        if isinstance(frames, SDR) or hasattr(frames, "tocsr"):
            return as_sdr(frames, rows * columns, what="frames")
        array = _stacked(frames)
        if array.shape == self.input_shape:
            array = array[None]
        if array.ndim == 1 and not array.size and not isinstance(frames, np.ndarray):  # an empty list or stream
            array = np.zeros((0, rows, columns), np.bool_)
        if array.ndim != 3 or array.shape[1:] != self.input_shape:
            raise CodeError("frames", got=f"shape {array.shape}", expected=f"(T, {rows}, {columns})")
        if array.dtype not in (np.bool_, np.uint8):
            nan = array.dtype.kind == "f" and bool(np.isnan(array).any())
            raise CodeError(
                "frames", got="NaN" if nan else str(array.dtype), expected="bool or 0/1 uint8", do="binarise first"
            )
        return as_sdr(array.reshape(len(array), rows * columns), rows * columns, what="frames")

    def allocate(self) -> None:
        """Take the memory of all levels now, or of none when they do not fit."""
        missing = [sheet for sheet in self.sheets if not sheet.is_allocated]
        if missing:
            check_room("hierarchy", sum(sheet.n_bytes for sheet in missing))
            for sheet in missing:
                sheet.allocate()

    def reset(self) -> None:
        """Forget everything."""
        for sheet in self.sheets:
            sheet.reset()

    # ---- what it is ---------------------------------------------------------------------------------------------

    @property
    def n_frames(self) -> int:
        """Frames learned: the number of the next one."""
        return self.sheets[0].n_stored

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
        """What it was built from, for files; of your own psi only the name."""
        return {"input_shape": list(self.input_shape), "levels": [_plain(level) for level in self.level_params]}

    def network(self) -> "Network":
        """The same levels as fields ``L0``, ``L1`` ... of an engine network, joined without delay; memory is shared.

        Codes scheduled for ``L0`` at tick t are recognised as frame t; with ``sheet.learning = True`` on every sheet
        of `sheets` they are learned as frame t. A frame without active pixels is no event. What the network learns
        this hierarchy knows, and ``Simulator.reset`` makes both forget it.

        Examples
        --------
        >>> import numpy as np
        >>> from sdrsim import Simulator
        >>> h = Hierarchy((6, 6), [Level(aperture=(3, 3), grid=(2, 2), n_cms=4, n_cells=8)])
        >>> sim = Simulator(h.network())
        >>> seen = sim.monitor("L0", "code")
        >>> sim.schedule("L0", np.ones(36, bool), at=0)
        >>> sim.run()
        >>> seen.codes
        SDR(1 item over 128 units, 16.0 active on average)
        """
        from sdrsim.engine.network import Network

        net = Network(seed=self.seed)
        for i, sheet in enumerate(self.sheets):
            net.add(f"L{i}", sheet)
            if i:
                net.connect(f"L{i - 1}", f"L{i}", port="U", delay=0)
        return net

    def draw(self, ax: Any) -> Any:
        """Draw the levels on a matplotlib axis, lowest at the bottom, with the aperture of one mac of each; returns
        the axis.
        """
        return draw_hierarchy(ax, self.input_shape, self.tilings, self.sheets)

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
        return made

    def __repr__(self) -> str:
        rows, columns = self.input_shape
        about = f"{self.n_weights:,} weights, {self.n_bytes:,} bytes, {self.n_frames:,} frames learned"
        lines = [f"Hierarchy over {rows} x {columns} pixels, {about}"]
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


def _stacked(frames: Any) -> NDArray[Any]:
    """Frames as one array: an array as it is, else stacked."""
    if isinstance(frames, Iterable) and not isinstance(frames, (np.ndarray, str, bytes)):
        frames = list(frames)
    try:
        return np.asarray(frames)
    except ValueError:
        raise CodeError("frames", got="frames of several shapes", expected="one shape") from None


def _check_answers(level: int, params: MacParams, n_slots: int, block_cms: int) -> None:
    """Refuse a level whose macs could never be active, or see more than the kernels count."""
    low, high = params.floor_features(n_slots), min(params.ceiling_features(n_slots), n_slots)
    if low > high:
        got = f"pi_u_minus={params.pi_u_minus:g}, pi_u_plus={params.pi_u_plus:g}"
        of = "macs below" if level else "pixels"
        raise ParameterError(
            f"level {level}", got=got, expected=f"bounds that some number of the {n_slots} {of} each mac sees meets"
        )
    if level and n_slots * block_cms > MOST_ACTIVE:
        got = f"{n_slots} macs below of {block_cms} CMs"
        raise ParameterError(f"aperture of level {level}", got=got, expected=f"at most {MOST_ACTIVE} active inputs")


def _plain(level: Level) -> dict[str, Any]:
    """A level's parameters as JSON takes them."""
    values = level.model_dump(mode="python")
    psi = values["psi"]
    return {**values, "psi": psi if isinstance(psi, str) else getattr(psi, "__name__", "own psi")}
