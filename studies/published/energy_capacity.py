"""Energy of a retrieval against the memory on the chip: what stays outside, what is kept, and what keeping costs.

Real recalls of three memories, every access listed, and events whose rows are drawn uniformly or by a Zipf law are
priced on one card with 8 KiB to 64 MiB on the chip. Rows come in when they are touched, and the least recently used
leave; codes and sums have room of their own. Each run begins with nothing on the chip, so first touches come from
outside at every capacity.

Two things are seen. Rows touched uniformly are found with probability C / R only: half of a memory on the chip saves
half of the traffic, and the larger SRAM takes back a good part of that, since each access costs with the square root
of the size. And with room for less than the sums, those go outside, at up to as much energy as the rows.

A closed form of such a memory is held against the same machinery: 16384 x 16384 bits, events of 64 rows drawn
uniformly, one bank of SRAM whatever its size, writes at 0.9 of a read, an interface of 10 pJ/bit, one activate a row.

Energy that leaks and idles is drawn apart: standby and refresh of the DRAM alone take half a watt over the time of
the run, whether it is used or not. Once rows are kept, that time is set by the port of the SRAM, 64 bits wide; it is
mostly longest at 1 MiB, one large and slow bank, and falls where a second bank answers beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.files.table import Table
from sdrsim.hardware import Card, Placement, Report, estimate
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hardware import (
    MEMORIES,
    QUICK_RUNS,
    Job,
    RunParams,
    checked_card,
    drawn_job,
    job_table,
    joined_traffic,
    memory_jobs,
    priced,
    touched,
)
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Energy of a retrieval against on-chip capacity, on and off the chip, of three memories and of drawn rows"
CITATION = "ours; CACTI 7 and data-sheet currents through the cards, Horowitz, ISSCC 2014"
QUICK = {"runs": QUICK_RUNS, "n_items": 500}

SHAPE = (16384, 2048)  # rows, bytes of one: 32 MiB
N_ACTIVE = 64
ALL = 1 << 30  # room for everything
CLOSED_FORM: Mapping[int, tuple[float, float]] = {  # KiB -> uJ an event on the chip, off the chip
    64: (0.73, 16.68),
    1024: (2.87, 16.19),
    16384: (8.35, 8.36),
    32768: (7.85, 0.0),
}
PARTS = (  # on the chip, role, colour, name
    (True, "compute", 0, "compute"),
    (True, "activation", 1, "codes"),
    (True, "state", 2, "sums"),
    (True, "weight", 5, "rows"),
    (True, "network", 3, "network"),
    (False, "activation", 1, "codes"),
    (False, "state", 2, "sums"),
    (False, "weight", 5, "rows"),
)


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    runs : RunParams
        The three memories.
    card : str
        Name of a card.
    capacities : ints
        Bytes on the chip.
    n_items : int
        Events of drawn rows.
    alpha : float
        Exponent of the Zipf law.
    """

    runs: RunParams = RunParams()
    card: str = "cmos45_ddr4"
    capacities: tuple[Annotated[int, Field(ge=1)], ...] = tuple(1 << p for p in range(13, 27))
    n_items: Annotated[int, Field(ge=10)] = 2000
    alpha: Annotated[float, Field(gt=0)] = 0.8


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'energy' (by memory, capacity, place and role), 'total', 'limits', 'hits', 'closed_form', 'runs'."""
    card = checked_card(params.card)
    drawn = [("uniform", 0.0), ("Zipf", params.alpha)]
    jobs = [drawn_job(name, SHAPE, N_ACTIVE, params.n_items, a, subseed(seed, name)) for name, a in drawn]
    jobs += memory_jobs(params.runs, subseed(seed, "memories"))
    energy, total, limits = [], [], []
    for i, job in enumerate(jobs, 1):
        for capacity in params.capacities:
            report = priced(job, card, Placement(on_chip_bytes=capacity))
            place = {"memory": job.name, "on_chip_bytes": capacity}
            energy += [place | row for row in _parts(report)]
            total.append(place | _totals(report))
        limits.append(_limits(job, card))
        progress(i, len(jobs), "memories")
    units = {"on_chip_bytes": "bytes"}
    about = {"pj": "energy an item", "low_pj": "with every number at its low end", "high_pj": "at its high end"}
    pj = dict.fromkeys(("dynamic_pj", "static_pj", "low_pj", "high_pj"), "pJ")
    return {
        "energy": Table.from_rows(energy, units | {"pj": "pJ"}, {"pj": about.pop("pj")}),
        "total": Table.from_rows(total, units | pj | {"off_chip_bytes": "bytes", "time_ns": "ns"}, about),
        "limits": Table.from_rows(limits),
        "hits": Table.from_rows(list(_uniform_hits(params, card, subseed(seed, "hits"))), units),
        "closed_form": Table.from_rows([_closed_form(c) for c in params.capacities], units),
        "runs": job_table(jobs),
        "traffic": joined_traffic(jobs),
    }


def _parts(report: Report) -> Iterator[dict[str, Any]]:
    """Energy an item by place and role."""
    n = report.n_items or 1
    for where, roles in report.split().items():
        for role, value in roles.items():
            yield {"on_chip": where == "on_chip", "role": role, "pj": value / n}


def _totals(report: Report) -> dict[str, Any]:
    n = report.n_items or 1
    return {
        "dynamic_pj": report.dynamic_pj / n,
        "static_pj": report.static_pj / n,
        "low_pj": report.low_pj / n,
        "high_pj": report.high_pj / n,
        "off_chip_bytes": report.bytes_moved(False),
        "time_ns": report.time_ns / n,
        "weakest_grade": report.weakest_grade,
        "nodes": ", ".join(f"{node:g}" for node in report.nodes),
    }


def _limits(job: Job, card: Card) -> dict[str, Any]:
    """Bytes of rows moved from outside with nothing, and with everything, on the chip; and what the trace says."""
    none, everything = (priced(job, card, Placement(on_chip_bytes=c)).bytes_moved(False, "weight") for c in (0, ALL))
    ids, sizes = touched(job)
    burst = card.off_chip[0].burst_bytes
    whole = -(-sizes // burst) * burst
    _, first = np.unique(ids, return_index=True)
    return {
        "memory": job.name,
        "moved_with_none": none,
        "touched": int(whole.sum()),
        "moved_with_all": everything,
        "first_touched": int(whole[first].sum()),
    }


def _uniform_hits(params: StudyParams, card: Card, seed: int) -> Iterator[dict[str, Any]]:
    """Rows found in a memory that was full before: every row touched once, then events, counted alone."""
    job = drawn_job("uniform", SHAPE, N_ACTIVE, params.n_items, 0.0, seed, warm=True)
    n, bursts = N_ACTIVE * params.n_items, SHAPE[1] // card.off_chip[0].burst_bytes
    for capacity in params.capacities:
        report = priced(job, card, Placement(on_chip_bytes=capacity), phase=None)
        loads, _, _ = report.counted.ledger.total(phase="retrieve", on_chip=False, what="read")
        hits = n - loads // bursts
        share = min(1.0, (capacity // SHAPE[1]) / SHAPE[0])
        yield {"on_chip_bytes": capacity, "n": n, "hits": hits, "hit_rate": hits / n, "theory": share}


def _closed_form(capacity: int, n_events: int = 1000) -> dict[str, Any]:
    """The memory of the closed form on the card it states, by the law of uniform rows; uJ an event."""
    t = Traffic(tensors={"W": Tensor(*SHAPE)})
    n = N_ACTIVE * n_events
    t.add("W", "retrieve", rows_read=n, words_read=n * SHAPE[1] // 8)
    base = Card.load("cmos45_ddr4")
    near = replace(base.level("global"), monolithic=True).resized(capacity_bytes=capacity)
    assert near.e_read is not None
    card = replace(base, levels=(near, base.level("dram")))
    card = card.replace({f"{near.name}.e_write": 0.9 * near.e_read.value, "dram.e_io": 10.0})
    report = estimate(t, card, Placement(capacity, "cache", popularity="uniform"), n_items=n_events)
    split = report.split()
    on, off = (split[place]["weight"] / n_events * 1e-6 for place in ("on_chip", "off_chip"))
    return {"on_chip_bytes": capacity, "on_chip_uj": on, "off_chip_uj": off}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """A panel a memory, stacked; the last one the closed form."""
    fig, axes = plotting.subplots(2, 3, (9.6, 5.4))
    names = ("uniform", "Zipf", *MEMORIES)
    for ax, name, letter in zip(axes.flat, names, "abcde"):
        what = f"rows drawn: {name}" if name not in MEMORIES else f"{name}, real recalls"
        _draw_stack(ax, tables, name)
        ax.set(title=f"{letter}  {what}", ylabel="energy an item (µJ)")
    t, last = tables["closed_form"], axes.flat[-1]
    places = np.log2(t["on_chip_bytes"])
    for column, colour in (("on_chip_uj", 5), ("off_chip_uj", 1)):
        label = column.removesuffix("_uj").replace("_", " ")
        last.plot(places, t[column], lw=0.9, color=plotting.PALETTE[colour], label=label)
    last.plot(places, t["on_chip_uj"] + t["off_chip_uj"], lw=0.9, color="0.3", label="both")
    for i, (known, form) in enumerate((k, v) for k, v in CLOSED_FORM.items() if (k << 10) in t["on_chip_bytes"]):
        told = "closed form" if i == 0 else None
        last.plot([np.log2(known << 10)] * 2, form, ls="", marker="o", ms=4, mfc="none", color="black", label=told)
    last.set(title="f  one bank, writes .9 of reads", ylabel="energy an event (µJ)")
    last.legend(fontsize=6.5)
    for ax in axes.flat:
        ticks = range(13, 27, 3)
        ax.set_xticks(list(ticks), [f"{1 << (p - 10)} KiB" if p < 20 else f"{1 << (p - 20)} MiB" for p in ticks])
        ax.set_xlabel("on the chip")
        ax.set_ylim(bottom=0)
    _legend(fig)
    return fig


def _draw_stack(ax: "Axes", tables: Mapping[str, Table], name: str) -> None:
    t, total = tables["energy"].where(memory=name), tables["total"].where(memory=name)
    places = np.log2(total["on_chip_bytes"])
    bottom = np.zeros(len(places))
    for on_chip, role, colour, _ in PARTS:
        part = t.where(on_chip=on_chip, role=role)
        height = part["pj"] * 1e-6
        style: dict[str, Any] = {"hatch": None if on_chip else "////", "edgecolor": "white", "linewidth": 0.2}
        ax.bar(places, height, 0.8, bottom=bottom, color=plotting.PALETTE[colour], **style)
        bottom += height
    ax.plot(places, bottom + total["static_pj"] * 1e-6, color="black", lw=0.9, marker=".", ms=3)


def _legend(fig: "Figure") -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colours = {name: colour for _, _, colour, name in PARTS if name != "network"}
    handles: list[Any] = [Patch(color=plotting.PALETTE[colour], label=name) for name, colour in colours.items()]
    handles.append(Patch(facecolor="white", edgecolor="black", hatch="////", label="off the chip"))
    handles.append(Line2D([], [], color="black", lw=0.9, marker=".", label="with leakage, standby and refresh"))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The closed form; the hit rate of uniform rows; bytes that never rise; both ends of the capacity; sums."""
    found = [*_against_closed_form(tables["closed_form"]), *_hit_rates(tables["hits"])]
    energy, total, limits = tables["energy"], tables["total"], tables["limits"]
    n_items = dict(zip(tables["runs"]["memory"].tolist(), tables["runs"]["n_items"].tolist()))
    for name in ("uniform", "Zipf", *MEMORIES):
        part, limit = total.where(memory=name), next(limits.where(memory=name).rows())
        rises = int((np.diff(part["off_chip_bytes"][np.argsort(part["on_chip_bytes"])]) > 0).sum())
        more: dict[str, Any] = {"n": n_items[name], "source": "inclusion of LRU stacks"}
        found.append(Check.at_most(f"{name}: capacities at which off-chip bytes rise", rises, 0, **more))
        for what, moved, expected in (
            ("room for nothing: bytes off those touched", "moved_with_none", "touched"),
            ("room for all: bytes off first touches", "moved_with_all", "first_touched"),
        ):
            off = abs(limit[moved] - limit[expected])
            more["source"] = "whole bursts of the rows listed"
            found.append(Check.at_most(f"{name}: {what}", off, 0, **more))
    parts = sum(float(energy["pj"][energy["role"] == role].sum()) for role in np.unique(energy["role"]))
    sums = float((total["dynamic_pj"] + total["static_pj"]).sum())
    source = "places and roles add up to dynamic and static energy"
    found.append(Check.within("parts over totals", parts / sums, 1.0, 1e-12, n=len(total), source=source))
    inside = (total["low_pj"] <= total["dynamic_pj"] + total["static_pj"]) & (
        total["dynamic_pj"] + total["static_pj"] <= total["high_pj"]
    )
    source = "every number at its low, or its high, end"
    found.append(Check.holds("nominal energies within their bounds", inside.all(), n=len(total), source=source))
    return found


def _against_closed_form(t: Table) -> Iterator[Check]:
    source = "64 * 256 * e_read * (1 + .9 (1 - hit)); (1 - hit) * 64 * (e_act + 32 e_rd + 16384 e_io); 1 % allowed"
    for kib, expected in CLOSED_FORM.items():
        row = t.where(on_chip_bytes=kib << 10)
        for place, target in zip(("on", "off"), expected) if len(row) else ():
            value = float(row[f"{place}_chip_uj"][0])
            more: dict[str, Any] = {"kind": "theory", "source": source}
            yield Check.within(f"{kib} KiB: uJ an event {place} the chip", value, target, 0.01 * target, **more)


def _hit_rates(t: Table) -> Iterator[Check]:
    for row in t.rows():
        name = f"uniform rows, {row['on_chip_bytes'] >> 10} KiB: hit rate"
        source = "C / R, binomial: the rows held do not depend on the next one drawn"
        yield Check.proportion(name, row["hits"], row["n"], row["theory"], 1e-4 / len(t), source=source)
