"""Where the rows of a run's arrays land: every word, fill, write-back, burst and activate into the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.traffic import PHASES
from sdrsim.errors import ParameterError
from sdrsim.hardware.caching import Cached, by_popularity, by_trace, pages_opened, touches
from sdrsim.hardware.chip import Chip, Rooms
from sdrsim.hardware.levels import Level, in_bytes
from sdrsim.hardware.moves import Ledger
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.runs import Part, Run

__all__ = ["Landing", "Plan", "plans"]


@dataclass(frozen=True)
class Plan:
    """One array as placed: its policy, its rows in bytes (with the weight bits assumed), what scales its words."""

    name: str
    policy: str
    n_rows: int
    row_bytes: int
    scale: float

    @property
    def n_bytes(self) -> int:
        """All rows."""
        return self.n_rows * self.row_bytes

    @property
    def row_words(self) -> int:
        """64-bit words of a row."""
        return ceil(self.row_bytes / 8)


def plans(run: Run, chip: Chip, placement: Placement, reserved: int) -> tuple[list[Plan], list[str]]:
    """The policy of every array that was touched, 'auto' resolved; and what must be said of it.

    Raises
    ------
    sdrsim.errors.ParameterError
        A name that fits no array, words moved by a projection without an array, a cache without trace or law.
    """
    used = {part.projection for part in run.parts if part.counts["words_read"] or part.counts["words_written"]}
    _check_names(run, placement, used)
    made = []
    for name in run.tensors:
        if name in used:
            tensor = run.tensors[name]
            assumed = placement.weight_bits if tensor.role == "weight" else None
            scale = 1.0 if assumed is None else assumed / tensor.element_bits
            size = ceil(tensor.row_bytes * scale)
            made.append(Plan(name, placement.policy_of(name), tensor.n_rows, size, scale))
    auto, notes = _automatic(run, chip, placement, made, reserved)
    found = [Plan(p.name, auto, p.n_rows, p.row_bytes, p.scale) if p.policy == "auto" else p for p in made]
    if any(p.policy == "cache" for p in found) and chip.near:
        if run.trace is None and placement.popularity is None and not notes:
            raise ParameterError(
                "policy",
                got="cache, and no trace of the run",
                expected="recall(..., trace=True), or Placement(popularity='uniform')",
                do="or pin, stream, off_chip, auto",
            )
        if run.trace is not None and placement.batch > 1:
            got = f"batch={placement.batch} with a cache and a trace"
            raise ParameterError(
                "batch", got=got, expected="pin, stream or off_chip", do="a trace has the items one by one"
            )
    return found, notes


def _check_names(run: Run, placement: Placement, used: set[str]) -> None:
    lost = placement.unused(list(run.tensors), [part.projection for part in run.parts])
    if lost:
        raise ParameterError("placement", got=f"{', '.join(lost)}: no such array", expected=", ".join(run.tensors))
    nameless = sorted(used - {name for name, tensor in run.tensors.items() if tensor.row_bytes})
    if nameless:
        raise ParameterError("run", got=f"words moved by {', '.join(nameless)}", expected="an array behind them")


def _automatic(
    run: Run, chip: Chip, placement: Placement, made: Sequence[Plan], reserved: int
) -> tuple[str, list[str]]:
    """What 'auto' stands for in this run."""
    if all(p.policy != "auto" for p in made):
        return "auto", []
    if chip.far is None or any(level.kind == "cim" for level in chip.near):
        return "pin", []
    if run.trace is not None or placement.popularity is not None:
        return "cache", []
    if sum(p.n_bytes for p in made) + reserved <= chip.capacity_bytes:
        return "pin", []
    return "cache", ["uniform bound: no trace, rows taken as drawn uniformly at random (a sweep would hit less)"]


class Landing:
    """Counts where the rows of a run land.

    Parameters
    ----------
    run, chip, placement
    rooms : Rooms
        What buffers have left.
    ledger : Ledger
        Is added to.
    reuse : dict of (projection, phase) to float
        Share of the rows fetched when several items share one; 1 where absent.
    """

    def __init__(
        self,
        run: Run,
        chip: Chip,
        placement: Placement,
        rooms: Rooms,
        ledger: Ledger,
        reuse: Mapping[tuple[str, str], float],
    ) -> None:
        self.run, self.chip, self.placement, self.rooms, self.ledger = run, chip, placement, rooms, ledger
        self.reuse = reuse
        self.dirty_bytes = 0

    def land(self, found: Sequence[Plan]) -> None:
        """Everything: pins first, then what passes through, then what shares the room that is left."""
        for plan in found:
            if plan.policy.startswith("pin"):
                self._pinned(plan)
        for plan in found:
            if plan.policy in ("stream", "off_chip"):
                self._passing(plan)
        cached = [plan for plan in found if plan.policy == "cache"]
        if cached:
            self._cached(cached)

    def _parts(self, plan: Plan) -> list[Part]:
        return [part for part in self.run.parts if part.projection == plan.name]

    def _words(self, part: Part, plan: Plan) -> tuple[int, int]:
        """64-bit words read and written, with weight bits assumed, shared fetches, and silent stores as asked."""
        share = self.reuse.get((part.projection, part.phase), 1.0) * plan.scale
        written = part.counts["words_written"]
        if self.placement.silent_store:
            written -= part.counts.get("words_silent", 0)
        return ceil(part.counts["words_read"] * share), ceil(written * plan.scale)

    def _touched(self, part: Part, plan: Plan) -> int:
        """Rows touched, those that a batch shares once."""
        return ceil(touches(part, plan.row_words) * self.reuse.get((part.projection, part.phase), 1.0))

    def _where(self, part: Part) -> tuple[str, str, str]:
        return part.projection, part.phase, part.tensor.role

    def _access(self, part: Part, plan: Plan, level: Level) -> None:
        """Words read from and written to the memory that holds the rows, in its own words."""
        read, written = self._words(part, plan)
        n_touched = self._touched(part, plan)
        for what, words in (("read", read), ("write", written)):
            if words:
                n = _accesses(words, n_touched, level.word_bits)
                self.ledger.words(self._where(part), level, what, n, min(8 * words, n * level.word_bits // 8))

    def _pinned(self, plan: Plan) -> None:
        crossbars = [level.name for level in self.chip.near if level.kind == "cim"]
        level = self.rooms.pin(plan.name, plan.n_bytes, plan.policy.partition(":")[2] or "".join(crossbars[:1]))
        for part in self._parts(plan):
            if level.kind == "cim":
                self._crossbar(part, plan, level)
            else:
                self._access(part, plan, level)

    def _crossbar(self, part: Part, plan: Plan, level: Level) -> None:
        """Rows driven, cells read, one conversion for every sum and bit of an element; cells written."""
        bits = max(1, round(plan.scale * part.element_bits))
        _, written = self._words(part, plan)
        counts = {
            "dac": part.counts["rows_read"] if part.counts["sums"] else 0,
            "cell_read": part.counts["synops"] * bits if part.counts["sums"] else 0,
            "adc": part.counts["sums"] * bits,
            "shift_add": part.counts["sums"] * bits,
            "cell_write": 64 * written,
        }
        for operation, n in counts.items():
            where = (part.projection, part.phase, part.tensor.role)
            self.ledger.add(where, level.name, True, operation, f"compute.{operation}", n)

    def _passing(self, plan: Plan) -> None:
        """Streamed, or never kept: rows come from off the chip; a streamed array that fits whole is loaded once."""
        stays = self._room_for(plan) if plan.policy == "stream" else None
        for i, part in enumerate(self._parts(plan)):
            where, (read, written) = self._where(part), self._words(part, plan)
            if stays is not None:
                self._access(part, plan, stays)
                if i == 0 and (part.counts["rows_read"] or part.phase != "learn"):
                    self._load(
                        where, plan, plan.n_rows, stays, ceil(plan.n_bytes / (self._page() or plan.n_bytes or 1))
                    )
                continue
            far = self.chip.beyond(f"rows of {plan.name!r}")
            through = self.chip.near[:1] if plan.policy == "stream" else ()
            n_touched = self._touched(part, plan)
            for level in through:
                self._access(part, plan, level)
                n_fill = _accesses(read, n_touched, level.word_bits)
                self.ledger.words(where, level, "fill", n_fill, min(8 * read, n_fill * level.word_bits // 8))
            to_open = 0 if plan.policy == "stream" else self._opened(part, plan, far)
            for write, words in ((False, read), (True, written)):
                if words:
                    n = _bursts(words, n_touched, plan, far)
                    in_order = ceil(n * far.burst_bytes / page) if (page := far.page_bytes) else 0
                    n_activates = in_order if plan.policy == "stream" else min(n, to_open)
                    to_open -= min(n, to_open)  # a write finds the page that the read before it has opened
                    useful = min(8 * words, n_touched * plan.row_bytes)
                    self.ledger.bursts(where, far, write, n, n_activates, useful)

    def _opened(self, part: Part, plan: Plan, far: Level) -> int:
        """Pages opened where every row is fetched from off the chip."""
        tracked = self._tracked([plan], 0)
        if tracked is None:
            twice = self.placement.page_policy == "closed" and all(self._words(part, plan))
            return self._touched(part, plan) * _pages(plan.row_bytes, far) * (2 if twice else 1)
        return int(tracked[list(self.run.tensors).index(plan.name), PHASES.index(part.phase)])

    def _page(self) -> int | None:
        return None if self.chip.far is None else self.chip.far.page_bytes

    def _room_for(self, plan: Plan) -> Level | None:
        """The memory in which the whole array stays, its room taken; None where it does not fit."""
        if any(left >= plan.n_bytes for left in self.rooms.left):
            return self.rooms.pin(plan.name, plan.n_bytes)
        return None

    def _load(self, where: tuple[str, str, str], plan: Plan, n_rows: int, into: Level, n_activates: int) -> None:
        """Rows brought in from off the chip, into the farthest memory on it."""
        far = self.chip.beyond(f"rows of {plan.name!r}")
        n = n_rows * ceil(plan.row_bytes / far.burst_bytes)
        self.ledger.bursts(where, far, False, n, n_activates, n_rows * plan.row_bytes)
        n_words = n_rows * ceil(8 * plan.row_bytes / into.word_bits)
        self.ledger.words(where, into, "fill", n_words, n_rows * plan.row_bytes)

    # ---- caches ---------------------------------------------------------------------------------------------------

    def _cached(self, found: Sequence[Plan]) -> None:
        left = [0 if level.kind == "cim" else room for level, room in zip(self.chip.near, self.rooms.left)]
        near = [i for i, room in enumerate(left) if room > max(left[:i], default=0)]  # less than nearer: nothing to add
        fits = [plan for plan in found if any(plan.row_bytes <= self.rooms.left[i] for i in near)]
        for plan in found:
            if plan not in fits:  # no memory holds a single row
                self._passing(Plan(plan.name, "off_chip", plan.n_rows, plan.row_bytes, plan.scale))
        if not fits:
            return
        sizes, rooms = {plan.name: plan.row_bytes for plan in fits}, [self.rooms.left[i] for i in near]
        use_trace = self.run.trace is not None and self.placement.popularity is None
        made = by_trace(self.run, sizes, rooms) if use_trace else self._by_law(sizes, rooms)
        self.dirty_bytes += int(made.dirty_bytes[-1])
        activates = self._activates(fits, made, rooms[-1], use_trace)
        names, levels = list(self.run.tensors), [self.chip.near[i] for i in near]
        for plan in fits:
            first = next(j for j, room in enumerate(rooms) if plan.row_bytes <= room)
            for part in self._parts(plan):
                at = names.index(plan.name), PHASES.index(part.phase)
                self._access(part, plan, levels[first])
                counts, n_written = part.counts, int(made.writes[at])
                whole = not counts["words_read"] and counts["words_written"] >= n_written * plan.row_words > 0
                loads = made.loads[at] * (not whole)  # rows that are written from end to end need not be loaded
                self._chain(part, plan, levels[first:], loads[first:], made.write_backs[at][first:])
                loads, backs = int(loads[-1]), int(made.write_backs[at][-1])
                self._far(part, plan, loads, backs, activates[plan.name, part.phase])

    def _by_law(self, sizes: Mapping[str, int], rooms: Sequence[int]) -> Cached:
        return by_popularity(self.run, sizes, rooms, self.placement.zipf)

    def _chain(
        self, part: Part, plan: Plan, levels: Sequence[Level], loads: Sequence[int], backs: Sequence[int]
    ) -> None:
        """Fills and write-backs from memory to memory on the chip."""
        where = self._where(part)
        for j, level in enumerate(levels):
            words = ceil(8 * plan.row_bytes / level.word_bits)
            n_in, n_out = int(loads[j]), int(backs[j])
            self.ledger.words(where, level, "fill", n_in * words, n_in * plan.row_bytes)
            self.ledger.words(where, level, "write back", n_out * words, n_out * plan.row_bytes)
            if j + 1 < len(levels):
                farther = levels[j + 1]
                words = ceil(8 * plan.row_bytes / farther.word_bits)
                self.ledger.words(where, farther, "read", n_in * words, n_in * plan.row_bytes)
                self.ledger.words(where, farther, "write", n_out * words, n_out * plan.row_bytes)

    def _far(self, part: Part, plan: Plan, loads: int, backs: int, n_activates: int) -> None:
        if not loads and not backs:
            return
        far = self.chip.beyond(f"rows of {plan.name!r}, {in_bytes(plan.n_bytes)}")
        bursts, pages = ceil(plan.row_bytes / far.burst_bytes), _pages(plan.row_bytes, far)
        self.ledger.bursts(self._where(part), far, False, loads * bursts, n_activates, loads * plan.row_bytes)
        self.ledger.bursts(self._where(part), far, True, backs * bursts, backs * pages, backs * plan.row_bytes)

    def _activates(self, found: Sequence[Plan], made: Cached, room: int, use_trace: bool) -> dict[tuple[str, str], int]:
        """Pages opened for the loads: tracked along the misses of a trace, else those that each row lies in."""
        far, names = self.chip.far, list(self.run.tensors)
        tracked = self._tracked(found, room) if use_trace else None
        opened = {}
        for plan in found:
            for p, phase in enumerate(PHASES):
                at = names.index(plan.name), p
                each = int(made.loads[at][-1]) * (_pages(plan.row_bytes, far) if far is not None else 0)
                opened[plan.name, phase] = each if tracked is None else int(tracked[at])
        return opened

    def _tracked(self, found: Sequence[Plan], room: int) -> NDArray[np.int64] | None:
        far = self.chip.far
        if far is None or far.dram is None or self.run.trace is None:
            return None
        sizes = {plan.name: plan.row_bytes for plan in found}
        return pages_opened(self.run, sizes, room, far, self.placement.page_policy)


def _accesses(words: int, n_rows: int, word_bits: int) -> int:
    """Accesses of a memory for 64-bit words of some rows: a narrower port takes several, a wider one several words."""
    if word_bits <= 64:
        return words * ceil(64 / word_bits)
    if not n_rows:
        return ceil(64 * words / word_bits)
    per_row = 64 * words / n_rows
    return min(words, n_rows * ceil(per_row / word_bits))


def _bursts(words: int, n_rows: int, plan: Plan, far: Level) -> int:
    """Bursts for words of some rows: whole rows as they lie; words here and there one burst each, a row's at most."""
    whole = n_rows * ceil(plan.row_bytes / far.burst_bytes)
    return whole if words >= n_rows * plan.row_words else min(words, whole)


def _pages(row_bytes: int, far: Level) -> int:
    return ceil(row_bytes / far.page_bytes) if far.page_bytes else 0
