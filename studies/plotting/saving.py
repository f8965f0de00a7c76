"""Saving: the same figure in every format a paper needs, the same bytes every time, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure, SubplotParams

from sdrsim.files.atomic import atomic_write
from sdrsim.files.table import Table
from sdrsim.studies.plotting.columns import Columns
from sdrsim.studies.plotting.style import house

__all__ = ["save"]

# What matplotlib would write of the day and of itself, taken out: two saves of one figure give the same bytes.
_SILENT: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def save(fig: Figure, name: str | Path, table: Columns | Mapping[str, Table] | None = None) -> list[Path]:
    """Write ``name.svg``, ``name.pdf``, ``name.png`` (300 dots an inch) and the plotted numbers as ``name.csv``.

    Text stays text in SVG and PDF; no date and no version is written, so two saves of one figure are the same files. A
    figure without a layout of its own is laid out so that nothing is cut off.

    Parameters
    ----------
    fig : matplotlib Figure
    name : path without ending
    table : Table, mapping of columns, or mapping of str to Table, or None
        The numbers behind the figure. Several tables become ``name.<key>.csv`` each.

    Returns
    -------
    list of pathlib.Path
        The files, in the order above.

    Raises
    ------
    FileFormatError
        The files cannot be written; no torn one is left.

    Examples
    --------
    >>> import tempfile
    >>> from sdrsim.studies import plotting
    >>> fig, ax = plotting.subplots()
    >>> files = plotting.save(fig, tempfile.mkdtemp() + "/empty", {"x": [1, 2]})
    >>> [f.name for f in files]
    ['empty.svg', 'empty.pdf', 'empty.png', 'empty.csv']
    """
    stem = Path(name)
    if stem.suffix.lower() in (".svg", ".pdf", ".png", ".csv"):
        stem = stem.with_suffix("")
    paths = []
    with house():
        _lay_out(fig)
        for ending, metadata in _SILENT.items():
            path = stem.with_name(f"{stem.name}.{ending}")
            with atomic_write(path) as temporary:
                fig.savefig(temporary, format=ending, metadata=metadata)
            paths.append(path)
    for key, part in _tables(table).items():
        paths.append(part.to_csv(stem.with_name(f"{stem.name}.{key}.csv" if key else f"{stem.name}.csv")))
    return paths


def _lay_out(fig: Figure) -> None:
    """Constrained layout for a figure that was left at matplotlib's default margins."""
    names = ("left", "right", "bottom", "top", "wspace", "hspace")
    untouched = all(getattr(fig.subplotpars, n) == getattr(SubplotParams(), n) for n in names)
    if fig.get_layout_engine() is None and untouched:
        fig.set_layout_engine("constrained")


def _tables(table: Columns | Mapping[str, Table] | None) -> dict[str, Table]:
    if table is None:
        return {}
    if isinstance(table, Table):
        return {"": table}
    parts: dict[str, Any] = dict(table)
    if not parts or not all(isinstance(part, Table) for part in parts.values()):
        return {"": Table(parts)}
    return parts if len(parts) > 1 else {"": next(iter(parts.values()))}
