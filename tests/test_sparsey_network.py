"""Sparsey's levels and macs as fields of the engine: the codes they give alone, ticks for frames, runs cut in two."""

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.engine_fields import DelayLine
from reference.sparsey_nets import CLIP, NETS, SHAPE, clip, equal, make, state_of

from sdrsim import SDR, Network, Simulator, patterns
from sdrsim.errors import CapacityError, CodeError, FileFormatError, NetworkError
from sdrsim.models.sparsey import Hierarchy, Level, Mac, MacParams

PROBES = clip(seed=3)


def flat(frame):
    return SDR.from_dense(frame.reshape(1, -1))


def load(sim, frames, start=0, name="L0"):
    """Schedule frames at their ticks; one without active pixels is no event."""
    for t, frame in enumerate(frames, start):
        if frame.any():
            sim.schedule(name, flat(frame), at=t)


def watch(sim, kind="code"):
    return {name: sim.monitor(name, kind) for name in sim.net}


def expected_codes(trace, first=0):
    """What "code" monitors of a run should hold: per level (ticks, codes), silent frames left out."""
    found = []
    for sdr in trace.sdr:
        active = np.flatnonzero(sdr.n_active)
        found.append((active + first, sdr[active]))
    return found


def check_codes(monitors, trace, first=0):
    for monitor, (ticks, codes) in zip(monitors.values(), expected_codes(trace, first), strict=True):
        assert monitor.ticks.tolist() == ticks.tolist()
        assert monitor.codes == codes


def learned(net="fraction"):
    h = make(net)
    h.learn(CLIP)
    return h


def set_learning(h, on=True):
    for sheet in h.sheets:
        sheet.learning = on


def memories(h):
    return [(state["memory"], state["tallies"]["n_writes"], state["tallies"]["n_fallbacks"]) for state in state_of(h)]


# ---- the same as without the engine --------------------------------------------------------------------------------


@pytest.mark.parametrize("net", NETS)
def test_recognition_is_that_of_the_hierarchy(net):
    h = learned(net)
    before, counted = state_of(h), copy.deepcopy(h.traffic)
    alone = h.recognise(PROBES, first_item=5)
    sim = Simulator(h.network())
    monitors = watch(sim)
    load(sim, PROBES, start=5)
    sim.run(until=50)
    check_codes(monitors, alone, first=5)
    assert all(equal(a["memory"], b["memory"]) for a, b in zip(before, state_of(h), strict=True))
    assert h.traffic == counted + alone.traffic + alone.traffic, "counted alike"


@pytest.mark.parametrize("net", NETS)
def test_learning_is_that_of_the_hierarchy(net):
    alone, h = make(net), make(net)
    trace = alone.learn(CLIP)
    set_learning(h)
    sim = Simulator(h.network())
    monitors = watch(sim)
    load(sim, CLIP)
    sim.run()
    check_codes(monitors, trace)
    assert all(equal(list(a), list(b)) for a, b in zip(memories(alone), memories(h), strict=True))
    assert h.traffic == alone.traffic
    assert h.n_frames == int(CLIP.any(axis=(1, 2)).sum()), "frames that came"
    again = alone.recognise(PROBES)
    set_learning(h, False)
    assert all(map(np.array_equal, again.codes, h.recognise(PROBES).codes)), "the hierarchy knows it too"


def test_levels_learn_one_by_one():
    """The upper level is taught while the lower one only recognises."""
    alone, h = make(), make()
    for each in (alone, h):
        each.sheets[0].run(flats(CLIP), learn=True, first=0)
    codes = alone.sheets[0].run(flats(PROBES), learn=False, first=0).codes(9, 4)
    alone.sheets[1].run(codes, learn=True, first=0)
    h.sheets[1].learning = True
    sim = Simulator(h.network())
    load(sim, PROBES)
    sim.run()
    for a, b in zip(alone.sheets[:2], h.sheets[:2], strict=True):
        assert equal(a.state()["memory"], b.state()["memory"])
    assert not h.sheets[2].share_set


def flats(frames):
    return SDR.from_dense(frames.reshape(len(frames), -1))


@pytest.mark.parametrize("rule", [{}, {"preset": "features"}, {"winner": "draw", "match": "jaccard"}])
def test_a_mac_in_a_network_is_the_mac_alone(rule):
    x = patterns.random_sparse(12, 60, 8, seed=1)
    alone, mac = (Mac(MacParams(n_inputs=60, n_cms=7, n_cells=6, **rule), seed=5) for _ in range(2))
    net = Network(seed=99)
    net.add("mac", mac)
    sim = Simulator(net)
    seen = sim.monitor("mac", "code")
    mac.learning = True
    for t, code in enumerate(x):
        sim.schedule("mac", code, at=t)
    sim.run(until=12)
    assert seen.codes == alone.store(x).codes
    assert mac.n_stored == 12
    mac.learning = False
    cues = patterns.erase(x, 0.3, seed=2)
    for t, code in enumerate(cues):
        sim.schedule("mac", code, at=20 + 3 * t)
    sim.run()
    expected = [alone.recognise(code, first_item=20 + 3 * t).codes for t, code in enumerate(cues)]
    assert [code == want for code, want in zip(seen.codes[12:], expected, strict=True)] == [True] * 12
    assert equal(alone.state()["memory"], mac.state()["memory"])
    assert mac.traffic == alone.traffic


# ---- own fields around levels --------------------------------------------------------------------------------------


def test_a_delay_line_before_a_level():
    h = learned()
    net = h.network()
    net.add("eye", DelayLine(size=120, length=3))
    net.connect("eye", "L0", delay=2)
    sim = Simulator(net)
    monitors = {name: sim.monitor(name, "code") for name in ("L0", "L1", "L2")}
    load(sim, PROBES, name="eye")
    sim.run()
    check_codes(monitors, h.recognise(PROBES, first_item=5), first=5)


def test_codes_of_one_tick_are_united():
    h = learned()
    sim = Simulator(h.network())
    seen = sim.monitor("L0", "code")
    for part in (PROBES[0], PROBES[1], PROBES[0]):
        sim.schedule("L0", flat(part), at=4)
    sim.run()
    assert seen.codes == h.recognise(PROBES[0] | PROBES[1], first_item=4).sdr[0]


def test_levels_of_own_making():
    """Two hierarchies' levels in one network, one above the other, with a delay between."""
    below, above = learned("fraction"), Hierarchy((9, 20), [Level(aperture=(9, 20), grid=(1, 1), n_cms=6, n_cells=5)])
    net = Network()
    net.add("below", below.sheets[0])
    net.add("above", above.sheets[0])
    net.connect("below", "above", delay=4)
    above.sheets[0].learning = True
    sim = Simulator(net)
    seen = sim.monitor("above", "code")
    load(sim, PROBES, name="below")
    sim.run()
    codes = below.recognise(PROBES).sdr[0]
    twin = Hierarchy((9, 20), above.level_params)
    expected = twin.sheets[0].run(codes, learn=True, first=4).codes(1, 5)
    active = np.flatnonzero(expected.n_active)
    assert seen.codes == expected[active]
    assert seen.ticks.tolist() == (active + 4).tolist()


# ---- one step at a time, and cut in two ----------------------------------------------------------------------------


def whole_run(net, learn, by_steps=False):
    h = learned(net)
    set_learning(h, learn)
    sim = Simulator(h.network())
    monitors = [watch(sim, kind) for kind in ("code", "scalar", "traffic")]
    load(sim, PROBES)
    if by_steps:
        while sim.step() is not None:
            pass
    else:
        sim.run()
    return h, sim, monitors


def check_same_run(a, b):
    (h, sim, monitors), (other, again, others) = a, b
    for mine, theirs in zip(monitors, others, strict=True):
        for name in mine:
            assert mine[name].ticks.tolist() == theirs[name].ticks.tolist()
            assert mine[name].table == theirs[name].table
    assert [m.codes for m in monitors[0].values()] == [m.codes for m in others[0].values()]
    assert sim.traffic == again.traffic
    assert equal(state_of(h), state_of(other))


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("learn", [False, True])
def test_stepping_equals_running(net, learn):
    check_same_run(whole_run(net, learn), whole_run(net, learn, by_steps=True))


class Rebuilt:
    """The levels of a network made from a file."""

    def __init__(self, net):
        self.sheets = list(net.fields.values())


