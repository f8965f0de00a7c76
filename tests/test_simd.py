"""The vector code three ways: intrinsics, portable loops and NumPy must agree bit for bit."""

import numpy as np
import pytest
from reference import simd_reference as reference

from sdrsim.kernels import bits, portable, simd, simd_draw, sums
from sdrsim.kernels.jit import compiled

LANES = simd.LANES


@compiled
def tops_u16(cells, out):
    for q in range(0, cells.shape[1], LANES):
        step = 2 * cells.shape[1]
        simd.column_max_u16(cells.ctypes.data + 2 * q, cells.shape[0], step, out.ctypes.data + 2 * q)


@compiled
def tops_f32(cells, out):
    for q in range(0, cells.shape[1], LANES):
        step = 4 * cells.shape[1]
        simd.column_max_f32(cells.ctypes.data + 4 * q, cells.shape[0], step, out.ctypes.data + 4 * q)


@compiled
def ties_u16(cells, floor, n_ties, last):
    for q in range(0, cells.shape[1], LANES):
        step, four = 2 * cells.shape[1], 4 * q
        here, least = cells.ctypes.data + 2 * q, floor.ctypes.data + 2 * q
        simd.column_ties_u16(here, cells.shape[0], step, least, n_ties.ctypes.data + four, last.ctypes.data + four)


@compiled
def ties_f32(cells, floor, n_ties, last):
    for q in range(0, cells.shape[1], LANES):
        step, four = 4 * cells.shape[1], 4 * q
        here, least = cells.ctypes.data + four, floor.ctypes.data + four
        simd.column_ties_f32(here, cells.shape[0], step, least, n_ties.ctypes.data + four, last.ctypes.data + four)


@compiled
def total_and_pick(cells, shares, total, last, level, pick):
    step = 4 * cells.shape[1]
    for q in range(0, cells.shape[1], LANES):
        here, at = cells.ctypes.data + 4 * q, 4 * q
        simd.column_total(here, cells.shape[0], step, total.ctypes.data + at, last.ctypes.data + at)
    for q in range(cells.shape[1]):
        level[q] = np.float32(shares[q] * total[q])
    for q in range(0, cells.shape[1], LANES):
        here, at = cells.ctypes.data + 4 * q, 4 * q
        simd.column_pick(here, cells.shape[0], step, level.ctypes.data + at, pick.ctypes.data + at)


