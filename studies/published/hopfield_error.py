"""Error of retrieval against the number of memories and against noise: softmax beside sparse maps.

The protocols of the sparse Hopfield papers (Hu et al. 2023, Wu et al. 2024), one step each, pixels in [0, 1]:

size
    M memories; a query is a memory with each pixel set to 0 with probability one half; beta 1. (Pixels kept are not
    doubled, as dropout would; for the dot product that is the same as beta 2.)
noise
    100 memories; a query is ``clip(abs(memory + normal noise of deviation sigma), 0, 1)``; beta 1.
half
    M memories; the lower half of the rows set to 0; beta 0.01.

'size' and 'noise' are also asked with ``beta = 1 / sqrt(d)``, the memory's own choice: with raw pixels and beta 1
scores lie tens apart, and softmax is all but a choice of the best.

Every memory is asked once. The error is the sum over pixels of squared differences after clipping to [0, 1]
(`sse_clip`; `mse_clip` is divided by the number of pixels), the mean over all memories. The papers show curves and no
numbers, so only their order is checked: the sparse error is not above the dense one, where the memory asked for scores
highest in 95 of 100 queries. Beyond that no order is promised: when another memory scores highest a sparse map commits
to it, where softmax averages and can be nearer. The cross-over under noise is in the tables and the figure.

Data: pictures of pen strokes, made here (a reconstruction of what digits are like), always; MNIST when it is found.

Beside them Gaussian memories of 100 coordinates with the last 50 set to 0 (beta 0.1), against an earlier program.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import measures
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hopfield import digits, sources, strokes
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Retrieval error of softmax and sparse Hopfield memories against size and noise"
CITATION = (
    "protocols: Hu et al. 2023 (sparse modern Hopfield), Wu et al. 2024 (STanHop); half masks: Millidge et al. 2022"
)
QUICK = {
    "data": ("synthetic",),
    "n_seeds": 5,
    "n_stored": (10, 50, 200),
    "sigma": (0.0, 0.3, 0.7, 1.2, 2.0, 4.0),
    "half_stored": (10, 50, 100),
    "gaussian_stored": (10, 100),
}

Reals = NDArray[np.float64]
ALPHAS = (1.0, 1.5, 2.0)
NAMES = {1.0: "softmax", 1.5: "entmax 1.5", 2.0: "entmax 2"}
PROTOCOLS = {"size": (1.0, 0.0), "noise": (1.0, 0.0), "half": (0.01,)}  # beta; 0: 1 / sqrt(d)
N_NOISE = 100  # memories under noise
RIGHT = 0.95  # share of queries whose memory scores highest, from which on an order is expected
GAUSSIAN_SEEDS = 20
ANCHORS = {  # M -> alpha -> squared error, share exact; printed to two digits
    10: {1.0: (1.65, 0.0), 1.5: (0.00, 0.98), 2.0: (0.00, 1.00)},
    100: {1.0: (22.85, 0.0), 1.5: (0.03, 0.93), 2.0: (0.00, 1.00)},
}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    data : of 'synthetic', 'mnist'
        One that is not found is left out, and the table 'data' says so.
    n_stored, half_stored : ints
        M of the protocols 'size' and 'half'.
    sigma : floats
        Deviations of the noise.
    n_seeds : int
        Draws of memories and masks.
    half_threshold : float
        Of 'half': a retrieval succeeds when `mse_clip` is at most this.
    gaussian_stored : ints
        M of the Gaussian memories.
    """

    data: tuple[Literal["synthetic", "mnist"], ...] = ("synthetic", "mnist")
    n_stored: tuple[Annotated[int, Field(ge=2)], ...] = (10, 20, 30, 50, 100, 200, 500)
    half_stored: tuple[Annotated[int, Field(ge=2)], ...] = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
    sigma: tuple[Annotated[float, Field(ge=0)], ...] = (
        *(0.0, 0.01, 0.05, 0.1, 0.3, 0.5, 0.7),
        *(1.0, 1.2, 1.4, 2.0, 3.0, 4.0),
    )
    n_seeds: Annotated[int, Field(ge=2)] = 20
    half_threshold: Annotated[float, Field(gt=0)] = 0.1
    gaussian_stored: tuple[Annotated[int, Field(ge=2)], ...] = (10, 30, 100, 300, 1000)


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'error' (a row for data, protocol, setting, rule and seed), 'gaussian', 'data', and the traffic."""
    there, told = sources(params.data)
    rows, traffic, done = [], Traffic(), 0
    for data in there:
        for number in range(params.n_seeds):
            pictures = _pictures(data, max(*params.n_stored, *params.half_stored, N_NOISE), seed, number)
            for protocol, setting, x, queries in _questions(params, pictures, seed, data, number):
                made, moved = _errors(params, protocol, x, queries)
                where = {"data": data, "protocol": protocol, "theory_setting": float(setting), "seed": number}
                rows += [where | row for row in made]
                traffic += moved
            done += 1
            progress(done, params.n_seeds * len(there), "draws")
    return {"error": Table.from_rows(rows), "gaussian": _gaussian(params), "data": told, "traffic": traffic}


def _pictures(data: str, n: int, seed: int, number: int) -> Reals:
    rng = stream(seed, f"{data} {number}")
    if data == "synthetic":
        return strokes(n, rng)
    train = digits()[0]
    return np.asarray(train[np.sort(rng.choice(len(train), n, replace=False))][rng.permutation(n)] / 255.0)


def _questions(params: StudyParams, x: Reals, seed: int, data: str, number: int) -> Any:
    """(protocol, setting, memories, queries), one after the other; memories are the first of the same list."""
    rng = stream(seed, f"{data} masks {number}")
    kept = rng.random(x.shape) < 0.5
    for m in params.n_stored:
        yield "size", m, x[:m], x[:m] * kept[:m]
    noise = rng.standard_normal((N_NOISE, x.shape[1]))
    for sigma in params.sigma:
        yield "noise", sigma, x[:N_NOISE], np.clip(np.abs(x[:N_NOISE] + sigma * noise), 0, 1)
    half = x.copy()
    half[:, x.shape[1] // 2 :] = 0
    for m in params.half_stored:
        yield "half", m, x[:m], half[:m]


def _errors(params: StudyParams, protocol: str, x: Reals, queries: Reals) -> tuple[list[dict[str, Any]], Traffic]:
    """Error, share of exact answers and of successes for each rule; the share of queries whose memory scores highest.

    `sse_right`: the error of those queries alone.
    """
    rows, traffic = [], Traffic()
    nearest = SparseHopfield(1.0, float("inf"), dtype="float64")
    nearest.store(x)
    best = nearest.recall(queries).support
    right = (best.n_active == 1) & (best.indices[best.indptr[:-1]] == np.arange(len(x)))  # ties are not right
    for beta in PROTOCOLS[protocol]:
        for alpha in ALPHAS:
            h = SparseHopfield(beta or None, alpha, dtype="float64")
            h.store(x)
            states = h.recall(queries).states
            sse = ((np.clip(states, 0, 1) - np.clip(x, 0, 1)) ** 2).sum(axis=1)
            mse = sse / x.shape[1]
            row: dict[str, Any] = {"rule": NAMES[alpha], "theory_beta": h.beta, "n": len(x), "sse_clip": sse.mean()}
            row |= {"mse_clip": mse.mean(), "top_right": right.mean()}
            row |= {"sse_right": sse[right].mean() if right.any() else 0.0, "exact": (states == x).all(axis=1).mean()}
            rows.append(row | {"success": (mse <= params.half_threshold).mean()})
            traffic += h.traffic
    return rows, traffic


def _gaussian(params: StudyParams) -> Table:
    """Half-masked Gaussian memories: the draws of the earlier program, whatever the seed of the study."""
    rows = []
    for m in params.gaussian_stored:
        for number in range(GAUSSIAN_SEEDS):
            x = np.random.default_rng(number).standard_normal((m, 100))
            queries = x.copy()
            queries[:, 50:] = 0
            for alpha in ALPHAS:
                h = SparseHopfield(0.1, alpha, dtype="float64")
                h.store(x)
                error = ((h.recall(queries).states - x) ** 2).sum(axis=1)
                row = {"n_stored": m, "seed": number, "rule": NAMES[alpha], "error": error.mean()}
                rows.append(row | {"exact": (error < 1e-12).mean()})
    return Table.from_rows(rows)


# ---- draw -------------------------------------------------------------------------------------------------------

LABELS = {
    "size": ("half of the pixels", "memories"),
    "noise": (f"noise, {N_NOISE} memories", "deviation of the noise"),
    "half": ("upper half, beta 0.01", "memories"),
}


def draw(tables: Mapping[str, Table]) -> "Figure":
    """A row of panels for each data set: size, noise, half; under them the Gaussian memories."""
    t, letters = tables["error"], iter("abcdefghijkl")
    names = list(dict.fromkeys(t["data"]))
    layout = [[f"{data} {protocol}" for protocol in PROTOCOLS] for data in names]
    fig, axes = plotting.mosaic([*layout, ["gaussian", "exact", "right"]], (9.6, 2.9 * (len(names) + 1)))
    for data in names:
        for protocol, (title, label) in LABELS.items():
            ax, part = axes[f"{data} {protocol}"], t.where(data=data, protocol=protocol)
            betas = np.unique(part["theory_beta"]).tolist()
            for beta in betas:
                line = "-" if beta == betas[-1] else "--"
                _lines(ax, part.where(theory_beta=beta), "theory_setting", "sse_clip", line)
            told = f"; dashed: beta {betas[0]:.2g}" if len(betas) > 1 else ""
            ax.set(title=f"{next(letters)}  {data}: {title}{told}", xlabel=label, ylabel="error (sum of squares)")
            ax.set(xscale="log" if protocol == "size" else "linear", yscale="linear" if protocol == "half" else "log")
            if protocol == "noise":
                ax.set_xscale("symlog", linthresh=0.1, linscale=0.5)
                ax.set_xticks([0, 0.1, 0.3, 1, 3], ["0", "0.1", "0.3", "1", "3"])
            ax.legend(fontsize=6.5)
            ax.set_ylim(bottom=0 if protocol == "half" else max(0.1, ax.get_ylim()[0]))
    for name, label in (("error", "squared error"), ("exact", "share exact (to 1e-12)")):
        ax = axes["gaussian" if name == "error" else name]
        _lines(ax, tables["gaussian"], "n_stored", name)
        ax.set(title=f"{next(letters)}  Gaussian, half given, beta 0.1", xlabel="memories", ylabel=label, xscale="log")
        ax.legend(fontsize=6.5)
    axes["gaussian"].set_yscale("symlog", linthresh=1e-3)
    axes["gaussian"].set_ylim(bottom=0)
    for i, data in enumerate(names):
        part = t.where(data=data, protocol="noise", rule=NAMES[1.0])
        sigmas = np.unique(part["theory_setting"])
        shares = [part.where(theory_setting=float(s))["top_right"].mean() for s in sigmas]
        axes["right"].plot(sigmas, shares, marker="os"[i], ms=3, lw=0.9, color=plotting.PALETTE[i], label=data)
    axes["right"].axhline(RIGHT, color="0.6", lw=0.8)
    axes["right"].set(title=f"{next(letters)}  memory asked scores highest", xlabel="deviation of the noise")
    axes["right"].set(ylabel="share of queries", ylim=(0, 1.05))
    axes["right"].legend(fontsize=6.5)
    return fig


def _lines(ax: "Axes", t: Table, along: str, what: str, line: str = "-") -> None:
    for i, name in enumerate(NAMES.values()):
        part = t.where(rule=name)
        places = np.unique(part[along])
        rates = [measures.spread(part.where(**{along: p.item()})[what]) for p in places]
        look: dict[str, Any] = {"color": plotting.PALETTE[i], "label": name if line == "-" else None, "ls": line}
        low, high = [r.low for r in rates], [r.high for r in rates]
        ax.fill_between(places, low, high, color=plotting.PALETTE[i], alpha=0.2, lw=0)
        ax.plot(places, [r.value for r in rates], marker="os^"[i], ms=3, lw=0.9, **look)


# ---- checks -----------------------------------------------------------------------------------------------------


def _differences(t: Table, what: str) -> list[dict[str, Any]]:
    """Sparse minus dense error, the mean over seeds, at each setting; the share whose memory scores highest."""
    places = dict.fromkeys(zip(t["data"], t["protocol"], t["theory_beta"].tolist(), t["theory_setting"].tolist()))
    made = []
    for data, protocol, beta, setting in places:
        part = t.where(data=data, protocol=protocol, theory_beta=beta, theory_setting=setting)
        for rule in list(NAMES.values())[1:]:
            off = float((part.where(rule=rule)[what] - part.where(rule=NAMES[1.0])[what]).mean())
            row = {"data": data, "protocol": protocol, "beta": beta, "setting": setting, "rule": rule, "off": off}
            made.append(row | {"right": float(part["top_right"].mean()), "n": len(part) // len(NAMES)})
    return made


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The order of sparse and dense errors, where the order turns under noise, and the earlier program's numbers."""
    t = tables["error"]
    source, found = "Hu et al. 2023, Wu et al. 2024: order of the curves; memory asked scores highest in 95 %", []
    all_rows, n = _differences(t, "sse_clip"), int(t["n"].sum()) // len(NAMES)
    low = [r["off"] for r in all_rows if r["beta"] < 1 and r["right"] >= RIGHT]
    high = [r["off"] for r in all_rows if r["beta"] == 1 and r["right"] >= RIGHT]
    more: dict[str, Any] = {"n": n, "kind": "published", "source": source}
    if low:
        name = "beta below 1: largest excess of the sparse error"
        found.append(Check.at_most(name, max(low), 0.0, **more))
    if high:
        why = "all of it from the few queries whose memory does not score highest: softmax averages, and is nearer"
        name = "beta 1: largest excess of the sparse error"
        found.append(Check.at_most(name, max(high), 0.0, deviation=why, **more))
    worst = max(r["off"] for r in _differences(t, "sse_right"))
    source = "the same order, of the queries whose memory scores highest, every setting"
    name = "memory scores highest: largest excess of the sparse error"
    found.append(Check.at_most(name, worst, 0.0, n=n, kind="published", source=source))
    return [*found, *_turns(all_rows), *_anchors(tables["gaussian"])]


