"""Check: one number held against a range, with the statistics and the source that the range stands on."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from math import inf, isfinite, isnan, nan
from typing import Any, Self

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table

__all__ = ["KINDS", "Check", "checks_from", "checks_table"]

KINDS: Mapping[str, str] = {
    "law": "must hold by construction",
    "theory": "a formula, within its statistics",
    "published": "a number printed in a paper",
    "prototype": "our own earlier program: regression, not reproduction",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One number held against a range; `ok` follows from ``low <= value <= high``.

    Parameters
    ----------
    name : str
        What is measured, unique in its study.
    value : float
        What came out. NaN is never ok.
    low, high : float or None
        The accepted range, ends included; None: open on that side. At least one must be given.
    n : int
        Trials, items or networks behind the value.
    target : float or None
        The number aimed at: the theory's, the paper's.
    kind : 'law', 'theory', 'published' or 'prototype'
        What stands behind the range (`KINDS`); tables count the kinds apart.
    source : str
        Where the range comes from: equation, table, paper.
    deviation : str
        For 'published' and 'prototype' only: why the number is known not to be reproduced. Such a check is reported
        as deviating, with this reason, and does not fail the run.

    Raises
    ------
    ParameterError
        Unknown kind, no bound, bounds the wrong way round, no trials.

    Examples
    --------
    >>> Check("accuracy", .91, low=.89, n=10_000, kind="published", source="Rinkus 2014").ok
    True
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int = 1
    target: float | None = None
    kind: str = "law"
    source: str = ""
    deviation: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "target"):
            number = getattr(self, name)
            object.__setattr__(self, name, None if number is None else float(number))
        object.__setattr__(self, "n", int(self.n))
        where = f"check {self.name!r}"
        if self.kind not in KINDS:
            raise ParameterError(f"{where}: kind", got=self.kind, expected=", ".join(KINDS))
        if self.low is None and self.high is None:
            raise ParameterError(f"{where}: range", got="no bound", expected="low, high or both")
        low, high = -inf if self.low is None else self.low, inf if self.high is None else self.high
        if not low <= high:
            raise ParameterError(f"{where}: range", got=f"{self.low} .. {self.high}", expected="low <= high")
        if self.n < 1:
            raise ParameterError(f"{where}: n", got=self.n, expected="at least 1")
        if self.deviation and self.kind in ("law", "theory"):
            raise ParameterError(f"{where}: deviation", got=f"one of a {self.kind}", expected="published or prototype")

    @property
    def ok(self) -> bool:
        """Whether the value lies in the range."""
        low, high = -inf if self.low is None else self.low, inf if self.high is None else self.high
        return low <= self.value <= high

    @property
    def verdict(self) -> str:
        """'ok', 'deviates' (known, with its reason) or 'FAILS'."""
        return "ok" if self.ok else "deviates" if self.deviation else "FAILS"

    def record(self) -> dict[str, Any]:
        """The check as JSON-able values: name, value, low, high, n, target, kind, ok, source (and a deviation)."""
        numbers = {k: _json_number(getattr(self, k)) for k in ("value", "low", "high")}
        rest = {"n": self.n, "target": _json_number(self.target), "kind": self.kind, "ok": self.ok}
        record: dict[str, Any] = {"name": self.name, **numbers, **rest, "source": self.source}
        return record | ({"deviation": self.deviation} if self.deviation else {})

    @classmethod
    def within(cls, name: str, value: float, target: float, tolerance: float, **more: Any) -> Self:
        """`value` within `tolerance` (absolute) of `target`."""
        return cls(name, value, target - tolerance, target + tolerance, target=target, **more)

    @classmethod
    def at_least(cls, name: str, value: float, low: float, **more: Any) -> Self:
        """`value` not below `low`."""
        return cls(name, value, low=low, **more)

    @classmethod
    def at_most(cls, name: str, value: float, high: float, **more: Any) -> Self:
        """`value` not above `high`."""
        return cls(name, value, high=high, **more)

    @classmethod
    def holds(cls, name: str, condition: Any, **more: Any) -> Self:
        """A yes or no: 1 when it holds."""
        return cls(name, float(bool(condition)), low=1.0, target=1.0, **more)

    @classmethod
    def proportion(cls, name: str, k: int, n: int, p: float, false_alarm: float = 1e-4, **more: Any) -> Self:
        """`k` hits of `n` independent trials against probability `p`: the exact binomial acceptance region.

        A true `p` is refused with probability at most `false_alarm`, whatever `n`: a quick run is judged by wider
        limits, as honestly as a long one. The trials must be independent: distinct items of one network, or several
        networks.

        Examples
        --------
        >>> c = Check.proportion("errors", k=12, n=1000, p=.01, source="binomial")
        >>> c.low, c.high, c.ok, c.kind
        (0.001, 0.024, True, 'theory')
        """
        from bisect import bisect_left

        from scipy.special import bdtr, bdtrc

        if not (0 <= p <= 1 and 0 <= k <= n and n >= 1):
            raise ParameterError(f"check {name!r}", got=f"k={k}, n={n}, p={p}", expected="0 <= k <= n, 0 <= p <= 1")
        tail, counts = false_alarm / 2, range(n + 1)
        low = bisect_left(counts, tail, key=lambda i: bdtr(i, n, p))
        high = bisect_left(counts, -tail, key=lambda i: -bdtrc(i, n, p))
        return cls(name, k / n, low / n, high / n, n=n, target=p, **{"kind": "theory", **more})


def _json_number(value: float | None) -> float | None:
    return value if value is not None and isfinite(value) else None


def checks_table(checks: Iterable[Check]) -> Table:
    """The checks as a table, one a row; NaN where there is no bound or target. A name given twice is refused."""
    listed = list(checks)
    for name, times in Counter(c.name for c in listed).items():
        if times > 1:
            raise ParameterError(f"check {name!r}", got=f"{times} of this name", expected="names of their own")
    names = [f.name for f in fields(Check)]
    columns: dict[str, list[Any]] = {name: [getattr(c, name) for c in listed] for name in names}
    for name in ("value", "low", "high", "target"):
        columns[name] = [nan if x is None else x for x in columns[name]]
    columns["ok"] = [c.ok for c in listed]
    if not listed:
        return Table({})
    return Table(columns, descriptions={"n": "trials behind the value", "deviation": "why it is not reproduced"})


def checks_from(table: Table | None) -> list[Check]:
    """The checks a result file holds; `ok` is derived again from value and range."""
    made = []
    for row in table.rows() if table is not None else ():
        row = {k: None if k != "value" and isinstance(v, float) and isnan(v) else v for k, v in row.items()}
        made.append(Check(**{f.name: row[f.name] for f in fields(Check)}))
    return made
