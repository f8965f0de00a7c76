"""What the generators share: checked arguments, arrays that may be too large, codes in and out."""

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import subseed
from sdrsim.errors import CapacityError, CodeError, ParameterError
from sdrsim.kernels import draws

Clip = tuple[tuple[int, ...], np.dtype[Any]] | None


def whole(name: str, value: Any, low: int = 0) -> int:
    """`value` as an int of at least `low`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise ParameterError(name, got=repr(value), expected="a whole number")
    if not low <= value < 2**62:
        raise ParameterError(name, got=int(value), expected=f"{low} or more")
    return int(value)


def code_size(value: Any, name: str = "size") -> int:
    """A number of units an SDR can have."""
    size = whole(name, value, 1)
    if size >= 2**31:
        raise ParameterError(name, got=size, expected="1 .. 2**31 - 1 units")
    return size


def at_most(name: str, value: int, limit: int, limit_name: str) -> None:
    """Refuse more active units than units."""
    if value > limit:
        raise ParameterError(name, got=value, expected=f"at most {limit_name} = {limit}")


def share(name: str, value: Any) -> float:
    """`value` as a float in 0 .. 1."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise ParameterError(name, got=repr(value), expected="a number in 0 .. 1")
    if not 0 <= value <= 1:
        raise ParameterError(name, got=float(value), expected="0 .. 1")
    return float(value)


def key_of(seed: Any, function: str) -> np.uint64:
    """The 64-bit key of one generator under `seed`."""
    return np.uint64(subseed(seed, f"patterns.{function}"))


def room(*shape: int) -> NDArray[np.int32]:
    """An int32 array, or CapacityError when there is no such room."""
    try:
        return np.empty(shape, np.int32)
    except (MemoryError, ValueError):
        n_bytes = 4 * prod(shape)
        raise CapacityError("codes", got=f"{n_bytes:,} bytes", expected="room for them", do="lower n") from None


def offsets_of(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n + 1,) offsets of lists of these lengths."""
    out = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=out[1:])
    return out


def rectangular(indices: NDArray[np.int32], size: int) -> SDR:
    """Sorted (n, k) indices as an SDR."""
    n, k = indices.shape
    return SDR._trusted(indices.reshape(-1), np.arange(n + 1, dtype=np.int64) * k, size)


def taken(codes: Any, size: Any) -> tuple[SDR, Clip]:
    """Codes as an SDR; a dense array of three or more dimensions is a clip of frames, to be given back in its shape."""
    size = None if size is None else code_size(size)
    if isinstance(codes, np.ndarray) and codes.ndim > 2:
        if codes.dtype not in (np.bool_, np.uint8):
            raise CodeError("clip", got=f"dtype {codes.dtype}", expected="bool, or 0/1 uint8", do="binarise first")
        return as_sdr(codes.reshape(len(codes), int(np.prod(codes.shape[1:]))), size, "clip"), (
            codes.shape,
            codes.dtype,
        )
    return as_sdr(codes, size), None


def given(codes: SDR, clip: Clip) -> Any:
    """Codes back in the form they came in."""
    return codes if clip is None else codes.dense().reshape(clip[0]).astype(clip[1])


def left_after(codes: SDR, fraction: float) -> NDArray[np.int64]:
    """(n + 1,) offsets of what is left when ``round(fraction * active)`` units of each item go."""
    return offsets_of(codes.n_active - np.rint(fraction * codes.n_active).astype(np.int64))


def thinned(codes: SDR, kept: NDArray[np.int64], key: np.uint64, first: int) -> SDR:
    """Of item i, ``kept[i + 1] - kept[i]`` uniformly chosen units."""
    out = room(int(kept[-1]))
    draws.erased(key, first, codes.indices, codes.indptr, kept, out)
    return SDR._trusted(out, kept, codes.size)


def redrawn(codes: SDR, kept: NDArray[np.int64], seed: Any, function: str, first: int) -> SDR:
    """Like `thinned`, with every lost unit replaced by one that was silent."""
    stay = thinned(codes, kept, key_of(seed, f"{function}.keep"), first)
    out = room(len(codes.indices))
    key = key_of(seed, f"{function}.place")
    draws.refilled(key, first, codes.size, codes.indices, codes.indptr, stay.indices, kept, codes.indptr, out)
    return SDR._trusted(out, codes.indptr.copy(), codes.size)


def image_array(images: Any) -> NDArray[Any]:
    """Numbers without NaN."""
    try:
        array = np.asarray(images)
    except ValueError:
        raise CodeError("images", got="images of several shapes", expected="one shape") from None
    if array.dtype.kind not in "biuf":
        raise CodeError("images", got=f"dtype {array.dtype}", expected="numbers")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise CodeError("images", got="NaN", expected="numbers", do="clean the data first")
    return array
