"""Plotting: every function draws the numbers it was given, on the axis it was given, and saves the same bytes twice."""

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

from sdrsim import SDR
from sdrsim.errors import CodeError, FileFormatError, ParameterError
from sdrsim.files import Table
from sdrsim.studies import plotting
from sdrsim.studies.plotting.columns import as_codes, label, series


@pytest.fixture
def ax():
    return plotting.subplots()[1]


@pytest.fixture
def bare():
    """An axis made by somebody else, in matplotlib's own style."""
    return Figure().subplots()


ROWS = {
    "memory": ["a", "a", "a", "b", "b", "b"],
    "n_patterns": [1, 1, 2, 1, 2, 2],
    "error": [0.1, 0.3, 0.4, 0.5, 0.6, 0.8],
    "theory": [0.2, 0.2, 0.4, 0.5, 0.7, 0.7],
}
CODES = np.array([[1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
CALLS = {
    "curve": lambda ax: plotting.curve(ax, ROWS, "n_patterns", "error", by="memory", theory="theory"),
    "trace": lambda ax: plotting.trace(ax, {"one": [1, 2, 3], "two": [[1, 2], [3, 4]]}, "novelty"),
    "raster": lambda ax: plotting.raster(ax, CODES),
    "overlap_matrix": lambda ax: plotting.overlap_matrix(ax, CODES),
    "confusion": lambda ax: plotting.confusion(ax, [0, 1, 1], [0, 1, 0]),
    "filmstrip": lambda ax: plotting.filmstrip(ax, [np.eye(3)[None], np.ones((2, 3, 3), bool)], labels=["x", "y"]),
    "weights": lambda ax: plotting.weights(ax, np.eye(4), shape=(2, 2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_function_returns_its_axis_in_the_house_look(name, bare, tmp_path):
    before = dict(matplotlib.rcParams)
    assert CALLS[name](bare) is bare
    assert dict(matplotlib.rcParams) == before
    assert bare.xaxis.label.get_size() == 8
    assert plotting.save(bare.figure, tmp_path / name)[0].stat().st_size > 0


# ---- curves ---------------------------------------------------------------------------------------------------


def test_a_curve_is_means_by_group_with_theory_as_a_line(ax):
    plotting.curve(ax, ROWS, "n_patterns", "error", by="memory", theory="theory")
    measured = {line.get_label(): line for line in ax.lines if line.get_label() in "ab"}
    np.testing.assert_allclose(measured["a"].get_ydata(), [0.2, 0.4])
    np.testing.assert_allclose(measured["b"].get_ydata(), [0.5, 0.7])
    assert {line.get_linestyle() for line in measured.values()} == {"None"}
    theory = [line for line in ax.lines if line not in measured.values()]
    np.testing.assert_allclose([line.get_ydata() for line in theory], [[0.2, 0.4], [0.5, 0.7]])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b", "theory"]
    assert [line.get_color() for line in measured.values()] == list(plotting.PALETTE[:2])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("patterns", "error")


def test_a_theory_may_be_a_function(ax):
    ax.set_xscale("log")
    plotting.curve(ax, {"x": [1, 10, 100], "y": [1.0, 2.0, 3.0]}, "x", "y", theory=np.sqrt)
    (line,) = [line for line in ax.lines if len(line.get_xdata()) > 3]
    np.testing.assert_allclose(line.get_ydata(), np.sqrt(line.get_xdata()))
    np.testing.assert_allclose(np.diff(np.log(line.get_xdata())), np.log(100) / 199)


def test_calls_on_one_axis_take_colours_in_turn(ax):
    for name in "pq":
        plotting.curve(ax, {"x": [1, 2], "y": [1, 2]}, "x", "y", name=name)
    assert [line.get_color() for line in ax.lines] == list(plotting.PALETTE[:2])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["p", "q"]


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=8))
def test_the_interval_over_repeats_is_students(values):
    (line,) = series({"x": [1] * len(values), "y": values}, "x", "y", None, None)
    half = stats.sem(values) * stats.t.ppf(0.975, len(values) - 1)
    np.testing.assert_allclose(
        [line.low[0], line.high[0]], [np.mean(values) - half, np.mean(values) + half], atol=1e-12
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.just(60)), min_size=2, max_size=6))
def test_of_two_intervals_the_wider_is_drawn(trials):
    k, n = np.array(trials).T
    rate = k / n
    alone = series({"x": [0] * len(k), "y": rate}, "x", "y", None, None)[0]
    data = {"x": [0] * len(k), "y": rate, "y_low": rate, "y_high": rate, "y_n": n}
    (both,) = series(data, "x", "y", None, None)
    wilson = stats.binomtest(int(k.sum()), int(n.sum())).proportion_ci(method="wilson")
    width = max(wilson.high - wilson.low, min(alone.high[0], 1) - max(alone.low[0], 0))
    assert both.high[0] - both.low[0] == pytest.approx(width, abs=1e-9)
    assert both.low[0] - 1e-9 <= rate.mean() <= both.high[0] + 1e-9


def test_intervals_of_single_rows_are_drawn_as_they_are():
    (line,) = series({"x": [2, 1], "y": [5, 4], "y_low": [4, 3], "y_high": [7, 6]}, "x", "y", None, None)
    assert (line.x.tolist(), line.low.tolist(), line.high.tolist()) == ([1, 2], [3, 4], [6, 7])
    (line,) = series({"x": [1], "y": [4]}, "x", "y", None, None)
    assert np.isnan([line.low[0], line.high[0]]).all()


def test_rows_without_a_value_are_left_out():
    (line,) = series({"x": [1, 2, 3], "y": [1, float("nan"), 3]}, "x", "y", None, None)
    assert line.x.tolist() == [1, 3]


def test_labels_come_from_the_table():
    long = "a description that is much too long to stand at an axis of a figure"
    t = Table({"n_items": [1], "t": [1], "u": [1]}, {"t": "us"}, {"n_items": "items stored", "t": long})
    assert [label(t, name) for name in t.columns] == ["items stored", "t (us)", "u"]


def test_a_column_that_is_not_there_is_named(ax):
    with pytest.raises(ParameterError, match="did you mean error"):
        plotting.curve(ax, ROWS, "n_patterns", "eror")
    with pytest.raises(ParameterError, match="did you mean memory"):
        plotting.curve(ax, ROWS, "n_patterns", "error", by="memori")


class Run:
    def __init__(self, novelty):
        self.novelty = np.asarray(novelty)


def test_trace_draws_runs_by_colour_and_levels_by_style(ax):
    first, second = np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2)
    plotting.trace(ax, {"first": Run(first), "second": Run(second)}, "novelty")
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines[:2]], first.T)
    np.testing.assert_array_equal([line.get_ydata() for line in ax.lines[2:]], second.T)
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--", "-", "--"]
    assert len({line.get_color() for line in ax.lines[:2]}) == 1
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["first", "second", "level 0", "level 1"]
    assert ax.get_ylabel() == "novelty"


