from __future__ import annotations

import numpy as np
import pytest

from models.alerting.cases import Case, RiskSeries
from models.evaluation.events import BudgetReport, EventReport, evaluate_budget, evaluate_cases
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event


def trip(asset: str, day: float) -> Event:
    return Event(int(day * DAY_MS), asset, "shutdown", "code")


def judge(cases: list[tuple[str, float]], events: list[Event], end_d: float = 100.0) -> EventReport:
    opened = [Case(a, int(d * DAY_MS)) for a, d in cases]
    end_ms = int(end_d * DAY_MS)
    return evaluate_cases(
        opened, EventLog(events), Alerting(horizon_d=7.0), start_ms=0, end_ms=end_ms, assets=2
    )


def test_a_case_within_the_horizon_before_it_announces_a_shutdown() -> None:
    report = judge([("a", 5)], [trip("a", 9)])
    assert (report.shutdowns, report.alerted, report.lead_days, report.false_alarms) == (1, 1, (4.0,), ())


@pytest.mark.parametrize(("day", "alerted"), [(2.0, 1), (1.99, 0), (9.0, 0), (8.99, 1), (10.0, 0)])
def test_the_horizon_is_closed_at_its_far_end_and_open_at_the_shutdown(day: float, alerted: int) -> None:
    assert judge([("a", day)], [trip("a", 9)]).alerted == alerted


def test_the_case_of_one_machine_announces_no_other() -> None:
    report = judge([("b", 5)], [trip("a", 9)])
    assert (report.alerted, len(report.false_alarms), report.missed) == (0, 1, (trip("a", 9),))


def test_the_earliest_case_gives_the_lead_and_both_are_right() -> None:
    report = judge([("a", 8), ("a", 3)], [trip("a", 9)])
    assert (report.alerted, report.lead_days, report.false_alarms) == (1, (6.0,), ())


def test_a_case_announces_one_shutdown_and_none_after_it() -> None:
    report = judge([("a", 5)], [trip("a", 9), trip("a", 11)])
    assert (report.alerted, report.missed) == (1, (trip("a", 11),))
    again = judge([("a", 5), ("a", 10)], [trip("a", 9), trip("a", 11)])
    assert (again.alerted, again.lead_days) == (2, (4.0, 1.0))


def test_false_alarms_are_counted_per_year_of_observation() -> None:
    """Of the year the last week does not count: what opens in it is not settled at its end."""
    report = judge([("a", 5), ("a", 30), ("b", 40)], [], end_d=365.25 + 7)
    assert report.false_alarms_per_asset_year == 1.5


def test_false_alarms_that_work_explains_are_counted_apart() -> None:
    work = Event(31 * DAY_MS, "a", "maintenance", "corrective")
    report = judge([("a", 5), ("a", 30), ("b", 40)], [work], end_d=365.25 + 7)
    assert (len(report.false_alarms), report.explained) == (3, (Case("a", 30 * DAY_MS),))
    assert report.unexplained_per_asset_year == 1.0


def test_a_case_whose_horizon_reaches_beyond_the_end_is_not_judged() -> None:
    assert judge([("a", 94), ("a", 92)], []).false_alarms == (Case("a", 92 * DAY_MS),)


def test_shutdowns_outside_the_span_are_not_judged() -> None:
    report = judge([], [trip("a", 0), trip("a", 100), trip("a", 101)])
    assert report.shutdowns == 1


def test_without_alerts_there_is_no_median_lead() -> None:
    assert judge([], [trip("a", 9)]).lead_days_median is None


def fleet(days: int, assets: int = 10) -> RiskSeries:
    """Every day the machine with the highest number has the highest score."""
    end_ms = np.repeat(np.arange(days) * DAY_MS, assets)
    asset = np.tile(np.arange(assets, dtype=np.int32), days)
    return RiskSeries([f"a{i}" for i in range(assets)], asset, end_ms, asset.astype(float))


def budget(series: RiskSeries, events: list[Event], end_d: int) -> BudgetReport:
    return evaluate_budget(
        series, EventLog(events), share=0.1, horizon_d=7.0, start_ms=2 * DAY_MS, end_ms=end_d * DAY_MS
    )


def test_the_daily_share_with_the_highest_scores_is_flagged() -> None:
    report = budget(fleet(20), [trip("a9", 10), trip("a8", 10)], 20)
    assert (report.failures, report.alerted, report.lead_days_median, report.days_tested) == (2, 1, 7.0, 18)


def test_days_before_the_test_flag_nothing() -> None:
    assert budget(fleet(20), [trip("a9", 2), trip("a9", 3)], 20).lead_days_median == 1.0


def test_equal_scores_are_flagged_by_name() -> None:
    series = fleet(20)
    level = RiskSeries(*series.columns, np.zeros(len(series.risk)))
    assert budget(level, [trip("a0", 10), trip("a9", 10)], 20).alerted == 1


def test_a_missing_score_is_the_last_to_be_flagged() -> None:
    series = fleet(20)
    series.risk[series.asset == 9] = np.nan
    assert budget(series, [trip("a9", 10)], 20).alerted == 0


def test_windows_whose_horizon_was_not_observed_do_not_count_row_by_row() -> None:
    """Near the end only the failures would be known, not the machines that survive."""
    series, trips = fleet(20), [trip("a9", 12), trip("a2", 19)]
    unseen = series.end_ms > 13 * DAY_MS
    turned = RiskSeries(*series.columns, np.where(unseen, 0.0, series.risk))
    as_found, changed = budget(series, trips, 20), budget(turned, trips, 20)
    assert (as_found.roc_auc, as_found.average_precision) == (changed.roc_auc, changed.average_precision)
    level = RiskSeries(*series.columns, np.where(unseen, series.risk, 0.0))
    assert budget(level, trips, 20).roc_auc == 0.5


def test_without_failures_there_is_no_area() -> None:
    report = budget(fleet(20), [], 20)
    assert (report.failures, report.roc_auc, report.average_precision) == (0, None, None)


def test_a_case_whose_horizon_ends_with_the_span_is_judged() -> None:
    assert judge([("a", 93)], []).false_alarms == (Case("a", 93 * DAY_MS),)


def test_the_lead_that_is_told_is_the_median() -> None:
    report = judge([("a", 8), ("b", 8), ("c", 3)], [trip(asset, 9) for asset in "abc"])
    assert report.lead_days_median == 1.0


def test_a_window_that_ends_with_the_span_is_not_tested() -> None:
    series = RiskSeries(["a"], np.zeros(3, np.int32), np.arange(3) * DAY_MS, np.zeros(3))
    report = evaluate_budget(series, EventLog(), share=0.5, horizon_d=1.0, start_ms=0, end_ms=2 * DAY_MS)
    assert report.days_tested == 2
