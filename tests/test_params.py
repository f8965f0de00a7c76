"""Params: frozen, validated, errors in the house form."""

import json
import pickle
from typing import Annotated, Literal

import pytest
from pydantic import Field, field_validator

from sdrsim.engine.params import Params
from sdrsim.errors import ParameterError


class Inner(Params):
    p_syn: Annotated[float, Field(ge=0, le=1)] = 0.0


class Mine(Params):
    n_cms: Annotated[int, Field(ge=1)]
    match: Literal["fraction", "cosine"] = "fraction"
    inner: Inner = Inner()

    @field_validator("n_cms")
    @classmethod
    def _even(cls, value):
        if value % 2:
            raise ValueError("an even number")
        return value


def test_frozen_and_replaced():
    a = Mine(n_cms=4)
    b = a.replace(n_cms=6)
    assert (a.n_cms, b.n_cms, b.match) == (4, 6, "fraction")
    with pytest.raises(ParameterError, match=r"Mine.n_cms: got an assignment; .*replace\(n_cms=...\)"):
        a.n_cms = 8
    with pytest.raises(ParameterError, match="n_cm"):
        a.n_cm = 8
    assert a == Mine(n_cms=4) != b
    assert hash(a) == hash(Mine(n_cms=4))


def test_replace_keeps_what_was_set_and_lets_defaults_follow():
    assert Mine(n_cms=4, match="cosine").replace(n_cms=2) == Mine(n_cms=2, match="cosine")
    assert Mine(n_cms=4).replace(n_cms=2).model_fields_set == {"n_cms"}


def test_json_and_pickle_round_trips():
    a = Mine(n_cms=4, inner=Inner(p_syn=0.25))
    assert Mine(**json.loads(json.dumps(a.model_dump(mode="json")))) == a
    assert pickle.loads(pickle.dumps(a)) == a


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, r"Mine.n_cms: got nothing; expected a value"),
        ({"n_cms": 0}, r"Mine.n_cms: got 0; expected greater than or equal to 1"),
        ({"n_cms": 3}, r"Mine.n_cms: got 3; expected an even number"),
        ({"n_cms": 2.5}, r"Mine.n_cms: got 2.5; expected a valid integer"),
        ({"n_cms": "many"}, r"Mine.n_cms: got 'many'; expected a valid integer"),
        ({"n_cms": 2, "n_cm": 2}, r"Mine.n_cm: got an unknown name; see the fields of Mine"),
        ({"n_cms": 2, "match": "dice"}, r"Mine.match: got 'dice'; expected 'fraction' or 'cosine'"),
        ({"n_cms": 2, "inner": {"p_syn": 1.5}}, r"Mine.inner.p_syn: got 1.5; expected less than or equal to 1"),
        ({"n_cms": 2, "inner": {"p_syn": float("nan")}}, r"Mine.inner.p_syn: got nan"),
        ({"n_cms": 0, "match": "dice"}, r"\(and 1 more\)"),
    ],
)
def test_bad_values_are_refused(values, message):
    with pytest.raises(ParameterError, match=message):
        Mine(**values)


def test_a_refused_replace_changes_nothing():
    a = Mine(n_cms=4)
    with pytest.raises(ParameterError, match="n_cms"):
        a.replace(n_cms=0)
    with pytest.raises(ParameterError, match="unknown name"):
        a.replace(cms=2)
    assert a == Mine(n_cms=4)


@pytest.mark.parametrize("values", [{"n_cms": 0}, {"n_cms": 2, "inner": {"p_syn": -1}}, {"n_cms": 2, "x": 1}, {}])
def test_every_way_in_raises_the_same_error(values):
    messages = []
    for way in (lambda v: Mine(**v), Mine.model_validate, lambda v: Mine.model_validate_json(json.dumps(v))):
        with pytest.raises(ParameterError) as caught:
            way(values)
        messages.append(str(caught.value))
    assert len(set(messages)) == 1


def test_what_is_no_mapping_is_refused():
    for way in (Mine.model_validate, lambda v: Mine.model_validate_json(json.dumps(v))):
        with pytest.raises(ParameterError, match="Mine"):
            way([1, 2])
    with pytest.raises(ParameterError, match="JSON"):
        Mine.model_validate_json("{")
