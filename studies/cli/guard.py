"""How a command ends: an exit code and one clear message, whatever happens inside it."""

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import typer

from sdrsim.errors import SdrsimError

__all__ = ["BAD_INPUT", "CHECK_FAILED", "INTERNAL", "INTERRUPTED", "guarded"]

CHECK_FAILED, BAD_INPUT, INTERNAL, INTERRUPTED = 1, 2, 70, 130
debugging = False
"""Whether --debug was given, before or after the name of the command; `main` sets it."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


def guarded(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """The function, its errors turned into a message on stderr and the exit code: 2, 70 or 130."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with _ending(debugging):
            return function(*args, **kwargs)

    return call


@contextmanager
def _ending(debug: bool) -> Iterator[None]:
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except SdrsimError as error:
        _say(f"sdrsim: {error}", debug)
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        _say("sdrsim: interrupted; no file is half-written", debug)
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        _say(f"sdrsim: internal error: {type(error).__name__}: {error}; --debug shows the traceback", debug)
        raise typer.Exit(INTERNAL) from None


def _say(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    print(text, file=sys.stderr)
