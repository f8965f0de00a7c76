"""Learning rules side by side: how many patterns does each give back exactly, at equal units and activity?

Networks of 1,024 units in 32 clusters of 32 store random patterns, one unit of each cluster, each pattern once. The cue
is a stored pattern with one cluster flipped: it says another unit. Recall goes on until nothing changes, 15 volleys at
most, without self-support; a pattern counts when it comes back whole. Items and cues are the same for all rules.

Arms: ``hebb``, counts of coactive pairs; ``covariance``; ``willshaw``, counts clipped at 1; ``bcpnn``: in these one
unit of each cluster wins (the best, ties drawn), as in Lansner's benchmark. ``amari``: the counts of ``hebb`` under
Amari's threshold for all units, here the support that every unit of the pattern has for certain, 32 - 1 - 1. For it
the expected number of units that fire wrongly in the first volley is exact: a foreign unit is in Binomial(P - 1, 1/l)
other patterns, each of which shares Binomial(c - 1, 1/l) units with the cue. Patterns that come back are close to
exp(-that number).

Capacity: the patterns stored at which a mean of 90 % come back. Bits per synapse there are P N H(f) / (N (N - 1) / 2),
the convention of the benchmark: H the binary entropy of the activity f = 1/32, all pairs of units counted once, also
those inside a cluster, and every pattern as if it came back whole.
"""

from collections.abc import Mapping
from math import log2
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sdrsim import measures, patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hebbian import AmariMemory, BCPNNMemory, CovarianceMemory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Learning rules at equal size and activity: patterns recalled, capacity, bits per synapse"
CITATION = (
    "Lansner, Ravichandran & Herman 2024, arXiv 2401.00335; Lansner 2025, ptBCPNN2.0; Amari 1989, Neural Netw. 2:451"
)
QUICK = {
    "n_networks": 4,
    "n_stored": [200, 300, 400, 500, 600, 800, 1000, 1200, 1500, 1775, 2000],
}

Rule = Literal["bcpnn", "willshaw", "covariance", "hebb", "amari"]
COUNTED = ("hebb", "amari")
RIGHT = 0.9  # share of patterns at capacity
GONE = 0.99  # share lost at which a rule is filled no further, but for the listed loads
FALSE_ALARM = 1e-4  # of a family of comparisons
SHAPE = (32, 32, 1, 15)  # clusters, units of each, clusters flipped, volleys: what the numbers below belong to

# Share of patterns recalled by an independent program in NumPy, two networks
LOADS = (400, 800, 1775, 2000)
PROTOTYPE: Mapping[str, tuple[float, ...]] = {
    "bcpnn": (1, 1, 0.916, 0.752),
    "willshaw": (1, 0.999, 0.020, 0.000),
    "covariance": (1, 0.988, 0.254, 0.120),
}
# Share recalled by one network of 1,775 patterns, with so many clusters flipped: READMEs of ptBCPNN2.0
PUBLISHED_LOAD, PUBLISHED = 1775, {1: 0.9290, 4: 0.9037}
SOURCE = "Lansner 2025, README of ptBCPNN2.0: one network; 3 standard errors of the difference, spread over networks"

