"""The networks of the package: three as layer tables (CSV), the regular ones as short recipes."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from sdrsim.hardware.cnn.builder import Builder
from sdrsim.hardware.cnn.networks.densenet import densenet
from sdrsim.hardware.cnn.networks.inception import googlenet, inception_resnet_v2, inception_v3, inception_v4
from sdrsim.hardware.cnn.networks.mobilenet import mobilenet_v1, mobilenet_v2
from sdrsim.hardware.cnn.networks.resnet import resnet
from sdrsim.hardware.cnn.networks.shufflenet import shufflenet_v1_g3, shufflenet_v2
from sdrsim.hardware.cnn.networks.squeezenet import squeezenet_v1_0, squeezenet_v1_1, zynqnet
from sdrsim.hardware.cnn.networks.squeezenext import squeezenext

__all__ = ["NETWORKS", "Entry"]

_FOLDER = Path(__file__).parent
_NETSCOPE = "preset of Netscope (D. Gschwend)"
_SHICAI_DENSE = "Huang et al., CVPR 2017; shicai/DenseNet-Caffe"
_FARMINGYARD = "farmingyard/ShuffleNet"
_SOEAVER = "Szegedy et al., AAAI 2017; soeaver/caffe-model"
_NEXT = "Gholami et al., CVPR workshops 2018; amirgholami/SqueezeNext"


class Entry(NamedTuple):
    """A network: the name it is printed with, who defined it, how to write it down (or the table it stands in)."""

    title: str
    source: str
    make: Callable[[], Builder] | Path


NETWORKS: dict[str, Entry] = {
    "alexnet": Entry("AlexNet", f"Krizhevsky et al., NIPS 2012; {_NETSCOPE}", _FOLDER / "alexnet.csv"),
    "vgg16": Entry("VGG-16", f"Simonyan and Zisserman, ICLR 2015; {_NETSCOPE}", _FOLDER / "vgg16.csv"),
    "nin": Entry("NiN", f"Lin et al., ICLR 2014; {_NETSCOPE}", _FOLDER / "nin.csv"),
    "googlenet": Entry("GoogLeNet", f"Szegedy et al., CVPR 2015; {_NETSCOPE}", googlenet),
    "inception_v3": Entry("Inception v3", f"Szegedy et al., CVPR 2016; {_NETSCOPE}", inception_v3),
    "inception_v4": Entry("Inception v4", _SOEAVER, inception_v4),
    "inception_resnet_v2": Entry("Inception-ResNet v2", _SOEAVER, inception_resnet_v2),
    "resnet50": Entry("ResNet-50", f"He et al., CVPR 2016; {_NETSCOPE}", lambda: resnet((3, 4, 6, 3), stem_bias=True)),
    "resnet152": Entry("ResNet-152", f"He et al., CVPR 2016; {_NETSCOPE}", lambda: resnet((3, 8, 36, 3))),
    "densenet121": Entry("DenseNet-121", _SHICAI_DENSE, lambda: densenet((6, 12, 24, 16))),
    "densenet161": Entry("DenseNet-161", _SHICAI_DENSE, lambda: densenet((6, 12, 36, 24), growth=48, stem=96)),
    "densenet169": Entry("DenseNet-169", _SHICAI_DENSE, lambda: densenet((6, 12, 32, 32))),
    "densenet201": Entry("DenseNet-201", _SHICAI_DENSE, lambda: densenet((6, 12, 48, 32))),
    "mobilenet_v1": Entry("MobileNet v1", "Howard et al. 2017; shicai/MobileNet-Caffe", mobilenet_v1),
    "mobilenet_v2": Entry("MobileNet v2", "Sandler et al., CVPR 2018; shicai/MobileNet-Caffe", mobilenet_v2),
    "shufflenet_v1_g3": Entry("ShuffleNet v1 1x g3", f"Zhang et al., CVPR 2018; {_FARMINGYARD}", shufflenet_v1_g3),
    "shufflenet_v2": Entry("ShuffleNet v2 1x", f"Ma et al., ECCV 2018; {_FARMINGYARD}", shufflenet_v2),
    "squeezenet_v1_0": Entry("SqueezeNet v1.0", f"Iandola et al. 2016; {_NETSCOPE}", squeezenet_v1_0),
    "squeezenet_v1_1": Entry("SqueezeNet v1.1", f"Iandola et al. 2016; {_NETSCOPE}", squeezenet_v1_1),
    "zynqnet": Entry("ZynqNet", f"Gschwend 2016; {_NETSCOPE}", zynqnet),
    "sqnxt_1_0_23": Entry("1.0-SqNxt-23", _NEXT, squeezenext),
    "sqnxt_1_0_23v5": Entry("1.0-SqNxt-23v5", _NEXT, lambda: squeezenext(v5=True)),
    "sqnxt_1_0_g_23": Entry("1.0-G-SqNxt-23", _NEXT, lambda: squeezenext(groups=2)),
    "sqnxt_2_0_23": Entry("2.0-SqNxt-23", _NEXT, lambda: squeezenext(2)),
    "sqnxt_2_0_23v5": Entry("2.0-SqNxt-23v5", _NEXT, lambda: squeezenext(2, v5=True)),
}
