"""Named streams and sub-seeds: the same everywhere, different by name, bad seeds refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sdrsim import stream
from sdrsim.engine.seeds import checked_seed, subseed
from sdrsim.errors import ParameterError

SEEDS = st.integers(0, 2**64 - 1)


@settings(max_examples=50, deadline=None)
@given(SEEDS, st.text(max_size=30))
def test_same_seed_and_name_same_stream(seed, name):
    assert subseed(seed, name) == subseed(np.uint64(seed), name)
    assert 0 <= subseed(seed, name) < 2**64
    assert stream(seed, name).random(3).tolist() == stream(seed, name).random(3).tolist()


@settings(max_examples=50, deadline=None)
@given(SEEDS, SEEDS, st.text(max_size=9), st.text(max_size=9))
def test_other_seed_or_name_other_stream(seed, other, name, other_name):
    if (seed, name) != (other, other_name):
        assert subseed(seed, name) != subseed(other, other_name)
        assert stream(seed, name).random() != stream(other, other_name).random()


def test_streams_stay_the_same_across_versions():
    """Written down once: results of old runs must come out again."""
    assert subseed(0, "") == 4331143152044847043
    assert subseed(1, "cues") == 17540068278294404203
    assert stream(1, "cues").integers(1000, size=4).tolist() == [273, 579, 578, 977]


def test_order_of_use_does_not_matter():
    a, b = stream(5, "a"), stream(5, "b")
    interleaved = [(a.random(), b.random()) for _ in range(4)]
    assert [x for x, _ in interleaved] == [*stream(5, "a").random(4)]
    assert [x for _, x in interleaved] == [*stream(5, "b").random(4)]


def test_streams_of_neighbouring_seeds_are_unrelated():
    """False alarms at 1e-4."""
    first = np.array([stream(seed, "x").random() for seed in range(2000)])
    assert stats.kstest(first, "uniform").pvalue > 1e-4
    assert stats.pearsonr(first[:-1], first[1:]).pvalue > 1e-4
    names = np.array([stream(0, f"trial {i}").random() for i in range(2000)])
    assert stats.kstest(names, "uniform").pvalue > 1e-4
    assert stats.pearsonr(first, names).pvalue > 1e-4


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, np.bool_(True), "1", None, [1]])
def test_bad_seeds_are_refused(seed):
    for use in (checked_seed, stream, lambda s: subseed(s, "x")):
        with pytest.raises(ParameterError, match=r"seed: got .*; expected"):
            use(seed)


@pytest.mark.parametrize("seed", [0, 2**64 - 1, np.int8(3), np.uint64(2**64 - 1)])
def test_good_seeds_become_plain_ints(seed):
    assert checked_seed(seed) == int(seed)
    assert type(checked_seed(seed)) is int
