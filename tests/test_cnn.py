"""Layer shapes, counting conventions, layer tables in and out: against slow twins, laws, and refused input."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import cnn_reference as twin

from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.files.table import Table
from sdrsim.hardware import cnn
from sdrsim.hardware.cnn import shapes
from sdrsim.hardware.cnn.conventions import lifetimes
from sdrsim.hardware.cnn.layers import LAYER_TYPES, OVERWRITES

SIDES = st.integers(1, 6)


def pairs(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def layer_lists(draw):
    """Small networks: every layer reads what is there, some overwrite it, branches stay open."""
    layers = [cnn.Layer("in0", "input", out=(draw(st.integers(1, 4)), draw(SIDES), draw(SIDES)))]
    readable = {"in0": layers[0].out}
    for i in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from([t for t in LAYER_TYPES if t != "input"]))
        name = draw(st.sampled_from(sorted(readable)))
        layer = draw(layers_on(f"l{i}", kind, name, readable))
        if layer is None:
            continue
        layers.append(layer)
        made = twin.outputs(layer, [readable[n] for n in layer.inputs], "caffe")
        names = [f"l{i}:{part}" for part in range(len(made))] if kind == "slice" else [f"l{i}"]
        if layer.in_place:
            del readable[name]
        readable |= {n: a.shape for n, a in zip(names, made)}
    return layers


@st.composite
def layers_on(draw, name, kind, of, readable):
    """A layer that fits what it reads, or None."""
    shape = readable[of]
    if kind in ("conv", "max_pool", "average_pool"):
        if len(shape) != 3:
            return None
        kernel = (draw(st.integers(1, shape[1])), draw(st.integers(1, shape[2])))
        stride, pad = draw(pairs(1, 3)), tuple(draw(st.integers(0, k - 1)) for k in kernel)
        if kind != "conv":
            sizes = {} if draw(st.booleans()) else {"kernel": kernel, "stride": stride, "pad": pad}
            return cnn.Layer(name, kind, (of,), **sizes)
        groups = draw(st.sampled_from([g for g in range(1, shape[0] + 1) if shape[0] % g == 0]))
        out = groups * draw(st.integers(1, 3))
        bias = draw(st.booleans())
        return cnn.Layer(name, kind, (of,), (out,), kernel, stride, pad, groups=groups, bias=bias)
    if kind == "fc":
        return cnn.Layer(name, kind, (of,), (draw(st.integers(1, 5)),), bias=draw(st.booleans()))
    if kind == "slice":
        cut = draw(st.integers(1, shape[0]))
        return cnn.Layer(name, kind, (of,), (cut, shape[0] - cut) if cut < shape[0] else (cut,))
    if kind == "shuffle":
        return cnn.Layer(name, kind, (of,), groups=shape[0])
    if kind in ("concat", "eltwise"):
        fits = [n for n, s in readable.items() if (s if kind == "eltwise" else s[1:]) == shape[kind == "concat" :]]
        others = draw(st.lists(st.sampled_from(sorted(fits)), min_size=1, max_size=3))
        in_place = kind == "eltwise" and of not in others and draw(st.booleans())
        return cnn.Layer(name, kind, (of, *others), in_place=in_place)
    return cnn.Layer(name, kind, (of,), in_place=kind in OVERWRITES and draw(st.booleans()))


# ---- shapes -------------------------------------------------------------------------------------------------------


@given(st.integers(1, 40), st.integers(1, 11), st.integers(1, 5), st.integers(0, 6), st.integers(1, 3))
def test_convolution_walks_all_windows_that_fit(size, kernel, stride, pad, dilation):
    assert max(shapes.conv_size(size, kernel, stride, pad, dilation), 0) == len(
        twin.windows(size, kernel, stride, pad, dilation)
    )


@given(st.integers(1, 40), st.integers(1, 11), st.integers(1, 5), st.data())
def test_pools_walk_their_windows(size, kernel, stride, data):
    pad = data.draw(st.integers(0, kernel - 1))
    fitting = twin.windows(size, kernel, stride, pad)
    assert max(shapes.pool_size(size, kernel, stride, pad, "torch"), 0) == len(fitting)
    if fitting:
        hanging = shapes.pool_size(size, kernel, stride, pad, "caffe")
        assert hanging == len(twin.caffe_windows(size, kernel, stride, pad))
        assert (hanging - 1) * stride < size + pad, "the last window begins on the map"


@pytest.mark.parametrize(
    ("layer", "inputs", "expected"),
    [
        (cnn.Layer("c", "conv", ("x",), (64,), (7, 7), (2, 2), (3, 3)), [(3, 224, 224)], (64, 112, 112)),
        (cnn.Layer("c", "conv", ("x",), (8,), (1, 7), pad=(0, 3)), [(4, 17, 17)], (8, 17, 17)),
        (cnn.Layer("c", "conv", ("x",), (8,), (3, 3), dilation=(2, 2), groups=4), [(4, 9, 9)], (8, 5, 5)),
        (cnn.Layer("p", "max_pool", ("x",), kernel=(3, 3), stride=(2, 2)), [(5, 112, 112)], (5, 56, 56)),
        (cnn.Layer("p", "average_pool", ("x",)), [(5, 7, 9)], (5, 1, 1)),
        (cnn.Layer("f", "fc", ("x",), (10,)), [(5, 7, 9)], (10,)),
        (cnn.Layer("f", "flatten", ("x",)), [(5, 7, 9)], (315,)),
        (cnn.Layer("c", "concat", ("x", "y")), [(5, 7, 9), (1, 7, 9)], (6, 7, 9)),
        (cnn.Layer("c", "concat", ("x", "y")), [(5,), (1,)], (6,)),
        (cnn.Layer("e", "eltwise", ("x", "y")), [(5, 7, 9), (5, 1, 1)], (5, 7, 9)),
        (cnn.Layer("s", "shuffle", ("x",), groups=5), [(5, 7, 9)], (5, 7, 9)),
        (cnn.Layer("s", "softmax", ("x",)), [(5,)], (5,)),
    ],
)
def test_shape_rules(layer, inputs, expected):
    assert shapes.out_shapes(layer, tuple(inputs)) == (expected,)


def test_slice_has_several_outputs():
    cut = cnn.Layer("s", "slice", ("x",), (2, 3))
    assert shapes.out_shapes(cut, ((5, 7, 9),)) == ((2, 7, 9), (3, 7, 9))


def test_grouped_convolution_shares_the_work():
    def counted(groups):
        layer = cnn.Layer("c", "conv", ("x",), (12,), (3, 3), pad=(1, 1), groups=groups, bias=False)
        return shapes.parameters(layer, (6, 8, 8)), shapes.macs(layer, (6, 8, 8), (12, 8, 8))

    assert counted(1) == (12 * 6 * 9, 12 * 6 * 9 * 64)
    assert counted(3) == (12 * 2 * 9, 12 * 2 * 9 * 64)


# ---- conventions --------------------------------------------------------------------------------------------------


@given(layer_lists())
def test_counts_equal_the_twin(layers):
    net, expected = cnn.ConvNet(layers), twin.count(layers)
    for convention in cnn.CONVENTIONS:
        c = net.count(convention)
        assert (c.parameters, c.macs) == (expected["parameters"], expected["macs"])
        assert c.activations == expected[convention], convention
    assert net.table("peak")["live_elements"].tolist() == expected["live"]
    assert twin.live_by_looking(expected["touched"], expected["sizes"]) == expected["live"]


@given(layer_lists(), st.sampled_from(["caffe", "torch"]))
def test_laws_of_the_conventions(layers, pool):
    net = cnn.ConvNet(layers, pool=pool)
    n = {convention: net.count(convention).activations for convention in cnn.CONVENTIONS}
    largest = max(max(math.prod(shape) for shape in p.in_shapes + p.out_shapes) for p in net.placed)
    assert n["conv"] <= n["blob"] <= n["netscope"]
    assert n["conv"] <= n["conv_io"]
    assert largest <= n["peak"] <= n["blob"]
    assert all(type(count) is int for count in n.values())
    assert min(last - first for first, last in lifetimes(net.placed).values()) >= 0


@given(layer_lists())
def test_without_layers_in_place_blob_is_netscope(layers):
    kept = [cnn.Layer(**{**vars(layer), "in_place": False}) for layer in layers]
    net = cnn.ConvNet(kept)
    assert net.count("blob").activations == net.count("netscope").activations
    assert net.count("netscope") == cnn.ConvNet(layers).count("netscope")


@given(layer_lists())
def test_tables_add_up(layers):
    net = cnn.ConvNet(layers)
    for convention in cnn.CONVENTIONS:
        table, c = net.table(convention), net.count(convention)
        total = table["activations"].max() if convention == "peak" else table["activations"].sum()
        assert (table["parameters"].sum(), table["macs"].sum(), total) == (c.parameters, c.macs, c.activations)
        assert set(table.units) >= {"parameters", "activations"}
        assert cnn.CONVENTIONS[convention] in table.descriptions["activations"]


def test_peak_frees_what_nobody_needs():
    b = cnn.Builder(4, channels=1)  # 16 elements
    trunk = b.conv(2, 1)  # 32
    b.relu(b.conv(3, 1))  # 48, in place
    b.eltwise(trunk, b.conv(2, 1))  # trunk is kept for the sum
    assert b.net("small").table("peak")["live_elements"].tolist() == [16, 48, 80, 80, 112, 96]


def test_outputs_stay_to_the_end():
    b = cnn.Builder(4, channels=1)
    b.conv(2, 1, of="data")  # nobody reads it
    b.conv(1, 1, of="data")
    assert b.net("two heads").table("peak")["live_elements"].tolist() == [16, 48, 64]


def test_intensity():
    net = cnn.load("squeezenet_v1_0")
    c = net.count("blob")
    assert net.intensity() == c.intensity() == c.macs / (c.parameters + c.activations)
    assert net.intensity(batch=8) == 8 * c.macs / (c.parameters + 8 * c.activations)
    many = [net.intensity("netscope", batch) for batch in (1, 2, 16, 10**9)]
    assert many == sorted(many)
    assert many[-1] == pytest.approx(c.macs / net.count("netscope").activations, rel=1e-6)
    for batch in (0, -1, 2.0, True):
        with pytest.raises(ParameterError, match="batch: got"):
            net.intensity(batch=batch)


def test_network_without_parameters():
    c = cnn.Builder(4).net("image alone").count()
    assert (c.parameters, c.activations, c.macs, c.intensity()) == (0, 48, 0, 0.0)
    assert c.activations_per_parameter == math.inf


# ---- the library --------------------------------------------------------------------------------------------------


def test_names():
    wanted = """resnet50 densenet121 mobilenet_v1 mobilenet_v2 squeezenet_v1_0 squeezenet_v1_1 shufflenet_v1_g3
    shufflenet_v2 googlenet inception_v3 vgg16 alexnet"""
    assert set(wanted.split()) < set(cnn.names())
    assert len(cnn.names()) == 25


@pytest.mark.parametrize("name", cnn.names())
def test_every_network(name):
    net = cnn.load(name)
    expected = twin.count(net.layers)
    for convention in cnn.CONVENTIONS:
        c = net.count(convention)
        assert [c.parameters, c.macs, c.activations] == [expected[what] for what in ("parameters", "macs", convention)]
    assert net.count() == cnn.load(net.title).count(), "the printed name finds it too"
    assert net.source
    assert net.placed[-1].out_elements in (1000, 1024), "a class each; ZynqNet rounds up"
    assert cnn.from_rows(cnn.layer_table(net)) == net
    assert f"{net.count().parameters:,} parameters" in repr(net)
    assert net.title in net._repr_html_()


def test_other_sizes_and_pools():
    net = cnn.load("resnet50")
    torch = net.replace(pool="torch", input_px=160)
    assert (torch.pool, torch.input_shape) == ("torch", (3, 160, 160))
    assert torch == cnn.load("resnet50", pool="torch", input_px=160)
    assert torch != net
    assert torch.count().parameters == net.count().parameters
    expected = twin.count(torch.layers, "torch")
    assert [torch.count(c).activations for c in cnn.CONVENTIONS] == [expected[c] for c in cnn.CONVENTIONS]
    assert len({net, cnn.load("resnet50"), torch}) == 2
    with pytest.raises(ParameterError, match="kernel: got 3x3 on"):
        cnn.load("alexnet", input_px=16)
    with pytest.raises(ParameterError, match="input_px: got 5; expected a network that reads images"):
        cnn.ConvNet([cnn.Layer("x", "input", out=(5,))]).replace(input_px=8)


def test_summary():
    own = cnn.Builder(8).net("own")
    table = cnn.summary(["nin", own])
    assert table["network"].tolist() == ["nin", "own"]
    assert table["netscope"].tolist() == [cnn.load("nin").count("netscope").activations, 192]
    assert table["blob_per_parameter"][1] == math.inf
    assert set(table.units.values()) == {"px", "elements"}


@pytest.mark.parametrize(("name", "near"), [("resnet51", "resnet50"), ("squeezenet", "squeezenet_v1_1"), (7, "a path")])
def test_unknown_network(name, near):
    with pytest.raises(ParameterError, match=f"network: got {name!r}.*{near}"):
        cnn.load(name)


def test_unknown_convention_and_rule():
    net = cnn.Builder(8).net("own")
    for ask in (net.count, net.table, net.intensity):
        with pytest.raises(ParameterError, match=r"convention: got 'netscop'.*did you mean netscope"):
            ask("netscop")
    with pytest.raises(ParameterError, match="pool: got 'tf'"):
        net.replace(pool="tf")


# ---- layers that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"type": "convo", "inputs": ("x",)}, "type: got 'convo'.*did you mean conv"),
        (
            {"type": "relu", "inputs": ("x",), "kernel": (3, 3)},
            r"kernel: got \(3, 3\); expected nothing: relu has none",
        ),
        ({"type": "conv", "inputs": ("x",), "kernel": (3, 3)}, "out: got nothing"),
        ({"type": "conv", "inputs": ("x",), "out": (8,)}, "kernel: got nothing"),
        ({"type": "conv", "inputs": ("x",), "out": (8,), "kernel": (3,)}, "kernel: got 1 numbers; expected 2"),
        ({"type": "conv", "inputs": ("x",), "out": (8,), "kernel": 3}, "kernel: got 3; expected a tuple"),
        ({"type": "conv", "inputs": ("x",), "out": (8,), "kernel": (3, 0)}, "kernel: got 0"),
        ({"type": "conv", "inputs": ("x",), "out": (8,), "kernel": (3, 3), "stride": (0, 1)}, "stride: got 0"),
        ({"type": "conv", "inputs": ("x",), "out": (8,), "kernel": (3, 3), "pad": (-1, 0)}, "pad: got -1"),
        ({"type": "conv", "inputs": ("x",), "out": (8,), "kernel": (3, 3), "groups": 0}, "groups: got 0"),
        ({"type": "conv", "inputs": ("x",), "out": (8.5,), "kernel": (3, 3)}, "out: got 8.5"),
        ({"type": "fc", "inputs": ("x",), "out": (8,), "bias": "no"}, "bias: got 'no'"),
        ({"type": "conv", "inputs": ("x", "y"), "out": (8,), "kernel": (1, 1)}, "inputs: got x y; expected one"),
        ({"type": "concat", "inputs": ("x",)}, "inputs: got x; expected two or more"),
        ({"type": "input", "inputs": ("x",), "out": (3,)}, "inputs: got x; expected none"),
        ({"type": "input", "out": (3, 4)}, "out: got 2 numbers; expected 1 or 3"),
        ({"type": "relu", "inputs": "x"}, "inputs: got 'x'; expected a tuple of names"),
        ({"type": "lrn", "inputs": ("x",), "in_place": True}, "in_place: got yes for lrn"),
        ({"type": "relu", "inputs": ("x",), "in_place": "yes"}, "in_place: got 'yes'"),
    ],
)
def test_refused_layers(options, message):
    with pytest.raises(ParameterError, match=f"layer 'l', {message}"):
        cnn.Layer("l", **options)


@pytest.mark.parametrize("name", ["", "two words", "a:0", 3])
def test_refused_layer_names(name):
    with pytest.raises(ParameterError, match="layer name"):
        cnn.Layer(name, "input", out=(3, 8, 8))


IMAGE = cnn.Layer("x", "input", out=(4, 8, 8))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "layers: got none"),
        ([IMAGE, IMAGE], "layer 'x', name: got a second one"),
        ([IMAGE, cnn.Layer("r", "relu", ("xx",))], "layer 'r', inputs: got 'xx'.*did you mean x"),
        ([cnn.Layer("r", "relu", ("x",)), IMAGE], "layer 'r', inputs: got 'x'; expected a layer that stands before it"),
        ([IMAGE, cnn.Layer("s", "slice", ("x",), (1, 2))], "layer 's', out: got 1x2, 3 channels; expected 4"),
        ([IMAGE, cnn.Layer("s", "slice", ("x",), (1, 3)), cnn.Layer("r", "relu", ("s",))], "did you mean s:"),
        ([IMAGE, cnn.Layer("c", "conv", ("x",), (6,), (1, 1), groups=3)], "groups: got 3; expected a divisor of 4"),
        ([IMAGE, cnn.Layer("c", "conv", ("x",), (6,), (1, 1), groups=4)], "groups: got 4; expected a divisor of 6"),
        ([IMAGE, cnn.Layer("c", "conv", ("x",), (6,), (9, 1))], "kernel: got 9x1 on 8x8"),
        ([IMAGE, cnn.Layer("c", "max_pool", ("x",), kernel=(2, 2), pad=(2, 0))], "pad: got 2; expected below"),
        ([IMAGE, cnn.Layer("s", "shuffle", ("x",), groups=3)], "groups: got 3; expected a divisor of 4"),
        (
            [IMAGE, cnn.Layer("f", "flatten", ("x",)), cnn.Layer("e", "eltwise", ("x", "f"))],
            "layer 'e', inputs: got 4x8x8 and 256; expected the same shape",
        ),
        (
            [IMAGE, cnn.Layer("p", "max_pool", ("x",)), cnn.Layer("c", "concat", ("x", "p"))],
            "layer 'c', inputs: got 4x8x8 and 4x1x1; expected the same height and width",
        ),
        (
            [IMAGE, cnn.Layer("f", "fc", ("x",), (9,)), cnn.Layer("c", "conv", ("f",), (6,), (1, 1))],
            "layer 'c', input: got 9; expected channels x height x width",
        ),
        (
            [IMAGE, cnn.Layer("r", "relu", ("x",), in_place=True), cnn.Layer("e", "eltwise", ("r", "x"))],
            "layer 'e', inputs: got 'x', overwritten by 'r'.*read 'r'",
        ),
    ],
)
def test_refused_networks(layers, message):
    with pytest.raises(ParameterError, match=message):
        cnn.ConvNet(layers)


# ---- tables in and out --------------------------------------------------------------------------------------------


@given(layer_lists())
def test_rows_round_trip(layers):
    net = cnn.ConvNet(layers)
    assert cnn.from_rows(cnn.layer_table(net)) == net


SMALL = """# a small one
name,type,inputs,out,kernel,stride,pad,groups,bias,in_place
x,input,,3x8x8,,,,,,
c1,Conv2d,,6,3,1,1,,no,

