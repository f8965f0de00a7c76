"""A sudden event, remembered once: what one window in memory is worth, without a fit.

A series of a daily cycle and correlated noise, two channels, goes on for weeks without events; a ridge forecaster over
it, with a memory of its windows plugged in, is fitted there. Then events of two kinds come: a short sign, of a shape
of its own, and a response that only this kind has. When an event is over, its window (up to the end of the sign) and
what followed are remembered: one `remember`, no refit. Judged are later events of the same kinds, and quiet hours, with
and without what was remembered, on the same windows. Beside them stand ridge alone, and ridge fitted again with all
that was seen.

The gate is held open, for quiet hours alone would shut it. So an ordinary window too gets what its neighbours in memory
missed, which is noise, and costs error; less so with soft retrieval (small beta) from a long memory, which averages.

The generator is ours (reconstruction): the papers show single examples of their own data.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import measures
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.files.table import Table
from sdrsim.models.hopfield.forecast import MemoryForecaster, RidgeForecaster
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "A sudden event remembered once: forecasts of the next one, no refit"
CITATION = "ours; plug-and-play memory after Wu et al. 2024, STanHop, ICLR"
QUICK = {"n_series": 4}

N_KINDS, N_SIGN = 2, 8
REMEMBERED = (1, 2, 4)  # events of each kind
Real = NDArray[np.float64]


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    window, horizon : int
    n_quiet : int
        Hours before the first event, to fit on.
    n_events : int
        Of each kind; those after the fourth are judged.
    gap : int
        Mean hours between events.
    strength : float
        Size of sign and response, in units of the cycle.
    spread : float
        Of the size of a response, as a share.
    noise : float
    betas : floats
        Sharpness of retrieval, soft first; alpha is 1.5 and the gate open.
    n_series : int
    """

    window: Annotated[int, Field(ge=16)] = 48
    horizon: Annotated[int, Field(ge=4)] = 12
    n_quiet: Annotated[int, Field(ge=500)] = 8640
    n_events: Annotated[int, Field(ge=5)] = 8
    gap: Annotated[int, Field(ge=120)] = 160
    strength: Annotated[float, Field(gt=0)] = 4.0
    spread: Annotated[float, Field(ge=0)] = 0.1
    noise: Annotated[float, Field(gt=0)] = 0.2
    betas: tuple[Annotated[float, Field(gt=0)], ...] = (3.0, 8.0)
    n_series: Annotated[int, Field(ge=3)] = 20


# ---- run --------------------------------------------------------------------------------------------------------


def made_series(params: StudyParams, seed: int) -> tuple[Real, NDArray[np.int64]]:
    """A series (n_times, 2), and the first hours after the signs of its events (n_events, kinds)."""
    shapes, draws = stream(seed, "shapes"), stream(seed, "series")
    sign = shapes.standard_normal((N_KINDS, N_SIGN, 2))
    sign /= np.sqrt(np.square(sign).mean(axis=(1, 2), keepdims=True))
    response = shapes.choice([-1.0, 1.0], (N_KINDS, 1, 2)) * np.exp(-np.arange(params.horizon) / 6)[None, :, None]
    n_events = params.n_events * N_KINDS
    n = params.n_quiet + (n_events + 1) * params.gap
    t = np.arange(n)[:, None]
    series = np.sin(2 * np.pi * (t + np.array([0, 7])) / 24)
    drift = np.zeros((n, 2))
    for i, step in enumerate(draws.standard_normal((n, 2)) * params.noise):
        drift[i] = 0.8 * drift[i - 1] + step
    series += drift
    starts = params.n_quiet + params.gap + np.arange(n_events) * params.gap + draws.integers(0, 24, n_events)
    for i, start in enumerate(starts):
        size = params.strength * (1 + params.spread * draws.standard_normal())
        series[start - N_SIGN : start] += params.strength * sign[i % N_KINDS]
        series[start : start + params.horizon] += size * response[i % N_KINDS]
    return series, starts.reshape(params.n_events, N_KINDS)


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'events' and 'quiet', and 'again' of the remembered windows: a row for series, beta, events remembered."""
    tables: dict[str, list[dict[str, Any]]] = {"events": [], "quiet": [], "again": []}
    for i in range(params.n_series):
        for name, row in one_series(params, subseed(seed, f"series {i}")):
            tables[name].append({"series": i} | row)
        progress(i + 1, params.n_series, "series")
    return {name: Table.from_rows(rows) for name, rows in tables.items()}


def one_series(params: StudyParams, seed: int) -> list[tuple[str, dict[str, Any]]]:
    """Errors on later events and in quiet hours, after more and more events were remembered."""
    series, starts = made_series(params, seed)
    window, horizon, fitted = params.window, params.horizon, series[: params.n_quiet]
    seen = int(starts[max(REMEMBERED) - 1, -1]) + params.gap // 2  # what comes later is judged
    late = series[seen:]
    judged = starts[max(REMEMBERED) :].ravel() - seen - window  # windows of events, by first hour
    calm = _calm(len(late) - window - horizon + 1, starts.ravel() - seen, params)
    ridge = RidgeForecaster(window, horizon).fit(fitted).window_errors(late)[0]
    refit = RidgeForecaster(window, horizon).fit(series[:seen]).window_errors(late)[0] * _rescaled(series, seen, fitted)
    rows = []
    for beta in params.betas:
        f = MemoryForecaster(window, horizon, beta=beta, base="ridge", gate=1.0).fit(fitted)
        off, n = f.window_errors(late)[0], 0
        for more in REMEMBERED:
            new, n = starts[n:more].ravel(), more
            past = np.stack([series[s - window : s] for s in new])
            future = np.stack([series[s : s + horizon] for s in new])
            on = f.remember(past, future).window_errors(late)[0]
            asked = np.square((f.predict(past) - future) / fitted.std(axis=0)).mean()
            plain = {"ridge": ridge, "refit": refit, "off": off, "on": on}
            key = {"beta": beta, "remembered": more}
            rows.append(("events", key | {name: float(e[judged].mean()) for name, e in plain.items()}))
            rows.append(("quiet", key | {name: float(e[calm].mean()) for name, e in plain.items()}))
            rows.append(("again", key | {"error": float(asked)}))
    return rows


def _rescaled(series: Real, seen: int, fitted: Real) -> float:
    """Errors in units of a longer series' spread, in those of the one all others are fitted on (channels alike)."""
    return float((series[:seen].var(axis=0) / fitted.var(axis=0)).mean())


