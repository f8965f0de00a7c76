"""The compile cache: kept when nothing changed, dropped when any compiled file changed, the callee's included.

Runs in a copy of the package's decorator and random numbers, each step in a process of its own as a user would see it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sdrsim
import sdrsim.hardware
import sdrsim.kernels.jit as jit
import sdrsim.kernels.random as keyed
import sdrsim.models

CALLER = """
import numpy as np
from sdrsim.kernels.jit import compiled
from sdrsim.kernels.random import mix

@compiled
def mixed(x):
    return mix(x) + np.uint64(1)
"""

RUN = """
import json, sys
import numpy as np
import sdrsim.kernels.random
from sdrsim.kernels.caller import mixed
value = int(mixed(np.uint64(5)))
stats = mixed.stats
print(json.dumps(dict(value=value, hits=sum(stats.cache_hits.values()), misses=sum(stats.cache_misses.values()),
                      file=sdrsim.kernels.random.__file__)))
"""


@pytest.fixture
def copy(tmp_path):
    """A package ``sdrsim`` with the real decorator, the real random numbers and a kernel that calls one of them."""
    kernels = tmp_path / "sdrsim" / "kernels"
    kernels.mkdir(parents=True)
    for folder in (kernels.parent, kernels):
        (folder / "__init__.py").touch()
    for module in (jit, keyed):
        (kernels / Path(module.__file__).name).write_text(Path(module.__file__).read_text())
    (kernels / "caller.py").write_text(CALLER)
    return kernels


def run(kernels):
    """Call the caller in a fresh process; returns its value and what the cache did."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**keep, "PYTHONPATH": str(kernels.parents[1])},
        cwd=kernels.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert Path(report["file"]).parent == kernels, "the copy was not the one imported"
    return report


def test_an_edited_callee_recompiles_its_caller_and_nothing_else_does(copy):
    first = run(copy)
    assert (first["hits"], first["misses"]) == (0, 1)

    unedited = run(copy)
    assert (unedited["hits"], unedited["misses"]) == (1, 0)
    assert unedited["value"] == first["value"]

    callee = copy / "random.py"
    source = callee.read_text()
    assert "0x94D049BB133111EB" in source
    callee.write_text(source.replace("0x94D049BB133111EB", "0x94D049BB133111ED"))
    edited = run(copy)
    assert edited["misses"] == 1, "a stale caller came out of the cache"
    assert edited["value"] != first["value"]


def test_numba_still_has_the_attribute_the_stamp_is_put_into():
    """`compiled` leans on one private attribute of numba; this names it when a new version moves it."""
    cache = getattr(getattr(keyed.mix, "_cache", None), "_cache_file", None)
    assert cache is not None, "numba moved dispatcher._cache._cache_file: kernels/jit.py must find the cache file anew"
    stamp = getattr(cache, "_source_stamp", None)
    assert stamp is not None, "numba moved _cache_file._source_stamp: kernels/jit.py must stamp the cache another way"
    assert stamp[-1] == jit._STAMP, "the hash of all compiled files is not in the stamp of a kernel"


def test_every_file_with_compiled_code_is_in_the_stamp():
    """A kernel outside the hashed files would leave its callers stale in the cache."""
    stamped = {path.resolve() for path in jit._FILES}
    roots = [folder for package in (sdrsim, sdrsim.models, sdrsim.hardware) for folder in package.__path__]
    sources = {path.resolve() for root in roots for path in Path(root).rglob("*.py")}
    compiled = {path for path in sources if "\n@compiled" in path.read_text()}
    assert Path(keyed.__file__).resolve() in compiled
    assert not compiled - stamped
