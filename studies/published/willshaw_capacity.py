"""Willshaw's memory: wrong units and exact recall under rising load, capacity, bits per synapse, thresholds.

Random patterns of k of N units are stored; cues are distinct stored items. Four parts.

Load: the cue is 6 of the 11 units, one step, threshold 6. The mean number of wrong units is held against the exact
expectation (which knows that units differ in how often they are used) and against the textbook form, links taken for
independent. Exact recall: one step, and ten with the k best scores (all ties). A second cue has 9 units and 2 wrong
ones.

Bits per synapse, N (N - 1) of them, under two conventions. 'channel': N independent units, transinformation with the
error rates seen (Knoblauch, Palm & Sommer 2010). 'sets': the logarithm of how much shorter the answer makes the list of
possible patterns of exactly k units. Each for a whole cue, as between two populations, where the answer counts in
full; and for the part of 6, where only what the cue did not tell counts (completion).

Capacity: the load at which .01 k wrong units are expected, for several N, against the exact expectation and against the
closed form ``ln(1 - p1) / ln(1 - k**2 / N**2)``. That is the form for two populations; one population without
self-links sets k (k - 1) of N (N - 1) links a pattern, and stores about 1 / k more.

Thresholds: half of the connections are missing, the cue is a pattern through a channel that loses a fifth of its units
and adds six others, so cues differ in size and units in the active inputs they see. Few patterns are stored, so that
units also differ in usage: R is 3 to 16 on average, with a spread of 1 / sqrt(R), 58 % to 25 %. One step, four
strategies: one fixed threshold for all (the one that turns out best); the k best sums; the k best sums over active
inputs; the k best likelihood ratios that know the usage of each unit.
"""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np
from pydantic import Field, model_validator

from sdrsim import measures
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import SaturationWarning
from sdrsim.files.table import Table
from sdrsim.models.hebbian import theory
from sdrsim.studies.check import Check
from sdrsim.studies.published import _willshaw_checks, _willshaw_draw, _willshaw_runs
from sdrsim.studies.published._willshaw import points
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "Willshaw's memory: load, capacity, bits per synapse, thresholds under partial connectivity"
CITATION = (
    "Willshaw, Buneman & Longuet-Higgins 1969, Nature 222:960; Buckingham & Willshaw 1993, Network 4:441; "
    "Knoblauch, Palm & Sommer 2010, Neural Comput. 22:289"
)
QUICK = {
    "n_networks": 8,
    "n_cues": 1000,
    "shapes": [(512, 9), (2048, 11)],
    "connectivity_loads": [200, 300, 400],
    "n_connectivity_networks": 10,
}

