"""`sdrsim show`: what is in a result file."""

from typing import Any

from sdrsim.files.result import Result, read_result
from sdrsim.files.table import Table
from sdrsim.studies.check import checks_from
from sdrsim.studies.cli.guard import guarded
from sdrsim.studies.cli.options import Debug, Json, ResultFile
from sdrsim.studies.cli.report import check_lines, emit, lines
from sdrsim.studies.cli.studies_cmd import flat

__all__ = ["command"]


@guarded
def command(file: ResultFile, as_json: Json = False, debug: Debug = False) -> None:
    """Say what a result file holds: parameters, seed, provenance, tables, checks, traffic."""
    result = read_result(file)
    if as_json:
        emit(_record(result))
        return
    print(f"{result!r}\n")
    print(f"{lines(('parameter', 'value'), flat(result.params))}\n")
    print(f"{lines(('provenance', ''), flat(result.provenance))}\n")
    for name, table in result.tables.items():
        print(f"table {name}\n{table!r}\n")
    if result.traffic is not None:
        print(f"traffic\n{result.traffic!r}\n")
    if result.checks is not None:
        print(check_lines(checks_from(result.checks)))


def _record(result: Result) -> dict[str, Any]:
    return {
        "study": result.study,
        "title": result.title,
        "params": result.params,
        "seed": result.seed,
        "wall_s": result.wall_s,
        "schema_version": result.schema_version,
        "provenance": result.provenance,
        "tables": {name: _table(table) for name, table in result.tables.items()},
        "traffic": list(result.traffic.rows()) if result.traffic is not None else None,
        "n_trace": len(result.trace) if result.trace is not None else 0,
        "checks": [check.record() for check in checks_from(result.checks)],
    }


def _table(table: Table) -> dict[str, Any]:
    return {"n_rows": len(table), "columns": table.columns, "units": table.units, "descriptions": table.descriptions}
