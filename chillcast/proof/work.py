"""What is asked of crews and what they did: calls, jobs, and the record of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum


@dataclass(frozen=True, slots=True)
class Call:
    """A visit to a machine that is wanted from ``ready_ms`` on.

    One of a case that was ``opened_ms`` for the sake of ``stem`` is needless once that flaw is mended or
    known, or the machine has stopped since; ``stem`` is -1 if the machine had none, and ``opened_ms`` None if
    no case is behind the visit.
    """

    machine: int
    ready_ms: int
    opened_ms: int | None = None
    stem: int = -1


class Kind(IntEnum):
    """What a crew does, the most urgent first."""

    DIAGNOSIS = 0
    EMERGENCY = 1
    REPAIR = 2
    VISIT = 3

    @property
    def is_urgent(self) -> bool:
        """Whether a stopped machine waits for it."""
        return self <= Kind.EMERGENCY


@dataclass(frozen=True, slots=True)
class Job:
    """Work that waits for a crew; ``row`` is that of its luck, ``flaw`` what is mended, -1 if nothing."""

    kind: Kind
    machine: int
    ready_ms: int
    length_ms: int
    row: int = -1
    flaw: int = -1
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A job that a crew worked on in [start_ms, end_ms), and which flaws it found."""

    job: Job
    crew: int
    start_ms: int
    end_ms: int
    found: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Down:
    """A machine that had stopped stood in [from_ms, until_ms); for which flaw, and whether that was known."""

    machine: int
    from_ms: int
    until_ms: int
    flaw: int
    was_known: bool


@dataclass(slots=True)
class Record:
    """What came of a run: jobs in the order they ended, stops, and when flaws were mended before one."""

    done: list[Done] = field(default_factory=list)
    downs: list[Down] = field(default_factory=list)
    averted: list[int] = field(default_factory=list)
    mended: dict[int, int] = field(default_factory=dict)
    needless: int = 0

    def of(self, kind: Kind) -> list[Done]:
        """Return the jobs of one kind."""
        return [d for d in self.done if d.job.kind == kind]
