"""Kanerva's sparse distributed memory: how far from a stored word may a cue be and still find back to it?

Random words of 1,000 bits are stored at themselves in memories of 50,000 hard locations with the radius of Kanerva
1988, 451 bits; cues are stored words with some bits flipped. Memories are independent; the loads of one are nested.

Activation: the locations a random word activates are Binomial(N', p) with p of `theory.kanerva_activation`; over
random words and locations the counts of two words are uncorrelated, so their mean is judged by its normal interval.

One read: the share of wrong bits against two theories. ``normal`` is `theory.kanerva_read`: exact mean and variance, a
normal sum, ties decided by a coin. This memory keeps the bit of the cue at a tie, and so few locations are activated
here (54) that ties are frequent and the sum is not normal. ``lattice``, which judges, takes the sum as the whole number
it is: given a activated locations, Binomial(N', p), the stored word shares Binomial(a, p2(d) / p) of them with the cue
and each other word at distance D, Binomial(n, 1/2), shares Binomial(a, p2(D) / p), with the sign of the cue's bit with
probability 1 - D / n. The activated locations lean towards one value of a bit more or less, which moves all other words
alike: a normal factor of the variance that `theory.kanerva_read` derives. Other words are taken for independent
otherwise. Derived here.

Critical distance, in two senses. One read: where the mean distance after a read is no longer below the one before;
measured on a grid of distances with straight lines between, and formed from ``lattice`` on the same grid.
`theory.kanerva_critical_distance` is the same from ``normal``. Reading on: where half of the cues end at the stored
word. Its deviation from one read has no exact theory (errors of later reads hang together) and is reported, not judged,
but for its order: it must fall with the load.

Intervals are over memories (Student, jackknife for critical distances). Kanerva 1988 is quoted with a critical distance
of about 209, in the sense of one read, for a million locations and 10,000 words. That size takes 2 GB a memory: it is
held against this number where the parameters ask for it, not by default.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field, model_validator

from sdrsim import measures
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.files.table import Table
from sdrsim.models.hebbian import KanervaMemory, theory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Sparse distributed memory: activation, one read, and the critical distance of reading on"
CITATION = "Kanerva 1988, Sparse Distributed Memory, MIT Press"
QUICK = {
    "n_networks": 10,
    "n_cues": 20,
    "n_locations": 20_000,
    "n_stored": [100, 300],
    "distances": list(range(0, 361, 40)),
    "n_words": 400,
}

KANERVA = (1_000_000, 1000, 451)  # locations, bits, radius
KANERVA_STORED, KANERVA_DISTANCE = 10_000, 209
FALSE_ALARM = 1e-4  # of a family of comparisons
ABOUT = {
    "n_stored": "words stored",
    "network": "memory",
    "distance": "bits flipped in the cue",
    "error": "share of bits wrong after one read",
    "error_n": "cues",
    "theory_lattice": "the same, expected; ties keep the bit of the cue",
    "theory_normal": "the same of a normal sum, ties by a coin",
    "gain": "mean distance after one read less the one before",
    "found": "share of cues that end at the stored word",
    "lost": "share of cues that do not",
    "reads": "mean reads of a cue",
    "settled": "share of cues whose answer repeated itself",
}
ABOUT_CRITICAL = {
    "n_stored": ABOUT["n_stored"],
    "one_read": "distance that one read does not lower, measured",
    "theory_lattice": "the same, expected on the same grid",
    "theory_normal": "the same of a normal sum (theory.kanerva_critical_distance)",
    "half": "distance from which half of the cues end at the stored word",
}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_units, n_locations, radius : int
        Bits of a word, hard locations, radius of activation.
    n_stored : tuple of int
        Loads, rising.
    distances : tuple of int
        Bits flipped in the cues, rising.
    n_cues : int
        Stored words that serve as cues, in each memory at each distance.
    n_words : int
        Random words whose activated locations are counted, in each memory.
    n_networks : int
        Independent memories.
    max_iterations : int
        Reads of a cue at most.
    """

    n_units: Annotated[int, Field(ge=1)] = 1000
    n_locations: Annotated[int, Field(ge=1)] = 50_000
    radius: Annotated[int, Field(ge=0)] = 451
    n_stored: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (100, 250, 600, 1500)
    distances: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)] = tuple(range(0, 401, 20))
    n_cues: Annotated[int, Field(ge=1)] = 20
    n_words: Annotated[int, Field(ge=1)] = 1000
    n_networks: Annotated[int, Field(ge=2)] = 40
    max_iterations: Annotated[int, Field(ge=1)] = 60

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("n_stored", "distances"):
            listed = getattr(self, name)
            if list(listed) != sorted(set(listed)):
                raise ValueError(f"{name} rising, got {listed}")
        if self.distances[-1] > self.n_units:
            raise ValueError(f"distances up to n_units, got {self.distances[-1]}")
        return self


