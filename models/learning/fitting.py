"""From a history to a calibrated risk model, in one pass over it and in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.alerting.policy import RiskSeries, learn_threshold
from models.errors import ModelError
from models.evaluation.events import brier, log_loss, roc_auc
from models.features.expectation import Expectation
from models.features.kernel import Kernel, KernelCounts, KernelState, Windows
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet, Training
from models.learning.segments import Division, train_segments, with_lines
from models.learning.training_set import Examples, inner_split
from models.risk.hazard import RiskModel, calibrate
from models.risk.model_set import ModelSet, level_of
from models.telemetry.labels import (
    DAY_MS,
    Bools,
    is_down,
    known,
    next_outcome,
    observed_until,
    outcomes,
    time_to_next,
    within,
)
from models.telemetry.samples import Event, Int32, Int64, TimeSlice

Progress = Callable[[str, float], None]
Report = Callable[[str, Windows], None]
Numbers = npt.NDArray[Any]


@dataclass
class Replayed:
    """Windows of a replayed history, with what is kept of each."""

    assets: list[str]
    asset: list[Int32] = field(default_factory=list)
    end_ms: list[Int64] = field(default_factory=list)
    values: list[Numbers] = field(default_factory=list)

    def add(self, codes: Int32, end_ms: Int64, values: Numbers) -> None:
        """Keep a row per window."""
        self.asset.append(codes)
        self.end_ms.append(end_ms)
        self.values.append(values)

    def columns(self) -> tuple[Int32, Int64, Numbers]:
        """Return asset codes (n,), window ends (n,) and values (n, …)."""
        if not self.asset:
            raise ModelError(
                "the history closes no window in a part of its range: expected telemetry up to its end"
            )
        return np.concatenate(self.asset), np.concatenate(self.end_ms), np.concatenate(self.values)


@dataclass(frozen=True)
class Fitted:
    """A model, that of the fleet with those of its segments, and what is to be known about its making.

    ``training`` holds the parameters as they were used, ``unused`` the features that never had a value;
    ``causes`` counts the outcomes of the training slice by the controller's word for them.
    """

    models: ModelSet
    expectation: Expectation | None
    dataset_sha256: str
    metrics: dict[str, float]
    training: Training
    unused: tuple[str, ...]
    causes: Mapping[str, int]

    @property
    def model(self) -> RiskModel:
        """The model of the fleet."""
        return self.models.fleet


class WindowSource(Protocol):
    """Windows in order of time, wherever they come from, and the events up to them."""

    assets: list[str]
    events: list[Event]
    schema: FeatureSchema
    expectation: Expectation | None

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows that end at or before ``end_ms``; call again to go on.

        ``emit_s``: only those whose end is a multiple of it.
        """

    def codes(self, windows: Windows) -> Int32:
        """Return the number of each window's asset in ``assets``, the same throughout."""


class History:
    """Runs slices through the kernel, remembering the events."""

    def __init__(
        self, fleet: Fleet, slices: Iterable[TimeSlice], expectation: Expectation | None = None
    ) -> None:
        self.fleet, self.expectation = fleet, expectation
        self.kernel = Kernel(fleet, expectation)
        self.schema = self.kernel.schema
        self.state: KernelState = self.kernel.start()
        self.assets = self.state.assets
        self.tally = KernelCounts(self.kernel.sensors)
        self.events: list[Event] = []
        self._slices = iter(slices)
        self._ahead: TimeSlice | None = None

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows of every slice that ends at or before ``end_ms``; call again to go on.

        ``emit_s``: only those whose end is a multiple of it.
        """
        kernel = Kernel(self.fleet, self.expectation, emit_s) if emit_s else self.kernel
        for part in self._take(end_ms):
            yield from self.see(part, kernel)

    def see(self, part: TimeSlice, kernel: Kernel | None = None) -> Iterator[Windows]:
        """Yield the windows of one more slice."""
        kernel = kernel or self.kernel
        self.events += part.events
        for windows, tally in (
            kernel.step(self.state, part.samples),
            kernel.close(self.state, part.end_ms),
        ):
            self.tally.add(tally)
            if len(windows):
                yield windows

    def codes(self, windows: Windows) -> Int32:
        """Return the number of each window's asset, the same throughout this history."""
        table = np.array([self.state.index[name] for name in windows.assets], np.int32)
        return table[windows.asset]

    def _take(self, end_ms: int) -> Iterator[TimeSlice]:
        while True:
            part = self._ahead or next(self._slices, None)
            self._ahead = None
            if part is None:
                return
            if part.end_ms > end_ms:
                self._ahead = part
                return
            yield part


