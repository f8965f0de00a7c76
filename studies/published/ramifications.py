"""The ramifications of compact networks: activations a parameter, intensity, and where the energy goes.

The paper says that convolutional networks with fewer parameters have more activations a parameter (1.4 to 32.8 over its
networks), a lower arithmetic intensity, a memory footprint of 15 to 443 times the model, and that their traffic can
cost the energy that their size saved. Its table by network is not known to us. We count 25 networks from the shapes of
their layers under five conventions of what an activation is. That of Netscope (the output of every layer, in place or
not, and the input) gives both ends of the printed range; the others come near neither. That the authors used it is
inferred from that, not read. NASNet and Xception are not among the 25.

Energy is ours, not the paper's: `sdrsim.hardware.cnn.energy`, layer by layer without fusion, 8 bits, one image, on two
cards; joules of activations off the chip apart from those of weights, and standby and refresh of the DRAM from both.

Beside them stand memories of sparse codes, asked through their own recall: bits of codes moved an item, over bits of
weights. With their sums, 16 bits each, the share is a hundred times larger and still below one.

The table 'footprint' is an illustration, nothing reproduced: bytes ``c0 + 4 P + B 4 A`` with the batch B and the fixed
part c0 solved so that the ends of the printed range come out for the two networks that we guess they belong to.
"""

import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import MixedNodesWarning
from sdrsim.files.datasets import load_dataset
from sdrsim.files.table import Table
from sdrsim.hardware import Report, cnn
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.sparsey import Hierarchy, Level
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE = "Compact networks: activations a parameter, arithmetic intensity, energy on and off the chip"
CITATION = "Jha, Mittal & Mattela 2019, VLSI Design (arXiv:2006.15098); counts and energy ours"
QUICK = {"n_cues": 100, "n_stored": 1_000, "n_units": 1024, "n_digits": 100}

PRINTED = {"inception_v3": 1.4, "sqnxt_1_0_g_23": 32.8}
FOOTPRINT = {"inception_v3": 15.0, "sqnxt_1_0_g_23": 443.0}
# Parameters as the documentation of frameworks gives them (Keras, torchvision), quoted from memory.
DOCUMENTED = {
    "vgg16": 138_357_544,
    "squeezenet_v1_0": 1_248_424,
    "shufflenet_v2": 2_278_604,
    "inception_v3": 23_834_568,
    "mobilenet_v1": 4_231_976,
}
# Activations under Netscope's convention, counted by an independent program.
COUNTED = {
    "sqnxt_1_0_g_23": 17_806_032,
    "inception_v3": 32_360_827,
    "squeezenet_v1_0": 12_294_904,
    "mobilenet_v1": 20_324_304,
    "shufflenet_v2": 9_862_784,
    "vgg16": 28_802_512,
}
SUM_BITS = 16
LEVEL = 0.01  # of the tests of rank correlation
PARTS = (
    ("compute", True, "compute", "0.6"),
    ("activation", True, "activations on the chip", "#E69F00"),
    ("weight", True, "weights on the chip", "#56B4E9"),
    ("activation", False, "activations off the chip", "#D55E00"),
    ("weight", False, "weights off the chip", "#0072B2"),
)


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    networks : strs
        Of `sdrsim.hardware.cnn.names`; none: all.
    cards : two strs
    bits : int
        Of weights and of activations.
    n_units, n_stored : int
        Units of the Willshaw and Hopfield memories, codes stored in them.
    n_digits : int
        Digits that the Sparsey hierarchy learns and recognises.
    n_cues : int
        Cues of the Willshaw and Hopfield memories, half of each erased.
    """

    networks: tuple[str, ...] = ()
    cards: tuple[str, str] = ("cmos45_ddr4", "cmos22_lpddr4")
    bits: Annotated[int, Field(ge=1, le=32)] = 8
    n_units: Annotated[int, Field(ge=256)] = 4096
    n_stored: Annotated[int, Field(ge=10)] = 10_000
    n_digits: Annotated[int, Field(ge=10, le=1797)] = 500
    n_cues: Annotated[int, Field(ge=10)] = 1_000


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'ratio', 'energy' (long: a row for a network, card, place and role), 'bytes', 'memories', 'footprint'."""
    names = params.networks or cnn.names()
    ratio: list[dict[str, Any]] = []
    energy: list[dict[str, Any]] = []
    moved: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        net = cnn.load(name)
        ratio.append(_ratio(net))
        for card in params.cards:
            report = _report(net, card, params.bits)
            moved.append(_moved(net, card, params.bits, report))
            energy += _energies(net, card, report)
        progress(i + 1, len(names), "networks")
    memories, traffic = _memories(params, seed)
    ratio.sort(key=lambda row: row["netscope_per_parameter"])
    units = {"parameters": "elements", "intensity": "MACs/element", "intensity_blob": "MACs/element"}
    return {
        "ratio": Table.from_rows(ratio, units | dict.fromkeys(cnn.CONVENTIONS, "elements")),
        "energy": Table.from_rows(energy, {"pj": "pJ"}),
        "bytes": Table.from_rows(moved, dict.fromkeys(("weights_off", "activations_off", "model"), "bytes")),
        "memories": memories,
        "footprint": _footprint(ratio),
        "traffic": traffic,
    }


