"""Study sudden-event: its series, its kinds of hours, a choice that sees validation alone, checks that can fail."""

import numpy as np
import pytest

from sdrsim.files.table import Table
from sdrsim.studies.published import sudden_event as study

SMALL = study.StudyParams(n_quiet=700, n_events=5, strengths=(4.0,), betas=(0.5, 8.0), n_series=3)


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return study.run(SMALL, 5, lambda done, total, what: None)


def test_strength_changes_events_alone() -> None:
    quiet, *one = study.made_series(SMALL, 3, 1.0)
    still, *two = study.made_series(SMALL, 3, 2.0)
    assert np.array_equal(quiet, still)
    assert len(quiet) == SMALL.n_quiet
    for a, b, n_events in zip(one, two, (study.REHEARSALS, SMALL.n_events)):
        assert np.array_equal(a.starts, b.starts)
        assert a.starts.shape == (n_events, study.N_KINDS)
        assert np.diff(a.starts.ravel()).min() > SMALL.gap - 24
        touched = np.flatnonzero(np.any(a.series != b.series, axis=1))
        around = [np.arange(s - study.N_SIGN, s + SMALL.horizon) for s in a.starts.ravel()]
        assert np.array_equal(touched, np.concatenate(around))
        signs = [(b.series - a.series)[s - study.N_SIGN : s] for s in a.starts.ravel()]
        assert np.allclose(signs[0], signs[2], rtol=0, atol=1e-12)  # of one kind
        assert np.isclose(np.square(signs[0]).mean(), 1.0)
        assert not np.allclose(signs[0], signs[1], atol=0.1)
    assert not np.allclose(*(np.diff(s.series[s.starts[0, 0] - study.N_SIGN :][:8], axis=0) for s in two), atol=1.0)


def test_kinds_of_hours_are_what_windows_touch() -> None:
    _, _, told = study.made_series(SMALL, 3, 4.0)
    late = study.Stretch(told.series[650:], told.starts - 650)
    hours, length = study.hours_of(SMALL, late), SMALL.window + SMALL.horizon
    n = len(late.series) - length + 1
    assert sorted(np.concatenate(list(hours.values())).tolist()) == list(range(n))
    busy = np.zeros(len(late.series), bool)
    for s in late.starts.ravel():
        busy[max(s - study.N_SIGN, 0) : max(s + SMALL.horizon, 0)] = True
    touching = np.array([busy[i : i + length].any() for i in range(n)])
    assert not touching[hours["quiet"]].any()
    assert touching[hours["near"]].all()
    assert np.array_equal(hours["event"] + SMALL.window, late.starts[study.MOST :].ravel())


def test_sharpness_is_chosen_on_validation_alone(tables: dict[str, Table]) -> None:
    """More or fewer events to be judged on change nothing; the least error is taken."""
    choices = tables["choices"]
    for i in range(SMALL.n_series):
        rows = choices.where(series=i)
        assert rows["chosen"].tolist() == [e == rows["error"].min() for e in rows["error"]]
    more = study.run(SMALL.replace(n_events=6, n_series=3), 5, lambda done, total, what: None)["choices"]
    for column in choices.columns:
        assert np.array_equal(more[column], choices[column])


def test_same_seed_same_tables(tables: dict[str, Table]) -> None:
    again = study.run(SMALL, 5, lambda done, total, what: None)
    other = study.run(SMALL, 6, lambda done, total, what: None)
    assert np.array_equal(again["errors"]["on"], tables["errors"]["on"])
    assert not np.array_equal(other["errors"]["on"], tables["errors"]["on"])


def test_errors_are_those_of_forecasts_made_by_hand() -> None:
    """Off, on and ridge on the judged events of one series, one window at a time."""
    from sdrsim.models.hopfield.forecast import MemoryForecaster, RidgeForecaster

    quiet, _, told = study.made_series(SMALL, 9, 4.0)
    tried, rows = study.one_series(SMALL, 9, 4.0)
    beta = next(row["beta"] for row in tried if row["chosen"])
    (row,) = (r for r in rows if r["hours"] == "event" and r["chosen"] and r["remembered"] == 2)
    f = MemoryForecaster(48, 12, beta=beta, base="ridge", gate=1.0).fit(quiet)
    fs = {"ridge": RidgeForecaster(48, 12).fit(quiet), "off": f}
    judged = told.starts[4:].ravel()

    def error(f: object) -> float:
        off = [f.predict(told.series[None, s - 48 : s])[0] - told.series[s : s + 12] for s in judged]
        return float(np.square(np.array(off) / quiet.std(axis=0)).mean())

    for name, g in fs.items():
        assert row[name] == pytest.approx(error(g), rel=1e-6)
    for s in told.starts[:2].ravel():
        f.remember(told.series[None, s - 48 : s], told.series[None, s : s + 12])
    assert row["on"] == pytest.approx(error(f), rel=1e-6)
    assert row["n_windows"] == len(judged) == 2


def test_checks_hold_upper_ends_of_intervals(tables: dict[str, Table]) -> None:
    """The check's number is the summary's; events at full strength have no excuse, quiet hours over ridge have one."""
    checks = {c.name: c for c in study.checks(tables)}
    summary = tables["summary"]
    assert len(checks) == len(summary) == len(study.GOALS) + 1
    for what, high, n in zip(summary["what"], summary["high"], summary["n_series"]):
        assert checks[what].value == high
        assert checks[what].n == n == SMALL.n_series
    columns = {c: np.array(tables["errors"][c]) for c in tables["errors"].columns}
    columns["on"] = columns["ridge"] * (3.0 + 0.1 * np.array(columns["series"]))
    worse = [c for c in study.checks({"errors": Table(columns)}) if c.name.endswith("ridge")]
    assert len(worse) == 5
    assert all((c.verdict == "FAILS") == (", event," in c.name or ", again," in c.name) for c in worse)
    assert all(c.verdict == "deviates" and c.deviation for c in worse if ", quiet," in c.name)
