"""What a run came to, machine by machine."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum

import numpy as np

from chillcast.proof.plant import HOUR_MS, NEVER_MS, SAME_MS, Plant
from chillcast.proof.work import Kind, Record
from models.event_time import YEAR_MS
from models.telemetry.samples import Float64


class Count(IntEnum):
    """The columns of a tally: hours end in ``_H``; what is not done by crews is counted by the truth."""

    YEARS = 0
    UNPLANNED_H = 1
    FORESEEABLE_H = 2
    STOPS = 3
    PLANNED_H = 4
    STOOD_H = 5
    STOOD = 6
    CREW_H = 7
    VISITS = 8
    EMPTY = 9
    AVERTED = 10
    LEFT_OVER = 11
    """Stops that could come, at most, of flaws that only the repair after an averted stop mended."""
    RETURNED = 12
    """Stops to be expected of flaws that could begin anew earlier, since the last was mended earlier."""


def tally(plant: Plant, record: Record) -> Float64:
    """Return (M, columns of `Count`) what a run came to; stops and work after the last day count too."""
    out = np.zeros((plant.machines, len(Count)))
    out[:, Count.YEARS] = plant.years
    for down in record.downs:
        hours = (down.until_ms - down.from_ms) / HOUR_MS
        out[down.machine, [Count.UNPLANNED_H, Count.STOPS]] += hours, 1
        out[down.machine, [Count.STOOD_H, Count.STOOD]] += hours, 1
        out[down.machine, Count.FORESEEABLE_H] += hours if down.flaw >= 0 else 0.0
    for done in record.done:
        out[done.job.machine, Count.CREW_H] += (done.end_ms - done.start_ms) / HOUR_MS
    for done in record.of(Kind.REPAIR):
        hours = (done.end_ms - done.start_ms) / HOUR_MS
        out[done.job.machine, Count.PLANNED_H] += hours
        out[done.job.machine, [Count.STOOD_H, Count.STOOD]] += hours, 1
    for done in record.of(Kind.VISIT):
        out[done.job.machine, [Count.VISITS, Count.EMPTY]] += 1, not done.found
    for number in record.averted:
        out[plant.stops[number].machine, Count.AVERTED] += 1
    _bound(plant, record, out)
    return out


def _bound(plant: Plant, record: Record, out: Float64) -> None:
    """Count what the undisturbed run cannot tell: what more could have stopped the machines that ran on."""
    for number in record.averted:
        stop = plant.stops[number]
        for flaw in plant.of_machine[stop.machine]:
            other = plant.flaws[flaw]
            if flaw in record.mended or not other.is_repaired or abs(other.end_ms - stop.time_ms) > SAME_MS:
                continue
            out[stop.machine, Count.LEFT_OVER] += 1
    stops = Counter(plant.flaws[s.flaw].kind for s in plant.stops if s.flaw >= 0)
    for flaw, at_ms in record.mended.items():
        mended = plant.flaws[flaw]
        until_ms = plant.end_ms if mended.end_ms == NEVER_MS else min(mended.end_ms, plant.end_ms)
        gained = max(until_ms - at_ms, 0) / YEAR_MS
        rate = stops[mended.kind] / (plant.machines * plant.years)
        out[mended.machine, Count.RETURNED] += gained * rate
