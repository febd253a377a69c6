"""A simulated fleet as the crews meet it: faults that grow, and stops that come unless they are mended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from chillcast.skill.survey import Survey
from models.event_time import DAY_MS, YEAR_MS
from models.telemetry.samples import Float64
from simulators.truth import FaultRecord, ShutdownRecord

HOUR_MS = 3_600_000
NEVER_MS = 1 << 62
SAME_MS = 2 * HOUR_MS
ALWAYS = -1.0


@dataclass(frozen=True, slots=True)
class Flaw:
    """A gradual fault, under way in [begin_ms, end_ms) if nobody mends it before.

    ``severity`` is for its beginning and for the end of each day since; ``is_repaired`` says that it ends
    with the repair after a stop, whether it was the cause of that or not.
    """

    machine: int
    kind: str
    begin_ms: int
    end_ms: int
    severity: Float64
    is_repaired: bool = False

    def is_under_way(self, time_ms: int) -> bool:
        """Return whether it had begun at a time, and was not over."""
        return self.begin_ms <= time_ms < self.end_ms

    def size_at(self, time_ms: int) -> float:
        """Return how severe it is at a time at which it is under way."""
        days = (time_ms - self.begin_ms) / DAY_MS
        return float(np.interp(days, np.arange(len(self.severity)), self.severity))


@dataclass(frozen=True, slots=True)
class Stop:
    """A safety shutdown that comes unless the ``flaw`` it stems from is mended before; -1 if it has none.

    It comes if the factor on sudden stops is above ``above``.
    """

    machine: int
    time_ms: int
    flaw: int = -1
    above: float = ALWAYS


@dataclass(frozen=True, slots=True)
class Plant:
    """The machines of one seed over [start_ms, end_ms]; flaws and stops are numbered by their place."""

    name: str
    names: tuple[str, ...]
    start_ms: int
    end_ms: int
    flaws: tuple[Flaw, ...]
    stops: tuple[Stop, ...]
    of_machine: dict[int, list[int]] = field(default_factory=dict)

    @property
    def machines(self) -> int:
        """How many machines there are."""
        return len(self.names)

    @property
    def years(self) -> float:
        """How long one machine was looked at."""
        return (self.end_ms - self.start_ms) / YEAR_MS

    def under_way(self, machine: int, time_ms: int) -> list[int]:
        """Return the flaws of a machine that are under way at a time."""
        own = self.of_machine.get(machine, ())
        return [f for f in own if self.flaws[f].is_under_way(time_ms)]

    def worst(self, machine: int, time_ms: int) -> int:
        """Return the most severe flaw of a machine at a time, -1 if it has none."""
        there = self.under_way(machine, time_ms)
        return max(there, key=lambda f: self.flaws[f].size_at(time_ms), default=-1)


def plant_of(
    name: str,
    names: Sequence[str],
    span_ms: tuple[int, int],
    flaws: Sequence[Flaw],
    stops: Sequence[Stop],
) -> Plant:
    """Put a plant together, its flaws found by machine."""
    places: defaultdict[int, list[int]] = defaultdict(list)
    for number, flaw in enumerate(flaws):
        places[flaw.machine].append(number)
    return Plant(name, tuple(names), *span_ms, tuple(flaws), tuple(stops), dict(places))


def plant_in(survey: Survey, seed: int) -> Plant:
    """Return the plant of one fleet, its machines numbered in the order of their names."""
    machines = survey.keys.assets
    number = {machine: i for i, machine in enumerate(machines)}
    own = [f for f in survey.faults if not f.is_of_instrument]
    start_ms, end_ms = span_ms = survey.span_ms
    come = [s for s in survey.shutdowns if start_ms <= s.time_ms <= end_ms]
    flaws = [_flaw(fault, number[fault.asset]) for fault in own]
    stops = [Stop(number[s.asset], s.time_ms, _cause(s, own)) for s in come]
    name = machines[0].partition("/")[0]
    return plant_of(name, machines, span_ms, flaws, with_sudden(stops, span_ms, seed))


def _flaw(fault: FaultRecord, machine: int) -> Flaw:
    end_ms = NEVER_MS if fault.end_ms is None else fault.end_ms
    severity = np.array(fault.severity or (0.0,), np.float64)
    return Flaw(machine, fault.kind, fault.begin_ms, end_ms, severity, fault.ended_by == "repair")


def _cause(stop: ShutdownRecord, faults: Sequence[FaultRecord]) -> int:
    """Return which fault a stop stems from: that of its kind which its repair ended; -1 if none."""
    if not stop.has_precursor:
        return -1
    for number, fault in enumerate(faults):
        ended = fault.ended_by == "repair" and abs((fault.end_ms or 0) - stop.time_ms) <= SAME_MS
        if ended and (fault.asset, fault.kind) == (stop.asset, stop.cause):
            return number
    return -1


def with_sudden(stops: Sequence[Stop], span_ms: tuple[int, int], seed: int) -> list[Stop]:
    """Return the stops, those without a flaw twice: at a factor of 1 all of the first come, and at 2 all.

    A copy comes on the same machine, at a time by chance.
    """
    chance = np.random.default_rng(seed)
    out = []
    for stop in stops:
        if stop.flaw >= 0:
            out.append(stop)
            continue
        again_ms, above = int(chance.integers(*span_ms)), float(chance.random())
        out += [Stop(stop.machine, stop.time_ms, -1, above), Stop(stop.machine, again_ms, -1, 1.0 + above)]
    return out