@compiled
def gathered(table, places, out):
    simd.gather(table.ctypes.data, places.ctypes.data, len(places) // LANES, out.ctypes.data)


@compiled
def interpolated(curve, values, scale, shift, top, offset, gain, out):
    n = len(values) // LANES
    at, to = values.ctypes.data, out.ctypes.data
    simd.interpolate(curve.ctypes.data, at, n, scale, shift, top, offset, gain, to)


@compiled
def ored(matrix, rows, mask):
    table = np.empty(len(rows), np.uint64)
    for i in range(len(rows)):
        table[i] = np.uint64(matrix.ctypes.data) + np.uint64(rows[i]) * np.uint64(matrix.strides[0])
    return simd.or_rows(table.ctypes.data, len(rows), len(mask) // 8, mask.ctypes.data)


def column_cells(kind, n_cells, n_lanes, dtype, seed):
    """(n_cells, n_lanes) of shapes that hurt: all zero, all equal, many ties, extremes, anything."""
    rng = np.random.default_rng(seed)
    high = 65535 if dtype == np.uint16 else 1e4
    cells = {
        "zero": lambda: np.zeros((n_cells, n_lanes)),
        "equal": lambda: np.full((n_cells, n_lanes), 7),
        "ties": lambda: rng.integers(0, 3, (n_cells, n_lanes)),
        "ends": lambda: rng.choice([0, high], (n_cells, n_lanes)),
        "any": lambda: rng.random((n_cells, n_lanes)) * high,
    }[kind]()
    return cells.astype(dtype)


shapes = pytest.mark.parametrize(("n_cells", "n_lanes"), [(1, 16), (2, 32), (8, 16), (17, 48), (300, 16)])
kinds = pytest.mark.parametrize("kind", ["zero", "equal", "ties", "ends", "any"])


@shapes
@kinds
def test_column_maxima_and_ties(kind, n_cells, n_lanes):
    for dtype, top_of, ties_of in ((np.uint16, tops_u16, ties_u16), (np.float32, tops_f32, ties_f32)):
        cells = column_cells(kind, n_cells, n_lanes, dtype, seed=n_cells)
        tops = np.full((2, n_lanes), 9, dtype)
        top_of(cells, tops[0])
        portable.column_max(cells, tops[1])
        assert np.array_equal(tops, [reference.column_max(cells)] * 2)
        for floor in (tops[0], (tops[0] / 2).astype(dtype), (tops[0] + (tops[0] < 9)).astype(dtype)):
            n_ties, last = np.full((2, n_lanes), -5, np.int32), np.full((2, n_lanes), -5, np.int32)
            ties_of(cells, floor, n_ties[0], last[0])
            portable.column_ties(cells, floor, n_ties[1], last[1])
            expected = reference.column_ties(cells, floor)
            assert np.array_equal(n_ties, [expected[0]] * 2)
            assert np.array_equal(last, [expected[1]] * 2)


@shapes
@kinds
def test_column_totals_and_picks_round_in_one_order(kind, n_cells, n_lanes):
    cells = column_cells(kind, n_cells, n_lanes, np.float32, seed=n_cells)
    shares = np.random.default_rng(1).random(n_lanes)
    shares[:3] = 0.0, 1.0 - 2.0**-53, 0.5
    total, level = np.empty((2, n_lanes), np.float32), np.empty(n_lanes, np.float32)
    last, pick = np.full((2, n_lanes), -5, np.int32), np.full((2, n_lanes), -5, np.int32)
    total_and_pick(cells, shares, total[0], last[0], level, pick[0])
    portable.column_total(cells, total[1], last[1])
    portable.column_pick(cells, level, pick[1])
    amounts, lasts = reference.column_total(cells)
    assert np.array_equal(total, [amounts] * 2)
    assert np.array_equal(last, [lasts] * 2)
    assert np.array_equal(pick, [reference.column_pick(cells, level)] * 2)


def test_gather_reads_any_place_of_the_table():
    rng = np.random.default_rng(0)
    table = rng.random(65536).astype(np.float32)
    places = np.concatenate([[0, 65535], rng.integers(0, 65536, 30)]).astype(np.uint16)
    vector, plain = np.zeros(32, np.float32), np.zeros(32, np.float32)
    gathered(table, places, vector)
    portable.gather(table, places, plain)
    assert np.array_equal(vector, table[places])
    assert np.array_equal(plain, table[places])


@pytest.mark.parametrize(("scale", "shift"), [(4096.0, 0.0), (2662.4, 307.2), (0.0, 17.0), (-9000.0, 4000.0)])
def test_interpolation_stays_inside_the_table(scale, shift):
    rng = np.random.default_rng(0)
    curve = np.append(np.cumsum(rng.random(4097)), 0.0).astype(np.float32)
    curve[-1] = curve[-2]
    values = np.concatenate([[0, 1, 0.5, 1e-30, 0.999, -3.0, 7.0], rng.random(57)]).astype(np.float32)
    numbers = [np.float32(x) for x in (scale, shift, 4096, 1, 801.3)]
    vector, plain = np.zeros(64, np.float32), np.zeros(64, np.float32)
    interpolated(curve, values, *numbers, vector)
    portable.interpolate(curve, values, *numbers, plain)
    expected = reference.interpolate(curve, values, *numbers)
    assert np.array_equal(vector, expected)
    assert np.array_equal(plain, expected)
    assert vector.min() >= 1
    assert vector.max() <= np.float32(1) + np.float32(801.3) * curve[-1]


def summed(matrix, rows, n_planes):
    """(planes, counts) of the intrinsics through the table of addresses, as the kernels call them."""
    n_words = matrix.shape[1]
    n_chunks = -(-n_words // 8)
    table = np.empty(len(rows) + sums.GROUP, np.uint64)
    n_groups = sums.address_rows(matrix, 0, rows.astype(np.int32), table)
    planes = np.empty((n_chunks, n_planes, 8), np.uint64)
    counts = np.full(512 * n_chunks, 60000, np.uint16)
    sums.row_planes(table, n_groups, n_planes, planes)
    sums.expand_planes(planes, n_words, counts)
    return planes, counts[: 64 * n_words]


@pytest.mark.parametrize("n_words", [1, 5, 8, 9, 16, 17, 24])  # one, two and three chunks of 512 bits, whole and not
@pytest.mark.parametrize(("n_planes", "n_rows"), [(4, 15), (7, 127), (10, 1023), (16, 1030), (4, 0), (7, 1), (10, 8)])
def test_row_sums(n_words, n_planes, n_rows):
    rng = np.random.default_rng(n_rows)
    dense = rng.random((40, 64 * n_words)) < 0.5
    dense[0] = True  # with enough repeats the top count is reached
    matrix = bits.pack_rows(dense)
    rows = rng.integers(0, 40, n_rows)
    rows[: n_rows // 2] = 0
    planes, counts = summed(matrix, rows, n_planes)
    assert np.array_equal(counts, reference.counts(dense, rows))
    plain = np.full_like(planes, 7)
    portable.row_planes(matrix, rows, plain)
    used = np.arange(8 * len(planes)).reshape(-1, 8) < n_words  # the rest holds what was read beyond the row
    for p in range(n_planes):
        assert np.array_equal(planes[:, p][used], plain[:, p][used])
    for chunk in range(len(planes)):
        n_here = min(8, n_words - 8 * chunk)
        expanded = np.zeros(64 * n_here, np.uint16)
        portable.expand(plain[chunk], n_here, expanded)
        assert np.array_equal(expanded, counts[512 * chunk : 512 * chunk + 64 * n_here])


@pytest.mark.parametrize("n_words", [1, 3, 8, 13, 16])
def test_rows_are_ored_and_their_neighbours_left_alone(n_words):
    rng = np.random.default_rng(n_words)
    dense, mask = rng.random((12, 64 * n_words)) < 0.3, np.zeros(8 * -(-n_words // 8), np.uint64)
    code = rng.random(64 * n_words) < 0.2
    mask[:n_words] = bits.pack_rows(code[None])[0]
    vector, plain = bits.pack_rows(dense), bits.pack_rows(dense)
    whole = np.lib.stride_tricks.as_strided(vector, (vector.size + bits.SLACK_WORDS,), (8,))
    whole[vector.size :] = 0x5A5A5A5A
    rows = np.array([3, 0, 11, 3, 7])
    n_changed = ored(vector, rows, mask)
    assert portable.or_rows(plain, rows, mask) == n_changed
    words = lambda a: bits.pack_rows(a)[:-1]  # noqa: E731
    assert n_changed == np.count_nonzero(words(dense | code)[[0, 3, 7, 11]] != words(dense)[[0, 3, 7, 11]])
    assert ored(vector, rows, mask) == 0
    expected = dense.copy()
    expected[rows] |= code
    assert np.array_equal(bits.unpack_rows(vector[:-1], 64 * n_words), expected)
    assert np.array_equal(plain, vector)
    assert not vector[-1].any()
    assert (whole[vector.size :] == 0x5A5A5A5A).all()


def test_the_largest_count_of_each_plane_number():
    dense = np.ones((1, 64), bool)
    matrix = bits.pack_rows(dense)
    for n_planes in sums.PLANES:
        n_rows = (1 << n_planes) - 1
        assert sums.planes_for(n_rows) == n_planes
        _, counts = summed(matrix, np.zeros(n_rows, np.int64), n_planes)
        assert (counts == n_rows).all()


def test_sums_may_read_beyond_the_last_row_and_never_see_it():
    """A row of one word is read as eight: the words behind belong to other rows, or to the slack after the matrix."""
    dense = np.eye(3, 64, dtype=bool)
    matrix = bits.pack_rows(dense)
    slack = bits.SLACK_WORDS
    whole = np.lib.stride_tricks.as_strided(matrix, (matrix.size + slack,), (8,))
    whole[matrix.size :] = bits.ALL_BITS  # whatever stands there must not matter
    rows = np.array([2, 0])
    _, counts = summed(matrix, rows, 4)
    assert np.array_equal(counts, reference.counts(dense, rows))
    assert matrix.ctypes.data % 64 == 0


# ---- draws by count -------------------------------------------------------------------------------------------------


def make_draw(running_sums):
    @compiled
    def draw(table, counts, running, total, last, level, pick):
        n_cells, n_groups = counts.shape[0], counts.shape[1] // LANES
        to, sums_, ends = running.ctypes.data, total.ctypes.data, last.ctypes.data
        running_sums(table.ctypes.data, counts.ctypes.data, n_cells, n_groups, to, sums_, ends)
        simd_draw.rank(to, level.ctypes.data, n_cells, n_groups, pick.ctypes.data)

    return draw


draw_32, draw_64, draw_128 = (make_draw(r) for r in (simd_draw.running_32, simd_draw.running_64, simd_draw.running_128))
DRAWS = {32: draw_32, 64: draw_64, 128: draw_128, 400: make_draw(simd_draw.running_by_gather)}


@pytest.mark.parametrize("n_table", sorted(DRAWS))
@pytest.mark.parametrize(("n_cells", "n_lanes"), [(1, 16), (7, 48), (50, 112)])
def test_draws_by_count(n_table, n_cells, n_lanes):
    """Every place of the table, zeros in it, levels on a running sum: looked up, summed and ranked as one by one."""
    rng = np.random.default_rng(n_table + n_cells)
    size = max(n_table, simd_draw.TABLE)
    table = (rng.random(size) * (rng.random(size) < 0.7)).astype(np.float32)
    counts = rng.integers(0, n_table, (n_cells, n_lanes)).astype(np.uint16)
    counts.flat[:n_table] = np.arange(n_table)[: counts.size]
    running, total = np.empty((2, n_cells, n_lanes), np.float32), np.empty((2, n_lanes), np.float32)
    last, pick = np.full((2, n_lanes), -5, np.int32), np.full((2, n_lanes), -5, np.int32)
    portable.running_sums(table, counts, running[1], total[1], last[1])
    level = (rng.random(n_lanes) * total[1]).astype(np.float32)
    level[::3] = running[1][n_cells // 2, ::3]
    DRAWS[n_table](table, counts, running[0], total[0], last[0], level, pick[0])
    portable.rank(running[1], level, pick[1])
    amounts, lasts = reference.column_total(table[counts])
    for values in (running, total, last, pick):
        assert np.array_equal(values[0], values[1])
    assert np.array_equal(total[0], amounts)
    assert np.array_equal(last[0], lasts)
    assert np.array_equal(pick[0], reference.column_pick(table[counts], level))
