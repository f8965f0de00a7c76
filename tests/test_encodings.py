"""Bits of codes: against codes written out and read back, and the laws of which encoding is shortest."""

from math import comb, log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import encodings_reference as reference

from sdrsim import SDR, patterns
from sdrsim.errors import CodeError, ParameterError
from sdrsim.hardware.encodings import (
    aer_bits,
    aer_limit,
    bitmap_bits,
    block_bits,
    code_bits,
    information_bits,
    is_block_code,
)

quick = settings(max_examples=100, deadline=None)
ENCODINGS = ("aer", "bitmap", "block")


@st.composite
def codes(draw):
    """Codes over modules, some with one active unit in each."""
    n_modules, n_cells = draw(st.integers(1, 6)), draw(st.integers(1, 20))
    size = n_modules * n_cells
    block = st.tuples(*(st.integers(q * n_cells, (q + 1) * n_cells - 1) for q in range(n_modules))).map(list)
    others = st.lists(st.integers(0, size - 1), max_size=size, unique=True)
    return SDR.from_indices(draw(st.lists(block | others, max_size=6)), size), n_modules


@given(codes(), st.integers(0, 9), st.integers(0, 9))
@quick
def test_bits_are_those_of_codes_written_out(made, header, payload):
    x, n_modules = made
    fits = is_block_code(x, n_modules)
    options = {"n_modules": n_modules, "header_bits": header, "payload_bits": payload}
    auto = code_bits(x, **options)
    for i, item in enumerate(x):
        units, lengths = item.indices.tolist(), {}
        n_cells = x.size // n_modules
        assert fits[i] == ([u // n_cells for u in units] == list(range(n_modules)))
        for encoding in ENCODINGS if fits[i] else ENCODINGS[:2]:
            told = (x.size, encoding, n_modules, header, payload)
            packets = reference.write(units, *told)
            assert reference.read(packets, *told) == units
            found = code_bits(item, encoding, **options)
            n_bits = sum(map(len, packets))
            assert (found.bits.tolist(), found.n_packets.tolist()) == ([n_bits], [len(packets)])
            assert found.encoding.tolist() == [encoding]
            lengths[encoding] = (n_bits, len(packets))
        assert (auto.bits[i], auto.n_packets[i]) == min(lengths.values())
        assert lengths[str(auto.encoding[i])] == min(lengths.values())


@given(st.integers(1, 5000), st.integers(0, 40))
@quick
def test_up_to_where_addresses_are_shorter(n_units, header):
    limit = int(aer_limit(n_units, header_bits=header))
    shorter = [
        k
        for k in range(n_units + 1)
        if aer_bits(k, n_units, header_bits=header) < bitmap_bits(k, n_units, header_bits=header)
    ]
    assert shorter == list(range(limit + 1))
    if not header:
        assert shorter == [k for k in range(n_units + 1) if k * reference.address_width(n_units) < n_units]


def test_a_block_code_is_shorter_than_its_addresses():
    for q in range(1, 40):
        for k in range(1, 70):
            saved = int(aer_bits(q, q * k)) - int(block_bits(q, k))
            assert saved == q * (reference.address_width(q * k) - reference.address_width(k))
            assert saved > 0 or q == 1


def test_addresses_of_any_number():
    n = np.array([2**i + d for i in range(2, 50) for d in (-1, 0, 1)])
    assert aer_bits(1, n).tolist() == [(int(m) - 1).bit_length() for m in n]
    assert aer_bits([0, 1], 1).tolist() == [0, 0]


@given(st.integers(1, 300), st.data())
@quick
def test_no_encoding_is_shorter_than_the_information(n_units, data):
    k = data.draw(st.integers(0, n_units))
    bound = float(information_bits(k, n_units))
    assert bound == pytest.approx(log2(comb(n_units, k)), abs=1e-8)
    assert int(aer_bits(k, n_units)) >= bound - 1e-8
    assert int(bitmap_bits(k, n_units)) >= bound - 1e-8


def test_codes_of_the_pattern_makers():
    block = patterns.random_block(50, 8, 256, seed=1)
    found = code_bits(block, n_modules=8)
    assert set(found.encoding.tolist()) == {"block"}
    assert found.bits.tolist() == [64] * 50
    assert code_bits(block).bits.tolist() == [88] * 50  # no modules told
    sparse = patterns.random_sparse(50, 1000, 20, seed=1)
    assert code_bits(sparse).bits.tolist() == [200] * 50
    assert code_bits(sparse, header_bits=50).encoding.tolist() == ["bitmap"] * 50
    empty = code_bits(SDR.from_indices([], size=10))
    assert [len(column) for column in empty] == [0, 0, 0]


def test_refusals():
    x = SDR.from_indices([[0, 1]], size=8)
    with pytest.raises(ParameterError, match="did you mean block"):
        code_bits(x, "bloc")
    with pytest.raises(ParameterError, match="n_modules"):
        code_bits(x, "block")
    with pytest.raises(CodeError, match="item 0"):
        code_bits(x, "block", n_modules=2)
    with pytest.raises(ParameterError, match="a divisor of 8"):
        is_block_code(x, 3)
    with pytest.raises(ParameterError, match="n_modules"):
        is_block_code(x, 0)
    with pytest.raises(ParameterError, match="header_bits"):
        code_bits(x, header_bits=-1)
    with pytest.raises(ParameterError, match="at most the 8 units"):
        aer_bits(9, 8)
    with pytest.raises(ParameterError, match="n_cells"):
        block_bits(2, 0)
    with pytest.raises(ParameterError, match="n_units"):
        aer_limit(2.5)
