"""Layers written down one after another: how the networks of this package are made, and one's own may be."""

from typing import Any

from sdrsim.hardware.cnn.convnet import ConvNet
from sdrsim.hardware.cnn.layers import Layer
from sdrsim.hardware.cnn.shapes import PoolRule

__all__ = ["Builder"]

Pair = int | tuple[int, int]


class Builder:
    """Writes down layers; each method adds one and returns its name.

    A layer reads `of`, or the layer written last. Names count up by type: conv1, conv2, ...; behind `group`, if that is
    set: ``fire2/conv1``.

    Parameters
    ----------
    input_px : int
        Side of the image.
    channels : int

    Attributes
    ----------
    top : str
        The layer written last.
    group : str
        Goes before the names of the layers to come.

    Examples
    --------
    A residual block:

    >>> b = Builder(32)
    >>> trunk = b.conv(16, 3, pad=1)
    >>> b.group = "block1"
    >>> branch = b.relu(b.bn(b.conv(16, 3, pad=1, bias=False)))
    >>> b.eltwise(trunk, branch)
    'block1/eltwise1'
    >>> b.net("small")
    ConvNet small: 6 layers, input 3x32x32; 2,784 parameters, 2,801,664 MACs an image
    """

    def __init__(self, input_px: int, channels: int = 3) -> None:
        self.layers: list[Layer] = []
        self.top, self.group = "", ""
        self._counts: dict[str, int] = {}
        self._add("input", (), out=(channels, input_px, input_px), name="data")

    def _add(self, kind: str, inputs: tuple[str, ...], *, name: str = "", **options: object) -> str:
        stem = f"{self.group}/{kind}" if self.group else kind
        self._counts[stem] = self._counts.get(stem, 0) + 1
        self.top = name or f"{stem}{self._counts[stem]}"
        self.layers.append(Layer(self.top, kind, inputs, **options))  # type: ignore[arg-type]
        return self.top

    def conv(
        self,
        out: int,
        kernel: Pair,
        stride: Pair = 1,
        pad: Pair = 0,
        *,
        groups: int = 1,
        bias: bool = True,
        of: str = "",
    ) -> str:
        """Convolution to `out` channels."""
        sizes: dict[str, Any] = {"kernel": _pair(kernel), "stride": _pair(stride), "pad": _pair(pad)}
        return self._add("conv", (of or self.top,), out=(out,), groups=groups, bias=bias, **sizes)

    def fc(self, out: int, *, bias: bool = True, of: str = "") -> str:
        """Fully connected layer to `out` features."""
        return self._add("fc", (of or self.top,), out=(out,), bias=bias)

    def max_pool(self, kernel: Pair, stride: Pair = 1, pad: Pair = 0, *, of: str = "") -> str:
        """Maximum over windows."""
        return self._add("max_pool", (of or self.top,), kernel=_pair(kernel), stride=_pair(stride), pad=_pair(pad))

    def average_pool(self, kernel: Pair, stride: Pair = 1, pad: Pair = 0, *, of: str = "") -> str:
        """Mean over windows."""
        return self._add("average_pool", (of or self.top,), kernel=_pair(kernel), stride=_pair(stride), pad=_pair(pad))

    def global_pool(self, *, of: str = "") -> str:
        """Mean of each channel."""
        return self._add("average_pool", (of or self.top,))

    def bn(self, of: str = "", *, in_place: bool = True) -> str:
        """Batch normalisation."""
        return self._add("bn", (of or self.top,), in_place=in_place)

    def scale(self, of: str = "") -> str:
        """Factor and shift a channel behind a normalisation, in place."""
        return self._add("scale", (of or self.top,), in_place=True)

    def relu(self, of: str = "") -> str:
        """Rectifier, in place."""
        return self._add("relu", (of or self.top,), in_place=True)

    def lrn(self, of: str = "") -> str:
        """Local response normalisation."""
        return self._add("lrn", (of or self.top,))

    def dropout(self, of: str = "", *, in_place: bool = True) -> str:
        """Dropout: counted as a layer, although it does nothing when a trained network runs."""
        return self._add("dropout", (of or self.top,), in_place=in_place)

    def eltwise(self, *of: str) -> str:
        """Sum of maps."""
        return self._add("eltwise", of)

    def concat(self, *of: str) -> str:
        """Channels of all, one after another."""
        return self._add("concat", of)

    def slice(self, *out: int, of: str = "") -> tuple[str, ...]:
        """Channels cut into parts of these sizes; the names of the parts."""
        name = self._add("slice", (of or self.top,), out=out)
        return tuple(f"{name}:{part}" for part in range(len(out)))

    def shuffle(self, groups: int, of: str = "") -> str:
        """Channels of the groups dealt out in turn."""
        return self._add("shuffle", (of or self.top,), groups=groups)

    def flatten(self, of: str = "") -> str:
        """Map to vector."""
        return self._add("flatten", (of or self.top,))

    def softmax(self, of: str = "") -> str:
        """Shares that sum to 1."""
        return self._add("softmax", (of or self.top,))

    def net(self, name: str, title: str = "", pool: PoolRule = "caffe", source: str = "") -> ConvNet:
        """The network of all layers so far."""
        return ConvNet(self.layers, name, title=title, pool=pool, source=source)


def _pair(value: Pair) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)
