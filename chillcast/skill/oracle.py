"""The ceiling: who knows how severe every fault under way really is, but not how long it will go on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from chillcast.skill.contenders import Contender
from chillcast.skill.survey import Survey
from models.alerting.cases import RiskSeries
from models.event_time import DAY_MS, YEAR_MS
from models.fleet.fleet import Fleet
from models.fleet.training import Training
from models.risk.hazard import train
from models.telemetry.labels import Labels, hazard_rows, label
from models.telemetry.samples import Float32, Float64, Int64
from models.telemetry.window_keys import WindowKeys
from simulators.chiller.faults import GRADUAL
from simulators.truth import FaultRecord

_MACHINE_MS = 1 << 42
_KINDS = [kind.key for kind in GRADUAL]
_WEEK_D, _NEAR_D, _FAR_D = 7, 5.0, 90.0
_PEAKS_D = (3, 28)
# Few and small trees over what all kinds share: a hundred shutdowns are too few to learn each by itself.
_TRAINING = Training(
    rounds=100,
    negatives_per_positive=20,
    parameters={
        "learning_rate": 0.05,
        "num_leaves": 7,
        "min_data_in_leaf": 100,
        "lambda_l2": 10.0,
        "feature_fraction": 0.5,
    },
)


def oracle(fleet: Fleet, develop: Survey, judge: Survey, seed: int) -> Contender:
    """Learn from the truth: severity, growth and age of every fault under way, load, weather and season.

    It is learnt on the first, whose own risks come from the half of the machines that each is not in. What
    the truth does not tell, nobody knows: whether a fault is found in time, or stops short of harm.
    """
    known, told = (_told(fleet, one) for one in (develop, judge))
    labels = label(develop.keys, develop.log, develop.span_ms[1])
    half = develop.keys.asset % 2
    risk = np.empty(len(half))
    for k in (0, 1):
        rows = np.flatnonzero(half == k)
        risk[rows] = _risk(fleet, known, labels, np.flatnonzero(half != k), known[rows], seed)
    judged = _risk(fleet, known, labels, np.arange(len(half)), told, seed)
    text = "knows kind, severity and age of every fault under way"
    return Contender(
        "oracle", text, RiskSeries(*develop.keys.columns, risk), RiskSeries(*judge.keys.columns, judged)
    )


def _risk(fleet: Fleet, known: Float32, labels: Labels, rows: Int64, asked: Float32, seed: int) -> Float64:
    """Learn from some ``rows`` of what is known; return the alerting risk of what is asked."""
    learnt = train(
        known[rows],
        hazard_rows(labels.take(rows), fleet.horizons_d),
        names=[f"truth{i}" for i in range(known.shape[1])],
        columns=np.arange(known.shape[1]),
        fingerprint="",
        horizons_d=fleet.horizons_d,
        training=_TRAINING,
        seed=seed,
    )
    return np.asarray(learnt.of_columns(asked)[:, fleet.horizon], np.float64)


def _told(fleet: Fleet, survey: Survey) -> Float32:
    """Return (n, C) what the truth tells of each window, and the weather and load that anybody sees."""
    drivers = sorted({key for group in fleet.expectation for key in group.drivers})
    seen = survey.daily[:, [fleet.keys.index(key) for key in drivers]]
    peaks = [_peaks(survey.keys, seen, days) for days in _PEAKS_D]
    year = 2 * np.pi * (survey.keys.end_ms / YEAR_MS)[:, None]
    return np.concatenate(
        [_worst(survey), seen, *peaks, np.sin(year), np.cos(year)], axis=1, dtype=np.float32
    )


def _worst(survey: Survey) -> Float64:
    """Return (n, 7): the severity of each machine's next worst fault, then the course of the worst."""
    out = np.tile([0.0, 0.0, 0.0, 0.0, 0.0, _FAR_D, -1.0], (len(survey.keys), 1))
    for rows, fault in _under_way(survey.keys, survey.faults):
        course = _course(fault, survey.keys.end_ms[rows])
        size, before = course[:, 0], out[rows, 1]
        out[rows, 0] = np.maximum(out[rows, 0], np.minimum(size, before))
        worse = size >= before
        out[rows[worse], 1:] = course[worse]
    return out


def _course(fault: FaultRecord, time_ms: Int64) -> Float64:
    """Return (m, 6) at times: severity, age in days, growth a day (of a week, of a day), days left, kind.

    Left are the days to a severity of 1 at the growth of the week.
    """
    age_d = (time_ms - fault.begin_ms) / DAY_MS
    size, yesterday, earlier = (fault.severity_at(time_ms - days * DAY_MS) for days in (0, 1, _WEEK_D))
    growth = (size - earlier) / np.clip(age_d, 1, _WEEK_D)
    left = np.clip((1.0 - size) / np.maximum(growth, 1e-9), -_NEAR_D, _FAR_D)
    kind = np.full(len(size), _KINDS.index(fault.kind))
    return np.stack([size, age_d, growth, size - yesterday, left, kind], axis=1)


def _under_way(keys: WindowKeys, faults: Sequence[FaultRecord]) -> Iterator[tuple[Int64, FaultRecord]]:
    """Yield the windows that end while each gradual fault, not of an instrument, is under way."""
    number = {name: i for i, name in enumerate(keys.assets)}
    order = np.lexsort((keys.end_ms, keys.asset))
    line = _line(keys)[order]
    for fault in (f for f in faults if not f.is_of_instrument):
        until_ms = fault.end_ms if fault.end_ms is not None else _MACHINE_MS - 1
        begin, end = np.array([fault.begin_ms, until_ms]) + number[fault.asset] * _MACHINE_MS
        yield order[np.searchsorted(line, begin) : np.searchsorted(line, end)], fault


def _peaks(keys: WindowKeys, values: Float32, days: int) -> Float32:
    """Return (n, C) the highest of each machine's values over the last days."""
    order = np.lexsort((keys.end_ms, keys.asset))
    line = _line(keys)[order]
    first = np.searchsorted(line, line - days * DAY_MS, side="right")
    bounds = np.stack([first, np.arange(len(line)) + 1], axis=1).ravel()
    padded = np.concatenate([values[order], values[:1]])
    out = np.empty_like(values)
    out[order] = np.fmax.reduceat(padded, bounds, axis=0)[::2]
    return out


def _line(keys: WindowKeys) -> Int64:
    """Return (n,) window ends on one line of time, on which machines follow one another."""
    return keys.asset.astype(np.int64) * _MACHINE_MS + keys.end_ms
