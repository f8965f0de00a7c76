"""What counts as an activation: five conventions over the placed layers of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Literal, get_args

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.hardware.cnn.layers import Layer
from sdrsim.hardware.cnn.shapes import Shape

__all__ = ["CONVENTIONS", "Convention", "Placed", "activations", "lifetimes", "live_elements"]

Convention = Literal["conv", "conv_io", "blob", "netscope", "peak"]
CONVENTIONS: dict[str, str] = {
    "conv": "outputs of conv and fc",
    "conv_io": "inputs and outputs of conv and fc: traffic without fusion",
    "blob": "every stored array once: outputs of all layers and the input; layers in place share theirs",
    "netscope": "outputs of every layer and the input; layers in place counted again",
    "peak": "most elements held at one time, layers in the order they are written",
}
assert tuple(CONVENTIONS) == get_args(Convention)


@dataclass(frozen=True)
class Placed:
    """A layer in its network: shapes, counts, and which stored arrays (blobs, numbered) it reads and writes."""

    layer: Layer
    in_shapes: tuple[Shape, ...]
    out_shapes: tuple[Shape, ...]
    parameters: int
    macs: int
    reads: tuple[int, ...]
    writes: tuple[int, ...]

    @property
    def in_elements(self) -> int:
        """Elements read."""
        return sum(map(prod, self.in_shapes))

    @property
    def out_elements(self) -> int:
        """Elements written, all parts of a slice."""
        return sum(map(prod, self.out_shapes))


def checked(convention: str) -> str:
    """`convention`, or an error with the nearest."""
    if convention not in CONVENTIONS:
        do = did_you_mean(convention, CONVENTIONS, n=1)
        raise ParameterError("convention", got=repr(convention), expected=", ".join(CONVENTIONS), do=do)
    return convention


def activations(placed: Sequence[Placed], convention: str) -> list[int]:
    """Elements that each layer adds under a convention; under 'peak', the elements held while it works.

    The count of the network is their sum; under 'peak', their maximum.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown convention.
    """
    if checked(convention) == "peak":
        return live_elements(placed)
    if convention == "netscope":
        return [p.out_elements for p in placed]
    if convention == "blob":
        return [0 if p.layer.in_place else p.out_elements for p in placed]
    learned = [p.layer.type in ("conv", "fc") for p in placed]
    both = convention == "conv_io"
    return [(p.out_elements + both * p.in_elements) * counts for p, counts in zip(placed, learned)]


def lifetimes(placed: Sequence[Placed]) -> dict[int, tuple[int, int]]:
    """First and last layer, by number, during which each blob must be held.

    From the layer that makes it to the last that reads it; what nobody reads after the last write is an output of the
    network and stays to the end.
    """
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for t, p in enumerate(placed):
        last |= dict.fromkeys(p.reads, t)
        last |= dict.fromkeys(p.writes, len(placed) - 1)
        first |= {blob: t for blob in p.writes if blob not in first}
    return {blob: (first[blob], last[blob]) for blob in first}


def live_elements(placed: Sequence[Placed]) -> list[int]:
    """Elements held while each layer works: its inputs and outputs, and what later layers still need."""
    changes = [0] * (len(placed) + 1)
    sizes = {blob: prod(shape) for p in placed for blob, shape in zip(p.writes, p.out_shapes)}
    for blob, (first, last) in lifetimes(placed).items():
        changes[first] += sizes[blob]
        changes[last + 1] -= sizes[blob]
    return list(accumulate(changes[:-1]))
