"""Which numbers matter: the energy of a retrieval with each number of a card at the low and the high end of its range.

A number that was read in a paper (grade B) or recalled or assumed (grade C) may be off by a quarter or by a factor of
two, or lie between sources that disagree; what was computed with a named tool (grade A) is taken as good to a tenth.
Each is moved alone over its range, all others nominal, for real recalls of three memories: once with 64 KiB on the
chip, so that most rows come from DRAM, once with everything kept on the chip.

An energy is a sum of counts times prices, so the ends of all prices together are the bounds of the report at the
nominal time: the sum rule that is checked. Numbers of time act by what idles meanwhile: slower ports or arithmetic let
the DRAM idle for longer; their bars are hatched. Every end is also priced anew, with the number replaced in the card.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.files.table import Table
from sdrsim.hardware import Placement, Report
from sdrsim.hardware.pricing import span
from sdrsim.hardware.sensitivity import tornado
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hardware import (
    MEMORIES,
    QUICK_RUNS,
    Job,
    RunParams,
    checked_card,
    job_table,
    joined_traffic,
    memory_jobs,
    priced,
)
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Sensitivity of the energy of a retrieval to every number that was read, recalled or assumed"
CITATION = "ours; sources of the numbers are those of the card"
QUICK: Mapping[str, Any] = {"runs": QUICK_RUNS}

PLACES: Mapping[str, Placement] = {
    "outside": Placement(on_chip_bytes=64 << 10),
    "inside": Placement(on_chip_bytes=64 << 20, policy="pin"),
}
OF_TIME = ("op_rate", "t_access", "bandwidth", "barrier")
INTERFACE = "dram.e_io"
N_WIDEST = 3
N_BARS = 7


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    runs : RunParams
        The three memories.
    card : str
        Name of a card with memory on and off the chip.
    """

    runs: RunParams = RunParams()
    card: str = "cmos45_ddr4"


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'swing' (a row a memory, place and number), 'sums' (a row a memory and place), 'runs'; the traffic."""
    card = checked_card(params.card)
    jobs = memory_jobs(params.runs, subseed(seed, "memories"))
    swing, sums = [], []
    for i, job in enumerate(jobs, 1):
        for place, placement in PLACES.items():
            report = priced(job, card, placement)
            where = {"memory": job.name, "place": place}
            swing += [where | row for row in _swings(job, report)]
            sums.append(where | _sums(report))
        progress(i, len(jobs), "memories")
    pj = ("low_pj", "nominal_pj", "high_pj", "formula_low_pj", "formula_high_pj")
    about = {
        "low_pj": "an item, number at its low end, priced anew",
        "high_pj": "an item, number at its high end, priced anew",
        "formula_low_pj": "by counts and the range, or by the time that it leads to",
        "formula_high_pj": "by counts and the range, or by the time that it leads to",
    }
    units = dict.fromkeys(("low_pj", "nominal_pj", "high_pj", "sum_low_pj", "sum_high_pj"), "pJ")
    return {
        "swing": Table.from_rows(swing, dict.fromkeys(pj, "pJ"), about),
        "sums": Table.from_rows(sums, units, {"sum_low_pj": "all single steps down together, an item"}),
        "runs": job_table(jobs),
        "traffic": joined_traffic(jobs),
    }


def _swings(job: Job, report: Report) -> Iterator[dict[str, Any]]:
    """Both ends of every number that moves the energy at all."""
    card, n = report.counted.chip.card, job.n_items
    told = {row["number"]: row for row in tornado(report).rows()}
    placement = Placement(policy=report.placement.policy)  # on the card as it was cut: its numbers are those moved
    for path, quantity in card.quantities().items():
        if path in told or path.rpartition(".")[2] in OF_TIME:
            ends = [priced(job, card.replace({path: end}), placement).total_pj for end in span(quantity)[::2]]
            if path in told or any(end != report.total_pj for end in ends):
                row = told.get(path)
                slow_first = path.rpartition(".")[2] in ("op_rate", "bandwidth")  # its low end takes longest
                ends_of = ("high_pj", "low_pj") if slow_first else ("low_pj", "high_pj")
                yield {
                    "number": path,
                    "grade": quantity.grade,
                    "kind": "time" if row is None else row["kind"],
                    "low_pj": ends[0] / n,
                    "nominal_pj": report.total_pj / n,
                    "high_pj": ends[1] / n,
                    "formula_low_pj": np.nan if row is None else row[ends_of[0]] / n,
                    "formula_high_pj": np.nan if row is None else row[ends_of[1]] / n,
                    "source": quantity.source,
                }


def _sums(report: Report) -> dict[str, Any]:
    """Single steps of all numbers, summed, beside the bounds of the report."""
    t, n, total = tornado(report).where(kind="price"), report.n_items or 1, report.total_pj
    low, _, high = report.bounds(time=False)
    return {
        "n_numbers": len(t),
        "nominal_pj": total / n,
        "static_pj": report.static_pj / n,
        "low_pj": low / n,
        "high_pj": high / n,
        "sum_low_pj": (total + float((t["low_pj"] - total).sum())) / n,
        "sum_high_pj": (total + float((t["high_pj"] - total).sum())) / n,
        "nodes": ", ".join(f"{node:g}" for node in report.nodes),
    }


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """A panel a memory and place: bars from the low to the high end, widest on top."""
    fig, axes = plotting.subplots(len(PLACES), len(MEMORIES), (9.6, 4.8))
    letters = iter("abcdef")
    words = {"outside": "64 KiB on the chip", "inside": "all on the chip"}
    for line, place in zip(axes, PLACES):
        for ax, memory in zip(line, MEMORIES):
            _draw_bars(ax, tables["swing"].where(memory=memory, place=place))
            ax.set_title(f"{next(letters)}  {memory}, {words[place]}")
            ax.set_xlabel("change of the energy (%)")
        line[0].set_ylabel("number of the card")
    _legend(fig)
    return fig


def _draw_bars(ax: "Axes", t: Table) -> None:
    colours = {"A": "0.6", "B": plotting.PALETTE[0], "C": plotting.PALETTE[1]}
    order = np.argsort(-np.abs(t["high_pj"] - t["low_pj"]), kind="stable")[:N_BARS]
    for y, i in enumerate(order):
        low, high = (100 * (t[end][i] / t["nominal_pj"][i] - 1) for end in ("low_pj", "high_pj"))
        hatch = "////" if t["kind"][i] == "time" else None
        left, right = min(low, high), max(low, high)
        style: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.2, "hatch": hatch}
        ax.barh(y, right - left, left=left, height=0.7, color=colours.get(str(t["grade"][i]), "0.85"), **style)
    ax.axvline(0, color="0.3", lw=0.8)
    ax.set_yticks(range(len(order)), [str(t["number"][i]).removeprefix("compute.") for i in order], fontsize=6.5)
    ax.invert_yaxis()
    left, right = ax.get_xlim()
    ax.set_xlim(left - 0.04 * (right - left), right)


def _legend(fig: "Figure") -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(color="0.6", label="grade A: computed with a named tool"),
        Patch(color=plotting.PALETTE[0], label="grade B: read in a source"),
        Patch(color=plotting.PALETTE[1], label="grade C: recalled or assumed"),
        Patch(facecolor="white", edgecolor="black", hatch="////", label="acts by the time that DRAM idles"),
    ]
    fig.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Ends round the nominal; ends by counts and priced anew; the sum rule; the interface among the widest."""
    found = []
    t, sums = tables["swing"], tables["sums"]
    prices = t.where(kind="price")
    inside = (prices["low_pj"] <= prices["nominal_pj"]) & (prices["nominal_pj"] <= prices["high_pj"])
    n = len(prices)
    found.append(Check.holds("ends of prices round the nominal", inside.all(), n=n, source="a price only adds"))
    off = max(float(np.abs(t[end] / t[f"formula_{end}"] - 1).max()) for end in ("low_pj", "high_pj"))
    source = "counts times the range, or static power times the time, against the number replaced and all priced again"
    found.append(Check.at_most("ends priced anew off the formula", off, 1e-9, n=len(t), source=source))
    for end in ("low", "high"):
        off = float(np.abs(sums[f"sum_{end}_pj"] / sums[f"{end}_pj"] - 1).max())
        source = "an energy is linear in its prices: single steps add up to all at once"
        found.append(Check.at_most(f"sum rule, {end} end", off, 1e-9, n=len(sums), source=source))
    more: dict[str, Any] = {"n": len(sums), "source": "bounds of a report"}
    kept = (sums["low_pj"] <= sums["nominal_pj"]) & (sums["nominal_pj"] <= sums["high_pj"])
    found.append(Check.holds("bounds round the nominal", kept.all(), **more))
    for memory in MEMORIES:
        part = t.where(memory=memory, place="outside")
        if INTERFACE in part["number"]:
            width = np.abs(part["high_pj"] - part["low_pj"])
            rank = 1 + int((width > width[part["number"] == INTERFACE][0]).sum())
            source = f"grade C, a factor of two to either side: among the {N_WIDEST} widest where rows lie outside"
            name = f"{memory}, rows outside: rank of the DRAM interface"
            found.append(Check.at_most(name, rank, N_WIDEST, n=len(part), source=source))
    return found
