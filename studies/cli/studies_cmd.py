"""`sdrsim studies`: the registry as a table; what one study has to set."""

from typing import Annotated, Any

import typer

from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json
from sdrsim.studies.cli.report import emit, lines
from sdrsim.studies.cli.settings import study_named
from sdrsim.studies.study import Study, load_study, study_names

__all__ = ["command"]


@guarded
def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One study in full.", show_default=False)] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List the studies with what they need; with a name, say its source and its parameters with their defaults."""
    chosen = [study_named(name)] if name else [load_study(known) for known in study_names()]
    if as_json:
        emit({"studies": [_record(study) for study in chosen]})
    elif name:
        _say(chosen[0])
    else:
        print(lines(("study", "title", "needs"), [(s.name, s.title, ", ".join(s.needs) or "-") for s in chosen]))


def _record(study: Study) -> dict[str, Any]:
    defaults, quick = (study.params(quick=q).model_dump(mode="json") for q in (False, True))
    about = {"name": study.name, "title": study.title, "citation": study.citation, "needs": study.needs}
    return about | {"params": defaults, "quick": quick}


def _say(study: Study) -> None:
    record = _record(study)
    print(f"{study.name}: {study.title}\n {study.citation}\n needs: {', '.join(study.needs) or 'no data set'}\n")
    defaults, quick = (dict(flat(record[key])) for key in ("params", "quick"))
    rows = [(name, value, quick[name] if quick.get(name) != value else "") for name, value in defaults.items()]
    print(lines(("parameter", "default", "--quick"), rows))


def flat(params: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested parameters by their dotted names, as ``--set`` takes them."""
    out: list[tuple[str, Any]] = []
    for name, value in params.items():
        out += flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return out
