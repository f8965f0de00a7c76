"""Sealed HDF5 files: one line of text and a checksum before the HDF5 part, so that damage is never read as data.

The first 512 bytes (an HDF5 user block, which every HDF5 tool skips) say what the file is: ``sdrsim-file 1``, its kind,
schema version, the size of the whole file and the SHA-256 of that line and all bytes after the block. A file is checked
before HDF5 opens it: empty, cut, changed and foreign files give `FileFormatError`. A sealed file is never changed in
place; write a new one.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import h5py

from sdrsim.errors import FileFormatError
from sdrsim.files.atomic import atomic_write

__all__ = ["damaged", "open_sealed", "write_sealed"]

BLOCK = 512
_MAGIC = b"sdrsim-file 1 "
_HDF5 = b"\x89HDF\r\n\x1a\n"
_LINE = re.compile(rb"sdrsim-file 1 kind=([a-z]+) schema=(\d+) bytes=(\d+)\n")
_AGAIN = "make the file again, or take it from a copy"


def damaged(path: str | os.PathLike[str], found: object, expected: object = None, do: str = _AGAIN) -> FileFormatError:
    """The error for a file whose content is not what its kind promises."""
    return FileFormatError(os.fspath(path), got=found, expected=expected, do=do)


def _seal(line: bytes, digest: str) -> bytes:
    text = line + f"sha256={digest}\nHDF5 from byte {BLOCK} on\n".encode()
    return text + b" " * (BLOCK - len(text) - 1) + b"\n"


def _digest(line: bytes, path: Path) -> str:
    total = sha256(line)
    with open(path, "rb") as file:
        file.seek(BLOCK)
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()


class _Disk:
    """The file HDF5 writes to. HDF5 crashes when the system refuses a write, so it never hears of one.

    The first error is kept, what comes after it is dropped, and `check` raises it.
    """

    def __init__(self, path: Path) -> None:
        self.raw = open(path, "r+b", buffering=0)  # noqa: SIM115 (write_sealed closes it)
        self.error: OSError | None = None

    def check(self) -> None:
        if self.error is not None:
            raise self.error

    def _tried(self, action: Any, *arguments: Any) -> int | None:
        if self.error is None:
            try:
                return int(action(*arguments))
            except OSError as error:
                self.error = error
        return None

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        while rest and (n := self._tried(self.raw.write, rest)) is not None:
            rest = rest[n:]
        return len(data)

    def read(self, size: int) -> bytes:
        data = bytearray(size)
        self.readinto(data)
        return bytes(data)

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        n = self._tried(self.raw.readinto, view) or 0
        view[n:] = bytes(len(view) - n)
        return len(view)

    def truncate(self, size: int) -> int:
        self._tried(self.raw.truncate, size)
        return size

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self.raw.seek(offset, whence))

    def tell(self) -> int:
        return self.raw.tell()

    def flush(self) -> None:
        """Nothing is buffered here; `atomic_write` flushes to the disk."""


class SealedWriter:
    """What `write_sealed` hands out: the HDF5 file, and `check` to stop early once the disk has refused a write."""

    def __init__(self, file: h5py.File, disk: _Disk) -> None:
        self.file, self.check = file, disk.check


@contextmanager
def write_sealed(path: str | os.PathLike[str], kind: str, schema_version: int) -> Iterator[SealedWriter]:
    """An HDF5 file to fill; sealed and renamed to `path` when the block ends, removed when it fails.

    Raises
    ------
    FileFormatError
        The file cannot be written (no permission, no folder, disk full); what stood at `path` is untouched.
    """
    with atomic_write(path) as temporary:
        disk = _Disk(temporary)
        try:
            # v110: groups, attributes and chunk indices in the compact form that HDF5 1.10 (2016) and later read
            with h5py.File(disk, "w", userblock_size=BLOCK, libver=("v110", "v110")) as file:
                file.attrs["schema_version"] = schema_version
                file.attrs["kind"] = kind
                yield SealedWriter(file, disk)
        finally:
            disk.raw.close()
        disk.check()
        line = _MAGIC + f"kind={kind} schema={schema_version} bytes={temporary.stat().st_size}\n".encode()
        with open(temporary, "r+b") as raw:
            raw.write(_seal(line, _digest(line, temporary)))


@contextmanager
def open_sealed(path: str | os.PathLike[str], kind: str, schema_version: int) -> Iterator[h5py.File]:
    """The HDF5 part of a sealed file, after the check of its seal, kind and schema version.

    Raises
    ------
    FileFormatError
        No such file, not readable, empty, cut, changed, of another program or kind, or of an unknown schema.
    """
    source = Path(path)
    try:
        found_kind, found_version = _check_seal(source)
        if found_kind != kind:
            do = "load it with the class that saved it" if found_kind == "state" else "pass the right file"
            raise damaged(source, f"an sdrsim {found_kind} file", f"an sdrsim {kind} file", do)
        if found_version != schema_version:
            do = "read it with the version of sdrsim that wrote it, or update sdrsim"
            raise damaged(source, f"schema_version {found_version}", f"schema_version {schema_version}", do)
        with h5py.File(source, "r", locking=False) as file:
            yield file
    except FileFormatError:
        raise
    except FileNotFoundError:
        raise damaged(source, "no such file", do="check the name and the folder") from None
    except IsADirectoryError:
        raise damaged(source, "a folder", f"an sdrsim {kind} file", "name a file in it") from None
    except PermissionError:
        raise damaged(source, "no permission to read it", do="ask its owner for access") from None
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:  # sealed, yet not what the schema says
        raise damaged(source, f"content that does not fit its schema ({error})", f"an sdrsim {kind} file") from error


def _check_seal(path: Path) -> tuple[str, int]:
    """Kind and schema version of a sealed file whose bytes are those that were written."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        block = file.read(BLOCK)
    if not size:
        raise damaged(path, "an empty file", "an sdrsim file")
    found = _LINE.match(block)
    if found is None:
        raise damaged(path, _described(block), "an sdrsim file", "pass a file that sdrsim wrote, or make it again")
    line, n_bytes = found.group(0), int(found.group(3))
    if size != n_bytes:
        raise damaged(path, f"{size:,} bytes", f"{n_bytes:,} bytes (cut or damaged)")
    if block != _seal(line, _digest(line, path)):
        raise damaged(path, "a wrong checksum", "the bytes that were written (damaged or changed since)")
    return found.group(1).decode(), int(found.group(2))


def _described(block: bytes) -> str:
    if block.startswith(b"sdrsim-file "):
        return "an sdrsim file with a damaged or unknown first line"
    if block.startswith(_HDF5):
        return "an HDF5 file without sdrsim's first line (another program's, or changed by another tool)"
    return f"a file that begins with {block[:16]!r}"
