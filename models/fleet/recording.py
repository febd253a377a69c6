"""How strange files and messages are to be read, as data: times, numbers, tables and events."""

from __future__ import annotations

import datetime
import re
from dataclasses import field
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from models.fleet.config import expects, means, table
from models.fleet.kinds import Key, NotNegative, Pattern
from models.fleet.zones import instead_of, is_zone

UNIX = {"unix_s": 1_000_000_000, "unix_ms": 1_000_000, "unix_us": 1_000, "unix_ns": 1}  # nanoseconds in one
ISO, EXCEL = "iso", "excel"
LAYOUTS = ", ".join((ISO, *UNIX, EXCEL))


def _format(text: str) -> str:
    if text not in (ISO, EXCEL, *UNIX) and "%" not in text:
        raise ValueError(text)
    return text


def _encoding(text: str) -> str:
    try:
        "".encode(text)
    except LookupError as error:
        raise ValueError(text) from error
    return text


Day = Annotated[datetime.date, expects("a date, as 2024-01-31")]
TimeFormat = Annotated[str, AfterValidator(_format), expects(f"{LAYOUTS}, or a format as %d.%m.%Y %H:%M")]
Encoding = Annotated[str, AfterValidator(_encoding), expects("an encoding, as utf-8, cp1252 or utf-16")]


@table
class Written:
    """How times and numbers are written: the same words for a recording and for messages."""

    time_format: Annotated[
        TimeFormat,
        means(
            "`iso` (ISO 8601), `unix_s`, `unix_ms`, `unix_us`, `unix_ns`, `excel` (days since 1900), or a "
            "format as `%m/%d/%Y %I:%M:%S %p`; 24:00 is the next midnight"
        ),
    ] = ISO
    timezone: Annotated[
        str,
        expects("a zone of the IANA database, as Europe/Berlin, or an offset, as +02:00"),
        means("time zone of times without offset"),
    ] = "UTC"
    repeated_hour: Annotated[
        Literal["order", "earlier", "later"],
        means(
            "which of both a local time means that exists twice, when clocks go back: by the `order` of a "
            "machine's rows, or always the same"
        ),
    ] = "order"
    decimal: Annotated[Literal[".", ","], means("the decimal sign")] = "."
    thousands: Annotated[
        Literal["", ",", ".", " ", "'"], means("the sign between thousands, if there is one")
    ] = ""
    missing: Annotated[
        tuple[str, ...],
        means(
            'words that stand for a missing value, as `["Bad", "unavailable"]`, beside empty, NaN and NULL'
        ),
    ] = ()
    words: Annotated[
        dict[str, float],
        means("words that stand for a number, as `{ ON = 1, OFF = 0 }`; true and false are known"),
    ] = field(default_factory=dict)


@table
class TextTable(Written):
    """How a table stands in a text file; the heading is the first line that has the columns named here."""

    delimiter: Annotated[
        str,
        Field(min_length=1, max_length=10),
        means('between fields: `","`, `";"`, `"\\t"`, `"|"`, or `"spaces"` for one or more of them'),
    ] = ","
    encoding: Annotated[Encoding, means("of text files; a byte order mark has the say")] = "utf-8"
    headings: Annotated[tuple[str, ...], means("names of the columns, for files that have no heading")] = ()
    units_rows: Annotated[NotNegative, means("rows under the heading to pass over, as one of units")] = 0
    on_bad: Annotated[
        Literal["refuse", "skip"],
        means(
            "what cannot be read: `refuse` the file, with its place, or `skip` the value (a row, if it is "
            "its time) and count it"
        ),
    ] = "refuse"


@table
class Column:
    """How a sensor stands in a recording or a message: ``value = column × scale + offset``."""

    column: Annotated[
        str, means("name of the column, or field; with a point per row, or pattern, name of the point")
    ]
    scale: Annotated[float, means("value = column × scale + offset")] = 1.0
    offset: Annotated[float, means("see `scale`")] = 0.0
    unit: Annotated[
        str, means("unit of the column, from which to that of the sensor is converted, as `degF`")
    ] = ""
    suffix: Annotated[str, means("text after each number, if it is no known spelling of the unit")] = ""
    nulls: Annotated[tuple[float, ...], means("numbers in the column that stand for a missing value")] = ()
    missing: Annotated[tuple[str, ...], means("more words that stand for a missing value here")] = ()
    words: Annotated[dict[str, float], means("more words that stand for a number here")] = field(
        default_factory=dict
    )


