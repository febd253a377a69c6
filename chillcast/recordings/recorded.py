"""Recorded fleets: learn from the first days, run the rest through the pipeline, and judge what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from chillcast.models.learning import enrol, expect, learn
from chillcast.pipeline.home import at_work
from chillcast.pipeline.live import Gathered
from chillcast.pipeline.publishing import Playing, publish
from chillcast.pipeline.streaming import StreamSource, stream
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from chillcast.training.datasets import parse_date
from models.alerting.cases import RiskSeries, cases_of
from models.alerting.policy import create_policy
from models.alerting.threshold import learn_threshold
from models.errors import ConfigError, RecordingError
from models.evaluation.events import BudgetReport, evaluate_alerts, evaluate_budget
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted
from models.learning.history import History, KeptWindows
from models.learning.plan import TrainingPlan
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Float64, TimeSlice
from simulators.dirt.dirt import CLEAN, Dirt, load_dirt
from simulators.recordings.recording import RecordingQuality
from simulators.replay.playable import EVER, Playable, Span, open_recording
from simulators.replay.player import MAX, parse_speed
from simulators.replay.replay import batch_ms_of

_DEFAULT_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class ReplayRequest:
    """What to do with which recording; ``train_until`` is a date: what lies before it is learnt from."""

    path: Path
    fleet: Fleet
    train_until: str | None
    seed: int
    span: Span = EVER
    dirt: Dirt = CLEAN
    speed: float = MAX
    batch_s: int | None = None

    def __post_init__(self) -> None:
        """Refuse a date that is none before a long recording is read."""
        _ = self.until_ms

    def played(self, speed: str, batch_s: int | None, dirt: Path | None) -> ReplayRequest:
        """Return the request with a speed, a batch and a file of dirt, as the command line says them."""
        batch_ms_of(self.fleet, batch_s)
        corrupted = load_dirt(dirt) if dirt else CLEAN
        return replace(self, dirt=corrupted, speed=parse_speed(speed), batch_s=batch_s)

    @property
    def until_ms(self) -> int | None:
        """Return the end of the training days, exclusive, in UTC milliseconds."""
        if self.train_until is None:
            return None
        return parse_date(self.train_until, "--train-until")


def parse_span(from_: str | None, until: str | None) -> Span:
    """Return what ``--from`` and ``--until`` say."""
    ends = {"from_ms": (from_, "--from"), "until_ms": (until, "--until")}
    return Span(**{name: parse_date(text, option) for name, (text, option) in ends.items() if text})


def replay_recording(settings: Settings, request: ReplayRequest, reporter: Reporter) -> dict[str, Any]:
    """Run a recording through broker, workers, model and alerts; return what is to be said of it.

    Raises ConfigError if another command is at work in the same home.
    """
    with at_work(settings.home_path, "training", "streaming"):
        return _replay(Resources(settings, request.fleet), request, reporter)


def _replay(resources: Resources, request: ReplayRequest, reporter: Reporter) -> dict[str, Any]:
    recorded = _read(request, reporter)
    fitted = _fitted(request, recorded, reporter)
    if fitted is not None:
        enrol(fitted, resources, source=request.path.name, seed=request.seed, reporter=reporter)
    source = _source(request, recorded)
    gathered = stream(resources, source, reporter, scored=fitted is not None)
    about = _about(recorded.quality, request)
    streamed = {"dead_letters": len(gathered.dead_letters), "quality": quality_of(gathered)}
    if fitted is None:
        return {**about, **streamed}
    scores = gathered.columns()
    series = RiskSeries(*scores.columns, scores.risk[:, request.fleet.horizon])
    opened = sum(a.stage == "open" for a in gathered.alerts)
    judged = _judged(request, recorded, fitted, series)
    return {**judged, **about, "alerts_published": opened, **streamed}


def publish_recording(settings: Settings, request: ReplayRequest, reporter: Reporter) -> dict[str, Any]:
    """Send a recording to the configured broker, where somebody else's workers take it.

    Raises ConfigError if a model is asked for: those workers have their own.
    """
    if request.train_until is not None:
        raise ConfigError("command line", "--train-until", request.train_until, "nothing, with --kafka")
    started, recorded = reporter.clock(), _read(request, reporter)
    source = _source(request, recorded)
    playing = replace(source.playing, title=f"replaying {request.path.name}")
    sent = publish(settings, request.fleet, playing, reporter)
    return {
        "recording": request.path.name,
        "rows": recorded.quality.rows,
        "assets": recorded.quality.assets,
        "messages": sent,
        "seconds": round(reporter.clock() - started, 3),
    }


def backtest_recording(request: ReplayRequest, reporter: Reporter) -> dict[str, Any]:
    """Do the same offline, through the same kernel."""
    recorded = _read(request, reporter)
    about = _about(recorded.quality, request)
    fitted = _fitted(request, recorded, reporter)
    if fitted is None:
        return about
    with reporter.step("scoring offline"):
        history = History(request.fleet, recorded.slices(), fitted.expectation)
        series = _series(history, lambda features: fitted.model.score(features)[:, request.fleet.horizon])
    return {**_judged(request, recorded, fitted, series), **about}


def _read(request: ReplayRequest, reporter: Reporter) -> Playable:
    with reporter.step(f"reading {request.path.name}"):
        return open_recording(request.path, request.fleet, request.span, request.dirt, request.seed)


def _source(request: ReplayRequest, recorded: Playable) -> StreamSource:
    quality, hop_ms = recorded.quality, recorded.fleet.sampling.hop_s * 1000
    end_ms = max(quality.until_ms, quality.from_ms + 1)
    rows_per_hop = quality.rows * hop_ms / (end_ms - quality.from_ms)
    name, speed = request.path.name, request.speed
    playing = Playing(name, recorded.slices, quality.from_ms, end_ms, speed, request.batch_s)
    return StreamSource(playing, rows_per_hop, steered=True)


def _fitted(request: ReplayRequest, recorded: Playable, reporter: Reporter) -> Fitted | None:
    """Learn from the days before ``train_until``, None if the command asks for no model."""
    until_ms, fleet = request.until_ms, request.fleet
    if until_ms is None:
        return None
    quality = recorded.quality
    if not quality.from_ms < until_ms <= quality.until_ms:
        span = f"a date after {_date(quality.from_ms)} and up to {_date(quality.until_ms)}"
        raise ConfigError("command line", "--train-until", request.train_until, span)
    if not recorded.events:
        raise RecordingError(
            f"{request.path}: no event to learn from: see [[recording.events]] of the fleet file"
        )
    normal = expect(fleet, recorded.slices(), until_ms, reporter)
    before = takewhile(lambda part: part.end_ms <= until_ms, _cut(recorded, until_ms))
    history = History(fleet, before, *(normal.parts if normal else ()))
    plan = TrainingPlan(fleet=fleet, start_ms=quality.from_ms, until_ms=until_ms, seed=request.seed)
    return learn(plan, history, reporter)


def _cut(recorded: Playable, until_ms: int) -> Iterable[TimeSlice]:
    """Yield the slices; events that stand exactly at ``until_ms`` are known by then, and come with them."""
    held = [e for e in recorded.events if e.time_ms == until_ms]
    for part in recorded.slices():
        extra = tuple(held) if part.end_ms == until_ms else ()
        yield TimeSlice(part.start_ms, part.end_ms, part.samples, part.events + extra)


def _judged(request: ReplayRequest, recorded: Playable, fitted: Fitted, series: RiskSeries) -> dict[str, Any]:
    """Judge the model's risk, and the rule, on the same days by the fleet's policy at the same budget."""
    fleet = request.fleet
    rules, level = _by_rule(request, recorded)
    model = _evaluated(request, recorded, series, fitted.model.threshold)
    rule = _evaluated(request, recorded, rules, level)
    share = fleet.alerting.daily_share or _DEFAULT_SHARE
    model_daily, rule_daily = (_daily(request, recorded, found, share) for found in (series, rules))
    return {
        **_by_event(model),
        "budget": _budget(fleet, share, recorded.quality.assets),
        "daily_share": _daily_budget(share, recorded.quality.assets),
        "daily_share_alerted": model_daily.alerted,
        "daily_share_rule_alerted": rule_daily.alerted,
        "windows_left_out": fitted.left_out,
        "lead_days_median": model.lead_days_median,
        "roc_auc": model.roc_auc,
        "average_precision": model.average_precision,
        "rule_alerted": rule.alerted,
        "rule_false_alarms": rule.false_alarms,
        "days_tested": model.days_tested,
        "beats_rule": (model.alerted, model_daily.alerted) > (rule.alerted, rule_daily.alerted),
        **_rule_figures(fleet, rule),
        "horizon_d": fleet.alerting.horizon_d,
        "train_until": request.train_until,
    }


def _by_rule(request: ReplayRequest, recorded: Playable) -> tuple[RiskSeries, float]:
    """Return what the rule says of every window, and the level that it learns from the training days."""
    fleet, until_ms = request.fleet, request.until_ms or 0
    rules = _series(History(fleet, recorded.slices()), _rule_of(fleet))
    if fleet.alerting.daily_share is not None:
        return rules, 0.0
    return rules, learn_threshold(fleet.alerting, rules.between(0, until_ms), EventLog(recorded.events))


def _rule_figures(fleet: Fleet, rule: BudgetReport) -> dict[str, Any]:
    return {
        "rule": " + ".join(fleet.training.rule),
        "rule_roc_auc": rule.roc_auc,
        "rule_average_precision": rule.average_precision,
    }


def _by_event(model: BudgetReport) -> dict[str, Any]:
    return {
        "failures": model.failures,
        "alerted": model.alerted,
        "false_alarms": model.false_alarms,
        "false_alarms_per_asset_year": model.false_alarms / max(model.asset_years, 1e-9),
    }


def _evaluated(
    request: ReplayRequest, recorded: Playable, series: RiskSeries, threshold: float
) -> BudgetReport:
    """Judge risks by event, by the fleet's policy: the days' riskiest, or cases opened at a threshold."""
    alerting = request.fleet.alerting
    if alerting.daily_share is not None:
        return _daily(request, recorded, series, alerting.daily_share)
    span, log = _span(request, recorded), EventLog(recorded.events)
    tested = replace(series, risk=np.nan_to_num(series.risk, nan=-np.inf))
    tested = tested.between(span["start_ms"], span["end_ms"])
    cases = cases_of(create_policy(alerting, threshold), tested, log)
    return evaluate_alerts(tested, cases, log, alerting, start_ms=span["start_ms"], end_ms=span["end_ms"])


def _daily(request: ReplayRequest, recorded: Playable, series: RiskSeries, share: float) -> BudgetReport:
    """Judge risks by event, if the riskiest share of the fleet is alerted at each window end."""
    return evaluate_budget(series, EventLog(recorded.events), share=share, **_span(request, recorded))


def _span(request: ReplayRequest, recorded: Playable) -> dict[str, Any]:
    fleet = request.fleet
    return {
        "horizon_d": fleet.alerting.horizon_d,
        "start_ms": request.until_ms or 0,
        "end_ms": recorded.quality.until_ms + fleet.sampling.hop_s * 1000,
    }


def _budget(fleet: Fleet, share: float, machines: int) -> str:
    """Say by what the fleet is judged, in numbers."""
    alerting = fleet.alerting
    if alerting.daily_share is not None:
        return _daily_budget(share, machines)
    allowed = f"{alerting.false_alarms_per_asset_year:g} false alarms a machine and year"
    return f"cases: {alerting.raise_count} of {alerting.raise_among} risks at the threshold; {allowed}"


def _daily_budget(share: float, machines: int) -> str:
    return f"{share:g}: the {max(int(share * machines), 1)} of {machines} with the highest risk"


def _series(history: History, score: Callable[[Any], Float64]) -> RiskSeries:
    """Run a whole history through the kernel and score its windows."""
    kept, end_ms = KeptWindows(), 1 << 62
    for windows in history.until(end_ms):
        kept.add(history.keys(windows), score(windows.values))
    keys, scores = kept.table()
    return RiskSeries(*keys.columns, scores)


def _rule_of(fleet: Fleet) -> Callable[[Any], Float64]:
    """Return the baseline: the sum of the rule's sensors, as last seen, missing ones counting nothing."""
    schema = History(fleet, ()).schema
    columns = [schema.index(key, schema.windows[0], "mean") for key in fleet.training.rule]
    return lambda features: np.nansum(features[:, columns].astype(np.float64), axis=1)


def _about(quality: RecordingQuality, request: ReplayRequest) -> dict[str, Any]:
    missing, implausible = quality.missing, quality.implausible
    return {
        "recording": request.path.name,
        "fleet": request.fleet.name,
        "rows": quality.rows,
        "assets": quality.assets,
        "from": _date(quality.from_ms),
        "until": _date(quality.until_ms),
        "unknown_assets": quality.unknown_assets,
        "missing_samples": quality.missing_samples,
        "duplicates": quality.duplicates,
        "merged_readings": quality.merged_readings,
        "repeated_local_times": quality.repeated_hours,
        "missing_values": {k: n for k, n in missing.items() if n},
        "implausible_values": {k: n for k, n in implausible.items() if n},
        "left_out": quality.left_out,
        "remarks": list(quality.remarks),
    }


def quality_of(gathered: Gathered) -> dict[str, dict[str, int]]:
    """Return, per sensor, what the running workers found missing or implausible."""
    found: dict[str, dict[str, int]] = {}
    for signal in gathered.drift:
        if signal.detector == "quality":
            counts = found.setdefault(signal.sensor, {"missing": 0, "implausible": 0})
            counts["missing"] += signal.missing
            counts["implausible"] += signal.implausible
    return found


def _date(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="minutes")
