"""Similar inputs, similar codes: how does the overlap of two codes follow the overlap of their inputs?

One mac (Q 24, K 8) over 144 pixels stores n random items of 12 active pixels, each in one presentation. Probes share
o = 0 .. 12 pixels with a stored item; the rest lie elsewhere. Their winners are drawn as learning draws them
(``winner="draw"``, from a stream of their own, no writes); the share of CMs in which a probe's code meets the code of
the item it was made from, and those of the other items, is the code overlap (Rinkus 2010, 2014). All presets are run on
the same items and probes.

With one item stored the overlap is known exactly (eqs 7 to 11): the curves are held against it. With 6 and 30 stored,
crosstalk has no closed form, and the table of our prototype stands beside. Expected curves rise with o; measured ones
are noisy where the truth is flat, so a fall counts only beyond what the standard error over networks allows.

The second part is the belief read-out: the share of winners that each stored code has in the current code should rank
the stored items as their similarity to the input does (Rinkus 2010, 2017). Probes blend six stored items that have no
pixel in common: 5, 4, 2, 1, 0 and 0 of their pixels. The bars are judged as means over networks (the likelihoods of
which the theory speaks) and for single probes, where only Q winners sample them.
"""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
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
from sdrsim.studies.published._sparsey_belief import belief_bars, draw_belief, rank_checks
from sdrsim.studies.published._sparsey_theory import one_item_overlap
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Sparsey: the overlap of codes follows the overlap of inputs"
CITATION = (
    "Rinkus 2010, Front. Neuroanat. 4:17; Rinkus 2014, Front. Comput. Neurosci. 8:160; Rinkus 2017, arXiv 1701.07879"
)
QUICK = {"n_networks": 60, "n_belief": 60}

# Mean code overlap at 0, 2, 4, 6, 8, 9, 10, 11, 12 shared pixels of 12, by preset and items stored
PLACES = (0, 2, 4, 6, 8, 9, 10, 11, 12)
PROTOTYPE: Mapping[tuple[str, int], tuple[float, ...]] = {
    ("rinkus2014", 1): (0.13, 0.11, 0.13, 0.30, 0.79, 0.89, 0.95, 0.97, 0.98),
    ("rinkus2014", 6): (0.13, 0.12, 0.16, 0.37, 0.80, 0.90, 0.95, 0.97, 0.98),
    ("rinkus2014", 30): (0.15, 0.21, 0.29, 0.49, 0.75, 0.83, 0.89, 0.90, 0.91),
    ("rinkus2014_alt", 1): (0.13, 0.11, 0.36, 0.95, 0.98),
    ("demo_early", 1): (0.13, 0.16, 0.41, 0.63, 0.74, 0.76, 0.78, 0.79, 0.78),
}
TOLERANCE = 0.05  # set with the table: 60 draws of 24 winners have a standard error of up to .013
SOURCE = "Rinkus 2010, 2014: similar inputs have similar codes"
FALSE_ALARM = 1e-4  # of each family of comparisons
AUTHOR = ("rinkus2014", "rinkus2014_alt", "rinkus2010", "core", "demo", "sparseypy")
WORDS = {"demo_early": "demo, E = 400 G²", "features": "features (ours)"}

ABOUT = {
    "n_stored": "items stored",
    "overlap": "shared with the stored item",
    "code_overlap": "code overlap",
    "others": "code overlap with the other items' codes",
    "theory": "expected with one item stored (eqs 7 to 11)",
    "n_hits": "winners shared with the item's code, all networks",
    "n_winners": "winners compared, all networks",
    "rise_t": "rise from the point before, in its standard errors over networks",
}


