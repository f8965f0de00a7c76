"""What `willshaw-capacity` simulates: recall under rising load, capacity at several sizes, partial connectivity."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim import patterns
from sdrsim.engine.codes import SDR
from sdrsim.engine.noise import noisy
from sdrsim.engine.seeds import stream, subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.models.hebbian import WillshawMemory, theory
from sdrsim.studies.published._willshaw import exact, wrong

__all__ = ["STRATEGIES", "capacity_rows", "fixed_threshold_errors", "recall_rows", "set_bits", "strategy_rows"]

Row = dict[str, Any]
STRATEGIES: dict[str, str | None] = {"sum": None, "sum / activity": "activity", "usage-corrected": "usage"}


# ---- one size, rising load ------------------------------------------------------------------------------------------


def recall_rows(
    shape: tuple[int, int, int], n_inserted: int, loads: list[int], n_cues: int, seed: int, used: Traffic
) -> list[Row]:
    """One network of (units, active, in the cue), a row for each load: wrong units, exact recall, bits per synapse."""
    n_units, k, a = shape
    memory = WillshawMemory(n_units, k, seed=subseed(seed, "memory"))
    items = patterns.random_sparse(loads[-1], n_units, k, seed=subseed(seed, "items"))
    rows = []
    for n in loads:
        memory.store(items[memory.n_stored : n])
        shown = items[: min(n, n_cues)]
        half = patterns.erase(shown, (k - a) / k, seed=subseed(seed, "erased"))
        mixed = patterns.move_units(shown, n_inserted / k, seed=subseed(seed, "moved"))
        once = memory.recall(half, select="threshold").codes
        moved = memory.recall(mixed, select="threshold", threshold=k - n_inserted, max_iterations=1).codes
        row: Row = {"n_stored": n, "n_cues": len(shown), "density": memory.density}
        row |= {"wrong": float(wrong(once, shown)[:, 1].mean()), "exact_once": exact(once, shown)}
        row |= {"wrong_mixed": float(wrong(moved, shown)[:, 1].mean())}
        for name, cues in (("exact_10", half), ("mixed_10", mixed)):
            row[name] = exact(memory.recall(cues, select="gwsta", max_iterations=10).codes, shown)
        rows.append(row | _bits(memory, shown, half, once))
    used += memory.traffic.prefixed(f"{n_units} units")
    return rows


def _bits(memory: WillshawMemory, shown: SDR, half: SDR, once: SDR) -> Row:
    """Bits per synapse, N (N - 1) of them, one step, under two conventions: a whole cue, and completion of a part."""
    k, a = int(shown.n_active[0]), int(half.n_active[0])
    per, whole = memory.n_stored / memory.n_synapses, memory.recall(shown, select="threshold").codes
    row: Row = {"whole_channel": memory.information(whole, shown).bits_per_synapse}
    row["whole_sets"] = per * set_bits(memory.size, k, 0, whole.n_active)
    row["completed_channel"] = memory.information(once, shown, cues=half).bits_per_synapse
    return row | {"completed_sets": per * set_bits(memory.size, k, a, once.n_active)}


def set_bits(n_units: int, n_active: int, n_known: int, n_out: NDArray[np.int64]) -> float:
    """Mean bits told by answers of `n_out` units that hold a whole pattern of which `n_known` units were known before.

    ``log2 C(N - a, k - a) - log2 C(n_out - a, k - a)``: by how much the list of possible patterns has become shorter.
    """
    left, free = n_active - n_known, np.concatenate([[n_units], n_out]) - n_known
    bits = np.array([float(theory.pattern_bits(int(n), left, "subsets")) if n else 0.0 for n in np.unique(free)])
    told = bits[np.searchsorted(np.unique(free), free)]
    return float(told[0] - told[1:].mean())


# ---- capacity at several sizes --------------------------------------------------------------------------------------


def capacity_rows(
    shape: tuple[int, int], loads: dict[int, list[int]], n_cues: int, seed: int, used: Traffic
) -> list[Row]:
    """One network of (units, active): wrong units for each active one, for each size of cue at its `loads`."""
    n_units, k = shape
    memory = WillshawMemory(n_units, k, seed=subseed(seed, "memory"))
    stops = sorted({m for some in loads.values() for m in some})
    items = patterns.random_sparse(stops[-1], n_units, k, seed=subseed(seed, "items"))
    rows = []
    for load in stops:
        memory.store(items[memory.n_stored : load])
        shown = items[: min(load, n_cues)]
        for a in [a for a, some in loads.items() if load in some]:
            part = patterns.erase(shown, (k - a) / k, seed=subseed(seed, "erased"))
            extra = wrong(memory.recall(part, select="threshold").codes, shown)[:, 1].mean()
            row: Row = {"n_units": n_units, "n_active": k, "n_cue": a, "n_stored": load, "n_cues": len(shown)}
            rows.append(row | {"wrong_share": float(extra) / k, "density": memory.density})
    used += memory.traffic.prefixed(f"{n_units} units")
    return rows


# ---- partial connectivity -------------------------------------------------------------------------------------------


def strategy_rows(
    shape: tuple[int, int, float], noise: tuple[float, float], loads: list[int], n_cues: int, seed: int, used: Traffic
) -> list[Row]:
    """One network of (units, active, connectivity), cues through a channel: wrong units of each strategy and load."""
    n_units, k, connectivity = shape
    memory = WillshawMemory(n_units, k, connectivity=connectivity, seed=subseed(seed, "memory"))
    items = patterns.random_sparse(loads[-1], n_units, k, seed=subseed(seed, "items"))
    genuine = k * (1 - noise[0])
    rho = genuine / (genuine + (n_units - k) * noise[1])
    rows = []
    for n in loads:
        memory.store(items[memory.n_stored : n])
        shown = items[: min(n, n_cues)]
        cues = _through(shown, noise, seed)
        start: Row = {"n_stored": n, "n_cues": len(shown)}
        for threshold in range(1, 2 * k):
            found = memory.recall(cues, select="threshold", threshold=threshold, max_iterations=1).codes
            bad = float(wrong(found, shown).sum(axis=1).mean())
            rows.append(start | {"strategy": "fixed", "threshold": threshold, "wrong": bad})
        for name, correction in STRATEGIES.items():
            options: Row = {"correction": correction, "rho": rho if correction == "usage" else None}
            found = memory.recall(cues, select="kwta", max_iterations=1, **options).codes
            bad = float(wrong(found, shown).sum(axis=1).mean())
            rows.append(start | {"strategy": name, "threshold": 0, "wrong": bad})
    used += memory.traffic.prefixed("partial connectivity")
    return rows


def _through(items: SDR, noise: tuple[float, float], seed: int) -> SDR:
    """Items through the binary channel, each unit by itself."""
    made = [noisy(item, *noise, stream(seed, f"cue {i}")) for i, item in enumerate(items)]
    return SDR.from_indices([code.indices for code in made], items.size)


def fixed_threshold_errors(
    n_stored: int, shape: tuple[int, int, float], noise: tuple[float, float]
) -> NDArray[np.float64]:
    """Expected units wrong (missed or too many) for thresholds 0, 1 .. 2 k - 1: the same one for all units and cues.

    Over the binomial numbers of genuine and inserted units in a cue (but for those less likely than 1e-7) and the
    exact law of what a unit receives (`theory.unit_sums`). A unit of the cue adds 1 to its own score.
    """
    from scipy.stats import binom

    n_units, k, connectivity = shape
    genuine, inserted = binom(k, 1 - noise[0]), binom(n_units - k, noise[1])
    n_most = k + int(inserted.isf(1e-7)) + 1
    chance = [theory.unit_sums(n_stored, n_units, k, 0, n, connectivity).low for n in range(n_most + 1)]
    sure = [binom.pmf(np.arange(n + 1), n, connectivity) for n in range(k + 1)]
    out = np.zeros(2 * k)
    for g in range(k + 1):
        for i in range(n_most - k + 1):
            weight = float(genuine.pmf(g) * inserted.pmf(i))
            if weight < 1e-7:
                continue
            missed = (k - g) * _below(np.convolve(sure[g], chance[i]), len(out))
            if g:
                missed += g * _below(np.convolve(sure[g - 1], chance[i]), len(out), 1)
            extra = (n_units - k - i) * (1 - _below(chance[g + i], len(out)))
            if i:
                extra += i * (1 - _below(chance[g + i - 1], len(out), 1))
            out += weight * (missed + extra)
    return out


def _below(law: NDArray[np.float64], n: int, own: int = 0) -> NDArray[np.float64]:
    """Probability that a score of this law, `own` added, lies below 0, 1 .. n - 1."""
    ends = np.concatenate([[0.0], np.cumsum(law)])
    return np.asarray(np.minimum(ends[np.clip(np.arange(n) - own, 0, len(law))], 1.0))
