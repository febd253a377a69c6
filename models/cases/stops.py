"""Planned stops of one machine: entered by people, ended early or cancelled; what holds when.

A site's plan is one command per machine, all of one plan. Event time decides: what happens within a stop is
held, whenever it is heard of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from models.cases.case import Case, Mark, Stop
from models.cases.machine import Moves
from models.errors import RecordError, RefusedError
from models.event_time import DAY_MS, LATEST_MS

MAX_WORDS = 500
LONGEST_D = 366
MOST = 20
"""So many stops of a machine lie ahead at most; so many that are over are known, for late events."""
_KEPT_MS = 7 * DAY_MS
_OLDEST_MS = 31 * DAY_MS
_Name = Annotated[str, Meta(min_length=1, max_length=128)]


class StopCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks of one machine: to ``plan`` a stop in [from, until), or to ``cancel`` it.

    ``id`` tells it from every other, so that what is sent twice is done once; ``plan`` is the name that the
    machines of a ``site`` share. ``time_ms`` is the clock of ``who``, ``as_of_ms`` the event time up to which
    they saw the machines, 0 if that is the same.
    """

    id: _Name
    asset: _Name
    plan: _Name
    action: Literal["plan", "cancel"]
    who: _Name
    time_ms: int
    as_of_ms: int = 0
    from_ms: int = 0
    until_ms: int = 0
    text: Annotated[str, Meta(max_length=MAX_WORDS)] = ""
    site: Annotated[str, Meta(max_length=128)] = ""

    @property
    def seen_ms(self) -> int:
        """The event time up to which the machines had been seen."""
        return self.as_of_ms or self.time_ms


class PlannedStop(msgspec.Struct, frozen=True, kw_only=True):
    """A stop of one machine in [from, until), as it is planned now.

    ``cancelled`` says who ended it before ``planned_until_ms``; one that had not begun is empty since then.
    No two stops of a machine have the same ``time_ms``, when ``who`` entered it.
    """

    plan: str
    asset: str
    from_ms: int
    until_ms: int
    planned_until_ms: int
    who: str
    time_ms: int
    text: str = ""
    site: str = ""
    cancelled: Mark | None = None

    @property
    def span(self) -> Stop:
        """What a case carries of it."""
        return Stop(plan=self.plan, from_ms=self.from_ms, until_ms=self.until_ms, time_ms=self.time_ms)

    @property
    def is_none(self) -> bool:
        """Whether it was cancelled before it had begun."""
        return self.until_ms == self.from_ms

    @property
    def shown_until_ms(self) -> int:
        """Its end; of one that was cancelled before it had begun, the end that was planned."""
        return self.planned_until_ms if self.is_none else self.until_ms

    def is_left(self, now_ms: int) -> bool:
        """Return whether it is ahead or under way, so that it can be cancelled or ended."""
        return self.state(now_ms) in ("planned", "under way")

    def state(self, now_ms: int) -> str:
        """Return one word: planned, under way, over or cancelled."""
        if self.is_none:
            return "cancelled"
        if now_ms >= self.until_ms:
            return "over"
        return "under way" if now_ms >= self.from_ms else "planned"


def check(command: StopCommand) -> None:
    """Raise RecordError, with key, value and what was expected, for a command that makes no sense."""
    for key in ("time_ms", "as_of_ms", "from_ms", "until_ms"):
        _expect(0 <= getattr(command, key) < LATEST_MS, command, key, "milliseconds between 1970 and 2200")
    _expect(command.time_ms > 0, command, "time_ms", "milliseconds between 1970 and 2200")
    for key in ("id", "asset", "plan", "who", "site"):
        _expect(getattr(command, key).isprintable(), command, key, "printable characters")
    if command.action == "plan":
        lasts_ms = command.until_ms - command.from_ms
        _expect(lasts_ms > 0, command, "until_ms", "an end after the beginning")
        _expect(lasts_ms <= LONGEST_D * DAY_MS, command, "until_ms", f"at most {LONGEST_D} days of stop")


