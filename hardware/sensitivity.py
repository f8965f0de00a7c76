"""Which number matters: each price alone moved over its range, all others nominal."""

from typing import Any

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table
from sdrsim.hardware.pricing import span, time_ends
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
        ``number, kind, grade, source, low_pj, nominal_pj, high_pj, swing_pj``; energies are totals of the run. Kind
        'price': counted times its range, ends of the number. Kind 'time': what leaks and idles for a shorter or longer
        time, ends of the time. Numbers with the same source do not move together here.

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
    if not isinstance(report, Report):
        raise ParameterError("report", got=type(report).__name__, expected="a Report, as estimate gives it")
    numbers, total = report.counted.chip.card.quantities(), report.total_pj
    used: dict[str, float] = {}
    for entry in report.entries:
        used[entry.move.number] = used.get(entry.move.number, 0.0) + entry.n
    rows: list[tuple[Any, ...]] = []
    for path, n in used.items():
        low, nominal, high = span(numbers[path])
        rows.append((path, "price", total + n * (low - nominal), total + n * (high - nominal)))
    for path, ends in time_ends(report.counted.chip.card).items():
        taken = [report.time_at({path: end}) for end in ends]
        if report.time_ns and any(t != report.time_ns for t in taken):
            rows.append((path, "time", *(total + report.static_pj * (t / report.time_ns - 1) for t in taken)))
    rows = sorted((row for row in rows if numbers[row[0]].grade in grades), key=lambda row: row[2] - row[3])
    columns: dict[str, Any] = {
        "number": [row[0] for row in rows],
        "kind": [row[1] for row in rows],
        "grade": [numbers[row[0]].grade for row in rows],
        "source": [numbers[row[0]].source for row in rows],
        "low_pj": [row[2] for row in rows],
        "nominal_pj": [total] * len(rows),
        "high_pj": [row[3] for row in rows],
        "swing_pj": [row[3] - row[2] for row in rows],
    }
    return Table(columns, units=dict.fromkeys((name for name in columns if name.endswith("_pj")), report.energy_unit))
