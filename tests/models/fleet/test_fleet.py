from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigError
from models.fleet.config import table_json
from models.fleet.fleet import Fleet, load_fleet, parse_fleet

FLEETS = sorted((Path(__file__).parents[3] / "fleets").glob("*.toml"))
SMALL = """
name = "pumps"
asset = "pump"
asset_pattern = "P-[0-9]+"
outcome = "trip"
horizons_d = [1.0, 7.0]
sampling = { period_s = 60, hop_s = 3600, windows_s = [3600, 86400] }
alerting = { horizon_d = 7.0 }
sensors = [
    { key = "flow", label = "flow", unit = "L/s", low = 0.0, high = 50.0 },
    { key = "head", label = "head", unit = "bar", low = 0.0, high = 9.0 },
]
"""
RAW: dict[str, Any] = tomllib.loads(SMALL)
Change = Callable[[dict[str, Any]], object]


def refused(change: Change) -> str:
    raw = copy.deepcopy(RAW)
    change(raw)
    with pytest.raises(ConfigError) as caught:
        parse_fleet(raw, "pumps.toml")
    return str(caught.value).removeprefix("pumps.toml: ")


def derive(raw: dict[str, Any], **changes: Any) -> None:
    """Give the fleet a derived point."""
    point = {"key": "rise", "label": "rise", "unit": "bar", "low": 0.0, "high": 9.0, "formula": "2 * head"}
    raw["derived"] = [{**point, **changes}]


def watch(raw: dict[str, Any], expected: list[str], **changes: Any) -> None:
    """Give the fleet a rule for the flow, and an expectation of these sensors."""
    raw["expectation"] = [{"drivers": ["head"], "sensors": expected}]
    raw["rules"] = [{"sensor": "flow", "warn": 0.8, "trip": 0.5, **changes}]


@pytest.mark.parametrize("path", FLEETS, ids=lambda p: p.stem)
def test_a_shipped_fleet_is_named_after_its_file_and_survives_the_hand_over_to_a_worker(
    path: Path, tmp_path: Path
) -> None:
    fleet = load_fleet(path)
    handed = tmp_path / "fleet.json"
    handed.write_bytes(table_json(fleet))
    assert fleet.name == path.stem
    assert load_fleet(handed) == fleet


def test_keys_are_in_the_order_of_the_file() -> None:
    assert parse_fleet(RAW, "pumps.toml").keys == ("flow", "head")


def other(change: Change) -> Fleet:
    raw = copy.deepcopy(RAW)
    change(raw)
    return parse_fleet(raw, "pumps.toml")


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw["sensors"].reverse(),
        lambda raw: raw["sensors"][0].update(key="inflow"),
        lambda raw: raw["sensors"][0].update(unit="m3/h"),
        lambda raw: raw["sensors"].pop(),
    ],
    ids=["order", "key", "unit", "fewer"],
)
def test_the_schema_changes_with_what_a_value_vector_means(change: Change) -> None:
    assert other(change).schema != parse_fleet(RAW, "pumps.toml").schema


def test_the_schema_does_not_change_with_words_or_limits() -> None:
    same = other(lambda raw: raw["sensors"][0].update(label="volume flow", high=60.0))
    assert same.schema == parse_fleet(RAW, "pumps.toml").schema
    assert len(same.schema) == 16


