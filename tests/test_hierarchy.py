"""Levels of macs against twins composed mac by mac; splits, threads, seeds; counters and traces against the twin."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.hierarchy_reference import ReferenceHierarchy, weights_of
from reference.sparsey_nets import CLIP, NETS, SHAPE, clip, equal, make, same, state_of

# As in tests/test_mac.py: a psi read from its table may move a boundary of the draw by this share of the total.
BOUNDARY = 5e-5

# ---- against the twin ----------------------------------------------------------------------------------------------


class Judge:
    """Holds a trace against the twin's steps; the twin takes over a winner where the draw fell on a boundary."""

    def __init__(self, trace, frame, levels):
        self.codes, self.g = [c[frame] for c in trace.codes], [g[frame] for g in trace.familiarity]
        self.levels, self.n_off = levels, 0

    def __call__(self, level, mac, step):
        winners = self.codes[level][mac]
        assert self.g[level][mac] == pytest.approx(step.g, rel=1e-12, abs=0), (level, mac)
        off = np.flatnonzero(winners != step.winners)
        tabulated = self.levels[level].match != "fraction" or callable(self.levels[level].psi)
        assert not len(off) or (tabulated and step.margin is not None), (level, mac, winners, step.winners)
        for q in off:
            assert step.margin[q] < BOUNDARY, (level, mac, q, step.margin[q])
            self.n_off += 1
        step.winners = winners.astype(int)


def check_against_twin(net, frames, seed=4):
    h, twin = make(net, seed), ReferenceHierarchy(SHAPE, NETS[net], seed)
    learned, n_off = h.learn(frames), 0
    for t, frame in enumerate(frames):
        judge = Judge(learned, t, NETS[net])
        twin.frame(np.flatnonzero(frame).tolist(), t, True, judge)
        n_off += judge.n_off
    for sheet, macs in zip(h.sheets, twin.levels, strict=True):
        assert (sheet.n_macs, sheet.n_stored) == (len(macs), len(frames))
        for m, mac in enumerate(macs):
            weights, n_set, closed = weights_of(sheet, m)
            assert np.array_equal(weights, mac.weights)
            assert np.array_equal(n_set, mac.n_set)
            assert np.array_equal(closed, mac.closed)
    probes = np.concatenate([frames, clip(seed=99)])
    seen = h.recognise(probes, first_item=6)
    for t, frame in enumerate(probes):
        judge = Judge(seen, t, NETS[net])
        twin.frame(np.flatnonzero(frame).tolist(), 6 + t, False, judge)
        n_off += judge.n_off
    assert n_off <= 2, "more draws on a boundary than chance explains"
    return h, learned, twin


@pytest.mark.parametrize("net", NETS)
def test_every_level_against_the_twin(net):
    _, learned, twin = check_against_twin(net, CLIP)
    for codes, macs in zip(learned.codes, twin.levels, strict=True):
        silent = codes[:, :, 0] < 0
        assert silent.any()
        assert not silent.all()
        assert any(mac.weights.any() for mac in macs)


@given(seed=st.integers(0, 2**64 - 1), net=st.sampled_from(list(NETS)), data=st.integers(0, 10**6))
@settings(max_examples=6, deadline=None)
def test_any_seed_and_frames_against_the_twin(seed, net, data):
    check_against_twin(net, clip(seed=data)[:12], seed)


def test_traffic_is_what_was_done():
    """Every counter of every level, from the twin's steps alone."""
    h, twin = make(), ReferenceHierarchy(SHAPE, NETS["fraction"], 4)
    learned, seen = h.learn(CLIP), h.recognise(CLIP)
    for phase, trace in (("learn", learned), ("retrieve", seen)):
        done = [twin.frame(np.flatnonzero(f).tolist(), t, phase == "learn") for t, f in enumerate(CLIP)]
        n_in = int(CLIP.sum())
        for i, sheet in enumerate(h.sheets):
            p, n_words = sheet.params, sheet.state()["memory"]["words"].shape[1]
            steps = [part for frame in done for part in frame[i] if not part[1].silent]
            n_rows = sum(len(rows) for rows, _, _ in steps)
            n_written = sum(len(rows) for rows, _, wrote in steps if wrote)
            n_random = p.n_cms * len(steps) if phase == "learn" else sum(n > 1 for _, s, _ in steps for n in s.n_ties)
            n_out = p.n_cms * len(steps)
            expected = {
                "rows_read": n_rows,
                "words_read": n_words * (n_rows + n_written),
                "words_written": n_words * n_written,
                "synops": n_rows * p.n_cms * p.n_cells,
                "sums": len(steps) * p.n_cms * p.n_cells,
                "compares": len(steps) * p.n_cms * p.n_cells,
                "random_numbers": n_random,
                "code_bits": n_in * bits_of(sheet.source_size) + n_out * bits_of(sheet.size),
            }
            assert {name: trace.traffic.get(f"L{i}.U", phase, name) for name in expected} == expected
            n_in = n_out
    assert h.traffic == learned.traffic + seen.traffic


