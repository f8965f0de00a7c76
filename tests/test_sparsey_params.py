"""MacParams: the table of parameters, the presets, and everything that is refused."""

import math
import pickle

import numpy as np
import pytest

from sdrsim.errors import ParameterError, SdrsimError
from sdrsim.models.sparsey import Mac, MacParams

RICHARDS = (0.1, 4.0, 1.0, 8.0)
TABLE = {
    "n_cms": 24,
    "n_cells": 8,
    "preset": "rinkus2014",
    "match": "fraction",
    "unit_cap": None,
    "norm": "active_count",
    "pi_u_minus": 1,
    "pi_u_plus": math.inf,
    "g_minus": 0.1,
    "gamma": 2.0,
    "chi": 100.0,
    "psi": "richards",
    "sigma": RICHARDS,
    "winner": "max",
    "lambda_u0": 1.0,
    "freeze_u": 0.5,
    "learn_if_g_below": None,
}
PRESETS = {
    "rinkus2014": {},
    "rinkus2014_alt": {"psi": "richards_inside"},
    "rinkus2010": {"psi": "logistic2010", "sigma": (1e4, 7.0, 26.0, -13.0)},
    "core": {"psi": "core", "sigma": (0.0, 0.0, 0.0, 0.0)},
    "demo": {"psi": "demo", "sigma": (400.0, 0.5, 0.3, 0.2)},
    "sparseypy": {"psi": "sparseypy", "sigma": (8.0, 5.0, 1e-6, 0.0), "chi": 1.5, "g_minus": 0.2, "gamma": 1.0},
    "features": {"match": "cosine", "unit_cap": 0.25, "pi_u_minus": 3, "g_minus": 0.2},
}


def values(params):
    return {name: getattr(params, name) for name in TABLE}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_differ_from_the_table_by_what_is_said(preset):
    made = MacParams(n_inputs=144, preset=preset)
    assert values(made) == {**TABLE, "preset": preset, **PRESETS[preset]}
    assert made.n_inputs == 144
    assert made.n_units == 192


def test_what_is_given_wins_over_the_preset():
    p = MacParams(n_inputs=9, preset="features", unit_cap=None, g_minus=0.5, match="jaccard")
    assert (p.unit_cap, p.g_minus, p.match, p.pi_u_minus) == (None, 0.5, "jaccard", 3)
    p = MacParams(n_inputs=9, preset="demo", psi="richards")
    assert p.sigma == RICHARDS
    p = MacParams(n_inputs=9, preset="demo", sigma=(400, 0.5, 0.15, 0))  # the constant eccentricity
    assert p.sigma == (400, 0.5, 0.15, 0)


def test_replace_is_validated_and_lets_a_new_preset_speak():
    p = MacParams(n_inputs=9, n_cms=3)
    assert values(p.replace(preset="sparseypy")) == values(MacParams(n_inputs=9, n_cms=3, preset="sparseypy"))
    assert p.replace(g_minus=0.4).replace(preset="features").g_minus == 0.4
    with pytest.raises(ParameterError, match="n_cells"):
        p.replace(n_cells=1)
    with pytest.raises(ParameterError, match="frozen"):
        p.n_cms = 4


@pytest.mark.parametrize("preset", PRESETS)
def test_text_and_pickle_round_trips(preset):
    p = MacParams(n_inputs=144, preset=preset, pi_u_plus=0.9, freeze_u=None)
    for back in (MacParams.from_json(p.to_json()), pickle.loads(pickle.dumps(p))):
        assert back == p
        assert values(back) == values(p)
    assert MacParams.from_json(MacParams(n_inputs=3).to_json()).pi_u_plus == math.inf


def test_numpy_scalars_are_numbers():
    p = MacParams(n_inputs=np.int64(9), n_cms=np.int16(3), n_cells=np.uint8(4), g_minus=np.float32(0.5))
    assert p == MacParams(n_inputs=9, n_cms=3, n_cells=4, g_minus=0.5)
    assert type(p.n_inputs) is int
    with pytest.raises(ParameterError):
        MacParams(n_inputs=np.float64(9.5))
    with pytest.raises(ParameterError):
        MacParams(n_inputs=9, gamma=np.bool_(True))


