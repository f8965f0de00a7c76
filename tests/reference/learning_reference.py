"""Binary Hebbian learning, slow and obvious: one pair of units at a time, on a dense matrix."""


def learn(weights, rows, active_units):
    """Set weights[r, u] for all pairs, in place; returns how many were newly set."""
    n_new = 0
    for r in rows:
        for u in active_units:
            if not weights[r, u]:
                weights[r, u] = True
                n_new += 1
    return n_new


def words_of(active_units):
    """The words of a code as {place: bits}."""
    words = {}
    for u in active_units:
        words[u // 64] = words.get(u // 64, 0) | 1 << u % 64
    return words
