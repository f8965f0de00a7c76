"""SRAM: the grid, what is left out of it and predicted, published points, sizes, ports, nodes, banks; what is said."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim.errors import ParameterError
from sdrsim.hardware.sram import log_log, power_law, sram
from sdrsim.hardware.tables import arithmetic, table_rows

KB, MB = 1 << 10, 1 << 20
GRID = [row for row in table_rows("sram_cacti") if row["series"] == "size_grid"]
PORTS = [row for row in table_rows("sram_cacti") if row["series"] == "port_sweep"]
NODES = (90, 45, 32, 22)
SIZES = st.integers(64, 1 << 26)


def curve(node, what):
    return sorted((row["size_bytes"], row[what]) for row in GRID if row["node_nm"] == node)


# ---- the grid -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", GRID, ids=lambda row: f"{row['node_nm']:g}-{row['size_bytes'] // KB:g}K")
def test_grid_points_come_back(row):
    s = sram(int(row["size_bytes"]), node_nm=row["node_nm"], monolithic=True)
    assert (s.e_read.value, s.e_write.value) == (row["read_pj"], row["write_pj"])
    assert s.e_read.grade == s.e_write.grade == "A"
    assert (s.e_read.note, s.e_read.verified, s.n_banks) == ("", True, 1)
    for column, found in (("access_ns", s.t_access), ("area_mm2", s.area), ("leak_mw", s.leakage.to("mW"))):
        if row[column] is not None:
            assert found.value == pytest.approx(row[column], rel=1e-12)
            assert found.grade == "A"


def test_left_out_points_are_predicted_within_a_fifth():
    """Every inner point of every node, predicted by its neighbours: 17 % for reads, 8 % for writes at worst."""
    worst = {}
    for what in ("read_pj", "write_pj"):
        errors = []
        for node in NODES:
            points = curve(node, what)
            for i in range(1, len(points) - 1):
                value, outside = log_log(points[i][0], points[:i] + points[i + 1 :])
                assert not outside
                errors.append(abs(value / points[i][1] - 1))
        assert len(errors) == 20
        worst[what] = max(errors)
    assert worst["read_pj"] < 0.20
    assert worst["write_pj"] < 0.20
    assert round(worst["read_pj"], 2) == 0.17
    assert round(worst["write_pj"], 2) == 0.08


@pytest.mark.parametrize("node", [45, 32])
def test_left_out_nodes_are_predicted_within_a_fifth(node):
    """45 nm from 90 and 32, 32 nm from 45 and 22, all sizes."""
    others = [n for n in sorted(NODES) if n != node]
    for what in ("read_pj", "write_pj"):
        curves = {n: dict(curve(n, what)) for n in NODES}
        for size, value in curves[node].items():
            predicted, _ = log_log(node, [(n, curves[n][size]) for n in others])
            assert predicted == pytest.approx(value, rel=0.2), (what, size)


FITS = {  # c, p, largest error in percent
    ("read_pj", 90): (8.608, 0.522, 23),
    ("read_pj", 45): (2.471, 0.521, 19),
    ("read_pj", 32): (1.299, 0.524, 12),
    ("read_pj", 22): (0.596, 0.517, 10),
    ("write_pj", 90): (9.789, 0.479, 7),
    ("write_pj", 45): (2.733, 0.483, 9),
    ("write_pj", 32): (1.389, 0.494, 9),
    ("write_pj", 22): (0.565, 0.502, 9),
}


@pytest.mark.parametrize(("what", "node"), FITS)
def test_energy_grows_as_the_root_of_the_size(what, node):
    c, p, error = power_law(node, what)
    published = FITS[what, node]
    assert c == pytest.approx(published[0], rel=1e-3)  # fitted to energies of more digits than the table has
    assert (round(p, 3), round(100 * error)) == published[1:]
    assert 0.45 < p < 0.55


# ---- published points ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "item", "within"), [(8 * KB, "sram_8KB", 0.4), (32 * KB, "sram_32KB", 0.2), (MB, "sram_1MB", 0.1)]
)
def test_horowitz_points(size, item, within):
    published = arithmetic(item, 45).value
    assert sram(size, node_nm=45).e_read.value == pytest.approx(published, rel=within)
    points = sram(size, node_nm=45, model="horowitz")
    assert (points.e_read.value, points.e_read.grade) == (published, "B")
    assert points.e_write.grade == "C"


@pytest.mark.parametrize(
    ("size", "item", "factor"), [(8 * KB, "sram_8KB", 8.4), (32 * KB, "sram_32KB", 4), (MB, "sram_1MB", 1.06)]
)
def test_seven_nanometres_is_a_bracket(size, item, factor):
    """The root of the node, and the published points 4 to 8 times above it for small arrays: both ends are told."""
    published = arithmetic(item, 7).value
    extended, points = sram(size, node_nm=7), sram(size, node_nm=7, model="tpuv4i")
    assert published / extended.e_read.value == pytest.approx(factor, rel=0.02)
    assert extended.e_read.low == extended.e_read.value == points.e_read.low
    assert extended.e_read.high == points.e_read.value == published
    assert not extended.e_read.verified
    assert not points.e_read.verified


# ---- sizes, ports, nodes ------------------------------------------------------------------------------------------


@given(SIZES, SIZES, st.sampled_from([8, 64, 100, 1024]), st.floats(7, 90), st.booleans())
def test_energy_rises_with_size(one, other, word_bits, node, monolithic):
    small, large = (sram(n, word_bits, node, monolithic=monolithic) for n in sorted([one, other]))
    for what in ("e_read", "e_write", "leakage", "area", "t_access"):
        assert getattr(small, what).value <= getattr(large, what).value * (1 + 1e-12), what


@given(SIZES, st.floats(7, 90), st.floats(7, 90))
def test_energy_falls_with_the_node(size, one, other):
    small, large = (sram(size, node_nm=n).e_read.value for n in sorted([one, other]))
    assert small <= large * (1 + 1e-12)


def test_wide_ports_are_cheaper_per_bit():
    for row in PORTS:
        s = sram(MB, int(row["port_bits"]))
        assert s.e_read.value == pytest.approx(row["read_pj"], rel=1e-12)
        assert s.e_read.grade == "A"
        assert s.e_write.grade == "C"  # taken as for reads
    per_bit = [sram(MB, bits).e_read.value / bits for bits in (8, 16, 32, 64, 100, 128, 256, 512, 1024)]
    assert all(a > b for a, b in pairwise(per_bit))
    assert per_bit[0] == pytest.approx(7.19, abs=0.01)
    assert per_bit[-1] == pytest.approx(0.736, abs=0.001)


def test_banks_cost_a_bank_and_a_wire():
    one, many, whole = sram(MB), sram(16 * MB), sram(16 * MB, monolithic=True)
    wire = 0.08 * 64 * np.sqrt(47.4 / 2)
    assert many.e_read.value == pytest.approx(one.e_read.value + wire)
    assert many.e_write.value == pytest.approx(one.e_write.value + wire)
    assert many.e_read.high == pytest.approx(one.e_read.value + 2.5 * wire)
    assert (many.n_banks, many.e_read.grade, whole.e_read.grade) == (16, "C", "A")
    assert "wire" in many.e_read.note
    assert whole.e_read.value / 64 == pytest.approx(5.5, abs=0.02)  # pJ/bit: as much as the core of a DRAM
    assert many.t_access.value == one.t_access.value
    assert sram(3 * MB, bank_bytes=2 * MB).n_banks == 2


# ---- what is said -------------------------------------------------------------------------------------------------

SAID = {
    "smaller": (lambda: sram(4 * KB).e_read, "beyond the sizes computed"),
    "larger": (lambda: sram(32 * MB, monolithic=True).e_read, "beyond the sizes computed"),
    "wider": (lambda: sram(MB, 2048).e_read, "beyond the port widths computed"),
    "narrower": (lambda: sram(MB, 4).e_read, "beyond the port widths computed"),
    "another size, wide": (lambda: sram(8 * KB, 128).e_read, "as for reads at 1 MiB, 45 nm"),
    "another node, wide": (lambda: sram(MB, 128, 22).e_read, "as for reads at 1 MiB, 45 nm"),
    "below 22 nm": (lambda: sram(MB, node_nm=14).e_read, "below 22 nm"),
    "time at 90 nm": (lambda: sram(MB, node_nm=90).t_access, "computed at 45 and 22 nm"),
    "time at 7 nm": (lambda: sram(MB, node_nm=7).t_access, "as at 22 nm"),
    "leakage": (lambda: sram(MB).leakage, "in proportion to the size"),
    "leakage at 7 nm": (lambda: sram(16 * MB, node_nm=7).leakage, "of 22 nm"),
    "hot cells": (lambda: sram(16 * MB, cell="hp").leakage, "100 times lstp"),
    "beyond three points": (
        lambda: sram(4 * MB, model="horowitz", monolithic=True).e_read,
        "beyond the sizes published",
    ),
    "write of a point": (lambda: sram(MB, model="horowitz").e_write, "a write taken as a read"),
}


@pytest.mark.parametrize("what", SAID)
def test_nothing_is_extrapolated_silently(what):
    make, note = SAID[what]
    found = make()
    assert found.grade == "C"
    assert not found.verified
    assert note in found.note


def test_between_grid_points_it_is_said():
    assert (sram(64 * KB).e_read.grade, sram(64 * KB).e_read.note) == ("A", "interpolated")
    assert (sram(MB, node_nm=28).e_read.grade, sram(MB, node_nm=28).e_read.note) == ("A", "interpolated")
    assert sram(64 * KB).e_read.value == pytest.approx(np.sqrt(17.04 * 32.29))


def test_hot_cells_leak_more():
    assert sram(16 * MB, cell="hp").leakage.value == pytest.approx(100 * sram(16 * MB).leakage.value)


REFUSED = {
    "no bytes": lambda: sram(0),
    "negative bytes": lambda: sram(-1),
    "no bits": lambda: sram(KB, 0),
    "no bank": lambda: sram(KB, bank_bytes=0),
    "130 nm": lambda: sram(KB, node_nm=130),
    "5 nm": lambda: sram(KB, node_nm=5),
    "not a node": lambda: sram(KB, node_nm=float("nan")),
    "Horowitz at 22 nm": lambda: sram(KB, node_nm=22, model="horowitz"),
    "another cell": lambda: sram(KB, cell="lop"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    with pytest.raises(ParameterError, match="expected"):
        REFUSED[what]()


def test_unknown_model_names_the_nearest():
    with pytest.raises(ParameterError, match="did you mean horowitz"):
        sram(KB, model="horowits")
