"""Crossbar or SRAM: what it costs to add up some rows of weights, against how many are active at once.

An SRAM reads each active row, n bits in words of its port, and adds them. An analog crossbar drives all active rows
together and converts every column once, whatever their number: for one row the converter costs more than reading the
bits, and many rows share it. They cross at ``s* = e_convert / (e_read / w + e_add - e_cell - e_dac / n)`` rows, with w
bits a word of the SRAM, n columns, and a shift-and-add in `e_convert`. Both sides belong to 32 nm: SRAM from runs of
CACTI, converters after ISAAC; those of NeuRRAM, scaled and 26 times cheaper, stand beside. Cells are known to an order
of magnitude (1 to 10 fJ). One weight is one bit; writing, 1 to 100 pJ a cell, is left out.

That all active rows lie in one array is the best case. Arrays have 128 rows: a real Willshaw memory is asked in one
step, and the arrays that the rows of each cue touch are counted from its trace. Each of them converts its columns, and
their sums are added. Sparse codes spread over many arrays: the advantage waits until a cue has several rows in each.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, comb
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.errors import MixedNodesWarning
from sdrsim.files.table import Table
from sdrsim.hardware import Card, Placement, Report, estimate
from sdrsim.hardware.levels import Level, in_bytes
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Analog crossbar against SRAM: energy of adding up rows, against the rows active at once"
CITATION = (
    "converters after Shafiee et al. 2016 (ISAAC) and Wan et al. 2022 (NeuRRAM), SRAM from CACTI 7; comparison ours"
)
QUICK = {"n_units": 2048, "n_cues": 60, "active": (2, 8, 32, 128)}

ARRAY_ROWS = 128
CONVERTERS = {"ISAAC": None, "NeuRRAM": 0.065}  # pJ a conversion; None: the card's
FALSE_ALARM = 1e-4
_DIGITAL = ("neuron_update", "compare", "rng")

Size = Annotated[int, Field(ge=1 << 10, le=2 << 20)]


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_columns : int
        Columns, or bits of a row; the matrix fills the memory.
    capacities : ints
        Of the SRAM, in bytes.
    ports : ints
        Bits of a word of the SRAM.
    most_rows : int
        Active rows tried, from 1 on.
    n_units : int
        Units of the Willshaw memory; at most as many as the crossbar holds.
    active : ints
        Rows that a cue activates.
    n_cues : int
    """

    n_columns: Annotated[int, Field(ge=64)] = 1024
    capacities: tuple[Size, ...] = tuple(1 << n for n in range(13, 22))
    ports: tuple[Literal[64, 128, 256, 512, 1024], ...] = (64, 1024)
    most_rows: Annotated[int, Field(ge=2, le=4096)] = 256
    n_units: Annotated[int, Field(ge=256, le=4096)] = 4096
    active: tuple[Annotated[int, Field(ge=1, le=2048)], ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    n_cues: Annotated[int, Field(ge=20)] = 500


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'read' (energy by active rows), 'crossing', 'memory' (real cues, by rows of a cue); the traffic."""
    read: list[dict[str, Any]] = []
    crossing: list[dict[str, Any]] = []
    n, rows = params.n_columns, np.arange(1, params.most_rows + 1)
    analog = {name: _crossbar(pj) for name, pj in CONVERTERS.items()}
    curves = {name: _sweep(card, params.most_rows, n, rows) for name, card in analog.items()}
    for name, curve in curves.items():
        read += _read_rows(f"crossbar, {name}", rows, curve, n)
    for i, capacity in enumerate(params.capacities):
        for port in params.ports:
            card = _sram(capacity, port)
            held = rows[: capacity * 8 // n]
            curve = _sweep(card, capacity * 8 // n, n, held)
            read += _read_rows(f"SRAM {in_bytes(capacity)}, {port} bits", held, curve, n)
            for name, other in curves.items():
                cheaper = np.flatnonzero(other["pj"][: len(held)] < curve["pj"])
                found = int(held[cheaper[0]]) if len(cheaper) else -1
                row = {"converter": name, "capacity": capacity, "port": port, "most": len(held), "crossing": found}
                crossing.append(row | {"theory": _crossing(analog[name], card, port, n)})
        progress(i + 1, len(params.capacities), "capacities")
    memory, traffic = _memory(params, seed)
    return {
        "read": Table.from_rows(read, dict.fromkeys(("pj", "low_pj", "high_pj", "pj_per_synop"), "pJ")),
        "crossing": Table.from_rows(crossing, {"capacity": "bytes", "port": "bits"}, {"crossing": "-1: not in range"}),
        "memory": memory,
        "traffic": traffic,
    }


def _crossbar(adc: float | None = None) -> Card:
    """The card, with room for the sums beside its cells, and another converter if one is given (pJ)."""
    card = Card.load("crossbar").replace({"array.capacity_bytes": 8 << 20})
    return card if adc is None else card.replace({"compute.adc": adc})


def _sram(capacity: int, port: int) -> Card:
    """One SRAM at the node of the crossbar, with its digital operations."""
    crossbar = Card.load("crossbar")
    level = Level.of_sram("sram", model="cacti", capacity_bytes=capacity, node_nm=32, word_bits=port)
    level = replace(level, capacity_bytes=2 * capacity)  # priced as asked for, with room for the sums beside the rows
    return Card("sram_32nm", "SRAM at 32 nm", (level,), crossbar.compute, node_nm=32, op_rate=crossbar.op_rate)


def _event(n_rows: int, n_columns: int, active: int, n_items: int = 1) -> Traffic:
    """Some rows read and added up."""
    t = Traffic(tensors={"W": Tensor(n_rows, ceil(n_columns / 8))})
    words = ceil(n_columns / 64)
    counts = {"rows_read": active, "words_read": active * words, "synops": active * n_columns, "sums": n_columns}
    t.add("W", "retrieve", **{name: n_items * value for name, value in counts.items()})
    return t


def _priced(traffic: Traffic, card: Card) -> Report:
    """The rows pinned on the chip; sums in registers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)  # only what both sides do to the sums is of 45 nm
        return estimate(traffic, card, Placement(tensors={"W": "pin"}), phase="retrieve")


