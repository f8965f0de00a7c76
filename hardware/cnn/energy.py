"""A convolutional network priced as a memory is: layer by layer, into the same ledger, with the same prices.

The model (ours, a reconstruction: an accelerator without fusion). Layers are computed one after another, all images of
a batch in one before the next begins. A layer reads each weight once a batch and each activation once, from where they
lie, and writes its output once; inside the layer everything is reused without cost, so that real machines move more.
Activations stay on the chip from the layer that makes them to the last that reads them, as far as there is room; the
part without room is written off the chip and read from there. Weights are resident when all of them fit beside the
activations of the fullest moment, and else are streamed from off the chip once a batch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, prod
from typing import get_args

from sdrsim.engine.traffic import COUNTERS, Tensor
from sdrsim.errors import ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.chip import Chip, Rooms, fitted
from sdrsim.hardware.cnn.conventions import CONVENTIONS, Convention, Placed, checked, lifetimes
from sdrsim.hardware.cnn.convnet import ConvNet
from sdrsim.hardware.counting import Counted, as_placement
from sdrsim.hardware.estimating import as_card, warn_mixed
from sdrsim.hardware.levels import Level
from sdrsim.hardware.moves import Ledger
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.pricing import priced, times
from sdrsim.hardware.report import Report
from sdrsim.hardware.runs import Part, Run

__all__ = ["energy"]

_PHASE = "retrieve"
_MOVING = ("conv_io", "blob", "netscope")  # conventions that say what a layer reads and writes
_LEARNED = ("conv", "fc")
_OPERATIONS = ((8, ("mac_int8",)), (16, ("mul_fp16", "add_fp16")), (32, ("mul_fp32", "add_fp32")))
_ELEMENTS = ((1, "bit"), (8, "int8"), (16, "float16"), (32, "float32"))
assert set(_MOVING) < set(get_args(Convention))


def energy(
    net: ConvNet,
    card: Card | str,
    placement: Placement | int | None = None,
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
    convention: Convention = "blob",
    batch: int = 1,
    n_batches: int = 1,
) -> Report:
    """Energy, time and data movement of a convolutional network at work.

    Parameters
    ----------
    net : ConvNet
    card : Card or str
        One that prices accesses; not a chip priced by the event, nor a crossbar.
    placement : Placement, int or None
        A number is `Placement.on_chip_bytes`. `Placement.tensors` names layers, for their weights: ``pin`` (loading not
        counted), ``off_chip`` (never kept), else resident or streamed as the module says. ``codes="off_chip"`` keeps
        all activations off the chip. ``spill="activations"``: weights take their room first.
    weight_bits, activation_bits : int
        1 to 32. Up to 8, a MAC is one of 8-bit integers; up to 16 and 32, of floating point.
    convention : {'blob', 'netscope', 'conv_io'}
        Which layers read and write: all but those in place; all; conv and fc alone (the others cost nothing). 'conv'
        and 'peak' do not say what is read.
    batch : int
        Images that go through a layer together: weights move once for all, activations take `batch` times the room.
    n_batches : int
        Batches one after another; resident weights are loaded once for all.

    Returns
    -------
    Report
        Entries by layer (``projection``). ``split()["off_chip"]`` tells activations from weights; `synops` are MACs,
        `n_items` images.

    Raises
    ------
    sdrsim.errors.ParameterError
        Bits or batches out of range; a convention, card or placement that does not fit.
    sdrsim.errors.CapacityError
        Weights pinned that do not fit.

    Examples
    --------
    >>> from sdrsim.hardware import cnn
    >>> report = cnn.energy(cnn.load("squeezenet_v1_0"), "cmos45_ddr4", 1 << 20)
    >>> report.synops, report.bytes_moved(False, "weight"), report.bytes_moved(False, "activation")
    (847596576, 1248640, 1783296)
    >>> everything = cnn.energy(cnn.load("squeezenet_v1_0"), "cmos45_ddr4", 64 << 20)
    >>> everything.bytes_moved(False, "activation"), 3 * 224 * 224
    (150528, 150528)
    """
    if not isinstance(net, ConvNet):
        raise ParameterError("net", got=type(net).__name__, expected="a ConvNet, as cnn.load gives it")
    card, placement = as_card(card), as_placement(placement)
    job = _Job(net, weight_bits, activation_bits, _checked(convention), batch, n_batches)
    _refuse(job, card, placement)
    chip, ledger = fitted(card, placement), Ledger()
    rooms = Rooms(chip)
    kept = _count_weights(job, chip, placement, rooms, ledger)
    _count_activations(job, chip, placement, rooms, ledger)
    missing = _count_macs(job, chip, ledger)
    counted = Counted(chip, ledger, tuple(_said(job, kept)), tuple(_left_out(chip, placement, missing)))
    taken = times(ledger, chip, placement, n_batches)
    entries = tuple(priced(ledger, chip, taken.total, placement))
    report = Report(card, placement, _run(job), entries, counted, taken, job.n_images)
    if len(report.nodes) > 1:
        warn_mixed(card, report.nodes, 3)
    return report


@dataclass(frozen=True)
class _Job:
    """What is asked for, and the sizes that follow: bytes of each blob (of a batch) and of each layer's weights."""

    net: ConvNet
    weight_bits: int
    activation_bits: int
    convention: str
    batch: int
    n_batches: int
    sizes: Mapping[int, int] = field(init=False)
    weights: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        for name, most in (("weight_bits", 32), ("activation_bits", 32), ("batch", None), ("n_batches", None)):
            n = getattr(self, name)
            if isinstance(n, bool) or not isinstance(n, int) or n < 1 or (most and n > most):
                expected = f"a whole number, 1 to {most}" if most else "a whole number from 1 on"
                raise ParameterError(name, got=repr(n), expected=expected)
        sizes = {}
        for p in self.net.placed:
            for blob, shape in zip(p.writes, p.out_shapes):
                sizes[blob] = ceil(self.batch * prod(shape) * self.activation_bits / 8)
        object.__setattr__(self, "sizes", sizes)
        weights = {p.layer.name: ceil(p.parameters * self.weight_bits / 8) for p in self.net.placed if p.parameters}
        object.__setattr__(self, "weights", weights)

    @property
    def n_images(self) -> int:
        return self.batch * self.n_batches

    def moves(self, p: Placed) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Blobs that a layer reads and writes, by the convention."""
        if self.convention == "conv_io" and p.layer.type not in _LEARNED:
            return (), ()
        if self.convention == "blob" and p.layer.in_place:  # done where its blob is made; what it adds is read
            return tuple(blob for blob in p.reads if blob not in p.writes), ()
        return p.reads, p.writes

    def peak_bytes(self) -> int:
        """Bytes of activations at the fullest moment."""
        steps = [0] * (len(self.net.placed) + 1)
        for blob, (first, last) in lifetimes(self.net.placed).items():
            steps[first] += self.sizes[blob]
            steps[last + 1] -= self.sizes[blob]
        now, most = 0, 0
        for change in steps:
            now += change
            most = max(most, now)
        return most


def _checked(convention: str) -> str:
    if checked(convention) not in _MOVING:
        expected, do = ", ".join(_MOVING), f"{convention} does not say what is read"
        raise ParameterError("convention", got=repr(convention), expected=expected, do=do)
    return convention


def _refuse(job: _Job, card: Card, placement: Placement) -> None:
    """What the model has no answer for."""
    if card.basis == "event" or any(level.kind == "cim" for level in card.levels):
        kind = "prices events" if card.basis == "event" else "computes in a crossbar"
        raise ParameterError("card", got=f"{card.name}: {kind}", expected="a card that prices accesses")
    alien = {
        "popularity": placement.popularity is not None,
        "routes": bool(placement.routes),
        "accumulators": placement.accumulators != "reg",
        "weight_bits": placement.weight_bits not in (None, job.weight_bits),
        "batch": placement.batch not in (1, job.batch),
    }
    if lost := [name for name, is_set in alien.items() if is_set]:
        do = "weight_bits and batch are arguments of energy; the others belong to memories"
        raise ParameterError("placement", got=", ".join(lost), expected="none of it here", do=do)
    if unused := placement.unused(list(job.weights), []):
        raise ParameterError("placement", got=f"{', '.join(unused)}: no such layer", expected="layers with weights")


# ---- weights ------------------------------------------------------------------------------------------------------


def _count_weights(job: _Job, chip: Chip, placement: Placement, rooms: Rooms, ledger: Ledger) -> str:
    """Weights into the ledger, residents' room taken; how those lie that nobody placed."""
    policies = {name: placement.policy_of(name) for name in job.weights}
    for name, policy in policies.items():
        if policy.startswith("pin"):
            level = rooms.pin(f"weights of {name}", job.weights[name], policy.partition(":")[2])
            _read_on_chip(job, name, level, ledger)
    rest = {name: job.weights[name] for name, policy in policies.items() if policy in ("auto", "stream", "cache")}
    away = placement.codes == "off_chip" or placement.spill == "activations"
    room = rooms.left[-1] - (0 if away else job.peak_bytes()) if chip.near else 0
    fits = bool(rest) and bool(chip.near) and sum(rest.values()) <= room
    for name, n_bytes in rest.items():
        if fits:
            _load(chip, (name, _PHASE, "weight"), n_bytes, 1, chip.near[-1], ledger)
            _read_on_chip(job, name, rooms.pin(name, n_bytes, chip.near[-1].name), ledger)
        else:
            near = chip.near[0] if chip.near else None
            _load(chip, (name, _PHASE, "weight"), n_bytes, job.n_batches, near, ledger, must=True)
            if near is not None:
                _read_on_chip(job, name, near, ledger)
    for name, policy in policies.items():
        if policy == "off_chip":
            _load(chip, (name, _PHASE, "weight"), job.weights[name], job.n_batches, None, ledger, must=True)
    if not rest:
        return "placed by name"
    return "resident, loaded once" if fits else "streamed from off the chip once a batch"


