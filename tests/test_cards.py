"""Numbers with source and grade, the tables, the cards: shipped, changed, of one's own, refused; the command."""

import json
import tomllib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.hardware.card import Card
from sdrsim.hardware.dram import dram
from sdrsim.hardware.levels import Level, Mesh
from sdrsim.hardware.quantity import GRADES, Quantity, conversion, scaled_logic, weakest
from sdrsim.hardware.sram import sram
from sdrsim.hardware.tables import arithmetic, event, read_table, table_names, table_rows
from sdrsim.studies.cli import main as program

CARDS = Path(__file__).parents[1] / "hardware" / "cards"
NAMED = ["cmos22_lpddr4", "cmos45_ddr4", "cmos7_hbm2", "crossbar", "eyeriss_relative", "horowitz45"]
NAMED += ["loihi_davies", "loihi_sanafe", "spinnaker", "spinnaker2", "truenorth"]

# ---- quantities ---------------------------------------------------------------------------------------------------


def q(value=2.0, unit="pJ/op", source="a paper", grade="B", **more):
    return Quantity(value, unit, source, grade, **more)


def test_ranges_reach_over_bounds_and_other_sources():
    plain, bounded = q(), q(bounds=(1, 5))
    disputed = q(bounds=(1, 5), alternatives=(q(7000, "fJ/op", bounds=(500, 9000)),))
    assert (plain.low, plain.high) == (2, 2)
    assert (bounded.low, bounded.high) == (1, 5)
    assert (disputed.low, disputed.high) == (0.5, 9)


def test_units_convert():
    assert q(1.5, "nJ/op").to("pJ/op").value == 1500
    assert q(29, "mW").to("W").value == pytest.approx(0.029)
    both = q(2, "us", bounds=(1, 4), alternatives=(q(500, "ns"),)).to("ns")
    assert (both.value, both.low, both.high, both.unit) == (2000, 500, 4000, "ns")
    assert conversion("GB/s", "B/s") == 1e9
    for one, other in (("pJ/op", "pJ/bit"), ("pJ/op", "W"), ("RF/op", "pJ/op"), ("KiB", "B/s")):
        with pytest.raises(ParameterError, match="expected a unit like"):
            conversion(one, other)
    with pytest.raises(ParameterError, match="did you mean pJ/op"):
        conversion("pj/op", "pJ/op")


def test_sums_carry_the_weakest_grade_and_all_ranges():
    total = 3 * q(bounds=(1, 4), node_nm=45) + q(1000, "fJ/op", "another", "C", node_nm=22)
    assert (total.value, total.low, total.high) == (7, 4, 13)
    assert (total.grade, total.node_nm, total.source) == ("C", None, "a paper + another")
    assert (q(node_nm=45) + q(node_nm=45)).node_nm == 45
    assert (2 * q(alternatives=(q(5000, "fJ/op"),))).high == 10


def test_grades():
    assert GRADES == ("A", "B", "C", "user")
    assert [q(grade=g).verified for g in GRADES] == [True, True, False, False]
    assert weakest(["B", "user", "C"]) == "user"
    assert weakest([]) == "A"
    changed = q(alternatives=(q(9),), bounds=(1, 3), note="x").replaced(5)
    assert (changed.value, changed.low, changed.high, changed.grade, changed.source) == (5, 5, 5, "user", "user")
    assert q(grade="user").lowered("why").grade == "user"
    assert (q(note="a").lowered("b").grade, q(note="a").lowered("b").note) == ("C", "a; b")


def test_logic_scales_when_asked():
    assert scaled_logic(q(9, node_nm=45), 15).value == 3
    half = scaled_logic(q(8, node_nm=45, vdd=1.0, bounds=(4, 16)), 45, vdd=0.5)
    assert (half.value, half.low, half.high, half.grade, half.vdd) == (2, 1, 4, "C", 0.5)
    with pytest.raises(ParameterError, match="node_nm"):
        scaled_logic(q(), 22)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": ""},
        {"source": "  "},
        {"unit": ""},
        {"unit": "pJ/apple"},
        {"grade": "D"},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": True},
        {"value": "2"},
        {"bounds": (3, 4)},
        {"bounds": (1, float("inf"))},
        {"node_nm": 0},
        {"vdd": -1},
        {"alternatives": (q(1, "ns"),)},
    ],
)
def test_numbers_that_are_none(wrong):
    with pytest.raises(ParameterError, match="expected"):
        q(**wrong)


