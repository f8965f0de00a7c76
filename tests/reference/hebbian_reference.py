"""Slow, obvious twins of the binary Hebbian memories: dense links, one item after another, one comparison at a time.

Scores are Python's whole numbers or fractions, so that equal means equal.
"""

from contextlib import contextmanager
from fractions import Fraction
from itertools import product
from math import floor, log, log1p

import numpy as np
from reference.random_reference import below, key, unit

from sdrsim import SDR
from sdrsim.engine.seeds import subseed
from sdrsim.models.hebbian.asking import Asked

__all__ = ["ReferenceMemory", "follow", "nasty_cues", "on_the_portable_path", "select"]

TIE = 1


# ---- selection ----------------------------------------------------------------------------------------------------


def select(scores, how, k=None, threshold=None, cluster_size=None, seed=0, item=0):
    """Mask of the winners of one item."""
    scores = list(scores)
    if how == "threshold":
        return np.array([score >= threshold for score in scores])
    won = np.zeros(len(scores), bool)
    if how in ("wta", "wsta", "lko"):
        global_rule = {"wta": "gwta", "wsta": "gwsta", "lko": "glko"}[how]
        for first in range(0, len(scores), cluster_size):
            for place in winners(scores[first : first + cluster_size], global_rule, k, seed, item):
                won[first + place] = True
    else:
        won[winners(scores, how, k, seed, item)] = True
    return won


def winners(scores, how, k, seed, item):
    """Places of the winners of one list of scores; nobody with a score of 0 or less."""
    candidates = [j for j, score in enumerate(scores) if score > 0]
    values = sorted((scores[j] for j in candidates), reverse=True)
    if not candidates:
        return []
    if how == "gwta":
        return [j for j in candidates if scores[j] == values[0]]
    if how == "gwsta":
        return [j for j in candidates if scores[j] >= values[min(k, len(values)) - 1]]
    if how == "gkwta":
        return [j for j in candidates if scores[j] in sorted(set(values), reverse=True)[:k]]
    if how == "glko":
        return [j for j in candidates if scores[j] > values[-1] or values[0] == values[-1]]
    assert how == "kwta", how
    return sorted(sorted(candidates, key=lambda j: (-scores[j], key(seed, item, j, TIE)))[:k])


# ---- memory -------------------------------------------------------------------------------------------------------


