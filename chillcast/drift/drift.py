"""What the store holds of drift with a name in a time, and what was done about each signal."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from chillcast.drift.report import DriftReport, SignalRow, WeekRow
from chillcast.resources import Resources
from chillcast.retraining.desk import ModelDesk
from models.cases.case import Case
from models.errors import StateError
from models.event_time import DAY_MS
from models.telemetry.samples import utc
from streams.page.champion_drift import CONCERNS, answer_to, in_words
from streams.stores.case_reader import cases_of, watermarks_of
from streams.stores.drift_reader import CLASSES, NamedDrift, Week, named_drift, weeks
from streams.stores.store import Reader

_ANSWERED_MS = 30 * DAY_MS
Runs = Sequence[Mapping[str, Any]]


def report_of(resources: Resources, span_ms: tuple[int, int]) -> DriftReport:
    """Return what was told in [from, until), up to how far the fleet is seen.

    Raises StateError if nothing has come as far as that.
    """
    runs = ModelDesk(resources).retraining()["runs"]
    with closing(resources.open_reader()) as reader:
        start_ms, end_ms = span_ms[0], min(span_ms[1], max(watermarks_of(reader), default=-1) + 1)
        if start_ms >= end_ms:
            raise StateError("the store holds nothing of this time: run the pipeline, or replay a recording")
        many, signals = named_drift(reader, start_ms, end_ms)
        worth = weeks(reader, start_ms, end_ms)
        told = [one.time_ms for one in signals] + [week.time_ms for week in worth]
        start_ms = start_ms or min(told, default=end_ms - DAY_MS) - DAY_MS
        labels = {point.key: point.label for point in resources.fleet.points}
        rows = [_row(one, labels, done) for one, done in _answered(reader, signals, runs)]
    return DriftReport(
        fleet=resources.fleet.name,
        from_=utc(start_ms),
        until=utc(end_ms - 1),
        start_ms=start_ms,
        end_ms=end_ms,
        told=many,
        classes={name: sum(one.cause == name for one in signals) for name in CLASSES},
        signals=rows,
        weeks=list(map(_of_week, worth)),
    )


def _answered(reader: Reader, signals: Sequence[NamedDrift], runs: Runs) -> list[tuple[NamedDrift, str]]:
    """Return signals, each with what was done: of a machine its case, of many the next retraining."""
    cases = functools.cache(lambda asset: cases_of(reader, asset))
    return [(one, _done(one, cases, runs)) for one in signals]


def _done(one: NamedDrift, cases: Callable[[str], list[Case]], runs: Runs) -> str:
    if one.cause in CONCERNS or not one.asset:
        return in_words(answer_to(one.time_ms, runs))
    about = [case for case in cases(one.asset) if _is_about(case, one.time_ms)]
    return _of_case(about[-1]) if about else ""


def _is_about(case: Case, time_ms: int) -> bool:
    """Return whether a case stood when something was told, or opened within a month of it."""
    return case.opened_ms <= time_ms + _ANSWERED_MS and (case.is_open or case.changed_ms >= time_ms)


def _of_case(case: Case) -> str:
    who = f", {case.assigned.name} has it" if case.assigned and case.is_open else ""
    found = f" ({case.resolved.outcome})" if case.resolved else ""
    return f"case {case.case}: {case.state()}{found}{who}"


def _row(one: NamedDrift, labels: Mapping[str, str], done: str) -> SignalRow:
    return SignalRow(
        time=utc(one.time_ms),
        time_ms=one.time_ms,
        cause=one.cause,
        sensor=one.sensor,
        label=labels.get(one.sensor, one.sensor),
        segment=one.segment,
        partition=one.partition,
        effect=one.effect,
        unit=one.unit,
        said=one.said,
        deviations=one.deviations,
        psi=one.psi,
        ks=one.ks,
        wasserstein=one.wasserstein,
        machines=list(one.machines),
        text=one.text,
        done=done,
    )


def _of_week(week: Week) -> WeekRow:
    return WeekRow(
        until=utc(week.time_ms),
        time_ms=week.time_ms,
        foretold=week.foretold,
        realised=week.realised,
        labels=week.labels,
        coverage=week.coverage,
        age_d=week.age_d,
    )
