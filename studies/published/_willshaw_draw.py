"""The figure of `willshaw-capacity`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sdrsim import measures
from sdrsim.files.table import Table
from sdrsim.models.hebbian import theory
from sdrsim.studies import plotting
from sdrsim.studies.published._willshaw import points
from sdrsim.studies.published._willshaw_runs import STRATEGIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["capacity_figure", "measured"]

GREY = "0.35"


def measured(ax: "Axes", t: Table, x: str, y: str, colour: str, marker: str, label: str, line: bool = False) -> None:
    """Mean over networks at each x with Student's interval over them, as points with bars, joined if asked."""
    places = np.unique(t[x])
    rates = [measures.spread(t[y][t[x] == at]) for at in places]
    low, high = np.array([r.low for r in rates]), np.array([r.high for r in rates])
    ax.vlines(places, low, high, color=colour, lw=0.8)
    ax.plot(places, [r.value for r in rates], color=colour, marker=marker, ls="-" if line else "", label=label)


def capacity_figure(tables: Mapping[str, Table]) -> "Figure":
    """Six panels, from the tables of the study."""
    recall, capacity = tables["recall"], tables["capacity"]
    fig, axes = plotting.subplots(2, 3, (7.2, 5.0))
    _wrong(axes[0, 0], recall, tables["setting"])
    _exact(axes[0, 1], recall, tables["setting"])
    _bits(axes[0, 2], recall)
    _capacity(axes[1, 0], capacity)
    _ratio(axes[1, 1], capacity)
    _strategies(axes[1, 2], tables["strategy"])
    return fig


def _thousands(ax: "Axes", recall: Table) -> None:
    ax.set(xlabel="patterns stored (thousands)", xlim=(0, float(recall["n_stored"].max()) / 1000 * 1.03))


def _in_thousands(recall: Table) -> Table:
    return Table({**dict(recall), "n_stored": recall["n_stored"] / 1000})


def _wrong(ax: "Axes", recall: Table, setting: Table) -> None:
    n, k, a = (int(setting[name][0]) for name in ("n_units", "n_active", "n_cue"))
    loads = np.linspace(recall["n_stored"].min(), recall["n_stored"].max(), 200).astype(np.int64)
    for is_exact, style, label in ((True, "-", "exact mean"), (False, "--", "textbook")):
        line = theory.willshaw_false_positives(loads, n, k, a, exact=is_exact)
        ax.plot(loads / 1000, line, color=GREY, lw=1, ls=style, label=label)
    measured(ax, _in_thousands(recall), "n_stored", "wrong", plotting.PALETTE[0], "o", "measured")
    ax.set(title="a  wrong units, one step", ylabel="wrong units a cue", yscale="log", ylim=(1e-4, 100))
    _thousands(ax, recall)
    ax.legend(loc="upper left", fontsize=6)
    _wrong_inset(ax, recall)


def _wrong_inset(ax: "Axes", recall: Table) -> None:
    """Measured and textbook over the exact mean."""
    inset = ax.inset_axes((0.56, 0.12, 0.42, 0.36))
    ratio = Table({"n": recall["n_stored"] / 1000, "ratio": recall["wrong"] / recall["theory_wrong"]})
    one = recall.where(network=int(recall["network"][0]))
    textbook = one["textbook_wrong"] / one["theory_wrong"]
    inset.axhline(1, color=GREY, lw=0.8)
    inset.plot(one["n_stored"] / 1000, textbook, color=GREY, lw=0.8, ls="--")
    seen = recall["theory_wrong"] * recall["n_cues"] >= 10
    measured(inset, ratio.take(seen), "n", "ratio", plotting.PALETTE[0], "o", "")
    inset.lines[-1].set_markersize(2)
    inset.set_title("ratio to the exact mean", fontsize=5.5, loc="left", pad=2)
    inset.set(xlim=(0, None), ylim=(0.65, 1.1), yticks=[0.7, 1.0])
    inset.tick_params(labelsize=5.5, length=2, pad=1)


def _exact(ax: "Axes", recall: Table, setting: Table) -> None:
    n, k, a = (int(setting[name][0]) for name in ("n_units", "n_active", "n_cue"))
    b, t = int(setting["n_inserted"][0]), _in_thousands(recall)
    loads = np.linspace(recall["n_stored"].min(), recall["n_stored"].max(), 200).astype(np.int64)
    ax.plot(loads / 1000, 1 - theory.willshaw_error(loads, n, k, a), color=GREY, lw=1, label="1 step, theory")
    measured(ax, t, "n_stored", "exact_once", plotting.PALETTE[0], "o", f"{a}, 1 step")
    measured(ax, t, "n_stored", "exact_10", plotting.PALETTE[1], "s", f"{a}, 10 steps", line=True)
    measured(ax, t, "n_stored", "mixed_10", plotting.PALETTE[2], "^", f"{k - b} + {b}, 10 steps", line=True)
    ax.set(title=f"b  recall from {a}, or {k - b} + {b} wrong", ylabel="share recalled exactly", ylim=(0, 1.03))
    _thousands(ax, recall)
    ax.legend(loc="upper right", fontsize=6, handlelength=1.2, bbox_to_anchor=(1.04, 1))


