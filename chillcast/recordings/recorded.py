"""Recorded fleets: learn from the first days, run the rest through the pipeline, and judge what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any

from chillcast.models.learning import enrol, expect, learn, pretrained_for
from chillcast.pipeline.home import at_work
from chillcast.pipeline.live import Gathered
from chillcast.pipeline.publishing import Playing, publish
from chillcast.pipeline.streaming import StreamSource, stream
from chillcast.recordings.judging import judged, risks_of
from chillcast.recordings.replay_request import ReplayRequest
from chillcast.resources import Resources
from chillcast.settings import Settings
from chillcast.terminal.reporter import Reporter
from models.alerting.cases import RiskSeries
from models.alerting.said import said
from models.errors import ConfigError, RecordingError
from models.features.evidence import Evidence
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.learning.fitting import Fitted
from models.learning.history import History
from models.learning.plan import TrainingPlan
from models.risk.hazard import RiskModel
from models.telemetry.samples import Float32, Float64, TimeSlice
from simulators.recordings.recording import RecordingQuality
from simulators.replay.playable import Playable, open_recording


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
    found = judged(request, recorded, fitted, series)
    return {**found, **about, "alerts_published": opened, **streamed}


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
        series = risks_of(history, _risk_of(request.fleet, history.schema, fitted.model))
    return {**judged(request, recorded, fitted, series), **about}


def _risk_of(fleet: Fleet, schema: FeatureSchema, model: RiskModel) -> Callable[[Float32], Float64]:
    """Return what is said of windows (n, F): the risk (n,) that is alerted on."""
    evidence = Evidence.from_gains(schema, model.gains())
    return lambda vectors: said(fleet.alerting, model.score(vectors)[:, fleet.horizon], evidence.of(vectors))


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
    plan = TrainingPlan(
        fleet=fleet,
        start_ms=quality.from_ms,
        until_ms=until_ms,
        seed=request.seed,
        pretrained=pretrained_for(fleet),
    )
    return learn(plan, history, reporter)


def _cut(recorded: Playable, until_ms: int) -> Iterable[TimeSlice]:
    """Yield the slices; events that stand exactly at ``until_ms`` are known by then, and come with them."""
    held = [e for e in recorded.events if e.time_ms == until_ms]
    for part in recorded.slices():
        extra = tuple(held) if part.end_ms == until_ms else ()
        yield TimeSlice(part.start_ms, part.end_ms, part.samples, part.events + extra)


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