class ReferenceMemory:
    """Willshaw's memory, or with `cluster_size` one of cliques."""

    def __init__(self, n_units, cluster_size=None, order=None, seed=0):
        self.n_units, self.cluster_size, self.order, self.seed = n_units, cluster_size, order, seed
        self.n_clusters = n_units // cluster_size if cluster_size else 0
        self.links = np.zeros((n_units, n_units), bool)

    def cluster(self, unit):
        """Each unit is a cluster of its own where there are none."""
        return unit // self.cluster_size if self.cluster_size else unit

    def store(self, items, can=None):
        """`can`: the links that can exist at all (n_units, n_units)."""
        for item in items:
            for i in item:
                for j in item:
                    if self.cluster(i) != self.cluster(j) and (can is None or can[i, j]):
                        self.links[i, j] = True

    def forget(self, p, item):
        """Before an item is stored: pairs (0, 1), (0, 2), (1, 2), (0, 3) ... are struck at geometric gaps."""
        pairs = [(i, j) for j in range(self.n_units) for i in range(j)]
        place, n = -1, 0
        while p > 0:
            u = unit(key(subseed(self.seed, "forgetting"), item, 0, n))
            place, n = place + 1 + (floor(log(1 - u) / log1p(-p)) if p < 1 else 0), n + 1
            if place >= len(pairs):
                break
            i, j = pairs[place]
            self.links[i, j] = self.links[j, i] = False

    def density(self):
        pairs = [(i, j) for i in range(self.n_units) for j in range(self.n_units) if self.cluster(i) != self.cluster(j)]
        return sum(self.links[i, j] for i, j in pairs) / len(pairs)

    def failing(self, active, p_syn, seed, item, volley):
        """Links (i, j) that fail: along the list of a unit's links, gaps are geometric."""
        failed = []
        for i in active.tolist() if p_syn > 0 else []:
            targets, place, n = np.flatnonzero(self.links[i]), -1, 0
            while p_syn < 1:
                u = unit(key(subseed(seed, "synaptic failure"), item, volley, (i << 32) + n))
                place, n = place + 1 + floor(log(1 - u) / log1p(-p_syn)), n + 1
                if place >= len(targets):
                    break
                failed.append((i, targets[place]))
            failed += [(i, j) for j in targets] if p_syn >= 1 else []
        return failed

    def scores(self, x, rule="sum_of_sum", gamma=1, failed=()):
        """One score a unit: support from what is active, and gamma for a unit that is active itself."""
        links = self.links.copy()
        for i, j in failed:
            links[i, j] = False
        active, total = np.flatnonzero(x).tolist(), [gamma * int(on) for on in x]
        if rule == "sum_of_sum":
            groups = [active]
        else:
            groups = [[i for i in active if self.cluster(i) == c] for c in range(self.n_clusters)]
        for group in groups:
            for j, n in enumerate(links[group].sum(axis=0)):
                if rule == "sum_of_sum":
                    total[j] += int(n)
                elif rule == "sum_of_max":
                    total[j] += int(n > 0)
                elif n > 0:
                    total[j] += Fraction(int(n), len(group))
        return total

    def is_clique(self, x, order):
        active = np.flatnonzero(x)
        if len(active) != order or len({self.cluster(i) for i in active}) != order:
            return False
        return all(self.links[i, j] for i in active for j in active if i != j)

    def recall(
        self, cue, how, *, rule="sum_of_sum", gamma=1, k=None, threshold=None, max_iterations=10, stop="fixed",
        p_syn=0.0, blind=False, clusters=None, seed=None, item=0, failures=None,
    ):  # fmt: skip
        """Active units, volleys, whether it converged. `clusters`: those that may win; `failures`: in each volley."""
        seed = self.seed if seed is None else seed
        x = np.zeros(self.n_units, bool)
        x[list(cue)] = True
        may = np.array([clusters is None or self.cluster(j) in clusters for j in range(self.n_units)])
        order = self.order if clusters is None else len(clusters)
        known = not blind and (self.order == self.n_clusters or clusters is not None)
        if rule == "sum_of_max" and known:
            for c in range(self.n_clusters) if clusters is None else clusters:
                own = slice(c * self.cluster_size, (c + 1) * self.cluster_size)
                if not x[own].any():
                    x[own] = True
        for volley in range(max_iterations):
            failed = self.failing(np.flatnonzero(x), p_syn, seed, item, volley)
            if failures is not None and volley < len(failures):
                failed = failures[volley]
            scores = [score if m else 0 for score, m in zip(self.scores(x, rule, gamma, failed), may)]
            new = self._select(scores, x, how, k, threshold, seed, item) & may
            repeats, x = np.array_equal(new, x), new
            if stop == "clique":
                if self.is_clique(x, order):
                    return np.flatnonzero(x), volley + 1, True
                if repeats and p_syn == 0 and failures is None:
                    return np.flatnonzero(x), volley + 1, False
            elif repeats:
                return np.flatnonzero(x), volley + 1, True
        return np.flatnonzero(x), max_iterations, False

    def _select(self, scores, x, how, k, threshold, seed, item):
        if how == "best of the best":  # the published blind rule: the best of each cluster, and of these the best
            best = select(scores, "wta", cluster_size=self.cluster_size)
            return select([s if b else 0 for s, b in zip(scores, best)], "gwta")
        if how == "threshold" and threshold is None:
            return select(scores, how, threshold=int(x.sum())) & x.any()
        return select(scores, how, k, threshold, self.cluster_size, seed, item)

    # ---- answers of clique memories -------------------------------------------------------------------------------

    def message(self, active):
        """Value in each cluster, -1 where none or several are active."""
        places = [[i % self.cluster_size for i in active if self.cluster(i) == c] for c in range(self.n_clusters)]
        return [p[0] if len(p) == 1 else -1 for p in places]

    def cliques_in(self, active):
        """All cliques with one unit in each cluster that is active."""
        groups = [[i for i in active if self.cluster(i) == c] for c in range(self.n_clusters)]
        for units in product(*(group for group in groups if group)):
            if all(self.links[i, j] for i in units for j in units if i != j):
                yield sorted(units)

    def searched(self, active):
        """The only clique inside an ambiguous answer, else the answer."""
        found = list(self.cliques_in(active)) if -1 in self.message(active) else []
        return found[0] if len(found) == 1 else list(active)

    def drawn(self, active, seed, item):
        """One unit of each cluster."""
        kept = []
        for c in range(self.n_clusters):
            group = [i for i in active if self.cluster(i) == c]
            if group:
                kept.append(group[below(key(subseed(seed, "ambiguous"), item, c, 0), len(group)) if group[1:] else 0])
        return kept


# ---- comparing ----------------------------------------------------------------------------------------------------


@contextmanager
def on_the_portable_path():
    """Everything is asked of the portable path."""
    kept = Asked.is_compiled
    Asked.is_compiled = property(lambda self: False)
    try:
        yield
    finally:
        Asked.is_compiled = kept


def nasty_cues(items, n_units, rng):
    """Nothing, everything, one unit, a whole item, halves, halves with wrong units, noise, items united."""
    items = items or [[0]]
    item, other = (list(items[rng.integers(len(items))]) for _ in range(2))
    half = [i for i in item if rng.random() < 0.5]
    wrong = rng.choice(n_units, min(n_units, 2), replace=False).tolist()
    noise = [np.flatnonzero(rng.random(n_units) < p).tolist() for p in (0.05, rng.random())]
    return [[], [*range(n_units)], [n_units - 1], item, half, sorted({*half, *wrong}), *noise, sorted({*item, *other})]


def follow(memory, twin, cues, select="gwsta", k=None, memory_effect=1, first_item=0, **options):
    """Recall on both paths against the twin: codes, volleys, converged, messages. `clusters`: lists of clusters."""
    asked = {"select": select, "k": k, "memory_effect": memory_effect, "first_item": first_item, **options}
    clusters = asked.pop("clusters", None)
    if clusters is not None:
        asked["clusters"] = SDR.from_indices(clusters, twin.n_clusters)
    x = SDR.from_indices(cues, twin.n_units)
    got = memory.recall(x, **asked)
    with on_the_portable_path():
        portable = memory.recall(x, **asked)
    assert portable.path == "portable"
    more = {name: value for name, value in options.items() if name != "clusters"}
    for i, cue in enumerate(cues):
        more["clusters"] = None if clusters is None else clusters[i]
        expected = twin.recall(
            cue, select, k=twin.order if k is None else k, gamma=memory_effect, item=first_item + i, **more
        )
        for found in (got, portable):
            where = f"{found.path}, cue {i} {cue}, {asked}"
            assert found.codes[i].indices.tolist() == expected[0].tolist(), where
            assert (found.iterations[i], bool(found.converged[i])) == expected[1:], where
            if twin.n_clusters:
                assert found.messages[i].tolist() == twin.message(expected[0]), where
    return got
