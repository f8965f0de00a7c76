"""The one decorator for compiled code: cached on disk, GIL released, and recompiled when any compiled file changes.

Numba's cache watches only the file a kernel stands in, so an edited callee would leave a stale cached caller in place.
The stamp below adds a hash of all compiled files to the one numba keeps.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_F = TypeVar("_F", bound=Callable[..., Any])
_TOP = Path(__file__).parents[1]
_FILES = sorted(path for place in ("", "models/*/", "hardware/") for path in _TOP.glob(f"{place}kernels/*.py"))
_STAMP = sha256(b"".join(path.read_bytes() for path in _FILES)).hexdigest()


def compiled(function: _F) -> _F:
    """``njit(cache=True, nogil=True)``: no fastmath, no eager signatures.

    Division follows IEEE (``error_model="numpy"``): a check for zero in every lane would keep loops from vectorising.
    """
    return _compiled(function)


def inlined(function: _F) -> _F:
    """As `compiled`, and always put into its caller: for the steps of a kernel that hand on tuples of many arrays.

    A call copies every field of every array it passes and counts references to it. In a step of a microsecond made of
    ten functions with twenty arrays each that was a third of the time (measured). Costs compile time: not for code with
    many callers.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: _F, forceinline: bool = False) -> _F:
    dispatcher: Any = numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=forceinline)(function)
    cache = dispatcher._cache._cache_file  # private numba interface: tests/test_jit.py holds it
    cache._source_stamp = (cache._source_stamp, _STAMP)
    return cast(_F, dispatcher)
