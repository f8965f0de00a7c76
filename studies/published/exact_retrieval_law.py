"""The law of exact retrieval: when all weight falls on one pattern, to the last bit, and what holds before that.

Sparse Hopfield retrieval ``T(x) = X' p``, ``p = entmax(beta X x)``, returns a stored pattern bit for bit if and only if
its score leads the second best by ``1 / (alpha - 1)`` (normmax: by 1). For a pattern as its own query the lead is beta
times its separation ``<x, x> - max <x, y>``, so that one number, ``r = separation beta (alpha - 1)``, decides: exact
from r = 1 on. beta is set for each pattern asked so that r runs through 1, down to the rounding of a double. r is known
without rounding (fractions); where its distance from 1 is below what rounding of the scores can move, the answer may be
either and is counted apart.

A second set of patterns, on a grid on which all sums are exact, puts leads single steps of rounding before and behind
the margin: no rounding, nothing counted apart.

Also, all derived from the definition (`sdrsim.models.hopfield.theory`): exact retrieval from anywhere in a ball around
the pattern; energies that fall by half the squared step, at least; the exponential bound of the error; the bounds of
the root tau, which bound the support.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hopfield import SparseHopfield, entmax, normmax, theory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Exact retrieval: a stored pattern comes back bit for bit if and only if its margin is met"
CITATION = (
    "margins: Blondel, Martins & Niculae 2020, Santos et al. 2024; separation, energy: Ramsauer et al. 2020, "
    "Wu et al. 2024 (STanHop); the laws as stated derived in sdrsim.models.hopfield.theory"
)
QUICK = {"n_memories": 2, "n_asked": 4, "n_starts": 20}

Reals = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)
OFFSETS = tuple(2.0**-k for k in (51, 50, 49, 48, 47, 46, 44, 42, 40, 36, 32, 28, 24, 20, 16, 13, 10, 7, 5, 3, 2, 1))
STEPS = (-64, -8, -4, -2, -1, 0, 1, 2, 4, 8, 64)  # of 2^-48, the rounding of scores of 16 .. 32
FRACTIONS = (0.25, 0.5, 0.75, 0.9, 0.999, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0)  # of the radius of exact retrieval
TOLERANCE = 1e-12  # relative rounding of energies (sums of d = 64 products, and of M weights)


class Rule(NamedTuple):
    """A separation and its alpha."""

    separation: str
    alpha: float

    @property
    def name(self) -> str:
        """As in the tables."""
        return "softmax" if self.alpha == 1 else f"{self.separation} {self.alpha:g}"

    @property
    def factor(self) -> float:
        """From a lead of scores, times beta, to the ratio that must be 1."""
        return self.alpha - 1 if self.separation == "entmax" else 1.0

    def memory(self, x: Reals, beta: float) -> SparseHopfield:
        """Patterns x under this rule, in double precision."""
        kind: Any = self.separation
        h = SparseHopfield(beta, self.alpha, separation=kind, dtype="float64")
        h.store(x)
        return h


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    alpha, normmax : floats
        Of entmax, and of normmax.
    n_patterns, d : int
        Gaussian patterns of a memory.
    n_memories, n_asked : int
        Memories, and patterns asked of each.
    n_starts, n_steps : int
        Random starts of each memory, and steps from each, for the energy.
    """

    alpha: tuple[Annotated[float, Field(gt=1)], ...] = (1.2, 1.5, 2.0, 4.0)
    normmax: tuple[Annotated[float, Field(gt=1)], ...] = (2.0, 5.0)
    n_patterns: Annotated[int, Field(ge=2)] = 100
    d: Annotated[int, Field(ge=2)] = 64
    n_memories: Annotated[int, Field(ge=1)] = 20
    n_asked: Annotated[int, Field(ge=1)] = 10
    n_starts: Annotated[int, Field(ge=1)] = 100
    n_steps: Annotated[int, Field(ge=1)] = 20

    @property
    def rules(self) -> list[Rule]:
        """All that have a margin."""
        return [Rule("entmax", a) for a in self.alpha] + [Rule("normmax", a) for a in self.normmax]


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'sweep', 'last_bit', 'ball', 'energy', 'error' and 'root', a row for a memory and setting."""
    names = ("sweep", "last_bit", "ball", "energy", "error", "root")
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    traffic = Traffic()
    for memory in range(params.n_memories):
        key = subseed(seed, f"memory {memory}")
        x = stream(key, "patterns").standard_normal((params.n_patterns, params.d))
        leads = [_separation(x, i) for i in range(min(params.n_asked, len(x)))]
        for rule in (Rule("entmax", 1.0), *params.rules):
            made = {"sweep": _sweep(rule, x, leads)}
            if rule.factor > 0:
                made |= {"last_bit": _last_bit(rule, key), "ball": _ball(rule, x, leads, key)}
            if rule.separation == "entmax":
                made["error"], made["root"] = _bounds(rule, x, key)
                made["energy"], moved = _falls(params, rule, x, key)
                traffic += moved
            for name, listed in made.items():
                rows[name] += [{"rule": rule.name, "memory": memory} | row for row in listed]
        for rule in (Rule("entmax", a) for a in (1.25, 3.0, 5.0) if a not in params.alpha):
            rows["last_bit"] += [{"rule": rule.name, "memory": memory} | row for row in _last_bit(rule, key)]
        progress(memory + 1, params.n_memories, "memories")
    return {name: Table.from_rows(listed) for name, listed in rows.items()} | {"traffic": traffic}


def _separation(x: Reals, i: int) -> tuple[Fraction, int, float]:
    """Separation of pattern i without rounding, its rival, and the sum of the sizes of all products in it."""
    scores = x @ x[i]
    scores[i] = -np.inf
    near = np.argsort(scores)[-3:]
    exact = {int(j): sum(Fraction(a) * Fraction(b) for a, b in zip(x[i].tolist(), x[j].tolist())) for j in (i, *near)}
    rival = max((j for j in exact if j != i), key=lambda j: exact[j])
    size = float((np.abs(x[i]) * (np.abs(x[i]) + np.abs(x[rival]))).sum())
    return Fraction(exact[i] - exact[rival]), rival, size


def _returned(h: SparseHopfield, queries: Reals, wanted: Reals, place: int) -> NDArray[np.bool_]:
    """Whether all weight is on the pattern at this place, 1 exactly, and the state is the pattern bit for bit."""
    r = h.recall(queries)
    one = r.support.n_active == 1
    at = np.minimum(r.support.indptr[:-1], len(r.weights) - 1)
    right = (r.support.indices[at] == place) & (r.weights[at] == 1.0) & (r.states == wanted).all(axis=1)
    return np.asarray(one & right)


def _sweep(rule: Rule, x: Reals, leads: list[tuple[Fraction, int, float]]) -> list[dict[str, Any]]:
    """Each pattern as its own query, r through 1; of softmax the beta of alpha = 2, and exact never."""
    found, scale = [], rule.factor or 1.0
    for offset in sorted([*OFFSETS, 0.0, 3.0, *(-o for o in OFFSETS)]):
        counts = {"n_decided": 0, "n_near": 0}
        hits = {"exact": 0, "wrong": 0, "near_wrong": 0}
        for i, (lead, _, size) in enumerate(leads):
            beta = (1 + offset) / (float(lead) * scale)
            ratio = lead * Fraction(beta) * Fraction(scale)
            exact = bool(_returned(rule.memory(x, beta), x[i : i + 1], x[i : i + 1], i)[0])
            rounding = (x.shape[1] + 3) * EPS / 2 * size * beta * scale
            near = rule.factor > 0 and abs(ratio - 1) <= rounding
            hits["exact"] += exact
            hits["near_wrong" if near else "wrong"] += exact != (ratio >= 1 and rule.factor > 0)
            counts["n_near" if near else "n_decided"] += 1
        shares = {
            "exact": hits["exact"] / len(leads),
            "wrong": hits["wrong"] / max(1, counts["n_decided"]),
            "near_wrong": hits["near_wrong"] / max(1, counts["n_near"]),
        }
        found.append({"theory_offset": offset} | counts | shares)
    return found


def _last_bit(rule: Rule, key: int) -> list[dict[str, Any]]:
    """Leads of single steps of rounding around the margin; every sum of the patterns, and beta, exact in a double.

    Where ``alpha - 1`` is no power of 2 the lead times beta is not exact; such a rule has no rows.
    """
    if np.frexp(rule.factor)[0] != 0.5:
        return []
    rng = stream(key, f"grid, {rule.name}")
    hits: dict[int, list[tuple[bool, bool]]] = {step: [] for step in STEPS}
    for _ in range(5):
        y, x = rng.integers(-64, 65, (48, 16)) / 64.0, rng.choice([-1.0, 1.0], 16)
        x[-1], y[:, -1], place = 1.0, 0.0, int(rng.integers(48))
        scores = y @ x
        rival = np.delete(scores, place).max()
        for step in STEPS:
            y[place, -1] = rival - scores[place] + 1 + step * 2.0**-48
            z = y @ x
            mapped = z / rule.factor
            p = entmax(mapped, rule.alpha) if rule.separation == "entmax" else normmax(mapped, rule.alpha)
            alone = bool(p[place] == 1 and np.count_nonzero(p) == 1)
            exact = bool(_returned(rule.memory(y, 1 / rule.factor), x[None], y[place : place + 1], place)[0])
            hits[step].append((exact == (step >= 0), alone == (step >= 0)))
    columns = {step: np.mean(pairs, axis=0) for step, pairs in hits.items()}
    return [{"step": s, "n": len(hits[s]), "right": c[0], "right_map": c[1]} for s, c in columns.items()]


def _ball(rule: Rule, x: Reals, leads: list[tuple[Fraction, int, float]], key: int) -> list[dict[str, Any]]:
    """Queries at a distance from the pattern: in random directions, and straight to the rival."""
    m = float(np.linalg.norm(x, axis=1).max())
    beta = 2 / (min(float(lead) for lead, _, _ in leads) * rule.factor)
    h, rng = rule.memory(x, beta), stream(key, f"directions, {rule.name}")
    hits: dict[tuple[float, str], list[bool]] = {(f, way): [] for f in FRACTIONS for way in ("random", "to the rival")}
    for i, (lead, rival, _) in enumerate(leads):
        radius = (float(lead) - 1 / (beta * rule.factor)) / (2 * m)
        ways = {"random": rng.standard_normal(x.shape[1]), "to the rival": x[rival] - x[i]}
        for (fraction, way), hit in hits.items():
            query = x[i] + fraction * radius * ways[way] / np.linalg.norm(ways[way])
            hit.append(bool(_returned(h, query[None], x[i : i + 1], i)[0]))
    return [{"fraction": f, "way": w, "n": len(hit), "exact": np.mean(hit)} for (f, w), hit in hits.items()]


def _falls(params: StudyParams, rule: Rule, x: Reals, key: int) -> tuple[list[dict[str, Any]], Traffic]:
    """Energies along the way from random starts; what they fall by beyond the least that the law allows."""
    h, rows = rule.memory(x, 0.5 / np.sqrt(params.d)), []
    now = stream(key, "starts").standard_normal((params.n_starts, params.d)) * 2
    energy = h.energy(now)
    rows.append({"step": 0, "energy": energy.mean(), "least_fall": 0.0, "least_spare": 0.0, "n": len(now)})
    for step in range(1, params.n_steps + 1):
        new = h.recall(now).states
        after = h.energy(new)
        fall, scale = energy - after, 1 + np.abs(energy)
        spare = (fall - theory.least_energy_drop(now, new)) / scale
        row = {"step": step, "energy": after.mean(), "least_fall": (fall / scale).min(), "least_spare": spare.min()}
        rows.append(row | {"n": len(now)})
        now, energy = new, after
    return rows, h.traffic


def _bounds(rule: Rule, x: Reals, key: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Errors by lead, against the bound; the root tau against its bounds (entmax above 1)."""
    beta, m, rng = 0.15, float(np.linalg.norm(x, axis=1).max()), stream(key, "noisy queries")
    h = rule.memory(x, beta)
    noise = np.repeat([0.3, 0.6, 1.0, 1.5, 2.5, 4.0, 8.0, 12.0], 50)
    of = rng.integers(0, len(x), len(noise))
    queries = x[of] + noise[:, None] * rng.standard_normal((len(noise), x.shape[1]))
    r, scores = h.recall(queries), h.scores(queries)
    rows = np.arange(len(of))
    own = scores[rows, of]
    others = scores.copy()
    others[rows, of] = -np.inf
    lead = beta * (own - others.max(axis=1))
    error = np.linalg.norm(r.states - x[of], axis=1)
    bound = theory.error_bound(lead / beta, len(x), beta, m)
    error = np.where(error <= 4 * len(x) * EPS * m, 0.0, error)  # rounding of the mean of M patterns
    made, edges = [], np.linspace(-10, 30, 41)
    for low, high in pairwise(edges):
        inside = (lead >= low) & (lead < high)
        if inside.any():
            over = (error / bound)[inside].max()
            made.append({"lead": (low + high) / 2, "largest": error[inside].max() / m, "of_bound": over})
    counted = [row | {"theory_bound": 2 * (len(x) - 1) * np.exp(-row["lead"]), "n": len(of)} for row in made]
    return counted, _root(rule, r, beta * rule.factor * scores) if rule.factor > 0 else []


