"""The Brian2 twin: volleys without noise are those of the kernels and of a slow twin, bit for bit; recorded failures
played again give the same codes; noise keeps to its probabilities.

Statistical bounds are 3 standard errors, or a chance of 0.0027, of one fixed seed each; the draws of an item are its
own, so that items stored in one network are independent given that network and its cues.
"""

import gc
import logging
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from reference.hebbian_reference import ReferenceMemory
from scipy import stats

from sdrsim import SDR, patterns
from sdrsim.errors import CodeError, ParameterError, SdrsimError
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory, theory
from sdrsim.models.hebbian.spiking import SpikingTwin

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2's, of its parser

CHANCE = 2 * stats.norm.sf(3)
N_VOLLEYS = 4


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level(logging.INFO, logger="brian2")  # it logs all the code it makes


def upper(scores, active):
    """A rule of one's own: at least two, and more than most of the others."""
    return (scores >= 2) & (scores >= np.quantile(scores, 0.9))


def random_cues(n, size, seed):
    """Any units, 0 .. 8 of them."""
    rng = np.random.default_rng(seed)
    return SDR.from_indices([rng.permutation(size)[: rng.integers(9)] for _ in range(n)], size)


def mixed(items, seed):
    """Cues half erased, cues with insertions, cues of any kind."""
    half = patterns.erase(items[:20], 0.5, seed=seed)
    noisy = patterns.insert(items[20:30], 0.03, seed=seed)
    rest = random_cues(10, items.size, seed)
    return SDR.from_indices([one.indices for part in (half, noisy, rest) for one in part], items.size)


@pytest.fixture(scope="module")
def clique():
    items = patterns.random_block(120, 4, 32, seed=0)
    memory = CliqueMemory(4, 32, seed=5)
    memory.store(items)
    return memory, items, mixed(items, 1), SpikingTwin(memory)


@pytest.fixture(scope="module")
def willshaw():
    items = patterns.random_sparse(150, size=96, k=5, seed=0)
    memory = WillshawMemory(96, 5, seed=5)
    memory.store(items)
    return memory, items, mixed(items, 1), SpikingTwin(memory)


@pytest.fixture(scope="module")
def loaded():
    """2,000 messages with a quarter erased: half of them fail at p_syn = .05."""
    items = patterns.random_block(2000, 8, 64, seed=0)
    memory = CliqueMemory(8, 64)
    memory.store(items)
    return memory, items, patterns.erase(items, 0.25, seed=1), SpikingTwin(memory)


# ---- without noise ------------------------------------------------------------------------------------------------

GLOBAL = [
    {},
    {"select": "gwta"},
    {"select": "gwsta", "k": 3},
    {"select": "gwsta", "k": 9},
    {"select": "kwta", "k": 4},
    {"select": "kwta", "k": 7},
    {"select": "gkwta", "k": 2},
    {"select": "glko"},
    {"select": "threshold"},
    {"select": "threshold", "threshold": 2},
    {"select": "threshold", "threshold": 0},
    {"select": upper},
    {"memory_effect": 0},
    {"memory_effect": 3},
]
LOCAL = [{"select": "wta"}, {"select": "wsta", "k": 2}, {"select": "lko"}, {"select": "lko", "memory_effect": 0}]


def named(options):
    return " ".join(f"{k}={getattr(v, '__name__', v)}" for k, v in options.items()) or "default"


def check_volleys(memory, cues, twin, options):
    """Volley by volley against `recall`, stopped after each."""
    run = twin.run(cues, max_iterations=N_VOLLEYS, **options)
    assert run.volleys[0] == cues
    for v in range(1, N_VOLLEYS + 1):
        assert run.volleys[v] == memory.recall(cues, max_iterations=v, **options).codes, v
    found = memory.recall(cues, max_iterations=N_VOLLEYS, **options)
    assert run.codes == found.codes
    assert np.array_equal(run.iterations, found.iterations)
    assert np.array_equal(run.converged, found.converged)
    assert [len(pre) for item in run.failures for pre, _ in item] == [0] * (len(cues) * N_VOLLEYS)
    degree = np.diff(memory.links().indptr)
    expected = np.array([[degree[one.indices].sum() for one in volley] for volley in run.volleys[:-1]])
    assert np.array_equal(run.n_transmitted, expected.T)


