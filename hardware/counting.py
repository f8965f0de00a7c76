"""First stage of an estimate: a run, a card and a placement become whole numbers of priced things."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from sdrsim.engine.traffic import PHASES, address_bits
from sdrsim.errors import CapacityError, ParameterError
from sdrsim.hardware.buffers import buffer_bytes, count_buffers
from sdrsim.hardware.card import Card
from sdrsim.hardware.chip import Chip, Rooms, fitted
from sdrsim.hardware.landing import Landing, Plan, plans
from sdrsim.hardware.levels import in_bytes
from sdrsim.hardware.mesh import xy_hops
from sdrsim.hardware.moves import Ledger
from sdrsim.hardware.operations import is_wider, operations
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.runs import Part, Run

__all__ = ["Counted", "as_placement", "count"]

_DIGITAL = ("neuron_update", "compare", "rng")  # what stays outside a crossbar


@dataclass(frozen=True)
class Counted:
    """Whole numbers, no price yet.

    Attributes
    ----------
    chip : Chip
    ledger : Ledger
    notes : tuple of str
        What was assumed.
    not_counted : tuple of str
        What stayed out.
    dirty_bytes : int
        Changed on the chip and still there at the end.
    """

    chip: Chip
    ledger: Ledger
    notes: tuple[str, ...] = ()
    not_counted: tuple[str, ...] = ()
    dirty_bytes: int = 0
    plans: tuple[Plan, ...] = ()


def count(run: Run, card: Card, placement: Placement, n_items: int | None = None) -> Counted:
    """Where everything that a run moved lands, and what it computed.

    Raises
    ------
    sdrsim.errors.ParameterError, sdrsim.errors.CapacityError
        See `Placement` and `estimate`.
    """
    chip, ledger = fitted(card, placement), Ledger()
    rooms = Rooms(chip)
    buffers = buffer_bytes(run, placement)
    found, notes = plans(run, chip, placement, buffers)
    _check_room(chip, sum(p.n_bytes for p in found if not p.policy.startswith("pin")))
    if placement.spill == "weights":
        rooms.reserve(buffers)
        taken = 0
    else:
        taken = sum(p.n_bytes for p in found if p.policy != "off_chip")
    landing = Landing(run, chip, placement, rooms, ledger, _reuse(run, placement, n_items))
    landing.land(found)
    count_buffers(run, chip, placement, rooms, taken, ledger, n_items)
    for part in run.parts:
        analog = _in_crossbar(part, chip, found)
        for operation, n in operations(part, card.basis, _assumed_bits(part, placement)):
            if not (analog and operation not in _DIGITAL):
                _count_operation(part, operation, n, card, ledger)
        _count_messages(part, card, placement, ledger)
    return Counted(
        chip,
        ledger,
        (*notes, *_said(run, chip, placement, found)),
        tuple(_left_out(run, card, placement, landing, found)),
        landing.dirty_bytes,
        tuple(found),
    )


def _assumed_bits(part: Part, placement: Placement) -> int | None:
    return placement.weight_bits if part.tensor.role == "weight" else None


def _in_crossbar(part: Part, chip: Chip, found: Sequence[Plan]) -> bool:
    """Whether its sums are formed by a crossbar, which `Landing` has counted."""
    crossbars = [f"pin:{level.name}" for level in chip.near if level.kind == "cim"]
    policies = [plan.policy for plan in found if plan.name == part.projection]
    return bool(crossbars) and any(policy in ("pin", "pin:", *crossbars) for policy in policies)


def _reads_without_sums(part: Part) -> bool:
    return part.phase != "learn" and bool(part.counts["words_read"]) and not part.counts["sums"]


def _check_room(chip: Chip, n_bytes: int) -> None:
    """Whether the memory off the chip holds the arrays that are not pinned."""
    far = chip.far
    if far is not None and far.capacity_bytes is not None and n_bytes > far.capacity_bytes:
        raise CapacityError(
            f"arrays in {far.name!r}",
            got=f"{in_bytes(n_bytes)}, {n_bytes - far.capacity_bytes:,} bytes more than there is room for",
            expected=f"at most {in_bytes(far.capacity_bytes)}",
            do=f"card.replace({{'{far.name}.capacity_bytes': ...}})",
        )


def _count_operation(part: Part, operation: str, n: int, card: Card, ledger: Ledger) -> None:
    if operation == "neuron_update" and operation not in card.compute:
        for own in ("soma_access", "soma_update"):
            if own in card.compute:
                ledger.compute((part.projection, part.phase), own, n)
    elif operation in card.compute:
        ledger.compute((part.projection, part.phase), operation, n)


def _count_messages(part: Part, card: Card, placement: Placement, ledger: Ledger) -> None:
    """A message a row read: the address of one active unit, from core to core where a route says so."""
    route, mesh, n = placement.route_of(part.projection), card.mesh, part.counts["rows_read"]
    if mesh is None or not n or (route is None and (card.basis != "event" or part.tensor.arithmetic != "add")):
        return
    hops_x, hops_y = (0, 0) if route is None else xy_hops(mesh, *route)
    bits = mesh.header_bits + address_bits(part.tensor.n_rows)
    n_flits, where = ceil(bits / mesh.flit_bits), (part.projection, part.phase, "network")
    ledger.add(where, "mesh", True, "message", "mesh.e_inject", n * n_flits, ceil(n * bits / 8))
    ledger.add(where, "mesh", True, "hop", "mesh.e_hop_x", n * n_flits * hops_x)
    ledger.add(where, "mesh", True, "hop", "mesh.e_hop_y", n * n_flits * hops_y)


def _reuse(run: Run, placement: Placement, n_items: int | None) -> dict[tuple[str, str], float]:
    """Share of the rows fetched when the items of a batch share them: ``P (1 - (1 - a)^B) / (B s)``."""
    if placement.batch == 1:
        return {}
    if n_items is None or n_items < 1:
        raise ParameterError("n_items", got=n_items, expected="how many items the run had, for a batch")
    shares = {}
    for part in run.parts:
        n_rows, active = part.tensor.n_rows, part.counts["rows_read"] / n_items
        if n_rows and active:
            distinct = n_rows * (1 - (1 - min(1.0, active / n_rows)) ** placement.batch)
            shares[part.projection, part.phase] = min(1.0, distinct / (placement.batch * active))
    return shares


def _said(run: Run, chip: Chip, placement: Placement, found: Sequence[Plan]) -> list[str]:
    notes = []
    if placement.popularity is not None and any(p.policy == "cache" for p in found):
        law = f"by a Zipf law of exponent {placement.zipf:g}" if placement.zipf else "uniformly"
        notes.append(f"{'' if placement.zipf else 'uniform bound: '}rows taken as drawn {law}")
    if any(_in_crossbar(part, chip, found) for part in run.parts):
        notes.append("active rows taken to lie in one crossbar array: one conversion a sum, a lower bound")
    if any(_in_crossbar(part, chip, found) and part.tensor.arithmetic == "mac" for part in run.parts):
        notes.append("inputs that are numbers taken as one step of the converters: a lower bound")
    cached = {p.name for p in found if p.policy == "cache"} if chip.near else set()
    if placement.silent_store and any(_all_listed(p, run) for p in run.parts if p.projection in cached):
        notes.append("rows written as they were leave a cache as changed ones: write-backs are an upper bound")
    if placement.weight_bits is not None:
        notes.append(f"weights of {placement.weight_bits} bits: assumed, not simulated")
    if placement.batch > 1:
        notes.append(f"rows shared by batches of {placement.batch}: items taken as independent")
    wider = sorted({p.tensor.element for p in run.parts if is_wider(p.tensor.element) and p.counts["synops"]})
    if wider and chip.card.basis == "access":
        notes.append(f"operations on {', '.join(wider)} priced as those of 32 bits: a lower bound")
    return notes


def _all_listed(part: Part, run: Run) -> bool:
    """Whether the trace lists a write for every row touched, though some words stayed as they were."""
    silent = bool(part.counts.get("words_silent"))
    if run.trace is None or not silent:
        return silent
    mine = run.trace["tensor"] == list(run.tensors).index(part.projection)
    written = mine & run.trace["write"] & (run.trace["phase"] == PHASES.index(part.phase))
    return int(written.sum()) >= part.counts["rows_read"]


def _left_out(run: Run, card: Card, placement: Placement, landing: Landing, found: Sequence[Plan]) -> list[str]:
    lost = []
    wanted = {
        operation
        for part in run.parts
        for operation, _ in operations(part, card.basis, _assumed_bits(part, placement))
        if operation in _DIGITAL or not _in_crossbar(part, landing.chip, found)
    }
    if "neuron_update" in wanted and "soma_update" in card.compute:
        wanted.discard("neuron_update")
    if missing := sorted(wanted - set(card.compute)):
        lost.append(f"{', '.join(missing)}: no price on this card")
    if any(p.policy.startswith("pin") for p in found):
        lost.append("loading what is pinned")
    silent = {p.projection for p in run.parts if _in_crossbar(p, landing.chip, found) and _reads_without_sums(p)}
    if silent:
        lost.append(f"conversions of {', '.join(sorted(silent))}: read, and no sum was counted")
    if landing.dirty_bytes:
        lost.append(f"{landing.dirty_bytes:,} bytes changed on the chip and not written back at the end")
    if card.basis == "access" and not placement.routes:
        lost.append("network: codes stay where they are")
    if card.basis == "access":
        lost.append("functions of sums (normalisation, sigmoids, separation), codes between the steps of a recall")
    if card.basis == "event":
        lost.append("spikes that units send out")
        if run.total("words_written"):
            lost.append("changes of synapses beyond their synaptic operations")
        if whole := sorted({p.projection for p in run.parts if p.tensor.arithmetic != "add" and p.counts["rows_read"]}):
            lost.append(f"messages, and comparisons of words, of {', '.join(whole)}: rows taken whole, not by events")
    return lost + _unlisted(run, found)


def _unlisted(run: Run, found: Sequence[Plan]) -> list[str]:
    """What a trace leaves out of the arrays that it places, as decay that passes over all rows."""
    if run.trace is None:
        return []
    lost, places = [], {name: i for i, name in enumerate(run.tensors)}
    followed = {p.name for p in found if p.policy in ("cache", "off_chip")}
    for part in run.parts:
        if part.projection in followed and part.counts["words_written"] and not part.counts["rows_read"]:
            is_listed = run.trace["phase"] == PHASES.index(part.phase)
            if not (is_listed & (run.trace["tensor"] == places[part.projection])).any():
                lost.append(f"rows moved and pages opened by {part.phase} of {part.projection}: not in the trace")
    return lost


def as_placement(placement: Any) -> Placement:
    """A placement; None is the default one, a whole number is `on_chip_bytes`."""
    if placement is None:
        return Placement()
    if isinstance(placement, Placement):
        return placement
    if isinstance(placement, int) and not isinstance(placement, bool):
        return Placement(on_chip_bytes=placement)
    raise ParameterError("placement", got=type(placement).__name__, expected="a Placement")
