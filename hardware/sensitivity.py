"""Which number matters: each price alone moved over its range, all others nominal."""

from sdrsim.files.table import Table
from sdrsim.hardware.pricing import span
from sdrsim.hardware.report import Report

__all__ = ["tornado"]


def tornado(report: Report, grades: tuple[str, ...] = ("A", "B", "C", "user")) -> Table:
    """The total energy with each number at the low and at the high end of its range, widest first.

    Parameters
    ----------
    report : Report
    grades : tuple of str
        Numbers of these grades alone.

    Returns
    -------
    Table
        ``number, grade, source, low_pj, nominal_pj, high_pj, swing_pj``; energies are totals of the run. Numbers with
        the same source do not move together here.

    Examples
    --------
    >>> from sdrsim.engine.traffic import Tensor, Traffic
    >>> from sdrsim.hardware import estimate
    >>> t = Traffic(tensors={"U": Tensor(1024, 128)})
    >>> t.add("U", "retrieve", rows_read=64, words_read=1024, synops=65536)
    >>> table = tornado(estimate(t, "cmos45_ddr4", 0))
    >>> table["number"].tolist()[0], bool((table["low_pj"] <= table["nominal_pj"]).all())
    ('dram.e_io', True)
    """
    numbers, total = report.counted.chip.card.quantities(), report.total_pj
    used: dict[str, float] = {}
    for entry in report.entries:
        used[entry.move.number] = used.get(entry.move.number, 0.0) + entry.n
    rows = []
    for path, n in used.items():
        quantity = numbers[path]
        if quantity.grade in grades:
            low, nominal, high = span(quantity)
            ends = total + n * (low - nominal), total + n * (high - nominal)
            rows.append((path, quantity.grade, quantity.source, ends[0], total, ends[1], ends[1] - ends[0]))
    rows.sort(key=lambda row: -row[-1])
    names = ("number", "grade", "source", "low_pj", "nominal_pj", "high_pj", "swing_pj")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return Table(columns, units=dict.fromkeys(names[3:], report.energy_unit))
