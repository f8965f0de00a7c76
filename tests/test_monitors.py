"""Monitors: what they record, bounds, streaming, going on after a checkpoint."""

import numpy as np
import pytest
from reference.engine_fields import NoisyRelay, Own

from sdrsim import SDR, Network, Simulator
from sdrsim.engine.fields import Relay
from sdrsim.engine.monitors import KINDS, LIMIT
from sdrsim.engine.traces import MOST_ACCESSES
from sdrsim.engine.traffic import COUNTERS
from sdrsim.errors import FileFormatError, NetworkError, ParameterError
from sdrsim.files.streams import read_codes, read_stream

SIZE = 16


def net(make=NoisyRelay):
    made = Network(seed=1)
    made.add("in", Relay(SIZE))
    made.add("out", make())
    made.connect("in", "out", delay=1, name="way")
    return made


def fed(sim, ticks=range(10)):
    for tick in ticks:
        sim.schedule("in", [[tick % SIZE, (tick + 1) % SIZE]], at=tick)
    return sim


def same(a, b):
    assert a.n_records == b.n_records
    assert a.ticks.tolist() == b.ticks.tolist()
    assert a.table == b.table
    if a.kind == "code":
        assert a.codes == b.codes


def test_codes_and_their_ticks():
    sim = fed(Simulator(net(Own)), [0, 3, 4])
    m = sim.monitor("out", "code")
    sim.run()
    assert m.ticks.tolist() == [1, 4, 5]
    assert m.codes == SDR.from_indices([[0, 1], [3, 4], [4, 5]], SIZE)
    assert m.table["tick"].tolist() == [1, 4, 5]
    assert m.table["n_active"].tolist() == [2, 2, 2]
    assert (m.n_records, m.n_dropped) == (3, 0)


def test_scalars():
    sim = fed(Simulator(net()))
    m, codes = sim.monitor("out", "scalar"), sim.monitor("out", "code")
    sim.run()
    assert m.table.columns == ("tick", "n_emitted", "tenth")
    np.testing.assert_array_equal(m.table["n_emitted"], np.cumsum(codes.codes.n_active))


