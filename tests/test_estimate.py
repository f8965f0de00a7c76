"""Estimates: closed forms, a slow LRU twin, conservation, monotonicity, limits, bad input."""

import warnings
from collections import OrderedDict
from dataclasses import replace
from itertools import pairwise
from math import ceil, isclose, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdrsim.engine.traffic import PHASES, TRACE, Tensor, Traffic
from sdrsim.errors import CapacityError, FileFormatError, MixedNodesWarning, ParameterError
from sdrsim.files.result import write_result
from sdrsim.hardware import Card, Placement, compare, crossover, estimate
from sdrsim.hardware.pricing import span
from sdrsim.hardware.runs import as_run
from sdrsim.hardware.sensitivity import tornado

KB = 1024
DDR4 = Card.load("cmos45_ddr4")


def retrieval(n_rows=64, row_bytes=2048, read=64, **counts):
    made = Traffic(tensors={"W": Tensor(n_rows, row_bytes)})
    made.add("W", "retrieve", rows_read=read, words_read=read * ceil(row_bytes / 8), **counts)
    return made


def one_bank(kilobytes, write_share=None):
    """The default card with one monolithic memory of this size on the chip."""
    level = replace(DDR4.level("global"), monolithic=True, capacity_bytes=1).resized(capacity_bytes=kilobytes * KB)
    if write_share is not None:
        level = replace(level, e_write=level.e_read * write_share)
    return replace(DDR4, levels=(level, DDR4.level("dram")))


# ---- closed forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kilobytes", "hit", "on_chip", "off_chip"),
    [(64, 0.002, 0.73, 16.68), (1024, 0.031, 2.87, 16.19), (16384, 0.5, 8.35, 8.36), (32768, 1.0, 7.85, 0.0)],
)
def test_uniform_rows_of_a_32_megabyte_memory_cost_what_the_closed_form_says(kilobytes, hit, on_chip, off_chip):
    """16,384 x 16,384 bits, 64 active rows: fills cost .9 of a read, one activate a row, 10 pJ/bit of interface."""
    run = retrieval(16384, 2048)
    place = Placement(on_chip_bytes=kilobytes * KB, policy="cache", popularity="uniform")
    report = estimate(run, one_bank(kilobytes, 0.9), place)
    split = report.split()
    assert split["on_chip"]["weight"] / 1e6 == pytest.approx(on_chip, rel=0.01, abs=0.005)
    assert split["off_chip"]["weight"] / 1e6 == pytest.approx(off_chip, rel=0.01)
    n, _, _ = report.counted.ledger.total(what="fill")
    assert 1 - n / (64 * 256) == pytest.approx(hit, abs=0.01)
    assert any("uniform bound" in note for note in report.notes)


def test_events_beat_dense_reading_below_the_published_shares():
    wide, narrow = DDR4.level("global").resized(word_bits=1024), DDR4.level("global")
    adds = 1024 * DDR4.op("add_int8").value
    dense = wide.e_read.value + adds
    event = 16 * narrow.e_read.value + adds
    assert crossover(dense, event, 111) == pytest.approx(0.479, rel=0.01)
    dram = DDR4.level("dram").dram
    assert dram is not None
    streamed = 2 * dram.e_rd.value + dram.e_act.value / 64
    alone = 2 * dram.e_rd.value + dram.e_act.value
    assert crossover(streamed, alone) == pytest.approx(0.635, rel=0.01)
    assert crossover(3.0, 1.0) == 1.0


def test_a_pinned_run_costs_words_and_operations_and_no_more():
    report = estimate(retrieval(64, 128, synops=64 * 1024, sums=1024, compares=5, random_numbers=3), DDR4, 1 << 20)
    words = report.counted.ledger.total(role="weight", what="read")[0]
    assert words == 64 * 16
    core = report.counted.chip.near[0]
    split = report.split()
    assert split["on_chip"]["weight"] == pytest.approx(words * core.e_read.value)
    price = {op: DDR4.op(op).value for op in ("add_int8", "neuron_update", "compare", "rng")}
    expected = 65536 * price["add_int8"] + 1024 * price["neuron_update"] + 5 * price["compare"] + 3 * price["rng"]
    assert split["on_chip"]["compute"] == pytest.approx(expected)
    sums = 1024 * 16 // 64
    assert split["on_chip"]["state"] == pytest.approx(sums * (core.e_read.value + core.e_write.value))
    assert split["off_chip"] == pytest.approx(
        {**dict.fromkeys(split["off_chip"], 0.0), "static": report.static_pj - split["on_chip"]["static"]}
    )
    assert report.bytes_moved(on_chip=False) == 0
    assert report.pj_per_synop() == pytest.approx(report.dynamic_pj / 65536)


