"""Messages in the forms of other programs, read as the fleet file says, to rows of samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import translate
from typing import Any

from models.errors import RecordError
from models.fleet.fleet import Fleet
from models.fleet.recording import ISO
from models.fleet.telemetry import ARRIVAL, KEY, Telemetry
from streams.stage import Incoming
from streams.wire import validation as checks
from streams.wire.columns import Found
from streams.wire.gathered_rows import GatheredRows
from streams.wire.line_protocol import parse_lines
from streams.wire.loose_json import parse_loosely
from streams.wire.paths import NOTHING, WHOLE, at_path, leaves
from streams.wire.points import TimeReader, point_readers

_MOST_NAME = 1024
_SPARKPLUG_VALUES = ("intValue", "longValue", "floatValue", "doubleValue", "booleanValue", "stringValue")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a message. With ``measured`` points may begin with the name of the record."""

    records: str = ""
    asset: str = "asset"
    time: str = "time"
    time_format: str = ISO
    values: str = "values"
    point: str = ""
    value: str = "value"
    measured: bool = False
    ignore: tuple[str, ...] = ()


_TELEGRAF = Layout("metrics", "tags.host", "timestamp", "unix_s", "fields", measured=True)
LAYOUTS = {
    "json": Layout(),
    "telegraf": _TELEGRAF,
    "influx": replace(_TELEGRAF, records="", time_format="unix_ns"),
    "sparkplug": Layout(
        "metrics",
        KEY,
        "timestamp",
        "unix_ms",
        point="name",
        ignore=("bdSeq", "Node Control/*", "Device Control/*"),
    ),
}


def layout_of(telemetry: Telemetry) -> Layout:
    """Return the layout of a form, with what the fleet file says instead."""
    form = LAYOUTS[telemetry.form]
    given = {
        key: getattr(telemetry, key)
        for key in ("records", "asset", "time", "values", "point", "value")
        if getattr(telemetry, key)
    }
    if telemetry.values and not telemetry.point:
        given["point"] = ""
    if telemetry.time_format != ISO:
        given["time_format"] = telemetry.time_format
    return replace(form, **given, ignore=(*form.ignore, *telemetry.ignore))


@dataclass(frozen=True, slots=True)
class _Entry:
    """One record of a message, what it is called in a reason, and the message around it."""

    record: Any
    whole: Any
    place: str

    def at(self, path: str) -> Any:
        """Return what stands at a path of the record, else of the message."""
        found = at_path(self.record, path)
        return at_path(self.whole, path) if found is NOTHING and self.whole is not self.record else found


