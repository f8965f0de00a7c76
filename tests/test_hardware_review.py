"""What a second reading of the hardware model found: rooms, traces, crossbars, chips of events, bad input."""

from math import nan

import numpy as np
import pytest

from sdrsim.engine.traffic import PHASES, TRACE, Tensor, Traffic
from sdrsim.errors import CapacityError, ParameterError
from sdrsim.hardware import Card, Placement, cnn, compare, crossover, estimate
from sdrsim.hardware.sensitivity import tornado

DDR4 = Card.load("cmos45_ddr4")
KB = 1024


def reads(n_rows=64, row_bytes=64, read=10, **counts):
    made = Traffic(tensors={"W": Tensor(n_rows, row_bytes)})
    made.add("W", "retrieve", rows_read=read, words_read=read * row_bytes // 8, **counts)
    return made


# ---- where rows land ------------------------------------------------------------------------------------------------


def test_a_memory_with_less_room_than_a_nearer_one_loads_nothing_again():
    """Most of the far memory is pinned: what the near one holds is not asked for a second time."""
    run = Traffic(tensors={"A": Tensor(1000, 1024), "B": Tensor(500, 64)})
    run.add("A", "retrieve", rows_read=1, words_read=128)
    run.add("B", "retrieve", rows_read=2000, words_read=16_000)
    rows = np.random.default_rng(0).integers(0, 500, 2000)
    run.trace = np.array([(0, 0, False, 0), *((1, row, False, 0) for row in rows)], TRACE)
    report = estimate(run, DDR4, Placement(1004 * KB, tensors={"A": "pin:global", "B": "cache"}))
    total = report.counted.ledger.total
    assert total(projection="B", level="dram", what="read")[0] == len(set(rows.tolist()))
    assert total(projection="B", what="fill")[1] == 64 * len(set(rows.tolist()))


def test_rows_that_the_memory_off_the_chip_cannot_hold_are_refused_with_what_is_short():
    run = reads(1 << 24, 1024)
    with pytest.raises(CapacityError, match=r"8,589,934,592 bytes more"):
        estimate(run, DDR4, Placement(0))
    assert estimate(run, DDR4.replace({"dram.capacity_bytes": 16 << 30}), Placement(0)).total_pj > 0


def test_traces_list_known_rows_and_phases_and_every_array_that_moved():
    run = reads(8, 64, read=2)
    for row in (8, -1):
        run.trace = np.array([(0, 0, False, 0), (0, row, False, 0)], TRACE)
        with pytest.raises(ParameterError, match=f"row {row}; expected rows 0 .. 7"):
            estimate(run, DDR4, 4 * KB)
    run.trace = np.array([(0, 0, False, 0), (0, 1, False, len(PHASES))], TRACE)
    with pytest.raises(ParameterError, match="phase 5"):
        estimate(run, DDR4, 4 * KB)


def test_changes_that_a_trace_leaves_out_are_said():
    run = reads(8, 64, read=2)
    run.add("W", "decay", words_read=30, words_written=30)
    run.trace = np.array([(0, 0, False, 0), (0, 1, False, 0)], TRACE)
    assert any("decay of W: not in the trace" in text for text in estimate(run, DDR4, 4 * KB).not_counted)
    plain = estimate(run, DDR4, 4 * KB, phase="retrieve")
    assert not any("not in the trace" in text for text in plain.not_counted)


def test_rows_written_as_they_were_are_said_to_be_written_back():
    run = Traffic(tensors={"W": Tensor(64, 64)})
    run.add("W", "learn", rows_read=64, words_read=64, words_written=64, words_silent=64)
    run.trace = np.array([(0, r, w, 1) for r in range(64) for w in (False, True)], TRACE)
    report = estimate(run, DDR4, 1 * KB)
    assert report.counted.ledger.total(level="dram", what="write")[0] > 0
    assert any("write-backs are an upper bound" in note for note in report.notes)


# ---- crossbars, events ----------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sdrsim.errors.MixedNodesWarning")
def test_what_lies_beside_the_crossbar_is_added_digitally():
    run = reads(64, 64, synops=5120, sums=512)
    inside, beside = (estimate(run, "crossbar", Placement(tensors={"W": p})) for p in ("pin:array", "pin:buffer"))
    n = [r.counted.ledger.total(what=what)[0] for r in (inside, beside) for what in ("adc", "add_int8")]
    assert n == [512, 0, 0, 5120]
    assert not any("one crossbar array" in note for note in beside.notes)


@pytest.mark.filterwarnings("ignore::sdrsim.errors.MixedNodesWarning")
def test_operations_that_a_crossbar_does_are_not_called_missing():
    run = Traffic(tensors={"W": Tensor(64, 64, element="float32", arithmetic="mac")})
    run.add("W", "retrieve", rows_read=64, words_read=512, synops=1024, sums=64)
    assert not any("mul_fp32" in text for text in estimate(run, "crossbar").not_counted)


def test_chips_of_events_say_that_changes_of_synapses_are_not_priced():
    run = Traffic(tensors={"W": Tensor(64, 64)})
    run.add("W", "learn", rows_read=4, words_read=10, words_written=10, synops=16)
    assert any("changes of synapses" in text for text in estimate(run, "loihi_davies").not_counted)
    assert not any("changes of synapses" in text for text in estimate(reads(), "loihi_davies").not_counted)


# ---- bad input ------------------------------------------------------------------------------------------------------

JOB = {"traffic": reads(), "n_items": 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, [DDR4]), "runs: got NoneType"),
        (([JOB], [DDR4]), "runs: got list"),
        (({"a": {**JOB, "score": "good"}}, [DDR4]), "score of run 'a'"),
        (({"a": {**JOB, "bits": [1, 2]}}, [DDR4]), "bits of run 'a'"),
        (({"a": {**JOB, "n_items": None}}, [DDR4]), "n_items"),
        (({"a": JOB}, DDR4), "cards: got Card"),
        (({"a": JOB}, "cmos45_ddr4"), "cards: got str"),
        (({"a": JOB}, None), "cards: got NoneType"),
        (({"a": JOB}, [DDR4], None), "placements: got NoneType"),
        (({"a": JOB}, [DDR4], Placement()), "placements: got Placement"),
        (({"a": JOB}, [DDR4], 1024), "placements: got int"),
    ],
)
def test_comparisons_name_what_they_cannot_take(arguments, message):
    with pytest.raises(ParameterError, match=message):
        compare(*arguments)


