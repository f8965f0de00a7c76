"""Building networks: names, sizes, circles, bytes, export, drawing; what a projection carries."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.engine_fields import NoisyRelay, Own
from reference.toy_memory import ToyMemory

from sdrsim import Network, Simulator
from sdrsim.engine.capacity import available_bytes, bytes_text
from sdrsim.engine.drawing import layers
from sdrsim.engine.fields import Field, MemoryField, Relay
from sdrsim.engine.synapses import BinarySynapses
from sdrsim.errors import CapacityError, NetworkError, ParameterError


def small():
    net = Network(seed=3)
    net.add("in", Relay(8))
    net.add("out", Relay(8))
    return net


# ---- adding -------------------------------------------------------------------------------------------------------


def test_add_gives_the_field_back_and_wraps_memories():
    net = Network()
    relay, memory = Relay(8), ToyMemory(8)
    assert net.add("relay", relay) is relay
    wrapped = net.add("memory", memory)
    assert isinstance(wrapped, MemoryField)
    assert wrapped.memory is memory
    assert wrapped.ports == {"cue": 8, "learn": 8}
    assert isinstance(wrapped, Field)
    assert isinstance(relay, Field)
    assert net["memory"] is wrapped
    assert list(net) == ["relay", "memory"]


@pytest.mark.parametrize("name", ["", "a/b", None, 3, "in"])
def test_names_refused(name):
    net = small()
    with pytest.raises(NetworkError, match="name of a field"):
        net.add(name, Relay(8))
    assert list(net) == ["in", "out"]


def test_what_is_no_field_is_refused_saying_what_is_missing():
    class Half:
        def receive(self, port, code, tick): ...

        def step(self, tick): ...

    with pytest.raises(NetworkError, match="no state, restore, n_bytes, traffic"):
        Network().add("half", Half())


def test_one_object_cannot_be_two_fields():
    net, relay, memory = Network(), Relay(8), ToyMemory(8)
    net.add("a", relay)
    net.add("m", memory)
    for again in (relay, memory, MemoryField(memory)):
        with pytest.raises(NetworkError, match="the same object"):
            net.add("b", again)


def test_fields_are_told_a_seed_of_their_own():
    def bound(seed, *names):
        net = Network(seed)
        return [net.add(name, NoisyRelay()).seed for name in names]

    assert bound(1, "a", "b") == bound(1, "b", "a")[::-1]
    assert len({*bound(1, "a", "b"), *bound(2, "a", "b")}) == 4


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": 0.5}, {"tick_ms": 0}, {"tick_ms": "1"}])
def test_network_parameters_refused(arguments):
    with pytest.raises(ParameterError):
        Network(**arguments)


# ---- connecting ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in", "nowhere"), "field: got 'nowhere'"),
        (("in", "out", "V"), "port of 'out': got 'V'; expected one of 'U'"),
        (("in", "out", "U", -1), "delay"),
        (("in", "out", "U", 1.0), "delay"),
        (("in", "out", "U", True), "delay"),
        (("in", "wide"), "codes over 8 units; expected 9 units"),
    ],
)
def test_connections_refused(arguments, message):
    net = small()
    net.add("wide", Relay(9))
    version = net.version
    with pytest.raises(NetworkError, match=message):
        net.connect(*arguments)
    assert not net.projections
    assert net.version == version


@pytest.mark.parametrize(
    "options",
    [
        {"rf": [0, 1, 2]},
        {"rf": [0, 1, 2, 3, 4, 5, 6, 8]},
        {"rf": [0, 1, 2, 3, 4, 5, 6, -2]},
        {"rf": np.zeros((2, 4), int)},
        {"rf": np.zeros(8)},
        {"rf": []},
        {"select": 3},
        {"rule": "hebb"},
        {"synapses": BinarySynapses(8, 8)},
        {"synapses": BinarySynapses(8, 8), "select": "best"},
        {"synapses": BinarySynapses(8, 8), "select": 0},
        {"synapses": BinarySynapses(8, 8), "select": "threshold=-1"},
        {"synapses": BinarySynapses(8, 8), "select": "max", "rule": "oja"},
        {"synapses": BinarySynapses(7, 8), "select": "max"},
        {"synapses": BinarySynapses(8, 7), "select": "max"},
        {"synapses": object(), "select": "max"},
        {"name": "a/b"},
        {"name": ""},
    ],
)
def test_options_refused(options):
    net = small()
    with pytest.raises((NetworkError, ParameterError)):
        net.connect("in", "out", **options)
    assert not net.projections


def test_a_rule_needs_synapses_onto_what_is_emitted():
    net = small()
    net.add("wide", Own(20)).ports["U"] = 8
    with pytest.raises(NetworkError, match="emits codes over 20"):
        net.connect("in", "wide", synapses=BinarySynapses(8, 8), select="max", rule="hebb")


def test_projections_have_names_of_their_own():
    net = small()
    names = [
        net.connect("in", "out").name,
        net.connect("in", "out", delay=2).name,
        net.connect("in", "out", name="x").name,
    ]
    assert names == ["in->out:U", "in->out:U#2", "x"]
    with pytest.raises(NetworkError, match="name of a projection"):
        net.connect("in", "out", name="x")


def test_circles_of_zero_delay_are_refused_by_name():
    net = Network()
    for name in "abcd":
        net.add(name, Relay(8))
    net.connect("a", "b", delay=0)
    net.connect("b", "c", delay=0)
    net.connect("b", "d", delay=0)
    with pytest.raises(NetworkError, match="c -> a -> b -> c"):
        net.connect("c", "a", delay=0)
    with pytest.raises(NetworkError, match="d -> d"):
        net.connect("d", "d", delay=0)
    net.connect("c", "a", delay=1)
    net.connect("d", "d", delay=1)
    assert net.ranks() == {"a": 0, "b": 1, "c": 2, "d": 2}


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=15))
def test_ranks_rise_along_zero_delay_and_circles_never_get_in(pairs):
    net = Network()
    for i in range(7):
        net.add(str(i), Relay(4))
    for a, b in pairs:
        try:
            net.connect(str(a), str(b), delay=0)
        except NetworkError:
            below = {str(a)}
            for _ in range(7):
                below |= {p.source for p in net.projections.values() if p.target in below}
            assert str(b) in below  # it would have closed a circle
    ranks = net.ranks()
    for p in net.projections.values():
        assert ranks[p.source] < ranks[p.target]
    for name, rank in ranks.items():
        below = [ranks[p.source] + 1 for p in net.projections.values() if p.target == name]
        assert rank == max(below, default=0)


# ---- bytes --------------------------------------------------------------------------------------------------------


class Large(Own):
    """Says what it needs, takes it only when told to."""

    taken = False

    def __init__(self, n_bytes):
        super().__init__()
        self.n_bytes = n_bytes

    def allocate(self):
        self.taken = True


def test_bytes_add_up():
    net = small()
    net.add("large", Large(10_000))
    before = net.n_bytes
    assert before == 10_000
    synapses = BinarySynapses(8, 8)
    first = net.connect("in", "out", synapses=synapses, select="max")
    assert net.n_bytes == before + synapses.n_bytes + first.queue_bytes(8)
    second = net.connect("in", "out", synapses=synapses, select=2, rf=np.arange(8), delay=5)
    assert net.n_bytes == before + synapses.n_bytes + first.queue_bytes(8) + second.queue_bytes(8) + second.rf_bytes
    assert second.queue_bytes(8) == 3 * first.queue_bytes(8)


def test_what_cannot_fit_is_refused_before_anything_is_taken():
    net = Network()
    first, second = net.add("first", Large(600)), net.add("second", Large(500))
    with pytest.raises(CapacityError, match=r"1,100 bytes .* 1,000 bytes"):
        Simulator(net, available=1000)
    assert not first.taken
    assert not second.taken
    Simulator(net, available=1100)
    assert first.taken
    assert second.taken


def test_more_than_the_machine_has_is_refused():
    net = Network()
    net.add("held", Own())
    net.check_fits()
    net["held"].n_bytes = 2**60
    with pytest.raises(CapacityError, match=r"1024\.0 PiB"):
        Simulator(net)


def test_what_the_system_says(tmp_path):
    proc, group = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    (group / "job").mkdir(parents=True)
    (proc / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert available_bytes(proc, group) == 5000 * 1024
    (proc / "self" / "cgroup").write_text("0::/job\n")
    for name, text in (
        ("memory.max", "3000000"),
        ("memory.current", "1000000"),
        ("memory.stat", "inactive_file 500\n"),
    ):
        (group / "job" / name).write_text(text)
    assert available_bytes(proc, group) == 2_000_500
    (group / "job" / "memory.max").write_text("max")
    assert available_bytes(proc, group) == 5000 * 1024
    assert available_bytes() > 0


def test_bytes_to_read():
    assert [bytes_text(n) for n in (0, 1023, 1024, 3 << 30)] == ["0 B", "1023 B", "1.0 KiB", "3.0 GiB"]


# ---- showing ------------------------------------------------------------------------------------------------------


def drawn():
    net = small()
    net.add("memory", ToyMemory(8))
    net.connect("in", "out", delay=0)
    net.connect("out", "memory", port="cue", delay=2)
    net.connect("out", "memory", port="learn", delay=2)
    net.connect("memory", "out")
    net.connect("out", "out")
    return net


def test_networkx_keeps_nodes_edges_and_attributes():
    graph = drawn().to_networkx()
    assert dict(graph.nodes["memory"]) == {"size": 8, "n_bytes": 72, "kind": "ToyMemory", "rank": 0}
    assert graph.nodes["out"]["rank"] == 1
    assert graph.number_of_edges() == 5
    assert graph.edges["out", "memory", "out->memory:learn"] == {"port": "learn", "delay": 2, "n_bytes": 0}
    assert graph.graph == {"seed": 3, "tick_ms": 1.0}


def test_drawing_uses_the_axis_it_is_handed():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert drawn().draw(ax) is ax
    texts = [text.get_text() for text in ax.texts]
    assert {"in\n8 units 0 B", "out\n8 units 0 B", "memory\n8 units 72 B"} <= set(texts)
    assert {"U +0", "cue +2\nlearn +2", "U +1"} <= set(texts)
    ax.figure.savefig(BytesIO(), format="png")


def test_large_networks_are_drawn_as_dots():
    from matplotlib.figure import Figure

    net = Network()
    net.add("0", Relay(2))
    for i in range(1, 80):
        net.add(str(i), Relay(2))
        net.connect("0", str(i))
    ax = net.draw(Figure().subplots())
    assert [len(line.get_xdata()) for line in ax.lines] == [3 * 79, 80]
    assert not ax.texts


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=14))
def test_layers_rise_along_edges_outside_circles(edges):
    layer = layers(6, edges)
    reach = np.eye(6, dtype=bool)
    for a, b in edges:
        reach[a, b] = True
    for k in range(6):
        reach |= reach[:, [k]] & reach[[k], :]
    assert min(layer) == 0
    for a, b in edges:
        if not reach[b, a]:
            assert layer[a] < layer[b]


def test_repr_is_short():
    net = drawn()
    assert repr(net).startswith("Network(3 fields, 5 projections, ")
    assert "memory" in net._repr_html_()
    assert len(repr(net["memory"])) < 100


def test_importing_the_engine_stays_light():
    heavy = "'numba', 'scipy', 'h5py', 'networkx', 'matplotlib'"
    code = f"import sys, sdrsim.engine.simulator; print([m for m in ({heavy}) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
