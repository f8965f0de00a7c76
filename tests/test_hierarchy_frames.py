"""Frames in every form, what comes back, what is refused; memory told and taken; files, copies, pictures."""

import copy
import pickle

import numpy as np
import pytest
from reference.hierarchy_reference import ReferenceHierarchy
from reference.sparsey_nets import CLIP, NETS, SHAPE, equal, make, same, state_of

from sdrsim import SDR, measures
from sdrsim.engine import checks
from sdrsim.errors import CapacityError, CodeError, FileFormatError, ParameterError
from sdrsim.files import read_result, write_result
from sdrsim.models.sparsey import Hierarchy, Level, Mac, MacParams

# ---- frames in every form ------------------------------------------------------------------------------------------

FORMS = {
    "uint8": lambda f: f.astype(np.uint8),
    "list of arrays": list,
    "nested lists": lambda f: f.tolist(),
    "tuple": lambda f: tuple(f.astype(np.uint8)),
    "generator": lambda f: (frame for frame in f),
    "SDR": lambda f: SDR.from_dense(f.reshape(len(f), -1)),
    "CSR": lambda f: SDR.from_dense(f.reshape(len(f), -1)).to_csr(),
    "column by column in memory": lambda f: np.asfortranarray(f),
    "a view": lambda f: np.repeat(f, 2, axis=2)[:, :, ::2],
}


@pytest.mark.parametrize("form", FORMS)
def test_frames_as(form):
    assert same(make().learn(CLIP), make().learn(FORMS[form](CLIP)))


def test_single_frames_and_none():
    h = make()
    assert same(h.recognise(CLIP[0]), h.recognise(CLIP[:1]))
    for none in (CLIP[:0], [], (), iter([]), SDR.from_indices([], 120)):
        trace = h.learn(none)
        assert len(trace) == 0
        assert [c.shape for c in trace.codes] == [(0, 9, 5), (0, 4, 3), (0, 1, 17)]
        assert trace.novelty.shape == (0, 3)
        assert len(trace.table()) == 0
    assert h.n_frames == 0


HOLES = np.where(CLIP, np.nan, 0.0)
BAD_FRAMES = {
    "rows and columns swapped": (CLIP.transpose(0, 2, 1), r"expected \(T, 12, 10\)"),
    "flat": (CLIP.reshape(len(CLIP), -1), r"got shape \(20, 120\)"),
    "four axes": (CLIP[None], "frames: got shape"),
    "one number": (3, "frames: got shape"),
    "text": ("frames", "frames: got shape"),
    "nothing": (None, "frames: got shape"),
    "an empty array of no shape": (np.zeros(0, np.bool_), "frames: got shape"),
    "NaN": (HOLES, "frames: got NaN"),
    "floats": (CLIP.astype(float), "frames: got float64; expected bool"),
    "whole numbers": (CLIP.astype(int), "frames: got int64; expected bool"),
    "whole numbers like indices": (np.arange(120).reshape(1, 12, 10), "frames: got int64"),
    "grey values": (CLIP.astype(np.uint8) * 255, "binarise"),
    "frames of several shapes": ([CLIP[0], CLIP[0, :5]], "several shapes"),
    "a code over other units": (SDR.from_indices([[0]], 119), "119 units"),
}


@pytest.mark.parametrize("case", BAD_FRAMES)
def test_bad_frames_change_nothing(case):
    h = make()
    h.learn(CLIP)
    before, traffic = state_of(h), copy.deepcopy(h.traffic)
    frames, what = BAD_FRAMES[case]
    for verb in (h.learn, h.recognise):
        with pytest.raises(CodeError, match=what):
            verb(frames)
    assert equal(before, state_of(h))
    assert h.traffic == traffic
    assert h.n_frames == len(CLIP)


@pytest.mark.parametrize(
    "options", [{"first_item": -1}, {"first_item": 1.5}, {"n_threads": 0}, {"n_threads": "2"}, {"seed": -1}]
)
def test_bad_options(options):
    h = make()
    with pytest.raises(ParameterError, match=next(iter(options))):
        h.recognise(CLIP, **options)
    assert not h.traffic.counts


