"""Single-trial learning: how many items, each shown once, does a mac recognise exactly, and what is that per synapse?

Macs of 24 CMs store random items of 12 active pixels one after another, each in one presentation. At each load every
item stored so far is shown again; it counts as recognised when all Q winners are those it was given. The knee is the
load up to which at most 1 % of the items fail, on the mean curve over networks. Bits per synapse at the knee:
M log2 C(n_inputs, n_active) / n_synapses, the length of a plain list of the items, over all U synapses.

Arms: `rinkus2014` (the default: Gm .1, match by fraction, freezing at half the weights), the same storing everything
apart (Gm .9), match by cosine (Gm .9), the `features` preset (cosine, units closed at a quarter of their weights), and
a control with codes drawn at random (chi 0, no freezing). For the control the share of winners that win again is known
exactly, and its Q-th power is close to the share of items recognised.

Capacity in proportion to the weights (Rinkus 1996) was found with inputs that grow with the memory. Two sweeps stand
side by side: more cells over the same 144 pixels, where a longer memory meets more rivals that hear an item by chance
and the knee grows more slowly than the weights; and pixels growing with the cells, where it grows in proportion.
"""

import warnings
from collections.abc import Mapping
from math import comb, log2
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from sdrsim import measures, patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import SaturationWarning
from sdrsim.files.table import Table
from sdrsim.models.sparsey.mac import Mac
from sdrsim.models.sparsey.params import MacParams
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._sparsey_theory import random_code_match
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Sparsey: items recognised exactly after one presentation, up to the knee"
CITATION = "Rinkus 1996, thesis, Boston University; Rinkus 2010, Front. Neuroanat. 4:17; Rinkus 2014"
QUICK = {"n_networks": 8, "n_cells": [8, 32]}

Arm = Literal["rinkus2014", "Gm 0.9", "cosine, Gm 0.9", "features", "random codes"]
ARMS: Mapping[str, Mapping[str, Any]] = {
    "rinkus2014": {},
    "Gm 0.9": {"g_minus": 0.9},
    "cosine, Gm 0.9": {"match": "cosine", "g_minus": 0.9},
    "features": {"preset": "features"},
    "random codes": {"chi": 0.0, "freeze_u": None},
}
CONTROL = "random codes"
FAILED = 0.01  # share of items that may fail up to the knee
LOST = 0.75  # share at which filling ends
BELOW = FAILED / 10  # share that may fail half-way to it
FALSE_ALARM = 1e-4
ABOUT = {
    "inputs": "pixels: fixed, or in proportion to the cells",
    "arm": "form of the mac",
    "n_cells": "cells of a CM",
    "n_stored": "items stored",
    "error": "share of items not recognised exactly",
    "error_n": "items shown again",
    "code_match": "share of winners that win again",
    "n_winners": "winners compared",
    "share_set": "share of the weights set",
    "theory_match": "expected code match of random codes",
    "theory_error": "expected error of random codes, if CMs failed independently",
}
ABOUT_KNEE = {
    "inputs": ABOUT["inputs"],
    "arm": ABOUT["arm"],
    "knee": f"items stored with at most {FAILED:.0%} failing",
    "n_synapses": "U synapses",
    "bits_per_synapse": "M log2 C(n_inputs, n_active) / n_synapses at the knee",
    "half_failed": "items that failed at half the knee, all networks",
    "half_shown": "items shown again at half the knee, all networks",
}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    arms : tuple of str
        Macs to run.
    n_inputs, n_active : int
        Pixels, and how many are on in an item.
    n_cms : int
        Q.
    n_cells : tuple of int
        K of each mac over `n_inputs` pixels.
    n_cells_scaled : tuple of int
        K of each mac over pixels in proportion to K: `n_inputs` for the first.
    n_stored : tuple of int
        Loads, rising. A mac is filled until three quarters of its items fail.
    n_networks : int
        Independent networks.
    """

    arms: Annotated[tuple[Arm, ...], Field(min_length=1)] = (
        "rinkus2014",
        "Gm 0.9",
        "cosine, Gm 0.9",
        "features",
        "random codes",
    )
    n_inputs: Annotated[int, Field(ge=2)] = 144
    n_active: Annotated[int, Field(ge=1)] = 12
    n_cms: Annotated[int, Field(ge=1)] = 24
    n_cells: tuple[Annotated[int, Field(ge=2)], ...] = (8, 16, 32, 64)
    n_cells_scaled: Annotated[tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1)] = (8, 16, 32)
    n_stored: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
        1,
        *(round(5 * 1.2**i) for i in range(32)),
    )
    n_networks: Annotated[int, Field(ge=2)] = 20

    @model_validator(mode="after")
    def _room(self) -> Self:
        least = min(pixels for _, pixels, _ in self.sweeps)
        if self.n_active > least:
            raise ValueError(f"n_active of at most the pixels of the smallest mac, got {self.n_active} of {least}")
        return self

    @property
    def sweeps(self) -> list[tuple[str, int, int]]:
        """(inputs, pixels, cells) of every mac."""
        fixed = [("fixed", self.n_inputs, k) for k in self.n_cells]
        return fixed + [("scaled", self.n_inputs * k // self.n_cells_scaled[0], k) for k in self.n_cells_scaled]


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'recognition' (a row for each network and load) and 'knee' (a row for each mac), and the traffic."""
    traffic, parts, knees = Traffic(), [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)  # the study runs each mac past its capacity
        for inputs, n_inputs, n_cells in params.sweeps:
            for arm in params.arms:
                size: dict[str, Any] = {"n_inputs": n_inputs, "n_cms": params.n_cms, "n_cells": n_cells}
                rows = _curve(params, arm, MacParams(**size, **ARMS[arm]), seed, traffic)
                start = {"inputs": inputs, "arm": arm, "n_cells": n_cells}
                parts.append(Table.from_rows([start | row for row in rows], descriptions=ABOUT))
                knees.append(start | _knee(parts[-1], params, n_inputs))
                progress(len(parts), len(params.sweeps) * len(params.arms), "macs")
    knee = Table.from_rows(knees, {"knee": "items", "bits_per_synapse": "bit"}, ABOUT_KNEE)
    return {"recognition": Table.concat(parts), "knee": knee, "traffic": traffic}


