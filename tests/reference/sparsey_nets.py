"""Small hierarchies and clips that tests share, and ways to hold two of them against each other bit for bit."""

import numpy as np

from sdrsim.models.sparsey import Hierarchy, Level

SHAPE = (12, 10)


def doubling(v, g):
    """A user's psi."""
    return 1 + 50 * g * v**2


NETS = {
    "fraction": [
        Level(aperture=(5, 4), grid=(3, 3), n_cms=5, n_cells=4),
        Level(aperture=(2, 2), grid=(2, 2), n_cms=3, n_cells=5),
        Level(aperture=(2, 2), grid=(1, 1), n_cms=17, n_cells=3),
    ],
    "features": [
        Level(aperture=(4, 4), stride=(2, 2), n_cms=4, n_cells=8, preset="features"),
        Level(aperture=(3, 3), stride=(2, 1), n_cms=5, n_cells=6, preset="features", pi_u_minus=2, unit_cap=0.1),
    ],
    "shares": [
        Level(aperture=(6, 5), grid=(2, 3), n_cms=4, n_cells=4, match="jaccard", pi_u_minus=0.2, pi_u_plus=0.8),
        Level(aperture=(2, 2), grid=(1, 2), n_cms=4, n_cells=4, norm="pi_min", pi_u_minus=0.3, winner="draw"),
    ],
    "forms": [
        Level(aperture=(5, 5), stride=(5, 5), n_cms=6, n_cells=4, preset="core", learn_if_g_below=0.9),
        Level(aperture=(1, 2), stride=(1, 1), n_cms=3, n_cells=6, psi=doubling, pi_u_minus=2),
        Level(aperture=(2, 1), stride=(1, 1), n_cms=4, n_cells=4, preset="demo"),
    ],
}


def make(net="fraction", seed=4):
    return Hierarchy(SHAPE, NETS[net], seed=seed)


def clip(n=20, seed=0):
    """Frames of any density, among them none, all, one pixel, repeats and near repeats."""
    rng = np.random.default_rng(seed)
    frames = rng.random((n, *SHAPE)) < rng.random((n, 1, 1)) * 0.7
    frames[3], frames[5] = False, True
    frames[6], frames[8] = False, frames[2]
    frames[6, 4, 4] = True
    frames[9:12] = frames[1] & (rng.random((3, *SHAPE)) < 0.9)
    return frames


CLIP = clip()


def same(a, b):
    """Two traces, bit for bit."""
    assert len(a) == len(b)
    for x, y in zip(a.events, b.events, strict=True):
        for part in ("indptr", "mac", "winners", "familiarity"):
            assert np.array_equal(getattr(x, part), getattr(y, part))
    return True


def state_of(h):
    """All that `h` knows, without what it counted."""
    kept = [sheet.state() for sheet in h.sheets]
    for state in kept:
        del state["traffic"]
    return kept


def equal(a, b):
    """Nested states."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    return a == b or (a != a and b != b)
