"""Fixed time: do storing and recognising an item take as long in a full memory as in an empty one?

The algorithm reads the rows of the active inputs, forms one sum a unit, and picks a winner in each CM; nothing in it
refers to the items stored (Rinkus 1996, 2010, 2014). Two measurements say so. The counters of the run (rows, words,
synaptic operations, sums, comparisons per item) must be the same number at every load: a law. The CPU time must have no
slope: the 95 % interval of its relative change over the range of loads lies inside -5 % .. +5 %.

How the time is taken. One thread, its own CPU time, garbage collection off, calls of 32 items. Fresh memories are
filled again and again; in each, every block of items is timed as it is stored, and then the recognition of one fixed
set of items (the first stored), so that drift of the machine does not look like a slope. Each pass is taken relative to
its own median; the curve is the median over passes. Passes are added until both intervals are narrower than 4 % of the
mean, or `max_passes` is reached: the rule looks at precision, never at the slope.

Chosen regime. 4,096 inputs, 32 active, Q 24, K 256: over 4,608 items no unit freezes and every item sets new weights.
A mac driven into saturation stores *faster* (frozen units and silent stores write nothing), an empty one recognises
slower (all units tie, ties are drawn), and the first blocks pay for pages the system hands out: none of these belongs
to the claim, so the range starts after the first blocks, and what was written and drawn is in the table. The saturation
monitor looks at the memory whenever the number of items passes a power of two; those items are stored off the clock.

For contrast: the plain list, which compares the probe with every stored item (packed codes, one AND and a population
count an item).
"""

import gc
import warnings
from collections.abc import Callable, Mapping
from itertools import pairwise
from time import thread_time_ns
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from sdrsim import measures, patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import SaturationWarning
from sdrsim.files.table import Table
from sdrsim.models.sparsey.mac import Mac, Response
from sdrsim.models.sparsey.params import MacParams
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Sparsey: storing and recognising take a fixed time, whatever is stored"
CITATION = "Rinkus 1996, thesis, Boston University; Rinkus 2010, Front. Neuroanat. 4:17; Rinkus 2014"
QUICK = {"min_passes": 8, "max_passes": 60}

MARGIN = 0.05  # of the mean over the whole range
WIDTH = 0.04  # of the intervals that end the passes
COUNTED = ("rows_read", "words_read", "words_written", "synops", "sums", "compares", "random_numbers")
FIXED = ("rows_read", "synops", "sums", "compares")  # counters that must not depend on the load


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_inputs, n_active : int
        Inputs, and how many are on in an item.
    n_cms, n_cells : int
        Q and K of the mac.
    block : int
        Items in a block, a power of two.
    n_blocks : int
        Blocks stored.
    n_warm : int
        First blocks, left out of the curve.
    min_passes, max_passes : int
        Fresh memories filled, at least and at most.
    """

    n_inputs: Annotated[int, Field(ge=2)] = 4096
    n_active: Annotated[int, Field(ge=1)] = 32
    n_cms: Annotated[int, Field(ge=1)] = 24
    n_cells: Annotated[int, Field(ge=2)] = 256
    block: Annotated[int, Field(ge=16)] = 256
    n_blocks: Annotated[int, Field(ge=5)] = 18
    n_warm: Annotated[int, Field(ge=0)] = 2
    min_passes: Annotated[int, Field(ge=3)] = 60
    max_passes: Annotated[int, Field(ge=3)] = 200

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.block & (self.block - 1):
            raise ValueError(f"a block that is a power of two, got {self.block}")
        if self.n_blocks - self.n_warm < 3:
            raise ValueError(f"three blocks after the warm-up, got {self.n_blocks} with n_warm {self.n_warm}")
        if self.min_passes > self.max_passes:
            raise ValueError(f"min_passes <= max_passes, got {self.min_passes} and {self.max_passes}")
        return self


class Passes(NamedTuple):
    """Microseconds an item, (passes, blocks), and the counters of the first pass by block."""

    store: list[NDArray[np.float64]]
    recognise: list[NDArray[np.float64]]
    counters: list[dict[str, float]]


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'time' and 'counters', a row for each block, and the traffic of the first pass."""
    items = patterns.random_sparse(params.block * params.n_blocks, params.n_inputs, params.n_active, seed=seed)
    size: dict[str, Any] = {"n_inputs": params.n_inputs, "n_cms": params.n_cms, "n_cells": params.n_cells}
    form, passes, traffic = MacParams(**size), Passes([], [], []), Traffic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        collecting = gc.isenabled()
        gc.disable()
        try:
            for i in range(params.max_passes):
                mac = Mac(form, seed=subseed(seed, f"mac {i}"))
                _fill(mac, items, params, passes)
                traffic = mac.traffic if i == 0 else traffic
                progress(i + 1, params.max_passes, "passes")
                if i + 1 >= params.min_passes and _precise(passes, params):
                    break
            searched = _search_list(items, params)
        finally:
            if collecting:
                gc.enable()
    return {"time": _times(passes, searched, params), "counters": _counters(passes, params), "traffic": traffic}


