"""Reading messages of other programs, beside our own format: messages a second of processor time.

Each message holds one sample of a machine and its 70 sensors; the decoder alone, in batches of 100 messages.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.load import SENSORS, START_MS, seventy_sensors
from benchmarks.record import record
from models.fleet.fleet import Fleet
from models.fleet.telemetry import Telemetry
from streams.stage import Incoming
from streams.wire.sample_batch import SampleBatch
from streams.wire.telemetry import TelemetryDecoder

MESSAGES, BATCH, TURNS = 1000, 100, 5
Values = dict[str, float]


def own(time_ms: int, values: Values) -> str:
    """Return a sample as our own format."""
    return json.dumps({"asset": "u1", "time": time_ms, "values": values})


def wide(time_ms: int, values: Values) -> str:
    """Return a sample as values by paths."""
    return json.dumps({"device": {"id": "u1"}, "ts": time_ms // 1000, "data": values})


def long(time_ms: int, values: Values) -> str:
    """Return a sample as a record a point."""
    points = [{"tag": key, "v": value, "time": time_ms} for key, value in values.items()]
    return json.dumps({"unit": "u1", "points": points})


def telegraf(time_ms: int, values: Values) -> str:
    """Return a sample as what Telegraf writes as JSON."""
    return json.dumps(
        {"fields": values, "name": "modbus", "tags": {"host": "u1"}, "timestamp": time_ms // 1000}
    )


def influx(time_ms: int, values: Values) -> str:
    """Return a sample as line protocol."""
    fields = ",".join(f"{key}={value}" for key, value in values.items())
    return f"modbus,host=u1 {fields} {time_ms * 1_000_000}"


FORMS: dict[str, tuple[Callable[[int, Values], str], dict[str, Any] | None]] = {
    "own JSON": (own, None),
    "wide JSON by paths": (
        wide,
        {"asset": "device.id", "time": "ts", "values": "data", "time_format": "unix_s"},
    ),
    "long JSON": (long, {"records": "points", "asset": "unit", "point": "tag", "value": "v"}),
    "Telegraf's JSON": (telegraf, {"form": "telegraf"}),
    "line protocol": (influx, {"form": "influx"}),
}


def messages(write: Callable[[int, Values], str]) -> list[Incoming]:
    """Return samples a minute apart, in one form."""
    numbers = np.random.default_rng(1).normal(20, 5, (MESSAGES, SENSORS)).round(2)
    out = []
    for i, row in enumerate(numbers.tolist()):
        values = {f"s{k}": value for k, value in enumerate(row)}
        data = write(START_MS + i * 60_000, values).encode()
        out.append(Incoming("telemetry", 0, i, b"u1", data, "", arrived_ms=START_MS))
    return out


def seconds(fleet: Fleet, received: list[Incoming]) -> float:
    """Return the processor time of reading all messages."""
    decoder, rows = TelemetryDecoder(fleet), 0
    started = time.process_time()
    for start in range(0, MESSAGES, BATCH):
        for found in decoder.batches(received[start : start + BATCH]):
            assert isinstance(found, SampleBatch)
            assert not found.problems
            rows += len(found.samples)
    taken = time.process_time() - started
    assert rows == MESSAGES
    return taken


def main() -> None:
    """Measure all forms in turns, and keep the best of each."""
    fleet, best = seventy_sensors(), dict.fromkeys(FORMS, float("inf"))
    ready = {
        name: (replace(fleet, telemetry=keys and Telemetry(**keys)), messages(write))
        for name, (write, keys) in FORMS.items()
    }
    for _ in range(TURNS):
        for name, (owner, received) in ready.items():
            best[name] = min(best[name], seconds(owner, received))
    baseline = MESSAGES / best["own JSON"]
    for name, taken in best.items():
        record(f"read {name}", MESSAGES / taken, baseline, "messages/s")


if __name__ == "__main__":
    main()
