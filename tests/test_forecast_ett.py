"""Study forecast-ett: what it holds against what, its blocks, and that its tables say what was seen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sdrsim.files.table import Table
from sdrsim.studies.published import forecast_ett as study

RIDGE = {24: 0.314, 48: 0.343, 168: 0.414, 336: 0.454, 720: 0.438}
NAIVE = {study.LAST: (1.222, 1.27, 1.325, 1.33, 1.335), study.SEASON: (0.424, 0.465, 0.571, 0.65, 0.655)}


def tables_of(**over: dict[int, float]) -> dict[str, Table]:
    """Tables in which all goals are met, but for errors given by method."""
    rows = []
    for i, horizon in enumerate(RIDGE):
        for method in study.METHODS:
            mse = NAIVE[method][i] if method in NAIVE else RIDGE[horizon]
            mse = over.get(method.replace(" + ", "_"), {}).get(horizon, mse)
            rows.append({"horizon": horizon, "method": method, "mse": mse, "n_windows": 2881 - horizon})
    return {"scores": Table.from_rows(rows)}


def failing(**over: dict[int, float]) -> list[str]:
    return [c.name for c in study.checks(tables_of(**over)) if c.verdict != "ok"]


def test_all_goals_are_checks() -> None:
    """Ridge at five horizons, memory over two naive forecasts at five, four methods over ridge at five."""
    checks = study.checks(tables_of())
    assert len(checks) == 5 + 2 * 3 + 5 * 2 + 5 * 4
    assert all(c.ok and c.source for c in checks)


@pytest.mark.parametrize("horizon", RIDGE)
def test_each_goal_can_be_missed(horizon: int) -> None:
    ridge = RIDGE[horizon]
    for factor in (0.989, 1.011):
        assert f"{horizon} h, ridge: mean squared error" in failing(ridge={horizon: factor * ridge})
    season = f"{horizon} h: memory over last 24 hours, squared error"
    assert failing(memory={horizon: 1.01 * NAIVE[study.SEASON][list(RIDGE).index(horizon)]}) == [season]
    over = f"{horizon} h: ridge + memory over ridge, squared error"
    assert failing(ridge_memory={horizon: 1.006 * ridge}) == [over]
    assert failing(ridge_memory={horizon: 1.004 * ridge}) == ([over] if horizon <= 48 else [])


def test_blocks_hold_all_windows() -> None:
    errors = np.arange(2857.0)
    means = study.in_blocks(errors, 168, 24)
    assert len(means) == 17
    assert means[:2] == [errors[:168].mean(), errors[168:336].mean()]
    assert means[-1] == errors[16 * 168 :].mean()
    assert study.in_blocks(errors[:10], 168, 24) == [4.5]


@pytest.mark.data
def test_tables_say_what_was_seen(data_file: Callable[[str], Path]) -> None:
    data_file("ett/ETTh1.csv")
    params = study.StudyParams(horizons=(24,), betas=(0.5,), betas_mixed=(0.5,), betas_tandem=(1.0,), over_tandem=False)
    said: list[str] = []
    tables = study.run(params, 0, lambda done, total, what: said.append(what))
    assert "errors on test windows were seen" in tables["scores"].descriptions["mse"]
    assert "errors on test windows were seen" in tables["against_ridge"].descriptions["percent"]
    assert said[-1].startswith("done; fits and tests took ")
    blocks = tables["blocks"]
    ridge, plugged = (blocks.where(method=m)["mse"] for m in (study.RIDGE, study.GATED))
    row = tables["against_ridge"].where(method=study.GATED)
    assert row["percent"][0] == pytest.approx(100 * (plugged.mean() / ridge.mean() - 1), rel=1e-9)
    assert row["low"][0] < row["percent"][0] < row["high"][0]
    assert row["n_blocks"][0] == len(ridge) == 17