# ---- tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", table_names())
def test_every_number_has_unit_source_and_grade(name):
    rows = table_rows(name)
    assert len(rows) >= 6
    for row in rows:
        assert row["source"]
        assert row["unit"]
        assert row["grade"] in "ABC"
        assert row["verified"] == (row["grade"] != "C")
        numbers = [v for k, v in row.items() if isinstance(v, float) and k != "node_nm"]
        assert numbers or row.get("chip") == "Loihi2"
    lines = (CARDS.parent / "tables" / f"{name}.csv").read_text(encoding="utf-8").split("\n")
    head = " ".join(line for line in lines if line.startswith("#"))
    assert all(word in head for word in ("source", "grade", "A: "))


def test_table_lookups():
    assert arithmetic("mul_int32", 45).value == 3.1
    assert (arithmetic("dram", 45).low, arithmetic("dram", 45).high) == (1300, 2600)
    assert arithmetic("rel_dram").unit == "RF/word"
    assert [arithmetic(f"sram_{size}", 7).verified for size in ("8KB", "32KB", "1MB")] == [False] * 3
    with pytest.raises(ParameterError, match="one of 45, 7, 32"):
        arithmetic("add_int8")
    with pytest.raises(ParameterError, match="did you mean add_int8"):
        arithmetic("add_int9", 45)
    with pytest.raises(ParameterError, match="did you mean sram_cacti"):
        table_rows("sram_cactus")


def test_sources_that_disagree_all_stand():
    for chip, low, high in (("TrueNorth", 2.5, 26), ("SpiNNaker1", 45, 13_300), ("SpiNNaker2", 10, 450)):
        synop = event(chip, "synop")
        assert (synop.low, synop.high, len(synop.alternatives)) == (low, high, 1)
    assert event("SpiNNaker1", "synop").value == 13_300
    with pytest.raises(ParameterError, match="published number"):
        event("Loihi2", "synop")


HEAD = "item,value,unit,node_nm,source,grade\n"


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("x,1,pJ,45,,A", "line 3: got numbers without source"),
        ("x,1,,45,paper,A", "line 3: got numbers without unit"),
        ("x,1,pJ,45,paper,", "line 3, grade"),
        ("x,1,pJ,45,paper,D", "line 3, grade"),
        ("x,one,pJ,45,paper,A", "line 3, value"),
        ("x,1,pJ,45,paper", "line 3: got 5 cells"),
    ],
)
def test_tables_refuse(tmp_path, line, match):
    path = tmp_path / "t.csv"
    path.write_text(f"# for readers\n{HEAD}{line}\n", encoding="utf-8")
    with pytest.raises(FileFormatError, match=match):
        read_table(path)


# ---- shipped cards ------------------------------------------------------------------------------------------------


def test_names():
    assert list(Card.names()) == NAMED
    assert {path.stem for path in CARDS.glob("*.toml")} == {*NAMED, "template"}


@pytest.mark.parametrize("name", NAMED)
def test_every_number_of_a_card_has_unit_source_and_grade(name):
    card = Card.load(name)
    assert card.quantities()
    for path, quantity in card.quantities().items():
        assert quantity.source, path
        assert quantity.unit, path
        assert quantity.low >= 0, path
    assert card.weakest_grade in ("A", "B", "C")
    assert card.name in repr(card)
    assert card.title
    table = card.table()
    assert len(table) == len(card.quantities())
    assert [g != "C" for g in table["grade"]] == table["verified"].tolist()


@pytest.mark.parametrize("name", NAMED)
def test_numbers_read_in_a_source_are_those_of_the_tables(name):
    """A and B in the files: value, unit and source also stand in a table; no second copy that drifts."""
    known = set()
    for table in ("arithmetic_energy", "neuromorphic_events"):
        for row in table_rows(table):
            known |= {(value, row["source"]) for value in (row["value"], row.get("value_hi")) if value is not None}
    content = tomllib.loads((CARDS / f"{name}.toml").read_text(encoding="utf-8"))
    checked = 0
    for place in [content, content.get("compute", {}), content.get("mesh", {}), *content.get("levels", [])]:
        for number in place.values():
            for one in [number, *number.get("alternatives", [])] if isinstance(number, dict) else []:
                if one.get("grade") in ("A", "B") and one["value"] > 0:
                    assert (one["value"], one["source"]) in known, one
                    checked += 1
                if "high" in one and one["grade"] in ("A", "B"):
                    assert (one["high"], one["source"]) in known, one
    assert checked or name == "eyeriss_relative" or name == "cmos7_hbm2"


