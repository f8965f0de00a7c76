"""Binary memories against theory, against numbers of a prototype (regression), and against one published table.

Several networks, distinct stored items each; the interval is over networks, or of independent items if that is wider.
Each comparison is made at a level of .001, the 50 of them together at 5 %. Seeds are fixed.
"""

import numpy as np
import pytest
from scipy import stats

from sdrsim import patterns, stream
from sdrsim.models.hebbian import CliqueMemory, WillshawMemory, theory

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

LEVEL = 1e-3


def exact(codes, truth):
    """Items given back exactly, bool (n,)."""
    same = codes.n_active == truth.n_active
    for i in np.flatnonzero(same):
        same[i] = np.array_equal(codes[int(i)].indices, truth[int(i)].indices)
    return same


def check_mean(values, expected, n_items, name, expected_se=0.0):
    """Shares (n_networks,) against a share: Student's interval over networks or the binomial one, the wider of them."""
    n, mean = len(values), np.mean(values)
    spread = stats.sem(values)
    binomial = np.sqrt(expected * (1 - expected) / (n * n_items))
    bound = max(spread * stats.t.isf(LEVEL / 2, n - 1), np.hypot(binomial, expected_se) * stats.norm.isf(LEVEL / 2))
    assert abs(mean - expected) <= np.hypot(bound, expected_se), (
        f"{name}: {mean:.5f} +- {spread:.5f}, not {expected:.5f}"
    )


def table_se(share, n):
    """Standard error of a share that a table gives for n trials."""
    return np.sqrt(share * (1 - share) / n)


# ---- Willshaw -----------------------------------------------------------------------------------------------------


def test_willshaw_false_positives_and_density():
    """N = 2048, k = 11, cues of 6 units, one step: wrong units as in theory, exact items as the prototype."""
    loads, n_networks, n_cues = [5000, 10_000, 15_000], 12, 1000
    extra, right, density = (np.zeros((len(loads), n_networks)) for _ in range(3))
    for network in range(n_networks):
        x = patterns.random_sparse(loads[-1], 2048, 11, seed=100 + network)
        memory = WillshawMemory(2048, 11, seed=network)
        cues = patterns.erase(x[:n_cues], 5 / 11, seed=network)
        assert set(cues.n_active) == {6}
        for i, (a, b) in enumerate(zip([0, *loads], loads)):
            memory.store(x[a:b])
            n_wrong = memory.recall(cues, select="threshold", max_iterations=1).codes.n_active - 11
            assert (n_wrong >= 0).all(), "no genuine unit is missed"
            extra[i, network], right[i, network] = n_wrong.mean(), (n_wrong == 0).mean()
            density[i, network] = memory.density
    expected = theory.willshaw_false_positives(loads, 2048, 11, 6)
    z = (extra.mean(axis=1) - expected) / stats.sem(extra, axis=1)
    assert np.abs(z).max() < stats.t.isf(LEVEL / 2, n_networks - 1), (extra.mean(axis=1), expected, z)
    z = (density.mean(axis=1) - theory.willshaw_density(loads, 2048, 11)) / stats.sem(density, axis=1)
    assert np.abs(z).max() < stats.t.isf(LEVEL / 2, n_networks - 1), z
    for i, share in enumerate((0.987, 0.6945, 0.0845)):
        check_mean(right[i], share, n_cues, f"exact recall at {loads[i]}", table_se(share, 2000))


def test_willshaw_settles():
    """Prototype: exact after 10 volleys by gwsta, from 6 of 11 units and from 9 and two wrong ones."""
    for load, share, swapped in ((10_000, 0.992, 0.9955), (15_000, 0.775, 0.7855)):
        shares, noisy = [], []
        for seed in range(12):
            x = patterns.random_sparse(load, 2048, 11, seed=200 + seed)
            memory = WillshawMemory(2048, 11)
            memory.store(x)
            shares.append(exact(memory.recall(patterns.erase(x[:1000], 5 / 11, seed=seed)).codes, x[:1000]).mean())
            wrong = patterns.move_units(x[:1000], 2 / 11, seed=seed)
            noisy.append(exact(memory.recall(wrong).codes, x[:1000]).mean())
        check_mean(shares, share, 1000, f"6 of 11 units, {load}", table_se(share, 2000))
        check_mean(noisy, swapped, 1000, f"2 of 11 units wrong, {load}", table_se(swapped, 2000))


# ---- block cliques ------------------------------------------------------------------------------------------------


def networks(n_messages, n_networks, n_cues=1000):
    """Filled memories of 8 clusters of 256, the messages, and cues with four clusters erased."""
    for seed in range(n_networks):
        x = patterns.random_block(n_messages, 8, 256, seed=300 + seed)
        memory = CliqueMemory(8, 256, seed=seed)
        memory.store(x)
        yield memory, x[:n_cues], patterns.erase(x[:n_cues], 0.5, seed=seed)


@pytest.mark.parametrize("n_messages", [5000, 15_000, 30_000])
def test_density_of_block_cliques(n_messages):
    """Occupancy of l**2 places by M messages, c(c - 1)/2 times: mean and standard deviation."""
    densities = np.array([memory.density for memory, _, _ in networks(n_messages, 12, 1)])
    d, load = theory.clique_density(n_messages, 256), n_messages / 256**2
    sd = np.sqrt((np.exp(-load) - (1 + load) * np.exp(-2 * load)) / (256**2 * 28))
    assert abs(densities.mean() - d) < stats.norm.isf(LEVEL / 2) * sd / np.sqrt(12)
    low, high = stats.chi2.interval(1 - LEVEL, 11)
    assert low < 11 * densities.var(ddof=1) / sd**2 < high


