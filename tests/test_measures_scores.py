"""Scores, information, capacity and slopes against scipy and by hand; intervals against their coverage."""

import dataclasses
from math import comb, inf, isnan, log2, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from reference.coverage_reference import TRIALS, holds_often_enough
from scipy import stats

from sdrsim import measures, patterns
from sdrsim.errors import ParameterError
from sdrsim.files.table import Table
from sdrsim.measures import Rate

laws = settings(max_examples=50, deadline=None)


@st.composite
def pairs(draw):
    """Two bool arrays (n, size), often alike."""
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    truth = draw(arrays(np.bool_, shape))
    wrong = draw(arrays(np.bool_, shape)) & draw(arrays(np.bool_, (shape[0], 1)))
    return truth ^ wrong, truth


# ---- scores --------------------------------------------------------------------------------------------------------

SCORES = st.lists(st.integers(-4, 4) | st.floats(-5, 5), min_size=1, max_size=30)


@laws
@given(SCORES, SCORES)
def test_auc_is_the_mann_whitney_statistic(high, low):
    rate = measures.auc(high, low)
    assert rate.value == pytest.approx(stats.mannwhitneyu(high, low).statistic / (len(high) * len(low)))
    assert rate.value == pytest.approx(np.mean([(a > b) + (a == b) / 2 for a in high for b in low]))
    assert rate.n == len(high) + len(low)
    assert 0 <= rate.low <= rate.value <= rate.high <= 1
    assert measures.auc(low, high).value == pytest.approx(1 - rate.value)


def test_auc_interval_ends_where_hanley_and_mcneil_put_them():
    rate = measures.auc(np.arange(12) + 4.5, np.arange(40) % 9)
    for end in (rate.low, rate.high):
        both_above, both_below = end / (2 - end), 2 * end**2 / (1 + end)
        variance = end * (1 - end) + 11 * (both_above - end**2) + 39 * (both_below - end**2)
        assert abs(rate.value - end) == pytest.approx(1.959964 * np.sqrt(variance / (12 * 40)), rel=1e-6)


def test_auc_interval_does_not_collapse_at_its_ends():
    up, down = measures.auc([3, 4, 5], [0, 1, 2]), measures.auc([0, 1, 2], [3, 4, 5])
    assert (up.value, up.high) == (1, 1)
    assert 0 < up.low < 0.9
    assert (down.value, down.low) == (0, 0)
    assert 0.1 < down.high < 1


@pytest.mark.parametrize(("apart", "n_high", "n_low"), [(0.5, 30, 30), (1.5, 20, 60), (0.0, 15, 15), (3.0, 40, 40)])
def test_auc_interval_holds_the_truth(apart, n_high, n_low):
    generator = np.random.default_rng(7)
    truth = stats.norm.cdf(apart / np.sqrt(2))
    rates = [measures.auc(generator.normal(apart, 1, n_high), generator.normal(0, 1, n_low)) for _ in range(TRIALS)]
    assert holds_often_enough([r.low <= truth <= r.high for r in rates])
    if truth < 0.95:  # near the end an interval that stays inside 0 .. 1 cannot be as short as the spread
        spread = np.std([r.value for r in rates])
        assert np.mean([r.high - r.low for r in rates]) < 1.5 * 2 * 1.96 * spread  # and does not hold it by being wide


@laws
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-5, 5)), min_size=2, max_size=30))
def test_rank_correlation_is_spearmans(points):
    x, y = map(list, zip(*points))
    if len(set(x)) < 2 or len(set(y)) < 2:
        with pytest.raises(ParameterError, match="equal values"):
            measures.rank_correlation(x, y)
        return
    rate = measures.rank_correlation(x, y)
    ranks = stats.rankdata(x), stats.rankdata(y)
    assert rate.value == pytest.approx(np.corrcoef(*ranks)[0, 1], abs=1e-9)
    assert rate.n == len(x)
    assert isnan(rate.low) if len(x) < 4 else -1 <= rate.low <= rate.value <= rate.high <= 1


def test_rank_correlation_sees_order_alone():
    x = np.arange(10)
    assert measures.rank_correlation(x, np.exp(x)).value == pytest.approx(1)
    assert measures.rank_correlation(x, -(x**3)).value == pytest.approx(-1)


