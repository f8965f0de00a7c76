"""Hit rates of LRU memories under simple reference models: anchors for traces, and a stand-in where there is none."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError

__all__ = ["che_hit_rate", "cyclic_hit_rate", "uniform_hit_rate", "zipf_popularity"]


def uniform_hit_rate(capacity: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    """Hit rate of rows drawn independently and uniformly, first touches aside: ``min(C / R, 1)``.

    Parameters
    ----------
    capacity : array of rows
    n_rows : int
        R, at least 1.

    Examples
    --------
    >>> uniform_hit_rate([0, 256, 4096], 1024)
    array([0.  , 0.25, 1.  ])
    """
    return np.minimum(_room(capacity) / _at_least_one("n_rows", n_rows), 1)


def cyclic_hit_rate(capacity: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    """Hit rate of a sweep over R rows, again and again, first touches aside: 0 below R, 1 from R on.

    Parameters
    ----------
    capacity : array of rows
    n_rows : int
        R, at least 1.

    Examples
    --------
    >>> cyclic_hit_rate([1023, 1024], 1024)
    array([0., 1.])
    """
    return (_room(capacity) >= _at_least_one("n_rows", n_rows)).astype(np.float64)


def zipf_popularity(n_rows: int, alpha: float) -> NDArray[np.float64]:
    """Shares of touches of `n_rows` rows, falling with rank as ``rank**-alpha``; float64 (n_rows,), sum 1.

    Examples
    --------
    >>> zipf_popularity(3, 1.).round(3)
    array([0.545, 0.273, 0.182])
    """
    _at_least_one("n_rows", n_rows)
    if not 0 <= alpha < np.inf:
        raise ParameterError("alpha", got=alpha, expected="0 (uniform) or more")
    shares = np.arange(1, n_rows + 1, dtype=np.float64) ** -alpha
    return np.asarray(shares / shares.sum())


def che_hit_rate(popularity: ArrayLike, capacity: ArrayLike) -> NDArray[np.float64]:
    """Hit rate of independent touches of rows of given popularity, first touches aside.

    Parameters
    ----------
    popularity : float array (n_rows,)
        Share of touches of each row; scaled to sum 1.
    capacity : array of rows

    Returns
    -------
    float64, shape of `capacity`

    Raises
    ------
    sdrsim.errors.ParameterError
        A negative share or capacity, or no share above 0.

    Notes
    -----
    Che, Tung & Wang 2002 (IEEE J. Sel. Areas Commun. 20:1305): a row stays for a time t that is nearly the same for
    all, ``sum_i(1 - exp(-q_i t)) = C``, and is hit with ``sum_i q_i (1 - exp(-q_i t))``.

    Examples
    --------
    >>> che_hit_rate(zipf_popularity(1000, .8), [10, 100, 1000]).round(3)
    array([0.082, 0.378, 1.   ])
    """
    q = np.asarray(popularity, np.float64)
    if q.ndim != 1 or not (np.isfinite(q).all() and (q >= 0).all() and q.sum() > 0):
        raise ParameterError(
            "popularity", got=f"shape {q.shape}", expected="one row of shares, none negative, not all 0"
        )
    q = q[q > 0] / q.sum()
    room = _room(capacity)
    return np.array([_che(q, c) for c in room.ravel()]).reshape(room.shape)


def _che(q: NDArray[np.float64], capacity: float) -> float:
    from scipy.optimize import brentq

    if capacity >= len(q):
        return 1.0
    if capacity == 0:
        return 0.0

    def excess(log_t: float) -> float:
        return float(-np.expm1(-q * np.exp(log_t)).sum() - capacity)

    low = np.log(capacity)  # rows stay for at least C touches
    high = low + 1
    while excess(high) < 0:
        high += 1
    log_t = brentq(excess, low, high, xtol=1e-12) if excess(low) < 0 else low
    return float(-(q * np.expm1(-q * np.exp(log_t))).sum())


def _room(capacity: ArrayLike) -> NDArray[np.float64]:
    room = np.asarray(capacity, np.float64)
    if not (room >= 0).all():
        raise ParameterError("capacity", got=capacity, expected="0 or more")
    return room


def _at_least_one(what: str, n: int) -> int:
    if n < 1:
        raise ParameterError(what, got=n, expected="at least 1")
    return n
