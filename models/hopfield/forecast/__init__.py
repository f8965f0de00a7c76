"""Forecasts of series without gradients: closed-form ridge, memory of windows and futures, both together."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdrsim.models.hopfield.forecast.base import Score as Score
    from sdrsim.models.hopfield.forecast.memory import MemoryForecaster as MemoryForecaster
    from sdrsim.models.hopfield.forecast.ridge import LastValue as LastValue
    from sdrsim.models.hopfield.forecast.ridge import RidgeForecaster as RidgeForecaster
    from sdrsim.models.hopfield.forecast.ridge import Seasonal as Seasonal
    from sdrsim.models.hopfield.forecast.tandem import TandemForecaster as TandemForecaster
    from sdrsim.models.hopfield.forecast.windows import cut as cut

_HOMES = {
    "LastValue": "ridge",
    "MemoryForecaster": "memory",
    "RidgeForecaster": "ridge",
    "Score": "base",
    "Seasonal": "ridge",
    "TandemForecaster": "tandem",
    "cut": "windows",
}
__all__ = ["LastValue", "MemoryForecaster", "RidgeForecaster", "Score", "Seasonal", "TandemForecaster", "cut"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"sdrsim.models.hopfield.forecast.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdrsim.models.hopfield.forecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
