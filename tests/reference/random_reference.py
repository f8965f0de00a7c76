"""Slow, obvious twins of sdrsim.kernels.random, sdrsim.kernels.draws and the generators of sdrsim.patterns.

Python integers of any size and Python sets; items are lists of sorted units.
"""

from sdrsim.engine.seeds import subseed

WORD = 2**64


def mix(x):
    """SplitMix64's output for state x."""
    z = (x + 0x9E3779B97F4A7C15) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def key(seed, a, b, c):
    made = mix(seed % WORD)
    for part in (a, b, c):
        made = mix(made ^ part % WORD)
    return made


def unit(k):
    return (k >> 11) / 2**53


def below(k, n):
    return int(unit(k) * n)


def sample(seed, item, population, n):
    """Floyd's algorithm on a set."""
    chosen = set()
    for last in range(population - n, population):
        candidate = below(key(seed, item, last, 0), last + 1)
        chosen.add(last if candidate in chosen else candidate)
    return sorted(chosen)


def keep(seed, item, active, n_kept):
    """The n_kept active units of largest key."""
    ranked = sorted(active, key=lambda u: key(seed, item, u, 0))
    return sorted(ranked[len(active) - n_kept :])


def binomial(seed, item, n, p):
    """Inversion of the cumulative distribution over blocks of mean 10, probabilities by repeated squaring."""
    if p in (0, 1):
        return n * int(p)
    block = max(1, n if n * p <= 10 else int(10 / p))
    total = 0
    for b, start in enumerate(range(0, n, block)):
        m = min(block, n - start)
        u, count = unit(key(seed, item, b, 1)), 0
        probability = cumulative = _power(1.0 - p, m)
        while u >= cumulative and count < m:
            count += 1
            probability *= (m - count + 1) / count * (p / (1.0 - p))
            cumulative += probability
        total += count
    return total


def _power(base, exponent):
    made = 1.0
    while exponent:
        if exponent % 2:
            made *= base
        base *= base
        exponent //= 2
    return made


def _seed(seed, name):
    return subseed(seed, f"patterns.{name}")


def random_sparse(items, size, k, seed):
    return [sample(_seed(seed, "random_sparse"), i, size, k) for i in items]


def random_block(items, n_clusters, cluster_size, seed):
    s = _seed(seed, "random_block")
    return [[c * cluster_size + below(key(s, i, c, 0), cluster_size) for c in range(n_clusters)] for i in items]


def _refill(kept, active, size, n, seed, item):
    silent = sorted(set(range(size)) - set(active))
    return sorted([*kept, *(silent[rank] for rank in sample(seed, item, len(silent), n))])


def erase(codes, fraction, seed, first=0):
    s = _seed(seed, "erase")
    return [keep(s, first + i, active, len(active) - round(fraction * len(active))) for i, active in enumerate(codes)]


def move_units(codes, size, fraction, seed, first=0, name="move_units"):
    out = []
    for i, active in enumerate(codes, first):
        n_moved = round(fraction * len(active))
        kept = keep(_seed(seed, f"{name}.keep"), i, active, len(active) - n_moved)
        out.append(_refill(kept, active, size, n_moved, _seed(seed, f"{name}.place"), i))
    return out


def insert(codes, size, p, seed, first=0):
    s = _seed(seed, "insert")
    return [
        _refill(active, active, size, binomial(s, i, size - len(active), p), s, i)
        for i, active in enumerate(codes, first)
    ]


def correlated(items, size, k, n_prototypes, overlap, seed):
    prototypes = [sample(_seed(seed, "correlated.prototype"), i, size, k) for i in range(n_prototypes)]
    out = []
    for i in items:
        prototype = prototypes[i % n_prototypes]
        kept = keep(_seed(seed, "correlated.keep"), i, prototype, round(overlap * k))
        out.append(_refill(kept, prototype, size, k - len(kept), _seed(seed, "correlated.place"), i))
    return out
