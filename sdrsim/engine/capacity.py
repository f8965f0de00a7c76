"""How much memory there is: a network that cannot fit is refused before anything is taken."""

import os
from pathlib import Path

__all__ = ["available_bytes", "bytes_text", "resident_bytes"]

_PROC, _CGROUP = Path("/proc"), Path("/sys/fs/cgroup")
_UNKNOWN = 2**63 - 1


def available_bytes(proc: Path = _PROC, cgroup: Path = _CGROUP) -> int:
    """Bytes of physical memory this process can still get: the machine's, or its control group's when that is less.

    Parameters
    ----------
    proc, cgroup : path
        Where the system tells (other folders in tests).

    Returns
    -------
    int
        2**63 - 1 on a system that does not say.

    Examples
    --------
    >>> available_bytes() > 0
    True
    """
    return min(_machine_bytes(proc), _group_bytes(proc, cgroup))


def resident_bytes(proc: Path = _PROC) -> int:
    """Bytes of physical memory this process holds now; 0 on a system that does not say."""
    try:
        return int((proc / "self" / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _machine_bytes(proc: Path) -> int:
    try:
        for line in (proc / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    for pages in ("SC_AVPHYS_PAGES", "SC_PHYS_PAGES"):
        if pages in os.sysconf_names:
            return os.sysconf(pages) * os.sysconf("SC_PAGE_SIZE")
    return _UNKNOWN


def _group_bytes(proc: Path, cgroup: Path) -> int:
    """What the control group (version 2: containers, batch jobs) leaves; file cache it can drop counts as free."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
        place = next(line[3:] for line in lines if line.startswith("0::"))
        folder = cgroup / place.lstrip("/")
        limit = int((folder / "memory.max").read_text())
        used = int((folder / "memory.current").read_text())
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, limit - used + int(stat.get("inactive_file", 0)))
    except (OSError, ValueError, StopIteration):
        return _UNKNOWN


def bytes_text(n: int) -> str:
    """A number of bytes to read: ``'512 B'``, ``'1.2 MiB'``.

    Examples
    --------
    >>> bytes_text(512), bytes_text(1300000)
    ('512 B', '1.2 MiB')
    """
    value, unit = float(n), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < 1024 or unit == "PiB":
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
