"""A worker: one Faust app that runs one stage over the partitions it is given, and loses nothing.

Faust delivers; everything that has to survive a crash is done here, by hand: raw bytes in, `noack_take`, one
commit per batch and partition, then acknowledged. An exception ends the process, and its supervisor starts
another.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import faust
from aiokafka.errors import ProducerFenced

from models.errors import ChillcastError
from streams.alarms import alarm
from streams.processes.allocator import give_back, share_arenas
from streams.worker.commit import Committer, client_id
from streams.worker.faust_consumer import QuietMonitor, SteadyConsumer, UncommittingConsumer
from streams.worker.health import Health
from streams.worker.lane import Lane, LaneContext, OpenStage, WorkerOptions
from streams.worker.metrics import Metrics

log = logging.getLogger(__name__)

FENCED = 75  # another worker has the partition: nothing may be tidied up
_SEARCH_S, _BEAT_S, _GIVE_BACK_S, _BUFFER = 2.0, 2.0, 30.0, 128


_FAUST: Mapping[str, Any] = {
    "agent_supervisor": "mode.CrashingSupervisor",
    "stream_wait_empty": False,
    "broker_commit_interval": 1.0,
    "broker_max_poll_interval": 21600.0,
    # Without it all that a fetch brought becomes objects at once: of a backlog of small messages, 100 MB.
    "broker_max_poll_records": 1_000,
    "consumer_auto_offset_reset": "earliest",
    "consumer_max_fetch_size": 1024 * 1024,  # of a partition; a larger batch comes whole
    "key_serializer": "raw",
    "value_serializer": "raw",
    "table_standby_replicas": 0,
    "web_enabled": False,
    "topic_disable_leader": True,
    "topic_allow_declare": False,
    "worker_redirect_stdouts": False,
}


class Worker:
    """Runs one stage; `run` returns when the process is told to stop, and raises SystemExit on a crash."""

    def __init__(
        self,
        options: WorkerOptions,
        open_stage: OpenStage,
        committer: Committer,
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
        health: Health | None = None,
    ) -> None:
        self.options, self.committer = options, committer
        self.app = create_app(options, commits=not committer.exactly_once)
        self._group = FaustGroup(self.app)
        context = LaneContext(options, open_stage, committer, metrics, self._group, clock)
        self.lanes = [Lane(context, source) for source in options.sources]
        for lane in self.lanes:
            self._add_agent(lane)
            self._add_search(lane)
        self.health = health or Health(clock)
        self.app.timer(_BEAT_S, name=f"{self.options.group}.beat")(self._beat)
        self.app.timer(_GIVE_BACK_S, name=f"{options.group}.memory")(_give_back)
        self.app.on_before_shutdown.connect(self._disconnect)
        metrics.set_exactly_once(exactly_once=committer.exactly_once)

    def run(self) -> None:
        """Start the app and block; logging stays as it was configured."""
        share_arenas()
        worker = faust.Worker(self.app, quiet=True, redirect_stdouts=False, override_logging=False)
        worker.execute_from_commandline()

    def _add_agent(self, lane: Lane) -> None:
        topic = self.app.topic(lane.source, key_type=bytes, value_type=bytes)

        async def run(stream: Any) -> None:
            async for events in stream.noack_take(self.options.batch, within=self.options.within_s):
                await self._guarded(lane, lane.handle(events))

        self.app.agent(topic, name=f"{self.options.group}.{lane.source}", concurrency=1)(run)

    def _add_search(self, lane: Lane) -> None:
        """Look now and then for messages that lie at the broker, and were never delivered."""

        async def search() -> None:
            await self._guarded(lane, lane.search())

        self.app.timer(_SEARCH_S, name=f"{self.options.group}.{lane.source}.search")(search)

    async def _guarded(self, lane: Lane, work: Awaitable[None]) -> None:
        """Do a lane's work; if that fails, end the process at once.

        While Faust unwinds a crashed agent it acknowledges what is left in the stream, unprocessed, and may
        take half a minute: 105 of 3,840 windows were lost so on a broker without transactions.
        """
        try:
            await work
        except ProducerFenced:
            alarm(f"another worker took over a partition of {lane.source}: ending at once")
            _leave(FENCED)
        except ChillcastError as error:
            alarm(str(error))
            _leave(1)
        except Exception:
            log.exception("a batch of %s could not be processed", lane.source)
            _leave(1)

    async def _beat(self) -> None:
        own = [self._group.partitions(lane.source) for lane in self.lanes]
        self.health.beat(self.lanes, is_assigned=any(own))

    async def _disconnect(self, *_: Any, **__: Any) -> None:
        await asyncio.gather(*(lane.close() for lane in self.lanes))
        await self.committer.close()


async def _give_back() -> None:
    give_back()


def _leave(code: int) -> None:
    logging.shutdown()
    os._exit(code)


class FaustGroup:
    """The group as the app knows it."""

    def __init__(self, app: faust.App) -> None:
        self.app = app

    def generation(self) -> int:
        """Return which assignment of partitions is the newest."""
        return self.app.consumer_generation_id

    def is_ours(self, topic: str, partition: int, generation: int) -> bool:
        """Return whether a partition that was given in a generation of the group is still this worker's."""
        place = faust.types.TP(topic, partition)
        return self.generation() == generation and place in self.app.consumer.assignment()

    def partitions(self, topic: str) -> Sequence[int]:
        """Return the partitions of a topic that this worker has."""
        return sorted(place.partition for place in self.app.consumer.assignment() if place.topic == topic)

    def on_batch(self, topic: str, partition: int, next_offset: int) -> None:
        """Tell the monitor and the consumer how far a partition is done."""
        app: Any = self.app
        place = faust.types.TP(topic, partition)
        app.monitor.on_batch(place)
        app.consumer.done(place, next_offset)

    def end(self, topic: str, partition: int) -> int | None:
        """Return the offset up to which messages may be read, None if that is not known."""
        end: int | None = self.app.consumer.highwater(faust.types.TP(topic, partition))
        return end

    def is_coming(self, topic: str, partition: int) -> bool:
        """Return whether messages of a partition are still to be delivered, or were and are not done."""
        consumer: Any = self.app.consumer
        return bool(consumer.is_behind(faust.types.TP(topic, partition)))


def create_app(options: WorkerOptions, *, commits: bool = True) -> faust.App:
    """Return a Faust app with the settings under which no message was lost (see docs/decisions).

    ``commits``: Faust commits what is acknowledged.
    """
    name = client_id(options.group, exactly_once=not commits)
    app = faust.App(
        options.group,
        broker_client_id=name,
        broker=options.connection.faust_broker(),
        broker_credentials=options.connection.faust_credentials(),
        datadir=options.data_folder or None,
        broker_session_timeout=options.session_timeout_s,
        broker_heartbeat_interval=options.session_timeout_s / 5,
        stream_buffer_maxsize=min(options.batch, _BUFFER),
        Monitor=QuietMonitor,
        consumer_group_instance_id=f"{name}-{options.member}" if options.member else None,
        **_FAUST,
    )
    app.transport.Consumer = SteadyConsumer if commits else UncommittingConsumer  # type: ignore[misc]
    return app
