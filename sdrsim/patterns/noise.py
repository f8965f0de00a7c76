"""Noise on codes: units erased, inserted, moved; by count, then place, so that work follows the changes."""

from typing import Any, overload

import numpy as np

from sdrsim.engine.codes import SDR
from sdrsim.errors import CodeError
from sdrsim.kernels import draws
from sdrsim.patterns.checks import given, key_of, left_after, offsets_of, redrawn, room, share, taken, thinned, whole

__all__ = ["erase", "insert", "move_units"]


@overload
def erase(codes: SDR, fraction: float, seed: int, *, size: int | None = ..., first_item: int = ...) -> SDR: ...
@overload
def erase(codes: Any, fraction: float, seed: int, *, size: int | None = ..., first_item: int = ...) -> Any: ...
def erase(codes: Any, fraction: float, seed: int, *, size: int | None = None, first_item: int = 0) -> Any:
    """Switch off ``round(fraction * active)`` active units of each item, uniformly chosen (halves round to even).

    Nested: what is erased at a smaller fraction is also erased at a larger one.

    Parameters
    ----------
    codes : SDR, bool or 0/1 uint8 ``(n, size)``, indices ``(n, k)`` (then give `size`), CSR
        Or a clip: bool or 0/1 uint8 ``(T, rows, columns)``.
    fraction : float, 0 .. 1
    seed : int
    size : int, optional
        Units; needed for indices only.
    first_item : int
        Number of the first item, when a batch was cut.

    Returns
    -------
    SDR, or for a clip an array of its shape and dtype

    Raises
    ------
    ParameterError, CodeError

    Examples
    --------
    >>> from sdrsim import patterns
    >>> x = patterns.random_sparse(4, size=100, k=10, seed=0)
    >>> cues = patterns.erase(x, .3, seed=1)
    >>> cues.n_active.tolist(), cues.overlap(x).tolist()
    ([7, 7, 7, 7], [7, 7, 7, 7])
    """
    fraction, first = share("fraction", fraction), whole("first_item", first_item)
    came, clip = taken(codes, size)
    return given(thinned(came, left_after(came, fraction), key_of(seed, "erase"), first), clip)


@overload
def insert(codes: SDR, p: float, seed: int, *, size: int | None = ..., first_item: int = ...) -> SDR: ...
@overload
def insert(codes: Any, p: float, seed: int, *, size: int | None = ..., first_item: int = ...) -> Any: ...
def insert(codes: Any, p: float, seed: int, *, size: int | None = None, first_item: int = 0) -> Any:
    """Switch on each silent unit with probability `p`: the count is drawn (binomial), then the places; O(changes).

    Parameters
    ----------
    codes : codes or a bool clip, as for `erase`
    p : float, 0 .. 1
    seed : int
    size, first_item : int
        As for `erase`.

    Returns
    -------
    SDR, or for a clip an array of its shape and dtype

    Raises
    ------
    ParameterError, CodeError

    Examples
    --------
    >>> from sdrsim import patterns
    >>> x = patterns.random_sparse(2000, size=1000, k=10, seed=0)
    >>> y = patterns.insert(x, .002, seed=1)
    >>> bool((y.overlap(x) == 10).all()), round(float(y.n_active.mean()))
    (True, 12)
    """
    p, first = share("p", p), whole("first_item", first_item)
    came, clip = taken(codes, size)
    key, counts = key_of(seed, "insert"), np.empty(len(came), np.int64)
    draws.binomials(key, first, came.size - came.n_active, p, counts)
    filled = came.indptr + offsets_of(counts)
    out = room(int(filled[-1]))
    draws.refilled(key, first, came.size, came.indices, came.indptr, came.indices, came.indptr, filled, out)
    return given(SDR._trusted(out, filled, came.size), clip)


@overload
def move_units(codes: SDR, fraction: float, seed: int, *, size: int | None = ..., first_item: int = ...) -> SDR: ...
@overload
def move_units(codes: Any, fraction: float, seed: int, *, size: int | None = ..., first_item: int = ...) -> Any: ...
def move_units(codes: Any, fraction: float, seed: int, *, size: int | None = None, first_item: int = 0) -> Any:
    """Move ``round(fraction * active)`` active units of each item to places that were silent; the number stays.

    Parameters
    ----------
    codes : codes or a bool clip, as for `erase`
    fraction : float, 0 .. 1
    seed : int
    size, first_item : int
        As for `erase`.

    Returns
    -------
    SDR, or for a clip an array of its shape and dtype

    Raises
    ------
    ParameterError, CodeError
        CodeError also where an item has fewer silent units than it must move.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> x = patterns.random_sparse(3, size=100, k=10, seed=0)
    >>> y = patterns.move_units(x, .4, seed=1)
    >>> y.n_active.tolist(), y.overlap(x).tolist()
    ([10, 10, 10], [6, 6, 6])
    """
    fraction, first = share("fraction", fraction), whole("first_item", first_item)
    came, clip = taken(codes, size)
    kept = left_after(came, fraction)
    crowded = np.flatnonzero(came.n_active - np.diff(kept) > came.size - came.n_active)
    if crowded.size:
        i = int(crowded[0])
        raise CodeError(
            f"codes: item {i}",
            got=f"{came.n_active[i]} of {came.size} units active",
            expected=f"room to move {came.n_active[i] - (kept[i + 1] - kept[i])} of them",
            do="lower fraction",
        )
    return given(redrawn(came, kept, seed, "move_units", first), clip)
