"""How a challenger fares, as the topics tell it, on a real broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

from chillcast.models.shadowing import judge_shadow
from chillcast.settings import Settings
from streams.kafka.connection import Connection
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.stage import Outgoing
from streams.wire import codec
from tests.loop.drifting_fleet import drifting_fleet
from tests.support.drifted_homes import shadow


def test_a_damaged_message_costs_its_own_figures_alone(tmp_path: Path, bootstrap: str) -> None:
    settings = Settings(home=str(tmp_path), broker=bootstrap, topic_prefix="damaged-shadow-")
    topics, fleet = Topics(settings.topic_prefix), drifting_fleet()
    shadow(settings, "1", "2")
    whole = asyncio.run(judge_shadow(settings, fleet, "2"))
    with Publisher(Connection(bootstrap)) as publisher:
        for topic in (topics.scores, topics.shadow):
            publisher.send(0, Outgoing(topic, b"", b"\x80", codec.SCORES))
        publisher.send(0, Outgoing(topics.events, b"", b"{", codec.EVENT))
    assert asyncio.run(judge_shadow(settings, fleet, "2")) == whole
    assert whole.pairing.windows == 60