def _root(rule: Rule, r: Any, z: Reals) -> list[dict[str, Any]]:
    """tau from the largest weight of each query; whether it explains all others, and lies in its bounds."""
    low, high = theory.root_bounds(z.shape[1], rule.alpha)
    held, top, rows = np.zeros_like(z), z.max(axis=1, keepdims=True), []
    held[np.repeat(np.arange(len(z)), r.support.n_active), r.support.indices] = r.weights
    for of, w in (("memory", held), ("function", entmax(z / rule.factor, rule.alpha))):
        tau = top - w.max(axis=1, keepdims=True) ** rule.factor
        row = {"over_low": (tau - top - low).min(), "under_high": (high - (tau - top)).min()}
        row["spread"] = np.where(w > 0, np.abs(z - w**rule.factor - tau), 0.0).max()
        row["outside"] = np.where(w > 0, -np.inf, z - tau).max()
        rows.append({"of": of, "theory_alpha": rule.alpha} | row | {"n": len(z)})
    return rows


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """The law; the ball; energies; errors against the bound."""
    fig, axes = plotting.mosaic([["law", "ball"], ["energy", "error"]], (7.2, 5.6))
    _draw_law(axes["law"], tables["sweep"])
    ball, names = tables["ball"], list(dict.fromkeys(tables["ball"]["rule"]))
    for way, marker, line in (("random", "o", "-"), ("to the rival", "s", "--")):
        for i, name in enumerate(names):
            part = ball.where(rule=name, way=way)
            fractions = np.unique(part["fraction"])
            shares = [part.where(fraction=float(f))["exact"].mean() for f in fractions]
            look: dict[str, Any] = {"color": plotting.PALETTE[i % 7], "marker": marker, "ls": line, "ms": 3, "lw": 0.9}
            axes["ball"].plot(fractions, shares, label=name if way == "random" else None, **look)
    axes["ball"].axvline(1, color="0.6", lw=0.8)
    axes["ball"].set(title="b  around a pattern; dashed: to its rival", xlabel="distance / radius of the law")
    axes["ball"].set(ylabel="share exact", xscale="log")
    for i, name in enumerate(dict.fromkeys(tables["energy"]["rule"])):
        part = tables["energy"].where(rule=name)
        steps = np.unique(part["step"])
        means = [part.where(step=int(k))["energy"].mean() for k in steps]
        axes["energy"].plot(steps, means, marker="o", ms=2.5, lw=0.9, color=plotting.PALETTE[i % 7], label=name)
        part = tables["error"].where(rule=name)
        leads = np.unique(part["lead"])
        worst = np.array([part.where(lead=float(z))["largest"].max() for z in leads])
        axes["error"].plot(
            leads, np.where(worst > 0, worst, np.nan), marker="o", ms=2.5, lw=0.9, color=plotting.PALETTE[i % 7]
        )
    leads = np.unique(tables["error"]["lead"])
    bound = [tables["error"].where(lead=float(z))["theory_bound"][0] for z in leads]
    axes["error"].plot(leads, bound, color="0.3", lw=0.9, ls="--", label="bound")
    axes["energy"].set(title="c  from random starts", xlabel="step", ylabel="energy, mean", yscale="log")
    axes["error"].set(title="d  largest error; exactly 0 is not drawn", xlabel="beta times lead of the pattern")
    axes["error"].set(ylabel="error / largest norm", yscale="log")
    for name in ("ball", "energy", "error"):
        axes[name].legend(fontsize=6.5)
    return fig


