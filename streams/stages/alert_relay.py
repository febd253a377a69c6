"""Beside the cases: alerts are passed on to the topic of commands, so that one log has all that moves a case.

In which order a machine and its people are heard is decided there, once, for everybody who reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from models.errors import RecordError
from streams.kafka.topics import Topics
from streams.stage import Incoming, Outgoing
from streams.wire import codec
from streams.wire.validation import sized


class AlertRelay:
    """Passes one partition of alerts on, byte for byte."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics

    def process(self, received: Sequence[Incoming]) -> Iterator[Outgoing]:
        """Yield each alert as a message of the other topic."""
        for message in received:
            try:
                alert = codec.parsed_alert(sized(message.value))
            except RecordError as error:
                yield codec.dead_letter(self.topics.dead_letters, codec.letter(message, str(error)))
            else:
                value = message.value or b""
                yield Outgoing(self.topics.case_commands, alert.asset.encode(), value, codec.ALERT)