b1,BatchNorm,,,,,,,,yes
s,slice,b1,2 4,,,,,,
c2,conv,s:0,4,1x3,,0x1,2,,
e,add,c2 s:1,,,,,,,
p,max_pool,,,2,2,,,,
f,Linear,,10,,,,,,
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="small.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_csv_file(written):
    net = cnn.load(written(SMALL))
    b = cnn.Builder(8)
    b.conv(6, 3, pad=1, bias=False)
    left, right = b.slice(2, 4, of=b.bn())
    b.eltwise(b.conv(4, (1, 3), pad=(0, 1), groups=2, of=left), right)
    b.max_pool(2, 2)
    b.fc(10)
    assert [net.count(c).activations for c in cnn.CONVENTIONS] == [
        b.net("small").count(c).activations for c in cnn.CONVENTIONS
    ]
    assert net.count() == b.net("small").count()
    assert net.layers[3].inputs == ("b1",)
    assert cnn.load(written(b"\xef\xbb\xbf" + SMALL.encode().replace(b"\n", b"\r\n"))) == net, "as Excel saves it"
    assert cnn.load(str(cnn.layer_table(net).to_csv(written("", "again.csv")))) == net


TOML = """
name = "small"
title = "A small network"
source = "made up"
pool = "torch"
[[layers]]
name = "x"
type = "input"
out = [3, 9, 9]
[[layers]]
name = "c1"
type = "conv"
out = 6
kernel = [1, 3]
pad = "0x1"
bias = false
[[layers]]
name = "p1"
type = "max_pool"
kernel = 2
stride = 2
[[layers]]
name = "j"
type = "concat"
inputs = ["p1", "p1"]
"""


