"""CliqueMemory with block cliques against its slow twin on both paths: links, messages, answers, failures, search."""

from itertools import product as choices

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.hebbian_reference import ReferenceMemory, follow, nasty_cues

from sdrsim import SDR, patterns
from sdrsim.models.hebbian import CliqueMemory

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

RULES = ["sum_of_sum", "sum_of_sum_norm", "sum_of_max"]
SELECTIONS = ["wta", "gwta", "kwta", "gkwta", "wsta", "gwsta", "lko", "glko", "threshold"]
SHAPES = [(2, 1), (2, 2), (3, 5), (4, 64), (3, 70), (8, 16), (9, 1), (2, 200)]


def pair(n_clusters, cluster_size, n_items, seed, order=None):
    """A filled memory, its twin, the items, a generator."""
    rng, order = np.random.default_rng(seed), order or n_clusters
    items = []
    for _ in range(n_items):
        used = np.sort(rng.choice(n_clusters, order, replace=False))
        items.append((used * cluster_size + rng.integers(0, cluster_size, order)).tolist())
    memory = CliqueMemory(n_clusters, cluster_size, order, seed=seed)
    twin = ReferenceMemory(n_clusters * cluster_size, cluster_size, order, seed=seed)
    memory.store(SDR.from_indices(items, memory.size))
    twin.store(items)
    return memory, twin, items, rng


def load_for(cluster_size, share):
    """Messages that set this share of the links."""
    return int(np.ceil(np.log(1 - share) / np.log(1 - 1 / cluster_size**2))) if cluster_size > 1 else 2


# ---- storing, messages --------------------------------------------------------------------------------------------


