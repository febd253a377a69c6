"""What is wrong with the data: signals of sensors, machines that fell silent, and the totals of a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
import numpy as np

from models.event_time import DAY_MS, HOUR_MS
from models.features.kernel import KernelCounts, Windows
from models.features.memory import KernelState
from models.features.quality import QualityMonitor, QualitySignal
from models.features.state import KernelLayout
from models.fleet.fleet import Fleet
from models.telemetry.samples import Samples
from streams.records import Drift


class Reported(msgspec.Struct, frozen=True):
    """What is remembered of what was reported, and of what the next totals count."""

    reported_ms: int
    silent: list[str]
    wrong: list[tuple[str, int, int]]
    expected: int
    implausible: list[int]
    missing: list[int]


class DataReports:
    """Reports what is wrong with the data of one partition: each fault when it begins, totals once a day."""

    def __init__(self, fleet: Fleet, plan: KernelLayout) -> None:
        self.fleet, self.plan = fleet, plan
        self.quality = QualityMonitor(fleet, plan)
        self.totals = KernelCounts(plan.sensors)
        self._reported_ms = 0
        self._silent: set[str] = set()

    def heard(self, assets: Iterable[str]) -> None:
        """Note that assets have sent something: they are not silent, or not any more."""
        self._silent.difference_update(assets)

    def count(self, counts: KernelCounts) -> None:
        """Add what the kernel saw to the totals of the day."""
        self.totals.add(counts)

    def closed(self, state: KernelState, windows: Windows) -> Iterator[Drift]:
        """Yield what began in the panes that windows end with."""
        if len(windows):
            yield from map(self._signal, self.quality.closed(state, windows))

    def out_of_range(self, state: KernelState, samples: Samples) -> Iterator[Drift]:
        """Yield the sensors of raw samples that read out of range, and did not before."""
        yield from map(self._signal, self.quality.out_of_range(state, samples))

    def silences(self, state: KernelState, time_ms: int) -> Iterator[Drift]:
        """Yield the assets that the fleet has left behind at ``time_ms``."""
        newest = state.memory.max_ms[: len(state.assets)]
        for row in np.flatnonzero(newest < time_ms - self.fleet.sampling.silence_ms).tolist():
            asset = state.assets[row]
            if asset not in self._silent:
                self._silent.add(asset)
                hours = (time_ms - int(newest[row])) / HOUR_MS
                text = f"{self.fleet.asset} {asset} has sent nothing for {hours:.0f} h"
                yield Drift(detector="silent", time_ms=time_ms, value=hours, text=text, asset=asset)

    def daily(self, time_ms: int, *, end: bool) -> Iterator[Drift]:
        """Yield, once a day of event time and at the ``end``, what was missing or implausible."""
        if not end and time_ms // DAY_MS <= self._reported_ms // DAY_MS:
            return
        totals, self.totals = self.totals, KernelCounts(self.plan.sensors)
        self._reported_ms = time_ms
        self.quality.forget(time_ms // self.plan.hop_ms - self.plan.kept)
        for i in np.flatnonzero(totals.missing).tolist():
            yield self._total(totals, i, time_ms)

    def _total(self, totals: KernelCounts, sensor: int, time_ms: int) -> Drift:
        missing, implausible = int(totals.missing[sensor]), int(totals.implausible[sensor])
        return Drift(
            detector="quality",
            time_ms=time_ms,
            sensor=self.fleet.sensors[sensor].key,
            value=missing / max(totals.expected, 1),
            text=f"{missing} of {totals.expected} values missing, {implausible} of them implausible",
            missing=missing,
            implausible=implausible,
            expected=totals.expected,
        )

    def _signal(self, signal: QualitySignal) -> Drift:
        return Drift(
            detector=signal.kind,
            time_ms=signal.time_ms,
            value=signal.value,
            text=signal.text,
            asset=signal.asset,
            sensor=self.fleet.sensors[signal.sensor].key,
        )

    def saved(self) -> Reported:
        """Return all that is remembered."""
        return Reported(
            reported_ms=self._reported_ms,
            silent=sorted(self._silent),
            wrong=[(asset, sensor, pane) for (asset, sensor), pane in self.quality.wrong.items()],
            expected=self.totals.expected,
            implausible=self.totals.implausible.tolist(),
            missing=self.totals.missing.tolist(),
        )

    def restore(self, saved: Reported) -> None:
        """Remember what `saved` returned."""
        self._reported_ms, self._silent = saved.reported_ms, set(saved.silent)
        self.quality.wrong = {(asset, sensor): pane for asset, sensor, pane in saved.wrong}
        self.totals.expected = saved.expected
        self.totals.implausible = np.array(saved.implausible, np.int64)
        self.totals.missing = np.array(saved.missing, np.int64)
