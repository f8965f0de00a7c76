"""Selection on dense scores against its slow twin, on random and nasty scores; laws; scores that must tie exactly."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from reference.hebbian_reference import select
from scipy.stats import binom

from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.selection import (
    NEED_CLUSTERS,
    NEED_K,
    SELECTIONS,
    activity_scores,
    norm_scores,
    select_scores,
    usage_scores,
)
from sdrsim.models.hebbian.theory.connectivity import log_likelihood_ratio

SHAPES = [(1, 1), (1, 7), (7, 1), (2, 2), (5, 13), (8, 16), (3, 70)]


def product(scores, how, **more):
    return select_scores(scores, np.zeros(scores.shape, bool), how, **more)


def check(scores, how, shape, k=2, threshold=2, seed=5, first_item=3):
    """All rows against the twin."""
    more = {"k": k, "threshold": threshold, "seed": seed, "first_item": first_item}
    got = product(scores, how, **more, n_clusters=shape[0], cluster_size=shape[1])
    assert got.dtype == np.bool_
    assert got.shape == scores.shape
    for i, row in enumerate(scores):
        expected = select(row.tolist(), how, k, threshold, shape[1], seed, first_item + i)
        np.testing.assert_array_equal(got[i], expected, err_msg=f"{how}, k={k}, {row}")


def nasty_scores(n_units):
    """All zero, all equal, one alone, ties at every border, rising, falling, negative ones, halves."""
    alone, ties = np.zeros(n_units), np.arange(n_units) % 3
    alone[-1] = 1
    signs = np.where(np.arange(n_units) % 2, -1.0, 1.0)
    rows = [np.zeros(n_units), np.ones(n_units), np.full(n_units, 9), alone, 1 - alone, ties, 2 - ties]
    rows += [np.arange(n_units), np.arange(n_units)[::-1], np.arange(n_units) / 2, signs, -np.ones(n_units)]
    return np.array(rows, np.float64)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("how", SELECTIONS)
def test_nasty_scores_against_the_twin(how, shape):
    n_units = shape[0] * shape[1]
    for k in (1, 2, shape[1], n_units - 1, n_units, n_units + 3):
        for threshold in (0, 1, 2.5):
            check(nasty_scores(n_units), how, shape, max(k, 1), threshold)


@given(
    shape=st.sampled_from(SHAPES),
    how=st.sampled_from(list(SELECTIONS)),
    k=st.integers(1, 30),
    top=st.integers(0, 6),
    kind=st.sampled_from([np.int64, np.uint8, np.float32, np.float64]),
    seed=st.integers(0, 2**64 - 1),
)
@settings(max_examples=300, deadline=None)
def test_random_scores_against_the_twin(shape, how, k, top, kind, seed):
    scores = np.random.default_rng(seed).integers(0, top + 1, (4, shape[0] * shape[1])).astype(kind)
    check(scores, how, shape, k, threshold=top // 2, seed=seed, first_item=seed % 1000)


def test_no_items():
    for how in SELECTIONS:
        got = product(np.zeros((0, 12)), how, k=3, threshold=1, n_clusters=3, cluster_size=4)
        assert got.shape == (0, 12)
    assert product(np.zeros((0, 12)), lambda s, a: a).shape == (0, 12)


# ---- laws ---------------------------------------------------------------------------------------------------------

SCORES = st.lists(st.integers(-1, 5), min_size=12, max_size=12).map(lambda row: np.array([row], np.float64))


@given(scores=SCORES, k=st.integers(1, 14), seed=st.integers(0, 2**63))
@settings(max_examples=200, deadline=None)
def test_laws(scores, k, seed):
    more = {"k": k, "n_clusters": 3, "cluster_size": 4, "seed": seed, "threshold": k}
    won = {how: product(scores, how, **more)[0] for how in SELECTIONS}
    s, some = scores[0], scores[0] > 0
    for how in set(SELECTIONS) - {"threshold"}:
        assert not won[how][~some].any(), f"{how}: a score of 0 won"
        assert won[how].any() == some.any(), f"{how}: somebody wins where anybody can"
        if how not in NEED_CLUSTERS and some.any():
            assert s[won[how]].max() == s.max(), how
        if how in ("gwta", "gwsta", "gkwta", "glko", "threshold") and not won[how].all() and won[how].any():
            assert s[~won[how]].max() < s[won[how]].min() or some.sum() == won[how].sum(), f"{how}: a tie was cut"
    assert won["kwta"].sum() == min(k, some.sum())
    assert not (won["kwta"] & ~won["gwsta"]).any()
    assert won["gwsta"].sum() >= min(k, some.sum())
    assert not (won["gwsta"] & ~won["gkwta"]).any(), "k units are never more than k distinct scores hold"
    assert not (won["gwta"] & ~won["gwsta"]).any()
    assert np.array_equal(product(scores, "gwsta", **{**more, "k": 1})[0], won["gwta"])
    assert np.array_equal(product(scores, "wsta", **{**more, "k": 1})[0], won["wta"])
    for cluster in np.split(np.arange(12), 3):
        alone = product(scores[:, cluster], "gwsta", k=k)[0]
        assert np.array_equal(won["wsta"][cluster], alone)
    stretched = {how: product(3 * scores, how, **more)[0] for how in set(SELECTIONS) - {"threshold"}}
    assert all(np.array_equal(stretched[how], won[how]) for how in stretched), "only ranks count"


@given(scores=SCORES, order=st.permutations(range(12)), k=st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_units_have_no_rank_of_their_own(scores, order, k):
    for how in ("gwta", "gwsta", "gkwta", "glko"):
        assert np.array_equal(product(scores[:, order], how, k=k)[0], product(scores, how, k=k)[0][order])


def test_ties_are_drawn_with_equal_chances_and_by_item():
    n, k = 4000, 3
    scores = np.tile([2.0, 1, 1, 1, 0, 1, 1], (n, 1))
    won = product(scores, "kwta", k=k, seed=9)
    assert (won.sum(axis=1) == k).all()
    assert won[:, 0].all()
    assert not won[:, 4].any()
    share, p = won[:, [1, 2, 3, 5, 6]].mean(axis=0), (k - 1) / 5
    assert np.abs(share - p).max() < 4 * np.sqrt(p * (1 - p) / n), share
    again = np.concatenate(
        [product(scores[:7], "kwta", k=k, seed=9), product(scores[7:], "kwta", k=k, seed=9, first_item=7)]
    )
    assert np.array_equal(won, again)
    assert not np.array_equal(won, product(scores, "kwta", k=k, seed=10))


# ---- rules of one's own -------------------------------------------------------------------------------------------


def test_a_function_sees_one_item_and_its_answer_is_taken():
    scores, active = np.arange(12.0).reshape(3, 4), np.eye(3, 4, dtype=bool)
    seen = []

    def own(s, a):
        seen.append((s.copy(), a.copy()))
        s[:], mask = 0, (s > 5) | a  # spoils its copy only
        return mask

    got = select_scores(scores, active, own)
    assert [s.shape for s, _ in seen] == [(4,)] * 3
    assert np.array_equal([s for s, _ in seen], scores)
    assert np.array_equal(got, (scores > 5) | active)
    assert np.array_equal(scores, np.arange(12.0).reshape(3, 4)), "scores were handed out as a copy"


def test_a_compiled_function_is_called_alike():
    @njit
    def own(s, a):
        return s >= s.max() - a.sum()

    scores = np.array([[1.0, 3, 2], [5, 1, 4]])
    active = np.array([[True, False, False], [False, False, False]])
    assert select_scores(scores, active, own).tolist() == [[False, True, True], [True, False, False]]


@pytest.mark.parametrize(
    "own",
    [
        lambda s, a: s,
        lambda s, a: (s > 0)[:-1],
        lambda s, a: np.flatnonzero(s > 0),
        lambda s, a: True,
        lambda s, a: None,
        lambda s, a: (s > 0)[None],
        lambda s, a: (s > 0).astype(np.uint8),
    ],
)
def test_a_function_without_a_mask_is_refused(own):
    with pytest.raises(ParameterError, match=r"bool mask of shape \(4,\)"):
        select_scores(np.ones((2, 4)), np.zeros((2, 4), bool), own)


def test_what_a_rule_needs():
    scores = np.ones((2, 4))
    with pytest.raises(ParameterError, match="gwsta"):
        product(scores, "gwst")
    with pytest.raises(ParameterError, match="threshold"):
        product(scores, "threshold")
    for how in NEED_K:
        for k in (None, 0):
            with pytest.raises(ParameterError, match="k:"):
                product(scores, how, k=k, n_clusters=2, cluster_size=2)
    for how in NEED_CLUSTERS:
        with pytest.raises(ParameterError, match="clusters"):
            product(scores, how, k=1)
    assert set(NEED_K) | set(NEED_CLUSTERS) < set(SELECTIONS)


# ---- scores -------------------------------------------------------------------------------------------------------


@given(
    held=st.lists(st.one_of(st.integers(0, 9), st.integers(0, 400)), min_size=1, max_size=12),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=150, deadline=None)
def test_normalised_sums_are_fractions(held, seed):
    rng = np.random.default_rng(seed)
    held = np.array([held])
    links = rng.integers(0, held[0][:, None] + 1, (len(held[0]), 40))[None]
    shares = [sum(Fraction(int(n), int(max(h, 1))) for n, h in zip(column, held[0])) for column in links[0].T]
    got = norm_scores(links, held)[0]
    assert np.abs(got - np.array(shares, np.float64)).max() <= 2.0**-32
    for a in range(40):
        for b in range(40):
            if shares[a] == shares[b]:
                assert got[a] == got[b]
            elif abs(shares[a] - shares[b]) >= Fraction(1, 2**32):
                assert (got[a] < got[b]) == (shares[a] < shares[b])


def test_equal_normalised_sums_tie_however_they_came_about():
    held = np.array([[3, 3, 3, 3, 7, 7, 49, 1]])
    ways = [[1, 1, 1, 0, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 3, 4, 0, 0]]
    ways += [[0, 0, 0, 0, 6, 0, 7, 0], [0, 1, 2, 0, 0, 0, 0, 0]]
    assert norm_scores(np.array([np.transpose(ways)]), held).tolist() == [[1.0] * len(ways)]
    tenths = np.stack([np.ones(10, int), 10 * np.eye(10, dtype=int)[0]], axis=1)
    assert norm_scores(tenths[None], np.full((1, 10), 10)).tolist() == [[1.0, 1.0]]
    assert sum([1 / 10] * 10) < 1, "which plain floats do not give"
    primes = np.array([[32719, 32717, 32713, 32707, 32693, 32687]])  # a common denominator beyond 64 bits
    all_and_none = np.stack([primes[0], np.zeros(6, int), [32719, 0, 0, 0, 0, 0], [0, 32717, 0, 0, 0, 0]], axis=1)
    assert norm_scores(all_and_none[None], primes).tolist() == [[6.0, 0.0, 1.0, 1.0]]


def test_activity_scores():
    s, a = np.array([[3.0, 0, 2, 0]]), np.array([[4.0, 0, 2, 5]])
    assert activity_scores(s, a).tolist() == [[0.75, 0, 1, 0]]


@given(
    rho=st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)),
    share=st.floats(0.001, 0.1),  # up to p = .998: nearer to 1 the library's own logarithms lose digits
    seed=st.integers(0, 2**32),
)
@settings(max_examples=100, deadline=None)
def test_usage_scores_rank_by_the_likelihood_ratio(rho, share, seed):
    rng = np.random.default_rng(seed)
    a, usage = rng.integers(1, 12, 30), rng.integers(1, 60, 30)
    s = rng.integers(0, a + 1)
    got = usage_scores(s[None].astype(float), a[None].astype(float), usage, share, rho)[0]
    p = 1 - (1 - share) ** usage
    with np.errstate(divide="ignore", invalid="ignore"):
        llr = binom.logpmf(s, a, rho + (1 - rho) * p) - binom.logpmf(s, a, p)
    can = (s > 0) & (llr > -np.inf)
    assert np.array_equal(got > 0, can)
    if can.any():
        assert got[can].min() == 1.0
        np.testing.assert_allclose(got[can] - 1.0, llr[can] - llr[can].min(), atol=1e-8)
        theory = log_likelihood_ratio(s, a, usage, share, rho)
        np.testing.assert_allclose(got[can] - 1.0, (theory - theory[can].min())[can], atol=1e-8)


def test_a_whole_cue_excludes_every_miss():
    s, a = np.array([[5.0, 5, 4, 0]]), np.array([[5.0, 5, 5, 5]])
    got = usage_scores(s, a, np.array([10, 100, 1, 1]), 0.02, 1.0)[0]
    assert got[0] > got[1] > 0, "of two full sums the rarer unit is likelier"
    assert got[2:].tolist() == [0, 0]


def test_usage_of_units_never_or_always_used():
    s, a = np.array([[1.0, 3, 3, 0]]), np.array([[3.0, 3, 3, 0]])
    for rho in (0.0, 0.3, 1.0):
        for share in (0.0, 1e-9, 1.0):
            assert np.isfinite(usage_scores(s, a, np.array([0, 0, 10**9, 0]), share, rho)).all()


def test_own_support_counts_as_links_to_a_unit_of_mean_usage():
    usage, s, a = np.array([0, 5, 10, 85]), np.array([[0.0, 2, 2, 2]]), np.full((1, 4), 4.0)
    plain, own = usage_scores(s, a, usage, 0.02, 0.7), np.array([[3.0, 0, 3, 3]])
    got = usage_scores(s, a, usage, 0.02, 0.7, own)
    p = 1 - 0.98**25
    gain = 3 * np.log((0.7 + 0.3 * p) / p)
    assert plain[0, 0] == 0.0 < got[0, 0], "a unit without links, but with support of its own, can win"
    for j in (2, 3):
        assert got[0, j] - got[0, 1] == pytest.approx(plain[0, j] - plain[0, 1] + gain)
    least = 4 * np.log(0.3) + gain  # of the unused unit: four links missed
    rare = 2 * np.log((0.7 + 0.3 * (q := 1 - 0.98**5)) / q) + 2 * np.log(0.3)
    assert got[0, 1] - got[0, 0] == pytest.approx(rare - least)
