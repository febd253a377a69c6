"""What came out of a kernel, a stage or a decoder, as tests look at it."""

from __future__ import annotations

from models.features.kernel import Windows
from models.fleet.fleet import Fleet
from streams.stage import Incoming
from streams.wire.telemetry import Decoded, TelemetryDecoder

Final = dict[tuple[str, int], bytes]


def collect(into: Final, windows: Windows) -> None:
    """Keep the bytes of each window; of several revisions the last stays."""
    for i in range(len(windows)):
        key = (windows.assets[windows.asset[i]], int(windows.end_ms[i]))
        into[key] = windows.values[i].tobytes()


def decoded(value: bytes | None, content_type: str, fleet: Fleet) -> Decoded:
    """Return what one telemetry message holds; raises RecordError where that is nothing."""
    return TelemetryDecoder(fleet).one(Incoming("telemetry", 0, 0, None, value, content_type))
