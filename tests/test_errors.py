"""Exceptions: what, got, expected, do; one base; the built-in kind beside it; through a process and back."""

import copy
import pickle
import warnings

import pytest

from sdrsim import errors
from sdrsim.errors import SdrsimError

KINDS = {
    errors.ParameterError: ValueError,
    errors.CodeError: ValueError,
    errors.DataError: OSError,
    errors.FileFormatError: OSError,
    errors.CapacityError: MemoryError,
    errors.NetworkError: ValueError,
    errors.StudyError: LookupError,
}
PARTS = {"got": 3, "expected": "0 .. 2", "do": "lower it"}


def test_every_exception_is_tested():
    made = {e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, SdrsimError)}
    assert made == {*KINDS, SdrsimError}
    assert {*errors.__all__} >= {e.__name__ for e in made}


@pytest.mark.parametrize(("kind", "builtin"), KINDS.items())
def test_message_parts_and_kinds(kind, builtin):
    error = kind("n_cells", **PARTS)
    assert isinstance(error, SdrsimError)
    assert isinstance(error, builtin)
    assert str(error) == "n_cells: got 3; expected 0 .. 2; lower it"
    assert (error.what, error.got, error.expected, error.do) == ("n_cells", 3, "0 .. 2", "lower it")
    assert str(kind("n_cells")) == "n_cells"
    assert str(kind("n_cells", got=0)) == "n_cells: got 0"


@pytest.mark.parametrize("kind", [*KINDS, SdrsimError])
@pytest.mark.parametrize("passed", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
def test_errors_pass_between_processes(kind, passed):
    error = kind("n_cells", **PARTS)
    other = passed(error)
    assert type(other) is kind
    assert str(other) == str(error)
    assert (other.what, other.got, other.expected, other.do) == ("n_cells", 3, "0 .. 2", "lower it")


def test_warnings_have_one_base():
    assert issubclass(errors.SaturationWarning, errors.SdrsimWarning)
    with pytest.warns(errors.SdrsimWarning, match="full"):
        warnings.warn("full", errors.SaturationWarning, stacklevel=1)
