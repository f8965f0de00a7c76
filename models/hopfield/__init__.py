"""Sparse Hopfield retrieval: exact, near one pass over memory; sequences; memory for time series."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdrsim.models.hopfield import theory as theory
    from sdrsim.models.hopfield.classical import BinaryHopfield as BinaryHopfield
    from sdrsim.models.hopfield.classical_dense import DenseAssociativeMemory as DenseAssociativeMemory
    from sdrsim.models.hopfield.field import PatternField as PatternField
    from sdrsim.models.hopfield.forecast.memory import MemoryForecaster as MemoryForecaster
    from sdrsim.models.hopfield.forecast.ridge import LastValue as LastValue
    from sdrsim.models.hopfield.forecast.ridge import RidgeForecaster as RidgeForecaster
    from sdrsim.models.hopfield.forecast.ridge import Seasonal as Seasonal
    from sdrsim.models.hopfield.forecast.tandem import TandemForecaster as TandemForecaster
    from sdrsim.models.hopfield.maps import entmax as entmax
    from sdrsim.models.hopfield.maps import normmax as normmax
    from sdrsim.models.hopfield.memory import SparseHopfield as SparseHopfield
    from sdrsim.models.hopfield.sequences import SequenceMemory as SequenceMemory

_HOMES = {
    "BinaryHopfield": "classical",
    "DenseAssociativeMemory": "classical_dense",
    "LastValue": "forecast.ridge",
    "MemoryForecaster": "forecast.memory",
    "PatternField": "field",
    "RidgeForecaster": "forecast.ridge",
    "Seasonal": "forecast.ridge",
    "SequenceMemory": "sequences",
    "SparseHopfield": "memory",
    "TandemForecaster": "forecast.tandem",
    "entmax": "maps",
    "normmax": "maps",
}
__all__ = [
    "BinaryHopfield",
    "DenseAssociativeMemory",
    "LastValue",
    "MemoryForecaster",
    "PatternField",
    "RidgeForecaster",
    "Seasonal",
    "SequenceMemory",
    "SparseHopfield",
    "TandemForecaster",
    "entmax",
    "normmax",
    "theory",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "theory":
        return import_module("sdrsim.models.hopfield.theory")
    if name in _HOMES:
        return getattr(import_module(f"sdrsim.models.hopfield.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdrsim.models.hopfield' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
