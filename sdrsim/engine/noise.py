"""Noise on a code at the cost of what it changes: how many units flip is drawn first, then which."""

import numpy as np

from sdrsim.engine.codes import SDR

__all__ = ["noisy"]


def noisy(code: SDR, p_erase: float, p_insert: float, generator: np.random.Generator) -> SDR:
    """One code with every active unit lost with `p_erase` and every silent one added with `p_insert`, independently.

    Parameters
    ----------
    code : SDR of one item
    p_erase, p_insert : float in 0..1
    generator : numpy.random.Generator
        Keyed by the caller, say ``stream(seed, f"{name} {tick}")``.

    Returns
    -------
    SDR of one item
        Binomial counts, then a uniform choice of units: the same law as one draw per unit, in O(active + changed).

    Examples
    --------
    >>> from sdrsim.engine.seeds import stream
    >>> code = SDR.from_indices([range(100)], size=100_000)
    >>> noisy(code, 0.5, 0.0, stream(1)).overlap(code).item() < 100
    True
    """
    active = code.indices
    n_silent = code.size - len(active)
    n_lost = int(generator.binomial(len(active), p_erase))
    n_added = int(generator.binomial(n_silent, p_insert))
    lost = generator.choice(len(active), n_lost, replace=False, shuffle=False) if n_lost else np.zeros(0, np.int64)
    kept = np.delete(active, lost)
    if n_added:
        places = np.sort(generator.choice(n_silent, n_added, replace=False, shuffle=False))
        # the r-th silent unit stands behind as many active ones as have at most r silent units before them
        added = places + np.searchsorted(active - np.arange(len(active)), places, side="right")
        kept = np.sort(np.concatenate([kept, added.astype(np.int32)]))
    return SDR._trusted(kept, np.array([0, len(kept)]), code.size)
