"""Compiled parts of the binary memories one by one: storing, forgetting, failures, wiring, cliques in an answer."""

import numpy as np
import pytest
from scipy import stats

from sdrsim import SDR, patterns
from sdrsim.kernels.bits import pack_rows, unpack_rows
from sdrsim.kernels.random import key
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory
from sdrsim.models.hebbian.kernels.failures import thin_row
from sdrsim.models.hebbian.kernels.scores import volley_counts
from sdrsim.models.hebbian.kernels.search import draw_units, find_clique
from sdrsim.models.hebbian.kernels.store import store_by_rows, store_items
from sdrsim.models.hebbian.kernels.wire import wire_physical

NONE = np.zeros((0, 0), np.uint64)

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")


def ideal(x: SDR) -> np.ndarray:
    """OR of the outer products, without the diagonal."""
    dense = x.dense().astype(np.int64)
    links = dense.T @ dense > 0
    np.fill_diagonal(links, False)
    return links


def dense_rows(memory) -> np.ndarray:
    return unpack_rows(memory._arrays["rows"][:-1], memory.size)


@pytest.mark.parametrize(("n_units", "n_active"), [(64, 3), (200, 9), (1000, 40)])
def test_both_ways_of_storing_set_the_same_links(n_units, n_active):
    x = patterns.random_sparse(80, n_units, n_active, seed=1)
    by_items, by_rows = WillshawMemory(n_units), WillshawMemory(n_units)
    made = store_items(by_items._net, NONE, x.indptr, x.indices)
    assert made == store_by_rows(by_rows._net, x.indptr, x.indices)
    assert np.array_equal(by_items._arrays["rows"], by_rows._arrays["rows"])
    expected = ideal(x)
    assert made[0] == expected.sum()
    assert np.array_equal(dense_rows(by_items), expected | np.eye(n_units, dtype=bool))
    assert made[1:] == recounted_words(x)
    again = store_by_rows(by_rows._net, x.indptr, x.indices)
    assert again == (0, made[1], made[1])
    assert store_items(by_items._net, NONE, x.indptr, x.indices) == again


