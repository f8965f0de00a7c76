"""Three memories in one network: a Sparsey level, a clique field, a Hopfield field, on handwritten digits.

Digits of 8 x 8 pixels come as events to an input layer. Five macs, each over a band of four rows, give each digit a
code in one presentation (a winner in each CM). The winners of all CMs are a message, of which the clique field keeps
the links. What the clique field answers goes to a Hopfield field, which names the stored pattern: one unit a digit.
What is learned is decided by one spike: a teacher beside each lesson opens gates, in step with the code on its way.

Recall is asked with pixels erased, or moved (as many erased as inserted). A band that is taken for another digit's
gives wrong winners; the clique field sets them right from the other bands; the Hopfield field says which digit it was,
alone exactly when its code overlaps most by one unit or more (beta 2, alpha 1.5: the margin of entmax is met). So a
code that is right stays right from stage to stage: a law of the chain.

For contrast a Hopfield field over the pixels themselves takes the nearest digit by cosine. It sees all pixels at once
where a mac sees a band, and it names more digits under either noise; and what the cliques get wrong is named wrongly.
The study shows how the memories work together, not a better way to tell these digits apart.
"""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.simulator import Simulator
from sdrsim.engine.traffic import Traffic
from sdrsim.files.datasets import load_dataset
from sdrsim.files.table import Table
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._three_memories import N_BANDS, N_CELLS, ON_TIME, ask, build, teach
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Three memories in one network: Sparsey level, clique field, Hopfield field"
CITATION = "ours; Rinkus 2014, Gripon & Berrou 2011, Ramsauer et al. 2020, Hu et al. 2023"
QUICK = {"n_networks": 3, "fractions": (0.0, 0.2, 0.4)}

THRESHOLD = 7  # of 0 .. 16: a pixel is on above it
NOISES = {"erased": patterns.erase, "moved": patterns.move_units}
STAGES = ("level", "cliques", "names", "pixels")


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_digits : int
        Stored in each network; at most as many as a CM has cells, so that each band can have cells of its own.
    fractions : floats
        Share of the active pixels erased, or moved.
    n_networks : int
        Networks, each with draws and noise of its own; the digits are the same.
    n_split : int
        Digits of the run that is cut in two.
    """

    n_digits: Annotated[int, Field(ge=10, le=N_CELLS)] = 100
    fractions: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    n_networks: Annotated[int, Field(ge=3)] = 10
    n_split: Annotated[int, Field(ge=5, le=N_CELLS)] = 20


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'stages' (share right by stage and noise), 'chain' and 'work' (laws), 'moved', 'split'; the traffic."""
    digits = patterns.binarise(load_dataset("digits8").images, threshold=THRESHOLD)[: params.n_digits]
    stages, chain, work, moved, traffic = [], [], [], [], Traffic()
    asked = [(noise, float(f)) for noise in NOISES for f in params.fractions]
    for network in range(params.n_networks):
        key = subseed(seed, f"network {network}")
        cues = [NOISES[noise](digits, f, seed=key) for noise, f in asked]
        sim, taught, answers = _told(digits, cues, key)
        where = [{"network": network, "noise": noise, "fraction": f} for noise, f in asked]
        stored = {name: answer[0] for name, answer in answers.items()}
        for i, place in enumerate(where, 1):
            given = {name: answer[i] for name, answer in answers.items()}
            rows, laws = _judged(given, stored, params.n_digits)
            stages += [place | row for row in rows]
            chain.append(place | laws)
        work.append({"network": network, **_work(sim, taught, cues, answers["cliques"][1:])})
        moved += [{"network": network} | row for row in _moved(sim.traffic, taught, len(digits), len(cues))]
        traffic += sim.traffic
        progress(network + 1, params.n_networks, "networks")
    return {
        "stages": Table.from_rows(stages),
        "chain": Table.from_rows(chain),
        "work": Table.from_rows(work),
        "moved": Table.from_rows(moved),
        "split": Table.from_rows(_split(digits[: params.n_split], subseed(seed, "split"))),
        "setting": {"n_digits": [params.n_digits]},
        "traffic": traffic,
    }


