"""Messages over a mesh: paths link by link, trees, flits, and the published energies of a chip priced by the event."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import mesh_reference as reference

from sdrsim.errors import ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.mesh import all_to_all, event_energy, messages, multicast_hops, tile_places, xy_hops

LOIHI = Card.load("loihi_sanafe")
MESH = LOIHI.mesh
quick = settings(max_examples=80, deadline=None)
cores = st.integers(0, 127)
# SANA-FE 2.2.9, its Loihi file: sources, targets, cores, steps; spikes, packets; pJ of synapse, soma, network, total
PUBLISHED = [
    ((1, 1, 0, 0, 1), (1, 1), (35.5, 193.3, 111.0, 339.8)),
    ((1, 10, 0, 0, 1), (10, 1), (355.0, 654.1, 111.0, 1120.1)),
    ((10, 10, 0, 0, 10), (1000, 100), (35500.0, 21274.0, 11100.0, 67874.0)),
    ((10, 10, 0, 127, 10), (1000, 100), (35500.0, 21274.0, 14460.0, 71234.0)),
]


@pytest.mark.parametrize(("network", "counts", "energies"), PUBLISHED)
def test_published_energies_of_a_small_network(network, counts, energies):
    events = all_to_all(MESH, *network)
    assert (events.n_synops, int(events.messages.n_injects[0])) == counts
    found = event_energy(LOIHI, events)
    assert [part.value for part in found] == pytest.approx(energies, rel=1e-9)
    assert {part.unit for part in found} == {"pJ"}
    assert {part.grade for part in found} == {"A"}


@given(st.integers(1, 50), st.integers(1, 50), cores, cores, st.integers(1, 20))
@quick
def test_closed_form(a, b, source, target, n_steps):
    found = event_energy(LOIHI, all_to_all(MESH, a, b, source, target, n_steps))
    (x0, y0), (x1, y1) = (divmod(core // 4, 4) for core in (source, target))
    packets = a * n_steps
    network = packets * (111 + 3.0 * abs(x1 - x0) + 4.2 * abs(y1 - y0))
    soma = (51.2 + 21.6 + 69.3) * a * n_steps + 51.2 * b * n_steps + 21.6 * b * (n_steps - 1)
    expected = (35.5 * packets * b, soma, network, 35.5 * packets * b + soma + network)
    assert [part.value for part in found] == pytest.approx(expected, rel=1e-9)


def test_events_on_other_cards():
    davies = Card.load("loihi_davies")
    events = all_to_all(davies.mesh, 2, 3, 0, 16, n_steps=4)
    found = event_energy(davies, events)
    price = {name: davies.op(name).value for name in ("synop", "neuron_update")}
    assert found.synapse.value == pytest.approx(24 * price["synop"])
    assert found.soma.value == pytest.approx((2 * 4 + 3 * 3) * price["neuron_update"])
    assert found.network.value == pytest.approx(8 * (davies.mesh.e_inject.value + davies.mesh.e_hop_x.value))
    sparse = event_energy(LOIHI, events, synop="synop_sparse")
    assert sparse.synapse.value == pytest.approx(24 * 33.6)
    assert found.total.low <= found.total.value <= found.total.high
    with pytest.raises(ParameterError, match="a card with a mesh"):
        event_energy(Card.load("horowitz45"), events)
    with pytest.raises(ParameterError, match="synop"):
        event_energy(Card.load("cmos45_ddr4"), events)


def test_places_of_the_tiles():
    x, y = tile_places(MESH, np.arange(128).reshape(4, 32))
    assert x.shape == (4, 32)
    assert x.reshape(-1).tolist() == [core // 4 // 4 for core in range(128)]
    assert y.reshape(-1).tolist() == [core // 4 % 4 for core in range(128)]
    assert xy_hops(MESH, 0, 127) == (7, 3)
    assert xy_hops(MESH, 127, 0) == (7, 3)
    assert xy_hops(MESH, 0, 3) == (0, 0)
    in_a_row = replace(MESH, width=None, height=None)
    assert xy_hops(in_a_row, 0, 4000) == (1000, 0)


@given(cores, st.lists(cores, max_size=9))
@quick
def test_trees_and_single_packets_against_paths_link_by_link(source, targets):
    for routing in ("tree", "unicast"):
        x, y = multicast_hops(MESH, source, targets, routing=routing)
        assert (int(x[0]), int(y[0])) == reference.hops(source, targets, 4, 4, routing == "tree")


@given(st.lists(st.tuples(cores, st.lists(cores, max_size=5), st.integers(0, 9), st.integers(0, 90)), max_size=6))
@quick
def test_many_routes_in_one_call_are_one_after_another(routes):
    sources, lists, n, bits = (list(column) for column in zip(*routes)) if routes else ([], [], [], [])
    targets, offsets = np.array([core for some in lists for core in some], int), np.cumsum([0, *map(len, lists)])
    sources, n, bits = (np.array(column, int) for column in (sources, n, bits))
    mesh = replace(MESH, header_bits=7)
    for routing in ("tree", "unicast"):
        found = messages(mesh, sources, targets, offsets, n_messages=n, payload_bits=bits, routing=routing)
        each = [
            messages(mesh, s, np.array(t, int), n_messages=m, payload_bits=b, routing=routing) for s, t, m, b in routes
        ]
        for i, column in enumerate(found):
            assert column.tolist() == [int(one[i][0]) for one in each]
        for one, (s, t, m, b) in zip(each, routes):
            n_flits = max(1, -(-(7 + b) // 32))
            copies = len(t) if routing == "unicast" else min(1, len(t))
            x, y = reference.hops(s, t, 4, 4, routing == "tree")
            moved = [m * copies, m * copies * n_flits, m * n_flits * x, m * n_flits * y]
            assert [int(c[0]) for c in one[:4]] == moved
            price = 111 * moved[1] + 3.0 * moved[2] + 4.2 * moved[3]
            assert one.energy(mesh).value == pytest.approx(price, rel=1e-9)
        slow = [
            max((4.1 * x + 6.5 * y for x, y in (xy_hops(mesh, s, c) for c in t)), default=0.0) for s, t, *_ in routes
        ]
        assert found.time_ns(mesh) == pytest.approx(max(slow, default=0.0))


@given(cores, st.lists(cores, min_size=1, max_size=9))
@quick
def test_a_tree_is_never_dearer_and_reaches_as_far(source, targets):
    tree, single = (messages(MESH, source, targets, routing=routing) for routing in ("tree", "unicast"))
    assert tree.n_injects[0] == 1
    assert single.n_injects[0] == len(targets)
    assert tree.energy(MESH).value <= single.energy(MESH).value + 1e-9
    assert tree.time_ns(MESH) == single.time_ns(MESH)
    assert tree.n_hops_x[0] + tree.n_hops_y[0] >= max(sum(xy_hops(MESH, source, t)) for t in targets)


def test_times_that_are_not_known_are_not_told():
    mesh = Card.load("cmos45_ddr4").mesh
    assert messages(mesh, 0, [3]).time_ns(mesh) is None


def test_refusals():
    with pytest.raises(ParameterError, match=r"0 \.\. 127"):
        xy_hops(MESH, 0, 128)
    with pytest.raises(ParameterError, match="core"):
        tile_places(MESH, [-1])
    with pytest.raises(ParameterError, match="whole numbers"):
        tile_places(MESH, [0.5])
    with pytest.raises(ParameterError, match="did you mean tree"):
        multicast_hops(MESH, 0, [1], routing="trie")
    with pytest.raises(ParameterError, match="indptr"):
        multicast_hops(MESH, [0, 1], [1, 2])
    with pytest.raises(ParameterError, match="route"):
        multicast_hops(MESH, [0], [[1, 2]])
    with pytest.raises(ParameterError, match="n_messages"):
        messages(MESH, 0, [1], n_messages=-1)
    with pytest.raises(ParameterError, match="payload_bits"):
        messages(MESH, 0, [1], payload_bits=1.5)
    with pytest.raises(ParameterError, match="n_steps"):
        all_to_all(MESH, 1, 1, 0, 0, n_steps=0)