@pytest.mark.parametrize("value", [None, "x", [1], 1j, nan, -1.0, np.array([1.0, 2.0])])
def test_crossovers_take_one_number_each(value):
    for place in range(3):
        arguments = [1.0, 1.0, 1.0]
        arguments[place] = value
        with pytest.raises(ParameterError, match=("e_row_dense", "e_row_event", "e_overhead")[place]):
            crossover(*arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tensors": None}, "tensors: got None"),
        ({"tensors": "W"}, "tensors: got 'W'"),
        ({"tensors": {"W": None}}, "policy of 'W'"),
        ({"tensors": {5: "pin"}}, "tensors: got 5"),
        ({"routes": 3}, "routes: got 3"),
        ({"routes": {"W": 3}}, "route of 'W'"),
        ({"silent_store": "no"}, "silent_store"),
        ({"silent_store": nan}, "silent_store"),
        ({"policy": np.array([1, 2])}, "policy"),
        ({"batch": np.array([1, 2])}, "batch"),
        ({"popularity": np.array([1, 2])}, "popularity"),
    ],
)
def test_placements_name_what_they_cannot_take(options, message):
    with pytest.raises(ParameterError, match=message):
        Placement(**options)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("e_io", "values: got 'e_io'"),
        ([1], r"values: got \[1\]"),
        ({5: 1}, "number of cmos45_ddr4: got 5"),
        ({"op_rate": 0}, "op_rate: got 0"),
        ({"dram.bandwidth": 0}, "dram.bandwidth: got 0"),
        ({"global.ports": None}, "global.ports"),
        ({"global.n_banks": None}, "global.n_banks"),
        ({"global.monolithic": "yes"}, "global.monolithic"),
    ],
)
def test_cards_name_what_they_cannot_take(values, message):
    with pytest.raises(ParameterError, match=message):
        DDR4.replace(values)


