"""Sparse or dense: the active share of the inputs from which on reading everything costs less than fetching rows.

A memory of 1024 x 1024 bits lies in SRAM or in DRAM. Read whole, row after row, it goes through a wide port, or streams
from open pages. Read by events, only the rows of active units are fetched, each on its own: through a port of 64 bits
and by a message of its own, or each from a page that was closed. So a row by events costs more, and there are fewer of
them; both cost the same at an active share of

    a* = e_row_dense / (e_row_event + e_overhead).

Rows kept as lists of the addresses of their links (CSR) are shorter in proportion to the density. That holds in words;
DRAM moves whole bursts, and a list of 71 bytes takes as many of them as the row of 128 bytes it stands for.

The numbers come from the cards: 45 nm SRAM of 1 MiB, DDR4-2400, additions of 0.03 pJ, a message of 111 pJ as
calibrated for Loihi (14 nm; nothing is scaled). A Willshaw memory of this size is asked with cues of many active
shares, its traffic priced row by row, and the share at which its energy meets that of reading all of it is held
against the formula. A memory so small lies in 16 pages, one a bank of DDR4: where the pages are left open the events
find them open, and win at nearly any share.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Tensor, Traffic, address_bits
from sdrsim.errors import MixedNodesWarning
from sdrsim.files.table import Table
from sdrsim.hardware import Card, Placement, crossover, estimate
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Sparse or dense: the active share at which fetching rows by events costs as much as reading all of them"
CITATION = "ours; CACTI 7, DDR4-2400 currents, Horowitz, ISSCC 2014, and SANA-FE's Loihi, through the cards"
QUICK = {"n_items": 5, "n_stored": 50}

LAYOUTS = ("event", "CSR", "event, open pages")
EXPECTED: Mapping[str, tuple[float, float, float]] = {  # e_row_dense, e_row_event with its overhead, in pJ; a*
    "SRAM": (784.5, 1638.0, 0.479),
    "DRAM core": (5918.0, 9314.0, 0.635),
}
N_EXPECTED = 1024


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_units : int
        Units of the memory; a multiple of 1024, a word of the wide port.
    fractions : floats
        Active shares of the cues.
    density : float
        Share of links that a row kept as a list has.
    n_stored, n_active : int
        Codes stored, and their active units.
    n_items : int
        Cues at each share.
    """

    n_units: Annotated[int, Field(ge=1024, multiple_of=1024)] = 1024
    fractions: tuple[Annotated[float, Field(gt=0, le=1)], ...] = tuple(i / 20 for i in range(1, 21))
    density: Annotated[float, Field(gt=0, lt=1)] = 0.05
    n_stored: Annotated[int, Field(ge=1)] = 500
    n_active: Annotated[int, Field(ge=1)] = 20
    n_items: Annotated[int, Field(ge=1)] = 50


class Place(NamedTuple):
    """Where the memory lies: cards for reading whole and by events, placements, and the numbers that count."""

    name: str
    dense: tuple[Card, Placement]
    event: tuple[Card, Placement]
    counted: tuple[str, ...]


def places() -> list[Place]:
    """SRAM of 1 MiB; DRAM by its commands alone; DRAM with its interface, additions and messages."""
    base = Card.load("cmos45_ddr4").replace({"mesh.e_inject": message_pj()})
    near, far = base.level("global"), base.level("dram")
    narrow = replace(base, levels=(near, far))
    wide = replace(base, levels=(near.resized(word_bits=1024), far))
    pinned, sent = Placement(policy="pin"), {"*": (0, 0)}
    sram = ("global.e_read", "compute.add_int8", "mesh.e_inject")
    core = ("dram.e_rd", "dram.e_act")
    streamed = Placement(on_chip_bytes=0, policy="stream")
    fetched = Placement(on_chip_bytes=0, policy="off_chip", page_policy="closed", routes=sent)
    return [
        Place("SRAM", (wide, pinned), (narrow, Placement(policy="pin", routes=sent)), sram),
        Place("DRAM core", (base, streamed), (base, fetched), core),
        Place("DRAM, all", (base, streamed), (base, fetched), (*core, "dram.e_io", *sram[1:])),
    ]