# ---- run ----------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'activation' (a row a count), 'reads' (load, memory, distance), 'critical' (load), 'setting'; traffic."""
    shape = (params.n_locations, params.n_units, params.radius)
    lines = {n: _lines(params, n) for n in params.n_stored}
    counts, rows, traffic = [], [], Traffic()
    for i in range(params.n_networks):
        progress(i, params.n_networks, "memories")
        key = subseed(seed, f"memory {i}")
        memory = KanervaMemory(params.n_units, params.n_locations, params.radius, seed=key)
        counts.append(memory.activated(_words(params.n_words, params.n_units, key, "new words")))
        items = _words(params.n_stored[-1], params.n_units, key, "items")
        for n in params.n_stored:
            memory.store(items[memory.n_stored : n])
            for j, d in enumerate(params.distances):
                row = _row(params, memory, items[: min(n, params.n_cues)], d, key)
                line = {name: float(values[j]) for name, values in lines[n].items()}
                rows.append({"n_stored": n, "network": i, "distance": d} | row | line)
        traffic += memory.traffic
    progress(params.n_networks, params.n_networks, "memories")
    reads = Table.from_rows(rows, descriptions=ABOUT)
    critical = [_critical(params, reads.where(n_stored=n)) for n in params.n_stored]
    return {
        "activation": _histogram(np.concatenate(counts), *shape),
        "reads": reads,
        "critical": Table.from_rows(critical, descriptions=ABOUT_CRITICAL),
        "setting": {"n_locations": [shape[0]], "n_units": [shape[1]], "radius": [shape[2]]},
        "traffic": traffic,
    }


def _words(n: int, n_units: int, key: int, name: str) -> NDArray[np.bool_]:
    return stream(key, name).integers(0, 2, (n, n_units), dtype=np.uint8).astype(np.bool_)


def _row(params: StudyParams, memory: KanervaMemory, items: NDArray[np.bool_], d: int, key: int) -> dict[str, Any]:
    """One read, and reading on, of cues at one distance."""
    order = stream(key, f"{memory.n_stored} stored, {d} flipped").random(items.shape).argsort(axis=1)
    cues, truth = SDR.from_dense(items ^ (order < d)), SDR.from_dense(items)
    once = memory.recall(cues, max_iterations=1).codes
    error = float((once.dense() != items).mean())
    last = memory.recall(cues, max_iterations=params.max_iterations)
    lost = measures.exact_error(last.codes, truth)
    row = {"error": error, "error_n": len(items), "gain": error * params.n_units - d, "lost": lost.value}
    row |= {"found": 1 - lost.value, "found_low": 1 - lost.high, "found_high": 1 - lost.low, "found_n": len(items)}
    return row | {"reads": float(last.iterations.mean()), "settled": float(last.converged.mean())}


def _histogram(counts: NDArray[np.int64], n_locations: int, n_units: int, radius: int) -> Table:
    """How many words activated how many locations, and the binomial."""
    from scipy.stats import binom

    p = float(theory.kanerva_activation(n_units, radius))
    low, high = (int(x) for x in binom.ppf([1e-6, 1 - 1e-6], n_locations, p))
    activated = np.arange(min(low, counts.min()), max(high, counts.max()) + 1)
    columns = {
        "activated": activated,
        "share": np.bincount(counts - activated[0], minlength=len(activated)) / len(counts),
        "words": np.full(len(activated), len(counts)),
        "theory": binom.pmf(activated, n_locations, p),
    }
    return Table(columns, descriptions={"activated": "locations a word activates", "share": "share of words"})


def _lines(params: StudyParams, n_stored: int) -> dict[str, NDArray[np.float64]]:
    """Both theories of one read, at all distances."""
    shape = (n_stored, params.n_locations, params.n_units, params.radius)
    normal = theory.kanerva_read(*shape, params.distances, autoassociative=True).bit_error
    return {"theory_lattice": lattice_error(*shape, params.distances), "theory_normal": np.asarray(normal)}


def lattice_error(
    n_patterns: int, n_locations: int, n_units: int, radius: int, distances: ArrayLike
) -> NDArray[np.float64]:
    """Share of bits that one read gets wrong where ties keep the bit of the cue; words stored at themselves.

    The sum over the stored word and T - 1 others from their characteristic functions, given the activated locations.
    """
    from scipy.special import gammaln
    from scipy.stats import binom

    n, t, d = n_units, n_patterns, np.atleast_1d(np.asarray(distances, np.int64))
    p, far = float(theory.kanerva_activation(n, radius)), np.arange(n + 1)
    chance = binom.pmf(far, n, 0.5)
    far, chance = far[chance > 1e-14], chance[chance > 1e-14]
    share, own = (np.asarray(theory.kanerva_overlap(n, radius, x)) / p for x in (far, d))
    m = np.exp(gammaln(n) - gammaln(radius + 1) - gammaln(n - radius) - n * np.log(2)) if radius < n else 0.0
    lean = (t - 1) * (t - 2) * m**2 * (1 - (m / p) ** 2)
    low, high = (int(x) for x in binom.ppf([1e-8, 1 - 1e-8], n_locations, p))
    read = theory.kanerva_read(t, n_locations, n, radius, 0, True)
    span = float(high + read.bias + 10 * np.sqrt(read.variance))
    size = 1 << int(np.ceil(np.log2(2 * span + 2)))  # so long that the two ends of the sum do not meet
    u = 2 * np.pi * np.arange(size // 2 + 1) / size
    step, error = np.exp(1j * u), np.zeros(len(d))
    for a in range(low, high + 1):
        shared = (1 - share[:, None] + share[:, None] * step) ** a
        other = (chance * (1 - far / n)) @ shared + (chance * far / n) @ shared.conj()
        moved = np.exp(-(u**2) * lean * a / 2)
        signal = (1 - own[:, None] + own[:, None] * step) ** a
        right, wrong = (np.fft.irfft((signal * f ** (t - 1) * moved).conj(), size) for f in (other, other.conj()))
        below = right[:, size // 2 :].sum(axis=1), wrong[:, size // 2 :].sum(axis=1) + wrong[:, 0]
        error += binom.pmf(a, n_locations, p) * ((1 - d / n) * below[0] + d / n * below[1])
    return error


def _critical(params: StudyParams, t: Table) -> dict[str, Any]:
    """Both critical distances of one load, with jackknife intervals over memories, and the theories."""
    row: dict[str, Any] = {"n_stored": int(t["n_stored"][0]), "n_networks": params.n_networks}
    for name, column, at in (("one_read", "gain", 0.0), ("half", "lost", 0.5)):
        found = measures.capacity(t, x="distance", y=column, at=at, seed="network")
        row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
    one = t.where(network=int(t["network"][0]))
    expected = {"distance": one["distance"], "gain": one["theory_lattice"] * params.n_units - one["distance"]}
    expected["gain"][one["distance"] == 0] = 0.0  # as little as it is, it is above none
    row["theory_lattice"] = measures.capacity(expected, x="distance", y="gain", at=0.0).value
    shape = (params.n_locations, params.n_units, params.radius)
    row["theory_normal"] = float(theory.kanerva_critical_distance(row["n_stored"], *shape))
    return row


# ---- draw ---------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Activated locations; one read against distance; words found against distance; critical distances."""
    activation, reads, critical = tables["activation"], tables["reads"], tables["critical"]
    fig, axes = plotting.subplots(2, 2, (7.2, 5.2))
    a, b, c, e = axes.ravel()
    a.bar(activation["activated"], activation["share"], width=0.9, color=plotting.PALETTE[0], label="measured")
    a.plot(activation["activated"], activation["theory"], color="0.2", lw=1, marker=".", ms=3, label="binomial")
    a.set(title="a  locations a word activates", xlabel="locations activated", ylabel="share of words")
    a.legend()
    for i, n in enumerate(np.unique(reads["n_stored"]).tolist()):
        t, look = reads.where(n_stored=n), {"color": plotting.PALETTE[i % 7], "marker": "os^Dv"[i % 5], "ms": 3}
        d, one = np.unique(t["distance"]), t.where(network=int(t["network"][0]))
        rates = [measures.spread(t.where(distance=int(x))["error"]) for x in d]
        b.errorbar(d, [r.value for r in rates], [(r.high - r.low) / 2 for r in rates], ls="", lw=0.8, **look)
        b.plot(d, one["theory_lattice"], color=look["color"], lw=1)
        b.plot(d, one["theory_normal"], color=look["color"], lw=0.8, ls=":")
        shares = [t.where(distance=int(x)) for x in d]
        found = [measures.spread(s["found"], n_trials=int(s["found_n"].sum())) for s in shares]
        c.fill_between(d, [r.low for r in found], [r.high for r in found], color=look["color"], alpha=0.2, lw=0)
        c.plot(d, [r.value for r in found], label=f"{n:,} words", **look)
    n_units = int(tables["setting"]["n_units"][0])
    b.plot(d, d / n_units, color="0.6", lw=0.7, ls="--")
    b.set(title="b  one read; line: lattice, dotted: normal", xlabel="bits flipped in the cue", ylabel="bits wrong")
    c.set(
        title="c  reading on", xlabel="bits flipped in the cue", ylabel="share that finds the word", ylim=(-0.02, 1.03)
    )
    c.legend()
    _draw_critical(e, critical)
    return fig


def _draw_critical(ax: Any, t: Table) -> None:
    for i, (name, label) in enumerate((("one_read", "one read"), ("half", "reading on, half found"))):
        ends = np.abs(np.stack([t[name] - t[f"{name}_low"], t[f"{name}_high"] - t[name]]))
        fine = np.isfinite(t[name])
        look = {"color": plotting.PALETTE[i], "marker": "os"[i], "ms": 4, "ls": "", "label": label}
        ax.errorbar(t["n_stored"][fine], t[name][fine], ends[:, fine], **look)
    ax.plot(t["n_stored"], t["theory_lattice"], color="0.2", lw=1, label="one read, lattice")
    ax.plot(t["n_stored"], t["theory_normal"], color="0.2", lw=0.8, ls=":", label="one read, normal")
    ax.set(title="d  critical distance", xlabel="words stored", ylabel="bits", xscale="log")
    ax.legend()


# ---- checks -------------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Activation, one read and its critical distance against theory; reading on falls with the load."""
    (setting,) = tables["setting"].rows()
    return [
        *_of_activation(tables["activation"], **setting),
        _of_reads(tables["reads"], int(setting["n_units"])),
        *_of_critical(tables["critical"]),
        *_of_kanerva(tables["critical"], tuple(setting.values())),
    ]


def _of_activation(t: Table, n_locations: int, n_units: int, radius: int) -> list[Check]:
    from math import comb

    from scipy.special import ndtri

    exact = sum(comb(n_units, i) for i in range(radius + 1)) / 2**n_units
    p, n = float(theory.kanerva_activation(n_units, radius)), int(t["words"][0])
    name = f"activation probability, {n_units} bits, radius {radius}"
    source = "sum of binomial coefficients in whole numbers"
    found = [Check.within(name, p, exact, 1e-9 * exact, kind="theory", source=source)]
    mean, expected = float(t["activated"] @ t["share"]), n_locations * exact
    half = -float(ndtri(FALSE_ALARM / 2)) * float(np.sqrt(expected * (1 - exact) / n))
    more: dict[str, Any] = {"n": n, "kind": "theory", "source": f"N' p, normal interval at level {FALSE_ALARM:g}"}
    return [*found, Check.within("locations a word activates, mean", mean, expected, half, **more)]


def _of_reads(reads: Table, n_units: int) -> Check:
    """Bits wrong after one read, where each memory is expected to show ten: worst point in standard errors."""
    from scipy.stats import t as student

    far, n = [], 2
    for load, d in sorted(set(zip(reads["n_stored"].tolist(), reads["distance"].tolist()))):
        t = reads.where(n_stored=load, distance=d)
        n, expected = len(t), float(t["theory_lattice"][0])
        spread = float(t["error"].std(ddof=1) / np.sqrt(n))
        if expected * n_units * int(t["error_n"][0]) >= 10:
            far.append(abs(float(t["error"].mean()) - expected) / spread if spread else np.inf)
    limit = float(student.isf(FALSE_ALARM / max(1, len(far)) / 2, n - 1))
    source = f"lattice sum; {len(far)} loads and distances, family-wise level {FALSE_ALARM:g}"
    worst = max(far, default=np.nan)
    return Check.at_most("bits wrong after one read, worst |t|", worst, limit, n=n, kind="theory", source=source)


def _of_critical(critical: Table) -> list[Check]:
    from scipy.stats import t as student

    rows, found = list(critical.rows()), []
    for row in rows:
        n = int(row["n_networks"])
        se = (row["one_read_high"] - row["one_read_low"]) / 2 / float(student.isf(0.025, n - 1))
        if not (np.isfinite(se) and np.isfinite(row["theory_lattice"])):
            continue
        half = se * float(student.isf(FALSE_ALARM / len(rows) / 2, n - 1))
        source = f"lattice sum on the same grid; jackknife, {len(rows)} loads, family-wise level {FALSE_ALARM:g}"
        name = f"critical distance of one read, {row['n_stored']} words"
        more: dict[str, Any] = {"n": n, "kind": "theory", "source": source}
        found.append(Check.within(name, row["one_read"], row["theory_lattice"], half, **more))
    gaps = [a["half_low"] - b["half_high"] for a, b in pairwise(rows)]
    if gaps:
        name = "reading on: critical distance falls with the load, least gap of the intervals"
        source = "more words, more noise; 95 % intervals apart"
        found.append(Check.at_least(name, min(gaps), 0, n=int(rows[0]["n_networks"]), kind="theory", source=source))
    return found


def _of_kanerva(critical: Table, shape: tuple[Any, ...]) -> list[Check]:
    """The published distance, where this is the published size."""
    found = []
    for row in critical.rows() if shape == KANERVA else ():
        half = (row["one_read_high"] - row["one_read_low"]) / 2 + 0.5
        if row["n_stored"] == KANERVA_STORED:
            source = "Kanerva 1988, as quoted ('about 209'); 95 % interval over memories, and rounding"
            more: dict[str, Any] = {"n": int(row["n_networks"]), "kind": "published", "source": source}
            name = "critical distance of one read, a million locations, 10,000 words"
            found.append(Check.within(name, row["one_read"], KANERVA_DISTANCE, half, **more))
    return found
