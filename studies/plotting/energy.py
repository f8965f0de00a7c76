"""Energy in bars: stacked by what and where, one bar a memory, chip and capacity."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table
from sdrsim.studies.plotting.columns import Columns, column
from sdrsim.studies.plotting.style import PALETTE

__all__ = ["energy", "stacks"]

_ORDER = ("compute", "state", "activation", "weight", "control", "network", "static")
_COLOURS = {role: PALETTE[i % len(PALETTE)] for i, role in enumerate(_ORDER)}
_SCALES = (("J", 1e12), ("mJ", 1e9), ("µJ", 1e6), ("nJ", 1e3), ("pJ", 1.0))


def energy(
    ax: Any,
    data: Any,
    stack: Sequence[str] = ("on_chip", "role"),
    bars: Sequence[str] | None = None,
    value: str = "pj",
) -> Any:
    """Stacked bars of energy; what is off the chip is hatched.

    Parameters
    ----------
    ax : matplotlib axis
    data : Comparison, Table or mapping
        What `compare` gave, or any columns: the `bars`, the `stack`, the `value`.
    stack : sequence of str
        Columns whose combinations lie on one another.
    bars : sequence of str or None
        Columns whose combinations stand side by side; None: those of ``memory, card, on_chip_bytes`` that vary.
    value : str
        Column of energies in pJ.

    Returns
    -------
    matplotlib axis

    Raises
    ------
    sdrsim.errors.ParameterError
        A column that is not there, no row.
    """
    columns = getattr(data, "parts", data)
    names, layers = stacks(columns, stack, bars, value)
    totals = np.sum(list(layers.values()), axis=0)
    unit, factor = next(((u, f) for u, f in _SCALES if totals.max(initial=0) >= f), _SCALES[-1])
    if isinstance(columns, Table) and columns.units.get(value, "pJ") != "pJ":
        unit, factor = columns.units[value], 1.0
    places, bottom = np.arange(len(names)), np.zeros(len(names))
    for key, heights in layers.items():
        style = {"color": _COLOURS.get(_role_of(key), PALETTE[0]), "hatch": "////" if _is_off(key) else None}
        ax.barh(places, heights / factor, left=bottom / factor, edgecolor="white", linewidth=0.2, **style)
        bottom += heights
    size = _font_size(ax, len(names))
    for place, total in zip(places, bottom):
        text = f" {_si(total)}" if factor != 1.0 or unit == "pJ" else f" {total:.3g}"
        ax.text(total / factor, place, text, va="center", fontsize=size)
    ax.set_xlim(0, 1.35 * totals.max() / factor)
    ax.set_yticks(places, names, fontsize=size)
    ax.invert_yaxis()
    ax.set_xlabel(f"energy an item ({unit})" if value == "pj" else f"energy ({unit})")
    _legend(ax, layers)
    return ax


def _font_size(ax: Any, n_bars: int) -> float:
    """Points of the words beside the bars: as many as there is room for, between 4 and 8."""
    height = ax.get_position().height * ax.figure.get_size_inches()[1] * 72
    return float(np.clip(0.65 * height / max(1, n_bars), 4, 8))


def _legend(ax: Any, layers: dict[tuple[Any, ...], NDArray[np.float64]]) -> None:
    """Colours by role, and what the hatching means, below the axis."""
    from matplotlib.patches import Patch

    shown = [key for key, heights in layers.items() if heights.any()]
    roles = [role for role in _ORDER if any(_role_of(key) == role for key in shown)]
    handles = [Patch(color=_COLOURS[role], label=role) for role in roles]
    if any(_is_off(key) for key in shown):
        handles.append(Patch(facecolor="white", edgecolor="black", hatch="////", label="off the chip"))
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.3, -0.24), ncols=4, frameon=False, fontsize=6)


def _si(value: float) -> str:
    unit, factor = next(((u, f) for u, f in _SCALES if value >= f), _SCALES[-1])
    return f"{value / factor:.3g} {unit}"


def stacks(
    data: Columns, stack: Sequence[str], bars: Sequence[str] | None, value: str
) -> tuple[list[str], dict[tuple[Any, ...], NDArray[np.float64]]]:
    """Names of the bars, and the heights ``(n_bars,)`` of each layer, on-chip layers first."""
    values = column(data, value).astype(np.float64)
    if not len(values):
        raise ParameterError("energies to plot", got="no row", expected="at least one")
    own = ("memory", "card", "on_chip_bytes")
    if bars is None:
        varied = [name for name in own if name in data and len(set(column(data, name).tolist())) > 1]
        bars = varied or [name for name in own if name in data][:1]
    shown = [[_shown(name, v) for v in column(data, name).tolist()] for name in bars]
    keys = [", ".join(parts) for parts in zip(*shown)] if shown else [""] * len(values)
    names = list(dict.fromkeys(keys))
    layers: dict[tuple[Any, ...], NDArray[np.float64]] = {}
    rows = list(zip(*(column(data, name).tolist() for name in stack)))
    for key, row, height in zip(keys, rows, values):
        layers.setdefault(row, np.zeros(len(names)))[names.index(key)] += height
    place = {role: i for i, role in enumerate(_ORDER)}
    return names, dict(sorted(layers.items(), key=lambda item: (_is_off(item[0]), place.get(_role_of(item[0]), 99))))


def _shown(name: str, value: Any) -> str:
    if not name.endswith("bytes"):
        return str(value)
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if value >= 1 << power:
            return f"{value / (1 << power):g} {unit}"
    return f"{value:g} B"


def _role_of(key: tuple[Any, ...]) -> str:
    return next((part for part in key if isinstance(part, str)), "energy")


def _is_off(key: tuple[Any, ...]) -> bool:
    return any(part is False for part in key)
