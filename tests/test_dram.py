"""DRAM: formulas against worked numbers and the rounded table; bursts; refusals; a toy memory, and two crossovers."""

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from sdrsim.errors import ParameterError
from sdrsim.hardware.dram import assumed_io, dram, dram_names
from sdrsim.hardware.reuse_laws import uniform_hit_rate
from sdrsim.hardware.sram import sram
from sdrsim.hardware.tables import arithmetic, event, table_rows

TABLE = {row["device"]: row for row in table_rows("dram") if row["kind"] == "core"}
# As printed: nJ activate, read, write; pJ/bit of a hit, of a burst alone; mW active, precharged, refresh; GB/s; tRC ns.
PUBLISHED = {
    "DDR3-1600_8Gb_x8": "10.65 4.00 4.00 7.8 28.6 551 389 94 12.8 48.8",
    "DDR4-2400_8Gb_x8": "3.450 2.932 2.550 5.7 12.5 413 326 89 19.3 46.5",
    "DDR4-3200_8Gb_x8": "4.23 2.81 2.37 5.5 13.8 499 355 85 25.4 46.6",
    "LPDDR3-1600_8Gb_x32": "2.82 2.75 2.69 5.4 10.9 50 49 17 12.8 61.2",
    "LPDDR4-2400_8Gb_x16": "6.96 6.25 5.77 6.1 12.9 226 163 51 19.3 39.0",
    "HBM2_8Gb_x128_channel": "0.83 0.80 1.07 1.6 3.2 66 48 16 32 48.0",
}


def test_ddr4_worked_numbers():
    d = dram("DDR4-2400")
    assert d.e_act.value == pytest.approx(1.2 * (48 * 56 - (43 * 39 + 34 * 17)) * 8 * 0.83, rel=1e-12)
    assert d.e_act.value == pytest.approx(3450.144, rel=1e-6)
    assert d.e_rd.value == pytest.approx(2932.224, rel=1e-6)
    assert (d.e_act.value + d.e_rd.value) / 8 == pytest.approx(797.8, abs=0.05)
    assert (d.e_act.unit, d.e_act.grade, d.e_act.verified) == ("pJ/command", "A", True)


@pytest.mark.parametrize("name", dram_names())
def test_every_device_rounds_to_the_printed_table(name):
    """Within half a unit of the last digit printed, and 1 % of it: 13.74975 was printed as 13.8, by way of 13.75."""
    d = dram(name)
    bits = 8 * d.burst_bytes
    found = [
        d.e_act.to("nJ/command").value,
        d.e_rd.to("nJ/command").value,
        d.e_wr.to("nJ/command").value,
        d.e_rd.value / bits,
        (d.e_act.value + d.e_rd.value) / bits,
        d.standby_active.to("mW").value,
        d.standby_precharged.to("mW").value,
        d.refresh.to("mW").value,
        d.bandwidth.value,
        d.t_rc.value,
    ]
    columns = ["e_act_pj", "e_rd_pj", "e_wr_pj", "pj_per_bit_row_hit", "pj_per_bit_one_burst_per_act"]
    columns += ["standby_act_mw", "standby_pre_mw", "refresh_mw", "peak_GBps", "t_rc_ns"]
    for value, printed, column in zip(found, PUBLISHED[name].split(), columns):
        half = 0.5 * 10.0 ** int(Decimal(printed).as_tuple().exponent)
        assert abs(value - float(printed)) <= 1.01 * half, (column, value, printed)
        shipped = TABLE[name][column] / (1000 if column.startswith("e_") else 1)
        assert abs(shipped - value) <= half * (1 + 1e-9), column
    assert (d.page_bytes, d.burst_bytes) == (TABLE[name]["page_bytes"], TABLE[name]["burst_bytes"])


def test_a_page_miss_costs_two_to_four_hits():
    for name in dram_names():
        d = dram(name)
        assert 1.9 < (d.e_act.value + d.e_rd.value) / d.e_rd.value < 4, name


def test_interface_is_separate_and_mandatory():
    d = dram("DDR4-2400")
    core = d.energy_pj(n_activates=2, n_reads=3, n_writes=5, e_io=0)
    assert core == pytest.approx(2 * d.e_act.value + 3 * d.e_rd.value + 5 * d.e_wr.value)
    assert d.energy_pj(n_activates=2, n_reads=3, n_writes=5, e_io=10) == pytest.approx(core + 8 * 512 * 10)
    with pytest.raises(TypeError, match="e_io"):
        d.energy_pj(n_activates=1)
    assert [assumed_io(kind).value for kind in ("DDR4", "LPDDR4", "HBM2")] == [10, 3, 2.3]
    assert not assumed_io("HBM2").verified


def test_assumed_interfaces_give_the_streamed_totals():
    """About 16, 9 and 3.9 pJ/bit for reads from open pages."""
    for name, kind, total in (("DDR4-2400", "DDR4", 16), ("LPDDR4", "LPDDR4", 9), ("HBM2", "HBM2", 3.9)):
        d = dram(name)
        assert d.e_rd.value / (8 * d.burst_bytes) + assumed_io(kind).value == pytest.approx(total, rel=0.03)