@pytest.mark.parametrize("runs", [Table({"novelty": [1, 2]}), {"novelty": [1, 2]}, Run([1, 2])])
def test_trace_of_one_run(ax, runs):
    plotting.trace(ax, runs, "novelty")
    assert ax.lines[0].get_ydata().tolist() == [1, 2]
    assert ax.get_legend() is None


def test_trace_refuses_what_has_no_trace(ax):
    with pytest.raises(ParameterError, match="novelty"):
        plotting.trace(ax, {"run": object()}, "novelty")
    with pytest.raises(ParameterError, match="shape"):
        plotting.trace(ax, {"run": np.zeros((2, 2, 2))})


# ---- codes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "codes", [CODES, CODES.astype(np.uint8), SDR.from_dense(CODES), SDR.from_dense(CODES).to_csr()]
)
def test_raster_draws_every_active_unit(ax, codes):
    plotting.raster(ax, codes)
    (dots,) = ax.collections
    np.testing.assert_array_equal(dots.get_offsets(), np.argwhere(CODES))


def test_winners_are_units_and_silence_is_nothing():
    winners = np.array([[[0, 2], [1, -1]], [[-1, -1], [2, 0]]], np.int16)  # 2 items, 2 macs, 2 CMs of 3 cells
    sdr = as_codes(winners)
    assert sdr.size == 12
    assert [item.indices.tolist() for item in sdr] == [[0, 5, 7], [8, 9]]
    assert as_codes(winners.reshape(2, 4)) == sdr
    assert as_codes(np.full((2, 3), -1, np.int16)).n_active.tolist() == [0, 0]
    assert [item.indices.tolist() for item in as_codes(np.array([[3, 1], [0, 2]]))] == [[1, 3], [0, 2]]
    with pytest.raises(CodeError):
        as_codes(np.zeros((2, 2, 2, 2), np.int16))


