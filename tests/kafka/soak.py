"""Runs every stage at full speed for long, and looks whether its memory stays flat.

``python -m tests.kafka.soak SECONDS`` (`make soak`) prints a row per stage, and writes
``.chillcast/soak.json``.
Its telemetry is that of the toy fleet, twenty times over, from 2000 on, before which no clock is believed:
event time passes some hundred thousand times as fast as the clock, so that whatever grows with time, and not
with the number of machines, is seen. It ends sooner if today is reached.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from chillcast.terminal.logs import show_alarms
from models.telemetry.samples import Samples, TimeSlice
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.processes.supervisor import Supervisor
from streams.stage import Outgoing
from tests.kafka.fault_run import Run, committed_by, sources_of
from tests.kafka.toy import DAY_MS, HOP_MS, START_MS, telemetry
from tests.kafka.undisturbed import replay_to
from tests.support.kafkad import KafkaServer

REPORT = Path(__file__).parents[2] / ".chillcast" / "soak.json"
BEGIN_MS, DAYS = 10_958 * DAY_MS, 26 * 365
_EVERY_S = 5.0
_LEAST_S, _START_S = 60.0, 240.0
FLAT = 0.05
FLEETS = 20


@dataclass(frozen=True)
class Soaked:
    """What came of one stage: messages done in a second, and its memory in MB.

    ``early_mb`` is the mean of the second quarter of the run, ``late_mb`` that of the last one.
    """

    stage: str
    seconds: float
    messages_per_s: float
    early_mb: float
    late_mb: float
    is_alive: bool

    @property
    def is_flat(self) -> bool:
        """Not more than a twentieth more at the end than early on, and never restarted."""
        return self.is_alive and self.messages_per_s > 0 and self.late_mb <= (1 + FLAT) * self.early_mb


class LongRun(Run):
    """A run whose telemetry goes on for 26 years, and of which nothing is kept."""

    sent = 0

    def watch(self, supervisors: Sequence[Supervisor], seconds: float = 0.0) -> None:
        """Let time pass."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for supervisor in supervisors:
                supervisor.watch()
            time.sleep(0.2)

    def is_busy(self) -> bool:
        """Return whether there is telemetry left to work on."""
        return self.thread.is_alive() or self.sent > done(self, "features")

    def publish(self) -> None:
        """Send telemetry as fast as the broker takes it."""
        with Publisher(self.connection) as publisher:

            def send(partition: int, message: Outgoing) -> None:
                publisher.send(partition, message)
                self.sent += 1

            replay_to(self.topics, send, lambda _: None, past(), HOP_MS // 1000)


def past() -> Iterator[TimeSlice]:
    """Yield the telemetry of the toy fleet, moved to the past."""
    shift_ms = START_MS - BEGIN_MS
    for part in telemetry(7, DAYS * DAY_MS // HOP_MS).slices():
        yield TimeSlice(
            part.start_ms - shift_ms,
            part.end_ms - shift_ms,
            several(replace(part.samples, time_ms=part.samples.time_ms - shift_ms)),
            tuple(
                replace(event, time_ms=event.time_ms - shift_ms, asset=renamed(event.asset, n))
                for event in part.events
                for n in range(FLEETS)
            ),
            np.tile(part.arrivals - shift_ms, FLEETS),
        )


def several(samples: Samples) -> Samples:
    """Return samples of as many fleets as there are to be, which send the same."""
    machines, rows = len(samples.assets), len(samples.asset)
    names = tuple(renamed(name, n) for n in range(FLEETS) for name in samples.assets)
    asset = np.tile(samples.asset, FLEETS) + np.repeat(np.arange(FLEETS, dtype=np.int32) * machines, rows)
    values = np.tile(samples.values, (FLEETS, 1))
    return Samples(names, asset.astype(np.int32), np.tile(samples.time_ms, FLEETS), values)


def renamed(asset: str, fleet: int) -> str:
    """Return the name of a machine of the toy fleet in one of several."""
    return f"a{int(asset[1:]) + 1000 * fleet}"


def soak(run: LongRun, seconds: float) -> list[Soaked]:
    """Run a worker of every stage for so long; return what came of each."""
    with run.stack:
        supervisors = [run.workers()]
        run.thread.start()
        wait_for_work(run, supervisors)
        memory_mb: dict[str, list[float]] = {stage: [] for stage in run.stages}
        pids = {stage: pid_of(supervisors[0], stage) for stage in run.stages}
        begun, before = time.monotonic(), {stage: done(run, stage) for stage in run.stages}
        passed_s = 0.0
        while passed_s < seconds and run.is_busy():
            run.watch(supervisors, _EVERY_S)
            passed_s = time.monotonic() - begun
            for stage, pid in pids.items():
                memory_mb[stage].append(resident_mb(pid))
        alive = {stage: pid_of(supervisors[0], stage) == pid for stage, pid in pids.items()}
        rates = {stage: (done(run, stage) - before[stage]) / passed_s for stage in run.stages}
    return [
        Soaked(stage, passed_s, rates[stage], *early_and_late(memory_mb[stage]), alive[stage])
        for stage in run.stages
    ]


def wait_for_work(run: Run, supervisors: Sequence[Supervisor]) -> None:
    """Return when every stage has acknowledged something, or after `_START_S`."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and not all(done(run, stage) for stage in run.stages):
        run.watch(supervisors, 1.0)


def early_and_late(memory_mb: Sequence[float]) -> tuple[float, float]:
    """Return the mean of the second quarter and of the last."""
    quarter = max(len(memory_mb) // 4, 1)
    return float(np.mean(memory_mb[quarter : 2 * quarter])), float(np.mean(memory_mb[-quarter:]))


def pid_of(supervisor: Supervisor, stage: str) -> int:
    """Return the process of a stage's worker; 0 if it does not run."""
    return next((c.pid or 0 for c in supervisor.status() if c.name.startswith(stage)), 0)


def resident_mb(pid: int) -> float:
    """Return what a process holds in memory; 0 if there is none."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    return float(status.partition("VmRSS:")[2].split()[0]) / 1024


def done(run: Run, stage: str) -> int:
    """Return how many messages a stage has acknowledged."""
    found: dict[str, dict[int, int]] = asyncio.run(committed_by(run, stage, sources_of(stage, run.topics)))
    return sum(sum(offsets.values()) for offsets in found.values())


def row(found: Soaked) -> str:
    """Return one line of the table."""
    figures = (found.messages_per_s, found.early_mb, found.late_mb)
    mark = "flat" if found.is_flat else "NOT FLAT"
    return f"{found.stage:10}" + "".join(f"{n:14.1f}" for n in figures) + f"  {mark}"


def main(seconds: float) -> int:
    """Soak on Apache Kafka; return the exit code."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, KafkaServer(Path(folder) / "kafka") as server:
        run = LongRun(Connection(server.bootstrap), Path(folder) / "home", server, exactly_once=True)
        found = soak(run, seconds)
    print(f"{'stage':10}{'messages/s':>14}{'early MB':>14}{'late MB':>14}   after {found[0].seconds:.0f} s")
    print("\n".join(map(row, found)))
    rows: list[dict[str, Any]] = [{**asdict(one), "is_flat": one.is_flat} for one in found]
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    return int(not all(one.is_flat for one in found))


if __name__ == "__main__":
    show_alarms()
    sys.exit(main(max(float(sys.argv[1]) if len(sys.argv) > 1 else 3600.0, _LEAST_S)))
