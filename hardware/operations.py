"""What a run computed, as operations that a card prices."""

from collections.abc import Iterator

import numpy as np

from sdrsim.hardware.runs import Part

__all__ = ["assumed_element", "operations"]

_ADD = {"bit": "add_int8", "int8": "add_int8", "int32": "add_int32", "float16": "add_fp16", "float32": "add_fp32"}
_MAC = {
    "bit": ("add_int8",),
    "int8": ("mac_int8",),
    "int32": ("mul_int32", "add_int32"),
    "float16": ("mul_fp16", "add_fp16"),
    "float32": ("mul_fp32", "add_fp32"),
}
_WIDER = {"int64": "int32", "float64": "float32"}  # what the cards price of wider elements: a lower bound, and said


def operations(part: Part, basis: str, weight_bits: int | None = None) -> Iterator[tuple[str, int]]:
    """Operations of one projection in one phase, by name.

    Parameters
    ----------
    part : Part
    basis : {'access', 'event'}
        Of the card: single operations, or whole synaptic operations and updates of units.
    weight_bits : int or None
        Bits of an element assumed in the place of those simulated.

    Notes
    -----
    A synaptic operation adds an element (bits and bytes by 8-bit additions, wider ones by their own), or multiplies it
    first; words of bits that are compared are ANDed and counted. A sum formed is an update of a unit.

    Examples
    --------
    >>> from sdrsim.engine.traffic import Tensor
    >>> part = Part("U", "retrieve", {"synops": 100, "sums": 10, "compares": 9, "random_numbers": 0}, Tensor(8, 4))
    >>> dict(operations(part, "access"))
    {'add_int8': 100, 'neuron_update': 10, 'compare': 9}
    >>> dict(operations(part, "event"))
    {'synop': 100, 'neuron_update': 10}
    """
    counts, tensor = part.counts, part.tensor
    found: list[tuple[str, int]] = []
    if basis == "event":
        found = [("synop", counts["synops"]), ("neuron_update", counts["sums"])]
    else:
        if tensor.arithmetic == "popcount":
            found.append(("and_popcnt_64", counts["words_read"]))
        else:
            element = priced_element(assumed_element(tensor.element, weight_bits))
            names = _MAC[element] if tensor.arithmetic == "mac" else (_ADD[element],)
            found += [(name, counts["synops"]) for name in names]
        found += [
            ("neuron_update", counts["sums"]),
            ("compare", counts["compares"]),
            ("rng", counts["random_numbers"]),
        ]
    for name, n in found:
        if n:
            yield name, n


def assumed_element(element: str, weight_bits: int | None) -> str:
    """The element with another number of bits; what it was where None, or where it has as many already."""
    if weight_bits is None:
        return element
    if weight_bits == 1:
        return "bit"
    if weight_bits <= 8:
        return "int8"
    kind = "float" if element.startswith("float") else "int"
    return f"{kind}{16 if weight_bits <= 16 else 32 if weight_bits <= 32 else 64}"


def priced_element(element: str) -> str:
    """The element whose operations cards price for this one: bytes for bits and signs, 32 bits for 64."""
    if element == "bit":
        return element
    dtype = np.dtype(element)
    name = f"float{8 * dtype.itemsize}" if dtype.kind == "f" else f"int{8 * dtype.itemsize}"
    return {**_WIDER, "int16": "int32"}.get(name, name)


def is_wider(element: str) -> bool:
    """Whether its operations are priced as those of a narrower element: a lower bound."""
    return element != "bit" and np.dtype(element).itemsize > 4
