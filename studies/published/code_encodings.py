"""Bits of a sparse code on its way: addresses of active units, a bitmap, or one cell for each module.

Codes are drawn, each unit active with a given probability, or one cell in each module; their bits are counted code by
code. The mean over codes is held against the binomial law of the number of active units; where addresses stop to be
shorter than the bitmap, found by bisection over drawn codes, and what a block code saves, against the formulas; and no
encoding may fall below the information of what it can tell apart.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.files.table import Table
from sdrsim.hardware.encodings import aer_bits, aer_limit, bitmap_bits, code_bits, information_bits
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import worst_t
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Bits of a sparse code: addresses, bitmap, block code, against activity and size of module"
CITATION = (
    "address events: Mahowald 1992, thesis, Caltech; Boahen 2000, IEEE Trans. Circuits Syst. II 47:416; laws ours"
)
QUICK = {"n_codes": 100, "sizes": (64, 1024, 16_384)}

NAMES = {"aer": "addresses", "bitmap": "bitmap", "block": "block code"}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_units : int
        Units of the codes whose activity varies.
    activities : floats
        Probability that a unit is active.
    n_modules : int
        Modules of the block codes.
    module_sizes : ints
        Cells of a module.
    sizes : ints
        Units of the codes for which the limit of addresses is looked for.
    headers : ints
        Header bits of a packet there.
    n_codes : int
        Codes drawn for each point.
    """

    n_units: Annotated[int, Field(ge=2)] = 4096
    activities: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = (
        0.001,
        0.002,
        0.005,
        0.01,
        0.02,
        0.04,
        0.06,
        0.08,
        0.0833,
        0.09,
        0.12,
        0.2,
        0.5,
    )
    n_modules: Annotated[int, Field(ge=2)] = 16
    module_sizes: tuple[Annotated[int, Field(ge=2)], ...] = (2, 3, 4, 6, 8, 12, 16, 24, 32, 50, 64, 100, 128, 200, 256)
    sizes: tuple[Annotated[int, Field(ge=2)], ...] = (16, 64, 100, 256, 1000, 1024, 4096, 10_000, 16_384, 65_536)
    headers: tuple[Annotated[int, Field(ge=0)], ...] = (0, 8, 32)
    n_codes: Annotated[int, Field(ge=20)] = 1000


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'activity' (a row for a code), 'modules' (a row for a size of module), 'limit' (for units and header)."""
    parts = []
    for i, activity in enumerate(params.activities):
        drawn = stream(seed, f"activity {activity:g}").random((params.n_codes, params.n_units)) < activity
        parts.append(_measured(SDR.from_dense(drawn), activity))
        progress(i + 1, len(params.activities), "activities")
    sizes = [_of_modules(params, n, subseed(seed, f"module {n}")) for n in params.module_sizes]
    limits = [_limit(n, header, subseed(seed, f"limit {n}")) for n in params.sizes for header in params.headers]
    joined = Table({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})
    setting = {"n_units": [params.n_units], "n_modules": [params.n_modules]}
    return {
        "activity": joined,
        "modules": Table.from_rows(sizes),
        "limit": Table.from_rows(limits),
        "setting": setting,
    }


def _measured(codes: SDR, activity: float) -> dict[str, NDArray[Any]]:
    made = {name: code_bits(codes, name).bits.astype(float) for name in ("aer", "bitmap")}
    auto = code_bits(codes)
    return {
        "p_active": np.full(len(codes), activity),
        "n_active": codes.n_active,
        **made,
        "shortest": auto.bits.astype(float),
        "as_addresses": (auto.encoding == "aer").astype(float),
    }


def _of_modules(params: StudyParams, n_cells: int, seed: int) -> dict[str, Any]:
    codes = patterns.random_block(params.n_codes, params.n_modules, n_cells, seed=seed)
    row: dict[str, Any] = {"n_cells": n_cells, "n_codes": len(codes)}
    for name in ("aer", "bitmap", "block", "auto"):
        row[name] = float(code_bits(codes, name, n_modules=params.n_modules).bits.mean())
    return row


def _limit(n_units: int, header: int, seed: int) -> dict[str, Any]:
    """Most active units for which a drawn code is sent as addresses: bisection."""
    low, high = 0, n_units  # sent as addresses with none active, as a bitmap with all
    while high - low > 1:
        k = (low + high) // 2
        found = code_bits(patterns.random_sparse(1, n_units, k, seed=seed), header_bits=header)
        low, high = (k, high) if found.encoding[0] == "aer" else (low, k)
    return {"n_units": n_units, "header_bits": header, "limit": float(low)}


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Bits against activity, against the size of a module; the activity up to which addresses are shorter."""
    fig, axes = plotting.subplots(1, 3, (9.6, 3.1))
    _draw_activity(axes[0], tables)
    t, n_modules = tables["modules"], int(tables["setting"]["n_modules"][0])
    for name, colour, mark in (("bitmap", 1, "s"), ("aer", 0, "o"), ("block", 2, "^")):
        axes[1].plot(
            t["n_cells"], t[name], marker=mark, ms=3, lw=0.9, color=plotting.PALETTE[colour], label=NAMES[name]
        )
    axes[1].plot(t["n_cells"], n_modules * np.log2(t["n_cells"]), color="0.3", lw=0.9, ls="--", label="information")
    axes[1].set(title=f"b  one cell in each of {n_modules} modules", xlabel="cells of a module", ylabel="bits per code")
    axes[1].set(xscale="log", yscale="log")
    axes[1].legend(fontsize=6.5)
    t = tables["limit"]
    for i, header in enumerate(np.unique(t["header_bits"])):
        part, shade = t.where(header_bits=int(header)), plotting.PALETTE[i]
        line = np.unique(np.geomspace(part["n_units"].min(), part["n_units"].max(), 300).astype(int))
        axes[2].plot(line, aer_limit(line, header_bits=int(header)) / line, lw=0.7, color=shade)
        label = f"header {int(header)} bits"
        axes[2].plot(part["n_units"], part["limit"] / part["n_units"], "os^Dv"[i % 5], ms=3, color=shade, label=label)
    axes[2].set(title="c  addresses shorter up to; line: formula", xlabel="units", ylabel="share of active units")
    axes[2].set(xscale="log", ylim=(0, None))
    axes[2].legend(fontsize=6.5)
    return fig


