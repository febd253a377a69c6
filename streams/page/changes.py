"""What became of cases since a reader last looked at them, in words."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from models.cases.case import Case, Entry
from models.errors import UnavailableError
from models.fleet.site_times import SiteTimes
from streams.access.last_seen import LastSeen, Sight
from streams.page.door import OPEN, RENEWS, person_of
from streams.page.forms import browser_of
from streams.stores.case_reader import history_of
from streams.stores.store import Reader

log = logging.getLogger(__name__)
_MOST = 5


@dataclass(frozen=True, slots=True)
class Since:
    """When a reader last looked at a case, 0 if never, and what moved since: nothing without ``words``."""

    looked_ms: int
    words: Sequence[str]


class Changes:
    """Tells readers what moved: whoever signed in by name, anybody else by their browser.

    A page that renews itself is no look.
    """

    def __init__(self, reader: Reader, times: SiteTimes, seen: LastSeen | None) -> None:
        self.reader, self.times, self.seen = reader, times, seen

    def of(self, request: Request, cases: Sequence[Case]) -> Mapping[str, Since]:
        """Return what moved by case, of those of which something did; who asks has seen them now."""
        who = reader_of(request)
        if self.seen is None or not who or not cases:
            return {}
        try:
            before = self._before(self.seen, who, cases, looks=RENEWS not in request.headers)
        except UnavailableError as error:
            log.warning("what moved since somebody looked is not said: %s", error)
            return {}
        name = person_of(request).name
        found = {c.case: self._since(c, before[c.case], name) for c in cases if c.case in before}
        return {case: since for case, since in found.items() if since.words}

    def _before(self, seen: LastSeen, who: str, cases: Sequence[Case], *, looks: bool) -> Mapping[str, Sight]:
        if not looks:
            return seen.before(who, [case.case for case in cases])
        return seen.look(who, {case.case: sight_of(case) for case in cases})

    def _since(self, case: Case, before: Sight, name: str) -> Since:
        if not before.version:
            return Since(0, ["new to you"] if case.is_open else [])
        if before == sight_of(case)._replace(time_ms=before.time_ms):
            return Since(before.time_ms, [])
        entries = history_of(self.reader, case) if case.version > before.version else []
        history = [entry for entry in entries if not entry.who or entry.who != name]
        return Since(before.time_ms, list(moved(case, history, before, self._said(case.asset))))

    def _said(self, asset: str) -> Callable[[int], str]:
        return lambda time_ms: self.times.said(asset, time_ms)


def moved(case: Case, history: Sequence[Entry], before: Sight, say: Callable[[int], str]) -> Iterator[str]:
    """Yield what was done to a case after it had a version, and what is new in what speaks for it."""
    entries = [entry for entry in history if entry.version > before.version]
    if len(entries) > _MOST:
        yield f"{len(entries) - _MOST} further changes"
    for entry in entries[-_MOST:]:
        whom = f" to {entry.assignee}" if entry.assignee else ""
        what = f": {entry.finding.outcome}" if entry.finding else whom
        by = f" by {entry.who}" if entry.who else ""
        yield f"{entry.kind}{what}{by}, {say(entry.time_ms)}"
    if case.evidence.fault != before.fault:
        yield f"now suspected: {case.evidence.fault or 'no clear failure mode'}"
    fresh = [one.label for one in case.evidence.sensors if one.key not in before.sensors]
    if fresh:
        yield f"new in the evidence: {', '.join(fresh)}"


def sight_of(case: Case) -> Sight:
    """Return what somebody who looks at a case sees of it."""
    sensors = tuple(one.key for one in case.evidence.sensors)
    return Sight(case.version, case.evidence.fault, sensors)


def reader_of(request: Request) -> str:
    """Return whose look it is: a name, or a browser that comes again; empty if neither is known."""
    person = person_of(request)
    if person.via != OPEN:
        return f"user {person.name}"
    browser = browser_of(request)
    return f"browser {hashlib.sha256(browser.encode()).hexdigest()[:32]}" if browser else ""
