"""A fitted model judged on days that it has not seen, beside every baseline and on the same windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chillcast.terminal.reporter import Advance
from models.alerting.cases import RiskSeries
from models.alerting.said import said
from models.evaluation.backtest import Backtest, BacktestResult
from models.evaluation.baselines import Watched, baselines, day_columns, newest_columns, while_running
from models.evaluation.cause_accuracy import Hints, Naming, judge_naming
from models.event_time import DAY_MS
from models.features.kernel import Windows
from models.features.schema import FeatureSchema
from models.learning.fitting import Fitted
from models.learning.history import KeptWindows
from models.learning.plan import Chosen, TrainingPlan
from models.learning.restarts import WithRestarts
from models.learning.scoring import WindowScorer
from models.risk.causes import temperature_scaled
from models.store.dataset import Dataset, StoredHistory
from models.store.feature_store import FeatureStore
from models.telemetry.event_log import EventLog
from models.telemetry.labels import is_down, time_to_next, within
from models.telemetry.samples import Event


@dataclass(frozen=True, slots=True)
class Judged:
    """What is judged: all windows as baselines look at them, and the risks from the split on.

    ``undivided`` is what the fleet's model alone would say: the same if it has no segments. ``hints`` at the
    causes, if the model has any, are of the windows before an outcome.
    """

    watched: Watched
    risks: RiskSeries
    undivided: RiskSeries
    log: EventLog
    hints: Hints | None


class Judging:
    """Goes through a dataset once more, with a model that was fitted as planned."""

    def __init__(self, store: FeatureStore, dataset: Dataset, plan: TrainingPlan, fitted: Fitted) -> None:
        self.plan, self.fitted, fleet = plan, fitted, plan.fleet
        plain = FeatureSchema(fleet)
        daily, newest = day_columns(plain), newest_columns(plain)
        stored = StoredHistory(store, dataset, fleet, (*daily, *newest))
        self.history = WithRestarts(stored, fleet)
        places = {name: i for i, name in enumerate(self.history.schema.names)}
        self._daily, self._newest = ([places[name] for name in names] for names in (daily, newest))
        self._sensors, self._levels = KeptWindows(), KeptWindows()
        self._scorer = WindowScorer(fitted.models, self.history)
        self._all = EventLog(stored.all_events)

    def see(self, until_ms: int, advance: Advance) -> Judged:
        """Go through the windows up to ``until_ms``: on the stride up to the split, then all, with scores."""
        start_ms, split_ms = self.plan.start_ms, self.plan.split_ms

        def passed(windows: Windows) -> Windows:
            advance((int(windows.end_ms[-1]) - start_ms) / (until_ms - start_ms), "")
            return windows

        for windows in self.history.until(split_ms - 1, self.plan.fleet.training.stride_s):
            self._watch(passed(windows))
        for windows in self.history.until(until_ms):
            self._watch(passed(windows))
            self._score(windows)
        return self._seen(EventLog(self.history.events))

    def _watch(self, windows: Windows) -> None:
        """Keep what baselines look at."""
        keys = self.history.keys(windows)
        self._sensors.add(keys, windows.values[:, self._daily])
        self._levels.add(keys, while_running(self.plan.fleet, windows.values[:, self._newest]))

    def _score(self, windows: Windows) -> None:
        followed = within(time_to_next(windows, self._all), self.plan.fleet.alerting.horizon_d)
        self._scorer.score(windows, np.arange(len(windows)))
        self._scorer.hint(windows, np.flatnonzero(followed))

    def _seen(self, log: EventLog) -> Judged:
        raw, models, horizon = self._scorer.risks(), self.fitted.models, self.plan.fleet.horizon
        risk = models.calibrated(raw.keys.assets, raw.keys.asset, raw.risk)[:, horizon]
        alone = models.fleet.calibrated(raw.fleet)[:, horizon]
        told = (said(self.plan.fleet.alerting, r, raw.evidence) for r in (risk, alone))
        own, undivided = (RiskSeries(*raw.keys.columns, r) for r in told)
        return Judged(self._watched(log), own, undivided, log, self._hints())

    def _hints(self) -> Hints | None:
        causes, found = self.fitted.model.causes, self._scorer.hints()
        if causes is None or found is None:
            return None
        keys, raw = found
        probability = temperature_scaled(raw, causes.temperature)
        return Hints(*keys.columns, probability, causes.codes)

    def _watched(self, log: EventLog) -> Watched:
        """Label the windows of the training slice for the baselines, as the model's are."""
        plan, (keys, sensors), (_, newest) = self.plan, self._sensors.table(), self._levels.table()
        horizon_d, labels = plan.fleet.alerting.horizon_d, plan.label(keys, log, plan.split_ms)
        taught = plan.takes_part(keys.assets)[keys.asset] & (keys.end_ms <= plan.split_ms)
        down = is_down(keys, log, plan.fleet.training.downtime_s)
        taught &= ~down & labels.known(horizon_d)
        label = labels.follows(horizon_d)
        return Watched(*keys.columns, sensors, newest, label, taught)


def judge_model(seen: Judged, backtest: Backtest, threshold: float) -> BacktestResult:
    """Judge the model by the threshold that it has."""
    text = "LightGBM hazard, calibrated"
    return backtest.judge("model", text, seen.risks, is_probability=True, threshold=threshold)


def judge_others(
    seen: Judged, backtest: Backtest, plan: TrainingPlan, *, divided: bool
) -> list[BacktestResult]:
    """Judge every baseline; and, beside a set that is ``divided``, the fleet's model alone."""
    watched = seen.watched
    out = [
        backtest.judge(b.name, b.text, RiskSeries(*watched.columns, b.score))
        for b in baselines(plan.fleet, watched, seen.log, plan.seed)
    ]
    if divided:
        text = "one model for the whole fleet"
        out.append(backtest.judge("fleet", text, seen.undivided, is_probability=True))
    return out


def judge_unseen(seen: Judged, backtest: Backtest, held_out: Chosen, threshold: float) -> BacktestResult:
    """Judge the model on the machines that were held out alone."""
    mine = replace(backtest, log=EventLog(e for e in seen.log if held_out(e.asset)))
    text = "the model on machines that were held out"
    risks = seen.risks.of_assets(held_out)
    return mine.judge("unseen", text, risks, is_probability=True, threshold=threshold)


def judge_causes(
    seen: Judged, backtest: Backtest, model: BacktestResult, taught: Mapping[str, int]
) -> tuple[Naming, ...]:
    """Judge the causes as each case opened, and for every outcome a day before it; ``taught`` counts them."""
    if seen.hints is None:
        return ()
    happened = seen.log.outcomes.between(*backtest.later_ms)
    moments: dict[str, Sequence[tuple[Event, int]]] = {
        "as the case opened": model.announced,
        "a day before": [(event, event.time_ms - DAY_MS) for event in happened],
    }
    horizon_d = backtest.alerting.horizon_d
    return tuple(judge_naming(when, at, seen.hints, taught, horizon_d) for when, at in moments.items())
