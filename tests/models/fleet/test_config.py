from __future__ import annotations

import tomllib
from dataclasses import FrozenInstanceError, field, fields, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, Field, ValidationError

from models.errors import ConfigError, FaultyConfigError, MissingKeyError, UnknownKeyError
from models.fleet.config import expects, read_table, read_toml, table
from models.fleet.fleet import load_fleet

Name = Annotated[str, Field(pattern="^[a-z]+$"), expects("small letters")]


def even(value: int) -> int:
    if value % 2:
        raise ValueError(value)
    return value


@table
class Valve:
    size: Annotated[float, Field(gt=0, le=10)]
    turns: tuple[int, ...] = ()


@table
class Plant:
    valves: Annotated[tuple[Valve, ...], Field(min_length=1)]
    named: dict[Name, Valve] = field(default_factory=dict)
    limits: dict[str, dict[str, float]] = field(default_factory=dict)
    spare: Valve | None = None
    on: bool = True
    code: Annotated[str, Field(pattern="^[0-9]+$")] = "0"
    either: int | str = 0
    from_: Annotated[date | None, Field(alias="from")] = None
    mode: Literal["slow", "fast"] = "slow"
    pairs: Annotated[int, AfterValidator(even), expects("an even number")] = 0
    free: dict[str, Any] = field(default_factory=dict)


