"""Values and times of strange messages, by the words, units and formats that recordings are read by."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from decimal import InvalidOperation
from typing import Any

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.fleet.points import Sensor
from models.fleet.recording import ISO, UNIX, Column, Written
from models.fleet.telemetry import Telemetry
from models.fleet.zones import zone_of
from models.intake.numbers import NumberReader
from models.intake.times import reader_of, why_not
from streams.wire import validation as checks


class PointReader:
    """Reads the values of one sensor: a number is scaled, a text read as in a recording."""

    def __init__(self, telemetry: Telemetry, column: Column, sensor: Sensor) -> None:
        self._reader = NumberReader(telemetry, column, sensor.unit, sensor.states)

    def read(self, value: Any) -> float:
        """Return a value in the unit of the sensor, NaN for nothing; raises RecordError if there is none."""
        if value is None:
            return math.nan
        if isinstance(value, bool):
            return self._text(str(value).lower())
        if isinstance(value, int | float):
            return self._reader.one(_float(value))
        if isinstance(value, str):
            return self._text(value)
        raise RecordError(f"{checks.clip(repr(value))}: expected a number")

    def _text(self, text: str) -> float:
        if len(text) > checks.MAX_NAME:
            raise RecordError(f"{checks.clip(text)!r}: expected a number")
        try:
            return self._reader.one(self._reader.number(text.strip()))
        except ValueError as error:
            raise RecordError(f"{checks.clip(text)!r}: {self._reader.why_not(text.strip())}") from error


def point_readers(fleet: Fleet, telemetry: Telemetry) -> tuple[dict[str, list[int]], list[PointReader]]:
    """Return the numbers of the sensors by the name of their point, and a reader for each sensor."""
    columns = [telemetry.columns.get(s.key, Column(column=s.key)) for s in fleet.sensors]
    known: dict[str, list[int]] = {}
    for i, column in enumerate(columns):
        known.setdefault(column.column, []).append(i)
    pairs = zip(columns, fleet.sensors, strict=True)
    return known, [PointReader(telemetry, column, sensor) for column, sensor in pairs]


class TimeReader:
    """Reads times by a format. A local time that exists twice is the earlier, unless told to be the later."""

    def __init__(self, written: Written, time_format: str) -> None:
        self._written = replace(written, time_format=time_format)
        self._read, self._size = reader_of(self._written), UNIX.get(time_format, 0)
        self._zone, self._fold = zone_of(written.timezone), int(written.repeated_hour == "later")

    def read(self, value: Any) -> int:
        """Return UTC milliseconds; raises RecordError if it is no such time."""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise RecordError(f"time {checks.clip(repr(value))}: expected a text or a number")
        try:
            time_ms = self._number(value) if isinstance(value, int | float) else self._text(value)
        except (ValueError, OverflowError, OSError, InvalidOperation) as error:
            text = checks.clip(str(value))
            raise RecordError(f"time {text!r}: {why_not(text, self._written)}") from error
        return checks.time_in_range(time_ms)

    def _number(self, value: float) -> int:
        if self._written.time_format == ISO:
            return int(value)
        if self._size and isinstance(value, int):
            return value * self._size // 1_000_000
        return self._text(str(value))

    def _text(self, text: str) -> int:
        if len(text) > checks.MAX_NAME:
            raise ValueError(text)
        time_ms, zoned = self._read(text.strip())
        return time_ms if zoned else self._utc(time_ms)

    def _utc(self, local_ms: int) -> int:
        moment = datetime.fromtimestamp(local_ms / 1000, UTC).replace(tzinfo=self._zone, fold=self._fold)
        offset = moment.utcoffset()
        return local_ms - (round(offset.total_seconds() * 1000) if offset else 0)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