def recounted_words(x: SDR, links: np.ndarray | None = None, can: np.ndarray | None = None) -> tuple[int, int]:
    """Words touched, and those put back as they were, storing item after item into a dense matrix."""
    links = np.eye(x.size, dtype=bool) if links is None else links.copy()
    n_touched, n_silent = 0, 0
    for item in x.dense():
        units = np.flatnonzero(item)
        for u in units:
            for word in np.unique(units // 64):
                some = units[units // 64 == word]
                some = some if can is None else some[can[u, some]]
                n_touched += 1
                n_silent += links[u, some].all()
                links[u, some] = True
    return n_touched, int(n_silent)


@pytest.mark.parametrize(
    "make", [lambda: WillshawMemory(200, 9), lambda: CliqueMemory(5, 40)], ids=["units", "cliques"]
)
def test_words_put_back_unchanged_are_counted(make):
    memory = make()
    is_clique = isinstance(memory, CliqueMemory)
    x = patterns.random_block(60, 5, 40, seed=1) if is_clique else patterns.random_sparse(60, 200, 9, seed=1)
    first, second = memory.store(x).traffic, memory.store(x).traffic
    words = tuple(first.total(name, "learn") for name in ("words_written", "words_silent"))
    assert words == recounted_words(x)
    assert 0 < words[1] < words[0]
    assert second.total("words_silent") == second.total("words_written") == words[0]
    assert memory.recall(x[:5]).traffic.total("words_silent") == 0


def test_links_that_cannot_exist_are_written_silently():
    memory = WillshawMemory(150, 8, connectivity=0.4, seed=3)
    x = patterns.random_sparse(40, 150, 8, seed=2)
    can = unpack_rows(memory._arrays["physical"][:-1], 150)
    got = memory.store(x).traffic
    assert (got.total("words_written"), got.total("words_silent")) == recounted_words(x, can=can)


def test_cutting_a_link_that_is_not_there_is_a_silent_store():
    memory = WillshawMemory(100, 6, p_forget=0.02, seed=1)
    x = patterns.random_sparse(30, 100, 6, seed=4)
    stored = memory.store(x)
    cut, gone = stored.traffic.get(memory.tensor, "decay", "words_written"), stored.n_new - memory.n_links
    assert 0 < gone < cut
    assert stored.traffic.get(memory.tensor, "decay", "words_silent") == cut - gone


def test_a_large_memory_fills_row_by_row_and_counts_alike(monkeypatch):
    x = patterns.random_sparse(500, 128, 6, seed=2)
    plain = WillshawMemory(128, 6)
    a = plain.store(x)
    monkeypatch.setattr("sdrsim.models.hebbian.binary._BY_ROWS_BYTES", 0)
    large = WillshawMemory(128, 6)
    assert large._fills_by_rows(len(x.indices), NONE)
    b = large.store(x)
    assert (a.n_new, a.traffic, plain.density) == (b.n_new, b.traffic, large.density)
    assert (plain.links() != large.links()).nnz == 0


def test_the_rows_of_clusters_are_the_or_of_their_units():
    x = patterns.random_block(50, 5, 12, seed=3)
    memory = CliqueMemory(5, 12)
    memory.store(x)
    dense = dense_rows(memory)
    groups = unpack_rows(memory._arrays["groups"][:-1], memory.size)
    assert np.array_equal(groups, dense.reshape(5, 12, 60).any(axis=1))


def test_forgetting_clears_links_both_ways_with_its_probability():
    x = patterns.random_sparse(400, 256, 12, seed=4)
    memory = WillshawMemory(256, p_forget=0.05, seed=3)
    before = WillshawMemory(256)
    before.store(x)
    memory._set_links(before.links())
    n_before = memory.n_links
    stored = memory.store(x[:1])
    dense = dense_rows(memory)
    assert np.array_equal(dense, dense.T)
    assert dense.diagonal().all()
    assert memory.n_links == dense.sum() - 256
    gone = (n_before + stored.n_new - memory.n_links) // 2
    low, high = stats.binom.interval(0.9999, n_before // 2, 0.05)
    assert low <= gone <= high
    assert stored.traffic.get("W", "decay", "random_numbers") < 0.05 * 256 * 255 / 2 * 1.5


def test_failures_strike_links_alone_and_as_often_as_told():
    rng = np.random.default_rng(5)
    dense = rng.random(1000) < 0.3
    dense[17] = True
    row, out = pack_rows(dense[None])[0], np.zeros(16, np.uint64)
    n_kept, n_draws = 0, 0
    for item in range(300):
        n_draws += thin_row(row, 17, 0.1, np.uint64(9), item, 2, out)
        kept = unpack_rows(out, 1024)[:1000]
        assert not (kept & ~dense).any()
        assert kept[17]
        n_kept += kept.sum() - 1
    n_links = 300 * (dense.sum() - 1)
    assert abs(n_kept - 0.9 * n_links) < 4 * np.sqrt(n_links * 0.09)
    assert n_draws == n_links - n_kept + 300  # a draw a failure, and one more
    thin_row(row, 17, 1.0, np.uint64(9), 0, 0, out)
    assert unpack_rows(out, 1024).sum() == 1


def test_each_link_fails_alike():
    """No place in the row is favoured: chi-square over links."""
    row, out, hits = pack_rows(np.ones((1, 200), bool))[0], np.zeros(8, np.uint64), np.zeros(200)
    for item in range(2000):
        thin_row(row, 3, 0.2, np.uint64(1), item, 0, out)
        hits += ~unpack_rows(out, 512)[:200]
    others = np.delete(hits, 3)
    assert hits[3] == 0
    chi2 = ((others - 400) ** 2 / (400 * 0.8)).sum()
    assert stats.chi2.sf(chi2, 199) > 1e-4
    assert stats.chi2.cdf(chi2, 199) > 1e-4


def test_counts_of_a_volley_by_cluster():
    x = patterns.random_block(60, 4, 16, seed=6)
    memory = CliqueMemory(4, 16)
    memory.store(x)
    active = x[3].indices
    out = np.zeros((4, 64), np.int64)
    volley_counts(memory._net, active, active // 16, 0.0, np.uint64(0), 0, 0, out)
    links = ideal(x)
    assert np.array_equal(out, links[active])


@pytest.mark.parametrize("p", [0.0001, 0.3, 0.8, 1.0])
def test_wiring_has_its_density_and_no_loops(p):
    rows = np.zeros((300, 5), np.uint64)
    wire_physical(rows, 300, p, np.uint64(4))
    dense = unpack_rows(rows, 300)
    assert not dense.diagonal().any()
    n = 300 * 299
    assert abs(dense.sum() - n * p) <= 4.5 * np.sqrt(n * p * (1 - p))


def brute_cliques(links, units, cluster_of):
    """All choices of one unit a cluster that are all linked."""
    clusters = [units[cluster_of[units] == c] for c in np.unique(cluster_of[units])]
    found = [[]]
    for choices in clusters:
        found = [[*f, u] for f in found for u in choices if all(links[u, v] for v in f)]
    return found


def test_cliques_inside_an_answer_against_brute_force():
    rng = np.random.default_rng(8)
    kinds = set()
    for trial in range(60):
        x = patterns.random_block(14, 4, 6, seed=trial)
        memory = CliqueMemory(4, 6)
        memory.store(x)
        units = np.flatnonzero(rng.random(24) < 0.5).astype(np.int32)
        out = np.zeros(4, np.int32)
        n_found, n_rows = find_clique(memory._net, units, out)
        cliques = brute_cliques(ideal(x), units, np.arange(24) // 6) if len(units) else []
        assert n_found == min(2, len(cliques))
        if n_found == 1:
            assert out[: len(cliques[0])].tolist() == cliques[0]
        assert n_rows <= 24 * 4**4
        kinds.add(n_found)
    assert kinds == {0, 1, 2}


def test_ambiguous_clusters_are_drawn_evenly():
    memory = CliqueMemory(2, 8)
    codes = SDR.from_indices([[1, 3, 5, 9]] * 3000, 16)
    indptr, indices, n_draws = draw_units(
        memory._net, codes.indptr, codes.indices, np.uint64(key(np.uint64(1), 2, 3, 4)), 0
    )
    assert np.array_equal(indptr, 2 * np.arange(3001))
    assert (indices[1::2] == 9).all()
    assert n_draws == 3000
    counts = np.bincount(indices[::2])[[1, 3, 5]]
    assert counts.sum() == 3000
    assert stats.chisquare(counts).pvalue > 1e-4
