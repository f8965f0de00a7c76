"""Rooflines: convolutional networks and event-driven memories, operations a byte from outside the chip.

A row of n weights of b bits gives n synaptic operations for n b / 8 bytes, whatever its length: an event-driven memory
off the chip makes at most 8 / b operations a byte, and a batch of items raises that only where several of them are
active on the same row. With P rows, s of them active in an item and B items, rows are shared ``B s / (P (1 - (1 - s /
P)^B))`` times. A convolutional network uses a weight at every place of a map, and stands an order or two further right.

The memory is a real one: a Willshaw memory asked in one step. Its trace is cut at batches; a row that several items of
a batch touch is fetched once, and the rows fetched are counted and held against that formula. Its bits are as simulated
(1) or assumed (4, 8). Sparsey and Hopfield are asked beside it, one item at a time. All rows lie off the chip.
Operations are MACs or additions of 8 bits: a lane for a single bit wastes the lane, but is what a general machine does.

Two machines: a card as it is (64 lanes), and the same card with more lanes and as many times the ports of its SRAM,
which moves the ridge. What is attained follows from the times of the card; what stays below the roof waits for SRAM.

Panel c holds intensities in elements, batch 1, against the ridge of a Tesla P100 (10.6 TFLOP/s, 732 GB/s, 32 bits; from
memory), as the paper on compact networks argues. It depends on the convention: by Netscope's, which gives the paper's
range of activations a parameter, compact networks lie below the ridge; by stored blobs, most lie above.
"""

import warnings
from collections.abc import Iterator, Mapping
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import MixedNodesWarning
from sdrsim.files.datasets import load_dataset
from sdrsim.files.table import Table
from sdrsim.hardware import Card, Placement, Report, cnn, estimate
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.sparsey import Hierarchy, Level
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Rooflines of convolutional networks and of event-driven memories"
CITATION = "Williams, Waterman & Patterson 2009, CACM 52:65; Jha, Mittal & Mattela 2019 (arXiv:2006.15098); points ours"
QUICK = {"n_units": 1024, "n_active": 32, "n_batches": 4, "n_patterns": 500, "n_digits": 100}

P100 = {"operations": 10.6e12, "bytes": 732e9, "element_bytes": 4}  # a MAC is two operations
BELOW = (
    "alexnet",
    "mobilenet_v1",
    "shufflenet_v2",
    "sqnxt_1_0_23",
    "sqnxt_1_0_23v5",
    "sqnxt_1_0_g_23",
    "sqnxt_2_0_23",
    "sqnxt_2_0_23v5",
)
FALSE_ALARM = 1e-4


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    card : str
    lanes : float
        Gop/s of the second machine.
    bits : ints
        Of the weights of the Willshaw memory.
    batches : ints
    n_units, n_active, n_stored : int
        The Willshaw memory; half of each cue is erased.
    n_batches : int
        Batches of the largest size.
    n_patterns, n_digits : int
        Codes of the Hopfield memory; digits of the Sparsey hierarchy.
    """

    card: str = "cmos45_ddr4"
    lanes: Annotated[float, Field(gt=0)] = 4096.0
    bits: tuple[Annotated[int, Field(ge=1, le=32)], ...] = (1, 4, 8)
    batches: tuple[Annotated[int, Field(ge=1)], ...] = (1, 16, 256)
    n_units: Annotated[int, Field(ge=64)] = 4096
    n_active: Annotated[int, Field(ge=2)] = 64
    n_batches: Annotated[int, Field(ge=3)] = 12
    n_patterns: Annotated[int, Field(ge=10)] = 4000
    n_digits: Annotated[int, Field(ge=10, le=1797)] = 500

    @property
    def n_cues(self) -> int:
        """Cues of the Willshaw memory."""
        return self.n_batches * max(self.batches)


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'points', 'shared' (distinct rows of batches), 'elements' (networks) and 'machines'; the traffic."""
    card = Card.load(params.card)
    machines = {"as it is": card, "more lanes": _widened(card, params.lanes)}
    points: list[dict[str, Any]] = []
    for name in cnn.names():
        net = cnn.load(name)
        for machine, own in machines.items():
            points.append(_point("network", net.title, 8, 1, machine, _quiet(cnn.energy, net, own)))
    progress(1, 3, "networks")
    willshaw, shared = _willshaw(params, seed)
    progress(2, 3, "batches")
    total = willshaw.prefixed("Willshaw")
    runs = [("Willshaw", b, n, _batched(willshaw, shared, n)) for b in params.bits for n in params.batches]
    for name, traffic in _others(params, seed):
        total += traffic.prefixed(name)
        runs.append((name, 1, 1, traffic))
    for (name, bits, batch, traffic), (machine, own) in product(runs, machines.items()):
        placed = Placement(policy="off_chip", weight_bits=None if bits == 1 else bits)
        report = _quiet(estimate, traffic, own, placed, phase="retrieve")
        points.append(_point("memory", name, bits, batch, machine, report))
    progress(3, 3, "memories")
    units = {"bytes_off": "bytes", "intensity": "operations/byte", "attained": "operations/s", "roof": "operations/s"}
    return {
        "points": Table.from_rows(points, units),
        "shared": shared,
        "elements": _elements(),
        "machines": _machines(machines),
        "traffic": total,
    }


