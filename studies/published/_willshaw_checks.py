"""The verdicts of `willshaw-capacity`: expected wrong units, listed numbers, capacity, order of the strategies."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from sdrsim.files.table import Table
from sdrsim.studies.check import Check
from sdrsim.studies.published._willshaw import (
    LEVEL,
    binomial_interval,
    capacity_error,
    distance,
    family,
    points,
    quantile,
    share_error,
)
from sdrsim.studies.published._willshaw_runs import STRATEGIES

__all__ = ["capacity_checks"]

SIZE = (2048, 11, 6, 2)  # units, active, in the cue, inserted: what the numbers below belong to
# load: wrong units, exact once, exact after 10, exact after 10 from 9 + 2 (None: not listed); one network, 2,000 cues
PROTOTYPE: Mapping[int, tuple[float | None, ...]] = {
    5000: (0.013, 0.987, 0.9995, 1.0),
    10000: (0.372, 0.6945, 0.992, 0.9955),
    15000: (2.658, 0.0845, 0.775, 0.7855),
    20000: (10.23, 0, 0.025, 0.068),
    25000: (26.56, 0, 0, None),
}
LISTED = {"wrong": "wrong units", "exact_once": "exact, one step", "exact_10": "exact, ten steps"}
LISTED |= {"mixed_10": "9 + 2 units in the cue, exact, ten steps"}
N_LISTED = 2000  # cues of that network
# (N, k, cue): the closed form of capacity, bits per synapse of N**2 at it: channel, sets
CLOSED: Mapping[tuple[int, int, int], tuple[float, float | None, float | None]] = {
    (2048, 11, 11): (18248, 0.43, 0.42),
    (2048, 11, 6): (7493, None, None),
    (10000, 13, 13): (323256, 0.46, 0.45),
    (10000, 13, 6): (98518, None, None),
}


def capacity_checks(tables: Mapping[str, Table]) -> list[Check]:
    """All checks of the study, from its tables."""
    found = _against_theory(tables["recall"])
    (row,) = tables["setting"].rows()
    if tuple(row[name] for name in ("n_units", "n_active", "n_cue", "n_inserted")) == SIZE:
        found += _against_prototype(tables["recall"])
    found += [*_curves(tables["capacity_curve"]), *_capacities(tables["capacity"])]
    return [*found, *_thresholds(tables["strategy_curve"]), *_order(tables["strategy"])]


# ---- one size, rising load ------------------------------------------------------------------------------------------


def _seen(t: Table, name: str, expected: float) -> float | None:
    """Distance of mean wrong units from their expectation; None where fewer than ten are expected in all."""
    n_cues = int(t["n_cues"].sum())
    if expected * n_cues < 10:
        return None
    return distance(t[name], expected, float(np.sqrt(expected / n_cues)))


def _all_seen(table: Table, name: str, expected: str) -> list[float]:
    far = [_seen(t, name, float(t[expected][0])) for _, t in points(table, "n_stored")]
    return [x for x in far if x is not None]


def _against_theory(recall: Table) -> list[Check]:
    n, source = len(np.unique(recall["network"])), "Willshaw-Palm form, exact mean"
    found = family("wrong units", _all_seen(recall, "wrong", "theory_wrong"), n, source)
    found += family(
        "wrong units, inserted ones in the cue", _all_seen(recall, "wrong_mixed", "theory_mixed"), n, source
    )
    near, far = (float(np.square(_all_seen(recall, "wrong", f"{form}_wrong")).sum()) for form in ("theory", "textbook"))
    source = "units differ in usage, which the textbook form leaves out"
    name = "wrong units: squared distance from the exact form over that from the textbook form"
    return [*found, Check.at_most(name, near / far, 1, n=n, kind="theory", source=source)]


def _against_prototype(recall: Table) -> list[Check]:
    """One network of an earlier program: within the spread of networks of its size and our own error."""
    found, source = [], "an earlier program of our own, one network of 2,000 cues: within the spread of networks"
    for load, numbers in PROTOTYPE.items():
        t = recall.where(n_stored=load)
        for (column, name), theirs in zip(LISTED.items(), numbers):
            if len(t) and theirs is not None:
                low, high = _range(t, column, theirs)
                more: dict[str, Any] = {"n": len(t), "target": theirs, "kind": "prototype", "source": source}
                found.append(Check(f"{load} patterns: {name}", float(t[column].mean()), low, high, **more))
    return found


def _range(t: Table, column: str, theirs: float) -> tuple[float, float]:
    """Where our mean must lie; for a share, no narrower than the exact binomial interval of their single network."""
    n, n_cues = len(t), int(t["n_cues"].sum())
    limit = quantile(n) * float(t[column].std(ddof=1)) * float(np.sqrt(1 + 1 / n))
    if column == "wrong":
        limit = max(limit, quantile(n) * float(np.sqrt(theirs / N_LISTED)))
        return theirs - limit, theirs + limit
    p = (float(t[column].mean()) * n_cues + 1) / (n_cues + 2)  # a share of 0 or 1 was only seen in so many cues
    own = quantile(n) * share_error(p, n_cues)
    low, high = binomial_interval(round(theirs * N_LISTED), N_LISTED)
    return min(theirs - limit, low - own), max(theirs + limit, high + own)


# ---- capacity -------------------------------------------------------------------------------------------------------


def _curves(curve: Table) -> list[Check]:
    far: list[float] = []
    for (_, k, _, _), t in points(curve, "n_units", "n_active", "n_cue", "n_stored"):
        expected, n_cues = float(t["expected_share"][0]), int(t["n_cues"].sum())
        if expected * k * n_cues >= 10:
            far.append(distance(t["wrong_share"], expected, float(np.sqrt(expected / k / n_cues))))
    n = len(np.unique(curve["network"]))
    return family("wrong units about the capacities", far, n, "Willshaw-Palm form, exact mean")


def _capacities(capacity: Table) -> list[Check]:
    """Measured capacity against the exact expectation (all sizes), and against the closed form where it is listed."""
    far, found = [], []
    n = int(capacity["n_networks"].min())
    for row in capacity.rows():
        far.append(abs(row["capacity"] - row["exact"]) / _error(row))
        size = (row["n_units"], row["n_active"], row["n_cue"])
        if size in CLOSED:
            found += _closed(size, row)
    source = "load at which the exact mean reaches .01 k; jackknife over networks"
    return [*family("capacities", far, n, source), *found]


def _error(row: dict[str, Any]) -> float:
    return capacity_error(row["capacity_low"], row["capacity_high"], row["n_networks"])


def _closed(size: tuple[int, int, int], row: dict[str, Any]) -> list[Check]:
    closed, channel, sets = CLOSED[size]
    name = f"N {size[0]}, k {size[1]}, cue {size[2]}"
    half = quantile(row["n_networks"]) * _error(row)
    why = (
        f"the closed form is that of two populations, k**2 of N**2 links a pattern, all alike; one population without "
        f"self-links sets k (k - 1) of N (N - 1), in units that differ in usage: expected {row['exact'] / closed:.3f}"
    )
    more: dict[str, Any] = {"n": row["n_networks"], "kind": "published", "deviation": why}
    more["source"] = "Knoblauch, Palm & Sommer 2010, M_eps at eps .01"
    ratio = float(row["capacity"] / row["closed"])
    found = [Check.within(f"{name}: capacity over the closed form", ratio, 1, half / row["closed"], **more)]
    more = {"kind": "prototype", "source": "formula evaluated by an earlier program of our own; rounding"}
    found.append(Check.within(f"{name}: closed form", row["closed"], closed, 1, **more))
    for convention, listed in (("channel", channel), ("sets", sets)):
        if listed is not None:
            text = f"{name}: bits per synapse of N**2, {convention}, at the closed form"
            found.append(Check.within(text, row[f"closed_{convention}"], listed, 0.005, **more))
    return found


# ---- partial connectivity -------------------------------------------------------------------------------------------


def _thresholds(curve: Table) -> list[Check]:
    """The fixed threshold where it is near its best, against its exact expectation."""
    far, fixed = [], curve.where(strategy="fixed")
    for _, t in points(fixed, "n_stored"):
        best = int(t["threshold"][int(np.argmin(t["theory"]))])
        for (threshold,), some in points(t, "threshold"):
            if abs(threshold - best) <= 2:
                expected = float(some["theory"][0])
                floor = float(np.sqrt(expected / some["n_cues"].sum()))
                far.append(distance(some["wrong"], expected, floor))
    n = len(np.unique(curve["network"]))
    return family("partial connectivity: wrong units of fixed thresholds", far, n, "unit sums, exact mean")


def _order(strategy: Table) -> list[Check]:
    """Each strategy below the one before, paired by network, at every load."""
    found, source = [], "Buckingham & Willshaw 1993; Graham & Willshaw 1995: fixed > sum > sum / activity > corrected"
    n, loads = len(np.unique(strategy["network"])), np.unique(strategy["n_stored"]).tolist()
    for worse, better in pairwise(("fixed", *STRATEGIES)):
        steps = []
        for load in loads:
            pair = [strategy.where(strategy=name, n_stored=load)["wrong"] for name in (worse, better)]
            less = pair[0] - pair[1]
            steps.append(distance(less, 0.0) * float(np.sign(less.mean())))
        limit = quantile(n, len(loads), one_sided=True)
        text = f"{source}; paired by network, smallest t of {len(loads)} loads, family-wise level {LEVEL:g}"
        more: dict[str, Any] = {"n": n, "kind": "published", "source": text}
        found.append(
            Check.at_least(f"partial connectivity: {worse} errs more than {better}, t", min(steps), limit, **more)
        )
    return found