ABOUT = {
    "rule": "learning rule",
    "n_flipped": "clusters of the cue that say another unit",
    "n_stored": "patterns stored",
    "network": "network",
    "success": "share of patterns recalled exactly",
    "error": "share of patterns not recalled exactly",
    "error_n": "patterns recalled",
    "volleys": "mean volleys",
    "wrong": "units firing wrongly after the first volley, mean (amari)",
    "theory_wrong": "the same, expected",
    "theory": "share recalled if such units came independently (amari)",
}
ABOUT_CAPACITY = {
    "rule": ABOUT["rule"],
    "capacity": f"patterns stored at which {RIGHT:.0%} come back",
    "bits_per_synapse": "P N H(f) / (N (N - 1) / 2) at capacity",
}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    rules : tuple of str
        Arms to run.
    n_clusters, cluster_size : int
        Clusters, and units of each.
    n_flipped : int
        Clusters flipped in a cue.
    n_flipped_more : int
        Flipped in a second cue, for 'bcpnn' and the published load alone.
    max_iterations : int
        Volleys at most.
    n_stored : tuple of int
        Loads; those of the published numbers are always run.
    n_networks : int
        Independent networks.
    """

    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] = ("bcpnn", "willshaw", "covariance", "hebb", "amari")
    n_clusters: Annotated[int, Field(ge=3)] = 32
    cluster_size: Annotated[int, Field(ge=2)] = 32
    n_flipped: Annotated[int, Field(ge=1)] = 1
    n_flipped_more: Annotated[int, Field(ge=1)] = 4
    max_iterations: Annotated[int, Field(ge=1)] = 15
    n_stored: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
        *range(150, 650, 50),
        *range(700, 2300, 100),
    )
    n_networks: Annotated[int, Field(ge=2)] = 20

    @property
    def loads(self) -> list[int]:
        """All loads, rising."""
        listed = LOADS if (self.n_clusters, self.cluster_size) == SHAPE[:2] else ()
        return sorted({*self.n_stored, *listed})

    @property
    def threshold(self) -> int:
        """Support of every unit of a pattern by its flipped cue, without any help of chance."""
        return self.n_clusters - 1 - self.n_flipped


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'recall' (a row for each rule, load, network), 'capacity' (a row for each rule), and the traffic."""
    n_units, most = params.n_clusters * params.cluster_size, params.loads[-1]
    keys = [subseed(seed, f"network {i}") for i in range(params.n_networks)]
    items = [patterns.random_block(most, params.n_clusters, params.cluster_size, seed=key) for key in keys]
    cues = [flipped(x, params.cluster_size, params.n_flipped, key) for x, key in zip(items, keys)]
    rows: list[dict[str, Any]] = []
    traffic, capacities = Traffic(), []
    for step, rule in enumerate(params.rules):
        memories = [_memory(rule, params, key) for key in keys]
        begin = len(rows)
        for n in params.loads:
            if _lost(rows[begin:]) > GONE and n not in LOADS:
                continue
            for i, memory in enumerate(memories):
                memory.store(items[i][memory.n_stored : n])
                row = _row(rule, params, memory, items[i][:n], cues[i][:n])
                rows.append({"rule": rule, "n_flipped": params.n_flipped, "n_stored": n, "network": i} | row)
                if rule == "bcpnn" and n == PUBLISHED_LOAD:
                    harder = flipped(items[i], params.cluster_size, params.n_flipped_more, keys[i])[:n]
                    row = _row(rule, params, memory, items[i][:n], harder)
                    rows.append({"rule": rule, "n_flipped": params.n_flipped_more, "n_stored": n, "network": i} | row)
        for memory in memories:
            traffic += memory.traffic.prefixed(rule)
        table = Table.from_rows(rows[begin:]).where(n_flipped=params.n_flipped)
        capacities.append(_capacity(rule, table, n_units, params.cluster_size))
        progress(step + 1, len(params.rules), "rules")
    units = {"capacity": "patterns", "bits_per_synapse": "bit"}
    return {
        "recall": Table.from_rows(rows, descriptions=ABOUT),
        "capacity": Table.from_rows(capacities, units, ABOUT_CAPACITY),
        "setting": {
            "n_clusters": [params.n_clusters],
            "cluster_size": [params.cluster_size],
            "n_flipped": [params.n_flipped],
            "max_iterations": [params.max_iterations],
        },
        "traffic": traffic,
    }


def flipped(x: SDR, cluster_size: int, n_flipped: int, seed: int) -> SDR:
    """Block codes with `n_flipped` clusters of each item saying another unit, all other units alike likely."""
    rng = stream(seed, f"{n_flipped} flipped")
    n, values = len(x), x.indices.reshape(len(x), -1) % cluster_size
    which = rng.random(values.shape).argsort(axis=1)[:, :n_flipped]
    row = np.arange(n)[:, None]
    values[row, which] = (values[row, which] + rng.integers(1, cluster_size, which.shape)) % cluster_size
    return SDR.from_indices(values + np.arange(values.shape[1]) * cluster_size, x.size)


def _memory(rule: str, params: StudyParams, seed: int) -> Any:
    shape: dict[str, Any] = {"n_clusters": params.n_clusters, "cluster_size": params.cluster_size, "seed": seed}
    if rule == "bcpnn":
        return BCPNNMemory(**shape)
    if rule == "covariance":
        return CovarianceMemory(**shape)
    return AmariMemory(**shape, cap=1 if rule == "willshaw" else None)


def _row(rule: str, params: StudyParams, memory: Any, items: SDR, cues: SDR) -> dict[str, Any]:
    """What one memory gives back of all it holds."""
    options: dict[str, Any] = {"memory_effect": 0, "select": "argmax"}
    wrong, theory = np.nan, np.nan
    if rule == "amari":
        options |= {"select": "threshold", "threshold": params.threshold}
        first = memory.recall(cues, **options, max_iterations=1).codes
        wrong = float((first.n_active - first.overlap(items)).mean())
        theory = wrong_units(len(items), params.n_clusters, params.cluster_size, params.threshold)
    found = memory.recall(cues, **options, max_iterations=params.max_iterations)
    error = measures.exact_error(found.codes, items)
    row = {"success": 1 - error.value, "success_low": 1 - error.high, "success_high": 1 - error.low}
    row |= {"success_n": error.n, "error": error.value, "error_n": error.n, "volleys": float(found.iterations.mean())}
    return row | {"wrong": wrong, "theory_wrong": theory, "theory": float(np.exp(-theory))}


