"""Where a benchmark runs: a broker, and the topics, settings and workers of one measurement."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.load import FLEET
from chillcast.settings import Settings
from models.features.kernel import Kernel, Windows
from models.fleet.config import table_json
from streams.kafka.connection import Connection
from streams.kafka.embedded_broker import EmbeddedBroker
from streams.kafka.log_reader import KafkaLog
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics, partition_of
from streams.processes import children
from streams.stage import Outgoing
from streams.wire import codec
from tests.support.kafkad import KafkaServer, NotHereError

WORKER = ("-m", "chillcast", "worker", "features")
IDLE = ("-m", "benchmarks.idle")
STEADY = (*IDLE, "steady")
UNTRANSACTED = ("-m", "benchmarks.untransacted")
FINGERPRINT = Kernel(FLEET).schema.fingerprint


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[tuple[str, Connection]]:
    """Run Apache Kafka where it can be had, else the embedded broker."""
    try:
        with KafkaServer(folder / "kafka") as server:
            yield "Apache Kafka", Connection(server.bootstrap)
    except NotHereError as error:
        print(f"no Apache Kafka ({error}): the embedded broker takes its place")
        with EmbeddedBroker(folder / "broker.log") as embedded:
            yield "embedded broker", Connection(embedded.bootstrap)


class Rate(NamedTuple):
    """Messages per second, and per second of the workers' processor time, all their threads together."""

    per_s: float
    per_core_s: float


class Site:
    """Topics of their own, and a folder with the fleet."""

    def __init__(
        self, connection: Connection, folder: Path, name: str, partitions: int, state_interval_s: int = 60
    ) -> None:
        self.connection, self.partitions = connection, partitions
        self.topics, self.folder = Topics(f"{name}-"), folder / name
        create_topics(connection, self.topics, partitions)
        self.folder.mkdir()
        fleet = self.folder / "fleet.json"
        fleet.write_bytes(table_json(FLEET))
        self.settings = Settings(
            home=str(self.folder),
            fleet=str(fleet),
            broker=str(connection),
            partitions=partitions,
            topic_prefix=self.topics.prefix,
            session_timeout_s=6,
            state_interval_s=state_interval_s,
        )

    def publish(self, load: Iterable[Outgoing], pause_s: float = 0.0) -> dict[str, float]:
        """Send messages to the partitions of their assets; return when each asset was sent last."""
        sent = {}
        with Publisher(self.connection) as publisher:
            for message in load:
                asset = message.key.decode()
                out = Outgoing(self.topics.telemetry, message.key, message.value, message.content_type)
                publisher.send(partition_of(asset, self.partitions), out)
                sent[asset] = time.time()
                if pause_s:
                    time.sleep(pause_s)
        return sent

    def start(self, words: Iterable[str] = WORKER) -> subprocess.Popen[bytes]:
        """Start a worker, or whatever Python is told by ``words``."""
        return children.start([sys.executable, *words], self.folder / "log", self.settings.environment())

    @contextlib.contextmanager
    def running(self, workers: int, words: Iterable[str] = WORKER) -> Iterator[list[subprocess.Popen[bytes]]]:
        """Run workers, and stop those that are in the list at the end."""
        started = [self.start(words) for _ in range(workers)]
        try:
            yield started
        finally:
            for process in started:
                children.stop(process, 10.0)

    async def rate(self, count: int, workers: Sequence[subprocess.Popen[bytes]], known: int = 0) -> Rate:
        """Return messages a second from the first commit to the last but one before ``count`` are done.

        Of ``known`` messages, which are done before, none counts.

        What is acknowledged is committed once a second without transactions: the last one may wait for long.
        """
        seen: list[tuple[int, float, float]] = []
        async for done in self._done(count):
            if done >= known and done != (seen[-1][0] if seen else 0):
                seen.append((done, time.perf_counter(), sum(_processor_s(w.pid) for w in workers)))
        (first, started, before_s), (last, ended, after_s) = seen[0], seen[-1]
        return Rate((last - first) / (ended - started), (last - first) / (after_s - before_s))

    async def done(self, count: int) -> None:
        """Return when ``count`` messages are done, and committed."""
        async for _ in self._done(count):
            pass

    async def _done(self, count: int) -> AsyncIterator[int]:
        """Yield how many messages are done, again and again, until ``count`` are."""
        async with self._logs(self.topics.telemetry, self.topics.group("features")) as logs:
            while (done := sum([await log.committed(p) or 0 for p, log in enumerate(logs)])) < count:
                yield done
                await asyncio.sleep(0.01)

    async def ends(self) -> list[int]:
        """Return where each partition of features ends: who reads on from there need not catch up."""
        async with self._logs(self.topics.features) as logs:
            return [await log.end(p) for p, log in enumerate(logs)]

    async def windows(self, end_ms: int, count: int, since: Sequence[int]) -> dict[str, float]:
        """Return when the window of each of ``count`` assets that ends at ``end_ms`` could be read.

        Read are the partitions from the offsets ``since`` on.
        """
        seen: dict[str, float] = {}
        async with self._logs(self.topics.features) as logs:
            places = zip(logs, range(self.partitions), since, strict=True)
            readers = [asyncio.create_task(_follow(*place, end_ms, seen)) for place in places]
            while len(seen) < count:
                done, _ = await asyncio.wait(readers, timeout=0.01)
                for reader in done:
                    reader.result()  # it ends by an error only
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        return seen

    @contextlib.asynccontextmanager
    async def _logs(self, topic: str, group: str | None = None) -> AsyncIterator[list[KafkaLog]]:
        """Open the topic once for each partition."""
        logs = [KafkaLog(self.connection, topic, group) for _ in range(self.partitions)]
        try:
            yield logs
        finally:
            await asyncio.gather(*(log.stop() for log in logs))


def _processor_s(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _follow(log: KafkaLog, partition: int, start: int, end_ms: int, seen: dict[str, float]) -> None:
    async for some in log.read(partition, start, 1 << 62):
        for message in some:
            record = codec.decode_features(message.value, message.content_type, FINGERPRINT)
            if isinstance(record, Windows):
                for i in record.asset[record.end_ms == end_ms].tolist():
                    seen.setdefault(record.assets[i], time.time())
