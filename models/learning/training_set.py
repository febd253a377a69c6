"""Labelled windows of the training slice, and what is fitted on them."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from models.errors import ModelError
from models.event_time import DAY_MS
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.fleet.training import Training
from models.risk.causes import CauseModel, classes, train_causes
from models.risk.hazard import RiskModel, train
from models.telemetry.event_log import EventLog
from models.telemetry.labels import HazardRows, Labels, hazard_rows
from models.telemetry.samples import Float32, Int64
from models.telemetry.window_keys import WindowKeys

_INNER_SHARE = 0.2


@dataclass(frozen=True)
class Examples:
    """Windows of the training slice: ``features`` (n, C) in ``columns`` of the vector, and what followed.

    ``outcome`` (n,) is the number, in ``outcomes``, of the first one that follows, -1 if none does. What is
    fitted begins with the ``pretrained`` model, if there is one.
    """

    fleet: Fleet
    schema: FeatureSchema
    columns: Int64
    features: Float32
    keys: WindowKeys
    labels: Labels
    outcome: Int64
    outcomes: EventLog
    pretrained: RiskModel | None = None

    def at_risk(self, from_ms: int, until_ms: int) -> HazardRows:
        """Return the at-risk rows of the windows that end in (from, until], as known at ``until_ms``."""
        inside = np.flatnonzero((self.keys.end_ms > from_ms) & (self.keys.end_ms <= until_ms))
        rows = hazard_rows(self.labels.take(inside).as_of(until_ms), self.fleet.horizons_d)
        return replace(rows, row=inside[rows.row])

    def fit(
        self, rows: HazardRows, training: Training, seed: int, later: HazardRows | None = None
    ) -> RiskModel:
        """Fit a model on at-risk rows."""
        return train(
            self.features,
            rows,
            names=self.schema.names,
            columns=self.columns,
            fingerprint=self.schema.fingerprint,
            horizons_d=self.fleet.horizons_d,
            training=training,
            seed=seed,
            later=later,
            pretrained=self.pretrained,
        )

    def followed(self, until_ms: int) -> Int64:
        """Return the windows before an outcome, within the alerting horizon, as known at ``until_ms``."""
        horizon_d, labels = self.fleet.alerting.horizon_d, self.labels.as_of(until_ms)
        return np.flatnonzero(labels.known(horizon_d) & labels.follows(horizon_d))

    def causes(self, until_ms: int) -> Counter[str]:
        """Count the outcomes that windows announce, as known at ``until_ms``, by the controller's word."""
        return Counter(self.outcomes[i].code for i in np.unique(self.outcome[self.followed(until_ms)]))

    def fit_causes(
        self, until_ms: int, training: Training, seed: int, rows: Int64 | None = None
    ) -> CauseModel | None:
        """Fit the causes as known at ``until_ms``; None if fewer than two came often enough.

        ``rows``: only on these of the windows before an outcome.
        """
        codes = classes(self.causes(until_ms), training.cause_outcomes)
        rows = self.followed(until_ms) if rows is None else rows
        if not codes:
            return None
        return train_causes(
            self.features[rows],
            [self.outcomes[i].code for i in self.outcome[rows]],
            codes=codes,
            columns=self.columns,
            rounds=training.cause_rounds,
            parameters=training.parameters,
            seed=seed,
        )

    @property
    def digest(self) -> str:
        """The SHA-256 of features, times and labels."""
        parts = (self.features, self.keys.end_ms, self.labels.wait_ms, self.labels.observed_ms)
        codes = "\n".join(self.outcomes[i].code if i >= 0 else "" for i in self.outcome.tolist())
        return hashlib.sha256(b"".join(part.tobytes() for part in parts) + codes.encode()).hexdigest()


def inner_split(examples: Examples, start_ms: int, split_ms: int) -> tuple[HazardRows, HazardRows]:
    """Split the training slice once more: rows of its first 80 %, and of the end, a window's length later.

    Raises ModelError if the end is too short to be learnt from, or has no outcome.
    """
    inner_ms = split_ms - int(_INNER_SHARE * (split_ms - start_ms))
    embargo_ms = examples.fleet.sampling.windows_s[-1] * 1000
    earlier = examples.at_risk(start_ms, inner_ms)
    later = examples.at_risk(inner_ms + embargo_ms, split_ms)
    if not later.outcome.any():
        end_d, lost_d = (split_ms - inner_ms) / DAY_MS, embargo_ms / DAY_MS + examples.fleet.horizons_d[0]
        raise ModelError(
            f"no outcome in the last {_INNER_SHARE:.0%} of the training slice: of {end_d:.1f} days the "
            f"longest window and the first horizon take {lost_d:.1f}; early stopping and tuning need one "
            "in the rest: train on a longer range, or without training.early_stopping and --tune"
        )
    return earlier, later