Shape = tuple[Annotated[int, Field(ge=8)], Annotated[int, Field(ge=2)]]
EPSILON = 0.01  # wrong units for each active one at capacity
AROUND = (0.8, 0.9, 0.96, 1.0, 1.04, 1.1, 1.2)  # loads about the expected capacity, in parts of it
ABOUT = {
    "n_stored": "patterns stored",
    "n_cues": "distinct stored patterns asked for",
    "wrong": "wrong units a cue, one step",
    "theory_wrong": "the same, expected",
    "textbook_wrong": "the same, links taken for independent",
    "exact_once": "share recalled exactly, one step",
    "theory_once": "the same, if wrong units came independently",
    "exact_10": "share recalled exactly after ten steps, k best",
    "mixed_10": "the same, cue with inserted units",
    "wrong_mixed": "wrong units, cue with inserted units, one step",
    "theory_mixed": "the same, expected",
    "whole_channel": "bits per synapse, whole cue, channel",
    "whole_sets": "bits per synapse, whole cue, sets",
    "completed_channel": "bits per synapse, completion, channel",
    "completed_sets": "bits per synapse, completion, sets",
}
ABOUT_CAPACITY = {
    "capacity": f"patterns at which {EPSILON:g} k wrong units are seen",
    "exact": "the same, expected",
    "textbook": "the same, links taken for independent",
    "closed": "the closed form, two populations",
    "closed_channel": "bits per synapse of N**2 at the closed form, channel",
    "closed_sets": "the same, sets",
    "stored_channel": "bits stored per synapse at capacity, channel",
    "stored_sets": "bits stored per synapse at capacity, sets",
    "completed_sets": "bits a cue does not tell, per synapse, sets",
    "compressed": "bits stored (channel) per bit of the compressed matrix",
}
ABOUT_STRATEGY = {
    "n_stored": ABOUT["n_stored"],
    "wrong": "wrong units a cue: missed and too many",
    "theory": "the same, expected (fixed threshold)",
    "threshold": "of the fixed strategy",
    "usage": "patterns that use a unit, mean",
}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_units, n_active, n_cue, n_inserted : int
        N, k, units of the cue; wrong units in place of genuine ones in the second cue.
    n_stored : tuple of int
        Loads.
    n_cues : int
        Items asked for in each network, at most.
    n_networks : int
        Independent networks, of the load and of each size.
    shapes : tuple of (int, int)
        (N, k) whose capacity is measured, with k and about k / 2 units in the cue.
    connectivity_units, connectivity_active : int
        N and k of the partially connected network.
    connectivity, p_erase, p_insert : float
        Share of connections; loss of a unit from a cue, insertion of any other.
    connectivity_loads : tuple of int
    n_connectivity_cues, n_connectivity_networks : int
    """

    n_units: Annotated[int, Field(ge=8)] = 2048
    n_active: Annotated[int, Field(ge=2)] = 11
    n_cue: Annotated[int, Field(ge=1)] = 6
    n_inserted: Annotated[int, Field(ge=0)] = 2
    n_stored: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = tuple(range(2500, 32500, 2500))
    n_cues: Annotated[int, Field(ge=1)] = 2000
    n_networks: Annotated[int, Field(ge=2)] = 40
    shapes: Annotated[tuple[Shape, ...], Field(min_length=1)] = (
        (512, 9),
        (1024, 10),
        (2048, 11),
        (4096, 12),
        (10000, 13),
    )
    connectivity_units: Annotated[int, Field(ge=8)] = 1024
    connectivity_active: Annotated[int, Field(ge=2)] = 32
    connectivity: Annotated[float, Field(gt=0, le=1)] = 0.5
    p_erase: Annotated[float, Field(ge=0, lt=1)] = 0.2
    p_insert: Annotated[float, Field(ge=0, lt=1)] = 0.006
    connectivity_loads: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
        100,
        200,
        300,
        400,
        500,
    )
    n_connectivity_cues: Annotated[int, Field(ge=1)] = 100
    n_connectivity_networks: Annotated[int, Field(ge=2)] = 30

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not (self.n_cue <= self.n_active and self.n_inserted < self.n_active < self.n_units / 2):
            raise ValueError("n_cue <= n_active, n_inserted < n_active < n_units / 2")
        if any(2 * k >= n for n, k in (*self.shapes, (self.connectivity_units, self.connectivity_active))):
            raise ValueError("n_active below half of n_units")
        return self


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'recall', 'capacity_curve', 'capacity', 'strategy_curve', 'strategy', 'setting', and the traffic."""
    traffic, n_steps = Traffic(), len(params.shapes) + 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)  # the study fills memories past their capacity
        recall = _recall(params, seed, traffic)
        progress(1, n_steps, "parts")
        curves = []
        for i, shape in enumerate(params.shapes):
            curves.append(_curve(params, shape, seed, traffic))
            progress(i + 2, n_steps, "parts")
        curve, strategies = Table.concat(curves), _strategies(params, seed, traffic)
        progress(n_steps, n_steps, "parts")
    setting = {name: [getattr(params, name)] for name in ("n_units", "n_active", "n_cue", "n_inserted", "connectivity")}
    capacity = [_capacity(t) for _, t in points(curve, "n_units", "n_active", "n_cue")]
    return {
        "recall": recall,
        "capacity_curve": curve,
        "capacity": Table.from_rows(capacity, {"capacity": "patterns"}, ABOUT_CAPACITY),
        "strategy_curve": strategies,
        "strategy": _best(strategies),
        "setting": setting,
        "traffic": traffic,
    }


def _recall(params: StudyParams, seed: int, traffic: Traffic) -> Table:
    rows, loads = [], sorted(params.n_stored)
    n, k, a, b = params.n_units, params.n_active, params.n_cue, params.n_inserted
    for i in range(params.n_networks):
        key = subseed(seed, f"network {i}")
        made = _willshaw_runs.recall_rows((n, k, a), b, loads, params.n_cues, key, traffic)
        rows += [{"network": i} | row for row in made]
    table = Table.from_rows(rows)
    m = table["n_stored"]
    columns = {"theory_wrong": theory.willshaw_false_positives(m, n, k, a)}
    columns["textbook_wrong"] = theory.willshaw_false_positives(m, n, k, a, exact=False)
    columns["theory_once"] = 1 - theory.willshaw_error(m, n, k, a)
    columns["theory_mixed"] = theory.willshaw_threshold_errors(m, n, k, k - b, b).false_positives
    return Table({**dict(table), **columns}, descriptions=ABOUT)


