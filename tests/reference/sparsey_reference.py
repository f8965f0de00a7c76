"""The slow, obvious twin of a Sparsey mac's spatial part: dense weights (n_inputs, Q, K), Python loops over the CMs.

Written from the equations (Rinkus 2014, Table 1, with the choices of the model card), not from the compiled code.
`params` may be any object with the attributes of `MacParams`. Units are in plain order: CM q, cell k.
"""

import math
from dataclasses import dataclass, field

import numpy as np

MASK = 2**64 - 1
DRAW, TIE, SOFT_DRAW = 0, 1, 3


def mix(x):
    z = (x + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(seed, frame, mac, cm, purpose):
    """A number in [0, 1) that belongs to this (seed, frame, mac, CM, purpose) for ever."""
    key = mix(mix(mix(mix(seed) ^ frame) ^ mac) ^ (4 * cm + purpose))
    return (key >> 11) * 2.0**-53


def eta_of(g, params):
    """Eq 9."""
    excess = max(0.0, (g - params.g_minus) / (1 - params.g_minus))
    return 1 + excess**params.gamma * params.chi * params.n_cells


def psi_of(v, g, params, inflection=0.5):
    """Eq 10 in float64: the likelihood of a unit of support v to win, before normalisation."""
    v = np.asarray(v, np.float64)
    eta = eta_of(g, params)
    s1, s2, s3, s4 = params.sigma
    if params.psi == "richards":
        return 1 + (eta - 1) / (1 + s1 * np.exp(-s2 * (v - s3))) ** s4
    if params.psi == "richards_inside":
        return 1 + (eta - 1) / (1 + (s1 * np.exp(-s2 * (v - s3))) ** s4)
    if params.psi == "logistic2010":
        return 1 + s1 * g**s2 / (1 + np.exp(-(s3 * v + s4)))
    if params.psi == "core":
        mu = np.maximum(eta / (1 + np.exp(-4 * (v - inflection))), 1)
        return np.where(v >= 0.999, eta, mu)
    if params.psi == "demo":
        return 1 + s1 / (1 + np.exp(-(v - s2) / (s3 - s4 * g)))
    if params.psi == "sparseypy":
        return eta / (1 + np.exp(s2 - s1 * v)) + s3
    return np.broadcast_to(np.asarray(params.psi(v, g), np.float64), v.shape)


@dataclass
class Step:
    """All that one item made the mac compute; `winners` are -1 and `g` is 0 where it stayed silent."""

    winners: np.ndarray
    g: float = 0.0
    o: np.ndarray | None = None  # (Q, K) active inputs with a set weight
    v: np.ndarray | None = None  # (Q, K) support, eq 4
    psi: np.ndarray | None = None  # (Q, K) float64, eq 10
    margin: np.ndarray | None = None  # (Q,) distance of the draw to the nearest boundary, as a share of the total
    n_ties: list = field(default_factory=list)  # cells that shared the maximum, for each CM decided by arg max
    without: list = field(default_factory=list)  # CMs in which no unit could take the item

    @property
    def silent(self):
        return self.v is None


class ReferenceMac:
    """One mac. Over lower macs its inputs come in blocks of `block_size` cells, each of a lower mac of `block_cms` CMs,
    and eq 1 counts blocks."""

    def __init__(self, params, seed, mac=0, block_size=1, block_cms=1):
        self.params, self.seed, self.mac = params, seed, mac
        self.block_size, self.block_cms = block_size, block_cms
        self.n_features = params.n_inputs // block_size
        self.weights = np.zeros((params.n_inputs, params.n_cms, params.n_cells), np.uint8)
        self.n_stored = 0  # items that came to `store`: the frame of the next one
        self.inflection, self.best_mean_v = 0.5, 0.3  # of the 'core' form
        self.n_fallbacks = 0

    # ---- the state, counted afresh each time -------------------------------------------------------------------------

    @property
    def n_set(self):
        return self.weights.sum(axis=0, dtype=np.int64)  # (Q, K)

    @property
    def closed(self):
        """Units past their critical period: the unit cap where there is one, else freeze_u."""
        p = self.params
        share = p.unit_cap if p.unit_cap is not None else p.freeze_u
        if share is None:
            return np.zeros((p.n_cms, p.n_cells), bool)
        return self.n_set >= share * p.n_inputs - 1e-9

    # ---- equations ---------------------------------------------------------------------------------------------------

    def floor(self):
        """pi_u_minus as a count: below 1 it is a share of all inputs; a mac never starts on nothing."""
        low = self.params.pi_u_minus
        return max(1.0, low * self.n_features if low < 1 else low)

    def answers(self, active):
        """Eq 1."""
        high = self.params.pi_u_plus
        n_active = len({int(j) // self.block_size for j in active})
        return self.floor() <= n_active <= (high * self.n_features if high < 1 else high)

    def support(self, active):
        """Eqs 2-4: (o, V) of every unit; V in float32 for cosine and Jaccard, as the compiled mac keeps it."""
        p, a = self.params, len(active)
        o, s = self.weights[active].sum(axis=0, dtype=np.int64), self.n_set
        if p.match == "cosine":
            u = o.astype(np.float32) / np.sqrt((a * np.maximum(s, 1)).astype(np.float32))
        elif p.match == "jaccard":
            u = o.astype(np.float32) / (a + s - o).astype(np.float32)
        elif p.norm == "pi_min":
            u = np.minimum(1.0, o / (self.floor() * self.block_cms))
        else:
            u = o / a
        return o, u if p.lambda_u0 == 1 else (u.astype(np.float64) ** p.lambda_u0).astype(u.dtype)

    def exact(self, o, n_active):
        if self.params.match == "fraction":
            return o == n_active
        return (o == n_active) & (self.n_set == n_active)

    def draw(self, psi, frame, q, purpose):
        """Winner of CM q: how many running sums (float32, in rising k) lie at or below u * total."""
        u = uniform(self.seed, frame, self.mac, q, purpose)
        if not (psi > 0).any():
            return int(u * len(psi)), np.inf
        running = np.cumsum(psi.astype(np.float32), dtype=np.float32)
        level = np.float32(u * float(running[-1]))
        winner = min(int((running <= level).sum()), int(np.flatnonzero(psi > 0)[-1]))
        return winner, np.abs(running[:-1].astype(np.float64) - level).min() / float(running[-1])

    def best(self, v, frame, q):
        """Arg max of V in CM q, one of the tied drawn uniformly; and how many were tied."""
        tied = np.flatnonzero(v == v.max())
        if len(tied) == 1:
            return int(tied[0]), 1
        return int(tied[math.floor(uniform(self.seed, frame, self.mac, q, TIE) * len(tied))]), len(tied)

    def select(self, active, frame, learning):
        p = self.params
        active = np.asarray(active, np.int64)
        if not self.answers(active):
            return Step(np.full(p.n_cms, -1))
        o, v = self.support(active)
        g = float(np.mean(v.max(axis=1).astype(np.float64)))
        step = Step(np.empty(p.n_cms, np.int64), g, o, v, margin=np.full(p.n_cms, np.inf))
        if not learning and p.winner == "max":
            for q in range(p.n_cms):
                step.winners[q], n_ties = self.best(v[q], frame, q)
                step.n_ties.append(n_ties)
            return step
        if learning and p.psi == "core":
            self.ratchet(g)
        step.psi = psi_of(v, g, p, self.inflection)
        barred = np.zeros(o.shape, bool)
        if learning and p.unit_cap is not None:
            barred = self.closed & ~self.exact(o, len(active))
        for q in range(p.n_cms):
            allowed = np.where(barred[q], 0, step.psi[q])
            if not (allowed > 0).any():
                step.without.append(q)
                allowed = step.psi[q]
            step.winners[q], step.margin[q] = self.draw(allowed, frame, q, DRAW if learning else SOFT_DRAW)
        return step

    def ratchet(self, mean_v):
        """'core': one hundredth of .5 .. .9 each time the mean of V reaches a new maximum above .3."""
        if mean_v > self.best_mean_v:
            self.best_mean_v = mean_v
            self.inflection = min(0.9, self.inflection + 0.004)

    # ---- verbs -------------------------------------------------------------------------------------------------------

    def write(self, active, step):
        """The learning law, after `select`; the winners in `step` may have been corrected by the caller."""
        p, closed = self.params, self.closed
        self.n_stored += 1
        if step.silent:
            return
        if p.unit_cap is not None:
            self.n_fallbacks += sum(bool(closed[q, step.winners[q]]) for q in step.without)
        if p.learn_if_g_below is not None and not step.g < p.learn_if_g_below:
            return
        for q, k in enumerate(step.winners):
            if not closed[q, k]:
                self.weights[np.asarray(active, np.int64), q, k] = 1

    def store(self, items):
        """items: list of sorted index arrays."""
        steps = []
        for active in items:
            steps.append(self.select(active, self.n_stored, learning=True))
            self.write(active, steps[-1])
        return steps

    def recognise(self, items, first_item=0):
        return [self.select(active, first_item + i, learning=False) for i, active in enumerate(items)]

    def support_of_inputs(self, winners):
        """(n_inputs,) how many winners each input has a set weight onto."""
        columns = [self.weights[:, q, k].astype(np.int64) for q, k in enumerate(winners) if k >= 0]
        return np.sum(columns, axis=0) if columns else np.zeros(self.params.n_inputs, np.int64)

    def read_back(self, winners, threshold=0.6, k=None):
        """Inputs on again: support >= threshold * Q, or the k of highest support (above 0, the lower index first)."""
        support = self.support_of_inputs(winners)
        if k is None:
            return np.flatnonzero((support >= threshold * self.params.n_cms - 1e-9) & (support > 0))
        order = sorted(range(len(support)), key=lambda j: (-support[j], j))
        return np.array(sorted(j for j in order[:k] if support[j] > 0), np.int64)


def plain_weights(sheet, mac=0):
    """One mac of the library in the twin's layout: (weights (n_inputs, Q, K), n_set (Q, K), closed (Q, K))."""
    p, memory = sheet.params, sheet.state()["memory"]
    lanes = 16 * -(-p.n_cms // 16)
    words = memory["words"][mac * p.n_inputs : (mac + 1) * p.n_inputs]
    bits = np.unpackbits(np.ascontiguousarray(words).view(np.uint8), axis=1, bitorder="little")
    assert not bits[:, p.n_cells * lanes :].any(), "bits beyond the last cell"

    def cells(flat):
        padded = flat[..., : p.n_cells * lanes].reshape(*flat.shape[:-1], p.n_cells, lanes)
        assert not padded[..., p.n_cms :].any(), "a padding lane is in use"
        return np.swapaxes(padded, -1, -2)[..., : p.n_cms, :]

    return cells(bits), cells(memory["n_set"][mac]), cells(memory["closed"][mac]).astype(bool)
