"""What a rule is judged by knows nothing of the days that it is judged on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chillcast.recordings.judging import by_rule
from chillcast.recordings.replay_request import ReplayRequest
from models.event_time import DAY_MS
from models.telemetry.samples import Event
from simulators.replay.playable import Playable
from tests.support.rising_fleet import DAYS, EVENTS, fleet, slices

LEARNT_DAYS = 6


def level(events: list[Event]) -> float:
    """Return the level that the rule learns from so few days that every case of them counts."""
    toy = fleet()
    alerting = replace(toy.alerting, case_d=10.0, false_alarms_per_asset_year=8.0)
    toy = replace(toy, alerting=alerting, training=replace(toy.training, rule=("s0",)))
    parts = slices(EVENTS)
    recorded = Playable(toy, tuple(events), lambda _: parts, (0, DAYS * DAY_MS))
    return by_rule(ReplayRequest(Path("r.csv"), toy, f"1970-01-0{LEARNT_DAYS + 1}", seed=1), recorded)[1]


def test_the_level_of_a_rule_is_learnt_from_what_had_happened_by_then() -> None:
    known_by = [e for e in EVENTS if e.time_ms <= LEARNT_DAYS * DAY_MS]
    assert level(EVENTS) == level(known_by)