@pytest.mark.parametrize("options", GLOBAL + LOCAL, ids=named)
def test_clique_volleys_are_those_of_the_kernels(clique, options):
    memory, _, cues, twin = clique
    check_volleys(memory, cues, twin, options)


@pytest.mark.parametrize("options", GLOBAL, ids=named)
def test_willshaw_volleys_are_those_of_the_kernels(willshaw, options):
    memory, _, cues, twin = willshaw
    check_volleys(memory, cues, twin, options)


def test_volleys_are_those_of_the_slow_twin(clique, willshaw):
    for (memory, items, cues, twin), how in ((clique, "wta"), (clique, "lko"), (willshaw, "kwta"), (willshaw, "glko")):
        slow = ReferenceMemory(memory.size, getattr(memory, "cluster_size", None), seed=memory.seed)
        slow.store([one.indices.tolist() for one in items])
        assert np.array_equal(twin.links().toarray() > 0, slow.links)
        run = twin.run(cues, select=how, max_iterations=N_VOLLEYS)
        for i, cue in enumerate(cues):
            k = getattr(memory, "n_active", None)
            code, volleys, converged = slow.recall(cue.indices, how, k=k, max_iterations=N_VOLLEYS, item=i)
            assert run.codes[i].indices.tolist() == code.tolist()
            assert (run.iterations[i], run.converged[i]) == (volleys, converged)


def test_ties_are_kept(clique, willshaw):
    memory, _, cues, twin = clique
    run = twin.run(cues, max_iterations=1)
    assert (memory.to_messages(run.codes) == -1).any()
    assert run.codes.n_active.max() > memory.n_clusters
    memory, _, cues, twin = willshaw
    assert twin.run(cues, max_iterations=1).codes.n_active.max() > memory.n_active
    assert twin.run(cues, max_iterations=1, select="kwta").codes.n_active.max() == memory.n_active


def test_sparse_cliques_and_messages():
    memory = CliqueMemory(10, 16, order=4, seed=3)
    items = patterns.random_sparse(60, size=10, k=4, seed=0)
    rng = np.random.default_rng(1)
    messages = np.where(items.dense(), rng.integers(16, size=(60, 10)), -1)
    memory.store(messages)
    half = np.where(rng.random((60, 10)) < 0.3, -1, messages)
    twin = SpikingTwin(memory)
    assert twin.run(half).codes == memory.recall(half).codes
    assert twin.run(half, select="wta").codes == memory.recall(half, select="wta").codes


def test_links_and_density(clique, willshaw):
    for memory, _, _, twin in (clique, willshaw):
        assert (twin.links() != memory.links()).nnz == 0
        assert twin.density == memory.density
        assert f"{memory.n_links:,} synapses" in repr(twin)


def test_partial_connectivity():
    memory, items = WillshawMemory(96, 5, connectivity=0.5), patterns.random_sparse(60, size=96, k=5, seed=0)
    plastic = SpikingTwin(memory, consolidation=1)
    plastic.learn(items)
    memory.store(items)
    twin = SpikingTwin(memory)
    assert twin.density == plastic.density == memory.density
    assert (plastic.links() != memory.links()).nnz == 0
    assert twin.run(items).codes == memory.recall(items).codes


def test_nothing_stored_nothing_asked():
    twin = SpikingTwin(WillshawMemory(16, 3))
    assert twin.density == 0
    run = twin.run([[0, 1, 2]], p_syn=0.5)
    assert run.codes == SDR.from_indices([[0, 1, 2]], 16)
    assert len(twin.run(np.zeros((0, 16), bool)).codes) == 0
    assert twin.run(np.zeros((1, 16), bool)).codes.n_active.tolist() == [0]


