"""A sudden event, remembered once: what one window in memory is worth, without a fit.

A series of a daily cycle and correlated noise, two channels, goes on without events; a ridge forecaster over it, with a
memory of its windows plugged in, is fitted there. Then events come: a short sign, of a shape of its own, and a response
that only this kind has. When an event is over, its window (up to the end of the sign) and what followed are remembered:
one `remember`, no refit. Judged are later events of the same kinds, with and without what was remembered, and beside
ridge alone and ridge fitted again with all that was seen; and the hours that are no event, quiet ones and those near an
event, whose window or future shares hours with one. The gate is held open, for quiet hours alone would shut it: so an
ordinary window too gets what its neighbours in memory missed, which is noise, and costs error.

The generator is ours (reconstruction): the papers show single examples of their own data.

Protocol, written down before the run with seed 0, which was made once:

* Other series were looked at while the generator was made. Its numbers (length of the quiet part, of signs and windows,
  noise, spread, a strength of 4) and alpha 1.5 are from there and favour the memory. So weaker events stand beside.
* From quiet hours alone: the scale, ridge, the memory of ordinary windows.
* From a validation stretch that follows, with two kinds of events that never come again: the sharpness. The first event
  of each kind is remembered; of the library's own grid, that sharpness is taken, for each series and strength, whose
  mean squared error over all later hours of the stretch is least.
* Judged on 24 series of seeds not used before: after 1, 2 and 4 events of each of two new kinds, the later ones.
* Every check holds the upper end of the 95 % interval (Student's t over series) against a goal of the project: errors
  on events fall, below those before and those of ridge; those of other hours rise by 1 % at most, above those before
  and above those of ridge, where the price of the open gate shows. The limits stay as they are; what does not hold is
  reported as deviating.

What came out (24 series, 192 later events for each strength; mean and 95 % interval over series):

    strength  later events, error over that of ridge        quiet hours, error above that of ridge
              1 remembered          4 remembered            (4 remembered, gate open)
    1         0.997 [0.994, 1.001]  0.992 [0.983, 1.001]    0.2 % [-0.1, 0.6]
    2         0.893 [0.824, 0.963]  0.779 [0.666, 0.892]    1.3 % [0.5, 2.0]
    4         0.369 [0.247, 0.492]  0.210 [0.096, 0.323]    1.9 % [1.0, 2.7]

Strong events are forecast better after a single one, weak ones (of the size of the cycle) are not: there validation
prefers a soft retrieval, which costs ordinary hours little and singles out nothing. Beside ridge fitted again, memory
is better at strength 4 (0.32 [0.04, 0.61]), not clearly different at 2 (0.96 [0.75, 1.16]) and worse at 1 (1.08 [1.02,
1.14]). To remember events changes quiet hours by less than 0.01 % and those near events by 0.3 % [-0.1, 0.6] at most;
but one gate serves all hours, and held open it costs quiet ones more than the goal of 1 % at strengths 2 and 4. There
are 31 intervals, not corrected for their number.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sdrsim import measures
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.files.table import Table
from sdrsim.models.hopfield.forecast import MemoryForecaster, RidgeForecaster, cut
from sdrsim.models.hopfield.forecast.base import Forecaster
from sdrsim.models.hopfield.forecast.tuning import BETAS
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "A sudden event remembered once: forecasts of the next one, no refit"
CITATION = "ours; plug-and-play memory after Wu et al. 2024, STanHop, ICLR"
QUICK = {"n_series": 5, "strengths": (4.0,), "betas": (0.5, 2.0, 8.0)}

N_KINDS, N_SIGN = 2, 8
REMEMBERED = (1, 2, 4)  # events of each kind
MOST, REHEARSALS = max(REMEMBERED), 4  # events of each kind of the validation stretch
ENOUGH = 24  # series of the protocol
EVENT, NEAR, QUIET, AGAIN = "event", "near", "quiet", "again"
Real = NDArray[np.float64]
Whole = NDArray[np.int64]
Rows = list[dict[str, Any]]
Positives = tuple[Annotated[float, Field(gt=0)], ...]


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
    strengths : floats
        Size of sign and response, in units of the cycle.
    spread : float
        Of the size of a response, as a share.
    noise : float
    betas : floats
        Sharpnesses to choose from, soft first; alpha is 1.5 and the gate open.
    n_series : int
    """

    window: Annotated[int, Field(ge=16)] = 48
    horizon: Annotated[int, Field(ge=4)] = 12
    n_quiet: Annotated[int, Field(ge=500)] = 8640
    n_events: Annotated[int, Field(ge=5)] = 8
    gap: Annotated[int, Field(ge=120)] = 160
    strengths: Annotated[Positives, Field(min_length=1)] = (1.0, 2.0, 4.0)
    spread: Annotated[float, Field(ge=0)] = 0.1
    noise: Annotated[float, Field(gt=0)] = 0.2
    betas: Annotated[Positives, Field(min_length=2)] = BETAS
    n_series: Annotated[int, Field(ge=3)] = ENOUGH


