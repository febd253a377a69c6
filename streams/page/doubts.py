"""Which machines are silent and which sensors are bad: what is wrong with what is heard of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from models.event_time import DAY_MS
from streams.page.views import Machine, Overview
from streams.stores.selection import TIME, Condition, Selection
from streams.stores.store import Reader, Row

DAYS = 7
MACHINE = "machine"
_MOST_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class BadSensor:
    """What was told of a sensor lately: on how many ``days``, when at last, and by which detectors."""

    asset: str
    sensor: str
    detectors: tuple[str, ...]
    days: int
    last_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Doubts:
    """Silent machines, those of which no risk is said, wrong clocks, and bad sensors, the worst first.

    ``told`` is how often something was told of sensors, of which the newest ``read`` were looked at.
    """

    silent: Sequence[Machine]
    unsaid: Sequence[Machine]
    wrong_clocks: Sequence[Machine]
    sensors: Sequence[BadSensor]
    told: int
    read: int


def read_doubts(reader: Reader, seen: Overview) -> Doubts:
    """Return what is in doubt as of the time of the fleet."""
    since = Condition(TIME, ">", float(seen.time.now_ms - DAYS * DAY_MS))
    found = reader.select(Selection("drift", TIME, (since,), descending=True, most=_MOST_ROWS, every=True))
    machines = seen.machines.values()
    return Doubts(
        silent=sorted((m for m in machines if m.is_silent), key=lambda m: m.as_of_ms),
        unsaid=[m for m in machines if m.risk is None and not m.is_silent],
        wrong_clocks=seen.wrong_clocks,
        sensors=bad_sensors(found.rows),
        told=found.found,
        read=len(found.rows),
    )


def bad_sensors(rows: Iterable[Row]) -> list[BadSensor]:
    """Return the sensors that something was told of, those of the most days first."""
    sensors: dict[tuple[str, str], BadSensor] = {}
    days: dict[tuple[str, str], set[int]] = {}
    for row in rows:
        key = row.tags.get("asset", ""), row.tags.get("sensor", "")
        if not all(key) or row.tags.get("cause") == MACHINE:  # that is no fault of the sensor
            continue
        days.setdefault(key, set()).add(row.time_ms // DAY_MS)
        known = sensors.get(key) or BadSensor(*key, (), 0, -1, "")
        detectors = tuple(sorted({*known.detectors, row.tags.get("detector", "")}))
        known = replace(known, detectors=detectors, days=len(days[key]))
        if row.time_ms > known.last_ms:
            known = replace(known, last_ms=row.time_ms, text=str(row.fields.get("text", "")))
        sensors[key] = known
    return sorted(sensors.values(), key=lambda s: (-s.days, -s.last_ms, s.asset, s.sensor))
