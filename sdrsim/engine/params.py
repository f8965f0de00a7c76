"""Frozen, validated parameters: pydantic underneath, sdrsim's own errors on top."""

import json
from typing import Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sdrsim.errors import ParameterError

__all__ = ["Params", "names_own", "own_name"]


class Params(BaseModel):
    """Base of every parameter model: immutable, unknown names refused, errors as `ParameterError`.

    `replace` gives a changed copy; ``model_dump(mode="json")`` is what result files keep.

    Examples
    --------
    >>> class Mine(Params):
    ...     n: int = 3
    >>> Mine().replace(n=4).n
    4
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise parameter_error(type(self).__name__, error) from None

    @model_validator(mode="before")
    @classmethod
    def _plain_numbers(cls, values: Any) -> Any:
        """NumPy scalars as Python's, so that the values of a scan's axis pass for what they are."""
        if not isinstance(values, dict):
            return values
        return {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}

    def to_json(self) -> str:
        """All values as JSON text (infinities included), for files."""
        return json.dumps(self.model_dump(mode="python"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From `to_json`; validated like any other call."""
        try:
            values = json.loads(text)
        except ValueError:
            raise ParameterError(cls.__name__, got="text that is not JSON", expected="what to_json wrote") from None
        return cls(**values)

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """As pydantic's, with errors in the house form."""
        try:
            return super().model_validate(obj, **options)
        except ValidationError as error:
            raise parameter_error(cls.__name__, error) from None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **options: Any) -> Self:
        """As pydantic's, with errors in the house form."""
        try:
            return super().model_validate_json(json_data, **options)
        except ValidationError as error:
            raise parameter_error(cls.__name__, error) from None

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError:
            do = f"parameters are frozen: replace({name}=...) gives a changed copy"
            raise ParameterError(f"{type(self).__name__}.{name}", got="an assignment", do=do) from None

    def replace(self, **changes: Any) -> Self:
        """A copy with some values changed, validated like a new one."""
        return type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **changes})


def parameter_error(owner: str, error: ValidationError) -> ParameterError:
    """Pydantic's first complaint in the house form: what, got, expected."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or owner
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return ParameterError(f"{owner}.{where}", got="an unknown name", do="see the fields of " + owner + more)
    if first["type"] == "missing":
        return ParameterError(f"{owner}.{where}", got="nothing", expected="a value" + more)
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ParameterError):  # a parameter model inside: its own complaint, under the whole path
        if not first["loc"]:
            return cause
        inside = cause.what.partition(".")[2] or cause.what
        return ParameterError(f"{owner}.{where}.{inside}", got=cause.got, expected=cause.expected, do=cause.do)
    message = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return ParameterError(f"{owner}.{where}", got=repr(first["input"]), expected=message + more)


_OWN = "own: "


def own_name(rule: Any) -> Any:
    """What stands in files and reports for a rule that may be a function of one's own; anything else as it is.

    Examples
    --------
    >>> own_name("hebb"), own_name(max)
    ('hebb', 'own: max')
    """
    return f"{_OWN}{getattr(rule, '__qualname__', type(rule).__name__)}" if callable(rule) else rule


def names_own(text: str) -> bool:
    """Whether parameters as JSON text had a function of one's own among them."""
    return f'"{_OWN}' in text