@given(shape=st.sampled_from(SHAPES), n_items=st.integers(0, 12), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_links_are_those_of_the_twin(shape, n_items, seed):
    memory, twin, items, _ = pair(*shape, n_items, seed)
    assert np.array_equal(memory.links().toarray(), twin.links)
    assert memory.n_links == twin.links.sum()
    assert memory.density == pytest.approx(twin.density(), abs=1e-15)
    n_clusters, size = shape
    assert memory.n_synapses == n_clusters * (n_clusters - 1) * size**2
    assert memory.n_stored == n_items
    again = memory.store(SDR.from_indices(items, memory.size))
    assert again.n_new == 0
    copy = CliqueMemory.from_links(*shape, twin.links)
    assert copy.n_links == memory.n_links
    assert (copy.links() != memory.links()).nnz == 0


def test_items_of_every_form_are_the_same():
    x = patterns.random_block(40, 5, 12, seed=1)
    memory = CliqueMemory(5, 12)
    messages = memory.to_messages(x)
    assert messages.dtype == np.int16
    assert messages.shape == (40, 5)
    assert memory.to_sdr(messages) == x
    dense = x.dense()
    forms = [x, messages, messages.astype(np.int64), messages.astype(np.uint16), messages.tolist(), dense]
    forms += [dense.astype(np.uint8), x.to_csr(), list(x)]
    memory.store(x)
    cues = patterns.erase(x, 0.4, seed=2)
    expected = memory.recall(cues)
    for form in forms:
        other = CliqueMemory(5, 12)
        assert other.store(form).n_items == 40
        assert other.n_links == memory.n_links
        assert (other.links() != memory.links()).nnz == 0
    as_messages = memory.to_messages(cues)
    assert ((as_messages == -1).sum(axis=1) == 2).all()
    for form in (as_messages, as_messages.tolist(), cues.dense(), cues.dense().astype(np.uint8), cues.to_csr()):
        found = memory.recall(form)
        assert found.codes == expected.codes
        assert np.array_equal(found.messages, expected.messages)
    assert np.array_equal(memory.recall(as_messages[3]).messages, expected.messages[3:4])


def test_a_cluster_with_none_or_several_units_has_no_value():
    memory = CliqueMemory(3, 4)
    codes = SDR.from_indices([[0, 5, 11], [0, 1, 5], [], list(range(12)), [3, 8, 9, 10, 11]], 12)
    assert memory.to_messages(codes).tolist() == [[0, 1, 3], [-1, 1, -1], [-1] * 3, [-1] * 3, [3, -1, -1]]
    assert memory.to_sdr([[0, -1, 3], [-1, -1, -1]]) == SDR.from_indices([[0, 11], []], 12)


# ---- recall against the twin --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("select", SELECTIONS)
def test_every_rule_against_the_twin(select, rule):
    for n_clusters, size in ((3, 5), (6, 16), (3, 70)):
        for share in (0.15, 0.5):
            memory, twin, items, rng = pair(n_clusters, size, load_for(size, share) % 150, seed=size)
            for memory_effect, max_iterations, k in choices((0, 1, 2, 2**14), (1, 4), (1, n_clusters)):
                more = {"threshold": k} if select == "threshold" and k > 1 else {}
                cues = nasty_cues(items, memory.size, rng)
                options = {"rule": rule, "max_iterations": max_iterations, **more}
                got = follow(memory, twin, cues, select, k, memory_effect, **options)
                rare = select in ("gkwta", "wsta", "lko", "glko") or rule == "sum_of_sum_norm"
                assert got.path == ("portable" if rare else "compiled")


@given(
    shape=st.sampled_from(SHAPES),
    share=st.sampled_from([0.0, 0.1, 0.3, 0.6]),
    rule=st.sampled_from(RULES),
    select=st.sampled_from(["wta", "wta", "wta", *SELECTIONS]),
    k=st.one_of(st.none(), st.integers(1, 9)),
    memory_effect=st.sampled_from([0, 1, 1, 2, 7, 1000]),
    max_iterations=st.integers(1, 8),
    p_syn=st.sampled_from([0.0, 0.0, 0.0, 1e-30, 0.1, 0.6, 1.0]),
    stop=st.sampled_from(["fixed", "clique"]),
    threshold=st.one_of(st.none(), st.integers(0, 9)),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=150, deadline=None)
def test_any_small_memory_against_the_twin(shape, share, select, k, memory_effect, seed, **options):
    n_items = 0 if share == 0 else min(load_for(shape[1], share), 150)
    memory, twin, items, rng = pair(*shape, n_items, seed)
    k = None if k is None else min(k, memory.size)
    cues = nasty_cues(items, memory.size, rng)
    got = follow(memory, twin, cues, select, k, memory_effect, first_item=seed % 11, **options)
    x, more = SDR.from_indices(cues, memory.size), {"select": select, "k": k, "memory_effect": memory_effect, **options}
    threads = memory.recall(x, first_item=seed % 11, n_threads=3, **more)
    assert threads.codes == got.codes
    assert threads.traffic == got.traffic


@pytest.mark.parametrize("shape", [(8, 128), (20, 64), (9, 100), (3, 400), (70, 16)], ids=str)
def test_wide_memories_with_dense_links_against_the_twin(shape):
    n_clusters, size = shape
    n_units, rng = n_clusters * size, np.random.default_rng(size)
    for density in (0.05, 0.5, 0.98):
        links = np.triu(rng.random((n_units, n_units)) < density, 1)
        links &= np.arange(n_units)[:, None] // size != np.arange(n_units) // size
        links |= links.T
        memory = CliqueMemory.from_links(n_clusters, size, links, seed=3)
        twin = ReferenceMemory(n_units, size, n_clusters, seed=3)
        twin.links = links
        cues = [np.flatnonzero(rng.random(n_units) < p).tolist() for p in (0.003, 0.05, 0.5, 1.0)]
        cues.append([c * size for c in range(0, n_clusters, 2)])
        for rule, select in choices(("sum_of_sum", "sum_of_max"), ("wta", "gwsta")):
            follow(memory, twin, cues, select, 60, rule=rule, max_iterations=3)


# ---- what the docstring says --------------------------------------------------------------------------------------


def test_defaults():
    memory, _, items, rng = pair(6, 20, 80, seed=3)
    cues = SDR.from_indices(nasty_cues(items, memory.size, rng), memory.size)
    options = {"rule": "sum_of_sum", "select": "wta", "memory_effect": 1, "max_iterations": 4, "stop": "fixed"}
    named = memory.recall(cues, **options, blind=False, p_syn=0.0, post_search=False, ambiguous="keep")
    plain = memory.recall(cues)
    assert plain.codes == named.codes
    assert np.array_equal(plain.messages, named.messages)
    assert plain.messages.dtype == np.int16


def test_sum_of_max_with_a_large_memory_effect_only_removes_units():
    """From erased clusters all on, every volley keeps a part of the one before, and at last all of it."""
    memory, _, items, rng = pair(6, 16, load_for(16, 0.45), seed=2)
    cues = [[i for i in item if rng.random() < 0.5] for item in items[:40]]
    before = None
    for n in range(1, 12):
        found = memory.recall(
            SDR.from_indices(cues, 96), rule="sum_of_max", memory_effect=2**14, max_iterations=n, select="wta"
        )
        x = found.codes.dense()
        if before is not None:
            assert not (x & ~before).any()
        before = x
        for code, item in zip(found.codes, items):
            assert set(item) <= set(code.indices.tolist()), "what was stored stays"
    assert found.converged.all()


def test_a_known_cue_is_completed_and_a_large_memory_effect_keeps_it():
    memory, _, items, _ = pair(8, 64, 200, seed=5)
    wrong = [[(i // 64) * 64 + (i % 64 + 1) % 64 if i < 64 else i for i in item] for item in items[:50]]
    found = memory.recall(SDR.from_indices(wrong, 512))
    assert found.codes == SDR.from_indices(items[:50], 512), "one wrong cluster of eight is put right"
    kept = memory.recall(SDR.from_indices(wrong, 512), memory_effect=2**14)
    assert kept.codes == SDR.from_indices(wrong, 512)


def test_a_stop_at_a_clique_ends_there_and_says_so():
    memory, twin, items, rng = pair(5, 16, load_for(16, 0.3), seed=9)
    cues = [[i for i in item if rng.random() < 0.6] for item in items[:60]]
    for p_syn in (0.0, 0.05):
        found = memory.recall(SDR.from_indices(cues, 80), stop="clique", p_syn=p_syn, max_iterations=30)
        for code, converged, n in zip(found.codes, found.converged, found.iterations):
            assert converged == twin.is_clique(code.dense()[0], 5)
            assert converged or n == 30 or p_syn == 0
        assert found.converged.any()
        follow(memory, twin, cues[:20], "wta", stop="clique", p_syn=p_syn, max_iterations=30)


def test_a_little_noise_leaves_what_the_plain_recall_cannot():
    """Under stop at clique an item goes on, with fresh failures, where it would stand still or swing."""
    memory, _, items, rng = pair(6, 32, load_for(32, 0.38), seed=4)
    cues = SDR.from_indices([np.sort(rng.choice(item, 3, replace=False)) for item in items[:300]], 192)
    plain, noisy = (memory.recall(cues, stop="clique", p_syn=p, max_iterations=60) for p in (0.0, 0.02))
    assert noisy.converged.sum() > plain.converged.sum()


def test_a_bogus_fixed_point_and_the_clique_inside_it():
    """Four clusters of three. b1, b2, b3 reach every cluster, through each other; the only clique is 0, 3, 6, 9."""
    a0, a1, a2, a3, b1, b2, b3 = 0, 3, 6, 9, 4, 7, 10
    links = np.zeros((12, 12), bool)
    pairs = [(a0, a1), (a0, a2), (a0, a3), (a1, a2), (a1, a3), (a2, a3)]
    pairs += [(a0, b1), (a0, b2), (a0, b3), (b1, b2), (b2, b3), (b1, a3), (b3, a1)]
    for i, j in pairs:
        links[i, j] = links[j, i] = True
    memory = CliqueMemory.from_links(4, 3, links)
    options = {"rule": "sum_of_max", "max_iterations": 20}
    bogus = memory.recall([[0, -1, -1, -1]], **options)
    assert bogus.codes == SDR.from_indices([[a0, a1, b1, a2, b2, a3, b3]], 12)
    assert bogus.converged.all()
    assert bogus.messages.tolist() == [[0, -1, -1, -1]]
    found = memory.recall([[0, -1, -1, -1]], **options, post_search=True)
    assert found.messages.tolist() == [[0, 0, 0, 0]]
    assert found.traffic.get("W", "settle", "rows_read") > 0
    links[a1, b2] = links[b2, a1] = links[b2, a3] = links[a3, b2] = True  # a second clique: 0, 3, 7, 9
    twice = CliqueMemory.from_links(4, 3, links).recall([[0, -1, -1, -1]], **options, post_search=True)
    assert twice.messages.tolist() == [[0, -1, -1, -1]], "two cliques: which one is meant nobody can tell"


def test_search_and_draw_in_ambiguous_answers_against_brute_force():
    n_searched = n_drawn = 0
    for seed in range(4):
        memory, twin, items, rng = pair(8, 16, 140, seed=seed)
        cues = [np.sort(rng.choice(item, 3, replace=False)).tolist() for item in items[:20]]
        x, options = SDR.from_indices(cues, 128), {"rule": "sum_of_max", "max_iterations": 20, "first_item": 3}
        plain = memory.recall(x, **options)
        searched = memory.recall(x, **options, post_search=True)
        drawn = memory.recall(x, **options, ambiguous="draw")
        both = memory.recall(x, **options, post_search=True, ambiguous="draw", seed=5)
        assert np.array_equal(searched.iterations, plain.iterations)
        for i, code in enumerate(plain.codes):
            units = code.indices.tolist()
            expected = twin.searched(units)
            assert searched.codes[i].indices.tolist() == expected
            assert searched.messages[i].tolist() == twin.message(expected)
            assert drawn.codes[i].indices.tolist() == twin.drawn(units, seed, 3 + i)
            assert both.codes[i].indices.tolist() == twin.drawn(expected, 5, 3 + i)
            n_searched += -1 in twin.message(units)
            n_drawn += len(twin.drawn(units, seed, 3 + i)) < len(units)
        a = memory.recall(x[:5], **options, ambiguous="draw")
        b = memory.recall(x[5:], **{**options, "first_item": 8}, ambiguous="draw")
        assert [*a.codes, *b.codes] == [*drawn.codes]
        calls = [plain, searched, drawn, both, a, b]
        for name in ("rows_read", "random_numbers"):
            recalled = memory.traffic.total(name) - memory.traffic.get("W", "learn", name)
            assert recalled == sum(call.traffic.total(name) for call in calls)
    assert n_searched == n_drawn > 20


# ---- synaptic failure, counters -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES)
def test_failures_do_not_depend_on_batches_order_or_threads(rule):
    memory, _, items, _ = pair(6, 16, 60, seed=5)
    cues = SDR.from_indices([item[:3] for item in items], 96)
    whole = memory.recall(cues, rule=rule, p_syn=0.2)
    assert whole.codes != memory.recall(cues, rule=rule, p_syn=0.2, seed=6).codes
    for cut in (1, 31, 59):
        a = memory.recall(cues[:cut], rule=rule, p_syn=0.2)
        b = memory.recall(cues[cut:], rule=rule, p_syn=0.2, first_item=cut)
        assert [*a.codes, *b.codes] == [*whole.codes]
    for i in (59, 7, 30):
        assert memory.recall(cues[i], rule=rule, p_syn=0.2, first_item=i).codes == whole.codes[i]
    assert memory.recall(cues, rule=rule, p_syn=0.2, n_threads=3).codes == whole.codes


@pytest.mark.parametrize("rule", ["sum_of_sum", "sum_of_max"])
def test_recorded_failures_played_again(rule):
    memory, twin, items, _ = pair(5, 12, 60, seed=7)
    for item in range(10):
        cue = items[item][:3]
        noisy = memory.recall(SDR.from_indices([cue], 60), rule=rule, p_syn=0.25, first_item=item)
        x, masks = np.isin(np.arange(60), cue), []
        if rule == "sum_of_max":
            x[36:] = True
        for volley in range(4):
            failed = twin.failing(np.flatnonzero(x), 0.25, memory.seed, item, volley)
            masks.append((np.array([i for i, _ in failed], int), np.array([j for _, j in failed], int)))
            answer = memory.recall(SDR.from_indices([cue], 60), rule=rule, max_iterations=volley + 1, failures=masks)
            x = answer.codes.dense()[0]
        assert answer.codes == noisy.codes
        assert (answer.iterations, answer.converged) == (noisy.iterations, noisy.converged)


def test_what_a_recall_moves():
    memory, _, items, _ = pair(4, 16, 20, seed=2)
    cues = SDR.from_indices([item[:3] for item in items], 64)
    found = memory.recall(cues, max_iterations=1, trace=True)
    assert found.traffic.get("W", "retrieve", "rows_read") == 60
    assert found.traffic.trace["row"].tolist() == cues.indices.tolist()
    assert found.traffic.total("code_bits") == 6 * (60 + len(found.codes.indices))
    by_max = memory.recall(cues[0], rule="sum_of_max", max_iterations=1, trace=True)
    assert set(by_max.traffic.trace["row"].tolist()) == {*items[0][:3], 64 + 3}, (
        "the erased cluster has a row of its own"
    )
    assert by_max.traffic.tensors["W"].n_rows == 64 + 4
    for rule in ("sum_of_sum", "sum_of_max"):
        whole = memory.recall(cues, rule=rule)
        parts = [memory.recall(cue, rule=rule, first_item=i).traffic for i, cue in enumerate(cues)]
        assert sum(parts[1:], parts[0]) == whole.traffic
