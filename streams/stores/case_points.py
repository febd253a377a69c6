"""A case and the entries of its history as points of a store, and read back from it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from models.cases.case import Case, Entry
from models.errors import UnavailableError
from models.event_time import LATEST_MS
from streams.stores.store import Point, Row, Value

T = TypeVar("T")


def case_point(case: Case) -> Point:
    """Return a case as it stands; each takes the place of the one before, since its opening is its time."""
    fields: dict[str, Value] = {
        "revision": float(case.version),
        "case": case.case,
        "state": case.state(),
        "severity": case.severity,
        "active": float(case.active),
        "acknowledged_by": case.acknowledged.who if case.acknowledged else "",
        "assignee": case.assigned.name if case.assigned else "",
        "outcome": case.resolved.outcome if case.resolved else "",
        "openings": float(case.openings),
        "open": float(case.is_open),
        "rank": rank_of(case),
        "quiet_until_ms": _quiet_until_ms(case),
        "fault": case.evidence.fault,
        "risk": case.evidence.risk,
        "until_ms": float(case.evidence.until_ms or LATEST_MS),
        "words": words_of(case),
        "content": msgspec.json.encode(case).decode(),
    }
    return Point("cases", {"asset": case.asset}, fields, case.opened_ms)


def rank_of(case: Case) -> str:
    """Return a text by whose order what is to be done first comes first: open, critical, soonest, likely."""
    level, until_ms = case.level, case.evidence.until_ms or LATEST_MS
    place = f"{not case.is_open:d}{9 - level.severity}{9 - level.time_left}{until_ms:014d}"
    return f"{place}{1 - case.evidence.risk:.9f} {case.asset}"


def words_of(case: Case) -> str:
    """Return the words by which a case is found, in small letters."""
    who = case.assigned.name if case.assigned else ""
    return f"{case.case} {case.evidence.fault} {case.evidence.text} {who}".lower()


def _quiet_until_ms(case: Case) -> float:
    """Return until when somebody wants it quiet: 0 if nobody does, the end of time if it is not by date."""
    if case.snoozed is None:
        return 0.0
    return float(case.snoozed.until_ms if case.snoozed.until == "date" else LATEST_MS)


def entry_point(entry: Entry) -> Point:
    """Return an entry of a history; of a machine no two of a kind have the same time."""
    fields: dict[str, Value] = {
        "case": entry.case,
        "version": float(entry.version),
        "who": entry.who,
        "text": entry.text,
        "notifies": float(entry.notifies),
        "content": msgspec.json.encode(entry).decode(),
    }
    return Point("case_history", {"asset": entry.asset, "kind": entry.kind}, fields, entry.time_ms)


def read_case(row: Row) -> Case:
    """Return the case of a row; raises UnavailableError if it cannot be read."""
    return _content(row, Case)


def read_entry(row: Row) -> Entry:
    """Return the entry of a row; raises UnavailableError if it cannot be read."""
    return _content(row, Entry)


def _content(row: Row, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(str(row.fields.get("content", "")), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnavailableError(f"a row of cases that cannot be read: {error}") from error
