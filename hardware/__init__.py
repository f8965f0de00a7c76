"""Energy, time and data movement of what the simulator did: the right wing of the house."""

if __name__ != "sdrsim.hardware":
    raise ImportError(f"import sdrsim.hardware, not {__name__}: a second copy would make second classes")

from typing import Any

__all__: list[str] = []


def __getattr__(name: str) -> Any:
    raise AttributeError(f"module 'sdrsim.hardware' has no attribute {name!r}")
