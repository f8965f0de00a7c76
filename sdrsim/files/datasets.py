"""Data sets by name: where they are looked for, in which forms, and the check that they are what the name says."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import DataError, did_you_mean
from sdrsim.files.idx import idx_digest
from sdrsim.files.images import KEYS, Parts, find_parts, read_parts
from sdrsim.files.series import TimeSeries, find_series, read_series, series_names

__all__ = ["Dataset", "data_folders", "dataset_names", "load_dataset", "load_images"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled set of images.

    Attributes
    ----------
    name : str
    images : ndarray (n, rows, columns)
        As in the files: uint8 in the sets known by name.
    labels : ndarray (n,)
    test_images, test_labels : ndarray or None
        None where the set has no test part of its own.
    source : str
        The file or folder it was read from.
    licence : str
    """

    name: str
    images: NDArray[Any]
    labels: NDArray[Any]
    test_images: NDArray[Any] | None
    test_labels: NDArray[Any] | None
    source: str
    licence: str

    def __repr__(self) -> str:
        rows = "x".join(str(n) for n in self.images.shape[1:])
        test = "" if self.test_images is None else f" + {len(self.test_images):,} test"
        licence = self.licence.partition(":")[0]
        return f"Dataset({self.name}: {len(self.images):,}{test} images {rows} {self.images.dtype}, {licence})"


@dataclass(frozen=True)
class _Known:
    """A set known by name: SHA-256 of its arrays in IDX form, in the order of KEYS, and its places below a folder."""

    digests: tuple[str, ...]
    licence: str
    folders: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()


