"""From MacParams to what the kernels take: the Rule, the wiring, the state, the table of psi."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.kernels.bits import bit_matrix
from sdrsim.models.sparsey.kernels import layout
from sdrsim.models.sparsey.kernels.layout import G_STEPS, LANES, SHAPE_INPUTS, STEPS, Memory, Rule
from sdrsim.models.sparsey.kernels.likelihood import fill_curve, fill_shapes
from sdrsim.models.sparsey.params import MacParams

MOST_PSI = 1e30  # sums of it over a CM stay inside float32

__all__ = ["make_memory", "make_rule", "memory_bytes", "row_words"]

NO_SHAPES = np.empty((0, 0), np.float32)
_MATCH = {"fraction": layout.FRACTION, "cosine": layout.COSINE, "jaccard": layout.JACCARD}
_PSI = {
    "richards": layout.RICHARDS,
    "richards_inside": layout.RICHARDS_INSIDE,
    "logistic2010": layout.LOGISTIC,
    "core": layout.CORE,
    "demo": layout.DEMO,
    "sparseypy": layout.SPARSEYPY,
}


def make_rule(params: MacParams, n_features: int, block_cms: int = 1) -> Rule:
    """The kernels' numbers; a mac sees `n_features` pixels (or macs below, each with `block_cms` CMs: eq 3, norm
    'pi_min').
    """
    n_lanes = LANES * math.ceil(params.n_cms / LANES)
    pi_min = params.match == "fraction" and params.norm == "pi_min"
    return Rule(
        n_cms=params.n_cms,
        n_cells=params.n_cells,
        n_lanes=n_lanes,
        n_inputs=params.n_inputs,
        match=_MATCH[params.match],
        pi_floor=float(params.floor_features(n_features) * block_cms) if pi_min else 0.0,
        exponent=float(params.lambda_u0),
        g_minus=float(params.g_minus),
        gamma=float(params.gamma),
        chi=float(params.chi),
        psi=layout.TABULATED if callable(params.psi) else _PSI[params.psi],
        shape=tuple(float(s) for s in params.sigma),  # type: ignore[arg-type]
        soft=params.winner == "draw",
        close_at=params.close_at(),
        cap=params.unit_cap is not None,
        learn_below=math.inf if params.learn_if_g_below is None else float(params.learn_if_g_below),
    )


def row_words(params: MacParams) -> int:
    """64-bit words of one packed row: K cells of Q lanes padded to 16."""
    return math.ceil(params.n_cells * LANES * math.ceil(params.n_cms / LANES) / 64)


def memory_bytes(params: MacParams, n_macs: int) -> int:
    """Bytes that `make_memory` will take, told before it takes them; tables shared by equal macs are not counted."""
    words = row_words(params)
    cells = params.n_cells * LANES * math.ceil(params.n_cms / LANES)
    return 8 * words * (n_macs * params.n_inputs + 1) + n_macs * (cells * 5 + 16)


def make_memory(params: MacParams, rule: Rule, n_macs: int) -> Memory:
    """An empty memory of `n_macs` macs."""
    cells = params.n_cells * LANES * math.ceil(params.n_cms / LANES)
    static = params.match == "fraction" and rule.psi not in (layout.CORE, layout.DEMO, layout.TABULATED)
    return Memory(
        words=bit_matrix(n_macs * params.n_inputs, row_words(params)),
        n_set=np.zeros((n_macs, cells), np.int32),
        closed=np.zeros((n_macs, cells), np.uint8),
        ratchet=np.zeros((n_macs, 2), np.float64),
        curve=user_curve(params.psi) if callable(params.psi) else shape_curve(rule.psi, rule.shape),
        shapes=shapes_by_count(alike(rule)) if static and params.n_inputs <= SHAPE_INPUTS else NO_SHAPES,
    )


def alike(rule: Rule) -> Rule:
    """The rule with all that the shapes do not depend on set to one value, so that macs share them."""
    rule = rule._replace(n_cms=1, n_cells=1, n_lanes=LANES, g_minus=0.0, gamma=1.0, chi=0.0)
    return rule._replace(soft=False, close_at=0, cap=False, learn_below=0.0)


@lru_cache(maxsize=16)
def shape_curve(psi: int, shape: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """(1, STEPS + 2): the bounded factor of eq 10 over its argument, for `simd.interpolate`."""
    curve = np.empty(STEPS + 2, np.float32)
    fill_curve(psi, shape, curve)
    return curve[None]


@lru_cache(maxsize=16)
def shapes_by_count(rule: Rule) -> NDArray[np.float32]:
    """(n_inputs + 1, n_inputs + 1): the bounded factor of eq 10 by active count and count, under 'fraction'."""
    shapes = np.zeros((rule.n_inputs + 1, rule.n_inputs + 1), np.float32)
    fill_shapes(rule, shapes)
    return shapes


def user_curve(psi: Callable[..., Any]) -> NDArray[np.float32]:
    """(G_STEPS + 1, STEPS + 2): the user's psi over G and V."""
    return np.stack([psi_row(psi, i / G_STEPS) for i in range(G_STEPS + 1)])


def psi_row(psi: Callable[..., Any], g: float) -> NDArray[np.float32]:
    """The user's psi(v, g) over V = 0 .. 1, checked: finite, never negative, not all zero."""
    v = np.arange(STEPS + 1) / STEPS
    try:
        values = np.broadcast_to(np.asarray(psi(v, g), np.float64), v.shape)
    except (TypeError, ValueError) as error:
        raise ParameterError("psi(v, g)", got=str(error), expected=f"numbers of the shape of v, {v.shape}") from error
    if not np.isfinite(values).all() or values.min() < 0 or not 0 < values.max() <= MOST_PSI:
        raise ParameterError(
            "psi(v, g)",
            got=f"values {values.min()} .. {values.max()} at g = {g:.3f}",
            expected=f"0 .. {MOST_PSI:g}, some above 0",
        )
    return np.append(values, values[-1]).astype(np.float32)
