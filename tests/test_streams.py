"""Streams: what is appended comes back, in bounded memory; a killed or refused run leaves a readable prefix."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdrsim.errors import FileFormatError, ParameterError
from sdrsim.files.streams import StreamWriter, read_codes, read_stream
from sdrsim.files.table import Table

COLUMNS = {"tick": "i8", "g": "f4", "on": "?", "name": "U3", "small": "u1"}


@given(
    sizes=st.lists(st.none() | st.integers(0, 9), max_size=6),
    codes=st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=8), max_size=9),
    chunk=st.integers(1, 6),
    flushed=st.booleans(),
)
@settings(max_examples=30)
def test_what_goes_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[Any], codes: list[list[int]], chunk: int, flushed: bool
) -> None:
    """None stands for one row of scalars; a log read before the end is the same prefix that the closed file holds."""
    path = tmp_path_factory.getbasetemp() / "stream.h5"
    parts, at = [], 0
    with StreamWriter(path, COLUMNS, chunk, units={"tick": "ms"}) as stream:
        for size in sizes:
            ticks = np.arange(at, at + (1 if size is None else size))
            at += len(ticks)
            row = {
                "tick": ticks,
                "g": ticks / 4,
                "on": ticks % 2 == 0,
                "name": ticks.astype("U3"),
                "small": ticks % 256,
            }
            parts.append(Table(row))
            stream.append(**({name: column[0] for name, column in row.items()} if size is None else row))
        for i, code in enumerate(codes):
            stream.append_code(i - 2, code)
        if flushed:
            stream.flush()
            before = read_stream(stream.log_path), read_codes(stream.log_path)
    table, events = read_stream(path), read_codes(path)
    whole = Table.concat(parts) if parts else Table({name: [] for name in COLUMNS})
    assert len(table) == len(whole)
    assert all(np.array_equal(table[name], whole[name]) for name in COLUMNS if len(whole))
    assert [table[name].dtype for name in COLUMNS] == [np.dtype(kind) for kind in COLUMNS.values()]
    assert table.units == {"tick": "ms"}
    assert events.ticks.tolist() == [i - 2 for i in range(len(codes))]
    assert [events.indices[a:b].tolist() for a, b in zip(events.indptr, events.indptr[1:])] == codes
    assert (events.ticks.dtype, events.indptr.dtype, events.indices.dtype) == (np.int64, np.int64, np.int32)
    if flushed:
        assert before[0] == table
        assert all(np.array_equal(a, b) for a, b in zip(before[1], events))
    assert [p.name for p in path.parent.glob("stream*")] == ["stream.h5"]


def test_memory_is_bounded(tmp_path: Path) -> None:
    with StreamWriter(tmp_path / "a.h5", {"x": "f8"}, chunk=100) as stream:
        for i in range(20):
            stream.append(x=np.full(1000, i))
            stream.append_code(i, np.arange(400))
            held = sum(map(len, stream._codes))
            assert held <= 16 * 100
        assert stream.log_path.stat().st_size > 20 * 1000 * 8 - 100 * 8
    assert read_stream(tmp_path / "a.h5")["x"].tolist() == np.repeat(np.arange(20), 1000).tolist()


def test_a_scalar_stands_for_every_row(tmp_path: Path) -> None:
    with StreamWriter(tmp_path / "a.h5", {"tick": "i8", "x": "f8"}) as stream:
        stream.append(tick=7, x=[1, 2, 3])
    assert read_stream(tmp_path / "a.h5") == Table({"tick": [7, 7, 7], "x": [1.0, 2.0, 3.0]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"tick": 1}, "got tick; expected tick, small"),
        ({"tick": 1, "small": 1, "more": 1}, "got tick, small, more"),
        ({"tick": [1, 2], "small": [1, 2, 3]}, "lengths"),
        ({"tick": 1.5, "small": 1}, "value of 'tick'"),
        ({"tick": 1, "small": 256}, "does not fit uint8"),
        ({"tick": 1, "small": -1}, "does not fit uint8"),
        ({"tick": 1, "small": "a"}, "value of 'small'"),
        ({"tick": [[1]], "small": 1}, "2-D"),
        ({"tick": None, "small": 1}, "dtype object"),
    ],
)
def test_refused_rows_change_nothing(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    with StreamWriter(tmp_path / "a.h5", {"tick": "i8", "small": "u1"}) as stream:
        stream.append(tick=0, small=255)
        with pytest.raises(ParameterError, match=message):
            stream.append(**values)
    assert read_stream(tmp_path / "a.h5") == Table({"tick": [0], "small": [255]})


def test_refused_codes_columns_and_chunks(tmp_path: Path) -> None:
    with StreamWriter(tmp_path / "a.h5", {"name": "U2"}) as stream:
        for tick, indices in [(0, [-1]), (0, [2**31]), (0, [0.5]), (0, [[1]]), (0.5, [1]), (True, [1]), (2**63, [1])]:
            with pytest.raises(ParameterError, match="of a code"):
                stream.append_code(tick, indices)  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match="wider column"):
            stream.append(name="abc")
    assert len(read_codes(tmp_path / "a.h5").ticks) == len(read_stream(tmp_path / "a.h5")) == 0
    for columns, message in [({"x": "O"}, "dtype object"), ({"x": "no"}, "column 'x'"), ({"a/b": "i8"}, "column name")]:
        with pytest.raises(ParameterError, match=message):
            StreamWriter(tmp_path / "b.h5", columns)
    for chunk in (0, -1, 1.5, True):
        with pytest.raises(ParameterError, match="chunk"):
            StreamWriter(tmp_path / "b.h5", {}, chunk)  # type: ignore[arg-type]
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_an_exception_keeps_the_log_and_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    for x, fails in [(1, False), (2, True)]:
        try:
            with StreamWriter(path, {"x": "i8"}) as stream:
                stream.append(x=x)
                if fails:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
    assert read_stream(path)["x"].tolist() == [1]
    assert read_stream(stream.log_path)["x"].tolist() == [2]
    with pytest.raises(FileFormatError, match="after close"):
        stream.append(x=3)
    stream.close()
    assert stream.log_path.exists()


KILLED = """
import sys
from sdrsim.files import StreamWriter
stream = StreamWriter(sys.argv[1], {"x": "i8"}, chunk=64)
for i in range(10**9):
    stream.append(x=i)
    stream.append_code(i, [i % 7, 100 + i % 9])
    if i == 5000:
        print("go", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_a_prefix(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    with pytest.raises(FileFormatError, match=r"log of a run that did not end; pass .*a\.h5\.part"):
        read_stream(path)
    with pytest.raises(FileFormatError, match="did not end"):
        read_codes(path)
    log = tmp_path / "a.h5.part"
    x, codes = read_stream(log)["x"], read_codes(log)
    assert len(x) >= 5001 - 64
    assert x.tolist() == list(range(len(x)))
    assert codes.ticks.tolist() == list(range(len(codes.ticks)))
    assert codes.indices[0::2].tolist() == [i % 7 for i in codes.ticks]


def test_every_cut_of_a_log_is_a_prefix_or_an_error(tmp_path: Path) -> None:
    stream = StreamWriter(tmp_path / "a.h5", {"x": "i8"}, chunk=4)
    stream.append(x=np.arange(20))
    stream.append_code(0, [1, 2, 3])
    stream.flush()
    whole, log = stream.log_path.read_bytes(), tmp_path / "cut.part"
    lengths = []
    for n in range(len(whole) + 1):
        log.write_bytes(whole[:n])
        try:
            x = read_stream(log)["x"]
        except FileFormatError:
            assert not lengths, "a longer prefix cannot be less readable"
        else:
            assert x.tolist() == list(range(len(x)))
            lengths.append(len(x))
    assert sorted(set(lengths)) == [0, 4, 8, 12, 16, 20]
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 100).tolist():
        torn = bytearray(whole)
        torn[place] ^= 1 << int(rng.integers(8))
        log.write_bytes(torn)
        try:
            x = read_stream(log)["x"]
        except FileFormatError:
            continue
        assert x.tolist() == list(range(len(x)))
    stream.close()


def test_disk_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.h5"
    stream = StreamWriter(path, {"x": "i8"}, chunk=2)
    stream.append(x=[0, 1, 2])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(FileFormatError, match=r"no space left.*what was recorded is in .*a\.h5\.part"):
            stream.close()
    assert not path.exists()
    assert read_stream(tmp_path / "a.h5.part")["x"].tolist() == [0, 1, 2]
    (tmp_path / "file").touch()
    for target in (tmp_path / "nowhere" / "a.h5", tmp_path / "file" / "a.h5", tmp_path):
        with pytest.raises(FileFormatError, match="cannot write"):
            StreamWriter(target, {"x": "i8"})


LIMITED = """
import resource, sys
from sdrsim.errors import FileFormatError
from sdrsim.files import StreamWriter, read_stream
stream = StreamWriter(sys.argv[1], {"x": "i8"}, chunk=100)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, -1))
try:
    for i in range(100_000):
        stream.append(x=i)
except FileFormatError as error:
    assert "file too large" in str(error) and "kept" in str(error), error
x = read_stream(stream.log_path)["x"].tolist()
assert x == list(range(len(x))) and len(x) == 100 * ((50_000 - 200) // 821), len(x)
print("prefix")  # 821 bytes: a block of 100 rows with its head; 200: more than the header of the log
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_refused_write_leaves_whole_blocks(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "a.h5")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "prefix"), done.stderr


def test_a_log_that_others_changed_is_not_sealed(tmp_path: Path) -> None:
    stream = StreamWriter(tmp_path / "a.h5", {"x": "i8"}, chunk=4)
    stream.append(x=np.arange(20))
    stream.flush()
    content = bytearray(stream.log_path.read_bytes())
    content[-30] ^= 1
    stream.log_path.write_bytes(content)
    with pytest.raises(FileFormatError, match="n_rows=16"):
        stream.close()
    assert not (tmp_path / "a.h5").exists()


def test_foreign_and_damaged_files(tmp_path: Path) -> None:
    from sdrsim.files.result import write_result

    path = tmp_path / "a.h5"
    with StreamWriter(path, {"x": "i8"}) as stream:
        stream.append(x=np.arange(100))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(FileFormatError, match="cut"):
        read_stream(path)
    write_result(path, {}, {}, 0)
    with pytest.raises(FileFormatError, match="an sdrsim result file; expected an sdrsim stream file"):
        read_codes(path)
    with pytest.raises(FileFormatError, match="no such file"):
        read_stream(tmp_path / "b.h5")
