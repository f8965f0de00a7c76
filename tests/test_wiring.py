"""Receptive fields against apertures written out cell by cell."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.hierarchy_reference import apertures

from sdrsim.engine import checks
from sdrsim.errors import CapacityError, ParameterError
from sdrsim.models.sparsey.wiring import full_wiring, tile, wire

side = st.integers(1, 12)


@st.composite
def layouts(draw):
    """(source, aperture, grid or None, stride or None) that fit."""
    source = draw(side), draw(side)
    aperture = draw(st.integers(1, source[0])), draw(st.integers(1, source[1]))
    pair = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
    return (source, aperture, pair, None) if draw(st.booleans()) else (source, aperture, None, pair)


@given(layouts())
@settings(max_examples=50, deadline=None)
def test_every_aperture(layout):
    source, aperture, grid, stride = layout
    expected_grid, cells = apertures(source, aperture, grid, stride)
    tiling = tile(source, aperture, grid, stride)
    assert tiling.grid == expected_grid
    assert (tiling.n_macs, tiling.n_slots) == (len(cells), aperture[0] * aperture[1])
    wiring = wire(tiling, block_size=5)
    assert wiring.block_size == 5
    heard = {(m, slot): cell for m, seen in enumerate(cells) for slot, cell in enumerate(seen)}
    pairs = list(zip(wiring.mac.tolist(), wiring.slot.tolist()))
    assert len(pairs) == len(heard) == len(set(pairs))
    for cell in range(source[0] * source[1]):
        mine = pairs[wiring.indptr[cell] : wiring.indptr[cell + 1]]
        assert {heard[pair] for pair in mine} <= {cell}
        assert [m for m, _ in mine] == sorted(m for m, _ in mine)
    assert wiring.indptr[-1] == len(pairs)


@given(n=side, aperture=side, k=st.integers(1, 6))
def test_counts_and_edges(n, aperture, k):
    if aperture > n:
        n, aperture = aperture, n
    by_stride = tile((n, n), (aperture, aperture), stride=(k, k))
    assert by_stride.grid == ((n - aperture) // k + 1,) * 2
    assert by_stride.row_starts.tolist() == [i * k for i in range(by_stride.grid[0])]
    by_grid = tile((n, n), (aperture, aperture), grid=(k + 1, k + 1))
    assert by_grid.grid == (k + 1, k + 1)
    assert (by_grid.row_starts[0], by_grid.row_starts[-1]) == (0, n - aperture)
    gaps = np.diff(by_grid.column_starts)
    assert gaps.max() - gaps.min() <= 1, "evenly"


def test_a_grid_of_one_stands_in_the_middle():
    assert tile((9, 10), (3, 3), grid=(1, 1)).row_starts.tolist() == [3]
    assert tile((9, 10), (3, 3), grid=(1, 1)).column_starts.tolist() == [4]


@pytest.mark.parametrize(("n", "k"), [(14, 47), (16, 23)])
def test_halves_are_rounded_up_everywhere(n, k):
    """Places that binary fractions miss by a rounding error."""
    exact = [math.floor(Fraction(i * (n - 1), k - 1) + Fraction(1, 2)) for i in range(k)]
    assert tile((n, 1), (1, 1), grid=(k, 1)).row_starts.tolist() == exact
    in_floats = [math.floor(i * ((n - 1) / (k - 1)) + 0.5) for i in range(k)]
    assert in_floats != exact


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({}, "tiling"),
        ({"grid": (2, 2), "stride": (1, 1)}, "tiling"),
        ({"aperture": (7, 1), "grid": (1, 1)}, r"aperture \(rows\): got 7"),
        ({"aperture": (1, 7), "stride": (1, 1)}, r"aperture \(columns\): got 7"),
        ({"aperture": (0, 1), "grid": (1, 1)}, "aperture"),
        ({"aperture": 3, "grid": (1, 1)}, "aperture: got 3"),
        ({"aperture": (1.5, 1), "grid": (1, 1)}, "aperture"),
        ({"source": (0, 6), "grid": (1, 1)}, "source"),
        ({"source": (6,), "grid": (1, 1)}, "source"),
        ({"grid": (0, 1)}, "grid"),
        ({"grid": (True, 1)}, "grid"),
        ({"stride": (1, -1)}, "stride"),
        ({"stride": "11"}, "stride"),
    ],
)
def test_impossible_layouts(arguments, what):
    with pytest.raises(ParameterError, match=what):
        tile(**{"source": (6, 6), "aperture": (2, 2), **arguments})


def test_numpy_numbers_are_numbers():
    assert tile(np.array([6, 6]), (np.int8(2), np.int64(3)), stride=(2, 2)).grid == (3, 2)


def test_more_connections_than_memory_are_refused_before_they_are_made(monkeypatch):
    tiling = tile((100, 100), (10, 10), stride=(1, 1))
    monkeypatch.setattr(checks, "available_bytes", lambda: 1 << 20)
    monkeypatch.setattr(np, "argsort", None)  # what would be called next
    with pytest.raises(CapacityError, match=r"wiring of 8,281 macs.*MiB"):
        wire(tiling)


def test_one_mac_that_hears_everything_needs_no_lists():
    wiring = full_wiring()
    assert (len(wiring.mac), len(wiring.slot), wiring.block_size) == (0, 0, 1)
