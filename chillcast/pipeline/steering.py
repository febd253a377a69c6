"""Who steers a running replay: the keyboard of its terminal, and the control topic."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import get_args, get_type_hints

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.settings import Settings
from chillcast.terminal.keyboard import HELP, Keyboard
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError, RecordError, UnavailableError
from simulators.replay.player import MAX, parse_speed
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.records import Control, Heard
from streams.wire.codec import HEARD, control, decode_json, heard, parsed_control
from streams.wire.validation import parse_time

Commands = Callable[[], list[Control]]

_ANSWER_S = 10.0
_OTHERS_S = 1.0
_KNOWN = get_args(get_type_hints(Control)["command"])


@contextmanager
def steered(
    connection: Connection, topics: Topics, partitions: int, keyboard: Keyboard, reporter: Reporter
) -> Iterator[Commands]:
    """Yield what returns the commands given since it was last called."""
    with keyboard, Feed(connection, (topics.control,), partitions, from_start=False) as feed:
        if keyboard.listens:
            reporter.line(HELP)

        def received() -> list[Control]:
            found = _received(feed, reporter)
            named = [control.id for control in found if control.id]
            if named:
                _answer(connection, topics, named, reporter)
            return found

        yield lambda: [*keyboard(), *received()]


def _answer(connection: Connection, topics: Topics, named: Sequence[str], reporter: Reporter) -> None:
    """Say that commands were heard; a replay goes on if it cannot."""
    who = f"process {os.getpid()} on {socket.gethostname()}"
    try:
        with Publisher(connection, _ANSWER_S, reporter.alarm) as publisher:
            for name in named:
                publisher.send(0, heard(topics.control, Heard(id=name, replay=who)))
    except UnavailableError as error:
        reporter.alarm(f"command on {topics.control} heard, but not answered: {error}")


def _received(feed: Feed, reporter: Reporter) -> list[Control]:
    found = []
    for message in feed.poll(0.0):
        if message.content_type == HEARD:
            continue
        try:
            found.append(parsed_control(message.value))
        except RecordError as error:
            reporter.alarm(f"command on {message.topic} ignored: {error}")
    return found


def send_control(
    settings: Settings, command: str, value: str | None, clock: Callable[[], float] = time.monotonic
) -> list[str]:
    """Send a command to the replays that run on the configured broker; return who heard it.

    Raises ConfigError if it makes no sense, UnavailableError if no replay answers within ten seconds.
    """
    topics, meant = Topics(settings.topic_prefix), _meant(command, value, uuid.uuid4().hex)
    wait_for_configured_broker(settings, lambda _: None)
    create_topics(settings.connection, topics, settings.partitions)
    with Feed(settings.connection, (topics.control,), settings.partitions, from_start=False) as feed:
        with Publisher(settings.connection) as publisher:
            publisher.send(0, control(topics.control, meant))
        found = _answers(feed, meant.id, clock)
    if not found:
        raise UnavailableError(
            f"{command}: no replay on {settings.broker} answered within {_ANSWER_S:.0f} s: none runs there"
        )
    return found


def _answers(feed: Feed, wanted: str, clock: Callable[[], float]) -> list[str]:
    """Return who heard a command: all that answer within a second of the first."""
    found: list[str] = []
    until_s = clock() + _ANSWER_S
    while clock() < until_s:
        messages = [m for m in feed.poll(0.2) if m.content_type == HEARD]
        answers = [decode_json(m.value, Heard) for m in messages]
        new = [answer.replay for answer in answers if answer.id == wanted]
        if new and not found:
            until_s = clock() + _OTHERS_S
        found += new
    return found


def _meant(command: str, value: str | None, name: str) -> Control:
    match command:
        case "seek":
            return Control(command="seek", time=_checked_time(value), id=name)
        case "speed":
            speed = parse_speed(value or "", "speed")
            return Control(command="speed", speed=0.0 if speed == MAX else speed, id=name)
        case "pause" | "resume" | "stop" if value is None:
            return Control(command=command, id=name)
    if command in _KNOWN:
        raise ConfigError("command line", command, value, "no value")
    raise ConfigError("command line", "command", command, f"one of {', '.join(_KNOWN)}")


def _checked_time(text: str | None) -> str:
    try:
        parse_time(text or "")
    except RecordError as error:
        expected = "a time to seek to: ISO 8601 with an offset, or UTC ms"
        raise ConfigError("command line", "seek", text, expected) from error
    return text or ""