def test_reports_and_sensitivity_name_what_they_do_not_know():
    report = estimate(reads(), DDR4, 0)
    with pytest.raises(ParameterError, match="did you mean weight"):
        report.bytes_moved(False, "weigth")
    with pytest.raises(ParameterError, match="tensor: got 'V'"):
        report.useful_fraction("V")
    with pytest.raises(ParameterError, match="report: got Traffic"):
        tornado(reads())
    with pytest.raises(ParameterError, match="net: got str"):
        cnn.energy("vgg16", DDR4)


# ---- what counters do not tell --------------------------------------------------------------------------------------


def test_codes_on_their_way_keep_their_addresses_whatever_the_encoding():
    """A projection of a network has no array: nothing says how long its bitmap would be."""
    run = reads(code_bits=400)
    run.add("L0->L1:U", "io", code_bits=900)
    for encoding in ("aer", "bitmap", "auto"):
        report = estimate(run, DDR4, Placement(1 << 20, encoding=encoding), n_items=1)
        assert report.counted.ledger.total(projection="L0->L1:U", what="write")[0] == -(-450 // 64)


def test_rows_taken_whole_are_no_messages_of_units():
    run = Traffic(tensors={"A": Tensor(500, 16, arithmetic="popcount")})
    run.add("A", "retrieve", rows_read=500, words_read=1000, sums=500)
    report = estimate(run, "loihi_sanafe")
    assert report.split()["on_chip"]["network"] == 0
    assert any("messages" in text and "of A" in text for text in report.not_counted)
    assert estimate(reads(), "loihi_sanafe").split()["on_chip"]["network"] == 10 * 111


@pytest.mark.filterwarnings("ignore::sdrsim.errors.MixedNodesWarning")
def test_crossbars_say_what_a_number_at_the_input_leaves_open_and_take_time_to_convert():
    run = Traffic(tensors={"P": Tensor(64, 64, element="int8", arithmetic="mac"), "V": Tensor(64, 64)})
    run.add("P", "retrieve", rows_read=64, words_read=512, synops=4096, sums=64_000_000)
    run.add("V", "retrieve", rows_read=2, words_read=16, synops=1024)
    report = estimate(run, "crossbar")
    assert any("inputs that are numbers" in note for note in report.notes)
    assert any("conversions of V" in text for text in report.not_counted)
    converted = report.counted.ledger.total(what="adc")[0]
    assert converted == 8 * 64_000_000
    assert report.times.compute >= converted / Card.load("crossbar").op_rate.value


@pytest.mark.parametrize(("policy", "each"), [("open", 1), ("closed", 2)])
@pytest.mark.parametrize("traced", [True, False])
def test_a_row_read_and_written_back_at_once_opens_its_page_once(policy, each, traced):
    """Nothing kept on the chip: the write finds the page that the read has opened, unless pages are closed at once."""
    run = Traffic(tensors={"W": Tensor(1000, 8192)})
    run.add("W", "learn", rows_read=30, words_read=60, words_written=60)
    if traced:
        run.trace = np.array([(0, 17 * r, w, 1) for r in range(30) for w in (False, True)], TRACE)
    report = estimate(run, DDR4, Placement(0, page_policy=policy))
    assert report.counted.ledger.total(what="activate")[0] == 30 * each
