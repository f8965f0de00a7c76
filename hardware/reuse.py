"""Where an access lands: LRU stack distances of a row trace, one pass for all capacities.

A row touched again hits a memory of C rows that drops the least recently used one iff fewer than C other rows were
touched in between (Mattson et al. 1970, IBM Systems Journal 9:78). With rows of several sizes: iff those rows and the
row itself fit into C bytes; a row larger than the memory passes through it and leaves it empty.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.seeds import subseed
from sdrsim.errors import ParameterError
from sdrsim.hardware.kernels import reuse as kernel

__all__ = [
    "SampledMisses",
    "TrafficCurve",
    "Profile",
    "miss_curve",
    "profile",
    "sampled_miss_curve",
    "stack_distances",
    "traffic_curve",
]

Ints = NDArray[np.int64]
_MOST_TOUCHES = 2**31 - 1
_LEAST_RATE = 2.0**-30


class TrafficCurve(NamedTuple):
    """What LRU memories of several capacities move; every table ``(n_capacities,)``, or ``(n_groups, n_capacities)``.

    ``loads`` rows brought in (misses, first touches among them), ``write_backs`` changed rows that had to leave,
    ``dirty`` changed rows still inside at the end of the trace; each also in bytes.
    """

    capacities: Ints
    loads: Ints
    load_bytes: Ints
    write_backs: Ints
    write_back_bytes: Ints
    dirty: Ints
    dirty_bytes: Ints


class SampledMisses(NamedTuple):
    """Estimated misses per capacity, float64, with the share of rows asked for and what was kept of the trace."""

    misses: NDArray[np.float64]
    rate: float
    n_touches: int
    n_sampled: int
    n_rows_sampled: int


def stack_distances(row_ids: ArrayLike, row_bytes: ArrayLike | None = None) -> Ints:
    """Other rows touched since the last touch of each row; a hit in a memory of C rows iff this is below C.

    Parameters
    ----------
    row_ids : integer array (n_touches,)
        Any whole numbers, in the order of the accesses.
    row_bytes : None, int, or integer array (n_touches,)
        Bytes of the row touched, always the same for one row. The distances are then bytes: a hit in a memory of C
        bytes iff ``distance + row_bytes <= C``.

    Returns
    -------
    int64 array (n_touches,)
        -1 at the first touch of a row.

    Raises
    ------
    sdrsim.errors.ParameterError
        Ids or sizes that are not whole numbers, a negative size, a row of two sizes.

    Notes
    -----
    O(n log n_rows) time; memory follows the trace and 36 bytes a row.

    Examples
    --------
    >>> stack_distances([7, 8, 7, 7, 9, 8])
    array([-1, -1,  1,  0, -1,  2])
    >>> stack_distances([7, 8, 7, 7, 9, 8], row_bytes=[64, 16, 64, 64, 8, 16])
    array([-1, -1, 16,  0, -1, 72])
    """
    numbers, n_rows = _numbered(row_ids)
    if row_bytes is None:
        return _distances(numbers, n_rows, None)
    return _distances(numbers, n_rows, _sizes(numbers, n_rows, row_bytes))


def miss_curve(row_ids: ArrayLike, capacities: ArrayLike, row_bytes: ArrayLike = 1) -> Ints:
    """Misses of an LRU memory of each capacity, from one pass; first touches miss everywhere.

    Parameters
    ----------
    row_ids : integer array (n_touches,)
    capacities : integer array (n_capacities,)
        In bytes; in rows while `row_bytes` is 1. Any order, repeats allowed.
    row_bytes : int, or integer array (n_touches,)
        As in `stack_distances`.

    Returns
    -------
    int64 array (n_capacities,)

    Raises
    ------
    sdrsim.errors.ParameterError
        As `stack_distances`; a negative capacity.

    Examples
    --------
    A sweep over 100 rows finds nothing in a memory of 99:

    >>> import numpy as np
    >>> miss_curve(np.arange(300) % 100, [0, 99, 100])
    array([300, 300, 100])
    """
    return traffic_curve(row_ids, capacities, row_bytes).loads


def traffic_curve(
    row_ids: ArrayLike,
    capacities: ArrayLike,
    row_bytes: ArrayLike = 1,
    *,
    writes: ArrayLike | None = None,
    groups: ArrayLike | None = None,
) -> TrafficCurve:
    """Loads and write-backs of write-back LRU memories of all capacities, from one pass.

    Parameters
    ----------
    row_ids, capacities, row_bytes
        As in `miss_curve`.
    writes : bool array (n_touches,), or None
        The touch changes the row (a read-modify-write: a miss loads it first). None: nothing is written.
    groups : integer array (n_touches,), or None
        Counts kept apart, 0 .. n_groups - 1 (a tensor, a phase): a load belongs to the group of its touch, a write-back
        to the group of the row's last write.

    Returns
    -------
    TrafficCurve
        In the order of `capacities`; sums of whole numbers, exact.

    Raises
    ------
    sdrsim.errors.ParameterError
        As `miss_curve`; `writes` or `groups` of another length, a negative group.

    Notes
    -----
    Write-backs of all capacities come from the same pass (Thompson & Smith 1989, ACM Trans. Computer Systems 7:78): a
    row is dirty from its last write on in every memory that has not dropped it since.

    Examples
    --------
    >>> t = traffic_curve([1, 2, 1, 3, 1], [1, 2, 3], writes=[True, False, False, False, False])
    >>> t.loads, t.write_backs, t.dirty
    (array([5, 3, 3]), array([1, 0, 0]), array([0, 1, 1]))
    """
    return profile(row_ids, row_bytes).curve(capacities, writes=writes, groups=groups)


def profile(row_ids: ArrayLike, row_bytes: ArrayLike = 1) -> "Profile":
    """The distances of a trace, once for any number of questions; arguments as in `miss_curve`."""
    numbers, n_rows = _numbered(row_ids)
    sizes = _sizes(numbers, n_rows, row_bytes)
    return Profile(numbers, sizes, _distances(numbers, n_rows, sizes))


class Profile(NamedTuple):
    """A trace and its distances: numbers of the rows ``(n_touches,)``, bytes of each row, distances in bytes."""

    numbers: NDArray[np.int32]
    sizes: Ints
    distances: Ints

    def missed(self, capacity: int) -> NDArray[np.bool_]:
        """(n_touches,): what a memory of so many bytes does not hold; all in one of none."""
        missed: NDArray[np.bool_] = (self.distances < 0) | (self.distances + self.sizes[self.numbers] > capacity)
        return missed

    def curve(
        self, capacities: ArrayLike, *, writes: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> TrafficCurve:
        """As `traffic_curve`."""
        return _curve(self, capacities, writes, groups)


def _curve(of: Profile, capacities: ArrayLike, writes: ArrayLike | None, groups: ArrayLike | None) -> TrafficCurve:
    numbers, sizes, distances = of
    wanted = _capacities(capacities)
    changed = np.zeros(len(numbers), bool) if writes is None else _same_length("writes", writes, len(numbers), "b")
    group = np.zeros(len(numbers), np.int64) if groups is None else _same_length("groups", groups, len(numbers), "iu")
    if len(group) and not 0 <= group.min() <= group.max() <= _MOST_TOUCHES:
        raise ParameterError("groups", got=f"{group.min()} .. {group.max()}", expected="small whole numbers from 0 on")
    order = np.argsort(wanted, kind="stable")
    shape = (2, int(group.max(initial=0)) + 1, len(wanted) + 1)
    loads, write_backs, dirty = (np.zeros(shape, np.int64) for _ in range(3))
    kernel.curve(numbers, distances, sizes, changed, group.astype(np.int32), wanted[order], loads, write_backs, dirty)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    tables = [table.cumsum(axis=-1)[..., back] for table in (loads, write_backs, dirty)]
    if groups is None:
        tables = [table[:, 0] for table in tables]
    return TrafficCurve(wanted, *(part for table in tables for part in table))


def sampled_miss_curve(
    row_ids: ArrayLike, capacities: ArrayLike, row_bytes: ArrayLike = 1, *, rate: float, seed: int = 0
) -> SampledMisses:
    """`miss_curve` estimated from the rows that a hash keeps, for traces too long for all of them.

    Parameters
    ----------
    row_ids, capacities, row_bytes
        As in `miss_curve`.
    rate : float, above 0 to 1
        Share of rows kept, all touches of each; distances among them are divided by it.
    seed : int
        Keys the hash; another seed keeps other rows.

    Returns
    -------
    SampledMisses

    Raises
    ------
    sdrsim.errors.ParameterError
        As `miss_curve`; a rate outside its range.

    Notes
    -----
    Waldspurger et al. 2015 (FAST, "Efficient MRC construction with SHARDS"), fixed rate, with their correction: the
    touches that were expected and not sampled, few rows carry most of them, count as hits. The error falls with the
    number of rows kept: capacities of less than some 100 / rate rows are not resolved.

    Examples
    --------
    >>> import numpy as np
    >>> s = sampled_miss_curve(np.arange(10**6) % 10**5, [0, 50_000, 200_000], rate=.05)
    >>> bool((np.abs(s.misses / [1e6, 1e6, 1e5] - 1) < .1).all())
    True
    """
    ids = _ids(row_ids)
    if not _LEAST_RATE <= rate <= 1:
        raise ParameterError("rate", got=rate, expected="above 0, at most 1")
    wanted = _capacities(capacities)
    kept = np.arange(len(ids))
    if rate < 1:
        limit = np.uint64(rate * 2.0**64)
        places = np.empty(len(ids) + 1, np.int64)
        kept = places[: kernel.keep_sampled(ids, np.uint64(subseed(seed, "rows of a trace")), limit, places)]
    bytes_kept = row_bytes if np.ndim(row_bytes) == 0 else _same_length("row_bytes", row_bytes, len(ids), "iu")[kept]
    numbers, n_rows = _numbered(ids[kept])
    sizes = _sizes(numbers, n_rows, bytes_kept)
    distances = _distances(numbers, n_rows, sizes)
    again = distances >= 0
    needed = np.sort(distances[again] / rate + sizes[numbers[again]])
    missed = len(numbers) - np.searchsorted(needed, wanted, side="right")
    return SampledMisses(np.minimum(missed / rate, len(ids)), float(rate), len(ids), len(numbers), n_rows)


def _ids(row_ids: ArrayLike) -> NDArray[np.uint64]:
    ids = np.asarray(row_ids)
    if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
        raise ParameterError("row_ids", got=f"{ids.dtype} {ids.shape}", expected="one row of whole numbers")
    if len(ids) > _MOST_TOUCHES:
        raise ParameterError("row_ids", got=f"{len(ids):,} touches", expected=f"{_MOST_TOUCHES:,}", do="sample them")
    wide = ids.astype(np.uint64 if ids.dtype.kind == "u" else np.int64, copy=False)
    return np.ascontiguousarray(wide).view(np.uint64)


def _numbered(row_ids: ArrayLike) -> tuple[NDArray[np.int32], int]:
    ids = _ids(row_ids)
    numbers = np.empty(len(ids), np.int32)
    return numbers, int(kernel.number_rows(ids, numbers))


def _distances(numbers: NDArray[np.int32], n_rows: int, sizes: Ints | None) -> Ints:
    out = np.empty(len(numbers), np.int64)
    if sizes is None or not len(sizes) or (sizes[0] > 0 and (sizes == sizes[0]).all()):
        kernel.row_distances(numbers, n_rows, out)
        if sizes is not None and len(sizes):
            np.multiply(out, sizes[0], out=out, where=out > 0)
    else:
        kernel.byte_distances(numbers, sizes, out)
    return out


def _sizes(numbers: NDArray[np.int32], n_rows: int, row_bytes: ArrayLike) -> Ints:
    """Bytes of each numbered row."""
    given = np.asarray(row_bytes)
    if given.dtype.kind not in "iu" or given.ndim > 1 or (given.ndim == 1 and len(given) != len(numbers)):
        expected = f"a whole number, or {len(numbers):,} of them"
        raise ParameterError("row_bytes", got=f"{given.dtype} {given.shape}", expected=expected)
    if given.size and given.min() < 0:
        raise ParameterError("row_bytes", got=int(given.min()), expected="0 or more")
    if given.ndim == 0:
        return np.full(n_rows, given, np.int64)
    sizes = np.zeros(n_rows, np.int64)
    sizes[numbers] = given
    if (sizes[numbers] != given).any():
        raise ParameterError("row_bytes", got="a row of two sizes", expected="one size for each row")
    return sizes


def _capacities(capacities: ArrayLike) -> Ints:
    given: NDArray[Any] = np.asarray(capacities)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ParameterError("capacities", got=f"{given.dtype} {given.shape}", expected="one row of whole numbers")
    if given.size and given.min() < 0:
        raise ParameterError("capacities", got=int(given.min()), expected="0 or more")
    return given.astype(np.int64)


def _same_length(what: str, given: ArrayLike, n: int, kinds: str) -> NDArray[Any]:
    array: NDArray[Any] = np.asarray(given)
    if array.shape != (n,) or (n and array.dtype.kind not in kinds):
        expected = f"{'bool' if kinds == 'b' else 'whole numbers'} ({n},)"
        raise ParameterError(what, got=f"{array.dtype} {array.shape}", expected=expected)
    return array
