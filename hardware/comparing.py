"""`compare`: the same job on several memories, chips and capacities; `crossover`: when events beat dense reading."""

import warnings
from collections.abc import Mapping, Sequence
from itertools import product
from math import nan
from numbers import Real
from typing import Any

from sdrsim.errors import MixedNodesWarning, ParameterError
from sdrsim.files.table import Table
from sdrsim.hardware.card import Card
from sdrsim.hardware.counting import as_placement
from sdrsim.hardware.estimating import as_card, estimate, warn_mixed
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.report import Report
from sdrsim.hardware.runs import as_run

__all__ = ["Comparison", "compare", "crossover"]

_KNOWN = ("traffic", "n_items", "score", "bits")


class Comparison(Table):
    """One row per run, card and placement; ``parts`` has the same energies by place and role, ``reports`` all of it.

    Columns: ``memory, card, node, on_chip_bytes, policy``; of one item ``pj, low_pj, high_pj, static_pj, dynamic_pj,
    dynamic_low_pj, dynamic_high_pj, on_chip_bytes_moved, off_chip_bytes_moved, time_ns``; ``pj_per_synop``; ``score,
    score_low, score_high`` and ``pj_per_bit`` (a correctly recalled bit) where they were given; ``weakest_grade,
    notes``.
    """

    parts: Table
    reports: list[Report]


def compare(
    runs: Mapping[str, Any],
    cards: Sequence[Card | str],
    placements: Sequence[Placement | int | None] = (None,),
    phase: str | None = None,
) -> Comparison:
    """Price several runs on several cards with several placements.

    Parameters
    ----------
    runs : dict of str to dict
        Name -> ``dict(traffic=, n_items=, score=, bits=)``: what `estimate` takes; the items of the run; how well it
        did (a number, or a Rate with ``value, low, high``); bits correctly recalled by one item. The last two may be
        left out.
    cards : sequence of Card or str
    placements : sequence of Placement, int or None
    phase : str or None
        One phase alone. A run without it is refused.

    Returns
    -------
    Comparison
        A `Table`; energies are nominal, with bounds, in pJ an item.

    Raises
    ------
    sdrsim.errors.ParameterError
        No run, a run without traffic or items, cards in units that do not compare.

    Examples
    --------
    >>> from sdrsim.engine.traffic import Tensor, Traffic
    >>> t = Traffic(tensors={"U": Tensor(1024, 128)})
    >>> t.add("U", "retrieve", rows_read=64, words_read=1024, synops=65536, sums=1024)
    >>> c = compare({"a": dict(traffic=t, n_items=2, score=.99)}, ["cmos45_ddr4"], [64 << 10, 1 << 20])
    >>> c["on_chip_bytes"].tolist(), c["score"].tolist(), bool(c["pj"][0] > c["pj"][1])
    ([65536, 1048576], [0.99, 0.99], True)
    """
    if not isinstance(runs, Mapping):
        raise ParameterError("runs", got=type(runs).__name__, expected="a dict of name to dict(traffic=, n_items=)")
    made = {name: _checked(name, run, phase) for name, run in runs.items()}
    chosen, placements = [as_card(card) for card in _several("cards", cards)], _several("placements", placements)
    if not made or not chosen or not placements:
        raise ParameterError("compare", got="nothing", expected="at least one run, one card and one placement")
    if len({card.energy_unit for card in chosen}) > 1:
        got = ", ".join(f"{card.name} in {card.energy_unit}" for card in chosen)
        raise ParameterError("cards", got=got, expected="one unit of energy")
    rows, parts, reports = [], [], []
    for (name, run), card, place in product(made.items(), chosen, placements):
        report = _quietly(run, card, place)
        row = _row(name, run, report, as_placement(place))
        rows.append(row)
        reports.append(report)
        head = {key: row[key] for key in ("memory", "card", "on_chip_bytes", "policy")}
        for where, roles in report.split().items():
            for role, value in roles.items():
                parts.append({**head, "on_chip": where == "on_chip", "role": role, "pj": value / run["n_items"]})
    for card in chosen:
        mixed = {report.nodes for report in reports if report.card is card and len(report.nodes) > 1}
        if mixed:
            warn_mixed(card, max(mixed, key=len), 3)
    units: dict[str, str] = dict.fromkeys(
        [name for name in rows[0] if name.endswith("pj") or name.startswith("pj_")], chosen[0].energy_unit
    )
    units |= {"time_ns": "ns", "on_chip_bytes": "bytes", "node": "nm"}
    units |= dict.fromkeys(("on_chip_bytes_moved", "off_chip_bytes_moved"), "bytes")
    table = Comparison({name: [row[name] for row in rows] for name in rows[0]}, units=units, descriptions=_ABOUT)
    table.parts = Table.from_rows(parts, units={"pj": chosen[0].energy_unit, "on_chip_bytes": "bytes"})
    table.reports = reports
    return table


