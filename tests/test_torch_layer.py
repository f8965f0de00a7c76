"""Torch layers: gradients against differences, alpha's too; equal to the solver; shapes; learning; no torch."""

import copy
import doctest
import math
import subprocess
import sys

import numpy as np
import pytest

from sdrsim.errors import ParameterError, SdrsimError
from sdrsim.models.hopfield import entmax, torch_layer
from sdrsim.models.hopfield.torch_layer import GSH, GSHLayer, GSHPooling, STanHopBlock, entmax_function

try:
    import torch
except ModuleNotFoundError:
    torch = None
needs_torch = pytest.mark.skipif(torch is None, reason='needs torch: pip install "sdrsim[torch]"')
absent = pytest.mark.skipif(torch is not None, reason="torch is installed")
ALPHAS = (1.0, 1.001, 1.2, 1.5, 1.9, 2.0, 3.0)
BLOCK = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Blocked())
"""


def scores_of(shape, alpha=1.5, seed=0):
    """Normal scores such that no score is near the edge of a support, for the alphas given."""
    for item in range(1000):
        z = np.random.default_rng([seed, item]).standard_normal(shape)
        if min(edge_gap(row, a) for row in z.reshape(-1, shape[-1]) for a in np.ravel(alpha)) > 1e-3:
            return torch.tensor(z, requires_grad=True)
    raise AssertionError("no such scores")


def edge_gap(z, a):
    """How far (a - 1) z is from the root tau, at the nearest score."""
    p = entmax(z, a)
    top = int(p.argmax())
    tau = (a - 1) * z[top] - p[top] ** (a - 1)
    return np.abs((a - 1) * z - tau).min() if a > 1 else math.inf


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


# ---- entmax -------------------------------------------------------------------------------------------------------


@needs_torch
@pytest.mark.parametrize("alpha", [*ALPHAS, math.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_forward_is_the_solver_to_the_bit(alpha, dtype):
    z = np.random.default_rng(1).standard_normal((2, 3, 50)).astype(dtype)
    p = entmax_function(torch.from_numpy(z), alpha)
    assert p.dtype == getattr(torch, dtype)
    np.testing.assert_array_equal(p.numpy(), entmax(z.reshape(6, 50), alpha).reshape(z.shape))
    turned = torch.from_numpy(np.ascontiguousarray(z.transpose(0, 2, 1))).transpose(1, 2)  # not contiguous
    assert torch.equal(entmax_function(turned, alpha), p)


@needs_torch
@pytest.mark.parametrize("alpha", ALPHAS)
def test_gradient_of_scores(alpha):
    for shape in ((7,), (4, 9), (2, 3, 5)):
        z = scores_of(shape, alpha)
        assert torch.autograd.gradcheck(lambda z: entmax_function(z, alpha), (z,))


@needs_torch
@pytest.mark.parametrize("alpha", [a for a in ALPHAS if a > 1])
def test_gradient_of_scores_and_alpha(alpha):
    z = scores_of((4, 9), alpha)
    one = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(entmax_function, (z, one))


@needs_torch
def test_gradient_of_many_alphas():
    """One a head, as (heads, 1, 1), and one a row."""
    for shape in ((3, 1, 1), (2, 3, 4, 1)):
        alphas = 1.1 + 0.8 * torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        full = alphas.expand(2, 3, 4, 1)
        rows = [scores_of((6,), float(a), i) for i, a in enumerate(full.ravel())]
        z = torch.stack([row.detach() for row in rows]).reshape(2, 3, 4, 6).requires_grad_()
        p = entmax_function(z, alphas)
        each = [entmax(row.detach().numpy(), float(a)) for row, a in zip(rows, full.ravel())]
        np.testing.assert_array_equal(p.detach().numpy().reshape(-1, 6), each)
        assert torch.autograd.gradcheck(entmax_function, (z, alphas.requires_grad_()))


@needs_torch
@pytest.mark.parametrize("alpha", [1.001, 1.2, 1.5, 1.9])
def test_alpha_gradient_by_differences(alpha):
    """Through the logistic map that keeps a learned alpha within (1, 2)."""
    z, h = scores_of((5, 12), alpha).detach(), 1e-5
    target = torch.from_numpy(np.random.default_rng(3).standard_normal((5, 12)))
    w = torch.tensor(math.log((alpha - 1) / (2 - alpha)), dtype=torch.float64, requires_grad=True)

    def loss(w):
        return (entmax_function(z, 1 + torch.sigmoid(w)) * target).sum()

    loss(w).backward()
    with torch.no_grad():
        difference = (loss(w + h) - loss(w - h)) / (2 * h)
    assert w.grad.item() == pytest.approx(difference.item(), rel=1e-6, abs=1e-9)


@needs_torch
def test_alpha_gradient_at_one_is_that_from_the_right():
    z = scores_of((3, 8)).detach()
    target = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 8)))
    alpha, h = torch.tensor(1.0, dtype=torch.float64, requires_grad=True), 1e-5
    (entmax_function(z, alpha) * target).sum().backward()
    at = [(entmax_function(z, 1 + k * h) * target).sum().item() for k in range(3)]
    assert alpha.grad.item() == pytest.approx((-3 * at[0] + 4 * at[1] - at[2]) / (2 * h), rel=1e-6)


@needs_torch
def test_one_winner_has_no_gradient():
    z = torch.tensor([[3.0, 0.5, -1.0]], requires_grad=True)
    alpha = torch.tensor(1.5, requires_grad=True)
    (entmax_function(z, alpha) * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert z.grad.tolist() == [[0.0, 0.0, 0.0]]
    assert alpha.grad.item() == 0.0


@needs_torch
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_goes_by_way_of_single(dtype):
    """Scores near the largest numbers of float16 give no NaN."""
    z = (torch.randn(4, 20, generator=torch.Generator().manual_seed(0)) * 1e4).to(getattr(torch, dtype))
    z.requires_grad_()
    p = entmax_function(z, 1.5)
    assert p.dtype == z.dtype
    assert torch.equal(p, entmax_function(z.float(), 1.5).to(z.dtype))
    p.sum().backward()
    assert z.grad.dtype == z.dtype
    assert torch.isfinite(z.grad).all()


@needs_torch
def test_no_rows_and_second_derivatives():
    assert entmax_function(torch.empty(0, 4)).shape == (0, 4)
    z = scores_of((5,))
    with pytest.raises(SdrsimError, match="create_graph=True; expected first derivatives alone"):
        torch.autograd.grad((entmax_function(z) + z**2)[0], z, create_graph=True)


@needs_torch
@pytest.mark.parametrize(
    ("scores", "alpha", "text"),
    [
        ([1.0, 2.0], 1.5, r"scores: got list; expected a tensor"),
        (lambda: torch.tensor([1, 2]), 1.5, "scores: got torch.int64"),
        (lambda: torch.tensor(1.0), 1.5, "scores: got torch.float32"),
        (lambda: torch.empty(3, 0), 1.5, "scores: got torch.float32"),
        (lambda: torch.empty(3, 2, device="meta"), 1.5, "scores: got a tensor on meta"),
        (lambda: torch.eye(3).to_sparse(), 1.5, "scores: got sparse torch.float32"),
        (lambda: torch.zeros(3), lambda: torch.tensor(1.5j), "alpha: got torch.complex64; expected a real number"),
        (lambda: torch.tensor([[0.0, 1.0], [math.nan, 0.0]]), 1.5, "scores of row 1: got nan"),
        (lambda: torch.zeros(3), 0.5, "alpha: got 0.5"),
        (lambda: torch.zeros(3), lambda: torch.tensor(math.nan), "alpha: got nan"),
        (lambda: torch.zeros(4, 3), lambda: torch.full((4,), 1.5), "alpha: got shape"),
        (lambda: torch.zeros(4, 3), lambda: torch.full((1, 4, 1), 1.5), "alpha: got shape"),
    ],
)
def test_refused(scores, alpha, text):
    given = [x() if callable(x) else x for x in (scores, alpha)]
    with pytest.raises(ParameterError, match=text):
        entmax_function(*given)


# ---- layers -------------------------------------------------------------------------------------------------------


@needs_torch
@pytest.mark.parametrize("own_values", [False, True])
@pytest.mark.parametrize("mix", [False, True])
def test_gsh_written_out(mix, own_values):
    """Head by head, query by query, in NumPy."""
    torch.manual_seed(0)
    layer = GSH(6, 2, d_head=4, alpha="per_head", mix=mix, own_values=own_values).double()
    r, y = torch.randn(3, 5, 6).double(), torch.randn(3, 7, 6).double()
    names = ("to_queries", "to_keys", "to_values", "to_result")
    maps = {n: [t.detach().numpy() for t in getattr(layer, n).parameters()] for n in names}
    project = {n: lambda x, w=w, b=b: x @ w.T + b for n, (w, b) in maps.items()}
    with torch.no_grad():
        alphas, results, weights = layer.alpha.ravel().tolist(), layer(r, y).numpy(), layer.weights(r, y).numpy()
    for item in range(3):
        q, k = project["to_queries"](r[item].numpy()), project["to_keys"](y[item].numpy())
        v = project["to_values"](y[item].numpy() if own_values else k)
        heads = []
        for head, alpha in enumerate(alphas):
            at = slice(4 * head, 4 * head + 4)
            p = entmax(q[:, at] @ k[:, at].T / 2, alpha)
            np.testing.assert_allclose(weights[item, head], p, atol=1e-12)
            heads.append(p @ v[:, at])
        merged = np.concatenate(heads).reshape(5, 8) if mix else np.concatenate(heads, 1)
        np.testing.assert_allclose(results[item], project["to_result"](merged), atol=1e-12)


@needs_torch
def test_shapes():
    x = torch.randn(2, 3, 7, 8)
    assert GSH(8)(x[:, :, :4], x).shape == (2, 3, 4, 8)
    assert GSH(8, 3, d_head=5)(x[0, 0], x).shape == (2, 3, 7, 8)
    assert GSHPooling(8, n_queries=5)(x).shape == (2, 3, 5, 8)
    assert GSHPooling(8, n_queries=5, mix=True)(x[0, 0]).shape == (5, 8)
    assert GSHLayer(8, n_patterns=10, mix=True)(x).shape == x.shape
    assert GSHLayer(8).retrieval.weights(x, torch.zeros(10, 8)).shape == (2, 3, 4, 7, 10)
    assert STanHopBlock(8)(x).shape == x.shape


@needs_torch
def test_alpha_of_a_layer():
    assert GSH(8, alpha=2.0).alpha == 2.0
    one, many = GSH(8), GSH(8, alpha="per_head")
    assert one.alpha.shape == ()
    assert many.alpha.shape == (4, 1, 1)
    for w in (-30.0, 0.0, 30.0):
        torch.nn.init.constant_(one.alpha_logit, w)
        assert 1 < one.alpha.item() < 2
    for w in (-1e4, 1e4):  # alpha rounds to 1 and 2: still a number, still with gradients
        torch.nn.init.constant_(one.alpha_logit, w)
        one(torch.randn(3, 8), torch.randn(5, 8)).sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in one.parameters())
    layer = copy.deepcopy(many)
    layer.load_state_dict(GSH(8, alpha="per_head").state_dict())
    assert not torch.equal(layer.alpha, many.alpha)


@needs_torch
@pytest.mark.parametrize("alpha", ["learned", 1.0, 2.0])
def test_mask_equals_the_shorter_memory(alpha):
    torch.manual_seed(1)
    layer = GSHPooling(8, n_queries=2, alpha=alpha).double()
    short = torch.randn(3, 5, 8).double()
    padded = torch.cat([short, 100 * torch.randn(3, 4, 8).double()], 1).requires_grad_()
    mask = (torch.arange(9) < 5).expand(3, 9)
    result = layer(padded, mask)
    torch.testing.assert_close(result, layer(short), rtol=1e-12, atol=1e-12)
    result.sum().backward()
    assert torch.equal(padded.grad[:, 5:], torch.zeros(3, 4, 8).double())
    with pytest.raises(ParameterError, match=r"mask: got torch.int64; expected bool"):
        layer(padded, mask.long())
    with pytest.raises(ParameterError, match="mask: got a row without"):
        layer(padded, mask & (torch.arange(3) > 0)[:, None])


@needs_torch
def test_pooling_forgets_order():
    torch.manual_seed(2)
    layer, x = GSHPooling(8).double(), torch.randn(7, 8).double()
    torch.testing.assert_close(layer(x), layer(x.flip(0)), rtol=1e-12, atol=1e-12)


@needs_torch
def test_dropout_only_while_training():
    torch.manual_seed(3)
    layer, x = GSHLayer(8, dropout=0.5), torch.randn(7, 8)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


@needs_torch
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"n_heads": 3}, "n_heads: got 3; expected a divisor of d_model, 8"),
        ({"n_heads": 0}, "n_heads: got 0"),
        ({"alpha": 0.9}, "alpha: got 0.9"),
        ({"alpha": "learnt"}, "did you mean learned"),
        ({"beta": 0.0}, "beta: got 0.0"),
        ({"dropout": 1.0}, "dropout: got 1.0"),
        ({"d_head": 0}, "d_head: got 0"),
        ({"mix": "yes"}, "mix: got 'yes'; expected True or False"),
        ({"own_values": 1}, "own_values: got 1; expected True or False"),
    ],
)
def test_options_refused(options, text):
    with pytest.raises(ParameterError, match=text):
        GSH(8, **options)


@needs_torch
@pytest.mark.parametrize(
    ("queries", "memory", "mask", "text"),
    [
        ((2, 3, 7), (2, 5, 8), None, r"queries: got shape \(2, 3, 7\); expected \(..., n, 8\)"),
        ((2, 3, 8), (2, 5, 7), None, "memory: got shape"),
        ((8,), (5, 8), None, r"queries: got shape \(8,\)"),
        ((3, 8), (8,), None, r"memory: got shape \(8,\)"),
        ((3, 8), (0, 8), None, r"memory: got shape \(0, 8\); expected at least one pattern"),
        ((2, 3, 8), (4, 5, 8), None, r"memory: got leading axes \(4,\); expected ones that broadcast with \(2,\)"),
        ((2, 3, 8), (2, 5, 8), (2, 4), r"mask: got shape \(2, 4\); expected \(..., 5\), one a pattern"),
        ((2, 3, 8), (2, 5, 8), (3, 5), r"mask: got leading axes \(3,\)"),
        ((2, 3, 8), (2, 5, 8), (), r"mask: got shape \(\)"),
    ],
)
def test_shapes_refused(queries, memory, mask, text):
    layer, mask = GSH(8), None if mask is None else torch.ones(mask, dtype=torch.bool)
    with pytest.raises(ParameterError, match=text):
        layer(torch.zeros(queries), torch.zeros(memory), mask)
    with pytest.raises(ParameterError, match=text):
        layer.weights(torch.zeros(queries), torch.zeros(memory), mask)


@needs_torch
@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda x: x.numpy(), r"got ndarray; expected a tensor .*8\); call torch.as_tensor"),
        (lambda x: None, "got NoneType"),
        (lambda x: x.double(), r"got torch.float64; expected torch.float32, as the layer; call .to\(torch.float32\)"),
        (lambda x: x.long(), "got torch.int64; expected a tensor of real numbers"),
        (lambda x: x.to("meta"), "got a tensor on meta; expected one on cpu"),
        (lambda x: x[..., :7], r"got shape \(2, 3, 4, 7\)"),
        (lambda x: x[0, 0, 0], r"got shape \(8,\)"),
        (lambda x: x + math.nan, "got NaN or infinity; expected finite numbers"),
        (lambda x: x + math.inf, "got NaN or infinity; expected finite numbers"),
        (lambda x: x + 3e38, "scores: got NaN or infinity; .*scale what it is given"),
    ],
)
def test_inputs_refused(change, text):
    torch.manual_seed(8)
    x = torch.randn(2, 3, 4, 8)
    layers = {"memory": GSHPooling(8), "queries": GSHLayer(8), "patches": STanHopBlock(8), "either": GSH(8)}
    with torch.no_grad():
        for layer in layers.values():
            for parameter in layer.parameters():
                parameter.add_(1.0)  # so that large numbers cannot cancel out
    for name, layer in layers.items():
        for given in [(change(x),)] if name != "either" else [(change(x), x), (x, change(x))]:
            with pytest.raises(ParameterError, match=text):
                layer(*given)


@needs_torch
def test_half_precision_by_autocast():
    """There a layer takes what its own weights are not."""
    layer, x = GSHLayer(8), torch.randn(3, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.isfinite(layer(x.to(torch.bfloat16))).all()


@needs_torch
@pytest.mark.parametrize("kind", [GSHPooling, GSHLayer])
def test_gradients_of_layers(kind):
    torch.manual_seed(4)
    layer, x = kind(4, 3, 2).double(), torch.randn(5, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: layer(x), (x, *layer.parameters()))


@needs_torch
def test_gradients_of_the_block():
    """Of the input, and of all parameters, the three alphas among them."""
    torch.manual_seed(5)
    block = STanHopBlock(4, 2, d_ff=3, n_patterns=3).double()
    x = torch.randn(1, 2, 3, 4).double().requires_grad_()
    parameters = dict(block.named_parameters())
    assert sum(name.endswith("alpha_logit") for name in parameters) == 3
    assert torch.autograd.gradcheck(lambda x, *_: block(x), (x, *parameters.values()), fast_mode=True)


@needs_torch
def test_block_written_out():
    """Series by series along time, then patch by patch across series; the learned patterns' answer is added to."""
    torch.manual_seed(6)
    block, x = STanHopBlock(8, d_ff=5, n_patterns=3).double(), torch.randn(2, 3, 4, 8).double()
    for parameter in block.norms.parameters():
        torch.nn.init.normal_(parameter)
    (time, mlp_time, series, mlp_series), expected = block.norms, torch.empty_like(x)
    for item in range(2):
        rows = [time(one + block.along_time(one, one)) for one in x[item]]
        after = torch.stack([mlp_time(one + block.time_perceptron(one)) for one in rows])
        for patch in range(4):
            one = after[:, patch]
            one = series(block.learned_series(one) + block.across_series(one, one))
            expected[item, :, patch] = mlp_series(one + block.series_perceptron(one))
    torch.testing.assert_close(block(x), expected, rtol=1e-12, atol=1e-12)


