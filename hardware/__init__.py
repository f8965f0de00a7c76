"""Energy, time and data movement of what the simulator did: the right wing of the house."""

if __name__ != "sdrsim.hardware":
    raise ImportError(f"import sdrsim.hardware, not {__name__}: a second copy would make second classes")

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdrsim.hardware import cnn as cnn
    from sdrsim.hardware.card import Card as Card
    from sdrsim.hardware.comparing import Comparison as Comparison
    from sdrsim.hardware.comparing import compare as compare
    from sdrsim.hardware.comparing import crossover as crossover
    from sdrsim.hardware.estimating import estimate as estimate
    from sdrsim.hardware.placement import Placement as Placement
    from sdrsim.hardware.report import Report as Report
    from sdrsim.hardware.reuse import miss_curve as miss_curve
    from sdrsim.hardware.reuse import stack_distances as stack_distances

_HOMES = {
    "Card": "card",
    "Comparison": "comparing",
    "Placement": "placement",
    "Report": "report",
    "compare": "comparing",
    "crossover": "comparing",
    "estimate": "estimating",
    "miss_curve": "reuse",
    "stack_distances": "reuse",
}
__all__ = [
    "Card",
    "Comparison",
    "Placement",
    "Report",
    "cnn",
    "compare",
    "crossover",
    "estimate",
    "miss_curve",
    "stack_distances",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "cnn":
        return import_module("sdrsim.hardware.cnn")
    if name in _HOMES:
        return getattr(import_module(f"sdrsim.hardware.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdrsim.hardware' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
