"""Equations of code selection, one by one: bounds, familiarity, expansivity, psi, the draw, ties, critical periods."""

import numpy as np
import pytest
from reference.sparsey_reference import ReferenceMac, eta_of, plain_weights, psi_of
from scipy.stats import chisquare

from sdrsim import SDR, patterns
from sdrsim.errors import ParameterError
from sdrsim.models.sparsey import Mac, MacParams
from sdrsim.models.sparsey.kernels.layout import make_work
from sdrsim.models.sparsey.kernels.likelihood import likelihoods, terms
from sdrsim.models.sparsey.kernels.support import measure
from sdrsim.models.sparsey.rules import make_rule

pytestmark = pytest.mark.filterwarnings("ignore::sdrsim.errors.SaturationWarning")

FORMS = ("richards", "richards_inside", "logistic2010", "core", "demo", "sparseypy")
FALSE_ALARM = 1e-4  # of each statistical test; seeds are fixed


def standard(**changes):
    return MacParams(**{"n_inputs": 60, "n_cms": 10, "n_cells": 6, **changes})


def filled(n_items=12, **changes):
    mac = Mac(standard(**changes), seed=1)
    mac.store(patterns.random_sparse(n_items, 60, 9, seed=5))
    return mac


def psi_of_library(mac, active):
    """(G, psi (Q, K)) that the kernels compute for one item."""
    p, memory = mac.params, mac._memory
    work = make_work(mac._rule, memory.words.shape[1])
    active = np.asarray(active, np.int32)
    g = measure(mac._rule, memory, 0, active, work)
    likelihoods(mac._rule, memory, 0, g, len(active), work)
    lanes = mac._rule.n_lanes
    return g, work.psi[: p.n_cells * lanes].reshape(p.n_cells, lanes)[:, : p.n_cms].T


def twin_of(mac):
    twin = ReferenceMac(mac.params, seed=mac.seed)
    twin.weights = plain_weights(mac)[0].copy()
    return twin


# ---- eqs 9 and 10 ------------------------------------------------------------------------------------------------


def eta_of_library(g, **changes):
    """The Richards gain is eta - 1."""
    return 1 + terms(make_rule(MacParams(n_inputs=9, **changes), 9), np.zeros(2), g)[2]


def test_expansivity():
    assert eta_of_library(1.0, n_cells=8, chi=100.0) == 801
    for g_minus in (0.0, 0.1, 0.9):
        for g in (0.0, g_minus / 2, g_minus):
            assert eta_of_library(g, g_minus=g_minus) == 1
    for g in np.linspace(0, 1, 23):
        for gamma in (0.5, 1.0, 2.0):
            p = MacParams(n_inputs=9, g_minus=0.2, gamma=gamma, n_cells=32)
            assert eta_of_library(g, g_minus=0.2, gamma=gamma, n_cells=32) == pytest.approx(eta_of(g, p), rel=1e-14)


def test_psi_is_1_for_every_v_when_eta_is_1():
    for match in ("fraction", "cosine", "jaccard"):
        mac = filled(match=match, chi=0.0)
        _, psi = psi_of_library(mac, range(9))
        assert (psi == 1).all()


def test_the_largest_psi_of_the_outside_form():
    """At V = 1: psi = 1 + (eta - 1) / 1.1^8 = 1 + .467 (eta - 1), so the true cell wins with .98 at K = 8."""
    p = MacParams(n_inputs=9)
    assert (psi_of(1.0, 1.0, p) - 1) / 800 == pytest.approx(0.467, abs=5e-4)
    mac = Mac(p, seed=0)
    mac.store([[0, 1, 2]])
    g, psi = psi_of_library(mac, [0, 1, 2])
    assert g == 1
    best = psi.max(axis=1)
    assert best == pytest.approx(psi_of(1.0, 1.0, p), rel=1e-6)
    assert best / psi.sum(axis=1) == pytest.approx(0.98, abs=5e-3)


# float32 holds 6e-8 of itself. From the table (a step h of the argument) linear interpolation is off by h^2 / 8 of the
# second derivative, which is at most 745 of the value for Richards in V (h = 1 / 4096) and at most the value for the
# logistic forms (h = 40 / 4096); the place in the table is rounded to 2^-12 of a step, times the slope.
TABLE_ERROR = {"richards": 1e-5, "richards_inside": 1e-5} | dict.fromkeys(FORMS[2:], 2.5e-5)


