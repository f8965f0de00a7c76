"""CliqueMemory with sparse cliques, guided and blind, against its slow twin; the published blind rule."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.hebbian_reference import ReferenceMemory, follow, nasty_cues, on_the_portable_path

from sdrsim import SDR
from sdrsim.errors import CodeError, ParameterError
from sdrsim.models.hebbian import CliqueMemory, theory

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

SHAPES = [(3, 4, 2), (6, 8, 3), (9, 1, 4), (5, 64, 3), (12, 10, 5), (4, 70, 2), (6, 3, 6)]
RULES = ["sum_of_sum", "sum_of_sum_norm", "sum_of_max"]


def pair(shape, n_items, seed):
    """A filled memory, its twin, the items, a generator."""
    (n_clusters, size, order), rng = shape, np.random.default_rng(seed)
    items = []
    for _ in range(n_items):
        used = np.sort(rng.choice(n_clusters, order, replace=False))
        items.append((used * size + rng.integers(0, size, order)).tolist())
    memory = CliqueMemory(n_clusters, size, order, seed=seed)
    twin = ReferenceMemory(n_clusters * size, size, order, seed=seed)
    memory.store(SDR.from_indices(items, memory.size))
    twin.store(items)
    return memory, twin, items, rng


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_links_and_density(shape):
    memory, twin, items, _ = pair(shape, 30, seed=1)
    assert np.array_equal(memory.links().toarray(), twin.links)
    assert memory.density == pytest.approx(twin.density(), abs=1e-15)
    messages = memory.to_messages(SDR.from_indices(items, memory.size))
    assert ((messages >= 0).sum(axis=1) == shape[2]).all()
    other = CliqueMemory(*shape)
    other.store(messages)
    assert (other.links() != memory.links()).nnz == 0
    assert memory.to_sdr(messages) == SDR.from_indices(items, memory.size)


# ---- guided -------------------------------------------------------------------------------------------------------


@given(
    shape=st.sampled_from(SHAPES),
    n_items=st.integers(0, 60),
    rule=st.sampled_from(RULES),
    select=st.sampled_from(["wta", "wta", "gwta", "gwsta", "kwta", "gkwta", "wsta", "lko", "glko", "threshold"]),
    memory_effect=st.sampled_from([0, 1, 1, 2, 1000]),
    max_iterations=st.integers(1, 6),
    p_syn=st.sampled_from([0.0, 0.0, 0.2]),
    stop=st.sampled_from(["fixed", "clique"]),
    threshold=st.one_of(st.none(), st.integers(0, 5)),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=120, deadline=None)
def test_guided_recall_against_the_twin(shape, n_items, select, memory_effect, seed, **options):
    """Any clusters given: those of the item, fewer, more, none; the cue may stand outside of them."""
    memory, twin, items, rng = pair(shape, n_items, seed)
    cues = nasty_cues(items, memory.size, rng)
    clusters = [sorted({i // shape[1] for i in cue})[: shape[0] - 1] for cue in cues[:3]]
    while len(clusters) < len(cues):
        clusters.append(np.sort(rng.choice(shape[0], rng.integers(0, shape[0] + 1), replace=False)).tolist())
    k = shape[2] if select in ("gwsta", "kwta", "gkwta", "wsta") else None
    got = follow(memory, twin, cues, select, k, memory_effect, first_item=seed % 7, clusters=clusters, **options)
    for code, allowed in zip(got.codes, clusters):
        assert set((code.indices // shape[1]).tolist()) <= set(allowed)
    x, more = SDR.from_indices(cues, memory.size), {"select": select, "k": k, "memory_effect": memory_effect, **options}
    guides = SDR.from_indices(clusters, shape[0])
    parts = [memory.recall(x[i], clusters=guides[i], first_item=seed % 7 + i, **more) for i in range(len(cues))]
    assert [part.codes for part in parts] == [*got.codes]
    assert sum((part.traffic for part in parts[1:]), parts[0].traffic) == got.traffic


def test_guides_of_every_form():
    memory, _, items, _ = pair((12, 10, 5), 80, seed=3)
    x = SDR.from_indices(items, 120)
    cues = SDR.from_indices([item[:3] for item in items], 120)
    used = memory.to_messages(x) >= 0
    expected = memory.recall(cues, clusters=used)
    assert expected.codes == memory.recall(cues, clusters=used, select="wta", max_iterations=4).codes
    indices = np.array([np.flatnonzero(row) for row in used])
    for form in (used.astype(np.uint8), SDR.from_dense(used), indices, indices.tolist()):
        assert memory.recall(cues, clusters=form).codes == expected.codes
    with pytest.raises(CodeError, match="items"):
        memory.recall(cues, clusters=used[:5])
    with pytest.raises(CodeError):
        memory.recall(cues, clusters=np.ones((80, 13), bool))
    with pytest.raises(ParameterError, match="blind"):
        memory.recall(cues, clusters=used, blind=True)
    with pytest.raises(ParameterError, match="blind"):
        memory.recall(cues, blind="yes")


# ---- blind --------------------------------------------------------------------------------------------------------


@given(
    shape=st.sampled_from(SHAPES),
    n_items=st.integers(0, 60),
    rule=st.sampled_from(RULES),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=60, deadline=None)
def test_blind_alone_is_the_published_rule(shape, n_items, rule, seed):
    """One pass, the maximum of each cluster, of these the maximum."""
    memory, twin, items, rng = pair(shape, n_items, seed)
    cues = nasty_cues(items, memory.size, rng)
    x = SDR.from_indices(cues, memory.size)
    found = memory.recall(x, blind=True, rule=rule)
    with on_the_portable_path():
        portable = memory.recall(x, blind=True, rule=rule)
    for i, cue in enumerate(cues):
        expected = twin.recall(cue, "best of the best", rule=rule, max_iterations=1, blind=True)[0]
        for answer in (found, portable):
            assert answer.codes[i].indices.tolist() == expected.tolist()
            assert answer.iterations[i] == 1


@given(
    shape=st.sampled_from(SHAPES),
    n_items=st.integers(0, 60),
    rule=st.sampled_from(RULES),
    memory_effect=st.sampled_from([0, 1, 1, 3]),
    n=st.integers(1, 6),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=60, deadline=None)
def test_blind_with_iterations_selects_by_gwsta(shape, n_items, rule, memory_effect, n, seed):
    memory, twin, items, rng = pair(shape, n_items, seed)
    cues = nasty_cues(items, memory.size, rng)
    options = {"rule": rule, "max_iterations": n, "blind": True}
    named = follow(memory, twin, cues, "gwsta", shape[2], memory_effect, **options)
    x = SDR.from_indices(cues, memory.size)
    assert memory.recall(x, memory_effect=memory_effect, **options).codes == named.codes
    if shape[2] < shape[0]:  # what sparse cliques do by default, with four volleys
        assert memory.recall(x).codes == memory.recall(x, blind=True, max_iterations=4, select="gwsta").codes


def test_cues_of_more_clusters_than_an_item_has():
    """Wrong units beside an item, and two items at once."""
    memory, twin, items, _ = pair((12, 10, 4), 25, seed=6)
    two = [sorted({*a, *b}) for a, b in pairwise(items)]
    wrong = [sorted({*item, *(c * 10 for c in range(12) if c not in {i // 10 for i in item})}) for item in items]
    for rule in RULES:
        follow(memory, twin, two + wrong, "gwsta", 4, rule=rule, max_iterations=4)
    assert memory.recall(SDR.from_indices(wrong, 120)).codes == SDR.from_indices(items, 120)


def test_expected_error_is_theorys():
    memory, _, _, _ = pair((12, 10, 4), 25, seed=6)
    assert memory.expected_error(0.25) == theory.sparse_clique_error(25, 12, 10, 4, 1, blind=True)
    assert memory.expected_error(0.25, blind=False) == theory.sparse_clique_error(25, 12, 10, 4, 1, blind=False)
    block = CliqueMemory(4, 16)
    assert block.expected_error(0.5) == 0
    block.store([[0, 1, 2, 3]])
    assert block.expected_error(0.5) == theory.clique_error(1, 4, 16, 2)
