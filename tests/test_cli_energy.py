"""`sdrsim energy`: a recorded run priced again; sizes in words; what is refused."""

import json

import numpy as np
import pytest

from sdrsim.engine.traffic import TRACE, Tensor, Traffic
from sdrsim.files.result import write_result
from sdrsim.hardware import Placement, estimate
from sdrsim.studies.cli.energy import in_whole_bytes
from sdrsim.studies.cli.main import main


@pytest.fixture
def recorded(tmp_path):
    run = Traffic(tensors={"W": Tensor(64, 256)})
    run.add("W", "retrieve", rows_read=128, words_read=128 * 32, synops=128 * 2048, sums=2048, code_bits=60)
    run.trace = np.array([(0, i % 64, False, 0) for i in range(128)], TRACE)
    return write_result(tmp_path / "run.h5", {}, {}, 0, traffic=run)


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    return end.value.code or 0


def test_a_file_is_priced_like_in_python(recorded, capsys):
    assert ended("energy", recorded, "--card", "cmos45_ddr4", "--on-chip", "16KiB", "--items", 4, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    report = estimate(recorded, "cmos45_ddr4", Placement(on_chip_bytes=16384), n_items=4)
    assert record["total"] == report.total_pj
    assert record["split"] == report.split()
    assert record["per_item"] == report.total_pj / 4
    assert record["weakest_grade"] == "C"
    assert ended("energy", recorded, "--phase", "retrieve") == 0
    text = capsys.readouterr().out
    assert "machine: 45 nm CMOS" in text
    assert "not counted" in text


def test_a_sweep_prints_a_row_each_and_draws(recorded, capsys, tmp_path):
    assert ended("energy", recorded, "--sweep", "--items", 4, "--out", tmp_path / "sweep") == 0
    text = capsys.readouterr().out
    assert text.count("KiB") + text.count("MiB") >= 14
    assert (tmp_path / "sweep.png").stat().st_size > 1000
    assert ended("energy", recorded, "--sweep", "--json", "--out", tmp_path / "more") == 0
    assert len(json.loads(capsys.readouterr().out)["sweep"]) == 14


def test_a_sweep_leaves_out_what_is_too_small_for_the_card(recorded, capsys, tmp_path):
    assert ended("energy", recorded, "--sweep", "--card", "truenorth", "--out", tmp_path / "sweep") == 0
    text = capsys.readouterr().out
    assert "left out, too small: 8 KiB" in text
    assert text.count(" pJ") + text.count(" nJ") + text.count(" uJ") > 5
    assert ended("energy", recorded, "--sweep", "--policy", "pin:none", "--out", tmp_path / "sweep") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--on-chip", "much"), "a size like 64KiB"),
        (("--on-chip", "3XB"), "a known unit"),
        (("--on-chip", "0.3"), "a whole number of bytes"),
        (("--card", "cmos45"), "did you mean"),
        (("--policy", "pin", "--on-chip", "4KiB"), "bytes more than there is room for"),
        (("--policy", "cahce"), "did you mean cache"),
        (("--popularity", "zipf"), "a number"),
        (("--phase", "settle"), "nothing was counted in it"),
        (("--items", "0"), "n_items"),
        (("--sweep", "--on-chip", "4KiB"), "one of them"),
    ],
)
def test_bad_input_is_one_clear_line(recorded, capsys, arguments, message):
    assert ended("energy", recorded, *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_file_without_counters_is_refused(tmp_path, capsys):
    path = write_result(tmp_path / "empty.h5", {"t": {"x": [1]}}, {}, 0)
    assert ended("energy", path) == 2
    assert "no traffic in it" in capsys.readouterr().err
    assert ended("energy", tmp_path / "nothing.h5") == 2


def test_sizes_in_words():
    assert in_whole_bytes("1MiB") == 1 << 20
    assert in_whole_bytes(" 2 MB ") == 2_000_000
    assert in_whole_bytes("0") == 0
