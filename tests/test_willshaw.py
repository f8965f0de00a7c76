"""WillshawMemory against its slow twin on both paths: links, answers, failures, wiring; theory; bad input."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from reference.hebbian_reference import ReferenceMemory, follow, nasty_cues
from scipy import stats

from sdrsim import SDR, patterns, stream
from sdrsim.errors import CapacityError, CodeError, ParameterError, SaturationWarning
from sdrsim.models.hebbian import WillshawMemory, theory

RULES = ["gwta", "gwsta", "kwta", "gkwta", "glko", "threshold"]
quiet = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")


def pair(n_units, n_active, n_items, seed):
    """A filled memory, its twin, and the items."""
    rng = np.random.default_rng(seed)
    items = [np.sort(rng.choice(n_units, n_active, replace=False)).tolist() for _ in range(n_items)]
    memory, twin = WillshawMemory(n_units, n_active, seed=seed), ReferenceMemory(n_units, order=n_active, seed=seed)
    memory.store(SDR.from_indices(items, n_units))
    twin.store(items)
    return memory, twin, items, rng


# ---- storing ------------------------------------------------------------------------------------------------------


@given(n_units=st.integers(1, 140), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
@quiet
def test_links_are_those_of_the_twin(n_units, seed):
    rng = np.random.default_rng(seed)
    items = [np.flatnonzero(rng.random(n_units) < rng.random() ** 3).tolist() for _ in range(6)]
    memory, twin = WillshawMemory(n_units), ReferenceMemory(n_units)
    n_new = 0
    for item in items:
        twin.store([item])
        n_new += memory.store(SDR.from_indices([item], n_units)).n_new
        assert memory.n_links == n_new == twin.links.sum()
    assert np.array_equal(memory.links().toarray(), twin.links)
    assert memory.n_synapses == n_units * (n_units - 1)
    assert memory.n_stored == 6
    if n_units > 1:
        assert memory.density == pytest.approx(twin.density(), abs=1e-15)
    again = memory.store(SDR.from_indices(items, n_units))
    assert (again.n_new, again.n_items) == (0, 6)


@quiet
@pytest.mark.parametrize("p", [1e-300, 1e-19, 0.01, 0.2, 1.0])
def test_forgetting_against_the_twin(p):
    items = patterns.random_sparse(20, 40, 6, seed=3)
    memory, twin = WillshawMemory(40, 6, p_forget=p, seed=5), ReferenceMemory(40, order=6, seed=5)
    memory.store(items[:7])
    memory.store(items[7:])
    for i, item in enumerate(items):
        twin.forget(p, i)
        twin.store([item.indices.tolist()])
    assert np.array_equal(memory.links().toarray(), twin.links)
    assert memory.n_links == twin.links.sum()
    plain = WillshawMemory(40, 6)
    plain.store(items)
    assert (memory.n_links < plain.n_links) == (p > 0.001)


# ---- recall against the twin --------------------------------------------------------------------------------------


@quiet
@pytest.mark.parametrize("memory_effect", [0, 1, 2, 2**14])
@pytest.mark.parametrize("select", RULES)
def test_every_rule_against_the_twin(select, memory_effect):
    for n_units, n_active, n_items in ((65, 5, 40), (130, 8, 60)):
        memory, twin, items, rng = pair(n_units, n_active, n_items, seed=n_units)
        for max_iterations in (1, 2, 5):
            for k in (1, n_active, n_units):
                more = {"threshold": k // 2} if select == "threshold" and k > 1 else {}
                cues = nasty_cues(items, n_units, rng)
                got = follow(memory, twin, cues, select, k, memory_effect, max_iterations=max_iterations, **more)
                assert got.path == ("portable" if select in ("gkwta", "glko") else "compiled")


@given(
    n_units=st.integers(1, 90),
    load=st.integers(0, 40),
    select=st.sampled_from(RULES),
    k=st.one_of(st.none(), st.integers(1, 90)),
    memory_effect=st.sampled_from([0, 1, 1, 2, 7]),
    max_iterations=st.integers(1, 8),
    p_syn=st.sampled_from([0.0, 0.0, 1e-30, 0.1, 0.6, 1.0]),
    stop=st.sampled_from(["fixed", "clique"]),
    threshold=st.one_of(st.none(), st.integers(0, 9)),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=150, deadline=None)
@quiet
def test_any_small_memory_against_the_twin(n_units, load, select, k, memory_effect, seed, **options):
    n_active = min(n_units, 1 + seed % 7)
    memory, twin, items, rng = pair(n_units, n_active, load, seed)
    k = None if k is None else min(k, n_units)
    follow(memory, twin, nasty_cues(items, n_units, rng), select, k, memory_effect, first_item=seed % 11, **options)


@quiet
@pytest.mark.parametrize("n_units", [512, 1030])
def test_wide_memories_with_dense_links_against_the_twin(n_units):
    """Several chunks of units, many active ones: sums of many bit planes."""
    rng = np.random.default_rng(n_units)
    for density in (0.03, 0.4, 0.97):
        links = np.triu(rng.random((n_units, n_units)) < density, 1)
        links |= links.T
        memory, twin = WillshawMemory.from_links(n_units, links, 9, seed=3), ReferenceMemory(n_units, order=9, seed=3)
        twin.links = links
        cues = [np.flatnonzero(rng.random(n_units) < p).tolist() for p in (0.01, 0.06, 0.13, 0.5, 1.0)]
        for select in ("gwsta", "kwta", "threshold"):
            for memory_effect in (0, 1, 3):
                follow(memory, twin, cues, select, 60, memory_effect, max_iterations=3)


# ---- what the docstring says --------------------------------------------------------------------------------------


@quiet
def test_defaults():
    memory, _, items, rng = pair(100, 6, 60, seed=8)
    cues = SDR.from_indices(nasty_cues(items, 100, rng), 100)
    named = memory.recall(cues, select="gwsta", k=6, memory_effect=1, max_iterations=10, p_syn=0.0, stop="fixed")
    assert named.codes == memory.recall(cues).codes
    free = WillshawMemory(100)
    free.store(SDR.from_indices(items, 100))
    once = free.recall(cues)
    assert once.codes == free.recall(cues, select="threshold", max_iterations=1).codes
    assert set(once.iterations) == {1}
    assert free.recall(cues, k=6).codes == named.codes
    for i, cue in enumerate(cues):  # Willshaw's rule in one line
        linked = (memory.links().toarray()[cue.indices] + np.eye(100)[cue.indices]).all(axis=0)
        assert np.array_equal(once.codes.dense()[i], linked & (len(cue.indices) > 0))
    assert named.messages is None


@quiet
def test_rules_of_ones_own():
    memory, _, items, rng = pair(90, 5, 50, seed=4)
    cues = SDR.from_indices(nasty_cues(items, 90, rng), 90)

    def best(scores, active):
        return scores >= max(scores.max(), 1)

    plain = memory.recall(cues, select="gwta")
    for own in (best, njit(lambda scores, active: scores >= max(scores.max(), 1))):
        found = memory.recall(cues, select=own)
        assert found.path == "portable"
        assert found.codes == plain.codes
        assert np.array_equal(found.iterations, plain.iterations)
    kept = memory.recall(cues, select=lambda scores, active: active)
    assert kept.codes == cues
    assert kept.converged.all()
    assert set(kept.iterations) == {1}
    total = memory.traffic
    before = total.total("rows_read")
    with pytest.raises(ParameterError, match="bool mask"):
        memory.recall(cues, select=lambda scores, active: scores)
    assert total.total("rows_read") == before


def test_a_stop_at_a_clique_says_so():
    memory = WillshawMemory(30, 3, seed=0)
    memory.store([[0, 1, 2], [3, 4, 5], [0, 3, 6]])
    found = memory.recall([[0, 1], [3, 4], [7, 8]], stop="clique")
    assert found.codes == SDR.from_indices([[0, 1, 2], [3, 4, 5], [7, 8]], 30)
    assert found.converged.tolist() == [True, True, False]
    assert found.iterations.tolist() == [1, 1, 1]


@quiet
def test_what_a_recall_moves():
    memory, _, items, _ = pair(200, 7, 30, seed=2)
    n_words = 4
    cues = SDR.from_indices([item[:4] for item in items], 200)
    found = memory.recall(cues, max_iterations=1, trace=True)
    traffic = found.traffic
    assert traffic.get("W", "retrieve", "rows_read") == 4 * 30
    assert traffic.get("W", "retrieve", "words_read") == 4 * 30 * n_words
    assert traffic.trace["row"].tolist() == cues.indices.tolist()
    assert not traffic.trace["write"].any()
    assert traffic.total("code_bits") == 8 * (4 * 30 + len(found.codes.indices))
    assert (traffic.tensors["W"].n_rows, traffic.tensors["W"].row_bytes) == (200, 8 * n_words)
    fresh = WillshawMemory(200, 7)
    stored = fresh.store(SDR.from_indices(items, 200), trace=True).traffic
    assert stored.get("W", "learn", "rows_read") == 7 * 30
    assert stored.trace["row"].tolist() == np.repeat(np.concatenate(items), 2).tolist()
    assert stored.trace["write"].tolist() == [False, True] * 210
    assert fresh.traffic.get("W", "learn", "words_written") == stored.total("words_written") <= 7 * 30 * n_words


@quiet
def test_links_come_and_go():
    memory, twin, items, rng = pair(70, 5, 30, seed=6)
    for links in (twin.links, twin.links.astype(np.uint8), memory.links()):
        copy = WillshawMemory.from_links(70, links, 5)
        assert np.array_equal(copy.links().toarray(), twin.links)
        assert copy.n_links == memory.n_links
        cues = SDR.from_indices(nasty_cues(items, 70, rng), 70)
        assert copy.recall(cues, select="kwta", seed=3).codes == memory.recall(cues, select="kwta", seed=3).codes
    assert not memory.links().diagonal().any()
    with pytest.raises(ParameterError, match="itself"):
        WillshawMemory.from_links(70, twin.links | np.eye(70, dtype=bool), 5)
    with pytest.raises(ParameterError, match=r"\(70, 70\)"):
        WillshawMemory.from_links(70, twin.links[:69], 5)


@quiet
def test_copies_are_whole_and_apart():
    memory, _, items, rng = pair(300, 7, 50, seed=2)
    cues = SDR.from_indices(nasty_cues(items, 300, rng), 300)
    before = memory.recall(cues)
    for copy in (deepcopy(memory), pickle.loads(pickle.dumps(memory))):
        assert copy.recall(cues).codes == before.codes
        copy.store(patterns.random_sparse(100, 300, 7, seed=1))
        copy.recall(cues)
    assert memory.n_stored == 50
    assert memory.recall(cues).codes == before.codes
    assert len(pickle.dumps(memory)) < 2 * memory.n_bytes, "scratch is not part of a copy"


# ---- synaptic failure ---------------------------------------------------------------------------------------------


@quiet
def test_failures_do_not_depend_on_batches_order_or_threads():
    memory, _, items, _ = pair(128, 7, 60, seed=5)
    cues = SDR.from_indices([item[:4] for item in items], 128)
    for select in ("gwsta", "kwta", "glko"):
        whole = memory.recall(cues, select=select, p_syn=0.3)
        assert whole.codes != memory.recall(cues, select=select, p_syn=0.3, seed=6).codes
        for cut in (1, 31, 59):
            a = memory.recall(cues[:cut], select=select, p_syn=0.3)
            b = memory.recall(cues[cut:], select=select, p_syn=0.3, first_item=cut)
            assert [*a.codes, *b.codes] == [*whole.codes]
            assert (a.traffic + b.traffic).total("random_numbers") == whole.traffic.total("random_numbers")
        for i in (59, 7, 30):  # in any order
            assert memory.recall(cues[i], select=select, p_syn=0.3, first_item=i).codes == whole.codes[i]
        for n_threads in (2, 3, 100):
            threads = memory.recall(cues, select=select, p_syn=0.3, n_threads=n_threads)
            assert threads.codes == whole.codes
            assert np.array_equal(threads.iterations, whole.iterations)
            assert threads.traffic == whole.traffic


@pytest.mark.parametrize("p_syn", [0.02, 0.3, 0.9])
def test_as_many_links_transmit_as_told(p_syn):
    """Mean (1 - p) sum of outdegrees, variance binomial."""
    memory, twin, items, _ = pair(250, 10, 60, seed=1)
    sums = []

    def count(scores, active):
        sums.append(scores.sum())
        return active

    n_items = 1500
    cues = SDR.from_indices([items[0]] * n_items, 250)
    memory.recall(cues, select=count, memory_effect=0, p_syn=p_syn, max_iterations=1)
    n_links = twin.links[items[0]].sum()
    variance = n_links * p_syn * (1 - p_syn)
    assert abs(np.mean(sums) - (1 - p_syn) * n_links) < 4 * np.sqrt(variance / n_items)
    low, high = stats.chi2.interval(1 - 1e-4, n_items - 1)
    assert low < (n_items - 1) * np.var(sums, ddof=1) / variance < high


@quiet
def test_recorded_failures_played_again():
    memory, twin, items, _ = pair(100, 6, 60, seed=7)
    for item in range(12):
        cue = [items[item][:4]]
        noisy = memory.recall(cue, p_syn=0.25, first_item=item, select="gwsta", max_iterations=4)
        x, masks = np.isin(np.arange(100), cue), []
        for volley in range(4):
            failed = twin.failing(np.flatnonzero(x), 0.25, memory.seed, item, volley)
            masks.append((np.array([i for i, _ in failed], int), np.array([j for _, j in failed], int)))
            answer = memory.recall(cue, max_iterations=volley + 1, failures=masks)
            x = answer.codes.dense()[0]
        assert answer.codes == noisy.codes
        assert answer.path == "portable"
        assert (answer.iterations, answer.converged) == (noisy.iterations, noisy.converged)
        twice = [(np.tile(i, 2), np.tile(j, 2)) for i, j in masks]  # a link fails once, however often it is listed
        assert memory.recall(cue, max_iterations=4, failures=twice).codes == noisy.codes
    absent = [(np.array([0, 0, 1]), np.array([0, 99, 1]))]
    assert (
        memory.recall(cue, failures=absent).codes == memory.recall(cue, failures=[]).codes == memory.recall(cue).codes
    )


def test_nothing_transmits_when_every_link_fails():
    memory, _, items, _ = pair(100, 6, 30, seed=7)
    cues = SDR.from_indices(items, 100)
    assert memory.recall(cues, p_syn=1.0).codes == cues, "support of its own is no link"
    assert not len(memory.recall(cues, p_syn=1.0, memory_effect=0).codes.indices)


# ---- partial connectivity -----------------------------------------------------------------------------------------


def wired(n_units, n_active, connectivity, seed):
    """A memory, and the links that can exist: those that storing everything at once sets."""
    full = WillshawMemory(n_units, connectivity=connectivity, seed=seed)
    full.store(np.ones((1, n_units), bool))
    return WillshawMemory(n_units, n_active, connectivity=connectivity, seed=seed), full.links().toarray() > 0


@quiet
@pytest.mark.parametrize("connectivity", [1e-19, 0.05, 0.5, 0.95, 1.0])
def test_wiring(connectivity):
    memory, can = wired(300, 8, connectivity, seed=3)
    n = 300 * 299
    assert memory.n_synapses == can.sum()
    assert abs(can.sum() - n * connectivity) <= 4 * np.sqrt(n * connectivity * (1 - connectivity))
    assert not can.diagonal().any()
    twin, items = ReferenceMemory(300, order=8, seed=3), patterns.random_sparse(80, 300, 8, seed=1)
    twin.store([item.indices.tolist() for item in items], can)
    memory.store(items)
    assert np.array_equal(memory.links().toarray(), twin.links)
    assert memory.density == pytest.approx(twin.links.sum() / max(1, can.sum()))
    for select in ("gwsta", "threshold", "kwta"):
        follow(memory, twin, [item.indices[:5].tolist() for item in items[:10]], select, max_iterations=4)


@quiet
def test_corrected_scores_against_plain_sums():
    memory, can = wired(120, 7, 0.6, seed=4)
    items = patterns.random_sparse(60, 120, 7, seed=2)
    memory.store(items)
    links, usage = memory.links().toarray().astype(int), items.dense().sum(axis=0)
    seen = []

    def look(scores, active):
        seen.append(scores)
        return active

    cues = patterns.insert(patterns.erase(items[:20], 0.3, seed=1), 0.02, seed=3)
    for memory_effect in (0, 1, 3):
        for i, cue in enumerate(cues):
            x = cues.dense()[i].astype(int)
            s, a = x @ links, x @ can.astype(int)
            seen.clear()
            options = {"select": look, "memory_effect": memory_effect, "max_iterations": 1}
            for correction in (None, "activity", "usage"):
                memory.recall(cue, correction=correction, rho=0.7 if correction == "usage" else None, **options)
            plain, activity, by_usage = seen
            assert np.array_equal(plain, s + memory_effect * x)
            expected = (s + memory_effect * x) / np.maximum(a + memory_effect * x, 1)
            np.testing.assert_allclose(activity, expected, rtol=1e-14)
            own = (a > 0) & (x == 0) & (s > 0)
            ratio = theory.log_likelihood_ratio(s[own], a[own], usage[own], 7 / 120, 0.7)
            np.testing.assert_allclose(np.diff(by_usage[own]), np.diff(ratio), atol=1e-9)


@quiet
def test_strategies_for_partial_connectivity_in_their_order():
    """Wrong units of the 16 best: sums above sums over activity above usage; per-network means of 200 cues, paired."""
    errors = []
    for seed in range(6):
        x = patterns.random_sparse(700, 1024, 16, seed=seed)
        memory = WillshawMemory(1024, 16, connectivity=0.6, seed=seed)
        memory.store(x)
        cues, wrong = patterns.erase(x[:200], 0.25, seed=seed), []
        for correction in (None, "activity", "usage"):
            options = {"select": "kwta", "max_iterations": 1, "memory_effect": 0}
            found = memory.recall(cues, correction=correction, **options).codes
            wrong.append(16 - (found.dense() & x[:200].dense()).sum(axis=1).mean())
        errors.append(wrong)
    gaps = -np.diff(errors, axis=1)
    assert (gaps.mean(axis=0) > 4 * stats.sem(gaps, axis=0)).all(), gaps


# ---- theory -------------------------------------------------------------------------------------------------------


@quiet
def test_one_step_false_positives_of_the_published_network():
    """N = 2048, k = 11, cues of 6 units (hebbian Willshaw table): mean over 8 networks of 1,000 distinct stored items.

    Interval over networks, whichever is wider; the density within its occupancy variance over networks.
    """
    loads, n_networks, n_cues = [5000, 10_000, 15_000], 8, 1000
    extra, exact, density = (np.zeros((n_networks, len(loads))) for _ in range(3))
    for network in range(n_networks):
        x = patterns.random_sparse(loads[-1], 2048, 11, seed=100 + network)
        memory = WillshawMemory(2048, 11, seed=network)
        cues = patterns.erase(x[:n_cues], 5 / 11, seed=network)
        assert set(cues.n_active) == {6}
        for i, (a, b) in enumerate(zip([0, *loads], loads)):
            memory.store(x[a:b])
            n_wrong = memory.recall(cues, select="threshold", max_iterations=1).codes.n_active - 11
            assert (n_wrong >= 0).all(), "no genuine unit is missed"
            extra[network, i], exact[network, i] = n_wrong.mean(), (n_wrong == 0).mean()
            density[network, i] = memory.density
    expected = theory.willshaw_false_positives(loads, 2048, 11, 6)
    z = (extra.mean(axis=0) - expected) / stats.sem(extra, axis=0)
    assert np.abs(z).max() < stats.t.isf(1e-4, n_networks - 1), (extra.mean(axis=0), expected, z)
    p1 = theory.willshaw_density(loads, 2048, 11)
    assert np.abs(density.mean(axis=0) / p1 - 1).max() < 1e-3
    published, table_error = np.array([0.987, 0.6945, 0.0845]), np.array([0.0026, 0.0103, 0.0062])  # T = 2,000
    error = np.hypot(stats.sem(exact, axis=0), table_error)
    assert (np.abs(exact.mean(axis=0) - published) < 3.5 * error).all(), exact.mean(axis=0)


@quiet
def test_recall_settles_as_published():
    """Exact after 10 volleys by gwsta: .992 at M = 10,000 and .775 at 15,000, of 2,000 cues of 6 units of 11."""
    for load, published in ((10_000, 0.992), (15_000, 0.775)):
        shares = []
        for seed in range(4):
            x = patterns.random_sparse(load, 2048, 11, seed=200 + seed)
            memory = WillshawMemory(2048, 11)
            memory.store(x)
            found = memory.recall(patterns.erase(x[:1000], 5 / 11, seed=seed)).codes
            shares.append(np.mean([a == b for a, b in zip(found, x[:1000])]))
        error = np.hypot(stats.sem(shares), np.sqrt(published * (1 - published) / 2000))
        assert abs(np.mean(shares) - published) < 3.5 * error, shares


def test_expected_error_is_theorys():
    memory = WillshawMemory(2048, 11)
    assert memory.expected_error(0.5) == 0
    memory.store(patterns.random_sparse(4000, 2048, 11, seed=1))
    assert memory.expected_error(5 / 11) == theory.willshaw_error(4000, 2048, 11, 6)
    for bad in (WillshawMemory(20), WillshawMemory(20, 3, p_forget=0.1), WillshawMemory(20, 3, connectivity=0.5)):
        with pytest.raises(ParameterError):
            bad.expected_error(0.5)
    for fraction in (-0.1, 1.1, float("nan"), "half"):
        with pytest.raises(ParameterError):
            memory.expected_error(fraction)


def test_a_full_memory_warns_once_with_density_and_theory():
    memory = WillshawMemory(60, 6, seed=0)
    x = patterns.random_sparse(400, 60, 6, seed=3)
    memory.store(x[:20])
    with pytest.warns(SaturationWarning) as caught:
        memory.store(x[20:100])
    text = str(caught[0].message)
    assert len(caught) == 1
    assert f"density {memory.density:.3f}" in text
    assert f"{memory.expected_error(0.5):.3g} of half cues fail" in text
    assert caught[0].filename == __file__
    memory.store(x[100:])  # said once
    free = WillshawMemory(60)
    with pytest.warns(SaturationWarning, match="density"):
        free.store(x)


# ---- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_units": 0},
        {"n_units": -5},
        {"n_units": 10.0},
        {"n_units": True},
        {"n_units": "many"},
        {"n_units": 2**25},
        {"n_active": 0},
        {"n_active": 11},
        {"n_active": 2.5},
        {"connectivity": 0.0},
        {"connectivity": 1.5},
        {"connectivity": float("nan")},
        {"p_forget": -0.1},
        {"p_forget": float("inf")},
        {"seed": -1},
        {"seed": 1.5},
    ],
    ids=str,
)
def test_bad_parameters(wrong):
    with pytest.raises(ParameterError):
        WillshawMemory(**{"n_units": 10, "n_active": 3, **wrong})


def test_what_does_not_fit_is_told_before_it_is_taken():
    memory = WillshawMemory(2**24, 20)
    assert memory.n_bytes > 2**45
    with pytest.raises(CapacityError, match=r"GiB|TiB"):
        memory.store([list(range(20))])
    assert not memory.is_allocated


OPTIONS = [
    ({"select": "gwst"}, "did you mean gwsta"),
    ({"select": "wta"}, "gwta"),
    ({"select": 3}, "select"),
    ({"select": None, "k": 0}, "k"),
    ({"k": 31}, "1 .. 30"),
    ({"k": 2.0}, "k"),
    ({"k": True}, "k"),
    ({"select": "threshold", "threshold": -1}, "threshold"),
    ({"select": "threshold", "threshold": 1.5}, "threshold"),
    ({"memory_effect": 1.0}, "memory_effect"),
    ({"memory_effect": -1}, "memory_effect"),
    ({"memory_effect": 2**20}, "memory_effect"),
    ({"max_iterations": 0}, "max_iterations"),
    ({"max_iterations": 2.0}, "max_iterations"),
    ({"stop": "cliques"}, "did you mean clique"),
    ({"p_syn": 1.1}, "p_syn"),
    ({"p_syn": float("nan")}, "p_syn"),
    ({"p_syn": "often"}, "p_syn"),
    ({"correction": "use"}, "usage"),
    ({"correction": "usage"}, "partial connectivity"),
    ({"rho": 2}, "rho"),
    ({"failures": [(np.array([1]), np.array([2, 3]))]}, "failures"),
    ({"failures": [(np.array([1]), np.array([30]))]}, "0 .. 29"),
    ({"failures": [(np.array([0.5]), np.array([1.0]))]}, "failures"),
    ({"failures": [3]}, "failures"),
    ({"failures": [], "p_syn": 0.1}, "drawn"),
    ({"first_item": -1}, "first_item"),
    ({"seed": -1}, "seed"),
    ({"n_threads": 0}, "n_threads"),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=str)
def test_bad_options_change_nothing(options, message):
    memory = WillshawMemory(30, 3)
    memory.store([[0, 1, 2]])
    before = memory.traffic.total("rows_read")
    with pytest.raises(ParameterError, match=message):
        memory.recall([[0, 1]], **options)
    assert memory.traffic.total("rows_read") == before


def test_bad_items():
    memory = WillshawMemory(30, 3)
    for wrong in (
        [[0, 1]],
        [[0, 1, 2], [0, 1, 2, 3]],
        [[0, 1, 30]],
        [[0, 1, 1]],
        [[-1, 0, 1]],
        np.zeros((1, 30), bool),
    ):
        with pytest.raises(CodeError):
            memory.store(wrong)
    for wrong in (np.full((2, 30), np.nan), np.zeros((2, 31), bool), SDR.from_indices([[1, 2, 3]], 31), "item", None):
        for call in (memory.store, memory.recall):
            with pytest.raises(CodeError):
                call(wrong)
    assert (memory.n_stored, memory.n_links) == (0, 0)
    with pytest.raises(ParameterError, match="failures"):
        memory.recall([[0, 1], [1, 2]], failures=[])
    free = WillshawMemory(30)
    with pytest.raises(ParameterError, match="n_active"):
        free.recall([[0]], stop="clique")
    with pytest.raises(ParameterError, match="k"):
        free.recall([[0]], select="kwta")


def test_nothing_in_nothing_out():
    memory = WillshawMemory(30, 3)
    nothing = SDR.from_indices([], 30)
    assert memory.store(nothing).n_items == 0
    found = memory.recall(nothing)
    assert (len(found.codes), len(found.iterations), len(found.converged)) == (0, 0, 0)
    assert "no items" in repr(found)
    assert not len(memory.recall([[1, 2]], memory_effect=0).codes.indices)
    assert memory.recall(np.zeros((2, 30), bool)).converged.all()
    rng = stream(1, "unsorted")
    item = rng.choice(30, 3, replace=False)
    memory.store(item[None])
    assert memory.recall(item[None][:, ::-1][:, :2]).codes == SDR.from_indices([np.sort(item)], 30)
