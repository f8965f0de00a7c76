"""A memory that forgets: density at equilibrium, and recall against the age of a message.

A clique network of 8 clusters of 64 units clears each link with probability p_forget before a message is stored, for
several p_forget. The density follows ``d <- d (1 - p)(1 - a) + a`` with a = 1 / l^2, the chance that a message sets a
given link; its fixed point is ``a / (a + p - a p)``, about ``a / (a + p)``. Recall (2 of 8 clusters erased, one step)
is asked of messages by age, long after the density has settled, against `theory.palimpsest_clique_error`, which counts
the links that messages share but takes units for independent (BIAS). For contrast the same network without forgetting:
at that load it gives nothing back.

The number of recent messages that can be recalled has a best p_forget: less forgetting, more crosstalk.
"""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim import measures, patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import SaturationWarning
from sdrsim.files.table import Table
from sdrsim.models.hebbian import CliqueMemory, theory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import worst_t
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Palimpsest: a clique network that forgets, density and recall by age"
CITATION = "ours; clipped Hebbian palimpsests after Willshaw et al. 1969, cliques after Gripon & Berrou 2011"
QUICK = {"n_networks": 10, "p_forget": (6e-4, 2e-3), "n_lifetimes": 4, "n_bins": 6}

BIAS = 0.015  # of the error by age: units taken for independent (measured over 5,000 networks of smaller size)
SHAPE = (8, 64)


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    p_forget : floats
    n_lifetimes : int
        Messages stored, in units of the time constant 1 / (a + p_forget) of the density.
    n_erased : int
    n_bins, n_a_bin : int
        Ages asked, from the newest on, and messages in each.
    n_networks : int
    """

    p_forget: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (1e-4, 3e-4, 6e-4, 1e-3, 2e-3)
    n_lifetimes: Annotated[int, Field(ge=3)] = 8
    n_erased: Annotated[int, Field(ge=1, le=7)] = 2
    n_bins: Annotated[int, Field(ge=2)] = 12
    n_a_bin: Annotated[int, Field(ge=5)] = 50
    n_networks: Annotated[int, Field(ge=3)] = 30


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'density' (over time), 'age' (error by age, a row for a network), 'kept', and the traffic."""
    density, age, kept, traffic = [], [], [], Traffic()
    for i, p in enumerate(params.p_forget):
        for network in range(params.n_networks):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SaturationWarning)  # the least p_forget fills the memory
                memory, x, track = _grown(params, p, subseed(seed, f"network {network}"))
            density += [{"p_forget": p, "network": network} | row for row in track]
            rows = _by_age(params, p, memory, x)
            age += [{"p_forget": p, "network": network} | row for row in rows]
            kept.append({"p_forget": p, "network": network, "kept": _recallable(rows), "n_stored": len(x)})
            traffic += memory.traffic
        progress(i + 1, len(params.p_forget), "p_forget")
    return {
        "density": Table.from_rows(density),
        "age": Table.from_rows(age),
        "kept": Table.from_rows(kept),
        "setting": {"n_erased": [params.n_erased], "n_a_bin": [params.n_a_bin]},
        "traffic": traffic,
    }


def _grown(params: StudyParams, p: float, seed: int) -> tuple[CliqueMemory, Any, list[dict[str, Any]]]:
    """A network long past its equilibrium, its messages, and its density on the way."""
    n = int(params.n_lifetimes / (1 / SHAPE[1] ** 2 + p))
    x = patterns.random_block(n, *SHAPE, seed=seed)
    memory, track = CliqueMemory(*SHAPE, p_forget=p, seed=seed), []
    for end in np.unique(np.geomspace(20, n, 16).astype(int)):
        memory.store(x[memory.n_stored : int(end)])
        track.append({"n_stored": int(end), "density": memory.density, "theory": _density(p, int(end))})
    return memory, x, track


def _density(p: float, n: int | None = None) -> float:
    return float(theory.palimpsest_density(1 / SHAPE[1] ** 2, p, n))


def _by_age(params: StudyParams, p: float, memory: CliqueMemory, x: Any) -> list[dict[str, Any]]:
    """Error of messages of some age, one step of recall."""
    n, rows, life = len(x), [], 1 / p
    for start in np.linspace(0, 0.6 * life, params.n_bins).astype(int):
        last = n - int(start)
        asked = x[last - params.n_a_bin : last]
        cues = patterns.erase(asked, params.n_erased / SHAPE[0], seed=1)
        found = memory.recall(cues, max_iterations=1)
        middle = int(start) + params.n_a_bin // 2
        expected = theory.palimpsest_clique_error(middle, n, *SHAPE, params.n_erased, p)
        row = {"age": middle, "error": measures.exact_error(found.codes, asked).value, "theory": float(expected)}
        rows.append(row)
    return rows


