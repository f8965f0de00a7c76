"""TandemForecaster: sparse Hopfield attention over patches of the window, frozen, with a linear read-out."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sdrsim.engine.checks import checked_count
from sdrsim.engine.seeds import checked_seed, stream
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.forecast.base import CHUNK, Fitted, Forecaster, ForecastParams, Length, Real
from sdrsim.models.hopfield.forecast.choice import Gain, gain_of, per_window
from sdrsim.models.hopfield.forecast.ridge import RidgeForecaster, held_out, solved
from sdrsim.models.hopfield.forecast.windows import Scale, checked_several, chunks, cut, through
from sdrsim.models.hopfield.maps import entmax

__all__ = ["TandemForecaster", "TandemParams", "attended", "patches"]

BETAS = (0.5, 1.0, 2.0)
RIDGES = (1e-3, 1e-2, 1e-1, 1.0)
N_FITTED = 3000  # training windows the read-out is fitted on, evenly over the series
N_JUDGED = 600  # held-out windows a choice is made on
N_PROJECTED = 1000  # training windows the principal components of patches are taken from

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Axes = Literal["time", "both"]


class TandemParams(ForecastParams):
    """Parameters of a `TandemForecaster`; see there."""

    patch: Length = 12
    n_levels: Annotated[int, Field(ge=1, le=8, strict=True)] = 3
    merge: Annotated[int, Field(ge=2, strict=True)] = 2
    n_dims: Length = 8
    projection: Literal["pca", "gaussian"] = "pca"
    beta: Positive | tuple[Positive, ...] = BETAS
    alpha: Annotated[float, Field(ge=1)] = 1.5
    axes: Axes | None = None
    gate: Literal[0, 1] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**64, strict=True)] = 0


class TandemForecaster(Forecaster):
    """Ridge on the window and on what its patches retrieve from each other, at several resolutions.

    A window is cut into patches, the patches are projected by a frozen matrix, and every patch is a query to a sparse
    Hopfield memory of the patches: first along time within its channel, then, at each patch, along the channels. What
    is retrieved, at each level of coarse graining, is a feature; a linear map of window and features, the same for all
    channels, adds to the forecast of a `RidgeForecaster`.

    Parameters
    ----------
    window, horizon : int
    patch, n_levels, merge : int
        Length of a patch; levels; patches merged from one level to the next. A window that is no multiple is
        lengthened at its front by its first value.
    n_dims : int
        Of a projected patch; no more than its length.
    projection : 'pca' or 'gaussian'
        Principal components of training patches, or an orthogonal matrix drawn with `seed`.
    beta : float or sequence of float
        Sharpness of the attention on keys of unit length; of several, the best on validation.
    alpha : float
        Of entmax.
    axes : 'time', 'both' or None
        Features of the attention along time, or also of that along the channels; None: chosen on validation.
    gate : 0, 1 or None
        Whether the features are used at all. None: only when their gain on validation is clear (`Gain.is_clear`).
    seed : int

    Attributes
    ----------
    gate : int
        1, or 0 when it forecasts as ridge alone does.
    gain : Gain
        By how much the features lowered the squared error on held-out windows.
    beta : float
    axes : str

    Notes
    -----
    A reconstruction of the structure of STanHop (Wu et al. 2024, ICLR: attention along time then series, levels of
    coarse graining, all levels read out) at the cost of a closed form: its projections are frozen and its decoder is
    the linear map, where the paper trains both by gradients. Weights come from windows of unit spread, values from
    windows less their last value, so that forecasts follow the scale of a window.

    Examples
    --------
    >>> import numpy as np
    >>> t = np.arange(800.0)
    >>> series = np.stack([np.sin(t / 7), np.cos(t / 11)], axis=1)
    >>> f = TandemForecaster(window=48, horizon=12, gate=1).fit(series[:600])
    >>> bool(f.score(series[600:]).mse < 1e-2), f.gate
    (True, 1)
    """

    kind = "tandem forecaster"
    params: TandemParams

    def __init__(
        self,
        window: int = 168,
        horizon: int = 24,
        *,
        patch: int = 12,
        n_levels: int = 3,
        merge: int = 2,
        n_dims: int = 8,
        projection: Literal["pca", "gaussian"] = "pca",
        beta: float | tuple[float, ...] = BETAS,
        alpha: float = 1.5,
        axes: Axes | None = None,
        gate: Literal[0, 1] | None = None,
        seed: int = 0,
    ) -> None:
        params = TandemParams(
            window=window,
            horizon=horizon,
            patch=patch,
            n_levels=n_levels,
            merge=merge,
            n_dims=n_dims,
            projection=projection,
            beta=checked_several("beta", beta, 0.0, above=True),
            alpha=alpha,
            axes=axes,
            gate=gate,
            seed=checked_seed(seed),
        )
        longest = checked_count("patch", params.patch * params.merge ** (params.n_levels - 1), 1, 2**40)
        if longest > params.window:
            do = "fewer levels, or shorter patches"
            raise ParameterError("patch", got=f"{longest} at the last level", expected=f"<= {params.window}", do=do)
        super().__init__(params)

    @classmethod
    def _params_type(cls) -> type[TandemParams]:
        return TandemParams

    @property
    def gate(self) -> int:
        self._fitted_scale()
        return int(self._learned["gate"])

    @property
    def gain(self) -> Gain:
        self._fitted_scale()
        return Gain(float(self._learned["gain"]), float(self._learned["gain_error"]))

    @property
    def beta(self) -> float:
        self._fitted_scale()
        return float(self._learned["beta"])

    @property
    def axes(self) -> str:
        self._fitted_scale()
        return str(self._learned["axes"])

    # ---- fit and forecast -----------------------------------------------------------------------------------------

    def _fit(self, train: Real, validation: Real | None, scale: Scale) -> Fitted:
        p = self.params
        learning, judged = held_out(train, validation, self.window, self.horizon)
        plain, maps = self._plain(learning), self._projections(learning)
        past, missed, block = self._judged(judged, plain)
        best, widest = None, p.axes or "both"
        for beta in _several(p.beta):
            gram, cross = self._equations(learning, plain, maps, beta, widest)
            inputs = self._inputs(past, maps, beta, widest)
            for axes in (p.axes,) if p.axes else ("time", "both"):
                n = self._n_inputs(maps, axes)  # the first ones are those of the attention along time
                for ridge, weights in zip(RIDGES, solved(gram[:n, :n], cross[:n], RIDGES)):
                    off = through(inputs[:, :n], weights)
                    gain = gain_of(2 * per_window(missed, off) - per_window(off, off), block)
                    if best is None or gain.mean > best[0].mean:
                        best = gain, axes, beta, ridge, weights
        assert best is not None
        gain, axes, beta, ridge, weights = best
        gate = int(gain.is_clear) if p.gate is None else p.gate
        if learning is not train:
            plain, maps = self._plain(train), self._projections(train)
            weights = solved(*self._equations(train, plain, maps, beta, axes), (ridge,))[0] if gate else weights
        return {
            "plain": plain,
            "maps": {str(i): m for i, m in enumerate(maps)},
            "weights": weights,
            "axes": axes,
            "beta": beta,
            "ridge": ridge,
            "gate": gate,
            "gain": gain.mean,
            "gain_error": gain.error,
        }

    def _forecast(self, learned: Fitted, windows: Real) -> Real:
        plain = _linear(windows, learned["plain"])
        if not learned["gate"]:
            return plain
        maps = [learned["maps"][str(i)] for i in range(len(learned["maps"]))]
        return plain + through(self._inputs(windows, maps, learned["beta"], learned["axes"]), learned["weights"])

    def _plain(self, series: Real) -> Real:
        """Weights of ridge alone, on an already standardised series."""
        return RidgeForecaster(self.window, self.horizon).fit(series).weights

    def _judged(self, series: Real, plain: Real) -> tuple[Real, Real, int]:
        """Held-out windows, what ridge alone missed of their futures, and how many windows share hours."""
        past, future = cut(series, self.window, self.horizon)
        stride = -(-len(past) // N_JUDGED)
        past, future = past[::stride], future[::stride]
        return past, future - _linear(past, plain), -(-max(self.window, self.horizon) // stride)

    def _equations(self, series: Real, plain: Real, maps: list[Real], beta: float, axes: str) -> tuple[Real, Real]:
        """Products of the inputs with each other and with what ridge alone missed, over training windows."""
        past, future = cut(series, self.window, self.horizon)
        stride = -(-len(past) // N_FITTED)
        past, future = past[::stride], future[::stride]
        gram, cross = np.zeros(()), np.zeros(())
        for part in chunks(len(past), CHUNK):
            inputs = _rows(self._inputs(past[part], maps, beta, axes))
            missed = _rows(future[part] - _linear(past[part], plain))
            gram, cross = gram + inputs.T @ inputs, cross + inputs.T @ missed
        n = len(past) * series.shape[1]
        return gram / n, cross / n

    # ---- features -------------------------------------------------------------------------------------------------

    def _lengths(self) -> list[int]:
        """Length of a patch at each level."""
        p = self.params
        return [p.patch * p.merge**level for level in range(p.n_levels)]

    def _projections(self, series: Real) -> list[Real]:
        """The frozen matrix (length of a patch, n_dims) of each level."""
        p = self.params
        past, _ = cut(series, self.window, self.horizon)
        some = np.ascontiguousarray(past[:: -(-len(past) // N_PROJECTED)].transpose(0, 2, 1))
        out = []
        for length in self._lengths():
            n_dims = min(p.n_dims, length)
            if p.projection == "gaussian":
                drawn = stream(p.seed, f"tandem projection, patch {length}").standard_normal((length, n_dims))
                out.append(np.linalg.qr(drawn)[0])
            else:
                x = patches(_steadied(some), length).reshape(-1, length)
                out.append(np.ascontiguousarray(np.linalg.eigh(x.T @ x)[1][:, ::-1][:, :n_dims]))
        return out

    def _n_inputs(self, maps: list[Real], axes: str) -> int:
        """Inputs of the read-out: the window less its last value, a projected patch for each place and axis."""
        features = sum(-(-self.window // len(matrix)) * int(matrix.shape[1]) for matrix in maps)
        return self.window - 1 + features * (2 if axes == "both" else 1)

    def _inputs(self, windows: Real, maps: list[Real], beta: float, axes: str) -> Real:
        """Inputs of the read-out (n, n_inputs, n_channels): the window, features along time, those along channels."""
        x = windows.transpose(0, 2, 1)
        moves, steady = x - x[:, :, -1:], _steadied(x)
        along, across = [moves[:, :, :-1]], []
        for matrix in maps:
            values, marks = patches(moves, len(matrix)) @ matrix, patches(steady, len(matrix)) @ matrix
            found, marks = attended(_unit(marks), (values, marks), beta, self.params.alpha)
            along.append(found.reshape(*x.shape[:2], -1))
            if axes == "both":
                keys = _unit(marks).transpose(0, 2, 1, 3)
                (more,) = attended(keys, (found.transpose(0, 2, 1, 3),), beta, self.params.alpha)
                across.append(more.transpose(0, 2, 1, 3).reshape(*x.shape[:2], -1))
        return np.concatenate(along + across, axis=2).transpose(0, 2, 1)


def attended(keys: Real, values: tuple[Real, ...], beta: float, alpha: float) -> list[Real]:
    """What each key retrieves: ``entmax(beta K K^T) V`` along the last axis but one, for several V at once."""
    scores = beta * (keys @ keys.swapaxes(-1, -2))
    weights = entmax(np.ascontiguousarray(scores.reshape(-1, scores.shape[-1])), alpha=alpha).reshape(scores.shape)
    return [weights @ v for v in values]


def patches(x: Real, length: int) -> Real:
    """The last axis in pieces of `length`; its first value is repeated at the front to fill the first piece.

    Examples
    --------
    >>> import numpy as np
    >>> patches(np.arange(5.0), 3)
    array([[0., 0., 1.],
           [2., 3., 4.]])
    """
    n = -(-x.shape[-1] // length)
    front = np.repeat(x[..., :1], n * length - x.shape[-1], axis=-1)
    lengthened: Real = np.concatenate([front, x], axis=-1)
    return lengthened.reshape(*x.shape[:-1], n, length)


def _rows(x: Real) -> Real:
    """Blocks (n, length, n_channels), window after window and channel after channel: (n n_channels, length)."""
    return np.ascontiguousarray(x.transpose(0, 2, 1)).reshape(-1, x.shape[1])


def _steadied(x: Real) -> Real:
    """Windows along the last axis, their mean off, of unit spread; a still one is 0."""
    moves: Real = x - x.mean(axis=-1, keepdims=True)
    spread: Real = np.sqrt(np.square(moves).mean(axis=-1, keepdims=True))
    moves *= np.where(spread > 1e-12, 1 / np.maximum(spread, 1e-12), 0.0)
    return moves


def _unit(x: Real) -> Real:
    """Vectors along the last axis at unit length; one of no length stays 0."""
    length: Real = np.sqrt(np.square(x).sum(axis=-1, keepdims=True))
    out: Real = x * np.where(length > 1e-12, 1 / np.maximum(length, 1e-12), 0.0)
    return out


def _linear(windows: Real, weights: Real) -> Real:
    last = windows[:, -1:, :]
    return through(windows - last, weights) + last


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)