# ---- series -----------------------------------------------------------------------------------------------------


class Stretch(NamedTuple):
    """A part of a series (n, 2), and the first hours after the signs of its events, (n_events, kinds)."""

    series: Real
    starts: Whole


def made_series(params: StudyParams, seed: int, strength: float) -> tuple[Real, Stretch, Stretch]:
    """Quiet hours; the validation stretch; the stretch to be judged on, with kinds of its own.

    Cycle, noise, shapes and times depend on the seed alone, the size of signs and responses also on `strength`.
    """
    rounds = REHEARSALS, params.n_events
    lengths = [params.n_quiet, *((n * N_KINDS + 1) * params.gap for n in rounds)]
    draws, n = stream(seed, "noise"), sum(lengths)
    series = np.sin(2 * np.pi * (np.arange(n)[:, None] + np.array([0, 7])) / 24)
    drift = np.zeros((n, 2))
    for i, step in enumerate(draws.standard_normal((n, 2)) * params.noise):
        drift[i] = 0.8 * drift[i - 1] + step
    parts = np.split(series + drift, np.cumsum(lengths)[:-1])
    seeds = [subseed(seed, f"events {i}") for i in range(2)]
    rehearsal, told = (with_events(params, *of, strength) for of in zip(parts[1:], rounds, seeds))
    return parts[0], rehearsal, told


