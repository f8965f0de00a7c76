"""Forecasts of series without gradients: closed-form ridge, memory of windows and futures, both together."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdrsim.models.hopfield.forecast.base import Score as Score
    from sdrsim.models.hopfield.forecast.ridge import LastValue as LastValue
    from sdrsim.models.hopfield.forecast.ridge import RidgeForecaster as RidgeForecaster
    from sdrsim.models.hopfield.forecast.ridge import Seasonal as Seasonal
    from sdrsim.models.hopfield.forecast.windows import cut as cut

_HOMES = {"LastValue": "ridge", "RidgeForecaster": "ridge", "Score": "base", "Seasonal": "ridge", "cut": "windows"}
__all__ = ["LastValue", "RidgeForecaster", "Score", "Seasonal", "cut"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"sdrsim.models.hopfield.forecast.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'sdrsim.models.hopfield.forecast' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
