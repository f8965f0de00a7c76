"""The memories, one folder a family: the left wing of the house."""

if __name__ != "sdrsim.models":
    raise ImportError(f"import sdrsim.models, not {__name__}: a second copy would make second classes")

from typing import Any

__all__ = ["hebbian", "hopfield", "sparsey"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return import_module(f"sdrsim.models.{name}")
    raise AttributeError(f"module 'sdrsim.models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