def with_events(params: StudyParams, part: Real, n_events: int, seed: int, strength: float) -> Stretch:
    """A part of a series with `n_events` of each of two kinds in turn, which are drawn with the seed."""
    shapes, draws = stream(seed, "shapes"), stream(seed, "times and sizes")
    sign = shapes.standard_normal((N_KINDS, N_SIGN, 2))
    sign /= np.sqrt(np.square(sign).mean(axis=(1, 2), keepdims=True))
    response = shapes.choice([-1.0, 1.0], (N_KINDS, 1, 2)) * np.exp(-np.arange(params.horizon) / 6)[None, :, None]
    n, out = n_events * N_KINDS, part.copy()
    starts = params.gap + np.arange(n) * params.gap + draws.integers(-24, 0, n)
    for i, (start, z) in enumerate(zip(starts, draws.standard_normal(n))):
        out[start - N_SIGN : start] += strength * sign[i % N_KINDS]
        out[start : start + params.horizon] += strength * (1 + params.spread * z) * response[i % N_KINDS]
    return Stretch(out, starts.reshape(n_events, N_KINDS))


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'errors' (a row for series, strength, sharpness, events remembered, kind of hours), 'choices' (of the
    sharpness, on validation) and 'summary' (means over series with intervals).
    """
    errors: Rows = []
    choices: Rows = []
    for i in range(params.n_series):
        for strength in params.strengths:
            key = {"series": i, "strength": strength}
            tried, rows = one_series(params, subseed(seed, f"judged series {i}"), strength)
            choices += [key | row for row in tried]
            errors += [key | row for row in rows]
        progress(i + 1, params.n_series, "series")
    about = {
        "ridge": "mean squared error in units of the quiet part's spread",
        "refit": "ridge fitted again, with the first four events of each kind",
        "off": "with memory, no event remembered",
        "on": "with memory, events remembered",
        "rank": "of the sharpness in the grid",
        "chosen": "whether this sharpness was chosen on validation",
        "hours": "again: windows that were remembered themselves",
    }
    judged = Table.from_rows(errors, descriptions=about)
    return {"errors": judged, "choices": Table.from_rows(choices), "summary": summary(judged)}


def one_series(params: StudyParams, seed: int, strength: float) -> tuple[Rows, Rows]:
    """Errors on the validation stretch by sharpness, and those on the later hours of the stretch to be judged on."""
    quiet, rehearsal, told = made_series(params, seed, strength)
    spread = quiet.std(axis=0)
    seen = int(told.starts[MOST - 1, -1]) + params.gap // 2  # what comes later is judged
    late = Stretch(told.series[seen:], told.starts - seen)
    hours, at_told = hours_of(params, late), {m: at_events(params, told, range(m)) for m in REMEMBERED}
    ridge = RidgeForecaster(params.window, params.horizon).fit(quiet)
    before = np.concatenate([quiet, rehearsal.series, told.series[:seen]])
    refit = RidgeForecaster(params.window, params.horizon).fit(before)

    def errors(f: Forecaster) -> dict[str, Real]:
        """Of all later windows; of those remembered, by how many."""
        again = {f"{AGAIN} {m}": missed(f, *pairs, spread) for m, pairs in at_told.items()}
        return {"late": missed(f, *cut(late.series, params.window, params.horizon), spread), **again}

    plain, rows = {"ridge": errors(ridge), "refit": errors(refit)}, []
    tried = chosen_sharpness(params, ridge, quiet, rehearsal)
    for rank, (beta, chosen) in enumerate((row["beta"], row["chosen"]) for row in tried):
        f, n = plugged(params, ridge, quiet, beta), 0
        off = errors(f)
        for more in REMEMBERED:
            f.remember(*at_events(params, told, range(n, more)))
            n = more
            if not chosen and more != MOST:
                continue
            columns = plain | {"off": off, "on": errors(f)}
            for name, at in [*hours.items(), (AGAIN, np.arange(N_KINDS * more))]:
                part = f"{AGAIN} {more}" if name == AGAIN else "late"
                means = {column: float(e[part][at].mean()) for column, e in columns.items()}
                key = {"beta": beta, "rank": rank, "chosen": chosen, "remembered": more, "hours": name}
                rows.append(key | {"n_windows": len(at)} | means)
    return tried, rows


def chosen_sharpness(params: StudyParams, ridge: Forecaster, quiet: Real, rehearsal: Stretch) -> Rows:
    """Error by sharpness on the validation stretch, the first event of each kind remembered; the best is chosen."""
    known = int(rehearsal.starts[0, -1]) + params.gap // 2  # the first event of each kind is over
    later, spread = cut(rehearsal.series[known:], params.window, params.horizon), quiet.std(axis=0)
    rows: Rows = []
    for beta in params.betas:
        f = plugged(params, ridge, quiet, beta).remember(*at_events(params, rehearsal, range(1)))
        rows.append({"beta": beta, "error": float(missed(f, *later, spread).mean())})
    best = min(rows, key=lambda row: float(row["error"]))
    plain = float(missed(ridge, *later, spread).mean())
    return [row | {"ridge": plain, "chosen": row is best} for row in rows]


def plugged(params: StudyParams, ridge: Forecaster, quiet: Real, beta: float) -> MemoryForecaster:
    """Ridge with a memory of the quiet hours, its gate open."""
    return MemoryForecaster(params.window, params.horizon, beta=beta, base=ridge, gate=1.0).fit(quiet)


def at_events(params: StudyParams, stretch: Stretch, which: Iterable[int]) -> tuple[Real, Real]:
    """Windows up to the end of the sign, and what followed, of events of each kind by their number."""
    starts = stretch.starts[list(which)].ravel()
    past = np.stack([stretch.series[s - params.window : s] for s in starts])
    return past, np.stack([stretch.series[s : s + params.horizon] for s in starts])


def missed(f: Forecaster, past: Real, future: Real, spread: Real) -> Real:
    """Mean squared error of each window's forecast, in units of `spread`, the same for all forecasters."""
    off: Real = np.square((f.predict(past) - future) / spread).mean(axis=(1, 2))
    return off


