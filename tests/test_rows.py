"""AND and OR of whole rows: vector code, portable loops and NumPy agree bit for bit, near and far."""

import numpy as np
import pytest

from sdrsim.kernels import bits, portable, rows
from sdrsim.kernels.jit import compiled


@compiled
def combined(matrix, chosen, far, use_and, keep, out):
    table = np.zeros(len(chosen) + rows.ROW_GROUP, np.uint64)
    for i in range(len(chosen)):
        table[i] = rows.row_address(matrix, chosen[i])
    n_chunks = len(out) // 8
    if use_and:
        rows.and_rows(table, len(chosen), n_chunks, out, far, keep)
    else:
        rows.or_rows(table, len(chosen), n_chunks, out, far, keep)


@pytest.mark.parametrize("far", [False, True])
@pytest.mark.parametrize("n_units", [1, 64, 500, 512, 2048, 2050, 40_000])
@pytest.mark.parametrize("n_rows", [0, 1, 3, 4, 9])
def test_rows_combine(far, n_units, n_rows):
    rng = np.random.default_rng(n_units + n_rows)
    dense = rng.random((20, n_units)) < 0.7
    matrix, chosen = bits.pack_rows(dense), rng.integers(0, 20, n_rows)
    n_words = matrix.shape[1]
    for use_and, join in ((True, np.logical_and), (False, np.logical_or)):
        before = np.zeros(8 * ((n_units + 511) // 512), np.uint64)
        held = rng.random(n_units) < 0.9
        before[:n_words] = bits.pack_rows(held[None])[0]
        ours, twin = before.copy(), before.copy()
        combined(matrix, chosen, far, use_and, True, ours)
        (portable.and_rows if use_and else portable.join_rows)(matrix, chosen, twin)
        expected = join.reduce([held, *dense[chosen]])
        assert np.array_equal(bits.unpack_rows(ours[:n_words], n_units), expected)
        assert np.array_equal(bits.unpack_rows(twin[:n_words], n_units), expected)
        combined(matrix, chosen, far, use_and, False, ours)
        fresh = join.reduce([np.full(n_units, use_and), *dense[chosen]])
        assert np.array_equal(bits.unpack_rows(ours[:n_words], n_units), fresh)


@compiled
def whole_words(a, b, word, met, copied, full):
    n_chunks = len(a) // 8
    rows.both(a, b, n_chunks, met)
    changed = rows.moved(a, copied, n_chunks)
    again = rows.moved(a, copied, n_chunks) or not rows.same(a, copied, n_chunks) or rows.same(a, b, n_chunks)
    rows.filled(full, n_chunks, word)
    return changed, again


@pytest.mark.parametrize("n_chunks", [1, 2, 7])
def test_words_as_a_whole(n_chunks):
    a, b, copied = np.random.default_rng(n_chunks).integers(0, 2**64, (3, 8 * n_chunks), np.uint64)
    met, full = np.zeros_like(a), np.zeros_like(a)
    assert whole_words(a, b, np.uint64(5), met, copied, full) == (True, False)
    assert np.array_equal(met, a & b)
    assert np.array_equal(copied, a)
    assert (full == 5).all()
