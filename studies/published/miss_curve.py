"""Misses against capacity: where the rows that three memories touch are found, from one pass over each trace.

A row touched again is found in a memory of C bytes that drops the least recently used row if and only if the other
rows touched in between, and the row itself, fit into C (Mattson et al. 1970). So one pass over the list of accesses
gives the misses of all capacities. Three real recalls are listed, and three laws of touching rows beside them:

* rows drawn uniformly are found with probability C / R,
* a sweep over R rows, again and again, finds nothing below R rows and everything from R on,
* rows drawn by a Zipf law follow the approximation of Che, Tung & Wang 2002.

The first half of the touches of a law fills the memory and is not counted. A real trace is counted whole, first
touches with it; they are the floor that no capacity removes. Bytes touched at all, and bytes touched by one item on
average, are marked: capacities between them serve reuse from item to item, if there is any.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.files.table import Table
from sdrsim.hardware.reuse import miss_curve, stack_distances
from sdrsim.hardware.reuse_laws import che_hit_rate, cyclic_hit_rate, uniform_hit_rate, zipf_popularity
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hardware import (
    MEMORIES,
    QUICK_RUNS,
    RunParams,
    drawn_rows,
    job_table,
    joined_traffic,
    memory_jobs,
    touched,
)
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Misses against on-chip capacity: three memories' traces, and laws of reuse"
CITATION = "Mattson et al. 1970, IBM Syst. J. 9:78; Che, Tung & Wang 2002, IEEE J. Sel. Areas Commun. 20:1305"
QUICK = {"runs": QUICK_RUNS, "n_touches": 1_000_000, "n_replayed": 5_000}

LAWS = ("uniform", "sweep", "Zipf")
LEAST_SHARE = 0.2  # of the rows: capacities from which on hit rates are held to 1 % and 2 % of themselves


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    runs : RunParams
        The three memories.
    capacities : ints
        Bytes.
    n_rows, row_bytes : int
        Rows that the laws draw from.
    n_touches : int
        Touches of each law; the first half fills the memory.
    alpha : float
        Exponent of the Zipf law.
    n_replayed : int
        Touches of each real trace that a plain memory replays, one by one.
    """

    runs: RunParams = RunParams()
    capacities: tuple[Annotated[int, Field(ge=1)], ...] = tuple(round(2 ** (p / 2)) for p in range(26, 53))
    n_rows: Annotated[int, Field(ge=16)] = 4096
    row_bytes: Annotated[int, Field(ge=1)] = 2048
    n_touches: Annotated[int, Field(ge=1000)] = 4_000_000
    alpha: Annotated[float, Field(gt=0)] = 0.8
    n_replayed: Annotated[int, Field(ge=100)] = 20_000


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'misses' (a row a trace and capacity), 'laws', 'replayed' (by a plain memory), 'runs'; the traffic."""
    jobs = memory_jobs(params.runs, subseed(seed, "memories"))
    progress(1, 3, "traces")
    misses, replayed = [], []
    for job in jobs:
        ids, sizes = touched(job)
        found = miss_curve(ids, params.capacities, sizes)
        for c, n in zip(params.capacities, found):
            misses.append(_row("memory", job.name, c, int(n), len(ids)))
        some = slice(0, params.n_replayed)
        for c, n in zip(params.capacities, miss_curve(ids[some], params.capacities, sizes[some])):
            plain = _plain_misses(ids[some], sizes[some], c)
            replayed.append({"memory": job.name, "capacity_bytes": c, "misses": int(n), "plain_misses": plain})
    progress(2, 3, "traces")
    laws = [row for law in LAWS for row in _law(params, law, subseed(seed, law))]
    progress(3, 3, "traces")
    units = {"capacity_bytes": "bytes"}
    return {
        "misses": Table.from_rows(misses, units, {"misses": "rows not found, first touches among them"}),
        "laws": Table.from_rows(laws, units, {"theory": "share of touches not found"}),
        "replayed": Table.from_rows(replayed, units),
        "runs": job_table(jobs),
        "traffic": joined_traffic(jobs),
    }


def _row(what: str, name: str, capacity: int, misses: int, n: int) -> dict[str, Any]:
    return {what: name, "capacity_bytes": capacity, "n_touches": n, "misses": misses, "miss_rate": misses / n}


def _law(params: StudyParams, law: str, seed: int) -> list[dict[str, Any]]:
    """Misses of the second half of the touches."""
    n, n_rows = params.n_touches, params.n_rows
    if law == "sweep":
        rows = np.arange(n) % n_rows
    else:
        rows = drawn_rows(n_rows, n, params.alpha if law == "Zipf" else 0.0, seed)
    rooms = np.array(sorted({*(c // params.row_bytes for c in params.capacities), n_rows - 1, n_rows}))
    hits = {
        "uniform": lambda: uniform_hit_rate(rooms, n_rows),
        "sweep": lambda: cyclic_hit_rate(rooms, n_rows),
        "Zipf": lambda: che_hit_rate(zipf_popularity(n_rows, params.alpha), rooms),
    }[law]()
    counted = stack_distances(rows)[n // 2 :]
    counted = np.sort(np.where(counted < 0, n_rows, counted))
    misses = len(counted) - np.searchsorted(counted, rooms)
    made = []
    for room, missed, hit in zip(rooms.tolist(), misses.tolist(), hits.tolist()):
        row = _row("law", law, room * params.row_bytes, missed, len(counted))
        made.append(row | {"share": room / n_rows, "theory": 1 - hit})
    return made


def _plain_misses(ids: NDArray[np.int64], sizes: NDArray[np.int64], capacity: int) -> int:
    """Misses of one memory of `capacity` bytes, access by access."""
    held: OrderedDict[int, int] = OrderedDict()
    used = misses = 0
    for row, size in zip(ids.tolist(), sizes.tolist()):
        if row in held:
            held.move_to_end(row)
            continue
        misses += 1
        held[row] = size
        used += size
        while used > capacity:
            used -= held.popitem(last=False)[1]
    return misses


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Two panels: the three memories; the laws with theory."""
    fig, axes = plotting.subplots(1, 2, (7.2, 3.4), sharey=True)
    _draw_memories(axes[0], tables)
    _draw_laws(axes[1], tables["laws"])
    for ax, title in zip(axes, ("a  three memories", "b  laws of reuse")):
        ax.set(title=title, xlabel="capacity on the chip", ylabel="share of touches not found", ylim=(-0.03, 1.05))
        ax.set_xscale("log", base=2)
        ticks = [1 << p for p in range(13, 27, 3)]
        ax.set_xticks(ticks, [f"{t >> 10} KiB" if t < 1 << 20 else f"{t >> 20} MiB" for t in ticks])
    return fig


