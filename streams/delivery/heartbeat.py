"""The clock of delivery on its log: a beat every few seconds, and how attempts ended."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator

from models.delivery.notice import Beat, Report
from streams.alarms import alarm
from streams.kafka.publisher import Publisher
from streams.kafka.topics import NOTICES_HOME, Topics
from streams.wire import codec

log = logging.getLogger(__name__)


class Heartbeat:
    """Writes beats and reports to the topic of notices, each durable when a call returns.

    A broker that is away is waited for, with an alarm.
    """

    def __init__(
        self, publisher: Publisher, topics: Topics, now_ms: Callable[[], int], period_s: float = 5.0
    ) -> None:
        self.publisher, self.topics, self.now_ms, self.period_s = publisher, topics, now_ms, period_s
        self.by, self.number = uuid.uuid4().hex, 0
        self._ended = threading.Event()

    def start(self) -> None:
        """Beat from now on."""
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def report(self, report: Report) -> None:
        """Write down how an attempt ended."""
        self.publisher.send(NOTICES_HOME, codec.report(self.topics.notices, report))
        self.publisher.flush()

    def beat(self) -> None:
        """Say what time it is."""
        self.number += 1
        beat = Beat(by=self.by, number=self.number, time_ms=self.now_ms())
        self.publisher.send(NOTICES_HOME, codec.beat(self.topics.notices, beat))
        self.publisher.flush()

    def _run(self) -> None:
        with ending_the_process():
            while not self._ended.wait(self.period_s if self.number else 0.0):
                self.beat()


@contextlib.contextmanager
def ending_the_process() -> Iterator[None]:
    """End the process if a thread fails: without it nothing would be delivered, and nobody would know."""
    try:
        yield
    except BaseException:
        log.exception("a thread of delivery failed")
        alarm("a thread of delivery failed, see the log: ending, to be started again")
        logging.shutdown()
        os._exit(1)