def _bits(ax: "Axes", recall: Table) -> None:
    t = _in_thousands(recall)
    for cue, colour, marker in (("whole", plotting.PALETTE[0], "o"), ("completed", plotting.PALETTE[1], "s")):
        name = "whole cue" if cue == "whole" else "completion"
        for convention, style in (("channel", "-"), ("sets", "--")):
            loads = np.unique(t["n_stored"])
            mean = [float(t[f"{cue}_{convention}"][t["n_stored"] == load].mean()) for load in loads]
            look: dict[str, Any] = {"marker": marker, "ms": 3} if convention == "channel" else {"marker": ""}
            ax.plot(loads, mean, color=colour, ls=style, label=f"{name}, {convention}", **look)
    limits = ((theory.BINARY_BITS_PER_SYNAPSE, "ln 2", 2), (theory.AUTO_BITS_PER_SYNAPSE, "(ln 2) / 4", -7))
    for limit, name, shift in limits:
        ax.axhline(limit, color="0.6", lw=0.6, ls=":")
        place: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        ax.annotate(name, (1, limit), (0, shift), fontsize=6, ha="right", **place)
    ax.set(title="c  information, one step", ylabel="bits per synapse", ylim=(0, 0.78))
    _thousands(ax, recall)
    ax.legend(loc="upper left", fontsize=6, bbox_to_anchor=(0, 0.88))


def _parts(capacity: Table) -> list[tuple[str, Table]]:
    whole = capacity["n_cue"] == capacity["n_active"]
    return [("whole cue", capacity.take(whole)), ("about half of it", capacity.take(~whole))]


def _capacity(ax: "Axes", capacity: Table) -> None:
    for i, (name, t) in enumerate(_parts(capacity)):
        ax.plot(t["n_units"], t["exact"], color=GREY, lw=1, label="exact mean" if i == 0 else None)
        ax.plot(t["n_units"], t["capacity"], ls="", marker="os"[i], color=plotting.PALETTE[i], label=name)
    ax.set(title="d  capacity, .01 k wrong units", xlabel="units N", ylabel="patterns", xscale="log", yscale="log")
    ax.legend(loc="upper left")


def _ratio(ax: "Axes", capacity: Table) -> None:
    for i, (name, t) in enumerate(_parts(capacity)):
        colour: dict[str, Any] = {"color": plotting.PALETTE[i]}
        low, high = t["capacity_low"] / t["closed"], t["capacity_high"] / t["closed"]
        ax.plot(t["n_units"], t["exact"] / t["closed"], lw=1, **colour)
        ax.plot(t["n_units"], t["textbook"] / t["closed"], lw=1, ls="--", **colour)
        ax.vlines(t["n_units"], low, high, lw=0.8, **colour)
        ax.plot(t["n_units"], t["capacity"] / t["closed"], ls="", marker="os"[i], label=name, **colour)
    ax.axhline(1, color="0.6", lw=0.6, ls=":")
    ax.plot([], [], color=GREY, lw=1, label="exact mean")
    ax.plot([], [], color=GREY, lw=1, ls="--", label="textbook")
    ax.set(title="e  capacity over the closed form", xlabel="units N", ylabel="ratio", xscale="log")
    ax.legend(loc="lower right", fontsize=6)


def _strategies(ax: "Axes", strategy: Table) -> None:
    fixed = strategy.where(strategy="fixed")
    some = list(points(fixed, "n_stored"))
    ax.plot([key[0] for key, _ in some], [t["theory"][0] for _, t in some], color=GREY, lw=1, label="fixed, exact mean")
    for i, name in enumerate(("fixed", *STRATEGIES)):
        t = strategy.where(strategy=name)
        label = "fixed, the best" if name == "fixed" else name
        measured(ax, t, "n_stored", "wrong", plotting.PALETTE[i], "os^D"[i], label, line=name != "fixed")
    ax.set(title="f  partial connectivity", xlabel="patterns stored", ylabel="units missed or too many", yscale="log")
    ax.legend(loc="lower right", fontsize=6)