@pytest.mark.parametrize(
    ("element", "arithmetic", "operations"),
    [
        ("bit", "add", {"add_int8": 7}),
        ("uint8", "add", {"add_int8": 7}),
        ("int32", "add", {"add_int32": 7}),
        ("float32", "add", {"add_fp32": 7}),
        ("float64", "add", {"add_fp32": 7}),
        ("int8", "mac", {"mac_int8": 7}),
        ("float32", "mac", {"mul_fp32": 7, "add_fp32": 7}),
        ("bit", "popcount", {"and_popcnt_64": 16}),
    ],
)
def test_operations_follow_the_elements(element, arithmetic, operations):
    run = Traffic(tensors={"W": Tensor(4, 64, element=element, arithmetic=arithmetic)})
    run.add("W", "retrieve", rows_read=2, words_read=16, synops=7)
    report = estimate(run, DDR4)
    table = report.table(("role", "what")).where(role="compute")
    assert dict(zip(table["what"].tolist(), table["n"].tolist())) == operations
    assert any("lower bound" in note for note in report.notes) == (element == "float64")


def test_a_dram_read_directly_pays_bursts_activates_and_interface():
    report = estimate(retrieval(64, 200, read=10), DDR4, 0)
    dram = DDR4.level("dram")
    assert report.counted.ledger.total(what="read")[:2] == (40, 40 * 64)  # 200 bytes: 4 bursts of 64
    assert report.counted.ledger.total(what="activate")[0] == 10
    bits = 40 * 64 * 8
    expected = 40 * dram.e_rd.value + 10 * dram.e_act.value + bits * dram.e_io.value
    assert report.split()["off_chip"]["weight"] == pytest.approx(expected)
    assert report.useful_fraction("W") == pytest.approx(200 / 256)


def test_event_cards_price_events_and_routes_add_hops():
    card = Card.load("loihi_sanafe")
    run = retrieval(64, 128, read=10, synops=500, sums=40)
    here = estimate(run, card, Placement())
    assert here.split()["on_chip"]["compute"] == pytest.approx(500 * 35.5 + 40 * (51.2 + 21.6))
    assert here.split()["on_chip"]["network"] == pytest.approx(10 * 111)
    far = estimate(run, card, Placement(routes={"W": (0, 127)}))
    assert far.split()["on_chip"]["network"] == pytest.approx(10 * (111 + 7 * 3.0 + 3 * 4.2))


@pytest.mark.filterwarnings("ignore::sdrsim.errors.MixedNodesWarning")
def test_a_crossbar_pays_converters_by_sums_and_no_weight_moves():
    report = estimate(retrieval(64, 128, read=10, synops=10 * 1024, sums=1024, compares=9), "crossbar")
    card = Card.load("crossbar")
    n = {op: report.counted.ledger.total(what=op)[0] for op in ("dac", "adc", "cell_read", "compare")}
    assert n == {"dac": 10, "adc": 1024, "cell_read": 10240, "compare": 9}
    expected = 10 * card.op("dac").value + 1024 * (card.op("adc").value + card.op("shift_add").value)
    assert report.split()["on_chip"]["weight"] == pytest.approx(expected + 10240 * card.op("cell_read").value)
    assert any("one crossbar array" in note for note in report.notes)


