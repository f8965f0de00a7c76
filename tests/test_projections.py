"""What projections and relays carry: receptive fields, selection from dendritic sums, noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim import SDR, stream
from sdrsim.engine.fields import Relay, united
from sdrsim.engine.noise import noisy
from sdrsim.engine.projections import FanOut, Projection
from sdrsim.engine.synapses import BinarySynapses
from sdrsim.errors import CodeError, NetworkError, ParameterError

fields = st.lists(st.lists(st.integers(-1, 9), min_size=1, max_size=6), min_size=1, max_size=5)


@given(fields, st.sets(st.integers(0, 9)), st.booleans())
def test_receptive_fields_against_looking_at_every_input(rfs, active, whole):
    projections = [Projection(f"p{i}", "a", "b", "U", rf=rf) for i, rf in enumerate(rfs)]
    if whole:
        projections.insert(1, Projection("whole", "a", "b", "U"))
    code = SDR.from_indices([sorted(active)], 10)
    sent = {p.name: (sdr.indices.tolist(), sdr.size) for p, sdr in FanOut(projections, 10)(code)}
    expected = {
        p.name: ([i for i, u in enumerate(p.rf) if u in active], len(p.rf)) for p in projections if p.rf is not None
    }
    if whole:
        expected["whole"] = (sorted(active), 10)
    assert sent == {name: hit for name, hit in expected.items() if hit[0]}
    assert [p.name for p, _ in FanOut(projections, 10)(code)] == [p.name for p in projections if p.name in sent]


@pytest.mark.parametrize(
    ("select", "expected"),
    [(2, [1, 2]), ("threshold=3", [2]), ("max", [2]), (lambda scores, active: scores == len(active) - 1, [1])],
)
def test_selection_from_dendritic_sums(select, expected):
    synapses = BinarySynapses(8, 4)
    synapses.learn([[0, 1, 2]], [[2]])
    synapses.learn([[0, 1]], [[1]])
    synapses.learn([[0]], [[0]])
    p = Projection("p", "a", "b", "U", synapses=synapses, select=select)
    arrived = p.arrive(SDR.from_indices([[0, 1, 2]], 8), tick=0)
    assert (arrived.indices.tolist(), arrived.size) == (expected, 4)
    assert p.traffic.get("p", "retrieve", "compares") == 4


@pytest.mark.parametrize("mask", [np.ones(3, bool), np.ones(4, int)])
def test_selection_must_give_a_mask(mask):
    p = Projection("p", "a", "b", "U", synapses=BinarySynapses(8, 4), select=lambda scores, active: mask)
    with pytest.raises(NetworkError, match="a bool mask of shape"):
        p.arrive(SDR.from_indices([[0]], 8), tick=0)


def test_no_sum_no_winner():
    p = Projection("p", "a", "b", "U", synapses=BinarySynapses(8, 4), select="max")
    assert len(p.arrive(SDR.from_indices([[0]], 8), tick=0).indices) == 0


def test_united():
    a, b = SDR.from_indices([[1, 4]], 8), SDR.from_indices([[0, 4]], 8)
    assert united(a, b).indices.tolist() == [0, 1, 4]
    assert united(None, b) is b
    with pytest.raises(CodeError):
        united(a, SDR.from_indices([[0]], 9))


# ---- noise --------------------------------------------------------------------------------------------------------


def test_noise_has_the_law_of_one_draw_per_unit():
    # 2000 codes of 20 of 120 units: each active unit stays with .7, each silent one comes with .05. Two-sided z test of
    # the totals and of the rarest and most frequent unit, false alarm about 1e-5 in all: |z| < 4.9, 120 units: < 5.5.
    n, code = 2000, SDR.from_indices([range(3, 103, 5)], 120)
    seen = np.zeros(120)
    for i in range(n):
        made = noisy(code, 0.3, 0.05, stream(7, f"{i}"))
        assert made == SDR(made.indices, made.indptr, 120)  # sorted, none twice, in range
        seen[made.indices] += 1
    on = code.dense()[0]
    for part, p in ((seen[on], 0.7), (seen[~on], 0.05)):
        spread = np.sqrt(n * p * (1 - p))
        assert abs(part.sum() - n * p * len(part)) < 4.9 * spread * np.sqrt(len(part))
        assert np.abs(part - n * p).max() < 5.5 * spread


def test_noise_at_the_ends():
    code = SDR.from_indices([[0, 3, 7]], 8)
    assert noisy(code, 0, 0, stream(1)) == code
    assert noisy(code, 1, 0, stream(1)).indices.tolist() == []
    assert noisy(code, 0, 1, stream(1)).indices.tolist() == list(range(8))
    assert noisy(code, 1, 1, stream(1)).indices.tolist() == [1, 2, 4, 5, 6]


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan"), "x"])
def test_relay_probabilities_refused(p):
    with pytest.raises(ParameterError, match="p_insert"):
        Relay(8, p_insert=p)
