"""Metrics of a run as NeuroBench 2.3.0 states them, from counters and codes alone.

Footprint, connection sparsity, activation sparsity and synaptic operations a sample, split into effective
multiply-accumulates, effective accumulates and dense ones (Yik et al. 2025, Nature Communications 16:1545). Beside the
footprint in elements stands what the arrays really take, packed.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import Traffic
from sdrsim.errors import CodeError, ParameterError

__all__ = ["NeuroBench", "effective_operations", "neurobench"]


class NeuroBench(NamedTuple):
    """Metrics of a run.

    Parameters
    ----------
    footprint : int
        Bytes, each element in bytes of its own: a bit takes one.
    footprint_packed : float
        Bytes of the elements as bits: what an array takes that is packed without padding.
    connection_sparsity : float
        Weights that are 0 over all weights, rounded to 4 decimals; NaN where there are none.
    activation_sparsity : float
        ``1 - active / units`` over all codes; NaN where there are none.
    effective_macs, effective_acs : float
        Operations a sample with a weight and an input that are not 0: of inputs that are numbers; of codes.
    dense : float
        Operations a sample, zeros taken along: inputs times units for every sum.
    word_operations : float
        Comparisons a sample of whole words, in the place of operations of single bits.
    effective_is_bound : bool
        The effective operations of some array were counted through its weights of 0 as well.
    """

    footprint: int
    footprint_packed: float
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense: float
    word_operations: float
    effective_is_bound: bool


def neurobench(
    traffic: Traffic,
    codes: SDR | Iterable[SDR] = (),
    *,
    n_items: int,
    n_synapses: Mapping[str, int] | None = None,
    n_nonzero: Mapping[str, int] | None = None,
    n_effective: Mapping[str, int] | None = None,
    phases: Iterable[str] = ("retrieve", "settle"),
) -> NeuroBench:
    """Metrics of a run from its counters and codes.

    Parameters
    ----------
    traffic : Traffic
        What was counted, with the tensors behind it.
    codes : SDR, or several
        What every field emitted, all samples and steps.
    n_items : int
        Samples.
    n_synapses : mapping of str to int, optional
        Tensor to its weights. Left out: all elements of its rows, padding among them.
    n_nonzero : mapping of str to int, optional
        Tensor to its weights that are not 0; connection sparsity is over the tensors named here.
    n_effective : mapping of str to int, optional
        Tensor to operations with weight and input not 0, over all samples (`effective_operations`). Left out: all
        synaptic operations counted, which is a bound from above.
    phases : iterable of str
        Whose operations count.

    Returns
    -------
    NeuroBench

    Raises
    ------
    sdrsim.errors.ParameterError
        Fewer than one item; a tensor that is not there; more weights than the tensor has room for.

    Notes
    -----
    Tensors of role 'weight' and 'state' are parameters and buffers. ``dense`` takes each sum as one over all rows of
    its tensor.

    Examples
    --------
    >>> from sdrsim.engine.traffic import Tensor
    >>> t = Traffic(tensors={"W": Tensor(100, 16)})
    >>> t.add("W", "retrieve", rows_read=20, synops=20 * 128, sums=2 * 128)
    >>> found = neurobench(t, SDR.from_indices([range(5)] * 2, 100), n_items=2, n_nonzero={"W": 3200})
    >>> found.footprint, found.footprint_packed, found.connection_sparsity, found.activation_sparsity
    (12800, 1600.0, 0.75, 0.95)
    >>> found.effective_acs, found.effective_macs, found.dense, found.effective_is_bound
    (1280.0, 0.0, 12800.0, True)
    """
    if isinstance(n_items, bool) or not isinstance(n_items, (int, np.integer)) or n_items < 1:
        raise ParameterError("n_items", got=repr(n_items), expected="a whole number from 1 on")
    synapses, nonzero, effective = (dict(given or {}) for given in (n_synapses, n_nonzero, n_effective))
    _check_names(traffic, {"n_synapses": synapses, "n_nonzero": nonzero, "n_effective": effective})
    elements = {}
    for name, tensor in traffic.tensors.items():
        room = tensor.n_rows * (tensor.row_bytes * 8 // tensor.element_bits)
        elements[name] = _within(f"n_synapses of {name}", synapses.get(name, room), room)
    stored = [name for name, tensor in traffic.tensors.items() if tensor.role in ("weight", "state")]
    bits = {name: traffic.tensors[name].element_bits for name in stored}
    n_weights = sum(elements[name] for name in nonzero)
    n_set = sum(_within(f"n_nonzero of {name}", n, elements[name]) for name, n in nonzero.items())
    counts, bound = _operations(traffic, effective, tuple(phases))
    macs, adds, dense, words = (counts[kind] / n_items for kind in ("mac", "add", "dense", "popcount"))
    return NeuroBench(
        sum(elements[name] * -(-bits[name] // 8) for name in stored),
        sum(elements[name] * bits[name] for name in stored) / 8,
        round((n_weights - n_set) / n_weights, 4) if n_weights else float("nan"),
        _activation_sparsity((codes,) if isinstance(codes, SDR) else tuple(codes)),
        macs,
        adds,
        dense,
        words,
        bound,
    )


def effective_operations(inputs: SDR, row_nonzero: ArrayLike) -> int:
    """Operations with weight and input not 0: weights that are not 0 in the rows of all active inputs.

    Parameters
    ----------
    inputs : SDR
        Codes that came in, all samples.
    row_nonzero : integer array (inputs.size,)
        Weights not 0 of each row.

    Raises
    ------
    sdrsim.errors.CodeError
        Another number of rows than of inputs.

    Examples
    --------
    >>> effective_operations(SDR.from_indices([[0, 2], [2]], size=3), [5, 7, 1])
    7
    """
    rows = np.asarray(row_nonzero)
    if rows.shape != (inputs.size,) or not np.issubdtype(rows.dtype, np.integer):
        raise CodeError("row_nonzero", got=f"{rows.dtype} {rows.shape}", expected=f"whole numbers ({inputs.size},)")
    return int(rows[inputs.indices].sum())


def _check_names(traffic: Traffic, given: Mapping[str, Mapping[str, int]]) -> None:
    for what, names in given.items():
        if lost := [name for name in names if name not in traffic.tensors]:
            raise ParameterError(what, got=", ".join(lost), expected=", ".join(traffic.tensors) or "tensors of the run")


def _within(what: str, n: int, most: int) -> int:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n <= most:
        raise ParameterError(what, got=repr(n), expected=f"a whole number, 0 .. {most}")
    return int(n)


def _operations(traffic: Traffic, effective: Mapping[str, int], phases: tuple[str, ...]) -> tuple[dict[str, int], bool]:
    """Operations by kind ('mac', 'add', 'popcount', and 'dense'), and whether the effective ones are a bound."""
    counts, bound = dict.fromkeys(("mac", "add", "popcount", "dense"), 0), False
    for name, tensor in traffic.tensors.items():
        synops, sums = (sum(traffic.get(name, phase, what) for phase in phases) for what in ("synops", "sums"))
        told = _within(f"n_effective of {name}", effective.get(name, synops), synops)
        counts[tensor.arithmetic] += told
        counts["dense"] += sums * tensor.n_rows
        bound = bound or (synops > 0 and name not in effective)
    return counts, bound


def _activation_sparsity(codes: tuple[SDR, ...]) -> float:
    n_units = sum(len(code) * code.size for code in codes)
    return 1 - sum(len(code.indices) for code in codes) / n_units if n_units else float("nan")