def test_default_card():
    card = Card.load("cmos45_ddr4")
    assert [level.name for level in card.levels] == ["core", "global", "dram"]
    assert [level.name for level in card.on_chip] == ["core", "global"]
    assert card.level("global").e_read == sram(1 << 20).e_read
    assert card.level("global").leakage.unit == "W"
    assert card.level("dram").e_act.value == pytest.approx(3450.144)
    assert card.level("dram").e_io.value == 10
    assert (card.level("dram").burst_bytes, card.level("dram").page_bytes) == (64, 8192)
    assert (card.level("core").burst_bytes, card.level("core").page_bytes) == (8, None)
    assert card.op("mul_int8") == arithmetic("mul_int8", 45)
    assert card.missing_operations() == card.unknown_numbers() == []
    assert card.nodes == (32, 45)  # said, not scaled
    for name in ("cmos22_lpddr4", "cmos7_hbm2"):
        assert Card.load(name).missing_operations() == Card.load(name).unknown_numbers() == []


def test_nearer_memories_are_cheaper():
    for name in ("cmos45_ddr4", "cmos22_lpddr4", "cmos7_hbm2", "horowitz45", "eyeriss_relative"):
        card = Card.load(name)
        per_bit = [level.e_read.value / level.word_bits for level in card.levels if level.e_read is not None]
        if (far := card.levels[-1]).dram is not None:
            per_bit.append(far.e_rd.value / (8 * far.burst_bytes) + far.e_io.value)
        assert len(per_bit) == 3
        assert all(a < b for a, b in pairwise(per_bit)), name


def test_event_cards():
    loihi = Card.load("loihi_sanafe")
    assert (loihi.op("synop").value, loihi.mesh.e_inject.value, loihi.basis) == (35.5, 111, "event")
    assert (loihi.mesh.e_hop_x.value, loihi.mesh.e_hop_y.value) == (3.0, 4.2)
    assert (loihi.mesh.width, loihi.mesh.height, loihi.mesh.cores_per_tile) == (8, 4, 4)
    assert (loihi.barrier.value, loihi.barrier.high, loihi.barrier.unit) == (600, 1800, "ns")
    least = Card.load("loihi_davies")
    assert (least.op("synop").value, least.op("synop").high) == (23.6, 27.1)
    assert least.static_power.value == pytest.approx(0.029)
    for name, low, value, high in (
        ("truenorth", 2.5, 26, 26),
        ("spinnaker", 45, 13_300, 13_300),
        ("spinnaker2", 10, 450, 450),
    ):
        synop = Card.load(name).op("synop")
        assert (synop.low, synop.value, synop.high) == (low, value, high)


def test_closed_form_of_sanafe_from_the_card():
    """Its printed totals: 10 sources to 10 targets, ten steps, core 0 to core 127 (7 hops east, 3 north)."""
    card, a, b, n_steps = Card.load("loihi_sanafe"), 10, 10, 10
    mesh = card.mesh
    synapse = card.op("synop").value * a * b * n_steps
    packets = a * n_steps
    network = packets * (mesh.e_inject.value + 7 * mesh.e_hop_x.value + 3 * mesh.e_hop_y.value)
    access, update, spike = (card.op(f"soma_{what}").value for what in ("access", "update", "spike"))
    soma = (access + update + spike) * a * n_steps + access * b * n_steps + update * b * (n_steps - 1)
    assert synapse == pytest.approx(35_500, rel=1e-9)
    assert network == pytest.approx(14_460, rel=1e-9)
    assert soma == pytest.approx(21_274, rel=1e-9)
    assert synapse + network + soma == pytest.approx(71_234, rel=1e-9)


