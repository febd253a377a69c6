"""Messages of other programs, read as [telemetry] says."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from models.errors import ConfigError, RecordError
from models.telemetry.samples import Samples
from streams.stage import Incoming
from streams.wire.telemetry import Decoded, TelemetryDecoder
from tests.support.foreign_fleet import AT, RECORDED, fleet


def decode(sent: Any, key: bytes | None = None, /, **telemetry: Any) -> Decoded:
    data = sent if isinstance(sent, bytes) else msgspec.json.encode(sent)
    message = Incoming("telemetry", 0, 0, key, data, "application/json", arrived_ms=AT + 7)
    return TelemetryDecoder(fleet(**telemetry)).one(message)


Row = tuple[str, int, float | None, float | None, float | None]


def rows(found: Decoded) -> list[Row]:
    """Machine, seconds after AT, temp, flow, on; None for nothing."""
    record = found.record
    assert isinstance(record, Samples)
    out = []
    for i in range(len(record)):
        values = [None if np.isnan(v) else round(v, 3) for v in record.values[i].tolist()]
        out.append((record.assets[record.asset[i]], (int(record.time_ms[i]) - AT) / 1000, *values))
    return out


def test_our_own_form_is_what_a_form_without_keys_reads() -> None:
    sample = {"asset": "P1", "time": AT, "values": {"temp": 20.5, "flow": None}}
    assert rows(decode(sample)) == [("P1", 0, 20.5, None, None)]


@pytest.mark.parametrize(
    ("time", "form"),
    [
        (AT // 1000, "unix_s"),
        (AT / 1000, "unix_s"),
        (str(AT // 1000), "unix_s"),
        (AT * 1000, "unix_us"),
        (AT * 1_000_000, "unix_ns"),
        ("2024-03-01T00:00:00Z", "iso"),
        (AT, "iso"),
        ("29.02.2024 24:00", "%d.%m.%Y %H:%M"),
        (45352.0, "excel"),
    ],
)
def test_times_are_read_by_the_formats_of_recordings(time: Any, form: str) -> None:
    sample = {"asset": "P1", "time": time, "values": {"temp": 1}}
    assert rows(decode(sample, time_format=form)) == [("P1", 0, 1, None, None)]


@pytest.mark.parametrize(("hour", "later_s"), [("order", 0), ("earlier", 0), ("later", 3600)])
def test_a_local_time_that_exists_twice_is_the_earlier_unless_told_otherwise(hour: str, later_s: int) -> None:
    keys = {"time_format": "%Y-%m-%d %H:%M", "timezone": "Europe/Berlin", "repeated_hour": hour}
    found = decode({"asset": "P1", "time": "2024-10-27 02:30", "values": {"temp": 1}}, **keys).record
    assert isinstance(found, Samples)
    assert found.time_ms.tolist() == [1_729_989_000_000 + later_s * 1000]


def test_values_have_the_units_words_and_missing_words_of_recordings() -> None:
    columns = {
        "temp": {"column": "t", "unit": "degF"},
        "flow": {"column": "f", "scale": 0.5, "nulls": [-9999.0]},
        "on": {"column": "state", "words": {"ON": 1, "OFF": 0}},
    }
    keys = {"columns": columns, "missing": ["Bad"], "decimal": ","}
    sample = {"asset": "P1", "time": AT, "values": {"t": "68,0", "f": -9999, "state": "ON"}}
    assert rows(decode(sample, **keys)) == [("P1", 0, 20, None, 1)]
    sample["values"] = {"t": "20 °C", "f": 4, "state": "Bad"}
    found = decode(sample, **keys)
    assert (rows(found), found.problems) == ([("P1", 0, 20, 2, None)], ())


def test_a_wide_message_is_read_by_paths_and_what_is_not_wanted_is_named_unless_ignored() -> None:
    message = {
        "device": {"id": "P1"},
        "ts": AT,
        "data": {"temp": 1.5, "pump": {"flow": 2, "q": "ok"}, "odd": 3, "on": "?"},
    }
    keys = {
        "asset": "device.id",
        "time": "ts",
        "values": "data",
        "columns": {"flow": {"column": "pump.flow"}},
    }
    found = decode(message, **keys)
    assert rows(found) == [("P1", 0, 1.5, 2, None)]
    assert found.problems[:2] == ("pump.q: not a point of fleet pumps", "odd: not a point of fleet pumps")
    assert found.problems[2].startswith("on '?': expected a number; missing = ['?'] or words")
    assert len(decode(message, **keys, ignore=["odd", "*.q"]).problems) == 1


def test_values_may_stand_beside_machine_and_time() -> None:
    found = decode({"asset": "P1", "time": AT, "temp": 1, "flow": 2}, values=".")
    assert (rows(found), found.problems) == ([("P1", 0, 1, 2, None)], ())


def test_a_long_message_is_one_point() -> None:
    keys = {"asset": "unit", "point": "tag", "value": "v"}
    assert rows(decode({"unit": "P1", "time": AT, "tag": "flow", "v": 2}, **keys)) == [
        ("P1", 0, None, 2, None)
    ]


def test_a_list_of_points_is_gathered_by_machine_and_time() -> None:
    points = [
        {"tag": "temp", "v": 1, "time": AT},
        {"tag": "flow", "v": 2, "time": AT},
        {"tag": "temp", "v": 3, "time": AT + 60_000},
        {"tag": "temp", "v": 4, "time": AT, "unit": "P2"},
        {"tag": "temp", "v": 5, "time": "soon"},
        {"tag": "temp", "v": 5, "time": AT, "unit": "X"},
    ]
    keys = {"records": "data.points", "asset": "unit", "point": "tag", "value": "v"}
    found = decode({"unit": "P1", "data": {"points": points}}, **keys)
    assert rows(found) == [("P1", 0, 1, 2, None), ("P1", 60, 3, None, None), ("P2", 0, 4, None, None)]
    assert [text[:26] for text in found.problems] == [
        "record 4: time 'soon': exp",
        "record 5: asset 'X': expec",
    ]
    assert rows(decode([{**points[0], "unit": "P1"}], **keys)) == [("P1", 0, 1, None, None)]


def test_a_topic_names_machine_and_point_and_the_log_the_time() -> None:
    keys = {
        "asset": "@key",
        "name_pattern": r"^site/(?P<asset>\w+)/(?P<point>\w+)$",
        "time": "@arrival",
        "value": ".",
    }
    assert rows(decode(b"20.5", b"site/P1/temp", **keys)) == [("P1", 0.007, 20.5, None, None)]
    with pytest.raises(RecordError, match="@key 'other': expected it to match name_pattern"):
        decode(b"20.5", b"other", **keys)


def test_one_machine_needs_no_name() -> None:
    assert rows(decode({"time": AT, "values": {"temp": 1}}, asset_name="P1")) == [("P1", 0, 1, None, None)]


MODBUS = {
    "columns": {"temp": {"column": "modbus.temp"}, "flow": {"column": "flow"}},
    "ignore": ["count", "mode", "press=ure", "Quality"],
}


@pytest.mark.parametrize("file", ["telegraf.json", "telegraf-batch.json", "telegraf.influx"])
def test_what_telegraf_wrote_is_read(file: str) -> None:
    form = "influx" if file.endswith("influx") else "telegraf"
    found = decode((RECORDED / file).read_bytes(), form=form, **MODBUS)
    past_s = 0.123 if form == "influx" else 0
    both = [("P1", past_s, 20.5, 7, 1), ("P 2,x=y", past_s, 21.5, 7, 1)]
    assert (rows(found), found.problems) == (both[:1] if file == "telegraf.json" else both, ())


def test_a_wrong_line_and_one_without_a_time_cost_themselves_alone() -> None:
    found = decode(b"m,host=P1 temp=1 1709251200000000000\nm,host=P1\nm,host=P1 temp=2\n", form="influx")
    assert rows(found) == [("P1", 0, 1, None, None)]
    assert found.problems == (
        "line 2: '': expected a space, and fields",
        "line 3: timestamp nothing: expected a time",
    )


def test_metrics_of_sparkplug_have_a_time_a_type_and_after_their_birth_a_number() -> None:
    metrics = [
        {"name": "bdSeq", "value": 3, "timestamp": AT},
        {"name": "temp", "dataType": "Double", "value": 20.5, "timestamp": AT},
        {"alias": 7, "longValue": "2", "timestamp": AT},
        {"name": "on", "isNull": True},
    ]
    columns = {"flow": {"column": "7"}}
    keys = {"form": "sparkplug", "columns": columns, "name_pattern": "/(?P<asset>P[0-9]+)$"}
    message = {"timestamp": AT, "metrics": metrics, "seq": 2}
    found = decode(message, b"spBv1.0/site/DDATA/edge/P1", **keys)
    assert (rows(found), found.problems) == ([("P1", 0, 20.5, 2, None)], ())


def test_what_says_nothing_is_no_problem_and_what_holds_nothing_is() -> None:
    message = Incoming("telemetry", 0, 0, None, b'{"asset":"P1","time":1,"values":{"temp":"Bad"}}', "")
    (found,) = TelemetryDecoder(fleet(missing=["Bad"])).batches([message])
    assert (len(found.samples), found.problems) == (0, {})  # type: ignore[union-attr]
    with pytest.raises(RecordError, match="holds no point"):
        decode({"asset": "P1", "time": AT, "values": {}})


def test_a_message_has_room_for_so_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.wire.gathered_rows.MOST_CELLS", 7)
    points = [{"asset": "P1", "time": AT + i, "values": {"temp": i}} for i in range(3)]
    found = decode(points)
    assert len(rows(found)) == 2
    assert found.problems == ("record 2: more than 2 machines and times in one message: expected fewer",)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"name_pattern": "x"}, "name_pattern"),
        ({"asset": "a", "asset_name": "P1"}, "either asset or asset_name"),
        ({"point": "a", "name_pattern": "(?P<point>.)"}, "not both"),
        ({"timezone": "W. Europe Standard Time"}, "Europe/Berlin"),
        ({"columns": {"tmp": {"column": "t"}}}, "did you mean temp"),
        ({"columns": {"temp": {"column": "t", "unit": "bar"}}}, "become degC"),
        ({"form": "xml"}, "one of json, telegraf, influx, sparkplug"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(keys: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        fleet(**keys)
