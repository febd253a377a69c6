"""Which lines of the record are listed, as an address says it: by kind, fleet, person, day and words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from starlette.exceptions import HTTPException

from models.event_time import DAY_MS
from models.telemetry.samples import utc
from streams.access.audit import Line
from streams.access.record_query import KINDS, Kind, RecordQuery
from streams.page.asked import link_to, page_of, texts_of
from streams.page.csv_table import as_table

AT_ONCE = 50
KIND_WORDS: Mapping[Kind, str] = {
    "models": "Which model scores",
    "retraining": "Retrainings",
    "cases": "Cases",
    "plans": "Planned stops",
    "notices": "Silences",
    "data": "Data",
    "people": "People and programs",
    "other": "Anything else",
}
_COLUMNS = ("number", "when_utc", "who", "role", "via", "address", "action", "about", "result", "detail")
_LONGEST, _PAGES = 100, 999_999
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class WantedLines:
    """What is asked for in the address; ``since`` and ``until`` are whole days of UTC, both included."""

    kind: str = ""
    fleet: str = ""
    who: str = ""
    q: str = ""
    since: str = ""
    until: str = ""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> WantedLines:
        """Return what a query asks for; raises HTTPException with key, value and what was expected."""
        texts = texts_of(cls, query, _LONGEST)
        if texts["kind"] not in ("", *KINDS):
            raise HTTPException(400, f"kind = {texts['kind'][:20]!r}: expected one of {', '.join(KINDS)}")
        for name in ("since", "until"):
            _day(name, texts[name])
        return cls(page=page_of(query, _PAGES, f"a number from 1 to {_PAGES}"), **texts)

    def link(self, place: str = "/record", **other: str | int) -> str:
        """Return the address of this view, or of another that differs in what is given."""
        return link_to(place, replace(self, **other))  # type: ignore[arg-type]

    def query(self, start: int | None = None, most: int = AT_ONCE) -> RecordQuery:
        """Return what the record is asked, of the page if no ``start`` is given."""
        since, until = _day("since", self.since), _day("until", self.until)
        kinds = {str(kind): kind for kind in KINDS}
        return RecordQuery(
            kind=kinds.get(self.kind, ""),
            fleet=self.fleet,
            who=self.who,
            words=self.q,
            since_ms=_begin_ms(since) if since else 0,
            until_ms=_begin_ms(until + timedelta(days=1)) if until else 0,
            start=(self.page - 1) * AT_ONCE if start is None else start,
            most=most,
        )


def as_csv(lines: Iterable[Line]) -> str:
    """Return a heading and a row per line of the record, as a table for spreadsheets."""
    rows = (
        [str(one.number), utc(one.time_ms), *(getattr(one, name) for name in _COLUMNS[2:])] for one in lines
    )
    return as_table(_COLUMNS, rows)


def _day(name: str, text: str) -> date | None:
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = date.max
    if not _EPOCH <= found < date.max:
        raise HTTPException(400, f"{name} = {text[:20]!r}: expected a day since 1970, as 2026-02-01")
    return found


def _begin_ms(day: date) -> int:
    return (day - _EPOCH).days * DAY_MS
