"""`estimate`: a run, a card, a placement -> what it costs."""

import warnings
from typing import Any

from sdrsim.errors import MixedNodesWarning, ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.counting import as_placement, count
from sdrsim.hardware.placement import Placement
from sdrsim.hardware.pricing import priced, steps_of, times
from sdrsim.hardware.report import Report
from sdrsim.hardware.runs import as_run

__all__ = ["as_card", "estimate", "warn_mixed"]


def estimate(
    run: Any,
    card: Card | str,
    placement: Placement | int | None = None,
    *,
    phase: str | None = None,
    n_items: int | None = None,
) -> Report:
    """Energy, time and data movement of what a run did, on a card.

    Parameters
    ----------
    run : Traffic, what has one (a recall, a memory, a simulator), or the path of a result file
        With a trace (``recall(..., trace=True)``) caches are exact; without, see `Placement`.
    card : Card or str
        One of `Card.names`, or a path.
    placement : Placement, int or None
        A number is `Placement.on_chip_bytes`.
    phase : str or None
        One phase alone: ``retrieve``, ``learn``, ``settle``, ``decay``, ``io``.
    n_items : int or None
        Items of the run: for energy an item, batches, and the barriers of chips that step in time.

    Returns
    -------
    Report

    Raises
    ------
    sdrsim.errors.ParameterError
        No counters; a cache asked for without a trace; names that fit nothing.
    sdrsim.errors.CapacityError
        A pin that does not fit (with the bytes that are short), or rows for which a chip without memory beside it has
        no room.
    sdrsim.errors.FileFormatError
        A file without counters.

    Notes
    -----
    Two stages: whole numbers of priced things first (what lands where), prices then. The same run is so priced again
    for any card and placement, without simulating.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> from sdrsim.engine.traffic import Tensor, Traffic
    >>> t = Traffic(tensors={"U": Tensor(1024, 128)})
    >>> t.add("U", "retrieve", rows_read=64, words_read=1024, synops=65536, sums=1024)
    >>> report = estimate(t, "cmos45_ddr4", Placement(on_chip_bytes=1 << 20), n_items=1)
    >>> round(report.split()["on_chip"]["weight"]), report.weakest_grade
    (95764, 'C')
    >>> sum(sum(roles.values()) for roles in report.split().values()) == report.total_pj
    True
    """
    if n_items is not None and (isinstance(n_items, bool) or not hasattr(n_items, "__index__") or n_items < 1):
        raise ParameterError("n_items", got=repr(n_items), expected="a whole number from 1 on")
    card, placement, found = as_card(card), as_placement(placement), as_run(run)
    if phase is not None:
        found = found.only(phase)
    counted = count(found, card, placement, n_items)
    taken = times(counted.ledger, counted.chip, placement, steps_of(n_items))
    entries = tuple(priced(counted.ledger, counted.chip, taken.total, placement))
    report = Report(card, placement, found, entries, counted, taken, n_items)
    if len(report.nodes) > 1:
        warn_mixed(card, report.nodes, 3)
    return report


def warn_mixed(card: Card, nodes: tuple[float, ...], stacklevel: int) -> None:
    """Say that a price is made of numbers of several nodes."""
    text = f"{card.name}: numbers of {', '.join(f'{node:g}' for node in nodes)} nm together; nothing was scaled"
    warnings.warn(text, MixedNodesWarning, stacklevel=stacklevel)


def as_card(card: Card | str) -> Card:
    """A card, or the one of that name or path."""
    if isinstance(card, Card):
        return card
    return Card.load(card)
