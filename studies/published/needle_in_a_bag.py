"""A needle in a bag: one instance of many carries the signal; found and weighed by a Hopfield memory, without training.

A bag holds N instances of normal noise (d coordinates, deviation 1). In a positive bag one of them has the signal
added: delta times a unit vector u. Each bag is a memory of its own, asked once with the signal ``delta u``; the answer,
the pooled bag ``sum p_i x_i``, is scored by its part along u. Positive bags are told from negative ones by this score
(AUC). Ramsauer et al. 2020 and Wu et al. 2024 pool bags like this in trained layers (multiple instance learning); here
nothing is trained. A reconstruction: the papers have no such untrained figure.

Along u instances are independent normal scores, of mean 0, or delta for the needle, so that there is theory:

- mean of all: the AUC is ``Phi(delta / sqrt(2 N))``;
- the best score alone (alpha infinite): AUC and the share of bags whose needle is the best are integrals over one
  score, as is the share in which entmax has all its weight on the needle (a lead of its margin);
- the weights of softmax at beta 1 are the probabilities that an instance is the needle, so that the mean of the largest
  is the share in which the best one is right;
- no score of a bag beats the likelihood ratio, ``log sum exp`` of the scores at beta 1 (Neyman & Pearson 1933): the
  conjugate in the memory's energy, not its answer.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import measures
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hopfield import SparseHopfield, theory
from sdrsim.models.hopfield.maps import conjugate
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import FALSE_ALARM, worst_t
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Needle in a bag: one signal among many instances, found without training"
CITATION = "ours; pooling after Ramsauer et al. 2020 and Wu et al. 2024 (STanHop)"
QUICK = {"n_seeds": 6, "n_bags": 20, "n_instances": (5, 50), "beta": (0.3, 1.0), "n_swept": 50}

Reals = NDArray[np.float64]
NAMES = {1.0: "softmax", 1.5: "entmax 1.5", 2.0: "entmax 2", float("inf"): "best"}
SPARSE = ("entmax 1.5", "entmax 2")
MEAN, RATIO = "mean", "log sum exp"  # at beta 1 the likelihood ratio


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_instances : ints
        N, of a bag.
    d : int
    delta : float
        The signal, in deviations of the noise.
    beta : floats
        Of the sweep at bags of `n_swept` instances; elsewhere beta is 1.
    n_swept : int
    n_seeds, n_bags : int
        Draws, and bags of each kind in one.
    """

    n_instances: tuple[Annotated[int, Field(ge=2)], ...] = (5, 10, 20, 50, 100, 200, 500, 1000)
    d: Annotated[int, Field(ge=1)] = 32
    delta: Annotated[float, Field(gt=0)] = 3.5
    beta: tuple[Annotated[float, Field(gt=0)], ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
    n_swept: Annotated[int, Field(ge=2)] = 100
    n_seeds: Annotated[int, Field(ge=3)] = 20
    n_bags: Annotated[int, Field(ge=2)] = 100


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'auc' and 'weight' (rows for draw, N, beta and rule), 'theory' (a row for N), 'setting', the traffic."""
    auc, weight, traffic = [], [], Traffic()
    jobs = [(n, (1.0,)) for n in params.n_instances] + [(params.n_swept, tuple(b for b in params.beta if b != 1.0))]
    if params.n_swept not in params.n_instances:
        jobs.append((params.n_swept, (1.0,)))
    for number in range(params.n_seeds):
        for n, betas in jobs:
            bags = _Bags(params, n, seed, number)
            for beta in betas:
                where = {"seed": number, "n_instances": n, "theory_beta": beta}
                rows, weighed = bags.rows(beta)
                auc += [where | row for row in rows]
                weight += [where | row for row in weighed]
            traffic += bags.traffic
        progress(number + 1, params.n_seeds, "draws")
    sizes = sorted({*params.n_instances, params.n_swept})
    setting = {"theory_delta": [params.delta], "n_swept": [params.n_swept], "n_bags": [params.n_bags]}
    found: dict[str, Any] = {"auc": Table.from_rows(auc), "weight": Table.from_rows(weight), "traffic": traffic}
    return found | {"theory": Table.from_rows([_theory(n, params.delta) for n in sizes]), "setting": setting}


class _Bags:
    """Bags of one draw and size, positive ones first; the same for every beta."""

    def __init__(self, params: StudyParams, n: int, seed: int, number: int) -> None:
        rng = stream(seed, f"bags {number}, {n}")
        u = rng.standard_normal(params.d)
        self.u, self.delta, self.n_bags = u / np.linalg.norm(u), params.delta, params.n_bags
        self.x = rng.standard_normal((2 * params.n_bags, n, params.d))
        self.place = rng.integers(0, n, params.n_bags)
        self.x[np.arange(params.n_bags), self.place] += params.delta * self.u
        self.traffic = Traffic()

    def rows(self, beta: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """AUC of each score, and what the weights of positive bags do."""
        rows, weighed, query = [], [], self.delta * self.u
        for alpha, name in NAMES.items():
            scores, facts = np.empty(len(self.x)), []
            for i, x in enumerate(self.x):
                h = SparseHopfield(beta, alpha, dtype="float64")
                h.store(x)
                r = h.recall(query)
                scores[i] = (r.states[0] * self.u).sum()
                if i < self.n_bags:
                    on = float(r.weights[r.support.indices == self.place[i]].sum())
                    facts.append((on, on == 1.0, on > 0, r.weights.max(), len(r.weights)))
                self.traffic += h.traffic
            rows.append(self._auc(name, scores))
            columns = dict(zip(("on_needle", "all", "some", "largest", "size"), np.mean(facts, axis=0).tolist()))
            weighed.append({"rule": name} | columns)
        along = np.einsum("bnd,d->bn", self.x, self.u)
        rows += [self._auc(MEAN, along.mean(axis=1)), self._auc(RATIO, conjugate(beta * self.delta * along, 1.0))]
        return rows, weighed

    def _auc(self, name: str, scores: Reals) -> dict[str, Any]:
        return {"rule": name, "auc": measures.auc(scores[: self.n_bags], scores[self.n_bags :]).value}


def _theory(n: int, delta: float) -> dict[str, Any]:
    """What is known of bags of n instances at beta 1; integrals over the score of the needle, or of the best."""
    from scipy.stats import norm

    t = np.linspace(-9, 9 + delta, 40_001)
    best_of_noise = norm.cdf(t) ** n
    positive = norm.cdf(t - delta) * norm.cdf(t) ** (n - 1)
    needle = norm.pdf(t - delta)
    row = {"n_instances": n, MEAN: norm.cdf(delta / np.sqrt(2 * n))}
    row["best"] = ((best_of_noise[1:] + best_of_noise[:-1]) / 2 * np.diff(positive)).sum()
    row["best_right"] = np.trapezoid(needle * norm.cdf(t) ** (n - 1), t)
    for alpha, name in NAMES.items():
        margin = theory.entmax_margin(alpha) / delta
        row[f"all {name}"] = np.trapezoid(needle * norm.cdf(t - margin) ** (n - 1), t)
    return {name: float(value) if name != "n_instances" else n for name, value in row.items()}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """AUC by bag size; the weight on the needle; AUC by beta."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.1))
    auc, weight, line = tables["auc"], tables["weight"], tables["theory"]
    delta, swept = float(tables["setting"]["theory_delta"][0]), int(tables["setting"]["n_swept"][0])
    for i, name in enumerate([*NAMES.values(), MEAN, RATIO]):
        _points(axes[0], auc.where(rule=name, theory_beta=1.0), "n_instances", "auc", i, name)
        _points(axes[2], auc.where(rule=name, n_instances=swept), "theory_beta", "auc", i, name)
    for i, name in enumerate(NAMES.values()):
        part = weight.where(rule=name, theory_beta=1.0)
        _points(axes[1], part, "n_instances", "on_needle", i, name)
        if name != "softmax":
            axes[1].plot(line["n_instances"], line[f"all {name}"], color=plotting.PALETTE[i], lw=0.9, ls="--")
            sizes = np.unique(part["n_instances"])
            shares = [part.where(n_instances=int(n))["all"].mean() for n in sizes]
            axes[1].plot(sizes, shares, color=plotting.PALETTE[i], marker="os^D"[i], mfc="w", ms=4, ls="")
    for name, i in (("best", 3), (MEAN, 4)):
        axes[0].plot(line["n_instances"], line[name], color=plotting.PALETTE[i], lw=0.9, ls="--")
    axes[0].set(title=f"a  signal {delta:g}; dashed: theory", xlabel="instances in a bag", ylabel="AUC", xscale="log")
    axes[1].set(
        title="b  weight; open, dashed: share with all (theory)",
        xlabel="instances in a bag",
        ylabel="weight on the needle, mean; share",
    )
    axes[1].set(xscale="log", ylim=(0, 1.02))
    axes[2].set(title=f"c  bags of {swept}", xlabel="beta", ylabel="AUC", xscale="log")
    for ax in axes:
        ax.legend(fontsize=6.5)
    return fig


def _points(ax: "Axes", t: Table, along: str, what: str, i: int, name: str) -> None:
    places = np.unique(t[along])
    rates = [measures.spread(t.where(**{along: p.item()})[what]) for p in places]
    look: dict[str, Any] = {"color": plotting.PALETTE[i], "marker": "os^Dv<"[i], "ms": 3, "lw": 0.7, "capsize": 1.5}
    values = [r.value for r in rates]
    ends = [[r.value - r.low for r in rates], [r.high - r.value for r in rates]]
    ax.errorbar(places, values, ends, ls="-" if name not in ("best", MEAN) else "", label=name, **look)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """AUC and weights where there is theory; nothing above the likelihood ratio; what sparse pooling gains."""
    auc, weight, line = (tables[name] for name in ("auc", "weight", "theory"))
    auc, weight = auc.where(theory_beta=1.0), weight.where(theory_beta=1.0)
    sizes = np.unique(auc["n_instances"]).tolist()
    at = {n: line.where(n_instances=n) for n in sizes}
    found = []
    for name in (MEAN, "best"):
        groups = [(auc.where(rule=name, n_instances=n)["auc"], float(at[n][name][0])) for n in sizes]
        source = "Phi(delta / sqrt(2 N))" if name == MEAN else "two independent maxima, one integral"
        found.append(worst_t(f"AUC of the {name}, worst |t|", groups, source=source))
    n_bags = int(tables["setting"]["n_bags"][0])
    for name, what, wanted in (("best", "on_needle", "best_right"), *((r, "all", f"all {r}") for r in SPARSE)):
        shares = [(weight.where(rule=name, n_instances=n)[what], float(at[n][wanted][0])) for n in sizes]
        found.append(_least_likely(f"{name}: all weight on the needle, share", shares, n_bags))
    source = "at beta 1 softmax gives the probabilities themselves"
    parts = [(weight.where(rule="softmax", n_instances=n), weight.where(rule="best", n_instances=n)) for n in sizes]
    groups = [(a["largest"] - b["on_needle"], 0.0) for a, b in parts]
    found.append(worst_t("softmax: largest weight less share right, worst |t|", groups, source=source))
    return [*found, *_order(auc, sizes)]


def _least_likely(name: str, shares: list[tuple[Reals, float]], n_bags: int) -> Check:
    """Shares of draws of `n_bags` bags against probabilities: the least two-sided binomial probability of all sizes."""
    from scipy.stats import binomtest

    chances = [binomtest(round(float(s.sum()) * n_bags), len(s) * n_bags, p).pvalue for s, p in shares]
    source = f"its score leads by the margin: one integral; {len(shares)} sizes, family-wise level {FALSE_ALARM:g}"
    n = len(shares[0][0]) * n_bags
    low = FALSE_ALARM / len(shares)
    return Check.at_least(f"{name}, least likely", min(chances), low, n=n, kind="theory", source=source)


def _order(auc: Table, sizes: list[int]) -> list[Check]:
    """Differences of AUC paired over draws: none above the best possible score."""
    from scipy.stats import t as student

    gains, n = [], 2
    for rule in (*NAMES.values(), MEAN):
        for size in sizes:
            mine, best = (auc.where(rule=r, n_instances=size)["auc"] for r in (rule, RATIO))
            off, n = mine - best, len(mine)
            gains.append(float(off.mean()) / max(float(off.std(ddof=1)) / np.sqrt(n), 1e-12))
    limit = float(student.isf(FALSE_ALARM / len(gains), n - 1))
    source = f"Neyman & Pearson 1933; {len(gains)} comparisons, family-wise level {FALSE_ALARM:g}"
    name = "AUC above that of the likelihood ratio, worst t"
    return [Check.at_most(name, max(gains), limit, n=n, kind="theory", source=source)]