def _ratio(net: cnn.ConvNet) -> dict[str, Any]:
    counts = {convention: net.count(convention) for convention in cnn.CONVENTIONS}  # type: ignore[arg-type]
    c = counts["netscope"]
    return {
        "network": net.name,
        "title": net.title,
        "parameters": c.parameters,
        "macs": c.macs,
        **{convention: found.activations for convention, found in counts.items()},
        **{f"{convention}_per_parameter": found.activations_per_parameter for convention, found in counts.items()},
        "intensity": c.intensity(),
        "intensity_blob": counts["blob"].intensity(),
    }


def _report(net: cnn.ConvNet, card: str, bits: int) -> Report:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)  # the table names the nodes
        return cnn.energy(net, card, weight_bits=bits, activation_bits=bits)


def _moved(net: cnn.ConvNet, card: str, bits: int, report: Report) -> dict[str, Any]:
    off = [m for m in report.counted.ledger if not m.on_chip]
    return {
        "network": net.name,
        "card": card,
        "nodes": " ".join(f"{node:g}" for node in report.nodes),
        "on_chip_bytes": report.counted.chip.capacity_bytes,
        "model": sum(-(-p.parameters * bits // 8) for p in net.placed),
        "image": -(-int(np.prod(net.input_shape)) * bits // 8),
        "weights_off": sum(m.useful_bytes for m in off if m.role == "weight"),
        "activations_off": sum(m.useful_bytes for m in off if m.role == "activation"),
        "pj": report.total_pj,
        "dynamic_pj": report.dynamic_pj,
        "low_pj": report.low_pj,
        "high_pj": report.high_pj,
        "pj_per_mac": report.pj_per_synop(),
        "time_ns": report.time_ns,
        "weakest_grade": report.weakest_grade,
    }


def _energies(net: cnn.ConvNet, card: str, report: Report) -> Iterator[dict[str, Any]]:
    for place, roles in report.split().items():
        for role, value in roles.items():
            if value:
                yield {"network": net.name, "card": card, "on_chip": place == "on_chip", "role": role, "pj": value}


def _footprint(ratio: list[dict[str, Any]]) -> Table:
    """Bytes on the device over bytes of the model, as the two ends would have it; see the module."""
    at = {row["network"]: row for row in ratio}
    if not set(FOOTPRINT) <= set(at):
        return Table({"network": [], "factor": []})
    rows = [at[name] for name in FOOTPRINT]
    model, maps = ([4.0 * row[what] for row in rows] for what in ("parameters", "blob"))
    rest = [factor * m - m for factor, m in zip(FOOTPRINT.values(), model)]  # c0 + B maps
    batch = (rest[0] - rest[1]) / (maps[0] - maps[1])
    fixed = rest[0] - batch * maps[0]
    factors = [1 + (fixed + batch * 4 * row["blob"]) / (4 * row["parameters"]) for row in ratio]
    n = len(ratio)
    about = {"factor": "an illustration: batch and fixed part were solved from the two printed ends"}
    columns = {"network": list(at), "factor": factors, "batch": [batch] * n, "fixed_bytes": [fixed] * n}
    return Table(columns, {"fixed_bytes": "bytes"}, about)


def _memories(params: StudyParams, seed: int) -> tuple[Table, Traffic]:
    """Codes and sums moved by a recall of each memory, over its weights."""
    rows, total = [], Traffic()
    for name, traffic, n_items in _recalls(params, seed):
        weights = sum(8 * t.n_rows * t.row_bytes for t in traffic.tensors.values() if t.role == "weight")
        codes = traffic.total("code_bits", "retrieve") / n_items
        sums = SUM_BITS * traffic.total("sums", "retrieve") / n_items
        row = {"memory": name, "n_items": n_items, "weight_bits": weights, "code_bits": codes, "sum_bits": sums}
        rows.append(row | {"codes_per_weight": codes / weights, "all_per_weight": (codes + sums) / weights})
        total += traffic.prefixed(name)
    about = {
        "code_bits": "moved in and out by the recall of an item",
        "sum_bits": f"sums formed by the recall of an item, {SUM_BITS} bits each",
    }
    return Table.from_rows(rows, dict.fromkeys(("weight_bits", "code_bits", "sum_bits"), "bits"), about), total


def _recalls(params: StudyParams, seed: int) -> Iterator[tuple[str, Traffic, int]]:
    digits = patterns.binarise(load_dataset("digits8").images, threshold=7)[: params.n_digits]
    low = Level(aperture=(4, 4), stride=(2, 2), n_cms=16, n_cells=64, preset="features")
    high = Level(aperture=(3, 3), grid=(1, 1), n_cms=64, n_cells=64, preset="features")
    hierarchy = Hierarchy((8, 8), [low, high], seed=subseed(seed, "Sparsey"))
    hierarchy.learn(digits)
    yield "Sparsey", hierarchy.recognise(digits).traffic, len(digits)
    k = max(2, params.n_units // 64)
    x = patterns.random_sparse(params.n_stored, params.n_units, k, seed=subseed(seed, "codes"))
    asked = patterns.erase(x[: params.n_cues], 0.5, seed=subseed(seed, "cues"))
    willshaw = WillshawMemory(params.n_units, k, seed=subseed(seed, "Willshaw"))
    willshaw.store(x[: params.n_units // 4])  # far from full
    yield "Willshaw", willshaw.recall(asked).traffic, len(asked)
    hopfield = SparseHopfield(beta=2.0, alpha=1.5)
    hopfield.store(x)
    yield "Hopfield", hopfield.recall(asked).traffic, len(asked)


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Activations a parameter by convention, and of memories; intensity; shares of the energy on two cards."""
    cards = list(dict.fromkeys(tables["energy"]["card"].tolist()))
    layout = [["ratio", "ratio", "ratio"], ["intensity", *cards[:2]]]
    fig, axes = plotting.mosaic(layout, (10.2, 8.4), height_ratios=(1, 1.15), width_ratios=(1, 1, 0.8))
    _draw_ratio(axes["ratio"], tables["ratio"], tables["memories"])
    _draw_intensity(axes["intensity"], tables["ratio"])
    for i, card in enumerate(cards[:2]):
        _draw_shares(axes[card], tables, card, names=not i)
        axes[card].set_title(f"{'cd'[i]}  {card}")
    handles, labels = axes[cards[0]].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower right", ncols=5, fontsize=7)
    return fig


def _draw_ratio(ax: "Axes", t: Table, memories: Table) -> None:
    places = np.arange(len(t))
    for i, convention in enumerate(cnn.CONVENTIONS):
        style: dict[str, Any] = {"marker": "osv^D"[i], "color": plotting.PALETTE[i], "ms": 4.5, "ls": ""}
        ax.plot(places, t[f"{convention}_per_parameter"], label=convention, **style)
    for value in PRINTED.values():
        ax.axhline(value, color="0.4", lw=0.7, ls="--")
        ax.text(-1.1, value * 1.12, f"{value:g}", color="0.3", ha="left", va="bottom")
    right = len(t) + 1 + np.arange(len(memories))
    ax.plot(right, memories["codes_per_weight"], ls="", marker="P", ms=6, color="black", label="codes of a memory")
    ax.plot(right, memories["all_per_weight"], ls="", marker="x", ms=5, color="black", label="codes and sums")
    names = [*t["title"].tolist(), *memories["memory"].tolist()]
    ax.set_xticks([*places, *right], names, rotation=55, ha="right", rotation_mode="anchor")
    ax.axvline(len(t), color="0.8", lw=0.8)
    ax.set(
        yscale="log",
        ylabel="activations / parameters",
        xlabel="networks, memories",
        title="a  what is moved over what is stored",
    )
    ax.set_xlim(-1.2, right[-1] + 0.7)
    ax.legend(ncols=4, loc="lower left", fontsize=7)


def _draw_intensity(ax: "Axes", t: Table) -> None:
    for what, label, marker, colour in (
        ("intensity", "activations of netscope", "v", plotting.PALETTE[3]),
        ("intensity_blob", "of blob", "^", plotting.PALETTE[2]),
    ):
        ax.plot(t["parameters"] / 1e6, t[what], ls="", marker=marker, ms=4, color=colour, label=label)
    ax.set(xscale="log", yscale="log", xlabel="parameters (millions)", ylabel="MACs / (parameters + activations)")
    ax.set_title("b  arithmetic intensity, one image")
    ax.legend(loc="lower right", fontsize=7)


def _draw_shares(ax: "Axes", tables: Mapping[str, Table], card: str, names: bool) -> None:
    """Shares of the energy without standby and leakage, its sum at the end of each bar."""
    t, e = tables["ratio"], tables["energy"].where(card=card)
    order = t["network"].tolist()
    heights = np.array([[_part(e, name, role, on_chip) for name in order] for role, on_chip, _, _ in PARTS])
    totals, left = heights.sum(axis=0), np.zeros(len(order))
    for part, (_, on_chip, label, colour) in zip(heights, PARTS):
        hatch = None if on_chip else "////"
        ax.barh(
            np.arange(len(order)), part / totals, left=left, color=colour, hatch=hatch, ec="white", lw=0.2, label=label
        )
        left += part / totals
    for place, total in enumerate(totals):
        ax.text(1.02, place, f"{total / 1e9:.2g} mJ", va="center", fontsize=6)
    ax.set_yticks(np.arange(len(order)), t["title"].tolist() if names else [""] * len(order), fontsize=6)
    ax.set(
        xlim=(0, 1),
        ylim=(-0.6, len(order) - 0.4),
        xlabel="share of the dynamic energy of an image",
        ylabel="network" if names else "",
    )


def _part(e: Table, network: str, role: str, on_chip: bool) -> float:
    return float(e["pj"][(e["network"] == network) & (e["role"] == role) & (e["on_chip"] == on_chip)].sum())


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """The printed range, counts, the paper's claims by rank, energies that add up, memories."""
    t, at = tables["ratio"], {row["network"]: row for row in tables["ratio"].rows()}
    found: list[Check] = []
    for name, value in PRINTED.items():
        if name in at:
            row = at[name]
            source = "Jha et al. 2019, abstract, one decimal; that it is this network and Netscope's count is inferred"
            more: dict[str, Any] = {"kind": "published", "source": source}
            named = f"activations / parameters of {row['title']}"
            found.append(Check.within(named, row["netscope"] / row["parameters"], value, 0.05, **more))
    for name, n in DOCUMENTED.items():
        if name in at:
            more = {"kind": "published", "source": "documentation of Keras or torchvision, quoted from memory"}
            found.append(Check.within(f"parameters of {at[name]['title']}", at[name]["parameters"], n, 0, **more))
    for name, n in COUNTED.items():
        if name in at:
            more = {"kind": "prototype", "source": "independent count of the same definitions, Netscope's convention"}
            found.append(Check.within(f"activations of {at[name]['title']}", at[name]["netscope"], n, 0, **more))
    return [*found, *_claims(t, tables["bytes"]), *_laws(tables)]


def _claims(t: Table, moved: Table) -> list[Check]:
    """What the paper says of compact networks, by rank over all of ours."""
    from scipy.stats import spearmanr

    if len(t) < 10:  # too few to rank
        return []
    found = []
    for name, column, side in (
        ("fewer parameters, more activations a parameter", "netscope_per_parameter", "less"),
        ("fewer parameters, lower intensity", "intensity", "greater"),
    ):
        rho, p = spearmanr(t["parameters"], t[column], alternative=side)
        source = f"Jha et al. 2019, abstract; Spearman's rho {rho:.2f}, one-sided p"
        found.append(Check.at_most(name, p, LEVEL, n=len(t), kind="published", source=source))
    for card in dict.fromkeys(moved["card"].tolist()):
        part = moved.where(card=card)
        smaller = part["model"][:, None] < part["model"][None, :]
        dearer = part["dynamic_pj"][:, None] > part["dynamic_pj"][None, :]
        n = int(smaller.sum())
        source = "Jha et al. 2019: fewer parameters can cost energy; share of pairs, energies ours"
        more: dict[str, Any] = {"kind": "published", "source": source, "n": n}
        name = f"{card}: smaller model, more energy"
        found.append(Check.at_least(name, float((smaller & dearer).sum() / n), 1 / n, **more))
    return found


def _laws(tables: Mapping[str, Table]) -> list[Check]:
    e, moved, memories = (tables[name] for name in ("energy", "bytes", "memories"))
    sums: NDArray[np.float64] = np.array(
        [e.where(network=row["network"], card=row["card"])["pj"].sum() / row["pj"] - 1 for row in moved.rows()]
    )
    n, source = len(moved), "conservation"
    streamed = moved["weights_off"] - moved["model"]
    more = moved["activations_off"] - moved["image"]
    return [
        Check.at_most(
            "energy by place and role against the total, worst", np.abs(sums).max(), 1e-9, n=n, source=source
        ),
        Check.within(
            "weights off the chip less the model, worst (bytes)", np.abs(streamed).max(), 0, 0, n=n, source=source
        ),
        Check.at_least("activations off the chip less the image, least (bytes)", more.min(), 0, n=n, source=source),
        Check.holds(
            "low <= nominal <= high",
            (np.diff([moved[what] for what in ("low_pj", "pj", "high_pj")], axis=0) >= 0).all(),
            n=n,
            source="ranges of the prices",
        ),
        Check.at_most(
            "codes / weights of the memories, largest",
            memories["codes_per_weight"].max(),
            1e-3,
            n=len(memories),
            kind="theory",
            source="codes of log2 N bits a unit beside N^2 weights: about 1e-3 or less",
        ),
    ]
