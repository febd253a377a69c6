"""Planned stops as points of a store, read back, and those of one plan together."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import msgspec

from models.cases.stops import PlannedStop
from models.errors import UnavailableError
from models.event_time import LATEST_MS
from streams.stores.selection import ASSET, Condition, Selection
from streams.stores.store import Point, Reader, Row, Value

_MEASUREMENT = "planned_stops"
_AT_ONCE = 50_000
_STORED_S, _AGAIN_S = 5.0, 0.1


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan: the stops of its machines, which all begin and end as ``first`` does unless zones differ."""

    stops: tuple[PlannedStop, ...]

    @property
    def first(self) -> PlannedStop:
        """That of the first machine by name, of those that are not cancelled if there are any."""
        return min(self.stops, key=lambda stop: (stop.is_none, stop.asset))

    @property
    def about(self) -> str:
        """The site that was planned for, or the machine."""
        return self.first.site or self.first.asset


def stop_point(stop: PlannedStop) -> Point:
    """Return a planned stop; as it is now takes the place of as it was, since when it was entered stays."""
    fields: dict[str, Value] = {
        "revision": float(stop.cancelled is not None),
        "plan": stop.plan,
        "from_ms": float(stop.from_ms),
        "until_ms": float(stop.until_ms),
        "who": stop.who,
        "text": stop.text,
        "content": msgspec.json.encode(stop).decode(),
    }
    return Point("planned_stops", {"asset": stop.asset}, fields, stop.time_ms)


def stops_of(reader: Reader, asset: str) -> list[PlannedStop]:
    """Return the planned stops of a machine that there ever were, the next, or last, first."""
    found = map(_read, reader.history(_MEASUREMENT, asset, 0, LATEST_MS))
    return sorted(found, key=lambda stop: -stop.from_ms)


def stops_since(
    reader: Reader,
    time_ms: int,
    assets: Collection[str] | None = None,
    plan: str = "",
    at_once: int = _AT_ONCE,
) -> list[PlannedStop]:
    """Return the stops of some machines, or of all, of a plan, that end after a time; the next first.

    All of them: if there are more than ``at_once``, they are asked for again by their number.
    """
    conditions = [Condition("until_ms", ">", float(time_ms))]
    if assets is not None:
        conditions.append(Condition(ASSET, "of", list(assets)))
    if plan:
        conditions.append(Condition("plan", "=", plan))
    wanted = Selection(_MEASUREMENT, "from_ms", tuple(conditions), most=at_once, every=True)
    selected = reader.select(wanted)
    while len(selected.rows) == wanted.most < selected.found:
        # pages one by one could miss what is entered meanwhile
        wanted = replace(wanted, most=selected.found)
        selected = reader.select(wanted)
    return [_read(row) for row in selected.rows]


def by_plan(stops: Iterable[PlannedStop]) -> list[Planned]:
    """Return the plans that stops belong to, that which begins first before the others."""
    of: dict[str, list[PlannedStop]] = defaultdict(list)
    for stop in stops:
        of[stop.plan].append(stop)
    found = [Planned(tuple(sorted(one, key=lambda stop: stop.asset))) for one in of.values()]
    return sorted(found, key=lambda planned: (planned.first.from_ms, planned.about, planned.first.plan))


def await_stops(
    reader: Reader,
    stops: Sequence[PlannedStop],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until a store has a plan's stops as they are, so that who looks next sees them; not for ever."""
    until_s = clock() + _STORED_S
    while stops and clock() < until_s:
        if set(stops) <= set(stops_since(reader, 0, plan=stops[0].plan)):
            return
        sleep(_AGAIN_S)


def _read(row: Row) -> PlannedStop:
    """Return the stop of a row; raises UnavailableError if it cannot be read."""
    try:
        return msgspec.json.decode(str(row.fields.get("content", "")), type=PlannedStop)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise UnavailableError(f"a row of planned stops that cannot be read: {error}") from error
