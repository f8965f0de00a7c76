"""The noisy learner once more, slow and obvious: dense links and counters, one presentation at a time, same keys."""

import numpy as np

from sdrsim.engine.seeds import subseed
from sdrsim.kernels.draws import binomial, choose, marks_for
from sdrsim.kernels.random import TIE, key, unit


class SlowLearner:
    """Takes the parameters of a learner (no failures, no decay) and its seed."""

    def __init__(self, params, seed):
        self.p, self.n = params, params.size
        self.w, self.h = np.zeros((self.n, self.n), bool), np.zeros((self.n, self.n), int)
        names = ("erase", "insert", "ties")
        self.erase, self.insert, self.ties = (np.uint64(subseed(seed, f"learner {name}")) for name in names)

    def read(self, message, item):
        kept = [m for m in message if unit(np.uint64(key(self.erase, item, int(m), 0))) >= self.p.p_erase]
        silent = [j for j in range(self.n) if j not in set(message.tolist())]
        places = np.empty(binomial(self.insert, item, len(silent), self.p.p_insert), np.int32)
        choose(self.insert, item, len(silent), places, marks_for(len(silent), len(places)))
        return set(kept) | {silent[place] for place in places}

    def limit(self, drive, item):
        p = self.p
        order = sorted(drive, key=lambda j: (-drive[j], int(key(self.ties, item, int(j), TIE))))
        if p.energy_limit == "spikes":
            return set(order[: p.n_spikes or p.order])
        if p.energy_limit == "local":
            best = {}
            for j in order:
                best.setdefault(j // p.cluster_size, j)
            return set(best.values())
        if p.energy_limit == "budget":
            won, spent = set(), 0.0
            for j in order:
                spent += p.e_spike + p.e_synapse * self.w[j].sum()
                if spent > (p.e_spike * p.order if p.e_max is None else p.e_max):
                    break
                won.add(j)
            return won
        return set(order)

    def present(self, message, t):
        p = self.p
        u = self.read(message, t * p.n_iterations)
        x = u
        for iteration in range(p.n_iterations if p.recurrence else 1):
            item = t * p.n_iterations + iteration
            if iteration and p.noise == "volley":
                u = self.read(message, item)
            r = self.w[sorted(x)].sum(axis=0) if p.recurrence else np.zeros(self.n, int)
            strong = p.order + 1 if p.drive is None else p.drive
            drive = {j: strong + r[j] for j in u}
            if p.theta_recruit is not None:
                least = max(2, p.theta_recruit * len(x))
                drive |= {j: float(r[j]) for j in range(self.n) if j not in u and r[j] >= least}
            x = self.limit(drive, item)
        for i in x:
            for j in x:
                if i != j and not self.w[i, j]:
                    self.h[i, j] = min(255, self.h[i, j] + 1)
        self.w |= self.h >= p.consolidation
        return x