@pytest.mark.parametrize("psi", FORMS)
@pytest.mark.parametrize("match", ["fraction", "cosine", "jaccard"])
def test_psi_equals_the_direct_formula(psi, match):
    tolerance = 1e-6 if match == "fraction" else TABLE_ERROR[psi]
    mac = filled(psi=psi, match=match, n_cells=9, freeze_u=None, norm="active_count")
    twin = twin_of(mac)
    ratchet = mac._memory.ratchet[0, 1]
    seen = []
    x = patterns.random_sparse(20, 60, 9, seed=5)
    for probe in (*x, *patterns.move_units(x, 0.3, seed=1)):
        g, got = psi_of_library(mac, probe.indices)
        _, v = twin.support(probe.indices)
        assert g == pytest.approx(v.max(axis=1).astype(float).mean(), rel=1e-12)
        expected = psi_of(v, g, mac.params, inflection=0.5 + 0.004 * ratchet)
        np.testing.assert_allclose(got, expected, rtol=tolerance, atol=0)
        seen += v.reshape(-1).tolist()
    assert len(set(seen)) > 5  # many values of V were looked at
    assert min(seen) == 0
    assert max(seen) > 0.9


def test_the_core_form_ratchets_its_inflection():
    x = patterns.random_sparse(3, 60, 9, seed=5)
    mac = Mac(standard(psi="core"), seed=0)
    highest, n_steps = 0.3, 0
    for item in [x[0], x[0], x[1], x[0], x[2]] * 3:
        g = mac.store(item).familiarity[0]
        if g > highest:
            highest, n_steps = g, n_steps + 1
        assert mac._memory.ratchet[0, 1] == n_steps
    assert n_steps > 0
    before = mac._memory.ratchet.copy()
    mac.recognise(x)
    assert np.array_equal(mac._memory.ratchet, before)


# ---- a user's psi ------------------------------------------------------------------------------------------------


def richards_by_hand(v, g, g_minus=0.1, gamma=2.0, chi=100.0, n_cells=6):
    eta = 1 + max(0.0, (g - g_minus) / (1 - g_minus)) ** gamma * chi * n_cells
    return 1 + (eta - 1) / (1 + 0.1 * np.exp(-4 * (v - 1))) ** 8


@pytest.mark.parametrize("match", ["fraction", "cosine"])
def test_the_formula_as_a_function_draws_as_the_built_in_form(match):
    built_in = filled(match=match, winner="draw")
    own = Mac(standard(match=match, winner="draw", psi=richards_by_hand), seed=1)
    own.allocate()
    own._memory = built_in._memory._replace(curve=own._memory.curve)  # the same weights, read only; its own psi
    x = patterns.random_sparse(12, 60, 9, seed=5)
    same = []
    for fraction in (0.0, 0.2, 0.4, 0.6):
        cues = patterns.erase(x, fraction, seed=1)
        a, b = built_in.recognise(cues), built_in.recognise(cues, first_item=100)
        assert (a.winners == b.winners).mean() < 1  # other keys draw others: the comparison below can fail
        a, b = built_in.recognise(cues), own.recognise(cues)
        assert np.array_equal(a.familiarity, b.familiarity)
        same.append((a.winners == b.winners).mean())
        for cue in cues[:3]:
            _, expected = psi_of_library(built_in, cue.indices)
            _, got = psi_of_library(own, cue.indices)
            # bilinear over 257 values of G: off by 1/8 (1/256)^2 of d2psi/dg2 <= 2 chi K / (1 - Gm)^2 times the shape
            np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1 / 8 / 256**2 * 2 * 600 / 0.81)
    assert np.mean(same) > 0.99


def test_a_psi_of_one_variable_and_a_constant_one_are_taken():
    for psi in (lambda v, g: 1.0, lambda v, g: np.ones_like(v), lambda v, g: v + 1):
        assert filled(psi=psi).n_stored == 12


def test_where_no_cell_has_any_likelihood_all_are_alike():
    """psi = v^2 is 0 everywhere in an empty mac: its first code is drawn from all cells, written, and found again."""
    wins = np.zeros(6)
    for seed in range(40):
        mac = Mac(standard(psi=lambda v, g: v**2), seed=seed)
        got = mac.store([[0, 1, 2], [30, 31]])
        assert got.winners.min() >= 0
        wins += np.bincount(got.winners[0], minlength=6)
        assert np.array_equal(mac.recognise([[0, 1, 2], [30, 31]]).winners, got.winners)
        twin = ReferenceMac(mac.params, seed=seed)
        twin.store([[0, 1, 2], [30, 31]])
        assert np.array_equal(plain_weights(mac)[0], twin.weights)
    assert chisquare(wins).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    "psi",
    [
        lambda v, g: -v,
        lambda v, g: v * np.nan,
        lambda v, g: v + np.inf,
        lambda v, g: 0 * v,
        lambda v, g: np.ones(3),
        lambda v, g: "high",
        lambda v, g: 1e38 * (1 + v),
    ],
)
def test_a_psi_that_is_no_likelihood_is_refused(psi):
    mac = Mac(standard(psi=psi), seed=0)
    with pytest.raises(ParameterError, match="psi"):
        mac.store([[1, 2]])
    assert mac.n_stored == 0


