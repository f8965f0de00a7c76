"""The score of one unit, exactly: which units of a cue random messages have linked it to, as a Markov chain.

Take a unit and `n_cue` cue units in other clusters. A random message uses the unit with probability
``u = order / (n_clusters * cluster_size)``; it then uses h of the cue units too with probability v_h: its other
``order - 1`` clusters are a uniform choice of ``n_clusters - 1``, its unit in each a uniform one of `cluster_size`.
By symmetry those h are a uniform subset of the cue, so the number of cue units linked so far is a Markov chain, which
moves from n to n + d with probability ``u sum_h v_h C(n_cue - n, d) C(n, h - d) / C(n_cue, h)``. All terms are
positive, and so are those of its powers: nothing cancels, whatever the size of the cue.

The textbook way to the same numbers is inclusion and exclusion: with B_s the probability that a message which uses
the unit misses s given cue units, ``P(all linked) = sum_s (-1)**s C(n_cue, s) (1 - u (1 - B_s))**n_messages``. These
are the eigenvalues of the chain and their weights; the sum loses all digits for cues of a few tens of units.

One chain serves three memories: block cliques (``order = n_clusters``), sparse cliques, and Willshaw's network, which
is the sparse clique network with clusters of one unit.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.models.hebbian.theory.checks import Reals

__all__ = ["MOST_CUE", "adding_step", "at_least", "covering_step", "hits", "thinning_step", "use_probability", "walked"]

MOST_CUE = 1000
"""Cue units the chain takes; C(1000, 500) is the last of its kind that fits into float64."""


@lru_cache(maxsize=1)
def _binomials() -> Reals:
    """(MOST_CUE + 1, MOST_CUE + 1): C(n, h), by Pascal's sums."""
    table = np.zeros((MOST_CUE + 1, MOST_CUE + 1))
    table[:, 0] = 1.0
    for n in range(1, MOST_CUE + 1):
        table[n, 1 : n + 1] = table[n - 1, :n] + table[n - 1, 1 : n + 1]
    table.flags.writeable = False
    return table


def choose(most: int) -> Reals:
    """(most + 1, most + 1): C(n, h); ParameterError where the chain would not fit."""
    if most > MOST_CUE:
        do = "exact=False gives the form of independent links, for any size"
        raise ParameterError("units of the cue", got=most, expected=f"at most {MOST_CUE} in the exact form", do=do)
    return _binomials()[: most + 1, : most + 1]


def binomial_pmf(n: int, p: float) -> Reals:
    """(n + 1, n + 1): row m is the law of Binomial(m, p)."""
    lost = np.subtract.outer(np.arange(n + 1), np.arange(n + 1))
    with np.errstate(under="ignore"):
        return np.asarray(choose(n) * np.where(lost >= 0, p ** np.arange(n + 1) * (1 - p) ** np.maximum(lost, 0), 0.0))


def hypergeometric_pmf(n_all: int, n_marked: int, n_drawn: int) -> Reals:
    """(n_marked + 1,): marked ones among `n_drawn` of `n_all`, from exact ratios of neighbours."""
    h = np.arange(n_marked + 1)
    low, high = max(0, n_drawn + n_marked - n_all), min(n_marked, n_drawn)
    inner = h[low:high].astype(np.float64)
    up = (n_marked - inner) * (n_drawn - inner)
    ratio = up / ((inner + 1) * (n_all - n_marked - n_drawn + inner + 1))
    level = np.concatenate([[0.0], np.cumsum(np.log(ratio))])
    law = np.zeros(n_marked + 1)
    with np.errstate(under="ignore"):
        law[low : high + 1] = np.exp(level - level.max())
        return np.asarray(law / law.sum())


def use_probability(n_clusters: int, cluster_size: int, order: int) -> float:
    """Probability that a random message uses a given unit."""
    return order / (n_clusters * cluster_size)


def hits(n_clusters: int, cluster_size: int, order: int, n_cue: int) -> Reals:
    """(n_cue + 1,): v_h, probability that a message which uses a unit uses h of `n_cue` units in other clusters too."""
    if order < 1:
        return np.asarray(np.eye(1, n_cue + 1)[0])
    used = hypergeometric_pmf(n_clusters - 1, n_cue, order - 1)
    with np.errstate(under="ignore"):
        return np.asarray(used @ binomial_pmf(n_cue, 1.0 / cluster_size))