def test_flat_and_relative_dram():
    flat = Card.load("horowitz45").level("dram")
    assert (flat.e_read.value, flat.e_read.high, flat.e_io.value, flat.dram) == (1300, 2600, 0, None)
    relative = Card.load("eyeriss_relative")
    prices = [level.e_read.value for level in relative.levels]
    assert prices == [1, 6, 200]
    assert relative.mesh.e_hop_x.value == 2
    assert relative.level("dram").e_read.unit == "RF/word"
    assert not any(quantity.verified for quantity in relative.quantities().values())


def test_crossbar_pays_one_conversion_a_column():
    card = Card.load("crossbar")
    dac, adc, cell = (card.op(name).value for name in ("dac", "adc", "cell_read"))
    read = card.crossbar_read(64, 1024)
    assert read.value == pytest.approx(64 * dac + 1024 * (64 * cell + adc))
    assert read.grade == "C"
    assert read.low < read.value < read.high
    one_row = card.crossbar_read(1, 1024).value / 1024
    assert one_row > sram(1 << 20, 1024).e_read.value / 1024  # a single row: the converter costs more than the SRAM
    assert card.crossbar_read(64, 1024).value / 64 / 1024 < sram(1 << 20, 1024).e_read.value / 1024
    with pytest.raises(ParameterError, match="operation of cmos45_ddr4"):
        Card.load("cmos45_ddr4").crossbar_read(1, 1)
    with pytest.raises(ParameterError, match="0 or more"):
        card.crossbar_read(-1, 3)


# ---- changed ------------------------------------------------------------------------------------------------------


def test_replaced_numbers_are_the_users():
    card = Card.load("cmos45_ddr4")
    mine = card.replace({"dram.e_io": 6, "mesh.e_hop_x": "500 fJ/hop"}, add_int8=np.float64(0.02), op_rate=7)
    assert mine.level("dram").e_io.value == 6
    assert (mine.mesh.e_hop_x.value, mine.mesh.e_hop_y.value) == (0.5, card.mesh.e_hop_y.value)
    assert (mine.op("add_int8").value, mine.op_rate.value) == (0.02, 7)
    changed = {path for path, number in mine.quantities().items() if number.grade == "user"}
    assert changed == set(mine.changed) == {"dram.e_io", "mesh.e_hop_x", "compute.add_int8", "op_rate"}
    assert (mine.weakest_grade, card.weakest_grade, card.changed) == ("user", "C", ())
    assert "4 replaced" in repr(mine)
    assert mine.op("add_int8").node_nm == 45
    rest = {path: number for path, number in mine.quantities().items() if path not in changed}
    assert rest == {path: number for path, number in card.quantities().items() if path not in changed}


def test_replaced_by_a_quantity_keeps_its_source():
    mine = Card.load("cmos45_ddr4").replace(e_io=Quantity(5000, "fJ/bit", "my board", "B"))
    assert (mine.level("dram").e_io.value, mine.level("dram").e_io.source) == (5, "my board")
    assert mine.level("dram").e_io.grade == "user"


def test_replaced_sizes_take_the_numbers_along():
    card = Card.load("cmos45_ddr4")
    mine = card.replace({"global.capacity_bytes": 16 << 20, "core.word_bits": 128, "core.ports": 2})
    assert mine.level("global").e_read == sram(16 << 20).e_read
    assert mine.level("global").n_banks == 16
    assert mine.level("core").e_read == sram(64 << 10, 128).e_read
    assert mine.level("core").ports == 2
    whole = mine.replace({"global.monolithic": True})
    assert whole.level("global").e_read == sram(16 << 20, monolithic=True).e_read
    hot = mine.replace({"global.cell": "hp"})
    assert hot.level("global").leakage.value == pytest.approx(100 * mine.level("global").leakage.value)
    kept = card.replace({"core.e_read": 1}).replace({"core.capacity_bytes": 8 << 10})
    assert (kept.level("core").e_read.value, kept.level("core").e_read.grade) == (1, "user")
    assert kept.level("core").e_write == sram(8 << 10).e_write
    assert kept.replace({"core.cell": "hp"}).level("core").e_read.value == 1


def test_sizes_without_a_model():
    flat = Card.load("eyeriss_relative")
    larger = flat.replace({"global.capacity_bytes": 1 << 20}).level("global")
    assert (larger.e_read.value, larger.capacity_bytes, larger.e_read.grade) == (6, 1 << 20, "C")
    assert "of another capacity" in larger.e_read.note
    dram_ = flat.replace({"dram.capacity_bytes": 1 << 30}).level("dram")
    assert "capacity" not in dram_.e_read.note
    with pytest.raises(ParameterError, match="the word its energies belong to"):
        flat.replace({"global.word_bits": 64})


