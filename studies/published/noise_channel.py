"""From unreliable synapses and interference to insertions and erasures: the channel, drawn and calculated.

A unit that should be on adds up 20 afferents, each of which transmits with probability .7, and interference from
outside the network, normal with standard deviation 2.5; one that should be off has the interference alone. It fires at
a threshold: units that should fire and do not are erasures, the others insertions (`quantize_noise`, exact and in the
normal form). The analogue model is drawn here unit by unit. (A reconstruction: the abstract of Coyac, Gripon, Langlais
& Berrou 2017 says that coarsely quantised noise becomes insertions and erasures.)

The same two probabilities as events: a `Relay` of the engine loses and adds units of codes by number, then place. Their
counts are held against binomials, and the random numbers drawn follow the changes, not the units.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from sdrsim import Network, Simulator, patterns
from sdrsim.engine.fields import Relay
from sdrsim.engine.params import Params
from sdrsim.engine.seeds import stream, subseed
from sdrsim.files.table import Table
from sdrsim.models.hebbian import quantize_noise
from sdrsim.studies import plotting
from sdrsim.studies.check import Check
from sdrsim.studies.published._hebbian import FALSE_ALARM
from sdrsim.studies.study import Progress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE = "The noise channel: unreliable synapses and interference as insertions and erasures (a reconstruction)"
CITATION = "Coyac, Gripon, Langlais & Berrou 2017, arXiv:1709.08367 (abstract); reconstruction"
QUICK = {"n_draws": 50_000, "n_codes": 300}

LISTED: Mapping[float, tuple[float, float]] = {6.0: (6.7e-3, 8.2e-3), 8.0: (3.2e-2, 6.9e-4), 10.0: (0.108, 3.2e-5)}


class StudyParams(Params):
    """Parameters of the study.

    Parameters
    ----------
    n_afferents : int
    p_syn, weight, mean, sd : float
        Failure of an afferent, its weight; mean and standard deviation of the interference.
    thresholds : floats
    n_draws : int
        Units drawn at each threshold, on and off.
    n_units, n_active, n_codes : int
        Codes sent through the relay, one a tick.
    """

    n_afferents: Annotated[int, Field(ge=1)] = 20
    p_syn: Annotated[float, Field(ge=0, le=1)] = 0.3
    weight: Annotated[float, Field(ge=0)] = 1.0
    mean: float = 0.0
    sd: Annotated[float, Field(gt=0)] = 2.5
    thresholds: tuple[float, ...] = (4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)
    n_draws: Annotated[int, Field(ge=100)] = 4_000_000
    n_units: Annotated[int, Field(ge=10)] = 4096
    n_active: Annotated[int, Field(ge=1)] = 100
    n_codes: Annotated[int, Field(ge=10)] = 3_000


# ---- run --------------------------------------------------------------------------------------------------------


def run(params: StudyParams, seed: int, progress: Progress) -> dict[str, Any]:
    """Tables 'channel' (a row for a threshold) and 'events' (a row for a threshold)."""
    channel, events, p = [], [], params
    for i, threshold in enumerate(p.thresholds):
        rng = stream(seed, f"threshold {threshold}")
        on = p.weight * rng.binomial(p.n_afferents, 1 - p.p_syn, p.n_draws) + rng.normal(p.mean, p.sd, p.n_draws)
        off = rng.normal(p.mean, p.sd, p.n_draws)
        args = (p.n_afferents, p.p_syn, p.weight, p.mean, p.sd, threshold)
        exact, normal = quantize_noise(*args, exact=True), quantize_noise(*args)
        row = {"threshold": threshold, "n_draws": p.n_draws}
        row |= {"erased": int((on < threshold).sum()), "inserted": int((off >= threshold).sum())}
        row |= {"p_erase": float(exact.p_erase), "p_insert": float(exact.p_insert)}
        channel.append(row | {"p_erase_normal": float(normal.p_erase)})
        events.append({"threshold": threshold} | _events(p, float(exact.p_erase), float(exact.p_insert), seed))
        progress(i + 1, len(p.thresholds), "thresholds")
    return {"channel": Table.from_rows(channel), "events": Table.from_rows(events)}


def _events(p: StudyParams, p_erase: float, p_insert: float, seed: int) -> dict[str, Any]:
    """Units lost and added by a relay, and the random numbers it drew."""
    x = patterns.random_sparse(p.n_codes, p.n_units, p.n_active, seed=subseed(seed, "codes"))
    net = Network(seed=subseed(seed, f"{p_erase} {p_insert}"))
    relay = Relay(p.n_units, p_erase=p_erase, p_insert=p_insert)
    net.add("relay", relay)
    sim = Simulator(net)
    seen = sim.monitor("relay", "code")
    for i, code in enumerate(x):
        sim.schedule("relay", code, at=i)
    sim.run()
    kept = seen.codes.overlap(x)
    return {
        "n_on": p.n_codes * p.n_active,
        "n_off": p.n_codes * (p.n_units - p.n_active),
        "p_erase": p_erase,
        "p_insert": p_insert,
        "erased": int((p.n_active - kept).sum()),
        "inserted": int((seen.codes.n_active - kept).sum()),
        "n_codes": p.n_codes,
        "random_numbers": relay.traffic.get("noise", "io", "random_numbers"),
    }


# ---- draw -------------------------------------------------------------------------------------------------------


def draw(tables: Mapping[str, Table]) -> "Figure":
    """Both probabilities against the threshold; work against changes."""
    fig, axes = plotting.subplots(1, 2, (7.2, 3.1))
    t, e = tables["channel"], tables["events"]
    for i, (count, p, name) in enumerate((("erased", "p_erase", "erasure"), ("inserted", "p_insert", "insertion"))):
        values = t[count] / t["n_draws"]
        shown = np.where(values > 0, values, np.nan)
        axes[0].plot(t["threshold"], t[p], color=plotting.PALETTE[i], lw=0.9, label=f"{name}, exact")
        axes[0].plot(
            t["threshold"], shown, ls="", marker="os"[i], ms=3.5, color=plotting.PALETTE[i], label=f"{name}, drawn"
        )
    axes[0].plot(t["threshold"], t["p_erase_normal"], color="0.3", lw=0.8, ls="--", label="erasure, normal form")
    axes[0].set(title="a  the channel", xlabel="threshold", ylabel="probability", yscale="log")
    axes[0].legend(fontsize=6.5)
    changes = (e["erased"] + e["inserted"]) / e["n_codes"]
    axes[1].plot(changes, e["random_numbers"] / e["n_codes"], marker="o", ms=3.5, ls="")
    axes[1].plot(changes, changes + 2, color="0.3", lw=0.8, label="changes + 2")
    axes[1].set(title="b  a relay's work", xlabel="units lost and added a code", ylabel="random numbers a code")
    axes[1].legend()
    return fig


# ---- checks -----------------------------------------------------------------------------------------------------


def checks(tables: Mapping[str, Table]) -> list[Check]:
    """Both probabilities at every threshold, drawn and as events; the listed values; the work."""
    t, e = tables["channel"], tables["events"]
    level, found = FALSE_ALARM / (4 * len(t)), []
    for row in t.rows():
        for count, p in (("erased", "p_erase"), ("inserted", "p_insert")):
            source = f"quantize_noise, exact; {4 * len(t)} comparisons, family-wise level {FALSE_ALARM:g}"
            name = f"threshold {row['threshold']:g}: {count}"
            found.append(Check.proportion(name, row[count], row["n_draws"], row[p], level, source=source))
    for row in e.rows():
        for count, p, n in (("erased", "p_erase", "n_on"), ("inserted", "p_insert", "n_off")):
            source = f"binomial of the relay's events; {4 * len(t)} comparisons, family-wise level {FALSE_ALARM:g}"
            name = f"threshold {row['threshold']:g}: {count}, as events"
            found.append(Check.proportion(name, row[count], row[n], row[p], level, source=source))
    work = e["random_numbers"] - e["erased"] - e["inserted"]
    source = "two counts a code, and a number for each change: cost follows changes, whatever the units"
    found.append(
        Check.within(
            "random numbers a code beyond its changes",
            float((work / e["n_codes"]).max()),
            2.0,
            0.0,
            n=len(e),
            source=source,
        )
    )
    for threshold, listed in LISTED.items():
        part = t.where(threshold=threshold)
        for name, column, value in zip(("erasure", "insertion"), ("p_erase_normal", "p_insert"), listed):
            if len(part):
                source = "independent program, two digits printed; the normal form"
                more: dict[str, Any] = {"kind": "prototype", "source": source}
                found.append(
                    Check.within(
                        f"threshold {threshold:g}: {name}, listed", float(part[column][0]), value, 0.02 * value, **more
                    )
                )
    return found
