"""Recalled codes against the truth: exact errors, bit errors, overlap, equal winners."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.errors import CodeError
from sdrsim.measures.rates import Rate, clustered, student

__all__ = ["BitError", "bit_error", "code_match", "exact_error", "overlap"]


class BitError(NamedTuple):
    """Errors per unit: `miss`, active units that came back silent; `false_alarm`, silent ones that came back active."""

    miss: Rate
    false_alarm: Rate


def exact_error(codes: Any, truth: Any, *, size: int | None = None, confidence: float = 0.95) -> Rate:
    """Share of items that did not come back exactly: one wrong unit makes an item wrong.

    Parameters
    ----------
    codes, truth : SDR, bool or 0/1 uint8 ``(n, size)``, indices ``(n, k)``, CSR
        What was recalled and what should have been, item by item.
    size : int, optional
        Units; needed when both are indices.
    confidence : float
        Of the Wilson interval, which takes items as independent: each stored item cued once, in one network.

    Returns
    -------
    Rate, `n` the number of items

    Raises
    ------
    CodeError
        Different numbers of items or units, no items.

    Examples
    --------
    >>> from sdrsim import measures
    >>> measures.exact_error([[1, 2], [3, 4]], [[1, 2], [3, 5]], size=8)
    0.5 [0.09453, 0.9055] n=2
    """
    got, want = pair(codes, truth, size)
    both = got.overlap(want)
    n_wrong = int(np.count_nonzero((both != got.n_active) | (both != want.n_active)))
    return Rate.of(n_wrong, len(got), confidence)


def bit_error(codes: Any, truth: Any, *, size: int | None = None, confidence: float = 0.95) -> BitError:
    """Error rates of single units.

    Parameters
    ----------
    codes, truth, size, confidence
        As for `exact_error`. Units of an item fail together; the intervals (Wilson) allow for it through the spread
        over items.

    Returns
    -------
    BitError
        ``miss``: share of the truth's active units that are silent; ``false_alarm``: share of the silent ones that are
        active. NaN, between 0 and 1, where there are no such units.

    Raises
    ------
    CodeError

    Examples
    --------
    >>> from sdrsim import measures
    >>> e = measures.bit_error([[1, 2], [3]], [[1, 2], [3, 5]], size=8)
    >>> e.miss.value, e.false_alarm.value
    (0.25, 0.0)
    """
    got, want = pair(codes, truth, size)
    both = got.overlap(want)
    return BitError(
        clustered(want.n_active - both, want.n_active, confidence),
        clustered(got.n_active - both, want.size - want.n_active, confidence),
    )


def overlap(codes: Any, truth: Any, *, size: int | None = None, confidence: float = 0.95) -> Rate:
    """Mean intersection over union: units active in both codes of an item, over units active in either.

    Two silent codes are equal: 1. (`SDR.overlap` counts the intersection alone.)

    Parameters
    ----------
    codes, truth, size, confidence
        As for `exact_error`; the interval is Student's over items, kept inside 0 .. 1.

    Returns
    -------
    Rate, `n` the number of items

    Raises
    ------
    CodeError

    Examples
    --------
    >>> from sdrsim import measures
    >>> measures.overlap([[1, 2], [3, 4]], [[1, 2], [3, 5]], size=8).value.__round__(4)
    0.6667
    """
    got, want = pair(codes, truth, size)
    both = got.overlap(want)
    union = got.n_active + want.n_active - both
    shares = np.where(union > 0, both / np.maximum(union, 1), 1.0)
    low, high = student(shares, confidence)
    return Rate(float(shares.mean()), len(shares), float(np.maximum(low, 0)), float(np.minimum(high, 1)))


def code_match(codes: Any, truth: Any, *, confidence: float = 0.95) -> Any:
    """Share of the truth's winners that won again.

    Parameters
    ----------
    codes, truth : two results with ``.codes``, or what stands there
        Integer arrays ``(..., n_cms)`` of winners, -1 where a CM is silent (the first axis counts items);
        or codes (SDR, dense bool), whose active units take the place of winners; or lists of these, one per level.
        A CM silent in `truth` does not count; one silent in `codes` alone is a mismatch.
    confidence : float
        Of the Wilson interval, widened by the spread over items as in `bit_error`.

    Returns
    -------
    Rate, `n` the number of winners in `truth`; for levels a list of them

    Raises
    ------
    CodeError
        Different shapes or numbers of levels, winners below -1.

    Examples
    --------
    >>> from sdrsim import measures
    >>> import numpy as np
    >>> measures.code_match(np.array([[3, 1, 0, 2]]), np.array([[3, 1, 1, -1]])).value.__round__(3)
    0.667
    """
    got, want = getattr(codes, "codes", codes), getattr(truth, "codes", truth)
    if _is_levels(got) and _is_levels(want):
        if len(got) != len(want):
            raise CodeError("codes", got=f"{len(got)} levels", expected=f"{len(want)} levels, as in truth")
        return [code_match(a, b, confidence=confidence) for a, b in zip(got, want)]
    if isinstance(got, SDR) or isinstance(want, SDR) or _is_dense(got) or _is_dense(want):
        got, want = pair(got, want, None)
        return clustered(got.overlap(want), want.n_active, confidence)
    a, b = _winners("codes", got), _winners("truth", want)
    if a.shape != b.shape:
        raise CodeError(
            "winners", got=f"shape {a.shape}", expected=f"{b.shape}, as in truth", do="compare the same frames"
        )
    items = (len(b) if b.ndim > 1 else 1, -1 if b.size else 0)
    wins = (b >= 0).reshape(items)
    return clustered((wins & (a == b).reshape(items)).sum(axis=1), wins.sum(axis=1), confidence)


# ---- in common ----------------------------------------------------------------------------------------------------


def pair(codes: Any, truth: Any, size: int | None) -> tuple[SDR, SDR]:
    """Both as SDR over the same units, item by item, at least one."""
    known = [size, *(_size_of(x) for x in (codes, truth))]
    size = next((s for s in known if s is not None), None)
    got, want = as_sdr(codes, size, "codes"), as_sdr(truth, size, "truth")
    if len(got) != len(want):
        raise CodeError("codes", got=f"{len(got)} items", expected=f"{len(want)}, as in truth")
    if not len(got):
        raise CodeError("codes", got="no items", expected="at least one")
    return got, want


def _size_of(x: Any) -> int | None:
    if isinstance(x, SDR):
        return x.size
    return int(x.shape[-1]) if _is_dense(x) or hasattr(x, "tocsr") else None


def _is_dense(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype in (np.bool_, np.uint8) and x.ndim > 0


def _is_levels(x: Any) -> bool:
    return isinstance(x, (list, tuple)) and len(x) > 0 and all(isinstance(part, (np.ndarray, SDR)) for part in x)


def _winners(what: str, x: Any) -> NDArray[Any]:
    array = np.asarray(x)
    if array.ndim < 1 or array.dtype.kind not in "iu":
        raise CodeError(
            what, got=f"{array.dtype} of shape {array.shape}", expected="integer winners (..., n_cms), or codes"
        )
    if array.size and array.min() < -1:
        raise CodeError(what, got=f"winner {array.min()}", expected="-1 (silent) or more")
    return array
