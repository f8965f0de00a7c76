"""The IDX format of MNIST (big-endian arrays behind a small header), plain or gzipped."""

import gzip
import os
import zlib
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import DataError

__all__ = ["idx_digest", "load_idx"]

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP = b"\x1f\x8b"
_PIECE = 1 << 24
_AGAIN = "get the file again"


def load_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one IDX file of any type and number of dimensions; gzip is recognised by content, not by name.

    No identity check: this reads any set in the format (`load_images` reads four such files as one data set).

    Parameters
    ----------
    path : str or path

    Returns
    -------
    ndarray
        Shape and type as the header says (uint8, int8, int16, int32, float32, float64), native byte order.

    Raises
    ------
    DataError
        No such file, not IDX, cut short, or longer than its header says.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
    >>> load_idx(path)
    array([7, 2, 1], dtype=uint8)
    """
    source = Path(path)
    try:
        with open(source, "rb") as raw:
            zipped = raw.read(2) == _GZIP
            raw.seek(0)
            if not zipped:
                return _read(raw, source)
            with gzip.open(raw, "rb") as unzipped:
                return _read(unzipped, source)
    except FileNotFoundError:
        raise DataError(os.fspath(path), got="no such file", do="check the name and the folder") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        got = f"damaged gzip data ({error})"
        raise DataError(os.fspath(path), got=got, expected="a whole gzip file", do=_AGAIN) from error
    except DataError:
        raise
    except OSError as error:
        got = (error.strerror or str(error)).lower()
        raise DataError(os.fspath(path), got=got, expected="a file to read") from error


def _read(file: IO[bytes] | gzip.GzipFile, source: Path) -> NDArray[Any]:
    magic = file.read(4)
    if len(magic) < 4:
        raise DataError(str(source), got=f"{len(magic)} bytes", expected="an IDX header", do=_AGAIN)
    dtype = _TYPES.get(magic[2])
    if magic[:2] != b"\0\0" or dtype is None or not magic[3]:
        got, expected = f"first bytes {magic.hex(' ')}", "00 00, a type of 08 to 0e, the number of dimensions (IDX)"
        raise DataError(str(source), got=got, expected=expected, do="pass an IDX file")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise DataError(str(source), got="a header cut short", expected=f"{magic[3]} sizes", do=_AGAIN)
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4"))
    n_bytes = prod(shape) * np.dtype(dtype).itemsize
    data = bytearray()
    while piece := file.read(min(_PIECE, n_bytes + 1 - len(data))):  # one more than promised, to see what is too long
        data += piece
    if len(data) != n_bytes:
        size = f"{len(data):,} bytes" if len(data) < n_bytes else "more bytes"
        got = f"{size} of data"
        raise DataError(str(source), got=got, expected=f"{n_bytes:,} for shape {shape}", do=_AGAIN)
    return np.frombuffer(data, dtype).reshape(shape).astype(np.dtype(dtype).newbyteorder("="), copy=False)


def idx_digest(array: NDArray[np.uint8]) -> str:
    """SHA-256 of the plain IDX file that would hold these bytes: the identity of an array in any container."""
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    total = sha256(header)
    total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
