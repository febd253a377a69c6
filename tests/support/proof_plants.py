"""Plants, calls and terms for crews, by hand and by chance."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from chillcast.proof.plant import ALWAYS, HOUR_MS, Flaw, Plant, Stop, plant_of
from chillcast.proof.proof_config import load_proof_config
from chillcast.proof.terms import ENDS, Terms
from chillcast.proof.work import Call
from models.event_time import DAY_MS

SHIPPED = Path("fleets/proof/portfolio.toml")
MONDAY_MS = 1_736_121_600_000  # 2025-01-06T00:00Z
DAYS = 120
SPAN_MS = (MONDAY_MS, MONDAY_MS + DAYS * DAY_MS)


def shipped_terms(**changes: float) -> Terms:
    return replace(load_proof_config(SHIPPED).assumptions.terms(), **changes)


def certain_terms(**changes: Any) -> Terms:
    """Return terms under which nothing is missed, every case is acted on at once, and no part is needed."""
    certain = {
        "acted_share": 1.0,
        "triage_h": 0.0,
        "miss_share": 0.0,
        "visible_severity": 0.0,
        "induced_share": 0.0,
        "parts_share": 0.0,
        "spread": 0.0,
    }
    return shipped_terms(**{**certain, **changes})


def growing(machine: int, begin_d: float, days: int, kind: str = "leak") -> tuple[Flaw, int]:
    """Return a flaw that grows to 1 in so many days, and when that is."""
    begin_ms = MONDAY_MS + int(begin_d * DAY_MS)
    end_ms = begin_ms + days * DAY_MS
    return Flaw(machine, kind, begin_ms, end_ms, np.linspace(0.0, 1.0, days + 1), is_repaired=True), end_ms


def one_flaw(days: int = 20) -> Plant:
    """Return a plant of one machine with a flaw that begins on day 7 and stops it."""
    flaw, end_ms = growing(0, 7.0, days)
    return plant_of("one", ("CH-0001",), SPAN_MS, [flaw], [Stop(0, end_ms, 0)])


@st.composite
def plants(draw: st.DrawFn, apart: bool = False) -> Plant:
    """Return any plant; with ``apart`` no machine stops more than once."""
    machines = draw(st.integers(1, 6))
    flaws, stops = list[Flaw](), list[Stop]()
    begun = st.tuples(
        st.integers(0, machines - 1), st.integers(0, 100 * 24), st.integers(1, 40), st.booleans()
    )
    for machine, begin_h, days, trips in draw(st.lists(begun, max_size=8)):
        flaw, end_ms = growing(machine, begin_h / 24, days)
        flaws.append(flaw)
        if trips and end_ms < SPAN_MS[1]:
            stops.append(Stop(machine, end_ms, len(flaws) - 1))
    strikes = st.tuples(
        st.integers(0, machines - 1), st.integers(0, DAYS * 24 - 1), st.sampled_from([ALWAYS, 0.2, 1.2])
    )
    for machine, hour, above in draw(st.lists(strikes)):
        stops.append(Stop(machine, MONDAY_MS + hour * HOUR_MS, -1, above))
    if apart:
        stops = list({stop.machine: stop for stop in stops}.values())
    return plant_of("any", [f"CH-{i:04d}" for i in range(machines)], SPAN_MS, flaws, stops)


@st.composite
def calls(draw: st.DrawFn, plant: Plant) -> list[Call]:
    """Return any calls to a plant, some of them of cases."""
    wanted = st.tuples(st.integers(0, plant.machines - 1), st.integers(0, DAYS * 24 - 1), st.booleans())
    out = []
    for machine, hour, is_case in draw(st.lists(wanted, max_size=20)):
        at_ms = MONDAY_MS + hour * HOUR_MS
        stem = plant.worst(machine, at_ms)
        out.append(Call(machine, at_ms, at_ms, stem) if is_case else Call(machine, at_ms))
    return out


@st.composite
def any_terms(draw: st.DrawFn) -> Terms:
    """Return terms at any mixture of their ends."""
    assumptions = load_proof_config(SHIPPED).assumptions
    ends = {name: draw(st.sampled_from(ENDS)) for name in assumptions.each}
    return replace(assumptions.terms(ends), machines_per_crew=draw(st.sampled_from([1.0, 2.0, 6.0])))
