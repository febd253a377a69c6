"""A first fleet file for strange recordings: guesses with evidence, and what the owner has to decide."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from models.errors import RecordingError
from models.event_time import DAY_MS
from simulators.recordings.guesses import (
    SensorGuess,
    TimeGuess,
    attributes_of,
    event_of,
    heading_of,
    key_of,
    long_of,
    machine_of,
    sensor_of,
    time_of,
)
from simulators.recordings.sources import Source, sources_at
from simulators.recordings.strange_table import StrangeTable, look

_PERIODS_S = (
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    20,
    30,
    60,
    120,
    300,
    600,
    900,
    1200,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
)
_SHORT_S = 180 * 86400
_HOPS_S = (60, 600, 3600, 21600, 86400)


def draft(paths: Sequence[Path], name: str) -> str:
    """Return a fleet file, in TOML with comments, for the recording that the paths are.

    The first path is the recording; further ones are looked at as files of events. Raises RecordingError if
    no time, or no sensor, can be found.
    """
    files = sources_at(paths[0]).chosen((), ())
    table = look(files[0])
    time = time_of(table)
    if time is None:
        there = ", ".join(table.columns)
        raise RecordingError(f"{files[0].shown}: no column looks like a time: there are {there[:500]}")
    return "\n".join(_Draft(table, time, files, name).lines(paths[1:])) + "\n"


class _Draft:
    """The parts of the file, in their order."""

    def __init__(self, table: StrangeTable, time: TimeGuess, files: Sequence[Source], name: str) -> None:
        self.table, self.time, self.files, self.name = table, time, files, name
        taken = [column for column in (time.column, time.date) if column]
        self.long = long_of(table, taken)
        taken += self.long or ()
        self.machine = machine_of(table, taken, time.time_ms)
        taken += [self.machine] if self.machine else []
        self.heading = None if self.machine or self.long else heading_of(table, taken)
        self.event = event_of(table, taken)
        taken += self.event[:1] if self.event else ()
        self.attributes = attributes_of(table, self.machine, taken) if self.machine else []
        self.sensors = self._sensors([*taken, *self.attributes])
        if not self.sensors:
            raise RecordingError(f"{table.source.shown}: no column of numbers was found")

    @property
    def span_s(self) -> float:
        """How long the rows are that were looked at."""
        return (max(self.time.time_ms) - min(self.time.time_ms)) / 1000

    def lines(self, others: Sequence[Path]) -> list[str]:
        """Return the lines of the file."""
        return [
            f"# Drafted from {self.table.rows} rows of {_plain(self.table.source.name)}",
            "# DECIDE marks what only you can know.",
            *self._head(),
            *self._sampling(),
            "[alerting]",
            "horizon_d = 1.0",
            *self._alerting,
            "",
            *self._training(),
            *self._recording(),
            *(line for path in others for line in _event_file(path, self.machine)),
            *(line for sensor in self.sensors for line in _sensor(sensor)),
        ]

    def _head(self) -> list[str]:
        return [
            f"name = {_text(key_of(self.name, set()))}",
            'asset = "machine"                # DECIDE: your word for one machine',
            "asset_pattern = '.+'",
            'outcome = "failure"              # DECIDE: your words for what is to be predicted',
            "horizons_d = [1.0, 3.0]          # DECIDE: how many days ahead",
            "",
        ]

    def _sampling(self) -> list[str]:
        step_s, period = _step_s(self.time), _period_s(self.time)
        hop = _hop_s(self.time)
        windows = [hop, *(length for length in (6 * hop, 24 * hop) if length <= self.span_s / 10)]
        windows = windows if len(windows) > 1 else [hop, 2 * hop]
        return [
            "[sampling]",
            f"period_s = {period:<16g}   # half of the rows are {step_s:g} s apart",
            f"hop_s = {hop}",
            f"windows_s = {windows}    # DECIDE: how far back features look",
            "",
        ]

    @property
    def _alerting(self) -> list[str]:
        """With windows a day apart, three of four risks would come too late."""
        slow = _hop_s(self.time) >= 43200
        return ["raise_count = 1", "of = 1"] if slow else []

    def _training(self) -> list[str]:
        if self.span_s > _SHORT_S:
            return []
        return [
            "[training]",
            f"calibration_share = 0.0    # {self.span_s / 86400:.0f} days were seen: too few to keep a part",
            "",
            "[training.parameters]",
            "min_data_in_leaf = 5",
            "",
        ]

    def _recording(self) -> list[str]:
        table, time = self.table, self.time
        out = ["[recording]", *self._who(), f"time = {_text(time.column)}"]
        out += [f"date = {_text(time.date)}"] if time.date else []
        if time.time_format != "iso":
            others = f"; {', '.join(time.others)} would fit, too: DECIDE" if time.others else ""
            out.append(f"time_format = {_text(time.time_format)}    # reads all rows looked at{others}")
        out.append('timezone = "UTC"                 # DECIDE: of times without offset, as Europe/Berlin')
        if self.long:
            out += [f"point = {_text(self.long[0])}", f"value = {_text(self.long[1])}"]
        for key, value, usual in (
            ("delimiter", table.delimiter, ","),
            ("decimal", table.decimal, "."),
            ("thousands", table.thousands, ""),
            ("encoding", table.encoding, "utf-8"),
        ):
            out += [f"{key} = {_text(value)}"] if value != usual else []
        out += [f"units_rows = {table.units_rows}"] if table.units_rows else []
        return [*out, "", *self._columns(), *self._events()]

    def _who(self) -> list[str]:
        if self.machine:
            count = len(set(filter(None, self.table.columns[self.machine])))
            return [f"asset = {_text(self.machine)}    # {count} machines in the rows looked at"]
        if self.heading and "asset" in self.heading[0]:
            return [f"heading_pattern = '{self.heading[0]}'    # headings begin with the machine"]
        if len(self.files) > 1:
            return [
                r"file_pattern = '(?P<asset>[^/]+?)\.\w+$'"
                f"    # DECIDE: {len(self.files)} files, a machine each?"
            ]
        stem = re.sub(r"[^A-Za-z0-9_-]", "-", Path(self.table.source.name).stem)
        return [f"asset_name = {_text(stem)}    # DECIDE: no column looks like the machine's name"]

    def _columns(self) -> list[str]:
        out = ["[recording.columns]"]
        for sensor in self.sensors:
            missing = sensor.words if sensor.kind != "state" else ()
            more = f", missing = [{', '.join(map(_text, missing))}]" if missing else ""
            more += f", suffix = {_text(sensor.suffix)}" if sensor.suffix else ""
            note = "    # DECIDE: what these words mean" if missing else ""
            out.append(f"{sensor.key} = {{ column = {_text(sensor.column)}{more} }}{note}")
        keys, used = [], set[str]()
        for column in self.attributes:
            keys.append(f"{key_of(column, used)} = {_text(column)}")
        return [*out, "", *(["[recording.inventory]", *keys, ""] if keys else [])]

    def _events(self) -> list[str]:
        if self.event is None:
            return [
                "# DECIDE: without events nothing can be learnt: see [[recording.events]] and event_files.",
                "",
            ]
        column, word, why = self.event
        number = re.fullmatch(r"\d+", word) and not word.startswith("0")
        return [
            f"[[recording.events]]    # DECIDE: is it this? {_plain(why)}",
            f"column = {_text(column)}",
            f"equals = {word if number else _text(word)}",
            "",
        ]

    def _sensors(self, taken: Sequence[str]) -> list[SensorGuess]:
        table, used = self.table, set[str]()
        found: list[SensorGuess | None]
        if self.long:
            points, values = table.columns[self.long[0]], table.columns[self.long[1]]
            found = [
                sensor_of(table, point, [v for p, v in zip(points, values, strict=True) if p == point], used)
                for point in dict.fromkeys(filter(None, points))
            ]
        elif self.heading:
            columns = {
                point: [
                    text for name, texts in table.columns.items() if name.endswith(point) for text in texts
                ]
                for point in self.heading[1]
            }
            found = [sensor_of(table, point, texts, used) for point, texts in columns.items()]
        else:
            found = [sensor_of(table, n, texts, used) for n, texts in table.columns.items() if n not in taken]
        return [sensor for sensor in found if sensor is not None]


def _step_s(time: TimeGuess) -> float:
    """Return how far most rows are apart; a day, if all are of one midnight."""
    steps = np.diff(np.unique(np.array(time.time_ms)))
    days = all(time_ms % DAY_MS == 0 for time_ms in time.time_ms)
    return float(np.median(steps)) / 1000 if len(steps) else 86400.0 if days else 60.0


def _period_s(time: TimeGuess) -> float:
    return max((p for p in _PERIODS_S if p <= _step_s(time) * 1.01), default=0.1)


def _hop_s(time: TimeGuess) -> int:
    return next((hop for hop in _HOPS_S if hop >= 5 * _period_s(time)), 86400)


def _sensor(sensor: SensorGuess) -> list[str]:
    rises = sensor.kind == "counter"
    kind = ['kind = "counter"    # it only rises: DECIDE: is it a total?'] if rises else []
    if sensor.kind == "state" and sensor.words:
        codes = ", ".join(f"{_text(word)} = {i}" for i, word in enumerate(sensor.words))
        kind = ['kind = "state"', f"states = {{ {codes} }}    # DECIDE: what these words mean"]
    high = 1000 * max(abs(sensor.high), 1.0) if rises else sensor.high
    return [
        "[[sensors]]",
        f"key = {_text(sensor.key)}",
        f"label = {_text(sensor.column)}",
        f"unit = {_text(sensor.unit)}    # {_plain(sensor.why_unit)}",
        f"low = {sensor.low:.6g}    # from what was seen, with a margin: DECIDE what is plausible",
        f"high = {high:.6g}",
        *kind,
        "",
    ]


def _event_file(path: Path, known: str | None) -> list[str]:
    table = look(sources_at(path).files[0])
    time = time_of(table)
    if time is None:
        raise RecordingError(f"{path}: no column looks like a time: it can be no file of events")
    machine = known if known in table.columns else machine_of(table, [time.column], time.time_ms)
    rest = [name for name in table.columns if name not in (time.column, machine)]
    who = f"asset = {_text(machine)}" if machine else 'asset_name = "DECIDE"'
    out = ["[[recording.event_files]]", f"file = {_text(path.name)}", who, f"time = {_text(time.column)}"]
    out += [f"time_format = {_text(time.time_format)}"] if time.time_format != "iso" else []
    out += [f"delimiter = {_text(table.delimiter)}"] if table.delimiter != "," else []
    out += [f"code_column = {_text(rest[0])}    # DECIDE: is this the reason?"] if rest else []
    return [*out, 'kind = "shutdown"    # DECIDE: or "maintenance"', ""]


def _text(value: str) -> str:
    """Return a text as TOML writes it."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _plain(evidence: str) -> str:
    """Return evidence as it may stand in a comment: in one line, of what can be printed."""
    return "".join(sign if sign.isprintable() else "?" for sign in evidence)
