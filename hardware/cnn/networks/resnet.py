"""Residual networks (He et al. 2016), as in the authors' Caffe release."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["resnet"]


def resnet(blocks: tuple[int, int, int, int], stem_bias: bool = False) -> Builder:
    """Bottleneck blocks 1x1, 3x3, 1x1 in four stages; a stage halves the map in its first 1x1, not in the 3x3."""
    b = Builder(224)

    def conv(out: int, kernel: int, stride: int = 1, of: str = "") -> str:
        return b.scale(b.bn(b.conv(out, kernel, stride, kernel // 2, bias=False, of=of)))

    b.relu(b.scale(b.bn(b.conv(64, 7, 2, 3, bias=stem_bias))))
    trunk = b.max_pool(3, 2)
    for stage, n_blocks in enumerate(blocks, 2):
        inner = 16 * 2**stage
        for block in range(n_blocks):
            b.group = f"res{stage}/block{block + 1}"
            stride = 2 if stage > 2 and not block else 1
            shortcut = trunk if block else conv(4 * inner, 1, stride, of=trunk)
            b.relu(conv(inner, 1, stride, of=trunk))
            b.relu(conv(inner, 3))
            branch = conv(4 * inner, 1)
            trunk = b.relu(b.eltwise(shortcut, branch))
    b.group = ""
    b.global_pool()
    b.fc(1000)
    b.softmax()
    return b
