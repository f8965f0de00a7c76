"""The demo's energies: what a recall of each memory costs on two chips, from the counters and traces of its own run."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sdrsim.studies.cli.report import lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sdrsim.engine.traffic import Traffic
    from sdrsim.files.table import Table

__all__ = ["CARDS", "ON_CHIP_BYTES", "draw_energies", "energies", "energy_lines"]

CARDS = ("cmos45_ddr4", "cmos7_hbm2")
ON_CHIP_BYTES = 16 << 10


def energies(moved: Mapping[str, "Traffic"], scores: Mapping[str, float], n_items: int) -> "tuple[Table, Table]":
    """What `compare` gives for the recalls, and the same by place and role."""
    from sdrsim.errors import MixedNodesWarning
    from sdrsim.hardware import Placement, compare

    runs = {name: {"traffic": t, "n_items": n_items, "score": scores[name]} for name, t in moved.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)  # said in the table
        found = compare(runs, CARDS, [Placement(on_chip_bytes=ON_CHIP_BYTES)], phase="retrieve")
    return found, found.parts


def energy_lines(table: "Table") -> str:
    """The energies as text, a row a memory, dynamic energy and its range on each chip."""
    head = ("nJ a recall, dynamic", *CARDS, "bytes off chip", "static nJ")
    rows = []
    for name in dict.fromkeys(table["memory"].tolist()):
        cells, first = [], next(table.where(memory=name, card=CARDS[0]).rows())
        for card in CARDS:
            row = next(table.where(memory=name, card=card).rows())
            low, mid, high = (row[f"dynamic{end}_pj"] / 1e3 for end in ("_low", "", "_high"))
            cells.append(f"{_short(mid)} ({_short(low)} .. {_short(high)})")
        rows.append((name, *cells, f"{first['off_chip_bytes_moved']:,.0f}", _short(first["static_pj"] / 1e3)))
    grades = ", ".join(sorted(set(table["weakest_grade"].tolist())))
    where = f"{ON_CHIP_BYTES >> 10} KiB on the chip; bytes and static energy on {CARDS[0]}"
    return f"{lines(head, rows, right=head[1:])}\n {where}; weakest grade of a number: {grades}"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def draw_energies(ax: "Axes", table: "Table") -> Any:
    """A bar a memory and chip on a logarithmic axis: dynamic energy a recall, with its range."""
    import numpy as np

    from sdrsim.studies import plotting

    names = list(dict.fromkeys(table["memory"].tolist()))
    places = np.arange(len(names))
    for i, card in enumerate(CARDS):
        found = [next(table.where(memory=name, card=card).rows()) for name in names]
        low, mid, high = (np.array([row[f"dynamic{end}_pj"] for row in found]) / 1e3 for end in ("_low", "", "_high"))
        style: dict[str, Any] = {"color": plotting.PALETTE[2 + i], "label": card}
        style["error_kw"] = {"lw": 0.8, "ecolor": "0.3"}
        ax.barh(places + 0.38 * i - 0.19, mid, 0.36, xerr=[mid - low, high - mid], **style)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", labelsize=7)
    ax.invert_yaxis()
    ax.set_xscale("log")
    ax.set_xlabel("dynamic energy a recall (nJ)")
    ax.set_title("on two chips", fontsize=8)
    ax.legend(fontsize=6, frameon=False, loc="lower right")
    return ax