def _widened(card: Card, lanes: float) -> Card:
    """As many lanes, and as many times the ports of the SRAM."""
    factor = lanes / (card.op_rate.value if card.op_rate else lanes)
    ports = {f"{level.name}.ports": max(1, round(factor * level.ports)) for level in card.on_chip}
    return card.replace(ports | {"op_rate": lanes})


def _quiet(priced: Any, *args: Any, **kwargs: Any) -> Report:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)
        report: Report = priced(*args, **kwargs)
    return report


def _point(kind: str, name: str, bits: int, batch: int, machine: str, report: Report) -> dict[str, Any]:
    moved, line = report.bytes_moved(False), report.roofline()
    intensity = report.synops / moved
    return {
        "kind": kind,
        "name": name,
        "bits": bits,
        "batch": batch,
        "machine": machine,
        "synops": report.synops,
        "bytes_off": moved,
        "intensity": intensity,
        "attained": report.synops / report.time_ns * 1e9,
        "roof": min(line.peak, intensity * line.bandwidth),
        "bound": max({"compute": report.times.compute, **report.times.levels}.items(), key=lambda t: t[1])[0],
    }


def _machines(machines: Mapping[str, Card]) -> Table:
    rows = []
    for name, card in machines.items():
        peak, width = (q.value if q else float("nan") for q in (card.op_rate, card.off_chip[0].bandwidth))
        rows.append({"machine": name, "peak": peak * 1e9, "bandwidth": width * 1e9, "ridge": peak / width})
    return Table.from_rows(rows, {"peak": "operations/s", "bandwidth": "bytes/s", "ridge": "operations/byte"})


def _elements() -> Table:
    """MACs an element, batch 1, under two conventions, and the ridge of the P100."""
    ridge = P100["operations"] / 2 / (P100["bytes"] / P100["element_bytes"])
    rows = []
    for name in cnn.names():
        net = cnn.load(name)
        row = {"network": name, "title": net.title, "ridge": ridge}
        rows.append(row | {c: net.count(c).intensity() for c in ("netscope", "blob")})
    return Table.from_rows(sorted(rows, key=lambda row: row["netscope"]))


