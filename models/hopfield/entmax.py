"""The names of `maps`, which holds the code."""

from sdrsim.models.hopfield.maps import (
    conjugate,
    entmax,
    entmax_alpha_gradient,
    entmax_backward,
    entmax_jacobian,
    normmax,
    tsallis_entropy,
)

__all__ = [
    "conjugate",
    "entmax",
    "entmax_alpha_gradient",
    "entmax_backward",
    "entmax_jacobian",
    "normmax",
    "tsallis_entropy",
]
