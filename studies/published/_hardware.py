"""Runs that the studies of energy share: traced recalls of three memories, and rows drawn by a law.

The memories are real ones, asked through their own recall with every access listed: a Sparsey hierarchy of two levels
that recognises digits it has learned, a Willshaw memory and a sparse Hopfield memory that complete random codes half
erased. Rows that follow a law (uniform, Zipf, a sweep) have the shape of the Willshaw memory's.
"""

import warnings
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import TRACE, Tensor, Traffic, address_bits, phase_place
from sdrsim.errors import MixedNodesWarning, ParameterError
from sdrsim.files.datasets import load_dataset
from sdrsim.files.table import Table
from sdrsim.hardware import Card, Placement, Report, estimate
from sdrsim.hardware.reuse_laws import zipf_popularity
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.sparsey import Hierarchy, Level

__all__ = [
    "MEMORIES",
    "QUICK_RUNS",
    "Job",
    "RunParams",
    "checked_card",
    "drawn_job",
    "drawn_rows",
    "job_table",
    "joined_traffic",
    "memory_jobs",
    "priced",
    "touched",
]

MEMORIES = ("Sparsey", "Willshaw", "Hopfield")
THRESHOLD = 7  # of 0 .. 16: a pixel of a digit is on above it
N_DIGITS = 1797

Count = Annotated[int, Field(ge=1, strict=True)]


class RunParams(Params):
    """Sizes of the three memories, and what they are asked.

    Parameters
    ----------
    n_digits : int
        Digits of 8 x 8 pixels that the Sparsey hierarchy learns and then recognises.
    n_cms, n_cells : int
        Competitive modules and cells of its upper mac; rows of ``n_cms * n_cells`` bits.
    n_units, n_stored : int
        Units of the Willshaw memory, and codes stored in it.
    n_hopfield_units, n_patterns : int
        Units and stored codes of the Hopfield memory.
    n_active : int
        Active units of a code.
    n_cues : int
        Cues of either, the first stored codes; at most as many as are stored.
    p_erased : float
        Share of a cue that is missing.
    """

    n_digits: Annotated[int, Field(ge=10, le=N_DIGITS, strict=True)] = 400
    n_cms: Count = 64
    n_cells: Annotated[int, Field(ge=2, strict=True)] = 64
    n_units: Annotated[int, Field(ge=256, strict=True)] = 16384
    n_stored: Count = 4000
    n_hopfield_units: Annotated[int, Field(ge=256, strict=True)] = 4096
    n_patterns: Count = 16384
    n_active: Annotated[int, Field(ge=2, strict=True)] = 64
    n_cues: Count = 2000
    p_erased: Annotated[float, Field(ge=0, lt=1)] = 0.5


QUICK_RUNS: Mapping[str, Any] = {
    "n_digits": 200,
    "n_units": 8192,
    "n_stored": 1000,
    "n_hopfield_units": 2048,
    "n_patterns": 4096,
    "n_cues": 200,
}


class Job(NamedTuple):
    """A traced run: its name, what it moved, its items, and the share that came back right (NaN: no memory)."""

    name: str
    traffic: Traffic
    n_items: int
    right: float


def memory_jobs(params: RunParams, seed: int) -> list[Job]:
    """Retrieval of the three memories, traced; in the order of `MEMORIES`."""
    return [_sparsey(params, seed), _willshaw(params, seed), _hopfield(params, seed)]


def _sparsey(params: RunParams, seed: int) -> Job:
    """Nine macs over 4 x 4 pixels each, and one mac over them all; digit after digit goes through both levels.

    Cells of the lower level and the caps were chosen, of eight settings, so that most winners come back.
    """
    digits = patterns.binarise(load_dataset("digits8").images, threshold=THRESHOLD)[: params.n_digits]
    low = Level(aperture=(4, 4), stride=(2, 2), n_cms=16, n_cells=256, preset="features", g_minus=0.9, unit_cap=0.1)
    high = Level(
        aperture=(3, 3), grid=(1, 1), n_cms=params.n_cms, n_cells=params.n_cells, preset="features", unit_cap=0.02
    )
    memory = Hierarchy((8, 8), [low, high], seed=subseed(seed, "Sparsey"))
    learned = memory.learn(digits).codes[-1]
    total, same = Traffic(), []
    for i in range(len(digits)):  # one by one: whole levels at once would list all of the lower one first
        found = memory.recognise(digits[i : i + 1], trace=True, first_item=i)
        total += found.traffic
        same.append(float((found.codes[-1] == learned[i]).mean()))
    return Job("Sparsey", total, len(digits), float(np.mean(same)))


def _willshaw(params: RunParams, seed: int) -> Job:
    key = subseed(seed, "Willshaw")
    memory = WillshawMemory(params.n_units, params.n_active, seed=key)
    x = patterns.random_sparse(params.n_stored, params.n_units, params.n_active, seed=key)
    memory.store(x)
    asked = x[: params.n_cues]
    found = memory.recall(patterns.erase(asked, params.p_erased, seed=key), trace=True)
    return Job("Willshaw", found.traffic, len(asked), _right(found.codes, asked))


