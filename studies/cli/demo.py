"""`sdrsim demo`: the main job on real digits in seconds: three families of memory store each once and recall it from
cues with pixels erased; Sparsey says what is novel.
"""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sdrsim.studies.cli.demo_energy import draw_energies, energies, energy_lines
from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json
from sdrsim.studies.cli.report import emit, lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from sdrsim.engine.codes import SDR
    from sdrsim.files.table import Table
    from sdrsim.models.sparsey.mac import Mac

__all__ = ["command", "draw", "remember"]

N_ITEMS, N_SHOWN, FRACTION_ERASED, THRESHOLD = 100, 12, 0.3, 7
ERASED_TEXT = f"{FRACTION_ERASED:.0%} of the active pixels erased"
COSINE, DEFAULT, MEAN = "mac, cosine K256", "mac, default K8", "mean image"
WILLSHAW, HOPFIELD, LIST = "Willshaw", "sparse Hopfield", "plain list"


@guarded
def command(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the files go.")] = Path("sdrsim-demo"),
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="0 .. 2**64 - 1.")] = 0,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Store 100 real digits in one presentation each, recall them from cues with 30 % erased, tell old from novel, and
    say what a recall costs on two chips.
    """
    from sdrsim.files.atomic import cannot_write
    from sdrsim.files.result import write_result
    from sdrsim.studies.plotting import save

    start = perf_counter()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(out, error) from error
    tables, traffic = remember(seed)
    params = {"n_items": N_ITEMS, "fraction_erased": FRACTION_ERASED, "threshold": THRESHOLD}
    path = write_result(out / "demo.h5", tables, params, seed, traffic=traffic, title="Digits in three families")
    files = [path, *save(draw(tables), out / "demo", table=tables["memories"])]
    wall_s = perf_counter() - start
    if as_json:
        rows = list(tables["memories"].rows())
        emit({"memories": rows, "seed": seed, "files": [str(f) for f in files], "wall_s": wall_s})
        return
    print(f"{N_ITEMS} handwritten digits of 8 x 8 pixels, each shown once; recalled from cues with {ERASED_TEXT}\n")
    print(_report(tables["memories"]))
    print(f"\n{energy_lines(tables['energy'])}")
    print(f"\n{files[0]}  {files[3]}  (sdrsim show {files[0]} says what is in it)   {wall_s:.1f} s")


def _report(memories: "Table") -> str:
    head = (
        "memory",
        "pixels recalled",
        "95 %",
        "right item",
        "old vs novel",
        "G old",
        "G novel",
        "weights set",
        "bytes",
    )
    rows = []
    for r in memories.rows():
        known = (
            (r["identity"], ".2f"),
            (r["auc"], ".3f"),
            (r["familiarity_old"], ".2f"),
            (r["familiarity_novel"], ".2f"),
            (r["share_set"], ".1%"),
            (r["n_bytes"] or float("nan"), ",.0f"),
        )
        interval = f"{r['overlap_low']:.3f} .. {r['overlap_high']:.3f}"
        cells = ("-" if value != value else format(value, form) for value, form in known)
        rows.append((r["memory"], f"{r['overlap']:.3f}", interval, *cells))
    note = " pixels recalled: intersection over union with the stored digit; old vs novel: AUC of familiarity G"
    return lines(head, rows, right=head[1:]) + "\n" + note


def remember(seed: int) -> "tuple[dict[str, Table], Any]":
    """Run the demo: tables 'memories' (a row each), 'familiarity' (G of every item), 'pixels' (a dozen digits) and
    'energy' (of a recall, a row a memory and chip) with its parts; and the traffic of the larger mac, with its trace.
    """
    import numpy as np

    from sdrsim import patterns
    from sdrsim.engine.codes import SDR
    from sdrsim.files.datasets import load_dataset
    from sdrsim.files.table import Table
    from sdrsim.models.sparsey.mac import Mac
    from sdrsim.models.sparsey.params import MacParams

    digits = patterns.binarise(load_dataset("digits8").images, threshold=THRESHOLD)
    x, novel = digits[:N_ITEMS], digits[N_ITEMS : 2 * N_ITEMS]
    cues = patterns.erase(x, FRACTION_ERASED, seed=seed)
    good = MacParams(n_inputs=64, n_cms=24, n_cells=256, match="cosine", g_minus=0.9)
    macs = {COSINE: Mac(good, seed=seed), DEFAULT: Mac(MacParams(n_inputs=64), seed=seed)}
    mean = SDR.from_dense(np.tile(x.dense().mean(axis=0) > 0.5, (N_ITEMS, 1)))
    rows, familiarity, traffic, moved = [], [], None, {}
    shown = {"stored": x, "cue": cues}
    for name, mac in macs.items():
        row, g_old, g_novel, recalled, ledger = _put_to_test(name, mac, x, cues, novel)
        rows.append(row)
        familiarity.append((name, g_old, g_novel))
        shown[name] = recalled
        if name == COSINE:
            traffic = moved[name] = ledger
    for name, row, recalled, ledger in _others(x, cues, seed):
        rows.append(row)
        shown[name], moved[name] = recalled, ledger
    rows.append(_overlap_row(MEAN, mean, x))
    shown[MEAN] = mean
    energy, parts = energies(moved, {row["memory"]: row["overlap"] for row in rows}, N_ITEMS)
    tables = {
        "memories": Table(
            {key: np.array([row[key] for row in rows]) for key in rows[0]},
            units={"n_bytes": "bytes"},
            descriptions={
                "overlap": "intersection over union of recalled and stored pixels, mean over items",
                "identity": "share of cues whose answer is most like that of their own digit",
                "auc": "probability that a stored digit is more familiar than a novel one",
            },
        ),
        "familiarity": _familiarity_table(familiarity),
        "pixels": _pixel_table(shown),
        "energy": energy,
        "energy_parts": parts,
    }
    return tables, traffic


def _overlap_row(name: str, recalled: "SDR", x: "SDR") -> dict[str, Any]:
    from sdrsim import measures

    overlap = measures.overlap(recalled, x)
    empty = dict.fromkeys(("identity", "auc", "familiarity_old", "familiarity_novel", "share_set"), float("nan"))
    sizes = {"overlap": overlap.value, "overlap_low": overlap.low, "overlap_high": overlap.high}
    return {"memory": name, **sizes, **empty, "n_bytes": 0}


def _others(x: "SDR", cues: "SDR", seed: int) -> "list[tuple[str, dict[str, Any], SDR, Any]]":
    """A Willshaw memory, a sparse Hopfield memory and the plain list (the nearest stored digit), on the same cues."""
    import numpy as np

    from sdrsim.models.hebbian.willshaw import WillshawMemory
    from sdrsim.models.hopfield.memory import SparseHopfield

    willshaw = WillshawMemory(n_units=64, seed=seed)
    ledger = willshaw.store(x, trace=True).traffic
    linked = willshaw.recall(cues, trace=True)
    row = _overlap_row(WILLSHAW, linked.codes, x)
    row["share_set"], row["n_bytes"] = willshaw.density, willshaw.n_bytes
    made = [(WILLSHAW, row, linked.codes, ledger + linked.traffic)]
    lists = {
        HOPFIELD: SparseHopfield(beta=40.0, similarity="cosine"),
        LIST: SparseHopfield(alpha=float("inf"), similarity="cosine"),
    }
    for name, memory in lists.items():
        ledger = memory.store(x, trace=True).traffic
        near = memory.recall(cues, trace=True)
        assert near.codes is not None  # codes were stored
        row = _overlap_row(name, near.codes, x)
        ends = zip(near.support.indptr, near.support.indptr[1:])
        best = [near.support.indices[a + near.weights[a:b].argmax()] for a, b in ends]
        row["identity"], row["n_bytes"] = float((np.array(best) == np.arange(len(x))).mean()), memory.n_bytes
        made.append((name, row, near.codes, ledger + near.traffic))
    return made


def _put_to_test(name: str, mac: "Mac", x: "SDR", cues: "SDR", novel: "SDR") -> tuple[Any, ...]:
    import numpy as np

    from sdrsim import measures

    stored = mac.store(x, trace=True)
    recalled = mac.recall(cues, trace=True)
    old, new = mac.recognise(x).familiarity, mac.recognise(novel).familiarity
    belief = mac.likelihoods(cues, stored.winners)
    row = _overlap_row(name, recalled.codes, x)
    row["identity"] = float((belief.argmax(axis=1) == np.arange(len(x))).mean())
    row["auc"] = float(measures.auc(old, new))
    row["familiarity_old"], row["familiarity_novel"] = float(old.mean()), float(new.mean())
    row["share_set"], row["n_bytes"] = mac.share_set, mac.n_bytes
    return row, old, new, recalled.codes, stored.traffic + recalled.traffic


def _familiarity_table(familiarity: "list[tuple[str, NDArray[Any], NDArray[Any]]]") -> "Table":
    import numpy as np

    from sdrsim.files.table import Table

    parts = [(name, kind, g) for name, old, new in familiarity for kind, g in (("stored", old), ("novel", new))]
    return Table(
        {
            "memory": np.concatenate([np.full(len(g), name) for name, _, g in parts]),
            "item": np.concatenate([np.arange(len(g)) for _, _, g in parts]),
            "kind": np.concatenate([np.full(len(g), kind) for _, kind, g in parts]),
            "familiarity": np.concatenate([g for _, _, g in parts]),
        },
        descriptions={"familiarity": "G of the item in that memory"},
    )


def _pixel_table(shown: "dict[str, SDR]") -> "Table":
    import numpy as np

    from sdrsim.files.table import Table

    n = N_SHOWN * 64
    return Table(
        {
            "picture": np.repeat(list(shown), n),
            "item": np.tile(np.repeat(np.arange(N_SHOWN), 64), len(shown)),
            "pixel": np.tile(np.arange(64), N_SHOWN * len(shown)),
            "on": np.concatenate([codes[:N_SHOWN].dense().reshape(-1) for codes in shown.values()]),
        }
    )


def draw(tables: "dict[str, Table]") -> "Figure":
    """The demo's figure from its tables: digits stored, cued and called back; familiarity of old and novel ones."""
    import numpy as np

    from sdrsim.studies import plotting

    pixels, familiarity = tables["pixels"], tables["familiarity"]
    names = list(dict.fromkeys(pixels["picture"].tolist()))
    strips = [pixels.where(picture=name)["on"].reshape(N_SHOWN, 8, 8) for name in names]
    layout = [["digits", COSINE, "energy"], ["digits", DEFAULT, "energy"]]
    fig, axes = plotting.mosaic(layout, size=(9.6, 2.9), width_ratios=[2.5, 1, 1.1])
    plotting.filmstrip(axes["digits"], strips, labels=names)
    axes["digits"].set_title(f"{N_ITEMS} digits, each stored in one presentation", fontsize=8)
    bins = np.linspace(0.7, 1, 31)
    for name, colour in zip((COSINE, DEFAULT), plotting.PALETTE):
        ax = axes[name]
        for kind in ("stored", "novel"):
            g = familiarity.where(memory=name, kind=kind)["familiarity"].clip(bins[0], bins[-1])
            share = np.histogram(g, bins)[0] / len(g)
            if kind == "stored":
                ax.stairs(share, bins, fill=True, color=colour, alpha=0.8, label=kind)
            else:
                ax.stairs(share, bins, color="0.2", label=kind)
        ax.set_title(name, fontsize=8)
        ax.set_xlim(bins[0], bins[-1])
        ax.set_ylabel("share of digits")
        ax.legend(fontsize=6, loc="upper left", frameon=False)
    axes[DEFAULT].set_xlabel("familiarity G")
    draw_energies(axes["energy"], tables["energy"])
    return fig
