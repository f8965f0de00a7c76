"""A convolutional network in the ledger: integers against a slow twin, limits, anchors, refusals."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdrsim.errors import CapacityError, MixedNodesWarning, ParameterError
from sdrsim.hardware import Card, Placement, cnn
from sdrsim.hardware.moves import Ledger

MOVING = ("conv_io", "blob", "netscope")
CARD = "cmos45_ddr4"
FEW = ("alexnet", "squeezenet_v1_0", "sqnxt_1_0_g_23", "resnet50", "densenet121", "shufflenet_v2", "inception_v3")


def moved(report, on_chip, role, what=None):
    """Useful bytes: exact, without the rounding to words and bursts."""
    entries = report.counted.ledger
    chosen = [m for m in entries if m.on_chip == on_chip and m.role == role and (what is None or m.what in what)]
    return sum(m.useful_bytes for m in chosen)


@st.composite
def networks(draw):
    """Small networks with branches that stay open, sums and in-place layers."""
    b = cnn.Builder(draw(st.integers(2, 5)), channels=draw(st.integers(1, 3)))
    shapes = {"data": b.layers[0].out}
    for _ in range(draw(st.integers(1, 8))):
        of = draw(st.sampled_from(sorted(shapes)))
        kind = draw(st.sampled_from(["conv", "relu", "bn", "eltwise", "concat", "max_pool"]))
        c, h, w = shapes[of]
        if kind == "conv":
            out = draw(st.integers(1, 4))
            shapes[b.conv(out, 1, of=of, bias=draw(st.booleans()))] = (out, h, w)
        elif kind in ("relu", "bn"):
            shapes[getattr(b, kind)(of)] = (c, h, w)
            del shapes[of]
        elif kind == "max_pool":
            shapes[b.max_pool(2, 1, of=of)] = (c, max(1, h - 1), max(1, w - 1)) if h > 1 and w > 1 else None
            if shapes[b.top] is None:
                del shapes[b.top]
                b.layers.pop()
        else:
            fits = [n for n, s in shapes.items() if s[1:] == (h, w) and (kind == "concat" or s[0] == c)]
            other = draw(st.sampled_from(sorted(fits)))
            name = b.eltwise(of, other) if kind == "eltwise" else b.concat(of, other)
            shapes[name] = (c, h, w) if kind == "eltwise" else (c + shapes[other][0], h, w)
    return b.net("random")


def _moves(p, convention):
    if convention == "conv_io":
        return p.layer.type in ("conv", "fc")
    return convention == "netscope" or not p.layer.in_place or len(set(p.reads)) > 1


def twin(net, capacity, convention):
    """Activations byte by byte: a set of places on the chip, every byte where it was put when it was made."""
    placed = net.placed
    readers = {}
    for t, p in enumerate(placed):
        for blob in (*p.reads, *p.writes):
            readers[blob] = t
        for blob in p.writes:
            if not any(blob in q.reads for q in placed[t + 1 :]):
                readers[blob] = len(placed)
    free, where = capacity, {}
    off = {"read": 0, "write": 0}
    on = {"read": 0, "write": 0, "fill": 0}
    for t, p in enumerate(placed):
        for blob, shape in zip(p.writes, p.out_shapes):
            if blob not in where:
                where[blob] = []
                for _ in range(math.prod(shape)):
                    where[blob].append(free > 0)
                    free -= free > 0
        skip = not _moves(p, convention) and convention == "conv_io"
        in_place = convention == "blob" and p.layer.in_place
        if p.layer.type == "input":
            if not any(p.writes[0] in q.reads and _moves(q, convention) for q in placed):
                continue
            off["read"] += sum(where[p.writes[0]])
            on["fill"] += sum(where[p.writes[0]])
        elif not skip:
            for what, blobs in (("read", p.reads), ("write", p.writes)):
                for blob in blobs:
                    if not (in_place and blob in p.writes):
                        for here in where[blob]:
                            (on if here else off)[what] += 1
        for blob, last in readers.items():
            if last == t and blob in where:
                free += sum(where[blob])
    return on, off


# ---- integers -----------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(networks(), st.integers(0, 400), st.sampled_from(MOVING))
def test_activations_equal_the_twin_byte_by_byte(net, capacity, convention):
    placement = Placement(on_chip_bytes=capacity, tensors={"*": "off_chip"} if net.count().parameters else {})
    report = cnn.energy(net, CARD, placement, convention=convention)
    on, off = twin(net, capacity, convention)
    assert {what: moved(report, True, "activation", [what]) for what in on} == on
    assert {what: moved(report, False, "activation", [what]) for what in off} == off


@settings(max_examples=15)
@given(networks(), st.sampled_from(MOVING))
def test_off_chip_bytes_never_rise_with_capacity(net, convention):
    for spill in ("weights", "activations"):
        reports = [cnn.energy(net, CARD, Placement(n, spill=spill), convention=convention) for n in range(0, 500, 7)]
        activations = [moved(r, False, "activation") for r in reports]
        if spill == "weights":  # weights beside activations take only what those leave
            assert activations == sorted(activations, reverse=True)
        total = [moved(r, False, "activation") + moved(r, False, "weight") for r in reports]
        assert total[-1] == min(total)


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("capacity", [0, 1 << 16, 1 << 20, 3 << 20, 1 << 30])
def test_every_activation_of_the_convention_is_written_once(name, capacity):
    net = cnn.load(name)
    image = math.prod(net.input_shape)
    for convention in MOVING:
        report = cnn.energy(net, CARD, capacity, convention=convention)
        written = sum(moved(report, on_chip, "activation", ["write"]) for on_chip in (True, False))
        filled = moved(report, True, "activation", ["fill"])
        read = sum(moved(report, on_chip, "activation", ["read"]) for on_chip in (True, False)) - filled
        count = net.count(convention).activations
        assert written + (read if convention == "conv_io" else image) == count
        assert 0 <= filled <= image
        assert moved(report, False, "weight") == net.count().parameters
        assert report.synops == net.count().macs


@pytest.mark.parametrize("name", FEW)
def test_parts_add_up(name):
    report = cnn.energy(cnn.load(name), CARD, 1 << 20, batch=3, n_batches=2)
    split = report.split()
    assert sum(sum(roles.values()) for roles in split.values()) == report.total_pj
    ledger = report.counted.ledger
    for key in ("projection", "role", "level", "what"):
        values = {getattr(m, key) for m in ledger}
        sums = [sum(part) for part in zip(*(ledger.total(**{key: value}) for value in values))]
        assert tuple(sums) == ledger.total()
    table = report.table(by=("projection",))
    assert set(table["projection"].tolist()) <= {layer.name for layer in cnn.load(name).layers} | {""}
    assert table["pj"].sum() == pytest.approx(report.total_pj, rel=1e-12)
    assert report.n_items == 6
    assert Ledger.of(ledger).total() == ledger.total()


def test_limits():
    net = cnn.load("squeezenet_v1_1")
    image, p = 3 * 224 * 224, net.count().parameters
    nothing, everything = cnn.energy(net, CARD, 0), cnn.energy(net, CARD, 1 << 30)
    assert nothing.bytes_moved(True) == 0, "no memory on the chip: nothing moves there"
    assert moved(everything, False, "activation") == image
    assert moved(everything, False, "weight") == p
    assert moved(everything, False, "activation", ["write"]) == 0
    by_hand = sum(
        q.in_elements + q.out_elements for q in net.placed if not q.layer.in_place and q.layer.type != "input"
    )
    assert moved(nothing, False, "activation") == by_hand
    more = cnn.energy(net, CARD, 1 << 30, n_batches=10)
    assert moved(more, False, "weight") == p, "resident weights are loaded once"
    assert moved(more, False, "activation") == 10 * image
    assert more.synops == 10 * net.count().macs


def test_a_batch_moves_weights_once_and_needs_more_room():
    net = cnn.load("alexnet")
    p = net.count().parameters
    off = {}
    for batch in (1, 4, 16):
        r = cnn.energy(net, CARD, 2 << 20, batch=batch)
        assert moved(r, False, "weight") == p
        off[batch] = moved(r, False, "activation") / batch
        assert any("streamed" in note for note in r.notes)
    assert off[1] == 3 * 227 * 227
    assert off[1] < off[4] < off[16]
    one_by_one = cnn.energy(net, CARD, 4 << 20, n_batches=16)
    assert moved(one_by_one, False, "weight") == 16 * p
    assert one_by_one.total_pj == pytest.approx(16 * cnn.energy(net, CARD, 4 << 20).total_pj, rel=1e-12)


@pytest.mark.parametrize(("weight_bits", "activation_bits"), [(1, 1), (4, 8), (8, 4), (16, 16), (32, 32), (3, 5)])
def test_bits(weight_bits, activation_bits):
    net = cnn.load("squeezenet_v1_1")
    r = cnn.energy(net, CARD, 0, weight_bits=weight_bits, activation_bits=activation_bits)
    assert moved(r, False, "weight") == sum(math.ceil(q.parameters * weight_bits / 8) for q in net.placed)
    bits = max(weight_bits, activation_bits)
    names = ("mac_int8",) if bits <= 8 else ("mul_fp16", "add_fp16") if bits <= 16 else ("mul_fp32", "add_fp32")
    done = {m.what: m.n for m in r.counted.ledger.__iter__() if m.role == "compute"}
    assert {name: sum(m.n for m in r.counted.ledger if m.what == name) for name in names} == dict.fromkeys(
        names, net.count().macs
    )
    assert set(done) == set(names)
    price = sum(Card.load(CARD).op(name).value for name in names)
    assert r.split()["on_chip"]["compute"] == pytest.approx(net.count().macs * price, rel=1e-9)
    assert any(f"{weight_bits}-bit weights and {activation_bits}-bit activations" in note for note in r.notes)


# ---- anchors ------------------------------------------------------------------------------------------------------


def gemm(n=1024):
    layers = [cnn.Layer("x", "input", out=(n,)), cnn.Layer("y", "fc", ("x",), out=(n,), bias=False)]
    return cnn.ConvNet(layers, "gemm")


def test_a_matrix_by_a_vector_as_zigzag_counts_it():
    """ZigZag 3.9.1 on its Eyeriss-like core: 131.13e6 units for weights off the chip, 0.256e6 for activations."""
    r = cnn.energy(gemm(), CARD, 0)
    weights, activations = moved(r, False, "weight"), moved(r, False, "activation")
    assert (weights, activations) == (1 << 20, 2 * 1024)
    assert weights / activations == pytest.approx(131.13 / 0.256, rel=0.01)
    assert moved(cnn.energy(gemm(), CARD, 512 << 10), False, "weight") == 1 << 20
    share = cnn.energy(gemm(), "eyeriss_relative").split()
    assert 0.8 < share["off_chip"]["weight"] / sum(sum(roles.values()) for roles in share.values()) < 1


def test_intensity_off_the_chip_is_that_of_the_table():
    """With room for all but weights: MACs a byte are MACs / (P + input); nothing on the chip: in bursts, all blobs."""
    net = cnn.load("alexnet")
    r = cnn.energy(net, CARD, 1 << 30)
    c = net.count()
    assert r.roofline().intensity == pytest.approx(c.macs / (c.parameters + 3 * 227 * 227), rel=1e-3)
    assert r.roofline().intensity == r.synops / r.bytes_moved(False)


def test_time_is_the_longest_of_its_parts():
    net = cnn.load("alexnet")
    r = cnn.energy(net, CARD, 1 << 20)
    assert r.times.compute == pytest.approx(net.count().macs / 64)
    assert r.time_ns == max(r.times.compute, *r.times.levels.values())
    slow = cnn.energy(net, CARD, Placement(1 << 20, overlap="none"))
    assert slow.time_ns == pytest.approx(r.times.compute + sum(r.times.levels.values()))


# ---- placement ----------------------------------------------------------------------------------------------------


def test_pinned_and_never_kept():
    net = cnn.load("squeezenet_v1_1")
    pinned = cnn.energy(net, CARD, Placement(16 << 20, policy="pin"))
    assert moved(pinned, False, "weight") == 0
    assert "loading what is pinned" in pinned.not_counted
    mixed = cnn.energy(net, CARD, Placement(1 << 20, tensors={"conv1": "pin:core", "*": "off_chip"}))
    first = net.placed[1].parameters
    assert moved(mixed, False, "weight") == net.count().parameters - first
    assert {m.level for m in mixed.counted.ledger if m.on_chip and m.role == "weight"} == {"core"}
    with pytest.raises(CapacityError, match="pinning"):
        cnn.energy(cnn.load("alexnet"), CARD, Placement(1 << 20, policy="pin"))
    away = cnn.energy(net, CARD, Placement(1 << 20, codes="off_chip"))
    assert moved(away, True, "activation") == 0


def test_weights_stay_when_they_fit_beside_the_fullest_moment():
    net = gemm(64)  # 4,096 weights, 128 activations
    for room, resident in ((4096 + 128, True), (4096 + 127, False)):
        r = cnn.energy(net, CARD, room, n_batches=3)
        assert moved(r, False, "weight") == (1 if resident else 3) * 4096
        assert any(("resident" if resident else "streamed") in note for note in r.notes)
    first = cnn.energy(net, CARD, Placement(4096 + 64, spill="activations"), n_batches=3)
    assert moved(first, False, "weight") == 4096
    assert moved(first, False, "activation", ["write"]) == 3 * 64, "the output found no room"


def test_registers_where_the_card_prices_them():
    r = cnn.energy(gemm(16), "eyeriss_relative")
    found = {(m.role, m.what): m.n for m in r.counted.ledger if m.level == "register"}
    n = 256
    assert found == {("weight", "read"): n, ("activation", "read"): n, ("state", "read"): n, ("state", "write"): n}
    assert r.energy_unit == "RF"


def test_what_was_assumed_is_said():
    r = cnn.energy(cnn.load("nin"), CARD)
    text = repr(r)
    for word in ("no fusion", "blob", "8-bit", "streamed", "not counted", "partial sums"):
        assert word in text
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)
        lost = cnn.energy(cnn.load("nin"), "cmos22_lpddr4", weight_bits=32)
    assert any("mul_fp32" in text for text in lost.not_counted)
    with pytest.warns(MixedNodesWarning, match="cmos22_lpddr4"):
        cnn.energy(cnn.load("nin"), "cmos22_lpddr4")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_bits": 0}, "weight_bits: got 0"),
        ({"activation_bits": 33}, "activation_bits: got 33"),
        ({"batch": True}, "batch: got True"),
        ({"n_batches": 0}, "n_batches: got 0"),
        ({"convention": "peak"}, "convention: got 'peak'.*does not say what is read"),
        ({"convention": "blobs"}, "convention: got 'blobs'.*did you mean blob"),
        ({"card": "loihi_sanafe"}, "loihi_sanafe: prices events"),
        ({"card": "crossbar"}, "crossbar: computes in a crossbar"),
        ({"placement": Placement(popularity="uniform")}, "placement: got popularity"),
        ({"placement": Placement(weight_bits=4)}, "placement: got weight_bits"),
        ({"placement": Placement(batch=4)}, "placement: got batch"),
        ({"placement": Placement(tensors={"conv9*9": "pin"})}, "conv9.*no such layer"),
    ],
)
def test_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        cnn.energy(cnn.load("nin"), options.pop("card", CARD), options.pop("placement", None), **options)


def test_the_same_every_time():
    reports = [cnn.energy(cnn.load("googlenet"), CARD) for _ in range(2)]
    assert reports[0].total_pj == reports[1].total_pj
    assert np.array_equal(*(r.table(by=("projection", "what"))["n"] for r in reports))