def _read_on_chip(job: _Job, name: str, level: Level, ledger: Ledger) -> None:
    """A layer's weights read once a batch."""
    n_bytes = job.weights[name]
    ledger.words(
        (name, _PHASE, "weight"), level, "read", _words(n_bytes, level) * job.n_batches, n_bytes * job.n_batches
    )


def _load(
    chip: Chip,
    where: tuple[str, str, str],
    n_bytes: int,
    times_over: int,
    into: Level | None,
    ledger: Ledger,
    must: bool = False,
) -> None:
    """In order from off the chip, and into a memory on it; a chip with nothing beside it loads what fits unseen."""
    if chip.far is None and not must:
        return
    _off_chip(chip, where, False, n_bytes, times_over, ledger)
    if into is not None:
        ledger.words(where, into, "fill", _words(n_bytes, into) * times_over, n_bytes * times_over)


def _off_chip(
    chip: Chip, where: tuple[str, str, str], write: bool, n_bytes: int, times_over: int, ledger: Ledger
) -> None:
    """Bytes in order: whole bursts, each page opened once."""
    far = chip.beyond(f"{where[2]}s of {where[0]!r}")
    n_pages = ceil(n_bytes / far.page_bytes) if far.page_bytes else 0
    ledger.bursts(
        where, far, write, ceil(n_bytes / far.burst_bytes) * times_over, n_pages * times_over, n_bytes * times_over
    )


