"""Energy at equal error: three families and the plain list, the same items, the same cues, two chips.

Items are block codes (16 clusters of 64 units); cues are items with half of their units erased. As many items are
stored as a Willshaw memory takes until it errs on 1 % of the cues (mean over networks). On the same items and cues a
clique memory, the smallest mac of a ladder that errs on at most 1 %, sparse Hopfield retrieval and the nearest stored
pattern (the plain list) are run; the last two hold many more items at that error, which is no merit of a memory that
keeps every item.

All five are priced from the counters and access traces of the very runs: retrieval a cue and storing an item apart,
static energy apart, for on-chip memories from small to all-holding. Energies are shown for one correctly recalled bit:
the erased half of an item is ``n_erased log2(cluster_size)`` bits, times the share of exact answers. Caches start
empty, so that first touches come from outside the chip. A mac's recall reads its whole matrix backwards from the code,
row by row, to find the inputs: that, and not its code selection, is what it pays for here.
"""

import warnings
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import log2
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim import measures, patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import MixedNodesWarning, SaturationWarning
from sdrsim.files.table import Table
from sdrsim.hardware import Comparison, Placement, compare
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.sparsey import Mac, MacParams
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Energy at equal error: three families and the plain list on two chips"
CITATION = "this project: counters and traces of the runs; prices and their sources are those of the cards"
QUICK = {
    "n_networks": 2,
    "n_cues": 200,
    "cluster_size": 32,
    "most_items": 800,
    "step": 50,
    "capacities": (4096, 1 << 20),
}

WILLSHAW, CLIQUE, MAC, HOPFIELD, LIST = "Willshaw", "cliques", "Sparsey mac", "sparse Hopfield", "plain list"
MEMORIES = (WILLSHAW, CLIQUE, MAC, HOPFIELD, LIST)
LADDER = ((4, 16), (4, 32), (8, 16), (8, 32), (8, 64), (12, 64), (16, 64), (24, 64), (24, 128), (32, 128))


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_clusters, cluster_size : int
        Of the items.
    fraction_erased : float
        Of the active units of a cue.
    target : float
        Share of cues that may be answered wrongly.
    most_items, step : int
        Items that loads are looked for in, and their grid.
    n_networks, n_cues : int
        Networks over which errors are taken; cues in each (the first stored items).
    cards : two or more card names
    capacities : on-chip bytes
    """

    n_clusters: Annotated[int, Field(ge=4, le=64)] = 16
    cluster_size: Annotated[int, Field(ge=8, le=256)] = 64
    fraction_erased: Annotated[float, Field(gt=0, lt=1)] = 0.5
    target: Annotated[float, Field(gt=0, lt=1)] = 0.01
    most_items: Annotated[int, Field(ge=10)] = 4000
    step: Annotated[int, Field(ge=1)] = 50
    n_networks: Annotated[int, Field(ge=2)] = 5
    n_cues: Annotated[int, Field(ge=50)] = 1000
    cards: tuple[str, ...] = ("cmos45_ddr4", "cmos7_hbm2")
    capacities: tuple[Annotated[int, Field(ge=0)], ...] = (0, 4096, 16384, 65536, 262_144, 1 << 20, 4 << 20)


# ---- run ------------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'memories' (error and size of each), 'loads' (how the number of items was found), 'energy' and 'parts'
    (what `compare` gives, for retrieval and storing), the setting, and the traffic.
    """
    keys = [subseed(seed, f"network {i}") for i in range(params.n_networks)]
    items = [patterns.random_block(params.most_items, params.n_clusters, params.cluster_size, seed=k) for k in keys]
    n_items, loads = _load(params, keys, items)
    progress(1, 4, "load found")
    size = _smallest_mac(params, keys, items, n_items)
    progress(2, 4, "mac found")
    rows, runs, traffic = [], {}, Traffic()
    for name in MEMORIES:
        errors = [_error(name, params, size, x[:n_items], k) for k, x in zip(keys, items)]
        rate = measures.spread([e.value for e in errors], params.n_networks * params.n_cues)
        memory = _made(name, params, keys[0], size)
        stored = memory.store(items[0][:n_items], trace=True)
        recalled = _recall(name, memory, params, _cues(params, items[0], keys[0]), trace=True)
        runs[name] = (stored.traffic, recalled.traffic)
        traffic += (stored.traffic.without_trace() + recalled.traffic.without_trace()).prefixed(name)
        row = {"memory": name, "error": rate.value, "error_low": rate.low, "error_high": rate.high}
        rows.append(row | {"n_items": n_items, "n_synapses": memory.n_synapses, "n_bytes": memory.n_bytes})
    progress(3, 4, "memories run")
    memories = Table.from_rows(rows, units={"n_bytes": "bytes"})
    energy, parts = _priced(params, runs, memories, n_items)
    progress(4, 4, "priced")
    setting: dict[str, Any] = {
        "target": [params.target],
        "bits": [_bits(params)],
        "n_cms": [size[0]],
        "n_cells": [size[1]],
        "n_cues": [params.n_cues],
        "n_networks": [params.n_networks],
    }
    return {
        "memories": memories,
        "loads": loads,
        "energy": energy,
        "parts": parts,
        "setting": Table(setting),
        "traffic": traffic,
    }


