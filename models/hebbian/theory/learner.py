"""Links that grow from noisy presentations: exact expectation for the learner without an energy limit.

Reconstruction from the abstract of Coyac, Gripon, Langlais & Berrou 2017; the theory is derived here. At every
presentation of a message its units are read with probability ``1 - p_erase`` and all others with `p_insert`,
independently; every pair of units that is read together counts one; a link consolidates at `consolidation` counts.
One link's counter is a sum of independent events, so the expected numbers of links are exact. Precision and recall
are ratios of expectations.
"""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, one_of, share, together, whole

__all__ = [
    "LearnerLinks",
    "coactivation_counts",
    "consolidation_probability",
    "learner_links",
    "learner_links_of",
]

Schedule = Literal["random", "fixed"]


class LearnerLinks(NamedTuple):
    """Expected links of the learner.

    density : expected share of all pairs of units that are linked
    precision : share of the links that the ideal memory has too (1 where nothing is linked)
    recall : share of the ideal memory's links that are there
    ideal_density : density of the ideal memory, all pairs of all messages linked
    """

    density: Reals
    precision: Reals
    recall: Reals
    ideal_density: Reals


def consolidation_probability(n_presentations: ArrayLike, consolidation: ArrayLike, p_erase: ArrayLike) -> Reals:
    """Probability that a link of a message consolidates in `n_presentations` of that message, insertions left out.

    ``P(Binomial(R, (1 - p_erase)**2) >= tau)``.

    Parameters
    ----------
    n_presentations : int or array, 0 or more
        R, of the one message.
    consolidation : int or array, 1 or more
        tau, co-activations a link needs.
    p_erase : float or array, 0 .. 1

    Examples
    --------
    >>> consolidation_probability([5, 20], consolidation=3, p_erase=.1).round(4).tolist()
    [0.9495, 1.0]
    """
    r, tau, lost = together(
        n_presentations=whole("n_presentations", n_presentations),
        consolidation=whole("consolidation", consolidation, 1),
        p_erase=share("p_erase", p_erase),
    )
    return given(_reached(r, (1 - lost) ** 2, tau))


def coactivation_counts(
    n_presentations: ArrayLike, n_patterns: ArrayLike, mean_activity: ArrayLike, p_erase: ArrayLike
) -> tuple[Reals, Reals]:
    """Expected counts of a wrong and of a right pair: a consolidation threshold between the two tells them apart.

    ``T f**2`` and ``(T / M)(1 - p_erase)**2``; the first is an upper estimate for pairs that share no message.

    Parameters
    ----------
    n_presentations, n_patterns : int or array
        T in all, M messages.
    mean_activity : float or array, 0 .. 1
        f, mean share of units that learn at a presentation (a spike budget K of N units: K / N).
    p_erase : float or array, 0 .. 1

    Examples
    --------
    >>> wrong, right = coactivation_counts(8000, 400, mean_activity=8 / 512, p_erase=.1)
    >>> round(float(wrong), 2), round(float(right), 1)
    (1.95, 16.2)
    """
    t, m, f, lost = together(
        n_presentations=whole("n_presentations", n_presentations),
        n_patterns=whole("n_patterns", n_patterns, 1),
        mean_activity=share("mean_activity", mean_activity),
        p_erase=share("p_erase", p_erase),
    )
    return given(t * f**2), given(t / m * (1 - lost) ** 2)