@needs_torch
@pytest.mark.parametrize("kind", ["pooling", "layer", "block"])
def test_a_small_loss_falls(kind):
    torch.manual_seed(7)
    x = torch.randn(16, 3, 5, 8)
    model = {"pooling": GSHPooling(8, 5), "layer": GSHLayer(8), "block": STanHopBlock(8)}[kind]
    target = torch.randn(16, 3, 5, 8) * 0.1 + x.mean(-2, keepdim=True)
    descent = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        descent.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), target)
        loss.backward()
        descent.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@needs_torch
def test_examples_run():
    """They are skipped where all docstrings are run, for want of torch."""
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    for name in torch_layer.__all__:
        text = getattr(torch_layer, name).__doc__.replace("  # doctest: +SKIP", "")
        runner.run(parser.get_doctest(text, vars(torch_layer).copy(), name, None, None))
    assert runner.tries >= 2 * len(torch_layer.__all__)
    assert runner.failures == 0


# ---- without torch ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made", ["GSH(8)", "GSHPooling(8)", "GSHLayer(8)", "STanHopBlock(8)", "entmax_function([1.0])"]
)
def test_without_torch_it_says_what_to_install(made):
    program = f"""{BLOCK}
from sdrsim.errors import SdrsimError
from sdrsim.models.hopfield.torch_layer import *
try:
    {made}
except SdrsimError as error:
    print(error)
"""
    said = 'sdrsim.models.hopfield.torch_layer: got no torch here; pip install "sdrsim[torch]"'
    assert run(program).strip() == said


@absent
def test_without_torch_in_this_process():
    with pytest.raises(SdrsimError, match=r'pip install "sdrsim\[torch\]"'):
        GSHPooling(8)
    with pytest.raises(SdrsimError, match=r'pip install "sdrsim\[torch\]"'):
        entmax_function(None)


def test_a_broken_torch_is_not_hidden(tmp_path):
    (tmp_path / "torch.py").write_text("import no_part_of_torch\n", encoding="utf-8")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
try:
    import sdrsim.models.hopfield.torch_layer
except ModuleNotFoundError as error:
    print(error.name)
"""
    assert run(program).strip() == "no_part_of_torch"


@pytest.mark.parametrize("text", ["import sdrsim", "from sdrsim.models.hopfield import SparseHopfield, entmax, theory"])
def test_nothing_else_imports_torch(text):
    assert run(f"import sys\n{text}\nprint('torch' in sys.modules)").strip() == "False"
