"""The weeks ahead and behind: when the outcomes of cases are likely, and which maintenance was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from markupsafe import Markup

from models.cases.case import Case
from models.event_time import DAY_MS
from streams.page.plot import Frame, moments
from streams.stores.selection import TIME, Condition, Selection
from streams.stores.store import Reader

AHEAD_D, BEHIND_D = 28, 28
_MOST_EVENTS = 200
_KINDS = ("maintenance", "repair", "service")


@dataclass(frozen=True, slots=True)
class Plan:
    """Cases with a span, the soonest first; ``done`` is maintenance (time, asset, code), the newest first."""

    now_ms: int
    cases: Sequence[Case]
    undated: int
    done: Sequence[tuple[int, str, str]]

    def draw(self, case: Case, zone: tzinfo) -> Markup:
        """Return the span of a case among the days ahead as SVG."""
        frame = Frame(self.now_ms, self.now_ms + AHEAD_D * DAY_MS, 0.0, 1.0, 560, 30, 8, 8, 4, 4)
        evidence = case.evidence
        name = "likely-critical" if case.severity == "critical" else "likely-warning"
        bar = frame.span(name, evidence.from_ms, evidence.until_ms, case.case)
        found = moments(self.now_ms, self.now_ms + AHEAD_D * DAY_MS, zone)
        ticks = [frame.upright("grid", time_ms, words) for time_ms, words in found]
        return frame.closed(f"within the next {AHEAD_D} days", [*ticks, bar])


def read_plan(reader: Reader, cases: Sequence[Case], now_ms: int) -> Plan:
    """Return the plan of cases, and what was done at machines lately."""
    dated = [case for case in cases if case.evidence.until_ms and case.active]
    asked = (
        Condition(TIME, ">", float(now_ms - BEHIND_D * DAY_MS)),
        Condition(TIME, "<=", float(now_ms)),
        Condition("kind", "of", _KINDS),
    )
    told = reader.select(Selection("events", TIME, asked, descending=True, most=_MOST_EVENTS, every=True))
    done = [
        (row.time_ms, row.tags.get("asset", ""), row.tags.get("code") or str(row.fields.get("code", "")))
        for row in told.rows
    ]
    ordered = sorted(dated, key=lambda case: (case.evidence.until_ms, case.asset))
    return Plan(now_ms, ordered, len(cases) - len(dated), done)
