"""What a machine does to its case: it opens, gets worse or better, ends, and opens again.

All is decided by event time: what happened up to the moment of a resolution does not undo it, however late
it is heard of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec
from msgspec.structs import replace

from models.cases.case import Case, Entry, Evidence, Stop, has_ended
from models.event_time import DAY_MS

_CALM_DAYS = 2  # a lower level that is gone the next day is not said
_FLAPS, _FLAP_MS = 3, 30 * DAY_MS  # so many openings within that time are not each worth a call
Stage = Literal["open", "update", "closed"]
STAGES: tuple[str, ...] = get_args(Stage)
_ENDINGS = ("cleared", "event", "expired")
PLANNED = "planned"
"""How an episode ended that a planned stop of its machine ended."""
_WHY_AWAKE = {"event": "the shutdown came", PLANNED: "it was stopped as planned"}

Order = tuple[int, int, int]
"""The place of a signal among those of its machine: when its episode opened, stage, and time."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What the policy says of a machine: ``opened_ms`` names the episode, ``reason`` how it ended."""

    case: str
    asset: str
    stage: Stage
    opened_ms: int
    evidence: Evidence
    reason: str = ""

    @property
    def order(self) -> Order:
        """Its place: whatever is not after the last one was heard before."""
        rank = STAGES.index(self.stage)
        return self.opened_ms, rank, self.evidence.time_ms if rank == 1 else 0

    @property
    def time_ms(self) -> int:
        """When it was decided, in event time."""
        return self.evidence.time_ms


@dataclass(slots=True)
class Moves:
    """A case that changes, and the entries of how."""

    case: Case
    entries: list[Entry] = field(default_factory=list)

    def set(self, **changes: Any) -> None:
        """Change what is no transition."""
        self.case = replace(self.case, **changes)

    def step(self, kind: str, time_ms: int, who: str = "", **more: Any) -> None:
        """Go on by one version, and write down why."""
        case = self.case = replace(self.case, version=self.case.version + 1)
        span = {"from_ms": case.evidence.from_ms, "until_ms": case.evidence.until_ms}
        about: dict[str, Any] = {"case": case.case, "asset": case.asset, "version": case.version}
        said = {"severity": case.severity, **span, **more}
        self.entries.append(Entry(**about, kind=kind, time_ms=time_ms, who=who, **said))

    def solid_step(self, kind: str, time_ms: int, who: str = "", **more: Any) -> None:
        """Go on by a version that a resolution must have seen."""
        self.step(kind, time_ms, who, **more)
        self.set(solid_version=self.case.version)


def follow(
    case: Case | None, signal: Signal, continues_ms: float, stops: tuple[Stop, ...] = ()
) -> Moves | None:
    """Return what a signal that was not heard before does to a machine's case, None if nothing.

    ``continues_ms`` after its end a case that opens again is another. ``stops`` are those of the machine
    that are not over by the time of the signal.
    """
    if case is None or _begins_another(case, signal, continues_ms):
        return _opened(signal, stops) if signal.stage != "closed" else None
    moves = Moves(case)
    moves.set(stops=stops)
    _wake(moves, signal.time_ms)
    if signal.stage == "closed":
        _end(moves, signal)
    elif signal.opened_ms > case.episode_ms:
        _open_again(moves, signal)
    else:
        _update(moves, signal)
    return moves


def _begins_another(case: Case, signal: Signal, continues_ms: float) -> bool:
    if case.is_open or signal.opened_ms <= case.episode_ms:
        return False
    return signal.opened_ms - _end_of(case) > continues_ms


def _end_of(case: Case) -> int:
    resolved_ms = case.resolved.as_of_ms if case.resolved else 0
    return max(case.changed_ms if not case.active else 0, resolved_ms)


def _opened(signal: Signal, stops: tuple[Stop, ...]) -> Moves:
    moves = Moves(
        Case(
            case=signal.case,
            asset=signal.asset,
            version=0,
            opened_ms=signal.opened_ms,
            episode_ms=signal.opened_ms,
            changed_ms=signal.opened_ms,
            openings=1,
            recent_ms=(signal.opened_ms,),
            active=True,
            level=signal.evidence.level,
            evidence=signal.evidence,
            stops=stops,
        )
    )
    moves.solid_step("opened", signal.time_ms, notifies=True, **_held(moves, signal))
    return moves


