"""Cases in tables and words, with the times of their sites."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from models.cases.case import Case, Entry, Snooze
from models.fleet.site_times import SiteTimes
from models.risk.explanation import Mode, Reason
from models.risk.wording import percent, sentence


def row(case: Case, times: SiteTimes, now_ms: int) -> dict[str, Any]:
    """Return a line of the list."""
    return {
        "case": case.case,
        "machine": case.asset,
        "state": case.state(now_ms),
        "planned_stop": _stopped(case, times, now_ms),
        "severity": case.severity,
        "likely": _span(case, times),
        "risk": percent(case.evidence.risk),
        "suspected": case.evidence.fault or None,
        "assignee": case.assigned.name if case.assigned else None,
        "openings": case.openings,
        "since": times.said(case.asset, case.opened_ms),
        "version": case.version,
    }


def detail(case: Case, history: Sequence[Entry], times: SiteTimes, now_ms: int) -> dict[str, Any]:
    """Return all that is known of a case."""
    said = {**row(case, times, now_ms), "text": case.evidence.text, "check": case.evidence.check or None}
    said |= {"failure_modes": [_mode(mode) for mode in case.evidence.modes]}
    said |= {"model": case.evidence.model, "as_of": times.said(case.asset, case.evidence.time_ms)}
    said["active"] = "yes" if case.active else f"no: {case.ended}"
    by = case.acknowledged
    said["acknowledged"] = f"{by.who}, {times.said(case.asset, by.time_ms)}" if by else None
    said["quiet"] = _quiet(case.snoozed, case.asset, times) if case.snoozed else None
    said["outcome"] = _outcome(case, times)
    said["evidence"] = [_reason(reason) for reason in case.evidence.sensors]
    said["history"] = [line(entry, times) for entry in history]
    return said


def line(entry: Entry, times: SiteTimes) -> dict[str, Any]:
    """Return a line of a history."""
    finding = entry.finding
    quiet = _quiet(entry.snoozed, entry.asset, times) if entry.snoozed else ""
    found = (finding.outcome, finding.mode) if finding else ()
    about: list[str] = [entry.assignee, quiet, *found, entry.text, _planned(entry, times)]
    return {
        "version": entry.version,
        "when": times.said(entry.asset, entry.time_ms),
        "what": entry.kind,
        "who": entry.who or "the machine",
        "severity": entry.severity,
        "about": ", ".join(filter(None, about)) or None,
    }


def as_csv(cases: Iterable[Case], times: SiteTimes, now_ms: int) -> str:
    """Return cases as CSV, a line each, with a heading; times are ISO 8601 with their offset."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([_safe(value) for value in _record(case, times, now_ms)] for case in cases)
    return out.getvalue()


_COLUMNS = (
    *("case", "machine", "state", "severity", "openings", "opened", "changed", "active", "ended", "risk"),
    *("from", "until", "suspected", "acknowledged_by", "assignee", "outcome", "found_by", "found", "mode"),
    *("cause", "remedy", "downtime_h", "parts", "text", "version"),
)


def _record(case: Case, times: SiteTimes, now_ms: int) -> tuple[object, ...]:
    """Return a value for each of the columns."""
    evidence, found, asset = case.evidence, case.resolved, case.asset

    def iso(time_ms: int) -> str:
        return times.iso(asset, time_ms) if time_ms else ""

    return (
        *(case.case, asset, case.state(now_ms), case.severity, case.openings),
        *(iso(case.opened_ms), iso(case.changed_ms), case.active, case.ended, evidence.risk),
        *(iso(evidence.from_ms), iso(evidence.until_ms), evidence.fault),
        case.acknowledged.who if case.acknowledged else "",
        case.assigned.name if case.assigned else "",
        *((found.outcome, found.who, iso(found.time_ms), found.mode) if found else ("",) * 4),
        *((found.cause, found.remedy, found.downtime_h, found.parts, found.text) if found else ("",) * 5),
        case.version,
    )


def _safe(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula."""
    risky = isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{value}" if risky else value


def _span(case: Case, times: SiteTimes) -> str | None:
    """Say between which days the outcome is likely."""
    evidence = case.evidence
    if not evidence.until_ms:
        return None
    first, last = (times.date(case.asset, ms) for ms in (evidence.from_ms, evidence.until_ms))
    return first if first == last else f"{first} to {last}"


def _stopped(case: Case, times: SiteTimes, now_ms: int) -> str | None:
    """Say until when the machine of an open case is stopped as planned."""
    stop = case.stop_at(now_ms) if case.is_open else None
    return f"until {times.said(case.asset, stop.until_ms)}" if stop else None


def _planned(entry: Entry, times: SiteTimes) -> str:
    stop, asset = entry.stop, entry.asset
    return f"{times.said(asset, stop.from_ms)} to {times.said(asset, stop.until_ms)}" if stop else ""


def _quiet(snooze: Snooze, asset: str, times: SiteTimes) -> str:
    words = {"worse": "until it gets worse", "cleared": "until it clears"}
    return words.get(snooze.until) or f"until {times.said(asset, snooze.until_ms)}"


def _outcome(case: Case, times: SiteTimes) -> str | None:
    found = case.resolved
    if found is None:
        return None
    hours = f"{found.downtime_h:g} h down" if found.downtime_h is not None else ""
    said = (found.outcome, found.mode, found.cause, found.remedy, hours, found.parts)
    return f"{', '.join(filter(None, said))} ({found.who}, {times.said(case.asset, found.time_ms)})"


def _mode(mode: Mode) -> dict[str, Any]:
    return {"mode": mode.fault, "probability": percent(mode.probability)}


def _reason(reason: Reason) -> dict[str, Any]:
    return {"sensor": reason.key, "says": sentence(reason.label, reason.said, reason.usual)}
