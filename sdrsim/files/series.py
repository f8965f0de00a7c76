"""Time series known by name: their files, the check that they are what the name says, and their official parts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sdrsim.errors import DataError, ParameterError

__all__ = ["TimeSeries", "find_series", "read_series", "series_names"]


@dataclass(frozen=True, eq=False)
class TimeSeries:
    """A series of several channels with its times and its official parts.

    Attributes
    ----------
    name : str
    series : ndarray (n_times, n_channels) float64
        As in the file, neither scaled nor filled.
    names : tuple of str
        The channels.
    times : ndarray (n_times,) datetime64[s]
    splits : mapping of str to slice
        Rows of 'train', 'validation' and 'test'; rows past the last part belong to none.
    source : str
        The file it was read from.
    licence : str
    """

    name: str
    series: NDArray[np.float64]
    names: tuple[str, ...]
    times: NDArray[np.datetime64]
    splits: Mapping[str, slice] = field(repr=False)
    source: str
    licence: str

    def part(self, name: str, lead: int = 0) -> NDArray[np.float64]:
        """Rows of one part, preceded by `lead` rows of the part before.

        With ``lead`` the length of a forecaster's window, the first forecast is of the first row of the part: the usual
        way of scoring validation and test.

        Raises
        ------
        ParameterError
            A name that is no part, or more rows before it than there are.
        """
        if name not in self.splits:
            raise ParameterError("part", got=repr(name), expected=", ".join(self.splits))
        rows = self.splits[name]
        if isinstance(lead, bool) or not isinstance(lead, (int, np.integer)) or not 0 <= lead <= rows.start:
            raise ParameterError("lead", got=repr(lead), expected=f"a whole number, 0 .. {rows.start}")
        return self.series[rows.start - int(lead) : rows.stop]

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {s.stop - s.start:,}" for name, s in self.splits.items())
        shape = f"{self.series.shape[0]:,} times x {self.series.shape[1]} channels"
        return f"TimeSeries({self.name}: {shape}; {parts}; {self.licence.partition(':')[0]})"


@dataclass(frozen=True)
class _Known:
    """A series known by name: SHA-256 of its file, the file's name, its places below a folder, sizes of its parts."""

    digest: str
    file: str
    folders: tuple[str, ...]
    parts: tuple[int, int, int]
    licence: str


_KNOWN = {
    "etth1": _Known(
        "f18de3ad269cef59bb07b5438d79bb3042d3be49bdeecf01c1cd6d29695ee066",
        "ETTh1.csv",
        ("ett", "", "ETT-small", "ETDataset/ETT-small"),
        (8640, 2880, 2880),  # 12, 4 and 4 months of 30 days
        "CC BY-ND 4.0: Zhou et al. 2021, Informer, AAAI; github.com/zhouhaoyi/ETDataset",
    )
}


def series_names() -> tuple[str, ...]:
    """Names of the series `sdrsim.files.load_dataset` knows.

    Examples
    --------
    >>> series_names()
    ('etth1',)
    """
    return tuple(_KNOWN)


def find_series(name: str, folders: Iterable[Path]) -> Path:
    """The file of a series, the first found in `folders` (one of which may be the file itself).

    Raises
    ------
    DataError
        It is in none of them.
    """
    known, looked = _KNOWN[name], list(folders)
    for place in looked:
        if place.is_file():
            return place
        for below in known.folders:
            if (place / below / known.file).is_file():
                return place / below / known.file
    where = ", ".join(str(place) for place in looked) or "no folder to look in: SDRSIM_DATA is not set"
    do = "set SDRSIM_DATA to the folder that holds it, or pass the path"
    expected = f"{known.folders[0]}/{known.file}"
    raise DataError(f"data set {name!r}", got=f"not found ({where})", expected=expected, do=do)


def read_series(name: str, path: Path) -> TimeSeries:
    """Read a series from its comma-separated file: a header, then a time and one number a channel.

    Raises
    ------
    DataError
        The file cannot be read or is not the one the name says.
    """
    known = _KNOWN[name]
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(str(path), got=str(error), expected=f"the file of {name}") from error
    found = sha256(content).hexdigest()
    if found != known.digest:
        got = f"SHA-256 {found} of {len(content):,} bytes"
        raise DataError(str(path), got=got, expected=f"{known.digest} for {name}", do=f"get {known.file} again")
    series, names, times = _parsed(content.decode("ascii"))
    ends = np.cumsum((0, *known.parts)).tolist()
    splits = {part: slice(ends[i], ends[i + 1]) for i, part in enumerate(("train", "validation", "test"))}
    return TimeSeries(name, series, names, times, splits, str(path), known.licence)


def _parsed(text: str) -> tuple[NDArray[np.float64], tuple[str, ...], NDArray[Any]]:
    """Numbers, names of the channels, times."""
    header, _, body = text.partition("\n")
    names = tuple(header.strip().split(",")[1:])
    times = np.array([line.partition(",")[0] for line in body.splitlines()], "datetime64[s]")
    series = np.loadtxt(StringIO(body), delimiter=",", usecols=range(1, len(names) + 1))
    return series, names, times
