"""ShuffleNets, as in farmingyard's Caffe definitions: channels change places between grouped convolutions."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["shufflenet_v1_g3", "shufflenet_v2"]


def _conv(b: Builder, out: int, kernel: int = 1, stride: int = 1, groups: int = 1, of: str = "") -> str:
    return b.scale(b.bn(b.conv(out, kernel, stride, kernel // 2, groups=groups, bias=False, of=of)))


def _stem() -> Builder:
    b = Builder(224)
    b.relu(_conv(b, 24, 3, 2))
    b.max_pool(3, 2)
    return b


def _head(b: Builder) -> Builder:
    b.group = ""
    b.global_pool()
    b.conv(1000, 1)
    return b


def shufflenet_v1_g3() -> Builder:
    """Zhang et al. 2018, width 1, three groups."""
    b = _stem()
    trunk, width = b.top, 24
    for stage, (out, n_units) in enumerate([(240, 4), (480, 8), (960, 4)], 2):
        for unit in range(n_units):
            b.group = f"stage{stage}/unit{unit + 1}"
            first, very_first = unit == 0, unit == 0 and stage == 2
            made = out - width if first else out
            pooled = b.average_pool(3, 2, of=trunk) if first else ""
            b.relu(_conv(b, made // 4, groups=1 if very_first else 3, of=trunk))
            if not very_first:
                b.shuffle(3)
            _conv(b, made // 4, 3, 2 if first else 1, groups=made // 4)
            branch = _conv(b, made, groups=3)
            trunk = b.relu(b.concat(pooled, branch) if first else b.eltwise(trunk, branch))
            width = out
    return _head(b)


def shufflenet_v2() -> Builder:
    """Ma et al. 2018, width 1: half of the channels pass a unit untouched."""
    b = _stem()
    trunk, width = b.top, 24
    for stage, (half, n_units) in enumerate([(58, 4), (116, 8), (232, 4)], 2):
        for unit in range(n_units):
            b.group = f"stage{stage}/unit{unit + 1}"
            if unit == 0:
                _conv(b, width, 3, 2, groups=width, of=trunk)
                left = b.relu(_conv(b, half))
                right, width = trunk, 2 * half
            else:
                left, right = b.slice(half, half, of=trunk)
            b.relu(_conv(b, half, of=right))
            _conv(b, half, 3, 2 if unit == 0 else 1, groups=half)
            right = b.relu(_conv(b, half))
            b.concat(left, right)
            trunk = b.shuffle(2)
    b.group = ""
    b.relu(_conv(b, 1024))
    return _head(b)
