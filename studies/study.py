"""What a study is: parameters, a run that makes tables, checks that judge them, a figure drawn from the file.

A study is one module in `sdrsim.studies.published` (or an installed entry point, or a file named on the command line)::

    TITLE = "..."                               # one line
    CITATION = "author, year, where"
    NEEDS = ("mnist",)                          # data sets, optional
    class StudyParams(Params): ...              # frozen, every field with a default
    QUICK = {"n_items": 100}                    # what a quick run changes, optional
    def run(params, seed, progress): ...        # -> dict of tables; "traffic" may hold the run's Traffic
    def draw(tables): ...                       # -> matplotlib Figure, from the tables alone
    def checks(tables): ...                     # -> list of Check, from the tables alone
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module, metadata, util
from json import dumps
from pathlib import Path
from pkgutil import iter_modules
from time import perf_counter
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from sdrsim.engine.params import Params
from sdrsim.engine.seeds import checked_seed
from sdrsim.errors import DataError, ParameterError, SdrsimError, StudyError, did_you_mean
from sdrsim.files.atomic import cannot_write
from sdrsim.files.table import Table
from sdrsim.studies.check import KINDS, Check, checks_from, checks_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "KINDS",
    "Check",
    "Progress",
    "Study",
    "checks_from",
    "checks_table",
    "draw_result",
    "judged_again",
    "load_study",
    "result_path",
    "run_study",
    "study_from_file",
    "study_names",
]

Progress = Callable[[int, int, str], None]
"""Called as ``progress(done, total, what)``; `what` names the part of the run that is being counted."""

_GROUP = "sdrsim.studies"
_PUBLISHED = "sdrsim.studies.published"


@dataclass(frozen=True)
class Study:
    """One reproducible result: see the module's text for what its module declares."""

    name: str
    title: str
    citation: str
    params_type: type[Params]
    quick: Mapping[str, Any]
    needs: tuple[str, ...]
    run: Callable[[Any, int, Progress], Mapping[str, Any]]
    draw: "Callable[[Mapping[str, Table]], Figure]"
    checks: Callable[[Mapping[str, Table]], Sequence[Check]]

    @classmethod
    def from_module(cls, name: str, module: ModuleType) -> Self:
        """The record of a module, or StudyError naming what the module lacks."""
        wanted = ("TITLE", "CITATION", "StudyParams", "run", "draw", "checks")
        missing = [part for part in wanted if not hasattr(module, part)]
        if missing:
            raise StudyError(f"study {name}", got=f"no {', '.join(missing)}", expected=", ".join(wanted))
        kind = module.StudyParams
        if not (isinstance(kind, type) and issubclass(kind, Params)):
            raise StudyError(f"study {name}: StudyParams", got=repr(kind), expected="a class derived from Params")
        quick, needs = getattr(module, "QUICK", {}), tuple(getattr(module, "NEEDS", ()))
        made = cls(name, module.TITLE, module.CITATION, kind, quick, needs, module.run, module.draw, module.checks)
        made.params(quick=True)
        return made

    def params(self, changes: Mapping[str, Any] | None = None, quick: bool = False) -> Params:
        """The defaults, then the quick settings, then `changes` (nested as the parameters are), validated.

        Raises
        ------
        ParameterError
            An unknown name (with the nearest ones), a value of the wrong type or out of range.
        """
        return _changed(self.params_type(), merged(self.quick if quick else {}, changes or {}))

    def missing(self) -> str:
        """Why the study cannot run here: the data sets it needs and cannot find; empty when it can.

        Raises
        ------
        DataError
            A data set that is there and damaged, or a folder named that is not there.
        """
        from sdrsim.files.datasets import load_dataset

        reasons = []
        for need in self.needs:
            try:
                load_dataset(need)
            except DataError as error:
                if not str(error.got).startswith("not found"):  # damaged: not a reason to skip, an error
                    raise
                reasons.append(str(error))
        return "; ".join(reasons)


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Nested mappings laid over each other: `changes` win, name by name."""
    out = dict(base)
    for name, value in changes.items():
        both = isinstance(value, Mapping) and isinstance(out.get(name), Mapping)
        out[name] = merged(out[name], value) if both else value
    return out


def _changed(params: Params, changes: Mapping[str, Any]) -> Params:
    known = type(params).model_fields
    new = {}
    for name, value in changes.items():
        if name not in known:
            raise ParameterError(
                f"{type(params).__name__}.{name}",
                got="an unknown name",
                expected=", ".join(known),
                do=did_you_mean(name, known, cutoff=0.4),
            )
        inner = getattr(params, name)
        new[name] = _changed(inner, value) if isinstance(inner, Params) and isinstance(value, Mapping) else value
    return params.replace(**new)


def study_names() -> list[str]:
    """Names of all studies: those of the package and those of installed entry points; none is imported."""
    own = [m.name.replace("_", "-") for m in iter_modules(import_module(_PUBLISHED).__path__) if m.name[0] != "_"]
    return sorted({*own, *(point.name for point in metadata.entry_points(group=_GROUP))})


def load_study(name: str) -> Study:
    """A registered study by name, or StudyError with the nearest names."""
    if name not in study_names():
        hint = "a study of your own is named by its path, ending in .py" if name.endswith(".py") else None
        known = ", ".join(study_names()) or "no study is registered"
        raise StudyError(
            "study", got=repr(name), expected=known, do=hint or did_you_mean(name, study_names(), cutoff=0.4)
        )
    module = f"{_PUBLISHED}.{name.replace('-', '_')}"
    if util.find_spec(module) is not None:
        return Study.from_module(name, import_module(module))
    (point, *_) = metadata.entry_points(group=_GROUP, name=name)
    return Study.from_module(name, point.load())


def study_from_file(path: str | Path) -> Study:
    """A study of one's own from a Python file.

    Its name is the file's with the ending, which no registered study has. This runs the file: call it only with a path
    the user gave, never with one read from a TOML or HDF5 file.

    Raises
    ------
    StudyError
        No such file, it does not import, or it lacks a part of a study.
    """
    path = Path(path)
    if not path.is_file():
        raise StudyError(f"study {path}", got="no such file", expected="a Python file", do="check the path")
    name = f"sdrsim_study_{path.stem}"
    spec = util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StudyError(f"study {path}", got=f"ending {path.suffix!r}", expected="a Python file ending in .py")
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SdrsimError:
        raise
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise StudyError(f"study {path}", got=got, expected="a file that imports", do="see --debug") from error
    return Study.from_module(path.name, module)


def run_study(
    study: Study,
    params: Params | None = None,
    seed: int = 0,
    out: str | Path = "results",
    progress: Progress | None = None,
) -> Path:
    """Run a study and write its one HDF5 file: tables, checks, parameters, seed, traffic, wall time, provenance.

    Parameters
    ----------
    study : Study
    params : Params or None
        None: the defaults.
    seed : int
    out : path
        A folder (made when missing), or the file itself when it ends in ``.h5``. In a folder the file is called
        ``<study>-seed<seed>[-quick | -<hash of the parameters>].h5``: other parameters never overwrite a result.
    progress : callable or None

    Returns
    -------
    pathlib.Path
        The file, written whole or not at all.
    """
    from sdrsim.files.result import write_result

    params, seed = params if params is not None else study.params(), checked_seed(seed)
    path = result_path(study, params, seed, Path(out))
    began = perf_counter()
    made = dict(study.run(params, seed, progress or (lambda done, total, what: None)))
    wall_s = perf_counter() - began
    traffic = made.pop("traffic", None)
    tables = {name: as_table(name, table) for name, table in made.items()}
    checks = study.checks(tables)
    judged = checks_table(checks) if checks else None
    return write_result(
        path, tables, params, seed, traffic, study=study.name, title=study.title, checks=judged, wall_s=wall_s
    )


def as_table(name: str, made: Any) -> Table:
    """A table from what a run may return: a Table, a mapping of columns, or an object with ``table()``."""
    if isinstance(made, Table):
        return made
    table = getattr(made, "table", None)  # a method of traffic and traces, an attribute of monitors
    table = table() if callable(table) else table
    if isinstance(table, Table):
        return table
    if not isinstance(made, Mapping):
        raise StudyError(f"table {name!r}", got=type(made).__name__, expected="a Table, columns, or table()")
    return Table(made)


def judged_again(study: Study, params: Params, seed: int, path: Path) -> tuple[list[Check], float | None] | None:
    """Checks, by the code as it is now, of a result that is there already, and its run time; None where it is not, or
    is of other parameters or another seed, or cannot be read or judged.
    """
    from sdrsim.files.result import read_result

    if not path.exists():
        return None
    try:
        result = read_result(path)
        same = (result.study, result.seed, result.params) == (study.name, seed, params.model_dump(mode="json"))
        return (list(study.checks(result.tables)), result.wall_s) if same else None
    except (SdrsimError, LookupError):  # damaged, foreign, or with other tables: to be run again
        return None


def result_path(study: Study, params: Params, seed: int, out: Path) -> Path:
    """Where `run_study` puts its file; its folder is made."""
    values = params.model_dump(mode="json")
    if values == study.params().model_dump(mode="json"):
        label = ""
    elif values == study.params(quick=True).model_dump(mode="json"):
        label = "-quick"
    else:
        label = "-" + blake2b(dumps(values, sort_keys=True).encode(), digest_size=4).hexdigest()
    name = f"{study.name.removesuffix('.py').replace('_', '-')}-seed{seed}{label}.h5"
    path = out if out.suffix == ".h5" else out / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    if not os.access(path.parent, os.W_OK):  # better said before a long run than after
        raise cannot_write(path, PermissionError(13, "permission denied"))
    return path


def draw_result(path: str | Path, name: str | Path | None = None, study: Study | None = None) -> list[Path]:
    """Draw the figure of a result file, from the file alone: SVG, PDF, PNG and the tables as CSV.

    Parameters
    ----------
    path : path of the HDF5 file
    name : path without ending, or None
        None: beside the file, under its name.
    study : Study or None
        None: the registered study the file names. A study outside the package must be handed in: no code runs
        because a file names it.

    Raises
    ------
    StudyError
        The file was not made by a study, by another one, or by one that is not registered.
    """
    from sdrsim.files.result import read_result
    from sdrsim.studies import plotting

    result = read_result(path)
    study = study_of(result.study, path, study)
    with plotting.house():
        figure = study.draw(result.tables)
    return plotting.save(figure, Path(path).with_suffix("") if name is None else name, result.tables)


def study_of(name: str | None, path: str | Path, given: Study | None = None) -> Study:
    """The study that a result file names: the one handed in when it is that one, else the registered one."""
    if not name:
        raise StudyError(f"{path}", got="a file no study made", expected="a file of `sdrsim run`", do="plot its tables")
    if given is None and name.endswith(".py"):
        raise StudyError(f"{path}", got=f"made by {name}", expected="its study", do=f"add --study PATH/{name}")
    study = given or load_study(name)
    if study.name != name:
        raise StudyError(f"{path}", got=f"made by {name}", expected=study.name, do="name the study that made it")
    return study
