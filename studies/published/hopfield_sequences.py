"""Sequences in a sparse Hopfield memory: how far a free run gets before its first error.

A cyclic sequence of M frames is stored as links from each frame to the next, and replayed from several of its frames
for one round. Frames are -1 and 1 at random ('binary', every step ends with the sign), normal numbers ('gaussian', no
activation, so that errors can add up), or -1 and 1 of which each frame turns a few ('alike', with the sign). Weights by
entmax at alpha = 1 (softmax), 1.5, 2; scores as they are, or through the pseudo-inverse of the keys (Chaudhry et al.
2023).

Where every key leads at its own frame by ``1 / (beta (alpha - 1))`` the run is exact to the last bit, whatever the
length: a law. The share of random keys that lead by as much is known exactly (`theory_leading`). The pseudo-inverse
gives every key the same lead while keys are independent, at most d of them: it is held to be at least as long there on
frames that are alike. Beyond d keys its leads shrink as d / M, and it is worse than nothing: measured, not hidden.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import measures
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hopfield import theory
from sdrsim.models.hopfield.sequences import SequenceMemory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import FALSE_ALARM, worst_t
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Sequences in a sparse Hopfield memory: length of a free run before its first error"
CITATION = "ours; sequences and pseudo-inverse after Chaudhry et al. 2023, NeurIPS; entmax weights"
QUICK = {"n_frames": (8, 16, 24, 32), "n_networks": 8, "n_starts": 4}

KINDS = ("binary", "gaussian", "alike")


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    d : int
        Coordinates of a frame.
    n_frames : ints
        M, frames of a sequence.
    alphas : floats
    beta : float
    n_turned : int
        Coordinates in which a frame of kind 'alike' differs from the one before.
    tolerance : float
        Distance of a right frame from its truth, in norms of the truth.
    n_starts, n_networks : int
    """

    d: Annotated[int, Field(ge=8)] = 32
    n_frames: tuple[Annotated[int, Field(ge=4)], ...] = (8, 16, 24, 32, 48, 64, 96, 128, 256, 512)
    alphas: tuple[Annotated[float, Field(ge=1)], ...] = (1.0, 1.5, 2.0)
    beta: Annotated[float, Field(gt=0)] = 0.1
    n_turned: Annotated[int, Field(ge=1)] = 3
    tolerance: Annotated[float, Field(ge=0)] = 0.1
    n_starts: Annotated[int, Field(ge=1)] = 8
    n_networks: Annotated[int, Field(ge=3)] = 20


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Table 'runs', a row for a network, a kind, a number of frames, an alpha, with the pseudo-inverse and without."""
    rows, traffic = [], Traffic()
    for network in range(params.n_networks):
        for kind in KINDS:
            x = frames(kind, max(params.n_frames), params, seed, network)
            for m in params.n_frames:
                for alpha in params.alphas:
                    for pseudo in (False, True):
                        row, moved = _one(params, kind, x[:m], alpha, pseudo)
                        rows.append({"network": network} | row)
                        traffic += moved.prefixed(f"{m} frames")
        progress(network + 1, params.n_networks, "networks")
    return {
        "runs": Table.from_rows(rows),
        "setting": {"d": [params.d], "tolerance": [params.tolerance]},
        "traffic": traffic,
    }


def frames(kind: str, n: int, params: StudyParams, seed: int, network: int) -> NDArray[np.float64]:
    """(n, d): the first frames are the same for any n."""
    rng, d = stream(seed, f"{kind} {network}"), params.d
    if kind == "gaussian":
        return rng.standard_normal((n, d))
    x = np.where(rng.random((n, d)) < 0.5, -1.0, 1.0)
    if kind == "alike":
        for t in range(1, n):
            x[t] = x[t - 1]
            x[t, rng.permutation(d)[: params.n_turned]] *= -1
    return x


def _one(
    params: StudyParams, kind: str, x: NDArray[np.float64], alpha: float, pseudo: bool
) -> tuple[dict[str, Any], Traffic]:
    """Store one sequence, run once round it from several frames."""
    m = len(x)
    activation: Literal["sign"] | None = None if kind == "gaussian" else "sign"
    memory = SequenceMemory(params.beta, alpha, pseudo_inverse=pseudo, activation=activation)
    memory.store(x, cyclic=True)
    starts = np.arange(params.n_starts) * m // params.n_starts
    truth = x[(starts[:, None] + 1 + np.arange(m)) % m]
    found = memory.recall(x[starts], n_steps=m)
    lead = _leads(memory.scores(x))
    wanted = theory.exact_retrieval_separation(params.beta, alpha)
    row = {
        "kind": kind,
        "n_frames": m,
        "alpha": alpha,
        "pseudo": pseudo,
        "replayed": float(np.mean(found.length(truth, params.tolerance))) / m,
        "exact": float(np.mean(found.length(truth))) / m,
        "leading": float(np.mean(lead >= wanted)),
        "least_lead": float(lead.min() * params.beta),
        "theory_leading": float("nan") if pseudo or alpha == 1 else share_leading(kind, m, params.d, wanted),
    }
    return row, memory.traffic


def _leads(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each key at its own frame, over the best other."""
    others = scores - np.diag(np.full(len(scores), np.inf))
    return np.asarray(np.diag(scores) - others.max(axis=1))


