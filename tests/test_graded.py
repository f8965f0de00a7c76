"""Graded memories against their slow twin; counts that widen, learning rules of one's own, ledger, refusals, engine."""

import warnings

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws.memory_laws import LAWS, Case, check_memory_laws, saved_and_loaded, wrong_inputs
from reference import graded_reference as twin

from sdrsim import SDR, Network, Simulator, patterns
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import CapacityError, CodeError, FileFormatError, ParameterError, SaturationWarning
from sdrsim.models.hebbian import AmariMemory, BCPNNMemory, CliqueMemory, CovarianceMemory, counting

ITEMS = patterns.random_sparse(12, 60, 6, seed=3)
BLOCKS = patterns.random_block(12, 6, 10, seed=3)


def clipped(pre, post, rows):
    """Willshaw's rule as one's own."""
    rows[:, post] = 1
    return rows


@numba.njit
def clipped_jit(pre, post, rows):
    for j in post:
        rows[:, j] = 1
    return rows


# ---- laws ---------------------------------------------------------------------------------------------------------

PLAIN, CLUSTERED = {"n_units": 60, "n_active": 6}, {"n_clusters": 6, "cluster_size": 10}
MAKERS = {
    "amari": lambda: AmariMemory(**PLAIN, seed=2),
    "amari, any activity": lambda: AmariMemory(60, seed=2),
    "amari, clusters": lambda: AmariMemory(**CLUSTERED, seed=2),
    "amari, capped": lambda: AmariMemory(**PLAIN, cap=300, seed=2),
    "covariance": lambda: CovarianceMemory(**PLAIN, seed=2),
    "covariance, clusters": lambda: CovarianceMemory(**CLUSTERED, mean_activity="unit", seed=2),
    "bcpnn": lambda: BCPNNMemory(6, 10, seed=2),
    "bcpnn, no clusters": lambda: BCPNNMemory(60, 1, n_active=6, seed=2),
    "bcpnn, fading": lambda: BCPNNMemory(6, 10, kappa=0.9, seed=2),
}


@pytest.mark.parametrize("name", MAKERS)
def test_laws(name):
    x = BLOCKS if ("clusters" in name and "no clusters" not in name) or name in ("bcpnn", "bcpnn, fading") else ITEMS
    check_memory_laws(MAKERS[name], x, patterns.move_units(x, 0.4, seed=1))


@pytest.mark.parametrize("options", [{"select": "kwta", "k": 3}, {"select": "glko"}, {"select": lambda s, a: s > 1}])
def test_laws_of_other_selections(options):
    check_memory_laws(MAKERS["covariance"], ITEMS, patterns.erase(ITEMS, 0.5, seed=1), **options)


@pytest.mark.parametrize("rule", [clipped, clipped_jit])
def test_laws_of_a_rule_of_ones_own(rule):
    case = Case(lambda: AmariMemory(60, 6, rule=rule), ITEMS, ITEMS, wrong_inputs(ITEMS), {})
    for law in LAWS:
        if law is not saved_and_loaded:  # a function is not written to files: see below
            law(case)


# ---- against the twin ---------------------------------------------------------------------------------------------


def both(kind, x, cluster_size, seed):
    """A memory that holds x, and the twin's weights and bias."""
    size, n_clusters = x.size, x.size // cluster_size
    shape = {"n_clusters": n_clusters, "cluster_size": cluster_size} if cluster_size > 1 else {"n_units": size}
    dense = twin.indicators([item.indices for item in x], size)
    bias = None
    if kind == "bcpnn":
        memory = BCPNNMemory(n_clusters, cluster_size, seed=seed)
    elif kind == "amari":
        memory, weights = AmariMemory(**shape, seed=seed), twin.amari_weights(dense, cluster_size)
    elif kind == "capped":
        memory, weights = AmariMemory(**shape, cap=2, seed=seed), twin.amari_weights(dense, cluster_size, 2)
    else:
        f = {"covariance": None, "covariance given": 0.125, "covariance unit": "unit"}[kind]
        memory = CovarianceMemory(**shape, mean_activity=f, seed=seed)
        weights = twin.covariance_weights(dense, cluster_size, f)
    memory.store(x)
    if kind == "bcpnn":  # on the grid, where sums are exact; held against the formula in test_bcpnn.py
        weights, bias = memory.weights(), memory.biases()
    return memory, weights, bias


