"""MemoryForecaster: windows seen before and what followed them, retrieved sparsely, alone or over another forecast."""

import copy
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, field_serializer

from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.forecast.base import Fitted, Forecaster, ForecastParams, Real
from sdrsim.models.hopfield.forecast.choice import Gain
from sdrsim.models.hopfield.forecast.ridge import LastValue, RidgeForecaster, Seasonal, held_out
from sdrsim.models.hopfield.forecast.rows import WindowMemory, keys_of, mean_of, values_of
from sdrsim.models.hopfield.forecast.tandem import TandemForecaster
from sdrsim.models.hopfield.forecast.tuning import (
    BETAS,
    BETAS_MIXED,
    NO_GAIN,
    NO_MIXING,
    Choice,
    Grid,
    Parts,
    choose_gate,
    choose_mixing,
)
from sdrsim.models.hopfield.forecast.windows import Scale, checked_block, checked_several, cut, through

__all__ = ["MemoryForecaster", "MemoryParams"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Alpha = Annotated[float, Field(ge=1)]


class MemoryParams(ForecastParams):
    """Parameters of a `MemoryForecaster`; see there."""

    beta: Positive | tuple[Positive, ...] | None = None
    alpha: Alpha | tuple[Alpha, ...] = 1.5
    base: Any = None
    gate: Annotated[float, Field(ge=0, le=1)] | None = None
    merge: Literal["gate", "ridge"] = "gate"

    @field_serializer("base")
    def _named(self, base: Any) -> str | None:
        return base.kind if isinstance(base, Forecaster) else base


class MemoryForecaster(Forecaster):
    """Forecasts from memory: the futures of the most similar windows of the past, by sparse Hopfield retrieval.

    Alone: ``y = mean(window) + V^T entmax(beta K k)`` with one memory a channel, keys ``k`` the windows less their mean
    and of unit length, values V what followed them, less the same mean. Over a base forecaster the values are what the
    base missed, and ``y = base + g V^T entmax(beta K k)``.

    Parameters
    ----------
    window, horizon : int
        Lengths of the past and of the forecast.
    beta : float, sequence of float or None
        Sharpness of retrieval. None: chosen on validation among 0.1 .. 8 (0.5 .. 2 with ``merge='ridge'``); a sequence:
        among those.
    alpha : float or sequence of float
        Of entmax, 1 (softmax) and up.
    base : None, 'ridge' or a forecaster
        None: memory alone. 'ridge': a `RidgeForecaster` of the same lengths. A forecaster that is fitted is used as it
        is (plug-and-play); one that is not is fitted first, as a copy.
    gate : float in 0 .. 1 or None
        g. None: chosen on validation together with beta and alpha, 0 unless the gain is clear. Always 1 for memory
        alone.
    merge : 'gate' or 'ridge'
        'ridge': instead of g a matrix, ``y = base + W^T r`` of the retrieved ``r``, the same for all channels, fitted
        by ridge regression on training windows whose own part of the series was left out of memory, its penalty chosen
        on validation, and W = 0 unless the gain is clear.

    Attributes
    ----------
    beta, alpha, gate : float
        As chosen or given; with ``merge='ridge'`` the gate is 1 or 0.
    gain : Gain
        By how much the squared error on held-out windows was lowered below that of the base; NaN when nothing had to
        be chosen.
    n_stored : int
        Windows a channel remembers.

    Notes
    -----
    After the external memory of STanHop (Wu et al. 2024, ICLR): plug-and-play with identity projections, and
    tune-and-play. The closed form, the cross-fitted W and the rule for 'clear' (`Gain.is_clear`) are a reconstruction:
    the paper trains by gradients and its code leaves the memory out.

    One gate serves all windows. Held open for the sake of rare events, it adds noise to ordinary ones: in the study
    ``sudden-event`` 1.3 % [0.5, 2.0] and 1.9 % [1.0, 2.7] of the error of ridge in quiet hours, for events two and four
    times the size of the cycle (24 series, 95 % intervals).

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(900)
    >>> series = np.stack([np.sign(np.sin(t / 9)), np.abs(np.sin(t / 7))], axis=1)
    >>> f = MemoryForecaster(window=64, horizon=16, beta=16.).fit(series[:600])
    >>> bool(f.score(series[600:]).mse < .15), f
    (True, MemoryForecaster(64 -> 16, fitted on 2 channels; alone, beta 16, alpha 1.5, 521 windows))
    """

    kind = "memory forecaster"

    def __init__(
        self,
        window: int = 168,
        horizon: int = 24,
        beta: float | tuple[float, ...] | None = None,
        alpha: float | tuple[float, ...] = 1.5,
        base: Literal["ridge"] | Forecaster | None = None,
        gate: float | None = None,
        merge: Literal["gate", "ridge"] = "gate",
    ) -> None:
        lengths: dict[str, Any] = {"window": window, "horizon": horizon}
        beta = None if beta is None else checked_several("beta", beta, 0.0, above=True)
        alpha = checked_several("alpha", alpha, 1.0)
        params = MemoryParams(**lengths, beta=beta, alpha=alpha, base=base, gate=gate, merge=merge)
        if not (base is None or isinstance(base, Forecaster) or base == "ridge"):
            raise ParameterError("base", got=repr(base), expected="None, 'ridge' or a forecaster")
        if isinstance(base, Forecaster) and (base.window, base.horizon) != (params.window, params.horizon):
            got, expected = f"{base.window} -> {base.horizon}", f"{window} -> {horizon}, as the memory's"
            raise ParameterError("base", got=got, expected=expected)
        if gate is not None and (base is None or merge == "ridge"):
            raise ParameterError("gate", got=repr(gate), expected="None for memory alone and with merge='ridge'")
        super().__init__(params)

    @classmethod
    def _params_type(cls) -> type[MemoryParams]:
        return MemoryParams

    def _params(self) -> MemoryParams:
        assert isinstance(self.params, MemoryParams)
        return self.params

    # ---- what was chosen ------------------------------------------------------------------------------------------

    @property
    def beta(self) -> float:
        return float(self._fitted("beta"))

    @property
    def alpha(self) -> float:
        return float(self._fitted("alpha"))

    @property
    def gate(self) -> float:
        return float(self._fitted("gate"))

    @property
    def gain(self) -> Gain:
        return Gain(float(self._fitted("gain")), float(self._fitted("gain_error")))

    @property
    def n_stored(self) -> int:
        return 0 if self._scale is None else self._memory.n_stored

    def _fitted(self, name: str) -> Any:
        self._fitted_scale()
        return self._learned[name]

    # ---- fit ------------------------------------------------------------------------------------------------------

    def _fit(self, train: Real, validation: Real | None, scale: Scale) -> Fitted:
        p = self._params()
        betas = BETAS if p.merge == "gate" else BETAS_MIXED
        grid = Grid(_several(p.beta or betas), _several(p.alpha), 1.0 if p.base is None else p.gate)
        if grid.is_settled and p.merge == "gate":
            choice, mixing = Choice(grid.betas[0], grid.alphas[0], grid.gate or 0.0, NO_GAIN), NO_MIXING
            base = self._fitted_base(train, validation, scale)
        else:
            learning, judged = held_out(train, validation, self.window, self.horizon)
            base = self._fitted_base(learning, validation, scale)
            parts = Parts.of(cut(learning, *self._lengths), cut(judged, *self._lengths), based(base, scale))
            if p.merge == "ridge":
                choice, mixing = choose_mixing(parts, grid)
            else:
                choice, mixing = choose_gate(parts, grid), NO_MIXING
            base = base if learning is train else self._fitted_base(train, validation, scale)
        return {
            "series": train,
            "windows": np.zeros((0, self.window, train.shape[1])),
            "futures": np.zeros((0, self.horizon, train.shape[1])),
            "base": base,
            "beta": choice.beta,
            "alpha": choice.alpha,
            "gate": choice.gate,
            "gain": choice.gain.mean,
            "gain_error": choice.gain.error,
            "mixing": mixing,
        }

    @property
    def _lengths(self) -> tuple[int, int]:
        return self.window, self.horizon

    def _fitted_base(self, series: Real, validation: Real | None, scale: Scale) -> Forecaster | None:
        """The base, fitted on series in their own units unless it came fitted."""
        base = self._params().base
        if base is None:
            return None
        made = RidgeForecaster(self.window, self.horizon) if base == "ridge" else copy.deepcopy(base)
        if made.n_channels is None:
            return made.fit(scale.on(series), None if validation is None else scale.on(validation))
        if made.n_channels != series.shape[1]:
            got, expected = f"{series.shape[1]} channels", f"{made.n_channels}, those of the base"
            raise ParameterError("train", got=got, expected=expected)
        return made

    def _wake(self) -> None:
        scale, learned = self._fitted_scale(), self._learned
        self._base = based(learned["base"], scale)
        self._memory = WindowMemory(len(scale.mean), learned["beta"], learned["alpha"])
        for past, future in (cut(learned["series"], *self._lengths), (learned["windows"], learned["futures"])):
            self._memory.store(keys_of(past), values_of(past, future, self._base))

    # ---- forecast, remember ---------------------------------------------------------------------------------------

    def _forecast(self, learned: Fitted, windows: Real) -> Real:
        plain = self._base(windows)
        if learned["gate"] == 0:
            return plain
        found = self._memory.recall(keys_of(windows))
        return plain + (through(found, learned["mixing"]) if learned["mixing"].size else learned["gate"] * found)

    def remember(self, windows: Any, futures: Any) -> Self:
        """Add windows and what followed them to the memory; nothing is fitted or chosen again.

        Parameters
        ----------
        windows : array (n, window, n_channels)
        futures : array (n, horizon, n_channels)
            Both in the units of the training series.

        Returns
        -------
        itself

        Raises
        ------
        ParameterError
            Before `fit`; other lengths, channels or counts; not finite, or out of all proportion to the training
            series. Nothing is changed.
        """
        scale = self._fitted_scale()
        past = scale.within("windows", checked_block("windows", windows, self.window, self.n_channels))
        future = scale.within("futures", checked_block("futures", futures, self.horizon, self.n_channels))
        if len(past) != len(future):
            raise ParameterError("futures", got=f"{len(future)} of them", expected=f"{len(past)}, one a window")
        past, future = scale.off(past), scale.off(future)
        self._memory.store(keys_of(past), values_of(past, future, self._base))
        for name, new in (("windows", past), ("futures", future)):
            self._learned[name] = np.concatenate([self._learned[name], new])
        return self

    # ---- files ----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Parameters, scale, the series and windows remembered, what was chosen, and the state of the base.

        Raises
        ------
        ParameterError
            The base is of a class of one's own.
        """
        given = self._params().base
        state = super().state() | {"given": _kept(given)}
        if self._learned:
            state["learned"] = {**self._learned, "base": _kept(self._learned["base"])}
        return state

    @classmethod
    def _arguments(cls, state: Mapping[str, Any]) -> dict[str, Any]:
        given = state["given"]
        return super()._arguments(state) | {"base": _revived(given) if isinstance(given, Mapping) else given}

    def _relearned(self, learned: Mapping[str, Any]) -> Fitted:
        base = learned["base"]
        return {**learned, "base": None if base is None else _revived(base)}

    def __repr__(self) -> str:
        if self._scale is None:
            return super().__repr__()
        base = self._learned["base"]
        over = "alone" if base is None else f"over {base!r}, gate {self.gate:.2g}"
        about = f"{over}, beta {self.beta:g}, alpha {self.alpha:g}, {self.n_stored:,} windows"
        return f"{super().__repr__()[:-1]}; {about})"


def _several(value: float | tuple[float, ...]) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else (value,)


def _kinds() -> dict[str, type[Forecaster]]:
    """The classes a base may be of to come back from a file."""
    return {c.kind: c for c in (RidgeForecaster, LastValue, Seasonal, TandemForecaster, MemoryForecaster)}


def _kept(base: Any) -> Any:
    """A base as a state: what is no forecaster stays as it is."""
    if not isinstance(base, Forecaster):
        return base
    if _kinds().get(base.kind) is not type(base):
        raise ParameterError("base", got=type(base).__name__, expected=f"one of {', '.join(_kinds())}, to be saved")
    return base.state()


def _revived(state: Mapping[str, Any]) -> Forecaster:
    return _kinds()[state["kind"]].from_state(state)


def based(base: Forecaster | None, scale: Scale) -> Callable[[Real], Real]:
    """What retrieved values are added to, from and in standardised units: the base's forecasts, or a window's mean."""
    if base is None:
        return mean_of
    return lambda windows: scale.off(base.predict(scale.on(windows)))
