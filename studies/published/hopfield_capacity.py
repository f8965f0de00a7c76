"""Capacity of sparse Hopfield retrieval: patterns at a fixed success rate against their dimension.

Patterns are -1 and 1 at random ('binary'), normal numbers ('gaussian'), or sparse codes of d / 16 active units ('sdr');
cues have some signs turned, noise added, or half of the active units moved. A memory grows by steps; one step of
retrieval is right within a small distance (codes: when equal); the capacity is where the share of right answers falls
below the level. That for entmax at alpha = 1 (softmax), 1.5, 2 and infinity (a plain list: the nearest pattern), and
for the dot product, minus the squared distance, and minus the sum of distances. beta is set so that a pattern without
noise leads over a random one by `gain` times d, in units of the exponent, whatever the kind and the similarity.

What is judged: the logarithm of the capacity grows with d, and (at five dimensions or more) bends up over log d, which
a power law does not; on binary
patterns every share of right answers against its exact expectation (`theory_right`); patterns of one length are
answered alike under all three similarities. At a fixed number of patterns, softmax needs a larger beta for the same
rate: how much larger is reported.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import measures, patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import FALSE_ALARM
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Capacity of sparse Hopfield retrieval against the dimension of the patterns"
CITATION = "ours; exponential capacity after Ramsauer et al. 2020 and Wu et al. 2024, similarities after Millidge 2022"
QUICK = {
    "binary_d": (14, 18, 22),
    "gaussian_d": (14, 18, 22),
    "sdr_d": (64, 96, 128),
    "n_networks": 6,
    "n_cues": 100,
    "n_by_octave": 1,
    "alphas": (1.0, 1.5, 2.0),
    "similarities": ("dot", "l2"),
}

KINDS = ("binary", "gaussian", "sdr")
ACTIVE = 16  # an SDR has d / 16 active units
LEVEL = 1e-3  # of each lower limit
Dims = tuple[Annotated[int, Field(ge=4)], ...]


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    binary_d, gaussian_d, sdr_d : ints
        Dimensions; those of 'sdr' in multiples of 32.
    alphas : floats
    similarities : names, 'dot' first
    gain, sdr_gain : float
        Lead of a pattern over a random one, by dimension, times beta; that of sparse codes.
    p_flip, noise, p_move : float
        Signs turned, standard deviation added, active units moved.
    p_right : float
        Success rate at capacity.
    tolerance : float
        Distance of a right answer from its pattern, in norms of the pattern. Codes must be equal.
    n_cues, n_networks : int
    n_by_octave : int
        Loads asked between a number of patterns and twice as many.
    n_most : int
        Patterns at which a memory is given up.
    n_held : int
        Patterns at which the least beta is sought.
    """

    binary_d: Dims = (12, 16, 20, 24, 28)
    gaussian_d: Dims = (12, 16, 20, 24, 28)
    sdr_d: Dims = (64, 96, 128, 160, 192)
    alphas: tuple[Annotated[float, Field(ge=1)], ...] = (1.0, 1.5, 2.0, float("inf"))
    similarities: tuple[Literal["dot", "l2", "l1"], ...] = ("dot", "l2", "l1")
    gain: Annotated[float, Field(gt=0)] = 0.8
    sdr_gain: Annotated[float, Field(gt=0)] = 0.0625
    p_flip: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    noise: Annotated[float, Field(ge=0)] = 0.8
    p_move: Annotated[float, Field(ge=0, le=1)] = 0.5
    p_right: Annotated[float, Field(gt=0, lt=1)] = 0.5
    tolerance: Annotated[float, Field(gt=0)] = 0.01
    n_cues: Annotated[int, Field(ge=20)] = 200
    n_networks: Annotated[int, Field(ge=3)] = 8
    n_by_octave: Annotated[int, Field(ge=1)] = 2
    n_most: Annotated[int, Field(ge=64)] = 2**17
    n_held: Annotated[int, Field(ge=8)] = 256


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'right' (share by load), 'capacity' (a row for a network), 'beta' (the least one), and the traffic."""
    right, capacity, betas, traffic = [], [], [], Traffic()
    for network in range(params.n_networks):
        for kind in KINDS:
            dims = getattr(params, f"{kind}_d")
            for d in dims:
                draw_of = _Draw(params, kind, d, subseed(seed, f"network {network}"))
                for similarity in params.similarities:
                    for alpha in params.alphas:
                        at = {"network": network, "kind": kind, "similarity": similarity, "alpha": alpha, "d": d}
                        rows, memory = _grown(params, draw_of, similarity, alpha)
                        right += [at | row for row in rows]
                        capacity.append(at | {"capacity": _crossing(rows, params.p_right)})
                        traffic += memory.traffic.prefixed(f"{kind} {d}")
            draw_of = _Draw(params, kind, dims[-1], subseed(seed, f"network {network}"))
            for alpha in params.alphas:
                if np.isfinite(alpha):
                    least = _least_gain(params, draw_of, alpha)
                    betas.append({"network": network, "kind": kind, "d": draw_of.d, "alpha": alpha, "gain": least})
        progress(network + 1, params.n_networks, "networks")
    setting = {"p_right": [params.p_right], "n_cues": [params.n_cues], "n_held": [params.n_held]}
    tables = {"right": right, "capacity": capacity, "beta": betas}
    return {name: Table.from_rows(rows) for name, rows in tables.items()} | {"setting": setting, "traffic": traffic}


class _Draw:
    """Patterns in portions, the first ones the same for any number of them, and cues."""

    def __init__(self, params: StudyParams, kind: str, d: int, seed: int) -> None:
        self.params, self.kind, self.d, self.seed = params, kind, d, seed
        self._rows: NDArray[Any] = np.zeros((0, d), np.bool_ if kind == "sdr" else np.float64)

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """Patterns first .. last - 1; codes as bool."""
        while len(self._rows) < last:
            n = max(256, len(self._rows))
            self._rows = np.concatenate([self._rows, self._more(n)])
        return self._rows[first:last]

    def _more(self, n: int) -> NDArray[Any]:
        begun, name = len(self._rows), f"{self.kind} {self.d}"
        if self.kind == "sdr":
            made = patterns.random_sparse(n, self.d, self.d // ACTIVE, subseed(self.seed, name), first_item=begun)
            return made.dense()
        rng = stream(self.seed, f"{name} from {begun}")
        x = rng.standard_normal((n, self.d))
        return x if self.kind == "gaussian" else np.sign(x)

    def cues(self, m: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """`n_cues` cues of the first m patterns in turn, each with noise of its own, and these patterns."""
        p, d = self.params, self.d
        x = self.rows(0, m)[np.arange(p.n_cues) % m]
        if self.kind == "sdr":
            return patterns.move_units(x, p.p_move, subseed(self.seed, f"cues {d}")).dense(), x
        rng = stream(self.seed, f"cues {self.kind} {d}")
        if self.kind == "binary":
            return np.where(rng.random(x.shape) < p.p_flip, -x, x), x
        return x + p.noise * rng.standard_normal(x.shape), x

    def beta(self, similarity: str, gain: float, rounded: bool = False) -> float:
        """So that a pattern leads over a random one by ``gain * d`` in the exponent, on average.

        rounded : that of the dot product to 64ths: scores of codes are exact then, and ties are ties
        """
        k, d = self.d // ACTIVE, self.d
        lead = {"dot": float(d), "l2": 2.0 * d, "l1": float(d) if self.kind == "binary" else d * 2 / np.sqrt(np.pi)}
        if self.kind == "sdr":
            apart = k * (1 - k / d)
            lead = {"dot": apart, "l2": 2 * apart, "l1": 2 * apart}
        beta = gain * d / lead["dot"]
        return float((max(1, round(64 * beta)) / 64 if rounded else beta) * (lead["dot"] / lead[similarity]))


def _loads(params: StudyParams) -> Iterator[int]:
    """Numbers of patterns, from 2 on."""
    i = params.n_by_octave
    while (m := round(2 ** (i / params.n_by_octave))) <= params.n_most:
        yield m
        i += 1


def _grown(
    params: StudyParams, draw_of: _Draw, similarity: str, alpha: float
) -> tuple[list[dict[str, Any]], SparseHopfield]:
    """Share of right answers as a memory grows, until fewer are right than at capacity."""
    gain = params.sdr_gain if draw_of.kind == "sdr" else params.gain
    beta = draw_of.beta(similarity, gain, rounded=True)
    memory = SparseHopfield(beta, alpha, similarity=similarity)  # type: ignore[arg-type]
    rows: list[dict[str, Any]] = []
    exact = draw_of.kind == "binary" and similarity == "dot" and alpha > 1
    for m in _loads(params):
        memory.store(draw_of.rows(memory.n_stored, m))
        share = _right(params, memory, draw_of)
        expected = share_right(m, draw_of.d, params.p_flip, 1 / (beta * (alpha - 1))) if exact else np.nan
        rows.append({"n_stored": m, "right": share, "theory_right": expected})
        if share < params.p_right:
            break
    return rows, memory


def _right(params: StudyParams, memory: SparseHopfield, draw_of: _Draw) -> float:
    """Share of cues answered right."""
    cues, x = draw_of.cues(memory.n_stored)
    found = memory.recall(cues)
    if found.codes is not None:
        return float((found.codes.dense() == x).all(axis=1).mean())
    away = np.linalg.norm(found.states - x, axis=1)
    return float(np.mean(away <= params.tolerance * np.linalg.norm(x, axis=1)))


def _crossing(rows: list[dict[str, Any]], level: float) -> float:
    """Patterns where the share falls to the level, straight between two loads in their logarithms; NaN if nowhere."""
    if len(rows) < 2 or rows[-1]["right"] >= level:
        return float("nan")
    (m0, y0), (m1, y1) = ((np.log(row["n_stored"]), row["right"]) for row in rows[-2:])
    return float(np.exp(m0 + (m1 - m0) * (y0 - level) / (y0 - y1)))


def _least_gain(params: StudyParams, draw_of: _Draw, alpha: float) -> float:
    """Least gain (beta, in its units) at which the share at `n_held` patterns is 0.9 of the nearest's; dot product.

    Halved between 1/64 and 64 in the logarithm; NaN where the largest is too small.
    """
    top = 0.9 * _nearest(params, draw_of)

    def share(log_gain: float) -> float:
        memory = SparseHopfield(draw_of.beta("dot", 2.0**log_gain), alpha)
        memory.store(draw_of.rows(0, params.n_held))
        return _right(params, memory, draw_of)

    low, high = -6.0, 6.0
    if share(high) < top:
        return float("nan")
    for _ in range(9):
        middle = (low + high) / 2
        low, high = (low, middle) if share(middle) >= top else (middle, high)
    return float(2.0 ** ((low + high) / 2))


def _nearest(params: StudyParams, draw_of: _Draw) -> float:
    """Share of cues that are nearest to their pattern: what any beta can reach."""
    memory = SparseHopfield(alpha=float("inf"))
    memory.store(draw_of.rows(0, params.n_held))
    return _right(params, memory, draw_of)


@cache
def share_right(m: int, d: int, p_flip: float, wanted: float) -> float:
    """Expected share of binary cues whose pattern leads by `wanted` in the dot product (0: by anything), exact.

    With f signs turned the pattern has overlap ``d - 2 f``, each other one ``2 B - d``, B binomial, independent.
    """
    from scipy.stats import binom

    f = np.arange(d + 1)
    most = np.ceil(d - f) - 1 if wanted == 0 else np.floor((2 * d - 2 * f - wanted) / 2 + 1e-9)
    return float(binom.pmf(f, d, p_flip) @ binom.cdf(most, d, 0.5) ** (m - 1))


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Capacity against d by kind: colour alpha, line style similarity; the least beta."""
    fig, axes = plotting.subplots(1, 4, (11.5, 3.1))
    c, b = tables["capacity"], tables["beta"]
    alphas, styles = np.unique(c["alpha"]), ("-", "--", ":")
    for letter, kind, ax in zip("abc", KINDS, axes):
        for i, alpha in enumerate(alphas):
            for similarity, style in zip(np.unique(c["similarity"]).tolist(), styles):
                y, dims = _log_capacities(c.where(kind=kind, alpha=float(alpha), similarity=similarity))
                rates = [measures.spread(column) for column in y.T]
                middle, low, high = (np.exp([getattr(r, n) for r in rates]) for n in ("value", "low", "high"))
                look: dict[str, Any] = {
                    "color": plotting.PALETTE[i % 7],
                    "ls": style,
                    "lw": 1,
                    "marker": "o",
                    "ms": 2.5,
                }
                ax.plot(dims, middle, label=f"alpha {alpha:g}" if similarity == "dot" else None, **look)
                ax.vlines(dims, low, high, color=look["color"], lw=0.7)
        ax.set(title=f"{letter}  {kind}", xlabel="d", ylabel="patterns at capacity", yscale="log")
    told = ", ".join(f"{style} {name}" for name, style in zip(np.unique(c["similarity"]).tolist(), styles))
    axes[0].legend(title=told, fontsize=6.5, title_fontsize=6.5)
    for i, kind in enumerate(KINDS):
        part = b.where(kind=kind)
        places = np.unique(part["alpha"])
        rates = [measures.spread(part.where(alpha=float(a))["gain"]) for a in places]
        ends = [r.low for r in rates], [r.high for r in rates]
        axes[3].vlines(places, *ends, color=plotting.PALETTE[i], lw=0.8)
        axes[3].plot(places, [r.value for r in rates], marker="o", ms=3, color=plotting.PALETTE[i], label=kind)
    axes[3].set(title="d  least beta", xlabel="alpha", ylabel="beta times lead by dimension", yscale="log")
    axes[3].legend(fontsize=6.5)
    return fig


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Growth with d, its form, the shares on binary patterns, equal similarities, the least beta."""
    right, c, n_cues = tables["right"], tables["capacity"], int(tables["setting"]["n_cues"][0])
    return [*_growth(c), _shares(right, n_cues), _same(c), *_betas(tables["beta"])]


def _growth(c: Table) -> list[Check]:
    """Slope in d of every setting; curvature in log d, which a power law has not, on average over settings."""
    slopes, bends = [], []
    for kind in KINDS:
        for similarity in np.unique(c["similarity"]).tolist():
            for alpha in np.unique(c["alpha"]):
                y, dims = _log_capacities(c.where(kind=kind, similarity=similarity, alpha=float(alpha)))
                slopes.append(_lower(np.polyfit(dims, y.T, 1)[0]) if len(dims) >= 3 else np.nan)
                if len(dims) >= 5:  # fewer tell too little
                    bends.append(np.polyfit(np.log(dims), y.T, 2)[0])
    more: dict[str, Any] = {"n": len(np.unique(c["network"])), "kind": "theory"}
    told = f"Ramsauer et al. 2020: exponential in d; lower limit at level {LEVEL:g} over networks"
    name = "slope of log capacity in d, least of all settings"
    found = [Check.at_least(name, np.min(slopes), 0.0, source=told, **more)]  # NaN where three dimensions are wanting
    if not bends:
        return found
    name = "curvature of log capacity in log d, mean over settings"
    told += "; a power law has none"
    return [*found, Check.at_least(name, _lower(np.mean(bends, axis=0)), 0.0, source=told, **more)]


def _log_capacities(part: Table) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(networks, dims) logarithms, and the dims; without those at which a memory was given up, or held nothing."""
    dims = np.unique(part["d"])
    logs = np.log(np.stack([part.where(d=int(d))["capacity"] for d in dims], axis=1))
    known = np.isfinite(logs).all(axis=0)
    return logs[:, known], dims[known].astype(np.float64)