def _hopfield(params: RunParams, seed: int) -> Job:
    key = subseed(seed, "Hopfield")
    memory = SparseHopfield(beta=2.0, alpha=1.5)
    x = patterns.random_sparse(params.n_patterns, params.n_hopfield_units, params.n_active, seed=key)
    memory.store(x)
    asked = x[: params.n_cues]
    found = memory.recall(patterns.erase(asked, params.p_erased, seed=key), trace=True)
    assert found.codes is not None
    return Job("Hopfield", found.traffic, len(asked), _right(found.codes, asked))


def _right(found: SDR, asked: SDR) -> float:
    return float(((found.n_active == asked.n_active) & (found.overlap(asked) == asked.n_active)).mean())


# ---- rows drawn by a law --------------------------------------------------------------------------------------------


def drawn_rows(n_rows: int, n: int, alpha: float, seed: int) -> NDArray[np.int64]:
    """`n` rows drawn independently, uniformly (0) or by a Zipf law of exponent `alpha`."""
    rng = stream(seed, f"rows drawn, alpha {alpha:g}")
    if alpha == 0:
        return rng.integers(n_rows, size=n)
    return rng.choice(n_rows, size=n, p=zipf_popularity(n_rows, alpha))


def drawn_job(
    name: str, shape: tuple[int, int], n_active: int, n_items: int, alpha: float, seed: int, warm: bool = False
) -> Job:
    """Events of `n_active` rows of a binary memory of `shape` (rows, bytes of one), rows drawn by a law.

    ``warm``: every row is touched once before, in phase 'io', so that the memory is full when the events begin.
    """
    n_rows, row_bytes = shape
    rows, words, n_units = drawn_rows(n_rows, n_active * n_items, alpha, seed), -(-row_bytes // 8), 8 * row_bytes
    t = Traffic(tensors={"W": Tensor(n_rows, row_bytes)})
    t.add("W", "retrieve", rows_read=len(rows), words_read=len(rows) * words, synops=len(rows) * n_units)
    if warm:
        t.add("W", "io", rows_read=n_rows, words_read=n_rows * words)
    else:
        bits = n_active * (address_bits(n_rows) + address_bits(n_units))
        t.add("W", "retrieve", sums=n_items * n_units, compares=n_items * n_units, code_bits=n_items * bits)
    before = np.arange(n_rows if warm else 0)
    trace = np.zeros(len(before) + len(rows), TRACE)
    trace["row"] = np.concatenate([before, rows])
    trace["phase"][: len(before)] = phase_place("io")
    t.trace = trace
    return Job(name, t, n_items, float("nan"))


# ---- prices ---------------------------------------------------------------------------------------------------------


def checked_card(name: str) -> Card:
    """A card in pJ with a memory off the chip, by its name.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown card; one in units of its own, or without a memory off the chip.
    """
    card = Card.load(name)
    if card.energy_unit != "pJ" or not card.off_chip:
        got = f"{name}, in {card.energy_unit}, {len(card.off_chip)} memories off the chip"
        raise ParameterError("card", got=got, expected="one in pJ with a memory off the chip", do="cmos45_ddr4")
    return card


def priced(job: Job, card: Card | str, placement: Placement, phase: str | None = "retrieve") -> Report:
    """An estimate of a job; the nodes stand in the tables, so that no warning is given where several meet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)
        return estimate(job.traffic, card, placement, phase=phase, n_items=job.n_items)


# ---- tables ---------------------------------------------------------------------------------------------------------


def touched(job: Job) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and sizes in bytes of the rows a job touches, in order; an id names the array and its row."""
    trace = job.traffic.trace
    assert trace is not None
    sizes = np.array([tensor.row_bytes for tensor in job.traffic.tensors.values()], np.int64)
    tensor = trace["tensor"].astype(np.int64)
    return (tensor << 40) | trace["row"], sizes[tensor]


def job_table(jobs: list[Job]) -> Table:
    """One row a job: its arrays, touches and items, and how well it did."""
    rows = []
    for job in jobs:
        ids, sizes = touched(job)
        _, first = np.unique(ids, return_index=True)
        n_bytes = sum(tensor.n_rows * tensor.row_bytes for tensor in job.traffic.tensors.values())
        rows.append(
            {
                "memory": job.name,
                "n_bytes": n_bytes,
                "n_items": job.n_items,
                "n_touches": len(ids),
                "n_distinct": len(first),
                "distinct_bytes": int(sizes[first].sum()),
                "item_bytes": int(sizes.sum() / job.n_items),
                "right": job.right,
            }
        )
    about = {
        "n_bytes": "all arrays",
        "n_distinct": "rows touched at all",
        "distinct_bytes": "of those rows",
        "item_bytes": "rows touched by an item, each time counted",
        "right": "share of items that came back right; Sparsey: of winners that are those of learning",
    }
    return Table.from_rows(rows, dict.fromkeys(("n_bytes", "distinct_bytes", "item_bytes"), "bytes"), about)


def joined_traffic(jobs: list[Job]) -> Traffic:
    """What all jobs moved, without the traces: for the ledger of a study."""
    total = Traffic()
    for job in jobs:
        total += job.traffic.without_trace().prefixed(job.name)
    return total
