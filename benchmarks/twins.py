"""What a careful NumPy user would write: event-indexed, vectorised, no loop over units. Results equal ours exactly."""

from typing import Any

import numpy as np

# ---- kernels -------------------------------------------------------------------------------------------------------


def take_and_sum(matrix, queries):
    """Default accumulators (uint64): the shortest line."""
    return [matrix.take(rows, axis=0).sum(0) for rows in queries]


def take_and_sum_bytes(matrix, queries):
    """uint8 accumulators, enough for 255 active rows: the hardest peer."""
    return [matrix.take(rows, axis=0).sum(0, dtype=np.uint8) for rows in queries]


def unpack_and_sum(words, queries, n_units):
    """The same from packed rows, without a dense matrix."""
    return [_unpack(words[rows], n_units).sum(0, dtype=np.uint8) for rows in queries]


def _unpack(words, n_units):
    return np.unpackbits(words.view(np.uint8), axis=1, count=n_units, bitorder="little")


def set_pairs(matrix, pre, post):
    """Dense uint8 learning."""
    for rows, units in zip(pre, post):
        matrix[np.ix_(rows, units)] = 1


def or_words(words, pre, post):
    """Packed learning: the words of the code ORed into the rows."""
    for rows, units in zip(pre, post):
        mask = np.zeros(words.shape[1], np.uint64)
        np.bitwise_or.at(mask, units >> 6, np.uint64(1) << (units & 63).astype(np.uint64))
        touched = np.flatnonzero(mask)
        words[np.ix_(rows, touched)] |= mask[touched]


def cluster_winners(counts, size):
    """Units that share the maximum of their cluster, as bools; a maximum of 0 has no winner."""
    clusters = counts.reshape(-1, size)
    best = clusters.max(1, keepdims=True)
    return ((clusters == best) & (best > 0)).reshape(-1)


def top_k(counts, k):
    """Units that reach the k-th best count, as bools."""
    return counts >= np.partition(counts, len(counts) - k)[len(counts) - k]


# ---- Sparsey's mac -------------------------------------------------------------------------------------------------


def _mix(x):
    """SplitMix64 (see `sdrsim.kernels.random`)."""
    with np.errstate(over="ignore"):
        z = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniforms(seed, n_items, n_cms, purpose):
    """(n_items, n_cms): the numbers a mac draws with. Made before the clock starts: the twin pays for no generator."""
    items = _mix(_mix(_mix(np.uint64(seed)) ^ np.arange(n_items, dtype=np.uint64)))
    keys = _mix(items[:, None] ^ np.uint64(purpose) + np.uint64(4) * np.arange(n_cms, dtype=np.uint64))
    return (keys >> np.uint64(11)) * 2.0**-53


class MacTwin:
    """Mac with match 'fraction' and psi 'richards' on dense uint8 weights; uint8 sums, psi tabulated by count."""

    def __init__(self, params: Any) -> None:
        self.params = params
        self.weights = np.zeros((params.n_inputs, params.n_units), np.uint8)
        self.n_set = np.zeros(params.n_units, np.int64)
        self.closed = np.zeros(params.n_units, bool)
        self.first_cells, self.close_at = np.arange(params.n_cms) * params.n_cells, params.close_at()

    def eta(self, g):
        p = self.params
        return 1 + max(0.0, (g - p.g_minus) / (1 - p.g_minus)) ** p.gamma * p.chi * p.n_cells

    def psi(self, v, eta):
        s1, s2, s3, s4 = self.params.sigma
        return 1 + (eta - 1) / (1 + s1 * np.exp(-s2 * (v - s3))) ** s4

    def select(self, active, u):
        """(sums of all cells, winner of each CM by draw, G)."""
        p, a = self.params, len(active)
        sums = self.weights.take(active, axis=0).sum(0, dtype=np.uint8)
        g = sums.reshape(p.n_cms, p.n_cells).max(1).sum() / (p.n_cms * a)
        by_count = self.psi(np.arange(a + 1) / a, self.eta(g)).astype(np.float32)
        return sums, self.draw(by_count[sums].reshape(p.n_cms, p.n_cells), u), g

    def draw(self, psi, u):
        running = psi.cumsum(1)
        level = (u * running[:, -1]).astype(psi.dtype)
        return np.minimum((running <= level[:, None]).sum(1), self.params.n_cells - 1)

    def store(self, items, u):
        """(winners, G) of items learned one after another."""
        p = self.params
        winners, familiarity = np.empty((len(items), p.n_cms), np.int16), np.empty(len(items))
        for i, active in enumerate(items):
            sums, winners[i], familiarity[i] = self.select(active, u[i])
            cells = self.first_cells + winners[i]
            cells = cells[~self.closed[cells]]
            self.weights[np.ix_(active, cells)] = 1
            self.n_set[cells] += len(active) - sums[cells].astype(np.int64)
            self.closed[cells] = self.n_set[cells] >= self.close_at
        return winners, familiarity

    def recognise(self, items, u):
        """(winners, G): the best cell of each CM, ties broken by the numbers `u`; nothing else is drawn."""
        p = self.params
        winners, familiarity = np.empty((len(items), p.n_cms), np.int16), np.empty(len(items))
        for i, active in enumerate(items):
            sums = self.weights.take(active, axis=0).sum(0, dtype=np.uint8).reshape(p.n_cms, p.n_cells)
            best = sums.max(1)
            ties = sums == best[:, None]
            n_ties = np.count_nonzero(ties, axis=1)
            winners[i] = ties.argmax(1)
            if n_ties.max() > 1:
                winners[i] = (ties.cumsum(1) > (u[i] * n_ties).astype(np.int64)[:, None]).argmax(1)
            familiarity[i] = best.sum() / (p.n_cms * len(active))
        return winners, familiarity


class PlainMacTwin(MacTwin):
    """The equations as they stand: default sums, V and psi of every cell in float64."""

    def select(self, active, u):
        p = self.params
        sums = self.weights[active].sum(0)
        v = sums.reshape(p.n_cms, p.n_cells) / len(active)
        g = v.max(1).mean()
        return sums, self.draw(self.psi(v, self.eta(g)), u), g
