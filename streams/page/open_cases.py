"""The open case of each machine as it stands now, as the list of cases has it, too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from models.cases.case import Case
from streams.stores.case_points import read_case
from streams.stores.selection import ASSET, Condition, Selection
from streams.stores.store import Reader, Row

_OPEN = Condition("open", "=", 1.0)
_NO_END = 2**31 - 1  # a machine has one open case at most
_OF_OPEN = Selection("cases", "rank", (_OPEN,), most=_NO_END)


def open_cases(reader: Reader) -> dict[str, Case]:
    """Return the open case of each machine that has one."""
    return _by_asset(reader.select(_OF_OPEN).rows)


def open_cases_before(reader: Reader, bound_ms: int, lost: Collection[str]) -> dict[str, Case]:
    """Return the open case of each machine, none that opened at ``bound_ms`` or after it.

    Of the ``lost``, whose clocks have never been believed, those that opened later are returned, too.
    """
    possible = [row for row in reader.latest("cases", bound_ms) if row.fields.get(_OPEN.name) == _OPEN.value]
    found = _by_asset(possible)
    if lost:
        of_lost = Selection("cases", "rank", (_OPEN, Condition(ASSET, "of", lost)), most=_NO_END)
        found |= _by_asset(reader.select(of_lost).rows)
    return found


def told_of(case: Case, now_ms: int) -> Mapping[str, Any]:
    """Return a case as programs are told of it, in the state that it has at an event time."""
    said = case.evidence
    return {
        "case": case.case,
        "state": case.state(now_ms),
        "severity": case.severity,
        "active": case.active,
        "assignee": case.assigned.name if case.assigned else "",
        "acknowledged_by": case.acknowledged.who if case.acknowledged else "",
        "opened_ms": case.opened_ms,
        "since_ms": said.time_ms,
        "from_ms": said.from_ms or None,
        "until_ms": said.until_ms or None,
        "text": said.text,
        "fault": said.fault,
        "check": said.check,
        "model": said.model,
        "risk": said.risk,
        "threshold": said.threshold,
        "sensors": said.sensors,
        "causes": said.causes,
        "modes": said.modes,
    }


def _by_asset(rows: Collection[Row]) -> dict[str, Case]:
    return {row.tags.get(ASSET, ""): read_case(row) for row in rows}
