"""The study of misses against capacity: runs quickly, judges itself, repeats itself, and can fail; its traced runs."""

import numpy as np
import pytest

from sdrsim.files import Table, read_result
from sdrsim.hardware.reuse import miss_curve
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import miss_curve as study_module
from sdrsim.studies.published._hardware import MEMORIES, RunParams, drawn_job, drawn_rows, memory_jobs, touched
from sdrsim.studies.study import load_study, run_study

SMALL = RunParams(
    n_digits=20,
    n_cms=8,
    n_cells=16,
    n_units=512,
    n_stored=60,
    n_hopfield_units=256,
    n_patterns=64,
    n_active=8,
    n_cues=40,
)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("miss-curve")
    return read_result(run_study(study, study.params(quick=True), 3, tmp_path_factory.mktemp("curve")))


def test_it_judges_itself_well(result):
    found = checks_from(result.checks)
    assert [c.name for c in found if not c.ok] == []
    assert {"uniform: hit rate off theory", "Zipf: hit rate off theory", "sweep: miss rate off theory"} <= {
        c.name for c in found
    }
    assert all(c.source for c in found)


def failing(result, name, **columns):
    tables = dict(result.tables)
    old = {c: np.array(tables[name][c]) for c in tables[name].columns}
    tables[name] = Table(old | {c: change(old) for c, change in columns.items()})
    return [c.name for c in study_module.checks(tables) if not c.ok]


def test_laws_that_are_off_are_refused(result):
    off = failing(
        result, "laws", miss_rate=lambda t: np.where(t["law"] == "uniform", t["miss_rate"] - 0.02, t["miss_rate"])
    )
    assert off == ["uniform: hit rate off theory"]
    off = failing(
        result, "laws", miss_rate=lambda t: np.where(t["law"] == "Zipf", t["miss_rate"] - 0.03, t["miss_rate"])
    )
    assert off == ["Zipf: hit rate off theory"]
    early = failing(result, "laws", miss_rate=lambda t: np.where(t["law"] == "sweep", 0.5, t["miss_rate"]))
    assert early == ["sweep: miss rate off theory"]


def test_misses_that_rise_or_differ_from_a_plain_memory_are_refused(result):
    assert "Sparsey: capacities at which misses rise" in failing(result, "misses", misses=lambda t: t["misses"][::-1])
    off = failing(result, "replayed", plain_misses=lambda t: t["plain_misses"] + (np.arange(len(t["misses"])) == 5))
    assert off == ["capacities unlike a plain LRU memory"]


@pytest.fixture(scope="module")
def jobs():
    return memory_jobs(SMALL, 0)


def test_the_memories_list_every_row_they_count(jobs):
    assert [job.name for job in jobs] == list(MEMORIES)
    for job in jobs:
        assert len(job.traffic.trace) == job.traffic.total("rows_read")
        assert 0 <= job.right <= 1


def test_the_same_seed_gives_the_same_accesses(jobs):
    again = memory_jobs(SMALL, 0)
    assert all(a.traffic == b.traffic for a, b in zip(jobs, again))
    other = memory_jobs(SMALL, 1)
    assert all(a.traffic != b.traffic for a, b in zip(jobs, other))


def test_digits_go_through_both_levels_one_after_another(jobs):
    level = jobs[0].traffic.trace["tensor"]
    assert (np.diff(level) != 0).sum() == 2 * SMALL.n_digits - 1


def test_rows_of_several_sizes_against_a_memory_run_access_by_access(jobs):
    ids, sizes = touched(jobs[0])
    assert len(np.unique(sizes)) == 2
    rooms = [0, 1, 100, 1000, 3000, 10**6]
    plain = [study_module._plain_misses(ids, sizes, room) for room in rooms]
    assert miss_curve(ids, rooms, sizes).tolist() == plain


def test_drawn_rows_follow_their_law():
    assert np.array_equal(drawn_rows(64, 1000, 0.8, 5), drawn_rows(64, 1000, 0.8, 5))
    n = np.bincount(drawn_rows(4, 40_000, 1.0, 5), minlength=4) / 40_000
    assert np.allclose(n, np.array([12, 6, 4, 3]) / 25, atol=0.01)
    job = drawn_job("uniform", (64, 16), 4, 100, 0.0, 5, warm=True)
    assert job.traffic.get("W", "io", "rows_read") == 64
    assert len(job.traffic.trace) == 64 + 400
