"""sdrsim: an event-driven simulator of sparse associative memories.

Nothing is imported at top level (PEP 562): ``import sdrsim`` costs milliseconds, each name loads its module on first
use.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "SDR": "sdrsim.engine.codes",
    "stream": "sdrsim.engine.seeds",
    "Network": "sdrsim.engine.network",
    "Simulator": "sdrsim.engine.simulator",
}
_MODULES = ("engine", "errors", "files", "hardware", "kernels", "measures", "models", "patterns", "studies")

__all__ = ["SDR", "Network", "Simulator", "__version__", "errors", "measures", "patterns", "stream"]

if TYPE_CHECKING:
    import sdrsim.errors as errors
    import sdrsim.measures as measures
    import sdrsim.patterns as patterns
    from sdrsim.engine.codes import SDR as SDR
    from sdrsim.engine.network import Network as Network
    from sdrsim.engine.seeds import stream as stream
    from sdrsim.engine.simulator import Simulator as Simulator


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"sdrsim.{name}")
    raise AttributeError(f"module 'sdrsim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
