"""The study framework: checks, parameters, the registry, running, drawing from the file."""

import sys
from importlib import metadata
from json import dumps
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdrsim.errors import DataError, FileFormatError, ParameterError, StudyError
from sdrsim.files import Table, read_result, write_result
from sdrsim.studies import study as framework
from sdrsim.studies.check import KINDS, Check, checks_from, checks_table
from sdrsim.studies.study import Study, draw_result, load_study, run_study, study_from_file, study_names

LAW = Path(__file__).with_name("law_study.py")
NUMBERS = st.floats(-1e6, 1e6)


@pytest.fixture(scope="module")
def law() -> Study:
    return study_from_file(LAW)


# ---- checks ---------------------------------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(NUMBERS, NUMBERS, NUMBERS)
def test_ok_is_the_range_ends_included(value, a, b):
    low, high = min(a, b), max(a, b)
    assert Check("x", value, low, high).ok == (low <= value <= high)
    assert Check("x", value, low=low).ok == (low <= value)
    assert Check("x", value, high=high).ok == (value <= high)
    assert Check("x", low, low, high).ok
    assert Check("x", high, low, high).ok


def test_nan_is_never_ok_and_verdicts():
    assert not Check("x", float("nan"), low=-1e300, high=1e300).ok
    assert Check("x", 2, high=1).verdict == "FAILS"
    assert Check("x", 1, high=1, kind="published", deviation="why").verdict == "ok"
    assert Check("x", 2, high=1, kind="published", deviation="why").verdict == "deviates"


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"low": 2, "high": 1},
        {"low": float("nan")},
        {"high": 1, "kind": "guess"},
        {"high": 1, "n": 0},
        {"high": 1, "kind": "law", "deviation": "laws do not deviate"},
        {"high": 1, "kind": "theory", "deviation": "nor does theory"},
    ],
)
def test_a_check_that_could_not_judge_is_refused(bad):
    with pytest.raises(ParameterError):
        Check("x", 0, **bad)


def test_checks_through_a_table_and_as_json():
    made = [
        Check("a", np.float32(0.5), low=0, n=np.int64(7), kind="theory", source="eq 1"),
        Check("b", float("nan"), 0, 1, target=0.5, kind="published", source="paper", deviation="no data"),
    ]
    back = checks_from(checks_table(made))
    assert [c.record() for c in back] == [c.record() for c in made]
    assert back[0].high is None
    assert list(made[0].record()) == ["name", "value", "low", "high", "n", "target", "kind", "ok", "source"]
    assert made[1].record()["value"] is None
    dumps([c.record() for c in made], allow_nan=False)
    assert checks_from(None) == []
    with pytest.raises(ParameterError, match="2 of this name"):
        checks_table([Check("a", 0, low=0), Check("a", 1, low=0)])


def test_constructors():
    assert Check.within("x", 0.92, 0.91, 0.02, kind="published").ok
    assert not Check.within("x", 0.94, 0.91, 0.02, kind="published").ok
    assert [Check.at_least("x", value, 1).ok for value in (0.9, 1, 1.1)] == [False, True, True]
    assert [Check.at_most("x", value, 1).ok for value in (0.9, 1, 1.1)] == [True, True, False]
    assert [Check.holds("x", value).ok for value in (True, np.False_)] == [True, False]
    assert set(KINDS) == {"law", "theory", "published", "prototype"}


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (20, 0.02), (20, 0.5), (300, 0.01), (300, 0.97), (5, 0.0), (5, 1.0)])
def test_proportion_refuses_the_truth_as_rarely_as_it_says(n, p):
    """Exact, by summing the distribution: the accepted counts hold 1 - false_alarm, each end at most half beyond."""
    from scipy.stats import binom

    false_alarm = 0.01
    mass = binom.pmf(np.arange(n + 1), n, p)
    accepted = np.array([Check.proportion("x", k, n, p, false_alarm).ok for k in range(n + 1)])
    where = np.flatnonzero(accepted)
    assert mass[~accepted].sum() <= false_alarm
    assert accepted[where[0] : where[-1] + 1].all()
    # as narrow as it can be: dropping either end would cut off more than half the false alarms
    assert mass[: where[0] + 1].sum() >= false_alarm / 2
    assert mass[where[-1] :].sum() > false_alarm / 2
    with pytest.raises(ParameterError):
        Check.proportion("x", n + 1, n, p)


# ---- parameters -----------------------------------------------------------------------------------------------


def test_changes_keep_what_a_nested_default_says(law):
    params = law.params({"coin": {"p_hit": 0.5}, "n_points": 2})
    assert (params.coin.p_hit, params.coin.name, params.n_points, params.n_trials) == (0.5, "farthing", 2, 2000)
    assert law.params(quick=True).n_trials == 200
    assert law.params({"n_trials": 7}, quick=True).n_trials == 7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"n_trails": 5}, "n_trials"),
        ({"coin": {"p_hits": 0.5}}, "p_hit"),
        ({"n_trials": 0}, "greater than or equal to 1"),
        ({"n_trials": "many"}, "integer"),
        ({"coin": {"p_hit": 2}}, "less than or equal to 1"),
        ({"coin": 3}, "coin"),
    ],
)
def test_bad_parameters_are_named(law, changes, words):
    with pytest.raises(ParameterError, match=words):
        law.params(changes)


# ---- registry -------------------------------------------------------------------------------------------------


