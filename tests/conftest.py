"""What all tests share: data files found through SDRSIM_DATA, an empty cache folder, hypothesis settings."""

import os
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("sdrsim", deadline=None, max_examples=50, derandomize=True, database=None)
settings.load_profile("sdrsim")

DIGESTS = {
    "mnist/mnist.npz": "06af5dfe73b70e3bc1c36439982b18a8d76803db9b544f6fdf838a37fbb01b64",
    "weizmann/weizmann_edge_42x60.npz": "87206de592aa74c81573bbc0f39a569fd2f2d45bf96b3172ed8cb8c47c669be9",
    "weizmann/weizmann_hof_24x120_rigid.npz": "83b669992e0efc3d168e4477f465a120ea44fe3ffdff0fa1092fe9dd4ff31b29",
    "ett/ETTh1.csv": "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
    "events/sample_nmnist.bin": "3c9159329633efbb6879bba1b430598b78cc06a779a55d1259ec13e203ad00ee",
    "events/sample_ncars.dat": "37c942280817be4615f995f28877c81f9391eee639d0584ddb9a8c6e6833b4db",
    "events/sample_stmnist.mat": "5c8aa565bd17aae59e3de8c788952183999081f2c7adc00bb5d4e29b7ff81636",
    "sparsey-toys/sparsey_toys_neurithmic.tar.xz": "dfc8d499948848c7abdb420ac99336bd2dfa118d03eed4d10bf22081fd62914c",
}


@pytest.fixture(autouse=True, scope="session")
def _no_user_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Tests, and the programs they start, see an empty cache folder for data sets instead of the user's."""
    os.environ["SDRSIM_CACHE"] = str(tmp_path_factory.mktemp("empty-cache"))


@pytest.fixture
def data_file() -> Callable[[str], Path]:
    """Path of a data file below SDRSIM_DATA; skips when it is not there, fails when it is damaged."""
    return _found


def _found(relative: str) -> Path:
    folder = os.environ.get("SDRSIM_DATA")
    if not folder:
        pytest.skip(f"needs {relative}: SDRSIM_DATA is not set")
    if not Path(folder).is_dir():
        pytest.fail(f"SDRSIM_DATA names {folder}, which is no folder: correct it or unset it")
    path = Path(folder) / relative
    if not path.is_file():
        pytest.skip(f"needs {relative}: not in SDRSIM_DATA ({folder})")
    if _digest(path) != DIGESTS[relative]:
        pytest.fail(f"{path} is damaged: SHA-256 {_digest(path)}, expected {DIGESTS[relative]}")
    return path


@cache
def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        total = sha256()
        while block := file.read(1 << 20):
            total.update(block)
    return total.hexdigest()
