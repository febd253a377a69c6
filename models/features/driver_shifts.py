"""Whether faults move what an expectation takes as given: a driver that a fault moves hides the fault."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.event_time import DAY_MS
from models.features.expectation_fit import RunningSamples, terms
from models.fleet.fleet import Fleet
from models.telemetry.event_log import EventLog
from models.telemetry.samples import Float64, Int64

BEFORE_D, FEWEST_SHUTDOWNS = 7.0, 5
_FEWEST_DAYS, _MOVED_SD, _SURE = 3, 2.0, 3.0


@dataclass(frozen=True, slots=True)
class DriverShift:
    """How far a driver was from what the other drivers lead to expect, a week before a fault's stops.

    ``shift_sd`` is the mean over shutdowns, in standard deviations of the machines' days; ``error_sd`` is its
    standard error.
    """

    driver: str
    others: tuple[str, ...]
    fault: str
    shutdowns: int
    shift_sd: float
    error_sd: float

    @property
    def is_moved(self) -> bool:
        """Whether the fault moves it, far and for sure."""
        return abs(self.shift_sd) >= max(_MOVED_SD, _SURE * self.error_sd)


@dataclass(frozen=True, slots=True)
class RunningDays:
    """Daily means while machines ran: values (n, P) minus the machine's own mean; day of each."""

    assets: tuple[str, ...]
    asset: Int64
    day: Int64
    values: Float64

    @classmethod
    def of(cls, sample: RunningSamples, columns: Sequence[int]) -> RunningDays:
        """Return the days of samples, for some points."""
        day = sample.time_ms // DAY_MS
        width = int(day.max()) + 1
        places, group = np.unique(sample.asset.astype(np.int64) * width + day, return_inverse=True)
        asset, values = places // width, sample.values[:, list(columns)].astype(np.float64)
        means = np.stack([_means(group, column, len(places)) for column in values.T], axis=1)
        own = np.stack([_means(asset, column, len(sample.assets)) for column in means.T], axis=1)
        return cls(sample.assets, asset, places % width, means - own[asset])


def driver_shifts(fleet: Fleet, sample: RunningSamples, log: EventLog) -> list[DriverShift]:
    """Return, of each driver of each set of them, the fault before whose shutdowns it stands farthest off.

    A fault of fewer than `FEWEST_SHUTDOWNS` shutdowns is not looked at.
    """
    keys, found = fleet.point_keys, []
    for drivers in dict.fromkeys(group.drivers for group in fleet.expectation):
        days = RunningDays.of(sample, [keys.index(key) for key in drivers])
        weeks = list(_weeks(fleet, days, log))
        for i, driver in enumerate(drivers):
            shifts = list(_shifts(driver, drivers, _unexplained(days.values, i), weeks))
            found += sorted(shifts, key=lambda one: (one.is_moved, abs(one.shift_sd)))[-1:]
    return found


def drivers_of_faults(fleet: Fleet) -> list[tuple[str, str]]:
    """Return each driver that is itself what a fault shows on, and the fault."""
    drivers = {key for group in fleet.expectation for key in group.drivers}
    return [(key, one.fault) for one in fleet.advice for key in one.sensors if key in drivers]


def _means(group: Int64, values: Float64, groups: int) -> Float64:
    """Return (G,) the means of the known values of each group, NaN of none."""
    known = np.isfinite(values)
    count = np.bincount(group[known], minlength=groups)
    total = np.bincount(group[known], values[known], minlength=groups)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _weeks(fleet: Fleet, days: RunningDays, log: EventLog) -> Iterator[tuple[str, Int64]]:
    """Yield the fault of each shutdown, and the days before it."""
    faults = {code: advice.fault for advice in fleet.advice for code in advice.codes}
    codes = {name: i for i, name in enumerate(days.assets)}
    for event in log.outcomes:
        before = (event.time_ms - days.day * DAY_MS) / DAY_MS
        own = days.asset == codes.get(event.asset, -1)
        yield (
            faults.get(event.code, event.code or event.kind),
            np.flatnonzero(own & (before > 0) & (before <= BEFORE_D)),
        )


def _unexplained(values: Float64, i: int) -> Float64:
    """Return (n,) what the other columns do not say of one, in its standard deviations."""
    known = np.isfinite(values).all(axis=1)
    scaled = values[known] / np.maximum(values[known].std(axis=0), 1e-9) if known.any() else values[known]
    basis = np.stack(terms(np.delete(scaled, i, axis=1)), axis=1)
    rest = scaled[:, i] - basis @ np.linalg.lstsq(basis, scaled[:, i])[0]
    out = np.full(len(values), np.nan)
    out[known] = rest / max(float(rest.std()) if len(rest) else 1.0, 1e-9)
    return out


def _shifts(
    driver: str, drivers: Sequence[str], rest: Float64, weeks: Sequence[tuple[str, Int64]]
) -> Iterator[DriverShift]:
    means = defaultdict[str, list[float]](list)
    for fault, rows in weeks:
        known = rest[rows][np.isfinite(rest[rows])]
        if len(known) >= _FEWEST_DAYS:
            means[fault].append(float(known.mean()))
    others = tuple(key for key in drivers if key != driver)
    for fault, own in means.items():
        if len(own) >= FEWEST_SHUTDOWNS:
            error = float(np.std(own, ddof=1)) / len(own) ** 0.5
            yield DriverShift(driver, others, fault, len(own), float(np.mean(own)), error)
