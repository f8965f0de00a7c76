"""Classes named in a checkpoint: only sdrsim's own are ever imported because a file names them."""

from importlib import import_module
from typing import Any

from sdrsim.errors import NetworkError

__all__ = ["class_name", "own_class"]


def class_name(thing: Any) -> str:
    """``module:name`` of an object's class.

    Examples
    --------
    >>> from sdrsim.engine.events import EventQueue
    >>> class_name(EventQueue())
    'sdrsim.engine.events:EventQueue'
    """
    return f"{type(thing).__module__}:{type(thing).__qualname__}"


def own_class(name: str) -> type:
    """The class of sdrsim that `class_name` named.

    Raises
    ------
    NetworkError
        A class of another package, or one that is not there: the network must be passed instead.
    """
    module, _, qualname = name.partition(":")
    found = None
    if module.split(".")[0] == "sdrsim" and qualname.isidentifier():
        try:
            found = getattr(import_module(module), qualname, None)
        except ImportError:
            found = None
    if not isinstance(found, type) or found.__module__ != module:
        raise NetworkError(
            "class named in the file",
            got=name,
            expected="a class of sdrsim",
            do="make the network yourself and pass it: Simulator.restore(path, net=net)",
        )
    return found