def _lower(values: NDArray[np.float64]) -> float:
    from scipy.stats import t as student

    n = len(values)
    return float(values.mean() - student.isf(LEVEL, n - 1) * values.std(ddof=1) / np.sqrt(n))


def _shares(right: Table, n_cues: int) -> Check:
    """Largest distance from the expectation, in standard errors: over networks or of all cues, whichever is wider."""
    from scipy.stats import t as student

    far, n = [], len(np.unique(right["network"]))
    for alpha in np.unique(right["alpha"][np.isfinite(right["theory_right"])]):
        part = right.where(kind="binary", similarity="dot", alpha=float(alpha))
        for d, m in {(int(d), int(m)) for d, m in zip(part["d"], part["n_stored"])}:
            g = part.where(d=d, n_stored=m)
            expected = float(g["theory_right"][0])
            if len(g) == n and 0.05 < expected < 0.95:  # no network had been given up before
                error = np.sqrt(expected * (1 - expected) / (n * n_cues))
                error = max(error, g["right"].std(ddof=1) / np.sqrt(n))
                far.append(abs(float(g["right"].mean()) - expected) / error)
    limit = float(student.isf(FALSE_ALARM / max(1, len(far)) / 2, n - 1))
    source = "binomial overlaps, exact mean; binary patterns, dot product, alpha above 1; "
    source += f"{len(far)} points, family-wise level {FALSE_ALARM:g}"
    name = "share of right answers, worst distance in standard errors"
    return Check.at_most(name, max(far, default=np.nan), limit, n=n, kind="theory", source=source)


