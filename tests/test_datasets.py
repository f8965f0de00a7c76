"""Data sets: where they are found, in which forms, and that wrong, cut and damaged files are refused."""

import gzip
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sdrsim.errors import DataError
from sdrsim.files import datasets
from sdrsim.files.datasets import data_folders, dataset_names, load_dataset, load_images
from sdrsim.files.idx import idx_digest, load_idx
from sdrsim.files.images import KEYS

TYPES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
SPELLINGS = {
    "x_train": ("train-images", "idx3-ubyte"),
    "y_train": ("train-labels", "idx1-ubyte"),
    "x_test": ("t10k-images", "idx3-ubyte"),
    "y_test": ("t10k-labels", "idx1-ubyte"),
}
Arrays = Mapping[str, np.ndarray]


def as_idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, TYPES[array.dtype.str[1:]], array.ndim])
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_idx(folder: Path, arrays: Arrays, separator: str = "-", zipped: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for key, array in arrays.items():
        stem, kind = SPELLINGS[key]
        content = gzip.compress(as_idx(array)) if zipped else as_idx(array)
        (folder / f"{stem}{separator}{kind}{'.gz' if zipped else ''}").write_bytes(content)
    return folder


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(0)
    sizes = {"x_train": (30, 5, 4), "y_train": (30,), "x_test": (10, 5, 4), "y_test": (10,)}
    return {key: rng.integers(0, 256, size, np.uint8) for key, size in sizes.items()}


@pytest.fixture
def as_mnist(arrays: Arrays, monkeypatch: pytest.MonkeyPatch) -> Arrays:
    """Small arrays that count as MNIST for this test."""
    digests = tuple(idx_digest(arrays[key]) for key in KEYS)
    known = datasets._SEARCHED["mnist"]
    small = datasets._Known(digests, known.licence, known.folders, known.archives)
    monkeypatch.setitem(datasets._SEARCHED, "mnist", small)
    monkeypatch.delenv("SDRSIM_DATA", raising=False)
    return arrays


def check(found: datasets.Dataset, arrays: Arrays) -> None:
    for array, key in zip((found.images, found.labels, found.test_images, found.test_labels), KEYS):
        assert array is not None
        assert array.dtype == np.uint8
        assert np.array_equal(array, arrays[key])


@given(
    st.sampled_from(sorted(TYPES)).flatmap(lambda d: hnp.arrays(np.dtype(d), hnp.array_shapes(max_dims=4, max_side=4))),
    st.booleans(),
)
def test_idx_round_trip(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, zipped: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(gzip.compress(as_idx(array)) if zipped else as_idx(array))
    found = load_idx(path)
    assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_idx(tmp_path: Path, zipped: bool) -> None:
    pack = gzip.compress if zipped else bytes
    whole, path = as_idx(np.arange(60, dtype=np.uint8).reshape(3, 5, 4)), tmp_path / "train-images-idx3-ubyte"
    for content, message in [
        (whole[:-1], r"59 bytes of data; expected 60 for shape \(3, 5, 4\)"),
        (whole[:10], "header cut short"),
        (whole[:2], "expected an IDX header"),
        (b"", "expected an IDX header"),
        (whole + b"x", "more bytes"),
        (b"\0\0\x07" + whole[3:], "first bytes 00 00 07 03"),
        (b"\1" + whole[1:], "first bytes 01"),
        (b"\0\0\x08\3" + b"\xff" * 12 + whole[16:], "60 bytes of data"),
    ]:
        path.write_bytes(pack(content))
        with pytest.raises(DataError, match=message) as caught:
            load_idx(path)
        assert str(path) in str(caught.value)
    packed = gzip.compress(whole)
    for content in (
        packed[:-9],
        packed[:20],
        packed[:-8] + b"wrong" + packed[-3:],
        packed[:12] + b"\0\xff" + packed[14:],
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match="gzip"):
            load_idx(path)
    with pytest.raises(DataError, match="no such file"):
        load_idx(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a directory"):
        load_idx(tmp_path)


def test_all_forms_give_the_same_arrays(tmp_path: Path, arrays: Arrays) -> None:
    forms = [write_idx(tmp_path / f"{s}{z}", arrays, s, z) for s in "-." for z in (False, True)]
    np.savez(tmp_path / "mine.npz", **arrays)
    np.savez_compressed(tmp_path / "small.npz", **arrays)
    forms += [tmp_path / "mine.npz", tmp_path / "small.npz", forms[0] / "t10k-images-idx3-ubyte"]
    for form in forms:
        check(load_images(form), arrays)
    mixed = write_idx(tmp_path / "mixed", {"x_train": arrays["x_train"], "y_test": arrays["y_test"]})
    write_idx(mixed, {"y_train": arrays["y_train"], "x_test": arrays["x_test"]}, ".", True)
    check(load_images(mixed), arrays)
    found = load_images(tmp_path / "mine.npz")
    assert (found.name, found.licence, found.source) == ("mine", "not known", str(tmp_path / "mine.npz"))
    assert repr(found) == "Dataset(mine: 30 + 10 test images 5x4 uint8, not known)"


def test_a_set_without_a_test_part(tmp_path: Path, arrays: Arrays) -> None:
    folder = write_idx(tmp_path / "mine", {key: arrays[key] for key in ("x_train", "y_train")})
    found = load_images(folder)
    assert (found.test_images, found.test_labels) == (None, None)
    assert repr(found) == "Dataset(mine: 30 images 5x4 uint8, not known)"
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"no y_train \(train-labels-idx1-ubyte\)"):
        load_images(folder)
    with pytest.raises(DataError, match="neither"):
        load_images(tmp_path)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)


def _pickled(path: Path) -> None:
    np.savez(path, x_train=np.array([object()]), y_train=np.zeros(1))


def _other_keys(path: Path) -> None:
    np.savez(path, a=np.zeros(3))


def _wrong_count(path: Path) -> None:
    np.savez(path, x_train=np.zeros((3, 2, 2)), y_train=np.zeros(2))


def _half_test(path: Path) -> None:
    np.savez(path, x_train=np.zeros((3, 2, 2)), y_train=np.zeros(3), x_test=np.zeros((3, 2, 2)))


def _text(path: Path) -> None:
    path.write_text("label,pixel\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_cut, "without an end record; expected a whole npz file"),
        (_flip, "damaged content"),
        (_pickled, "damaged content.*allow_pickle"),
        (_other_keys, "no x_train"),
        (_wrong_count, r"x_train of shape \(3, 2, 2\), y_train of shape \(2,\)"),
        (_half_test, "no y_test"),
        (_text, "begins with b'labe'"),
    ],
)
def test_damaged_npz(tmp_path: Path, arrays: Arrays, spoil: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **arrays)
    spoil(path)
    with pytest.raises(DataError, match=message) as caught:
        load_images(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("place", ["mnist", "", "MNIST/raw", "raw"])
@pytest.mark.parametrize("through", ["path", "SDRSIM_DATA", "cache"])
def test_places(tmp_path: Path, as_mnist: Arrays, monkeypatch: pytest.MonkeyPatch, place: str, through: str) -> None:
    root = tmp_path / "root"
    write_idx(root / place, as_mnist, zipped=place == "raw")
    if through == "path":
        found = load_dataset("mnist", root)
    else:
        monkeypatch.setenv("SDRSIM_CACHE" if through == "cache" else "SDRSIM_DATA", str(root))
        found = load_dataset("mnist")
    check(found, as_mnist)
    assert found.source == str(root / place)


def test_an_archive_goes_before_idx_files_and_an_explicit_path_before_all(
    tmp_path: Path, as_mnist: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "a" / "mnist", as_mnist)
    np.savez(tmp_path / "a" / "mnist" / "mnist.npz", **as_mnist)
    np.savez(tmp_path / "b.npz", **as_mnist)
    monkeypatch.setenv("SDRSIM_DATA", str(tmp_path / "a"))
    assert load_dataset("mnist").source == str(tmp_path / "a" / "mnist" / "mnist.npz")
    assert load_dataset("mnist", tmp_path / "b.npz").source == str(tmp_path / "b.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"not found .*{tmp_path / 'empty'}"):
        load_dataset("mnist", tmp_path / "empty")


def test_sdrsim_data(tmp_path: Path, as_mnist: Arrays, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Path(os.environ["SDRSIM_CACHE"])
    assert data_folders() == [cache]
    monkeypatch.setenv("SDRSIM_DATA", "")
    assert data_folders() == [cache]
    with pytest.raises(DataError, match=r"data set 'mnist'.*mnist/mnist.npz.*set SDRSIM_DATA"):
        load_dataset("mnist")
    monkeypatch.setenv("SDRSIM_DATA", str(tmp_path))
    assert data_folders() == [tmp_path, cache]
    monkeypatch.setenv("SDRSIM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"SDRSIM_DATA: got .*nowhere: no such folder"):
        load_dataset("mnist")
    assert len(load_dataset("digits8").images) == 1797
    with pytest.raises(DataError, match="no such file or folder"):
        load_dataset("mnist", tmp_path / "nowhere")
    monkeypatch.delenv("SDRSIM_CACHE")
    monkeypatch.setenv("SDRSIM_DATA", str(tmp_path))
    assert datasets.cache_folder().name == "sdrsim"


def test_another_set_under_the_name_is_refused(tmp_path: Path, as_mnist: Arrays) -> None:
    changed = {**as_mnist, "y_test": as_mnist["y_test"][::-1]}
    folder = write_idx(tmp_path / "mnist", changed)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte.*got SHA-256 .*expected .* for mnist; .*load_images"):
        load_dataset("mnist", tmp_path)
    check(load_images(folder), changed)
    np.savez(tmp_path / "wide.npz", **{key: array.astype(np.int64) for key, array in as_mnist.items()})
    with pytest.raises(DataError, match="dtype int64"):
        load_dataset("mnist", tmp_path / "wide.npz")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="no y_test"):
        load_dataset("mnist", tmp_path)
    (folder / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="no x_test; expected all of"):
        load_dataset("mnist", tmp_path)


def test_unknown_names() -> None:
    with pytest.raises(DataError, match=r"got 'minst'; expected digits8, mnist, fashion_mnist, .*; did you mean mnist"):
        load_dataset("minst")
    assert dataset_names()[:2] == ("digits8", "mnist")


def test_digits8() -> None:
    digits = load_dataset("digits8")
    assert (digits.images.shape, digits.images.dtype) == ((1797, 8, 8), np.uint8)
    assert (digits.images.min(), digits.images.max()) == (0, 16)
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert digits.test_images is None
    assert "CC BY 4.0" in digits.licence
    text = (Path(digits.source).parent / "LICENSE-digits8.txt").read_text(encoding="utf-8")
    assert "10.24432/C50P49, CC BY 4.0; test part, as distributed with scikit-learn." in text
    assert Path(digits.source).stat().st_size < 50_000


def test_digits8_is_scikit_learns_copy() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    theirs, ours = sklearn.load_digits(), load_dataset("digits8")
    assert np.array_equal(ours.images, theirs.images)
    assert np.array_equal(ours.labels, theirs.target)


@pytest.mark.data
def test_mnist(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    path = data_file("mnist/mnist.npz")
    mnist = load_dataset("mnist")
    assert mnist.source == str(path)
    assert mnist.test_images is not None
    assert mnist.test_labels is not None
    assert (mnist.images.shape, mnist.test_images.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(mnist.labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert round(float(mnist.images.mean()) / 255, 4) == 0.1307
    assert round(float(mnist.images.std()) / 255, 4) == 0.3081
    arrays = {
        "x_train": mnist.images,
        "y_train": mnist.labels,
        "x_test": mnist.test_images,
        "y_test": mnist.test_labels,
    }
    check(load_dataset("mnist", write_idx(tmp_path, arrays)), arrays)
    _flip(tmp_path / "train-images-idx3-ubyte")
    with pytest.raises(DataError, match="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db for mnist"):
        load_dataset("mnist", tmp_path)