def _words(n_bytes: int, level: Level) -> int:
    return ceil(8 * n_bytes / level.word_bits)


# ---- activations --------------------------------------------------------------------------------------------------


def homes(job: _Job, rooms: list[int]) -> dict[int, tuple[int, ...]]:
    """Bytes of each blob in each memory on the chip, nearest first, and last those off it.

    First come, first served: a blob takes what room there is when it is made, and gives it back after its last reader.
    A farther memory holds all that a nearer one does. A byte more of room keeps at most a byte more at any time and
    never less: what moves off the chip never rises with capacity.
    """
    lives = lifetimes(job.net.placed)
    free, held, found = list(rooms), {}, {}
    ending: dict[int, list[int]] = {}
    for blob, (_, last) in lives.items():
        ending.setdefault(last, []).append(blob)
    for t, p in enumerate(job.net.placed):
        for blob in p.writes:
            if blob not in held:
                size = most = job.sizes[blob]
                reach = []
                for level in reversed(range(len(free))):
                    most = min(most, free[level])
                    free[level] -= most
                    reach.append(most)
                reach.reverse()  # held by the first memory, by the first two, ...
                held[blob] = reach
                found[blob] = tuple(b - a for a, b in zip([0, *reach], [*reach, size]))
        for blob in ending.get(t, ()):
            free = [room + kept for room, kept in zip(free, held[blob])]
    return found


