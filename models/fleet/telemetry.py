"""How messages of the telemetry topic look, as data: paths, forms of other programs, units and words."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Annotated, Literal

from models.fleet.config import means, table
from models.fleet.kinds import Key, Pattern
from models.fleet.recording import ISO, Column, Rules, TimeFormat, Written, written_rules

KEY, ARRIVAL = "@key", "@arrival"


@table
class Telemetry(Written):
    """How messages of telemetry look that are neither blocks, events nor watermarks.

    A path names nested keys, as `data.tags.host`; what a record of `records` does not have is looked up
    in the message around it. A sensor without columns is known by its key.
    """

    form: Annotated[
        Literal["json", "telegraf", "influx", "sparkplug"],
        means(
            "`json`; `telegraf`: JSON as its outputs write it; `influx`: line protocol; `sparkplug`: metric "
            "lists of Sparkplug B as JSON. A form brings the paths with it that are not given here"
        ),
    ] = "json"
    records: Annotated[str, means("path of a list, each element of which is a record of its own")] = ""
    asset: Annotated[
        str,
        means(
            "path of the machine's name, or `@key`: the key of the message; `asset`, with telegraf and "
            "influx `tags.host`, with sparkplug `@key`"
        ),
    ] = ""
    asset_name: Annotated[str, means("instead: the machine, if there is one only")] = ""
    name_pattern: Annotated[
        Pattern | None,
        means(
            "regular expression of what stands at `asset`, with a group `(?P<asset>…)`, as for a topic of "
            "MQTT; a group `(?P<point>…)` names the point"
        ),
    ] = None
    time: Annotated[
        str,
        means("path of the time, or `@arrival`: when the log took the message; `time`, else `timestamp`"),
    ] = ""
    time_format: Annotated[
        TimeFormat,
        means(
            "as in [recording]; in `iso` a whole number is UTC milliseconds. In its place telegraf has "
            "`unix_s`, influx `unix_ns`, sparkplug `unix_ms`"
        ),
    ] = ISO
    values: Annotated[
        str,
        means(
            "path of the numbers by point, `.` for beside the others; `values`, with telegraf and influx "
            "`fields`, whose points may be written with or without the measurement: `modbus.temp`, `temp`"
        ),
    ] = ""
    point: Annotated[str, means("long layout: path of the point's name; sparkplug `name`")] = ""
    value: Annotated[str, means("long layout: path of the value; `value`")] = ""
    ignore: Annotated[
        tuple[str, ...],
        means("shell patterns of points that nobody needs; any other that is not known is named"),
    ] = ()
    columns: Annotated[dict[Key, Column], means("what a sensor is called in messages, if not by its key")] = (
        field(default_factory=dict)
    )


def telemetry_rules(telemetry: Telemetry) -> Rules:
    """Return what has to hold beyond the types: key, its value, whether it holds, what was expected."""
    groups = set(re.compile(telemetry.name_pattern).groupindex) if telemetry.name_pattern else set[str]()
    named = not telemetry.name_pattern or bool(groups)
    both = not (telemetry.asset and telemetry.asset_name)
    points = not ("point" in groups and telemetry.point)
    return [
        ("name_pattern", telemetry.name_pattern, named, "a group (?P<asset>…) or (?P<point>…)"),
        ("asset", telemetry.asset, both, "either asset or asset_name"),
        ("point", telemetry.point, points, "a path, or a name_pattern with (?P<point>…), not both"),
        *written_rules(telemetry),
    ]
