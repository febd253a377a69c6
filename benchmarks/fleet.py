"""A fleet of thousands: cost by size, how late its windows come, how long a killed worker is missed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.load import HOUR_MS, START_MS
from benchmarks.record import record
from benchmarks.stream import FLEET, blocks, broker
from chillcast.settings import Settings
from streams import children, messages
from streams.connection import Connection
from streams.kafka_log import KafkaLog
from streams.messages import Sample, WindowBlock
from streams.publisher import Publisher
from streams.stage import Outgoing
from streams.topics import Topics, create_topics, partition_of

ASSETS, PARTITIONS, MINUTE_MS = 4000, 2, 60_000
VALUES = {s.key: 20.125 + i for i, s in enumerate(FLEET.sensors)}


class Site:
    """Topics, a folder and features workers of one measurement."""

    def __init__(self, connection: Connection, folder: Path, name: str, state_interval_s: int = 60) -> None:
        self.connection, self.topics, self.folder = connection, Topics(f"{name}-"), folder / name
        create_topics(connection, self.topics, PARTITIONS)
        self.folder.mkdir()
        (self.folder / "fleet.json").write_bytes(msgspec.json.encode(FLEET))
        self.settings = Settings(
            home=str(self.folder),
            fleet=str(self.folder / "fleet.json"),
            broker=str(connection),
            partitions=PARTITIONS,
            topic_prefix=self.topics.prefix,
            session_timeout_s=6,
            state_interval_s=state_interval_s,
        )

    def publish(self, load: Iterable[Outgoing], pause_s: float = 0.0) -> dict[str, float]:
        """Send to the partitions of the assets; return when each asset was sent last."""
        sent = {}
        with Publisher(self.connection) as publisher:
            for message in load:
                asset = message.key.decode()
                out = Outgoing(self.topics.telemetry, message.key, message.value, message.content_type)
                publisher.send(partition_of(asset, PARTITIONS), out)
                sent[asset] = time.time()
                if pause_s:
                    time.sleep(pause_s)
        return sent

    def start(self) -> subprocess.Popen[bytes]:
        """Start a worker."""
        words = [sys.executable, "-m", "chillcast", "worker", "features"]
        return children.start(words, self.folder / "log", self.settings.environment())

    async def committed(self, logs: list[KafkaLog]) -> int:
        """Return how many messages are done."""
        return sum([await log.committed(p) or 0 for p, log in enumerate(logs)])

    async def rate(self, count: int) -> float:
        """Return messages a second from the first commit on, until ``count`` are done."""
        group = self.topics.group("features")
        logs = [KafkaLog(self.connection, self.topics.telemetry, group) for _ in range(PARTITIONS)]
        first, started = 0, 0.0
        while (done := await self.committed(logs)) < count:
            if done and not first:
                first, started = done, time.perf_counter()
            await asyncio.sleep(0.02)
        took_s = time.perf_counter() - started
        await asyncio.gather(*(log.stop() for log in logs))
        return (done - first) / took_s

    async def windows(self, end_ms: int, count: int) -> dict[str, float]:
        """Return when the window of each of ``count`` assets that ends at ``end_ms`` could be read."""
        seen: dict[str, float] = {}
        readers = [asyncio.create_task(self._follow(p, end_ms, seen)) for p in range(PARTITIONS)]
        while len(seen) < count:
            await asyncio.sleep(0.01)
        for reader in readers:
            reader.cancel()
        return seen

    async def _follow(self, partition: int, end_ms: int, seen: dict[str, float]) -> None:
        log = KafkaLog(self.connection, self.topics.features)
        async for some in log.read(partition, 0, 1 << 62):
            for message in some:
                if message.content_type == messages.WINDOWS:
                    _note(msgspec.msgpack.decode(message.value or b"", type=WindowBlock), end_ms, seen)


def _note(block: WindowBlock, end_ms: int, seen: dict[str, float]) -> None:
    asset, ends = np.frombuffer(block.asset, "<i4"), np.frombuffer(block.end_ms, "<i8")
    for i in asset[ends == end_ms].tolist():
        seen.setdefault(block.assets[i], time.time())


def minute(number: int) -> Iterator[Outgoing]:
    """Yield a sample of each asset."""
    for i in range(ASSETS):
        sample = Sample(asset=f"u{i}", time=START_MS + number * MINUTE_MS, values=VALUES)
        yield messages.sample("telemetry", sample)


@contextlib.contextmanager
def running(site: Site, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run workers, and stop them."""
    started = [site.start() for _ in range(workers)]
    try:
        yield started
    finally:
        for process in started:
            children.stop(process, 10.0)


def cost(connection: Connection, folder: Path, kind: str) -> None:
    """Measure readings a second by size of the fleet and number of workers."""
    base = 0.0
    for assets, hours in ((1000, 16), (4000, 4), (16000, 2)):
        for workers in (1, 2):
            site = Site(connection, folder, f"cost-{assets}-{workers}")
            site.publish(blocks(assets, hours))
            with running(site, workers):
                found = asyncio.run(site.rate(assets * hours)) * 60 * 70
            base = base or found
            record(f"blocks of 60: {assets} assets, {workers} workers, {kind}", found, base, "readings/s")


def latency(connection: Connection, folder: Path, kind: str) -> None:
    """Measure from sending the sample that closes a window to reading the window, 4,000 assets a minute."""
    site = Site(connection, folder, "latency")
    with running(site, 1):
        for number in (58, 59):
            site.publish(minute(number))
        time.sleep(15)  # let the worker come to the end
        sent: dict[str, float] = {}
        sender = threading.Thread(target=lambda: sent.update(site.publish(minute(60), 60 / ASSETS)))
        sender.start()
        read = asyncio.run(site.windows(START_MS + HOUR_MS, ASSETS))
        sender.join()
    late_ms = np.array([1000 * (read[asset] - sent[asset]) for asset in sent])
    half, most = np.percentile(late_ms, [50, 99])
    record(f"latency of a window, 4,000 assets x 70 sensors a minute, {kind}: p50", half, 1000.0, "ms")
    record(f"latency of a window, 4,000 assets x 70 sensors a minute, {kind}: p99", most, 1000.0, "ms")


def recovery(connection: Connection, folder: Path, kind: str) -> None:
    """Measure from kill -9 of a worker with 4,000 assets to the windows of all of them by its successor."""
    site = Site(connection, folder, "recovery", state_interval_s=5)
    site.publish(blocks(ASSETS, 4))
    with running(site, 1) as workers:
        asyncio.run(site.windows(START_MS + 3 * HOUR_MS, ASSETS))
        time.sleep(12)  # two snapshots
        os.killpg(workers[0].pid, signal.SIGKILL)
        killed, workers[0] = time.time(), site.start()
        site.publish(minute(240))
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
