"""Every exception and warning of sdrsim.

An error says what is wrong, what was got, what was expected and what to do; all derive from `SdrsimError`,
so one ``except sdrsim.errors.SdrsimError`` catches whatever this package refuses.
"""

from typing import Any

__all__ = [
    "CapacityError",
    "CodeError",
    "DataError",
    "FileFormatError",
    "NetworkError",
    "ParameterError",
    "SaturationWarning",
    "SdrsimError",
    "SdrsimWarning",
    "StudyError",
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