def _draw_activity(ax: Any, tables: Mapping[str, Table]) -> None:
    t, n = tables["activity"], int(tables["setting"]["n_units"][0])
    activities = np.unique(t["p_active"])
    groups = [t.where(p_active=float(p)) for p in activities]
    for name, colour, mark in (("bitmap", 1, "s"), ("aer", 0, "o")):
        values = [g[name].mean() for g in groups]
        ax.plot(activities, values, mark, ms=3, color=plotting.PALETTE[colour], label=NAMES[name])
    line = np.geomspace(activities[0], activities[-1], 200)
    ax.plot(line, line * n * _width(n), lw=0.8, color=plotting.PALETTE[0])
    ax.axhline(n, lw=0.8, color=plotting.PALETTE[1])
    shortest = [g["shortest"].mean() for g in groups]
    ax.plot(activities, shortest, "x", ms=5, color="0.1", label="shortest")
    entropy = -n * (line * np.log2(line) + (1 - line) * np.log2(1 - line))
    ax.plot(line, entropy, color="0.3", lw=0.9, ls="--", label="information")
    ax.axvline(1 / _width(n), color="0.6", lw=0.7, ls=":")
    ax.set(title=f"a  {n:,} units; line: theory", xlabel="activity", ylabel="bits per code", xscale="log", yscale="log")
    ax.legend(fontsize=6.5, loc="upper left")


