"""Saturation: how full a mac is, and the warning when it cannot tell novel from familiar, or learn, any more."""

import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.engine.seeds import subseed
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import SaturationWarning
from sdrsim.patterns import random_sparse

if TYPE_CHECKING:
    from sdrsim.models.sparsey.sheet import Sheet

__all__ = ["CLOSED", "FAMILIAR", "Saturation", "saturation_of", "warn_when_saturated"]

# G of novel items above which old and new are hard to tell apart (prototype: .66 goes with AUC .997, .95 with .81).
FAMILIAR = 0.7
CLOSED = 0.9  # share of units full or frozen at which a mac hardly learns any more
N_PROBES = 8


class Saturation(NamedTuple):
    """How full a mac is.

    share_set : weights set, of all
    share_closed : units that learn no more
    n_fallbacks : CMs drawn although no unit could take the item (nothing was written there)
    novel_familiarity : mean G of novel probes
    """

    share_set: float
    share_closed: float
    n_fallbacks: int
    novel_familiarity: float

    @property
    def alarm(self) -> str:
        """What is wrong, in a sentence; empty while nothing is."""
        if self.novel_familiarity > FAMILIAR:
            return f"random novel items have familiarity {self.novel_familiarity:.2f} (alarm above {FAMILIAR})"
        return closed_alarm(self.share_closed)


def closed_alarm(share_closed: float) -> str:
    """What `Saturation.alarm` says of the share of closed units."""
    if share_closed <= CLOSED:
        return ""
    return f"{share_closed:.0%} of its units take no more weights (alarm above {CLOSED:.0%})"


def saturation_of(mac: "Sheet", probes: SDR | None = None) -> Saturation:
    """The monitor's numbers; see `Mac.saturation`. Probing counts no traffic: it is an instrument, not the memory's
    work.
    """
    if probes is None:
        probes = novel_probes(mac)
    before, mac.traffic = mac.traffic, Traffic()
    try:
        events = mac.run(probes, learn=False, first=0)
    finally:
        mac.traffic = before
    novel = float(events.familiarity.mean()) if len(events.mac) else 0.0
    return Saturation(mac.share_set, mac.share_closed, mac.n_fallbacks, novel)


def novel_probes(mac: "Sheet") -> SDR:
    """Random items of the mean activity stored so far, drawn from a stream of their own."""
    n = mac.params.n_inputs
    k = n // 2 if mac.n_stored == 0 else round(mac.n_active_stored / mac.n_stored)
    return random_sparse(N_PROBES, n, max(1, min(n, k)), seed=subseed(mac.seed, "saturation probes"))


def warn_when_saturated(mac: "Sheet", stored_before: int, familiarity: NDArray[np.float64]) -> None:
    """Probe each time the number of items passes a power of two, and warn of what `Saturation.alarm` says.

    `familiarity` is the G of the items just stored, as they came: where the last of them were no more familiar than the
    alarm allows, random ones are not either, and the probes (a tenth of a millisecond) are left out.
    """
    if mac.n_stored.bit_length() == stored_before.bit_length():
        return
    reason = closed_alarm(mac.share_closed)
    if not reason and len(familiarity) and familiarity[-N_PROBES:].mean() > FAMILIAR:
        reason = saturation_of(mac).alarm
    if reason:
        warnings.warn(
            f"{mac!r} is saturated: {reason}; raise n_cells, store fewer items, or try match='cosine'",
            SaturationWarning,
            stacklevel=3,
        )
