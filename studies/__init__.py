"""From models to results: studies, plots and the command line. The roof of the house."""

if __name__ != "sdrsim.studies":
    raise ImportError(f"import sdrsim.studies, not {__name__}: a second copy would make second classes")

from typing import Any

__all__ = ["plotting", "published", "study"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from importlib import import_module

        return import_module(f"sdrsim.studies.{name}")
    raise AttributeError(f"module 'sdrsim.studies' has no attribute {name!r}")


def __dir__() -> list[str]:
    return list(__all__)
