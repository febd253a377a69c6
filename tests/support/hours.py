"""Some hours of three machines, and the messages of their replay."""

from __future__ import annotations

from collections.abc import Iterable

from models.fleet.fleet import Fleet
from models.telemetry.samples import Event, TimeSlice
from simulators.replay.replay import replay
from streams.stage import Outgoing
from tests.support.toy_fleet import HOP, MINUTE, fleet_of, samples_of

FLEET = fleet_of()
START_MS = 10 * HOP
ROWS = [(a, m, float(a * 100 + m)) for m in range(40, 64) for a in range(3)]


def slices() -> list[TimeSlice]:
    trip = Event(START_MS + 5 * MINUTE, "a", "shutdown", "x")
    events = (trip, Event(START_MS + 13 * MINUTE, "b", "restart", "x"))
    return [TimeSlice(START_MS, START_MS + 6 * HOP, samples_of(ROWS), events)]


def raw_of(
    source: Iterable[TimeSlice], fleet: Fleet, batch_s: int | None = None
) -> list[tuple[int, Outgoing]]:
    out: list[tuple[int, Outgoing]] = []
    replay(
        source,
        fleet,
        partitions=2,
        telemetry="t",
        send=lambda partition, message: out.append((partition, message)),
        pace=lambda _: None,
        batch_s=batch_s,
    )
    return out
