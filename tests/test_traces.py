"""Access traces of a run: against what levels, memories and synapses say on their own, their order, files, bounds."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.engine_fields import Own, counts
from reference.toy_memory import ToyMemory

from sdrsim import SDR, Network, Simulator
from sdrsim.engine import traces
from sdrsim.engine.fields import MemoryField, Relay
from sdrsim.engine.synapses import BinarySynapses, DeltaSums
from sdrsim.engine.traces import ACCESS, Newest
from sdrsim.engine.traffic import TRACE, Tensor, Traffic
from sdrsim.errors import NetworkError
from sdrsim.files import read_result, write_result
from sdrsim.models.sparsey import Hierarchy, Level

SIZE = 16


def named(monitor):
    """(tick, tensor, row, write) of each access."""
    names = [*monitor.tensors]
    return [(a["tick"], names[a["tensor"]], a["row"], a["write"]) for a in monitor.table.rows()]


# ---- Sparsey levels -------------------------------------------------------------------------------------------------


def hierarchy():
    levels = [Level(grid=(2, 2), aperture=(3, 3), n_cms=4, n_cells=8), Level(grid=(1, 1), aperture=(2, 2), n_cms=4)]
    return Hierarchy((6, 6), levels, seed=3)


@pytest.mark.parametrize("learning", [True, False])
def test_levels_in_a_network_access_what_they_access_on_their_own(learning):
    frames = np.random.default_rng(1).random((8, 36)) < 0.4
    alone, h = hierarchy(), hierarchy()
    expected = (alone.learn if learning else alone.recognise)(frames.reshape(8, 6, 6), trace=True).traffic
    sim = Simulator(h.network())
    for sheet in h.sheets:
        sheet.learning = learning
    both, single = sim.monitor(["L0", "L1"], "trace"), sim.monitor("L1", "trace")
    for tick, frame in enumerate(frames):
        sim.schedule("L0", frame[None], at=tick)
    sim.run()
    trace, tensors = both.trace, [*sim.traffic.tensors]
    assert trace.dtype == TRACE
    for level, (name, shape) in enumerate(expected.tensors.items()):
        place = tensors.index(f"L{level}/{name}")
        assert sim.traffic.tensors[f"L{level}/{name}"] == shape
        mine, theirs = trace[trace["tensor"] == place], expected.trace[expected.trace["tensor"] == level]
        assert len(mine) > 0
        assert mine[["row", "write"]].tolist() == theirs[["row", "write"]].tolist()
    assert single.table == both.table.where(tensor=tensors.index(f"L1/{[*expected.tensors][1]}"))
    assert np.all(np.diff(both.ticks) >= 0)
    assert set(trace["write"].tolist()) == {False, learning}


# ---- memories and synapses ------------------------------------------------------------------------------------------


def test_a_memory_in_a_network():
    net = Network()
    net.add("memory", ToyMemory(SIZE))
    net.add("after", Own(SIZE))
    net.connect("memory", "after", delay=0)
    sim = Simulator(net)
    m = sim.monitor("memory", "trace")
    sim.schedule("memory", [[1, 2]], at=0)
    sim.schedule("memory", [[1, 2, 5]], at=0, port="learn")
    sim.schedule("memory", [[1, 7]], at=4)
    sim.run()
    lesson = [(0, "memory/synapses", row, True) for row in (1, 2, 5)]
    cues = [(tick, "memory/synapses", row, False) for tick, row in ((0, 1), (0, 2), (4, 1), (4, 7))]
    assert named(m) == lesson + cues
    assert not net["after"].tracing


def plastic(make, rule="hebb"):
    net = Network()
    for name in ("in", "teacher", "out"):
        net.add(name, Relay(SIZE))
    net.connect("teacher", "out", delay=0)
    store = make()
    net.connect("in", "out", delay=1, synapses=store, select=2, rule=rule, name="way")
    net.connect("teacher", "in", delay=5, synapses=store, select=2, name="back")
    return net


@pytest.mark.parametrize("rule", ["hebb", lambda pre, post, rows: rows])
def test_synapses_are_traced_by_the_name_of_their_projection(rule):
    sim = Simulator(plastic(lambda: BinarySynapses(SIZE, SIZE), rule))
    m, same = sim.monitor("way", "trace"), sim.monitor(["back", "way"], "trace")  # one store, hence one trace
    sim.schedule("in", [[1, 2]], at=0)
    sim.schedule("teacher", [[8, 9]], at=1)
    sim.schedule("in", [[3]], at=2)
    sim.run()
    reads = [(1, 1), (1, 2)], [(3, 3)], [(6, 8), (6, 9)]
    expected = [(tick, "way/synapses", row, False) for tick, row in reads[0]]
    expected += [(1, "way/synapses", row, True) for row in (1, 2)]
    expected += [(tick, "way/synapses", row, False) for tick, row in (*reads[1], *reads[2])]
    assert named(m) == named(same) == expected
    assert sim.traffic.get("way/synapses", "retrieve", "rows_read") == 5


def test_delta_sums_are_traced_as_they_read():
    sim = Simulator(plastic(lambda: DeltaSums(BinarySynapses(SIZE, SIZE)), None))
    m = sim.monitor("way", "trace")
    for tick, cue in enumerate(([1, 2, 3, 4], [2, 3, 4, 5])):
        sim.schedule("in", [cue], at=tick)
    sim.run()
    assert m.table["row"].tolist() == [1, 2, 3, 4, 5, 1]
    assert not m.table["write"].any()


# ---- one run, many parts --------------------------------------------------------------------------------------------


def two(size=SIZE):
    net = Network()
    net.add("a", Own(size))
    net.add("b", Own(size))
    net.connect("a", "b", delay=1)
    return net


def fed(sim, ticks=range(6)):
    for tick in ticks:
        sim.schedule("a", [[tick]], at=tick)
    return sim


def test_several_parts_give_one_trace_in_the_order_of_the_run():
    sim = Simulator(two())
    sim.schedule("b", [[3]], at=0)
    fed(sim, [0, 1])
    m, backwards = sim.monitor(["a", "b"], "trace"), sim.monitor(["b", "a"], "trace")
    sim.run()
    order = [(0, "b"), (0, "a"), (1, "a"), (1, "b"), (2, "b")]
    expected = [(tick, f"{name}/own", tick, bool(tick % 2)) for tick, name in order]
    assert named(m) == expected
    assert named(backwards) == expected
    assert list(sim.traffic.tensors) == ["b/own", "a/own"]
    assert m.trace.tolist() == [(0, 0, False, 0), (1, 0, False, 0), (1, 1, True, 1), (0, 1, True, 1), (0, 2, False, 0)]


def test_tensors_are_numbered_as_in_the_traffic_of_the_run(tmp_path):
    net = two()
    net.add("c", Relay(SIZE))
    net.connect("a", "c", synapses=BinarySynapses(SIZE, SIZE), select=1, name="way")  # known before anything runs
    sim = fed(Simulator(net))
    before = sim.monitor("b", "trace")
    sim.run(until=3)
    late = sim.monitor("a", "trace")
    sim.run()
    path = write_result(tmp_path / "run.h5", {"b": before}, {}, 0, traffic=sim.traffic, trace=late.trace)
    result = read_result(path)
    assert [result.tensors["name"][i] for i in result.trace["tensor"]] == ["a/own"] * 3
    assert result.trace.tolist() == late.trace.tolist()
    assert result.tensors["n_rows"].tolist() == [99, 99, SIZE]
    assert {name for _, name, _, _ in named(before)} == {"b/own"}


def test_a_part_may_have_many_tensors_and_name_them_late():
    class Late(Own):
        def take_trace(self):
            if super().take_trace() is None:
                return None
            names = ["x", "y", "z"][: 1 + len([entry for entry in self.log if entry[0] == "step"])]
            places = np.array([(i, 7 * i, False, 0) for i in (*reversed(range(len(names))), 0)], TRACE)
            return Traffic(tensors={name: Tensor(9, 8) for name in names}, trace=places)

    net = Network()
    net.add("a", Late(SIZE))
    net.add("b", Own(SIZE))
    net.connect("a", "b", delay=0)
    sim = fed(Simulator(net), range(2))
    m = sim.monitor(["b", "a"], "trace")
    sim.run()
    assert list(sim.traffic.tensors) == ["a/x", "a/y", "b/own", "a/z"]
    expected = [("a/y", 7), ("a/x", 0), ("a/x", 0), ("b/own", 0)], [("a/z", 14), ("a/y", 7), ("a/x", 0), ("a/x", 0)]
    assert [(name, row) for _, name, row, _ in named(m)] == [*expected[0], *expected[1], ("b/own", 1)]


def test_counters_and_codes_are_the_same_with_a_trace():
    plain, traced = fed(Simulator(two())), fed(Simulator(two()))
    traced.monitor(["a", "b"], "trace")
    a, b = plain.monitor("b", "code"), traced.monitor("b", "code")
    plain.run()
    traced.run()
    assert a.table == b.table
    assert a.codes == b.codes
    assert counts(plain.traffic) == counts(traced.traffic)


def test_nothing_is_traced_that_no_monitor_watches():
    net = two()
    sim = fed(Simulator(net))
    sim.monitor("a", "trace")
    sim.run(until=2)
    assert (net["a"].tracing, net["b"].tracing) == (True, False)
    assert net["a"].touched is None
    other = Simulator(net)
    assert not net["a"].tracing
    assert other._watch.tracer is None
    with pytest.raises(NetworkError, match="trace of 'a': got tracing switched off"):
        sim.run()


def test_reset_begins_anew():
    sim = fed(Simulator(hierarchy().network()), [])
    frame = np.ones((1, 36), bool)
    m = sim.monitor(["L1", "L0"], "trace")

    def run():
        sim.schedule("L0", frame, at=1)
        sim.run(until=5)
        return named(m)

    first = run()
    sim.reset()
    assert (m.n_records, len(m.table), m.tensors) == (0, 0, {})
    assert run() == first
    assert first


# ---- bounds and files -----------------------------------------------------------------------------------------------


class Many(Own):
    """Touches 5 rows a step."""

    def take_trace(self):
        if super().take_trace() is None:
            return None
        rows = np.zeros(5, TRACE)
        rows["row"] = np.arange(5)
        return Traffic(tensors={"own": Tensor(99, 8)}, trace=rows)


def many():
    net = Network()
    net.add("a", Many(SIZE))
    return net


@pytest.mark.parametrize("at_once", [1, 7, 8192])
def test_bounds_count_accesses(at_once, tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "AT_ONCE", at_once)
    with fed(Simulator(many())) as sim:
        newest = sim.monitor("a", "trace", limit=7)
        first = sim.monitor("a", "trace", limit=7, file=tmp_path / "m.h5")
        rare = sim.monitor("a", "trace", every=4)
        sim.run()
    assert newest.table["row"].tolist() == [3, 4, 0, 1, 2, 3, 4]
    assert newest.ticks.tolist() == [4, 4, 5, 5, 5, 5, 5]
    assert (newest.n_records, newest.n_dropped) == (30, 23)
    assert first.table["row"].tolist() == [0, 1, 2, 3, 4, 0, 1]
    assert (first.n_records, first.n_dropped) == (7, 23)
    assert first.trace.dtype == TRACE
    assert rare.ticks.tolist() == [0] * 5 + [4] * 5


def test_a_bounded_trace_goes_on_after_a_checkpoint(tmp_path):
    whole, first = fed(Simulator(many())), fed(Simulator(many()))
    for sim in (whole, first):
        sim.monitor("a", "trace", limit=12)
    whole.run()
    first.run(until=4)
    second = Simulator.restore(first.checkpoint(tmp_path / "point.h5"), net=many())
    second.run()
    (a,), (b,) = whole.monitors, second.monitors
    assert a.table == b.table
    assert (a.n_records, a.n_dropped, a.tensors) == (b.n_records, b.n_dropped, b.tensors)


def columns(tick, first, n):
    rows = first + np.arange(n)
    return {
        "tick": np.full(n, tick),
        "tensor": np.full(n, 3, np.int32),
        "row": rows,
        "write": rows % 3 == 0,
        "phase": (rows % 5).astype(np.uint8),
    }


@given(st.integers(1, 12), st.lists(st.integers(0, 15), max_size=12))
def test_the_newest_are_kept_and_little_more(limit, lengths):
    kept, everything = Newest(limit), []
    for tick, n in enumerate(lengths):
        new = columns(tick, len(everything), n)
        kept.append(new)
        everything += zip(*(column.tolist() for column in new.values()))
        assert list(zip(*(column.tolist() for column in kept.columns().values()))) == everything[-limit:]
        assert len(kept) == min(limit, len(everything))
        assert sum(len(block["tick"]) for block in kept._blocks) < limit + 15
    assert {name: column.dtype for name, column in kept.columns().items()} == ACCESS


# ---- parts that do not keep their word ------------------------------------------------------------------------------


def test_a_memory_that_gives_no_trace_is_reported():
    class Silent(ToyMemory):
        def recall(self, cues, **options):
            answer = super().recall(cues, **options)
            return SimpleNamespace(codes=answer.codes, traffic=answer.traffic.without_trace())

    net = Network()
    net.add("memory", MemoryField(Silent(SIZE)))
    sim = Simulator(net)
    sim.monitor("memory", "trace")
    sim.schedule("memory", [[1]])
    with pytest.raises(NetworkError, match="trace of Silent: got traffic without a trace"):
        sim.run()


def test_a_field_that_gives_no_trace_is_reported():
    class Untrue(Own):
        def take_trace(self):
            return Traffic()

    net = Network()
    net.add("a", Untrue(SIZE))
    sim = fed(Simulator(net))
    sim.monitor("a", "trace")
    with pytest.raises(NetworkError, match="trace of 'a': got traffic without a trace"):
        sim.run()


def test_levels_can_be_copied_while_they_are_traced():
    h = hierarchy()
    sim = Simulator(h.network())
    sim.monitor("L0", "trace")
    sim.schedule("L0", SDR.from_dense(np.ones((1, 36), bool)))
    sim.run()
    assert copy.deepcopy(h.sheets[0]).tracing


def test_codes_of_a_trace_and_the_trace_of_codes():
    sim = fed(Simulator(two()))
    with pytest.raises(NetworkError, match="codes of 'a'"):
        sim.monitor("a", "trace").codes  # noqa: B018
    with pytest.raises(NetworkError, match="trace of 'a': got a 'code' monitor"):
        sim.monitor("a", "code").trace  # noqa: B018
