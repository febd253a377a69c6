"""Cases over a span of time: which opened, which are settled, false or explained."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.alerting.decision import Decision
from models.alerting.policy import Policy
from models.event_time import YEAR_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import FINDING, FOUND, EventLog
from models.telemetry.samples import Event, Float64
from models.telemetry.window_keys import WindowKeys


@dataclass(frozen=True, slots=True)
class RiskSeries(WindowKeys):
    """Risks (n,) of windows; NaN if none is said."""

    risk: Float64


class Case(NamedTuple):
    """A case of a machine. One that stands for longer than its time counts as another, which is as false."""

    asset: str
    opened_ms: int

    def announces(self, event: Event, case_ms: float) -> bool:
        """Return whether the case announced an event, which came in its time."""
        return event.asset == self.asset and 0 < event.time_ms - self.opened_ms <= case_ms


def cases_of(policy: Policy, series: RiskSeries, log: EventLog) -> list[Case]:
    """Run a policy over risks and outcomes in order of time; return the cases, in the order they opened."""
    return opened_by(decisions_of(policy, series, log))


def opened_by(decided: Iterable[Decision]) -> list[Case]:
    """Return the cases that decisions open."""
    return [Case(d.asset, d.time_ms) for d in decided if d.stage == "open"]


def decisions_of(policy: Policy, series: RiskSeries, log: EventLog) -> list[Decision]:
    """Run a policy over risks and outcomes in order of time; return what it decides, in that order.

    As workers do, it decides on all windows of one end before it sees what happened at or after that.
    """
    happened, seen_ms = deque(log.outcomes), 0
    decided: list[Decision] = []
    for i in np.lexsort((series.asset, series.end_ms)).tolist():
        end_ms = int(series.end_ms[i])
        if end_ms != seen_ms:
            decided += policy.advance(seen_ms)
            seen_ms = end_ms
        while happened and happened[0].time_ms < end_ms:
            event = happened.popleft()
            decided += policy.event(event.asset, event.time_ms)
        decided += policy.observe(series.assets[series.asset[i]], end_ms, float(series.risk[i]))
    return decided + policy.advance(seen_ms)


@dataclass(frozen=True, slots=True)
class Settled:
    """Which cases opened in [start, end] are settled at its end: nobody knows yet what of the others comes.

    A span that is too short to settle any settles all, as if nothing followed.
    """

    alerting: Alerting
    start_ms: int
    end_ms: int

    @property
    def last_ms(self) -> float:
        """Until when cases are counted."""
        last_ms = self.end_ms - self.alerting.case_ms
        return last_ms if last_ms > self.start_ms else self.end_ms

    @property
    def years(self) -> float:
        """How long cases were counted, in years of one machine."""
        return (self.last_ms - self.start_ms) / YEAR_MS

    def counted(self, cases: Iterable[Case]) -> list[Case]:
        """Return those of the cases that are counted."""
        return [case for case in cases if self.start_ms <= case.opened_ms <= self.last_ms]


def uncensored(cases: Iterable[Case], log: EventLog, case_ms: float) -> list[Case]:
    """Return the cases of which it is known what they announced: no planned stop fell into their time.

    One that an outcome followed all the same announced it.
    """
    stops = log.planned_stops
    return [
        case
        for case in cases
        if not stops.touches(*case, case.opened_ms + case_ms) or log.outcomes.follows(*case, case_ms)
    ]


def false_cases(cases: Iterable[Case], log: EventLog, case_ms: float) -> list[Case]:
    """Return the cases that announced no outcome, though their machines were left to themselves."""
    alone = uncensored(cases, log, case_ms)
    return [case for case in alone if not log.outcomes.follows(*case, case_ms)]


def unexplained(cases: Iterable[Case], log: EventLog, alerting: Alerting) -> list[Case]:
    """Return the cases that no work followed which found a fault, and of which nobody said it was one."""
    found = {"maintenance": alerting.confirmed_by, FINDING: FOUND}
    work = EventLog(e for e in log.only(*found) if e.code in found[e.kind])
    return [case for case in cases if not work.follows(*case, alerting.case_ms)]
