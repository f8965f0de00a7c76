"""Sparsey's step: 256 items of 80 .. 120 of 784 active inputs in one call, against NumPy item by item."""

import warnings
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Bench, Runner
from benchmarks.rows import Goal, Row
from benchmarks.twins import MacTwin, PlainMacTwin, uniforms
from sdrsim.engine.codes import SDR
from sdrsim.errors import SaturationWarning
from sdrsim.kernels.random import DRAW, TIE
from sdrsim.models.sparsey import Mac, MacParams

N_ITEMS, N_INPUTS, SEED = 256, 784, 7
SIZES = {(50, 10): 25.0, (70, 24): 25.0, (100, 50): 18.0}  # (n_cms, n_cells) -> least ratio of `store`
TUNED, PLAIN = "NumPy, uint8 sums, psi by count", "NumPy, the equations as they stand"
BYTES = "NumPy, uint8 sums, max and ties"


def steps(bench: Bench) -> Iterator[Row]:
    """`Mac.store` into an empty mac and `Mac.recognise` of the same items."""
    rng = np.random.default_rng(3)
    lengths = rng.integers(80, 121, N_ITEMS)
    items = [np.sort(rng.choice(N_INPUTS, n, replace=False)).astype(np.int32) for n in lengths]
    for (n_cms, n_cells), goal in SIZES.items():
        params = MacParams(n_inputs=N_INPUTS, n_cms=n_cms, n_cells=n_cells)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturationWarning)  # 256 items fill the smallest
            yield from store(bench, params, items, goal)
            yield from recognise(bench, params, items)


def empty(params: MacParams) -> Mac:
    """A mac whose memory has been taken."""
    mac = Mac(params, seed=SEED)
    mac.allocate()
    return mac


def store(bench: Bench, params: MacParams, items: list[np.ndarray], goal: float) -> Iterator[Row]:
    """Learning, one presentation an item; the memory is there, empty, before the clock starts."""
    codes, u = SDR.from_indices(items, N_INPUTS), uniforms(SEED, N_ITEMS, params.n_cms, DRAW)
    runners = {
        "ours": Runner(lambda mac: mac.store(codes), lambda: empty(params)),
        TUNED: Runner(lambda twin: twin.store(items, u), lambda: MacTwin(params)),
        PLAIN: Runner(lambda twin: twin.store(items, u), lambda: PlainMacTwin(params)),
    }
    made = {name: runner.call(runner.fresh()) for name, runner in runners.items()}
    for winners, familiarity in (made[TUNED], made[PLAIN]):
        assert np.array_equal(winners, made["ours"].winners)
        assert np.allclose(familiarity, made["ours"].familiarity, rtol=1e-12)
    t = bench.medians(runners, per=N_ITEMS)
    what = f"mac {params.n_cms} x {params.n_cells}, store"
    for peer in (TUNED, PLAIN):
        yield Row(what, peer, t["ours"], t[peer], goals=(Goal("ratio", goal),))


def recognise(bench: Bench, params: MacParams, items: list[np.ndarray]) -> Iterator[Row]:
    """Recognition of the stored items; ties are broken with the same numbers on both sides."""
    codes, mac, twin = SDR.from_indices(items, N_INPUTS), empty(params), MacTwin(params)
    mac.store(codes)
    twin.store(items, uniforms(SEED, N_ITEMS, params.n_cms, DRAW))
    u = uniforms(SEED, N_ITEMS, params.n_cms, TIE)
    runners = {"ours": lambda: mac.recognise(codes), BYTES: lambda: twin.recognise(items, u)}
    ours, (winners, familiarity) = (call() for call in runners.values())
    assert np.array_equal(winners, ours.winners)
    assert np.allclose(familiarity, ours.familiarity, rtol=1e-12)
    t = bench.medians(runners, per=N_ITEMS)
    goals = (Goal("ratio", 12), Goal("ratio", 25, "aim"))
    yield Row(f"mac {params.n_cms} x {params.n_cells}, recognise", BYTES, t["ours"], t[BYTES], goals=goals)
