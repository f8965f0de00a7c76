"""Messages over a mesh of tiles: hops along x first, multicast trees, energy and time; chips priced by the event.

Core c sits in tile ``t = c // cores_per_tile`` at ``x = t // height, y = t % height``. A packet runs along its row to
the column of its target, then along that column (dimension-ordered routing, which cannot lock up: Dally & Seitz 1987,
IEEE Transactions on Computers C-36:547).
"""

from typing import Any, Literal, NamedTuple, get_args, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.card import Card
from sdrsim.hardware.levels import Mesh
from sdrsim.hardware.quantity import Quantity

__all__ = [
    "EventEnergy",
    "Events",
    "Messages",
    "Routing",
    "all_to_all",
    "event_energy",
    "messages",
    "multicast_hops",
    "tile_places",
    "xy_hops",
]

Ints = NDArray[np.int64]
Routing = Literal["tree", "unicast"]


class Messages(NamedTuple):
    """What messages moved over a mesh, in whole numbers, each int64 (n_routes,).

    ``n_injects`` packets put into the mesh (one a message in a tree, one a target otherwise), ``n_flits`` flits put in,
    ``n_hops_x``, ``n_hops_y`` links crossed by a flit, ``longest_x``, ``longest_y`` hops of the target that is farthest
    in time.
    """

    n_injects: Ints
    n_flits: Ints
    n_hops_x: Ints
    n_hops_y: Ints
    longest_x: Ints
    longest_y: Ints

    def energy(self, mesh: Mesh) -> Quantity:
        """Energy of all, pJ: ``n_flits e_inject + n_hops_x e_hop_x + n_hops_y e_hop_y``.

        Examples
        --------
        >>> mesh = Card.load("loihi_sanafe").mesh
        >>> round(messages(mesh, 0, [127], n_messages=100).energy(mesh).value, 9)
        14460.0
        """
        flits, hops_x, hops_y = (int(np.sum(n)) for n in (self.n_flits, self.n_hops_x, self.n_hops_y))
        return _energy(mesh.e_inject, flits) + _energy(mesh.e_hop_x, hops_x) + _energy(mesh.e_hop_y, hops_y)

    def time_ns(self, mesh: Mesh) -> float | None:
        """Time of the first flit on the longest path, waiting nowhere; None where the times of a hop are not known."""
        if mesh.t_hop_x is None or mesh.t_hop_y is None:
            return None
        times = np.atleast_1d(self.longest_x * mesh.t_hop_x.value + self.longest_y * mesh.t_hop_y.value)
        return float(times.max(initial=0.0))


class Events(NamedTuple):
    """Events of a spiking network on a chip: synaptic operations; neurons read, updated, fired; and its messages."""

    n_synops: int
    n_accesses: int
    n_updates: int
    n_spikes: int
    messages: Messages


class EventEnergy(NamedTuple):
    """Energy of events, each a Quantity in pJ: synapses, somata, mesh, and their sum."""

    synapse: Quantity
    soma: Quantity
    network: Quantity
    total: Quantity


