"""A simulator in a file: how its network is wired, the states of its parts, the events under way, the monitors."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdrsim.engine.network import Network
from sdrsim.engine.projections import Projection
from sdrsim.engine.rebuild import class_name, own_class
from sdrsim.engine.states import codes_from_state, codes_state, traffic_from_state, traffic_state
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import NetworkError

__all__ = [
    "check_same",
    "inputs_from_state",
    "inputs_state",
    "network_state",
    "read_simulator",
    "rebuilt_network",
    "restore_network",
    "save_simulator",
]

_PASS_NET = "make the network yourself and pass it: Simulator.restore(path, net=net)"
_FUNCTION = "(function)"


def save_simulator(state: Mapping[str, Any], path: Any) -> Path:
    """Write the state of a simulator, whole or not at all."""
    from sdrsim.files.state import save_state  # h5py takes a while to import: only when a file is touched

    return save_state(path, "simulator", state)


def read_simulator(path: Any) -> dict[str, Any]:
    """What `save_simulator` wrote."""
    from sdrsim.files.state import load_state

    return load_state(path, "simulator")


def inputs_state(routes: Iterable[Projection]) -> dict[str, Any]:
    """The ways from outside that were used."""
    used = [route for route in routes if not route.source]
    return {
        "fields": [route.target for route in used],
        "ports": [route.port for route in used],
        "traffic": {str(i): traffic_state(route.traffic) for i, route in enumerate(used)},
    }


def inputs_from_state(state: Mapping[str, Any]) -> Iterator[tuple[str, str, Traffic]]:
    """(field, port, traffic) of each way from outside that was used."""
    for i, (field, port) in enumerate(zip(state["fields"], state["ports"])):
        yield field, port, traffic_from_state(state["traffic"][str(i)])


def network_state(net: Network, carried: Mapping[str, Traffic]) -> dict[str, Any]:
    """Wiring, states of fields, projections and synapse stores, and what the fields have counted."""
    stores, places = _stores(net)
    fields, projections = net.fields, net.projections.values()
    counted = {name: carried[name] + f.traffic if name in carried else f.traffic for name, f in fields.items()}
    return {
        "seed": net.seed,
        "tick_ms": net.tick_ms,
        "wiring": _wiring(net),
        "fields": {str(i): dict(f.state()) for i, f in enumerate(fields.values())},
        "counted": {str(i): traffic_state(t) for i, t in enumerate(counted.values())},
        "rfs": {str(i): p.rf for i, p in enumerate(projections) if p.rf is not None},
        "moved": {str(i): traffic_state(p.traffic) for i, p in enumerate(projections)},
        "last": {
            "ticks": [None if p.last is None else p.last[0] for p in projections],
            "codes": codes_state([None if p.last is None else p.last[1] for p in projections]),
        },
        "store_places": places,
        "store_bytes": [int(store.n_bytes) for store in stores],
        "store_classes": [class_name(store) for store in stores],
        "stores": {str(i): _store_state(store) for i, store in enumerate(stores)},
    }


def _stores(net: Network) -> tuple[list[Any], list[int]]:
    """The synapse stores, each once, and which one each projection has (-1: none)."""
    stores = list(net.stores.values())
    place = {id(store): i for i, store in enumerate(stores)}
    return stores, [place.get(id(p.synapses), -1) for p in net.projections.values()]


def _store_state(store: Any) -> dict[str, Any]:
    if not hasattr(store, "state") or not hasattr(store, "restore"):
        do = "give it state() and restore(state)"
        raise NetworkError(f"checkpoint of {type(store).__name__}", got="synapses without a state", do=do)
    return dict(store.state())


def _wiring(net: Network) -> dict[str, Any]:
    """Names, kinds, sizes and connections as lists of scalars."""
    projections = net.projections.values()
    return {
        "fields": list(net.fields),
        "classes": [class_name(f) for f in net.fields.values()],
        "sizes": [getattr(f, "size", None) for f in net.fields.values()],
        "projections": list(net.projections),
        "sources": [p.source for p in projections],
        "targets": [p.target for p in projections],
        "ports": [p.port for p in projections],
        "delays": [p.delay for p in projections],
        "selects": [_FUNCTION if callable(p.select) else p.select for p in projections],
        "rules": [_FUNCTION if callable(p.rule) else p.rule for p in projections],
    }


def check_same(net: Network, state: Mapping[str, Any]) -> None:
    """Refuse a network that is not built like the saved one, naming the first difference."""
    mine, saved = _wiring(net), dict(state["wiring"])
    for wiring in (mine, saved):  # a script's classes move from __main__ to a module when it is imported
        wiring["classes"] = [name.partition(":")[2] for name in wiring["classes"]]
    for key, values in mine.items():
        if values != saved[key]:
            pairs = zip(values, saved[key])
            i = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(values), len(saved[key])))
            got, expected = (repr(x[i]) if i < len(x) else "nothing" for x in (values, saved[key]))
            raise NetworkError(f"network to restore, {key}[{i}]", got=got, expected=expected)
    rfs = {str(i): p.rf for i, p in enumerate(net.projections.values()) if p.rf is not None}
    if rfs.keys() != state["rfs"].keys() or any(not np.array_equal(rf, state["rfs"][i]) for i, rf in rfs.items()):
        raise NetworkError("network to restore", got="other receptive fields", expected="the saved ones")
    stores, places = _stores(net)
    if places != state["store_places"] or [s.n_bytes for s in stores] != state["store_bytes"]:
        raise NetworkError("network to restore", got="other synapses", expected="the saved ones")
    if (net.seed, net.tick_ms) != (state["seed"], state["tick_ms"]):
        expected = f"seed {state['seed']}, tick_ms {state['tick_ms']}"
        raise NetworkError("network to restore", got=f"seed {net.seed}, tick_ms {net.tick_ms}", expected=expected)


def rebuilt_network(state: Mapping[str, Any]) -> Network:
    """The network of a checkpoint, when it is made of sdrsim's own parts alone."""
    wiring = state["wiring"]
    for name, select, rule in zip(wiring["projections"], wiring["selects"], wiring["rules"]):
        if _FUNCTION in (select, rule):
            raise NetworkError(f"projection {name}", got="a function as select or rule", do=_PASS_NET)
    net = Network(state["seed"], state["tick_ms"])
    for i, (name, kind) in enumerate(zip(wiring["fields"], wiring["classes"])):
        net.add(name, _rebuilt(kind, state["fields"][str(i)]))
    stores = [_rebuilt(kind, state["stores"][str(i)]) for i, kind in enumerate(state["store_classes"])]
    columns = ("sources", "targets", "ports", "delays", "selects", "rules", "projections")
    for i, (a, b, port, delay, select, rule, name) in enumerate(zip(*(wiring[c] for c in columns))):
        place = state["store_places"][i]
        synapses = stores[place] if place >= 0 else None
        rf = state["rfs"].get(str(i))
        net.connect(a, b, port, delay, rf=rf, synapses=synapses, select=select, rule=rule, name=name)
    return net


