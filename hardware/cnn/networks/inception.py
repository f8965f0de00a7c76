"""GoogLeNet and the Inception networks 3 and 4: branches side by side, concatenated."""

from sdrsim.hardware.cnn.builder import Builder

__all__ = ["googlenet", "inception_resnet_v2", "inception_v3", "inception_v4"]

Step = tuple[int, int, int]  # channels, height and width of the kernel


def googlenet() -> Builder:
    """Szegedy et al. 2015, as BVLC GoogLeNet without its two auxiliary classifiers."""
    b = Builder(224)

    def conv(out: int, kernel: int, stride: int = 1, of: str = "") -> str:
        return b.relu(b.conv(out, kernel, stride, kernel // 2, of=of))

    conv(64, 7, 2)
    b.max_pool(3, 2)
    b.lrn()
    conv(64, 1)
    conv(192, 3)
    b.lrn()
    trunk = b.max_pool(3, 2)
    modules = {
        "3a": (64, 96, 128, 16, 32, 32),
        "3b": (128, 128, 192, 32, 96, 64),
        "4a": (192, 96, 208, 16, 48, 64),
        "4b": (160, 112, 224, 24, 64, 64),
        "4c": (128, 128, 256, 24, 64, 64),
        "4d": (112, 144, 288, 32, 64, 64),
        "4e": (256, 160, 320, 32, 128, 128),
        "5a": (256, 160, 320, 32, 128, 128),
        "5b": (384, 192, 384, 48, 128, 128),
    }
    for module, (direct, reduce3, out3, reduce5, out5, pooled) in modules.items():
        b.group = f"inception{module}"
        branches = [conv(direct, 1, of=trunk)]
        conv(reduce3, 1, of=trunk)
        branches.append(conv(out3, 3))
        conv(reduce5, 1, of=trunk)
        branches.append(conv(out5, 5))
        b.max_pool(3, 1, 1, of=trunk)
        branches.append(conv(pooled, 1))
        trunk = b.concat(*branches)
        b.group = ""
        if module in ("3b", "4e"):
            trunk = b.max_pool(3, 2)
    b.global_pool()
    b.dropout()
    b.fc(1000)
    b.softmax()
    return b


class _Inception:
    """A builder with the pieces that versions 3 and 4 share.

    Version 4, scaled: bn in place, a scale behind it, and a bias in the convolutions all the same.
    """

    def __init__(self, scaled: bool) -> None:
        self.b = Builder(299)
        self.scaled = scaled
        self.trunk = "data"

    def conv(
        self, out: int, kernel: tuple[int, int], stride: int = 1, pad: bool = True, of: str = "", relu: bool = True
    ) -> str:
        b = self.b
        sides = (kernel[0] // 2, kernel[1] // 2) if pad else 0
        b.bn(b.conv(out, kernel, stride, sides, bias=self.scaled, of=of), in_place=self.scaled)
        if self.scaled:
            b.scale()
        return b.relu() if relu else b.top

    def chain(self, *steps: Step, of: str = "") -> str:
        """Convolutions one after another, padded, stride 1, from `of` or the trunk."""
        top = of or self.trunk
        for out, height, width in steps:
            top = self.conv(out, (height, width), of=top)
        return top

    def pooled(self, out: int) -> str:
        """3x3 mean, then 1x1."""
        self.b.average_pool(3, 1, 1, of=self.trunk)
        return self.conv(out, (1, 1))

    def halved(self, *steps: Step) -> str:
        """Convolutions, the last with stride 2 and without padding."""
        *before, (out, height, width) = steps
        return self.conv(out, (height, width), 2, pad=False, of=self.chain(*before))

    def halving_pool(self) -> str:
        return self.b.max_pool(3, 2, of=self.trunk)

    def join(self, *branches: str) -> None:
        self.trunk = self.b.concat(*branches)

    def head(self, *, dropout: bool = False, flatten: bool = False) -> Builder:
        self.b.group = ""
        self.b.global_pool(of=self.trunk)
        if dropout:
            self.b.dropout(in_place=False)
        if flatten:
            self.b.flatten()
        self.b.fc(1000)
        self.b.softmax()
        return self.b


def inception_v3() -> Builder:
    """Szegedy et al. 2016: bn without scale layers, writing new arrays; no auxiliary classifier."""
    n = _Inception(scaled=False)
    n.conv(32, (3, 3), 2, pad=False)
    n.conv(32, (3, 3), pad=False)
    n.trunk = n.conv(64, (3, 3))
    n.halving_pool()
    n.conv(80, (1, 1))
    n.trunk = n.conv(192, (3, 3), pad=False)
    n.trunk = n.halving_pool()
    for module, out in enumerate((32, 64, 64), 1):
        n.b.group = f"a{module}"
        wide, deep = n.chain((48, 1, 1), (64, 5, 5)), n.chain((64, 1, 1), (96, 3, 3), (96, 3, 3))
        n.join(n.chain((64, 1, 1)), wide, deep, n.pooled(out))
    n.b.group = "reduction_a"
    n.join(n.halved((384, 3, 3)), n.halved((64, 1, 1), (96, 3, 3), (96, 3, 3)), n.halving_pool())
    for module, c in enumerate((128, 160, 160, 192), 1):
        n.b.group = f"b{module}"
        two = n.chain((c, 1, 1), (c, 1, 7), (192, 7, 1))
        four = n.chain((c, 1, 1), (c, 7, 1), (c, 1, 7), (c, 7, 1), (192, 1, 7))
        n.join(n.chain((192, 1, 1)), two, four, n.pooled(192))
    n.b.group = "reduction_b"
    long = n.halved((192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3))
    n.join(n.halved((192, 1, 1), (320, 3, 3)), long, n.halving_pool())
    for module in (1, 2):
        n.b.group = f"c{module}"
        forks = []
        for stem in (n.chain((384, 1, 1)), n.chain((448, 1, 1), (384, 3, 3))):
            forks += [n.chain((384, 1, 3), of=stem), n.chain((384, 3, 1), of=stem)]
        n.join(n.chain((320, 1, 1)), *forks, n.pooled(192))
    return n.head(flatten=True)


def _stem_v4() -> _Inception:
    """299 to 35x35, 384 channels."""
    n = _Inception(scaled=True)
    n.conv(32, (3, 3), 2, pad=False)
    n.conv(32, (3, 3), pad=False)
    n.trunk = n.conv(64, (3, 3))
    n.b.group = "stem1"
    n.join(n.halving_pool(), n.halved((96, 3, 3)))
    n.b.group = "stem2"
    short = n.conv(96, (3, 3), pad=False, of=n.chain((64, 1, 1)))
    n.join(short, n.conv(96, (3, 3), pad=False, of=n.chain((64, 1, 1), (64, 1, 7), (64, 7, 1))))
    n.b.group = "stem3"
    n.join(n.halved((192, 3, 3)), n.halving_pool())
    return n


def inception_v4() -> Builder:
    """Szegedy et al. 2017, as soeaver's script for caffe-model first wrote it: convolutions with biases in front of bn.

    Later files of that repository leave these 31,584 biases out; activations and MACs are the same.
    """
    n = _stem_v4()
    for module in range(1, 5):
        n.b.group = f"a{module}"
        two, three = n.chain((64, 1, 1), (96, 3, 3)), n.chain((64, 1, 1), (96, 3, 3), (96, 3, 3))
        n.join(n.chain((96, 1, 1)), two, three, n.pooled(96))
    n.b.group = "reduction_a"
    n.join(n.halved((384, 3, 3)), n.halved((192, 1, 1), (224, 3, 3), (256, 3, 3)), n.halving_pool())
    for module in range(1, 8):
        n.b.group = f"b{module}"
        two = n.chain((192, 1, 1), (224, 1, 7), (256, 7, 1))
        four = n.chain((192, 1, 1), (192, 1, 7), (224, 7, 1), (224, 1, 7), (256, 7, 1))
        n.join(n.chain((384, 1, 1)), two, four, n.pooled(128))
    n.b.group = "reduction_b"
    long = n.halved((256, 1, 1), (256, 1, 7), (320, 7, 1), (320, 3, 3))
    n.join(n.halved((192, 1, 1), (192, 3, 3)), long, n.halving_pool())
    for module in range(1, 4):
        n.b.group = f"c{module}"
        forks = []
        for stem in (n.chain((384, 1, 1)), n.chain((384, 1, 1), (448, 1, 3), (512, 3, 1))):
            forks += [n.chain((256, 1, 3), of=stem), n.chain((256, 3, 1), of=stem)]
        n.join(n.chain((256, 1, 1)), *forks, n.pooled(256))
    return n.head(dropout=True)


def inception_resnet_v2() -> Builder:
    """Szegedy et al. 2017, in the reduced form of soeaver's script: 5, 10, 5 residual modules, biases before bn."""
    n = _stem_v4()

    def modules(letter: str, n_modules: int, out: int, *branches: tuple[Step, ...]) -> None:
        for module in range(1, n_modules + 1):
            n.b.group = f"{letter}{module}"
            trunk = n.trunk
            joined = n.b.concat(*[n.chain(*steps) for steps in branches])
            n.trunk = n.b.eltwise(trunk, n.conv(out, (1, 1), of=joined, relu=False))

    modules("a", 5, 384, ((32, 1, 1),), ((32, 1, 1), (32, 3, 3)), ((32, 1, 1), (48, 3, 3), (64, 3, 3)))
    n.b.group = "reduction_a"
    n.join(n.halving_pool(), n.halved((384, 3, 3)), n.halved((256, 1, 1), (256, 3, 3), (384, 3, 3)))
    modules("b", 10, 1152, ((192, 1, 1),), ((128, 1, 1), (160, 1, 7), (192, 7, 1)))
    n.b.group = "reduction_b"
    pairs = [n.halved((256, 1, 1), (out, 3, 3)) for out in (384, 256)]
    n.join(n.halving_pool(), *pairs, n.halved((256, 1, 1), (256, 3, 3), (256, 3, 3)))
    modules("c", 5, 2048, ((192, 1, 1),), ((192, 1, 1), (224, 1, 3), (256, 3, 1)))
    return n.head(dropout=True)