def demo_early(v: Any, g: float) -> NDArray[np.float64]:
    """An earlier form of the author's demonstration: E = 400 G^2, constant eccentricity .15."""
    return np.asarray(1 + 400 * g**2 / (1 + np.exp(-(np.asarray(v) - 0.5) / 0.15)))


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    presets : tuple of str
        Forms of code selection; 'demo_early' is the demonstration's earlier form as a psi of one's own.
    n_inputs, n_active : int
        Pixels, and how many are on in an item.
    n_cms, n_cells : int
        Q and K of the mac.
    n_stored : tuple of int
        Items stored.
    n_networks : int
        Networks (items and codes of their own) behind each point.
    n_probes : int
        Probes of each overlap in a network, shared out among the stored items; at least one an item.
    freeze_u : float or None
        Critical period of a unit, as in `MacParams`; the presets' own is .5.
    blend : tuple of int
        Pixels of a belief probe that come from each stored item, and from that alone.
    belief_cms : tuple of int
        CMs of the macs whose belief is read: more winners sample the likelihoods better.
    n_belief : int
        Networks, and so probes, of each.
    """

    presets: tuple[
        Literal["rinkus2014", "rinkus2014_alt", "rinkus2010", "core", "demo", "demo_early", "sparseypy", "features"],
        ...,
    ] = ("rinkus2014", "rinkus2014_alt", "rinkus2010", "core", "demo", "demo_early", "sparseypy", "features")
    n_inputs: Annotated[int, Field(ge=24)] = 144
    n_active: Annotated[int, Field(ge=2)] = 12
    n_cms: Annotated[int, Field(ge=1)] = 24
    n_cells: Annotated[int, Field(ge=2)] = 8
    n_stored: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 6, 30)
    n_networks: Annotated[int, Field(ge=2)] = 100
    n_probes: Annotated[int, Field(ge=1)] = 60
    freeze_u: Annotated[float, Field(gt=0, le=1)] | None = 0.5
    blend: tuple[Annotated[int, Field(ge=0)], ...] = (5, 4, 2, 1, 0, 0)
    belief_cms: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (24, 96, 384)
    n_belief: Annotated[int, Field(ge=2)] = 200

    @model_validator(mode="after")
    def _room(self) -> Self:
        if 2 * self.n_active > self.n_inputs:
            raise ValueError(f"n_active of at most half of n_inputs, got {self.n_active} of {self.n_inputs}")
        if len(set(self.blend)) < 2 or sum(self.blend) > self.n_active:
            raise ValueError(f"a blend of different shares, together at most n_active, got {self.blend}")
        if (len(self.blend) + 1) * self.n_active > self.n_inputs:
            raise ValueError(f"room for {len(self.blend) + 1} separate items of {self.n_active} in n_inputs")
        return self

    def mac(self, preset: str, **changes: Any) -> MacParams:
        """The mac of one curve."""
        form: dict[str, Any] = {"psi": demo_early} if preset == "demo_early" else {"preset": preset}
        size = {"n_inputs": self.n_inputs, "n_cms": self.n_cms, "n_cells": self.n_cells, "freeze_u": self.freeze_u}
        return MacParams(**form, **(size | changes), winner="draw")


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'similarity' and 'belief', and the traffic."""
    traffic = Traffic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)  # 30 items saturate some presets: that is a result here
        similarity = _similarity(params, seed, traffic, progress)
        bars = []
        for i, n_cms in enumerate(params.belief_cms):
            mac = params.mac("rinkus2014", n_cms=n_cms)
            bars.append(belief_bars(mac, params.blend, params.n_active, params.n_belief, seed, traffic))
            progress(i + 1, len(params.belief_cms), "beliefs")
    return {"similarity": similarity, "belief": Table.concat(bars), "traffic": traffic}


