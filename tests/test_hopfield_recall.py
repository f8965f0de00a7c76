"""SparseHopfield at its edges: null score, margins, nothing stored, sharp roots, ties, later passes side by side."""

import numpy as np
import pytest

from sdrsim import SDR, patterns
from sdrsim.errors import NetworkError, ParameterError, SdrsimError
from sdrsim.models.hopfield import PatternField, SequenceMemory, SparseHopfield, entmax


def rows(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def dense_weights(r):
    w = np.zeros((len(r.support), r.support.size))
    w[np.repeat(np.arange(len(w)), r.support.n_active), r.support.indices] = r.weights
    return w


# ---- nothing stored -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [np.zeros((0, 4)), SDR.from_indices([], 4)], ids=["numbers", "codes"])
def test_a_memory_of_no_patterns_is_an_empty_one(what, tmp_path):
    h = SparseHopfield(beta=1.0)
    assert h.store(what).n_items == 0
    held = np.zeros((1, 4), np.bool_ if isinstance(what, SDR) else np.float64)
    loaded = SparseHopfield.load(h.save(tmp_path / "none.h5"))
    for memory in (h, loaded):
        assert (memory.n_stored, memory.d) == (0, 4)
        for ask in (memory.recall, memory.scores, memory.energy):
            with pytest.raises(ParameterError, match="nothing stored"):
                ask(held)
        memory.store(np.eye(4, dtype=held.dtype))
        assert memory.recall(np.eye(4, dtype=held.dtype)[:1]).states.shape == (1, 4)


# ---- one more score of 0 --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2", "l1"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("beta", [0.02, 0.3, 40.0])
def test_the_null_score_stands_beside_whole_scores(similarity, dtype, beta):
    y, x = rows(60, 7), np.concatenate([rows(9, 7, 1), 0.1 * rows(3, 7, 2)])
    h = SparseHopfield(beta=beta, similarity=similarity, separation="softmax1", dtype=dtype)
    h.store(y)
    r, z = h.recall(x), beta * h.scores(x.astype(dtype))
    peak = np.maximum(z.max(axis=1, keepdims=True), 0)
    w = np.exp(z - peak)
    w /= np.exp(-peak) + w.sum(axis=1, keepdims=True)
    close = 1e-12 if dtype == "float64" else 1e-6 * (1 + beta * 40)  # scores are rounded
    np.testing.assert_allclose(dense_weights(r), w, atol=close)
    np.testing.assert_allclose(r.states, w @ y, atol=10 * close)


def test_the_null_score_of_codes():
    codes, cues = patterns.random_sparse(50, size=40, k=5, seed=0), patterns.random_sparse(6, size=40, k=4, seed=1)
    for similarity, beta in (("dot", 0.5), ("cosine", 3.0), ("l2", 0.2), ("l2", 500.0), ("l1", 0.2)):
        h = SparseHopfield(beta=beta, similarity=similarity, separation="softmax1")
        h.store(codes)
        r, z = h.recall(cues), beta * h.scores(cues)
        w = np.exp(np.minimum(z, 700))
        w /= 1 + w.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(dense_weights(r), w, atol=1e-6)
        np.testing.assert_allclose(r.states, w @ codes.dense(), atol=1e-6)
        assert beta < 500 or not r.states.any()  # all weight is on the score without a pattern


# ---- sharp roots, ties ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [3.0, 5.0, 9.0])
@pytest.mark.parametrize("n", [2, 5, 300])
def test_weights_that_are_powers_of_small_differences_are_there(alpha, n):
    """The best lead falls short of the margin by 2^-10 .. 2^-49; all sums are exact."""
    short = 2.0 ** -np.arange(10, 50)
    x = np.column_stack([np.ones(40), short])
    y = np.zeros((n, 2))
    y[:, 0] = np.random.default_rng(n).integers(-64, 0, n) / 64
    y[0], y[1] = (1 / (alpha - 1), 0), (0, 1)
    h = SparseHopfield(beta=1.0, alpha=alpha, dtype="float64")
    h.store(y)
    r, expected = h.recall(x), entmax(h.scores(x), alpha)
    np.testing.assert_array_equal(dense_weights(r), expected)
    assert (expected[:, 1] > 0).all()


def test_a_lead_just_short_of_the_margin_leaves_weight_on_two():
    """Whatever the rounding of root and floor."""
    for seed in range(8):
        y = rows(100, 64, seed)
        ranked = np.sort(y @ y[:4].T, axis=0)
        for i, lead in enumerate(ranked[-1] - ranked[-2]):
            for short in 2.0 ** -np.arange(16, 42, 4):
                h = SparseHopfield(beta=(1 - short) / (3 * lead), alpha=4.0, dtype="float64")
                h.store(y)
                assert h.recall(y[i]).support.n_active.tolist() == [2]


@pytest.mark.parametrize("alpha", [2.5, 4.0, 10.0])
def test_weights_above_alpha_2_have_all_digits(alpha):
    y, x = rows(300, 20), rows(400, 20, 1)
    h = SparseHopfield(beta=0.1, alpha=alpha, dtype="float64")
    h.store(y)
    np.testing.assert_allclose(dense_weights(h.recall(x)), entmax(0.1 * h.scores(x), alpha), atol=1e-12)


@pytest.mark.parametrize(
    "more", [{"alpha": np.inf}, {"separation": "normmax", "alpha": 1.0}, {"separation": "topk", "k": 2}]
)
@pytest.mark.parametrize("similarity", ["dot", "l2", "l1"])
@pytest.mark.parametrize("beta", [1.0, 0.1, 1 / 3, 1e-9, None])
def test_equal_whole_scores_tie_whatever_beta_is(more, similarity, beta):
    rng = np.random.default_rng(3)
    y, x = rng.integers(0, 2, (400, 60)), rng.integers(0, 2, (20, 60))
    h = SparseHopfield(beta=beta, similarity=similarity, **more)
    h.store(y.astype(np.float32))
    r, s = h.recall(x.astype(np.float32)), h.scores(x.astype(np.float32))
    least = s.max(axis=1) if "k" not in more else np.sort(s, axis=1)[:, -2]
    np.testing.assert_array_equal(dense_weights(r) > 0, s >= least[:, None])
    assert (dense_weights(r) > 0).sum() > 20 * more.get("k", 1)


# ---- margins --------------------------------------------------------------------------------------------------------

MARGINS = {
    "entmax": {"alpha": 1.5},
    "sharp": {"alpha": 4.0, "dtype": "float64"},
    "nearest": {"alpha": np.inf},
    "softmax": {"alpha": 1.0},
    "normmax": {"separation": "normmax", "alpha": 2.0},
    "best": {"separation": "topk", "k": 1},
    "null": {"separation": "softmax1"},
    "epanechnikov": {"separation": "epanechnikov", "similarity": "l2"},
    "screen": {"screen": True},
    "screen, nearest": {"screen": True, "alpha": np.inf},
    "screen, best": {"screen": True, "separation": "topk", "k": 1},
    "screen, epanechnikov": {"screen": True, "separation": "epanechnikov", "similarity": "l2"},
}


@pytest.mark.parametrize("name", MARGINS)
@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2", "l1"])
@pytest.mark.parametrize("n_queries", [1, 9])
def test_the_margin_is_the_lead_of_the_best_however_far(name, similarity, n_queries):
    more = {"similarity": similarity} | MARGINS[name]
    if similarity != more["similarity"] or (similarity == "l1" and "screen" in more):
        return
    for beta in (0.01, 0.3, 8.0):
        h = SparseHopfield(beta=beta, **more)
        y, x = rows(1500, 33), rows(n_queries, 33, 1)
        y[700] = 3 * y[700]
        x[-1] = y[700]
        h.store(y)
        s = np.sort(h.scores(x.astype(more.get("dtype", "float32"))), axis=1)
        expected = beta * (s[:, -1] - s[:, -2])
        np.testing.assert_allclose(h.recall(x).margin, expected, rtol=1e-5, atol=1e-4 * beta)


@pytest.mark.parametrize("name", MARGINS)
@pytest.mark.parametrize("n_queries", [1, 9])
def test_the_margin_of_one_pattern_is_infinite(name, n_queries):
    h = SparseHopfield(beta=0.3, **MARGINS[name])
    h.store(rows(1, 33))
    assert (h.recall(rows(n_queries, 33, 1)).margin == np.inf).all()
    h.store(rows(1, 33))
    np.testing.assert_array_equal(h.recall(rows(n_queries, 33, 1)).margin, 0)  # there twice


@pytest.mark.parametrize("similarity", ["dot", "cosine", "l2", "l1"])
@pytest.mark.parametrize("more", [{"alpha": 1.5}, {"alpha": np.inf}, {"separation": "topk", "k": 1}])
@pytest.mark.parametrize("uneven", [False, True])
def test_margins_of_codes(similarity, more, uneven):
    codes = patterns.random_sparse(600, size=90, k=6, seed=0)
    if uneven:
        codes = SDR.from_dense(rows(600, 90) > 1.3)
    for beta in (0.05, 20.0):
        h = SparseHopfield(beta=beta, similarity=similarity, **more)
        h.store(codes)
        x = patterns.erase(codes[:30], 0.3, seed=1)
        s = np.sort(h.scores(x), axis=1)
        np.testing.assert_allclose(h.recall(x).margin, beta * (s[:, -1] - s[:, -2]), rtol=1e-12, atol=1e-12)
    one = SparseHopfield(beta=1.0, similarity=similarity, **more)
    one.store(codes[:1])
    assert one.recall(codes[:3]).margin.tolist() == [np.inf] * 3


@pytest.mark.parametrize("alpha", [1.2, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("as_codes", [False, True])
def test_margins_of_later_steps_are_true_or_below(alpha, as_codes):
    """Where patterns without weight were not scored again; at least the margin of a state with one of weight."""
    codes = patterns.random_sparse(400, size=64, k=8, seed=0)
    y, x = (codes, patterns.erase(codes[:40], 0.4, seed=1)) if as_codes else (rows(400, 64), rows(400, 64)[:40] * 1.2)
    h = SparseHopfield(beta=2.0 if as_codes else 0.3, alpha=alpha, dtype="float64")
    h.store(y)
    r = h.recall(x, max_steps=8)
    assert r.converged.all()
    last = SparseHopfield(beta=h.beta, alpha=alpha, dtype="float64")
    last.store(h.patterns)
    s = np.sort(last.scores(r.states), axis=1)
    true = h.beta * (s[:, -1] - s[:, -2])
    assert (r.margin <= true + 1e-4).all()  # of the state before the last, which may be 1e-6 of a norm away
    alone = r.support.n_active == 1
    assert (r.margin[alone] >= 1 / (alpha - 1) - 1e-9).all()
    np.testing.assert_allclose(r.margin[~alone], true[~alone], atol=1e-4)
    assert alone.any()


# ---- later passes side by side --------------------------------------------------------------------------------------

LATER = {
    "wide": {"alpha": 1.2, "beta": 0.1},
    "narrow": {"alpha": 1.5},
    "sharp": {"alpha": 4.0, "beta": 0.1},
    "float64": {"alpha": 1.5, "dtype": "float64"},
    "l2": {"similarity": "l2", "alpha": 1.5, "beta": 0.05},
    "cosine": {"similarity": "cosine", "beta": 9.0},
    "normmax": {"separation": "normmax", "alpha": 2.0},
    "nearest": {"alpha": np.inf},
    "screen": {"screen": True},
    "null": {"separation": "softmax1", "beta": 0.05},
}


@pytest.mark.parametrize("name", LATER)
def test_later_steps_do_not_depend_on_the_batch(name):
    """Answers to the last bit, margins, what was scored again, what was read: alone, in tens, all together."""
    y, x = rows(3000, 40), rows(70, 40, 1)
    x[:20] = 0.7 * y[:20] + 0.3 * x[:20]
    h = SparseHopfield(**LATER[name])
    h.store(y)
    whole, now = h.recall(x, max_steps=6), x
    for n in (1, 10):
        parts = [h.recall(x[i : i + n], max_steps=6) for i in range(0, 70, n)]
        for field in ("states", "weights", "margin", "iterations", "converged", "certified", "n_rescored"):
            np.testing.assert_array_equal(np.concatenate([getattr(p, field) for p in parts]), getattr(whole, field))
        total = parts[0].traffic
        for p in parts[1:]:
            total += p.traffic
        assert total == whole.traffic
    for _ in range(6):
        now = h.recall(now).states
    moved = ~whole.converged | (whole.iterations == 6)
    np.testing.assert_array_equal(whole.states[moved], now[moved])
    np.testing.assert_allclose(whole.states, now, atol=1e-4)


def test_a_pass_is_made_only_where_a_list_does_not_hold():
    y, x = rows(3000, 40), rows(64, 40, 1)
    h = SparseHopfield(beta=0.5)
    h.store(y)
    r, far = h.recall(y[:64] + 0.1 * x, max_steps=9), h.recall(x, max_steps=9)
    for answer, most in ((r, 66), (far, far.iterations.sum() - 1)):
        n_passes, n_left = divmod(answer.traffic.get("patterns", "retrieve", "sums") - answer.n_rescored.sum(), 3000)
        assert n_left == 0
        assert 64 <= n_passes <= most
    assert (r.n_rescored > 0).mean() > 0.95
    assert r.n_rescored.max() < 150


@pytest.mark.parametrize("name", [*LATER, "values", "own", "own, values"])
def test_a_trace_has_every_access_of_the_counters(name):
    y, x = rows(500, 24), rows(9, 24, 1)
    own = {"separation": lambda z: entmax(z, 1.5)}
    h = SparseHopfield(**LATER.get(name, own if "own" in name else {}))
    values = "values" in name
    h.store(y, rows(500, 5, 2) if values else None)
    r = h.recall(x, trace=True, max_steps=1 if values else 5)
    tensors = [*r.traffic.tensors]
    for i, tensor in enumerate(tensors):
        n = int((r.traffic.trace["tensor"] == i).sum())
        assert n == r.traffic.get(tensor, "retrieve", "rows_read")
    one = [h.recall(x[q], trace=True, max_steps=1 if values else 5).traffic.trace for q in range(9)]
    np.testing.assert_array_equal(np.concatenate(one), r.traffic.trace)
    plain = h.recall(x, max_steps=1 if values else 5)
    np.testing.assert_array_equal(plain.states, r.states)
    assert plain.traffic.trace is None


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_is_refused_wherever_it_stands(wrong, dtype):
    h = SparseHopfield(dtype=dtype)
    h.store(rows(50, 37))
    before = h.traffic.total("rows_read")
    for q, k in ((0, 0), (3, 36), (99, 17)):
        x = rows(100, 37, 1).astype(dtype)
        x[q, k] = wrong
        for queries in (x, x[:, ::-1], x[q], x.tolist()):
            with pytest.raises(ParameterError, match="queries: got NaN or infinity"):
                h.recall(queries)
    assert h.traffic.total("rows_read") == before
    assert h.recall(np.zeros((0, 37))).states.shape == (0, 37)


# ---- codes as values ------------------------------------------------------------------------------------------------

HETERO = {
    "dot": {"beta": 1.5},
    "cosine": {"beta": 20.0, "similarity": "cosine"},
    "l2": {"beta": 0.7, "similarity": "l2", "alpha": 2.0},
    "softmax": {"beta": 1.0, "alpha": 1.0},
    "null": {"beta": 0.3, "separation": "softmax1"},
    "nearest": {"alpha": np.inf},
    "epanechnikov": {"beta": 0.15, "similarity": "l2", "separation": "epanechnikov"},
}


@pytest.mark.parametrize("name", HETERO)
@pytest.mark.parametrize("v", [30, 200])
def test_codes_as_values_give_codes(name, v, tmp_path):
    """From bits as from numbers; saved and loaded; stored in parts."""
    x, y = patterns.random_sparse(150, size=80, k=7, seed=0), patterns.random_sparse(150, size=v, k=4, seed=1)
    cues = patterns.erase(x[:20], 0.4, seed=2)
    cues = SDR.from_dense(np.concatenate([cues.dense(), np.zeros((1, 80), np.bool_)]))
    bits, plain = SparseHopfield(**HETERO[name]), SparseHopfield(**HETERO[name])
    bits.store(x[:60], y[:60])
    bits.store(x[60:], y[60:])
    plain.store(x.dense().astype(np.float32), y.dense().astype(np.float32))
    loaded = SparseHopfield.load(bits.save(tmp_path / "pairs.h5"))
    r, expected = bits.recall(cues, threshold=0.4, trace=True), plain.recall(cues.dense().astype(np.float32))
    for found in (r, loaded.recall(cues, threshold=0.4)):
        np.testing.assert_allclose(found.states, expected.states, atol=1e-5)
        assert found.support == expected.support
        assert found.codes == SDR.from_dense(found.states > 0.4)
        assert found.codes.size == v
    for q in (0, 20):
        np.testing.assert_array_equal(bits.recall(cues[q], threshold=0.4).states[0], r.states[q])
    t, words = r.traffic, (r.support.n_active * 2).sum()  # two words of two units a value
    assert t.get("values", "retrieve", "words_read") == words
    assert t.get("units", "retrieve", "rows_read") == 0
    for i, tensor in enumerate(t.tensors):
        assert (t.trace["tensor"] == i).sum() == t.get(tensor, "retrieve", "rows_read")
    assert not r.converged.any()
    assert bits.n_synapses == 150 * (80 + v)
    assert bits.n_bytes == SparseHopfield.load(bits.save(tmp_path / "pairs.h5")).n_bytes


def test_values_and_patterns_may_be_of_two_kinds():
    x, y = patterns.random_sparse(50, size=80, k=7, seed=0), rows(50, 5)
    to_numbers, to_codes = SparseHopfield(beta=5.0), SparseHopfield(beta=9.0, similarity="l2")
    to_numbers.store(x, y)
    to_codes.store(y, x)
    np.testing.assert_allclose(to_numbers.recall(x).states, y, atol=1e-6)
    assert to_numbers.recall(x).codes is None
    assert to_codes.recall(y).codes == x
    own = SparseHopfield(beta=5.0, separation=lambda z: entmax(z, 2.0))
    own.store(x, x[::-1])
    assert own.recall(x).codes == x[::-1]


def test_bad_values_of_codes():
    x, y = patterns.random_sparse(9, size=40, k=5, seed=0), patterns.random_sparse(9, size=30, k=5, seed=1)
    h = SparseHopfield(beta=1.0)
    h.store(x, y)
    for wrong in (None, y[:4], SDR.from_indices([[1]] * 9, 31), rows(9, 30)):
        with pytest.raises(SdrsimError, match="values"):
            h.store(x, wrong)
    with pytest.raises(SdrsimError, match="values are no queries"):
        h.recall(x, max_steps=2)
    plain = SparseHopfield(beta=1.0)
    plain.store(x)
    with pytest.raises(SdrsimError, match="values"):
        plain.store(x, y)
    assert (h.n_stored, plain.n_stored) == (9, 9)


def test_sequences_of_codes_are_kept_as_bits():
    frames = patterns.random_sparse(300, size=1000, k=20, seed=0)
    m = SequenceMemory(beta=1.0)
    m.store(frames)
    assert m.n_bytes < 1000 * 320 / 8 + 300 * (2 * (8 + 4 * 20)) + 1 + 8 * 300
    run = m.recall(frames[:1], n_steps=299)
    assert run.codes == frames[1:]
    assert run.traffic.get("patterns", "retrieve", "rows_read") == 299 * 20


def test_a_field_emits_values_that_fit_it():
    x, y, fit = (patterns.random_sparse(9, size=n, k=5, seed=0) for n in (40, 30, 40))
    for values in (y, fit[::-1]):
        h = SparseHopfield(beta=3.0)
        h.store(x, values)
        field = PatternField(h, n_patterns=9, emits="codes")
        field.receive("cue", x[2], 0)
        if values is y:
            with pytest.raises(NetworkError, match="values over 30 units"):
                field.step(0)
        else:
            assert field.step(0) == values[2]
