"""The log a stream writes while it runs: blocks with a checksum each, so that every prefix can be read.

A process that is killed leaves a log whose last block may be torn; the reader stops there. Layout: the line
``sdrsim-stream 1``, then blocks: one kind byte (H header, T rows, C codes), the length of the payload (uint64), a
CRC-32 of kind, length and payload (uint32), the payload. All numbers are little-endian.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from zlib import crc32

from sdrsim.errors import FileFormatError
from sdrsim.files.atomic import cannot_write
from sdrsim.files.sealed import damaged

__all__ = ["LOG_MAGIC", "LogWriter", "is_log", "read_log"]

LOG_MAGIC = b"sdrsim-stream 1\n"
_HEAD = struct.Struct("<cQI")


class LogWriter:
    """Appends blocks; after a refused write the log ends with the last whole block again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._raw = open(path, "wb", buffering=0)  # noqa: SIM115 (close())
            self._end = 0
            self._put(LOG_MAGIC)
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, kind: bytes, *parts: Any) -> None:
        """One block; FileFormatError when the system refuses it."""
        payload = b"".join(bytes(part) for part in parts)
        head = _HEAD.pack(kind, len(payload), crc32(payload, crc32(kind + struct.pack("<Q", len(payload)))))
        try:
            self._put(head + payload)
        except OSError as error:
            raise cannot_write(self.path, error, "what was recorded before is kept there") from error

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._raw.write(rest) :]
        except OSError:
            with suppress(OSError):
                self._raw.truncate(self._end)
                self._raw.seek(self._end)
            raise
        self._end += len(data)

    def close(self) -> None:
        """No more blocks."""
        self._raw.close()


def is_log(path: str | os.PathLike[str]) -> bool:
    """Whether the file at `path` begins as a log does."""
    with suppress(OSError), open(path, "rb") as file:
        return file.read(len(LOG_MAGIC)) == LOG_MAGIC
    return False


def read_log(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of every whole block in front of the first torn one; the header comes first.

    Raises
    ------
    FileFormatError
        Not even the header is whole.
    """
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(len(LOG_MAGIC))
            first = True
            while block := _block(file, size):
                if first and block[0] != b"H":
                    break
                yield block
                first = False
            if first:
                raise damaged(path, "a stream without a whole header", "columns and their types")
    except FileFormatError:
        raise
    except OSError as error:
        raise damaged(path, error.strerror or str(error), "a stream to read") from error


def _block(file: Any, size: int) -> tuple[bytes, bytes] | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    kind, n_bytes, checksum = _HEAD.unpack(head)
    if n_bytes > size - file.tell():
        return None
    payload = file.read(n_bytes)
    whole = len(payload) == n_bytes and crc32(payload, crc32(head[:9])) == checksum
    return (kind, payload) if whole else None