@pytest.mark.parametrize(
    ("asset", "known"), [("P-1", True), ("P-12", True), ("P-", False), ("xP-1", False), ("P-1\n", False)]
)
def test_a_name_has_to_match_the_pattern_in_full(asset: str, *, known: bool) -> None:
    assert parse_fleet(RAW, "pumps.toml").knows(asset) is known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda raw: raw["sensors"][1].pop("low"), "sensors[1].low is missing: expected a number"),
        (
            lambda raw: raw["sensors"][1].update(lo=1),
            "sensors[1].lo is not known: did you mean low?",
        ),
        (
            lambda raw: raw["sensors"][1].update(key="Head"),
            "sensors[1].key = 'Head': expected snake_case, at most 64 characters",
        ),
        (
            lambda raw: raw["sensors"][1].update(key="flow"),
            "sensors[1].key = 'flow': expected a key that no other sensor has",
        ),
        (lambda raw: raw["sensors"][0].update(low=50.0), "sensors[0].low = 50.0: expected below high = 50.0"),
        (
            lambda raw: raw["sampling"].update(hop_s=90),
            "sampling.hop_s = 90: expected a multiple of sampling.period_s",
        ),
        (
            lambda raw: raw["sampling"].update(windows_s=[3600, 5400]),
            "sampling.windows_s[1] = 5400: expected a multiple of sampling.hop_s",
        ),
        (
            lambda raw: raw["sampling"].update(hop_s=1_296_000, windows_s=[1_296_000]),
            "sampling.hop_s = 1296000: expected at most 1209600, two weeks",
        ),
        (
            lambda raw: raw["sampling"].update(long_windows_s=[90_000, 172_801]),
            "sampling.long_windows_s[1] = 172801: expected a multiple of sampling.hop_s "
            "that is not in windows_s",
        ),
        (
            lambda raw: raw["sampling"].update(running_windows_s=[86_400]),
            "sampling.running_windows_s[0] = 86400: expected a multiple of sampling.hop_s above 172800, "
            "and at most 86400, the longest window",
        ),
        (
            lambda raw: raw["sampling"].update(long_windows_s=[86_400]),
            "sampling.long_windows_s[0] = 86400: expected a multiple of sampling.hop_s "
            "that is not in windows_s",
        ),
        (
            lambda raw: derive(raw, formula="head ** 2"),
            "derived[0].formula = 'head ** 2': expected arithmetic of sensors, numbers, + - * / ( ), min(…), "
            "max(…) and abs(…)",
        ),
        (
            lambda raw: derive(raw, formula="head - hat"),
            "derived[0].formula = 'hat': expected a key of [[sensors]]",
        ),
        (
            lambda raw: derive(raw, formula="head - flow"),
            "derived[0].formula = 'head - flow': expected terms of one unit, not bar and L/s",
        ),
        (
            lambda raw: derive(raw, formula="2 * flow"),
            "derived[0].unit = 'bar': expected L/s, as the formula says",
        ),
        (lambda raw: derive(raw, key="head"), "derived[0].key = 'head': expected a key of no other point"),
        (lambda raw: derive(raw, low=9.0), "derived[0].low = 9.0: expected below high = 9.0"),
        (
            lambda raw: derive(raw, stuck_s=60),
            "derived[0].stuck_s is not known: known are key, label, unit, low, high, brick, resolution, "
            "state, formula",
        ),
        (
            lambda raw: watch(raw, ["head"], relative=True),
            "rules[0].sensor = 'flow': expected one of an [[expectation]], since it is relative",
        ),
        (
            lambda raw: watch(raw, ["head"], trip=-4.0),
            "rules[0].trip = -4.0: expected from low = 0.0 to high = 50.0: what is beyond is no reading",
        ),
        (
            lambda raw: watch(raw, ["flow"], relative=True, warn=1.2),
            "rules[0].warn = 1.2: expected between 1, as expected, and trip = 0.5",
        ),
        (
            lambda raw: watch(raw, ["flow", "flow"]),
            "expectation[0].sensors[1] = 'flow': expected a key that no other expectation has",
        ),
        (
            lambda raw: raw["sampling"].update(windows_s=[7200, 3600]),
            "sampling.windows_s = [7200, 3600]: expected rising whole numbers above 0",
        ),
        (
            lambda raw: raw.update(horizons_d=[0.0, 7.0]),
            "horizons_d = [0.0, 7.0]: expected rising numbers above 0",
        ),
        (
            lambda raw: raw["alerting"].update(horizon_d=3.0),
            "alerting.horizon_d = 3.0: expected one of horizons_d [1.0, 7.0]",
        ),
        (lambda raw: raw["alerting"].update(of=2), "alerting.of = 2: expected at least raise_count = 3"),
        (
            lambda raw: raw["alerting"].update(every_s=1),
            "alerting.every_s = 1: expected a multiple of sampling.hop_s = 3600",
        ),
        (
            lambda raw: raw.setdefault("training", {}).update(calibration_folds=1),
            "training.calibration_folds = 1: expected 2 or more, or 0 for none",
        ),
        (
            lambda raw: raw.setdefault("training", {}).update(calibration_folds=2, stride_s=5400),
            "training.stride_s = 5400: expected a divisor of every_s = 3600 beside calibration_folds",
        ),
        (
            lambda raw: raw.setdefault("training", {}).update(pretrained="chiller"),
            "training.pretrained = 'chiller': expected calibration_folds of 2 or more beside it",
        ),
        (
            lambda raw: raw.setdefault("training", {}).update(rounds=0),
            "training.rounds = 0: expected a whole number above 0 without pretrained",
        ),
        (
            lambda raw: raw["alerting"].update(clear_ratio=1),
            "alerting.clear_ratio = 1: expected a number above 0 and below 1",
        ),
        (
            lambda raw: raw.update(asset_pattern="("),
            "asset_pattern = '(': expected a regular expression",
        ),
    ],
)
def test_a_bad_fleet_is_refused_by_key_value_and_what_was_expected(change: Change, said: str) -> None:
    assert refused(change) == said


def test_all_that_the_pipeline_could_not_run_is_said_at_once() -> None:
    def change(raw: dict[str, Any]) -> None:
        raw["sampling"].update(hop_s=90)
        raw["alerting"].update(of=2, horizon_d=3.0)

    assert refused(change).splitlines() == [
        "sampling.hop_s = 90: expected a multiple of sampling.period_s",
        "pumps.toml: alerting.horizon_d = 3.0: expected one of horizons_d [1.0, 7.0]",
        "pumps.toml: alerting.of = 2: expected at least raise_count = 3",
    ]


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({"advice": [{"fault": "wear", "sensors": ["flow", "hed"], "check": ""}]}, "advice[0].sensors[1]"),
        ({"training": {"rule": ["hed"]}}, "training.rule[0]"),
        ({"expectation": [{"drivers": ["flow"], "sensors": ["hed"]}]}, "expectation[0].sensors[0]"),
        ({"running": {"sensor": "hed", "above": 1.0}}, "running.sensor"),
        (
            {"recording": {"asset": "a", "time": "t", "columns": {"hed": {"column": "H"}}}},
            "recording.columns.hed",
        ),
    ],
)
def test_whatever_names_a_sensor_names_one_that_there_is(table: dict[str, Any], key: str) -> None:
    said = refused(lambda raw: raw.update(table))
    assert said == f"{key} = 'hed': expected a key of [[sensors]]: did you mean head?"


def test_a_file_that_cannot_be_read_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a readable fleet file"):
        load_fleet(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"')
    with pytest.raises(ConfigError, match="expected a readable fleet file"):
        load_fleet(tmp_path / "latin.toml")
    for name, form in (("half.toml", "TOML"), ("half.json", "JSON")):
        (tmp_path / name).write_text("{ name =", encoding="utf-8")
        with pytest.raises(ConfigError, match=f"expected {form}"):
            load_fleet(tmp_path / name)
