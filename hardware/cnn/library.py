"""The networks of the package by name, and all of them side by side."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table
from sdrsim.hardware.cnn.conventions import CONVENTIONS
from sdrsim.hardware.cnn.convnet import ConvNet
from sdrsim.hardware.cnn.layer_tables import read_layers
from sdrsim.hardware.cnn.networks import NETWORKS
from sdrsim.hardware.cnn.shapes import PoolRule

__all__ = ["load", "names", "summary"]


def names() -> tuple[str, ...]:
    """Names of the networks that come with the package.

    Examples
    --------
    >>> len(names()), names()[:4]
    (25, ('alexnet', 'densenet121', 'densenet161', 'densenet169'))
    """
    return tuple(sorted(NETWORKS))


def load(name: str | Path, *, pool: PoolRule | None = None, input_px: int | None = None) -> ConvNet:
    """A network of the package, or one's own from a file.

    Parameters
    ----------
    name : str or path
        One of `names` (or the printed name, 'SqueezeNet v1.0'), or the path of a ``.csv`` or ``.toml`` file, see
        `read_layers`.
    pool : {'caffe', 'torch'}, optional
        How pools round; 'caffe' by default, as in the definitions of the networks of the package. The choice moves
        activations by up to 11 %; shufflenet_v1_g3 fits together under 'caffe' alone.
    input_px : int, optional
        Side of the image; by default that of the definition.

    Raises
    ------
    sdrsim.errors.ParameterError
        An unknown name (with the nearest), a size that does not fit.
    sdrsim.errors.FileFormatError
        As `read_layers`.

    Examples
    --------
    >>> net = load("squeezenet_v1_0")
    >>> net
    ConvNet SqueezeNet v1.0: 66 layers, input 3x224x224; 1,248,424 parameters, 847,... MACs an image
    >>> net.count("netscope").activations
    12294904
    >>> load("squeezenet")
    Traceback (most recent call last):
    ...
    sdrsim.errors.ParameterError: network: got 'squeezenet'; expected one of cnn.names(), or a .csv or .toml file;
    did you mean squeezenet_v1_1 or squeezenet_v1_0?
    """
    if isinstance(name, Path) or str(name).lower().endswith((".csv", ".toml")):
        net = read_layers(name, pool=pool)
    else:
        key = _known(name)
        title, source, make = NETWORKS[key]
        layers = read_layers(make).layers if isinstance(make, Path) else make().layers
        net = ConvNet(layers, key, title=title, pool=pool or "caffe", source=source)
    return net if input_px is None else net.replace(input_px=input_px)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _known(name: str) -> str:
    if not isinstance(name, str):
        raise ParameterError("network", got=repr(name), expected="a name or a path")
    spelt = {_plain(text): key for key, entry in NETWORKS.items() for text in (entry.title, key)}
    if _plain(name) in spelt:
        return spelt[_plain(name)]
    near = list(dict.fromkeys(spelt[text] for text in get_close_matches(_plain(name), spelt, n=3)))
    do = f"did you mean {' or '.join(near)}?" if near else None
    raise ParameterError("network", got=repr(name), expected="one of cnn.names(), or a .csv or .toml file", do=do)


def summary(networks: Iterable[str | Path | ConvNet] | None = None) -> Table:
    """Parameters, MACs and activations under all five conventions, one network a row; all of the package by default.

    Examples
    --------
    >>> t = summary(["vgg16", "squeezenet_v1_0"])
    >>> t.select("network", "input_px", "parameters", "netscope", "netscope_per_parameter")
    network          input_px  parameters  netscope  netscope_per_parameter
                           px    elements  elements
    vgg16                 224   138357544  28802512                0.2082
    squeezenet_v1_0       224     1248424  12294904                 9.848
    """
    rows = []
    for given in names() if networks is None else networks:
        net = given if isinstance(given, ConvNet) else load(given)
        counts = {convention: net.count(convention) for convention in CONVENTIONS}  # type: ignore[arg-type]
        any_count = counts["blob"]
        rows.append(
            {
                "network": net.name,
                "title": net.title,
                "input_px": net.input_shape[-1],
                "parameters": any_count.parameters,
                "macs": any_count.macs,
                **{convention: c.activations for convention, c in counts.items()},
                **{f"{convention}_per_parameter": c.activations_per_parameter for convention, c in counts.items()},
            }
        )
    elements = dict.fromkeys(("parameters", *CONVENTIONS), "elements")
    notes = {convention: f"activations: {meaning}" for convention, meaning in CONVENTIONS.items()}
    return Table.from_rows(rows, {"input_px": "px", **elements}, notes)
