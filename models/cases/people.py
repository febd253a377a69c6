"""What people do to a case: acknowledge, assign, comment, snooze, resolve, reopen; what is stale is refused.

Whoever asks names the version that they saw. A resolution beats what others did meanwhile short of resolving
it, since it knows more; a comment contradicts nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from models.cases.case import Assigned, Case, Finding, Mark, Outcome, Snooze, Until
from models.cases.machine import Moves
from models.errors import RecordError, RefusedError
from models.event_time import LATEST_MS

Action = Literal[
    "acknowledge", "unacknowledge", "assign", "comment", "snooze", "unsnooze", "resolve", "reopen"
]
ACTIONS: tuple[str, ...] = get_args(Action)
MAX_TEXT = 4000
_Name = Annotated[str, Meta(min_length=1, max_length=128)]
_Word = Annotated[str, Meta(max_length=128)]
_Text = Annotated[str, Meta(max_length=MAX_TEXT)]


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks: ``id`` tells it from every other, so that what is sent twice is done once.

    ``version`` is that of the case as they saw it, ``time_ms`` their clock, and ``as_of_ms`` the event time
    up to which they saw the machine, 0 if that is the same. ``case`` may be left out: the machine's present
    one.
    """

    id: _Name
    asset: _Name
    action: Action
    version: int
    who: _Name
    time_ms: int
    case: Annotated[str, Meta(max_length=256)] = ""
    as_of_ms: int = 0
    assignee: _Word = ""
    text: _Text = ""
    until: Until | None = None
    until_ms: int = 0
    outcome: Outcome | None = None
    mode: _Word = ""
    cause: _Word = ""
    remedy: _Text = ""
    downtime_h: float | None = None
    parts: _Text = ""

    @property
    def seen_ms(self) -> int:
        """The event time up to which the machine had been seen."""
        return self.as_of_ms or self.time_ms


def made(said: Mapping[str, Any]) -> Command:
    """Return the command that somebody's words make; RecordError if they make none."""
    try:
        return msgspec.convert(said, Command)
    except msgspec.ValidationError as error:
        raise RecordError(f"{str(said['action'])[:20]}: {error}") from error


def check(command: Command) -> None:
    """Raise RecordError, with key, value and what was expected, for a command that makes no sense."""
    for key in ("time_ms", "as_of_ms", "until_ms"):
        _expect(0 <= getattr(command, key) < LATEST_MS, command, key, "milliseconds between 1970 and 2200")
    _expect(command.time_ms > 0, command, "time_ms", "milliseconds between 1970 and 2200")
    for key in ("id", "who", "assignee", "mode", "cause"):
        _expect(getattr(command, key).isprintable(), command, key, "printable characters")
    if command.action == "comment":
        _expect(command.text.strip() != "", command, "text", "what is to be said")
    if command.action == "snooze":
        _expect(command.until is not None, command, "until", "date, worse or cleared")
        dated = command.until == "date"
        _expect(dated == bool(command.until_ms), command, "until_ms", "the end if until is date, else none")
    if command.action == "resolve":
        _check_finding(command)


def _check_finding(command: Command) -> None:
    _expect(command.outcome is not None, command, "outcome", "what was found")
    other = command.outcome == "confirmed-other"
    _expect(not other or command.mode != "", command, "mode", "the other failure mode that was found")
    hours = command.downtime_h
    _expect(hours is None or (math.isfinite(hours) and hours >= 0), command, "downtime_h", "hours from 0 on")


def _expect(holds: bool, command: Command, key: str, expected: str) -> None:
    if not holds:
        value = getattr(command, key)
        raise RecordError(f"{command.action}: {key} = {value!r}: expected {expected}")


def ask(case: Case | None, command: Command) -> Moves:
    """Return what a command that makes sense does to a machine's case; raises RefusedError if it is stale."""
    if case is None:
        raise RefusedError(f"{command.asset} has no case")
    if command.case not in ("", case.case):
        raise RefusedError(f"{command.case} is over: the case of {case.asset} is {case.case}")
    _refuse_stale(case, command)
    moves = Moves(case)
    _DOES[command.action](moves, command)
    return moves