@pytest.mark.parametrize("share", [True, False])
def test_overlap_matrix_against_the_dense_product(ax, share):
    other = ~CODES
    plotting.overlap_matrix(ax, CODES, other, share=share)
    expected = CODES.astype(int) @ other.T.astype(int)
    shown = ax.images[0].get_array()
    np.testing.assert_allclose(shown, expected / np.maximum(CODES.sum(1), 1)[:, None] if share else expected)


def test_overlap_matrix_refuses_other_sizes_and_too_many(ax):
    with pytest.raises(CodeError, match="4"):
        plotting.overlap_matrix(ax, CODES, CODES[:, :4])
    with pytest.raises(CodeError, match="draw a part"):
        plotting.overlap_matrix(ax, np.zeros((5001, 1), bool))


# ---- images ---------------------------------------------------------------------------------------------------


def test_confusion_counts_and_shades_by_row(ax):
    truth, said = [3, 3, 3, 5, 5, 7], [3, 3, 5, 5, 5, 3]
    plotting.confusion(ax, truth, said)
    np.testing.assert_allclose(ax.images[0].get_array(), [[2 / 3, 1 / 3, 0], [0, 1, 0], [1, 0, 0]])
    assert {(t.get_position(), t.get_text()) for t in ax.texts} == {
        ((0, 0), "2"),
        ((1, 0), "1"),
        ((1, 1), "2"),
        ((0, 2), "1"),
    }
    assert [t.get_text() for t in ax.get_xticklabels()] == ["3", "5", "7"]


def test_confusion_of_a_table_and_of_a_matrix(ax, bare):
    plotting.confusion(ax, "truth", "said", table={"truth": [0, 1], "said": [0, 0]}, labels=["no", "yes"])
    plotting.confusion(bare, [[1, 0], [1, 0]], labels=["no", "yes"])
    np.testing.assert_array_equal(ax.images[0].get_array(), bare.images[0].get_array())


@pytest.mark.parametrize(
    "bad", [([1], [1, 2]), ([], []), ([[1, 2]], None), ([[1, 2, 3], [1, 2, 3]], None), ([[0]], [[0]])]
)
def test_confusion_refuses(ax, bad):
    with pytest.raises(ParameterError):
        plotting.confusion(ax, *bad)
    with pytest.raises(ParameterError, match="labels"):
        plotting.confusion(ax, [0, 1], [0, 1], labels=["one"])


def test_filmstrip_sets_frames_side_by_side(ax):
    rng = np.random.default_rng(0)
    clip, other = rng.random((5, 20, 10)) < 0.3, rng.random((2, 6, 8))
    plotting.filmstrip(ax, [clip, other], labels=["clip", "other"], n_frames=4)
    canvas = np.asarray(ax.images[0].get_array().filled(np.nan))
    for i in range(4):
        np.testing.assert_array_equal(canvas[:20, i * 11 : i * 11 + 10], clip[i])
    np.testing.assert_allclose(canvas[21:27, 9:17], other[1] / other.max())
    assert np.isnan(canvas[20]).all()
    assert canvas.shape == (27, 43)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["clip", "other"]


