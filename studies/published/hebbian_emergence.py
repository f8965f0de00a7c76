"""Links out of noise: which parts of the learner grow the links of a sparse associative memory?

A reconstruction from the abstract of Coyac, Gripon, Langlais & Berrou 2017; the paper's procedure and figures were not
seen. Patterns of 8 of 512 units are presented in drawn order, 20 times each on average, through a channel that loses a
unit with probability .1 and adds one with .002. What is grown is held against the ideal memory, in which all pairs of
each pattern are linked, by precision (links that are right) and recall (right links that are there).

Factorial: an energy limit of 8 spikes or none, consolidation after 3 co-activations or at the first, recurrence or
none. Further arms: ranking without recruitment, one spike a cluster ('local', on block patterns), and a weak drive, the
failure that was to be expected: what was learned first captures what comes later. With recurrence and no limit activity
runs away, and so do the links.

Theory: without an energy limit and recurrence the counter of a pair is binomial for given patterns, so the expected
links are exact (`theory.learner_links_of`). It is checked on the factorial and over a grid of both kinds of noise.

Recall: half of the units of each pattern shown to the memory that was grown and to the ideal one, at several loads.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim import measures, patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hebbian import NoisyHebbianLearner, WillshawMemory, theory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Links that grow out of noise: energy limit, consolidation, recurrence (a reconstruction)"
CITATION = "Coyac, Gripon, Langlais & Berrou 2017, arXiv:1709.08367 (abstract); reconstruction"
QUICK = {"n_networks": 2, "n_patterns": 100, "n_units": 256, "grid": (0.02, 0.2), "grid_insert": (0.001, 0.01)}

# The arms beside the factorial, and what they change.
ARMS: Mapping[str, Mapping[str, Any]] = {
    "no recruitment": {"theta_recruit": None},
    "local": {"energy_limit": "local"},
    "weak drive": {"drive": 2.0, "theta_recruit": 0.0},
}
# Precision and success of an independent program (one network of 512 units, 400 patterns, 8,000 presentations).
PROTOTYPE: Mapping[str, tuple[float, float]] = {
    "no limit, tau 1": (0.195, 0.101),
    "no limit": (0.867, 0.999),
    "limit": (0.932, 0.999),
    "no recruitment": (0.985, 0.999),
    "limit, recurrence": (0.983, 0.995),
    "local": (0.999, 1.0),
}
BIAS = 0.01  # allowed between theory or prototype and simulation, above the statistical error


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_units, n_active, n_patterns : int
        N (a multiple of n_active), k, M.
    n_each : int
        Presentations a pattern, on average.
    p_erase, p_insert : float
    consolidation : int
    e_synapse : float
        Energy of a link that transmits, in spikes: of the energy reported, the limit counts spikes.
    n_networks : int
        Networks, each with patterns of its own.
    grid, grid_insert : floats
        Values of p_erase and p_insert for the heat map.
    loads : floats
        Loads of the recall panel, as multiples of n_patterns.
    """

    n_units: Annotated[int, Field(ge=16)] = 512
    n_active: Annotated[int, Field(ge=2)] = 8
    n_patterns: Annotated[int, Field(ge=2)] = 400
    n_each: Annotated[int, Field(ge=1)] = 20
    p_erase: Annotated[float, Field(ge=0, le=1)] = 0.1
    p_insert: Annotated[float, Field(ge=0, le=1)] = 0.002
    consolidation: Annotated[int, Field(ge=1, le=255)] = 3
    e_synapse: Annotated[float, Field(ge=0)] = 0.1
    n_networks: Annotated[int, Field(ge=2)] = 5
    grid: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
    grid_insert: tuple[float, ...] = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02)
    loads: tuple[float, ...] = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'links' (a row for an arm and network), 'growth', 'noise', 'recall', and the traffic of all learners."""
    rows: list[dict[str, Any]] = []
    growth: list[dict[str, Any]] = []
    traffic, names = Traffic(), [*_factorial(params), *ARMS]
    for step, name in enumerate(names):
        for network in range(params.n_networks):
            learner, log, x = _grown(params, name, seed, network)
            rows.append({"arm": name, "network": network} | _end(params, learner, log, x, name))
            if name in ("limit, recurrence", "local"):
                growth += _curve(params, name, network, log)
            traffic += learner.traffic.prefixed(name)
        progress(step + 1, len(names), "arms")
    return {
        "links": Table.from_rows(rows, descriptions={"success": "patterns recalled exactly from half of their units"}),
        "growth": Table.from_rows(growth),
        "noise": _noise(params, seed, progress),
        "recall": _recall(params, seed, progress),
        "traffic": traffic,
    }


def _factorial(params: StudyParams) -> dict[str, dict[str, Any]]:
    """The eight cells: name -> options."""
    cells = {}
    for limit in ("no limit", "limit"):
        for tau in (1, params.consolidation):
            for recurrence in (False, True):
                name = limit + (", tau 1" if tau == 1 else "") + (", recurrence" if recurrence else "")
                cells[name] = {
                    "energy_limit": None if limit == "no limit" else "spikes",
                    "consolidation": tau,
                    "recurrence": recurrence,
                }
    return cells


def _patterns(params: StudyParams, block: bool, n: int, seed: int) -> SDR:
    if block:
        return patterns.random_block(n, params.n_active, params.n_units // params.n_active, seed=seed)
    return patterns.random_sparse(n, params.n_units, params.n_active, seed=seed)


def _learner(params: StudyParams, block: bool, seed: int, **options: Any) -> NoisyHebbianLearner:
    shape = {"n_clusters": params.n_active, "cluster_size": params.n_units // params.n_active} if block else {}
    rest = {name: getattr(params, name) for name in ("p_erase", "p_insert", "consolidation", "e_synapse")}
    return NoisyHebbianLearner(params.n_units, params.n_active, seed=seed, **{**shape, **rest, **options})


def _grown(params: StudyParams, name: str, seed: int, network: int) -> tuple[NoisyHebbianLearner, Any, SDR]:
    options = {**_factorial(params), **ARMS}[name]
    x = _patterns(params, name == "local", params.n_patterns, subseed(seed, f"patterns {network}"))
    learner = _learner(params, name == "local", subseed(seed, f"learner {network}"), **options)
    return learner, learner.present(x, params.n_each * params.n_patterns), x


def _end(params: StudyParams, learner: NoisyHebbianLearner, log: Any, x: SDR, name: str) -> dict[str, Any]:
    late = slice(-max(1, len(log.energy) // 10), None)
    row = {
        "precision": float(log.precision[-1]),
        "recall": float(log.recall[-1]),
        "density": learner.density,
        "energy": float(log.energy[late].mean()),
        "true_units": float(log.true_units[late].mean()),
        "success": _success(learner.memory, x, 1),
        "theory_precision": np.nan,
        "theory_recall": np.nan,
        "theory_density": np.nan,
    }
    options = _factorial(params).get(name, {"energy_limit": "spikes", "recurrence": True})
    if options["energy_limit"] is None and not options["recurrence"]:
        t = theory.learner_links_of(x, len(log.energy), options["consolidation"], params.p_erase, params.p_insert)
        row |= {f"theory_{k}": float(getattr(t, k)) for k in ("precision", "recall", "density")}
    return row


def _success(memory: WillshawMemory, x: SDR, seed: int) -> float:
    found = memory.recall(patterns.erase(x, 0.5, seed=seed))
    return 1 - measures.exact_error(found.codes, x).value


def _curve(params: StudyParams, name: str, network: int, log: Any) -> list[dict[str, Any]]:
    """Means over forty stretches of the run."""
    rows = []
    for part in np.array_split(np.arange(len(log.energy)), 40):
        rows.append(
            {
                "arm": name,
                "network": network,
                "presentations": int(part[-1] + 1),
                "precision": float(log.precision[part[-1]]),
                "recall": float(log.recall[part[-1]]),
                "true_units": float(log.true_units[part].mean()),
                "energy": float(log.energy[part].mean()),
                "spikes": float(log.n_spikes[part].mean()),
            }
        )
    return rows


def _noise(params: StudyParams, seed: int, progress: Progress) -> Table:
    """Precision and recall of the learner without limit and recurrence over both kinds of noise, and theory's."""
    rows, n = [], params.n_each * params.n_patterns
    x = _patterns(params, False, params.n_patterns, subseed(seed, "noise"))
    for i, p_erase in enumerate(params.grid):
        for p_insert in params.grid_insert:
            options: dict[str, Any] = {"p_erase": p_erase, "p_insert": p_insert}
            ends: dict[str, list[float]] = {"precision": [], "recall": [], "limit_precision": []}
            for network in range(params.n_networks):
                key = subseed(seed, f"noise {network}")
                free = _learner(params, False, key, energy_limit=None, recurrence=False, **options).present(x, n)
                held = _learner(params, False, key, **options).present(x, n)
                for name, log in (("precision", free), ("recall", free), ("limit_precision", held)):
                    ends[name].append(float((log.recall if name == "recall" else log.precision)[-1]))
            t = theory.learner_links_of(x, n, params.consolidation, p_erase, p_insert)
            row: dict[str, Any] = {"theory_precision": t.precision, "theory_recall": t.recall}
            for name, values in ends.items():
                row[name], row[f"{name}_error"] = _mean(values)
            rows.append(options | {k: float(v) for k, v in row.items()})
        progress(i + 1, len(params.grid), "noise")
    return Table.from_rows(rows)


