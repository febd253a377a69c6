"""The first stage: telemetry in, windowed features out, through the one kernel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from models.errors import RecordError
from models.expectation import Expectation
from models.fleet import Fleet
from models.frames import Event, Frames
from models.kernel import Kernel, Tally, Windows
from models.labels import DAY_MS
from streams import messages
from streams.checks import CUT_BYTES
from streams.messages import DeadLetter, Drift, Watermark
from streams.stage import Incoming, Outgoing
from streams.topics import Topics, partition_of


class FeatureStage:
    """Turns one partition of telemetry into windows, and passes events and watermarks on in order."""

    remembers = True

    def __init__(
        self, fleet: Fleet, topics: Topics, partitions: int, expectation: Expectation | None = None
    ) -> None:
        self.fleet, self.topics, self.partitions = fleet, topics, partitions
        self.kernel = Kernel(fleet, expectation)
        self.state = self.kernel.start()
        self.tally = Tally(self.kernel.sensors)
        self._reported_ms = 0
        self._homes: dict[str, int] = {}

    def process(self, message: Incoming) -> Iterable[Outgoing]:
        """Return the windows that a message closes, or its dead letter."""
        try:
            decoded = messages.decode_telemetry(message.value, message.content_type, self.fleet)
            self._at_home(message.partition, decoded.record)
        except RecordError as error:
            return [self._dead(message, str(error))]
        out = [self._dead(message, problem) for problem in decoded.problems]
        return out + list(self._outputs(message, decoded.record))

    async def settle(self) -> Iterable[Outgoing]:
        """Return nothing: all that this stage does lies in the log."""
        return ()

    def _at_home(self, partition: int, record: Frames | Event | Watermark) -> None:
        """Refuse assets of another partition: split over two, each half would give wrong windows."""
        if isinstance(record, Watermark):
            return
        for asset in record.assets if isinstance(record, Frames) else (record.asset,):
            home = self._homes.get(asset)
            if home is None:
                home = self._homes[asset] = partition_of(asset, self.partitions)
            if home != partition:
                raise RecordError(
                    f"asset {asset!r} on partition {partition}: key {asset!r} belongs to {home}"
                )

    def _outputs(self, message: Incoming, record: Frames | Event | Watermark) -> Iterator[Outgoing]:
        if isinstance(record, Frames):
            yield from self._step(message, record)
        elif isinstance(record, Event):
            yield messages.event(self.topics.events, record)
            yield messages.event(self.topics.features, record)
        else:
            yield from self._close(record)

    def _step(self, message: Incoming, frames: Frames) -> Iterator[Outgoing]:
        windows, tally = self.kernel.step(self.state, frames)
        self.tally.add(tally)
        yield from self._windows(windows)
        if tally.too_late:
            lateness_s = self.fleet.sampling.lateness_s
            yield self._dead(message, f"{tally.too_late} samples came later than lateness_s = {lateness_s}")

    def _close(self, watermark: Watermark) -> Iterator[Outgoing]:
        windows, tally = self.kernel.close(self.state, watermark.time_ms)
        self.tally.add(tally)
        yield from self._windows(windows)
        if watermark.end or watermark.time_ms // DAY_MS > self._reported_ms // DAY_MS:
            yield from self._quality(watermark.time_ms)
        yield messages.watermark(self.topics.features, watermark)

    def _windows(self, windows: Windows) -> Iterator[Outgoing]:
        """Cut windows into messages that a broker takes by default."""
        rows = max(1, CUT_BYTES // (4 * len(self.kernel.schema)))
        for start in range(0, len(windows), rows):
            part = slice(start, start + rows)
            yield messages.windows(self.topics.features, windows, part, self.kernel.schema.fingerprint)

    def _quality(self, time_ms: int) -> Iterator[Outgoing]:
        """Report, once a day of event time, what was missing or implausible."""
        tally, self.tally = self.tally, Tally(self.kernel.sensors)
        self._reported_ms = time_ms
        for i in np.flatnonzero(tally.missing).tolist():
            missing, implausible = int(tally.missing[i]), int(tally.implausible[i])
            yield messages.drift(
                self.topics.drift,
                Drift(
                    detector="quality",
                    time_ms=time_ms,
                    sensor=self.fleet.sensors[i].key,
                    value=missing / max(tally.expected, 1),
                    text=f"{missing} of {tally.expected} values missing, {implausible} of them implausible",
                    missing=missing,
                    implausible=implausible,
                    expected=tally.expected,
                ),
            )

    def _dead(self, message: Incoming, reason: str) -> Outgoing:
        return messages.dead_letter(self.topics.dead_letters, DeadLetter.of(message, reason))
