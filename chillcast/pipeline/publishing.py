"""Sending a source into a pipeline, never far ahead of the workers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.pipeline.steering import steered
from chillcast.settings import Settings
from chillcast.terminal.keyboard import Keyboard
from chillcast.terminal.reporter import Meter, Reporter
from models.errors import UnavailableError
from models.fleet.fleet import Fleet
from models.telemetry.samples import TimeSlice
from simulators.replay.player import MAX, Open, Player, Steering
from streams.kafka.cluster import Cluster, connected
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import Control

_AHEAD_ROWS = 100_000
_AHEAD_BYTES = 64 * 1024 * 1024
_ASK_S = 1.0


def ahead_of(hop_s: int, rows_per_hop: float) -> int:
    """Return how far publishing may run ahead, in ms of event time: about 100,000 rows, 8 to 1,000 hops."""
    return int(min(max(_AHEAD_ROWS / max(rows_per_hop, 1.0), 8), 1_000)) * hop_s * 1000


@dataclass(frozen=True, slots=True)
class Playing:
    """What is played: a source over [start_ms, end_ms), how fast, and how much goes into a message."""

    title: str
    open_at: Open
    start_ms: int
    end_ms: int
    speed: float = MAX
    batch_s: int | None = None


class Ahead:
    """Whether a batch is more than ``ahead_ms`` of event time ahead of where the workers are."""

    def __init__(self, done_ms: Callable[[], int], ahead_ms: int) -> None:
        self._done_ms, self._ahead_ms, self._first_ms = done_ms, ahead_ms, 0

    def began(self, end_ms: int) -> None:
        """Count from here: what was not sent cannot be done."""
        self._first_ms = end_ms

    def __call__(self, end_ms: int) -> bool:
        """Return whether to wait."""
        return end_ms - max(self._done_ms(), self._first_ms) > self._ahead_ms


class GroupLag:
    """Whether the group that reads telemetry is more than 64 MiB behind; it is asked once a second.

    A group that never committed anything has no worker yet: nobody is waited for. One that did is waited for
    also while no worker runs, so that a broker is not flooded behind the back of a crash. A broker that does
    not answer is waited for.
    """

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        publisher: Publisher,
        alarm: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster, self._group, self._publisher, self._alarm = cluster, group, publisher, alarm
        self._clock, self._asked = clock, -_ASK_S
        self._idle = self._away = False
        self.lag = 0

    def __call__(self, _: int) -> bool:
        """Return whether to wait."""
        if self._clock() - self._asked >= _ASK_S:
            self._asked = self._clock()
            self._ask()
        return self._away or self.lag * self._publisher.mean_bytes > _AHEAD_BYTES

    def _ask(self) -> None:
        try:
            status = self._cluster.group(self._group)
        except UnavailableError as error:
            if not self._away:
                self._alarm(f"{error}; waiting for it")
            self._away = True
            return
        if self._away:
            self._alarm(f"Kafka broker {self._cluster.address} answers again; going on")
        self._away = False
        self.lag = status.lag if status.committed else 0
        self._warn(status.state in ("Empty", "Dead") and self.lag > 0)

    def _warn(self, idle: bool) -> None:
        if idle and not self._idle:
            self._alarm(f"no worker takes what group {self._group} has left, {self.lag} messages")
        self._idle = idle


class BackgroundReplay:
    """Publishes a source from a thread; `raise_failure` tells the main thread what went wrong there.

    ``done_ms`` says how far the workers have come in event time; publishing waits while it is more than
    ``ahead_ms`` behind, so that neither broker nor memory fills up.
    """

    def __init__(
        self,
        playing: Playing,
        fleet: Fleet,
        *,
        connection: Connection,
        topics: Topics,
        partitions: int,
        done_ms: Callable[[], int],
        ahead_ms: int,
        reporter: Reporter | None = None,
    ) -> None:
        self.playing, self.fleet, self._reporter = playing, fleet, reporter
        self.connection, self.topics, self.partitions = connection, topics, partitions
        self._ahead = Ahead(done_ms, ahead_ms)
        self._told: Callable[[], Sequence[Control]] = tuple
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self._stack = ExitStack()
        report = reporter.line if reporter else lambda _: None
        steering = Steering(playing.speed, self._commands, self._ahead, report, self._ahead.began)
        self.player = Player(playing.open_at, steering)
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    def __enter__(self) -> BackgroundReplay:
        """Start; with a reporter, the keyboard and the control topic steer."""
        if self._reporter:
            keyboard = Keyboard(lambda: self.player.position_ms, self.playing.speed)
            place = self.connection, self.topics, self.partitions
            self._told = self._stack.enter_context(steered(*place, keyboard, self._reporter))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(timeout=10)
        self._stack.close()

    def raise_failure(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        try:
            with Publisher(self.connection) as publisher:
                self.player.play(
                    self.fleet,
                    partitions=self.partitions,
                    telemetry=self.topics.telemetry,
                    send=publisher.send,
                    batch_s=self.playing.batch_s,
                )
        except _AbandonedError:
            return
        except Exception as error:  # noqa: BLE001  (whatever it is, the main thread raises it)
            self._failure = error

    def _commands(self) -> Sequence[Control]:
        if self._stopping.is_set():
            raise _AbandonedError
        return self._told()


class _AbandonedError(Exception):
    """The main thread wants no more."""


def publish(settings: Settings, fleet: Fleet, playing: Playing, reporter: Reporter) -> int:
    """Send a source to the configured broker, where somebody else's workers take it; return the messages."""
    wait_for_configured_broker(settings, reporter.alarm)
    topics, connection, partitions = Topics(settings.topic_prefix), settings.connection, settings.partitions
    create_topics(connection, topics, partitions)
    with ExitStack() as stack:
        advance = stack.enter_context(reporter.step(playing.title))
        publisher = stack.enter_context(Publisher(connection, None, reporter.alarm))
        cluster = stack.enter_context(connected(connection))
        lag = GroupLag(cluster, topics.group("features"), publisher, reporter.alarm, reporter.clock)
        keyboard = Keyboard(lambda: player.position_ms, playing.speed)
        commands = stack.enter_context(steered(connection, topics, partitions, keyboard, reporter))
        meter = Meter(playing.start_ms, playing.end_ms, advance, reporter.clock)

        def open_at(from_ms: int | None) -> Iterator[TimeSlice]:
            return meter.watching(playing.open_at(from_ms), lambda: f"lag {lag.lag:,} messages")

        player = Player(open_at, Steering(playing.speed, commands, lag, reporter.line))
        send, batch_s = publisher.send, playing.batch_s
        player.play(fleet, partitions=partitions, telemetry=topics.telemetry, send=send, batch_s=batch_s)
        publisher.flush()
    return publisher.sent
