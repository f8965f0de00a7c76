"""Networks of neurons as groups and synapses between them: what is written for a simulator of chips."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from numpy.typing import ArrayLike

from sdrsim.engine.codes import SDR
from sdrsim.errors import ParameterError

__all__ = ["Edges", "Group", "groups_and_edges"]


class Group(NamedTuple):
    """Neurons of one kind.

    Parameters
    ----------
    n_units : int
    core : int, or a sequence (n_units,)
        Core of all, or of each.
    threshold, bias : float
        A neuron fires above `threshold`; `bias` is added at every step.
    spikes : SDR or None
        Inputs: the units that fire, one item for each step.
    """

    n_units: int
    core: int | Sequence[int] = 0
    threshold: float = 1.0
    bias: float = 0.0
    spikes: SDR | None = None


class Edges(NamedTuple):
    """Synapses from one group to another.

    Parameters
    ----------
    source, target : str
    pairs : integer array (n_synapses, 2), or None
        Units that are linked; None: all with all.
    weight : float, or array (n_synapses,)
        All with all: one for each pair of units, source by source.
    """

    source: str
    target: str
    pairs: ArrayLike | None = None
    weight: float | ArrayLike = 1.0


def groups_and_edges(
    graph: Any, *, cores: Mapping[str, int | Sequence[int]], spikes: Mapping[str, SDR] | None = None
) -> tuple[dict[str, Group], list[Edges]]:
    """Groups and edges of a graph of fields, such as ``Network.to_networkx()`` gives.

    Each node with a ``size`` becomes a group, each edge between two of them synapses of all units with all: what a read
    row reaches. Groups fire as they are told in `spikes`; others stay silent (threshold infinite, written as 1e30).

    Parameters
    ----------
    graph : networkx.MultiDiGraph, or alike
    cores : mapping of str to int, or sequence
        Cores of each field.
    spikes : mapping of str to SDR, optional
        Codes a field emits, an item a step: recorded by a monitor.

    Returns
    -------
    tuple of (dict of str to Group, list of Edges)

    Raises
    ------
    sdrsim.errors.ParameterError
        A field without a core, or one that is told to fire and also hears.

    Examples
    --------
    >>> from networkx import MultiDiGraph
    >>> graph = MultiDiGraph()
    >>> graph.add_node("pixels", size=4)
    >>> graph.add_node("level", size=8)
    >>> _ = graph.add_edge("pixels", "level")
    >>> given = {"pixels": SDR.from_indices([[0, 3]], size=4)}
    >>> groups, edges = groups_and_edges(graph, cores={"pixels": 0, "level": 1}, spikes=given)
    >>> groups["level"].n_units, [(e.source, e.target) for e in edges]
    (8, [('pixels', 'level')])
    """
    given = dict(spikes or {})
    sizes = {str(field): told.get("size") for field, told in graph.nodes(data=True)}
    known = {field: int(size) for field, size in sizes.items() if size is not None}
    for what, found in (("spikes", given), ("cores", cores)):
        if lost := [field for field in found if field not in known]:
            raise ParameterError(what, got=", ".join(lost), expected=f"fields with a size: {', '.join(known)}")
    if lost := [field for field in known if field not in cores]:
        raise ParameterError("cores", got=f"none for {', '.join(lost)}", expected="a core for each field")
    groups = {
        field: Group(size, cores[field], spikes=given[field]) if field in given else Group(size, cores[field], 1e30)
        for field, size in known.items()
    }
    pairs = [(str(a), str(b)) for a, b in graph.edges()]
    edges = [Edges(a, b) for a, b in pairs if a in known and b in known and b not in given]
    return groups, edges
