"""What a level is given, checked before anything is done: whole numbers, (rows, columns), room in memory."""

from typing import Any

import numpy as np

from sdrsim.engine.capacity import available_bytes, bytes_text
from sdrsim.errors import CapacityError, ParameterError

__all__ = ["check_room", "checked_count", "checked_pair", "is_whole"]


def is_whole(n: Any) -> bool:
    """Whether n is a whole number (True is none)."""
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool)


def checked_count(what: str, n: Any, least: int, most: int) -> int:
    """A whole number least .. most, or ParameterError."""
    if not is_whole(n) or not least <= n <= most:
        raise ParameterError(what, got=repr(n), expected=f"a whole number, {least} .. {most}")
    return int(n)


def checked_pair(what: str, value: Any) -> tuple[int, int]:
    """(rows, columns) as whole numbers of at least 1, or ParameterError."""
    try:
        pair = tuple(value)
    except TypeError:
        pair = ()
    if len(pair) != 2 or not all(is_whole(n) and n >= 1 for n in pair):
        raise ParameterError(what, got=repr(value), expected="(rows, columns), whole numbers of at least 1")
    return int(pair[0]), int(pair[1])


def check_room(what: str, needed: int) -> None:
    """Refuse what physical memory cannot hold, or CapacityError with both numbers."""
    free = available_bytes()
    if needed > free:
        raise CapacityError(
            what,
            got=f"a need of {bytes_text(needed)}",
            expected=f"at most {bytes_text(free)}, what is free",
            do="use fewer macs, CMs or cells, or smaller apertures",
        )
