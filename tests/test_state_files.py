"""Checkpoints: exact round trip, and every kind of damaged, foreign or refused file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sdrsim.errors import FileFormatError, ParameterError, SdrsimError
from sdrsim.files.sealed import BLOCK, write_sealed
from sdrsim.files.state import load_state, save_state

TEXT = st.text(max_size=6)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXT
DTYPES = st.sampled_from(
    ["?", "i1", "<i4", ">i4", "u8", "f2", "f4", "f8", "c16", "U3", [("row", "<i8"), ("write", "?"), ("x", "f4", (2,))]]
)
ARRAYS = DTYPES.flatmap(
    lambda d: hnp.arrays(np.dtype(d), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
LEAVES = SCALARS | ARRAYS | st.lists(SCALARS, max_size=3)
STATES = st.recursive(
    st.dictionaries(TEXT, LEAVES, max_size=4),
    lambda inner: st.dictionaries(TEXT, LEAVES | inner, max_size=4),
    max_leaves=6,
)


def same(a: Any, b: Any) -> bool:
    """Equal to the bit, types and all."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return repr(a) == repr(b)


def storable(state: Any) -> bool:
    """UTF-8 cannot hold lone surrogates in text arrays; numpy.str_ drops NULs at the end of its own accord."""
    if isinstance(state, dict):
        return all(storable(value) for value in state.values())
    if isinstance(state, np.ndarray) and state.dtype.kind == "U":
        return not any(0xD800 <= ord(c) < 0xE000 for text in state.ravel().tolist() for c in text)
    return True


@given(STATES.filter(storable))
def test_round_trip_is_exact(tmp_path_factory: pytest.TempPathFactory, state: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "state.h5"
    assert save_state(path, "mac", state) == path
    assert same(load_state(path, "mac"), state)


def test_large_arrays_and_deep_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    state = {
        "net": {"mac/U": {"weights": rng.integers(0, 2**63, (300, 40), np.uint64)}, ".": {"": np.arange(3)}, "%": {}},
        "net/mac": {"U": rng.random((500, 7))},
        "names": np.array(["é" * 40, "b"] * 100),
        "bits": rng.random((1000, 9)) < 0.5,
    }
    save_state(tmp_path / "a.h5", "network", state)
    assert same(load_state(tmp_path / "a.h5", "network"), state)


def test_numpy_scalars_and_tuples_come_back_plain(tmp_path: Path) -> None:
    state = {"n": np.int64(3), "x": np.float32(0.1), "b": np.bool_(True), "t": (1, "a"), "view": np.arange(10)[::2]}
    save_state(tmp_path / "a.h5", "mac", state)
    expected = {"n": 3, "x": float(np.float32(0.1)), "b": True, "t": [1, "a"], "view": np.array([0, 2, 4, 6, 8])}
    assert same(load_state(tmp_path / "a.h5", "mac"), expected)


def test_same_state_same_bytes(tmp_path: Path) -> None:
    state = {"a": np.random.default_rng(0).random(5000), "b": {"c": np.arange(9), "n": 3}}
    one, two = (save_state(tmp_path / name, "mac", state).read_bytes() for name in ("one", "two"))
    assert one == two


def test_other_programs_read_it_as_hdf5(tmp_path: Path) -> None:
    save_state(tmp_path / "a.h5", "mac", {"layer": {"weights": np.arange(3)}})
    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert file["arrays/layer/weights"][:].tolist() == [0, 1, 2]
        assert file.attrs["schema_version"] == 1
    assert (tmp_path / "a.h5").read_bytes().startswith(b"sdrsim-file 1 kind=state schema=1 ")


@pytest.mark.parametrize(
    ("state", "where"),
    [
        ({"a": {"b": object()}}, r"state\['a'\]\['b'\]: got a value of type object"),
        ({"a": {1: 2}}, r"state\['a'\]: got key 1"),
        ({"a": 2**64}, "up to 64 bits"),
        ({"a": [[1]]}, "type list"),
        ({"a": b"bytes"}, "type bytes"),
        ({"a": np.array([object()])}, "dtype object"),
        ({"a": np.zeros(1, [("o", object)])}, "bool, integer"),
        ({"a": np.array(["\ud800"])}, "UTF-8"),
    ],
)
def test_refused_states_leave_the_old_file(tmp_path: Path, state: dict[str, Any], where: str) -> None:
    path = tmp_path / "a.h5"
    save_state(path, "mac", {"n": 1})
    with pytest.raises(ParameterError, match=where):
        save_state(path, "mac", state)
    assert load_state(path, "mac") == {"n": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_every_flipped_byte_is_found(tmp_path: Path) -> None:
    path = save_state(tmp_path / "a.h5", "mac", {"a": np.arange(50), "n": 1})
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in [*range(120), BLOCK - 1, BLOCK, len(whole) - 1, *rng.integers(120, len(whole), 200).tolist()]:
        torn = bytearray(whole)
        torn[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(torn)
        with pytest.raises(FileFormatError, match=r"a\.h5"):
            load_state(path, "mac")


def test_every_cut_is_found(tmp_path: Path) -> None:
    path = save_state(tmp_path / "a.h5", "mac", {"a": np.arange(50), "n": 1})
    whole = path.read_bytes()
    for n in [0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 9, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:n])
        with pytest.raises(FileFormatError, match=r"empty|cut|first line|begins"):
            load_state(path, "mac")
    path.write_bytes(whole + b"x")
    with pytest.raises(FileFormatError, match="bytes"):
        load_state(path, "mac")
    path.write_bytes(whole)
    assert load_state(path, "mac")["n"] == 1


def _missing(path: Path) -> None:
    pass


def _folder(path: Path) -> None:
    path.mkdir()


def _text(path: Path) -> None:
    path.write_text("n_cells = 8\n")


def _empty(path: Path) -> None:
    path.touch()


def _foreign_hdf5(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["arrays"] = [1, 2]


def _result(path: Path) -> None:
    from sdrsim.files.result import write_result

    write_result(path, {}, {}, 0)


def _other_kind(path: Path) -> None:
    save_state(path, "hopfield", {})


def _next_schema(path: Path) -> None:
    with write_sealed(path, "state", 99):
        pass


def _no_content(path: Path) -> None:
    with write_sealed(path, "state", 1):
        pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_missing, "no such file"),
        (_folder, "a folder"),
        (_text, "begins with b'n_cells"),
        (_empty, "an empty file"),
        (_foreign_hdf5, "an HDF5 file without"),
        (_result, "an sdrsim result file; expected an sdrsim state file"),
        (_other_kind, "the state of 'hopfield'; expected the state of 'mac'"),
        (_next_schema, "schema_version 99; expected schema_version 1; .*update sdrsim"),
        (_no_content, "does not fit its schema"),
    ],
)
def test_foreign_files(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "a.h5"
    make(path)
    with pytest.raises(FileFormatError, match=message) as caught:
        load_state(path, "mac")
    assert str(path) in str(caught.value)
    assert isinstance(caught.value, SdrsimError)