# ---- synapses that fail -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{}, {"select": "kwta", "k": 5}, {"select": "glko"}, {"memory_effect": 0}], ids=named
)
def test_recorded_failures_played_again(clique, willshaw, options):
    for memory, _, cues, twin in (clique, willshaw):
        run = twin.run(cues, p_syn=0.2, max_iterations=6, first_item=7, **options)
        linked = memory.links().toarray()
        slow = ReferenceMemory(memory.size, getattr(memory, "cluster_size", None), seed=memory.seed)
        slow.links[:] = linked
        how = options.get("select", "wta" if memory is clique[0] else "gwsta")
        more = {"k": options.get("k", 5), "gamma": options.get("memory_effect", 1)}
        for i, cue in enumerate(cues):
            assert all(linked[pre, post].all() for pre, post in run.failures[i])
            again = memory.recall(cue, failures=run.failures[i], max_iterations=6, first_item=7 + i, **options)
            assert again.codes == run.codes[i]
            assert (again.iterations[0], again.converged[0]) == (run.iterations[i], run.converged[i])
            pairs = [list(zip(*failed)) for failed in run.failures[i]]
            code, _, _ = slow.recall(cue.indices, how, failures=pairs, max_iterations=6, item=7 + i, **more)
            assert code.tolist() == run.codes[i].indices.tolist()
        assert twin.run(cues, max_iterations=6, first_item=7, **options).codes != run.codes


def test_events_transmitted(loaded):
    """T = 2,000 items, four volleys: given the spikes, the events are Binomial(sum of out-degrees, 1 - p_syn)."""
    memory, _, cues, twin = loaded
    p = 0.3
    run = twin.run(cues, p_syn=p)
    degree = np.diff(memory.links().indptr)
    n = np.array([[degree[one.indices].sum() for one in volley] for volley in run.volleys[:-1]]).T
    failed = np.array([[len(pre) for pre, _ in item] for item in run.failures])
    assert np.array_equal(run.n_transmitted + failed, n)
    for v in range(n.shape[1]):
        sent, tried = run.n_transmitted[:, v], n[:, v]
        z = (sent.sum() - (1 - p) * tried.sum()) / np.sqrt(p * (1 - p) * tried.sum())
        assert abs(z) < 3, v
        used = tried > 0
        squares = ((sent - (1 - p) * tried)[used] ** 2 / (p * (1 - p) * tried[used])).sum()
        assert CHANCE / 2 < stats.chi2.cdf(squares, used.sum()) < 1 - CHANCE / 2, v


def two_proportions(memory, items, cues, twin, n_seeds):
    """z of the shares of wrong items, twin against kernels, p_syn = .05; and the trials of each."""
    wrong = np.zeros(2, int)
    for seed in range(n_seeds):
        for i, recall in enumerate((twin.run, memory.recall)):
            codes = recall(cues, p_syn=0.05, seed=seed).codes
            wrong[i] += (codes.dense() != items.dense()).any(axis=1).sum()
    n = n_seeds * len(items)
    pooled = wrong.sum() / (2 * n)
    assert 0.4 < pooled < 0.6
    return (wrong[0] - wrong[1]) / np.sqrt(2 * n * pooled * (1 - pooled)), n


def test_error_under_failures(loaded):
    """T = 4,000 each: a difference of .034 in the error rate is 3 standard errors, .007 in p_syn makes that much."""
    z, n = two_proportions(*loaded, n_seeds=2)
    assert n == 4000
    assert abs(z) < 3


@pytest.mark.long
def test_error_under_failures_with_more_trials(loaded):
    """T = 40,000 each: a difference of .011 in the error rate is 3 standard errors."""
    z, _ = two_proportions(*loaded, n_seeds=20)
    assert abs(z) < 3


# ---- noise on the cue ---------------------------------------------------------------------------------------------


