"""The best that a threshold on one sensor could do: the answer must not lie in any single reading."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.alerting.cases import Case
from models.evaluation.events import EventReport, evaluate_cases
from models.event_time import DAY_MS
from models.fleet.alerting import Alerting
from models.telemetry.event_log import EventLog
from models.telemetry.labels import Bools
from models.telemetry.samples import Float32
from simulators.validation.survey import Readings

_SHARES = np.geomspace(2e-5, 0.2, 160)
_HALVINGS = 8


@dataclass(frozen=True, slots=True)
class Threshold:
    """An alarm ``above`` (or else below) a limit on one sensor, and what it would have announced."""

    sensor: str
    above: bool
    limit: float
    report: EventReport

    @property
    def recall(self) -> float:
        """Share of all safety shutdowns, sudden ones too, that it announced."""
        return self.report.alerted / self.report.shutdowns if self.report.shutdowns else 0.0


def ranked(
    seen: Readings, keys: Sequence[str], *, horizon_d: float, per_year: float, own: bool
) -> list[Threshold]:
    """Return the best threshold of each sensor, the highest recall first.

    Each limit is chosen on the very run that judges it: the loosest with at most ``per_year`` false alarms
    per chiller-year. ``own`` takes each reading against the machine's own median over the whole run.
    """
    found = []
    for sensor, key in enumerate(keys):
        values = seen.means[..., sensor]
        if own:
            values = values - _medians(values)
        for sign in (1, -1):
            best = loosest(seen, sign * values, horizon_d, per_year)
            if best is not None:
                found.append(Threshold(key, sign > 0, sign * best[0], best[1]))
    return sorted(found, key=lambda t: (-t.recall, t.sensor))


def _medians(values: Float32) -> Float32:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a machine that never ran has no median
        return np.asarray(np.nanmedian(values, axis=1, keepdims=True), np.float32)


def loosest(
    seen: Readings, values: Float32, horizon_d: float, per_year: float
) -> tuple[float, EventReport] | None:
    """Return the lowest limit on ``values`` (A, W) within the budget, found by halving; None if none is."""
    present = values[np.isfinite(values)]
    if not len(present):
        return None
    limits, best = np.quantile(present, 1.0 - _SHARES), None
    low, high = 0, len(limits)
    for _ in range(_HALVINGS):
        if low >= high:
            break
        middle = (low + high) // 2
        report = judge(seen, values > limits[middle], horizon_d)
        if report.false_alarms_per_asset_year <= per_year:
            low, best = middle + 1, (float(limits[middle]), report)
        else:
            high = middle
    return best


def judge(seen: Readings, alarm: Bools, horizon_d: float) -> EventReport:
    """Open a case at an alarm (A, W) unless one was opened within the horizon, and hold cases to outcomes."""
    cases, quiet_ms = list[Case](), int(horizon_d * DAY_MS)
    for column, name in enumerate(seen.assets):
        opened_ms = -quiet_ms
        for end_ms in seen.end_ms[alarm[column]].tolist():
            if end_ms - opened_ms >= quiet_ms:
                opened_ms = end_ms
                cases.append(Case(name, end_ms))
    return evaluate_cases(
        cases,
        EventLog(seen.events),
        Alerting(horizon_d=horizon_d),
        start_ms=seen.start_ms,
        end_ms=int(seen.end_ms[-1]),
        assets=len(seen.assets),
    )
