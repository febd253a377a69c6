"""A worker: one Faust app that runs one stage over the partitions it is given, and loses nothing.

Faust delivers; everything that has to survive a crash is done here, by hand: raw bytes in, `noack_take`,
outputs awaited, then acknowledged. An exception ends the process, and its supervisor starts another.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import faust
from aiokafka import AIOKafkaProducer

from streams.checks import MAX_BYTES
from streams.runner import KafkaLog, Runner, catch_up, contiguous, incoming, open_runner
from streams.stage import Incoming, Outgoing, Stage

log = logging.getLogger(__name__)

OpenStage = Callable[[str, int], Stage]


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker reaches its broker and how much it takes at once."""

    bootstrap: str
    group: str
    sources: tuple[str, ...]
    batch: int = 64
    within_s: float = 0.05
    session_timeout_s: float = 10.0
    data_folder: str = ""


def create_app(options: WorkerOptions) -> faust.App:
    """Return a Faust app with the settings under which no message was lost (see docs/decisions)."""
    return faust.App(
        options.group,
        broker="kafka://" + options.bootstrap,
        datadir=options.data_folder or None,
        agent_supervisor="mode.CrashingSupervisor",
        stream_wait_empty=False,
        stream_buffer_maxsize=256,
        broker_commit_interval=1.0,
        broker_max_poll_interval=21600.0,
        broker_session_timeout=options.session_timeout_s,
        broker_heartbeat_interval=options.session_timeout_s / 5,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_BYTES,
        key_serializer="raw",
        value_serializer="raw",
        table_standby_replicas=0,
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        worker_redirect_stdouts=False,
    )


class Worker:
    """Runs one stage; `run` returns when the process is told to stop, and raises SystemExit on a crash."""

    def __init__(self, options: WorkerOptions, open_stage: OpenStage) -> None:
        self.options, self.open_stage = options, open_stage
        self.app = create_app(options)
        self.producer: AIOKafkaProducer | None = None
        self.lanes = [Lane(self, source) for source in options.sources]
        for lane in self.lanes:
            self._add_agent(lane)
        self.app.on_before_shutdown.connect(self._disconnect)

    def run(self, loglevel: str = "warning") -> None:
        """Start the app and block."""
        faust.Worker(self.app, loglevel=loglevel, quiet=True).execute_from_commandline()

    def _add_agent(self, lane: Lane) -> None:
        topic = self.app.topic(lane.source, key_type=bytes, value_type=bytes)

        async def run(stream: Any) -> None:
            async for events in stream.noack_take(self.options.batch, within=self.options.within_s):
                await lane.handle([incoming(e.message) for e in events])
                for event in events:
                    event.ack()

        self.app.agent(topic, name=f"{self.options.group}.{lane.source}", concurrency=1)(run)

    async def send(self, partition: int, messages: Iterable[Outgoing]) -> None:
        """Write messages to ``partition`` of their topics; returns when the broker has them all."""
        producer = await self._connected()
        pending = [
            await producer.send(
                m.topic, m.value, m.key, partition, headers=[("content-type", m.content_type.encode())]
            )
            for m in messages
        ]
        await asyncio.gather(*pending)

    async def _disconnect(self, *_: Any, **__: Any) -> None:
        for lane in self.lanes:
            await lane.close()
        if self.producer is not None:
            await self.producer.stop()

    async def _connected(self) -> AIOKafkaProducer:
        if self.producer is None:
            self.producer = AIOKafkaProducer(
                bootstrap_servers=self.options.bootstrap,
                acks="all",
                linger_ms=5,
                max_batch_size=262_144,
                max_request_size=MAX_BYTES,
            )
            await self.producer.start()
        return self.producer


class Lane:
    """One source topic of a worker: a runner per partition, and the log to rebuild them from."""

    def __init__(self, worker: Worker, source: str) -> None:
        self.worker, self.source = worker, source
        self.runners: dict[int, Runner] = {}
        self._log: KafkaLog | None = None

    async def handle(self, messages: Sequence[Incoming]) -> None:
        """Process a batch; on return its outputs are written and it may be acknowledged."""
        parts: dict[int, list[Incoming]] = defaultdict(list)
        for message in messages:
            parts[message.partition].append(message)
        for partition, part in parts.items():
            for run in contiguous(part):
                runner, missed = await self._runner(partition, run[0].offset)
                await self.worker.send(partition, [*missed, *runner.take(run)])
            await self.worker.send(partition, await runner.stage.settle())

    async def close(self) -> None:
        """Disconnect from the log."""
        if self._log is not None:
            await self._log.stop()

    async def _runner(self, partition: int, first: int) -> tuple[Runner, list[Outgoing]]:
        log_ = await self._opened_log()
        known = self.runners.get(partition)
        if known is not None:
            return known, await catch_up(log_, known, first)
        stage = self.worker.open_stage(self.source, partition)
        runner, missed = await open_runner(log_, stage, partition, first)
        self.runners[partition] = runner
        return runner, missed

    async def _opened_log(self) -> KafkaLog:
        if self._log is None:
            options = self.worker.options
            self._log = KafkaLog(options.bootstrap, self.source, options.group)
            await self._log.start()
        return self._log
