"""A study of one's own, as small as one can be: the share of hits in independent trials against their probability.

The tests of the framework run it; it shows every part a study may have.
"""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from pydantic import Field

from sdrsim import stream
from sdrsim.engine.params import Params
from sdrsim.engine.traffic import Traffic
from sdrsim.files import Table
from sdrsim.measures import Rate
from sdrsim.studies import plotting
from sdrsim.studies.study import Check, Progress

TITLE = "Hits in independent trials against their probability"
CITATION = "J. Bernoulli, Ars Conjectandi, 1713"


class Coin(Params):
    p_hit: float = Field(0.25, ge=0, le=1)
    name: str = "penny"


class StudyParams(Params):
    n_trials: int = Field(2000, ge=1)
    n_points: int = Field(6, ge=1)
    claimed: float = 0.25
    labels: tuple[str, ...] = ("a", "b")
    coin: Coin = Coin(p_hit=0.25, name="farthing")


QUICK = {"n_trials": 200}


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    began = perf_counter()
    traffic, rows = Traffic(), []
    for i in range(params.n_points):
        progress(i, params.n_points, "points")
        k = int((stream(seed, f"point {i}").random(params.n_trials) < params.coin.p_hit).sum())
        traffic.add("coin", "retrieve", random_numbers=params.n_trials)
        rate = Rate.of(k, params.n_trials)
        share = {"share": rate.value, "share_low": rate.low, "share_high": rate.high}
        rows.append({"point": i, "k": k, "n": params.n_trials, **share, "claimed": params.claimed})
    progress(params.n_points, params.n_points, "points")
    hits = Table.from_rows(rows, descriptions={"share": "share of hits"})
    time = Table({"took": [perf_counter() - began]}, units={"took": "s"})
    return {"hits": hits, "time": time, "traffic": traffic}


def draw(tables: Mapping[str, Table]) -> Figure:
    fig, ax = plotting.subplots()
    plotting.curve(ax, tables["hits"], x="point", y="share", theory="claimed")
    return fig


def checks(tables: Mapping[str, Table]) -> list[Check]:
    hits = tables["hits"]
    k, n = int(hits["k"].sum()), int(hits["n"].sum())
    return [
        Check.proportion("share of hits", k, n, float(hits["claimed"][0]), source="binomial distribution"),
        Check.holds("hits are counts", np.all(hits["k"] <= hits["n"]), n=len(hits), source="counting"),
    ]
