"""Everything printed in the README and the docs runs, prints what is printed there, and points to what exists.

A ``python`` block is executed; a ``text`` block right after it is what it prints. In the README each block stands
alone, in a document of docs/ they share their names. ``python file=NAME`` is written to a file instead; the ``sdrsim``
lines of a ``sh`` block marked ``run`` are run. All of it happens in an empty folder.
"""

import io
import re
import warnings
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sdrsim.errors import SaturationWarning
from sdrsim.studies.cli import main as program

TOP = Path(__file__).resolve().parents[1]
README = TOP / "README.md"
DOCUMENTS = [README, *sorted((TOP / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```\n?", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)#\s]+)(#[^)]*)?\)")
DEMO = "sdrsim-demo/demo.h5"  # where the last line of the demo, with its time, begins


class Block(NamedTuple):
    """A fenced block: its language, what else its first line says, its text, and the text block right after it."""

    language: str
    options: list[str]
    text: str
    prints: str | None


def blocks(path: Path) -> list[Block]:
    text = path.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    made = []
    for i, match in enumerate(found):
        after = found[i + 1] if i + 1 < len(found) else None
        follows = after is not None and after[1] == "text" and not text[match.end() : after.start()].strip()
        made.append(Block(match[1], match[2].split(), match[3], after[3] if follows and after else None))
    return made


def same_lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").splitlines()]


def run_block(block: Block, names: dict[str, Any], where: str) -> None:
    out = io.StringIO()
    with redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        exec(compile(block.text, where, "exec"), names)
    if block.prints is not None:
        assert same_lines(out.getvalue()) == same_lines(block.prints), where


def run_lines(block: Block) -> None:
    for line in block.text.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["sdrsim"]:
            with pytest.raises(SystemExit) as end, redirect_stdout(io.StringIO()):
                program.main(words[1:])
            assert not end.value.code, line


@pytest.fixture(autouse=True)
def _away(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")


def readme_blocks() -> list[Block]:
    return [b for b in blocks(README) if b.language == "python"]


def test_readme_has_its_script():
    assert len(readme_blocks()) > 0
    assert readme_blocks()[0].prints is not None


@pytest.mark.parametrize("i", range(len(readme_blocks())))
def test_readme_blocks_run_alone(i):
    run_block(readme_blocks()[i], {"__name__": "__main__"}, f"README.md, python block {i}")


@pytest.mark.parametrize("path", DOCUMENTS[1:], ids=lambda p: p.relative_to(TOP).as_posix())
def test_documents_run(path):
    names: dict[str, Any] = {"__name__": "__main__"}
    for i, block in enumerate(blocks(path)):
        file = next((o.removeprefix("file=") for o in block.options if o.startswith("file=")), None)
        if block.language == "python" and file is not None:
            Path(file).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            run_block(block, names, f"{path.relative_to(TOP)}, block {i}")
        elif block.language == "sh" and "run" in block.options:
            run_lines(block)


def test_readme_shows_what_the_demo_prints(capsys):
    with pytest.raises(SystemExit) as end:
        program.main(["demo"])
    assert not end.value.code
    shown = [b for b in blocks(README) if b.language == "text" and DEMO in b.text]
    assert len(shown) == 1
    printed = capsys.readouterr().out
    assert same_lines(shown[0].text.split(DEMO)[0]) == same_lines(printed.split(DEMO)[0])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(TOP).as_posix())
def test_links_lead_somewhere(path):
    targets = [m[1] for m in LINK.finditer(FENCE.sub("", path.read_text(encoding="utf-8")))]
    local = [t for t in targets if not t.startswith(("http://", "https://", "mailto:"))]
    assert [t for t in local if not (path.parent / t).exists()] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(TOP).as_posix())
def test_commands_exist(path):
    lines = [line for b in blocks(path) if b.language == "sh" for line in b.text.splitlines()]
    words = [line.split() for line in lines if line.startswith("sdrsim ")]
    assert [w for w in words if w[1] not in program.COMMANDS and not w[1].startswith("-")] == []
    rules = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    goals = [goal for line in lines if line.startswith("make ") for goal in line.split("#")[0].split()[1:]]
    assert [g for g in goals if "=" not in g and g not in rules] == []