def hours_of(params: StudyParams, late: Stretch) -> dict[str, Whole]:
    """Windows, by first hour: of later events; near any event (they or their futures share an hour with one); quiet."""
    n = len(late.series) - params.window - params.horizon + 1
    kinds = np.full(n, QUIET, dtype="<U5")
    for s in late.starts.ravel():
        kinds[max(s - N_SIGN - params.window - params.horizon + 1, 0) : max(s + params.horizon, 0)] = NEAR
    kinds[late.starts[MOST:].ravel() - params.window] = EVENT
    return {name: np.flatnonzero(kinds == name) for name in (EVENT, NEAR, QUIET)}


# ---- what is measured -------------------------------------------------------------------------------------------


class Goal(NamedTuple):
    """A ratio of errors, after remembering over another, at the chosen sharpness, and what it must not exceed."""

    hours: str
    remembered: int
    over: str
    high: float


GOALS = (
    Goal(EVENT, 1, "off", 1.0),
    Goal(EVENT, 1, "ridge", 1.0),
    Goal(EVENT, MOST, "off", 1.0),
    Goal(EVENT, MOST, "ridge", 1.0),
    Goal(EVENT, MOST, "refit", 1.0),
    Goal(AGAIN, 1, "ridge", 1.0),
    Goal(QUIET, MOST, "off", 1.01),
    Goal(QUIET, MOST, "ridge", 1.01),
    Goal(NEAR, MOST, "off", 1.01),
    Goal(NEAR, MOST, "ridge", 1.01),
)
NAMES = {"off": "that before", "ridge": "that of ridge", "refit": "that of ridge fitted again"}


def ratio(errors: Table, goal: Goal, strength: float) -> tuple[str, measures.Rate, int]:
    """Name, mean over series with its interval, and windows behind it."""
    rows = errors.where(hours=goal.hours, remembered=goal.remembered, strength=strength, chosen=True)
    name = f"strength {strength:g}, {goal.hours}, {goal.remembered} remembered: error over {NAMES[goal.over]}"
    return name, measures.spread(rows["on"] / rows[goal.over]), int(rows["n_windows"].sum())


def softer(errors: Table) -> tuple[str, measures.Rate, int]:
    """By how much the softest retrieval costs less in quiet hours than the sharpest, at the greatest strength."""
    top, ranks = float(errors["strength"].max()), (0, int(errors["rank"].max()))
    soft, sharp = (errors.where(strength=top, hours=QUIET, remembered=MOST, rank=i) for i in ranks)
    name = f"quiet: error over that of ridge, beta {soft['beta'][0]:g} less beta {sharp['beta'][0]:g}"
    return name, measures.spread(_over(soft) - _over(sharp)), int(soft["n_windows"].sum())


def summary(errors: Table) -> Table:
    """All that is held against a goal: mean, interval, series and windows."""
    strengths = [float(s) for s in np.unique(errors["strength"])]
    found = [ratio(errors, goal, strength) for strength in strengths for goal in GOALS]
    rows = [
        {"what": name, "mean": r.value, "low": r.low, "high": r.high, "n_series": r.n, "n_windows": n}
        for name, r, n in [*found, softer(errors)]
    ]
    about = {"mean": "over series", "low": "of the 95 % interval over series", "high": "likewise"}
    return Table.from_rows(rows, descriptions=about)


# ---- checks -----------------------------------------------------------------------------------------------------