def _recall(params: StudyParams, seed: int, progress: Progress) -> Table:
    """Patterns recalled from half of their units, by the grown and by the ideal memory, against the load."""
    rows = []
    for i, load in enumerate(params.loads):
        m = int(load * params.n_patterns)
        for network in range(params.n_networks):
            x = _patterns(params, False, m, subseed(seed, f"patterns {network}"))
            ideal = WillshawMemory(params.n_units, params.n_active, seed=network)
            ideal.store(x)
            learner = _learner(params, False, subseed(seed, f"learner {network}"))
            learner.present(x, params.n_each * m)
            both = {"grown": _success(learner.memory, x, 1), "ideal": _success(ideal, x, 1)}
            rows.append({"n_patterns": m, "network": network} | both)
        progress(i + 1, len(params.loads), "loads")
    return Table.from_rows(rows)


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Six panels: links of each arm, growth, energy; noise without and with the limit; recall against the ideal."""
    fig, axes = plotting.subplots(2, 3, (9.6, 5.8))
    _draw_arms(axes[0, 0], tables["links"])
    _draw_growth(axes[0, 1], tables["growth"])
    _draw_energy(axes[0, 2], tables["growth"])
    _draw_noise(axes[1, 0], tables["noise"], "precision", "d  precision, no limit; theory")
    _draw_noise(axes[1, 1], tables["noise"], "limit_precision", "e  precision, limit and recurrence")
    _draw_recall(axes[1, 2], tables["recall"])
    return fig


def _draw_arms(ax: "Axes", t: Table) -> None:
    arms = list(dict.fromkeys(t["arm"].tolist()))[::-1]
    for shift, name, colour in ((0.2, "precision", plotting.PALETTE[0]), (-0.2, "recall", plotting.PALETTE[1])):
        values = [t.where(arm=arm)[name] for arm in arms]
        ax.barh(np.arange(len(arms)) + shift, [v.mean() for v in values], 0.38, color=colour, label=name)
        ax.hlines(
            np.arange(len(arms)) + shift, [v.min() for v in values], [v.max() for v in values], color="0.1", lw=0.8
        )
    known = [(i, float(t.where(arm=arm)["theory_precision"].mean())) for i, arm in enumerate(arms)]
    places = [(p, i + 0.2) for i, p in known if np.isfinite(p)]
    ax.plot(*zip(*places), ls="", marker="|", ms=9, mew=1.6, color="0.1", label="theory")
    ax.set_yticks(range(len(arms)), arms, fontsize=6.5)
    ax.set(title="a  consolidated links", xlabel="share", xlim=(0, 1.02))
    ax.legend(loc="upper center", bbox_to_anchor=(0.3, -0.16), ncols=3, fontsize=6.5)


def _draw_growth(ax: "Axes", t: Table) -> None:
    for i, arm in enumerate(dict.fromkeys(t["arm"].tolist())):
        part = t.where(arm=arm)
        steps = np.unique(part["presentations"])
        for name, style in (("true_units", "-"), ("precision", "--"), ("recall", ":")):
            mean = [part.where(presentations=int(s))[name].mean() for s in steps]
            ax.plot(steps, mean, color=plotting.PALETTE[i], ls=style, label=f"{arm}: {name.replace('_', ' ')}")
    ax.axhline(0.9, color="0.6", lw=0.6)
    ax.annotate("units read", (1, 0.9), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=6.5)
    ax.set(title="b  learning and denoising", xlabel="presentations", ylabel="share", ylim=(0.3, 1.02))
    ax.legend(loc="lower right", fontsize=6.5)


def _draw_energy(ax: "Axes", t: Table) -> None:
    for i, arm in enumerate(dict.fromkeys(t["arm"].tolist())):
        part = t.where(arm=arm)
        steps = np.unique(part["presentations"])
        for name, style in (("energy", "-"), ("spikes", ":")):
            mean = [part.where(presentations=int(s))[name].mean() for s in steps]
            ax.plot(steps, mean, color=plotting.PALETTE[i], ls=style, label=f"{arm}: {name}")
    ax.set(
        title="c  energy of a presentation", xlabel="presentations", ylabel="spikes + e_synapse * links that transmit"
    )
    ax.set_ylim(0, None)
    ax.legend(loc="center right", fontsize=6.5)


def _draw_noise(ax: "Axes", t: Table, name: str, title: str) -> None:
    erase, insert = np.unique(t["p_erase"]), np.unique(t["p_insert"])
    shape = (len(erase), len(insert))
    image = ax.pcolormesh(insert, erase, t[name].reshape(shape), vmin=0, vmax=1, shading="nearest", cmap="viridis")
    if min(shape) > 1:
        parts = (("precision", [0.5, 0.9, 0.99], "w", "-"), ("recall", [0.9, 0.99], "k", "--"))
        for of, levels, colour, style in parts if name == "precision" else ():
            values = t[f"theory_{of}"].reshape(shape)
            lines = ax.contour(insert, erase, values, levels=levels, colors=colour, linestyles=style, linewidths=1)
            ax.clabel(lines, fontsize=6, fmt="%g")
    ax.set(xscale="log", xlabel="p_insert", ylabel="p_erase", title=title)
    ax.figure.colorbar(image, ax=ax, label="white: theory's precision, dashed: recall" if name == "precision" else None)


def _draw_recall(ax: "Axes", t: Table) -> None:
    loads = np.unique(t["n_patterns"])
    for i, name in enumerate(("ideal", "grown")):
        rates = [measures.spread(t.where(n_patterns=int(n))[name]) for n in loads]
        ax.fill_between(
            loads, [r.low for r in rates], [r.high for r in rates], color=plotting.PALETTE[i], alpha=0.2, lw=0
        )
        ax.plot(
            loads, [r.value for r in rates], marker="os"[i], ms=3, color=plotting.PALETTE[i], label=f"{name} memory"
        )
    ax.set(
        title="f  recalled from half of the units", xlabel="patterns", ylabel="share recalled exactly", ylim=(0, 1.03)
    )
    ax.legend(loc="lower left")


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Exact theory without a limit, the order of the arms, the local limit, the earlier program."""
    links, noise = tables["links"], tables["noise"]
    found = []
    source = f"theory.learner_links_of, exact expectation; bias allowed {BIAS:g} above 3 standard errors over networks"
    for arm in ("no limit, tau 1", "no limit"):
        part = links.where(arm=arm)
        for name in ("precision", "recall", "density"):
            off, error = _mean(part[name] - part[f"theory_{name}"])
            more: dict[str, Any] = {"n": len(part), "kind": "theory", "source": source}
            found.append(Check.within(f"{arm}: {name}, from theory", off, 0.0, BIAS + 3 * error, **more))
    for name in ("precision", "recall"):
        far = float(np.sqrt(np.mean((noise[name] - noise[f"theory_{name}"]) ** 2)))
        error = float(np.sqrt(np.mean(noise[f"{name}_error"] ** 2)))
        more = {"n": len(noise), "kind": "theory", "source": f"{source}, root mean square over the points"}
        found.append(Check.at_most(f"noise map: {name}, distance from theory", far, BIAS + 3 * error, **more))
    found += _order(links)
    local = links.where(arm="local")
    source = "the local limit is the constraint of clique networks: what grows is the ideal memory"
    found.append(
        Check.at_least(
            "local: precision, close to the ideal network", local["precision"].mean(), 0.99, n=len(local), source=source
        )
    )
    return found + (_against_prototype(links) if _is_listed(tables) else [])


