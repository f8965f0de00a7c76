"""What all forecasters share: scale, windows, scores, files."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim.engine.checks import checked_count
from sdrsim.engine.params import Params
from sdrsim.engine.saved import Saved
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.forecast.windows import Scale, checked_block, checked_series, chunks, cut

__all__ = ["ForecastParams", "Forecaster", "Score"]

Real = NDArray[np.float64]
Fitted = dict[str, Any]
Length = Annotated[int, Field(ge=1, le=2**31, strict=True)]
CHUNK = 256  # windows forecast at a time


class ForecastParams(Params):
    """Parameters every forecaster has."""

    window: Annotated[int, Field(ge=2, le=2**31, strict=True)] = 168
    horizon: Length = 24


class Score(NamedTuple):
    """Errors over all windows of a series, in units of the training series' standard deviations.

    mse, mae : float, mean squared and mean absolute error over windows, steps and channels
    n_windows : int
    """

    mse: float
    mae: float
    n_windows: int


class Forecaster(Saved):
    """Base of the forecasters: ``fit(train, validation)``, then ``predict(windows)``.

    A member says what it learns from standardised series (`_fit`) and how it forecasts from standardised windows
    (`_forecast`). Everything learned is one dict of arrays and plain values, put in place only when it is complete: a
    refused call changes nothing.
    """

    kind: ClassVar[str] = "forecaster"
    """Name of its state files."""
    params: ForecastParams

    def __init__(self, params: ForecastParams) -> None:
        self.params = params
        self._scale: Scale | None = None
        self._learned: Fitted = {}

    @property
    def window(self) -> int:
        """Length of the past a forecast is made from."""
        return self.params.window

    @property
    def horizon(self) -> int:
        """Length of a forecast."""
        return self.params.horizon

    @property
    def n_channels(self) -> int | None:
        """Channels of the training series; None before `fit`."""
        return None if self._scale is None else len(self._scale.mean)

    # ---- to be said by a member -----------------------------------------------------------------------------------

    @abstractmethod
    def _fit(self, train: Real, validation: Real | None, scale: Scale) -> Fitted:
        """What is learned from series standardised by `scale`; changes nothing."""

    @abstractmethod
    def _forecast(self, learned: Fitted, windows: Real) -> Real:
        """Standardised forecasts (n, horizon, n_channels) of standardised windows (n, window, n_channels)."""

    def _wake(self) -> None:
        """Called when `_learned` is new: build what follows from it."""

    # ---- fit, predict, score --------------------------------------------------------------------------------------

    def fit(self, train: Any, validation: Any = None) -> Self:
        """Learn from a series.

        Parameters
        ----------
        train : array (n_times, n_channels)
            In any units: each channel is standardised by its mean and standard deviation over `train`.
        validation : array (n_times, n_channels) or None
            For whatever is chosen rather than fitted. To have its first hour forecast, hand in the `window` rows before
            it too. None: where something must be chosen, the last fifth of `train` is held out for the choice.

        Returns
        -------
        itself

        Raises
        ------
        ParameterError
            Series shorter than one window and its future, of other shapes, not finite, or of numbers so large that
            squares overflow; nothing is changed.
        """
        shortest = self.window + self.horizon
        series = checked_series("train", train, shortest)
        scale = Scale.of(series)
        held = None if validation is None else checked_series("validation", validation, shortest, series.shape[1])
        learned = self._fit(
            scale.off(series), None if held is None else scale.off(scale.within("validation", held)), scale
        )
        self._scale, self._learned = scale, learned
        self._wake()
        return self

    def predict(self, windows: Any) -> Real:
        """Forecasts of windows.

        Parameters
        ----------
        windows : array (n, window, n_channels)
            In the units of the training series.

        Returns
        -------
        float64 (n, horizon, n_channels), in the same units

        Raises
        ------
        ParameterError
            Before `fit`; windows of another length, with other channels, not finite, or out of all proportion to the
            training series.
        """
        scale = self._fitted_scale()
        past = scale.within("windows", checked_block("windows", windows, self.window, self.n_channels))
        out = np.empty((len(past), self.horizon, past.shape[2]))
        for part in chunks(len(past), CHUNK):
            out[part] = scale.on(self._forecast(self._learned, scale.off(past[part])))
        return out

    def window_errors(self, series: Any, stride: int = 1) -> tuple[Real, Real]:
        """Mean squared and mean absolute error of the forecast of each window of a series.

        Parameters
        ----------
        series : array (n_times, n_channels)
        stride : int
            Times from one window to the next.

        Returns
        -------
        squared, absolute : float64 (n,)
            Means over steps and channels, on standardised values.
        """
        scale = self._fitted_scale()
        step = checked_count("stride", stride, 1, 2**31)
        values = checked_series("series", series, self.window + self.horizon, self.n_channels)
        past, future = cut(scale.off(scale.within("series", values)), self.window, self.horizon, step)
        squared, absolute = np.empty(len(past)), np.empty(len(past))
        for part in chunks(len(past), CHUNK):
            off = self._forecast(self._learned, past[part]) - future[part]
            absolute[part] = np.abs(off).mean(axis=(1, 2))
            squared[part] = np.square(off, out=off).mean(axis=(1, 2))
        return squared, absolute

    def score(self, series: Any, stride: int = 1) -> Score:
        """Mean errors over the windows of a series; see `window_errors`."""
        squared, absolute = self.window_errors(series, stride)
        return Score(float(squared.mean()), float(absolute.mean()), len(squared))

    def _fitted_scale(self) -> Scale:
        if self._scale is None:
            raise ParameterError(type(self).__name__, got="no fit yet", expected="a fit", do="call fit(train) first")
        return self._scale

    # ---- files ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Parameters, scale and what was learned."""
        scale = None if self._scale is None else {"mean": self._scale.mean, "spread": self._scale.spread}
        return {"kind": self.kind, "params": self.params.to_json(), "scale": scale, "learned": self._learned}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """A forecaster from `state`."""
        made = cls(**cls._arguments(state))
        if state["scale"] is not None:
            made._scale = Scale(state["scale"]["mean"], state["scale"]["spread"])
            made._learned = made._relearned(state["learned"])
            made._wake()
        return made

    @classmethod
    def _arguments(cls, state: Mapping[str, Any]) -> dict[str, Any]:
        """What the constructor got."""
        params = cls._params_type().from_json(state["params"])
        return {name: getattr(params, name) for name in type(params).model_fields}

    def _relearned(self, learned: Mapping[str, Any]) -> Fitted:
        """What was learned, from a state."""
        return dict(learned)

    @classmethod
    @abstractmethod
    def _params_type(cls) -> type[ForecastParams]:
        """The class of its parameters."""

    def __repr__(self) -> str:
        channels = "not fitted" if self.n_channels is None else f"fitted on {self.n_channels} channels"
        return f"{type(self).__name__}({self.window} -> {self.horizon}, {channels})"
