"""From a history to a calibrated risk model, in one pass over it and in the order of time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from models.errors import ModelError
from models.evaluation import brier, log_loss, roc_auc
from models.expectation import Expectation
from models.features import FeatureSchema
from models.fleet import Fleet
from models.frames import Event, Int32, Int64, Slice
from models.kernel import Kernel, KernelState, Tally, Windows
from models.labels import DAY_MS, hazard_rows, is_down, known, time_to_next, within
from models.policy import RiskSeries, learn_threshold
from models.risk import RiskModel, calibrate, train

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
    """A model and what is to be known about its making."""

    model: RiskModel
    expectation: Expectation | None
    dataset_sha256: str
    metrics: dict[str, float]


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

    def __init__(self, fleet: Fleet, slices: Iterable[Slice], expectation: Expectation | None = None) -> None:
        self.fleet, self.expectation = fleet, expectation
        self.kernel = Kernel(fleet, expectation)
        self.schema = self.kernel.schema
        self.state: KernelState = self.kernel.start()
        self.assets = self.state.assets
        self.tally = Tally(self.kernel.sensors)
        self.events: list[Event] = []
        self._slices = iter(slices)
        self._ahead: Slice | None = None

    def until(self, end_ms: int, emit_s: int | None = None) -> Iterator[Windows]:
        """Yield the windows of every slice that ends at or before ``end_ms``; call again to go on.

        ``emit_s``: only those whose end is a multiple of it.
        """
        kernel = Kernel(self.fleet, self.expectation, emit_s) if emit_s else self.kernel
        for part in self._take(end_ms):
            yield from self.see(part, kernel)

    def see(self, part: Slice, kernel: Kernel | None = None) -> Iterator[Windows]:
        """Yield the windows of one more slice."""
        kernel = kernel or self.kernel
        self.events += part.events
        for windows, tally in (
            kernel.step(self.state, part.frames),
            kernel.close(self.state, part.end_ms),
        ):
            self.tally.add(tally)
            if len(windows):
                yield windows

    def codes(self, windows: Windows) -> Int32:
        """Return the number of each window's asset, the same throughout this history."""
        table = np.array([self.state.index[name] for name in windows.assets], np.int32)
        return table[windows.asset]

    def _take(self, end_ms: int) -> Iterator[Slice]:
        while True:
            part = self._ahead or next(self._slices, None)
            self._ahead = None
            if part is None:
                return
            if part.end_ms > end_ms:
                self._ahead = part
                return
            yield part


def fit(
    fleet: Fleet, history: WindowSource, *, start_ms: int, until_ms: int, seed: int, progress: Progress
) -> Fitted:
    """Train on [start, split), calibrate and set the threshold on [split + embargo, until).

    The split leaves ``training.calibration_share`` of the time for the later slice; the embargo is the
    longest window. Labels that are not known by the end of a slice are left out of it (the purge).
    Raises ModelError where there is too little to learn from.
    """
    share = fleet.training.calibration_share
    split_ms = until_ms - int(share * (until_ms - start_ms))
    report = _reporter(progress, start_ms, until_ms)
    training = _gather(fleet, history, split_ms, report)
    model, digest = _train(fleet, history, training, split_ms, seed)
    embargo_ms = fleet.sampling.windows_s[-1] * 1000
    later = _score(model, history, (split_ms + embargo_ms, until_ms), report)
    if share:
        model = _calibrated(model, history, later, until_ms)
    else:
        later = _unlabelled(fleet, model, training, until_ms)
    threshold, metrics = _threshold(fleet, model, history, later, until_ms)
    return Fitted(replace(model, threshold=threshold), history.expectation, digest, metrics)


def _reporter(progress: Progress, start_ms: int, until_ms: int) -> Report:
    def report(step: str, windows: Windows) -> None:
        progress(step, (int(windows.end_ms[-1]) - start_ms) / (until_ms - start_ms))

    return report


