"""The record of changes on its way to the broker, from where the sink takes it to the store."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

from chillcast.resources import Resources
from streams.access.record_relay import RecordRelay, keep_telling
from streams.alarms import alarm
from streams.kafka.publisher import Publisher
from streams.kafka.topics import RECORD_HOME, Topics, create_topics
from streams.records import Recorded
from streams.wire import codec

_PATIENCE_S = 10.0


@contextlib.contextmanager
def telling_the_record(resources: Resources) -> Iterator[None]:
    """Tell the record in a thread as long as this is open; without a broker it is told to nobody."""
    settings, ended = resources.settings, threading.Event()
    if settings.broker:
        told = relay_of(resources), alarm, ended
        threading.Thread(target=keep_telling, args=told, name="record", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def relay_of(resources: Resources) -> RecordRelay:
    """Return what tells the record of the settings to the topic of their broker."""
    settings, topics = resources.settings, Topics(resources.settings.topic_prefix)

    def send(lines: Sequence[Recorded]) -> None:
        create_topics(settings.connection, topics, settings.partitions)
        with Publisher(settings.connection, _PATIENCE_S) as publisher:
            for line in lines:
                publisher.send(RECORD_HOME, codec.recorded(topics.record, line))

    return RecordRelay(resources.audit, f"{settings.broker} {topics.record}", send)
