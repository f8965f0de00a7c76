"""Binary synapses and delta sums against dense integer arithmetic."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim import SDR
from sdrsim.engine.synapses import BinarySynapses, DeltaSums, SynapseStore
from sdrsim.engine.traffic import TRACE, Tensor
from sdrsim.errors import CodeError, FileFormatError, ParameterError
from sdrsim.files.state import load_state, save_state

N_PRE, N_POST = 40, 70
inputs = st.sets(st.integers(0, N_PRE - 1), max_size=12).map(sorted)
units = st.sets(st.integers(0, N_POST - 1), max_size=9).map(sorted)
N_WIDE = 7 * 64 - 3
wide_units = st.sets(st.integers(0, N_WIDE - 1), max_size=4).map(sorted)
STORES = [BinarySynapses, lambda *sizes: DeltaSums(BinarySynapses(*sizes))]


def code(indices, size):
    return SDR.from_indices([indices], size)


def counted(store, phase):
    names = ("rows_read", "words_read", "words_written", "words_silent", "synops", "sums")
    return {name: store.traffic.get("synapses", phase, name) for name in names}


@pytest.mark.parametrize("make", STORES)
@given(lessons=st.lists(st.tuples(inputs, units), max_size=6), cues=st.lists(inputs, max_size=6))
def test_sums_and_learning_are_those_of_a_dense_matrix(make, lessons, cues):
    store, dense = make(N_PRE, N_POST), np.zeros((N_PRE, N_POST), int)
    assert isinstance(store, SynapseStore)
    for pre, post in lessons:
        store.learn(code(pre, N_PRE), code(post, N_POST))
        dense[np.ix_(pre, post)] = 1
        for cue in cues:
            np.testing.assert_array_equal(store.sums(code(cue, N_PRE)), dense[cue].sum(axis=0))
    assert store.density == pytest.approx(dense.mean())
    np.testing.assert_array_equal(store.rows(np.arange(N_PRE, dtype=np.int32)), dense.astype(bool))


@given(lessons=st.lists(st.tuples(inputs, wide_units), min_size=1, max_size=6))
def test_learning_counts_the_rows_and_words_it_touches(lessons):
    """Words that hold an active unit, or all of a row when these are a third of it."""
    store, rows, words, synops, silent = BinarySynapses(N_PRE, N_WIDE), 0, 0, 0, 0
    for pre, post in lessons:
        before = store.words.copy()
        store.learn(code(pre, N_PRE), code(post, N_WIDE))
        rows += len(pre)
        n_used = len({u // 64 for u in post})
        touched = len(pre) * (n_used if 3 * n_used < 7 else 7)
        words += touched
        silent += touched - int((store.words != before).sum())
        synops += len(pre) * len(post)
    moved = {"words_read": words, "words_written": words, "words_silent": silent}
    assert counted(store, "learn") == {"rows_read": rows, **moved, "synops": synops, "sums": 0}


def test_what_is_known_is_stored_silently():
    store = BinarySynapses(N_PRE, N_POST)
    store.learn([[1, 2, 3]], [[5, 66]])
    store.learn([[1, 2, 3]], [[5, 66]])
    assert store.traffic.get("synapses", "learn", "words_silent") == 6
    store.write(np.array([1, 4], np.int32), store.rows(np.array([1, 2], np.int32)))
    assert store.traffic.get("synapses", "learn", "words_silent") == 8
    assert store.traffic.get("synapses", "learn", "words_written") == 16


@given(cues=st.lists(inputs, min_size=1, max_size=8))
def test_delta_sums_read_only_rows_that_switched_when_these_are_fewer(cues):
    store, expected, before = DeltaSums(BinarySynapses(N_PRE, N_POST)), 0, None
    for cue in cues:
        store.sums(code(cue, N_PRE))
        switched = len(set(cue) ^ before) if before is not None else len(cue)
        expected += min(switched, len(cue))
        before = set(cue)
    assert counted(store, "retrieve") == {
        "rows_read": expected,
        "words_read": 2 * expected,
        "words_written": 0,
        "words_silent": 0,
        "synops": N_POST * expected,
        "sums": N_POST * len(cues),
    }


def test_delta_sums_notice_whoever_changes_the_synapses():
    below = BinarySynapses(N_PRE, N_POST)
    store = DeltaSums(below)
    store.learn([[1, 2, 3]], [[5]])
    assert store.sums([[1, 2, 3]])[5] == 3
    below.learn([[1]], [[6]])
    assert store.sums([[1, 2, 3]])[6] == 1
    below.write(np.array([1], np.int32), np.zeros((1, N_POST), bool))
    assert store.sums([[1, 2, 3]])[5] == 2
    below.reset()
    assert store.sums([[1, 2, 3]]).sum() == 0
    below.restore(BinarySynapses(N_PRE, N_POST).state())
    below.learn([[1]], [[6]])
    assert store.sums([[1, 2, 3]])[6] == 1


def test_the_sums_given_are_the_callers_own():
    store = DeltaSums(BinarySynapses(N_PRE, N_POST))
    store.learn([[1, 2, 3]], [[5]])
    store.sums([[1, 2, 3]])[:] = 99
    assert store.sums([[1, 2, 3]])[5] == 3


@pytest.mark.parametrize("make", STORES)
@given(lesson=st.tuples(inputs, units), cue=inputs)
def test_state_through_a_file_goes_on_alike(tmp_path_factory, make, lesson, cue):
    store = make(N_PRE, N_POST)
    store.learn(code(lesson[0], N_PRE), code(lesson[1], N_POST))
    store.sums(code(cue, N_PRE))
    path = save_state(tmp_path_factory.mktemp("s") / "s.h5", "synapses", store.state())
    for twin in (make(N_PRE, N_POST), type(store).from_state(store.state())):
        twin.restore(load_state(path, "synapses"))
        np.testing.assert_array_equal(twin.sums(code(cue, N_PRE)), store.sums(code(cue, N_PRE)))
        assert twin.density == store.density
        assert counted(twin, "retrieve")["rows_read"] == counted(store, "retrieve")["rows_read"]
        store.restore(load_state(path, "synapses"))


def test_bytes_are_told_before_they_are_taken():
    store = BinarySynapses(2**30, 2**30)
    assert store.n_bytes == 2**57 + 2**27  # one more row, of zeros
    assert store.density == 0
    assert DeltaSums(store).n_bytes == store.n_bytes + 4 * 2**30
    small = BinarySynapses(N_PRE, N_POST)
    small.allocate()
    assert small._rows().nbytes == small.n_bytes


@pytest.mark.parametrize("make", STORES)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda store: pickle.loads(pickle.dumps(store))])
def test_copies_go_on_alone(make, copied):
    store = make(N_PRE, N_POST)
    assert copied(store).density == 0
    store.learn([[1, 2]], [[3, 69]])
    store.sums([[1, 2, 5]])
    twin = copied(store)
    np.testing.assert_array_equal(twin.sums([[1, 2, 5]]), store.sums([[1, 2, 5]]))
    twin.learn([[1]], [[4]])
    assert (store.sums([[1]])[4], twin.sums([[1]])[4]) == (0, 1)


@pytest.mark.parametrize("n_active", [15, 16, 127, 128, 1023, 1024, 65535, 65536, 70000])
def test_sums_of_many_rows(n_active):
    store = BinarySynapses(70000, 3)
    store.learn([range(70000)], [[1]])
    store.learn([range(0, 70000, 2)], [[2]])
    assert store.sums([range(n_active)]).tolist() == [0, n_active, (n_active + 1) // 2]


def test_sums_of_units_at_the_end_of_the_last_row():
    rng = np.random.default_rng(5)
    for n_post in (1, 63, 64, 65, 511, 512, 513, 1030):
        dense = rng.random((9, n_post)) < 0.5
        store = BinarySynapses(9, n_post)
        store.write(np.arange(9, dtype=np.int32), dense)
        np.testing.assert_array_equal(store.sums([range(9)]), dense.sum(axis=0))
        np.testing.assert_array_equal(store.sums([[8]]), dense[8])


@pytest.mark.parametrize("make", STORES)
@given(lessons=st.lists(st.tuples(inputs, units), max_size=5), cues=st.lists(inputs, max_size=5))
def test_a_trace_names_every_row_that_is_counted(make, lessons, cues):
    store = make(N_PRE, N_POST)
    store.learn([[1]], [[2]])
    assert store.take_trace() is None
    before, store.tracing = counted(store, "learn")["rows_read"], True
    for i, (pre, post) in enumerate(lessons):
        store.learn(code(pre, N_PRE), code(post, N_POST))
        store.write(np.array(pre, np.int32), np.zeros((len(pre), N_POST), bool))
        for cue in cues[i:]:
            store.sums(code(cue, N_PRE))
    moved = store.take_trace()
    trace = np.zeros(0, TRACE) if moved is None else moved.trace
    assert trace["write"].sum() == counted(store, "learn")["rows_read"] - before
    assert (~trace["write"]).sum() == counted(store, "retrieve")["rows_read"]
    assert trace["row"][trace["write"]].tolist() == [row for pre, _ in lessons for row in (*pre, *pre)]
    assert store.take_trace() is None


def test_a_trace_shows_the_order_and_the_rows_that_switched():
    store = DeltaSums(BinarySynapses(N_PRE, N_POST))
    store.tracing = True
    store.sums([[1, 2, 3]])
    store.sums([[2, 3, 4]])
    store.learn([[5, 6]], [[1]])
    moved = store.take_trace()
    assert moved.trace["row"].tolist() == [1, 2, 3, 4, 1, 5, 6]
    assert moved.trace["write"].tolist() == [False] * 5 + [True] * 2
    assert moved.tensors == store.traffic.tensors == {"synapses": Tensor(N_PRE, 16)}


@pytest.mark.parametrize("sizes", [(0, 4), (4, 0), (2.5, 4), (True, 4), (4, 2**31), ("4", 4)])
def test_sizes_refused(sizes):
    with pytest.raises(ParameterError, match="n_p"):
        BinarySynapses(*sizes)


@pytest.mark.parametrize("make", STORES)
def test_refused_calls_change_nothing(make):
    store = make(N_PRE, N_POST)
    store.learn([[1, 2]], [[3]])
    before, traffic = store.rows(np.arange(N_PRE)).copy(), counted(store, "learn")
    for pre, post in [
        ([[1, N_PRE]], [[3]]),
        ([[1]], [[N_POST]]),
        ([[1], [2]], [[3]]),
        ([[1]], SDR.from_indices([[1]], 3)),
    ]:
        with pytest.raises(CodeError):
            store.learn(pre, post)
    for rows in (np.zeros((1, N_POST)), np.zeros((2, N_POST), bool)):
        with pytest.raises(CodeError, match="rows to write"):
            store.write(np.array([1], np.int32), rows)
    with pytest.raises(CodeError):
        store.sums([[-1]])
    np.testing.assert_array_equal(store.rows(np.arange(N_PRE)), before)
    assert counted(store, "learn") == traffic
    with pytest.raises(FileFormatError):
        store.restore(make(N_PRE + 1, N_POST).state())