Chosen = Callable[[str], bool]
Search = Callable[[Examples, int, int], Training]


def nobody(_: str) -> bool:
    """Hold no machine out."""
    return False


def fit(
    fleet: Fleet,
    history: WindowSource,
    *,
    start_ms: int,
    until_ms: int,
    seed: int,
    progress: Progress,
    held_out: Chosen = nobody,
    search: Search | None = None,
    division: Division | None = None,
) -> Fitted:
    """Train on [start, split), calibrate and set the threshold on [split + embargo, until).

    The split leaves ``training.calibration_share`` of the time for the later slice; the embargo is the
    longest window. Labels that are not known by the end of a slice are left out of it (the purge).
    Machines that are ``held_out`` take no part. ``search`` (examples, start, split) may choose parameters.
    A ``division`` of the fleet gives its segments models of their own.
    Raises ModelError where there is too little to learn from.
    """
    split_ms = split_of(fleet, start_ms, until_ms)
    report = _reporter(progress, start_ms, until_ms)
    past = _KnownHistory(fleet, history, held_out)
    training = past.gather(split_ms, report)
    examples = past.examples(training, split_ms)
    settled = stop_early(
        examples, search(examples, start_ms, split_ms) if search else fleet.training, seed, start_ms, split_ms
    )
    model = examples.fit(examples.at_risk(start_ms, split_ms), settled, seed)
    model = replace(model, causes=examples.fit_causes(split_ms, settled, seed))
    models = ModelSet(model)
    if division is not None:
        at_split = (split_ms - start_ms) / (until_ms - start_ms)
        models = train_segments(
            division,
            examples,
            model,
            training=settled,
            seed=seed,
            span_ms=(start_ms, split_ms),
            progress=lambda done, total: progress(f"{done} of {total} segments", at_split),
        )
    embargo_ms = fleet.sampling.windows_s[-1] * 1000
    later, hints = past.score(models, (split_ms + embargo_ms, until_ms), report)
    if fleet.training.calibration_share:
        models = past.temperature_scaled(past.calibrated(models, later, until_ms), hints, until_ms)
    else:
        later = past.unlabelled(models, training, until_ms)
    threshold, metrics = past.threshold(models, later, until_ms)
    unused = tuple(sorted(set(past.allowed.tolist()) - set(examples.columns.tolist())))
    return Fitted(
        replace(models, fleet=replace(models.fleet, threshold=threshold)),
        history.expectation,
        examples.digest,
        metrics,
        settled,
        tuple(history.schema.names[i] for i in unused),
        examples.causes(split_ms),
    )


def split_of(fleet: Fleet, start_ms: int, until_ms: int) -> int:
    """Return where the training slice of [start, until) ends, and the calibration slice begins."""
    return until_ms - int(fleet.training.calibration_share * (until_ms - start_ms))


def stop_early(examples: Examples, training: Training, seed: int, start_ms: int, split_ms: int) -> Training:
    """Return parameters with the number of trees that served the end of the training slice best."""
    if training.early_stopping is None:
        return training
    earlier, later = inner_split(examples, start_ms, split_ms)
    rounds = examples.fit(earlier, training, seed, later).booster.best_iteration
    return replace(training, rounds=max(rounds, 1), early_stopping=None)


def _reporter(progress: Progress, start_ms: int, until_ms: int) -> Report:
    def report(step: str, windows: Windows) -> None:
        progress(step, (int(windows.end_ms[-1]) - start_ms) / (until_ms - start_ms))

    return report


