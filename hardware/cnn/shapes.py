"""Shape rules: what a layer makes of its inputs, how many parameters it has, how many multiplications it takes."""

from math import prod
from typing import Literal

from sdrsim.errors import ParameterError
from sdrsim.hardware.cnn.layers import POOLS, Layer, shape_text

__all__ = ["PoolRule", "conv_size", "macs", "out_shapes", "parameters", "pool_size"]

PoolRule = Literal["caffe", "torch"]
Shape = tuple[int, ...]


def conv_size(size: int, kernel: int, stride: int = 1, pad: int = 0, dilation: int = 1) -> int:
    """Side of the map that a convolution makes: ``floor((size + 2 pad - dilation (kernel - 1) - 1) / stride) + 1``.

    Below 1 when the kernel does not fit.

    Examples
    --------
    >>> conv_size(224, 7, 2, 3), conv_size(224, 7, 2), conv_size(28, 3, 1, 2, dilation=2)
    (112, 109, 28)
    """
    return (size + 2 * pad - dilation * (kernel - 1) - 1) // stride + 1


def pool_size(size: int, kernel: int, stride: int = 1, pad: int = 0, rule: PoolRule = "caffe") -> int:
    """Side of the map that a pool makes.

    Parameters
    ----------
    size, kernel, stride, pad : int
    rule : {'caffe', 'torch'}
        'caffe': ``ceil((size + 2 pad - kernel) / stride) + 1``, so that windows may hang over the edge, less one when
        the last would begin behind the map. 'torch': floor, no window hangs over.

    Examples
    --------
    >>> pool_size(112, 3, 2), pool_size(112, 3, 2, rule="torch"), pool_size(112, 3, 2, pad=1)
    (56, 55, 57)
    """
    if rule == "torch":
        return (size + 2 * pad - kernel) // stride + 1
    windows = -((kernel - size - 2 * pad) // stride) + 1
    return windows - 1 if (windows - 1) * stride >= size + pad else windows


def out_shapes(layer: Layer, shapes: tuple[Shape, ...], rule: PoolRule = "caffe") -> tuple[Shape, ...]:
    """Shapes of what a layer puts out: one, or one for every part of a slice.

    Raises
    ------
    sdrsim.errors.ParameterError
        Inputs that do not fit the layer or each other.

    Examples
    --------
    >>> out_shapes(Layer("conv1", "conv", ("data",), (96,), (7, 7), (2, 2)), ((3, 224, 224),))
    ((96, 109, 109),)
    """
    if layer.type == "input":
        return (layer.out,)
    first = shapes[0]
    if layer.type == "fc":
        return (layer.out,)
    if layer.type == "flatten":
        return ((prod(first),),)
    if layer.type == "conv":
        return (_convolved(layer, _map(layer, first)),)
    if layer.type in POOLS:
        return (_pooled(layer, _map(layer, first), rule),)
    if layer.type == "concat":
        return (_concatenated(layer, shapes),)
    if layer.type == "slice":
        if sum(layer.out) != first[0]:
            got, expected = f"{shape_text(layer.out)}, {sum(layer.out)} channels", f"{first[0]}, as its input"
            raise ParameterError(f"layer {layer.name!r}, out", got=got, expected=expected)
        return tuple((n, *first[1:]) for n in layer.out)
    if layer.type == "shuffle":
        _divides(layer, "groups", layer.groups, first[0], "channels in")
    if layer.type == "eltwise":
        for other in shapes[1:]:  # a map, or one value a channel for all places
            if other not in (first, (first[0], 1, 1)):
                got = " and ".join(shape_text(s) for s in shapes)
                raise ParameterError(f"layer {layer.name!r}, inputs", got=got, expected="the same shape")
    return (first,)


def _map(layer: Layer, shape: Shape) -> Shape:
    if len(shape) != 3:
        what, expected = f"layer {layer.name!r}, input", "channels x height x width"
        raise ParameterError(what, got=shape_text(shape), expected=expected)
    return shape


def _divides(layer: Layer, what: str, groups: int, n: int, of: str) -> None:
    if n % groups:
        raise ParameterError(f"layer {layer.name!r}, {what}", got=groups, expected=f"a divisor of {n} {of}")


def _convolved(layer: Layer, shape: Shape) -> Shape:
    _divides(layer, "groups", layer.groups, shape[0], "channels in")
    _divides(layer, "groups", layer.groups, layer.out[0], "channels out")
    steps = zip(shape[1:], layer.kernel, layer.stride, layer.pad, layer.dilation)
    return _fitting(layer, shape, (layer.out[0], *(conv_size(*numbers) for numbers in steps)))


def _pooled(layer: Layer, shape: Shape, rule: PoolRule) -> Shape:
    if not layer.kernel:
        return (shape[0], 1, 1)
    for kernel, pad in zip(layer.kernel, layer.pad):
        if pad >= kernel:
            raise ParameterError(f"layer {layer.name!r}, pad", got=pad, expected=f"below the kernel, {kernel}")
    steps = zip(shape[1:], layer.kernel, layer.stride, layer.pad)
    return _fitting(layer, shape, (shape[0], *(pool_size(*numbers, rule=rule) for numbers in steps)))


def _fitting(layer: Layer, shape: Shape, made: Shape) -> Shape:
    if min(made) < 1:
        got, expected = f"{shape_text(layer.kernel)} on {shape_text(shape[1:])}", "a kernel that fits into its input"
        raise ParameterError(f"layer {layer.name!r}, kernel", got=got, expected=expected)
    return made


def _concatenated(layer: Layer, shapes: tuple[Shape, ...]) -> Shape:
    if len({shape[1:] for shape in shapes}) > 1:
        got = " and ".join(shape_text(s) for s in shapes)
        raise ParameterError(f"layer {layer.name!r}, inputs", got=got, expected="the same height and width")
    return (sum(shape[0] for shape in shapes), *shapes[0][1:])


def parameters(layer: Layer, shape: Shape) -> int:
    """Parameters of a layer on this input: weights and biases of conv and fc, 2 a channel of bn, else 0.

    The two a channel stand for the factor and the shift behind a normalisation, whether a layer list writes them as a
    layer ``scale`` or not: ``scale`` has none of its own. Running means and variances are not parameters.

    Examples
    --------
    >>> parameters(Layer("conv1", "conv", ("data",), (96,), (7, 7), (2, 2)), (3, 224, 224))
    14208
    """
    if layer.type == "bn":
        return 2 * shape[0]
    return _weights(layer, shape) + layer.out[0] * layer.bias if layer.type in ("conv", "fc") else 0


def macs(layer: Layer, shape: Shape, out_shape: Shape) -> int:
    """Multiplications with accumulation of a layer, an image: conv and fc, else 0.

    Examples
    --------
    >>> macs(Layer("conv1", "conv", ("data",), (96,), (7, 7), (2, 2)), (3, 224, 224), (96, 109, 109))
    167664672
    """
    return _weights(layer, shape) * prod(out_shape[1:]) if layer.type in ("conv", "fc") else 0


def _weights(layer: Layer, shape: Shape) -> int:
    if layer.type == "fc":
        return layer.out[0] * prod(shape)
    return layer.out[0] * prod(layer.kernel) * shape[0] // layer.groups
