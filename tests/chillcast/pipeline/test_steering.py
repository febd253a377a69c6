"""Whoever sends a command to the replays of a broker learns whether one heard it."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Iterator

import pytest

from chillcast.pipeline.steering import send_control, steered
from chillcast.settings import Settings
from chillcast.terminal.keyboard import Keyboard
from chillcast.terminal.reporter import Reporter
from models.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.topics import Topics, create_topics
from streams.records import Control


@pytest.fixture
def settings(bootstrap: str, request: pytest.FixtureRequest) -> Settings:
    mine = Settings(broker=bootstrap, topic_prefix=f"{request.node.name}.")
    create_topics(mine.connection, Topics(mine.topic_prefix), mine.partitions)
    return mine


@pytest.fixture
def obeyed(settings: Settings) -> Iterator[list[Control]]:
    """Return what a replay is told that listens meanwhile."""
    found: list[Control] = []
    listening, over = threading.Event(), threading.Event()

    def listen() -> None:
        place = Connection(settings.broker), Topics(settings.topic_prefix), settings.partitions
        with steered(*place, Keyboard(lambda: 0, 1.0), Reporter()) as commands:
            listening.set()
            while not over.wait(0.05):
                found.extend(commands())

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(30)
    yield found
    over.set()
    thread.join(30)


def test_a_replay_that_listens_says_that_it_heard(settings: Settings, obeyed: list[Control]) -> None:
    (who,) = send_control(settings, "pause", None)
    assert who.startswith(f"process {os.getpid()} on ")
    assert [control.command for control in obeyed] == ["pause"]


def test_a_command_that_no_replay_hears_is_an_error(settings: Settings) -> None:
    ticks = itertools.count(0.0, 6.0)
    with pytest.raises(UnavailableError, match=r"pause: no replay on .* answered within 10 s"):
        send_control(settings, "pause", None, clock=lambda: next(ticks))