@pytest.fixture
def entry_point(monkeypatch, tmp_path):
    """An installed package with one study, as the entry points know it."""
    point = SimpleNamespace(name="their-law", loads=0)

    def load():
        point.loads += 1
        return SimpleNamespace(**{k: getattr(sys.modules["sdrsim_study_law_study"], k) for k in _parts})

    _parts = ("TITLE", "CITATION", "StudyParams", "QUICK", "run", "draw", "checks")
    study_from_file(LAW)
    point.load = load
    monkeypatch.setattr(metadata, "entry_points", lambda group, name="their-law": [point] if name == point.name else [])
    return point


def test_names_come_without_importing(entry_point, monkeypatch):
    monkeypatch.setattr(framework, "iter_modules", lambda path: [SimpleNamespace(name="no_such_module_on_disk")])
    assert study_names() == ["no-such-module-on-disk", "their-law"]
    assert entry_point.loads == 0


def test_installed_studies_are_found(entry_point):
    assert load_study("their-law").title == "Hits in independent trials against their probability"
    assert entry_point.loads == 1


def test_an_unknown_name_gives_the_nearest(entry_point):
    with pytest.raises(StudyError, match="did you mean their-law"):
        load_study("their-lav")
    with pytest.raises(StudyError, match="by its path"):
        load_study("mine.py")


def test_every_registered_study_is_whole():
    for name in study_names():
        study = load_study(name)
        assert study.name == name
        assert study.title
        assert study.citation
        assert study.params() == study.params({})
        study.params(quick=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("TITLE = 'half'\n", "no CITATION, StudyParams, run, draw, checks"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("def broken(:\n", "SyntaxError"),
    ],
)
def test_a_file_that_is_no_study(tmp_path, text, words):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(StudyError, match=words):
        study_from_file(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StudyError, match="no such file"):
        study_from_file(tmp_path / "mine.py")


def test_missing_data_is_told_from_damaged(law, monkeypatch, tmp_path):
    needy = Study(**{**vars(law), "needs": ("digits8", "mnist")})
    monkeypatch.setenv("SDRSIM_CACHE", str(tmp_path / "none"))
    monkeypatch.setenv("SDRSIM_DATA", str(tmp_path))
    assert "mnist" in needy.missing()
    assert law.missing() == ""
    (tmp_path / "mnist.npz").write_bytes(b"not an archive")
    with pytest.raises(DataError):
        needy.missing()


# ---- running and drawing --------------------------------------------------------------------------------------


def test_a_run_is_one_file_with_everything(law, tmp_path):
    seen = []
    path = run_study(law, law.params(quick=True), 3, tmp_path / "new" / "folder", lambda *step: seen.append(step))
    assert [p.name for p in path.parent.iterdir()] == ["law-study-seed3-quick.h5"]
    result = read_result(path)
    assert (result.study, result.title, result.seed) == ("law_study.py", law.title, 3)
    assert result.params == law.params(quick=True).model_dump(mode="json")
    assert set(result.tables) == {"hits", "time"}
    assert result.traffic["random_numbers"].sum() == 6 * 200
    assert result.wall_s > 0
    assert [c.ok for c in checks_from(result.checks)] == [True, True]
    assert seen[0] == (0, 6, "points")
    assert seen[-1] == (6, 6, "points")


def test_the_same_seed_gives_the_same_tables_and_another_does_not(law, tmp_path):
    one, two, other = (
        read_result(run_study(law, None, seed, tmp_path / f"{i}.h5")).tables["hits"] for i, seed in enumerate((1, 1, 2))
    )
    assert one == two
    assert one != other


def test_other_parameters_never_overwrite_a_result(law, tmp_path):
    changes = ({}, {"n_points": 2}, {"n_points": 3}, {"coin": {"p_hit": 0.3}})
    paths = {run_study(law, law.params(c), seed, tmp_path) for c in changes for seed in (0, 1)}
    assert len(paths) == 8
    assert run_study(law, law.params({"n_points": 2}), 0, tmp_path) in paths


def test_a_false_claim_fails(law, tmp_path):
    path = run_study(law, law.params({"claimed": 0.3}), 0, tmp_path)
    assert [c.verdict for c in checks_from(read_result(path).checks)] == ["FAILS", "ok"]


def test_nothing_is_left_by_a_run_that_fails(law, tmp_path):
    def run(params, seed, progress):
        return {"hits": 3}

    with pytest.raises(StudyError, match="table 'hits'"):
        run_study(Study(**{**vars(law), "run": run}), None, 0, tmp_path)
    with pytest.raises(ParameterError, match="seed"):
        run_study(law, None, -1, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(law, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FileFormatError):
        run_study(law, None, 0, tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "in the way"


def test_the_figure_is_drawn_from_the_file_alone(law, tmp_path):
    path = run_study(law, law.params(quick=True), 0, tmp_path)
    unable = Study(**{**vars(law), "run": None, "checks": None})
    files = draw_result(path, study=unable)
    stem = path.with_suffix("").name
    endings = ("svg", "pdf", "png", "hits.csv", "time.csv")
    assert [f.name for f in files] == [f"{stem}.{e}" for e in endings]
    before = [f.read_bytes() for f in files]
    again = draw_result(path, tmp_path / "again", unable)
    assert [f.read_bytes() for f in again] == before


def test_a_file_does_not_name_the_code_that_runs(law, tmp_path, monkeypatch):
    path = run_study(law, law.params(quick=True), 0, tmp_path)
    monkeypatch.chdir(LAW.parent)
    with pytest.raises(StudyError, match="--study"):
        draw_result(path)
    script = write_result(tmp_path / "script.h5", {"t": Table({"x": [1]})}, {}, 0)
    with pytest.raises(StudyError, match="no study made"):
        draw_result(script)
    with pytest.raises(StudyError, match=r"law_study\.py"):
        draw_result(path, study=Study(**{**vars(law), "name": "other"}))