# ---- eqs 11 and 12 -----------------------------------------------------------------------------------------------


def test_the_draw_follows_rho():
    mac = filled(winner="draw", n_items=6)
    item = patterns.move_units(patterns.random_sparse(6, 60, 9, seed=5)[:1], 0.3, seed=0)
    _, psi = psi_of_library(mac, item.indices)
    n = 4000
    winners = mac.recognise(item[np.zeros(n, int)]).winners
    for q in range(10):
        seen = np.bincount(winners[:, q], minlength=6)
        rho = psi[q].astype(np.float64) / psi[q].astype(np.float64).sum()
        assert chisquare(seen, n * rho).pvalue > FALSE_ALARM / 10


def test_cms_draw_independently():
    mac = filled(winner="draw", n_items=1)
    winners = mac.recognise(SDR.from_indices(np.tile(np.arange(40, 49), (4000, 1)), 60)).winners
    pairs = np.bincount(6 * winners[:, 3].astype(int) + winners[:, 4], minlength=36)
    assert chisquare(pairs).pvalue > FALSE_ALARM  # chi K = 600 and G = 0: every pair alike
    steps = np.bincount(6 * winners[:-1, 3].astype(int) + winners[1:, 3], minlength=36)
    assert chisquare(steps).pvalue > FALSE_ALARM


def test_a_novel_item_does_not_get_the_code_stored_in_its_place():
    """Item 3 of a soft recognition is drawn with other numbers than item 3 of the store."""
    mac = Mac(standard(winner="draw", n_cms=200, chi=0.0), seed=3)  # chi = 0: every draw is uniform
    x = patterns.random_sparse(20, 60, 9, seed=5)
    stored = mac.store(x).winners
    same = (mac.recognise(patterns.random_sparse(20, 60, 9, seed=6)).winners == stored).sum()
    assert chisquare([same, stored.size - same], [stored.size / 6, stored.size * 5 / 6]).pvalue > FALSE_ALARM


def test_the_best_cell_wins_and_ties_are_broken_uniformly():
    empty = Mac(standard(), seed=3)
    x = SDR.from_indices(np.tile(np.arange(9), (6000, 1)), 60)
    winners = empty.recognise(x).winners
    for q in range(10):
        assert chisquare(np.bincount(winners[:, q], minlength=6)).pvalue > FALSE_ALARM / 10
    one = filled(n_items=1)
    stored = one.recognise(patterns.random_sparse(1, 60, 9, seed=5)[np.zeros(50, int)])
    assert (stored.winners == stored.winners[0]).all()
    assert (stored.familiarity == 1).all()


def test_without_an_exponent_every_cell_is_alike():
    """U^0 = 1: the input has no say, whatever the match rule."""
    for match in ("fraction", "cosine"):
        mac = filled(match=match, lambda_u0=0.0)
        seen = mac.recognise(patterns.random_sparse(1, 60, 9, seed=5)[np.zeros(600, int)])
        assert (seen.familiarity == 1).all()
        assert chisquare(np.bincount(seen.winners[:, 0], minlength=6)).pvalue > FALSE_ALARM


# ---- eqs 1 and 3 -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "answering"),
    [
        ({}, range(1, 61)),
        ({"pi_u_minus": 5, "pi_u_plus": 20}, range(5, 21)),
        ({"pi_u_minus": 0.1, "pi_u_plus": 0.5}, range(6, 31)),
        ({"pi_u_minus": 4.5}, range(5, 61)),
        ({"pi_u_minus": 1e-9, "pi_u_plus": 1}, [1]),
        ({"pi_u_minus": 60}, [60]),
    ],
)
def test_the_mac_answers_between_its_bounds_and_is_silent_outside(bounds, answering):
    mac = Mac(standard(**bounds), seed=0)
    x = SDR.from_indices([list(range(n)) for n in range(61)], 60)
    got = mac.store(x)
    assert np.flatnonzero(got.winners[:, 0] >= 0).tolist() == list(answering)
    silent = got.winners[:, 0] < 0
    assert (got.winners[silent] == -1).all()
    assert (got.familiarity[silent] == 0).all()
    assert mac.n_stored == 61


