"""A fleet of thousands: cost by size; memory, latency and recovery of one worker with a week behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.load import HOUR_MS, SENSORS, START_MS, blocks, samples
from benchmarks.record import peak_bytes, record
from benchmarks.site import Site, broker
from streams.kafka.connection import Connection
from streams.records import Watermark
from streams.wire import codec

ASSETS, PARTITIONS = 4000, 2
LIMIT_BYTES = 1.5e9
HOURS, TOGETHER = 170, 16
WARM_H = 3  # for so long each hour of a machine takes memory anew
NAMES, NAME_BYTES = 10_000, 40e3


def cost(connection: Connection, folder: Path, kind: str) -> None:
    """Measure readings a second by size of the fleet and number of workers, of new machines and of known."""
    base: dict[str, float] = {}
    for assets, hours in ((1000, 32), (4000, 8), (16000, 2)):
        for workers in (1, 2):
            site, new = Site(connection, folder, f"cost-{assets}-{workers}", PARTITIONS), WARM_H * assets
            site.publish(blocks(assets, WARM_H + hours))
            with site.running(workers) as started:
                first = asyncio.run(site.rate(new, started))
                known = asyncio.run(site.rate(new + assets * hours, started, new))
            found = {"new": first.per_s, "known": known.per_s, "known, a core": known.per_core_s}
            for of, per_s in found.items():
                name = f"blocks of 60: {assets} machines, {of}, {workers} workers, {kind}"
                record(name, 60 * SENSORS * per_s, 60 * SENSORS * base.setdefault(of, per_s), "readings/s")


def week(connection: Connection, folder: Path, kind: str) -> None:
    """Measure a worker that has a week of every asset behind it: memory, latency, and its successor.

    One partition, and a sample a minute of every asset: 2.9 billion readings, 15 GB at the broker.
    """
    site, messages = Site(connection, folder, "week", partitions=1), HOURS * -(-ASSETS // TOGETHER)
    with site.running(1) as workers:
        site.publish(blocks(ASSETS, HOURS, TOGETHER))
        asyncio.run(site.done(messages))
        time.sleep(site.settings.state_interval_s)  # the next batch is the first that saves all of it
        latency(site, messages, kind)
        memory(workers[0], f"of a worker, {kind}")
        recovery(site, workers, kind)
        memory(workers[0], f"of its successor, {kind}")


def names(connection: Connection, folder: Path, kind: str) -> None:
    """Measure what a worker holds for machines that send one row each, once their windows have closed."""
    site, hour_ms = Site(connection, folder, "names", partitions=1), START_MS + HOUR_MS
    with site.running(1) as workers:
        site.publish(samples(1, 1))
        asyncio.run(site.done(1))
        before = peak_bytes(workers[0].pid)
        site.publish(samples(NAMES, NAMES))
        site.publish([codec.watermark(site.topics.telemetry, Watermark(hour_ms))])
        asyncio.run(site.done(1 + NAMES + 1))
        held = (peak_bytes(workers[0].pid) - before) / NAMES
    record(f"memory of a machine of one row, {NAMES} x {SENSORS} sensors, {kind}", held, NAME_BYTES, "bytes")


def memory(worker: subprocess.Popen[bytes], of: str) -> None:
    """Record the most memory that a worker ever held."""
    record(f"memory {of}, {ASSETS} assets x {SENSORS} sensors", peak_bytes(worker.pid), LIMIT_BYTES, "bytes")


def latency(site: Site, before: int, kind: str) -> None:
    """Measure from sending the sample that closes a window to reading the window, 4,000 assets a minute.

    A minute of samples at the same pace comes before: what is saved then is not the week any more.
    """
    site.publish(samples(ASSETS, ASSETS, first_minute=60 * HOURS - 2))
    site.publish(samples(ASSETS, ASSETS, first_minute=60 * HOURS - 1), 60 / ASSETS)
    asyncio.run(site.done(before + 2 * ASSETS))
    sent: dict[str, float] = {}
    since = asyncio.run(site.ends())
    last = samples(ASSETS, ASSETS, first_minute=60 * HOURS)
    sender = threading.Thread(target=lambda: sent.update(site.publish(last, 60 / ASSETS)))
    sender.start()
    read = asyncio.run(site.windows(START_MS + HOURS * HOUR_MS, ASSETS, since))
    sender.join()
    late_ms = np.array([1000 * (read[asset] - sent[asset]) for asset in sent])
    for name, share in (("p50", 50), ("p99", 99)):
        found = float(np.percentile(late_ms, share))
        of = f"latency of a window, {ASSETS} assets x {SENSORS} sensors a minute, a week behind them"
        record(f"{of}, {kind}: {name}", found, 1000.0, "ms")


def recovery(site: Site, workers: list[subprocess.Popen[bytes]], kind: str) -> None:
    """Measure from kill -9 of a worker to the windows of all assets by its successor."""
    since = asyncio.run(site.ends())
    os.killpg(workers[0].pid, signal.SIGKILL)
    killed, workers[0] = time.time(), site.start()
    site.publish(samples(ASSETS, ASSETS, first_minute=60 * (HOURS + 1)))
    read = asyncio.run(site.windows(START_MS + (HOURS + 1) * HOUR_MS, ASSETS, since))
    took_s = max(read.values()) - killed
    record(f"kill -9 of a worker with {ASSETS} assets to all their windows, {kind}", took_s, 60.0, "s")


def main() -> None:
    """Measure all three, or those that the command line names."""
    wanted = sys.argv[1:] or ["names", "week", "cost"]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, broker(Path(folder)) as (kind, connection):
        for measure in (names, week, cost):
            if measure.__name__ in wanted:
                measure(connection, Path(folder), kind)


if __name__ == "__main__":
    main()
