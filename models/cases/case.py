"""A case as it stands, and what was done to it, entry by entry."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from models.event_time import DAY_MS
from models.risk.explanation import Cause, Mode, Reason

Outcome = Literal[
    "confirmed",
    "confirmed-other",
    "early-degradation",
    "no-fault-found",
    "sensor-fault",
    "known-operational",
    "not-inspected",
]
OUTCOMES: tuple[str, ...] = get_args(Outcome)
NOT_INSPECTED = "not-inspected"
STATES = ("new", "acknowledged", "snoozed", "resolved", "ended")
Until = Literal["date", "worse", "cleared"]
SEVERITIES = ("warning", "critical")
CLASSES_D = (30.0, 14.0, 7.0, 2.0)
"""Time left in classes of response: a month, two weeks, this week, now."""


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Who did something, and when by their clock."""

    who: str
    time_ms: int


class Assigned(Mark, frozen=True):
    """To whom a case was given."""

    name: str


class Snooze(Mark, frozen=True):
    """Until when a case is quiet: a ``date``, until it gets ``worse``, or until it is ``cleared``.

    ``until_ms`` belongs to a date, which is event time.
    """

    until: Until
    until_ms: int = 0


class Finding(Mark, frozen=True):
    """What was found at the machine: ``as_of_ms`` is the event time up to which it had been looked at."""

    outcome: Outcome
    as_of_ms: int
    mode: str = ""
    cause: str = ""
    remedy: str = ""
    downtime_h: float | None = None
    parts: str = ""
    text: str = ""

    @property
    def is_label(self) -> bool:
        """Whether it says anything of the machine."""
        return self.outcome != NOT_INSPECTED


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A planned stop of a machine in [from, until); ``time_ms`` is the clock of whoever entered it."""

    plan: str
    from_ms: int
    until_ms: int
    time_ms: int

    def covers(self, now_ms: int) -> bool:
        """Return whether the machine is stopped at a time."""
        return self.from_ms <= now_ms < self.until_ms


class Level(msgspec.Struct, frozen=True):
    """How urgent a case is: its severity, and the class of the time left, both higher if worse.

    >>> Level.of("warning", 5.0), Level.of("critical", 1.0)
    (Level(severity=0, time_left=3), Level(severity=1, time_left=4))
    """

    severity: int
    time_left: int

    @classmethod
    def of(cls, severity: str, latest_d: float) -> Level:
        """Return the level of a severity in words, and the days within which the outcome is likely."""
        rank = SEVERITIES.index(severity) if severity in SEVERITIES else 0
        return cls(rank, sum(latest_d <= days for days in CLASSES_D))

    def exceeds(self, other: Level) -> bool:
        """Return whether either part is worse."""
        return self.severity > other.severity or self.time_left > other.time_left

    def with_worst_of(self, other: Level) -> Level:
        """Return the worse of each part."""
        return Level(max(self.severity, other.severity), max(self.time_left, other.time_left))


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says of the machine, as of ``time_ms``; the outcome is likely in [from, until]."""

    time_ms: int
    severity: str
    risk: float
    threshold: float
    horizon_d: float
    text: str
    fault: str
    check: str
    model: str
    from_ms: int = 0
    until_ms: int = 0
    sensors: tuple[Reason, ...] = ()
    causes: tuple[Cause, ...] = ()
    modes: tuple[Mode, ...] = ()

    @property
    def level(self) -> Level:
        """How urgent it is; without a span the severity alone tells."""
        latest_d = (self.until_ms - self.time_ms) / DAY_MS if self.until_ms else float("inf")
        return Level.of(self.severity, latest_d)


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A case of one machine: what the machine does, and apart from it what people did.

    ``opened_ms`` is its first opening and ``episode_ms`` its last of ``openings``, of which ``recent_ms`` are
    the last few. ``active`` says whether the machine stands in it, since ``changed_ms``, and ``ended`` why it
    does not. ``level`` is what was said last, ``calm`` on how many days in a row it was less. A resolution
    must have seen ``solid_version``. ``stops`` are planned, and were not over when the case last changed.
    """

    case: str
    asset: str
    version: int
    opened_ms: int
    episode_ms: int
    changed_ms: int
    openings: int
    recent_ms: tuple[int, ...]
    active: bool
    level: Level
    evidence: Evidence
    ended: str = ""
    acknowledged: Mark | None = None
    assigned: Assigned | None = None
    snoozed: Snooze | None = None
    resolved: Finding | None = None
    solid_version: int = 0
    calm: int = 0
    stops: tuple[Stop, ...] = ()

    @property
    def is_taken(self) -> bool:
        """Whether somebody works on it."""
        return self.acknowledged is not None or self.assigned is not None

    @property
    def is_open(self) -> bool:
        """Whether there is something to do: nobody said what it was, and it stands or somebody is at it."""
        return self.resolved is None and (self.active or self.is_taken)

    @property
    def severity(self) -> str:
        """The severity that was said last."""
        return SEVERITIES[self.level.severity]

    def stop_at(self, now_ms: int) -> Stop | None:
        """Return the planned stop of the machine at a time, that which ends last; None if there is none."""
        found = [stop for stop in self.stops if stop.covers(now_ms)]
        return max(found, key=lambda stop: stop.until_ms, default=None)

    def state(self, now_ms: int | None = None) -> str:
        """Return one word: new, acknowledged, snoozed, resolved, or ended by itself."""
        if self.resolved is not None:
            return "resolved"
        if not self.is_open:
            return "ended"
        if self.snoozed is not None and not has_ended(self.snoozed, now_ms):
            return "snoozed"
        return "acknowledged" if self.acknowledged else "new"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a case's history: what led to ``version``, and who did it; the machine is nobody.

    ``notifies``: somebody is to hear of it.
    """

    case: str
    asset: str
    version: int
    kind: str
    time_ms: int
    who: str = ""
    text: str = ""
    severity: str = ""
    from_ms: int = 0
    until_ms: int = 0
    notifies: bool = False
    assignee: str = ""
    snoozed: Snooze | None = None
    finding: Finding | None = None
    stop: Stop | None = None


def has_ended(snooze: Snooze, now_ms: int | None) -> bool:
    """Return whether a date has come."""
    return snooze.until == "date" and now_ms is not None and now_ms >= snooze.until_ms
