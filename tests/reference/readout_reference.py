"""The slow, obvious twins of the class read-outs: dictionaries of counts, and softmax regression item by item."""

import math
from collections import Counter

import numpy as np

from sdrsim import stream


class CountingReadout:
    """Wins of each unit on each class; items are lists of active units."""

    def __init__(self, n_cells, smoothing):
        self.n_cells, self.smoothing = n_cells, smoothing
        self.wins, self.items = Counter(), Counter()

    def fit(self, items, labels):
        for units, label in zip(items, labels, strict=True):
            self.items[label] += 1
            for unit in units:
                self.wins[unit, label] += 1
        return self

    def score(self, kind, units, label):
        if kind == "binary":
            return sum(self.wins[unit, label] > 0 for unit in units)
        if kind == "hebb_count":
            return sum(self.wins[unit, label] for unit in units)
        total = math.log(self.items[label] / sum(self.items.values()))
        for unit in units:
            first = unit - unit % self.n_cells
            in_cm = sum(self.wins[other, label] for other in range(first, first + self.n_cells))
            a = self.smoothing
            total += math.log((self.wins[unit, label] + a) / (in_cm + a * self.n_cells))
        return total

    def scores(self, kind, items):
        return np.array([[self.score(kind, units, label) for label in sorted(self.items)] for units in items])


class LinearReadout:
    """w_ci += rate / epoch / n_groups * ([c = y] - p_c), in float64, each pass in the order the seed gives."""

    def __init__(self, n_groups, rate, epochs=1, seed=0):
        self.n_groups, self.rate, self.epochs, self.seed = n_groups, rate, epochs, seed
        self.weights, self.bias, self.n_seen = {}, {}, 0

    def sums(self, units):
        return {c: self.bias[c] + sum(self.weights.get((u, c), 0.0) for u in units) for c in sorted(self.bias)}

    def fit(self, items, labels):
        for label in labels:
            self.bias.setdefault(label, 0.0)
        draws = stream(self.seed, f"order after {self.n_seen}")
        for epoch in range(1, self.epochs + 1):
            for i in draws.permutation(len(items)):
                sums = self.sums(items[i])
                top = max(sums.values())
                total = sum(math.exp(s - top) for s in sums.values())
                for c, s in sums.items():
                    step = self.rate / self.n_groups / epoch * ((c == labels[i]) - math.exp(s - top) / total)
                    self.bias[c] += step
                    for unit in items[i]:
                        self.weights[unit, c] = self.weights.get((unit, c), 0.0) + step
        self.n_seen += len(items)
        return self

    def scores(self, items):
        return np.array([list(self.sums(units).values()) for units in items])