def test_operations_can_be_added():
    mine = Card.load("truenorth").replace({"compute.neuron_update": 4})
    assert (mine.op("neuron_update").value, mine.op("neuron_update").unit) == (4, "pJ/op")
    assert mine.missing_operations() == []


def test_logic_of_a_card_scales_when_asked():
    card = Card.load("cmos45_ddr4")
    small = card.scale_logic(22.5)
    assert small.op("mul_int8").value == pytest.approx(card.op("mul_int8").value / 2)
    assert small.op("mul_int8").grade == "C"
    assert small.level("core") == card.level("core")


WRONG_REPLACEMENTS = {
    "unknown": ({"e_ioo": 1}, "did you mean e_io"),
    "unknown path": ({"dram.e_rdd": 1}, "did you mean dram.e_rd"),
    "several": ({"e_read": 1}, "one of core.e_read, global.e_read"),
    "negative": ({"e_io": -1}, "0 or more"),
    "no number": ({"e_io": "much"}, "a number and a unit"),
    "another unit": ({"e_io": "3 W"}, "a unit like 'pJ/bit'"),
    "not finite": ({"e_io": float("nan")}, "a finite number"),
    "None": ({"e_io": None}, "a number in pJ/bit"),
    "negative capacity": ({"global.capacity_bytes": -1}, "from 1 on"),
    "no capacity": ({"global.capacity_bytes": 0}, "from 1 on"),
    "fraction of a byte": ({"global.capacity_bytes": 0.5}, "a whole number"),
    "no ports": ({"global.ports": 0}, "a whole number from 1 on"),
    "another cell": ({"global.cell": "lop"}, "lstp or hp"),
}


@pytest.mark.parametrize("what", WRONG_REPLACEMENTS)
def test_replacements_refused(what):
    values, match = WRONG_REPLACEMENTS[what]
    with pytest.raises(ParameterError, match=match):
        Card.load("cmos45_ddr4").replace(values)


def test_unknown_names_tell_the_nearest():
    card = Card.load("cmos45_ddr4")
    for call, match in (
        (lambda: Card.load("cmos45_ddr5"), "did you mean cmos45_ddr4"),
        (lambda: Card.load("template"), "a file of your own"),
        (lambda: card.level("cores"), "did you mean core"),
        (lambda: card.op("add_int"), "did you mean add_int"),
    ):
        with pytest.raises(ParameterError, match=match):
            call()


# ---- of one's own -------------------------------------------------------------------------------------------------

GOOD = """
title = "mine"
[compute]
add_int8 = { value = 30, unit = "fJ/op", source = "a paper", grade = "B" }
[[levels]]
name = "near"
kind = "sram"
on_chip = true
capacity = "64 KiB"
e_read = { value = 3, unit = "pJ/word", source = "a paper", grade = "B" }
e_write = { value = 4, unit = "pJ/word", source = "a paper", grade = "B" }
[[levels]]
name = "far"
kind = "dram"
on_chip = false
device = "DDR4-2400"
e_io = { value = 10, unit = "pJ/bit", source = "a paper", grade = "C" }
[mesh]
e_inject = { value = 1, unit = "pJ/transfer", source = "a paper", grade = "B" }
e_hop_x = { value = 1, unit = "pJ/hop", source = "a paper", grade = "B" }
e_hop_y = { value = 1, unit = "pJ/hop", source = "a paper", grade = "B" }
"""