def _kept_whole(step: Reals) -> Reals:
    """A step whose rows sum to 1, its diagonal to the last digit even after millions of steps."""
    moved = step.sum(axis=1) - np.diagonal(step)
    stay = np.where(moved < 0.5, 1.0 - moved, np.diagonal(step))
    np.fill_diagonal(step, stay)
    return step


def covering_step(law: Reals, p_used: float) -> Reals:
    """(n_cue + 1, n_cue + 1): one random message; row n, column n' of linked cue units before and after."""
    n_cue = len(law) - 1
    c = choose(n_cue)
    with np.errstate(under="ignore"):
        each = law / c[n_cue]  # of every single subset of h
        subsets = np.zeros((n_cue + 1, n_cue + 1))
        for d in range(n_cue + 1):
            subsets[: n_cue + 1 - d, d] = each[d:]
        by_new = c[::-1] * (c @ subsets)  # row n: C(n_cue - n, d) sum_g C(n, g) each[g + d]
    step = np.zeros_like(by_new)
    for n in range(n_cue + 1):
        step[n, n:] = p_used * by_new[n, : n_cue + 1 - n]
    step[np.diag_indices(n_cue + 1)] += 1.0 - p_used
    return _kept_whole(step)


def adding_step(law: Reals, p_used: float, threshold: int) -> Reals:
    """(threshold + 1, threshold + 1): one message of a memory that counts: the score grows by h; the last state is
    "threshold or more".
    """
    step = np.zeros((threshold + 1, threshold + 1))
    for score in range(threshold):
        n = min(len(law), threshold - score)
        step[score, score : score + n] = p_used * law[:n]
        step[score, threshold] = p_used * law[n:].sum()
    step[np.diag_indices(threshold + 1)] += 1.0 - p_used
    step[threshold] = np.eye(threshold + 1)[threshold]
    return _kept_whole(step)


def thinning_step(n_cue: int, p_forget: float) -> Reals:
    """(n_cue + 1, n_cue + 1): every link cleared with probability `p_forget`, independently."""
    return binomial_pmf(n_cue, 1.0 - p_forget)


def walked(start: Reals, step: Reals, n_steps: NDArray[np.int64]) -> Reals:
    """(n, states): `start` (states,) or (n, states) after ``n_steps[i]`` steps, by repeated squaring."""
    rows = np.broadcast_to(start, (len(n_steps), len(step))).copy()
    left = n_steps.copy()
    with np.errstate(under="ignore"):
        while left.any():
            odd = (left & 1).astype(np.bool_)
            rows[odd] = rows[odd] @ step
            left >>= 1
            if left.any():
                step = step @ step
                step = step / step.sum(axis=1, keepdims=True)
    return rows


def at_least(
    n_patterns: Reals, n_clusters: Reals, cluster_size: Reals, order: Reals, n_cue: Reals, score: Reals
) -> Reals:
    """Probability that `n_patterns` random messages link a unit to `score` or more of `n_cue` cue units (arrays alike).

    A cue with a unit in every cluster has no unit outside: it counts as one unit fewer.
    """
    shape = n_patterns.shape
    n_cue = np.minimum(n_cue, n_clusters - 1)
    keys = np.stack([np.ravel(a) for a in (n_clusters, cluster_size, order, n_cue)]).astype(np.int64)
    n_steps, wanted = np.ravel(n_patterns).astype(np.int64), np.ravel(score)
    out = np.zeros(keys.shape[1])
    memories, which = np.unique(keys, axis=1, return_inverse=True)
    for i, (chi, size, c, k) in enumerate(memories.T.tolist()):
        here = np.flatnonzero(which.ravel() == i)
        loads, load = np.unique(n_steps[here], return_inverse=True)
        step = covering_step(hits(chi, size, c, k), use_probability(chi, size, c))
        rows = walked(np.eye(1, k + 1)[0], step, loads)
        tails = np.concatenate([np.cumsum(rows[:, ::-1], axis=1)[:, ::-1], np.zeros((len(loads), 1))], axis=1)
        tails[:, 0] = 1.0
        out[here] = tails[load.ravel(), np.clip(np.ceil(wanted[here]), 0, k + 1).astype(np.int64)]
    return np.minimum(out, 1.0).reshape(shape)
