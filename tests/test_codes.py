"""SDR and as_sdr: laws against dense arrays, and everything that must be refused."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import coo_matrix, csr_matrix

from sdrsim import SDR
from sdrsim.engine.codes import as_sdr
from sdrsim.errors import CodeError

laws = settings(max_examples=50, deadline=None)


@st.composite
def dense_codes(draw, n_least=0):
    """Bool (n, size), some items silent, some full."""
    made = draw(arrays(np.bool_, (draw(st.integers(n_least, 6)), draw(st.integers(1, 150)))))
    for i in range(len(made)):
        made[i] |= draw(st.sampled_from([False, False, True]))
        made[i] &= draw(st.sampled_from([True, True, False]))
    return made


# ---- laws ---------------------------------------------------------------------------------------------------------


@laws
@given(dense_codes())
def test_round_trips(x):
    s = SDR.from_dense(x)
    assert np.array_equal(s.dense(), x)
    assert len(s) == len(x)
    assert s.size == x.shape[1]
    assert s.n_active.tolist() == x.sum(axis=1).tolist()
    assert s.indices.dtype == np.int32
    items = [np.flatnonzero(row) for row in x]
    same = [
        SDR.from_indices(items, s.size),
        SDR.from_csr(csr_matrix(x.astype(np.uint8))),
        SDR.from_csr(s.to_csr()),
        SDR.from_dense(x.astype(np.uint8)),
        SDR(s.indices, s.indptr, s.size),
        pickle.loads(pickle.dumps(s)),
    ]
    assert all(other == s for other in same)
    assert np.array_equal(s.to_csr().toarray(), x)


@laws
@given(dense_codes())
def test_packed_words_hold_the_dense_bits(x):
    words = SDR.from_dense(x).packed()
    assert words.shape == (len(x), -(-x.shape[1] // 64))
    bits = np.unpackbits(
        words.astype("<u8").view(np.uint8).reshape(len(x), 8 * words.shape[1]), axis=1, bitorder="little"
    )
    assert np.array_equal(bits[:, : x.shape[1]], x)
    assert not bits[:, x.shape[1] :].any()


@laws
@given(dense_codes(n_least=1), st.data())
def test_slicing_equals_dense_slicing(x, data):
    s, n = SDR.from_dense(x), len(x)
    ends = st.none() | st.integers(-n - 2, n + 2)
    keys = [
        slice(data.draw(ends), data.draw(ends), data.draw(st.sampled_from([None, 1, 2, 3, -1, -2]))),
        np.array(data.draw(st.lists(st.integers(-n, n - 1), max_size=8)), np.int64),
        data.draw(arrays(np.bool_, n)),
    ]
    for key in keys:
        assert np.array_equal(s[key].dense(), x[key])
        s[key].__class__(s[key].indices, s[key].indptr, s.size)  # still sorted, offsets still fit
    i = data.draw(st.integers(-n, n - 1))
    assert np.array_equal(s[i].dense(), x[i][None])
    assert [item == s[j] for j, item in enumerate(s)] == [True] * n


@laws
@given(dense_codes(), st.data())
def test_overlap_equals_the_dense_formula(x, data):
    y = data.draw(arrays(np.bool_, x.shape))
    one = data.draw(arrays(np.bool_, (1, x.shape[1])))
    s = SDR.from_dense(x)
    assert s.overlap(SDR.from_dense(y)).tolist() == (x & y).sum(axis=1).tolist()
    assert s.overlap(y).dtype == np.int64
    assert s.overlap(SDR.from_dense(one)).tolist() == (x & one).sum(axis=1).tolist()
    assert SDR.from_dense(one).overlap(s).tolist() == (x & one).sum(axis=1).tolist()


@laws
@given(dense_codes(n_least=1), st.data())
def test_equality_is_equality_of_the_dense_codes(x, data):
    y = x.copy()
    y[data.draw(st.integers(0, len(x) - 1)), data.draw(st.integers(0, x.shape[1] - 1))] ^= True
    s = SDR.from_dense(x)
    assert s == SDR.from_dense(x.copy())
    assert s != SDR.from_dense(y)
    assert s != SDR.from_dense(np.pad(x, ((0, 0), (0, 1))))
    assert s != SDR.from_dense(np.pad(x, ((0, 1), (0, 0))))
    assert s != "codes"


@laws
@given(st.lists(st.lists(st.integers(0, 99), unique=True, max_size=20), max_size=6))
def test_unsorted_indices_are_sorted(items):
    s = SDR.from_indices([np.array(i, np.int64) for i in items], 100)
    assert [part.indices.tolist() for part in s] == [sorted(i) for i in items]


@laws
@given(st.lists(dense_codes(), min_size=1, max_size=4))
def test_lists_of_codes_are_joined(parts):
    parts = [np.resize(x, (len(x), 70)) for x in parts]
    assert np.array_equal(as_sdr([SDR.from_dense(x) for x in parts]).dense(), np.concatenate(parts))


def test_output_of_choice_just_works():
    drawn = np.stack([np.random.default_rng(i).choice(50, 7, replace=False) for i in range(5)])
    s = as_sdr(drawn, 50)
    assert np.array_equal(s.indices.reshape(5, 7), np.sort(drawn, axis=1))


# ---- one item, other forms ----------------------------------------------------------------------------------------

ONE = SDR.from_indices([[1, 4]], 6)


@pytest.mark.parametrize(
    "x",
    [
        ONE,
        ONE.dense(),
        ONE.dense()[0],
        ONE.dense().astype(np.uint8),
        ONE.dense()[0].tolist(),
        ONE.to_csr(),
        coo_matrix(ONE.dense()),
        np.array([4, 1]),
        np.array([[4, 1]], np.uint16),
        [4, 1],
        (1, 4),
        [[4, 1]],
        [np.array([1, 4])],
        [ONE.dense()[0]],
    ],
    ids=lambda x: f"{type(x).__name__}-{getattr(x, 'dtype', '')}{getattr(x, 'shape', '')}",
)
def test_one_item_in_every_form(x):
    assert as_sdr(x, 6) == ONE


def test_ragged_lists_and_empty_items():
    s = as_sdr([[3, 1], [], [0]], 4)
    assert [part.indices.tolist() for part in s] == [[1, 3], [], [0]]
    assert len(SDR.from_indices([], 4)) == 0
    assert len(as_sdr(np.zeros((0, 4), bool))) == 0


def test_codes_do_not_change_with_their_source():
    indices, offsets, dense = np.array([1, 2], np.int32), np.array([0, 2], np.int64), np.eye(3, dtype=bool)
    raw, made = SDR(indices, offsets, 8), SDR.from_dense(dense)
    indices[0], offsets[1], dense[0, 1] = 0, 1, True
    assert raw == SDR.from_indices([[1, 2]], 8)
    assert np.array_equal(made.dense(), np.eye(3))


@pytest.mark.parametrize("name", ["indices", "indptr"])
@pytest.mark.parametrize("view", [lambda s: s, lambda s: s[:1], lambda s: pickle.loads(pickle.dumps(s))])
def test_arrays_are_read_only(name, view):
    with pytest.raises(ValueError, match="read-only"):
        getattr(view(SDR.from_indices([[1, 2], [3]], 8)), name)[0] = 5


def test_views_are_kept_and_read_only():
    s = SDR.from_indices([[1, 2]], 8)
    assert s.dense() is s.dense()
    assert s.packed() is s.packed()
    for view in (s.dense(), s.packed()):
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 0


def test_repr_is_short():
    assert repr(ONE) == "SDR(1 item over 6 units, 2.0 active on average)"
    assert repr(SDR.from_indices([], 6)) == "SDR(0 items over 6 units, 0.0 active on average)"
    assert "6 units" in ONE._repr_html_()


def test_unhashable():
    with pytest.raises(TypeError):
        hash(ONE)


# ---- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "size", "message"),
    [
        ([[1, 1]], 6, "an index twice"),
        (np.array([[2, 0, 2]]), 6, "an index twice"),
        ([[6]], 6, "got 6; expected 0 .. 5"),
        ([[-1, 2]], 6, "got -1; expected 0 .. 5"),
        (np.array([[2**40]]), 6, "expected 0 .. 5"),
        (np.array([[2**63]], np.uint64), 6, "expected 0 .. 5"),
        (np.array([[0.0, np.nan]]), 6, "NaN"),
        (np.array([[0.0, 1.0]]), 2, "float64"),
        (np.array([[0, 1, 1, 0]]), 4, "looks dense: pass bool"),
        (np.array([0, 1, 1, 0]), 4, "looks dense: pass bool"),
        ([[0, 1, 1, 0], [0, 0, 0, 1]], 4, "looks dense: pass bool"),
        ([0, 1, 1, 0], 4, "looks dense: pass bool"),
        (np.array([[0, 2, 1]], np.uint8), 3, "binarise"),
        (np.zeros((2, 5), bool), 6, "codes over 5 units"),
        (ONE, 7, "codes over 6 units; expected 7 units"),
        (ONE.to_csr(), 7, "codes over 6 units"),
        (np.array([[1, 2]]), None, "no size"),
        (np.zeros((2, 3, 4), bool), None, "flatten images first"),
        (np.zeros((2, 3, 4), int), 9, "shape"),
        (["a", "b"], 6, "dtype|<U1"),
        ([["a"]], 6, "flat integer array|values"),
        ([[1, 2], [True]], 6, "flat integer|shapes"),
        (np.array([[1 + 2j]]), 6, "complex"),
        (None, 6, "object"),
        (3.5, 6, "float64"),
        ([ONE, SDR.from_indices([[0]], 7)], None, "over 6 and 7 units"),
        ([np.array(3)], 6, "flat integer array"),
        ([[[1], [2, 3]]], 6, "several lengths"),
        ([[0.5], [1]], 6, "float64|flat integer"),
    ],
)
def test_bad_codes_are_refused(x, size, message):
    with pytest.raises(CodeError, match=message) as caught:
        as_sdr(x, size, "cue")
    assert str(caught.value).startswith("cue")


@pytest.mark.parametrize("size", [0, -3, 2**31, 2.0, True, "8", None])
def test_bad_sizes_are_refused(size):
    with pytest.raises(CodeError, match="size"):
        SDR.from_indices([[0]], size)
    with pytest.raises(CodeError, match="size"):
        SDR([0], [0, 1], size)


@pytest.mark.parametrize(
    ("indices", "indptr", "message"),
    [
        ([2, 1], [0, 2], "SDR item 0: got indices unsorted or repeated.*from_indices"),
        ([0, 1, 5, 5], [0, 2, 4], "SDR item 1"),
        ([0, 8], [0, 2], "got 8; expected 0 .. 7"),
        ([-1], [0, 1], "got -1"),
        ([0, 1], [0, 1], "indptr"),
        ([0, 1], [1, 2], "indptr"),
        ([0, 1], [0, 2, 1, 2], "indptr"),
        ([0, 1], [], "indptr"),
        ([0, 1], [0.0, 2.0], "indptr"),
        ([0.0, 1.0], [0, 2], "flat integer array"),
        ([[0, 1]], [0, 2], "flat integer array"),
        ([float("nan")], [0, 1], "flat integer array"),
    ],
)
def test_raw_constructor_insists(indices, indptr, message):
    with pytest.raises(CodeError, match=message):
        SDR(indices, indptr, 8)


def test_raw_constructor_takes_falling_steps_between_items():
    s = SDR([5, 7, 0, 3], [0, 0, 2, 2, 4, 4], 8)
    assert [part.indices.tolist() for part in s] == [[], [5, 7], [], [0, 3], []]


@pytest.mark.parametrize(
    "dense", [np.full((1, 3), np.nan), np.full((1, 3), 2), np.zeros((2, 0), bool), np.array("x"), True]
)
def test_bad_dense_codes_are_refused(dense):
    with pytest.raises(CodeError):
        SDR.from_dense(dense)


@pytest.mark.parametrize("value", [2, 0, -1, float("nan")])
def test_bad_csr_entries_are_refused(value):
    matrix = csr_matrix((np.array([1.0, value]), np.array([0, 2]), np.array([0, 2])), shape=(1, 3))
    with pytest.raises(CodeError, match="CSR data"):
        SDR.from_csr(matrix)


def test_repeated_csr_entries_are_refused():
    with pytest.raises(CodeError):
        SDR.from_csr(csr_matrix((np.ones(2), np.array([1, 1]), np.array([0, 2])), shape=(1, 3)))


@pytest.mark.parametrize("key", [3, -4, np.array([0, 3]), np.array([[0, 1]]), None, "a", 1.5, np.zeros(2, bool)])
def test_bad_items_raise_index_error(key):
    with pytest.raises(IndexError):
        SDR.from_indices([[0], [1], [2]], 4)[key]


def test_overlap_of_unequal_numbers_is_refused():
    with pytest.raises(CodeError, match="2 and 3 items"):
        SDR.from_indices([[0], [1]], 4).overlap(SDR.from_indices([[0], [1], [2]], 4))
    with pytest.raises(CodeError, match="expected 4 units"):
        SDR.from_indices([[0]], 4).overlap(SDR.from_indices([[0]], 5))
