"""From local support to win likelihood: expansivity and the forms of psi (Rinkus 2014, eqs 9, 10)."""

import numpy as np
from numpy.typing import NDArray

from sdrsim.kernels import simd
from sdrsim.kernels.jit import compiled, inlined
from sdrsim.models.sparsey.kernels.layout import (
    CORE,
    DEMO,
    FRACTION,
    LANES,
    LOGISTIC,
    RICHARDS,
    RICHARDS_INSIDE,
    SPARSEYPY,
    STEPS,
    TABULATED,
    Memory,
    Rule,
    Work,
)
from sdrsim.models.sparsey.kernels.support import value_of_count


@compiled
def shape_of(psi: int, shape: tuple[float, float, float, float], x: float) -> float:
    """The bounded factor of eq 10 at its argument x (V itself for the Richards forms, else the logistic's exponent)."""
    if psi == RICHARDS:
        base = 1.0 + shape[0] * np.exp(-shape[1] * (x - shape[2]))
        return 1.0 / (((base * base) ** 2) ** 2 if shape[3] == 8.0 else base ** shape[3])
    if psi == RICHARDS_INSIDE:
        return 1.0 / (1.0 + (shape[0] * np.exp(-shape[1] * (x - shape[2]))) ** shape[3])
    return 1.0 / (1.0 + np.exp(-x))


@inlined
def terms(rule: Rule, ratchet: NDArray[np.float64], g: float) -> tuple[float, float, float, float, float]:
    """Eq 9 and the rest of eq 10: psi = max(least, offset + gain * shape(scale * V + shift)) at familiarity g."""
    rise = (g - rule.g_minus) / (1.0 - rule.g_minus)
    eta = 1.0 if rise <= 0.0 else 1.0 + rise**rule.gamma * rule.chi * rule.n_cells
    s1, s2, s3, s4 = rule.shape
    if rule.psi == LOGISTIC:  # shape: a, b, lambda, phi
        return 0.0, 1.0, s1 * g**s2, s3, s4
    if rule.psi == CORE:
        return 1.0, 0.0, eta, 4.0, -4.0 * (0.5 + 0.004 * ratchet[1])
    if rule.psi == DEMO:  # shape: E, inflection, eccentricity at G = 0, its fall over G
        width = s3 - s4 * g
        return 0.0, 1.0, s1, 1.0 / width, -s2 / width
    if rule.psi == SPARSEYPY:  # shape: lambda, phi, floor
        return 0.0, s3, eta, s1, -s2
    if rule.psi == TABULATED:
        return 0.0, 0.0, 1.0, 1.0, 0.0
    return 0.0, 1.0, eta - 1.0, 1.0, 0.0


@compiled
def shape_domain(psi: int) -> tuple[float, float]:
    """Where the shape's table starts and its step: V in 0 .. 1, or a logistic's exponent in -16 .. 24."""
    if psi in (RICHARDS, RICHARDS_INSIDE, TABULATED):
        return 0.0, 1.0 / STEPS
    return -16.0, 40.0 / STEPS


@compiled
def blend(rows: NDArray[np.float32], g: float, out: NDArray[np.float32]) -> NDArray[np.float32]:
    """The user's psi at familiarity g, linear between the two nearest rows of its table."""
    place = min(max(g, 0.0), 1.0) * (len(rows) - 1)
    low = min(int(place), len(rows) - 2)
    share = np.float32(place - low)
    for i in range(len(out)):
        out[i] = rows[low, i] + share * (rows[low + 1, i] - rows[low, i])
    return out


@compiled
def fill_shapes(rule: Rule, shapes: NDArray[np.float32]) -> None:
    """shapes[A, o]: shape of eq 10 of a unit that o of A active inputs reach, for the forms whose argument has no G."""
    _, _, _, scale, shift = terms(rule, np.zeros(2), 0.5)
    for n_active in range(1, len(shapes)):
        for i in range(n_active + 1):
            shapes[n_active, i] = shape_of(rule.psi, rule.shape, scale * value_of_count(rule, i, n_active) + shift)


@compiled
def fill_curve(psi: int, shape: tuple[float, float, float, float], curve: NDArray[np.float32]) -> None:
    """The shape of eq 10 at STEPS + 1 points of its domain, the last one twice: for `simd.interpolate`."""
    start, per_step = shape_domain(psi)
    for i in range(STEPS + 2):
        curve[i] = shape_of(psi, shape, start + min(i, STEPS) * per_step)


@inlined
def scale_shape(shape: NDArray[np.float32], offset: np.float32, gain: np.float32, out: NDArray[np.float32]) -> None:
    """out = offset + gain * shape."""
    for i in range(len(out)):
        out[i] = offset + gain * shape[i]


@inlined
def likelihood_by_count(rule: Rule, memory: Memory, mac: int, g: float, n_active: int, work: Work) -> None:
    """Eq 10 for counts 0 .. the best one, under match 'fraction', by the formula itself.

    Where G has no part in the shape's argument (all forms but 'core' and 'demo'), the shape is read from its table.
    """
    least, offset, gain, scale, shift = terms(rule, memory.ratchet[mac], g)
    top = np.int64(0)
    for q in range(rule.n_cms):
        top = max(top, np.int64(work.best_count[q]))
    out = work.by_count[: top + 1]
    if n_active < len(memory.shapes):
        scale_shape(memory.shapes[n_active], np.float32(offset), np.float32(gain), out)
        return
    for i in range(top + 1):
        v = value_of_count(rule, i, n_active)
        psi = max(least, offset + gain * shape_of(rule.psi, rule.shape, scale * v + shift))
        out[i] = gain if rule.psi == CORE and v >= 0.999 else psi


@inlined
def likelihoods(rule: Rule, memory: Memory, mac: int, g: float, n_active: int, work: Work) -> None:
    """Eq 10 for every cell: by the formula itself for each count under 'fraction', else from the shape's table."""
    least, offset, gain, scale, shift = terms(rule, memory.ratchet[mac], g)
    n = rule.n_cells * rule.n_lanes
    if rule.match == FRACTION and rule.psi != TABULATED:
        likelihood_by_count(rule, memory, mac, g, n_active, work)
        simd.gather(work.by_count.ctypes.data, work.counts.ctypes.data, n // LANES, work.psi.ctypes.data)
        return
    if rule.match == FRACTION:
        for i in range(n):
            work.support[i] = np.float32(value_of_count(rule, work.counts[i], n_active))
    curve = memory.curve[0]
    if rule.psi == TABULATED:
        curve = blend(memory.curve, g, work.curve)
    start, per_step = shape_domain(rule.psi)
    simd.interpolate(
        curve.ctypes.data,
        work.support.ctypes.data,
        n // LANES,
        np.float32(scale / per_step),
        np.float32((shift - start) / per_step),
        np.float32(STEPS),
        np.float32(offset),
        np.float32(gain),
        work.psi.ctypes.data,
    )
    if rule.psi == CORE:
        for i in range(n):
            work.psi[i] = np.float32(gain) if work.support[i] >= 0.999 else max(work.psi[i], np.float32(least))
