"""Nothing heavy is imported before it is needed: `import sdrsim` and `sdrsim --help` stay quick on any machine."""

import subprocess
import sys

import pytest

HEAVY = {"numpy", "scipy", "numba", "llvmlite", "h5py", "matplotlib", "pydantic", "networkx", "brian2", "rich", "pooch"}
PROGRAM = """
import sys
{text}
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}} | {{n for n in sys.modules if "sdrsim" in n}}))
"""


def loaded(text: str) -> set[str]:
    """Top-level modules, and all of sdrsim's, in a fresh interpreter after running `text`."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(text=text)], capture_output=True, text=True, check=True)
    return set(done.stdout.split("LOADED")[1].split())


@pytest.mark.parametrize(
    "text",
    ["import sdrsim", "import sdrsim.models", "import sdrsim.hardware", "import sdrsim.studies", "import sdrsim.files"],
)
def test_packages_are_light(text):
    assert not loaded(text) & HEAVY


@pytest.mark.parametrize("arguments", ["--help", "--version"])
def test_help_is_light(arguments):
    text = f"""
try:
    from sdrsim.studies.cli.main import main
    main(["{arguments}"])
except SystemExit as end:
    assert not end.code
"""
    assert not loaded(text) & HEAVY


def test_no_command_imports_another_or_the_studies():
    text = """
try:
    from sdrsim.studies.cli.main import main
    main(["show", "--help"])
except SystemExit as end:
    assert not end.code
"""
    modules = loaded(text)
    assert "sdrsim.studies.cli.show" in modules
    assert not modules & {"sdrsim.studies.cli.run", "sdrsim.studies.plotting", "matplotlib", "brian2"}


def test_codes_need_neither_numba_nor_scipy():
    text = "from sdrsim import SDR; import numpy as np; SDR.from_dense(np.eye(3, dtype=bool)).overlap([[0]])"
    assert not loaded(text) & {"numba", "scipy", "h5py", "matplotlib", "pydantic"}


def test_plotting_needs_no_pyplot():
    text = "from sdrsim.studies import plotting; plotting.subplots(); assert 'matplotlib.pyplot' not in sys.modules"
    assert "matplotlib" in loaded(text)
