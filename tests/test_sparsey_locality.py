"""Work follows events: macs that nothing reaches are not visited, however many there are."""

import numpy as np

from sdrsim import Simulator
from sdrsim.engine.traffic import COUNTERS
from sdrsim.models.sparsey import Hierarchy, Level

WIDE = {"aperture": (4, 4), "stride": (4, 4), "n_cms": 4, "n_cells": 4}


def strip(n_macs, seed=1):
    """A row of macs side by side, and pairs of them below macs of a second level."""
    levels = [Level(**WIDE), Level(aperture=(1, 2), stride=(1, 2), n_cms=3, n_cells=4)]
    return Hierarchy((4, 4 * n_macs), levels, seed=seed)


def narrow_frames(n_macs, n=12):
    """Frames whose active pixels lie in the first ten apertures."""
    frames = np.zeros((n, 4, 4 * n_macs), np.bool_)
    frames[:, :, :40] = np.random.default_rng(0).random((n, 4, 40)) < 0.4
    return frames


def poison(h, beyond):
    """Nonsense into every mac from `beyond` on of every level; returns a copy of it."""
    kept = []
    h.allocate()
    for i, sheet in enumerate(h.sheets):
        first, memory = beyond >> i, sheet._memory
        memory.words[first * sheet.params.n_inputs : -1] = 2**64 - 1
        memory.n_set[first:], memory.closed[first:] = -7, 1
        kept.append([memory.words[first * sheet.params.n_inputs : -1].copy(), memory.n_set[first:].copy()])
    return kept


def test_silent_macs_are_not_visited():
    small, large = strip(10), strip(1000)
    nonsense = poison(large, beyond=10)
    for verb in ("learn", "recognise"):
        few, many = (getattr(h, verb)(narrow_frames(n)) for h, n in ((small, 10), (large, 1000)))
        phase = "learn" if verb == "learn" else "retrieve"
        for level, (a, b) in enumerate(zip(few.events, many.events, strict=True)):
            assert np.array_equal(a.indptr, b.indptr)
            assert np.array_equal(a.mac, b.mac)
            assert np.array_equal(a.winners, b.winners)
            assert np.array_equal(a.familiarity, b.familiarity)
            mine, theirs = ({**t.traffic.counts} for t in (few, many))
            name = f"L{level}.U", phase
            own, other = (dict(zip(COUNTERS, moved[name].tolist())) for moved in (mine, theirs))
            assert 0 < own.pop("code_bits") <= other.pop("code_bits"), "addresses are longer in a larger level"
            assert own == other
            assert any(own.values())
    sim_small, sim_large = Simulator(small.network()), Simulator(large.network())
    for sim, n in ((sim_small, 10), (sim_large, 1000)):
        for t, frame in enumerate(narrow_frames(n)):
            sim.schedule("L0", frame.reshape(1, -1), at=t)
        sim.run()
    for i, sheet in enumerate(large.sheets):
        first = 10 >> i
        assert np.array_equal(sheet._memory.words[first * sheet.params.n_inputs : -1], nonsense[i][0])
        assert np.array_equal(sheet._memory.n_set[first:], nonsense[i][1])
        assert not any(scratch.any() for scratch in sheet._scratch[0][0][:2]), "left as found"
        counted = [s.traffic.counts for s in (small.sheets[i], sheet)]
        assert counted[0].keys() == counted[1].keys()
        others = [name != "code_bits" for name in COUNTERS]
        assert all(counted[0][k][others].tolist() == counted[1][k][others].tolist() for k in counted[0])
