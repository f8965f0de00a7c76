"""Sequences: free runs against plain NumPy, exact while margins hold, the pseudo-inverse, streams, laws of a memory."""

import numpy as np
import pytest
from laws.memory_laws import check_memory_laws

from sdrsim import SDR, patterns
from sdrsim.engine.memory import Memory
from sdrsim.errors import CodeError, FileFormatError, ParameterError, SdrsimError
from sdrsim.models.hopfield import entmax, theory
from sdrsim.models.hopfield.duals import Duals
from sdrsim.models.hopfield.sequences import SequenceMemory


def normal(n, d, seed):
    return np.random.default_rng(seed).standard_normal((n, d))


def walk(n, d, seed, share=0.1):
    """Frames of -1 and 1, each the last with some signs turned: neighbours are alike."""
    turns = np.random.default_rng(seed).random((n, d)) < share
    turns[0] = np.random.default_rng(seed + 1000).random(d) < 0.5
    return np.where(np.cumsum(turns, axis=0) % 2, 1.0, -1.0)


def hop(n_sequences, length, d, seed):
    return normal(n_sequences * length, d, seed).reshape(n_sequences, length, d)


CASES = {
    "plain": {"beta": 0.5},
    "softmax": {"beta": 0.2, "alpha": 1.0},
    "pseudo-inverse": {"beta": 0.5, "pseudo_inverse": True},
    "float64, sign": {"beta": 0.3, "dtype": "float64", "activation": "sign"},
    "nearest, l2": {"alpha": float("inf"), "similarity": "l2"},
}


@pytest.mark.parametrize("name", CASES)
def test_the_laws_of_a_memory_of_sequences(name):
    x = hop(7, 4, 12, 1)
    make = lambda: SequenceMemory(**CASES[name])  # noqa: E731
    assert isinstance(make(), Memory)
    bad = [np.where(x[:2] == x[0, 1, 1], np.nan, x[:2]), x[:, :, :5], np.full((2, 12), np.inf)]
    check_memory_laws(make, x, x[:, 0] + 0.1 * normal(7, 12, 2), bad=bad, n_steps=5)


def test_the_laws_where_frames_are_codes():
    x = patterns.random_sparse(28, 60, 6, seed=1)
    sequences = [x[4 * i : 4 * i + 4] for i in range(7)]
    bad = [np.zeros((2, 61), np.bool_), SDR.from_indices([[1]], 61), np.full((2, 60), np.nan)]
    for more in ({}, {"pseudo_inverse": True}):
        make = lambda: SequenceMemory(beta=1.0, **more)  # noqa: B023, E731
        check_memory_laws(make, sequences, x[::4], bad=bad, n_steps=5)


# ---- runs ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.0, 1.3, 1.5, 2.0, float("inf")])
@pytest.mark.parametrize("pseudo", [False, True])
def test_a_run_equals_its_twin(alpha, pseudo):
    parts, cues = [normal(5, 9, 1), normal(3, 9, 2), normal(1, 9, 3)], normal(6, 9, 4)
    m = SequenceMemory(beta=0.4, alpha=alpha, pseudo_inverse=pseudo, dtype="float64")
    m.store(parts)
    keys = np.concatenate(parts)
    values = np.concatenate([np.concatenate([p[1:], p[-1:]]) for p in parts])
    np.testing.assert_array_equal(m.keys, keys)
    scores = np.linalg.pinv(keys).T * (keys**2).sum() / len(keys) if pseudo else keys
    run, x = m.recall(cues, n_steps=7), cues
    place = 0
    for step in range(7):
        p = entmax(0.4 * x @ scores.T, alpha)
        x = p @ values
        np.testing.assert_allclose(run.states[:, step], x, atol=1e-9)
        for q in range(6):
            place = q * 7 + step
            np.testing.assert_array_equal(run.support[place].indices, np.flatnonzero(p[q] > 0))
            here = slice(run.support.indptr[place], run.support.indptr[place + 1])
            np.testing.assert_allclose(run.weights[here], p[q][p[q] > 0], atol=1e-9)


