"""What recalls moved, from the tallies and lists of accesses of the kernels."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sdrsim.engine.traffic import Tensor, Traffic, trace_of
from sdrsim.models.hopfield.kernels import asks, reads
from sdrsim.models.hopfield.kernels.panels import LANES

__all__ = ["Facts", "screen_bytes", "traffic_of"]

_COPIES = "screen"
_VALUES = "values"


class Facts(NamedTuple):
    """Of a memory, for its ledger.

    name : of the patterns
    n, d, v : patterns, coordinates of one, columns of the values (0: none)
    dtype : of the numbers
    screened : whether there are copies in bytes
    bits_in, bits_out : of a query, of an answer
    """

    name: str
    n: int
    d: int
    v: int
    dtype: str
    screened: bool
    bits_in: int
    bits_out: int

    @property
    def itemsize(self) -> int:
        """Bytes of a number."""
        return np.dtype(self.dtype).itemsize

    def tensors(self) -> dict[str, Tensor]:
        """What stands behind the counters."""
        found = {self.name: Tensor(self.n, self.d * self.itemsize, "weight", True, self.dtype, "mac")}
        if self.v:
            found[_VALUES] = Tensor(self.n, self.v * self.itemsize, "weight", True, self.dtype, "mac")
        if self.screened:
            found[_COPIES] = Tensor(self.n, screen_bytes(self.d), "weight", True, "int8", "mac")
        return found


def screen_bytes(d: int) -> int:
    """Bytes of a copy and the three numbers beside it; its coordinates go in pairs."""
    return (d + 1) // 2 * 2 + 12


def traffic_of(facts: Facts, tally: NDArray[np.int64], log: NDArray[np.int64] | None = None) -> Traffic:
    """The ledger of recalls, with the trace where accesses were listed."""
    traffic, t, size = Traffic(tensors=facts.tensors()), tally.tolist(), facts.itemsize
    own = t[asks.RESCORED] + (0 if facts.v else t[asks.WEIGHED])
    scored = t[asks.SCORED] + t[asks.RESCORED]
    traffic.add(
        facts.name,
        "retrieve",
        rows_read=t[asks.SCORED] + own,
        words_read=t[asks.WORDS] + own * -(-facts.d * size // 8),
        synops=t[asks.CELLS] + own * facts.d,
        sums=scored,
        compares=scored,
        code_bits=t[asks.N_QUERIES] * (facts.bits_in + facts.bits_out),
    )
    if facts.v:
        n = t[asks.WEIGHED]
        traffic.add(_VALUES, "retrieve", rows_read=n, words_read=n * -(-facts.v * size // 8), synops=n * facts.v)
    if facts.screened:
        n = t[asks.COPIES]
        synops = t[asks.COPY_BYTES] - n * screen_bytes(0)
        traffic.add(_COPIES, "retrieve", rows_read=n, words_read=t[asks.COPY_WORDS], synops=synops, sums=n, compares=n)
    if log is not None and len(log):
        traffic.trace = _trace(facts, list(traffic.tensors), log[1 : log[0, 0] + 1])
    return traffic


def _trace(facts: Facts, tensors: list[str], log: NDArray[np.int64]) -> NDArray[np.void]:
    """Every access, those of each query in turn."""
    log = log[np.argsort(log[:, 0], kind="stable")]
    kinds, places = log[:, 1], log[:, 2]
    is_panel = kinds == reads.PANEL
    first = np.where(is_panel, LANES * places, places)
    n_rows = np.where(is_panel, np.minimum(LANES, facts.n - first), 1)
    n_rows[kinds <= reads.ALL_COPIES] = facts.n
    ends = np.cumsum(n_rows)
    within = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - n_rows, n_rows)
    steps = trace_of(np.repeat(first, n_rows) + within, "retrieve")
    of = np.zeros(len(log), np.int32)
    for kind, name in ((reads.ALL_COPIES, _COPIES), (reads.VALUE, _VALUES)):
        if name in tensors:
            of[kinds == kind] = tensors.index(name)
    steps["tensor"] = np.repeat(of, n_rows)
    return steps
