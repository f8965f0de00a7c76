"""Where queries end: on one memory, or between several (metastable states), for softmax and sparse maps.

The setting of Santos et al. 2024: the 60,000 training digits of MNIST, scaled to [-1, 1], are the memories, the 10,000
test digits the queries; five steps each; the number of memories with weight in the state reached is counted (of
softmax, where all have some, those above 0.01: it can be 0). entmax 1 (softmax), 1.5 and 2 and normmax 2 and 5, beta
0.1 and 1. Their projections on subsets of k memories are left out. The paper's table is not at hand: what is checked
is what must hold (a single memory is given back bit for bit; the same sizes from the formulas, step by step, in double
precision), and the order, quoted from memory.

Without MNIST a smaller set of pen strokes made here stands in (a reconstruction; the table 'data' says so).

The cost of each step is in counters (multiplications, words read), not in seconds; queries that have arrived cost
nothing. A step moves the state by a known distance, and memories that this cannot bring into the window of weights are
not scored again. The first step here goes far, from a picture that is not stored to memories: after it the second looks
at all memories once more, and only later ones at a few. Softmax looks at all of them until it arrives.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import DataError
from sdrsim.files.table import Table
from sdrsim.models.hopfield import SparseHopfield, entmax, normmax
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hopfield import digits, sources, strokes
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Metastable states: how many memories have weight where a query ends"
CITATION = "Santos, Niculae, McNamee & Martins 2024, Sparse and Structured Hopfield Networks"
QUICK = {"data": "synthetic", "n_synthetic": (400, 40), "n_twins": 10, "n_costed": 40}

Reals = NDArray[Any]
LARGEST = 10  # sizes counted one by one
SHOWN = 0.01  # weight from which on a memory counts under softmax


class Rule(NamedTuple):
    """A separation and its alpha."""

    separation: Literal["entmax", "normmax"]
    alpha: float

    @property
    def name(self) -> str:
        """As in the tables."""
        return "softmax" if self.alpha == 1 else f"{self.separation} {self.alpha:g}"

    @property
    def least(self) -> float:
        """Weight above which a memory counts."""
        return SHOWN if self.alpha == 1 else 0.0


RULES = (Rule("entmax", 1.0), Rule("entmax", 1.5), Rule("entmax", 2.0), Rule("normmax", 2.0), Rule("normmax", 5.0))


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    data : 'auto', 'mnist' or 'synthetic'
        'auto': MNIST where it is found.
    n_mnist, n_synthetic : (memories, queries)
        The first of the training and test set; of the strokes made here.
    beta : floats
    n_steps : int
    n_costed : int
        Queries, the first, whose cost is taken step by step.
    n_twins : int
        Queries, the first, that are also followed by the formulas.
    """

    data: Literal["auto", "mnist", "synthetic"] = "auto"
    n_mnist: tuple[Annotated[int, Field(ge=2, le=60_000)], Annotated[int, Field(ge=1, le=10_000)]] = (60_000, 10_000)
    n_synthetic: tuple[Annotated[int, Field(ge=2)], Annotated[int, Field(ge=1)]] = (6_000, 1_000)
    beta: tuple[Annotated[float, Field(gt=0)], ...] = (0.1, 1.0)
    n_steps: Annotated[int, Field(ge=2)] = 5
    n_costed: Annotated[int, Field(ge=1)] = 128
    n_twins: Annotated[int, Field(ge=1)] = 20


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'histogram', 'states', 'cost' and 'twin' (rows for rule and beta), 'data', and the traffic."""
    told, x, queries = _load(params, seed)
    histogram, states, cost, twin, traffic = [], [], [], [], Traffic()
    jobs = [(rule, beta) for beta in params.beta for rule in RULES]
    for done, (rule, beta) in enumerate(jobs):
        h = SparseHopfield(beta, rule.alpha, separation=rule.separation)
        h.store(x)
        found = [_ends(h, rule, x, part, params.n_steps) for part in _parts(queries, 64 if rule.alpha == 1 else 512)]
        progress(done + 1, len(jobs), "rules and betas")
        sizes = np.concatenate([f.pop("sizes") for f in found])
        where = {"rule": rule.name, "theory_beta": beta}
        shares = np.bincount(np.minimum(sizes, LARGEST + 1), minlength=LARGEST + 2) / len(sizes)
        histogram += [where | {"size": k, "share": s, "n": len(sizes)} for k, s in enumerate(shares)]
        row = {name: np.concatenate([f[name] for f in found]).mean() for name in found[0]}
        states.append(where | {"mean_size": sizes.mean(), "n": len(sizes)} | row)
        cost += [where | row for row in _cost(h, queries[: params.n_costed], params.n_steps)]
        twin.append(where | _twin(rule, beta, x, queries[: params.n_twins], sizes, params.n_steps))
        traffic += h.traffic
    tables = {"histogram": histogram, "states": states, "cost": cost, "twin": twin}
    return {name: Table.from_rows(rows) for name, rows in tables.items()} | {"data": told, "traffic": traffic}


def _load(params: StudyParams, seed: int) -> tuple[Table, Reals, Reals]:
    """Which data, memories and queries in [-1, 1]."""
    wanted = ("synthetic",) if params.data == "synthetic" else ("mnist",)
    there, told = sources(wanted)
    if params.data == "mnist" and not there:
        raise DataError("data set 'mnist'", got="not found", expected="MNIST", do="or data='auto', or 'synthetic'")
    if "mnist" in there:
        (train, test), (n, n_queries) = digits(), params.n_mnist
        pixels = [(part / 127.5 - 1).astype(np.float32) for part in (train[:n], test[:n_queries])]
    else:
        told = told if "synthetic" in there else Table.concat([told, sources(("synthetic",))[1]])
        n, n_queries = params.n_synthetic
        made = (strokes(n + n_queries, stream(seed, "strokes")) * 2 - 1).astype(np.float32)
        pixels = [made[:n], made[n:]]
    memories, queries = pixels
    return told, memories, queries


def _parts(x: Reals, n: int) -> list[Reals]:
    return [x[i : i + n] for i in range(0, len(x), n)]


def _ends(h: SparseHopfield, rule: Rule, x: Reals, queries: Reals, n_steps: int) -> dict[str, Any]:
    """Sizes and other facts of the states reached, a value for each query. Whole steps, queries together."""
    now, norm = queries.copy(), float(np.linalg.norm(x, axis=1).max())
    sizes, steps = np.zeros(len(now), np.int64), np.zeros(len(now), np.int64)
    single, exact, still = (np.zeros(len(now), np.bool_) for _ in range(3))
    left = np.arange(len(now))
    for _ in range(n_steps):
        r = h.recall(now[left])
        places = np.repeat(np.arange(len(left)), r.support.n_active)
        sizes[left] = np.bincount(places[r.weights > rule.least], minlength=len(left))
        single[left] = r.support.n_active == 1
        exact[left] = single[left] & (r.states == x[r.support.indices[r.support.indptr[:-1]]]).all(axis=1)
        still[left] = np.linalg.norm(r.states.astype(np.float64) - now[left], axis=1) <= 1e-6 * norm
        now[left], steps[left] = r.states, steps[left] + 1
        left = left[~still[left]]
        if not len(left):
            break
    return {"sizes": sizes, "single": single, "exact": exact, "converged": still, "steps": steps.astype(np.float64)}


def _cost(h: SparseHopfield, queries: Reals, n_steps: int) -> list[dict[str, Any]]:
    """Cost of each step, the first being 1: what a recall with one step more costs more."""
    totals: dict[str, list[int]] = {"synops": [0], "words_read": [0]}
    for step in range(1, n_steps + 1):
        moved = Traffic()
        for part in _parts(queries, 64):
            moved += h.recall(part, max_steps=step).traffic
        for name, listed in totals.items():
            listed.append(moved.total(name))
    rows = []
    for step in range(1, n_steps + 1):
        row: dict[str, Any] = {"step": step, "n": len(queries)}
        rows.append(row | {name: (t[step] - t[step - 1]) / t[1] for name, t in totals.items()})
    return rows


def _twin(rule: Rule, beta: float, x: Reals, queries: Reals, sizes: NDArray[Any], n_steps: int) -> dict[str, Any]:
    """The same queries by the formulas, in double precision: share that end with as many memories."""
    map_ = entmax if rule.separation == "entmax" else normmax
    now, y, same = queries.astype(np.float64), x.astype(np.float64), []
    for q in range(len(now)):
        state = now[q]
        for _ in range(n_steps):
            p = map_(beta * np.einsum("ij,j->i", y, state), rule.alpha)
            held = np.flatnonzero(p)
            state = np.einsum("i,ij->j", p[held], y[held])
        same.append(int((p > rule.least).sum()) == int(sizes[q]))
    return {"same": float(np.mean(same)), "n": len(now)}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Histograms of sizes, a panel for each beta; the cost of each step."""
    t, cost = tables["histogram"], tables["cost"]
    betas, names = np.unique(t["theory_beta"]).tolist(), list(dict.fromkeys(t["rule"]))
    fig, axes = plotting.subplots(1, len(betas) + 1, (3.2 * (len(betas) + 1), 3.1))
    used = tables["data"].where(used=True)["data"][0]
    for k, beta in enumerate(betas):
        ax = axes[k]
        for i, name in enumerate(names):
            look: dict[str, Any] = {"marker": "os^Dv"[i], "color": plotting.PALETTE[i], "ms": 3.5, "lw": 0.9}
            part = t.where(theory_beta=beta, rule=name)
            ax.plot(part["size"], part["share"], label=name, **look)
            part = cost.where(theory_beta=beta, rule=name)
            line = "-" if k == len(betas) - 1 else "--"
            axes[-1].plot(part["step"], part["synops"], ls=line, label=name if line == "-" else None, **look)
        ax.set(title=f"{'abcd'[k]}  {used}, beta {beta:g}", xlabel="memories with weight", ylabel="share of queries")
        ax.set_yscale("symlog", linthresh=1e-3)
        ax.set_ylim(0, 1.5)
        ax.set_xticks(
            [*range(0, LARGEST + 1, 2), LARGEST + 1], [*map(str, range(0, LARGEST - 1, 2)), "", f"> {LARGEST}"]
        )
        ax.legend(fontsize=6.5)
    told = f"; dashed: beta {betas[0]:g}" if len(betas) > 1 else ""
    axes[-1].set(title=f"{'abcd'[len(betas)]}  cost{told}", xlabel="step", ylabel="multiplications / those of step 1")
    axes[-1].set_yscale("symlog", linthresh=1e-3)
    axes[-1].set_ylim(0, 2)
    axes[-1].set_xticks(np.unique(cost["step"]))
    axes[-1].legend(fontsize=6.5)
    return fig


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """What must hold of the sizes, their order, and the cost of late steps."""
    t, states, twin, cost = (tables[name] for name in ("histogram", "states", "twin", "cost"))
    n, betas = int(states["n"].sum()), np.unique(t["theory_beta"]).tolist()
    sums = [t.where(theory_beta=b, rule=r)["share"].sum() for b in betas for r in np.unique(t["rule"])]
    name = "shares of all sizes: largest distance of the sum from 1"
    found = [Check.at_most(name, np.abs(np.array(sums) - 1).max(), 1e-9, n=n, source="every query has a size")]
    off = np.abs(states["single"] - states["exact"]).max()
    source = "all weight on one memory: the state is that memory bit for bit"
    found.append(Check.at_most("a single memory, not given back exactly: share", off, 0.0, n=n, source=source))
    same = float(np.average(twin["same"], weights=twin["n"]))
    source = "the formulas step by step in double precision; a weight next to 0 may be lost in single precision"
    found.append(Check.at_least("same size by the formulas: share", same, 0.95, n=int(twin["n"].sum()), source=source))
    single = {(row["theory_beta"], row["rule"]): row["share"] for row in t.where(size=1).rows()}
    rules, more = list(dict.fromkeys(t["rule"])), {"n": n, "kind": "published"}
    if len(betas) > 1:
        least = min(single[betas[-1], r] - single[betas[0], r] for r in rules)
        source = "Santos et al. 2024: single memories prevail at larger beta (order only, from memory)"
        name = f"share of single memories: least gain from beta {betas[0]:g} to {betas[-1]:g}"
        found.append(Check.at_least(name, least, 0.0, source=source, **more))
    least = min(single[b, r] - single[b, rules[0]] for b in betas for r in rules[1:])
    source = "Santos et al. 2024: sparse maps end on single memories more often (order only, from memory)"
    found.append(Check.at_least("share of single memories: least gain over softmax", least, 0.0, source=source, **more))
    return [*found, *_costs(cost, rules[0], betas[-1])]


def _costs(cost: Table, dense: str, beta: float) -> list[Check]:
    """Of sparse maps at one beta, the first step being 1: the worst rule."""
    rows = [r for r in cost.rows() if r["rule"] != dense and r["theory_beta"] == beta and r["step"] > 1]
    second = max(r["synops"] for r in rows if r["step"] == 2)
    later = {name: sum(r["synops"] for r in rows if r["rule"] == name) for name in {r["rule"] for r in rows}}
    n_later, more = int(max(r["step"] for r in rows)) - 1, {"n": int(cost["n"].max()), "kind": "prototype"}
    source = "goal of the project: later steps score listed memories only"
    why = "the first step goes from a picture that is not stored to memories, too far for the list of its best to hold"
    name = f"beta {beta:g}: cost of the second step, of the first's"
    found = [Check.at_most(name, second, 0.1, source=source, deviation=why, **more)]
    source = f"goal of the project: less than half of {n_later} whole steps"
    name = f"beta {beta:g}: cost of all later steps, of as many first ones"
    found.append(Check.at_most(name, max(later.values()) / n_later, 0.5, source=source, **more))
    return found
