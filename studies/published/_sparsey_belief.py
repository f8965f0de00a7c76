"""The belief part of `sparsey_similarity`: do the likelihood bars of the stored items rank as their similarities?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sdrsim import measures
from sdrsim.engine.codes import SDR
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.sparsey.mac import Mac
from sdrsim.models.sparsey.params import MacParams
from sdrsim.studies import plotting
from sdrsim.studies.check import Check

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["belief_bars", "blended", "draw_belief", "rank_bars", "rank_checks"]


def belief_bars(params: MacParams, blend: Sequence[int], n_active: int, n: int, seed: int, traffic: Traffic) -> Table:
    """One row for each stored item: mean likelihood over `n` networks, each with items and one probe of its own.

    Columns `rank` and `rank_of_means` repeat the rank correlation of single probes and of the mean bars.
    """
    shares, likelihood = np.array(blend), np.empty((n, len(blend)))
    for i in range(n):
        key = subseed(seed, f"belief {i}")
        items, probe = blended(blend, params.n_inputs, n_active, key)
        mac = Mac(params, seed=subseed(key, "mac"))
        book = mac.store(items).winners
        likelihood[i] = mac.likelihoods(probe, book, seed=subseed(key, "probe"))[0]
        traffic += mac.traffic.prefixed(f"belief, {params.n_cms} CMs")
    single = measures.spread([rank_bars(shares, row) for row in likelihood])
    ranks = {"rank": single.value, "rank_low": single.low, "rank_high": single.high}
    ranks |= {"rank_of_means": rank_bars(shares, likelihood.mean(axis=0))}
    rows: list[dict[str, Any]] = []
    for j, share in enumerate(blend):
        rate = measures.spread(likelihood[:, j])
        row = {"n_cms": params.n_cms, "item": j + 1, "similarity": share / n_active, "likelihood": rate.value}
        rows.append(row | {"likelihood_low": rate.low, "likelihood_high": rate.high, "n_networks": n} | ranks)
    about = {
        "item": "stored item",
        "similarity": "share of the probe's active inputs",
        "likelihood": "share of common winners",
        "rank": "Spearman of single probes, mean over networks",
        "rank_of_means": "Spearman of the mean bars",
    }
    return Table.from_rows(rows, descriptions=about)


def blended(blend: Sequence[int], n_inputs: int, n_active: int, key: int) -> tuple[SDR, SDR]:
    """Stored items without common inputs, and a probe with exactly `blend` inputs of each; its rest is in none."""
    places = stream(key, "blend").permutation(n_inputs)
    items = places[: len(blend) * n_active].reshape(-1, n_active)
    free = places[items.size : items.size + n_active - sum(blend)]
    probe = np.concatenate([*(row[:share] for row, share in zip(items, blend)), free])
    return SDR.from_indices(items, n_inputs), SDR.from_indices([probe], n_inputs)


def rank_bars(similarity: NDArray[np.int64], likelihood: NDArray[np.float64]) -> float:
    """Spearman; 0 where all bars are equal: they rank nothing."""
    return measures.rank_correlation(similarity, likelihood).value if np.ptp(likelihood) else 0.0


def draw_belief(ax: "Axes", belief: Table) -> None:
    """Bars of the smallest mac, and the rank correlations of all."""
    t = belief.where(n_cms=int(belief["n_cms"].min()))
    places, error = t["item"], [t["likelihood"] - t["likelihood_low"], t["likelihood_high"] - t["likelihood"]]
    look: dict[str, Any] = {"color": plotting.PALETTE[0], "error_kw": {"lw": 0.8}}
    ax.bar(places - 0.2, t["similarity"], 0.38, color="0.75", label="similarity of inputs")
    ax.bar(places + 0.2, t["likelihood"], 0.38, yerr=error, label="likelihood (mean)", **look)
    ax.set(title=f"c  belief over {len(t)} stored items", xlabel="stored item", ylabel="share in common", xticks=places)
    firsts = [belief.where(n_cms=int(q)) for q in np.unique(belief["n_cms"])]
    lines = [f"Spearman, mean bars: {t['rank_of_means'][0]:.2f}", "single probes:"]
    lines += [f"{first['n_cms'][0]} CMs: {first['rank'][0]:.2f}" for first in firsts]
    ax.set_ylim(0, 1.75 * t["similarity"].max())
    ax.text(0.98, 0.83, "\n".join(lines), transform=ax.transAxes, ha="right", va="top", fontsize=6)
    ax.legend(loc="upper right")


def rank_checks(belief: Table) -> list[Check]:
    """The published claim, for mean bars and for single probes of the smallest mac."""
    least, most = (belief.where(n_cms=int(q)) for q in (belief["n_cms"].min(), belief["n_cms"].max()))
    n, n_cms = int(least["n_networks"][0]), int(least["n_cms"][0])
    source = "Rinkus 2010, 2017: the likelihoods of all stored items rank as their similarities"
    why = (
        f"the papers show chosen examples; one draw of {n_cms} winners samples a likelihood with a standard error of "
        f"about .07, as much as the bars differ; with {most['n_cms'][0]} CMs single probes reach {most['rank'][0]:.2f}"
    )
    mean, single = float(least["rank_of_means"][0]), float(least["rank"][0])
    common: dict[str, Any] = {"n": n, "kind": "published", "source": source}
    return [
        Check.at_least("belief, mean bars: Spearman", mean, 0.9, **common),
        Check.at_least("belief, single probes: mean Spearman", single, 0.9, deviation=why, **common),
    ]
