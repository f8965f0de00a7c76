"""Codes and traffic as nested dicts of arrays and scalars, the form in which checkpoints keep them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sdrsim.engine.codes import SDR
from sdrsim.engine.traffic import COUNTERS, Tensor, Traffic

__all__ = ["codes_from_state", "codes_state", "traffic_from_state", "traffic_state"]


def codes_state(codes: Sequence[SDR | None]) -> dict[str, Any]:
    """Codes of one item each, of any sizes; None stays None.

    Examples
    --------
    >>> s = SDR.from_indices([[1, 4]], size=8)
    >>> codes_from_state(codes_state([s, None])) == [s, None]
    True
    """
    parts = [np.zeros(0, np.int32) if code is None else code.indices for code in codes]
    return {
        "sizes": np.array([0 if code is None else code.size for code in codes], np.int64),
        "lengths": np.array([len(part) for part in parts], np.int64),
        "indices": np.concatenate([np.zeros(0, np.int32), *parts]),
    }


def codes_from_state(state: Mapping[str, Any]) -> list[SDR | None]:
    """The codes that `codes_state` took apart."""
    stops = np.cumsum(state["lengths"])
    flat = state["indices"]
    made: list[SDR | None] = []
    for size, stop, length in zip(state["sizes"].tolist(), stops.tolist(), state["lengths"].tolist()):
        made.append(SDR(flat[stop - length : stop], [0, length], size) if size else None)
    return made


def traffic_state(traffic: Traffic) -> dict[str, Any]:
    """Counters and tensors of a traffic (a trace is the run's, not the state's).

    Examples
    --------
    >>> t = Traffic()
    >>> t.add("U", "learn", rows_read=3)
    >>> traffic_from_state(traffic_state(t)).get("U", "learn", "rows_read")
    3
    """
    counts, tensors = traffic.counts, traffic.tensors
    return {
        "projections": [projection for projection, _ in counts],
        "phases": [phase for _, phase in counts],
        "counts": np.array(list(counts.values()), np.int64).reshape(len(counts), len(COUNTERS)),
        "tensors": list(tensors),
        "n_rows": [tensor.n_rows for tensor in tensors.values()],
        "row_bytes": [tensor.row_bytes for tensor in tensors.values()],
        "roles": [tensor.role for tensor in tensors.values()],
        "grows": [tensor.grows for tensor in tensors.values()],
        "elements": [tensor.element for tensor in tensors.values()],
        "arithmetic": [tensor.arithmetic for tensor in tensors.values()],
    }


def traffic_from_state(state: Mapping[str, Any]) -> Traffic:
    """The traffic that `traffic_state` took apart."""
    where = zip(state["projections"], state["phases"])
    kept = np.asarray(state["counts"], np.int64)
    whole = np.zeros((len(kept), len(COUNTERS)), np.int64)  # a counter that a file does not have yet is 0
    whole[:, : kept.shape[1]] = kept
    counts = dict(zip(where, whole))
    kinds = ("n_rows", "row_bytes", "roles", "grows", "elements", "arithmetic")
    tensors = map(Tensor, *(state[kind] for kind in kinds))
    return Traffic(counts, dict(zip(state["tensors"], tensors)))