@pytest.mark.filterwarnings("ignore::sdrsim.errors.MixedNodesWarning")
def test_a_matrix_as_large_as_the_crossbar_fits_and_no_larger():
    size = Card.load("crossbar").level("array").capacity_bytes
    assert size is not None
    assert estimate(retrieval(1024, size // 1024, read=3, sums=8, code_bits=50), "crossbar").total_pj > 0
    with pytest.raises(CapacityError, match="1,024 bytes more"):
        estimate(retrieval(1024, size // 1024 + 1, read=3), "crossbar")


# ---- a slow twin, laws ----------------------------------------------------------------------------------------------

SIZES = {"A": Tensor(9, 64), "B": Tensor(6, 160)}


@st.composite
def traced(draw):
    """Some accesses of two arrays in two phases, with the counters that belong to them."""
    steps = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
    trace, made = [], Traffic(tensors=dict(SIZES))
    for which, row, learn in steps:
        name, phase = "AB"[which], "learn" if learn else "retrieve"
        words = SIZES[name].row_bytes // 8
        trace.append((which, row, False, PHASES.index(phase)))
        made.add(name, phase, rows_read=1, words_read=words, synops=3, code_bits=5)
        if learn:
            trace.append((which, row, True, PHASES.index(phase)))
            made.add(name, phase, words_written=words)
    made.trace = np.array(trace, TRACE)
    return made


class PlainLru:
    """Rows in bytes, least recently used first; loads and write-backs by array."""

    def __init__(self, room):
        self.room, self.held = room, OrderedDict()
        self.loads, self.backs = {"A": 0, "B": 0}, {"A": 0, "B": 0}

    def touch(self, name, row, write):
        key, size = (name, row), SIZES[name].row_bytes
        dirty = self.held.pop(key, None)
        if dirty is None:
            self.loads[name] += 1
        self.held[key] = bool(dirty) or write
        while sum(SIZES[n].row_bytes for n, _ in self.held) > self.room:
            (gone, _), changed = self.held.popitem(last=False)
            self.backs[gone] += changed
        return size


@settings(max_examples=150, deadline=None)
@given(traced(), st.integers(3, 20))
def test_a_cached_run_equals_a_plain_lru(run, blocks):
    room = 160 * blocks
    report = estimate(run, one_bank(1), Placement(on_chip_bytes=room + 10_000, accumulator_bits=1))
    left = report.counted.chip.capacity_bytes
    from sdrsim.hardware.buffers import buffer_bytes

    left -= buffer_bytes(as_run(run), report.placement)
    twin = PlainLru(left)
    for which, row, write, _ in run.trace.tolist():
        twin.touch("AB"[which], row, write)
    dram = DDR4.level("dram")
    for name, tensor in SIZES.items():
        bursts = ceil(tensor.row_bytes / dram.burst_bytes)
        total = report.counted.ledger.total
        assert total(projection=name, level="dram", what="read", role="weight")[0] == twin.loads[name] * bursts
        assert total(projection=name, level="dram", what="write", role="weight")[0] == twin.backs[name] * bursts
        assert total(projection=name, what="fill")[0] == twin.loads[name] * tensor.row_bytes // 8


@settings(max_examples=60, deadline=None)
@given(traced(), st.sampled_from(["auto", "pin", "stream", "off_chip", "cache"]), st.integers(8, 64), st.booleans())
def test_everything_adds_up(run, policy, kilobytes, sram):
    place = Placement(on_chip_bytes=kilobytes * KB, policy=policy, accumulators="sram" if sram else "reg")
    report = estimate(run, DDR4, place)
    for by in (("level",), ("role", "phase"), ("on_chip",), ("projection", "what"), ("number",)):
        table = report.table(by)
        assert int(table["bytes"].sum()) == report.bytes_moved(True) + report.bytes_moved(False)
        assert isclose(table["pj"].sum(), report.total_pj, rel_tol=1e-12)
    assert sum(
        report.bytes_moved(True, role) for role in ("weight", "activation", "state", "network")
    ) == report.bytes_moved(True)
    assert sum(sum(roles.values()) for roles in report.split().values()) == report.total_pj
    assert report.low_pj <= report.total_pj <= report.high_pj
    whole = estimate(run, DDR4, place)
    parts = [estimate(run, DDR4, place, phase=phase) for phase in as_run(run).phases]
    compute = [r.split()["on_chip"]["compute"] for r in (whole, *parts)]
    assert isclose(compute[0], sum(compute[1:]), rel_tol=1e-12)


@settings(max_examples=60, deadline=None)
@given(traced())
def test_bytes_off_the_chip_never_rise_with_capacity(run):
    sizes = [0, 256, 512, 1024, 2048, 4096, 1 << 16]
    moved = [
        estimate(run, DDR4, Placement(on_chip_bytes=size)).bytes_moved(on_chip=False, role="weight") for size in sizes
    ]
    assert all(a >= b for a, b in pairwise(moved[1:]))
    first = {(w, r) for w, r, _, _ in run.trace.tolist()}
    bursts = sum(ceil(SIZES["AB"[w]].row_bytes / 64) for w, _ in first)
    assert moved[-1] == 64 * bursts


def test_energy_of_a_bit_rises_with_the_size_of_its_memory():
    energies = [
        estimate(retrieval(4, 64), one_bank(k), k * KB).split()["on_chip"]["weight"] for k in (8, 64, 1024, 8192)
    ]
    assert energies == sorted(energies)


def test_nothing_on_the_chip_puts_everything_off_it():
    report = estimate(retrieval(64, 64, synops=10, sums=8, code_bits=100), DDR4, 0)
    assert report.bytes_moved(on_chip=True) == 0
    assert {m.role for m in report.counted.ledger if not m.on_chip} == {"weight", "activation", "state"}


def test_a_batch_shares_rows_and_one_item_shares_nothing():
    run = retrieval(100, 64, read=1000)
    alone = estimate(run, DDR4, Placement(batch=1), n_items=100)
    shared = estimate(run, DDR4, Placement(batch=16), n_items=100)
    words = [r.counted.ledger.total(role="weight")[0] for r in (alone, shared)]
    distinct = 100 * (1 - 0.9**16)
    assert words == [8000, ceil(8000 * distinct / (16 * 10))]
    assert any("batches of 16" in note for note in shared.notes)
    for policy in ("off_chip", "stream"):
        moved = [
            estimate(run, DDR4, Placement(batch=b, policy=policy, on_chip_bytes=2 * KB), n_items=100).bytes_moved(False)
            for b in (1, 16)
        ]
        assert moved[1] == 64 * ceil(1000 * distinct / (16 * 10))
        assert moved[0] == 64 * 1000


def test_silent_stores_are_not_written_unless_asked():
    run = Traffic(tensors={"W": Tensor(8, 64)})
    run.add("W", "learn", rows_read=4, words_read=10, words_written=10, words_silent=7)
    n = [
        estimate(run, DDR4, Placement(silent_store=s)).counted.ledger.total(what="write", role="weight")[0]
        for s in (True, False)
    ]
    assert n == [3, 10]


def test_streamed_arrays_are_loaded_once_where_they_fit_and_every_time_where_not():
    run = retrieval(100, 64, read=1000)
    fits = estimate(run, DDR4, Placement(on_chip_bytes=1 << 20, policy="stream"))
    over = estimate(run, DDR4, Placement(on_chip_bytes=4 * KB, policy="stream"))
    assert fits.counted.ledger.total(level="dram", what="read")[0] == 100
    assert over.counted.ledger.total(level="dram", what="read")[0] == 1000
    assert over.counted.ledger.total(level="dram", what="activate")[0] == ceil(1000 * 64 / 8192)


def test_assumed_bits_scale_rows_and_are_said():
    run = Traffic(tensors={"W": Tensor(16, 256, element="float32", arithmetic="mac")})
    run.add("W", "retrieve", rows_read=16, words_read=16 * 32, synops=16 * 64)
    plain, byte = estimate(run, DDR4), estimate(run, DDR4, Placement(weight_bits=8))
    n = [r.counted.ledger.total(role="weight", what="read")[0] for r in (plain, byte)]
    assert n == [512, 128]
    assert byte.counted.ledger.total(what="mac_int8")[0] == 1024
    assert any("assumed, not simulated" in note for note in byte.notes)


def test_codes_travel_as_addresses_or_bitmaps_or_what_is_shorter():
    for code_bits, shorter in ((1000, 1000), (99_000, 10 * (64 + 1024))):
        run = retrieval(64, 128, read=80, sums=10, code_bits=code_bits)
        moved = {}
        for encoding in ("aer", "bitmap", "auto"):
            report = estimate(run, DDR4, Placement(encoding=encoding), n_items=10)
            _, moved[encoding], _ = report.counted.ledger.total(role="activation", what="read")
        words = {
            name: 8 * ceil((bits - bits // 2) / 64)
            for name, bits in (("aer", code_bits), ("bitmap", 10 * 1088), ("auto", shorter))
        }
        assert moved == words
    with pytest.raises(ParameterError, match="for bitmaps"):
        estimate(run, DDR4, Placement(encoding="bitmap"))


def test_codes_are_read_where_they_come_in_and_written_where_they_go_out():
    """Of the bits that a projection counts, half came in; the other side of each move is counted by the other end."""
    run = retrieval(64, 128, read=8, code_bits=6400)
    total = estimate(run, DDR4).counted.ledger.total
    assert (total(role="activation", what="read")[0], total(role="activation", what="write")[0]) == (50, 50)


def test_rows_written_from_end_to_end_are_not_loaded():
    made = {}
    for words in (32, 31):
        run = Traffic(tensors={"W": Tensor(100, 256)})
        run.add("W", "learn", words_written=100 * words)
        run.trace = np.array([(0, i, True, PHASES.index("learn")) for i in range(100)], TRACE)
        report = estimate(run, DDR4, Placement(on_chip_bytes=4 * KB))
        made[words] = [report.counted.ledger.total(level="dram", what=what)[0] for what in ("read", "write")]
    assert made[32][0] == 0
    assert made[31][0] == 100 * 4
    assert made[32][1] == made[31][1] > 0


def test_placements_show_what_is_not_as_usual():
    text = repr(Placement(1024, batch=4, spill="activations", tensors={"W": "pin"}, routes={"W": (0, 3)}))
    assert text == "Placement(1 KiB on the chip, auto, W=pin, spill='activations', batch=4, W over 0 -> 3)"
    assert repr(Placement()) == "Placement(the card's own memories, auto)"


def test_codes_and_sums_compete_with_the_rows():
    run = retrieval(8, 512, read=80, sums=4096 * 10, code_bits=4096)
    run.trace = np.array([(0, i % 8, False, 0) for i in range(80)], TRACE)
    first, last = (estimate(run, DDR4, Placement(on_chip_bytes=6 * KB, spill=s)) for s in ("weights", "activations"))
    assert first.bytes_moved(False, "state") < last.bytes_moved(False, "state")
    assert first.bytes_moved(False, "weight") > last.bytes_moved(False, "weight")


def test_time_is_the_longest_or_the_sum_and_energy_follows():
    run = retrieval(64, 128, read=640, synops=64 * 10240)
    full, none = (
        estimate(run, DDR4, Placement(overlap=o, on_chip_bytes=KB, policy="off_chip")) for o in ("full", "none")
    )
    parts = [full.times.compute, *full.times.levels.values()]
    assert full.time_ns == max(parts)
    assert none.time_ns == pytest.approx(sum(parts))
    assert full.times.compute == pytest.approx(64 * 10240 / 64)
    slow = estimate(run, DDR4, Placement(on_chip_bytes=KB, policy="off_chip", dram_time="latency"))
    assert slow.time_ns > full.time_ns
    assert full.edp == full.total_pj * full.time_ns
    assert full.power_w == pytest.approx(full.total_pj / full.time_ns / 1000)


def test_roofline_of_single_bits_off_the_chip():
    run = retrieval(1024, 1024, read=1000, synops=1000 * 8192)
    roof = estimate(run, DDR4, 0).roofline()
    assert roof.intensity == pytest.approx(8)
    assert roof.bound == "compute"
    assert roof.ridge == pytest.approx(64e9 / roof.bandwidth)
    assert estimate(retrieval(8, 64, synops=9), DDR4).roofline().intensity == float("inf")


def test_ranges_come_from_the_numbers_or_their_grades():
    report = estimate(retrieval(64, 64), DDR4, 0)
    table = tornado(report)
    assert table["swing_pj"].tolist() == sorted(table["swing_pj"].tolist(), reverse=True)
    prices, slower = table.where(kind="price"), table.where(kind="time")
    low, _, high = report.bounds(time=False)
    assert sum(prices["low_pj"] - report.total_pj) == pytest.approx(low - report.total_pj)
    assert sum(prices["high_pj"] - report.total_pj) == pytest.approx(high - report.total_pj)
    assert slower["number"].tolist() == ["dram.bandwidth"]
    half = estimate(retrieval(64, 64), DDR4.replace({"dram.bandwidth": DDR4.level("dram").bandwidth.value / 1.1}), 0)
    assert slower["high_pj"][0] == pytest.approx(half.total_pj)
    assert report.low_pj < low
    assert report.high_pj > high
    e_io = DDR4.level("dram").e_io
    assert e_io is not None
    assert span(e_io) == (5, 10, 20)
    assert report.weakest_grade == "C"
    assert estimate(retrieval(64, 64), DDR4.replace(e_io=6.0), 0).notes[-1] == "changed by the user: dram.e_io"


def test_mixed_nodes_warn_once_and_are_named():
    with pytest.warns(MixedNodesWarning, match="7, 22 nm"):
        report = estimate(retrieval(64, 64), "cmos7_hbm2")
    assert report.nodes == (7, 22)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        compare({"a": {"traffic": retrieval(), "n_items": 1}}, ["cmos7_hbm2"], [4 * KB, 1 << 20])
    assert len([w for w in caught if issubclass(w.category, MixedNodesWarning)]) == 1


def test_reports_name_machine_node_grade_and_what_is_left_out():
    text = repr(estimate(retrieval(64, 64, synops=3), "truenorth"))
    assert "TrueNorth (28 nm)" in text
    assert "weakest grade: C" in text
    assert "not counted" in text
    assert "time of op_rate" in text
    assert len(estimate(retrieval(), DDR4)._repr_html_()) > 100


# ---- files, comparisons ---------------------------------------------------------------------------------------------


def test_a_file_is_priced_like_the_run(tmp_path):
    run = retrieval(64, 128, synops=9, sums=8, code_bits=70)
    run.trace = np.array([(0, i % 64, False, 0) for i in range(64)], TRACE)
    path = write_result(tmp_path / "a.h5", {}, {}, 0, traffic=run)
    a, b = estimate(run, DDR4, 4 * KB), estimate(path, DDR4, 4 * KB)
    assert a.table() == b.table()
    plain = write_result(tmp_path / "b.h5", {}, {}, 0, traffic=run.without_trace())
    assert estimate(plain, DDR4, 1 << 20).total_pj > 0
    with pytest.raises(FileFormatError, match="no traffic"):
        estimate(write_result(tmp_path / "c.h5", {}, {}, 0), DDR4)


def test_comparing_gives_a_row_each_and_parts_that_add_up():
    runs = {
        "a": {"traffic": retrieval(64, 128, synops=9), "n_items": 4, "score": 0.5, "bits": 2.0},
        "b": {"traffic": retrieval(64, 64), "n_items": 1},
    }
    table = compare(runs, [DDR4, "horowitz45"], [4 * KB, Placement(on_chip_bytes=1 << 20)], phase="retrieve")
    assert len(table) == 8
    assert table["score"].tolist()[:4] == [0.5] * 4
    assert np.isnan(table["score"][4:]).all()
    assert (table["pj_per_bit"][:4] == table["pj"][:4] / 2).all()
    for i, row in enumerate(table.rows()):
        mine = table.parts.where(memory=row["memory"], card=row["card"], on_chip_bytes=row["on_chip_bytes"])
        assert mine["pj"].sum() == pytest.approx(row["pj"])
        assert table.reports[i].total_pj == pytest.approx(row["pj"] * runs[row["memory"]]["n_items"])


# ---- bad input ------------------------------------------------------------------------------------------------------


def test_a_cache_without_a_trace_is_refused_or_labelled():
    run = retrieval(16384, 2048)
    with pytest.raises(ParameterError, match="no trace of the run"):
        estimate(run, DDR4, Placement(policy="cache"))
    assert "uniform bound" in estimate(run, DDR4, 1 << 20).notes[0]
    zipf = estimate(run, DDR4, Placement(popularity=0.9, on_chip_bytes=1 << 20))
    assert zipf.bytes_moved(False) < estimate(run, DDR4, 1 << 20).bytes_moved(False)
    assert "Zipf law of exponent 0.9" in zipf.notes[0]


def test_pins_that_do_not_fit_say_how_much_is_missing():
    with pytest.raises(CapacityError, match=r"127,072 bytes more than there is room for"):
        estimate(retrieval(64, 2048), DDR4, Placement(on_chip_bytes=4000, policy="pin"))
    with pytest.raises(CapacityError, match="no memory off the chip"):
        estimate(retrieval(1 << 15, 1 << 12), "truenorth", Placement(policy="off_chip"))
    with pytest.raises(ParameterError, match="pin:cache"):
        estimate(retrieval(), DDR4, Placement(tensors={"W": "pin:cache"}))


def test_traces_must_list_what_was_counted():
    run = retrieval(64, 64, read=10)
    run.trace = np.array([(0, i, False, 0) for i in range(9)], TRACE)
    with pytest.raises(ParameterError, match="got 9 rows read; expected 10"):
        estimate(run, DDR4)
    run.trace = np.array([(3, 1, False, 0)], TRACE)
    with pytest.raises(ParameterError, match="unknown arrays"):
        estimate(run, DDR4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_chip_bytes": -1}, "on_chip_bytes"),
        ({"on_chip_bytes": 1.5}, "on_chip_bytes"),
        ({"policy": "cahce"}, "did you mean cache"),
        ({"tensors": {"W": "cache:core"}}, "pin:LEVEL"),
        ({"popularity": "zipf"}, "exponent"),
        ({"popularity": -0.5}, "exponent"),
        ({"popularity": nan}, "exponent"),
        ({"gated_fraction": 1.5}, "gated_fraction"),
        ({"batch": 0}, "batch"),
        ({"weight_bits": 0}, "weight_bits"),
        ({"overlap": "half"}, "overlap"),
        ({"routes": {"W": (1, 2, 3)}}, "route"),
        ({"routes": {"W": (-1, 2)}}, "core"),
    ],
)
def test_placements_refuse_what_cannot_be(options, message):
    with pytest.raises(ParameterError, match=message):
        Placement(**options)


def test_other_bad_input():
    with pytest.raises(ParameterError, match="no such array"):
        estimate(retrieval(), DDR4, Placement(tensors={"V": "pin"}))
    with pytest.raises(ParameterError, match="no counter above 0"):
        estimate(Traffic(), DDR4)
    with pytest.raises(ParameterError, match="a Traffic"):
        estimate(3, DDR4)
    with pytest.raises(ParameterError, match="nothing was counted in it"):
        estimate(retrieval(), DDR4, phase="settle")
    with pytest.raises(ParameterError, match="phase"):
        estimate(retrieval(), DDR4, phase="recall")
    with pytest.raises(ParameterError, match="n_items"):
        estimate(retrieval(), DDR4, n_items=0)
    with pytest.raises(ParameterError, match="n_items"):
        estimate(retrieval(), DDR4, Placement(batch=4))
    with pytest.raises(ParameterError, match="by"):
        estimate(retrieval(), DDR4).table(by=("tensor",))
    bare = Traffic()
    bare.add("W", "retrieve", words_read=3)
    with pytest.raises(ParameterError, match="an array behind them"):
        estimate(bare, DDR4)
    with pytest.raises(ParameterError, match="n_items"):
        compare({"a": {"traffic": retrieval()}}, [DDR4])
    with pytest.raises(ParameterError, match="one unit of energy"):
        compare({"a": {"traffic": retrieval(), "n_items": 1}}, [DDR4, "eyeriss_relative"])


# ---- pages ----------------------------------------------------------------------------------------------------------


def swept(order, n_rows=1024, row_bytes=2048):
    run = retrieval(n_rows, row_bytes, read=len(order))
    run.trace = np.array([(0, row, False, 0) for row in order], TRACE)
    return run


@pytest.mark.parametrize("policy", ["cache", "off_chip"])
def test_rows_in_order_share_pages_and_scattered_rows_open_their_own(policy):
    place = Placement(on_chip_bytes=8 * KB, policy=policy)
    n = [
        estimate(swept(order), DDR4, place).counted.ledger.total(what="activate")[0]
        for order in (range(1024), [i * 389 % 1024 for i in range(1024)])
    ]
    assert n[0] == 1024 * 2048 // 8192
    assert 2 * n[0] < n[1] <= 1024
    closed = estimate(swept(range(1024)), DDR4, replace(place, page_policy="closed"))
    assert closed.counted.ledger.total(what="activate")[0] == 1024
    plain = estimate(retrieval(64, 2048), DDR4, replace(place, policy="off_chip"))
    assert plain.counted.ledger.total(what="activate")[0] == 64
