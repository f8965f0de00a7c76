"""A little synaptic noise helps clique networks: it leaves the states that are no clique.

Networks of 8 clusters of 256 units, 4 of 8 clusters erased, sum of sum, memory effect 1; each link of an active unit
fails in a volley with probability p_syn.

Plain: exactly 4 or 10 volleys at 15,000 messages, or volleys until the code repeats itself, 10 at most. Without a rule
that knows a clique when it sees one, noise only hurts.

Stop at a clique: volleys go on, 50 at most, until one unit is active in each cluster and all are linked, at 20,000
messages. Noise-free recall then stays in fixed points and oscillations that are no clique; with 1 % of the links
failing more recalls end in a clique, sooner. (A noise-free fixed point is not repeated by the program; it counts as 50
volleys here.) The claim is that of Coyac et al. 2017 (COGNITIVE; abstract): a slight improvement by leaving local
minima. Their settings were not seen.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim import measures, patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hebbian import CliqueMemory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import FALSE_ALARM, against, rate
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Synaptic noise in clique networks: harm without, help with a stop at cliques"
CITATION = "Coyac, Gripon, Langlais & Berrou 2017, COGNITIVE, hal-01522729 (abstract); reconstruction"
QUICK = {"n_networks": 16, "n_cues": 250}

# Errors and shares halted of an independent program: 1,500 cues (plain), 300 (stop at a clique).
PLAIN: Mapping[float, tuple[float, float]] = {
    0.0: (0.021, 0.021),
    0.02: (0.065, 0.039),
    0.05: (0.205, 0.109),
    0.1: (0.501, 0.308),
    0.2: (0.910, 0.813),
}
STOP: Mapping[float, tuple[float, float]] = {
    0.0: (0.133, 0.910),
    0.01: (0.113, 0.977),
    0.03: (0.147, 0.943),
    0.06: (0.217, 0.913),
    0.1: (0.417, 0.727),
}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_plain, n_stop : int
        Messages stored, for the two parts.
    p_plain, p_stop : floats
        Failure probabilities.
    max_iterations : int
        Volleys at most when stopping at a clique.
    n_networks, n_cues : int
        Networks, and cues in each (the first stored messages).
    """

    n_plain: Annotated[int, Field(ge=1)] = 15_000
    n_stop: Annotated[int, Field(ge=1)] = 20_000
    p_plain: tuple[Annotated[float, Field(ge=0, le=1)], ...] = tuple(PLAIN)
    p_stop: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.0, 0.003, 0.01, 0.02, 0.03, 0.06, 0.1)
    max_iterations: Annotated[int, Field(ge=1)] = 50
    n_networks: Annotated[int, Field(ge=2)] = 12
    n_cues: Annotated[int, Field(ge=10)] = 2_000


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'plain' and 'stop', a row for a failure probability and network, and the traffic."""
    plain, stop, traffic = [], [], Traffic()
    for network in range(params.n_networks):
        key = subseed(seed, f"network {network}")
        x = patterns.random_block(max(params.n_plain, params.n_stop), 8, 256, seed=key)
        asked, memory = x[: params.n_cues], CliqueMemory(8, 256, seed=key)
        cues = patterns.erase(asked, 0.5, seed=key)
        memory.store(x[: params.n_plain])
        for p in params.p_plain:
            row: dict[str, Any] = {"network": network, "p_syn": p, "n_cues": params.n_cues}
            code = cues
            for volley in range(1, 11):
                code = memory.recall(code, p_syn=p, max_iterations=1, seed=subseed(key, f"volley {volley}")).codes
                if volley in (4, 10):
                    row[f"error_{volley}"] = measures.exact_error(code, asked).value
            repeats = memory.recall(cues, p_syn=p, max_iterations=10)
            plain.append(row | {"error_repeats": measures.exact_error(repeats.codes, asked).value})
        memory.store(x[params.n_plain : params.n_stop])
        for p in params.p_stop:
            r = memory.recall(cues, p_syn=p, max_iterations=params.max_iterations, stop="clique")
            row = {"network": network, "p_syn": p, "n_cues": params.n_cues}
            row |= {"error": measures.exact_error(r.codes, asked).value, "halted": float(r.converged.mean())}
            row["volleys"] = float(np.where(r.converged, r.iterations, params.max_iterations).mean())
            stop.append(row)
        traffic += memory.traffic
        progress(network + 1, params.n_networks, "networks")
    setting = {"n_plain": [params.n_plain], "n_stop": [params.n_stop], "max_iterations": [params.max_iterations]}
    return {"plain": Table.from_rows(plain), "stop": Table.from_rows(stop), "setting": setting, "traffic": traffic}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Errors without a stop; errors and halted share, and volleys, with one."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.0))
    names, labels = ("error_4", "error_10", "error_repeats"), ("4 volleys", "10 volleys", "until it repeats, 10")
    _draw_rates(axes[0], tables["plain"], names, labels)
    _draw_rates(axes[1], tables["stop"], ("error", "not halted"), ("not recalled", "not halted"))
    t = tables["stop"]
    volleys = [measures.spread(t.where(p_syn=float(p))["volleys"]) for p in np.unique(t["p_syn"])]
    axes[2].plot(np.unique(t["p_syn"]), [v.value for v in volleys], marker="o", ms=3)
    for ax, title, y in zip(
        axes,
        ("a  plain", "b  stop at a clique", "c  stop at a clique"),
        ("share of messages", "share of messages", "volleys, 50 where not halted"),
    ):
        ax.set(title=title, xlabel="probability of a link to fail", ylabel=y, ylim=(0, None))
    for ax in axes[:2]:
        ax.legend()
    return fig


def _draw_rates(ax: Any, t: Table, columns: tuple[str, ...], labels: tuple[str, ...]) -> None:
    noises = np.unique(t["p_syn"])
    for i, (column, label) in enumerate(zip(columns, labels)):
        parts = [t.where(p_syn=float(p)) for p in noises]
        if column == "not halted":
            parts = [Table({"not halted": 1 - p["halted"], "n_cues": p["n_cues"]}) for p in parts]
        rates = [rate(p, column, int(p["n_cues"][0])) for p in parts]
        ax.fill_between(
            noises, [r.low for r in rates], [r.high for r in rates], color=plotting.PALETTE[i], alpha=0.25, lw=0
        )
        ax.plot(noises, [r.value for r in rates], marker="os^"[i], ms=3, color=plotting.PALETTE[i], label=label)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The claim (more recalls end in a clique, intervals disjoint), its price, and the listed numbers."""
    from scipy.stats import t as student

    stop, plain = tables["stop"], tables["plain"]
    still, noisy = (stop.where(p_syn=p) for p in (0.0, 0.01))
    n = int(still["n_cues"].sum())
    a, b = (rate(t, "halted", int(t["n_cues"][0])) for t in (still, noisy))
    source = "Coyac et al. 2017 (abstract): noise leaves local minima; distance of the 95 % intervals of halted shares"
    more: dict[str, Any] = {"n": n, "kind": "published", "source": source}
    found = [Check.at_least("stop: halted at p 0.01 above p 0, gap of the intervals", b.low - a.high, 0.0, **more)]
    gain = still["error"] - noisy["error"]
    error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
    half = float(student.isf(0.025, len(gain) - 1)) * error
    source = "the same abstract: slightly fewer errors; lower end of the 95 % interval, "
    source += f"mean {gain.mean():.4f} +- {half:.4f}"
    more |= {"source": source, "deviation": "the interval of the error difference holds 0"}
    found.append(Check.at_least("stop: errors fewer at p 0.01 than at p 0", float(gain.mean()) - half, 0.0, **more))
    saved = still["volleys"] - noisy["volleys"]
    half = float(student.isf(0.025, len(saved) - 1) * saved.std(ddof=1) / np.sqrt(len(saved)))
    more |= {"source": f"recalls end sooner; lower end of the 95 % interval, mean {saved.mean():.2f} +- {half:.2f}"}
    more |= {"deviation": "the interval of the volleys saved holds 0"}
    found.append(Check.at_least("stop: volleys saved at p 0.01", float(saved.mean()) - half, 0.0, **more))
    means = [float(plain.where(p_syn=float(p))["error_10"].mean()) for p in np.unique(plain["p_syn"])]
    source = "without a stop noise only hurts: the least step of the mean error between neighbouring probabilities"
    found.append(
        Check.at_least(
            "plain: error rises with noise", float(np.diff(means).min()), 0.0, n=n, kind="prototype", source=source
        )
    )
    if (int(tables["setting"]["n_plain"][0]), int(tables["setting"]["n_stop"][0])) != (15_000, 20_000):
        return found
    places = [(plain, p, f"error_{m}", e, 1500) for p, es in PLAIN.items() for m, e in zip((4, 10), es)]
    places += [(stop, p, name, v, 300) for p, vs in STOP.items() for name, v in zip(("error", "halted"), vs)]
    for t, p, column, value, theirs in places:
        part = t.where(p_syn=p)
        if len(part):
            kind = "plain" if t is plain else "stop"
            source = (
                f"independent program, {theirs:,} cues; {len(places)} comparisons, family-wise level {FALSE_ALARM:g}"
            )
            name = f"{kind}, p {p:g}: {column}"
            found.append(against(name, part, column, value, theirs, int(part["n_cues"][0]), source, len(places)))
    return found
