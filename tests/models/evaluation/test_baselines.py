from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.evaluation.baselines import (
    Watched,
    age,
    baselines,
    best_sensor,
    newest_columns,
    rules,
    while_running,
)
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.fleet import load_fleet
from models.fleet.knowledge import Rule, Running
from models.fleet.training import Training
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event
from tests.support.toy_fleet import fleet_of

CHILLER = Path(__file__).parents[3] / "fleets" / "chiller.toml"


def watched(n: int = 400) -> Watched:
    """Sensor 1 falls where an outcome follows, sensor 0 is noise."""
    rng = np.random.default_rng(1)
    label = rng.random(n) < 0.3
    sensors = np.stack([rng.normal(0, 1, n), -3.0 * label + rng.normal(0, 1, n)], axis=1).astype(np.float32)
    end_ms = np.arange(1, n + 1) * DAY_MS
    return Watched(["a"], np.zeros(n, np.int32), end_ms, sensors, sensors, label, np.arange(n) < n // 2)


def test_the_best_sensor_is_found_with_its_direction_where_it_is_taught() -> None:
    found = best_sensor(fleet_of(), watched())
    assert found.text == "s1 below a threshold"
    assert found.score[watched().label].mean() > found.score[~watched().label].mean() + 2


def test_rules_rank_by_how_far_a_sensor_has_come_to_its_trip() -> None:
    toy = replace(
        fleet_of(), rules=(Rule(sensor="s0", warn=10.0, trip=20.0), Rule(sensor="s1", warn=4.0, trip=2.0))
    )
    newest = np.array([[10, 9], [20, 9], [0, 3], [np.nan, 9]], np.float32)
    assert rules(toy, replace(watched(4), newest=newest)).score.tolist() == [0.0, 1.0, 0.5, -1.0]


def test_rules_look_at_a_machine_while_it_runs() -> None:
    toy = replace(fleet_of(), running=Running(sensor="s1", above=5.0))
    schema = FeatureSchema(toy)
    assert newest_columns(schema)[-1] == f"s1.{schema.windows[0]}.min"
    found = while_running(toy, np.array([[1, 9, 6], [1, 9, 4], [1, 9, np.nan]], np.float32))
    assert found[0].tolist() == [1.0, 9.0]
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("rule", load_fleet(CHILLER).rules, ids=lambda r: r.sensor)
def test_the_levels_of_the_chillers_lie_within_what_their_sensors_can_read(rule: Rule) -> None:
    sensor = {s.key: s for s in load_fleet(CHILLER).sensors}[rule.sensor]
    assert sensor.low <= min(rule.warn, rule.trip) < max(rule.warn, rule.trip) <= sensor.high


def test_without_rules_the_sum_of_the_fleets_rule_counts() -> None:
    toy = replace(fleet_of(), training=Training(rule=("s0", "s1")))
    sensors = np.array([[1, 2], [np.nan, 5]], np.float32)
    assert rules(toy, replace(watched(2), sensors=sensors)).score.tolist() == [3.0, 5.0]


def test_age_counts_from_the_last_stop_or_work() -> None:
    given = watched()
    given.label[:] = (np.arange(400) % 100) > 80
    work = [Event(day * DAY_MS, "a", "maintenance") for day in (101, 201, 301)]
    score = age(given, EventLog(work)).score
    assert score[90] > score[10]
    assert score[390] > score[310]


def test_every_baseline_scores_every_window_and_the_same_again() -> None:
    first, second = (baselines(fleet_of(), watched(), EventLog(), 3) for _ in range(2))
    assert [b.name for b in first] == ["best sensor", "rules", "age", "random"]
    for one, other in zip(first, second, strict=True):
        assert np.isfinite(one.score).all()
        assert one.score.tolist() == other.score.tolist()