def _count_activations(job: _Job, chip: Chip, placement: Placement, rooms: Rooms, ledger: Ledger) -> None:
    left = [0] * len(chip.near) if placement.codes == "off_chip" else [max(0, room) for room in rooms.left]
    found = homes(job, left)
    wanted = {blob for p in job.net.placed for blob in job.moves(p)[0]}
    for p in job.net.placed:
        where = (p.layer.name, _PHASE, "activation")
        if p.layer.type == "input":  # the image comes from off the chip; what has no room stays there
            for n_bytes, level in zip(found[p.writes[0]], chip.near):
                if n_bytes and p.writes[0] in wanted:
                    _load(chip, where, n_bytes, job.n_batches, level, ledger)
            continue
        reads, writes = job.moves(p)
        for blob in reads:
            _access(job, chip, where, found[blob], False, ledger)
        for blob in writes:
            _access(job, chip, where, found[blob], True, ledger)


def _access(
    job: _Job, chip: Chip, where: tuple[str, str, str], lying: tuple[int, ...], write: bool, ledger: Ledger
) -> None:
    """A whole blob read or written once a batch, at the memories that hold its parts."""
    for n_bytes, level in zip(lying, chip.near):
        if n_bytes:
            n = _words(n_bytes, level) * job.n_batches
            ledger.words(where, level, "write" if write else "read", n, n_bytes * job.n_batches)
    if lying[-1]:
        _off_chip(chip, where, write, lying[-1], job.n_batches, ledger)


# ---- MACs, and what must be said ------------------------------------------------------------------------------------


def _count_macs(job: _Job, chip: Chip, ledger: Ledger) -> list[str]:
    """MACs, and registers where the card prices them; the operations that it does not."""
    bits = max(job.weight_bits, job.activation_bits)
    names = next(names for most, names in _OPERATIONS if bits <= most)
    register = next((level for level in chip.card.on_chip if level.kind == "reg"), None)
    for p in job.net.placed:
        n = p.macs * job.n_images
        for name in names:
            if name in chip.card.compute:
                ledger.compute((p.layer.name, _PHASE), name, n)
        if register is not None:  # weight, activation and sum read, sum written
            for role, width, what in (
                ("weight", job.weight_bits, "read"),
                ("activation", job.activation_bits, "read"),
                ("state", register.word_bits, "read"),
                ("state", register.word_bits, "write"),
            ):
                ledger.words((p.layer.name, _PHASE, role), register, what, n * ceil(width / register.word_bits))
    return [name for name in names if name not in chip.card.compute]


def _run(job: _Job) -> Run:
    """The network as a run: MACs as synaptic operations, the weights of each layer as its array."""
    element = next(name for most, name in _ELEMENTS if job.weight_bits <= most)
    parts, tensors = [], {}
    for p in job.net.placed:
        if p.parameters or p.macs:
            n_bytes = job.weights.get(p.layer.name, 0)
            n_rows = max(1, p.layer.out[0] if p.layer.type in _LEARNED else 1)
            tensor = Tensor(n_rows, ceil(n_bytes / n_rows), element=element, arithmetic="mac")
            counts = dict.fromkeys(COUNTERS, 0) | {
                "synops": p.macs * job.n_images,
                "words_read": ceil(n_bytes / 8) * job.n_batches,
                "sums": p.out_elements * job.n_images if p.macs else 0,
            }
            parts.append(Part(p.layer.name, _PHASE, counts, tensor))
            tensors[p.layer.name] = tensor
    return Run(tuple(parts), tensors, name=job.net.name)


def _said(job: _Job, kept: str) -> list[str]:
    bits = f"{job.weight_bits}-bit weights and {job.activation_bits}-bit activations: assumed, nothing was run"
    notes = [
        "layer by layer, no fusion; in a layer every operand moves once, reuse costs nothing: real machines move more",
        f"what a layer reads and writes by {job.convention} ({CONVENTIONS[job.convention]})",
        bits + ("; MACs priced as those of 8 bits" if max(job.weight_bits, job.activation_bits) < 8 else ""),
        f"weights {kept}; room for what passes through is not taken",
    ]
    if job.batch > 1:
        notes.append(f"batches of {job.batch}: all images in a layer before the next")
    return notes


def _left_out(chip: Chip, placement: Placement, missing: list[str]) -> list[str]:
    lost = [f"{', '.join(missing)}: no price on this card"] if missing else []
    if any(policy.startswith("pin") for policy in (placement.policy, *placement.tensors.values())):
        lost.append("loading what is pinned")
    if chip.far is None:
        lost.append("loading weights and images: this card has no memory off the chip")
    return [
        *lost,
        "operations of pools, normalisation, rectifiers and sums of maps (what they move is counted)",
        "partial sums, moving the result off the chip, network",
    ]
