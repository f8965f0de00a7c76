"""DRAM pages: the compiled pass against one burst at a time, laws of both policies, and where rows lie."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import pages_reference as reference

from sdrsim.errors import ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.dram import dram, dram_names
from sdrsim.hardware.pages import base_addresses, n_banks_of, page_traffic, row_addresses

DDR4, HBM2 = dram("DDR4-2400"), dram("HBM2")
TOY = HBM2._replace(page_bytes=256, burst_length=2, bus_bits=128)  # pages of 8 bursts of 32 bytes
fetches = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 700), st.booleans()), max_size=30)
quick = settings(max_examples=150, deadline=None)


def run(some, **options):
    addresses, n_bytes, writes = (np.array(column) for column in zip(*some)) if some else ([], [], np.zeros(0, bool))
    return page_traffic(addresses, n_bytes, writes=writes, **options)


@given(fetches, st.integers(1, 5), st.sampled_from(["open", "closed"]))
@quick
def test_equals_one_burst_at_a_time(some, n_banks, policy):
    assert TOY.burst_bytes == 32
    found = run(some, dram=TOY, policy=policy, n_banks=n_banks)
    assert found[:-1] == reference.follow(some, 32, 256, n_banks, policy)
    assert found.n_bytes == sum(n for _, n, _ in some)
    assert found.n_bursts == found.n_hits + found.n_closed + found.n_conflicts
    assert found.n_activates == found.n_closed + found.n_conflicts
    assert found.n_bytes <= 32 * found.n_bursts
    assert found.useful_fraction(TOY) == (found.n_bytes / (32 * found.n_bursts) if found.n_bursts else 1)


@given(fetches, st.integers(1, 5))
@quick
def test_laws_of_the_two_policies(some, n_banks):
    kept, shut = (run(some, dram=TOY, policy=policy, n_banks=n_banks) for policy in ("open", "closed"))
    assert kept.n_activates <= shut.n_activates
    assert kept[1:3] == shut[1:3]
    pages = sum(len({byte // 256 for byte in range(a, a + n)}) for a, n, _ in some)
    assert (shut.n_activates, shut.n_conflicts) == (pages, 0)  # one activate a fetch and page
    distinct = {byte // 256 for a, n, _ in some for byte in range(a, a + n)}
    assert len(distinct) <= kept.n_activates
    many = run(some, dram=TOY, n_banks=100)  # as many banks as pages: nothing is thrown out
    assert (many.n_activates, many.n_conflicts) == (len(distinct), 0)


@pytest.mark.parametrize("name", dram_names())
@pytest.mark.parametrize("step", [64, 100, 4096, 20_000])
def test_a_sweep_opens_each_page_once(name, step):
    d = dram(name)
    starts = np.arange(0, 40 * d.page_bytes, step)
    found = page_traffic(starts, np.minimum(step, 40 * d.page_bytes - starts), dram=d)
    assert found.n_activates == 40
    assert found.n_conflicts == max(0, 40 - n_banks_of(d))
    if step % d.burst_bytes == 0:
        assert found.n_bursts == 40 * d.page_bytes // d.burst_bytes
        assert found.useful_fraction(d) == 1


def test_energy_and_time_of_commands():
    some = [(0, 2048, False), (8192 * 16, 100, True), (64, 1, False)]
    found = run(some, dram=DDR4)
    assert found == (3, 33, 2, 32, 1, 2, 2149)
    core = 3 * DDR4.e_act.value + 33 * DDR4.e_rd.value + 2 * DDR4.e_wr.value
    assert found.energy_pj(DDR4, e_io=0) == pytest.approx(core, rel=1e-12)
    assert found.energy_pj(DDR4, e_io=10) == pytest.approx(core + 35 * 512 * 10, rel=1e-12)
    times = {state: DDR4.latency_ns(state) for state in ("hit", "closed", "conflict")}
    assert found.latency_ns(DDR4) == pytest.approx(32 * times["hit"] + times["closed"] + 2 * times["conflict"])


def test_one_byte_alone_and_streamed():
    """797.8 pJ for each bit of a byte fetched alone from DDR4-2400, 5.8 where a whole page is read."""
    alone, page = page_traffic([5], 1, dram=DDR4), page_traffic([0], 8192, dram=DDR4)
    assert alone.energy_pj(DDR4, e_io=0) / 8 == pytest.approx(797.8, abs=0.05)
    assert page.energy_pj(DDR4, e_io=0) / (8 * 8192) == pytest.approx(5.8, abs=0.05)
    assert alone.useful_fraction(DDR4) == 1 / 64


def test_levels_of_cards_and_their_banks():
    level = Card.load("cmos45_ddr4").level("dram")
    assert n_banks_of(level) == 16
    assert n_banks_of(replace(level, n_banks=4)) == 4
    addresses = np.arange(8) % 2 * 8192 * 4
    assert page_traffic(addresses, 64, dram=level).n_activates == 2
    assert page_traffic(addresses, 64, dram=replace(level, n_banks=4)).n_activates == 8
    assert page_traffic(addresses, 64, dram=level, n_banks=4).n_conflicts == 7
    with pytest.raises(ParameterError, match="a level with a DRAM device"):
        page_traffic(addresses, 64, dram=Card.load("cmos45_ddr4").level("global"))
    with pytest.raises(ParameterError, match="standard of Toy"):
        n_banks_of(TOY._replace(device="Toy"))


# ---- where rows lie -----------------------------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 900), st.booleans(), st.integers(1, 5))
@quick
def test_rows_lie_apart_and_none_straddles_a_page(n_rows, row_bytes, interleave, n_banks):
    starts = row_addresses(512, np.arange(n_rows), row_bytes, dram=TOY, interleave=interleave, n_banks=n_banks)
    assert not np.any(starts % 32)
    assert starts.min() == 512
    order = np.sort(starts)
    assert np.all(np.diff(order) >= row_bytes)
    if row_bytes <= 256:
        assert np.array_equal(starts // 256, (starts + row_bytes - 1) // 256)
        n_pages = len(np.unique(starts // 256))
        per_page = 256 // (-(-row_bytes // 32) * 32)
        assert n_pages == -(-n_rows // per_page) or interleave
        found = page_traffic(starts, row_bytes, dram=TOY, policy="closed")
        assert found.n_activates == n_rows
        assert found.n_bursts == n_rows * -(-row_bytes // 32)
        if interleave and n_rows >= n_banks:
            assert len(np.unique(starts // 256 % n_banks)) == n_banks


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 900)), min_size=1, max_size=6), st.booleans())
@quick
def test_arrays_lie_one_behind_the_other(tensors, interleave):
    n_rows, row_bytes = np.array(tensors).T
    options = {"dram": TOY, "interleave": interleave, "n_banks": 4}
    bases = base_addresses(n_rows, row_bytes, **options)
    assert not np.any(bases % 256)
    taken = []
    for base, n, size in zip(bases, n_rows, row_bytes):
        starts = row_addresses(base, np.arange(n), size, **options)
        taken += [(a, a + size) for a in starts.tolist()]
    taken.sort()
    assert all(stop <= start for (_, stop), (start, _) in pairwise(taken))


def test_neighbouring_rows_in_neighbouring_banks():
    starts = row_addresses(0, np.arange(32), 2048, dram=DDR4, interleave=True)
    assert (starts // 8192 % 16).tolist() == [*range(16), *range(16)]
    plain = row_addresses(0, np.arange(32), 2048, dram=DDR4)
    assert (plain // 8192).tolist() == [row // 4 for row in range(32)]


def test_refusals():
    with pytest.raises(ParameterError, match="addresses"):
        page_traffic([-1], 4, dram=DDR4)
    with pytest.raises(ParameterError, match="addresses"):
        page_traffic([[1]], 4, dram=DDR4)
    with pytest.raises(ParameterError, match="n_bytes"):
        page_traffic([1, 2], [4, 4, 4], dram=DDR4)
    with pytest.raises(ParameterError, match="n_bytes"):
        page_traffic([1], 0.5, dram=DDR4)
    with pytest.raises(ParameterError, match="writes"):
        page_traffic([1], 4, dram=DDR4, writes=[1])
    with pytest.raises(ParameterError, match="policy"):
        page_traffic([1], 4, dram=DDR4, policy="shut")
    with pytest.raises(ParameterError, match="n_banks"):
        page_traffic([1], 4, dram=DDR4, n_banks=0)
    with pytest.raises(ParameterError, match="tensor_bases"):
        row_addresses(64, [0], 64, dram=DDR4)
    with pytest.raises(ParameterError, match="rows"):
        row_addresses(0, [-1], 64, dram=DDR4)