def _mean(values: Any) -> tuple[float, float]:
    """Mean and its standard error over networks."""
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))


def _order(links: Table) -> list[Check]:
    """Each part raises the precision: the least gain over networks with the same patterns."""
    found = []
    steps = {
        "consolidation": ("no limit, tau 1", "no limit"),
        "energy limit": ("no limit", "limit"),
        "recurrence": ("limit", "limit, recurrence"),
    }
    for part, (without, with_) in steps.items():
        gain = links.where(arm=with_)["precision"] - links.where(arm=without)["precision"]
        source = "Coyac et al. 2017, abstract: limit, consolidation and recurrence give the links of such memories"
        name = f"{part}: precision gained, least of the networks"
        found.append(Check.at_least(name, float(gain.min()), 0.0, n=len(gain), kind="published", source=source))
    return found


def _is_listed(tables: Mapping[str, Table]) -> bool:
    return len(tables["noise"]) == 42 and int(tables["recall"]["n_patterns"].max()) == 1200


def _against_prototype(links: Table) -> list[Check]:
    found = []
    for arm, (precision, success) in PROTOTYPE.items():
        part = links.where(arm=arm)
        for name, target in (("precision", precision), ("success", success)):
            mean, error = _mean(part[name])
            spread = error * np.sqrt(len(part) + 1)  # ours, and one network of theirs
            source = f"independent program, one network; bias allowed {BIAS:g} above 3 combined standard errors"
            more: dict[str, Any] = {"n": len(part), "kind": "prototype", "source": source}
            found.append(Check.within(f"{arm}: {name}, earlier program", mean, target, BIAS + 3 * spread, **more))
    return found
