"""Burst waste: what a short row from DRAM costs, for the bits that were asked for.

DRAM moves whole bursts (64 bytes from DDR4 and HBM2, 128 from LPDDR4) out of pages that must be opened first. So a
row of a few bytes fetched alone pays for the rest of its burst and for its page; a long one, or rows that follow one
another in an open page, pay little beside the bits themselves. Three devices are followed burst by burst:

* apart: rows here and there, each beginning at a burst, from pages that other fetches have closed,
* unaligned: the same, rows beginning at any byte, so that many reach into one burst more,
* in order, open: rows one behind the other, pages kept open; a short row still takes a burst of its own,
* in order, closed: the same where the page is closed behind every row, which costs as much as rows apart,
* streamed: bytes without gaps, page after page.

Energies are those of the core, from data-sheet currents, and with the interface that this project assumes (grade C).
The LPDDR4 file has currents like DDR4's: an upper bound.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.files.table import Table
from sdrsim.hardware import Card, Placement, estimate
from sdrsim.hardware.dram import Dram, assumed_io, dram
from sdrsim.hardware.pages import PageTraffic, page_traffic
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Burst waste: energy of a useful bit from DDR4, LPDDR4 and HBM2 against the length of a row"
CITATION = "data-sheet currents of DRAMsim3 (Li et al. 2020, IEEE Comput. Archit. Lett. 19:106)"
QUICK = {"n_rows": 2000}

DEVICES: Mapping[str, tuple[str, str]] = {  # name of the device, card that has it
    "DDR4": ("DDR4-2400", "cmos45_ddr4"),
    "LPDDR4": ("LPDDR4-2400", "cmos22_lpddr4"),
    "HBM2": ("HBM2", "cmos7_hbm2"),
}
WAYS = ("apart", "unaligned", "in order, open", "in order, closed", "streamed")
LISTED: Mapping[str, tuple[float, float]] = {  # pJ/bit: from an open page; one burst from a page opened for it
    "DDR4": (5.7, 12.5),
    "LPDDR4": (6.1, 12.9),
    "HBM2": (1.6, 3.2),
}
ONE_BYTE, STREAMED = 797.8, 5.8  # pJ a useful bit of DDR4-2400, before the interface


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    row_bytes : ints
        Lengths of a row.
    n_rows : int
        Rows fetched at each length.
    memory_bytes : int
        Range of addresses that rows apart are drawn from.
    """

    row_bytes: tuple[Annotated[int, Field(ge=1)], ...] = tuple(1 << p for p in range(15))
    n_rows: Annotated[int, Field(ge=100)] = 20_000
    memory_bytes: Annotated[int, Field(ge=1 << 24)] = 1 << 33


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'waste' (a row a device, way and length) and 'devices'."""
    waste, devices = [], []
    for i, (name, (device, card)) in enumerate(DEVICES.items(), 1):
        d, e_io = dram(device), assumed_io(name)
        for row_bytes in params.row_bytes:
            estimated = _estimated(card, row_bytes, d)
            for way in WAYS:
                moved = _followed(params, d, way, row_bytes, seed)
                waste.append({"device": name, "way": way, **_row(d, e_io.value, row_bytes, moved, params.n_rows)})
                waste[-1] |= {"estimated": estimated if way == "apart" else float("nan")}
        devices.append(_device(name, d, e_io.value))
        progress(i, len(DEVICES), "devices")
    units = {"row_bytes": "bytes"} | dict.fromkeys(("core_pj", "total_pj", "estimated"), "pJ")
    about = {
        "useful": "useful share of what bursts carry",
        "core_pj": "energy of a useful bit, core alone",
        "total_pj": "energy of a useful bit, with interface",
        "estimated": "core, of a run priced on the card",
    }
    return {"waste": Table.from_rows(waste, units, about), "devices": Table.from_rows(devices)}


def _followed(params: StudyParams, d: Dram, way: str, row_bytes: int, seed: int) -> PageTraffic:
    """Rows of one length fetched in one way, burst by burst."""
    n, stride = params.n_rows, -(-row_bytes // d.burst_bytes) * d.burst_bytes
    if way == "streamed":
        n_pages = -(-n * row_bytes // d.page_bytes)
        return page_traffic(np.arange(n_pages) * d.page_bytes, d.page_bytes, dram=d)
    if way.startswith("in order"):
        return page_traffic(np.arange(n) * stride, row_bytes, dram=d, policy=way.rpartition(" ")[2])
    rng = stream(seed, f"{d.device}, {row_bytes} bytes, {way}")
    if way == "unaligned":
        starts = rng.integers(params.memory_bytes - row_bytes, size=n)
    else:
        starts = _aligned(rng, params.memory_bytes, row_bytes, d, n)
    return page_traffic(starts, row_bytes, dram=d, policy="closed")


def _aligned(rng: np.random.Generator, memory_bytes: int, row_bytes: int, d: Dram, n: int) -> NDArray[np.int64]:
    """First bytes of rows that begin at a burst and reach over no more pages than they must."""
    page = rng.integers(memory_bytes // d.page_bytes - row_bytes // d.page_bytes - 1, size=n)
    n_places = 1 + max(0, d.page_bytes - row_bytes) // d.burst_bytes
    return np.asarray(page * d.page_bytes + rng.integers(n_places, size=n) * d.burst_bytes)


def _row(d: Dram, e_io: float, row_bytes: int, moved: PageTraffic, n_rows: int) -> dict[str, Any]:
    n_bits = 8 * moved.n_bytes
    return {
        "row_bytes": row_bytes,
        "n_bytes": moved.n_bytes,
        "n_activates": moved.n_activates,
        "n_bursts": moved.n_bursts,
        "bursts_a_row": moved.n_bursts / n_rows,
        "useful": moved.useful_fraction(d),
        "core_pj": moved.energy_pj(d, e_io=0) / n_bits,
        "total_pj": moved.energy_pj(d, e_io=e_io) / n_bits,
    }


def _estimated(card: str, row_bytes: int, d: Dram, n_rows: int = 100) -> float:
    """Core energy of a useful bit by an estimate of rows apart; NaN below a word, which counters cannot tell."""
    if row_bytes < 8:
        return float("nan")
    t = Traffic(tensors={"W": Tensor(n_rows, row_bytes)})
    t.add("W", "retrieve", rows_read=n_rows, words_read=n_rows * -(-row_bytes // 8))
    report = estimate(t, Card.load(card), Placement(on_chip_bytes=0, policy="off_chip", page_policy="closed"))
    core = sum(e.nominal for e in report.entries if e.move.number in ("dram.e_rd", "dram.e_act"))
    return core / (8 * n_rows * row_bytes)


def _device(name: str, d: Dram, e_io: float) -> dict[str, Any]:
    return {
        "device": name,
        "e_act_pj": d.e_act.value,
        "e_rd_pj": d.e_rd.value,
        "e_io_pj_per_bit": e_io,
        "burst_bytes": d.burst_bytes,
        "page_bytes": d.page_bytes,
        "source": d.source,
        "grade": d.grade,
        "note": d.note,
    }


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Useful share; energy of a useful bit, core alone and with the interface."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.5))
    t = tables["waste"]
    _draw_ways(axes[0], t, "useful", {"apart": "-", "unaligned": ":"})
    ways = {"apart": "-", "in order, open": "--", "streamed": ":"}
    for ax, column in zip(axes[1:], ("core_pj", "total_pj")):
        _draw_ways(ax, t, column, ways)
        ax.set_yscale("log")
        ax.set_ylabel("energy of a useful bit (pJ)")
    axes[0].set_ylabel("useful share of bursts")
    axes[0].set_ylim(0, 1.04)
    for ax, title in zip(axes, ("a  useful share", "b  core alone", "c  with the interface")):
        ax.set_title(title)
        ax.set_xlabel("length of a row")
        ax.set_xscale("log", base=2)
        ticks = [1, 8, 64, 512, 4096]
        ax.set_xticks(ticks, [f"{x} B" if x < 1024 else f"{x >> 10} KiB" for x in ticks])
    low, high = axes[1].get_ylim()[0], axes[2].get_ylim()[1]
    for ax in axes[1:]:
        ax.set_ylim(low, high)
    _legend(fig)
    return fig


def _draw_ways(ax: "Axes", t: Table, column: str, ways: Mapping[str, str]) -> None:
    for i, device in enumerate(DEVICES):
        for way, style in ways.items():
            part = t.where(device=device, way=way)
            marker = "os^"[i] if way == "apart" else None
            look = {"ms": 6, "mfc": "none"} if column == "useful" and i == 0 else {"ms": 3}  # two devices in one place
            colour = plotting.PALETTE[i]
            ax.plot(part["row_bytes"], part[column], color=colour, ls=style, lw=0.9, marker=marker, **look)


def _legend(fig: "Figure") -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=plotting.PALETTE[i], marker="os^"[i], lw=0.9, label=name) for i, name in enumerate(DEVICES)
    ]
    names = {"rows apart": "-", "in order, pages open (b, c)": "--", "unaligned (a), streamed (b, c)": ":"}
    handles += [Line2D([], [], color="0.3", ls=style, lw=0.9, label=name) for name, style in names.items()]
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """One byte alone and streamed; rows apart by the formula and by an estimate; listed energies; unaligned rows."""
    t = tables["waste"]
    found = []
    ddr4 = t.where(device="DDR4", way="apart", row_bytes=1)
    source = "DDR4-2400: (3450.144 + 2932.224) / 8; a page of bursts and one activate; 1 %"
    more: dict[str, Any] = {"kind": "theory", "source": source}
    if len(ddr4):
        value, n = float(ddr4["core_pj"][0]), int(ddr4["n_bytes"][0])
        found.append(Check.within("DDR4, one byte alone: pJ", value, ONE_BYTE, 0.01 * ONE_BYTE, n=n, **more))
    streamed = t.where(device="DDR4", way="streamed")
    worst = streamed["core_pj"][np.argmax(np.abs(streamed["core_pj"] - STREAMED))]
    n = len(streamed)
    found.append(Check.within("DDR4, streamed: pJ a bit", float(worst), STREAMED, 0.01 * STREAMED, n=n, **more))
    for d in tables["devices"].rows():
        found += _formula(t.where(device=d["device"]), d)
        found += _listed(t.where(device=d["device"]), d)
        found.append(_unaligned(t.where(device=d["device"], way="unaligned"), d))
    return found


def _formula(t: Table, d: Mapping[str, Any]) -> Iterator[Check]:
    """Rows apart, and rows in order from pages that are closed, against the closed form; the estimate against it."""
    name = d["device"]
    source = "(pages e_act + bursts e_rd) / useful bits"
    for way in ("apart", "in order, closed"):
        part = t.where(way=way)
        size, bursts = part["row_bytes"], -(-part["row_bytes"] // d["burst_bytes"])
        pages = -(-size // d["page_bytes"])
        expected = (pages * d["e_act_pj"] + bursts * d["e_rd_pj"]) / (8 * size)
        kept = np.ones(len(size), bool) if way == "apart" else d["page_bytes"] % (bursts * d["burst_bytes"]) == 0
        off = float(np.abs(part["core_pj"] / expected - 1)[kept].max())
        yield Check.at_most(f"{name}, {way}: off the formula", off, 1e-9, n=int(kept.sum()), source=source)
        if way == "apart":
            known = np.isfinite(part["estimated"])
            if known.any():
                off = float(np.abs(part["estimated"] / expected - 1)[known].max())
                told = "a run priced on the card, rows of a word and more"
                yield Check.at_most(f"{name}: estimate off the formula", off, 1e-9, n=int(known.sum()), source=told)
            useful = size / (bursts * d["burst_bytes"])
            off = float(np.abs(part["useful"] - useful).max())
            told = "row over its bursts"
            yield Check.at_most(f"{name}: useful share off the formula", off, 1e-12, n=len(size), source=told)


def _listed(t: Table, d: Mapping[str, Any]) -> Iterator[Check]:
    """A burst from a page opened for it, and bits of an open page, against the table of energies by device."""
    name, (hit, alone) = d["device"], LISTED[d["device"]]
    source = "pJ/bit listed by device; half of the last digit, 0.05"
    more: dict[str, Any] = {"kind": "theory", "source": source}
    part = t.where(way="apart", row_bytes=int(d["burst_bytes"]))
    if len(part):
        yield Check.within(f"{name}, one burst of a page: pJ a bit", float(part["core_pj"][0]), alone, 0.05, **more)
    part = t.where(way="streamed")
    core = part["core_pj"] - part["n_activates"] * d["e_act_pj"] / (8 * part["n_bytes"])
    yield Check.within(f"{name}, pages open: pJ a bit", float(core.max()), hit, 0.05, n=len(part), **more)


def _unaligned(t: Table, d: Mapping[str, Any]) -> Check:
    """Mean bursts of a row that begins at any byte: ``1 + (L - 1) / B``; worst distance in standard errors."""
    size, burst = t["row_bytes"], int(d["burst_bytes"])
    share = ((size - 1) % burst) / burst
    error = np.sqrt(share * (1 - share) * size / t["n_bytes"])
    off = np.abs(t["bursts_a_row"] - (1 + (size - 1) / burst))
    z = np.where(error > 0, off / np.where(error > 0, error, 1), np.where(off > 1e-12, np.inf, 0.0))
    source = f"1 + (L - 1) / B, bytes drawn uniformly; the worst of {len(z)} lengths"
    name = f"{d['device']}, unaligned: bursts of a row, worst |z|"
    return Check.at_most(name, float(z.max()), 5.0, n=len(z), kind="theory", source=source)