def _draw_law(ax: "Axes", t: Table) -> None:
    """A row for each rule: how many were exact, by the distance of r from 1."""
    names = list(dict.fromkeys(t["rule"]))
    for i, name in enumerate(names):
        part = t.where(rule=name)
        offsets = np.unique(part["theory_offset"])
        groups = [part.where(theory_offset=float(o)) for o in offsets]
        shares, near = [g["exact"].mean() for g in groups], [g["n_near"].sum() > g["n_decided"].sum() for g in groups]
        edges = [plotting.PALETTE[1] if n else "0.3" for n in near]
        ax.scatter(
            offsets, [i] * len(offsets), c=shares, cmap=plotting.SHADES, vmin=0, vmax=1, s=20, edgecolors=edges, lw=0.7
        )
    ax.set_xscale("symlog", linthresh=2.0**-52, linscale=0.4)
    ax.set_xticks([-1, -1e-5, -1e-10, -1e-15, 1e-15, 1e-10, 1e-5, 1])
    ax.set_xticklabels(["-1", "-1e-5", "-1e-10", "", "", "1e-10", "1e-5", "1"], fontsize=6.5)
    ax.minorticks_off()
    ax.set_yticks(range(len(names)), names, fontsize=6.5)
    ax.axvline(0, color="0.6", lw=0.8, zorder=0)
    ax.set(title="a  exact: dark; red rim: within rounding", xlabel="r - 1", ylabel="rule")


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The law for each rule, to the last bit, in the ball; falls of the energy; bounds of errors and roots."""
    found = []
    t = tables["sweep"]
    for name in dict.fromkeys(t["rule"]):
        part = t.where(rule=name)
        n, wrong = int(part["n_decided"].sum()), float((part["wrong"] * part["n_decided"]).sum())
        source = "never: every weight is above 0" if name == "softmax" else "p = e exactly if and only if r >= 1"
        source += f"; {int(part['n_near'].sum()):,} within rounding of 1 apart" if name != "softmax" else ""
        found.append(Check.at_most(f"{name}: answers against the law", wrong, 0.0, n=n, source=source))
    bits = tables["last_bit"]
    for what, values in (("memory", bits["right"]), ("entmax, normmax", bits["right_map"])):
        if len(values):
            source = "leads of single steps of rounding around the margin, all sums exact"
            n = 5 * len(values)
            found.append(Check.at_least(f"to the last bit, {what}: least right", values.min(), 1.0, n=n, source=source))
    ball = tables["ball"]
    inside = ball["fraction"] < 1
    source = "separation >= 1 / (beta (alpha - 1)) + 2 m distance (Cauchy-Schwarz)"
    n = int(ball["n"][inside].sum())
    found.append(Check.at_least("in the ball: least share exact", ball["exact"][inside].min(), 1.0, n=n, source=source))
    return [*found, *_bounded(tables)]


def _bounded(tables: Mapping[str, Table]) -> list[Check]:
    e, r = tables["energy"], tables["root"]
    n, source = int(e["n"].sum()), f"E(x) - E(T(x)) >= |T(x) - x|^2 / 2, of 1 + |E|; {TOLERANCE:g} for rounding"
    found = [
        Check.at_least("energy: least fall", e["least_fall"].min(), -TOLERANCE, n=n, source="never rises; " + source),
        Check.at_least(
            "energy: least fall beyond |step|^2 / 2", e["least_spare"].min(), -TOLERANCE, n=n, source=source
        ),
    ]
    source = "|T(x) - xi| <= 2 m (M - 1) exp(-beta lead), every alpha >= 1"
    errors = tables["error"]
    n = int(errors["n"].max()) * len(set(zip(errors["rule"].tolist(), errors["memory"].tolist())))
    more: dict[str, Any] = {"n": n, "source": source}
    found.append(Check.at_most("error: largest part of the bound", errors["of_bound"].max(), 1.0, **more))
    more = {
        "n": int(r["n"].sum()) // 2,
        "source": "-1 <= tau - (a - 1) max z <= -M^(1 - a); rounding of scores allowed",
    }
    least = min(float(r["over_low"].min()), float(r["under_high"].min()))
    found.append(Check.at_least("root: least distance inside its bounds", least, -TOLERANCE, **more))
    more["source"] = "p = [(a - 1) z - tau]_+^(1 / (a - 1)): one tau for all with weight, and none above it without"
    for of, name in (("memory", "memory"), ("entmax", "function")):
        off = np.maximum(r["spread"], r["outside"])[r["of"] == name].max(initial=-np.inf)
        found.append(Check.at_most(f"root: weights off the formula, {of}", off, TOLERANCE, **more))
    return found