def test_bursts_and_pages():
    d = dram("DDR4-2400")
    assert [d.bursts(n) for n in (0, 1, 64, 65, 2048)] == [0, 1, 1, 2, 32]
    assert [d.bursts(64, offset) for offset in (0, 1, 63, 64, 8191)] == [1, 2, 2, 1, 2]
    assert [d.pages(n, o) for n, o in ((0, 0), (8192, 0), (8192, 1), (8193, 0), (1, 8191))] == [0, 1, 2, 2, 1]
    blocks = {(offset + i) // 64 for offset in (37,) for i in range(500)}
    assert d.bursts(500, 37) == len(blocks)


def test_latency_grows_with_what_must_be_closed():
    d = dram("DDR4-2400")
    assert d.latency_ns("hit") == pytest.approx((17 + 4) * 0.83)
    assert d.latency_ns("closed") == pytest.approx((17 + 17 + 4) * 0.83)
    assert d.latency_ns("conflict") == pytest.approx((17 + 17 + 17 + 4) * 0.83)


def test_names():
    assert set(dram_names()) == set(TABLE) == set(PUBLISHED)
    assert dram("LPDDR4").device == "LPDDR4-2400_8Gb_x16"
    with pytest.raises(ParameterError, match="it fits DDR4-2400_8Gb_x8, DDR4-3200_8Gb_x8"):
        dram("DDR4")
    with pytest.raises(ParameterError, match="did you mean DDR4-2400_8Gb_x8"):
        dram("DDR4_2400_8Gb_x8")
    for bad in ("", "SRAM"):
        with pytest.raises(ParameterError, match="expected DDR3-1600"):
            dram(bad)
    with pytest.raises(ParameterError, match="expected hit, closed, conflict"):
        dram("HBM2").latency_ns("open")
    with pytest.raises(ParameterError, match="expected 0 or more"):
        dram("HBM2").bursts(-1)
    with pytest.raises(ParameterError, match="did you mean DDR4"):
        assumed_io("DDR5")


# ---- a toy memory, and where event-driven reads begin to pay -------------------------------------------------------

TOY = {
    64: (0.002, 0.73, 16.68, 0.96),
    1024: (0.031, 2.87, 16.19, 0.85),
    16384: (0.5, 8.35, 8.36, 0.5),
    32768: (1, 7.85, 0, 0),
}


def toy(kb):
    """16,384 x 16,384 bits, 64 active rows of 2 KB, uniform: hit rate, uJ on and off chip."""
    hit = float(uniform_hit_rate(kb, 32768))
    e_read = sram(kb << 10, monolithic=True).e_read.value
    d = dram("DDR4-2400")
    on = 64 * 256 * e_read * (1 + 0.9 * (1 - hit))  # bringing a row in writes it: 0.9 of a read
    off = (1 - hit) * 64 * d.energy_pj(n_activates=1, n_reads=d.bursts(2048), e_io=10)
    return hit, on / 1e6, off / 1e6


@pytest.mark.parametrize("kb", TOY)
def test_toy_memory(kb):
    hit, on, off = toy(kb)
    for found, printed in zip((hit, on, off, off / (on + off)), TOY[kb]):
        assert found == pytest.approx(printed, rel=0.01, abs=0.0005 if printed < 0.1 else 0)


def test_toy_memory_gains_nothing_from_a_middling_buffer():
    """It rises by a sixth up to 8 MB, is no better at 16, and falls to less than half when everything fits."""
    totals = [sum(toy(kb)[1:]) for kb in 2 ** np.arange(6, 16)]
    assert all(a < b for a, b in pairwise(totals[:7]))
    assert max(totals[:9]) / totals[0] < 1.2
    assert totals[8] > 0.95 * totals[0]
    assert totals[9] < 0.5 * totals[0]


def test_event_driven_reads_pay_below_these_activities():
    """1,024 x 1,024 bits. SRAM: one wide read against 16 words and a message; DRAM: streamed against opened rows."""
    add, message = arithmetic("add_int8", 45).value, event("Loihi_SANA-FE", "message_out").value
    dense = sram(1 << 20, 1024).e_read.value + 1024 * add
    events = 16 * sram(1 << 20).e_read.value + 1024 * add + message
    assert dense == pytest.approx(784.5, rel=0.01)
    assert events == pytest.approx(1638, rel=0.01)
    assert dense / events == pytest.approx(0.479, rel=0.01)
    d = dram("DDR4-2400")
    streamed = d.energy_pj(n_activates=1 / 64, n_reads=2, e_io=0)
    opened = d.energy_pj(n_activates=1, n_reads=2, e_io=0)
    assert (streamed, opened) == (pytest.approx(5918, rel=0.01), pytest.approx(9314, rel=0.01))
    assert streamed / opened == pytest.approx(0.635, rel=0.01)