def _gather(fleet: Fleet, history: WindowSource, until_ms: int, report: Report) -> Replayed:
    """Keep the features of the windows that end on the training stride."""
    kept = Replayed(history.assets)
    for windows in history.until(until_ms, fleet.training.stride_s):
        report("features", windows)
        kept.add(history.codes(windows), windows.end_ms, windows.values)
    return kept


def _train(
    fleet: Fleet, history: WindowSource, training: Replayed, until_ms: int, seed: int
) -> tuple[RiskModel, str]:
    asset, end_ms, features = training.columns()
    names = training.assets
    up = np.flatnonzero(~is_down(names, asset, end_ms, history.events))
    wait_ms = time_to_next(names, asset[up], end_ms[up], history.events)
    rows = hazard_rows(wait_ms, end_ms[up], fleet.horizons_d, until_ms)
    matrix = np.asarray(features[up], np.float32)
    digest = hashlib.sha256(matrix.tobytes() + end_ms[up].tobytes() + wait_ms.tobytes()).hexdigest()
    schema = history.schema
    model = train(
        matrix,
        rows,
        names=schema.names,
        columns=schema.matching(fleet.training.features),
        fingerprint=schema.fingerprint,
        horizons_d=fleet.horizons_d,
        training=fleet.training,
        seed=seed,
    )
    return model, digest


def _score(model: RiskModel, history: WindowSource, span_ms: tuple[int, int], report: Report) -> Replayed:
    """Keep the uncalibrated risks of the windows that end in [from, until], scored as they come."""
    kept = Replayed(history.assets)
    for windows in history.until(span_ms[1]):
        report("calibration", windows)
        chosen = windows.end_ms >= span_ms[0]
        if chosen.any():
            risks = model.uncalibrated(windows.values[chosen])
            kept.add(history.codes(windows)[chosen], windows.end_ms[chosen], risks)
    return kept


def _calibrated(model: RiskModel, history: WindowSource, later: Replayed, until_ms: int) -> RiskModel:
    asset, end_ms, risks = later.columns()
    up = np.flatnonzero(~is_down(later.assets, asset, end_ms, history.events))
    wait_ms = time_to_next(later.assets, asset[up], end_ms[up], history.events)
    return calibrate(model, np.asarray(risks[up], np.float64), wait_ms, end_ms[up], until_ms)


def _unlabelled(fleet: Fleet, model: RiskModel, training: Replayed, until_ms: int) -> Replayed:
    """Score the windows whose labels the purge left out: the model has not seen them."""
    asset, end_ms, features = training.columns()
    fresh = end_ms > until_ms - fleet.horizons_d[-1] * DAY_MS
    kept = Replayed(training.assets)
    if fresh.any():
        kept.add(asset[fresh], end_ms[fresh], model.uncalibrated(np.asarray(features[fresh], np.float32)))
    return kept


def _threshold(
    fleet: Fleet, model: RiskModel, history: WindowSource, later: Replayed, until_ms: int
) -> tuple[float, dict[str, float]]:
    """Return the alert threshold and what the later slice says of the model that was tuned on it."""
    asset, end_ms, raw = later.columns()
    risk = model.calibrated(np.asarray(raw, np.float64))[:, fleet.horizon]
    if fleet.alerting.daily_share is not None:
        return float(np.quantile(risk, 1 - fleet.alerting.daily_share)), {}
    series = RiskSeries(later.assets, asset, end_ms, risk)
    threshold = learn_threshold(fleet.alerting, series, history.events)
    wait_ms = time_to_next(later.assets, asset, end_ms, history.events)
    seen = known(end_ms, fleet.alerting.horizon_d, until_ms)
    label = within(wait_ms[seen], fleet.alerting.horizon_d)
    figures = {
        "calibration_brier": brier(risk[seen], label),
        "calibration_log_loss": log_loss(risk[seen], label),
        "calibration_roc_auc": roc_auc(risk[seen], label),
    }
    return threshold, {name: value for name, value in figures.items() if value is not None}
