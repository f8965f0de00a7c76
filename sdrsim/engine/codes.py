"""SDR: one or many sparse codes over `size` units, as (indptr, indices), with dense and packed views made on demand."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import CodeError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["SDR", "CodeLike", "as_sdr"]

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]


class SDR:
    """Sparse codes: item ``i`` has the active units ``indices[indptr[i]:indptr[i + 1]]``, sorted, none twice.

    Parameters
    ----------
    indices : (n_active_total,) integer array, sorted inside each item
    indptr : (n + 1,) integer array, starting at 0
    size : int
        Number of units a code runs over.

    Raises
    ------
    CodeError
        Indices unsorted, repeated, negative or not below `size`; offsets that do not fit. `from_indices` sorts for you.

    Examples
    --------
    >>> import numpy as np
    >>> s = SDR.from_indices([[5, 1], [2]], size=8)
    >>> len(s), s.size, s[0].indices.tolist()
    (2, 8, [1, 5])
    >>> s.dense().astype(int).sum(axis=1).tolist()
    [2, 1]
    >>> s.overlap(s).tolist()
    [2, 1]
    """

    __slots__ = ("_dense", "_packed", "indices", "indptr", "size")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, indices: Any, indptr: Any, size: int) -> None:
        flat, offsets = np.asarray(indices), np.asarray(indptr)
        size = _checked_size(size)
        if flat.ndim != 1 or (flat.size and flat.dtype.kind not in "iu"):
            raise CodeError("SDR indices", got=_describe(flat), expected="a flat integer array")
        if offsets.ndim != 1 or offsets.size < 1 or offsets.dtype.kind not in "iu":
            raise CodeError("SDR indptr", got=_describe(offsets), expected="a flat integer array of n + 1 offsets")
        if offsets[0] != 0 or offsets[-1] != flat.size or np.any(np.diff(offsets.astype(np.int64)) < 0):
            raise CodeError(
                "SDR indptr", got=f"offsets {offsets[0]} .. {offsets[-1]}", expected=f"0 rising to {flat.size}"
            )
        _check_range(flat, size)
        flat = np.array(flat, dtype=np.int32)  # copies: a code must not change, nor be frozen, with the caller's arrays
        offsets = np.array(offsets, dtype=np.int64)
        bad = _first_unsorted(flat, offsets)
        if bad >= 0:
            raise CodeError(
                f"SDR item {bad}",
                got="indices unsorted or repeated",
                expected="strictly rising",
                do="use SDR.from_indices",
            )
        self._set(flat, offsets, size)

    def _set(self, flat: Ints, offsets: Offsets, size: int) -> None:
        for array in (flat, offsets):
            array.flags.writeable = False
        self.indices, self.indptr, self.size = flat, offsets, size
        self._dense: NDArray[np.bool_] | None = None
        self._packed: NDArray[np.uint64] | None = None

    @classmethod
    def _trusted(cls, flat: Ints, offsets: Offsets, size: int) -> "SDR":
        """For arrays this package made itself: int32 indices, int64 offsets, sorted, in range."""
        made = cls.__new__(cls)
        made._set(flat, offsets, size)
        return made

    # ---- making -----------------------------------------------------------------------------------------------

    @classmethod
    def from_dense(cls, dense: Any) -> "SDR":
        """From a bool or 0/1 uint8 array ``(n, size)``; one item may be ``(size,)``."""
        array = np.asarray(dense)
        if array.ndim == 1:
            array = array[None]
        if array.ndim != 2:
            raise CodeError("dense codes", got=_describe(array), expected="shape (n, size)", do="flatten images first")
        if array.dtype != np.bool_:
            _check_binary(array)
            array = array.astype(np.bool_)
        rows, columns = np.nonzero(array)
        indptr = np.zeros(len(array) + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=len(array)), out=indptr[1:])
        return cls._trusted(columns.astype(np.int32), indptr, _checked_size(array.shape[1]))

    @classmethod
    def from_indices(cls, items: Any, size: int) -> "SDR":
        """From active units, a list of integer arrays or one ``(n, k)`` array; sorted here, repeats refused."""
        size = _checked_size(size)
        if isinstance(items, np.ndarray) and items.dtype != object:
            if items.ndim != 2:
                raise CodeError("indices", got=_describe(items), expected="shape (n, k), or a list of arrays")
            if items.size and items.dtype.kind not in "iu":
                raise CodeError("indices", got=_describe(items), expected="integers", do="pass bool for dense codes")
            _refuse_dense_look(items, size)
            parts: Iterable[Any] = items
            lengths = np.full(len(items), items.shape[1], np.int64)
            flat = items.reshape(-1)
        else:
            parts = [_array(p) for p in items]
            for p in parts:
                if p.ndim != 1 or (p.size and p.dtype.kind not in "iu"):
                    raise CodeError("indices", got=_describe(p), expected="one flat integer array per item")
            lengths = np.array([len(p) for p in parts], np.int64)
            flat = np.concatenate([*parts, np.zeros(0, np.int32)]) if len(parts) else np.zeros(0, np.int32)
        _check_range(flat, size)
        indptr = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths, out=indptr[1:])
        flat = flat.astype(np.int32)
        if _first_unsorted(flat, indptr) >= 0:
            item = np.repeat(np.arange(len(lengths), dtype=np.int64), lengths)
            order = np.lexsort((flat, item))
            flat = flat[order]
            bad = _first_unsorted(flat, indptr)
            if bad >= 0:
                raise CodeError(
                    f"item {bad}", got="an index twice", expected="each active unit once", do="drop the repeats"
                )
        return cls._trusted(flat, indptr, size)

    @classmethod
    def from_csr(cls, matrix: Any) -> "SDR":
        """From a scipy CSR matrix ``(n, size)`` whose stored entries are all 1 (explicit zeros are refused)."""
        csr = matrix.tocsr()
        if csr.nnz and not np.all(csr.data == 1):
            raise CodeError("CSR data", got="entries other than 1", expected="a 0/1 matrix", do="binarise it first")
        csr = csr.sorted_indices()
        return cls(csr.indices, csr.indptr, csr.shape[1])

    # ---- reading ----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __iter__(self) -> Iterator["SDR"]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> "SDR":
        """One item, a slice, or an integer / bool array of items; always an SDR."""
        if isinstance(key, (int, np.integer)):
            i = int(key) + (len(self) if key < 0 else 0)
            if not 0 <= i < len(self):
                raise IndexError(f"item {key} of an SDR of {len(self)}")
            key = slice(i, i + 1)
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                stop = max(start, stop)
                offsets = self.indptr[start : stop + 1]
                return SDR._trusted(self.indices[offsets[0] : offsets[-1]], offsets - offsets[0], self.size)
        items = np.arange(len(self))[key]
        if items.ndim != 1:
            raise IndexError("items of an SDR: expected one flat list of numbers, a bool mask or a slice")
        lengths = np.diff(self.indptr)[items]
        indptr = np.zeros(len(items) + 1, np.int64)
        np.cumsum(lengths, out=indptr[1:])
        take = np.arange(indptr[-1]) + np.repeat(self.indptr[items] - indptr[:-1], lengths)
        return SDR._trusted(self.indices[take], indptr, self.size)

    @property
    def n_active(self) -> Offsets:
        """(n,) int64: active units per item."""
        return np.diff(self.indptr)

    def dense(self) -> NDArray[np.bool_]:
        """(n, size) bool, made once and kept (read-only)."""
        if self._dense is None:
            out = np.zeros((len(self), self.size), np.bool_)
            out[self._items(), self.indices] = True
            out.flags.writeable = False
            self._dense = out
        return self._dense

    def packed(self) -> NDArray[np.uint64]:
        """(n, ceil(size / 64)) uint64, unit i in bit ``i % 64`` of word ``i // 64``; made once and kept (read-only)."""
        if self._packed is None:
            out = np.zeros((len(self), -(-self.size // 64)), np.uint64)
            bits = np.uint64(1) << (self.indices & 63).astype(np.uint64)
            np.bitwise_or.at(out, (self._items(), self.indices >> 6), bits)
            out.flags.writeable = False
            self._packed = out
        return self._packed

    def to_csr(self) -> "csr_matrix":
        """scipy CSR matrix ``(n, size)`` of uint8 ones."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self.indices), np.uint8)
        return csr_matrix((ones, self.indices, self.indptr), shape=(len(self), self.size))

    def overlap(self, other: Any) -> Offsets:
        """(n,) int64: units active in both, item by item; a single item is held against every item of the other."""
        held: SDR = as_sdr(other, self.size, what="other")
        if len(self) != len(held):
            if len(held) == 1:
                return self._per_item(np.isin(self.indices, held.indices))
            if len(self) == 1:
                return held.overlap(self)
            raise CodeError("overlap", got=f"{len(self)} and {len(held)} items", expected="equal numbers, or one")
        keys = self._items() * self.size + self.indices
        return self._per_item(np.isin(keys, held._items() * self.size + held.indices, assume_unique=True))

    def _per_item(self, chosen: NDArray[np.bool_]) -> Offsets:
        counts: Offsets = np.bincount(self._items()[chosen], minlength=len(self)).astype(np.int64)
        return counts

    def __reduce__(self) -> tuple[Any, ...]:
        return (SDR._trusted, (self.indices, self.indptr, self.size))

    def _items(self) -> Offsets:
        return np.repeat(np.arange(len(self), dtype=np.int64), self.n_active)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SDR):
            return NotImplemented
        return (
            self.size == other.size
            and np.array_equal(self.indptr, other.indptr)
            and np.array_equal(self.indices, other.indices)
        )

    def __repr__(self) -> str:
        n = len(self)
        mean = len(self.indices) / n if n else 0.0
        return f"SDR({n} item{'s' * (n != 1)} over {self.size} units, {mean:.1f} active on average)"

    def _repr_html_(self) -> str:
        return f"<code>{self!r}</code>"


CodeLike = SDR | NDArray[Any] | Sequence[Any]


@overload
def as_sdr(x: Any, size: int, what: str = ...) -> SDR: ...
@overload
def as_sdr(x: Any, size: None = ..., what: str = ...) -> SDR: ...
def as_sdr(x: Any, size: int | None = None, what: str = "codes") -> SDR:
    """Whatever a user may pass as codes, as an SDR: bool or 0/1 uint8 is dense, other integers are active indices.

    Parameters
    ----------
    x : SDR, bool or 0/1 uint8 ``(n, size)``, integer ``(n, k)``, list of integer arrays, scipy CSR; or one item
    size : int or None
        Units expected. Needed for indices.
    what : str
        Name used in the error.

    Raises
    ------
    CodeError
        Wrong size, NaN, floats, indices negative, repeated or too large, a 0/1 integer array of full width.
    """
    try:
        made = _convert(x, size)
    except CodeError as error:
        raise CodeError(f"{what}: {error.what}", got=error.got, expected=error.expected, do=error.do) from None
    if size is not None and made.size != size:
        raise CodeError(what, got=f"codes over {made.size} units", expected=f"{size} units")
    return made


def _convert(x: Any, size: int | None) -> SDR:
    if isinstance(x, SDR):
        return x
    if hasattr(x, "tocsr"):
        return SDR.from_csr(x)
    if isinstance(x, (list, tuple)) and x and all(isinstance(p, SDR) for p in x):
        return _joined(x)
    if isinstance(x, (list, tuple)) and x and not np.isscalar(x[0]):
        arrays = [_array(p) for p in x]
        if size is not None:  # an empty list comes as float64; beside indices it is a silent item
            arrays = [a.astype(np.int64) if a.shape == (0,) and a.dtype == np.float64 else a for a in arrays]
        if all(a.dtype.kind in "iu" and a.dtype != np.uint8 for a in arrays) and size is not None:
            if all(a.shape == (size,) and size > 1 for a in arrays):
                _refuse_dense_look(np.stack(arrays), size)
            return SDR.from_indices(arrays, size)
        if len({a.shape for a in arrays}) != 1:
            raise CodeError(
                "items", got="arrays of several shapes", expected="equal shapes, or integer indices with a size"
            )
        x = np.stack(arrays)
    array = _array(x)
    if array.ndim == 1:
        array = array[None]
    if array.dtype in (np.bool_, np.uint8):
        return SDR.from_dense(array)
    if array.dtype.kind in "iu":
        if size is None:
            raise CodeError("indices", got="no size", expected="the number of units", do="pass an SDR")
        return SDR.from_indices(array, size)
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise CodeError("values", got="NaN", expected="bool, 0/1 uint8 or integer indices", do="clean the data first")
    raise CodeError("values", got=_describe(array), expected="bool, 0/1 uint8 or integer indices", do="binarise first")


def _joined(parts: Sequence[SDR]) -> SDR:
    sizes = {p.size for p in parts}
    if len(sizes) != 1:
        raise CodeError("items", got=f"codes over {' and '.join(map(str, sorted(sizes)))} units", expected="one size")
    starts = np.cumsum([0, *(len(p.indices) for p in parts)])
    offsets = np.concatenate([np.zeros(1, np.int64), *(p.indptr[1:] + start for p, start in zip(parts, starts))])
    return SDR._trusted(np.concatenate([p.indices for p in parts]), offsets, parts[0].size)


def _array(x: Any) -> NDArray[Any]:
    try:
        return np.asarray(x)
    except ValueError:
        raise CodeError(
            "values", got="lists of several lengths inside one item", expected="one list per item"
        ) from None


def _describe(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"


def _checked_size(size: Any) -> int:
    if isinstance(size, (bool, np.bool_)) or not isinstance(size, (int, np.integer)):
        raise CodeError("size", got=repr(size), expected="a whole number of units")
    if not 1 <= size < 2**31:
        raise CodeError("size", got=int(size), expected="1 .. 2**31 - 1 units")
    return int(size)


def _check_range(flat: NDArray[Any], size: int) -> None:
    if flat.size:
        low, high = int(flat.min()), int(flat.max())
        if low < 0 or high >= size:
            bad = low if low < 0 else high
            raise CodeError("index", got=bad, expected=f"0 .. {size - 1}")


def _check_binary(array: NDArray[Any]) -> None:
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise CodeError("dense codes", got="NaN", expected="0 or 1")
    if array.dtype.kind not in "iuf" or (array.size and not np.isin(array, (0, 1)).all()):
        raise CodeError(
            "dense codes",
            got=_describe(array),
            expected="bool or 0/1",
            do="binarise grey values: patterns.binarise(x, threshold)",
        )


def _refuse_dense_look(items: NDArray[Any], size: int) -> None:
    if items.shape[1] == size and size > 2 and items.size and items.min() >= 0 and items.max() <= 1:
        raise CodeError(
            "indices", got="only 0 and 1 over the full width", expected="active indices", do="looks dense: pass bool"
        )


def _first_unsorted(flat: NDArray[Any], indptr: NDArray[Any]) -> int:
    """First item whose indices do not strictly rise, or -1."""
    if flat.size < 2:
        return -1
    rises = np.diff(flat.astype(np.int64)) > 0
    inner = np.ones(flat.size - 1, np.bool_)
    starts = indptr[1:-1]
    inner[starts[(starts > 0) & (starts < flat.size)] - 1] = False
    bad = np.flatnonzero(inner & ~rises)
    return int(np.searchsorted(indptr, bad[0], side="right") - 1) if bad.size else -1
