"""Who steers a running replay: the keyboard of its terminal, and the control topic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import get_args, get_type_hints

from chillcast.pipeline.pipeline import wait_for_configured_broker
from chillcast.settings import Settings
from chillcast.terminal.keyboard import HELP, Keyboard
from chillcast.terminal.reporter import Reporter
from models.errors import ConfigError, RecordError
from simulators.replay.player import MAX, parse_speed
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics
from streams.records import Control
from streams.wire.codec import control, parsed_control
from streams.wire.validation import parse_time

Commands = Callable[[], list[Control]]

_KNOWN = get_args(get_type_hints(Control)["command"])


@contextmanager
def steered(
    connection: Connection, topics: Topics, partitions: int, keyboard: Keyboard, reporter: Reporter
) -> Iterator[Commands]:
    """Yield what returns the commands given since it was last called."""
    with keyboard, Feed(connection, (topics.control,), partitions, from_start=False) as feed:
        if keyboard.listens:
            reporter.line(HELP)
        yield lambda: [*keyboard(), *_received(feed, reporter)]


def _received(feed: Feed, reporter: Reporter) -> list[Control]:
    found = []
    for message in feed.poll(0.0):
        try:
            found.append(parsed_control(message.value))
        except RecordError as error:
            reporter.alarm(f"command on {message.topic} ignored: {error}")
    return found


def send_control(settings: Settings, command: str, value: str | None) -> None:
    """Send a command to the replays that run on the configured broker.

    Raises ConfigError if it makes no sense.
    """
    message = control(Topics(settings.topic_prefix).control, _meant(command, value))
    wait_for_configured_broker(settings, lambda _: None)
    with Publisher(settings.connection) as publisher:
        publisher.send(0, message)


def _meant(command: str, value: str | None) -> Control:
    match command:
        case "seek":
            return Control(command="seek", time=_checked_time(value))
        case "speed":
            speed = parse_speed(value or "", "speed")
            return Control(command="speed", speed=0.0 if speed == MAX else speed)
        case "pause" | "resume" | "stop" if value is None:
            return Control(command=command)
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