class Form:
    """Reads messages of one form; what of one cannot be used is named, and nothing else of it is lost."""

    def __init__(self, fleet: Fleet, telemetry: Telemetry) -> None:
        self.fleet, self.telemetry, self.layout = fleet, telemetry, layout_of(telemetry)
        self._known, self._readers = point_readers(fleet, telemetry)
        self._clock = TimeReader(telemetry, self.layout.time_format)
        self._pattern = re.compile(telemetry.name_pattern) if telemetry.name_pattern else None
        self._ignored = re.compile("|".join(map(translate, self.layout.ignore)) or r"(?!)")
        self._beside = {path.partition(".")[0] for path in (self.layout.asset, self.layout.time)}

    def read(self, message: Incoming) -> Found:
        """Return the rows of a message; raises RecordError if it is not of this form."""
        data, rows = checks.sized(message.value), GatheredRows(self.fleet)
        for entry in self._entries(data, rows):
            try:
                self._take(entry, message, rows)
            except RecordError as error:
                rows.problem(f"{entry.place}{error}")
        return rows.found()

    def _entries(self, data: bytes, rows: GatheredRows) -> Iterator[_Entry]:
        if self.telemetry.form == "influx":
            yield from self._lines(data, rows)
            return
        whole = parse_loosely(data)
        found = whole if isinstance(whole, list) else at_path(whole, self.layout.records or WHOLE)
        if found is NOTHING:
            found = whole
        if not isinstance(found, list):
            yield _Entry(found, whole, "")
            return
        for i, record in enumerate(found):
            yield _Entry(record, whole, f"record {i}: " if len(found) > 1 else "")

    @staticmethod
    def _lines(data: bytes, rows: GatheredRows) -> Iterator[_Entry]:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise RecordError(f"not line protocol: byte {error.start} is not UTF-8") from error
        for line in parse_lines(text):
            if line.problem:
                rows.problem(f"line {line.number}: {line.problem}")
            else:
                yield _Entry(line.record, line.record, f"line {line.number}: ")

    def _take(self, entry: _Entry, message: Incoming, rows: GatheredRows) -> None:
        asset, point = self._who(entry, message)
        checks.known_asset(asset, self.fleet)
        found = list(self._points(entry, point))
        time_ms = self._when(entry, message)
        row = rows.row(asset, time_ms)
        for name, value in found:
            self._reading(entry, name, value, row, rows)

    def _reading(self, entry: _Entry, name: str, value: Any, row: int, rows: GatheredRows) -> None:
        sensors, rows.said = self._sensors(entry, name), rows.said + 1
        if not sensors and not self._ignored.match(name):
            rows.problem(f"{entry.place}{checks.clip(name)}: not a point of fleet {self.fleet.name}")
        for sensor in sensors:
            try:
                rows.put(row, sensor, self._readers[sensor].read(value))
            except RecordError as error:
                rows.problem(f"{entry.place}{checks.clip(name)} {error}")

    def _sensors(self, entry: _Entry, name: str) -> list[int]:
        measured = f"{entry.at('name')}.{name}" if self.layout.measured else name
        return self._known.get(measured) or self._known.get(name, [])

    def _who(self, entry: _Entry, message: Incoming) -> tuple[str, str]:
        """Return the machine, and the point if its pattern names one."""
        path = self.layout.asset
        if self.telemetry.asset_name and not self._pattern:
            return self.telemetry.asset_name, ""
        name = (message.key or b"").decode("utf-8", "replace") if path == KEY else entry.at(path)
        name = _named(name, path, "machine")
        if self._pattern is None:
            return name, ""
        found = self._pattern.search(name[:_MOST_NAME])
        if not found:
            raise RecordError(f"{path} {checks.clip(name)!r}: expected it to match name_pattern")
        groups = found.groupdict()
        return self.telemetry.asset_name or str(groups.get("asset") or name), str(groups.get("point") or "")

    def _when(self, entry: _Entry, message: Incoming) -> int:
        if self.layout.time == ARRIVAL:
            return checks.time_in_range(message.arrived_ms, "time of arrival")
        value = entry.at(self.layout.time)
        if value is NOTHING:
            raise RecordError(f"{self.layout.time} nothing: expected a time")
        return self._clock.read(value)

    def _points(self, entry: _Entry, named: str) -> Iterator[tuple[str, Any]]:
        """Yield the names of points, and their values."""
        if named or self.layout.point:
            yield named or self._point(entry), self._value(entry)
            return
        values = at_path(entry.record, self.layout.values)
        if not isinstance(values, dict):
            raise RecordError(f"{self.layout.values} {_shown(values)}: expected values by point")
        beside = self._beside if self.layout.values == WHOLE else set[str]()
        yield from leaves({key: value for key, value in values.items() if key not in beside})

    def _point(self, entry: _Entry) -> str:
        name = at_path(entry.record, self.layout.point)
        if name is NOTHING and self.telemetry.form == "sparkplug":
            # after its birth a metric may be known by this number alone
            name = at_path(entry.record, "alias")
        return _named(name, self.layout.point, "point")

    def _value(self, entry: _Entry) -> Any:
        value = at_path(entry.record, self.layout.value)
        if value is not NOTHING or self.telemetry.form != "sparkplug":
            return self._said(value)
        if at_path(entry.record, "isNull") is True or at_path(entry.record, "is_null") is True:
            return None
        found = (at_path(entry.record, key) for key in _SPARKPLUG_VALUES)
        return self._said(next((value for value in found if value is not NOTHING), NOTHING))

    def _said(self, value: Any) -> Any:
        if value is NOTHING:
            raise RecordError(f"{self.layout.value} nothing: expected a value")
        return value


def _named(name: Any, path: str, what: str) -> str:
    """Return the name of something; raises RecordError if there is none."""
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise RecordError(f"{path} {_shown(name)}: expected the name of a {what}")
    return str(name)


def _shown(value: Any) -> str:
    return "nothing" if value is NOTHING else checks.clip(repr(value))
