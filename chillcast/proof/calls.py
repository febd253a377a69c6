"""Who is called where: by cases, by the calendar, or by chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chillcast.proof.luck import Luck
from chillcast.proof.plant import HOUR_MS, Plant
from chillcast.proof.terms import Terms
from chillcast.proof.work import Call
from models.alerting.cases import Case
from models.event_time import DAY_MS


def of_cases(plant: Plant, cases: Sequence[Case]) -> list[Call]:
    """Return a call, at once, for each case of a plant; it stems from the worst flaw of its machine."""
    number = {name: i for i, name in enumerate(plant.names)}
    own = [(number[case.asset], case.opened_ms) for case in cases if case.asset in number]
    return [Call(machine, at_ms, at_ms, plant.worst(machine, at_ms)) for machine, at_ms in own]


def acted_on(calls: Sequence[Call], terms: Terms, luck: Luck) -> list[Call]:
    """Return the calls that anybody acts on, once somebody has decided to."""
    after_ms = int(terms.triage_h * HOUR_MS)
    return [
        Call(call.machine, call.ready_ms + after_ms, call.opened_ms, call.stem)
        for number, call in enumerate(calls)
        if luck.acted[number % len(luck.acted)] < terms.acted_share
    ]


def of_calendar(plant: Plant, terms: Terms) -> list[Call]:
    """Return a call to every machine each so many days, the machines spread evenly over these."""
    every_ms = int(terms.calendar_d * DAY_MS)
    first_ms = [plant.start_ms + every_ms * (i + 1) // (plant.machines + 1) for i in range(plant.machines)]
    return [
        Call(machine, at_ms)
        for machine, begin_ms in enumerate(first_ms)
        for at_ms in range(begin_ms, plant.end_ms, every_ms)
    ]


def by_chance(plant: Plant, count: int, seed: int) -> list[Call]:
    """Return so many calls, each to any machine at any time."""
    chance = np.random.default_rng([seed, count])
    machines = chance.integers(0, plant.machines, count).tolist()
    times_ms = chance.integers(plant.start_ms, plant.end_ms, count).tolist()
    return [Call(machine, at_ms) for machine, at_ms in zip(machines, times_ms, strict=True)]
