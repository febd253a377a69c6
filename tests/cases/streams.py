"""Cases that are streams: messages as gateways send them, through the stage that makes windows of them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from models.features.kernel import Windows
from models.fleet.fleet import Fleet, parse_fleet
from models.telemetry.samples import Event
from streams.kafka.topics import Topics
from streams.records import DeadLetter, Drift, Watermark
from streams.stage import Incoming, content_type
from streams.stages.features import FeatureStage
from streams.stages.rekey import RekeyStage
from streams.stages.sink import SinkStage
from streams.stores.sqlite import SqliteStore
from streams.wire import codec
from tests.cases.case import Case

START_MS = 1_709_251_200_000  # 2024-03-01 00:00 UTC
MINUTE_MS, DAY_MS = 60_000, 86_400_000
TOPICS = Topics("")


def fleet(*, flow: Mapping[str, Any] | None = None, **telemetry: Any) -> Fleet:
    sensor = {"low": -50.0, "high": 200.0}
    return parse_fleet(
        {
            "name": "pumps",
            "asset": "pump",
            "asset_pattern": "P[0-9]",
            "outcome": "stop",
            "horizons_d": [1.0],
            "sampling": {"period_s": 60, "hop_s": 600, "windows_s": [600, 3600]},
            "alerting": {"horizon_d": 1.0},
            "sensors": [
                {"key": "temp", "label": "temp", "unit": "degC", **sensor},
                {"key": "flow", "label": "flow", "unit": "L/s", **sensor, **(flow or {})},
            ],
            **({"telemetry": telemetry} if telemetry else {}),
        },
        "pumps.toml",
    )


def sent(time: Any, asset: str = "P1", /, *, arrived_ms: int = 0, kind: str = "", **values: Any) -> Incoming:
    """Return a sample as Python's json writes it; it arrives at its time unless told otherwise."""
    data = json.dumps({"asset": asset, "time": time, "values": values}).encode()
    headers = [("content-type", kind.encode())]
    return Incoming("telemetry", 0, 0, None, data, content_type(headers), arrived_ms=arrived_ms or int(time))


def said_of(messages: Iterable[Incoming], owner: Fleet | None = None, until_min: int = 120) -> str:
    """Say which windows come out, what is missing in them, and what is reported, in one line."""
    stage = FeatureStage(owner or fleet(), TOPICS, 1)
    mark = codec.watermark("telemetry", Watermark(START_MS + until_min * MINUTE_MS))
    end = Incoming("telemetry", 0, 0, b"", mark.value, mark.content_type)
    out = [one for message in [*messages, end] for one in stage.process([message])]
    names, windows = stage.kernel.schema.names, dict[str, int]()
    missing = dict.fromkeys(("temp", "flow"), 0)
    for one in out:
        if one.content_type == codec.WINDOWS:
            found = codec.decode_features(one.value, one.content_type, stage.kernel.schema.fingerprint)
            assert isinstance(found, Windows)
            for i in found.asset.tolist():
                windows[found.assets[i]] = windows.get(found.assets[i], 0) + 1
            for key in missing:
                missing[key] += int((found.values[:, names.index(f"{key}.10m.missing")] > 0).sum())
    letters = [codec.decode_json(o.value, DeadLetter).reason for o in out if o.topic == "dead-letters"]
    drift = [codec.decode_json(o.value, Drift) for o in out if o.topic == "drift"]
    parts = [
        "windows " + ", ".join(f"{name} {count}" for name, count in sorted(windows.items())),
        "missing in " + ", ".join(f"{key} {count}" for key, count in missing.items()),
        f"{len(letters)} letters",
        *dict.fromkeys(letters),
        *(d.text for d in drift if d.detector == "unit"),
    ]
    return "; ".join(parts)


def _points(_: Path) -> str:
    out = []
    for minute in range(120):
        at = START_MS + minute * MINUTE_MS
        for name in ("P1", "P2"):
            out += [sent(at, name, temp=20.1), sent(at, name, flow=5.0)]
        out.append(sent(at, "P3", temp=20.1, flow=5.0))
    return said_of(out)


def _samples(change: Callable[[int], Incoming | None], owner: Fleet | None = None, minutes: int = 120) -> str:
    return said_of(filter(None, (change(m) for m in range(minutes))), owner, minutes)


