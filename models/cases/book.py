"""The cases of many machines, one each: which is told what, and what was heard before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from models.cases.case import Case, Entry
from models.cases.machine import Moves, Order, Signal, follow
from models.cases.people import Command, ask
from models.cases.stops import PlannedStop, StopCommand, ahead_of, known_at, noted
from models.cases.stops import ask as ask_stop
from models.errors import RefusedError

_ANSWERS = _ENTRIES = 64  # of a machine are known
_NEVER: Order = (-1, -1, -1)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command: accepted, or refused and why; and the machine's case as it is now.

    ``version`` is the one that an accepted command led to, ``stop`` the planned one that it was about.
    """

    id: str
    asset: str
    accepted: bool
    version: int = 0
    reason: str = ""
    case: Case | None = None
    stop: PlannedStop | None = None


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered of a machine: its case, last signal, last answers and entries, planned stops."""

    case: Case | None = None
    last: Order = _NEVER
    answers: tuple[Answer, ...] = ()
    entries: tuple[tuple[str, int], ...] = ()
    stops: tuple[PlannedStop, ...] = ()

    def answered(self, command: Command | StopCommand) -> Answer | None:
        """Return what was answered to a command, None if it is new."""
        found = next((answer for answer in self.answers if answer.id == command.id), None)
        return replace(found, case=self.case) if found else None


@dataclass(frozen=True, slots=True)
class Change:
    """What is new: the case as it is now, the entries that led to it, a planned stop; none if nothing is."""

    case: Case | None = None
    entries: tuple[Entry, ...] = ()
    stop: PlannedStop | None = None


class CaseBook:
    """Holds one case per machine, that which is open or was last.

    A signal that is no later than the last one of its machine was heard before, and a command whose id was
    answered is answered the same again. ``changed`` are the machines remembered otherwise since whoever saves
    them last cleared it.
    """

    def __init__(self, continues_ms: float) -> None:
        self.continues_ms = continues_ms
        self._machines: dict[str, Remembered] = {}
        self.changed: set[str] = set()

    def hear(self, signal: Signal) -> Change:
        """Take in what a machine does."""
        known = self.remember(signal.asset)
        if signal.order <= known.last:
            return Change()
        stops = known_at(known.stops, signal.time_ms)
        moves = follow(known.case, signal, self.continues_ms, ahead_of(known.stops, signal.time_ms))
        return self._changed_by(signal.asset, moves, replace(known, last=signal.order, stops=stops))

    def ask(self, command: Command) -> tuple[Answer, Change]:
        """Take in what somebody asks; the command makes sense (`models.cases.people.check`)."""
        known = self.remember(command.asset)
        if before := known.answered(command):
            return before, Change()
        answer = Answer(id=command.id, asset=command.asset, accepted=True)
        moves = None
        try:
            moves = ask(known.case, command)
            answer = replace(answer, version=moves.case.version)
        except RefusedError as error:
            answer = replace(answer, accepted=False, reason=str(error))
        answers = (*known.answers, answer)[-_ANSWERS:]
        change = self._changed_by(command.asset, moves, replace(known, answers=answers))
        return replace(answer, case=change.case or known.case), change

    def plan(self, command: StopCommand) -> tuple[Answer, Change]:
        """Take in a planned stop, or that it is not to be; the command was checked (`models.cases.stops`)."""
        known = self.remember(command.asset)
        if before := known.answered(command):
            return before, Change()
        answer = Answer(id=command.id, asset=command.asset, accepted=True)
        stop, moves = None, None
        try:
            stop = ask_stop(known.stops, command)
        except RefusedError as error:
            answer = replace(answer, accepted=False, reason=str(error))
        else:
            stops = (*(one for one in known.stops if one.plan != stop.plan), stop)
            known = replace(known, stops=known_at(stops, command.seen_ms))
            moves = noted(known.case, command, stop, stops)
            answer = replace(answer, stop=stop, version=moves.case.version if moves else 0)
        known = replace(known, answers=(*known.answers, answer)[-_ANSWERS:])
        change = self._changed_by(command.asset, moves, known)
        return replace(answer, case=change.case or known.case), Change(change.case, change.entries, stop)

    def remember(self, asset: str) -> Remembered:
        """Return what is known of a machine."""
        return self._machines.get(asset) or Remembered()

    def restore(self, asset: str, remembered: Remembered) -> None:
        """Know it again."""
        self._machines[asset] = remembered

    def _changed_by(self, asset: str, moves: Moves | None, known: Remembered) -> Change:
        """Remember a machine; return what moves have changed of its case."""
        change = Change()
        if moves is not None and moves.case != known.case:
            entries = _apart(moves.entries, known.entries)
            change = Change(moves.case, entries)
            places = (*known.entries, *((e.kind, e.time_ms) for e in entries))[-_ENTRIES:]
            known = replace(known, case=moves.case, entries=places)
        self._machines[asset] = known
        self.changed.add(asset)
        return change


def _apart(entries: Sequence[Entry], taken: Sequence[tuple[str, int]]) -> tuple[Entry, ...]:
    """Return entries of which no two of a kind have the same time: stores tell them by it."""
    out: list[Entry] = []
    places = set(taken)
    for entry in entries:
        time_ms = entry.time_ms
        while (entry.kind, time_ms) in places:
            time_ms += 1
        places.add((entry.kind, time_ms))
        out.append(replace(entry, time_ms=time_ms))
    return tuple(out)