def _draw_memories(ax: "Axes", tables: Mapping[str, Table]) -> None:
    for i, name in enumerate(MEMORIES):
        t, job = tables["misses"].where(memory=name), tables["runs"].where(memory=name)
        colour = plotting.PALETTE[i]
        ax.plot(t["capacity_bytes"], t["miss_rate"], marker="os^"[i], ms=3, lw=0.9, color=colour, label=name)
        ax.axvline(float(job["distinct_bytes"][0]), color=colour, lw=0.8, ls="--")
        ax.axvline(float(job["item_bytes"][0]), color=colour, lw=0.8, ls=":")
    ax.plot([], [], color="0.4", lw=0.8, ls="--", label="all rows touched")
    ax.plot([], [], color="0.4", lw=0.8, ls=":", label="rows of one item")
    _legend(ax)


def _draw_laws(ax: "Axes", laws: Table) -> None:
    for i, name in enumerate(LAWS):
        t, colour = laws.where(law=name), plotting.PALETTE[i + 3]
        style: dict[str, Any] = {"ls": "", "marker": "Dvo"[i], "ms": 3, "color": colour, "label": name}
        ax.plot(t["capacity_bytes"], t["miss_rate"], **style)
        drawn: dict[str, Any] = {"drawstyle": "steps-post"} if name == "sweep" else {}
        ax.plot(t["capacity_bytes"], t["theory"], lw=0.9, color=colour, **drawn)
    ax.plot([], [], color="0.4", lw=0.9, label="theory")
    ax.axvline(float(laws["capacity_bytes"][laws["share"] == 1][0]), color="0.4", lw=0.8, ls="--", label="all rows")
    _legend(ax)


def _legend(ax: "Axes") -> None:
    ax.legend(fontsize=6.5, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The laws within their tolerance; misses that never rise, end at the first touches, and equal a plain memory's."""
    found = [_near(tables["laws"], "uniform", 0.01, "C / R"), _near(tables["laws"], "Zipf", 0.02, CITATION)]
    sweep, n = tables["laws"].where(law="sweep"), int(tables["laws"]["n_touches"][0])
    off = float(np.abs(sweep["miss_rate"] - sweep["theory"]).max())
    source = "nothing is found below R rows, everything from R on"
    found.append(Check.at_most("sweep: miss rate off theory", off, 0.0, n=n, kind="theory", source=source))
    t, job = tables["misses"], tables["runs"]
    for name in MEMORIES:
        part, mine = t.where(memory=name), job.where(memory=name)
        n = int(mine["n_touches"][0])
        rises = int((np.diff(part["misses"][np.argsort(part["capacity_bytes"])]) > 0).sum())
        found.append(
            Check.at_most(f"{name}: capacities at which misses rise", rises, 0, n=n, source="inclusion of LRU stacks")
        )
        held = part["capacity_bytes"] >= int(mine["distinct_bytes"][0])
        if held.any():
            floor = float(np.abs(part["miss_rate"][held] - mine["n_distinct"][0] / n).max())
            source = "a memory that holds all rows misses each once"
            found.append(Check.at_most(f"{name}: floor off first touches", floor, 1e-12, n=n, source=source))
    r = tables["replayed"]
    wrong = int((r["misses"] != r["plain_misses"]).sum())
    source = "an ordered dictionary that drops the least recently used row until all fit"
    found.append(Check.at_most("capacities unlike a plain LRU memory", wrong, 0, n=len(r), source=source))
    return found


def _near(laws: Table, law: str, tolerance: float, source: str) -> Check:
    """Largest distance of the hit rate from theory, in parts of it, at capacities of a fifth of the rows and more."""
    t = laws.where(law=law)
    rows = (t["share"] >= LEAST_SHARE) & (t["share"] < 1)
    hits, theory = 1 - t["miss_rate"][rows], 1 - t["theory"][rows]
    off = float(np.abs(hits / theory - 1).max())
    return Check.at_most(
        f"{law}: hit rate off theory", off, tolerance, n=int(t["n_touches"][0]), kind="theory", source=source
    )
