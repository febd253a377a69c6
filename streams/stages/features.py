"""The first stage: telemetry in, windowed features out, through the one kernel."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Iterable, Iterator, Sequence

import msgspec
import numpy as np

from models.errors import RecordError
from models.features.expectation import Expectation
from models.features.kernel import Kernel, KernelCounts, Windows
from models.features.state import NEVER
from models.features.watermark import FleetWatermark
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Int64, Samples
from streams.kafka.topics import Topics
from streams.records import Drift, Watermark
from streams.stage import Incoming, Outgoing, StageCounts
from streams.stages.admission import Admission, Newcomers
from streams.stages.data_reports import DataReports, Reported
from streams.stages.home_partitions import HomePartitions
from streams.stages.kernel_memory import KernelMemory
from streams.stages.open_step import OpenStep
from streams.stages.refused import Refused, Tally
from streams.state.snapshots import parsed
from streams.wire import codec
from streams.wire.sample_batch import SampleBatch
from streams.wire.telemetry import Mark, TelemetryDecoder
from streams.wire.window_blocks import cut_rows

_COMMON = b"c"
FORM = 6  # of what is remembered


class _FeaturesState(Reported, frozen=True):
    """What is remembered of the partition as a whole.

    ``first_ms`` is the time of the first sample that was seen. ``known_ms`` are the newest of machines that
    were known to whoever came before, and were not heard so far since.
    """

    watermark_ms: int
    reached: int | None
    newcomers: Newcomers = Newcomers()
    refused: tuple[Tally, ...] = ()
    first_ms: int | None = None
    known_ms: dict[str, int] = msgspec.field(default_factory=dict)


class FeatureStage:
    """Turns one partition of telemetry into windows, and passes events and watermarks on in order.

    The watermark comes from the source, or, if that sends none, from how far the fleet has come. ``beside``:
    its windows are marked as those of a second version.
    """

    def __init__(
        self, fleet: Fleet, topics: Topics, partitions: int, expectation: Expectation | None = None
    ) -> None:
        self.fleet, self.topics = fleet, topics
        self.decoder, self.kernel = TelemetryDecoder(fleet), Kernel(fleet, expectation)
        self.identity = f"features {FORM} {self.kernel.schema.fingerprint}"
        self.state = self.kernel.start()
        self.fleet_watermark = FleetWatermark()
        self.reports = DataReports(fleet, self.kernel.plan)
        self.admission = Admission(fleet)
        self.watermark_ms = 0
        self._seen = KernelCounts(self.kernel.sensors)
        self._homes = HomePartitions(partitions, self.state.index)
        self._memory = KernelMemory(self.state)
        self._first_ms: int | None = None
        self._reached: int | None = None
        self._newcomers = Newcomers()
        self._refused = Refused()
        self._open = OpenStep(self.state)
        self._known_ms: dict[str, int] = {}
        self.beside = False

    def begin_beside(self, other: FeatureStage) -> None:
        """Know the machines that another stage of the partition knows, and how far they have come."""
        self._known_ms, self._newcomers = other.newest_ms(), other.admission.rate
        self.watermark_ms, reached = other.watermark_ms, other.fleet_watermark.reached
        if reached is not None:
            self._reached = reached * other.kernel.plan.hop_ms // self.kernel.plan.hop_ms
        self._know()

    def newest_ms(self) -> dict[str, int]:
        """Return the newest event time of each machine that is known."""
        own = self.state.memory.max_ms[: len(self.state.assets)].tolist()
        heard = dict(zip(self.state.assets, own, strict=True))
        before = {name: ms for name, ms in self._known_ms.items() if ms > heard.get(name, NEVER)}
        return {**heard, **before}

    def is_full(self, since_ms: int) -> bool:
        """Return whether the longest window is full, of what came when the partition was at ``since_ms``."""
        first_ms = max(since_ms, self._first_ms or 0)
        plan = self.kernel.plan
        reach_ms = plan.reach * plan.hop_ms + plan.lateness_ms
        return self._first_ms is not None and self.watermark_ms - first_ms >= reach_ms

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield the windows that messages close, and the dead letters of those that make no sense."""
        for found in self.decoder.batches(received):
            yield from self._marked(found) if isinstance(found, Mark) else self._collect(found)

    def delta(self) -> Iterator[tuple[bytes, bytes]]:
        """Return what changed of the assets that were heard of since the last call, and what is common."""
        common = _COMMON, msgspec.msgpack.encode(self._common())
        return itertools.chain(self._memory.delta(), [common])

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember a part of an asset, or what is common."""
        if key == _COMMON:
            self._restore_common(parsed(value, _FeaturesState))
        else:
            self._memory.restore(key, value)

    def restored(self) -> None:
        """Put the memory of every asset together, and find out how far the fleet has come."""
        self._memory.restored()
        self._know()

    def self_contained(self) -> bool:
        """Return whether the log reaches back as far as the longest window, the lateness and a hop."""
        return self.is_full(0)

    def counts(self) -> StageCounts:
        """Return what the kernel has seen since the last call."""
        seen, self._seen = self._seen, KernelCounts(self.kernel.sensors)
        readings = seen.samples * self.kernel.sensors
        return StageCounts(readings, seen.late, seen.too_late, seen.duplicates, self.watermark_ms)

    def _marked(self, mark: Mark) -> Iterator[Outgoing]:
        """Pass an event on, or close what a watermark closes."""
        record = mark.record
        try:
            self._check(mark)
        except RecordError as error:
            yield from self._dead(mark.message, str(error))
            return
        if isinstance(record, Event):
            yield codec.event(self.topics.events, record)
            yield codec.event(self.topics.features, record)
        else:
            yield from self._close(record)

    def _check(self, mark: Mark) -> None:
        record, message = mark.record, mark.message
        if isinstance(record, Event):
            self._homes.check(record.asset, message.partition)
        self.admission.check(record, message.arrived_ms)

    def _collect(self, batch: SampleBatch) -> Iterator[Outgoing]:
        batch = self.admission.admit(self._homes.keep(batch))
        yield from self._mixed(batch) if batch.is_mixed else self._steps(batch)

    def _mixed(self, batch: SampleBatch) -> Iterator[Outgoing]:
        """Let the kernel see a message of several machines."""
        yield from self._step(batch, 0, 1)
        newest = zip(
            batch.names[0], (_newest(batch.samples) // self.kernel.plan.hop_ms).tolist(), strict=True
        )
        come = [self.fleet_watermark.observe(name, pane) for name, pane in newest]
        if any(come):
            yield from self._close_behind()

    def _steps(self, batch: SampleBatch) -> Iterator[Outgoing]:
        """Let the kernel see messages of one machine each, in the fewest steps that come to the same."""
        oldest_ms, newest_ms = (times.tolist() for times in batch.spans())
        hop_ms, start = self.kernel.plan.hop_ms, 0
        for i, names in enumerate(batch.names):
            for asset in names:
                fits = self._open.add(asset, oldest_ms[i], newest_ms[i])
                if not fits:
                    yield from self._step(batch, start, i)
                    start, fits = i, self._open.add(asset, oldest_ms[i], newest_ms[i])
                further = self.fleet_watermark.observe(asset, newest_ms[i] // hop_ms)
                if further or not fits:
                    yield from self._step(batch, start, i + 1)
                    start = i + 1
                if further:
                    yield from self._close_behind()
        yield from self._step(batch, start, len(batch))

    def _step(self, batch: SampleBatch, start: int, end: int) -> Iterator[Outgoing]:
        """Let the kernel see the messages [start, end); one that is too late is the last of them."""
        self._open.begin()
        late: tuple[str, ...] = ()
        if batch.first[start] < batch.first[end]:
            late = yield from self._taken(batch, start, end)
        for i in range(start, end):
            problems = (*batch.problems.get(i, ()), *(late if i == end - 1 else ()))
            if problems:
                yield from self._dead(batch.messages[i], "; ".join(problems))

    def _taken(self, batch: SampleBatch, start: int, end: int) -> Generator[Outgoing, None, tuple[str, ...]]:
        """Yield what messages with samples lead to; return why some of these do not count."""
        samples = batch.part(start, end)
        if self._first_ms is None:
            self._first_ms = int(samples.time_ms[0])
        self.reports.heard(samples.assets)
        self._memory.mark(samples.assets, _oldest(samples) // self.kernel.plan.hop_ms)
        windows, counts = self.kernel.step(self.state, samples)
        yield from self._closed(windows, counts)
        if counts.implausible.any():
            yield from self._drifts(self.reports.out_of_range(self.state, samples))
        if not counts.too_late:
            return ()
        return (f"{counts.too_late} samples came later than lateness_s = {self.fleet.sampling.lateness_s}",)

    def _close_behind(self) -> Iterator[Outgoing]:
        """Close what the fleet has left behind."""
        reached_ms = (self.fleet_watermark.reached or 0) * self.kernel.plan.hop_ms
        watermark = Watermark(reached_ms - self.kernel.plan.lateness_ms)
        if watermark.time_ms > max(self.watermark_ms, 0):
            yield from self._close(watermark)

    def _close(self, watermark: Watermark) -> Iterator[Outgoing]:
        windows, counts = self.kernel.close(self.state, watermark.time_ms)
        self._memory.mark(windows.assets, windows.end_ms // self.kernel.plan.hop_ms - 1)
        yield from self._closed(windows, counts)
        self.watermark_ms = max(self.watermark_ms, watermark.time_ms)
        yield from self._drifts(self.reports.silences(self.state, watermark.time_ms))
        yield from self._drifts(self.reports.daily(watermark.time_ms, end=watermark.end))
        yield codec.watermark(self.topics.features, watermark)

    def _closed(self, windows: Windows, counts: KernelCounts) -> Iterator[Outgoing]:
        self.reports.count(counts)
        self._seen.add(counts)
        yield from self._drifts(self.reports.closed(self.state, windows))
        yield from self._windows(windows)

    def _windows(self, windows: Windows) -> Iterator[Outgoing]:
        """Cut windows into messages that a broker takes by default."""
        rows = cut_rows(windows) if len(windows) else 1
        for start in range(0, len(windows), rows):
            part = slice(start, start + rows)
            fingerprint = self.kernel.schema.fingerprint
            yield codec.windows(self.topics.features, windows, part, fingerprint, beside=self.beside)

    def _drifts(self, found: Iterable[Drift]) -> Iterator[Outgoing]:
        return (codec.drift(self.topics.drift, drift) for drift in found)

    def _dead(self, message: Incoming, reason: str) -> Iterator[Outgoing]:
        """Yield the one letter of a message, and a signal if one is due."""
        letter = codec.letter(message, reason)
        yield codec.dead_letter(self.topics.dead_letters, letter)
        yield from self._drifts(self._refused.see(letter, message.arrived_ms, self.watermark_ms))

    def _common(self) -> _FeaturesState:
        return _FeaturesState(
            **msgspec.structs.asdict(self.reports.saved()),
            watermark_ms=self.watermark_ms,
            reached=self.fleet_watermark.reached,
            newcomers=self.admission.rate,
            refused=tuple(self._refused.tallies()),
            first_ms=self._first_ms,
            known_ms=self._still_known_ms(),
        )

    def _restore_common(self, common: _FeaturesState) -> None:
        self.reports.restore(common)
        self.watermark_ms = common.watermark_ms
        self._reached, self._newcomers = common.reached, common.newcomers
        self._refused.restore(common.refused)
        self._first_ms, self._known_ms = common.first_ms, dict(common.known_ms)

    def _still_known_ms(self) -> dict[str, int]:
        """Return the newest of machines that were known before and were not heard so far since."""
        newest_ms = self.newest_ms() if self._known_ms else {}
        return {name: ms for name, ms in self._known_ms.items() if newest_ms[name] == ms}

    def _know(self) -> None:
        """Let in the machines that are known, and see how far they have come."""
        known, hop_ms = self.newest_ms(), self.kernel.plan.hop_ms
        self.admission.restore(known, self._newcomers)
        self.fleet_watermark.restore(((name, ms // hop_ms) for name, ms in known.items()), self._reached)


def _newest(samples: Samples) -> Int64:
    """Return the newest event time of each named asset (A,), each of which has a row."""
    newest = np.full(len(samples.assets), NEVER)
    np.maximum.at(newest, samples.asset, samples.time_ms)
    return newest


def _oldest(samples: Samples) -> Int64:
    """Return the oldest event time of each named asset (A,), each of which has a row."""
    oldest = np.full(len(samples.assets), np.iinfo(np.int64).max)
    np.minimum.at(oldest, samples.asset, samples.time_ms)
    return oldest
