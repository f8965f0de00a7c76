"""RidgeForecaster: one linear map for all channels, by normal equations; and the two forecasts that need none."""

from typing import Annotated

import numpy as np
from pydantic import Field

from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.forecast.base import CHUNK, Fitted, Forecaster, ForecastParams, Length, Real
from sdrsim.models.hopfield.forecast.windows import Scale, checked_several, chunks, cut, lagged_products, through

__all__ = ["LastValue", "RidgeForecaster", "RidgeParams", "Seasonal"]

Penalty = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RidgeParams(ForecastParams):
    """Parameters of a `RidgeForecaster`; see there."""

    ridge: Penalty | tuple[Penalty, ...] = 1e-3


class RidgeForecaster(Forecaster):
    """Linear forecasts in closed form: ``y = last + (window - last) W``, one W for all channels.

    Parameters
    ----------
    window, horizon : int
        Lengths of the past and of the forecast.
    ridge : float or sequence of float
        Penalty on the squares of W, in units of the mean square of the inputs, for mean squared errors. Of several, the
        one with the least squared error on validation is taken.

    Attributes
    ----------
    ridge : float
        The penalty taken.
    weights : float64 (window, horizon)
        W; its last row is 0, for the last value is subtracted from itself.

    Notes
    -----
    The model is NLinear of Zeng et al. 2023 (AAAI) without its bias, by ridge regression instead of gradients. Normal
    equations of all windows come from `lagged_products`: about ``(window + horizon) n_times`` steps for a channel, no
    window is copied. Only windows with a whole future inside the series are used.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(600.0)
    >>> series = np.stack([np.sin(t / 7), np.cos(t / 11)], axis=1)
    >>> f = RidgeForecaster(window=64, horizon=16, ridge=1e-9).fit(series[:400])
    >>> bool(f.score(series[400:]).mse < 1e-4), f
    (True, RidgeForecaster(64 -> 16, fitted on 2 channels))
    """

    kind = "ridge forecaster"

    def __init__(self, window: int = 168, horizon: int = 24, ridge: float | tuple[float, ...] = 1e-3) -> None:
        ridge = checked_several("ridge", ridge, 0.0, above=True)
        super().__init__(RidgeParams(window=window, horizon=horizon, ridge=ridge))

    @classmethod
    def _params_type(cls) -> type[RidgeParams]:
        return RidgeParams

    @property
    def ridge(self) -> float:
        self._fitted_scale()
        return float(self._learned["ridge"])

    @property
    def weights(self) -> Real:
        self._fitted_scale()
        return np.array(self._learned["weights"])

    def _fit(self, train: Real, validation: Real | None, scale: Scale) -> Fitted:
        assert isinstance(self.params, RidgeParams)
        ridge = self.params.ridge
        penalties = (ridge,) if isinstance(ridge, float) else ridge
        if len(penalties) == 1:
            return {"weights": self._solved(train, penalties)[0], "ridge": penalties[0]}
        learning, judged = held_out(train, validation, self.window, self.horizon)
        tried = self._solved(learning, penalties)
        errors = [self._error(weights, judged) for weights in tried]
        best = int(np.argmin(errors))
        weights = tried[best] if learning is train else self._solved(train, penalties)[best]
        return {"weights": weights, "ridge": penalties[best]}

    def _solved(self, series: Real, penalties: tuple[float, ...]) -> list[Real]:
        """Weights for each penalty, a row of zeros for the last value."""
        none = np.zeros((1, self.horizon))
        return [np.concatenate([weights, none]) for weights in solved(*self._equations(series), penalties)]

    def _equations(self, series: Real) -> tuple[Real, Real]:
        """Products of the inputs with each other and with the targets, means over windows and channels."""
        length, n = self.window + self.horizon, len(series) - self.window - self.horizon + 1
        s = sum(lagged_products(np.ascontiguousarray(x), n, length) for x in series.T) / (n * series.shape[1])
        last = self.window - 1
        s = s - s[last] - s[:, last, None] + s[last, last]  # of values with the window's last one subtracted
        return s[:last, :last], s[:last, self.window :]

    def _error(self, weights: Real, series: Real) -> float:
        past, future = cut(series, self.window, self.horizon)
        learned, pieces = {"weights": weights}, chunks(len(past), CHUNK)
        return float(sum(np.square(self._forecast(learned, past[i]) - future[i]).sum() for i in pieces))

    def _forecast(self, learned: Fitted, windows: Real) -> Real:
        last = windows[:, -1:, :]
        return through(windows - last, learned["weights"]) + last


