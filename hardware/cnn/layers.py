"""One layer of a convolutional network as it is written down: what it is, what it reads, how it is shaped."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from sdrsim.errors import ParameterError, did_you_mean

__all__ = ["LAYER_TYPES", "Layer", "LayerType"]

LayerType = Literal[
    "input",
    "conv",
    "fc",
    "max_pool",
    "average_pool",
    "bn",
    "scale",
    "relu",
    "lrn",
    "dropout",
    "eltwise",
    "concat",
    "slice",
    "shuffle",
    "flatten",
    "softmax",
]
LAYER_TYPES: tuple[str, ...] = get_args(LayerType)
POOLS = ("max_pool", "average_pool")
OVERWRITES = ("bn", "scale", "relu", "dropout", "eltwise", "flatten", "softmax")  # types that may work in place
_JOINS = ("eltwise", "concat")  # types that read several layers
_NEEDED = {"input": ("out",), "conv": ("out", "kernel"), "fc": ("out",), "slice": ("out",)}
_ALLOWED = {
    "input": ("out",),
    "conv": ("out", "kernel", "stride", "pad", "dilation", "groups", "bias"),
    "fc": ("out", "bias"),
    "max_pool": ("kernel", "stride", "pad"),
    "average_pool": ("kernel", "stride", "pad"),
    "slice": ("out",),
    "shuffle": ("groups",),
}
_PLAIN: dict[str, Any] = {
    "out": (),
    "kernel": (),
    "stride": (1, 1),
    "pad": (0, 0),
    "dilation": (1, 1),
    "groups": 1,
    "bias": True,
}


@dataclass(frozen=True)
class Layer:
    """One layer of a network.

    Parameters
    ----------
    name : str
        Unique in its network, without white space or ``:``.
    type : str
        One of `LAYER_TYPES`. ``relu`` stands for any pointwise function without parameters, ``eltwise`` for any sum,
        product or maximum of maps.
    inputs : tuple of str
        Names of the layers it reads; of a slice, its parts ``name:0``, ``name:1``, ...
    out : tuple of int
        ``input``: (channels, height, width), or (features,). ``conv``, ``fc``: (number of outputs,). ``slice``:
        channels of every part.
    kernel, stride, pad, dilation : (height, width)
        Of ``conv`` and the pools. A pool without kernel is global: one value a channel.
    groups : int
        Of ``conv``, and of ``shuffle``.
    bias : bool
        Of ``conv`` and ``fc``.
    in_place : bool
        The output overwrites the (first) input.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown type (with the nearest), an option that the type does not have, needs, or that is out of range.

    Examples
    --------
    >>> Layer("conv1", "conv", ("data",), (96,), (7, 7), (2, 2))
    Layer conv1: conv of data, out 96, kernel 7x7, stride 2x2
    """

    name: str
    type: str
    inputs: tuple[str, ...] = ()
    out: tuple[int, ...] = ()
    kernel: tuple[int, ...] = ()
    stride: tuple[int, ...] = (1, 1)
    pad: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    bias: bool = True
    in_place: bool = False

    def __post_init__(self) -> None:
        name = self.name
        if not isinstance(name, str) or not name or ":" in name or any(c.isspace() for c in name):
            raise ParameterError("layer name", got=repr(name), expected="text without white space and ':'")
        if self.type not in LAYER_TYPES:
            do = did_you_mean(self.type, LAYER_TYPES, n=2)
            raise ParameterError(self._what("type"), got=repr(self.type), expected=", ".join(LAYER_TYPES), do=do)
        self._check_inputs()
        self._check_options()

    def _what(self, what: str) -> str:
        return f"layer {self.name!r}, {what}"

    def _check_inputs(self) -> None:
        if not isinstance(self.inputs, tuple) or not all(isinstance(name, str) for name in self.inputs):
            raise ParameterError(self._what("inputs"), got=repr(self.inputs), expected="a tuple of names")
        n = len(self.inputs)
        low, high = (0, 0) if self.type == "input" else (2, n) if self.type in _JOINS else (1, 1)
        if not low <= n <= max(low, high):
            expected = {(0, 0): "none", (1, 1): "one"}.get((low, high), "two or more")
            raise ParameterError(self._what("inputs"), got=" ".join(self.inputs) or "none", expected=expected)
        if not isinstance(self.in_place, bool):
            raise ParameterError(self._what("in_place"), got=repr(self.in_place), expected="True or False")
        if self.in_place and self.type not in OVERWRITES:
            expected = f"no: only {', '.join(OVERWRITES)} can overwrite what they read"
            raise ParameterError(self._what("in_place"), got=f"yes for {self.type}", expected=expected)

    def _check_options(self) -> None:
        for what in _NEEDED.get(self.type, ()):
            if getattr(self, what) == ():
                raise ParameterError(self._what(what), got="nothing", expected=f"a value: {self.type} needs it")
        for what, plain in _PLAIN.items():
            value = getattr(self, what)
            if what not in _ALLOWED.get(self.type, ()) and value != plain:
                raise ParameterError(self._what(what), got=value, expected=f"nothing: {self.type} has none")
            if not isinstance(value, type(plain)):
                expected = {tuple: "a tuple of integers", int: "an integer", bool: "True or False"}[type(plain)]
                raise ParameterError(self._what(what), got=repr(value), expected=expected)
            if what != "bias":
                self._check_numbers(what, value if isinstance(value, tuple) else (value,))

    def _check_numbers(self, what: str, numbers: tuple[int, ...]) -> None:
        low = 0 if what == "pad" else 1
        for number in numbers:
            if not isinstance(number, int) or isinstance(number, bool) or number < low:
                raise ParameterError(self._what(what), got=repr(number), expected=f"an integer from {low}")
        lengths = {"out": (0, 1, 3) if self.type == "input" else (0, 1), "kernel": (0, 2), "groups": (1,)}
        expected = lengths.get(what, (2,))
        if len(numbers) not in expected and (self.type, what) != ("slice", "out"):
            counts = " or ".join(str(n) for n in expected if n)
            raise ParameterError(self._what(what), got=f"{len(numbers)} numbers", expected=counts)

    def __repr__(self) -> str:
        parts = [f"Layer {self.name}: {self.type}" + (f" of {' '.join(self.inputs)}" if self.inputs else "")]
        for what in ("out", "kernel", "stride", "pad", "dilation", "groups"):
            value = getattr(self, what)
            if value != _PLAIN[what]:
                parts.append(f"{what} {shape_text(value) if isinstance(value, tuple) else value}")
        parts += ["no bias"] * (not self.bias) + ["in place"] * self.in_place
        return ", ".join(parts)


def shape_text(shape: tuple[int, ...]) -> str:
    """'64x112x112'."""
    return "x".join(map(str, shape))
