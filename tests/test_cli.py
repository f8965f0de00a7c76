"""The command line: what is printed, what is written, how it ends."""

import functools
import json
import os
import signal
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from sdrsim.files import Table, write_result
from sdrsim.studies import study as framework
from sdrsim.studies.cli import main as program
from sdrsim.studies.cli.rerun import differences, is_timing
from sdrsim.studies.cli.settings import settings
from sdrsim.studies.study import Study, run_study, study_from_file

LAW = Path(__file__).with_name("law_study.py")
SDRSIM = [sys.executable, "-c", "from sdrsim.studies.cli.main import main; main()"]


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """``cli("run", ...)`` runs the program in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            program.main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call


@pytest.fixture
def registered(monkeypatch):
    """The law study as the only registered one, under the name 'law'; the module, to be changed by a test."""
    study_from_file(LAW)
    module = sys.modules["sdrsim_study_law_study"]
    parts = ("TITLE", "CITATION", "StudyParams", "QUICK", "run", "draw", "checks")
    copy = SimpleNamespace(**{part: getattr(module, part) for part in parts})
    point = SimpleNamespace(name="law", load=lambda: copy)
    monkeypatch.setattr(framework, "iter_modules", lambda path: [])
    monkeypatch.setattr(metadata, "entry_points", lambda group, name="law": [point] if name == "law" else [])
    return copy


# ---- run ------------------------------------------------------------------------------------------------------


def test_run_writes_the_file_and_the_figure(cli, registered, tmp_path):
    code, out, err = cli("run", "law", "--quick", "--seed", 5)
    assert code == 0
    stem = "law-seed5-quick"
    files = {f"{stem}.{e}" for e in ("h5", "svg", "pdf", "png", "hits.csv", "time.csv")}
    assert {p.name for p in (tmp_path / "results").iterdir()} == files
    assert all(name in out for name in files)
    assert "share of hits" in out
    assert "points 6/6" in err


def test_run_json_is_one_object_of_the_promised_form(cli, registered):
    code, out, _ = cli("run", "law", "--quick", "--json", "--out", "here")
    made = json.loads(out)
    assert code == 0
    assert out.count("\n") == 1
    assert list(made) == ["study", "params", "seed", "checks", "files", "wall_s"]
    assert (made["study"], made["seed"], made["params"]["n_trials"]) == ("law", 0, 200)
    assert all(
        list(c) == ["name", "value", "low", "high", "n", "target", "kind", "ok", "source"] for c in made["checks"]
    )
    assert all(Path(f).is_file() for f in made["files"])
    assert [Path(f).suffix for f in made["files"]] == [".h5", ".svg", ".pdf", ".png", ".csv", ".csv"]


def test_run_to_a_file_without_a_figure(cli, registered, tmp_path):
    assert cli("run", "law", "--quick", "--no-figure", "--out", "my.h5")[0] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["my.h5"]


def test_a_failed_check_is_exit_1_and_still_writes(cli, registered):
    code, out, _ = cli("run", "law", "--set", "claimed=0.4", "--json")
    made = json.loads(out)
    assert code == 1
    assert [c["ok"] for c in made["checks"]] == [False, True]
    assert Path(made["files"][0]).is_file()


def test_a_known_deviation_is_told_and_does_not_fail(cli, registered):
    def checks(tables):
        check = framework.Check
        return [check("score", 0.8, low=0.9, target=0.91, kind="published", source="paper", deviation="other data")]

    registered.checks = checks
    code, out, _ = cli("run", "law", "--quick", "--no-figure")
    assert code == 0
    assert "score deviates: other data" in out
    code, out, _ = cli("run", "law", "--quick", "--no-figure", "--json")
    (check,) = json.loads(out)["checks"]
    assert (check["ok"], check["deviation"]) == (False, "other data")


def test_run_a_file_named_on_the_command_line(cli, tmp_path):
    code, out, _ = cli("run", LAW, "--quick", "--json")
    assert code == 0
    assert json.loads(out)["study"] == "law_study.py"
    file = json.loads(out)["files"][0]
    assert cli("figure", file)[0] == 2
    assert cli("figure", file, "--study", LAW, "--out", "again")[0] == 0
    assert Path("again.svg").read_bytes() == Path(file).with_suffix(".svg").read_bytes()
    assert cli("rerun", file)[0] == 2
    assert cli("rerun", file, "--study", LAW)[0] == 0


# ---- settings -------------------------------------------------------------------------------------------------


def test_toml_quick_and_set_the_more_specific_wins(cli, registered):
    Path("mine.toml").write_text(
        'study = "law"\nseed = 4\n[params]\nn_points = 3\nn_trials = 50\n[params.coin]\np_hit = 0.5\n'
    )
    arguments = ("run", "mine.toml", "--quick", "--set", "n_points=2", "--set", "claimed=0.5", "--json")
    made = json.loads(cli(*arguments)[1])
    params = made["params"]
    assert (made["seed"], params["n_points"], params["n_trials"], params["claimed"]) == (4, 2, 50, 0.5)
    assert params["coin"] == {"p_hit": 0.5, "name": "farthing"}
    assert json.loads(cli(*arguments, "--seed", 9)[1])["seed"] == 9


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n_points=3", 3),
        ("n_points=1_000", 1000),
        ("claimed=.5", 0.5),
        ("claimed=1e-3", 1e-3),
        ("labels=x,y", ["x", "y"]),
        ('labels=["x", "y"]', ["x", "y"]),
        ("labels=1,2", (1, 2)),
        ("coin.name=3", "3"),
        ("coin.name=a=b", "a=b"),
        ("coin.name=", ""),
    ],
)
def test_set_reads_values_as_the_parameter_declares_them(text, value):
    name = text.partition("=")[0].split(".")
    made = settings([text], study_from_file(LAW).params_type)
    for part in name:
        made = made[part]
    assert made == value
    assert type(made) is type(value)


def test_set_optional_choice_and_union():
    from typing import Literal

    from sdrsim.engine.params import Params

    class Mine(Params):
        rule: Literal["draw", "max"] = "draw"
        cap: float | None = None
        tag: str | None = None
        k: int | str = 1
        on: bool = False

    read = settings(["rule=max", "cap=none", "tag=None", "k=two", "on=true"], Mine)
    assert read == {"rule": "max", "cap": None, "tag": None, "k": "two", "on": True}
    assert settings(["cap=.25", "tag=5", "k=5", "on=False"], Mine) == {"cap": 0.25, "tag": "5", "k": 5, "on": False}


# ---- bad input: exit 2, one message, no traceback, nothing written --------------------------------------------

TOMLS = {
    "broken.toml": "study = \n",
    "unknown.toml": 'studdy = "law"\n',
    "type.toml": 'study = "law"\nseed = "one"\n',
    "none.toml": "seed = 1\n",
    "code.toml": 'study = "law_study.py"\n',
    "params.toml": 'study = "law"\n[params]\nn_trails = 3\n',
    "ok.toml": 'study = "law"\n',
}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "lwa"), "did you mean law"),
        (("run", "law", "--set", "n_trails=3"), "did you mean n_trials"),
        (("run", "law", "--set", "n_trials=0"), "greater than or equal to 1"),
        (("run", "law", "--set", "n_trials=many"), "integer"),
        (("run", "law", "--set", "coin.p_hit=nan"), "p_hit"),
        (("run", "law", "--set", "n_trials"), "NAME=VALUE"),
        (("run", "law", "--set", "coin.=3"), "NAME=VALUE"),
        (("run", "law", "--seed", "-1"), "0 .. 2**64 - 1"),
        (("run", "law", "--seed", "one"), "--seed"),
        (("run", "law", "--data-dir", "nowhere"), "nowhere"),
        (("run", "law", "--out", "file/below"), "cannot write"),
        (("run", "law", "--study", "x.py"), "--study"),
        (("run", "missing.py"), "no such file"),
        (("run", "missing.toml"), "no such file"),
        (("run", "broken.toml"), "TOML"),
        (("run", "unknown.toml"), "did you mean study"),
        (("run", "type.toml"), "whole number"),
        (("run", "none.toml"), "--study"),
        (("run", "code.toml"), "--study"),
        (("run", "params.toml"), "did you mean n_trials"),
        (("run", "ok.toml", "--study", "missing.py"), "no such file"),
        (("run",), "Missing argument"),
        (("run", "law", "--sed", "3"), "--seed"),
        (("runn",), "'run'"),
        (("figure", "missing.h5"), "missing.h5"),
        (("show", "file"), "file"),
        (("show", "foreign.h5"), "foreign.h5"),
        (("rerun", "script.h5"), "no study made"),
        (("figure", "script.h5"), "no study made"),
        (("verify", "lwa"), "did you mean law"),
        (("verify", "law", "--write", "R.md"), "all studies"),
        (("verify", "--data-dir", "nowhere"), "nowhere"),
        (("data", "list", "--data-dir", "nowhere"), "nowhere"),
        (("data", "fetch"), "fetch"),
        (("studies", "lwa"), "did you mean law"),
    ],
)
def test_bad_input_is_exit_2_with_one_message(cli, registered, tmp_path, arguments, words):
    (tmp_path / "file").write_text("in the way")
    for name, text in TOMLS.items():
        (tmp_path / name).write_text(text)
    h5py.File(tmp_path / "foreign.h5", "w").close()
    write_result(tmp_path / "script.h5", {"t": Table({"x": [1]})}, {}, 0)
    before = {p.name for p in tmp_path.rglob("*")}
    code, out, err = cli(*arguments)
    assert code == 2
    assert words in err
    assert out == ""
    assert "Traceback" not in err
    assert {p.name for p in tmp_path.rglob("*")} - {"results"} == before
    assert not list((tmp_path / "results").glob("*"))


def test_damaged_results_are_refused(cli, registered, tmp_path):
    cli("run", "law", "--quick", "--no-figure", "--out", "a.h5")
    whole = Path("a.h5").read_bytes()
    Path("a.h5").write_bytes(whole[: len(whole) // 2])
    for name in ("show", "figure", "rerun"):
        code, out, err = cli(name, "a.h5")
        assert (code, out) == (2, "")
        assert "a.h5" in err
    assert {p.name for p in tmp_path.iterdir()} == {"a.h5"}


def test_debug_shows_the_traceback_and_keeps_the_exit_code(cli, registered):
    for arguments in (("run", "lwa", "--debug"), ("--debug", "run", "lwa")):
        code, _, err = cli(*arguments)
        assert code == 2
        assert "Traceback" in err
        assert "did you mean law" in err
    assert "Traceback" not in cli("run", "lwa")[2]


def test_a_fault_inside_is_exit_70(cli, registered):
    def run(params, seed, progress):
        raise ZeroDivisionError("by zero")

    registered.run = run
    code, out, err = cli("run", "law")
    assert (code, out) == (70, "")
    assert "internal error: ZeroDivisionError: by zero" in err
    assert "--debug" in err
    assert "Traceback" not in err
    assert "Traceback" in cli("run", "law", "--debug")[2]
    assert not list(Path("results").glob("*"))


def test_an_interrupted_run_is_exit_130_and_leaves_nothing(tmp_path):
    study = tmp_path / "slow.py"
    slow = "\n\ndef run(params, seed, progress):\n    import time\n    progress(0, 1, 'begun')\n    time.sleep(60)\n"
    study.write_text(LAW.read_text() + slow)
    command = [*SDRSIM, "run", str(study), "--out", str(tmp_path / "out")]
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heard) as process:
        assert "begun" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        assert process.wait(30) == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert list((tmp_path / "out").iterdir()) == []


# ---- the other commands ---------------------------------------------------------------------------------------


def test_studies_lists_and_tells(cli, registered):
    code, out, _ = cli("studies")
    assert code == 0
    assert "law" in out
    assert registered.TITLE in out
    out = cli("studies", "law")[1]
    assert "coin.p_hit" in out
    assert registered.CITATION in out
    (record,) = json.loads(cli("studies", "--json")[1])["studies"]
    assert (record["params"]["n_trials"], record["quick"]["n_trials"]) == (2000, 200)


def test_show(cli, registered):
    cli("run", "law", "--quick", "--seed", 3, "--no-figure", "--out", "a.h5")
    code, out, _ = cli("show", "a.h5")
    assert code == 0
    for words in ("coin.p_hit", "versions.numpy", "table hits", "random_numbers", "share of hits", "seed: 3"):
        assert words in out
    made = json.loads(cli("show", "a.h5", "--json")[1])
    assert made["tables"]["hits"]["n_rows"] == 6
    assert made["tables"]["time"]["units"] == {"took": "s"}
    assert made["traffic"][0]["random_numbers"] == 1200
    assert made["provenance"]["versions"]["numpy"] == np.__version__
    write_result("script.h5", {"t": Table({"x": [float("nan")]})}, {"p": float("inf")}, None)
    assert json.loads(cli("show", "script.h5", "--json")[1])["params"] == {"p": None}
    assert cli("show", "script.h5")[0] == 0


def test_rerun_is_the_same_but_for_time(cli, registered):
    cli("run", "law", "--quick", "--no-figure", "--set", "n_points=2", "--seed", 8, "--out", "a.h5")
    before = Path("a.h5").read_bytes()
    code, out, _ = cli("rerun", "a.h5", "--json")
    made = json.loads(out)
    assert code == 0
    assert (made["same"], made["differences"], made["not_compared"]) == (True, [], ["time.took"])
    assert Path("a.h5").read_bytes() == before
    registered.QUICK = {"n_trials": 100}  # the file's parameters count, not today's presets
    assert cli("rerun", "a.h5")[0] == 0


def test_rerun_tells_what_differs(cli, registered):
    cli("run", "law", "--quick", "--no-figure", "--out", "a.h5")
    honest = registered.run

    def run(params, seed, progress):
        made = honest(params, seed + 1, progress)
        made["traffic"].add("coin", "retrieve", random_numbers=1)
        return made | {"more": {"x": [1]}}

    registered.run = run
    code, out, _ = cli("rerun", "a.h5")
    assert code == 1
    for words in ("hits.k", "hits.share", "traffic.random_numbers", "table more"):
        assert words in out


def test_differences_are_of_bits():
    def result(**tables):
        return SimpleNamespace(tables={k: Table(v) for k, v in tables.items()}, traffic=None, trace=None)

    nan = float("nan")
    assert differences(result(t={"x": [nan, 1.0]}), result(t={"x": [nan, 1.0]})) == ([], [])
    assert differences(result(t={"x": [0.0]}), result(t={"x": [-0.0]}))[0]
    assert differences(result(t={"x": ["a", "b"]}), result(t={"x": ["a", "longer"]}))[0]
    assert differences(result(t={"x": [1]}), result(t={"x": [1.0]}))[0]
    assert differences(result(t={"x": [1]}), result(t={"x": [1, 2]}))[0]
    assert differences(result(t={"x": [1]}), result(t={"y": [1]}))[0]
    found = differences(result(t={"x": [1.0, 2.0, 3.0]}), result(t={"x": [1.0, 2.5, 3.5]}))[0]
    assert found == ["t.x: 2 of 3 rows, first row 1: 2.0, now 2.5"]


@pytest.mark.parametrize(
    ("unit", "timing"),
    [
        *((unit, True) for unit in ("s", "ms", "us", "ns", "items/s", "us/item", "% of time")),
        *((unit, False) for unit in ("", "bits", "items", "bits/synapse", "steps")),
    ],
)
def test_units_of_measured_time(unit, timing):
    assert is_timing(unit) == timing


def test_verify_counts_the_kinds_apart(cli, registered):
    code, out, _ = cli("verify", "--quick")
    assert code == 0
    assert "1 study: law 1/1, theory 1/1" in out
    made = json.loads(cli("verify", "--quick", "--json")[1])
    assert made["ok"]
    assert made["kinds"] == {kind: {"n": 1, "ok": 1, "deviates": 0, "FAILS": 0} for kind in ("law", "theory")}


def test_verify_fails_when_a_check_does(cli, registered):
    class Wrong(registered.StudyParams):
        claimed: float = 0.5

    registered.StudyParams = Wrong
    code, out, _ = cli("verify", "--quick")
    assert code == 1
    assert "theory 0/1 (1 FAILS)" in out


def test_verify_goes_on_after_an_error_and_fails(cli, registered):
    def draw(tables):
        raise ValueError("no figure")

    registered.draw = draw
    code, out, _ = cli("verify", "--quick", "--json")
    made = json.loads(out)
    assert code == 1
    assert made["studies"][0]["error"] == "ValueError: no figure"


def test_verify_skips_what_has_no_data_and_does_not_pass_it(cli, registered, monkeypatch, tmp_path):
    registered.NEEDS = ("mnist",)
    monkeypatch.setenv("SDRSIM_DATA", str(tmp_path))
    code, out, _ = cli("verify", "--quick", "--json")
    made = json.loads(out)
    assert code == 0
    assert made["n_skipped"] == 1
    assert made["kinds"] == {}
    assert "mnist" in made["studies"][0]["skipped"]
    assert "1 skipped" in cli("verify", "--quick")[1]
    (tmp_path / "mnist.npz").write_bytes(b"not an archive")
    assert cli("verify", "--quick")[0] == 1


def test_verify_writes_the_table_of_results(cli, registered):
    code, _, _ = cli("verify", "--quick", "--seed", 2, "--write", "REPRODUCING.md", "--out", "kept")
    text = Path("REPRODUCING.md").read_text()
    assert code == 0
    assert "| law | J. Bernoulli, Ars Conjectandi, 1713 | `sdrsim run law --quick --seed 2` | 2 |" in text
    assert "law 1/1, theory 1/1" in text
    assert Path("kept/law-seed2-quick.h5").is_file()


def test_verify_judges_results_that_are_there_and_runs_the_others(cli, registered, monkeypatch):
    assert cli("verify", "--quick", "--out", "kept")[0] == 0
    before = Path("kept/law-seed0-quick.h5").read_bytes()
    ran = []
    monkeypatch.setattr("sdrsim.studies.cli.verify.run_study", lambda *a: ran.append(a) or run_study(*a))
    code, out, _ = cli("verify", "--quick", "--out", "kept", "--resume")
    assert (code, ran) == (0, [])
    assert "law 1/1, theory 1/1" in out
    assert Path("kept/law-seed0-quick.h5").read_bytes() == before
    assert cli("verify", "--quick", "--seed", 5, "--out", "kept", "--resume")[0] == 0
    assert len(ran) == 1
    Path("kept/law-seed0-quick.h5").write_bytes(before[:-10])
    assert cli("verify", "--quick", "--out", "kept", "--resume")[0] == 0
    assert len(ran) == 2
    code, _, err = cli("verify", "--resume")
    assert code == 2
    assert "--out" in err


def test_data_list(cli, monkeypatch, tmp_path):
    monkeypatch.setenv("SDRSIM_DATA", "")
    made = json.loads(cli("data", "list", "--json")[1])
    by_name = {d["name"]: d for d in made["datasets"]}
    assert by_name["digits8"]["licence"].startswith("CC BY 4.0")
    assert by_name["mnist"]["found"] is None
    assert cli("data", "list")[0] == 0
    (tmp_path / "mnist.npz").write_bytes(b"not an archive")
    code, out, _ = cli("data", "list", "--data-dir", tmp_path)
    assert code == 2
    assert "mnist.npz" in out
    assert os.environ["SDRSIM_DATA"] == ""


def test_data_dir_reaches_the_study(cli, registered, tmp_path):
    seen = []
    honest = registered.run

    def run(params, seed, progress):
        seen.append(os.environ.get("SDRSIM_DATA"))
        return honest(params, seed, progress)

    registered.run = run
    before = os.environ.get("SDRSIM_DATA")
    cli("run", "law", "--quick", "--no-figure", "--data-dir", tmp_path)
    assert seen == [str(tmp_path)]
    assert os.environ.get("SDRSIM_DATA") == before


def test_info_and_version(cli):
    made = json.loads(cli("info", "--json")[1])
    assert made["versions"]["numpy"] == np.__version__
    assert set(made["folders"]) == {"compiled code", "data", "data cache"}
    assert cli("info")[0] == 0
    assert cli("--version")[:2] == (0, f"sdrsim {made['versions']['sdrsim']}\n")


def test_every_command_of_the_table_exists(cli):
    for name, entry in program.COMMANDS.items():
        module = import_module(entry.module)
        assert hasattr(module, "command") or hasattr(module, "app")
        code, out, _ = cli(name, "--help")
        assert code == 0
        assert name in out


def test_warnings_are_one_line(cli, registered):
    import warnings

    from sdrsim.errors import SaturationWarning

    honest = registered.run

    def run(params, seed, progress):
        warnings.warn("the memory is full", SaturationWarning, stacklevel=1)
        return honest(params, seed, progress)

    registered.run = run
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        err = cli("run", "law", "--quick", "--no-figure")[2]
    assert "sdrsim: warning: the memory is full\n" in err


def test_a_study_record_is_what_the_module_says(registered):
    study = Study.from_module("law", registered)
    assert (study.title, study.citation, study.needs) == (registered.TITLE, registered.CITATION, ())
