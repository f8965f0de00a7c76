"""Checkpoints: a split run equals the whole run; networks that do not fit, foreign parts, damaged files; reset."""

import numpy as np
import pytest
from reference.engine_fields import Counter, DelayLine, NoisyRelay, Own, counts
from reference.toy_memory import ToyMemory

from sdrsim import SDR, Network, Simulator
from sdrsim.engine.fields import Relay
from sdrsim.engine.synapses import BinarySynapses, DeltaSums
from sdrsim.errors import FileFormatError, NetworkError

SIZE = 16


def plain():
    net = Network(seed=5)
    net.add("f0", Own(SIZE))
    return net


def mixed():
    """Own fields, sdrsim's own, memories, plastic synapses, delays, a self-waking field."""
    net = Network(seed=2)
    net.add("noisy", NoisyRelay())
    net.add("line", DelayLine(length=2))
    net.add("clock", Counter(period=5))
    net.add("relay", Relay(SIZE, p_erase=0.2, p_insert=0.1))
    net.add("memory", ToyMemory(SIZE, share=0.6, p_noise=0.1))
    net.connect("noisy", "line", delay=0)
    net.connect("line", "relay", delay=3)
    net.connect("clock", "relay", delay=1, rf=np.roll(np.arange(SIZE), 3))
    net.connect("relay", "memory", port="learn", delay=0)
    net.connect("noisy", "memory", port="cue", delay=4)
    store = DeltaSums(BinarySynapses(SIZE, SIZE))
    net.connect("noisy", "relay", delay=1, synapses=store, select=2, rule="hebb")
    net.connect("memory", "noisy", delay=2)
    return net


def own_only(seed=2):
    """sdrsim's fields alone: a checkpoint can be opened without the network."""
    net = Network(seed)
    net.add("a", Relay(SIZE, p_erase=0.1))
    net.add("b", Relay(SIZE, p_insert=0.1))
    net.connect("a", "b", delay=0)
    store = BinarySynapses(SIZE, SIZE)
    net.connect("b", "a", delay=3, rf=np.arange(SIZE)[::-1])
    net.connect("a", "b", delay=2, synapses=store, select="max", rule="hebb")
    net.connect("b", "b", delay=2, synapses=store, select="threshold=2")
    return net


def started(net):
    sim = Simulator(net)
    for name in net:
        for kind in ("code", "traffic", "event"):
            sim.monitor(name, kind)
        sim.monitor(name, "traffic", every=3)
        if hasattr(net[name], "scalars"):
            sim.monitor(name, "scalar")
    traced = [name for name in net if hasattr(net[name], "take_trace")]
    traced += [p.name for p in net.projections.values() if p.synapses is not None]
    for names in (*traced, traced):
        sim.monitor(names, "trace")
    sim.monitor(traced, "trace", every=2, limit=7)
    first = next(iter(net))
    for tick in range(0, 12, 2):
        sim.schedule(first, [[tick, tick + 1, tick + 2]], at=tick)
    return sim


def story(sim):
    """All that a run leaves."""
    return [
        sim.tick,
        counts(sim.traffic),
        sim.traffic.tensors,
        [(m.field, m.kind, m.n_records, m.codes if m.kind == "code" and m.n_records else None) for m in sim.monitors],
        [m.table for m in sim.monitors],
        [(e.tick, e.rank, e.serial, e.field, e.port) for e in sorted(sim._queue._heap, key=lambda e: e[:3])],
    ]


@pytest.mark.parametrize("make", [mixed, own_only])
@pytest.mark.parametrize("n_steps", [0, 1, 7, 20, 41])
def test_a_split_run_equals_the_whole_run(make, n_steps, tmp_path):
    whole = started(make())
    whole.run(until=40)
    first = started(make())
    for _ in range(n_steps):
        first.step()
    path = first.checkpoint(tmp_path / "run.h5")
    first.run(until=40)  # going on after a checkpoint is the same too
    second = Simulator.restore(path, net=make())
    second.run(until=40)
    assert story(first) == story(whole)
    assert story(second) == story(whole)
    assert counts(whole.traffic)


def test_sdrsims_own_fields_need_no_network_to_be_restored(tmp_path):
    whole, first = started(own_only()), started(own_only())
    whole.run(until=40)
    first.run(until=9)
    second = Simulator.restore(first.checkpoint(tmp_path / "run.h5"))
    assert repr(second.net) == repr(first.net)
    shared = {id(p.synapses) for p in second.net.projections.values() if p.synapses is not None}
    assert len(shared) == 1
    second.run(until=40)
    assert story(second) == story(whole)