def _curve(params: StudyParams, arm: str, form: MacParams, seed: int, traffic: Traffic) -> list[dict[str, Any]]:
    """All networks of one mac, at the loads that all of them reached; items are paired between macs."""
    loads, rows = sorted(params.n_stored), []
    for i in range(params.n_networks):
        mac = Mac(form, seed=subseed(seed, f"mac {i}"))
        items = patterns.random_sparse(loads[-1], form.n_inputs, params.n_active, seed=subseed(seed, f"items {i}"))
        rows += [{"network": i} | row for row in _filled(mac, items, loads)]
        traffic += mac.traffic.prefixed(f"{form.n_inputs} inputs, K {form.n_cells}")
    last = min(max(r["n_stored"] for r in rows if r["network"] == i) for i in range(params.n_networks))
    theory = np.full(last, np.nan)
    if arm == CONTROL:
        theory = random_code_match(last, form.n_inputs, params.n_active, form.n_cells)
    kept = [row for row in rows if row["n_stored"] <= last]
    for row in kept:
        row["theory_match"] = float(theory[row["n_stored"] - 1])
        row["theory_error"] = 1 - row["theory_match"] ** params.n_cms
    return kept


def _filled(mac: Mac, items: SDR, loads: list[int]) -> list[dict[str, Any]]:
    """Fill a mac load by load; at each, show every stored item again."""
    winners = np.empty((0, mac.params.n_cms), np.int16)
    rows: list[dict[str, Any]] = []
    for n in loads:
        winners = np.concatenate([winners, mac.store(items[mac.n_stored : n]).winners])
        same = mac.recognise(items[:n]).winners == winners
        failed = measures.Rate.of(int((~same.all(axis=1)).sum()), n)
        row = {"n_stored": n, "error": failed.value, "error_low": failed.low, "error_high": failed.high, "error_n": n}
        row |= {"code_match": float(same.mean()), "n_winners": same.size, "share_set": mac.share_set}
        rows.append(row)
        if failed.value > LOST:
            break
    return rows


