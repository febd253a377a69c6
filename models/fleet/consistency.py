"""What the types of a fleet file allow, but the pipeline cannot run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING

from models.errors import ConfigError
from models.fleet.config import nearest
from models.fleet.formula import sensors_of, unit_of
from models.fleet.points import shares_of
from models.fleet.recording import Column, rules_of
from models.fleet.sampling import EXACT_PANES
from models.fleet.telemetry import telemetry_rules
from models.fleet.units import conversion

if TYPE_CHECKING:
    from models.fleet.fleet import Fleet
    from models.fleet.points import Sensor

_LONGEST_HOP_S = 14 * 86400  # times within a pane are told in milliseconds, as int32
Wrong = Iterator[tuple[str, object, str]]


def contradictions(fleet: Fleet, source: str) -> list[ConfigError]:
    """Return an error for each key that does not go with another."""
    checks = (
        _inventory,
        _times,
        _alerting,
        _training,
        _sensors,
        _states,
        _totals,
        _derived,
        _expectations,
        _rules,
        _recording,
        _telemetry,
        _references,
    )
    found = chain.from_iterable(check(fleet) for check in checks)
    return [ConfigError(source, key, value, expected) for key, value, expected in found]


def _inventory(fleet: Fleet) -> Wrong:
    for i, name in enumerate(fleet.inventory):
        if not fleet.knows(name):
            yield f"inventory[{i}]", name, f"a name like {fleet.asset_pattern}"


def _times(fleet: Fleet) -> Wrong:
    sampling = fleet.sampling
    if sampling.hop_s * 1000 % sampling.period_ms:
        yield "sampling.hop_s", sampling.hop_s, "a multiple of sampling.period_s"
    if sampling.hop_s > _LONGEST_HOP_S:
        yield "sampling.hop_s", sampling.hop_s, f"at most {_LONGEST_HOP_S}, two weeks"
    for i, length_s in enumerate(sampling.windows_s):
        if length_s % sampling.hop_s:
            yield f"sampling.windows_s[{i}]", length_s, "a multiple of sampling.hop_s"
    for i, length_s in enumerate(sampling.long_windows_s):
        if length_s % sampling.hop_s or length_s in sampling.windows_s:
            expected = "a multiple of sampling.hop_s that is not in windows_s"
            yield f"sampling.long_windows_s[{i}]", length_s, expected
    yield from _running_times(fleet)


def _running_times(fleet: Fleet) -> Wrong:
    """Yield windows of running time that blocks cannot make, or that reach beyond what is remembered."""
    sampling = fleet.sampling
    for i, length_s in enumerate(sampling.running_windows_s):
        if length_s % sampling.hop_s or not EXACT_PANES * sampling.hop_s < length_s <= sampling.reach_s:
            expected = (
                f"a multiple of sampling.hop_s above {EXACT_PANES * sampling.hop_s}, and at most "
                f"{sampling.reach_s}, the longest window"
            )
            yield f"sampling.running_windows_s[{i}]", length_s, expected


def _alerting(fleet: Fleet) -> Wrong:
    alerting = fleet.alerting
    if alerting.horizon_d not in fleet.horizons_d:
        yield "alerting.horizon_d", alerting.horizon_d, f"one of horizons_d {list(fleet.horizons_d)}"
    if alerting.raise_among < alerting.raise_count:
        yield "alerting.of", alerting.raise_among, f"at least raise_count = {alerting.raise_count}"
    if alerting.every_s is not None and alerting.every_s % fleet.sampling.hop_s:
        yield "alerting.every_s", alerting.every_s, f"a multiple of sampling.hop_s = {fleet.sampling.hop_s}"


def stride_fault(fleet: Fleet, stride_s: int) -> str | None:
    """Return what was expected of a stride on which windows are looked at, None if it is right.

    A window ends on the hop, and alerting looks every so often: a stride beside these meets few windows, or
    none that alerting looks at.
    """
    hop_s, every_s = fleet.sampling.hop_s, fleet.alerting.every_s
    if stride_s % hop_s:
        return f"a multiple of sampling.hop_s = {hop_s}"
    if every_s is not None and stride_s % every_s and every_s % stride_s:
        return f"a divisor or a multiple of alerting.every_s = {every_s}"
    return None


def _training(fleet: Fleet) -> Wrong:
    training, hop_s = fleet.training, fleet.sampling.hop_s
    stride_s, every_s = training.stride_s or hop_s, fleet.alerting.every_s or hop_s
    if training.calibration_folds == 1:
        yield "training.calibration_folds", 1, "2 or more, or 0 for none"
    if training.calibration_folds and every_s % stride_s:
        yield (
            "training.stride_s",
            stride_s,
            f"a divisor of every_s = {every_s} beside calibration_folds",
        )
    if training.pretrained and not training.calibration_folds:
        yield "training.pretrained", training.pretrained, "calibration_folds of 2 or more beside it"
    if not training.rounds and not training.pretrained:
        yield "training.rounds", 0, "a whole number above 0 without pretrained"


def _sensors(fleet: Fleet) -> Wrong:
    seen = set[str]()
    for i, sensor in enumerate(fleet.sensors):
        if sensor.low >= sensor.high:
            yield f"sensors[{i}].low", sensor.low, f"below high = {sensor.high}"
        if sensor.key in seen:
            yield f"sensors[{i}].key", sensor.key, "a key that no other sensor has"
        seen.add(sensor.key)
        yield from ((f"sensors[{i}].{key}", value, what) for key, value, what in _kind(sensor))


def _kind(sensor: Sensor) -> Wrong:
    """Yield what does not go with the kind of a sensor."""
    kind = f"nothing: kind = {sensor.kind!r}"
    if sensor.wrap_at is not None and sensor.kind != "counter":
        yield "wrap_at", sensor.wrap_at, kind
    if sensor.states and sensor.kind != "state":
        yield "states", sensor.states, kind
    if len(set(sensor.states.values())) < len(sensor.states):
        yield "states", sensor.states, "a code of its own for each"
    if sensor.hold_s is not None and sensor.kind in ("counter", "event"):
        yield (
            "hold_s",
            sensor.hold_s,
            f"{kind}: it is told since the last reading, however old that is",
        )
    if sensor.stuck_s is not None and sensor.is_steady:
        what = "nothing beside hold_s" if sensor.kind == "gauge" else kind
        yield "stuck_s", sensor.stuck_s, f"{what}: it may stay the same for long"
    if sensor.max_per_minute is not None and sensor.kind in ("state", "event"):
        yield "max_per_minute", sensor.max_per_minute, kind


def _totals(fleet: Fleet) -> Wrong:
    """Yield where a counter or events stand for a level: what they read at one time says nothing."""
    levels = {s.key: s.kind for s in fleet.sensors if s.kind in ("counter", "event")}
    named = [(place, key) for place, key in _named_points(fleet) if place.startswith("expectation")]
    named += [(p, key) for p, key in _named_sensors(fleet) if p.startswith(("derived", "running"))]
    for place, key in named:
        if key in levels:
            yield place, key, f"a level: {key} is of kind = {levels[key]!r}"


def _derived(fleet: Fleet) -> Wrong:
    units = {sensor.key: sensor.unit for sensor in fleet.sensors}
    for i, point in enumerate(fleet.derived):
        if point.low >= point.high:
            yield f"derived[{i}].low", point.low, f"below high = {point.high}"
        if fleet.point_keys.index(point.key) != len(fleet.keys) + i:
            yield f"derived[{i}].key", point.key, "a key of no other point"
        if not units.keys() >= set(sensors_of(point.formula)):
            continue  # the reference is what is wrong
        try:
            unit = unit_of(point.formula, units) or point.unit
        except ValueError as error:
            yield f"derived[{i}].formula", point.formula, str(error)
        else:
            if unit != point.unit:
                yield f"derived[{i}].unit", point.unit, f"{unit}, as the formula says"


def _states(fleet: Fleet) -> Wrong:
    for i, sensor in enumerate(fleet.sensors):
        for point in shares_of(sensor):
            if fleet.point_keys.count(point.key) > 1:
                expected = f"names of which {point.key} and the like are keys of no other point"
                yield f"sensors[{i}].states", sensor.states, expected


def _expectations(fleet: Fleet) -> Wrong:
    seen = set[str]()
    for i, group in enumerate(fleet.expectation):
        for k, key in enumerate(group.sensors):
            if key in seen:
                yield f"expectation[{i}].sensors[{k}]", key, "a key that no other expectation has"
            seen.add(key)


def _rules(fleet: Fleet) -> Wrong:
    expected = {key for group in fleet.expectation for key in group.sensors}
    limits = {point.key: point for point in (*fleet.sensors, *fleet.derived)}
    for i, rule in enumerate(fleet.rules):
        if rule.trip == rule.warn:
            yield f"rules[{i}].trip", rule.trip, f"another level than warn = {rule.warn}"
        point = limits.get(rule.sensor)
        if point is not None and not rule.relative and not point.low <= rule.trip <= point.high:
            within = f"from low = {point.low} to high = {point.high}: what is beyond is no reading"
            yield f"rules[{i}].trip", rule.trip, within
        if rule.relative and rule.sensor not in expected:
            yield f"rules[{i}].sensor", rule.sensor, "one of an [[expectation]], since it is relative"
        if rule.relative and not min(1.0, rule.trip) <= rule.warn <= max(1.0, rule.trip):
            yield f"rules[{i}].warn", rule.warn, f"between 1, as expected, and trip = {rule.trip}"


def _recording(fleet: Fleet) -> Wrong:
    if fleet.recording is not None:
        found = rules_of(fleet.recording)
        yield from ((f"recording.{key}", value, what) for key, value, good, what in found if not good)
        yield from _units(fleet, "recording", fleet.recording.columns)


def _telemetry(fleet: Fleet) -> Wrong:
    if fleet.telemetry is not None:
        found = telemetry_rules(fleet.telemetry)
        yield from ((f"telemetry.{key}", value, what) for key, value, good, what in found if not good)
        yield from _units(fleet, "telemetry", fleet.telemetry.columns)


def _units(fleet: Fleet, place: str, columns: Mapping[str, Column]) -> Wrong:
    units = {sensor.key: sensor.unit for sensor in fleet.sensors}
    for key, column in columns.items():
        if column.unit and key in units and conversion(column.unit, units[key]) is None:
            expected = f"one that can become {units[key]}, the unit of the sensor; else use scale and offset"
            yield f"{place}.columns.{key}.unit", column.unit, expected


def _references(fleet: Fleet) -> Wrong:
    points = "[[sensors]] or [[derived]]" if fleet.derived else "[[sensors]]"
    for named, known, kind in (
        (_named_sensors(fleet), fleet.keys, "[[sensors]]"),
        (_named_points(fleet), fleet.point_keys, points),
    ):
        for place, key in named:
            if key not in known:
                near = nearest(key, known)
                yield place, key, f"a key of {kind}" + (f": did you mean {near}?" if near else "")


def _named_points(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Yield every place that names a point, measured or derived, with the name it gives."""
    for i, advice in enumerate(fleet.advice):
        yield from ((f"advice[{i}].sensors[{k}]", key) for k, key in enumerate(advice.sensors))
        yield from ((f"advice[{i}].falls[{k}]", key) for k, key in enumerate(advice.falls))
    for i, rule in enumerate(fleet.rules):
        yield f"rules[{i}].sensor", rule.sensor
    for i, group in enumerate(fleet.expectation):
        yield from ((f"expectation[{i}].drivers[{k}]", key) for k, key in enumerate(group.drivers))
        yield from ((f"expectation[{i}].sensors[{k}]", key) for k, key in enumerate(group.sensors))


def _named_sensors(fleet: Fleet) -> Iterator[tuple[str, str]]:
    """Yield every place that names a sensor, which has to be measured, with the name it gives."""
    for i, point in enumerate(fleet.derived):
        yield from ((f"derived[{i}].formula", key) for key in sensors_of(point.formula))
    yield from ((f"training.rule[{k}]", key) for k, key in enumerate(fleet.training.rule))
    if fleet.running:
        yield "running.sensor", fleet.running.sensor
    if fleet.recording:
        yield from ((f"recording.columns.{key}", key) for key in fleet.recording.columns)
    if fleet.telemetry:
        yield from ((f"telemetry.columns.{key}", key) for key in fleet.telemetry.columns)