def tile_places(mesh: Mesh, cores: ArrayLike) -> tuple[Ints, Ints]:
    """Column and row of the tile of every core.

    A mesh without a height is one row of tiles; without a width, it has as many columns as are asked for.

    Parameters
    ----------
    mesh : Mesh
    cores : integer array (...)

    Returns
    -------
    tuple of int64 arrays (...)

    Raises
    ------
    sdrsim.errors.ParameterError
        No whole numbers; a core that the mesh does not have.

    Examples
    --------
    >>> tile_places(Card.load("loihi_sanafe").mesh, [0, 5, 127])
    (array([0, 0, 7]), array([0, 1, 3]))
    """
    found = np.asarray(cores)
    if not np.issubdtype(found.dtype, np.integer) and found.size:
        raise ParameterError("core", got=f"{found.dtype}", expected="whole numbers")
    height, first, last = mesh.height or 1, int(found.min(initial=0)), int(found.max(initial=0))
    n_cores = None if mesh.width is None else mesh.width * height * mesh.cores_per_tile
    if first < 0 or (n_cores is not None and last >= n_cores):
        expected = "0 or more" if n_cores is None else f"0 .. {n_cores - 1}, cores of a {mesh!r}"
        raise ParameterError("core", got=first if first < 0 else last, expected=expected)
    x, y = np.divmod(found.astype(np.int64) // mesh.cores_per_tile, height)
    return x, y


@overload
def xy_hops(mesh: Mesh, sources: int, targets: int) -> tuple[int, int]: ...
@overload
def xy_hops(mesh: Mesh, sources: ArrayLike, targets: ArrayLike) -> tuple[Ints, Ints]: ...
def xy_hops(mesh: Mesh, sources: Any, targets: Any) -> tuple[Any, Any]:
    """Hops along x and along y from core to core.

    Parameters
    ----------
    mesh : Mesh
    sources, targets : int, or integer arrays that broadcast

    Returns
    -------
    tuple of int, or of int64 arrays

    Raises
    ------
    sdrsim.errors.ParameterError
        As `tile_places`.

    Examples
    --------
    >>> mesh = Card.load("loihi_sanafe").mesh
    >>> xy_hops(mesh, 0, 127), xy_hops(mesh, 0, [3, 4, 16])
    ((7, 3), (array([0, 0, 1]), array([0, 1, 0])))
    """
    (x0, y0), (x1, y1) = tile_places(mesh, sources), tile_places(mesh, targets)
    hops_x, hops_y = np.abs(x1 - x0), np.abs(y1 - y0)
    return (hops_x, hops_y) if hops_x.ndim else (int(hops_x), int(hops_y))


def multicast_hops(
    mesh: Mesh, sources: ArrayLike, targets: ArrayLike, indptr: ArrayLike | None = None, routing: Routing = "tree"
) -> tuple[Ints, Ints]:
    """Links along x and along y that one message of each source crosses to reach all its targets.

    Parameters
    ----------
    mesh : Mesh
    sources : int, or integer array (n_routes,)
        Core that sends.
    targets : integer array (n_targets,)
        Cores that hear, of all routes one after another.
    indptr : integer array (n_routes + 1,), optional
        Route i has the targets ``indptr[i]`` to ``indptr[i + 1]``. Left out for one source, which has all targets.
    routing : {'tree', 'unicast'}
        One packet that branches (the union of the paths), or one packet for each target (their sum).

    Returns
    -------
    tuple of int64 arrays (n_routes,)

    Raises
    ------
    sdrsim.errors.ParameterError
        As `tile_places`; an unknown routing; offsets that do not fit.

    Examples
    --------
    Three tiles in one column, two of them two columns away:

    >>> mesh = Card.load("loihi_sanafe").mesh
    >>> multicast_hops(mesh, 0, [4, 36, 40]), multicast_hops(mesh, 0, [4, 36, 40], routing="unicast")
    ((array([2]), array([3])), (array([4]), array([4])))
    """
    source, target, offsets = _checked_routes(sources, targets, indptr)
    if routing not in get_args(Routing):
        choices = get_args(Routing)
        raise ParameterError(
            "routing", got=repr(routing), expected="tree or unicast", do=did_you_mean(routing, choices)
        )
    route = np.repeat(np.arange(len(source)), np.diff(offsets))
    (x0, y0), (x1, y1) = tile_places(mesh, source), tile_places(mesh, target)
    dx, dy = x1 - x0[route], y1 - y0[route]
    if routing == "unicast":
        return _sum_by(route, np.abs(dx), len(source)), _sum_by(route, np.abs(dy), len(source))
    along_row = _spans(route, dx, len(source))  # a tree fills its row from its first to its last column
    columns, column = np.unique(np.stack([route, x1]), axis=1, return_inverse=True)
    along_columns = _spans(column.reshape(-1), dy, columns.shape[1])
    return along_row, _sum_by(columns[0], along_columns, len(source))


def messages(
    mesh: Mesh,
    sources: ArrayLike,
    targets: ArrayLike,
    indptr: ArrayLike | None = None,
    *,
    n_messages: ArrayLike = 1,
    payload_bits: ArrayLike = 0,
    routing: Routing = "tree",
) -> Messages:
    """Messages from cores to cores: packets, flits and hops, in whole numbers.

    Parameters
    ----------
    mesh, sources, targets, indptr, routing
        As in `multicast_hops`.
    n_messages : int, or integer array (n_routes,)
        Messages of each route.
    payload_bits : int, or integer array (n_routes,)
        Bits of one beyond ``mesh.header_bits``; a packet takes ``ceil(bits / flit_bits)`` flits, at least one.

    Returns
    -------
    Messages
        Arrays (n_routes,).

    Raises
    ------
    sdrsim.errors.ParameterError
        As `multicast_hops`; negative numbers.

    Examples
    --------
    >>> mesh = Card.load("loihi_sanafe").mesh
    >>> moved = messages(mesh, 0, [127], n_messages=100, payload_bits=7)
    >>> int(moved.n_flits[0]), int(moved.n_hops_x[0]), int(moved.n_hops_y[0]), round(moved.time_ns(mesh), 9)
    (100, 700, 300, 48.2)
    """
    source, target, offsets = _checked_routes(sources, targets, indptr)
    n, bits = _whole("n_messages", n_messages), _whole("payload_bits", payload_bits)
    hops_x, hops_y = multicast_hops(mesh, source, target, offsets, routing)
    n_targets = np.diff(offsets)
    flits = np.maximum(1, -(-(mesh.header_bits + bits) // mesh.flit_bits))
    copies = np.minimum(1, n_targets) if routing == "tree" else n_targets
    n_injects = np.broadcast_to(n * copies, source.shape).astype(np.int64)
    far_x, far_y = _farthest(mesh, source, target, offsets)
    return Messages(n_injects, n_injects * flits, n * flits * hops_x, n * flits * hops_y, far_x, far_y)


def all_to_all(
    mesh: Mesh, n_sources: int, n_targets: int, source_core: int, target_core: int, n_steps: int = 1
) -> Events:
    """Events of sources on one core that fire at every step, each onto all targets on another, which stay silent.

    ``n_sources n_targets n_steps`` synaptic operations, ``n_sources n_steps`` packets. Every neuron is read at every
    step; sources are updated at every step, targets from the second on, when the first spikes have come.

    Parameters
    ----------
    mesh : Mesh
    n_sources, n_targets, n_steps : int
        At least 1.
    source_core, target_core : int

    Returns
    -------
    Events

    Raises
    ------
    sdrsim.errors.ParameterError
        A number below 1; a core that the mesh does not have.

    Examples
    --------
    >>> all_to_all(Card.load("loihi_sanafe").mesh, 10, 10, 0, 127, n_steps=10)[:4]
    (1000, 200, 190, 100)
    """
    for what, n in (("n_sources", n_sources), ("n_targets", n_targets), ("n_steps", n_steps)):
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ParameterError(what, got=repr(n), expected="a whole number from 1 on")
    fired = n_sources * n_steps
    sent = messages(mesh, source_core, [target_core], n_messages=fired)
    return Events(fired * n_targets, fired + n_targets * n_steps, fired + n_targets * (n_steps - 1), fired, sent)


def event_energy(card: Card, events: Events, *, synop: str = "synop") -> EventEnergy:
    """Energy of events on a chip that is priced by the event.

    ``synop`` for every synaptic operation, ``soma_access``, ``soma_update`` and ``soma_spike`` for every neuron that is
    read, updated, or fires; the messages by `Messages.energy`. A card that knows only ``neuron_update`` prices updates.

    Parameters
    ----------
    card : Card
    events : Events
    synop : str
        The card's operation: ``synop``, or another kind of synapse (``synop_sparse``).

    Returns
    -------
    EventEnergy

    Raises
    ------
    sdrsim.errors.ParameterError
        A card without a mesh, or without these operations.

    Examples
    --------
    Ten sources on one core, ten targets on the farthest, ten steps:

    >>> card = Card.load("loihi_sanafe")
    >>> found = event_energy(card, all_to_all(card.mesh, 10, 10, 0, 127, n_steps=10))
    >>> [round(part.value, 6) for part in found]
    [35500.0, 21274.0, 14460.0, 71234.0]
    """
    if card.mesh is None:
        raise ParameterError(f"mesh of {card.name}", got="none", expected="a card with a mesh")
    counts = {"soma_access": events.n_accesses, "soma_update": events.n_updates, "soma_spike": events.n_spikes}
    if "soma_access" not in card.compute:
        counts = {"neuron_update": events.n_updates}
    first, *others = (_energy(card.op(name), n) for name, n in counts.items())
    soma = sum(others, first)
    synapse, network = _energy(card.op(synop), events.n_synops), events.messages.energy(card.mesh)
    return EventEnergy(synapse, soma, network, synapse + soma + network)


def _energy(one: Quantity, n: int) -> Quantity:
    """`n` of what costs `one`: pJ, its range kept."""
    return Quantity(
        one.value * n,
        one.unit.partition("/")[0],
        one.source,
        one.grade,
        one.node_nm,
        one.vdd,
        (one.low * n, one.high * n),
    )


def _checked_routes(sources: ArrayLike, targets: ArrayLike, indptr: ArrayLike | None) -> tuple[Ints, Ints, Ints]:
    source, target = (np.atleast_1d(np.asarray(cores)) for cores in (sources, targets))
    offsets = np.array([0, len(target)]) if indptr is None else np.asarray(indptr)
    for cores in (source, target, offsets):
        if cores.ndim != 1 or (cores.size and not np.issubdtype(cores.dtype, np.integer)):
            raise ParameterError("route", got=f"{cores.dtype}, shape {cores.shape}", expected="whole numbers in a line")
    if len(offsets) != len(source) + 1 or offsets[0] != 0 or offsets[-1] != len(target) or np.any(np.diff(offsets) < 0):
        expected = f"{len(source) + 1} rising offsets from 0 to {len(target)}"
        raise ParameterError("indptr", got=f"{len(offsets)} numbers", expected=expected)
    return source.astype(np.int64), target.astype(np.int64), offsets.astype(np.int64)


def _whole(what: str, numbers: ArrayLike) -> Ints:
    found = np.asarray(numbers)
    if not np.issubdtype(found.dtype, np.integer) or found.min(initial=0) < 0:
        raise ParameterError(what, got=repr(numbers), expected="whole numbers, 0 or more")
    return found.astype(np.int64)


def _sum_by(group: Ints, values: Ints, n: int) -> Ints:
    total = np.zeros(n, np.int64)
    np.add.at(total, group, values)
    return total


def _spans(group: Ints, steps: Ints, n: int) -> Ints:
    """How far steps reach to both sides of 0, summed, by groups."""
    up, down = np.zeros(n, np.int64), np.zeros(n, np.int64)
    np.maximum.at(up, group, steps)
    np.minimum.at(down, group, steps)
    return up - down


def _farthest(mesh: Mesh, source: Ints, target: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Hops of each route's target that is reached last; where no times are known, of the one with most hops."""
    route = np.repeat(np.arange(len(source)), np.diff(offsets))
    hops = np.stack(xy_hops(mesh, source[route], target))
    t_x, t_y = (1.0 if t is None else t.value for t in (mesh.t_hop_x, mesh.t_hop_y))
    order = np.lexsort((hops[0] * t_x + hops[1] * t_y, route))
    far = np.zeros((2, len(source)), np.int64)
    far[:, route[order]] = hops[:, order]  # the last one of a route stays
    return far[0], far[1]