def _refuse_stale(case: Case, command: Command) -> None:
    action, seen = command.action, command.version
    if seen > case.version:
        raise RefusedError(f"version {seen} is not there yet: the case is at {case.version}")
    enough = {"comment": 0, "resolve": case.solid_version}.get(action, case.version)
    if seen < enough:
        raise RefusedError(f"version {seen} is stale: the case is at {case.version}")


def _require(holds: bool, why: str) -> None:
    if not holds:
        raise RefusedError(why)


def _require_open(case: Case) -> None:
    if case.resolved is not None:
        raise RefusedError(f"it was resolved by {case.resolved.who}: {case.resolved.outcome}")
    _require(case.is_open, "it is over: reopen it first")


def _mark(command: Command) -> Mark:
    return Mark(who=command.who, time_ms=command.time_ms)


def _acknowledge(moves: Moves, command: Command) -> None:
    _require_open(moves.case)
    by = moves.case.acknowledged
    _require(by is None, f"it was acknowledged by {by.who if by else ''}")
    moves.set(acknowledged=_mark(command))
    moves.step("acknowledged", command.time_ms, command.who, text=command.text)


def _unacknowledge(moves: Moves, command: Command) -> None:
    _require_open(moves.case)
    _require(moves.case.acknowledged is not None, "nobody has acknowledged it")
    moves.set(acknowledged=None)
    moves.step("unacknowledged", command.time_ms, command.who, text=command.text)


def _assign(moves: Moves, command: Command) -> None:
    _require_open(moves.case)
    to = command.assignee
    given = Assigned(who=command.who, time_ms=command.time_ms, name=to) if to else None
    moves.set(assigned=given)
    moves.step("assigned", command.time_ms, command.who, text=command.text, assignee=to, notifies=bool(to))


def _comment(moves: Moves, command: Command) -> None:
    moves.step("commented", command.time_ms, command.who, text=command.text)


def _snooze(moves: Moves, command: Command) -> None:
    _require_open(moves.case)
    assert command.until is not None, "check comes first"
    if command.until == "date":
        _require(command.until_ms > command.seen_ms, "the date it is to be quiet until is past")
    until = {"until": command.until, "until_ms": command.until_ms}
    snooze = msgspec.convert({"who": command.who, "time_ms": command.time_ms, **until}, Snooze)
    moves.set(snoozed=snooze)
    moves.step("snoozed", command.time_ms, command.who, text=command.text, snoozed=snooze)


def _unsnooze(moves: Moves, command: Command) -> None:
    _require(moves.case.snoozed is not None, "it is not snoozed")
    moves.set(snoozed=None)
    moves.step("unsnoozed", command.time_ms, command.who, text=command.text)


def _resolve(moves: Moves, command: Command) -> None:
    by = moves.case.resolved
    _require(by is None, f"it was resolved by {by.who}: {by.outcome}" if by else "")
    finding = _finding(moves.case, command)
    moves.set(resolved=finding, snoozed=None)
    moves.solid_step("resolved", command.time_ms, command.who, text=command.text, finding=finding)


def _finding(case: Case, command: Command) -> Finding:
    assert command.outcome is not None, "check comes first"
    suspected = case.evidence.fault if command.outcome == "confirmed" else ""
    return Finding(
        who=command.who,
        time_ms=command.time_ms,
        outcome=command.outcome,
        as_of_ms=command.seen_ms,
        mode=command.mode or suspected,
        cause=command.cause,
        remedy=command.remedy,
        downtime_h=command.downtime_h,
        parts=command.parts,
        text=command.text,
    )


def _reopen(moves: Moves, command: Command) -> None:
    """Take it up again; whoever does has seen it."""
    _require(not moves.case.is_open, "it is open")
    moves.set(resolved=None, acknowledged=_mark(command))
    moves.solid_step("reopened", command.time_ms, command.who, text=command.text, notifies=True)


_DOES: Mapping[str, Callable[[Moves, Command], None]] = {
    "acknowledge": _acknowledge,
    "unacknowledge": _unacknowledge,
    "assign": _assign,
    "comment": _comment,
    "snooze": _snooze,
    "unsnooze": _unsnooze,
    "resolve": _resolve,
    "reopen": _reopen,
}
