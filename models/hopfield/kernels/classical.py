"""Binary Hopfield networks: units of -1 and 1 settle under a matrix of weights, or under a list of patterns.

All work is driven by flips. A state is reached from the silent one (all units at -1) by flipping its active units, and
leaves it by further flips; each flip reads one row: of the weights, to move the fields of all units, or of the
patterns, to move the overlaps with all of them.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels.growing import room_for
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.kernels.random import below, mix

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]
Spins = NDArray[np.int8]
Numbers = NDArray[np.int32] | NDArray[np.int64] | NDArray[np.float64]

N_FLIPS, N_SUMS, N_COMPARES, N_DRAWN, N_TALLIES = 0, 1, 2, 3, 4


class Coupled(NamedTuple):
    """Units that weights link. Nothing links a unit to itself: the diagonal is 0.

    weights : (n_units, n_units) int32 or float64, row i what a flip of unit i moves
    rest : (n_units,) fields of the silent state, minus the sum of all rows
    tie : a field of at most this size keeps its unit
    """

    weights: Numbers
    rest: Numbers
    tie: float


class Listed(NamedTuple):
    """Units that a list of patterns links.

    spins : (n_units, room) int8, of which the first `n_patterns` columns count
    rest : (room,) int32, overlaps of the silent state
    up, down : F(z) - F(z - 2) and F(z) - F(z + 2) at [z - least], int64 or float64
    n_patterns, least : int
    floating : whether z is measured from the largest overlap (the exponential)
    tie : a change of energy of at most this share of the sum of its terms' sizes keeps the unit; 0 of whole numbers
    """

    spins: Spins
    rest: Ints
    up: Numbers
    down: Numbers
    n_patterns: int
    least: int
    floating: bool
    tie: float


class Asked(NamedTuple):
    """seed, number of the first item, steps at most, all units at once or one after another, whether to list reads."""

    seed: np.uint64
    first: int
    max_steps: int
    together: bool
    trace: bool


@compiled
def draw_order(seed: np.uint64, item: int, step: int, order: Ints) -> None:
    """A uniform order of the units, keyed by (seed, item, step): Fisher and Yates, place p by the key (.., p)."""
    base = mix(mix(mix(np.uint64(seed)) ^ np.uint64(item)) ^ np.uint64(step))
    for i in range(len(order)):
        order[i] = i
    for p in range(len(order) - 1, 0, -1):
        other = below(mix(base ^ np.uint64(p)), p + 1)
        order[p], order[other] = order[other], order[p]


@compiled
def written(state: Spins, indptr: Offsets, indices: Ints, item: int) -> Ints:
    """Write the active units of a state behind those of the items before it; the indices, or a longer copy."""
    here, n = indptr[item], len(state)
    indices = room_for(indices, here, n)
    for i in range(n):
        indices[here] = i  # written always: a branch could not be foretold
        here += state[i] > 0
    indptr[item + 1] = here
    return indices


# ---- under weights ----------------------------------------------------------------------------------------------


@inlined
def flip(net: Coupled, state: Spins, fields: Numbers, unit: int) -> None:
    """Flip a unit and move the fields by its row."""
    row = net.weights[unit]
    if state[unit] > 0:
        state[unit] = -1
        for j in range(len(fields)):
            fields[j] -= 2 * row[j]
    else:
        state[unit] = 1
        for j in range(len(fields)):
            fields[j] += 2 * row[j]


@compiled
def settle(
    net: Coupled, asked: Asked, indptr: Offsets, indices: Ints
) -> tuple[Offsets, Ints, Offsets, NDArray[np.bool_], Offsets, Offsets, Offsets]:
    """Let every item settle. Returns (indptr, indices, steps, converged, flips) of the items, tallies, rows read."""
    n_items, n = len(indptr) - 1, len(net.rest)
    out_indptr, out = np.zeros(n_items + 1, np.int64), np.empty(n_items * (n // 2) + n, np.int32)
    steps, converged = np.zeros(n_items, np.int64), np.zeros(n_items, np.bool_)
    flips, tallies = np.zeros(n_items, np.int64), np.zeros(N_TALLIES, np.int64)
    state, fields, order = np.empty(n, np.int8), net.rest.copy(), np.arange(n).astype(np.int32)
    log, n_log = np.empty(1024, np.int64), 0
    for item in range(n_items):
        state[:] = -1
        fields[:] = net.rest
        for u in indices[indptr[item] : indptr[item + 1]]:
            flip(net, state, fields, u)
        tallies[N_SUMS] += n
        if asked.trace:
            units = indices[indptr[item] : indptr[item + 1]]
            log = room_for(log, n_log, len(units) + 1)
            log[n_log] = n
            log[n_log + 1 : n_log + 1 + len(units)] = units
            n_log += 1 + len(units)
        while steps[item] < asked.max_steps and not converged[item]:
            n_wrong = 0
            for i in range(n):
                order[n_wrong] = i
                n_wrong += state[i] * fields[i] < -net.tie
            tallies[N_COMPARES] += n
            n_chosen = n_wrong
            if n_wrong and not asked.together:
                draw_order(asked.seed, asked.first + item, steps[item], order)
                tallies[N_DRAWN] += n - 1
                tallies[N_COMPARES] += n
                n_chosen = n
            n_done = 0
            for place in range(n_chosen):
                i = order[place]
                if asked.together or state[i] * fields[i] < -net.tie:
                    flip(net, state, fields, i)
                    order[n_done] = i  # at most the place just read
                    n_done += 1
            if asked.trace:
                log = room_for(log, n_log, n_done)
                log[n_log : n_log + n_done] = order[:n_done]
                n_log += n_done
            flips[item] += n_done
            steps[item] += 1
            converged[item] = n_done == 0
        out = written(state, out_indptr, out, item)
    tallies[N_FLIPS] = flips.sum()
    return out_indptr, out[: out_indptr[n_items]], steps, converged, flips, tallies, log[:n_log]


@compiled
def fields_of(net: Coupled, indptr: Offsets, indices: Ints, out: Numbers) -> None:
    """out (n_items, n_units): the fields of every state."""
    state = np.empty(len(net.rest), np.int8)
    for item in range(len(out)):
        state[:] = -1
        out[item] = net.rest
        for u in indices[indptr[item] : indptr[item + 1]]:
            flip(net, state, out[item], u)


@compiled
def project(weights: NDArray[np.float64], own: NDArray[np.float64], x: NDArray[np.float64], least: float) -> bool:
    """Widen the projector by a pattern, in place; False (and nothing changes) where it spans the pattern already.

    The projector has its diagonal apart, in `own`. What lies outside of its span is found twice over: the second pass
    takes off what rounding left in the first (Daniel et al. 1976). Its squared length must be above `least`.
    """
    n = len(x)
    outside, inside = x.copy(), np.empty(n)
    for _ in range(2):
        for i in range(n):
            inside[i] = own[i] * outside[i]
        for j in range(n):
            row, value = weights[j], outside[j]
            for i in range(n):
                inside[i] += value * row[i]
        for i in range(n):
            outside[i] -= inside[i]
    length = 0.0
    for i in range(n):
        length += outside[i] * outside[i]
    if length <= least:
        return False
    outside /= np.sqrt(length)
    for i in range(n):
        value = outside[i]
        row = weights[i]
        for j in range(n):
            row[j] += value * outside[j]
        row[i] = 0.0
        own[i] += value * value
    return True


# ---- under a list of patterns -----------------------------------------------------------------------------------


@compiled
def turn(net: Listed, state: Spins, overlaps: Ints, unit: int) -> None:
    """Flip a unit and move the overlaps by its row."""
    row, n = net.spins[unit], net.n_patterns
    if state[unit] > 0:
        state[unit] = -1
        for m in range(n):
            overlaps[m] -= 2 * row[m]
    else:
        state[unit] = 1
        for m in range(n):
            overlaps[m] += 2 * row[m]


@compiled
def differences(net: Listed, overlaps: Ints, up: Numbers, down: Numbers) -> float:
    """Energy that each pattern gives up when its overlap falls (up) or rises (down) by 2.

    Whole numbers: up - down is left in `up`, and their sum in ``down[0]``. Returns the largest change that is a tie.
    """
    n, shift = net.n_patterns, net.least
    if net.floating:
        top = overlaps[0]
        for m in range(1, n):
            top = max(top, overlaps[m])
        shift += top
    size = 0.0
    total = down[0] * 0
    for m in range(n):
        a, b = net.up[overlaps[m] - shift], net.down[overlaps[m] - shift]
        if net.tie == 0:
            up[m] = a - b
            total += a + b
        else:
            up[m], down[m] = a, b
            size += max(abs(a), abs(b))
    if net.tie == 0:
        down[0] = total
    return net.tie * size


@compiled
def change(net: Listed, row: Spins, spin: int, up: Numbers, down: Numbers) -> float:
    """Change of the energy by a flip, from `differences`; of whole numbers twice the change, its sign exact."""
    total = up[0] * 0
    if net.tie == 0:
        for m in range(net.n_patterns):
            total += row[m] * up[m]
        return np.float64(down[0] + spin * total)
    if spin < 0:
        up, down = down, up
    for m in range(net.n_patterns):
        total += up[m] if row[m] > 0 else down[m]
    return np.float64(total)


@compiled
def begin(net: Listed, units: Ints, state: Spins, overlaps: Ints) -> None:
    """A state from its active units, and its overlaps."""
    state[:] = -1
    overlaps[:] = net.rest
    for u in units:
        turn(net, state, overlaps, u)


@compiled
def settle_listed(
    net: Listed, asked: Asked, indptr: Offsets, indices: Ints
) -> tuple[Offsets, Ints, Offsets, NDArray[np.bool_], Offsets, Offsets, Offsets]:
    """As `settle`. A unit looked at since the last flip is not looked at again: nothing has changed for it."""
    n_items, n = len(indptr) - 1, len(net.spins)
    out_indptr, out = np.zeros(n_items + 1, np.int64), np.empty(n_items * (n // 2) + n, np.int32)
    steps, converged = np.zeros(n_items, np.int64), np.zeros(n_items, np.bool_)
    flips, tallies = np.zeros(n_items, np.int64), np.zeros(N_TALLIES, np.int64)
    state, overlaps, order = np.empty(n, np.int8), net.rest.copy(), np.empty(n, np.int32)
    up, down = np.zeros(len(net.rest), net.up.dtype), np.zeros(len(net.rest), net.up.dtype)
    seen, wrong = np.empty(n, np.int64), np.empty(n, np.int32)
    log, n_log = np.empty(1024, np.int64), 0
    for item in range(n_items):
        units = indices[indptr[item] : indptr[item + 1]]
        begin(net, units, state, overlaps)
        if asked.trace:
            log = room_for(log, n_log, len(units))
            log[n_log : n_log + len(units)] = units
            n_log += len(units)
        seen[:] = -1
        tie = differences(net, overlaps, up, down)
        while steps[item] < asked.max_steps and not converged[item]:
            n_before = flips[item]
            if not asked.together:
                draw_order(asked.seed, asked.first + item, steps[item], order)
                tallies[N_DRAWN] += n - 1
            if asked.trace:
                log = room_for(log, n_log, 2 * n)
            n_wrong = 0
            for place in range(n):
                i = place if asked.together else order[place]
                if seen[i] == flips[item]:
                    continue
                seen[i] = flips[item]
                tallies[N_SUMS] += 1
                if asked.trace:
                    log[n_log] = i
                    n_log += 1
                if change(net, net.spins[i], state[i], up, down) < -tie:
                    if asked.together:
                        wrong[n_wrong] = i
                        n_wrong += 1
                        continue
                    turn(net, state, overlaps, i)
                    tie = differences(net, overlaps, up, down)
                    flips[item] += 1
                    seen[i] = flips[item]
            for place in range(n_wrong):
                turn(net, state, overlaps, wrong[place])
                if asked.trace:
                    log[n_log] = wrong[place]
                    n_log += 1
            if n_wrong:
                tie = differences(net, overlaps, up, down)
                flips[item] += n_wrong
            steps[item] += 1
            converged[item] = flips[item] == n_before
        out = written(state, out_indptr, out, item)
    tallies[N_FLIPS], tallies[N_COMPARES] = flips.sum(), tallies[N_SUMS]
    return out_indptr, out[: out_indptr[n_items]], steps, converged, flips, tallies, log[:n_log]


@compiled
def overlaps_of(net: Listed, indptr: Offsets, indices: Ints, out: Ints) -> None:
    """out (n_items, n_patterns): the overlaps of every state with every pattern."""
    state, overlaps = np.empty(len(net.spins), np.int8), net.rest.copy()
    for item in range(len(out)):
        begin(net, indices[indptr[item] : indptr[item + 1]], state, overlaps)
        out[item] = overlaps[: net.n_patterns]