def at(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def _values(value: Any) -> Callable[[Path], str]:
    return lambda _: _samples(lambda m: sent(at(m), temp=20.0, flow=value if m == 5 else 5.0))


def _kinds(kind: str) -> Callable[[Path], str]:
    return lambda _: _samples(lambda m: sent(at(m), temp=20.0, flow=5.0, kind=kind))


def _clock(ahead_ms: int) -> Callable[[Path], str]:
    def change(m: int) -> Incoming:
        return sent(at(m) + (ahead_ms if m == 30 else 0), temp=20.0, flow=5.0, arrived_ms=at(m))

    return lambda _: _samples(change)


def _seconds(owner: Fleet | None) -> Callable[[Path], str]:
    return lambda _: _samples(lambda m: sent(at(m) // 1000, temp=20.0, flow=5.0, arrived_ms=at(m)), owner)


def _unkeyed(_: Path) -> str:
    hop = RekeyStage(fleet(), TOPICS, 1)
    raw = [sent(at(m), f"P{i}", temp=20.0, flow=5.0) for m in range(120) for i in range(3)]
    blocks = [Incoming("telemetry", 0, 0, o.key, o.value, o.content_type) for o in hop.process(raw)]
    return said_of(blocks)


def _compressed(_: Path) -> str:
    from aiokafka.record.default_records import DefaultRecordBatchBuilder  # noqa: PLC0415
    from aiokafka.record.memory_records import MemoryRecords  # noqa: PLC0415

    said = []
    for kind, name in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        builder = DefaultRecordBatchBuilder(2, kind, 0, -1, -1, -1, 1 << 20)
        value = b"telemetry " * 800
        builder.append(0, START_MS, b"P1", value, [])
        batch = MemoryRecords(bytes(builder.build())).next_batch()
        said.append(f"{name} {'read' if next(iter(batch)).value == value else 'lost'}")
    return ", ".join(said)


def _overwritten(_: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.sqlite")
        stage = SinkStage(store, TOPICS)
        silent = [
            codec.drift("drift", Drift(detector="silent", time_ms=START_MS, value=1, text="", asset=f"P{i}"))
            for i in range(6)
        ]
        codes = [codec.event("events", Event(START_MS, "P1", "shutdown", code)) for code in ("oil", "flow")]
        messages = [
            Incoming(o.topic, 0, i, o.key, o.value, o.content_type) for i, o in enumerate([*silent, *codes])
        ]
        list(stage.process(messages))
        store.flush()
        drift, events = (len(list(store.latest(name))) for name in ("drift", "events"))
        store.close()
    return f"{drift} points of drift, {events} events"


def _unit(_: Path) -> str:
    return _samples(
        lambda m: sent(at(m), temp=20.0 + 0.01 * (m % 7) if m < 120 else 68.0, flow=5.0), None, 240
    )


def _on_change(flow: Mapping[str, Any]) -> Callable[[Path], str]:
    def change(m: int) -> Incoming:
        if m % 120 == 0:
            return sent(at(m), temp=20.0, flow=5.0 + m / 100)
        return sent(at(m), temp=20.0 + m % 7)

    return lambda _: _samples(change, fleet(flow=flow), 240)


_WHOLE = "windows P1 12; missing in temp 0, flow 0; 0 letters"
_ALL = "windows P1 12, P2 12, P3 12; missing in temp 0, flow 0; 0 letters"
_ONE = r"^windows P1 12; missing in temp 0, flow 1; "

CASES = [
    Case("34-one-message-per-point", _points, f"^{_ALL}$"),
    Case("35-json-values NaN", _values(float("nan")), _ONE + "0 letters$"),
    Case("35-json-values text", _values("unavailable"), _ONE + "1 letters; values.flow 'unavailable': "),
    Case("35-json-values bool", _values(True), _ONE + "1 letters; values.flow True: expected a number"),
    Case(
        "35-json-values time",
        lambda _: _samples(lambda m: sent(at(m) + 0.5, temp=20.0, flow=5.0)),
        f"^{_WHOLE}$",
    ),
    Case("36-content-type charset", _kinds("application/json; charset=utf-8"), f"^{_WHOLE}$"),
    Case("36-content-type case", _kinds("Application/JSON"), f"^{_WHOLE}$"),
    Case("37-clock-ahead a day", _clock(DAY_MS), r"^windows P1 12; .* 1 letters; .*max_future_s"),
    Case("37-clock-ahead a year", _clock(365 * DAY_MS), r"^windows P1 12; .* 1 letters; .*max_future_s"),
    Case("38-unkeyed", _unkeyed, "^windows P0 12, P1 12, P2 12; missing in temp 0, flow 0; 0 letters$"),
    Case("39-compressed", _compressed, "^none read, gzip read, snappy read, lz4 read, zstd read$"),
    Case("40-signals-overwritten", _overwritten, "^6 points of drift, 2 events$"),
    Case("41-unix-seconds", _seconds(None), "^windows ; .*120 letters; .*were these seconds"),
    Case("41-unix-seconds declared", _seconds(fleet(time_format="unix_s")), f"^{_WHOLE}$"),
    Case("42-report-on-change as it is", _on_change({}), "^windows P1 24; missing in temp 0, flow 24;"),
    Case(
        "42-report-on-change",
        _on_change({"hold_s": 7200}),
        "^windows P1 24; missing in temp 0, flow 0; 0 letters$",
    ),
    Case("43-unit-change", _unit, r"; temp went to 68: in degF that is 20 degC, as before$"),
]
