"""What commands print: aligned text for people, one JSON object for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from sdrsim.studies.study import KINDS, Check

__all__ = ["by_kind", "check_lines", "emit", "lines", "plain"]


def lines(head: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str] = ()) -> str:
    """A table as aligned text; the columns named in `right` are set to the right."""
    cells = [[str(c) for c in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    to_right = [name in set(right) for name in head]
    out = []
    for row in cells:
        parts = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, to_right)]
        out.append(" " + "  ".join(parts).rstrip())
    return "\n".join(out)


def check_lines(checks: Sequence[Check]) -> str:
    """The checks of one run, with the reason under every known deviation."""
    head = ("check", "kind", "value", "range", "target", "n", "verdict")
    rows = [(c.name, c.kind, _number(c.value), _range(c), _number(c.target), f"{c.n:,}", c.verdict) for c in checks]
    text = lines(head, rows, right=("value", "n"))
    notes = [f" {c.name} deviates: {c.deviation}" for c in checks if c.verdict == "deviates"]
    return "\n".join([text, *notes])


def by_kind(checks: Iterable[Check]) -> dict[str, dict[str, int]]:
    """How many checks of each kind there are, and how many are ok, deviate, fail: kinds are never added up."""
    counts = {kind: {"n": 0, "ok": 0, "deviates": 0, "FAILS": 0} for kind in KINDS}
    for check in checks:
        counts[check.kind]["n"] += 1
        counts[check.kind][check.verdict] += 1
    return {kind: c for kind, c in counts.items() if c["n"]}


def verdict_text(checks: Sequence[Check]) -> str:
    """'law 3/3, published 1/2 (1 deviates)'."""
    parts = []
    for kind, c in by_kind(checks).items():
        rest = [f"{c[v]} {v}" for v in ("deviates", "FAILS") if c[v]]
        parts.append(f"{kind} {c['ok']}/{c['n']}" + (f" ({', '.join(rest)})" if rest else ""))
    return ", ".join(parts) or "no check"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _range(check: Check) -> str:
    if check.low is None:
        return f"<= {_number(check.high)}"
    if check.high is None:
        return f">= {_number(check.low)}"
    return f"{_number(check.low)} .. {_number(check.high)}"


def emit(record: Mapping[str, Any]) -> None:
    """Print one JSON object; numbers that JSON does not know (NaN, infinity) become null."""
    print(json.dumps(plain(record), allow_nan=False))


def plain(value: Any) -> Any:
    """A value as strict JSON has it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