@given(
    kind=st.sampled_from(["amari", "capped", "covariance", "covariance given", "covariance unit", "bcpnn"]),
    shape=st.sampled_from([(1, 31), (4, 5), (8, 4), (5, 9)]),
    n_items=st.integers(1, 60),
    n_active=st.integers(1, 12),
    select=st.sampled_from(["wta", "argmax", "kwta", "gwsta", "gwta", "threshold", "gkwta", "glko"]),
    memory_effect=st.sampled_from([0, 1, 2.5]),
    max_iterations=st.sampled_from([1, 2, 6]),
    seed=st.integers(0, 10**6),
)
def test_recall_of_the_twin(kind, shape, n_items, n_active, select, memory_effect, max_iterations, seed):
    cluster_size, n_clusters = shape[0], shape[1]
    if cluster_size == 1 and select in ("wta", "argmax"):
        select = "kwta"
    x = patterns.random_sparse(n_items, cluster_size * n_clusters, n_active, seed=seed)
    memory, weights, bias = both(kind, x, cluster_size, seed)
    cues = SDR.from_indices(
        [*(c.indices for c in patterns.move_units(x[:5], 0.3, seed=seed)), *(c.indices[:1] for c in x[:2]), []], x.size
    )
    counts = kind in ("amari", "capped")
    options = {"k": 3, "threshold": None if counts else 0.25, "memory_effect": memory_effect}
    options |= {"max_iterations": max_iterations}
    found = memory.recall(cues, select=select, first_item=7, **options)
    assert found.path == ("portable" if select in ("gkwta", "glko") else "compiled")
    for i, cue in enumerate(cues):
        more = {"least": 0 if counts else -np.inf, "cluster_size": cluster_size, "seed": seed, "item": 7 + i}
        expected = twin.recall(weights, cue.indices.tolist(), select, bias=bias, **options, **more)
        assert (found.codes[i].indices.tolist(), found.iterations[i], found.converged[i]) == expected, i


@pytest.mark.parametrize("kind", ["amari", "capped", "covariance", "covariance given", "covariance unit", "bcpnn"])
@pytest.mark.parametrize("cluster_size", [1, 5])
def test_weights_are_those_of_the_formula_and_symmetric(kind, cluster_size):
    x = patterns.random_sparse(40, 45, 7, seed=4)
    memory, weights, _ = both(kind, x, cluster_size, 0)
    made = memory.weights()
    assert np.array_equal(made, made.T)
    assert np.abs(made - weights.astype(float)).max() < 1e-12
    inside = np.arange(45)[:, None] // cluster_size == np.arange(45) // cluster_size
    assert not made[inside].any()
    assert memory.n_synapses == (~inside).sum()


