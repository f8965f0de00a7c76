"""Tables: what they accept, keep, give back, refuse."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdrsim.errors import FileFormatError, ParameterError, SdrsimError
from sdrsim.files.table import Table

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=5)
VALUES = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "bool": st.booleans(),
    "str": st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6),
}


@st.composite
def tables(draw: st.DrawFn) -> Table:
    n = draw(st.integers(0, 6))
    names = draw(st.lists(NAMES.filter(lambda name: name != "."), unique=True, max_size=4))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(sorted(VALUES)))
        values = draw(st.lists(VALUES[kind], min_size=n, max_size=n))
        columns[name] = np.array(values, {"int": np.int64, "float": np.float64, "bool": np.bool_, "str": np.str_}[kind])
    units = {name: "pJ" for name in names if draw(st.booleans())}
    return Table(columns, units, {name: f"about {name}" for name in names[:1]})


@given(tables())
def test_rows_columns_and_concat_agree(t: Table) -> None:
    by_row = [[row[name] for name in t.columns] for row in t.rows()]
    assert repr(by_row) == repr([list(values) for values in zip(*(t[name].tolist() for name in t.columns))])
    half = len(t) // 2
    assert Table.concat([t.take(slice(0, half)), t.take(slice(half, None))]) == t
    assert Table(dict(t), t.units, t.descriptions) == t
    assert t.take(np.arange(len(t))) == t
    assert len(repr(t).splitlines()) <= 24
    assert t._repr_html_().count("<tr>") <= 20


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=3))
def test_where_is_a_filter(values: list[int], wanted: list[int]) -> None:
    t = Table({"k": np.array(values, np.int64), "i": np.arange(len(values))})
    assert t.where(k=wanted)["i"].tolist() == [i for i, v in enumerate(values) if v in wanted]
    assert t.where(k=2, i=list(range(5)))["i"].tolist() == [i for i, v in enumerate(values[:5]) if v == 2]


def test_columns_are_put_in_and_lose_the_units_of_those_they_replace() -> None:
    t = Table({"k": [1, 2], "pj": [3.0, 4.0]}, units={"pj": "pJ"}, descriptions={"k": "place"})
    more = t.with_columns(phase="learn", pj=[5, 6])
    assert more.columns == ("k", "pj", "phase")
    assert more["phase"].tolist() == ["learn", "learn"]
    assert (more.units, more.descriptions) == ({}, {"k": "place"})
    assert t.units == {"pj": "pJ"}
    with pytest.raises(ParameterError, match="lengths"):
        t.with_columns(phase=["learn"])


def test_columns_are_read_only_copies() -> None:
    mine = np.arange(3)
    t = Table({"x": mine})
    mine[0] = 9
    assert t["x"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        t["x"][0] = 9


def test_kinds() -> None:
    t = Table({"n": [1, 2**63], "x": [1.5, None], "b": [True, False], "s": ["a", "é"], "f": np.zeros(2, np.float32)})
    assert [t[name].dtype.str for name in t.columns] == ["<u8", "<f8", "|b1", "<U1", "<f4"]
    assert t["n"].tolist() == [1, 2**63]
    assert np.isnan(t["x"][1])
    assert Table({"o": np.array(["a", "b"], object)})["o"].dtype.kind == "U"
    assert Table({"be": np.arange(3, dtype=">i4")})["be"].dtype == np.int32


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"x": [1, 2], "y": [1]}, "lengths x 2, y 1"),
        ({"x": [[1, 2]]}, "2 dimensions"),
        ({"x": 3}, "0 dimensions"),
        ({"x": [[1], [1, 2]]}, "one value a row"),
        ({"x": ["a", 1]}, "text mixed"),
        ({"x": [object()]}, "values of type object"),
        ({"x": [None, "a"]}, "values of type"),
        ({"x": [1j]}, "complex"),
        ({"x": [2**64]}, "values of type int"),
        ({"x": np.zeros(2, np.longdouble)}, "<= 64 bit"),
        ({"x": np.zeros(2, "M8[s]")}, "datetime64"),
        ({"": [1]}, "column name"),
        ({"a/b": [1]}, "column name"),
        ({1: [1]}, "column name"),
    ],
)
def test_refused_columns(columns: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        Table(columns)  # type: ignore[arg-type]


def test_refused_calls() -> None:
    t = Table({"error": [0.5, 0.25], "kind": ["a", "b"]}, units={"error": "bits"})
    with pytest.raises(ParameterError, match="did you mean error"):
        t["eror"]
    with pytest.raises(ParameterError, match="units of a table"):
        Table({"x": [1]}, units={"y": "pJ"})
    with pytest.raises(ParameterError, match="expected str"):
        t.where(kind=1)
    with pytest.raises(ParameterError, match="mask"):
        t.take([True, False, True])
    with pytest.raises(ParameterError, match="got pJ; expected bits"):
        Table.concat([t, Table({"error": [1.0], "kind": ["a"]}, units={"error": "pJ"})])
    with pytest.raises(ParameterError, match="one kind"):
        Table.concat([t, Table({"error": ["x"], "kind": ["a"]})])
    with pytest.raises(ParameterError, match="tables to join"):
        Table.concat([t, Table({"error": [1.0]})])
    with pytest.raises(ParameterError, match="row 1"):
        Table.from_rows([{"a": 1}, {"b": 1}])
    with pytest.raises(ParameterError, match="with fields"):
        Table.from_structured(np.zeros(3))
    with pytest.raises(TypeError):
        hash(t)


def test_equality_sees_kinds_units_and_nan() -> None:
    t = Table({"x": [1.0, np.nan]})
    assert t == Table({"x": [1.0, np.nan]})
    assert t != Table({"x": [1.0, 2.0]})
    assert t != Table({"x": [1.0, np.nan]}, units={"x": "pJ"})
    assert Table({"x": [1, 0]}) != Table({"x": [True, False]})
    assert Table({"x": [1], "y": [1]}) != Table({"y": [1], "x": [1]})
    assert t != 3


def test_repr_is_aligned_and_short() -> None:
    t = Table({"name": ["a", "bcd"], "energy": [123456.7, 1e-9], "n": [1, 10_000_000]}, units={"energy": "pJ"})
    assert repr(t).splitlines() == [
        "name  energy         n",
        "          pJ",
        "a     123457         1",
        "bcd    1e-09  10000000",
    ]
    long = repr(Table({"i": np.arange(1000)})).splitlines()
    assert len(long) == 21
    assert long[-1] == "(1,000 rows)"
    assert long[-2].strip() == "999"
    assert "<script>" not in Table({"<script>": ["<b>"]})._repr_html_()
    assert repr(Table({})) == "Table(no columns)"


def test_csv_round_trip(tmp_path: Path) -> None:
    t = Table({"x": [0.1, 1 / 3], "s": ["a,b", 'q"'], "n": [1, -2]})
    with open(t.to_csv(tmp_path / "t.csv"), newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head == ["x", "s", "n"]
    assert [(float(x), s, int(n)) for x, s, n in rows] == list(zip(*(t[c].tolist() for c in t.columns)))
    with pytest.raises(FileFormatError, match="make the folder first"):
        t.to_csv(tmp_path / "nowhere" / "t.csv")


def test_structured_and_rows() -> None:
    array = np.array([(1, 2.5), (2, 3.5)], [("a", "i4"), ("b", "f8")])
    t = Table.from_structured(array)
    assert t == Table.from_rows([{"a": 1, "b": 2.5}, {"a": 2, "b": 3.5}])
    assert t.select("b").columns == ("b",)
    assert "a" in t
    assert list(t) == ["a", "b"]


def test_pandas_or_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SdrsimError, match="pip install pandas"):
        Table({"x": [1]}).to_pandas()


def test_importing_files_is_light() -> None:
    program = "import sys, sdrsim.files; print(sorted({'h5py', 'numpy', 'numba', 'pooch', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    program = "import sys, sdrsim.files.table; print(sorted({'h5py', 'numba', 'pooch', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_lazy_names_all_resolve() -> None:
    import sdrsim.files

    for name in sdrsim.files.__all__:
        assert getattr(sdrsim.files, name).__name__ == name
    with pytest.raises(AttributeError):
        sdrsim.files.no_such_name  # noqa: B018
