"""Sparsey: sparse distributed codes in macrocolumns, learned in one presentation (Rinkus 2010, 2014; Rinkus & Leveille
2017).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdrsim.models.sparsey.classifier import SparseyClassifier as SparseyClassifier
    from sdrsim.models.sparsey.hierarchy import Hierarchy as Hierarchy
    from sdrsim.models.sparsey.hierarchy import Level as Level
    from sdrsim.models.sparsey.mac import Mac as Mac
    from sdrsim.models.sparsey.params import MacParams as MacParams

_HOMES = {
    "Mac": "mac",
    "MacParams": "params",
    "Hierarchy": "hierarchy",
    "Level": "hierarchy",
    "SparseyClassifier": "classifier",
}
__all__ = ["Hierarchy", "Level", "Mac", "MacParams", "SparseyClassifier"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"sdrsim.models.sparsey.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdrsim.models.sparsey' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