def learner_links(
    n_patterns: ArrayLike,
    n_units: ArrayLike,
    n_active: ArrayLike,
    n_presentations: ArrayLike,
    consolidation: ArrayLike,
    p_erase: ArrayLike,
    p_insert: ArrayLike,
    schedule: Schedule = "random",
) -> LearnerLinks:
    """Links of the learner without an energy limit, in expectation over random messages of exactly k of N units.

    A unit is read with 1 - p_erase from a message that has it and with p_insert from the others. So a pair that n11
    messages use whole and n1 use half counts with probability
    ``p = (n11 (1 - p_erase)**2 + n1 (1 - p_erase) p_insert + n0 p_insert**2) / M`` at a random presentation: its
    counter is Binomial(T, p), a link with ``P(Binomial(T, p) >= tau)``. (n11, n1) is multinomial over random
    messages. With a fixed schedule every message comes exactly T / M times, and the counter is a sum of three
    binomials.

    Parameters
    ----------
    n_patterns : int or array, 1 or more
        M.
    n_units : int or array, 2 or more
        N.
    n_active : int or array, 0 .. n_units
        k.
    n_presentations : int or array, 0 or more
        T, in all. With a fixed schedule a multiple of `n_patterns`.
    consolidation : int or array, 1 or more
        tau.
    p_erase, p_insert : float or array, 0 .. 1
    schedule : 'random' or 'fixed'
        A random message at each presentation, or every message equally often.

    Raises
    ------
    ParameterError
        Counts or probabilities out of range; shapes that do not broadcast; an unknown schedule.

    Examples
    --------
    >>> links = learner_links(400, 512, 8, 8000, consolidation=[1, 3], p_erase=.1, p_insert=.002)
    >>> links.precision.round(3).tolist(), links.recall.round(3).tolist()
    ([0.193, 0.862], [1.0, 1.0])
    """
    one_of("schedule", schedule, ("random", "fixed"))
    checked = together(
        n_patterns=whole("n_patterns", n_patterns, 1),
        n_units=whole("n_units", n_units, 2),
        n_active=whole("n_active", n_active),
        n_presentations=whole("n_presentations", n_presentations),
        consolidation=whole("consolidation", consolidation, 1),
        p_erase=share("p_erase", p_erase),
        p_insert=share("p_insert", p_insert),
    )
    above_none("n_active", checked[2], "n_units", checked[1])
    settings, where = np.unique(np.stack([np.ravel(a) for a in checked]), axis=1, return_inverse=True)
    columns = []
    for m, n, k, t, tau, lost, added in settings.T.tolist():
        n11, n1, weight = _random_pairs(int(m), int(n), int(k))
        columns.append(_summed(_linked(n11, n1, int(m), int(t), int(tau), lost, added, schedule), n11, weight))
    found = np.array(columns).reshape(-1, 4).T[:, where.ravel()].reshape(4, *checked[0].shape)
    return LearnerLinks(*(given(a) for a in found))


def learner_links_of(
    patterns: Any,
    n_presentations: int,
    consolidation: int,
    p_erase: float,
    p_insert: float,
    schedule: Schedule = "random",
    size: int | None = None,
) -> LearnerLinks:
    """Links of the learner without an energy limit for given messages: exact in expectation over noise and order.

    As `learner_links`, with the usage of each unit and the messages of each pair counted in `patterns`. The work
    grows with the pairs that messages use, not with all pairs.

    Parameters
    ----------
    patterns : SDR, bool or 0/1 uint8 ``(M, N)``, indices ``(M, k)`` with `size`, CSR
        M messages, 1 or more.
    n_presentations, consolidation, p_erase, p_insert, schedule
        As in `learner_links`, single numbers.
    size : int, optional
        N, where indices came in.

    Raises
    ------
    CodeError, ParameterError
        Patterns that are no codes; numbers out of range.

    Examples
    --------
    >>> from sdrsim import patterns
    >>> x = patterns.random_sparse(400, size=512, k=8, seed=0)
    >>> links = learner_links_of(x, n_presentations=8000, consolidation=3, p_erase=.1, p_insert=.002)
    >>> round(float(links.precision), 3), round(float(links.ideal_density), 3)
    (0.862, 0.082)
    """
    from sdrsim.engine.codes import as_sdr

    one_of("schedule", schedule, ("random", "fixed"))
    codes = as_sdr(patterns, size)
    m, tau = int(whole("messages", len(codes), 1)), int(whole("consolidation", consolidation, 1))
    whole("units", codes.size, 2)
    t, lost, added = (
        int(whole("n_presentations", n_presentations)),
        share("p_erase", p_erase),
        share("p_insert", p_insert),
    )
    n11, n1, weight = _pairs_of(codes.to_csr().astype(np.float64))
    linked = _linked(n11, n1, m, t, tau, float(lost), float(added), schedule)
    return LearnerLinks(*(given(a) for a in _summed(linked, n11, weight)))


# ---- pairs of units: messages that use both, messages that use one, share of such pairs ---------------------------


def _random_pairs(m: int, n: int, k: int) -> tuple[Reals, Reals, Reals]:
    """Over random messages: (n11, n1) multinomial, cut where the tails hold less than 1e-15."""
    both = k * (k - 1) / (n * (n - 1))
    half = 2 * k * (n - k) / (n * (n - 1))
    n11, w11 = _binomial_window(m, both)
    parts = []
    for i, w in zip(n11.tolist(), w11.tolist()):
        n1, w1 = _binomial_window(m - i, min(half / (1 - both), 1.0) if both < 1 else 0.0)
        parts.append((np.full(len(n1), float(i)), n1.astype(np.float64), w * w1))
    a, b, weight = (np.concatenate(column) for column in zip(*parts))
    return a, b, weight