@table
class EventRule:
    """A row whose ``column`` equals ``equals`` is an event; a run of such rows of one machine is one."""

    column: Annotated[str, means("a row is an event if this column")]
    equals: Annotated[
        bool | int | float | str,
        expects("a text, a number, true or false"),
        means("equals this: a text to the letter (`007` is not `7`), a number as a number"),
    ]
    kind: Annotated[str, means("kind of the event")] = "shutdown"
    code: Annotated[str, means("the controller's word for it")] = ""
    code_column: Annotated[str, means("column of the controller's word, instead")] = ""
    after_s: Annotated[NotNegative, means("the event is so many seconds after the row's time")] = 0
    every_row: Annotated[bool, means("each row of a run is an event of its own")] = False
    then: Annotated[str, means("kind of a second event at the first row after the run, as `restart`")] = ""


@table
class EventFile(TextTable):
    """Events in files of their own, as work orders or the log of a controller: a row is an event."""

    file: Annotated[
        str, Field(min_length=1), means("path or glob, from the folder of the recording, or within its zip")
    ]
    asset: Annotated[str, means("column of the machine's name")] = ""
    asset_name: Annotated[str, means("instead: the machine, if there is one only")] = ""
    file_pattern: Annotated[
        Pattern | None, means("instead: regular expression of the file's name, with a group `(?P<asset>…)`")
    ] = None
    time: Annotated[str, means("column of its time, or of its start")]
    date: Annotated[str, means("column of the date, if `time` is the clock alone")] = ""
    end: Annotated[str, means("column of its end, in the same format")] = ""
    duration: Annotated[str, means("instead of `end`: column of how long it took")] = ""
    duration_unit: Annotated[Literal["s", "min", "h", "d"], means("unit of `duration`")] = "s"
    kind: Annotated[str, means("kind of the events")] = "shutdown"
    kind_column: Annotated[str, means("column that says the kind, see `kinds`")] = ""
    kinds: Annotated[
        dict[str, str],
        means('kinds by the words of `kind_column`, as `{ BROKEN = "shutdown" }`; other rows are no events'),
    ] = field(default_factory=dict)
    code: Annotated[str, means("the controller's word for all of them")] = ""
    code_column: Annotated[str, means("column of the controller's word")] = ""
    runs: Annotated[
        bool, means("a status log: rows of a machine that follow each other with one kind are one event")
    ] = False
    after_s: Annotated[NotNegative, means("an event is so many seconds after the row's time")] = 0
    then: Annotated[str, means("kind of a second event at its end, if that is known; empty for none")] = (
        "restart"
    )


@table
class InventoryFile(TextTable):
    """What the machines are, in a file of its own."""

    file: Annotated[
        str, Field(min_length=1), means("path, from the folder of the recording, or within its zip")
    ]
    asset: Annotated[str, means("column of the machine's name")]
    attributes: Annotated[
        dict[Key, str], Field(min_length=1), means('columns by attribute, as `model = "Model No."`')
    ]