def _same(c: Table) -> Check:
    """Largest ratio of capacities under two similarities, patterns of one length."""
    worst = 1.0
    for kind in ("binary", "sdr"):
        found = [c.where(kind=kind, similarity=s)["capacity"] for s in np.unique(c["similarity"]).tolist()]
        worst = max(worst, *(float(np.nanmax(np.maximum(a / found[0], found[0] / a))) for a in found[1:]))
    source = "all three are one overlap, at a beta in 64ths exact"
    return Check.at_most(
        "patterns of one length: capacities under three similarities, largest ratio", worst, 1.0, source=source
    )


def _betas(b: Table) -> list[Check]:
    """How much larger the least beta is at the least alpha, paired by network."""
    found, n = [], len(np.unique(b["network"]))
    dense, *sparse = np.unique(b["alpha"]).tolist()
    for alpha in sparse:
        gains = [[b.where(kind=k, alpha=a)["gain"] for a in (dense, alpha)] for k in KINDS]
        least = min(_lower(np.log(of_dense / of_sparse)) for of_dense, of_sparse in gains)
        source = f"softmax is never exact; least lower limit over kinds at level {LEVEL:g}, paired by network"
        name = f"least beta, log of alpha {dense:g} over alpha {alpha:g}"
        found.append(Check.at_least(name, least, 0.0, n=n, kind="theory", source=source))
    return found
