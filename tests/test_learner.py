"""The noisy Hebbian learner: its twin, its limits, any split, what it grows against theory."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.learner_reference import SlowLearner

from sdrsim import measures, patterns
from sdrsim.errors import CodeError, FileFormatError, ParameterError
from sdrsim.models.hebbian import NoisyHebbianLearner, theory

SHAPES = {
    "spikes": {},
    "more spikes": {"n_spikes": 7},
    "local": {"energy_limit": "local"},
    "budget": {"energy_limit": "budget", "e_synapse": 0.1, "e_max": 9.0},
    "none": {"energy_limit": None, "recurrence": False},
    "no recruits": {"theta_recruit": None},
    "weak": {"drive": 1.0, "theta_recruit": 0.1},
    "volleys": {"noise": "volley", "n_iterations": 3},
}


def items(n=20):
    return patterns.random_block(n, n_clusters=5, cluster_size=12, seed=0)


def learner(**options):
    return NoisyHebbianLearner(n_clusters=5, cluster_size=12, seed=4, p_insert=0.03, **options)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_twin_grows_the_same_links(shape):
    ours, x = learner(**SHAPES[shape]), items()
    slow = SlowLearner(ours.params, 4)
    log = ours.present(x, 400)
    active = [slow.present(x[m].indices, t) for t, m in enumerate(log.pattern)]
    links = ours.memory.links().toarray() > 0
    assert np.array_equal(links, slow.w)
    assert np.array_equal(np.where(slow.w, 0, ours.counters), np.where(slow.w, 0, slow.h))
    assert log.n_active.tolist() == [len(a) for a in active]
    assert log.n_links[-1] == slow.w.sum() / 2 == ours.n_links
    ideal = x.dense().astype(int).T @ x.dense() > 0
    np.fill_diagonal(ideal, False)
    assert log.precision[-1] == (slow.w & ideal).sum() / slow.w.sum()
    assert log.recall[-1] == (slow.w & ideal).sum() / ideal.sum()


@pytest.mark.parametrize("schedule", ["random", "fixed"])
@given(cut=st.integers(0, 60))
def test_presentations_may_be_split_anywhere(schedule, cut):
    x, options = items(7), {"p_syn": 0.1, "p_decay": 0.1}
    whole, split = learner(**options), learner(**options)
    log = whole.present(x, 60, schedule=schedule)
    parts = [split.present(x, cut, schedule=schedule), split.present(x, 60 - cut, schedule=schedule)]
    for name in ("pattern", "n_links", "precision", "recall", "n_spikes", "n_events", "energy", "true_units"):
        assert np.array_equal(getattr(log, name), np.concatenate([getattr(part, name) for part in parts]))
    assert np.array_equal(whole.counters, split.counters)
    assert whole.traffic == split.traffic


def test_a_fixed_schedule_is_fair():
    log = learner().present(items(7), 70, schedule="fixed")
    assert (np.sort(log.pattern.reshape(10, 7), axis=1) == np.arange(7)).all()
    assert len({tuple(row) for row in log.pattern.reshape(10, 7).tolist()}) > 5


@given(limit=st.sampled_from(["spikes", "local", "budget"]), k=st.integers(1, 9), seed=st.integers(0, 20))
def test_no_state_exceeds_its_limit(limit, k, seed):
    options = {"spikes": {"n_spikes": k}, "local": {}, "budget": {"e_max": 1.5 * k, "e_spike": 1.5}}[limit]
    n = NoisyHebbianLearner(n_clusters=5, cluster_size=12, p_insert=0.1, energy_limit=limit, seed=seed, **options)
    log = n.present(items(), 80)
    assert log.n_active.max() <= (5 if limit == "local" else k)


def test_without_noise_the_local_limit_grows_the_ideal_clique_network():
    x = items()
    n = NoisyHebbianLearner(
        n_clusters=5, cluster_size=12, p_erase=0.0, p_insert=0.0, energy_limit="local", consolidation=3, seed=1
    )
    early = n.present(x, 2 * len(x), schedule="fixed")
    assert early.n_links[-1] < n.present(x, len(x), schedule="fixed").n_links[-1]
    ideal = x.dense().astype(int).T @ x.dense() > 0
    np.fill_diagonal(ideal, False)
    assert np.array_equal(n.memory.links().toarray() > 0, ideal)


def test_no_link_before_its_time():
    x = items(1)
    n = NoisyHebbianLearner(n_clusters=5, cluster_size=12, p_erase=0.0, p_insert=0.0, consolidation=4)
    assert n.present(x, 3).n_links.tolist() == [0, 0, 0]
    assert n.present(x, 1).n_links.tolist() == [10]
    assert n.present(x, 300).n_links[-1] == 10


def test_counters_fall_and_links_stay():
    x = items(2)
    n = NoisyHebbianLearner(n_clusters=5, cluster_size=12, p_erase=0.0, p_insert=0.0, consolidation=2, p_decay=1.0)
    a, b = x[0], x[1]
    n.present(a, 1)
    before = int(n.counters.sum())
    n.present(b, 1)
    shared = int(a.overlap(b)[0])
    assert n.counters.sum() - before < 20 or shared == 0
    n.present(a, 2)
    links = n.n_links
    n.present(b, 1)
    assert n.n_links >= links > 0


@pytest.mark.parametrize(("consolidation", "n", "p_insert"), [(1, 8000, 0.002), (3, 2000, 0.002), (3, 2000, 0.02)])
def test_links_without_a_limit_are_those_of_theory(consolidation, n, p_insert):
    """Mean over five networks against the exact expectation; the spread over networks states the error."""
    expected = theory.learner_links(400, 512, 8, n, consolidation, 0.1, p_insert)
    found = []
    for seed in range(5):
        x = patterns.random_sparse(400, 512, 8, seed=seed)
        options = {"consolidation": consolidation, "p_insert": p_insert, "recurrence": False, "energy_limit": None}
        made = NoisyHebbianLearner(512, 8, seed=seed, **options)
        log = made.present(x, n)
        found.append((made.density, log.precision[-1], log.recall[-1]))
    mean, sem = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(5)
    for value, error, wanted in zip(mean, sem, (expected.density, expected.precision, expected.recall)):
        assert abs(value - wanted) < 8.6 * error + 1e-4  # Student, 4 degrees of freedom, .001


def test_what_grows_recalls():
    x = patterns.random_sparse(200, 256, 6, seed=0)
    n = NoisyHebbianLearner(256, 6, p_insert=0.001, seed=2)
    log = n.present(x, 4000)
    assert log.true_units[-500:].mean() > log.true_units[:500].mean() + 0.02
    found = n.memory.recall(patterns.erase(x, 0.34, seed=1))
    assert measures.exact_error(found.codes, x).value < 0.1


def test_save_load_reset(tmp_path):
    x, n = items(), learner(p_syn=0.1)
    n.present(x, 100)
    n.save(tmp_path / "n.h5")
    again = NoisyHebbianLearner.load(tmp_path / "n.h5")
    a, b = n.present(x, 100), again.present(x, 100)
    assert np.array_equal(a.n_links, b.n_links)
    assert np.array_equal(n.counters, again.counters)
    assert n.traffic == again.traffic
    n.reset()
    assert (n.n_presented, n.n_links, n.density) == (0, 0, 0.0)
    fresh = learner(p_syn=0.1).present(x, 50)
    assert np.array_equal(n.present(x, 50).n_links, fresh.n_links)
    with pytest.raises(FileFormatError):
        learner().restore(again.state())


def test_the_log_as_a_table():
    log = learner(e_synapse=0.5).present(items(), 10)
    table = log.table(every=5)
    assert table["presentation"].tolist() == [4, 9]
    assert np.array_equal(log.energy, log.n_spikes + 0.5 * log.n_events)
    assert "precision" in repr(log)
    assert "presentations" in repr(learner())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"n_units": 20},
        {"n_units": 20, "n_active": 21},
        {"n_units": 20, "n_active": 3, "energy_limit": "local"},
        {"n_clusters": 4},
        {"n_clusters": 4, "cluster_size": 4, "n_units": 15},
        {"n_units": 9000, "n_active": 3},
        {"n_units": 20, "n_active": 3, "p_erase": 1.1},
        {"n_units": 20, "n_active": 3, "consolidation": 0},
        {"n_units": 20, "n_active": 3, "energy_limit": "spike"},
        {"n_units": 20, "n_active": 3, "unknown": 1},
    ],
)
def test_refused(options):
    with pytest.raises(ParameterError):
        NoisyHebbianLearner(**options)


def test_refused_presentations_change_nothing():
    n, x = learner(), items()
    n.present(x, 20)
    before = n.state()
    for wrong, count, error in ((x, -1, ParameterError), (x[:0], 5, CodeError), ([[1, 2]], 5, CodeError)):
        with pytest.raises(error):
            n.present(wrong, count)
    with pytest.raises(ParameterError):
        n.present(x, 5, schedule="fair")
    after = n.state()
    assert after["tallies"] == before["tallies"]
    assert all(np.array_equal(after["arrays"][name], value) for name, value in before["arrays"].items())
