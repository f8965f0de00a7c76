"""Densely connected networks (Huang et al. 2017), as in shicai's DenseNet-Caffe."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["densenet"]


def densenet(blocks: tuple[int, int, int, int], growth: int = 32, stem: int = 64) -> Builder:
    """Every unit reads all features before it and adds `growth`: bn, 1x1 to 4 `growth`, bn, 3x3, concatenated."""
    b = Builder(224)

    def normed(of: str = "") -> str:
        return b.relu(b.scale(b.bn(of, in_place=False)))

    normed(b.conv(stem, 7, 2, 3, bias=False))
    features, n_features = b.max_pool(3, 2, 1), stem
    for block, n_units in enumerate(blocks, 1):
        for unit in range(n_units):
            b.group = f"block{block}/unit{unit + 1}"
            normed(features)
            b.conv(4 * growth, 1, bias=False)
            normed()
            features = b.concat(features, b.conv(growth, 3, pad=1, bias=False))
            n_features += growth
        b.group = f"transition{block}" if block < len(blocks) else ""
        normed(features)
        if block < len(blocks):
            n_features //= 2
            b.conv(n_features, 1, bias=False)
            features = b.average_pool(2, 2)
    b.global_pool()
    b.conv(1000, 1)
    return b
