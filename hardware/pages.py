"""DRAM pages: which bursts find their page open, for a stream of fetches; and where the rows of an array lie.

A bank keeps the page it read last open until another one is asked for (policy ``open``), or closes it behind every
fetch (``closed``). Consecutive pages lie in consecutive banks. Fetches are served in the order given, one after
another; a controller that reorders them opens fewer pages.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.dram import Dram
from sdrsim.hardware.kernels import pages as kernel
from sdrsim.hardware.levels import Level

__all__ = [
    "PageTraffic",
    "base_addresses",
    "bursts_of",
    "device_of",
    "n_banks_of",
    "page_activates",
    "page_traffic",
    "row_addresses",
]

Ints = NDArray[np.int64]
_T = TypeVar("_T", bound=np.generic)
_POLICIES = ("open", "closed")
_BANKS = {"DDR3": 8, "DDR4": 16, "LPDDR3": 8, "LPDDR4": 8, "HBM2": 16}  # JESD79-3, 79-4, 209-3, 209-4, 235
_MOST = 2**62


class PageTraffic(NamedTuple):
    """Commands of a DRAM for a stream of fetches, and the state every burst found its page in.

    Bursts are ``n_bursts_read + n_bursts_written = n_hits + n_closed + n_conflicts``; every one that is no hit opens a
    page: ``n_activates = n_closed + n_conflicts``. ``n_bytes`` is what was asked for.
    """

    n_activates: int
    n_bursts_read: int
    n_bursts_written: int
    n_hits: int
    n_closed: int
    n_conflicts: int
    n_bytes: int

    @property
    def n_bursts(self) -> int:
        """Bursts, read and written."""
        return self.n_bursts_read + self.n_bursts_written

    def useful_fraction(self, dram: Dram | Level) -> float:
        """Share of what the bursts carry that was asked for; 1 where nothing was moved."""
        return self.n_bytes / (self.n_bursts * device_of(dram).burst_bytes) if self.n_bursts else 1.0

    def energy_pj(self, dram: Dram | Level, *, e_io: float) -> float:
        """Energy of the commands in pJ, with `e_io` pJ for every bit that the bursts move."""
        n = {"n_activates": self.n_activates, "n_reads": self.n_bursts_read, "n_writes": self.n_bursts_written}
        return device_of(dram).energy_pj(**n, e_io=e_io)

    def latency_ns(self, dram: Dram | Level) -> float:
        """Time of all bursts, each waiting for the one before, ns."""
        states = {"hit": self.n_hits, "closed": self.n_closed, "conflict": self.n_conflicts}
        return sum(n * device_of(dram).latency_ns(state) for state, n in states.items())


def page_traffic(
    addresses: ArrayLike,
    n_bytes: ArrayLike,
    *,
    dram: Dram | Level,
    writes: ArrayLike | None = None,
    policy: str = "open",
    n_banks: int | None = None,
) -> PageTraffic:
    """What a stream of fetches asks of a DRAM: pages opened, bursts moved, hits, closed banks, conflicts.

    Parameters
    ----------
    addresses : integer array (n_fetches,)
        First byte of each fetch, in the order of the run.
    n_bytes : int, or integer array (n_fetches,)
        Its length; whole bursts are moved, and nothing for 0 bytes.
    dram : Dram or Level
        The device, or the level of a card that is one.
    writes : None, bool, or bool array (n_fetches,)
        Which fetches write; None: all read.
    policy : {'open', 'closed'}
    n_banks : int or None
        None: those of the level, or of the device's standard (`n_banks_of`).

    Returns
    -------
    PageTraffic

    Raises
    ------
    sdrsim.errors.ParameterError
        Negative or broken addresses or lengths, an unknown policy, a level that is no DRAM.

    Examples
    --------
    Rows of 2048 bytes, four to a page; in order, and each from a page of its own:

    >>> from sdrsim.hardware.dram import dram
    >>> d = dram("DDR4-2400")
    >>> in_order = page_traffic(np.arange(64) * 2048, 2048, dram=d)
    >>> apart = page_traffic(np.arange(64) * 8192 * 7, 2048, dram=d)
    >>> in_order.n_activates, apart.n_activates, in_order.n_bursts, apart.n_bursts
    (16, 64, 2048, 2048)
    >>> round(apart.energy_pj(d, e_io=10) / 64, 3), round(3450.144 + 32 * 2932.224 + 16384 * 10, 3)
    (261121.312, 261121.312)
    """
    counts = _followed(addresses, n_bytes, dram, writes, None, policy, n_banks)[0]
    reads, writes_, hits, closed, conflicts = counts.tolist()
    return PageTraffic(closed + conflicts, reads, writes_, hits, closed, conflicts, int(_total(n_bytes, addresses)))


def page_activates(
    addresses: ArrayLike,
    n_bytes: ArrayLike,
    groups: ArrayLike,
    n_groups: int,
    *,
    dram: Dram | Level,
    policy: str = "open",
    n_banks: int | None = None,
) -> Ints:
    """Pages opened by each group of fetches (an array, a phase), ``(n_groups,)``; as `page_traffic` else.

    Examples
    --------
    >>> from sdrsim.hardware.dram import dram
    >>> page_activates([0, 8192 * 16, 64], 64, [0, 1, 0], 2, dram=dram("DDR4-2400")).tolist()
    [2, 1]
    """
    of = _as_long_as("groups", _whole("groups", groups), len(np.asarray(addresses)))
    if len(of) and of.max() >= n_groups:
        raise ParameterError("groups", got=int(of.max()), expected=f"below {n_groups}")
    counts = _followed(addresses, n_bytes, dram, None, of, policy, n_banks, n_groups)
    made: Ints = counts[:, kernel.CLOSED] + counts[:, kernel.CONFLICTS]
    return made


def _total(n_bytes: ArrayLike, addresses: ArrayLike) -> int:
    return int(np.broadcast_to(np.asarray(n_bytes, np.int64), np.shape(addresses)).sum())


def _followed(
    addresses: ArrayLike,
    n_bytes: ArrayLike,
    dram: Dram | Level,
    writes: ArrayLike | None,
    groups: Ints | None,
    policy: str,
    n_banks: int | None,
    n_groups: int = 1,
) -> Ints:
    """(n_groups, N_COUNTS): what `page_traffic` and `page_activates` count."""
    device = device_of(dram)
    starts, sizes, flags = _checked_fetches(addresses, n_bytes, writes)
    if policy not in _POLICIES:
        raise ParameterError("policy", got=repr(policy), expected="open or closed", do=did_you_mean(policy, _POLICIES))
    opened = np.full(_checked_banks(n_banks, dram), kernel.NONE, np.int64)
    counts = np.zeros((n_groups, kernel.N_COUNTS), np.int64)
    of = np.zeros(len(starts), np.int32) if groups is None else groups.astype(np.int32)
    burst, page, closing = device.burst_bytes, device.page_bytes, policy == "closed"
    kernel.follow_pages(starts, sizes, flags, of, burst, page, closing, opened, counts)
    return counts


def bursts_of(
    addresses: ArrayLike, n_bytes: ArrayLike, writes: ArrayLike | None, burst_bytes: int
) -> tuple[Ints, NDArray[np.bool_]]:
    """The bursts of a stream of fetches, one after another: first bytes, int64, and which write, bool.

    Examples
    --------
    >>> bursts_of([100, 0], [30, 1], [True, False], 64)
    (array([ 64, 128,   0]), array([ True,  True, False]))
    """
    starts, sizes, flags = _checked_fetches(addresses, n_bytes, writes)
    first = starts // burst_bytes
    n = np.where(sizes > 0, (starts + sizes - 1) // burst_bytes - first + 1, 0)
    fetch = np.repeat(np.arange(len(starts)), n)
    within = np.arange(len(fetch)) - np.repeat(np.cumsum(n) - n, n)
    return (first[fetch] + within) * burst_bytes, flags[fetch]


def base_addresses(
    n_rows: ArrayLike,
    row_bytes: ArrayLike,
    *,
    dram: Dram | Level,
    interleave: bool = False,
    n_banks: int | None = None,
) -> Ints:
    """First bytes of arrays that lie one behind the other, each from a new page on, rows as in `row_addresses`.

    Parameters
    ----------
    n_rows, row_bytes : integer arrays (n_tensors,)
    dram, interleave, n_banks
        As in `row_addresses`; interleaved arrays begin at the first bank.

    Returns
    -------
    int64 array (n_tensors,)

    Examples
    --------
    >>> from sdrsim.hardware.dram import dram
    >>> base_addresses([10, 3, 1], [2048, 100, 8], dram=dram("DDR4-2400")).tolist()
    [0, 24576, 32768]
    """
    rows, size = np.broadcast_arrays(np.atleast_1d(_whole("n_rows", n_rows)), _whole("row_bytes", row_bytes))
    ends = row_addresses(0, np.maximum(rows - 1, 0), size, dram=dram, interleave=False) + size
    page = device_of(dram).page_bytes
    step = page * (_checked_banks(n_banks, dram) if interleave else 1)
    room = -(-np.where(rows > 0, ends, 0) // step) * step
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(room)[:-1]])


def row_addresses(
    tensor_bases: ArrayLike,
    rows: ArrayLike,
    row_bytes: ArrayLike,
    *,
    dram: Dram | Level,
    interleave: bool = False,
    n_banks: int | None = None,
) -> Ints:
    """First byte of rows: each begins with a burst, and one that is not longer than a page lies in one page.

    Parameters
    ----------
    tensor_bases : int, or integer array (n_accesses,)
        First byte of the array of each row, a multiple of the page.
    rows : integer array (n_accesses,)
    row_bytes : int, or integer array (n_accesses,)
    dram : Dram or Level
    interleave : bool
        Neighbouring rows in neighbouring banks, in the place of one page after another; longer rows than a page lie in
        several banks anyway.
    n_banks : int or None
        As in `page_traffic`.

    Returns
    -------
    int64 array (n_accesses,)

    Raises
    ------
    sdrsim.errors.ParameterError
        Negative numbers, or none that are whole; a base inside a page.

    Examples
    --------
    >>> from sdrsim.hardware.dram import dram
    >>> d = dram("DDR4-2400")
    >>> row_addresses(0, [0, 1, 2, 3], 3000, dram=d).tolist()
    [0, 3008, 8192, 11200]
    >>> row_addresses(0, [0, 1, 2, 16], 3000, dram=d, interleave=True).tolist()
    [0, 8192, 16384, 3008]
    """
    device, banks = device_of(dram), _checked_banks(n_banks, dram)
    base, row, size = (
        _whole(what, numbers)
        for what, numbers in (("tensor_bases", tensor_bases), ("rows", rows), ("row_bytes", row_bytes))
    )
    page, burst = device.page_bytes, device.burst_bytes
    if np.any(base % page):
        raise ParameterError("tensor_bases", got="inside a page", expected=f"multiples of {page} bytes")
    stride = np.maximum(-(-size // burst), 1) * burst
    n_in_page = np.maximum(page // stride, 1)
    if interleave:
        group, place = np.divmod(row, n_in_page * banks)
        at_page, slot = group * banks + place % banks, place // banks
    else:
        at_page, slot = np.divmod(row, n_in_page)
    found: Ints = base + np.where(stride > page, row * stride, at_page * page + slot * stride)
    return found


def n_banks_of(dram: Dram | Level) -> int:
    """Banks of one rank or channel: those the level names, where more than one, else of the device's JEDEC standard.

    Examples
    --------
    >>> from sdrsim.hardware.dram import dram
    >>> n_banks_of(dram("DDR4-2400")), n_banks_of(dram("LPDDR4"))
    (16, 8)
    """
    if isinstance(dram, Level) and dram.n_banks > 1:
        return dram.n_banks
    device = device_of(dram).device
    family = next((name for name in _BANKS if device.startswith(name)), None)
    if family is None:
        raise ParameterError("n_banks", got="none", expected=f"a number: the standard of {device} is not known")
    return _BANKS[family]


def device_of(dram: Dram | Level) -> Dram:
    """The device of a level, or the device itself."""
    device = dram.dram if isinstance(dram, Level) else dram
    if device is None or not isinstance(device, Dram):
        raise ParameterError("dram", got=repr(dram), expected="a Dram, or a level with a DRAM device")
    return device


def _checked_fetches(
    addresses: ArrayLike, n_bytes: ArrayLike, writes: ArrayLike | None
) -> tuple[Ints, Ints, NDArray[np.bool_]]:
    starts = _whole("addresses", addresses)
    if starts.ndim != 1:
        raise ParameterError("addresses", got=f"shape {starts.shape}", expected="(n_fetches,)")
    sizes = _as_long_as("n_bytes", _whole("n_bytes", n_bytes), len(starts))
    flags = np.asarray(False if writes is None else writes)
    if flags.dtype != np.bool_:
        raise ParameterError("writes", got=flags.dtype, expected="bool")
    return np.ascontiguousarray(starts), sizes, _as_long_as("writes", flags, len(starts))


def _checked_banks(n_banks: int | None, dram: Dram | Level) -> int:
    if n_banks is None:
        return n_banks_of(dram)
    if isinstance(n_banks, bool) or not isinstance(n_banks, (int, np.integer)) or n_banks < 1:
        raise ParameterError("n_banks", got=repr(n_banks), expected="a whole number from 1 on")
    return int(n_banks)


def _whole(what: str, numbers: ArrayLike) -> Ints:
    found = np.asarray(numbers)
    if found.size and (not np.issubdtype(found.dtype, np.integer) or found.min() < 0 or int(found.max()) >= _MOST):
        raise ParameterError(what, got=found.dtype, expected="whole numbers, 0 .. 2**62 - 1")
    return found.astype(np.int64)


def _as_long_as(what: str, values: NDArray[_T], n: int) -> NDArray[_T]:
    if values.shape not in ((), (n,)):
        raise ParameterError(what, got=f"shape {values.shape}", expected=f"one, or one for each of {n} fetches")
    return np.ascontiguousarray(np.broadcast_to(values, n))