def _width(n: int) -> int:
    return (n - 1).bit_length()


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Mean bits against the binomial law; the limit of addresses; what blocks save; information; the shortest."""
    from scipy.stats import binom

    t, n = tables["activity"], int(tables["setting"]["n_units"][0])
    k = np.arange(n + 1)
    shortest = np.minimum(aer_bits(k, n), bitmap_bits(k, n))
    groups = [(float(p), t.where(p_active=float(p))) for p in np.unique(t["p_active"])]
    source = "N a ceil(log2 N): the number of active units is binomial"
    found = [
        worst_t("addresses: mean bits, worst |t|", [(g["aer"], n * p * _width(n)) for p, g in groups], source=source)
    ]
    expected = [(g["shortest"], float((binom.pmf(k, n, p) * shortest).sum())) for p, g in groups]
    source = "sum over k of the binomial probability times min(k ceil(log2 N), N)"
    mixed = [(v, e) for v, e in expected if v.std() > 0]  # all bitmaps: nothing varies
    found.append(worst_t("shortest: mean bits, worst |t|", mixed, source=source))
    more: dict[str, Any] = {"n": len(t), "kind": "law"}
    over = t["shortest"] - np.minimum(t["aer"], t["bitmap"])
    source = "the shortest is the shorter of the two, code by code"
    found.append(
        Check.within("shortest over the shorter, largest", float(np.abs(over).max()), 0.0, 0.0, source=source, **more)
    )
    below = float(np.min(t["shortest"] - information_bits(t["n_active"], n)))
    source = "log2 C(N, k): codes with k active units told apart; 1e-9 for the rounding of log gamma"
    found.append(Check.at_least("bits above the information, least", below, -1e-9, source=source, **more))
    wrong = (t["as_addresses"] == 1) != (t["n_active"] * _width(n) < n)
    tie = t["n_active"] * _width(n) == n
    source = "k ceil(log2 N) < N; of equals the one with fewer packets"
    found.append(Check.at_most("codes sent against the law", float((wrong & ~tie).sum()), 0.0, source=source, **more))
    return [*found, *_limits(tables["limit"]), *_modules(tables)]


def _limits(t: Table) -> list[Check]:
    widths = np.array([_width(int(n)) for n in t["n_units"]])
    expected = (t["n_units"] + t["header_bits"] - 1) // (t["header_bits"] + widths)  # the last k below the quotient
    source = "k (header + ceil(log2 N)) < header + N"
    more: dict[str, Any] = {"n": len(t), "kind": "law", "source": source}
    off = float(np.abs(t["limit"] - expected).max())
    return [Check.within("addresses shorter up to: distance from the formula, units", off, 0.0, 0.0, **more)]


def _modules(tables: Mapping[str, Table]) -> list[Check]:
    t, q = tables["modules"], int(tables["setting"]["n_modules"][0])
    widths = np.array([[_width(q * int(n)), _width(int(n))] for n in t["n_cells"]])
    saved = t["aer"] - t["block"]
    more: dict[str, Any] = {"n": int(t["n_codes"].sum()), "kind": "law"}
    source = "Q (ceil(log2 N) - ceil(log2 K))"
    off = float(np.abs(saved - q * (widths[:, 0] - widths[:, 1])).max())
    found = [Check.within("a block code saves: distance from the formula, bits", off, 0.0, 0.0, source=source, **more)]
    source = "one active cell in each of two modules or more: ceil(log2 N) > ceil(log2 K)"
    found.append(Check.at_least("a block code saves at least, bits", float(saved.min()), 1.0, source=source, **more))
    spare = (t["block"] - q * np.log2(t["n_cells"])) / q
    source = "Q log2 K is what the codes tell apart; rounding up costs less than a bit a module"
    found.append(
        Check(
            "block code: bits above the information, a module, least",
            float(spare.min()),
            0.0,
            1.0,
            source=source,
            **more,
        )
    )
    found.append(
        Check(
            "block code: bits above the information, a module, most",
            float(spare.max()),
            0.0,
            1.0,
            source=source,
            **more,
        )
    )
    over = float(np.abs(t["auto"] - np.minimum(t["block"], np.minimum(t["aer"], t["bitmap"]))).max())
    source = "the shortest of three"
    found.append(Check.within("blocks: shortest over the shorter, largest", over, 0.0, 0.0, source=source, **more))
    return found