def test_clipped_counts_are_a_clique_memory():
    """cap=1: the links of the clique memory, and its codes, bit for bit."""
    x = patterns.random_block(150, 8, 16, seed=0)
    graded, cliques = AmariMemory(n_clusters=8, cluster_size=16, cap=1), CliqueMemory(8, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        stored, links = graded.store(x), cliques.store(x)
    assert stored.n_new == links.n_new
    assert np.array_equal(graded.weights(), cliques.links().toarray())
    cues = patterns.erase(x, 0.5, seed=1)
    for options in ({}, {"memory_effect": 0}, {"select": "kwta", "k": 9}, {"select": "gwsta", "k": 4}):
        a, b = (m.recall(cues, max_iterations=6, **options) for m in (graded, cliques))
        assert a.codes == b.codes
        assert np.array_equal(a.iterations, b.iterations)
        assert np.array_equal(a.converged, b.converged)


@pytest.mark.parametrize("make", [MAKERS["amari, clusters"], MAKERS["covariance, clusters"], MAKERS["bcpnn"]])
def test_many_volleys_are_as_many_recalls(make):
    """Rows added and taken off give the sums of all active rows."""
    memory, x = make(), patterns.random_block(80, 6, 10, seed=8)
    memory.store(x)
    cues = patterns.move_units(x, 0.5, seed=1)
    step = cues
    for n in range(1, 7):
        step = memory.recall(step, max_iterations=1).codes
        assert memory.recall(cues, max_iterations=n).codes == step


# ---- counts that widen --------------------------------------------------------------------------------------------


def loaded(memory, n, rest=ITEMS):
    memory.store([[3, 7, 20, 31, 44, 59]] * n)
    memory.store(rest)
    return memory


@pytest.mark.parametrize(
    "make", [lambda: AmariMemory(60, 6), lambda: CovarianceMemory(60, 6), lambda: BCPNNMemory(60, 1, n_active=6)]
)
def test_counts_widen_when_one_reaches_the_end_of_its_type(make):
    memory = make()
    for n, kind, itemsize in ((254, np.uint8, 1), (1, np.uint16, 2), (65_279, np.uint16, 2), (1, np.int32, 4)):
        before = memory.n_bytes
        memory.store([[3, 7, 20, 31, 44, 59]] * n)
        assert memory.count_type == kind
        assert memory._arrays["counts"].dtype == kind
        assert memory.n_bytes >= before
        assert memory._arrays["counts"].nbytes == itemsize * 3600
    memory.store([[3, 7, 20, 31, 44, 59]] * 10)
    assert memory._arrays["counts"].max() == 65_545
    assert memory._arrays["counts"][3, 7] == 65_545
    assert memory.n_bytes == sum(a.nbytes for a in memory._arrays.values())


@pytest.mark.parametrize("name", ["amari", "covariance", "bcpnn, no clusters"])
def test_widened_in_one_call_or_many(name, tmp_path):
    x = SDR.from_indices([[3, 7, 20, 31, 44, 59]] * 300 + [c.indices for c in ITEMS], 60)
    one, many = MAKERS[name](), MAKERS[name]()
    whole = one.store(x, trace=True)
    for a, b in ((0, 254), (254, 255), (255, 256), (256, 312)):
        many.store(x[a:b])
    assert one.traffic == many.traffic
    assert np.array_equal(one.weights(), many.weights())
    names = list(whole.traffic.tensors)
    widened = [n for n in names if n.endswith("16")]
    assert len(widened) == 1
    assert (
        whole.traffic.get(widened[0], "learn", "words_written") > 60 * 15
    )  # the new counts, and what was stored in them
    for row in np.unique(whole.traffic.trace["tensor"]):
        rows = whole.traffic.trace["row"][whole.traffic.trace["tensor"] == row]
        assert rows.max() < whole.traffic.tensors[names[row]].n_rows
    again = type(one).load(one.save(tmp_path / "m.h5"))
    assert again.count_type == np.uint16
    assert again.recall(ITEMS).codes == one.recall(ITEMS).codes
    one.reset()
    assert one.count_type == np.uint8


@pytest.mark.parametrize("name", ["amari", "covariance", "bcpnn, no clusters"])
def test_no_room_to_widen_is_a_refused_call(name, monkeypatch):
    memory = MAKERS[name]()
    memory.store(ITEMS)
    before, traffic = memory.weights(), Traffic() + memory.traffic
    n_bytes, calls = memory.n_bytes, []

    def full(what, needed, do=""):
        calls.append(needed)
        if len(calls) == 2:  # two bytes a count fitted, four did not
            raise CapacityError(what, got=needed)

    monkeypatch.setattr(counting, "check_room", full)
    with pytest.raises(CapacityError):
        memory.store([[3, 7, 20, 31, 44, 59]] * 70_000)
    assert calls == [7200, 14400]
    assert np.array_equal(memory.weights(), before)
    assert (memory.n_stored, memory.n_bytes, memory.count_type) == (12, n_bytes, np.uint8)
    assert memory.traffic == traffic


def test_capped_counts_never_widen():
    for cap, kind in ((1, np.uint8), (255, np.uint8), (256, np.uint16), (70_000, np.int32)):
        memory = loaded(AmariMemory(60, 6, cap=cap), 300, ITEMS[:0])
        assert memory.count_type == kind
        assert memory.weights().max() == min(300, cap)


# ---- learning rules and selections of one's own ------------------------------------------------------------------


def test_a_rule_of_ones_own_python_and_compiled():
    x = patterns.random_sparse(60, 60, 6, seed=5)
    memories = [AmariMemory(60, 6, rule=rule) for rule in (clipped, clipped_jit)] + [AmariMemory(60, 6, cap=1)]
    stored = [m.store(x, trace=True) for m in memories]
    assert len({s.n_new for s in stored}) == 1
    assert all(np.array_equal(m.weights(), memories[2].weights()) for m in memories)
    assert stored[0].traffic == stored[1].traffic
    assert stored[0].traffic.get("W", "learn", "words_written") == 60 * 6 * 30
    found = [m.recall(patterns.erase(x, 0.3, seed=1)) for m in memories]
    assert found[0].codes == found[1].codes == found[2].codes
    assert [f.path for f in found] == ["compiled"] * 3
    assert "a rule of its own" in repr(memories[0])
    assert memories[0].n_bytes == 4 * 3600


def test_a_rule_sees_the_rows_of_the_item():
    seen = []

    def rule(pre, post, rows):
        seen.append((pre.tolist(), post.tolist(), rows.copy()))
        return rows + np.arange(rows.shape[1])

    memory = AmariMemory(n_clusters=6, cluster_size=10, rule=rule)
    memory.store([[3, 17], [3, 25]])
    assert [s[:2] for s in seen] == [([3, 17], [3, 17]), ([3, 25], [3, 25])]
    assert not seen[0][2].any()
    expected = np.arange(60.0)
    expected[:10] = 0  # links inside the cluster stay 0
    assert np.array_equal(seen[1][2][0], expected)
    assert np.array_equal(memory.weights()[3], 2 * expected)


def narrow(pre, post, rows):
    return rows[:, :-1]


def endless(pre, post, rows):
    return rows + np.float32(np.inf)


def failing(pre, post, rows):
    raise ZeroDivisionError


@pytest.mark.parametrize("rule", [narrow, numba.njit(narrow), endless, numba.njit(endless), failing])
def test_a_rule_that_gives_other_rows_is_refused_whole(rule):
    @numba.njit
    def late_jit(pre, post, rows):
        return rule(pre, post, rows) if pre[0] == 9 else rows + np.float32(1)

    def late(pre, post, rows):
        return rule(pre, post, rows) if pre[0] == 9 else rows + 1

    memory = AmariMemory(60, rule=late_jit if hasattr(rule, "py_func") else late)
    memory.store([[1, 2]])
    before = memory.weights()
    with pytest.raises(ZeroDivisionError if rule is failing else ParameterError):
        memory.store([[1, 3], [4, 5], [9, 10]])
    assert np.array_equal(memory.weights(), before)
    assert memory.n_stored == 1


def test_a_memory_with_a_rule_of_its_own_and_files(tmp_path):
    memory = AmariMemory(60, 6, rule=clipped)
    memory.store(ITEMS)
    path = memory.save(tmp_path / "m.h5")
    with pytest.raises(FileFormatError, match=r"restore\(state\)"):
        AmariMemory.load(path)
    again = AmariMemory(60, 6, rule=clipped)
    again.restore(memory.state())
    assert np.array_equal(again.weights(), memory.weights())


def over_one(scores, active):
    return scores > 1


@pytest.mark.parametrize("name", ["amari", "covariance", "bcpnn, fading"])
def test_a_selection_of_ones_own(name):
    memory, x = MAKERS[name](), BLOCKS if "bcpnn" in name else ITEMS
    memory.store(x)
    named = memory.recall(x, select="threshold", threshold=np.nextafter(1, 2), trace=True)
    plain, jitted = (memory.recall(x, select=f, trace=True) for f in (over_one, numba.njit(over_one)))
    assert plain.path == "portable"
    assert jitted.path == "compiled"
    assert named.codes == plain.codes == jitted.codes
    assert plain.traffic == jitted.traffic
    for wrong in (lambda s, a: s[:5] > 1, lambda s, a: s):
        with pytest.raises(ParameterError, match="select"):
            memory.recall(x, select=wrong)
    with pytest.raises(ParameterError, match="select"):
        memory.recall(x, select=numba.njit(lambda s, a: s[:5] > 1))


# ---- ledger -------------------------------------------------------------------------------------------------------


def test_the_ledger_of_storing():
    """Three units of 20: words of 8 counts, so 3 and 5 share one; 2 rows of the rest touch 2 words each."""
    memory = AmariMemory(20)
    t = memory.store([[3, 5, 17]], trace=True).traffic
    assert t.get("W", "learn", "rows_read") == 3
    assert t.get("W", "learn", "words_read") == 2 + 2 + 1
    assert t.get("W", "learn", "words_written") == 5
    assert t.get("W", "learn", "synops") == 6
    assert t.get("W", "learn", "code_bits") == 3 * 5
    assert t.trace["row"].tolist() == [3, 3, 5, 5, 17, 17]
    assert t.trace["write"].tolist() == [False, True] * 3


def test_the_ledger_of_storing_logarithms():
    t = BCPNNMemory(20, 1).store([[3, 5, 17], [0]], trace=True).traffic
    assert list(t.tensors) == ["counts", "W", "usage"]
    assert t.get("W", "learn", "words_written") == 2 + 2 + 2
    assert t.get("W", "learn", "words_read") == 0
    assert t.get("counts", "learn", "words_written") == 5
    assert t.get("usage", "learn", "words_written") == 4
    steps = [tuple(s) for s in t.trace.tolist()]
    assert steps[:4] == [(0, 3, False, 1), (0, 3, True, 1), (1, 3, True, 1), (0, 5, False, 1)]
    assert steps[9:] == [
        (2, 0, False, 1),
        (2, 0, True, 1),
        (0, 0, False, 1),
        (0, 0, True, 1),
        (1, 0, True, 1),
        (2, 0, False, 1),
        (2, 0, True, 1),
    ]


@pytest.mark.parametrize("name", ["amari, clusters", "covariance, clusters", "bcpnn"])
def test_the_ledger_of_recall(name):
    """Rows in the trace are those counted, as often as the volleys ask for them; later volleys read the switched."""
    memory = MAKERS[name]()
    memory.store(patterns.random_block(40, 6, 10, seed=8))
    cues = patterns.move_units(BLOCKS, 0.4, seed=1)
    found = memory.recall(cues, trace=True)
    t, names = found.traffic, list(found.traffic.tensors)
    words = -(-t.tensors["W"].row_bytes // 8)
    n_rows = t.get("W", "retrieve", "rows_read")
    assert (t.trace["tensor"] == 0).sum() == n_rows
    assert t.get("W", "retrieve", "words_read") == n_rows * words
    assert t.get("W", "retrieve", "synops") == n_rows * 60
    n_volleys = int(found.iterations.sum())
    assert t.get("W", "retrieve", "sums") == t.get("W", "retrieve", "compares") == 60 * n_volleys
    assert len(cues.indices) < n_rows < 6 * n_volleys
    one = memory.recall(cues, max_iterations=1, trace=True).traffic
    weights = one.trace[one.trace["tensor"] == 0]["row"]
    assert weights.tolist() == cues.indices.tolist()
    if "usage" in names:
        assert t.get("usage", "retrieve", "rows_read") == n_volleys == (t.trace["tensor"] == 1).sum()
        assert t.get("usage", "retrieve", "words_read") == 60 * n_volleys


# ---- bad input, engine --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: AmariMemory(),
        lambda: AmariMemory(0),
        lambda: AmariMemory(10.0),
        lambda: AmariMemory(True),
        lambda: AmariMemory(10, 11),
        lambda: AmariMemory(10, 0),
        lambda: AmariMemory(n_clusters=3),
        lambda: AmariMemory(cluster_size=3),
        lambda: AmariMemory(7, n_clusters=3, cluster_size=2),
        lambda: AmariMemory(n_clusters=2**13, cluster_size=2**13),
        lambda: AmariMemory(10, cap=0),
        lambda: AmariMemory(10, cap=1.5),
        lambda: AmariMemory(10, cap=3, rule=clipped),
        lambda: AmariMemory(10, rule="oja"),
        lambda: AmariMemory(10, seed=-1),
        lambda: CovarianceMemory(10, mean_activity=1.5),
        lambda: CovarianceMemory(10, mean_activity=float("nan")),
        lambda: CovarianceMemory(10, mean_activity="mean"),
        lambda: BCPNNMemory(3, 0),
        lambda: BCPNNMemory(3, 4, kappa=0.0),
        lambda: BCPNNMemory(3, 4, kappa=1.0),
        lambda: BCPNNMemory(3, 4, kappa=float("nan")),
        lambda: BCPNNMemory(3, 4, n_active=13),
    ],
)
def test_bad_parameters(call):
    with pytest.raises(ParameterError):
        call()


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "options",
    [
        {"select": "wat"},
        {"select": 3},
        {"select": "kwta", "k": 0},
        {"select": "gwsta", "k": 61},
        {"select": "kwta", "k": 2.0},
        {"threshold": float("nan")},
        {"threshold": "1"},
        {"memory_effect": -1},
        {"memory_effect": float("inf")},
        {"max_iterations": 0},
        {"first_item": -1},
        {"seed": 1.5},
    ],
)
def test_bad_requests(name, options):
    memory = MAKERS[name]()
    memory.store(BLOCKS)
    with pytest.raises(ParameterError):
        memory.recall(BLOCKS, **options)