def _held(moves: Moves, signal: Signal) -> dict[str, Any]:
    """Return what the history says beside it of what comes within a planned stop, and is told after it."""
    stop = moves.case.stop_at(signal.time_ms)
    return {"stop": stop, "text": "held: planned stop"} if stop else {}


def _wake(moves: Moves, time_ms: int) -> None:
    """Let a snooze end whose date has come."""
    snooze = moves.case.snoozed
    if snooze is not None and has_ended(snooze, time_ms):
        moves.set(snoozed=None)
        moves.step("unsnoozed", snooze.until_ms, text="its date came", notifies=moves.case.is_open)


def _open_again(moves: Moves, signal: Signal) -> None:
    """Let a new episode go on with the case; one from before a resolution is part of what was resolved."""
    case, opened_ms = moves.case, signal.opened_ms
    moves.set(
        episode_ms=opened_ms,
        openings=case.openings + 1,
        recent_ms=(*case.recent_ms, opened_ms)[-_FLAPS:],
        active=True,
        changed_ms=opened_ms,
        ended="",
        evidence=signal.evidence,
        calm=0,
    )
    if case.resolved is None or signal.time_ms > case.resolved.as_of_ms:
        _take_up(moves)
        flaps = sum(ms > opened_ms - _FLAP_MS for ms in case.recent_ms) >= _FLAPS
        _say(moves, "opened", signal, is_quiet=flaps)
        moves.set(level=signal.evidence.level)


def _take_up(moves: Moves) -> None:
    """Let what was resolved be open again."""
    if moves.case.resolved:
        moves.set(resolved=None, acknowledged=None, snoozed=None)


def _say(moves: Moves, kind: str, signal: Signal, *, is_quiet: bool = False) -> None:
    """Say how urgent it is now, unless it is snoozed for more than that."""
    case, snooze = moves.case, moves.case.snoozed
    is_worse = signal.evidence.level.exceeds(case.level)
    lifts = is_worse and snooze is not None and snooze.until == "worse"
    moves.set(level=case.level.with_worst_of(signal.evidence.level))
    loud = lifts or (snooze is None and (is_worse or not is_quiet))
    moves.solid_step(kind, signal.time_ms, notifies=loud, **_held(moves, signal))
    if lifts:
        moves.set(snoozed=None)
        moves.step("unsnoozed", signal.time_ms, text="it got worse")


def _update(moves: Moves, signal: Signal) -> None:
    """Take in newer evidence: worse is said at once, better once it has lasted."""
    case, level = moves.case, signal.evidence.level
    if not case.active or (case.resolved and signal.time_ms <= case.resolved.as_of_ms):
        return
    moves.set(evidence=signal.evidence)
    if level.exceeds(case.level):
        _take_up(moves)
        _say(moves, "worse", signal)
        moves.set(calm=0)
    elif level != case.level and case.calm + 1 >= _CALM_DAYS:
        moves.set(level=level, calm=0)
        if case.resolved is None:
            moves.step("better", signal.time_ms)
    else:
        moves.set(calm=case.calm + 1 if level != case.level else 0)


def _end(moves: Moves, signal: Signal) -> None:
    """Let the episode end; a shutdown, or what it was snoozed until, ends a snooze too.

    A shutdown within a planned stop is not what was announced: the machine was stopped on purpose.
    """
    case, kind = moves.case, signal.reason if signal.reason in _ENDINGS else "cleared"
    if not case.active:
        return
    if kind == "event" and case.stop_at(signal.time_ms):
        kind = PLANNED
    moves.set(active=False, changed_ms=signal.time_ms, ended=kind, calm=0)
    came = kind == "event"
    moves.solid_step(kind, signal.time_ms, notifies=came and case.resolved is None)
    if case.snoozed and (came or case.snoozed.until == "cleared"):
        moves.set(snoozed=None)
        moves.step("unsnoozed", signal.time_ms, text=_WHY_AWAKE.get(kind, "it cleared"))