def test_toml_file(written):
    net = cnn.load(written(TOML, "any.toml"))
    assert (net.name, net.title, net.source, net.pool) == ("small", "A small network", "made up", "torch")
    assert net.placed[-1].out_shapes == ((12, 4, 4),)
    assert cnn.load(written(TOML, "any.toml"), pool="caffe").placed[-1].out_shapes == ((12, 5, 5),)
    assert net.layers[1].bias is False


def test_rows_in_memory():
    rows = [
        {"name": "x", "type": "input", "out": (3, 8, 8), "kernel": None},
        {"name": "c", "type": "conv", "out": 4.0, "kernel": 3, "in_place": ""},
    ]
    net = cnn.from_rows(rows)
    assert net.placed[1].out_shapes == ((4, 6, 6),)
    columns = {"name": ["x", "c"], "type": ["input", "conv"], "out": ["3x8x8", "4"], "kernel": [None, 3]}
    assert cnn.from_rows(Table(columns)) == net, "NaN is no value"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Conv2d", "Conv5d", r"small.csv, line 4, layer 'c1', type: got 'conv5d'.*did you mean conv"),
        ("kernel,", "kernle,", r"small.csv, line 3, column: got 'kernle'.*did you mean kernel"),
        ("3x8x8", "3x8", "small.csv, line 3, layer 'x', out: got 2 numbers"),
        ("3x8x8", "3*8*8", r"small.csv, line 3, layer 'x', out: got '3\*8\*8'"),
        ("6,3,1,1", "6,3,1,-1", "small.csv, line 4, layer 'c1', pad: got -1"),
        ("no,", "maybe,", "small.csv, line 4, layer 'c1', bias: got 'maybe'; expected yes or no"),
        ("2 4", "2 5", "small.csv, layer 's', out: got 2x5, 7 channels; expected 6"),
        ("c2 s:1", "c2 s:2", "small.csv, layer 'e', inputs: got 's:2'.*did you mean s:"),
        ("c2 s:1", "c2 c1", "small.csv, layer 'e', inputs: got 'c1', overwritten by 'b1'"),
        ("2,2,,,,\nf", "2,,,,,\nf", "small.csv, line 10, layer 'p', stride: got nothing"),
        ("p,max_pool,", "p,max_pool", "small.csv, line 10: got 9 cells; expected 10"),
        ("p,max_pool", ",max_pool", "small.csv, line 10, name: got nothing"),
        ("pad,groups", "pad,pad", "small.csv, line 2: got two columns of one name"),
        ("add", '"add', "small.csv, line 9"),
        ("x,input,,3x8x8,,,,,,\n", "", "small.csv, line 3, layer 'c1', inputs: got none; expected one"),
        (SMALL, "", "small.csv, layers: got none"),
    ],
)
def test_refused_csv(written, old, new, message):
    assert old in SMALL
    with pytest.raises(FileFormatError, match=message):
        cnn.load(written(SMALL.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('pool = "torch"', 'pool = "tf"', "small.toml, pool: got 'tf'"),
        ('source = "made up"', "source = 3", "small.toml, 'source': got 3"),
        ('source = "made up"', 'author = "me"', "small.toml, 'author': got 'me'"),
        ("out = 6", "out = true", "small.toml, layer number 2, layer 'c1', out: got True"),
        ("out = 6", "out = [6", "small.toml: got .*expected TOML"),
        ("out = 6", "outs = 6", "small.toml, layer number 2, column: got 'outs'"),
        ("out = 6", "out = 6.5", "small.toml, layer number 2, layer 'c1', out: got 6.5"),
        (TOML, "layers = 3", "small.toml, layers: got 3"),
    ],
)
def test_refused_toml(written, old, new, message):
    assert old in TOML
    with pytest.raises(FileFormatError, match=message):
        cnn.load(written(TOML.replace(old, new, 1), "small.toml"))


def test_refused_files(written, tmp_path):
    with pytest.raises(FileFormatError, match=r"none\.csv: got No such file"):
        cnn.load(tmp_path / "none.csv")
    with pytest.raises(FileFormatError, match=r"net\.prototxt: got '\.prototxt'"):
        cnn.read_layers(tmp_path / "net.prototxt")
    with pytest.raises(FileFormatError, match="got bytes that are not UTF-8"):
        cnn.load(written(b"name,type\n\xff\xfe,input\n"))
    with pytest.raises(ParameterError, match="row 1, layer 'c', kernel: got 'three'"):
        cnn.from_rows([{"name": "x", "type": "input", "out": 5}, {"name": "c", "type": "conv", "kernel": "three"}])
