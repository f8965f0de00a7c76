"""Bits of a sparse code on its way: addresses of the active units, a bitmap, or one cell for each module.

With N units, k of them active, Q modules of K cells (N = Q K)::

    aer     k (header + ceil(log2 N) + payload)      a packet for each active unit (address-event representation)
    bitmap  header + N + k payload                   a packet for the code
    block   header + Q (ceil(log2 K) + payload)      a packet for the code; exactly one active cell in each module

Without headers addresses are shorter than the bitmap while ``k ceil(log2 N) < N``, and a block code is shorter than
addresses, by ``Q (ceil(log2 N) - ceil(log2 K))`` bits. The address of one among n takes ``ceil(log2 n)`` bits: none
where there is no choice.
"""

from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.codes import SDR
from sdrsim.errors import CodeError, ParameterError, did_you_mean

__all__ = [
    "CodeBits",
    "Encoding",
    "aer_bits",
    "aer_limit",
    "bitmap_bits",
    "block_bits",
    "code_bits",
    "information_bits",
    "is_block_code",
]

Encoding = Literal["aer", "bitmap", "block", "auto"]
Ints = NDArray[np.int64]
_NAMES = ("aer", "bitmap", "block")


class CodeBits(NamedTuple):
    """Bits and packets of each code, int64 (n_items,), and the encoding each is sent in, str (n_items,)."""

    bits: Ints
    n_packets: Ints
    encoding: NDArray[np.str_]


def aer_bits(n_active: ArrayLike, n_units: ArrayLike, *, header_bits: int = 0, payload_bits: int = 0) -> Ints:
    """A packet for each active unit, with its address: ``k (header + ceil(log2 N) + payload)``.

    Parameters
    ----------
    n_active, n_units : int, or integer arrays that broadcast
    header_bits, payload_bits : int
        Of a packet; of an active unit (0 where being active says all).

    Returns
    -------
    int64 array

    Examples
    --------
    >>> int(aer_bits(20, 1000)), int(aer_bits(20, 1000, header_bits=8, payload_bits=8))
    (200, 520)
    """
    k, n = _active("n_active", n_active, n_units)
    header, payload = _whole("header_bits", header_bits), _whole("payload_bits", payload_bits)
    bits: Ints = k * (header + _address(n) + payload)
    return bits


def bitmap_bits(n_active: ArrayLike, n_units: ArrayLike, *, header_bits: int = 0, payload_bits: int = 0) -> Ints:
    """One packet with a bit for each unit, and a payload for each active one: ``header + N + k payload``.

    Examples
    --------
    >>> int(bitmap_bits(20, 1000)), int(bitmap_bits(20, 1000, header_bits=8, payload_bits=8))
    (1000, 1168)
    """
    k, n = _active("n_active", n_active, n_units)
    bits: Ints = _whole("header_bits", header_bits) + n + k * _whole("payload_bits", payload_bits)
    return bits


def block_bits(n_modules: ArrayLike, n_cells: ArrayLike, *, header_bits: int = 0, payload_bits: int = 0) -> Ints:
    """One packet with the active cell of each module: ``header + Q (ceil(log2 K) + payload)``.

    Examples
    --------
    >>> int(block_bits(20, 50)), int(block_bits(20, 50, header_bits=8, payload_bits=8))
    (120, 288)
    """
    q, k = _whole("n_modules", n_modules, 1), _whole("n_cells", n_cells, 1)
    bits: Ints = _whole("header_bits", header_bits) + q * (_address(k) + _whole("payload_bits", payload_bits))
    return bits


