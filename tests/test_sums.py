"""Dendritic sums: cached and far rows, batches, counts of both widths and any matrix, against dense sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import sums_reference as reference

from sdrsim.kernels import bits, portable, sums

some = settings(max_examples=25, deadline=None)
N_ROWS = 40


def a_matrix(n_words, seed, density=0.5, n_rows=N_ROWS):
    """(dense, packed); the first row is full, so that the largest sum is reached where it repeats."""
    dense = np.random.default_rng(seed).random((n_rows, 64 * n_words)) < density
    dense[0] = True
    return dense, bits.pack_rows(dense)


def queries_of(lengths, n_rows, seed):
    """(list of rows per query, indptr, indices) as an SDR holds them; rows may repeat here."""
    rng = np.random.default_rng(seed)
    queries = [np.sort(rng.integers(0, n_rows, n)).astype(np.int32) for n in lengths]
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return queries, indptr, np.concatenate([*queries, np.zeros(0, np.int32)]).astype(np.int32)


def table_of(matrix, rows):
    table = np.zeros(len(rows) + sums.GROUP, np.uint64)
    return table, sums.address_rows(matrix, 0, rows, table)


@pytest.mark.parametrize("n_words", [1, 8, 23, 33, 64 * 8 + 9, 131 * 8])  # four at a time, the rest; one tile, two
@pytest.mark.parametrize(("n_planes", "n_rows"), [(4, 15), (7, 0), (7, 24), (7, 127), (10, 200), (16, 1032)])
def test_far_rows_give_the_planes_of_near_ones(n_words, n_planes, n_rows):
    _, matrix = a_matrix(n_words, n_rows)
    rows = queries_of([n_rows], N_ROWS, 1)[0][0]
    rows[: n_rows // 2] = 0
    table, n_groups = table_of(matrix, rows)
    near, far, plain = (np.full(((n_words + 7) // 8, n_planes, 8), 7, np.uint64) for _ in range(3))
    sums.row_planes(table, n_groups, n_planes, near)
    sums.far_row_planes(table, n_groups, n_planes, far)
    portable.row_planes(matrix, rows.astype(np.int64), plain)
    used = np.arange(8 * len(near)).reshape(-1, 1, 8) < n_words  # the rest holds what was read beyond the row
    assert np.array_equal(near, far)
    assert np.array_equal(near * used, plain)


@given(
    n_words=st.integers(1, 20), lengths=st.lists(st.integers(0, 140), min_size=0, max_size=6), seed=st.integers(0, 99)
)
@some
def test_batches_of_planes_and_counts(n_words, lengths, seed):
    dense, matrix = a_matrix(n_words, seed)
    queries, indptr, indices = queries_of(lengths, N_ROWS, seed)
    expected = reference.counts_batch(dense, queries)
    planes = np.full((len(lengths), (n_words + 7) // 8, 10, 8), 7, np.uint64)
    sums.sum_planes_batch(matrix, indptr, indices, planes)
    for made, sought in zip(planes, expected):
        assert np.array_equal(reference.of_planes(made, 64 * n_words), sought)
    for dtype in (np.uint8, np.uint16):
        counts = np.full((len(lengths), 64 * n_words), 9, dtype)
        sums.sum_counts_batch(matrix, indptr, indices, counts)
        assert np.array_equal(counts, expected)


@pytest.mark.parametrize(("n_words", "n_rows"), [(88, 1600), (600, 260)])  # 1.1 and 1.2 MB: rows come from afar
@pytest.mark.parametrize("longest", [15, 100, 300])
def test_batches_over_more_rows_than_the_cache_holds(n_words, n_rows, longest):
    dense, matrix = a_matrix(n_words, longest, n_rows=n_rows)
    lengths = [longest] * (n_rows // longest + 1)
    queries, indptr, indices = queries_of(lengths, n_rows, 3)
    assert sums.is_far(matrix, len(indices))
    counts = np.zeros((len(lengths), 64 * n_words), np.uint16)
    sums.sum_counts_batch(matrix, indptr, indices, counts)
    planes = np.zeros((len(lengths), (n_words + 7) // 8, sums.planes_for(longest), 8), np.uint64)
    sums.sum_planes_batch(matrix, indptr, indices, planes)
    for q in (0, len(lengths) - 1):
        expected = dense[queries[q]].sum(axis=0)
        assert np.array_equal(counts[q], expected)
        assert np.array_equal(reference.of_planes(planes[q], 64 * n_words), expected)


@given(cut=st.integers(0, 6), seed=st.integers(0, 99))
@some
def test_any_split_of_a_batch_gives_the_same(cut, seed):
    _, matrix = a_matrix(9, seed)
    _, indptr, indices = queries_of([20, 0, 127, 3, 64, 9], N_ROWS, seed)
    whole, parts = np.zeros((2, 6, 64 * 9), np.uint16)
    sums.sum_counts_batch(matrix, indptr, indices, whole)
    sums.sum_counts_batch(matrix, indptr[: cut + 1], indices, parts[:cut])
    sums.sum_counts_batch(matrix, indptr[cut:], indices, parts[cut:])
    assert np.array_equal(whole, parts)


@pytest.mark.parametrize("n_rows", [15, 127, 255])
def test_bytes_hold_the_largest_count(n_rows):
    matrix = bits.pack_rows(np.ones((1, 70), bool))
    indptr, indices = np.array([0, n_rows]), np.zeros(n_rows, np.int32)
    counts = np.zeros((1, 128), np.uint8)
    sums.sum_counts_batch(matrix, indptr, indices, counts)
    assert counts[0].tolist() == [n_rows] * 70 + [0] * 58


@pytest.mark.parametrize("size", [1, 2])
def test_expansion_agrees_with_its_twin(size):
    rng = np.random.default_rng(size)
    for n_planes in sums.PLANES[: 3 if size == 1 else 4]:
        planes = rng.integers(0, 2**64, (2, n_planes, 8), np.uint64)
        planes[:, 8 * size :] = 0
        vector, plain = np.zeros((2, 64 * 13), f"u{size}")
        sums.expand_planes(planes, 13, vector)
        portable.expand(planes[0], 8, plain[:512])
        portable.expand(planes[1], 5, plain[512:])
        assert np.array_equal(vector, plain)
        assert np.array_equal(vector, reference.of_planes(planes, 64 * 13))


# ---- any matrix -----------------------------------------------------------------------------------------------------


@given(n_words=st.integers(1, 20), n=st.integers(0, 300), seed=st.integers(0, 99))
@some
def test_counts_of_a_matrix_among_other_data(n_words, n, seed):
    """Rows of a larger array, all ones around them: nothing beyond a row counts, and no row of zeros is needed."""
    dense, packed = a_matrix(n_words, seed)
    around = np.full((N_ROWS + 2, n_words + 3), bits.ALL_BITS)
    words = around[1:-1, 2 : 2 + n_words]
    words[:] = packed[:-1]
    rows = np.random.default_rng(seed).integers(0, N_ROWS, n).astype(np.int32)
    n_units = 64 * n_words - seed % 64
    counts = sums.dendritic_counts(words, rows, n_units)
    assert counts.dtype == np.int32
    assert np.array_equal(counts, reference.counts(dense, rows)[:n_units])


def test_counts_beyond_16_bits():
    words = np.array([[1], [3]], np.uint64)
    rows = np.zeros(70_001, np.int32)
    rows[-1] = 1
    assert sums.dendritic_counts(words, rows, 3).tolist() == [70_001, 1, 0]


# ---- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [-1, N_ROWS, 2**31 - 1])
def test_an_index_without_a_row_is_refused(bad):
    _, matrix = a_matrix(3, 0)
    indptr, indices = np.array([0, 2]), np.array([1, bad], np.int32)
    counts, planes = np.full((1, 192), 5, np.uint16), np.full((1, 1, 4, 8), 5, np.uint64)
    with pytest.raises(ValueError, match="outside the matrix"):
        sums.sum_counts_batch(matrix, indptr, indices, counts)
    with pytest.raises(ValueError, match="outside the matrix"):
        sums.sum_planes_batch(matrix, indptr, indices, planes)
    with pytest.raises(ValueError, match="outside the matrix"):
        sums.dendritic_counts(matrix[:-1], indices, 192)
    assert (counts == 5).all()
    assert (planes == 5).all()


@pytest.mark.parametrize("indptr", [[0, 3, 2], [0, 1, 4], [-1, 1, 2], [0, 2]])
def test_offsets_that_do_not_fit_are_refused(indptr):
    _, matrix = a_matrix(3, 0)
    with pytest.raises(ValueError, match="offsets"):
        sums.sum_counts_batch(matrix, np.array(indptr), np.array([1, 2, 3], np.int32), np.zeros((2, 192), np.uint16))


@pytest.mark.parametrize("shape", [(1, 2, 7, 8), (1, 1, 7, 7), (1, 1, 5, 8), (1, 1, 4, 8)])
def test_planes_of_a_wrong_shape_or_too_few_are_refused(shape):
    _, matrix = a_matrix(3, 0)
    with pytest.raises(ValueError, match="planes"):
        sums.sum_planes_batch(matrix, np.array([0, 16]), np.arange(16, dtype=np.int32), np.zeros(shape, np.uint64))


def test_counts_that_cannot_hold_the_sums_are_refused():
    _, matrix = a_matrix(3, 0)
    indptr, indices = np.array([0, 256]), np.zeros(256, np.int32)
    for counts, why in (
        (np.zeros((1, 192), np.uint8), "too many active"),
        (np.zeros((1, 191), np.uint16), "contiguous"),
        (np.zeros((1, 192), np.uint32), "contiguous"),
        (np.zeros((1, 384), np.uint16)[:, ::2], "contiguous"),
    ):
        with pytest.raises(ValueError, match=why):
            sums.sum_counts_batch(matrix, indptr, indices, counts)
        assert not counts.any()
