"""What is done to a watched fleet, and what its watch says of it that it did not say without."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.drift_fleet import HISTORY_D, NOISE, Lived, Reference, Table, off
from models.adaptation.fleet_drift import FleetDrift, Moved
from models.adaptation.instruments import in_common, instruments_of
from models.event_time import DAY_MS
from models.fleet.fleet import Fleet
from models.telemetry.samples import Float64

BEGIN_D, SEASON_D = 215, 60
_QUIET_D, _LATELY_D, _AT_A_TIME = 30, 45, 8
SIZES = {"5 to 10 noises": (5.0, 10.0), "10 to 20 noises": (10.0, 20.0)}
SENSOR_D, DRIFT_D, MANY_D = 21, 60, 4
Said = list[tuple[int, Moved]]
Spoilt = list[tuple[int, str, Float64]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What was done, as its class and in words; what was said of it first, and when it got the right name."""

    truth: str
    what: str
    named: str
    right_d: int | None


class Watch:
    """A fleet's residuals (D, A, R), watched as they are up to ``BEGIN_D``."""

    def __init__(self, fleet: Fleet, machines: Lived, reference: Reference) -> None:
        self.fleet, self.machines, self.reference = fleet, machines, reference
        self.daily = machines.daily[HISTORY_D:]
        self.residuals = reference.residuals(self.daily, machines.assets)
        self.work = {asset: _days(machines, asset) for asset in machines.assets}
        watch = FleetDrift(in_common(fleet), machines.segments_of)
        before = self.days(watch, self.residuals, 0, BEGIN_D)
        self.begun = copy.deepcopy(watch)
        self.year: Said = [*before, *self.days(watch, self.residuals, BEGIN_D, len(self.residuals))]
        self.running = np.isfinite(self.residuals[BEGIN_D - 40 : BEGIN_D + 20]).any(axis=2).mean(axis=0) > 0.8

    def days(self, watch: FleetDrift, residuals: Table, begin: int, end: int) -> Said:
        """Let days pass, and return what is said."""
        out: Said = []
        for day in range(begin, end):
            for asset, own in zip(self.machines.assets, residuals[day], strict=True):
                if HISTORY_D + day in self.work[asset]:
                    watch.begin_anew(asset)
                watch.observe(asset, day * DAY_MS, own)
            out += [(day, one) for one in watch.advance(day * DAY_MS)]
        return out

    def after(self, residuals: Table, days: int) -> Said:
        """Return what is said of days since ``BEGIN_D`` that are other than they were."""
        return self.days(copy.deepcopy(self.begun), residuals, BEGIN_D, BEGIN_D + days)

    def running_on(self, segment: str) -> float:
        """Return how many machines of a segment ran on the first days of what is done, in the mean."""
        rows = self.machines.members(segment)
        days = np.isfinite(self.residuals[BEGIN_D : BEGIN_D + 2, rows]).any(axis=2)
        return float(days.sum(axis=1).mean())

    def quiet(self) -> list[int]:
        """Return machines that run, on which nothing is or soon will be under way, or was done lately."""
        start_ms, names = self.machines.start_ms + (HISTORY_D + BEGIN_D) * DAY_MS, self.machines.assets
        busy = {
            f.asset
            for f in self.machines.faults
            if f.begin_ms < start_ms + _QUIET_D * DAY_MS
            and (f.end_ms is None or f.end_ms > start_ms - _QUIET_D * DAY_MS)
        }
        lately = set(range(HISTORY_D + BEGIN_D - _LATELY_D, HISTORY_D + BEGIN_D + SENSOR_D))
        busy |= {name for name, days in self.work.items() if days & lately}
        return [i for i in np.flatnonzero(self.running).tolist() if names[i] not in busy]


