"""Where a result comes from: versions, machine, time, command line, git commit. Never fails; unknown is None."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["provenance"]

_PACKAGES = ("numpy", "numba", "scipy", "h5py")
_HERE = Path(__file__).resolve().parents[1]


def provenance() -> dict[str, Any]:
    """What a result file says about its origin.

    Returns
    -------
    dict
        ``versions`` (python, sdrsim, numpy, numba, scipy, h5py), ``machine`` (cpu, cores, usable_cores, platform),
        ``time_utc`` (ISO 8601), ``command`` (name of the program and its arguments), ``git`` (commit, dirty) when the
        package lies in a git checkout that tracks it, else None.

    Examples
    --------
    >>> sorted(provenance())
    ['command', 'git', 'machine', 'time_utc', 'versions']
    """
    versions: dict[str, str | None] = {"python": platform.python_version(), "sdrsim": _own_version()}
    versions.update((name, _version(name)) for name in _PACKAGES)
    return {
        "versions": versions,
        "machine": dict(_machine()),
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [os.path.basename(sys.argv[0] or "python"), *sys.argv[1:]] if sys.argv else ["python"],
        "git": _git(),
    }


def _own_version() -> str:
    from sdrsim import __version__

    return __version__


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def _machine() -> tuple[tuple[str, Any], ...]:
    cores = os.cpu_count()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores
    return ("cpu", _cpu()), ("cores", cores), ("usable_cores", usable), ("platform", platform.platform())


def _cpu() -> str | None:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "machdep.cpu.brand_string")
    return platform.processor() or platform.machine() or None


@cache
def _git() -> dict[str, Any] | None:
    """Commit and state of the checkout when the process first asks; None where git does not track the package."""
    here = ("git", "-C", str(_HERE))
    if _output(*here, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit, changes = _output(*here, "rev-parse", "HEAD"), _output(*here, "status", "--porcelain")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _output(*command: str) -> str | None:
    """What a program prints, or None when it is not there, fails or takes longer than five seconds."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=5, stdin=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip()
