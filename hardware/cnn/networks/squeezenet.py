"""Networks of fire modules: a 1x1 squeeze, then 1x1 and 3x3 expansions side by side, concatenated."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["squeezenet_v1_0", "squeezenet_v1_1", "zynqnet"]

_FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}


def _fire(b: Builder, module: int, squeeze: int, expand: int, kernel: int = 1, stride: int = 1) -> None:
    b.group = f"fire{module}"
    squeezed = b.relu(b.conv(squeeze, kernel, stride, pad=kernel // 2))
    left = b.relu(b.conv(expand, 1, of=squeezed))
    right = b.relu(b.conv(expand, 3, pad=1, of=squeezed))
    b.concat(left, right)
    b.group = ""


def _squeezenet(stem: tuple[int, int], pooled_behind: tuple[int, ...], pad: int) -> Builder:
    """Stem of (channels, kernel) and stride 2, fire modules with pools behind some, a 1x1 classifier."""
    b = Builder(224)
    channels, kernel = stem
    b.relu(b.conv(channels, kernel, 2))
    b.max_pool(3, 2)
    for module, (squeeze, expand) in _FIRES.items():
        _fire(b, module, squeeze, expand)
        if module in pooled_behind:
            b.max_pool(3, 2)
    b.dropout()
    b.relu(b.conv(1000, 1, pad=pad))
    b.global_pool()
    return b


def squeezenet_v1_0() -> Builder:
    """Iandola et al. 2016, version 1.0: the classifier is padded by one, as in its Caffe file."""
    return _squeezenet((96, 7), (4, 8), pad=1)


def squeezenet_v1_1() -> Builder:
    """Version 1.1: smaller stem, earlier pools."""
    return _squeezenet((64, 3), (3, 5), pad=0)


def zynqnet() -> Builder:
    """Gschwend 2016: no maximum pools; every second squeeze is 3x3 with stride 2; classifier in two halves."""
    b = Builder(224)
    b.relu(b.conv(64, 3, 2, pad=1))
    sizes = [(16, 64), (16, 64), (32, 128), (32, 128), (64, 256), (64, 192), (112, 256), (112, 368)]
    for module, (squeeze, expand) in enumerate(sizes, 2):
        _fire(b, module, squeeze, expand, *((3, 2) if module % 2 == 0 else (1, 1)))
    last = b.dropout()
    b.concat(b.conv(512, 1, of=last), b.conv(512, 1, of=last))
    b.global_pool()
    return b
