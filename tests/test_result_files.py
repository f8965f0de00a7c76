"""Result files: what goes in comes out, from studies and from any script; damage and refusals."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pytest

from sdrsim.engine.params import Params
from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.files import provenance as origin
from sdrsim.files.provenance import provenance
from sdrsim.files.result import Result, read_result, write_result
from sdrsim.files.table import Table

TRACE = np.array([(0, 5, False), (1, 2**40, True)], [("tensor", "<i4"), ("row", "<i8"), ("write", "?")])
CURVE = Table(
    {"load": [1, 2, 3], "error": [0.0, 0.5, np.nan], "rule": ["wta", "é", ""], "ok": [True, False, True]},
    units={"load": "items"},
    descriptions={"error": "share of items not recalled exactly"},
)


class Tensor(NamedTuple):
    n_rows: int
    row_bytes: int
    role: str


class Counted:
    """Stands for a traffic or a recall result: anything with table()."""

    trace = TRACE
    tensors = {"U": Tensor(10, 64, "weight"), "code": Tensor(1, 8, "activation")}  # noqa: RUF012

    def table(self) -> Table:
        return Table({"projection": ["U"], "phase": ["retrieve"], "rows_read": [2]}, units={"rows_read": "rows"})


class Fields(Params):
    n_cells: int = 8
    name: str = "mac"


def test_round_trip(tmp_path: Path) -> None:
    path = write_result(
        tmp_path / "a.h5",
        {"z curve": CURVE, "a": {"x": [1.5]}, "s": TRACE, "r": Counted(), "none": Table({}), "empty": {"x": []}},
        {"n": np.int64(3), "x": np.array([0.5, 1.0]), "deep": {"list": (1, None, "a")}, "inf": float("inf")},
        2**64 - 1,
        Counted(),
        study="sparsey-novelty",
        title="Novelty",
        checks={"name": ["knee"], "ok": [True]},
        wall_s=1.25,
    )
    r = read_result(path)
    assert list(r.tables) == ["z curve", "a", "s", "r", "none", "empty"]
    assert r.tables["z curve"] == CURVE
    assert r.tables["z curve"]["load"].dtype == CURVE["load"].dtype
    assert r.tables["s"] == Table.from_structured(TRACE)
    assert r.tables["r"] == Counted().table() == r.traffic
    assert (len(r.tables["none"].columns), r.tables["empty"].columns) == (0, ("x",))
    assert r.params == {"n": 3, "x": [0.5, 1.0], "deep": {"list": [1, None, "a"]}, "inf": float("inf")}
    assert (r.seed, r.study, r.title, r.wall_s) == (2**64 - 1, "sparsey-novelty", "Novelty", 1.25)
    assert r.trace is not None
    assert r.trace.dtype == TRACE.dtype
    assert r.trace.tobytes() == TRACE.tobytes()
    assert r.tensors is not None
    assert r.tensors["name"].tolist() == ["U", "code"]
    assert r.tensors["row_bytes"].tolist() == [64, 8]
    assert r.checks == Table({"name": ["knee"], "ok": [True]})
    assert r.schema_version == 1
    assert repr(r).splitlines()[0] == "Result of Novelty"
    assert len(repr(r)) < 1000
    assert "Novelty" in r._repr_html_()


def test_the_traffic_of_the_engine_fits(tmp_path: Path) -> None:
    from sdrsim.engine.traffic import TRACE as LAYOUT
    from sdrsim.engine.traffic import Tensor as Stored
    from sdrsim.engine.traffic import Traffic

    traffic = Traffic(tensors={"U": Stored(784, 64)}, trace=np.array([(0, 3, False, 0)], LAYOUT))
    traffic.add("U", "retrieve", rows_read=1, words_read=8)
    r = read_result(write_result(tmp_path / "a.h5", {}, {}, 0, traffic))
    assert r.traffic == traffic.table()
    assert r.trace is not None
    assert r.trace.tolist() == [(0, 3, False, 0)]
    assert r.tensors is not None
    assert r.tensors["name"].tolist() == ["U"]


def test_little_is_enough(tmp_path: Path) -> None:
    r = read_result(write_result(tmp_path / "a.h5", {}, Fields(n_cells=4), None))
    assert (r.tables, r.params, r.seed) == ({}, {"n_cells": 4, "name": "mac"}, None)
    assert (r.traffic, r.trace, r.tensors, r.checks, r.study, r.title, r.wall_s) == (None,) * 7
    assert read_result(write_result(tmp_path / "b.h5", {}, {}, range(3))).seed == [0, 1, 2]


def test_other_programs_read_it_as_hdf5(tmp_path: Path) -> None:
    write_result(tmp_path / "a.h5", {"curve": CURVE}, {"n": 1}, 7)
    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert file["tables/curve/load"][:].tolist() == [1, 2, 3]
        assert file["tables/curve/load"].attrs["unit"] == "items"
        assert file["tables/curve/error"].attrs["description"].startswith("share")
        assert file["tables/curve/rule"].asstr()[1] == "é"
        assert file["seed"].asstr()[()] == "7"


class NoTable:
    def table(self) -> int:
        return 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tables": [1]}, "tables: got list"),
        ({"tables": {"a": 3}}, "table 'a': got int"),
        ({"tables": {"a": NoTable()}}, "table 'a': got NoTable"),
        ({"tables": {"a/b": CURVE}}, "table name: got 'a/b'"),
        ({"tables": {"a": {"x": [1], "y": [1, 2]}}}, "lengths"),
        ({"params": 3}, "params: got int"),
        ({"params": {"a": {"b": [object()]}}}, r"params\['a'\]\['b'\]\[0\]"),
        ({"params": {1: 2}}, "keys of text"),
        ({"seed": -1}, "seed: got -1"),
        ({"seed": 2**64}, "seed"),
        ({"seed": True}, "seed"),
        ({"seed": 1.0}, "seed"),
        ({"traffic": 3}, "traffic: got int"),
        ({"checks": "all"}, "checks: got str"),
        ({"trace": np.arange(3)}, "trace: got dtype int64"),
    ],
)
def test_refused_input_writes_nothing(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"tables": {"a": CURVE}, "params": {}, "seed": 0}
    with pytest.raises(ParameterError, match=message):
        write_result(tmp_path / "a.h5", **{**good, **change})
    assert list(tmp_path.iterdir()) == []


def test_disk_full_and_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_result(tmp_path / "a.h5", {"a": CURVE}, {}, 1)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FileFormatError, match="no space left"):
            write_result(path, {"b": CURVE}, {}, 2)
    assert read_result(path).seed == 1
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(FileFormatError, match="make the folder first"):
        write_result(tmp_path / "nowhere" / "a.h5", {}, {}, 0)
    with pytest.raises(FileFormatError, match="not below a file"):
        write_result(path / "a.h5", {}, {}, 0)


def test_damaged_and_foreign(tmp_path: Path) -> None:
    path = write_result(tmp_path / "a.h5", {"a": {"x": np.arange(5000)}}, {}, 1)
    whole = path.read_bytes()
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = 99
    with pytest.raises(FileFormatError, match=r"bytes|checksum"):
        read_result(path)
    rng = np.random.default_rng(1)
    for place in rng.integers(0, len(whole), 100).tolist():
        torn = bytearray(whole)
        torn[place] ^= 0xFF
        path.write_bytes(torn)
        with pytest.raises(FileFormatError, match=r"a\.h5"):
            read_result(path)
    for content, message in [
        (b"", "an empty file"),
        (whole[:-1], "cut or damaged"),
        (b"load,error\n1,2\n", "begins with"),
        (whole.replace(b"schema=1", b"schema=2", 1), "checksum"),
    ]:
        path.write_bytes(content)
        with pytest.raises(FileFormatError, match=message):
            read_result(path)
    with pytest.raises(FileFormatError, match="no such file"):
        read_result(tmp_path / "b.h5")


def test_provenance_says_where_a_result_comes_from(tmp_path: Path) -> None:
    found = read_result(write_result(tmp_path / "a.h5", {}, {}, 0)).provenance
    assert set(found["versions"]) == {"python", "sdrsim", "numpy", "numba", "scipy", "h5py"}
    assert found["versions"]["numpy"] == np.__version__
    assert found["machine"]["cores"] == os.cpu_count()
    assert found["time_utc"].endswith("+00:00")
    assert "/" not in found["command"][0]


def test_provenance_never_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(origin, "_PACKAGES", ("no-such-package",))
    monkeypatch.setattr(sys, "argv", [])
    origin._git.cache_clear()
    try:
        found = provenance()
    finally:
        origin._git.cache_clear()
    assert (found["git"], found["command"], found["versions"]["no-such-package"]) == (None, ["python"], None)


def test_git_is_asked_about_the_package_not_about_its_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A package installed below somebody's checkout is not part of it."""
    package = tmp_path / "site-packages" / "sdrsim"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    try:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True, capture_output=True)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("needs git")
    monkeypatch.setattr(origin, "_HERE", package)
    origin._git.cache_clear()
    try:
        assert origin._git() is None
        subprocess.run(["git", "-C", str(package), "add", "__init__.py"], check=True)
        origin._git.cache_clear()
        assert origin._git() == {"commit": None, "dirty": True}
    finally:
        origin._git.cache_clear()


def test_result_is_what_the_package_exports() -> None:
    import sdrsim.files

    assert sdrsim.files.Result is Result
