"""`make wheel`: what a user gets from the built package, without the checkout.

Builds the sdist from a copy of the checkout and the wheel from that sdist, looks into both, installs the wheel with its
dependencies in a fresh environment and uses it there: every public name, examples, the program. Exit code 1 with the
reason when something is missing.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path
from time import perf_counter

TOP = Path(__file__).resolve().parents[1]
NOT_SOURCE = (
    *(".git", ".venv", "build", "dist", "*.egg-info", "__pycache__", "sdrsim-demo", "results"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".import_linter_cache", ".hypothesis"),
)
IN_WHEEL = (
    "sdrsim/py.typed",
    "sdrsim/files/data/digits8.npz",
    "sdrsim/files/data/LICENSE-digits8.txt",
    "sdrsim/studies/plotting/house.mplstyle",
)
IN_SDIST = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "Makefile", "tests/conftest.py")
DOCTESTED = ("sdrsim.engine.codes", "sdrsim.models.sparsey.mac", "sdrsim.files.result", "sdrsim.measures.rates")

PUBLIC_NAMES = """
import pkgutil, sys
from importlib import import_module
from pathlib import Path
import sdrsim
here = Path(sdrsim.__file__).resolve()
assert Path(sys.prefix).resolve() in here.parents, f"sdrsim was imported from {here}, not from the environment"
names = ["sdrsim", *(m.name for m in pkgutil.walk_packages(sdrsim.__path__, "sdrsim."))]
n = 0
for name in names:
    module = import_module(name)
    for public in getattr(module, "__all__", []):
        getattr(module, public)
        n += 1
assert n > 100, f"only {n} public names"
print(f"{n} public names of {len(names)} modules")
"""
DOCTEST = """
import doctest, sys
from importlib import import_module
failed = attempted = 0
for name in sys.argv[1:]:
    result = doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    failed, attempted = failed + result.failed, attempted + result.attempted
assert attempted and not failed, f"{failed} of {attempted} examples failed"
print(f"{attempted} examples")
"""


class Missing(Exception):
    """Something the package must have, or must not have."""


def main() -> int:
    """Run all steps; 0 when everything holds."""
    start = perf_counter()
    with tempfile.TemporaryDirectory(prefix="sdrsim-wheel-") as folder:
        try:
            sdist, wheel = build(Path(folder))
            look_into_sdist(sdist)
            look_into_wheel(wheel)
            use(install(wheel, Path(folder)), Path(folder))
        except Missing as error:
            print(f"wheel check: FAILED: {error}", file=sys.stderr)
            return 1
    print(f"wheel check: all well after {perf_counter() - start:.0f} s")
    return 0


def said(what: str, *command: object, cwd: Path) -> str:
    """Output of a program, or Missing with the end of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SDRSIM_", "VIRTUAL_"))}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=kept, capture_output=True, text=True)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-25:])
        raise Missing(f"{what}: exit code {done.returncode}\n{tail}")
    return done.stdout.strip()


def step(text: str) -> None:
    """One line of what was found."""
    print(f"wheel check: {text}", flush=True)


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel built from it."""
    copy, out = folder / "copy", folder / "dist"
    shutil.copytree(TOP, copy, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    said("build", sys.executable, "-m", "build", "--outdir", out, copy, cwd=folder)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    step(f"{sdist.name} {sdist.stat().st_size >> 10} KiB, {wheel.name} {wheel.stat().st_size >> 10} KiB")
    return sdist, wheel


def look_into_sdist(sdist: Path) -> None:
    """Sources, tests with their twins, documents; nothing made by a run."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    need("sdist", names, IN_SDIST)
    twins = [f.relative_to(TOP).as_posix() for f in (TOP / "tests" / "reference").glob("*.py")]
    need("sdist", names, [*twins, *package_files().values()])
    refuse("sdist", [n for n in names if "__pycache__" in n or n.endswith((".pyc", ".nbi", ".nbc"))])


def look_into_wheel(wheel: Path) -> None:
    """Every module and data file of the listed packages, under its import name; licences; nothing else."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (about,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(about).decode())
    info = about.partition("/")[0]
    licences = [f"{info}/licenses/LICENSE", f"{info}/licenses/sdrsim/files/data/LICENSE-digits8.txt"]
    need("wheel", names, [*IN_WHEEL, *licences, *package_files()])
    refuse("wheel", [n for n in names if not n.startswith(("sdrsim/", f"{info}/"))])
    refuse("wheel", sorted(n for n in names if n.startswith("sdrsim/") and n not in package_files()))
    if metadata["License-Expression"] != "BSD-3-Clause" or not wheel.name.startswith(f"sdrsim-{metadata['Version']}-"):
        raise Missing(f"metadata: licence {metadata['License-Expression']}, version {metadata['Version']}")
    step(f"{len(names)} files, licence {metadata['License-Expression']}, Python {metadata['Requires-Python']}")


def package_files() -> dict[str, str]:
    """Path in the wheel -> path in the checkout, of every file in a listed package."""
    tool = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    made = {}
    for package in tool["packages"]:
        root = max((r for r in tool["package-dir"] if package == r or package.startswith(f"{r}.")), key=len)
        inside = package[len(root) :].replace(".", "/")
        for file in (TOP / f"{tool['package-dir'][root]}{inside}").iterdir():
            if file.is_file() and not file.is_symlink():
                made[f"{package.replace('.', '/')}/{file.name}"] = file.relative_to(TOP).as_posix()
    return made


def need(what: str, names: set[str], wanted: object) -> None:
    """Missing when a wanted name is not there."""
    lacking = sorted(set(wanted) - names)  # type: ignore[call-overload]
    if lacking:
        raise Missing(f"{what} lacks {', '.join(lacking[:10])}{' ...' if len(lacking) > 10 else ''}")


def refuse(what: str, found: list[str]) -> None:
    """Missing when there is anything."""
    if found:
        raise Missing(f"{what} holds {', '.join(found[:10])}{' ...' if len(found) > 10 else ''}")


def install(wheel: Path, folder: Path) -> Path:
    """The folder of programs of a fresh environment with the wheel and its dependencies."""
    env = folder / "env"
    said("venv", sys.executable, "-m", "venv", env, cwd=folder)
    programs = env / ("Scripts" if os.name == "nt" else "bin")
    pip = (programs / "python", "-m", "pip")
    said("pip install", *pip, "install", "-q", "--disable-pip-version-check", wheel, cwd=folder)
    said("pip check", *pip, "check", cwd=folder)
    step("installed in a fresh environment")
    return programs


def use(programs: Path, folder: Path) -> None:
    """Names, examples and the program, from a folder that holds nothing."""
    away = folder / "away"
    away.mkdir()
    python, sdrsim = programs / "python", programs / "sdrsim"
    step(said("public names", python, "-I", "-c", PUBLIC_NAMES, cwd=away))
    step(said("examples", python, "-I", "-c", DOCTEST, *DOCTESTED, cwd=away))
    for command in (["--version"], ["info"], ["studies"], ["data", "list"]):
        said(f"sdrsim {' '.join(command)}", sdrsim, *command, cwd=away)
    out = away / "made"
    print(said("sdrsim demo", sdrsim, "demo", "--out", out, cwd=away))
    for name in ("demo.h5", "demo.png", "demo.svg", "demo.pdf", "demo.csv"):
        if not (out / name).is_file() or not (out / name).stat().st_size:
            raise Missing(f"sdrsim demo left no {name}")
    said("sdrsim show", sdrsim, "show", out / "demo.h5", cwd=away)
    step("the demo ran, its result file reads")


if __name__ == "__main__":
    sys.exit(main())
