"""Sheets of macs over apertures and over lower macs: each mac as a mac of its own; only active ones cost work."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.sparsey_reference import ReferenceMac, plain_weights

from sdrsim import SDR, patterns
from sdrsim.engine.seeds import subseed
from sdrsim.errors import CodeError, NetworkError, ParameterError, SdrsimError
from sdrsim.models.sparsey import Hierarchy, Level, MacParams
from sdrsim.models.sparsey.sheet import Sheet
from sdrsim.models.sparsey.wiring import tile, wire

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")


def apertures(source, aperture, row_starts, column_starts):
    """For each mac, row by row of the grid, the source cells it sees, in the order of its slots."""
    cells = np.arange(source[0] * source[1]).reshape(source)
    return [
        cells[r : r + aperture[0], c : c + aperture[1]].reshape(-1).tolist() for r in row_starts for c in column_starts
    ]


def seen_by(aperture, active, block_size=1):
    """Input numbers of a mac: place of the source cell in its aperture, times the block, plus place in the block."""
    place = {cell: slot for slot, cell in enumerate(aperture)}
    return sorted(place[j // block_size] * block_size + j % block_size for j in active if j // block_size in place)


def make_sheet(params, tiling, seed=7, block_size=1, block_cms=1):
    wiring = wire(tiling, block_size)
    return Sheet(params, wiring, tiling.n_macs, block_cms=block_cms, seed=seed)


def follow(sheet, twins, fields, codes, block_size=1):
    """Store, then recognise, in both; every event, every weight."""
    first = sheet.n_stored
    stored = sheet.run(codes, learn=True, first=first)
    check(stored, codes, fields, block_size, [(t, True) for t in twins], first)
    for m, twin in enumerate(twins):
        weights, n_set, closed = plain_weights(sheet, m)
        assert np.array_equal(weights, twin.weights)
        assert np.array_equal(n_set, twin.n_set)
        assert np.array_equal(closed, twin.closed)
    seen = sheet.run(codes, learn=False, first=50)
    check(seen, codes, fields, block_size, [(t, False) for t in twins], 50)
    return stored, seen


def check(events, codes, fields, block_size, twins, first):
    n_events = 0
    for i, code in enumerate(codes):
        at = events.indptr[i]
        for m, (twin, learn) in enumerate(twins):
            active = seen_by(fields[m], code.indices.tolist(), block_size)
            if learn:
                twin.n_stored = first + i
                (step,) = twin.store([active])
            else:
                (step,) = twin.recognise([active], first_item=first + i)
            if step.silent:
                continue
            assert events.mac[at] == m
            assert events.winners[at].tolist() == step.winners.tolist(), (i, m)
            assert events.familiarity[at] == pytest.approx(step.g, rel=1e-12)
            at += 1
            n_events += 1
        assert at == events.indptr[i + 1]
    assert len(events.mac) == n_events


RULES = [{}, {"preset": "features"}, {"norm": "pi_min", "pi_u_minus": 0.3}, {"pi_u_plus": 0.4, "psi": "core"}]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_sheet_over_pixels_is_so_many_macs(rule):
    tiling = tile((7, 8), (3, 4), stride=(2, 2))
    params = MacParams(n_inputs=12, n_cms=5, n_cells=4, **rule)
    sheet = make_sheet(params, tiling)
    fields = apertures((7, 8), (3, 4), [0, 2, 4], [0, 2, 4])
    assert sheet.n_macs == len(fields) == 9
    twins = [ReferenceMac(params, seed=7, mac=m) for m in range(9)]
    rng = np.random.default_rng(0)
    dense = rng.random((14, 56)) < rng.random((14, 1)) * 0.7
    dense[3], dense[5] = False, True
    codes = SDR.from_dense(dense)
    stored, _ = follow(sheet, twins, fields, codes[:8])
    follow(sheet, twins, fields, codes[8:])
    assert 0 < len(stored.mac) <= 8 * 9
    assert sheet.n_fallbacks == sum(t.n_fallbacks for t in twins)


@pytest.mark.parametrize(
    "rule", [{}, {"norm": "pi_min", "pi_u_minus": 2}, {"match": "cosine", "pi_u_plus": 3}], ids=str
)
def test_a_sheet_over_macs_counts_macs_as_features(rule):
    """Source: a 3 x 3 grid of macs with 4 CMs of 5 cells; some are silent. Bounds count macs, V counts cells."""
    tiling = tile((3, 3), (2, 2), grid=(2, 2))
    params = MacParams(n_inputs=4 * 20, n_cms=6, n_cells=4, **rule)
    sheet = make_sheet(params, tiling, block_size=20, block_cms=4)
    fields = apertures((3, 3), (2, 2), [0, 1], [0, 1])
    twins = [ReferenceMac(params, seed=7, mac=m, block_size=20, block_cms=4) for m in range(4)]
    rng = np.random.default_rng(1)
    items = []
    for share in (0.0, 0.2, 0.5, 0.5, 0.8, 1.0, 1.0):
        active = np.flatnonzero(rng.random(9) < share)
        items.append([int(20 * m + 5 * q + rng.integers(5)) for m in active for q in range(4)])
    codes = SDR.from_indices([np.array(i, np.int64) for i in [*items, items[2], items[3]]], 180)
    stored, _ = follow(sheet, twins, fields, codes, block_size=20)
    assert len(stored.mac) > 10


@given(
    side=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    shares=st.tuples(st.integers(0, 8), st.integers(0, 8)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
@settings(max_examples=50, deadline=None)
def test_apertures_with_a_stride(side, shares, stride):
    aperture = tuple(1 + s % n for s, n in zip(shares, side))
    tiling = tile(side, aperture, stride=stride)
    starts = [range(0, n - p + 1, s) for n, p, s in zip(side, aperture, stride)]
    assert tiling.grid == tuple((n - p) // s + 1 for n, p, s in zip(side, aperture, stride))
    fields = apertures(side, aperture, *starts)
    wiring = wire(tiling)
    heard = {}
    for cell in range(side[0] * side[1]):
        for e in range(wiring.indptr[cell], wiring.indptr[cell + 1]):
            heard[int(wiring.mac[e]), int(wiring.slot[e])] = cell
    assert heard == {(m, slot): cell for m, field in enumerate(fields) for slot, cell in enumerate(field)}


def test_a_given_grid_reaches_from_edge_to_edge():
    tiling = tile((60, 42), (16, 14), grid=(6, 5))
    assert tiling.row_starts.tolist() == [0, 9, 18, 26, 35, 44]
    assert tiling.column_starts.tolist() == [0, 7, 14, 21, 28]
    assert (tiling.n_macs, tiling.n_slots) == (30, 224)


@pytest.mark.parametrize(
    "how",
    [
        {"aperture": (3, 3)},
        {"aperture": (3, 3), "grid": (2, 2), "stride": (1, 1)},
        {"aperture": (9, 3), "grid": (2, 2)},
        {"aperture": (0, 3), "grid": (2, 2)},
        {"aperture": (3, 3), "grid": (0, 2)},
        {"aperture": (3, 3), "stride": (1, 0)},
        {"aperture": (3, 3), "stride": (1, -1)},
        {"aperture": (3.5, 3), "stride": (1, 1)},
        {"aperture": (True, 3), "stride": (1, 1)},
    ],
    ids=str,
)
def test_apertures_that_cannot_be_laid_are_refused(how):
    with pytest.raises(ParameterError):
        tile((8, 8), **how)


# ---- only active macs cost work ----------------------------------------------------------------------------------


def islands(side, n_islands, seed):
    """Frames with a few 4 x 4 islands of pixels in the upper left 32 x 32 corner of a side x side image."""
    rng = np.random.default_rng(seed)
    frames = np.zeros((6, side, side), bool)
    for frame in frames:
        for place in rng.choice(64, n_islands, replace=False):
            r, c = 4 * (place // 8), 4 * (place % 8)
            frame[r : r + 4, c : c + 4] = rng.random((4, 4)) < 0.6
    return SDR.from_dense(frames.reshape(6, -1))


def test_silent_macs_are_not_visited():
    params = MacParams(n_inputs=16, n_cms=4, n_cells=4)
    counts, winners = [], []
    for side in (32, 256):
        sheet = make_sheet(params, tile((side, side), (4, 4), stride=(4, 4)))
        codes = islands(side, 10, seed=0)
        stored = sheet.run(codes, learn=True, first=0, trace=True)
        assert np.diff(stored.indptr).max() <= 10
        counts.append({name: stored.traffic.total(name) for name in ("rows_read", "synops", "sums", "random_numbers")})
        assert len(stored.traffic.trace) <= 2 * len(codes.indices)
        winners.append(len(stored.winners))
    assert counts[0] == counts[1]
    assert winners[0] == winners[1]


def test_a_sheet_traces_the_rows_of_its_macs():
    params = MacParams(n_inputs=16, n_cms=4, n_cells=4)
    tiling = tile((8, 8), (4, 4), stride=(4, 4))
    sheet = make_sheet(params, tiling)
    codes = SDR.from_indices([[0, 9, 60]], 64)  # two pixels of mac 0, one of mac 3
    stored = sheet.run(codes, learn=True, first=0, trace=True)
    assert stored.mac.tolist() == [0, 3]
    rows = [0, 5, 3 * 16 + 12]
    trace = stored.traffic.trace
    expected = [(rows[0], False), (rows[1], False), (rows[0], True), (rows[1], True), (rows[2], False), (rows[2], True)]
    assert list(zip(trace["row"].tolist(), trace["write"].tolist())) == expected


# ---- codes, batches, field ---------------------------------------------------------------------------------------


def test_codes_number_mac_cm_cell_and_dense_marks_silence():
    params = MacParams(n_inputs=16, n_cms=3, n_cells=5)
    sheet = make_sheet(params, tile((8, 8), (4, 4), stride=(4, 4)))
    codes = SDR.from_indices([[0, 9, 60], [], [4, 32]], 64)
    events = sheet.run(codes, learn=True, first=0)
    winners, familiarity = events.dense(4)
    assert winners.shape == (3, 4, 3)
    assert (winners[:, :, 0] >= 0).tolist() == [[True, False, False, True], [False] * 4, [False, True, True, False]]
    assert (winners[winners[:, :, 0] < 0] == -1).all()
    assert familiarity.shape == (3, 4)
    sdr = events.codes(4, 5)
    assert (len(sdr), sdr.size) == (3, 4 * 15)
    for i in range(3):
        units = [m * 15 + q * 5 + winners[i, m, q] for m in range(4) for q in range(3) if winners[i, m, q] >= 0]
        assert sdr[i].indices.tolist() == units


@given(
    cuts=st.lists(st.integers(0, 12), max_size=3), n_threads=st.integers(1, 5), winner=st.sampled_from(["max", "draw"])
)
@settings(max_examples=25, deadline=None)
def test_any_batch_split_and_any_threads(cuts, n_threads, winner):
    params = MacParams(n_inputs=16, n_cms=4, n_cells=4, winner=winner)
    tiling = tile((10, 10), (4, 4), stride=(2, 2))
    codes = patterns.random_sparse(12, 100, 15, seed=3)
    whole, split = make_sheet(params, tiling), make_sheet(params, tiling)
    edges = [0, *sorted(cuts), 12]
    at_once = whole.run(codes, learn=True, first=0)
    parts = [split.run(codes[a:b], learn=True, first=a) for a, b in pairwise(edges)]
    assert np.array_equal(at_once.winners, np.concatenate([p.winners for p in parts]))
    seen = whole.run(codes, learn=False, first=4, n_threads=n_threads)
    parts = [split.run(codes[a:b], learn=False, first=4 + a) for a, b in pairwise(edges)]
    assert np.array_equal(seen.winners, np.concatenate([p.winners for p in parts]))
    assert np.array_equal(seen.mac, np.concatenate([p.mac for p in parts]))
    assert np.array_equal(seen.familiarity, np.concatenate([p.familiarity for p in parts]))
    assert np.array_equal(np.diff(seen.indptr), np.concatenate([np.diff(p.indptr) for p in parts]))


def test_as_a_field_it_unites_what_arrives_and_refuses_what_is_foreign():
    params = MacParams(n_inputs=16, n_cms=4, n_cells=4)
    tiling = tile((8, 8), (4, 4), stride=(4, 4))
    sheet, twin = make_sheet(params, tiling), make_sheet(params, tiling)
    assert (sheet.ports, sheet.size) == ({"U": 64}, 64)
    sheet.learning = True
    sheet.receive("U", SDR.from_indices([[0, 9]], 64), 0)
    sheet.receive("U", SDR.from_indices([[9, 60]], 64), 0)
    expected = twin.run(SDR.from_indices([[0, 9, 60]], 64), learn=True, first=0)
    assert sheet.step(0) == expected.codes(4, 4)
    assert sheet.step(1) is None
    with pytest.raises(NetworkError):
        sheet.receive("D", SDR.from_indices([[0]], 64), 1)
    with pytest.raises(CodeError):
        sheet.receive("U", SDR.from_indices([[0]], 65), 1)
    assert sheet.step(1) is None
    kept = sheet.state()
    sheet.receive("U", SDR.from_indices([[5]], 64), 2)
    waiting = sheet.state()
    sheet.step(2)
    twin.restore(waiting)
    assert twin.step(2) is not None
    twin.restore(kept)
    assert twin.step(2) is None


# ---- stacked levels ----------------------------------------------------------------------------------------------


def test_stacked_levels_are_sheets_over_the_codes_below():
    levels = [
        Level(aperture=(6, 6), grid=(2, 2), n_cms=4, n_cells=8),
        Level(aperture=(2, 2), grid=(1, 1), n_cms=9, n_cells=5),
    ]
    h = Hierarchy(input_shape=(12, 12), levels=levels, seed=5)
    frames = np.random.default_rng(0).random((10, 12, 12)) < 0.25
    frames[2, :6] = False
    frames[4] = False
    learned = h.learn(frames)
    low = [ReferenceMac(levels[0].mac_params(36), subseed(5, "level 0"), m) for m in range(4)]
    high = ReferenceMac(levels[1].mac_params(4 * 32), subseed(5, "level 1"), 0, block_size=32, block_cms=4)
    fields = apertures((12, 12), (6, 6), [0, 6], [0, 6])
    for learning, trace in ((True, learned), (False, h.recognise(frames))):
        for t, frame in enumerate(frames):
            pixels, cells = np.flatnonzero(frame).tolist(), []
            for m, twin in enumerate(low):
                step = run_twin(twin, seen_by(fields[m], pixels), t, learning)
                assert trace.codes[0][t, m].tolist() == step.winners.tolist()
                cells += [m * 32 + q * 8 + int(k) for q, k in enumerate(step.winners) if k >= 0]
            step = run_twin(high, cells, t, learning)
            assert trace.codes[1][t, 0].tolist() == step.winners.tolist()
            assert trace.familiarity[1][t, 0] == pytest.approx(step.g, rel=1e-12)
    assert (learned.codes[1][4] == -1).all()


def run_twin(twin, active, frame, learning):
    if learning:
        twin.n_stored = frame
        return twin.store([active])[0]
    return twin.recognise([active], first_item=frame)[0]


def test_bad_frames_are_refused_and_change_nothing():
    levels = [Level(aperture=(6, 6), grid=(2, 2), n_cms=4, n_cells=8)]
    h = Hierarchy(input_shape=(12, 12), levels=levels, seed=5)
    h.learn(np.eye(12, dtype=bool)[None])
    before = h.sheets[0].state()["memory"]
    for bad in (np.zeros((2, 12, 11), bool), np.full((1, 12, 12), np.nan), np.full((1, 12, 12), 7), "film", None):
        with pytest.raises(SdrsimError):
            h.learn(bad)
        with pytest.raises(SdrsimError):
            h.recognise(bad)
    assert h.n_frames == 1
    for name, array in h.sheets[0].state()["memory"].items():
        assert np.array_equal(array, before[name])