def aer_limit(n_units: ArrayLike, *, header_bits: int = 0) -> Ints:
    """Most active units for which addresses are shorter than the bitmap: ``k (header + ceil(log2 N)) < header + N``.

    Examples
    --------
    >>> aer_limit([1024, 65536]).tolist(), int(aer_limit(1024, header_bits=8))
    ([102, 4095], 57)
    """
    n, header = _whole("n_units", n_units, 1), _whole("header_bits", header_bits)
    one = header + _address(n)
    limit: Ints = np.where(one > 0, -(-(header + n) // np.maximum(one, 1)) - 1, n)
    return np.minimum(limit, n)


def information_bits(n_active: ArrayLike, n_units: ArrayLike) -> NDArray[np.float64]:
    """What no encoding of all codes with k of N units active can fall below on average: ``log2 C(N, k)``.

    Examples
    --------
    >>> round(float(information_bits(20, 1000)), 2)
    137.96
    """
    from scipy.special import gammaln

    k, n = _active("n_active", n_active, n_units)
    bits: NDArray[np.float64] = (gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)) / np.log(2)
    return np.maximum(bits, 0.0)


def is_block_code(codes: SDR, n_modules: int) -> NDArray[np.bool_]:
    """Whether each code has exactly one active unit in each of `n_modules` equal modules, (n_items,) bool.

    Raises
    ------
    sdrsim.errors.ParameterError
        Modules that do not divide the units.

    Examples
    --------
    >>> is_block_code(SDR.from_indices([[0, 5], [0, 1], [7]], size=8), 2).tolist()
    [True, False, False]
    """
    if isinstance(n_modules, bool) or not isinstance(n_modules, (int, np.integer)) or n_modules < 1:
        raise ParameterError("n_modules", got=repr(n_modules), expected="a whole number from 1 on")
    if codes.size % n_modules:
        raise ParameterError("n_modules", got=n_modules, expected=f"a divisor of {codes.size} units")
    found: NDArray[np.bool_] = codes.n_active == n_modules
    item = np.repeat(np.arange(len(codes)), codes.n_active)
    place = np.arange(len(codes.indices)) - codes.indptr[item]
    wrong = codes.indices // (codes.size // n_modules) != place  # sorted: unit q must stand in module q
    found[item[wrong]] = False
    return found


def code_bits(
    codes: SDR,
    encoding: Encoding = "auto",
    *,
    n_modules: int | None = None,
    header_bits: int = 0,
    payload_bits: int = 0,
) -> CodeBits:
    """Bits and packets that each code takes.

    Parameters
    ----------
    codes : SDR
    encoding : {'auto', 'aer', 'bitmap', 'block'}
        ``auto``: the shortest for each code; ``block`` is among them where `n_modules` is given and the code has one
        active unit in each module. Of equals, the one with fewer packets.
    n_modules : int, optional
        Modules of the code.
    header_bits, payload_bits : int
        Of a packet; of an active unit.

    Returns
    -------
    CodeBits

    Raises
    ------
    sdrsim.errors.CodeError
        ``block`` asked of a code that has not exactly one active unit in each module.
    sdrsim.errors.ParameterError
        An unknown encoding, ``block`` without `n_modules`, negative bits.

    Examples
    --------
    >>> codes = SDR.from_indices([[0, 70], [1, 2], range(60)], size=128)
    >>> found = code_bits(codes, n_modules=2)
    >>> found.bits.tolist(), found.n_packets.tolist(), found.encoding.tolist()
    ([12, 14, 128], [1, 2, 1], ['block', 'aer', 'bitmap'])
    """
    if encoding not in get_args(Encoding):
        choices = get_args(Encoding)
        expected = ", ".join(choices)
        raise ParameterError("encoding", got=repr(encoding), expected=expected, do=did_you_mean(encoding, choices))
    if encoding == "block" and n_modules is None:
        raise ParameterError("n_modules", got="none", expected="the number of modules of a block code")
    k, n = codes.n_active, codes.size
    more = {"header_bits": header_bits, "payload_bits": payload_bits}
    one = np.ones(len(codes), np.int64)
    far = np.iinfo(np.int64).max
    bits = np.stack([aer_bits(k, n, **more), bitmap_bits(k, n, **more), far * one])
    packets = np.stack([k, one, one])
    if n_modules is not None:
        fits = is_block_code(codes, n_modules)
        if encoding == "block" and not fits.all():
            got = f"item {int(np.argmin(fits))} with other units"
            raise CodeError("block code", got=got, expected=f"exactly one active unit in each of {n_modules} modules")
        bits[2, fits] = block_bits(n_modules, n // n_modules, **more)
    if encoding == "auto":
        chosen = np.lexsort((packets, bits), axis=0)[0]
    else:
        chosen = np.full(len(codes), _NAMES.index(encoding))
    item = np.arange(len(codes))
    return CodeBits(bits[chosen, item], packets[chosen, item].astype(np.int64), np.array(_NAMES)[chosen])


def _address(n: Ints) -> Ints:
    """ceil(log2 n), exactly."""
    bits = np.frexp((n - 1).astype(np.float64))[1]  # bit length of n - 1, exact below 2**53
    return np.asarray(np.where(n > 1, bits, 0), np.int64)


def _active(what: str, n_active: ArrayLike, n_units: ArrayLike) -> tuple[Ints, Ints]:
    k, n = _whole(what, n_active), _whole("n_units", n_units, 1)
    if np.any(k > n):
        raise ParameterError(what, got=int(np.max(k)), expected=f"at most the {int(np.min(n))} units")
    return k, n


def _whole(what: str, numbers: ArrayLike, least: int = 0) -> Ints:
    found = np.asarray(numbers)
    if found.size and (not np.issubdtype(found.dtype, np.integer) or found.min() < least or found.max() >= 2**53):
        raise ParameterError(what, got=repr(numbers), expected=f"whole numbers from {least} on")
    return found.astype(np.int64)