ONE: dict[str, Any] = {"valves": [{"size": 1.5}]}
GOOD = {"size": 2.0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"valves": []}, "valves = []: expected a list of at least 1, each a table"),
        ({"valves": "x"}, "valves = 'x': expected a list of at least 1, each a table"),
        ({"valves": [{"size": 0}]}, "valves[0].size = 0: expected a number above 0 and at most 10"),
        ({"valves": [GOOD, {}]}, "valves[1].size is missing: expected a number above 0 and at most 10"),
        ({"valves": [GOOD, {**GOOD, "sice": 1}]}, "valves[1].sice is not known: did you mean size?"),
        ({"valves": [GOOD, {"sice": 1}]}, "valves[1].sice is not known: did you mean size?"),
        ({"valves": [{**GOOD, "turns": [1, 2.5]}]}, "valves[0].turns[1] = 2.5: expected a whole number"),
        ({"valves": [{**GOOD, "turns": [1, 2.0]}]}, "valves[0].turns[1] = 2.0: expected a whole number"),
        ({"valves": [{"size": True}]}, "valves[0].size = True: expected a number above 0 and at most 10"),
        ({"valves": [{"size": "1"}]}, "valves[0].size = '1': expected a number above 0 and at most 10"),
        (
            {"named": {"a": GOOD, "b": {}}},
            "named.b.size is missing: expected a number above 0 and at most 10",
        ),
        ({"named": {"a": GOOD, "B": GOOD}}, "named.B = 'B': expected small letters"),
        ({"limits": {"a": {"x": 1}, "b": {"y": "z"}}}, "limits.b.y = 'z': expected a number"),
        ({"spare": {"size": None}}, "spare.size = None: expected a number above 0 and at most 10"),
        ({"on": 1}, "on = 1: expected true or false"),
        ({"code": "x"}, "code = 'x': expected a text that matches ^[0-9]+$"),
        ({"either": 1.5}, "either = 1.5: expected a whole number or a text"),
        ({"either": {"int": 1}}, "either = {'int': 1}: expected a whole number or a text"),
        ({"spare": 5}, "spare = 5: expected a table"),
        ({"from": "June"}, "from = 'June': expected a date, as 2025-06-01"),
        ({"from": 20250601}, "from = 20250601: expected a date, as 2025-06-01"),
        ({"from_": "2025-06-01"}, "from_ is not known: did you mean from?"),
        ({"mode": "fsat"}, "mode = 'fsat': expected one of slow, fast"),
        ({"pairs": 3}, "pairs = 3: expected an even number"),
        (
            {"a.b`": 1},
            "a.b` is not known: known are valves, named, limits, spare, on, code, either, from, mode, pairs, "
            "free",
        ),
    ],
)
def test_an_error_names_the_key_its_value_and_what_was_expected(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_table(ONE | change, Plant, "plant.toml")
    assert str(caught.value) == f"plant.toml: {said}"


def test_a_missing_key_is_an_error_of_its_own() -> None:
    with pytest.raises(MissingKeyError, match="valves is missing: expected a list"):
        read_table({}, Plant, "plant.toml")


def test_a_value_of_an_unknown_key_is_not_shown_for_it_may_be_a_secret() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        read_table(ONE | {"tokn": "hunter2"}, Plant, "plant.toml")
    assert "hunter2" not in str(caught.value)


def test_all_that_is_wrong_is_said_at_once_and_only_once() -> None:
    raw = {"valves": [{"size": 0}, {}], "onn": True, "either": 1.5, "named": {"B": {"size": 1}}}
    with pytest.raises(FaultyConfigError) as caught:
        read_table(raw, Plant, "plant.toml")
    assert str(caught.value).splitlines() == [
        "plant.toml: valves[0].size = 0: expected a number above 0 and at most 10",
        "plant.toml: valves[1].size is missing: expected a number above 0 and at most 10",
        "plant.toml: named.B = 'B': expected small letters",
        "plant.toml: either = 1.5: expected a whole number or a text",
        "plant.toml: onn is not known: did you mean on?",
    ]
    assert [type(fault) for fault in caught.value.faults[:2]] == [ConfigError, MissingKeyError]


def test_a_table_within_a_file_is_named_by_where_it_stands() -> None:
    for raw, said in (({"size": 0}, "spare.size = 0"), ([], "spare = []"), ({}, "spare.size is missing")):
        with pytest.raises(ConfigError) as caught:
            read_table(raw, Valve, "plant.toml", within="spare")
        assert str(caught.value).startswith(f"plant.toml: {said}: expected a")


def test_a_date_is_read_from_toml_with_and_without_quotes() -> None:
    for written in ("2025-06-01", '"2025-06-01"'):
        raw = tomllib.loads(f"from = {written}\nvalves = [{{ size = 1 }}]")
        assert read_table(raw, Plant, "plant.toml").from_ == date(2025, 6, 1)


def test_a_table_cannot_be_changed_and_a_variant_of_it_is_checked_again() -> None:
    valve = Valve(size=1.0)
    with pytest.raises(FrozenInstanceError):
        valve.size = 2.0  # type: ignore[misc]
    assert replace(valve, turns=(1,)) == Valve(size=1.0, turns=(1,))
    with pytest.raises(ValidationError):
        replace(valve, size=11.0)


@pytest.mark.parametrize("text", [f"a = {'9' * 5000}", f"a = {'[' * 3000}{']' * 3000}"])
def test_toml_that_is_beyond_reading_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.toml").write_text(text, encoding="utf-8")
    for read in (lambda path: read_toml(path, "fleet"), load_fleet):
        with pytest.raises(ConfigError, match=r"x\.toml: file = .*: expected TOML"):
            read(tmp_path / "x.toml")


def test_a_file_that_is_no_toml_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "half.toml").write_text("a = ", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"half\.toml: file = .*: expected TOML"):
        read_toml(tmp_path / "half.toml", "fleet")
    with pytest.raises(ConfigError, match=r"none\.toml: file = .*: expected a readable fleet file"):
        read_toml(tmp_path / "none.toml", "fleet")


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


KEYS = [f.name for f in fields(Plant) if f.name != "from_"]


def outcome(raw: object) -> Plant | ConfigError:
    try:
        return read_table(raw, Plant, "plant")
    except ConfigError as error:
        return error


@given(st.sampled_from(KEYS), VALUES)
def test_a_value_is_refused_by_its_key_or_read_and_nothing_else_with_it(key: str, value: object) -> None:
    found, sound = outcome(ONE | {key: value}), outcome(ONE)
    if isinstance(found, ConfigError):
        assert all(fault.key.startswith(key) for fault in found.faults)
    else:
        assert [getattr(found, k) for k in KEYS if k != key] == [getattr(sound, k) for k in KEYS if k != key]