def _expect(holds: bool, command: StopCommand, key: str, expected: str) -> None:
    if not holds:
        raise RecordError(f"{command.action}: {key} = {getattr(command, key)!r}: expected {expected}")


def made(said: Any) -> StopCommand:
    """Return the checked command that somebody's words make; RecordError if they make none."""
    try:
        command = msgspec.convert(said, StopCommand)
    except msgspec.ValidationError as error:
        raise RecordError(f"planned stop: {error}") from error
    check(command)
    return command


def ask(stops: Sequence[PlannedStop], command: StopCommand) -> PlannedStop:
    """Return the stop that a checked command leads to; raises RefusedError if it cannot be done."""
    return _enter(stops, command) if command.action == "plan" else _cancel(stops, command)


def known_at(stops: Sequence[PlannedStop], time_ms: int) -> tuple[PlannedStop, ...]:
    """Return the stops that are to be remembered at a time: those ahead, and the last of those just over.

    One that is none is forgotten before one that was.
    """
    ahead = [stop for stop in stops if stop.until_ms > time_ms and not stop.is_none]
    over = [stop for stop in stops if time_ms - _KEPT_MS < stop.until_ms and stop not in ahead]
    over.sort(key=lambda stop: not stop.is_none)
    return (*over[-MOST:], *ahead)


def ahead_of(stops: Sequence[PlannedStop], time_ms: int) -> tuple[Stop, ...]:
    """Return the stops that are not over at a time, the next first."""
    return tuple(sorted((s.span for s in stops if s.until_ms > time_ms and not s.is_none), key=_order))


def noted(
    case: Case | None, command: StopCommand, stop: PlannedStop, stops: Sequence[PlannedStop]
) -> Moves | None:
    """Return what a stop is to the case of its machine: a line of the history of one that is open."""
    if case is None:
        return None
    moves = Moves(case)
    moves.set(stops=ahead_of(stops, command.seen_ms))
    if case.is_open:
        kind = "stop-planned" if command.action == "plan" else "stop-cancelled"
        moves.step(kind, command.time_ms, command.who, text=command.text or stop.text, stop=stop.span)
    return moves


def _order(stop: Stop) -> tuple[int, int, str]:
    return stop.from_ms, stop.until_ms, stop.plan


def _enter(stops: Sequence[PlannedStop], command: StopCommand) -> PlannedStop:
    if any(stop.plan == command.plan for stop in stops):
        raise RefusedError(f"{command.asset} has plan {command.plan} already")
    if command.until_ms <= command.seen_ms - _OLDEST_MS:
        raise RefusedError(f"the end of it is more than {_OLDEST_MS // DAY_MS} days past")
    if len(ahead_of(stops, command.seen_ms)) >= MOST:
        raise RefusedError(f"{command.asset} has {MOST} planned stops ahead of it: cancel one first")
    time_ms, taken = command.time_ms, {stop.time_ms for stop in stops}
    while time_ms in taken:
        time_ms += 1
    return PlannedStop(
        plan=command.plan,
        asset=command.asset,
        from_ms=command.from_ms,
        until_ms=command.until_ms,
        planned_until_ms=command.until_ms,
        who=command.who,
        time_ms=time_ms,
        text=command.text,
        site=command.site,
    )


def _cancel(stops: Sequence[PlannedStop], command: StopCommand) -> PlannedStop:
    """End a stop now, or before it has begun."""
    stop = next((stop for stop in stops if stop.plan == command.plan), None)
    if stop is None:
        raise RefusedError(f"{command.asset} has no plan {command.plan}")
    if stop.cancelled is not None:
        raise RefusedError(f"it was cancelled by {stop.cancelled.who}")
    if command.seen_ms >= stop.until_ms:
        raise RefusedError("it is over")
    by = Mark(who=command.who, time_ms=command.time_ms)
    return replace(stop, until_ms=max(stop.from_ms, command.seen_ms), cancelled=by)
