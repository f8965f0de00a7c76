"""Checkpoints: a nested dict of arrays and plain values in one sealed HDF5 file, back again bit for bit."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import h5py
import numpy as np

from sdrsim.errors import ParameterError
from sdrsim.files.arrays import get_array, get_text, put_array, put_text
from sdrsim.files.sealed import damaged, open_sealed, write_sealed

__all__ = ["load_state", "save_state"]

SCHEMA_VERSION = 1


def save_state(path: str | os.PathLike[str], kind: str, state: Mapping[str, Any]) -> Path:
    """Write a state, whole or not at all.

    Parameters
    ----------
    path : str or path
    kind : str
        What the state is of ("mac", "simulator"); asked for again at loading.
    state : mapping with str keys, nested as deep as needed
        Leaves: arrays (bool, integer, float, complex, text, structured; any shape), int of up to 64 bits, float, str,
        bool, None, lists of such scalars. A tuple comes back as a list, a NumPy scalar as the Python one. Arrays are
        HDF5 datasets under ``arrays/`` at their place in the dict; all other leaves stand in one JSON text, ``tree``.

    Returns
    -------
    pathlib.Path
        `path`.

    Raises
    ------
    ParameterError
        A key that is not text, or a leaf of another type.
    FileFormatError
        The file cannot be written; an older file at `path` is untouched.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mac.h5"
    >>> _ = save_state(path, "mac", {"rows": np.arange(3, dtype=np.uint64), "n": 7, "rng": {"seed": 2**64 - 1}})
    >>> load_state(path, "mac")
    {'rows': array([0, 1, 2], dtype=uint64), 'n': 7, 'rng': {'seed': 18446744073709551615}}
    """
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = json.dumps(_taken_apart(state, (), arrays))
    with write_sealed(path, "state", SCHEMA_VERSION) as out:
        put_text(out.file, "of", str(kind))
        put_text(out.file, "tree", tree)
        group = out.file.create_group("arrays")
        for place, array in arrays.items():
            put_array(group, place, array)
            out.check()
    return Path(path)


def load_state(path: str | os.PathLike[str], kind: str) -> dict[str, Any]:
    """Read a state that `save_state` wrote for the same `kind`.

    Raises
    ------
    FileFormatError
        No such file, damaged, foreign, of an unknown schema, or of another kind.
    """
    with open_sealed(path, "state", SCHEMA_VERSION) as file:
        found = get_text(file, "of")
        if found != kind:
            raise damaged(path, f"the state of {found!r}", f"the state of {kind!r}", f"load it as {found!r}")
        state = _put_together(json.loads(get_text(file, "tree")), (), file["arrays"])
    return dict(state)


def _place(keys: tuple[str, ...]) -> str:
    """HDF5 path of an array: the keys, escaped so that any text is a name of its own."""
    return "/".join(quote(key, safe=" ()[]=,:").replace(".", "%2E") or "%" for key in keys)


def _taken_apart(value: Any, keys: tuple[str, ...], arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The JSON tree of a state: dicts and scalars as they are, lists as ["list", [...]], arrays as ["array"]."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ParameterError(_named(keys), got=f"key {key!r}", expected="keys of text")
        return {key: _taken_apart(inner, (*keys, key), arrays) for key, inner in value.items()}
    if isinstance(value, np.ndarray):
        arrays[_place(keys)] = value
        return ["array"]
    if isinstance(value, (list, tuple)):
        return ["list", [_scalar(inner, keys) for inner in value]]
    return _scalar(value, keys)


def _scalar(value: Any, keys: tuple[str, ...]) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, (bool, float)):
        return plain
    if isinstance(plain, str):
        return str(plain)
    if isinstance(plain, int):
        if not -(2**63) <= plain < 2**64:
            raise ParameterError(_named(keys), got=plain, expected="an int of up to 64 bits")
        return int(plain)
    expected = "an array, a dict, a list of scalars, int, float, str, bool or None"
    raise ParameterError(_named(keys), got=f"a value of type {type(value).__name__}", expected=expected)


def _named(keys: tuple[str, ...]) -> str:
    return "state" + "".join(f"[{key!r}]" for key in keys)


def _put_together(node: Any, keys: tuple[str, ...], arrays: h5py.Group) -> Any:
    if isinstance(node, dict):
        return {key: _put_together(inner, (*keys, key), arrays) for key, inner in node.items()}
    if node == ["array"]:
        return get_array(arrays[_place(keys)])
    return node[1] if isinstance(node, list) else node
