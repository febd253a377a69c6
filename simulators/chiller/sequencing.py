"""Sequencing: how many chillers of a plant run, which, and how they share its load.

A chiller is added when those that run are nearly full, and taken off when the others would have room to
spare; half an hour lies between two changes, unless the load cannot be carried at all. The lead passes on
every week. A machine that is locked out or worked on is left out, and its load goes to its sisters.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from models.features.compiling import compiled
from models.telemetry.samples import Float64, Int64
from simulators.chiller.faults import Flags
from simulators.clock import DAY_S, Clock
from simulators.site.plants import Plants

# Shares of the capacity that runs. Judgement: practice adds at 90 to 95 % and takes off some 15 % below.
_ADD, _TAKE_OFF = 0.95, 0.82
_START, _STOP = 0.20, 0.11
_LARGEST_LOAD = 1.04
_SETTLED_S = 1800
_ROTATION_D = 7


@dataclass(frozen=True, slots=True)
class Demand:
    """``load`` (T, A) is a share of rated capacity; ``wanted`` (T, A): the plant calls for the chiller."""

    load: Float64
    wanted: Flags


class Sequencer:
    """Runs the chillers of plants, each of ``capacity_kw`` (A,), a day at a time."""

    def __init__(self, plants: Plants, capacity_kw: Float64, clock: Clock) -> None:
        self._plants, self._capacity_kw = plants, capacity_kw
        self._waits = ceil(_SETTLED_S / clock.period_s), DAY_S // clock.period_s
        self._day = -1
        standing: Flags = np.zeros(len(capacity_kw), bool)
        long_since: Int64 = np.full(len(plants.size), self._waits[1], np.int64)
        self._morning = self._evening = standing, long_since

    def day(self, day: int, load_kw: Float64, free: Flags) -> Demand:
        """Share out ``load_kw`` (T, P) among the machines that are ``free`` (T, A).

        Days are asked for in order. Asked once more for the same day, it is planned anew from its morning:
        what lies before the first step at which ``free`` differs stays as it was.
        """
        if day != self._day:
            self._day, self._morning = day, self._evening
        running, since = self._morning[0].copy(), self._morning[1].copy()
        demand = Demand(np.zeros(free.shape), np.zeros(free.shape, bool))
        machines = self._plants.first, self._rank(day), self._capacity_kw
        _share_out(load_kw, free, machines, self._waits, (running, since), (demand.load, demand.wanted))
        self._evening = running, since
        return demand

    def _rank(self, day: int) -> Int64:
        """Return the order in which machines of a plant are called for, 0 for the lead; plants differ."""
        plants = self._plants
        lead = day // _ROTATION_D + np.arange(len(plants.size))
        return np.asarray((plants.place - lead[plants.plant_of]) % plants.size[plants.plant_of], np.int64)


@compiled
def _share_out(
    load_kw: Float64,
    free: Flags,
    machines: tuple[Int64, Int64, Float64],
    waits: tuple[int, int],
    state: tuple[Flags, Int64],
    out: tuple[Float64, Flags],
) -> None:
    first, rank, capacity = machines
    running, since = state
    load, wanted = out
    for t in range(len(load_kw)):
        for p in range(len(first) - 1):
            own = slice(first[p], first[p + 1])
            plant = rank[own], capacity[own], running[own]
            since[p] += 1
            if _stage(load_kw[t, p], free[t, own], plant, since[p], waits):
                since[p] = 0
            total = _carried(plant)
            for a in range(first[p], first[p + 1]):
                wanted[t, a] = running[a]
                load[t, a] = min(load_kw[t, p] / total, _LARGEST_LOAD) if running[a] else 0.0


@compiled
def _stage(
    kw: float, free: Flags, plant: tuple[Int64, Float64, Flags], since: int, waits: tuple[int, int]
) -> bool:
    """Start and stop machines of one plant in place; return whether anything changed."""
    _, capacity, running = plant
    settled, stale = since >= waits[0], since >= waits[1]
    before = running.copy()
    running &= free
    lead = _next(plant, free)
    if lead >= 0 and not running.any() and kw >= _START * capacity[lead]:
        running[lead] = True
    while running.any() and kw > (_ADD if settled else 1.0) * _carried(plant):
        added = _next(plant, free)
        if added < 0:
            break
        running[added] = True
    last = _last(plant)
    if last >= 0 and settled:
        left = _carried(plant) - capacity[last]
        if kw < (_TAKE_OFF * left if left > 0.0 else _STOP * capacity[last]):
            running[last] = False
        elif stale:
            _exchange(plant, free, last)
    return bool((running != before).any())


@compiled
def _exchange(plant: tuple[Int64, Float64, Flags], free: Flags, last: int) -> None:
    """Let the machine whose turn it is run in place of the last."""
    rank, _, running = plant
    turn = _next(plant, free)
    if turn >= 0 and rank[turn] < rank[last]:
        running[turn], running[last] = True, False


@compiled
def _carried(plant: tuple[Int64, Float64, Flags]) -> float:
    """Return the capacity that runs, kW."""
    _, capacity, running = plant
    total = 0.0
    for a in range(len(running)):
        if running[a]:
            total += capacity[a]
    return total


@compiled
def _next(plant: tuple[Int64, Float64, Flags], free: Flags) -> int:
    """Return the first machine, in order, that stands and is free; -1 if there is none."""
    rank, _, running = plant
    found = -1
    for a in range(len(rank)):
        if free[a] and not running[a] and (found < 0 or rank[a] < rank[found]):
            found = a
    return found


@compiled
def _last(plant: tuple[Int64, Float64, Flags]) -> int:
    """Return the last machine, in order, that runs; -1 if none does."""
    rank, _, running = plant
    found = -1
    for a in range(len(rank)):
        if running[a] and (found < 0 or rank[a] > rank[found]):
            found = a
    return found
