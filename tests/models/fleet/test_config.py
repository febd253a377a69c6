from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from models.errors import ConfigError
from models.fleet.config import MissingKeyError, read_table

Name = Annotated[str, Meta(pattern="^[a-z]+$", description="small letters")]


class Valve(msgspec.Struct, forbid_unknown_fields=True):
    size: Annotated[float, Meta(gt=0, le=10)]
    turns: tuple[int, ...] = ()


class Plant(msgspec.Struct, forbid_unknown_fields=True):
    valves: Annotated[list[Valve], Meta(min_length=1)]
    named: dict[Name, Valve] = {}
    limits: dict[str, dict[str, float]] = {}
    spare: Valve | None = None
    on: bool = True
    code: Annotated[str, Meta(pattern="^[0-9]+$")] = "0"
    either: int | str = 0


ONE: dict[str, Any] = {"valves": [{"size": 1.5}]}
GOOD = {"size": 2.0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"valves": []}, "valves = []: expected a list of at least 1, each a table"),
        ({"valves": "x"}, "valves = 'x': expected a list of at least 1, each a table"),
        ({"valves": [{"size": 0}]}, "valves[0].size = 0: expected a number above 0 and at most 10"),
        ({"valves": [GOOD, {}]}, "valves[1].size is missing: expected a number above 0 and at most 10"),
        ({"valves": [GOOD, {**GOOD, "sice": 1}]}, "valves[1].sice = 1: expected one of size, turns"),
        ({"valves": [{**GOOD, "turns": [1, 2.5]}]}, "valves[0].turns[1] = 2.5: expected a whole number"),
        (
            {"named": {"a": GOOD, "b": {}}},
            "named.b.size is missing: expected a number above 0 and at most 10",
        ),
        ({"named": {"a": GOOD, "B": GOOD}}, "named = 'B': expected small letters"),
        ({"limits": {"a": {"x": 1}, "b": {"y": "z"}}}, "limits.b.y = 'z': expected a number"),
        ({"spare": {"size": None}}, "spare.size = None: expected a number above 0 and at most 10"),
        ({"on": 1}, "on = 1: expected true or false"),
        ({"code": "x"}, "code = 'x': expected a text that matches ^[0-9]+$"),
        ({"either": 1.5}, "either = 1.5: expected a whole number or a text"),
        ({"a.b`": 1}, "a.b` = 1: expected one of valves, named, limits, spare, on, code, either"),
    ],
)
def test_an_error_names_the_key_its_value_and_what_was_expected(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_table(ONE | change, Plant, "plant.toml")
    assert str(caught.value) == f"plant.toml: {said}"


def test_a_missing_key_is_an_error_of_its_own() -> None:
    with pytest.raises(MissingKeyError, match="valves is missing: expected a list"):
        read_table({}, Plant, "plant.toml")


@pytest.mark.parametrize("raw", [[], "x", None, 3])
def test_what_is_no_table_is_refused(raw: object) -> None:
    with pytest.raises(ConfigError, match=r"plant\.json: file = .*: expected a table"):
        read_table(raw, Plant, "plant.json")


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_cannot_hold_is_refused_wherever_it_stands(value: float) -> None:
    raw = ONE | {"limits": {"a": {"b": 1.0, "c": value}}}
    with pytest.raises(ConfigError, match=r"plant: limits\.a\.c = -?(inf|nan): expected a finite number"):
        read_table(raw, Plant, "plant")


VALUES = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(st.sampled_from(Plant.__struct_fields__), VALUES)
def test_what_the_type_refuses_is_refused_by_key_and_the_rest_is_read(key: str, value: object) -> None:
    raw = ONE | {key: value}
    try:
        expected = msgspec.convert(raw, Plant)
    except msgspec.ValidationError:
        with pytest.raises(ConfigError) as caught:
            read_table(raw, Plant, "plant")
        assert caught.value.key.startswith(key)
    else:
        assert read_table(raw, Plant, "plant") == expected