def chi_square(counts, distribution):
    """Chance of counts like these under a distribution; cells of fewer than 5 expected are joined."""
    values = np.arange(counts.max() + 2)
    expected = len(counts) * np.append(distribution.pmf(values[:-1]), distribution.sf(values[-2]))
    observed = np.bincount(counts, minlength=len(values))
    edges, total = [0], 0.0
    for i, e in enumerate(expected):
        total += e
        if total >= 5:
            edges.append(i + 1)
            total = 0.0
    edges[-1] = len(values)
    cells = [(observed[a:b].sum(), expected[a:b].sum()) for a, b in pairwise(edges)]
    assert len(cells) >= 4
    return stats.chisquare(*zip(*cells)).pvalue


def test_erased_and_inserted_counts(loaded):
    _, items, _, twin = loaded
    run = twin.run(items, p_erase=0.2, p_insert=0.004, max_iterations=1)
    cue = run.volleys[0]
    both = (cue.dense() & items.dense()).sum(axis=1)
    assert np.array_equal(run.n_erased, 8 - both)
    assert np.array_equal(run.n_inserted, cue.n_active - both)
    assert chi_square(run.n_erased, stats.binom(8, 0.2)) > CHANCE
    assert chi_square(run.n_inserted, stats.binom(512 - 8, 0.004)) > CHANCE
    assert chi_square(run.n_erased, stats.binom(8, 0.22)) < CHANCE  # T = 2,000 tells them apart
    assert chi_square(run.n_inserted, stats.binom(512 - 8, 0.0045)) < CHANCE


def test_certain_noise(willshaw):
    _, items, _, twin = willshaw
    none = twin.run(items[:3], p_erase=1.0)
    assert none.volleys[0].n_active.tolist() == [0, 0, 0]
    others = twin.run(items[:3], p_erase=1.0, p_insert=1.0).volleys[0]
    assert np.array_equal(others.dense(), ~items[:3].dense())


def test_draws_belong_to_items(clique):
    _, _, cues, twin = clique
    noise = {"p_syn": 0.1, "p_erase": 0.1, "p_insert": 0.02}
    np.random.seed(3)  # noqa: NPY002
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    whole = twin.run(cues, **noise)
    part = twin.run(cues[30:], first_item=30, **noise)
    assert part.codes == whole.codes[30:]
    assert all(a == b[30:] for a, b in zip(part.volleys, whole.volleys))
    assert twin.run(cues, seed=6, **noise).codes != whole.codes
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


# ---- consolidated Hebb --------------------------------------------------------------------------------------------


def counted(presented, cluster_size=1, before=0):
    """Co-active pairs of units of different clusters, counted volley by volley, up to 255."""
    size = presented.shape[1]
    counts = np.full((size, size), before, int) if np.isscalar(before) else before.astype(int)
    cluster = np.arange(size) // cluster_size
    for x in presented:
        pairs = np.outer(x, x) & (cluster[:, None] != cluster)
        counts[pairs] = np.minimum(counts[pairs] + 1, 255)
    return counts


@pytest.mark.parametrize("consolidation", [1, 3])
def test_counters_and_links_after_a_list_of_inputs(consolidation):
    inputs = random_cues(300, 48, seed=2)
    for memory, cluster_size in ((WillshawMemory(48), 1), (CliqueMemory(6, 8), 8)):
        twin = SpikingTwin(memory, consolidation=consolidation)
        assert twin.learn(inputs[:200]).volleys == [inputs[:200]]
        twin.learn(inputs[200:])
        counts = counted(inputs.dense(), cluster_size)
        assert np.array_equal(twin.counters(), counts)
        assert np.array_equal(twin.links().toarray(), counts >= consolidation)
        assert 0 < twin.density == (counts >= consolidation).sum() / memory.n_synapses < 1
        twin.run(inputs[:20], p_syn=0.1)
        assert np.array_equal(twin.counters(), counts)  # recall teaches nothing