def test_scalars_that_come_later_are_nan_before():
    class Grows(Own):
        def scalars(self):
            n = len([entry for entry in self.log if entry[0] == "step"])
            return {"n": float(n), "late": 1.0} if n in (3, 5) else {"n": float(n)}

    sim = fed(Simulator(net(Grows)), range(5))
    m = sim.monitor("out", "scalar")
    sim.run()
    np.testing.assert_array_equal(m.table["n"], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(m.table["late"], [np.nan, np.nan, 1, np.nan, 1])


def test_traffic_rows_add_up_to_the_counters():
    sim = fed(Simulator(net(Own)))
    sim.net["out"].traffic.add("own", "learn", sums=7)  # before the monitor: not its business
    m, rare = sim.monitor("out", "traffic"), sim.monitor("out", "traffic", every=3)
    sim.run()
    assert m.table.columns == ("tick", *COUNTERS)
    assert m.table["synops"].tolist() == [2] * 10
    assert rare.ticks.tolist() == [3, 6, 9]
    assert rare.table["synops"].tolist() == [6, 6, 6]
    assert m.table["sums"].sum() == 0


def test_events_show_what_was_delivered_and_by_which_way():
    sim = fed(Simulator(net(Own)), [0, 1])
    sim.schedule("out", [[1, 2, 3]], at=2)
    m = sim.monitor("out", "event")
    sim.run()
    assert m.ticks.tolist() == [1, 2, 2]
    assert m.table["projection"].tolist() == [0, -1, 0]
    assert m.table["n_active"].tolist() == [2, 3, 2]
    assert m.table["serial"].tolist() == [3, 2, 4]


@pytest.mark.parametrize("kind", KINDS)
def test_every(kind):
    sim = fed(Simulator(net()))
    m = sim.monitor("out", kind, every=4)
    sim.run()
    assert m.ticks.tolist() == [4, 8]


@pytest.mark.parametrize("kind", KINDS)
def test_in_memory_the_newest_are_kept(kind):
    sim = fed(Simulator(net()))
    whole, m = sim.monitor("out", kind), sim.monitor("out", kind, limit=3)
    sim.run()
    assert m.ticks.tolist() == [8, 9, 10]
    assert (m.n_records, m.n_dropped) == (10, 7)
    assert m.table == whole.table.take(slice(7, 10))
    assert "7 dropped" in repr(m)
    assert whole.limit == (MOST_ACCESSES if kind == "trace" else LIMIT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_gives_what_memory_gives(kind, tmp_path):
    path = tmp_path / "m.h5"
    with fed(Simulator(net())) as sim:
        whole, m = sim.monitor("out", kind), sim.monitor("out", kind, file=path)
        sim.run(until=5)
        same(m, whole)  # while it is open
        assert not path.exists()
        sim.run()
    same(m, whole)
    if kind == "code":
        assert read_codes(path).ticks.tolist() == whole.ticks.tolist()
    else:
        assert read_stream(path) == whole.table
    assert [p.name for p in tmp_path.iterdir()] == ["m.h5"]


def test_in_a_file_the_first_are_kept(tmp_path):
    with fed(Simulator(net())) as sim:
        m = sim.monitor("out", "code", limit=3, file=tmp_path / "m.h5")
        sim.run()
    assert m.ticks.tolist() == [1, 2, 3]
    assert (m.n_records, m.n_dropped) == (3, 7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("closed", [False, True])
def test_a_streamed_monitor_goes_on_beside_its_file(kind, closed, tmp_path):
    whole_sim = fed(Simulator(net()))
    whole = whole_sim.monitor("out", kind)
    whole_sim.run()
    first = fed(Simulator(net()))
    early = first.monitor("out", kind, file=tmp_path / "m.h5")
    first.run(until=4)
    point = first.checkpoint(tmp_path / "point.h5")
    first.run(until=8)  # goes on after the checkpoint: these records are not the second one's
    if closed:
        first.close()
    second = Simulator.restore(point, net=net())
    (late,) = second.monitors
    assert late.n_records == 3
    second.run(until=6)
    third = Simulator.restore(second.checkpoint(tmp_path / "point2.h5"), net=net())
    third.run()
    third.close()
    second.close()
    same(third.monitors[0], whole)
    assert early.n_records == 7
    names = {"m.h5" if closed else "m.h5.part", "m.2.h5", "m.3.h5", "point.h5", "point2.h5"}
    assert {p.name for p in tmp_path.iterdir()} == names


def test_a_lost_stream_is_reported(tmp_path):
    sim = fed(Simulator(net()))
    sim.monitor("out", "code", file=tmp_path / "m.h5")
    sim.run(until=4)
    point = sim.checkpoint(tmp_path / "point.h5")
    sim.close()
    with Simulator(net()) as other:
        other.monitor("out", "code", file=tmp_path / "m.h5")
    second = Simulator.restore(point, net=net())
    with pytest.raises(FileFormatError, match="0 records; expected the 3 there were"):
        second.monitors[0].codes  # noqa: B018


def test_codes_keep_no_large_array_alive():
    base = SDR.from_indices([[i % SIZE] for i in range(1000)], SIZE)

    class Slices(Own):
        def emit(self, code, tick):
            return base[tick]

    sim = fed(Simulator(net(Slices)))
    m = sim.monitor("out", "code")
    sim.run()
    assert all(indices.base is None for _, indices in m._ring)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("nowhere", "code"), NetworkError, "nowhere"),
        (("in", "spikes"), ParameterError, "'code' or 'scalar' or 'traffic' or 'event' or 'trace'"),
        (("in", "scalar"), NetworkError, "without scalars"),
        ((["in", "out"], "code"), NetworkError, "field: got"),
        (("in", "trace"), NetworkError, "trace of 'in': got a Relay without take_trace"),
        (("way", "trace"), NetworkError, "trace of 'way': got a projection without synapses"),
        ((["out", "nowhere"], "trace"), NetworkError, "nowhere"),
        ((3, "trace"), NetworkError, "field: got 3"),
        (([], "trace"), NetworkError, "trace: got no names"),
        (("out", "trace", 1, 0), ParameterError, "limit"),
        (("out", "trace", 1, None, "/no/such/folder/m.h5"), FileFormatError, "cannot write"),
        (("in", "code", 0), ParameterError, "every"),
        (("in", "code", 1, 0), ParameterError, "limit"),
        (("in", "code", 1, 2.5), ParameterError, "limit"),
        (("in", "code", 1, None, "/no/such/folder/m.h5"), FileFormatError, "cannot write"),
    ],
)
def test_monitors_refused(arguments, error, message):
    sim = Simulator(net())
    with pytest.raises(error, match=message):
        sim.monitor(*arguments)
    assert not sim.monitors
    assert not sim.net["out"].tracing


def test_codes_of_what_has_none():
    sim = fed(Simulator(net(Own)))
    m = sim.monitor("in", "traffic")
    with pytest.raises(NetworkError, match="a 'code' monitor"):
        m.codes  # noqa: B018
    empty = sim.monitor("out", "code")
    assert len(empty.codes) == 0
    assert len(empty.table) == 0
