"""Arrays and text in and out of an HDF5 group: exact dtypes, no pickle, compressed when large."""

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import ParameterError
from sdrsim.files.table import Table

__all__ = ["get_array", "get_table", "get_text", "put_array", "put_table", "put_text"]

_COMPRESS_FROM = 2048  # bytes; below, a chunk index costs more than compression saves


def put_array(group: h5py.Group, name: str, array: NDArray[Any]) -> h5py.Dataset:
    """Store bool, integer, float, complex, text and structured arrays of any shape.

    Text is stored as UTF-8 of one width, which HDF5 can compress.

    Raises
    ------
    ParameterError
        Another dtype (objects, dates).
    """
    if array.dtype.kind == "U":
        return _put_text_array(group, name, array)
    if not _storable(array.dtype):
        expected = "bool, integer, float, complex, text or a structure of these"
        raise ParameterError(f"array {name!r}", got=f"dtype {array.dtype}", expected=expected)
    large = array.ndim > 0 and array.nbytes >= _COMPRESS_FROM
    options = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if large else {}
    return group.create_dataset(name, data=array, **options)


def _storable(dtype: np.dtype[Any]) -> bool:
    if dtype.fields is not None:
        return all(_storable(field[0].base) for field in dtype.fields.values())
    return dtype.kind in "biufc"


def _put_text_array(group: h5py.Group, name: str, array: NDArray[Any]) -> h5py.Dataset:
    try:
        encoded = np.array([text.encode() for text in array.ravel().tolist()], dtype=np.bytes_)
    except UnicodeEncodeError as error:
        raise ParameterError(f"array {name!r}", got=f"text that UTF-8 cannot hold ({error})") from None
    utf8 = h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize))
    large = array.ndim > 0 and encoded.nbytes >= _COMPRESS_FROM
    options = {"compression": "gzip", "compression_opts": 1} if large else {}
    dataset = group.create_dataset(name, data=encoded.astype(utf8).reshape(array.shape), **options)
    dataset.attrs["characters"] = array.dtype.itemsize // 4
    return dataset


def get_array(dataset: h5py.Dataset) -> NDArray[Any]:
    """The array as it was put: dtype, shape (also 0-d) and bits."""
    if h5py.check_string_dtype(dataset.dtype) is not None:
        flat = [bytes(value).decode() for value in np.ravel(dataset[()])]
        return np.array(flat, dtype=f"U{dataset.attrs.get('characters', '')}").reshape(dataset.shape)
    array = np.empty(dataset.shape, dataset.dtype)
    if array.size:
        dataset.read_direct(array)
    return array


def put_text(group: h5py.Group, name: str, text: str) -> None:
    """Store one text of any length."""
    put_array(group, name, np.array(text, dtype=np.str_))


def get_text(group: h5py.Group, name: str) -> str:
    """The text as it was put."""
    return str(get_array(group[name]).item())


def put_table(parent: h5py.Group, name: str, table: Table) -> None:
    """Store a table as a group: one dataset a column, unit and description as its attributes."""
    group = parent.create_group(name, track_order=True)
    group.attrs["n_rows"] = len(table)
    for column in table.columns:
        dataset = put_array(group, column, table[column])
        for key, notes in (("unit", table.units), ("description", table.descriptions)):
            if column in notes:
                dataset.attrs[key] = notes[column]


def get_table(group: h5py.Group) -> Table:
    """The table as it was put."""
    notes: dict[str, dict[str, str]] = {"unit": {}, "description": {}}
    columns = {}
    for name, dataset in group.items():
        columns[name] = get_array(dataset)
        for key, texts in notes.items():
            if key in dataset.attrs:
                texts[name] = str(dataset.attrs[key])
    return Table(columns, notes["unit"], notes["description"])
