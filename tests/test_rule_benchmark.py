"""The rule benchmark on small settings: its theory against enumeration, its cues, tables, figure and verdicts."""

from itertools import product

import numpy as np
import pytest

from sdrsim import patterns
from sdrsim.files import Table, read_result
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.published import rule_benchmark
from sdrsim.studies.published.rule_benchmark import PROTOTYPE, SHAPE, StudyParams, flipped, wrong_units
from sdrsim.studies.study import load_study, run_study

SMALL = {"n_clusters": 8, "cluster_size": 8, "n_stored": [5, 10, 20, 40, 80, 160], "n_networks": 12}
ONE_POINT = {"rules": ["bcpnn", "willshaw", "hebb"], "n_stored": [400], "n_networks": 3}


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    study = load_study("rule-benchmark")
    return read_result(run_study(study, study.params(SMALL), 3, tmp_path_factory.mktemp("rules")))


@pytest.fixture(scope="module")
def tables():
    """The listed network, at the listed loads alone."""
    made = rule_benchmark.run(StudyParams(**ONE_POINT), 1, lambda *_: None)
    return {name: t if isinstance(t, Table) else Table(t) for name, t in made.items() if name != "traffic"}


def test_wrong_units_against_enumeration():
    """3 clusters of 2, two foreign patterns and one stored: all of them, all counts by hand."""
    c, size, threshold = 3, 2, 2
    cue = (0, 0, 1)  # of the pattern (0, 0, 0): the last cluster is flipped
    wrong = 0
    for others in product(product(range(size), repeat=c), repeat=2):
        stored = [(0, 0, 0), *others]
        for cluster in range(c):
            score = sum(
                sum(x[k] == cue[k] for k in range(c) if k != cluster) for x in stored if x[cluster] == 1
            )  # of the foreign unit
            wrong += score >= threshold
    assert wrong_units(3, c, size, threshold) == pytest.approx(wrong / 2 ** (2 * c), rel=1e-12)


def test_flipped_clusters_say_another_unit():
    x = patterns.random_block(4000, 5, 3, seed=0)
    cues = flipped(x, 3, 2, seed=1)
    assert (cues.overlap(x) == 3).all()
    assert (cues.n_active == 5).all()
    values, given = (c.indices.reshape(-1, 5) - 3 * np.arange(5) for c in (x, cues))
    assert ((given >= 0) & (given < 3)).all()
    assert abs((values != given).mean(axis=0) - 0.4).max() < 4 * np.sqrt(0.24 / 4000)
    moved = (given - values) % 3
    assert abs((moved == 1).sum() - (moved == 2).sum()) < 4 * np.sqrt(8000)
    assert flipped(x, 3, 2, seed=1) == cues


def test_tables_are_described_and_the_same_again(result):
    study = load_study("rule-benchmark")
    again = study.run(study.params(SMALL), 3, lambda *_: None)
    for name in ("recall", "capacity"):
        assert result.tables[name].descriptions
        for column in result.tables[name].columns:
            np.testing.assert_array_equal(again[name][column], result.tables[name][column], err_msg=column)
    assert set(result.traffic["phase"].tolist()) == {"learn", "retrieve"}


def test_loads_are_nested_and_rules_end_when_they_have_lost_all(result):
    table = result.tables["recall"]
    assert set(table["n_stored"].tolist()) <= set(SMALL["n_stored"])
    for rule in ("bcpnn", "amari"):
        t = table.where(rule=rule)
        means = [t.where(n_stored=int(n))["error"].mean() for n in np.unique(t["n_stored"])]
        assert max(means[:-1]) <= 0.99
    assert (table["success"] + table["error"] == pytest.approx(1)) is True
    assert (table["success_n"] == table["n_stored"]).all()


def test_theory_holds_here_too(result):
    judged = [c for c in checks_from(result.checks) if c.kind == "theory"]
    assert [c.ok for c in judged] == [True]
    t = result.tables["recall"].where(rule="amari")
    worse = Table({**dict(t), "wrong": 2 * t["wrong"]})
    assert [c.ok for c in rule_benchmark._against_theory(worse)] == [False]


def test_bits_per_synapse_count_as_they_say(result):
    """P N H(f) / (N (N - 1) / 2) at f = 1/8, N = 64."""
    entropy = -(1 / 8) * np.log2(1 / 8) - 7 / 8 * np.log2(7 / 8)
    for row in result.tables["capacity"].rows():
        assert row["bits_per_synapse"] == pytest.approx(row["capacity"] * 64 * entropy / (64 * 63 / 2))


def test_other_networks_are_not_held_against_the_listed_numbers(result):
    assert {c.kind for c in checks_from(result.checks) if "share recalled" in c.name} == set()


def test_the_listed_numbers_are_judged_and_can_fail(tables):
    assert tuple(next(iter(tables["setting"].rows())).values()) == SHAPE
    assert {int(n) for n in tables["recall"]["n_stored"]} == {400, 800, 1775, 2000}
    fine = {c.name: c for c in rule_benchmark.checks(tables)}
    assert {c.kind for c in fine.values()} == {"prototype", "published"}
    assert [c.name for c in fine.values() if "share" in c.name and not c.ok] == []
    assert sum(c.kind == "prototype" for c in fine.values()) == 4 * len(PROTOTYPE) - 4  # covariance was not run
    recall = tables["recall"]
    wrong = tables | {"recall": Table({**dict(recall), "success": np.clip(recall["success"] - 0.05, 0, 1)})}
    failed = {c.name for c in rule_benchmark.checks(wrong) if not c.ok}
    assert {"bcpnn, 1775 patterns: share recalled", "bcpnn, 400 patterns: share recalled"} <= failed
    assert "bcpnn, 1775 patterns, 4 flipped: share recalled" in failed


def test_the_order_of_the_rules_can_fail():
    rows = [("bcpnn", 100.0), ("willshaw", 70.0), ("covariance", 60.0), ("hebb", 30.0), ("amari", 20.0)]

    def table(**changed):
        made = dict(rows) | changed
        return Table.from_rows(
            [
                {"rule": r, "capacity_low": c - 2, "capacity_high": c + 2, "capacity": c, "n_networks": 5}
                for r, c in made.items()
            ]
        )

    assert [c.ok for c in rule_benchmark._order(table())] == [True, True]
    assert [c.ok for c in rule_benchmark._order(table(bcpnn=73))] == [False, True]
    assert [c.ok for c in rule_benchmark._order(table(hebb=57))] == [True, False]


def test_the_figure_comes_from_the_tables(result, tables):
    for shown in (result.tables, tables):
        with plotting.house():
            fig = rule_benchmark.draw(shown)
            fig.draw_without_rendering()
        for ax, letter in zip(fig.axes, "ab"):
            assert ax.get_title(loc="left").startswith(f"{letter}  ")
            assert ax.get_xlabel()
            assert ax.get_ylabel()
