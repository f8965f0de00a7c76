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


def silent_words(weights, rows, words):
    """Of the given words (places) of every row, those in which learning changes nothing; weights as they are before.

    `words` is {place: units of the code in it}; rows one after another, each learned before the next.
    """
    weights, n_silent = weights.copy(), 0
    for r in rows:
        for units in words.values():
            n_silent += all(weights[r, u] for u in units)
            for u in units:
                weights[r, u] = True
    return n_silent


def words_of(active_units):
    """The words of a code as {place: bits}."""
    words = {}
    for u in active_units:
        words[u // 64] = words.get(u // 64, 0) | 1 << u % 64
    return words