def _calm(n: int, starts: NDArray[np.int64], params: StudyParams) -> NDArray[np.int64]:
    """Windows, by first hour, that share no hour with an event, neither they nor their futures."""
    free = np.ones(n, bool)
    for s in starts:
        free[max(s - N_SIGN - params.window - params.horizon + 1, 0) : max(s + params.horizon, 0)] = False
    return np.flatnonzero(free)


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Error on later events by events remembered; what an open memory costs in quiet hours."""
    fig, (left, right) = plotting.subplots(1, 2, (7.2, 3.0))
    events, quiet = tables["events"], tables["quiet"]
    betas = [float(b) for b in np.unique(events["beta"])]
    lines = [("refit", betas[0], "ridge, fitted again with four")]
    lines += [("on", beta, f"remembered, beta {beta:g}") for beta in betas]
    for i, (column, beta, label) in enumerate(lines):
        some = [events.where(remembered=m, beta=beta) for m in REMEMBERED]
        rates = [measures.spread(t[column] / t["ridge"]) for t in some]
        _with_ends(left, REMEMBERED, rates, label=label, color=plotting.PALETTE[i % 7])
    for column, label, style in (("off", "no event remembered", "-"), ("on", "events remembered", ":")):
        some = [quiet.where(remembered=max(REMEMBERED), beta=beta) for beta in betas]
        rates = [measures.spread(100 * (t[column] / t["ridge"] - 1)) for t in some]
        _with_ends(right, betas, rates, label=label, ls=style)
    left.set(title="a  later events", xlabel="events of a kind remembered", ylabel="error over that of ridge")
    left.set(xticks=REMEMBERED, ylim=(0, None))
    right.set(title="b  quiet hours", xlabel="beta", ylabel="error above that of ridge (%)")
    left.legend(fontsize=6.5)
    right.legend(fontsize=6.5)
    return fig


def _with_ends(ax: Any, x: Any, rates: list[measures.Rate], **style: Any) -> None:
    ends = [[r.value - r.low for r in rates], [r.high - r.value for r in rates]]
    ax.errorbar(x, [r.value for r in rates], ends, marker="o", ms=3, **style)


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Errors on events fall, quiet hours stay, what was remembered is given back; ends of intervals over series."""
    made, goal = [], "goal of the project; the end of the interval over series that is further off"
    for beta in np.unique(tables["events"]["beta"]):
        for m in REMEMBERED:
            rows = tables["events"].where(remembered=m, beta=float(beta))
            calm = tables["quiet"].where(remembered=m, beta=float(beta))
            name = f"beta {beta:g}, {m} remembered"
            fall, change = measures.spread(rows["on"] / rows["off"]), _off(calm["on"] / calm["off"] - 1)
            made.append(_goal(f"events, {name}: error after over before", fall.high, 1.0, len(rows), goal))
            made.append(_goal(f"quiet hours, {name}: change of error", change, 0.01, len(calm), goal))
        gain = measures.spread(rows["on"] / rows["refit"])
        made.append(_goal(f"events, {name}: error over that of ridge fitted again", gain.high, 1.0, len(rows), goal))
    soft, sharp = float(tables["quiet"]["beta"].min()), float(tables["quiet"]["beta"].max())
    costs = [t["on"] / t["ridge"] - 1 for t in (tables["quiet"].where(remembered=4, beta=b) for b in (soft, sharp))]
    less = measures.spread(costs[0] - costs[1])
    source = "an average over more windows of memory is less noisy; upper end of the interval over series"
    name = f"quiet hours: error above that of ridge, beta {soft:g} less beta {sharp:g}"
    made.append(_goal(name, less.high, 0.0, less.n, source))
    again = tables["again"].where(remembered=1, beta=sharp)["error"]
    known = float(tables["quiet"].where(remembered=1, beta=sharp)["ridge"].mean())
    source = "goal of the project: better than ridge in quiet hours"
    made.append(
        _goal(f"a remembered window asked again, beta {sharp:g}: error", again.mean(), known, len(again), source)
    )
    return made


def _goal(name: str, value: float, high: float, n: int, source: str) -> Check:
    return Check(name, value, high=high, n=n, kind="prototype", source=source)


def _off(changes: Real) -> float:
    """The end of the interval of a mean that is further from 0."""
    rate = measures.spread(changes)
    return max(abs(rate.low), abs(rate.high))
