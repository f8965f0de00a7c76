"""MobileNets, as in shicai's MobileNet-Caffe: convolutions a channel, then 1x1 across channels."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["mobilenet_v1", "mobilenet_v2"]


def _head(b: Builder) -> Builder:
    b.group = ""
    b.global_pool()
    b.conv(1000, 1)
    b.softmax()
    return b


def mobilenet_v1() -> Builder:
    """Howard et al. 2017: 13 separable convolutions."""
    b = Builder(224)

    def conv(out: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        return b.relu(b.scale(b.bn(b.conv(out, kernel, stride, kernel // 2, groups=groups, bias=False))))

    conv(32, 3, 2)
    width = 32
    units = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for unit, (out, stride) in enumerate(units, 1):
        b.group = f"separable{unit}"
        conv(width, 3, stride, groups=width)
        conv(out, 1)
        width = out
    return _head(b)


def mobilenet_v2() -> Builder:
    """Sandler et al. 2018: inverted residuals; the first keeps a 1x1 expansion by 1, and bn does not work in place."""
    b = Builder(224)

    def conv(out: int, kernel: int, stride: int = 1, groups: int = 1, of: str = "") -> str:
        made = b.conv(out, kernel, stride, kernel // 2, groups=groups, bias=False, of=of)
        return b.scale(b.bn(made, in_place=False))

    trunk, width = b.relu(conv(32, 3, 2)), 32
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for stage, (factor, out, n_units, first_stride) in enumerate(stages, 2):
        for unit in range(n_units):
            b.group = f"stage{stage}/unit{unit + 1}"
            inner, stride = factor * width, 1 if unit else first_stride
            b.relu(conv(inner, 1, of=trunk))
            b.relu(conv(inner, 3, stride, groups=inner))
            projected = conv(out, 1)
            trunk, width = b.eltwise(trunk, projected) if unit else projected, out
    b.group = ""
    b.relu(conv(1280, 1, of=trunk))
    return _head(b)
