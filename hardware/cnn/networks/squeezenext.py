"""SqueezeNext (Gholami et al. 2018): residual blocks of two 1x1 reductions, a 3x1 and 1x3 pair, a 1x1 expansion."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["squeezenext"]


def squeezenext(width: int = 1, groups: int = 1, v5: bool = False) -> Builder:
    """`width`-SqNxt-23: 21 blocks in four stages; `groups` in the first 1x1 and the two 3-tap convolutions.

    Stem and last 1x1 are as wide for all widths; the classifier has no bias. In v5 the first block of a stage reads
    what its shortcut makes, else what the shortcut reads.
    """
    b = Builder(224)

    def conv(out: int, kernel: tuple[int, int], stride: int = 1, groups: int = 1, of: str = "") -> str:
        pad = (kernel[0] // 2, kernel[1] // 2)
        return b.relu(b.scale(b.bn(b.conv(out, kernel, stride, pad, groups=groups, bias=False, of=of))))

    side = 5 if v5 else 7
    b.relu(b.scale(b.bn(b.conv(64, side, 2, bias=False))))
    trunk = b.max_pool(3, 2)
    for stage, n_blocks in enumerate((2, 4, 14, 1) if v5 else (6, 6, 8, 1)):
        out = 32 * width * 2**stage
        for block in range(n_blocks):
            b.group = f"stage{stage + 1}/block{block + 1}"
            stride = 2 if stage and not block else 1
            shortcut = trunk if block else conv(out, (1, 1), stride, of=trunk)
            source, stride = (shortcut, 1) if v5 else (trunk, stride)
            conv(out // 2, (1, 1), stride, groups, of=source)
            conv(out // 4, (1, 1))
            conv(out // 2, (3, 1), groups=groups)
            conv(out // 2, (1, 3), groups=groups)
            branch = conv(out, (1, 1))
            trunk = b.relu(b.eltwise(shortcut, branch))
    b.group = ""
    conv(128, (1, 1))
    b.global_pool()
    b.fc(1000, bias=False)
    b.softmax()
    return b