def message_pj() -> float:
    """A message that leaves a core, as calibrated for Loihi."""
    mesh = Card.load("loihi_sanafe").mesh
    assert mesh is not None
    return float(mesh.e_inject)


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'energy' (a row a place, layout and share), 'rows' (energies of one), 'crossing', and the traffic."""
    key = subseed(seed, "memory")
    memory = WillshawMemory(params.n_units, seed=key)
    memory.store(patterns.random_sparse(params.n_stored, params.n_units, params.n_active, seed=key))
    energy, everywhere = [], places()
    for i, fraction in enumerate(params.fractions, 1):
        k = max(1, round(fraction * params.n_units))
        cues = patterns.random_sparse(params.n_items, params.n_units, k, seed=subseed(seed, f"cues {k}"))
        found = memory.recall(cues, trace=True).traffic
        share = found.total("rows_read") / (params.n_items * params.n_units)
        for place in everywhere:
            for layout, pj in _priced(params, place, found):
                energy.append({"place": place.name, "layout": layout, "share": share, "pj": pj / params.n_items})
        progress(i, len(params.fractions), "active shares")
    rows = [row for place in everywhere for row in _rows(params, place)]
    t = Table.from_rows(energy, {"pj": "pJ"}, {"pj": "energy an item, rows alone", "share": "active share"})
    about = {"e_event_pj": "of a row and its overhead", "theory_words": "whole words or bursts", "theory": "as printed"}
    return {
        "energy": t,
        "rows": Table.from_rows(rows, dict.fromkeys(("e_dense_pj", "e_event_pj"), "pJ"), about),
        "crossing": Table.from_rows(list(_crossings(t, everywhere))),
        "traffic": memory.traffic,
    }


def _priced(params: StudyParams, place: Place, found: Traffic) -> Iterator[tuple[str, float]]:
    """Energy of reading all rows, of the rows fetched, of those as lists, and of those with pages left open."""
    card, placement = place.event
    yield "dense", _energy(_dense(params, found), *place.dense, place.counted)
    yield "event", _energy(found, card, placement, place.counted)
    yield "CSR", _energy(_listed(params, found), card, placement, place.counted)
    if "dram.e_rd" in place.counted:
        left_open = Placement(on_chip_bytes=0, policy="off_chip", page_policy="open", routes=placement.routes)
        yield "event, open pages", _energy(found, card, left_open, place.counted)


def _energy(traffic: Traffic, card: Card, placement: Placement, counted: tuple[str, ...]) -> float:
    """Of the numbers that count, for rows: codes, sums and comparisons are the same everywhere, and left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)  # a message of Loihi's beside 45 nm: said above
        report = estimate(traffic, card, placement)
    roles = ("weight", "compute", "network")
    return sum(e.nominal for e in report.entries if e.move.number in counted and e.move.role in roles)


