"""From MacParams to what the kernels take: the Rule, the wiring, the state, the table of psi."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.kernels.bits import bit_matrix
from sdrsim.models.sparsey.kernels import layout
from sdrsim.models.sparsey.kernels.layout import G_STEPS, LANES, STEPS, Memory, Rule
from sdrsim.models.sparsey.kernels.likelihood import shape_domain, shape_of
from sdrsim.models.sparsey.params import MacParams

MOST_PSI = 1e30  # sums of it over a CM stay inside float32

__all__ = ["make_memory", "make_rule", "memory_bytes", "row_words"]

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
    """Bytes that `make_memory` will take, told before it takes them."""
    words = row_words(params)
    cells = params.n_cells * LANES * math.ceil(params.n_cms / LANES)
    return (
        8 * words * (n_macs * params.n_inputs + 1)
        + n_macs * (cells * 5 + 16)
        + 4 * (STEPS + 2) * (G_STEPS + 1 if callable(params.psi) else 1)
    )


def make_memory(params: MacParams, n_macs: int) -> Memory:
    """An empty memory of `n_macs` macs."""
    cells = params.n_cells * LANES * math.ceil(params.n_cms / LANES)
    return Memory(
        words=bit_matrix(n_macs * params.n_inputs, row_words(params)),
        n_set=np.zeros((n_macs, cells), np.int32),
        closed=np.zeros((n_macs, cells), np.uint8),
        ratchet=np.zeros((n_macs, 2), np.float64),
        curve=shape_table(params),
    )


def shape_table(params: MacParams) -> NDArray[np.float32]:
    """The bounded factor of eq 10 over its argument, for `likelihood.shape_cells`; the user's psi over (G, V)."""
    if callable(params.psi):
        return np.stack([psi_row(params.psi, i / G_STEPS) for i in range(G_STEPS + 1)])
    psi, shape = _PSI[params.psi], tuple(float(s) for s in params.sigma)
    start, per_step = shape_domain(psi)
    curve = np.array([shape_of(psi, shape, start + i * per_step) for i in range(STEPS + 1)], np.float32)  # type: ignore[arg-type]
    return np.append(curve, curve[-1])[None]


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