def _recallable(rows: list[dict[str, Any]]) -> float:
    """Messages that come back, summed over ages (trapezium, the first age back to 0)."""
    ages, right = [0, *(r["age"] for r in rows)], [1 - rows[0]["error"], *(1 - r["error"] for r in rows)]
    return float(np.trapezoid(right, ages))


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Density over time; error by age; messages that can be recalled."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.1))
    d, a, k = tables["density"], tables["age"], tables["kept"]
    for i, p in enumerate(np.unique(a["p_forget"])):
        colour = plotting.PALETTE[i % 7]
        part = d.where(p_forget=float(p))
        steps = np.unique(part["n_stored"])
        axes[0].plot(
            steps, [part.where(n_stored=int(n))["density"].mean() for n in steps], ls="", marker="o", ms=3, color=colour
        )
        axes[0].plot(
            steps, [part.where(n_stored=int(n))["theory"][0] for n in steps], lw=0.9, color=colour, label=f"{p:g}"
        )
        part = a.where(p_forget=float(p))
        ages = np.unique(part["age"])
        rates = [measures.spread(part.where(age=int(t))["error"]) for t in ages]
        axes[1].vlines(ages, [r.low for r in rates], [r.high for r in rates], color=colour, lw=0.8)
        axes[1].plot(ages, [r.value for r in rates], ls="", marker="o", ms=3, color=colour)
        axes[1].plot(ages, [part.where(age=int(t))["theory"][0] for t in ages], lw=0.9, color=colour)
    noises = np.unique(k["p_forget"])
    rates = [measures.spread(k.where(p_forget=float(p))["kept"]) for p in noises]
    axes[2].errorbar(
        noises,
        [r.value for r in rates],
        [[r.value - r.low for r in rates], [r.high - r.value for r in rates]],
        marker="o",
        ms=3,
    )
    axes[0].set(
        title="a  density; line: theory", xlabel="messages stored", ylabel="density between clusters", xscale="log"
    )
    axes[0].legend(title="p_forget", fontsize=6.5, title_fontsize=6.5)
    axes[1].set(
        title="b  recall by age; line: theory",
        xlabel="messages stored since",
        ylabel="messages not recalled",
        xscale="log",
    )
    axes[2].set(
        title="c  what is kept", xlabel="p_forget", ylabel="messages that can be recalled", xscale="log", ylim=(0, None)
    )
    return fig


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Density on the way and at the end, its fixed point, recall by age, more errors with age."""
    d, a = tables["density"], tables["age"]
    groups, ends = [], []
    for p in np.unique(d["p_forget"]):
        part = d.where(p_forget=float(p))
        for n in np.unique(part["n_stored"]):
            g = part.where(n_stored=int(n))
            groups.append((g["density"], float(g["theory"][0])))
        end, fixed = part.where(n_stored=int(part["n_stored"].max())), _density(float(p))
        ends.append((end["density"] * fixed / float(end["theory"][0]), fixed))  # what is left of the way, added
    source = "d <- d (1 - p)(1 - a) + a, exact in expectation"
    found = [worst_t("density over time, worst |t|", groups, source=source)]
    source = "a / (a + p - a p); what is left of the way there is added"
    found.append(worst_t("density at equilibrium, worst |t|", ends, source=source))
    ages = []
    for p in np.unique(a["p_forget"]):
        part = a.where(p_forget=float(p))
        ages += [(g["error"], float(g["theory"][0])) for g in (part.where(age=int(t)) for t in np.unique(part["age"]))]
    source = "theory.palimpsest_clique_error; ages of a bin taken at its middle"
    found.append(worst_t("error by age, worst |t|", [g for g in ages if 0.01 < g[1] < 0.99], bias=BIAS, source=source))
    means = [(float(np.mean(v)), e) for v, e in ages]
    source = "mean over all ages and p_forget"
    off = float(np.mean([m - e for m, e in means]))
    found.append(
        Check.within(
            "error by age: mean distance from theory", off, 0.0, BIAS, n=len(means), kind="theory", source=source
        )
    )
    return found