def _dense(params: StudyParams, found: Traffic) -> Traffic:
    """All rows of the memory for every item."""
    n, ((name, tensor),) = params.n_items * params.n_units, found.tensors.items()
    made = Traffic(tensors={name: tensor})
    made.add(name, "retrieve", rows_read=n, words_read=n * params.n_units // 64, synops=n * params.n_units)
    return made


def _listed(params: StudyParams, found: Traffic) -> Traffic:
    """The rows fetched, each kept as a list of its links: a bit and an address."""
    n, n_links, n_bytes = found.total("rows_read"), *list_row(params)
    ((name, tensor),) = found.tensors.items()
    made = Traffic(tensors={name: Tensor(tensor.n_rows, n_bytes)}, trace=found.trace)
    made.add(name, "retrieve", rows_read=n, words_read=n * ceil(n_bytes / 8), synops=n * n_links)
    return made


def list_row(params: StudyParams) -> tuple[int, int]:
    """Links and bytes of a row kept as a list."""
    n_links = round(params.density * params.n_units)
    return n_links, ceil(n_links * (1 + address_bits(params.n_units)) / 8)


def _rows(params: StudyParams, place: Place) -> Iterator[dict[str, Any]]:
    """Energies of one row from the numbers of the cards, and the crossing by the formula."""
    n, (n_links, list_bytes) = params.n_units, list_row(params)
    shrunk = params.density * (1 + address_bits(n))
    add, message, far = Card.load("cmos45_ddr4").op("add_int8").value, message_pj(), place.event[0].level("dram")
    ((on_wide, _), (on_narrow, _)) = place.dense, place.event
    assert far.e_act is not None
    assert far.e_rd is not None
    assert far.e_io is not None
    assert far.page_bytes is not None
    act, burst, pages = far.e_act.value, far.e_rd.value, n / 8 / far.page_bytes
    if "dram.e_io" in place.counted:
        burst += 8 * far.burst_bytes * far.e_io.value
    with_logic = "mesh.e_inject" in place.counted
    overhead, add = (message, add) if with_logic else (0.0, 0.0)
    if place.name == "SRAM":
        wide, narrow = on_wide.level("global").e_read, on_narrow.level("global").e_read
        assert wide is not None
        assert narrow is not None
        dense, event = n / 1024 * wide.value, n / 64 * narrow.value
        as_list = ceil(list_bytes / 8) * narrow.value
    else:
        dense, event = (ceil(n / 8 / far.burst_bytes) * burst + act * share for share in (pages, 1.0))
        as_list = ceil(list_bytes / far.burst_bytes) * burst + act
    dense, event = dense + n * add, event + n * add
    for layout, cost, plain in (("event", event, event), ("CSR", as_list + n_links * add, event * shrunk)):
        yield {
            "place": place.name,
            "layout": layout,
            "n_units": n,
            "e_dense_pj": dense,
            "e_event_pj": cost + overhead,
            "theory_words": crossover(dense, cost, overhead),
            "theory": crossover(dense, plain, overhead),
        }


def _crossings(energy: Table, everywhere: list[Place]) -> Iterator[dict[str, Any]]:
    """Where the energies of the run cross; NaN where events cost less at every share that was run."""
    for place in everywhere:
        dense = energy.where(place=place.name, layout="dense")
        for layout in LAYOUTS:
            part = energy.where(place=place.name, layout=layout)
            if len(part):
                crossing = _zero(part["share"], part["pj"] - dense["pj"])
                yield {"place": place.name, "layout": layout, "crossing": crossing, "n_shares": len(part)}


def _zero(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Where y first rises through 0, on a line between the points on either side."""
    above = np.flatnonzero((y[:-1] <= 0) & (y[1:] > 0))
    if not len(above):
        return float("nan")
    i = int(above[0])
    return float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i]))


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """A panel a place: energy against the active share, lines by formula, points by the run."""
    names = list(dict.fromkeys(tables["rows"]["place"].tolist()))
    fig, axes = plotting.subplots(1, len(names), (9.6, 3.4))
    titles = {"SRAM": "SRAM, 1 MiB", "DRAM core": "DRAM, core alone", "DRAM, all": "DRAM, interface, logic"}
    for ax, name, letter in zip(axes, names, "abc"):
        _draw_place(ax, tables, name)
        ax.set(title=f"{letter}  {titles.get(name, name)}", xlabel="active share", ylabel="energy an item (µJ)")
        ax.set(xlim=(0, 1.02), ylim=(0, None))
    handles, labels = axes[1].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    return fig


def _draw_place(ax: "Axes", tables: Mapping[str, Table], name: str) -> None:
    energy, rows = tables["energy"].where(place=name), tables["rows"].where(place=name)
    dense = energy.where(layout="dense")
    ax.plot(dense["share"], dense["pj"] * 1e-6, color="black", lw=1.0, label="dense")
    n_rows = float(dense["pj"][0] / rows["e_dense_pj"][0])
    x = np.linspace(0, 1, 50)
    for i, layout in enumerate(LAYOUTS):
        part, row = energy.where(layout=layout), rows.where(layout=layout)
        colour = plotting.PALETTE[i]
        style: dict[str, Any] = {"ls": "", "marker": "os^"[i], "ms": 3}
        style |= {"ms": 5.5, "mfc": "none"} if layout == "event" else {}  # seen where lists cost the same
        if len(part):
            ax.plot(part["share"], part["pj"] * 1e-6, color=colour, label=layout, **style)
        if len(row):
            ax.plot(x, x * n_rows * row["e_event_pj"][0] * 1e-6, color=colour, lw=0.9)
            crossing = float(row["theory_words"][0])
            ax.axvline(crossing, color=colour, lw=0.8, ls=":" if layout == "CSR" else "--")
            low = 0.04 + 0.09 * i
            ax.annotate(f"{crossing:.3f}", (crossing - 0.02, low), xycoords=("data", "axes fraction"), color=colour,
                        ha="right", fontsize=7)  # fmt: skip


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Energies of a row and the crossings of the formula; the crossings of the run; costs in proportion."""
    found, rows = [], tables["rows"]
    for place, numbers in EXPECTED.items() if int(rows["n_units"][0]) == N_EXPECTED else ():
        row = next(rows.where(place=place, layout="event").rows())
        source = "closed form of 1024 x 1024 bits, evaluated apart; 1 % allowed"
        for what, target in zip(("e_dense_pj", "e_event_pj", "theory"), numbers):
            name = f"{place}: {'crossing by the formula' if what == 'theory' else what}"
            more: dict[str, Any] = {"kind": "theory", "source": source}
            found.append(Check.within(name, row[what], target, 0.01 * target, **more))
    for run_row in tables["crossing"].rows():
        place, layout = run_row["place"], run_row["layout"]
        row_of = list(rows.where(place=place, layout=layout).rows())
        if row_of and row_of[0]["theory_words"] < 1:
            target = row_of[0]["theory_words"]
            more = {
                "n": run_row["n_shares"],
                "kind": "theory",
                "source": "e_row_dense / (e_row_event + e_overhead); 1 %",
            }
            name = f"{place}, {layout}: crossing of the run"
            found.append(Check.within(name, run_row["crossing"], target, 0.01 * target, **more))
    return [*found, *_proportional(tables)]


def _proportional(tables: Mapping[str, Table]) -> Iterator[Check]:
    """By events, the energy is that of a row times the rows; with pages left open it is not more."""
    energy, rows = tables["energy"], tables["rows"]
    for row in rows.rows():
        part = energy.where(place=row["place"], layout=row["layout"])
        n_rows = energy.where(place=row["place"], layout="dense")["pj"] / row["e_dense_pj"]
        expected = part["share"] * n_rows * row["e_event_pj"]
        off = float(np.abs(part["pj"] - expected).max() / np.abs(part["pj"]).max())
        name = f"{row['place']}, {row['layout']}: energy off rows times that of one"
        yield Check.at_most(name, off, 1e-9, n=len(part), source="counts times prices")
    for place in ("DRAM core", "DRAM, all"):
        kept, closed = (energy.where(place=place, layout=x)["pj"] for x in ("event, open pages", "event"))
        source = "a page found open is not opened"
        yield Check.holds(f"{place}: open pages cost no more", (kept <= closed).all(), n=len(kept), source=source)