def _willshaw(params: StudyParams, seed: int) -> tuple[Traffic, Table]:
    """The traced recall, and for every size of batch the distinct rows of each batch."""
    key = subseed(seed, "Willshaw")
    memory = WillshawMemory(params.n_units, params.n_active, seed=key)
    x = patterns.random_sparse(params.n_cues, params.n_units, params.n_active, seed=key)
    memory.store(x[: params.n_units // 4])
    cues = patterns.erase(x, 0.5, seed=key)  # stored or not: what is read follows from the cue
    found = memory.recall(cues, max_iterations=1, trace=True)
    assert found.traffic.trace is not None
    rows = found.traffic.trace["row"].reshape(params.n_cues, -1)
    out = []
    for batch in params.batches:
        for i in range(params.n_cues // batch):
            n = len(np.unique(rows[i * batch : (i + 1) * batch]))
            out.append({"batch": batch, "n_rows": params.n_units, "n_read": rows.shape[1] * batch, "n_distinct": n})
    return found.traffic.without_trace(), Table.from_rows(out)


def _batched(traffic: Traffic, shared: Table, batch: int) -> Traffic:
    """The same recall, each row fetched once a batch."""
    (name,), part = traffic.tensors, shared.where(batch=batch)
    counts = {what: traffic.get(name, "retrieve", what) for what in ("synops", "sums", "compares", "code_bits")}
    n_rows, row_words = int(part["n_distinct"].sum()), -(-traffic.tensors[name].row_bytes // 8)
    made = Traffic(tensors=dict(traffic.tensors))
    made.add(name, "retrieve", rows_read=n_rows, words_read=n_rows * row_words, **counts)
    return made


def _others(params: StudyParams, seed: int) -> Iterator[tuple[str, Traffic]]:
    digits = patterns.binarise(load_dataset("digits8").images, threshold=7)[: params.n_digits]
    low = Level(aperture=(4, 4), stride=(2, 2), n_cms=16, n_cells=64, preset="features")
    high = Level(aperture=(3, 3), grid=(1, 1), n_cms=64, n_cells=64, preset="features")
    hierarchy = Hierarchy((8, 8), [low, high], seed=subseed(seed, "Sparsey"))
    hierarchy.learn(digits)
    yield "Sparsey", hierarchy.recognise(digits).traffic
    key = subseed(seed, "Hopfield")
    x = patterns.random_sparse(params.n_patterns, params.n_units, params.n_active, seed=key)
    hopfield = SparseHopfield(beta=2.0, alpha=1.5)
    hopfield.store(x)
    cues = patterns.erase(x[:500], 0.5, seed=key)
    yield "Hopfield", hopfield.recall(cues).traffic


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """The roof of each machine with all points; intensities in elements against the ridge of the P100."""
    fig, axes = plotting.subplots(1, 3, (11.0, 4.4), width_ratios=(1, 1, 0.85))
    for ax, machine, letter in zip(axes, tables["machines"].rows(), "ab"):
        _draw_roof(ax, tables["points"].where(machine=machine["machine"]), machine)
        ax.set_title(f"{letter}  {machine['peak'] / 1e9:,.0f} Gop/s, {machine['bandwidth'] / 1e9:.3g} GB/s")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower left", ncols=4, fontsize=7)
    _draw_elements(axes[2], tables["elements"])
    return fig


def _draw_roof(ax: "Axes", t: Table, machine: Mapping[str, Any]) -> None:
    x = np.geomspace(0.3, 1000, 200)
    ax.plot(x, np.minimum(machine["peak"], x * machine["bandwidth"]) / 1e9, color="0.3", lw=1)
    nets, memories = t.where(kind="network"), t.where(kind="memory")
    colour = "0.55"
    ax.plot(
        nets["intensity"], nets["attained"] / 1e9, ls="", marker="o", ms=4, color=colour, label="networks, one image"
    )
    for i, bits in enumerate(np.unique(memories.where(name="Willshaw")["bits"])):
        part = memories.where(name="Willshaw", bits=int(bits))
        style: dict[str, Any] = {"color": plotting.PALETTE[i], "lw": 0.7, "marker": "s", "ms": 3}
        sizes = ", ".join(str(n) for n in part["batch"])
        ax.plot(
            part["intensity"],
            part["attained"] / 1e9,
            label=f"Willshaw, {bits} bit, batches of {sizes} (growing)",
            **style,
        )
        for n, row in enumerate(part.rows()):
            size: dict[str, Any] = {"ms": 4 + 2 * n, "marker": "s", "color": plotting.PALETTE[i]}
            ax.plot(row["intensity"], row["attained"] / 1e9, **size)
    for i, name in enumerate(("Sparsey", "Hopfield")):
        part = memories.where(name=name)
        look: dict[str, Any] = {"marker": "P^"[i], "color": plotting.PALETTE[3 + i], "ms": 6, "ls": ""}
        ax.plot(part["intensity"], part["attained"] / 1e9, label=f"{name}, one item", **look)
    ax.axvline(machine["ridge"], color="0.7", lw=0.7, ls=":")
    ax.set(xscale="log", yscale="log", xlabel="operations / byte off the chip", ylabel="Gop/s attained")
    ax.set_ylim(3, 1.6 * machine["peak"] / 1e9)


def _draw_elements(ax: "Axes", t: Table) -> None:
    places = np.arange(len(t))
    ax.plot(t["netscope"], places, ls="", marker="v", ms=4, color=plotting.PALETTE[3], label="netscope")
    ax.plot(t["blob"], places, ls="", marker="^", ms=4, color=plotting.PALETTE[2], label="blob")
    ax.axvline(float(t["ridge"][0]), color="0.4", lw=0.8, ls="--", label="ridge of a P100")
    ax.set_yticks(places, t["title"].tolist(), fontsize=6)
    ax.set(
        xscale="log", xlabel="MACs / (parameters + activations)", ylabel="network", title="c  in elements, one image"
    )
    ax.legend(loc="lower right", fontsize=7)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The bound of 8 / b, the roof, rows shared against the formula, networks against the ridge."""
    t = tables["points"]
    memory = t.where(kind="memory")
    single = memory.where(bits=1, batch=1)
    bound = 8 * memory["batch"] / memory["bits"]
    source = "a row of n bits: n operations for n / 8 bytes"
    found = [
        Check.at_most(
            "binary memories, one item: operations / byte", single["intensity"].max(), 8, n=len(single), source=source
        ),
        Check.at_most(
            "memories: operations / byte over 8 B / b",
            (memory["intensity"] / bound).max(),
            1,
            n=len(memory),
            source=source,
        ),
        Check.at_most(
            "attained over the roof", (t["attained"] / t["roof"]).max(), 1 + 1e-9, n=len(t), source="roofline"
        ),
    ]
    return [*found, *_sharing(tables), *_ridges(tables["elements"])]


def _sharing(tables: Mapping[str, Table]) -> list[Check]:
    """Distinct rows of real batches against ``P (1 - (1 - s / P)^B)``; what the estimate makes of them."""
    from scipy.stats import norm

    shared, memory = tables["shared"], tables["points"].where(kind="memory", name="Willshaw")
    found, sizes = [], np.unique(shared["batch"])
    limit = float(norm.isf(FALSE_ALARM / 2 / len(sizes)))
    worst = []
    for batch in sizes:
        part = shared.where(batch=int(batch))
        n_rows, read = int(part["n_rows"][0]), int(part["n_read"][0])
        inside = 1 - (1 - read / batch / n_rows) ** batch
        expected = n_rows * inside
        if batch > 1:
            # units of an item exclude one another, so that the variance lies below that of independent rows
            deviation = np.sqrt(n_rows * inside * (1 - inside) / len(part))
            z = abs(float(part["n_distinct"].mean()) - expected) / deviation
            source = f"P (1 - (1 - s / P)^B) = {expected:.1f}; deviation of independent rows, an upper bound"
            more: dict[str, Any] = {"n": len(part), "kind": "theory", "source": source}
            found.append(Check.at_most(f"batch {batch}: distinct rows, |z|", z, limit, **more))
        rows, reuse = memory.where(batch=int(batch)), float(part["n_read"].sum() / part["n_distinct"].sum())
        worst += (rows["intensity"] / (8 / rows["bits"] * reuse) - 1).tolist()
    source = "8 / b times rows touched / rows fetched"
    name = "memories: operations / byte against the rows counted, worst"
    return [*found, Check.at_most(name, np.abs(worst).max(), 1e-9, n=len(worst), source=source)]


def _ridges(t: Table) -> list[Check]:
    inside = np.isin(t["network"], BELOW)
    below = float((t["netscope"][inside] / t["ridge"][inside]).max())
    source = "Jha et al. 2019: compact networks are bound by bandwidth; Netscope's activations, P100 from memory"
    more: dict[str, Any] = {"n": int(inside.sum()), "kind": "published", "source": source}
    return [
        Check.at_most("AlexNet, SqueezeNext, MobileNet v1, ShuffleNet v2 over the ridge of a P100", below, 1, **more),
        Check.within("ridge of a P100, MACs / element", float(t["ridge"][0]), 29, 0.5, kind="published", source="C"),
    ]
