"""Energies of states under a memory."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.models.hopfield.bank import Bank
from sdrsim.models.hopfield.maps import conjugate
from sdrsim.models.hopfield.params import HopfieldParams
from sdrsim.models.hopfield.scoring import similarities

__all__ = ["energies"]


def energies(params: HopfieldParams, beta: float, x: NDArray[Any], bank: Bank) -> NDArray[np.float64]:
    """Energy of each state; see `SparseHopfield.energy`."""
    known = {("dot", "entmax"), ("l2", "epanechnikov")}
    if (params.similarity, params.separation) not in known:
        got = f"similarity {params.similarity}, separation {params.separation}"
        raise ParameterError("energy", got=got, expected="dot with entmax, or l2 with epanechnikov")
    states = x.astype(np.float64)
    scores = similarities(params.similarity, states, bank.rows(0, bank.n))
    if params.separation == "epanechnikov":
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(np.maximum(0.0, 1 + beta / 2 * scores).sum(axis=1)) / beta, np.float64)
    rest = float(conjugate(np.zeros((1, bank.n)), params.alpha)[0]) / beta + bank.norm**2 / 2
    half = np.einsum("ij,ij->i", states, states) / 2
    return np.asarray(half - np.asarray(conjugate(beta * scores, params.alpha)) / beta + rest, np.float64)
