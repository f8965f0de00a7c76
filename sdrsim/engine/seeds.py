"""Named random streams: the same (seed, name) is the same stream on every machine, in every order of use."""

from hashlib import blake2b
from typing import Any

import numpy as np

from sdrsim.errors import ParameterError

__all__ = ["checked_seed", "stream", "subseed"]


def checked_seed(seed: Any) -> int:
    """`seed` as an int in 0 .. 2**64 - 1, or ParameterError."""
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise ParameterError("seed", got=repr(seed), expected="a whole number")
    if not 0 <= seed < 2**64:
        raise ParameterError("seed", got=int(seed), expected="0 .. 2**64 - 1")
    return int(seed)


def subseed(seed: int, name: str) -> int:
    """A 64-bit seed for the part of a run called `name`, independent of every other name."""
    digest = blake2b(name.encode(), digest_size=8, key=checked_seed(seed).to_bytes(8, "little")).digest()
    return int.from_bytes(digest, "little")


def stream(seed: int, name: str = "") -> np.random.Generator:
    """A NumPy Generator for one's own draws, keyed by (seed, name).

    Parameters
    ----------
    seed : int, 0 .. 2**64 - 1
    name : str
        Names the use ("cues", "noise of trial 3"); different names are independent streams.

    Examples
    --------
    >>> stream(1, "cues").integers(10, size=3).tolist() == stream(1, "cues").integers(10, size=3).tolist()
    True
    """
    return np.random.Generator(np.random.Philox(key=subseed(seed, name)))