def test_where_the_margin_holds_along_a_sequence_it_is_exact_to_the_last_bit():
    """Every key leads by 1 / (beta (alpha - 1)): at any length, from the first frame or near it."""
    for alpha, beta in ((1.5, 0.2), (2.0, 0.1), (1.2, 0.5)):
        x = normal(300, 200, 7)
        lead = theory.separations(x).min()
        assert lead > 1.01 * theory.exact_retrieval_separation(beta, alpha)
        m = SequenceMemory(beta=beta, alpha=alpha)
        m.store(x)
        near = exact = theory.exact_retrieval_radius(lead, beta, alpha, np.linalg.norm(x, axis=1).max())
        off = normal(1, 200, 8)
        cue = x[0] + 0.99 * near * off[0] / np.linalg.norm(off)
        assert exact > 0.1
        for start in (x[0], cue):
            run = m.recall(start, n_steps=310)
            np.testing.assert_array_equal(run.states[:299], x[1:].astype(np.float32))
            assert run.length(np.concatenate([x[1:], np.repeat(x[-1:], 11, axis=0)]), tolerance=1e-7).tolist() == [310]
            assert run.converged.tolist() == [True]
            assert run.iterations.tolist() == [300]
            assert (run.weights == 1).all()
    dense = SequenceMemory(beta=0.01, alpha=1.0)  # softmax at a small beta: a mean of many
    dense.store(x)
    assert dense.recall(x[0], n_steps=299).length(x[1:]).tolist() == [0]


def test_no_link_leads_from_one_sequence_to_the_next():
    x = hop(4, 6, 50, 3)
    m, one_by_one = SequenceMemory(beta=1.0), SequenceMemory(beta=1.0)
    m.store(x)
    for part in x:
        one_by_one.store(part)
    assert m.n_stored == one_by_one.n_stored == 4
    assert m.n_links == m.n_frames == 24
    run = m.recall(x[:, 0], n_steps=9)
    for q in range(4):
        np.testing.assert_array_equal(run.states[q, :5], x[q, 1:].astype(np.float32))
        np.testing.assert_array_equal(run.states[q, 5:], np.repeat(x[q, -1:], 4, axis=0).astype(np.float32))
    np.testing.assert_array_equal(run.states, one_by_one.recall(x[:, 0], n_steps=9).states)


def test_a_cycle_goes_round():
    x = normal(5, 40, 1)
    for pseudo in (False, True):
        m = SequenceMemory(beta=1.0, pseudo_inverse=pseudo)
        m.store(x, cyclic=True)
        run = m.recall(x[2], n_steps=12)
        assert run.length(x[(3 + np.arange(12)) % 5]).tolist() == [12]
        assert not run.converged[0]


@pytest.mark.parametrize("pseudo", [False, True])
def test_a_stream_in_pieces_is_the_whole_sequence(pseudo):
    x, other = normal(9, 30, 1), normal(4, 30, 2)
    whole, pieces = (SequenceMemory(beta=1.0, pseudo_inverse=pseudo) for _ in range(2))
    whole.store([x, other], cyclic=True)
    assert pieces.store(x[:1], end=False).n_items == 1
    with pytest.raises(ParameterError, match="no link"):
        pieces.recall(x[0])
    pieces.store(x[1:4], end=False)
    assert pieces.store(x[4:4], end=False).n_frames == 0
    assert pieces.store(x[4:], cyclic=True).n_items == 0
    pieces.store(other, cyclic=True)
    a, b = (m.recall(np.concatenate([x, other]), n_steps=10) for m in (whole, pieces))
    np.testing.assert_array_equal(a.states, b.states)
    assert whole.n_stored == pieces.n_stored == 2
    assert whole.n_bytes == pieces.n_bytes
    held = SequenceMemory(beta=1.0, pseudo_inverse=pseudo)
    held.store(x[:5], end=False)
    loaded = SequenceMemory.from_state(held.state())  # in the middle of a sequence
    for m in (held, loaded):
        m.store(x[5:])
    np.testing.assert_array_equal(held.recall(x, n_steps=9).states, loaded.recall(x, n_steps=9).states)
    assert held.recall(x[0], n_steps=8).length(x[1:]).tolist() == [8]


def test_codes_stay_codes():
    x = patterns.random_sparse(40, 100, 8, seed=1)
    m = SequenceMemory(beta=1.0)
    m.store(x)
    run = m.recall(patterns.erase(x[:3], 0.2, seed=2), n_steps=5)
    assert run.codes == SDR.from_indices(
        np.concatenate([x[q + 1 : q + 6].indices.reshape(5, 8) for q in range(3)]), 100
    )
    assert run.states.shape == (3, 5, 100)
    assert run.length(run.codes).tolist() == [5, 5, 5]
    wrong = run.codes.dense().copy()
    wrong[7, 3] ^= True  # the third frame of the second run
    assert run.length(wrong).tolist() == [5, 2, 5]
    with pytest.raises(CodeError):
        m.recall(np.ones(100))
    with pytest.raises(ParameterError):
        run.length(x[:4])


def test_the_length_ends_at_the_first_error():
    x = normal(10, 60, 1)
    m = SequenceMemory(beta=1.0)
    m.store(x)
    run = m.recall(x[:2], n_steps=4)
    truth = np.stack([x[1:5], x[2:6]])
    assert run.length(truth).tolist() == [4, 4]
    truth[0, 0, 3] += 0.1
    truth[1, 2] = 0
    assert run.length(truth).tolist() == [0, 2]
    assert run.length(truth, tolerance=0.1).tolist() == [4, 2]


