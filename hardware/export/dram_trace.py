"""Fetches as text for DRAM simulators: one line for each burst."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sdrsim.engine.traffic import Traffic
from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.dram import Dram
from sdrsim.hardware.levels import Level
from sdrsim.hardware.pages import base_addresses, bursts_of, device_of, row_addresses

__all__ = ["dram_trace", "fetches"]

_SIMULATORS = ("ramulator", "dramsim3")


def fetches(
    traffic: Traffic, *, dram: Dram | Level, interleave: bool = False, n_banks: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """The row accesses of a trace as fetches: first bytes, lengths, and which write; arrays one behind the other.

    Parameters
    ----------
    traffic : Traffic
        With a trace.
    dram, interleave, n_banks
        As in `sdrsim.hardware.pages.row_addresses`.

    Raises
    ------
    sdrsim.errors.ParameterError
        No trace.

    Examples
    --------
    >>> from sdrsim.engine.traffic import Tensor, trace_of
    >>> from sdrsim.hardware.dram import dram
    >>> t = Traffic(tensors={"W": Tensor(1000, 200)}, trace=trace_of(np.array([0, 7, -8]), "learn"))
    >>> [part.tolist() for part in fetches(t, dram=dram("DDR4-2400"))]
    [[0, 1792, 1792], [200, 200, 200], [False, False, True]]
    """
    if traffic.trace is None:
        raise ParameterError("trace", got="none", expected="a traffic with a trace", do="pass trace=True to the run")
    sizes = np.array([(tensor.n_rows, tensor.row_bytes) for tensor in traffic.tensors.values()], np.int64).reshape(
        -1, 2
    )
    more: dict[str, Any] = {"dram": dram, "interleave": interleave, "n_banks": n_banks}
    bases = base_addresses(sizes[:, 0], sizes[:, 1], **more)
    of, n_bytes = traffic.trace["tensor"], sizes[traffic.trace["tensor"], 1]
    return row_addresses(bases[of], traffic.trace["row"], n_bytes, **more), n_bytes, traffic.trace["write"].copy()


def dram_trace(
    simulator: str,
    addresses: ArrayLike,
    n_bytes: ArrayLike,
    *,
    dram: Dram | Level,
    writes: ArrayLike | None = None,
    cycles_apart: int = 0,
) -> str:
    """A trace that Ramulator (memory trace mode) or DRAMsim3 reads, as text.

    Both read byte addresses in hexadecimal, a line for each burst. ``ramulator``: ``0x1000 R``. ``dramsim3``:
    ``0x1000 READ 0``, the number being the cycle from which on the burst may be served. Pages and banks are those of
    `page_traffic` where the simulator maps addresses as row, bank, column, and serves in order.

    Parameters
    ----------
    simulator : {'ramulator', 'dramsim3'}
    addresses, n_bytes, writes, dram
        As in `sdrsim.hardware.pages.page_traffic`; `fetches` makes them of a run's trace.
    cycles_apart : int
        Cycles between two bursts, for ``dramsim3``.

    Returns
    -------
    str
        Lines with an end each; empty where nothing is fetched.

    Raises
    ------
    sdrsim.errors.ParameterError
        As `page_traffic`; an unknown simulator, negative cycles.

    Examples
    --------
    >>> from sdrsim.hardware.dram import dram
    >>> print(dram_trace("ramulator", [4096, 64], [128, 1], writes=[False, True], dram=dram("DDR4-2400")), end="")
    0x1000 R
    0x1040 R
    0x40 W
    >>> print(dram_trace("dramsim3", [64], 1, dram=dram("DDR4-2400")), end="")
    0x40 READ 0
    """
    if simulator not in _SIMULATORS:
        do = did_you_mean(simulator, _SIMULATORS)
        raise ParameterError("simulator", got=repr(simulator), expected="ramulator or dramsim3", do=do)
    if isinstance(cycles_apart, bool) or not isinstance(cycles_apart, (int, np.integer)) or cycles_apart < 0:
        raise ParameterError("cycles_apart", got=repr(cycles_apart), expected="a whole number from 0 on")
    starts, flags = bursts_of(addresses, n_bytes, writes, device_of(dram).burst_bytes)
    if simulator == "ramulator":
        return _lines(starts, np.where(flags, "W", "R"))
    return _lines(starts, np.where(flags, "WRITE", "READ"), np.arange(len(starts)) * int(cycles_apart))


def _lines(addresses: NDArray[np.int64], kinds: NDArray[np.str_], cycles: NDArray[np.int64] | None = None) -> str:
    columns = [[f"{address:#x}" for address in addresses.tolist()], kinds.tolist()]
    if cycles is not None:
        columns.append([str(cycle) for cycle in cycles.tolist()])
    return "".join(f"{' '.join(line)}\n" for line in zip(*columns))
