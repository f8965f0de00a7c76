"""Palimpsest, a binary memory that forgets: density at equilibrium, what is left of an item of some age, its recall.

Each store first clears every link with probability `p_forget`, then sets those of the new item.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.models.hebbian.theory.checks import Reals, above_none, given, logs, real, share, together, whole
from sdrsim.models.hebbian.theory.coverage import covering_step, hits, thinning_step, use_probability, walked

__all__ = [
    "link_memory",
    "link_survival",
    "palimpsest_clique_error",
    "palimpsest_density",
    "palimpsest_willshaw_error",
]


def palimpsest_density(
    p_set: ArrayLike, p_forget: ArrayLike, n_patterns: ArrayLike | None = None, exact: bool = True
) -> Reals:
    """Density of a memory that forgets, at equilibrium about ``a / (a + p_forget)``.

    With a the probability that a store sets a given link, the density just after a store follows
    ``d <- d (1 - p_forget)(1 - a) + a``; its fixed point is ``a / (a + p_forget - a p_forget)``. Exact in expectation.

    Parameters
    ----------
    p_set : float or array, 0 .. 1
        a: ``1 / l**2`` for block cliques, ``k (k - 1) / (N (N - 1))`` for Willshaw's network.
    p_forget : float or array, 0 .. 1
    n_patterns : int or array, optional
        Stores, from an empty memory. None: the equilibrium.
    exact : bool
        False: the short form of the equilibrium, for a and p_forget far below 1.

    Raises
    ------
    ParameterError
        Probabilities outside 0 .. 1, negative counts.

    Examples
    --------
    >>> round(float(palimpsest_density(1 / 256**2, p_forget=1e-4)), 4)
    0.1324
    """
    a, p = together(p_set=share("p_set", p_set), p_forget=share("p_forget", p_forget))
    gone = a + p - a * p if exact else a + p
    with np.errstate(invalid="ignore"):
        equilibrium = np.where(gone > 0, a / gone, 0.0)
    if n_patterns is None:
        return given(equilibrium)
    m, gone, equilibrium = together(n_patterns=whole("n_patterns", n_patterns), p_set=gone, p_forget=equilibrium)
    return given(-equilibrium * np.expm1(logs(m, gone)))


def link_survival(age: ArrayLike, p_forget: ArrayLike) -> Reals:
    """Probability that a link has not been cleared in the `age` stores after its own: ``(1 - p_forget)**age``.

    Examples
    --------
    >>> link_survival([0, 1000, 10_000], p_forget=1e-4).round(4).tolist()
    [1.0, 0.9048, 0.3679]
    """
    t, p = together(age=whole("age", age), p_forget=share("p_forget", p_forget))
    return given(np.exp(logs(t, p)))


def link_memory(age: ArrayLike, p_set: ArrayLike, p_forget: ArrayLike) -> Reals:
    """Probability that a link of an item stored `age` stores ago is there now, kept or set again by a later one.

    ``d + (1 - d) ((1 - p_forget)(1 - a))**age`` with d the density at equilibrium: the forgetting curve of a link.
    Exact for one link.

    Parameters
    ----------
    age : int or array, 0 or more
        Stores since that of the item.
    p_set, p_forget : float or array, 0 .. 1
        As in `palimpsest_density`.

    Examples
    --------
    >>> link_memory([0, 1000, 10_000], 1 / 256**2, p_forget=1e-4).round(4).tolist()
    [1.0, 0.9055, 0.4064]
    """
    t, a, p = together(age=whole("age", age), p_set=share("p_set", p_set), p_forget=share("p_forget", p_forget))
    d = np.asarray(palimpsest_density(a, p))
    return given(d + (1 - d) * np.exp(logs(t, a + p - a * p)))


def palimpsest_clique_error(
    age: ArrayLike,
    n_patterns: ArrayLike,
    order: ArrayLike,
    cluster_size: ArrayLike,
    n_erased: ArrayLike,
    p_forget: ArrayLike,
    memory_effect: float = 1.0,
) -> Reals:
    """Error of one step for a message of some age in a block clique network that forgets; per-cluster maximum.

    The links of one unit to the cue are a Markov chain: thinned by forgetting, grown by messages that use the unit.
    So the law of every single score is exact; the message comes back when in each cluster its unit scores above all
    others (ties are errors). Units are taken for independent of each other, but for the link that two units of the cue
    share. Derived here; without forgetting it is `clique_error` for every age.

    Parameters
    ----------
    age : int or array, 0 .. n_patterns - 1
        Stores since that of the message.
    n_patterns : int or array, 1 or more
        Stores in total; many, and the network is at equilibrium.
    order, cluster_size, n_erased : int or array
        c, l and c_e, as in `clique_error`.
    p_forget : float or array, 0 .. 1
    memory_effect : float, 0 or more
        What a unit of the cue adds to its own score.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> palimpsest_clique_error([0, 100, 500], 50_000, 8, 256, n_erased=4, p_forget=1e-4).round(4).tolist()
    [0.2813, 0.4011, 0.71]
    """
    t, m, p, c, size, e = together(
        **_aged(age, n_patterns, p_forget),
        order=whole("order", order, 2),
        cluster_size=whole("cluster_size", cluster_size, 1),
        n_erased=whole("n_erased", n_erased),
    )
    above_none("n_erased", e, "order", c)
    effect = float(real("memory_effect", memory_effect, 0.0, np.inf, ends="low"))
    out = np.empty(t.shape)
    for i, (at, stores, chi, units, lost, forget) in enumerate(_each(t, m, c, size, e, p)):
        net, known = (int(chi), int(units), int(chi)), int(chi - lost)
        past = (int(at), int(stores), net)
        kept = 1.0
        if lost:
            laws = _scores(*past, known, forget)
            kept *= float(laws.genuine @ _all_below(np.arange(known + 1), laws.wrong, units - 1)) ** lost
        if known:
            wrong = _scores(*past, known - 1, forget).wrong
            enough = _all_below(np.arange(known) + effect, wrong, units - 1)
            kept *= _cue_holds(_cue_laws(*past, known, forget), enough[None], known)[0]
        out.flat[i] = 1.0 - kept
    return given(out)


def palimpsest_willshaw_error(
    age: ArrayLike,
    n_patterns: ArrayLike,
    n_units: ArrayLike,
    n_active: ArrayLike,
    n_cue: ArrayLike,
    p_forget: ArrayLike,
    memory_effect: float = 1.0,
) -> Reals:
    """Error of one step for a pattern of some age in a Willshaw network that forgets; the k best scores win.

    As `palimpsest_clique_error`, with one competition of all units: the pattern comes back when the lowest score of
    its units lies above the highest of all others. Without forgetting it is `willshaw_error` for every age.

    Parameters
    ----------
    age, n_patterns, p_forget, memory_effect
        As in `palimpsest_clique_error`.
    n_units, n_active, n_cue : int or array
        N, k and a, as in `willshaw_error`.

    Raises
    ------
    ParameterError
        Counts out of range; shapes that do not broadcast.

    Examples
    --------
    >>> palimpsest_willshaw_error([0, 100, 500], 50_000, 2048, 11, 6, p_forget=1e-4).round(4).tolist()
    [0.1639, 0.4609, 0.8999]
    """
    t, m, p, n, k, a = together(
        **_aged(age, n_patterns, p_forget),
        n_units=whole("n_units", n_units, 2),
        n_active=whole("n_active", n_active, 1),
        n_cue=whole("n_cue", n_cue),
    )
    above_none("n_active", k, "n_units", n)
    above_none("n_cue", a, "n_active", k)
    effect = float(real("memory_effect", memory_effect, 0.0, np.inf, ends="low"))
    out = np.empty(t.shape)
    for i, (at, stores, units, active, cue, forget) in enumerate(_each(t, m, n, k, a, p)):
        if active == units:
            out.flat[i] = 0.0
            continue
        past, known = (int(at), int(stores), (int(units), 1, int(active))), int(cue)
        laws = _scores(*past, known, forget)
        levels = np.arange(known + 1)  # of the highest wrong score
        highest = np.diff(_all_below(levels + 1, laws.wrong, units - active), prepend=0.0)
        free = np.append(np.cumsum(laws.genuine[::-1])[::-1][1:], 0.0) ** (active - cue)
        enough = (np.arange(max(known, 1)) + effect > levels[:, None]).astype(np.float64)
        out.flat[i] = 1.0 - float(highest @ (free * _cue_holds(_cue_laws(*past, known, forget), enough, known)))
    return given(out)


class _Scores(NamedTuple):
    """Laws of the links to the cue, 0 .. n_cue, of a unit of the item and of another."""

    genuine: Reals
    wrong: Reals


def _scores(age: int, n_patterns: int, net: tuple[int, int, int], n_cue: int, p_forget: float) -> _Scores:
    clear = thinning_step(n_cue, p_forget)
    step = clear @ covering_step(hits(*net, n_cue), use_probability(*net))
    ends, after = np.eye(n_cue + 1), np.array([age])
    stored_before = np.array([n_patterns - 1 - age])
    before = walked(ends[0], step, stored_before) @ clear  # the item itself gives wrong units nothing
    return _Scores(walked(ends[-1], step, after)[0], walked(before, step, after)[0])


def _all_below(score: ArrayLike, law: Reals, n_others: float) -> Reals:
    """Probability that `n_others` independent scores of that law all lie below each of the given ones."""
    below = np.concatenate([[0.0], np.cumsum(law)])
    reach = np.clip(np.ceil(score), 0, len(law)).astype(np.int64)
    return np.asarray(np.minimum(below[reach], 1.0) ** n_others)


class _CueLaws(NamedTuple):
    """Links of a cue unit to all others of the cue, to all but one, to one: laws of their numbers."""

    all_others: Reals
    but_one: Reals
    one: Reals


def _cue_laws(age: int, n_patterns: int, net: tuple[int, int, int], n_cue: int, p_forget: float) -> _CueLaws:
    sizes = (max(n_cue - 1, 0), max(n_cue - 2, 0), min(1, n_cue))
    return _CueLaws(*(_scores(age, n_patterns, net, k, p_forget).genuine for k in sizes))


def _cue_holds(laws: _CueLaws, enough: Reals, n_cue: int) -> Reals:
    """Probability that all units of the cue win, for each row of `enough`: that of winning with 0, 1, ... links.

    Two units of the cue share a link: lost, it is lost to both. The product over units is corrected pair by pair,
    ``P(one)**a (P(two) / P(one)**2)**(a (a - 1) / 2)``, which is exact where no link may be missing.
    """
    if n_cue == 0:
        return np.ones(len(enough))
    one = enough @ laws.all_others
    if n_cue == 1:
        return np.asarray(one)
    here, gone = enough[:, 1:] @ laws.but_one, enough[:, :-1] @ laws.but_one
    two = laws.one[1] * here**2 + laws.one[0] * gone**2
    with np.errstate(divide="ignore", invalid="ignore"):
        log = n_cue * np.log(one) + n_cue * (n_cue - 1) / 2 * np.log(two / one**2)
        return np.where(one > 0, np.minimum(np.exp(log), one), 0.0)


def _aged(age: ArrayLike, n_patterns: ArrayLike, p_forget: ArrayLike) -> dict[str, Reals]:
    """Age, stores and forgetting, checked, under their names."""
    t, m = whole("age", age), whole("n_patterns", n_patterns, 1)
    above_none("age", t, "n_patterns - 1", m - 1)
    return {"age": t, "n_patterns": m, "p_forget": share("p_forget", p_forget)}


def _each(*arrays: Reals) -> Iterator[tuple[float, ...]]:
    """The arrays' numbers side by side."""
    return zip(*(np.ravel(a).tolist() for a in arrays))
