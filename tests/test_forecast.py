"""Forecasters: against slow twins, in any units, refusing what they cannot use, back from files bit for bit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.files import load_dataset
from sdrsim.models.hopfield.forecast import (
    LastValue,
    MemoryForecaster,
    RidgeForecaster,
    Seasonal,
    TandemForecaster,
    cut,
)
from sdrsim.models.hopfield.forecast.windows import Scale, lagged_products

HORIZONS = (24, 48, 168, 336, 720)


@pytest.fixture(scope="module")
def walk() -> np.ndarray:
    """Three channels with a daily cycle, correlated noise and scales of their own."""
    rng = np.random.default_rng(5)
    t = np.arange(700)[:, None]
    cycle = np.sin(2 * np.pi * (t + np.array([0, 5, 11])) / 24)
    noise = np.cumsum(rng.standard_normal((700, 3)), axis=0) * 0.05
    return (cycle + noise) * np.array([1.0, 30.0, 0.01]) + np.array([5.0, -200.0, 0.0])


MAKERS: list[Callable[..., object]] = [
    LastValue,
    lambda w, h: Seasonal(w, h, period=6),
    RidgeForecaster,
    lambda w, h: MemoryForecaster(w, h, beta=4.0),
    lambda w, h: MemoryForecaster(w, h, beta=4.0, base="ridge", gate=0.5),
    lambda w, h: TandemForecaster(w, h, patch=4, n_levels=2, gate=1, beta=1.0),
]


# ---- windows ------------------------------------------------------------------------------------------------------


def test_windows_and_futures_are_what_slices_are(walk: np.ndarray) -> None:
    windows, futures = cut(walk, 10, 4, stride=3)
    assert len(windows) == len(futures) == (700 - 14) // 3 + 1
    for i in (0, 7, len(windows) - 1):
        assert np.array_equal(windows[i], walk[3 * i : 3 * i + 10])
        assert np.array_equal(futures[i], walk[3 * i + 10 : 3 * i + 14])
    assert windows.base is not None
    assert np.shares_memory(windows, futures)


def test_lengths_are_counts(walk: np.ndarray) -> None:
    for lengths, name in (((0, 5), "window"), ((4.5, 5), "window"), ((4, 0), "horizon"), ((4, 1, 0), "stride")):
        with pytest.raises(ParameterError, match=f"{name}: got .*; expected a whole number, 1 .. "):
            cut(walk, *lengths)


@pytest.mark.parametrize(("n", "p"), [(1, 1), (1, 5), (7, 3), (400, 50)])
def test_lagged_products_are_those_of_all_windows(n: int, p: int) -> None:
    x = np.random.default_rng(n + p).standard_normal(n + p - 1)
    all_windows = np.lib.stride_tricks.sliding_window_view(x, p)
    assert len(all_windows) == n
    assert np.allclose(lagged_products(x, n, p), all_windows.T @ all_windows, rtol=0, atol=1e-11)


def test_scale_of_a_channel_that_never_moves() -> None:
    series = np.stack([np.full(50, 0.1), np.arange(50.0)], axis=1)
    scale = Scale.of(series)
    assert scale.spread[0] == 1.0
    assert np.allclose(scale.on(scale.off(series)), series, rtol=0, atol=1e-14)


# ---- ridge --------------------------------------------------------------------------------------------------------


def slow_ridge(series: np.ndarray, window: int, horizon: int, ridge: float) -> np.ndarray:
    """All windows of all channels one under another, least squares with penalty rows."""
    z = (series - series.mean(0)) / series.std(0)
    rows, targets = [], []
    for start in range(len(z) - window - horizon + 1):
        for c in range(z.shape[1]):
            past = z[start : start + window, c]
            rows.append(past[:-1] - past[-1])
            targets.append(z[start + window : start + window + horizon, c] - past[-1])
    a, y = np.array(rows), np.array(targets)
    penalty = np.sqrt(ridge * np.square(a).mean() * len(a)) * np.eye(window - 1)
    return np.linalg.lstsq(np.vstack([a, penalty]), np.vstack([y, np.zeros((window - 1, horizon))]), rcond=None)[0]


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 10.0])
def test_ridge_is_least_squares_over_all_windows(walk: np.ndarray, ridge: float) -> None:
    f = RidgeForecaster(20, 7, ridge=ridge).fit(walk)
    assert np.allclose(f.weights[:-1], slow_ridge(walk, 20, 7, ridge), rtol=0, atol=1e-7)
    assert np.all(f.weights[-1] == 0)


def test_ridge_forecasts_by_its_weights(walk: np.ndarray) -> None:
    f = RidgeForecaster(20, 7).fit(walk[:500])
    windows, _ = cut(walk[500:], 20, 7)
    last = windows[:, -1:]
    expected = last + np.einsum("nwc,wh->nhc", windows - last, f.weights)
    assert np.allclose(f.predict(windows), expected, rtol=1e-11, atol=1e-11)


def test_a_penalty_is_chosen_on_validation_or_the_last_fifth(walk: np.ndarray) -> None:
    grid = (1e-6, 1e-2, 1.0, 100.0)
    singles = [RidgeForecaster(20, 7, ridge=r).fit(walk[:500]) for r in grid]
    best = int(np.argmin([f.score(walk[480:]).mse for f in singles]))
    chosen = RidgeForecaster(20, 7, ridge=grid).fit(walk[:500], walk[480:])
    assert chosen.ridge == grid[best]
    assert np.array_equal(chosen.weights, singles[best].weights)
    own = [RidgeForecaster(20, 7, ridge=r).fit(walk[:400]) for r in grid]
    scale = Scale.of(walk[:500])  # the held-out fifth is scaled as the whole training series is
    off = [np.square((f.predict(w) - y) / scale.spread).mean() for f in own for w, y in [cut(walk[380:500], 20, 7)]]
    alone = RidgeForecaster(20, 7, ridge=grid).fit(walk[:500])
    assert alone.ridge == grid[int(np.argmin(off))]
    assert np.array_equal(alone.weights, RidgeForecaster(20, 7, ridge=alone.ridge).fit(walk[:500]).weights)


# ---- all forecasters ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", MAKERS)
def test_units_of_a_channel_do_not_matter(make: Callable[..., object], walk: np.ndarray) -> None:
    factor, offset = np.array([3.0, 1e-3, 500.0]), np.array([0.0, 7.0, -40.0])
    f, g = make(16, 5).fit(walk[:500]), make(16, 5).fit(walk[:500] * factor + offset)
    windows, _ = cut(walk[500:], 16, 5, stride=20)
    off = (g.predict(windows * factor + offset) - offset) / factor - f.predict(windows)
    assert np.max(np.abs(off) / walk.std(0)) < 1e-5  # keys and values of the memory are float32


@pytest.mark.parametrize("make", MAKERS)
def test_scores_are_means_over_all_windows_standardised(make: Callable[..., object], walk: np.ndarray) -> None:
    f = make(16, 5).fit(walk[:300])
    windows, futures = cut(walk[300:], 16, 5)
    off = (f.predict(windows) - futures) / walk[:300].std(0)
    score = f.score(walk[300:])
    assert score.n_windows == len(windows) == 400 - 20
    assert np.isclose(score.mse, np.square(off).mean(), rtol=1e-9)
    assert np.isclose(score.mae, np.abs(off).mean(), rtol=1e-9)
    squared, _ = f.window_errors(walk[300:], stride=7)
    assert np.allclose(squared, np.square(off[::7]).mean(axis=(1, 2)), rtol=1e-9)


@pytest.mark.parametrize("make", MAKERS)
def test_back_from_a_file(make: Callable[..., object], walk: np.ndarray, tmp_path: Path) -> None:
    windows, _ = cut(walk[500:], 16, 5, stride=20)
    f = make(16, 5)
    f.save(tmp_path / "empty.h5")
    assert type(f).load(tmp_path / "empty.h5").n_channels is None
    f.fit(walk[:500], walk[484:])
    f.save(tmp_path / "f.h5")
    back = type(f).load(tmp_path / "f.h5")
    assert back.params == f.params
    assert np.array_equal(back.predict(windows), f.predict(windows))
    other = LastValue if not isinstance(f, LastValue) else RidgeForecaster
    with pytest.raises(FileFormatError, match="the state of"):
        other.load(tmp_path / "f.h5")


@pytest.mark.parametrize("make", MAKERS)
def test_bad_input_is_refused_and_changes_nothing(make: Callable[..., object], walk: np.ndarray) -> None:
    f = make(16, 5)
    windows, _ = cut(walk, 16, 5, stride=50)
    with pytest.raises(ParameterError, match=r"got no fit yet; .*call fit\(train\) first"):
        f.predict(windows)
    with pytest.raises(ParameterError, match="no fit yet"):
        f.score(walk)
    f.fit(walk[:500])
    before, hole, hole3 = f.predict(windows), walk.copy(), windows.copy()
    hole[3, 1] = hole3[2, 3, 1] = np.nan
    for train, validation, message in (
        (walk[:20], None, r"train: got 20 times; expected at least 21: one window and its future"),
        (walk[:, 0], None, r"train: got shape \(700,\); expected \(n_times, n_channels\); for one channel: train"),
        (hole, None, r"train: got nan at \(3, 1\); expected finite numbers"),
        (walk, hole, r"validation: got nan"),
        (walk, walk[:, :2], r"validation: got 2 channels; expected 3"),
        (walk, walk[:20], r"validation: got 20 times"),
        ("text", None, "train: got str; expected an array of real numbers"),
        ([[1, 2], [3]], None, "train: got list; expected an array of real numbers"),
        (walk + 1j, None, "train: got ndarray of complex128; expected an array of real numbers"),
        (walk.astype(str), None, "train: got ndarray of <U32; expected an array of real numbers"),
        (walk[:0], None, "train: got 0 times"),
        (walk[:, :0], None, r"train: got shape \(700, 0\)"),
        (np.ma.masked_less(walk, 0), None, "train: got masked values; expected finite numbers; fill or cut out"),
        (walk * 1e100, None, r"train: got .*e\+102; expected at most 1e\+100; choose larger units"),
        (walk, walk * 1e30, "validation: got .* standard deviations of the training series from its mean, channel"),
    ):
        with pytest.raises(ParameterError, match=message):
            f.fit(train, validation)
    for bad, message in (
        (windows[:, 1:], r"windows: got shape \(14, 15, 3\); expected \(n, 16, 3\)"),
        (windows[:, :, :2], r"expected \(n, 16, 3\)"),
        (windows[0], r"for one window: windows\[None\]"),
        (hole3, r"windows: got nan at \(2, 3, 1\)"),
        (None, "windows: got NoneType"),
        ([], r"windows: got shape \(0,\)"),
        (windows * 1e30, "windows: got .* standard deviations .*; check the units"),
    ):
        with pytest.raises(ParameterError, match=message):
            f.predict(bad)
    with pytest.raises(ParameterError, match="series: got 2 channels; expected 3, as in the fit"):
        f.score(walk[:, :2])
    with pytest.raises(ParameterError, match=r"series: got .* standard deviations"):
        f.score(walk * 1e30)
    with pytest.raises(ParameterError, match="series: got 20 times; expected at least 21"):
        f.window_errors(walk[:20])
    for stride in (0, 1.5, "a"):
        with pytest.raises(ParameterError, match="stride"):
            f.score(walk, stride=stride)
    assert np.array_equal(f.predict(windows), before)
    assert f.predict(windows[:0]).shape == (0, 5, 3)


def test_bad_parameters_are_refused() -> None:
    for kind in (RidgeForecaster, MemoryForecaster, TandemForecaster, LastValue, Seasonal):
        for bad in ({"window": 1}, {"horizon": 0}, {"window": 2.5}, {"window": "a"}, {"horizon": None}):
            with pytest.raises(ParameterError, match=f"{next(iter(bad))}: got {next(iter(bad.values()))!r}; expected"):
                kind(**bad)
    several = "expected a number above 0, finite, or several to choose from"
    for ridge, text in (
        (0.0, f"ridge: got 0.0; {several}"),
        (float("nan"), f"ridge: got nan; {several}"),
        (float("inf"), "ridge: got inf"),
        ("a", f"ridge: got 'a'; {several}"),
        (True, "ridge: got True"),
        (None, "ridge: got None"),
        ((1.0, -1.0), f"ridge: got -1.0; {several}"),
        ((), "ridge: got none to choose from; expected at least one"),
    ):
        with pytest.raises(ParameterError, match=text):
            RidgeForecaster(4, 2, ridge=ridge)
    assert RidgeForecaster(4, 2, ridge=np.array([1, 2])).params.ridge == (1.0, 2.0)
    assert RidgeForecaster(4, 2, ridge=np.float32(2)).params.ridge == 2.0
    with pytest.raises(ParameterError, match="period: got 24; expected at most the window, 16"):
        Seasonal(window=16, horizon=4)


def test_a_series_that_never_moves_is_forecast_as_it_is() -> None:
    f = RidgeForecaster(8, 3).fit(np.full((40, 1), 2.5))
    assert np.allclose(f.predict(np.full((1, 8, 1), 2.5)), 2.5, rtol=0, atol=1e-15)


# ---- ETTh1 --------------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_published_protocol_on_etth1(data_file: Callable[[str], Path]) -> None:
    """Our own earlier program's numbers: standardised MSE over all test windows, the first one ending where the test
    begins.
    """
    data_file("ett/ETTh1.csv")
    d = load_dataset("etth1")
    train, test = d.part("train"), d.part("test", lead=168)
    for horizon, target in zip(HORIZONS, (0.314, 0.343, 0.414, 0.454, 0.438)):
        score = RidgeForecaster(168, horizon).fit(train).score(test)
        assert score.n_windows == 2880 - horizon + 1
        assert score.mse == pytest.approx(target, rel=0.01)
    for horizon, last, seasonal in ((24, 1.222, 0.424), (168, 1.325, 0.571), (720, 1.335, 0.655)):
        assert LastValue(168, horizon).fit(train).score(test).mse == pytest.approx(last, abs=6e-4)
        assert Seasonal(168, horizon).fit(train).score(test).mse == pytest.approx(seasonal, abs=6e-4)