def _adding(report: Report) -> tuple[float, float, float]:
    """Low, nominal, high energy of reading and adding alone: without what both sides do to the sums."""
    mine = [e for e in report.entries if e.move.role in ("weight", "compute") and e.move.what not in _DIGITAL]
    return sum(e.low for e in mine), sum(e.nominal for e in mine), sum(e.high for e in mine)


def _sweep(card: Card, n_rows: int, n: int, rows: Sequence[int] | Any) -> dict[str, Any]:
    found = np.array([_adding(_priced(_event(n_rows, n, int(s)), card)) for s in rows])
    return dict(zip(("low_pj", "pj", "high_pj"), found.T))


def _read_rows(memory: str, rows: Any, curve: Mapping[str, Any], n: int) -> Iterator[dict[str, Any]]:
    for i, active in enumerate(rows):
        values = {name: float(v[i]) for name, v in curve.items()}
        yield {"memory": memory, "active": int(active), **values, "pj_per_synop": values["pj"] / int(active) / n}


def _crossing(analog: Card, sram: Card, port: int, n: int) -> float:
    """Rows at which both cost the same, from the prices alone; infinite where the SRAM is always cheaper."""
    e_read = sram.level("sram").e_read
    assert e_read is not None
    row = ceil(n / port) * e_read.value + n * (sram.op("add_int8").value - analog.op("cell_read").value)
    row -= analog.op("dac").value
    return n * (analog.op("adc").value + analog.op("shift_add").value) / row if row > 0 else float("inf")