def test_rank_correlation_interval_holds_the_truth():
    """Normal pairs of correlation r have Spearman's 6 / pi asin(r / 2)."""
    generator = np.random.default_rng(7)
    r = 0.6
    hits = []
    for _ in range(TRIALS):
        x, noise = generator.normal(size=(2, 40))
        rate = measures.rank_correlation(x, r * x + np.sqrt(1 - r * r) * noise)
        hits.append(rate.low <= 6 / np.pi * np.arcsin(r / 2) <= rate.high)
    assert holds_often_enough(hits)


# ---- information ---------------------------------------------------------------------------------------------------


def table_bits(codes, truth):
    """Mutual information of the 2 x 2 table of units, by its definition."""
    joint = np.array([[np.mean((truth == a) & (codes == b)) for b in (0, 1)] for a in (0, 1)])
    rows, columns = joint.sum(axis=1, keepdims=True), joint.sum(axis=0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.nansum(joint * np.log2(joint / (rows * columns)))


@laws
@given(pairs())
def test_information_is_the_mutual_information_of_units(pair):
    codes, truth = pair
    made = measures.information(codes, truth, n_synapses=100)
    assert made.bits_per_pattern == pytest.approx(truth.shape[1] * table_bits(codes, truth), abs=1e-9)
    assert made.bits_per_synapse == pytest.approx(len(truth) * made.bits_per_pattern / 100)
    again = measures.information(codes, truth, n_stored=7, n_synapses=100)
    assert again.bits_per_synapse == pytest.approx(7 * made.bits_per_pattern / 100)
    assert measures.information(codes, truth).bits_per_synapse is None


def test_information_without_errors_and_without_relation():
    size, k = 200, 10
    x = patterns.random_sparse(50, size, k, seed=1)
    p = k / size
    full = measures.information(x, x).bits_per_pattern
    assert full == pytest.approx(-size * (p * log2(p) + (1 - p) * log2(1 - p)))
    assert log2(comb(size, k)) < full < 1.1 * log2(comb(size, k))
    other = patterns.random_sparse(50, size, k, seed=2)
    assert measures.information(other, x).bits_per_pattern < 0.02 * full
    assert measures.information(patterns.erase(x, 1, 0), x).bits_per_pattern == 0
    assert measures.information(patterns.erase(x, 1, 0), patterns.erase(x, 1, 0)).bits_per_pattern == 0


def test_information_of_completion_takes_the_cue_off():
    x = patterns.random_sparse(50, 200, 10, seed=1)
    cues = patterns.erase(x, 0.5, seed=1)
    gain, full, known = (
        measures.information(x, x, cues=cues),
        measures.information(x, x),
        measures.information(cues, x),
    )
    assert gain.bits_per_pattern == pytest.approx(full.bits_per_pattern - known.bits_per_pattern)
    assert "completion" in gain.convention
    assert "completion" not in full.convention
    assert "Knoblauch, Palm & Sommer 2010" in full.convention
    assert measures.information(x, x, cues=x).bits_per_pattern == 0


def test_information_is_frozen_and_short():
    made = measures.information([[1]], [[1]], size=2)
    assert repr(made) == "Information(2 bits per pattern)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.bits_per_pattern = 3


# ---- curves --------------------------------------------------------------------------------------------------------


def curve(slopes, loads=(1, 2, 3, 4)):
    rows = [(load, slope * load, seed) for seed, slope in enumerate(slopes) for load in loads]
    load, error, seed = map(list, zip(*rows))
    return {"load": load, "error": error, "seed": seed}


def test_capacity_interpolates_and_jackknifes():
    slopes = [0.09, 0.10, 0.12, 0.11]
    rate = measures.capacity(curve(slopes), x="load", y="error", at=0.3)
    assert rate.value == pytest.approx(0.3 / np.mean(slopes))
    without = np.array([0.3 / np.mean(np.delete(slopes, i)) for i in range(4)])
    error = np.sqrt(3 / 4 * np.sum((without - without.mean()) ** 2))
    assert (rate.low, rate.high) == pytest.approx(rate.value + np.array([-1, 1]) * stats.t.ppf(0.975, 3) * error)
    assert rate.n == 4


def test_capacity_is_the_first_crossing_in_order_of_load():
    t = {"load": [5, 1, 3, 2, 4], "error": [0.0, 0.0, 0.4, 0.2, 0.0]}
    rate = measures.capacity(t, x="load", y="error", at=0.3)
    assert rate.value == pytest.approx(2.5)
    assert rate.n == 1
    assert isnan(rate.low)
    assert measures.capacity(t, x="load", y="error", at=0.2).value == pytest.approx(2)


def test_capacity_beyond_the_loads():
    t = curve([0.1, 0.2])
    above = measures.capacity(t, x="load", y="error", at=5)
    assert (above.value, above.low, above.high) == (inf, 4, inf)
    below = measures.capacity(t, x="load", y="error", at=0.1)
    assert (below.value, below.low, below.high) == (-inf, -inf, 1)
    edge = measures.capacity(curve([0.1, 0.3, 0.3]), x="load", y="error", at=0.85)  # without one seed not reached
    assert edge.value == pytest.approx(0.85 / np.mean([0.1, 0.3, 0.3]))
    assert (edge.low, edge.high) == (pytest.approx(0.85 / 0.3), inf)


def test_capacity_is_not_used_up_by_touching_the_level():
    t = {"load": [1, 2, 3, 4], "error": [0.0, 0.25, 0.25, 0.5]}
    assert measures.capacity(t, x="load", y="error", at=0.25).value == 3


def test_capacity_by_group_is_a_table():
    parts = {"willshaw": curve([0.1, 0.12]), "clique": curve([0.2, 0.22])}
    columns = {name: np.concatenate([part[name] for part in parts.values()]) for name in ("load", "error", "seed")}
    t = Table({"memory": np.repeat([*parts], 8), **columns}, units={"load": "items"})
    made = measures.capacity(t, x="load", y="error", at=0.3, by="memory")
    assert isinstance(made, Table)
    assert made["memory"].tolist() == ["willshaw", "clique"]
    assert made.units["capacity"] == "items"
    assert made["n_seeds"].tolist() == [2, 2]
    for name, row in zip(parts, made.rows()):
        alone = measures.capacity(parts[name], x="load", y="error", at=0.3)
        assert (row["capacity"], row["low"], row["high"]) == (alone.value, alone.low, alone.high)
    mapping = {"memory": t["memory"], **columns}
    assert measures.capacity(mapping, x="load", y="error", at=0.3, by=["memory"]) == Table(
        {name: made[name] for name in made.columns}, descriptions=made.descriptions
    )
    two = measures.capacity({**mapping, "k": np.tile([1, 2], 8)}, x="load", y="error", at=0.3, by=["memory", "k"])
    assert two.columns[:2] == ("memory", "k")
    assert len(two) == 4


def test_capacity_interval_holds_the_truth():
    generator = np.random.default_rng(11)
    loads = np.arange(1.0, 9.0)
    hits = []
    for _ in range(TRIALS):
        slopes = generator.normal(0.1, 0.01, 6)
        error = (slopes[:, None] * loads + generator.normal(0, 0.01, (6, 8))).ravel()
        t = {"load": np.tile(loads, 6), "error": error, "seed": np.repeat(np.arange(6), 8)}
        rate = measures.capacity(t, x="load", y="error", at=0.45)
        hits.append(rate.low <= 4.5 <= rate.high)
    assert holds_often_enough(hits)


@laws
@given(
    st.lists(st.tuples(st.integers(-20, 20), st.floats(1, 2)), min_size=3, max_size=20).filter(
        lambda points: len({x for x, _ in points}) > 1
    )
)
def test_no_slope_is_least_squares(points):
    x, y = map(np.array, zip(*points))
    made = measures.no_slope(x, y)
    design = np.stack([np.ones(len(x)), x], axis=1)
    beta = np.linalg.lstsq(design, y)[0]
    variance = np.sum((y - design @ beta) ** 2) / (len(x) - 2) * np.linalg.inv(design.T @ design)[1, 1]
    half = stats.t.ppf(0.975, len(x) - 2) * np.sqrt(variance)
    change = np.array([beta[1], beta[1] - half, beta[1] + half]) * np.ptp(x) / y.mean()
    assert (made.relative_change, made.low, made.high) == pytest.approx(change, abs=1e-7)
    assert made.ok == bool(made) == (max(-made.low, made.high) <= 0.05)
    assert float(made) == made.relative_change


def test_no_slope_wants_an_interval_inside_the_margin_not_a_large_p():
    x = np.arange(50.0)
    noise = np.random.default_rng(2).normal(size=50)
    noise -= np.polyval(np.polyfit(x, noise, 1), x)  # no slope at all in the sample
    quiet, loud = measures.no_slope(x, 10 + 0.1 * noise), measures.no_slope(x, 10 + 3 * noise)
    assert quiet.ok
    assert not loud.ok
    assert abs(loud.relative_change) < 1e-12
    rising = measures.no_slope(x, 10 * (1 + 0.1 * x / 49))
    assert not rising.ok
    assert rising.relative_change == pytest.approx(0.1 / 1.05)
    assert measures.no_slope(x, 10 * (1 + 0.1 * x / 49), margin=0.2).ok
    assert measures.no_slope(x, -10 - 0.1 * noise).ok
    assert "not inside ±5.00%" in repr(loud)


# ---- what is refused -----------------------------------------------------------------------------------------------

T = curve([0.1, 0.2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: measures.spread([]), "values: got no values"),
        (lambda: measures.spread([1, nan]), "values: got NaN"),
        (lambda: measures.spread(3), "values: got int"),
        (lambda: measures.spread(["a"]), "values"),
        (lambda: measures.spread([1, 2], n_trials=5), "values: got 1.0 .. 2.0; expected shares"),
        (lambda: measures.spread([0.1], n_trials=0), "n_trials"),
        (lambda: Rate.of(3, 2), "n_hits: got 3"),
        (lambda: measures.auc([], [1]), "positive_scores: got no values"),
        (lambda: measures.auc([1], [nan]), "negative_scores: got NaN"),
        (lambda: measures.rank_correlation([1, 2], [1]), "x and y: got 2 and 1 values"),
        (lambda: measures.rank_correlation([1], [1]), "at least two"),
        (lambda: measures.rank_correlation([1, nan], [1, 2]), "x: got NaN"),
        (lambda: measures.information([[1]], [[1]], 0, size=2), "n_synapses: got 0"),
        (lambda: measures.information([[1]], [[1]], n_stored=1.5, size=2), "n_stored: got 1.5"),
        (lambda: measures.capacity(T, x="loads", y="error", at=0.1), "column: got 'loads'; expected load, error, seed"),
        (lambda: measures.capacity(T, x="load", y="error", at=0.1, by="memory"), "column: got 'memory'"),
        (lambda: measures.capacity(T, x="load", y="error", at=nan), "at: got NaN"),
        (lambda: measures.capacity({"load": [1], "error": [nan]}, x="load", y="error", at=0.1), "error: got NaN"),
        (lambda: measures.capacity({"load": [], "error": []}, x="load", y="error", at=0.1), "load: got no values"),
        (lambda: measures.capacity({"load": [1], "error": [1, 2]}, x="load", y="error", at=0.1), "'error': got 2 rows"),
        (lambda: measures.capacity(Table(T), x="load", y="miss", at=0.1), "column: got 'miss'"),
        (lambda: measures.no_slope([1, 2], [1, 2]), "at least three"),
        (lambda: measures.no_slope([1, 2, 3], [1, 2]), "3 and 2 values"),
        (lambda: measures.no_slope([1, 1, 1], [1, 2, 3]), "range of x of 0"),
        (lambda: measures.no_slope([1, 2, 3], [-1, 0, 1]), "mean of y of 0"),
        (lambda: measures.no_slope([1, 2, inf], [1, 2, 3]), "neither zero nor infinite"),
        (lambda: measures.no_slope([1, 2, 3], [1, nan, 3]), "y: got NaN"),
        (lambda: measures.no_slope([1, 2, 3], [1, 2, 3], margin=0), "margin: got 0.0"),
        (lambda: measures.no_slope([1, 2, 3], [1, 2, 3], margin=nan), "margin: got NaN"),
    ],
)
def test_bad_numbers_are_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()
