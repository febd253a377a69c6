"""Samples of our own form of which a point is no number: that point is lost, and named, and nothing else."""

from __future__ import annotations

import math
from typing import Any

from models.errors import RecordError
from models.fleet.fleet import Fleet
from streams.wire import validation as checks
from streams.wire.columns import Row
from streams.wire.loose_json import parse_loosely
from streams.wire.problems import capped, unknown_points

_SHAPE = (("asset", str), ("time", str | int | float), ("values", dict))


def spoilt_row(data: bytes, fleet: Fleet, why: RecordError) -> Row:
    """Return what is left of a sample that is none to the letter; raises ``why`` if it has no such shape."""
    try:
        found = parse_loosely(data)
    except RecordError:
        raise why from None
    if not isinstance(found, dict) or not all(isinstance(found.get(key), kind) for key, kind in _SHAPE):
        raise why
    if isinstance(found["time"], bool):
        raise why
    checks.known_asset(found["asset"], fleet)
    time_ms, said = checks.parse_time(found["time"]), found["values"]
    numbers, problems = _numbers({key: said[key] for key in fleet.keys if key in said})
    ordered = [numbers.get(key) for key in fleet.keys]
    unknown = unknown_points(said.keys() - set(fleet.keys), fleet)
    return Row(found["asset"], time_ms, ordered, capped([*problems, *unknown]))


def _numbers(values: dict[str, Any]) -> tuple[dict[str, float | None], list[str]]:
    """Return the values that are numbers, and what is wrong with the others."""
    numbers, problems = dict[str, float | None](), list[str]()
    for key, value in values.items():
        try:
            numbers[key] = _number(value)
        except ValueError:
            problems.append(f"values.{key} {checks.clip(repr(value))}: expected a number or null")
    return numbers, problems


def _number(value: Any) -> float | None:
    """Return a number, None for NaN and null; ValueError if it is neither."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(value)  # noqa: TRY004  (of a stranger, not of ours)
    try:
        return float(value)
    except OverflowError:
        return math.inf
