"""InfluxDB 2: points as line protocol, kept until the server has an answer for each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from influxdb_client.client.flux_csv_parser import FluxCsvParserException, FluxQueryException
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError

from models.errors import UnavailableError, shown
from streams.stores.influx_selection import FOUND, ROWS, STAMP, parameters, select_rows
from streams.stores.point_rules import problem_of
from streams.stores.selection import TAGS, Selected, Selection
from streams.stores.store import Flushed, Point, Rejection, Row, Value

_BATCH = 5_000
_MILLISECONDS: Any = WritePrecision.MS
_TIMEOUT_MS = 20_000
_BAD_LINE = (400, 422)
_FULL = "no space left on device"
_MOST_WORDS = 500
_ADVICE = {
    401: "check CHILLCAST_INFLUX_TOKEN",
    403: "the token may not write to, or read from, this bucket",
    404: "create the bucket and organisation, or correct their names",
}
# The key of a point may say anything, so that only the last words are surely the server's own.
_EXPIRED = re.compile(
    r"outside retention policy of duration (?P<kept>\S+).* at (?P<newest>\S+) dropped because it violates a "
    r"Retention Policy Lower Bound at (?P<bound>\S+) dropped=\d+ for database: \S+ for retention policy: "
    r"\S+$",
    re.DOTALL,
)
_UNREADABLE = (FluxQueryException, FluxCsvParserException, ValueError, KeyError, IndexError)
_LAST_MS = 9_223_286_400_000  # 2262-04-11: no later day has a time in InfluxDB
_LATEST = """
from(bucket: bucket) |> range(start: 1970-01-01T00:00:00Z, stop: stop)
|> filter(fn: (r) => r._measurement == measurement) |> last()
"""
_HISTORY = """
from(bucket: bucket) |> range(start: start, stop: stop)
|> filter(fn: (r) => r._measurement == measurement and r.asset == asset)
"""


class InfluxStore:
    """Points in one bucket. Same series and time overwrite and fields merge, by InfluxDB's own nature."""

    def __init__(self, url: str, token: str, org: str, bucket: str) -> None:
        self.name, self.org, self.bucket = f"InfluxDB {shown(url)}", org, bucket
        self._waiting: list[Point] = []
        self._client = InfluxDBClient(url=url, token=token, org=org, timeout=_TIMEOUT_MS, enable_gzip=True)
        self._write_api = self._client.write_api(write_options=SYNCHRONOUS)

    def add(self, points: Iterable[Point]) -> None:
        """Take points in; nothing is promised yet."""
        self._waiting += points

    def flush(self) -> Flushed:
        """Write all that was added, in batches; in a refused one each point gets an answer of its own."""
        judged = [(point, problem_of(point)) for point in self._waiting]
        rejected = [Rejection(point, problem) for point, problem in judged if problem]
        good = [point for point, problem in judged if not problem]
        for start in range(0, len(good), _BATCH):
            rejected += self._write(good[start : start + _BATCH])
        self._waiting = []
        return Flushed(len(judged) - len(rejected), tuple(rejected))

    def latest(self, measurement: str, before_ms: int | None = None) -> Sequence[Row]:
        """Return the newest row of every series of ``measurement``, of those before ``before_ms``."""
        newest: dict[str, Row] = {}
        stop = _moment(_LAST_MS if before_ms is None else before_ms)
        for row in self._query(_LATEST, {"measurement": measurement, "stop": stop}):
            newest[_series(row)] = row
        return sorted(newest.values(), key=_order)

    def history(self, measurement: str, asset: str, start_ms: int, end_ms: int) -> Sequence[Row]:
        """Return the rows of one asset in [start_ms, end_ms), by time."""
        if start_ms >= end_ms:
            return []
        span = {"start": _moment(start_ms), "stop": _moment(end_ms)}
        return self._query(_HISTORY, {"measurement": measurement, "asset": asset, **span})

    def select(self, selection: Selection) -> Selected:
        """Return a part of the newest rows that satisfy what is asked, and how many do."""
        asked = {**parameters(selection), "stop": _moment(_LAST_MS)}
        told = self._records(select_rows(selection), asked)
        found = sum(values["asset"] or 0 for values in told if values["result"] == FOUND)
        return Selected(found, [_whole_row(values) for values in told if values["result"] == ROWS])

    def stamp(self, measurement: str) -> str:
        """Return a text that is another once a row with a ``revision`` was written or changed."""
        told = self._records(STAMP, {"measurement": measurement, "stop": _moment(_LAST_MS)})
        return " ".join(f"{values['n']} {values['total']:.0f}" for values in told)

    def version(self) -> None:
        """Return None: the server does not tell whether anything was written."""

    def close(self) -> None:
        """Release the connection; points that were not flushed are lost."""
        self._client.close()

    def _write(self, points: Sequence[Point]) -> list[Rejection]:
        lines = "\n".join(map(to_line, points)).encode()
        try:
            self._write_api.write(self.bucket, self.org, lines, write_precision=_MILLISECONDS)
        except ApiException as error:
            if error.status not in _BAD_LINE:
                raise self._unavailable(error) from error
            return self._answered(points, _words(error))
        except (HTTPError, OSError) as error:
            raise self._unavailable(error) from error
        return []

    def _answered(self, points: Sequence[Point], words: str) -> list[Rejection]:
        """Find out which points of a refused batch the server's words are about, and write the others.

        What is too old is told by time: to halve would take two requests for each such point.
        """
        expiry = Expiry.from_words(words)
        old = [point for point in points if expiry and point.time_ms <= expiry.newest_ms]
        if expiry and old:
            young = [point for point in points if point.time_ms > expiry.newest_ms]
            return [Rejection(point, expiry.reason) for point in old] + (self._write(young) if young else [])
        if len(points) == 1:
            return [Rejection(points[0], _clipped(words))]
        half = len(points) // 2
        return self._write(points[:half]) + self._write(points[half:])

    def _query(self, flux: str, values: dict[str, Any]) -> list[Row]:
        """Return rows by time; one comes together from a record per field."""
        rows: dict[tuple[int, str], Row] = {}
        for row in map(_row, self._records(flux, values)):
            found = rows.setdefault((row.time_ms, _series(row)), row)
            rows[row.time_ms, _series(row)] = Row(row.time_ms, row.tags, {**found.fields, **row.fields})
        return sorted(rows.values(), key=_order)

    def _records(self, flux: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what the server answers, line by line."""
        asked = {"bucket": self.bucket, **values}
        try:
            told = self._client.query_api().query_stream(flux, params=asked)
            return [record.values for record in told]
        except (ApiException, HTTPError, OSError) as error:
            raise self._unavailable(error) from error
        except _UNREADABLE as error:
            text = f"{self.name} answers what cannot be read ({error})"
            raise UnavailableError(text) from error

    def _unavailable(self, error: Exception) -> UnavailableError:
        if isinstance(error, ApiException) and error.status:
            return UnavailableError(f"{self.name} answers {error.status}: {_advice(error)}")
        return UnavailableError(f"{self.name} does not answer ({type(error).__name__})")


@dataclass(frozen=True, slots=True)
class Expiry:
    """What a server says of points that are too old for its bucket: all up to ``newest_ms``, inclusive."""

    newest_ms: int
    reason: str

    @classmethod
    def from_words(cls, words: str) -> Expiry | None:
        """Return what the words say, None if they are about something else."""
        found = _EXPIRED.search(words)
        if found is None:
            return None
        kept, newest, bound = found.group("kept", "newest", "bound")
        reason = f"older than the bucket's retention of {kept}, which began at {bound[:19]}Z"
        return cls(round(datetime.fromisoformat(newest).timestamp() * 1000), reason)


def to_line(point: Point) -> str:
    """Return a point in line protocol, numbers always as floats.

    >>> to_line(Point("scores", {"asset": "CH 1"}, {"risk": 1, "model": "v1"}, 5))
    'scores,asset=CH\\\\ 1 model="v1",risk=1.0 5'
    """
    head = point.measurement.translate(_MEASUREMENT)
    tags = "".join(f",{k.translate(_TAG)}={v.translate(_TAG)}" for k, v in sorted(point.tags.items()))
    fields = ",".join(f"{k.translate(_TAG)}={_literal(v)}" for k, v in sorted(point.fields.items()))
    return f"{head}{tags} {fields} {point.time_ms}"


_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "})
_TAG = str.maketrans({",": r"\,", " ": r"\ ", "=": r"\="})
_TEXT = str.maketrans({'"': r"\"", "\\": "\\\\"})


def _literal(value: Value) -> str:
    return f'"{value.translate(_TEXT)}"' if isinstance(value, str) else repr(float(value))


def _row(values: dict[str, Any]) -> Row:
    tags = {k: v for k, v in values.items() if not k.startswith("_") and k not in ("result", "table")}
    time_ms = round(values["_time"].timestamp() * 1000)
    return Row(time_ms, tags, {values["_field"]: _value(values["_value"])})


def _whole_row(values: dict[str, Any]) -> Row:
    """Return a row whose tags and fields stand side by side; those of other series are null in it."""
    told = {k: v for k, v in values.items() if k not in ("result", "table") and k[:1] != "_"}
    tags = {k: str(v) for k, v in told.items() if k in TAGS and v}
    fields = {k: _value(v) for k, v in told.items() if k not in TAGS}
    return Row(round(values["_time"].timestamp() * 1000), tags, fields)


def _value(found: float | str | None) -> Value:
    """Return a field as it was written: in the server's CSV an empty text is null, a line break CR LF."""
    return found.replace("\r\n", "\n") if isinstance(found, str) else "" if found is None else found


def _series(row: Row) -> str:
    return repr(sorted(row.tags.items()))


def _order(row: Row) -> tuple[int, str]:
    return row.time_ms, _series(row)


def _moment(time_ms: int) -> Any:
    return datetime.fromtimestamp(min(time_ms, _LAST_MS) / 1000, UTC)


def _advice(error: ApiException) -> str:
    words = _clipped(_words(error))
    if _FULL in words:
        return f"its disk is full, make room there ({words})"
    return _ADVICE.get(error.status) or f"the server is in trouble ({words})"


def _words(error: ApiException) -> str:
    """Return the server's own words, without their wrapping."""
    text = str(error.body or error.reason)
    try:
        return str(msgspec.json.decode(text)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return text


def _clipped(words: str) -> str:
    """Return words that are not too long; the end of an answer says as much as its beginning."""
    half = _MOST_WORDS // 2
    return words if len(words) <= _MOST_WORDS else f"{words[:half]} … {words[-half:]}"
