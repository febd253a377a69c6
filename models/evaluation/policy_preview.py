"""What a policy would have done on risks that were said: cases, false alarms, lead, load on people."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.alerting.cases import Case, RiskSeries, decisions_of, false_cases, opened_by
from models.alerting.decision import Decision
from models.alerting.policy import create_policy
from models.alerting.threshold import tried_thresholds
from models.evaluation.events import EventReport, evaluate_cases
from models.event_time import HOUR_MS, MINUTE_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog

_TRIED = 16
_TEN_MINUTES_MS = 10 * MINUTE_MS
FLOOD = 10
"""So many alarms a person within ten minutes are a flood (EEMUA 191)."""


@dataclass(frozen=True, slots=True)
class Crew:
    """How many people answer at once, and for how long a shift lasts."""

    people: int = 1
    shift_h: float = 8.0


@dataclass(frozen=True, slots=True)
class Load:
    """Cases that open, a person and shift: on average and at most; and how often ten minutes were a flood."""

    mean: float
    most: float
    idle_share: float
    floods: int


@dataclass(frozen=True, slots=True)
class Held:
    """A case that opened in a planned stop: what is still open at its end is told then, else never."""

    case: Case
    told_ms: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """One threshold, and what came of it over a history; ``held`` are cases not told at once."""

    threshold: float
    cases: tuple[Case, ...]
    report: EventReport
    held: tuple[Held, ...] = ()

    @property
    def told(self) -> list[Case]:
        """The cases that somebody hears of, as of when they do."""
        later = {one.case: one.told_ms for one in self.held}
        told = [(case.asset, later.get(case, case.opened_ms)) for case in self.cases]
        return [Case(asset, time_ms) for asset, time_ms in told if time_ms is not None]


class PolicyTrials:
    """A history of risks and events, on which thresholds are tried; its span is that of its windows."""

    def __init__(self, alerting: Alerting, series: RiskSeries, log: EventLog) -> None:
        self.alerting, self.series, self.log = alerting, series, log
        self.start_ms, self.end_ms = int(series.end_ms.min()), int(series.end_ms.max())
        self.machines = len(np.unique(series.asset))

    def at(self, threshold: float) -> Trial:
        """Run the policy at a threshold."""
        decided = decisions_of(create_policy(self.alerting, threshold), self.series, self.log)
        cases = opened_by(decided)
        span = {"start_ms": self.start_ms, "end_ms": self.end_ms, "assets": self.machines}
        report = evaluate_cases(cases, self.log, self.alerting, **span)
        return Trial(threshold, tuple(cases), report, tuple(self._held(cases, decided)))

    def curve(self) -> list[Trial]:
        """Run it at thresholds from high to low; one trial if the riskiest share is alerted instead.

        Raises ModelError if no risk is said of any window.
        """
        if self.alerting.daily_share is not None:
            return [self.at(0.0)]
        return [self.at(t) for t in np.unique(tried_thresholds(self.series.risk, _TRIED))[::-1].tolist()]

    def _held(self, cases: Iterable[Case], decided: Iterable[Decision]) -> Iterator[Held]:
        """Yield the cases that opened in a planned stop; of one that outlasts the history nobody hears."""
        ends: dict[str, list[int]] = defaultdict(list)
        for one in decided:
            if one.stage == "closed":
                ends[one.asset].append(one.time_ms)
        for case in cases:
            until_ms = self.log.planned_stops.until_ms(*case)
            if until_ms is not None:
                is_over = any(case.opened_ms <= end_ms < until_ms for end_ms in ends[case.asset])
                yield Held(case, None if is_over or until_ms > self.end_ms else until_ms)

    def load(self, cases: Sequence[Case], crew: Crew) -> Load:
        """Return what cases are to a crew, each as of when somebody hears of it."""
        shifts = max(int(np.ceil((self.end_ms - self.start_ms) / (crew.shift_h * HOUR_MS))), 1)
        opened = np.array([case.opened_ms - self.start_ms for case in cases], np.int64)
        by_shift = np.bincount(opened // int(crew.shift_h * HOUR_MS), minlength=shifts) / crew.people
        by_span = Counter((opened // _TEN_MINUTES_MS).tolist())
        floods = sum(count / crew.people >= FLOOD for count in by_span.values())
        return Load(float(by_shift.mean()), float(by_shift.max()), float(np.mean(by_shift == 0)), floods)

    def worst(self, cases: Sequence[Case], most: int = 10) -> list[tuple[str, int, int]]:
        """Return the machines with the most cases: name, cases, and how many of them were false."""
        false = Counter(c.asset for c in false_cases(cases, self.log, self.alerting.case_ms))
        counts = Counter(case.asset for case in cases)
        ranked = sorted(counts, key=lambda name: (-counts[name], -false[name], name))
        return [(name, counts[name], false[name]) for name in ranked[:most]]


def reasons_of(
    cases: Sequence[Case], said: Mapping[str, Sequence[tuple[int, str]]], case_ms: float
) -> list[tuple[str, int]]:
    """Return what cases were suspected to be, most first, by what was ``said`` of a machine, and when.

    A case that nothing was said of within its time is not counted.

    >>> reasons_of([Case("a", 5), Case("b", 5)], {"a": [(7, "leak")]}, 10)
    [('leak', 1)]
    """
    found = Counter[str]()
    for case in cases:
        near = [(abs(t - case.opened_ms), what) for t, what in said.get(case.asset, ()) if what]
        if near and min(near)[0] <= case_ms:
            found[min(near)[1]] += 1
    return sorted(found.items(), key=lambda one: (-one[1], one[0]))
