"""The register: name of a suite -> the function that yields its rows. A new suite is one line here.

A suite takes a `Bench`, compares results before it takes times (AssertionError when they differ), and yields `Row`s.
"""

from collections.abc import Callable, Iterator

from benchmarks import (
    frames,
    hardware,
    hebbian,
    hebbian_brian2,
    hebbian_graded,
    hopfield,
    hopfield_entmax,
    kernels,
    ledger,
    mac,
    startup,
)
from benchmarks.measure import Bench
from benchmarks.rows import Row

SUITES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "sums": kernels.sums,
    "learning": kernels.learning,
    "winners": kernels.winners,
    "mac": mac.steps,
    "cliques": hebbian.cliques,
    "willshaw": hebbian.willshaw,
    "graded": hebbian_graded.recalls,
    "brian2": hebbian_brian2.volleys,
    "hopfield": hopfield.retrieval,
    "entmax": hopfield_entmax.entmaxes,
    "ledger": ledger.ledger,
    "frames": frames.frames,
    "reuse": hardware.reuse,
    "startup": startup.startup,
}
