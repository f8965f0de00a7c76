"""A script as users write it: three memories and the plain list on two chips, the same digits, cues and score."""

import warnings

import numpy as np
import pytest

from sdrsim import measures, patterns
from sdrsim.errors import MixedNodesWarning
from sdrsim.files import load_dataset, read_result, write_result
from sdrsim.hardware import Card, Placement, compare, estimate
from sdrsim.models.hebbian import WillshawMemory
from sdrsim.models.hopfield import SparseHopfield
from sdrsim.models.sparsey import Mac, MacParams
from sdrsim.studies import plotting


@pytest.fixture(scope="module")
def runs():
    x = patterns.binarise(load_dataset("digits8").images, threshold=7)[:200]
    cues = patterns.erase(x, 0.3, seed=1)
    memories = {
        "Willshaw": WillshawMemory(n_units=64, n_active=None, seed=0),
        "Sparsey mac": Mac(MacParams(n_inputs=64, n_cms=24, n_cells=256, match="cosine", g_minus=0.9), seed=0),
        "sparse Hopfield": SparseHopfield(alpha=1.5, beta=4.0),
        "plain list": SparseHopfield(alpha=float("inf")),
    }
    made = {}
    for name, m in memories.items():
        s = m.store(x, trace=True)
        r = m.recall(cues, trace=True)
        made[name] = {"traffic": s.traffic + r.traffic, "n_items": len(cues), "score": measures.overlap(r.codes, x)}
    return made


def test_three_memories_and_the_plain_list_on_two_chips(runs, tmp_path):
    cards = [Card.load("cmos45_ddr4"), Card.load("cmos7_hbm2")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MixedNodesWarning)
        t = compare(
            runs, cards=cards, placements=[Placement(on_chip_bytes=b) for b in (4 << 10, 1 << 20)], phase="retrieve"
        )
    assert len(t) == 16
    assert "pj" in repr(t)
    assert (t["low_pj"] <= t["pj"]).all()
    assert (t["pj"] <= t["high_pj"]).all()
    fig, ax = plotting.subplots(1, 1, plotting.SINGLE_COLUMN)
    plotting.energy(ax, t, stack=("on_chip", "role"))
    assert len(ax.get_yticklabels()) == 16
    files = plotting.save(fig, tmp_path / "energy", table=t)
    assert all(path.stat().st_size > 100 for path in files)
    small, large = (t.where(memory="Sparsey mac", card="cmos45_ddr4", on_chip_bytes=b) for b in (4 << 10, 1 << 20))
    assert small["off_chip_bytes_moved"][0] > 100 * large["off_chip_bytes_moved"][0]


def test_reports_of_real_memories_add_up_whatever_the_chip(runs):
    for run in runs.values():
        for card in ("cmos45_ddr4", "horowitz45", "loihi_sanafe"):
            whole = estimate(run["traffic"], card)
            assert sum(sum(roles.values()) for roles in whole.split().values()) == whole.total_pj
            assert whole.total_pj > 0
            assert not np.isnan(whole.pj_per_synop())


def test_a_run_with_its_trace_in_a_file_is_priced_the_same(runs, tmp_path):
    traffic = runs["Willshaw"]["traffic"]
    path = write_result(tmp_path / "run.h5", {}, {}, 0, traffic=traffic)
    assert read_result(path).trace is not None
    place = Placement(on_chip_bytes=1024)
    assert estimate(path, "cmos45_ddr4", place).table() == estimate(traffic, "cmos45_ddr4", place).table()
