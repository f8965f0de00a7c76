"""The contracts of import-linter can fail: each is broken once, in a copy, and each is reported."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytest.importorskip("importlinter")

TOP = Path(__file__).resolve().parents[1]
CONTRACTS = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
BREAKS = {  # contract -> (file, a line that breaks it), one or more
    "floors": [("sdrsim/engine/codes.py", "import sdrsim.models.sparsey.params")],
    "inside studies": [("studies/check.py", "import sdrsim.studies.cli.main")],
    "the roots re-export lazily": [("sdrsim/__init__.py", "import numpy")],
    "families do not import each other": [("models/other/__init__.py", "import sdrsim.models.sparsey")],
    "no circles": [("sdrsim/kernels/random.py", "import sdrsim.engine.seeds")],
    "only files imports h5py": [("studies/cli/show.py", "import h5py")],
    "only studies imports matplotlib": [("models/sparsey/mac.py", "import matplotlib")],
    "only the network imports networkx": [("models/sparsey/wiring.py", "import networkx")],
    "only the spiking twin imports brian2": [("models/hebbian/willshaw.py", "import brian2")],
    "only the torch layers import torch": [("models/hopfield/maps.py", "import torch")],
    "linked folders under their own names only": [("studies/cli/info.py", "import models")],
    "kernels import numpy, numba, llvmlite alone": [
        ("sdrsim/kernels/bits.py", "import pandas"),
        ("sdrsim/kernels/sums.py", "import sdrsim.errors"),
    ],
    "compiled files of models and hardware: numpy, numba and sdrsim.kernels alone": [
        ("models/sparsey/kernels/sheet.py", "import sdrsim.engine.codes"),
        ("models/sparsey/kernels/support.py", "import scipy"),
        ("models/sparsey/kernels/writing.py", "import sdrsim.models.sparsey.params"),
    ],
}
ALL = [one for several in BREAKS.values() for one in several]


def test_each_contract_has_its_break():
    assert {c["name"] for c in CONTRACTS} == set(BREAKS)


def test_broken_contracts_are_reported(tmp_path):
    for folder in ("sdrsim", "models", "hardware", "studies"):
        shutil.copytree(TOP / folder, tmp_path / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "pyproject.toml", tmp_path)
    for file, line in ALL:
        path = tmp_path / file
        path.parent.mkdir(exist_ok=True)
        path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + f"\n{line}\n", encoding="utf-8")
    program = "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    said = " ".join(done.stdout.split())
    broken = {contract for contract in BREAKS if f"{contract} BROKEN" in said}
    assert broken == set(BREAKS), done.stdout + done.stderr
    missed = [line for line in ALL if f"{_module(line[0])} -> {line[1].split()[1]}" not in said]
    assert missed == [], done.stdout
    assert done.returncode == 1


def _module(file: str) -> str:
    name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return name if name.startswith("sdrsim") else f"sdrsim.{name}"