@pytest.mark.parametrize("n_messages", [5000, 10_000, 15_000])
def test_one_pass_of_block_cliques(n_messages):
    """Mean wrong units: exact in theory. Messages with a wrong unit: fewer than independence says, by .015 at most."""
    extra, wrong = [], []
    for memory, _, cues in networks(n_messages, 12):
        n_wrong = memory.recall(cues, max_iterations=1).codes.n_active - 8
        assert (n_wrong >= 0).all()
        extra.append(n_wrong.mean())
        wrong.append((n_wrong > 0).mean())
    expected = theory.clique_false_positives(n_messages, 8, 256, 4)
    assert abs(np.mean(extra) - expected) < stats.t.isf(LEVEL / 2, 11) * stats.sem(extra), (np.mean(extra), expected)
    error = theory.clique_error(n_messages, 8, 256, 4)
    bound = stats.t.isf(LEVEL / 2, 11) * max(stats.sem(wrong), table_se(error, 12_000))
    assert -0.015 - bound < np.mean(wrong) - error < bound, (np.mean(wrong), error)


# (rule, memory effect, iterations, messages): error, trials behind it
BLOCK_TABLE = {
    ("sum_of_sum", 1, 4, 10_000): (0.0020, 50_000),
    ("sum_of_sum", 1, 4, 15_000): (0.0196, 50_000),
    ("sum_of_sum", 1, 4, 25_000): (0.7038, 50_000),
    ("sum_of_sum", 1, 4, 30_000): (0.9685, 2000),
    ("sum_of_sum", 0, 4, 10_000): (0.0075, 2000),
    ("sum_of_sum", 0, 4, 15_000): (0.6355, 2000),
    ("sum_of_max", 1, 4, 15_000): (0.033, 400),
    ("sum_of_max", 1, 4, 25_000): (0.568, 400),
    ("sum_of_max", 1, 20, 25_000): (0.480, 400),
    ("sum_of_max", 1, 20, 30_000): (0.928, 400),
}


@pytest.mark.parametrize("n_messages", [10_000, 15_000, 25_000, 30_000])
def test_block_cliques_settle(n_messages):
    rows = {key: value for key, value in BLOCK_TABLE.items() if key[3] == n_messages}
    errors = {key: [] for key in rows}
    for memory, x, cues in networks(n_messages, 12):
        for rule, effect, n, _ in rows:
            found = memory.recall(cues, rule=rule, memory_effect=effect, max_iterations=n)
            errors[rule, effect, n, n_messages].append(1 - exact(found.codes, x).mean())
    for key, (share, n_trials) in rows.items():
        check_mean(errors[key], share, 1000, str(key), table_se(share, n_trials))


@pytest.mark.parametrize(("n_messages", "shares"), [(20_000, (0.0585, 0.0725)), (25_000, (0.1875, 0.34))])
def test_block_cliques_put_wrong_clusters_right(n_messages, shares):
    """One or two of eight clusters with a wrong unit, four volleys."""
    errors = ([], [])
    for memory, x, _ in networks(n_messages, 12):
        rng, messages = stream(memory.seed, "wrong clusters"), memory.to_messages(x)
        for n_wrong in (1, 2):
            cues = messages.copy()
            for row in cues:
                where = rng.choice(8, n_wrong, replace=False)
                row[where] = (row[where] + rng.integers(1, 256, n_wrong)) % 256
            errors[n_wrong - 1].append(1 - exact(memory.recall(cues).codes, x).mean())
    for found, share in zip(errors, shares):
        check_mean(found, share, 1000, f"{n_messages}: {share}", table_se(share, 2000))


# ---- sparse cliques -----------------------------------------------------------------------------------------------


def sparse_messages(n, seed):
    """Messages over 12 of 100 clusters of 64."""
    rng, out = stream(seed, "sparse messages"), np.full((n, 100), -1, np.int16)
    used = np.argpartition(rng.random((n, 100), dtype=np.float32), 12, axis=1)[:, :12]
    np.put_along_axis(out, used, rng.integers(0, 64, (n, 12)).astype(np.int16), axis=1)
    return out


# messages: error by Aliabadi, Berrou, Gripon & Jiang 2014, figure 3, as one of the authors' code gives it
SPARSE_TABLE = {90_009: 0.02894, 130_008: 0.35560, 156_674: 0.79547}


@pytest.mark.parametrize("n_messages", SPARSE_TABLE)
def test_blind_sparse_cliques(n_messages):
    """12 of 100 clusters of 64, three of 12 erased, clusters unknown, one pass: theory and the published table."""
    errors, guided = [], []
    for seed in range(8):
        messages = sparse_messages(n_messages, seed)
        memory = CliqueMemory(100, 64, order=12)
        memory.store(messages)
        truth = memory.to_sdr(messages[:1000])
        cues = patterns.erase(truth, 0.25, seed=seed)
        errors.append(1 - exact(memory.recall(cues, blind=True).codes, truth).mean())
        once = memory.recall(cues, clusters=messages[:1000] >= 0, max_iterations=1)
        guided.append(1 - exact(once.codes, truth).mean())
        density = theory.sparse_clique_density(n_messages, 100, 64, 12)
        assert memory.density == pytest.approx(density, rel=0.002)
    expected = float(theory.sparse_clique_error(n_messages, 100, 64, 12, 3, blind=True))
    check_mean(errors, expected, 1000, "theory")
    check_mean(errors, SPARSE_TABLE[n_messages], 1000, "published")
    check_mean(guided, float(theory.sparse_clique_error(n_messages, 100, 64, 12, 3, blind=False)), 1000, "guided, once")
