"""Belief read-out: how likely each stored hypothesis is, read from the overlap of its code with the current one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.codes import SDR
from sdrsim.errors import CodeError

__all__ = ["code_likelihoods", "winners_of"]


def code_likelihoods(winners: NDArray[np.int16], codebook: Any, n_cms: int, n_cells: int) -> NDArray[np.float64]:
    """(n, M) share of CMs in which code j and the code of item i have the same winner; silent items and codes
    give 0.
    """
    book = winners_of(codebook, n_cms, n_cells, what="codebook")
    out = np.zeros((len(winners), len(book)), np.float64)
    for q in range(n_cms):
        out += (winners[:, q, None] == book[None, :, q]) & (book[None, :, q] >= 0)
    return out / n_cms


def winners_of(codes: Any, n_cms: int, n_cells: int, what: str = "codes") -> NDArray[np.int16]:
    """(M, n_cms) int16 winners of codes given as winners or as an SDR over n_cms * n_cells units (one unit per CM)."""
    if isinstance(codes, SDR):
        if codes.size != n_cms * n_cells:
            raise CodeError(what, got=f"codes over {codes.size} units", expected=f"{n_cms} x {n_cells} units")
        out = np.full((len(codes), n_cms), -1, np.int16)
        item = np.repeat(np.arange(len(codes)), codes.n_active)
        out[item, codes.indices // n_cells] = codes.indices % n_cells
        if not np.isin(codes.n_active, (0, n_cms)).all() or ((out < 0).any(axis=1) != (codes.n_active == 0)).any():
            raise CodeError(what, got="codes without just one unit in each CM", expected=f"{n_cms} units, one per CM")
        return out
    array = np.asarray(codes)
    if array.ndim != 2 or array.shape[1] != n_cms or array.dtype.kind not in "iu":
        raise CodeError(what, got=f"{array.dtype} of shape {array.shape}", expected=f"winners (M, {n_cms}), or an SDR")
    if array.size and (array.min() < -1 or array.max() >= n_cells):
        raise CodeError(what, got=f"winners {array.min()} .. {array.max()}", expected=f"-1 .. {n_cells - 1}")
    return array.astype(np.int16)