def test_requests_that_need_more():
    plain, covariance = AmariMemory(60), CovarianceMemory(60)
    for memory in (plain, covariance):
        memory.store(ITEMS)
        with pytest.raises(ParameterError, match="k"):
            memory.recall(ITEMS, select="kwta")
        for select in ("wta", "argmax", "wsta", "lko"):
            with pytest.raises(ParameterError, match="select"):
                memory.recall(ITEMS, select=select, k=2)
    with pytest.raises(ParameterError, match="select"):
        covariance.recall(ITEMS)
    with pytest.raises(ParameterError, match="threshold"):
        covariance.recall(ITEMS, select="threshold")
    with pytest.raises(CodeError, match="item 1"):
        AmariMemory(60, 6).store([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7]])


def test_too_large_is_told_before_it_is_taken():
    memory = CovarianceMemory(2**22)
    assert memory.n_bytes == 2**44 + 2**25
    with pytest.raises(CapacityError):
        memory.store([[1, 2]])
    assert not memory.is_allocated


def test_nothing_stored_and_nothing_active():
    for name, make in MAKERS.items():
        memory = make()
        assert not len(memory.recall(ITEMS).codes.indices)
        memory.store(BLOCKS)
        empty = memory.recall([[]]).codes
        assert len(empty.indices) == (6 if name.startswith("bcpnn") else 0)
        assert memory.store(BLOCKS[:0]).n_items == 0
        assert len(memory.recall(BLOCKS[:0]).codes) == 0


@pytest.mark.parametrize("name", MAKERS)
def test_as_a_field(name):
    """The same codes in a network as alone; the cue of a tick is the item of that number."""
    alone = MAKERS[name]()
    alone.store(BLOCKS)
    cues = patterns.move_units(BLOCKS, 0.4, seed=1)
    net = Network(seed=0)
    net.add("memory", MAKERS[name]())
    sim = Simulator(net)
    monitor = sim.monitor("memory", "code")
    for i in range(len(BLOCKS)):
        sim.schedule("memory", BLOCKS[i], at=i, port="learn")
        sim.schedule("memory", cues[i], at=20 + i, port="cue")
    sim.run(until=40)
    expected = alone.recall(cues, first_item=20).codes
    assert [c.indices.tolist() for c in monitor.codes] == [c.indices.tolist() for c in expected]