_ABOUT = {
    "pj": "energy an item, nominal",
    "static_pj": "leakage, standby and refresh, of it",
    "dynamic_pj": "without them",
    "pj_per_bit": "energy a correctly recalled bit",
    "pj_per_synop": "energy a synaptic operation, without static",
    "on_chip_bytes_moved": "an item",
    "off_chip_bytes_moved": "an item",
    "time_ns": "an item",
}


def _quietly(run: Mapping[str, Any], card: Card, place: Any) -> Report:
    """One estimate; that nodes are mixed is said once a card."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)
        return estimate(run["traffic"], card, place, n_items=run["n_items"])


def _several(what: str, values: Any) -> list[Any]:
    """A list of them; one alone is refused."""
    try:
        if not isinstance(values, (str, Mapping)):
            return list(values)
    except TypeError:
        pass
    raise ParameterError(what, got=type(values).__name__, expected="a list of them")


def _checked(name: str, run: Any, phase: str | None) -> dict[str, Any]:
    """The run with all its keys, its traffic as a `Run`: passes over its trace serve all cards and placements."""
    if not isinstance(run, Mapping) or "traffic" not in run or "n_items" not in run:
        expected = "dict(traffic=..., n_items=...), and score=, bits= where known"
        raise ParameterError(f"run {name!r}", got=type(run).__name__, expected=expected)
    if lost := sorted(set(run) - set(_KNOWN)):
        raise ParameterError(f"run {name!r}", got=", ".join(lost), expected=", ".join(_KNOWN))
    if run["n_items"] is None:
        raise ParameterError(f"n_items of run {name!r}", got="none", expected="a whole number from 1 on")
    for what in ("score", "bits"):
        if (given := run.get(what)) is not None and not isinstance(getattr(given, "value", given), Real):
            raise ParameterError(f"{what} of run {name!r}", got=repr(given), expected="a number")
    found = as_run(run["traffic"])
    return {"score": None, "bits": None, **run, "traffic": found if phase is None else found.only(phase)}


def _row(name: str, run: Mapping[str, Any], report: Report, placement: Placement) -> dict[str, Any]:
    n, score, dynamic = run["n_items"], run["score"], report.bounds(static=False)
    value = nan if score is None else float(getattr(score, "value", score))
    bits = nan if run["bits"] is None else float(run["bits"])
    return {
        "memory": name,
        "card": report.card.name,
        "node": nan if report.card.node_nm is None else report.card.node_nm,
        "on_chip_bytes": report.counted.chip.capacity_bytes,
        "policy": placement.policy,
        "pj": report.total_pj / n,
        "low_pj": report.low_pj / n,
        "high_pj": report.high_pj / n,
        "static_pj": report.static_pj / n,
        "dynamic_pj": dynamic[1] / n,
        "dynamic_low_pj": dynamic[0] / n,
        "dynamic_high_pj": dynamic[2] / n,
        "on_chip_bytes_moved": report.bytes_moved(True) / n,
        "off_chip_bytes_moved": report.bytes_moved(False) / n,
        "time_ns": report.time_ns / n,
        "pj_per_synop": report.pj_per_synop(),
        "score": value,
        "score_low": float(getattr(score, "low", value)),
        "score_high": float(getattr(score, "high", value)),
        "pj_per_bit": report.total_pj / n / bits if bits > 0 else nan,
        "weakest_grade": report.weakest_grade,
        "notes": "; ".join((*report.notes, *(f"not counted: {text}" for text in report.not_counted))),
    }


def crossover(e_row_dense: float, e_row_event: float, e_overhead: float = 0.0) -> float:
    """Active share of the inputs below which fetching rows by events costs less than reading all of them.

    Parameters
    ----------
    e_row_dense : float
        Energy of a row when all are read in order.
    e_row_event : float
        Energy of a row fetched alone.
    e_overhead : float
        Of an event besides: its message, its address.

    Returns
    -------
    float
        ``e_row_dense / (e_row_event + e_overhead)``, at most 1 where events always cost less.

    Raises
    ------
    sdrsim.errors.ParameterError
        A negative energy, or events for nothing.

    Examples
    --------
    >>> round(crossover(784.72, 1496.32 + 30.72, 111), 3)
    0.479
    """
    for what, value in (("e_row_dense", e_row_dense), ("e_row_event", e_row_event), ("e_overhead", e_overhead)):
        if not isinstance(value, Real) or not 0 <= value < float("inf"):
            raise ParameterError(what, got=repr(value), expected="a number, 0 or more")
    if e_row_event + e_overhead == 0:
        raise ParameterError("e_row_event", got=0, expected="above 0")
    return min(1.0, e_row_dense / (e_row_event + e_overhead))
