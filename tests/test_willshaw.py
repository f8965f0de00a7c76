"""WillshawMemory against its slow twin on both paths: links, answers, rules of one's own, counters."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from reference.hebbian_reference import ReferenceMemory, follow, nasty_cues

from sdrsim import SDR, patterns
from sdrsim.errors import ParameterError
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

RULES = ["gwta", "gwsta", "kwta", "gkwta", "glko", "threshold"]


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
def test_any_small_memory_against_the_twin(n_units, load, select, k, memory_effect, seed, **options):
    n_active = min(n_units, 1 + seed % 7)
    memory, twin, items, rng = pair(n_units, n_active, load, seed)
    k = None if k is None else min(k, n_units)
    follow(memory, twin, nasty_cues(items, n_units, rng), select, k, memory_effect, first_item=seed % 11, **options)


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


@pytest.mark.parametrize("clusters", [False, True])
def test_a_traced_store_lists_the_rows_that_changed(clusters):
    x = patterns.random_block(300, 8, 16, seed=3)

    def made():
        return CliqueMemory(8, 16) if clusters else WillshawMemory(128, 8)

    traced, plain = made(), made()
    s, t = traced.store(x, trace=True).traffic, plain.store(x).traffic
    assert s.without_trace() == t
    assert traced.n_links == plain.n_links
    assert (traced.links() != plain.links()).nnz == 0
    links, expected = np.zeros((128, 128), bool), []
    for item in x.indices.reshape(300, 8):
        for u in item:
            expected.append((u, False))
            new = [v for v in item if v != u and not links[u, v]]
            if new:
                links[u, new] = True
                expected.append((u, True))
    assert [(row, bool(write)) for _, row, write, _ in s.trace.tolist()] == expected
    again = traced.store(x, trace=True).traffic
    assert not again.trace["write"].any()
    assert len(again.trace) == 2400
    assert again.total("words_silent") == again.total("words_written")