OPEN = "an open gate adds to every window what its neighbours in memory missed, which is noise; expected beforehand"
SOFT = "no gain: the sharpness that errs least over all hours of validation is too soft to single out a weak event"
DEVIATIONS = {  # those of the run with seed 0
    (1.0, EVENT, "off"): SOFT,
    (1.0, EVENT, "ridge"): SOFT,
    (1.0, EVENT, "refit"): f"{SOFT}; ridge fitted again is better",
    (2.0, EVENT, "refit"): "no clear difference from ridge fitted again: the interval contains 1",
    (2.0, QUIET, "ridge"): OPEN,
    (4.0, QUIET, "ridge"): OPEN,
    (4.0, NEAR, "ridge"): OPEN,
}


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Errors on events fall, those of other hours do not rise: upper ends of intervals over series."""
    errors, made = tables["errors"], []
    more: dict[str, Any] = {"kind": "prototype", "source": "goal of the project; upper end of the 95 % interval"}
    for strength in (float(s) for s in np.unique(errors["strength"])):
        for goal in GOALS:
            name, rate, _ = ratio(errors, goal, strength)
            why = DEVIATIONS.get((strength, goal.hours, goal.over), _undecided(rate, goal.high))
            made.append(Check(name, rate.high, high=goal.high, n=rate.n, deviation=why, **more))
    name, less, _ = softer(errors)
    more["source"] = "an average over more windows of memory is less noisy; upper end of the 95 % interval over series"
    return [*made, Check(name, less.high, high=0.0, n=less.n, deviation=_undecided(less, 0.0), **more)]


def _undecided(rate: measures.Rate, limit: float) -> str:
    few = f"not decided: the limit lies inside the interval of fewer than {ENOUGH} series"
    return few if rate.n < ENOUGH and rate.low <= limit else ""


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Error on later events by events remembered, and by sharpness; what an open memory costs in quiet hours."""
    fig, (left, middle, right) = plotting.subplots(1, 3, (9.0, 3.1))
    errors = tables["errors"]
    strengths = [float(s) for s in np.unique(errors["strength"])]
    betas = [float(b) for b in np.unique(errors["beta"])]
    offsets = np.arange(len(strengths)) - (len(strengths) - 1) / 2  # side by side
    for i, (strength, offset) in enumerate(zip(strengths, offsets)):
        look, label = {"color": plotting.PALETTE[i % 7], "marker": "os^D"[i % 4]}, f"strength {strength:g}"
        here = errors.where(strength=strength, hours=EVENT)
        some = [here.where(chosen=True, remembered=m) for m in REMEMBERED]
        ratios = [some[0]["off"] / some[0]["ridge"], *map(_over, some)]
        _with_ends(left, np.arange(4) + 0.06 * offset, ratios, label=label, **look)
        _with_ends(middle, np.array(betas) * 1.06**offset, _by_rank(here), label=label, **look)
        refit, label = some[0]["refit"] / some[0]["ridge"], "open: ridge, fitted again" if i == 0 else ""
        _with_ends(left, [4 + 0.06 * offset], [refit], label=label, mfc="white", ls="none", **look)
    calm = _by_rank(errors.where(strength=strengths[-1], hours=QUIET))  # alike at all strengths
    calm = [100 * (ratio - 1) for ratio in calm]
    _with_ends(right, betas, calm, color="0.2", marker="o", label=f"{MOST} remembered, strength {strengths[-1]:g}")
    left.set(title="a  later events", xlabel="events of a kind remembered", ylabel="error over that of ridge")
    left.set_xticks(range(5), ["0", *map(str, REMEMBERED), "refit"])
    middle.set(title=f"b  later events, {MOST} remembered", ylabel="error over that of ridge")
    right.set(title="c  quiet hours", ylabel="error above that of ridge (%)")
    for ax in (middle, right):
        ax.set(xscale="log", xlabel="sharpness beta")
        ax.set_xticks(betas, [f"{b:g}" for b in betas])
        ax.minorticks_off()
    for ax, y in ((left, 1), (middle, 1), (right, 0)):
        ax.axhline(y, color="0.6", lw=0.7, zorder=0)
    middle.set_ylim(0, None)
    right.axhline(1, color="0.3", lw=0.9, ls="--", zorder=0, label="goal: at most 1 %")
    left.set_ylim(0, 1.35 * left.get_ylim()[1])  # room for the legend
    left.legend(fontsize=6.5, loc="upper left", ncols=2)
    right.legend(fontsize=6.5, loc="upper left")
    return fig


def _by_rank(errors: Table) -> list[Real]:
    """Error over that of ridge for each sharpness, all events remembered."""
    return [_over(errors.where(remembered=MOST, rank=int(r))) for r in np.unique(errors["rank"])]


def _over(rows: Table) -> Real:
    return np.asarray(rows["on"] / rows["ridge"])


def _with_ends(ax: Any, x: Any, some: list[Real], **style: Any) -> None:
    rates = [measures.spread(values) for values in some]
    ends = [[r.value - r.low for r in rates], [r.high - r.value for r in rates]]
    ax.errorbar(x, [r.value for r in rates], ends, **{"ms": 3.5, "lw": 1.0, **style})