def wrong_units(n_stored: int, n_clusters: int, cluster_size: int, threshold: int) -> float:
    """Expected foreign units whose counts from a block cue reach the threshold, one volley."""
    from scipy.stats import binom

    n, p = np.arange(n_stored), 1 / cluster_size
    held, reach = binom.pmf(n, n_stored - 1, p), binom.sf(threshold - 1, (n_clusters - 1) * n, p)
    return float(n_clusters * (cluster_size - 1) * np.sum(held * reach))


def _lost(rows: list[dict[str, Any]]) -> float:
    """Mean error at the last load."""
    last = [row["error"] for row in rows if row["n_stored"] == rows[-1]["n_stored"]]
    return float(np.mean(last)) if last else 0.0


def _capacity(rule: str, table: Table, n_units: int, cluster_size: int) -> dict[str, Any]:
    """The load at which RIGHT of the patterns come back, its jackknife interval over networks, bits per synapse."""
    found = measures.capacity(table, x="n_stored", y="error", at=1 - RIGHT, seed="network")
    f = 1 / cluster_size
    bits = n_units * (-f * log2(f) - (1 - f) * log2(1 - f)) / (n_units * (n_units - 1) / 2)
    row = {"rule": rule, "capacity": found.value, "capacity_low": found.low, "capacity_high": found.high}
    return row | {"bits_per_synapse": found.value * bits, "n_networks": found.n}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Two panels: patterns recalled against patterns stored, and capacity with bits per synapse."""
    recall, capacity = tables["recall"], tables["capacity"]
    fig, axes = plotting.subplots(1, 2, (7.2, 3.0), width_ratios=[1.7, 1])
    _draw_recall(axes[0], recall.where(n_flipped=int(tables["setting"]["n_flipped"][0])), _is_listed(tables))
    _draw_capacity(axes[1], capacity)
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize=6.5)
    return fig


def _look(i: int) -> dict[str, Any]:
    return {"color": plotting.PALETTE[i % 7], "marker": "os^Dv"[i % 5]}


def _draw_recall(ax: "Axes", t: Table, is_listed: bool) -> None:
    for i, rule in enumerate(dict.fromkeys(t["rule"].tolist())):
        part, look = t.where(rule=rule), _look(i)
        loads = np.unique(part["n_stored"])
        rates = [_rate(part.where(n_stored=int(n))) for n in loads]
        ax.fill_between(loads, [r.low for r in rates], [r.high for r in rates], color=look["color"], alpha=0.2, lw=0)
        ax.plot(loads, [r.value for r in rates], **look, ms=3, label=rule)
        if rule == "amari":
            fine = part.where(network=int(part["network"][0]))
            ax.plot(fine["n_stored"], fine["theory"], color="0.35", lw=0.8, ls="--", label="theory, first volley")
    if is_listed:
        places = [(n, p) for row in PROTOTYPE.values() for n, p in zip(LOADS, row)]
        ax.plot(*zip(*places), ls="", marker="x", color="0.2", ms=4, zorder=4, label="prototype")
        ax.plot(PUBLISHED_LOAD, PUBLISHED[1], ls="", marker="*", color="0.1", ms=7, zorder=5, label="ptBCPNN2.0")
    ax.axhline(RIGHT, color="0.6", lw=0.6, ls=":")
    ax.set(title="a  one cluster of the cue flipped" if is_listed else "a  clusters flipped", ylim=(0, 1.03))
    ax.set(xlabel="patterns stored", ylabel="share recalled exactly")


def _draw_capacity(ax: "Axes", t: Table) -> None:
    for i, row in enumerate(t.rows()):
        if not np.isfinite(row["capacity"]):
            continue
        ax.bar(i, row["capacity"], color=_look(i)["color"], width=0.7)
        ax.vlines(i, row["capacity_low"], row["capacity_high"], color="0.1", lw=0.8)
        ax.annotate(
            f"{row['bits_per_synapse']:.3f}",
            (i, row["capacity_high"]),
            (0, 3),
            textcoords="offset points",
            ha="center",
            fontsize=6.5,
        )
    ax.set(title="b  capacity; numbers: bits per synapse", ylabel=f"patterns at {RIGHT:.0%} recalled", xlabel="rule")
    ax.set_xticks(range(len(t)), t["rule"].tolist(), rotation=25)
    ax.margins(y=0.12)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Theory of the first volley, the listed loads, the published shares, the order of the rules."""
    recall = tables["recall"]
    found = _against_theory(recall.where(n_flipped=int(tables["setting"]["n_flipped"][0])))
    if _is_listed(tables):
        found += [*_against_prototype(recall), *_against_published(recall)]
    return [*found, *_order(tables["capacity"])]