def _cues(params: StudyParams, x: SDR, key: int) -> SDR:
    return patterns.erase(x[: params.n_cues], params.fraction_erased, seed=key)


def _bits(params: StudyParams) -> float:
    """Bits that a recall has to add to its cue."""
    return round(params.fraction_erased * params.n_clusters) * log2(params.cluster_size)


def _made(name: str, params: StudyParams, key: int, size: tuple[int, int]) -> Any:
    n_units = params.n_clusters * params.cluster_size
    if name == WILLSHAW:
        return WillshawMemory(n_units=n_units, n_active=params.n_clusters, seed=key)
    if name == CLIQUE:
        return CliqueMemory(params.n_clusters, params.cluster_size, seed=key)
    if name == MAC:
        mac = MacParams(n_inputs=n_units, n_cms=size[0], n_cells=size[1], match="cosine", g_minus=0.9)
        return Mac(mac, seed=key)
    return SparseHopfield(alpha=1.5, beta=4.0) if name == HOPFIELD else SparseHopfield(alpha=float("inf"))


def _recall(name: str, memory: Any, params: StudyParams, cues: SDR, trace: bool = False) -> Any:
    """As each family is meant to be asked; a mac is told how many units an item has, as the others know it."""
    if name == WILLSHAW:
        return memory.recall(cues, max_iterations=4, trace=trace)
    if name == CLIQUE:
        return memory.recall(cues, rule="sum_of_max", max_iterations=4, trace=trace)
    if name == MAC:
        return memory.recall(cues, k=params.n_clusters, trace=trace)
    return memory.recall(cues, trace=trace)


def _error(name: str, params: StudyParams, size: tuple[int, int], x: SDR, key: int) -> measures.Rate:
    """Share of the cues that a memory of all of x answers wrongly."""
    memory = _made(name, params, key, size)
    memory.store(x)
    codes = _recall(name, memory, params, _cues(params, x, key)).codes
    return measures.exact_error(codes, x[: params.n_cues])


def _load(params: StudyParams, keys: list[int], items: list[SDR]) -> tuple[int, Table]:
    """The most items, on the grid, with a mean error of at most the target: the loads are halved into."""
    tried: dict[int, list[float]] = {}

    def mean_error(n: int) -> float:
        if n not in tried:
            tried[n] = [_error(WILLSHAW, params, (0, 0), x[:n], k).value for x, k in zip(items, keys)]
        return float(np.mean(tried[n]))

    low, high = -(-params.n_cues // params.step), params.most_items // params.step
    while high - low > 1:
        middle = (low + high) // 2
        if mean_error(middle * params.step) <= params.target:
            low = middle
        else:
            high = middle
    n = low * params.step
    mean_error(n)
    rows = [{"n_items": m, "network": i, "error": e} for m in sorted(tried) for i, e in enumerate(tried[m])]
    return n, Table.from_rows(rows)


def _smallest_mac(params: StudyParams, keys: list[int], items: list[SDR], n_items: int) -> tuple[int, int]:
    for size in LADDER:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)  # too small a mac is what is looked for
            errors = [_error(MAC, params, size, x[:n_items], k).value for k, x in zip(keys, items)]
        if np.mean(errors) <= params.target:
            return size
    return LADDER[-1]


