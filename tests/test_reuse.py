"""Stack distances, miss curves and write-backs against an ordered dictionary; sampling; the laws of LRU memories."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reuse_reference as twin

from sdrsim import stream
from sdrsim.errors import ParameterError
from sdrsim.hardware.kernels import reuse as kernel
from sdrsim.hardware.reuse import miss_curve, sampled_miss_curve, stack_distances, traffic_curve
from sdrsim.hardware.reuse_laws import che_hit_rate, cyclic_hit_rate, uniform_hit_rate, zipf_popularity

IDS = st.integers(-(2**63), 2**63 - 1)


@st.composite
def traces(draw, most=60):
    """Touches of some rows with a size each, and which of them write."""
    rows = draw(st.lists(IDS, min_size=1, max_size=12, unique=True))
    bytes_of = dict(zip(rows, draw(st.lists(st.integers(0, 9), min_size=len(rows), max_size=len(rows)))))
    ids = draw(st.lists(st.sampled_from(rows), max_size=most))
    writes = draw(st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))
    return ids, [bytes_of[row] for row in ids], writes


def array(ids):
    return np.array(ids, np.int64)


# ---- against the twin ---------------------------------------------------------------------------------------------


def test_golden_trace():
    random.seed(0)
    ids = [int(random.paretovariate(0.6)) % 4096 for _ in range(50_000)]
    assert miss_curve(ids, [64, 512]).tolist() == [6104, 1877]


@settings(max_examples=1000)
@given(traces())
def test_equals_the_ordered_dictionary(trace):
    ids, sizes, writes = trace
    assert stack_distances(array(ids)).tolist() == twin.distances(ids)
    assert stack_distances(array(ids), array(sizes)).tolist() == twin.distances(ids, sizes)
    capacities = [3, 0, 7, 1, 20, 3, 2, 5, 12, 200]
    for row_bytes in (None, sizes):
        t = traffic_curve(
            array(ids), capacities, 1 if row_bytes is None else array(sizes), writes=np.array(writes, bool)
        )
        size_of = dict(zip(ids, [1] * len(ids) if row_bytes is None else sizes))
        for c, capacity in enumerate(capacities):
            for n, total, rows in zip(t[1::2], t[2::2], twin.lru(ids, capacity, row_bytes, writes)):
                assert n[c] == len(rows)
                assert total[c] == sum(size_of[row] for row in rows)


@pytest.mark.parametrize("n_rows", [1, 2, 5, 127, 128, 129, 600, 1500])
def test_long_traces_close_up(n_rows):
    """Many times the places of the line, blocks of 512 full and not."""
    ids = stream(n_rows, "rows").integers(n_rows, size=12 * n_rows + 40)
    found = stack_distances(ids)
    ones = np.ones(len(ids), np.int64)
    numbers, out = np.empty(len(ids), np.int32), np.empty(len(ids), np.int64)
    n = kernel.number_rows(ids.view(np.uint64), numbers)
    kernel.byte_distances(numbers, ones[:n], out)  # the other tree
    assert np.array_equal(found, out)
    for capacity in {1, n_rows // 3, n_rows - 1, n_rows}:
        assert np.count_nonzero((found < 0) | (found >= capacity)) == len(twin.lru(ids.tolist(), capacity)[0])


def test_rows_of_several_sizes_in_a_long_trace():
    rng = stream(1, "sizes")
    ids, size_of = rng.zipf(1.3, 6000) % 700, rng.integers(0, 5000, 700)
    writes, capacities = rng.random(6000) < 0.3, np.array([0, 4000, 30_000, 200_000, 10**7])
    t = traffic_curve(ids, capacities, size_of[ids], writes=writes)
    for c, capacity in enumerate(capacities):
        rows = twin.lru(ids.tolist(), capacity, size_of[ids].tolist(), writes)
        assert [n[c] for n in t[1::2]] == [len(r) for r in rows]
        assert [n[c] for n in t[2::2]] == [sum(size_of[r] for r in some) for some in rows]


def test_groups_add_up():
    rng = stream(2, "groups")
    ids, writes, tensor = rng.integers(90, size=4000), rng.random(4000) < 0.2, rng.integers(3, size=90)
    capacities = [10, 50, 90]
    whole = traffic_curve(ids, capacities, 8, writes=writes)
    apart = traffic_curve(ids, capacities, 8, writes=writes, groups=tensor[ids])
    for one, several in zip(whole[1:], apart[1:]):
        assert several.shape == (3, 3)
        assert np.array_equal(several.sum(axis=0), one)
    loads, backs, _ = twin.lru(ids.tolist(), 10, None, writes)
    again = traffic_curve(ids, [80], 8, writes=writes, groups=tensor[ids])
    assert again.loads[:, 0].tolist() == [Counter(tensor[loads].tolist())[g] for g in range(3)]
    assert again.write_backs[:, 0].tolist() == [Counter(tensor[backs].tolist())[g] for g in range(3)]


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int32, np.uint64, list])
def test_any_whole_numbers(kind):
    ids = [5, 100, 5, 3, 100, 5]
    assert stack_distances(ids if kind is list else np.array(ids, kind)).tolist() == [-1, -1, 1, -1, 2, 2]


def test_ends_of_the_range():
    far = np.array([0, 2**64 - 1, 2**63, 2**63 - 1, 0, 2**64 - 1], np.uint64)
    assert stack_distances(far).tolist() == [-1, -1, -1, -1, 3, 3]
    assert stack_distances([]).tolist() == []
    assert miss_curve([], [0, 4]).tolist() == [0, 0]
    assert miss_curve([1, 1], []).tolist() == []


def test_bytes_of_one_size_are_rows_of_it():
    ids = stream(3, "rows").integers(50, size=500)
    plain, wide = stack_distances(ids), stack_distances(ids, 256)
    assert np.array_equal(np.where(plain < 0, -1, 256 * plain), wide)
    assert np.array_equal(miss_curve(ids, [255, 256, 2560, 2559], 256), miss_curve(ids, [0, 1, 10, 9]))
    assert miss_curve(ids, [0, 10**6], 0).tolist() == [50, 50]  # rows of no bytes fit everywhere


@given(traces(most=200))
def test_misses_never_rise_and_rows_are_conserved(trace):
    ids, sizes, writes = trace
    t = traffic_curve(array(ids), np.arange(130), array(sizes), writes=np.array(writes, bool))
    assert (np.diff(t.loads) <= 0).all()
    assert (np.diff(t.load_bytes) <= 0).all()
    assert (np.diff(t.write_backs) <= 0).all()
    assert (t.loads[-1:] == len(set(ids))).all()  # capacity for everything: first touches only
    assert (t.write_backs + t.dirty <= sum(writes)).all()
    changed = {row for row, write in zip(ids, writes) if write}
    assert t.dirty[-1] == len(changed)
    assert t.write_backs[-1] == 0


# ---- sampling -----------------------------------------------------------------------------------------------------


def test_sampling_everything_is_exact():
    ids = stream(4, "rows").integers(300, size=4000)
    s = sampled_miss_curve(ids, [0, 10, 100, 300], rate=1)
    assert s.misses.tolist() == miss_curve(ids, [0, 10, 100, 300]).tolist()
    assert (s.n_sampled, s.n_rows_sampled, s.n_touches) == (4000, 300, 4000)


def test_sampled_curve_is_unbiased():
    """Mean error over 24 keys inside three standard errors, at every capacity; the rows kept follow the rate."""
    ids = stream(5, "rows").choice(20_000, size=200_000, p=zipf_popularity(20_000, 0.7))
    capacities = [2000, 5000, 10_000, 19_000]
    exact = miss_curve(ids, capacities)
    runs = [sampled_miss_curve(ids, capacities, rate=0.05, seed=seed) for seed in range(24)]
    off = np.array([run.misses / exact - 1 for run in runs])
    error = off.std(axis=0, ddof=1) / np.sqrt(len(runs))
    assert (error < 0.02).all()
    assert (np.abs(off.mean(axis=0)) < 3 * error + 0.005).all(), (off.mean(axis=0), error)
    n_kept = np.array([run.n_rows_sampled for run in runs])
    n_rows = len(np.unique(ids))
    assert abs(n_kept.mean() - 0.05 * n_rows) < 3 * np.sqrt(0.05 * 0.95 * n_rows / len(runs))
    assert len(set(n_kept.tolist())) > 5  # other keys, other rows
    again = sampled_miss_curve(ids, capacities, rate=0.05, seed=3)
    assert np.array_equal(again.misses, runs[3].misses)


def test_sampling_in_bytes():
    ids = stream(6, "rows").integers(5000, size=60_000)
    s = sampled_miss_curve(ids, [5000 * 64 // 2], 64, rate=0.2)
    assert s.misses[0] == pytest.approx(miss_curve(ids, [2500])[0], rel=0.1)


# ---- laws ---------------------------------------------------------------------------------------------------------


def hit_rates(ids, capacities):
    """Of touches that are not the first of a row."""
    return 1 - (miss_curve(ids, capacities) - len(np.unique(ids))) / (len(ids) - len(np.unique(ids)))


def test_uniform_references_hit_with_their_share():
    """10^6 touches, seven capacities: within 1 % of C / R and within four standard errors of it."""
    n_rows, n = 1000, 1_000_000
    capacities = np.array([100, 200, 300, 500, 700, 900, 990])
    ids = np.concatenate([np.arange(n_rows), stream(7, "uniform").integers(n_rows, size=n)])
    hits = 1 - (miss_curve(ids, capacities) - n_rows) / n
    law = uniform_hit_rate(capacities, n_rows)
    assert (np.abs(hits / law - 1) < 0.01).all()
    assert (np.abs(hits - law) < 4 * np.sqrt(law * (1 - law) / n)).all()


def test_cyclic_sweep_falls_off_a_cliff():
    ids = np.arange(5 * 640) % 640
    capacities = [0, 1, 639, 640, 641]
    assert hit_rates(ids, capacities).tolist() == cyclic_hit_rate(capacities, 640).tolist() == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("alpha", [0.6, 0.8, 1.0, 1.2])
def test_che_for_zipf(alpha):
    """Within 2 % from 1 % of the rows on, touches counted after a run-in that fills the memory."""
    n_rows, n = 20_000, 1_000_000
    q = zipf_popularity(n_rows, alpha)
    ids = stream(8, "zipf").choice(n_rows, size=2 * n, p=q)
    capacities = np.array([200, 1000, 4000])
    distances = stack_distances(ids)[n:]
    hits = np.array([np.count_nonzero((distances >= 0) & (distances < c)) for c in capacities]) / n
    assert (np.abs(hits / che_hit_rate(q, capacities) - 1) < 0.02).all()


def test_che_at_the_ends():
    assert che_hit_rate([1, 1, 1, 1], [0, 4, 9]).tolist() == [0, 1, 1]
    shares = np.ones(1000)
    assert che_hit_rate(shares, [10, 250, 999]) == pytest.approx([0.01, 0.25, 0.999])
    assert zipf_popularity(50, 0).tolist() == [0.02] * 50
    assert che_hit_rate([0.5, 0.5, 0, 0], 2) == 1  # rows that are never touched need no room


# ---- refused ------------------------------------------------------------------------------------------------------

REFUSED = {
    "fractions": lambda: stack_distances([0.5, 1.0]),
    "a table": lambda: stack_distances(np.zeros((2, 2), int)),
    "negative bytes": lambda: stack_distances([1, 2], [3, -1]),
    "bytes of another length": lambda: stack_distances([1, 2], [3]),
    "fractions of bytes": lambda: miss_curve([1, 2], [4], 1.5),
    "a row of two sizes": lambda: stack_distances([1, 2, 1], [3, 3, 4]),
    "negative capacity": lambda: miss_curve([1], [-1]),
    "capacity of infinity": lambda: miss_curve([1], [np.inf]),
    "writes of another length": lambda: traffic_curve([1, 2], [1], writes=[True]),
    "writes that are numbers": lambda: traffic_curve([1, 2], [1], writes=[0, 1]),
    "negative group": lambda: traffic_curve([1, 2], [1], groups=[0, -1]),
    "rate 0": lambda: sampled_miss_curve([1], [1], rate=0),
    "rate above 1": lambda: sampled_miss_curve([1], [1], rate=1.5),
    "rate that is no number": lambda: sampled_miss_curve([1], [1], rate=np.nan),
    "no rows": lambda: uniform_hit_rate(4, 0),
    "negative room": lambda: che_hit_rate([1.0], -1),
    "negative shares": lambda: che_hit_rate([0.5, -0.5], 1),
    "rising Zipf": lambda: zipf_popularity(5, -1),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    with pytest.raises(ParameterError, match="expected"):
        REFUSED[what]()
