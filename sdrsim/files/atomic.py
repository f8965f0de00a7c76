"""Whole or not at all: write beside the target, flush to the disk, rename."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, EISDIR, ENOENT, ENOSPC, ENOTDIR, EPERM, EROFS
from pathlib import Path
from secrets import token_hex

from sdrsim.errors import FileFormatError, SdrsimError

__all__ = ["atomic_write", "cannot_write"]

_ADVICE = {
    EACCES: "choose a folder you may write to",
    EPERM: "choose a folder you may write to",
    EROFS: "choose a folder you may write to",
    ENOSPC: "free some space or choose another disk",
    EDQUOT: "free some space or choose another disk",
    ENOENT: "make the folder first",
    ENOTDIR: "choose a path below a folder, not below a file",
    EISDIR: "choose a file name, not a folder",
}


def cannot_write(
    path: str | os.PathLike[str], error: BaseException, left: str = "nothing was changed"
) -> FileFormatError:
    """The error to raise when the system refuses to write `path`: its reason, what is left, and what to do."""
    number = getattr(error, "errno", None)
    reason = os.strerror(number).lower() if number else str(error) or type(error).__name__
    advice = _ADVICE.get(number, "choose another place") if number else "choose another place"
    return FileFormatError(f"cannot write {os.fspath(path)}", got=reason, do=f"{left}; {advice}")


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path in the folder of `path`, renamed to it when the block ends without an error.

    The block writes and closes the temporary file. Then it is flushed to the disk and renamed, so a killed process or
    a full disk leaves the old file or the new one, never a torn one. After a failure the temporary is gone.

    Parameters
    ----------
    path : str or path
        The file to make or replace; its folder must exist. A symbolic link is followed.

    Yields
    ------
    pathlib.Path
        Empty file, same folder, name ``.<name>.<random>.part``.

    Raises
    ------
    FileFormatError
        No permission, no folder, disk full: any OSError on the way. Other errors of the block pass unchanged.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_write(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text(), [p.name for p in target.parent.iterdir()]
    ('whole', ['note.txt'])
    """
    target = Path(os.path.realpath(path))
    temporary: Path | None = None
    try:
        if target.is_dir():
            raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
        temporary = _new_file(target)
        yield temporary
        _flush(temporary)
        with suppress(FileNotFoundError):
            os.chmod(temporary, target.stat().st_mode & 0o777)
        os.replace(temporary, target)
        temporary = None
        _flush_folder(target.parent)
    except SdrsimError:
        raise
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()


def _new_file(target: Path) -> Path:
    """An empty file of a name nobody else has; permissions as the umask says."""
    temporary = target.with_name(f".{target.name[:200]}.{token_hex(6)}.part")
    os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    return temporary


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable where the system can flush a folder; the data are safe already."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