def held_out(train: Real, validation: Real | None, window: int, horizon: int) -> tuple[Real, Real]:
    """A series to learn from and one to choose by: as given, or the last fifth of the training series for the second.

    The held-out part has the window before it, so that all of it is forecast; what is learned from never sees it.
    """
    if validation is not None:
        return train, validation
    start = min(len(train) - len(train) // 5, len(train) - horizon)
    if start < window + horizon:
        got, expected = f"{len(train):,} times and no validation", f"at least {2 * horizon + window:,}, or a validation"
        raise ParameterError("train", got=got, expected=expected)
    return train[:start], train[start - window :]


def solved(gram: Real, cross: Real, penalties: tuple[float, ...]) -> list[Real]:
    """Solutions W of ``(gram + p u I) W = cross`` for each penalty p, u the mean of the diagonal of `gram`.

    One eigendecomposition serves all; a `gram` of zeros gives zeros.
    """
    unit = np.trace(gram) / max(len(gram), 1)
    values, vectors = np.linalg.eigh(gram)
    values, turned = np.maximum(values, 0.0), vectors.T @ cross
    return [vectors @ (turned / (values + (p * unit if unit > 0 else 1.0))[:, None]) for p in penalties]


class LastValue(Forecaster):
    """The last value of a window, repeated: the first thing a forecast must beat.

    Examples
    --------
    >>> import numpy as np
    >>> LastValue(window=4, horizon=2).fit(np.arange(9.0)[:, None]).predict(np.arange(4.0)[None, :, None])[0, :, 0]
    array([3., 3.])
    """

    kind = "last value forecaster"

    def __init__(self, window: int = 168, horizon: int = 24) -> None:
        super().__init__(ForecastParams(window=window, horizon=horizon))

    @classmethod
    def _params_type(cls) -> type[ForecastParams]:
        return ForecastParams

    def _fit(self, train: Real, validation: Real | None, scale: Scale) -> Fitted:
        return {}

    def _forecast(self, learned: Fitted, windows: Real) -> Real:
        return np.repeat(windows[:, -1:], self.horizon, axis=1)


class SeasonalParams(ForecastParams):
    """Parameters of a `Seasonal`; see there."""

    period: Length = 24


class Seasonal(Forecaster):
    """The last period of a window, repeated.

    Parameters
    ----------
    window, horizon : int
    period : int
        At most `window`.

    Examples
    --------
    >>> import numpy as np
    >>> f = Seasonal(window=4, horizon=5, period=3).fit(np.arange(9.0)[:, None])
    >>> f.predict(np.arange(4.0)[None, :, None])[0, :, 0]
    array([1., 2., 3., 1., 2.])
    """

    kind = "seasonal forecaster"

    def __init__(self, window: int = 168, horizon: int = 24, period: int = 24) -> None:
        params = SeasonalParams(window=window, horizon=horizon, period=period)
        if params.period > params.window:
            raise ParameterError("period", got=period, expected=f"at most the window, {window}")
        super().__init__(params)

    @classmethod
    def _params_type(cls) -> type[SeasonalParams]:
        return SeasonalParams

    def _fit(self, train: Real, validation: Real | None, scale: Scale) -> Fitted:
        return {}

    def _forecast(self, learned: Fitted, windows: Real) -> Real:
        assert isinstance(self.params, SeasonalParams)
        period = self.params.period
        return windows[:, self.window - period + np.arange(self.horizon) % period]