def test_counters_saturate():
    twin = SpikingTwin(WillshawMemory(8), consolidation=255)
    twin.learn(np.tile([[0, 1, 2]], (254, 1)))
    assert twin.counters().max() == 254
    assert twin.density == 0
    twin.learn(np.tile([[0, 1, 2]], (10, 1)))
    assert np.array_equal(twin.counters(), 255 * counted(np.eye(8, dtype=bool)[[0, 1, 2]].any(0)[None]))
    assert twin.links().nnz == 6


def test_learning_goes_on_from_links(willshaw):
    memory, items, cues, _ = willshaw
    twin = SpikingTwin(memory, consolidation=4)
    assert (twin.links() != memory.links()).nnz == 0
    assert twin.run(cues).codes == memory.recall(cues).codes
    more = patterns.random_sparse(30, size=96, k=5, seed=9)
    for _ in range(4):
        twin.learn(more)
    more_counts = counted(np.tile(more.dense(), (4, 1)), before=4 * memory.links().toarray())
    assert np.array_equal(twin.counters(), more_counts)
    both = WillshawMemory(96, 5, seed=5)
    both.store(items)
    both.store(more)
    assert (twin.links() != WillshawMemory.from_links(96, more_counts >= 4).links()).nnz == 0
    assert (twin.links() != both.links()).nnz == 0
    assert twin.run(cues).codes == both.recall(cues).codes


def test_noisy_learning_counts_what_arrived_and_meets_the_theory():
    """Ten networks, fixed schedule: mean density within 3 standard errors (over networks) of the exact expectation."""
    items = patterns.random_sparse(40, size=64, k=5, seed=0)
    expected = theory.learner_links_of(items, 400, consolidation=3, p_erase=0.1, p_insert=0.02, schedule="fixed")
    densities = []
    for seed in range(10):
        twin = SpikingTwin(WillshawMemory(64, seed=seed), consolidation=3)
        shown = SDR.from_indices([one.indices for _ in range(10) for one in items], 64)
        run = twin.learn(shown, p_erase=0.1, p_insert=0.02)
        assert np.array_equal(twin.counters(), counted(run.volleys[0].dense()))
        densities.append(twin.density)
    error = np.std(densities, ddof=1) / np.sqrt(len(densities))
    assert error < 0.1 * float(expected.density)
    assert abs(np.mean(densities) - float(expected.density)) < 3 * error


# ---- Brian2's own side --------------------------------------------------------------------------------------------


def test_monitors_can_be_attached(willshaw):
    import brian2

    memory, _, cues, _ = willshaw
    twin = SpikingTwin(memory)
    how = {"codeobj_class": twin.units.codeobj_class}
    spikes = brian2.SpikeMonitor(twin.units, **how)
    v = brian2.StateMonitor(twin.units, "v", True, when="before_thresholds", **how)
    twin.network.add(spikes, v)
    run = twin.run(cues, max_iterations=2)
    volleys = SDR.from_indices([one.indices for one in zipped(run.volleys)], 96)
    steps = np.rint(np.asarray(spikes.t / brian2.ms)).astype(int)
    assert np.array_equal(np.bincount(steps, minlength=4 * len(cues)).reshape(-1, 4)[:, 1:].ravel(), volleys.n_active)
    x, links = cues.dense().astype(int), memory.links().toarray()
    assert np.array_equal(v.v[:, 2::4].T, x @ links + x)
    assert twin.network.t == 4 * len(cues) * brian2.ms


def zipped(volleys):
    return [volley[i] for i in range(len(volleys[0])) for volley in volleys]


def test_leaky_neuron(clique):
    """All input of a step leaks alike: a competition has the same winners."""
    memory, _, cues, _ = clique
    leaky = SpikingTwin(memory, neuron="dv/dt = -v/(3*ms) : 1")
    assert leaky.run(cues).codes == memory.recall(cues).codes
    with_threshold = {"select": "threshold", "threshold": 2, "max_iterations": 1}
    assert leaky.run(cues, **with_threshold).codes != memory.recall(cues, **with_threshold).codes