@given(cut=st.integers(0, 60), net=st.sampled_from(list(NETS)), learn=st.booleans(), pass_net=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_run_cut_anywhere_is_the_whole_run(cut, net, learn, pass_net, tmp_path_factory):
    """The cut may fall inside a tick, between two levels."""
    pass_net |= net == "forms"  # holds a function
    whole = whole_run(net, learn)
    h = learned(net)
    set_learning(h, learn)
    sim = Simulator(h.network())
    for kind in ("code", "scalar", "traffic"):
        watch(sim, kind)
    load(sim, PROBES)
    for _ in range(cut):
        sim.step()
    path = sim.checkpoint(tmp_path_factory.mktemp("cut") / "run.h5")
    fresh = make(net)
    again = Simulator.restore(path, net=fresh.network() if pass_net else None)
    again.run()
    names = list(again.net)
    monitors = [dict(zip(names, again.monitors[i : i + len(names)])) for i in range(0, 3 * len(names), len(names))]
    check_same_run(whole, (fresh if pass_net else Rebuilt(again.net), again, monitors))
    assert [sheet.learning for sheet in again.net.fields.values()] == [learn] * len(names)
    sim.run()
    check_same_run(whole, (h, sim, [dict(zip(names, sim.monitors[i:])) for i in range(0, 3 * len(names), len(names))]))


def test_a_cut_between_the_codes_of_one_tick(tmp_path):
    """What a level has taken in and not worked on yet is kept."""
    h = learned()
    sim = Simulator(h.network())
    seen = sim.monitor("L0", "code")
    for part in (PROBES[0], PROBES[1]):
        sim.schedule("L0", flat(part), at=4)
    sim.step()
    again = Simulator.restore(sim.checkpoint(tmp_path / "run.h5"))
    again.run()
    sim.run()
    assert seen.codes == again.monitors[0].codes == h.recognise(PROBES[0] | PROBES[1], first_item=4).sdr[0]


def test_a_checkpoint_wants_the_same_levels(tmp_path):
    h = learned()
    path = Simulator(h.network()).checkpoint(tmp_path / "run.h5")
    other = learned("features")
    before = state_of(other)
    with pytest.raises(NetworkError, match="network to restore"):
        Simulator.restore(path, net=other.network())
    assert equal(before, state_of(other))
    twin = Hierarchy(SHAPE, [NETS["fraction"][0].replace(g_minus=0.3), *NETS["fraction"][1:]], seed=4)
    before = state_of(twin)
    with pytest.raises(FileFormatError, match="other parameters"):
        Simulator.restore(path, net=twin.network())
    assert equal(before, state_of(twin))


def test_your_own_psi_needs_your_own_network(tmp_path):
    h = learned("forms")
    path = Simulator(h.network()).checkpoint(tmp_path / "run.h5")
    with pytest.raises(FileFormatError, match="psi"):
        Simulator.restore(path)


# ---- watching ------------------------------------------------------------------------------------------------------


def test_monitors_of_levels():
    h = learned()
    alone = h.recognise(PROBES)
    sim = Simulator(h.network())
    scalars, traffic = watch(sim, "scalar"), watch(sim, "traffic")
    load(sim, PROBES)
    sim.run()
    for level, (name, monitor) in enumerate(scalars.items()):
        reached = np.flatnonzero(PROBES.any(axis=(1, 2)) if level == 0 else alone.sdr[level - 1].n_active)
        table = monitor.table
        assert table.columns == ("tick", "familiarity", "n_active_macs")
        assert table["tick"].tolist() == reached.tolist()
        novelty = alone.novelty[reached, level]
        assert np.allclose(table["familiarity"], 1 - novelty, rtol=0, atol=1e-15, equal_nan=True)
        assert table["n_active_macs"].tolist() == np.diff(alone.events[level].indptr)[reached].tolist()
        moved = traffic[name].table
        for counter in ("rows_read", "synops", "code_bits", "random_numbers"):
            assert moved[counter].sum() == alone.traffic.get(f"L{level}.U", "retrieve", counter)


def test_scalars_before_anything_came():
    sheet = make().sheets[0]
    assert np.isnan(sheet.scalars()["familiarity"])
    assert sheet.scalars()["n_active_macs"] == 0


def test_reset_forgets_what_was_learned_and_runs_as_new():
    h = make()
    set_learning(h)
    sim = Simulator(h.network())
    monitors = watch(sim)
    load(sim, CLIP)
    sim.run()
    first = [monitor.codes for monitor in monitors.values()]
    sim.reset()
    assert h.n_frames == 0
    assert not any(sheet.share_set for sheet in h.sheets)
    assert all(sheet.learning for sheet in h.sheets), "what it should do, it still should"
    load(sim, CLIP)
    sim.run()
    assert [monitor.codes for monitor in monitors.values()] == first


# ---- what does not fit ---------------------------------------------------------------------------------------------


def test_sizes_and_ports():
    h = make()
    net = h.network()
    assert list(net.ranks().items()) == [("L0", 0), ("L1", 1), ("L2", 2)]
    assert net.n_bytes >= h.n_bytes
    assert not any(sheet.is_allocated for sheet in h.sheets)
    with pytest.raises(NetworkError, match="port of 'L0'"):
        net.connect("L2", "L0", port="D")
    with pytest.raises(NetworkError, match="codes over 51 units"):
        net.connect("L2", "L0")
    with pytest.raises(CapacityError):
        Simulator(net, available=h.n_bytes - 1)
    assert not any(sheet.is_allocated for sheet in h.sheets)
    sim = Simulator(net)
    assert all(sheet.is_allocated for sheet in h.sheets)
    with pytest.raises(CodeError, match="119 units"):
        sim.schedule("L0", SDR.from_indices([[1]], 119))
    with pytest.raises(NetworkError, match="expected 'U'"):
        h.sheets[0].receive("H", flat(CLIP[0]), 0)
    with pytest.raises(CodeError, match="code for L0"):
        h.sheets[0].receive("U", SDR.from_indices([[1]], 119), 0)
    assert h.sheets[0].step(0) is None
