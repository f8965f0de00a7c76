"""Chips and networks as text that SANA-FE 2.2.9 reads (YAML): to run elsewhere what was priced here.

A chip is a card with prices by the event and a mesh: synapses, dendrites that cost nothing, somata, messages, hops. A
core has one kind of soma for neurons that integrate and fire, and a number of inputs that fire when they are told to.
SANA-FE simulates the spikes itself: groups say thresholds, biases, and spikes of inputs; a network of codes is told as
inputs with the codes they emit.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.export.groups import Edges, Group
from sdrsim.hardware.levels import Mesh
from sdrsim.hardware.mesh import tile_places
from sdrsim.hardware.quantity import Quantity

__all__ = ["sanafe_chip", "sanafe_network"]

_MOST_DENSE = 10_000_000  # synapses that are written out one by one


def sanafe_chip(
    card: Card,
    *,
    width: int | None = None,
    height: int | None = None,
    max_neurons: int = 1024,
    free_inputs: bool = True,
    synop: str = "synop",
) -> str:
    """The architecture file of a card.

    Energies are those of the card, in J. Latencies beyond hops and barrier, which cards do not know, are 0: energies
    and counts of the run are right, its time is a lower bound.

    Parameters
    ----------
    card : Card
        Priced by the event, in pJ, with a mesh.
    width, height : int, optional
        Tiles, where the card leaves them open.
    max_neurons : int
        Neurons of a core, and as many inputs.
    free_inputs : bool
        Inputs cost nothing, as spikes from outside; else what a soma costs.
    synop : str
        The card's operation that prices a synapse.

    Returns
    -------
    str

    Raises
    ------
    sdrsim.errors.ParameterError
        A card without a mesh of known size, without prices of events, or with relative energies.

    Examples
    --------
    >>> print(sanafe_chip(Card.load("loihi_sanafe")).split("  tile:")[0], end="")
    architecture:
      name: loihi_sanafe
      attributes:
        width: 8
        height: 4
        link_buffer_size: 16
        sync_model: fixed
        latency_sync: 6e-07
    """
    mesh, width, height = _mesh_of(card, width, height)
    if isinstance(max_neurons, bool) or not isinstance(max_neurons, int) or max_neurons < 1:
        raise ParameterError("max_neurons", got=repr(max_neurons), expected="a whole number from 1 on")
    hops = {"north": "y", "east": "x", "south": "y", "west": "x"}
    tile: dict[str, str] = {}
    for way, axis in hops.items():
        tile[f"energy_{way}_hop"] = _joule(getattr(mesh, f"e_hop_{axis}"))
        tile[f"latency_{way}_hop"] = _seconds(getattr(mesh, f"t_hop_{axis}"))
    if "soma_access" in card.compute:
        parts = {name: _joule(card.op(f"soma_{name}")) for name in ("access", "update", "spike")}
    else:
        parts = {"access": "0.0", "update": _joule(card.op("neuron_update")), "spike": "0.0"}
    soma = _soma(parts)
    inputs = _soma(dict.fromkeys(parts, "0.0")) if free_inputs else soma
    whole = {"width": width, "height": height, "link_buffer_size": 16, "sync_model": "fixed"}
    whole["latency_sync"] = _seconds(card.barrier)
    core = {"buffer_position": "soma", "buffer_inside_unit": "false", "max_neurons_supported": max_neurons}
    lines = ["architecture:", f"  name: {_name(card.name)}", *_attributes(whole, 2)]
    lines += ["  tile:", f"    - name: tile[0..{width * height - 1}]", *_attributes(tile, 6)]
    lines += ["      core:", f"        - name: core[0..{mesh.cores_per_tile - 1}]", *_attributes(core, 10)]
    units: list[tuple[str, str, dict[str, Any]]] = [
        ("axon_in", "axon_in", {"energy_message_in": "0.0", "latency_message_in": "0.0"}),
        ("synapse", "synapse", {"model": "current_based", **_cost("process_spike", _joule(card.op(synop)))}),
        ("dendrite", "dendrite", {"model": "accumulator", **_cost("update", "0.0")}),
        ("soma", "soma", {"model": "leaky_integrate_fire", **soma}),
        ("soma", f"input[0..{max_neurons - 1}]", {"model": "input", **inputs}),
        ("axon_out", "axon_out", _cost("message_out", _joule(mesh.e_inject))),
    ]
    section = ""
    for kind, name, costs in units:
        if kind != section:
            lines.append(f"          {kind}:")
        lines += [f"            - name: {name}", *_attributes(costs, 14)]
        section = kind
    return "\n".join([*lines, ""])


def sanafe_network(
    groups: Mapping[str, Group],
    edges: Iterable[Edges] = (),
    *,
    mesh: Mesh,
    max_neurons: int = 1024,
    name: str = "sdrsim",
) -> str:
    """The network file of groups of neurons and their synapses, mapped onto cores of a mesh.

    Parameters
    ----------
    groups : mapping of str to Group
        Anything in a name but letters, digits and ``_`` is written as ``_``.
    edges : iterable of Edges
    mesh : Mesh
        Of the card of `sanafe_chip`.
    max_neurons : int
        As there.
    name : str

    Returns
    -------
    str

    Raises
    ------
    sdrsim.errors.ParameterError
        Two groups of one name, a core that is not there or too small, an edge to nowhere, weights that do not fit.

    Examples
    --------
    >>> from sdrsim import SDR
    >>> codes = SDR.from_indices([[0], [1]], size=2)
    >>> groups = {"in": Group(2, spikes=codes), "out": Group(3, core=5, threshold=2)}
    >>> mesh = Card.load("loihi_sanafe").mesh
    >>> print(sanafe_network(groups, [Edges("in", "out", [[0, 2], [1, 2]])], mesh=mesh), end="")
    network:
      name: sdrsim
      groups:
        - name: in
          attributes: []
          neurons:
            - 0: [soma: {spikes: [1, 0]}]
            - 1: [soma: {spikes: [0, 1]}]
        - name: out
          attributes: [soma: {threshold: 2.0, bias: 0.0}]
          neurons:
            - 0..2: []
      edges:
        - in.0 -> out.2: [weight: 1.0]
        - in.1 -> out.2: [weight: 1.0]
    mappings:
      - in.0: [core: 0.0, soma: "input[0]"]
      - in.1: [core: 0.0, soma: "input[1]"]
      - out: [core: 1.1, soma: soma]
    """
    if not groups:
        raise ParameterError("groups", got="none", expected="at least one group")
    names = {group: _name(group) for group in groups}
    if len(set(names.values())) < len(names):
        raise ParameterError("groups", got=", ".join(groups), expected="names that differ in letters and digits")
    cores = {group: _cores(group, told, mesh) for group, told in groups.items()}
    _check_room(groups, cores, max_neurons)
    lines = ["network:", f"  name: {_name(name)}", "  groups:"]
    for group, told in groups.items():
        lines += _group_lines(names[group], told)
    made = [line for some in edges for line in _edge_lines(some, groups, names)]
    lines += ["  edges:", *made] if made else ["  edges: []"]
    lines.append("mappings:")
    n_inputs: dict[int, int] = {}
    for group, told in groups.items():
        lines += _mapping_lines(names[group], told, cores[group], mesh, n_inputs)
    return "\n".join([*lines, ""])


# ---- parts of the files -------------------------------------------------------------------------------------------


def _mesh_of(card: Card, width: int | None, height: int | None) -> tuple[Mesh, int, int]:
    if card.mesh is None:
        raise ParameterError(f"mesh of {card.name}", got="none", expected="a card with a mesh")
    if card.energy_unit != "pJ":
        raise ParameterError(f"energies of {card.name}", got=f"in {card.energy_unit}", expected="energies in pJ")
    sizes = {"width": width or card.mesh.width, "height": height or card.mesh.height}
    for what, n in sizes.items():
        if n is None or isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ParameterError(f"{what} of the mesh", got=repr(n), expected="a whole number from 1 on: pass it")
    return card.mesh, int(sizes["width"] or 0), int(sizes["height"] or 0)


def _attributes(values: Mapping[str, Any], indent: int) -> list[str]:
    space = " " * indent
    return [f"{space}attributes:", *(f"{space}  {name}: {value}" for name, value in values.items())]


def _cost(what: str, energy: str) -> dict[str, str]:
    return {f"energy_{what}": energy, f"latency_{what}": "0.0"}


def _soma(parts: Mapping[str, str]) -> dict[str, str]:
    names = {"access": "access_neuron", "update": "update_neuron", "spike": "spike_out"}
    return {k: v for part, energy in parts.items() for k, v in _cost(names[part], energy).items()}


def _joule(energy: Quantity) -> str:
    """pJ as J, digits kept: 35.5 -> 35.5e-12."""
    digits = f"{energy.value!r}"
    return "0.0" if energy.value == 0 else f"{energy.value / 1e12!r}" if "e" in digits else f"{digits}e-12"


def _seconds(time: Quantity | None) -> str:
    return "0.0" if time is None else f"{time.to('s').value:.12g}"


def _name(name: str) -> str:
    return re.sub(r"\W", "_", name, flags=re.ASCII) or "_"


def _cores(group: str, told: Group, mesh: Mesh) -> NDArray[np.int64]:
    if isinstance(told.n_units, bool) or not isinstance(told.n_units, (int, np.integer)) or told.n_units < 1:
        raise ParameterError(f"n_units of {group}", got=repr(told.n_units), expected="a whole number from 1 on")
    found = np.asarray(told.core)
    tile_places(mesh, found)
    if found.shape not in ((), (told.n_units,)):
        raise ParameterError(f"core of {group}", got=f"shape {found.shape}", expected=f"one, or {told.n_units}")
    if told.spikes is not None and told.spikes.size != told.n_units:
        raise ParameterError(f"spikes of {group}", got=f"{told.spikes.size} units", expected=told.n_units)
    return np.broadcast_to(found, told.n_units).astype(np.int64)


def _check_room(groups: Mapping[str, Group], cores: Mapping[str, NDArray[np.int64]], most: int) -> None:
    for kind in (False, True):
        some = [cores[name] for name, told in groups.items() if (told.spikes is not None) == kind]
        placed = np.concatenate([np.zeros(0, np.int64), *some])
        numbers, counts = np.unique(placed, return_counts=True)
        if len(counts) and counts.max() > most:
            got = f"{counts.max()} on core {numbers[counts.argmax()]}"
            raise ParameterError("inputs" if kind else "neurons", got=got, expected=f"at most {most} on a core")


def _group_lines(name: str, told: Group) -> Iterator[str]:
    yield f"    - name: {name}"
    if told.spikes is None:
        yield f"      attributes: [soma: {{threshold: {float(told.threshold)!r}, bias: {float(told.bias)!r}}}]"
        yield "      neurons:"
        yield f"        - 0..{told.n_units - 1}: []" if told.n_units > 1 else "        - 0: []"
        return
    yield "      attributes: []"
    yield "      neurons:"
    for unit, fires in enumerate(told.spikes.dense().T.astype(int).tolist()):
        yield f"        - {unit}: [soma: {{spikes: [{', '.join(map(str, fires))}]}}]"


def _edge_lines(some: Edges, groups: Mapping[str, Group], names: Mapping[str, str]) -> Iterator[str]:
    for end in (some.source, some.target):
        if end not in groups:
            raise ParameterError("edge", got=repr(end), expected=f"one of {', '.join(groups)}")
    n_pre, n_post = groups[some.source].n_units, groups[some.target].n_units
    label = f"{some.source} -> {some.target}"
    if some.pairs is None:
        if n_pre * n_post > _MOST_DENSE:
            expected = f"at most {_MOST_DENSE:,} synapses of a pair of groups"
            raise ParameterError(f"edge {label}", got=f"{n_pre * n_post:,}", expected=expected)
        pairs = np.stack(np.divmod(np.arange(n_pre * n_post), n_post), axis=1)
    else:
        pairs = np.asarray(some.pairs)
        if not pairs.size:
            return
        if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
            raise ParameterError(f"edge {label}", got=f"{pairs.dtype} {pairs.shape}", expected="whole numbers (n, 2)")
        if pairs.min() < 0 or pairs[:, 0].max() >= n_pre or pairs[:, 1].max() >= n_post:
            raise ParameterError(f"edge {label}", got="a unit beyond", expected=f"{n_pre} and {n_post} units")
    weights = np.asarray(some.weight, np.float64)
    if weights.size not in (1, len(pairs)) or not np.all(np.isfinite(weights)):
        got = f"{weights.size} weights"
        raise ParameterError(f"edge {label}", got=got, expected=f"one finite weight, or one for each of {len(pairs)}")
    a, b = names[some.source], names[some.target]
    for (pre, post), weight in zip(pairs.tolist(), np.broadcast_to(weights.reshape(-1), len(pairs)).tolist()):
        yield f"    - {a}.{pre} -> {b}.{post}: [weight: {weight!r}]"


def _mapping_lines(
    name: str, told: Group, cores: NDArray[np.int64], mesh: Mesh, n_inputs: dict[int, int]
) -> Iterator[str]:
    if told.spikes is None and len(set(cores.tolist())) == 1:
        yield f"  - {name}: [core: {_place(int(cores[0]), mesh)}, soma: soma]"
        return
    for unit, core in enumerate(cores.tolist()):
        soma = "soma"
        if told.spikes is not None:
            n_inputs[core] = n_inputs.get(core, 0) + 1
            soma = f'"input[{n_inputs[core] - 1}]"'
        yield f"  - {name}.{unit}: [core: {_place(core, mesh)}, soma: {soma}]"


def _place(core: int, mesh: Mesh) -> str:
    tile, within = divmod(core, mesh.cores_per_tile)
    return f"{tile}.{within}"
