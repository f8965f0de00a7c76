"""Running networks: order, delays, one step at a time, split runs, restoring, refusals."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.engine_fields import Counter, DelayLine, NoisyRelay, Own, counts
from reference.engine_reference import run_reference
from reference.toy_memory import ToyMemory

from sdrsim import SDR, Network, Simulator
from sdrsim.engine.fields import MemoryField, Relay
from sdrsim.engine.synapses import BinarySynapses, DeltaSums
from sdrsim.errors import NetworkError

SIZE = 16


def relay():
    return Relay(SIZE)


def chain(*delays, make=Own):
    net = Network(seed=5)
    net.add("f0", make())
    for i, delay in enumerate(delays):
        net.add(f"f{i + 1}", make())
        net.connect(f"f{i}", f"f{i + 1}", delay=delay)
    return net


def watched(sim):
    return {name: sim.monitor(name, "code") for name in sim.net}


def seen(monitors):
    return {
        (name, tick): set(code.indices.tolist())
        for name, m in monitors.items()
        for tick, code in zip(m.ticks.tolist(), m.codes if m.n_records else [])
    }


# ---- against the twin ---------------------------------------------------------------------------------------------

names = st.sampled_from(["f0", "f1", "f2", "f3"])
rf = st.lists(st.integers(-1, SIZE - 1), min_size=SIZE, max_size=SIZE)
edges = st.lists(st.tuples(names, names, st.integers(0, 3), st.one_of(st.none(), rf)), max_size=8)
outside = st.dictionaries(
    st.tuples(names, st.integers(0, 8)), st.sets(st.integers(0, SIZE - 1), min_size=1, max_size=4), max_size=8
)


def build(edges, order=("f0", "f1", "f2", "f3"), make=NoisyRelay):
    net, kept = Network(seed=9), []
    for name in order:
        net.add(name, make())
    for a, b, delay, rf in edges:
        try:
            net.connect(a, b, delay=delay, rf=rf)
            kept.append((a, b, delay, rf))
        except NetworkError:  # a circle of zero delay
            continue
    return net, kept


def run(net, outside, until=14, by_steps=False):
    sim = Simulator(net)
    monitors = watched(sim)
    for (name, tick), units in outside.items():
        sim.schedule(name, [sorted(units)], at=tick)
    if by_steps:
        while (event := sim.peek()) is not None and event.tick < until:
            assert sim.step() is event
    else:
        sim.run(until=until)
    return sim, monitors


@given(edges, outside)
def test_runs_agree_with_the_twin(edges, outside):
    net, kept = build(edges)
    twins, _ = build([])

    def step(name, tick, units):
        field = twins[name]
        field.receive("U", SDR.from_indices([sorted(units)], SIZE), tick)
        return set(field.step(tick).indices.tolist())

    expected = run_reference(step, kept, net.ranks(), outside, n_ticks=14)
    assert seen(run(net, outside)[1]) == expected


@given(edges, outside)
@settings(max_examples=30)
def test_stepping_equals_running(edges, outside):
    ran, a = run(build(edges)[0], outside)
    stepped, b = run(build(edges)[0], outside, by_steps=True)
    assert seen(a) == seen(b)
    assert counts(ran.traffic) == counts(stepped.traffic)
    assert {n: f.log for n, f in ran.net.fields.items()} == {n: f.log for n, f in stepped.net.fields.items()}


@given(edges, outside, st.permutations(["f0", "f1", "f2", "f3"]))
@settings(max_examples=30)
def test_the_order_of_fields_and_of_scheduling_does_not_matter(edges, outside, order):
    net, kept = build(edges)
    other, _ = build(kept, order)
    backwards = dict(reversed(outside.items()))
    assert seen(run(net, outside)[1]) == seen(run(other, backwards)[1])


# ---- order and delays ---------------------------------------------------------------------------------------------


def test_a_field_steps_once_after_everything_of_the_tick_arrived():
    net = chain(0, make=Own)
    net.add("b", Own())
    net.connect("b", "f1", delay=0)
    net.connect("f0", "f1", delay=1)
    sim = Simulator(net)
    sim.schedule("f1", [[9]], at=4)
    sim.schedule("b", [[2]], at=4)
    sim.schedule("f0", [[1]], at=4)
    sim.run(until=5)
    arrived = [("receive", 4, "U", [9]), ("receive", 4, "U", [2]), ("receive", 4, "U", [1]), ("step", 4)]
    assert net["f1"].log == arrived
    sim.run()
    assert net["f1"].log[4:] == [("receive", 5, "U", [1]), ("step", 5)]


def test_ties_go_in_the_order_they_were_made():
    net = Network()
    for name in "abc":
        net.add(name, Own())
    sim = Simulator(net)
    for name in "cab":
        sim.schedule(name, [[1]], at=2)
    assert [(e.field, e.tick, e.rank, e.serial) for e in (sim.step(), sim.step(), sim.step())] == [
        ("c", 2, 0, 0),
        ("a", 2, 0, 1),
        ("b", 2, 0, 2),
    ]


def test_delays_add_up_along_a_chain():
    sim = Simulator(chain(0, 3, 10, make=Own))
    monitors = watched(sim)
    sim.schedule("f0", [[7]], at=2)
    sim.run()
    assert {name: m.ticks.tolist() for name, m in monitors.items()} == {"f0": [2], "f1": [2], "f2": [5], "f3": [15]}
    assert sim.tick == 16


def test_until_is_the_next_tick():
    sim = Simulator(chain(1))
    sim.schedule("f0", [[7]], at=2)
    sim.run(until=2)
    assert sim.tick == 2
    assert not sim.net["f0"].log
    sim.run(until=3)
    assert sim.net["f0"].log
    assert not sim.net["f1"].log
    sim.run(until=50)
    assert sim.tick == 50
    assert sim.net["f1"].log == [("receive", 3, "U", [7]), ("step", 3)]
    sim.schedule("f0", [[1]])
    assert sim.peek().tick == 50


def test_an_empty_code_is_no_event():
    class Silent(Own):
        def emit(self, code, tick):
            return SDR.from_indices([[]], self.size)

    net = chain(1, make=Silent)
    sim = Simulator(net)
    monitors = watched(sim)
    sim.schedule("f0", [[7]])
    sim.run()
    assert not net["f1"].log
    assert monitors["f0"].codes == SDR.from_indices([[]], SIZE)


def test_a_delay_line_wakes_itself():
    sim = Simulator(chain(1, make=lambda: DelayLine(length=4)))
    monitors = watched(sim)
    for tick in (0, 1, 7):
        sim.schedule("f0", [[tick]], at=tick)
    assert sim.peek().code is not None
    sim.run(until=40)
    assert seen({"f0": monitors["f0"]}) == {("f0", 4): {0}, ("f0", 5): {1}, ("f0", 11): {7}}
    assert seen({"f1": monitors["f1"]}) == {("f1", 9): {0}, ("f1", 10): {1}, ("f1", 16): {7}}
    assert [tick for kind, tick, *_ in sim.net["f0"].log if kind == "step"] == [0, 1, 4, 5, 7, 11]


def test_a_field_may_act_by_itself_from_the_start():
    net = Network()
    net.add("clock", Counter(period=3))
    sim = Simulator(net)
    clock = sim.monitor("clock", "code")
    sim.schedule("clock", [[0]], at=3)
    sim.run(until=8)
    assert clock.ticks.tolist() == [0, 3, 6]
    assert clock.codes.indices.tolist() == [1, 2, 3]


def test_waking_in_the_past_is_refused():
    class Late(Own):
        def next_tick(self, tick):
            return tick if tick >= 0 else None

    sim = Simulator(chain(1, make=Late))
    sim.schedule("f0", [[0]])
    with pytest.raises(NetworkError, match="next_tick of 'f0'"):
        sim.run()


# ---- work follows events ------------------------------------------------------------------------------------------


def macs(n):
    """n small fields, each looking at 4 units of one input layer."""
    net = Network()
    net.add("retina", Relay(4 * n))
    for i in range(n):
        net.add(f"mac{i}", Relay(4))
        net.connect("retina", f"mac{i}", delay=0, rf=np.arange(4 * i, 4 * i + 4))
    return Simulator(net)


def test_only_fields_that_see_something_are_visited():
    sim = macs(200)
    logs = {name: sim.monitor(name, "event") for name in sim.net}
    sim.schedule("retina", [[0, 3, 17]])
    sim.run()
    assert {name for name, m in logs.items() if m.n_records} == {"retina", "mac0", "mac4"}


def test_silent_fields_cost_nothing():
    """Frame time of 10 active of 5,000 fields against 10 alone: alike but for noise; a cost per field gives 20x."""

    def frame_time(sim):
        code = SDR.from_indices([np.arange(40)], sim.net["retina"].size)
        times = []
        for _ in range(60):
            sim.schedule("retina", code)
            start = time.perf_counter()
            sim.run(until=sim.tick + 1)
            times.append(time.perf_counter() - start)
        return np.median(times)

    few, many = macs(10), macs(5000)
    assert min(frame_time(many) for _ in range(3)) < 4 * max(frame_time(few) for _ in range(3))


# ---- memories and synapses in a network -----------------------------------------------------------------------------


def test_a_memory_in_a_network_answers_as_on_its_own():
    net = Network()
    memory = ToyMemory(SIZE, share=0.5, p_noise=0.3, seed=4)
    net.add("in", Relay(SIZE))
    net.add("memory", memory)
    net.connect("in", "memory", port="cue", delay=0)
    sim = Simulator(net)
    items = SDR.from_indices([[0, 1, 2, 3], [4, 5, 6, 7], [1, 3, 8, 9]], SIZE)
    for tick, item in enumerate(items):
        sim.schedule("memory", item, at=tick, port="learn")
    sim.run()
    answers = sim.monitor("memory", "code")
    for tick in range(3, 9):
        sim.schedule("in", items[tick % 3], at=tick)
    sim.run()
    alone = ToyMemory(SIZE, share=0.5, p_noise=0.3, seed=4)
    alone.store(items)
    assert answers.codes == alone.recall(items[[0, 1, 2, 0, 1, 2]], first_item=3).codes


def test_in_one_tick_a_memory_learns_before_it_recalls():
    net = Network()
    net.add("memory", ToyMemory(SIZE))
    sim = Simulator(net)
    answers = sim.monitor("memory", "code")
    sim.schedule("memory", [[1, 2, 3]], at=0)
    sim.schedule("memory", [[1, 2]], at=0)
    sim.schedule("memory", [[1, 2, 3, 4]], at=0, port="learn")
    sim.run()
    assert answers.codes.indices.tolist() == [1, 2, 3, 4]


def test_recall_options_are_passed_on():
    net = Network()
    net.add("memory", MemoryField(ToyMemory(SIZE, p_noise=0.5), seed=77))
    sim = Simulator(net)
    answers = sim.monitor("memory", "code")
    sim.schedule("memory", [range(8)], at=5, port="learn")
    sim.schedule("memory", [range(8)], at=5)
    sim.run()
    twin = ToyMemory(SIZE, p_noise=0.5)
    twin.store([range(8)])
    assert answers.codes == twin.recall([range(8)], first_item=5, seed=77).codes


def hetero(rule="hebb", synapses=None):
    """A teacher drives `out`; plastic synapses from `in` learn to."""
    net = Network()
    for name in ("in", "teacher", "out"):
        net.add(name, Relay(SIZE))
    net.connect("teacher", "out", delay=0)
    store = synapses or BinarySynapses(SIZE, SIZE)
    net.connect("in", "out", delay=2, synapses=store, select=3, rule=rule)
    return net


@pytest.mark.parametrize("rule", ["hebb", lambda pre, post, rows: rows | np.isin(np.arange(rows.shape[1]), post)])
def test_synapses_learn_what_the_target_emitted_and_then_drive_it(rule):
    sim = Simulator(hetero(rule))
    out = sim.monitor("out", "code")
    sim.schedule("in", [[1, 2, 3]], at=0)
    sim.schedule("teacher", [[8, 9]], at=2)
    sim.schedule("in", [[1, 2, 3]], at=5)
    sim.schedule("in", [[1, 2, 4]], at=6)
    sim.run()
    assert seen({"out": out}) == {("out", 2): {8, 9}, ("out", 7): {8, 9}}
    assert sim.net.projections["in->out:U"].synapses.density == pytest.approx(6 / SIZE**2)


def test_delta_sums_give_the_same_run_for_less_work():
    cues = [sorted({(t + i) % SIZE for i in range(9)}) for t in range(20)]

    def run_with(store):
        store.learn([range(8)], [range(8, 12)])
        net = hetero(None, store)
        sim = Simulator(net)
        out = sim.monitor("out", "code")
        for tick, cue in enumerate(cues):
            sim.schedule("in", [cue], at=tick)
        sim.run()
        return seen({"out": out}), sim.traffic.get("in->out:U/synapses", "retrieve", "rows_read")

    plain, delta = run_with(BinarySynapses(SIZE, SIZE)), run_with(DeltaSums(BinarySynapses(SIZE, SIZE)))
    assert plain[0] == delta[0]
    assert plain[0]
    assert (plain[1], delta[1]) == (20 * 9, 9 + 19 * 2)


# ---- traffic ------------------------------------------------------------------------------------------------------


def test_traffic_counts_addresses_moved_and_what_fields_did():
    net = chain(0, 1)
    net.connect("f0", "f2", rf=[0, 1] + [-1] * 14)
    sim = Simulator(net)
    sim.schedule("f0", [[0, 1, 7]])
    sim.run()
    moved = {p: c["code_bits"] for p, phase, c in sim.traffic if phase == "io"}
    assert moved == {"->f0:U": 3 * 4, "f0->f1:U": 3 * 4, "f1->f2:U": 3 * 4, "f0->f2:U": 2 * 4}
    assert sim.traffic.get("f2/own", "retrieve", "synops") == 3
    assert sim.traffic.total("code_bits", "io") == 44
