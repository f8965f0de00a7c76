"""Every exception and warning of sdrsim.

An error says what is wrong, what was got, what was expected and what to do; all derive from `SdrsimError`,
so one ``except sdrsim.errors.SdrsimError`` catches whatever this package refuses.
"""

from collections.abc import Iterable
from typing import Any

__all__ = [
    "CapacityError",
    "CodeError",
    "DataError",
    "FileFormatError",
    "MixedNodesWarning",
    "NetworkError",
    "ParameterError",
    "SaturationWarning",
    "SdrsimError",
    "SdrsimWarning",
    "StudyError",
    "did_you_mean",
]


class SdrsimError(Exception):
    """Base class. The message reads ``what: got ...; expected ...; do ...``.

    Parameters
    ----------
    what : str
        The thing at fault, in the user's words (an argument, a file, a field of a network).
    got, expected, do : str or None
        What came, what would have been right, what to do about it.

    Examples
    --------
    >>> str(SdrsimError("n_cells", got="0", expected="at least 2", do="raise n_cells"))
    'n_cells: got 0; expected at least 2; raise n_cells'
    """

    def __init__(self, what: str, *, got: Any = None, expected: Any = None, do: str | None = None) -> None:
        self.what, self.got, self.expected, self.do = what, got, expected, do
        parts = []
        if got is not None:
            parts.append(f"got {got}")
        if expected is not None:
            parts.append(f"expected {expected}")
        if do is not None:
            parts.append(do)
        super().__init__(f"{what}: {'; '.join(parts)}" if parts else what)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.what, self.got, self.expected, self.do))


def did_you_mean(name: Any, known: Iterable[str], n: int = 3, cutoff: float = 0.6) -> str | None:
    """What to do about an unknown name: the up to `n` known ones most like it; None where none is.

    Examples
    --------
    >>> did_you_mean("minst", ["digits8", "mnist"]), did_you_mean("x", ["mnist"])
    ('did you mean mnist?', None)
    """
    from difflib import get_close_matches  # only when something went wrong

    near = get_close_matches(str(name), list(known), n=n, cutoff=cutoff)
    return f"did you mean {' or '.join(near)}?" if near else None


def _rebuild(kind: type[SdrsimError], what: str, got: Any, expected: Any, do: str | None) -> SdrsimError:
    return kind(what, got=got, expected=expected, do=do)


class ParameterError(SdrsimError, ValueError):
    """A parameter outside its range, of the wrong type, or unknown."""


class CodeError(SdrsimError, ValueError):
    """A code, pattern, cue or image that cannot be what is asked for (size, range, repeats, NaN)."""


class DataError(SdrsimError, OSError):
    """A data set that is missing, damaged or not what its name says."""

    __str__ = Exception.__str__


class FileFormatError(SdrsimError, OSError):
    """A result or checkpoint file that is damaged, foreign, of an unknown schema, or cannot be written."""

    __str__ = Exception.__str__


class CapacityError(SdrsimError, MemoryError):
    """More memory asked for than there is; the message gives both numbers in bytes."""


class NetworkError(SdrsimError, ValueError):
    """A network that cannot be wired or run as asked (unknown field or port, a circle of zero delay)."""


class StudyError(SdrsimError, LookupError):
    """An unknown study or setting, or a study that does not fit the file it is asked to draw."""


class SdrsimWarning(UserWarning):
    """Base class of sdrsim's warnings."""


class SaturationWarning(SdrsimWarning):
    """A memory is so full that it can no longer tell old from new."""


class MixedNodesWarning(SdrsimWarning):
    """A price made of numbers of several technology nodes; nothing was scaled from one to the other."""