def test_nothing_is_compiled(willshaw):
    twin = willshaw[3]
    twin.run(willshaw[2])
    parts = [part for o in twin.network.objects for part in (o, *o.contained_objects)]
    kinds = {type(part.codeobj).__name__ for part in parts if getattr(part, "codeobj", None)}
    assert kinds == {"NumpyCodeObject"}


@pytest.mark.long
def test_cython_has_the_same_volleys(willshaw):
    memory, _, cues, _ = willshaw
    twin = SpikingTwin(memory, codegen="cython")
    assert twin.run(cues).codes == memory.recall(cues).codes
    run = twin.run(cues[:10], p_syn=0.2)
    assert twin.run(cues[5:10], p_syn=0.2, first_item=5).codes == run.codes[5:]
    for i in range(10):
        assert memory.recall(cues[i], failures=run.failures[i], first_item=i).codes == run.codes[i]


def test_brian2_says_nothing(willshaw, caplog):
    memory, _, cues, _ = willshaw
    twin = SpikingTwin(memory, consolidation=2)
    twin.learn(cues, p_erase=0.1, p_insert=0.1)
    twin.run(cues, p_syn=0.1)
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


def test_brian2_is_imported_on_use_alone():
    code = "import sys, sdrsim.models.hebbian.spiking; sys.exit('brian2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_brian2(monkeypatch):
    monkeypatch.setitem(sys.modules, "brian2", None)
    with pytest.raises(SdrsimError, match="pip install brian2"):
        SpikingTwin(WillshawMemory(8))


# ---- refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"select": "wta"}, "select"),
        ({"select": "best"}, "select"),
        ({"k": 0}, "k"),
        ({"memory_effect": -1}, "memory_effect"),
        ({"max_iterations": 0}, "max_iterations"),
        ({"p_syn": 1.5}, "p_syn"),
        ({"p_erase": -0.1}, "p_erase"),
        ({"p_insert": "a"}, "p_insert"),
        ({"first_item": -1}, "first_item"),
        ({"seed": -1}, "seed"),
        ({"select": lambda scores, active: 3}, "select"),
    ],
)
def test_bad_options(willshaw, options, word):
    _, _, cues, twin = willshaw
    before = twin.run(cues[:2]).codes
    with pytest.raises(ParameterError, match=word):
        twin.run(cues, **options)
    assert twin.run(cues[:2]).codes == before


def test_bad_twins_and_calls(willshaw):
    twin = willshaw[3]
    for bad in (WillshawMemory, "memory", None):
        with pytest.raises(ParameterError, match="memory"):
            SpikingTwin(bad)
    for bad in (0, 256, 1.5, True):
        with pytest.raises(ParameterError, match="consolidation"):
            SpikingTwin(WillshawMemory(8), consolidation=bad)
    with pytest.raises(ParameterError, match="did you mean cython"):
        SpikingTwin(WillshawMemory(8), codegen="cyton")
    for call in (lambda: twin.learn([[1, 2]]), twin.counters):
        with pytest.raises(ParameterError, match="consolidation="):
            call()
    with pytest.raises(CodeError, match="cues"):
        twin.run([[1, 96]])


def test_error_in_a_rule_of_ones_own(willshaw):
    def broken(scores, active):
        raise ZeroDivisionError("mine")

    _, _, cues, twin = willshaw
    with pytest.raises(ZeroDivisionError, match="mine"):
        twin.run(cues, select=broken)
    assert twin.run(cues).codes == willshaw[0].recall(cues).codes


def test_neurons_that_cannot_be(willshaw):
    with pytest.raises(ParameterError, match="define v"):
        SpikingTwin(willshaw[0], neuron="u : 1")


def test_a_twin_that_never_ran_goes_silently(caplog):
    gc.collect()
    caplog.clear()
    SpikingTwin(WillshawMemory(8))
    gc.collect()
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []
