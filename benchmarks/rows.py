"""A row of the table: what was timed against what, the read limit where there is one, the goals."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Goal", "Row"]


@dataclass(frozen=True)
class Goal:
    """A bound: 'ratio' (peer / ours), 'limit' (limit / ours) at least; 'slowdown' (ours / peer), 'seconds' at most."""

    of: Literal["ratio", "limit", "slowdown", "seconds"]
    bound: float
    kind: Literal["must", "aim"] = "must"

    def met(self, row: "Row") -> bool:
        """Whether the row keeps it."""
        value = row.value(self.of)
        return value >= self.bound if self.of in ("ratio", "limit") else value <= self.bound

    def __str__(self) -> str:
        return {
            "ratio": f"{self.kind} >= {self.bound:g}x",
            "limit": f"{self.kind} >= {100 * self.bound:g} % of limit",
            "slowdown": f"{self.kind} <= {self.bound:g}x slower",
            "seconds": f"{self.kind} <= {self.bound:g} s",
        }[self.of]


@dataclass(frozen=True)
class Row:
    """Seconds per item of ours, of the peer, and of the limit: the time no code that reads the same data can beat."""

    what: str
    peer: str
    ours_s: float
    peer_s: float | None = None
    limit_s: float | None = None
    goals: tuple[Goal, ...] = ()

    def value(self, of: str) -> float:
        """The quantity a goal is about."""
        if of == "seconds":
            return self.ours_s
        if of == "limit":
            return self.limit_s / self.ours_s if self.limit_s is not None else float("nan")
        if self.peer_s is None:
            return float("nan")
        return self.peer_s / self.ours_s if of == "ratio" else self.ours_s / self.peer_s

    @property
    def highest_ratio(self) -> float | None:
        """The ratio to the peer of code that runs at the limit."""
        return self.peer_s / self.limit_s if self.peer_s is not None and self.limit_s is not None else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "what": self.what,
            "peer": self.peer,
            "ours_us": 1e6 * self.ours_s,
            "peer_us": None if self.peer_s is None else 1e6 * self.peer_s,
            "limit_us": None if self.limit_s is None else 1e6 * self.limit_s,
            "ratio": None if self.peer_s is None else self.value("ratio"),
            "share_of_limit": None if self.limit_s is None else self.value("limit"),
            "ratio_at_limit": self.highest_ratio,
            "goals": [{"goal": str(goal), "met": goal.met(self)} for goal in self.goals],
        }
