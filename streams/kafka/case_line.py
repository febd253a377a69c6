"""Asking something of a case, and hearing what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from models.cases.book import Answer
from models.cases.people import Command, check
from models.cases.stops import StopCommand
from models.cases.stops import check as check_stop
from models.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.live_reader import Feed
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics, partition_of
from streams.stage import Outgoing
from streams.wire import codec

_ANSWER_S = 10.0


class CaseLine:
    """Sends commands to the cases worker of a broker, each heard or an error."""

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
        return self._asked([command])[0]

    def plan(self, commands: Sequence[StopCommand]) -> list[Answer]:
        """Return what became of commands about planned stops, in their order; raises as `ask` does."""
        for command in commands:
            check_stop(command)
        return self._asked(commands)

    def _asked(self, commands: Sequence[Command | StopCommand]) -> list[Answer]:
        """Send commands together, and wait as long as an answer comes now and then."""
        if not self._has_topics:
            create_topics(self.connection, self.topics, self.partitions)
            self._has_topics = True
        answers: dict[tuple[str, str], Answer] = {}
        missing = {(command.id, command.asset): command for command in commands}
        with Feed(self.connection, [self.topics.case_replies], self.partitions, from_start=False) as feed:
            with Publisher(self.connection, self.answer_s) as publisher:
                for command in commands:
                    home = partition_of(command.asset, self.partitions)
                    publisher.send(home, self._encoded(command))
            until_s = self.clock() + self.answer_s
            while missing and self.clock() < until_s:
                for message in feed.poll(0.2):
                    answer = codec.decode_json(message.value, Answer)
                    place = answer.id, answer.asset
                    if missing.pop(place, None):
                        answers[place], until_s = answer, self.clock() + self.answer_s
        if missing:
            raise self._unanswered(list(missing.values()), len(commands))
        return [answers[command.id, command.asset] for command in commands]

    def _encoded(self, command: Command | StopCommand) -> Outgoing:
        if isinstance(command, StopCommand):
            return codec.stop_command(self.topics.case_commands, command)
        return codec.case_command(self.topics.case_commands, command)

    def _unanswered(self, missing: Sequence[Command | StopCommand], asked: int) -> UnavailableError:
        first = missing[0]
        more = f" and {len(missing) - 1} more of {asked}" if len(missing) > 1 else ""
        return UnavailableError(
            f"{first.action} {first.asset}{more}: no cases worker on {self.connection} answered within "
            f"{self.answer_s:g} s; it does it when it runs"
        )