def _curve(params: StudyParams, shape: tuple[int, int], seed: int, traffic: Traffic) -> Table:
    """Wrong units of one size about its expected capacity, for a whole cue and about half of one."""
    n, k = shape
    cues = [k, int(np.rint(k / 2))]
    expected = [theory.load_at(lambda m, a=a: theory.willshaw_false_positives(m, n, k, a) / k, EPSILON) for a in cues]
    loads = {a: sorted({max(1, round(part * m)) for part in AROUND}) for a, m in zip(cues, expected)}
    rows = []
    for i in range(params.n_networks):
        key = subseed(seed, f"{n} units, network {i}")
        made = _willshaw_runs.capacity_rows(shape, loads, params.n_cues, key, traffic)
        rows += [{"network": i} | row for row in made]
    table = Table.from_rows(rows, descriptions={"wrong_share": "wrong units for each active one, one step"})
    share = theory.willshaw_false_positives(table["n_stored"], n, k, table["n_cue"]) / k
    return Table({**dict(table), "expected_share": share}, descriptions=table.descriptions)


def _capacity(t: Table) -> dict[str, Any]:
    """Capacity of one size and cue: measured, expected in two ways, closed form, bits per synapse."""
    n, k, a = (int(t[name][0]) for name in ("n_units", "n_active", "n_cue"))
    found = measures.capacity(t, x="n_stored", y="wrong_share", at=EPSILON, seed="network")
    row: dict[str, Any] = {"n_units": n, "n_active": k, "n_cue": a, "capacity": found.value}
    row |= {"capacity_low": found.low, "capacity_high": found.high, "n_networks": found.n}
    for name, is_exact in (("exact", True), ("textbook", False)):
        share = lambda m, e=is_exact: theory.willshaw_false_positives(m, n, k, a, exact=e) / k  # noqa: E731
        row[name] = theory.load_at(share, EPSILON)
    row["closed"] = float(theory.willshaw_capacity(n, k, a, EPSILON))
    per = (found.value if np.isfinite(found.value) else np.nan) / (n * (n - 1))
    pattern = {"channel": theory.pattern_bits(n, k, "channel"), "sets": theory.pattern_bits(n, k, "subsets")}
    for name, of_one in pattern.items():
        bits = float(of_one)
        row |= {f"stored_{name}": per * bits, f"closed_{name}": row["closed"] * bits / n**2}
    row["completed_sets"] = per * float(theory.pattern_bits(n - a, k - a, "subsets"))
    row["density"] = float(theory.willshaw_density(row["exact"], n, k))
    row["compressed"] = row["stored_channel"] / float(theory.binary_entropy(row["density"]))
    return row


def _strategies(params: StudyParams, seed: int, traffic: Traffic) -> Table:
    shape = (params.connectivity_units, params.connectivity_active, params.connectivity)
    noise, loads = (params.p_erase, params.p_insert), sorted(params.connectivity_loads)
    rows: list[dict[str, Any]] = []
    for i in range(params.n_connectivity_networks):
        key = subseed(seed, f"connectivity, network {i}")
        made = _willshaw_runs.strategy_rows(shape, noise, loads, params.n_connectivity_cues, key, traffic)
        rows += [{"network": i} | row for row in made]
    expected = {n: _willshaw_runs.fixed_threshold_errors(n, shape, noise) for n in loads}
    for row in rows:
        row["theory"] = float(expected[row["n_stored"]][row["threshold"]]) if row["threshold"] else np.nan
        row["usage"] = row["n_stored"] * shape[1] / shape[0]
    return Table.from_rows(rows, descriptions=ABOUT_STRATEGY)


def _best(curve: Table) -> Table:
    """The strategies at each load, the fixed threshold being the one with the fewest wrong units in all networks."""
    parts = []
    for _, t in points(curve, "n_stored"):
        fixed = {key[0]: float(some["wrong"].mean()) for key, some in points(t.where(strategy="fixed"), "threshold")}
        parts.append(t.where(threshold=[0, min(fixed, key=lambda threshold: fixed[threshold])]))
    return Table.concat(parts)


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Six panels: wrong units, exact recall, bits per synapse; capacity, capacity over the closed form, strategies."""
    return _willshaw_draw.capacity_figure(tables)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Expected wrong units, listed numbers, capacity, order of the strategies."""
    return _willshaw_checks.capacity_checks(tables)
