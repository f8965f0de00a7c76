"""Slow, obvious twin of the simulator: every tick, every field from the lowest up, dictionaries of sets."""


def run_reference(step, edges, ranks, outside, n_ticks):
    """Emissions {(field, tick): set of units} of fields ``step(field, tick, units) -> set``.

    edges: (source, target, delay, rf or None); outside: {(field, tick): set}.
    A field is stepped at a tick when something came, through edges only if any unit came.
    """
    emitted = {}
    for tick in range(n_ticks):
        for field in sorted(ranks, key=ranks.get):
            arrived = [outside[field, tick]] if (field, tick) in outside else []
            for source, target, delay, rf in edges:
                code = emitted.get((source, tick - delay), set()) if target == field else set()
                if rf is not None:
                    code = {i for i, unit in enumerate(rf) if unit in code}
                if code:
                    arrived.append(code)
            if arrived:
                emitted[field, tick] = step(field, tick, set().union(*arrived))
    return emitted
