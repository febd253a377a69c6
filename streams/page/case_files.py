"""Cases as files for other programs: a table (CSV), and a calendar (iCalendar, RFC 5545)."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta

from models.cases.case import Case
from models.fleet.site_times import SiteTimes
from streams.page.case_list import Choices
from streams.page.csv_table import as_table
from streams.stores.planned_stops import Planned

_COLUMNS = (
    "case", "machine", "site", "model", "state", "severity", "failure_mode", "what_to_do", "likely_from",
    "likely_until", "risk", "opened", "as_of", "assigned_to", "acknowledged_by", "outcome", "mode_found",
)  # fmt: skip
_LINE_BYTES = 73
_NO_SIGNS = ("Cc", "Cs", "Zl", "Zp")  # controls, and what some readers end a line at


def as_csv(cases: Iterable[Case], times: SiteTimes, choices: Choices, now_ms: int) -> str:
    """Return a heading and a line per case."""
    return as_table(_COLUMNS, (_row(case, times, choices, now_ms) for case in cases))


def _row(case: Case, times: SiteTimes, choices: Choices, now_ms: int) -> list[str]:
    asset, evidence, found = case.asset, case.evidence, case.resolved
    return [
        case.case,
        asset,
        choices.site(asset),
        choices.model(asset),
        case.state(now_ms),
        case.severity,
        evidence.fault,
        evidence.check,
        times.date(asset, evidence.from_ms) if evidence.until_ms else "",
        times.date(asset, evidence.until_ms) if evidence.until_ms else "",
        f"{evidence.risk:.4f}",
        times.iso(asset, case.opened_ms),
        times.iso(asset, evidence.time_ms),
        case.assigned.name if case.assigned else "",
        case.acknowledged.who if case.acknowledged else "",
        found.outcome if found else case.ended,
        found.mode if found else "",
    ]


def as_calendar(
    cases: Iterable[Case],
    times: SiteTimes,
    link: Callable[[str], str],
    now_ms: int,
    stops: Iterable[Planned] = (),
) -> str:
    """Return a calendar of all-day events, one per case with a span: the days of its site within it.

    Planned ``stops`` are events from moment to moment, one for each plan.
    """
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//chillcast//cases//EN", "X-WR-CALNAME:cases"]
    for case in cases:
        if case.evidence.until_ms:
            lines += _event(case, times, link(case.case), now_ms)
    for planned in stops:
        lines += _stop(planned, now_ms)
    return "".join(f"{part}\r\n" for line in [*lines, "END:VCALENDAR"] for part in folded(line))


def _event(case: Case, times: SiteTimes, link: str, now_ms: int) -> Iterator[str]:
    asset, evidence = case.asset, case.evidence
    first = date.fromisoformat(times.date(asset, evidence.from_ms))
    behind = date.fromisoformat(times.date(asset, evidence.until_ms)) + timedelta(days=1)
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(case.case)}@chillcast"
    yield f"SEQUENCE:{case.version}"
    yield f"DTSTAMP:{_utc(now_ms)}"
    yield f"DTSTART;VALUE=DATE:{first:%Y%m%d}"
    yield f"DTEND;VALUE=DATE:{behind:%Y%m%d}"
    summary = f"{asset}: {evidence.fault or 'likely failure'} ({case.severity})"
    yield f"SUMMARY:{escaped(summary)}"
    yield f"DESCRIPTION:{escaped(evidence.check)}"
    yield f"URL:{link}"
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _stop(planned: Planned, now_ms: int) -> Iterator[str]:
    stop, machines = planned.first, len(planned.stops)
    many = f" ({machines} machines)" if machines > 1 else ""
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(stop.plan)}@plans.chillcast"
    yield f"SEQUENCE:{int(stop.cancelled is not None)}"
    yield f"DTSTAMP:{_utc(now_ms)}"
    yield f"DTSTART:{_utc(stop.from_ms)}"
    yield f"DTEND:{_utc(stop.shown_until_ms)}"
    yield f"SUMMARY:{escaped(f'planned stop: {planned.about}{many}')}"
    yield f"DESCRIPTION:{escaped(stop.text)}"
    yield f"STATUS:{'CANCELLED' if stop.is_none else 'CONFIRMED'}"
    yield "END:VEVENT"


def _utc(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"


def escaped(text: str) -> str:
    """Escape what has a meaning in a text of a calendar.

    >>> escaped("oil; a, b" + chr(10) + "c")
    'oil\\\\; a\\\\, b\\\\nc'
    """
    for sign in ("\\", ";", ","):
        text = text.replace(sign, f"\\{sign}")
    text = text.replace("\n", "\\n")
    return "".join(sign for sign in text if sign == "\t" or unicodedata.category(sign) not in _NO_SIGNS)


def folded(line: str) -> Iterator[str]:
    """Yield the lines of at most 75 bytes that a longer one is folded to, never within a character."""
    begun, start, size = "", 0, 0
    for i, sign in enumerate(line):
        width = len(sign.encode())
        if size + width > _LINE_BYTES:
            yield begun + line[start:i]
            begun, start, size = " ", i, 0
        size += width
    yield begun + line[start:]
