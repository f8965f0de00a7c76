"""Learning on packed rows against one pair of units at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import learning_reference as reference

from sdrsim.kernels import bits, learning

quick = settings(max_examples=40, deadline=None)

N_ROWS = 12


def code(rng, size, n):
    return np.sort(rng.choice(size, min(n, size), replace=False)).astype(np.int32)


def start(rng, n_units, density):
    dense = rng.random((N_ROWS, n_units)) < density
    return dense, bits.pack_rows(dense)


sizes = st.sampled_from([1, 63, 64, 65, 200, 512, 1000])


@given(sizes, st.integers(0, N_ROWS), st.integers(0, 300), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 2**32))
@quick
def test_every_form_learns_what_the_reference_learns(n_units, n_rows, n_active, density, seed):
    rng = np.random.default_rng(seed)
    rows, units = rng.permutation(code(rng, N_ROWS, n_rows)), code(rng, n_units, n_active)
    dense, by_choice = start(rng, n_units, density)
    by_rows, by_words = by_choice.copy(), by_choice.copy()
    n_words = by_choice.shape[1]

    mask = np.empty(n_words, np.uint64)
    bits.pack_indices(units, mask)
    index, masks = np.empty(len(units), np.int32), np.empty(len(units), np.uint64)
    n = learning.code_words(units, index, masks)

    expected = dense.copy()
    n_new = reference.learn(expected, rows, units)
    held = {w: [u for u in units if u // 64 == w] for w in range(n_words)}
    silent_rows = reference.silent_words(dense, rows, held)
    silent_words = reference.silent_words(dense, rows, {w: some for w, some in held.items() if some})
    assert learning.or_rows(by_rows, rows, mask) == (n_new, len(rows) * n_words, silent_rows)
    assert learning.or_words(by_words, rows, index[:n], masks[:n]) == (n_new, len(rows) * n, silent_words)
    as_list = 3 * n < n_words
    touched, silent = (n, silent_words) if as_list else (n_words, silent_rows)
    assert learning.learn(by_choice, rows, units) == (n_new, len(rows) * touched, silent)
    for matrix in (by_rows, by_words, by_choice):
        np.testing.assert_array_equal(bits.unpack_rows(matrix[:-1], n_units), expected)
        assert not matrix[-1].any()
        assert bits.count_bits(matrix.reshape(-1)) == expected.sum()  # nothing beyond the last unit


@given(sizes, st.integers(0, 2**32))
@quick
def test_learning_again_sets_nothing(n_units, seed):
    rng = np.random.default_rng(seed)
    _, matrix = start(rng, n_units, 0.1)
    rows, units = code(rng, N_ROWS, 5), code(rng, n_units, 4)
    _, touched, _ = learning.learn(matrix, rows, units)
    before = matrix.copy()
    assert learning.learn(matrix, rows, units) == (0, touched, touched)
    np.testing.assert_array_equal(matrix, before)


def test_repeated_rows_count_a_bit_once():
    for n_units in (64, 6400):  # whole rows, word list
        matrix = bits.bit_matrix(N_ROWS, n_units // 64)
        rows = np.array([3, 3, 3, 3, 3], np.int32)
        n_new, n_words, n_silent = learning.learn(matrix, rows, np.array([7, 8], np.int32))
        assert (n_new, n_silent) == (2, n_words - 1)


@given(st.lists(st.integers(0, 700), unique=True).map(sorted))
@quick
def test_the_words_of_a_code(units):
    index, masks = np.empty(len(units), np.int32), np.empty(len(units), np.uint64)
    n = learning.code_words(np.array(units, np.int32), index, masks)
    assert dict(zip(index[:n].tolist(), masks[:n].tolist())) == reference.words_of(units)
    assert n == len(reference.words_of(units))


@given(st.lists(st.tuples(st.integers(0, N_ROWS), st.integers(0, 20)), max_size=6), st.integers(0, 2**32))
@quick
def test_many_items_in_one_call_are_one_after_another(items, seed):
    rng = np.random.default_rng(seed)
    dense, matrix = start(rng, 3000, 0.05)
    pre, post = [code(rng, N_ROWS, a) for a, _ in items], [code(rng, 3000, b) for _, b in items]
    single = matrix.copy()
    each = [learning.learn(single, p, q) for p, q in zip(pre, post)]
    n_new = np.full(len(items), -1, np.int64)

    def flat(codes):
        return np.cumsum([0, *map(len, codes)]), np.concatenate([np.empty(0, np.int32), *codes])

    touched, silent = learning.learn_items(matrix, *flat(pre), *flat(post), n_new)
    np.testing.assert_array_equal(matrix, single)
    assert n_new.tolist() == [new for new, _, _ in each]
    assert (touched, silent) == (sum(words for _, words, _ in each), sum(same for _, _, same in each))
    assert bits.count_bits(matrix.reshape(-1)) == dense.sum() + n_new.sum()