def _binomial_window(n: int, p: float) -> tuple[NDArray[np.int64], Reals]:
    """Values of Binomial(n, p) and their probabilities, tails below about 1e-16 left out."""
    from scipy.special import gammaln, xlog1py, xlogy

    reach = 9 * np.sqrt(n * p * (1 - p)) + 25
    x = np.arange(max(0, int(n * p - reach)), min(n, int(n * p + reach)) + 1)
    log = gammaln(n + 1) - gammaln(x + 1) - gammaln(n - x + 1) + xlogy(x, p) + xlog1py(n - x, -p)
    weight = np.exp(log)
    return x, weight / weight.sum()


def _pairs_of(x: Any) -> tuple[Reals, Reals, Reals]:
    """Of given messages (CSR, M by N): pairs that share messages counted one kind at a time, the rest by usage."""
    from scipy.sparse import triu

    usage = np.asarray(x.sum(axis=0)).ravel()
    shared = triu(x.T @ x, k=1).tocoo()
    n11, total = shared.data, usage[shared.row] + usage[shared.col]
    used, n_used = np.unique(usage, return_counts=True)
    pairs = np.triu(np.outer(n_used, n_used).astype(np.float64), 1)
    pairs[np.diag_indices(len(used))] = n_used * (n_used - 1) / 2
    sums = np.add.outer(used, used)[np.triu_indices(len(used))]
    kinds = np.concatenate([np.stack([np.zeros(len(sums)), sums]), np.stack([n11, total])], axis=1)
    count = np.concatenate([pairs[np.triu_indices(len(used))], np.ones(len(n11))])
    kinds = np.concatenate([kinds, np.stack([np.zeros(len(n11)), total])], axis=1)  # those were no unlinked pairs
    count = np.concatenate([count, -np.ones(len(n11))])
    distinct, which = np.unique(kinds, axis=1, return_inverse=True)
    weight = np.bincount(which.ravel(), count, minlength=distinct.shape[1])
    there = weight > 0
    (n11, total), n_units = distinct[:, there], len(usage)
    return n11, total - 2 * n11, weight[there] / (n_units * (n_units - 1) / 2)


def _summed(linked: Reals, n11: Reals, weight: Reals) -> tuple[float, float, float, float]:
    """(density, precision, recall, ideal density)."""
    right = n11 > 0
    density, true, ideal = float(weight @ linked), float(weight[right] @ linked[right]), float(weight[right].sum())
    return density, true / density if density > 0 else 1.0, true / ideal if ideal > 0 else 1.0, ideal


# ---- probability that a pair consolidates -------------------------------------------------------------------------


def _linked(n11: Reals, n1: Reals, m: int, t: int, tau: int, lost: float, added: float, schedule: Schedule) -> Reals:
    """For pairs that n11 of m messages use whole and n1 use half."""
    chances = ((1 - lost) ** 2, (1 - lost) * added, added**2)
    numbers = (n11, n1, m - n11 - n1)
    if schedule == "random":
        p = np.minimum(sum(n * c for n, c in zip(numbers, chances)) / m, 1.0)
        return _reached(np.full_like(p, float(t)), np.asarray(p), np.full_like(p, float(tau)))
    if t % m:
        do = "give a multiple, or schedule='random'"
        raise ParameterError("n_presentations", got=t, expected=f"a multiple of {m} messages", do=do)
    below = np.zeros((len(n11), tau))
    below[:, 0] = 1.0
    for n, chance in zip(numbers, chances):
        below = _added(below, _first_terms(n * (t // m), chance, tau))
    return np.asarray(np.maximum(1.0 - below.sum(axis=1), 0.0))


def _reached(n: Reals, p: Reals, tau: Reals) -> Reals:
    """P(Binomial(n, p) >= tau)."""
    from scipy.special import betainc

    enough = n >= tau
    return np.asarray(np.where(enough, betainc(tau, np.where(enough, n - tau + 1, 1.0), p), 0.0))


def _first_terms(n: Reals, p: float, tau: int) -> Reals:
    """(len(n), tau): P(Binomial(n, p) = 0 .. tau - 1)."""
    from scipy.special import gammaln, xlog1py, xlogy

    x = np.arange(tau)
    left = n[:, None] - x
    room = np.maximum(left, 0)
    log = gammaln(n[:, None] + 1) - gammaln(x + 1) - gammaln(room + 1) + xlogy(x, p) + xlog1py(room, -p)
    return np.where(left >= 0, np.exp(log), 0.0)


def _added(a: Reals, b: Reals) -> Reals:
    """Laws of sums of two counts, row by row, cut like a."""
    out = np.zeros_like(a)
    for s in range(a.shape[1]):
        out[:, s:] += a[:, s : s + 1] * b[:, : a.shape[1] - s]
    return out
