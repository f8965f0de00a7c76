"""Traffic: counters that add up, traces that keep naming the right tensor, refusals that change nothing."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdrsim.engine.states import traffic_from_state, traffic_state
from sdrsim.engine.traffic import COUNTERS, PHASES, TRACE, Tensor, Traffic
from sdrsim.errors import ParameterError
from sdrsim.files.table import Table

laws = settings(max_examples=50, deadline=None)
SHAPES = {"U": Tensor(10, 64), "H": Tensor(20, 8), "code": Tensor(1, 4, "activation")}


@st.composite
def traffics(draw):
    made = Traffic()
    for _ in range(draw(st.integers(0, 4))):
        where = draw(st.sampled_from(["U", "H"])), draw(st.sampled_from(PHASES))
        made.add(*where, **draw(st.dictionaries(st.sampled_from([*COUNTERS]), st.integers(0, 2**40), max_size=3)))
    for name in draw(st.permutations([*SHAPES]))[: draw(st.integers(0, 3))]:
        made.tensors[name] = SHAPES[name]
    if made.tensors and draw(st.booleans()):
        rows = [
            (
                draw(st.integers(0, len(made.tensors) - 1)),
                draw(st.integers(0, 9)),
                draw(st.booleans()),
                draw(st.integers(0, 4)),
            )
            for _ in range(3)
        ]
        made.trace = np.array(rows, TRACE)
    return made


def accesses(traffic):
    """The trace with names for places."""
    names = [*traffic.tensors]
    return [] if traffic.trace is None else [(names[t], *rest) for t, *rest in traffic.trace.tolist()]


@laws
@given(traffics(), traffics())
def test_sums_are_sums_of_counters(a, b):
    before = copy.deepcopy((a, b))
    total = a + b
    for counter in COUNTERS:
        assert total.total(counter) == a.total(counter) + b.total(counter)
        for phase in PHASES:
            assert total.total(counter, phase) == a.total(counter, phase) + b.total(counter, phase)
            assert total.get("U", phase, counter) == a.get("U", phase, counter) + b.get("U", phase, counter)
    assert accesses(total) == accesses(a) + accesses(b)
    assert total.tensors == {**a.tensors, **b.tensors}
    assert (a, b) == before


@laws
@given(traffics(), traffics(), traffics())
def test_adding_is_associative(a, b, c):
    left, right = (a + b) + c, a + (b + c)
    assert {(p, f): n for p, f, n in left} == {(p, f): n for p, f, n in right}
    assert accesses(left) == accesses(right)


@laws
@given(traffics())
def test_nothing_is_neutral_and_copies_are_equal(a):
    assert a + Traffic() == a
    assert Traffic() + a == a
    assert pickle.loads(pickle.dumps(a)) == a
    assert (a + a).total("synops") == 2 * a.total("synops")
    twice = a + Traffic()
    twice += twice
    assert twice == a + a


@laws
@given(traffics())
def test_prefix_renames_and_shares_nothing(a):
    b = a.prefixed("V1")
    assert {p for p, _, _ in b} == {f"V1/{p}" for p, _, _ in a}
    assert accesses(b) == [(f"V1/{t}", *rest) for t, *rest in accesses(a)]
    for counter in COUNTERS:
        assert b.total(counter) == a.total(counter)
    b.add("V1/U", "retrieve", sums=1)
    assert b.total("sums") == a.total("sums") + 1


def test_equality_tells_apart():
    a = Traffic()
    a.add("U", "retrieve", sums=3)
    others = [a + Traffic() for _ in range(4)]
    others[0].add("U", "retrieve", sums=1)
    others[1].add("U", "learn", sums=1)
    others[2].tensors["U"] = SHAPES["U"]
    others[3].trace = np.zeros(1, TRACE)
    assert all(a != other for other in others)
    assert a != 3


def test_a_vector_stays_the_one_that_counts():
    a, b = Traffic(), Traffic()
    held = a.vector("U", "learn")
    b.add("U", "learn", rows_read=2)
    a += b
    held[0] += 5
    assert a.get("U", "learn", next(iter(COUNTERS))) == 7
    assert held.dtype == np.int64
    b.add("U", "learn", rows_read=2)
    assert a.get("U", "learn", "rows_read") == 7


def test_adding_up_traces_joins_them_once(monkeypatch):
    joined = []
    monkeypatch.setattr(
        np, "concatenate", lambda parts, join=np.concatenate, **more: joined.append(len(parts)) or join(parts, **more)
    )
    total = Traffic()
    for i in range(200):
        total += Traffic(tensors={"U": SHAPES["U"]}, trace=np.array([(0, i, True, 1)], TRACE))
    assert not joined
    assert total.trace["row"].tolist() == list(range(200))
    assert total.trace is total.trace
    assert joined == [200]


def test_counts_are_exact_beyond_float():
    a = Traffic()
    a.add("U", "learn", synops=2**60 + 1)
    assert a.total("synops") == 2**60 + 1


def test_table_has_a_row_per_projection_and_phase():
    a = Traffic(tensors={"U": SHAPES["U"]})
    a.add("U", "retrieve", rows_read=3, words_read=24)
    a.add("code", "io", code_bits=9)
    t = a.table()
    assert isinstance(t, Table)
    assert t["projection"].tolist() == ["U", "code"]
    assert t["phase"].tolist() == ["retrieve", "io"]
    assert t["words_read"].tolist() == [24, 0]
    assert t["row_bytes"].tolist() == [64, 0]
    assert t["role"].tolist() == ["weight", ""]
    assert set(COUNTERS) <= set(t.columns)
    assert t.units["row_bytes"] == "bytes"
    assert len(Traffic().table()) == 0
    assert len(a._repr_html_()) > 0


def test_repr_is_short():
    a = Traffic()
    a.add("U", "retrieve", rows_read=1200)
    assert "rows_read 1,200" in repr(a)
    a.trace = np.zeros(3, TRACE)
    assert "trace of 3 accesses" in repr(a)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: t.add("U", "retrieve", sums=1, rows=1), "traffic counter: got 'rows'; expected rows_read"),
        (lambda t: t.add("U", "retrieve", sums=1, synops=2.5), "traffic counter synops: got 2.5"),
        (lambda t: t.add("U", "recall", sums=1), "phase: got 'recall'; expected retrieve, learn"),
        (lambda t: t.vector("U", "recall"), "phase"),
        (lambda t: t.get("U", "retrieve", "rows"), "traffic counter"),
        (lambda t: t.get("U", "recall", "sums"), "phase"),
        (lambda t: t.total("rows"), "traffic counter"),
        (lambda t: t.total("sums", "recall"), "phase"),
        (lambda t: t.__iadd__(Traffic(tensors={"H": SHAPES["H"], "U": Tensor(9, 9)})), "tensor 'U': .*prefixed"),
    ],
)
def test_refused_calls_change_nothing(call, message):
    t = Traffic(tensors={"U": SHAPES["U"]})
    t.add("U", "retrieve", sums=4)
    before = copy.deepcopy(t)
    with pytest.raises(ParameterError, match=message):
        call(t)
    assert t == before


def test_counters_that_a_file_does_not_have_are_zero():
    a = Traffic()
    a.add("U", "learn", rows_read=3, code_bits=5, words_silent=2)
    state = traffic_state(a)
    state["counts"] = state["counts"][:, :-1]
    back = traffic_from_state(state)
    assert [back.get("U", "learn", name) for name in ("rows_read", "code_bits", "words_silent")] == [3, 5, 0]
    back.add("U", "learn", words_silent=1)
    assert (back + a).get("U", "learn", "words_silent") == 3
