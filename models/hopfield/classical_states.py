"""The states a binary network settles in: which they are, how wide their basins are, whether the order matters."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.checks import checked_count, checked_real
from sdrsim.engine.codes import SDR, as_sdr
from sdrsim.engine.seeds import checked_seed, stream
from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.classical_base import BinaryNetwork, as_spins, spin_codes

__all__ = ["KINDS", "Attractors", "Kinds", "attractors", "kinds_of_states", "mixtures", "order_dependence"]

KINDS = ("stored", "reversed", "mixture", "other")


class Attractors(NamedTuple):
    """Where a network settles from random states.

    codes : SDR, each state once, the most frequent first (ties: the one found first)
    share : (n,) float64, of all starts, that settled in it
    energy : (n,) float64
    n_starts : int
    n_restless : int, starts that had not settled after `max_steps`; not among the codes
    """

    codes: SDR
    share: NDArray[np.float64]
    energy: NDArray[np.float64]
    n_starts: int
    n_restless: int

    def __repr__(self) -> str:
        return f"Attractors({len(self.codes):,} states from {self.n_starts:,} starts, {self.n_restless:,} restless)"


class Kinds(NamedTuple):
    """What states are, by their overlaps (1: equal, -1: upside down).

    kind : (n,) text, of `KINDS`
    nearest : (n,) int64, the pattern with the largest overlap, either sign
    overlap : (n,) float64, with it
    mixture : (n,) float64, with the sign of the sum of the three patterns of largest overlap, each with its sign; 0
        where fewer are stored
    """

    kind: NDArray[np.str_]
    nearest: NDArray[np.int64]
    overlap: NDArray[np.float64]
    mixture: NDArray[np.float64]

    def counts(self) -> dict[str, int]:
        """States of each kind."""
        return {name: int((self.kind == name).sum()) for name in KINDS}


def attractors(network: BinaryNetwork, n_starts: int, seed: int = 0, *, max_steps: int = 100) -> Attractors:
    """Let a network settle from uniform random states.

    Parameters
    ----------
    network : BinaryHopfield or DenseAssociativeMemory
    n_starts : int, 1 or more
    seed : int
        Keys the starts; start i is the same whatever their number.
    max_steps : int
        As in `recall`.

    Returns
    -------
    Attractors
        Shares are those of the basins, as far as so many starts can tell.

    Raises
    ------
    ParameterError
        Numbers out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield import BinaryHopfield
    >>> from sdrsim.models.hopfield.classical_states import attractors, kinds_of_states
    >>> x = np.random.default_rng(0).random((5, 200)) < .5
    >>> m = BinaryHopfield(n_units=200)
    >>> stored = m.store(x)
    >>> found = attractors(m, n_starts=300)
    >>> counts = kinds_of_states(found.codes, x).counts()
    >>> counts["stored"], counts["reversed"], counts["mixture"] > 10
    (5, 5, True)
    """
    n, key = checked_count("n_starts", n_starts, 1, 2**31 - 1), checked_seed(seed)
    starts = np.stack([stream(key, f"start {i}").random(network.size) < 0.5 for i in range(n)])
    found = network.recall(starts, max_steps=max_steps)
    settled = found.codes.dense()[found.converged]
    states, first, counts = np.unique(settled, axis=0, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    codes = SDR.from_dense(states[order].reshape(-1, network.size))
    return Attractors(codes, counts[order] / n, network.energy(codes), n, n - len(settled))


def kinds_of_states(codes: Any, patterns: Any, level: float = 0.97) -> Kinds:
    """Tell stored patterns, their opposites, mixtures of three and other states apart.

    Parameters
    ----------
    codes, patterns : codes over the same units, or arrays of -1 and 1
    level : float, 0..1
        Least overlap that counts as being it. Below 1, as retrieval states differ from their pattern in a few units.

    Returns
    -------
    Kinds

    Raises
    ------
    CodeError
        Codes over another number of units.

    Notes
    -----
    Mixtures of an odd number of patterns are the best-known spurious states of Hebb's rule; that of three has overlap
    1/2 with each (Amit, Gutfreund & Sompolinsky 1985, Phys. Rev. A 32:1007).
    """
    stored = as_spins(_codes(patterns, "patterns"))
    states = as_spins(spin_codes(codes, stored.shape[1], "codes"))
    least = checked_real("level", level, 0.0, 1.0)
    if not len(stored):
        raise ParameterError("patterns", got="none", expected="the stored patterns")
    with_all = states.astype(np.float64) @ stored.T.astype(np.float64) / stored.shape[1]
    ranked = np.argsort(-np.abs(with_all), axis=1, kind="stable")
    nearest = ranked[:, 0]
    overlap = np.take_along_axis(with_all, ranked[:, :1], axis=1)[:, 0]
    mixture = np.zeros(len(states))
    if len(stored) >= 3:
        three = ranked[:, :3]
        signs = np.where(np.take_along_axis(with_all, three, axis=1) < 0, -1, 1)
        mixed = np.sign((stored[three] * signs[:, :, None]).sum(axis=1))
        mixture = (mixed * states).mean(axis=1)
    kind = np.select([overlap >= least, overlap <= -least, mixture >= least], KINDS[:3], KINDS[3])
    return Kinds(kind, nearest.astype(np.int64), overlap, mixture)


def mixtures(patterns: Any, n: int, n_mixed: int = 3, seed: int = 0) -> SDR:
    """`n` mixture states: the sign of the sum of an odd number of patterns, drawn at random without repeats.

    Parameters
    ----------
    patterns : codes, or arrays of -1 and 1
    n : int
    n_mixed : int, odd
    seed : int
        Keyed by item: the first ones are the same whatever their number.

    Returns
    -------
    SDR

    Raises
    ------
    ParameterError
        An even number, or fewer patterns than are to be mixed.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield.classical_states import kinds_of_states, mixtures
    >>> x = np.random.default_rng(0).random((8, 1000)) < .5
    >>> kinds_of_states(mixtures(x, 20), x).counts()["mixture"]
    20
    """
    stored = as_spins(_codes(patterns, "patterns"))
    count, key = checked_count("n", n, 0, 2**31 - 1), checked_seed(seed)
    if checked_count("n_mixed", n_mixed, 1, max(1, len(stored))) % 2 == 0:
        raise ParameterError("n_mixed", got=n_mixed, expected="an odd number: no unit is left undecided")
    made = np.zeros((count, stored.shape[1]), np.bool_)
    for i in range(count):
        chosen = stream(key, f"mixture {i}").permutation(len(stored))[:n_mixed]
        made[i] = stored[chosen].sum(axis=0, dtype=np.int64) > 0
    return SDR.from_dense(made)


def order_dependence(
    network: BinaryNetwork, cues: Any, n_orders: int = 10, *, max_steps: int = 100
) -> NDArray[np.float64]:
    """(n,) float64: of the pairs of update orders, the share that end in different states; 0: the order is no matter.

    Parameters
    ----------
    network : BinaryHopfield or DenseAssociativeMemory, update 'async'
    cues : codes over its units, or arrays of -1 and 1
    n_orders : int, 2 or more
        Orders tried for each cue: seeds 0 .. n_orders - 1.
    max_steps : int
        As in `recall`.

    Raises
    ------
    ParameterError
        A network whose units flip all at once, which has no order.

    Examples
    --------
    >>> import numpy as np
    >>> from sdrsim.models.hopfield import BinaryHopfield
    >>> from sdrsim.models.hopfield.classical_states import order_dependence
    >>> x = np.random.default_rng(0).random((5, 200)) < .5
    >>> m = BinaryHopfield(n_units=200)
    >>> stored = m.store(x)
    >>> far = np.random.default_rng(1).random((5, 200)) < .5
    >>> float(order_dependence(m, x).max()), bool(order_dependence(m, far).max() > .3)
    (0.0, True)
    """
    if network.update != "async":
        raise ParameterError("network", got=f"update {network.update!r}", expected="'async': all at once has no order")
    n = checked_count("n_orders", n_orders, 2, 2**31 - 1)
    codes = spin_codes(cues, network.size, "cues")
    ends = [network.recall(codes, max_steps=max_steps, seed=k).codes.packed() for k in range(n)]
    differ: Callable[[int, int], NDArray[np.bool_]] = lambda a, b: (ends[a] != ends[b]).any(axis=1)  # noqa: E731
    pairs = [(a, b) for a in range(n) for b in range(a)]
    return np.asarray(sum(differ(a, b).astype(np.float64) for a, b in pairs) / len(pairs))


def _codes(x: Any, what: str) -> SDR:
    size = int(np.shape(x)[-1]) if isinstance(x, np.ndarray) and x.ndim else None
    return as_sdr(x, what=what) if size is None else spin_codes(x, size, what)
