"""Nodes: fields as a running simulator sees them, with what they feed, what learns with them and who watches."""

from typing import Any

from sdrsim.engine.network import Network
from sdrsim.engine.projections import FanOut, Projection
from sdrsim.engine.watching import Watch

__all__ = ["Node", "make_nodes"]


class Node:
    """One field: its rank, its projections turned round, its plastic synapses, its monitors."""

    __slots__ = ("fan", "field", "listeners", "monitors", "name", "next_tick", "plastic", "rank", "size")

    def __init__(self, name: str, field: Any, rank: int, watch: Watch) -> None:
        self.name, self.field, self.rank = name, field, rank
        self.size: int | None = getattr(field, "size", None)
        self.next_tick = getattr(field, "next_tick", None)
        self.fan: FanOut | None = None
        self.plastic: list[Projection] = []
        self.monitors, self.listeners = watch.stepped[name], watch.delivered[name]


def make_nodes(net: Network, watch: Watch) -> dict[str, Node]:
    """The nodes of a network, by the names of the fields."""
    ranks = net.ranks()
    nodes = {name: Node(name, field, ranks[name], watch) for name, field in net.fields.items()}
    out: dict[str, list[Projection]] = {}
    for p in net.projections.values():
        out.setdefault(p.source, []).append(p)
        if p.rule is not None:
            nodes[p.target].plastic.append(p)
    for name, projections in out.items():
        nodes[name].fan = FanOut(projections, nodes[name].size)
    return nodes
