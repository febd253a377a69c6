"""The first stage: telemetry in, windowed features out, through the one kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from models.errors import RecordError, StateError
from models.event_time import DAY_MS
from models.features.expectation import Expectation
from models.features.kernel import Kernel, KernelCounts, Windows
from models.features.quality import QualityMonitor, QualitySignal
from models.features.snapshot import Head, Kept, Loader, Panes, head_of, kept_of, panes_of
from models.features.state import NEVER
from models.features.watermark import FleetWatermark
from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, Int64, Samples
from streams.kafka.topics import Topics, partition_of
from streams.records import Drift, Watermark
from streams.stage import Incoming, Outgoing, StageCounts
from streams.stages.admission import Admission, Newcomers
from streams.stages.open_step import OpenStep
from streams.state.snapshots import parsed
from streams.wire import codec
from streams.wire.sample_batch import SampleBatch
from streams.wire.telemetry import Mark, TelemetryDecoder
from streams.wire.validation import CUT_BYTES

_HEAD, _KEPT, _PANES, _COMMON = b"h", b"k", b"p", b"c"
_FORM = 4  # of what is remembered


class _PartitionState(msgspec.Struct, frozen=True):
    """What is remembered of the partition as a whole."""

    reported_ms: int
    watermark_ms: int
    reached: int | None
    silent: list[str]
    wrong: list[tuple[str, int, int]]
    expected: int
    implausible: list[int]
    missing: list[int]
    newcomers: Newcomers = Newcomers()


class FeatureStage:
    """Turns one partition of telemetry into windows, and passes events and watermarks on in order.

    The watermark comes from the source, or, where that sends none, from how far the fleet has come.
    """

    def __init__(
        self, fleet: Fleet, topics: Topics, partitions: int, expectation: Expectation | None = None
    ) -> None:
        self.fleet, self.topics, self.partitions = fleet, topics, partitions
        self.decoder, self.kernel = TelemetryDecoder(fleet), Kernel(fleet, expectation)
        self.identity = f"features {_FORM} {self.kernel.schema.fingerprint}"
        self.state = self.kernel.start()
        self.fleet_watermark = FleetWatermark()
        self.quality = QualityMonitor(fleet, self.kernel.plan)
        self.tally = KernelCounts(self.kernel.sensors)
        self.seen = KernelCounts(self.kernel.sensors)
        self.watermark_ms = 0
        self._reported_ms = 0
        self.admission = Admission(fleet)
        self._silent: set[str] = set()
        self._homes: dict[str, int] = {}
        self._changed: dict[str, int] = {}
        self._first_ms: int | None = None
        self._loader: Loader | None = None
        self._reached: int | None = None
        self._newcomers = Newcomers()
        self._open = OpenStep(self.state)

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield the windows that messages close, and the dead letters of those that make no sense."""
        for found in self.decoder.batches(received):
            yield from self._marked(found) if isinstance(found, Mark) else self._collect(found)

    def delta(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the heads of the assets that were heard of since the last call, and what panes changed."""
        for asset, since in self._changed.items():
            row, name = self.state.index[asset], asset.encode()
            yield _HEAD + name, msgspec.msgpack.encode(head_of(self.state, row))
            for kept in kept_of(self.state, row, since):
                place = kept.pane % self.kernel.plan.kept
                yield _KEPT + b"%d:" % place + name, msgspec.msgpack.encode(kept)
            for panes in panes_of(self.state, row, since):
                place = panes.number % self.kernel.plan.long_blocks
                yield _PANES + b"%d:" % place + name, msgspec.msgpack.encode(panes)
        self._changed.clear()
        yield _COMMON, msgspec.msgpack.encode(self._common())

    def restore(self, key: bytes, value: bytes) -> None:
        """Remember one head, the samples of a pane, a block of panes, or what is common."""
        loader = self._loader = self._loader or Loader(self.state)
        if key == _COMMON:
            self._restore_common(parsed(value, _PartitionState))
        elif key.startswith(_HEAD):
            loader.head(key[1:].decode(), parsed(value, Head))
        elif key.startswith(_KEPT):
            loader.kept(key.partition(b":")[2].decode(), parsed(value, Kept))
        elif key.startswith(_PANES):
            loader.panes(key.partition(b":")[2].decode(), parsed(value, Panes))
        else:
            raise StateError(f"key {key!r}: not one of this stage")

    def restored(self) -> None:
        """Fold the blocks of every asset, and find out how far the fleet has come."""
        if self._loader is not None:
            self._loader.finish()
        self._loader = None
        self.admission.restore(self.state.assets, self._newcomers)
        newest = self.state.memory.max_ms[: len(self.state.assets)] // self.kernel.plan.hop_ms
        self.fleet_watermark.restore(zip(self.state.assets, newest.tolist(), strict=True), self._reached)

    def self_contained(self) -> bool:
        """Return whether the log reaches back as far as the longest window, the lateness and a hop."""
        plan = self.kernel.plan
        if self._first_ms is None:
            return False
        return self.watermark_ms - self._first_ms >= plan.reach * plan.hop_ms + plan.lateness_ms

    def counts(self) -> StageCounts:
        """Return what the kernel has seen since the last call."""
        seen, self.seen = self.seen, KernelCounts(self.kernel.sensors)
        readings = seen.samples * self.kernel.sensors
        return StageCounts(readings, seen.late, seen.too_late, seen.duplicates, self.watermark_ms)

    def _marked(self, mark: Mark) -> Iterator[Outgoing]:
        """Pass an event on, or close what a watermark closes."""
        record = mark.record
        try:
            self._check(mark)
        except RecordError as error:
            yield self._dead(mark.message, str(error))
            return
        if isinstance(record, Event):
            yield codec.event(self.topics.events, record)
            yield codec.event(self.topics.features, record)
        else:
            yield from self._close(record)

    def _check(self, mark: Mark) -> None:
        record, message = mark.record, mark.message
        if isinstance(record, Event) and self._home(record.asset) != message.partition:
            raise RecordError(self._elsewhere(record.asset, message.partition))
        self.admission.check(record, message.arrived_ms)

    def _at_home(self, batch: SampleBatch) -> SampleBatch:
        """Refuse assets of another partition: split over two, each half would give wrong windows."""
        partition = batch.messages[0].partition
        strangers = {name for name in batch.samples.assets if self._home(name) != partition}
        if not strangers:
            return batch
        first = ((i, next(filter(strangers.__contains__, names), "")) for i, names in enumerate(batch.names))
        return batch.refuse({i: self._elsewhere(name, partition) for i, name in first if name})

    def _elsewhere(self, asset: str, partition: int) -> str:
        home = self._home(asset)
        return (
            f"asset {asset!r} on partition {partition}: key {asset!r} belongs to {home}; send it with this "
            "key, or through chillcast rekey"
        )

    def _home(self, asset: str) -> int:
        """Return an asset's partition; those of assets that are remembered are found once."""
        home = self._homes.get(asset)
        if home is None:
            home = partition_of(asset, self.partitions)
            if asset in self.state.index:
                self._homes[asset] = home
        return home

    def _collect(self, batch: SampleBatch) -> Iterator[Outgoing]:
        batch = self.admission.admit(self._at_home(batch))
        yield from self._mixed(batch) if batch.is_mixed else self._steps(batch)

    def _mixed(self, batch: SampleBatch) -> Iterator[Outgoing]:
        """Let the kernel see a message of several machines."""
        yield from self._letter(batch, 0)
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
            yield from self._letter(batch, i)
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

    def _letter(self, batch: SampleBatch, i: int) -> Iterator[Outgoing]:
        if i in batch.problems:
            yield self._dead(batch.messages[i], "; ".join(batch.problems[i]))

    def _step(self, batch: SampleBatch, start: int, end: int) -> Iterator[Outgoing]:
        """Let the kernel see the messages [start, end)."""
        self._open.begin()
        if batch.first[start] == batch.first[end]:
            return
        samples = batch.part(start, end)
        if self._first_ms is None:
            self._first_ms = int(samples.time_ms.min())
        self._silent.difference_update(samples.assets)
        self._mark(samples.assets, _oldest(samples) // self.kernel.plan.hop_ms)
        windows, tally = self.kernel.step(self.state, samples)
        yield from self._closed(windows, tally)
        if tally.implausible.any():
            yield from map(self._signal, self.quality.out_of_range(self.state, samples))
        if tally.too_late:
            reason = f"{tally.too_late} samples came later than lateness_s = {self.fleet.sampling.lateness_s}"
            yield self._dead(batch.messages[end - 1], reason)

    def _mark(self, assets: Sequence[str], touched: Int64) -> None:
        """Note that assets change: from pane ``touched`` (A,) on, or the first that is not closed yet."""
        for asset, pane in zip(assets, touched.tolist(), strict=True):
            row = self.state.index.get(asset)
            since = NEVER if row is None else min(pane, int(self.state.memory.at[row]) + 1)
            self._changed[asset] = min(since, self._changed.get(asset, since))

    def _close_behind(self) -> Iterator[Outgoing]:
        """Close what the fleet has left behind."""
        reached_ms = (self.fleet_watermark.reached or 0) * self.kernel.plan.hop_ms
        watermark = Watermark(reached_ms - self.kernel.plan.lateness_ms)
        if watermark.time_ms > max(self.watermark_ms, 0):
            yield from self._close(watermark)

    def _close(self, watermark: Watermark) -> Iterator[Outgoing]:
        windows, tally = self.kernel.close(self.state, watermark.time_ms)
        self._mark(windows.assets, windows.end_ms // self.kernel.plan.hop_ms - 1)
        yield from self._closed(windows, tally)
        self.watermark_ms = max(self.watermark_ms, watermark.time_ms)
        yield from self._silences(watermark.time_ms)
        if watermark.end or watermark.time_ms // DAY_MS > self._reported_ms // DAY_MS:
            yield from self._totals(watermark.time_ms)
        yield codec.watermark(self.topics.features, watermark)

    def _closed(self, windows: Windows, tally: KernelCounts) -> Iterator[Outgoing]:
        self.tally.add(tally)
        self.seen.add(tally)
        if len(windows):
            yield from map(self._signal, self.quality.closed(self.state, windows))
        yield from self._windows(windows)

    def _windows(self, windows: Windows) -> Iterator[Outgoing]:
        """Cut windows into messages that a broker takes by default."""
        rows = max(1, CUT_BYTES // (4 * len(self.kernel.schema)))
        for start in range(0, len(windows), rows):
            part = slice(start, start + rows)
            yield codec.windows(self.topics.features, windows, part, self.kernel.schema.fingerprint)

    def _silences(self, time_ms: int) -> Iterator[Outgoing]:
        """Report the assets that the fleet has left behind."""
        newest = self.state.memory.max_ms[: len(self.state.assets)]
        for row in np.flatnonzero(newest < time_ms - self.fleet.sampling.silence_ms).tolist():
            asset = self.state.assets[row]
            if asset not in self._silent:
                self._silent.add(asset)
                hours = (time_ms - int(newest[row])) / 3_600_000
                text = f"{self.fleet.asset} {asset} has sent nothing for {hours:.0f} h"
                yield self._drift(
                    Drift(detector="silent", time_ms=time_ms, value=hours, text=text, asset=asset)
                )

    def _totals(self, time_ms: int) -> Iterator[Outgoing]:
        """Report, once a day of event time, what was missing or implausible."""
        tally, self.tally = self.tally, KernelCounts(self.kernel.sensors)
        self._reported_ms = time_ms
        self.quality.forget(time_ms // self.kernel.plan.hop_ms - self.kernel.plan.kept)
        for i in np.flatnonzero(tally.missing).tolist():
            missing, implausible = int(tally.missing[i]), int(tally.implausible[i])
            yield self._drift(
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

    def _signal(self, signal: QualitySignal) -> Outgoing:
        return self._drift(
            Drift(
                detector=signal.kind,
                time_ms=signal.time_ms,
                value=signal.value,
                text=signal.text,
                asset=signal.asset,
                sensor=self.fleet.sensors[signal.sensor].key,
            )
        )

    def _drift(self, drift: Drift) -> Outgoing:
        return codec.drift(self.topics.drift, drift)

    def _dead(self, message: Incoming, reason: str) -> Outgoing:
        return codec.dead_letter(self.topics.dead_letters, codec.letter(message, reason))

    def _common(self) -> _PartitionState:
        return _PartitionState(
            reported_ms=self._reported_ms,
            watermark_ms=self.watermark_ms,
            reached=self.fleet_watermark.reached,
            silent=sorted(self._silent),
            wrong=[(asset, sensor, pane) for (asset, sensor), pane in self.quality.wrong.items()],
            expected=self.tally.expected,
            implausible=self.tally.implausible.tolist(),
            missing=self.tally.missing.tolist(),
            newcomers=self.admission.rate,
        )

    def _restore_common(self, common: _PartitionState) -> None:
        self._reported_ms, self.watermark_ms = common.reported_ms, common.watermark_ms
        self._reached, self._newcomers = common.reached, common.newcomers
        self._silent = set(common.silent)
        self.quality.wrong = {(asset, sensor): pane for asset, sensor, pane in common.wrong}
        self.tally.expected = common.expected
        self.tally.implausible = np.array(common.implausible, np.int64)
        self.tally.missing = np.array(common.missing, np.int64)


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