def _knee(table: Table, params: StudyParams, n_inputs: int) -> dict[str, Any]:
    """The knee of one mac with its jackknife interval over networks, bits per synapse, and failures half-way to it."""
    knee = measures.capacity(table, x="n_stored", y="error", at=FAILED, seed="network")
    n_synapses = n_inputs * params.n_cms * int(table["n_cells"][0])
    bits = log2(comb(n_inputs, params.n_active)) / n_synapses
    half = table["n_stored"] == max((n for n in table["n_stored"].tolist() if n <= knee.value / 2), default=0)
    failed = int(np.rint((table["error"] * table["error_n"])[half]).sum())
    row: dict[str, Any] = {"n_inputs": n_inputs, "n_synapses": n_synapses}
    row |= {"knee": knee.value, "knee_low": knee.low, "knee_high": knee.high, "bits_per_synapse": knee.value * bits}
    return row | {"half_failed": failed, "half_shown": int(table["error_n"][half].sum()), "n_networks": knee.n}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Three panels: items recognised against items stored (first mac), and the knee against the weights, twice."""
    table, knee = tables["recognition"], tables["knee"]
    first = table.where(inputs=str(table["inputs"][0]), n_cells=int(table["n_cells"][0]))
    fig, axes = plotting.subplots(1, 3, (7.2, 3.0))
    for arm, colour, marker in zip(dict.fromkeys(table["arm"].tolist()), plotting.PALETTE, "os^Dv"):
        look: dict[str, Any] = {"color": colour, "marker": marker}
        _draw_curve(axes[0], first.where(arm=arm), look | {"label": arm})
        for ax, inputs in zip(axes[1:], ("fixed", "scaled")):
            _draw_knees(ax, knee.where(arm=arm, inputs=inputs), look)
    axes[0].set(title=f"a  {knee['n_inputs'][0]} pixels, K = {knee['n_cells'][0]}", ylabel="share recognised exactly")
    axes[0].set(xlabel="items stored", xscale="log", xlim=(4, None), ylim=(0, 1.03))
    axes[1].set_title(f"b  the knee, {knee['n_inputs'][0]} pixels")
    axes[2].set_title("c  the knee, pixels ∝ K")
    for ax in axes[1:]:
        _draw_guides(ax, knee)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=6.5)
    return fig


def _draw_curve(ax: "Axes", t: Table, look: dict[str, Any]) -> None:
    """Share recognised, with the interval over networks or Wilson's over all items, whichever is wider."""
    loads = np.unique(t["n_stored"])
    parts = [t.where(n_stored=int(n)) for n in loads]
    rates = [measures.spread(1 - p["error"], n_trials=int(p["error_n"].sum())) for p in parts]
    ax.fill_between(loads, [r.low for r in rates], [r.high for r in rates], color=look["color"], alpha=0.2, lw=0)
    known = np.isfinite(t["theory_error"]).all()
    ax.plot(loads, [r.value for r in rates], **look, ls="" if known else "-")
    if known:
        ax.plot(
            loads, [1 - p["theory_error"][0] for p in parts], color=look["color"], lw=1, label="theory, independent CMs"
        )


def _draw_knees(ax: "Axes", t: Table, look: dict[str, Any]) -> None:
    if len(t):
        ax.fill_between(t["n_synapses"], t["knee_low"], t["knee_high"], color=look["color"], alpha=0.2, lw=0)
        slope = f"slope {_slope(t):.2f}" if len(t) > 1 else None
        ax.plot(t["n_synapses"], t["knee"], **look, label=slope)


