"""One case on each of its routes: what is to be told of it, and what was told."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from models.cases.case import Case, Snooze, Stop
from models.delivery.notice import News
from models.delivery.routes import Route
from models.event_time import HOUR_MS

REPEATED, ESCALATED = "repeated", "escalated"
_BEGINS = ("opened", "worse", "reopened", "unsnoozed")  # from these on it is waited for somebody
_ENDS = ("resolved", "cleared", "expired", "event", "planned")


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told: the entry of the history that is the reason, and since when it waits."""

    kind: str
    version: int
    since_ms: int = 0
    who: str = ""
    words: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a route has told of a case: ``since_ms`` is when it began to wait for somebody.

    ``count`` numbers its notices, ``steps`` are the escalations since then.
    """

    since_ms: int
    last_ms: int
    count: int
    steps: int = 0
    ended: bool = False


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A case; ``fresh`` is what no route has looked at yet, ``ending`` how it ended, at ``over_ms``."""

    case: Case
    fresh: Want | None = None
    ending: Want | None = None
    over_ms: int = 0
    wants: Mapping[str, Want] = {}
    told: Mapping[str, Told] = {}


def heard(known: Watched | None, news: News) -> Watched:
    """Take in what became of a case; what is no newer than what is known changes nothing."""
    case, seen = news.case, known.case if known else None
    if seen is not None and (case.version, case.evidence.time_ms) < (seen.version, seen.evidence.time_ms):
        assert known is not None
        return known
    new = [e for e in news.entries if seen is None or e.version > seen.version]
    said = [Want(kind=e.kind, version=e.version, who=e.who, words=e.text) for e in new]
    loud = [want for want, entry in zip(said, new, strict=True) if entry.notifies]
    ends = [want for want in said if want.kind in _ENDS]
    out = known or Watched(case=case)
    ending = None if case.is_open else (ends[-1] if ends else out.ending)
    over_ms = 0 if case.is_open else out.over_ms
    return replace(out, case=case, fresh=_louder(out.fresh, loud), ending=ending, over_ms=over_ms)


def wanted(watched: Watched, route: Route, now_ms: int, *, takes: bool, waits: bool) -> Want | None:
    """Return what is to be told on a route, now or later.

    ``takes``: the route takes the case now; ``waits``: a notice of it has not arrived yet.
    """
    case, told, want = watched.case, watched.told.get(route.name), watched.wants.get(route.name)
    if not case.is_open:
        return _end(watched, route, takes=takes)
    if is_quiet(case.snoozed, now_ms):
        return None
    if watched.fresh is not None and takes:
        return replace(watched.fresh, since_ms=want.since_ms if want else now_ms)
    if want is None and told is not None and not waits and _repeats(case, route, told, now_ms):
        return Want(kind=REPEATED, version=case.version, since_ms=now_ms)
    return None if want is not None and want.kind == REPEATED and case.acknowledged else want


def escalation(watched: Watched, route: Route, now_ms: int) -> int | None:
    """Return which escalation of a route is due, since nobody has acknowledged the case; None if none is.

    While something newer is still to be told, none is.
    """
    case, told = watched.case, watched.told.get(route.name)
    if told is None or not case.is_open or case.acknowledged or is_quiet(case.snoozed, now_ms):
        return None
    if told.steps >= len(route.escalations) or route.name in watched.wants:
        return None
    after_ms = route.escalations[told.steps].after_h * HOUR_MS
    return told.steps if now_ms - told.since_ms >= after_ms else None


def after(told: Told | None, want: Want, now_ms: int) -> Told:
    """Return what a route has told once it tells this; what opens, or gets worse, is waited for anew."""
    count = told.count + 1 if told else 1
    if want.kind == ESCALATED and told is not None:
        return replace(told, count=count, steps=told.steps + 1)
    if told is None or want.kind in _BEGINS:
        return Told(since_ms=now_ms, last_ms=now_ms, count=count, ended=want.kind in _ENDS)
    return replace(told, last_ms=now_ms, count=count, ended=want.kind in _ENDS)


def is_quiet(snooze: Snooze | None, now_ms: int) -> bool:
    """Return whether a case is snoozed.

    A date that lay ahead of the clock of who set it ends by the clock; another is one of a replay.
    """
    if snooze is None:
        return False
    is_by_clock = snooze.until == "date" and snooze.until_ms > snooze.time_ms
    return not (is_by_clock and now_ms >= snooze.until_ms)


def stop_of(case: Case, now_ms: int) -> Stop | None:
    """Return the planned stop that the machine of a case is in: nothing is told of it before its end.

    As with a snooze, one whose end lay ahead of the clock of who entered it goes by the clock; another is one
    of a replay, and holds as long as the case, as it was last heard of, lies within it.
    """
    heard_ms = max(case.evidence.time_ms, case.changed_ms)
    found = [s for s in case.stops if s.covers(now_ms if s.until_ms > s.time_ms else heard_ms)]
    return max(found, key=lambda stop: stop.until_ms, default=None)


def _louder(before: Want | None, loud: list[Want]) -> Want | None:
    """Return the newest of what somebody is to hear of, but that it opened rather than what came of that."""
    for want in loud:
        if before is None or want.kind in _BEGINS or before.kind not in _BEGINS:
            before = want
        else:
            before = replace(before, version=want.version)
    return before


def _end(watched: Watched, route: Route, *, takes: bool) -> Want | None:
    """Return how a case ended, if that is told; whatever else was to be told of it is not any more."""
    told, want, fresh = watched.told.get(route.name), watched.wants.get(route.name), watched.fresh
    if want is not None and want.kind in _ENDS:
        return want
    if told is not None and told.ended:
        return None
    if fresh is not None and fresh.kind == "event" and (told or takes):
        return fresh
    return watched.ending if told is not None and route.says_end else None


def _repeats(case: Case, route: Route, told: Told, now_ms: int) -> bool:
    if route.repeat_h is None or case.acknowledged:
        return False
    return now_ms - told.last_ms >= route.repeat_h * HOUR_MS