def _priced(
    params: StudyParams, runs: Mapping[str, tuple[Traffic, Traffic]], memories: Table, n_items: int
) -> tuple[Table, Table]:
    """Retrieval a cue and storing an item, for every card and capacity; and the same by place and role."""
    places, tables, parts = [Placement(on_chip_bytes=n) for n in params.capacities], [], []
    for phase, which, n in (("learn", 0, n_items), ("retrieve", 1, params.n_cues)):
        asked = {
            row["memory"]: {
                "traffic": runs[row["memory"]][which],
                "n_items": n,
                "score": 1 - row["error"],
                "bits": _bits(params) * (1 - row["error"]),
            }
            for row in memories.rows()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", MixedNodesWarning)  # nodes stand in the table
            found: Comparison = compare(asked, params.cards, places, phase=phase)
        tables.append(found.with_columns(phase=phase))
        parts.append(found.parts.with_columns(phase=phase))
    return Table.concat(tables), Table.concat(parts)


# ---- draw -----------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Dynamic energy a bit against capacity, a panel a card; what an item costs at the largest capacity."""
    energy, parts = tables["energy"].where(phase="retrieve"), tables["parts"]
    cards = list(dict.fromkeys(energy["card"].tolist()))
    fig, axes = plotting.subplots(1, len(cards) + 1, (3.6 * len(cards) + 4.2, 3.6))
    bits = float(tables["setting"]["bits"][0])
    for ax, card, letter in zip(axes, cards, "abcdef"):
        for i, name in enumerate(MEMORIES):
            t = energy.where(card=card, memory=name)
            right = bits * t["score"]
            x = np.maximum(t["on_chip_bytes"], 2048) / 1024
            y = (t["pj"] - t["static_pj"]) / right
            style = {"color": plotting.PALETTE[i], "marker": "osD^v"[i], "ms": 3, "ls": "--" if name == LIST else "-"}
            ax.plot(x, y, label=name, **style)
        ax.set(xscale="log", yscale="log", title=f"{letter}  {card}", xlabel="memory on the chip (KiB; leftmost: none)")
        ax.set_ylabel("dynamic energy a recalled bit (pJ)")
    axes[0].legend(fontsize="small")
    _draw_bars(axes[-1], parts, cards[0], int(energy["on_chip_bytes"].max()))
    axes[-1].set_title(f"{'abcdef'[len(cards)]}  {cards[0]}, all on the chip")
    return fig


def _draw_bars(ax: Any, parts: Table, card: str, capacity: int) -> None:
    """What storing an item and recalling one cost, dynamic and static, side by side on a logarithmic axis."""
    kinds = (("learn", False), ("retrieve", False), ("retrieve", True))
    labels = ("store, dynamic", "recall, dynamic", "recall, static")
    places = np.arange(len(MEMORIES))
    for j, ((phase, static), label) in enumerate(zip(kinds, labels)):
        heights = []
        for name in MEMORIES:
            t = parts.where(card=card, memory=name, phase=phase, on_chip_bytes=capacity)
            chosen = (t["role"] == "static") == static
            heights.append(t["pj"][chosen].sum() / 1e3)
        ax.barh(places + 0.27 * (j - 1), heights, 0.25, label=label, color=plotting.PALETTE[5 + j - 3])
    ax.set_yticks(places, MEMORIES)
    ax.invert_yaxis()
    ax.set(xscale="log", xlabel="energy an item (nJ)")
    ax.legend(fontsize="small")


# ---- checks ---------------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Errors are equal as asked; the ledger adds up; capacity helps; the Willshaw load agrees with theory."""
    memories, energy, parts = tables["memories"], tables["energy"], tables["parts"]
    n = int(tables["setting"]["n_cues"][0] * tables["setting"]["n_networks"][0])
    target = float(tables["setting"]["target"][0])
    source = "the load and the mac were chosen so; the list errs where two items fit a cue"
    found = [
        Check.at_most(f"error of {row['memory']}", row["error"], target, n=n, kind="law", source=source)
        for row in memories.rows()
    ]
    gaps = [abs(parts_sum / total - 1) for total, parts_sum in _sums(energy, parts)]
    more: dict[str, Any] = {"n": len(gaps), "kind": "law"}
    found.append(Check.at_most("places and roles add up, worst gap", max(gaps), 1e-12, source="conservation", **more))
    rises = list(_rises(energy))
    source = "least recently used memories: more room never misses more (from a room that holds any row on)"
    found.append(
        Check.at_most("bytes off the chip rise with capacity, largest rise", max(rises), 0.0, source=source, **more)
    )
    inside = (energy["low_pj"] <= energy["pj"]) & (energy["pj"] <= energy["high_pj"])
    found.append(
        Check.at_least("share of energies inside their range", float(inside.mean()), 1.0, source="grades", **more)
    )
    return found


def _sums(energy: Table, parts: Table) -> Iterator[tuple[float, float]]:
    for row in energy.rows():
        where = {key: row[key] for key in ("memory", "card", "on_chip_bytes", "phase")}
        yield row["pj"], float(parts.where(**where)["pj"].sum())


def _rises(energy: Table) -> Iterator[float]:
    """Relative rises of the bytes moved off the chip from one capacity to the next, above none."""
    t = energy.where(phase="retrieve")
    for card in dict.fromkeys(t["card"].tolist()):
        for name in MEMORIES:
            mine = t.where(card=card, memory=name)
            order = np.argsort(mine["on_chip_bytes"])
            moved = mine["off_chip_bytes_moved"][order][mine["on_chip_bytes"][order] > 0]
            yield from (float(b / a - 1) if a else float(b) for a, b in pairwise(moved))