def test_traffic_of_fields_that_do_not_keep_it_goes_on(tmp_path):
    net = plain()
    net["f0"].traffic.add("own", "learn", sums=5)  # counted before the run
    sim = Simulator(net)
    sim.schedule("f0", [[1, 2]])
    sim.run()
    path = sim.checkpoint(tmp_path / "run.h5")
    again = Simulator.restore(path, net=plain())
    assert counts(again.traffic) == counts(sim.traffic)
    third = Simulator.restore(again.checkpoint(tmp_path / "again.h5"), net=plain())
    for s in (sim, third):
        s.schedule("f0", [[1, 2]], at=9)
        s.run()
    assert counts(third.traffic) == counts(sim.traffic)
    assert third.traffic.get("f0/own", "learn", "sums") == 5


def other_names():
    net = own_only()
    net.add("c", Relay(SIZE))
    return net


def other_kind():
    net = Network(2)
    net.add("a", Relay(SIZE, p_erase=0.1))
    net.add("b", Own(SIZE))
    return net


def other_rf():
    net = own_only()
    net.projections["b->a:U"].rf[:] = 0
    return net


def other_delay():
    net = own_only()
    net.projections["b->a:U"].delay = 4
    return net


@pytest.mark.parametrize("make", [other_names, other_kind, other_rf, other_delay, lambda: own_only(3), plain])
def test_a_network_built_otherwise_is_refused(make, tmp_path):
    path = started(own_only()).checkpoint(tmp_path / "run.h5")
    with pytest.raises(NetworkError, match="network to restore"):
        Simulator.restore(path, net=make())


def test_a_state_that_does_not_fit_changes_nothing(tmp_path):
    path = started(own_only()).checkpoint(tmp_path / "run.h5")
    net = own_only()
    net["b"].p_insert = 0.3
    net["a"].receive("U", SDR.from_indices([[4]], SIZE), 0)
    with pytest.raises(FileFormatError, match="state of a relay"):
        Simulator.restore(path, net=net)
    assert net["a"].step(99) is not None


def with_function():
    net = own_only()
    net.connect("a", "b", synapses=BinarySynapses(SIZE, SIZE), select=lambda scores, active: scores > 0)
    return net


@pytest.mark.parametrize("make", [mixed, with_function])
def test_foreign_parts_need_the_network(make, tmp_path):
    path = Simulator(make()).checkpoint(tmp_path / "run.h5")
    with pytest.raises(NetworkError, match=r"Simulator.restore\(path, net=net\)"):
        Simulator.restore(path)


def test_a_file_never_makes_a_foreign_module_run(tmp_path, monkeypatch):
    (tmp_path / "lurking.py").write_text("raise RuntimeError('imported because a file named it')\n")
    monkeypatch.syspath_prepend(tmp_path)
    net = own_only()
    monkeypatch.setattr(Relay, "__module__", "lurking")
    path = Simulator(net).checkpoint(tmp_path / "run.h5")
    with pytest.raises(NetworkError, match="lurking:Relay"):
        Simulator.restore(path)


def test_files_refused(tmp_path):
    sim = Simulator(own_only())
    with pytest.raises(FileFormatError):
        sim.checkpoint(tmp_path / "no" / "folder.h5")
    with pytest.raises(FileFormatError):
        Simulator.restore(tmp_path / "missing.h5")
    path = sim.checkpoint(tmp_path / "run.h5")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileFormatError):
        Simulator.restore(path)
    ToyMemory(4).save(tmp_path / "memory.h5")
    with pytest.raises(FileFormatError):
        Simulator.restore(tmp_path / "memory.h5")


# ---- reset ----------------------------------------------------------------------------------------------------------


def test_reset_is_as_new():
    def resettable():
        net = Network(seed=2)
        net.add("noisy", NoisyRelay())
        net.add("memory", ToyMemory(SIZE))
        net.add("relay", Relay(SIZE, p_erase=0.2))
        net.connect("noisy", "relay", synapses=BinarySynapses(SIZE, SIZE), select=1, rule="hebb")
        net.connect("relay", "memory", port="learn")
        return net

    def fed(sim):
        sim.schedule("noisy", [[1, 2, 5]], at=2)
        sim.schedule("relay", [[1, 2]], at=3)
        sim.schedule("memory", [[1, 2]], at=6)
        sim.run(until=30)
        return story(sim)

    sim = started(resettable())
    first = fed(sim)
    sim.reset()
    assert (sim.tick, sim.n_events, counts(sim.traffic)) == (0, 0, {})
    assert sim.net["memory"].memory.n_stored == 0
    for tick in range(0, 12, 2):
        sim.schedule("noisy", [[tick, tick + 1, tick + 2]], at=tick)
    assert fed(sim) == first


def test_what_cannot_be_reset_is_refused_whole():
    net = own_only()
    net.add("own", Own())
    sim = Simulator(net)
    sim.schedule("a", [[1]])
    with pytest.raises(NetworkError, match="reset of Own"):
        sim.reset()
    assert sim.n_events == 1
