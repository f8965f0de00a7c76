"""A convolutional network as a list of layers: counted, tabulated, never run."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import get_args

from sdrsim.errors import ParameterError, did_you_mean
from sdrsim.files.table import Table
from sdrsim.hardware.cnn import shapes
from sdrsim.hardware.cnn.conventions import CONVENTIONS, Convention, Placed, activations, checked
from sdrsim.hardware.cnn.layers import POOLS, Layer, shape_text
from sdrsim.hardware.cnn.shapes import PoolRule, Shape

__all__ = ["ConvNet", "Count"]


@dataclass(frozen=True)
class Count:
    """What a network counts, an image, under one convention: integers, in elements, not bytes.

    Attributes
    ----------
    network, convention : str
    parameters, activations, macs : int
        Numbers to store, elements of activations, multiplications with accumulation.

    Examples
    --------
    >>> from sdrsim.hardware import cnn
    >>> c = cnn.load("squeezenet_v1_0").count("netscope")
    >>> c.parameters, c.activations, round(c.activations_per_parameter, 2)
    (1248424, 12294904, 9.85)
    """

    network: str
    convention: str
    parameters: int
    activations: int
    macs: int

    @property
    def activations_per_parameter(self) -> float:
        """A / P; infinite without parameters."""
        return self.activations / self.parameters if self.parameters else float("inf")

    def intensity(self, batch: int = 1) -> float:
        """Arithmetic intensity in MACs an element: ``batch * MACs / (P + batch * A)``.

        Every parameter is moved once a batch, every activation once an image.
        """
        if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
            raise ParameterError("batch", got=repr(batch), expected="an integer from 1")
        moved = self.parameters + batch * self.activations
        return batch * self.macs / moved if moved else 0.0


class ConvNet:
    """A convolutional network, counted layer by layer.

    Parameters
    ----------
    layers : iterable of Layer
        In the order of computation; a layer reads only what stands before it.
    name : str
    title : str
        Name to print; `name` by default.
    pool : {'caffe', 'torch'}
        How pools round, see `shapes.pool_size`.
    source : str
        Where the layers are defined.

    Raises
    ------
    sdrsim.errors.ParameterError
        No layer, two of one name, an input that is not there (with the nearest) or was overwritten, shapes that do
        not fit.

    Examples
    --------
    >>> from sdrsim.hardware.cnn import ConvNet, Layer
    >>> net = ConvNet([
    ...     Layer("image", "input", out=(3, 32, 32)),
    ...     Layer("conv1", "conv", ("image",), out=(16,), kernel=(3, 3), pad=(1, 1)),
    ...     Layer("relu1", "relu", ("conv1",), in_place=True),
    ...     Layer("pool1", "max_pool", ("relu1",)),
    ...     Layer("score", "fc", ("pool1",), out=(10,)),
    ... ], "small")
    >>> net
    ConvNet small: 5 layers, input 3x32x32; 618 parameters, 442,528 MACs an image
    >>> net.count("blob").activations, net.count("netscope").activations, net.count("peak").activations
    (19482, 35866, 19456)
    >>> net.table("blob").select("layer", "output", "parameters", "activations")
    layer  output    parameters  activations
                       elements     elements
    image  3x32x32            0         3072
    conv1  16x32x32         448        16384
    relu1  16x32x32           0            0
    pool1  16x1x1             0           16
    score  10               170           10
    """

    def __init__(
        self, layers: Iterable[Layer], name: str = "own", *, title: str = "", pool: PoolRule = "caffe", source: str = ""
    ) -> None:
        if pool not in get_args(PoolRule):
            raise ParameterError("pool", got=repr(pool), expected="'caffe' or 'torch'")
        self.name, self.title, self.source, self.pool = name, title or name, source, pool
        self.layers = tuple(layers)
        if not self.layers:
            raise ParameterError("layers", got="none", expected="at least an input")
        self.placed = _placed(self.layers, pool)

    @property
    def input_shape(self) -> Shape:
        """Channels, height, width of the first input."""
        return next(p.out_shapes[0] for p in self.placed if p.layer.type == "input")

    def count(self, convention: Convention = "blob") -> Count:
        """Parameters, activations and MACs of one image.

        Parameters
        ----------
        convention : {'conv', 'conv_io', 'blob', 'netscope', 'peak'}
            `CONVENTIONS` says what each takes for an activation. Parameters and MACs are the same under all.

        Raises
        ------
        sdrsim.errors.ParameterError
            An unknown convention.
        """
        counted = activations(self.placed, convention)
        total = max(counted) if convention == "peak" else sum(counted)
        return Count(
            self.name, convention, sum(p.parameters for p in self.placed), total, sum(p.macs for p in self.placed)
        )

    def counts(self) -> Table:
        """`count` under all five conventions, one a row, with ratio and intensity."""
        rows = []
        for convention, meaning in CONVENTIONS.items():
            c = self.count(convention)  # type: ignore[arg-type]
            rows.append(
                {
                    "convention": convention,
                    "parameters": c.parameters,
                    "activations": c.activations,
                    "macs": c.macs,
                    "activations_per_parameter": c.activations_per_parameter,
                    "intensity": c.intensity(),
                    "counts": meaning,
                }
            )
        units = {"parameters": "elements", "activations": "elements", "intensity": "MACs/element"}
        notes = {"intensity": "MACs / (parameters + activations), batch 1", "counts": "what an activation is"}
        return Table.from_rows(rows, units, notes)

    def intensity(self, convention: Convention = "blob", batch: int = 1) -> float:
        """Arithmetic intensity in MACs an element: ``batch * MACs / (P + batch * A)``.

        Examples
        --------
        >>> from sdrsim.hardware import cnn
        >>> net = cnn.load("squeezenet_v1_0")
        >>> round(net.intensity("netscope"), 1), round(net.intensity("netscope", batch=64), 1)
        (62.6, 68.8)
        """
        return self.count(convention).intensity(batch)

    def table(self, convention: Convention = "blob") -> Table:
        """One row a layer: shapes, parameters, MACs, elements in and out, activations under a convention, live ones.

        Under 'peak' the column ``activations`` holds what is live while the layer works, and the count of the network
        is its maximum; else the count is its sum.
        """
        live, counted = activations(self.placed, "peak"), activations(self.placed, checked(convention))
        rows = [
            {
                "layer": p.layer.name,
                "type": p.layer.type,
                "inputs": " ".join(p.layer.inputs),
                "output": " ".join(map(shape_text, p.out_shapes)),
                "kernel": "global" if p.layer.type in POOLS and not p.layer.kernel else shape_text(p.layer.kernel),
                "stride": shape_text(p.layer.stride) if p.layer.kernel else "",
                "pad": shape_text(p.layer.pad) if p.layer.kernel else "",
                "dilation": shape_text(p.layer.dilation) if p.layer.type == "conv" else "",
                "groups": p.layer.groups,
                "in_place": p.layer.in_place,
                "parameters": p.parameters,
                "macs": p.macs,
                "in_elements": p.in_elements,
                "out_elements": p.out_elements,
                "activations": a,
                "live_elements": n,
            }
            for p, a, n in zip(self.placed, counted, live)
        ]
        units = dict.fromkeys(("parameters", "in_elements", "out_elements", "activations", "live_elements"), "elements")
        return Table.from_rows(rows, units, {"activations": f"{convention}: {CONVENTIONS[convention]}", **_NOTES})

    def replace(self, *, input_px: int | None = None, pool: PoolRule | None = None) -> "ConvNet":
        """The same layers on square images of another size, or with the other rule of pooling.

        Raises
        ------
        sdrsim.errors.ParameterError
            Layers that do not fit this size; an input that is not an image.

        Examples
        --------
        >>> from sdrsim.hardware import cnn
        >>> cnn.load("vgg16").replace(input_px=64).count("conv").macs
        1282048000
        """
        layers = list(self.layers)
        for i, layer in enumerate(layers if input_px is not None else []):
            if layer.type == "input":
                if len(layer.out) != 3:
                    raise ParameterError("input_px", got=shape_text(layer.out), expected="a network that reads images")
                layers[i] = Layer(layer.name, "input", out=(layer.out[0], input_px, input_px))  # type: ignore[arg-type]
        return ConvNet(layers, self.name, title=self.title, pool=pool or self.pool, source=self.source)

    def __len__(self) -> int:
        return len(self.layers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConvNet):
            return NotImplemented
        return (self.layers, self.pool) == (other.layers, other.pool)

    def __hash__(self) -> int:
        return hash((self.layers, self.pool))

    def __repr__(self) -> str:
        c = self.count("blob")
        return (
            f"ConvNet {self.title}: {len(self):,} layers, input {shape_text(self.input_shape)}; "
            f"{c.parameters:,} parameters, {c.macs:,} MACs an image"
        )

    def _repr_html_(self) -> str:
        head = f"<p><b>{escape(self.title)}</b>, {len(self):,} layers, input {shape_text(self.input_shape)}"
        source = f"<br><small>{escape(self.source)}</small>" if self.source else ""
        return f"{head}{source}</p>{self.counts()._repr_html_()}"


_NOTES = {
    "output": "channels x height x width, or features; all parts of a slice",
    "parameters": "weights and biases of conv and fc, 2 a channel of bn",
    "macs": "multiplications with accumulation of conv and fc, an image",
    "in_elements": "elements of all inputs",
    "out_elements": "elements of all outputs",
    "live_elements": "elements held while the layer works: its inputs and outputs, and what later layers need",
    "in_place": "the output overwrites the input",
}


def _placed(layers: tuple[Layer, ...], rule: PoolRule) -> tuple[Placed, ...]:
    """Every layer with shapes and blobs; refuses what does not fit."""
    known: dict[str, tuple[int, Shape]] = {}  # what can be read: name, or name:part -> its blob and shape
    writer: dict[int, str] = {}  # who wrote a blob last
    names: set[str] = set()
    placed: list[Placed] = []
    for layer in layers:
        if layer.name in names:
            raise ParameterError(f"layer {layer.name!r}, name", got="a second one", expected="unique names")
        names.add(layer.name)
        read = [_read(layer, name, known, writer) for name in layer.inputs]
        blobs, in_shapes = tuple(blob for blob, _ in read), tuple(shape for _, shape in read)
        made = shapes.out_shapes(layer, in_shapes, rule)
        writes = blobs[:1] if layer.in_place else tuple(range(len(writer), len(writer) + len(made)))
        if layer.type == "slice":
            handles = [f"{layer.name}:{part}" for part in range(len(made))]
        else:
            handles = [layer.name]
        for handle, blob, shape in zip(handles, writes, made):
            known[handle], writer[blob] = (blob, shape), handle
        n_parameters = shapes.parameters(layer, in_shapes[0]) if in_shapes else 0
        n_macs = shapes.macs(layer, in_shapes[0], made[0]) if in_shapes else 0
        placed.append(Placed(layer, in_shapes, made, n_parameters, n_macs, blobs, writes))
    return tuple(placed)


def _read(layer: Layer, name: str, known: dict[str, tuple[int, Shape]], writer: dict[int, str]) -> tuple[int, Shape]:
    what = f"layer {layer.name!r}, inputs"
    if name not in known:
        parts = [part for part in known if part.startswith(f"{name}:")]
        do = f"did you mean {' or '.join(parts)}?" if parts else did_you_mean(name, known)
        raise ParameterError(what, got=repr(name), expected="a layer that stands before it", do=do)
    blob, shape = known[name]
    if writer[blob] != name:
        do = f"read {writer[blob]!r}, or let it not work in place"
        raise ParameterError(what, got=f"{name!r}, overwritten by {writer[blob]!r}", expected="what is there", do=do)
    return blob, shape
