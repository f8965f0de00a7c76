"""The Sparsey studies on small settings: their theory against enumeration, their tables, figures and verdicts."""

from itertools import combinations, product
from math import comb

import numpy as np
import pytest

from sdrsim.errors import ParameterError
from sdrsim.files import Table, read_result
from sdrsim.models.sparsey import MacParams
from sdrsim.studies import plotting
from sdrsim.studies.check import checks_from
from sdrsim.studies.cli.rerun import is_timing
from sdrsim.studies.published import sparsey_fixed_time, sparsey_novelty, sparsey_similarity, sparsey_single_trial
from sdrsim.studies.published._sparsey_belief import blended, rank_bars
from sdrsim.studies.published._sparsey_theory import one_item_overlap, random_code_familiarity, random_code_match
from sdrsim.studies.study import load_study, run_study

SMALL = {
    "sparsey-similarity": {
        "presets": ["rinkus2014", "core", "demo_early", "features"],
        "n_networks": 12,
        "n_belief": 12,
        "belief_cms": [24, 96],
    },
    "sparsey-novelty": {"n_networks": 8, "n_novel": 100, "n_stored": [5, 20, 80]},
    "sparsey-single-trial": {
        "n_networks": 8,
        "n_cells": [8],
        "n_cells_scaled": [8, 16],
        "arms": ["rinkus2014", "random codes"],
        "n_stored": [1, 5, 10, 20, 30, 40, 60, 80, 110, 150, 200],
    },
    "sparsey-fixed-time": {"n_cells": 32, "block": 32, "n_blocks": 8, "min_passes": 3, "max_passes": 3},
}
MODULES = {
    "sparsey-similarity": sparsey_similarity,
    "sparsey-novelty": sparsey_novelty,
    "sparsey-single-trial": sparsey_single_trial,
    "sparsey-fixed-time": sparsey_fixed_time,
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The result file of each study, run once."""
    folder, made = tmp_path_factory.mktemp("studies"), {}
    for name, changes in SMALL.items():
        study = load_study(name)
        made[name] = run_study(study, study.params(changes), 3, folder)
    return made


@pytest.fixture(params=SMALL)
def result(request, files):
    return read_result(files[request.param])


# ---- theory -----------------------------------------------------------------------------------------------------


def test_one_item_against_the_equations_by_hand():
    """K = 4, Gm .1, chi 100: at V = .5, eta = 1 + (.4 / .9)^2 400 and psi(0) = 1 + (eta - 1) / (1 + .1 e^4)^8."""
    params = MacParams(n_inputs=144, n_cells=4)
    rise = (0.4 / 0.9) ** 2 * 400
    best = 1 + rise / (1 + 0.1 * np.exp(2)) ** 8
    rest = 1 + rise / (1 + 0.1 * np.exp(4)) ** 8
    assert one_item_overlap(params, 0.5)[0] == pytest.approx(best / (best + 3 * rest), rel=1e-12)
    eta = 1 + 400
    again = 1 + (eta - 1) / 1.1**8
    assert one_item_overlap(params, [1.0])[0] == pytest.approx(
        again / (again + 3 * (1 + (eta - 1) / (1 + 0.1 * np.exp(4)) ** 8)), rel=1e-12
    )


@pytest.mark.parametrize("preset", ["rinkus2014", "rinkus2014_alt", "rinkus2010", "core", "sparseypy", "features"])
def test_one_item_starts_at_chance_and_rises(preset):
    curve = one_item_overlap(MacParams(n_inputs=144, n_cells=8, preset=preset), np.arange(13) / 12)
    assert curve[0] == pytest.approx(1 / 8)
    assert (np.diff(curve) >= 0).all()
    assert curve[-1] < 1


def test_random_codes_against_enumeration():
    """All triples of items of 2 of 5 inputs, all ways they fall on 2 cells: G of a probe, winners that return."""
    n_inputs, n_active, n_cells, n = 5, 2, 2, 3
    sets = [frozenset(c) for c in combinations(range(n_inputs), n_active)]
    probe = sets[0]  # every probe is alike, by symmetry
    familiar, again = [], []
    for items in product(sets, repeat=n):
        for cells in product(range(n_cells), repeat=n):
            heard = [frozenset().union(*(x for x, c in zip(items, cells) if c == k)) for k in range(n_cells)]
            familiar.append(max(len(probe & h) for h in heard) / n_active)
            rivals = [h for k, h in enumerate(heard) if k != cells[0] and items[0] <= h]
            again.append(1 / (1 + len(rivals)))
    assert random_code_familiarity(n, n_inputs, n_active, n_cells)[-1] == pytest.approx(np.mean(familiar), rel=1e-12)
    assert random_code_match(n, n_inputs, n_active, n_cells)[-1] == pytest.approx(np.mean(again), rel=1e-12)


def test_random_codes_with_many_cells_against_sampling():
    """K = 5 (a quadrature of three nodes): 4,000 networks of one CM; within 4.5 standard errors (p < 1e-5)."""
    rng, n, n_inputs, n_active, n_cells = np.random.default_rng(5), 12, 20, 3, 5
    match, familiar = [], []
    for _ in range(4000):
        items = np.zeros((n + 1, n_inputs), bool)
        np.put_along_axis(items, rng.random((n + 1, n_inputs)).argsort(axis=1)[:, :n_active], True, axis=1)
        cells = rng.integers(n_cells, size=n)
        heard = np.array([items[:n][cells == k].any(axis=0) for k in range(n_cells)])
        ties = sum(bool(heard[k][items[0]].all()) for k in range(n_cells) if k != cells[0])
        match.append(1 / (1 + ties))
        familiar.append((heard & items[n]).sum(axis=1).max() / n_active)
    for values, theory in ((match, random_code_match), (familiar, random_code_familiarity)):
        error = np.std(values) / np.sqrt(len(values))
        assert abs(np.mean(values) - theory(n, n_inputs, n_active, n_cells)[-1]) < 4.5 * error


def test_random_codes_at_the_ends():
    assert random_code_familiarity(0, 144, 12, 8).tolist() == [0]
    assert random_code_match(1, 144, 12, 8) == pytest.approx([1])
    both = random_code_familiarity(60, 144, 12, 8), random_code_match(60, 144, 12, 8)
    assert (np.diff(both[0]) > 0).all()
    assert (np.diff(both[1]) <= 1e-15).all()


# ---- parts ------------------------------------------------------------------------------------------------------


def test_a_blend_has_just_the_pixels_asked_for():
    items, probe = blended((5, 4, 2, 0), 144, 12, key=9)
    dense = items.dense()
    assert dense.sum(axis=0).max() == 1
    assert (dense & probe.dense()).sum(axis=1).tolist() == [5, 4, 2, 0]
    assert probe.n_active.tolist() == [12]
    assert rank_bars(np.array([3, 2, 1]), np.array([0.5, 0.4, 0.1])) == pytest.approx(1)
    assert rank_bars(np.array([3, 2, 1]), np.array([0.2, 0.2, 0.2])) == 0


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("sparsey-similarity", {"blend": [9, 9, 1]}, "at most n_active"),
        ("sparsey-similarity", {"blend": [2, 2, 2]}, "different shares"),
        ("sparsey-similarity", {"n_active": 80}, "half of n_inputs"),
        ("sparsey-similarity", {"n_inputs": 80}, "separate items"),
        ("sparsey-similarity", {"presets": ["rinkus1996"]}, "rinkus2010"),
        ("sparsey-novelty", {"n_moved": 13}, "at most n_active"),
        ("sparsey-novelty", {"n_stored": []}, "at least 1"),
        ("sparsey-novelty", {"g_minus": [1.0]}, "less than 1"),
        ("sparsey-single-trial", {"arms": ["x"]}, "features"),
        ("sparsey-single-trial", {"n_active": 145}, "pixels of the smallest mac"),
        ("sparsey-fixed-time", {"block": 100}, "power of two"),
        ("sparsey-fixed-time", {"n_warm": 16}, "three blocks"),
        ("sparsey-fixed-time", {"min_passes": 500}, "min_passes <= max_passes"),
    ],
)
def test_settings_that_cannot_run_are_refused(name, changes, words):
    with pytest.raises(ParameterError, match=words):
        load_study(name).params(changes)


# ---- runs -------------------------------------------------------------------------------------------------------


def test_tables_are_described_and_counted(result):
    assert result.traffic["rows_read"].sum() > 0
    assert set(result.traffic["phase"].tolist()) == {"learn", "retrieve"}
    for table in result.tables.values():
        assert len(table) > 0
        assert table.descriptions
        assert all(np.isfinite(table[c]).all() for c in table.columns if c in ("n_stored", "code_overlap", "error"))


def test_the_same_seed_gives_the_same_tables(result):
    """All but measured times."""
    study = load_study(result.study)
    again = study.run(study.params(SMALL[result.study]), 3, lambda *_: None)
    for name, table in result.tables.items():
        timed = [c for c in table.columns if is_timing(table.units.get(c, ""))]
        kept = [c for c in table.columns if c not in timed]
        assert bool(timed) == (name == "time")
        for column in kept:
            np.testing.assert_array_equal(again[name][column], table[column], err_msg=f"{name}.{column}")


def test_laws_and_theory_hold_on_any_setting(result):
    """The rest is judged at the sizes the published numbers belong to, by `sdrsim verify`."""
    judged = [c for c in checks_from(result.checks) if c.kind in ("law", "theory")]
    assert judged
    assert [c.name for c in judged if not c.ok] == []
    assert all(c.source for c in checks_from(result.checks))


def test_the_figure_comes_from_the_tables(result):
    with plotting.house():
        fig = load_study(result.study).draw(result.tables)
        fig.draw_without_rendering()
    assert len(fig.axes) in (2, 3)
    for ax, letter in zip(fig.axes, "abc"):
        assert ax.get_title(loc="left").startswith(f"{letter}  ")
        assert ax.get_xlabel()
        assert ax.get_ylabel()
        assert ax.lines or ax.patches


def _changed(table: Table, **columns) -> Table:
    return Table({**dict(table), **columns}, table.units, table.descriptions)


def _failing(name: str, tables) -> set[str]:
    return {c.name for c in MODULES[name].checks(tables) if not c.ok}


def test_checks_of_similarity_can_fail(files):
    tables = dict(read_result(files["sparsey-similarity"]).tables)
    table = tables["similarity"]
    fine = _failing("sparsey-similarity", tables)
    hits = np.minimum(table["n_winners"], table["n_hits"] + table["n_winners"] // 50)
    wrong = _failing("sparsey-similarity", tables | {"similarity": _changed(table, n_hits=hits)}) - fine
    assert wrong == {"one item stored, worst |z|"}
    upside_down = _changed(table, code_overlap=1 - table["code_overlap"], rise_t=-table["rise_t"])
    wrong = _failing("sparsey-similarity", tables | {"similarity": upside_down})
    assert {"author's forms, steepest fall (t)", "author's forms, lowest Spearman"} <= wrong
    assert {"rinkus2014, nothing shared: from 1/K", "rinkus2014, 1 stored, largest difference"} <= wrong


def test_checks_of_novelty_can_fail(files):
    tables = read_result(files["sparsey-novelty"]).tables
    table = tables["novelty"]
    forgetful = _changed(table, g_stored_least=table["g_stored_least"] - 0.01, g_novel=table["g_novel"] + 0.2)
    wrong = _failing("sparsey-novelty", {"novelty": forgetful})
    assert {"never frozen: least G of a stored item", "Gm 0.9: G of novel items, worst |t|"} <= wrong
    assert "Gm 0.1, 20 stored: mean G of novel items" in wrong


def test_checks_of_single_trial_can_fail(files):
    tables = dict(read_result(files["sparsey-single-trial"]).tables)
    table, knee = tables["recognition"], tables["knee"]
    wrong = tables | {"recognition": _changed(table, error=table["error"] + 0.01, code_match=table["code_match"] ** 4)}
    assert {"one item stored: share not recognised", "random codes: code match, worst |t|"} <= _failing(
        "sparsey-single-trial", wrong
    )
    wrong = tables | {"knee": _changed(knee, half_failed=knee["half_shown"] // 10, knee=knee["knee"] ** 0.5)}
    assert {
        "rinkus2014: share failing at half the knee",
        "rinkus2014, inputs scaled: slope of the knee",
    } <= _failing("sparsey-single-trial", wrong)


def test_the_knee_counts_bits_as_it_says(files):
    """M log2 C(144, 12) over 144 * 24 * 8 synapses."""
    knee = read_result(files["sparsey-single-trial"]).tables["knee"].where(inputs="fixed", arm="rinkus2014")
    bits = float(knee["knee"][0]) * np.log2(comb(144, 12)) / (144 * 24 * 8)
    assert knee["bits_per_synapse"][0] == pytest.approx(bits)
    assert knee["n_synapses"].tolist() == [144 * 24 * 8]


def test_checks_of_fixed_time_can_fail(files):
    tables = dict(read_result(files["sparsey-fixed-time"]).tables)
    time, counters = tables["time"], tables["counters"]
    rising = time["n_stored"].astype(float)
    wrong = tables | {
        "time": _changed(time, store_us=rising, recognise_us=rising),
        "counters": _changed(counters, store_sums=rising[0] + np.arange(len(counters))),
    }
    assert _failing("sparsey-fixed-time", wrong) == {
        "store: operations an item, spread over loads",
        "store: CPU time, far end of the interval of its change",
        "recognise: CPU time, far end of the interval of its change",
    }
    flat = tables | {"time": _changed(time, store_us=np.ones(len(time)), recognise_us=np.ones(len(time)))}
    assert _failing("sparsey-fixed-time", flat) == set()
