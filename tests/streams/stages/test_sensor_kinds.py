"""Counters, states and points that hold: a stream of messages comes to the same windows as a recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.features.kernel import Windows
from models.fleet.fleet import Fleet, parse_fleet
from models.learning.history import History
from models.telemetry.samples import TimeSlice
from simulators.recordings.archive import Archive
from simulators.recordings.archiver import Archiver
from simulators.recordings.recording import read_recording
from streams.kafka.topics import Topics
from streams.records import Watermark
from streams.stage import Incoming
from streams.stages.features import FeatureStage
from streams.stages.rekey import RekeyStage
from streams.wire import codec
from streams.wire.sample_batch import SampleBatch
from tests.support.collected import Final, collect

START_MS, MINUTE_MS, MINUTES = 1_709_251_200_000, 60_000, 240
TOPICS = Topics("")


def fleet() -> Fleet:
    sensors: list[dict[str, Any]] = [
        {"key": "temp"},
        {"key": "kwh", "kind": "counter", "high": 1e12},
        {"key": "mode", "kind": "state", "states": {"OFF": 0, "ON": 1}, "hold_s": 3600},
        {"key": "flow", "hold_s": 7200},
    ]
    return parse_fleet(
        {
            "name": "kinds",
            "asset": "pump",
            "asset_pattern": "P[0-9]",
            "outcome": "stop",
            "horizons_d": [1.0],
            "sampling": {"period_s": 60, "hop_s": 600, "windows_s": [600, 3600], "lateness_s": 600},
            "alerting": {"horizon_d": 1.0},
            "sensors": [{"label": s["key"], "unit": "1", "low": -50.0, "high": 200.0, **s} for s in sensors],
            "recording": {
                "asset": "unit",
                "time": "time",
                "time_format": "unix_ms",
                "columns": {s["key"]: {"column": s["key"]} for s in sensors},
            },
            "telemetry": {},
        },
        "kinds.toml",
    )


def rows() -> list[tuple[int, dict[str, Any]]]:
    """What a gateway sends: a large total, a word when it changes, a point every two hours."""
    out = []
    for minute in range(MINUTES):
        values: dict[str, Any] = {"temp": 20.0 + minute % 7, "kwh": 18_228_934 + 0.05 * minute}
        values |= {"mode": "ON" if minute % 100 else "OFF"} if minute % 50 == 0 else {}
        values |= {"flow": 5.0 + minute / 100} if minute % 120 == 3 else {}
        out.append((START_MS + minute * MINUTE_MS, values))
    return out


def messages() -> list[Incoming]:
    arrived_ms = START_MS + MINUTES * MINUTE_MS
    said = [json.dumps({"asset": "P1", "time": time_ms, "values": values}) for time_ms, values in rows()]
    return [Incoming("telemetry", 0, 0, b"P1", text.encode(), "", arrived_ms=arrived_ms) for text in said]


def streamed(stage: FeatureStage, received: list[Incoming], final: Final) -> Final:
    for out in stage.process(received):
        assert out.topic != "dead-letters", out.value
        if out.content_type == codec.WINDOWS:
            found = codec.decode_features(out.value, out.content_type, stage.kernel.schema.fingerprint)
            assert isinstance(found, Windows)
            collect(final, found)
    return final


def end() -> Incoming:
    mark = codec.watermark("telemetry", Watermark(START_MS + MINUTES * MINUTE_MS))
    return Incoming("telemetry", 0, 0, b"", mark.value, mark.content_type)


def from_recording(owner: Fleet, folder: Path) -> Final:
    keys = owner.keys
    lines = [f"{t},P1," + ",".join(str(values.get(key, "")) for key in keys) for t, values in rows()]
    path = folder / "data.csv"
    path.write_text("\n".join([f"time,unit,{','.join(keys)}", *lines]), encoding="utf-8")
    final = Final()
    found = read_recording(path, owner)
    assert found.quality.missing["flow"] == 3
    for windows in History(owner, found.slices()).until(1 << 62):
        collect(final, windows)
    return final


@pytest.fixture
def recorded(tmp_path: Path) -> Final:
    return from_recording(fleet(), tmp_path)


def test_one_by_one_and_together_they_are_those_of_the_recording_to_the_bit(recorded: Final) -> None:
    stage, final = FeatureStage(fleet(), TOPICS, 1), Final()
    for message in [*messages(), end()]:
        streamed(stage, [message], final)
    together = streamed(FeatureStage(fleet(), TOPICS, 1), [*messages(), end()], Final())
    assert final == recorded
    assert together == recorded
    at = stage.kernel.schema.names.index("kwh.1h.mean")
    last = np.frombuffer(final["P1", START_MS + MINUTES * MINUTE_MS], np.float32)
    assert last[at] == pytest.approx(72.0, rel=1e-6)
    assert last[stage.kernel.schema.names.index("flow.1h.missing")] == 0.0
    assert last[stage.kernel.schema.names.index("mode_off.1h.mean")] == pytest.approx(40 / 60)


def test_a_block_of_the_first_hop_keeps_totals(recorded: Final) -> None:
    hop = RekeyStage(fleet(), TOPICS, 1)
    blocks = [Incoming("telemetry", 0, 0, o.key, o.value, o.content_type) for o in hop.process(messages())]
    assert streamed(FeatureStage(fleet(), TOPICS, 1), [*blocks, end()], Final()) == recorded


def test_a_worker_that_took_over_goes_on_to_the_bit(recorded: Final) -> None:
    final, sent = Final(), messages()
    first = FeatureStage(fleet(), TOPICS, 1)
    streamed(first, sent[:125], final)
    second = FeatureStage(fleet(), TOPICS, 1)
    for key, value in first.delta():
        second.restore(key, value)
    second.restored()
    assert streamed(second, [*sent[125:], end()], final) == recorded


def test_a_recording_of_what_was_sent_keeps_totals(tmp_path: Path, recorded: Final) -> None:
    owner, folder = fleet(), tmp_path / "kept"
    stage = FeatureStage(owner, TOPICS, 1)
    (batch,) = stage.decoder.batches(messages())
    assert isinstance(batch, SampleBatch)
    with Archiver(folder, owner) as archiver:
        archiver.write(TimeSlice(START_MS, START_MS + MINUTES * MINUTE_MS, batch.samples))
        archiver.finish("test")
    final = Final()
    for windows in History(owner, Archive(folder, owner).slices()).until(1 << 62):
        collect(final, windows)
    assert final == recorded