def _turns(all_rows: list[dict[str, Any]]) -> list[Check]:
    """Where the sparse error passes the dense one under noise, on a straight line between settings."""
    found = []
    noise = [r for r in all_rows if r["protocol"] == "noise" and r["beta"] < 1]
    for data, rule in dict.fromkeys((r["data"], r["rule"]) for r in noise):
        line = [r for r in noise if (r["data"], r["rule"]) == (data, rule)]
        at = next((i for i in range(1, len(line)) if line[i - 1]["off"] <= 0 < line[i]["off"]), None)
        share = float("nan")
        if at is not None:
            a, b = line[at - 1], line[at]
            part = -a["off"] / (b["off"] - a["off"])
            share = a["right"] + part * (b["right"] - a["right"])
            sigma = a["setting"] + part * (b["setting"] - a["setting"])
        told = f" (sigma {sigma:.2f})" if at is not None else ""
        source = f"a sparse map commits to the wrong memory: no turn where the right one wins{told}"
        name = f"{data}, noise, {rule}: share right where the order turns"
        found.append(Check(name, share, 0.0, RIGHT, n=line[0]["n"] * N_NOISE, kind="published", source=source))
    return found


def _anchors(g: Table) -> list[Check]:
    found = []
    for m, rules in ANCHORS.items():
        for alpha, (error, exact) in rules.items():
            part = g.where(n_stored=m, rule=NAMES[alpha])
            if not len(part):
                continue
            source = "earlier program, the same 20 draws; 10 %, or half of the last digit printed"
            more: dict[str, Any] = {"n": m * GAUSSIAN_SEEDS, "kind": "prototype", "source": source}
            name, mean = f"Gaussian, {m} memories, {NAMES[alpha]}", float(part["error"].mean())
            found.append(Check.within(f"{name}: squared error", mean, error, max(0.1 * error, 0.005), **more))
            share = float(part["exact"].mean())
            more["source"] = "earlier program, the same 20 draws; a unit of the last digit printed"
            found.append(Check.within(f"{name}: share exact", share, exact, 0.01, **more))
    return found
