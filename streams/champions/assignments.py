"""Who scores what: from which offset of a partition on a version has a role.

The first offset of an assignment is written down, and durable, before any message from there on is
processed; so whoever sees a message again scores it with the version that scored it before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.registry.promotion import CHAMPION, Role
from streams.champions.decisions import keep, number_until, recorded_as
from streams.kafka.connection import Connection
from streams.kafka.log_reader import KafkaLog
from streams.records import Assignment, FeatureMark
from streams.stage import Incoming
from streams.wire import codec


class Schedule:
    """The assignments of one partition.

    >>> schedule = Schedule([Assignment(role="champion", version="1", sha256="a", offset=10)])
    >>> schedule.add(Assignment(role="champion", version="2", sha256="b", offset=20))
    >>> [schedule.at(offset, "champion").version for offset in (5, 19, 20)]
    ['1', '1', '2']
    """

    def __init__(self, assignments: Iterable[Assignment] = (), begun: Assignment | None = None) -> None:
        self._assignments: dict[Role, list[Assignment]] = {}
        self._begun = begun
        for assignment in assignments:
            self.add(assignment)

    def add(self, assignment: Assignment) -> None:
        """Take in one assignment; of two that begin at the same offset the later one counts."""
        keep(self._assignments.setdefault(assignment.role, []), assignment)

    def at(self, offset: int, role: Role, fingerprint: str = "") -> Assignment | None:
        """Return who has the role at an offset, None if nobody has; the first champion always was one.

        With a ``fingerprint``: of those who have these features, or never told which; before all of them
        that is whoever's features the partition has ``begun`` with.
        """
        known = self._assignments.get(role, [])
        if fingerprint:
            known = [one for one in known if one.fingerprint in ("", fingerprint)]
        number = number_until(known, offset)
        begun = self._begun
        if number == 0 and role == CHAMPION and begun is not None and begun.fingerprint == fingerprint:
            return begun
        if not known or (number == 0 and role != CHAMPION):
            return None
        return known[max(number - 1, 0)]


def begun_with(marks: Iterable[FeatureMark]) -> Assignment | None:
    """Return who is champion of the features that the first of a partition's marks names, None if nobody is.

    It stands there before any window, whatever was promoted before one was scored.
    """
    first = min(marks, key=lambda mark: mark.offset, default=None)
    computed = first.features[0] if first else None
    if computed is None or not computed.version:
        return None
    return Assignment(
        role=CHAMPION,
        version=computed.version,
        sha256=computed.sha256,
        offset=-1,
        fingerprint=computed.fingerprint,
    )


def recorded(received: Iterable[Incoming]) -> Iterator[Assignment]:
    """Yield the assignments among messages; what should be one and cannot be read is an alarm."""
    return recorded_as(received, codec.ASSIGNMENT, Assignment)


async def read_assignments(
    connection: Connection, topic: str, partitions: int
) -> dict[int, list[Assignment]]:
    """Return the assignments of every partition."""
    log = KafkaLog(connection, topic)
    try:
        return {partition: list(recorded(await log.all(partition))) for partition in range(partitions)}
    finally:
        await log.stop()