def _rebuilt(kind: str, state: Mapping[str, Any]) -> Any:
    made: Any = own_class(kind)
    if not hasattr(made, "from_state"):
        raise NetworkError(made.__name__, got="a class without from_state", do=_PASS_NET)
    return made.from_state(state)


def restore_network(net: Network, state: Mapping[str, Any]) -> dict[str, Traffic]:
    """Put the saved states into a network wired alike, all or none.

    Returns
    -------
    dict
        By field, what it had counted and does not count after taking over its state.
    """
    parts = [*net.fields.values(), *_stores(net)[0]]
    saved = [state["fields"][str(i)] for i in range(len(net.fields))]
    saved += [state["stores"][str(i)] for i in range(len(state["stores"]))]
    before: list[Any] = []
    try:
        for part, new in zip(parts, saved):
            before.append(part.state())
            part.restore(new)
    except BaseException:
        for part, old in zip(parts, before):
            part.restore(old)
        raise
    ticks, codes = state["last"]["ticks"], codes_from_state(state["last"]["codes"])
    for i, p in enumerate(net.projections.values()):
        p.clear()
        p.traffic = traffic_from_state(state["moved"][str(i)])
        code = codes[i]
        p.last = None if code is None else (ticks[i], code)
    carried = {}
    for i, (name, field) in enumerate(net.fields.items()):
        rest = traffic_from_state(state["counted"][str(i)])
        for where, vector in field.traffic.counts.items():
            rest.vector(*where)[:] -= vector
        if any(vector.any() for vector in rest.counts.values()):
            carried[name] = rest
    return carried
