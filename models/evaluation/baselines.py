"""What a model has to beat: a threshold on one sensor, the rules of an experienced hand, age, and chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.evaluation.metrics import roc_auc
from models.event_time import DAY_MS
from models.features.channels import levels
from models.features.schema import FeatureSchema
from models.fleet.fleet import Fleet
from models.telemetry.event_log import OUTCOME, EventLog
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32, Float64
from models.telemetry.window_keys import WindowKeys

_BINS = 10
_DAY_S = 86_400
_RENEWED = (OUTCOME, "restart", "maintenance")


@dataclass(frozen=True, slots=True)
class Watched(WindowKeys):
    """What baselines look at: ``n`` windows, in order of time, and each sensor's mean over a day (n, S).

    ``newest`` (n, S) are the means of the shortest window, NaN unless the machine ran all through it.
    ``label`` (n,) says whether an outcome follows within the alerting horizon, and counts where ``taught``
    (n,): within the training slice, and known by its end.
    """

    sensors: Float32
    newest: Float32
    label: Bools
    taught: Bools


@dataclass(frozen=True, slots=True)
class Baseline:
    """Scores (n,) of one baseline, higher being riskier, and how they come about in words."""

    name: str
    text: str
    score: Float64


def day_columns(schema: FeatureSchema) -> tuple[str, ...]:
    """Return the names of the features that hold each sensor's mean over about a day, in order of sensors."""
    lengths = schema.fleet.sampling.windows_s
    window = schema.windows[min(range(len(lengths)), key=lambda i: abs(lengths[i] - _DAY_S))]
    return tuple(f"{key}.{window}.mean" for key in schema.fleet.keys)


def newest_columns(schema: FeatureSchema) -> tuple[str, ...]:
    """Return the names of each sensor's mean over the shortest window, then of what tells of standing."""
    window, running = schema.windows[0], schema.fleet.running
    means = tuple(f"{key}.{window}.mean" for key in schema.fleet.keys)
    return (*means, f"{running.sensor}.{window}.min") if running else means


def while_running(fleet: Fleet, newest: Float32) -> Float32:
    """Return the means (n, S) of the `newest_columns`, NaN if the machine stood at any time in it."""
    if fleet.running is None:
        return newest
    ran = newest[:, -1] > fleet.running.above
    return np.where(ran[:, None], newest[:, :-1], np.float32(np.nan))


def baselines(fleet: Fleet, watched: Watched, log: EventLog, seed: int) -> list[Baseline]:
    """Return every baseline's scores of the same windows; what they learn, they learn where it is taught."""
    return [
        best_sensor(fleet, watched),
        rules(fleet, watched),
        age(watched, log),
        Baseline("random", "a coin for each window", np.random.default_rng(seed).random(len(watched))),
    ]


def best_sensor(fleet: Fleet, watched: Watched) -> Baseline:
    """Take the sensor, upwards or downwards, that ranks the taught windows best by the area under the ROC."""
    best = (0.5, 0, 1.0)
    for i in range(len(fleet.sensors)):
        values = watched.sensors[watched.taught, i].astype(np.float64)
        there = ~np.isnan(values)
        area = roc_auc(values[there], watched.label[watched.taught][there])
        if area is not None and there.mean() > 0.5:
            best = max(best, (area, i, 1.0), (1 - area, i, -1.0))
    _, number, sign = best
    text = f"{fleet.sensors[number].label} {'above' if sign > 0 else 'below'} a threshold"
    return Baseline(
        "best sensor", text, _lowest_if_missing(sign * watched.sensors[:, number].astype(np.float64))
    )


def rules(fleet: Fleet, watched: Watched) -> Baseline:
    """Take the sensor that has come furthest from its warning level (0) to its trip (1); see `[[rules]]`.

    It is looked at while the machine runs, as an operator would. A fleet without such rules has the sum of
    ``training.rule`` over a day, missing values counting nothing.
    """
    keys = fleet.keys
    watched_levels = levels(fleet)
    if not watched_levels:
        columns = [keys.index(key) for key in fleet.training.rule]
        text = f"the sum of {', '.join(fleet.training.rule)}" if fleet.training.rule else "no rules are given"
        return Baseline("rules", text, np.nansum(watched.sensors[:, columns].astype(np.float64), axis=1))
    risen = [
        (watched.newest[:, keys.index(rule.sensor)].astype(np.float64) - rule.warn) / (rule.trip - rule.warn)
        for rule in watched_levels
    ]
    return Baseline(
        "rules", f"{len(risen)} warning levels", np.max([_lowest_if_missing(r) for r in risen], axis=0)
    )


def age(watched: Watched, log: EventLog) -> Baseline:
    """Take the share of taught windows of the same age that an outcome followed, in tenths of the ages.

    Age counts from the machine's last shutdown, restart or maintenance, else from when it was first seen.
    """
    days = _age_days(watched, log)
    taught = days[watched.taught]
    edges = np.quantile(taught, np.linspace(0, 1, _BINS + 1)[1:-1]) if len(taught) else np.zeros(_BINS - 1)
    counts = np.bincount(np.searchsorted(edges, taught), minlength=_BINS)
    hits = np.bincount(np.searchsorted(edges, taught), watched.label[watched.taught], minlength=_BINS)
    # The age itself breaks ties, so that a threshold can lie within a tenth.
    score = (hits / np.maximum(counts, 1))[np.searchsorted(edges, days)] + days * 1e-9
    return Baseline("age", "days since the last stop or work", score)


def _age_days(keys: WindowKeys, log: EventLog) -> Float64:
    first_ms = np.full(len(keys.assets), np.iinfo(np.int64).max)
    np.minimum.at(first_ms, keys.asset, keys.end_ms)
    since_ms, renewed = first_ms[keys.asset], log.only(*_RENEWED)
    last = renewed.last_until(keys)
    since_ms = np.where(last < 0, since_ms, np.maximum(since_ms, np.append(renewed.time_ms, 0)[last]))
    out: Float64 = (keys.end_ms - since_ms) / DAY_MS
    return out


def _lowest_if_missing(score: Float64) -> Float64:
    known = score[~np.isnan(score)]
    out: Float64 = np.where(np.isnan(score), known.min() if len(known) else 0.0, score)
    return out