def _draw_guides(ax: "Axes", knee: Table) -> None:
    """Both panels alike, and a line of slope 1: capacity in proportion to the weights."""
    from matplotlib.ticker import NullFormatter, ScalarFormatter

    low, high = float(knee["n_synapses"].min()), float(knee["n_synapses"].max())
    start = float(np.median(knee["knee"][knee["n_synapses"] == low]))
    ax.plot([low, high], [start, start * high / low], color="0.5", lw=0.8, ls=":", zorder=0, label="slope 1")
    ax.set(xlabel="U synapses", ylabel="items up to the knee", xscale="log", yscale="log")
    ax.set(xlim=(low / 1.2, high * 1.2), ylim=(15, 1000))
    ax.yaxis.set_major_formatter(ScalarFormatter())
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())
    ax.legend(loc="upper left", fontsize=6)


def _slope(t: Table) -> float:
    """Log-log slope of the knee over the weights; NaN where a knee was not reached."""
    if len(t) < 2 or not np.isfinite(t["knee"]).all():
        return np.nan
    return float(np.polyfit(np.log(t["n_synapses"]), np.log(t["knee"]), 1)[0])


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Law (an item alone), theory (random codes), exactness below the knee, the knee in proportion to the weights."""
    table, knee = tables["recognition"], tables["knee"]
    return [*_alone(table), *_against_theory(table), *_below(knee), *_linear(knee)]


def _alone(table: Table) -> list[Check]:
    one = table.where(n_stored=1)
    if not len(one):
        return []
    worst, source = float(one["error"].max()), "its winners are the only units that hear it"
    return [Check.at_most("one item stored: share not recognised", worst, 0, n=len(one), source=source)]


def _against_theory(table: Table) -> list[Check]:
    """Code match of random codes where at least ten winners should fail: worst point in standard errors.

    The standard error is that over networks or that of independent winners, whichever is wider.
    """
    from scipy.stats import t as student

    control, far = table.where(arm=CONTROL), []
    n = len(np.unique(control["network"]))
    for inputs, n_cells, n_stored in dict.fromkeys(zip(control["inputs"], control["n_cells"], control["n_stored"])):
        t = control.where(inputs=str(inputs), n_cells=int(n_cells), n_stored=int(n_stored))
        p, n_winners = float(t["theory_match"][0]), int(t["n_winners"].sum())
        if n_winners * (1 - p) >= 10:
            error = max(float(t["code_match"].std(ddof=1) / np.sqrt(n)), float(np.sqrt(p * (1 - p) / n_winners)))
            far.append(abs(float(t["code_match"].mean()) - p) / error)
    if not far:
        return []
    limit = float(student.isf(FALSE_ALARM / len(far) / 2, n - 1))
    source = f"random codes, exact; {len(far)} points, family-wise level {FALSE_ALARM:g}"
    return [Check.at_most("random codes: code match, worst |t|", max(far), limit, n=n, kind="theory", source=source)]


def _below(knee: Table) -> list[Check]:
    """Half-way to the knee at most one item in a thousand fails: a tenth of what defines the knee."""
    from scipy.stats import binom

    found = []
    for arm in dict.fromkeys(knee["arm"].tolist()):
        t = knee.where(arm=arm)
        failed, shown = int(t["half_failed"].sum()), int(t["half_shown"].sum())
        if not shown:
            continue
        high = float(binom.isf(FALSE_ALARM, shown, BELOW)) / shown
        source = (
            f"Rinkus 1996, 2010: learned in a single trial; at most {BELOW:g} may fail, binomial at {FALSE_ALARM:g}"
        )
        more: dict[str, Any] = {"n": shown, "kind": "published", "source": source}
        found.append(Check.at_most(f"{arm}: share failing at half the knee", failed / shown, high, **more))
    return found


def _linear(knee: Table) -> list[Check]:
    """The author's form with inputs that grow with the memory."""
    t = knee.where(arm="rinkus2014", inputs="scaled")
    if len(t) < 2:
        return []
    source = "Rinkus 1996: items grow in proportion to the weights; range of slopes .9 to 1.1"
    more: dict[str, Any] = {"n": int(t["n_networks"].sum()), "kind": "published", "source": source}
    return [Check("rinkus2014, inputs scaled: slope of the knee", _slope(t), 0.9, 1.1, target=1, **more)]
