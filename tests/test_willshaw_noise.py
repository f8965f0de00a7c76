"""Willshaw's memory when links fail or are not there: draws, replayed failures, wiring, corrected scores."""

import numpy as np
import pytest
from reference.hebbian_reference import ReferenceMemory, follow
from scipy import stats

from sdrsim import SDR, patterns
from sdrsim.models.hebbian import WillshawMemory, theory

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")


def pair(n_units, n_active, n_items, seed):
    """A filled memory, its twin, and the items."""
    rng = np.random.default_rng(seed)
    items = [np.sort(rng.choice(n_units, n_active, replace=False)).tolist() for _ in range(n_items)]
    memory, twin = WillshawMemory(n_units, n_active, seed=seed), ReferenceMemory(n_units, order=n_active, seed=seed)
    memory.store(SDR.from_indices(items, n_units))
    twin.store(items)
    return memory, twin, items


# ---- synaptic failure ---------------------------------------------------------------------------------------------


def test_failures_do_not_depend_on_batches_order_or_threads():
    memory, _, items = pair(128, 7, 60, seed=5)
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
    memory, twin, items = pair(250, 10, 60, seed=1)
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


def test_recorded_failures_played_again():
    memory, twin, items = pair(100, 6, 60, seed=7)
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
    memory, _, items = pair(100, 6, 30, seed=7)
    cues = SDR.from_indices(items, 100)
    assert memory.recall(cues, p_syn=1.0).codes == cues, "support of its own is no link"
    assert not len(memory.recall(cues, p_syn=1.0, memory_effect=0).codes.indices)


# ---- partial connectivity -----------------------------------------------------------------------------------------


def wired(n_units, n_active, connectivity, seed):
    """A memory, and the links that can exist: those that storing everything at once sets."""
    full = WillshawMemory(n_units, connectivity=connectivity, seed=seed)
    full.store(np.ones((1, n_units), bool))
    return WillshawMemory(n_units, n_active, connectivity=connectivity, seed=seed), full.links().toarray() > 0


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


def test_a_memory_tells_its_bytes_and_shows_itself_before_it_takes_them():
    for options in ({}, {"connectivity": 0.4}):
        memory = WillshawMemory(333, 5, **options)
        told = memory.n_bytes
        assert not memory.is_allocated
        assert memory.density == 0.0
        assert told == sum(array.nbytes for array in memory._arrays.values())
        huge = WillshawMemory(2**22, 20, **options)
        assert "0 items stored" in repr(huge)
        assert not huge.is_allocated


def test_the_wiring_is_counted_once_and_the_same_after_a_reset():
    memory = WillshawMemory(200, 5, connectivity=0.3, seed=2)
    x = patterns.random_sparse(50, 200, 5, seed=1)
    memory.store(x)
    before = (memory.n_synapses, memory.n_links)
    memory.reset()
    assert memory.n_synapses == before[0]
    memory.store(x)
    assert (memory.n_synapses, memory.n_links) == before
    assert WillshawMemory(200, 5, connectivity=0.3, seed=3).n_synapses != before[0]