def _told(digits: SDR, cues: list[SDR], key: int) -> tuple[Simulator, Traffic, dict[str, list[SDR]]]:
    """Teach, then ask: the simulator, the traffic of the lessons, and what each stage emitted, lessons first."""
    n, sim = len(digits), Simulator(build(len(digits), key))
    seen = {name: sim.monitor(name, "code", limit=n * (len(cues) + 1)) for name in STAGES}
    teach(sim, digits)
    sim.run()
    taught, starts = sim.traffic, [0]
    sim.net["level"].learning = False
    for part in cues:
        starts.append(max(sim.tick, starts[-1] + n))
        ask(sim, part, starts[-1])
    sim.run()
    late = {"level": 1, "cliques": 2, "names": ON_TIME, "pixels": ON_TIME}
    return sim, taught, {name: [_at(m, s + late[name], n) for s in starts] for name, m in seen.items()}


def _at(monitor: Any, first: int, n: int) -> SDR:
    """What was emitted in n ticks, an item a tick, empty where nothing was."""
    inside = (monitor.ticks >= first) & (monitor.ticks < first + n)
    codes, counts = monitor.codes[inside], np.zeros(n + 1, np.int64)
    counts[monitor.ticks[inside] - first + 1] = codes.n_active
    return SDR(codes.indices, np.cumsum(counts), codes.size)


