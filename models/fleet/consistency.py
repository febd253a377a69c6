"""What the types of a fleet file allow, but the pipeline cannot run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING

from models.errors import ConfigError
from models.fleet.config import nearest
from models.fleet.recording import rules_of
from models.fleet.units import conversion

if TYPE_CHECKING:
    from models.fleet.fleet import Fleet

Wrong = Iterator[tuple[str, object, str]]


def contradictions(fleet: Fleet, source: str) -> list[ConfigError]:
    """Return an error for each key that does not go with another."""
    checks = (_times, _alerting, _sensors, _rules, _recording, _references)
    found = chain.from_iterable(check(fleet) for check in checks)
    return [ConfigError(source, key, value, expected) for key, value, expected in found]


def _times(fleet: Fleet) -> Wrong:
    sampling = fleet.sampling
    if sampling.hop_s * 1000 % sampling.period_ms:
        yield "sampling.hop_s", sampling.hop_s, "a multiple of sampling.period_s"
    for i, length_s in enumerate(sampling.windows_s):
        if length_s % sampling.hop_s:
            yield f"sampling.windows_s[{i}]", length_s, "a multiple of sampling.hop_s"


def _alerting(fleet: Fleet) -> Wrong:
    alerting = fleet.alerting
    if alerting.horizon_d not in fleet.horizons_d:
        yield "alerting.horizon_d", alerting.horizon_d, f"one of horizons_d {list(fleet.horizons_d)}"
    if alerting.raise_among < alerting.raise_count:
        yield "alerting.of", alerting.raise_among, f"at least raise_count = {alerting.raise_count}"


def _sensors(fleet: Fleet) -> Wrong:
    seen = set[str]()
    for i, sensor in enumerate(fleet.sensors):
        if sensor.low >= sensor.high:
            yield f"sensors[{i}].low", sensor.low, f"below high = {sensor.high}"
        if sensor.key in seen:
            yield f"sensors[{i}].key", sensor.key, "a key that no other sensor has"
        seen.add(sensor.key)


def _rules(fleet: Fleet) -> Wrong:
    for i, rule in enumerate(fleet.rules):
        if rule.trip == rule.warn:
            yield f"rules[{i}].trip", rule.trip, f"another level than warn = {rule.warn}"


def _recording(fleet: Fleet) -> Wrong:
    if fleet.recording is None:
        return
    yield from (
        (f"recording.{key}", value, what) for key, value, good, what in rules_of(fleet.recording) if not good
    )
    units = {sensor.key: sensor.unit for sensor in fleet.sensors}
    for key, column in fleet.recording.columns.items():
        if column.unit and key in units and conversion(column.unit, units[key]) is None:
            expected = f"one that can become {units[key]}, the unit of the sensor; else use scale and offset"
            yield f"recording.columns.{key}.unit", column.unit, expected


def _references(fleet: Fleet) -> Wrong:
    for place, key in _named(fleet):
        if key not in fleet.keys:
            near = nearest(key, fleet.keys)
            yield place, key, "a key of [[sensors]]" + (f": did you mean {near}?" if near else "")


def _named(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Yield every place that names a sensor, with the name it gives."""
    for i, advice in enumerate(fleet.advice):
        yield from ((f"advice[{i}].sensors[{k}]", key) for k, key in enumerate(advice.sensors))
        yield from ((f"advice[{i}].falls[{k}]", key) for k, key in enumerate(advice.falls))
    for i, rule in enumerate(fleet.rules):
        yield f"rules[{i}].sensor", rule.sensor
    for i, group in enumerate(fleet.expectation):
        yield from ((f"expectation[{i}].drivers[{k}]", key) for k, key in enumerate(group.drivers))
        yield from ((f"expectation[{i}].sensors[{k}]", key) for k, key in enumerate(group.sensors))
    yield from ((f"training.rule[{k}]", key) for k, key in enumerate(fleet.training.rule))
    if fleet.running:
        yield "running.sensor", fleet.running.sensor
    if fleet.recording:
        yield from ((f"recording.columns.{key}", key) for key in fleet.recording.columns)
