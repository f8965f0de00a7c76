"""A network drawn in layers on an axis it is handed: only methods of the axis are used."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sdrsim.engine.capacity import bytes_text
from sdrsim.engine.projections import Projection

__all__ = ["draw_network", "layers"]

_MOST_LABELS = 60


class Wired(Protocol):
    """What is drawn of a network."""

    @property
    def fields(self) -> Mapping[str, Any]: ...
    @property
    def projections(self) -> Mapping[str, Projection]: ...


def layers(n: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Layer of each of n nodes: one above the highest node below it; in a circle the first node comes lowest.

    Examples
    --------
    >>> layers(3, [(0, 1), (1, 2), (2, 0), (0, 2)])
    [0, 1, 2]
    """
    above: list[list[int]] = [[] for _ in range(n)]
    n_below = [0] * n
    for a, b in edges:
        if a != b:
            above[a].append(b)
            n_below[b] += 1
    layer, placed, oldest = [0] * n, [False] * n, 0
    ready = [i for i in range(n) if not n_below[i]][::-1]
    for _ in range(n):
        if not ready:  # only circles are left: open the first
            while placed[oldest]:
                oldest += 1
            ready.append(oldest)
        i = ready.pop()
        placed[i] = True
        for j in above[i]:
            n_below[j] -= 1
            if not placed[j]:
                layer[j] = max(layer[j], layer[i] + 1)
                if not n_below[j]:
                    ready.append(j)
    return layer


def draw_network(net: Wired, ax: Any) -> Any:
    """Fields as boxes, inputs at the bottom, projections as arrows with port and delay; a large network as dots, lines.

    Parameters
    ----------
    net : Network
    ax : matplotlib axis, or anything with plot, text, annotate, set_xlim, set_ylim, set_axis_off

    Returns
    -------
    `ax`
    """
    names = list(net.fields)
    number = {name: i for i, name in enumerate(names)}
    edges = [(number[p.source], number[p.target]) for p in net.projections.values()]
    places = _places(layers(len(names), edges))
    top = max((y for _, y in places), default=0.0)
    ax.set_xlim(-0.05, 1.05)
    ax.set_ylim(-0.5, top + 0.5)
    ax.set_axis_off()
    if len(names) > _MOST_LABELS:
        _draw_dots(ax, places, edges)
        return ax
    labels: dict[tuple[int, int], list[str]] = {}
    for p, ends in zip(net.projections.values(), edges):
        labels.setdefault(ends, []).append(f"{p.port} +{p.delay}")
    for (i, j), texts in labels.items():
        _draw_arrow(ax, places[i], places[j], "\n".join(texts))
    for name, (x, y) in zip(names, places):
        field = net.fields[name]
        size = getattr(field, "size", None)
        below = " ".join([*([f"{size} units"] if size is not None else []), bytes_text(int(field.n_bytes))])
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": "0.3"}
        ax.text(x, y, f"{name}\n{below}", ha="center", va="center", fontsize=7, bbox=box, zorder=3)
    return ax


def _places(layer: Sequence[int]) -> list[tuple[float, float]]:
    """x in 0..1, evenly over each layer; y the layer."""
    members: dict[int, list[int]] = {}
    for i, y in enumerate(layer):
        members.setdefault(y, []).append(i)
    x = [0.0] * len(layer)
    for row in members.values():
        for k, i in enumerate(row):
            x[i] = (k + 0.5) / len(row)
    return [(x[i], float(y)) for i, y in enumerate(layer)]


def _draw_arrow(ax: Any, a: tuple[float, float], b: tuple[float, float], text: str) -> None:
    """A straight arrow up with its label on the right, a bent one back with it on the left, a loop beside the box."""
    style = {"arrowstyle": "->", "color": "0.5", "shrinkA": 16.0, "shrinkB": 16.0, "connectionstyle": "arc3"}
    x, y, side = (a[0] + b[0]) / 2 + 0.015, (a[1] + b[1]) / 2, "left"
    if a == b:
        start, end = (a[0] + 0.1, a[1] - 0.12), (a[0] + 0.1, a[1] + 0.12)
        style |= {"connectionstyle": "arc3,rad=1.2", "shrinkA": 0.0, "shrinkB": 0.0}
        x += 0.16
    else:
        start, end = a, b
    if a != b and b[1] <= a[1]:
        style["connectionstyle"] = "arc3,rad=0.25"
        x, side = x - 0.075, "right"
    ax.annotate("", xy=end, xytext=start, arrowprops=style)
    ax.text(x, y, text, ha=side, va="center", fontsize=6, color="0.35")


def _draw_dots(ax: Any, places: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> None:
    nan = float("nan")
    xs, ys = [], []
    for a, b in edges[:5000]:
        xs += [places[a][0], places[b][0], nan]
        ys += [places[a][1], places[b][1], nan]
    ax.plot(xs, ys, color="0.8", linewidth=0.4)
    ax.plot([x for x, _ in places], [y for _, y in places], ".", color="0.2", markersize=3)
    if len(edges) > 5000:
        ax.text(0.5, -0.4, f"5,000 of {len(edges):,} projections", ha="center", fontsize=6, color="0.35")
