"""The record on its whole way: file, topic, sink, store."""

from __future__ import annotations

import time
import uuid
from pathlib import Path

import pytest

from chillcast.pipeline.record_telling import relay_of, telling_the_record
from chillcast.resources import Resources
from chillcast.settings import Settings
from models.fleet.fleet import load_fleet
from streams.access.audit import Deed
from streams.access.roles import Person
from streams.kafka.live_reader import Feed
from streams.kafka.topics import Topics, create_topics
from streams.stage import Incoming
from streams.stages.sink import SinkStage
from streams.stores.store import Row, Store
from tests.support.stores import STORES, opened
from tests.support.sunk import settled

SERVICE = Person("retrain", "data-scientist", "service")


@pytest.fixture
def resources(tmp_path: Path, bootstrap: str) -> Resources:
    settings = Settings(
        home=str(tmp_path / "home"), broker=bootstrap, topic_prefix=f"{uuid.uuid4().hex}.", partitions=1
    )
    return Resources(settings, load_fleet(settings.fleet_path))


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return opened(request, tmp_path)


def heard(resources: Resources, many: int) -> list[Incoming]:
    """Return so many messages of the topic, or those that have come within ten seconds."""
    settings = resources.settings
    topic, found = Topics(settings.topic_prefix).record, list[Incoming]()
    until_s = time.monotonic() + 10
    with Feed(settings.connection, [topic], 1, from_start=True) as feed:
        while len(found) < many and time.monotonic() < until_s:
            found += feed.poll(0.1)
    return found


def stored(resources: Resources, store: Store, messages: list[Incoming]) -> list[Row]:
    topics = Topics(resources.settings.topic_prefix)
    assert settled(SinkStage(store, topics), *messages) == []
    return sorted(store.latest("record"), key=lambda row: row.time_ms)


def test_a_line_is_once_in_the_store_however_often_it_is_told(resources: Resources, store: Store) -> None:
    for about in ("retraining 1 of chiller", "model 3 of chiller", "user ann"):
        resources.audit.write(SERVICE, Deed("touch", about, "done", "drift, 5 machines"))
    assert relay_of(resources).tell() == 2
    with resources.audit.database.changing() as changing:
        changing.execute("DELETE FROM told")
    assert relay_of(resources).tell() == 2
    messages = heard(resources, 4)
    assert [message.key for message in messages[:2]] == [message.key for message in messages[2:]]
    once = stored(resources, store, messages[:2])
    again = stored(resources, store, messages)
    assert once == again
    assert [(row.tags["kind"], row.tags["fleet"]) for row in again] == [
        ("retraining", "chiller"),
        ("models", "chiller"),
    ]
    assert again[0].fields["detail"] == "drift, 5 machines"
    assert [row.fields["number"] for row in again] == [1.0, 2.0]


def test_as_long_as_it_is_open_what_is_written_is_told(resources: Resources) -> None:
    settings = resources.settings
    create_topics(settings.connection, Topics(settings.topic_prefix), settings.partitions)
    with telling_the_record(resources):
        resources.audit.write(SERVICE, Deed("gate", "model 3 of chiller", "refused", "recall"))
        (message,) = heard(resources, 1)
    assert b"recall" in (message.value or b"")