def _fill(mac: Mac, items: SDR, params: StudyParams, passes: Passes) -> None:
    """One pass: every block timed as it is stored, then the first block timed as it is recognised."""
    block, first = params.block, items[: params.block]
    store, recognise = np.empty(params.n_blocks), np.empty(params.n_blocks)
    for b in range(params.n_blocks):
        new, last = items[b * block : (b + 1) * block - 1], items[(b + 1) * block - 1]
        mac.recognise(new)  # the same cache state for every block
        store[b], stored = _timed(mac.store, new)
        mac.store(last)
        mac.recognise(first)
        recognise[b], recognised = _timed(mac.recognise, first)
        if len(passes.store) == 0:
            row = {f"store_{name}": stored.total(name) / len(new) for name in COUNTED}
            row |= {f"recognise_{name}": recognised.total(name) / block for name in COUNTED}
            passes.counters.append(row | {"share_set": mac.share_set, "share_frozen": mac.share_closed})
    passes.store.append(store)
    passes.recognise.append(recognise)


def _timed(work: Callable[[SDR], Response], codes: SDR, n_calls: int = 8) -> tuple[float, Traffic]:
    """CPU microseconds an item, and the traffic.

    Several calls: successive ones differ by up to a seventh, often in turn (presumably by the scratch memory they are
    given); within a block this averages out, between blocks it would look like noise.
    """
    ends = np.linspace(0, len(codes), n_calls + 1).astype(int)
    parts, spent, traffic = [codes[a:b] for a, b in pairwise(ends)], 0, Traffic()
    for part in parts:
        began = thread_time_ns()
        out = work(part)
        spent += thread_time_ns() - began
        traffic += out.traffic
    return spent / 1000 / len(codes), traffic


def _relative(passes: list[NDArray[np.float64]], params: StudyParams) -> NDArray[np.float64]:
    """(passes, blocks) without the warm-up, each pass over its own median."""
    timed = np.array(passes)[:, params.n_warm :]
    return np.asarray(timed / np.median(timed, axis=1, keepdims=True))


def _loads(params: StudyParams) -> NDArray[np.int64]:
    """Items stored at the end of each block of the curve."""
    return params.block * np.arange(params.n_warm + 1, params.n_blocks + 1)


def _precise(passes: Passes, params: StudyParams) -> bool:
    """Whether both slopes are known to within WIDTH of the mean over the range."""
    curves = (np.median(_relative(part, params), axis=0) for part in (passes.store, passes.recognise))
    slopes = [measures.no_slope(_loads(params), curve, MARGIN) for curve in curves]
    return all(slope.high - slope.low <= WIDTH for slope in slopes)


def _times(passes: Passes, searched: NDArray[np.float64], params: StudyParams) -> Table:
    columns: dict[str, Any] = {"n_stored": _loads(params)}
    about = {"n_stored": "items stored", "list_us": "plain list, a probe"}
    for name, part in (("store", passes.store), ("recognise", passes.recognise)):
        scale = float(np.median(np.array(part)[:, params.n_warm :]))
        low, middle, high = scale * np.quantile(_relative(part, params), (0.25, 0.5, 0.75), axis=0)
        columns |= {f"{name}_us": middle, f"{name}_us_q25": low, f"{name}_us_q75": high}
        about |= {f"{name}_us": f"CPU time, {name}", f"{name}_us_q25": "lower quartile of the passes"}
    columns |= {"list_us": searched, "n_passes": np.full(len(searched), len(passes.store))}
    units = {name: "us" for name in columns if "_us" in name} | {"n_passes": "passes, as the time needs"}
    return Table(columns, units, about)