@pytest.mark.parametrize(
    ("strips", "labels"), [([], None), (np.zeros((2, 2)), None), (np.zeros((1, 2, 2)), ["a", "b"])]
)
def test_filmstrip_refuses(ax, strips, labels):
    with pytest.raises(ParameterError):
        plotting.filmstrip(ax, strips, labels=labels)


def test_weights_as_fields_and_as_a_matrix(ax, bare):
    w = np.arange(24.0).reshape(4, 6)
    plotting.weights(ax, w, shape=(2, 3))
    shown = np.asarray(ax.images[0].get_array().filled(np.nan))
    for i in range(4):
        top, left = i // 2 * 3, i % 2 * 4
        np.testing.assert_array_equal(shown[top : top + 2, left : left + 3], w[i].reshape(2, 3))
    plotting.weights(bare, w - 10)
    np.testing.assert_array_equal(bare.images[0].get_array(), w - 10)
    assert bare.images[0].get_clim() == (-13, 13)
    for bad in (w[0], np.zeros((0, 3))):
        with pytest.raises(ParameterError):
            plotting.weights(ax, bad)
    with pytest.raises(ParameterError, match="6 inputs"):
        plotting.weights(ax, w, shape=(2, 2))


# ---- figures and files ----------------------------------------------------------------------------------------


def test_sizes_and_styles():
    assert plotting.figure().get_size_inches().tolist() == list(plotting.SINGLE_COLUMN) == [3.5, 2.6]
    fig, axes = plotting.subplots(1, 2, plotting.DOUBLE_COLUMN, sharey=True)
    assert axes.shape == (2,)
    assert fig.get_size_inches()[0] == 7.2
    before = dict(matplotlib.rcParams)
    with plotting.house():
        assert matplotlib.rcParams["svg.fonttype"] == "none"
    assert dict(matplotlib.rcParams) == before


def test_two_saves_are_the_same_bytes_and_bear_no_date(tmp_path):
    def saved(name):
        fig, axes = plotting.subplots(1, 2, plotting.DOUBLE_COLUMN)
        CALLS["curve"](axes[0])
        CALLS["overlap_matrix"](axes[1])
        return plotting.save(fig, tmp_path / name, Table(ROWS))

    one, two = saved("one"), saved("two")
    assert [p.name for p in one] == ["one.svg", "one.pdf", "one.png", "one.csv"]
    for a, b in zip(one, two):
        assert a.read_bytes() == b.read_bytes()
        assert b"Date" not in a.read_bytes()
    assert one[3].read_text().splitlines()[:2] == ["memory,n_patterns,error,theory", "a,1,0.1,0.2"]
    assert b">patterns</text>" in one[0].read_bytes()


def test_save_names_and_tables(tmp_path, ax):
    t = Table({"x": [1]})
    names = [p.name for p in plotting.save(ax.figure, tmp_path / "a.png", {"s": t, "t": t})]
    assert names == ["a.svg", "a.pdf", "a.png", "a.s.csv", "a.t.csv"]
    assert [p.name for p in plotting.save(ax.figure, tmp_path / "v1.5", {"s": t})][-1] == "v1.5.csv"
    assert len(plotting.save(ax.figure, tmp_path / "b")) == 3
    assert len(plotting.save(ax.figure, tmp_path / "c", {"x": [1, 2]})) == 4


def test_a_figure_that_cannot_be_saved_leaves_nothing(tmp_path, ax):
    with pytest.raises(FileFormatError, match="nowhere"):
        plotting.save(ax.figure, tmp_path / "nowhere" / "fig")
    with pytest.raises(ParameterError):
        plotting.save(ax.figure, tmp_path / "fig", {"x": [1, 2], "y": [1]})
    assert not [p for p in tmp_path.iterdir() if ".part" in p.name]