def _similarity(params: StudyParams, seed: int, traffic: Traffic, progress: Progress) -> Table:
    n_places, n_networks = params.n_active + 1, params.n_networks
    rows: list[dict[str, Any]] = []
    for step, n in enumerate(params.n_stored):
        target = np.repeat(np.arange(n), max(1, params.n_probes // n))
        own = {preset: np.empty((n_networks, n_places, len(target))) for preset in params.presets}
        others = {preset: np.full((n_networks, n_places), np.nan) for preset in params.presets}
        for i in range(n_networks):
            key = subseed(seed, f"{n} stored, network {i}")
            items = patterns.random_sparse(n, params.n_inputs, params.n_active, seed=key)
            probes = _probes(items, target, key)
            for preset in params.presets:
                mac = Mac(params.mac(preset), seed=subseed(key, preset))
                book = mac.store(items).winners
                met = mac.likelihoods(probes, book, seed=subseed(key, f"{preset} probes"))
                met = met.reshape(n_places, len(target), n)
                own[preset][i] = met[:, np.arange(len(target)), target]
                if n > 1:
                    rest = met.sum(axis=(1, 2)) - own[preset][i].sum(axis=1)
                    others[preset][i] = rest / (len(target) * (n - 1))
                traffic += mac.traffic.prefixed(preset)
            progress(step * n_networks + i + 1, len(params.n_stored) * n_networks, "networks")
        for preset in params.presets:
            rows += _curve(params, preset, n, own[preset], others[preset])
    return Table.from_rows(rows, {"overlap": "pixels"}, ABOUT)


def _probes(items: SDR, target: NDArray[np.int64], key: int) -> SDR:
    """For each overlap 0 .. k, one probe of each target item: its other pixels move to where the item has none."""
    k = int(items.n_active[0])
    again = SDR.from_indices(items.indices.reshape(-1, k)[target], items.size)
    made = [patterns.move_units(again, (k - o) / k, seed=subseed(key, f"overlap {o}")) for o in range(k + 1)]
    return SDR.from_indices(np.concatenate([p.indices for p in made]).reshape(-1, k), items.size)


def _curve(
    params: StudyParams, preset: str, n: int, own: NDArray[np.float64], others: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Rows of one preset and load from shares of common winners: (networks, overlaps, probes), (networks, overlaps)."""
    mean, rows = own.mean(axis=2), []
    theory = one_item_overlap(params.mac(preset), np.arange(mean.shape[1]) / params.n_active)
    for o in range(mean.shape[1]):
        rate = measures.spread(mean[:, o])
        rise = mean[:, o] - mean[:, o - 1] if o else np.full(len(mean), np.nan)
        error = float(rise.std(ddof=1)) / np.sqrt(len(rise))
        row = {"preset": preset, "n_stored": n, "overlap": o, "code_overlap": rate.value}
        row |= {"code_overlap_low": rate.low, "code_overlap_high": rate.high, "n_networks": rate.n}
        row |= {"others": float(others[:, o].mean())}
        row |= {"theory": float(theory[o]) if n == 1 else np.nan, "n_winners": own[:, o].size * params.n_cms}
        row |= {
            "n_hits": round(float(own[:, o].sum()) * params.n_cms),
            "rise_t": float(rise.mean()) / error if error else 0.0,
        }
        rows.append(row)
    return rows


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Three panels: the default form by load, all forms with one item stored, belief."""
    fig, axes = plotting.subplots(1, 3, (7.2, 3.0))
    _draw_loads(axes[0], tables["similarity"])
    _draw_forms(axes[1], tables["similarity"])
    draw_belief(axes[2], tables["belief"])
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=6.5)
    return fig


def _draw_loads(ax: "Axes", table: Table) -> None:
    loads = np.unique(table["n_stored"])
    for n, colour, marker in zip(loads, ("#56B4E9", "#0072B2", "#08306b"), "os^"):
        t = table.where(preset="rinkus2014", n_stored=int(n))
        ax.fill_between(t["overlap"], t["code_overlap_low"], t["code_overlap_high"], color=colour, alpha=0.2, lw=0)
        line: dict[str, Any] = {"ls": "" if n == 1 else "-", "color": colour, "marker": marker}
        ax.plot(t["overlap"], t["code_overlap"], label=f"{n} stored", **line)
        if n == 1:
            ax.plot(t["overlap"], t["theory"], color=colour, lw=1, zorder=1.5, label="theory")
        if ("rinkus2014", int(n)) in PROTOTYPE:
            look: dict[str, Any] = {"color": plotting.PALETTE[1], "label": "prototype" if n == loads[-1] else None}
            ax.plot(PLACES, PROTOTYPE["rinkus2014", int(n)], ls="", marker="x", ms=3.5, zorder=3, **look)
    ax.set(title="a  rinkus2014", ylabel="code overlap")
    _places(ax, table)
    ax.legend(loc="upper left")


def _draw_forms(ax: "Axes", table: Table) -> None:
    one = table.where(n_stored=1)
    for i, preset in enumerate(dict.fromkeys(one["preset"].tolist())):
        t = one.where(preset=preset)
        colour, marker = (*plotting.PALETTE, "#999999")[i % 8], "os^DvPX<"[i % 8]
        ax.plot(t["overlap"], t["theory"], color=colour, lw=1)
        name = WORDS.get(preset, preset)
        ax.plot(t["overlap"], t["code_overlap"], ls="", color=colour, marker=marker, ms=3, label=name)
    ax.set(title="b  one item stored; lines: theory", ylabel="code overlap")
    _places(ax, table)


def _places(ax: "Axes", table: Table) -> None:
    ax.set(xlabel="shared with the stored item (pixels)", ylim=(0, 1.02), xticks=range(0, 13, 2))
    chance = table.where(preset="rinkus2014", n_stored=1, overlap=0)["theory"]
    if len(chance):
        ax.axhline(chance[0], color="0.6", lw=0.6, ls=":")


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Theory, the table of the prototype, and the published claims: graded, monotone, ranking."""
    table = tables["similarity"]
    return [*_against_theory(table), *_against_prototype(table), *_graded(table), *rank_checks(tables["belief"])]


def _against_theory(table: Table) -> list[Check]:
    """Worst point of all curves with one item stored, as the normal deviate of its exact binomial tail."""
    from scipy.stats import binomtest, norm

    one = table.where(n_stored=1)
    if not len(one):
        return []
    tails = [binomtest(r["n_hits"], r["n_winners"], r["theory"]).pvalue for r in one.rows()]
    worst, limit = float(norm.isf(min(tails) / 2)), float(norm.isf(FALSE_ALARM / len(one) / 2))
    source = f"Rinkus 2014, eqs 7-11; {len(one)} points, family-wise level {FALSE_ALARM:g}, exact binomial"
    n = int(one["n_winners"].sum())
    return [Check.at_most("one item stored, worst |z|", worst, limit, n=n, kind="theory", source=source)]


def _against_prototype(table: Table) -> list[Check]:
    found, source = [], "prototype, 60 draws; tolerance .05 in every place"
    for (preset, n), known in PROTOTYPE.items():
        t = table.where(preset=preset, n_stored=n)
        if len(t) == 13:
            far = float(np.abs(t["code_overlap"][list(PLACES[: len(known)])] - known).max())
            more: dict[str, Any] = {"n": int(t["n_networks"][0]), "kind": "prototype", "source": source}
            found.append(Check.at_most(f"{preset}, {n} stored, largest difference", far, TOLERANCE, **more))
    return found


def _graded(table: Table) -> list[Check]:
    """Ends, order and rank correlation of the mean curves of the author's forms."""
    found, default = [], table.where(preset="rinkus2014")
    more: dict[str, Any] = {"n": int(table["n_networks"].min()), "kind": "published", "source": SOURCE}
    if len(default):
        ends = default["overlap"] == 0, default["overlap"] == table["overlap"].max()
        few = ends[0] & (default["n_stored"] <= 6)
        chance = default["theory"][ends[0] & (default["n_stored"] == 1)]
        if chance.size:
            far = float(np.abs(default["code_overlap"][few] - chance).max())
            why = {"kind": "theory", "source": "eq 9: nothing familiar, all cells alike"}
            found.append(Check.at_most("rinkus2014, nothing shared: from 1/K", far, TOLERANCE, **more | why))
        found.append(Check.at_least("rinkus2014, same item", default["code_overlap"][ends[1]].min(), 0.9, **more))
    curves = [
        t
        for preset in AUTHOR
        for n in np.unique(table["n_stored"])
        if len(t := table.where(preset=preset, n_stored=int(n)))
    ]
    if curves:
        found += [_rising(curves, more), _ranked(curves, more)]
    return found


def _rising(curves: list[Table], more: dict[str, Any]) -> Check:
    """No fall of any curve beyond Student's limit for all steps together."""
    from scipy.stats import t as student

    steps = np.concatenate([t["rise_t"][1:] for t in curves])
    limit = float(student.ppf(FALSE_ALARM / len(steps), more["n"] - 1))
    rule = {"source": f"{SOURCE}; {len(steps)} steps, family-wise level {FALSE_ALARM:g}"}
    return Check.at_least("author's forms, steepest fall (t)", float(steps.min()), limit, **more | rule)


def _ranked(curves: list[Table], more: dict[str, Any]) -> Check:
    """Lowest rank correlation in the places of the prototype's table: steps beyond the noise of the flat start."""
    places = [o for o in PLACES if o < len(curves[0])]
    ranks = [measures.rank_correlation(places, t["code_overlap"][places]).value for t in curves]
    return Check.at_least("author's forms, lowest Spearman", min(ranks), 0.95, **more)
