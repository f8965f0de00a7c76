"""Networks from and to tables of layers: CSV, TOML, or rows in memory."""

import csv
import math
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sdrsim.errors import FileFormatError, ParameterError, did_you_mean
from sdrsim.files.table import Table
from sdrsim.hardware.cnn.convnet import ConvNet
from sdrsim.hardware.cnn.layers import LAYER_TYPES, POOLS, Layer, shape_text
from sdrsim.hardware.cnn.shapes import PoolRule

__all__ = ["from_rows", "layer_table", "read_layers"]

_COLUMNS = {
    "name": "unique, without white space and ':'",
    "type": ", ".join(LAYER_TYPES),
    "inputs": "names of the layers read; empty: the layer above",
    "out": "channels of conv and fc; 3x224x224 of input; channels of all parts of a slice",
    "kernel": "3 or 1x7 (height x width); of a pool, empty: global",
    "stride": "as kernel; empty: 1",
    "pad": "as kernel; empty: 0",
    "dilation": "as kernel; empty: 1",
    "groups": "of conv and shuffle; empty: 1",
    "bias": "yes or no; empty: yes",
    "in_place": "yes or no; empty: no",
}
_ALIASES = {
    "data": "input",
    "convolution": "conv",
    "conv2d": "conv",
    "innerproduct": "fc",
    "linear": "fc",
    "dense": "fc",
    "maxpool": "max_pool",
    "maxpool2d": "max_pool",
    "avgpool": "average_pool",
    "avgpool2d": "average_pool",
    "averagepool": "average_pool",
    "batchnorm": "bn",
    "batchnorm2d": "bn",
    "add": "eltwise",
    "split": "slice",
    "channelshuffle": "shuffle",
    "shufflechannel": "shuffle",
    **dict.fromkeys(("relu6", "sigmoid", "tanh", "silu", "swish", "hardswish", "gelu", "leakyrelu", "elu"), "relu"),
}
_YES = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def read_layers(path: str | Path, *, pool: PoolRule | None = None) -> ConvNet:
    """A network from a table of layers in a CSV or TOML file.

    Parameters
    ----------
    path : path of a ``.csv`` or ``.toml`` file
        CSV: a line of column names, then one line a layer, in the order of computation; lines that begin with ``#`` are
        for readers. TOML: one ``[[layers]]`` a layer with the columns as keys; ``name``, ``title``, ``source`` and
        ``pool`` of the network before them.
    pool : {'caffe', 'torch'}, optional
        How pools round; by default what the file says, else 'caffe'.

    Returns
    -------
    ConvNet

    Raises
    ------
    sdrsim.errors.FileFormatError
        No such file, another kind of file, an unknown column or type (with the nearest), a cell that cannot be read, an
        input that is not there, shapes that do not fit: with file, line and layer.

    Notes
    -----
    ============  =====================================================================================
    column        what it holds
    ============  =====================================================================================
    ``name``      unique, without white space and ``:``
    ``type``      one of `LAYER_TYPES`, or a common other name of it (Conv2d, Linear, BatchNorm, ...)
    ``inputs``    names of the layers read, with spaces between; empty: the layer above. The parts of
                  a slice are ``name:0``, ``name:1``, ...
    ``out``       channels of conv, features of fc; ``3x224x224`` of input; ``58 58`` of a slice
    ``kernel``    ``3`` or ``1x7``, height x width; a pool without kernel is global
    ``stride``    as kernel; empty: 1, but a pool with a kernel must have it
    ``pad``       as kernel; empty: 0
    ``dilation``  as kernel; empty: 1
    ``groups``    of conv and shuffle; empty: 1
    ``bias``      yes or no; empty: yes
    ``in_place``  the output overwrites the input: yes or no; empty: no
    ============  =====================================================================================

    Only ``name`` and ``type`` must be there.

    Examples
    --------
    >>> from pathlib import Path
    >>> n = Path("small.csv").write_text('''name,type,inputs,out,kernel,stride,pad,in_place
    ... image,input,,3x32x32,,,,
    ... conv1,conv,,16,3,,1,
    ... relu1,relu,,,,,,yes
    ... conv2,conv,,16,3,,1,
    ... sum,eltwise,relu1 conv2,,,,,
    ... pool,average_pool,,,,,,
    ... score,fc,,10,,,,
    ... ''')
    >>> read_layers("small.csv")
    ConvNet small: 7 layers, input 3x32x32; 2,938 parameters, 2,801,824 MACs an image

    The same in TOML begins

    >>> n = Path("small.toml").write_text('''
    ... title = "A small network"
    ... pool = "torch"
    ... [[layers]]
    ... name = "image"
    ... type = "input"
    ... out = [3, 32, 32]
    ... [[layers]]
    ... name = "conv1"
    ... type = "conv"
    ... out = 16
    ... kernel = 3
    ... pad = 1
    ... ''')
    >>> read_layers("small.toml")
    ConvNet A small network: 2 layers, input 3x32x32; 448 parameters, 442,368 MACs an image
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix not in (".csv", ".toml"):
        raise FileFormatError(str(path), got=repr(file.suffix), expected="a table of layers, .csv or .toml")
    try:
        text = file.read_text(encoding="utf-8-sig")
        head, rows = _csv_rows(text) if suffix == ".csv" else _toml_rows(text)
        layers = _layers(rows)
        names = {what: head.get(what, "") for what in ("title", "source")}
        return ConvNet(layers, head.get("name") or file.stem, pool=pool or head.get("pool", "caffe"), **names)
    except OSError as error:
        raise FileFormatError(str(path), got=error.strerror or str(error), expected="a file to read") from None
    except UnicodeDecodeError:
        raise FileFormatError(str(path), got="bytes that are not UTF-8", expected="text in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise FileFormatError(str(path), got=str(error), expected="TOML") from None
    except ParameterError as error:
        raise FileFormatError(
            f"{file.name}, {error.what}", got=error.got, expected=error.expected, do=error.do
        ) from None


def from_rows(rows: Table | Iterable[Mapping[str, Any]], name: str = "own", *, pool: PoolRule = "caffe") -> ConvNet:
    """A network from rows in memory, with the columns of `read_layers`.

    Parameters
    ----------
    rows : Table, or iterable of mappings
        One row a layer. Sizes may be ints, tuples or text; None, NaN and empty text are no value.
    name : str
    pool : {'caffe', 'torch'}

    Raises
    ------
    sdrsim.errors.ParameterError
        As `read_layers`, with the number of the row.

    Examples
    --------
    >>> net = from_rows([
    ...     {"name": "image", "type": "input", "out": (3, 32, 32)},
    ...     {"name": "conv1", "type": "conv", "out": 16, "kernel": "1x7", "pad": (0, 3), "bias": False},
    ... ])
    >>> net.count("conv_io")
    Count(network='own', convention='conv_io', parameters=336, activations=19456, macs=344064)
    """
    listed = rows.rows() if isinstance(rows, Table) else rows
    return ConvNet(_layers([(f"row {i}", row) for i, row in enumerate(listed)]), name, pool=pool)


def layer_table(net: ConvNet) -> Table:
    """The layers of a network as a table that `read_layers` and `from_rows` take: ``layer_table(net).to_csv(path)``.

    Examples
    --------
    >>> from sdrsim.hardware import cnn
    >>> net = cnn.load("squeezenet_v1_0")
    >>> path = cnn.layer_table(net).to_csv("squeezenet.csv")
    >>> cnn.load(path) == net
    True
    """
    rows = []
    for layer in net.layers:
        window = bool(layer.kernel)
        out = " ".join(map(str, layer.out)) if layer.type == "slice" else shape_text(layer.out)
        rows.append(
            {
                "name": layer.name,
                "type": layer.type,
                "inputs": " ".join(layer.inputs),
                "out": out,
                "kernel": shape_text(layer.kernel),
                "stride": shape_text(layer.stride) if window else "",
                "pad": shape_text(layer.pad) if window else "",
                "dilation": shape_text(layer.dilation) if layer.type == "conv" else "",
                "groups": str(layer.groups) if layer.groups > 1 else "",
                "bias": "" if layer.bias else "no",
                "in_place": "yes" if layer.in_place else "",
            }
        )
    return Table.from_rows(rows, descriptions=_COLUMNS)


def _csv_rows(text: str) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    rows: list[tuple[str, dict[str, Any]]] = []
    head: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip(", \t") or line.startswith("#"):
            continue
        try:
            cells = next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise ParameterError(f"line {number}", got=str(error), expected="comma-separated values") from None
        if not head:
            head = [cell.strip() for cell in cells]
            if len(set(head)) < len(head):
                raise ParameterError(f"line {number}", got="two columns of one name", expected="each column once")
        elif len(cells) != len(head):
            raise ParameterError(f"line {number}", got=f"{len(cells)} cells", expected=f"{len(head)}")
        else:
            rows.append((f"line {number}", dict(zip(head, cells))))
    return {}, rows


def _toml_rows(text: str) -> tuple[dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    head = tomllib.loads(text)
    layers = head.pop("layers", [])
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ParameterError("layers", got=repr(layers)[:60], expected="one [[layers]] a layer")
    for key, value in head.items():
        if key not in ("name", "title", "source", "pool") or not isinstance(value, str):
            raise ParameterError(repr(key), got=repr(value), expected="name, title, source or pool, as text")
    return head, [(f"layer number {i}", layer) for i, layer in enumerate(layers, 1)]


def _layers(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> list[Layer]:
    made: list[Layer] = []
    for where, row in rows:
        for column in row:
            if column not in _COLUMNS:
                do = did_you_mean(column, _COLUMNS, n=1)
                raise ParameterError(f"{where}, column", got=repr(column), expected=", ".join(_COLUMNS), do=do)
        try:
            made.append(_layer(row, made[-1].name if made else ""))
        except ParameterError as error:
            raise ParameterError(
                f"{where}, {error.what}", got=error.got, expected=error.expected, do=error.do
            ) from None
    return made


def _layer(row: Mapping[str, Any], above: str) -> Layer:
    cells = {column: value for column, value in row.items() if not _empty(value)}
    for needed in ("name", "type"):
        if needed not in cells:
            raise ParameterError(needed, got="nothing", expected=_COLUMNS[needed])
    name, kind = str(cells["name"]).strip(), _known_type(str(cells["type"]))
    given = cells.get("inputs", () if kind == "input" else above)
    inputs = tuple(given.split()) if isinstance(given, str) else tuple(map(str, given))
    options: dict[str, Any] = {}
    for what in ("out", "kernel", "stride", "pad", "dilation"):
        if what in cells:
            numbers = _numbers(name, what, cells[what])
            options[what] = numbers * 2 if what != "out" and len(numbers) == 1 else numbers
    if "groups" in cells:
        options["groups"] = _numbers(name, "groups", cells["groups"])[0]
    for what in ("bias", "in_place"):
        if what in cells:
            options[what] = _truth(name, what, cells[what])
    if kind in POOLS and "kernel" in options and "stride" not in options:
        raise ParameterError(
            f"layer {name!r}, stride", got="nothing", expected="a stride: a pool with a kernel needs it"
        )
    return Layer(name, kind, inputs, **options)


def _empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, str) and not value.strip()) or value != value


def _known_type(text: str) -> str:
    plain = text.strip().lower()
    return _ALIASES.get(plain.replace("_", "").replace("-", ""), plain)


def _numbers(name: str, what: str, value: Any) -> tuple[int, ...]:
    parts = re.split(r"[x\s]+", value.strip()) if isinstance(value, str) else value
    try:
        listed = list(parts) if isinstance(parts, Iterable) else [parts]
        numbers = tuple(int(part) for part in listed)
        if (
            not numbers
            or any(isinstance(p, bool) for p in listed)
            or any(isinstance(p, float) and not math.isclose(p, n) for p, n in zip(listed, numbers))
        ):
            raise ValueError
    except (ValueError, TypeError):
        raise ParameterError(f"layer {name!r}, {what}", got=repr(value), expected=_COLUMNS[what]) from None
    return numbers


def _truth(name: str, what: str, value: Any) -> bool:
    known = _YES.get(str(value).strip().lower())
    if known is None:
        raise ParameterError(f"layer {name!r}, {what}", got=repr(value), expected="yes or no")
    return known
