"""Bit matrices: layout, ways in and out, counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from reference.bits_reference import pack, planes_of, unpack

from sdrsim.kernels import bits

quick = settings(max_examples=30, deadline=None)
dense_rows = hnp.arrays(np.bool_, st.tuples(st.integers(0, 5), st.integers(0, 200)))
words = hnp.arrays(np.uint64, st.integers(0, 6), elements=st.integers(0, 2**64 - 1))


@given(dense_rows)
@quick
def test_packing_puts_unit_c_in_bit_c(dense):
    matrix = bits.pack_rows(dense)
    assert matrix.dtype == np.uint64
    assert matrix.shape == (len(dense) + 1, bits.n_words(dense.shape[1]))
    np.testing.assert_array_equal(matrix[:-1], pack(dense))
    assert not matrix[-1].any()


@given(dense_rows)
@quick
def test_unpacking_undoes_packing(dense):
    matrix = bits.pack_rows(dense)
    np.testing.assert_array_equal(bits.unpack_rows(matrix[:-1], dense.shape[1]), dense)
    np.testing.assert_array_equal(bits.unpack_rows(matrix[:-1], dense.shape[1]), unpack(matrix[:-1], dense.shape[1]))
    np.testing.assert_array_equal(bits.unpack_rows(matrix[-1], dense.shape[1]), np.zeros(dense.shape[1], bool))


@pytest.mark.parametrize(("n_rows", "n_words"), [(0, 0), (0, 3), (1, 1), (7, 5), (100, 16), (3, 0)])
def test_a_bit_matrix_is_aligned_zero_and_may_be_read_past_its_end(n_rows, n_words):
    matrix = bits.bit_matrix(n_rows, n_words)
    assert matrix.shape == (n_rows + 1, n_words)
    assert matrix.flags.c_contiguous
    assert matrix.flags.writeable
    assert not matrix.any()
    assert matrix.ctypes.data % 64 == 0 or matrix.size == 0
    buffer = matrix
    while isinstance(buffer.base, np.ndarray):
        buffer = buffer.base
    if matrix.size:
        end = matrix.ctypes.data + matrix.nbytes
        assert buffer.ctypes.data + buffer.nbytes >= end + 8 * bits.SLACK_WORDS


@pytest.mark.parametrize("size", [(-1, 2), (2, -1), (-1, -1)])
def test_negative_sizes_are_refused(size):
    with pytest.raises(ValueError, match="sizes must be >= 0"):
        bits.bit_matrix(*size)


@given(words)
@quick
def test_counting_bits(some_words):
    expected = sum(int(w).bit_count() for w in some_words)
    assert bits.count_bits(some_words) == expected
    assert sum(int(bits.popcount(w)) for w in some_words) == expected


@given(words)
@quick
def test_words_to_indices_and_back(some_words):
    n_units = 64 * len(some_words)
    out = np.full(n_units, -1, np.int32)
    n = bits.unpack_indices(some_words, out)
    np.testing.assert_array_equal(out[:n], np.flatnonzero(unpack(some_words[None], n_units)[0]))
    again = np.full(len(some_words), 12345, np.uint64)
    bits.pack_indices(out[:n], again)
    np.testing.assert_array_equal(again, some_words)


@pytest.mark.parametrize("n_units", [0, 1, 63, 64, 65, 130, 192])
def test_filling_units_clears_the_rest(n_units):
    out = np.full(3, 0xABCDEF, np.uint64)
    bits.fill_units(n_units, out)
    np.testing.assert_array_equal(bits.unpack_rows(out, 192), np.arange(192) < n_units)
    assert int(bits.low_bits(n_units)) == (1 << min(n_units, 64)) - 1


@given(dense_rows)
@quick
def test_density_is_the_mean_weight(dense):
    expected = dense.mean() if dense.size else 0.0
    assert bits.density(bits.pack_rows(dense), dense.shape[1]) == pytest.approx(expected, rel=1e-12)


def test_the_reference_planes_spell_the_counts():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 32, 700)
    planes = planes_of(counts, 5, garbage=rng)
    for unit in (0, 63, 64, 511, 512, 699):
        c, w, b = unit // 512, unit // 64 % 8, unit % 64
        assert sum((int(planes[c, p, w]) >> b & 1) << p for p in range(5)) == counts[unit]
