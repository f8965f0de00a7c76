"""Keyed random numbers: equal to big-integer arithmetic, and tested as a random stream.

Every statistical test below is refused at LEVEL, so with other seeds one run in about ten thousand would fail a given
test by chance; the seeds are fixed. The same tests are run on NumPy's Philox, which must pass, and on a plain counter,
which must not: they can tell.
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import random_reference as ref
from scipy import stats

from sdrsim.kernels import draws
from sdrsim.kernels import random as keyed

LEVEL = 1e-4
WORDS = st.integers(0, 2**64 - 1)
PARTS = st.integers(0, 2**62)
N = 1 << 15


def along(part):
    """N uniforms whose keys differ in one part, counted up; the others stand at values that mean nothing."""
    base = [20, 3, 5, 7]
    out = np.empty(N)
    for i in range(N):
        numbers = base.copy()
        numbers[part] += i
        out[i] = keyed.unit(np.uint64(keyed.key(np.uint64(numbers[0]), *numbers[1:])))
    return out


def philox():
    return np.random.Generator(np.random.Philox(key=20)).random(N)


STREAMS = {
    "seed": lambda: along(0),
    "item": lambda: along(1),
    "unit": lambda: along(2),
    "draw": lambda: along(3),
    "philox": philox,
}


@pytest.fixture(scope="module", params=STREAMS)
def stream(request):
    return STREAMS[request.param]()


def uniformity(u, bins=256):
    return stats.chisquare(np.bincount((u * bins).astype(int), minlength=bins)).pvalue


def lower_bits(u, bins=256):
    return uniformity((u * 2**24) % 1, bins)


def serial(u, lag=1, bins=16):
    cells = (u * bins).astype(int)
    return stats.chisquare(np.bincount(cells[:-lag:2] * bins + cells[lag::2], minlength=bins * bins)).pvalue


def correlation(u, lag=1):
    return stats.pearsonr(u[:-lag], u[lag:]).pvalue


def runs_up(u):
    """Signs of differences: in a random order u[i] < u[i + 1] < u[i + 2] has probability 1/6."""
    a, b, c = u[0 : len(u) - 2 : 3], u[1 : len(u) - 1 : 3], u[2::3]
    return stats.binomtest(int(((a < b) & (b < c)).sum()), len(c), 1 / 6).pvalue


TESTS = [uniformity, lower_bits, serial, correlation, runs_up]


@pytest.mark.parametrize("test", TESTS)
def test_streams_along_each_key_part_look_random(stream, test):
    assert test(stream) > LEVEL


@pytest.mark.parametrize("lag", [2, 4, 8, 64, 256, 4096])
def test_keys_a_power_of_two_apart_are_uncorrelated(stream, lag):
    assert correlation(stream, lag) > LEVEL


def test_the_tests_refuse_a_counter():
    counter = np.arange(N) / N
    assert sum(test(counter) < LEVEL for test in (serial, correlation, runs_up)) == 3
    assert uniformity(np.sqrt(philox())) < LEVEL


def test_like_philox():
    assert stats.ks_2samp(along(3), philox()).pvalue > LEVEL


def test_two_seeds_and_swapped_parts_are_unrelated():
    def uniforms(keys):
        return np.array([keyed.unit(np.uint64(keyed.key(np.uint64(s), a, b, 0))) for s, a, b in keys])

    items = range(8, 4000)
    first = uniforms((1, i, 7) for i in items)
    assert stats.pearsonr(first, uniforms((2, i, 7) for i in items)).pvalue > LEVEL
    assert stats.pearsonr(first, uniforms((1, 7, i) for i in items)).pvalue > LEVEL


def test_no_key_twice_on_a_grid():
    """2^15 of 2^64 keys: two equal ones have probability 3e-11."""
    keys = {keyed.key(np.uint64(s), a, b, c) for s in range(8) for a in range(16) for b in range(16) for c in range(16)}
    assert len(keys) == 8 * 16**3


@pytest.mark.parametrize("part", range(4))
def test_one_bit_of_a_key_part_flips_every_bit_with_probability_one_half(part):
    n, generator = 200, np.random.Generator(np.random.Philox(key=part))
    numbers = generator.integers(0, 2**62, size=(n, 4))
    plain = np.array([keyed.key(np.uint64(r[0]), *map(int, r[1:])) for r in numbers], np.uint64)
    flips = np.zeros((62, 64))
    for bit in range(62):
        other = numbers.copy()
        other[:, part] ^= 1 << bit
        changed = plain ^ np.array([keyed.key(np.uint64(r[0]), *map(int, r[1:])) for r in other], np.uint64)
        flips[bit] = np.unpackbits(changed.view(np.uint8).reshape(n, 8), axis=1, bitorder="little").sum(axis=0)
    worst = stats.binomtest(int(n / 2 + np.abs(flips - n / 2).max()), n, 0.5).pvalue
    assert worst * flips.size > LEVEL  # Bonferroni over input and output bits


@given(WORDS)
def test_mix_is_splitmix64(x):
    assert keyed.mix(np.uint64(x)) == ref.mix(x)


def test_mix_known_values():
    """First two outputs of SplitMix64 started at 1234567."""
    assert [keyed.mix(np.uint64(1234567 + i * 0x9E3779B97F4A7C15)) for i in range(2)] == [
        6457827717110365317,
        3203168211198807973,
    ]
    assert [keyed.mix(np.uint64(x)) for x in (0, 2**64 - 1)] == [ref.mix(0), ref.mix(2**64 - 1)]


def test_plain_integers_are_taken_as_words():
    assert keyed.mix(5) == ref.mix(5)
    assert keyed.key(5, 1, 2, 3) == ref.key(5, 1, 2, 3)
    assert keyed.unit(5 << 11) == ref.unit(5 << 11)


@settings(max_examples=50, deadline=None)
@given(WORDS, PARTS, PARTS, PARTS, st.integers(1, 2**31))
def test_key_unit_below_equal_big_integers(seed, a, b, c, n):
    made = keyed.key(np.uint64(seed), a, b, c)
    assert made == ref.key(seed, a, b, c)
    assert keyed.unit(np.uint64(made)) == ref.unit(made)
    assert keyed.below(np.uint64(made), n) == ref.below(made, n) < n


def test_ends_of_the_range():
    top = np.uint64(2**64 - 1)
    assert keyed.unit(top) == 1 - 2**-53
    assert keyed.unit(np.uint64(0)) == 0
    assert [keyed.below(top, n) for n in (1, 2, 7, 2**31)] == [0, 1, 6, 2**31 - 1]


def test_below_is_uniform_where_n_is_no_power_of_two():
    drawn = [keyed.below(np.uint64(keyed.key(np.uint64(4), i, 0, 0)), 7) for i in range(N)]
    assert stats.chisquare(np.bincount(drawn, minlength=7)).pvalue > LEVEL


def test_uniforms_are_the_keys():
    out = np.empty(9)
    keyed.uniforms(np.uint64(3), 4, 5, out)
    assert out.tolist() == [ref.unit(ref.key(3, 4, 5, c)) for c in range(9)]


@settings(max_examples=50, deadline=None)
@given(WORDS, st.integers(0, 2**40), st.integers(1, 120), st.data())
def test_samples_equal_floyd_on_a_set(seed, item, population, data):
    n = data.draw(st.integers(0, population))
    short, long = np.empty(n, np.int32), np.empty(n, np.int32)
    keyed.sample_sorted(np.uint64(seed), item, population, short)
    draws.choose(np.uint64(seed), item, population, long, draws.marks_for(population, n))
    assert short.tolist() == long.tolist() == ref.sample(seed, item, population, n)


def sampled(n_items, population, n):
    out = np.empty((n_items, n), np.int32)
    draws.sparse_codes(np.uint64(12), 0, population, out)
    return out


def test_samples_are_uniform_over_subsets_and_independent_of_their_neighbours():
    place = {subset: i for i, subset in enumerate(combinations(range(6), 3))}
    drawn = np.array([place[tuple(row)] for row in sampled(40_000, 6, 3).tolist()])
    assert stats.chisquare(np.bincount(drawn, minlength=20)).pvalue > LEVEL
    assert stats.chisquare(np.bincount(drawn[::2] * 20 + drawn[1::2], minlength=400)).pvalue > LEVEL


@pytest.mark.parametrize(("population", "n"), [(50, 7), (200, 60), (64, 63)])
def test_every_unit_is_sampled_equally_often(population, n):
    """Counts of one item are negatively dependent: variance p (1 - p) per unit, sum fixed, hence N - 1 degrees."""
    n_items = 8000
    counts = np.bincount(sampled(n_items, population, n).ravel(), minlength=population)
    p = n / population
    score = ((counts - n_items * p) ** 2).sum() / (n_items * p * (1 - p)) * (population - 1) / population
    assert LEVEL < stats.chi2.sf(score, population - 1) < 1 - LEVEL


@settings(max_examples=50, deadline=None)
@given(WORDS, st.integers(0, 2**31), st.integers(0, 3000), st.floats(0, 1))
def test_binomial_equals_the_reference(seed, item, n, p):
    assert draws.binomial(np.uint64(seed), item, n, p) == ref.binomial(seed, item, n, p)


@pytest.mark.parametrize(("n", "p"), [(20, 0.3), (1000, 0.002), (5000, 0.05), (8, 0.97), (3, 0.5)])
def test_binomial_counts_follow_their_law(n, p):
    n_items = 20_000
    out = np.empty(n_items, np.int64)
    draws.binomials(np.uint64(31), 0, np.full(n_items, n), p, out)
    low, high = (int(stats.binom.ppf(q, n, p)) for q in (0.001, 0.999))
    seen = np.bincount(np.clip(out, low, high) - low, minlength=high - low + 1)
    expected = stats.binom.pmf(np.arange(low, high + 1), n, p)
    expected[0], expected[-1] = stats.binom.cdf(low, n, p), stats.binom.sf(high - 1, n, p)
    assert stats.chisquare(seen, expected / expected.sum() * n_items).pvalue > LEVEL


@pytest.mark.parametrize(("n", "p", "count"), [(0, 0.5, 0), (10, 0.0, 0), (10, 1.0, 10), (5, 1 - 2**-53, 5)])
def test_binomial_at_its_ends(n, p, count):
    assert draws.binomial(np.uint64(1), 0, n, p) == count


def test_tiny_probability_over_many_units_does_not_run_long():
    assert draws.binomial(np.uint64(1), 0, 2**31 - 1, 1e-300) == 0