_DIGITS = _Known(
    (
        "359cd13f0f514122884198b78a131df597421cbf5e93a76678fa96fc548f0d96",
        "ce71631c1f31ce56fa54f31d1d498fafacff59b001e6c30c4a5e29508aa277ad",
    ),
    "CC BY 4.0: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998, doi 10.24432/C50P49",
)
_SEARCHED = {
    "mnist": _Known(
        (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        "CC BY-SA 3.0",
        ("mnist", "", "MNIST/raw", "raw"),
        ("mnist.npz",),
    ),
    "fashion_mnist": _Known(
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        "MIT",
        ("fashion_mnist", "fashion-mnist", "", "FashionMNIST/raw", "raw"),
        ("fashion_mnist.npz", "fashion-mnist.npz"),
    ),
}


def dataset_names() -> tuple[str, ...]:
    """Names `load_dataset` knows.

    Examples
    --------
    >>> dataset_names()
    ('digits8', 'mnist', 'fashion_mnist', 'etth1')
    """
    return ("digits8", *_SEARCHED, *series_names())


def cache_folder() -> Path:
    """The user's cache folder for data sets: the environment variable SDRSIM_CACHE, or the platform's own."""
    if chosen := os.environ.get("SDRSIM_CACHE"):
        return Path(chosen)
    import pooch

    return Path(pooch.os_cache("sdrsim"))


def data_folders(path: str | os.PathLike[str] | None = None) -> list[Path]:
    """Where data sets are looked for, in order.

    An explicit `path` stands alone. Without one: the folder of the environment variable SDRSIM_DATA (empty counts as
    unset), then the user's cache folder when there is one.

    Raises
    ------
    DataError
        `path`, or the folder SDRSIM_DATA names, is not there.
    """
    if path is not None:
        if not Path(path).exists():
            raise DataError(f"data folder {os.fspath(path)}", got="no such file or folder", do="check the path")
        return [Path(path)]
    folders = []
    if named := os.environ.get("SDRSIM_DATA"):
        if not Path(named).is_dir():
            do = "correct the variable or unset it"
            raise DataError("SDRSIM_DATA", got=f"{named}: no such folder", expected="a folder with data sets", do=do)
        folders.append(Path(named))
    cache = cache_folder()
    return [*folders, cache] if cache.is_dir() else folders


@overload
def load_dataset(name: Literal["etth1"], path: str | os.PathLike[str] | None = None) -> TimeSeries: ...
@overload
def load_dataset(
    name: Literal["digits8", "mnist", "fashion_mnist"], path: str | os.PathLike[str] | None = None
) -> Dataset: ...
@overload
def load_dataset(name: str, path: str | os.PathLike[str] | None = None) -> Dataset | TimeSeries: ...
def load_dataset(name: str, path: str | os.PathLike[str] | None = None) -> Dataset | TimeSeries:
    """Load a data set by name, checked to be that set.

    Parameters
    ----------
    name : str
        One of `dataset_names()`. ``digits8`` (1,797 images 8x8, values 0..16) comes with the package and needs no
        file; the other images are looked for in `data_folders(path)` as an npz file with the keys x_train, y_train,
        x_test, y_test or as the four IDX files, plain or gzipped. ``etth1`` (7 channels, hourly) is ``ett/ETTh1.csv``.
    path : str or path, optional
        The file, or the folder to search instead of SDRSIM_DATA and the cache folder.

    Returns
    -------
    Dataset, or TimeSeries for a series

    Raises
    ------
    DataError
        An unknown name; a set that is not there, is damaged, or has other content than its name says.

    Examples
    --------
    >>> load_dataset("digits8").images.shape
    (1797, 8, 8)
    """
    if name == "digits8":
        return _digits8()
    if name in series_names():
        return read_series(name, find_series(name, data_folders(path)))
    if name not in _SEARCHED:
        do = did_you_mean(name, dataset_names(), n=2) or "load_images(path) reads a set of your own"
        raise DataError("data set", got=repr(name), expected=", ".join(dataset_names()), do=do)
    known = _SEARCHED[name]
    folders = data_folders(path)
    for folder in folders:
        parts = find_parts(folder, known.folders, known.archives)
        if parts is not None:
            return _checked(name, known, parts)
    where = ", ".join(str(folder) for folder in folders) or "no folder to look in: SDRSIM_DATA is not set"
    expected = f"{name}/{known.archives[0]}, or {name}/train-images-idx3-ubyte[.gz] and the other three IDX files"
    do = "set SDRSIM_DATA to the folder that holds it, or pass the path"
    raise DataError(f"data set {name!r}", got=f"not found ({where})", expected=expected, do=do)


def load_images(path: str | os.PathLike[str]) -> Dataset:
    """Load any labelled image set in MNIST's formats, without the check that it is a known one.

    Parameters
    ----------
    path : str or path
        An npz file with the keys x_train, y_train and perhaps x_test, y_test; or a folder that holds one
        (``*.npz``, if it is the only one) or the IDX files, plain or gzipped. The test part may be missing.

    Returns
    -------
    Dataset
        Named after the file or folder; licence "not known".

    Raises
    ------
    DataError
        Nothing to read there, a damaged file, or images and labels of different counts.
    """
    (source,) = data_folders(path)
    archives = [file.name for file in sorted(source.glob("*.npz"))] if source.is_dir() else []
    parts = find_parts(source, ("",), archives if len(archives) == 1 else ())
    if parts is None:
        got = f"{len(archives)} npz files, no IDX files" if archives else "neither an npz file nor IDX files"
        raise DataError(str(source), got=got, expected="one npz file, or train-images-idx3-ubyte[.gz] and its labels")
    return _dataset(source.stem, read_parts(parts), parts, "not known")


def _dataset(name: str, arrays: Sequence[NDArray[Any] | None], parts: Parts, licence: str) -> Dataset:
    images, labels, test_images, test_labels = arrays
    assert images is not None and labels is not None  # noqa: PT018 (read_parts insists on the training part)
    return Dataset(name, images, labels, test_images, test_labels, str(parts.source), licence)


def _checked(name: str, known: _Known, parts: Parts) -> Dataset:
    """The set, if every array is the one the name promises."""
    arrays = read_parts(parts)
    for key, array, digest in zip(KEYS, arrays, known.digests):
        file = f"{parts.files[key]} ({key})" if key in parts.files else f"{parts.source}"
        if array is None:
            raise DataError(file, got=f"no {key}", expected=f"all of {', '.join(KEYS)}", do="add the missing part")
        found = idx_digest(array) if array.dtype == np.uint8 else f"dtype {array.dtype}, not uint8"
        if found != digest:
            do = f"get {name} again, or read another set of this format with sdrsim.files.load_images(path)"
            raise DataError(file, got=f"SHA-256 {found}", expected=f"{digest} for {name}", do=do)
    return _dataset(name, arrays, parts, known.licence)


def _digits8() -> Dataset:
    file = Path(__file__).parent / "data" / "digits8.npz"
    return _checked("digits8", _DIGITS, Parts(file, {}))