def load(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return Card.load(path)


def test_a_card_of_ones_own(tmp_path):
    card = load(tmp_path, GOOD)
    assert (card.name, card.op("add_int8").value) == ("mine", 0.03)
    assert card.level("near").capacity_bytes == 65536
    assert card.level("far").e_act == dram("DDR4-2400").e_act
    assert (card.mesh.width, card.mesh.flit_bits) == (None, 32)
    assert Card.load(str(tmp_path / "mine.toml")) == card


def test_template_is_a_card(tmp_path):
    card = load(tmp_path, Card.template())
    assert [level.kind for level in card.levels] == ["sram", "edram", "dram"]
    assert card.level("core").e_read == sram(64 << 10, node_nm=28).e_read
    assert card.level("global").leakage.value == pytest.approx(0.005)
    for name in ("horowitz", "tpuv4i", "HBM2_8Gb_x128_channel", "DDR3-1600_8Gb_x8", "neuron_update", "nvm"):
        assert name in Card.template()


SOURCE, UNIT = ', source = "a paper"', ', unit = "fJ/op"'
BROKEN = {  # what -> (text, by what, message)
    "no source": (UNIT + SOURCE, UNIT, "mine.toml, compute.add_int8, source"),
    "empty source": (UNIT + SOURCE, UNIT + ', source = " "', "compute.add_int8, source"),
    "no unit": (UNIT, "", "compute.add_int8, unit"),
    "no grade": (', grade = "B" }\n[[levels]]', " }\n[[levels]]", "compute.add_int8, grade"),
    "no value": ("value = 30, ", "", "compute.add_int8, value"),
    "grade of the user": ('grade = "B" }\n[[levels]]', 'grade = "user" }\n[[levels]]', "expected A, B, C"),
    "a bare number": (
        '{ value = 30, unit = "fJ/op", source = "a paper", grade = "B" }',
        "30",
        "compute.add_int8: got 30",
    ),
    "text": ("value = 30", 'value = "30"', "compute.add_int8, value: got '30'"),
    "wrong unit": ('"fJ/op"', '"fJ/bit"', "compute.add_int8, unit: got 'fJ/bit'"),
    "unknown unit": ('"fJ/op"', '"fJ/opp"', "compute.add_int8, unit"),
    "negative energy": ("value = 30", "value = -30", "compute.add_int8, value: got -30"),
    "infinite energy": ("value = 30", "value = inf", "a finite number"),
    "range beside it": ("value = 30", "value = 30, low = 31", "compute.add_int8, bounds"),
    "unknown key": ("value = 30", "value = 30, grde = 3", "did you mean grade"),
    "unknown table": ("[compute]", "[compte]", "did you mean compute"),
    "unknown level key": ('kind = "sram"', 'kind = "sram"\ncapacty = 3', "did you mean capacity"),
    "unknown kind": ('kind = "sram"', 'kind = "sran"', "did you mean sram"),
    "negative capacity": ('"64 KiB"', "-64", "level near, capacity: got -64"),
    "negative capacity, text": ('"64 KiB"', '"-64 KiB"', "level near, capacity"),
    "capacity of nothing": ('"64 KiB"', "0", "level near, capacity"),
    "capacity without unit": ('"64 KiB"', '"64 kib"', "level near, capacity, unit"),
    "capacity of joules": ('"64 KiB"', '"64 pJ"', "level near, capacity, unit"),
    "half a byte": ('"64 KiB"', '"0.5 B"', "level near, capacity"),
    "no energy": ("e_read = { value = 3", "e_rd = { value = 3", "level near"),
    "no interface": ("e_io = { value = 10", "refresh = { value = 10", "level far"),
    "unknown device": ('"DDR4-2400"', '"DDR5-4800"', "level far, DRAM device"),
    "unknown model": (
        'capacity = "64 KiB"',
        'capacity = "64 KiB"\nnode_nm = 45\nmodel = "cactus"',
        "did you mean cacti",
    ),
    "model without node": ('capacity = "64 KiB"', 'capacity = "64 KiB"\nmodel = "cacti"', "level near, node_nm"),
    "no on_chip": ("on_chip = true\n", "", "level near, on_chip"),
    "on_chip as text": ("on_chip = true", 'on_chip = "yes"', "level near, on_chip: got 'yes'"),
    "far before near": ("on_chip = true", "on_chip = false", "__order__"),
    "same name": ('name = "far"', 'name = "near"', "a name of its own"),
    "no title": ('title = "mine"', "", "mine.toml, title"),
    "basis": ('title = "mine"', 'title = "mine"\nbasis = "acess"', "access or event"),
    "mesh without hops": ("e_hop_y", "t_hop_y", "mesh"),
    "mesh of no tiles": ("[mesh]", "[mesh]\nwidth = 0", "width of the mesh"),
    "not TOML": ("[compute]", "[compute", "not TOML"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_cards_say_where(tmp_path, what):
    old, new, match = BROKEN[what]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    if what == "far before near":
        text, match = text.replace("on_chip = false\ndevice", "on_chip = true\ndevice"), "near to far"
    with pytest.raises(FileFormatError, match=match) as error:
        load(tmp_path, text)
    assert "mine.toml" in str(error.value)
    assert "expected" in str(error.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileFormatError, match="No such file"):
        Card.load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="not TOML"):
        Card.load(tmp_path / "bytes.toml")


def test_other_sources_inherit_unit_and_node(tmp_path):
    other = ', node_nm = 28, alternatives = [{ value = 90, source = "another", grade = "C" }] }\n[[levels]]'
    card = load(tmp_path, GOOD.replace(" }\n[[levels]]", other, 1))
    add = card.op("add_int8")
    assert (add.value, add.high) == (0.03, pytest.approx(0.09))
    assert (add.alternatives[0].node_nm, add.alternatives[0].grade) == (28, "C")
    worse = other.replace(', source = "another"', "")
    with pytest.raises(FileFormatError, match="alternative 1, source"):
        load(tmp_path, GOOD.replace(" }\n[[levels]]", worse, 1))


def test_parts_made_by_hand():
    near = Level("near", "reg", True, e_read=q(1, "pJ/word"), e_write=q(1, "pJ/word"))
    far = Level("far", "dram", False, e_read=q(9, "pJ/word"), e_write=q(9, "pJ/word"), e_io=q(0, "pJ/bit"))
    card = Card("hand", "made by hand", (near, far), {"add_int8": q()})
    assert card.unknown_numbers() == ["op_rate", "near.t_access", "near.leakage", "far.bandwidth"]
    assert repr(near) == "near reg"
    mesh = Mesh(q(1, "pJ/transfer"), q(1, "pJ/hop"), q(1, "pJ/hop"), width=4, height=2)
    assert repr(mesh) == "mesh of 4 x 2 tiles, 1 cores each"
    with pytest.raises(ParameterError, match="near to far"):
        Card("hand", "made by hand", (far, near))
    with pytest.raises(ParameterError, match="e_io of level far"):
        Level("far", "dram", False, e_read=q(9, "pJ/word"), e_write=q(9, "pJ/word"))
    with pytest.raises(TypeError):
        card.compute["add_int8"] = q()


# ---- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """``cli("list")`` runs ``sdrsim cards list`` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            program.main(["cards", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


def test_list(cli):
    code, out, _ = cli("list")
    assert code == 0
    assert all(name in out for name in NAMED)
    code, out, _ = cli("list", "--json")
    assert [card["name"] for card in json.loads(out)["cards"]] == NAMED


def test_show(cli):
    code, out, _ = cli("show", "truenorth")
    assert code == 0
    assert "2.5 .. 26" in out
    assert "also 2.5 [B]: Akopyan" in out
    code, out, _ = cli("show", "cmos45_ddr4", "--json")
    numbers = json.loads(out)["numbers"]
    assert {n["number"]: n["value"] for n in numbers} == {
        path: pytest.approx(number.value) for path, number in Card.load("cmos45_ddr4").quantities().items()
    }
    code, out, err = cli("show", "truenort")
    assert (code, out) == (2, "")
    assert "did you mean truenorth" in err


def test_check(cli, tmp_path):
    code, out, _ = cli("template")
    assert code == 0
    (tmp_path / "mine.toml").write_text(out, encoding="utf-8")
    code, out, _ = cli("check", "mine.toml")
    assert code == 0
    assert "nodes: 22, 28, 45 nm; nothing is scaled" in out
    assert "not verified: op_rate" in out
    assert "operations without a price: mul_int8" in out
    code, out, _ = cli("check", "mine", "--json")
    assert json.loads(out)["grades"] == {"A": 10, "B": 3, "C": 13}
    broken = (tmp_path / "mine.toml").read_text(encoding="utf-8").replace('"SENECA paper"', '""')
    (tmp_path / "mine.toml").write_text(broken, encoding="utf-8")
    code, out, err = cli("check", "mine.toml")
    assert (code, out) == (2, "")
    assert err.startswith("sdrsim: mine.toml, mesh, e_inject, source: got none; expected value, unit, source and grade")
    assert err.count("\n") == 1
    assert cli("check", "none.toml")[0] == 2
