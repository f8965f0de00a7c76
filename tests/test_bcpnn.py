"""BCPNN: weights against their formula, fading traces against stepped ones, priors, forgetting, benchmark anchors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import graded_reference as twin

from sdrsim import SDR, measures, patterns, stream
from sdrsim.models.hebbian import AmariMemory, BCPNNMemory, CovarianceMemory

STEP = 2.0**-20  # of the grid: a weight is the sum of four rounded numbers, a bias is one
WEIGHT, BIAS = 2.001 * STEP, 0.501 * STEP


def dense_of(x):
    return twin.indicators([item.indices for item in x], x.size)


# ---- weights ------------------------------------------------------------------------------------------------------


@given(
    shape=st.sampled_from([(1, 23), (3, 8), (7, 4), (24, 1)]),
    n_items=st.integers(1, 40),
    n_active=st.integers(1, 8),
    kappa=st.sampled_from([None, 1e-9, 0.001, 0.1, 0.5, 0.9, 0.999]),
    n_parts=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_weights_and_biases_of_the_formula(shape, n_items, n_active, kappa, n_parts, seed):
    size, n_clusters = shape
    x = patterns.random_sparse(n_items, size * n_clusters, n_active, seed=seed)
    memory = BCPNNMemory(n_clusters, size, kappa=kappa)
    for part in np.array_split(np.arange(n_items), n_parts):
        memory.store(x[part[0] : part[-1] + 1] if len(part) else x[:0])
    weights, biases = twin.bcpnn_weights(dense_of(x), size, kappa)
    assert np.abs(memory.weights() - weights).max() <= WEIGHT
    assert np.abs(memory.biases() - biases).max() <= BIAS
    assert np.array_equal(memory.weights(), memory.weights().T)


@pytest.mark.parametrize(("kappa", "n_items"), [(0.999, 300), (0.9, 1200), (0.3, 2600)])
def test_traces_over_many_spans(kappa, n_items):
    """So many items that traces are brought down several times: the last ones alone are left."""
    x = patterns.random_sparse(n_items, 30, 5, seed=1)
    memory = BCPNNMemory(10, 3, kappa=kappa)
    halves = BCPNNMemory(10, 3, kappa=kappa)
    traffic = memory.store(x).traffic
    n_spans = int(-np.log1p(-kappa) * n_items / 300)
    assert n_spans >= 3
    assert traffic.get("traces", "decay", "rows_read") == 30 * n_spans
    for i in range(0, n_items, 7):
        halves.store(x[i : i + 7])
    assert np.array_equal(memory.weights(), halves.weights())
    assert halves.traffic == memory.traffic
    assert memory._arrays["counts"].max() < np.exp(301)
    weights, biases = twin.bcpnn_weights(dense_of(x), 3, kappa)
    assert np.abs(memory.weights() - weights).max() <= WEIGHT
    assert np.abs(memory.biases() - biases).max() <= BIAS


@pytest.mark.parametrize("kappa", [0.02, 0.3])
def test_traces_stepped_as_usual(kappa):
    """Later items weigh more: the same as every trace fading at every item."""
    x = patterns.random_sparse(60, 24, 6, seed=2)
    memory = BCPNNMemory(24, 1, kappa=kappa)
    memory.store(x)
    n = memory.n_effective
    assert n == pytest.approx((1 - (1 - kappa) ** 60) / kappa, rel=1e-12)
    p = np.maximum(twin.leaky_trace(dense_of(x), kappa), 1 / (n + 1) ** 2)
    own = np.maximum(np.diag(twin.leaky_trace(dense_of(x), kappa)), 1 / (n + 1))
    expected = np.log(p) - np.log(own)[:, None] - np.log(own)[None, :]
    np.fill_diagonal(expected, 0)
    assert np.abs(memory.weights() - expected).max() <= WEIGHT


def test_the_slowest_traces_are_counts():
    """kappa -> 0 is the batch rule: the same weights and the same codes."""
    x = patterns.random_block(300, 8, 8, seed=3)
    batch, online = BCPNNMemory(8, 8), BCPNNMemory(8, 8, kappa=1e-12)
    batch.store(x)
    online.store(x)
    assert online.n_effective == pytest.approx(300, rel=1e-9)
    assert np.abs(batch.weights() - online.weights()).max() <= WEIGHT
    cues = patterns.erase(x, 0.25, seed=1)
    assert batch.recall(cues).codes == online.recall(cues).codes


def test_old_items_are_forgotten_and_new_ones_kept():
    """4,000 items, ten times what 256 units hold: with traces the latest come back, with counts hardly any."""
    x = patterns.random_block(4000, 16, 16, seed=4)
    cues = patterns.erase(x, 0.25, seed=1)

    def right(memory, items):
        memory.store(x)
        return [1 - float(measures.exact_error(memory.recall(cues[s]).codes, x[s])) for s in items]

    old, new = slice(0, 50), slice(-20, None)
    assert right(BCPNNMemory(16, 16, kappa=0.02), (old, new)) == [0, 1]
    assert max(right(BCPNNMemory(16, 16), (old, new))) < 0.5


# ---- recall -------------------------------------------------------------------------------------------------------


def test_the_score_is_bias_and_sum_of_weights():
    """By a threshold that lies exactly on the score of a unit."""
    x = patterns.random_sparse(50, 40, 6, seed=5)
    memory = BCPNNMemory(10, 4)
    memory.store(x)
    cue = x[0].indices
    scores = memory.biases() + memory.weights()[cue].sum(axis=0)
    for unit in (0, 17, 39):
        found = memory.recall(x[:1], threshold=scores[unit], max_iterations=1).codes.indices
        assert found.tolist() == np.flatnonzero(scores >= scores[unit]).tolist()


def test_without_a_cue_the_most_frequent_units():
    memory = BCPNNMemory(4, 5)
    memory.store(SDR.from_indices([[0, 6, 10, 19]] * 5 + [[1, 7, 11, 18]] * 3 + [[2, 8, 12, 17]], 20))
    assert memory.recall([[]], max_iterations=1).codes.indices.tolist() == [0, 6, 10, 19]


def test_ties_are_drawn_by_item_and_seed():
    memory = BCPNNMemory(4, 5, seed=9)
    memory.store([[0, 5, 10, 15], [1, 6, 11, 16]])
    one = memory.recall([[]] * 64, max_iterations=1)
    winners = one.codes.indices.reshape(64, 4) % 5
    assert set(np.unique(winners)) == {0, 1}
    assert 8 < winners[:, 0].sum() < 56
    assert one.traffic.get("W", "retrieve", "random_numbers") == 64 * 4 * 2
    assert one.codes != memory.recall([[]] * 64, max_iterations=1, seed=1).codes
    assert (memory.recall([[]] * 64, max_iterations=1, select="wta").codes.n_active == 8).all()


def test_without_clusters_the_best_units_win():
    x = patterns.random_sparse(300, 512, 16, seed=6)
    memory = BCPNNMemory(512, 1, n_active=16)
    memory.store(x)
    assert memory.recall(patterns.erase(x, 0.5, seed=1)).codes == x
    assert memory.recall(patterns.erase(x, 0.5, seed=1), select="kwta").codes == x


# ---- the benchmark ------------------------------------------------------------------------------------------------


def flipped(x, cluster_size, seed):
    """One cluster of each item says another unit."""
    rng, n_clusters = stream(seed, "flip"), x.size // cluster_size
    values = x.indices.reshape(len(x), n_clusters) % cluster_size
    row, which = np.arange(len(x)), rng.integers(0, n_clusters, len(x))
    values[row, which] = (values[row, which] + rng.integers(1, cluster_size, len(x))) % cluster_size
    return SDR.from_indices(values + np.arange(n_clusters) * cluster_size, x.size)


# Mean success at 1,775 items over two networks of a program of our own
PROTOTYPE = {"bcpnn": 0.916, "covariance": 0.254, "willshaw": 0.020}


@pytest.mark.parametrize("name", PROTOTYPE)
def test_anchors_of_the_benchmark(name):
    """N = 1024, 32 clusters of 32, one cluster flipped, 15 volleys; four networks, 3 combined standard errors."""
    right = []
    for seed in range(4):
        memory = {
            "bcpnn": BCPNNMemory(32, 32, seed=seed),
            "covariance": CovarianceMemory(n_clusters=32, cluster_size=32, seed=seed),
            "willshaw": AmariMemory(n_clusters=32, cluster_size=32, cap=1, seed=seed),
        }[name]
        x = patterns.random_block(1775, 32, 32, seed=seed)
        memory.store(x)
        options = {"select": "argmax", "memory_effect": 0, "max_iterations": 15}
        right.append(1 - float(measures.exact_error(memory.recall(flipped(x, 32, seed), **options).codes, x)))
    p = PROTOTYPE[name]
    own = max(np.std(right, ddof=1) / 2, np.sqrt(p * (1 - p) / (4 * 1775)))
    theirs = np.sqrt(p * (1 - p) / (2 * 1775))
    assert abs(np.mean(right) - p) <= 3 * np.hypot(own, theirs)