def _judged(
    given: dict[str, SDR], stored: dict[str, SDR], n_digits: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Share right at each stage; how often the laws of the chain were broken."""
    own = SDR.from_indices(np.arange(n_digits)[:, None], n_digits)
    truth = {"level": stored["level"], "cliques": stored["level"], "names": own, "pixels": own}
    right = {name: _equal(given[name], truth[name]) for name in STAGES}
    rows = [{"stage": name, "right": float(r.mean()), "n": n_digits} for name, r in right.items()]
    overlaps = (given["cliques"].to_csr().astype(np.int32) @ stored["cliques"].to_csr().astype(np.int32).T).toarray()
    best = np.sort(overlaps, axis=1)
    alone = best[:, -1] - best[:, -2] >= 1
    return rows, {
        "lost_by_cliques": int((right["level"] & ~right["cliques"]).sum()),
        "lost_by_names": int((right["cliques"] & ~right["names"]).sum()),
        "off_the_margin": int((alone != (given["names"].n_active == 1)).sum()),
        "n": n_digits,
    }


def _equal(codes: SDR, truth: SDR) -> NDArray[np.bool_]:
    same: NDArray[np.bool_] = (codes.n_active == truth.n_active) & (codes.overlap(truth) == truth.n_active)
    return same


def _work(sim: Simulator, taught: Traffic, cues: list[SDR], messages: list[SDR]) -> dict[str, int]:
    """Rows that level and names read for the cues, and the active units they had to read them for; silence."""
    before = sim.traffic
    read = {}
    for name, tensor in (("level", "L0.U"), ("names", "patterns")):
        where = (f"{name}/{tensor}", "retrieve", "rows_read")
        read[f"{name}_rows"] = before.get(*where) - taught.get(*where)
    seen_by = np.array([sum(band <= row < band + 4 for band in range(N_BANDS)) for row in range(8)])
    sim.run(until=sim.tick + 10**6)
    return read | {
        "level_units": sum(int(seen_by[part.indices // 8].sum()) for part in cues),
        "names_units": sum(len(part.indices) for part in messages),
        "changed_in_silence": int(sim.traffic != before),
    }


def _moved(total: Traffic, taught: Traffic, n_lessons: int, n_sets: int) -> list[dict[str, Any]]:
    """Bits of weights and of codes moved per lesson and per cue, by projection."""
    rows = []
    for name in dict.fromkeys(name for name, _ in total.counts):
        bits = {}
        for key, t in (("lesson", taught), ("all", total)):
            part = Traffic({where: v for where, v in t.counts.items() if where[0] == name})
            words = part.total("words_read") + part.total("words_written")
            bits[key] = (64 * words, part.total("code_bits"))
        for i, what in enumerate(("weights", "codes")):
            lesson, cue = bits["lesson"][i] / n_lessons, (bits["all"][i] - bits["lesson"][i]) / (n_lessons * n_sets)
            if lesson or cue:
                rows.append({"projection": name, "what": what, "lesson_bits": lesson, "cue_bits": cue})
    return rows


def _split(digits: SDR, key: int) -> list[dict[str, Any]]:
    """A run whole, and cut in two through a file: while it learns, while it answers, between fields of one tick."""
    whole, n_steps = _story(digits, key)
    rows = []
    for leg, share in ((0, 0.3), (0, 0.77), (1, 0.41), (1, 0.9)):
        cut, _ = _story(digits, key, leg, int(share * n_steps[leg]))
        same = {
            "same_codes": int(all(a.codes == b.codes for a, b in zip(whole.monitors[:4], cut.monitors[:4]))),
            "same_records": int(all(a.table == b.table for a, b in zip(whole.monitors, cut.monitors))),
            "same_traffic": int(whole.traffic == cut.traffic),
        }
        rows.append({"while": ("learning", "answering")[leg], "after": int(share * n_steps[leg]), **same})
    return rows


def _story(digits: SDR, key: int, cut_leg: int = -1, after: int = -1) -> tuple[Simulator, list[int]]:
    """Lessons, then cues, watched closely; events of each."""
    sim, n_steps = Simulator(build(len(digits), key)), []
    for kind, names in (("code", STAGES), ("traffic", STAGES), ("event", STAGES), ("scalar", STAGES[::2])):
        for name in names:
            sim.monitor(name, kind)
    for leg in (0, 1):
        sim.net["level"].learning = leg == 0
        if leg == 0:
            teach(sim, digits)
        else:
            ask(sim, patterns.move_units(digits, 0.2, seed=key), sim.tick)
        n = 0
        while sim.peek() is not None:
            if leg == cut_leg and n == after:
                with TemporaryDirectory() as folder:
                    sim = Simulator.restore(sim.checkpoint(Path(folder) / "run.h5"))
            sim.step()
            n += 1
        n_steps.append(n)
    return sim, n_steps


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Share of cues right at each stage, by noise; bits moved per cue, by projection."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.1))
    names = {"level": "level: code", "cliques": "cliques: code", "names": "names: digit", "pixels": "nearest in pixels"}
    for ax, letter, noise in zip(axes, "ab", NOISES):
        for stage, name in names.items():
            plotting.curve(ax, tables["stages"].where(noise=noise, stage=stage), x="fraction", y="right", name=name)
            if stage == "names":
                ax.lines[-1].set(linestyle="--", markersize=3)  # lies on the line of the cliques
        ax.set(title=f"{letter}  pixels {noise}", xlabel=f"share of active pixels {noise}", ylabel="cues right")
        ax.set_ylim(-0.03, 1.03)
        ax.legend(fontsize=6)
    _draw_traffic(axes[2], tables["moved"])
    return fig


def _draw_traffic(ax: "Axes", moved: Table) -> None:
    """Weights of the memories and codes of the projections; what a memory counts of codes is on its projections too."""
    pairs = dict.fromkeys(zip(moved["projection"].tolist(), moved["what"].tolist()))
    keys = [(name, what) for name, what in pairs if what == "weights" or "->" in name][::-1]
    for i, (projection, what) in enumerate(keys):
        bits = moved.where(projection=projection, what=what)
        for shift, column, colour in ((0.2, "lesson_bits", 0), (-0.2, "cue_bits", 1)):
            label = column.removesuffix("_bits") if not i else None
            mean = float(bits[column].mean())
            ax.barh(i + shift, mean, height=0.38, color=plotting.PALETTE[colour], label=label)
    ax.set_yticks(range(len(keys)), [f"{p}, {what}" for p, what in keys], fontsize=5.5)
    ax.set(title="c  traffic of a lesson, of a cue", xlabel="bits moved per event", ylabel="projection", xscale="log")
    ax.legend(fontsize=6)


# ---- checks -----------------------------------------------------------------------------------------------------

N_FOUND, FALSE_ALARM = 40, 1e-4  # networks of the earlier run, seed 1000; of all its comparisons together
FOUND = {  # mean and spread over networks of 100 digits
    ("erased", 0.2, "level"): (0.4940, 0.0357),
    ("erased", 0.2, "names"): (0.9280, 0.0245),
    ("erased", 0.2, "pixels"): (0.9695, 0.0158),
    ("erased", 0.4, "level"): (0.1305, 0.0286),
    ("erased", 0.4, "names"): (0.7308, 0.0379),
    ("erased", 0.4, "pixels"): (0.8943, 0.0288),
    ("moved", 0.2, "level"): (0.2065, 0.0470),
    ("moved", 0.2, "names"): (0.7900, 0.0389),
    ("moved", 0.2, "pixels"): (0.9083, 0.0301),
    ("moved", 0.4, "names"): (0.2158, 0.0360),
    ("moved", 0.4, "pixels"): (0.3560, 0.0477),
}


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Names without noise, the laws of the chain, work, cuts; accuracy against an earlier run of ours."""
    stages, chain, work, split = (tables[name] for name in ("stages", "chain", "work", "split"))
    found = []
    clean = stages.where(fraction=0.0, stage="names")
    if len(clean):
        source = "a band has cells of its own while there are no more digits than cells"
        n = int(clean["n"].sum())
        found.append(Check.at_least("digits named without noise", float(clean["right"].min()), 1.0, n=n, source=source))
    n = int(chain["n"].sum())
    for column, name, source in (
        ("lost_by_cliques", "right codes lost by the cliques", "a stored clique supports itself best"),
        (
            "lost_by_names",
            "right codes not named",
            "distinct codes differ by a unit, 1 / (beta (a - 1))",
        ),
        ("off_the_margin", "names alone, against the margin of entmax", "p = e_mu exactly if the margin is met"),
    ):
        found.append(Check.at_most(name, int(chain[column].sum()), 0, n=n, source=source))
    source = "an active unit is one row, read by the macs that see it, and by the memory of names"
    for name in ("level", "names"):
        off, title = (
            np.abs(work[f"{name}_rows"] - work[f"{name}_units"]).max(),
            f"rows read by {name} beside its events",
        )
        found.append(Check.at_most(title, off, 0, n=len(work), source=source))
    source = "no event, no work: a million ticks of silence"
    found.append(
        Check.at_most("counters moved in silence", work["changed_in_silence"].sum(), 0, n=len(work), source=source)
    )
    same = min(int(split[c].min()) for c in ("same_codes", "same_records", "same_traffic"))
    source = "codes, records and counters of a run cut in two through a file are those of the whole run"
    found.append(Check.holds("a cut run is the whole run, bit for bit", same == 1, n=len(split), source=source))
    return found + _regression(tables)


def _regression(tables: Mapping[str, Table]) -> list[Check]:
    """Means over networks against those of the earlier run, by Student's t with its spread."""
    if int(tables["setting"]["n_digits"][0]) != 100:
        return []
    from scipy.stats import t as student

    found, reach = [], float(student.isf(FALSE_ALARM / len(FOUND) / 2, N_FOUND - 1))
    source = f"this study, {N_FOUND} networks of another seed; all together {FALSE_ALARM:g}"
    for (noise, fraction, stage), (mean, spread) in FOUND.items():
        right = tables["stages"].where(noise=noise, fraction=fraction, stage=stage)["right"]
        if len(right):
            name, limit = (
                f"{stage}: right, {fraction:.0%} {noise}",
                reach * spread * (1 / len(right) + 1 / N_FOUND) ** 0.5,
            )
            more: dict[str, Any] = {"n": 100 * len(right), "kind": "prototype", "source": source}
            found.append(Check.within(name, float(right.mean()), mean, limit, **more))
    return found
