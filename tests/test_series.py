"""Series by name: where they are found, what they hold, and that other files under the name are refused."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from sdrsim.errors import DataError, ParameterError
from sdrsim.files import TimeSeries, load_dataset, series
from sdrsim.files.series import series_names

TEXT = "date,a,b\n" + "".join(f"2020-01-01 {h:02}:00:00,{h}.5,-{h}e-1\n" for h in range(10))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten rows of two channels that count as ETTh1 for this test."""
    known = series._Known(sha256(TEXT.encode()).hexdigest(), "ETTh1.csv", ("ett", ""), (5, 2, 2), "none: a test")
    monkeypatch.setitem(series._KNOWN, "etth1", known)
    monkeypatch.delenv("SDRSIM_DATA", raising=False)
    (tmp_path / "ett").mkdir()
    file = tmp_path / "ett" / "ETTh1.csv"
    file.write_text(TEXT)
    return file


def test_what_a_series_holds(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDRSIM_DATA", str(small.parent.parent))
    d = load_dataset("etth1")
    assert isinstance(d, TimeSeries)
    assert d.series.dtype == np.float64
    assert np.array_equal(d.series, np.stack([np.arange(10) + 0.5, -np.arange(10) / 10], axis=1))
    assert d.names == ("a", "b")
    assert d.times[3] == np.datetime64("2020-01-01T03:00:00")
    assert d.splits == {"train": slice(0, 5), "validation": slice(5, 7), "test": slice(7, 9)}
    assert (d.source, d.licence) == (str(small), "none: a test")
    assert repr(d) == "TimeSeries(etth1: 10 times x 2 channels; train 5, validation 2, test 2; none)"


def test_parts_and_what_lies_before_them(small: Path) -> None:
    d = load_dataset("etth1", small)
    assert d.part("test")[:, 0].tolist() == [7.5, 8.5]
    assert d.part("validation", lead=5)[:, 0].tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5]
    with pytest.raises(ParameterError, match=r"part: got 'tset'; expected train, validation, test"):
        d.part("tset")
    for lead in (6, -1, True, 1.0):
        with pytest.raises(ParameterError, match=r"lead: got .*; expected a whole number, 0 .. 5"):
            d.part("validation", lead=lead)


@pytest.mark.parametrize("place", ["", "ett", "ett/ETTh1.csv"])
def test_places(small: Path, place: str) -> None:
    assert load_dataset("etth1", small.parent.parent / place).source == str(small)


def test_absent(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"data set 'etth1': got not found \(.*expected ett/ETTh1.csv; set SDRSIM_DATA"):
        load_dataset("etth1")
    monkeypatch.setenv("SDRSIM_CACHE", str(tmp_path / "none"))
    with pytest.raises(DataError, match=r"not found \(no folder to look in: SDRSIM_DATA is not set\)"):
        load_dataset("etth1")
    with pytest.raises(DataError, match="no such file or folder"):
        load_dataset("etth1", tmp_path / "nowhere")


def test_another_file_under_the_name_is_refused(small: Path) -> None:
    small.write_text(TEXT.replace("9.5", "9.6"))
    with pytest.raises(DataError, match=r"ETTh1.csv: got SHA-256 .*; expected .* for etth1; get ETTh1.csv again"):
        load_dataset("etth1", small)
    small.write_bytes(TEXT.encode()[:-20])
    with pytest.raises(DataError, match="SHA-256"):
        load_dataset("etth1", small)


@pytest.mark.data
def test_etth1(data_file: Callable[[str], Path], tmp_path: Path) -> None:
    path = data_file("ett/ETTh1.csv")
    d = load_dataset("etth1")
    assert d.source == str(path)
    assert d.series.shape == (17420, 7)
    assert np.isfinite(d.series).all()
    assert d.names == ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
    assert [str(t) for t in d.times[[0, -1]]] == ["2016-07-01T00:00:00", "2018-06-26T19:00:00"]
    assert np.all(np.diff(d.times) == np.timedelta64(1, "h"))
    assert d.splits == {"train": slice(0, 8640), "validation": slice(8640, 11520), "test": slice(11520, 14400)}
    assert d.series[0].tolist()[:2] == [5.827000141143799, 2.009000062942505]
    assert "CC BY-ND" in d.licence
    shutil.copy(path, tmp_path / "other name.csv")
    assert np.array_equal(load_dataset("etth1", tmp_path / "other name.csv").series, d.series)
    assert series_names() == ("etth1",)
