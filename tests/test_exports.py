"""Exports: metrics recounted from dense arrays, files read back as a reader would, traces burst by burst."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdrsim import SDR, Network, patterns
from sdrsim.engine.fields import Relay
from sdrsim.engine.synapses import BinarySynapses
from sdrsim.engine.traffic import Tensor, Traffic
from sdrsim.errors import CodeError, ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.dram import dram
from sdrsim.hardware.export import (
    Edges,
    Group,
    dram_trace,
    effective_operations,
    fetches,
    groups_and_edges,
    neurobench,
    sanafe_chip,
    sanafe_network,
)
from sdrsim.hardware.mesh import messages
from sdrsim.hardware.pages import page_traffic
from sdrsim.models.hebbian import WillshawMemory

CARD, DDR4 = Card.load("loihi_sanafe"), dram("DDR4-2400")
MESH = CARD.mesh
quick = settings(max_examples=60, deadline=None)


# ---- NeuroBench ---------------------------------------------------------------------------------------------------


def test_metrics_of_a_memory_are_those_of_its_dense_arrays():
    n, n_items = 200, 30
    memory, x = WillshawMemory(n, 8), patterns.random_sparse(n_items, n, 8, seed=1)
    memory.store(x)
    cues = patterns.erase(x, 0.5, seed=2)
    found = memory.recall(cues, max_iterations=1)
    links, dense = memory.links().toarray(), cues.dense().astype(int)
    n_operations = {"W": effective_operations(cues, links.sum(axis=1))}
    outputs = [cues, found.codes]
    made = neurobench(
        found.traffic, outputs, n_items=n_items, n_synapses={"W": n * n}, n_nonzero={"W": int(links.sum())},
        n_effective=n_operations,
    )  # fmt: skip
    assert made.footprint == n * n
    assert made.footprint_packed == n * n / 8
    assert made.connection_sparsity == round((links == 0).sum().item() / links.size, 4)
    spikes = np.concatenate([code.dense() for code in outputs])
    assert made.activation_sparsity == pytest.approx(1 - spikes.mean(), rel=1e-12)
    assert made.effective_acs == (dense @ links).sum() / n_items
    assert (made.effective_macs, made.dense, made.word_operations) == (0, n * n, 0)
    assert not made.effective_is_bound
    bound = neurobench(found.traffic, outputs, n_items=n_items)
    assert bound.effective_is_bound
    assert bound.effective_acs == dense.sum() * n / n_items >= made.effective_acs
    assert np.isnan(bound.connection_sparsity)
    assert bound.footprint == n * 256  # rows as they lie, with padding


def test_kinds_of_operations_and_elements_are_told_apart():
    t = Traffic(
        tensors={
            "U": Tensor(10, 16),
            "V": Tensor(5, 40, element="float32", arithmetic="mac"),
            "P": Tensor(7, 64, arithmetic="popcount"),
            "code": Tensor(1, 8, role="activation"),
        }
    )
    t.add("U", "retrieve", synops=6, sums=2)
    t.add("V", "settle", synops=8, sums=3)
    t.add("V", "learn", synops=1000, sums=1000)
    t.add("P", "retrieve", synops=4)
    made = neurobench(t, n_items=2, n_nonzero={"U": 640, "V": 50}, n_synapses={"U": 1000})
    assert made.footprint == 1000 + 50 * 4 + 7 * 512
    assert made.footprint_packed == 125 + 200 + 448
    assert made.connection_sparsity == round(360 / 1050, 4)
    assert (made.effective_macs, made.effective_acs, made.word_operations) == (4, 3, 2)
    assert made.dense == (2 * 10 + 3 * 5) / 2
    assert np.isnan(made.activation_sparsity)
    learned = neurobench(t, n_items=2, phases=["learn"])
    assert (learned.effective_macs, learned.effective_acs) == (500, 0)


def test_metrics_are_refused():
    t = Traffic(tensors={"U": Tensor(10, 16)})
    for bad in ({"n_items": 0}, {"n_items": 1, "n_synapses": {"U": 1281}}, {"n_items": 1, "n_nonzero": {"V": 1}}):
        with pytest.raises(ParameterError):
            neurobench(t, **bad)
    with pytest.raises(ParameterError, match="n_effective of U"):
        neurobench(t, n_items=1, n_effective={"U": 1})
    with pytest.raises(CodeError, match="row_nonzero"):
        effective_operations(SDR.from_indices([[0]], 4), [1, 2])


# ---- SANA-FE ------------------------------------------------------------------------------------------------------


def parsed(text):
    return pytest.importorskip("yaml").safe_load(text)


def plain(node):
    """A tree of the lines of a file by their indentation: enough to look numbers up without a YAML reader."""
    found = {}
    for line in node.splitlines():
        key, _, value = line.strip().removeprefix("- ").partition(": ")
        if value:
            found.setdefault(key, []).append(value)
    return found


def test_the_chip_has_the_numbers_of_the_card():
    lines = plain(sanafe_chip(CARD))
    assert (lines["width"], lines["height"]) == (["8"], ["4"])
    assert lines["name"][:3] == ["loihi_sanafe", "tile[0..31]", "core[0..3]"]
    joules = {
        "energy_process_spike": [35.5],
        "energy_access_neuron": [51.2, 0],
        "energy_update_neuron": [21.6, 0],
        "energy_spike_out": [69.3, 0],
        "energy_message_out": [111],
        "energy_east_hop": [3.0],
        "energy_west_hop": [3.0],
        "energy_north_hop": [4.2],
        "energy_south_hop": [4.2],
    }
    for name, expected in joules.items():
        assert [float(v) for v in lines[name]] == pytest.approx([e * 1e-12 for e in expected], rel=1e-15)
    assert [float(lines[f"latency_{way}_hop"][0]) for way in ("east", "north")] == pytest.approx([4.1e-9, 6.5e-9])
    assert float(lines["latency_sync"][0]) == pytest.approx(0.6e-6)
    paid = plain(sanafe_chip(CARD, free_inputs=False, synop="synop_sparse"))
    assert paid["energy_access_neuron"] == ["51.2e-12"] * 2
    assert paid["energy_process_spike"] == ["33.6e-12"]


def test_other_chips():
    davies = plain(sanafe_chip(Card.load("loihi_davies"), max_neurons=8))
    assert [float(v) for v in davies["energy_update_neuron"]] == pytest.approx([81e-12, 0])
    assert float(davies["energy_access_neuron"][0]) == 0
    assert "input[0..7]" in davies["name"]
    own = CARD.replace({"compute.synop": 1e-7, "mesh.e_inject": 1e6})
    lines = plain(sanafe_chip(own))
    assert float(lines["energy_process_spike"][0]) == pytest.approx(1e-19)
    assert float(lines["energy_message_out"][0]) == pytest.approx(1e-6)


def test_the_chip_as_yaml():
    chip = parsed(sanafe_chip(CARD))["architecture"]
    (tile,) = chip["tile"]
    (core,) = tile["core"]
    assert set(core) == {"name", "attributes", "axon_in", "synapse", "dendrite", "soma", "axon_out"}
    assert [unit["attributes"]["model"] for unit in core["soma"]] == ["leaky_integrate_fire", "input"]
    assert core["attributes"]["max_neurons_supported"] == 1024


def small_network():
    rng = np.random.default_rng(0)
    x = SDR.from_dense(rng.random((20, 30)) < 0.2)
    pairs = np.argwhere(rng.random((30, 40)) < 0.5)
    return x, pairs, rng.integers(0, 128, 40)


def test_a_network_run_elsewhere_gave_what_is_counted_here():
    """SANA-FE 2.2.9, run by hand on the files of this network: 2,393 spikes, 2,065 packets, pJ of synapses and mesh."""
    x, pairs, cores = small_network()
    fired = x.dense().sum(axis=0)
    assert fired[pairs[:, 0]].sum() == 2393
    lists = [np.unique(cores[pairs[pairs[:, 0] == unit, 1]]) for unit in range(30)]
    offsets = np.cumsum([0, *map(len, lists)])
    sent = messages(MESH, np.full(30, 5), np.concatenate(lists), offsets, n_messages=fired, routing="unicast")
    assert sent.n_injects.sum() == 2065
    assert CARD.op("synop").value * 2393 == pytest.approx(84951.5, rel=1e-9)
    assert sent.energy(MESH).value == pytest.approx(257914.8, rel=1e-9)


def test_a_network_is_written_whole():
    x, pairs, cores = small_network()
    groups = {"in/x": Group(30, 5, spikes=x), "out": Group(40, cores.tolist(), threshold=3, bias=0.5)}
    weights = np.arange(len(pairs)) / 4
    text = sanafe_network(groups, [Edges("in/x", "out", pairs, weights)], mesh=MESH)
    lines = text.splitlines()
    written = [line.strip() for line in lines if "->" in line]
    assert written == [f"- in_x.{a} -> out.{b}: [weight: {w!r}]" for (a, b), w in zip(pairs.tolist(), weights.tolist())]
    places = [line.strip() for line in lines[lines.index("mappings:") + 1 :]]
    assert places[:30] == [f'- in_x.{u}: [core: 1.1, soma: "input[{u}]"]' for u in range(30)]
    assert places[30:] == [f"- out.{u}: [core: {c // 4}.{c % 4}, soma: soma]" for u, c in enumerate(cores.tolist())]
    trains = [line.partition("spikes: [")[2].strip("]}") for line in lines if "spikes" in line]
    assert [list(map(int, train.split(", "))) for train in trains] == x.dense().T.astype(int).tolist()
    assert "soma: {threshold: 3.0, bias: 0.5}" in text
    made = parsed(text)
    assert len(made["network"]["edges"]) == len(pairs)
    assert made["network"]["groups"][0]["neurons"][3][3] == [{"soma": {"spikes": x.dense().T.astype(int).tolist()[3]}}]


def test_all_with_all_and_inputs_of_several_groups():
    codes = SDR.from_indices([[0]], 2)
    groups = {"a": Group(2, 7, spikes=codes), "b": Group(2, 7, spikes=codes), "c": Group(3, 1)}
    text = sanafe_network(groups, [Edges("a", "c", weight=-2)], mesh=MESH)
    edges = [f"a.{u} -> c.{v}: [weight: -2.0]" for u in range(2) for v in range(3)]
    assert [line.strip(" -") for line in text.splitlines() if "->" in line] == edges
    assert '- b.1: [core: 1.3, soma: "input[3]"]' in text
    assert "- c: [core: 0.1, soma: soma]" in text
    assert "edges: []" in sanafe_network({"c": Group(1)}, mesh=MESH)


def test_the_graph_of_a_network():
    net = Network(seed=1)
    net.add("pixels", Relay(6))
    net.add("memory", Relay(4))
    net.connect("pixels", "memory", synapses=BinarySynapses(6, 4), select="max")
    graph = net.to_networkx()
    given = {"pixels": SDR.from_indices([[0, 5]], 6)}
    groups, edges = groups_and_edges(graph, cores={"pixels": 0, "memory": [1, 2, 3, 4]}, spikes=given)
    assert {name: told.n_units for name, told in groups.items()} == {"pixels": 6, "memory": 4}
    assert [(e.source, e.target) for e in edges] == [("pixels", "memory")]
    assert sanafe_network(groups, edges, mesh=MESH).count("->") == 24
    with pytest.raises(ParameterError, match="none for memory"):
        groups_and_edges(graph, cores={"pixels": 0})
    with pytest.raises(ParameterError, match="other"):
        groups_and_edges(graph, cores={"pixels": 0, "memory": 0, "other": 1})


REFUSED = [
    ({"a": Group(0)}, []),
    ({"a": Group(2, 128)}, []),
    ({"a": Group(2, [1, 2, 3])}, []),
    ({"a/b": Group(2), "a_b": Group(2)}, []),
    ({"a": Group(2, spikes=SDR.from_indices([[0]], 3))}, []),
    ({"a": Group(1025)}, []),
    ({"a": Group(600), "b": Group(600)}, []),
    ({}, []),
    ({"a": Group(2)}, [Edges("a", "b")]),
    ({"a": Group(2)}, [Edges("a", "a", [[0, 2]])]),
    ({"a": Group(2)}, [Edges("a", "a", [[0.5, 1]])]),
    ({"a": Group(2)}, [Edges("a", "a", [[0, 1]], [1.0, 2.0])]),
    ({"a": Group(2)}, [Edges("a", "a", None, np.nan)]),
]


@pytest.mark.parametrize(("groups", "edges"), REFUSED)
def test_networks_that_do_not_fit_are_refused(groups, edges):
    with pytest.raises(ParameterError):
        sanafe_network(groups, edges, mesh=MESH)


@pytest.mark.parametrize(("name", "more"), [("horowitz45", {}), ("cmos45_ddr4", {"width": 2, "height": 2})])
def test_cards_that_are_not_priced_by_the_event_are_refused(name, more):
    with pytest.raises(ParameterError):
        sanafe_chip(Card.load(name), **more)


def test_chips_that_cannot_be_are_refused():
    for bad in ({"max_neurons": 0}, {"width": -1}, {"synop": "synopp"}):
        with pytest.raises(ParameterError):
            sanafe_chip(CARD, **bad)
    with pytest.raises(ParameterError, match="RF"):
        sanafe_chip(Card.load("eyeriss_relative"), width=2, height=2)


# ---- traces for DRAM simulators -----------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 500), st.booleans()), max_size=12))
@quick
def test_a_line_for_each_burst(some):
    addresses, n_bytes, writes = (list(column) for column in zip(*some)) if some else ([], [], [])
    options = {"dram": DDR4, "writes": np.array(writes, bool)}
    text = dram_trace("ramulator", np.array(addresses, int), np.array(n_bytes, int), **options)
    expected = [
        (burst * 64, "W" if write else "R")
        for address, n, write in some
        for burst in sorted({byte // 64 for byte in range(address, address + n)})
    ]
    lines = [line.split(" ") for line in text.splitlines()]
    assert [(int(address, 16), kind) for address, kind in lines] == expected
    assert text == "" or text.endswith("\n")
    counted = page_traffic(np.array(addresses, int), np.array(n_bytes, int), **options)
    assert (counted.n_bursts_read, counted.n_bursts_written) == tuple(sum(k == kind for _, k in lines) for kind in "RW")
    timed = dram_trace("dramsim3", np.array(addresses, int), np.array(n_bytes, int), cycles_apart=4, **options)
    kinds = {"R": "READ", "W": "WRITE"}
    assert timed.splitlines() == [f"{a:#x} {kinds[kind]} {4 * i}" for i, (a, kind) in enumerate(expected)]


def test_a_trace_of_a_memory():
    memory, x = WillshawMemory(1000, 10), patterns.random_sparse(20, 1000, 10, seed=1)
    stored = memory.store(x, trace=True).traffic
    addresses, n_bytes, writes = fetches(stored, dram=DDR4)
    assert set(n_bytes.tolist()) == {128}
    assert len(addresses) == 400
    assert writes.sum() == 200
    rows = np.repeat(x.indices, 2)
    assert addresses.tolist() == (rows // 64 * 8192 + rows % 64 * 128).tolist()
    text = dram_trace("ramulator", addresses, n_bytes, writes=writes, dram=DDR4)
    assert text.count("\n") == 800
    both = stored.prefixed("a") + stored.prefixed("b")
    addresses, _, _ = fetches(both, dram=DDR4, interleave=True)
    assert addresses[400:].min() > addresses[:400].max()
    sorted_rows = np.unique(addresses)
    assert all(b - a >= 128 for a, b in pairwise(sorted_rows.tolist()))
    with pytest.raises(ParameterError, match="trace=True"):
        fetches(memory.traffic, dram=DDR4)


def test_traces_are_refused():
    with pytest.raises(ParameterError, match="did you mean ramulator"):
        dram_trace("ramulater", [0], 1, dram=DDR4)
    with pytest.raises(ParameterError, match="cycles_apart"):
        dram_trace("dramsim3", [0], 1, dram=DDR4, cycles_apart=-1)
    with pytest.raises(ParameterError, match="addresses"):
        dram_trace("dramsim3", [-4], 1, dram=DDR4)
