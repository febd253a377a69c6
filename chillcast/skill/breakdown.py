"""What the model was worth by cause and by season, and whether its risks come true in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from chillcast.skill.contenders import Contender
from chillcast.skill.judgement import BudgetOf, Verdict, foreseen, is_early, on_sound
from chillcast.skill.survey import Survey
from models.alerting.cases import Case
from models.event_time import DAY_MS, YEAR_MS
from models.fleet.fleet import Fleet
from models.telemetry.labels import label
from models.telemetry.samples import Int64

SEASONS = ("Jan–Mar", "Apr–Jun", "Jul–Sep", "Oct–Dec")
SUDDEN, NO_FAULT = "sudden", "no fault"


class CauseRow(msgspec.Struct, frozen=True, kw_only=True):
    """Shutdowns by what led to them: a kind of gradual fault, ``sudden``, or ``no fault``."""

    budget: float
    budget_of: BudgetOf
    cause: str
    shutdowns: int
    announced: int
    three_days_ahead: int


class SeasonRow(msgspec.Struct, frozen=True, kw_only=True):
    """Foreseeable shutdowns by their quarter of the year, and false alarms by when they were opened.

    ``false_alarms``, ``unexplained_alarms`` and ``sound_alarms`` are per machine-year of that quarter.
    """

    budget: float
    budget_of: BudgetOf
    season: str
    shutdowns: int
    foreseeable: int
    announced: int
    three_days_ahead: int
    machine_years: float
    false_alarms: float
    unexplained_alarms: float
    sound_alarms: float


class CalibrationRow(msgspec.Struct, frozen=True, kw_only=True):
    """The mean risk over the alerting horizon against the share of windows that a shutdown followed in it.

    ``error_points`` is the first less the second, in percentage points. Only windows whose whole horizon was
    observed count.
    """

    season: str
    windows: int
    mean_risk: float
    observed: float
    error_points: float


def by_cause(verdict: Verdict, judge: Survey) -> list[CauseRow]:
    """Return a row for each cause that stopped a machine, the most frequent first."""
    cause = {(s.asset, s.time_ms): SUDDEN if s.is_sudden else s.cause or NO_FAULT for s in judge.shutdowns}
    announced = [(cause[e.asset, e.time_ms], is_early(e, at_ms)) for e, at_ms in verdict.report.announced]
    said = Counter(name for name, _ in announced)
    early = Counter(name for name, was_early in announced if was_early)
    all_ = said + Counter(cause[e.asset, e.time_ms] for e in verdict.report.missed)
    return [
        CauseRow(
            budget=verdict.alerting.false_alarms_per_asset_year,
            budget_of=verdict.alerting.budget_of,
            cause=name,
            shutdowns=count,
            announced=said[name],
            three_days_ahead=early[name],
        )
        for name, count in sorted(all_.items(), key=lambda item: (-item[1], item[0]))
    ]


def by_season(verdict: Verdict, judge: Survey) -> list[SeasonRow]:
    """Return a row for each quarter of the year."""
    report, found = verdict.report, foreseen(verdict.report, judge)
    explained = set(report.explained)
    doubtful = [case for case in report.false_alarms if case not in explained]
    years = _years(judge, verdict.alerting.case_ms)
    stops = _counts(e.time_ms for e in [*(e for e, _ in report.announced), *report.missed])
    announced = _counts(e.time_ms for e, _ in found.announced)
    missed = _counts(e.time_ms for e in found.missed)
    early = _counts(e.time_ms for e, at_ms in found.announced if is_early(e, at_ms))
    false, unexplained, sound = (
        _rates(cases, years)
        for cases in (report.false_alarms, doubtful, on_sound(report.false_alarms, judge))
    )
    return [
        SeasonRow(
            budget=verdict.alerting.false_alarms_per_asset_year,
            budget_of=verdict.alerting.budget_of,
            season=season,
            shutdowns=stops[q],
            foreseeable=announced[q] + missed[q],
            announced=announced[q],
            three_days_ahead=early[q],
            machine_years=years[q],
            false_alarms=false[q],
            unexplained_alarms=unexplained[q],
            sound_alarms=sound[q],
        )
        for q, season in enumerate(SEASONS)
    ]


def calibration(fleet: Fleet, contender: Contender, judge: Survey) -> list[CalibrationRow]:
    """Return how the risks on the judged fleets came true: in all, and in each quarter that was seen."""
    horizon_d = fleet.alerting.horizon_d
    labels = label(judge.keys, judge.log, judge.span_ms[1], fleet.training.censor or ("maintenance",))
    known, followed, season = labels.known(horizon_d), labels.follows(horizon_d), _quarter(judge.keys.end_ms)
    rows = []
    for name, of in [("all year", known), *((s, known & (season == q)) for q, s in enumerate(SEASONS))]:
        if of.any():
            risk, observed = float(contender.judge.risk[of].mean()), float(followed[of].mean())
            rows.append(
                CalibrationRow(
                    season=name,
                    windows=int(of.sum()),
                    mean_risk=risk,
                    observed=observed,
                    error_points=100 * (risk - observed),
                )
            )
    return rows


def _quarter(time_ms: Int64) -> Int64:
    """Return 0 to 3 for each time."""
    months = time_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months % 12 // 3, np.int64)


def _counts(times_ms: Iterable[int]) -> list[int]:
    counted = np.bincount(_quarter(np.array(list(times_ms), np.int64)), minlength=len(SEASONS))
    return [int(count) for count in counted]


def _rates(cases: Sequence[Case], years: Sequence[float]) -> list[float]:
    counts = _counts(case.opened_ms for case in cases)
    return [count / of if of else 0.0 for count, of in zip(counts, years, strict=True)]


def _years(judge: Survey, case_ms: float) -> list[float]:
    """Return for how many machine-years of each quarter cases were counted."""
    start_ms, end_ms = judge.span_ms
    days = np.arange(start_ms, end_ms - case_ms, DAY_MS).astype(np.int64)
    share = DAY_MS / YEAR_MS * len(judge.keys.assets)
    return [count * share for count in np.bincount(_quarter(days), minlength=len(SEASONS)).tolist()]