NO_NUMBER = [True, "3", None, math.nan, [1], 1 + 2j]
REFUSED = {
    "n_inputs": [0, -1, 2.0, 2**31, *NO_NUMBER],
    "n_cms": [0, -3, 4097, 8.0, *NO_NUMBER],
    "n_cells": [0, 1, 32768, 8.5, *NO_NUMBER],
    "preset": ["rinkus", "", None, 3],
    "match": ["dice", None, 1],
    "norm": ["max", None],
    "winner": ["soft", None],
    "unit_cap": [0, -0.1, 1.01, math.inf, *(x for x in NO_NUMBER if x is not None)],
    "freeze_u": [0, -0.1, 1.01, *(x for x in NO_NUMBER if x is not None)],
    "learn_if_g_below": [-0.1, 1.01, *(x for x in NO_NUMBER if x is not None)],
    "pi_u_minus": [0, -1, math.inf, *NO_NUMBER],
    "pi_u_plus": [0, -1, *NO_NUMBER],
    "g_minus": [-0.1, 1, 1.5, *NO_NUMBER],
    "gamma": [0, -1, math.inf, *NO_NUMBER],
    "chi": [-1, math.inf, 1e300, *NO_NUMBER],
    "lambda_u0": [-1, math.inf, *NO_NUMBER],
    "psi": ["sigmoid", None, 3],
    "sigma": [(1, 2, 3), (1, 2, 3, 4, 5), (0.1, 4, math.inf, 8), (0.1, math.nan, 1, 8), None, "0.1", (True, 4, 1, 8)],
    "delta": [1],
    "seed": [0],
}
CASES = [(name, value) for name, wrong in REFUSED.items() for value in wrong]


@pytest.mark.parametrize(("name", "value"), CASES, ids=lambda x: repr(x)[:20])
def test_bad_values_are_refused_by_name(name, value):
    with pytest.raises(ParameterError) as error:
        MacParams(**{"n_inputs": 144, name: value})
    assert name in str(error.value)
    assert error.value.got is not None


@pytest.mark.parametrize(
    ("psi", "sigma"),
    [
        ("richards", (-0.1, 4, 1, 8)),
        ("richards", (0.1, 4, 1, -8)),
        ("richards", (0.1, 1e6, 1, 8)),
        ("richards_inside", (-0.1, 4, 1, 0.5)),
        ("logistic2010", (-1, 7, 26, -13)),
        ("logistic2010", (1e4, -7, 26, -13)),
        ("logistic2010", (1e300, 7, 26, -13)),
        ("demo", (-400, 0.5, 0.3, 0.2)),
        ("demo", (400, 0.5, 0.2, 0.2)),
        ("demo", (400, 0.5, 0.0, 0.0)),
        ("sparseypy", (8, 5, -1e-6, 0)),
    ],
)
def test_shapes_that_give_no_likelihood_are_refused(psi, sigma):
    with pytest.raises(ParameterError, match="sigma"):
        MacParams(n_inputs=144, psi=psi, sigma=sigma)


@pytest.mark.parametrize(
    "bounds",
    [
        {"pi_u_minus": 5, "pi_u_plus": 4},
        {"pi_u_minus": 0.5, "pi_u_plus": 0.4},
        {"pi_u_minus": 80, "pi_u_plus": 0.5},
        {"pi_u_minus": 0.1, "pi_u_plus": 10},
        {"pi_u_plus": 0.001},
    ],
)
def test_crossed_bounds_are_refused(bounds):
    with pytest.raises(ParameterError, match="pi_u_minus <= pi_u_plus"):
        MacParams(n_inputs=144, **bounds)


def test_bounds_as_counts_and_shares():
    p = MacParams(n_inputs=200, pi_u_minus=0.04, pi_u_plus=0.5)
    assert (p.floor_features(200), p.ceiling_features(200)) == (8, 100)
    p = MacParams(n_inputs=200, pi_u_minus=1e-6)
    assert (p.floor_features(200), p.ceiling_features(200)) == (1, math.inf)


@pytest.mark.parametrize(
    ("share", "n_inputs", "count"), [(0.5, 10, 5), (0.5, 11, 6), (0.3, 10, 3), (1.0, 7, 7), (0.1, 3, 1)]
)
def test_a_unit_closes_at_the_share_of_its_inputs(share, n_inputs, count):
    assert MacParams(n_inputs=n_inputs, freeze_u=share).close_at() == count
    assert MacParams(n_inputs=n_inputs, freeze_u=0.9, unit_cap=share).close_at() == count


def test_nothing_is_made_of_nothing():
    with pytest.raises(ParameterError, match="n_inputs"):
        MacParams()
    with pytest.raises(ParameterError, match="not JSON"):
        MacParams.from_json("{")
    with pytest.raises(SdrsimError):
        MacParams.from_json('{"n_inputs": 0}')


def test_the_size_is_told_before_it_is_taken():
    mac = Mac(MacParams(n_inputs=100, n_cms=70, n_cells=24), seed=0)
    before = mac.n_bytes
    assert mac.n_synapses == 100 * 70 * 24
    words, cells = 100 * 80 * 24 // 8, 80 * 24 * 5
    assert before >= words + cells
    assert before < 1.5 * (words + cells) + 40_000
    assert str(mac.n_synapses) in repr(mac).replace(",", "")
    mac.store([[1, 2]])
    assert mac.n_bytes == before
    held = sum(array.nbytes for array in mac._memory[:4])  # the tables after them are shared by all equal macs
    assert held <= before
