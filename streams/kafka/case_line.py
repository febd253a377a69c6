"""Asking something of a case, and hearing what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from models.cases.book import Answer
from models.cases.people import Command, check
from models.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics, partition_of
from streams.wire import codec

_ANSWER_S = 10.0


class CaseLine:
    """Sends commands to the cases worker of a broker, one at a time, each heard or an error."""

    def __init__(
        self,
        connection: Connection,
        topics: Topics,
        partitions: int,
        clock: Callable[[], float] = time.monotonic,
        answer_s: float = _ANSWER_S,
    ) -> None:
        self.connection, self.topics, self.partitions = connection, topics, partitions
        self.clock, self.answer_s = clock, answer_s
        self._has_topics = False

    def ask(self, command: Command) -> Answer:
        """Return what became of a command.

        The first one creates topics that do not exist yet: a broker that does so by itself would give them a
        number of partitions of its own. Raises ConfigError if they have another, RecordError if the command
        makes no sense, and UnavailableError if nobody answers: it may be done all the same once a worker
        runs, and to send it again with the same id does it once.
        """
        check(command)
        if not self._has_topics:
            create_topics(self.connection, self.topics, self.partitions)
            self._has_topics = True
        home = partition_of(command.asset, self.partitions)
        with Feed(self.connection, [self.topics.case_replies], self.partitions, from_start=False) as feed:
            with Publisher(self.connection, self.answer_s) as publisher:
                publisher.send(home, codec.case_command(self.topics.case_commands, command))
            until_s = self.clock() + self.answer_s
            while self.clock() < until_s:
                for message in feed.poll(0.2):
                    answer = codec.decode_json(message.value, Answer)
                    if answer.id == command.id and answer.asset == command.asset:
                        return answer
        raise UnavailableError(
            f"{command.action} {command.asset}: no cases worker on {self.connection} answered within "
            f"{self.answer_s:g} s; it does it when it runs"
        )
