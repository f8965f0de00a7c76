"""Windows and futures as views of a series, their checks, the scale of a training series, products of lagged copies."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, is_real
from sdrsim.errors import ParameterError

__all__ = ["Scale", "checked_several", "chunks", "cut", "lagged_products", "through"]

Real = NDArray[np.float64]
LARGEST = 1e100  # of a series: its squares and their sums stay far from overflow
FARTHEST = 1e18  # standard deviations from the mean: squares stay finite in float32 too


class Scale(NamedTuple):
    """Mean and standard deviation of each channel of a training series; a channel that never moves is not divided."""

    mean: Real
    spread: Real

    @classmethod
    def of(cls, series: Real) -> "Scale":
        """The scale of a series (n_times, n_channels)."""
        spread = series.std(axis=0)
        still = spread <= 1e-12 * np.abs(series).max(axis=0)  # what rounding of the mean leaves of a constant
        return cls(series.mean(axis=0), np.where(still, 1.0, spread))

    def off(self, values: Real) -> Real:
        """Values with the scale taken off; the last axis is that of the channels."""
        return (values - self.mean) / self.spread

    def within(self, what: str, values: Real) -> Real:
        """The values themselves, or ParameterError when some are so far off that their squares would overflow."""
        axes = tuple(range(values.ndim - 1))
        if values.size:
            with np.errstate(over="ignore"):
                far = np.maximum(np.abs(self.off(values.min(axis=axes))), np.abs(self.off(values.max(axis=axes))))
            if not (far <= FARTHEST).all():
                channel = int(np.argmax(far))
                got = f"{far[channel]:.3g} standard deviations of the training series from its mean, channel {channel}"
                raise ParameterError(what, got=got, expected=f"at most {FARTHEST:g}", do="check the units")
        return values

    def on(self, values: Real) -> Real:
        """Values in the units of the training series."""
        return values * self.spread + self.mean


def cut(series: Any, window: int, horizon: int, stride: int = 1) -> tuple[Real, Real]:
    """All windows of a series and what follows each of them, as views.

    Parameters
    ----------
    series : array (n_times, n_channels)
    window, horizon : int
        Lengths of the past and of the future.
    stride : int
        Times from the start of one window to that of the next.

    Returns
    -------
    windows : float64 (n, window, n_channels)
    futures : float64 (n, horizon, n_channels)
        Both read-only views of one copy at most; ``n = (n_times - window - horizon) // stride + 1``.

    Raises
    ------
    ParameterError
        A series that is not of two axes, not finite, or shorter than one window and its future; lengths that are no
        whole numbers of at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> windows, futures = cut(np.arange(10.0)[:, None], window=4, horizon=2)
    >>> windows[1, :, 0].tolist(), futures[1, :, 0].tolist(), len(windows)
    ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0], 5)
    """
    window, horizon, stride = (
        checked_count(what, n, 1, 2**31) for what, n in (("window", window), ("horizon", horizon), ("stride", stride))
    )
    values = checked_series("series", series, window + horizon)
    both = np.lib.stride_tricks.sliding_window_view(values, window + horizon, axis=0)[::stride].transpose(0, 2, 1)
    return both[:, :window], both[:, window:]


def checked_series(what: str, series: Any, n_least: int, n_channels: int | None = None) -> Real:
    """A series as finite float64 (n_times, n_channels), or ParameterError."""
    values = _numbers(what, series)
    if values.ndim != 2 or values.shape[1] == 0:
        do = f"for one channel: {what}[:, None]" if values.ndim == 1 else None
        raise ParameterError(what, got=f"shape {values.shape}", expected="(n_times, n_channels)", do=do)
    if n_channels is not None and values.shape[1] != n_channels:
        raise ParameterError(what, got=f"{values.shape[1]} channels", expected=f"{n_channels}, as in the fit")
    if len(values) < n_least:
        expected = f"at least {n_least:,}: one window and its future"
        raise ParameterError(what, got=f"{len(values):,} times", expected=expected)
    return _finite(what, values)


def checked_block(what: str, block: Any, length: int, n_channels: int | None) -> Real:
    """Windows or futures as finite float64 (n, length, n_channels), or ParameterError."""
    values = _numbers(what, block)
    if values.ndim != 3 or values.shape[1] != length or n_channels not in (None, values.shape[2]):
        channels = "n_channels" if n_channels is None else n_channels
        do = f"for one window: {what}[None]" if values.ndim == 2 else None
        raise ParameterError(what, got=f"shape {values.shape}", expected=f"(n, {length}, {channels})", do=do)
    return _finite(what, values)


def _numbers(what: str, given: Any) -> Real:
    kind = type(given).__name__
    try:
        values = np.asarray(given)
    except (TypeError, ValueError):
        raise ParameterError(what, got=kind, expected="an array of real numbers") from None
    if values.dtype.kind not in "iufb":
        raise ParameterError(
            what, got=f"{kind} of {values.dtype}" if given is values else kind, expected="an array of real numbers"
        )
    if np.ma.is_masked(given):
        raise ParameterError(what, got="masked values", expected="finite numbers", do="fill or cut out what is missing")
    return np.asarray(values, np.float64)


def _finite(what: str, values: Real) -> Real:
    if not np.isfinite(values).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        got = f"{values[place]} at {place}"
        raise ParameterError(what, got=got, expected="finite numbers", do="fill or cut out what is missing")
    if values.size and max(values.max(), -values.min()) > LARGEST:
        largest = max(values.max(), -values.min())
        raise ParameterError(what, got=f"{largest:g}", expected=f"at most {LARGEST:g}", do="choose larger units")
    return values


def checked_several(what: str, given: Any, least: float, above: bool = False) -> float | tuple[float, ...]:
    """A number, or a tuple of some to choose from: each at least `least`, or above it and finite; or ParameterError."""
    expected = f"a number above {least:g}, finite" if above else f"a number, {least:g} or more"
    expected += ", or several to choose from"
    try:
        numbers = (given,) if is_real(given) or isinstance(given, str) else tuple(given)
    except TypeError:
        raise ParameterError(what, got=repr(given), expected=expected) from None
    if not numbers:
        raise ParameterError(what, got="none to choose from", expected="at least one")
    for x in numbers:
        if not (is_real(x) and (least < x < np.inf if above else x >= least)):
            raise ParameterError(what, got=repr(x), expected=expected)
    return float(given) if is_real(given) else tuple(float(x) for x in numbers)


def chunks(n: int, size: int) -> Iterator[slice]:
    """``0 .. n`` in pieces of `size`, always cut at the same places."""
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def through(x: Real, weights: Real) -> Real:
    """Blocks (n, length, n_channels) through a matrix (length, m) shared by the channels: (n, m, n_channels)."""
    n, length, n_channels = x.shape
    rows = np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(n * n_channels, length)
    made: Real = rows @ weights  # one large product, for a stack of small ones is many times slower
    return made.reshape(n, n_channels, weights.shape[1]).transpose(0, 2, 1)


def lagged_products(x: Real, n: int, p: int) -> Real:
    """``S[i, j] = sum over t < n of x[t + i] x[t + j]`` for i, j < p: normal equations of all windows of one channel.

    Windows one step apart share all values but two, so ``S[i + 1, j + 1] = S[i, j] + x[n + i] x[n + j] - x[i] x[j]``:
    one row of products of length n, then a recursion down the diagonals. That is ``n p + p^2`` steps, not ``n p^2``.

    Parameters
    ----------
    x : float64 (at least n + p - 1,)
    n, p : int
        Windows, and their length.

    Returns
    -------
    float64 (p, p), symmetric
    """
    out = np.empty((p, p))
    out[0] = np.correlate(x[: n + p - 1], x[:n], "valid")
    out[:, 0] = out[0]
    for i in range(p - 1):
        row = out[i, i:-1] + x[n + i] * x[n + i : n + p - 1] - x[i] * x[i : p - 1]
        out[i + 1, i + 1 :] = row
        out[i + 1 :, i + 1] = row
    return out
