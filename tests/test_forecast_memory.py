"""Forecasts from memory and from patches: against slow twins, what is chosen, what is remembered."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sdrsim.errors import ParameterError
from sdrsim.files import load_dataset
from sdrsim.models.hopfield.forecast import (
    LastValue,
    MemoryForecaster,
    RidgeForecaster,
    TandemForecaster,
    cut,
    tuning,
)
from sdrsim.models.hopfield.forecast.choice import gain_of, gate_for
from sdrsim.models.hopfield.forecast.rows import keys_of
from sdrsim.models.hopfield.forecast.tandem import attended, patches


def slow_entmax(z: np.ndarray, alpha: float = 1.5) -> np.ndarray:
    """Rows of weights by bisection of the threshold."""
    z = (alpha - 1) * np.asarray(z, float)
    low, high = z.max(-1, keepdims=True) - 1, z.max(-1, keepdims=True)
    for _ in range(100):
        middle = (low + high) / 2
        total = (np.maximum(z - middle, 0) ** (1 / (alpha - 1))).sum(-1, keepdims=True)
        low, high = np.where(total >= 1, middle, low), np.where(total >= 1, high, middle)
    p = np.maximum(z - low, 0) ** (1 / (alpha - 1))
    return p / p.sum(-1, keepdims=True)


def slow_memory(train: np.ndarray, windows: np.ndarray, base: Callable, beta: float, horizon: int) -> np.ndarray:
    """Retrieved values of standardised windows, one channel and one window after another."""
    past, future = cut(train, windows.shape[1], horizon)
    missed = future - base(past)
    out = np.zeros((len(windows), horizon, train.shape[1]))
    for c in range(train.shape[1]):
        keys = past[:, :, c] - past[:, :, c].mean(1, keepdims=True)
        keys = keys / np.linalg.norm(keys, axis=1, keepdims=True)
        for i, w in enumerate(windows[:, :, c]):
            k = (w - w.mean()) / np.linalg.norm(w - w.mean())
            out[i, :, c] = slow_entmax(beta * keys @ k) @ missed[:, :, c]
    return out


def mean(windows: np.ndarray) -> np.ndarray:
    return windows.mean(1, keepdims=True)


@pytest.fixture(scope="module")
def series() -> np.ndarray:
    """Two standardised channels of pulses that a line does not forecast well."""
    rng = np.random.default_rng(3)
    t = np.arange(520)
    pulses = np.stack([np.maximum(np.sin(t / 5), 0.6), np.sign(np.sin(t / 8 + 1))], axis=1)
    made = pulses + 0.1 * rng.standard_normal(pulses.shape)
    return (made - made[:400].mean(0)) / made[:400].std(0)


# ---- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [1.0, 20.0])
def test_memory_alone_is_a_weighted_mean_of_futures(series: np.ndarray, beta: float) -> None:
    f = MemoryForecaster(30, 8, beta=beta).fit(series[:400])
    windows, _ = cut(series[370:], 30, 8, stride=11)
    slow = windows.mean(1, keepdims=True) + slow_memory(series[:400], windows, mean, beta, 8)
    assert np.allclose(f.predict(windows), slow, rtol=0, atol=2e-5)
    assert (f.beta, f.alpha, f.gate, f.n_stored) == (beta, 1.5, 1.0, 363)


def test_plug_in_adds_what_the_base_missed(series: np.ndarray) -> None:
    base = RidgeForecaster(30, 8).fit(series[:400])
    f = MemoryForecaster(30, 8, beta=5.0, base="ridge", gate=0.7).fit(series[:400])
    windows, _ = cut(series[370:], 30, 8, stride=11)
    slow = base.predict(windows) + 0.7 * slow_memory(series[:400], windows, base.predict, 5.0, 8)
    assert np.allclose(f.predict(windows), slow, rtol=0, atol=2e-5)
    closed = MemoryForecaster(30, 8, beta=5.0, base="ridge", gate=0.0).fit(series[:400])
    assert np.allclose(closed.predict(windows), base.predict(windows), rtol=0, atol=1e-12)


def test_a_base_of_ones_own(series: np.ndarray) -> None:
    windows, _ = cut(series[370:], 30, 8, stride=11)
    fresh, fitted = LastValue(30, 8), RidgeForecaster(30, 8, ridge=1.0).fit(series[:200])
    before = fitted.predict(windows)
    closed = MemoryForecaster(30, 8, beta=5.0, base=fitted, gate=0.0).fit(series[:400])
    assert np.allclose(closed.predict(windows), before, rtol=0, atol=1e-12)  # not fitted again
    over = MemoryForecaster(30, 8, beta=5.0, base=fresh, gate=1.0).fit(series[:400])
    assert fresh.n_channels is None  # only a copy is fitted
    slow = windows[:, -1:] + slow_memory(series[:400], windows, lambda w: w[:, -1:], 5.0, 8)
    assert np.allclose(over.predict(windows), slow, rtol=0, atol=2e-5)
    with pytest.raises(ParameterError, match="train: got 1 channels; expected 2, those of the base"):
        MemoryForecaster(30, 8, beta=5.0, base=fitted, gate=0.0).fit(series[:400, :1])


def test_sharpness_is_the_best_on_validation(series: np.ndarray) -> None:
    betas, validation = (0.3, 3.0, 30.0), series[370:]
    singles = [MemoryForecaster(30, 8, beta=b).fit(series[:400]).score(validation).mse for b in betas]
    f = MemoryForecaster(30, 8, beta=betas).fit(series[:400], validation)
    assert f.beta == betas[int(np.argmin(singles))]
    of_mean = np.square(cut(validation, 30, 8)[1] - mean(cut(validation, 30, 8)[0])).mean()
    assert np.isclose(f.gain.mean, of_mean - min(singles), rtol=1e-4)


def test_sharpness_exponent_and_gate_are_chosen_together(series: np.ndarray) -> None:
    validation = series[370:]
    f = MemoryForecaster(30, 8, beta=(2.0, 20.0), alpha=(1.5, 2.0), base="ridge").fit(series[:400], validation)
    assert f.gain.is_clear
    tried = {
        (b, a, g): MemoryForecaster(30, 8, beta=b, alpha=a, base="ridge", gate=g).fit(series[:400])
        for b in (2.0, 20.0)
        for a in (1.5, 2.0)
        for g in (0.0, 0.25, 0.5, 0.75, 1.0)
    }
    scores = {key: g.score(validation).mse for key, g in tried.items()}
    assert f.score(validation).mse <= min(scores.values()) + 1e-6
    assert np.isclose(scores[2.0, 1.5, 0.0] - f.score(validation).mse, f.gain.mean, rtol=1e-4)


def test_nothing_is_added_when_nothing_is_gained() -> None:
    noise = np.random.default_rng(8).standard_normal((500, 2))
    for merge in ("gate", "ridge"):
        f = MemoryForecaster(20, 4, base="ridge", merge=merge).fit(noise[:350], noise[330:])
        windows, _ = cut(noise[330:], 20, 4)
        assert f.gate == 0
        assert np.array_equal(
            f.predict(windows), MemoryForecaster(20, 4, 1.0, base="ridge", gate=0.0).fit(noise[:350]).predict(windows)
        )


def test_without_validation_the_last_fifth_is_held_out(series: np.ndarray) -> None:
    f = MemoryForecaster(30, 8, beta=(0.3, 3.0, 30.0)).fit(series[:400])
    held = MemoryForecaster(30, 8, beta=(0.3, 3.0, 30.0)).fit(series[:320], series[290:400])
    assert f.beta == held.beta
    assert f.n_stored == 363  # all of it is remembered afterwards
    with pytest.raises(ParameterError, match="train: got 45 times and no validation; expected at least 46, or a valid"):
        MemoryForecaster(30, 8).fit(series[:45])


def test_remembering_needs_no_fit(series: np.ndarray) -> None:
    f = MemoryForecaster(30, 8, beta=200.0).fit(series[:400])
    rng = np.random.default_rng(1)
    new, what = rng.standard_normal((3, 30, 2)), rng.standard_normal((3, 8, 2))
    windows, _ = cut(series[370:], 30, 8, stride=11)
    known, before = f.predict(windows), f.predict(new)
    assert f.remember(new, what) is f
    assert f.n_stored == 366
    assert np.allclose(f.predict(new), what, rtol=0, atol=1e-5)  # alone above the rest: given back as it was
    assert not np.allclose(before, what, atol=0.1)
    assert np.array_equal(f.predict(windows), known)  # others do not notice


def test_remembering_over_a_base(series: np.ndarray) -> None:
    f = MemoryForecaster(30, 8, beta=200.0, base="ridge", gate=1.0).fit(series[:400])
    rng = np.random.default_rng(2)
    new, what = 5 + 3 * rng.standard_normal((2, 30, 2)), rng.standard_normal((2, 8, 2))
    assert np.allclose(f.remember(new, what).predict(new), what, rtol=0, atol=1e-4)


def test_what_cannot_be_remembered_is_refused(series: np.ndarray) -> None:
    f = MemoryForecaster(30, 8, beta=5.0)
    windows, futures = cut(series[370:], 30, 8, stride=11)
    with pytest.raises(ParameterError, match="no fit yet"):
        f.remember(windows, futures)
    f.fit(series[:400])
    before, hole = f.predict(windows), futures.copy()
    hole[1, 2, 0] = np.inf
    for w, y, message in (
        (windows[:, 1:], futures, "windows: got shape"),
        (windows, futures[:, :, :1], "futures: got shape"),
        (windows, futures[1:], r"futures: got \d+ of them; expected \d+, one a window"),
        (windows, hole, r"futures: got inf at \(1, 2, 0\)"),
        (None, futures, "windows: got NoneType"),
        (windows[0], futures[0], r"for one window: windows\[None\]"),
        (windows * 1e30, futures, "windows: got .* standard deviations of the training series"),
        (windows, futures * 1e30, "futures: got .* standard deviations of the training series"),
    ):
        with pytest.raises(ParameterError, match=message):
            f.remember(w, y)
    assert f.n_stored == 363
    assert np.array_equal(f.predict(windows), before)


def test_mixing_is_fitted_on_what_other_parts_of_the_series_say(series: np.ndarray) -> None:
    past, future = cut(series[:400], 30, 8)
    parts = tuning.Parts.of((past, future), cut(series[370:], 30, 8), mean)
    gram, cross = tuning._crossed(parts, 3.0, 1.5)
    slow_gram, slow_cross, n = np.zeros((8, 8)), np.zeros((8, 8)), 0
    edges = np.linspace(0, 363, 5).astype(int)
    for a, b in pairwise(edges):
        for i in range(a, b):
            others = [j for j in range(363) if j < a - 38 or j >= b + 38]
            assert min(abs(i - j) for j in others) >= 38  # no hour in common
            for c in range(2):
                keys = keys_of(past)[c].astype(float)
                weights = slow_entmax(3.0 * keys[others] @ keys[i])
                missed = future[:, :, c] - past[:, :, c].mean(1, keepdims=True)
                found = weights @ missed[others]
                slow_gram += np.outer(found, found)
                slow_cross += np.outer(found, missed[i])
                n += 1
    assert np.allclose(gram, slow_gram / n, rtol=0, atol=1e-5)
    assert np.allclose(cross, slow_cross / n, rtol=0, atol=1e-5)


def test_mixing_is_used_when_its_gain_is_clear(series: np.ndarray) -> None:
    validation = series[370:]
    f = MemoryForecaster(30, 8, base=LastValue(30, 8), merge="ridge").fit(series[:400], validation)
    assert f.gate == 1
    base = LastValue(30, 8).fit(series[:400]).score(validation).mse
    assert np.isclose(base - f.score(validation).mse, f.gain.mean, rtol=1e-4)


def test_memory_comes_back_from_a_file(series: np.ndarray, tmp_path: Path) -> None:
    windows, futures = cut(series[370:], 30, 8, stride=11)
    for i, more in enumerate(
        (
            {"beta": 5.0},
            {"beta": (1.0, 5.0), "base": "ridge"},
            {"base": LastValue(30, 8), "merge": "ridge"},
            {
                "beta": 3.0,
                "base": MemoryForecaster(30, 8, beta=1.0, base="ridge", gate=0.5).fit(series[:300]),
                "gate": 1.0,
            },
        )
    ):
        f = MemoryForecaster(30, 8, **more).fit(series[:400], series[370:]).remember(windows[:5], futures[:5])
        back = MemoryForecaster.load(f.save(tmp_path / f"{i}.h5"))
        assert np.allclose(back.predict(windows), f.predict(windows), rtol=0, atol=1e-12)
        assert (back.n_stored, back.gate, repr(back)) == (f.n_stored, f.gate, repr(f))
        assert np.array_equal(back.gain, f.gain, equal_nan=True)  # NaN where nothing was chosen
        assert np.allclose(
            back.fit(series[:400], series[370:]).predict(windows),
            f.fit(series[:400], series[370:]).predict(windows),
            atol=1e-12,
        )
    unfitted = MemoryForecaster.load(MemoryForecaster(30, 8, base="ridge").save(tmp_path / "new.h5"))
    assert unfitted.n_channels is None
    assert unfitted.params.base == "ridge"

    class Own(LastValue):
        kind = "own"

    with pytest.raises(ParameterError, match=r"base: got Own; expected one of .*last value forecaster"):
        MemoryForecaster(30, 8, beta=5.0, base=Own(30, 8), gate=1.0).fit(series[:400]).save(tmp_path / "own.h5")


def test_bad_parameters_of_a_memory_are_refused() -> None:
    for bad, message in (
        ({"base": "rigde"}, "base: got 'rigde'; expected None, 'ridge' or a forecaster"),
        ({"base": LastValue(24, 8)}, "base: got 24 -> 8; expected 168 -> 24, as the memory's"),
        ({"gate": 0.5}, "gate: got 0.5; expected None for memory alone"),
        ({"gate": 1.5, "base": "ridge"}, "gate"),
        ({"gate": 0.5, "base": "ridge", "merge": "ridge"}, "gate: got 0.5"),
        ({"beta": 0.0}, "beta"),
        ({"beta": ()}, "beta: got none to choose from"),
        ({"beta": "2"}, "beta: got '2'; expected a number above 0, finite, or several to choose from"),
        ({"beta": (1.0, -1.0)}, "beta: got -1.0"),
        ({"beta": float("inf")}, "beta: got inf"),
        ({"alpha": []}, "alpha: got none to choose from"),
        ({"alpha": 0.5}, "alpha: got 0.5; expected a number, 1 or more, or several to choose from"),
        ({"alpha": (1.5, float("nan"))}, "alpha: got nan"),
        ({"base": RidgeForecaster}, "base: got <class"),
        ({"merge": "add"}, "merge"),
    ):
        with pytest.raises(ParameterError, match=message):
            MemoryForecaster(**bad)


# ---- choice -------------------------------------------------------------------------------------------------------


def test_gains_are_judged_by_blocks() -> None:
    gains = np.concatenate([np.full(10, 1.0), np.full(10, 3.0), np.full(13, 2.0)])
    gain = gain_of(gains, 10)
    assert np.isclose(gain.mean, gains.mean())
    assert np.isclose(gain.error, np.std([1, 3, 2], ddof=1) / np.sqrt(3))
    assert gain.is_clear
    assert not gain_of(gains, 30).is_clear  # one block says nothing
    assert not gain_of(-gains, 10).is_clear
    assert gate_for(np.array([1.0, 2.0]), np.array([4.0, 2.0])) == 0.5
    assert gate_for(np.array([9.0]), np.array([4.0])) == 1.0
    assert gate_for(np.array([-1.0]), np.array([4.0])) == gate_for(np.zeros(1), np.zeros(1)) == 0.0


# ---- tandem -------------------------------------------------------------------------------------------------------


def test_attention_over_patches_is_a_weighted_mean_of_values() -> None:
    rng = np.random.default_rng(4)
    keys, values = rng.standard_normal((2, 3, 5, 4)), rng.standard_normal((2, 3, 5, 6))
    (found,) = attended(keys, (values,), 0.7, 1.5)
    for i in range(2):
        for c in range(3):
            for j in range(5):
                slow = slow_entmax(0.7 * keys[i, c] @ keys[i, c, j]) @ values[i, c]
                assert np.allclose(found[i, c, j], slow, rtol=0, atol=1e-9)


def test_patches_are_lengthened_at_the_front() -> None:
    x = np.arange(14.0).reshape(2, 7)
    assert patches(x, 4)[1].tolist() == [[7, 7, 8, 9], [10, 11, 12, 13]]
    assert np.array_equal(patches(x, 7)[:, 0], x)


def jittered(seed: int, n: int = 2400) -> np.ndarray:
    """Square waves of unsteady pace: what comes next is no linear function of what was."""
    rng = np.random.default_rng(seed)
    phase = np.cumsum(0.35 + 0.1 * rng.standard_normal(n))
    waves = np.stack([np.sign(np.sin(phase)), np.sign(np.sin(0.7 * phase + 1))], axis=1)
    return waves + 0.1 * rng.standard_normal((n, 2))


def test_tandem_is_ridge_when_its_gate_is_shut(series: np.ndarray) -> None:
    windows, _ = cut(series[370:], 30, 8, stride=11)
    shut = TandemForecaster(30, 8, patch=5, n_levels=2, gate=0).fit(series[:400])
    ridge = RidgeForecaster(30, 8).fit(series[:400])
    assert np.allclose(shut.predict(windows), ridge.predict(windows), rtol=0, atol=1e-12)


def test_tandem_falls_back_to_ridge_where_patches_say_nothing() -> None:
    """White noise: the gate opens by chance alone, and then does little harm."""
    opened, changes = 0, []
    for seed in range(12):
        noise = np.random.default_rng(seed).standard_normal((1000, 2))
        f = TandemForecaster(24, 4, patch=4, n_levels=2).fit(noise[:450], noise[426:600])
        assert f.gate == f.gain.is_clear
        opened += f.gate
        changes.append(f.score(noise[576:]).mse / RidgeForecaster(24, 4).fit(noise[:450]).score(noise[576:]).mse - 1)
    assert opened <= 8  # 35 % open (of 40 seeds); more than 8 of 12 then has a chance of 0.4 %
    assert np.mean(changes) < 0.01


@pytest.mark.parametrize("seed", [0, 1])
def test_tandem_adds_what_a_line_cannot_see(seed: int) -> None:
    x = jittered(seed)
    train, validation, test = x[:1400], x[1352:1800], x[1752:]
    f = TandemForecaster(48, 8, patch=6, n_levels=2).fit(train, validation)
    ridge = RidgeForecaster(48, 8).fit(train)
    assert f.gate == 1
    assert np.isclose(ridge.score(validation).mse - f.score(validation).mse, f.gain.mean, rtol=1e-6)
    assert f.score(test).mse < 0.9 * ridge.score(test).mse


def test_tandem_projections(series: np.ndarray) -> None:
    def made(**more: object) -> np.ndarray:
        f = TandemForecaster(30, 8, patch=5, n_levels=2, gate=1, beta=1.0, **more)
        return f.fit(series[:400]).predict(series[None, -30:])

    assert np.array_equal(made(projection="gaussian", seed=1), made(projection="gaussian", seed=1))
    assert not np.array_equal(made(projection="gaussian", seed=1), made(projection="gaussian", seed=2))
    assert np.array_equal(made(seed=1), made(seed=2))  # principal components draw nothing
    assert not np.array_equal(made(axes="time"), made(axes="both"))


def test_bad_parameters_of_a_tandem_are_refused() -> None:
    for bad, message in (
        ({"window": 24}, "patch: got 48 at the last level; expected <= 24; fewer levels, or shorter patches"),
        ({"beta": ()}, "beta: got none"),
        ({"beta": (1.0, 0.0)}, "beta: got 0.0; expected a number above 0"),
        ({"patch": 0}, "patch"),
        ({"n_levels": 0}, "n_levels"),
        ({"merge": 1}, "merge"),
        ({"n_dims": 0}, "n_dims"),
        ({"alpha": 0.9}, "alpha"),
        ({"axes": "space"}, "axes"),
        ({"projection": "learned"}, "projection"),
        ({"gate": 2}, "gate"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(ParameterError, match=message):
            TandemForecaster(**bad)


# ---- ETTh1 --------------------------------------------------------------------------------------------------------


@pytest.mark.data
def test_anchors_of_our_own_earlier_program(data_file: Callable[[str], Path]) -> None:
    """Standardised MSE of some test windows (every 4th at 24, every 16th else), alpha 1.5, nothing chosen."""
    data_file("ett/ETTh1.csv")
    d = load_dataset("etth1")
    train, test = d.part("train"), d.part("test", lead=168)
    for horizon, stride, beta, target in ((24, 4, 2.0, 0.347), (168, 16, 1.0, 0.407)):
        alone = MemoryForecaster(168, horizon, beta=beta).fit(train).score(test, stride)
        assert alone.mse == pytest.approx(target, rel=0.005)
    over = MemoryForecaster(168, 24, beta=2.0, base="ridge", gate=0.5).fit(train).score(test, 4)
    assert over.mse == pytest.approx(0.306, rel=0.005)
    assert over.mse < RidgeForecaster(168, 24).fit(train).score(test, 4).mse