def of_instruments(watch: Watch, rng: np.random.Generator) -> Iterator[Trial]:
    """Yield instruments that are off from one day on, or drift away over sixty days."""
    keys = sorted(key for key in instruments_of(watch.fleet) if any(NOISE[key]))
    for what, (low, high) in SIZES.items():
        for kind, days in (("off by", SENSOR_D), ("drifts in 60 days by", DRIFT_D)):
            grown = np.ones(days) if days == SENSOR_D else (np.arange(days) + 1) / days
            chosen = [
                (i, str(rng.choice(keys)), rng.uniform(low, high) * rng.choice((-1.0, 1.0)) * grown)
                for i in watch.quiet()
            ]
            for at in range(0, len(chosen), _AT_A_TIME):
                yield from _spoilt(watch, chosen[at : at + _AT_A_TIME], days, f"{kind} {what}")


def _spoilt(watch: Watch, chosen: Spoilt, days: int, what: str) -> Iterator[Trial]:
    changed, names = watch.residuals.copy(), watch.machines.assets
    for i, key, noises in chosen:
        own = off(watch.daily[:, i : i + 1], watch.fleet.keys.index(key), key, noises, BEGIN_D)
        changed[:, i : i + 1] = watch.reference.residuals(own, names[i : i + 1])
    said = watch.after(changed, days)
    yield from (_of_machine("sensor", what, names[i], said, BEGIN_D) for i, _, _ in chosen)


def of_machines(watch: Watch) -> Iterator[Trial]:
    """Yield the gradual faults of the days as they were that came to two fifths of where they trip."""
    first_ms = watch.machines.start_ms + HISTORY_D * DAY_MS
    for fault in watch.machines.faults:
        begin = (fault.begin_ms - first_ms) // DAY_MS
        end = len(watch.residuals) if fault.end_ms is None else (fault.end_ms - first_ms) // DAY_MS
        column = watch.machines.assets.index(fault.asset)
        ran = np.isfinite(watch.residuals[max(begin, 0) : end + 1, column]).any(axis=1).sum()
        fresh = any(0 <= begin - day + HISTORY_D < 35 for day in watch.work[fault.asset])
        worst = max(fault.severity, default=0.0)
        if begin < 35 or fresh or ran < 5 or worst < 0.4:
            continue
        said = [(day, one) for day, one in watch.year if begin <= day <= end]
        what = "comes to 0.8 or more" if worst >= 0.8 else "comes to 0.4 or more"
        yield _of_machine("machine", what, fault.asset, said, begin)


def of_many(watch: Watch, segments: dict[str, str], sizes: Sequence[float]) -> Iterator[Trial]:
    """Yield each point of segments, by their names, that reads more or less from one day on."""
    for segment, name in segments.items():
        rows = watch.machines.members(segment)
        for size in sizes:
            for point in range(watch.residuals.shape[2]):
                changed = watch.residuals[: BEGIN_D + MANY_D].copy()
                changed[BEGIN_D:, rows, point] += np.float32(size if point % 2 else -size)
                said = [(d, one) for d, one in watch.after(changed, MANY_D) if one.segment]
                own = [(d, one) for d, one in said if one.point == point and one.segment == segment]
                yield _named("population", f"{size:g} sd of {name}", own or said, BEGIN_D)


def of_seasons(watch: Watch) -> Iterator[Trial]:
    """Yield each third point of all machines that goes away by one standard deviation a month."""
    ramp = (np.arange(SEASON_D, dtype=np.float32) + 1) / 30
    for point in range(0, watch.residuals.shape[2], 3):
        changed = watch.residuals[: BEGIN_D + SEASON_D].copy()
        changed[BEGIN_D:, :, point] += ramp[:, None]
        said = [(d, one) for d, one in watch.after(changed, SEASON_D) if one.point == point and one.segment]
        yield _named("season", "1 sd a month", said, BEGIN_D)


def _of_machine(truth: str, what: str, asset: str, said: Said, begin: int) -> Trial:
    own = [(day, one) for day, one in said if not one.segment and one.machines == (asset,)]
    return _named(truth, what, own, begin)


def _named(truth: str, what: str, said: Said, begin: int) -> Trial:
    right = [day for day, one in said if one.cause == truth]
    named = said[0][1].cause if said else "nothing"
    return Trial(truth, what, named, right[0] - begin + 1 if right else None)


def _days(machines: Lived, asset: str) -> set[int]:
    """Return the days of work on a machine, and those after: on these it is another."""
    return {day + after for day in machines.days_of(asset).tolist() for after in (0, 1)}
