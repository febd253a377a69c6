"""A fleet of thousands: cost by size, how late its windows come, how long a killed worker is missed."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.load import HOUR_MS, SENSORS, START_MS, blocks, samples
from benchmarks.record import record
from benchmarks.site import Site, broker
from streams.connection import Connection

ASSETS, PARTITIONS = 4000, 2


def cost(connection: Connection, folder: Path, kind: str) -> None:
    """Measure readings a second by size of the fleet and number of workers."""
    base = 0.0
    for assets, hours in ((1000, 16), (4000, 4), (16000, 2)):
        for workers in (1, 2):
            site = Site(connection, folder, f"cost-{assets}-{workers}", PARTITIONS)
            site.publish(blocks(assets, hours))
            with site.running(workers):
                found = asyncio.run(site.rate(assets * hours)) * 60 * SENSORS
            base = base or found
            record(f"blocks of 60: {assets} assets, {workers} workers, {kind}", found, base, "readings/s")


def latency(connection: Connection, folder: Path, kind: str) -> None:
    """Measure from sending the sample that closes a window to reading the window, 4,000 assets a minute."""
    site = Site(connection, folder, "latency", PARTITIONS)
    with site.running(1):
        site.publish(samples(ASSETS, 2 * ASSETS, first_minute=58))
        time.sleep(15)  # let the worker come to the end
        sent: dict[str, float] = {}
        last = samples(ASSETS, ASSETS, first_minute=60)
        sender = threading.Thread(target=lambda: sent.update(site.publish(last, 60 / ASSETS)))
        sender.start()
        read = asyncio.run(site.windows(START_MS + HOUR_MS, ASSETS))
        sender.join()
    late_ms = np.array([1000 * (read[asset] - sent[asset]) for asset in sent])
    half, most = np.percentile(late_ms, [50, 99])
    record(f"latency of a window, 4,000 assets x 70 sensors a minute, {kind}: p50", half, 1000.0, "ms")
    record(f"latency of a window, 4,000 assets x 70 sensors a minute, {kind}: p99", most, 1000.0, "ms")


def recovery(connection: Connection, folder: Path, kind: str) -> None:
    """Measure from kill -9 of a worker with 4,000 assets to the windows of all of them by its successor."""
    site = Site(connection, folder, "recovery", PARTITIONS, state_interval_s=5)
    site.publish(blocks(ASSETS, 4))
    with site.running(1) as workers:
        asyncio.run(site.windows(START_MS + 3 * HOUR_MS, ASSETS))
        time.sleep(12)  # two snapshots
        os.killpg(workers[0].pid, signal.SIGKILL)
        killed, workers[0] = time.time(), site.start()
        site.publish(samples(ASSETS, ASSETS, first_minute=240))
        read = asyncio.run(site.windows(START_MS + 4 * HOUR_MS, ASSETS))
    took_s = max(read.values()) - killed
    record(f"kill -9 of a worker with 4,000 assets to all their windows, {kind}", took_s, 60.0, "s")


def main() -> None:
    """Measure all three."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, broker(Path(folder)) as (kind, connection):
        for measure in (latency, recovery, cost):
            measure(connection, Path(folder), kind)


if __name__ == "__main__":
    main()
