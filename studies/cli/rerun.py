"""`sdrsim rerun`: do it again, bit for bit."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import typer
from numpy.typing import NDArray

from sdrsim.errors import StudyError
from sdrsim.files.result import Result, read_result
from sdrsim.files.table import Table
from sdrsim.studies.cli.guard import CHECK_FAILED, guarded
from sdrsim.studies.cli.options import DataDir, Debug, Json, ResultFile, StudyFile, data_folder
from sdrsim.studies.cli.progress import reporter
from sdrsim.studies.cli.report import emit
from sdrsim.studies.study import run_study, study_from_file, study_of

__all__ = ["command", "differences", "is_timing"]

_TIMES = {"s", "ms", "us", "ns", "time"}


@guarded
def command(
    file: ResultFile,
    study_file: StudyFile = None,
    data_dir: DataDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Run the study of a result file again with its parameters and seed, and compare every table bit for bit.

    Columns measured in time (unit s, ms, us, ns, items/s, ...) are left out and named. Exit 1 when something differs.
    Nothing is written.
    """
    old = read_result(file)
    study = study_of(old.study, file, study_from_file(study_file) if study_file else None)
    if not isinstance(old.seed, int):
        raise StudyError(f"{file}: seed", got=old.seed, expected="one whole number, as `sdrsim run` writes it")
    params = study.params(old.params)
    with TemporaryDirectory() as folder, data_folder(data_dir), reporter(study.name) as progress:
        new = read_result(run_study(study, params, old.seed, Path(folder), progress))
    found, skipped = differences(old, new)
    changed = _changed_versions(old, new)
    if as_json:
        about = {"study": study.name, "seed": old.seed, "same": not found, "differences": found}
        emit(about | {"not_compared": skipped, "changed_versions": changed})
    else:
        _say(found, skipped, changed)
    if found:
        raise typer.Exit(CHECK_FAILED)


def differences(old: Result, new: Result) -> tuple[list[str], list[str]]:
    """What differs between two results of one study, in words; and the columns left out because they measure time."""
    found: list[str] = []
    skipped: list[str] = []
    before, after = _tables(old), _tables(new)
    for name in dict.fromkeys([*before, *after]):
        if name not in before or name not in after:
            found.append(f"table {name}: only in the {'file' if name in before else 'new run'}")
            continue
        told, left_out = _compare(name, before[name], after[name])
        found += told
        skipped += left_out
    return found, skipped


def _tables(result: Result) -> dict[str, Table]:
    """Everything a run produced, as tables: its own, the traffic and the access trace."""
    tables = dict(result.tables)
    if result.traffic is not None:
        tables["traffic"] = result.traffic
    if result.trace is not None:
        tables["access trace"] = Table.from_structured(result.trace)
    return tables


def _compare(name: str, old: Table, new: Table) -> tuple[list[str], list[str]]:
    if old.columns != new.columns:
        return [f"{name}: columns {', '.join(old.columns)}, now {', '.join(new.columns)}"], []
    if len(old) != len(new):
        return [f"{name}: {len(old):,} rows, now {len(new):,}"], []
    timing = [c for c in old.columns if is_timing(old.units.get(c, ""))]
    found = []
    for column in old.columns:
        a, b = old[column], new[column]
        if column in timing:
            continue
        if a.dtype != b.dtype and not a.dtype.kind == b.dtype.kind == "U":
            found.append(f"{name}.{column}: {a.dtype}, now {b.dtype}")
        elif len(rows := np.flatnonzero(_differ(a, b))):
            first = f"row {rows[0]}: {a[rows[0]]!s}, now {b[rows[0]]!s}"
            found.append(f"{name}.{column}: {len(rows):,} of {len(a):,} rows, first {first}")
    return found, [f"{name}.{column}" for column in timing]


def _differ(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) bool: where the bits differ, so that NaN equals NaN and -0.0 is not 0.0; text by its letters."""
    if a.dtype.kind == "U":
        return np.asarray(a != b)
    both = [np.frombuffer(x.tobytes(), np.uint8).reshape(len(x), -1) for x in (a, b)]
    return np.asarray((both[0] != both[1]).any(axis=1))


def is_timing(unit: str) -> bool:
    """Whether a unit is one of measured time: a token of it is s, ms, us, ns or 'time' (us, items/s, % of time)."""
    return bool(_TIMES & set(re.split(r"[^A-Za-z]+", unit)))


def _changed_versions(old: Result, new: Result) -> list[str]:
    before, after = (r.provenance.get("versions", {}) for r in (old, new))
    return [f"{k} {before.get(k)}, now {after.get(k)}" for k in {**before, **after} if before.get(k) != after.get(k)]


def _say(found: list[str], skipped: list[str], changed: list[str]) -> None:
    print("the same bits" if not found else "DIFFERENT:\n" + "\n".join(f"  {line}" for line in found))
    if skipped:
        print(f"not compared, measured in time: {', '.join(skipped)}")
    if changed:
        print(f"versions: {'; '.join(changed)}")