LEVEL = {"aperture": (3, 3), "grid": (2, 2), "n_cms": 4, "n_cells": 4}


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"grid": None}, "Level: got grid=None, stride=None"),
        ({"stride": (1, 1)}, "one of the two"),
        ({"aperture": (3, 0)}, "aperture"),
        ({"aperture": (3.5, 3)}, "aperture"),
        ({"aperture": (True, 3)}, "aperture"),
        ({"aperture": 3}, "aperture"),
        ({"grid": (1, 2, 3)}, "grid"),
        ({"n_cells": 1}, "n_cells"),
        ({"preset": "mine"}, "preset"),
        ({"apperture": 3}, "apperture: got an unknown name"),
    ],
)
def test_bad_levels(changes, what):
    with pytest.raises(ParameterError, match=what):
        Level(**{**LEVEL, **changes})


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"input_shape": 6}, "input_shape"),
        ({"input_shape": (6.5, 6)}, "input_shape"),
        ({"input_shape": (6, 0)}, "input_shape"),
        ({"levels": []}, "levels"),
        ({"levels": None}, "levels"),
        ({"levels": Level(**LEVEL)}, "levels"),
        ({"levels": [MacParams(n_inputs=3)]}, "levels"),
        ({"levels": [Level(**LEVEL), Level(**LEVEL)]}, r"aperture \(rows\): got 3; expected 1 .. 2"),
        ({"levels": [Level(**LEVEL, pi_u_minus=10)]}, "level 0: got pi_u_minus=10.*9 pixels"),
        ({"levels": [Level(**LEVEL), Level(**{**LEVEL, "aperture": (1, 2)}, pi_u_minus=3)]}, "level 1.*2 macs below"),
        ({"levels": [Level(**LEVEL, pi_u_minus=4, pi_u_plus=0.4)]}, "pi_u_plus"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_hierarchies(arguments, what):
    with pytest.raises(ParameterError, match=what):
        Hierarchy(**{"input_shape": (6, 6), "levels": [Level(**LEVEL)], **arguments})


def test_numpy_numbers_pass():
    level = Level(aperture=np.array([3, 3]), grid=(np.int64(2), np.int8(2)), n_cms=np.int64(4), n_cells=4)
    assert level == Level(**LEVEL)
    assert Hierarchy(np.array([6, 6]), (level,)).input_shape == (6, 6)


# ---- what comes back -----------------------------------------------------------------------------------------------


def test_a_trace():
    h = make()
    trace = h.learn(CLIP)
    assert [(c.shape, c.dtype) for c in trace.codes] == [
        ((20, 9, 5), np.int16),
        ((20, 4, 3), np.int16),
        ((20, 1, 17), np.int16),
    ]
    assert [(g.shape, g.dtype) for g in trace.familiarity] == [((20, n), np.float64) for n in (9, 4, 1)]
    with np.errstate(all="raise"):
        assert trace.novelty.shape == (20, 3)
    for level, (codes, g, sdr) in enumerate(zip(trace.codes, trace.familiarity, trace.sdr, strict=True)):
        n_macs, n_cms, n_cells = (*codes.shape[1:], h.sheets[level].params.n_cells)
        dense = sdr.dense().reshape(20, n_macs, n_cms, n_cells)
        assert np.array_equal(dense, codes[..., None] == np.arange(n_cells))
        active = codes[:, :, 0] >= 0
        assert np.array_equal(active, (codes >= 0).all(axis=2))
        assert not g[~active].any()
        with np.errstate(invalid="ignore"):
            expected = 1 - g.sum(axis=1) / active.sum(axis=1)
        assert np.allclose(trace.novelty[:, level], expected, rtol=0, atol=1e-15, equal_nan=True)
    assert np.isnan(trace.novelty[3]).all(), "an empty frame"
    assert np.isfinite(trace.novelty[5]).all(), "a full one"
    table = trace.table()
    assert table.columns == ("frame", "level", "n_active_macs", "novelty")
    assert len(table.where(level=0)) == 20
    assert table.where(frame=5)["n_active_macs"].tolist() == [9, 4, 1]
    assert np.array_equal(table["novelty"].reshape(20, 3), trace.novelty, equal_nan=True)
    assert repr(trace) == "Trace(20 frames, 3 levels, active macs per frame " + repr(trace).partition("frame ")[2]
    assert [rate.value for rate in measures.code_match(trace, trace)] == [1, 1, 1]


def test_what_was_learned_is_familiar():
    level = Level(aperture=(6, 5), stride=(6, 5), n_cms=16, n_cells=16)
    h = Hierarchy(SHAPE, [level, level.replace(aperture=(2, 2), stride=(1, 1))])
    rng = np.random.default_rng(0)
    known, new = (rng.random((5, *SHAPE)) < 0.2 for _ in range(2))
    learned = h.learn(known)
    again, other = h.recognise(known), h.recognise(new)
    assert min(rate.low for rate in measures.code_match(again, learned)) > 0.9
    assert again.novelty.max() < 0.05 < 0.3 < other.novelty.min()


def test_it_says_what_it_is():
    h = make()
    assert repr(h).splitlines()[0].startswith("Hierarchy over 12 x 10 pixels, ")
    assert "0 frames learned" in repr(h)
    assert len(repr(h).splitlines()) == 4
    assert "L1: 2 x 2 macs, Q 3 x K 5, aperture 2 x 2" in repr(h)
    h.learn(CLIP)
    assert "20 frames learned" in repr(h)
    assert repr(h) in h._repr_html_()
    assert repr(h.sheets[2]).startswith("Sheet(L2.U: 1 mac of Q 17 x K 3, 20 frames stored")
    params = h.params
    assert params["input_shape"] == [12, 10]
    assert [Level(**values) for values in params["levels"]] == NETS["fraction"]
    assert make("forms").params["levels"][1]["psi"] == "doubling"


def test_results_go_into_files(tmp_path):
    h = make("forms")
    trace = h.learn(CLIP, trace=True)
    path = write_result(tmp_path / "r.h5", {"learned": trace}, params=h.params, seed=4, traffic=trace.traffic)
    found = read_result(path)
    assert found.tables["learned"] == trace.table()
    assert found.traffic == trace.traffic.table()
    assert np.array_equal(found.trace, trace.traffic.trace)
    assert found.params["input_shape"] == [12, 10]
    assert [level["psi"] for level in found.params["levels"]] == ["core", "doubling", "demo"]
    assert found.params["levels"][0]["pi_u_plus"] == np.inf


# ---- memory --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETS)
def test_bytes_are_told_before_they_are_taken(net):
    h = make(net)
    told, weights = h.n_bytes, h.n_weights
    assert not any(sheet.is_allocated for sheet in h.sheets)
    h.learn(CLIP)
    # what grows with the macs: the memory (not the tables equal macs share), the wiring, the reach of a frame
    parts = [[*s._memory[:4], *s._scratch[0][0], *s._wiring] for s in h.sheets]
    arrays = [a for part in parts for a in part if isinstance(a, np.ndarray)]
    assert told == h.n_bytes == sum(a.nbytes for a in arrays)
    twin = ReferenceHierarchy(SHAPE, NETS[net])
    assert weights == sum(mac.weights.size for macs in twin.levels for mac in macs)


def test_what_does_not_fit_is_refused_whole(monkeypatch):
    h = make()
    need = h.n_bytes
    monkeypatch.setattr(checks, "available_bytes", lambda: need - 1)
    for verb in (h.learn, h.recognise):
        with pytest.raises(CapacityError, match="hierarchy: got a need of"):
            verb(CLIP)
    assert not any(sheet.is_allocated for sheet in h.sheets)
    assert h.n_frames == 0
    monkeypatch.setattr(checks, "available_bytes", lambda: need)
    h.learn(CLIP)


def test_a_psi_that_fails_is_found_before_anything_is_learned():
    levels = [Level(**LEVEL), Level(**{**LEVEL, "aperture": (2, 2), "grid": (1, 1)}, psi=lambda v, g: -v)]
    h = Hierarchy((6, 6), levels)
    with pytest.raises(ParameterError, match="psi"):
        h.learn(np.ones((6, 6), np.bool_))
    assert h.sheets[0].n_stored == h.sheets[0].share_set == 0


# ---- files and copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", ["fraction", "features", "shares"])
def test_a_saved_one_goes_on_bit_for_bit(net, tmp_path):
    h = make(net)
    h.learn(CLIP[:9])
    path = h.save(tmp_path / "net.h5")
    other = Hierarchy.load(path)
    assert equal(state_of(h), state_of(other))
    assert other.params == h.params
    assert other.traffic == h.traffic
    assert repr(other) == repr(h)
    assert same(h.learn(CLIP[9:]), other.learn(CLIP[9:]))
    assert same(h.recognise(CLIP), other.recognise(CLIP))
    assert equal(state_of(h), state_of(other))


def test_one_that_has_learned_nothing_is_saved_too(tmp_path):
    other = Hierarchy.load(make().save(tmp_path / "new.h5"))
    assert same(other.learn(CLIP), make().learn(CLIP))


def test_files_of_others_are_refused(tmp_path):
    Mac(MacParams(n_inputs=8)).save(tmp_path / "mac.h5")
    (tmp_path / "text.h5").write_text("no checkpoint")
    for name, what in (("mac.h5", "sparsey mac"), ("text.h5", "text.h5"), ("none.h5", "none.h5")):
        with pytest.raises(FileFormatError, match=what):
            Hierarchy.load(tmp_path / name)


def test_your_own_psi_works_and_is_not_saved(tmp_path):
    h = make("forms")
    h.learn(CLIP)
    with pytest.raises(ParameterError, match="psi: got your own function"):
        h.save(tmp_path / "net.h5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda h: pickle.loads(pickle.dumps(h))], ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("net", NETS)
def test_copies_live_their_own_life(net, copied):
    h = make(net)
    h.learn(CLIP[:9])
    before, other = state_of(h), copied(h)
    at_end = other.learn(CLIP[9:])
    assert equal(before, state_of(h)), "the original is untouched"
    assert same(h.learn(CLIP[9:]), at_end)
    assert equal(state_of(h), state_of(other))
    for sheet in other.sheets:
        assert sheet._memory.words.ctypes.data % 64 == 0, "the kernels read rows from 64-byte boundaries"
    assert same(copied(make(net)).learn(CLIP), make(net).learn(CLIP))


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"n_cells": 5}, "parameters"), ({"match": "cosine"}, "parameters"), ({"stride": (2, 1)}, "wiring"), ({}, "seed")],
)
def test_a_state_of_another_sheet_is_refused_whole(changes, what):
    level, frames = {**LEVEL, "grid": None, "stride": (1, 2)}, np.random.default_rng(0).random((5, 6, 6)) < 0.5
    h = Hierarchy((6, 6), [Level(**level)])
    other = Hierarchy((6, 6), [Level(**{**level, **changes})], seed=5 * (what == "seed"))
    h.learn(frames)
    other.learn(frames[:2])
    before = state_of(other)
    with pytest.raises(FileFormatError, match=what):
        other.sheets[0].restore(h.sheets[0].state())
    assert equal(before, state_of(other))


# ---- the picture ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETS)
def test_it_draws_itself_on_the_axis_it_is_given(net):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    left, right = figure.subplots(1, 2)
    h = make(net)
    assert h.draw(right) is right
    assert not left.lines + left.patches + left.texts
    dots = [line for line in right.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in dots] == [sheet.n_macs for sheet in h.sheets]
    texts = [t.get_text() for t in right.texts]
    assert texts[0] == "12 x 10 pixels"
    if net == "fraction":
        assert texts[1:] == [
            "L0: 3 x 3 macs, Q 5 x K 4",
            "L1: 2 x 2 macs, Q 3 x K 5",
            "L2: 1 x 1 mac, Q 17 x K 3",
        ]
    figure.canvas.draw()
    (left_end, bottom), (right_end, top) = right.viewLim.get_points()
    for patch in right.patches:
        x, y = patch.get_xy().T
        assert (x.min(), y.min()) >= (left_end, bottom)
        assert (x.max(), y.max()) <= (right_end, top)