def _memory(params: StudyParams, seed: int) -> tuple[Table, Traffic]:
    """Cues of a real memory: all rows in one array, in arrays of 128, and in SRAM; energies of adding alone."""
    n, total, rows = params.n_units, Traffic(), []
    analog, sram = _crossbar(), _sram(max(1 << 10, n * n // 8), 64)
    prices = {name: analog.op(name).value for name in ("adc", "shift_add", "add_int8")}
    for active in sorted(a for a in params.active if 2 * a <= n):
        key = subseed(seed, f"{active} active")
        memory = WillshawMemory(n, 2 * active, seed=key)
        x = patterns.random_sparse(params.n_cues, n, 2 * active, seed=key)
        memory.store(x[:10])  # what is read follows from the cue
        found = memory.recall(patterns.erase(x, 0.5, seed=key), max_iterations=1, trace=True)
        assert found.traffic.trace is not None
        read = found.traffic.trace["row"].reshape(params.n_cues, -1)
        arrays = np.array([len(np.unique(cue // ARRAY_ROWS)) for cue in read])
        work, mean = found.traffic.without_trace(), float(arrays.mean())
        one, digital = (_adding(_priced(work, card))[1] / params.n_cues for card in (analog, sram))
        # every array beyond the first converts its columns again, and its sums are added
        spread = one + n * (mean - 1) * sum(prices.values())
        synops = work.total("synops") / params.n_cues
        row = {"active": read.shape[1], "n_units": n, "n_cues": params.n_cues, "arrays": mean}
        row |= {"arrays_deviation": float(arrays.std(ddof=1)), "arrays_theory": _touched(n, read.shape[1])}
        energies = {"one_array": one, "many_arrays": spread, "sram": digital}
        rows.append(row | {f"{name}_pj_per_synop": pj / synops for name, pj in energies.items()})
        total += work.prefixed(f"{active} active")
    units = {name: "pJ" for name in rows[0] if name.endswith("_pj_per_synop")}
    return Table.from_rows(rows, units, {"arrays": "arrays of 128 rows that the rows of a cue touch, mean"}), total


def _touched(n_rows: int, active: int) -> float:
    """Mean number of arrays of 128 rows that some rows, drawn without replacement, touch."""
    sizes = [min(ARRAY_ROWS, n_rows - first) for first in range(0, n_rows, ARRAY_ROWS)]
    return float(sum(1 - comb(n_rows - size, active) / comb(n_rows, active) for size in sizes))


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Energy an operation by active rows; where they cross; a real memory over many arrays."""
    fig, axes = plotting.subplots(1, 3, (11.0, 3.9))
    _draw_read(axes[0], tables["read"], tables["crossing"])
    _draw_crossing(axes[1], tables["crossing"])
    t = tables["memory"]
    for i, (name, label) in enumerate(
        (
            ("one_array", "crossbar, one array"),
            ("many_arrays", "crossbar, arrays of 128 rows"),
            ("sram", "SRAM, 64 bits"),
        )
    ):
        look: dict[str, Any] = {"marker": "os^"[i], "ms": 3.5, "color": plotting.PALETTE[(0, 3, 1)[i]]}
        axes[2].plot(t["active"], t[f"{name}_pj_per_synop"], label=label, **look)
    n = int(t["n_units"][0])
    axes[2].set(xscale="log", yscale="log", xlabel="active rows of a cue", ylabel="pJ / synaptic operation")
    axes[2].set_title(f"c  cues of a memory of {n:,} units")
    axes[2].legend(fontsize=7)
    return fig


def _draw_read(ax: "Axes", t: Table, crossing: Table) -> None:
    n = float((t["pj"] / t["pj_per_synop"] / t["active"])[0])
    for i, name in enumerate(CONVERTERS):
        part, colour = t.where(memory=f"crossbar, {name}"), plotting.PALETTE[(0, 5)[i]]
        ax.plot(part["active"], part["pj_per_synop"], color=colour, label=f"crossbar, {name}")
        low, high = (part[what] / part["active"] / n for what in ("low_pj", "high_pj"))
        ax.fill_between(part["active"], low, high, color=colour, alpha=0.15, lw=0)
    sizes = np.unique(crossing["capacity"])
    chosen = [(int(sizes[-1]), 64), (int(sizes[len(sizes) // 2]), 64), (int(sizes[0]), 64), (int(sizes[-1]), 1024)]
    for i, (size, port) in enumerate(chosen):
        part = t.where(memory=f"SRAM {in_bytes(size)}, {port} bits")
        if len(part):
            style: dict[str, Any] = {"color": plotting.PALETTE[(1, 4, 2, 3)[i]], "ls": "--", "lw": 1}
            ax.plot(part["active"], part["pj_per_synop"], label=part["memory"][0], **style)
    ax.set(xscale="log", yscale="log", xlabel="rows active at once", ylabel="pJ / synaptic operation")
    ax.set_title("a  adding up rows, all in one array")
    ax.legend(fontsize=6.5, loc="lower left")


def _draw_crossing(ax: "Axes", t: Table) -> None:
    for i, port in enumerate(np.unique(t["port"])):
        for j, name in enumerate(CONVERTERS):
            part = t.where(port=int(port), converter=name)
            inside = np.isfinite(part["theory"])
            style: dict[str, Any] = {"color": plotting.PALETTE[(0, 5)[j]], "ls": "-:"[i % 2], "marker": "os"[i % 2]}
            label = f"{name}, port of {port} bits"
            ax.plot(part["capacity"][inside] / 1024, part["theory"][inside], ms=3.5, label=label, **style)
    ax.axhline(1, color="0.7", lw=0.7)
    ax.set(xscale="log", yscale="log", xlabel="capacity of the SRAM (KiB)", ylabel="rows at which both cost the same")
    ax.set_title("b  the crossing")
    ax.legend(fontsize=7)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The estimate against the card's own formula, crossings, what one row costs, arrays touched."""
    from scipy.stats import norm

    read, crossing, memory = (tables[name] for name in ("read", "crossing", "memory"))
    n = round(float((read["pj"] / read["pj_per_synop"] / read["active"])[0]))
    part = read.where(memory="crossbar, ISAAC")
    card = _crossbar()
    formula = [(card.crossbar_read(int(s), n) + card.op("shift_add") * n).value for s in part["active"]]
    found = [
        Check.at_most(
            "crossbar: the estimate against the formula of the card, worst",
            np.abs(part["pj"] / formula - 1).max(),
            1e-9,
            n=len(part),
            source="s e_dac + n (s e_cell + e_adc + e_shift)",
        )
    ]
    # a whole number of rows: the first above the real-valued crossing, where it lies among the rows tried
    ahead = np.floor(crossing["theory"]) + 1
    expected = np.where(ahead <= crossing["most"], ahead, -1)
    source = f"s* from the prices; {len(crossing)} memories and converters"
    wrong = int((expected != crossing["crossing"]).sum())
    found.append(Check.within("crossings away from theory", wrong, 0, 0, n=len(crossing), kind="theory", source=source))
    isaac = crossing.where(converter="ISAAC")
    source = "one row: a conversion a column, against the bits of the row; ISAAC, CACTI 7 at 32 nm"
    found.append(
        Check.at_least("least rows at which a crossbar wins", isaac["theory"].min(), 1, n=len(isaac), source=source)
    )
    falls = np.diff(part["pj_per_synop"]).max()
    found.append(
        Check.at_most("crossbar: energy an operation falls with rows", falls, 0, n=len(part), source="s e_adc shared")
    )
    many = (memory["many_arrays_pj_per_synop"] / memory["one_array_pj_per_synop"]).min()
    source = "each array converts"
    found.append(Check.at_least("many arrays over one, least", many, 1, n=len(memory), source=source))
    # enough rows that share an array, and arrays without a row, for a normal law
    most = np.minimum(memory["active"], np.ceil(memory["n_units"] / ARRAY_ROWS))
    drawn = memory.take(memory["n_cues"] * (most - memory["arrays_theory"]) >= 10)
    error = drawn["arrays_deviation"] / np.sqrt(drawn["n_cues"])
    z = np.abs(drawn["arrays"] - drawn["arrays_theory"]) / error
    limit = float(norm.isf(FALSE_ALARM / 2 / max(1, len(drawn))))
    more: dict[str, Any] = {"n": len(drawn), "kind": "theory", "source": "rows drawn without replacement, mean exact"}
    if len(drawn):
        found.append(Check.at_most("arrays that a cue touches, worst |z|", z.max(), limit, **more))
    return found