# ---- pseudo-inverse -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 20, 40, 41, 90])
def test_duals_are_the_pseudo_inverse(n):
    from sdrsim.engine.traffic import Traffic

    x, duals = normal(n, 40, n), Duals(40)
    duals.append(x, x, Traffic(), False)
    scale = np.abs(np.linalg.pinv(x)).max()
    np.testing.assert_allclose(duals.duals, np.linalg.pinv(x).T, atol=1e-9 * scale)
    twice = Duals(40)
    twice.append(np.concatenate([x, x[:3]]), np.zeros((n + min(3, n), 40)), Traffic(), False)
    want = np.linalg.pinv(twice.keys).T
    np.testing.assert_allclose(twice.duals, want, atol=1e-9 * np.abs(want).max())


def test_alike_frames_are_told_apart_by_the_pseudo_inverse():
    """Neighbours share 95 % of their signs: without it keys do not lead by the margin, with it all lead alike."""
    x = walk(60, 120, 3, 0.05)
    plain, pseudo = (SequenceMemory(beta=0.1, pseudo_inverse=p) for p in (False, True))
    assert theory.separations(x).min() < theory.exact_retrieval_separation(0.1, 1.5) < 120
    for m in (plain, pseudo):
        m.store(x)
    lengths = [m.recall(x[0], n_steps=59).length(x[1:])[0] for m in (plain, pseudo)]
    assert lengths[1] == 59
    assert lengths[0] < 59
    np.testing.assert_allclose(pseudo.scores(x), 120 * np.eye(60), atol=1e-2)
    np.testing.assert_allclose(plain.scores(x), x @ x.T)


# ---- ledger, files, refusals --------------------------------------------------------------------------------------


def test_the_ledger_of_duals():
    x = normal(6, 10, 1)
    m = SequenceMemory(beta=1.0, pseudo_inverse=True)
    stored = m.store(x, trace=True).traffic
    n_old = sum(range(6))
    assert stored.get("keys", "learn", "rows_read") == 2 * n_old
    assert stored.get("duals", "learn", "rows_read") == 3 * n_old
    assert stored.get("duals", "learn", "words_written") == (n_old + 6) * 10
    assert list(stored.tensors) == ["keys", "duals", "successors"]
    reads = [int(((stored.trace["tensor"] == t) & ~stored.trace["write"]).sum()) for t in range(3)]
    writes = [int(((stored.trace["tensor"] == t) & stored.trace["write"]).sum()) for t in range(3)]
    assert (reads, writes) == ([2 * n_old, 3 * n_old, 0], [6, n_old + 6, 6])
    run = m.recall(x[0], n_steps=20)
    assert run.iterations.tolist() == [6]  # at rest it is not asked again
    assert run.traffic.get("values", "retrieve", "rows_read") == 6


def test_functions_of_ones_own():
    x = normal(8, 20, 1)
    nearest = lambda s: (s == s.max(axis=1, keepdims=True)).astype(float)  # noqa: E731
    m = SequenceMemory(beta=1.0, separation=nearest, activation=lambda s: s * 1.0)
    m.store(x)
    run = m.recall(x[0], n_steps=7)
    assert run.length(x[1:]).tolist() == [7]
    assert run.path == "portable"
    with pytest.raises(FileFormatError):
        SequenceMemory.from_state(m.state())
    for bad in (lambda s: s[:, :3], lambda s: s * np.nan):
        other = SequenceMemory(beta=1.0, activation=bad)
        other.store(x)
        with pytest.raises(ParameterError, match="activation"):
            other.recall(x[0])


def test_what_is_refused():
    with pytest.raises(ParameterError):
        SequenceMemory(similarity="l2", pseudo_inverse=True)
    for bad in ({"alpha": 0.5}, {"activation": "relu"}, {"pseudo_inverse": 3}, {"k": 2}):
        with pytest.raises(ParameterError):
            SequenceMemory(**bad)
    m = SequenceMemory(beta=1.0)
    with pytest.raises(ParameterError, match="no link"):
        m.recall(np.zeros(3))
    m.store(normal(4, 6, 1))
    for bad in ({"n_steps": 0}, {"first_item": -1}, {"seed": -1}):
        with pytest.raises(ParameterError):
            m.recall(np.zeros(6), **bad)
    before = m.state()
    for wrong in ([normal(4, 6, 1), normal(4, 5, 1)], np.zeros((2, 2, 2, 2)), "frames"):
        with pytest.raises(SdrsimError):
            m.store(wrong)
    assert m.n_links == 4
    assert before["n_frames"] == m.n_frames
    with pytest.raises(FileFormatError):
        SequenceMemory(beta=2.0).restore(m.state())