@cache
def share_leading(kind: str, m: int, d: int, wanted: float) -> float:
    """Expected share of M random keys that lead by `wanted`, exact; NaN for frames that are alike.

    'binary': ``P(B <= b)^(M - 1)``, B binomial, ``d - (2 B - d) >= wanted``. 'gaussian': overlaps with a key of length
    r are normal of deviation r, ``E Phi((r^2 - wanted) / r)^(M - 1)`` over the chi distribution of r.
    """
    from scipy.stats import binom, chi, norm

    if kind == "binary":
        return float(binom.cdf(np.floor(d - wanted / 2), d, 0.5) ** (m - 1))
    if kind == "gaussian":
        p = (np.arange(20_000) + 0.5) / 20_000
        r = chi.ppf(p, d)
        return float(np.mean(norm.cdf((r * r - wanted) / r) ** (m - 1)))
    return float("nan")


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Share of a round replayed before the first error, a panel for a kind of frames."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.1))
    runs, d = tables["runs"], int(tables["setting"]["d"][0])
    for letter, kind, ax in zip("abc", KINDS, axes):
        for i, alpha in enumerate(np.unique(runs["alpha"])):
            for pseudo in (False, True):
                part = runs.where(kind=kind, alpha=float(alpha), pseudo=pseudo)
                m = np.unique(part["n_frames"])
                rates = [measures.spread(part.where(n_frames=int(n))["replayed"]) for n in m]
                look: dict[str, Any] = {"color": plotting.PALETTE[i % 7], "ls": "--" if pseudo else "-"}
                name = f"{alpha:g}{', pseudo-inverse' * pseudo}"
                ax.plot(m, [r.value for r in rates], marker="s" if pseudo else "o", ms=3, lw=1, label=name, **look)
                ax.fill_between(
                    m, [r.low for r in rates], [r.high for r in rates], color=look["color"], alpha=0.15, lw=0
                )
        ax.axvline(d, color="0.6", lw=0.8, ls=":")
        ax.set(title=f"{letter}  {kind}", xlabel="frames stored", xscale="log", ylim=(-0.03, 1.03))
        ax.set_ylabel("share of a round before the first error")
    axes[0].legend(title="alpha", fontsize=6.5, title_fontsize=6.5, loc="lower left")
    return fig


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The law of leads, their share against theory, the pseudo-inverse on frames that are alike."""
    runs, d = tables["runs"], int(tables["setting"]["d"][0])
    return [_law(runs), _shares(runs), *_pseudo(runs.where(kind="alike"), d)]


def _law(runs: Table) -> Check:
    """Where all keys lead by the margin the whole round is exact."""
    sparse = runs["alpha"] > 1
    margin = 1 / (np.where(sparse, runs["alpha"], 2.0) - 1)
    holds = sparse & (runs["least_lead"] >= margin * (1 + 1e-5))  # rounding of scores in float32
    source = "lead of 1 / (beta (alpha - 1)) at every key: theory.exact_retrieval_separation"
    least = float(np.min(runs["exact"][holds])) if holds.any() else float("nan")
    return Check.at_least(
        "exact share of a round where all keys lead", least, 1.0, n=max(1, holds.sum()), source=source
    )


def _shares(runs: Table) -> Check:
    groups, known = [], np.isfinite(runs["theory_leading"])
    for kind in ("binary", "gaussian"):
        for alpha in np.unique(runs["alpha"][known]):
            part = runs.where(kind=kind, alpha=float(alpha), pseudo=False)
            for m in np.unique(part["n_frames"]):
                g = part.where(n_frames=int(m))
                expected = float(g["theory_leading"][0])
                if expected * (1 - expected) * len(g) * m > 20:  # else too few keys lead, or do not, for a t
                    groups.append((g["leading"], expected))
    return worst_t("keys that lead by the margin, worst |t|", groups, source="binomial and normal overlaps, exact mean")


def _pseudo(alike: Table, d: int) -> list[Check]:
    """Paired by network: a run with the pseudo-inverse less one without, at every alpha and M up to d."""
    from scipy.stats import t as student

    sizes = [int(m) for m in np.unique(alike["n_frames"]) if m <= d]
    parts = [alike.where(n_frames=m, alpha=float(a)) for m in sizes for a in np.unique(alike["alpha"])]
    gains = np.stack([_gain(part) for part in parts])  # (alphas and sizes, networks)
    n, means = gains.shape[1], gains.mean(axis=0)
    low = float(means.mean() - student.isf(FALSE_ALARM, n - 1) * means.std(ddof=1) / np.sqrt(n))
    name = "frames that are alike, at most d: share replayed with the pseudo-inverse less without"
    source = "Chaudhry et al. 2023; independent keys all lead alike; paired by network"
    told = f"{source}; lower limit of the mean over alpha and frames at level {FALSE_ALARM:g}"
    worst = float(gains.mean(axis=1).min())
    return [
        Check.at_least(f"{name}, least mean", worst, 0.0, n=n, kind="theory", source=source),
        Check.at_least(f"{name}, lower limit", low, 0.0, n=n, kind="theory", source=told),
    ]


def _gain(part: Table) -> NDArray[np.float64]:
    with_it, without = (part.where(pseudo=p) for p in (True, False))
    return np.asarray(with_it["replayed"] - without["replayed"], np.float64)