@dataclass(frozen=True)
class _KnownHistory:
    """A history, as far as it may be learnt from."""

    fleet: Fleet
    history: WindowSource
    held_out: Chosen

    @property
    def allowed(self) -> Int64:
        """The numbers of the features that the model may use."""
        return self.history.schema.matching(self.fleet.training.features)

    def gather(self, until_ms: int, report: Report) -> Replayed:
        """Keep the allowed features of the windows that end on the training stride."""
        kept, allowed = Replayed(self.history.assets), self.allowed
        for windows in self.history.until(until_ms, self.fleet.training.stride_s):
            report("features", windows)
            rows = self._ours(windows)
            codes = self.history.codes(windows)
            kept.add(codes[rows], windows.end_ms[rows], windows.values[np.ix_(rows, allowed)])
        return kept

    def examples(self, training: Replayed, until_ms: int) -> Examples:
        """Label the gathered windows of running machines, leaving out features that never had a value."""
        asset, end_ms, values = training.columns()
        up = self._up(training, asset, end_ms)
        features = np.asarray(values[up], np.float32)
        seen = ~np.isnan(features).all(axis=0)
        if not seen.any():
            raise ModelError("no feature that training.features allows has a value in the training range")
        return Examples(
            self.fleet,
            self.history.schema,
            self.allowed[seen],
            features if seen.all() else np.ascontiguousarray(features[:, seen]),
            end_ms[up],
            time_to_next(training.assets, asset[up], end_ms[up], self.history.events),
            self._observed(training, asset[up], end_ms[up], until_ms),
            next_outcome(training.assets, asset[up], end_ms[up], self.history.events),
            outcomes(self.history.events),
            tuple(training.assets),
            asset[up],
        )

    def score(self, models: ModelSet, span_ms: tuple[int, int], report: Report) -> tuple[Replayed, Replayed]:
        """Keep the uncalibrated risks of the windows that end in [from, until], scored as they come.

        Of a set with segments, (n, 2H): those of the fleet's model after those of the set. And the log-odds
        of the causes of those on the training stride, where the model has causes.
        """
        model = models.fleet
        risks, hints = Replayed(self.history.assets), Replayed(self.history.assets)
        stride_ms = 1000 * (self.fleet.training.stride_s or 1)
        for windows in self.history.until(span_ms[1]):
            report("calibration", windows)
            codes, rows = self.history.codes(windows), self._ours(windows)
            rows = rows[windows.end_ms[rows] >= span_ms[0]]
            if len(rows):
                values, asset = windows.values[rows], windows.asset[rows]
                found = [models.uncalibrated(windows.assets, asset, values)]
                found += [model.uncalibrated(values)] if models.index.routes else []
                risks.add(codes[rows], windows.end_ms[rows], np.concatenate(found, axis=1))
            rows = rows[windows.end_ms[rows] % stride_ms == 0]
            if len(rows) and model.causes is not None:
                hints.add(codes[rows], windows.end_ms[rows], model.causes.raw(windows.values[rows]))
        return risks, hints

    def unlabelled(self, models: ModelSet, training: Replayed, until_ms: int) -> Replayed:
        """Score the windows whose labels the purge left out: the model has not seen them."""
        asset, end_ms, values = training.columns()
        fresh = np.flatnonzero(end_ms > until_ms - self.fleet.horizons_d[-1] * DAY_MS)
        kept = Replayed(training.assets)
        if len(fresh):
            picked = values[np.ix_(fresh, np.searchsorted(self.allowed, models.fleet.columns))]
            risks = models.of_columns(training.assets, asset[fresh], picked)
            kept.add(asset[fresh], end_ms[fresh], risks)
        return kept

    def calibrated(self, models: ModelSet, later: Replayed, until_ms: int) -> ModelSet:
        """Return the set with a line per horizon and level, from the later slice.

        Segments of a level share their lines: a single one seldom has outcomes enough there. The fleet's are
        from all machines, since those are its own that nobody knows yet.
        """
        asset, end_ms, risks = later.columns()
        up = self._up(later, asset, end_ms)
        wait_ms = time_to_next(later.assets, asset[up], end_ms[up], self.history.events)
        observed_ms = self._observed(later, asset[up], end_ms[up], until_ms)
        risks, ends_ms, horizons = np.asarray(risks[up], np.float64), end_ms[up], len(self.fleet.horizons_d)
        fleet = calibrate(models.fleet, risks[:, -horizons:], wait_ms, ends_ms, observed_ms)
        level = np.array([level_of(name) for name in models.scored_by(later.assets)], object)[asset[up]]
        lines = {}
        for name in models.index.levels:
            rows = level == name
            own = calibrate(
                models.fleet, risks[rows, :horizons], wait_ms[rows], ends_ms[rows], observed_ms[rows]
            )
            lines[name] = [(line.slope, line.intercept) for line in own.lines]
        return with_lines(replace(models, fleet=fleet), lines) if lines else replace(models, fleet=fleet)

    def temperature_scaled(self, models: ModelSet, hints: Replayed, until_ms: int) -> ModelSet:
        """Return the set with the temperature of its causes, from the later windows before an outcome."""
        model = models.fleet
        if model.causes is None or not hints.asset:
            return models
        asset, end_ms, raw = hints.columns()
        horizon_d, happened = self.fleet.alerting.horizon_d, self.history.events
        wait_ms = time_to_next(hints.assets, asset, end_ms, happened)
        seen = known(end_ms, horizon_d, self._observed(hints, asset, end_ms, until_ms))
        rows = np.flatnonzero(seen & within(wait_ms, horizon_d) & ~self._down(hints, asset, end_ms))
        number, ordered = next_outcome(hints.assets, asset, end_ms, happened)[rows], outcomes(happened)
        truth = [ordered[i].code for i in number]
        causes = model.causes.calibrated(np.asarray(raw[rows], np.float64), truth)
        return replace(models, fleet=replace(model, causes=causes))

    def threshold(self, models: ModelSet, later: Replayed, until_ms: int) -> tuple[float, dict[str, float]]:
        """Return the alert threshold and what the later slice says of the models that were tuned on it."""
        fleet, events = self.fleet, self.history.events
        asset, end_ms, raw = later.columns()
        raw = np.asarray(raw[:, : len(fleet.horizons_d)], np.float64)
        risk = models.calibrated(later.assets, asset, raw)[:, fleet.horizon]
        if fleet.alerting.daily_share is not None:
            return float(np.quantile(risk, 1 - fleet.alerting.daily_share)), {}
        series = RiskSeries(later.assets, asset, end_ms, risk)
        threshold = learn_threshold(fleet.alerting, series, events)
        wait_ms = time_to_next(later.assets, asset, end_ms, events)
        seen = known(end_ms, fleet.alerting.horizon_d, self._observed(later, asset, end_ms, until_ms))
        label = within(wait_ms[seen], fleet.alerting.horizon_d)
        figures = {
            "calibration_brier": brier(risk[seen], label),
            "calibration_log_loss": log_loss(risk[seen], label),
            "calibration_roc_auc": roc_auc(risk[seen], label),
        }
        return threshold, {name: value for name, value in figures.items() if value is not None}

    def _ours(self, windows: Windows) -> Int64:
        """Return the rows of machines that were not held out."""
        taking_part = np.array([not self.held_out(name) for name in windows.assets])
        return np.flatnonzero(taking_part[windows.asset])

    def _up(self, windows: Replayed, asset: Int32, end_ms: Int64) -> Int64:
        return np.flatnonzero(~self._down(windows, asset, end_ms))

    def _down(self, windows: Replayed, asset: Int32, end_ms: Int64) -> Bools:
        return is_down(windows.assets, asset, end_ms, self.history.events)

    def _observed(self, windows: Replayed, asset: Int32, end_ms: Int64, until_ms: int) -> Int64:
        kinds, events = self.fleet.training.censor, self.history.events
        return observed_until(windows.assets, asset, end_ms, events, kinds=kinds, until_ms=until_ms)