@table
class Recording(TextTable):
    """How the rows of CSV or Parquet tables become samples and events.

    The machine's name stands in a column (``asset``), is the same throughout (``asset_name``), or is part of
    a file's name or of a heading. Sensors stand side by side, or one below the other: ``point``, ``value``.
    """

    asset: Annotated[str, means("column of the machine's name")] = ""
    asset_name: Annotated[str, means("instead: the machine, if there is one only")] = ""
    file_pattern: Annotated[
        Pattern | None,
        means(
            "instead: regular expression of a file's path, with a group `(?P<asset>…)`; a group "
            "`(?P<point>…)` names the point that the file is of"
        ),
    ] = None
    heading_pattern: Annotated[
        Pattern | None,
        means(
            r"instead: regular expression of headings, as `'(?P<asset>\w+)\.(?P<point>.+)'`; either group "
            "may be left out"
        ),
    ] = None
    time: Annotated[str, means("column of the time")]
    date: Annotated[str, means("column of the date, if `time` is the clock alone")] = ""
    point: Annotated[str, means("long layout: column of the point's name")] = ""
    value: Annotated[str, means("long layout, or one file a point: column of the value")] = ""
    files: Annotated[
        tuple[str, ...],
        means(
            "globs of the files to read of a folder or zip; without them every table that is no event file"
        ),
    ] = ()
    earliest: Annotated[Day | None, means("leave out rows before this date")] = None
    latest: Annotated[Day | None, means("leave out rows after this date, the last that stays")] = None
    columns: Annotated[dict[Key, Column], means("where each sensor stands")]
    inventory: Annotated[
        dict[Key, str],
        means('columns that say what a machine is, by attribute, as `model = "model"`; the last row counts'),
    ] = field(default_factory=dict)
    events: Annotated[tuple[EventRule, ...], means("what in a row is an event")] = ()
    event_files: Annotated[tuple[EventFile, ...], means("events in files of their own")] = ()
    inventory_file: Annotated[InventoryFile | None, means("inventory in a file of its own")] = None


Rules = list[tuple[str, object, bool, str]]


def rules_of(recording: Recording) -> Rules:
    """Return what has to hold beyond the types: key, its value, whether it holds, what was expected."""
    rules: Rules = [
        (f"inventory.{key}", key, key not in ("asset", "fleet"), "another name: this one is taken")
        for key in recording.inventory
    ]
    rules += _who(recording) + _layout(recording) + written_rules(recording)
    for i, found in enumerate(recording.event_files):
        near = written_rules(found) + _who(found)
        near += [("kinds", found.kinds, bool(found.kinds) == bool(found.kind_column), "beside kind_column")]
        near += [("end", found.end, not (found.end and found.duration), "either end or duration")]
        rules += [(f"event_files[{i}].{key}", value, good, what) for key, value, good, what in near]
    if recording.inventory_file:
        near = written_rules(recording.inventory_file)
        rules += [(f"inventory_file.{key}", value, good, what) for key, value, good, what in near]
    return rules


def written_rules(written: Written) -> Rules:
    """Return what has to hold of how times and numbers are written."""
    zone = written.timezone
    return [
        ("timezone", zone, is_zone(zone), "" if is_zone(zone) else instead_of(zone)),
        ("thousands", written.thousands, written.thousands != written.decimal, "another sign than decimal"),
    ]


def _who(table_: Recording | EventFile) -> Rules:
    """Say that the machine is named in one way."""
    heading = table_.heading_pattern if isinstance(table_, Recording) else None
    ways = [bool(table_.asset), bool(table_.asset_name)]
    ways += [_has(table_.file_pattern, "asset"), _has(heading, "asset")]
    expected = "a column of the machine's name; asset_name, if it is one; a pattern with (?P<asset>…)"
    return [("asset", table_.asset, sum(ways) == 1, f"one of {expected}")]


def _layout(recording: Recording) -> Rules:
    """Say that a point is named in one way, and that its value has a column."""
    by_file, by_heading = (
        _has(pattern, "point") for pattern in (recording.file_pattern, recording.heading_pattern)
    )
    ways = [bool(recording.point), by_file, by_heading]
    one = len(recording.columns) == 1
    return [
        ("point", recording.point, sum(ways) <= 1, "a column, or one pattern with (?P<point>…), not both"),
        (
            "value",
            recording.value,
            bool(recording.value) == (bool(recording.point) or by_file),
            "the column of the values, beside point or a file_pattern with (?P<point>…), else nothing",
        ),
        (
            "heading_pattern",
            recording.heading_pattern,
            not recording.heading_pattern or by_heading or one,
            "a group (?P<point>…): there are several columns",
        ),
    ]


def _has(pattern: str | None, group: str) -> bool:
    return pattern is not None and group in re.compile(pattern).groupindex
