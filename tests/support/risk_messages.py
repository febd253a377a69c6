"""What comes to the risk stage, and what it says, message by message."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.telemetry.samples import Event, Float32
from streams.kafka.topics import Topics
from streams.records import Alert, Scores, Watermark
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from tests.support.toy_model import Trained

TOPICS = Topics("t.")
HOUR_MS = 3_600_000
START_MS = 20_000 * DAY_MS


def arrive(out: Outgoing) -> Incoming:
    return Incoming("t.features", 0, 7, out.key, out.value, out.content_type)


def window(
    toy: Trained, hour: int, vectors: dict[str, Float32], revision: int = 0, *, beside: bool = False
) -> Incoming:
    n = len(vectors)
    record = Windows(
        tuple(vectors),
        np.arange(n, dtype=np.int32),
        np.full(n, START_MS + hour * HOUR_MS),
        np.full(n, revision, np.int32),
        np.stack(list(vectors.values())),
    )
    fingerprint = toy.schema.fingerprint
    return arrive(codec.windows("t.features", record, slice(None), fingerprint, beside=beside))


def watermark(hour: int, end: bool = False) -> Incoming:
    return arrive(codec.watermark("t.features", Watermark(START_MS + hour * HOUR_MS, end)))


def trip(hour: int, asset: str = "a", kind: str = "shutdown") -> Incoming:
    return arrive(codec.event("t.features", Event(START_MS + hour * HOUR_MS, asset, kind)))


def alerts(outputs: Iterable[Outgoing]) -> list[Alert]:
    return [codec.decode_json(o.value, Alert) for o in outputs if o.topic == "t.alerts"]


def scores(outputs: Iterable[Outgoing]) -> list[Scores]:
    found = []
    for out in outputs:
        if out.content_type == codec.SCORES:
            record = codec.decode_scores(out.value, out.content_type)
            assert isinstance(record, Scores)
            found.append(record)
    return found


def days_of(toy: Trained, hours: Iterable[int], **means: float) -> list[Incoming]:
    return [window(toy, hour, {"a": toy.vector(**means)}) for hour in hours]
