from __future__ import annotations

import numpy as np
import pytest

from models.alerting.cases import RiskSeries
from models.evaluation.backtest import Backtest, figures
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Event

ASSETS = ["a", "b", "c", "d"]
ALERTING = Alerting(
    horizon_d=7.0, raise_count=1, raise_among=1, cooldown_d=7.0, false_alarms_per_asset_year=4.0
)
EVENTS = EventLog(
    [Event(20 * DAY_MS + 1, "a", "shutdown", "surge"), Event(80 * DAY_MS + 1, "b", "shutdown", "oil")]
)
EXAM = Backtest(ALERTING, EVENTS, earlier_ms=(0, 50 * DAY_MS), later_ms=(50 * DAY_MS, 110 * DAY_MS), top_k=1)


def series(telling: bool = True, alarm_day: int | None = None) -> RiskSeries:
    """Return daily risks: high in the five days before a shutdown, and on one day of ``d`` without one."""
    days = np.repeat(np.arange(110), len(ASSETS))
    asset = np.tile(np.arange(len(ASSETS), dtype=np.int32), 110)
    risk = np.full(len(days), 0.05) + asset * 1e-4
    for number, trip in ((0, 20), (1, 80)):
        risk[telling & (asset == number) & (days > trip - 5) & (days <= trip)] = 0.9
    if alarm_day is not None:
        risk[(asset == 3) & (days == alarm_day)] = 0.95
    return RiskSeries(ASSETS, asset, days * DAY_MS, risk)


def test_what_announces_itself_is_found_by_cause_with_its_lead() -> None:
    found = EXAM.judge("model", "", series(), is_probability=True)
    assert (found.shutdowns, found.alerted, found.recall, found.false_alarms) == (1, 1, 1.0, 0)
    assert found.lead_days_median == pytest.approx(4.0, abs=0.1)
    assert found.by_cause["oil"].alerted == 1
    assert found.precision == 1.0
    assert found.roc_auc is not None
    assert found.roc_auc > 0.8
    windows = [b.windows for b in found.calibration]
    assert windows[0] == pytest.approx(sum(windows) / 2, abs=1)
    assert windows[-1] == windows[-2] < windows[0] / 50
    predicted = [b.predicted for b in found.calibration]
    assert predicted == sorted(predicted)
    assert found.calibration[-1].observed == 1.0


def test_figures_by_segment_are_of_the_machines_in_it() -> None:
    backtest = Backtest(
        ALERTING, EVENTS, (0, 10 * DAY_MS), (10 * DAY_MS, 110 * DAY_MS), 1, lambda a: f"site:{a}/1"
    )
    found = backtest.judge("model", "", series(), is_probability=True, threshold=0.5)
    metrics = figures([found])
    assert (metrics["model_recall/site:a_1"], metrics["model_shutdowns/site:b_1"]) == (1.0, 1.0)
    rival = backtest.judge("rules", "", series(), threshold=0.5)
    assert not [name for name in figures([rival]) if "/" in name]


def test_the_threshold_is_learnt_on_the_earlier_days_alone() -> None:
    later = series(alarm_day=100)
    later.risk[later.end_ms >= 50 * DAY_MS] /= 10
    assert EXAM.judge("model", "", later).threshold == EXAM.judge("model", "", series()).threshold


def test_a_false_alarm_that_work_followed_is_still_false_and_counted_as_confirmed() -> None:
    work = Event(72 * DAY_MS, "d", "maintenance", "corrective")
    backtest = Backtest(ALERTING, EventLog([*EVENTS, work]), EXAM.earlier_ms, EXAM.later_ms)
    found = backtest.judge("model", "", series(alarm_day=70), threshold=0.5)
    assert (found.false_alarms, found.confirmed) == (1, 1)
    assert EXAM.judge("model", "", series(alarm_day=70), threshold=0.5).confirmed == 0


def test_a_score_that_says_nothing_announces_nothing_at_the_budget() -> None:
    found = EXAM.judge("chance", "", series(telling=False))
    assert found.alerted == 0
    assert found.brier is None


def test_a_daily_share_flags_without_a_threshold() -> None:
    backtest = Backtest(Alerting(horizon_d=7.0, daily_share=0.25), EVENTS, EXAM.earlier_ms, EXAM.later_ms)
    found = backtest.judge("model", "", series())
    assert (found.threshold, found.alerted) == (None, 1)


def test_figures_are_flat_numbers() -> None:
    found = figures([EXAM.judge("best sensor", "", series())])
    assert found["best_sensor_recall"] == 1.0
    assert "best_sensor_brier" not in found