def test_missing_input_lowers_g_only_where_the_divisor_is_fixed():
    item = SDR.from_indices([list(range(12))], 60)
    partial = SDR.from_indices([list(range(6))], 60)
    for norm, g in (("active_count", 1.0), ("pi_min", 0.5)):
        mac = Mac(standard(norm=norm, pi_u_minus=12 if norm == "pi_min" else 1), seed=0)
        assert mac.store(item).familiarity[0] == 0
        assert mac.recognise(item).familiarity[0] == 1
        seen = mac.recognise(partial)
        assert seen.familiarity[0] == (0 if norm == "pi_min" else g)  # below the bound of 12 it does not answer
    mac = Mac(standard(norm="pi_min", pi_u_minus=4), seed=0)
    mac.store(item)
    mixed = SDR.from_indices([[0, 1, 40, 41, 42, 43]], 60)
    assert mac.recognise(mixed).familiarity[0] == 0.5  # min(1, 2 / 4), not 2 / 6


def test_familiarity_of_the_three_matches():
    """One item of A inputs stored; o of them in a cue of B: o / B, o / sqrt(B A), o / (A + B - o)."""
    cue = SDR.from_indices([[0, 1, 2, 3, 30, 31]], 60)
    for match, g in (("fraction", 4 / 6), ("cosine", 4 / np.sqrt(6 * 9)), ("jaccard", 4 / 11)):
        mac = Mac(standard(match=match), seed=0)
        mac.store([list(range(9))])
        assert mac.recognise(cue).familiarity[0] == pytest.approx(g, rel=1e-7)


# ---- critical periods, learning switches -------------------------------------------------------------------------


def test_a_frozen_unit_takes_no_weights_and_still_wins():
    mac = Mac(standard(freeze_u=0.2, n_cells=2), seed=0)
    x = patterns.random_sparse(60, 60, 9, seed=5)
    won_frozen = 0
    for item in x:
        weights, _, closed = (a.copy() for a in plain_weights(mac))
        winners = mac.store(item).winners[0]
        after = plain_weights(mac)[0]
        frozen = closed[np.arange(10), winners]
        won_frozen += frozen.sum()
        assert np.array_equal(after[:, closed], weights[:, closed])
        for q in np.flatnonzero(~frozen):
            assert after[item.indices, q, winners[q]].all()
    assert won_frozen > 100
    assert plain_weights(mac)[1].max() < 12 + 9  # the last write may overshoot
    assert mac.n_fallbacks == 0


@pytest.mark.parametrize("match", ["fraction", "cosine", "jaccard"])
def test_a_full_unit_wins_only_on_an_exact_match(match):
    mac = Mac(standard(unit_cap=0.2, n_cells=3, match=match), seed=0)
    x = patterns.random_sparse(40, 60, 9, seed=5)
    items = [x[i % 20 if i < 30 else i] for i in range(40)]
    n_without = n_exact = 0
    for item in items:
        weights, n_set, closed = (a.copy() for a in plain_weights(mac))
        o = weights[item.indices].sum(axis=0)
        exact = (o == 9) & ((n_set == 9) | (match == "fraction"))
        winners = mac.store(item).winners[0]
        takes = ~closed | exact
        after = plain_weights(mac)[0]
        for q in range(10):
            if takes[q].any():
                assert takes[q, winners[q]]
                n_exact += closed[q, winners[q]]
            else:
                n_without += 1
                assert np.array_equal(after[:, q], weights[:, q])
        assert np.array_equal(after[:, closed], weights[:, closed])
    assert n_without == mac.n_fallbacks == mac.saturation().n_fallbacks > 0
    assert n_exact > 0 or match != "fraction"


def test_recognition_ignores_the_cap():
    mac = Mac(standard(unit_cap=0.1, n_cells=2), seed=0)
    x = patterns.random_sparse(30, 60, 9, seed=5)
    mac.store(x)
    assert plain_weights(mac)[2].all()
    twin = twin_of(mac)
    for i, step in enumerate(twin.recognise([c.indices for c in x])):
        assert np.array_equal(mac.recognise(x[i], first_item=i).winners[0], step.winners)


def test_no_critical_period():
    mac = Mac(standard(freeze_u=None, n_cells=2), seed=0)
    mac.store(patterns.random_sparse(300, 60, 9, seed=5))
    assert mac.share_closed == 0
    assert mac.share_set > 0.9


def test_only_items_less_familiar_than_the_bound_are_written():
    x = patterns.random_sparse(6, 60, 9, seed=5)
    for bound in (0.0, 0.5, 1.0):
        mac = Mac(standard(learn_if_g_below=bound), seed=0)
        for item in (*x, *x):
            before = plain_weights(mac)[0].copy()
            g = mac.store(item).familiarity[0]
            if g >= bound:
                assert np.array_equal(plain_weights(mac)[0], before)
        assert (mac.share_set > 0) == (bound > 0)
        assert mac.n_stored == 12
