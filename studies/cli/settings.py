"""What a user sets: ``--set a.b=c`` and TOML files, as nested values for a study's parameters."""

import tomllib
from ast import literal_eval
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any, Literal, NamedTuple, get_args, get_origin

from sdrsim.engine.params import Params
from sdrsim.errors import ParameterError, StudyError, did_you_mean
from sdrsim.studies.study import Study, load_study, merged, study_from_file

__all__ = ["Request", "read_request", "settings", "study_named"]


class Request(NamedTuple):
    """What the first argument of `sdrsim run` asks for."""

    study: Study
    seed: int | None
    params: Mapping[str, Any]


def study_named(text: str) -> Study:
    """A registered study, or the one in a Python file whose path the user typed."""
    return study_from_file(text) if text.endswith(".py") else load_study(text)


def read_request(text: str, given: Path | None = None) -> Request:
    """A study's name, a ``.py`` file, or a TOML file with the keys study, seed and [params]."""
    if not text.endswith(".toml"):
        if given is not None:
            raise StudyError("--study", got=f"beside the study {text}", expected="a TOML file that names none")
        return Request(study_named(text), None, {})
    content = _read_toml(Path(text))
    name, seed, params = content.get("study"), content.get("seed"), content.get("params", {})
    if given is not None:
        return Request(study_from_file(given), seed, params)
    if name is None:
        raise StudyError(f"{text}: study", got="nothing", expected="the name of a study", do="or add --study FILE.py")
    if name.endswith(".py"):  # code runs when the user names it, not when a file does
        raise StudyError(f"{text}: study", got=name, expected="a registered study", do=f"add --study PATH/{name}")
    return Request(load_study(name), seed, params)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError(f"{path}", got=(error.strerror or str(error)).lower(), expected="a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}", got=str(error), expected="TOML: study, seed, [params]") from None
    kinds = {"study": str, "seed": int, "params": dict}
    for key, value in content.items():
        if key not in kinds:
            raise StudyError(
                f"{path}: {key}",
                got="an unknown key",
                expected=", ".join(kinds),
                do=did_you_mean(key, kinds, cutoff=0.4),
            )
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            expected = {"study": "text", "seed": "a whole number", "params": "a table"}[key]
            raise StudyError(f"{path}: {key}", got=repr(value), expected=expected)
    return content


def settings(pairs: Iterable[str], kind: type[Params]) -> dict[str, Any]:
    """``a.b=c`` pairs as nested values; later ones win. Names and types are judged by the parameters themselves."""
    out: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        parts = [part.strip() for part in name.split(".")]
        if not equals or not all(parts):
            raise ParameterError("--set", got=repr(pair), expected="NAME=VALUE", do="for example --set n_items=100")
        value: Any = _value(text.strip(), _annotation(parts, kind))
        for part in reversed(parts):
            value = {part: value}
        out = merged(out, value)
    return out


def _annotation(parts: list[str], kind: Any) -> Any:
    """The declared type of a dotted name; None where there is no such name (the parameters will say so)."""
    for part in parts:
        if not (isinstance(kind, type) and issubclass(kind, Params)) or part not in kind.model_fields:
            return None
        kind = kind.model_fields[part].annotation
    return kind


def _value(text: str, annotation: Any) -> Any:
    """Text as the value it spells: TOML or Python literals, lists by commas, plain text."""
    kinds = _kinds(annotation)
    if kinds & {str} and not kinds & {int, float, bool}:
        return None if NoneType in kinds and text.lower() in ("none", "null") else text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        pass
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        pass
    if text.lower() in ("none", "null") and NoneType in kinds:
        return None
    return [part.strip() for part in text.split(",")] if "," in text and kinds & {list, tuple} else text


def _kinds(annotation: Any) -> set[Any]:
    """The plain types in an annotation: those of a union, of the values of a Literal, the container of list[int]."""
    origin = get_origin(annotation)
    if origin is Literal:
        return {type(value) for value in get_args(annotation)}
    if origin in (list, tuple):
        return {origin}
    inner = get_args(annotation)
    return set().union(*map(_kinds, inner)) if inner else {annotation}
