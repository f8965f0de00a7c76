"""The examples in the docstrings run and say what they print."""

import doctest
import pkgutil
from importlib import import_module

import pytest

import sdrsim

SKIPPED = ("sdrsim.studies.cli",)


def modules():
    found = [m.name for m in pkgutil.walk_packages(sdrsim.__path__, "sdrsim.", onerror=lambda name: None)]
    return [name for name in found if not name.startswith(SKIPPED)]


@pytest.mark.parametrize("name", modules())
def test_examples(name, tmp_path, monkeypatch):
    module = import_module(name)
    monkeypatch.chdir(tmp_path)  # an example may write a file
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.failed == 0, (
        f"{result.failed} of {result.attempted} examples in {name}; run python -m doctest for them"
    )


@pytest.mark.parametrize(
    "name", ["patterns.fresh", "patterns.noise", "patterns.images", "engine.codes", "engine.seeds"]
)
def test_examples_are_found(name):
    tests = doctest.DocTestFinder().find(import_module(f"sdrsim.{name}"))
    assert sum(len(test.examples) for test in tests) > 0
