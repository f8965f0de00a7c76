"""A card cut to a placement: which memories are there, and how much of each is left for rows."""

from dataclasses import dataclass, replace

from sdrsim.errors import CapacityError, ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.levels import Level, in_bytes
from sdrsim.hardware.placement import Placement

__all__ = ["Chip", "Rooms", "fitted"]


@dataclass(frozen=True)
class Chip:
    """The card as placed: memories on the chip that hold rows and codes, near to far, and the one behind them."""

    card: Card
    near: tuple[Level, ...]
    far: Level | None

    @property
    def capacity_bytes(self) -> int:
        """Of the farthest memory on the chip; the nearer ones hold copies of what it holds."""
        return _size(self.near[-1]) if self.near else 0

    def beyond(self, what: str) -> Level:
        """The memory off the chip.

        Raises
        ------
        sdrsim.errors.CapacityError
            The card has none.
        """
        if self.far is None:
            raise CapacityError(
                what,
                got="no room for it on the chip",
                expected=f"a chip that holds it: {self.card.name} has no memory off the chip",
                do="raise on_chip_bytes, or choose another card",
            )
        return self.far


def _size(level: Level) -> int:
    return 1 << 62 if level.capacity_bytes is None else level.capacity_bytes


def fitted(card: Card, placement: Placement) -> Chip:
    """The card with as much memory on the chip as the placement says.

    Registers hold no rows and stay out of it. Memories nearer than the farthest one, and not smaller, are left out.

    Examples
    --------
    >>> chip = fitted(Card.load("cmos45_ddr4"), Placement(on_chip_bytes=8 << 20))
    >>> chip.near, chip.far
    ((core 64 KiB sram, global 8 MiB sram), dram 8 GiB DDR4-2400_8Gb_x8)
    >>> fitted(Card.load("cmos45_ddr4"), Placement(on_chip_bytes=4 << 10)).near
    (global 4 KiB sram,)
    """
    far = card.off_chip[0] if card.off_chip else None
    near = [level for level in card.on_chip if level.kind != "reg"]
    size = placement.on_chip_bytes
    if size is not None:
        if not near and size:
            raise ParameterError("on_chip_bytes", got=size, expected=f"none: {card.name} has no memory on the chip")
        if size:
            last = near[-1].resized(size)
            near = [level for level in near[:-1] if _size(level) < size] + [last]
        else:
            near = []
    kept = {level.name: level for level in near}
    levels = tuple(kept.get(level.name, level) for level in card.levels if level.name in kept or level not in near)
    levels = tuple(level for level in levels if level.name in kept or not level.on_chip or level.kind == "reg")
    return Chip(replace(card, levels=levels), tuple(near), far)


class Rooms:
    """What is left of each memory on the chip: pins and buffers take, the rest is for rows that come and go."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip
        self.left = [_size(level) for level in chip.near]

    def pin(self, what: str, n_bytes: int, name: str = "") -> Level:
        """The memory that takes `n_bytes` whole: the one named, or the nearest with room.

        Raises
        ------
        sdrsim.errors.CapacityError
            No room; the message says how many bytes are short.
        """
        names = [level.name for level in self.chip.near]
        if name and name not in names:
            raise ParameterError(f"policy of {what!r}", got=f"pin:{name}", expected=", ".join(names) or "no memory")
        places = [names.index(name)] if name else range(len(names))
        for place in places:
            if self.left[place] >= n_bytes:
                self.left[place] -= n_bytes
                return self.chip.near[place]
        most = max((self.left[place] for place in places), default=0)
        raise CapacityError(
            f"pinning {what!r}",
            got=f"{in_bytes(n_bytes)}, {n_bytes - most:,} bytes more than there is room for",
            expected=f"at most {in_bytes(most)}",
            do="raise on_chip_bytes, or let it be cached or streamed",
        )

    def reserve(self, n_bytes: int) -> None:
        """Take a buffer out of every memory that can hold one, as far as it goes."""
        self.left = [
            left if level.kind == "cim" else max(0, left - n_bytes) for level, left in zip(self.chip.near, self.left)
        ]

    def share(self, n_bytes: int, taken: int) -> list[float]:
        """Shares of a buffer of `n_bytes` held by each memory, nearest first, beside `taken` bytes of rows."""
        shares, held = [], 0
        for level in self.chip.near:
            room = 0 if level.kind == "cim" else min(n_bytes, max(0, _size(level) - taken))
            shares.append(max(0, room - held) / n_bytes if n_bytes else 0.0)
            held = max(held, room)
        if not n_bytes and shares:
            shares[0] = 1.0
        return shares
