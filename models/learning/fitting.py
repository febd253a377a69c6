"""From a history to a calibrated risk model, in one pass over it and in the order of time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.alerting.said import said
from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.evidence import Evidence, seen_columns
from models.features.expectation import Expectation
from models.features.kernel import Windows
from models.fleet.training import Training
from models.learning.calibrating import calibrated, figures, temperature_scaled, threshold_of
from models.learning.folds import OutOfFold, out_of_fold
from models.learning.history import NO_WINDOWS, KeptWindows, Numbers, WindowSource
from models.learning.plan import TrainingPlan
from models.learning.restarts import WithRestarts
from models.learning.scoring import RawRisks, WindowScorer
from models.learning.segments import train_segments
from models.learning.spans import span_of
from models.learning.training_set import Examples, inner_split
from models.risk.hazard import RiskModel
from models.risk.model_set import ModelSet
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Bools, is_down
from models.telemetry.samples import Float64, Int64
from models.telemetry.window_keys import WindowKeys

Progress = Callable[[str, float], None]
Gathered = tuple[WindowKeys, Numbers]  # windows, and the features (n, C) that are kept of them


@dataclass(frozen=True)
class Fitted:
    """A model, that of the fleet with those of its segments, and what is to be known about its making.

    ``training`` holds the parameters as they were used, ``unused`` the features that never had a value;
    ``causes`` counts the outcomes of the training slice by the controller's word for them; ``left_out`` the
    windows of the slice that were not learnt from, by reason. ``pretrained`` is the SHA-256 of the bundle
    that it began with.
    """

    models: ModelSet
    expectation: Expectation | None
    dataset_sha256: str
    metrics: dict[str, float]
    training: Training
    unused: tuple[str, ...]
    causes: Mapping[str, int]
    left_out: Mapping[str, int]
    pretrained: str = ""

    @property
    def model(self) -> RiskModel:
        """The model of the fleet."""
        return self.models.fleet

    @property
    def beginning(self) -> dict[str, str]:
        """For a bundle's lineage: which model was begun with, and how many trees are the fleet's own."""
        return {"pretrained": self.pretrained or "none", "own_trees": str(self.training.rounds)}


def fit(plan: TrainingPlan, history: WindowSource, progress: Progress) -> Fitted:
    """Do what is planned, telling ``progress`` the step and the share of the range that lies behind.

    Labels that are not known by the end of a slice are left out of it (the purge).
    Raises ModelError if there is too little to learn from.
    """
    past = KnownHistory(plan, WithRestarts(history, plan.fleet), progress)
    gathered = past.gather()
    examples = past.examples(gathered)
    training = settled_training(plan, examples)
    folded = out_of_fold(plan, examples, training) if plan.is_folded else None
    training = folded.training if folded else training
    models, risks = past.settle(past.train(examples, training), gathered, folded)
    told = models.calibrated(risks.keys.assets, risks.keys.asset, risks.risk)
    told = said(plan.fleet.alerting, told, risks.evidence)
    risk = told[:, plan.fleet.horizon]
    threshold = threshold_of(plan, risk, risks.keys, past.log)
    span = span_of(plan, told, risks.keys, past.log, threshold)
    return Fitted(
        replace(models, fleet=replace(models.fleet, threshold=threshold, span=span)),
        history.expectation,
        examples.digest,
        figures(plan, risk, risks.keys, past.log),
        training,
        past.unused(examples),
        examples.causes(plan.split_ms),
        past.left_out(gathered),
        plan.pretrained.sha256 if plan.pretrained else "",
    )


def settled_training(plan: TrainingPlan, examples: Examples) -> Training:
    """Return the parameters to train with: those that were searched for, and a number of trees."""
    found = plan.fleet.training
    if plan.search is not None:
        found = plan.search(examples, plan.start_ms, plan.split_ms)
    return stop_early(examples, found, plan.seed, plan.start_ms, plan.split_ms)


def stop_early(examples: Examples, training: Training, seed: int, start_ms: int, split_ms: int) -> Training:
    """Return parameters with the number of trees that served the end of the training slice best."""
    if training.early_stopping is None:
        return training
    earlier, later = inner_split(examples, start_ms, split_ms)
    begun = examples.pretrained.booster.num_trees() if examples.pretrained else 0
    rounds = examples.fit(earlier, training, seed, later).booster.best_iteration - begun
    return replace(training, rounds=max(rounds, 1), early_stopping=None)


@dataclass(frozen=True)
class KnownHistory:
    """A history, as far as it may be learnt from."""

    plan: TrainingPlan
    history: WindowSource
    progress: Progress

    @property
    def allowed(self) -> Int64:
        """The numbers of the features that the model may use."""
        return self.history.schema.matching(self.plan.fleet.training.features)

    @property
    def kept(self) -> Int64:
        """The numbers of the features that are gathered: with no later slice also those of the evidence."""
        if self.plan.split_ms < self.plan.until_ms:
            return self.allowed
        return np.union1d(self.allowed, seen_columns(self.history.schema))

    @property
    def log(self) -> EventLog:
        """The events that are known so far."""
        return EventLog(self.history.events)

    def gather(self) -> Gathered:
        """Return the windows of the training slice that end on its stride, and what is kept of them."""
        kept, columns = KeptWindows(), self.kept
        for windows in self.history.until(self.plan.split_ms, self.plan.fleet.training.stride_s):
            self._report("features", windows)
            rows = self._ours(windows)
            kept.add(self.history.keys(windows).take(rows), windows.values[np.ix_(rows, columns)])
        return kept.table()

    def examples(self, gathered: Gathered) -> Examples:
        """Label the gathered windows of running machines, leaving out features that never had a value."""
        keys, values = gathered
        log = self.log
        up, allowed = np.flatnonzero(~self.down(keys)), np.searchsorted(self.kept, self.allowed)
        keys, features = keys.take(up), np.asarray(values[np.ix_(up, allowed)], np.float32)
        seen = ~np.isnan(features).all(axis=0)
        if not seen.any():
            raise ModelError("no feature that training.features allows has a value in the training range")
        if self.plan.pretrained is not None:
            seen = np.ones_like(seen)  # it looks at all of them
        return Examples(
            self.plan.fleet,
            self.history.schema,
            self.allowed[seen],
            features if seen.all() else np.ascontiguousarray(features[:, seen]),
            keys,
            self.plan.label(keys, log, self.plan.split_ms),
            log.outcomes.next_after(keys),
            log.outcomes,
            self.plan.pretrained.model if self.plan.pretrained else None,
        )

    def down(self, keys: WindowKeys) -> Bools:
        """Return (n,) whether a window's machine stands still."""
        return is_down(keys, self.log, self.plan.fleet.training.downtime_s)

    def left_out(self, gathered: Gathered) -> dict[str, int]:
        """Count the windows that are not learnt from, by reason."""
        return {"after a shutdown, before a restart": int(self.down(gathered[0]).sum())}

    def unused(self, examples: Examples) -> tuple[str, ...]:
        """Return the names of the allowed features that never had a value."""
        silent = examples.columns[np.isnan(examples.features).all(axis=0)]
        missing = np.union1d(np.setdiff1d(self.allowed, examples.columns), silent)
        return tuple(self.history.schema.names[i] for i in missing.tolist())

    def train(self, examples: Examples, training: Training) -> ModelSet:
        """Fit the fleet's model with its causes, then those of its segments, on the training slice."""
        plan = self.plan
        model = examples.fit(examples.at_risk(plan.start_ms, plan.split_ms), training, plan.seed)
        model = replace(model, causes=examples.fit_causes(plan.split_ms, training, plan.seed))
        if plan.division is None:
            return ModelSet(model)
        behind = plan.share(plan.split_ms)
        return train_segments(
            plan.division,
            examples,
            model,
            training=training,
            seed=plan.seed,
            span_ms=(plan.start_ms, plan.split_ms),
            progress=lambda done, total: self.progress(f"{done} of {total} segments", behind),
        )

    def settle(
        self, models: ModelSet, gathered: Gathered, folded: OutOfFold | None
    ) -> tuple[ModelSet, RawRisks]:
        """Calibrate on what the models have not seen, if anything is kept for it; return its risks."""
        if folded is not None:
            risks, hints = self._folded(models, gathered, folded.risk), folded.hints
        elif self.plan.fleet.training.calibration_share:
            scorer = self.score(models)
            risks, hints = scorer.risks(), scorer.hints()
        else:
            return models, self.unlabelled(models, gathered)
        models = calibrated(self.plan, models, risks, self.log)
        return temperature_scaled(self.plan, models, hints, self.log), risks

    def _folded(self, models: ModelSet, gathered: Gathered, risk: Float64) -> RawRisks:
        """Return the risks of the examples, with how much those of the model will stand on."""
        keys, values = gathered
        up = np.flatnonzero(~self.down(keys))
        evidence = Evidence.from_gains(self.history.schema, models.fleet.gains())
        seen = values[np.ix_(up, np.searchsorted(self.kept, evidence.columns))]
        return RawRisks(keys.take(up), risk, risk, evidence.of_columns(seen))

    def score(self, models: ModelSet) -> WindowScorer:
        """Score the windows of the later slice as they come; and their causes, on the training stride."""
        scorer = WindowScorer(models, self.history)
        stride_ms = 1000 * (self.plan.fleet.training.stride_s or 1)
        for windows in self.history.until(self.plan.until_ms):
            self._report("calibration", windows)
            rows = self._ours(windows)
            rows = rows[windows.end_ms[rows] >= self.plan.later_ms[0]]
            scorer.score(windows, rows)
            scorer.hint(windows, rows[windows.end_ms[rows] % stride_ms == 0])
        return scorer

    def unlabelled(self, models: ModelSet, gathered: Gathered) -> RawRisks:
        """Score the windows of which no label was known, at any horizon: the model has not seen them."""
        keys, values = gathered
        fresh = np.flatnonzero(keys.end_ms > self.plan.until_ms - self.plan.fleet.horizons_d[0] * DAY_MS)
        if not len(fresh):
            raise ModelError(NO_WINDOWS)
        keys, schema = keys.take(fresh), self.history.schema
        vectors = np.full((len(fresh), len(schema)), np.nan, np.float32)
        vectors[:, self.kept] = values[fresh]
        risk = models.uncalibrated(keys.assets, keys.asset, vectors)
        return RawRisks(keys, risk, risk, Evidence.from_gains(schema, models.fleet.gains()).of(vectors))

    def _ours(self, windows: Windows) -> Int64:
        """Return the rows of machines that were not held out."""
        return np.flatnonzero(self.plan.takes_part(windows.assets)[windows.asset])

    def _report(self, step: str, windows: Windows) -> None:
        self.progress(step, self.plan.share(int(windows.end_ms[-1])))
