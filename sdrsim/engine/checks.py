"""What a model is given, checked before anything is done: whole numbers, real numbers, pairs, room in memory."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from sdrsim.engine.capacity import available_bytes, bytes_text
from sdrsim.errors import CapacityError, ParameterError, did_you_mean

__all__ = ["check_room", "checked_count", "checked_name", "checked_pair", "checked_real", "is_real", "is_whole"]


def is_whole(n: Any) -> bool:
    """Whether n is a whole number (True is none)."""
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool)


def is_real(x: Any) -> bool:
    """Whether x is a number (True is none)."""
    return is_whole(x) or isinstance(x, (float, np.floating))


def checked_count(what: str, n: Any, least: int, most: int) -> int:
    """A whole number least .. most, or ParameterError."""
    if not is_whole(n) or not least <= n <= most:
        raise ParameterError(what, got=repr(n), expected=f"a whole number, {least} .. {most}")
    return int(n)


def checked_real(what: str, x: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number low .. high, ends included, or ParameterError."""
    if not is_real(x) or not math.isfinite(x) or not low <= x <= high:
        where = "" if (low, high) == (-math.inf, math.inf) else f", {low:g} .. {high:g}"
        raise ParameterError(what, got=repr(x), expected=f"a number{where}")
    return float(x)


def checked_name(what: str, name: Any, known: Iterable[str], also: str = "") -> str:
    """One of the known names, or ParameterError with the nearest; `also` says what else could stand there."""
    names = list(known)
    if isinstance(name, str) and name in names:
        return name
    do = did_you_mean(name, names, n=2, cutoff=0.4) if isinstance(name, str) else None
    raise ParameterError(what, got=repr(name), expected=", ".join(names) + (f"; or {also}" if also else ""), do=do)


def checked_pair(what: str, value: Any) -> tuple[int, int]:
    """(rows, columns) as whole numbers of at least 1, or ParameterError."""
    try:
        pair = tuple(value)
    except TypeError:
        pair = ()
    if len(pair) != 2 or not all(is_whole(n) and n >= 1 for n in pair):
        raise ParameterError(what, got=repr(value), expected="(rows, columns), whole numbers of at least 1")
    return int(pair[0]), int(pair[1])


def check_room(what: str, needed: int, do: str = "use fewer macs, CMs or cells, or smaller apertures") -> None:
    """Refuse what physical memory cannot hold, or CapacityError with both numbers."""
    free = available_bytes()
    if needed > free:
        raise CapacityError(
            what, got=f"a need of {bytes_text(needed)}", expected=f"at most {bytes_text(free)}, what is free", do=do
        )