def _counters(passes: Passes, params: StudyParams) -> Table:
    rows = [{"n_stored": params.block * (b + 1)} | row for b, row in enumerate(passes.counters)]
    about = {
        f"{part}_{name}": f"{name.replace('_', ' ')} an item" for part in ("store", "recognise") for name in COUNTED
    }
    return Table.from_rows(rows, descriptions=about | {"n_stored": "items stored", "share_set": "share of weights set"})


def _search_list(items: SDR, params: StudyParams, n_probes: int = 16) -> NDArray[np.float64]:
    """Microseconds a probe of the plain list at each load, one probe after another: the median of five rounds."""
    packed, out = items.packed(), []
    for n in _loads(params):
        stored, rounds = packed[:n], []
        for _ in range(5):
            began = thread_time_ns()
            for probe in packed[:n_probes]:
                np.bitwise_count(stored & probe).sum(axis=1).argmax()
            rounds.append((thread_time_ns() - began) / 1000 / n_probes)
        out.append(float(np.median(rounds)))
    return np.array(out)


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Two panels over the load: CPU time of both operations beside the plain list; their change in the margin."""
    t = tables["time"]
    fig, axes = plotting.subplots(1, 2, plotting.DOUBLE_COLUMN)
    for name, colour, marker in zip(("store", "recognise"), plotting.PALETTE, "os"):
        axes[0].plot(t["n_stored"], t[f"{name}_us"], color=colour, marker=marker, label=f"mac, {name}")
        _draw_change(axes[1], t, name, colour, marker)
    axes[0].plot(t["n_stored"], t["list_us"], color="0.4", marker="^", label="plain list, recognise")
    axes[0].set(title="a  CPU time an item", xlabel="items stored", ylabel="CPU time (µs)", yscale="log")
    axes[0].set_xlim(0, None)
    axes[0].legend(loc="center right")
    axes[1].axhspan(-100 * MARGIN, 100 * MARGIN, color="0.93", lw=0, zorder=0)
    axes[1].axhline(0, color="0.6", lw=0.6, ls=":")
    axes[1].set(
        title=f"b  change; grey: the margin of ±{MARGIN:.0%}", xlabel="items stored", ylabel="from the mean (%)"
    )
    axes[1].set(xlim=(0, None), ylim=(-300 * MARGIN, 300 * MARGIN))
    axes[1].legend(loc="lower center")
    return fig


def _draw_change(ax: "Axes", t: Table, name: str, colour: str, marker: str) -> None:
    """Medians and quartiles over passes, the fitted line and its interval in words."""
    x, mean = t["n_stored"], float(t[f"{name}_us"].mean())
    y, low, high = (100 * (t[f"{name}_us{part}"] / mean - 1) for part in ("", "_q25", "_q75"))
    slope = measures.no_slope(x, t[f"{name}_us"], MARGIN)
    label = f"{name}: {slope.relative_change:+.1%} [{slope.low:+.1%}, {slope.high:+.1%}] over the range"
    ax.vlines(x, low, high, color=colour, lw=0.8)
    ax.plot(x, y, ls="", color=colour, marker=marker, label=label)
    ax.plot(x, 100 * slope.relative_change * (x - x.mean()) / np.ptp(x), color=colour, lw=1)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Laws on the counters, and no slope of the CPU time."""
    time, counters = tables["time"], tables["counters"]
    found, n = [], len(counters)
    for part in ("store", "recognise"):
        names = [f"{part}_{name}" for name in FIXED] + ([] if part == "store" else ["recognise_words_read"])
        spread = max(float(np.ptp(counters[name])) for name in names)
        source = "Rinkus 2014, Table 1: no step refers to the items stored"
        found.append(Check.at_most(f"{part}: operations an item, spread over loads", spread, 0, n=n, source=source))
    written = float((counters["store_words_written"] - counters["recognise_words_read"]).max())
    source = "learning touches no other rows than those of the active inputs"
    found.append(Check.at_most("store: words written beyond the rows read", written, 0, n=n, source=source))
    for part in ("store", "recognise"):
        slope = measures.no_slope(time["n_stored"], time[f"{part}_us"], MARGIN)
        far = max(abs(slope.low), abs(slope.high))
        source = "Rinkus 1996, 2010, 2014: fixed time; 95 % interval of the change over the range inside the margin"
        more: dict[str, Any] = {"n": int(time["n_passes"][0]), "kind": "published", "source": source}
        found.append(Check.at_most(f"{part}: CPU time, far end of the interval of its change", far, MARGIN, **more))
    return found