def _is_listed(tables: Mapping[str, Table]) -> bool:
    """Whether this is the network of the listed numbers."""
    (row,) = tables["setting"].rows()
    return tuple(row[k] for k in ("n_clusters", "cluster_size", "n_flipped", "max_iterations")) == SHAPE


def _rate(t: Table) -> measures.Rate:
    """Mean success of the networks of one point: the interval over them or Wilson's of all items, if wider."""
    return measures.spread(t["success"], n_trials=int(t["success_n"].sum()))


def _against_theory(recall: Table) -> list[Check]:
    """Wrong units of the first volley where at least ten are expected in all: worst point in standard errors."""
    from scipy.stats import t as student

    amari, far, n = recall.where(rule="amari"), [], 2
    for load in np.unique(amari["n_stored"]):
        t = amari.where(n_stored=int(load))
        n, expected = len(t), float(t["theory_wrong"][0])
        if expected * load * n >= 10:
            far.append(abs(float(t["wrong"].mean()) - expected) / float(t["wrong"].std(ddof=1) / np.sqrt(n)))
    if not far:
        return []
    limit = float(student.isf(FALSE_ALARM / len(far) / 2, n - 1))
    source = f"compound binomial, exact mean; {len(far)} loads, family-wise level {FALSE_ALARM:g}"
    name = "amari: units wrong after one volley, worst |t|"
    return [Check.at_most(name, max(far), limit, n=n, kind="theory", source=source)]


def _errors(t: Table, p: float, n_theirs: int) -> tuple[float, float]:
    """Standard errors of our mean over networks and of theirs over fewer; of independent trials, if wider."""
    trials = float(t["success_n"].mean())
    spread, alone = float(t["success"].std(ddof=1)), float(np.sqrt(p * (1 - p) / trials))
    one = max(spread, alone)
    return one / float(np.sqrt(len(t))), one / float(np.sqrt(n_theirs))


def _against_prototype(recall: Table) -> list[Check]:
    found, source = [], "an earlier program of our own, two networks: 3 combined standard errors, and rounding"
    for rule, shares in PROTOTYPE.items():
        for load, p in zip(LOADS, shares):
            t = recall.where(rule=rule, n_stored=load, n_flipped=SHAPE[2])
            if len(t):
                limit = 3 * float(np.hypot(*_errors(t, p, 2))) + 0.0005
                more: dict[str, Any] = {"n": len(t), "kind": "prototype", "source": source}
                name = f"{rule}, {load} patterns: share recalled"
                found.append(Check.within(name, float(t["success"].mean()), p, limit, **more))
    return found


def _against_published(recall: Table) -> list[Check]:
    found = []
    for n_flipped, p in PUBLISHED.items():
        t = recall.where(rule="bcpnn", n_stored=PUBLISHED_LOAD, n_flipped=n_flipped)
        if len(t):
            limit = 3 * float(np.hypot(*_errors(t, p, 1)))
            name = f"bcpnn, {PUBLISHED_LOAD} patterns, {n_flipped} flipped: share recalled"
            more: dict[str, Any] = {"n": len(t), "kind": "published", "source": SOURCE}
            found.append(Check.within(name, float(t["success"].mean()), p, limit, **more))
    return found


def _order(capacity: Table) -> list[Check]:
    """BCPNN above all others and plain counts below all others, with intervals that do not meet."""
    rows = {row["rule"]: row for row in capacity.rows()}
    others = [row for rule, row in rows.items() if rule not in ("bcpnn", *COUNTED)]
    source = "Lansner et al. 2024: Bayesian rules best, plain additive Hebb worst; 95 % intervals apart"
    n, found = int(capacity["n_networks"].sum()), []
    if "bcpnn" in rows and len(rows) > 1:
        rest = max(row["capacity_high"] for rule, row in rows.items() if rule != "bcpnn")
        gap = rows["bcpnn"]["capacity_low"] - rest
        found.append(Check.at_least("bcpnn: capacity above every other", gap, 0, n=n, kind="published", source=source))
    counted = [row["capacity_high"] for rule, row in rows.items() if rule in COUNTED]
    if counted and others:
        gap = min(row["capacity_low"] for row in others) - max(counted)
        name = "plain counts (hebb, amari): capacity below every other"
        found.append(Check.at_least(name, gap, 0, n=n, kind="published", source=source))
    return found