def bits_of(size):
    return len(f"{size - 1:b}")


def test_the_access_trace_lists_every_row():
    h, twin = make(), ReferenceHierarchy(SHAPE, NETS["fraction"], 4)
    plain, traced = make().learn(CLIP), h.learn(CLIP, trace=True)
    assert same(plain, traced)
    assert plain.traffic.trace is None
    expected = [[] for _ in h.sheets]
    for t, frame in enumerate(CLIP):
        for i, level in enumerate(twin.frame(np.flatnonzero(frame).tolist(), t, True)):
            for m, (rows, step, wrote) in enumerate(level):
                inputs = [] if step.silent else [m * h.sheets[i].params.n_inputs + r for r in rows]
                expected[i] += [(i, r, False, 1) for r in inputs] + [(i, r, True, 1) for r in inputs if wrote]
    assert traced.traffic.trace.tolist() == [access for level in expected for access in level]
    assert h.traffic.trace is None, "the running total keeps counters alone"


# ---- the same bits however it is called ----------------------------------------------------------------------------


@given(cuts=st.lists(st.integers(0, len(CLIP)), max_size=5), net=st.sampled_from(list(NETS)))
@settings(max_examples=15, deadline=None)
def test_any_split_gives_the_same_memory(cuts, net):
    whole, split, edges = make(net), make(net), [0, *sorted(cuts), len(CLIP)]
    at_once = whole.learn(CLIP)
    parts = [split.learn(CLIP[a:b]) for a, b in pairwise(edges)]
    for level, codes in enumerate(at_once.codes):
        assert np.array_equal(codes, np.concatenate([part.codes[level] for part in parts]))
    assert np.array_equal(at_once.novelty, np.concatenate([p.novelty for p in parts]), equal_nan=True)
    assert whole.n_frames == split.n_frames == len(CLIP)
    assert equal(state_of(whole), state_of(split))
    assert whole.traffic == split.traffic


@pytest.mark.parametrize("net", NETS)
def test_frame_by_frame(net):
    whole, split = make(net), make(net)
    at_once, parts = whole.learn(CLIP), [split.learn(frame) for frame in CLIP]
    for level, codes in enumerate(at_once.codes):
        assert np.array_equal(codes, np.concatenate([part.codes[level] for part in parts]))
    assert equal(state_of(whole), state_of(split))


@pytest.mark.parametrize("net", NETS)
def test_recognition_in_any_batches_and_threads(net):
    h = make(net)
    h.learn(CLIP)
    before, probes = state_of(h), clip(seed=3)
    seen = h.recognise(probes, first_item=40)
    for n_threads in (2, 3, 50):
        again = h.recognise(probes, first_item=40, n_threads=n_threads)
        assert same(seen, again)
        assert again.traffic == seen.traffic
    traced = h.recognise(probes, trace=True, first_item=40, n_threads=3)
    assert same(seen, traced)
    assert np.array_equal(traced.traffic.trace, h.recognise(probes, trace=True, first_item=40).traffic.trace)
    parts = [h.recognise(probes[a:b], first_item=40 + a) for a, b in ((0, 7), (7, 8), (8, 8), (8, 20))]
    for level, codes in enumerate(seen.codes):
        assert np.array_equal(codes, np.concatenate([part.codes[level] for part in parts]))
    assert equal(before, state_of(h)), "recognition changes nothing"


def test_users_threads_do_not_meet():
    """Each call takes scratch of its own."""
    h = make("features")
    h.learn(CLIP)
    probes = np.concatenate([clip(seed=s) for s in range(20)])
    alone = h.recognise(probes)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: h.recognise(probes), range(12)))
    assert all(same(alone, other) for other in found)


def test_seeds():
    first, again, other = make().learn(CLIP), make().learn(CLIP), make(seed=5).learn(CLIP)
    assert same(first, again)
    assert not np.array_equal(first.codes[0], other.codes[0])
    h = make()
    h.learn(CLIP)
    probes = clip(seed=3)
    assert same(h.recognise(probes, seed=4), h.recognise(probes))
    assert same(h.recognise(probes, seed=9), h.recognise(probes, seed=9))
    assert not np.array_equal(h.recognise(probes, seed=9).codes[0], h.recognise(probes).codes[0]), "ties drawn anew"
    keys = [sheet.seed for sheet in h.sheets]
    assert len(set(keys)) == len(keys), "levels draw apart"


def test_reset_is_as_new():
    h = make()
    first = h.learn(CLIP)
    h.reset()
    assert h.n_frames == 0
    assert not h.traffic.counts
    assert same(first, h.learn(CLIP))
