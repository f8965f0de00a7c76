"""Hebbian memories of sparse codes: Willshaw, cliques, Amari, covariance, BCPNN, Kanerva's; the network that grows
one out of noise; their theory; a Brian2 twin.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdrsim.models.hebbian import theory as theory
    from sdrsim.models.hebbian.amari import AmariMemory as AmariMemory
    from sdrsim.models.hebbian.bcpnn import BCPNNMemory as BCPNNMemory
    from sdrsim.models.hebbian.clique import CliqueMemory as CliqueMemory
    from sdrsim.models.hebbian.covariance import CovarianceMemory as CovarianceMemory
    from sdrsim.models.hebbian.delayed import DelayedRecall as DelayedRecall
    from sdrsim.models.hebbian.kanerva import KanervaMemory as KanervaMemory
    from sdrsim.models.hebbian.learner import NoisyHebbianLearner as NoisyHebbianLearner
    from sdrsim.models.hebbian.noise import quantize_noise as quantize_noise
    from sdrsim.models.hebbian.spiking import SpikingTwin as SpikingTwin
    from sdrsim.models.hebbian.willshaw import WillshawMemory as WillshawMemory

_HOMES = {
    "WillshawMemory": "willshaw",
    "CliqueMemory": "clique",
    "AmariMemory": "amari",
    "CovarianceMemory": "covariance",
    "BCPNNMemory": "bcpnn",
    "DelayedRecall": "delayed",
    "KanervaMemory": "kanerva",
    "NoisyHebbianLearner": "learner",
    "SpikingTwin": "spiking",
    "quantize_noise": "noise",
}
__all__ = [
    "AmariMemory",
    "BCPNNMemory",
    "CliqueMemory",
    "CovarianceMemory",
    "DelayedRecall",
    "KanervaMemory",
    "NoisyHebbianLearner",
    "SpikingTwin",
    "WillshawMemory",
    "quantize_noise",
    "theory",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "theory":
        return import_module("sdrsim.models.hebbian.theory")
    if name in _HOMES:
        return getattr(import_module(f"sdrsim.models.hebbian.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdrsim.models.hebbian' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
