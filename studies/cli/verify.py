"""`sdrsim verify`: every check of every study, kinds counted apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from sdrsim.errors import SdrsimError, StudyError
from sdrsim.files.atomic import atomic_write
from sdrsim.files.result import read_result
from sdrsim.studies.cli import guard
from sdrsim.studies.cli.guard import CHECK_FAILED, guarded
from sdrsim.studies.cli.options import DataDir, Debug, Json, Quick, Seed, data_folder
from sdrsim.studies.cli.progress import reporter
from sdrsim.studies.cli.report import by_kind, check_lines, emit, verdict_text
from sdrsim.studies.cli.settings import study_named
from sdrsim.studies.study import (
    Check,
    Study,
    checks_from,
    draw_result,
    judged_again,
    result_path,
    run_study,
    study_names,
)

__all__ = ["command"]


@dataclass
class Outcome:
    """What became of one study: its checks, or why there are none."""

    study: Study
    checks: list[Check] = field(default_factory=list)
    wall_s: float | None = None
    skipped: str = ""
    error: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.error) or any(check.verdict == "FAILS" for check in self.checks)

    @property
    def verdict(self) -> str:
        if self.skipped:
            return f"skipped: {self.skipped}"
        return f"ERROR: {self.error}" if self.error else verdict_text(self.checks)

    def record(self) -> dict[str, Any]:
        about = {"study": self.study.name, "title": self.study.title, "ok": not self.failed, "wall_s": self.wall_s}
        why = {"skipped": self.skipped or None, "error": self.error or None}
        return about | why | {"checks": [check.record() for check in self.checks]}


@guarded
def command(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="These studies; all of them.", show_default=False)
    ] = None,
    quick: Quick = False,
    seed: Seed = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Keep the result files and figures here.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Judge results that are in --out already, of this seed, without a run.")
    ] = False,
    write: Annotated[
        Path | None, typer.Option("--write", metavar="FILE.md", help="Write the table of all studies as Markdown.")
    ] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run the studies and judge every check: law, theory, published and prototype, counted apart.

    A study whose data set is not here is skipped, with the reason; a published number that is known not to be
    reproduced deviates, with its reason. Exit 1 when a check fails or a study ends in an error.
    """
    if names and write is not None:
        raise StudyError("--write", got=f"only {', '.join(names)}", expected="all studies", do="leave the names out")
    if resume and out is None:
        raise StudyError("--resume", got="no --out", expected="the folder with results that are there already")
    studies = [study_named(name) for name in names or study_names()]
    number = seed or 0
    outcomes = []
    with TemporaryDirectory() as folder, data_folder(data_dir):
        for study in studies:
            outcomes.append(_outcome(study, quick, number, out or Path(folder), resume))
            if not as_json:
                _say(outcomes[-1])
    failed = any(outcome.failed for outcome in outcomes)
    everything = [check for outcome in outcomes for check in outcome.checks]
    n_skipped = sum(bool(outcome.skipped) for outcome in outcomes)
    if write is not None:
        with atomic_write(write) as temporary:
            temporary.write_text(_markdown(outcomes, quick, number), encoding="utf-8")
    if as_json:
        about = {"ok": not failed, "quick": quick, "seed": number, "n_skipped": n_skipped}
        emit(about | {"kinds": by_kind(everything), "studies": [outcome.record() for outcome in outcomes]})
    else:
        skipped = f"; {n_skipped} skipped" if n_skipped else ""
        errors = sum(bool(outcome.error) for outcome in outcomes)
        wrong = f"; {errors} ended in an error" if errors else ""
        n = len(outcomes)
        print(f"{n} stud{'y' if n == 1 else 'ies'}: {verdict_text(everything)}{skipped}{wrong}")
    if failed:
        raise typer.Exit(CHECK_FAILED)


def _outcome(study: Study, quick: bool, seed: int, folder: Path, resume: bool) -> Outcome:
    """One study run through its file and figure; what goes wrong in it does not keep the others from running."""
    try:
        if reason := study.missing():
            return Outcome(study, skipped=reason)
        params = study.params(quick=quick)
        if resume and (found := judged_again(study, params, seed, result_path(study, params, seed, folder))):
            return Outcome(study, *found)
        with reporter(study.name) as progress:
            path = run_study(study, params, seed, folder, progress)
        draw_result(path, study=study)
    except Exception as error:
        if guard.debugging:
            raise
        text = str(error) if isinstance(error, SdrsimError) else f"{type(error).__name__}: {error}"
        return Outcome(study, error=text)
    result = read_result(path)
    return Outcome(study, checks_from(result.checks), result.wall_s)


def _say(outcome: Outcome) -> None:
    wall = f" ({outcome.wall_s:.1f} s)" if outcome.wall_s is not None else ""
    print(f"{outcome.study.name}: {outcome.study.title}{wall}")
    print(f"{check_lines(outcome.checks)}\n" if outcome.checks else f" {outcome.verdict}\n", flush=True)


def _markdown(outcomes: Sequence[Outcome], quick: bool, seed: int) -> str:
    head = "study", "source", "command", "seed", "time", "verdict"
    rows = [head, ("---",) * len(head)]
    for o in outcomes:
        words = f"`sdrsim run {o.study.name}{' --quick' if quick else ''} --seed {seed}`"
        wall = "-" if o.wall_s is None else f"{o.wall_s:.1f} s"
        rows.append((o.study.name, o.study.citation, words, str(seed), wall, o.verdict))
    table = "\n".join(f"| {' | '.join(_cell(c) for c in row)} |" for row in rows)
    deviating = [(o, c) for o in outcomes for c in o.checks if c.verdict != "ok"]
    notes = [f"* {o.study.name}, {c.name}: {c.value:.4g}, {c.verdict}. {c.deviation}".rstrip() for o, c in deviating]
    parts = [_INTRODUCTION, table, *(["## Not reproduced\n\n" + "\n".join(notes)] if notes else [])]
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """# Reproducing the results

Written by `sdrsim verify --write REPRODUCING.md`. A verdict counts the kinds of checks apart: a *law* must hold by
construction, a *theory* check holds a measurement against a formula within its statistics, a *published* check against
a printed number, a *prototype* check against our own earlier program (regression, not reproduction)."""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
