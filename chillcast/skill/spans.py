"""Whether a shutdown comes between the days that a case says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chillcast.skill.judgement import Verdict
from chillcast.skill.survey import Survey
from models.alerting.cases import Case, Settled, cases_of
from models.alerting.hysteresis import HysteresisPolicy
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.risk.remaining import Span, case_days, learn_span, share_within
from models.telemetry.labels import time_to_next
from models.telemetry.samples import Float64, Int64


@dataclass(frozen=True, slots=True)
class SpanSkill:
    """In which share of the cases with a shutdown it came in the span, and how wide that was, in days."""

    right: float | None
    days_median: float | None


def span_skill(fleet: Fleet, verdict: Verdict, develop: Survey, judge: Survey) -> SpanSkill:
    """Learn spans from the cases on the first, as training does; judge those of cases on the second."""
    if verdict.contender.curves is None:
        return SpanSkill(None, None)
    known, judged = verdict.contender.curves
    policy = HysteresisPolicy(verdict.alerting, verdict.threshold)
    cases = cases_of(policy, verdict.contender.develop, develop.log)
    learnt = _learnt(fleet, known, *_stopped(fleet, develop, cases))
    rows, wait_d = _stopped(fleet, judge, verdict.cases)
    if not len(rows):
        return SpanSkill(None, None)
    said = [case_days(judged[row], fleet.horizons_d, fleet.alerting, learnt) for row in rows.tolist()]
    days = np.array(said)
    right = (days[:, 0] <= wait_d) & (wait_d <= days[:, 1])
    return SpanSkill(float(right.mean()), float(np.median(days[:, 1] - days[:, 0])))


def _stopped(fleet: Fleet, survey: Survey, cases: Sequence[Case]) -> tuple[Int64, Float64]:
    """Return the rows at which settled cases opened that a shutdown followed, and after how many days."""
    places = survey.places
    settled = Settled(fleet.alerting, *survey.span_ms).counted(cases)
    rows = np.array([places[case] for case in settled if case in places], np.int64)
    wait_ms = time_to_next(survey.keys, survey.log)[rows]
    stopped = wait_ms <= fleet.alerting.case_ms
    return rows[stopped], wait_ms[stopped] / DAY_MS


def _learnt(fleet: Fleet, curve: Float64, rows: Int64, wait_d: Float64) -> Span | None:
    until_d = fleet.alerting.case_ms / DAY_MS
    pairs = zip(rows.tolist(), wait_d.tolist(), strict=True)
    shares = [share_within(curve[row], fleet.horizons_d, until_d, wait) for row, wait in pairs]
    return learn_span(np.array(shares, np.float64), np.ones(len(shares)))
