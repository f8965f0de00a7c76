"""Whole or not at all: what stands at the target after a failure of each kind."""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sdrsim.errors import FileFormatError
from sdrsim.files.atomic import atomic_write
from sdrsim.files.result import write_result
from sdrsim.files.state import save_state

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refuse(*_: object, **__: object) -> None:
    raise FULL


def write(target: Path, text: str, then: Callable[[], object]) -> None:
    with atomic_write(target) as temporary:
        temporary.write_text(text)
        then()


@pytest.mark.parametrize("old", [None, "old"])
@pytest.mark.parametrize("call", ["fsync", "replace", "close"])
def test_disk_full_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, call: str) -> None:
    target = tmp_path / "a.txt"
    if old:
        target.write_text(old)
    with pytest.raises(FileFormatError, match=r"no space left on device.*free some space"):
        write(target, "new", lambda: monkeypatch.setattr(os, call, refuse))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == (["a.txt"] if old else [])
    assert not old or target.read_text() == old


def test_an_error_in_the_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write(target, "half", lambda: 1 / 0)
    assert target.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_refusals_name_the_path_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    for path, message in [
        (tmp_path / "nowhere" / "a", "make the folder first"),
        (tmp_path / "file" / "a", "below a folder, not below a file"),
        (tmp_path, "choose a file name, not a folder"),
    ]:
        with pytest.raises(FileFormatError, match=message) as caught, atomic_write(path):
            pass
        assert str(path) in str(caught.value)
    monkeypatch.setattr(os, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(errno.EACCES, "")))
    with pytest.raises(FileFormatError, match=r"permission denied.*may write to"), atomic_write(tmp_path / "b"):
        pass


def test_mode_and_links_are_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "a", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    mask = os.umask(0o027)
    try:
        with atomic_write(tmp_path / "b"):
            pass
    finally:
        os.umask(mask)
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o640


LIMITED = """
import os, resource, sys
from pathlib import Path
import numpy as np
from sdrsim.errors import FileFormatError
from sdrsim.files import load_state, save_state
folder = Path(sys.argv[1])
old = {"a": np.arange(10)}
save_state(folder / "m.h5", "mac", old)
state = {f"a{i}": np.random.default_rng(i).random(2000) for i in range(40)}
failed = 0
for limit in range(1000, 700_000, 23_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, -1))
    try:
        save_state(folder / "m.h5", "mac", state)
    except FileFormatError as error:
        failed += 1
        assert "file too large" in str(error), error
        assert os.listdir(folder) == ["m.h5"]
        assert (load_state(folder / "m.h5", "mac")["a"] == old["a"]).all()
    else:
        break
assert failed > 20, failed
assert (load_state(folder / "m.h5", "mac")["a7"] == state["a7"]).all()
print("whole")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_write_the_system_refuses_anywhere_in_the_file(tmp_path: Path) -> None:
    """A limit on the size of files stops HDF5 at every place of the file: no crash, no silence, the old file whole."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr


KILLED = """
import sys
import numpy as np
from sdrsim.files import save_state
print("go", flush=True)
i = 0
while True:
    i += 1
    save_state(sys.argv[1], "mac", {"i": i, "a": np.full(20_000, i)})
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_a_killed_process_leaves_a_whole_file(tmp_path: Path) -> None:
    from sdrsim.files import load_state

    target = tmp_path / "m.h5"
    for wait in (0.05, 0.11, 0.17):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            threading.Event().wait(wait)
            process.send_signal(signal.SIGKILL)
        if target.exists():
            state = load_state(target, "mac")
            assert (state["a"] == state["i"]).all()
    assert target.exists()


def test_threads_write_side_by_side(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def work(i: int) -> None:
        try:
            for j in range(5):
                write_result(tmp_path / f"{i}.h5", {"t": {"x": range(j + 1)}}, {"i": i}, seed=j)
                save_state(tmp_path / "shared.h5", "mac", {"i": i})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.h5", "1.h5", "2.h5", "3.h5", "shared.h5"]
