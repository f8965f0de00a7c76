"""The ledger between counting and pricing: whole numbers of priced things, each with its place and its role."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sdrsim.hardware.levels import Level

__all__ = ["ROLES", "Ledger", "Move"]

ROLES = ("weight", "activation", "state", "control", "compute", "network", "static")


class Move(NamedTuple):
    """What one entry of the ledger counts.

    ``number`` is the path of the price in `Card.quantities`; ``what`` says it in words; ``n`` how many of them,
    ``n_bytes`` what moved with them, ``useful_bytes`` what of that was asked for.
    """

    projection: str
    phase: str
    role: str
    level: str
    on_chip: bool
    what: str
    number: str
    n: int
    n_bytes: int = 0
    useful_bytes: int = 0


@dataclass
class Ledger:
    """Entries of one run; equal ones are joined. Words and bursts carry bytes, operations and activates none."""

    _sums: dict[tuple[str, str, str, str, bool, str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0, 0])
    )

    def add(
        self,
        where: tuple[str, str, str],
        level: str,
        on_chip: bool,
        what: str,
        number: str,
        n: int,
        n_bytes: int = 0,
        useful_bytes: int | None = None,
    ) -> None:
        """Add to an entry; `where` is (projection, phase, role)."""
        if n:
            sums = self._sums[(*where, level, on_chip, what, number)]
            sums[0] += int(n)
            sums[1] += int(n_bytes)
            sums[2] += int(n_bytes if useful_bytes is None else useful_bytes)

    def compute(self, where: tuple[str, str], operation: str, n: int) -> None:
        """Operations; `where` is (projection, phase)."""
        self.add((*where, "compute"), "compute", True, operation, f"compute.{operation}", n)

    def words(
        self, where: tuple[str, str, str], level: Level, what: str, n: int, useful_bytes: int | None = None
    ) -> None:
        """Words of a memory on the chip: ``read`` or read to ``write back``, written by ``write`` or ``fill``."""
        number = "e_read" if what in ("read", "write back") else "e_write"
        n_bytes = n * level.word_bits // 8
        self.add(where, level.name, level.on_chip, what, f"{level.name}.{number}", n, n_bytes, useful_bytes)

    def bursts(
        self, where: tuple[str, str, str], level: Level, write: bool, n: int, n_activates: int, useful_bytes: int
    ) -> None:
        """Bursts, or words, of a memory off the chip, with what the interface and the opening of pages take."""
        what, burst = ("write" if write else "read"), level.burst_bytes
        by_commands = level.e_act is not None
        number = ("e_wr" if write else "e_rd") if by_commands else ("e_write" if write else "e_read")
        useful = min(useful_bytes, n * burst)
        self.add(where, level.name, False, what, f"{level.name}.{number}", n, n * burst, useful)
        if by_commands:
            self.add(where, level.name, False, "activate", f"{level.name}.e_act", n_activates)
        self.add(where, level.name, False, "interface", f"{level.name}.e_io", 8 * n * burst)

    def __iter__(self) -> Iterator[Move]:
        for key, (n, n_bytes, useful) in self._sums.items():
            yield Move(*key, n, n_bytes, useful)

    def total(self, **where: object) -> tuple[int, int, int]:
        """n, bytes and useful bytes of the entries with these fields."""
        found = [m for m in self if all(getattr(m, name) == value for name, value in where.items())]
        return sum(m.n for m in found), sum(m.n_bytes for m in found), sum(m.useful_bytes for m in found)

    @classmethod
    def of(cls, moves: Iterable[Move]) -> "Ledger":
        """From entries."""
        made = cls()
        for m in moves:
            where = (m.projection, m.phase, m.role)
            made.add(where, m.level, m.on_chip, m.what, m.number, m.n, m.n_bytes, m.useful_bytes)
        return made
